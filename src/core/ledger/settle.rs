//! What the pump's word means for an open request: one table from fate to step.
//!
//! # Promises
//! - Nothing here invents an outcome: each comes from a fate that the pump named.
//! - "Forgotten" is never taken for "never ran"; nor is a pump believed that says "never ran" of what it had accepted.

use pump_protocol::{
    clock::Uptime,
    history::{BolusEnd, Delivered},
    message::{BolusRef, Fate, RequestId},
    quantity::Dose,
};

use super::{Outcome, Progress, State, Verdict};
use crate::audit::event::NothingBecause;

/// What follows from a fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The request stays open.
    Open(State),
    /// It has ended.
    Ended(Outcome),
}

/// What the pump's word on this request means, heard at `heard`.
///
/// `stopped` tells a dose that the patient stopped in time from one that never ran.
// keeps R-REQ-07
pub fn settle(id: RequestId, state: &State, fate: Fate, watermark: RequestId, stopped: bool, heard: Uptime) -> Step {
    match fate {
        Fate::Delivering { bolus, delivered, remaining } => {
            Step::Open(State::Delivering(Progress { bolus, delivered, remaining, heard }))
        }
        Fate::Done { bolus } => Step::Ended(Outcome::Delivered { bolus }),
        Fate::Stopped { bolus, delivered, end } => Step::Ended(bolus_ended(bolus, delivered, end)),
        // It had granted it, and kept that: a pump that has never heard of it has lost more than this.
        Fate::NeverRan if !matches!(state, State::Withdrawing { .. }) => Step::Open(forgotten(state)),
        Fate::NeverRan | Fate::Granted => Step::Open(could_still_run(state)),
        Fate::Voided if watermark < id => Step::Open(could_still_run(state)),
        Fate::Voided => {
            Step::Open(never_ran(state, if stopped { NothingBecause::StoppedInTime } else { NothingBecause::NeverRan }))
        }
        Fate::Denied | Fate::Rejected => Step::Open(never_ran(state, NothingBecause::Refused)),
        Fate::Forgotten => Step::Open(forgotten(state)),
    }
}

/// What the end of a bolus is for the request that asked for it.
// keeps R-REQ-14
pub fn bolus_ended(bolus: BolusRef, delivered: Delivered, end: BolusEnd) -> Outcome {
    match end {
        BolusEnd::Complete => Outcome::Delivered { bolus },
        _ if delivered != Delivered::exactly(Dose::ZERO) => Outcome::DeliveredInPart { bolus, delivered, end },
        BolusEnd::Cancelled => Outcome::NotGiven(NothingBecause::StoppedInTime),
        BolusEnd::PumpStopped | BolusEnd::MotorStall | BolusEnd::Reset | BolusEnd::EmptyReservoir | BolusEnd::Alarm => {
            Outcome::NotGiven(NothingBecause::BolusEnded(end))
        }
    }
}

/// What the pump's history, complete up to its head and without this request in it, adds to the verdict.
// keeps R-REQ-08
pub fn settle_by_silence_of_history(state: &State) -> Option<Outcome> {
    match state {
        State::Withdrawing { why, confirmed: true } => Some(Outcome::NotGiven(*why)),
        State::Uncertain(Verdict::NeverRan(why)) => Some(Outcome::NotGiven(*why)),
        State::Uncertain(Verdict::Forgotten) => Some(Outcome::AssumedGiven),
        State::Withdrawing { confirmed: false, .. }
        | State::Uncertain(Verdict::Unknown | Verdict::CouldStillRun | Verdict::Started(_))
        | State::Created { .. }
        | State::Granted(_)
        | State::CommitIntent { .. }
        | State::Delivering(_) => None,
    }
}

fn could_still_run(state: &State) -> State {
    match state {
        State::Withdrawing { .. } => state.clone(),
        State::Delivering(_) | State::Uncertain(Verdict::Started(_) | Verdict::Forgotten) => contradicted(),
        State::Created { .. } | State::Granted(_) | State::CommitIntent { .. } | State::Uncertain(_) => {
            State::Uncertain(Verdict::CouldStillRun)
        }
    }
}

/// The pump had accepted it and now denies it, or has forgotten it before: its word on it is worth no more than if it had
/// forgotten it.
// keeps R-REQ-09
const fn contradicted() -> State {
    State::Uncertain(Verdict::Forgotten)
}

fn never_ran(state: &State, why: NothingBecause) -> State {
    match state {
        State::Withdrawing { why, .. } => State::Withdrawing { why: *why, confirmed: true },
        State::Delivering(_) | State::Uncertain(Verdict::Started(_) | Verdict::Forgotten) => contradicted(),
        State::Created { .. } | State::Granted(_) | State::CommitIntent { .. } | State::Uncertain(_) => {
            State::Uncertain(Verdict::NeverRan(why))
        }
    }
}

/// A request that was taken back before COMMIT left can't have run, even if the pump no longer knows it.
fn forgotten(state: &State) -> State {
    match state {
        State::Withdrawing { why, .. } => State::Withdrawing { why: *why, confirmed: true },
        State::Created { .. }
        | State::Granted(_)
        | State::CommitIntent { .. }
        | State::Delivering(_)
        | State::Uncertain(_) => State::Uncertain(Verdict::Forgotten),
    }
}
