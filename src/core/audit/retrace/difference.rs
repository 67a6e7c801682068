//! Where the record and the machine that wrote it don't agree, in words.

use core::fmt;

use pump_protocol::{message::RequestId, quantity::Dose};
use thiserror::Error;

use crate::therapy::account::DoseSource;

/// One place at which the lines are not what the machine writes, or don't lead to what it remembers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Difference {
    /// The line's number; of the kept state, the newest line's, which vouches for it.
    pub seq: u64,
    /// What the line says, in words; `None` for one that can't be read, and for the kept state.
    pub line: Option<String>,
    /// What is wrong with it.
    pub what: What,
}

/// What is wrong with a line, or with the kept state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum What {
    /// Nothing follows from it, and what comes behind it may lack a beginning.
    #[error("it can't be read")]
    Unreadable,
    /// The columns beside the body name another event, or another request.
    #[error("its kind or its request's number are not those of what it says")]
    Mislabelled,
    /// One request is open at a time.
    #[error("{open} was open still")]
    SecondRequest {
        /// The other.
        open: RequestId,
    },
    /// Ids only go up.
    #[error("{last} was used before it, and numbers only go up")]
    NumberNotNew {
        /// The highest before.
        last: RequestId,
    },
    /// There is nothing to commit.
    #[error("no full hold that asked for it is open")]
    CommitUnasked,
    /// The request has ended, or another is open, or nobody asked for it.
    #[error("no request of this number is open")]
    NotOpen,
    /// An outcome that only the pump can tell.
    #[error("no word of the pump's before it leads there")]
    GivenUnheard,
    /// "Nothing went in" has to be proved.
    #[error("no word of the pump's before it says that it never ran, nor was it taken back")]
    NothingUnproved,
    /// It counts as given only when no answer can come any more.
    #[error("the pump could still have answered")]
    AssumedUnproved,
    /// The pump speaks in a session.
    #[error("no session was open in which the pump could have said so")]
    NoSession,
    /// COMMIT may have left, and the session or the machine has ended since.
    #[error("COMMIT of {id} may have left when the session or the remote ended, and no line before it says NOT SURE")]
    NotSureMissing {
        /// Which request.
        id: RequestId,
    },
    /// The pump's word ends it in the same turn.
    #[error("the pump's word before it ended {id}, and its outcome doesn't follow")]
    OutcomeMissing {
        /// Which request.
        id: RequestId,
    },
    /// No step of the ledger leads here.
    #[error("the request can't have stood where this could come next")]
    OutOfPlace,
    /// No outcome stood on the page.
    #[error("there was no outcome to be read")]
    NothingToRead,
    /// Wrong codes are counted one by one.
    #[error("there were {before} wrong ones in a row before it")]
    CodesMiscounted {
        /// How many.
        before: u8,
    },
    /// The kept state has a request open that the lines have not.
    #[error("the machine's own state has {id} open, and by the lines it is not")]
    KeptOpen {
        /// Which.
        id: RequestId,
    },
    /// The lines have a request open that the kept state has not.
    #[error("the machine's own state doesn't know that {id} is open")]
    KeptNotOpen {
        /// Which.
        id: RequestId,
    },
    /// Another dose, prescription or moment of the press, or another wish to stop.
    #[error("the machine's own state has {id} open with another {field} than the lines say")]
    KeptRequest {
        /// Which.
        id: RequestId,
        /// What of it.
        field: &'static str,
    },
    /// The lines lead to another state of the request.
    #[error("in the machine's own state {id} stands where the lines don't lead")]
    KeptStanding {
        /// Which.
        id: RequestId,
    },
    /// The last outcome is another, or was read.
    #[error("the machine's own state doesn't show the outcome that nobody has read")]
    KeptOutcome,
    /// The next request would get a number again.
    #[error("the machine's own state takes {kept} for the highest number used, and the lines use {last}")]
    KeptNumber {
        /// The kept state's.
        kept: RequestId,
        /// The lines'.
        last: RequestId,
    },
    /// Another pump.
    #[error("the machine's own state belongs to another pump than the lines say")]
    KeptPump,
    /// Whether the pump delivers at all.
    #[error("the machine's own state and the lines don't agree on whether the pump is stopped")]
    KeptStopped,
    /// Entries that were imported would be imported again.
    #[error("the machine's own state knows less of the pump's history than the lines say")]
    KeptHistory,
    /// Wrong patient codes in a row.
    #[error("the machine's own state counts {kept} wrong codes in a row, and the lines {lines}")]
    KeptCodes {
        /// The kept state's.
        kept: u8,
        /// The lines'.
        lines: u8,
    },
    /// A dose of this remote that counts is missing.
    #[error("the dose of {} doesn't count in the machine's own state", Named(*.of))]
    DoseMissing {
        /// Whose.
        of: DoseSource,
    },
    /// A dose counts that no line has counted, or that a line took out again.
    #[error("the dose of {} counts in the machine's own state, and not by the lines", Named(*.of))]
    DoseUntold {
        /// Whose.
        of: DoseSource,
    },
    /// A dose counts with another amount.
    #[error("the dose of {} counts as {kept} in the machine's own state, and as {lines} by the lines", Named(*.of))]
    DoseAmount {
        /// Whose.
        of: DoseSource,
        /// The kept state's.
        kept: Dose,
        /// The lines'.
        lines: Dose,
    },
}

struct Named(DoseSource);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DoseSource::Ours { id } => write!(f, "{id}"),
            DoseSource::OtherRemote { bolus } => write!(f, "another remote, bolus {}", bolus.0),
            DoseSource::NotDemanded { bolus } => write!(f, "the clinic or of nobody, bolus {}", bolus.0),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, line, what } = self;
        match line {
            Some(line) => write!(f, "record {seq}: {line}: {what}"),
            None => write!(f, "record {seq}: {what}"),
        }
    }
}
