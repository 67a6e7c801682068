//! The pump's last word is too old to promise anything on.
//!
//! Pre:  READY.
//! Step: the pump is out of reach, or silent, for more than two minutes.
//! Post: no dose is offered; a press brings nothing; READY again with the pump's next word.

use pump_core::{
    audit::event::{Event, LinkLoss},
    therapy::reason::Reason,
};
use pump_tests::{CommandKind, Effect, Point, World};

use crate::words::{is_ready, mins, prepares, secs};

#[test]
fn nothing_is_offered_out_of_reach_nor_on_an_old_word() {
    let mut world = World::ready();
    world.walk_away();
    assert!(!is_ready(&world));
    world.pass(secs(121));
    // proves R-ANS-08
    assert_eq!(world.reasons(), [Reason::OutOfReach, Reason::ReportTooOld]);
    world.hold_dose();
    assert_eq!(prepares(&world), 0);
    world.pass(mins(5));
    // proves R-LNK-16
    assert!(world.screen().heard_min_ago >= Some(7), "the age is told");
    world.come_back();
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_pump_that_falls_silent_loses_the_session_within_its_bound() {
    let mut world = World::ready();
    world.fault(CommandKind::Other, Point::BeforeReceipt, Effect::Drop);
    world.pass(secs(36));
    let silent = |event: &Event| matches!(event, Event::SessionLost { why: LinkLoss::Silent });
    // proves R-LNK-15, R-LNK-19
    assert_eq!(world.recorded(silent), 1, "30 s to the next question, 5 s for its answer");
    world.pass(secs(3));
    assert!(is_ready(&world), "{:?}", world.face());
}
