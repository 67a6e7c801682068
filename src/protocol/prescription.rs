//! What the clinic programmed, checked for sense before anyone relies on it.
//!
//! # Terms
//! - *demand dose*: the one amount that a request gives; the remote never chooses another.
//! - *lockout interval*: from the start of one demand dose to the earliest start of the next.
//! - *allotment*: the most demand doses that may start in any 24 hours; 0 means that the clinic switched them off.
//! - *window dose limit*: the most drug from all sources in any window of the stated length.
//!
//! # Promises
//! - A [`Prescription`] exists only if its fields agree with each other ([`Prescription::check`]).
//! - Its hash covers every field, so a request names exactly the prescription that the patient saw.

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    wire::{Bounded, Malformed, Reader, Text, Wire, encode, wire_newtype, wire_struct},
};

/// The most basal segments in a day.
pub const BASAL_SEGMENTS_MAX: usize = 24;
/// The most demand doses in a day: one every half hour. More is not patient-controlled but continuous delivery.
pub const ALLOTMENT_MAX: u8 = 48;
/// The shortest lockout interval: below it a bolus could still be spreading when the next is asked for.
pub const LOCKOUT_MIN: Millis = Millis::from_mins(5);
/// The longest lockout interval and the longest window: what history must be kept for.
pub const REACH_MAX: Millis = Millis::from_hours(7 * 24);
/// The allotment's rolling window.
pub const ALLOTMENT_WINDOW: Millis = Millis::from_hours(24);

/// SHA-256 over a prescription's encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PrescriptionHash(pub [u8; 32]);

/// One step of the basal programme: from this minute of the pump's civil day until the next segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BasalSegment {
    /// Minutes after midnight, 0 to 1439.
    pub from_minute: u16,
    /// What is delivered.
    pub rate: BasalRate,
}

/// The most drug from all sources in any window of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowDoseLimit {
    /// The most.
    pub amount: Dose,
    /// In any stretch of this length.
    pub window: Millis,
}

/// Four digits that the patient enters after a hold, where the clinic asks for it: somebody else's finger doesn't know them.
///
/// It keeps a well-meaning hand from dosing by proxy. Whoever has the remote's storage can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PatientCode(pub u16);

/// The greatest code: four nines.
pub const PATIENT_CODE_MAX: u16 = 9999;

/// A prescription as it is written down, before anyone has checked that it makes sense.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Programmed {
    /// Counts the clinic's changes.
    pub version: u32,
    /// The drug's name.
    pub drug: Text<32>,
    /// What the reservoir was last filled with.
    pub concentration: Concentration,
    /// What one request gives.
    pub demand_dose: Dose,
    /// How long one demand dose takes to be delivered.
    pub bolus_duration: Millis,
    /// From the start of one demand dose to the earliest start of the next.
    pub lockout_interval: Millis,
    /// The most demand doses in any 24 hours.
    pub allotment: u8,
    /// The most drug from all sources in a window.
    pub window_limit: WindowDoseLimit,
    /// The basal programme; the first segment begins at minute 0.
    pub basal: Bounded<BasalSegment, BASAL_SEGMENTS_MAX>,
    /// What the reservoir holds when full.
    pub capacity: Volume,
    /// Below this no demand dose is given, so that what is left serves the basal rate (OPCA EC20).
    pub low_reservoir: Volume,
    /// What the pump can't deliver reliably any more: the reservoir counts as empty.
    pub reserve: Volume,
    /// What the patient enters with each request; `None` if the clinic doesn't ask for it.
    pub patient_code: Option<PatientCode>,
}

/// A prescription whose fields agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prescription {
    programmed: Programmed,
    /// Computed once, because they are asked for at every turn: the hash of all fields, and the basal of the fullest window.
    hash: PrescriptionHash,
    fullest_window: Dose,
}

wire_newtype!(PrescriptionHash([u8; 32]), PatientCode(u16));
wire_struct!(BasalSegment { from_minute, rate });
wire_struct!(WindowDoseLimit { amount, window });
wire_struct!(Programmed {
    version,
    drug,
    concentration,
    demand_dose,
    bolus_duration,
    lockout_interval,
    allotment,
    window_limit,
    basal,
    capacity,
    low_reservoir,
    reserve,
    patient_code,
});

/// Why a prescription contradicts itself. It is not used; no dose is offered under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum Contradiction {
    /// A demand dose of nothing, though doses are allotted.
    #[error("the demand dose is 0 mcg but {allotment} are allotted a day; to switch demand doses off, allot 0")]
    DoseZero {
        /// The allotment.
        allotment: u8,
    },
    /// The liquid holds no drug.
    #[error("the concentration is 0 mcg/mL")]
    ConcentrationZero,
    /// A bolus of no length, or one that runs into the next.
    #[error(
        "a bolus lasts {bolus_duration}; it must last more than nothing and less than the lockout of {lockout_interval}"
    )]
    BolusDuration {
        /// How long a bolus takes.
        bolus_duration: Millis,
        /// The lockout interval.
        lockout_interval: Millis,
    },
    /// A lockout interval outside its range.
    #[error("the lockout is {lockout_interval}; it must be {LOCKOUT_MIN} to {REACH_MAX}")]
    Lockout {
        /// The lockout interval.
        lockout_interval: Millis,
    },
    /// An allotment outside its range.
    #[error("the allotment is {allotment} in 24 h; it must be at most {ALLOTMENT_MAX}")]
    Allotment {
        /// The allotment.
        allotment: u8,
    },
    /// A window outside its range.
    #[error("the dose limit counts over {window}; it must be over 1 h to {REACH_MAX}")]
    Window {
        /// The window's length.
        window: Millis,
    },
    /// The basal programme alone, or with one demand dose, exceeds the window limit.
    #[error("basal of at most {basal} in the window plus one dose of {dose} exceeds the limit of {limit}")]
    AboveWindowLimit {
        /// The most that the basal programme gives in one window.
        basal: Dose,
        /// The demand dose.
        dose: Dose,
        /// The limit.
        limit: Dose,
    },
    /// Segments that don't describe a day.
    #[error(
        "basal segment {index} begins at minute {from_minute}; the first begins at 0, each later than the one before, all before 1440"
    )]
    Basal {
        /// Which segment, from 0; the number of segments if there is none.
        index: usize,
        /// Where it begins.
        from_minute: u16,
    },
    /// A code that can't be entered.
    #[error("the patient code is {code}; it must be four digits")]
    PatientCode {
        /// The code.
        code: u16,
    },
    /// Thresholds out of order.
    #[error("reserve {reserve}, low threshold {low_reservoir}, capacity {capacity}: each must be below the next")]
    Reservoir {
        /// What counts as empty.
        reserve: Volume,
        /// What counts as low.
        low_reservoir: Volume,
        /// What fits.
        capacity: Volume,
    },
}

impl Programmed {
    /// SHA-256 over the encoding of every field.
    pub fn hash(&self) -> PrescriptionHash {
        PrescriptionHash(Sha256::digest(encode(self)).into())
    }
}

impl Prescription {
    /// Accepts what the clinic programmed if its fields agree; otherwise names the first contradiction.
    pub fn check(programmed: Programmed) -> Result<Self, Contradiction> {
        let p = &programmed;
        if p.concentration.nanograms_per_millilitre() == 0 {
            return Err(Contradiction::ConcentrationZero);
        }
        if p.allotment > ALLOTMENT_MAX {
            return Err(Contradiction::Allotment { allotment: p.allotment });
        }
        check_basal(&p.basal)?;
        if !(p.reserve < p.low_reservoir && p.low_reservoir < p.capacity) {
            let (reserve, low_reservoir, capacity) = (p.reserve, p.low_reservoir, p.capacity);
            return Err(Contradiction::Reservoir { reserve, low_reservoir, capacity });
        }
        if p.window_limit.window < Millis::from_hours(1) || p.window_limit.window > REACH_MAX {
            return Err(Contradiction::Window { window: p.window_limit.window });
        }
        if p.lockout_interval < LOCKOUT_MIN || p.lockout_interval > REACH_MAX {
            return Err(Contradiction::Lockout { lockout_interval: p.lockout_interval });
        }
        if let Some(PatientCode(code)) = p.patient_code.filter(|code| code.0 > PATIENT_CODE_MAX) {
            return Err(Contradiction::PatientCode { code });
        }
        check_demand_dose(p)?;
        let basal = most_basal_in(&p.basal, p.window_limit.window);
        let dose = if p.allotment > 0 { p.demand_dose } else { Dose::ZERO };
        // keeps R-PMP-23
        if basal.saturating_add(dose) > p.window_limit.amount {
            return Err(Contradiction::AboveWindowLimit { basal, dose, limit: p.window_limit.amount });
        }
        Ok(Self { hash: programmed.hash(), fullest_window: basal, programmed })
    }

    /// Every field, as programmed.
    pub const fn programmed(&self) -> &Programmed {
        &self.programmed
    }

    /// SHA-256 over the encoding of every field.
    pub const fn hash(&self) -> PrescriptionHash {
        self.hash
    }

    /// The most that the basal programme gives in any window of the dose limit.
    pub const fn fullest_window(&self) -> Dose {
        self.fullest_window
    }

    /// Whether the clinic lets the patient ask at all.
    pub const fn demand_doses_on(&self) -> bool {
        self.programmed.allotment > 0
    }

    /// The most that the basal programme gives in any stretch of this length.
    pub fn most_basal_in(&self, window: Millis) -> Dose {
        most_basal_in(&self.programmed.basal, window)
    }

    /// The programmed rate at this minute of the pump's civil day.
    pub fn basal_at(&self, minute_of_day: u16) -> BasalRate {
        let begun = self.programmed.basal.iter().take_while(|segment| segment.from_minute <= minute_of_day);
        begun.last().map_or(BasalRate::default(), |segment| segment.rate)
    }
}

impl Wire for Prescription {
    fn put(&self, out: &mut Vec<u8>) {
        self.programmed.put(out);
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::check(Programmed::take(input)?).map_err(|_| input.unknown("prescription that contradicts itself", 0_u8))
    }
}

/// Where demand doses are switched off, dose and duration may be nothing; a duration without end may not be, for the windows
/// of the dose limit are searched by it.
fn check_demand_dose(p: &Programmed) -> Result<(), Contradiction> {
    let on = p.allotment > 0;
    if on && p.demand_dose == Dose::ZERO {
        return Err(Contradiction::DoseZero { allotment: p.allotment });
    }
    if (on && p.bolus_duration == Millis::ZERO) || p.bolus_duration >= p.lockout_interval {
        let (bolus_duration, lockout_interval) = (p.bolus_duration, p.lockout_interval);
        return Err(Contradiction::BolusDuration { bolus_duration, lockout_interval });
    }
    Ok(())
}

fn check_basal(basal: &[BasalSegment]) -> Result<(), Contradiction> {
    let mut least = 0;
    for (index, segment) in basal.iter().enumerate() {
        let begins_right = if index == 0 { segment.from_minute == 0 } else { segment.from_minute >= least };
        if !begins_right || segment.from_minute >= 24 * 60 {
            return Err(Contradiction::Basal { index, from_minute: segment.from_minute });
        }
        least = segment.from_minute + 1;
    }
    if basal.is_empty() { Err(Contradiction::Basal { index: 0, from_minute: 0 }) } else { Ok(()) }
}

/// The most basal in any window of this length, wherever in the day it begins.
///
/// What a window holds changes fastest where it begins or ends at a segment's border, so only those are tried. Each
/// rate's own rounding is upwards.
fn most_basal_in(basal: &[BasalSegment], window: Millis) -> Dose {
    const DAY_MS: u64 = 24 * 3_600_000;
    let whole_days = u32::try_from(window.get() / DAY_MS).unwrap_or(u32::MAX);
    let rest = window.get() % DAY_MS;
    let a_day = amount_between(basal, 0, DAY_MS);
    let borders = basal.iter().map(|segment| u64::from(segment.from_minute) * 60_000);
    let starts = borders.flat_map(|border| [border, (border + DAY_MS - rest) % DAY_MS]);
    let fullest = starts.map(|start| amount_between(basal, start, start + rest)).max().unwrap_or(0);
    let nanograms = (a_day * u128::from(whole_days) + fullest).div_ceil(3_600_000);
    Dose::from_nanograms(u32::try_from(nanograms).unwrap_or(u32::MAX))
}

/// Nanogram-milliseconds an hour between two times of day, `to` at most one day after `from`.
fn amount_between(basal: &[BasalSegment], from_ms: u64, to_ms: u64) -> u128 {
    const DAY_MS: u64 = 24 * 3_600_000;
    let ends = basal.iter().skip(1).map(|segment| u64::from(segment.from_minute) * 60_000).chain([DAY_MS]);
    let segments = basal.iter().zip(ends);
    segments
        .flat_map(|(segment, end)| {
            let begin = u64::from(segment.from_minute) * 60_000;
            [(begin, end), (begin + DAY_MS, end + DAY_MS)].map(|(begin, end)| {
                let overlap = end.min(to_ms).saturating_sub(begin.max(from_ms));
                u128::from(overlap) * u128::from(segment.rate.nanograms_per_hour())
            })
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::decode;

    fn programmed() -> Programmed {
        Programmed {
            version: 1,
            drug: Text::new("morphine").expect("fits"),
            concentration: Concentration::from_micrograms_per_millilitre(2000),
            demand_dose: Dose::from_micrograms(50),
            bolus_duration: Millis::from_mins(4),
            lockout_interval: Millis::from_hours(2),
            allotment: 4,
            window_limit: WindowDoseLimit { amount: Dose::from_micrograms(400), window: Millis::from_hours(24) },
            basal: Bounded::filled_from([
                BasalSegment { from_minute: 0, rate: BasalRate::from_nanograms_per_hour(4_000) },
                BasalSegment { from_minute: 22 * 60, rate: BasalRate::from_nanograms_per_hour(8_000) },
            ]),
            capacity: Volume::from_microlitres(20_000),
            low_reservoir: Volume::from_microlitres(2_000),
            reserve: Volume::from_microlitres(1_000),
            patient_code: None,
        }
    }

    #[test]
    fn a_prescription_that_agrees_survives_the_wire_and_keeps_its_hash() {
        let prescription = Prescription::check(programmed()).expect("agrees");
        let back: Prescription = decode(&encode(&prescription)).expect("decodes");
        assert_eq!(back, prescription);
        let changed = Programmed { demand_dose: Dose::from_micrograms(60), ..programmed() };
        assert_ne!(Prescription::check(changed).expect("agrees").hash(), prescription.hash());
    }

    #[test]
    fn no_field_can_change_without_another_hash() {
        let changes: [fn(&mut Programmed); 13] = [
            |p| p.version = 2,
            |p| p.drug = Text::new("baclofen").expect("fits"),
            |p| p.concentration = Concentration::from_micrograms_per_millilitre(1999),
            |p| p.demand_dose = Dose::from_nanograms(50_001),
            |p| p.bolus_duration = Millis::new(240_001),
            |p| p.lockout_interval = Millis::new(7_200_001),
            |p| p.allotment = 5,
            |p| p.window_limit.amount = Dose::from_nanograms(400_001),
            |p| p.window_limit.window = Millis::new(86_400_001),
            |p| p.basal = Bounded::filled_from(p.basal.iter().take(1).copied()),
            |p| p.capacity = Volume::from_nanolitres(20_000_001),
            |p| p.patient_code = Some(PatientCode(0)),
            |p| p.reserve = Volume::from_nanolitres(1_000_001),
        ];
        for (nth, change) in changes.into_iter().enumerate() {
            let mut changed = programmed();
            change(&mut changed);
            assert_ne!(changed.hash(), programmed().hash(), "change {nth}");
        }
    }

    #[test]
    fn each_contradiction_is_named() {
        let refused = |change: fn(&mut Programmed)| {
            let mut fields = programmed();
            change(&mut fields);
            Prescription::check(fields).expect_err("contradicts itself")
        };
        assert!(matches!(refused(|p| p.demand_dose = Dose::ZERO), Contradiction::DoseZero { allotment: 4 }));
        assert!(matches!(refused(|p| p.bolus_duration = p.lockout_interval), Contradiction::BolusDuration { .. }));
        assert!(matches!(refused(|p| p.bolus_duration = Millis::ZERO), Contradiction::BolusDuration { .. }));
        assert!(matches!(refused(|p| p.lockout_interval = Millis::from_mins(4)), Contradiction::Lockout { .. }));
        assert!(matches!(refused(|p| p.allotment = 49), Contradiction::Allotment { allotment: 49 }));
        assert!(matches!(refused(|p| p.concentration = Concentration::default()), Contradiction::ConcentrationZero));
        assert!(matches!(refused(|p| p.low_reservoir = p.reserve), Contradiction::Reservoir { .. }));
        assert!(matches!(refused(|p| p.window_limit.window = Millis::from_mins(1)), Contradiction::Window { .. }));
        assert!(matches!(refused(|p| p.basal = Bounded::new()), Contradiction::Basal { .. }));
        // proves R-PMP-23
        let long = refused(|p| p.patient_code = Some(PatientCode(10_000)));
        assert_eq!(long, Contradiction::PatientCode { code: 10_000 });
        assert!(matches!(
            refused(|p| p.window_limit.amount = Dose::from_micrograms(150)),
            Contradiction::AboveWindowLimit { .. }
        ));
    }

    #[test]
    fn each_bound_has_a_last_value_that_agrees_and_a_first_that_does_not() {
        type Change = fn(&mut Programmed);
        const MILLI: Millis = Millis::new(1);
        let wide = |window: Millis| WindowDoseLimit { amount: Dose::from_micrograms(2_000), window };
        let check = |change: &dyn Fn(&mut Programmed)| {
            let mut fields = programmed();
            change(&mut fields);
            Prescription::check(fields).is_ok()
        };
        let bounds: [(Change, Change); 9] = [
            (|p| p.allotment = 48, |p| p.allotment = 49),
            (|p| p.low_reservoir = Volume::from_microlitres(1_001), |p| p.low_reservoir = p.reserve),
            (|p| p.low_reservoir = Volume::from_microlitres(19_999), |p| p.low_reservoir = p.capacity),
            (|p| p.patient_code = Some(PatientCode(9_999)), |p| p.patient_code = Some(PatientCode(10_000))),
            (
                |p| p.bolus_duration = p.lockout_interval.saturating_sub(MILLI),
                |p| p.bolus_duration = p.lockout_interval,
            ),
            (
                |p| p.window_limit.amount = Dose::from_nanograms(154_000),
                |p| p.window_limit.amount = Dose::from_nanograms(153_999),
            ),
            (
                |p| (p.allotment, p.window_limit.amount) = (0, Dose::from_nanograms(104_000)),
                |p| (p.allotment, p.window_limit.amount) = (1, Dose::from_nanograms(104_000)),
            ),
            (|p| p.basal = from_minutes([0, 1_439]), |p| p.basal = from_minutes([0, 1_440])),
            (|p| p.basal = from_minutes([0, 1, 2]), |p| p.basal = from_minutes([0, 1, 1])),
        ];
        // proves R-PMP-23
        for (number, (agrees, contradicts)) in bounds.into_iter().enumerate() {
            assert_eq!((check(&agrees), check(&contradicts)), (true, false), "bound {number}");
        }
        assert!(!check(&|p| p.basal = from_minutes([1, 2])), "a day begins at midnight");
        assert_eq!(REACH_MAX, Millis::from_hours(168));
        let around = |least: Millis, most: Millis| {
            [(least.saturating_sub(MILLI), false), (least, true), (most, true), (most.saturating_add(MILLI), false)]
        };
        for (window, agrees) in around(Millis::from_hours(1), REACH_MAX) {
            assert_eq!(check(&|p| p.window_limit = wide(window)), agrees, "a dose limit over {window}");
        }
        for (lockout, agrees) in around(LOCKOUT_MIN, REACH_MAX) {
            let change = |p: &mut Programmed| (p.lockout_interval, p.bolus_duration) = (lockout, Millis::from_mins(1));
            assert_eq!(check(&change), agrees, "a lockout of {lockout}");
        }
    }

    fn from_minutes<const N: usize>(minutes: [u16; N]) -> Bounded<BasalSegment, BASAL_SEGMENTS_MAX> {
        let rate = BasalRate::from_nanograms_per_hour(4_000);
        Bounded::filled_from(minutes.map(|from_minute| BasalSegment { from_minute, rate }))
    }

    #[test]
    fn an_allotment_of_zero_is_valid_and_needs_no_dose() {
        let off = Programmed { allotment: 0, demand_dose: Dose::ZERO, ..programmed() };
        let prescription = Prescription::check(off).expect("switched off is not a contradiction");
        assert!(!prescription.demand_doses_on());
        assert!(Prescription::check(programmed()).expect("agrees").demand_doses_on());
    }

    #[test]
    fn a_bolus_lasts_less_than_the_lockout_even_where_demand_doses_are_off() {
        let off = Programmed { allotment: 0, bolus_duration: Millis::ZERO, ..programmed() };
        assert!(Prescription::check(off.clone()).is_ok());
        let endless = Programmed { bolus_duration: Millis::MAX, ..off };
        assert!(matches!(Prescription::check(endless), Err(Contradiction::BolusDuration { .. })));
    }

    #[test]
    fn the_fullest_window_is_found_wherever_it_begins() {
        let prescription = Prescription::check(programmed()).expect("agrees");
        let most = |hours| prescription.most_basal_in(Millis::from_hours(hours));
        assert_eq!(most(2), Dose::from_micrograms(16), "the two hours before midnight");
        assert_eq!(most(4), Dose::from_micrograms(24), "two at night, two beside them");
        assert_eq!(most(24), Dose::from_micrograms(104));
        assert_eq!(most(26), Dose::from_micrograms(120), "a whole day and the fullest two hours");

        let most = |rates: [(u16, u32); 3], hours| {
            let rate = BasalRate::from_nanograms_per_hour;
            let segment = |(from, an_hour)| BasalSegment { from_minute: from * 60, rate: rate(an_hour * 1_000) };
            let basal = Bounded::filled_from(rates.map(segment));
            let prescription = Prescription::check(Programmed { basal, ..programmed() }).expect("agrees");
            prescription.most_basal_in(Millis::from_hours(hours))
        };
        assert_eq!(
            most([(0, 4), (20, 6), (22, 8)], 3),
            Dose::from_micrograms(22),
            "it ends at a border, and begins at none"
        );
        assert_eq!(most([(0, 4), (8, 8), (12, 2)], 5), Dose::from_micrograms(36), "at a border by day, too");
        assert_eq!(most([(0, 8), (2, 4), (22, 6)], 4), Dose::from_micrograms(28), "over midnight");
        assert_eq!(most([(0, 8), (2, 4), (22, 6)], 6), Dose::from_micrograms(36), "over midnight and on");
    }

    #[test]
    fn the_rate_is_the_one_of_the_segment_that_has_begun() {
        let prescription = Prescription::check(programmed()).expect("agrees");
        let rates =
            [0, 22 * 60 - 1, 22 * 60, 24 * 60 - 1].map(|minute| prescription.basal_at(minute).nanograms_per_hour());
        assert_eq!(rates, [4_000, 4_000, 8_000, 8_000]);
    }
}
