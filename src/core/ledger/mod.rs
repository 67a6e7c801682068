//! The life of one request: a question that is open until the pump, and only the pump, has answered it.
//!
//! ```text
//! Created ──GRANT──▶ Granted ──stored──▶ CommitIntent ──ACCEPTED──▶ Delivering ──▶ Delivered | DeliveredInPart
//!    │                  │                     │                          │
//!    │ DENY: Denied     │ too late            │ REJECTED: Rejected       │ silence
//!    ▼                  ▼                     ▼                          ▼
//! Withdrawing ◀─────────┘                 Uncertain ◀────────────────────┘
//!    └─ the pump confirms: NotGiven           └─ the pump's word: any outcome; no word possible: AssumedGiven
//! ```
//!
//! # Terms
//! - *Created*: recorded; PREPARE may leave once the record is durable.
//! - *Granted*: the pump would give it; the point of no return is being recorded.
//! - *`CommitIntent`*: recorded durably; COMMIT may have left. From here on every silence is doubt.
//! - *Withdrawing*: no COMMIT has left and none ever will; the pump is asked to confirm that by its watermark.
//! - *Uncertain*: COMMIT may have left and nobody here knows what it did. It counts as given, in full.
//!
//! # Promises
//! - Uncertain is left only by the pump's authenticated word, or as `AssumedGiven` when no answer can come any more.
//! - A request whose COMMIT may have left is never asked to run again: afterwards there is only QUERY, ABORT and CANCEL.

pub mod settle;
#[cfg(test)]
mod tests;

use pump_protocol::{
    clock::{PumpTime, Uptime},
    history::{BolusEnd, Delivered},
    message::{BolusRef, Denial, Nonce, RequestId},
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
    wire::{Malformed, Reader, Wire, wire_enum, wire_struct},
};

use crate::audit::event::{Event, Moment, NothingBecause};

/// How long a patient's press stands before it is too old to be a wish: pain changes, and so does who holds the remote.
pub const PRESS_EXPIRES: Millis = Millis::from_secs(30);

/// One press, one id, one fate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// The dose that the patient saw.
    pub dose: Dose,
    /// The prescription that the patient saw.
    pub prescription: PrescriptionHash,
    /// When the hold was complete.
    pub pressed: Moment,
    /// Where it stands.
    pub state: State,
    /// Whether the patient has asked to stop it.
    pub stop_asked: bool,
}

// keeps R-REQ-13
/// Where an open request stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Recorded, or being recorded.
    Created {
        /// Whether the record is durable, so that PREPARE may leave.
        durable: bool,
        /// When PREPARE left.
        asked: Option<Uptime>,
    },
    /// The pump would give it; the point of no return is being recorded.
    Granted(Grant),
    /// The point of no return is durable.
    CommitIntent {
        /// The grant that COMMIT spends. It isn't kept: after a restart the request is in doubt.
        grant: Grant,
        /// Whether COMMIT has left.
        sent: bool,
    },
    /// The pump has committed it.
    Delivering(Progress),
    /// No COMMIT has left and none will; the pump has yet to confirm.
    Withdrawing {
        /// Why.
        why: NothingBecause,
        /// Whether the pump has confirmed; then only its history is awaited.
        confirmed: bool,
    },
    /// COMMIT may have left, and what it did is not known.
    Uncertain(Verdict),
}

/// A grant as we hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Its single-use secret.
    pub nonce: Nonce,
    /// COMMIT may leave before this: the grant's life, counted from when PREPARE left.
    pub deadline: Uptime,
    /// The latest that a bolus can start by it, on the pump's clock.
    pub latest_start: PumpTime,
}

/// How far a dose is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// What runs.
    pub bolus: BolusRef,
    /// What has gone in, by the pump's last word.
    pub delivered: Delivered,
    /// How long it still took, at that word.
    pub remaining: Millis,
    /// When that word was heard.
    pub heard: Uptime,
}

/// What the pump has said so far of an uncertain request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing: QUERY it.
    Unknown,
    /// It has not run, but it still could: ABORT it.
    CouldStillRun,
    /// It never ran and never will: the pump's history must say so too.
    NeverRan(NothingBecause),
    /// It was accepted; how much went in is not known.
    Started(BolusRef),
    /// The pump has forgotten it, or contradicts its own word: its history is the last witness.
    Forgotten,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole dose went in.
    Delivered {
        /// What ran.
        bolus: BolusRef,
    },
    /// A part went in.
    DeliveredInPart {
        /// What ran.
        bolus: BolusRef,
        /// What went in.
        delivered: Delivered,
        /// Why it ended.
        end: BolusEnd,
    },
    /// The pump said no to PREPARE.
    Denied(Denial),
    /// The pump said no to COMMIT.
    Rejected(Denial),
    /// Nothing went in.
    NotGiven(NothingBecause),
    /// No answer can ever come.
    AssumedGiven,
}

impl Request {
    /// A full hold that asks for this dose.
    pub const fn new(id: RequestId, dose: Dose, prescription: PrescriptionHash, pressed: Moment) -> Self {
        let state = State::Created { durable: false, asked: None };
        Self { id, dose, prescription, pressed, state, stop_asked: false }
    }

    /// Whether a COMMIT of it may have left, so that there is something to stop.
    pub const fn may_run(&self) -> bool {
        match self.state {
            State::CommitIntent { sent, .. } => sent,
            State::Delivering(_) | State::Uncertain(_) => true,
            State::Created { .. } | State::Granted(_) | State::Withdrawing { .. } => false,
        }
    }

    // keeps R-REQ-10
    /// The same question after a restart: what was under way is in doubt, what had not left is taken back.
    #[must_use]
    pub fn restarted(mut self) -> Self {
        self.state = match self.state {
            State::Created { .. } => State::Withdrawing { why: NothingBecause::Interrupted, confirmed: false },
            State::Granted(_) | State::CommitIntent { .. } => State::Uncertain(Verdict::Unknown),
            State::Delivering(progress) => State::Uncertain(Verdict::Started(progress.bolus)),
            State::Withdrawing { why, .. } => State::Withdrawing { why, confirmed: false },
            State::Uncertain(Verdict::Started(bolus)) => State::Uncertain(Verdict::Started(bolus)),
            State::Uncertain(_) => State::Uncertain(Verdict::Unknown),
        };
        self
    }
}

impl State {
    /// COMMIT may have left and nobody here knows what it did; `None` where no COMMIT can be in doubt, or is already.
    pub const fn doubted(&self) -> Option<Self> {
        match self {
            Self::Delivering(progress) => Some(Self::Uncertain(Verdict::Started(progress.bolus))),
            Self::CommitIntent { .. } => Some(Self::Uncertain(Verdict::Unknown)),
            Self::Created { .. } | Self::Granted(_) | Self::Withdrawing { .. } | Self::Uncertain(_) => None,
        }
    }

    /// The pump's history names it: it did start, whatever was thought before.
    #[must_use]
    pub const fn started(self, bolus: BolusRef) -> Self {
        match self {
            Self::Withdrawing { .. }
            | Self::Uncertain(Verdict::Unknown | Verdict::CouldStillRun | Verdict::NeverRan(_) | Verdict::Forgotten) => {
                Self::Uncertain(Verdict::Started(bolus))
            }
            unchanged => unchanged,
        }
    }

    /// The bolus, if it is known to have started.
    pub const fn bolus(&self) -> Option<BolusRef> {
        match self {
            Self::Delivering(progress) => Some(progress.bolus),
            Self::Uncertain(Verdict::Started(bolus)) => Some(*bolus),
            Self::Created { .. }
            | Self::Granted(_)
            | Self::CommitIntent { .. }
            | Self::Withdrawing { .. }
            | Self::Uncertain(Verdict::Unknown | Verdict::CouldStillRun | Verdict::NeverRan(_) | Verdict::Forgotten) => {
                None
            }
        }
    }
}

impl Outcome {
    /// How the record tells that this request ended so.
    pub const fn event(self, id: RequestId) -> Event {
        match self {
            Self::Delivered { bolus } => Event::Delivered { id, bolus },
            Self::DeliveredInPart { bolus, delivered, end } => Event::DeliveredInPart { id, bolus, delivered, end },
            Self::Denied(denial) => Event::Denied { id, denial },
            Self::Rejected(denial) => Event::Rejected { id, denial },
            Self::NotGiven(why) => Event::NotGiven { id, why },
            Self::AssumedGiven => Event::AssumedGiven { id },
        }
    }

    /// How a request ended, if this event tells of its end: [`Outcome::event`] back again.
    pub const fn told_by(event: &Event) -> Option<Self> {
        match *event {
            Event::Delivered { bolus, .. } => Some(Self::Delivered { bolus }),
            Event::DeliveredInPart { bolus, delivered, end, .. } => {
                Some(Self::DeliveredInPart { bolus, delivered, end })
            }
            Event::Denied { denial, .. } => Some(Self::Denied(denial)),
            Event::Rejected { denial, .. } => Some(Self::Rejected(denial)),
            Event::NotGiven { why, .. } => Some(Self::NotGiven(why)),
            Event::AssumedGiven { .. } => Some(Self::AssumedGiven),
            _ => None,
        }
    }

    /// Whether the pump has given nothing, and never will.
    pub const fn is_nothing(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Rejected(_) | Self::NotGiven(_))
    }

    /// Whether it gives way to the next answer by itself, and need not be read.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Delivered { .. })
    }
}

wire_enum!(Outcome: u8 {
    0x0F => Delivered { bolus },
    0x33 => DeliveredInPart { bolus, delivered, end },
    0x3C => Denied(denial),
    0x55 => Rejected(denial),
    0x5A => NotGiven(why),
    0x66 => AssumedGiven,
});
wire_struct!(Request { id, dose, prescription, pressed, state, stop_asked });
wire_struct!(Grant { nonce, deadline, latest_start });
wire_struct!(Progress { bolus, delivered, remaining, heard });
wire_enum!(NamedState: u8 {
    0x0F => Created,
    0x33 => CommitIntent,
    0x3C => Delivering { progress },
    0x55 => Withdrawing { why },
    0x5A => Uncertain,
    0x66 => UncertainStarted { bolus },
});

/// A state as it is kept on disk: what a restart needs, and not a bit more.
#[derive(Clone, Copy, Debug)]
enum NamedState {
    Created,
    CommitIntent,
    Delivering { progress: Progress },
    Withdrawing { why: NothingBecause },
    Uncertain,
    UncertainStarted { bolus: BolusRef },
}

/// Kept as what a restart may assume: `Granted` is written as `CommitIntent`, because the write that holds it is the one
/// that makes it so; nonces and session-bound details are not kept.
impl Wire for State {
    fn put(&self, out: &mut Vec<u8>) {
        let named = match *self {
            Self::Created { .. } => NamedState::Created,
            Self::Granted(_) | Self::CommitIntent { .. } => NamedState::CommitIntent,
            Self::Delivering(progress) => NamedState::Delivering { progress },
            Self::Withdrawing { why, .. } => NamedState::Withdrawing { why },
            Self::Uncertain(Verdict::Started(bolus)) => NamedState::UncertainStarted { bolus },
            Self::Uncertain(_) => NamedState::Uncertain,
        };
        named.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match NamedState::take(input)? {
            NamedState::Created => Self::Created { durable: true, asked: None },
            NamedState::CommitIntent => Self::Uncertain(Verdict::Unknown),
            NamedState::Delivering { progress } => Self::Delivering(progress),
            NamedState::Withdrawing { why } => Self::Withdrawing { why, confirmed: false },
            NamedState::Uncertain => Self::Uncertain(Verdict::Unknown),
            NamedState::UncertainStarted { bolus } => Self::Uncertain(Verdict::Started(bolus)),
        })
    }
}
