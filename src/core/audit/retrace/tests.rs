//! Stories as the machine writes them leave no difference; each way in which a story can't be written does.

use pump_protocol::{
    clock::{PumpTime, Uptime},
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{BolusRef, Denial, DenyReason, DenyReasons, Fate, KeyFingerprint, RequestId},
    prescription::PrescriptionHash,
    quantity::{Concentration, Dose, Millis},
    wire::{Text, encode},
};

use super::{
    super::{
        Record,
        event::{Doubt, Event, Happened, LinkLoss, Moment, NothingBecause},
    },
    *,
};
use crate::{
    ledger::{Outcome, Progress, Request, State, Verdict},
    therapy::account::{Account, CountedDose, DOSES_MAX, DoseSource, Since},
};

const DOSE: Dose = Dose::from_micrograms(50);
/// What no prescription here asks for.
const MORE: Dose = Dose::from_micrograms(51);
const PRESCRIPTION: PrescriptionHash = PrescriptionHash([3; 32]);
const NOON: PumpTime = PumpTime::new(1, Millis::from_hours(12));
const BOLUS: BolusRef = BolusRef { bolus: BolusId(3), history_seq: HistorySeq(7), start: NOON, dose: DOSE };
const OPENED: Event = Event::SessionOpened { history_head: HistorySeq(6) };
const LOST: Event = Event::SessionLost { why: LinkLoss::Disconnected };

const fn id(id: u64) -> RequestId {
    RequestId(id)
}

const fn at(pump: PumpTime) -> Moment {
    Moment { pump: Some(pump), ..at_no_time() }
}

const fn at_no_time() -> Moment {
    Moment { boot: pump_protocol::clock::BootId([1; 16]), uptime: Uptime::from_millis(60_000), pump: None, wall: None }
}

const fn requested(number: u64) -> Event {
    Event::Requested { id: id(number), dose: DOSE, prescription: PRESCRIPTION }
}

const fn intended(number: u64) -> Event {
    Event::CommitIntended { id: id(number), latest_start: NOON }
}

const fn accepted(number: u64) -> Event {
    Event::Accepted { id: id(number), bolus: BOLUS }
}

const fn given(number: u64) -> Event {
    Event::Delivered { id: id(number), bolus: BOLUS }
}

const fn in_part(number: u64, bolus: BolusRef) -> Event {
    let delivered = Delivered::exactly(Dose::from_micrograms(20));
    Event::DeliveredInPart { id: id(number), bolus, delivered, end: BolusEnd::Cancelled }
}

const fn differed(number: u64, shown: Dose, echoed: Dose) -> Event {
    Event::DoseDiffered { id: id(number), shown, echoed }
}

const fn not_given(number: u64, why: NothingBecause) -> Event {
    Event::NotGiven { id: id(number), why }
}

const fn told(number: u64, fate: Fate) -> Event {
    Event::FateHeard { id: id(number), fate }
}

const fn not_sure(number: u64, why: Doubt) -> Event {
    Event::Uncertain { id: id(number), why }
}

fn denial() -> Denial {
    Denial { reasons: DenyReasons::default().with(DenyReason::Lockout), retry_after: Millis::ZERO }
}

const fn stopped(micrograms: u32) -> Fate {
    let delivered = Delivered::exactly(Dose::from_micrograms(micrograms));
    Fate::Stopped { bolus: BOLUS, delivered, end: BolusEnd::Cancelled }
}

fn line(seq: u64, event: Event, ends_batch: bool) -> Record {
    Record {
        seq,
        kind: Text::new(event.kind()).unwrap(),
        request: event.request().map(|id| id.0),
        wall_ms: None,
        utc_offset_min: 0,
        kept_digest: ends_batch.then_some([0; 32]),
        body: encode(&Happened { at: at(NOON), event }).try_into().unwrap(),
    }
}

fn unreadable(line: Record) -> Record {
    Record { body: vec![0xFF; 3].try_into().unwrap(), ..line }
}

/// Follows these batches, and what is found in them.
fn follow(batches: &[&[Event]]) -> Retrace {
    let mut retrace = Retrace::default();
    assert_eq!(retrace.open_request(), None);
    for batch in batches {
        for (index, event) in batch.iter().enumerate() {
            let happened = Happened { at: at(NOON), event: event.clone() };
            retrace.follow_event(&happened, index + 1 == batch.len());
        }
    }
    retrace
}

/// Follows these events, each in a batch of its own.
fn follow_each(events: &[Event]) -> Retrace {
    let batches: Vec<&[Event]> = events.iter().map(core::slice::from_ref).collect();
    follow(&batches)
}

fn found(retrace: &Retrace) -> Vec<(u64, What)> {
    retrace.differences().map(|difference| (difference.seq, difference.what)).collect()
}

fn assert_sound(batches: &[&[Event]]) {
    let retrace = follow(batches);
    assert_eq!(found(&retrace), [], "{batches:?}");
}

#[test]
fn what_the_machine_writes_leaves_no_difference() {
    use NothingBecause::{Expired, Interrupted, NeverRan, Refused, StoppedInTime, TooLate};
    let begin = [Event::Started, OPENED, requested(1)];
    let committed = [&begin[..], &[intended(1)]].concat();
    let doubted: [Event; 2] = [LOST, not_sure(1, Doubt::LinkLost)];
    let stop = |reachable| Event::StopAsked { id: id(1), reachable };
    let progress = Fate::Delivering { bolus: BOLUS, delivered: Delivered::default(), remaining: Millis::ZERO };
    let in_part = in_part(1, BOLUS);
    let differed = differed(1, DOSE, MORE);
    let as_echoed = BolusRef { dose: MORE, ..BOLUS };
    let stalled = not_given(1, NothingBecause::BolusEnded(BolusEnd::MotorStall));
    let after_commit: [&[&[Event]]; 15] = [
        &[&[accepted(1)], core::slice::from_ref(&stalled)],
        &[&[accepted(1)], &[stop(true)], &[not_given(1, StoppedInTime)]],
        &[
            &[Event::Accepted { id: id(1), bolus: as_echoed }, differed.clone()],
            &[Event::Delivered { id: id(1), bolus: as_echoed }],
        ],
        &[&[accepted(1)], &[given(1)], &[Event::OutcomeSeen], &[requested(2)]],
        &[&[accepted(1)], &[stop(true)], &[told(1, stopped(20)), in_part.clone()]],
        &[&[accepted(1)], &[not_sure(1, Doubt::SilentInDelivery)], &[told(1, progress)], &[given(1)]],
        &[&[accepted(1)], &[stop(true)], &[told(1, stopped(0))], &[not_given(1, StoppedInTime)]],
        &[&[Event::Rejected { id: id(1), denial: denial() }]],
        &[&doubted, &[stop(false)], &[OPENED], &[told(1, Fate::Done { bolus: BOLUS }), given(1)]],
        &[&doubted, &[OPENED], &[told(1, Fate::Voided)], &[not_given(1, NeverRan)]],
        &[&doubted, &[OPENED], &[told(1, Fate::Rejected)], &[not_given(1, Refused)]],
        &[&doubted, &[OPENED], &[told(1, Fate::Forgotten)], &[Event::AssumedGiven { id: id(1) }]],
        // By the history alone.
        &[&doubted, &[OPENED], &[given(1)]],
        &[
            &[LOST, Event::CommitWithheld { id: id(1) }],
            &[OPENED],
            &[told(1, Fate::Voided)],
            &[not_given(1, Interrupted)],
        ],
        &[&[Event::Started, not_sure(1, Doubt::Restarted)], &[OPENED], core::slice::from_ref(&in_part)],
    ];
    for behind in after_commit {
        let before = committed.iter().map(core::slice::from_ref);
        assert_sound(&before.chain(behind.iter().copied()).collect::<Vec<_>>());
    }
    let after_press: [&[&[Event]]; 6] = [
        &[&[Event::Denied { id: id(1), denial: denial() }]],
        &[&[differed], &[told(1, Fate::Voided)], &[not_given(1, NothingBecause::DoseDiffered)]],
        &[&[Event::OutcomeSeen], &[told(1, Fate::NeverRan)], &[told(1, Fate::Voided)], &[not_given(1, Expired)]],
        &[&[told(1, Fate::Voided)], &[not_given(1, TooLate)]],
        &[&[Event::Started], &[OPENED], &[told(1, Fate::Forgotten)], &[not_given(1, Interrupted)]],
        // The record of the intent was refused once: COMMIT never left.
        &[&[intended(1), Event::CommitWithheld { id: id(1) }], &[told(1, Fate::Voided)], &[not_given(1, Interrupted)]],
    ];
    for behind in after_press {
        let before = begin.iter().map(core::slice::from_ref);
        assert_sound(&before.chain(behind.iter().copied()).collect::<Vec<_>>());
    }
}

/// What is found first at this line behind those.
fn first_behind(before: &[Event], event: Event) -> Option<What> {
    let retrace = follow_each(&[before, &[event]].concat());
    found(&retrace).first().map(|(seq, what)| {
        assert_eq!(*seq, before.len() as u64 + 1, "{what}");
        *what
    })
}

#[test]
fn a_line_that_follows_from_none_before_it_is_named() {
    let pressed = [Event::Started, OPENED, requested(4)];
    let committed = [&pressed[..], &[intended(4)]].concat();
    let running = [&committed[..], &[accepted(4)]].concat();
    let ended = [&running[..], &[given(4)]].concat();
    let never = not_given(4, NothingBecause::NeverRan);
    let forgotten = [&running[..], &[told(4, Fate::Done { bolus: BOLUS })]].concat();
    let other = BolusRef { bolus: BolusId(9), ..BOLUS };
    let cases = [
        (&pressed[..2], intended(4), What::CommitUnasked),
        (&pressed[..2], accepted(4), What::NotOpen),
        (&pressed, requested(5), What::SecondRequest { open: id(4) }),
        (&pressed, given(4), What::GivenUnheard),
        (&pressed, accepted(4), What::OutOfPlace),
        (&pressed, never.clone(), What::NothingUnproved),
        (&pressed, intended(5), What::CommitUnasked),
        (&pressed, Event::StopAsked { id: id(4), reachable: true }, What::OutOfPlace),
        (&committed, given(4), What::GivenUnheard),
        (&committed, never.clone(), What::NothingUnproved),
        (&committed, not_given(4, NothingBecause::Interrupted), What::NothingUnproved),
        (&committed, Event::AssumedGiven { id: id(4) }, What::AssumedUnproved),
        (&committed, Event::Denied { id: id(4), denial: denial() }, What::OutOfPlace),
        (&committed, intended(4), What::OutOfPlace),
        (&committed, not_sure(4, Doubt::Restarted), What::OutOfPlace),
        (&committed, not_sure(4, Doubt::SilentInDelivery), What::OutOfPlace),
        (&running, never, What::NothingUnproved),
        (&running, Event::CommitWithheld { id: id(4) }, What::OutOfPlace),
        (&running, Event::Delivered { id: id(4), bolus: other }, What::GivenUnheard),
        (&running, Event::StopAsked { id: id(4), reachable: false }, What::OutOfPlace),
        (&running, Event::OutcomeSeen, What::NothingToRead),
        (&forgotten, LOST, What::OutcomeMissing { id: id(4) }),
        (&ended, given(4), What::NotOpen),
        (&ended, told(4, Fate::Voided), What::NotOpen),
        (&ended, requested(4), What::NumberNotNew { last: id(4) }),
        (&ended, requested(3), What::NumberNotNew { last: id(4) }),
        (&ended, Event::CodeWrong { in_a_row: 2 }, What::CodesMiscounted { before: 0 }),
        (&pressed, differed(4, DOSE, DOSE), What::OutOfPlace),
        (&pressed, differed(4, MORE, DOSE), What::OutOfPlace),
        (&running, differed(4, DOSE, DOSE), What::OutOfPlace),
        (&running, differed(4, MORE, DOSE), What::OutOfPlace),
        (&running, differed(4, DOSE, MORE), What::OutOfPlace),
        (&running, in_part(4, other), What::GivenUnheard),
    ];
    for (before, event, what) in cases {
        // proves R-REC-18
        assert_eq!(first_behind(before, event.clone()), Some(what), "{event} behind {before:?}");
    }
}

#[test]
fn the_pump_speaks_in_a_session_only() {
    let away = [Event::Started, OPENED, requested(4), intended(4), accepted(4), LOST];
    for event in [given(4), told(4, Fate::Done { bolus: BOLUS }), not_given(4, NothingBecause::StoppedInTime)] {
        assert_eq!(first_behind(&away, event), Some(What::NoSession));
    }
    let withdrawn = [Event::Started, requested(4)];
    let denied = Event::Denied { id: id(4), denial: denial() };
    assert_eq!(first_behind(&withdrawn, denied.clone()), Some(What::NoSession));
    let asked = [Event::Started, OPENED, requested(4), LOST];
    assert_eq!(first_behind(&asked, denied), Some(What::NoSession));
    assert_eq!(first_behind(&asked, intended(4)), Some(What::OutOfPlace));
    assert_eq!(first_behind(&asked, differed(4, DOSE, MORE)), Some(What::OutOfPlace));
    for answer in [accepted(4), Event::Rejected { id: id(4), denial: denial() }] {
        let retrace = follow(&[&asked[..3], &[intended(4)], &[LOST, answer]]);
        assert_eq!(found(&retrace).first(), Some(&(6, What::NoSession)));
    }
}

#[test]
fn a_commit_that_may_have_left_is_not_passed_over() {
    let committed = [Event::Started, OPENED, requested(4), intended(4)];
    let away = follow(&[&committed[..3], &committed[3..], &[LOST, Event::AttemptElsewhere], &[OPENED]]);
    assert_eq!(found(&away), [(6, What::NotSureMissing { id: id(4) })]);
    let missing = What::NotSureMissing { id: id(4) };
    assert_eq!(first_behind(&committed, Event::Started), Some(missing), "a start asks again, in its own batch");
    let asked_again =
        follow(&[&committed[..3], &committed[3..], &[Event::Started, Event::Closed, not_sure(4, Doubt::Restarted)]]);
    assert_eq!(found(&asked_again), []);
}

#[test]
fn nothing_is_asked_before_the_press_is_durable() {
    let retrace = follow(&[&[Event::Started, OPENED, requested(4), intended(4)]]);
    assert_eq!(found(&retrace), [(4, What::OutOfPlace)]);
    let retrace = follow(&[&[Event::Started, OPENED, requested(4)], &[intended(4), accepted(4)]]);
    assert_eq!(found(&retrace), [(5, What::OutOfPlace)], "nor is it committed before the intent is");
}

#[test]
fn what_was_never_committed_is_not_believed_to_have_run() {
    let withdrawn = [Event::Started, OPENED, requested(4), LOST, OPENED];
    assert_eq!(first_behind(&withdrawn, given(4)), Some(What::GivenUnheard));
    let asked_for = [Event::Started, OPENED, requested(4), told(4, Fate::NeverRan)];
    assert_eq!(first_behind(&asked_for, given(4)), Some(What::GivenUnheard));
}

#[test]
fn one_fault_is_told_once_and_what_follows_is_followed_again() {
    let open = follow_each(&[Event::Started, OPENED, requested(4), intended(5)]);
    assert_eq!((found(&open), open.open_request()), (vec![(4, What::CommitUnasked)], Some(id(4))));
    let events =
        [Event::Started, OPENED, intended(1), accepted(1), given(1), requested(2), intended(2), accepted(2), given(2)];
    let retrace = follow_each(&events);
    assert_eq!(found(&retrace), [(3, What::CommitUnasked)]);
    assert_eq!(retrace.counts(), Counts { asked: 1, begun_before: 1, given: 2, ..Counts::default() });
}

#[test]
fn a_request_that_began_before_the_lines_is_no_difference() {
    let mut retrace = Retrace::new();
    let events = [given(7), Event::OutcomeSeen, Event::CodeWrong { in_a_row: 4 }, requested(8), intended(8)];
    for (seq, event) in (500..).zip(events) {
        retrace.follow(&line(seq, event, true));
    }
    assert_eq!(found(&retrace), []);
    assert_eq!(retrace.counts(), Counts { asked: 1, begun_before: 1, given: 1, ..Counts::default() });
    retrace.follow(&line(505, given(8), true));
    assert_eq!(found(&retrace), [(505, What::GivenUnheard)]);

    retrace.follow(&Record { kind: Text::new("started").unwrap(), ..line(506, Event::Closed, true) });
    retrace.follow(&Record { request: Some(8), ..line(507, Event::Closed, true) });
    retrace.follow(&unreadable(line(508, Event::Closed, true)));
    assert_eq!(found(&retrace)[1..], [(506, What::Mislabelled), (507, What::Mislabelled), (508, What::Unreadable)]);
}

#[test]
fn lines_that_a_failing_disk_lost_are_no_difference() {
    let retrace = follow(&[
        &[Event::Started, OPENED, requested(1)],
        &[Event::RecordsLost { count: 3 }, LOST, Event::AttemptElsewhere],
        &[OPENED, given(1)],
        &[requested(2)],
        &[Event::RecordsLost { count: 1 }, intended(2), accepted(2)],
    ]);
    assert_eq!(found(&retrace), []);
    assert_eq!(retrace.counts(), Counts { asked: 2, given: 1, ..Counts::default() });
    let (none, last_id) = (Account::default(), id(2));
    let kept = Remembered { last_id, ..remembered(&none) };
    assert_eq!(retrace.compare(&kept), [], "what is open isn't known");
    let behind = follow(&[&[Event::Started, Event::RecordsLost { count: 1 }], &[OPENED], &[requested(2)], &[given(2)]]);
    assert_eq!(found(&behind), [(5, What::GivenUnheard)]);
}

#[test]
fn a_batch_that_tells_of_lost_lines_ends_with_its_last_line_though_nobody_can_read_it() {
    let mut retrace = Retrace::new();
    retrace.follow(&line(1, Event::RecordsLost { count: 1 }, false));
    retrace.follow(&unreadable(line(2, Event::Closed, true)));
    retrace.follow(&line(3, OPENED, false));
    retrace.follow(&line(4, requested(2), true));
    retrace.follow(&line(5, given(2), true));
    assert_eq!(found(&retrace), [(2, What::Unreadable), (5, What::GivenUnheard)]);
}

#[test]
fn another_pump_answers_nothing_for_the_one_before() {
    let replaced = Event::PumpReplaced { from: Text::default(), doses: 1 };
    let open = [Event::Started, OPENED, requested(1), intended(1)];
    assert_sound(&[&open[..3], &open[3..], &[Event::AssumedGiven { id: id(1) }, replaced], &[Event::Started]]);
    let last = [Event::AssumedGiven { id: id(1) }, Event::Decommissioned, Event::Closed];
    assert_sound(&[&open[..3], &open[3..], &last]);
}

#[test]
fn a_remote_that_goes_out_of_use_waits_for_no_answer() {
    let open = [Event::Started, OPENED, requested(1)];
    for away in [&[][..], &[LOST]] {
        let given_up = [Event::AssumedGiven { id: id(1) }, Event::Decommissioned];
        let batches = [&open[..], away, &given_up];
        assert_sound(&batches.into_iter().filter(|batch| !batch.is_empty()).collect::<Vec<_>>());
    }
    let ended_otherwise = follow(&[&open, &[Event::AssumedGiven { id: id(1) }, Event::Closed]]);
    assert_eq!(found(&ended_otherwise), [(4, What::AssumedUnproved)]);
}

#[test]
fn differences_are_held_up_to_a_limit_and_counted_beyond() {
    let strays = vec![given(1); DIFFERENCES_MAX + 10];
    let retrace = follow_each(&strays);
    assert_eq!((retrace.differences().count(), retrace.more()), (DIFFERENCES_MAX, 10));
    assert_eq!(retrace.counts(), Counts::default(), "an outcome alone is no request");
    let first = retrace.differences().next().unwrap().to_string();
    assert_eq!(first, "record 1: #1: GIVEN: 50 mcg: no request of this number is open");
}

#[test]
fn whatever_comes_after_whatever_little_is_held() {
    let progress = Fate::Delivering { bolus: BOLUS, delivered: Delivered::default(), remaining: Millis::ZERO };
    let events = [
        Event::Started,
        OPENED,
        LOST,
        Event::OutcomeSeen,
        Event::RecordsLost { count: 1 },
        requested(1),
        requested(2),
        intended(1),
        accepted(1),
        not_sure(1, Doubt::LinkLost),
        not_sure(1, Doubt::Restarted),
        told(1, progress),
        told(1, Fate::Voided),
        told(1, stopped(0)),
        not_given(1, NothingBecause::NeverRan),
        given(2),
    ];
    let mut most = 0;
    for number in 0..events.len().pow(4) {
        let mut retrace = Retrace::new();
        for place in 0..4 {
            let event = events[number / events.len().pow(place) % events.len()].clone();
            retrace.follow_event(&Happened { at: at_no_time(), event }, number % 3 > 0);
            assert!(!retrace.possible.is_empty());
            most = most.max(retrace.possible.len());
        }
    }
    assert!(most < 80, "{most} states at a time");
}

fn remembered(account: &Account) -> Remembered<'_> {
    Remembered {
        request: None,
        shown: None,
        last_id: id(0),
        pump: None,
        account,
        pump_seen: Some(NOON),
        stopped: false,
        history_read: HistorySeq(0),
        wrong_codes: 0,
    }
}

fn account(doses: &[(DoseSource, Dose)]) -> Account {
    let mut account = Account::default();
    for (source, dose) in doses {
        let since = Since { pump: NOON, carried: Millis::ZERO, uptime: None };
        account.count(CountedDose { source: *source, dose: *dose, since, lasts: Millis::ZERO });
    }
    account
}

/// What this state has that these lines don't lead to.
fn differs(retrace: &Retrace, remembered: &Remembered<'_>) -> Vec<What> {
    assert_eq!(found(retrace), []);
    retrace.compare(remembered).into_iter().map(|difference| difference.what).collect()
}

#[test]
fn the_open_question_is_the_one_that_the_machine_remembers() {
    let running = [Event::Started, OPENED, requested(4), intended(4), accepted(4)];
    let retrace = follow_each(&running);
    assert_eq!(retrace.open_request(), Some(id(4)));
    let ours = DoseSource::Ours { id: id(4) };
    let counted = account(&[(ours, DOSE)]);
    let progress =
        Progress { bolus: BOLUS, delivered: Delivered::default(), remaining: Millis::ZERO, heard: Uptime::default() };
    let mut request = Request::new(id(4), DOSE, PRESCRIPTION, at(NOON));
    request.state = State::Delivering(progress);
    let base = Remembered { last_id: id(9), ..remembered(&counted) };
    let with = |request: &Request| differs(&retrace, &Remembered { request: Some(request), ..base });
    assert_eq!(with(&request), [], "numbers that the pump named may be higher");
    assert_eq!(differs(&retrace, &base), [What::KeptNotOpen { id: id(4) }]);
    assert_eq!(
        with(&Request { dose: Dose::ZERO, ..request.clone() }),
        [What::KeptRequest { id: id(4), field: "dose" }]
    );
    let stop = What::KeptRequest { id: id(4), field: "wish to stop it" };
    assert_eq!(with(&Request { stop_asked: true, ..request.clone() }), [stop]);
    let stopping = follow_each(&[&running[..], &[Event::StopAsked { id: id(4), reachable: true }]].concat());
    assert_eq!(differs(&stopping, &Remembered { request: Some(&request), ..base }), [stop]);
    let uncertain = State::Uncertain(Verdict::Unknown);
    assert_eq!(with(&Request { state: uncertain, ..request.clone() }), [What::KeptStanding { id: id(4) }]);
    let other = Request { id: id(5), ..request.clone() };
    assert_eq!(with(&other), [What::KeptNotOpen { id: id(4) }, What::KeptOpen { id: id(5) }]);
    let shown = Some(Outcome::AssumedGiven);
    assert_eq!(differs(&retrace, &Remembered { request: Some(&request), shown, ..base }), [What::KeptOutcome]);
    let low = Remembered { request: Some(&request), last_id: id(3), ..base };
    assert_eq!(differs(&retrace, &low), [What::KeptNumber { kept: id(3), last: id(4) }]);
}

#[test]
fn the_open_question_stands_where_the_lines_have_led() {
    let begun = [Event::Started, OPENED, requested(4), intended(4)];
    let running = [&begun[..], &[accepted(4)]].concat();
    let lost = [LOST, not_sure(4, Doubt::LinkLost)];
    let doubted: Vec<&[Event]> = begun.iter().map(core::slice::from_ref).chain([&lost[..]]).collect();
    let silent = [&running[..], &[not_sure(4, Doubt::SilentInDelivery)]].concat();
    let other = BolusRef { bolus: BolusId(9), ..BOLUS };
    let delivering = |bolus| {
        let delivered = Delivered::exactly(Dose::from_micrograms(20));
        State::Delivering(Progress { bolus, delivered, remaining: Millis::from_secs(9), heard: Uptime::default() })
    };
    let not_sure = State::Uncertain;
    let cases = [
        (follow_each(&running), delivering(BOLUS), true),
        (follow_each(&running), delivering(other), false),
        (follow_each(&silent), not_sure(Verdict::Started(BOLUS)), true),
        (follow_each(&silent), not_sure(Verdict::Started(other)), false),
        (follow(&doubted), not_sure(Verdict::Unknown), true),
        (follow(&doubted), not_sure(Verdict::Started(BOLUS)), false),
        // The pump's history can name it as soon as there is a session.
        (follow(&[&doubted[..], &[&[OPENED]]].concat()), not_sure(Verdict::Started(BOLUS)), true),
    ];
    let counted = account(&[(DoseSource::Ours { id: id(4) }, DOSE)]);
    for (number, (retrace, state, stands)) in cases.into_iter().enumerate() {
        let mut request = Request::new(id(4), DOSE, PRESCRIPTION, at(NOON));
        request.state = state;
        let kept = Remembered { request: Some(&request), last_id: id(4), ..remembered(&counted) };
        let differs = differs(&retrace, &kept);
        assert_eq!(differs, if stands { vec![] } else { vec![What::KeptStanding { id: id(4) }] }, "{number}");
    }
}

#[test]
fn what_is_counted_and_what_differs_is_said_in_words() {
    let counts = Counts { asked: 3, begun_before: 1, given: 2, assumed: 1, ..Counts::default() };
    assert_eq!(counts.to_string(), "4 requests followed, 1 begun before the lines at hand, 2 given, 1 assumed given");
    let standing = Difference { seq: 4, line: None, what: What::KeptPump };
    assert!(standing.to_string().starts_with("record 4: "), "{standing}");
    for (of, named) in [
        (DoseSource::Ours { id: id(4) }, "#4"),
        (DoseSource::OtherRemote { bolus: BolusId(5) }, "another remote, bolus 5"),
        (DoseSource::NotDemanded { bolus: BolusId(6) }, "the clinic or of nobody, bolus 6"),
    ] {
        assert!(What::DoseMissing { of }.to_string().contains(named), "{named}");
    }
}

#[test]
fn the_last_outcome_stays_until_it_is_read() {
    let why = NothingBecause::Expired;
    let ended = [Event::Started, OPENED, requested(4), told(4, Fate::Voided), not_given(4, why)];
    let (none, shown) = (Account::default(), Some(Outcome::NotGiven(why)));
    let base = Remembered { last_id: id(4), ..remembered(&none) };
    let unread = follow_each(&ended);
    assert_eq!(differs(&unread, &Remembered { shown, ..base }), []);
    assert_eq!(differs(&unread, &base), [What::KeptOutcome]);
    let read = follow_each(&[&ended[..], &[Event::OutcomeSeen]].concat());
    assert_eq!(differs(&read, &base), []);
    assert_eq!(differs(&read, &Remembered { shown, ..base }), [What::KeptOutcome]);

    // One that was given makes way by itself.
    let counted = account(&[(DoseSource::Ours { id: id(4) }, DOSE)]);
    let given = follow_each(&[Event::Started, OPENED, requested(4), intended(4), accepted(4), given(4)]);
    let base = Remembered { last_id: id(4), ..remembered(&counted) };
    for shown in [None, Some(Outcome::Delivered { bolus: BOLUS })] {
        assert_eq!(differs(&given, &Remembered { shown, ..base }), []);
    }
}

#[test]
fn the_rest_that_lines_tell_of_is_compared() {
    let serial: Text<16> = Text::new("SIM-000042").unwrap();
    let bound = Event::PumpBound { serial: serial.clone() };
    let imported = Event::HistoryImported { head: HistorySeq(40) };
    let codes = Event::CodeWrong { in_a_row: 1 };
    let retrace = follow_each(&[Event::Started, bound, OPENED, imported, Event::DeliveryStopped, codes]);
    let none = Account::default();
    let sound = Remembered {
        pump: Some(&serial),
        stopped: true,
        history_read: HistorySeq(41),
        wrong_codes: 1,
        ..remembered(&none)
    };
    assert_eq!(differs(&retrace, &sound), []);
    assert_eq!(differs(&retrace, &Remembered { pump: None, ..sound }), [What::KeptPump]);
    assert_eq!(differs(&retrace, &Remembered { stopped: false, ..sound }), [What::KeptStopped]);
    assert_eq!(differs(&retrace, &Remembered { history_read: HistorySeq(39), ..sound }), [What::KeptHistory]);
    let codes = What::KeptCodes { kept: 0, lines: 1 };
    assert_eq!(differs(&retrace, &Remembered { wrong_codes: 0, ..sound }), [codes]);
    let open = Request::new(id(2), DOSE, PRESCRIPTION, at(NOON));
    assert_eq!(differs(&retrace, &Remembered { request: Some(&open), ..sound }), [What::KeptOpen { id: id(2) }]);
}

#[test]
fn the_rest_follows_each_line_that_tells_of_it() {
    let serial: Text<16> = Text::new("SIM-000042").unwrap();
    let bound = Event::PumpBound { serial: serial.clone() };
    let imported = Event::HistoryImported { head: HistorySeq(40) };
    let gap = Event::HistoryGap { from: HistorySeq(21), until: HistorySeq(30) };
    let replaced = Event::PumpReplaced { from: Text::default(), doses: 0 };
    let wrong = |in_a_row| Event::CodeWrong { in_a_row };
    let none = Account::default();
    let new = remembered(&none);
    let found = |events: &[Event], kept: Remembered<'_>| differs(&follow_each(events), &kept);
    assert_eq!(found(&[], Remembered { pump: Some(&serial), ..new }), [What::KeptPump]);
    assert_eq!(found(&[], Remembered { stopped: true, ..new }), [What::KeptStopped]);
    assert_eq!(found(&[Event::DeliveryStopped, Event::DeliveryStarted], new), []);
    let before = [bound, imported.clone(), Event::DeliveryStopped, replaced];
    assert_eq!(found(&before, new), []);
    let strange = account(&[(DoseSource::Ours { id: id(1) }, DOSE)]);
    assert_eq!(found(&before, Remembered { account: &strange, ..new }), [], "of the doses before nothing is known");
    assert_eq!(found(&before, Remembered { stopped: true, ..new }), [What::KeptStopped]);
    let read = |head| Remembered { history_read: HistorySeq(head), ..new };
    assert_eq!(found(&[imported.clone(), gap.clone()], read(20)), []);
    assert_eq!(found(&[imported, gap], read(19)), [What::KeptHistory]);
    // A right code has no line of its own: what it asked for has, or that it came too late.
    assert_eq!(found(&[wrong(1), Event::AttemptUnconfirmed], new), []);
    assert_eq!(found(&[wrong(1), Event::AttemptUnconfirmed, wrong(1)], Remembered { wrong_codes: 1, ..new }), []);
    assert_eq!(found(&[wrong(1), Event::AttemptUnconfirmed, wrong(2)], Remembered { wrong_codes: 2, ..new }), []);
    let lines = What::KeptCodes { kept: 3, lines: 1 };
    assert_eq!(found(&[wrong(1), Event::AttemptUnconfirmed], Remembered { wrong_codes: 3, ..new }), [lines]);
    let lines = What::KeptCodes { kept: 0, lines: 1 };
    assert_eq!(found(&[wrong(1)], new), [lines]);
}

#[test]
fn the_doses_that_must_count_do_and_no_others() {
    let (ours, clinics) = (DoseSource::Ours { id: id(4) }, DoseSource::NotDemanded { bolus: BolusId(8) });
    let half = Dose::from_micrograms(25);
    let started = HistoryEvent::BolusStarted {
        bolus: BolusId(8),
        origin: Origin::Clinician,
        dose: half,
        concentration: Concentration::from_micrograms_per_millilitre(2_000),
    };
    let entry = HistoryEntry { seq: HistorySeq(9), at: NOON, event: started };
    let running =
        [Event::Started, OPENED, requested(4), intended(4), accepted(4), given(4), Event::DoseOfOthers { entry }];
    let retrace = follow_each(&running);
    let after = |doses: &[(DoseSource, Dose)], pump_seen| {
        let account = account(doses);
        differs(&retrace, &Remembered { last_id: id(4), pump_seen: Some(pump_seen), ..remembered(&account) })
    };
    assert_eq!(after(&[(ours, DOSE), (clinics, half)], NOON), []);
    assert_eq!(after(&[(ours, DOSE)], NOON), [], "that nothing of it went in is no line");
    assert_eq!(after(&[], NOON), [What::DoseMissing { of: ours }]);
    let reached = NOON.after(Millis::from_hours(7 * 24 - 2));
    assert_eq!(after(&[], reached), [What::DoseMissing { of: ours }], "its reach begins with its last moment");
    assert_eq!(after(&[], NOON.after(Millis::from_hours(8 * 24))), [], "no limit reaches it any more");
    assert_eq!(after(&[(ours, half)], NOON), [What::DoseAmount { of: ours, kept: half, lines: DOSE }]);
    let strange = DoseSource::OtherRemote { bolus: BolusId(1) };
    assert_eq!(after(&[(ours, DOSE), (strange, half)], NOON), [What::DoseUntold { of: strange }]);

    let stop = Event::StopAsked { id: id(4), reachable: true };
    let nothing = [stop, told(4, stopped(0)), not_given(4, NothingBecause::StoppedInTime)];
    let retrace = follow_each(&[&running[..5], &nothing].concat());
    let account = account(&[(ours, DOSE)]);
    let shown = Some(Outcome::NotGiven(NothingBecause::StoppedInTime));
    let kept = Remembered { last_id: id(4), shown, ..remembered(&account) };
    assert_eq!(differs(&retrace, &kept), [What::DoseUntold { of: ours }]);
}

#[test]
fn a_dose_counts_from_its_commit_as_what_the_pump_says_it_is_and_when_it_is_assumed() {
    let ours = DoseSource::Ours { id: id(4) };
    let begun = [Event::Started, OPENED, requested(4), intended(4)];
    let none = account(&[]);
    let mut request = Request::new(id(4), DOSE, PRESCRIPTION, at(NOON));
    request.state = State::Uncertain(Verdict::Unknown);
    let base = Remembered { last_id: id(4), ..remembered(&none) };
    let open = Remembered { request: Some(&request), ..base };
    assert_eq!(differs(&follow_each(&begun), &open), [What::DoseMissing { of: ours }]);

    let bolus = BolusRef { dose: MORE, ..BOLUS };
    let running = follow_each(&[&begun[..], &[Event::Accepted { id: id(4), bolus }]].concat());
    let progress =
        Progress { bolus, delivered: Delivered::default(), remaining: Millis::ZERO, heard: Uptime::default() };
    request.state = State::Delivering(progress);
    let more = account(&[(ours, bolus.dose)]);
    assert_eq!(differs(&running, &Remembered { request: Some(&request), account: &more, ..base }), []);

    let given_up = [Event::AssumedGiven { id: id(4) }, Event::Decommissioned];
    let counted = account(&[(ours, DOSE)]);
    let shown = Some(Outcome::AssumedGiven);
    let kept = Remembered { account: &counted, shown, ..base };
    assert_eq!(differs(&follow(&[&begun[..3], &given_up]), &kept), []);
}

#[test]
fn of_a_pruned_record_the_outcome_that_it_tells_is_known() {
    let mut retrace = Retrace::new();
    retrace.follow(&line(500, given(7), true));
    let (none, shown) = (account(&[]), Some(Outcome::AssumedGiven));
    let kept = Remembered { shown, last_id: id(7), pump_seen: None, ..remembered(&none) };
    assert_eq!(differs(&retrace, &kept), [What::KeptOutcome]);
}

#[test]
fn a_key_of_the_pump_says_whose_a_dose_is() {
    let started = HistoryEvent::BolusStarted {
        bolus: BolusId(8),
        origin: Origin::Remote { key: KeyFingerprint([1; 8]), id: id(6) },
        dose: DOSE,
        concentration: Concentration::from_micrograms_per_millilitre(2_000),
    };
    let entry = HistoryEntry { seq: HistorySeq(9), at: NOON, event: started };
    for (event, of) in [
        (Event::DoseOfOthers { entry }, DoseSource::OtherRemote { bolus: BolusId(8) }),
        (Event::DoseUnknownToRecord { entry }, DoseSource::Ours { id: id(6) }),
    ] {
        let account = account(&[(of, DOSE)]);
        let retrace = follow_each(&[Event::Started, OPENED, event]);
        assert_eq!(differs(&retrace, &Remembered { last_id: id(6), ..remembered(&account) }), []);
    }
}

#[test]
fn a_pump_that_lost_its_clock_ages_no_dose_too_fast() {
    let ours = DoseSource::Ours { id: id(4) };
    let mut retrace = follow_each(&[Event::Started, OPENED, requested(4), intended(4), accepted(4), given(4)]);
    let reset = PumpTime::new(2, Millis::ZERO);
    retrace.follow_event(&Happened { at: at(NOON), event: Event::PumpReset { epoch: 2 } }, true);
    let account = account(&[]);
    let seen = |pump_seen| {
        let kept = Remembered { last_id: id(4), pump_seen: Some(pump_seen), ..remembered(&account) };
        differs(&retrace, &kept)
    };
    assert_eq!(seen(reset.after(Millis::from_hours(24))), [What::DoseMissing { of: ours }]);
    assert_eq!(seen(reset.after(Millis::from_hours(7 * 24))), []);
}

#[test]
fn of_a_pruned_record_the_doses_of_its_own_requests_are_known() {
    let mut retrace = Retrace::new();
    for (seq, event) in (500..).zip([Event::Started, OPENED, requested(8)]) {
        retrace.follow(&line(seq, event, true));
    }
    let mut request = Request::new(id(8), DOSE, PRESCRIPTION, at(NOON));
    request.state = State::Created { durable: true, asked: None };
    let (before, own) = (DoseSource::Ours { id: id(7) }, DoseSource::Ours { id: id(8) });
    let others = DoseSource::OtherRemote { bolus: BolusId(1) };
    let account = account(&[(before, DOSE), (own, DOSE), (others, DOSE)]);
    let kept = Remembered { request: Some(&request), last_id: id(8), ..remembered(&account) };
    assert_eq!(differs(&retrace, &kept), [What::DoseUntold { of: own }], "of the others the lines are gone");
}

#[test]
fn a_pruned_record_can_begin_with_a_dose_that_differed() {
    let mut retrace = Retrace::new();
    for (seq, event) in (500..).zip([differed(7, DOSE, MORE), given(7)]) {
        retrace.follow(&line(seq, event, true));
    }
    assert_eq!((found(&retrace), retrace.counts().given), (vec![], 1));
}

#[test]
fn a_clock_of_another_epoch_makes_no_dose_older_or_younger() {
    let heard = |at: &[PumpTime]| {
        let mut doses = Doses::from_the_beginning();
        doses.heard(NOON);
        doses.count_ours(id(4), Some(DOSE), Some(NOON));
        for at in at {
            doses.heard(*at);
        }
        doses
    };
    let missing = |doses: &Doses, seen| doses.compare(&Account::default(), Some(seen)).len();
    let (before, behind) = (PumpTime::new(0, Millis::from_hours(99)), PumpTime::new(2, Millis::ZERO));
    assert_eq!(missing(&heard(&[]), NOON), 1);
    assert_eq!(missing(&heard(&[before]), NOON), 1, "an old word");
    let mut unexplained = heard(&[behind]);
    assert_eq!(missing(&unexplained, behind), 0, "of a clock that was never heard of no age is known");
    unexplained.count_ours(id(5), Some(DOSE), None);
    assert_eq!(missing(&unexplained, behind), 1, "it is known from there on");
}

#[test]
fn no_more_doses_are_held_than_the_machine_holds_several_times() {
    let (most, mut doses) = (4 * DOSES_MAX, Doses::from_the_beginning());
    doses.heard(NOON);
    let told = |bolus: usize| DoseSource::NotDemanded { bolus: BolusId(u32::try_from(bolus).unwrap()) };
    (0..most).for_each(|bolus| doses.count_told(told(bolus), DOSE));
    let first = account(&[(told(0), DOSE)]);
    assert_eq!(doses.compare(&first, Some(NOON)), []);
    doses.count_told(told(most), DOSE);
    assert_eq!(doses.compare(&first, Some(NOON)), [What::DoseUntold { of: told(0) }]);

    let mut doses = Doses::from_the_beginning();
    doses.heard(NOON);
    (0..DOSES_MAX as u64).for_each(|number| doses.count_ours(id(number), Some(DOSE), None));
    let missing = doses.compare(&Account::default(), Some(NOON)).len();
    assert_eq!(missing, DOSES_MAX / 2, "an account that is half full still has room for what others were given");
}
