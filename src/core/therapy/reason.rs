//! Why no request is offered: one value per reason, each with a text of its own on the screen.
//!
//! # Terms
//! - *not available*: the remote's word. *Denied*: the pump's.
//! - *most limiting first*: what nobody can mend here, before what the patient can mend, before what passes by itself.

use pump_protocol::{
    report::AnnunciationKind,
    wire::{Malformed, Reader, Wire, wire_enum},
};

// keeps R-ANS-04
/// A reason why no request is offered. The order of the variants is the order of limiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The record can't be written: no request without its record.
    RecordNotWritable,
    /// The record's newest part does not verify.
    RecordDamaged,
    /// The self-test found a fault.
    SelfTestFailed,
    /// A key has been down for so long that it is stuck.
    StuckKey,
    /// Alarms can't be heard (OPCA EC17).
    ToneFailed,
    /// The remote's battery may not last until the dose is in.
    BatteryTooLow,
    /// The self-test runs.
    SelfTestRunning,
    /// No pump is bonded to this remote.
    NoBond,
    /// The pump that answers is not the one that this record belongs to.
    WrongPump,
    /// This remote's key may look and not ask.
    ViewerOnly,
    /// The clinic's prescription contradicts itself.
    PrescriptionContradicts,
    /// The pump's alarm inhibits demand doses.
    Alarm(Inhibiting),
    /// The clinic has switched demand doses off.
    DemandDosesOff,
    /// One dose would take the reservoir below its low threshold.
    LowReservoir,
    /// Time passed that nobody can vouch for, and the pump has not said how much.
    ClockInDoubt,
    /// A request is open: what became of it is not known yet.
    Unresolved,
    /// The pump can't be reached.
    OutOfReach,
    /// The pump's last word is too old to promise anything on.
    ReportTooOld,
    /// What the pump did lately is not known here yet.
    HistoryNotImported,
    /// Too many wrong patient codes in a row.
    CodeLocked,
    /// Some window with this dose in it would exceed the dose limit.
    WindowLimit,
    /// The allotment of the last 24 hours is used.
    Allotment,
    /// The lockout interval since the last dose is not over.
    Lockout,
    /// A bolus is running.
    BolusRunning,
}

// keeps R-ANS-06
/// The alarms that inhibit demand doses: an explicit list (GIP 1.4.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inhibiting {
    /// All delivery is stopped.
    PumpStopped,
    /// The motor doesn't turn.
    MotorStall,
    /// Nothing left to deliver.
    EmptyReservoir,
    /// The pump's battery is at its end.
    Eos,
    /// The pump's memory failed a check.
    MemoryError,
    /// The catheter may be blocked.
    OcclusionSuspected,
}

impl Inhibiting {
    /// The annunciation as an inhibiting alarm, if it is one.
    pub const fn from_annunciation(kind: AnnunciationKind) -> Option<Self> {
        match kind {
            AnnunciationKind::PumpStopped => Some(Self::PumpStopped),
            AnnunciationKind::MotorStall => Some(Self::MotorStall),
            AnnunciationKind::EmptyReservoir => Some(Self::EmptyReservoir),
            AnnunciationKind::Eos => Some(Self::Eos),
            AnnunciationKind::MemoryError => Some(Self::MemoryError),
            AnnunciationKind::OcclusionSuspected => Some(Self::OcclusionSuspected),
            AnnunciationKind::LowReservoir | AnnunciationKind::Eri => None,
        }
    }
}

impl Reason {
    /// Whether time alone ends it, so that a countdown can be promised.
    pub const fn passes_by_itself(self) -> bool {
        matches!(self, Self::Lockout | Self::Allotment | Self::WindowLimit | Self::BolusRunning | Self::CodeLocked)
    }
}

wire_enum!(Inhibiting: u8 {
    0x0F => PumpStopped,
    0x33 => MotorStall,
    0x3C => EmptyReservoir,
    0x55 => Eos,
    0x5A => MemoryError,
    0x66 => OcclusionSuspected,
});

/// One byte: the reason, and for an alarm the alarm's own byte behind it.
impl Wire for Reason {
    fn put(&self, out: &mut Vec<u8>) {
        let tag: u8 = match self {
            Self::RecordNotWritable => 1,
            Self::RecordDamaged => 2,
            Self::NoBond => 3,
            Self::WrongPump => 4,
            Self::ViewerOnly => 5,
            Self::Alarm(_) => 6,
            Self::DemandDosesOff => 7,
            Self::LowReservoir => 8,
            Self::ClockInDoubt => 9,
            Self::Unresolved => 10,
            Self::OutOfReach => 11,
            Self::ReportTooOld => 12,
            Self::HistoryNotImported => 13,
            Self::WindowLimit => 14,
            Self::Allotment => 15,
            Self::Lockout => 16,
            Self::BolusRunning => 17,
            Self::PrescriptionContradicts => 18,
            Self::SelfTestFailed => 19,
            Self::StuckKey => 20,
            Self::ToneFailed => 21,
            Self::BatteryTooLow => 22,
            Self::SelfTestRunning => 23,
            Self::CodeLocked => 24,
        };
        tag.put(out);
        if let Self::Alarm(alarm) = self {
            alarm.put(out);
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match u8::take(input)? {
            1 => Self::RecordNotWritable,
            2 => Self::RecordDamaged,
            3 => Self::NoBond,
            4 => Self::WrongPump,
            5 => Self::ViewerOnly,
            6 => Self::Alarm(Wire::take(input)?),
            7 => Self::DemandDosesOff,
            8 => Self::LowReservoir,
            9 => Self::ClockInDoubt,
            10 => Self::Unresolved,
            11 => Self::OutOfReach,
            12 => Self::ReportTooOld,
            13 => Self::HistoryNotImported,
            14 => Self::WindowLimit,
            15 => Self::Allotment,
            16 => Self::Lockout,
            17 => Self::BolusRunning,
            18 => Self::PrescriptionContradicts,
            19 => Self::SelfTestFailed,
            20 => Self::StuckKey,
            21 => Self::ToneFailed,
            22 => Self::BatteryTooLow,
            23 => Self::SelfTestRunning,
            24 => Self::CodeLocked,
            other => return Err(input.unknown("reason", other)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_inhibits_but_those_that_only_warn() {
        use AnnunciationKind::{
            EmptyReservoir, Eos, Eri, LowReservoir, MemoryError, MotorStall, OcclusionSuspected, PumpStopped,
        };
        let inhibiting = [PumpStopped, MotorStall, EmptyReservoir, Eos, MemoryError, OcclusionSuspected]
            .map(Inhibiting::from_annunciation);
        assert_eq!(
            inhibiting,
            [
                Inhibiting::PumpStopped,
                Inhibiting::MotorStall,
                Inhibiting::EmptyReservoir,
                Inhibiting::Eos,
                Inhibiting::MemoryError,
                Inhibiting::OcclusionSuspected
            ]
            .map(Some)
        );
        assert_eq!([LowReservoir, Eri].map(Inhibiting::from_annunciation), [None, None]);
    }

    #[test]
    fn only_what_time_ends_passes_by_itself() {
        let passing =
            [Reason::CodeLocked, Reason::WindowLimit, Reason::Allotment, Reason::Lockout, Reason::BolusRunning];
        assert!(passing.into_iter().all(Reason::passes_by_itself));
        let lasting =
            [Reason::RecordNotWritable, Reason::Alarm(Inhibiting::Eos), Reason::OutOfReach, Reason::LowReservoir];
        assert!(!lasting.into_iter().any(Reason::passes_by_itself));
    }
}
