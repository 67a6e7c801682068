//! The record is new, empty, or older than what the pump has seen of this remote.
//!
//! Pre:  a pump that has given doses, to this key or to others.
//! Step: a remote with an empty or an older record meets it.
//! Post: nothing is offered before the history is in; every dose in it counts; the loss is on record.

use pump_core::{audit::event::Event, remote::Kept, screen::Face, therapy::reason::Reason};
use pump_protocol::{
    message::Command,
    quantity::{Dose, Millis},
};
use pump_tests::World;
use simulated_pump::{Pump, Setup};

use crate::words::{commits, give_one, is_ready, mins, secs, until_it_is_in, wait_of};

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
    world.pass(mins(6));
    let wait = wait_of(&world);
    // proves R-LIM-09
    assert_eq!(wait.reasons, [Reason::WindowLimit, Reason::Allotment, Reason::Lockout]);
    assert_eq!(wait.offer.left, 0, "what is gone counts as fully used");
}
