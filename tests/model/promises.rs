//! The promises, each with a name that says it.

use std::fmt;

/// What must hold in every state that can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Promise {
    /// Property 1.
    DeliveredCommittedHeld,
    /// Property 2.
    LimitsAtEachStart,
    /// Property 3.
    RecordedBeforeItLeaves,
    /// Property 4.
    SameQuestionAfterARestart,
    /// Property 5.
    NotSureEndsByTheAnswer,
    /// One id, at most one COMMIT, at most one delivery.
    CommittedOnce,
    /// What the patient and the record are told became of a request, is what became of it.
    OutcomeIsTrue,
    /// READY isn't denied for a limit.
    ReadyIsKept,
    /// Property 10.
    StopIsPossible,
    /// Property 8, with a bound.
    WellBeingEndsEveryQuestion,
    /// `tests/common/permitted.rs`.
    OnlyWhatIsPermitted,
    /// An honest pump's answer is never out of place, and no record is lost while the disk works.
    NoMisunderstanding,
    /// Neither machine panics.
    NoPanic,
}

/// A promise that doesn't hold, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Broken {
    pub(crate) promise: Promise,
    pub(crate) why: String,
}

impl Promise {
    pub(crate) const ALL: [Self; 13] = [
        Self::DeliveredCommittedHeld,
        Self::LimitsAtEachStart,
        Self::RecordedBeforeItLeaves,
        Self::SameQuestionAfterARestart,
        Self::NotSureEndsByTheAnswer,
        Self::CommittedOnce,
        Self::OutcomeIsTrue,
        Self::ReadyIsKept,
        Self::StopIsPossible,
        Self::WellBeingEndsEveryQuestion,
        Self::OnlyWhatIsPermitted,
        Self::NoMisunderstanding,
        Self::NoPanic,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DeliveredCommittedHeld => "no more doses than commits, no more commits than full holds",
            Self::LimitsAtEachStart => "each demand dose keeps lockout, allotment and dose limit at its start",
            Self::RecordedBeforeItLeaves => "PREPARE and COMMIT leave only after their record",
            Self::SameQuestionAfterARestart => "a restart asks the same open question",
            Self::NotSureEndsByTheAnswer => {
                "NOT SURE ends by the pump's answer, or as ASSUMED GIVEN when there is none"
            }
            Self::CommittedOnce => "no id is committed or delivered twice",
            Self::OutcomeIsTrue => "what is told of a request is what became of it",
            Self::ReadyIsKept => "READY is not denied for a limit",
            Self::StopIsPossible => "Stop is there while something may run",
            Self::WellBeingEndsEveryQuestion => "while all is well every question ends in time",
            Self::OnlyWhatIsPermitted => {
                "nothing leaves, stands on the page or follows from a hold that is not permitted"
            }
            Self::NoMisunderstanding => "the two machines never talk past each other",
            Self::NoPanic => "neither machine panics",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken: {}\n  {}", self.promise.name(), self.why)
    }
}

/// A promise, at one place.
pub(crate) fn ensure(holds: bool, promise: Promise, why: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { promise, why: why() }) }
}
