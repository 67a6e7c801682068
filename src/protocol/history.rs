//! What the pump remembers of itself: an append-only list with dense sequence numbers.
//!
//! A bolus has two entries, one when it is committed and one when it has ended; both carry its origin, so each committed
//! request of a remote matches exactly one of each. Refusals are not history: they can't push a dose out of it.

use crate::{
    clock::PumpTime,
    message::{KeyFingerprint, RequestId},
    prescription::PrescriptionHash,
    quantity::{Concentration, Dose, Volume},
    wire::{wire_enum, wire_newtype, wire_struct},
};

/// An entry's place in the pump's history: 1 is the first, and none is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistorySeq(pub u64);

/// Names one bolus of one pump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BolusId(pub u32);

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HistoryEntry {
    /// Its place.
    pub seq: HistorySeq,
    /// When it happened, on the pump's clock.
    pub at: PumpTime,
    /// What happened.
    pub event: HistoryEvent,
}

/// What the pump remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HistoryEvent {
    /// A bolus was committed; `at` is its start.
    BolusStarted {
        /// Which.
        bolus: BolusId,
        /// Who asked.
        origin: Origin,
        /// What was asked for.
        dose: Dose,
        /// Of the liquid in the reservoir.
        concentration: Concentration,
    },
    /// A bolus has ended.
    BolusEnded {
        /// Which.
        bolus: BolusId,
        /// Who had asked.
        origin: Origin,
        /// What went in.
        delivered: Delivered,
        /// Why it ended.
        end: BolusEnd,
    },
    /// The clinic filled the reservoir.
    Refilled {
        /// What it holds now.
        volume: Volume,
        /// Of the new liquid.
        concentration: Concentration,
    },
    /// The clinic changed the prescription.
    Reprogrammed {
        /// The new version.
        version: u32,
        /// The new hash.
        hash: PrescriptionHash,
    },
    /// All delivery was stopped, basal included.
    Stopped,
    /// Delivery was started again.
    Started,
    /// The pump lost its clock: this entry's epoch is new, and the time since the entry before is unknown.
    Reset,
}

/// Who asked for a bolus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A patient's remote, by its request.
    Remote {
        /// Whose key.
        key: KeyFingerprint,
        /// Its request.
        id: RequestId,
    },
    /// The clinic, through the clinician programmer.
    Clinician,
    /// Nobody that the pump can name.
    Unknown,
}

/// What went in: an exact amount (`at_least == at_most`), or a range if the pump lost count in a reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Delivered {
    /// No less than this.
    pub at_least: Dose,
    /// No more than this.
    pub at_most: Dose,
}

/// Why a bolus ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BolusEnd {
    /// The whole dose was delivered.
    Complete,
    /// A CANCEL stopped it.
    Cancelled,
    /// The pump was stopped.
    PumpStopped,
    /// The motor stalled.
    MotorStall,
    /// The pump was reset in mid-bolus; a bolus is never resumed.
    Reset,
    /// The reservoir ran empty.
    EmptyReservoir,
    /// Another alarm stopped it.
    Alarm,
}

impl BolusEnd {
    /// All of them, the whole dose first.
    pub const ALL: [Self; 7] = [
        Self::Complete,
        Self::Cancelled,
        Self::PumpStopped,
        Self::MotorStall,
        Self::Reset,
        Self::EmptyReservoir,
        Self::Alarm,
    ];
}

impl Delivered {
    /// Exactly this much.
    pub const fn exactly(dose: Dose) -> Self {
        Self { at_least: dose, at_most: dose }
    }
}

wire_newtype!(HistorySeq(u64), BolusId(u32));
wire_struct!(HistoryEntry { seq, at, event });
wire_struct!(Delivered { at_least, at_most });
wire_enum!(HistoryEvent: u8 {
    0x0F => BolusStarted { bolus, origin, dose, concentration },
    0x33 => BolusEnded { bolus, origin, delivered, end },
    0x3C => Refilled { volume, concentration },
    0x55 => Reprogrammed { version, hash },
    0x5A => Stopped,
    0x66 => Started,
    0x69 => Reset,
});
wire_enum!(Origin: u8 { 0x0F => Remote { key, id }, 0x33 => Clinician, 0x3C => Unknown });
wire_enum!(BolusEnd: u8 {
    0x0F => Complete,
    0x33 => Cancelled,
    0x3C => PumpStopped,
    0x55 => MotorStall,
    0x5A => Reset,
    0x66 => EmptyReservoir,
    0x69 => Alarm,
});
