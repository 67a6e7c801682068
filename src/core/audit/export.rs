//! A record as one file that carries its own proof: lines, checkpoints, the device's public key, and a signature.
//!
//! The file is [`MAGIC`], then frames: a tag, the length of what follows as 32 bits, and that. In this order: the genesis; the
//! base, if the record was pruned; each line with its hash, and its checkpoint behind it if it has one; the end; and the
//! device's signature over everything before it, where the key was at hand. Without that signature the checkpoints still
//! vouch for all but the newest lines.
//!
//! # Terms
//! - *part*: an export that ends at a signed line in the middle of the record. What was pruned is in parts: the end of each is
//!   the base of the next, and of the record.
//!
//! # Promises
//! - Reading holds one frame, however long the file is.
//! - An export that ends early, or goes on behind its end, is refused.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use pump_protocol::{
    message::AuditHead,
    wire::{Malformed, decode, encode, wire_struct},
};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Base, Checkpoint, Ending, Finding, Genesis, Stored, Verified, Verifier, chain::BODY_LEN_MAX};

/// How every export begins; the last byte is the version.
pub const MAGIC: &[u8; 19] = b"pump-remote export\x01";
/// The bytes before a frame's content.
pub const FRAME_HEADER_LEN: usize = 5;
/// The longest content of a frame: a line of the longest body, its other fields and its hash.
pub const FRAME_LEN_MAX: usize = BODY_LEN_MAX + 256;

const EXPORT_DOMAIN: &[u8] = b"pump-remote audit export\0";
const GENESIS: u8 = 0x0F;
const LINE: u8 = 0x33;
const CHECKPOINT: u8 = 0x3C;
const END: u8 = 0x55;
const SIGNATURE: u8 = 0x5A;
const BASE: u8 = 0x66;
const PART_END: u8 = 0x69;

/// Turns a record into the bytes of an export, piece by piece.
#[derive(Clone, Debug)]
pub struct Exporter {
    digest: Sha256,
}

/// What an export says about the record's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    head: AuditHead,
    kept_digest: Option<[u8; 32]>,
}

wire_struct!(Stored { record, hash });
wire_struct!(End { head, kept_digest });

/// Why an export proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadExport {
    /// Something else, or an export of another version.
    #[error("the file doesn't begin like an export of this version")]
    Magic,
    /// A line, or what must stand beside it, is not as it was written.
    #[error(transparent)]
    Found(#[from] Finding),
    /// Bytes that no exporter writes.
    #[error("record {seq}: the export can't be read there ({malformed})")]
    Malformed {
        /// The line that was to come.
        seq: u64,
        /// What is wrong.
        malformed: Malformed,
    },
    /// A frame where none of its sort may stand.
    #[error("record {seq}: the export holds a part there that doesn't belong there")]
    Misplaced {
        /// The line that was to come.
        seq: u64,
    },
    /// The file stops before its end.
    #[error("record {seq}: the export ends before it, without its end mark")]
    CutOff {
        /// The line that was to come.
        seq: u64,
    },
    /// Not this device's signature over these bytes.
    #[error("the export's signature is not the device's")]
    Signature,
}

/// What an export proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// What the walk has proved.
    pub verified: Verified,
    /// Whether the device signed the file as a whole.
    pub signed: bool,
    /// Whether it ends in the middle of the record.
    pub part: bool,
    /// SHA-256 over the file: what a base names it by.
    pub digest: [u8; 32],
}

/// Reads an export frame by frame.
#[derive(Clone, Debug)]
pub struct ExportReader {
    digest: Sha256,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Begin,
    Lines { walk: Box<Verifier>, key: VerifyingKey, waiting: Option<Box<Stored>>, newest_checkpoint: u64 },
    Ended { verified: Box<Verified>, key: VerifyingKey, part: bool, signed: bool },
}

impl Exporter {
    /// The first bytes.
    pub fn begin(genesis: &Genesis, base: Option<&Base>) -> (Self, Vec<u8>) {
        let mut exporter = Self { digest: Sha256::new().chain_update(MAGIC) };
        let mut bytes = MAGIC.to_vec();
        bytes.append(&mut exporter.frame(GENESIS, &encode(genesis)));
        if let Some(base) = base {
            bytes.append(&mut exporter.frame(BASE, &encode(base)));
        }
        (exporter, bytes)
    }

    /// One line, and its checkpoint if it has one.
    pub fn line(&mut self, stored: &Stored, checkpoint: Option<&Checkpoint>) -> Vec<u8> {
        let mut bytes = self.frame(LINE, &encode(stored));
        if let Some(checkpoint) = checkpoint {
            bytes.append(&mut self.frame(CHECKPOINT, &encode(checkpoint)));
        }
        bytes
    }

    /// The last bytes; signed, if the device's key is at hand. And SHA-256 over all of them: what a base names the export by.
    pub fn end(mut self, verified: &Verified, key: Option<&SigningKey>) -> (Vec<u8>, [u8; 32]) {
        let end = End { head: verified.chain.head(), kept_digest: verified.kept_digest };
        let bytes = self.frame(END, &encode(&end));
        self.signed(bytes, key)
    }

    /// The same, for a part.
    pub fn end_part(mut self, verified: &Verified, key: Option<&SigningKey>) -> (Vec<u8>, [u8; 32]) {
        let bytes = self.frame(PART_END, &encode(&verified.chain.head()));
        self.signed(bytes, key)
    }

    fn signed(mut self, mut bytes: Vec<u8>, key: Option<&SigningKey>) -> (Vec<u8>, [u8; 32]) {
        if let Some(key) = key {
            let signature = key.sign(&signed_bytes(&self.digest)).to_bytes();
            bytes.append(&mut self.frame(SIGNATURE, &signature));
        }
        (bytes, self.digest.finalize().into())
    }

    fn frame(&mut self, tag: u8, content: &[u8]) -> Vec<u8> {
        let len = u32::try_from(content.len()).expect("a frame's parts are bounded: kept by Record and Genesis");
        let bytes = [&[tag], len.to_le_bytes().as_slice(), content].concat();
        self.digest.update(&bytes);
        bytes
    }
}

/// How long the content behind this header is; `None` if no exporter writes such a frame.
pub fn content_len(header: [u8; FRAME_HEADER_LEN]) -> Option<usize> {
    let [_, a, b, c, d] = header;
    usize::try_from(u32::from_le_bytes([a, b, c, d])).ok().filter(|len| *len <= FRAME_LEN_MAX)
}

impl Default for ExportReader {
    fn default() -> Self {
        Self::new()
    }
}

impl ExportReader {
    /// Starts behind [`MAGIC`].
    pub fn new() -> Self {
        Self { digest: Sha256::new().chain_update(MAGIC), state: State::Begin }
    }

    /// The number of the line that comes next, to name it.
    pub fn next_line(&self) -> u64 {
        match &self.state {
            State::Begin => 1,
            State::Lines { walk, waiting, .. } => {
                walk.position().saturating_add(1).saturating_add(u64::from(waiting.is_some()))
            }
            State::Ended { verified, .. } => verified.chain.head().count.saturating_add(1),
        }
    }

    /// Takes one frame; gives back the line that it has completed the walk of.
    pub fn frame(
        mut self,
        header: [u8; FRAME_HEADER_LEN],
        content: &[u8],
    ) -> Result<(Self, Option<Box<Stored>>), BadExport> {
        let seq = self.next_line();
        let malformed = |malformed| BadExport::Malformed { seq, malformed };
        let (state, walked) = match (self.state, header[0]) {
            (State::Begin, GENESIS) => (begin_lines(decode(content).map_err(malformed)?)?, None),
            (State::Lines { walk, key, waiting: None, newest_checkpoint: 0 }, BASE) if walk.position() == 0 => {
                let base: Base = decode(content).map_err(malformed)?;
                let walk = Box::new(Verifier::behind(walk.into_genesis(), &base)?);
                (State::Lines { walk, key, waiting: None, newest_checkpoint: 0 }, None)
            }
            (State::Lines { walk, key, waiting, newest_checkpoint }, LINE) => {
                let walk = step(walk, waiting.as_deref(), None)?;
                let next = Some(Box::new(decode(content).map_err(malformed)?));
                (State::Lines { walk, key, waiting: next, newest_checkpoint }, waiting)
            }
            (State::Lines { walk, key, waiting: Some(line), .. }, CHECKPOINT) => {
                let checkpoint: Checkpoint = decode(content).map_err(malformed)?;
                let walk = step(walk, Some(&line), Some(&checkpoint))?;
                let newest_checkpoint = checkpoint.head.count;
                (State::Lines { walk, key, waiting: None, newest_checkpoint }, Some(line))
            }
            (State::Lines { walk, key, waiting, newest_checkpoint }, END) => {
                let End { head, kept_digest } = decode(content).map_err(malformed)?;
                let walk = step(walk, waiting.as_deref(), None)?;
                let verified = Box::new(walk.finish(&Ending { head, kept_digest, newest_checkpoint })?);
                (State::Ended { verified, key, part: false, signed: false }, waiting)
            }
            (State::Lines { walk, key, waiting, .. }, PART_END) => {
                let walk = step(walk, waiting.as_deref(), None)?;
                let verified = Box::new(walk.finish_part(decode(content).map_err(malformed)?)?);
                (State::Ended { verified, key, part: true, signed: false }, waiting)
            }
            (State::Ended { verified, key, part, signed: false }, SIGNATURE) => {
                check_signature(&key, &self.digest, content)?;
                (State::Ended { verified, key, part, signed: true }, None)
            }
            _ => return Err(BadExport::Misplaced { seq }),
        };
        self.state = state;
        self.digest.update(header);
        self.digest.update(content);
        Ok((self, walked))
    }

    // keeps R-REC-09
    /// What it proves, when the file is over.
    pub fn finish(self) -> Result<Proved, BadExport> {
        let seq = self.next_line();
        match self.state {
            State::Begin | State::Lines { .. } => Err(BadExport::CutOff { seq }),
            State::Ended { verified, part, signed, .. } => {
                Ok(Proved { verified: *verified, signed, part, digest: self.digest.finalize().into() })
            }
        }
    }
}

fn begin_lines(genesis: Genesis) -> Result<State, BadExport> {
    let key = VerifyingKey::from_bytes(&genesis.device_key).map_err(|_| Finding::NoKey)?;
    let walk = Box::new(Verifier::full(genesis)?);
    Ok(State::Lines { walk, key, waiting: None, newest_checkpoint: 0 })
}

fn step(
    mut walk: Box<Verifier>,
    line: Option<&Stored>,
    checkpoint: Option<&Checkpoint>,
) -> Result<Box<Verifier>, Finding> {
    if let Some(line) = line {
        walk.step(line, checkpoint)?;
    }
    Ok(walk)
}

fn check_signature(key: &VerifyingKey, digest: &Sha256, content: &[u8]) -> Result<(), BadExport> {
    let signature = Signature::from_slice(content).map_err(|_| BadExport::Signature)?;
    key.verify_strict(&signed_bytes(digest), &signature).map_err(|_| BadExport::Signature)
}

fn signed_bytes(digest: &Sha256) -> Vec<u8> {
    [EXPORT_DOMAIN, digest.clone().finalize().as_slice()].concat()
}
