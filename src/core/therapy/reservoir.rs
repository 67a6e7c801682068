//! How long the reservoir lasts, judged for the patient's safety: the fullest basal day and every allotted dose.
//!
//! The projection along time-of-day segments, and the date at basal alone, are not here yet.

use pump_protocol::{
    prescription::{ALLOTMENT_WINDOW, Prescription},
    quantity::Volume,
};

/// Whole days until the volume reaches the reserve, if every allotted dose is used.
pub fn days_left(prescription: &Prescription, volume: Volume) -> u32 {
    let programmed = prescription.programmed();
    let usable_nl = u128::from(volume.saturating_sub(programmed.reserve).nanolitres());
    let basal = u128::from(prescription.most_basal_in(ALLOTMENT_WINDOW).nanograms());
    let doses = u128::from(programmed.demand_dose.nanograms()) * u128::from(programmed.allotment);
    let usable_ng = usable_nl * u128::from(programmed.concentration.nanograms_per_millilitre()) / 1_000_000;
    let days = usable_ng.checked_div(basal + doses);
    days.map_or(u32::MAX, |days| u32::try_from(days).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::morphine;

    #[test]
    fn every_allotted_dose_and_the_basal_are_taken_from_what_is_above_the_reserve() {
        // 18.2 mL less 1 mL of reserve at 2 mg/mL are 34.4 mg; a day takes 96 mcg of basal and 200 mcg of doses.
        // proves R-CAR-05
        assert_eq!(days_left(&morphine(), Volume::from_microlitres(18_200)), 116);
        assert_eq!(days_left(&morphine(), Volume::from_microlitres(900)), 0);
    }
}
