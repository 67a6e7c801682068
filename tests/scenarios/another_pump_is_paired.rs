//! The pump is replaced, and this remote is paired with the next one.
//!
//! Pre:  doses of the pump before count; a request may be open.
//! Step: the remote is paired with a pump that has run for long, and knows of none of them.
//! Post: allotment and window are as used up as they were, a full lockout begins, and no answer is waited for any more.

use pump_core::{audit::event::Event, remote::Input, screen::Face};
use pump_protocol::{quantity::Millis, wire::Text};
use pump_tests::{CommandKind, Effect, Point, World};
use simulated_pump::{Pump, Setup};

use crate::words::{DOSE, give_one, is_not_sure, is_ready, mins, secs, wait_of};

/// Another pump of the same make and prescription, this long in use.
fn next_pump(in_use: Millis) -> Pump {
    let serial = Text::new("SIM-000043").expect("short");
    let mut pump = Pump::new(Setup { serial, ..Setup::demonstration() });
    pump.advance(in_use);
    pump
}

/// A world that is NOT SURE of a dose for five hours, with nobody in front of the remote.
fn long_not_sure() -> World {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    world.doze(Millis::from_hours(5), secs(30));
    assert!(is_not_sure(&world));
    world
}

#[test]
fn another_pump_brings_no_fresh_allotment_and_a_full_lockout() {
    for in_use in [Millis::ZERO, Millis::from_hours(40)] {
        let mut world = World::ready();
        for _ in 0..2 {
            give_one(&mut world);
            world.doze(mins(130), secs(20));
        }
        assert!(is_ready(&world));
        world.pair_with(next_pump(in_use));
        world.pass(secs(5));
        let wait = wait_of(&world);
        // proves R-LIM-13
        assert_eq!(wait.offer.left, 2, "{in_use}: {wait:?}");
        // proves R-LIM-13
        assert!(wait.remaining > mins(119), "a full lockout from now: {wait:?}");
        let told = |event: &Event| matches!(event, Event::PumpReplaced { doses: 2, .. });
        assert_eq!(world.recorded(told), 1);
        world.hold_dose();
        assert_eq!(world.started(), 0, "nothing of it from the next pump");
        world.doze(mins(123), secs(20));
        let Face::Ready(offer) = world.face() else { panic!("{:?}", world.face()) };
        assert_eq!(offer.left, 2);
    }
}

#[test]
fn the_doses_of_others_are_not_mistaken_for_those_of_the_next_pump() {
    let mut world = World::ready();
    world.other_doses();
    world.doze(mins(130), secs(20));
    world.pair_with(next_pump(mins(5)));
    world.other_doses();
    world.pass(secs(5));
    // proves R-LIM-13
    assert_eq!(wait_of(&world).offer.left, 2, "each pump's first bolus is one of its own");
}

#[test]
fn what_was_not_sure_is_assumed_given_and_counts_from_then() {
    let mut world = long_not_sure();
    world.pair_with(next_pump(Millis::from_hours(40)));
    // proves R-REQ-26
    assert_eq!(world.face(), Face::AssumedGiven { dose: DOSE });
    assert_eq!(world.recorded(|event| matches!(event, Event::AssumedGiven { .. })), 1);
    world.come_back();
    world.seen();
    let wait = wait_of(&world);
    // proves R-REQ-26
    assert!(wait.remaining > mins(119) && wait.offer.left == 3, "{wait:?}");
    world.doze(mins(123), secs(20));
    world.hold_dose();
    assert!(matches!(world.face(), Face::Delivering { .. }), "under an id of its own: {:?}", world.face());
}

#[test]
fn a_remote_that_is_taken_out_of_use_waits_for_no_answer() {
    let mut world = long_not_sure();
    world.say(Input::Decommission);
    // proves R-REQ-28
    assert_eq!(world.face(), Face::AssumedGiven { dose: DOSE });
    assert_eq!(world.recorded(|event| matches!(event, Event::AssumedGiven { .. })), 1);
    assert_eq!(world.recorded(|event| *event == Event::Decommissioned), 1);
    assert_eq!(world.differences(), [], "an answer that nobody waits for is none that was forgotten");
    world.say(Input::Decommission);
    assert_eq!(world.recorded(|event| matches!(event, Event::AssumedGiven { .. })), 1, "nothing is open any more");
    world.come_back();
    world.seen();
    // proves R-REQ-28
    assert!(wait_of(&world).remaining > mins(119), "a full lockout from that moment");
}
