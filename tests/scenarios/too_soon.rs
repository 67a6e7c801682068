//! A dose is asked for before the lockout is over.
//!
//! Pre:  one dose was given ten minutes ago.
//! Step: the patient holds the control again.
//! Post: nothing is transmitted; the refusal is on record with its reasons; WAIT says for how long and until when.

use pump_core::{audit::event::Event, screen::Notice, therapy::reason::Reason};
use pump_protocol::quantity::Millis;
use pump_tests::World;

use crate::words::{commits, give_one, is_ready, mins, prepares, wait_of};

#[test]
fn a_press_in_the_lockout_is_refused_with_its_reason_and_transmits_nothing() {
    let mut world = World::ready();
    give_one(&mut world);
    world.pass(mins(6));
    let wait = wait_of(&world);
    assert_eq!(wait.reasons, [Reason::Lockout]);
    let until = wait.until.expect("the clock is known");
    // proves R-ANS-03
    assert!(until.unix_ms >= world.now().wall.expect("known").after(wait.remaining).unix_ms - 1000);
    assert!(!wait.pump_says, "both accounts agree");

    world.hold_dose();

    // proves R-ASK-18
    assert_eq!(world.screen().notice, Some(Notice::Refused));
    let refused = |event: &Event| matches!(event, Event::AttemptRefused { reasons } if reasons.contains(&Reason::Lockout) && reasons.len() == 1);
    // proves R-ASK-07, R-LIM-06
    assert_eq!(world.recorded(refused), 1);
    // proves R-ASK-18
    assert_eq!((prepares(&world), commits(&world), world.started()), (1, 1, 1));
}

#[test]
fn ready_comes_when_the_wait_is_over_and_not_a_second_sooner() {
    let mut world = World::ready();
    give_one(&mut world);
    let wait = wait_of(&world).remaining;
    world.pass(wait.saturating_sub(Millis::from_secs(60)));
    assert!(!is_ready(&world), "a minute before its end");
    world.pass(Millis::from_secs(60));
    world.pass(Millis::from_secs(15));
    assert!(is_ready(&world), "{:?}", world.face());
    give_one(&mut world);
    assert_eq!(world.started(), 2);
}

#[test]
fn no_difference_is_announced_where_there_is_none() {
    let mut world = World::ready();
    give_one(&mut world);
    world.doze(Millis::from_hours(26), Millis::from_secs(20));
    let differ = world.recorded(|event| matches!(event, Event::AccountsDiffer { .. }));
    assert_eq!(differ, 0, "neither after the dose nor near its return");
}
