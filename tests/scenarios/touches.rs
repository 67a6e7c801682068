//! What a finger does, and what is no hold.
//!
//! Pre:  READY.
//! Step: the control is touched shortly, slid off, or held on a display that hangs.
//! Post: nothing is asked; short touches are counted, and recorded with the next attempt.

use pump_core::{
    audit::event::Event,
    screen::{Control, Level, Notice, Source},
};
use pump_protocol::quantity::Millis;
use pump_tests::{CommandKind, Effect, Point, World};

use crate::words::{commits, expire_one, is_ready, prepares};

#[test]
fn short_touches_ask_for_nothing_and_are_counted() {
    let mut world = World::ready();
    for _ in 0..3 {
        world.hold(Control::Dose, Source::Touchscreen, Millis::new(900));
    }
    assert_eq!(world.screen().notice, Some(Notice::HoldLonger));
    // proves R-ASK-01
    assert_eq!(prepares(&world), 0);
    world.hold_dose();
    // proves R-ASK-07
    assert_eq!(world.recorded(|event| matches!(event, Event::ShortTouches { count: 3 })), 1);
    assert_eq!((prepares(&world), commits(&world)), (1, 1));
    world.hold_dose();
    assert_eq!(world.recorded(|event| matches!(event, Event::ShortTouches { .. })), 1, "none since");
}

#[test]
fn a_finger_that_slides_off_asks_for_nothing() {
    let mut world = World::ready();
    for _ in 0..14 {
        world.touch(Control::Dose, Source::Touchscreen, Level::Pressed);
        world.step(Millis::new(100));
    }
    world.touch(Control::Dose, Source::Touchscreen, Level::SlidOff);
    world.pass(Millis::from_secs(5));
    // proves R-ASK-02
    assert_eq!(prepares(&world), 0);
    assert!(is_ready(&world));
}

#[test]
fn a_display_that_hangs_completes_no_hold() {
    let mut world = World::ready();
    world.touch(Control::Dose, Source::Touchscreen, Level::Pressed);
    world.pass(Millis::from_secs(3));
    assert_eq!(world.screen().hold, None, "nothing is shown of a press that tells no more levels");
    for _ in 0..20 {
        world.touch(Control::Dose, Source::Touchscreen, Level::Pressed);
        world.step(Millis::new(100));
    }
    // proves R-ASK-03
    assert_eq!(prepares(&world), 0, "the finger was never seen lifted");
}

#[test]
fn a_hold_while_an_outcome_stands_unread_is_recorded_and_asks_for_nothing() {
    let mut world = World::ready();
    world.fault(CommandKind::Prepare, Point::BeforeReceipt, Effect::Disconnect);
    world.hold_dose();
    world.pass(Millis::from_secs(3));
    world.hold(Control::Dose, Source::Button, Millis::new(1_600));
    assert_eq!(prepares(&world), 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::AttemptRefused { reasons } if reasons.is_empty())), 1);
    world.seen();
    assert!(is_ready(&world));
}

#[test]
fn a_notice_is_put_away_without_what_it_stands_over() {
    let mut world = World::ready();
    expire_one(&mut world);
    let told = world.face();
    world.hold_dose();
    assert_eq!(world.screen().notice, Some(Notice::Refused));
    world.notice_seen();
    // proves R-REQ-27
    assert_eq!((world.face(), world.screen().notice), (told, None));
    world.seen();
    assert_eq!(world.recorded(|event| matches!(event, Event::OutcomeSeen)), 1);
}
