//! The machine waits; it never turns for nothing.
//!
//! Pre:  READY, a dose that goes in, no link, other pages, a disk that is slow or refuses; a clock that stands; an answer that leads nowhere.
//! Step: time passes, and nobody touches anything.
//! Post: it wants to be woken a bounded number of times, each in the future (the world checks both at every turn).

use pump_core::{
    audit::event::Event,
    screen::{Screen, Visit},
};
use pump_protocol::{
    clock::{Now, WallTime},
    history::HistorySeq,
    message::{Denial, HistoryPage, Reply},
    quantity::Millis,
    wire::Bounded,
};
use pump_tests::{CommandKind, Disk, Effect, Point, World, id};

use crate::words::{give_one, mins, secs};

#[test]
fn nothing_turns_for_nothing_at_rest_in_a_dose_or_beside_a_broken_disk() {
    let mut world = World::ready();
    world.pass(mins(3));
    give_one(&mut world);
    world.pass(mins(3));
    world.walk_away();
    world.pass(mins(3));
    world.come_back();
    world.doze(mins(125), secs(20));
    for page in [Visit::Caregiver, Visit::History, Visit::Patient] {
        world.visit(page);
        world.pass(mins(2));
    }
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.pass(mins(1));
    world.disk = Disk::Refuses;
    world.disk_catches_up();
    world.pass(mins(2));
}

#[test]
fn a_clock_that_stands_still_just_before_its_minute_wakes_nobody() {
    let mut world = World::ready();
    let wall = world.now().wall.expect("set");
    world.set_wall(Some(WallTime { unix_ms: wall.unix_ms - wall.unix_ms.rem_euclid(60_000) + 59_980, ..wall }));
    world.wall_stands = true;
    world.pass(mins(3));
}

#[test]
fn a_request_waits_for_its_intent_without_turning_though_an_older_one_was_asked_about() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::BeforeReceipt, Effect::Disconnect);
    world.hold_dose();
    world.pass(secs(5));
    world.seen();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.disk_catches_up();
    world.pass(secs(15));
}

#[test]
fn a_pump_whose_history_leads_nowhere_is_hung_up_on() {
    let mut world = World::ready();
    world.pump_is_honest = false;
    world.other_doses();
    let nowhere = HistoryPage { first: HistorySeq(1), head: HistorySeq(9), entries: Bounded::new() };
    world.fault(CommandKind::Other, Point::AfterReceipt, Effect::Answer(Box::new(Reply::History(nowhere))));
    world.pass(secs(5));
    assert_eq!(crate::words::wait_of(&world).offer.left, 3, "the next session reads what is there");
    // proves R-LNK-03
    assert_eq!(world.recorded(|event| matches!(event, Event::AnswerOutOfPlace)), 1);
}

#[test]
fn a_denial_without_a_reason_is_no_answer() {
    let mut world = World::ready();
    world.pump_is_honest = false;
    let empty = Reply::Denied { id: id(1), denial: Denial::default() };
    world.fault(CommandKind::Prepare, Point::AfterReceipt, Effect::Answer(Box::new(empty)));
    world.hold_dose();
    world.pass(secs(5));
    crate::words::was_not_given(&world, 1);
}

/// Whether the page would change by time alone before the machine wants to be woken. The clock may be a second late.
fn changes_unasked(world: &World) -> Option<Millis> {
    let now = world.now();
    let at = |past: Millis| {
        let wall = now.wall.map(|wall| wall.after(past));
        Screen {
            clock: world.screen().clock,
            ..world.remote.screen(Now { uptime: now.uptime.after(past), wall, ..now })
        }
    };
    let (wanted, _) = world.remote.poll_timeout(now)?;
    let looked_at = (0..wanted.since(now.uptime).get()).step_by(100).map(Millis::new);
    looked_at.take_while(|past| past.get() < 70_000).find(|past| at(*past) != at(Millis::ZERO))
}

#[test]
fn no_page_changes_before_the_machine_wanted_to_be_woken() {
    let mut world = World::ready();
    let watch = |world: &mut World, span: Millis| {
        let end = world.now().uptime.after(span);
        while world.now().uptime < end {
            assert_eq!(
                changes_unasked(world),
                None,
                "{:?} wakes for {:?}",
                world.screen(),
                world.remote.poll_timeout(world.now())
            );
            world.pass(Millis::new(700));
        }
    };
    watch(&mut world, secs(30));
    world.walk_away();
    watch(&mut world, mins(3));
    world.come_back();
    world.hold_dose();
    watch(&mut world, mins(1));
    world.walk_away();
    watch(&mut world, mins(4));
    world.come_back();
    world.seen();
    watch(&mut world, mins(2));
    // Not a caregiver's page, whose minutes follow with the next report.
    world.visit(Visit::Alarms);
    watch(&mut world, mins(1));
}
