//! The patient presses again, because nothing seems to happen (`AndroidAPS` #830, #1768).
//!
//! Pre:  COMMIT has left, and its answer is lost.
//! Step: the control is held again and again, in doubt and afterwards, while the link comes and goes and the remote restarts.
//! Post: one id was committed, once, and one dose was given; each hold is on record.

use pump_core::audit::event::Event;
use pump_tests::{CommandKind, Effect, Point, World};

use crate::words::{commits, prepares, secs, until_it_is_in, was_delivered_once};

#[test]
fn however_often_it_is_pressed_one_dose_is_given() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    for _ in 0..3 {
        world.hold_dose();
        world.crash();
    }
    world.come_back();
    for _ in 0..3 {
        world.hold_dose();
        world.cut_link();
        world.pass(secs(3));
    }
    until_it_is_in(&mut world);
    was_delivered_once(&world, 1);
    // proves R-REQ-12
    assert_eq!((prepares(&world), commits(&world), world.started()), (1, 1, 1));
    assert_eq!(world.recorded(|event| matches!(event, Event::AttemptRefused { .. })), 6);
}
