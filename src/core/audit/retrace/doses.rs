//! Which doses count, by the lines.
//!
//! # Terms
//! - *must count*: a dose of this remote that the lines count, and that is younger than the longest reach of a limit by every clock.
//! - *named*: a dose that some line has counted and none has taken out again; the others may count, and nothing else.
//!
//! # Promises
//! - No dose is called missing that the machine may have forgotten: ages are judged too old here, never too young.

use core::cmp::Ordering;
use std::collections::VecDeque;

use pump_protocol::{
    clock::{Now, PumpTime},
    message::RequestId,
    quantity::{Dose, Millis},
};

use super::difference::What;
use crate::therapy::account::{Account, CountedDose, DOSES_MAX, DoseSource, Since};

/// How much later than the newest line the machine may have looked at the pump's clock: it is asked twice a minute, and a slow
/// disk holds lines back.
const SLACK: Millis = Millis::from_hours(1);
/// The most doses of which the amount is held: several times what the machine's account holds, so that whatever is older has left it.
const NAMED_MAX: usize = 4 * DOSES_MAX;
/// Beyond this many, none more must count: an account that has no room counts the allotment as used up instead.
const MUST_COUNT_MAX: usize = DOSES_MAX / 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Doses {
    /// The production account, with no uptimes: an age by the pump's clock alone is never the smaller.
    must_count: Account,
    /// Oldest first; `None` where the line that says how much is not at hand.
    named: VecDeque<(DoseSource, Option<Dose>)>,
    /// The latest that the pump's clock can have shown.
    pump_now: Option<PumpTime>,
    /// The first request of which all lines are at hand; `None` if there is none. All doses are known if it is 0.
    known_from: Option<RequestId>,
}

impl Doses {
    /// Of a record that is followed from its first line.
    pub(super) fn from_the_beginning() -> Self {
        Self { known_from: Some(RequestId(0)), ..Self::unknown() }
    }

    /// Nothing is known, and nothing expected.
    pub(super) fn unknown() -> Self {
        Self { must_count: Account::default(), named: VecDeque::new(), pump_now: None, known_from: None }
    }

    /// This request and all behind it are known.
    pub(super) fn known_from(&mut self, id: RequestId) {
        self.known_from.get_or_insert(id);
    }

    /// A line knows the pump's clock.
    pub(super) fn heard(&mut self, at: PumpTime) {
        let known = self.pump_now.unwrap_or(at);
        self.pump_now = Some(match known.epoch.cmp(&at.epoch) {
            Ordering::Equal => later(known, at),
            Ordering::Greater => known,
            Ordering::Less => {
                // Another pump's, or a reset whose line isn't at hand: no age is known.
                self.must_count = Account::default();
                at
            }
        });
    }

    /// The pump lost its clock.
    pub(super) fn pump_reset(&mut self, epoch: u32) {
        let begins = PumpTime::new(epoch, Millis::ZERO);
        match self.pump_now {
            Some(known) => self.must_count.clock_was_lost(known.after(SLACK), begins),
            None => self.must_count = Account::default(),
        }
        self.pump_now = Some(begins);
    }

    /// A request of this remote counts, at the latest from this moment of the pump's clock on.
    pub(super) fn count_ours(&mut self, id: RequestId, dose: Option<Dose>, start: Option<PumpTime>) {
        let source = DoseSource::Ours { id };
        self.name(source, dose);
        let (Some(dose), Some(pump_now)) = (dose, self.pump_now) else { return };
        let start = start.unwrap_or(pump_now);
        // Of an earlier epoch only the end is known, as in the machine's own account.
        let pump = if start.epoch >= pump_now.epoch { start } else { PumpTime::new(pump_now.epoch, Millis::ZERO) };
        self.must_count.prune(pump_now.after(SLACK), Now::default());
        if self.must_count.counts(source) || self.must_count.len() < MUST_COUNT_MAX {
            let since = Since { pump, carried: Millis::ZERO, uptime: None };
            self.must_count.count(CountedDose { source, dose, since, lasts: Millis::ZERO });
        }
    }

    /// A dose counts that the pump's history tells of. What its end says of it stands in no line.
    pub(super) fn count_told(&mut self, source: DoseSource, dose: Dose) {
        self.name(source, Some(dose));
    }

    /// Nothing went in.
    pub(super) fn discount(&mut self, id: RequestId) {
        let source = DoseSource::Ours { id };
        self.must_count.discount(source);
        self.named.retain(|(named, _)| *named != source);
    }

    /// What of this account the lines don't lead to. `pump_seen`: what the pump's clock showed when last heard.
    pub(super) fn compare(&self, account: &Account, pump_seen: Option<PumpTime>) -> Vec<What> {
        let mut found = Vec::new();
        if let (Some(seen), Some(known)) = (pump_seen, self.pump_now)
            && seen.epoch == known.epoch
        {
            let mut young = self.must_count.clone();
            young.prune(later(seen, known).after(SLACK), Now::default());
            let sources = young.counted(known, Now::default()).map(|(dose, _)| dose.source);
            let missing = sources.filter(|of| !account.counts(*of));
            found.extend(missing.map(|of| What::DoseMissing { of }));
        }
        for (dose, _) in account.counted(PumpTime::default(), Now::default()) {
            let of = dose.source;
            match self.named.iter().find(|(source, _)| *source == of) {
                Some((_, Some(lines))) if *lines != dose.dose => {
                    found.push(What::DoseAmount { of, kept: dose.dose, lines: *lines });
                }
                Some(_) => {}
                None if self.is_known(of) => found.push(What::DoseUntold { of }),
                None => {}
            }
        }
        found
    }

    fn is_known(&self, of: DoseSource) -> bool {
        match (of, self.known_from) {
            (_, None) => false,
            (DoseSource::Ours { id }, Some(from)) => id >= from,
            (DoseSource::OtherRemote { .. } | DoseSource::NotDemanded { .. }, Some(from)) => from == RequestId(0),
        }
    }

    fn name(&mut self, source: DoseSource, dose: Option<Dose>) {
        self.named.retain(|(named, _)| *named != source);
        if self.named.len() >= NAMED_MAX {
            self.named.pop_front();
        }
        self.named.push_back((source, dose));
    }
}

/// The later of two readings of one epoch.
fn later(one: PumpTime, other: PumpTime) -> PumpTime {
    one.after(other.since(one).unwrap_or(Millis::ZERO))
}
