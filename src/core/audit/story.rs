//! One request's story: which lines tell it, how long after the press each was, and how it stands when the record ends.
//!
//! # Terms
//! - *press*: the line that says that a full hold asked; seconds count from it.
//! - *committed*: COMMIT may have left, so that the dose may have run.
//!
//! # Promises
//! - A story without an outcome is told as open, and once committed as NOT SURE, whatever the lines before it hoped for.
//! - A part of a record says nothing of what its other parts hold: "nothing was given" is said of its own lines.
//! - Seconds are told only between two readings of one clock: those of one boot of the remote.

use core::fmt;

use pump_protocol::quantity::Millis;

use super::{
    Record,
    event::{self, Event, Happened, Moment},
};
use crate::ledger::Outcome;

/// The most stretches of ids that are listed: what is missing between them was lost, which happens seldom.
const STRETCHES_MAX: usize = 16;

/// One request's story as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Story {
    id: u64,
    press: Option<Moment>,
    committed: bool,
    outcome: Option<String>,
    lines: u64,
}

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Told {
    /// How long after the press.
    pub after: AfterPress,
    /// What happened, in words.
    pub words: String,
}

/// How long after the press something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterPress {
    /// By the remote's own clock.
    Known(Millis),
    /// The remote was booted between, and its clock began anew.
    OtherBoot,
    /// The press is not among the lines read.
    NoPress,
}

/// How a story stands when the record ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// No line tells of it.
    Unknown,
    /// It has its outcome.
    Ended(String),
    /// It was never committed.
    OpenUncommitted,
    /// It may have run; no outcome is recorded.
    OpenNotSure,
}

/// The ids that lines were read of, as stretches without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ids {
    stretches: Vec<(u64, u64)>,
    more: bool,
}

impl Story {
    /// Nothing read yet.
    pub const fn of(id: u64) -> Self {
        Self { id, press: None, committed: false, outcome: None, lines: 0 }
    }

    /// Takes the record's next line; what it tells, if it belongs to this request.
    pub fn take(&mut self, record: &Record) -> Option<Told> {
        if record.request != Some(self.id) {
            return None;
        }
        self.lines = self.lines.saturating_add(1);
        let happened = match event::read(&record.body) {
            Ok(happened) => happened,
            Err(malformed) => {
                return Some(Told { after: AfterPress::NoPress, words: event::unreadable(malformed) });
            }
        };
        self.follow(&happened);
        Some(Told { after: self.after_press(happened.at), words: happened.event.to_string() })
    }

    /// How it stands, if the record ends here.
    pub fn standing(&self) -> Standing {
        match (&self.outcome, self.committed, self.lines) {
            (Some(words), _, _) => Standing::Ended(words.clone()),
            (None, _, 0) => Standing::Unknown,
            (None, false, _) => Standing::OpenUncommitted,
            (None, true, _) => Standing::OpenNotSure,
        }
    }

    fn follow(&mut self, Happened { at, event }: &Happened) {
        if matches!(event, Event::Requested { .. }) {
            self.press = Some(*at);
        } else if matches!(event, Event::CommitIntended { .. } | Event::Accepted { .. } | Event::Uncertain { .. }) {
            // A part of a record may begin behind the intent.
            self.committed = true;
        } else if matches!(event, Event::CommitWithheld { .. }) {
            self.committed = false;
        } else if Outcome::told_by(event).is_some() {
            self.outcome = Some(event.to_string());
        }
    }

    fn after_press(&self, at: Moment) -> AfterPress {
        match self.press {
            Some(press) if press.boot == at.boot => AfterPress::Known(at.uptime.since(press.uptime)),
            Some(_) => AfterPress::OtherBoot,
            None => AfterPress::NoPress,
        }
    }
}

impl Ids {
    /// Takes the record's next line.
    pub fn take(&mut self, record: &Record) {
        let Some(id) = record.request else { return };
        let known = self.stretches.iter_mut().find(|(first, last)| *first <= id && id <= last.saturating_add(1));
        if let Some((_, last)) = known {
            *last = id.max(*last);
        } else if self.stretches.len() < STRETCHES_MAX {
            self.stretches.push((id, id));
        } else {
            self.more = true;
        }
    }
}

impl fmt::Display for AfterPress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(after) => write!(f, "+{}.{:03} s", after.get() / 1000, after.get() % 1000),
            Self::OtherBoot => f.write_str("after a reboot"),
            Self::NoPress => f.write_str("press unknown"),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("nothing is told of it"),
            Self::Ended(words) => write!(f, "ended: {words}"),
            Self::OpenUncommitted => {
                f.write_str("still open: COMMIT had not left by the last of these lines, so nothing was given by then")
            }
            Self::OpenNotSure => {
                f.write_str("still open: NOT SURE: COMMIT may have left and no outcome is recorded; it counts as given")
            }
        }
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stretches.is_empty() {
            return f.write_str("no request at all");
        }
        for (index, (first, last)) in self.stretches.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match last.saturating_sub(*first) {
                0 => write!(f, "{comma}#{first}")?,
                _ => write!(f, "{comma}#{first} to #{last}")?,
            }
        }
        if self.more { f.write_str(" and others") } else { Ok(()) }
    }
}
