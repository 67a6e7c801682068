//! The link goes away at every point of asking for a dose.
//!
//! Pre:  READY.
//! Step: the patient holds the control; the link is lost before PREPARE, after GRANT, or around COMMIT.
//! Post: before COMMIT: NOT GIVEN, at once. After: NOT SURE, until the pump has said what became of it. Never twice.

use pump_core::{
    audit::event::{Doubt, Event},
    screen::{Face, LinkHealth, NotGiven},
    therapy::reason::Reason,
};
use pump_protocol::{message::Command, quantity::Millis};
use pump_tests::{CommandKind, Disk, Effect, Point, World};

use crate::words::{
    commits, is_not_sure, is_ready, mins, prepares, queries, secs, until_it_is_in, wait_of, was_delivered_once,
    was_not_given,
};

const INTERRUPTED: Face = Face::NotGiven(NotGiven::Interrupted);

#[test]
fn a_link_lost_at_prepare_leaves_nothing_given_and_nothing_open() {
    for point in [Point::BeforeReceipt, Point::AfterReceipt] {
        let mut world = World::ready();
        world.fault(CommandKind::Prepare, point, Effect::Disconnect);
        world.hold_dose();
        assert_eq!(world.face(), INTERRUPTED, "told at once");
        world.pass(secs(3));
        was_not_given(&world, 1);
        // proves R-ASK-12
        assert_eq!((prepares(&world), commits(&world)), (1, 0), "never asked again by itself");
        world.seen();
        assert!(is_ready(&world), "{:?}", world.face());
        world.hold_dose();
        until_it_is_in(&mut world);
        was_delivered_once(&world, 2);
    }
}

#[test]
fn a_lost_link_is_looked_for_for_five_seconds_and_then_said_to_be_out_of_reach() {
    let mut world = World::ready();
    assert_eq!(world.screen().link, LinkHealth::Near);
    world.walk_away();
    assert_eq!(world.screen().link, LinkHealth::Looking);
    world.pass(Millis::new(4_999));
    assert_eq!(world.screen().link, LinkHealth::Looking);
    world.pass(Millis::new(1));
    // proves R-LNK-16
    assert_eq!(world.screen().link, LinkHealth::OutOfReach);
}

#[test]
fn after_a_lost_link_everything_is_read_again_before_anything_is_asked_for() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.cut_link();
    world.other_doses();
    world.disk = Disk::Works;
    world.disk_catches_up();
    world.pass(secs(3));
    assert!(world.sent.iter().any(|command| matches!(command, Command::ReadHistory { .. })));
    // proves R-ASK-23
    assert_eq!((prepares(&world), world.face()), (0, Face::NotGiven(NotGiven::Overtaken)), "another's dose came first");
    world.seen();
    assert!(wait_of(&world).reasons.contains(&Reason::Lockout), "and the next page says so: {:?}", world.face());
}

#[test]
fn a_link_lost_after_the_grant_withholds_commit() {
    let mut world = World::ready();
    world.latency = Millis::new(200);
    world.hold_dose();
    world.disk = Disk::Hesitates;
    world.pass(secs(1));
    assert_eq!(commits(&world), 0, "the intent is not stored yet");
    world.cut_link();
    assert_eq!(world.face(), INTERRUPTED);
    world.disk = Disk::Works;
    world.disk_catches_up();
    world.pass(secs(3));
    was_not_given(&world, 1);
    assert_eq!(commits(&world), 0);
    assert_eq!(world.recorded(|event| matches!(event, Event::CommitWithheld { .. })), 1);
}

#[test]
fn a_commit_that_arrived_is_not_sure_until_the_pump_says_so() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.in_reach = true;
    world.hold_dose();
    // proves R-REQ-04
    assert!(is_not_sure(&world), "{:?}", world.face());
    assert_eq!(world.recorded(|event| matches!(event, Event::Uncertain { why: Doubt::LinkLost, .. })), 1);
    world.pass(secs(3));
    assert!(matches!(world.face(), Face::Delivering { .. }), "{:?}", world.face());
    until_it_is_in(&mut world);
    was_delivered_once(&world, 1);
    // proves R-LNK-06
    assert_eq!(commits(&world), 1, "asked again, never sent again");
    assert!(queries(&world) > 0);
    assert_eq!(world.recorded(|event| matches!(event, Event::FateHeard { .. })), 1, "that it runs");
}

#[test]
fn a_commit_that_never_arrived_is_not_sure_until_the_pump_has_sworn_that_it_never_will() {
    for effect in [Effect::Disconnect, Effect::Drop] {
        let mut world = World::ready();
        world.fault(CommandKind::Commit, Point::BeforeReceipt, effect);
        world.hold_dose();
        world.pass(secs(5));
        world.pass(secs(3));
        assert!(matches!(world.face(), Face::NotGiven(_)), "{:?}", world.face());
        was_not_given(&world, 1);
        assert_eq!(world.recorded(|event| matches!(event, Event::Uncertain { .. })), 1);
        // proves R-REQ-08
        assert!(world.transmitted(|sent| matches!(sent, Command::Abort { .. })) > 0, "its watermark is what proves it");
        assert_eq!(commits(&world), 1);
        world.seen();
        assert!(is_ready(&world), "it didn't count: {:?}", world.face());
    }
}

#[test]
fn not_sure_stands_while_the_pump_is_away_and_cannot_be_dismissed() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.in_reach = true;
    world.hold_dose();
    world.walk_away();
    world.doze(mins(400), secs(20));
    world.seen();
    // proves R-REQ-06
    assert!(is_not_sure(&world), "{:?}", world.face());
    world.hold_dose();
    let refused =
        |event: &Event| matches!(event, Event::AttemptRefused { reasons } if reasons.contains(&Reason::Unresolved));
    // proves R-ANS-12
    assert_eq!(world.recorded(refused), 1);
    world.come_back();
    was_delivered_once(&world, 1);
    assert_eq!(world.started(), 1);
}

#[test]
fn a_link_lost_while_the_dose_goes_in_ends_with_the_true_amount() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(30));
    world.walk_away();
    assert!(matches!(world.face(), Face::Delivering { .. }), "for a moment the last word stands");
    world.pass(secs(20));
    // proves R-REQ-04
    assert!(is_not_sure(&world), "{:?}", world.face());
    assert_eq!(world.recorded(|event| matches!(event, Event::Uncertain { why: Doubt::SilentInDelivery, .. })), 1);
    world.pass(mins(10));
    world.come_back();
    was_delivered_once(&world, 1);
    world.seen();
    assert!(wait_of(&world).remaining > mins(100));
}

#[test]
fn a_stop_pressed_again_and_again_puts_the_silence_of_the_pump_off_by_nothing() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::BeforeReceipt, Effect::Drop);
    world.fault(CommandKind::Cancel, Point::BeforeReceipt, Effect::Drop);
    world.hold_dose();
    world.pass(secs(4));
    world.hold_stop();
    world.pass(Millis::new(600));
    // proves R-LNK-15
    assert!(is_not_sure(&world), "{:?}", world.face());
    let why = |why: Doubt| world.recorded(|event| matches!(event, Event::Uncertain { why: told, .. } if *told == why));
    assert_eq!((why(Doubt::NoAnswer), why(Doubt::LinkLost)), (1, 0));
}

#[test]
fn a_stop_before_the_pump_has_said_who_it_is_was_out_of_reach() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    assert!(is_not_sure(&world), "{:?}", world.face());
    world.latency = secs(4);
    world.pass(secs(2));
    assert!(world.transmitted(|sent| matches!(sent, Command::Hello { .. })) > 1, "asked, and not answered");
    world.hold_stop();
    // proves R-REQ-15
    assert_eq!(world.recorded(|event| matches!(event, Event::StopAsked { reachable: false, .. })), 1);
}
