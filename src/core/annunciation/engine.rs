//! The engine: what is observed goes in, what must be told comes out.
//!
//! # Promises
//! - A condition is listed as long as its cause lasts, acknowledged or not; a latching one until it has been acknowledged.
//! - While a high condition is unacknowledged, no silence lasts longer than [`AUDIO_PAUSE_MAX`], and a whole burst sounds
//!   between two. No acknowledgement silences for ever what lasts.
//! - Nothing becomes less urgent while it stands.
//! - At most one entry a condition is held.

use pump_protocol::{
    clock::Uptime,
    quantity::Millis,
    report::Annunciation,
    wire::{Bounded, Malformed, Reader, Wire},
};

use super::{
    condition::{AlarmCondition, CONDITIONS},
    priority::Priority,
    signal::{self, Signals, Surroundings},
    standing::{Change, KeptStanding, Standing, Told},
};

// keeps R-ALM-06
/// How long the sound may be paused: it ends by itself within 2 min (GIP 3.2.1).
pub const AUDIO_PAUSE_MAX: Millis = Millis::from_secs(120);
/// How long the sound must have been on before it is paused again: one whole high burst, wherever its interval begins. So
/// pauses can be repeated and never add up to a permanent silence (GIP 3.2.2).
pub const AUDIBLE_MIN: Millis = Millis::from_secs(10);

/// What is the case at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// What the pump's last report lists, while its session lasts; `None` without a session or before its first report.
    /// Then what the pump said last stands: silence cures nothing.
    pub pump: Option<&'a [Annunciation]>,
    /// What the remote finds by itself. An event, such as an unaccounted dose, is listed once, in the turn that found it.
    pub own: &'a [AlarmCondition],
}

/// Every condition that stands, and the sound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Alarms {
    /// In the order of the conditions.
    list: Bounded<Standing, CONDITIONS>,
    audio: Audio,
    /// Whether the pump was there when last observed.
    pump_near: bool,
}

/// What survives a restart: which conditions stand, which of them are acknowledged, escalated, or gone and latched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeptAlarms(Bounded<KeptStanding, CONDITIONS>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Audio {
    /// On; since when, if it was or may have been paused.
    On(Option<Uptime>),
    /// Paused until then.
    Paused(Uptime),
}

impl Default for Audio {
    fn default() -> Self {
        Self::On(None)
    }
}

impl Alarms {
    /// The engine as a restart finds it: what nobody has acknowledged is signalled anew, and no audio pause survives. One may
    /// have been on, so the next needs to be heard first.
    pub fn restore(kept: &KeptAlarms, now: Uptime) -> Self {
        let list = Bounded::filled_from(kept.0.iter().map(|standing| Standing::restored(*standing, now)));
        Self { list, audio: Audio::On(Some(now)), pump_near: false }
    }

    /// What must survive a restart.
    pub fn kept(&self) -> KeptAlarms {
        KeptAlarms(Bounded::filled_from(self.list.iter().map(Standing::kept)))
    }

    /// Takes in what is the case, and that time has passed. What changed comes out, for the record.
    pub fn observe(&mut self, observed: &Observed<'_>, now: Uptime) -> Vec<Change> {
        let mut changes = Vec::new();
        let turned = AlarmCondition::ALL.into_iter().filter_map(|condition| {
            let standing = self.turn(condition, observed, now, &mut changes)?;
            let (standing, change) = standing.pass_time(now);
            changes.extend(change);
            Some(standing)
        });
        self.list = Bounded::filled_from(turned.collect::<Vec<_>>());
        // keeps R-LNK-25
        let link_lost = self.pump_near && observed.pump.is_none();
        self.pump_near = observed.pump.is_some();
        if link_lost || self.must_be_heard(&changes) {
            changes.extend(self.end_pause(now));
        }
        changes.extend(self.lapse_pause(now));
        changes
    }

    /// Somebody has seen it. It stays listed while its cause lasts; nothing changes if it isn't listed or was seen before.
    pub fn acknowledge(&mut self, condition: AlarmCondition, now: Uptime) -> Vec<Change> {
        let signalled = |standing: &Standing| standing.condition() == condition && standing.signalled_since().is_some();
        if !self.list.iter().any(signalled) {
            return Vec::new();
        }
        let seen = |standing: &Standing| if signalled(standing) { standing.acknowledged(now) } else { Some(*standing) };
        self.list = Bounded::filled_from(self.list.iter().filter_map(seen));
        let over = self.list.iter().all(|standing| standing.condition() != condition);
        let mut changes = vec![Change::Acknowledged { condition }];
        changes.extend(over.then_some(Change::Cleared { condition }));
        changes.extend(self.lapse_pause(now));
        changes
    }

    /// Pauses the sound for [`AUDIO_PAUSE_MAX`]. `None`, and nothing changes, if nothing is unacknowledged, if it is paused
    /// already, or if it has not been heard for [`AUDIBLE_MIN`] since the last pause.
    pub fn pause_audio(&mut self, now: Uptime) -> Option<Change> {
        let heard = match self.audio {
            Audio::On(since) => since.is_none_or(|since| now.since(since) >= AUDIBLE_MIN),
            Audio::Paused(_) => false,
        };
        (heard && self.unacknowledged().is_some()).then(|| {
            self.audio = Audio::Paused(now.after(AUDIO_PAUSE_MAX));
            Change::AudioPaused
        })
    }

    /// What is to be played; `None` if nothing is listed. It changes with each call into the engine, with the surroundings,
    /// and at [`poll_timeout`](Self::poll_timeout).
    pub fn signals(&self, now: Uptime, around: Surroundings) -> Option<Signals> {
        let paused_until = match self.audio {
            Audio::On(_) => None,
            Audio::Paused(until) => Some(until).filter(|until| *until > now),
        };
        Signals::of(&self.list, paused_until, now, around)
    }

    /// Everything that stands, the most urgent first.
    pub fn list(&self) -> impl Iterator<Item = &Standing> {
        let of = |priority| self.list.iter().filter(move |standing| standing.priority() == priority);
        Priority::ALL.into_iter().flat_map(of)
    }

    /// The pump's annunciations that were acknowledged here and that the pump's last report doesn't show as confirmed: to be
    /// told to it, once per report.
    pub fn owed_to_pump(&self) -> impl Iterator<Item = u16> {
        self.list.iter().filter_map(Standing::owed_to_pump)
    }

    /// When to observe again if nothing else happens before, and why. After that observation it lies ahead.
    pub fn poll_timeout(&self, now: Uptime) -> Option<(Uptime, &'static str)> {
        let pause = match self.audio {
            Audio::On(_) => None,
            Audio::Paused(until) => Some((until, "the audio pause ends")),
        };
        let due = self.list.iter().filter_map(Standing::due);
        let rounds = self.list.iter().filter_map(|standing| signal::changes_at(standing, now));
        let rounds = rounds.map(|at| (at, "an alarm is told in rounds"));
        due.chain(rounds).chain(pause).map(|(at, why)| (at.max(now), why)).min_by_key(|(at, _)| *at)
    }

    /// What one observation makes of one condition.
    fn turn(
        &self,
        condition: AlarmCondition,
        observed: &Observed<'_>,
        now: Uptime,
        changes: &mut Vec<Change>,
    ) -> Option<Standing> {
        let before = self.list.iter().find(|standing| standing.condition() == condition).copied();
        let (lasts, told) = observed.of(condition, before.as_ref());
        let (after, change) = match (before, lasts) {
            (None, false) => (None, None),
            (None, true) => {
                let priority = condition.priority();
                (Some(Standing::raised(condition, told, now)), Some(Change::Raised { condition, priority }))
            }
            (Some(standing), true) => {
                let (standing, change) = standing.observed(told, now);
                (Some(standing), change)
            }
            (Some(standing), false) => standing.gone(),
        };
        changes.extend(change);
        after
    }

    /// Whether something that has just begun to be signalled is as urgent as what the pause is for.
    fn must_be_heard(&self, changes: &[Change]) -> bool {
        let begun = |standing: &&Standing| changes.iter().any(|change| change.alerts() == Some(standing.condition()));
        let signalled = || self.list.iter().filter(|standing| standing.signalled_since().is_some());
        let loudest_begun = signalled().filter(begun).map(Standing::priority).max();
        let loudest_before = signalled().filter(|standing| !begun(standing)).map(Standing::priority).max();
        loudest_begun.is_some() && loudest_begun >= loudest_before
    }

    /// Ends a pause whose time is over, or that has nothing left to silence: the next alarm would begin unheard.
    fn lapse_pause(&mut self, now: Uptime) -> Option<Change> {
        let over = matches!(self.audio, Audio::Paused(until) if until <= now);
        (over || self.unacknowledged().is_none()).then(|| self.end_pause(now))?
    }

    fn end_pause(&mut self, now: Uptime) -> Option<Change> {
        let Audio::Paused(until) = self.audio else { return None };
        self.audio = Audio::On(Some(until.min(now)));
        Some(Change::AudioOn)
    }

    fn unacknowledged(&self) -> Option<&Standing> {
        self.list.iter().find(|standing| standing.signalled_since().is_some())
    }
}

impl Observed<'_> {
    /// Whether a condition is the case, and the pump's annunciation behind it.
    fn of(&self, condition: AlarmCondition, before: Option<&Standing>) -> (bool, Option<Told>) {
        let own = self.own.contains(&condition);
        let is_about = |annunciation: &&Annunciation| AlarmCondition::from_annunciation(annunciation.kind) == condition;
        let Some(listed) = self.pump else {
            let told = before.and_then(Standing::annunciation);
            let pump_alone_ends_it = told.is_some() || condition == AlarmCondition::PumpNotHeard;
            return (own || (pump_alone_ends_it && before.is_some_and(Standing::cause_lasts)), told);
        };
        let told = listed.iter().find(is_about).map(Told::by);
        (own || told.is_some(), told)
    }
}

/// The list, in the order of the conditions and each at most once; an acknowledged one whose cause is gone is no longer
/// listed, so no bytes say so.
impl Wire for KeptAlarms {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let list = Bounded::<KeptStanding, CONDITIONS>::take(input)?;
        let in_order = list.is_sorted_by(|one, next| one.condition < next.condition);
        if in_order && list.iter().all(|standing| standing.can_stand()) {
            Ok(Self(list))
        } else {
            Err(input.unknown("list of alarms", u64::try_from(list.len()).unwrap_or(u64::MAX)))
        }
    }
}
