//! Somebody practises: this machine stands still on one page, and its pump is asked for nothing.
//!
//! Pre:  READY, on the page that says what a practice is.
//! Step: they begin; they hold; a dose is asked for, an alarm comes, the time is up, or they go to another page.
//! Post: beginning and end are on record and nothing else; no PREPARE left; the page afterwards tells the truth again.

use pump_core::{
    annunciation::AlarmCondition,
    audit::event::Event,
    remote::{DARK_AFTER, Input},
    screen::{Control, Face, Intent, PracticeView, Reading, Source, Visit},
};
use pump_protocol::quantity::Millis;
use pump_tests::World;

use crate::words::{is_ready, mins, prepares, secs};

fn view(world: &World) -> Option<PracticeView> {
    if let Face::Reading(Reading::Practice(view)) = world.face() { Some(view) } else { None }
}

fn practises(world: &World) -> bool {
    view(world).is_some_and(|view| view.begun)
}

fn begin(world: &mut World) {
    world.say(Input::Intent(Intent::Proceed));
}

/// READY, and somebody practises.
fn practising() -> World {
    let mut world = World::ready();
    world.visit(Visit::Practice);
    assert_eq!(view(&world), Some(PracticeView { begun: false, may_begin: true }));
    begin(&mut world);
    assert!(practises(&world));
    world
}

/// How often a practice began and ended, by the record.
fn told(world: &World) -> [usize; 2] {
    [
        world.recorded(|event| matches!(event, Event::PracticeBegan)),
        world.recorded(|event| matches!(event, Event::PracticeEnded)),
    ]
}

#[test]
fn a_hold_in_a_practice_asks_nothing_of_the_pump() {
    let mut world = practising();
    for source in [Source::Button, Source::Touchscreen] {
        world.hold(Control::Dose, source, Millis::new(2_000));
    }
    world.hold_stop();
    begin(&mut world);
    // proves R-ASK-17
    assert_eq!((prepares(&world), world.started(), told(&world)), (0, 0, [1, 0]));
    world.visit(Visit::More);
    assert_eq!(told(&world), [1, 1]);
    world.visit(Visit::Patient);
    assert!(is_ready(&world));
}

#[test]
fn a_practice_ends_by_itself_after_ten_minutes() {
    let mut world = practising();
    world.pass(mins(10).saturating_sub(Millis::new(1)));
    assert!(practises(&world));
    world.pass(Millis::new(1));
    let before = Some(PracticeView { begun: false, may_begin: true });
    // proves R-ASK-22
    assert_eq!(
        (view(&world), told(&world)),
        (before, [1, 1]),
        "whoever still holds is not on a page that offers a dose"
    );
    world.hold(Control::Dose, Source::Touchscreen, Millis::new(2_000));
    world.pass(mins(30));
    assert_eq!((prepares(&world), told(&world)), (0, [1, 1]));
    world.visit(Visit::Patient);
    assert!(is_ready(&world));
}

#[test]
fn an_alarm_ends_a_practice_and_none_begins_beside_it_until_it_was_seen() {
    let mut world = practising();
    world.pump.stop();
    world.pass(mins(3));
    // proves R-ASK-17
    assert!(!practises(&world) && told(&world) == [1, 1], "{:?}", world.face());
    begin(&mut world);
    assert_eq!((view(&world), told(&world)), (Some(PracticeView { begun: false, may_begin: false }), [1, 1]));
    world.say(Input::Intent(Intent::Acknowledge(AlarmCondition::PumpStopped)));
    begin(&mut world);
    assert!(practises(&world) && told(&world) == [2, 1]);
}

#[test]
fn none_begins_beside_an_open_request_nor_from_another_page() {
    let mut world = World::ready();
    for page in [Visit::Patient, Visit::More, Visit::Caregiver] {
        world.visit(page);
        begin(&mut world);
        assert_eq!(told(&world), [0, 0], "{page:?}");
    }
    world.visit(Visit::Patient);
    world.hold_dose();
    world.pass(secs(2));
    assert!(matches!(world.face(), Face::Delivering { .. }));
    world.visit(Visit::Practice);
    begin(&mut world);
    assert_eq!((view(&world), told(&world)), (Some(PracticeView { begun: false, may_begin: false }), [0, 0]));
}

#[test]
fn a_restart_ends_a_practice_and_a_close_says_so() {
    let mut world = practising();
    world.crash();
    world.pass(secs(3));
    assert!(is_ready(&world) && told(&world) == [1, 0]);
    let mut world = practising();
    world.say(Input::Close);
    assert_eq!(told(&world), [1, 1]);
}

#[test]
fn the_display_stays_lit_while_somebody_practises() {
    let mut world = World::ready();
    world.dark_after = Some(DARK_AFTER);
    world.crash();
    world.pass(secs(2));
    world.visit(Visit::Practice);
    begin(&mut world);
    world.pass(mins(9));
    assert!(practises(&world) && !world.screen().dark);
    world.pass(mins(1));
    world.pass(DARK_AFTER.saturating_sub(secs(1)));
    assert!(!practises(&world) && !world.screen().dark, "two minutes from its end");
    world.pass(secs(2));
    assert!(world.screen().dark);
}
