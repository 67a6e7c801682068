//! Copying the record onto a stick: when it is asked for, and what became of it.
//!
//! It is shown and recorded, and decides nothing: no dose, no lockout and no limit knows of it.
//!
//! # Promises
//! - The record is copied by the one tap on its page, and by nothing else; not again before that was answered.
//! - What was asked for is on record with what became of it, also where nobody ever says. Leaving the page takes nothing back.

use pump_protocol::{
    clock::{Now, Uptime},
    message::AuditHead,
    quantity::Millis,
};

use super::{Output, Remote};
use crate::{
    audit::event::{Event, NotCopied},
    screen::{Copying, ServiceView, Visit},
};

/// How long whoever copies may take: a record and its exports as large as they get, to a slow stick and back.
const ANSWER_MAX: Millis = Millis::from_mins(30);

/// Where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct RecordCopy {
    asked: Option<Uptime>,
    /// What became of it, until somebody who has seen it leaves the page.
    ended: Option<Result<AuditHead, NotCopied>>,
}

impl RecordCopy {
    pub(super) const fn turn_over(&mut self) {
        self.ended = None;
    }
}

impl Remote {
    // keeps R-REC-11
    pub(super) fn copy_record(&mut self, now: Now) {
        if self.page == Visit::Service && self.copying.asked.is_none() {
            self.copying = RecordCopy { asked: Some(now.uptime), ended: None };
            self.outputs.push_back(Output::CopyRecord);
        }
    }

    // keeps R-REC-11
    /// Whoever copies has said what became of it.
    pub(super) fn record_copied(&mut self, ended: Result<AuditHead, NotCopied>, now: Now) {
        // Nothing is waited for: the answer came too late.
        if self.copying.asked.take().is_none() {
            return;
        }
        self.copying.ended = Some(ended);
        self.note(ended.map_or_else(|why| Event::RecordNotCopied { why }, |head| Event::RecordCopied { head }), now);
    }

    /// Nobody has said whether the record was copied.
    pub(super) fn watch_copying(&mut self, now: Now) {
        if self.copying_timeout().is_some_and(|at| at <= now.uptime) {
            self.leave_copying(now);
        }
    }

    /// The program ends before anybody has.
    pub(super) fn leave_copying(&mut self, now: Now) {
        self.record_copied(Err(NotCopied::NoAnswer), now);
    }

    pub(super) fn copying_timeout(&self) -> Option<Uptime> {
        self.copying.asked.map(|asked| asked.after(ANSWER_MAX))
    }

    pub(super) fn service_view(&self) -> ServiceView {
        let copying = match (self.copying.asked, self.copying.ended) {
            (Some(_), _) => Copying::Asked,
            (None, None) => Copying::Idle,
            (None, Some(Ok(head))) => Copying::Copied { head },
            (None, Some(Err(why))) => Copying::NotCopied(why),
        };
        ServiceView { pump: self.kept.pump.clone(), head: self.journal.head(), copying }
    }
}
