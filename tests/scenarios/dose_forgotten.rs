//! The pump has forgotten what became of a request, or contradicts itself.
//!
//! Pre:  COMMIT was sent and never answered.
//! Step: everybody is away until the pump has forgotten the request; or it denies what it had accepted.
//! Post: what its history still tells counts; if that is gone too, ASSUMED GIVEN with a full lockout from now.

use pump_core::{audit::event::Event, screen::Face};
use pump_protocol::{
    message::{Fate, Reply},
    quantity::Millis,
};
use pump_tests::{CommandKind, Effect, Point, World, id};

use crate::words::{is_not_sure, mins, secs, wait_of, was_delivered_once};

fn away_for_eight_days(world: &mut World) {
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    world.doze(Millis::from_hours(8 * 24), mins(20));
    assert!(is_not_sure(world), "time alone settles nothing");
}

#[test]
fn a_request_that_the_pump_forgot_is_told_by_its_history() {
    let mut world = World::ready();
    away_for_eight_days(&mut world);
    world.come_back();
    was_delivered_once(&world, 1);
}

#[test]
fn forgotten_is_not_never_ran() {
    let mut world = World::ready();
    away_for_eight_days(&mut world);
    world.history_is_pushed_out();
    world.come_back();
    // proves R-REQ-09
    assert!(matches!(world.face(), Face::AssumedGiven { .. }), "{:?}", world.face());
    assert_eq!(world.recorded(|event| matches!(event, Event::AssumedGiven { .. })), 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::NotGiven { .. })), 0);
    world.seen();
    // proves R-REQ-09
    assert!(wait_of(&world).remaining > mins(119), "a full lockout from that moment");
}

#[test]
fn a_pump_that_unsays_what_it_accepted_is_not_believed() {
    for fate in [Fate::NeverRan, Fate::Voided, Fate::Denied, Fate::Rejected] {
        let mut world = World::ready();
        world.hold_dose();
        let unsaid = Reply::Fate { id: id(1), fate, watermark: id(1) };
        world.fault(CommandKind::Query, Point::AfterReceipt, Effect::Answer(Box::new(unsaid)));
        world.pass(secs(5));
        assert_eq!(world.recorded(|event| matches!(event, Event::NotGiven { .. })), 0, "{fate:?}");
        world.pass(mins(5));
        let settled = world.recorded(|event| matches!(event, Event::AssumedGiven { .. } | Event::Delivered { .. }));
        assert_eq!((settled, world.remote.request()), (1, None), "{fate:?}");
        world.seen();
        assert!(wait_of(&world).remaining > mins(110), "{fate:?}");
    }
}

/// The pump forgot it meanwhile, and its history, which is read after the first question, tells how it ended.
#[test]
fn a_dose_that_is_known_to_have_started_ends_as_the_history_tells() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(30));
    world.walk_away();
    world.doze(Millis::from_hours(8 * 24), mins(20));
    assert!(is_not_sure(&world));
    world.come_back();
    // proves R-REQ-10
    was_delivered_once(&world, 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::AssumedGiven { .. })), 0);
    assert_eq!(world.differences(), []);
}
