//! The pump's history becomes part of our account: whatever it delivered counts, whoever asked.
//!
//! # Promises
//! - Each entry is taken once and in order; a page that repeats or skips entries changes nothing twice, and one that leads
//!   nowhere ends the session: asking again would bring the same.
//! - A gap counts as if the allotment had been used up to its end; so does a history that has become shorter.
//! - The end of a bolus in the history ends the open request that asked for it.
//! - A dose of our own key that the record doesn't know is recorded as such, and counts.

use pump_protocol::{
    clock::{BootId, Now, PumpTime, Uptime},
    history::{BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{BolusRef, HistoryPage, RequestId},
    prescription::REACH_MAX,
    quantity::{Dose, Millis, Volume},
    report::PumpReport,
};

use super::Remote;
use crate::{
    annunciation::AlarmCondition,
    audit::event::{Event, LinkLoss},
    ledger::settle::{bolus_ended, settle_by_silence_of_history},
    therapy::{
        account::{CountedDose, DoseSource, Since},
        change::{self, Change},
    },
};

impl Remote {
    pub(super) fn import(&mut self, page: &HistoryPage, now: Now) {
        let read_before = self.kept.history_read;
        let wanted = HistorySeq(read_before.0.saturating_add(1));
        if page.first > wanted {
            self.count_history_gap(wanted, page, now);
        }
        for entry in page.entries.iter() {
            if entry.seq.0 == self.kept.history_read.0.saturating_add(1) {
                self.kept.history_read = entry.seq;
                self.import_entry(entry, now);
            }
        }
        let known = self.kept.history_read >= page.head;
        if !known && self.kept.history_read == read_before {
            self.note(Event::AnswerOutOfPlace, now);
            return self.hang_up(LinkLoss::OutOfPlace, now);
        }
        if let Some(talk) = &mut self.conversation {
            talk.history_known = known;
        }
        if known {
            self.kept.history_imported = true;
            if self.kept.history_read != read_before {
                self.note(Event::HistoryImported { head: page.head }, now);
            }
            self.prune_account(now);
            self.settle_by_history(now);
            self.compare_accounts(now);
        }
    }

    // keeps R-REQ-21
    /// The pump's history is complete here: what it doesn't hold, did not run.
    pub(super) fn settle_by_history(&mut self, now: Now) {
        let complete = self.conversation.as_ref().is_some_and(|talk| talk.greeted && talk.history_known);
        let outcome = self.kept.request.as_ref().and_then(|request| settle_by_silence_of_history(&request.state));
        if let Some(outcome) = outcome.filter(|_| complete) {
            self.finish(outcome, now);
        }
    }

    /// The pump's history ends before what was read of it: what happened since is gone.
    pub(super) fn watch_history(&mut self, report: &PumpReport, now: Now) {
        let head = report.history_head;
        if head < self.kept.history_read {
            let until = HistorySeq(self.kept.history_read.0.saturating_add(1));
            self.note(Event::HistoryGap { from: HistorySeq(head.0.saturating_add(1)), until }, now);
            self.kept.account.count_gap(self.since(report.time, Some((now.boot, now.uptime))));
            self.kept.history_read = head;
        }
    }

    /// A moment of the pump's clock as an account can hold it; of an earlier epoch only the end is known.
    pub(super) fn since(&self, at: PumpTime, uptime: Option<(BootId, Uptime)>) -> Since {
        let epoch = self.kept.pump_seen.map_or(at.epoch, |seen| seen.epoch);
        let pump = if at.epoch >= epoch { at } else { PumpTime::new(epoch, Millis::ZERO) };
        Since { pump, carried: Millis::ZERO, uptime }
    }

    /// The pump says how long the bolus that runs still takes: one of the clinic's may take longer than a demand dose.
    pub(super) fn watch_bolus(&mut self) {
        if let Some((source, ends)) = self.running() {
            self.kept.account.ends_at(source, ends);
        }
    }

    /// What ran at the pump's last report, and when it ends if nothing cuts it short.
    fn running(&self) -> Option<(DoseSource, PumpTime)> {
        let report = &self.word.as_ref()?.report;
        let running = report.bolus?;
        Some((self.source(running.bolus, running.origin), report.time.after(running.remaining)))
    }

    fn count_history_gap(&mut self, wanted: HistorySeq, page: &HistoryPage, now: Now) {
        let Some(first) = page.entries.first() else { return };
        self.kept.history_read = HistorySeq(page.first.0.saturating_sub(1));
        let age = self.pump_now(now).and_then(|pump_now| pump_now.since(first.at));
        if age.is_none_or(|age| age < REACH_MAX) {
            self.kept.account.count_gap(self.since(first.at, None));
            self.note(Event::HistoryGap { from: wanted, until: page.first }, now);
        }
    }

    fn import_entry(&mut self, entry: &HistoryEntry, now: Now) {
        match entry.event {
            HistoryEvent::BolusStarted { bolus, origin, dose, .. } => {
                self.import_start(entry, bolus, origin, dose, now);
            }
            HistoryEvent::BolusEnded { bolus, origin, delivered, end } => {
                let source = self.source(bolus, origin);
                // keeps R-REQ-17
                if let Some(bolus) = self.open_bolus(source).filter(|open| open.bolus == bolus) {
                    self.finish(bolus_ended(bolus, delivered, end), now);
                }
                if delivered == Delivered::exactly(Dose::ZERO) {
                    self.kept.account.discount(source);
                }
                // Behind what counts it for as long as it was meant to last.
                self.kept.account.ended_at(source, entry.at);
            }
            // keeps R-REC-19
            HistoryEvent::Refilled { volume, .. } => self.refilled(volume, now),
            // A new prescription is announced, and every report names the one in force.
            HistoryEvent::Reprogrammed { .. } | HistoryEvent::Stopped | HistoryEvent::Started | HistoryEvent::Reset => {
            }
        }
    }

    // keeps R-REQ-25, R-LIM-08
    /// Told to the patient if it is news, and not the history of a pump that this remote has just met.
    fn refilled(&mut self, volume: Volume, now: Now) {
        self.note(Event::Refilled { volume }, now);
        if self.kept.history_imported {
            change::tell(&mut self.kept.changes, Change::Refill { volume });
        }
    }

    fn import_start(&mut self, entry: &HistoryEntry, bolus: BolusId, origin: Origin, dose: Dose, now: Now) {
        let source = self.source(bolus, origin);
        match source {
            DoseSource::Ours { id } if self.is_open(id) => self.ours_started(entry, bolus, dose),
            DoseSource::Ours { .. } if self.kept.account.counts(source) => {}
            DoseSource::Ours { id } => {
                self.saw_id(id);
                self.count_entry(source, dose, entry, now);
                self.note(Event::DoseUnknownToRecord { entry: *entry }, now);
                self.alarm_of_a_dose(AlarmCondition::DoseUnknownToRecord);
            }
            DoseSource::OtherRemote { .. } | DoseSource::NotDemanded { .. } => {
                self.count_entry(source, dose, entry, now);
                self.note(Event::DoseOfOthers { entry: *entry }, now);
                if origin == Origin::Unknown {
                    self.alarm_of_a_dose(AlarmCondition::UnaccountedDose);
                }
            }
        }
    }

    /// News, unless this remote has just met the pump: what was before is the clinic's to know.
    fn alarm_of_a_dose(&mut self, condition: AlarmCondition) {
        if self.kept.history_imported {
            self.alarming.push(condition);
        }
    }

    /// The pump's history names the open request: it did start, whatever was thought before.
    fn ours_started(&mut self, entry: &HistoryEntry, bolus: BolusId, dose: Dose) {
        let Some(request) = &mut self.kept.request else { return };
        let bolus = BolusRef { bolus, history_seq: entry.seq, start: entry.at, dose };
        request.state = request.state.clone().started(bolus);
    }

    /// The bolus of the open request, if this is its source and it is known to have started.
    fn open_bolus(&self, source: DoseSource) -> Option<BolusRef> {
        let request = self.kept.request.as_ref().filter(|request| source == DoseSource::Ours { id: request.id })?;
        request.state.bolus()
    }

    /// What no limit reaches any more makes room: a history may reach further back than any limit.
    fn count_entry(&mut self, source: DoseSource, dose: Dose, entry: &HistoryEntry, now: Now) {
        self.prune_account(now);
        let since = self.since(entry.at, None);
        self.kept.account.count(CountedDose { source, dose, since, lasts: self.bolus_lasts() });
        // This one, and not behind the page: of what has ended since, the report before it knows nothing.
        if let Some((_, ends)) = self.running().filter(|(running, _)| *running == source) {
            self.kept.account.ends_at(source, ends);
        }
    }

    fn is_open(&self, id: RequestId) -> bool {
        self.kept.request.as_ref().is_some_and(|request| request.id == id)
    }

    fn source(&self, bolus: BolusId, origin: Origin) -> DoseSource {
        match origin {
            Origin::Remote { key, id } if key == self.key => DoseSource::Ours { id },
            Origin::Remote { .. } => DoseSource::OtherRemote { bolus },
            Origin::Clinician | Origin::Unknown => DoseSource::NotDemanded { bolus },
        }
    }

    fn prune_account(&mut self, now: Now) {
        if let Some(pump_now) = self.pump_now(now) {
            self.kept.account.prune(pump_now, now);
        }
    }
}
