//! A person sets the clock of the remote.
//!
//! Pre:  WAIT, READY, or a clock in doubt.
//! Step: the page is opened, a time is chosen by steps or taken from the pump, and set, or not.
//! Post: the clock shows it and the record says who did it; every wait is the same to the millisecond.

use pump_core::{
    audit::event::{Event, WallDoubt},
    remote::{Beginning, Input, Kept, Remote},
    screen::{Face, Intent, Reading, SetTimeState, SetTimeView, Visit},
    set_time::{EARLIEST, TimePart, TimeStep},
};
use pump_protocol::{
    clock::{CivilTime, WallTime},
    message::AuditHead,
    quantity::Millis,
};
use pump_tests::{OURS, World};

use crate::words::{give_one, is_ready, mins, secs, wait_of};

const DAY_MS: i64 = 24 * 3_600_000;

fn say(world: &mut World, intent: Intent) {
    world.say(Input::Intent(intent));
}

fn step(world: &mut World, part: TimePart, on: bool) {
    say(world, Intent::StepTime(TimeStep { part, on }));
}

#[expect(clippy::panic, reason = "another page ends the test here")]
fn view(world: &World) -> SetTimeView {
    match world.face() {
        Face::Reading(Reading::SetTime(view)) => view,
        other => panic!("another page: {other:?}"),
    }
}

fn civil(world: &World) -> Option<CivilTime> {
    world.now().wall.map(WallTime::civil)
}

fn minute(time: CivilTime) -> CivilTime {
    CivilTime::from_millis(time.millis().div_euclid(60_000) * 60_000)
}

/// In milliseconds.
fn left_of_minute(time: CivilTime) -> u64 {
    60_000 - time.of_day().get() % 60_000
}

/// What the record says of it, and of the jump that it made.
fn told(world: &World) -> (usize, usize, usize) {
    let stepped = world.recorded(|event| matches!(event, Event::ClockStepped { .. }));
    let set = world.recorded(|event| matches!(event, Event::ClockSet { .. }));
    (set, world.recorded(|event| matches!(event, Event::ClockNotSet { .. })), stepped)
}

#[test]
fn a_day_forward_in_wait_leaves_the_wait_as_it_is_and_the_record_has_the_new_time() {
    for on in [true, false] {
        // The same night, with nobody who sets a clock.
        let (mut world, mut other) = (World::ready(), World::ready());
        for world in [&mut world, &mut other] {
            give_one(world);
            world.pass(mins(10));
        }
        let before = world.now().wall;
        world.visit(Visit::SetTime);
        step(&mut world, TimePart::Day, on);
        let draft = view(&world).draft;
        say(&mut world, Intent::SetClock);
        let shows = civil(&world);
        // proves R-CLK-11
        assert_eq!(shows, Some(draft), "the clock shows what stood on the page");
        let by = draft.millis() - minute(before.expect("a clock").civil()).millis();
        assert_eq!(by, if on { DAY_MS } else { -DAY_MS });
        // proves R-CLK-11
        assert_eq!(told(&world), (1, 0, 1), "who, and by how much");
        let set = Event::ClockSet { from: before, to: draft };
        assert_eq!(world.recorded(|event| *event == set), 1, "{set:?}");
        world.visit(Visit::Patient);
        // proves R-CLK-01, R-CLK-11
        assert_eq!(wait_of(&world).remaining, wait_of(&other).remaining);
        assert_eq!(wait_of(&world).until, None, "a day from the pump's calendar, no clock times are shown");
        assert_eq!(world.screen().clock, Err(WallDoubt::DiffersFromPump));
        // To the millisecond: at each of them both say the same, until both say READY.
        let left = other.pump.report().lockout_remaining.saturating_add(secs(40));
        world.pass(Millis::new(left.get() - 60_000));
        other.pass(Millis::new(left.get() - 60_000));
        let mut waited = 0;
        while !is_ready(&other) {
            // proves R-CLK-01, R-CLK-11
            assert!(!is_ready(&world));
            world.pass(Millis::new(1));
            other.pass(Millis::new(1));
            waited += 1;
        }
        // proves R-CLK-01, R-CLK-11
        assert!(is_ready(&world) && waited > 100, "after {waited} ms");
    }
}

#[test]
fn what_the_pump_says_is_taken_by_one_tap_and_ends_the_doubt() {
    let mut world = World::ready();
    let wrong = world.now().wall.map(|wall| WallTime { unix_ms: wall.unix_ms - 400 * DAY_MS, ..wall });
    for (wall, doubt) in [(None, WallDoubt::NotSet), (wrong, WallDoubt::DiffersFromPump)] {
        world.set_wall(wall);
        world.pass(secs(1));
        assert_eq!(world.screen().clock, Err(doubt));
        world.visit(Visit::SetTime);
        let seen = view(&world);
        let pump = world.pump.civil();
        // proves R-CLK-11
        assert_eq!((seen.shows, seen.pump), (wall.map(|_| minute(civil(&world).expect("one"))), Some(minute(pump))));
        say(&mut world, Intent::TakePumpTime);
        world.pass(mins(3));
        assert_eq!(view(&world).draft, minute(world.pump.civil()), "it goes on with the pump's calendar");
        assert!(!view(&world).far);
        say(&mut world, Intent::SetClock);
        // proves R-CLK-11
        assert_eq!((view(&world).state, civil(&world)), (SetTimeState::Set, Some(world.pump.civil())));
        world.pass(secs(1));
        assert!(world.screen().clock.is_ok());
    }
    let line = world.record().iter().rfind(|line| matches!(line.event, Event::ClockSet { .. }));
    // proves R-CLK-11
    assert!(line.is_some_and(|line| line.at.wall.is_some()), "the line of it has the new time: {line:?}");
}

#[test]
fn a_page_that_is_left_sets_nothing() {
    let mut world = World::ready();
    let (wall, lines) = (world.now().wall, world.record().len());
    for back in [Visit::Patient, Visit::Settings, Visit::SetTime] {
        world.visit(Visit::SetTime);
        step(&mut world, TimePart::Hour, true);
        step(&mut world, TimePart::Day, false);
        assert_ne!(view(&world).draft, minute(civil(&world).expect("a clock")));
        world.visit(back);
        world.visit(Visit::SetTime);
        // proves R-CLK-11
        assert_eq!(view(&world).draft, minute(civil(&world).expect("a clock")), "and begins anew");
        world.visit(back);
    }
    // Nor does what is meant for the page do anything on another one.
    world.visit(Visit::Settings);
    for intent in [Intent::TakePumpTime, Intent::SetClock] {
        say(&mut world, intent);
    }
    // proves R-CLK-11
    assert_eq!((world.now().wall, world.record().len(), told(&world)), (wall, lines, (0, 0, 0)));
}

#[test]
fn a_clock_that_cannot_be_set_is_on_record_and_nothing_has_changed() {
    for says in [Some(false), None] {
        let mut world = World::ready();
        world.sets_clock = says;
        give_one(&mut world);
        let wait = wait_of(&world).remaining;
        world.visit(Visit::SetTime);
        step(&mut world, TimePart::Hour, true);
        let to = view(&world).draft;
        let before = world.now();
        say(&mut world, Intent::SetClock);
        if says.is_none() {
            assert_eq!(view(&world).state, SetTimeState::Asked);
            // A second tap, and a hand that still steps.
            say(&mut world, Intent::SetClock);
            step(&mut world, TimePart::Hour, true);
            assert_eq!(view(&world).draft, to);
            world.pass(Millis::new(14_999));
            assert_eq!((view(&world).state, told(&world)), (SetTimeState::Asked, (0, 0, 0)));
            world.pass(Millis::new(1));
        }
        // proves R-CLK-11
        assert_eq!((view(&world).state, told(&world)), (SetTimeState::NotSet, (0, 1, 0)), "{says:?}");
        let passed = world.now().uptime.since(before.uptime);
        assert_eq!(world.now().wall, before.wall.map(|wall| wall.after(passed)));
        assert_eq!(view(&world).draft, to, "what was chosen still stands there, to be tried again");
        world.say(Input::ClockSet { done: true });
        assert_eq!(told(&world), (0, 1, 0), "an answer that nobody waits for is none");
        world.visit(Visit::Patient);
        assert_eq!(wait_of(&world).remaining.get() / 1000, wait.saturating_sub(passed).get().div_ceil(1000));
        world.sets_clock = Some(true);
        world.visit(Visit::SetTime);
        say(&mut world, Intent::SetClock);
        // proves R-CLK-11
        assert_eq!((view(&world).state, told(&world).0), (SetTimeState::Set, 1));
    }
}

#[test]
fn leaving_the_page_or_the_program_takes_no_question_back() {
    let mut world = World::ready();
    world.sets_clock = None;
    world.visit(Visit::SetTime);
    say(&mut world, Intent::SetClock);
    world.visit(Visit::Patient);
    assert!(is_ready(&world));
    world.say(Input::ClockSet { done: true });
    // proves R-CLK-11
    assert_eq!(told(&world).0, 1);
    world.visit(Visit::SetTime);
    say(&mut world, Intent::SetClock);
    world.say(Input::Close);
    // proves R-CLK-11
    assert_eq!((told(&world).0, told(&world).1), (1, 1), "nobody said what became of it");
}

/// Out of the pump's reach nobody else knows the time.
#[test]
fn a_clock_that_a_person_sets_back_is_believed() {
    let mut world = World::ready();
    let wall = world.now().wall;
    world.in_reach = false;
    world.set_wall(wall.map(|wall| WallTime { unix_ms: wall.unix_ms + 400 * DAY_MS, ..wall }));
    world.reboot(secs(60));
    assert!(world.screen().clock.is_ok(), "nobody knows better");
    world.visit(Visit::SetTime);
    assert_eq!(view(&world).pump, None);
    for _ in 0..400 {
        step(&mut world, TimePart::Day, false);
    }
    say(&mut world, Intent::TakePumpTime);
    assert_eq!(
        view(&world).draft.millis() / DAY_MS,
        wall.expect("one").civil().millis() / DAY_MS,
        "there is none to take"
    );
    say(&mut world, Intent::SetClock);
    world.pass(secs(1));
    // proves R-CLK-11
    assert!(world.screen().clock.is_ok(), "{:?}", world.screen().clock);
    let doubted = world.recorded(|event| matches!(event, Event::WallDoubted { .. }));
    assert_eq!(doubted, 0, "it did not go back by itself");
}

/// It has gone back by itself; nobody knows better.
#[test]
fn what_nobody_has_set_is_forgiven_nothing() {
    let gone_back = || {
        let mut world = World::ready();
        world.in_reach = false;
        world.set_wall(world.now().wall.map(|wall| WallTime { unix_ms: wall.unix_ms - DAY_MS, ..wall }));
        world.reboot(secs(60));
        assert_eq!(world.screen().clock, Err(WallDoubt::WentBack));
        world
    };
    let mut unasked = gone_back();
    unasked.say(Input::ClockSet { done: true });
    assert_eq!(unasked.screen().clock, Err(WallDoubt::WentBack));
    let mut not_done = gone_back();
    not_done.sets_clock = Some(false);
    not_done.visit(Visit::SetTime);
    say(&mut not_done, Intent::SetClock);
    // proves R-CLK-11
    assert_eq!((told(&not_done), not_done.screen().clock), ((0, 1, 0), Err(WallDoubt::WentBack)));
}

#[test]
fn without_any_clock_it_begins_where_time_was_last_seen() {
    let mut world = World::ready();
    let seen = world.now().wall.expect("a clock").unix_ms / DAY_MS;
    world.in_reach = false;
    world.set_wall(None);
    world.reboot(secs(60));
    world.visit(Visit::SetTime);
    // proves R-CLK-11
    assert_eq!((view(&world).shows, view(&world).draft.millis() / DAY_MS), (None, seen));
    let begun = Beginning::bonded(OURS, Kept::default(), AuditHead::default());
    let mut new = World::ready();
    new.in_reach = false;
    new.set_wall(None);
    new.remote = Remote::restore(begun, new.now());
    new.visit(Visit::SetTime);
    assert_eq!(view(&new).draft, EARLIEST);
}

#[test]
fn a_time_far_from_the_pumps_is_called_so_before_it_is_set() {
    let mut world = World::ready();
    world.pass(Millis::new(left_of_minute(world.pump.civil())));
    world.visit(Visit::SetTime);
    assert!(!view(&world).far);
    step(&mut world, TimePart::Hour, true);
    assert!(!view(&world).far, "an hour of daylight saving");
    step(&mut world, TimePart::Hour, true);
    // proves R-CLK-10, R-CLK-11
    assert!(view(&world).far);
    step(&mut world, TimePart::Hour, false);
    for minutes in 1..=31 {
        step(&mut world, TimePart::Minute, true);
        let apart = view(&world).draft.apart(world.pump.civil());
        assert_eq!(view(&world).far, apart > mins(90), "{minutes}: {apart} apart");
    }
    assert!(view(&world).far);
}

#[test]
fn both_clocks_go_on_from_minute_to_minute_while_the_page_stands() {
    let mut world = World::ready();
    // Half a minute apart, so that each has a moment of its own; and nothing else is there to be shown or waited for.
    world.move_wall(5 * 3_600_000 + 30_000, None);
    world.in_reach = false;
    world.cut_link();
    world.pass(mins(2));
    world.visit(Visit::SetTime);
    let mut early = 0;
    for _ in 0..300 {
        world.pass(secs(1));
        let soonest = left_of_minute(world.pump.civil()).min(left_of_minute(civil(&world).expect("a clock")));
        let (wanted, why) = world.remote.poll_timeout(world.now()).expect("a minute");
        // A second late at most.
        let wanted = wanted.since(world.now().uptime);
        assert!(wanted <= Millis::new(soonest + 1_000), "{soonest} ms: {why}");
        early += u32::from(wanted < Millis::new(soonest));
    }
    assert!(early <= 10, "{early} times for nothing in five minutes of two clocks");
}
