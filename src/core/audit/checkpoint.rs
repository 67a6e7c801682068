//! What the device signs, so that a chain written anew from some point on is found.
//!
//! A chain alone shows only that it agrees with itself. A checkpoint says under the device's key: the record of this id had
//! so many lines, and the newest had this hash. Everything up to it is then fixed.
//!
//! # Promises
//! - Every [`CHECKPOINT_EVERY`]th record has one, made in the same transaction; so a missing one is found, too.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use pump_protocol::{
    clock::WallTime,
    message::AuditHead,
    wire::{Wire, wire_struct},
};

use super::{RecordId, chain::RECORD_VERSION};

/// One record in this many is signed. It bounds what is checked before the first offer after a start (a few milliseconds),
/// and what a forger without the key could write anew (a few days); a signature costs about as much as the write itself.
pub const CHECKPOINT_EVERY: u64 = 256;

const CHECKPOINT_DOMAIN: &[u8] = b"pump-remote audit checkpoint\0";

/// Where a record stood, signed by the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// How many records, and the newest one's hash.
    pub head: AuditHead,
    /// When it was signed, as a person's clock showed it; `None` while that was in doubt.
    pub wall: Option<WallTime>,
    /// Ed25519 over all of that and the record's id.
    pub signature: [u8; 64],
}

wire_struct!(Checkpoint { head, wall, signature });

impl Checkpoint {
    // keeps R-REC-04
    pub(super) fn sign(id: RecordId, head: AuditHead, wall: Option<WallTime>, key: &SigningKey) -> Self {
        let signature = key.sign(&signed_bytes(id, head, wall)).to_bytes();
        Self { head, wall, signature }
    }

    /// Whether the device with this key signed it for this record.
    pub fn is_signed_by(&self, key: &VerifyingKey, id: RecordId) -> bool {
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(&signed_bytes(id, self.head, self.wall), &signature).is_ok()
    }
}

fn signed_bytes(id: RecordId, head: AuditHead, wall: Option<WallTime>) -> Vec<u8> {
    let mut bytes = CHECKPOINT_DOMAIN.to_vec();
    RECORD_VERSION.put(&mut bytes);
    id.put(&mut bytes);
    head.put(&mut bytes);
    wall.put(&mut bytes);
    bytes
}
