//! What is wrong, as the machine finds it each turn: told to the alarm engine, and what comes out of that recorded.
//!
//! # Promises
//! - A pump that says "stopped" raises the alarm even if it lists no annunciation: two accounts, the louder counts.
//! - An acknowledgement is told to the pump once in a session, and never by a key that may only look.
//! - A refused press is no alarm that inhibits a dose.

use pump_protocol::{
    clock::{Now, Uptime},
    message::{Command, Denial, DenyReason, Role},
    report::Annunciation,
};

use super::{Remote, conversation::Conversation};
use crate::{
    annunciation::{
        AlarmCondition, Attention, Change, Observed, Signals, Standing, Surroundings, Watch, watch::BATTERY_DEPLETED,
    },
    audit::event::{Event, Trouble},
    cues::quiet,
    ledger::State,
    screen::Alarm,
    therapy::reason::Reason,
};

impl Remote {
    /// Tells the engine what is the case, and records what follows.
    pub(super) fn watch_alarms(&mut self, now: Now) {
        let uncertain = self.kept.request.as_ref().is_some_and(|request| matches!(request.state, State::Uncertain(_)));
        self.uncertain_since = if uncertain { self.uncertain_since.or(Some(now.uptime)) } else { None };
        // What the pump said of a limit stands until it has said more.
        let heard_since =
            self.denied.is_none_or(|(_, heard)| self.word.as_ref().is_some_and(|word| word.clock.asked > heard));
        self.limit_refused = self.limit_refused && (!heard_since || self.reasons(now).into_iter().any(is_limit));
        let own = self.own_conditions(now);
        let listed = self.annunciations().map(<[Annunciation]>::to_vec);
        let observed = Observed { pump: listed.as_deref(), own: &own };
        let changes = self.alarms.observe(&observed, now.uptime);
        self.note_alarms(changes, now);
    }

    // keeps R-LIM-14
    /// A full hold was refused for these reasons. Asking too soon is no alarm; a limit is told (GIP 1.4.12).
    pub(super) fn refused_for(&mut self, reasons: &[Reason]) {
        self.limit_refused |= reasons.iter().any(|reason| is_limit(*reason));
    }

    /// The pump refused it for a limit that this remote saw room in.
    pub(super) fn denied_for_a_limit(&mut self, denial: &Denial) {
        self.limit_refused |=
            [DenyReason::WindowLimit, DenyReason::Allotment].into_iter().any(|limit| denial.reasons.contains(limit));
    }

    pub(super) fn acknowledge(&mut self, condition: AlarmCondition, now: Now) {
        let changes = self.alarms.acknowledge(condition, now.uptime);
        self.note_alarms(changes, now);
    }

    pub(super) fn pause_audio(&mut self, now: Now) {
        let paused = self.alarms.pause_audio(now.uptime);
        self.note_alarms(paused.into_iter().collect(), now);
    }

    // keeps R-ALM-16
    /// What the pump is still to be told of what was acknowledged here.
    pub(super) fn acknowledgement_owed(&self, talk: &Conversation) -> Option<Command> {
        let may = talk.role == Some(Role::Patient);
        let owed = self.alarms.owed_to_pump().find(|id| may && !talk.acknowledged.contains(id));
        owed.map(|annunciation| Command::Acknowledge { annunciation, confirm: true })
    }

    pub(super) fn alarms_shown(&self) -> Vec<Alarm> {
        let shown = self.alarms.list().map(|standing| Alarm {
            condition: standing.condition(),
            priority: standing.priority(),
            acknowledged: matches!(standing.attention(), Attention::Acknowledged(_)),
            ceased: !standing.cause_lasts(),
        });
        shown.collect()
    }

    pub(super) fn signals(&self, now: Now) -> Option<Signals> {
        let around = Surroundings { quiet_hours: quiet(now.wall, self.quiet), motor: self.motor() };
        self.signals_asked_for(self.alarms.signals(now.uptime, around))
    }

    /// When time alone changes what is wrong, or how it is told.
    pub(super) fn alarms_timeout(&self, now: Uptime) -> Option<(Uptime, &'static str)> {
        let watched = self.measures(now).poll_timeout(now);
        self.alarms.poll_timeout(now).into_iter().chain(watched).min_by_key(|(at, _)| *at)
    }

    /// Whether a key has been held for longer than any hand holds it.
    pub(super) fn key_stuck(&self, now: Uptime) -> bool {
        self.measures(now).conditions(now).any(|condition| condition == AlarmCondition::StuckKey)
    }

    /// Whether the battery may not last until a dose is in.
    pub(super) fn battery_too_low(&self) -> bool {
        let needed = self.bolus_lasts().saturating_add(BATTERY_DEPLETED);
        self.battery_left.is_some_and(|left| left <= needed)
    }

    // keeps R-REC-20
    fn note_alarms(&mut self, changes: Vec<Change>, now: Now) {
        for change in changes {
            self.note(Event::Alarm { change }, now);
        }
    }

    /// What the pump's last report lists, while our own pump's session lasts.
    fn annunciations(&self) -> Option<&[Annunciation]> {
        let greeted = self.conversation.as_ref().is_some_and(|talk| talk.greeted);
        let word = self.word.as_ref().filter(|_| greeted && !self.foreign)?;
        Some(&word.report.annunciations)
    }

    fn measures(&self, now: Uptime) -> Watch {
        let pump_heard = self.word.as_ref().map_or(self.started, |word| word.clock.asked);
        Watch {
            pump_heard: self.bonded.then_some(pump_heard),
            key_pressed: self.hold.pressed_since(now),
            uncertain: self.uncertain_since.map(|since| since.min(now)),
            battery_left: self.battery_left,
        }
    }

    // keeps R-ALM-15
    fn own_conditions(&mut self, now: Now) -> Vec<AlarmCondition> {
        let holds = [
            // keeps R-ALM-18
            // Until the pump says that it delivers: neither silence nor a restart starts it again.
            (self.kept.stopped, AlarmCondition::PumpStopped),
            (self.still_uncertain(), AlarmCondition::RequestUncertain),
            (self.journal.failing(now.uptime), AlarmCondition::RecordNotWritable),
            (!self.record_good, AlarmCondition::RecordDamaged),
            (self.accounts_differ || self.windows_differ, AlarmCondition::AccountsDiffer),
            (self.clock_in_doubt, AlarmCondition::ClockInDoubt),
            (self.foreign, AlarmCondition::AnotherPump),
            (self.troubles.contains(&Trouble::SelfTestFailed), AlarmCondition::SelfTestFailed),
            (self.troubles.contains(&Trouble::ToneFailed), AlarmCondition::ToneFailed),
            (self.limit_refused, AlarmCondition::LimitRefused),
        ];
        let mut own = core::mem::take(&mut self.alarming);
        own.extend(holds.into_iter().filter_map(|(holds, condition)| holds.then_some(condition)));
        own.extend(self.measures(now.uptime).conditions(now.uptime));
        own
    }

    // keeps R-ALM-17
    /// A restart doesn't know since when a request has been uncertain, and it was for long.
    fn still_uncertain(&self) -> bool {
        let stands = |standing: &Standing| standing.condition() == AlarmCondition::RequestUncertain;
        self.uncertain_since.is_some() && self.alarms.list().any(stands)
    }
}

/// The limits whose refusal is told as an alarm. The lockout isn't one: it ends soon and is on the page.
const fn is_limit(reason: Reason) -> bool {
    matches!(reason, Reason::WindowLimit | Reason::Allotment)
}
