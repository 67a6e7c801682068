//! Amounts, times and counts as a person reads them.
//!
//! # Promises
//! - A number is never parted from its unit by a line break.
//! - Time left is never shown shorter than it is.

use core::fmt::Display;

use pump_core::{calendar, screen::DeliveryView};
use pump_protocol::{
    clock::WallTime,
    prescription::WindowDoseLimit,
    quantity::{Millis, Volume},
};
use pump_ui::{Ago, Span};
use slint::SharedString;

use super::looks::{ClockStyle, Looks};
use crate::shell::config::CardLine;

const NO_BREAK: &str = "\u{a0}";

/// How numbers and times are written in a language, and as the person wants the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Writing {
    decimal: char,
    clock: ClockStyle,
}

impl Writing {
    pub(super) fn of(looks: Looks) -> Self {
        Self { decimal: pump_ui::decimal_separator(looks.language.word()), clock: looks.clock }
    }

    // keeps R-DSP-02
    /// An amount with its unit: `50 mcg`, `0.5 mcg`, `0,5 mcg`.
    pub(super) fn amount(self, amount: impl Display) -> SharedString {
        let decimal = self.decimal.encode_utf8(&mut [0; 4]).to_owned();
        amount.to_string().replace('.', &decimal).replace(' ', NO_BREAK).into()
    }

    /// A length of time that the clinic programmed: `4 h`, `2 h 30 min`.
    pub(super) fn length(self, time: Millis) -> SharedString {
        let written = time.to_string();
        let whole = written.trim_end_matches(" 00 s").trim_end_matches(" 00 min");
        self.amount(whole)
    }

    /// `300 mcg / 24 h`.
    pub(super) fn limit(self, limit: WindowDoseLimit) -> SharedString {
        self.amount(format_args!("{} / {}", limit.amount, self.length(limit.window)))
    }

    /// `18:40` or `6:40 PM`, or nothing while the time is in doubt.
    pub(super) fn clock(self, at: Option<WallTime>) -> SharedString {
        at.map(|at| self.time_of_day(at.hour_minute())).unwrap_or_default()
    }

    /// The same for minutes after midnight.
    pub(super) fn begins_at(self, minute: u16) -> SharedString {
        let part = |value: u16| u8::try_from(value).unwrap_or(u8::MAX);
        self.time_of_day((part(minute / 60), part(minute % 60)))
    }

    // keeps R-DSP-14
    fn time_of_day(self, (hour, minute): (u8, u8)) -> SharedString {
        match self.clock {
            ClockStyle::TwentyFour => count(format_args!("{hour:02}:{minute:02}")),
            ClockStyle::Twelve => {
                let half = if hour < 12 { "AM" } else { "PM" };
                let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
                count(format_args!("{hour}:{minute:02}{NO_BREAK}{half}"))
            }
        }
    }

    /// The hour alone: `18`, or `6 PM`.
    pub(super) fn hour(self, hour: u8) -> SharedString {
        match self.clock {
            ClockStyle::TwentyFour => count(format_args!("{hour:02}")),
            ClockStyle::Twelve => self.time_of_day((hour, 0)).replace(":00", "").into(),
        }
    }

    /// The rate, while there is one.
    pub(super) fn rate(self, delivery: Option<DeliveryView>) -> SharedString {
        match delivery {
            Some(DeliveryView::Delivering { rate }) => self.amount(rate),
            Some(DeliveryView::Stopped { .. }) | None => SharedString::default(),
        }
    }
}

/// The same text with every word on a line of its own: as wide as its widest word.
pub(super) fn words_apart(text: &str) -> SharedString {
    text.replace(' ', "\n").into()
}

/// A count.
pub(super) fn count(count: impl Display) -> SharedString {
    count.to_string().into()
}

/// A name from the pump, with a question mark for each letter that the display's type lacks: no box, and no other type's letter.
pub(super) fn name(name: impl Display) -> SharedString {
    let legible = |letter| if CardLine::has_letter(letter) { letter } else { '?' };
    name.to_string().chars().map(legible).collect::<String>().into()
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
    calendar::date(day).map(|date| (count(date.day()), i32::from(date.month()))).unwrap_or_default()
}

/// Month and year of a day counted from 1970-01-01; nothing for a day out of any calendar.
pub(super) fn month(day: i64) -> SharedString {
    calendar::date(day).map(|date| format!("{:02}/{}", date.month(), date.year()).into()).unwrap_or_default()
}

/// The year of such a day; nothing for a day out of any calendar.
pub(super) fn year(day: i64) -> SharedString {
    calendar::date(day).map(|date| count(date.year())).unwrap_or_default()
}

/// The share of a whole, 0 to 1, for a gauge.
pub(super) fn share(part: Volume, whole: Volume) -> f32 {
    f32::from(part.percent_of(whole)) / 100.0
}

#[cfg(test)]
mod tests {
    use pump_protocol::quantity::Dose;

    use super::*;
    use crate::adapters::slint::looks::Language;

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
        let how = Writing::of(Looks::default());
        // proves R-DSP-02
        assert_eq!(how.amount(Dose::from_micrograms(50)), "50\u{a0}mcg");
        assert_eq!(how.amount(Dose::from_nanograms(500)), "0.5\u{a0}mcg");
    }

    #[test]
    fn a_decimal_is_written_as_the_language_does() {
        for &language in Language::ALL {
            let written = Writing::of(Looks { language, ..Looks::default() }).amount(Dose::from_nanograms(62_500));
            let expected = if language == Language::English { "62.5\u{a0}mcg" } else { "62,5\u{a0}mcg" };
            // proves R-DSP-14
            assert_eq!(written, expected, "{language:?}");
        }
    }

    #[test]
    fn a_time_of_day_has_twelve_hours_or_twenty_four() {
        let written = |clock, minute| Writing::of(Looks { clock, ..Looks::default() }).begins_at(minute);
        for (minute, twelve, twenty_four) in [
            (0, "12:00\u{a0}AM", "00:00"),
            (11 * 60 + 59, "11:59\u{a0}AM", "11:59"),
            (12 * 60, "12:00\u{a0}PM", "12:00"),
            (18 * 60 + 5, "6:05\u{a0}PM", "18:05"),
        ] {
            // proves R-DSP-14
            assert_eq!(written(ClockStyle::Twelve, minute), twelve);
            assert_eq!(written(ClockStyle::TwentyFour, minute), twenty_four);
        }
        let hour = |clock, hour| Writing::of(Looks { clock, ..Looks::default() }).hour(hour);
        assert_eq!([0, 6, 23].map(|at| hour(ClockStyle::Twelve, at)), ["12\u{a0}AM", "6\u{a0}AM", "11\u{a0}PM"]);
        assert_eq!([0, 6, 23].map(|at| hour(ClockStyle::TwentyFour, at)), ["00", "06", "23"]);
    }

    #[test]
    fn a_day_has_a_date() {
        assert_eq!(date(0), ("1".into(), 1));
        assert_eq!(date(20_778), ("21".into(), 11));
        assert_eq!(date(i64::MAX), (SharedString::default(), 0));
        assert_eq!((year(20_778), year(i64::MAX)), ("2026".into(), SharedString::default()));
    }
}
