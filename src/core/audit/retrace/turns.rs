//! The lines that belong to no request, and what each turn of the machine does to the one that is open: starts, sessions, batches.

use pump_protocol::history::{HistoryEntry, HistoryEvent, Origin};

use super::{
    super::event::Event,
    Open, Retrace,
    difference::What,
    doses::Doses,
    possible::{Followed, Possible},
};
use crate::{ledger::State, therapy::account::DoseSource};

impl Retrace {
    pub(super) fn follow_the_rest(&mut self, event: &Event) {
        self.expect_no_ending(event);
        if matches!(event, Event::Started) {
            return self.start();
        }
        self.take_quiet_steps();
        match event {
            Event::SessionOpened { .. } => self.session = Some(true),
            Event::SessionLost { .. } => self.session = Some(false),
            Event::OutcomeSeen => self.see_outcome(event),
            Event::PumpReplaced { .. } => self.doses = Doses::unknown(),
            Event::PumpReset { epoch } => self.doses.pump_reset(*epoch),
            Event::DoseOfOthers { entry } | Event::DoseUnknownToRecord { entry } => {
                let ours = matches!(event, Event::DoseUnknownToRecord { .. });
                self.count_told(entry, ours);
            }
            _ => {}
        }
    }

    /// The machine begins from its kept state: from one of those that it could be in behind the last batch.
    fn start(&mut self) {
        self.session = Some(false);
        let Open::Request(mut followed) = self.open else { return };
        let before = core::mem::take(&mut self.possible);
        self.possible = before.into_iter().map(|possible| possible.restarted(&followed)).collect();
        followed.durable = true;
        self.open = Open::Request(followed);
        self.starting = true;
    }

    fn see_outcome(&mut self, event: &Event) {
        if self.shown_known {
            self.possible.retain(|possible| possible.shown.is_some());
            if self.possible.is_empty() {
                self.differ(What::NothingToRead, Some(event));
                self.reseed();
            }
        }
        self.shown_known = true;
        for possible in core::mem::take(&mut self.possible) {
            let read = Possible { shown: None, ..possible };
            if !self.possible.contains(&read) {
                self.possible.push(read);
            }
        }
    }

    /// The pump's word has ended the request, and this line doesn't say so.
    fn expect_no_ending(&mut self, event: &Event) {
        let Open::Request(Followed { id, .. }) = self.open else { return };
        self.possible.retain(|possible| !possible.is_ending());
        if self.possible.is_empty() {
            self.differ(What::OutcomeMissing { id }, Some(event));
            self.lose_track_of_the_request();
        }
    }

    /// A grant, and a COMMIT that waits for its answer, have ended with their session.
    pub(super) fn end_what_needs_a_session(&mut self, event: &Event) {
        let Open::Request(Followed { id, .. }) = self.open else { return };
        if self.session != Some(false) {
            return;
        }
        self.possible.retain(|possible| !possible.awaits_commit());
        if self.possible.is_empty() {
            self.differ(What::NotSureMissing { id }, Some(event));
            self.reseed();
        }
    }

    /// What the kept state holds was true when the batch was handed out: behind its last line.
    pub(super) fn end_batch(&mut self, event: &Event) {
        self.take_quiet_steps();
        self.end_what_needs_a_session(event);
        if core::mem::take(&mut self.starting)
            && let Open::Request(Followed { id, .. }) = self.open
        {
            self.possible.retain(|possible| !matches!(possible.state(), Some(State::Uncertain(_))));
            if self.possible.is_empty() {
                self.differ(What::NotSureMissing { id }, Some(event));
                self.reseed();
            }
        }
        if let Open::Request(followed) = &mut self.open {
            followed.durable = true;
        }
        if core::mem::take(&mut self.lost) {
            self.lose_track();
        }
    }

    fn count_told(&mut self, entry: &HistoryEntry, ours: bool) {
        let HistoryEvent::BolusStarted { bolus, origin, dose, .. } = entry.event else { return };
        let source = match origin {
            Origin::Remote { id, .. } if ours => DoseSource::Ours { id },
            Origin::Remote { .. } => DoseSource::OtherRemote { bolus },
            Origin::Clinician | Origin::Unknown => DoseSource::NotDemanded { bolus },
        };
        self.doses.count_told(source, dose);
    }
}
