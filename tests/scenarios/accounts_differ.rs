//! Our account and the pump's disagree.
//!
//! Pre:  READY.
//! Step: one side counts what the other doesn't.
//! Post: the stricter one is shown; the difference is announced and recorded once.

use pump_core::{annunciation::AlarmCondition, audit::event::Event, screen::Notice, therapy::reason::Reason};
use pump_protocol::{
    message::Reply,
    quantity::{Dose, Millis},
};
use pump_tests::{CommandKind, Effect, Point, World};

use crate::words::{alarms, is_ready, mins, secs, wait_of};

fn announced(world: &World) -> usize {
    world.recorded(|event| matches!(event, Event::AccountsDiffer { .. }))
}

#[test]
fn a_pump_that_says_longer_is_believed_and_the_difference_is_announced_once() {
    let mut world = World::ready();
    for _ in 0..3 {
        let mut report = world.pump.report();
        report.time = report.time.after(secs(30));
        report.lockout_remaining = mins(90);
        let answer = Effect::Answer(Box::new(Reply::Report(Box::new(report))));
        world.fault(CommandKind::Other, Point::AfterReceipt, answer);
        world.pass(secs(30));
        let wait = wait_of(&world);
        assert!(wait.pump_says && wait.remaining > mins(89), "{wait:?}");
    }
    // proves R-LIM-02
    assert_eq!(announced(&world), 1);
    world.pass(secs(60));
    assert!(is_ready(&world), "the pump's next word counts: {:?}", world.face());
}

#[test]
fn a_pump_that_says_shorter_is_not_believed() {
    let mut world = World::ready();
    crate::words::give_one(&mut world);
    let before = wait_of(&world).remaining;
    let mut report = world.pump.report();
    report.time = report.time.after(secs(30));
    report.lockout_remaining = Millis::ZERO;
    report.allotment.used = 0;
    world.fault(CommandKind::Other, Point::AfterReceipt, Effect::Answer(Box::new(Reply::Report(Box::new(report)))));
    for _ in 0..31 {
        if announced(&world) == 0 {
            world.pass(secs(1));
        }
    }
    assert_eq!(announced(&world), 1);
    assert_eq!(world.screen().notice, Some(Notice::AccountsDiffer));
    let after = wait_of(&world);
    // proves R-LIM-01, R-LIM-02
    assert!(after.remaining >= before.saturating_sub(secs(32)) && after.offer.left == 3, "{after:?}");
    assert!(!after.pump_says, "{after:?}");
}

#[test]
fn a_pump_that_counts_fewer_doses_is_not_said_to_ask_for_the_wait() {
    let mut world = World::ready();
    for _ in 0..4 {
        crate::words::give_one(&mut world);
        world.doze(mins(118), secs(20));
    }
    let mut report = world.pump.report();
    report.time = report.time.after(secs(30));
    report.allotment.used = 0;
    assert_eq!(report.lockout_remaining, Millis::ZERO);
    world.fault(CommandKind::Other, Point::AfterReceipt, Effect::Answer(Box::new(Reply::Report(Box::new(report)))));
    for _ in 0..31 {
        if announced(&world) == 0 {
            world.pass(secs(1));
        }
    }
    let wait = wait_of(&world);
    // proves R-LIM-02
    assert_eq!(
        (announced(&world), wait.reasons.as_slice(), wait.pump_says),
        (1, [Reason::Allotment].as_slice(), false)
    );
}

#[test]
fn a_window_that_differs_is_announced_once_as_long_as_it_does() {
    let mut world = World::ready();
    for _ in 0..3 {
        let mut report = world.pump.report();
        report.time = report.time.after(secs(30));
        report.window_used = report.window_used.saturating_add(Dose::from_micrograms(500));
        let answer = Effect::Answer(Box::new(Reply::Report(Box::new(report))));
        world.fault(CommandKind::Other, Point::AfterReceipt, answer);
        world.pass(secs(30));
        assert_eq!(alarms(&world), [AlarmCondition::AccountsDiffer]);
    }
    let told = world.recorded(|event| matches!(event, Event::WindowAccountsDiffer { .. }));
    // proves R-LIM-02
    assert_eq!(told, 1);
    assert_eq!(world.screen().notice, None, "long ago");
}
