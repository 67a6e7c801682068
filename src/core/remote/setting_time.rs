//! Setting the person's clock: what would be set, what was asked for, and what became of it.
//!
//! It is shown and recorded, and decides nothing: no dose, no lockout and no limit knows of it.
//!
//! # Promises
//! - The clock is asked to be set by the one tap that names the time, and by nothing else; not again before that was answered.
//! - What was asked for is on record with what became of it, also where nobody ever says. Leaving the page takes nothing back.

use pump_protocol::{
    clock::{CivilTime, Now, Uptime, WallTime},
    quantity::Millis,
};

use super::{Input, Output, Remote, clocks::CIVIL_APART_MAX, view::MINUTE_LATE_MAX};
use crate::{
    audit::event::Event,
    screen::{SetTimeState, SetTimeView, Visit},
    set_time::{EARLIEST, TimeStep, nearest, settable, stepped, to_the_minute},
};

/// How long whoever sets the clock may take: a start of a small program, and a second for a slow clock chip.
const ANSWER_MAX: Millis = Millis::from_secs(15);

/// Where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct TimeSetting {
    draft: Draft,
    asked: Option<Asked>,
    /// What became of what was asked for on this page: whether the clock was set.
    ended: Option<bool>,
}

/// What would be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Draft {
    /// Nobody has changed anything: it goes on with what the clock shows.
    #[default]
    Clock,
    /// It goes on with the pump's calendar.
    Pump,
    /// This minute, for as long as it takes.
    Stands(CivilTime),
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Asked {
    from: Option<WallTime>,
    to: CivilTime,
    since: Uptime,
}

impl TimeSetting {
    /// The page is another one, or the same anew.
    pub(super) const fn turn_over(&mut self) {
        (self.draft, self.ended) = (Draft::Clock, None);
    }
}

impl Remote {
    // keeps R-CLK-11
    pub(super) fn step_time(&mut self, step: TimeStep, now: Now) {
        if self.may_change_time() {
            self.setting.draft = Draft::Stands(stepped(self.time_to_set(now), step));
            self.setting.ended = None;
        }
    }

    pub(super) fn take_pump_time(&mut self, now: Now) {
        if self.may_change_time() && self.pump_calendar(now.uptime).is_some_and(settable) {
            self.setting.draft = Draft::Pump;
            self.setting.ended = None;
        }
    }

    // keeps R-CLK-11
    pub(super) fn set_clock(&mut self, now: Now) {
        if self.may_change_time() {
            let (from, to) = (self.clock_shows(now), self.time_to_set(now));
            self.setting.asked = Some(Asked { from, to, since: now.uptime });
            self.setting.ended = None;
            self.outputs.push_back(Output::SetClock(to));
        }
    }

    // keeps R-CLK-11
    /// Whoever sets the clock has said whether it was set.
    pub(super) fn clock_set(&mut self, done: bool, now: Now) {
        // Nothing is waited for: the answer came too late, or to somebody else.
        let Some(Asked { from, to, .. }) = self.setting.asked.take() else { return };
        self.setting.ended = Some(done);
        let event = if done { Event::ClockSet { from, to } } else { Event::ClockNotSet { to } };
        if done {
            self.setting.draft = Draft::Clock;
        }
        self.note(event, now);
    }

    /// Nobody has said whether the clock was set.
    pub(super) fn watch_time_setting(&mut self, now: Now) {
        if self.time_setting_timeout().is_some_and(|at| at <= now.uptime) {
            self.clock_set(false, now);
        }
    }

    /// The program ends before anybody has.
    pub(super) fn leave_time_setting(&mut self, now: Now) {
        self.clock_set(false, now);
    }

    pub(super) fn time_setting_timeout(&self) -> Option<Uptime> {
        self.setting.asked.map(|asked| asked.since.after(ANSWER_MAX))
    }

    /// A clock that a person has set back has not gone back by itself.
    pub(super) const fn forgive_clock(&mut self, input: &Input) {
        if matches!(input, Input::ClockSet { done: true }) && self.setting.asked.is_some() {
            self.kept.wall_seen_ms = None;
        }
    }

    pub(super) fn set_time_view(&self, now: Now) -> SetTimeView {
        let pump = self.pump_calendar(now.uptime).filter(|pump| settable(*pump));
        let draft = self.time_to_set(now);
        let state = match (self.setting.asked, self.setting.ended) {
            (Some(_), _) => SetTimeState::Asked,
            (None, None) => SetTimeState::Choosing,
            (None, Some(true)) => SetTimeState::Set,
            (None, Some(false)) => SetTimeState::NotSet,
        };
        SetTimeView {
            shows: self.clock_shows(now).map(|wall| to_the_minute(wall.civil())),
            pump: pump.map(to_the_minute),
            draft: to_the_minute(draft),
            far: self.setting.draft != Draft::Clock && pump.is_some_and(|pump| draft.apart(pump) > CIVIL_APART_MAX),
            state,
        }
    }

    /// When that changes by time alone.
    pub(super) fn set_time_changes_at(&self, now: Now) -> Option<Uptime> {
        let clocks = [self.pump_calendar(now.uptime), self.clock_shows(now).map(WallTime::civil)];
        let left = |civil: CivilTime| Millis::new(60_000 - civil.of_day().get() % 60_000);
        clocks.into_iter().flatten().map(|civil| now.uptime.after(left(civil).max(MINUTE_LATE_MAX))).min()
    }

    /// Only on its page, and not while an answer is waited for.
    fn may_change_time(&self) -> bool {
        self.page == Visit::SetTime && self.setting.asked.is_none()
    }

    fn time_to_set(&self, now: Now) -> CivilTime {
        let clock = || self.clock_shows(now).map(WallTime::civil);
        let pump = || self.pump_calendar(now.uptime);
        // Some time before now, and better than the beginning of all calendars.
        let last_seen = || self.kept.wall_seen_ms.map(CivilTime::from_millis);
        nearest(match self.setting.draft {
            Draft::Stands(time) => time,
            Draft::Pump => pump().unwrap_or(EARLIEST),
            Draft::Clock => clock().or_else(pump).or_else(last_seen).unwrap_or(EARLIEST),
        })
    }

    /// What the clock shows, believed or not.
    fn clock_shows(&self, now: Now) -> Option<WallTime> {
        now.wall.or_else(|| self.wall_watch.shows(now.uptime))
    }
}
