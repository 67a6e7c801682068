//! Hashes each record onto the one before, so that none can be changed alone.
//!
//! A record's hash is SHA-256 over a domain string, the previous hash, and the record's canonical bytes. The hash before
//! the first record is the genesis: it binds the chain to one pump, one device key and one record. The last record of a
//! batch carries the digest of the kept state, so that the state is under the chain, too.
//!
//! # Promises
//! - A [`Chain`] exists only at its genesis, behind a sealed batch, or behind a verified record.
//! - A [`Sealed`] record is made by [`Chain::seal`] and nowhere else.
//! - Sealing changes nothing: whoever has stored the batch goes on with [`SealedBatch::next`], whoever could not stays.

use ed25519_dalek::SigningKey;
use pump_protocol::{
    clock::WallTime,
    message::AuditHead,
    wire::{Bounded, Malformed, Reader, Text, Wire, encode, wire_newtype},
};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Batch, Checkpoint, Entry, checkpoint::CHECKPOINT_EVERY, wall_time};

/// The version of a record's bytes. It is not the protocol's: a pump that learns new words leaves old records as they are.
pub(super) const RECORD_VERSION: u8 = 1;
/// The longest kind, in bytes: a word or three, and bounded because it comes back from disk.
pub const KIND_LEN_MAX: usize = 32;
/// The most entries in a batch: far more than a turn makes, and one statement of the storage takes them all.
pub const BATCH_ENTRIES_MAX: usize = 1024;
/// The longest body, in bytes: many times the longest event, and bounded because it comes back from disk.
pub const BODY_LEN_MAX: usize = 16 * 1024;
/// The longest kept state, in bytes: several times what the machine needs; every batch writes it anew.
pub const KEPT_LEN_MAX: usize = 64 * 1024;

const GENESIS_DOMAIN: &[u8] = b"pump-remote audit genesis\0";
const RECORD_DOMAIN: &[u8] = b"pump-remote audit record\0";
const KEPT_DOMAIN: &[u8] = b"pump-remote audit kept\0";

/// Names one record for its whole life: random, made once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RecordId(pub [u8; 16]);

/// What a record is bound to before its first line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Genesis {
    /// Which record.
    pub id: RecordId,
    /// The serial number of the pump that it tells about.
    pub serial: Text<16>,
    /// The Ed25519 public key of the device that keeps it.
    pub device_key: [u8; 32],
}

/// One line of the record, as it is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its number: dense, from 1.
    pub seq: u64,
    /// A short word for queries.
    pub kind: Text<KIND_LEN_MAX>,
    /// The request that it belongs to.
    pub request: Option<u64>,
    /// Milliseconds since 1970-01-01 00:00 UTC; `None` while the wall clock was in doubt.
    pub wall_ms: Option<i64>,
    /// Minutes east of UTC where the person was.
    pub utc_offset_min: i16,
    /// The digest of the kept state, in the last record of each batch.
    pub kept_digest: Option<[u8; 32]>,
    /// The canonical encoding of stamp and event.
    pub body: Bounded<u8, BODY_LEN_MAX>,
}

/// A record in its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sealed {
    record: Record,
    hash: [u8; 32],
}

/// A batch in its place in the chain, not yet stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBatch {
    /// The records, in order.
    pub records: Vec<Sealed>,
    /// The checkpoints that fall due within them.
    pub checkpoints: Vec<Checkpoint>,
    /// The kept state that the last record vouches for.
    pub kept: Vec<u8>,
    /// The chain behind them: to be gone on with once all of the above is durable.
    pub next: Chain,
}

/// Where a record stands: what the next line is hashed onto.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    genesis: Genesis,
    head: AuditHead,
}

/// Why a batch can't become part of a record. Nothing was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Unsealable {
    /// Without an entry nothing says why the kept state changed.
    #[error("nothing recorded: the batch has no entry")]
    Empty,
    /// Too many entries.
    #[error("nothing recorded: the batch has {len} entries, at most {BATCH_ENTRIES_MAX} fit")]
    TooMany {
        /// How many there are.
        len: usize,
    },
    /// No word of the record's.
    #[error("nothing recorded: entry {index} has a kind longer than {KIND_LEN_MAX} bytes, or with control characters")]
    Kind {
        /// Which entry of the batch, from 0.
        index: usize,
    },
    /// Too long a body.
    #[error("nothing recorded: the body of entry {index} has {len} bytes, at most {BODY_LEN_MAX} fit")]
    Body {
        /// Which entry of the batch, from 0.
        index: usize,
        /// How long it is.
        len: usize,
    },
    /// Too long a kept state.
    #[error("nothing recorded: the kept state has {len} bytes, at most {KEPT_LEN_MAX} fit")]
    Kept {
        /// How long it is.
        len: usize,
    },
    /// Another device's key.
    #[error("nothing recorded: the signing key is not the one that this record is bound to")]
    Key,
}

impl Chain {
    /// An empty record.
    pub fn begin(genesis: Genesis) -> Self {
        let head = AuditHead { count: 0, hash: genesis.hash() };
        Self { genesis, head }
    }

    /// A record that [`super::Verifier`] has walked to here.
    pub(super) const fn verified(genesis: Genesis, head: AuditHead) -> Self {
        Self { genesis, head }
    }

    /// Where the record stands.
    pub const fn head(&self) -> AuditHead {
        self.head
    }

    /// What the record is bound to.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Puts a batch in its place behind this chain, and signs every [`CHECKPOINT_EVERY`]th record.
    pub fn seal(&self, batch: Batch, key: &SigningKey) -> Result<SealedBatch, Unsealable> {
        self.check(&batch, key)?;
        let mut sealed = SealedBatch {
            records: Vec::with_capacity(batch.entries.len()),
            checkpoints: Vec::new(),
            kept: batch.kept,
            next: self.clone(),
        };
        let last = batch.entries.len().saturating_sub(1);
        for (index, entry) in batch.entries.into_iter().enumerate() {
            let kept_digest = (index == last).then(|| kept_digest(&sealed.kept));
            let wall = entry.wall();
            sealed.records.push(sealed.next.link(index, entry, kept_digest)?);
            if sealed.next.head.count.is_multiple_of(CHECKPOINT_EVERY) {
                sealed.checkpoints.extend(sealed.next.checkpoint(wall, key));
            }
        }
        Ok(sealed)
    }

    /// Signs where the record stands; `None` while it is empty, because there is nothing to vouch for.
    pub fn checkpoint(&self, wall: Option<WallTime>, key: &SigningKey) -> Option<Checkpoint> {
        (self.head.count > 0).then(|| Checkpoint::sign(self.genesis.id, self.head, wall, key))
    }

    fn check(&self, batch: &Batch, key: &SigningKey) -> Result<(), Unsealable> {
        if batch.entries.is_empty() {
            return Err(Unsealable::Empty);
        }
        if batch.entries.len() > BATCH_ENTRIES_MAX {
            return Err(Unsealable::TooMany { len: batch.entries.len() });
        }
        if batch.kept.len() > KEPT_LEN_MAX {
            return Err(Unsealable::Kept { len: batch.kept.len() });
        }
        if key.verifying_key().as_bytes() != &self.genesis.device_key {
            return Err(Unsealable::Key);
        }
        Ok(())
    }

    fn link(&mut self, index: usize, entry: Entry, kept_digest: Option<[u8; 32]>) -> Result<Sealed, Unsealable> {
        let Entry { kind, request, body, wall_ms, utc_offset_min } = entry;
        let (seq, len) = (self.head.count.saturating_add(1), body.len());
        let kind = Text::new(kind).map_err(|_| Unsealable::Kind { index })?;
        let body = Bounded::try_from(body).map_err(|_| Unsealable::Body { index, len })?;
        let record = Record { seq, kind, request, wall_ms, utc_offset_min, kept_digest, body };
        let hash = record.hash_after(&self.head.hash);
        self.head = AuditHead { count: seq, hash };
        Ok(Sealed { record, hash })
    }
}

impl Genesis {
    /// What the first record is hashed onto.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(GENESIS_DOMAIN).chain_update(encode(self)).finalize().into()
    }
}

impl Record {
    /// Its hash: its canonical bytes, hashed onto the hash of the line before.
    pub fn hash_after(&self, previous: &[u8; 32]) -> [u8; 32] {
        hash_behind(previous, &encode(self))
    }

    /// When it happened, as a person's clock showed it.
    pub fn wall(&self) -> Option<WallTime> {
        wall_time(self.wall_ms, self.utc_offset_min)
    }
}

impl Sealed {
    /// The line.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Its hash.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Both, to be stored.
    pub fn into_parts(self) -> (Record, [u8; 32]) {
        (self.record, self.hash)
    }
}

/// A line's canonical bytes, hashed onto the hash of the line before.
pub(super) fn hash_behind(previous: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(RECORD_DOMAIN).chain_update(previous).chain_update(bytes).finalize().into()
}

/// What the last record of a batch says about the kept state.
pub fn kept_digest(kept: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(KEPT_DOMAIN).chain_update(kept).finalize().into()
}

wire_newtype!(RecordId([u8; 16]));

impl Wire for Genesis {
    fn put(&self, out: &mut Vec<u8>) {
        RECORD_VERSION.put(out);
        self.id.put(out);
        self.serial.put(out);
        self.device_key.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_version(input)?;
        Ok(Self { id: Wire::take(input)?, serial: Wire::take(input)?, device_key: Wire::take(input)? })
    }
}

impl Wire for Record {
    fn put(&self, out: &mut Vec<u8>) {
        RECORD_VERSION.put(out);
        self.seq.put(out);
        self.kind.put(out);
        self.request.put(out);
        self.wall_ms.put(out);
        self.utc_offset_min.put(out);
        self.kept_digest.put(out);
        put_bytes(&self.body, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_version(input)?;
        Ok(Self {
            seq: Wire::take(input)?,
            kind: Wire::take(input)?,
            request: Wire::take(input)?,
            wall_ms: Wire::take(input)?,
            utc_offset_min: Wire::take(input)?,
            kept_digest: Wire::take(input)?,
            body: take_bytes(input)?,
        })
    }
}

/// The encoding of a list of bytes, written at once: a million lines are hashed in seconds, not in minutes.
fn put_bytes<const MAX: usize>(bytes: &Bounded<u8, MAX>, out: &mut Vec<u8>) {
    u16::try_from(bytes.len()).expect("a body's limit fits in 16 bits: kept by Bounded").put(out);
    out.extend_from_slice(bytes);
}

fn take_bytes<const MAX: usize>(input: &mut Reader<'_>) -> Result<Bounded<u8, MAX>, Malformed> {
    let len = u16::take(input)?;
    if usize::from(len) > MAX {
        return Err(input.unknown("list length", len));
    }
    let bytes = input.bytes(usize::from(len))?.to_vec();
    bytes.try_into().map_err(|_| input.unknown("list length", len))
}

pub(super) fn take_version(input: &mut Reader<'_>) -> Result<(), Malformed> {
    match u8::take(input)? {
        RECORD_VERSION => Ok(()),
        found => Err(Malformed::Version { found }),
    }
}
