//! Follows a record through the machine that wrote it: each line has to be a step that the ledger can take from where the lines
//! before it have led, and the last has to lead to what the machine remembers.
//!
//! The steps are the production ledger's ([`crate::ledger`]). What no line says (whether PREPARE had left, how far the pump's
//! watermark was) leaves more than one state open; all of them are held, and only a line that follows from none is a difference.
//!
//! # Terms
//! - *difference*: a line that the machine can't have written here, or a part of its kept state that these lines can't have left.
//! - *lost track*: nothing is known of what stood open: before the first line of a pruned record, and around lines that a failing
//!   disk has lost. From there on every state is possible until a line names one.
//!
//! # What is compared with the kept state
//! The open request with its dose, prescription, press, wish to stop and state; the outcome that nobody has read; the pump's
//! serial number; whether it is stopped; wrong codes in a row; of the numbers used and of the pump's history, that no less is known;
//! this remote's doses that must count still; every dose that counts, whether some line counted it, and how much.
//!
//! # What isn't, because no line says it
//! - How far a dose is, when a bolus that is known only from the pump's history started, and how long each takes.
//! - Whether a dose of others counts still: that nothing of it went in, and that no limit reaches it any more, is no line.
//! - Ages, the pump's clock and calendar, and the person's clock: lines hold moments, and the state the latest of them.
//! - The prescription, what changed in it and nobody has read, the configuration: lines hold digests or a part.
//! - The alarms: their lines are `crate::annunciation`'s, which a walk through requests doesn't know.
//!
//! # Beyond the machine
//! It believes a pump that gives what was never committed, and one that calls a bolus by another name in its middle. Here both are a
//! difference: with a pump that keeps its word neither happens, unless an older record was put back.
//!
//! # Promises
//! - Memory is bounded, however long the record is; no line of any content stops it.

mod compare;
mod counts;
mod difference;
mod doses;
mod possible;
mod requests;
mod rest;
#[cfg(test)]
mod tests;
mod turns;

use pump_protocol::message::RequestId;

pub use self::{
    compare::Remembered,
    counts::Counts,
    difference::{Difference, What},
};
use self::{
    doses::Doses,
    possible::{Followed, Possible, after_quiet_steps, every_state},
    rest::Rest,
};
use super::{
    Record,
    event::{self, Event, Happened},
};

/// The most differences that are held; further ones are counted. One fault can show in many lines, and the first tells it.
pub const DIFFERENCES_MAX: usize = 64;

/// A walk through a record.
#[derive(Clone, Debug)]
pub struct Retrace {
    /// The number of the newest line.
    seq: u64,
    open: Open,
    /// At least one.
    possible: Vec<Possible>,
    /// Whether it is known which outcome nobody has read.
    shown_known: bool,
    /// Whether a session is open; `None` while that isn't known.
    session: Option<bool>,
    /// The machine started in this batch, and has not said yet that it is not sure.
    starting: bool,
    /// This batch tells of lost lines, which stood somewhere in it.
    lost: bool,
    last_id: RequestId,
    rest: Rest,
    doses: Doses,
    counts: Counts,
    /// Stands unless the next line says why no answer could come: another pump, or no more use of this remote.
    unless_explained: Option<Difference>,
    differences: Vec<Difference>,
    more: u64,
}

/// Which request is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Open {
    Nothing,
    Unknown,
    Request(Followed),
}

impl Default for Retrace {
    fn default() -> Self {
        Self::new()
    }
}

impl Retrace {
    /// Before the first line of a record.
    pub fn new() -> Self {
        Self {
            seq: 0,
            open: Open::Nothing,
            possible: vec![Possible::default()],
            shown_known: true,
            session: Some(false),
            starting: false,
            lost: false,
            last_id: RequestId(0),
            rest: Rest::from_the_beginning(),
            doses: Doses::from_the_beginning(),
            counts: Counts::default(),
            unless_explained: None,
            differences: Vec::new(),
            more: 0,
        }
    }

    /// Follows the record's next line. One that doesn't come next begins anew, as a pruned record does.
    pub fn follow(&mut self, record: &Record) {
        if record.seq != self.seq.saturating_add(1) {
            self.lose_track();
            self.seq = record.seq.saturating_sub(1);
        }
        let ends_batch = record.kept_digest.is_some();
        let Ok(happened) = event::read(&record.body) else {
            self.seq = record.seq;
            self.differ(What::Unreadable, None);
            self.lose_track();
            self.lost &= !ends_batch;
            return;
        };
        self.follow_event(&happened, ends_batch);
        let about = happened.event.request().map(|id| id.0);
        if record.kind.as_str() != happened.event.kind() || record.request != about {
            self.differ(What::Mislabelled, Some(&happened.event));
        }
    }

    /// Follows what the next line says; `ends_batch`: it vouches for the kept state.
    // keeps R-REC-18
    pub fn follow_event(&mut self, happened: &Happened, ends_batch: bool) {
        self.seq = self.seq.saturating_add(1);
        let event = &happened.event;
        if let Some(difference) = self.unless_explained.take()
            && !matches!(event, Event::PumpReplaced { .. } | Event::Decommissioned)
        {
            self.hold(difference);
        }
        if let Some(at) = happened.at.pump {
            self.doses.heard(at);
        }
        if self.lost || matches!(event, Event::RecordsLost { .. }) {
            self.lost = true;
            self.lose_track();
        }
        if let Some(what) = self.rest.follow(event) {
            self.differ(what, Some(event));
        }
        match event.request() {
            Some(id) => {
                self.take_quiet_steps();
                self.follow_request(id, happened);
            }
            None => self.follow_the_rest(event),
        }
        if !matches!(event, Event::SessionLost { .. }) {
            self.end_what_needs_a_session(event);
        }
        if ends_batch {
            self.end_batch(event);
        }
    }

    /// How many requests were followed, and how they ended.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The differences found in the lines, at most [`DIFFERENCES_MAX`].
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().chain(&self.unless_explained)
    }

    /// How many more there are.
    pub const fn more(&self) -> u64 {
        self.more
    }

    /// The request that is open behind the lines followed so far.
    pub const fn open_request(&self) -> Option<RequestId> {
        match self.open {
            Open::Request(followed) => Some(followed.id),
            Open::Nothing | Open::Unknown => None,
        }
    }

    fn take_quiet_steps(&mut self) {
        let followed = match &self.open {
            Open::Request(followed) => Some(followed),
            Open::Nothing | Open::Unknown => None,
        };
        let possible = core::mem::take(&mut self.possible);
        self.possible = after_quiet_steps(possible, followed, self.session != Some(false));
    }

    /// Behind a difference: whatever is open can stand anywhere.
    fn reseed(&mut self) {
        self.shown_known = false;
        self.possible = if matches!(self.open, Open::Request(_)) { every_state() } else { vec![Possible::default()] };
    }

    fn lose_track_of_the_request(&mut self) {
        self.open = Open::Unknown;
        self.reseed();
    }

    fn lose_track(&mut self) {
        self.lose_track_of_the_request();
        self.starting = false;
        self.session = None;
        (self.rest, self.doses) = (Rest::unknown(), Doses::unknown());
    }

    fn difference(&self, what: What, event: Option<&Event>) -> Difference {
        Difference { seq: self.seq, line: event.map(ToString::to_string), what }
    }

    fn differ(&mut self, what: What, event: Option<&Event>) {
        let difference = self.difference(what, event);
        self.hold(difference);
    }

    fn hold(&mut self, difference: Difference) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(difference);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}
