//! What the lines say of the rest that the machine remembers: its pump, whether that is stopped, its history, wrong codes.

use pump_protocol::{history::HistorySeq, wire::Text};

use super::{super::event::Event, compare::Remembered, difference::What};

/// What is known of it; nothing where the lines begin in the middle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rest {
    pump: Option<Text<16>>,
    pump_known: bool,
    stopped: Option<bool>,
    /// No less of the pump's history was imported.
    history_read: HistorySeq,
    codes: Option<Codes>,
}

/// Wrong patient codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Codes {
    in_a_row: u8,
    /// A right one may have been entered since: it has no line of its own.
    may_be_right: bool,
}

impl Rest {
    /// Of a record that is followed from its first line.
    pub(super) fn from_the_beginning() -> Self {
        Self { pump_known: true, stopped: Some(false), codes: Some(Codes::default()), ..Self::unknown() }
    }

    pub(super) const fn unknown() -> Self {
        Self { pump: None, pump_known: false, stopped: None, history_read: HistorySeq(0), codes: None }
    }

    /// Follows a line; what is wrong with it.
    pub(super) fn follow(&mut self, event: &Event) -> Option<What> {
        match event {
            Event::PumpBound { serial } => (self.pump, self.pump_known) = (Some(serial.clone()), true),
            Event::PumpReplaced { .. } => {
                (self.pump, self.pump_known) = (None, true);
                (self.stopped, self.history_read) = (Some(false), HistorySeq(0));
            }
            Event::DeliveryStopped => self.stopped = Some(true),
            Event::DeliveryStarted => self.stopped = Some(false),
            Event::HistoryImported { head } => self.history_read = self.history_read.max(*head),
            Event::HistoryGap { from, .. } => {
                self.history_read = self.history_read.min(HistorySeq(from.0.saturating_sub(1)));
            }
            Event::CodeWrong { in_a_row } => return self.count_code(*in_a_row),
            Event::Requested { .. } | Event::AttemptUnconfirmed => {
                self.codes = self.codes.map(|codes| Codes { may_be_right: true, ..codes });
            }
            _ => {}
        }
        None
    }

    pub(super) fn compare(&self, remembered: &Remembered<'_>) -> impl Iterator<Item = What> {
        let pump = self.pump_known && self.pump.as_ref() != remembered.pump;
        let stopped = self.stopped.is_some_and(|stopped| stopped != remembered.stopped);
        let kept = remembered.wrong_codes;
        let codes = self.codes.filter(|codes| codes.in_a_row != kept && !(codes.may_be_right && kept == 0));
        [
            pump.then_some(What::KeptPump),
            stopped.then_some(What::KeptStopped),
            (remembered.history_read < self.history_read).then_some(What::KeptHistory),
            codes.map(|codes| What::KeptCodes { kept, lines: codes.in_a_row }),
        ]
        .into_iter()
        .flatten()
    }

    fn count_code(&mut self, in_a_row: u8) -> Option<What> {
        let before = self.codes.replace(Codes { in_a_row, may_be_right: false })?;
        let follows = before.in_a_row.saturating_add(1) == in_a_row || (before.may_be_right && in_a_row == 1);
        (!follows).then_some(What::CodesMiscounted { before: before.in_a_row })
    }
}
