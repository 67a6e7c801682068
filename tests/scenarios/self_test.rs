//! The remote tests itself.
//!
//! Pre:  it starts, or somebody on the page SELF-TEST wants it tested.
//! Step: what is measured is told; a person answers, or doesn't.
//! Post: no dose was offered meanwhile; what was found is on the page and on record; a fault that blocks keeps doses away until a
//!       later test finds none.

use pump_core::{
    annunciation::AlarmCondition,
    audit::event::{Event, Trouble},
    remote::Input,
    screen::{Control, Face, Intent, Level, Reading, Source, TestView, Visit},
    selftest::{Asking, Check, Condition, Device, Finding, Measured, Question},
    therapy::reason::Reason,
};
use pump_protocol::quantity::Millis;
use pump_tests::{Disk, World};

use crate::words::{expire_one, give_one, is_ready, prepares, secs};

/// A remote that has started, long in use, and tests itself.
fn starting(asking: Asking) -> World {
    let mut world = World::ready();
    world.self_test = Some(asking);
    world.crash();
    world
}

/// Everything that can be measured, as it should be; but this first.
fn measure(world: &mut World, first: &[Measured]) {
    let digest = Some([7; 32]);
    let steady = Millis::new(200);
    let key = Measured::Key { down: Some(false) };
    let rest = [
        Measured::Program { found: digest, meant: digest, confirmed: None },
        Measured::Clocks { boottime: steady, steady },
        key,
    ];
    let devices = Device::ALL.map(|device| Measured::Device { device, condition: Condition::Works });
    for measured in first.iter().chain(&rest).chain(&devices) {
        world.say(Input::Measured(*measured));
    }
}

fn broken(device: Device) -> Measured {
    Measured::Device { device, condition: Condition::Broken }
}

fn page(world: &World) -> Option<TestView> {
    if let Face::Reading(Reading::SelfTest(view)) = world.face() { Some(view) } else { None }
}

fn asked(world: &World) -> Option<Question> {
    page(world).and_then(|view| view.question)
}

/// What the newest self-test on record found of this.
fn recorded(world: &World, check: Check) -> Option<Finding> {
    let tested = world.record().iter().rev().find_map(|happened| match &happened.event {
        Event::SelfTested { findings } => Some(findings),
        _ => None,
    })?;
    tested.iter().find(|checked| checked.check == check).map(|checked| checked.finding)
}

fn answer(world: &mut World, yes: bool) {
    world.say(Input::Intent(Intent::Answer { yes }));
}

/// How often it wanted itself measured, and a confirmation kept.
const fn wanted(world: &World) -> (usize, usize) {
    (world.measures_wanted, world.confirmations_wanted)
}

#[test]
fn a_start_offers_nothing_until_everything_is_measured() {
    let mut world = starting(Asking::Nobody);
    assert_eq!(wanted(&world), (1, 0));
    world.pass(secs(7));
    // proves R-ANS-16, R-DEV-05
    assert_eq!(world.reasons(), [Reason::SelfTestRunning]);
    world.hold_dose();
    assert_eq!(prepares(&world), 0);
    world.say(Input::Intent(Intent::TestSelf));
    assert_eq!(wanted(&world), (1, 0), "one test at a time");
    measure(&mut world, &[]);
    assert!(is_ready(&world), "{:?}", world.face());
    // proves R-DEV-13, R-REC-01
    assert_eq!(recorded(&world, Check::Storage), Some(Finding::Passed));
    give_one(&mut world);
}

#[test]
fn a_test_that_nobody_measures_ends_after_seventy_seconds_and_has_failed() {
    let mut world = starting(Asking::Nobody);
    world.pass(secs(69));
    assert!(world.reasons().contains(&Reason::SelfTestRunning));
    world.pass(secs(2));
    assert!(page(&world).is_some_and(|view| !view.runs), "it is shown: {:?}", world.face());
    assert_eq!(recorded(&world, Check::Program), Some(Finding::Silent));
    world.visit(Visit::Patient);
    // proves R-ANS-16, R-DEV-05
    assert_eq!(world.reasons(), [Reason::SelfTestFailed, Reason::ToneFailed]);
}

#[test]
fn what_a_start_finds_takes_no_page_away() {
    let mut read = starting(Asking::Nobody);
    read.visit(Visit::Caregiver);
    measure(&mut read, &[broken(Device::Battery)]);
    assert!(page(&read).is_none() && recorded(&read, Check::Battery) == Some(Finding::Failed), "{:?}", read.face());

    let mut told = World::ready();
    expire_one(&mut told);
    told.pass(secs(5));
    told.self_test = Some(Asking::Nobody);
    told.crash();
    measure(&mut told, &[broken(Device::Battery)]);
    told.pass(secs(7));
    assert!(matches!(told.face(), Face::NotGiven(_)), "{:?}", told.face());
}

#[test]
fn each_fault_blocks_or_is_told() {
    for device in Device::ALL {
        let mut world = starting(Asking::Nobody);
        measure(&mut world, &[broken(device)]);
        assert!(page(&world).is_some(), "{device:?} is shown: {:?}", world.face());
        world.pass(secs(7));
        world.visit(Visit::Patient);
        let reasons = match device {
            Device::Battery | Device::Display | Device::Watchdog => vec![Reason::SelfTestFailed],
            Device::Sound => vec![Reason::ToneFailed],
            Device::Vibration | Device::Touch | Device::Link => vec![],
        };
        // proves R-ANS-16, R-ALM-13
        assert_eq!(world.reasons(), reasons, "{device:?}");
        assert_eq!(is_ready(&world), reasons.is_empty(), "{device:?}");
        let stays = matches!(device, Device::Vibration | Device::Touch);
        // proves R-DEV-14
        assert_eq!(world.found_fit, usize::from(stays), "{device:?}");
    }
}

#[test]
fn a_button_stuck_since_before_the_start_blocks_until_it_is_let_go_and_tested_again() {
    let mut world = starting(Asking::Nobody);
    world.say(Input::Measured(Measured::Key { down: Some(true) }));
    let clocks = Measured::Clocks { boottime: Millis::new(200), steady: Millis::new(200) };
    let program = Measured::Program { found: None, meant: None, confirmed: None };
    let absent = Device::ALL.map(|device| Measured::Device { device, condition: Condition::Absent });
    for measured in [clocks, program].into_iter().chain(absent) {
        world.say(Input::Measured(measured));
    }
    world.pass(secs(59));
    assert!(world.reasons().contains(&Reason::SelfTestRunning), "a hand may hold it");
    world.pass(secs(2));
    world.visit(Visit::Patient);
    // proves R-ANS-16, R-DEV-05
    assert_eq!(world.reasons(), [Reason::SelfTestFailed]);
    assert_eq!(recorded(&world, Check::Key), Some(Finding::Failed));
    assert!(world.screen().alarms.iter().any(|alarm| alarm.condition == AlarmCondition::SelfTestFailed));
    world.say(Input::Measured(Measured::Key { down: Some(false) }));
    world.pass(secs(60));
    assert_eq!(world.reasons(), [Reason::SelfTestFailed], "let go, and not tested again");
    world.say(Input::Intent(Intent::TestSelf));
    assert_eq!(wanted(&world), (2, 0));
    measure(&mut world, &[]);
    world.pass(secs(70));
    world.visit(Visit::Patient);
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn on_demand_a_person_hears_feels_and_sees() {
    let mut world = World::ready();
    world.visit(Visit::SelfTest);
    assert!(page(&world).is_some_and(|view| view.may_begin && !view.runs));
    assert_eq!(world.screen().signals, None);
    world.say(Input::Intent(Intent::TestSelf));
    measure(&mut world, &[]);
    world.pass(secs(1));
    // proves R-DEV-07
    assert_eq!(asked(&world), Some(Question::Heard));
    assert!(world.screen().signals.is_some_and(|played| played.sound.is_some() && played.vibration.is_none()));
    answer(&mut world, true);
    assert_eq!(asked(&world), Some(Question::Felt));
    assert!(world.screen().signals.is_some_and(|played| played.vibration.is_some() && played.sound.is_none()));
    world.visit(Visit::Patient);
    assert_eq!(world.screen().signals, None, "it plays where it asks");
    world.pass(secs(5));
    assert_eq!(world.reasons(), [Reason::SelfTestRunning]);
    world.visit(Visit::SelfTest);
    answer(&mut world, true);
    assert_eq!(asked(&world), Some(Question::Seen));
    assert_eq!(world.confirmations_wanted, 0);
    answer(&mut world, true);
    assert_eq!((asked(&world), world.confirmations_wanted), (None, 1));
    world.pass(secs(1));
    let confirmed = [Check::Sound, Check::Vibration, Check::Display, Check::Touch];
    // proves R-DEV-07
    assert!(confirmed.into_iter().all(|check| recorded(&world, check) == Some(Finding::Confirmed)));
    world.visit(Visit::Patient);
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_tone_that_nobody_hears_ends_all_offers_until_it_is_heard() {
    let mut world = World::ready();
    world.visit(Visit::SelfTest);
    world.say(Input::Intent(Intent::TestSelf));
    measure(&mut world, &[]);
    world.pass(secs(1));
    answer(&mut world, false);
    answer(&mut world, true);
    answer(&mut world, true);
    world.visit(Visit::Patient);
    // proves R-ALM-13
    assert_eq!(world.reasons(), [Reason::ToneFailed]);
    world.visit(Visit::SelfTest);
    world.say(Input::Intent(Intent::TestSelf));
    measure(&mut world, &[]);
    world.pass(secs(1));
    (0..3).for_each(|_| answer(&mut world, true));
    world.visit(Visit::Patient);
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn after_an_update_the_page_comes_by_itself_and_silence_holds_nothing_up_for_long() {
    let mut world = starting(Asking::IfChanged);
    measure(&mut world, &[]);
    world.pass(secs(1));
    // proves R-DEV-07
    assert_eq!(asked(&world), Some(Question::Heard));
    world.visit(Visit::Patient);
    world.pass(secs(1));
    assert_eq!(asked(&world), None, "whoever leaves is not called back");
    world.pass(secs(70));
    assert!(is_ready(&world), "{:?}", world.face());
    assert_eq!(recorded(&world, Check::Sound), Some(Finding::Unconfirmed));
    assert_eq!(world.confirmations_wanted, 0, "the next start asks again");
}

#[test]
fn an_open_request_keeps_its_page_and_a_test_is_not_begun_over_it() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(3));
    assert!(matches!(world.face(), Face::Delivering { .. }), "{:?}", world.face());
    world.say(Input::Intent(Intent::TestSelf));
    assert_eq!(wanted(&world), (0, 0));
    world.self_test = Some(Asking::Nobody);
    world.crash();
    measure(&mut world, &[broken(Device::Watchdog)]);
    world.pass(secs(1));
    assert!(page(&world).is_none(), "the question stands: {:?}", world.face());
}

#[test]
fn a_card_that_can_t_be_written_fails_its_check_and_nothing_more() {
    let mut world = World::ready();
    world.disk = Disk::Refuses;
    world.visit(Visit::SelfTest);
    world.say(Input::Intent(Intent::TestSelf));
    measure(&mut world, &[]);
    (0..3).for_each(|_| answer(&mut world, true));
    world.pass(secs(71));
    assert_eq!(page(&world).and_then(|view| view.findings[2]), Some(Finding::Silent));
    world.disk = Disk::Works;
    world.pass(secs(10));
    assert_eq!(recorded(&world, Check::Storage), Some(Finding::Silent));
    world.visit(Visit::Patient);
    assert!(is_ready(&world), "a card that recovers is used again: {:?}", world.face());
}

#[test]
fn the_button_on_the_page_gives_nothing() {
    let mut world = World::ready();
    world.visit(Visit::SelfTest);
    world.hold(Control::Dose, Source::Button, Millis::new(2_000));
    world.touch(Control::Dose, Source::Button, Level::Released);
    // proves R-CAR-01
    assert_eq!(prepares(&world), 0);
}

#[test]
fn a_tone_that_fails_while_it_is_tested_has_failed_whatever_the_pin_says() {
    for asking in [Asking::Nobody, Asking::Somebody] {
        let mut world = starting(asking);
        world.say(Input::Measured(Measured::Device { device: Device::Sound, condition: Condition::Works }));
        world.say(Input::Trouble { which: Trouble::ToneFailed, holds: true });
        measure(&mut world, &[]);
        world.pass(secs(71));
        world.visit(Visit::Patient);
        // proves R-ALM-13
        assert_eq!(world.reasons(), [Reason::ToneFailed], "{asking:?}");
        assert_eq!(world.found_fit, 0, "{asking:?}");
    }
}

#[test]
fn a_tone_that_failed_before_the_test_is_well_once_somebody_has_heard_it() {
    for heard in [true, false] {
        let mut world = World::ready();
        world.say(Input::Trouble { which: Trouble::ToneFailed, holds: true });
        world.visit(Visit::SelfTest);
        world.say(Input::Intent(Intent::TestSelf));
        measure(&mut world, &[]);
        if heard {
            assert_eq!(asked(&world), Some(Question::Heard));
            answer(&mut world, true);
        }
        world.pass(secs(71));
        world.visit(Visit::Patient);
        // proves R-ALM-13
        assert_eq!(world.reasons().contains(&Reason::ToneFailed), !heard);
    }
}

#[test]
fn what_somebody_did_not_hear_is_not_forgotten_by_a_restart() {
    let digest = Some([7; 32]);
    let known = Measured::Program { found: digest, meant: digest, confirmed: digest };
    let mut world = starting(Asking::Somebody);
    world.visit(Visit::SelfTest);
    measure(&mut world, &[known]);
    assert_eq!(asked(&world), Some(Question::Heard));
    answer(&mut world, false);
    world.pass(secs(71));
    world.self_test = Some(Asking::IfChanged);
    world.crash();
    measure(&mut world, &[known]);
    assert_eq!(asked(&world), Some(Question::Heard), "asked again, though the program is the same: {:?}", world.face());
    world.pass(secs(71));
    world.visit(Visit::Patient);
    // proves R-ALM-13
    assert_eq!(world.reasons(), [Reason::ToneFailed]);
}

#[test]
fn a_version_that_can_not_write_or_has_no_radio_is_not_found_fit() {
    let mut deaf = starting(Asking::Nobody);
    measure(&mut deaf, &[broken(Device::Link)]);
    deaf.pass(secs(7));
    // proves R-DEV-14
    assert_eq!(deaf.found_fit, 0);
    let mut mute = World::ready();
    mute.self_test = Some(Asking::Nobody);
    mute.disk = Disk::Refuses;
    mute.crash();
    measure(&mut mute, &[]);
    mute.pass(secs(71));
    assert_eq!(mute.found_fit, 0);
}
