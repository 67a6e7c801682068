//! Two remotes, one pump.
//!
//! Pre:  both could ask.
//! Step: the other holds a grant, or gives a dose, while ours asks.
//! Post: one live grant in the whole pump; the other's dose counts here, and is listed as not asked for here.

use pump_core::{audit::event::Event, screen::Face, therapy::reason::Reason};
use pump_protocol::message::{Command, Reply};
use pump_tests::{Disk, World};

use crate::words::{commits, is_ready, mins, secs, wait_of};

#[test]
fn one_of_two_grants_lives_and_one_dose_is_given() {
    let mut world = World::ready();
    let Reply::Granted { id, nonce, .. } = world.other_prepares() else { panic!("not granted") };
    world.hold_dose();
    assert!(matches!(world.face(), Face::NotGiven(_)), "{:?}", world.face());
    assert_eq!(commits(&world), 0);
    let prescription = world.pump.prescription().hash();
    let answer = world.other_says(&Command::Commit { id, nonce, prescription });
    assert!(matches!(answer, Reply::Accepted { .. }), "{answer:?}");
    // proves R-PMP-02
    assert_eq!(world.chronicle.boluses().len(), 1);
    world.pass(secs(3));
    world.seen();
    assert_eq!(wait_of(&world).offer.left, 3, "the other's dose counts here");
}

#[test]
fn our_grant_keeps_the_other_out() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.disk_catches_up();
    assert!(matches!(world.other_prepares(), Reply::Denied { .. }));
    world.disk = Disk::Works;
    world.disk_catches_up();
    assert!(matches!(world.face(), Face::Delivering { .. }), "{:?}", world.face());
    assert_eq!(world.chronicle.boluses().len(), 1);
}

#[test]
fn a_dose_of_the_other_is_heard_of_at_once_and_locks_ours() {
    let mut world = World::ready();
    assert!(matches!(world.other_doses(), Reply::Accepted { .. }));
    world.pass(secs(2));
    let wait = wait_of(&world);
    // proves R-LIM-08
    assert!(wait.remaining > mins(119) && wait.offer.left == 3, "{wait:?}");
    assert!(wait.reasons.contains(&Reason::Lockout));
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseOfOthers { .. })), 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::AccountsDiffer { .. })), 0, "heard in time is no dispute");
    world.doze(mins(121), secs(20));
    assert!(is_ready(&world), "{:?}", world.face());
}
