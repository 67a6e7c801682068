//! What the clinic reads off the display with a phone: a few lines of text, as a QR code.
//!
//! ```text
//! PUMP-REMOTE 1
//! PUMP SIM-000042
//! RECORD 1204 9f86d081884c7d65
//! AT 2026-11-22 04:53
//! DAY TRIES GIVEN PART REFUSED UNSURE OTHERS
//! 2026-11-22 3 2 0 1 0 0
//! ```
//!
//! It proves nothing by itself. `RECORD` names the newest line by its number and the first eight bytes of its hash, so that the record,
//! which does prove what it says, can be held against it (`audit-tool lines`, `audit-tool verify`).

use std::fmt::Write as _;

use pump_core::{
    audit::tally::DayCounts,
    calendar,
    screen::{ClinicSummary, Day},
};
use pump_protocol::clock::WallTime;
use qrcodegen::{QrCode, QrCodeEcc};
use slint::{Image, Rgb8Pixel, SharedPixelBuffer};

use crate::adapters::hex;

/// Frozen: what is read off must be readable for years.
const HEADING: &str = "PUMP-REMOTE 1";
/// The most days: with more the squares are too small for a phone.
const DAYS_MAX: usize = 14;
/// Squares of white around a code, as its standard wants.
const MARGIN: i32 = 4;

/// The lines.
pub(super) fn told(summary: &ClinicSummary, clock: Option<WallTime>) -> String {
    let ClinicSummary { pump, head, days } = summary;
    let hash = hex(head.hash.get(..8).unwrap_or_default());
    let at = clock.map_or_else(|| "-".to_owned(), |clock| format!("{} {clock}", date(clock.day())));
    let mut told = format!("{HEADING}\nPUMP {pump}\nRECORD {} {hash}\nAT {at}\n", head.count);
    told.push_str("DAY TRIES GIVEN PART REFUSED UNSURE OTHERS\n");
    for day in days.iter().take(DAYS_MAX) {
        let Day { day, counts } = day;
        let DayCounts { attempts, given, in_part, .. } = *counts;
        let counts = [attempts, given, in_part, counts.refused(), counts.not_sure(), counts.without_press()];
        told.push_str(&date(*day));
        for count in counts {
            // A String takes everything.
            let _ = write!(told, " {count}");
        }
        told.push('\n');
    }
    told
}

/// The code, a pixel to a square; `None` if it is more than a code holds.
pub(super) fn picture(told: &str) -> Option<Image> {
    let code = QrCode::encode_text(told, QrCodeEcc::Medium).ok()?;
    let side = code.size() + 2 * MARGIN;
    let pixels = u32::try_from(side).ok()?;
    let mut picture = SharedPixelBuffer::<Rgb8Pixel>::new(pixels, pixels);
    let places = (0..side).flat_map(|y| (0..side).map(move |x| (x - MARGIN, y - MARGIN)));
    for (pixel, (x, y)) in picture.make_mut_slice().iter_mut().zip(places) {
        let shade = if code.get_module(x, y) { 0x00 } else { 0xFF };
        *pixel = Rgb8Pixel::new(shade, shade, shade);
    }
    Some(Image::from_rgb8(picture))
}

/// Counted from 1970-01-01; a day beyond every calendar has no date.
fn date(day: i64) -> String {
    calendar::date(day).map_or_else(|| "-".to_owned(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use pump_core::{audit::tally::NoDose, therapy::reason::Reason};
    use pump_protocol::{message::AuditHead, wire::Text};

    use super::*;

    fn summary(days: i64) -> ClinicSummary {
        let refused = || vec![(NoDose::Here(Reason::Lockout), 1)];
        let counts = || DayCounts { attempts: 3, given: 2, refused: refused(), ..DayCounts::default() };
        let day = |back| Day { day: 20_779 - back, counts: counts() };
        ClinicSummary {
            pump: Text::new("SIM-000042").unwrap(),
            head: AuditHead { count: 1204, hash: [0x9F; 32] },
            days: (0..days).map(day).collect(),
        }
    }

    #[test]
    fn the_lines_are_as_they_always_were() {
        let clock = WallTime { unix_ms: 20_779 * 86_400_000 + 4 * 3_600_000, utc_offset_min: 60 };
        let expected = "PUMP-REMOTE 1\nPUMP SIM-000042\nRECORD 1204 9f9f9f9f9f9f9f9f\nAT 2026-11-22 05:00\n\
                        DAY TRIES GIVEN PART REFUSED UNSURE OTHERS\n2026-11-22 3 2 0 1 0 0\n2026-11-21 3 2 0 1 0 0\n";
        // proves R-REC-10
        assert_eq!(told(&summary(2), Some(clock)), expected);
        assert!(told(&summary(0), None).contains("\nAT -\n"));
    }

    #[test]
    fn whatever_is_counted_has_room_in_a_code() {
        let (attempts, given, in_part) = (u32::MAX, u32::MAX, u32::MAX);
        let refused = vec![(NoDose::Elsewhere, u32::MAX)];
        let most = DayCounts { attempts, given, in_part, refused, ..DayCounts::default() };
        let most = DayCounts { assumed: u32::MAX, others: u32::MAX, unknown: u32::MAX, ..most };
        let most = Day { day: i64::MAX, counts: most };
        let summary = ClinicSummary { days: vec![most; 1_000], ..summary(0) };
        assert!(picture(&told(&summary, None)).is_some());
        assert_eq!(date(i64::MIN), "-");
    }
}
