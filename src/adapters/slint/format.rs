//! Amounts, times and counts as a person reads them.
//!
//! # Promises
//! - A number is never parted from its unit by a line break.
//! - Time left is never shown shorter than it is.

use core::fmt::Display;

use jiff::{ToSpan, civil};
use pump_core::screen::DeliveryView;
use pump_protocol::{
    clock::WallTime,
    prescription::WindowDoseLimit,
    quantity::{Millis, Volume},
};
use pump_ui::{Ago, Span};
use slint::SharedString;

const NO_BREAK: &str = "\u{a0}";

// keeps R-DSP-02
/// An amount with its unit: `50 mcg`.
pub(super) fn amount(amount: impl Display) -> SharedString {
    amount.to_string().replace(' ', NO_BREAK).into()
}

/// The same text with every word on a line of its own: as wide as its widest word.
pub(super) fn words_apart(text: &str) -> SharedString {
    text.replace(' ', "\n").into()
}

/// A count.
pub(super) fn count(count: impl Display) -> SharedString {
    count.to_string().into()
}

/// A length of time that the clinic programmed: `4 h`, `2 h 30 min`.
pub(super) fn length(time: Millis) -> SharedString {
    let written = time.to_string();
    let whole = written.trim_end_matches(" 00 s").trim_end_matches(" 00 min");
    amount(whole)
}

/// `300 mcg / 24 h`.
pub(super) fn limit(limit: WindowDoseLimit) -> SharedString {
    amount(format_args!("{} / {}", limit.amount, length(limit.window)))
}

/// `18:40`, or nothing while the time is in doubt.
pub(super) fn clock(at: Option<WallTime>) -> SharedString {
    at.map(count).unwrap_or_default()
}

// keeps R-DSP-08
/// Time left by its two largest units, rounded up.
pub(super) fn span(left: Millis) -> (Span, SharedString, SharedString) {
    let seconds = left.secs_ceil();
    if seconds < 60 {
        return (Span::Seconds, SharedString::default(), count(seconds));
    }
    if seconds < 3600 {
        return (Span::MinutesSeconds, count(seconds / 60), count(format_args!("{:02}", seconds % 60)));
    }
    let minutes = seconds.div_ceil(60);
    (Span::HoursMinutes, count(minutes / 60), count(format_args!("{:02}", minutes % 60)))
}

/// How long ago by its largest unit, rounded down.
pub(super) fn ago(minutes: u32) -> (Ago, SharedString) {
    match minutes {
        0 => (Ago::Now, SharedString::default()),
        1..120 => (Ago::Minutes, count(minutes)),
        120..2880 => (Ago::Hours, count(minutes / 60)),
        2880.. => (Ago::Days, count(minutes / 1440)),
    }
}

/// Day of the month and month of a day counted from 1970-01-01; nothing for a day out of any calendar.
pub(super) fn date(day: i64) -> (SharedString, i32) {
    let date = i32::try_from(day).ok().and_then(|day| civil::date(1970, 1, 1).checked_add(day.days()).ok());
    date.map(|date| (count(date.day()), i32::from(date.month()))).unwrap_or_default()
}

/// The share of a whole, 0 to 1, for a gauge.
pub(super) fn share(part: Volume, whole: Volume) -> f32 {
    f32::from(part.percent_of(whole)) / 100.0
}

/// The rate, while there is one.
pub(super) fn rate(delivery: Option<DeliveryView>) -> SharedString {
    match delivery {
        Some(DeliveryView::Delivering { rate }) => amount(rate),
        Some(DeliveryView::Stopped { .. }) | None => SharedString::default(),
    }
}

#[cfg(test)]
mod tests {
    use pump_protocol::quantity::Dose;

    use super::*;

    #[test]
    fn time_left_is_never_shown_shorter_than_it_is() {
        let shown = |ms| {
            let (span, major, minor) = span(Millis::new(ms));
            (span, major.to_string(), minor.to_string())
        };
        assert_eq!(shown(1), (Span::Seconds, String::new(), "1".into()));
        // proves R-DSP-08
        assert_eq!(shown(59_001), (Span::MinutesSeconds, "1".into(), "00".into()));
        assert_eq!(shown(3_599_000), (Span::MinutesSeconds, "59".into(), "59".into()));
        assert_eq!(shown(3_601_000), (Span::HoursMinutes, "1".into(), "01".into()));
    }

    #[test]
    fn a_number_stays_with_its_unit() {
        // proves R-DSP-02
        assert_eq!(amount(Dose::from_micrograms(50)), "50\u{a0}mcg");
        assert_eq!(amount(Dose::from_nanograms(500)), "0.5\u{a0}mcg");
    }

    #[test]
    fn a_day_has_a_date() {
        assert_eq!(date(0), ("1".into(), 1));
        assert_eq!(date(20_778), ("21".into(), 11));
        assert_eq!(date(i64::MAX), (SharedString::default(), 0));
    }
}
