//! The pump says no although the remote said READY.
//!
//! Pre:  READY, and something happened that the remote can't know yet.
//! Step: the patient holds the control.
//! Post: "Your pump says wait until ..."; the denial is on record with every reason; READY only when that time has come.

use pump_core::{
    annunciation::{AlarmCondition, Change},
    audit::event::Event,
    screen::{Face, NotGiven},
    therapy::reason::Reason,
};
use pump_protocol::{
    message::{Denial, DenyReason, DenyReasons, Reply},
    quantity::Dose,
};
use pump_tests::{CommandKind, Disk, Effect, Point, World, id};

use crate::words::{alarms, commits, is_ready, mins, reprogram, secs, wait_of};

/// A hold whose request waits for its record while `meanwhile` happens in the pump.
fn press_and_meanwhile(world: &mut World, meanwhile: impl FnOnce(&mut World)) {
    world.disk = Disk::Hesitates;
    world.hold_dose();
    meanwhile(world);
    world.disk = Disk::Works;
    world.disk_catches_up();
}

/// A hold whose PREPARE the pump denies, whatever it would say.
fn press_and_be_denied(world: &mut World, denial: Denial) {
    let denied = Reply::Denied { id: id(1), denial };
    world.fault(CommandKind::Prepare, Point::AfterReceipt, Effect::Answer(Box::new(denied)));
    world.hold_dose();
}

#[test]
fn a_dose_of_the_clinic_in_between_makes_the_pump_say_wait() {
    let mut world = World::ready();
    press_and_meanwhile(&mut world, |world| world.pump.clinician_bolus(Dose::from_micrograms(20)).expect("given"));
    let Face::NotGiven(NotGiven::Denied { reason, until, retry_after }) = world.face() else {
        panic!("{:?}", world.face())
    };
    assert_eq!(reason, DenyReason::Lockout);
    // proves R-ANS-18
    assert!(until.is_some() && retry_after == mins(120), "{retry_after}");
    let denied = |event: &Event| matches!(event, Event::Denied { denial, .. } if denial.reasons.contains(DenyReason::BolusRunning));
    // proves R-LIM-06
    assert_eq!(world.recorded(denied), 1, "with every reason");
    assert_eq!((commits(&world), world.started()), (0, 0));
    world.pass(secs(3));
    world.seen();
    assert!(wait_of(&world).reasons.contains(&Reason::Lockout));
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseOfOthers { .. })), 1, "and the reason was found out");
}

#[test]
fn a_window_limit_that_only_the_pump_knows_of_is_waited_for_and_not_offered_again() {
    let mut world = World::ready();
    // A pump that knows more than its history tells: what it says of the next day is believed.
    let denial = Denial { reasons: DenyReasons::default().with(DenyReason::WindowLimit), retry_after: mins(1300) };
    let told = Effect::Answer(Box::new(Reply::Denied { id: id(1), denial }));
    world.fault(CommandKind::Prepare, Point::AfterReceipt, told);
    world.hold_dose();
    assert!(
        matches!(world.face(), Face::NotGiven(NotGiven::Denied { reason: DenyReason::WindowLimit, .. })),
        "{:?}",
        world.face()
    );
    world.seen();
    let wait = wait_of(&world);
    // proves R-LIM-05
    assert!(wait.pump_says && wait.reasons == [Reason::WindowLimit], "{wait:?}");
    world.doze(wait.remaining.saturating_sub(mins(2)), secs(30));
    assert!(!is_ready(&world));
    world.doze(mins(5), secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_limit_that_the_pump_named_at_commit_is_waited_for_too_and_no_longer_than_its_prescription_stands() {
    let denial = Denial { reasons: DenyReasons::default().with(DenyReason::WindowLimit), retry_after: mins(1300) };
    let mut world = World::ready();
    world.pump_is_honest = false;
    world.fault(
        CommandKind::Commit,
        Point::AfterReceipt,
        Effect::Answer(Box::new(Reply::Rejected { id: id(1), denial })),
    );
    world.hold_dose();
    world.seen();
    // proves R-LIM-05
    assert!(wait_of(&world).reasons.contains(&Reason::WindowLimit), "{:?}", world.face());

    let mut world = World::ready();
    press_and_be_denied(&mut world, denial);
    // proves R-LIM-14
    assert_eq!(alarms(&world), [AlarmCondition::LimitRefused]);
    world.seen();
    assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit]);
    reprogram(&mut world, |programmed| programmed.window_limit.amount = Dose::from_micrograms(600));
    world.pass(secs(5));
    world.seen();
    // proves R-LIM-12
    assert!(is_ready(&world), "another prescription, another limit: {:?}", world.face());
}

#[test]
fn an_allotment_that_only_the_pump_sees_used_up_is_an_alarm_too() {
    let denial = Denial { reasons: DenyReasons::default().with(DenyReason::Allotment), retry_after: mins(60) };
    let mut world = World::ready();
    press_and_be_denied(&mut world, denial);
    let raised = |event: &Event| {
        matches!(event, Event::Alarm { change: Change::Raised { condition: AlarmCondition::LimitRefused, .. } })
    };
    // proves R-LIM-14
    assert_eq!(world.recorded(raised), 1);
}
