//! What was seen on the way: a model in which nothing happens proves nothing.

use std::{
    hash::{Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

/// What a run of the model must have met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sight {
    Given,
    GivenInPart,
    NotGiven,
    Denied,
    AssumedGiven,
    Forgotten,
    NotSureThenGiven,
    NotSureThenInPart,
    NotSureThenNotGiven,
    StoppedInTime,
    StoppedInPart,
    StopTooLate,
    NotStoppedYet,
    CommitLost,
    AcceptedLost,
    LateCommitRan,
    CommitWithheld,
    PressExpired,
    BothWish,
    OtherAccepted,
    ResetInADose,
    StoppedInADose,
    CrashBeforeTheRecord,
    CrashBeforeTheIntent,
    CrashAfterCommit,
    CrashInDelivery,
    CrashInDoubt,
}

impl Sight {
    pub(crate) const ALL: [Self; 27] = [
        Self::Given,
        Self::GivenInPart,
        Self::NotGiven,
        Self::Denied,
        Self::AssumedGiven,
        Self::Forgotten,
        Self::NotSureThenGiven,
        Self::NotSureThenInPart,
        Self::NotSureThenNotGiven,
        Self::StoppedInTime,
        Self::StoppedInPart,
        Self::StopTooLate,
        Self::NotStoppedYet,
        Self::CommitLost,
        Self::AcceptedLost,
        Self::LateCommitRan,
        Self::CommitWithheld,
        Self::PressExpired,
        Self::BothWish,
        Self::OtherAccepted,
        Self::ResetInADose,
        Self::StoppedInADose,
        Self::CrashBeforeTheRecord,
        Self::CrashBeforeTheIntent,
        Self::CrashAfterCommit,
        Self::CrashInDelivery,
        Self::CrashInDoubt,
    ];
}

/// What one step met. It decides nothing, so all are equal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sights(u32);

impl Sights {
    pub(crate) const fn see_if(&mut self, seen: bool, sight: Sight) {
        if seen {
            self.0 |= 1 << sight as u8;
        }
    }

    pub(crate) const fn add(&mut self, more: Self) {
        self.0 |= more.0;
    }
}

impl PartialEq for Sights {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Sights {}

impl Hash for Sights {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// How many steps met each of them.
#[derive(Debug, Default)]
pub(crate) struct Tally([AtomicU64; Sight::ALL.len()]);

impl Tally {
    pub(crate) fn count(&self, sights: Sights) {
        let seen = Sight::ALL.into_iter().filter(|sight| sights.0 & 1 << *sight as u8 != 0);
        for sight in seen {
            self.0[sight as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn of(&self, sight: Sight) -> u64 {
        self.0[sight as usize].load(Ordering::Relaxed)
    }
}
