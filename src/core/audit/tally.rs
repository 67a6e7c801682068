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

use pump_protocol::wire::Text;

use super::{
    Record,
    chain::KIND_LEN_MAX,
    event::{self, Event},
    words::reason_words,
};

/// The most days held; lines of further days count as undated. A hundred years: beyond it a clock was wrong.
pub const DAYS_MAX: usize = 36_525;
/// The most requests that wait for an outcome. The machine asks one at a time, so more stay only behind lost lines.
const OPEN_MAX: usize = 64;
/// The most kinds of lines told apart: several times as many as there are.
const KINDS_MAX: usize = 256;

/// What one day came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DayTally {
    /// Full holds.
    pub attempts: u32,
    /// Doses given in full.
    pub given: u32,
    /// Doses given in part.
    pub in_part: u32,
    /// Attempts refused here, by the reason that limited most, in words.
    pub refused: Vec<(&'static str, u32)>,
    /// Attempts that the pump said no to.
    pub denied: u32,
    /// Requests that ended without a dose in another way.
    pub not_given: u32,
    /// Requests that count as given because no answer can come.
    pub assumed: u32,
    /// Requests that have no outcome where the record ends.
    pub not_settled: u32,
    /// Doses in the pump's history that this remote did not ask for.
    pub others: u32,
    /// Doses in the pump's history under our key that this record lost.
    pub unknown: u32,
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
        self.on(day).count_kind(kind);
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
        if let Event::Requested { id, .. } = event {
            self.asked(id.0, day);
        } else if let Event::AttemptRefused { reasons } = event {
            self.refused(day, reasons.first().map_or("an outcome not read yet", |reason| reason_words(*reason)));
        } else if let Event::AttemptElsewhere = event {
            self.refused(day, "on a page that gives no dose");
        } else if let Event::DoseOfOthers { .. } = event {
            add(&mut self.on(day).others);
        } else if let Event::DoseUnknownToRecord { .. } = event {
            add(&mut self.on(day).unknown);
        } else if let Some((id, outcome)) = outcome(event) {
            let day = self.settled(id, day);
            add(outcome(self.on(day)));
        }
    }

    fn asked(&mut self, id: u64, day: Option<i64>) {
        if self.open.len() >= OPEN_MAX {
            // It stays counted as not settled.
            self.open.pop_front();
        }
        self.open.push_back((id, day));
        let tally = self.on(day);
        add(&mut tally.attempts);
        add(&mut tally.not_settled);
    }

    /// Takes a request off those that wait; says on which day it counts: that of its press, if its press was counted.
    fn settled(&mut self, id: u64, today: Option<i64>) -> Option<i64> {
        let index = self.open.iter().position(|(open, _)| *open == id);
        let Some((_, day)) = index.and_then(|index| self.open.remove(index)) else { return today };
        let tally = self.on(day);
        tally.not_settled = tally.not_settled.saturating_sub(1);
        day
    }

    fn refused(&mut self, day: Option<i64>, reason: &'static str) {
        let tally = self.on(day);
        add(&mut tally.attempts);
        add(counter(&mut tally.refused, reason));
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

impl DayTally {
    /// Attempts refused here, for whatever reason.
    pub fn refused_here(&self) -> u32 {
        self.refused.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    fn count_kind(&mut self, kind: u16) {
        add(counter(&mut self.kinds, kind));
    }
}

type Counter = fn(&mut DayTally) -> &mut u32;

/// What a final event counts as, and whose it is.
fn outcome(event: &Event) -> Option<(u64, Counter)> {
    let counter: Counter = if matches!(event, Event::Delivered { .. }) {
        |day| &mut day.given
    } else if matches!(event, Event::DeliveredInPart { .. }) {
        |day| &mut day.in_part
    } else if matches!(event, Event::Denied { .. } | Event::Rejected { .. }) {
        |day| &mut day.denied
    } else if matches!(event, Event::NotGiven { .. }) {
        |day| &mut day.not_given
    } else if matches!(event, Event::AssumedGiven { .. }) {
        |day| &mut day.assumed
    } else {
        return None;
    };
    event.request().map(|id| (id.0, counter))
}

/// The count under this name, behind the others if it is the first.
fn counter<Name: PartialEq>(counts: &mut Vec<(Name, u32)>, name: Name) -> &mut u32 {
    let index = counts.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        counts.push((name, 0));
        counts.len() - 1
    });
    &mut counts[index].1
}

const fn add(count: &mut u32) {
    *count = count.saturating_add(1);
}
