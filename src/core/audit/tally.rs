//! Attempts against deliveries, day by day.
//!
//! # Terms
//! - *attempt*: a full hold, whatever came of it.
//! - *not settled*: asked for, and no outcome recorded yet; NOT SURE once COMMIT may have left.
//!
//! # Promises
//! - An outcome counts on the day of its press, so that a day's attempts and what came of them add up, over midnight, too.
//! - A request without an outcome is never counted as not given.
//! - What is held grows with the days that are told about, not with the lines.

use std::collections::VecDeque;

use pump_protocol::{
    history::{HistoryEntry, HistoryEvent},
    message::DenyReason,
    quantity::Dose,
    wire::Text,
};

use super::{
    Record,
    chain::KIND_LEN_MAX,
    event::{self, Event, NothingBecause},
};
use crate::therapy::reason::Reason;

/// The most days held; lines of further days count as undated. A hundred years: beyond it a clock was wrong.
pub const DAYS_MAX: usize = 36_525;
/// The most requests that wait for an outcome. The machine asks one at a time, so more stay only behind lost lines.
const OPEN_MAX: usize = 64;
/// The most kinds of lines told apart: several times as many as there are.
const KINDS_MAX: usize = 256;

/// What one day came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DayCounts {
    /// Full holds.
    pub attempts: u32,
    /// Doses given in full.
    pub given: u32,
    /// Doses given in part.
    pub in_part: u32,
    /// Attempts without a dose, by what stood against it; in the order of the first of each.
    pub refused: Vec<(NoDose, u32)>,
    /// Requests that count as given because no answer can come.
    pub assumed: u32,
    /// Requests that have no outcome where the record ends.
    pub not_settled: u32,
    /// Doses in the pump's history that this remote did not ask for.
    pub others: u32,
    /// What those doses were to bring, together.
    pub others_dose: Dose,
    /// Doses in the pump's history under our key that this record lost.
    pub unknown: u32,
}

/// What stood against a dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoDose {
    /// A reason known here, that which limited most.
    Here(Reason),
    /// The page waited for an answer: an outcome or a change to be read, the patient's code.
    PageUnanswered,
    /// The page gives no dose.
    Elsewhere,
    /// The pump said no, for that which limited most; `None` if it named nothing.
    ByPump(Option<DenyReason>),
    /// It was asked for, and nothing went in.
    Nothing(NothingBecause),
}

/// A day as it is counted: what came of its attempts, and of which kinds its lines are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DayTally {
    /// What it came to.
    pub counts: DayCounts,
    /// Lines of each kind; which kind is in [`Tally::kind`].
    kinds: Vec<(u16, u32)>,
}

/// The days of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// In order.
    days: Vec<(Option<i64>, DayTally)>,
    open: VecDeque<(u64, Option<i64>)>,
    kinds: Vec<Text<KIND_LEN_MAX>>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the record's next line.
    pub fn take(&mut self, record: &Record) {
        let day = self.place_of(record.wall().map(pump_protocol::clock::WallTime::day));
        let kind = self.index_of(&record.kind);
        add(counter(&mut self.on(day).kinds, kind));
        if let Ok(happened) = event::read(&record.body) {
            self.count(&happened.event, day);
        }
    }

    /// The days, oldest first; lines without a date come before all of them, under no day.
    pub fn days(&self) -> impl DoubleEndedIterator<Item = (Option<i64>, &DayTally)> {
        self.days.iter().map(|(day, tally)| (*day, tally))
    }

    /// How many lines of each kind a day has, in the order of their first lines.
    pub fn kinds<'a>(&'a self, day: &'a DayTally) -> impl Iterator<Item = (&'a str, u32)> {
        let name = |kind: u16| self.kinds.get(usize::from(kind)).map_or("others", Text::as_str);
        day.kinds.iter().map(move |(kind, count)| (name(*kind), *count))
    }

    fn count(&mut self, event: &Event, day: Option<i64>) {
        match event {
            Event::Requested { id, .. } => self.asked(id.0, day),
            Event::AttemptRefused { reasons } => {
                self.refused(day, reasons.first().map_or(NoDose::PageUnanswered, |reason| NoDose::Here(*reason)));
            }
            Event::AttemptElsewhere => self.refused(day, NoDose::Elsewhere),
            Event::DoseOfOthers { entry } => {
                let counts = self.counts_on(day);
                add(&mut counts.others);
                counts.others_dose = counts.others_dose.saturating_add(dose_of(entry));
            }
            Event::DoseUnknownToRecord { .. } => add(&mut self.counts_on(day).unknown),
            Event::Delivered { id, .. } => add(&mut self.settled(id.0, day).given),
            Event::DeliveredInPart { id, .. } => add(&mut self.settled(id.0, day).in_part),
            Event::Denied { id, denial } | Event::Rejected { id, denial } => {
                let refusal = NoDose::ByPump(denial.reasons.iter().next());
                add(counter(&mut self.settled(id.0, day).refused, refusal));
            }
            Event::NotGiven { id, why } => {
                add(counter(&mut self.settled(id.0, day).refused, NoDose::Nothing(*why)));
            }
            Event::AssumedGiven { id } => add(&mut self.settled(id.0, day).assumed),
            // No attempt, and no end of one.
            _ => {}
        }
    }

    fn asked(&mut self, id: u64, day: Option<i64>) {
        if self.open.len() >= OPEN_MAX {
            // It stays counted as not settled.
            self.open.pop_front();
        }
        self.open.push_back((id, day));
        let counts = self.counts_on(day);
        add(&mut counts.attempts);
        add(&mut counts.not_settled);
    }

    /// Takes a request off those that wait; where its outcome counts: on the day of its press, if its press was counted.
    fn settled(&mut self, id: u64, today: Option<i64>) -> &mut DayCounts {
        let index = self.open.iter().position(|(open, _)| *open == id);
        let Some((_, day)) = index.and_then(|index| self.open.remove(index)) else { return self.counts_on(today) };
        let counts = self.counts_on(day);
        counts.not_settled = counts.not_settled.saturating_sub(1);
        counts
    }

    fn refused(&mut self, day: Option<i64>, refusal: NoDose) {
        let counts = self.counts_on(day);
        add(&mut counts.attempts);
        add(counter(&mut counts.refused, refusal));
    }

    fn counts_on(&mut self, day: Option<i64>) -> &mut DayCounts {
        &mut self.on(day).counts
    }

    fn place_of(&self, day: Option<i64>) -> Option<i64> {
        let full = self.days.len() >= DAYS_MAX && self.find(day).is_err();
        if full { None } else { day }
    }

    fn on(&mut self, day: Option<i64>) -> &mut DayTally {
        let index = self.find(day).unwrap_or_else(|index| {
            self.days.insert(index, (day, DayTally::default()));
            index
        });
        &mut self.days[index].1
    }

    fn find(&self, day: Option<i64>) -> Result<usize, usize> {
        self.days.binary_search_by_key(&day, |(day, _)| *day)
    }

    fn index_of(&mut self, kind: &Text<KIND_LEN_MAX>) -> u16 {
        let index = self.kinds.iter().position(|known| known == kind).unwrap_or(self.kinds.len());
        if index == self.kinds.len() && index < KINDS_MAX {
            self.kinds.push(kind.clone());
        }
        u16::try_from(index).unwrap_or(u16::MAX)
    }
}

impl DayCounts {
    /// Attempts refused, or not given at all, for whatever reason.
    pub fn refused(&self) -> u32 {
        self.refused_if(|_| true)
    }

    /// Those among them for which this holds.
    pub fn refused_if(&self, holds: impl Fn(NoDose) -> bool) -> u32 {
        let counts = self.refused.iter().filter(|(refusal, _)| holds(*refusal));
        counts.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Requests that nobody knows the outcome of, or that count as given because nobody ever will.
    pub const fn not_sure(&self) -> u32 {
        self.not_settled.saturating_add(self.assumed)
    }

    /// Doses in the pump's history without a press in this record.
    pub const fn without_press(&self) -> u32 {
        self.others.saturating_add(self.unknown)
    }
}

/// What a dose was to bring; its end says nothing new of it.
const fn dose_of(entry: &HistoryEntry) -> Dose {
    if let HistoryEvent::BolusStarted { dose, .. } = entry.event { dose } else { Dose::ZERO }
}

/// The count under this name, behind the others if it is the first.
pub fn counter<Name: PartialEq>(counts: &mut Vec<(Name, u32)>, name: Name) -> &mut u32 {
    let index = counts.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        counts.push((name, 0));
        counts.len() - 1
    });
    &mut counts[index].1
}

const fn add(count: &mut u32) {
    *count = count.saturating_add(1);
}
