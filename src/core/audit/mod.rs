//! What is remembered, and how a change to it is found.
//!
//! Reading order: [`event`] (what is remembered), [`chain`] (canonical bytes, each record hashed onto the one before),
//! [`checkpoint`] (what the device signs), [`base`] (where a pruned record begins), [`verify`] (walks a record and names the first bad one), [`export`] (a record as
//! one file), [`story`] (what became of one request), [`tally`] (attempts against deliveries, day by day),
//! [`retrace`] (whether the lines are steps of the machine, and lead to what it remembers).
//!
//! # Terms
//! - *record*: the whole, and one line of it; which one is plain from a number beside it.
//! - *batch*: what one turn of the machine has to say. All of it becomes durable, or nothing.
//! - *kept state*: the machine's durable state after a batch; a restart restores from it.
//! - *head*: how many records there are, and the newest one's hash.
//! - *tail*: the records since the newest checkpoint.
//! - *pruned*: without its oldest lines, which were exported before; what a limit or an open question needs is in the kept state,
//!   which pruning never touches.
//!
//! # Promises
//! - A changed, removed, inserted or reordered record is found and named, the newest included; so is a changed kept state.
//! - Verification holds one record at a time, however many there are.
//!
//! # What it can't withstand
//! - A thief with the device key signs what he likes.
//! - A whole older copy put back, or records after the newest checkpoint taken away or written anew together with a
//!   recomputed head and kept state, agrees with itself. The pump is the witness there: it was told the head.

pub mod base;
pub mod chain;
pub mod checkpoint;
pub mod event;
pub mod export;
#[cfg(test)]
mod frozen;
pub mod retrace;
pub mod story;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod verify;
mod words;

pub use base::Base;
pub use chain::{Chain, Genesis, Record, RecordId, Sealed, SealedBatch, Unsealable};
pub use checkpoint::{CHECKPOINT_EVERY, Checkpoint};
pub use verify::{Ending, Finding, Stored, Verified, Verifier};

use pump_protocol::clock::WallTime;

/// What one turn of the machine wants remembered: all of it, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// What happened, oldest first; at least one, at most [`chain::BATCH_ENTRIES_MAX`].
    pub entries: Vec<Entry>,
    /// The machine's whole durable state after these entries.
    pub kept: Vec<u8>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// A short word for queries, such as `requested`; at most [`chain::KIND_LEN_MAX`] bytes.
    pub kind: &'static str,
    /// The request that it belongs to.
    pub request: Option<u64>,
    /// The canonical encoding of stamp and event; at most [`chain::BODY_LEN_MAX`] bytes.
    pub body: Vec<u8>,
    /// Milliseconds since 1970-01-01 00:00 UTC; `None` while the wall clock is in doubt.
    pub wall_ms: Option<i64>,
    /// Minutes east of UTC where the person is.
    pub utc_offset_min: i16,
}

impl Entry {
    /// When it happened, as a person's clock showed it.
    pub fn wall(&self) -> Option<WallTime> {
        wall_time(self.wall_ms, self.utc_offset_min)
    }
}

pub(crate) fn wall_time(unix_ms: Option<i64>, utc_offset_min: i16) -> Option<WallTime> {
    unix_ms.map(|unix_ms| WallTime { unix_ms, utc_offset_min })
}
