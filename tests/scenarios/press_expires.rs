//! A press is the patient's wish for 30 s.
//!
//! Pre:  READY.
//! Step: the patient holds the control; the record can't be written for longer than that.
//! Post: NOT GIVEN; the pump is never asked, not even when the disk works again.

use pump_core::{
    audit::event::{Event, NothingBecause},
    screen::{Face, NotGiven},
};
use pump_protocol::{
    message::{Nonce, Reply},
    quantity::Millis,
};
use pump_tests::{CommandKind, Disk, Effect, Point, World, id};

use crate::words::{DOSE, commits, is_ready, prepares, secs, was_not_given};

#[test]
fn a_press_that_waited_30_seconds_is_not_asked_any_more() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.pass(secs(29));
    assert!(matches!(world.face(), Face::Asking { stop: None, .. }), "{:?}", world.face());
    world.pass(secs(2));
    assert_eq!(world.face(), Face::NotGiven(NotGiven::Expired));
    world.disk = Disk::Works;
    world.disk_catches_up();
    world.pass(secs(3));
    // proves R-ASK-11
    assert_eq!((prepares(&world), world.started()), (0, 0));
    was_not_given(&world, 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::NotGiven { why: NothingBecause::Expired, .. })), 1);
    world.seen();
    assert!(is_ready(&world));
}

#[test]
fn a_grant_that_ran_out_is_not_committed() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.disk_catches_up();
    world.pass(secs(11));
    assert_eq!(world.face(), Face::NotGiven(NotGiven::Expired), "10 s is how long a grant lives");
    world.disk = Disk::Works;
    world.disk_catches_up();
    world.pass(secs(3));
    // proves R-REQ-03
    assert_eq!((prepares(&world), commits(&world)), (1, 0));
    was_not_given(&world, 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::CommitWithheld { .. })), 1);
}

#[test]
fn a_grant_that_has_lived_when_it_comes_is_none() {
    let mut world = World::ready();
    let dead = Reply::Granted { id: id(1), nonce: Nonce([5; 16]), dose: DOSE, life: Millis::ZERO };
    world.fault(CommandKind::Prepare, Point::AfterReceipt, Effect::Answer(Box::new(dead)));
    world.hold_dose();
    assert_eq!(world.face(), Face::NotGiven(NotGiven::Expired));
    // proves R-REQ-03
    assert_eq!(world.recorded(|event| matches!(event, Event::CommitIntended { .. })), 0);
    assert_eq!(commits(&world), 0);
}

#[test]
fn what_the_disk_stores_behind_a_suspend_lets_nothing_leave_that_is_too_old() {
    // The request's record, and that of its intent.
    for (stored, gone) in [(0, secs(31)), (1, secs(11))] {
        let mut world = World::ready();
        world.disk = Disk::Hesitates;
        world.hold_dose();
        (0..stored).for_each(|_| world.disk_catches_up());
        world.suspend(gone);
        world.disk = Disk::Works;
        // The first that the machine hears after it: no timeout has been looked at.
        world.disk_catches_up();
        // proves R-ASK-11, R-REQ-03
        assert_eq!((prepares(&world), commits(&world)), (stored, 0));
        assert_eq!(world.face(), Face::NotGiven(NotGiven::Expired));
        world.pass(secs(10));
        was_not_given(&world, 1);
    }
}
