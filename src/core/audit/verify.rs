//! Walks a record in order and names the first line that is not as it was written.
//!
//! # Terms
//! - *full*: from the genesis, or from the signed base of a pruned record, everything.
//! - *tail*: from the newest checkpoint, whose signature fixes everything before it.
//!
//! # Promises
//! - Memory is one record, however long the record is; the caller decides how many lines to walk at a time.
//! - What is not proved is not said: a [`Chain`] to go on with comes only out of [`Verifier::finish`].

use ed25519_dalek::VerifyingKey;
use pump_protocol::{message::AuditHead, wire::Wire};
use thiserror::Error;

use super::{Base, CHECKPOINT_EVERY, Chain, Checkpoint, Genesis, Record, chain::hash_behind};

/// A line as it was found in storage, with the hash found beside it. Nobody has vouched for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The line.
    pub record: Record,
    /// The hash found beside it.
    pub hash: [u8; 32],
}

/// What storage says about the end of the record. Nobody has vouched for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ending {
    /// How many records there are said to be, and the newest one's hash.
    pub head: AuditHead,
    /// The digest of the kept state found; `None` if there is none.
    pub kept_digest: Option<[u8; 32]>,
    /// The number of the newest checkpoint found; 0 if there is none.
    pub newest_checkpoint: u64,
}

/// The first thing in a record that is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Finding {
    /// The bytes are no record of any version known here.
    #[error("record {seq}: its bytes can't be read as a record")]
    Unreadable {
        /// Which.
        seq: u64,
    },
    /// The hash of the bytes, behind the record before, is not the one written beside them.
    #[error(
        "record {seq}: its bytes don't match the chain: it was changed or moved, or one before it was put in or taken out"
    )]
    Changed {
        /// Which.
        seq: u64,
    },
    /// A number is left out.
    #[error("record {seq}: it is missing, and record {next} stands in its place")]
    Missing {
        /// Which.
        seq: u64,
        /// What comes instead.
        next: u64,
    },
    /// A number comes again, or too late.
    #[error("record {seq}: record {found} stands in its place")]
    OutOfOrder {
        /// What should stand there.
        seq: u64,
        /// What does.
        found: u64,
    },
    /// The newest records are gone.
    #[error("record {seq}: it is missing; the record has {count} lines by its own count, and ends before this one")]
    NewestRemoved {
        /// The first that is gone.
        seq: u64,
        /// How many there were.
        count: u64,
    },
    /// A line stands behind the newest one.
    #[error("record {seq}: it stands behind the newest, which is {count} by the record's own count")]
    BehindTheNewest {
        /// Which.
        seq: u64,
        /// How many there should be.
        count: u64,
    },
    /// The head names another hash.
    #[error("record {seq}: it is not the newest that the head names")]
    HeadDisagrees {
        /// The newest found; 0 if the record is empty.
        seq: u64,
    },
    /// The kept state is not the one that the newest record vouches for.
    #[error("record {seq}: the kept state is not the one that this record, the newest, vouches for")]
    KeptChanged {
        /// The newest record; 0 if the record is empty.
        seq: u64,
    },
    /// The device did not sign this.
    #[error("record {seq}: its checkpoint is not signed by the device")]
    CheckpointForged {
        /// Which.
        seq: u64,
    },
    /// The device signed another hash here.
    #[error("record {seq}: its checkpoint names another; something behind record {good} was written anew")]
    CheckpointDisagrees {
        /// Which.
        seq: u64,
        /// The newest record that a checkpoint vouches for; 0 if none does.
        good: u64,
    },
    /// A checkpoint that must be there is not.
    #[error("record {seq}: its checkpoint is missing")]
    CheckpointMissing {
        /// Which.
        seq: u64,
    },
    /// The device did not sign that the lines up to here were exported.
    #[error("record {seq}: that the lines up to it were exported is not signed by the device")]
    BaseForged {
        /// The last line that is said to be gone.
        seq: u64,
    },
    /// The public key that the record claims is none.
    #[error("record 0: the device key in the record's own header is no key")]
    NoKey,
}

/// What a walk has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The record, to go on with.
    pub chain: Chain,
    /// What the newest line says about the kept state; `None` in an empty record.
    pub kept_digest: Option<[u8; 32]>,
    /// Where a pruned record begins; `None` if it begins at its genesis.
    pub base: Option<Base>,
    /// How many lines were walked.
    pub records: u64,
    /// How many checkpoints were found good.
    pub checkpoints: u64,
}

/// A walk in progress.
#[derive(Clone, Debug)]
pub struct Verifier {
    genesis: Genesis,
    key: VerifyingKey,
    base: Option<Base>,
    head: AuditHead,
    kept_digest: Option<[u8; 32]>,
    newest_good: u64,
    records: u64,
    checkpoints: u64,
    /// The line at hand, as it is hashed.
    bytes: Vec<u8>,
}

impl Verifier {
    /// Starts at the genesis.
    pub fn full(genesis: Genesis) -> Result<Self, Finding> {
        let head = Chain::begin(genesis.clone()).head();
        Self::starting(genesis, head)
    }

    /// Starts behind the base of a pruned record.
    pub fn behind(genesis: Genesis, base: &Base) -> Result<Self, Finding> {
        let walk = Self::starting(genesis, base.head)?;
        let signed = base.is_signed_by(&walk.key, walk.genesis.id);
        let walk = Self { base: Some(*base), newest_good: base.head.count, ..walk };
        if signed { Ok(walk) } else { Err(Finding::BaseForged { seq: base.head.count }) }
    }

    /// Starts at a checkpoint: its own record is walked first, and must have the hash that was signed.
    ///
    /// `previous` is the hash found beside the record before it (the genesis' if there is none). It needs no proof of its
    /// own: only the true one leads to the signed hash.
    pub fn tail(genesis: Genesis, from: &Checkpoint, previous: [u8; 32]) -> Result<Self, Finding> {
        let head = AuditHead { count: from.head.count.saturating_sub(1), hash: previous };
        let walk = Self::starting(genesis, head)?;
        walk.check_signature(from)?;
        Ok(walk)
    }

    /// What it is bound to, for a walk that begins anew elsewhere.
    pub(super) fn into_genesis(self) -> Genesis {
        self.genesis
    }

    /// How many lines were walked.
    pub const fn walked(&self) -> u64 {
        self.records
    }

    /// The number of the newest record walked.
    pub const fn position(&self) -> u64 {
        self.head.count
    }

    /// Walks one record, with the checkpoint found for it.
    // keeps R-REC-02
    pub fn step(&mut self, stored: &Stored, checkpoint: Option<&Checkpoint>) -> Result<(), Finding> {
        let seq = self.head.count.saturating_add(1);
        let found = stored.record.seq;
        if found > seq {
            return Err(Finding::Missing { seq, next: found });
        }
        if found < seq {
            return Err(Finding::OutOfOrder { seq, found });
        }
        self.bytes.clear();
        stored.record.put(&mut self.bytes);
        let hash = hash_behind(&self.head.hash, &self.bytes);
        if hash != stored.hash {
            return Err(Finding::Changed { seq });
        }
        self.head = AuditHead { count: seq, hash };
        self.kept_digest = stored.record.kept_digest;
        self.records = self.records.saturating_add(1);
        self.check_checkpoint(checkpoint)
    }

    /// Compares what was walked with what storage says about the end.
    pub fn finish(self, ending: &Ending) -> Result<Verified, Finding> {
        let (seq, count) = (self.head.count, ending.head.count.max(ending.newest_checkpoint));
        if count > seq {
            return Err(Finding::NewestRemoved { seq: seq.saturating_add(1), count });
        }
        if ending.head.count < seq {
            let (seq, count) = (ending.head.count.saturating_add(1), ending.head.count);
            return Err(Finding::BehindTheNewest { seq, count });
        }
        if ending.head.hash != self.head.hash {
            return Err(Finding::HeadDisagrees { seq });
        }
        let unvouched = seq > 0 && self.kept_digest.is_none();
        if unvouched || self.kept_digest != ending.kept_digest {
            return Err(Finding::KeptChanged { seq });
        }
        Ok(self.verified())
    }

    /// Ends at a line in the middle, which must be a signed one: nothing behind it vouches for it.
    pub fn finish_part(self, head: AuditHead) -> Result<Verified, Finding> {
        let seq = self.head.count;
        if head != self.head {
            return Err(Finding::HeadDisagrees { seq });
        }
        if self.newest_good != seq || self.records == 0 {
            return Err(Finding::CheckpointMissing { seq });
        }
        Ok(self.verified())
    }

    fn verified(self) -> Verified {
        let Self { kept_digest, base, records, checkpoints, .. } = self;
        Verified { chain: Chain::verified(self.genesis, self.head), kept_digest, base, records, checkpoints }
    }

    fn starting(genesis: Genesis, head: AuditHead) -> Result<Self, Finding> {
        let key = VerifyingKey::from_bytes(&genesis.device_key).map_err(|_| Finding::NoKey)?;
        Ok(Self {
            genesis,
            key,
            base: None,
            head,
            kept_digest: None,
            newest_good: 0,
            records: 0,
            checkpoints: 0,
            bytes: Vec::new(),
        })
    }

    fn check_checkpoint(&mut self, checkpoint: Option<&Checkpoint>) -> Result<(), Finding> {
        let seq = self.head.count;
        let Some(checkpoint) = checkpoint else {
            let due = seq.is_multiple_of(CHECKPOINT_EVERY);
            return if due { Err(Finding::CheckpointMissing { seq }) } else { Ok(()) };
        };
        self.check_signature(checkpoint)?;
        if checkpoint.head != self.head {
            return Err(Finding::CheckpointDisagrees { seq, good: self.newest_good });
        }
        self.newest_good = seq;
        self.checkpoints = self.checkpoints.saturating_add(1);
        Ok(())
    }

    fn check_signature(&self, checkpoint: &Checkpoint) -> Result<(), Finding> {
        let signed = checkpoint.is_signed_by(&self.key, self.genesis.id);
        if signed { Ok(()) } else { Err(Finding::CheckpointForged { seq: checkpoint.head.count }) }
    }
}
