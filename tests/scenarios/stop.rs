//! Stop is always possible and always ends in the true amount.
//!
//! Pre:  a dose was committed.
//! Step: the patient holds Stop, once or twice, in reach or out of it, in time or too late.
//! Post: what went in is what is told; out of reach it says NOT STOPPED YET, and is sent again by id.

use pump_core::{
    audit::event::{Event, NothingBecause},
    remote::Input,
    screen::{Control, Face, Intent, Level, NotGiven, Source, Stop, Visit},
};
use pump_protocol::{
    history::{BolusEnd, Delivered},
    quantity::{Dose, Millis},
};
use pump_tests::{CommandKind, Disk, Effect, Point, World};

use crate::words::{DOSE, cancels, is_not_sure, secs, until_it_is_in, was_delivered_once, was_not_given};

/// The record and the pump's history tell the same part of the dose.
fn the_told_part_is_the_pumps(world: &World, id: u64) -> Delivered {
    let pumps = *world.delivered().get(&id).expect("it ended");
    let told = world.record().iter().find_map(|happened| match happened.event {
        Event::DeliveredInPart { id: told, delivered, end: BolusEnd::Cancelled, .. } if told.0 == id => Some(delivered),
        _ => None,
    });
    // proves R-REQ-14, R-REQ-17
    assert_eq!(told, Some(pumps));
    pumps
}

#[test]
fn a_dose_is_stopped_and_the_part_that_went_in_is_told() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(60));
    world.hold_stop();
    let part = the_told_part_is_the_pumps(&world, 1);
    assert!(part.at_least > Dose::from_micrograms(12) && part.at_most < Dose::from_micrograms(14), "{part:?}");
    assert_eq!(world.face(), Face::GivenInPart { dose: DOSE, delivered: part, end: BolusEnd::Cancelled });
    world.seen();
    // proves R-LIM-07
    assert!(matches!(world.face(), Face::Wait(_)), "a part counts in full: {:?}", world.face());
}

#[test]
fn three_questions_at_most_wait_for_an_answer_however_often_stop_is_pressed() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(30));
    world.latency = Millis::new(4_900);
    for _ in 0..4 {
        world.hold_stop();
    }
    // proves R-REQ-15
    assert_eq!(cancels(&world), 3);
    world.pass(secs(6));
    the_told_part_is_the_pumps(&world, 1);
}

#[test]
fn stop_can_be_pressed_twice() {
    let mut world = World::ready();
    world.latency = Millis::new(2_000);
    world.hold_dose();
    world.pass(secs(30));
    world.hold_stop();
    world.hold_stop();
    // proves R-REQ-15
    assert_eq!(cancels(&world), 2, "each press is sent");
    world.pass(secs(5));
    the_told_part_is_the_pumps(&world, 1);
    // proves R-REC-01
    assert_eq!(world.recorded(|event| matches!(event, Event::StopAsked { reachable: true, .. })), 2);
}

#[test]
fn out_of_reach_it_says_not_stopped_yet_and_is_sent_by_id_when_the_link_is_back() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(30));
    world.walk_away();
    world.hold_stop();
    assert!(matches!(world.face(), Face::Delivering { stop: Stop::NotStoppedYet, .. }), "{:?}", world.face());
    world.pass(secs(20));
    // proves R-REQ-16
    assert!(matches!(world.face(), Face::NotSure { stop: Stop::NotStoppedYet, .. }), "{:?}", world.face());
    assert_eq!(cancels(&world), 0);
    world.come_back();
    // proves R-REQ-16
    assert_eq!(cancels(&world), 1);
    the_told_part_is_the_pumps(&world, 1);
}

#[test]
fn a_stop_outlives_a_restart() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(30));
    world.walk_away();
    world.hold_stop();
    world.crash();
    world.pass(secs(10));
    // proves R-REQ-16
    assert!(matches!(world.face(), Face::NotSure { stop: Stop::NotStoppedYet, .. }), "{:?}", world.face());
    world.come_back();
    the_told_part_is_the_pumps(&world, 1);
}

#[test]
fn stop_needs_no_record() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(30));
    world.disk = Disk::Refuses;
    world.hold_stop();
    // proves R-REQ-15
    assert_eq!(cancels(&world), 1);
    assert!(matches!(world.face(), Face::GivenInPart { .. }), "{:?}", world.face());
    world.disk = Disk::Works;
    world.pass(secs(6));
    the_told_part_is_the_pumps(&world, 1);
}

#[test]
fn a_stop_that_loses_to_completion_shows_the_whole_dose() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(239));
    world.walk_away();
    world.hold_stop();
    world.pass(secs(5));
    world.come_back();
    // proves R-REQ-17
    assert!(matches!(world.face(), Face::Given { dose: DOSE, .. }), "{:?}", world.face());
    was_delivered_once(&world, 1);
}

#[test]
fn a_commit_that_was_lost_is_stopped_before_anything_went_in() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::BeforeReceipt, Effect::Drop);
    world.hold_dose();
    // proves R-REQ-15
    assert!(matches!(world.face(), Face::Asking { stop: Some(Stop::Offered), .. }), "{:?}", world.face());
    world.hold_stop();
    world.pass(secs(10));
    assert_eq!(world.face(), Face::NotGiven(NotGiven::StoppedInTime));
    was_not_given(&world, 1);
}

#[test]
fn a_bolus_stopped_before_its_first_drop_is_not_given_and_known_to_the_record() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.disk_catches_up();
    let stop = |world: &mut World, level| {
        world.say(Input::Intent(Intent::Touch { control: Control::Stop, level, source: Source::Touchscreen }));
    };
    stop(&mut world, Level::Pressed);
    for _ in 0..4 {
        world.pass(Millis::new(100));
        stop(&mut world, Level::Pressed);
    }
    world.pass(Millis::new(100));
    world.disk = Disk::Works;
    world.disk_catches_up();
    assert_eq!(world.started(), 1, "COMMIT left at this very moment");
    stop(&mut world, Level::Pressed);
    world.pass(secs(3));

    assert_eq!(world.delivered().get(&1), Some(&Delivered::exactly(Dose::ZERO)));
    let stopped = |event: &Event| matches!(event, Event::NotGiven { why: NothingBecause::StoppedInTime, .. });
    assert_eq!(world.recorded(stopped), 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseUnknownToRecord { .. })), 0, "it is known very well");
    assert_eq!(world.face(), Face::NotGiven(NotGiven::StoppedInTime));
    world.seen();
    // proves R-LIM-07
    assert!(matches!(world.face(), Face::Ready(_)), "it doesn't count: {:?}", world.face());
}

#[test]
fn a_bolus_that_ended_before_its_first_drop_unheard_is_not_given_and_known_to_the_record() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.disk_catches_up();
    world.disk = Disk::Works;
    world.disk_catches_up();
    assert_eq!(world.started(), 1, "COMMIT left at this very moment");
    world.pump.stop();
    world.pass(secs(5));

    assert_eq!(world.delivered().get(&1), Some(&Delivered::exactly(Dose::ZERO)));
    // proves R-REQ-17
    assert_eq!(world.recorded(|event| matches!(event, Event::NotGiven { .. })), 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseUnknownToRecord { .. })), 0, "it was asked for here");
    // proves R-REQ-18
    assert_eq!(world.face(), Face::NotGiven(NotGiven::BolusEnded(BolusEnd::PumpStopped)), "nobody stopped it here");
}

#[test]
fn a_stop_on_the_not_sure_page_is_sent_as_soon_as_there_is_a_link() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    world.pass(secs(5));
    assert!(is_not_sure(&world));
    world.hold_stop();
    world.come_back();
    the_told_part_is_the_pumps(&world, 1);
    until_it_is_in(&mut world);
    assert_eq!(world.started(), 1);
}

#[test]
fn the_emergency_page_has_stop_while_a_dose_could_run_and_only_then() {
    let mut world = World::ready();
    world.visit(Visit::Emergency);
    assert!(matches!(world.face(), Face::Emergency { stop: None, .. }), "{:?}", world.face());
    world.visit(Visit::Patient);
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.visit(Visit::Emergency);
    assert!(matches!(world.face(), Face::Emergency { stop: None, .. }), "nothing has left: {:?}", world.face());
    world.disk = Disk::Works;
    world.disk_catches_up();
    world.pass(secs(60));
    // proves R-DSP-13
    assert!(matches!(world.face(), Face::Emergency { stop: Some(Stop::Offered), .. }), "{:?}", world.face());
    world.hold_stop();
    the_told_part_is_the_pumps(&world, 1);
    assert!(matches!(world.face(), Face::Emergency { stop: None, .. }), "{:?}", world.face());
}
