//! One id, one fate.

use pump_protocol::{
    clock::{CivilTime, PumpTime},
    history::{BolusEnd, Delivered, HistorySeq},
    message::{
        AuditHead, Command, DenyReason, Fate, GRANT_LIFE_MAX, KeyFingerprint, Nonce, RefusedReason, Reply, RequestId,
        Role, StatusChanged,
    },
    quantity::{Concentration, Dose, Millis, Volume},
};

use super::{Happening, PATIENT, SECOND, bench, mcg, only, prepare};

#[test]
fn a_dose_is_granted_committed_and_delivered() {
    let mut bench = bench();
    bench.pass(Millis::from_secs(3));
    let reply = bench.prepare(PATIENT, 1);
    let Reply::Granted { nonce, dose, life, .. } = reply else { unreachable!("{reply:?}") };
    assert_eq!((dose, life), (mcg(50), GRANT_LIFE_MAX));
    assert_eq!(bench.fate(PATIENT, 1), Fate::Granted);
    let accepted = bench.commit(PATIENT, 1, nonce);
    let Reply::Accepted { bolus, .. } = accepted else { unreachable!("{accepted:?}") };
    assert_eq!(bolus.history_seq, HistorySeq(1));
    assert_eq!(bolus.start, PumpTime::new(1, Millis::from_secs(3)));
    bench.pass(Millis::from_mins(1));
    let delivered = Delivered::exactly(Dose::from_nanograms(12_500));
    assert_eq!(bench.fate(PATIENT, 1), Fate::Delivering { bolus, delivered, remaining: Millis::from_mins(3) });
    bench.pass(Millis::from_mins(3));
    assert_eq!(bench.fate(PATIENT, 1), Fate::Done { bolus });
    assert_eq!(bench.pump.history().count(), 2, "one entry at its start, one at its end");
}

#[test]
fn hello_opens_every_session() {
    let mut bench = bench();
    let refused = Reply::Refused { reason: RefusedReason::NotGreeted };
    assert_eq!(bench.say(SECOND, &Command::ReadReport), refused, "a session that nobody opened");
    bench.pump.session_opened(SECOND);
    assert_eq!(bench.say(SECOND, &Command::ReadReport), refused);
    assert_eq!(bench.prepare(SECOND, 1), refused);
    bench.hello(SECOND);
    assert!(matches!(bench.say(SECOND, &Command::ReadReport), Reply::Report(_)));
    bench.pump.session_closed(SECOND);
    assert_eq!(bench.say(SECOND, &Command::ReadReport), refused);
}

#[test]
fn the_pump_says_where_our_record_stood_when_we_last_told_it() {
    let mut bench = bench();
    let heads = [5, 6].map(|count| AuditHead { count, hash: [7; 32] });
    let prescription = bench.hash();
    bench.say(PATIENT, &Command::Prepare { id: RequestId(4), prescription, audit_head: heads[0] });
    bench.pump.session_opened(PATIENT);
    let reply = bench.say(PATIENT, &Command::Hello { audit_head: heads[1] });
    let Reply::Hello(hello) = reply else { unreachable!("{reply:?}") };
    assert_eq!(hello.witness, Some(heads[0]));
    assert_eq!((hello.last_id, hello.last_fate), (RequestId(4), Fate::Voided));
    assert_eq!(bench.hello(PATIENT).witness, Some(heads[1]));
    // proves R-PMP-21
    assert_eq!(bench.hello(PATIENT).witness, Some(heads[1]), "a record that went back is noticed again and again");
    assert_eq!(bench.greet(SECOND).witness, None, "the other remote's record is its own");
}

#[test]
fn two_remotes_cannot_both_hold_a_grant() {
    let mut bench = bench();
    bench.greet(SECOND);
    let nonce = bench.grant(PATIENT, 1);
    let reply = bench.prepare(SECOND, 1);
    let Reply::Denied { denial, .. } = reply else { unreachable!("{reply:?}") };
    // proves R-PMP-02
    assert_eq!((denial.reasons, denial.retry_after), (only(DenyReason::GrantLive), GRANT_LIFE_MAX));
    assert!(matches!(bench.commit(SECOND, 1, nonce), Reply::Rejected { .. }), "another's nonce buys nothing");
    assert!(matches!(bench.commit(PATIENT, 1, nonce), Reply::Accepted { .. }));
}

#[test]
fn the_same_prepare_gets_the_same_grant_with_what_is_left_of_its_life() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    bench.pass(Millis::from_secs(4));
    let again = bench.prepare(PATIENT, 1);
    let life = Millis::from_secs(6);
    assert_eq!(again, Reply::Granted { id: RequestId(1), nonce, dose: mcg(50), life });
}

#[test]
fn the_same_id_with_other_content_is_denied_for_good() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    let other = prepare(1, pump_protocol::prescription::PrescriptionHash([9; 32]));
    let reply = bench.say(PATIENT, &other);
    let Reply::Denied { denial, .. } = reply else { unreachable!("{reply:?}") };
    // proves R-PMP-04
    assert!(denial.reasons.contains(DenyReason::IdUsed) && denial.reasons.contains(DenyReason::PrescriptionChanged));
    let rejected = bench.commit(PATIENT, 1, nonce);
    assert!(matches!(rejected, Reply::Rejected { .. }), "DENIED was final: {rejected:?}");
    assert_eq!(bench.started(PATIENT, 1), 0);
}

#[test]
fn the_same_commit_again_is_answered_again_and_gives_nothing_more() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    let first = bench.commit(PATIENT, 1, nonce);
    bench.pass(Millis::from_hours(3));
    assert_eq!(bench.commit(PATIENT, 1, nonce), first);
    let other = bench.commit(PATIENT, 1, Nonce([99; 16]));
    // proves R-PMP-06
    assert!(matches!(other, Reply::Fate { fate: Fate::Done { .. }, .. }), "never REJECTED: {other:?}");
    assert!(matches!(bench.prepare(PATIENT, 1), Reply::Fate { fate: Fate::Done { .. }, .. }));
    // proves R-PMP-04
    assert_eq!(bench.started(PATIENT, 1), 1);
}

#[test]
fn a_commit_after_the_deadline_is_rejected_for_good() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    bench.pass(GRANT_LIFE_MAX);
    assert_eq!(bench.fate(PATIENT, 1), Fate::Voided);
    let reply = bench.commit(PATIENT, 1, nonce);
    let Reply::Rejected { denial, .. } = reply else { unreachable!("{reply:?}") };
    assert_eq!(denial.reasons, only(DenyReason::NoGrant));
    assert_eq!(bench.fate(PATIENT, 1), Fate::Rejected);
    assert!(matches!(bench.prepare(PATIENT, 1), Reply::Denied { .. }));
    assert_eq!(bench.commit(PATIENT, 1, nonce), reply, "and stays rejected");
}

#[test]
fn a_commit_a_millisecond_before_the_deadline_is_accepted() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    bench.pass(GRANT_LIFE_MAX.saturating_sub(Millis::new(1)));
    assert!(matches!(bench.commit(PATIENT, 1, nonce), Reply::Accepted { .. }));
}

#[test]
fn a_commit_in_another_session_finds_no_grant() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    bench.greet(PATIENT);
    assert_eq!(bench.fate(PATIENT, 1), Fate::Voided);
    assert!(matches!(bench.commit(PATIENT, 1, nonce), Reply::Rejected { .. }));
    // proves R-PMP-03
    assert_eq!(bench.started(PATIENT, 1), 0);
}

#[test]
fn a_second_commit_in_another_session_learns_the_fate() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    bench.commit(PATIENT, 1, nonce);
    bench.greet(PATIENT);
    let reply = bench.commit(PATIENT, 1, nonce);
    assert!(matches!(reply, Reply::Fate { fate: Fate::Delivering { .. }, .. }), "{reply:?}");
    assert_eq!(bench.started(PATIENT, 1), 1);
}

#[test]
fn a_wrong_nonce_burns_the_grant() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    assert!(matches!(bench.commit(PATIENT, 1, Nonce([99; 16])), Reply::Rejected { .. }));
    assert!(matches!(bench.commit(PATIENT, 1, nonce), Reply::Rejected { .. }));
    // proves R-PMP-03
    assert_eq!(bench.started(PATIENT, 1), 0);
}

#[test]
fn every_change_at_the_pump_kills_the_grant() {
    let changes: [(&str, Happening); 10] = [
        ("program", |bench| bench.reprogram(|_| {})),
        ("refill", |bench| {
            let liquid = Concentration::from_micrograms_per_millilitre(2000);
            bench.pump.refill(Volume::from_microlitres(20_000), liquid).expect("fits");
        }),
        ("stop", |bench| bench.pump.stop()),
        ("stop and start", |bench| {
            bench.pump.stop();
            bench.pump.start();
        }),
        ("stall", |bench| bench.pump.stall()),
        ("occlusion", |bench| bench.pump.occlusion(true)),
        ("eri", |bench| bench.pump.eri()),
        ("civil clock", |bench| bench.pump.set_civil(CivilTime::default())),
        ("reset", |bench| {
            bench.pump.reset();
            bench.greet(PATIENT);
        }),
        ("clinician's bolus", |bench| bench.pump.clinician_bolus(mcg(1)).expect("runs")),
    ];
    for (what, change) in changes {
        let mut bench = bench();
        let nonce = bench.grant(PATIENT, 1);
        change(&mut bench);
        // proves R-PMP-02
        assert_eq!(bench.fate(PATIENT, 1), Fate::Voided, "after {what}");
        assert!(matches!(bench.commit(PATIENT, 1, nonce), Reply::Rejected { .. }), "after {what}");
        assert_eq!(bench.started(PATIENT, 1), 0, "after {what}");
    }
}

#[test]
fn commit_checks_everything_again() {
    // Pre: the reservoir holds one dose above the low threshold, to the nanolitre.
    let mut bench = bench();
    let liquid = Concentration::from_micrograms_per_millilitre(2000);
    bench.pump.refill(Volume::from_microlitres(2_025), liquid).expect("fits");
    // Step: it is granted; before COMMIT comes, a few seconds of basal leave too little.
    let nonce = bench.grant(PATIENT, 1);
    bench.pass(Millis::from_secs(5));
    assert_eq!(bench.fate(PATIENT, 1), Fate::Granted, "nothing was announced that would kill the grant");
    let reply = bench.commit(PATIENT, 1, nonce);
    // Post: no bolus; the nonce is burnt.
    let Reply::Rejected { denial, .. } = reply else { unreachable!("{reply:?}") };
    // proves R-PMP-01
    assert_eq!(denial.reasons, only(DenyReason::LowReservoir));
    assert_eq!((bench.fate(PATIENT, 1), bench.started(PATIENT, 1)), (Fate::Rejected, 0));
}

#[test]
fn a_key_that_became_a_viewers_between_prepare_and_commit_gets_no_dose() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    let command = Command::Commit { id: RequestId(1), nonce, prescription: bench.hash() };
    let reply = bench.pump.handle(PATIENT, Role::Viewer, &command, Nonce::default());
    let Reply::Rejected { denial, .. } = reply else { unreachable!("{reply:?}") };
    // proves R-PMP-24
    assert_eq!(denial.reasons, only(DenyReason::NotPermitted));
}

#[test]
fn a_viewer_may_look_and_not_ask() {
    let mut bench = bench();
    let mut view = |command: &Command| bench.pump.handle(PATIENT, Role::Viewer, command, Nonce::default());
    assert!(matches!(view(&Command::ReadReport), Reply::Report(_)));
    assert!(matches!(view(&Command::ReadHistory { from: HistorySeq(1) }), Reply::History(_)));
    let acknowledge = Command::Acknowledge { annunciation: 1, confirm: true };
    assert_eq!(view(&acknowledge), Reply::Refused { reason: RefusedReason::NotPermitted });
}

#[test]
fn an_aborted_id_never_runs_nor_does_any_below_it() {
    let mut bench = bench();
    assert_eq!(bench.fate(PATIENT, 7), Fate::NeverRan);
    let nonce = bench.grant(PATIENT, 5);
    assert_eq!(bench.abort(7), Fate::Voided);
    // proves R-PMP-05
    assert!(matches!(bench.commit(PATIENT, 5, nonce), Reply::Rejected { .. }), "5 is below 7");
    for id in [4, 6, 7] {
        assert!(bench.denied(id).reasons.contains(DenyReason::IdUsed), "{id}");
    }
    assert_eq!(bench.fate(PATIENT, 6), Fate::Forgotten, "never seen, but below the watermark nobody can tell");
    assert_eq!(bench.hello(PATIENT).watermark, RequestId(7));
    bench.dose(8);
}

#[test]
fn an_aborted_dose_that_runs_already_goes_on() {
    let mut bench = bench();
    let bolus = bench.dose(1);
    assert!(matches!(bench.abort(1), Fate::Delivering { .. }));
    bench.pass(Millis::from_mins(4));
    assert_eq!(bench.fate(PATIENT, 1), Fate::Done { bolus });
}

#[test]
fn a_stop_in_mid_bolus_knows_the_exact_amount_and_can_be_said_again() {
    let mut bench = bench();
    let bolus = bench.dose(1);
    bench.pass(Millis::from_secs(90));
    let stopped = bench.cancel(1);
    let delivered = Delivered::exactly(Dose::from_nanograms(18_750));
    assert_eq!(stopped, Fate::Stopped { bolus, delivered, end: BolusEnd::Cancelled });
    bench.pass(Millis::from_hours(1));
    assert_eq!(bench.cancel(1), stopped);
    assert_eq!(bench.fate(PATIENT, 1), stopped);
}

#[test]
fn a_stop_that_loses_to_completion_shows_the_real_amount() {
    let mut bench = bench();
    let bolus = bench.dose(1);
    bench.pass(Millis::from_mins(4));
    assert_eq!(bench.cancel(1), Fate::Done { bolus });
}

#[test]
fn a_stop_stops_only_its_own_request() {
    let mut bench = bench();
    bench.dose(1);
    bench.greet(SECOND);
    let strange = bench.fate_after(SECOND, &Command::Cancel { id: RequestId(1) });
    assert_eq!((strange, bench.cancel(2)), (Fate::NeverRan, Fate::NeverRan));
    assert!(matches!(bench.fate(PATIENT, 1), Fate::Delivering { .. }));
}

#[test]
fn a_stop_before_commit_voids_the_grant() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    assert_eq!(bench.cancel(1), Fate::Voided);
    assert!(matches!(bench.commit(PATIENT, 1, nonce), Reply::Rejected { .. }));
}

#[test]
fn refusals_never_push_a_dose_out() {
    let mut bench = bench();
    let bolus = bench.dose(1);
    for id in 2..200 {
        bench.denied(id);
    }
    bench.pass(Millis::from_hours(24));
    // proves R-PMP-07
    assert_eq!(bench.fate(PATIENT, 1), Fate::Done { bolus });
    assert_eq!(bench.fate(PATIENT, 100), Fate::Forgotten, "a refusal may be forgotten, but it can never run");
    assert!(bench.denied(100).reasons.contains(DenyReason::IdUsed));
    assert_eq!(bench.fate(PATIENT, 100), Fate::Forgotten, "and being denied again proves nothing about before");
}

#[test]
fn a_dose_that_no_limit_reaches_any_more_is_forgotten_and_cannot_run_again() {
    let mut bench = bench();
    bench.dose(1);
    bench.pass(Millis::from_hours(7 * 24));
    assert!(matches!(bench.fate(PATIENT, 1), Fate::Done { .. }));
    bench.pass(Millis::from_mins(4));
    // proves R-PMP-07
    assert_eq!(bench.fate(PATIENT, 1), Fate::Forgotten);
    let commit = bench.commit(PATIENT, 1, Nonce([2; 16]));
    assert!(matches!(commit, Reply::Fate { fate: Fate::Forgotten, .. }), "not REJECTED, for it ran: {commit:?}");
}

#[test]
fn ids_only_rise() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 10);
    bench.commit(PATIENT, 10, nonce);
    bench.pass(Millis::from_hours(3));
    for id in [0, 9] {
        // proves R-PMP-04
        assert!(bench.denied(id).reasons.contains(DenyReason::IdUsed), "{id}");
    }
    assert_eq!(bench.hello(PATIENT).last_id, RequestId(10));
    bench.dose(11);
}

#[test]
fn a_change_is_said_once_until_it_is_taken_off_the_latch() {
    let mut bench = bench();
    assert_eq!(bench.pump.take_status(PATIENT), None);
    bench.pump.stop();
    let changed = StatusChanged::ANNUNCIATION.with(StatusChanged::DELIVERY).with(StatusChanged::HISTORY);
    assert_eq!(bench.pump.take_status(PATIENT), Some(changed));
    bench.pump.start();
    assert_eq!(bench.pump.take_status(PATIENT), None, "nothing that was not said already");
    bench.greet(SECOND);
    bench.say(PATIENT, &Command::ResetStatus { seen: changed });
    bench.pump.stop();
    assert_eq!(bench.pump.take_status(PATIENT), Some(changed));
    assert_eq!(bench.pump.take_status(SECOND), Some(changed), "what one remote has read is still news to the other");
    bench.greet(PATIENT);
    assert_eq!(bench.pump.take_status(PATIENT), Some(changed), "a new session is told again");
}

#[test]
fn the_history_is_read_in_pages_without_a_gap() {
    let mut bench = bench();
    for _ in 0..10 {
        bench.pump.stop();
        bench.pump.start();
    }
    let mut read = Vec::new();
    while let Reply::History(page) =
        bench.say(PATIENT, &Command::ReadHistory { from: HistorySeq(read.len() as u64 + 1) })
    {
        read.extend(page.entries.iter().map(|entry| entry.seq.0));
        if page.head.0 == read.len() as u64 {
            break;
        }
    }
    assert_eq!(read, (1..=20).collect::<Vec<u64>>());
}

#[test]
fn a_ninth_key_gets_no_session_until_one_is_revoked() {
    let mut bench = bench();
    let key = |n| pump_protocol::message::KeyFingerprint([n; 8]);
    assert!((2..=8).all(|n| bench.pump.session_opened(key(n))));
    assert!(!bench.pump.session_opened(key(9)));
    bench.pump.revoke(key(3));
    assert!(bench.pump.session_opened(key(9)));
}

#[test]
fn an_id_that_ran_is_never_granted_again_though_its_key_was_taken_back_and_paired_anew() {
    let mut bench = bench();
    let bolus = bench.dose(7);
    bench.pass(Millis::from_hours(3));
    bench.pump.revoke(PATIENT);
    // Eight others push its record out, and one of them makes room.
    for other in (0..8).map(|number| KeyFingerprint([100 + number; 8])) {
        assert!(bench.pump.session_opened(other));
        bench.pump.revoke(other);
    }
    assert!(bench.pump.session_opened(PATIENT));
    let hello = bench.hello(PATIENT);
    assert_eq!(hello.last_id, RequestId(0), "the key is as good as new");
    let reply = bench.prepare(PATIENT, 7);
    // proves R-PMP-04
    assert!(matches!(reply, Reply::Fate { fate: Fate::Done { bolus: told }, .. } if told == bolus), "{reply:?}");
}

#[test]
fn a_grant_that_its_keys_watermark_has_passed_runs_no_more() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 20);
    // Those that were refused meanwhile push the oldest out, and the watermark rises over it.
    for id in 21..60 {
        bench.prepare(PATIENT, id);
    }
    let reply = bench.commit(PATIENT, 20, nonce);
    // proves R-PMP-05
    assert!(!matches!(reply, Reply::Accepted { .. }), "{reply:?}");
    assert_eq!(bench.started(PATIENT, 20), 0);
}
