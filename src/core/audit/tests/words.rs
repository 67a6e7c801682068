//! A recorded event in words: each has a sentence of its own, with what is in it.

use std::collections::BTreeSet;

use pump_protocol::{
    clock::{CivilTime, PumpTime},
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{BolusRef, Denial, DenyReason, DenyReasons, Fate, KeyFingerprint, RequestId},
    prescription::PrescriptionHash,
    quantity::{Concentration, Dose, Millis, Volume},
    wire::{Bounded, decode, encode},
};

use super::super::{
    event::{self, Doubt, Event, Happened, LinkLoss, Moment, NotCopied, NothingBecause, Trouble, WallDoubt},
    frozen::samples,
};
use crate::therapy::reason::{Inhibiting, Reason};

const ID: RequestId = RequestId(7);
const BOLUS: BolusRef = BolusRef {
    bolus: BolusId(9),
    history_seq: HistorySeq(11),
    start: PumpTime::new(1, Millis::ZERO),
    dose: Dose::from_micrograms(50),
};

/// All of them, once each.
fn different(sentences: impl IntoIterator<Item = Event>) -> Vec<String> {
    let sentences: Vec<String> = sentences.into_iter().map(|event| event.to_string()).collect();
    let set: BTreeSet<&String> = sentences.iter().collect();
    assert_eq!(set.len(), sentences.len(), "{sentences:#?}");
    sentences
}

#[test]
fn every_event_has_its_sentence() {
    // What people read may be put better: `PRINT_FROZEN=1 cargo test -p pump-core its_sentence -- --nocapture` prints it.
    let now = different(samples());
    if std::env::var_os("PRINT_FROZEN").is_some() {
        return println!("{}", now.join("\n"));
    }
    let written: Vec<&str> = include_str!("words.txt").lines().collect();
    assert_eq!(now, written);
}

#[test]
fn every_reason_has_words_of_its_own() {
    let refused = |reasons: &[Reason]| Event::AttemptRefused { reasons: Bounded::filled_from(reasons.iter().copied()) };
    let one_byte = (0..=u8::MAX).map(|tag| vec![tag]);
    let two_bytes =
        one_byte.clone().flat_map(|tag| (0..=u8::MAX).map(move |alarm| [tag.as_slice(), &[alarm]].concat()));
    let reasons: Vec<Reason> = one_byte.chain(two_bytes).filter_map(|bytes| decode(&bytes).ok()).collect();
    assert_eq!(reasons.len(), 29, "23 reasons and 6 alarms");
    assert!(reasons.iter().all(|reason| decode(&encode(reason)) == Ok(*reason)), "each has one form on disk");
    let here = different(reasons.iter().map(|reason| refused(&[*reason])));
    assert!(here.iter().all(|words| words.len() > "a full hold was refused here: ".len()), "{here:#?}");
    assert_eq!(
        refused(&[Reason::Alarm(Inhibiting::Eos), Reason::Lockout]).to_string(),
        "a full hold was refused here: pump at its end of service, lockout"
    );
    assert_eq!(refused(&[]).to_string(), "a full hold was refused here: the page waited for an answer");
}

#[test]
fn the_pumps_reasons_are_told_with_the_time_to_wait() {
    let denied = |reasons, mins| {
        let denial = Denial { reasons, retry_after: Millis::from_mins(mins) };
        Event::Denied { id: ID, denial }
    };
    different(DenyReason::ALL.map(|reason| denied(DenyReasons::default().with(reason), 0)));
    let two = DenyReasons::default().with(DenyReason::Lockout).with(DenyReason::Allotment);
    assert_eq!(denied(two, 0).to_string(), "#7: the pump denied it: allotment used, lockout");
    assert_eq!(denied(two, 30).to_string(), "#7: the pump denied it: allotment used, lockout; not before 30 min 00 s");
}

#[test]
fn each_cause_is_named() {
    different(
        [LinkLoss::Disconnected, LinkLoss::BadFrame, LinkLoss::Silent, LinkLoss::OutOfPlace]
            .map(|why| Event::SessionLost { why }),
    );
    different(
        [Doubt::LinkLost, Doubt::NoAnswer, Doubt::Restarted, Doubt::SilentInDelivery]
            .map(|why| Event::Uncertain { id: ID, why }),
    );
    different(NothingBecause::ALL.map(|why| Event::NotGiven { id: ID, why }));
    different(
        [WallDoubt::NotSet, WallDoubt::WentBack, WallDoubt::DiffersFromPump].map(|why| Event::WallDoubted { why }),
    );
    different(
        [Trouble::SelfTestRunning, Trouble::SelfTestFailed, Trouble::ToneFailed]
            .map(|which| Event::TroubleBegan { which }),
    );
    different(
        [NotCopied::NoStick, NotCopied::NoRoom, NotCopied::StickFailed, NotCopied::RecordFailed, NotCopied::NoAnswer]
            .map(|why| Event::RecordNotCopied { why }),
    );
}

#[test]
fn each_fate_and_each_end_is_named_with_its_amounts() {
    let delivered = Delivered { at_least: Dose::from_micrograms(12), at_most: Dose::from_micrograms(15) };
    let exact = Delivered::exactly(Dose::from_micrograms(12));
    let fates = [
        Fate::NeverRan,
        Fate::Granted,
        Fate::Voided,
        Fate::Denied,
        Fate::Rejected,
        Fate::Delivering { bolus: BOLUS, delivered, remaining: Millis::ZERO },
        Fate::Done { bolus: BOLUS },
        Fate::Stopped { bolus: BOLUS, delivered: exact, end: BolusEnd::MotorStall },
        Fate::Forgotten,
    ];
    let told = different(fates.map(|fate| Event::FateHeard { id: ID, fate }));
    assert_eq!(told[5], "#7: the pump says: delivering, 12 mcg to 15 mcg of 50 mcg");
    assert_eq!(told[7], "#7: the pump says: 12 mcg of 50 mcg, the motor stalled");
    different(BolusEnd::ALL.map(|end| Event::DeliveredInPart { id: ID, bolus: BOLUS, delivered, end }));
}

#[test]
fn what_stands_in_the_pumps_history_is_named() {
    let (bolus, dose) = (BolusId(9), Dose::from_micrograms(50));
    let origin = Origin::Remote { key: KeyFingerprint([2; 8]), id: ID };
    let concentration = Concentration::from_micrograms_per_millilitre(2000);
    let told = different(
        [
            HistoryEvent::BolusStarted { bolus, origin, dose, concentration },
            HistoryEvent::BolusEnded { bolus, origin, delivered: Delivered::exactly(dose), end: BolusEnd::Complete },
            HistoryEvent::Refilled { volume: Volume::from_microlitres(20_000), concentration },
            HistoryEvent::Reprogrammed { version: 3, hash: PrescriptionHash([0; 32]) },
            HistoryEvent::Stopped,
            HistoryEvent::Started,
            HistoryEvent::Reset,
        ]
        .map(|event| {
            let entry = HistoryEntry { seq: HistorySeq(11), at: BOLUS.start, event };
            Event::DoseOfOthers { entry }
        }),
    );
    assert_eq!(
        told[0],
        format!("not asked for here: a bolus of 50 mcg began (history 11, pump clock {})", BOLUS.start)
    );
}

#[test]
fn a_stop_that_did_not_reach_the_pump_says_so() {
    different([true, false].map(|reachable| Event::StopAsked { id: ID, reachable }));
    let unreached = Event::StopAsked { id: ID, reachable: false };
    assert!(unreached.to_string().ends_with("the pump was out of reach"), "{unreached}");
}

#[test]
fn only_what_is_about_a_request_names_one() {
    let about = samples().into_iter().filter(|event| event.request().is_some());
    let kinds: Vec<&str> = about.map(|event| event.kind()).collect();
    assert_eq!(
        kinds,
        [
            "requested",
            "denied",
            "dose_differed",
            "commit_intended",
            "commit_withheld",
            "accepted",
            "rejected",
            "uncertain",
            "fate_heard",
            "delivered",
            "delivered_in_part",
            "not_given",
            "not_given",
            "assumed_given",
            "stop_asked"
        ]
    );
    assert!(samples().iter().all(|event| event.request().is_none_or(|id| id == ID)));
}

#[test]
fn which_way_a_clock_was_set_is_said() {
    assert_eq!(Event::ClockStepped { by_ms: -60_000 }.to_string(), "the clock was set back by 1 min 00 s");
    assert_eq!(Event::ClockStepped { by_ms: 60_000 }.to_string(), "the clock was set on by 1 min 00 s");
}

#[test]
fn a_clock_that_was_never_set_shows_no_time_and_no_date_stops_a_sentence() {
    let to = |ms| Event::ClockSet { from: None, to: CivilTime::from_millis(ms) }.to_string();
    assert_eq!(to(-60_000), "a person set the clock from no time to 1969-12-31 23:59");
    assert_eq!(to(i64::MAX), "a person set the clock from no time to a time out of any calendar");
    assert_eq!(to(i64::MIN), to(i64::MAX));
}

#[test]
fn a_body_of_another_version_says_that_it_can_t_be_read() {
    let body = encode(&Happened { at: Moment::default(), event: Event::Started });
    assert_eq!(event::describe(&body), "the remote started");
    assert!(event::describe(&body[1..]).starts_with("(can't be read: "), "{}", event::describe(&body[1..]));
    assert_eq!(event::read(&body).map(|happened| happened.event), Ok(Event::Started));
}
