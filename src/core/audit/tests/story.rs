//! One request's story, told from its lines.

use pump_protocol::{
    clock::{BootId, PumpTime, Uptime},
    history::{BolusEnd, BolusId, Delivered, HistorySeq},
    message::{BolusRef, Denial, DenyReason, DenyReasons, RequestId},
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
    wire::{Bounded, Text, encode},
};

use super::super::{
    Record,
    event::{Doubt, Event, Happened, Moment, NothingBecause},
    story::{AfterPress, Ids, Standing, Story},
};

const ID: RequestId = RequestId(7);
const DOSE: Dose = Dose::from_micrograms(50);

/// So many milliseconds after that boot of the remote.
fn at(boot: u8, ms: u64) -> Moment {
    Moment { boot: BootId([boot; 16]), uptime: Uptime::from_millis(ms), ..Moment::default() }
}

fn line(at: Moment, event: Event) -> Record {
    Record {
        seq: 1,
        kind: Text::new(event.kind()).unwrap(),
        request: event.request().map(|id| id.0),
        wall_ms: None,
        utc_offset_min: 0,
        kept_digest: None,
        body: encode(&Happened { at, event }).try_into().unwrap(),
    }
}

fn requested() -> Event {
    Event::Requested { id: ID, dose: DOSE, prescription: PrescriptionHash([0; 32]) }
}

fn committed() -> Event {
    Event::CommitIntended { id: ID, latest_start: PumpTime::new(1, Millis::ZERO) }
}

fn outcomes() -> [Event; 6] {
    let denial = Denial { reasons: DenyReasons::default().with(DenyReason::Lockout), retry_after: Millis::ZERO };
    let bolus =
        BolusRef { bolus: BolusId(3), history_seq: HistorySeq(4), start: PumpTime::new(1, Millis::ZERO), dose: DOSE };
    [
        Event::Delivered { id: ID, bolus },
        Event::DeliveredInPart { id: ID, bolus, delivered: Delivered::exactly(DOSE), end: BolusEnd::Cancelled },
        Event::Denied { id: ID, denial },
        Event::Rejected { id: ID, denial },
        Event::NotGiven { id: ID, why: NothingBecause::Expired },
        Event::AssumedGiven { id: ID },
    ]
}

fn standing(events: &[Event]) -> Standing {
    let mut story = Story::of(7);
    for event in events {
        drop(story.take(&line(at(1, 0), event.clone())));
    }
    story.standing()
}

#[test]
fn a_story_without_an_outcome_is_open_and_once_committed_not_sure() {
    let doubt = Event::Uncertain { id: ID, why: Doubt::NoAnswer };
    let withheld = Event::CommitWithheld { id: ID };
    assert_eq!(standing(&[]), Standing::Unknown);
    assert_eq!(standing(&[requested()]), Standing::OpenUncommitted);
    assert_eq!(standing(&[requested(), committed()]), Standing::OpenNotSure);
    assert_eq!(standing(&[requested(), committed(), doubt.clone()]), Standing::OpenNotSure);
    assert_eq!(standing(&[doubt]), Standing::OpenNotSure, "a part that begins behind the intent");
    assert_eq!(standing(&[requested(), committed(), withheld]), Standing::OpenUncommitted);
    for outcome in outcomes() {
        let words = outcome.to_string();
        assert_eq!(standing(&[requested(), committed(), outcome]), Standing::Ended(words));
    }
}

#[test]
fn only_the_lines_of_the_request_tell_of_it() {
    let mut story = Story::of(8);
    assert_eq!(story.take(&line(at(1, 0), requested())), None);
    assert_eq!(story.take(&line(at(1, 0), Event::Started)), None);
    assert_eq!(story.standing(), Standing::Unknown);
}

#[test]
fn seconds_are_told_only_between_two_readings_of_one_clock() {
    let mut story = Story::of(7);
    let mut after = |at, event| story.take(&line(at, event)).unwrap().after;
    assert_eq!(after(at(1, 500), committed()), AfterPress::NoPress);
    assert_eq!(after(at(1, 1_000), requested()), AfterPress::Known(Millis::ZERO));
    assert_eq!(after(at(1, 3_050), committed()), AfterPress::Known(Millis::new(2_050)));
    assert_eq!(after(at(2, 9_000), Event::AssumedGiven { id: ID }), AfterPress::OtherBoot);
    assert_eq!(AfterPress::Known(Millis::new(12_050)).to_string(), "+12.050 s");
    assert_eq!(
        (AfterPress::OtherBoot.to_string(), AfterPress::NoPress.to_string()),
        ("after a reboot".to_owned(), "press unknown".to_owned())
    );
}

#[test]
fn a_line_that_can_t_be_read_is_told_and_counts() {
    let mut story = Story::of(7);
    let bad = Record { body: Bounded::filled_from([0xFF]), ..line(at(1, 0), requested()) };
    let told = story.take(&bad).unwrap();
    assert!(told.words.starts_with("(can't be read: ") && told.after == AfterPress::NoPress, "{told:?}");
    assert_eq!(story.standing(), Standing::OpenUncommitted, "a line is there, so something is told of it");
}

#[test]
fn how_it_stands_is_said_in_words() {
    for (standing, words) in [
        (Standing::Unknown, "nothing is told of it"),
        (Standing::Ended("so".to_owned()), "ended: so"),
        (
            Standing::OpenUncommitted,
            "still open: COMMIT had not left by the last of these lines, so nothing was given by then",
        ),
        (
            Standing::OpenNotSure,
            "still open: NOT SURE: COMMIT may have left and no outcome is recorded; it counts as given",
        ),
    ] {
        assert_eq!(standing.to_string(), words);
    }
}

#[test]
fn ids_are_listed_as_stretches_without_a_gap() {
    let told = |ids: &[u64]| {
        let mut known = Ids::default();
        known.take(&line(at(1, 0), Event::Started));
        for id in ids {
            known.take(&Record { request: Some(*id), ..line(at(1, 0), Event::Started) });
        }
        known.to_string()
    };
    assert_eq!(told(&[]), "no request at all");
    assert_eq!(told(&[3]), "#3");
    assert_eq!(told(&[3, 3, 4, 3, 5, 9]), "#3 to #5, #9");
    assert_eq!(told(&[3, 5, 2]), "#3, #5, #2", "what comes out of order stands for itself");
    let sparse: Vec<u64> = (1..=17).map(|number| number * 10).collect();
    assert_eq!(told(&sparse[..16]).matches(", ").count(), 15);
    assert!(told(&sparse).ends_with("#160 and others"), "{}", told(&sparse));
}
