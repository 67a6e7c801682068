//! Practice: a person tries the whole flow on a simulated pump.
//!
//! This machine takes no part in it. It stands on one page, records the beginning and the end, and ends it when something true wants
//! to be seen. Whoever shows the pages has another machine for it, over a link that reaches nothing but a pump in its own memory.
//!
//! # Promises
//! - Nothing that is held, typed or put away while somebody practises reaches this machine's pump: its page accepts nothing.
//! - No practice begins, and none goes on, beside an open request or an alarm that nobody has acknowledged.
//! - A practice ends by itself, on the page that it began from: never under a finger on a page that offers a dose.

use pump_protocol::{
    clock::{Now, Uptime},
    quantity::Millis,
};

use super::Remote;
use crate::{
    audit::event::Event,
    screen::{PracticeView, Visit},
};

/// The longest practice: who wants more begins another.
const PRACTICE_MAX: Millis = Millis::from_mins(10);

impl Remote {
    // keeps R-ASK-17
    /// Somebody says on its page that they want to practise.
    pub(super) fn begin_practice(&mut self, now: Now) {
        if self.page == Visit::Practice && self.practising.is_none() && self.may_practise() {
            self.practising = Some(now.uptime);
            self.note(Event::PracticeBegan, now);
        }
    }

    pub(super) fn end_practice(&mut self, now: Now) {
        if self.practising.take().is_some() {
            self.note(Event::PracticeEnded, now);
        }
    }

    /// Ends a practice that has lasted long enough, or beside which something wants to be seen.
    // keeps R-ASK-22
    pub(super) fn watch_practice(&mut self, now: Now) {
        let over = self.practice_timeout().is_some_and(|at| at <= now.uptime);
        if over || (self.practising.is_some() && !self.may_practise()) {
            self.end_practice(now);
        }
    }

    pub(super) const fn practice_timeout(&self) -> Option<Uptime> {
        match self.practising {
            Some(since) => Some(since.after(PRACTICE_MAX)),
            None => None,
        }
    }

    pub(super) fn practice_view(&self) -> PracticeView {
        PracticeView { begun: self.practising.is_some(), may_begin: self.may_practise() }
    }

    fn may_practise(&self) -> bool {
        self.may_begin_test() && !self.alarm_unseen()
    }
}
