//! The pump is reset, stalls or is stopped while a dose goes in.
//!
//! Pre:  a dose is going in.
//! Step: the pump loses its clock, its motor stalls, or somebody stops it.
//! Post: GIVEN IN PART with what the pump knows of the amount; it counts in full; after a reset a full lockout.

use pump_core::{
    audit::event::Event,
    screen::Face,
    therapy::reason::{Inhibiting, Reason},
};
use pump_protocol::{
    history::BolusEnd,
    quantity::{Dose, Millis},
};
use pump_tests::World;

use crate::words::{give_one, is_ready, mins, secs, wait_of};

#[test]
fn a_reset_in_mid_dose_is_given_in_part_with_a_range_and_a_full_lockout() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(63));
    world.pump.reset();
    world.cut_link();
    world.pass(secs(5));
    let Face::GivenInPart { delivered, end: BolusEnd::Reset, .. } = world.face() else { panic!("{:?}", world.face()) };
    // proves R-REQ-14
    assert!(delivered.at_least < delivered.at_most, "{delivered:?}");
    assert!(delivered.at_least >= Dose::from_micrograms(12) && delivered.at_most <= Dose::from_micrograms(15));
    assert_eq!(world.recorded(|event| matches!(event, Event::PumpReset { epoch: 2 })), 1);
    world.seen();
    let wait = wait_of(&world);
    // proves R-CLK-05
    assert!(wait.remaining > mins(119), "{wait:?}");
    assert_eq!(wait.offer.left, 3);
    world.doze(mins(122), secs(20));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn ages_are_carried_over_a_reset_so_a_dose_returns_after_24_hours_and_not_sooner() {
    let mut world = World::ready();
    give_one(&mut world);
    world.doze(Millis::from_hours(10), secs(20));
    world.pump.reset();
    world.cut_link();
    world.doze(Millis::from_hours(13), secs(20));
    let Face::Ready(offer) = world.face() else { panic!("{:?}", world.face()) };
    assert_eq!(offer.left, 3, "23 hours");
    world.doze(Millis::from_hours(1), secs(20));
    let Face::Ready(offer) = world.face() else { panic!("{:?}", world.face()) };
    assert_eq!(offer.left, 4, "24 hours");
}

#[test]
fn a_reset_that_was_long_ago_when_it_is_heard_of_locks_no_longer_than_the_pump_does() {
    let mut world = World::ready();
    world.walk_away();
    world.pump.reset();
    world.doze(mins(100), secs(30));
    world.come_back();
    let (ours, pumps) = (wait_of(&world).remaining, world.pump.report().lockout_remaining);
    assert!(ours >= pumps && ours < pumps.saturating_add(mins(1)), "{ours}, the pump says {pumps}");
    assert_eq!(world.recorded(|event| matches!(event, Event::AccountsDiffer { .. })), 0);
}

#[test]
fn a_stall_in_mid_dose_is_given_in_part_and_no_more_is_offered() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(120));
    world.pump.stall();
    world.pass(secs(3));
    let Face::GivenInPart { delivered, end: BolusEnd::MotorStall, .. } = world.face() else {
        panic!("{:?}", world.face())
    };
    assert_eq!(world.delivered().get(&1), Some(&delivered));
    world.seen();
    let alarms = [Reason::Alarm(Inhibiting::PumpStopped), Reason::Alarm(Inhibiting::MotorStall)];
    // proves R-ANS-04
    assert_eq!(world.reasons()[..2], alarms, "a motor that stands delivers nothing at all");
    world.doze(mins(130), secs(20));
    assert_eq!(world.reasons(), alarms, "time alone mends no motor");
}

#[test]
fn a_stopped_pump_is_said_and_recorded_and_ends_the_dose() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(120));
    world.pump.stop();
    world.pass(secs(3));
    assert!(matches!(world.face(), Face::GivenInPart { end: BolusEnd::PumpStopped, .. }), "{:?}", world.face());
    // proves R-CAR-12
    assert_eq!(world.recorded(|event| matches!(event, Event::DeliveryStopped)), 1);
    world.seen();
    assert_eq!(world.reasons()[0], Reason::Alarm(Inhibiting::PumpStopped));
    world.pump.start();
    world.pass(secs(3));
    // proves R-CAR-12
    assert_eq!(world.recorded(|event| matches!(event, Event::DeliveryStarted)), 1);
    assert!(wait_of(&world).remaining > mins(110), "the part counts in full");
}
