//! How the pump is, in its own words, at one moment of its own clock.
//!
//! A report's age counts from when it was asked for, never from when it arrived: the radio may have held it.

use crate::{
    clock::{CivilTime, PumpTime},
    history::{BolusId, Delivered, HistorySeq, Origin},
    prescription::PrescriptionHash,
    quantity::{BasalRate, Dose, Millis, Volume},
    wire::{Bounded, wire_enum, wire_struct},
};

/// The most annunciations that a report lists; the pump keeps the most serious.
pub const ANNUNCIATIONS_MAX: usize = 16;

/// How the pump is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PumpReport {
    /// When the pump said this, on its own clock.
    pub time: PumpTime,
    /// What its calendar and clock showed at that moment.
    pub civil: CivilTime,
    /// Which prescription is in force.
    pub prescription: PrescriptionStamp,
    /// How long until the pump itself would accept a demand dose again, by its lockout alone.
    pub lockout_remaining: Millis,
    /// The pump's own count of demand doses.
    pub allotment: AllotmentAccount,
    /// The pump's own sum of drug in the dose-limit window, basal as programmed.
    pub window_used: Dose,
    /// Whether it delivers.
    pub delivery: Delivery,
    /// The bolus that is running, if one is.
    pub bolus: Option<RunningBolus>,
    /// What the pump computes to be in the reservoir.
    pub reservoir: Volume,
    /// How long until the pump should be replaced (ERI).
    pub months_to_eri: u16,
    /// What the pump wants known.
    pub annunciations: Bounded<Annunciation, ANNUNCIATIONS_MAX>,
    /// The newest entry of its history.
    pub history_head: HistorySeq,
}

/// Names a prescription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PrescriptionStamp {
    /// Counts the clinic's changes.
    pub version: u32,
    /// Over every field.
    pub hash: PrescriptionHash,
}

/// Demand doses in the last 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AllotmentAccount {
    /// How many count now.
    pub used: u8,
    /// How long until the oldest of them no longer counts; nothing if none counts.
    pub next_return: Millis,
}

/// Whether the pump delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Basal at this rate.
    Delivering {
        /// As programmed for this time of day.
        rate: BasalRate,
    },
    /// Nothing is delivered.
    Stopped {
        /// For how long, by the pump's clock.
        since: Millis,
    },
}

/// A bolus under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunningBolus {
    /// Which.
    pub bolus: BolusId,
    /// Who asked.
    pub origin: Origin,
    /// What was asked for.
    pub dose: Dose,
    /// What has gone in.
    pub delivered: Delivered,
    /// How long it still takes.
    pub remaining: Millis,
}

/// Something that the pump wants known until it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Annunciation {
    /// Names it until it is gone.
    pub id: u16,
    /// What it is about.
    pub kind: AnnunciationKind,
    /// Whether somebody has seen it.
    pub state: AnnunciationState,
    /// How long it has stood, by the pump's clock.
    pub since: Millis,
}

/// What an annunciation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnnunciationKind {
    /// All delivery is stopped.
    PumpStopped,
    /// The motor doesn't turn.
    MotorStall,
    /// Nothing left to deliver.
    EmptyReservoir,
    /// The reservoir is below the low threshold.
    LowReservoir,
    /// The pump's battery should be replaced soon (elective replacement indicator).
    Eri,
    /// The pump's battery is at its end (end of service).
    Eos,
    /// The pump's memory failed a check.
    MemoryError,
    /// The catheter may be blocked.
    OcclusionSuspected,
}

/// Whether somebody has seen an annunciation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnnunciationState {
    /// Nobody yet.
    Pending,
    /// Seen, and to be shown again.
    Snoozed,
    /// Seen; it stays listed while its cause lasts.
    Confirmed,
}

wire_struct!(PumpReport {
    time,
    civil,
    prescription,
    lockout_remaining,
    allotment,
    window_used,
    delivery,
    bolus,
    reservoir,
    months_to_eri,
    annunciations,
    history_head,
});
wire_struct!(PrescriptionStamp { version, hash });
wire_struct!(AllotmentAccount { used, next_return });
wire_enum!(Delivery: u8 { 0x0F => Delivering { rate }, 0x33 => Stopped { since } });
wire_struct!(RunningBolus { bolus, origin, dose, delivered, remaining });
wire_struct!(Annunciation { id, kind, state, since });
wire_enum!(AnnunciationKind: u8 {
    0x0F => PumpStopped,
    0x33 => MotorStall,
    0x3C => EmptyReservoir,
    0x55 => LowReservoir,
    0x5A => Eri,
    0x66 => Eos,
    0x69 => MemoryError,
    0x96 => OcclusionSuspected,
});
wire_enum!(AnnunciationState: u8 { 0x0F => Pending, 0x33 => Snoozed, 0x3C => Confirmed });

impl AnnunciationKind {
    /// Whether no demand dose may be given while it stands (GIP 1.4.11, OPCA R5.2.0(6)).
    pub const fn inhibits_demand_doses(self) -> bool {
        match self {
            Self::PumpStopped
            | Self::MotorStall
            | Self::EmptyReservoir
            | Self::Eos
            | Self::MemoryError
            | Self::OcclusionSuspected => true,
            Self::LowReservoir | Self::Eri => false,
        }
    }
}
