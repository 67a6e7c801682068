//! What waits for somebody is told again: an outcome or a change that nobody has read, a question of the self-test.
//!
//! Alarms have reminders of their own, and an open question waits for the pump and not for a person.

use pump_protocol::{
    clock::{Now, Uptime},
    quantity::Millis,
};

use super::Remote;

/// How long it waits until it is told again (GIP 2.2.1).
const TOLD_AGAIN_EVERY: Millis = Millis::from_mins(15);

impl Remote {
    /// Sees whether something waits for somebody.
    pub(super) fn watch_waiting(&mut self, now: Now) {
        let since = self.waiting_since.unwrap_or(now.uptime);
        self.waiting_since = self.waits_for_somebody().then_some(since);
    }

    // keeps R-ALM-07
    /// How often it was told again.
    pub(super) fn reminders(&self, now: Uptime) -> u32 {
        let waited = self.waiting_since.map_or(Millis::ZERO, |since| now.since(since));
        u32::try_from(waited.get() / TOLD_AGAIN_EVERY.get()).unwrap_or(u32::MAX)
    }

    /// When it is told again next.
    pub(super) fn reminder_due(&self, now: Uptime) -> Option<Uptime> {
        let told = u64::from(self.reminders(now));
        self.waiting_since.map(|since| since.after(Millis::new(TOLD_AGAIN_EVERY.get().saturating_mul(told + 1))))
    }

    fn waits_for_somebody(&self) -> bool {
        let unread = self.kept.ended.is_some_and(|ended| !ended.passes()) || !self.kept.changes.is_empty();
        (unread && self.kept.request.is_none()) || self.question().is_some()
    }
}
