//! Amounts as integers, each with its unit in the type.
//!
//! Floating point has no place in a dose: IDS's SFLOAT has twelve bits of mantissa and several encodings of one number.
//! Drug is counted in nanograms, because ziconotide is dosed in tenths of a microgram and a basal rate per hour is finer
//! still; volume in nanolitres, because one bolus moves a few microlitres out of twenty millilitres.
//!
//! # Promises
//! - No operation wraps: sums saturate, differences stop at zero, a conversion that can't be exact rounds towards the
//!   patient's safety (more drug used, less drug left).
//! - `Display` writes an amount so that it can't be misread: `0.5 mcg`, never `.5`; `5 mcg`, never `5.0`; never `µg`.

use core::fmt;

use crate::wire::wire_newtype;

/// An amount of drug, in nanograms. Range: 0 to 4.29 g.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dose(u32);

/// A volume of liquid, in nanolitres. Range: 0 to 4.29 L.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Volume(u32);

/// How much drug one millilitre holds, in nanograms. Range: 0 to 4.29 g/mL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Concentration(u32);

/// How fast the pump delivers without being asked, in nanograms an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BasalRate(u32);

/// A length of time, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(u64);

wire_newtype!(Dose(u32), Volume(u32), Concentration(u32), BasalRate(u32), Millis(u64));

impl Dose {
    /// No drug at all.
    pub const ZERO: Self = Self(0);

    /// From whole micrograms; saturates above 4.29 g.
    pub const fn from_micrograms(micrograms: u32) -> Self {
        Self(micrograms.saturating_mul(1000))
    }

    /// From nanograms.
    pub const fn from_nanograms(nanograms: u32) -> Self {
        Self(nanograms)
    }

    /// In nanograms.
    pub const fn nanograms(self) -> u32 {
        self.0
    }

    /// The sum, at most 4.29 g.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The volume that holds this much drug, rounded up; `None` if the liquid holds no drug.
    pub fn volume_at(self, concentration: Concentration) -> Option<Volume> {
        let nanolitres = (u64::from(self.0) * 1_000_000).checked_div(u64::from(concentration.0))?;
        let exact = nanolitres * u64::from(concentration.0) == u64::from(self.0) * 1_000_000;
        Some(Volume(saturate(nanolitres + u64::from(!exact))))
    }
}

impl Volume {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From nanolitres.
    pub const fn from_nanolitres(nanolitres: u32) -> Self {
        Self(nanolitres)
    }

    /// From microlitres; saturates above 4.29 L.
    pub const fn from_microlitres(microlitres: u32) -> Self {
        Self(microlitres.saturating_mul(1000))
    }

    /// In nanolitres.
    pub const fn nanolitres(self) -> u32 {
        self.0
    }

    /// The sum, at most 4.29 L.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// How full a reservoir of this capacity is, in whole percent, rounded down and at most 100.
    pub fn percent_of(self, capacity: Self) -> u8 {
        let percent = (u64::from(self.0) * 100).checked_div(u64::from(capacity.0)).unwrap_or(0).min(100);
        u8::try_from(percent).unwrap_or(100)
    }
}

impl Concentration {
    /// From micrograms a millilitre; saturates above 4.29 g/mL.
    pub const fn from_micrograms_per_millilitre(micrograms: u32) -> Self {
        Self(micrograms.saturating_mul(1000))
    }

    /// In nanograms a millilitre.
    pub const fn nanograms_per_millilitre(self) -> u32 {
        self.0
    }
}

impl BasalRate {
    /// From nanograms an hour.
    pub const fn from_nanograms_per_hour(nanograms: u32) -> Self {
        Self(nanograms)
    }

    /// In nanograms an hour.
    pub const fn nanograms_per_hour(self) -> u32 {
        self.0
    }

    /// What is delivered at this rate in that time, rounded up.
    pub fn over(self, time: Millis) -> Dose {
        let nanogram_ms = u128::from(self.0) * u128::from(time.0);
        Dose(u32::try_from(nanogram_ms.div_ceil(3_600_000)).unwrap_or(u32::MAX))
    }
}

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// More time than any clock here can count.
    pub const MAX: Self = Self(u64::MAX);

    /// From milliseconds.
    pub const fn new(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// From seconds; saturates.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From minutes; saturates.
    pub const fn from_mins(minutes: u64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }

    /// From hours; saturates.
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_mins(hours.saturating_mul(60))
    }

    /// In milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// In whole seconds, rounded up: a countdown that reads zero has ended.
    pub const fn secs_ceil(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// The sum, which never wraps.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<Millis> for core::time::Duration {
    fn from(millis: Millis) -> Self {
        Self::from_millis(millis.0)
    }
}

impl fmt::Display for Dose {
    /// `50 mcg`, `0.5 mcg`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        thousandths(f, self.0, "mcg")
    }
}

impl fmt::Display for Volume {
    /// `18.2 mL`: what a reservoir can be known to, one decimal, rounded down.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        thousandths(f, self.0 / 100_000 * 100, "mL")
    }
}

impl fmt::Display for Concentration {
    /// `2000 mcg/mL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        thousandths(f, self.0, "mcg/mL")
    }
}

impl fmt::Display for BasalRate {
    /// `4.166 mcg/h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        thousandths(f, self.0, "mcg/h")
    }
}

impl fmt::Display for Millis {
    /// `2 h 05 min`, `4 min 10 s`, `12 s`: the two largest units, the seconds rounded up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.secs_ceil();
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) => write!(f, "{s} s"),
            (0, m, s) => write!(f, "{m} min {s:02} s"),
            (h, m, _) => write!(f, "{h} h {m:02} min"),
        }
    }
}

// keeps R-DSP-01
/// Writes thousandths of a unit without a trailing zero and never without the leading one.
fn thousandths(f: &mut fmt::Formatter<'_>, value: u32, unit: &str) -> fmt::Result {
    let (whole, rest) = (value / 1000, value % 1000);
    if rest == 0 {
        return write!(f, "{whole} {unit}");
    }
    let decimals = format!("{rest:03}");
    write!(f, "{whole}.{} {unit}", decimals.trim_end_matches('0'))
}

fn saturate(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_so_that_it_cannot_be_misread() {
        for (dose, text) in
            [(0, "0 mcg"), (500, "0.5 mcg"), (5_000, "5 mcg"), (12_340, "12.34 mcg"), (1_000_000, "1000 mcg")]
        {
            // proves R-DSP-01
            assert_eq!(Dose::from_nanograms(dose).to_string(), text);
        }
        assert_eq!(Volume::from_nanolitres(18_299_999).to_string(), "18.2 mL");
        assert_eq!(Volume::from_microlitres(20_000).to_string(), "20 mL");
        assert_eq!(Millis::from_secs(7_500).to_string(), "2 h 05 min");
        assert_eq!(Millis::new(11_001).to_string(), "12 s");
    }

    #[test]
    fn a_conversion_rounds_towards_more_drug_used() {
        let concentration = Concentration::from_micrograms_per_millilitre(3000);
        let volume = Dose::from_micrograms(50).volume_at(concentration);
        assert_eq!(volume, Some(Volume::from_nanolitres(16_667)), "50 mcg of 3 mg/mL is 16.67 uL, rounded up");
        assert_eq!(Dose::from_micrograms(50).volume_at(Concentration::default()), None);
        let rate = BasalRate::from_nanograms_per_hour(4_166);
        assert_eq!(rate.over(Millis::from_hours(24)), Dose::from_nanograms(99_984));
        assert_eq!(rate.over(Millis::new(1)), Dose::from_nanograms(1), "a started nanogram counts");
    }

    #[test]
    fn nothing_wraps_at_the_ends_of_the_ranges() {
        let most = Dose::from_nanograms(u32::MAX);
        assert_eq!(most.saturating_add(most), most);
        assert_eq!(Dose::ZERO.saturating_sub(most), Dose::ZERO);
        assert_eq!(BasalRate::from_nanograms_per_hour(u32::MAX).over(Millis::MAX), most);
        assert_eq!(Volume::from_nanolitres(u32::MAX).percent_of(Volume::from_nanolitres(1)), 100);
        assert_eq!(Volume::from_nanolitres(1).percent_of(Volume::ZERO), 0);
    }

    #[test]
    fn every_unit_is_written_and_converted_as_it_says() {
        assert_eq!(Concentration::from_micrograms_per_millilitre(2000).to_string(), "2000 mcg/mL");
        assert_eq!(BasalRate::from_nanograms_per_hour(4_166).to_string(), "4.166 mcg/h");
        assert_eq!((Dose::from_micrograms(3).nanograms(), Volume::from_microlitres(3).nanolitres()), (3000, 3000));
        assert_eq!(Concentration::from_micrograms_per_millilitre(3).nanograms_per_millilitre(), 3000);
        assert_eq!(BasalRate::from_nanograms_per_hour(7).nanograms_per_hour(), 7);
        assert_eq!(Volume::from_nanolitres(3).saturating_add(Volume::from_nanolitres(4)), Volume::from_nanolitres(7));
        assert_eq!(Volume::from_nanolitres(7).saturating_sub(Volume::from_nanolitres(4)), Volume::from_nanolitres(3));
        assert_eq!(core::time::Duration::from(Millis::new(1_500)), core::time::Duration::from_millis(1_500));
        assert_eq!(Millis::from_hours(2), Millis::new(2 * 60 * 60 * 1000));
        assert_eq!((Millis::new(1_001).secs_ceil(), Millis::new(1_000).secs_ceil()), (2, 1));
        assert_eq!(
            (Millis::from_secs(250).to_string(), Millis::from_secs(59).to_string()),
            ("4 min 10 s".to_owned(), "59 s".to_owned())
        );
    }

    #[test]
    fn a_volume_that_comes_out_even_is_not_rounded() {
        let concentration = Concentration::from_micrograms_per_millilitre(2000);
        assert_eq!(Dose::from_micrograms(50).volume_at(concentration), Some(Volume::from_microlitres(25)));
        let capacity = Volume::from_microlitres(20_000);
        let percent = |microlitres| Volume::from_microlitres(microlitres).percent_of(capacity);
        assert_eq!((percent(0), percent(199), percent(5_000), percent(19_999), percent(20_000)), (0, 0, 25, 99, 100));
    }
}
