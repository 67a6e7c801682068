//! What the registers of a MAX17048 or MAX17049 mean, in integers; and the reading of them over I²C.
//!
//! The figures are the data sheet's (Maxim 19-6171): every register is a big-endian word.

use std::fmt;

use super::{Reading, Refused};

/// Where the chip answers.
#[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
const ADDRESS: u16 = 0x36;
/// A cell's voltage is counted in 78.125 µV.
const MICROVOLTS: [u32; 2] = [625, 8];
/// What a lithium cell can have, in millivolts: below, its protection has switched it off; above, it would burn.
const CELL_MV: std::ops::RangeInclusive<u32> = 2_500..=4_500;
/// The gauge's model may run a little over; more is nonsense. In thousandths of a percent.
const CHARGE_MAX: u32 = 110_000;
/// The rate is counted in 0.208 % an hour.
const RATE_UNIT: i32 = 208;
/// No handheld's cell is filled or emptied faster than four times an hour. In thousandths of a percent an hour.
const RATE_MAX: i32 = 400_000;
/// Faster than this it is being charged; a cell that rests after a load creeps up slower.
const CHARGING: i32 = 2_000;

/// The registers that matter, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// 0x08: which chip.
    pub version: u16,
    /// 0x02: the cell's voltage.
    pub voltage: u16,
    /// 0x04: its charge, in 1/256 %.
    pub charge: u16,
    /// 0x16: how fast it fills; negative, how fast it empties.
    pub rate: u16,
}

/// Why the words are no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonsense {
    /// All ones: nobody drives the bus.
    Silence,
    /// Another chip, or none.
    Version(u16),
    /// A voltage that no cell has, in millivolts.
    Voltage(u32),
    /// A charge over the full one, in thousandths of a percent.
    Charge(u32),
    /// A rate that no cell has, in thousandths of a percent an hour.
    Rate(i32),
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => write!(f, "it answers nothing but ones"),
            Self::Version(found) => write!(f, "version {found:#06x} is not of the MAX17048 family"),
            Self::Voltage(found) => write!(f, "a cell of {found} mV; 2500 to 4500 can be"),
            Self::Charge(found) => write!(f, "a charge of {} %", found / 1_000),
            Self::Rate(found) => write!(f, "a rate of {} % an hour", found / 1_000),
        }
    }
}

/// What the words say, unless they can't be true.
pub fn decode(words: Words) -> Result<Reading, Nonsense> {
    if [words.version, words.voltage, words.charge, words.rate] == [u16::MAX; 4] {
        return Err(Nonsense::Silence);
    }
    // 0x0011 and 0x0012 are known; the lowest digit counts the chip's revisions.
    if words.version & 0xFFF0 != 0x0010 {
        return Err(Nonsense::Version(words.version));
    }
    let millivolts = u32::from(words.voltage) * MICROVOLTS[0] / MICROVOLTS[1] / 1_000;
    if !CELL_MV.contains(&millivolts) {
        return Err(Nonsense::Voltage(millivolts));
    }
    let charge = u32::from(words.charge) * 1_000 / 256;
    if charge > CHARGE_MAX {
        return Err(Nonsense::Charge(charge));
    }
    let rate = i32::from(words.rate.cast_signed()) * RATE_UNIT;
    if rate.abs() > RATE_MAX {
        return Err(Nonsense::Rate(rate));
    }
    let draining = u32::try_from(-rate).ok().filter(|draining| *draining > 0);
    Ok(Reading { charge: charge.min(100_000), draining, charging: rate >= CHARGING })
}

/// Reads them. The bus is opened anew each time, so that a gauge that comes back is found again.
#[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
pub(super) fn read(bus: u8) -> Result<Reading, Refused> {
    use rppal::i2c::I2c;

    let words = || {
        let mut chip = I2c::with_bus(bus)?;
        chip.set_slave_address(ADDRESS)?;
        Ok(Words {
            version: chip.smbus_read_word_swapped(0x08)?,
            voltage: chip.smbus_read_word_swapped(0x02)?,
            charge: chip.smbus_read_word_swapped(0x04)?,
            rate: chip.smbus_read_word_swapped(0x16)?,
        })
    };
    let words = words().map_err(|error: rppal::i2c::Error| Refused::Unread(format!("I²C bus {bus}: {error}")))?;
    decode(words).map_err(Refused::Nonsense)
}

/// Without the library there is no bus.
#[cfg(not(all(target_os = "linux", feature = "raspberry-pi")))]
pub(super) fn read(_bus: u8) -> Result<Reading, Refused> {
    Err(Refused::Unread("this program was built without the raspberry-pi feature".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3.75 V, 50 %, emptying by 10.4 % an hour.
    const USUAL: Words = Words { version: 0x0012, voltage: 48_000, charge: 50 << 8, rate: (-50_i16).cast_unsigned() };

    #[test]
    fn the_words_of_the_data_sheet_are_read() {
        let usual = Reading { charge: 50_000, draining: Some(10_400), charging: false };
        assert_eq!(decode(USUAL), Ok(usual));
        assert_eq!(decode(Words { version: 0x0011, ..USUAL }), Ok(usual));
        let charging = decode(Words { rate: 100, ..USUAL }).unwrap();
        assert_eq!((charging.charging, charging.draining), (true, None));
        let resting = decode(Words { rate: 9, ..USUAL }).unwrap();
        assert!(!resting.charging, "1.9 % an hour is a cell that rests");
        assert_eq!(decode(Words { charge: 0x64FF, ..USUAL }).map(|full| full.charge), Ok(100_000), "a little over");
        assert_eq!(decode(Words { charge: 128, ..USUAL }).map(|low| low.charge), Ok(500));
    }

    #[test]
    fn what_can_t_be_true_is_refused_and_named() {
        let all_ones = Words { version: 0xFFFF, voltage: 0xFFFF, charge: 0xFFFF, rate: 0xFFFF };
        assert_eq!(decode(all_ones), Err(Nonsense::Silence));
        let all_zeros = Words { version: 0, voltage: 0, charge: 0, rate: 0 };
        assert_eq!(decode(all_zeros), Err(Nonsense::Version(0)));
        assert_eq!(decode(Words { version: 0x0003, ..USUAL }), Err(Nonsense::Version(3)));
        assert_eq!(decode(Words { voltage: 0, ..USUAL }), Err(Nonsense::Voltage(0)));
        assert_eq!(decode(Words { voltage: 0xFFFF, ..USUAL }), Err(Nonsense::Voltage(5_119)));
        assert_eq!(decode(Words { charge: 0xFFFF, ..USUAL }), Err(Nonsense::Charge(255_996)));
        assert_eq!(decode(Words { rate: 0x8000, ..USUAL }), Err(Nonsense::Rate(-6_815_744)));
        assert!(Nonsense::Voltage(5_119).to_string().contains("5119 mV"));
    }

    #[test]
    fn no_words_make_a_charge_over_the_full_one_or_a_panic() {
        for word in 0..=u16::MAX {
            for words in [
                Words { version: word, ..USUAL },
                Words { voltage: word, ..USUAL },
                Words { charge: word, ..USUAL },
                Words { rate: word, ..USUAL },
            ] {
                assert!(decode(words).is_err() || decode(words).is_ok_and(|reading| reading.charge <= 100_000));
            }
        }
    }
}
