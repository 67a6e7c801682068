//! Five clocks, and which of them may decide anything.
//!
//! - [`Uptime`]: the remote's boot-time clock. It runs through suspend and starts anew at every boot, so it is only ever
//!   compared within one [`BootId`]. Lockouts, holds and deadlines are judged by it.
//! - [`PumpTime`]: the pump's monotonic clock, with the epoch that a pump reset begins. Lockouts are judged by it too.
//! - [`CivilTime`]: the pump's calendar and time of day, which the clinic sets. The basal programme follows it; no lockout does.
//! - [`WallTime`]: what the patient's clock shows. It is shown and recorded, and decides nothing.
//! - [`Now`]: one sample of the remote's clocks, taken once a turn by the shell.

use core::fmt;

use crate::{
    quantity::Millis,
    wire::{wire_newtype, wire_struct},
};

/// Milliseconds since the remote booted, suspend included (`CLOCK_BOOTTIME`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uptime(u64);

/// Which boot of the remote an [`Uptime`] belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BootId(pub [u8; 16]);

/// A point on the pump's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PumpTime {
    /// Counts the pump's resets. Times of two epochs can't be compared: the time in between is unknown.
    pub epoch: u32,
    /// Since the epoch began.
    pub since_epoch: Millis,
}

/// What the pump's calendar and clock show, as somebody beside it would read them: local, without a time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilTime(i64);

/// A moment as a person's clock shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WallTime {
    /// Milliseconds since 1970-01-01 00:00 UTC.
    pub unix_ms: i64,
    /// Minutes east of UTC where the person is.
    pub utc_offset_min: i16,
}

/// One sample of the remote's clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
// keeps R-CLK-01
pub struct Now {
    /// The boot that `uptime` counts from.
    pub boot: BootId,
    /// Since that boot.
    pub uptime: Uptime,
    /// `None` while the wall clock is in doubt; then clock times are hidden, and nothing else changes.
    pub wall: Option<WallTime>,
}

wire_newtype!(Uptime(u64), BootId([u8; 16]), CivilTime(i64));
wire_struct!(PumpTime { epoch, since_epoch });
wire_struct!(WallTime { unix_ms, utc_offset_min });
wire_struct!(Now { boot, uptime, wall });

impl Uptime {
    /// From milliseconds since boot.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// In milliseconds since boot.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The time passed since `earlier`; nothing if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Millis {
        Millis::new(self.0.saturating_sub(earlier.0))
    }

    /// The moment `after` later; never wraps.
    #[must_use]
    pub const fn after(self, after: Millis) -> Self {
        Self(self.0.saturating_add(after.get()))
    }
}

impl PumpTime {
    /// A point `since_epoch` into that epoch.
    pub const fn new(epoch: u32, since_epoch: Millis) -> Self {
        Self { epoch, since_epoch }
    }

    /// The time passed since `earlier`, nothing if it is later; `None` across a reset of the pump.
    pub fn since(self, earlier: Self) -> Option<Millis> {
        (self.epoch == earlier.epoch).then(|| self.since_epoch.saturating_sub(earlier.since_epoch))
    }

    /// The moment `after` later in the same epoch.
    #[must_use]
    pub const fn after(self, after: Millis) -> Self {
        Self { epoch: self.epoch, since_epoch: self.since_epoch.saturating_add(after) }
    }
}

impl CivilTime {
    /// From milliseconds since 1970-01-01 00:00 on the same calendar.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// In milliseconds since 1970-01-01 00:00 on the same calendar.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Milliseconds after midnight.
    pub fn of_day(self) -> Millis {
        Millis::new(self.0.rem_euclid(24 * 3_600_000).unsigned_abs())
    }

    /// Minutes after midnight, 0 to 1439.
    pub fn minute_of_day(self) -> u16 {
        u16::try_from(self.of_day().get() / 60_000).unwrap_or(0)
    }

    /// What it shows `after` later, if nobody sets it; never wraps.
    #[must_use]
    pub const fn after(self, after: Millis) -> Self {
        Self(self.0.saturating_add_unsigned(after.get()))
    }

    /// How far apart two readings are, whichever is later.
    pub const fn apart(self, other: Self) -> Millis {
        Millis::new(self.0.abs_diff(other.0))
    }
}

impl WallTime {
    /// What a clock on the same wall shows, without its zone.
    pub fn civil(self) -> CivilTime {
        CivilTime(self.unix_ms.saturating_add(i64::from(self.utc_offset_min) * 60_000))
    }

    /// The moment `after` later by the same clock.
    #[must_use]
    pub fn after(self, after: Millis) -> Self {
        let unix_ms = self.unix_ms.saturating_add_unsigned(after.get());
        Self { unix_ms, ..self }
    }

    /// Hour and minute as the person's clock shows them.
    pub fn hour_minute(self) -> (u8, u8) {
        let minute_of_day = self.civil().minute_of_day();
        let narrow = |part: u16| u8::try_from(part).unwrap_or(0);
        (narrow(minute_of_day / 60), narrow(minute_of_day % 60))
    }

    /// The local day, counted from 1970-01-01.
    pub fn day(self) -> i64 {
        self.unix_ms.div_euclid(60_000).saturating_add(i64::from(self.utc_offset_min)).div_euclid(24 * 60)
    }
}

impl fmt::Display for WallTime {
    /// `18:40`, as the person's clock shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute) = self.hour_minute();
        write!(f, "{hour:02}:{minute:02}")
    }
}

impl fmt::Display for PumpTime {
    /// `2+3600000`: epoch, and milliseconds in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.epoch, self.since_epoch.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_two_pump_epochs_are_not_compared() {
        let before = PumpTime::new(1, Millis::from_hours(5));
        let after_reset = PumpTime::new(2, Millis::from_hours(6));
        assert_eq!(after_reset.since(before), None);
        assert_eq!(before.after(Millis::from_secs(3)).since(before), Some(Millis::from_secs(3)));
        assert_eq!(
            before.since(before.after(Millis::from_secs(3))),
            Some(Millis::ZERO),
            "a clock never runs backwards here"
        );
    }

    #[test]
    fn a_wall_clock_shows_local_time_before_1970_too() {
        let wall = WallTime { unix_ms: -60_000, utc_offset_min: 60 };
        assert_eq!(wall.to_string(), "00:59");
        assert_eq!((wall.day(), wall.civil().minute_of_day()), (0, 59));
        let extreme = WallTime { unix_ms: i64::MIN, utc_offset_min: i16::MIN };
        let _ = (extreme.to_string(), extreme.day(), extreme.after(Millis::MAX));
    }

    #[test]
    fn a_reading_is_what_it_was_made_of_and_moves_by_what_passes() {
        let (hour, minute) = (3_600_000, 60_000);
        assert_eq!(Uptime::from_millis(5).after(Millis::new(2)).millis(), 7);
        assert_eq!(CivilTime::from_millis(-5).after(Millis::new(7)).millis(), 2);
        assert_eq!(PumpTime::new(2, Millis::new(70)).to_string(), "2+70");
        let wall = WallTime { unix_ms: 3 * 24 * hour + 23 * hour + 45 * minute, utc_offset_min: 30 };
        assert_eq!((wall.day(), wall.hour_minute(), wall.to_string()), (4, (0, 15), "00:15".to_owned()));
        let later = wall.after(Millis::from_hours(18));
        assert_eq!((later.day(), later.hour_minute(), later.utc_offset_min), (4, (18, 15), 30));
        assert_eq!((later.civil().of_day(), later.civil().minute_of_day()), (Millis::from_mins(1095), 1095));
        assert_eq!(CivilTime::from_millis(-1).of_day(), Millis::new(24 * 3_600_000 - 1));
        assert_eq!(CivilTime::from_millis(-1).apart(CivilTime::from_millis(3)), Millis::new(4));
    }
}
