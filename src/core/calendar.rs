//! What a calendar shows: for people, and for nothing that is decided.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime},
};
use pump_protocol::clock::CivilTime;

const DAY_MS: i64 = 24 * 3_600_000;

/// Date and time of day; `None` for a time out of any calendar.
pub fn date_time(time: CivilTime) -> Option<DateTime> {
    let begin = Date::constant(1970, 1, 1).at(0, 0, 0, 0);
    begin.checked_add(SignedDuration::from_millis(time.millis())).ok()
}

/// The date of a day counted from 1970-01-01; `None` for one out of any calendar.
pub fn date(day: i64) -> Option<Date> {
    date_time(CivilTime::from_millis(day.saturating_mul(DAY_MS))).map(DateTime::date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_date_of_its_midnight_and_no_number_is_too_large_to_ask() {
        assert_eq!(date(20_778), Some(Date::constant(2026, 11, 21)));
        assert_eq!(date(-1), Some(Date::constant(1969, 12, 31)));
        assert_eq!(date_time(CivilTime::from_millis(DAY_MS - 1)).map(DateTime::date), Some(Date::constant(1970, 1, 1)));
        assert_eq!([i64::MIN, i64::MAX].map(date), [None, None]);
    }
}
