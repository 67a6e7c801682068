//! The pump's memory of itself: the newest entries, without a gap between them.

use pump_protocol::{
    clock::PumpTime,
    history::{HistoryEntry, HistoryEvent, HistorySeq},
    message::{HISTORY_PAGE_MAX, HistoryPage},
    wire::{Bounded, wire_struct},
};

/// The most entries kept. Seven days, the longest reach of any limit, hold at most 700 entries of demand doses.
pub(crate) const HISTORY_MAX: usize = 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    entries: Bounded<HistoryEntry, HISTORY_MAX>,
    head: HistorySeq,
}

wire_struct!(History { entries, head });

impl History {
    /// Appends an entry; the oldest gives way when there is no room.
    pub(crate) fn push(&mut self, at: PumpTime, event: HistoryEvent) -> HistorySeq {
        self.head = HistorySeq(self.head.0.saturating_add(1));
        if self.entries.len() >= HISTORY_MAX {
            self.entries.remove(0);
        }
        let entry = HistoryEntry { seq: self.head, at, event };
        self.entries.push(entry).expect("there is room: the oldest entry was removed if there was none");
        self.head
    }

    pub(crate) const fn head(&self) -> HistorySeq {
        self.head
    }

    /// The oldest entry held; the one that will be first if none is.
    pub(crate) fn first(&self) -> HistorySeq {
        self.entries.first().map_or(HistorySeq(1), |entry| entry.seq)
    }

    pub(crate) fn page(&self, from: HistorySeq) -> HistoryPage {
        let entries = self.entries.iter().filter(|entry| entry.seq >= from).take(HISTORY_PAGE_MAX).copied();
        HistoryPage { first: self.first(), head: self.head, entries: Bounded::filled_from(entries) }
    }

    /// Whether every entry follows the one before, up to the head.
    pub(crate) fn is_dense(&self) -> bool {
        let follows = |pair: &[HistoryEntry]| pair[1].seq.0 == pair[0].seq.0.saturating_add(1);
        self.entries.windows(2).all(follows) && self.entries.last().is_none_or(|last| last.seq == self.head)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &HistoryEntry> {
        self.entries.iter()
    }
}
