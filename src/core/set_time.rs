//! A time of day that is being set by hand: what each step makes of it, and how far it can go.
//!
//! # Promises
//! - A step of one part leaves the others as they are: nobody who corrects the minute changes the day.
//! - No step leads out of [`EARLIEST`] and [`LATEST`], wherever it begins.

use pump_protocol::clock::CivilTime;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A clock that shows less was never set: 2026-01-01 00:00 UTC.
pub const NEVER_SET_BEFORE_MS: i64 = 1_767_225_600_000;
/// No clock is set to this or more: two days after 2100-01-01 00:00 UTC, so that the last day can be set in every zone.
pub const SET_BEFORE_MS: i64 = 4_102_444_800_000 + 2 * DAY_MS;
/// The first minute that can be set: far enough from [`NEVER_SET_BEFORE_MS`] that it is behind that in every zone.
pub const EARLIEST: CivilTime = CivilTime::from_millis(NEVER_SET_BEFORE_MS + 2 * DAY_MS);
/// The last one: 2099-12-31 23:59.
pub const LATEST: CivilTime = CivilTime::from_millis(SET_BEFORE_MS - 2 * DAY_MS - MINUTE_MS);

/// What is set apart from the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// The date, day by day.
    Day,
    /// From 23 on to 0, and back.
    Hour,
    /// From 59 on to 0, and back.
    Minute,
}

/// One step of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeStep {
    /// Which.
    pub part: TimePart,
    /// On, or back.
    pub on: bool,
}

/// Whether it can be set.
pub fn settable(time: CivilTime) -> bool {
    (EARLIEST..=LATEST).contains(&to_the_minute(time))
}

/// The nearest that can be set.
#[must_use]
pub fn nearest(time: CivilTime) -> CivilTime {
    if settable(time) { time } else { time.clamp(EARLIEST, LATEST) }
}

/// Without its seconds.
#[must_use]
pub const fn to_the_minute(time: CivilTime) -> CivilTime {
    CivilTime::from_millis(time.millis().div_euclid(MINUTE_MS).saturating_mul(MINUTE_MS))
}

/// What this step makes of it; a day that can't be set is no step.
#[must_use]
pub fn stepped(time: CivilTime, step: TimeStep) -> CivilTime {
    let before = to_the_minute(nearest(time));
    let by = |ms: i64| if step.on { ms } else { -ms };
    let (midnight, of_day) = (before.millis().div_euclid(DAY_MS) * DAY_MS, before.millis().rem_euclid(DAY_MS));
    let hour = of_day.div_euclid(HOUR_MS) * HOUR_MS;
    let after = CivilTime::from_millis(match step.part {
        TimePart::Day => before.millis() + by(DAY_MS),
        TimePart::Hour => midnight + (of_day + by(HOUR_MS)).rem_euclid(DAY_MS),
        TimePart::Minute => midnight + hour + (of_day + by(MINUTE_MS)).rem_euclid(HOUR_MS),
    });
    if settable(after) { after } else { before }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-22 at this hour and minute.
    fn at(hour: i64, minute: i64) -> CivilTime {
        CivilTime::from_millis(20_779 * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS)
    }

    fn step(part: TimePart, on: bool) -> TimeStep {
        TimeStep { part, on }
    }

    #[test]
    fn the_first_and_the_last_minute_that_can_be_set_are_as_they_are_told() {
        let day = |days: i64| days * 86_400_000;
        assert_eq!(EARLIEST.millis(), NEVER_SET_BEFORE_MS + day(2));
        assert_eq!(SET_BEFORE_MS, 4_102_444_800_000 + day(2), "two days after 2100 begins");
        assert_eq!(LATEST.millis(), 4_102_444_800_000 - 60_000, "a minute before it does");
    }

    #[test]
    fn each_part_goes_on_and_back_and_round() {
        use TimePart::{Day, Hour, Minute};
        for (from, part, on, to) in [
            (at(18, 40), Minute, true, at(18, 41)),
            (at(18, 40), Minute, false, at(18, 39)),
            (at(18, 59), Minute, true, at(18, 0)),
            (at(18, 0), Minute, false, at(18, 59)),
            (at(18, 40), Hour, true, at(19, 40)),
            (at(23, 40), Hour, true, at(0, 40)),
            (at(0, 40), Hour, false, at(23, 40)),
            (at(18, 40), Day, true, at(18 + 24, 40)),
            (at(18, 40), Day, false, at(18 - 24, 40)),
        ] {
            // proves R-CLK-11
            assert_eq!(stepped(from, step(part, on)), to, "{from:?} {part:?} {on}");
        }
        let between = CivilTime::from_millis(at(18, 40).millis() + 59_999);
        assert_eq!(stepped(between, step(Minute, true)), at(18, 41), "seconds are no part of what is set");
    }

    #[test]
    fn no_step_leads_over_an_end() {
        let day = |on| step(TimePart::Day, on);
        // proves R-CLK-11
        assert_eq!((stepped(EARLIEST, day(false)), stepped(LATEST, day(true))), (EARLIEST, LATEST));
        assert_eq!(stepped(CivilTime::from_millis(i64::MIN), day(true)).millis(), EARLIEST.millis() + DAY_MS);
        assert_eq!(stepped(CivilTime::from_millis(i64::MAX), day(false)).millis(), LATEST.millis() - DAY_MS);
        assert!(settable(EARLIEST) && settable(LATEST) && settable(CivilTime::from_millis(LATEST.millis() + 59_999)));
        assert!(!settable(CivilTime::from_millis(EARLIEST.millis() - 1)));
        assert!(!settable(CivilTime::from_millis(LATEST.millis() + MINUTE_MS)));
    }

    proptest! {
        #[test]
        fn a_step_changes_its_part_alone_and_stays_within(from in any::<i64>(), part in 0..3_u8, on in any::<bool>()) {
            let part = [TimePart::Day, TimePart::Hour, TimePart::Minute][usize::from(part)];
            let from = CivilTime::from_millis(from);
            let (before, after) = (to_the_minute(nearest(from)).millis(), stepped(from, step(part, on)));
            prop_assert!(settable(after));
            let after = after.millis();
            let parts = |ms: i64| [ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) / HOUR_MS, ms.rem_euclid(HOUR_MS)];
            let kept = parts(before).into_iter().zip(parts(after)).map(|(before, after)| before == after);
            let others = kept.enumerate().filter(|(nth, _)| *nth != part as usize);
            // proves R-CLK-11
            prop_assert!(others.into_iter().all(|(_, kept)| kept), "{before} {after}");
        }
    }
}
