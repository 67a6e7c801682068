//! What the device signs when the oldest lines leave the record: which are gone, and which export holds them.
//!
//! # Terms
//! - *base*: the line that a pruned record is hashed onto, in the genesis' place; gone itself.
//!
//! # Promises
//! - A record whose lines don't begin behind its base doesn't verify, nor does one whose base the device did not sign.
//! - The base names the export by its digest, so that the two can be joined again and proved to be one record.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use pump_protocol::{
    clock::WallTime,
    message::AuditHead,
    wire::{Wire, wire_struct},
};

use super::{RecordId, chain::RECORD_VERSION};

const BASE_DOMAIN: &[u8] = b"pump-remote audit base\0";

/// Where a pruned record begins, signed by the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Base {
    /// The last line that is gone, and its hash.
    pub head: AuditHead,
    /// How many lines the newest export took.
    pub exported: u64,
    /// SHA-256 over that export, every byte of it.
    pub export_digest: [u8; 32],
    /// When it was signed, as a person's clock showed it; `None` while that was in doubt.
    pub wall: Option<WallTime>,
    /// Ed25519 over all of that and the record's id.
    pub signature: [u8; 64],
}

wire_struct!(Base { head, exported, export_digest, wall, signature });

impl Base {
    /// Signs that the lines up to `head` are in that export.
    pub fn sign(
        id: RecordId,
        head: AuditHead,
        exported: u64,
        export_digest: [u8; 32],
        wall: Option<WallTime>,
        key: &SigningKey,
    ) -> Self {
        let unsigned = Self { head, exported, export_digest, wall, signature: [0; 64] };
        let signature = key.sign(&unsigned.signed_bytes(id)).to_bytes();
        Self { signature, ..unsigned }
    }

    /// Whether the device with this key signed it for this record.
    pub fn is_signed_by(&self, key: &VerifyingKey, id: RecordId) -> bool {
        key.verify_strict(&self.signed_bytes(id), &Signature::from_bytes(&self.signature)).is_ok()
    }

    fn signed_bytes(&self, id: RecordId) -> Vec<u8> {
        let mut bytes = BASE_DOMAIN.to_vec();
        RECORD_VERSION.put(&mut bytes);
        id.put(&mut bytes);
        self.head.put(&mut bytes);
        self.exported.put(&mut bytes);
        self.export_digest.put(&mut bytes);
        self.wall.put(&mut bytes);
        bytes
    }
}
