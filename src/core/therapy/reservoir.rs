//! How long the reservoir lasts: at basal alone, and if every allotted dose is used.
//!
//! Pumps compute what is in the reservoir, they don't measure it; so does this. Both projections follow the basal programme
//! along the pump's civil clock from the moment of the report, down to the reserve, which the pump can't deliver reliably.
//!
//! # Promises
//! - Nothing is promised that isn't there: liquid is rounded down, use is rounded up.
//! - The date for every dose is never later than the one at basal alone.

use pump_protocol::{
    clock::CivilTime,
    prescription::{Prescription, Programmed},
    quantity::{Dose, Millis, Volume},
};

/// No reservoir is promised for longer than this: the pump's battery doesn't last as long.
pub const PROJECTION_MAX: Millis = Millis::from_hours(20 * 366 * 24);

const DAY_MS: u64 = 24 * 3_600_000;

/// How full a reservoir is, in the two words that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReservoirLevel {
    /// A demand dose can be given.
    Enough,
    /// One demand dose would take it below the low threshold: what is left serves the basal rate (OPCA EC20).
    Low,
    /// At the reserve: it counts as empty.
    Empty,
}

/// How long it lasts from the moment of the report on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Projection {
    /// At basal alone.
    pub basal_alone: Millis,
    /// If every allotted dose is used.
    pub every_dose: Millis,
}

/// What is left of it after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VolumeLeft {
    /// At basal alone.
    pub basal_alone: Volume,
    /// If every allotted dose is used.
    pub every_dose: Volume,
}

/// How full it is.
pub fn level(prescription: &Prescription, volume: Volume) -> ReservoirLevel {
    let programmed = prescription.programmed();
    let dose = if prescription.demand_doses_on() { programmed.demand_dose } else { Dose::ZERO };
    let needed = dose.volume_at(programmed.concentration).unwrap_or_default();
    if volume <= programmed.reserve {
        ReservoirLevel::Empty
    } else if volume.saturating_sub(needed) < programmed.low_reservoir {
        ReservoirLevel::Low
    } else {
        ReservoirLevel::Enough
    }
}

/// How long it lasts; `civil` is what the pump's calendar showed at the report.
pub fn project(prescription: &Prescription, volume: Volume, civil: CivilTime) -> Projection {
    let programmed = prescription.programmed();
    Projection {
        basal_alone: lasts(prescription, volume, civil, 0),
        every_dose: lasts(prescription, volume, civil, doses_a_day(programmed)),
    }
}

/// What a day uses, in nanograms an hour for a millisecond, so that no rate has a remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyUse<'a> {
    programmed: &'a Programmed,
    basal_alone: u128,
    every_dose: u128,
}

impl<'a> DailyUse<'a> {
    /// Under this prescription.
    pub fn of(prescription: &'a Prescription) -> Self {
        let programmed = prescription.programmed();
        let segments = segments_from(prescription, 0);
        let every_dose = a_day(&segments, doses_a_day(programmed));
        Self { programmed, basal_alone: a_day(&segments, 0), every_dose }
    }

    /// What is left after this many whole days; the pump delivers nothing of what lies below the reserve.
    pub fn leaves(self, volume: Volume, days: u32) -> VolumeLeft {
        let concentration = u128::from(self.programmed.concentration.nanograms_per_millilitre()).max(1);
        let left = |a_day: u128| {
            let used = (a_day * u128::from(days) * 1_000_000).div_ceil(concentration * 3_600_000);
            let used = Volume::from_nanolitres(u32::try_from(used).unwrap_or(u32::MAX));
            volume.saturating_sub(used).max(self.programmed.reserve.min(volume))
        };
        VolumeLeft { basal_alone: left(self.basal_alone), every_dose: left(self.every_dose) }
    }
}

/// The drug of every allotted dose of a day, in nanograms.
fn doses_a_day(programmed: &Programmed) -> u64 {
    u64::from(programmed.demand_dose.nanograms()) * u64::from(programmed.allotment)
}

/// How long the volume above the reserve lasts if this much drug is used a day beside the basal programme.
fn lasts(prescription: &Prescription, volume: Volume, civil: CivilTime, beside_ng: u64) -> Millis {
    let programmed = prescription.programmed();
    let usable_nl = u128::from(volume.saturating_sub(programmed.reserve).nanolitres());
    // Nanograms an hour for a millisecond, so that no rate has a remainder; a day's doses are spread over the day.
    let usable = usable_nl * u128::from(programmed.concentration.nanograms_per_millilitre()) * 3_600_000 / 1_000_000;
    let segments = segments_from(prescription, civil.of_day().get());
    let rate_of = |nanograms_per_hour: u32| u128::from(nanograms_per_hour) + an_hour(beside_ng);
    let a_day = a_day(&segments, beside_ng);
    let Some(days) = usable.checked_div(a_day) else { return PROJECTION_MAX };
    let mut left = usable - days * a_day;
    let mut span = days.saturating_mul(u128::from(DAY_MS));
    for (length, rate) in segments {
        let used = u128::from(length) * rate_of(rate);
        if used > left {
            span = span.saturating_add(left / rate_of(rate));
            break;
        }
        left -= used;
        span = span.saturating_add(u128::from(length));
    }
    Millis::new(u64::try_from(span).unwrap_or(u64::MAX)).min(PROJECTION_MAX)
}

/// What a day uses, in nanograms an hour for a millisecond.
fn a_day(segments: &[(u64, u32)], beside_ng: u64) -> u128 {
    segments.iter().map(|(length, rate)| u128::from(*length) * (u128::from(*rate) + an_hour(beside_ng))).sum()
}

fn an_hour(a_day: u64) -> u128 {
    u128::from(a_day).div_ceil(24)
}

/// One day of the basal programme from this time of day on: how long each rate runs, in milliseconds, and the rate.
fn segments_from(prescription: &Prescription, of_day_ms: u64) -> Vec<(u64, u32)> {
    let basal = &prescription.programmed().basal;
    let begins = |index: usize| basal.get(index).map_or(DAY_MS, |segment| u64::from(segment.from_minute) * 60_000);
    let parts = basal.iter().enumerate().map(|(index, segment)| (begins(index), begins(index + 1), segment.rate));
    let today = parts.clone().map(|(begin, end, rate)| (begin.max(of_day_ms), end, rate));
    let tomorrow = parts.map(|(begin, end, rate)| (begin, end.min(of_day_ms), rate));
    // What lies on the other side of this time of day has no length.
    today.chain(tomorrow).map(|(begin, end, rate)| (end.saturating_sub(begin), rate.nanograms_per_hour())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pump_protocol::{prescription::BasalSegment, quantity::BasalRate, wire::Bounded};

    use super::*;
    use crate::fixtures::{hours, morphine};

    const MIDNIGHT: CivilTime = CivilTime::from_millis(0);

    fn with(change: impl FnOnce(&mut Programmed)) -> Prescription {
        let mut programmed = morphine().programmed().clone();
        change(&mut programmed);
        Prescription::check(programmed).expect("agrees")
    }

    #[test]
    fn both_dates_are_counted_down_to_the_reserve() {
        // 18.2 mL less 1 mL of reserve at 2 mg/mL are 34.4 mg; a day takes 96 mcg of basal, and 200 mcg of doses.
        // proves R-CAR-05
        let projection = project(&morphine(), Volume::from_microlitres(18_200), MIDNIGHT);
        assert_eq!(projection.basal_alone, hours(358 * 24 + 8), "34.4 mg / 96 mcg = 358 days and a third");
        assert_eq!(projection.every_dose.get() / (24 * 3_600_000), 116);
        let empty = project(&morphine(), Volume::from_microlitres(900), MIDNIGHT);
        assert_eq!((empty.basal_alone, empty.every_dose), (Millis::ZERO, Millis::ZERO));
    }

    #[test]
    fn what_is_left_goes_down_by_what_a_day_uses() {
        // A day takes 96 mcg of basal and 200 mcg of doses, of 2 mg/mL: 48 and 148 microlitres, and 8 nanolitres more, because
        // a day's doses are rounded up by the hour.
        let prescription = morphine();
        let left = |microlitres, days| DailyUse::of(&prescription).leaves(Volume::from_microlitres(microlitres), days);
        let after = |basal_alone, every_dose| VolumeLeft {
            basal_alone: Volume::from_nanolitres(basal_alone),
            every_dose: Volume::from_nanolitres(every_dose),
        };
        // proves R-CAR-13
        assert_eq!(left(18_200, 0), after(18_200_000, 18_200_000));
        assert_eq!(left(18_200, 7), after(17_864_000, 17_163_944));
        assert_eq!(left(18_200, 116), after(12_632_000, 1_031_072));
        assert_eq!(left(18_200, 117), after(12_584_000, 1_000_000), "the pump delivers nothing of the reserve");
        assert_eq!(left(900, 7), after(900_000, 900_000));
        assert_eq!(left(18_200, u32::MAX), after(1_000_000, 1_000_000));
        let none = with(|p| p.allotment = 0);
        assert_eq!(DailyUse::of(&none).leaves(Volume::from_microlitres(18_200), 7), after(17_864_000, 17_864_000));
    }

    #[test]
    fn the_last_day_follows_the_time_of_day() {
        let step = |from_minute, rate| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
        let night = with(|p| p.basal = Bounded::filled_from([step(0, 1_000), step(12 * 60, 3_000)]));
        // 1.009 mL less 1 mL at 2 mg/mL are 18 mcg: twelve hours at 1 mcg/h and two at 3, or six at 3 from noon.
        let volume = Volume::from_microlitres(1_009);
        assert_eq!(project(&night, volume, MIDNIGHT).basal_alone, hours(14));
        assert_eq!(project(&night, volume, CivilTime::from_millis(12 * 3_600_000)).basal_alone, hours(6));
        assert_eq!(project(&night, volume, CivilTime::from_millis(-12 * 3_600_000)).basal_alone, hours(6));
    }

    #[test]
    fn a_pump_that_uses_nothing_lasts_no_longer_than_its_battery() {
        let zero = |p: &mut Programmed| {
            p.basal =
                Bounded::filled_from([BasalSegment { from_minute: 0, rate: BasalRate::from_nanograms_per_hour(0) }]);
        };
        let projection = project(&with(zero), Volume::from_microlitres(20_000), MIDNIGHT);
        assert_eq!(projection.basal_alone, PROJECTION_MAX);
        assert!(projection.every_dose < PROJECTION_MAX);
        let off = with(|p| {
            zero(p);
            p.allotment = 0;
        });
        assert_eq!(project(&off, Volume::from_microlitres(20_000), MIDNIGHT).every_dose, PROJECTION_MAX);
    }

    #[test]
    fn low_is_where_one_dose_would_pass_the_threshold_and_empty_is_the_reserve() {
        let prescription = morphine();
        let at = |nanolitres| level(&prescription, Volume::from_nanolitres(nanolitres));
        assert_eq!(at(2_025_000), ReservoirLevel::Enough, "50 mcg are 25 uL: exactly at the threshold is not below it");
        assert_eq!(at(2_024_999), ReservoirLevel::Low);
        assert_eq!((at(1_000_001), at(1_000_000)), (ReservoirLevel::Low, ReservoirLevel::Empty));
        let off = with(|p| p.allotment = 0);
        assert_eq!(level(&off, Volume::from_nanolitres(2_000_000)), ReservoirLevel::Enough, "no dose will be given");
    }

    #[test]
    fn no_promise_is_longer_than_twenty_years() {
        assert_eq!(PROJECTION_MAX, hours(175_680), "20 years of 366 days");
    }

    #[test]
    fn hours_without_basal_use_nothing_and_count() {
        let step = |from_minute, rate| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
        let pause = with(|p| p.basal = Bounded::filled_from([step(0, 4_000), step(6 * 60, 0), step(12 * 60, 4_000)]));
        let lasts = |mcg: u32, hour: i64| {
            let volume = Volume::from_nanolitres(1_000_000 + mcg * 500);
            project(&pause, volume, CivilTime::from_millis(hour * 3_600_000)).basal_alone
        };
        assert_eq!(lasts(24, 0), hours(12), "six hours at 4 mcg/h, and six at none");
        assert_eq!(lasts(30, 0), Millis::from_mins(13 * 60 + 30));
        assert_eq!(lasts(16, 3), hours(10), "three hours, six at none, and one");
        assert_eq!(lasts(50, 13), Millis::from_mins(11 * 60 + 90), "to midnight, and behind it");
        assert_eq!(lasts(72 + 30, 0), Millis::from_mins(24 * 60 + 13 * 60 + 30), "a day uses 72");
    }

    /// Any programme in whole minutes that empties what there is within weeks, at any minute of the day.
    fn any_use() -> impl Strategy<Value = (Prescription, Volume, u16)> {
        let steps = prop::collection::btree_map(1_u16..1440, 0..200_000_u32, 0..6);
        (steps, 1..200_000_u32, 0..=48_u8, 1..90_u32, 1..5_000_u32, 0..30_000_u32, 0..1440_u16).prop_map(
            |(steps, first, allotment, micrograms, concentration, above_reserve_ul, minute)| {
                let step =
                    |(from_minute, rate)| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
                let prescription = with(|p| {
                    p.basal = Bounded::filled_from([(0, first)].into_iter().chain(steps).map(step));
                    p.allotment = allotment;
                    p.demand_dose = Dose::from_micrograms(micrograms);
                    p.concentration =
                        pump_protocol::quantity::Concentration::from_micrograms_per_millilitre(concentration);
                    p.window_limit.amount = Dose::from_nanograms(u32::MAX);
                });
                (prescription, Volume::from_microlitres(1_000 + above_reserve_ul / 10), minute)
            },
        )
    }

    /// Lets it run dry minute by minute; `beside` is what is used beside the basal rate, in nanograms an hour.
    fn runs_dry(prescription: &Prescription, volume: Volume, minute: u16, beside: u128) -> u128 {
        const WEEKS: u32 = 12 * 7 * 1440;
        let programmed = prescription.programmed();
        let usable = u128::from(volume.saturating_sub(programmed.reserve).nanolitres());
        let concentration = u128::from(programmed.concentration.nanograms_per_millilitre());
        let mut left = usable * concentration * 3_600_000 / 1_000_000;
        for passed in 0..WEEKS {
            let of_day = u16::try_from((u32::from(minute) + passed) % 1440).expect("a minute of the day");
            let rate = u128::from(prescription.basal_at(of_day).nanograms_per_hour()) + beside;
            if rate * 60_000 > left {
                return u128::from(passed) * 60_000 + left / rate;
            }
            left -= rate * 60_000;
        }
        u128::MAX
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_dates_are_those_of_a_reservoir_that_runs_dry_minute_by_minute((known, volume, minute) in any_use()) {
            let civil = CivilTime::from_millis(i64::from(minute) * 60_000);
            let projection = project(&known, volume, civil);
            let doses = u128::from(known.programmed().demand_dose.nanograms()) * u128::from(known.programmed().allotment);
            for (said, beside) in [(projection.basal_alone, 0), (projection.every_dose, doses.div_ceil(24))] {
                let dry = runs_dry(&known, volume, minute, beside);
                // proves R-CAR-05
                prop_assert!(dry == u128::MAX || dry == u128::from(said.get()), "{} said, dry after {} ms", said, dry);
            }
        }

        #[test]
        fn more_liquid_lasts_longer_and_doses_never_make_it_last((known, volume, minute) in any_use(), more in any::<u32>()) {
            let civil = CivilTime::from_millis(i64::from(minute) * 60_000);
            let (less, more) = (project(&known, volume, civil), project(&known, volume.saturating_add(Volume::from_nanolitres(more)), civil));
            prop_assert!(less.basal_alone <= more.basal_alone && less.every_dose <= more.every_dose);
            prop_assert!(less.every_dose <= less.basal_alone && more.every_dose <= more.basal_alone);
            prop_assert!(more.basal_alone <= PROJECTION_MAX);
        }
    }
}
