//! The record is new, empty, or older than what the pump has seen of this remote.
//!
//! Pre:  a pump that has given doses, to this key or to others.
//! Step: a remote with an empty or an older record meets it.
//! Post: nothing is offered before the history is in; every dose in it counts; the loss is on record.

use pump_core::{
    annunciation::AlarmCondition, audit::event::Event, remote::Kept, screen::Face, therapy::reason::Reason,
};
use pump_protocol::{
    message::{AuditHead, Command, KeyFingerprint, Nonce, Role},
    quantity::{Dose, Millis, Volume},
};
use pump_tests::{Disk, OURS, World};
use simulated_pump::{Pump, Setup};

use crate::words::{alarms, commits, give_one, is_ready, mins, secs, until_it_is_in, wait_of};

#[test]
fn a_first_start_counts_what_others_were_given() {
    let mut world = World::with(Setup::demonstration());
    world.walk_away();
    world.other_doses();
    world.pump.advance(mins(10));
    world.pump.clinician_bolus(Dose::from_micrograms(10)).expect("given");
    world.chronicle.observe(&world.pump);
    world.put_back(Kept::default(), 0);
    assert!(!is_ready(&world));
    world.come_back();
    let wait = wait_of(&world);
    assert!(wait.remaining > mins(119), "the clinic's bolus counts towards the lockout: {wait:?}");
    // proves R-LIM-08
    assert_eq!(wait.offer.left, 3, "the allotment is the patient's own");
    // proves R-LIM-08
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseOfOthers { .. })), 2);
}

#[test]
fn nothing_is_offered_until_the_history_is_in() {
    let mut world = World::with(Setup::demonstration());
    world.other_doses();
    world.pump.advance(mins(180));
    world.latency = Millis::new(1_500);
    world.pass(Millis::new(4_500));
    assert!(world.transmitted(|sent| matches!(sent, Command::ReadHistory { .. })) > 0, "asked");
    // proves R-ANS-13
    assert!(matches!(world.face(), Face::Checking), "and not heard: {:?}", world.face());
    world.pass(secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn an_empty_record_finds_our_own_doses_in_the_pump_and_says_that_it_lost_them() {
    let mut world = World::ready();
    give_one(&mut world);
    world.put_back(Kept::default(), 0);
    assert!(!is_ready(&world), "nothing is offered before the history is in");
    world.pass(secs(5));
    let unknown = |event: &Event| matches!(event, Event::DoseUnknownToRecord { .. });
    assert_eq!(world.recorded(unknown), 1);
    // proves R-REC-05
    assert_eq!(world.recorded(|event| matches!(event, Event::RecordWentBack { .. })), 1, "the pump is the witness");
    let wait = wait_of(&world);
    assert!(wait.remaining > mins(110) && wait.offer.left == 3, "{wait:?}");
    world.doze(mins(121), secs(20));
    world.hold_dose();
    until_it_is_in(&mut world);
    // proves R-REQ-23
    assert_eq!((world.started(), commits(&world)), (2, 2), "under an id of its own");
    assert_eq!(world.recorded(unknown), 1);
}

#[test]
fn the_next_id_lies_above_the_highest_that_the_pump_has_seen() {
    let mut world = World::ready();
    for _ in 0..3 {
        give_one(&mut world);
        world.doze(mins(125), secs(20));
    }
    world.put_back(Kept::default(), 0);
    world.doze(mins(5), secs(1));
    world.hold_dose();
    let ids = world.sent.iter().filter_map(|sent| match sent {
        Command::Prepare { id, .. } => Some(id.0),
        _ => None,
    });
    // proves R-REQ-23
    assert_eq!(ids.collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn two_empty_records_contradict_each_other_in_nothing() {
    let mut world = World::with(Setup::demonstration());
    world.disk = Disk::Refuses;
    world.put_back(Kept::default(), 0);
    world.pump.session_opened(OURS);
    let audit_head = AuditHead { count: 0, hash: [9; 32] };
    world.pump.handle(OURS, Role::Patient, &Command::Hello { audit_head }, Nonce::default());
    world.pass(secs(5));
    world.disk = Disk::Works;
    world.pass(secs(10));
    assert!(world.transmitted(|sent| matches!(sent, Command::Hello { audit_head } if audit_head.count == 0)) > 0);
    assert!(world.recorded(|event| matches!(event, Event::Started)) > 0);
    // proves R-REC-05
    assert_eq!(world.recorded(|event| matches!(event, Event::RecordWentBack { .. })), 0);
}

#[test]
fn a_record_put_back_from_before_a_dose_counts_it_all_the_same() {
    let mut world = World::ready();
    let (kept, records) = (world.kept().clone(), world.record().len());
    world.hold_dose();
    world.pass(secs(60));
    world.put_back(kept, records);
    world.pass(secs(5));
    // proves R-REQ-25
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseUnknownToRecord { .. })), 1);
    // proves R-REC-05
    assert_eq!(world.recorded(|event| matches!(event, Event::RecordWentBack { .. })), 1);
    // proves R-REQ-25
    assert!(wait_of(&world).remaining > mins(110));
    world.hold_dose();
    assert_eq!(world.started(), 1);
}

#[test]
fn a_pump_whose_own_record_went_back_is_not_trusted_to_have_given_nothing() {
    let mut world = World::ready();
    let older = world.pump.durable();
    world.pass(mins(5));
    world.other_doses();
    world.pass(secs(5));
    world.pump = Pump::restore(&older).expect("whole");
    world.cut_link();
    world.pass(secs(5));
    assert_eq!(world.recorded(|event| matches!(event, Event::HistoryGap { .. })), 1);
    // proves R-ANS-09
    assert!(world.reasons().contains(&Reason::ClockInDoubt), "{:?}", world.face());
    world.pass(mins(2));
    // proves R-ANS-09
    assert!(world.reasons().contains(&Reason::ClockInDoubt), "it shows less still than it did: {:?}", world.face());
    world.pass(mins(4));
    let wait = wait_of(&world);
    // proves R-LIM-09
    assert_eq!(wait.reasons, [Reason::WindowLimit, Reason::Allotment, Reason::Lockout]);
    assert_eq!(wait.offer.left, 0, "what is gone counts as fully used");
}

/// This many entries that matter to no limit.
fn fill_history(world: &mut World, entries: u32) {
    for _ in 0..entries / 2 {
        world.pump.stop();
        world.pump.start();
        world.chronicle.observe(&world.pump);
    }
}

#[test]
fn a_history_of_hundreds_is_read_as_fast_as_the_disk_writes_and_nothing_of_it_is_lost() {
    for disk in [Disk::Hesitates, Disk::Refuses] {
        let mut world = World::with(Setup::demonstration());
        world.walk_away();
        world.other_doses();
        world.pump.advance(mins(300));
        fill_history(&mut world, 400);
        // Each of these is a record of its own: the first page's refills alone would fill the queue, were it not asked.
        for _ in 0..150 {
            let liquid = world.pump.prescription().programmed().concentration;
            world.pump.refill(Volume::from_microlitres(20_000), liquid).expect("fits");
        }
        world.chronicle.observe(&world.pump);
        world.put_back(Kept::default(), 0);
        world.disk = disk;
        world.come_back();
        world.pass(mins(2));
        // proves R-ANS-13, R-DEV-03
        assert!(!is_ready(&world), "{:?}", world.face());
        world.disk = Disk::Works;
        world.disk_catches_up();
        world.pass(secs(15));
        assert!(is_ready(&world), "{:?}", world.face());
        assert_eq!(world.recorded(|event| matches!(event, Event::RecordsLost { .. })), 0, "{disk:?}");
        // proves R-REC-19
        assert_eq!(world.recorded(|event| matches!(event, Event::Refilled { .. })), 150, "{disk:?}");
        assert_eq!(world.recorded(|event| matches!(event, Event::DoseOfOthers { .. })), 1, "{disk:?}");
    }
}

#[test]
fn a_history_that_begins_behind_what_a_limit_reaches_counts_as_used_up() {
    let mut world = World::with(Setup::demonstration());
    world.walk_away();
    world.other_doses();
    world.pump.advance(mins(300));
    fill_history(&mut world, 1_100);
    world.put_back(Kept::default(), 0);
    world.come_back();
    assert_eq!(world.recorded(|event| matches!(event, Event::HistoryGap { .. })), 1);
    let wait = wait_of(&world);
    // proves R-LIM-09
    assert!(wait.offer.left == 0 && wait.remaining > Millis::from_hours(23), "{wait:?}");
}

#[test]
fn a_gap_in_the_middle_counts_up_to_its_end_and_no_longer() {
    let mut world = World::ready();
    give_one(&mut world);
    world.walk_away();
    world.doze(Millis::from_hours(20), mins(10));
    fill_history(&mut world, 1_100);
    world.doze(Millis::from_hours(10), mins(10));
    world.come_back();
    assert_eq!(world.recorded(|event| matches!(event, Event::HistoryGap { .. })), 1);
    let wait = wait_of(&world);
    // proves R-LIM-09
    assert!(wait.offer.left == 0 && wait.remaining <= mins(14 * 60 + 5), "{wait:?}");
    world.doze(wait.remaining.saturating_add(secs(40)), secs(20));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn an_older_record_with_a_question_open_asks_it_again_and_finds_the_doses_since() {
    let mut world = World::ready();
    world.hold_dose();
    let (kept, records) = (world.kept().clone(), world.record().len());
    until_it_is_in(&mut world);
    world.seen();
    world.doze(mins(121), secs(20));
    give_one(&mut world);
    world.put_back(kept, records);
    assert!(matches!(world.face(), Face::NotSure { .. }), "{:?}", world.face());
    world.pass(secs(5));
    world.seen();
    assert_eq!(world.recorded(|event| matches!(event, Event::Delivered { .. })), 1, "the one that it asked for");
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseUnknownToRecord { .. })), 1, "the one since");
    assert_eq!(wait_of(&world).offer.left, 2);
    assert!(
        crate::words::alarms(&world).contains(&AlarmCondition::RecordWentBack),
        "{:?}",
        crate::words::alarms(&world)
    );
}

#[test]
fn another_record_of_the_same_length_is_noticed() {
    let mut world = World::ready();
    world.walk_away();
    world.pass(secs(5));
    let count = u64::try_from(world.record().len()).expect("few");
    world.pump.session_opened(OURS);
    let audit_head = AuditHead { count, hash: [9; 32] };
    world.pump.handle(OURS, Role::Patient, &Command::Hello { audit_head }, Nonce::default());
    world.pump.session_closed(OURS);
    world.come_back();
    world.pass(secs(5));
    let head_told = |sent: &Command| matches!(sent, Command::Hello { audit_head } if audit_head.count == count);
    assert_eq!(world.transmitted(head_told), 1, "the record stood there when it was told");
    // proves R-REC-05
    assert_eq!(world.recorded(|event| matches!(event, Event::RecordWentBack { .. })), 1);
}

#[test]
fn an_id_that_only_the_history_knows_is_not_used_again() {
    let mut world = World::ready();
    give_one(&mut world);
    world.doze(mins(125), secs(20));
    give_one(&mut world);
    world.doze(mins(125), secs(20));
    // The clinic took the key back, let eight others in, and then it again: the pump knows its doses, and none of its ids.
    world.walk_away();
    world.pump.revoke(OURS);
    for other in (0..8).map(|number| KeyFingerprint([100 + number; 8])) {
        assert!(world.pump.session_opened(other));
        world.pump.revoke(other);
    }
    world.put_back(Kept::default(), 0);
    world.come_back();
    world.pass(secs(10));
    world.hold_dose();
    let last = world.sent.iter().rev().find_map(|sent| match sent {
        Command::Prepare { id, .. } => Some(id.0),
        _ => None,
    });
    // proves R-REQ-23
    assert_eq!(last, Some(3), "{:?}", world.face());
}

#[test]
fn two_doses_on_one_page_of_the_history_are_two_alarms() {
    let mut world = World::ready();
    let (kept, records) = (world.kept().clone(), world.record().len());
    give_one(&mut world);
    world.walk_away();
    world.pump.unaccounted_bolus(Dose::from_micrograms(10)).expect("given");
    world.pump.advance(mins(10));
    world.chronicle.observe(&world.pump);
    world.put_back(kept, records);
    world.come_back();
    world.pass(secs(5));
    // proves R-REQ-25, R-LIM-08
    for condition in [AlarmCondition::DoseUnknownToRecord, AlarmCondition::UnaccountedDose] {
        assert!(alarms(&world).contains(&condition), "{:?}", alarms(&world));
    }
}

#[test]
fn a_gap_that_reaches_behind_a_reset_counts_as_any_other() {
    let mut world = World::ready();
    world.walk_away();
    world.history_is_pushed_out();
    world.pump.reset();
    world.come_back();
    world.pass(secs(5));
    // proves R-LIM-09
    assert_eq!(world.recorded(|event| matches!(event, Event::HistoryGap { .. })), 1);
    assert!(wait_of(&world).reasons.contains(&Reason::Allotment), "{:?}", world.face());
}
