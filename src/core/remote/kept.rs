//! What survives a restart: written in one step with the records that led to it.

use pump_protocol::{
    clock::{CivilTime, Now, PumpTime, Uptime},
    history::HistorySeq,
    message::RequestId,
    prescription::Prescription,
    quantity::{Dose, Millis},
    wire::{Malformed, Reader, Text, Wire, wire_struct},
};

use crate::{
    annunciation::KeptAlarms,
    audit::event::{Event, Moment},
    ledger::{Outcome, Request},
    therapy::{
        account::{Account, CountedDose, DoseSource, Since},
        change::Changes,
    },
};

/// The version of [`Kept`]'s encoding.
const KEPT_VERSION: u8 = 2;

// keeps R-REQ-11
/// What survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kept {
    /// The pump that this record belongs to; `None` until one has answered.
    pub pump: Option<Text<16>>,
    /// What the clinic programmed, when last read.
    pub prescription: Option<Prescription>,
    /// The highest id that this remote has used.
    pub last_id: RequestId,
    /// The doses that count.
    pub account: Account,
    /// The newest entry of the pump's history that is in the account.
    pub history_read: HistorySeq,
    /// Whether the pump's history was ever known up to its head: what comes behind it is news.
    pub history_imported: bool,
    /// The latest that the pump's clock was known to show: tells a pump that lost its clock.
    pub pump_seen: Option<PumpTime>,
    /// What its calendar showed then.
    pub civil_seen: CivilTime,
    /// Whether the pump was stopped when last heard.
    pub stopped: bool,
    /// The open question.
    pub request: Option<Request>,
    /// The last outcome, until it has been read.
    pub ended: Option<Ended>,
    /// What the clinic changed and nobody has read yet.
    pub changes: Changes,
    /// What is wrong, and what of it somebody has seen.
    pub alarms: KeptAlarms,
    /// Wrong patient codes in a row.
    pub wrong_codes: u8,
    /// The latest that a believed wall clock showed, in milliseconds since 1970: tells one that went back.
    pub wall_seen_ms: Option<i64>,
    /// What the configuration file was at the last start.
    pub configuration: Option<[u8; 32]>,
}

wire_struct!(Kept {
    pump,
    prescription,
    last_id,
    account,
    history_read,
    history_imported,
    pump_seen,
    civil_seen,
    stopped,
    request,
    ended,
    changes,
    alarms,
    wrong_codes,
    wall_seen_ms,
    configuration,
});

/// An epoch that no pump has: what was counted on one pump's clock is carried over to whatever clock comes next.
pub(super) const NO_PUMPS_EPOCH: u32 = u32::MAX;

impl Kept {
    /// The bytes for the disk.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![KEPT_VERSION];
        self.put(&mut bytes);
        bytes
    }

    /// What still counts when this remote is paired with another pump: accounts belong to the patient and the remote, so
    /// another pump brings no fresh allotment. No answer can come any more for an open request: it counts as given, from now.
    ///
    /// Returns what is to be recorded of it.
    pub fn for_another_pump(self, now: Now) -> (Self, Vec<Event>) {
        let seen = self.pump_seen.unwrap_or_default();
        let mut account = self.account;
        let mut events = Vec::new();
        let lasts = self.prescription.as_ref().map_or(Millis::ZERO, |known| known.programmed().bolus_duration);
        // keeps R-REQ-26
        let open = self.request.map(|request| {
            let source = DoseSource::Ours { id: request.id };
            let since = Since { pump: seen, carried: Millis::ZERO, uptime: Some((now.boot, now.uptime)) };
            account.count(CountedDose { source, dose: request.dose, since, lasts });
            events.push(Event::AssumedGiven { id: request.id });
            Ended {
                outcome: Outcome::AssumedGiven,
                dose: request.dose,
                echoed: request.dose,
                pressed: request.pressed,
                at: now.uptime,
            }
        });
        account.clock_was_lost(seen, PumpTime::new(NO_PUMPS_EPOCH, Millis::ZERO));
        account.pump_was_replaced();
        let doses = u16::try_from(account.len()).unwrap_or(u16::MAX);
        let from = self.pump.unwrap_or_default();
        events.push(Event::PumpReplaced { from, doses });
        let kept = Self {
            last_id: self.last_id,
            account,
            pump_seen: Some(PumpTime::new(NO_PUMPS_EPOCH, Millis::ZERO)),
            ended: open.or(self.ended),
            wrong_codes: self.wrong_codes,
            wall_seen_ms: self.wall_seen_ms,
            configuration: self.configuration,
            ..Self::default()
        };
        (kept, events)
    }

    /// What the bytes from the disk say; an error if they are not exactly what [`to_bytes`](Self::to_bytes) makes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        match u8::take(&mut input)? {
            KEPT_VERSION => {}
            found => return Err(Malformed::Version { found }),
        }
        let kept = Self::take(&mut input)?;
        input.finish()?;
        Ok(kept)
    }
}

/// The last outcome, until it has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ended {
    /// How the request ended.
    pub(super) outcome: Outcome,
    /// What the patient saw.
    pub(super) dose: Dose,
    /// What the pump would have given, if that was something else.
    pub(super) echoed: Dose,
    /// When the hold was complete.
    pub(super) pressed: Moment,
    /// Since when the outcome stands there.
    pub(super) at: Uptime,
}

wire_struct!(Ended { outcome, dose, echoed, pressed, at });

impl Ended {
    /// Whether it gives way to the next answer by itself.
    pub(super) const fn passes(&self) -> bool {
        matches!(self.outcome, Outcome::Delivered { .. })
    }
}
