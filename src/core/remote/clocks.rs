//! Which clocks can be believed, and what is remembered of those that were set.
//!
//! Nothing about a dose is decided by the wall clock: a lockout neither opens nor closes by it. Where it is in doubt, clock times
//! are hidden, quiet hours end, and the weeks show nothing. So everything behind this module sees a wall time that can be believed, or none.
//!
//! # Promises
//! - A clock that was set, by a person or by daylight saving, leaves a record; so does the pump's calendar.
//! - The pump's calendar, which the clinic sets, ends any doubt but its own.

use pump_protocol::{
    clock::{CivilTime, Now, PumpTime, Uptime, WallTime},
    quantity::Millis,
    report::PumpReport,
};

use super::Remote;
use crate::audit::event::{Event, WallDoubt};

/// How far the person's clock may be from the pump's calendar: an hour of daylight saving that only one of them knows of,
/// and half an hour by which either may have been set wrong.
pub(super) const CIVIL_APART_MAX: Millis = Millis::from_mins(90);
/// How far the person's clock may go back over a restart: what an RTC is set by when it is set at all.
const BACK_MAX_MS: i64 = 2 * 60_000;
/// A jump against the boot-time clock that somebody must have made: no two crystals part by that within an hour.
const STEP_MIN_MS: u64 = 2_000;
/// After this the two are compared anew, so that what crystals part by doesn't add up to a jump.
const ANCHOR_MAX: Millis = Millis::from_hours(1);

/// What was last seen of the person's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct WallWatch {
    anchor: Option<(Uptime, WallTime)>,
    /// The doubt that is on record.
    doubted: Option<WallDoubt>,
}

impl WallWatch {
    /// What it shows, believed or not.
    pub(super) fn shows(&self, now: Uptime) -> Option<WallTime> {
        self.anchor.map(|(uptime, wall)| wall.after(now.since(uptime)))
    }
}

impl Remote {
    /// The same moment, with a wall time only if that can be believed.
    pub(super) fn believed(&self, now: Now) -> Now {
        Now { wall: self.wall(now).ok(), ..now }
    }

    /// The person's clock, or why it is in doubt.
    pub(super) fn wall(&self, now: Now) -> Result<WallTime, WallDoubt> {
        let wall = now.wall.ok_or(WallDoubt::NotSet)?;
        let Some(civil) = self.pump_calendar(now.uptime) else {
            let went_back = self.kept.wall_seen_ms.is_some_and(|seen| seen.saturating_sub(wall.unix_ms) > BACK_MAX_MS);
            return if went_back { Err(WallDoubt::WentBack) } else { Ok(wall) };
        };
        // keeps R-CLK-10
        if wall.civil().apart(civil) > CIVIL_APART_MAX { Err(WallDoubt::DiffersFromPump) } else { Ok(wall) }
    }

    /// What the pump's calendar shows, if it was ever heard.
    pub(super) fn pump_calendar(&self, now: Uptime) -> Option<CivilTime> {
        let word = self.word.as_ref()?;
        Some(word.report.civil.after(now.since(word.clock.heard)))
    }

    // keeps R-CLK-09
    /// Looks at the person's clock once a turn, and records what somebody did to it.
    pub(super) fn watch_wall(&mut self, now: Now) {
        if let (Some((uptime, before)), Some(wall)) = (self.wall_watch.anchor, now.wall) {
            let passed = now.uptime.since(uptime);
            let by_ms = wall.unix_ms.saturating_sub(before.after(passed).unix_ms);
            let stepped = by_ms.unsigned_abs() > STEP_MIN_MS;
            if stepped {
                self.note(Event::ClockStepped { by_ms }, self.believed(now));
            }
            let (from_min, to_min) = (before.utc_offset_min, wall.utc_offset_min);
            if from_min != to_min {
                self.note(Event::OffsetChanged { from_min, to_min }, self.believed(now));
            }
            if stepped || from_min != to_min || passed >= ANCHOR_MAX {
                self.wall_watch.anchor = Some((now.uptime, wall));
            }
        } else {
            self.wall_watch.anchor = now.wall.map(|wall| (now.uptime, wall));
        }
        self.watch_doubt(now);
    }

    fn watch_doubt(&mut self, now: Now) {
        let wall = self.wall(now);
        self.kept.wall_seen_ms = wall.ok().map(|wall| wall.unix_ms).or(self.kept.wall_seen_ms);
        let doubt = wall.err();
        if core::mem::replace(&mut self.wall_watch.doubted, doubt) == doubt {
            return;
        }
        let event = doubt.map_or(Event::WallTrusted, |why| Event::WallDoubted { why });
        self.note(event, Now { wall: wall.ok(), ..now });
    }

    /// Records that the clinic set the pump's calendar. Lockouts don't follow it.
    pub(super) fn watch_pump_calendar(&mut self, seen: Option<PumpTime>, report: &PumpReport, now: Now) {
        if let Some(passed) = seen.and_then(|seen| report.time.since(seen)) {
            let expected = self.kept.civil_seen.after(passed);
            let by_ms = report.civil.millis().saturating_sub(expected.millis());
            if by_ms.unsigned_abs() > STEP_MIN_MS {
                self.note(Event::PumpClockSet { by_ms }, now);
            }
        }
        self.kept.civil_seen = report.civil;
    }
}
