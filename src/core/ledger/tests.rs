//! One request through a restart and the disk: the same question, with no more hope than before.

use pump_protocol::{
    clock::{PumpTime, Uptime},
    history::{BolusEnd, BolusId, Delivered, HistorySeq},
    message::{BolusRef, Fate, Nonce, RequestId},
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
    wire::{decode, encode},
};

use super::{
    Grant, Outcome, Progress, Request, State, Verdict,
    settle::{Step, bolus_ended, settle, settle_by_silence_of_history},
};
use crate::audit::event::{Moment, NothingBecause};

const ID: RequestId = RequestId(7);
const DOSE: Dose = Dose::from_micrograms(50);
const START: PumpTime = PumpTime::new(1, Millis::ZERO);
const HEARD: Uptime = Uptime::from_millis(9);
const BOLUS: BolusRef = BolusRef { bolus: BolusId(3), history_seq: HistorySeq(4), start: START, dose: DOSE };
const GRANT: Grant = Grant { nonce: Nonce([5; 16]), deadline: Uptime::from_millis(60_000), latest_start: START };
const PROGRESS: Progress = Progress { bolus: BOLUS, delivered: HALF, remaining: Millis::from_mins(2), heard: HEARD };
const HALF: Delivered = Delivered { at_least: Dose::from_micrograms(20), at_most: Dose::from_micrograms(25) };
const WHY: NothingBecause = NothingBecause::Expired;

const CREATED: State = State::Created { durable: true, asked: None };
const UNCERTAIN: State = State::Uncertain(Verdict::Unknown);
const STARTED: State = State::Uncertain(Verdict::Started(BOLUS));
const FORGOTTEN: State = State::Uncertain(Verdict::Forgotten);

fn withdrawing(confirmed: bool) -> State {
    State::Withdrawing { why: WHY, confirmed }
}

fn in_state(state: State) -> Request {
    Request { state, ..Request::new(ID, DOSE, PrescriptionHash([0; 32]), Moment::default()) }
}

#[test]
fn only_what_may_run_is_doubted() {
    assert_eq!(State::CommitIntent { grant: GRANT, sent: true }.doubted(), Some(UNCERTAIN));
    assert_eq!(State::Delivering(PROGRESS).doubted(), Some(STARTED));
    assert_eq!(
        [CREATED, State::Granted(GRANT), withdrawing(false), UNCERTAIN].map(|state| state.doubted()),
        [const { None }; 4]
    );
}

#[test]
fn there_is_something_to_stop_once_commit_may_have_left() {
    let may_run = |state| in_state(state).may_run();
    assert!(!may_run(CREATED) && !may_run(State::Granted(GRANT)) && !may_run(withdrawing(false)));
    assert!(!may_run(State::CommitIntent { grant: GRANT, sent: false }));
    assert!(may_run(State::CommitIntent { grant: GRANT, sent: true }));
    assert!(may_run(State::Delivering(PROGRESS)) && may_run(UNCERTAIN) && may_run(FORGOTTEN));
}

#[test]
fn a_restart_hopes_for_nothing_that_is_not_on_record() {
    let interrupted = State::Withdrawing { why: NothingBecause::Interrupted, confirmed: false };
    for (before, after) in [
        (CREATED, interrupted),
        (State::Granted(GRANT), UNCERTAIN),
        (State::CommitIntent { grant: GRANT, sent: false }, UNCERTAIN),
        (State::CommitIntent { grant: GRANT, sent: true }, UNCERTAIN),
        (State::Delivering(PROGRESS), STARTED),
        (withdrawing(true), withdrawing(false)),
        (STARTED, STARTED),
        (State::Uncertain(Verdict::NeverRan(WHY)), UNCERTAIN),
        (FORGOTTEN, UNCERTAIN),
    ] {
        assert_eq!(in_state(before.clone()).restarted(), in_state(after), "{before:?}");
    }
}

#[test]
fn a_state_comes_back_from_disk_as_what_a_restart_may_assume() {
    for (before, after) in [
        (CREATED, CREATED),
        (State::Granted(GRANT), UNCERTAIN),
        (State::CommitIntent { grant: GRANT, sent: true }, UNCERTAIN),
        (State::Delivering(PROGRESS), State::Delivering(PROGRESS)),
        (withdrawing(true), withdrawing(false)),
        (STARTED, STARTED),
        (State::Uncertain(Verdict::CouldStillRun), UNCERTAIN),
        (FORGOTTEN, UNCERTAIN),
    ] {
        let request = in_state(before.clone());
        assert_eq!(decode(&encode(&request)), Ok(in_state(after)), "{before:?}");
    }
}

#[test]
fn a_void_id_has_not_run_once_the_watermark_covers_it() {
    let voided = |watermark, stopped| settle(ID, &UNCERTAIN, Fate::Voided, RequestId(watermark), stopped, HEARD);
    assert_eq!(voided(6, false), Step::Open(State::Uncertain(Verdict::CouldStillRun)));
    for watermark in [7, 8] {
        let never_ran = State::Uncertain(Verdict::NeverRan(NothingBecause::NeverRan));
        assert_eq!(voided(watermark, false), Step::Open(never_ran));
        let stopped = State::Uncertain(Verdict::NeverRan(NothingBecause::StoppedInTime));
        assert_eq!(voided(watermark, true), Step::Open(stopped));
    }
}

#[test]
fn a_pump_that_denies_what_it_had_accepted_is_not_believed() {
    for state in [State::Delivering(PROGRESS), STARTED] {
        for fate in [Fate::NeverRan, Fate::Granted, Fate::Voided, Fate::Denied, Fate::Rejected, Fate::Forgotten] {
            assert_eq!(settle(ID, &state, fate, ID, false, HEARD), Step::Open(FORGOTTEN), "{state:?}, {fate:?}");
        }
    }
}

#[test]
fn what_was_taken_back_stays_so_until_the_pump_confirms() {
    let heard = |fate| settle(ID, &withdrawing(false), fate, ID, false, HEARD);
    for fate in [Fate::Voided, Fate::Denied, Fate::Rejected, Fate::Forgotten] {
        assert_eq!(heard(fate), Step::Open(withdrawing(true)), "{fate:?}");
    }
    for fate in [Fate::NeverRan, Fate::Granted] {
        assert_eq!(heard(fate), Step::Open(withdrawing(false)), "{fate:?}");
    }
}

#[test]
fn a_bolus_that_ended_gave_what_it_gave() {
    let nothing = Delivered::exactly(Dose::ZERO);
    let perhaps_nothing = Delivered { at_least: Dose::ZERO, at_most: DOSE };
    assert_eq!(bolus_ended(BOLUS, HALF, BolusEnd::Complete), Outcome::Delivered { bolus: BOLUS });
    for end in BolusEnd::ALL.into_iter().filter(|end| *end != BolusEnd::Complete) {
        // Only who stopped it is told that it was stopped in time: a stalled motor is the clinic's business.
        let by_hand = end == BolusEnd::Cancelled;
        let why = if by_hand { NothingBecause::StoppedInTime } else { NothingBecause::BolusEnded(end) };
        assert_eq!(bolus_ended(BOLUS, nothing, end), Outcome::NotGiven(why));
        for delivered in [HALF, perhaps_nothing] {
            assert_eq!(bolus_ended(BOLUS, delivered, end), Outcome::DeliveredInPart { bolus: BOLUS, delivered, end });
        }
    }
}

#[test]
fn a_silent_history_ends_only_what_the_pump_has_spoken_of() {
    let never_ran = State::Uncertain(Verdict::NeverRan(WHY));
    assert_eq!(settle_by_silence_of_history(&withdrawing(true)), Some(Outcome::NotGiven(WHY)));
    assert_eq!(settle_by_silence_of_history(&never_ran), Some(Outcome::NotGiven(WHY)));
    assert_eq!(settle_by_silence_of_history(&FORGOTTEN), Some(Outcome::AssumedGiven));
    let open = [CREATED, State::Granted(GRANT), State::Delivering(PROGRESS), UNCERTAIN, STARTED, withdrawing(false)];
    for state in open.into_iter().chain([State::CommitIntent { grant: GRANT, sent: true }]) {
        assert_eq!(settle_by_silence_of_history(&state), None, "{state:?}");
    }
}

/// It kept the id before it answered GRANT: what it doesn't know of, it has forgotten, and nothing else of it can be believed.
#[test]
fn a_pump_that_never_heard_of_what_it_granted_has_forgotten_it() {
    let sent = State::CommitIntent { grant: GRANT, sent: true };
    for state in [sent, UNCERTAIN, State::Uncertain(Verdict::CouldStillRun), FORGOTTEN] {
        // proves R-REQ-09
        assert_eq!(settle(ID, &state, Fate::NeverRan, RequestId(0), false, HEARD), Step::Open(FORGOTTEN), "{state:?}");
    }
    for (fate, watermark) in [(Fate::Granted, 0), (Fate::Voided, 0), (Fate::Voided, 7), (Fate::Denied, 0)] {
        let settled = settle(ID, &FORGOTTEN, fate, RequestId(watermark), true, HEARD);
        // proves R-REQ-09
        assert_eq!(settled, Step::Open(FORGOTTEN), "{fate:?}");
    }
    let taken_back = withdrawing(false);
    assert_eq!(settle(ID, &taken_back, Fate::NeverRan, RequestId(0), false, HEARD), Step::Open(taken_back));
}
