//! An answer fits nothing that was asked.
//!
//! Pre:  READY, or NOT SURE.
//! Step: the pump answers a question with something else, or a question about one request with another's fate.
//! Post: the session ends and that is on record; nothing was settled by it; the next session goes on as if it had not been said.

use pump_core::{
    audit::event::{Event, LinkLoss},
    ledger::{State, Verdict},
};
use pump_protocol::{
    clock::PumpTime,
    history::{BolusId, HistorySeq},
    message::{BolusRef, Denial, DenyReason, DenyReasons, Fate, Nonce, Reply},
};
use pump_tests::{CommandKind, Effect, Point, World, id};

use crate::words::{DOSE, is_not_sure, is_ready, mins, prepares, secs, was_delivered_once, was_not_given};

fn hung_up(world: &World) -> (usize, usize) {
    let lost = |event: &Event| matches!(event, Event::SessionLost { why: LinkLoss::OutOfPlace });
    (world.recorded(|event| matches!(event, Event::AnswerOutOfPlace)), world.recorded(lost))
}

#[test]
fn an_answer_that_fits_nothing_ends_the_session_and_settles_nothing() {
    let granted = Reply::Granted { id: id(1), nonce: Nonce([9; 16]), dose: DOSE, life: secs(10) };
    let fate = Reply::Fate { id: id(1), fate: Fate::Voided, watermark: id(1) };
    for answer in [granted, fate, Reply::PairingConfirmed] {
        let mut world = World::ready();
        world.pump_is_honest = false;
        world.fault(CommandKind::Other, Point::AfterReceipt, Effect::Answer(Box::new(answer)));
        world.pass(secs(31));
        // proves R-LNK-03
        assert_eq!(hung_up(&world), (1, 1));
        world.pass(secs(3));
        assert!(is_ready(&world), "{:?}", world.face());
        assert_eq!((prepares(&world), world.started()), (0, 0));
    }
}

#[test]
fn another_requests_fate_settles_no_doubt() {
    let mut world = World::ready();
    world.pump_is_honest = false;
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    let others = Reply::Fate { id: id(2), fate: Fate::Denied, watermark: id(9) };
    world.fault(CommandKind::Query, Point::AfterReceipt, Effect::Answer(Box::new(others)));
    world.hold_dose();
    world.pass(secs(1));
    assert!(is_not_sure(&world), "{:?}", world.face());
    let state = world.remote.request().map(|request| request.state.clone());
    // proves R-LNK-03
    assert_eq!(state, Some(State::Uncertain(Verdict::Unknown)));
    assert_eq!(hung_up(&world), (1, 1));
    world.pass(mins(5));
    was_delivered_once(&world, 1);
}

#[test]
fn an_answer_about_another_request_ends_the_session_and_settles_nothing() {
    let (other, denial) =
        (id(2), Denial { reasons: DenyReasons::default().with(DenyReason::Lockout), retry_after: mins(9) });
    let bolus = BolusRef { bolus: BolusId(1), history_seq: HistorySeq(1), start: PumpTime::default(), dose: DOSE };
    let granted = Reply::Granted { id: other, nonce: Nonce([9; 16]), dose: DOSE, life: secs(10) };
    for (at, answer) in [
        (CommandKind::Prepare, granted),
        (CommandKind::Prepare, Reply::Denied { id: other, denial }),
        (CommandKind::Commit, Reply::Accepted { id: other, bolus }),
        (CommandKind::Commit, Reply::Rejected { id: other, denial }),
    ] {
        let mut world = World::ready();
        world.pump_is_honest = false;
        world.fault(at, Point::AfterReceipt, Effect::Answer(Box::new(answer)));
        world.hold_dose();
        // proves R-LNK-03
        assert_eq!(hung_up(&world), (1, 1), "{at:?}");
        assert_eq!(is_not_sure(&world), at == CommandKind::Commit);
        world.pass(mins(5));
        assert_eq!(world.remote.request(), None, "{at:?}");
        if at == CommandKind::Commit {
            was_delivered_once(&world, 1);
        } else {
            was_not_given(&world, 1);
        }
    }
}
