//! Somebody wakes the remote.
//!
//! Pre:  the last word of the pump is long ago.
//! Step: the remote wakes, with the pump near, or away.
//! Post: CHECKING for at most 5 s; then READY, or what is missing.

use pump_core::{
    remote::Input,
    screen::{Face, Intent},
    therapy::reason::Reason,
};
use pump_protocol::message::Command;
use pump_tests::{CommandKind, Effect, Point, World};

use crate::words::{is_ready, mins, secs};

#[test]
fn awake_and_out_of_reach_it_checks_for_five_seconds_and_then_says_what_is_missing() {
    let mut world = World::ready();
    world.walk_away();
    world.pass(mins(10));
    world.say(Input::Intent(Intent::Wake));
    assert_eq!(world.face(), Face::Checking);
    world.pass(secs(4));
    assert_eq!(world.face(), Face::Checking);
    world.pass(secs(1));
    // proves R-ANS-02, R-ANS-08
    assert_eq!(world.reasons(), [Reason::OutOfReach, Reason::ReportTooOld]);
}

#[test]
fn awake_and_near_it_asks_at_once() {
    let mut world = World::ready();
    world.pass(secs(7));
    let asked = |world: &World| world.transmitted(|sent| matches!(sent, Command::ReadReport));
    let before = asked(&world);
    world.say(Input::Intent(Intent::Wake));
    assert_eq!(asked(&world), before + 1);
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_pump_that_can_be_reached_and_says_nothing_is_not_checked_for_ever() {
    let mut world = World::ready();
    (0..20).for_each(|_| world.fault(CommandKind::Hello, Point::BeforeReceipt, Effect::Drop));
    world.cut_link();
    world.pass(secs(12));
    for _ in 0..30 {
        world.pass(secs(1));
        // proves R-ANS-02
        assert!(!matches!(world.face(), Face::Checking), "{:?}", world.face());
    }
}
