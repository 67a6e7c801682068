//! What counts against a dose.

use pump_protocol::{
    history::{BolusEnd, Delivered},
    message::{DenyReason, Fate, GRANT_LIFE_MAX, Nonce, Reply, Role},
    prescription::{BasalSegment, PrescriptionHash},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    wire::Bounded,
};

use crate::{accounts::DOSES_MAX, clinic::ClinicRefused};

use super::{Happening, PATIENT, SECOND, bench, bench_with, mcg, only, prepare};

#[test]
fn every_reason_for_denying_a_dose_is_named() {
    let liquid = Concentration::from_micrograms_per_millilitre(2000);
    let stories: [(DenyReason, Happening); 7] = [
        (DenyReason::Alarm, |bench| bench.pump.stop()),
        (DenyReason::Alarm, |bench| bench.pump.occlusion(true)),
        (DenyReason::DemandDosesOff, |bench| bench.reprogram(|p| p.allotment = 0)),
        (DenyReason::Lockout, |bench| {
            bench.dose(1);
            bench.pass(Millis::from_hours(1));
        }),
        (DenyReason::BolusRunning, |bench| {
            bench.dose(1);
        }),
        (DenyReason::GrantLive, |bench| {
            bench.greet(SECOND);
            bench.grant(SECOND, 1);
        }),
        (DenyReason::IdUsed, |bench| {
            bench.abort(9);
        }),
    ];
    for (reason, story) in stories {
        let mut bench = bench();
        story(&mut bench);
        assert!(bench.denied(9).reasons.contains(reason), "{reason:?}");
    }
    let mut low = bench();
    low.pump.refill(Volume::from_nanolitres(2_024_999), liquid).expect("fits");
    // proves R-PMP-15
    assert_eq!(low.denied(9).reasons, only(DenyReason::LowReservoir));
    let mut other = bench();
    let reply = other.say(PATIENT, &prepare(9, PrescriptionHash([9; 32])));
    assert!(matches!(reply, Reply::Denied { denial, .. } if denial.reasons == only(DenyReason::PrescriptionChanged)));
    let viewer = other.pump.handle(PATIENT, Role::Viewer, &prepare(10, other.hash()), Nonce::default());
    // proves R-PMP-24
    assert!(matches!(viewer, Reply::Denied { denial, .. } if denial.reasons == only(DenyReason::NotPermitted)));
    let imposed = |reason| {
        let mut bench = bench();
        bench.pump.impose(reason);
        bench.denied(9).reasons == only(reason)
    };
    assert!(DenyReason::ALL.into_iter().all(imposed));
}

#[test]
fn all_reasons_are_told_and_the_wait_is_the_longest() {
    let mut bench = bench();
    bench.dose(1);
    bench.pass(Millis::from_mins(1));
    let waiting = bench.denied(2);
    // proves R-PMP-18
    assert_eq!(waiting.reasons, only(DenyReason::Lockout).with(DenyReason::BolusRunning));
    assert_eq!(waiting.retry_after, Millis::from_mins(119));
    bench.pump.stop();
    let stopped = bench.denied(3);
    assert_eq!(stopped.reasons, only(DenyReason::Lockout).with(DenyReason::Alarm));
    // proves R-PMP-18
    assert_eq!(stopped.retry_after, Millis::ZERO, "time alone won't start the pump");
}

#[test]
fn the_lockout_runs_from_the_start_of_a_dose_to_the_millisecond() {
    let mut bench = bench();
    bench.dose(1);
    bench.pass(Millis::from_hours(2).saturating_sub(Millis::new(1)));
    assert_eq!(bench.pump.report().lockout_remaining, Millis::new(1));
    let denial = bench.denied(2);
    // proves R-PMP-08
    assert_eq!((denial.reasons, denial.retry_after), (only(DenyReason::Lockout), Millis::new(1)));
    bench.pass(Millis::new(1));
    bench.dose(3);
}

#[test]
fn the_lockout_belongs_to_the_pump_and_not_to_a_remote() {
    let mut bench = bench();
    bench.dose(1);
    bench.pass(Millis::from_hours(1));
    bench.greet(SECOND);
    assert!(matches!(bench.prepare(SECOND, 1), Reply::Denied { denial, .. }
        if denial.reasons.contains(DenyReason::Lockout)));
}

#[test]
fn the_allotment_returns_dose_by_dose() {
    let mut bench = bench();
    for id in 1..=4 {
        bench.dose(id);
        bench.pass(Millis::from_hours(2));
    }
    let report = bench.pump.report();
    assert_eq!((report.allotment.used, report.allotment.next_return), (4, Millis::from_hours(16)));
    let denial = bench.denied(5);
    // proves R-PMP-09
    assert_eq!((denial.reasons, denial.retry_after), (only(DenyReason::Allotment), Millis::from_hours(16)));
    bench.pass(Millis::from_hours(16));
    assert_eq!(bench.pump.report().allotment.used, 3);
    bench.dose(6);
}

#[test]
fn a_smaller_allotment_waits_for_as_many_doses_as_it_is_over() {
    let mut bench = bench();
    for id in 1..=3 {
        bench.dose(id);
        bench.pass(Millis::from_hours(2));
    }
    bench.reprogram(|p| p.allotment = 2);
    assert_eq!(bench.denied(4).retry_after, Millis::from_hours(20), "until the second of three returns");
}

#[test]
fn a_dose_just_before_a_basal_step_up_is_judged_by_the_window_ahead() {
    // Pre: 2 mcg/h by day, 38 mcg/h from 20:00; at most 116 mcg in any 2 h, one dose of 40 mcg included.
    let mut bench = bench_with(|p| {
        let rate = BasalRate::from_nanograms_per_hour;
        p.basal = Bounded::filled_from([
            BasalSegment { from_minute: 0, rate: rate(2_000) },
            BasalSegment { from_minute: 20 * 60, rate: rate(38_000) },
            BasalSegment { from_minute: 22 * 60, rate: rate(2_000) },
        ]);
        p.demand_dose = mcg(40);
        p.lockout_interval = Millis::from_hours(1);
        p.window_limit.window = Millis::from_hours(2);
        p.window_limit.amount = mcg(116);
    });
    // Step: a dose at 19:00; another is asked for at 19:55.
    bench.pass(Millis::from_hours(10));
    bench.dose(1);
    bench.pass(Millis::from_mins(55));
    assert_eq!(bench.pump.report().window_used, mcg(44), "so far the last two hours hold little, and 84 would fit");
    bench.reprogram(|p| p.lockout_interval = Millis::from_mins(30));
    let denial = bench.denied(2);
    // Post: the two hours from 19:04 would hold both doses and an hour of the evening's rate, 122 mcg.
    // proves R-PMP-10
    assert_eq!(denial.reasons, only(DenyReason::WindowLimit));
    assert_eq!(denial.retry_after, Millis::from_mins(69), "until no two hours hold them both: 21:04");
    bench.pass(denial.retry_after);
    bench.dose(3);
}

#[test]
fn the_window_counts_basal_as_programmed_although_the_pump_stood_still() {
    let mut bench = bench();
    bench.pump.stop();
    bench.pass(Millis::from_hours(24));
    bench.pump.start();
    // proves R-PMP-10
    assert_eq!(bench.pump.report().window_used, Dose::from_nanograms(98_200), "a day of basal, though none was given");
}

#[test]
fn a_dose_of_which_only_the_tail_lies_in_a_window_counts_there_in_full() {
    let mut bench = bench_with(|p| {
        p.bolus_duration = Millis::from_mins(20);
        p.window_limit.window = Millis::from_hours(4);
        p.window_limit.amount = mcg(50 + 14 + 49);
    });
    bench.dose(1);
    bench.pass(Millis::from_hours(4));
    let denial = bench.denied(2);
    assert_eq!((denial.reasons, denial.retry_after), (only(DenyReason::WindowLimit), Millis::from_mins(20)));
    bench.pass(Millis::from_mins(20));
    bench.dose(3);
}

#[test]
fn a_dose_that_was_cut_short_leaves_the_window_with_its_last_drop() {
    let mut bench = bench_with(|p| {
        p.bolus_duration = Millis::from_mins(20);
        p.window_limit.window = Millis::from_hours(4);
        p.window_limit.amount = mcg(50 + 14 + 49);
    });
    bench.dose(1);
    bench.pass(Millis::from_mins(5));
    bench.cancel(1);
    bench.pass(Millis::from_hours(4).saturating_sub(Millis::from_secs(1)));
    let denial = bench.denied(2);
    assert_eq!((denial.reasons, denial.retry_after), (only(DenyReason::WindowLimit), Millis::from_secs(1)));
    bench.pass(Millis::from_secs(1));
    bench.dose(3);
}

#[test]
fn a_clinicians_bolus_counts_towards_lockout_and_window_but_not_the_allotment() {
    let mut bench = bench();
    bench.pump.clinician_bolus(mcg(260)).expect("runs");
    bench.pass(Millis::from_hours(1));
    let denial = bench.denied(1);
    // proves R-PMP-11
    assert_eq!(denial.reasons, only(DenyReason::Lockout).with(DenyReason::WindowLimit));
    assert_eq!(denial.retry_after, Millis::from_mins(23 * 60 + 4), "until its last drop has left the window");
    assert_eq!(bench.pump.report().allotment.used, 0);
}

#[test]
fn a_dose_that_could_not_be_recorded_is_not_given() {
    let mut bench = bench();
    for _ in 0..DOSES_MAX {
        bench.pump.clinician_bolus(Dose::from_nanograms(1)).expect("there is room");
        bench.pass(Millis::from_mins(4));
    }
    assert_eq!(bench.pump.clinician_bolus(mcg(1)), Err(ClinicRefused::RecordFull));
    bench.pass(Millis::from_hours(100));
    // proves R-PMP-25
    assert_eq!(bench.denied(1).reasons, only(DenyReason::WindowLimit));
    bench.pass(Millis::from_hours(100));
    bench.dose(2);
}

#[test]
fn demand_doses_that_are_off_are_not_judged_further() {
    let mut bench = bench();
    bench.reprogram(|p| {
        p.allotment = 0;
        p.demand_dose = Dose::from_nanograms(u32::MAX);
        p.bolus_duration = Millis::ZERO;
    });
    assert!(bench.denied(1).reasons.contains(DenyReason::DemandDosesOff));
    bench.pump.clinician_bolus(mcg(10)).expect("the clinic may still give one");
    assert_eq!(bench.pump.report().bolus.map(|bolus| bolus.remaining), Some(Millis::from_mins(4)));
}

#[test]
fn a_part_of_a_dose_counts_in_full_unless_it_is_proven_zero() {
    let mut bench = bench();
    bench.dose(1);
    bench.pass(Millis::new(1));
    bench.cancel(1);
    bench.pass(Millis::from_mins(4));
    let report = bench.pump.report();
    // proves R-PMP-12
    assert_eq!((report.allotment.used, bench.denied(2).reasons), (1, only(DenyReason::Lockout)));

    let mut unhurt = super::bench();
    let bolus = unhurt.dose(1);
    let delivered = Delivered::exactly(Dose::ZERO);
    assert_eq!(unhurt.cancel(1), Fate::Stopped { bolus, delivered, end: BolusEnd::Cancelled });
    assert_eq!(unhurt.pump.report().allotment.used, 0);
    unhurt.dose(2);
}

#[test]
fn a_reset_begins_a_full_lockout_even_if_no_dose_was_ever_given() {
    let mut bench = bench();
    bench.pump.reset();
    bench.greet(PATIENT);
    let denial = bench.denied(1);
    // proves R-PMP-13
    assert_eq!((denial.reasons, denial.retry_after), (only(DenyReason::Lockout), Millis::from_hours(2)));
    bench.pass(Millis::from_hours(2));
    bench.dose(2);
}

#[test]
fn a_reset_frees_no_allotment() {
    let mut bench = bench();
    for id in 1..=4 {
        bench.dose(id);
        bench.pass(Millis::from_hours(2));
    }
    bench.pump.reset();
    bench.greet(PATIENT);
    // proves R-PMP-13
    assert_eq!(bench.pump.report().allotment.used, 4);
    assert!(bench.denied(5).reasons.contains(DenyReason::Allotment));
}

#[test]
fn a_civil_clock_that_jumps_opens_no_lockout() {
    let mut bench = bench();
    bench.dose(1);
    bench.pass(Millis::from_mins(5));
    let civil = bench.pump.civil().after(Millis::from_hours(14));
    bench.pump.set_civil(civil);
    // proves R-PMP-19
    assert_eq!(bench.denied(2).retry_after, Millis::from_mins(115));
}

#[test]
fn a_grant_that_nobody_spends_blocks_no_longer_than_its_life() {
    let mut bench = bench();
    bench.greet(SECOND);
    bench.grant(SECOND, 1);
    assert_eq!(bench.denied(1).reasons, only(DenyReason::GrantLive));
    bench.pass(GRANT_LIFE_MAX);
    bench.dose(2);
}
