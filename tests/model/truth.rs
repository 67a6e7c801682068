//! What really happened, kept apart from both machines, and the promises that can be judged by it.
//!
//! # Promises
//! - Limits are judged by true time and by the prescription's text; nothing of the pump's or the remote's accounts is asked.

use pump_core::audit::{
    Batch,
    event::{Event, read},
};
use pump_protocol::{
    history::{BolusEnd, Delivered, HistoryEvent, HistorySeq, Origin},
    message::{Command, RequestId},
    prescription::{ALLOTMENT_WINDOW, Programmed},
    quantity::{Dose, Millis},
};
use pump_tests::OURS;
use simulated_pump::Pump;

use crate::promises::{Broken, Promise, ensure};

/// Windows are tried this far apart, in milliseconds: the small prescription has no shorter dose.
const WINDOW_STEP: u64 = 2_000;

/// Request ids; there are no more than 63 in a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ids(u64);

/// What really happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Truth {
    /// How much time has passed for the pump.
    pub(crate) elapsed: Millis,
    /// Full holds of the dose control on a page that said READY.
    pub(crate) holds: usize,
    /// Every PREPARE and COMMIT that left.
    pub(crate) sent: Vec<Command>,
    /// Whose request is on the record, and whose intent to commit.
    requested: Ids,
    intended: Ids,
    /// Whose outcome is on the record.
    ended: Ids,
    /// Of which the patient was told that nothing went in.
    nothing: Ids,
    doses: Vec<TrueDose>,
    resets: Vec<Millis>,
    /// How far the pump's history has been looked at.
    read: HistorySeq,
}

/// One bolus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TrueDose {
    origin: Origin,
    dose: Dose,
    started: Millis,
    ended: Option<(Millis, Delivered, BolusEnd)>,
}

impl Ids {
    fn put(&mut self, id: RequestId) {
        self.0 |= 1 << id.0;
    }

    pub(crate) const fn has(self, id: RequestId) -> bool {
        self.0 & 1 << id.0 != 0
    }
}

impl Truth {
    /// A batch is about to be made durable: what it says became of a request must be what became of it.
    pub(crate) fn judge(&mut self, batch: &Batch, pump: &Pump) -> Result<(), Broken> {
        for event in events(batch) {
            match event {
                Event::Delivered { id, .. } => {
                    let end = self.of(id).and_then(|dose| dose.ended).map(|(.., end)| end);
                    ensure(end == Some(BolusEnd::Complete), Promise::OutcomeIsTrue, || format!("{id} GIVEN: {end:?}"))?;
                }
                Event::DeliveredInPart { id, delivered, end, .. } => {
                    let told = self.of(id).and_then(|dose| dose.ended).map(|(_, delivered, end)| (delivered, end));
                    let same = told == Some((delivered, end));
                    ensure(same, Promise::OutcomeIsTrue, || format!("{id} GIVEN IN PART: {told:?}"))?;
                }
                Event::NotGiven { id, .. } | Event::Denied { id, .. } | Event::Rejected { id, .. } => {
                    self.told_nothing(id)?;
                }
                Event::AssumedGiven { id } => {
                    let whole = pump.history().next().is_none_or(|oldest| oldest.seq == HistorySeq(1));
                    let why = || format!("{id} ASSUMED GIVEN, and the pump's history is whole");
                    ensure(!whole, Promise::NotSureEndsByTheAnswer, why)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The patient is told that nothing went in.
    pub(crate) fn told_nothing(&mut self, id: RequestId) -> Result<(), Broken> {
        self.nothing.put(id);
        let nothing = |dose: &TrueDose| dose.ended.is_some_and(|(_, delivered, _)| is_nothing(delivered));
        let holds = self.of(id).is_none_or(nothing);
        ensure(holds, Promise::OutcomeIsTrue, || format!("{id} NOT GIVEN: {:?}", self.of(id)))
    }

    /// A batch is durable.
    pub(crate) fn stored(&mut self, batch: &Batch) {
        for event in events(batch) {
            match event {
                Event::Requested { id, .. } => self.requested.put(id),
                Event::CommitIntended { id, .. } => self.intended.put(id),
                Event::Delivered { id, .. }
                | Event::DeliveredInPart { id, .. }
                | Event::NotGiven { id, .. }
                | Event::Denied { id, .. }
                | Event::Rejected { id, .. }
                | Event::AssumedGiven { id } => self.ended.put(id),
                _ => {}
            }
        }
    }

    /// A command leaves.
    pub(crate) fn leaves(&mut self, command: &Command) -> Result<(), Broken> {
        let of_a_dose = match command {
            Command::Prepare { id, .. } => {
                let why = || format!("PREPARE {id} before its record");
                ensure(self.requested.has(*id), Promise::RecordedBeforeItLeaves, why)?;
                true
            }
            Command::Commit { id, .. } => {
                let why = || format!("COMMIT {id} before its record");
                ensure(self.intended.has(*id), Promise::RecordedBeforeItLeaves, why)?;
                let again = self.committed().any(|committed| committed == *id);
                ensure(!again, Promise::CommittedOnce, || format!("a second COMMIT {id}"))?;
                true
            }
            _ => false,
        };
        if of_a_dose {
            self.sent.push(command.clone());
        }
        self.counts_agree()
    }

    /// The remote starts again; `open` is the question that it opens with, `kept` the one that was on disk.
    pub(crate) fn restarted(&self, kept: Option<RequestId>, open: Option<RequestId>) -> Result<(), Broken> {
        let why = || format!("on disk {kept:?}, open after the restart {open:?}");
        ensure(kept == open, Promise::SameQuestionAfterARestart, why)?;
        let left = self.sent.iter().filter_map(about);
        let unknown = left.filter(|id| !self.ended.has(*id)).find(|id| open != Some(*id));
        let why = || format!("{unknown:?} has left, and is neither open nor ended");
        ensure(unknown.is_none(), Promise::SameQuestionAfterARestart, why)
    }

    /// Reads what is new in the pump's history, and judges each demand dose that has started.
    pub(crate) fn observe(&mut self, pump: &Pump) -> Result<(), Broken> {
        let fresh: Vec<_> = pump.history().rev().take_while(|entry| entry.seq > self.read).copied().collect();
        for entry in fresh.into_iter().rev() {
            self.read = entry.seq;
            let at = self.elapsed.saturating_sub(pump.time().since(entry.at).unwrap_or_default());
            match entry.event {
                HistoryEvent::BolusStarted { origin, dose, .. } => {
                    self.judge_start(origin, dose, at, pump.prescription().programmed())?;
                    self.doses.push(TrueDose { origin, dose, started: at, ended: None });
                }
                HistoryEvent::BolusEnded { delivered, end, .. } => {
                    if let Some(last) = self.doses.last_mut() {
                        last.ended = Some((at, delivered, end));
                    }
                }
                HistoryEvent::Reset => self.resets.push(at),
                HistoryEvent::Refilled { .. }
                | HistoryEvent::Reprogrammed { .. }
                | HistoryEvent::Stopped
                | HistoryEvent::Started => {}
            }
        }
        self.counts_agree()
    }

    /// The dose of ours that runs.
    pub(crate) fn running(&self) -> Option<RequestId> {
        self.doses.last().filter(|dose| dose.ended.is_none()).and_then(|dose| ours(dose.origin))
    }

    /// How many doses of ours have started.
    pub(crate) fn started(&self) -> usize {
        self.doses.iter().filter(|dose| ours(dose.origin).is_some()).count()
    }

    fn committed(&self) -> impl Iterator<Item = RequestId> {
        self.sent.iter().filter_map(|sent| match sent {
            Command::Commit { id, .. } => Some(*id),
            _ => None,
        })
    }

    fn of(&self, id: RequestId) -> Option<&TrueDose> {
        self.doses.iter().find(|dose| ours(dose.origin) == Some(id))
    }

    fn counts_agree(&self) -> Result<(), Broken> {
        let (started, committed, holds) = (self.started(), self.committed().count(), self.holds);
        let why = || format!("{started} doses started, {committed} committed, {holds} full holds");
        ensure(started <= committed && committed <= holds, Promise::DeliveredCommittedHeld, why)
    }

    fn judge_start(&self, origin: Origin, dose: Dose, at: Millis, rules: &Programmed) -> Result<(), Broken> {
        let Origin::Remote { .. } = origin else { return Ok(()) };
        let twice = self.doses.iter().any(|before| before.origin == origin);
        ensure(!twice, Promise::CommittedOnce, || format!("{origin:?} has started twice"))?;
        if let Some(id) = ours(origin) {
            let committed = self.committed().any(|committed| committed == id);
            ensure(committed, Promise::DeliveredCommittedHeld, || format!("{id} started and was not committed"))?;
            let why = || format!("{id} starts, and the patient was told that nothing went in");
            ensure(!self.nothing.has(id), Promise::OutcomeIsTrue, why)?;
        }
        let counted = || self.doses.iter().filter(|dose| dose.ended.is_none_or(|(_, given, _)| !is_nothing(given)));
        let lockouts = counted().map(|dose| dose.started).chain(self.resets.iter().copied());
        let locked = lockouts.max().is_some_and(|from| at < from.saturating_add(rules.lockout_interval));
        ensure(!locked, Promise::LimitsAtEachStart, || format!("{origin:?} within a lockout: {self:?}"))?;
        let demanded = counted().filter(|dose| matches!(dose.origin, Origin::Remote { .. }));
        let used = demanded.filter(|dose| at < dose.started.saturating_add(ALLOTMENT_WINDOW)).count();
        let why = || format!("{origin:?} is one more than the allotment: {self:?}");
        ensure(used < usize::from(rules.allotment), Promise::LimitsAtEachStart, why)?;
        let most = self.fullest_window(dose, at, rules);
        let why = || format!("{most} in a window with {origin:?} in it: {self:?}");
        ensure(most <= rules.window_limit.amount, Promise::LimitsAtEachStart, why)
    }

    /// The most in any window with some of this dose in it. The small prescription's basal rate is the same all day.
    fn fullest_window(&self, dose: Dose, at: Millis, rules: &Programmed) -> Dose {
        let (window, lasts) = (rules.window_limit.window.get(), rules.bolus_duration.get());
        let basal = rules.basal.first().map_or(Dose::ZERO, |segment| segment.rate.over(rules.window_limit.window));
        // All times are shifted by one window, so that none is negative.
        let froms = (at.get() + 1..at.get() + window + lasts).step_by(usize_of(WINDOW_STEP));
        let sums = froms.map(|from| {
            let to = from + window;
            let touched = |other: &&TrueDose| {
                let nothing = other.ended.is_some_and(|(_, given, _)| is_nothing(given));
                let ends = other.ended.map_or(other.started.get() + lasts, |(at, ..)| at.get());
                !nothing && other.started.get() + window < to && ends + window > from
            };
            let others = self.doses.iter().filter(touched).map(|other| other.dose);
            others.fold(basal.saturating_add(dose), Dose::saturating_add)
        });
        sums.max().unwrap_or(dose)
    }
}

fn usize_of(step: u64) -> usize {
    usize::try_from(step).expect("small")
}

fn events(batch: &Batch) -> impl Iterator<Item = Event> {
    batch.entries.iter().map(|entry| read(&entry.body).expect("a record can be read").event)
}

/// Which request of ours a command is about.
fn about(command: &Command) -> Option<RequestId> {
    match command {
        Command::Prepare { id, .. } | Command::Commit { id, .. } => Some(*id),
        _ => None,
    }
}

const fn ours(origin: Origin) -> Option<RequestId> {
    match origin {
        Origin::Remote { key: OURS, id } => Some(id),
        Origin::Remote { .. } | Origin::Clinician | Origin::Unknown => None,
    }
}

fn is_nothing(delivered: Delivered) -> bool {
    delivered == Delivered::exactly(Dose::ZERO)
}
