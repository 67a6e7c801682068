//! What the machine can be, by the lines so far: every state that the ledger lets a request reach without a line that says so.
//!
//! # Terms
//! - *quiet step*: one that the machine takes without a line of its own: PREPARE leaves, a press expires, a grant comes too late.
//! - *ending*: the pump's word has ended the request; the line of its outcome must come next.
//!
//! # Promises
//! - A step that a line tells of is the ledger's own; here is only which of them the line can mean.
//! - What is held is bounded: each state once, with no more than what tells two of them apart.

use pump_protocol::{
    clock::{PumpTime, Uptime},
    history::{BolusEnd, BolusId, Delivered, HistorySeq},
    message::{BolusRef, Fate, Nonce, RequestId},
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
};

use super::super::event::{Doubt, Event, Moment, NothingBecause};
use crate::ledger::{
    Grant, Outcome, Progress, Request, State, Verdict,
    settle::{Step, bolus_ended, settle, settle_by_silence_of_history},
};

/// A bolus that no line has named: the pump's history has, or lines that are not at hand.
const UNNAMED: BolusRef = BolusRef {
    bolus: BolusId(u32::MAX),
    history_seq: HistorySeq(u64::MAX),
    start: PumpTime::new(u32::MAX, Millis::ZERO),
    dose: Dose::ZERO,
};
/// No step depends on when it was, nor on what a grant says.
const SOME_TIME: Uptime = Uptime::from_millis(0);
const SOME_GRANT: Grant =
    Grant { nonce: Nonce([0; 16]), deadline: SOME_TIME, latest_start: PumpTime::new(0, Millis::ZERO) };

/// One state that the machine can be in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Possible {
    /// The open request's, if one is open.
    pub(super) request: Option<Standing>,
    /// The outcome that nobody has read yet.
    pub(super) shown: Option<Outcome>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    Open(State),
    Ending(Outcome),
}

/// The open request, as far as the lines tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Followed {
    pub(super) id: RequestId,
    /// `None` if its first line is not at hand.
    pub(super) press: Option<Press>,
    /// Whether the patient has asked to stop it; `None` if that isn't known.
    pub(super) stop_asked: Option<bool>,
    /// Whether an intent to commit it is on record.
    pub(super) committed: bool,
    /// Whether the line that it waits for is durable.
    pub(super) durable: bool,
}

/// What a full hold asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Press {
    pub(super) dose: Dose,
    pub(super) prescription: PrescriptionHash,
    pub(super) pressed: Moment,
}

impl Possible {
    const fn open(state: State, shown: Option<Outcome>) -> Self {
        Self { request: Some(Standing::Open(state)), shown }
    }

    fn taken_back(why: NothingBecause) -> Self {
        Self::open(State::Withdrawing { why, confirmed: false }, Some(Outcome::NotGiven(why)))
    }

    /// The open request's state; `None` if none is open, or it is ending.
    pub(super) const fn state(&self) -> Option<&State> {
        match &self.request {
            Some(Standing::Open(state)) => Some(state),
            Some(Standing::Ending(_)) | None => None,
        }
    }

    /// Whether a grant waits to be spent, or COMMIT to be answered: neither outlives its session.
    pub(super) const fn awaits_commit(&self) -> bool {
        matches!(self.state(), Some(State::Granted(_) | State::CommitIntent { .. }))
    }

    pub(super) const fn is_ending(&self) -> bool {
        matches!(self.request, Some(Standing::Ending(_)))
    }

    /// The same after a restart: the ledger's own step. Of what had not left, the patient is told, once.
    pub(super) fn restarted(self, followed: &Followed) -> Self {
        let Some(state) = self.state().cloned() else { return self };
        let was_told = matches!(state, State::Withdrawing { .. });
        match (Request { state, ..followed.request() }).restarted().state {
            State::Withdrawing { why, .. } if !was_told => Self::taken_back(why),
            state => Self::open(state, self.shown),
        }
    }

    /// Where one quiet step leads from here. `session`: one may be open.
    fn quiet_steps(&self, followed: Option<&Followed>, session: bool) -> Vec<Self> {
        let mut steps = Vec::new();
        if self.shown.is_some_and(|shown| shown.passes()) {
            steps.push(Self { shown: None, ..self.clone() });
        }
        let (Some(state), Some(followed)) = (self.state(), followed) else { return steps };
        let to = |state| Self::open(state, self.shown);
        match *state {
            State::Created { durable: false, asked } if followed.durable => {
                steps.push(to(State::Created { durable: true, asked }));
            }
            State::Created { asked: None, durable } => {
                steps.extend([NothingBecause::Expired, NothingBecause::Interrupted].map(Self::taken_back));
                if durable && session {
                    steps.push(Self::taken_back(NothingBecause::Overtaken));
                    steps.push(to(State::Created { durable, asked: Some(SOME_TIME) }));
                }
            }
            State::Created { asked: Some(_), .. } => {
                steps.extend([NothingBecause::TooLate, NothingBecause::Interrupted].map(Self::taken_back));
            }
            State::Granted(grant) if followed.durable => steps.push(to(State::CommitIntent { grant, sent: false })),
            State::CommitIntent { grant, sent: false } => steps.push(to(State::CommitIntent { grant, sent: true })),
            // What was never committed can't have started: a pump that says so is worth a difference.
            State::Uncertain(_) if session && followed.committed => steps.push(to(state.clone().started(UNNAMED))),
            State::Granted(_)
            | State::CommitIntent { sent: true, .. }
            | State::Delivering(_)
            | State::Withdrawing { .. }
            | State::Uncertain(_) => {}
        }
        steps
    }

    /// What this line makes of it; nothing if it can't come here.
    pub(super) fn step(&self, event: &Event, followed: &Followed, session: Option<bool>) -> Vec<Self> {
        let state = match &self.request {
            Some(Standing::Open(state)) => state,
            Some(Standing::Ending(outcome)) => return self.ended(*outcome, event, followed),
            None => return Vec::new(),
        };
        let heard = session != Some(false);
        let one = |state| vec![Self::open(state, self.shown)];
        match (event, state) {
            (Event::CommitIntended { .. }, State::Created { asked: Some(_), .. }) if heard => {
                one(State::Granted(SOME_GRANT))
            }
            (Event::DoseDiffered { shown, echoed, .. }, State::Created { asked: Some(_), .. })
                if heard && shown != echoed && followed.asked_for(*shown) =>
            {
                vec![Self::taken_back(NothingBecause::DoseDiffered)]
            }
            (Event::DoseDiffered { shown, echoed, .. }, State::Delivering(progress))
                if shown != echoed && followed.asked_for(*shown) && gives(progress.bolus, *echoed) =>
            {
                one(state.clone())
            }
            (Event::CommitWithheld { .. }, State::Granted(_) | State::CommitIntent { sent: false, .. }) => {
                use NothingBecause::{Interrupted, Overtaken, TooLate};
                [Interrupted, Overtaken, TooLate].map(Self::taken_back).into()
            }
            (Event::Accepted { bolus, .. }, State::CommitIntent { sent: true, .. }) if heard => {
                let (delivered, remaining) = (Delivered::exactly(Dose::ZERO), Millis::ZERO);
                one(State::Delivering(Progress { bolus: *bolus, delivered, remaining, heard: SOME_TIME }))
            }
            (Event::Denied { denial, .. }, State::Created { asked: Some(_), .. }) if heard => {
                self.ended(Outcome::Denied(*denial), event, followed)
            }
            (Event::Rejected { denial, .. }, State::CommitIntent { sent: true, .. }) if heard => {
                self.ended(Outcome::Rejected(*denial), event, followed)
            }
            (Event::Uncertain { why, .. }, _) => self.doubted(*why),
            (Event::FateHeard { fate, .. }, _) if heard => self.told(state, *fate, followed),
            (Event::StopAsked { reachable, .. }, _) if session.is_none_or(|open| open == *reachable) => {
                let may_run = Request { state: state.clone(), ..followed.request() }.may_run();
                if may_run { one(state.clone()) } else { Vec::new() }
            }
            _ if heard => self.settled_by_history(state, event, followed),
            _ => Vec::new(),
        }
    }

    fn doubted(&self, why: Doubt) -> Vec<Self> {
        let Some(state) = self.state() else { return Vec::new() };
        let doubted = match (why, state) {
            // That it stands after a start and nowhere else is the walk's to see.
            (Doubt::Restarted, State::Uncertain(_)) => Some(state.clone()),
            (Doubt::SilentInDelivery, State::Delivering(_))
            | (Doubt::LinkLost | Doubt::NoAnswer, State::CommitIntent { sent: true, .. }) => state.doubted(),
            _ => None,
        };
        doubted.map(|state| Self::open(state, self.shown)).into_iter().collect()
    }

    /// The pump's word on it. What it was asked by, and its watermark, stand in no line.
    fn told(&self, state: &State, fate: Fate, followed: &Followed) -> Vec<Self> {
        let asked = match state {
            State::Created { asked, .. } => asked.is_some(),
            State::CommitIntent { sent, .. } => *sent,
            // How far it is, is told every two seconds, and recorded when it is news.
            State::Delivering(_) => !matches!(fate, Fate::Delivering { .. }),
            State::Granted(_) => false,
            State::Withdrawing { .. } | State::Uncertain(_) => true,
        };
        let watermarks = [RequestId(0), followed.id];
        let stops = followed.stop_asked.map_or([false, true], |stop| [stop; 2]);
        let cases = watermarks.into_iter().flat_map(|watermark| stops.map(|stop| (watermark, stop)));
        let mut told = Vec::new();
        for (watermark, stopped) in cases.filter(|_| asked) {
            match settle(followed.id, state, fate, watermark, stopped, SOME_TIME) {
                Step::Open(state) => told.push(Self::open(state, self.shown)),
                Step::Ended(outcome) => {
                    told.push(Self { request: Some(Standing::Ending(outcome)), shown: self.shown });
                    // That nothing went in, a history that isn't known yet has to say, too.
                    if let (Outcome::NotGiven(_), Fate::Stopped { bolus, .. }) = (outcome, fate) {
                        told.push(Self::open(State::Uncertain(Verdict::Started(bolus)), self.shown));
                    }
                }
            }
        }
        told
    }

    /// What the pump's history ends, by what it holds of the request or by holding nothing of it.
    fn settled_by_history(&self, state: &State, event: &Event, followed: &Followed) -> Vec<Self> {
        let silent = settle_by_silence_of_history(state);
        let ran = state.bolus().and_then(|known| match *event {
            Event::Delivered { bolus, .. } if same(known, bolus) => {
                Some(bolus_ended(bolus, Delivered::exactly(bolus.dose), BolusEnd::Complete))
            }
            Event::DeliveredInPart { bolus, delivered, end, .. } if same(known, bolus) => {
                Some(bolus_ended(bolus, delivered, end))
            }
            Event::NotGiven { why, .. } => {
                let end = if let NothingBecause::BolusEnded(end) = why { end } else { BolusEnd::Cancelled };
                Some(bolus_ended(known, Delivered::exactly(Dose::ZERO), end))
            }
            _ => None,
        });
        silent.into_iter().chain(ran).flat_map(|outcome| self.ended(outcome, event, followed)).collect()
    }

    /// It has ended so, if that is what the line says.
    fn ended(&self, outcome: Outcome, event: &Event, followed: &Followed) -> Vec<Self> {
        if outcome.event(followed.id) != *event {
            return Vec::new();
        }
        let told_already = outcome.is_nothing() && matches!(self.state(), Some(State::Withdrawing { .. }));
        vec![Self { request: None, shown: if told_already { self.shown } else { Some(outcome) } }]
    }
}

impl Followed {
    /// A request of which a line is at hand, and not its first.
    pub(super) const fn from_the_middle(id: RequestId) -> Self {
        Self { id, press: None, stop_asked: None, committed: true, durable: true }
    }

    /// The ledger's request, in its first state.
    pub(super) fn request(&self) -> Request {
        let press = self.press.unwrap_or(Press {
            dose: Dose::ZERO,
            prescription: PrescriptionHash([0; 32]),
            pressed: Moment::default(),
        });
        Request::new(self.id, press.dose, press.prescription, press.pressed)
    }

    fn asked_for(&self, dose: Dose) -> bool {
        self.press.is_none_or(|press| press.dose == dose)
    }
}

/// All that the machine can have become without a line.
pub(super) fn after_quiet_steps(
    mut possible: Vec<Possible>,
    followed: Option<&Followed>,
    session: bool,
) -> Vec<Possible> {
    let mut from = 0;
    while let Some(steps) = possible.get(from).map(|one| one.quiet_steps(followed, session)) {
        for step in steps {
            if !possible.contains(&step) {
                possible.push(step);
            }
        }
        from += 1;
    }
    possible
}

/// Every state that an open request can be in.
pub(super) fn every_state() -> Vec<Possible> {
    let progress = Progress {
        bolus: UNNAMED,
        delivered: Delivered::exactly(Dose::ZERO),
        remaining: Millis::ZERO,
        heard: SOME_TIME,
    };
    let named = [
        State::Created { durable: true, asked: None },
        State::Created { durable: true, asked: Some(SOME_TIME) },
        State::Granted(SOME_GRANT),
        State::CommitIntent { grant: SOME_GRANT, sent: false },
        State::CommitIntent { grant: SOME_GRANT, sent: true },
        State::Delivering(progress),
        State::Uncertain(Verdict::Unknown),
        State::Uncertain(Verdict::CouldStillRun),
        State::Uncertain(Verdict::Started(UNNAMED)),
        State::Uncertain(Verdict::Forgotten),
    ];
    let reasons = NothingBecause::ALL.into_iter().flat_map(|why| {
        [
            State::Withdrawing { why, confirmed: false },
            State::Withdrawing { why, confirmed: true },
            State::Uncertain(Verdict::NeverRan(why)),
        ]
    });
    named.into_iter().chain(reasons).map(|state| Possible::open(state, None)).collect()
}

/// Whether this can be the bolus that is known so far.
pub(super) fn same(known: BolusRef, named: BolusRef) -> bool {
    known == UNNAMED || known == named
}

fn gives(known: BolusRef, dose: Dose) -> bool {
    known == UNNAMED || known.dose == dose
}
