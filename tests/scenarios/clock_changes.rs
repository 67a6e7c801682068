//! The wall clock jumps.
//!
//! Pre:  WAIT, an hour before its end.
//! Step: the wall clock is set ten hours forward, ten hours back, or is in doubt.
//! Post: the wait is the same to the second; only clock times change, or vanish.

use pump_core::audit::event::{Event, WallDoubt};
use pump_protocol::{clock::WallTime, quantity::Millis};
use pump_tests::World;

use crate::words::{give_one, is_ready, mins, secs, wait_of};

#[test]
fn no_change_of_the_wall_clock_opens_a_lockout() {
    let jump = |wall: Option<WallTime>, hours: i64| {
        wall.map(|wall| WallTime { unix_ms: wall.unix_ms + hours * 3_600_000, ..wall })
    };
    for (hours, doubt) in [
        (Some(1), None),
        (Some(-1), None),
        (Some(10), Some(WallDoubt::DiffersFromPump)),
        (Some(-10), Some(WallDoubt::DiffersFromPump)),
        (Some(24 * 400), Some(WallDoubt::DiffersFromPump)),
        (None, Some(WallDoubt::NotSet)),
    ] {
        let mut world = World::ready();
        give_one(&mut world);
        world.pass(mins(56));
        let before = wait_of(&world);
        world.set_wall(hours.and_then(|hours| jump(world.now().wall, hours)));
        let after = wait_of(&world);
        // proves R-CLK-01
        assert_eq!(after.remaining, before.remaining);
        // proves R-CLK-06
        assert_eq!(after.until.is_none(), doubt.is_some(), "a clock in doubt shows no clock time");
        assert_eq!(world.screen().clock.err(), doubt);
        world.hold_dose();
        world.pass(mins(30));
        // proves R-CLK-01
        assert!(!is_ready(&world) && world.started() == 1);
        world.pass(wait_of(&world).remaining.saturating_add(secs(15)));
        assert!(is_ready(&world), "and none closes it for ever: {:?}", world.face());
    }
}

#[test]
fn a_wall_clock_that_jumps_while_a_dose_goes_in_changes_nothing_of_it() {
    let mut world = World::ready();
    world.hold_dose();
    world.pass(secs(60));
    world.set_wall(Some(WallTime { unix_ms: 0, utc_offset_min: 0 }));
    world.pass(secs(200));
    crate::words::was_delivered_once(&world, 1);
    assert!(wait_of_given(&world) > Millis::from_mins(100));
}

#[test]
fn a_clock_that_somebody_set_is_recorded_with_how_far_it_went() {
    for by_ms in [3_000_i64, -3_000, 3_600_000, -3_600_000] {
        let mut world = World::ready();
        give_one(&mut world);
        let before = wait_of(&world);
        world.move_wall(by_ms, None);
        // proves R-CLK-01
        assert_eq!(wait_of(&world).remaining, before.remaining);
        let stepped = |event: &Event| matches!(event, Event::ClockStepped { by_ms: told } if *told == by_ms);
        // proves R-CLK-09
        assert_eq!(world.recorded(stepped), 1, "{by_ms}");
        world.pass(mins(70));
        assert_eq!(world.recorded(|event| matches!(event, Event::ClockStepped { .. })), 1, "once");
    }
}

#[test]
fn what_two_crystals_part_by_is_no_step() {
    for (by_ms, steps) in [(2_000, 0), (2_001, 1), (-2_000, 0), (-2_001, 1)] {
        let mut world = World::ready();
        world.move_wall(by_ms, None);
        assert_eq!(world.recorded(|event| matches!(event, Event::ClockStepped { .. })), steps, "{by_ms}");
    }
}

#[test]
fn a_clock_that_is_moved_little_by_little_has_stepped_within_an_hour_and_not_over_days() {
    for (every, steps) in [(mins(1), 1), (mins(61), 0)] {
        let mut world = World::ready();
        for _ in 0..5 {
            world.pass(every);
            world.move_wall(500, None);
        }
        // proves R-CLK-09
        assert_eq!(world.recorded(|event| matches!(event, Event::ClockStepped { .. })), steps, "{every}");
    }
}

#[test]
fn a_clock_is_believed_up_to_its_bounds() {
    for (by_ms, doubt) in [(5_400_000, None), (5_400_001, Some(WallDoubt::DiffersFromPump))] {
        for by_ms in [by_ms, -by_ms] {
            let mut world = World::ready();
            world.move_wall(by_ms, None);
            assert_eq!(world.screen().clock.err(), doubt, "{by_ms} from the pump's calendar");
            let lines = world.record().iter().filter(|line| matches!(line.event, Event::WallDoubted { .. }));
            let told: Vec<_> = lines.map(|line| line.at.wall).collect();
            assert_eq!(told, if doubt.is_some() { vec![None] } else { vec![] }, "no line has a time in doubt");
        }
    }
    // Before the pump has spoken: what it may have gone back by since it was last believed.
    for (back_ms, doubt) in [(120_000, None), (120_001, Some(WallDoubt::WentBack))] {
        let mut world = World::ready();
        world.walk_away();
        let seen = world.kept().wall_seen_ms.zip(world.now().wall);
        world.set_wall(seen.map(|(unix_ms, wall)| WallTime { unix_ms: unix_ms - back_ms, ..wall }));
        world.reboot(Millis::ZERO);
        assert_eq!(world.screen().clock.err(), doubt, "{back_ms} back");
    }
}

#[test]
fn a_battery_pull_that_stops_or_sets_back_the_clock_opens_nothing() {
    for (set_back_ms, doubt) in [(None, WallDoubt::NotSet), (Some(24 * 3_600_000), WallDoubt::WentBack)] {
        let mut world = World::ready();
        give_one(&mut world);
        let wall = world.now().wall;
        let back = |wall: WallTime| set_back_ms.map(|by_ms: i64| WallTime { unix_ms: wall.unix_ms - by_ms, ..wall });
        world.set_wall(wall.and_then(back));
        world.reboot(secs(60));
        assert_eq!(world.screen().clock.err(), Some(doubt), "before the pump has spoken");
        world.pass(secs(5));
        let wait = wait_of(&world);
        // proves R-CLK-04, R-CLK-06
        assert!(wait.remaining >= world.pump.report().lockout_remaining && wait.until.is_none(), "{wait:?}");
        assert_eq!(wait.offer.left, 3);
        let right = wall.map(|wall| wall.after(secs(65)));
        world.set_wall(right);
        world.pass(secs(1));
        // proves R-CLK-10
        assert_eq!(world.screen().clock.err(), None, "set right, and the pump agrees");
        assert!(wait_of(&world).until.is_some());
    }
}

#[test]
fn a_remote_that_slept_through_the_lockout_asks_the_pump_before_it_offers() {
    let mut world = World::ready();
    give_one(&mut world);
    world.latency = secs(2);
    world.doze(mins(180), mins(180));
    assert!(!is_ready(&world), "its last word is three hours old: {:?}", world.face());
    world.pass(secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
}

fn wait_of_given(world: &World) -> Millis {
    world.pump.report().lockout_remaining
}
