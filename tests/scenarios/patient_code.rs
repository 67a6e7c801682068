//! The clinic asks for the patient's code with each dose.
//!
//! Pre:  READY, and the prescription has a code.
//! Step: a full hold, then the code, a wrong one, several, or none.
//! Post: the right one asks for what was held for, and nothing else does; every wrong one is on record without its digits.

use pump_core::{
    audit::event::Event,
    remote::{Input, Output},
    screen::{Control, Face, Intent, Source, Visit},
    therapy::reason::Reason,
};
use pump_protocol::{
    clock::{BootId, Now, Uptime},
    message::Command,
    quantity::Dose,
};
use pump_tests::World;

use crate::words::{
    DOSE, code, commits, is_ready, mins, prepares, ready_for_a_code, reprogram, secs, until_it_is_in, wait_of,
};

const RIGHT: [u8; 4] = [0, 4, 2, 7];
const WRONG: [u8; 4] = [9, 9, 9, 9];

fn held() -> World {
    let mut world = ready_for_a_code();
    world.hold_dose();
    assert_eq!(world.face(), Face::EnterCode { dose: DOSE, entered: 0, wrong: false });
    world
}

fn unconfirmed(world: &World) -> usize {
    world.recorded(|event| matches!(event, Event::AttemptUnconfirmed))
}

fn wrong_ones(world: &World) -> usize {
    world.recorded(|event| matches!(event, Event::CodeWrong { .. }))
}

#[test]
fn a_hold_alone_asks_for_nothing_and_the_right_code_asks_once() {
    let mut world = held();
    world.pass(secs(5));
    // proves R-ASK-16
    assert_eq!((prepares(&world), world.recorded(|event| matches!(event, Event::Requested { .. }))), (0, 0));
    code(&mut world, RIGHT);
    // proves R-ASK-16
    assert_eq!((prepares(&world), commits(&world)), (1, 1));
    until_it_is_in(&mut world);
    assert_eq!((world.started(), wrong_ones(&world), unconfirmed(&world)), (1, 0, 0));
    code(&mut world, RIGHT);
    assert_eq!(prepares(&world), 1, "digits on another page are nothing");
}

#[test]
fn a_digit_can_be_taken_back_and_a_wrong_code_entered_again() {
    let mut world = held();
    code(&mut world, WRONG);
    assert_eq!(world.face(), Face::EnterCode { dose: DOSE, entered: 0, wrong: true });
    world.say(Input::Intent(Intent::Digit(0)));
    world.say(Input::Intent(Intent::Digit(9)));
    world.say(Input::Intent(Intent::EraseDigit));
    assert_eq!(world.face(), Face::EnterCode { dose: DOSE, entered: 1, wrong: true });
    for digit in [4, 2, 7] {
        world.say(Input::Intent(Intent::Digit(digit)));
    }
    assert_eq!((world.started(), wrong_ones(&world)), (1, 1));
}

#[test]
fn five_wrong_codes_lock_the_control_for_five_minutes_and_a_restart_begins_them_anew() {
    let mut world = held();
    (0..5).for_each(|_| code(&mut world, WRONG));
    let wait = wait_of(&world);
    // proves R-ASK-20
    assert_eq!((wait.reasons.as_slice(), wait.remaining), ([Reason::CodeLocked].as_slice(), mins(5)));
    assert_eq!((wrong_ones(&world), unconfirmed(&world)), (5, 1));
    world.pass(mins(4));
    code(&mut world, RIGHT);
    world.crash();
    world.pass(secs(5));
    // proves R-ASK-20
    assert!(wait_of(&world).remaining > mins(4), "nobody knows how long it has lasted: {:?}", world.face());
    world.reboot(secs(600));
    world.pass(secs(5));
    assert!(wait_of(&world).remaining > mins(4), "{:?}", world.face());
    world.pass(mins(5));
    assert!(is_ready(&world), "{:?}", world.face());
    world.hold_dose();
    code(&mut world, RIGHT);
    assert_eq!(world.started(), 1);
    until_it_is_in(&mut world);
    world.crash();
    world.pass(secs(5));
    world.seen();
    assert_eq!(wait_of(&world).reasons, [Reason::Lockout], "the right one ends the row");
}

#[test]
fn a_code_that_nobody_finishes_lapses_after_thirty_seconds() {
    let mut world = held();
    world.say(Input::Intent(Intent::Digit(0)));
    world.pass(secs(29));
    assert!(matches!(world.face(), Face::EnterCode { entered: 1, .. }), "{:?}", world.face());
    world.pass(secs(1));
    // proves R-ASK-11, R-ASK-16
    assert!(is_ready(&world), "{:?}", world.face());
    assert_eq!((prepares(&world), unconfirmed(&world)), (0, 1));
}

#[test]
fn a_wrong_code_begins_the_thirty_seconds_anew() {
    let mut world = held();
    world.pass(secs(20));
    code(&mut world, WRONG);
    world.pass(secs(29));
    assert!(matches!(world.face(), Face::EnterCode { wrong: true, .. }), "{:?}", world.face());
    world.pass(secs(1));
    // proves R-ASK-11, R-ASK-16
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_lock_is_gone_with_the_code_that_the_clinic_asks_for_no_more() {
    let mut world = held();
    (0..5).for_each(|_| code(&mut world, WRONG));
    assert_eq!(wait_of(&world).reasons, [Reason::CodeLocked]);
    reprogram(&mut world, |programmed| programmed.patient_code = None);
    world.pass(mins(1));
    world.seen();
    world.pass(secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn what_ends_ready_ends_the_entry_too_and_the_right_code_asks_for_nothing_then() {
    let ends: [fn(&mut World); 4] = [
        World::walk_away,
        |world| world.pump.stall(),
        |world| reprogram(world, |programmed| programmed.demand_dose = Dose::from_micrograms(60)),
        |world| drop(world.other_doses()),
    ];
    for (which, end) in ends.into_iter().enumerate() {
        let mut world = held();
        end(&mut world);
        world.pass(secs(3));
        assert!(!matches!(world.face(), Face::EnterCode { .. }), "{which}: {:?}", world.face());
        code(&mut world, RIGHT);
        // proves R-ASK-16
        assert_eq!((prepares(&world), unconfirmed(&world)), (0, 1), "{which}");
    }
}

#[test]
fn a_second_hold_the_button_and_another_page_ask_for_nothing() {
    let mut world = held();
    world.hold_dose();
    world.hold(Control::Dose, Source::Button, secs(2));
    assert!(matches!(world.face(), Face::EnterCode { .. }), "{:?}", world.face());
    assert_eq!(prepares(&world), 0);
    world.visit(Visit::Caregiver);
    code(&mut world, RIGHT);
    world.visit(Visit::Patient);
    code(&mut world, RIGHT);
    assert_eq!((prepares(&world), unconfirmed(&world)), (0, 1));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_restart_forgets_what_was_held_for() {
    let mut world = held();
    world.crash();
    world.pass(secs(5));
    code(&mut world, RIGHT);
    assert_eq!((prepares(&world), is_ready(&world)), (0, true));
}

#[test]
fn the_right_code_asks_for_nothing_that_is_not_offered_any_more() {
    let mut world = held();
    for digit in &RIGHT[..3] {
        world.say(Input::Intent(Intent::Digit(*digit)));
    }
    // The last digit comes before the machine was told how late it is.
    let mut remote = world.remote.clone();
    let late = Now { boot: BootId([1; 16]), uptime: Uptime::from_millis(60_000 + mins(10).get()), wall: None };
    remote.handle(Input::Intent(Intent::Digit(RIGHT[3])), late);
    let kinds = std::iter::from_fn(|| remote.poll_output()).flat_map(|output| match output {
        Output::Store(batch) => batch.entries.iter().map(|entry| entry.kind).collect(),
        Output::Transmit(command) => vec![if matches!(command, Command::Prepare { .. }) { "PREPARE" } else { "other" }],
        Output::Hangup
        | Output::Rest
        | Output::Reach
        | Output::ReadDays
        | Output::ReadLevels
        | Output::Measure
        | Output::KeepConfirmed
        | Output::Fit
        | Output::SetClock(_)
        | Output::CopyRecord => vec![],
    });
    let kinds: Vec<_> = kinds.collect();
    assert!(kinds.contains(&"attempt_unconfirmed"), "{kinds:?}");
    assert!(!kinds.contains(&"requested") && !kinds.contains(&"PREPARE"), "{kinds:?}");
}

#[test]
fn a_code_over_a_change_that_nobody_has_read_asks_for_nothing() {
    let mut world = held();
    reprogram(&mut world, |programmed| programmed.lockout_interval = mins(150));
    world.pass(secs(3));
    code(&mut world, RIGHT);
    // proves R-ASK-16
    assert_eq!(prepares(&world), 0, "{:?}", world.face());
}
