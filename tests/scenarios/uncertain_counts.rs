//! A dose that nobody is sure of counts as given, in full, at the latest possible time (Loop #944, Loop #983).
//!
//! Pre:  READY; COMMIT leaves, and the link goes away.
//! Step: nothing is heard for an hour; then the pump says that it never ran, or that it did.
//! Post: meanwhile it counts; afterwards only what the pump said does.

use pump_core::therapy::account::DoseSource;
use pump_protocol::quantity::Millis;
use pump_tests::{CommandKind, Effect, Point, World, id};

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
