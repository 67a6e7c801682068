//! The record is new, empty, or older than what the pump has seen of this remote.
//!
//! Pre:  a pump that has given doses, to this key or to others.
//! Step: a remote with an empty or an older record meets it.
//! Post: nothing is offered before the history is in; every dose in it counts; the loss is on record.

use pump_core::{audit::event::Event, remote::Kept};
use pump_protocol::quantity::Dose;
use pump_tests::World;
use simulated_pump::Setup;

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
    assert_eq!(wait.offer.left, 3, "the allotment is the patient's own");
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseOfOthers { .. })), 2);
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
    assert_eq!(world.recorded(|event| matches!(event, Event::RecordWentBack { .. })), 1, "the pump is the witness");
    let wait = wait_of(&world);
    assert!(wait.remaining > mins(110) && wait.offer.left == 3, "{wait:?}");
    world.doze(mins(121), secs(20));
    world.hold_dose();
    until_it_is_in(&mut world);
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
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseUnknownToRecord { .. })), 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::RecordWentBack { .. })), 1);
    assert!(wait_of(&world).remaining > mins(110));
    world.hold_dose();
    assert_eq!(world.started(), 1);
}
