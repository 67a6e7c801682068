//! A hold becomes a request, a refusal, or a stop.
//!
//! # Promises
//! - A request is made only from READY, for the dose that stands there, or from the code's page while that dose is offered still.
//! - Every full hold is recorded with what came of it, on a caregiver's page too.
//! - Stop needs no storage, no lockout and no link: it is noted, sent when it can be, and can be repeated.

use pump_protocol::{clock::Now, message::AuditHead, prescription::Prescription, wire::Bounded};

use super::{Output, Remote, hold::Felt};
use crate::{
    audit::event::{Event, Moment, NothingBecause},
    ledger::{Outcome, Request, State},
    screen::{Control, Face, Intent, Notice, Offer, Visit},
    therapy::change::Changes,
};

impl Remote {
    pub(super) fn intend(&mut self, intent: Intent, now: Now) {
        match intent {
            Intent::Touch { control, level, source } => match self.hold.feel(control, source, level, now.uptime) {
                Felt::Complete(Control::Dose) => self.attempt(now),
                Felt::Complete(Control::Stop) => self.stop(now),
                Felt::TooShort(control) => {
                    self.short_touches = self.short_touches.saturating_add(1);
                    let in_vain = control == Control::Dose && gives_no_dose(&self.face(now));
                    self.tell(if in_vain { Notice::NoDoseHere } else { Notice::HoldLonger }, now);
                }
                Felt::Nothing => {}
            },
            Intent::Digit(digit) => self.digit(digit, now),
            Intent::EraseDigit => self.erase_digit(),
            Intent::Acknowledge(condition) => self.acknowledge(condition, now),
            Intent::PauseAudio => self.pause_audio(now),
            Intent::Visit(page) => self.visit(page, now),
            Intent::Seen => self.seen(now),
            Intent::NoticeSeen => self.notice = None,
            // keeps R-ALM-19
            Intent::Quiet(hours) => self.quiet = hours,
            Intent::TestSelf => self.test_self(now),
            Intent::Answer { yes } => self.answered(yes),
            Intent::Proceed => self.begin_practice(now),
            Intent::StepTime(step) => self.step_time(step, now),
            Intent::TakePumpTime => self.take_pump_time(now),
            Intent::SetClock => self.set_clock(now),
            Intent::CopyRecord => self.copy_record(now),
            Intent::Wake => {
                self.awake_since = now.uptime;
                if let Some(talk) = &mut self.conversation {
                    talk.report_due();
                }
            }
        }
    }

    // keeps R-REQ-01
    /// What was noted is durable: what waited for it may leave.
    pub(super) fn stored(&mut self, head: AuditHead) {
        self.test_stored();
        for happened in self.journal.stored(head) {
            let Some(request) = &mut self.kept.request else { continue };
            request.state = match (&happened.event, request.state.clone()) {
                (Event::Requested { id, .. }, State::Created { asked, .. }) if *id == request.id => {
                    State::Created { durable: true, asked }
                }
                (Event::CommitIntended { id, .. }, State::Granted(grant)) if *id == request.id => {
                    State::CommitIntent { grant, sent: false }
                }
                (_, unchanged) => unchanged,
            };
        }
    }

    /// What was noted is not durable: what waited for it never leaves.
    pub(super) fn not_stored(&mut self, now: Now) {
        let waiting = self.journal.not_stored(now.uptime);
        let Some(request) = &self.kept.request else { return };
        let waits = waiting.iter().any(|happened| match happened.event {
            Event::Requested { id, .. } | Event::CommitIntended { id, .. } => id == request.id,
            _ => false,
        });
        match request.state {
            State::Created { asked: None, .. } if waits => self.withdraw(NothingBecause::Interrupted, now),
            // The line of the intent is offered again: without another behind it, it would say that COMMIT may have left.
            State::Granted(_) if waits => self.withhold(NothingBecause::Interrupted, now),
            State::Created { .. }
            | State::Granted(_)
            | State::CommitIntent { .. }
            | State::Delivering(_)
            | State::Withdrawing { .. }
            | State::Uncertain(_) => {}
        }
    }

    /// What stands on the page has been read. An open question can't be put away so.
    fn seen(&mut self, now: Now) {
        self.notice = None;
        match self.face(now) {
            Face::EnterCode { .. } => self.leave_code(now),
            Face::Given { .. } | Face::GivenInPart { .. } | Face::NotGiven(_) | Face::AssumedGiven { .. } => {
                self.kept.ended = None;
                self.note(Event::OutcomeSeen, now);
            }
            Face::Changed { .. } => {
                // A finger that held before this was read doesn't ask for what it says.
                self.hold.spoil();
                self.kept.changes = Changes::default();
                self.note(Event::ChangesSeen, now);
            }
            Face::Checking
            | Face::Ready(_)
            | Face::Wait(_)
            | Face::NotAvailable { .. }
            | Face::Asking { .. }
            | Face::Delivering { .. }
            | Face::NotSure { .. }
            | Face::Caregiver(_)
            | Face::History { .. }
            | Face::Alarms
            | Face::Emergency { .. }
            | Face::Reading(_)
            | Face::Pairing(_)
            | Face::Fault(_) => {}
        }
    }

    pub(super) fn visit(&mut self, page: Visit, now: Now) {
        self.leave_code(now);
        if page != Visit::Practice {
            self.end_practice(now);
        }
        // A finger that held on one page doesn't ask on another.
        if page != self.page {
            self.hold.spoil();
        }
        if self.page == Visit::Service {
            self.copying.turn_over();
        }
        self.page = page;
        self.setting.turn_over();
        // What was said of the page before means nothing on this one.
        self.notice = None;
        if matches!(page, Visit::History | Visit::Clinic) {
            self.days = None;
        }
        if matches!(page, Visit::History | Visit::Clinic | Visit::Day(_)) && self.days.is_none() {
            self.outputs.push_back(Output::ReadDays);
        }
        if page == Visit::Reservoir {
            self.levels = None;
            self.outputs.push_back(Output::ReadLevels);
        }
    }

    /// A full hold on the dose control.
    // keeps R-ASK-07, R-LIM-06
    fn attempt(&mut self, now: Now) {
        self.note_short_touches(now);
        match self.face(now) {
            Face::Ready(offer) if self.code_wanted().is_some() => self.ask_code(offer, now),
            // keeps R-ASK-08
            Face::Ready(offer) => self.request_dose(offer, now),
            // keeps R-CAR-01
            face if gives_no_dose(&face) => {
                self.note(Event::AttemptElsewhere, now);
                // keeps R-ASK-18
                self.tell(Notice::NoDoseHere, now);
            }
            _ => {
                let reasons = self.reasons(now);
                self.refused_for(&reasons);
                self.note(Event::AttemptRefused { reasons: Bounded::filled_from(reasons) }, now);
                // keeps R-ASK-18
                self.tell(Notice::Refused, now);
            }
        }
    }

    // keeps R-ASK-09
    pub(super) fn request_dose(&mut self, offer: Offer, now: Now) {
        let Some(prescription) = self.kept.prescription.as_ref().map(Prescription::hash) else { return };
        let (id, dose) = (self.next_id(), offer.dose);
        let pressed: Moment = super::moment(self.word.as_ref(), now);
        self.kept.last_id = id;
        self.kept.request = Some(Request::new(id, dose, prescription, pressed));
        self.kept.ended = None;
        self.note(Event::Requested { id, dose, prescription }, now);
    }

    // keeps R-REQ-15
    fn stop(&mut self, now: Now) {
        let reachable = self.conversation.as_ref().is_some_and(|talk| talk.greeted);
        let Some(request) = self.kept.request.as_mut().filter(|request| request.may_run()) else { return };
        request.stop_asked = true;
        let id = request.id;
        if let Some(talk) = &mut self.conversation {
            talk.cancel_due = Some(id);
        }
        self.note(Event::StopAsked { id, reachable }, now);
    }

    fn note_short_touches(&mut self, now: Now) {
        let count = core::mem::take(&mut self.short_touches);
        if count > 0 {
            self.note(Event::ShortTouches { count }, now);
        }
    }

    // keeps R-REQ-28
    /// No answer can come any more to a remote that nobody uses: what is open counts as given.
    pub(super) fn decommission(&mut self, now: Now) {
        self.finish(Outcome::AssumedGiven, now);
        self.note(Event::Decommissioned, now);
    }

    // keeps R-REQ-24
    /// The last records before the program ends. What has not left stays here: nobody would be left to stop it.
    pub(super) fn close(&mut self, now: Now) {
        match self.kept.request.as_ref().map(|request| &request.state) {
            Some(State::Created { .. }) => self.withdraw(NothingBecause::Interrupted, now),
            Some(State::Granted(_) | State::CommitIntent { sent: false, .. }) => {
                self.withhold(NothingBecause::Interrupted, now);
            }
            Some(
                State::CommitIntent { sent: true, .. }
                | State::Delivering(_)
                | State::Withdrawing { .. }
                | State::Uncertain(_),
            )
            | None => {}
        }
        self.leave_code(now);
        self.end_practice(now);
        self.leave_time_setting(now);
        self.leave_copying(now);
        self.note_short_touches(now);
        self.note(Event::Closed, now);
    }
}

/// Whether no hold on this page asks for a dose, whoever it is.
const fn gives_no_dose(face: &Face) -> bool {
    match face {
        Face::Caregiver(_)
        | Face::History { .. }
        | Face::Alarms
        | Face::Emergency { .. }
        | Face::Reading(_)
        | Face::Pairing(_)
        | Face::Fault(_) => true,
        Face::Checking
        | Face::Ready(_)
        | Face::Wait(_)
        | Face::NotAvailable { .. }
        | Face::EnterCode { .. }
        | Face::Asking { .. }
        | Face::Delivering { .. }
        | Face::Given { .. }
        | Face::GivenInPart { .. }
        | Face::NotGiven(_)
        | Face::NotSure { .. }
        | Face::AssumedGiven { .. }
        | Face::Changed { .. } => false,
    }
}
