//! What outlives the pump's power: everything but its sessions and its grant.
//!
//! ```text
//! "PUMP"  version u8  body  SHA-256 of all before (32 bytes)
//! ```
//!
//! # Promises
//! - A restored pump is the same running pump, its bolus included; the host advances it by the time that it was away.
//! - Bytes that differ from what was written, in length or in any bit, are refused and named; no pump is made of them.

use pump_protocol::wire::{Bounded, Malformed, Reader, Wire};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::pump::Pump;

/// The version of the durable form. A change of any byte makes a new one.
pub const DURABLE_VERSION: u8 = 2;
const MAGIC: &[u8; 4] = b"PUMP";
const HASH_LEN: usize = 32;

/// Why bytes are no pump. Nothing was restored, and nothing may be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum DamagedPump {
    /// Too short to be one.
    #[error("a pump's record ends after {len} bytes")]
    Short {
        /// How many there are.
        len: usize,
    },
    /// Something else.
    #[error("not a pump's record")]
    NotAPump,
    /// Written by another program.
    #[error("a pump's record of version {found}, this program reads {DURABLE_VERSION}")]
    Version {
        /// What the bytes say they are.
        found: u8,
    },
    /// Changed or cut.
    #[error("a pump's record doesn't match its own hash: it was changed or cut short")]
    Hash,
    /// Intact, and yet no pump.
    #[error("a pump's record can't be read: {0}")]
    Malformed(#[from] Malformed),
    /// Intact, and yet impossible.
    #[error("a pump's record contradicts itself: {0}")]
    Impossible(&'static str),
}

impl Pump {
    /// Everything that must outlive the power.
    pub fn durable(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        DURABLE_VERSION.put(&mut bytes);
        self.put_body(&mut bytes);
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        bytes
    }

    // keeps R-PMP-26
    /// The pump that these bytes describe, as it was at that moment.
    pub fn restore(bytes: &[u8]) -> Result<Self, DamagedPump> {
        let short = DamagedPump::Short { len: bytes.len() };
        let (signed, hash) = bytes.split_last_chunk::<HASH_LEN>().ok_or(short)?;
        let (magic, versioned) = signed.split_first_chunk::<4>().ok_or(short)?;
        let (&found, body) = versioned.split_first().ok_or(short)?;
        if magic != MAGIC {
            return Err(DamagedPump::NotAPump);
        }
        if found != DURABLE_VERSION {
            return Err(DamagedPump::Version { found });
        }
        if Sha256::digest(signed).as_slice() != hash {
            return Err(DamagedPump::Hash);
        }
        let mut input = Reader::new(body);
        let pump = Self::take_body(&mut input)?;
        input.finish()?;
        pump.check()
    }

    fn put_body(&self, out: &mut Vec<u8>) {
        self.serial.put(out);
        self.prescription.put(out);
        self.age.put(out);
        self.epoch.put(out);
        self.epoch_began.put(out);
        self.civil.put(out);
        self.level.put(out);
        self.halted_since.put(out);
        self.months_to_eri.put(out);
        self.doses.put(out);
        self.last_bolus.put(out);
        self.annunciations.put(out);
        self.history.put(out);
        self.keys.put(out);
        self.imposed.put(out);
    }

    fn take_body(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            serial: Wire::take(input)?,
            prescription: Wire::take(input)?,
            age: Wire::take(input)?,
            epoch: Wire::take(input)?,
            epoch_began: Wire::take(input)?,
            civil: Wire::take(input)?,
            level: Wire::take(input)?,
            halted_since: Wire::take(input)?,
            months_to_eri: Wire::take(input)?,
            doses: Wire::take(input)?,
            last_bolus: Wire::take(input)?,
            annunciations: Wire::take(input)?,
            history: Wire::take(input)?,
            keys: Wire::take(input)?,
            imposed: Wire::take(input)?,
            grant: None,
            sessions: Bounded::new(),
            must_persist: false,
        })
    }

    /// What the hash can't promise: that the fields agree.
    fn check(self) -> Result<Self, DamagedPump> {
        let halts = self.annunciations.halt_delivery();
        let agree = [
            (self.epoch_began <= self.age, "an epoch that begins in the future"),
            (self.doses.iter().all(|dose| dose.started <= self.age), "a dose that starts in the future"),
            (self.doses.iter().rev().skip(1).all(|dose| dose.ended.is_some()), "two boluses at once"),
            (halts == self.halted_since.is_some(), "delivery and alarms that disagree"),
            (self.annunciations.one_a_kind(), "an annunciation listed twice"),
            (self.history.is_dense(), "a history with gaps"),
        ];
        match agree.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(DamagedPump::Impossible(what)),
            None => Ok(self),
        }
    }
}
