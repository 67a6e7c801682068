//! The reservoir over the weeks: what the pump said of it, kept in the record twice a day, and where it goes from here.

use pump_protocol::{
    clock::{Now, WallTime},
    quantity::{Millis, Volume},
};

use super::{Remote, Word, view::to_the_day};
use crate::{
    audit::event::Event,
    screen::{Batteries, DayLevel, RemoteBattery, ReservoirWeeks, WEEKS_AHEAD, WEEKS_BEFORE},
    therapy::reservoir::DailyUse,
};

/// How often the reservoir's volume goes into the record: oftener would tell nothing more, and would fill it.
const NOTED_EVERY: Millis = Millis::from_hours(12);
const HOUR_MS: u64 = 3_600_000;
/// A twelfth of a year, rounded down: no battery is promised for longer than it lasts.
const MONTH_HOURS: u64 = 730;

impl Remote {
    /// Records what a report said of the reservoir, unless that was done lately.
    // keeps R-CAR-13
    pub(super) fn note_reservoir(&mut self, volume: Volume, now: Now) {
        let lately = self.reservoir_noted.is_some_and(|noted| now.uptime.since(noted) < NOTED_EVERY);
        if !lately {
            self.reservoir_noted = Some(now.uptime);
            self.note(Event::ReservoirRead { volume }, now);
        }
    }

    // keeps R-CAR-10
    fn batteries(&self, pump_months: u16, now: Now) -> Batteries {
        let remote = match (self.charging, self.battery_left) {
            (Some(percent), _) => RemoteBattery::Charging { percent },
            (None, Some(left)) => {
                RemoteBattery::Lasts { hours: u32::try_from(left.get() / HOUR_MS).unwrap_or(u32::MAX) }
            }
            (None, None) => RemoteBattery::NotMeasured,
        };
        let lasts = Millis::from_hours(u64::from(pump_months) * MONTH_HOURS);
        Batteries { pump_months, pump_until: now.wall.map(|wall| to_the_day(wall.after(lasts))), remote }
    }

    pub(super) fn weeks(&self, now: Now) -> Option<ReservoirWeeks> {
        let prescription = self.kept.prescription.as_ref()?;
        let Word { report, .. } = self.word.as_ref()?;
        let (daily_use, mut day) = (DailyUse::of(prescription), 0);
        let ahead: [_; WEEKS_AHEAD] = core::array::from_fn(|_| {
            day += 7;
            daily_use.leaves(report.reservoir, day)
        });
        let today = now.wall.map(WallTime::day);
        let before =
            self.levels.as_deref().map(|levels| today.map_or([None; WEEKS_BEFORE], |day| by_week(levels, day)));
        let batteries = self.batteries(report.months_to_eri, now);
        Some(ReservoirWeeks { now: self.reservoir(report.reservoir, now)?, before, ahead, batteries })
    }
}

/// For each week before `today`, the newest reading that is at least as many weeks old.
fn by_week(levels: &[DayLevel], today: i64) -> [Option<Volume>; WEEKS_BEFORE] {
    let mut weeks = [None; WEEKS_BEFORE];
    for (week, volume) in (1..).zip(&mut weeks) {
        let last = today - 7 * week;
        let within = levels.iter().filter(|level| (last - 6..=last).contains(&level.day));
        *volume = within.max_by_key(|level| level.day).map(|level| level.volume);
    }
    weeks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::LEVEL_DAYS;

    #[test]
    fn a_week_shows_its_newest_reading_and_a_week_without_one_shows_none() {
        let level = |day, microlitres| DayLevel { day, volume: Volume::from_microlitres(microlitres) };
        let levels =
            [level(100, 10), level(93, 11), level(92, 12), level(87, 13), level(86, 14), level(79, 15), level(44, 16)];
        let weeks = by_week(&levels, 100).map(|volume| volume.map(Volume::nanolitres));
        let expected = [Some(11_000), Some(14_000), Some(15_000), None, None, None, None, Some(16_000)];
        assert_eq!(weeks, expected, "today's own reading is the one on the page");
        assert_eq!(by_week(&[], 100), [None; WEEKS_BEFORE]);
        let oldest = [level(101 - LEVEL_DAYS, 17), level(100 - LEVEL_DAYS, 18)];
        assert_eq!(by_week(&oldest, 100)[WEEKS_BEFORE - 1], Some(Volume::from_microlitres(17)), "and none is older");
        assert_eq!(by_week(&oldest[1..], 100), [None; WEEKS_BEFORE]);
    }
}
