//! What a hand or a fault does to the pump: the clinician programmer's commands, and what goes wrong by itself.
//!
//! The vocabulary of the history has entries for boluses, refills, programming, stop, start and reset. Alarms have none:
//! they stand in the report as annunciations.

use pump_protocol::{
    clock::CivilTime,
    history::{BolusEnd, HistoryEvent, Origin},
    message::{DenyReason, DenyReasons, StatusChanged},
    prescription::{Contradiction, Prescription, Programmed},
    quantity::{Concentration, Dose, Millis, Volume},
    report::AnnunciationKind,
};
use thiserror::Error;

use crate::{motor::Grains, pump::Pump, requests::Session};

/// How long a clinician's bolus takes where the prescription has no demand dose to take the duration from.
const CLINICIAN_BOLUS_DURATION: Millis = Millis::from_mins(4);

/// Why the pump didn't do what the clinic asked. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum ClinicRefused {
    /// More than fits.
    #[error("{volume} don't fit into a reservoir of {capacity}; nothing was refilled")]
    OverCapacity {
        /// What was to be filled in.
        volume: Volume,
        /// What fits.
        capacity: Volume,
    },
    /// A prescription that contradicts itself.
    #[error("{0}; the prescription in force is unchanged")]
    Contradiction(#[from] Contradiction),
    /// A bolus of nothing.
    #[error("a bolus of 0 mcg; nothing was given")]
    DoseZero,
    /// One at a time.
    #[error("a bolus is running for another {remaining}; nothing more was given")]
    BolusRunning {
        /// How long it still takes.
        remaining: Millis,
    },
    /// The pump can't deliver.
    #[error("an alarm stands; nothing was given")]
    Alarm,
    /// Not enough left above the reserve.
    #[error("{dose} is more than the reservoir holds above its reserve; nothing was given")]
    ReservoirTooLow {
        /// What was asked for.
        dose: Dose,
    },
    /// Every place in the dose record is taken by a dose that still matters.
    #[error("the dose record is full for now; nothing was given")]
    RecordFull,
}

impl Pump {
    /// Fills the reservoir. Another concentration than before makes a new version of the prescription.
    pub fn refill(&mut self, volume: Volume, concentration: Concentration) -> Result<(), ClinicRefused> {
        let programmed = self.prescription.programmed();
        if volume > programmed.capacity {
            return Err(ClinicRefused::OverCapacity { volume, capacity: programmed.capacity });
        }
        // keeps R-PMP-22
        if concentration != programmed.concentration {
            let version = programmed.version.saturating_add(1);
            self.program(Prescription::check(Programmed { version, concentration, ..programmed.clone() })?);
        }
        self.level = Grains::in_volume(volume, concentration);
        self.grant = None;
        self.remember(HistoryEvent::Refilled { volume, concentration });
        self.settle_reservoir();
        Ok(())
    }

    /// Puts another prescription in force. A bolus under way goes on as it was accepted.
    pub fn program(&mut self, prescription: Prescription) {
        let volume = self.reservoir();
        let concentration = prescription.programmed().concentration;
        if concentration != self.prescription.programmed().concentration {
            self.level = Grains::in_volume(volume, concentration);
        }
        self.prescription = prescription;
        self.grant = None;
        let stamp = self.prescription_stamp();
        self.remember(HistoryEvent::Reprogrammed { version: stamp.version, hash: stamp.hash });
        self.announce(StatusChanged::PRESCRIPTION);
        self.settle(AnnunciationKind::MemoryError);
        self.settle_reservoir();
    }

    /// Stops all delivery, basal included.
    pub fn stop(&mut self) {
        if !self.annunciations.lasts(AnnunciationKind::PumpStopped) {
            self.raise(AnnunciationKind::PumpStopped);
            self.remember(HistoryEvent::Stopped);
        }
    }

    /// Starts delivery again.
    pub fn start(&mut self) {
        if self.annunciations.lasts(AnnunciationKind::PumpStopped) {
            self.settle(AnnunciationKind::PumpStopped);
            self.remember(HistoryEvent::Started);
        }
    }

    /// The motor doesn't turn.
    pub fn stall(&mut self) {
        self.raise(AnnunciationKind::MotorStall);
    }

    /// The motor turns again.
    pub fn unstall(&mut self) {
        self.cause_gone(AnnunciationKind::MotorStall);
    }

    /// The catheter seems blocked, or no longer does.
    pub fn occlusion(&mut self, suspected: bool) {
        if suspected {
            self.raise(AnnunciationKind::OcclusionSuspected);
        } else {
            self.cause_gone(AnnunciationKind::OcclusionSuspected);
        }
    }

    /// The memory failed a check; only programming ends it.
    pub fn memory_error(&mut self) {
        self.raise(AnnunciationKind::MemoryError);
    }

    /// The battery asks to be replaced.
    pub fn eri(&mut self) {
        self.months_to_eri = 0;
        self.raise(AnnunciationKind::Eri);
    }

    /// The battery is at its end, and so is delivery.
    pub fn eos(&mut self) {
        self.eri();
        self.raise(AnnunciationKind::Eos);
    }

    // keeps R-PMP-19
    /// Sets the pump's civil clock, by which the basal programme runs, and nothing else.
    pub fn set_civil(&mut self, civil: CivilTime) {
        self.civil = civil;
        self.grant = None;
        self.must_persist = true;
    }

    /// Gives a bolus of the clinic's choice. It counts towards the patient's lockout and window limit.
    pub fn clinician_bolus(&mut self, dose: Dose) -> Result<(), ClinicRefused> {
        self.bolus_of(Origin::Clinician, dose)
    }

    /// Gives a bolus that nobody is known to have asked for: it counts like the clinic's, and is named as unknown.
    pub fn unaccounted_bolus(&mut self, dose: Dose) -> Result<(), ClinicRefused> {
        self.bolus_of(Origin::Unknown, dose)
    }

    fn bolus_of(&mut self, origin: Origin, dose: Dose) -> Result<(), ClinicRefused> {
        self.check_clinician_bolus(dose)?;
        let on = self.prescription.demand_doses_on();
        let duration = if on { self.prescription.programmed().bolus_duration } else { CLINICIAN_BOLUS_DURATION };
        self.start_bolus(origin, dose, duration, None).map(|_| ()).ok_or(ClinicRefused::RecordFull)
    }

    /// The pump loses its clock and everything volatile: the bolus under way, the grant, the sessions. The host drops its
    /// links. The time it was off counts as none, and a full lockout begins.
    pub fn reset(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        self.epoch_began = self.age;
        self.grant = None;
        self.sessions.retain(|_: &Session| false);
        self.remember(HistoryEvent::Reset);
        self.end_bolus(BolusEnd::Reset);
        self.announce(StatusChanged::RESET);
    }

    /// Holds this reason against every dose, as if it were so, until [`Pump::lift`]: for tests and demonstrations.
    pub fn impose(&mut self, reason: DenyReason) {
        self.imposed = self.imposed.with(reason);
        self.must_persist = true;
    }

    /// Takes back everything imposed.
    pub fn lift(&mut self) {
        self.imposed = DenyReasons::default();
        self.must_persist = true;
    }

    fn check_clinician_bolus(&self, dose: Dose) -> Result<(), ClinicRefused> {
        let (_, empty) = self.thresholds();
        if dose == Dose::ZERO {
            return Err(ClinicRefused::DoseZero);
        }
        if let Some(running) = self.doses.running() {
            return Err(ClinicRefused::BolusRunning { remaining: running.end().saturating_sub(self.age) });
        }
        if self.annunciations.inhibit_demand_doses() {
            return Err(ClinicRefused::Alarm);
        }
        if self.level < empty.plus(Grains::of_dose(dose)) {
            return Err(ClinicRefused::ReservoirTooLow { dose });
        }
        Ok(())
    }

    /// The clinic has the reservoir in hand: an alert that no longer holds is gone, and one that now holds is raised.
    fn settle_reservoir(&mut self) {
        let (low, empty) = self.thresholds();
        if self.level >= low {
            self.settle(AnnunciationKind::LowReservoir);
        }
        if self.level > empty {
            self.settle(AnnunciationKind::EmptyReservoir);
        }
        self.look_at_reservoir();
    }
}
