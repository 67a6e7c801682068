//! How the machine begins, and a link that comes up twice; the rest of it is told by scenarios.

use pump_protocol::{
    clock::PumpTime,
    history::{BolusId, Delivered, HistorySeq},
    message::{AuditHead, BolusRef, Command, KeyFingerprint, Nonce, RequestId},
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
};

use super::{Beginning, Input, Kept, Output, Remote, SILENCE_IN_DELIVERY_MAX, request_deadline};
use crate::{
    audit::event::{Event, Moment},
    fixtures::{hours, now_at},
    ledger::{Grant, PRESS_EXPIRES, Progress, Request, State, Verdict},
    screen::{Intent, Visit},
};

fn beginning(count: u64, kept: Kept, configuration: Option<[u8; 32]>) -> Beginning {
    let head = AuditHead { count, hash: [u8::from(count > 0); 32] };
    Beginning { configuration, ..Beginning::bonded(KeyFingerprint([2; 8]), kept, head) }
}

/// The words of what it wants stored, and what it wants sent.
fn drain(remote: &mut Remote) -> (Vec<&'static str>, Vec<Command>) {
    let (mut kinds, mut sent) = (Vec::new(), Vec::new());
    while let Some(output) = remote.poll_output() {
        match output {
            Output::Store(batch) => kinds.extend(batch.entries.iter().map(|entry| entry.kind)),
            Output::Transmit(command) => sent.push(command),
            Output::Hangup
            | Output::Rest
            | Output::Reach
            | Output::ReadDays
            | Output::ReadLevels
            | Output::Measure
            | Output::KeepConfirmed
            | Output::Fit
            | Output::SetClock(_)
            | Output::CopyRecord => {}
        }
    }
    (kinds, sent)
}

fn noted(beginning: Beginning) -> Vec<&'static str> {
    drain(&mut Remote::restore(beginning, now_at(hours(1)))).0
}

#[test]
fn new_keys_are_on_record() {
    let usual = beginning(3, Kept::default(), None);
    assert_eq!(noted(usual.clone()), ["started", "wall_doubted"]);
    // proves R-REC-21
    assert_eq!(noted(Beginning { paired_now: true, ..usual }), ["started", "wall_doubted", "paired"]);
}

#[test]
fn another_configuration_than_last_time_is_on_record_and_a_first_one_is_not() {
    let kept = || Kept { configuration: Some([1; 32]), ..Kept::default() };
    assert_eq!(noted(beginning(3, kept(), Some([1; 32]))), ["started", "wall_doubted"]);
    // proves R-REC-21
    assert_eq!(noted(beginning(3, kept(), Some([2; 32]))), ["started", "wall_doubted", "configuration_changed"]);
    assert_eq!(noted(beginning(3, kept(), None)), ["started", "wall_doubted", "configuration_changed"]);
    assert_eq!(noted(beginning(0, Kept::default(), Some([2; 32]))), ["started", "wall_doubted"]);
}

#[test]
fn a_link_that_comes_up_twice_lost_the_first() {
    let now = now_at(hours(1));
    let mut remote = Remote::restore(beginning(3, Kept::default(), None), now);
    drain(&mut remote);
    remote.handle(Input::LinkUp, now);
    let (first, greeted) = drain(&mut remote);
    assert!(first.is_empty() && matches!(*greeted, [Command::Hello { .. }]), "{first:?}, {greeted:?}");
    remote.handle(Input::Stored(AuditHead { count: 4, hash: [1; 32] }), now);
    drain(&mut remote);
    remote.handle(Input::LinkUp, now);
    let (second, greeted) = drain(&mut remote);
    assert!(matches!(*greeted, [Command::Hello { .. }]), "{greeted:?}");
    assert_eq!(second, ["session_lost"]);
}

const DOSE: Dose = Dose::from_micrograms(50);
const PRESCRIPTION: PrescriptionHash = PrescriptionHash([0; 32]);
const LATEST_START: PumpTime = PumpTime::new(1, Millis::ZERO);

fn grant() -> Grant {
    Grant { nonce: Nonce([5; 16]), deadline: now_at(hours(1)).uptime.after(hours(1)), latest_start: LATEST_START }
}

fn requested(id: u64) -> Event {
    Event::Requested { id: RequestId(id), dose: DOSE, prescription: PRESCRIPTION }
}

fn intended(id: u64) -> Event {
    Event::CommitIntended { id: RequestId(id), latest_start: LATEST_START }
}

/// A remote whose request 9 is here, with this event on its way to the record.
fn storing(event: &Event, state: State) -> Remote {
    let now = now_at(hours(1));
    let mut remote = Remote::restore(beginning(3, Kept::default(), None), now);
    drain(&mut remote);
    assert!(!remote.all_stored(), "its start");
    remote.handle(Input::Stored(AuditHead { count: 5, hash: [1; 32] }), now);
    assert!(remote.all_stored());
    let pressed = Moment { boot: now.boot, uptime: now.uptime, ..Moment::default() };
    remote.kept.request = Some(Request { state, ..Request::new(RequestId(9), DOSE, PRESCRIPTION, pressed) });
    remote.note(event.clone(), now);
    remote.handle(Input::Tick, now);
    assert_eq!(drain(&mut remote).0, [event.kind()]);
    remote
}

/// No other clock ends a request while nobody answers.
#[test]
fn every_state_that_time_ends_says_when() {
    let now = now_at(hours(1));
    let deadline = |state, pressed| {
        let pressed = Moment { boot: now.boot, uptime: pressed, ..Moment::default() };
        request_deadline(&Request { state, ..Request::new(RequestId(9), DOSE, PRESCRIPTION, pressed) })
    };
    let press_expires = now.uptime.after(PRESS_EXPIRES);
    let sooner = Grant { deadline: now.uptime.after(Millis::from_secs(5)), ..grant() };
    let progress = Progress {
        bolus: BolusRef { bolus: BolusId(1), history_seq: HistorySeq(1), start: LATEST_START, dose: DOSE },
        delivered: Delivered::exactly(Dose::ZERO),
        remaining: Millis::from_mins(4),
        heard: now.uptime,
    };
    for (state, until) in [
        (State::Created { durable: true, asked: None }, Some(press_expires)),
        (State::Created { durable: true, asked: Some(now.uptime) }, None),
        (State::Granted(grant()), Some(press_expires)),
        (State::Granted(sooner), Some(sooner.deadline)),
        (State::CommitIntent { grant: sooner, sent: false }, Some(sooner.deadline)),
        (State::CommitIntent { grant: sooner, sent: true }, None),
        (State::Delivering(progress), Some(now.uptime.after(SILENCE_IN_DELIVERY_MAX))),
        (State::Uncertain(Verdict::Unknown), None),
    ] {
        // proves R-REQ-03
        assert_eq!(deadline(state.clone(), now.uptime), until, "{state:?}");
    }
}

#[test]
fn a_request_waits_for_its_own_record_and_no_other() {
    let now = now_at(hours(1));
    let created = |durable| State::Created { durable, asked: None };
    let granted = || State::Granted(grant());
    for (event, before, after) in [
        (requested(9), created(false), created(true)),
        (requested(7), created(false), created(false)),
        (intended(9), granted(), State::CommitIntent { grant: grant(), sent: false }),
        (intended(7), granted(), granted()),
        (intended(9), created(false), created(false)),
        (requested(9), granted(), granted()),
    ] {
        let mut remote = storing(&event, before);
        remote.handle(Input::Stored(AuditHead { count: 6, hash: [2; 32] }), now);
        // proves R-REQ-01
        assert_eq!(remote.request().map(|request| request.state.clone()), Some(after), "{event:?}");
    }
}

#[test]
fn what_was_not_stored_takes_back_its_own_request_and_no_other() {
    let now = now_at(hours(1));
    let created = |asked| State::Created { durable: false, asked };
    let taken_back = |id, state| {
        let mut remote = storing(&requested(id), state);
        remote.handle(Input::NotStored, now);
        matches!(remote.request().map(|request| &request.state), Some(State::Withdrawing { .. }))
    };
    assert!(taken_back(9, created(None)) && taken_back(9, State::Granted(grant())));
    assert!(!taken_back(7, created(None)) && !taken_back(7, State::Granted(grant())));
    assert!(!taken_back(9, created(Some(now.uptime))), "PREPARE has left: its answer is waited for");
}

#[test]
fn an_intent_whose_record_was_refused_is_withheld_on_record() {
    let mut remote = storing(&intended(9), State::Granted(grant()));
    remote.handle(Input::NotStored, now_at(hours(1)));
    remote.handle(Input::Tick, now_at(hours(1).saturating_add(Millis::from_secs(6))));
    let kinds = drain(&mut remote).0;
    assert!(kinds.starts_with(&["commit_intended", "commit_withheld"]), "{kinds:?}");
}

/// How often each visit of these pages has something read.
fn read_by<const N: usize>(visits: [Visit; N], what: fn(&Output) -> bool) -> [usize; N] {
    let now = now_at(hours(1));
    let mut remote = Remote::restore(beginning(3, Kept::default(), None), now);
    visits.map(|page| {
        remote.handle(Input::Intent(Intent::Visit(page)), now);
        std::iter::from_fn(|| remote.poll_output()).filter(what).count()
    })
}

#[test]
fn only_the_reservoir_page_reads_levels() {
    let visits = [Visit::Caregiver, Visit::Reservoir, Visit::History, Visit::Reservoir, Visit::Patient];
    assert_eq!(read_by(visits, |output| matches!(output, Output::ReadLevels)), [0, 1, 0, 1, 0]);
}

#[test]
fn only_the_pages_of_days_read_them_and_each_visit_reads_them_anew() {
    let visits = [
        Visit::Caregiver,
        Visit::History,
        Visit::Alarms,
        Visit::History,
        Visit::Day(20_717),
        Visit::Clinic,
        Visit::Reservoir,
        Visit::Patient,
    ];
    assert_eq!(read_by(visits, |output| matches!(output, Output::ReadDays)), [0, 1, 0, 1, 1, 1, 0, 0]);
}
