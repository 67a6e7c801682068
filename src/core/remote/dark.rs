//! The dark: nobody looks, so the pump is left in peace, and its battery pays for a report only now and then.
//!
//! ```text
//! lit ──(nobody, for as long as the display is lit)──▶ dark: what is owed is finished ──▶ at rest, without a link
//!  ▲                                                          ▲                               │
//!  └────────────────────── a touch ───────────────────────────┴──── every 15 min, and when ───┘
//!                                                                    a wait ends
//! ```
//!
//! # Promises
//! - What must be seen is never dark: an open request, an alarm that nobody has acknowledged, a code, a self-test, a practice; nor is
//!   it under a finger, of which each level is a touch.
//! - A rest ends by itself; a touch ends it at once, and the pump is asked anew before a dose is offered. That touch itself asks for
//!   nothing: nobody saw what it would have asked for.
//! - A clock stands in place of the dark while the battery is charged, and never while an alarm stands. Everything else is as in the dark.
//! - The end of a wait is met with a link, so that the ready cue is told by the pump's own word.

use pump_protocol::{
    clock::{Now, Uptime},
    quantity::Millis,
};

use super::{Output, Remote};
use crate::{annunciation::Attention, screen::Night, therapy::availability::Availability};

/// How long after the last touch a display goes dark, where it does.
pub const DARK_AFTER: Millis = Millis::from_mins(2);
// keeps R-LNK-20
/// How long the pump is left in peace: its battery pays for each report.
pub(super) const REST: Millis = Millis::from_mins(15);
/// How long a pump that isn't heard is looked for before the link rests again; and what a wait must still last for a rest to be worth it.
const SOUGHT_MAX: Millis = Millis::from_mins(1);
/// How long after the first word of a touch the rest of it may come: a display tells of a finger before it tells what is under it.
const WAKING: Millis = Millis::new(300);
/// How long a link stands after the pump's report: whoever plays the ready cue must see READY stand.
const LINGER: Millis = Millis::from_secs(5);

/// Light and dark, and what of the link follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Light {
    /// How long it is lit after the last touch; `None`: always.
    dark_after: Option<Millis>,
    /// Since when nobody touched and nothing had to be seen.
    idle_since: Uptime,
    /// Something had to be seen in the turn before.
    had_to_be_seen: bool,
    /// Until when the pump is left in peace.
    rests_until: Option<Uptime>,
    /// When it was last woken out of the dark.
    woken: Option<Uptime>,
}

impl Light {
    pub(super) const fn new(dark_after: Option<Millis>, now: Uptime) -> Self {
        Self { dark_after, idle_since: now, had_to_be_seen: false, rests_until: None, woken: None }
    }

    /// Somebody is here.
    pub(super) const fn touched(&mut self, dark: bool, now: Uptime) {
        if self.dark_after.is_some() {
            self.idle_since = now;
        }
        if dark {
            self.woken = Some(now);
        }
    }

    /// There is a link; whether it was to rest.
    pub(super) const fn link_up(&mut self) -> bool {
        self.rests_until.take().is_some()
    }

    const fn goes_dark_at(&self) -> Option<Uptime> {
        match self.dark_after {
            Some(after) => Some(self.idle_since.after(after)),
            None => None,
        }
    }
}

impl Remote {
    /// Whether the display is dark.
    pub(super) fn dark(&self, now: Uptime) -> bool {
        self.light.goes_dark_at().is_some_and(|at| at <= now) && !self.must_be_seen()
    }

    // keeps R-DSP-19
    /// The clock in place of the dark. Not with an alarm, seen or not: a peaceful page would say that all is well.
    pub(super) fn night(&self, now: Uptime) -> Option<Night> {
        let charge = self.charging?;
        (self.dark(now) && self.alarms.list().next().is_none()).then_some(Night { charge })
    }

    // keeps R-ASK-21
    /// A press that begins with the touch that woke the display.
    pub(super) fn spoil_waking_touch(&mut self, now: Uptime) {
        if self.light.woken.is_some_and(|woken| now.since(woken) <= WAKING) {
            self.hold.spoil();
        }
    }

    /// Lets the link rest when nobody looks, and ends the rest when it is due.
    pub(super) fn watch_light(&mut self, now: Now) {
        if self.light.dark_after.is_none() {
            return;
        }
        let must = self.must_be_seen();
        if must || self.light.had_to_be_seen {
            self.light.idle_since = now.uptime;
        }
        self.light.had_to_be_seen = must;
        let dark = self.dark(now.uptime);
        match self.light.rests_until {
            Some(until) if !dark || until <= now.uptime => {
                self.light.rests_until = None;
                self.link_since = now.uptime;
                self.outputs.push_back(Output::Reach);
            }
            None if dark && (self.nothing_to_say(now) || self.sought_in_vain(now.uptime)) => {
                let rest = match self.availability(now) {
                    Availability::Wait { remaining, .. } if remaining < SOUGHT_MAX => return,
                    Availability::Wait { remaining, .. } => remaining.min(REST),
                    Availability::Ready(_) | Availability::NotAvailable(_) => REST,
                };
                self.light.rests_until = Some(now.uptime.after(rest));
                self.conversation = None;
                self.link_since = now.uptime;
                self.outputs.push_back(Output::Rest);
            }
            Some(_) | None => {}
        }
    }

    /// When light and dark change by time alone, or what of the link follows from them.
    pub(super) fn light_timeout(&self, now: Uptime) -> Option<Uptime> {
        let dark_at = self.light.goes_dark_at()?;
        if !self.dark(now) {
            return Some(dark_at);
        }
        let due = match &self.conversation {
            Some(talk) => talk.report_asked().map(|asked| asked.after(LINGER)),
            None => Some(self.link_since.after(SOUGHT_MAX)),
        };
        self.light.rests_until.or_else(|| due.filter(|at| *at > now))
    }

    /// What has to be seen, or heard and answered with a look.
    fn must_be_seen(&self) -> bool {
        self.alarm_unseen()
            || self.tests_itself()
            || self.practising.is_some()
            || self.kept.request.is_some()
            || self.code.is_some()
    }

    /// Whether an alarm stands that nobody has acknowledged.
    pub(super) fn alarm_unseen(&self) -> bool {
        self.alarms.list().any(|standing| !matches!(standing.attention(), Attention::Acknowledged(_)))
    }

    /// The pump has told everything, and has been told everything.
    fn nothing_to_say(&self, now: Now) -> bool {
        let lingered = |asked: Uptime| now.uptime.since(asked) >= LINGER;
        let told = self.conversation.as_ref().is_some_and(|talk| {
            (talk.greeted || self.foreign) && talk.owes_nothing() && talk.report_asked().is_some_and(lingered)
        });
        told && self.next_command(now).is_none() && self.journal.idle()
    }

    fn sought_in_vain(&self, now: Uptime) -> bool {
        self.conversation.is_none() && now.since(self.link_since) >= SOUGHT_MAX
    }
}
