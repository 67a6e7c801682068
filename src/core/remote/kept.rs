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
    audit::{
        event::{Event, Moment},
        retrace::Remembered,
    },
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
    /// The highest id that this remote has used, or that the pump has named as ours.
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
    /// The last outcome, until it has been read, or has passed.
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

    /// What of it the record's lines determine.
    pub fn remembered(&self) -> Remembered<'_> {
        Remembered {
            request: self.request.as_ref(),
            shown: self.ended.map(|ended| ended.outcome),
            last_id: self.last_id,
            pump: self.pump.as_ref(),
            account: &self.account,
            pump_seen: self.pump_seen,
            stopped: self.stopped,
            history_read: self.history_read,
            wrong_codes: self.wrong_codes,
        }
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

/// The last outcome, until it has been read, or has passed.
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
    /// After a restart it stands for as long as it would have at first; what the pump said of a wait goes on from then.
    pub(super) fn stands_again(&mut self, now: Now) {
        if self.passes() || self.pressed.boot != now.boot {
            self.at = now.uptime;
        }
    }

    /// How long it has stood; `None` if it stood before another boot, too, whose clock is gone.
    pub(super) fn stood(&self, now: Now) -> Option<Millis> {
        (self.pressed.boot == now.boot).then(|| now.uptime.since(self.at))
    }

    /// Whether it gives way to the next answer by itself.
    pub(super) const fn passes(&self) -> bool {
        self.outcome.passes()
    }
}

#[cfg(test)]
mod tests {
    use pump_protocol::{
        clock::{BootId, WallTime},
        history::{BolusEnd, BolusId},
        message::BolusRef,
        wire::Bounded,
    };

    use super::*;
    use crate::{
        fixtures::morphine,
        ledger::{State, Verdict},
        therapy::{account::DOSES_MAX, change::Change},
    };

    fn moment() -> Moment {
        Moment {
            boot: BootId([7; 16]),
            uptime: Uptime::from_millis(60_000),
            pump: Some(PumpTime::new(2, Millis::from_hours(3))),
            wall: Some(WallTime { unix_ms: 1_790_000_000_000, utc_offset_min: 120 }),
        }
    }

    /// A machine's state with something in every field.
    fn full() -> Kept {
        let dose = Dose::from_micrograms(50);
        let pump = PumpTime::new(2, Millis::from_hours(3));
        let since =
            Since { pump, carried: Millis::from_mins(1), uptime: Some((BootId([7; 16]), Uptime::from_millis(5))) };
        let mut account = Account::default();
        let (source, lasts) = (DoseSource::Ours { id: RequestId(7) }, Millis::from_mins(4));
        account.count(CountedDose { source, dose, since, lasts });
        account.count_gap(since);
        let bolus = BolusRef { bolus: BolusId(0), history_seq: HistorySeq(11), start: pump, dose };
        let mut request = Request::new(RequestId(8), dose, morphine().hash(), moment());
        request.state = State::Uncertain(Verdict::Started(bolus));
        let delivered = pump_protocol::history::Delivered::exactly(dose);
        let outcome = Outcome::DeliveredInPart { bolus, delivered, end: BolusEnd::Cancelled };
        Kept {
            pump: Text::new("SIM-000042").ok(),
            prescription: Some(morphine()),
            last_id: RequestId(8),
            account,
            history_read: HistorySeq(11),
            history_imported: true,
            pump_seen: Some(pump),
            civil_seen: CivilTime::from_millis(1_790_000_000_000),
            stopped: true,
            request: Some(request),
            ended: Some(Ended { outcome, dose, echoed: dose, pressed: moment(), at: Uptime::from_millis(61_000) }),
            changes: Bounded::filled_from([Change::Allotment { from: 4, to: 3 }]),
            alarms: KeptAlarms::default(),
            wrong_codes: 2,
            wall_seen_ms: Some(1_790_000_000_000),
            configuration: Some([0x3C; 32]),
        }
    }

    #[test]
    fn what_survives_a_restart_has_these_bytes_for_ever() {
        let hex = full().to_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(hex, include_str!("frozen/kept-2.hex").trim(), "another version, or the same bytes");
        assert_eq!(Kept::from_bytes(&full().to_bytes()), Ok(full()));
    }

    #[test]
    fn bytes_that_are_cut_changed_in_version_or_longer_are_refused() {
        let bytes = full().to_bytes();
        for len in 0..bytes.len() {
            assert!(Kept::from_bytes(&bytes[..len]).is_err(), "cut to {len}");
        }
        assert_eq!(Kept::from_bytes(&[1]), Err(Malformed::Version { found: 1 }));
        assert!(Kept::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn the_fullest_account_fits_into_what_a_batch_may_carry() {
        let mut kept = full();
        let most =
            kept.account.counted(PumpTime::default(), Now::default()).next().map(|(dose, _)| *dose).expect("one");
        for id in 0..DOSES_MAX as u64 {
            kept.account.count(CountedDose { source: DoseSource::Ours { id: RequestId(id) }, ..most });
        }
        let len = kept.to_bytes().len();
        assert!(kept.account.len() == DOSES_MAX && len <= crate::audit::chain::KEPT_LEN_MAX, "{len} bytes");
    }

    #[test]
    fn another_pump_brings_no_fresh_allotment() {
        let now = Now { boot: BootId([7; 16]), uptime: Uptime::from_millis(70_000), wall: None };
        let (kept, events) = full().for_another_pump(now);
        let replaced = Event::PumpReplaced { from: Text::new("SIM-000042").expect("fits"), doses: 2 };
        assert_eq!(events, [Event::AssumedGiven { id: RequestId(8) }, replaced]);
        assert_eq!((kept.pump, kept.prescription, kept.request), (None, None, None));
        // The next pump's clock, whatever it shows, is another: ages are carried, and a full lockout runs.
        let mut account = kept.account;
        let first_word = PumpTime::new(1, Millis::from_hours(900));
        account.clock_was_lost(kept.pump_seen.expect("a clock that no pump has"), first_word);
        let later = first_word.after(Millis::from_hours(1));
        let an_hour_on = Now { uptime: now.uptime.after(Millis::from_hours(1)), ..now };
        assert_eq!(account.used(&morphine(), later, an_hour_on), 4, "and the gap counts as before");
        assert_eq!(account.lockout_remaining(&morphine(), later, an_hour_on), Millis::from_hours(1));
    }
}
