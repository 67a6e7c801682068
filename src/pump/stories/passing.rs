//! Time passes, and what it does to the pump.

use proptest::prelude::*;
use pump_protocol::{
    clock::CivilTime,
    history::{BolusEnd, Delivered, HistoryEvent},
    message::{Command, Fate},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    report::{AnnunciationKind, AnnunciationState, Delivery},
};

use super::{Bench, Happening, PATIENT, bench, mcg};

const LIQUID: Concentration = Concentration::from_micrograms_per_millilitre(2000);

fn kinds(bench: &Bench) -> Vec<AnnunciationKind> {
    bench.pump.report().annunciations.iter().map(|annunciation| annunciation.kind).collect()
}

/// A pump in which much is about to happen: a bolus runs, an alert is snoozed, the reservoir is nearly low.
fn eventful() -> Bench {
    let mut bench = bench();
    bench.pump.refill(Volume::from_microlitres(2_035), LIQUID).expect("fits");
    bench.pump.eri();
    let annunciation = bench.pump.report().annunciations[0].id;
    bench.say(PATIENT, &Command::Acknowledge { annunciation, confirm: false });
    bench.dose(1);
    bench.pump.persisted();
    bench
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_long_step_ends_where_many_short_ones_do(steps in prop::collection::vec(0_u64..90_000_000, 1..24)) {
        let (mut long, mut short) = (eventful(), eventful());
        for step in &steps {
            short.pass(Millis::new(*step));
        }
        long.pass(Millis::new(steps.iter().sum()));
        prop_assert_eq!(long, short);
    }
}

#[test]
fn every_millisecond_counts_the_same_as_a_minute() {
    let (mut long, mut short) = (eventful(), eventful());
    for _ in 0..300_000 {
        short.pass(Millis::new(1));
    }
    long.pass(Millis::from_mins(5));
    assert_eq!(long, short);
}

#[test]
fn no_length_of_time_is_too_long() {
    let mut bench = eventful();
    bench.pass(Millis::MAX);
    bench.pass(Millis::MAX);
    assert!(kinds(&bench).contains(&AnnunciationKind::EmptyReservoir));
}

#[test]
fn a_day_takes_exactly_its_basal_out_of_the_reservoir() {
    let mut bench = bench();
    bench.pass(Millis::from_hours(24));
    assert_eq!(bench.pump.reservoir(), Volume::from_nanolitres(18_200_000 - 49_100), "98.2 mcg at 2 mg/mL");
    bench.dose(1);
    bench.pass(Millis::from_mins(4));
    let basal = 3_500 * 4 / 60 / 2;
    let left = 18_200_000 - 49_100 - 25_000 - basal - 1;
    assert_eq!(bench.pump.reservoir(), Volume::from_nanolitres(left), "rounded down, never up");
}

#[test]
fn the_basal_rate_follows_the_civil_clock() {
    let mut bench = bench();
    let rate = |bench: &Bench| match bench.pump.report().delivery {
        Delivery::Delivering { rate } => rate,
        Delivery::Stopped { since } => unreachable!("stopped since {since}"),
    };
    assert_eq!(rate(&bench), BasalRate::from_nanograms_per_hour(3_500), "nine in the morning");
    bench.pass(Millis::from_hours(11));
    assert_eq!(rate(&bench), BasalRate::from_nanograms_per_hour(4_800), "eight in the evening");
    // proves R-PMP-19
    bench.pump.set_civil(CivilTime::default());
    assert_eq!(rate(&bench), BasalRate::from_nanograms_per_hour(5_000));
}

#[test]
fn a_low_reservoir_is_announced_once_and_an_empty_one_ends_everything() {
    let mut bench = bench();
    bench.pump.refill(Volume::from_microlitres(2_025), LIQUID).expect("fits");
    let bolus = bench.dose(1);
    bench.pass(Millis::from_mins(5));
    assert_eq!(kinds(&bench), [AnnunciationKind::LowReservoir]);
    assert_eq!(bench.fate(PATIENT, 1), Fate::Done { bolus }, "low is no reason to break a dose off");
    bench.pass(Millis::from_hours(24 * 30));
    // proves R-PMP-16
    assert_eq!(kinds(&bench), [AnnunciationKind::LowReservoir, AnnunciationKind::EmptyReservoir]);
    assert!(matches!(bench.pump.report().delivery, Delivery::Stopped { .. }));
    let left = bench.pump.reservoir();
    bench.pass(Millis::from_hours(24));
    assert_eq!(bench.pump.reservoir(), left, "nothing leaves an empty reservoir");
    assert!(left > Volume::from_nanolitres(999_000) && left <= Volume::from_microlitres(1_000), "{left:?}");
    bench.pump.refill(Volume::from_microlitres(20_000), LIQUID).expect("fits");
    assert!(kinds(&bench).is_empty());
    bench.dose(2);
}

#[test]
fn an_empty_reservoir_ends_a_bolus_with_what_went_in() {
    let mut bench = bench();
    bench.pump.refill(Volume::from_microlitres(1_100), LIQUID).expect("fits");
    bench.pump.clinician_bolus(mcg(200)).expect("there is just enough for the bolus, not for the basal beside it");
    bench.pass(Millis::from_mins(4));
    let newest = bench.pump.history().next_back().map(|entry| entry.event);
    let Some(HistoryEvent::BolusEnded { delivered, end: BolusEnd::EmptyReservoir, .. }) = newest else {
        unreachable!("{newest:?}")
    };
    assert!(delivered.at_least > mcg(199) && delivered.at_most < mcg(200), "{delivered:?}");
}

#[test]
fn a_bolus_ends_with_the_reason_that_ended_it() {
    let ends: [(Happening, BolusEnd); 6] = [
        (|bench| bench.pump.stop(), BolusEnd::PumpStopped),
        (|bench| bench.pump.stall(), BolusEnd::MotorStall),
        (|bench| bench.pump.occlusion(true), BolusEnd::Alarm),
        (|bench| bench.pump.memory_error(), BolusEnd::Alarm),
        (|bench| bench.pump.eos(), BolusEnd::Alarm),
        (|bench| _ = bench.cancel(1), BolusEnd::Cancelled),
    ];
    for (happens, end) in ends {
        let mut bench = bench();
        let bolus = bench.dose(1);
        bench.pass(Millis::from_mins(2));
        happens(&mut bench);
        let delivered = Delivered::exactly(mcg(25));
        // proves R-PMP-14
        assert_eq!(bench.fate(PATIENT, 1), Fate::Stopped { bolus, delivered, end });
    }
}

#[test]
fn a_reset_in_mid_bolus_leaves_a_range_and_nothing_is_resumed() {
    let mut bench = bench();
    let bolus = bench.dose(1);
    bench.pass(Millis::from_secs(127));
    bench.pump.reset();
    bench.greet(PATIENT);
    let delivered = Delivered { at_least: mcg(25), at_most: Dose::from_nanograms(27_084) };
    let stopped = Fate::Stopped { bolus, delivered, end: BolusEnd::Reset };
    assert_eq!(bench.fate(PATIENT, 1), stopped, "26.458 mcg went in");
    bench.pass(Millis::from_hours(3));
    // proves R-PMP-12
    assert_eq!(bench.fate(PATIENT, 1), stopped);
    assert_eq!(bench.pump.time().epoch, 2);
    let entries: Vec<HistoryEvent> = bench.pump.history().map(|entry| entry.event).collect();
    assert!(matches!(entries[1..], [HistoryEvent::Reset, HistoryEvent::BolusEnded { end: BolusEnd::Reset, .. }]));
}

#[test]
fn a_reset_as_the_bolus_begins_is_no_proof_of_zero() {
    let mut bench = bench();
    bench.dose(1);
    bench.pump.reset();
    assert_eq!(bench.pump.report().allotment.used, 1);
}

#[test]
fn what_a_remote_confirms_goes_when_its_cause_is_gone() {
    let mut bench = bench();
    bench.pump.stall();
    let annunciation = bench.pump.report().annunciations[0].id;
    bench.pump.unstall();
    assert_eq!(kinds(&bench), [AnnunciationKind::MotorStall], "nobody has seen it yet");
    assert!(matches!(bench.pump.report().delivery, Delivery::Delivering { .. }), "but the motor turns");
    bench.say(PATIENT, &Command::Acknowledge { annunciation, confirm: true });
    assert!(kinds(&bench).is_empty());

    bench.pump.stall();
    let annunciation = bench.pump.report().annunciations[0].id;
    bench.say(PATIENT, &Command::Acknowledge { annunciation, confirm: true });
    assert_eq!(bench.pump.report().annunciations[0].state, AnnunciationState::Confirmed);
    bench.pump.unstall();
    assert!(kinds(&bench).is_empty());
}

#[test]
fn a_snoozed_annunciation_is_pending_again_after_a_quarter_of_an_hour() {
    let mut bench = bench();
    bench.pump.eri();
    let annunciation = bench.pump.report().annunciations[0].id;
    bench.say(PATIENT, &Command::Acknowledge { annunciation, confirm: false });
    bench.pass(Millis::from_mins(15).saturating_sub(Millis::new(1)));
    assert_eq!(bench.pump.report().annunciations[0].state, AnnunciationState::Snoozed);
    bench.pass(Millis::new(1));
    // proves R-PMP-20
    assert_eq!(bench.pump.report().annunciations[0].state, AnnunciationState::Pending);
}

#[test]
fn another_liquid_is_another_prescription() {
    let mut bench = bench();
    let stronger = Concentration::from_micrograms_per_millilitre(4000);
    bench.pump.refill(Volume::from_microlitres(19_000), stronger).expect("fits");
    // proves R-PMP-22
    assert_eq!(bench.pump.prescription().programmed().version, 2);
    assert_eq!(bench.pump.reservoir(), Volume::from_microlitres(19_000));
    assert!(bench.pump.refill(Volume::from_microlitres(20_001), stronger).is_err());
    assert!(bench.pump.refill(Volume::ZERO, Concentration::default()).is_err(), "water is no drug");
    assert_eq!(bench.pump.reservoir(), Volume::from_microlitres(19_000), "a refused refill changes nothing");
}
