//! One id, one fate: what the pump keeps of each remote key's requests.
//!
//! A committed request lives in the dose record (`accounts`), where no refusal can push it out. Refusals have a small place
//! of their own; when one gives way, the watermark rises over it, so that what is forgotten can never run.
//!
//! A granted request is noted as voided from the start: it is granted only while its grant lives.

use pump_protocol::{
    message::{AuditHead, Denial, KeyFingerprint, Nonce, RequestId, StatusChanged},
    prescription::PrescriptionHash,
    quantity::Millis,
    wire::{Bounded, wire_enum, wire_struct},
};

/// The most keys remembered: the four that a pump accepts at most, and as many revoked ones. A revoked key whose place was
/// taken comes back as a stranger: the pump no longer knows its watermark, only its doses.
pub(crate) const KEYS_MAX: usize = 8;
/// The most refused requests remembered for each key.
pub(crate) const REFUSED_MAX: usize = 16;

/// What is kept of one remote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyRecord {
    pub(crate) key: KeyFingerprint,
    pub(crate) last_id: RequestId,
    pub(crate) watermark: RequestId,
    pub(crate) witness: Option<AuditHead>,
    /// What changed since this remote last looked. One latch a key: what one remote has read is still news to another.
    pub(crate) latch: StatusChanged,
    pub(crate) revoked: bool,
    pub(crate) refused: Bounded<Refused, REFUSED_MAX>,
}

/// A request that can never run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Refused {
    pub(crate) id: RequestId,
    /// The content it had; `None` if it was aborted unseen.
    pub(crate) prescription: Option<PrescriptionHash>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Denied { denial: Denial },
    Rejected { denial: Denial },
    Voided,
}

wire_struct!(KeyRecord { key, last_id, watermark, witness, latch, revoked, refused });
wire_struct!(Refused { id, prescription, outcome });
wire_enum!(Outcome: u8 { 0x0F => Denied { denial }, 0x33 => Rejected { denial }, 0x3C => Voided });

/// The one permission that may live in the whole pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    pub(crate) key: KeyFingerprint,
    pub(crate) id: RequestId,
    pub(crate) nonce: Nonce,
    pub(crate) prescription: PrescriptionHash,
    /// The pump's age at which it is dead.
    pub(crate) deadline: Millis,
}

/// A key's open session; a newer one takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) key: KeyFingerprint,
    pub(crate) greeted: bool,
    /// What of the latch was said in this session.
    pub(crate) told: StatusChanged,
    /// The request that this session committed last: only here may its COMMIT be repeated.
    pub(crate) committed: Option<RequestId>,
}

impl KeyRecord {
    pub(crate) const fn new(key: KeyFingerprint) -> Self {
        let (last_id, watermark) = (RequestId(0), RequestId(0));
        let latch = StatusChanged::NONE;
        Self { key, last_id, watermark, witness: None, latch, revoked: false, refused: Bounded::new() }
    }

    pub(crate) fn refused(&self, id: RequestId) -> Option<Refused> {
        self.refused.iter().find(|refused| refused.id == id).copied()
    }

    // keeps R-PMP-04
    /// Whether this id was never used and may still be: above everything seen, and above the watermark.
    pub(crate) fn is_new(&self, id: RequestId) -> bool {
        id > self.last_id && id > self.watermark
    }

    pub(crate) fn saw(&mut self, id: RequestId) {
        self.last_id = self.last_id.max(id);
    }

    /// Notes a request that can never run. The lowest gives way when there is no room, and the watermark rises over it.
    pub(crate) fn refuse(&mut self, refused: Refused) {
        self.saw(refused.id);
        self.refused.retain(|other| other.id != refused.id);
        if self.refused.len() >= REFUSED_MAX {
            self.forget_lowest();
        }
        self.refused.push(refused).expect("there is room: the lowest was forgotten if there was none");
    }

    // keeps R-PMP-05
    /// Nothing at or below this id can run any more.
    pub(crate) fn raise_watermark(&mut self, id: RequestId) {
        self.watermark = self.watermark.max(id);
    }

    /// A request is no longer waiting: it was committed, and its fate is in the dose record.
    pub(crate) fn committed(&mut self, id: RequestId) {
        self.refused.retain(|other| other.id != id);
    }

    fn forget_lowest(&mut self) {
        if let Some(lowest) = self.refused.iter().map(|refused| refused.id).min() {
            self.raise_watermark(lowest);
            self.refused.retain(|refused| refused.id != lowest);
        }
    }
}
