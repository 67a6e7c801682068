//! Bytes are forever: one sample of every event, as it has always looked on disk.
//!
//! If this fails, a record written before can't be read any more: change the code, not the table. An event that has no
//! sample here fails, too. `PRINT_FROZEN=1 cargo test -p pump-core frozen -- --nocapture` prints the table as it is.

use pump_protocol::{
    clock::{CivilTime, PumpTime, Uptime, WallTime},
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{AuditHead, BolusRef, Denial, DenyReason, DenyReasons, Fate, KeyFingerprint, RequestId},
    prescription::PrescriptionHash,
    quantity::{Concentration, Dose, Millis, Volume},
    wire::{Bounded, Malformed, Text, decode, encode},
};

use super::event::{Doubt, Event, Happened, LinkLoss, Moment, NotCopied, NothingBecause, Trouble, WallDoubt};
use crate::{
    annunciation::{AlarmCondition, Change, Priority},
    selftest::{Check, Checked, Finding},
    therapy::reason::{Inhibiting, Reason},
};

const ID: RequestId = RequestId(7);
const HASH: PrescriptionHash = PrescriptionHash([0x5A; 32]);
const DOSE: Dose = Dose::from_micrograms(50);

pub(super) fn samples() -> Vec<Event> {
    let serial: Text<16> = Text::new("SIM-000042").expect("fits");
    let reasons = DenyReasons::default().with(DenyReason::Lockout).with(DenyReason::Allotment);
    let denial = Denial { reasons, retry_after: Millis::from_mins(30) };
    let start = PumpTime::new(2, Millis::from_hours(3));
    let bolus = BolusRef { bolus: BolusId(9), history_seq: HistorySeq(11), start, dose: DOSE };
    let delivered = Delivered { at_least: Dose::from_micrograms(12), at_most: Dose::from_micrograms(15) };
    let origin = Origin::Remote { key: KeyFingerprint([2; 8]), id: ID };
    let concentration = Concentration::from_micrograms_per_millilitre(2000);
    let event = HistoryEvent::BolusStarted { bolus: BolusId(9), origin, dose: DOSE, concentration };
    let entry = HistoryEntry { seq: HistorySeq(11), at: start, event };
    let head = |count| AuditHead { count, hash: [0xA5; 32] };
    let every_reason = [Reason::Alarm(Inhibiting::Eos), Reason::WindowLimit, Reason::Lockout];
    // One after the other, so that each check and each finding has its byte here.
    let finding =
        [Finding::Passed, Finding::Confirmed, Finding::Failed, Finding::Absent, Finding::Unconfirmed, Finding::Silent];
    let findings =
        Check::ALL.into_iter().zip(finding.into_iter().cycle()).map(|(check, finding)| Checked { check, finding });
    vec![
        Event::Started,
        Event::Closed,
        Event::PumpBound { serial: serial.clone() },
        Event::ForeignPump { serial: serial.clone() },
        Event::SessionOpened { history_head: HistorySeq(11) },
        Event::SessionLost { why: LinkLoss::Silent },
        Event::RecordWentBack { witness: head(9), ours: head(8) },
        Event::PrescriptionRead {
            version: 3,
            hash: HASH,
            demand_dose: DOSE,
            lockout_interval: Millis::from_hours(2),
            allotment: 4,
        },
        Event::Requested { id: ID, dose: DOSE, prescription: HASH },
        Event::AttemptRefused { reasons: Bounded::filled_from(every_reason) },
        Event::AttemptElsewhere,
        Event::ShortTouches { count: 3 },
        Event::Denied { id: ID, denial },
        Event::DoseDiffered { id: ID, shown: DOSE, echoed: Dose::from_micrograms(60) },
        Event::CommitIntended { id: ID, latest_start: start },
        Event::CommitWithheld { id: ID },
        Event::Accepted { id: ID, bolus },
        Event::Rejected { id: ID, denial },
        Event::Uncertain { id: ID, why: Doubt::SilentInDelivery },
        Event::FateHeard { id: ID, fate: Fate::Delivering { bolus, delivered, remaining: Millis::from_mins(2) } },
        Event::Delivered { id: ID, bolus },
        Event::DeliveredInPart { id: ID, bolus, delivered, end: BolusEnd::Cancelled },
        Event::NotGiven { id: ID, why: NothingBecause::TooLate },
        Event::NotGiven { id: ID, why: NothingBecause::BolusEnded(BolusEnd::MotorStall) },
        Event::AssumedGiven { id: ID },
        Event::StopAsked { id: ID, reachable: true },
        Event::DoseOfOthers { entry },
        Event::DoseUnknownToRecord { entry },
        Event::HistoryGap { from: HistorySeq(3), until: HistorySeq(8) },
        Event::HistoryImported { head: HistorySeq(11) },
        Event::PumpReset { epoch: 2 },
        Event::Refilled { volume: Volume::from_microlitres(20_000) },
        Event::DeliveryStopped,
        Event::DeliveryStarted,
        Event::AccountsDiffer {
            lockout_ours: Millis::from_mins(50),
            lockout_pumps: Millis::from_mins(40),
            used_ours: 3,
            used_pumps: 2,
        },
        Event::AnswerOutOfPlace,
        Event::RecordsLost { count: 12 },
        Event::PrescriptionContradicts { version: 4, hash: HASH },
        Event::WindowAccountsDiffer { ours: DOSE, pumps: Dose::from_micrograms(60) },
        Event::ClockStepped { by_ms: -3_600_000 },
        Event::OffsetChanged { from_min: 120, to_min: 60 },
        Event::WallDoubted { why: WallDoubt::DiffersFromPump },
        Event::WallTrusted,
        Event::PumpClockSet { by_ms: 3_600_000 },
        Event::ChangesSeen,
        Event::OutcomeSeen,
        Event::CodeWrong { in_a_row: 2 },
        Event::AttemptUnconfirmed,
        Event::TroubleBegan { which: Trouble::ToneFailed },
        Event::TroubleEnded { which: Trouble::SelfTestFailed },
        Event::RecordCheckFailed,
        Event::PumpReplaced { from: serial, doses: 3 },
        Event::Alarm { change: Change::Raised { condition: AlarmCondition::PumpStopped, priority: Priority::High } },
        Event::ConcentrationChanged { from: concentration, to: Concentration::from_micrograms_per_millilitre(4000) },
        Event::ConfigurationChanged,
        Event::Paired,
        Event::Pruned { until: 512, exported: 512, export_digest: [0x3C; 32] },
        Event::SelfTested { findings: Bounded::filled_from(findings) },
        Event::PracticeBegan,
        Event::PracticeEnded,
        Event::ReservoirRead { volume: Volume::from_microlitres(18_200) },
        Event::ClockSet {
            from: Some(WallTime { unix_ms: 1_790_000_000_000, utc_offset_min: 120 }),
            to: CivilTime::from_millis(1_795_372_800_000),
        },
        Event::ClockNotSet { to: CivilTime::from_millis(1_795_372_800_000) },
        Event::RecordCopied { head: AuditHead { count: 4711, hash: [0x3C; 32] } },
        Event::RecordNotCopied { why: NotCopied::NoRoom },
        Event::Decommissioned,
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[test]
fn every_event_looks_on_disk_as_it_always_has() {
    let now: Vec<String> =
        samples().iter().map(|event| format!("{} -> {}", event.kind(), hex(&encode(event)))).collect();
    if std::env::var_os("PRINT_FROZEN").is_some() {
        return println!("{}", now.join("\n"));
    }
    let frozen: Vec<&str> = include_str!("events-1.txt").lines().collect();
    assert_eq!(now, frozen);
}

#[test]
fn no_event_is_without_a_sample() {
    let sampled: Vec<u8> = samples().iter().map(|event| encode(event)[0]).collect();
    for tag in 0..=u8::MAX {
        let unknown = matches!(decode::<Event>(&[tag]), Err(Malformed::Unknown { what: "Event", .. }));
        assert_eq!(unknown, !sampled.contains(&tag), "tag {tag}");
    }
}

#[test]
fn the_moment_before_an_event_has_one_form_too() {
    let at = Moment {
        boot: pump_protocol::clock::BootId([7; 16]),
        uptime: Uptime::from_millis(60_000),
        pump: Some(PumpTime::new(2, Millis::from_hours(3))),
        wall: Some(WallTime { unix_ms: 1_790_000_000_000, utc_offset_min: 120 }),
    };
    let happened = Happened { at, event: Event::Started };
    let bytes = "0707070707070707070707070707070760ea000000000000ff0200000080cba40000000000ff006c50c4a0010000780001";
    assert_eq!(decode(&encode(&happened)), Ok(happened.clone()));
    assert_eq!(hex(&encode(&happened)), bytes);
}
