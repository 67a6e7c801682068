//! What the pump's words do to the open request and to what is known of the pump.
//!
//! # Promises
//! - Only an answer to what was asked, in the session in which it was asked, changes anything.
//! - An intent to commit is recorded before COMMIT can leave: a grant only begins that record.

use pump_protocol::{
    clock::{Now, PumpTime, Uptime},
    history::Delivered,
    message::{BolusRef, Command, Denial, Fate, GRANT_LIFE_MAX, Hello, Nonce, Reply, RequestId, StatusChanged},
    prescription::{Prescription, Programmed},
    quantity::{Dose, Millis},
    report::{Delivery, PumpReport},
};

use super::{
    Remote, Word,
    kept::{Ended, NO_PUMPS_EPOCH},
};
use crate::{
    annunciation::AlarmCondition,
    audit::event::{Doubt, Event, LinkLoss, NothingBecause},
    ledger::{
        Grant, Outcome, Progress, Request, State, Verdict,
        settle::{Step, settle},
    },
    screen::Notice,
    therapy::{
        account::{CountedDose, DoseSource, PumpClock, Since},
        availability::{Accounts, TwoAccounts, windows_differ},
        change::{self, Change},
    },
};

impl Remote {
    pub(super) fn hear(&mut self, reply: Reply, now: Now) {
        if let Reply::Status { changed } = reply {
            return self.status_changed(changed);
        }
        let Some(talk) = &mut self.conversation else { return };
        // keeps R-LNK-03
        let Some((asked, at, passed_over)) = talk.answered_by(&reply) else {
            self.note(Event::AnswerOutOfPlace, now);
            return self.hang_up(LinkLoss::OutOfPlace, now);
        };
        for command in &passed_over {
            self.unanswered(command, now);
        }
        match reply {
            Reply::Hello(hello) => self.greeted(*hello, at, now),
            Reply::Granted { id, nonce, dose, life } => self.granted(id, nonce, dose, life, at, now),
            Reply::Denied { id, denial } => self.refused(id, denial, Outcome::Denied(denial), now),
            Reply::Accepted { id, bolus } => self.accepted(id, bolus, now),
            Reply::Rejected { id, denial } => self.refused(id, denial, Outcome::Rejected(denial), now),
            Reply::Fate { id, fate, watermark } => self.fate_heard(&asked, id, fate, watermark, now),
            Reply::History(page) => self.import(&page, now),
            Reply::Report(report) => {
                if let (Command::ResetStatus { seen }, Some(talk)) = (asked, &mut self.conversation) {
                    talk.changed = talk.changed.without(seen);
                }
                self.take_report(*report, at, now);
            }
            Reply::Prescription(prescription) => self.take_prescription(*prescription, now),
            Reply::PairingConfirmed | Reply::PairingEnded | Reply::Status { .. } => {}
            Reply::Refused { .. } => {
                self.note(Event::AnswerOutOfPlace, now);
                self.hang_up(LinkLoss::OutOfPlace, now);
            }
        }
    }

    /// Ends the open request, counts or discounts it, and shows what became of it.
    pub(super) fn finish(&mut self, outcome: Outcome, now: Now) {
        let Some(request) = self.kept.request.take() else { return };
        let (id, ours) = (request.id, DoseSource::Ours { id: request.id });
        match outcome {
            Outcome::Delivered { bolus } | Outcome::DeliveredInPart { bolus, .. } => {
                self.count_bolus(&request, bolus, now);
            }
            Outcome::Denied(_) | Outcome::Rejected(_) | Outcome::NotGiven(_) => self.kept.account.discount(ours),
            Outcome::AssumedGiven => self.count_from_now(&request, now),
        }
        self.note(outcome.event(id), now);
        // Of one that was taken back the patient was told NOT GIVEN; a pump that says otherwise must be heard.
        let told_already = outcome.is_nothing() && matches!(request.state, State::Withdrawing { .. });
        if !told_already {
            self.show_ended(&request, outcome, now);
        }
        if let Some(talk) = &mut self.conversation {
            talk.report_due();
        }
    }

    pub(super) fn show_ended(&mut self, request: &Request, outcome: Outcome, now: Now) {
        let (dose, pressed, at) = (request.dose, request.pressed, now.uptime);
        self.kept.ended = Some(Ended { outcome, dose, echoed: dose, pressed, at });
    }

    fn unanswered(&mut self, command: &Command, now: Now) {
        match command {
            Command::Commit { .. } => self.doubt(Doubt::NoAnswer, now),
            Command::Prepare { .. } => self.withdraw(NothingBecause::Interrupted, now),
            Command::Hello { .. }
            | Command::Query { .. }
            | Command::Abort { .. }
            | Command::Cancel { .. }
            | Command::ReadHistory { .. }
            | Command::ReadReport
            | Command::ReadPrescription
            | Command::Acknowledge { .. }
            | Command::ResetStatus { .. }
            | Command::ConfirmPairing
            | Command::EndPairing => {}
        }
    }

    fn status_changed(&mut self, changed: StatusChanged) {
        let Some(talk) = &mut self.conversation else { return };
        talk.changed = talk.changed.with(changed);
        if changed.contains(StatusChanged::PRESCRIPTION) {
            talk.prescription_known = false;
            talk.contradictory = None;
        }
        if changed.contains(StatusChanged::HISTORY) {
            talk.history_known = false;
        }
    }

    fn greeted(&mut self, hello: Hello, asked: Uptime, now: Now) {
        match &self.kept.pump {
            // keeps R-LNK-14
            Some(serial) if *serial != hello.serial => {
                self.foreign = true;
                self.note(Event::ForeignPump { serial: hello.serial }, now);
                return;
            }
            Some(_) => {}
            None => {
                self.kept.pump = Some(hello.serial.clone());
                self.note(Event::PumpBound { serial: hello.serial }, now);
            }
        }
        let ours = self.journal.head();
        // keeps R-REC-05
        if let Some(witness) = hello
            .witness
            .filter(|witness| witness.count > 0)
            .filter(|witness| witness.count > ours.count || (witness.count == ours.count && witness.hash != ours.hash))
        {
            self.note(Event::RecordWentBack { witness, ours }, now);
            self.alarming.push(AlarmCondition::RecordWentBack);
        }
        self.saw_id(hello.last_id);
        self.saw_id(hello.watermark);
        let stopping = self.kept.request.as_ref().filter(|request| request.stop_asked).map(|request| request.id);
        if let Some(talk) = &mut self.conversation {
            talk.greeted = true;
            talk.role = Some(hello.role);
            talk.cancel_due = stopping;
        }
        self.note(Event::SessionOpened { history_head: hello.report.history_head }, now);
        self.take_report(hello.report, asked, now);
    }

    // keeps R-REQ-02
    fn granted(&mut self, id: RequestId, nonce: Nonce, echoed: Dose, life: Millis, asked: Uptime, now: Now) {
        let asking = |request: &&Request| request.id == id && matches!(request.state, State::Created { .. });
        let Some(request) = self.kept.request.as_ref().filter(asking) else { return };
        let shown = request.dose;
        if echoed != shown {
            self.note(Event::DoseDiffered { id, shown, echoed }, now);
            self.withdraw(NothingBecause::DoseDiffered, now);
            if let Some(ended) = &mut self.kept.ended {
                ended.echoed = echoed;
            }
            return;
        }
        // keeps R-REQ-03
        let deadline = asked.after(life.min(GRANT_LIFE_MAX));
        let Some(word) = self.word.as_ref().filter(|_| now.uptime < deadline) else {
            return self.withdraw(NothingBecause::TooLate, now);
        };
        // keeps R-REQ-05
        // The pump counts the grant's life from when it granted, which was no later than now.
        let latest_start = word.clock.at_most(now.uptime).after(life);
        let uptime = Some((now.boot, now.uptime.after(life)));
        let since = Since { pump: latest_start, carried: Millis::ZERO, uptime };
        let (source, lasts) = (DoseSource::Ours { id }, self.bolus_lasts());
        self.kept.account.count(CountedDose { source, dose: shown, since, lasts });
        self.note(Event::CommitIntended { id, latest_start }, now);
        if let Some(request) = &mut self.kept.request {
            request.state = State::Granted(Grant { nonce, deadline, latest_start });
        }
    }

    fn refused(&mut self, id: RequestId, denial: Denial, outcome: Outcome, now: Now) {
        if denial.reasons.is_empty() {
            self.note(Event::AnswerOutOfPlace, now);
            return self.hang_up(LinkLoss::OutOfPlace, now);
        }
        if self.kept.request.as_ref().is_some_and(|request| request.id == id) {
            self.denied = Some((denial, now.uptime));
            self.denied_for_a_limit(&denial);
            self.finish(outcome, now);
        }
    }

    fn accepted(&mut self, id: RequestId, bolus: BolusRef, now: Now) {
        let Some(request) = self.kept.request.as_ref().filter(|request| request.id == id) else { return };
        let request = request.clone();
        self.note(Event::Accepted { id, bolus }, now);
        if bolus.dose != request.dose {
            self.note(Event::DoseDiffered { id, shown: request.dose, echoed: bolus.dose }, now);
        }
        let (delivered, remaining) = (Delivered::exactly(Dose::ZERO), self.bolus_lasts());
        self.enter_delivering(&request, Progress { bolus, delivered, remaining, heard: now.uptime }, now);
    }

    fn fate_heard(&mut self, asked: &Command, id: RequestId, fate: Fate, watermark: RequestId, now: Now) {
        self.saw_id(watermark);
        let Some(request) = self.kept.request.as_ref().filter(|request| request.id == id) else { return };
        let request = request.clone();
        let polled = matches!(request.state, State::Delivering(_)) && matches!(fate, Fate::Delivering { .. });
        if !polled {
            self.note(Event::FateHeard { id, fate }, now);
        }
        let unread = bolus_of(fate).is_some_and(|bolus| bolus.history_seq > self.kept.history_read);
        if let Some(talk) = self.conversation.as_mut().filter(|_| unread) {
            talk.history_known = false;
        }
        let stopped = request.stop_asked || matches!(asked, Command::Cancel { .. });
        let history_unread = self.conversation.as_ref().is_some_and(|talk| !talk.history_known);
        match settle(id, &request.state, fate, watermark, stopped, now.uptime) {
            Step::Open(State::Delivering(progress)) => self.enter_delivering(&request, progress, now),
            Step::Open(state) => {
                // Of one that is known to have started, the history, which is read next, may tell the end though the pump forgot it.
                let started = request.state.bolus().filter(|_| history_unread).map(Verdict::Started);
                if let Some(request) = &mut self.kept.request {
                    request.state = started.map_or(state, State::Uncertain);
                }
                self.settle_by_history(now);
            }
            // "Nothing went in" needs the history's word too, which comes next and ends it.
            Step::Ended(Outcome::NotGiven(_)) if unread => {
                if let (Some(request), Some(bolus)) = (&mut self.kept.request, bolus_of(fate)) {
                    request.state = State::Uncertain(Verdict::Started(bolus));
                }
            }
            Step::Ended(outcome) => self.finish(outcome, now),
        }
    }

    fn enter_delivering(&mut self, request: &Request, progress: Progress, now: Now) {
        self.count_bolus(request, progress.bolus, now);
        if let Some(request) = &mut self.kept.request {
            request.state = State::Delivering(progress);
        }
    }

    // keeps R-LIM-07
    /// Counts a bolus from its true start on the pump's clock, and on ours from no later than what was counted before. Of what
    /// was asked for and what the pump says that it gives, the more.
    fn count_bolus(&mut self, request: &Request, bolus: BolusRef, now: Now) {
        let same_boot = request.pressed.boot == now.boot;
        let source = DoseSource::Ours { id: request.id };
        let latest = request.pressed.uptime.after(crate::ledger::PRESS_EXPIRES).after(GRANT_LIFE_MAX).min(now.uptime);
        let counted = self.kept.account.started_by(source, now.boot);
        let uptime = same_boot.then_some((now.boot, counted.map_or(latest, |counted| counted.min(latest))));
        let since = self.since(bolus.start, uptime);
        let dose = request.dose.max(bolus.dose);
        self.kept.account.count(CountedDose { source, dose, since, lasts: self.bolus_lasts() });
    }

    /// How long a demand dose takes.
    pub(super) fn bolus_lasts(&self) -> Millis {
        self.kept.prescription.as_ref().map_or(Millis::ZERO, |known| known.programmed().bolus_duration)
    }

    // keeps R-REQ-09
    fn count_from_now(&mut self, request: &Request, now: Now) {
        let pump = self.word.as_ref().map_or_else(Default::default, |word| word.clock.at_most(now.uptime));
        let since = Since { pump, carried: Millis::ZERO, uptime: Some((now.boot, now.uptime)) };
        let source = DoseSource::Ours { id: request.id };
        self.kept.account.count(CountedDose { source, dose: request.dose, since, lasts: self.bolus_lasts() });
    }

    fn take_report(&mut self, report: PumpReport, asked: Uptime, now: Now) {
        self.watch_pump_clock(&report, now);
        self.watch_history(&report, now);
        self.watch_delivery(&report, now);
        // keeps R-LIM-12
        let same_prescription =
            self.kept.prescription.as_ref().is_some_and(|known| known.hash() == report.prescription.hash);
        let history_known = report.history_head <= self.kept.history_read;
        // A pump whose history is empty has none to be read, and what comes first in it is news.
        self.kept.history_imported |= history_known;
        if let Some(talk) = &mut self.conversation {
            talk.prescription_known = same_prescription;
            talk.history_known = history_known;
        }
        self.note_reservoir(report.reservoir, now);
        let clock = PumpClock { said: report.time, asked, heard: now.uptime };
        self.word = Some(Word { report, clock });
        self.watch_bolus();
        self.settle_by_history(now);
        self.compare_accounts(now);
    }

    fn watch_pump_clock(&mut self, report: &PumpReport, now: Now) {
        let seen = self.kept.pump_seen;
        self.watch_pump_calendar(seen, report, now);
        match seen.filter(|seen| seen.epoch != report.time.epoch) {
            // How long a pump was in use before it was ours, says nothing about our doses.
            Some(seen) if seen.epoch == NO_PUMPS_EPOCH => self.kept.account.clock_was_lost(seen, report.time),
            Some(seen) => {
                let epoch = report.time.epoch;
                self.kept.account.clock_was_lost(seen, PumpTime::new(epoch, Millis::ZERO));
                self.note(Event::PumpReset { epoch }, now);
            }
            None => {}
        }
        let backwards = |seen: PumpTime| seen.epoch == report.time.epoch && report.time.since_epoch < seen.since_epoch;
        // keeps R-ANS-09
        self.clock_in_doubt = seen.is_some_and(backwards);
        if !self.clock_in_doubt {
            self.kept.pump_seen = Some(report.time);
        }
    }

    // keeps R-CAR-12
    fn watch_delivery(&mut self, report: &PumpReport, now: Now) {
        let stopped = matches!(report.delivery, Delivery::Stopped { .. });
        if stopped != self.kept.stopped {
            self.kept.stopped = stopped;
            self.note(if stopped { Event::DeliveryStopped } else { Event::DeliveryStarted }, now);
        }
    }

    fn take_prescription(&mut self, programmed: Programmed, now: Now) {
        let (version, hash) = (programmed.version, programmed.hash());
        let Ok(prescription) = Prescription::check(programmed) else {
            // keeps R-LIM-11
            // Fail closed (OPCA EC19): nothing is offered until the clinic has programmed another.
            let Some(talk) = &mut self.conversation else { return };
            if talk.contradictory.replace(now.uptime).is_none() {
                self.note(Event::PrescriptionContradicts { version, hash }, now);
            }
            return;
        };
        let programmed = prescription.programmed();
        self.note(
            Event::PrescriptionRead {
                version,
                hash,
                demand_dose: programmed.demand_dose,
                lockout_interval: programmed.lockout_interval,
                allotment: programmed.allotment,
            },
            now,
        );
        // keeps R-ASK-13
        let changed = self.kept.prescription.as_ref().map(|before| change::between(before, &prescription));
        // keeps R-ANS-19
        for change in changed.into_iter().flatten() {
            // A finger that held for what stood there before doesn't ask for what stands there now.
            self.hold.spoil();
            if let Change::Concentration { from, to } = change {
                self.note(Event::ConcentrationChanged { from, to }, now);
            }
            change::tell(&mut self.kept.changes, change);
        }
        self.denied = None;
        self.kept.prescription = Some(prescription);
        if let Some(talk) = &mut self.conversation {
            talk.prescription_known = true;
            talk.contradictory = None;
            talk.report_due();
        }
    }

    /// Announces once that the accounts differ; the stricter one counts anyway. Compared is what was said of one moment: a
    /// report that is older than the history knows less than our account.
    pub(super) fn compare_accounts(&mut self, now: Now) {
        let caught_up = self.conversation.as_ref().is_some_and(super::Conversation::caught_up);
        let (Some(word), Some(prescription)) = (self.pump_word(now), &self.kept.prescription) else { return };
        let same_moment = word.report.history_head == self.kept.history_read;
        if !caught_up || !same_moment || self.kept.request.is_some() {
            return;
        }
        let accounts = Accounts::judge(&self.kept.account, prescription, &word, now);
        let windows = windows_differ(&self.kept.account, prescription, &word, now);
        let Accounts { lockout, used, .. } = accounts;
        let newly = accounts.differ() && !self.accounts_differ;
        self.accounts_differ = accounts.differ();
        let windows_differed = core::mem::replace(&mut self.windows_differ, windows.is_some());
        if let Some(TwoAccounts { ours, pumps }) = windows.filter(|_| !windows_differed) {
            self.tell(Notice::AccountsDiffer, now);
            self.note(Event::WindowAccountsDiffer { ours, pumps }, now);
        }
        if newly {
            self.tell(Notice::AccountsDiffer, now);
            let event = Event::AccountsDiffer {
                lockout_ours: lockout.ours,
                lockout_pumps: lockout.pumps,
                used_ours: used.ours,
                used_pumps: used.pumps,
            };
            self.note(event, now);
        }
    }
}

/// The bolus that a fate names.
const fn bolus_of(fate: Fate) -> Option<BolusRef> {
    match fate {
        Fate::Delivering { bolus, .. } | Fate::Done { bolus } | Fate::Stopped { bolus, .. } => Some(bolus),
        Fate::NeverRan | Fate::Granted | Fate::Voided | Fate::Denied | Fate::Rejected | Fate::Forgotten => None,
    }
}
