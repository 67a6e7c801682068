//! The record on a disk that is killed, cut off, full or broken, and what must be true afterwards.
//!
//! A *writer* (`writer/`) is the product without its pages: the machine, the loop, the record's task and the record. It presses by
//! itself, as fast as it can, and says line by line what was handed to the record, what the record has answered, and what goes
//! to the pump. The *bedside* ([`bedside`]) is at the other end of those lines and outlives every kill: it is the pump, and it
//! remembers what was promised.
//!
//! # Reading order
//! [`told`] (the lines), [`bedside`] (what must hold), `writer/` (what is killed), `calls/` (a kill or an error at every system
//! call), `plug/` (the plug of an emulated machine).
//!
//! # Promises
//! - The record, the loop and the machine are production code, opened and run as the product does; only finger and pump are ours.
//! - What is judged was said before the cut: a line that was never said obliges to nothing.
#![forbid(unsafe_code)]

pub mod bedside;
pub mod told;

use pump_core::audit::RecordId;
use pump_protocol::{message::KeyFingerprint, wire::Text};
use pump_remote::adapters::sqlite::Opening;

/// The writer's key, as the pump knows it.
pub const OURS: KeyFingerprint = KeyFingerprint([1; 8]);
/// The pump's serial number: that of the records which are kept from older versions.
pub const SERIAL: &str = "SIM-0001";
/// The record's place in its directory.
pub const RECORD: &str = "record.db";

/// What a record is opened with: always the same pump and the same key, and a new name for a new one.
pub fn opening(new_id: [u8; 16]) -> anyhow::Result<Opening> {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    Ok(Opening { serial: Text::new(SERIAL)?, key, new_id: RecordId(new_id) })
}
