//! What survives a restart: written in one step with the records that led to it.

use pump_protocol::{
    clock::PumpTime,
    history::HistorySeq,
    message::RequestId,
    prescription::Prescription,
    wire::{Malformed, Reader, Text, Wire, wire_struct},
};

use crate::{ledger::Request, therapy::account::Account};

/// The version of [`Kept`]'s encoding.
const KEPT_VERSION: u8 = 1;

// keeps R-REQ-11
/// What survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kept {
    /// The pump that this record belongs to; `None` until one has answered.
    pub pump: Option<Text<16>>,
    /// What the clinic programmed, when last read.
    pub prescription: Option<Prescription>,
    /// The highest id that this remote has used.
    pub last_id: RequestId,
    /// The doses that count.
    pub account: Account,
    /// The newest entry of the pump's history that is in the account.
    pub history_read: HistorySeq,
    /// The latest that the pump's clock was known to show: tells a pump that lost its clock.
    pub pump_seen: Option<PumpTime>,
    /// Whether the pump was stopped when last heard.
    pub stopped: bool,
    /// The open question.
    pub request: Option<Request>,
}

wire_struct!(Kept { pump, prescription, last_id, account, history_read, pump_seen, stopped, request });

impl Kept {
    /// The bytes for the disk.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![KEPT_VERSION];
        self.put(&mut bytes);
        bytes
    }

    /// What the bytes from the disk say; an error if they are not exactly what [`to_bytes`](Self::to_bytes) makes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        match u8::take(&mut input)? {
            KEPT_VERSION => {}
            found => return Err(Malformed::Version { found }),
        }
        let kept = Self::take(&mut input)?;
        input.finish()?;
        Ok(kept)
    }
}
