//! The pump has an alarm (GIP 1.4.11, OPCA R5.2.0(6)).
//!
//! Pre:  READY.
//! Step: each alarm of the explicit list in turn; then each alert that is none of them.
//! Post: under an alarm no dose is offered and nothing leaves; an alert is only shown.

use pump_core::{
    annunciation::AlarmCondition,
    therapy::reason::{Inhibiting, Reason},
};
use pump_protocol::quantity::{Concentration, Volume};
use pump_tests::World;
use simulated_pump::Pump;

use crate::words::{alarms, is_ready, prepares, secs};

type Happening = fn(&mut Pump);

fn ready_then(happens: Happening) -> World {
    let mut world = World::ready();
    happens(&mut world.pump);
    world.chronicle.observe(&world.pump);
    world.pass(secs(3));
    world
}

fn fill_with(pump: &mut Pump, microlitres: u32) {
    let liquid = Concentration::from_micrograms_per_millilitre(2000);
    pump.refill(Volume::from_microlitres(microlitres), liquid).expect("fits");
}

#[test]
fn every_alarm_of_the_list_keeps_a_dose_from_being_offered() {
    let alarms: [(Inhibiting, Happening); 6] = [
        (Inhibiting::PumpStopped, Pump::stop),
        (Inhibiting::MotorStall, Pump::stall),
        (Inhibiting::EmptyReservoir, |pump| fill_with(pump, 1_000)),
        (Inhibiting::Eos, Pump::eos),
        (Inhibiting::MemoryError, Pump::memory_error),
        (Inhibiting::OcclusionSuspected, |pump| pump.occlusion(true)),
    ];
    for (alarm, happens) in alarms {
        let mut world = ready_then(happens);
        world.seen();
        // proves R-ANS-06
        assert!(world.reasons().contains(&Reason::Alarm(alarm)), "{alarm:?}: {:?}", world.face());
        world.hold_dose();
        // proves R-ANS-06
        assert_eq!((prepares(&world), world.started()), (0, 0), "{alarm:?}");
    }
}

#[test]
fn an_alert_that_is_no_alarm_is_shown_and_keeps_no_dose_away() {
    let mut world = ready_then(Pump::eri);
    assert!(is_ready(&world), "{:?}", world.face());
    // proves R-ALM-01
    assert_eq!(alarms(&world), [AlarmCondition::Eri]);
    world.hold_dose();
    assert_eq!((prepares(&world), world.started()), (1, 1), "nor does the pump deny one");
}
