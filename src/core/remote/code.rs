//! The patient's code, where the clinic asks for one: a hold alone asks for nothing then.
//!
//! # Promises
//! - Nothing leaves this remote before the right code; what was held for is asked for if it still stands there, and nothing else.
//! - A code that isn't finished in time lapses like a press. Each wrong one is recorded, never the digits.

use pump_protocol::{
    clock::{Now, Uptime},
    prescription::PatientCode,
    quantity::Millis,
};

use super::Remote;
use crate::{
    audit::event::Event,
    ledger::PRESS_EXPIRES,
    screen::{Face, Offer},
    therapy::availability::Availability,
};

/// How many digits a code has.
const DIGITS: u8 = 4;
/// Wrong codes in a row after which none is taken for a while: a shaking hand misses twice, a guesser goes on.
const WRONG_MAX: u8 = 5;
/// How long none is taken then: 10,000 codes would take a week, and a patient who forgot it can call the clinic meanwhile.
const CODE_LOCK: Millis = Millis::from_mins(5);

/// A code being entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CodeEntry {
    offer: Offer,
    value: u16,
    entered: u8,
    wrong: bool,
    /// Of the hold, or of the last wrong code.
    since: Uptime,
}

impl Remote {
    /// The code that is to be entered behind a hold, if the clinic asks for one.
    pub(super) fn code_wanted(&self) -> Option<PatientCode> {
        self.kept.prescription.as_ref().and_then(|known| known.programmed().patient_code)
    }

    // keeps R-ASK-16
    pub(super) fn ask_code(&mut self, offer: Offer, now: Now) {
        self.code = Some(CodeEntry { offer, value: 0, entered: 0, wrong: false, since: now.uptime });
    }

    pub(super) fn digit(&mut self, digit: u8, now: Now) {
        let Some(entry) = self.code.as_mut().filter(|_| digit <= 9) else { return };
        entry.value = entry.value * 10 + u16::from(digit);
        entry.entered += 1;
        let entry = *entry;
        if entry.entered == DIGITS {
            self.code_complete(entry, now);
        }
    }

    pub(super) fn erase_digit(&mut self) {
        if let Some(entry) = &mut self.code {
            entry.value /= 10;
            entry.entered = entry.entered.saturating_sub(1);
        }
    }

    /// The entry is left without the right code.
    pub(super) fn leave_code(&mut self, now: Now) {
        if self.code.take().is_some() {
            self.note(Event::AttemptUnconfirmed, now);
        }
    }

    /// What stands on the page while a code is entered.
    pub(super) fn code_face(&self) -> Option<Face> {
        let entry = self.code?;
        Some(Face::EnterCode { dose: entry.offer.dose, entered: entry.entered, wrong: entry.wrong })
    }

    /// When an entry that nobody finishes lapses.
    pub(super) fn code_expires(&self) -> Option<Uptime> {
        self.code.map(|entry| entry.since.after(PRESS_EXPIRES))
    }

    /// An entry lapses when it is too old to be a wish, and when a dose can't be asked for any more.
    pub(super) fn expire_code(&mut self, now: Now) {
        let Some(entry) = self.code else { return };
        let old = now.uptime.since(entry.since) >= PRESS_EXPIRES;
        if old || !self.still_offered(entry, now) {
            self.leave_code(now);
        }
    }

    /// Whether what was held for still stands there, and nothing else asks to be read first.
    fn still_offered(&self, entry: CodeEntry, now: Now) -> bool {
        let same = matches!(self.availability(now), Availability::Ready(offer) if offer.dose == entry.offer.dose);
        same && self.kept.changes.is_empty()
    }

    /// How long no code is taken.
    pub(super) fn code_lock_remaining(&self, now: Now) -> Millis {
        match self.code_locked {
            Some(since) if self.code_wanted().is_some() => CODE_LOCK.saturating_sub(now.uptime.since(since)),
            Some(_) | None => Millis::ZERO,
        }
    }

    /// After a restart nobody knows how long a lock has lasted: it begins anew.
    pub(super) fn restore_code_lock(&mut self, now: Now) {
        self.code_locked = (self.kept.wrong_codes >= WRONG_MAX).then_some(now.uptime);
    }

    fn code_complete(&mut self, entry: CodeEntry, now: Now) {
        self.code = None;
        if self.code_wanted() == Some(PatientCode(entry.value)) {
            self.kept.wrong_codes = 0;
            self.code_locked = None;
            return if self.still_offered(entry, now) {
                self.request_dose(entry.offer, now);
            } else {
                self.note(Event::AttemptUnconfirmed, now);
            };
        }
        let in_a_row = self.kept.wrong_codes.saturating_add(1);
        self.kept.wrong_codes = in_a_row;
        self.note(Event::CodeWrong { in_a_row }, now);
        // keeps R-ASK-20
        if in_a_row.is_multiple_of(WRONG_MAX) {
            self.code_locked = Some(now.uptime);
            self.note(Event::AttemptUnconfirmed, now);
        } else {
            self.code = Some(CodeEntry { value: 0, entered: 0, wrong: true, since: now.uptime, ..entry });
        }
    }
}
