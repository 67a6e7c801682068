//! The record can't be written.
//!
//! Pre:  READY, or a grant is held.
//! Step: the disk refuses.
//! Post: nothing leaves; the reason is shown; when the disk works again so does the remote, and a loss is on record.

use pump_core::{audit::event::Event, screen::Face, therapy::reason::Reason};
use pump_tests::{Disk, World};

use crate::words::{commits, is_ready, prepares, secs, was_not_given};

#[test]
fn a_request_that_cannot_be_recorded_never_leaves() {
    let mut world = World::ready();
    world.disk = Disk::Refuses;
    world.hold_dose();
    assert!(matches!(world.face(), Face::NotGiven(_)), "{:?}", world.face());
    world.seen();
    // proves R-ANS-10
    assert_eq!(world.reasons()[0], Reason::RecordNotWritable);
    world.pass(secs(60));
    assert_eq!((prepares(&world), world.started()), (0, 0));
    world.disk = Disk::Works;
    world.pass(secs(6));
    was_not_given(&world, 1);
    assert!(is_ready(&world), "{:?}", world.face());
    // proves R-ASK-12
    assert_eq!(prepares(&world), 0, "the machine never asks again by itself");
}

#[test]
fn an_intent_that_cannot_be_recorded_is_never_committed() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.disk_catches_up();
    world.disk_gives_up();
    assert!(matches!(world.face(), Face::NotGiven(_)), "{:?}", world.face());
    world.pass(secs(10));
    assert_eq!((prepares(&world), commits(&world), world.started()), (1, 0, 0));
    was_not_given(&world, 1);
}

#[test]
fn what_did_not_fit_is_counted_and_the_loss_is_on_record() {
    let mut world = World::ready();
    let before = world.record().len();
    world.disk = Disk::Refuses;
    for _ in 0..100 {
        world.cut_link();
        world.pass(secs(2));
    }
    assert_eq!(world.record().len(), before);
    world.disk = Disk::Works;
    world.pass(secs(6));
    let losses: Vec<u32> = world
        .record()
        .iter()
        .filter_map(|happened| match happened.event {
            Event::RecordsLost { count } => Some(count),
            _ => None,
        })
        .collect();
    // proves R-REC-06
    assert_eq!(losses.len(), 1, "one loss record for one loss, however long it lasted: {losses:?}");
    let sessions = 2 * 100;
    let kept = world.record().len() - before;
    // proves R-DEV-03
    assert!(kept + losses[0] as usize > sessions && kept < 140, "{kept} kept, {losses:?} lost");
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_card_that_answers_nothing_is_no_card() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.cut_link();
    world.pass(secs(60));
    assert!(!is_ready(&world), "a press would lapse before its record is there");
    // proves R-ANS-10
    assert_eq!(world.reasons(), [Reason::RecordNotWritable]);
    world.disk = Disk::Works;
    world.disk_catches_up();
    world.pass(secs(6));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_record_that_stands_where_the_pump_was_told_has_not_gone_back() {
    let mut world = World::ready();
    world.disk = Disk::Refuses;
    for _ in 0..2 {
        world.cut_link();
        world.pass(secs(3));
    }
    world.disk = Disk::Works;
    world.pass(secs(6));
    assert_eq!(world.recorded(|event| matches!(event, Event::SessionOpened { .. })), 3);
    assert_eq!(world.recorded(|event| matches!(event, Event::RecordWentBack { .. })), 0);
}
