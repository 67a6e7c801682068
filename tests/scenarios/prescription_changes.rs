//! The clinic changes the prescription.
//!
//! Pre:  READY for 50 mcg.
//! Step: the clinic programs 60 mcg before PREPARE, while the finger is on the control, or in peace.
//! Post: the old dose is not given, nor the new one to a finger that held for the old; the change is told once.

use pump_core::{
    audit::event::Event,
    screen::{Control, Face, Level, NotGiven, Source},
    therapy::{change::Change, reason::Reason},
};
use pump_protocol::{
    message::{DenyReason, Reply},
    prescription::Programmed,
    quantity::{Dose, Millis},
};
use pump_tests::{CommandKind, Disk, Effect, Fault, Point, World};
use simulated_pump::Setup;

use crate::words::{DOSE, commits, give_one, mins, prepares, reprogram, secs, wait_of};

const SIXTY: Dose = Dose::from_micrograms(60);

#[test]
fn a_change_between_ready_and_prepare_gives_neither_dose() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    reprogram(&mut world, |programmed| programmed.demand_dose = SIXTY);
    world.disk = Disk::Works;
    world.disk_catches_up();
    let denied = Face::NotGiven(NotGiven::Denied {
        reason: DenyReason::PrescriptionChanged,
        until: None,
        retry_after: Millis::ZERO,
    });
    assert_eq!(world.face(), denied);
    // proves R-ASK-09, R-LIM-12
    assert_eq!((commits(&world), world.started()), (0, 0));
    world.pass(secs(3));
    world.seen();
    assert!(matches!(world.face(), Face::Changed { .. }), "{:?}", world.face());
    world.seen();
    assert!(matches!(world.face(), Face::Ready(offer) if offer.dose == SIXTY), "{:?}", world.face());
}

#[test]
fn a_change_is_told_once() {
    let mut world = World::ready();
    reprogram(&mut world, |programmed| programmed.demand_dose = SIXTY);
    world.pass(secs(2));
    // proves R-ANS-19
    let told = Face::Changed { changes: vec![Change::DemandDose { from: DOSE, to: SIXTY }] };
    assert_eq!(world.face(), told);
    world.hold_dose();
    assert_eq!((world.face(), prepares(&world)), (told.clone(), 0), "it is read before anything is asked for");
    world.crash();
    world.pass(secs(3));
    assert_eq!(world.face(), told, "told until it has been read");
    world.seen();
    assert!(matches!(world.face(), Face::Ready(offer) if offer.dose == SIXTY), "{:?}", world.face());
    let read = |event: &Event| matches!(event, Event::PrescriptionRead { version: 2, .. });
    assert_eq!(world.recorded(read), 1);
    world.pass(secs(60));
    world.cut_link();
    world.pass(secs(5));
    assert!(matches!(world.face(), Face::Ready(_)), "{:?}", world.face());
    assert_eq!((world.recorded(read), world.recorded(|event| matches!(event, Event::ChangesSeen))), (1, 1));
}

#[test]
fn a_finger_that_held_for_the_old_dose_does_not_ask_for_the_new_one() {
    let mut world = World::ready();
    let level = |world: &mut World| world.touch(Control::Dose, Source::Touchscreen, Level::Pressed);
    level(&mut world);
    for tenth in 0..20 {
        if tenth == 1 {
            reprogram(&mut world, |programmed| programmed.demand_dose = SIXTY);
        }
        world.step(Millis::new(100));
        level(&mut world);
    }
    world.touch(Control::Dose, Source::Touchscreen, Level::Released);
    // proves R-ASK-13
    assert_eq!(prepares(&world), 0, "{:?}", world.face());
    world.seen();
    world.hold_dose();
    assert_eq!(prepares(&world), 1, "held for what stands there now");
}

#[test]
fn a_lockout_made_longer_is_longer_at_once() {
    let mut world = World::ready();
    give_one(&mut world);
    let before = wait_of(&world).remaining;
    reprogram(&mut world, |programmed| programmed.lockout_interval = Millis::from_hours(4));
    world.pass(secs(2));
    world.seen();
    let after = wait_of(&world).remaining;
    // proves R-LIM-12
    assert!(after >= before.saturating_add(Millis::from_mins(119)), "{before} became {after}");
    assert!(after >= world.pump.report().lockout_remaining);
}

#[test]
fn a_prescription_that_contradicts_itself_is_refused_until_the_clinic_programmes_another() {
    let mut world = World::ready();
    let nothing = Programmed { demand_dose: Dose::ZERO, ..world.pump.prescription().programmed().clone() };
    let told = Reply::Prescription(Box::new(nothing));
    world.faults =
        vec![Fault { at: CommandKind::Other, point: Point::AfterReceipt, effect: Effect::Answer(Box::new(told)) }];
    reprogram(&mut world, |programmed| programmed.demand_dose = SIXTY);
    world.pass(secs(20));
    assert!(world.reasons().contains(&Reason::PrescriptionContradicts), "{:?}", world.face());
    assert_eq!(world.recorded(|event| matches!(event, Event::PrescriptionContradicts { .. })), 1, "told once");
    world.hold_dose();
    // proves R-LIM-11
    assert_eq!(prepares(&world), 0);

    reprogram(&mut world, |programmed| programmed.allotment = 3);
    world.pass(secs(5));
    assert_eq!(world.recorded(|event| matches!(event, Event::PrescriptionContradicts { .. })), 1);
    world.seen();
    assert!(matches!(world.face(), Face::Ready(offer) if offer.allotment == 3), "{:?}", world.face());
}

#[test]
fn a_prescription_that_has_not_been_read_yet_contradicts_nothing() {
    let mut world = World::with(Setup::demonstration());
    world.latency = secs(1);
    for _ in 0..20 {
        world.pass(Millis::new(500));
        assert!(!world.reasons().contains(&Reason::PrescriptionContradicts), "{:?}", world.face());
    }
    assert!(crate::words::is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_press_waits_for_its_record_and_is_never_asked_for_under_what_was_read_meanwhile() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    reprogram(&mut world, |programmed| programmed.lockout_interval = mins(180));
    world.pass(secs(5));
    assert!(matches!(world.face(), Face::Asking { .. }), "{:?}", world.face());
    world.disk = Disk::Works;
    world.disk_catches_up();
    world.pass(secs(3));
    // proves R-ASK-09
    assert_eq!((commits(&world), world.started()), (0, 0), "{:?}", world.face());
}
