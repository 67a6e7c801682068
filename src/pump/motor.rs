//! How drug moves: the basal programme, a bolus spread evenly over its duration, and what is left in the reservoir.
//!
//! Everything is counted in grains, a unit so small that neither a millisecond of basal nor a nanolitre of liquid has a
//! remainder. What was delivered is always computed from when it began, never summed up, so no rounding can drift.

use pump_protocol::{
    prescription::BasalSegment,
    quantity::{Concentration, Dose, Millis, Volume},
    wire::{Malformed, Reader, Wire},
};

/// Milliseconds in a civil day.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;
/// One nanogram. A millisecond at 1 ng/h is 5 grains; a nanolitre that holds 1 ng a millilitre is 18.
const GRAINS_IN_A_NANOGRAM: u128 = 18_000_000;
const GRAINS_IN_A_MS_AT_1_NG_AN_HOUR: u128 = 5;
const GRAINS_IN_A_NL_AT_1_NG_A_ML: u128 = 18;

/// An amount of drug, without remainder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Grains(pub(crate) u128);

impl Grains {
    pub(crate) fn of_dose(dose: Dose) -> Self {
        Self(u128::from(dose.nanograms()) * GRAINS_IN_A_NANOGRAM)
    }

    pub(crate) fn in_volume(volume: Volume, concentration: Concentration) -> Self {
        let per_nl = u128::from(concentration.nanograms_per_millilitre()) * GRAINS_IN_A_NL_AT_1_NG_A_ML;
        Self(u128::from(volume.nanolitres()) * per_nl)
    }

    /// In nanograms, rounded up: a started nanogram was given.
    pub(crate) fn dose(self) -> Dose {
        Dose::from_nanograms(u32::try_from(self.0.div_ceil(GRAINS_IN_A_NANOGRAM)).unwrap_or(u32::MAX))
    }

    /// The liquid that holds this much, rounded down: less is left rather than more.
    pub(crate) fn volume(self, concentration: Concentration) -> Volume {
        let per_nl = u128::from(concentration.nanograms_per_millilitre()) * GRAINS_IN_A_NL_AT_1_NG_A_ML;
        let nanolitres = self.0.checked_div(per_nl).unwrap_or(0);
        Volume::from_nanolitres(u32::try_from(nanolitres).unwrap_or(u32::MAX))
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Wire for Grains {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.array().map(|bytes| Self(u128::from_le_bytes(bytes)))
    }
}

/// What a bolus of this dose and duration has delivered after `elapsed`.
pub(crate) fn bolus_after(dose: Dose, duration: Millis, elapsed: Millis) -> Grains {
    let whole = Grains::of_dose(dose);
    if elapsed >= duration {
        return whole;
    }
    Grains(whole.0 * u128::from(elapsed.get()) / u128::from(duration.get().max(1)))
}

/// What the basal programme gives in `length`, beginning at this point of the civil day, which may lie in days past.
pub(crate) fn basal_in(basal: &[BasalSegment], from_ms: i128, length: Millis) -> Grains {
    let to_ms = from_ms + i128::from(length.get());
    let whole_days = to_ms.div_euclid(i128::from(DAY_MS)) - from_ms.div_euclid(i128::from(DAY_MS));
    let a_day = since_midnight(basal, DAY_MS);
    let days = u128::try_from(whole_days).unwrap_or(0) * a_day;
    let grains = days + since_midnight(basal, time_of_day(to_ms));
    Grains(grains.saturating_sub(since_midnight(basal, time_of_day(from_ms))))
}

/// What the programme gives from midnight to this time of day.
fn since_midnight(basal: &[BasalSegment], time_of_day_ms: u64) -> u128 {
    let ends = basal.iter().skip(1).copied().map(begins_ms).chain([DAY_MS]);
    let parts = basal.iter().zip(ends).map(|(segment, end)| {
        let ms = end.min(time_of_day_ms).saturating_sub(begins_ms(*segment));
        u128::from(ms) * u128::from(segment.rate.nanograms_per_hour()) * GRAINS_IN_A_MS_AT_1_NG_AN_HOUR
    });
    parts.sum()
}

/// When in the civil day a segment begins.
pub(crate) fn begins_ms(segment: BasalSegment) -> u64 {
    u64::from(segment.from_minute) * 60_000
}

fn time_of_day(ms: i128) -> u64 {
    u64::try_from(ms.rem_euclid(i128::from(DAY_MS))).unwrap_or(0)
}

/// The shortest time, from 1 ms to `most`, after which `holds`; `most` if it never does. `holds` must not turn back.
pub(crate) fn first_time(most: u64, holds: impl Fn(Millis) -> bool) -> u64 {
    if !holds(Millis::new(most)) {
        return most;
    }
    let (mut not_yet, mut held) = (0, most);
    while held - not_yet > 1 {
        let middle = not_yet + (held - not_yet) / 2;
        if holds(Millis::new(middle)) { held = middle } else { not_yet = middle }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use pump_protocol::quantity::BasalRate;

    fn basal() -> [BasalSegment; 2] {
        let segment = |from_minute, rate| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
        [segment(0, 4_000), segment(22 * 60, 8_000)]
    }

    #[test]
    fn basal_follows_the_time_of_day_forwards_and_back() {
        let hour = i128::from(DAY_MS / 24);
        let given = |from: i128, hours| basal_in(&basal(), from * hour, Millis::from_hours(hours)).dose();
        assert_eq!(given(0, 24), Dose::from_micrograms(104));
        assert_eq!(given(21, 4), Dose::from_micrograms(24), "over midnight");
        assert_eq!(given(-3, 4), Dose::from_micrograms(24), "the evening before");
        assert_eq!(given(5, 48), Dose::from_micrograms(208));
    }

    #[test]
    fn a_bolus_is_even_and_ends_exact() {
        let (dose, duration) = (Dose::from_micrograms(50), Millis::from_mins(4));
        assert_eq!(bolus_after(dose, duration, Millis::from_mins(1)).dose(), Dose::from_nanograms(12_500));
        assert_eq!(bolus_after(dose, duration, Millis::ZERO), Grains(0));
        assert_eq!(bolus_after(dose, duration, Millis::from_hours(1)).dose(), dose);
        assert_eq!(bolus_after(dose, duration, Millis::new(1)).dose(), Dose::from_nanograms(1), "a started nanogram");
    }
}
