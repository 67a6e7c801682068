//! The remote crashes, or loses power, at every state of a request.
//!
//! Pre:  a request is open, in each of its states.
//! Step: the process ends; it starts again from what is on disk.
//! Post: the same question is open (the world checks that); it is asked again by its id, never sent again, and answered.

use pump_core::{
    audit::event::{Doubt, Event},
    ledger::{State, Verdict},
    remote::Input,
    screen::{Face, NotGiven},
};
use pump_protocol::quantity::{Dose, Millis};
use pump_tests::{CommandKind, Disk, Effect, Point, World};

use crate::words::{
    commits, give_one, is_ready, mins, prepares, secs, until_it_is_in, wait_of, was_delivered_once, was_not_given,
};

/// Restarts, comes to rest, and tells that nothing was given.
fn nothing_comes_of_it(world: &mut World, prepared: usize) {
    world.crash();
    world.disk = Disk::Works;
    world.disk_catches_up();
    assert_eq!(world.face(), Face::NotGiven(NotGiven::Interrupted), "who pressed is told");
    world.pass(secs(5));
    was_not_given(world, 1);
    assert_eq!((prepares(world), commits(world), world.started()), (prepared, 0, 0));
    world.seen();
    assert!(is_ready(world), "{:?}", world.face());
}

/// Restarts in doubt, comes to rest, and the dose has gone in once.
fn it_goes_in_once(world: &mut World) {
    world.crash();
    // proves R-REQ-10
    assert!(matches!(world.remote.request().map(|request| &request.state), Some(State::Uncertain(_))));
    // proves R-REQ-04
    assert!(matches!(world.face(), Face::NotSure { .. }), "{:?}", world.face());
    world.in_reach = true;
    until_it_is_in(world);
    world.pass(secs(5));
    was_delivered_once(world, 1);
    assert_eq!((commits(world), world.started()), (1, 1));
    assert!(world.recorded(|event| matches!(event, Event::Uncertain { why: Doubt::Restarted, .. })) > 0);
}

fn state(world: &World) -> &State {
    &world.remote.request().expect("open").state
}

#[test]
fn created_and_not_stored_leaves_no_trace_and_no_dose() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    assert!(matches!(state(&world), State::Created { durable: false, asked: None }));
    world.crash();
    world.disk = Disk::Works;
    world.disk_catches_up();
    world.pass(secs(5));
    assert_eq!(world.recorded(|event| matches!(event, Event::Requested { .. })), 0);
    assert_eq!((prepares(&world), world.started()), (0, 0), "nothing left, so nothing is unknown to the record");
    assert!(is_ready(&world));
}

#[test]
fn created_and_stored_is_taken_back() {
    let mut world = World::ready();
    world.fault(CommandKind::Prepare, Point::BeforeReceipt, Effect::Drop);
    world.hold_dose();
    assert!(matches!(state(&world), State::Created { durable: true, .. }));
    nothing_comes_of_it(&mut world, 1);
}

#[test]
fn prepare_answered_by_nobody_is_taken_back() {
    let mut world = World::ready();
    world.fault(CommandKind::Prepare, Point::AfterReceipt, Effect::Drop);
    world.hold_dose();
    nothing_comes_of_it(&mut world, 1);
}

#[test]
fn granted_with_its_intent_not_stored_is_taken_back() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.disk_catches_up();
    assert!(matches!(state(&world), State::Granted(_)), "{:?}", state(&world));
    nothing_comes_of_it(&mut world, 1);
}

#[test]
fn an_intent_stored_and_not_sent_is_in_doubt_until_the_pump_has_sworn() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.disk_catches_up();
    world.store_and_die();
    world.disk = Disk::Works;
    world.disk_catches_up();
    assert_eq!(commits(&world), 0);
    assert!(matches!(world.face(), Face::NotSure { .. }), "it may have left, for all that the record knows");
    world.pass(secs(5));
    was_not_given(&world, 1);
    world.seen();
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn commit_sent_and_not_answered_is_in_doubt() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Drop);
    world.hold_dose();
    assert!(matches!(state(&world), State::CommitIntent { sent: true, .. }));
    it_goes_in_once(&mut world);
}

#[test]
fn delivering_is_in_doubt_and_then_what_it_was() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(30));
    assert!(matches!(state(&world), State::Delivering(_)));
    it_goes_in_once(&mut world);
}

#[test]
fn withdrawing_is_withdrawn_still() {
    let mut world = World::ready();
    world.fault(CommandKind::Prepare, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    assert!(matches!(state(&world), State::Withdrawing { .. }));
    world.crash();
    assert_eq!(world.face(), Face::NotGiven(NotGiven::Interrupted));
    world.come_back();
    was_not_given(&world, 1);
    assert_eq!(commits(&world), 0);
}

#[test]
fn every_kind_of_uncertain_stays_uncertain() {
    let in_doubt = |effect: Option<(CommandKind, Point)>| {
        let mut world = World::ready();
        world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
        world.in_reach = true;
        if let Some((at, point)) = effect {
            world.fault(at, point, Effect::Disconnect);
        }
        world.hold_dose();
        world
    };
    let mut unknown = in_doubt(None);
    unknown.walk_away();
    assert_eq!(state(&unknown), &State::Uncertain(Verdict::Unknown));
    it_goes_in_once(&mut unknown);

    let mut asked = in_doubt(Some((CommandKind::Query, Point::AfterReceipt)));
    asked.pass(Millis::new(1_100));
    it_goes_in_once(&mut asked);

    let mut started = World::ready();
    started.hold_dose();
    started.pass(secs(30));
    started.walk_away();
    started.pass(secs(20));
    assert!(matches!(state(&started), State::Uncertain(Verdict::Started(_))));
    it_goes_in_once(&mut started);

    let mut lost = World::ready();
    lost.fault(CommandKind::Commit, Point::BeforeReceipt, Effect::Disconnect);
    lost.fault(CommandKind::Abort, Point::AfterReceipt, Effect::Disconnect);
    lost.hold_dose();
    lost.pass(Millis::new(1_500));
    assert_eq!(state(&lost), &State::Uncertain(Verdict::CouldStillRun));
    lost.crash();
    assert!(matches!(lost.face(), Face::NotSure { .. }));
    lost.pass(secs(5));
    was_not_given(&lost, 1);
}

#[test]
fn a_remote_without_power_for_hours_finds_the_dose_that_went_in_meanwhile() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(30));
    world.reboot(Millis::from_hours(5));
    world.pass(secs(10));
    was_delivered_once(&world, 1);
}

#[test]
fn a_reboot_in_wait_does_not_shorten_it() {
    let mut world = World::ready();
    give_one(&mut world);
    let before = wait_of(&world).remaining;
    world.reboot(secs(60));
    // proves R-CLK-04
    assert!(
        matches!(world.face(), Face::Checking),
        "nothing is promised before the pump has spoken: {:?}",
        world.face()
    );
    world.pass(secs(5));
    let after = wait_of(&world).remaining;
    let passed = secs(65);
    // proves R-CLK-04
    assert!(after >= before.saturating_sub(passed).saturating_sub(secs(1)), "{before} became {after}");
    let pumps = world.pump.report().lockout_remaining;
    assert!(after >= pumps && after <= pumps.saturating_add(mins(1)), "{after}, the pump says {pumps}");
}

#[test]
fn what_has_not_left_when_the_program_is_told_to_end_never_leaves() {
    for (stored, prepared) in [(0, 0), (1, 1)] {
        let mut world = World::ready();
        world.disk = Disk::Hesitates;
        world.hold_dose();
        (0..stored).for_each(|_| world.disk_catches_up());
        world.say(Input::Close);
        world.disk_catches_up();
        world.disk_catches_up();
        // proves R-REQ-24
        assert_eq!((prepares(&world), commits(&world), world.started()), (prepared, 0, 0), "nobody is left to stop it");
        world.crash();
        world.disk = Disk::Works;
        world.disk_catches_up();
        world.pass(secs(5));
        world.seen();
        assert_eq!((prepares(&world), commits(&world), world.started()), (prepared, 0, 0));
        assert!(is_ready(&world), "{:?}", world.face());
        // proves R-REC-01
        assert_eq!(
            world.recorded(|event| matches!(event, Event::CommitWithheld { .. })),
            stored,
            "its intent is on record"
        );
    }
}

#[test]
fn a_grant_for_what_was_taken_back_grants_nothing() {
    let mut world = World::ready();
    world.latency = Millis::new(2_000);
    world.hold_dose();
    world.pass(secs(1));
    assert_eq!(prepares(&world), 1);
    world.say(Input::Close);
    world.pass(secs(3));
    // proves R-REQ-24
    assert_eq!(world.recorded(|event| matches!(event, Event::CommitIntended { .. })), 0);
    assert_eq!((commits(&world), world.started()), (0, 0));
}

#[test]
fn an_outcome_that_nobody_has_read_stands_after_a_restart_until_somebody_has() {
    let in_part = || {
        let mut world = World::ready();
        world.hold_dose();
        world.pass(secs(60));
        world.hold_stop();
        world.pass(secs(5));
        assert!(matches!(world.face(), Face::GivenInPart { .. }), "{:?}", world.face());
        world
    };
    let denied = || {
        let mut world = World::ready();
        world.disk = Disk::Hesitates;
        world.hold_dose();
        world.pump.stall();
        world.disk = Disk::Works;
        world.disk_catches_up();
        world.pump.unstall();
        assert!(matches!(world.face(), Face::NotGiven(NotGiven::Denied { .. })), "{:?}", world.face());
        world
    };
    for mut world in [in_part(), denied()] {
        let told = world.face();
        world.crash();
        assert_eq!(world.face(), told);
        world.reboot(mins(30));
        world.pass(mins(2));
        // proves R-REQ-27
        assert_eq!(world.face(), told, "until it was read");
        world.seen();
        world.crash();
        world.pass(secs(5));
        assert_ne!(world.face(), told, "and not again");
        assert_eq!(world.recorded(|event| matches!(event, Event::OutcomeSeen)), 1);
    }
}

#[test]
fn a_wait_that_the_pump_named_does_not_begin_anew_with_a_restart() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.pump.clinician_bolus(Dose::from_micrograms(20)).expect("given");
    world.disk = Disk::Works;
    world.disk_catches_up();
    let wait = |world: &World| match world.face() {
        Face::NotGiven(NotGiven::Denied { until, retry_after, .. }) => (until, retry_after),
        other => panic!("{other:?}"),
    };
    let (until, whole) = wait(&world);
    assert!(until.is_some() && whole == mins(120), "{whole}");
    world.pass(mins(100));
    world.crash();
    // proves R-ANS-18
    assert_eq!(wait(&world), (until, mins(20)));
    world.reboot(mins(30));
    // How long it was off, nobody can say: better no time than one that is over.
    assert_eq!(wait(&world), (None, Millis::ZERO));
}
