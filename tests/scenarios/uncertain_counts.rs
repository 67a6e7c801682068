//! A dose that nobody is sure of counts as given, in full, at the latest possible time (Loop #944, Loop #983).
//!
//! Pre:  READY; COMMIT leaves, and the link goes away.
//! Step: nothing is heard for an hour; then the pump says that it never ran, or that it did.
//! Post: meanwhile it counts; afterwards only what the pump said does.

use pump_core::{audit::event::Event, therapy::account::DoseSource};
use pump_protocol::{clock::PumpTime, history::HistoryEvent, quantity::Millis};
use pump_tests::{CommandKind, Disk, Effect, Point, World, id};

use crate::words::{is_not_sure, is_ready, mins, wait_of, was_delivered_once, was_not_given};

const OURS: DoseSource = DoseSource::Ours { id: id(1) };

fn away_for_an_hour(point: Point) -> World {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, point, Effect::Disconnect);
    world.hold_dose();
    let pressed = world.now().uptime;
    world.walk_away();
    world.pass(mins(60));
    assert!(is_not_sure(&world));
    let account = &world.kept().account;
    let started = account.started_by(OURS, world.now().boot).expect("it counts, though nobody has said that it ran");
    // proves R-REQ-05
    assert!(started > pressed && started <= pressed.after(Millis::from_secs(10)), "when its grant would have run out");
    world
}

#[test]
fn a_dose_in_doubt_counts_until_the_pump_says_that_it_never_ran() {
    let mut world = away_for_an_hour(Point::BeforeReceipt);
    world.come_back();
    was_not_given(&world, 1);
    assert!(!world.kept().account.counts(OURS));
    world.seen();
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_dose_in_doubt_that_ran_counts_once() {
    let mut world = away_for_an_hour(Point::AfterReceipt);
    world.come_back();
    was_delivered_once(&world, 1);
    world.seen();
    let wait = wait_of(&world);
    assert_eq!((wait.offer.left, world.pump.report().allotment.used), (3, 1));
}

/// What the record says of the latest that the dose can start, and when the pump started it, on the pump's clock.
fn latest_and_true_start(world: &World) -> (PumpTime, PumpTime) {
    let said = world.record().iter().find_map(|happened| match happened.event {
        Event::CommitIntended { latest_start, .. } => Some(latest_start),
        _ => None,
    });
    let started = |event: &HistoryEvent| matches!(event, HistoryEvent::BolusStarted { .. });
    let began = world.pump.history().find_map(|entry| started(&entry.event).then_some(entry.at));
    said.zip(began).expect("it was intended, and it ran")
}

#[test]
fn a_dose_has_started_by_the_latest_that_the_record_of_its_intent_says() {
    // However long HELLO took to be answered: what it said is as old as the question.
    for hello_takes in [Millis::ZERO, Millis::from_secs(4)] {
        let mut world = World::ready();
        world.walk_away();
        world.pass(Millis::from_secs(5));
        world.in_reach = true;
        world.latency = hello_takes;
        while !matches!(world.record().last().map(|last| &last.event), Some(Event::SessionOpened { .. })) {
            world.pass(Millis::new(100));
        }
        world.latency = Millis::ZERO;
        world.disk = Disk::Hesitates;
        world.hold_dose();
        world.disk_catches_up();
        // The intent waits for the disk for nearly as long as the grant lives.
        world.pass(Millis::from_secs(9));
        world.disk = Disk::Works;
        world.disk_catches_up();
        world.pass(Millis::from_secs(1));
        let (said, began) = latest_and_true_start(&world);
        // proves R-REQ-05
        assert!(said.epoch == began.epoch && said.since_epoch >= began.since_epoch, "{began:?}, by {said:?} it said");
        let late = said.since_epoch.saturating_sub(began.since_epoch);
        assert!(late < Millis::from_secs(8), "{began:?}, by {said:?} it said");
    }
}
