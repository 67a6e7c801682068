//! The record can't be vouched for, or no pump is paired.
//!
//! Pre:  a remote that would be READY.
//! Step: the newest part of its record doesn't verify at the start, or the background check fails, or there is no bond.
//! Post: no dose is offered, whatever the pump says; a hold leaves nothing.

use pump_core::{
    audit::event::Event,
    remote::{Beginning, Input, Kept, Remote},
    screen::{Face, NotGiven},
    therapy::reason::Reason,
};
use pump_protocol::{message::AuditHead, quantity::Millis};
use pump_tests::{Disk, OURS, World};

use crate::words::{commits, mins, prepares, secs, was_not_given};

fn started_with(bonded: bool, tail_good: bool) -> Face {
    let now = World::ready().now();
    let usual = Beginning::bonded(OURS, Kept::default(), AuditHead::default());
    let beginning = Beginning { bonded, tail_good, ..usual };
    Remote::restore(beginning, now).screen(now).face
}

fn says(face: &Face, reason: Reason) -> bool {
    matches!(face, Face::NotAvailable { reasons } if reasons.contains(&reason))
}

#[test]
fn a_tail_that_does_not_verify_and_a_missing_bond_are_said_at_once() {
    // proves R-ANS-11
    assert!(says(&started_with(true, false), Reason::RecordDamaged));
    // proves R-ANS-14
    assert!(says(&started_with(false, true), Reason::NoBond));
    assert_eq!(started_with(true, true), Face::Checking, "otherwise the pump is asked first");
}

#[test]
fn a_background_check_that_fails_ends_all_offers() {
    let mut world = World::ready();
    let told = |world: &World| world.recorded(|event| matches!(event, Event::RecordCheckFailed));
    world.say(Input::RecordChecked { good: true });
    assert!(crate::words::is_ready(&world));
    assert_eq!(told(&world), 0);
    world.say(Input::RecordChecked { good: false });
    world.say(Input::RecordChecked { good: false });
    assert_eq!(told(&world), 1);
    // proves R-ANS-11
    assert_eq!(world.reasons(), [Reason::RecordDamaged]);
    world.hold_dose();
    assert_eq!((prepares(&world), world.started()), (0, 0));
    world.say(Input::RecordChecked { good: true });
    world.pass(mins(5));
    assert_eq!(world.reasons(), [Reason::RecordDamaged], "a record that was bad once is not good again by itself");
}

#[test]
fn a_check_that_fails_behind_the_hold_keeps_prepare_back_and_one_behind_the_grant_commit() {
    for granted in [false, true] {
        let mut world = World::ready();
        world.latency = Millis::new(200);
        if !granted {
            world.disk = Disk::Hesitates;
        }
        world.hold_dose();
        world.disk = Disk::Hesitates;
        world.pass(secs(1));
        assert_eq!((prepares(&world), commits(&world)), (usize::from(granted), 0));
        world.say(Input::RecordChecked { good: false });
        world.disk = Disk::Works;
        world.disk_catches_up();
        world.pass(secs(3));
        // proves R-ASK-23
        assert_eq!((prepares(&world), commits(&world)), (usize::from(granted), 0));
        assert_eq!(world.face(), Face::NotGiven(NotGiven::Overtaken));
        was_not_given(&world, 1);
    }
}
