//! One more dose would take the reservoir below its low threshold (OPCA EC20, R6.8.0).
//!
//! Pre:  the reservoir holds less than one dose above the threshold; the pump has raised no alert yet.
//! Step: the patient holds the control; later the clinic refills.
//! Post: no dose is offered and nothing leaves, basal goes on; after the refill READY, and the refill is on record. Where the
//!       remote can't know it yet, the pump computes it anew and denies (GIP 1.5.1).

use pump_core::{
    audit::event::Event,
    screen::{Face, NotGiven},
    therapy::reason::Reason,
};
use pump_protocol::{
    message::DenyReason,
    quantity::{Concentration, Volume},
    report::Delivery,
};
use pump_tests::{Disk, World};
use simulated_pump::Setup;

use crate::words::{is_ready, prepares, secs};

const LIQUID: Concentration = Concentration::from_micrograms_per_millilitre(2000);

#[test]
fn a_dose_that_would_take_it_low_is_not_offered_and_basal_goes_on() {
    let mut setup = Setup::demonstration();
    setup.reservoir = Volume::from_microlitres(2_020);
    let mut world = World::with(setup);
    world.pass(secs(7));
    // proves R-ANS-07
    assert_eq!(world.reasons(), [Reason::LowReservoir], "50 mcg are 25 uL, and 20 uL are there");
    assert!(world.pump.report().annunciations.is_empty(), "it is not low yet");
    world.hold_dose();
    assert_eq!((prepares(&world), world.started()), (0, 0));
    // proves R-PMP-15
    assert!(matches!(world.pump.report().delivery, Delivery::Delivering { .. }));

    world.pump.refill(Volume::from_microlitres(20_000), LIQUID).expect("fits");
    world.chronicle.observe(&world.pump);
    world.pass(secs(5));
    world.seen();
    assert!(is_ready(&world), "{:?}", world.face());
    // proves R-REC-19
    assert_eq!(world.recorded(|event| matches!(event, Event::Refilled { .. })), 1);
}

#[test]
fn a_level_that_basal_took_below_since_the_last_report_is_found_by_the_pump() {
    let mut setup = Setup::demonstration();
    setup.reservoir = Volume::from_nanolitres(2_025_010);
    let mut world = World::with(setup);
    world.pass(secs(2));
    assert!(is_ready(&world), "10 nL are 20 s of basal: {:?}", world.face());
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.pass(secs(25));
    world.disk = Disk::Works;
    world.disk_catches_up();
    let denied =
        |face: &Face| matches!(face, Face::NotGiven(NotGiven::Denied { reason: DenyReason::LowReservoir, .. }));
    // proves R-PMP-15
    assert!(denied(&world.face()), "{:?}", world.face());
    assert_eq!(world.started(), 0);
}
