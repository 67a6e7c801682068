//! Attempts against deliveries: every hold is counted once, with what came of it.

use pump_protocol::{
    clock::PumpTime,
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{BolusRef, Denial, DenyReason, DenyReasons, KeyFingerprint, RequestId},
    prescription::PrescriptionHash,
    quantity::{Concentration, Dose, Millis},
    wire::{Bounded, Text, encode},
};

use super::{
    super::{
        Record,
        event::{Event, Happened, Moment, NothingBecause},
        tally::{DAYS_MAX, DayCounts, NoDose, Tally},
    },
    NEW_YEAR_MS,
};
use crate::therapy::reason::Reason;

const DAY: i64 = NEW_YEAR_MS / 86_400_000;
const BOLUS: BolusRef = BolusRef {
    bolus: BolusId(3),
    history_seq: HistorySeq(7),
    start: PumpTime::new(1, Millis::ZERO),
    dose: Dose::from_micrograms(50),
};

/// A line of this event, so many hours after midnight of new year's day.
fn line(hour: i64, event: Event) -> Record {
    Record {
        seq: 1,
        kind: Text::new(event.kind()).unwrap(),
        request: event.request().map(|id| id.0),
        wall_ms: Some(NEW_YEAR_MS + hour * 3_600_000),
        utc_offset_min: 0,
        kept_digest: None,
        body: encode(&Happened { at: Moment::default(), event }).try_into().unwrap(),
    }
}

fn requested(id: u64) -> Event {
    Event::Requested { id: RequestId(id), dose: BOLUS.dose, prescription: PrescriptionHash([0; 32]) }
}

fn tally(lines: impl IntoIterator<Item = (i64, Event)>) -> Tally {
    let mut tally = Tally::new();
    lines.into_iter().for_each(|(hour, event)| tally.take(&line(hour, event)));
    tally
}

fn on(tally: &Tally, day: i64) -> DayCounts {
    tally.days().find(|(found, _)| *found == Some(day)).unwrap().1.counts.clone()
}

#[test]
fn every_outcome_is_counted_once_under_its_own_name() {
    let id = RequestId;
    let denial = Denial { reasons: DenyReasons::default().with(DenyReason::Lockout), retry_after: Millis::ZERO };
    let delivered = Delivered { at_least: Dose::ZERO, at_most: Dose::ZERO };
    let outcomes = [
        Event::Delivered { id: id(1), bolus: BOLUS },
        Event::DeliveredInPart { id: id(2), bolus: BOLUS, delivered, end: BolusEnd::Cancelled },
        Event::Denied { id: id(3), denial },
        Event::Rejected { id: id(4), denial },
        Event::NotGiven { id: id(5), why: NothingBecause::Expired },
        Event::AssumedGiven { id: id(6) },
        Event::AssumedGiven { id: id(7) },
    ];
    let counted = tally(outcomes.into_iter().zip(1..).flat_map(|(outcome, id)| [(1, requested(id)), (2, outcome)]));
    let day = on(&counted, DAY);
    assert_eq!((day.attempts, day.given, day.in_part, day.assumed, day.not_settled), (7, 1, 1, 2, 0));
    let by_pump = NoDose::ByPump(Some(DenyReason::Lockout));
    // proves R-CAR-08
    assert_eq!(day.refused, [(by_pump, 2), (NoDose::Nothing(NothingBecause::Expired), 1)]);
    let words = [by_pump, NoDose::ByPump(None), NoDose::Nothing(NothingBecause::Expired)].map(|why| why.to_string());
    assert_eq!(words, ["lockout", "no reason named", "the press was too old before the pump could be asked"]);
    assert_eq!((day.refused(), day.not_sure()), (3, 2));
    assert_eq!(day.given + day.in_part + day.refused() + day.not_sure(), day.attempts);
}

#[test]
fn a_refusal_counts_by_the_reason_that_limits_most() {
    let refused =
        |reasons: &[Reason]| (1, Event::AttemptRefused { reasons: Bounded::filled_from(reasons.iter().copied()) });
    let counted = tally([
        refused(&[Reason::Allotment, Reason::Lockout]),
        refused(&[Reason::Lockout]),
        refused(&[Reason::Lockout]),
        refused(&[]),
        (1, Event::AttemptElsewhere),
    ]);
    let day = on(&counted, DAY);
    assert_eq!((day.attempts, day.refused(), day.refused_if(|why| why == NoDose::Here(Reason::Lockout))), (5, 5, 2));
    let expected = [
        (NoDose::Here(Reason::Allotment), 1),
        (NoDose::Here(Reason::Lockout), 2),
        (NoDose::PageUnanswered, 1),
        (NoDose::Elsewhere, 1),
    ];
    // proves R-CAR-08
    assert_eq!(day.refused, expected);
    let words = expected.map(|(why, _)| why.to_string());
    assert_eq!(words, ["allotment used", "lockout", "the page waited for an answer", "on a page that gives no dose"]);
}

#[test]
fn a_request_without_an_outcome_stays_open_and_counts_on_the_day_of_its_press() {
    let counted = tally([(1, requested(1)), (2, requested(2)), (23, requested(3))]);
    assert_eq!((on(&counted, DAY).attempts, on(&counted, DAY).not_settled), (3, 3));
    let later = Event::Delivered { id: RequestId(3), bolus: BOLUS };
    let counted = tally([(1, requested(1)), (2, requested(2)), (23, requested(3)), (25, later)]);
    let day = on(&counted, DAY);
    assert_eq!((day.attempts, day.given, day.not_settled), (3, 1, 2), "given after midnight, pressed before");
    assert_eq!(on(&counted, DAY + 1).given, 0);
}

#[test]
fn doses_of_others_are_no_attempts() {
    let (key, concentration) = (KeyFingerprint([2; 8]), Concentration::from_micrograms_per_millilitre(500));
    let origin = Origin::Remote { key, id: RequestId(9) };
    let event = HistoryEvent::BolusStarted { bolus: BolusId(4), origin, dose: BOLUS.dose, concentration };
    let entry = HistoryEntry { seq: HistorySeq(8), at: PumpTime::new(1, Millis::ZERO), event };
    let of_others = || (1, Event::DoseOfOthers { entry });
    let counted = tally([of_others(), of_others(), (1, Event::DoseUnknownToRecord { entry })]);
    let day = on(&counted, DAY);
    assert_eq!((day.attempts, day.others, day.unknown, day.without_press()), (0, 2, 1, 3));
    // proves R-CAR-08
    assert_eq!(day.others_dose, Dose::from_micrograms(100));
}

#[test]
fn lines_without_a_date_belong_to_no_day() {
    let mut tally = Tally::new();
    tally.take(&Record { wall_ms: None, ..line(1, Event::AttemptElsewhere) });
    assert_eq!(tally.days().map(|(day, on)| (day, on.counts.attempts)).collect::<Vec<_>>(), [(None, 1)]);
}

#[test]
fn lines_are_counted_by_their_kind_in_the_order_of_the_first() {
    let tally = tally([(1, requested(1)), (2, Event::Started), (3, requested(2)), (25, Event::Started)]);
    let kinds = |day| tally.kinds(tally.days().find(|(found, _)| *found == Some(day)).unwrap().1).collect::<Vec<_>>();
    assert_eq!(kinds(DAY), [("requested", 2), ("started", 1)]);
    assert_eq!(kinds(DAY + 1), [("started", 1)]);
}

#[test]
fn kinds_beyond_those_that_can_be_told_apart_are_counted_together() {
    let mut tally = Tally::new();
    for number in 0..300 {
        tally.take(&Record { kind: Text::new(&format!("kind {number}")).unwrap(), ..line(1, Event::Started) });
    }
    let kinds: Vec<_> = tally.kinds(tally.days().next().unwrap().1).collect();
    assert_eq!((kinds.len(), kinds[255], kinds[256]), (257, ("kind 255", 1), ("others", 44)));
}

#[test]
fn days_beyond_a_hundred_years_count_as_undated_and_known_ones_go_on() {
    let mut tally = Tally::new();
    let days = i64::try_from(DAYS_MAX).unwrap();
    for day in 0..days + 2 {
        tally.take(&line(24 * day, Event::AttemptElsewhere));
    }
    tally.take(&line(24, Event::AttemptElsewhere));
    assert_eq!(tally.days().count(), DAYS_MAX + 1, "and the one of lines without a date");
    assert_eq!(tally.days().next().map(|(day, on)| (day, on.counts.attempts)), Some((None, 2)));
    assert_eq!((on(&tally, DAY + 1).attempts, on(&tally, DAY + days - 1).attempts), (2, 1));
}

#[test]
fn a_request_that_waited_too_long_stays_not_settled() {
    let asked = (1..=65).map(|id| (1, requested(id)));
    let tally = tally(asked.chain([1, 2].map(|id| (2, Event::Delivered { id: RequestId(id), bolus: BOLUS }))));
    let day = on(&tally, DAY);
    assert_eq!(
        (day.attempts, day.given, day.not_settled),
        (65, 2, 64),
        "the outcome of the first had no press any more"
    );
}
