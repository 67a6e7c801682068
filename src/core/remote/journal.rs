//! What waits to be recorded, in order, with one batch under way at a time.
//!
//! # Promises
//! - A batch that could not be stored is offered again, ahead of everything newer; nothing is reordered.
//! - The queue is bounded; what doesn't fit is counted, and the count is recorded first when writing works again.

use pump_protocol::{
    clock::Uptime,
    message::{AuditHead, HISTORY_PAGE_MAX},
    quantity::Millis,
    wire::encode,
};

use crate::audit::{
    Batch, Entry,
    event::{Event, Happened, Moment},
};

// keeps R-DEV-03
/// The most events that wait: every alarm condition changing twice in one turn, and minutes of the busiest hour.
const WAITING_MAX: usize = 128;
/// Each entry of a page may make two records, and what is said around it a few more.
const ROOM_FOR_A_PAGE: usize = 2 * HISTORY_PAGE_MAX + 8;
/// How long after a failed write the next is tried: long enough for a card to recover, short enough to be noticed.
const RETRY_AFTER: Millis = Millis::from_secs(5);

/// How long a write may take before the card counts as one that refuses: a press would be too old before its record is there.
const WRITE_MAX: Millis = Millis::from_secs(10);

/// What waits to be recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Journal {
    waiting: Vec<Happened>,
    under_way: Vec<Happened>,
    lost: u32,
    failed: Option<Uptime>,
    /// When the batch under way was handed out.
    handed_out: Option<Uptime>,
    head: AuditHead,
}

impl Journal {
    pub(super) fn new(head: AuditHead) -> Self {
        Self { head, ..Self::default() }
    }

    /// Where the record stands on disk.
    pub(super) const fn head(&self) -> AuditHead {
        self.head
    }

    // keeps R-ANS-10
    /// Whether the last write failed, or takes too long.
    pub(super) fn failing(&self, now: Uptime) -> bool {
        self.failed.is_some() || self.handed_out.is_some_and(|handed_out| now.since(handed_out) >= WRITE_MAX)
    }

    /// When the write under way takes too long; `None` once it does.
    pub(super) fn too_slow_at(&self, now: Uptime) -> Option<Uptime> {
        self.handed_out.map(|handed_out| handed_out.after(WRITE_MAX)).filter(|at| *at > now)
    }

    /// Whether a page of the pump's history can be taken in without losing a record of what it brings.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() + self.under_way.len() + ROOM_FOR_A_PAGE <= WAITING_MAX
    }

    /// Whether nothing waits.
    pub(super) const fn idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty() && self.lost == 0
    }

    // keeps R-REC-06
    /// Puts an event behind the others.
    pub(super) fn note(&mut self, at: Moment, event: Event) {
        if self.waiting.len() + self.under_way.len() >= WAITING_MAX {
            self.lost = self.lost.saturating_add(1);
        } else {
            self.waiting.push(Happened { at, event });
        }
    }

    /// The next batch, if one may be written now.
    pub(super) fn batch(&mut self, at: Moment, kept: impl FnOnce() -> Vec<u8>) -> Option<Batch> {
        let resting = self.failed.is_some_and(|failed| at.uptime < failed.after(RETRY_AFTER));
        if !self.under_way.is_empty() || resting || (self.waiting.is_empty() && self.lost == 0) {
            return None;
        }
        if self.lost > 0 {
            let count = core::mem::take(&mut self.lost).saturating_add(self.take_loss_record());
            self.under_way.push(Happened { at, event: Event::RecordsLost { count } });
        }
        self.under_way.append(&mut self.waiting);
        self.handed_out = Some(at.uptime);
        Some(Batch { entries: self.under_way.iter().map(entry).collect(), kept: kept() })
    }

    /// What an earlier loss record counts that waits still: there is one, however long the record can't be written.
    fn take_loss_record(&mut self) -> u32 {
        match self.waiting.first() {
            Some(Happened { event: Event::RecordsLost { count }, .. }) => {
                let count = *count;
                self.waiting.remove(0);
                count
            }
            Some(_) | None => 0,
        }
    }

    /// The batch under way is durable. Returns what it held.
    pub(super) fn stored(&mut self, head: AuditHead) -> Vec<Happened> {
        self.head = head;
        (self.failed, self.handed_out) = (None, None);
        core::mem::take(&mut self.under_way)
    }

    /// The batch under way is not stored, and nothing of it is. Returns what it holds still.
    pub(super) fn not_stored(&mut self, now: Uptime) -> &[Happened] {
        (self.failed, self.handed_out) = (Some(now), None);
        let behind = core::mem::take(&mut self.waiting);
        self.waiting = core::mem::take(&mut self.under_way);
        self.waiting.extend(behind);
        &self.waiting
    }

    /// When a failed write is tried again.
    pub(super) fn retry_at(&self) -> Option<Uptime> {
        self.failed.filter(|_| self.under_way.is_empty()).map(|failed| failed.after(RETRY_AFTER))
    }
}

// keeps R-CLK-07
fn entry(happened: &Happened) -> Entry {
    Entry {
        kind: happened.event.kind(),
        request: happened.event.request().map(|id| id.0),
        body: encode(happened),
        wall_ms: happened.at.wall.map(|wall| wall.unix_ms),
        utc_offset_min: happened.at.wall.map_or(0, |wall| wall.utc_offset_min),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Moment = Moment {
        boot: pump_protocol::clock::BootId([7; 16]),
        uptime: Uptime::from_millis(60_000),
        pump: None,
        wall: None,
    };

    fn with(waiting: usize) -> Journal {
        let mut journal = Journal::default();
        (0..waiting).for_each(|_| journal.note(AT, Event::Started));
        journal
    }

    #[test]
    fn a_page_is_taken_in_while_two_lines_for_each_entry_and_eight_more_find_room() {
        let left = 2 * HISTORY_PAGE_MAX + 8;
        assert!(with(WAITING_MAX - left).has_room());
        assert!(!with(WAITING_MAX - left + 1).has_room());
    }

    #[test]
    fn it_is_idle_once_nothing_waits_nothing_is_under_way_and_nothing_was_lost() {
        let mut journal = with(WAITING_MAX + 1);
        assert!(!journal.idle());
        while journal.batch(AT, Vec::new).is_some() {
            assert!(!journal.idle(), "under way");
            journal.stored(AuditHead::default());
        }
        assert!(journal.idle());
        let lost = Journal { lost: 1, ..Journal::default() };
        assert!(!lost.idle());
    }

    #[test]
    fn a_write_takes_too_long_after_ten_seconds_and_that_is_said_in_advance_once() {
        let mut journal = with(1);
        assert!(journal.batch(AT, Vec::new).is_some());
        let late = AT.uptime.after(WRITE_MAX);
        let shortly_before = Uptime::from_millis(late.millis() - 1);
        assert_eq!((journal.too_slow_at(AT.uptime), journal.too_slow_at(late)), (Some(late), None));
        assert!(!journal.failing(shortly_before) && journal.failing(late));
    }
}
