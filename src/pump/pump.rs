//! The machine: its clock, its motor, and what it says of itself.
//!
//! # Terms
//! - *age*: the time counted since the pump was made, over all epochs; accounts are kept in it. `PumpTime` is the same
//!   count within the current epoch.
//! - *civil clock*: the time of day that the basal programme follows. The clinic sets it, and it touches nothing else.
//!
//! # Promises
//! - A bolus runs once: it ends complete or with a reason, and is never resumed.
//! - A moment at which anything changes is met to the millisecond, however long the step that passes over it.

use pump_protocol::{
    clock::{CivilTime, PumpTime, WallTime},
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{BolusRef, DenyReasons, StatusChanged},
    prescription::{ALLOTMENT_MAX, BasalSegment, Prescription, Programmed, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    report::{AnnunciationKind, Delivery, PrescriptionStamp, PumpReport, RunningBolus},
    wire::{Bounded, Text},
};

use crate::{
    accounts::{DoseRecord, Doses, Ended, Moment, Spent},
    annunciations::Annunciations,
    history::History,
    motor::{Grains, basal_in, first_time},
    requests::{Grant, KEYS_MAX, KeyRecord, Session},
};

/// How often a running bolus's progress is noted where a reset can't reach it: how far the count may be off after one.
pub const MOTOR_CHECKPOINT: Millis = Millis::from_secs(10);

/// 2026-09-21 09:00 on the demonstration pump's calendar.
const DEMONSTRATION_BEGINS_MS: i64 = 20_717 * 24 * 3_600_000 + 9 * 3_600_000;

/// A pump, whole. Two that are equal behave alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pump {
    pub(crate) serial: Text<16>,
    pub(crate) prescription: Prescription,
    pub(crate) age: Millis,
    pub(crate) epoch: u32,
    /// The age at which the epoch began.
    pub(crate) epoch_began: Millis,
    pub(crate) civil: CivilTime,
    /// The drug in the reservoir.
    pub(crate) level: Grains,
    /// The age since which nothing is delivered.
    pub(crate) halted_since: Option<Millis>,
    pub(crate) months_to_eri: u16,
    pub(crate) doses: Doses,
    pub(crate) last_bolus: BolusId,
    pub(crate) annunciations: Annunciations,
    pub(crate) history: History,
    pub(crate) keys: Bounded<KeyRecord, KEYS_MAX>,
    /// Reasons that the test bench holds against every dose.
    pub(crate) imposed: DenyReasons,
    // From here on volatile: gone when the power is.
    pub(crate) grant: Option<Grant>,
    pub(crate) sessions: Bounded<Session, KEYS_MAX>,
    pub(crate) must_persist: bool,
}

/// How a pump leaves the clinic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Setup {
    /// As on the implant card.
    pub serial: Text<16>,
    /// What the clinic programmed.
    pub prescription: Prescription,
    /// What it was filled with; no more than its capacity.
    pub reservoir: Volume,
    /// What its calendar and clock show.
    pub civil: CivilTime,
    /// Until its battery asks to be replaced.
    pub months_to_eri: u16,
}

impl Setup {
    /// Morphine 2 mg/mL, 50 mcg on demand over 4 min, lockout 2 h, 4 in 24 h, at most 400 mcg in any 24 h, with about
    /// 100 mcg of basal a day and a little more of it at night; 18.2 of 20 mL left.
    #[expect(clippy::missing_panics_doc, reason = "nothing here varies, and every test begins with it")]
    pub fn demonstration() -> Self {
        let fits = "a short constant text fits";
        Self {
            serial: Text::new("SIM-000042").expect(fits),
            prescription: Prescription::check(Programmed {
                version: 1,
                drug: Text::new("morphine").expect(fits),
                concentration: Concentration::from_micrograms_per_millilitre(2000),
                demand_dose: Dose::from_micrograms(50),
                bolus_duration: Millis::from_mins(4),
                lockout_interval: Millis::from_hours(2),
                allotment: 4,
                window_limit: WindowDoseLimit { amount: Dose::from_micrograms(400), window: Millis::from_hours(24) },
                basal: Bounded::filled_from([(0, 5_000), (6 * 60, 3_500), (20 * 60, 4_800)].map(
                    |(from_minute, nanograms)| BasalSegment {
                        from_minute,
                        rate: BasalRate::from_nanograms_per_hour(nanograms),
                    },
                )),
                capacity: Volume::from_microlitres(20_000),
                low_reservoir: Volume::from_microlitres(2_000),
                reserve: Volume::from_microlitres(1_000),
                patient_code: None,
            })
            .expect("100 mcg of basal and four doses of 50 mcg are within 400 mcg"),
            reservoir: Volume::from_microlitres(18_200),
            civil: CivilTime::from_millis(DEMONSTRATION_BEGINS_MS),
            months_to_eri: 61,
        }
    }

    /// The same, with its clock set by the clinic's; unchanged while that is in doubt.
    pub fn demonstration_at(wall: Option<WallTime>) -> Self {
        let setup = Self::demonstration();
        Self { civil: wall.map_or(setup.civil, WallTime::civil), ..setup }
    }

    /// The demonstration pump with the shortest lockout, the largest allotment and the quickest and smallest bolus, so that presses can
    /// follow each other.
    #[expect(clippy::missing_panics_doc, reason = "nothing here varies, and every test begins with it")]
    pub fn hurried() -> Self {
        let demonstration = Self::demonstration();
        let programmed = Programmed {
            bolus_duration: Millis::from_mins(1),
            lockout_interval: Millis::from_mins(5),
            allotment: ALLOTMENT_MAX,
            demand_dose: Dose::from_micrograms(1),
            window_limit: WindowDoseLimit { amount: Dose::from_micrograms(4000), window: Millis::from_hours(24) },
            ..demonstration.prescription.programmed().clone()
        };
        let prescription = Prescription::check(programmed).expect("48 mcg and the basal are within 4000 mcg");
        Self { prescription, ..demonstration }
    }
}

impl Pump {
    /// A pump that has never been asked for anything.
    pub fn new(setup: Setup) -> Self {
        let programmed = setup.prescription.programmed();
        let reservoir = setup.reservoir.min(programmed.capacity);
        let mut pump = Self {
            level: Grains::in_volume(reservoir, programmed.concentration),
            serial: setup.serial,
            prescription: setup.prescription,
            age: Millis::ZERO,
            epoch: 1,
            epoch_began: Millis::ZERO,
            civil: setup.civil,
            halted_since: None,
            months_to_eri: setup.months_to_eri,
            doses: Doses::default(),
            last_bolus: BolusId(0),
            annunciations: Annunciations::default(),
            history: History::default(),
            keys: Bounded::new(),
            imposed: DenyReasons::default(),
            grant: None,
            sessions: Bounded::new(),
            must_persist: true,
        };
        pump.look_at_reservoir();
        pump
    }

    /// Lets this much time pass, as one step.
    pub fn advance(&mut self, elapsed: Millis) {
        let mut left = elapsed.get();
        while left > 0 {
            let step = self.next_change(left);
            self.pass(Millis::new(step));
            self.meet_changes();
            left -= step;
        }
    }

    /// How long nothing will happen in the pump by itself; at most this long, at least a millisecond.
    pub fn quiet_for(&self, most: Millis) -> Millis {
        let flow = Millis::new(self.next_change(most.get().max(1)));
        flow.min(self.annunciations.rest(self.age).unwrap_or(most)).max(Millis::new(1))
    }

    /// Whether something has changed that must be on disk before anyone is told of it.
    pub const fn must_persist(&self) -> bool {
        self.must_persist
    }

    /// The host has [`Pump::durable`] on disk.
    pub const fn persisted(&mut self) {
        self.must_persist = false;
    }

    // keeps R-PMP-17
    /// A bolus begins with its record on disk: takes back one that has begun since the pump was as `before`, and is not there.
    /// Whether there was such a bolus.
    pub fn take_back_bolus(&mut self, before: Self) -> bool {
        let unstored = self.must_persist && self.last_bolus != before.last_bolus;
        if unstored {
            self.take_back(before);
        }
        unstored
    }

    /// Is again as it was `before` a step that could not be stored. The disk may hold that step all the same, so it is to be
    /// written before anything is said.
    pub fn take_back(&mut self, before: Self) {
        *self = Self { must_persist: true, ..before };
    }

    /// How the pump is.
    pub fn report(&self) -> PumpReport {
        PumpReport {
            time: self.time(),
            civil: self.civil,
            prescription: self.prescription_stamp(),
            lockout_remaining: self.lockout_remaining(),
            allotment: self.doses.allotment(self.age),
            window_used: self.doses.window_used(self.moment()),
            delivery: self.delivery(),
            bolus: self.doses.running().map(|record| self.running_bolus(record)),
            reservoir: self.reservoir(),
            months_to_eri: self.months_to_eri,
            annunciations: self.annunciations.report(self.age),
            history_head: self.history.head(),
        }
    }

    /// As on the implant card.
    pub const fn serial(&self) -> &Text<16> {
        &self.serial
    }

    /// What the clinic programmed.
    pub const fn prescription(&self) -> &Prescription {
        &self.prescription
    }

    /// The pump's own clock.
    pub fn time(&self) -> PumpTime {
        PumpTime::new(self.epoch, self.age.saturating_sub(self.epoch_began))
    }

    /// What the pump's calendar and clock show.
    pub const fn civil(&self) -> CivilTime {
        self.civil
    }

    /// What the pump computes to be in the reservoir.
    pub fn reservoir(&self) -> Volume {
        self.level.volume(self.prescription.programmed().concentration)
    }

    /// Every history entry held, oldest first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &HistoryEntry> {
        self.history.iter()
    }

    pub(crate) fn lockout_remaining(&self) -> Millis {
        let by_doses = self.doses.lockout_remaining(self.moment());
        // keeps R-PMP-13
        // After a reset nobody knows how long the pump was off, nor what it forgot: a full lockout from then on.
        let was_reset = self.epoch > 1;
        let since_reset = self.age.saturating_sub(self.epoch_began);
        let lockout = self.prescription.programmed().lockout_interval;
        let by_reset = if was_reset { lockout.saturating_sub(since_reset) } else { Millis::ZERO };
        by_doses.max(by_reset)
    }

    pub(crate) fn moment(&self) -> Moment<'_> {
        Moment { age: self.age, civil: self.civil, prescription: self.prescription.programmed() }
    }

    pub(crate) fn prescription_stamp(&self) -> PrescriptionStamp {
        PrescriptionStamp { version: self.prescription.programmed().version, hash: self.prescription.hash() }
    }

    fn delivery(&self) -> Delivery {
        match self.halted_since {
            Some(halted) => Delivery::Stopped { since: self.age.saturating_sub(halted) },
            None => Delivery::Delivering { rate: self.prescription.basal_at(self.civil.minute_of_day()) },
        }
    }

    fn running_bolus(&self, record: &DoseRecord) -> RunningBolus {
        RunningBolus {
            bolus: record.bolus.bolus,
            origin: record.origin,
            dose: record.bolus.dose,
            delivered: Delivered::exactly(record.given(self.age).dose()),
            remaining: record.end().saturating_sub(self.age),
        }
    }

    // Time.

    /// How long until the flow changes; `most` if it doesn't before. Nothing else has to be met to the millisecond, because
    /// nothing else leaves a trace of when it was noticed.
    fn next_change(&self, most: u64) -> u64 {
        let bolus_end = self.doses.running().map(|record| record.end().saturating_sub(self.age));
        let soonest = bolus_end.map_or(most, |end| end.get().clamp(1, most));
        match self.until_threshold() {
            Some(needed) => first_time(soonest, |time| self.drawn_in(time) >= needed),
            None => soonest,
        }
    }

    /// How much drug must be drawn until the reservoir is low, or, when it is low already, empty.
    fn until_threshold(&self) -> Option<Grains> {
        let (low, empty) = self.thresholds();
        if self.level >= low {
            return Some(self.level.minus(low).plus(Grains(1)));
        }
        (self.level > empty).then(|| self.level.minus(empty))
    }

    /// Below the first the reservoir is low; at the second and below it is empty.
    pub(crate) fn thresholds(&self) -> (Grains, Grains) {
        let programmed = self.prescription.programmed();
        let grains = |volume| Grains::in_volume(volume, programmed.concentration);
        (grains(programmed.low_reservoir), grains(programmed.reserve))
    }

    /// What leaves the reservoir in this time from now on.
    fn drawn_in(&self, time: Millis) -> Grains {
        if self.halted_since.is_some() {
            return Grains(0);
        }
        let basal = basal_in(&self.prescription.programmed().basal, i128::from(self.civil.millis()), time);
        let bolus = self
            .doses
            .running()
            .map_or(Grains(0), |record| record.given(self.age.saturating_add(time)).minus(record.given(self.age)));
        basal.plus(bolus)
    }

    fn pass(&mut self, step: Millis) {
        self.level = self.level.minus(self.drawn_in(step));
        self.age = self.age.saturating_add(step);
        self.civil = self.civil.after(step);
    }

    fn meet_changes(&mut self) {
        if self.doses.running().is_some_and(|record| record.end() <= self.age) {
            self.end_bolus(BolusEnd::Complete);
        }
        self.look_at_reservoir();
        if self.annunciations.wake(self.age) {
            self.announce(StatusChanged::ANNUNCIATION);
        }
        self.grant = self.grant.filter(|grant| self.age < grant.deadline);
        self.forget_the_unreachable();
    }

    // keeps R-PMP-16
    /// Raises what the level calls for. An empty reservoir is a low one too.
    pub(crate) fn look_at_reservoir(&mut self) {
        let (low, empty) = self.thresholds();
        if self.level < low {
            self.raise(AnnunciationKind::LowReservoir);
        }
        if self.level <= empty {
            self.raise(AnnunciationKind::EmptyReservoir);
        }
    }

    /// Lets go of doses that no limit reaches any more. Their ids can be named no longer, so they may never run again.
    fn forget_the_unreachable(&mut self) {
        while let Some(record) = self.doses.take_unreachable(self.age) {
            if let Origin::Remote { key, id } = record.origin {
                self.keys_mut().filter(|known| known.key == key).for_each(|known| known.raise_watermark(id));
            }
            self.must_persist = true;
        }
        self.drop_grant_under_watermark();
    }

    // Boluses.

    /// Writes the record of a new bolus; the motor runs by the record from this moment on.
    ///
    /// `None` if the dose record has no room: what can't be accounted for is not given.
    pub(crate) fn start_bolus(
        &mut self,
        origin: Origin,
        dose: Dose,
        duration: Millis,
        spent: Option<Spent>,
    ) -> Option<BolusRef> {
        let bolus = BolusId(self.last_bolus.0.wrapping_add(1));
        let reference = BolusRef { bolus, history_seq: self.next_seq(), start: self.time(), dose };
        let record = DoseRecord { bolus: reference, origin, started: self.age, duration, spent, ended: None };
        // keeps R-PMP-25
        self.doses.push(record).ok()?;
        self.last_bolus = bolus;
        let concentration = self.prescription.programmed().concentration;
        self.remember(HistoryEvent::BolusStarted { bolus, origin, dose, concentration });
        self.grant = None;
        Some(reference)
    }

    /// Ends the running bolus, if one runs, with what the pump knows of it.
    pub(crate) fn end_bolus(&mut self, end: BolusEnd) {
        let Some(record) = self.doses.running() else { return };
        let (bolus, origin) = (record.bolus.bolus, record.origin);
        let delivered = match end {
            BolusEnd::Complete => Delivered::exactly(record.bolus.dose),
            BolusEnd::Reset => self.between_checkpoints(record),
            BolusEnd::Cancelled
            | BolusEnd::PumpStopped
            | BolusEnd::MotorStall
            | BolusEnd::EmptyReservoir
            | BolusEnd::Alarm => Delivered::exactly(record.given(self.age).dose()),
        };
        self.doses.end_running(Ended { delivered, end }, self.age);
        self.remember(HistoryEvent::BolusEnded { bolus, origin, delivered, end });
        self.grant = None;
    }

    /// What a pump knows after a reset: that the count lies between the checkpoint it finds and the one it would have made.
    fn between_checkpoints(&self, record: &DoseRecord) -> Delivered {
        let checkpoint = MOTOR_CHECKPOINT.get();
        let passed = self.age.saturating_sub(record.started).get() / checkpoint * checkpoint;
        let given = |elapsed| record.given(record.started.saturating_add(Millis::new(elapsed))).dose();
        Delivered { at_least: given(passed), at_most: given(passed.saturating_add(checkpoint)) }
    }

    // What follows from a change.

    fn next_seq(&self) -> HistorySeq {
        HistorySeq(self.history.head().0.saturating_add(1))
    }

    pub(crate) fn remember(&mut self, event: HistoryEvent) {
        self.history.push(self.time(), event);
        self.announce(StatusChanged::HISTORY);
    }

    /// Latches a change for every remote.
    pub(crate) fn announce(&mut self, changed: StatusChanged) {
        self.keys_mut().for_each(|known| known.latch = known.latch.with(changed));
        self.must_persist = true;
    }

    /// Lists an alarm or alert, and does what it calls for: no grant outlives it, and a serious one stops a bolus.
    pub(crate) fn raise(&mut self, kind: AnnunciationKind) {
        if !self.annunciations.raise(kind, self.age) {
            return;
        }
        self.grant = None;
        if let Some(end) = ends_bolus(kind) {
            self.end_bolus(end);
        }
        self.announce(StatusChanged::ANNUNCIATION);
        self.note_delivery();
    }

    /// The cause of an alarm is gone; it stays listed until somebody has confirmed it.
    pub(crate) fn cause_gone(&mut self, kind: AnnunciationKind) {
        if self.annunciations.cause_gone(kind) {
            self.grant = None;
            self.announce(StatusChanged::ANNUNCIATION);
            self.note_delivery();
        }
    }

    /// Somebody at the pump has seen an alarm and ended its cause.
    pub(crate) fn settle(&mut self, kind: AnnunciationKind) {
        if self.annunciations.settle(kind) {
            self.grant = None;
            self.announce(StatusChanged::ANNUNCIATION);
            self.note_delivery();
        }
    }

    /// Notices when delivery halts or begins again.
    fn note_delivery(&mut self) {
        let halted = self.annunciations.halt_delivery();
        if halted != self.halted_since.is_some() {
            self.halted_since = halted.then_some(self.age);
            self.announce(StatusChanged::DELIVERY);
        }
    }

    pub(crate) fn keys_mut(&mut self) -> impl Iterator<Item = &mut KeyRecord> {
        self.keys.as_mut_slice().iter_mut()
    }

    pub(crate) fn drop_grant_under_watermark(&mut self) {
        let keys = &self.keys;
        let dead = |grant: &Grant| keys.iter().any(|known| known.key == grant.key && grant.id <= known.watermark);
        self.grant = self.grant.filter(|grant| !dead(grant));
    }
}

// keeps R-PMP-14
/// How an alarm ends a running bolus, if it does (GIP 1.4.11).
const fn ends_bolus(kind: AnnunciationKind) -> Option<BolusEnd> {
    match kind {
        AnnunciationKind::PumpStopped => Some(BolusEnd::PumpStopped),
        AnnunciationKind::MotorStall => Some(BolusEnd::MotorStall),
        AnnunciationKind::EmptyReservoir => Some(BolusEnd::EmptyReservoir),
        AnnunciationKind::Eos | AnnunciationKind::MemoryError | AnnunciationKind::OcclusionSuspected => {
            Some(BolusEnd::Alarm)
        }
        AnnunciationKind::LowReservoir | AnnunciationKind::Eri => None,
    }
}
