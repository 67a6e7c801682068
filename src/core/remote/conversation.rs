//! What to ask the pump next, and which answer belongs to which question.
//!
//! The next command is derived from what is not known yet, never queued: a question that lost its reason is not asked.
//!
//! # Promises
//! - One question at a time; only CANCEL goes out beside another, because stopping waits for nothing.
//! - An answer that fits nothing that was asked ends the session.
//! - PREPARE waits for the request's record; COMMIT for its intent's. Both leave at most once.

use std::collections::{BTreeSet, VecDeque};

use pump_protocol::{
    clock::{Now, Uptime},
    history::HistorySeq,
    message::{Command, Reply, RequestId, Role, StatusChanged},
    quantity::Millis,
};

use super::{Output, Remote};
use crate::{
    audit::event::{Doubt, Event, LinkLoss, NothingBecause},
    ledger::{Outcome, PRESS_EXPIRES, Request, State, Verdict},
    therapy::reason::Reason,
};

// keeps R-LNK-15
/// How long the pump may take to answer: ten connection intervals of a slow link, and a retry of the radio for each.
pub(super) const ANSWER_MAX: Millis = Millis::from_secs(5);
// keeps R-LNK-19
/// How often the pump is asked how it is while somebody looks: its battery pays for each.
const REPORT_EVERY: Millis = Millis::from_secs(30);
/// How often the same question about a request's fate is asked again, while the dose goes in too.
const FATE_EVERY: Millis = Millis::from_secs(2);
/// The most questions without an answer: one, a CANCEL beside it, and a CANCEL pressed again.
const UNANSWERED_MAX: usize = 3;

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Conversation {
    unanswered: VecDeque<(Command, Uptime)>,
    fate_asked: Option<(Command, Uptime)>,
    report_asked: Option<Uptime>,
    pub(super) greeted: bool,
    pub(super) role: Option<Role>,
    pub(super) prescription_known: bool,
    /// When the prescription was read, if it contradicts itself: it is not asked for again at once.
    pub(super) contradictory: Option<Uptime>,
    pub(super) history_known: bool,
    pub(super) changed: StatusChanged,
    /// The annunciations that the pump was told of as seen: once a session is enough for a pump that listens.
    pub(super) acknowledged: BTreeSet<u16>,
    /// The request whose CANCEL has yet to leave.
    pub(super) cancel_due: Option<RequestId>,
}

impl Conversation {
    const fn new() -> Self {
        Self {
            unanswered: VecDeque::new(),
            fate_asked: None,
            report_asked: None,
            greeted: false,
            role: None,
            prescription_known: false,
            contradictory: None,
            history_known: false,
            changed: StatusChanged::NONE,
            acknowledged: BTreeSet::new(),
            cancel_due: None,
        }
    }

    /// Everything is known that a dose could be offered on.
    pub(super) const fn caught_up(&self) -> bool {
        self.greeted && self.prescription_known && self.history_known
    }

    /// Asks for a report at the next turn.
    pub(super) const fn report_due(&mut self) {
        self.report_asked = None;
    }

    /// Everything that was asked is answered.
    pub(super) fn owes_nothing(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// When the last report was asked for.
    pub(super) const fn report_asked(&self) -> Option<Uptime> {
        self.report_asked
    }

    /// The question that this reply answers, and when it was asked. Questions before it will not be answered any more.
    pub(super) fn answered_by(&mut self, reply: &Reply) -> Option<(Command, Uptime, Vec<Command>)> {
        let index = self.unanswered.iter().position(|(command, _)| fits(command, reply))?;
        let passed_over = self.unanswered.drain(..index).map(|(command, _)| command).collect();
        let (command, at) = self.unanswered.pop_front()?;
        Some((command, at, passed_over))
    }

    /// Why the session can't go on, if the pump owes an answer for too long.
    pub(super) fn overdue(&self, now: Uptime) -> Option<LinkLoss> {
        let (_, asked) = self.unanswered.front()?;
        (now.since(*asked) >= ANSWER_MAX).then_some(LinkLoss::Silent)
    }

    /// When something is to be asked or given up. Only what will be asked then counts: a moment that has passed and brings
    /// no question would be waited for without end.
    pub(super) fn timeout(&self, remote: &Remote) -> Option<Uptime> {
        if let Some((_, asked)) = self.unanswered.front() {
            return Some(asked.after(ANSWER_MAX));
        }
        if remote.foreign {
            return None;
        }
        let report = self.report_asked.map(|asked| asked.after(REPORT_EVERY));
        let question = remote.kept.request.as_ref().and_then(fate_question);
        let fate = self.fate_asked.as_ref().filter(|(last, _)| question.as_ref() == Some(last));
        [report, fate.map(|(_, asked)| asked.after(FATE_EVERY))].into_iter().flatten().min()
    }

    fn asked(&mut self, command: &Command, now: Uptime) {
        match command {
            Command::Query { .. } | Command::Abort { .. } => self.fate_asked = Some((command.clone(), now)),
            Command::ReadReport | Command::Hello { .. } | Command::ResetStatus { .. } => self.report_asked = Some(now),
            Command::Cancel { .. } => self.cancel_due = None,
            Command::Acknowledge { annunciation, .. } => {
                self.acknowledged.insert(*annunciation);
            }
            Command::Prepare { .. }
            | Command::Commit { .. }
            | Command::ReadHistory { .. }
            | Command::ReadPrescription
            | Command::ConfirmPairing
            | Command::EndPairing => {}
        }
        self.unanswered.push_back((command.clone(), now));
    }

    fn may_ask_fate(&self, command: &Command, now: Uptime) -> bool {
        match &self.fate_asked {
            Some((last, at)) => last != command || now.since(*at) >= FATE_EVERY,
            None => true,
        }
    }
}

impl Remote {
    pub(super) fn link_up(&mut self, now: Now) {
        if self.conversation.is_some() {
            self.link_down(LinkLoss::Disconnected, now);
        }
        // One that was on its way when the rest began: it is there now, and may stay until nothing is owed.
        if self.light.link_up() {
            self.outputs.push_back(Output::Reach);
        }
        self.link_since = now.uptime;
        if !self.met_in_vain {
            self.looking_since = now.uptime;
        }
        self.foreign = false;
        self.conversation = Some(Conversation::new());
    }

    pub(super) fn link_down(&mut self, why: LinkLoss, now: Now) {
        let Some(talk) = self.conversation.take() else { return };
        self.link_since = now.uptime;
        self.met_in_vain = !talk.greeted && !self.foreign;
        if !self.met_in_vain {
            self.looking_since = now.uptime;
        }
        self.note(Event::SessionLost { why }, now);
        let Some(request) = &self.kept.request else { return };
        match request.state {
            State::Created { asked: Some(_), .. } => self.withdraw(NothingBecause::Interrupted, now),
            State::Granted(_) | State::CommitIntent { sent: false, .. } => {
                self.withhold(NothingBecause::Interrupted, now);
            }
            State::CommitIntent { sent: true, .. } => {
                self.doubt(if why == LinkLoss::Silent { Doubt::NoAnswer } else { Doubt::LinkLost }, now);
            }
            State::Created { asked: None, .. }
            | State::Delivering(_)
            | State::Withdrawing { .. }
            | State::Uncertain(_) => {}
        }
    }

    /// Ends the session from this side.
    pub(super) fn hang_up(&mut self, why: LinkLoss, now: Now) {
        self.outputs.push_back(Output::Hangup);
        self.link_down(why, now);
    }

    /// Asks what is to be asked next.
    pub(super) fn converse(&mut self, now: Now) {
        while let Some(command) = self.next_command(now) {
            let Some(talk) = &mut self.conversation else { return };
            talk.asked(&command, now.uptime);
            if let Some(request) = &mut self.kept.request {
                request.state = match (&command, request.state.clone()) {
                    (Command::Prepare { .. }, State::Created { durable, .. }) => {
                        State::Created { durable, asked: Some(now.uptime) }
                    }
                    (Command::Commit { .. }, State::CommitIntent { grant, .. }) => {
                        State::CommitIntent { grant, sent: true }
                    }
                    (_, unchanged) => unchanged,
                };
            }
            self.outputs.push_back(Output::Transmit(command));
        }
    }

    // keeps R-ASK-11
    /// Takes back what is too old to be the patient's wish any more, or would come after its grant's deadline.
    pub(super) fn expire_press(&mut self, now: Now) {
        let Some(request) = &self.kept.request else { return };
        let old = now.uptime.since(request.pressed.uptime) >= PRESS_EXPIRES;
        match request.state {
            State::Created { asked: None, .. } if old => self.withdraw(NothingBecause::Expired, now),
            State::Granted(grant) | State::CommitIntent { grant, sent: false }
                if old || now.uptime >= grant.deadline =>
            {
                self.withhold(NothingBecause::TooLate, now);
            }
            State::Created { .. }
            | State::Granted(_)
            | State::CommitIntent { .. }
            | State::Delivering(_)
            | State::Withdrawing { .. }
            | State::Uncertain(_) => {}
        }
    }

    // keeps R-ASK-23
    /// What has come to be known since the hold speaks against the dose, even if the pump would give it: it isn't asked for.
    pub(super) fn judge_again(&mut self, now: Now) {
        let Some(request) = &self.kept.request else { return };
        match request.state {
            State::Created { durable: true, asked: None }
                if self.conversation.as_ref().is_some_and(Conversation::caught_up) =>
            {
                if self.reasons(now).iter().any(|reason| *reason != Reason::Unresolved) {
                    self.withdraw(NothingBecause::Overtaken, now);
                }
            }
            // The dose counts already, so that the accounts speak against it; the pump judges them again.
            State::Granted(_) | State::CommitIntent { sent: false, .. } if !self.record_good || self.clock_in_doubt => {
                self.withhold(NothingBecause::Overtaken, now);
            }
            State::Created { .. }
            | State::Granted(_)
            | State::CommitIntent { .. }
            | State::Delivering(_)
            | State::Withdrawing { .. }
            | State::Uncertain(_) => {}
        }
    }

    /// No COMMIT has left and none will: the pump is asked to make sure. The patient is told at once.
    pub(super) fn withdraw(&mut self, why: NothingBecause, now: Now) {
        let Some(request) = &mut self.kept.request else { return };
        request.state = State::Withdrawing { why, confirmed: false };
        let request = request.clone();
        self.show_ended(&request, Outcome::NotGiven(why), now);
    }

    /// As [`withdraw`](Self::withdraw), where the intent to commit may be on record already.
    pub(super) fn withhold(&mut self, why: NothingBecause, now: Now) {
        if let Some(request) = &self.kept.request {
            self.note(Event::CommitWithheld { id: request.id }, now);
        }
        self.withdraw(why, now);
    }

    pub(super) fn next_command(&self, now: Now) -> Option<Command> {
        let talk = self.conversation.as_ref()?;
        if self.foreign {
            return None;
        }
        if !talk.greeted {
            let audit_head = self.journal.head();
            return talk.unanswered.is_empty().then_some(Command::Hello { audit_head });
        }
        let request = self.kept.request.as_ref();
        if let Some(request) =
            request.filter(|request| talk.cancel_due == Some(request.id) && talk.unanswered.len() < UNANSWERED_MAX)
        {
            return Some(Command::Cancel { id: request.id });
        }
        if !talk.unanswered.is_empty() {
            return None;
        }
        request.and_then(|request| self.about_request(talk, request, now)).or_else(|| self.about_pump(talk, now))
    }

    // keeps R-ASK-12
    /// What to ask about the open request.
    fn about_request(&self, talk: &Conversation, request: &Request, now: Now) -> Option<Command> {
        let (id, prescription) = (request.id, request.prescription);
        match request.state {
            State::Created { durable: true, asked: None } if talk.caught_up() => {
                Some(Command::Prepare { id, prescription, audit_head: self.journal.head() })
            }
            State::CommitIntent { grant, sent: false } => {
                Some(Command::Commit { id, nonce: grant.nonce, prescription })
            }
            State::Created { .. }
            | State::Granted(_)
            | State::CommitIntent { sent: true, .. }
            | State::Delivering(_)
            | State::Withdrawing { .. }
            | State::Uncertain(_) => fate_question(request).filter(|question| talk.may_ask_fate(question, now.uptime)),
        }
    }

    /// What to ask about the pump itself.
    fn about_pump(&self, talk: &Conversation, now: Now) -> Option<Command> {
        let readable = talk.contradictory.is_none_or(|read| now.uptime.since(read) >= REPORT_EVERY);
        if !talk.prescription_known && readable {
            return Some(Command::ReadPrescription);
        }
        if !talk.history_known && self.journal.has_room() {
            let from = HistorySeq(self.kept.history_read.0.saturating_add(1));
            return Some(Command::ReadHistory { from });
        }
        if talk.changed != StatusChanged::NONE {
            return Some(Command::ResetStatus { seen: talk.changed });
        }
        if let Some(seen) = self.acknowledgement_owed(talk) {
            return Some(seen);
        }
        let due = talk.report_asked.is_none_or(|asked| now.uptime.since(asked) >= REPORT_EVERY);
        due.then_some(Command::ReadReport)
    }
}

// keeps R-REQ-12
/// What settles an open request, once it is past PREPARE and COMMIT; `None` where no question does.
fn fate_question(request: &Request) -> Option<Command> {
    let id = request.id;
    match request.state {
        State::Withdrawing { confirmed: false, .. } | State::Uncertain(Verdict::CouldStillRun) => {
            Some(Command::Abort { id })
        }
        State::Uncertain(Verdict::Unknown | Verdict::Started(_)) | State::Delivering(_) => Some(Command::Query { id }),
        State::Created { .. }
        | State::Granted(_)
        | State::CommitIntent { .. }
        | State::Withdrawing { confirmed: true, .. }
        | State::Uncertain(Verdict::NeverRan(_) | Verdict::Forgotten) => None,
    }
}

/// Whether this reply can be the answer to that command.
fn fits(command: &Command, reply: &Reply) -> bool {
    let same = |asked: RequestId, answered: &RequestId| asked == *answered;
    match (command, reply) {
        (_, Reply::Refused { .. })
        | (Command::Hello { .. }, Reply::Hello(_))
        | (Command::ReadHistory { .. }, Reply::History(_))
        | (Command::ReadReport | Command::ResetStatus { .. } | Command::Acknowledge { .. }, Reply::Report(_))
        | (Command::ReadPrescription, Reply::Prescription(_))
        | (Command::ConfirmPairing, Reply::PairingConfirmed)
        | (Command::EndPairing, Reply::PairingEnded) => true,
        (Command::Prepare { id, .. }, Reply::Granted { id: answered, .. } | Reply::Denied { id: answered, .. })
        | (Command::Commit { id, .. }, Reply::Accepted { id: answered, .. } | Reply::Rejected { id: answered, .. })
        | (
            Command::Query { id }
            | Command::Abort { id }
            | Command::Cancel { id }
            | Command::Prepare { id, .. }
            | Command::Commit { id, .. },
            Reply::Fate { id: answered, .. },
        ) => same(*id, answered),
        (
            Command::Hello { .. }
            | Command::Prepare { .. }
            | Command::Commit { .. }
            | Command::Query { .. }
            | Command::Abort { .. }
            | Command::Cancel { .. }
            | Command::ReadHistory { .. }
            | Command::ReadReport
            | Command::ReadPrescription
            | Command::Acknowledge { .. }
            | Command::ResetStatus { .. }
            | Command::ConfirmPairing
            | Command::EndPairing,
            _,
        ) => false,
    }
}
