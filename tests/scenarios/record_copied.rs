//! The record is copied onto a stick.
//!
//! Pre:  READY, WAIT or a running dose; the page for service.
//! Step: one tap; whoever copies says what became of it, or nothing, or too late.
//! Post: the page and the record say it; every wait and every dose is the same.

use pump_core::{
    audit::event::{Event, NotCopied},
    remote::Input,
    screen::{Copying, Face, Intent, Reading, ServiceView, Visit},
};
use pump_protocol::{message::AuditHead, quantity::Millis};
use pump_tests::World;

use crate::words::{give_one, is_ready, mins, secs, wait_of};

const HEAD: AuditHead = AuditHead { count: 42, hash: [0x3C; 32] };

const WHY: [NotCopied; 5] =
    [NotCopied::NoStick, NotCopied::NoRoom, NotCopied::StickFailed, NotCopied::RecordFailed, NotCopied::NoAnswer];

fn copy(world: &mut World) {
    world.say(Input::Intent(Intent::CopyRecord));
}

#[expect(clippy::panic, reason = "another page ends the test here")]
fn view(world: &World) -> ServiceView {
    match world.face() {
        Face::Reading(Reading::Service(view)) => view,
        other => panic!("another page: {other:?}"),
    }
}

/// What the record says of it.
fn told(world: &World) -> (usize, usize) {
    let copied = world.recorded(|event| matches!(event, Event::RecordCopied { .. }));
    (copied, world.recorded(|event| matches!(event, Event::RecordNotCopied { .. })))
}

#[test]
fn a_copy_that_was_read_back_is_on_record_with_where_it_ends() {
    let mut world = World::ready();
    world.visit(Visit::Service);
    let before = view(&world);
    assert_eq!((before.copying, before.head.count), (Copying::Idle, world.record().len() as u64));
    assert_eq!(before.pump.as_ref(), Some(world.pump.serial()));
    world.copies_record = Some(Ok(HEAD));
    copy(&mut world);
    // proves R-REC-11
    assert_eq!((view(&world).copying, told(&world)), (Copying::Copied { head: HEAD }, (1, 0)));
    assert_eq!(world.recorded(|event| *event == Event::RecordCopied { head: HEAD }), 1);
    assert_eq!(view(&world).head.count, before.head.count + 1, "what was copied ends before the line that says so");
    world.visit(Visit::More);
    world.visit(Visit::Service);
    assert_eq!(view(&world).copying, Copying::Idle, "what was seen is not said again");
}

#[test]
fn a_copy_that_is_not_there_is_on_record_with_its_reason() {
    for why in WHY {
        let mut world = World::ready();
        world.visit(Visit::Service);
        world.copies_record = Some(Err(why));
        copy(&mut world);
        // proves R-REC-11
        assert_eq!((view(&world).copying, told(&world)), (Copying::NotCopied(why), (0, 1)));
        assert_eq!(world.recorded(|event| *event == Event::RecordNotCopied { why }), 1);
        world.copies_record = Some(Ok(HEAD));
        copy(&mut world);
        assert_eq!((view(&world).copying, told(&world)), (Copying::Copied { head: HEAD }, (1, 1)), "tried again");
    }
}

#[test]
fn nobody_copies_twice_at_once_nor_from_another_page() {
    let mut world = World::ready();
    for page in [Visit::Patient, Visit::More, Visit::SelfTest, Visit::Clinic, Visit::SetTime] {
        world.visit(page);
        copy(&mut world);
    }
    assert_eq!(world.copies_wanted, 0);
    world.visit(Visit::Service);
    for _ in 0..3 {
        copy(&mut world);
        world.pass(secs(1));
    }
    // proves R-REC-11
    assert_eq!((world.copies_wanted, view(&world).copying), (1, Copying::Asked));
    world.visit(Visit::Patient);
    world.visit(Visit::Service);
    copy(&mut world);
    // proves R-REC-11
    assert_eq!((world.copies_wanted, view(&world).copying), (1, Copying::Asked), "leaving takes nothing back");
}

#[test]
fn an_answer_that_never_comes_is_one_and_one_that_comes_too_late_is_none() {
    let mut world = World::ready();
    world.visit(Visit::Service);
    copy(&mut world);
    world.pass(Millis::new(mins(30).get() - 1));
    assert_eq!((view(&world).copying, told(&world)), (Copying::Asked, (0, 0)));
    world.pass(Millis::new(1));
    // proves R-REC-11
    assert_eq!((view(&world).copying, told(&world)), (Copying::NotCopied(NotCopied::NoAnswer), (0, 1)));
    world.say(Input::RecordCopied(Ok(HEAD)));
    assert_eq!((view(&world).copying, told(&world)), (Copying::NotCopied(NotCopied::NoAnswer), (0, 1)));
}

#[test]
fn who_comes_back_to_the_page_is_told_what_became_of_it_meanwhile() {
    let mut world = World::ready();
    world.visit(Visit::Service);
    copy(&mut world);
    world.visit(Visit::Patient);
    assert!(is_ready(&world));
    world.say(Input::RecordCopied(Ok(HEAD)));
    // proves R-REC-11
    assert_eq!(told(&world), (1, 0));
    world.visit(Visit::Alarms);
    world.visit(Visit::Service);
    assert_eq!(view(&world).copying, Copying::Copied { head: HEAD });
}

#[test]
fn a_program_that_ends_meanwhile_records_that_nobody_said() {
    let mut world = World::ready();
    world.visit(Visit::Service);
    copy(&mut world);
    world.say(Input::Close);
    // proves R-REC-11
    assert_eq!(world.recorded(|event| *event == Event::RecordNotCopied { why: NotCopied::NoAnswer }), 1);
    world.reboot(secs(10));
    world.visit(Visit::Service);
    assert_eq!(view(&world).copying, Copying::Idle);
}

#[test]
fn no_wait_and_no_dose_knows_of_a_copy() {
    // The same night, with nobody who copies.
    let (mut world, mut other) = (World::ready(), World::ready());
    for world in [&mut world, &mut other] {
        give_one(world);
        world.pass(mins(10));
        world.visit(Visit::Service);
    }
    copy(&mut world);
    for world in [&mut world, &mut other] {
        world.visit(Visit::Patient);
        world.pass(secs(90));
    }
    assert_eq!(wait_of(&world).remaining, wait_of(&other).remaining);
    let left = other.pump.report().lockout_remaining.saturating_add(secs(40));
    for world in [&mut world, &mut other] {
        world.pass(left);
    }
    // Beside a copy that goes on, and one that has ended.
    assert!(is_ready(&world) && is_ready(&other), "{:?}", world.reasons());
    give_one(&mut world);
    world.say(Input::RecordCopied(Err(NotCopied::StickFailed)));
    assert_eq!((world.started(), told(&world).1), (2, 1));
}
