//! The same dose is heard of again and again (`OmniBLE` PR 144).
//!
//! Pre:  a dose was given, or stopped with a part in.
//! Step: the remote restarts and the link comes and goes at every moment around its end, so that fate and history tell of it twice.
//! Post: one outcome on record, one dose in the account, and both sides count alike.

use pump_core::audit::event::Event;
use pump_protocol::quantity::Millis;
use pump_tests::{CommandKind, Effect, Point, World};

use crate::words::{mins, secs, wait_of};

fn settled_once(world: &mut World, moment: u64) {
    world.pass(secs(10));
    world.seen();
    let ended = |event: &Event| matches!(event, Event::Delivered { .. } | Event::DeliveredInPart { .. });
    // proves R-REQ-22
    assert_eq!(world.recorded(ended), 1, "moment {moment}");
    assert_eq!((wait_of(world).offer.left, world.pump.report().allotment.used), (3, 1), "moment {moment}");
    let wrong = |event: &Event| matches!(event, Event::DoseUnknownToRecord { .. } | Event::AccountsDiffer { .. });
    assert_eq!(world.recorded(wrong), 0, "moment {moment}");
}

#[test]
fn a_dose_that_is_told_by_fate_and_by_history_counts_once_whenever_the_remote_restarts() {
    for moment in 0..24 {
        let mut world = World::ready();
        world.latency = Millis::new(400);
        world.hold_dose();
        world.pass(Millis::new(236_000 + moment * 250));
        world.crash();
        world.pass(Millis::new(moment * 130));
        world.cut_link();
        settled_once(&mut world, moment);
    }
}

#[test]
fn a_part_that_is_told_twice_is_taken_off_once() {
    for moment in 0..12 {
        let mut world = World::ready();
        world.latency = Millis::new(400);
        world.hold_dose();
        world.pass(secs(60));
        world.hold_stop();
        world.pass(Millis::new(moment * 150));
        world.crash();
        world.pass(Millis::new(moment * 130));
        world.cut_link();
        settled_once(&mut world, moment);
    }
}

#[test]
fn a_dose_whose_whole_life_was_missed_is_told_by_fate_and_is_no_stranger_in_the_history() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    world.pass(mins(10));
    world.come_back();
    settled_once(&mut world, 0);
}
