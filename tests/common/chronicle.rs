//! The pump's history with true times: what really happened, for accounts that owe nothing to the machines under test.
//!
//! The pump forgets old entries and its clock can be lost; this list does neither. Times count what passed for the pump, in
//! this world, over all its epochs.

use pump_protocol::{
    clock::CivilTime,
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    prescription::Prescription,
    quantity::{Dose, Millis},
};
use simulated_pump::Pump;

/// What happened in a pump.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    entries: Vec<Chronicled>,
    boluses: Vec<ToldBolus>,
    last: HistorySeq,
    elapsed: Millis,
}

/// One entry of the pump's history, and what was true then.
#[derive(Clone, Debug)]
pub struct Chronicled {
    /// When, since the world began.
    pub at: Millis,
    /// What.
    pub entry: HistoryEntry,
    /// The prescription in force.
    pub prescription: Prescription,
    /// What the pump's calendar showed.
    pub civil: CivilTime,
}

/// A bolus as the chronicle tells it.
#[derive(Clone, Copy, Debug)]
pub struct ToldBolus {
    /// Which.
    pub bolus: BolusId,
    /// Who asked.
    pub origin: Origin,
    /// How much was to be given.
    pub dose: Dose,
    /// When it started, since the world began.
    pub started: Millis,
    /// When and how it ended, if it has.
    pub ended: Option<(Millis, Delivered, BolusEnd)>,
}

impl Chronicle {
    /// Looks for entries that are new.
    pub fn observe(&mut self, pump: &Pump) {
        if pump.history().next_back().is_none_or(|newest| newest.seq <= self.last) {
            return;
        }
        let new: Vec<HistoryEntry> = pump.history().rev().take_while(|entry| entry.seq > self.last).copied().collect();
        for entry in new.into_iter().rev() {
            // A step of an hour may have passed over it. Before a reset nobody knows how long ago it was.
            let ago = pump.time().since(entry.at).unwrap_or(Millis::ZERO);
            let at = self.elapsed.saturating_sub(ago);
            self.tell(at, entry.event);
            self.last = entry.seq;
            self.entries.push(Chronicled { at, entry, prescription: pump.prescription().clone(), civil: pump.civil() });
        }
    }

    fn tell(&mut self, at: Millis, event: HistoryEvent) {
        match event {
            HistoryEvent::BolusStarted { bolus, origin, dose, .. } => {
                self.boluses.push(ToldBolus { bolus, origin, dose, started: at, ended: None });
            }
            HistoryEvent::BolusEnded { bolus, delivered, end, .. } => {
                let running = self.boluses.iter_mut().rfind(|told| told.bolus == bolus);
                running.expect("a bolus ends that began").ended = Some((at, delivered, end));
            }
            HistoryEvent::Refilled { .. }
            | HistoryEvent::Reprogrammed { .. }
            | HistoryEvent::Stopped
            | HistoryEvent::Started
            | HistoryEvent::Reset => {}
        }
    }

    /// Lets go of all entries, and of the boluses that no window reaches any more.
    pub fn forget(&mut self) {
        self.entries.clear();
        let elapsed = self.elapsed;
        let reached = |at: Millis| elapsed.saturating_sub(at) < Millis::from_hours(2 * 7 * 24);
        self.boluses.retain(|told| told.ended.is_none_or(|(at, ..)| reached(at)));
    }

    /// The pump has counted this much time.
    pub const fn passed(&mut self, span: Millis) {
        self.elapsed = self.elapsed.saturating_add(span);
    }

    /// How much the pump has counted in all.
    pub const fn elapsed(&self) -> Millis {
        self.elapsed
    }

    /// Everything, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Chronicled> + DoubleEndedIterator {
        self.entries.iter()
    }

    /// Every bolus, oldest first.
    pub fn boluses(&self) -> &[ToldBolus] {
        &self.boluses
    }
}
