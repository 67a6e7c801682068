//! What the clinic changed, told to the patient once and until it has been read.
//!
//! # Promises
//! - Each kind of change stands at most once: of two, the first's "from" and the second's "to". What was changed back is not told.

use pump_protocol::{
    prescription::{ALLOTMENT_WINDOW, Prescription, Programmed, WindowDoseLimit},
    quantity::{Concentration, Dose, Millis, Volume},
    wire::{Bounded, Text, wire_enum},
};

/// There are fewer kinds of change than this.
pub const CHANGES_MAX: usize = 12;

/// Changes that nobody has read yet, the most important first.
pub type Changes = Bounded<Change, CHANGES_MAX>;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// What one request gives.
    DemandDose {
        /// Before.
        from: Dose,
        /// Now.
        to: Dose,
    },
    /// How many demand doses in 24 hours; 0 is: switched off.
    Allotment {
        /// Before.
        from: u8,
        /// Now.
        to: u8,
    },
    /// From one dose to the next.
    Lockout {
        /// Before.
        from: Millis,
        /// Now.
        to: Millis,
    },
    /// The most drug from all sources in a window.
    WindowLimit {
        /// Before.
        from: WindowDoseLimit,
        /// Now.
        to: WindowDoseLimit,
    },
    /// The basal programme, as what it gives in a day; the same sum if only its hours changed.
    Basal {
        /// Before.
        from: Dose,
        /// Now.
        to: Dose,
    },
    /// Another drug.
    Drug {
        /// Before.
        from: Text<32>,
        /// Now.
        to: Text<32>,
    },
    /// Another liquid.
    Concentration {
        /// Before.
        from: Concentration,
        /// Now.
        to: Concentration,
    },
    /// Whether a patient code is asked for, or which one counts.
    PatientCode {
        /// Whether one is asked for now.
        asked: bool,
    },
    /// Capacity, thresholds or the length of a bolus.
    Details,
    /// The reservoir was filled.
    Refill {
        /// What it holds now.
        volume: Volume,
    },
}

wire_enum!(Change: u8 {
    0x0F => DemandDose { from, to },
    0x33 => Allotment { from, to },
    0x3C => Lockout { from, to },
    0x55 => WindowLimit { from, to },
    0x5A => Basal { from, to },
    0x66 => Drug { from, to },
    0x69 => Concentration { from, to },
    0x96 => PatientCode { asked },
    0x99 => Details,
    0xA5 => Refill { volume },
});

/// Everything that differs between two prescriptions, the most important first.
pub fn between(before: &Prescription, now: &Prescription) -> Vec<Change> {
    let (from, to) = (before.programmed(), now.programmed());
    let a_day = |known: &Prescription| known.most_basal_in(ALLOTMENT_WINDOW);
    let told = [
        (from.drug != to.drug).then(|| Change::Drug { from: from.drug.clone(), to: to.drug.clone() }),
        (from.demand_dose != to.demand_dose)
            .then_some(Change::DemandDose { from: from.demand_dose, to: to.demand_dose }),
        (from.allotment != to.allotment).then_some(Change::Allotment { from: from.allotment, to: to.allotment }),
        (from.lockout_interval != to.lockout_interval)
            .then_some(Change::Lockout { from: from.lockout_interval, to: to.lockout_interval }),
        (from.window_limit != to.window_limit)
            .then_some(Change::WindowLimit { from: from.window_limit, to: to.window_limit }),
        (from.basal != to.basal).then(|| Change::Basal { from: a_day(before), to: a_day(now) }),
        (from.concentration != to.concentration)
            .then_some(Change::Concentration { from: from.concentration, to: to.concentration }),
        (from.patient_code != to.patient_code).then_some(Change::PatientCode { asked: to.patient_code.is_some() }),
        (details(from) != details(to)).then_some(Change::Details),
    ];
    told.into_iter().flatten().collect()
}

// keeps R-ANS-20
/// Puts a change with those that nobody has read yet.
pub fn tell(untold: &mut Changes, change: Change) {
    let earlier = untold.iter().find(|earlier| same_kind(earlier, &change)).cloned();
    untold.retain(|earlier| !same_kind(earlier, &change));
    if let Some(change) = joined(earlier, change) {
        // There are fewer kinds than places, and each stands once.
        let _ = untold.push(change);
    }
    // A page has room for the first of them.
    untold.as_mut_slice().sort_by_key(rank);
}

/// The most important first.
const fn rank(change: &Change) -> u8 {
    match change {
        Change::Drug { .. } => 0,
        Change::DemandDose { .. } => 1,
        Change::Allotment { .. } => 2,
        Change::Lockout { .. } => 3,
        Change::WindowLimit { .. } => 4,
        Change::Basal { .. } => 5,
        Change::Concentration { .. } => 6,
        Change::PatientCode { .. } => 7,
        Change::Details => 8,
        Change::Refill { .. } => 9,
    }
}

const fn details(programmed: &Programmed) -> (Millis, Volume, Volume, Volume) {
    (programmed.bolus_duration, programmed.capacity, programmed.low_reservoir, programmed.reserve)
}

fn same_kind(one: &Change, other: &Change) -> bool {
    core::mem::discriminant(one) == core::mem::discriminant(other)
}

/// Two changes of one kind as one; `None` if the second took the first back.
fn joined(earlier: Option<Change>, later: Change) -> Option<Change> {
    use Change::{Allotment, Basal, Concentration, DemandDose, Drug, Lockout, WindowLimit};
    let Some(earlier) = earlier else { return Some(later) };
    match (earlier, later) {
        (DemandDose { from, .. }, DemandDose { to, .. }) => (from != to).then_some(DemandDose { from, to }),
        (Allotment { from, .. }, Allotment { to, .. }) => (from != to).then_some(Allotment { from, to }),
        (Lockout { from, .. }, Lockout { to, .. }) => (from != to).then_some(Lockout { from, to }),
        (WindowLimit { from, .. }, WindowLimit { to, .. }) => (from != to).then_some(WindowLimit { from, to }),
        (Drug { from, .. }, Drug { to, .. }) => (from != to).then_some(Drug { from, to }),
        (Concentration { from, .. }, Concentration { to, .. }) => (from != to).then_some(Concentration { from, to }),
        // The hours may differ though the sum is the same: told anyway.
        (Basal { from, .. }, Basal { to, .. }) => Some(Basal { from, to }),
        // What has no "from": the latest counts.
        (_, later) => Some(later),
    }
}

#[cfg(test)]
mod tests {
    use pump_protocol::prescription::PatientCode;

    use super::*;
    use crate::fixtures::morphine;

    fn with(change: impl FnOnce(&mut Programmed)) -> Prescription {
        let mut programmed = morphine().programmed().clone();
        change(&mut programmed);
        Prescription::check(programmed).expect("agrees")
    }

    fn dose(from: u32, to: u32) -> Change {
        Change::DemandDose { from: Dose::from_micrograms(from), to: Dose::from_micrograms(to) }
    }

    #[test]
    fn each_difference_is_told_and_sameness_is_not() {
        assert_eq!(between(&morphine(), &morphine()), []);
        assert_eq!(
            between(&morphine(), &with(|p| p.version = 9)),
            [],
            "a new number alone changes nothing for anybody"
        );
        let changed = with(|p| {
            p.demand_dose = Dose::from_micrograms(60);
            p.allotment = 3;
            p.reserve = Volume::from_microlitres(900);
        });
        let told = between(&morphine(), &changed);
        assert_eq!(told, [dose(50, 60), Change::Allotment { from: 4, to: 3 }, Change::Details]);
    }

    #[test]
    fn two_changes_of_one_kind_are_one_and_one_taken_back_is_none() {
        let mut untold = Changes::default();
        tell(&mut untold, dose(50, 60));
        tell(&mut untold, Change::Details);
        tell(&mut untold, dose(60, 70));
        assert_eq!(untold.to_vec(), [dose(50, 70), Change::Details]);
        tell(&mut untold, dose(70, 50));
        assert_eq!(untold.to_vec(), [Change::Details]);
    }

    #[test]
    fn what_matters_most_stands_first_in_whatever_order_it_was_told() {
        let mut untold = Changes::default();
        tell(&mut untold, Change::Refill { volume: Volume::from_microlitres(20_000) });
        tell(&mut untold, Change::Details);
        tell(&mut untold, Change::Lockout { from: Millis::from_hours(2), to: Millis::from_hours(3) });
        tell(&mut untold, dose(50, 100));
        let [from, to] = ["morphine", "hydromorphone"].map(|drug| Text::new(drug).expect("short"));
        tell(&mut untold, Change::Drug { from, to });
        let kinds = untold.iter().map(rank);
        // proves R-ANS-19
        assert_eq!(kinds.collect::<Vec<_>>(), [0, 1, 3, 8, 9]);
    }

    #[test]
    fn each_thing_that_changes_alone_is_told_alone() {
        type Altered = fn(&mut Programmed);
        let cases: [(Altered, Change); 4] = [
            (
                |p| p.drug = Text::new("hydromorphone").expect("short"),
                Change::Drug {
                    from: Text::new("morphine").expect("short"),
                    to: Text::new("hydromorphone").expect("short"),
                },
            ),
            (|p| p.bolus_duration = Millis::from_mins(3), Change::Details),
            (|p| p.capacity = Volume::from_microlitres(40_000), Change::Details),
            (|p| p.patient_code = Some(PatientCode(1234)), Change::PatientCode { asked: true }),
        ];
        for (altered, told) in cases {
            // proves R-ANS-19
            assert_eq!(between(&morphine(), &with(altered)), [told]);
        }
    }

    #[test]
    fn each_kind_keeps_its_first_from_and_its_last_to() {
        let joins = |first: Change, second: Change, back: Change| {
            let mut untold = Changes::default();
            tell(&mut untold, first);
            tell(&mut untold, second);
            let joined = untold.to_vec();
            tell(&mut untold, back);
            (joined, untold.to_vec())
        };
        let drug = |from: &str, to: &str| Change::Drug { from: Text::new(from).unwrap(), to: Text::new(to).unwrap() };
        let joined = joins(drug("a", "b"), drug("b", "c"), drug("c", "a"));
        assert_eq!(joined, (vec![drug("a", "c")], vec![]));
        let allotment = |from, to| Change::Allotment { from, to };
        let joined = joins(allotment(4, 3), allotment(3, 2), allotment(2, 4));
        assert_eq!(joined, (vec![allotment(4, 2)], vec![]));
        let lockout = |from, to| Change::Lockout { from: Millis::from_hours(from), to: Millis::from_hours(to) };
        let joined = joins(lockout(2, 3), lockout(3, 4), lockout(4, 2));
        assert_eq!(joined, (vec![lockout(2, 4)], vec![]));
        let liquid = |from, to| Change::Concentration {
            from: Concentration::from_micrograms_per_millilitre(from),
            to: Concentration::from_micrograms_per_millilitre(to),
        };
        let joined = joins(liquid(2, 3), liquid(3, 4), liquid(4, 2));
        assert_eq!(joined, (vec![liquid(2, 4)], vec![]));
    }

    #[test]
    fn other_hours_of_the_same_sum_are_told() {
        let basal = |from, to| Change::Basal { from: Dose::from_micrograms(from), to: Dose::from_micrograms(to) };
        let mut untold = Changes::default();
        tell(&mut untold, basal(96, 100));
        tell(&mut untold, basal(100, 96));
        assert_eq!(untold.to_vec(), [basal(96, 96)]);
    }

    #[test]
    fn a_window_limit_set_and_set_back_is_not_told() {
        let of = |mcg| WindowDoseLimit { amount: Dose::from_micrograms(mcg), window: Millis::from_hours(24) };
        let limit = |from, to| Change::WindowLimit { from: of(from), to: of(to) };
        let mut untold = Changes::default();
        tell(&mut untold, limit(400, 500));
        tell(&mut untold, limit(500, 300));
        assert_eq!(untold.to_vec(), [limit(400, 300)]);
        tell(&mut untold, limit(300, 400));
        assert!(untold.is_empty());
    }
}
