//! The clinic sets the pump's calendar, and the two crystals part.
//!
//! Pre:  WAIT, or READY.
//! Step: the pump's clock is moved by an hour, a day, a year; or runs fast or slow for days.
//! Post: no wait changes; a calendar far from the person's clock hides clock times and nothing else, until one is set right.

use pump_core::audit::event::{Event, WallDoubt};
use pump_protocol::{clock::CivilTime, quantity::Millis};
use pump_tests::World;

use crate::words::{give_one, is_ready, mins, secs, wait_of};

const HOUR_MS: i64 = 3_600_000;

fn set_pump(world: &mut World, by_ms: i64) {
    world.pump.set_civil(CivilTime::from_millis(world.pump.civil().millis() + by_ms));
    world.pass(secs(31));
}

#[test]
fn a_calendar_that_the_clinic_moves_is_recorded_and_changes_no_wait() {
    for (by_ms, doubted) in [
        (HOUR_MS, false),
        (-HOUR_MS, false),
        (24 * HOUR_MS, true),
        (-24 * HOUR_MS, true),
        (365 * 24 * HOUR_MS, true),
        (-365 * 24 * HOUR_MS, true),
    ] {
        let mut world = World::ready();
        give_one(&mut world);
        let before = wait_of(&world);
        set_pump(&mut world, by_ms);
        let after = wait_of(&world);
        // proves R-CLK-01
        assert_eq!(after.remaining, before.remaining.saturating_sub(secs(31)), "{by_ms}");
        let set = |event: &Event| matches!(event, Event::PumpClockSet { by_ms: told } if *told == by_ms);
        // proves R-CLK-09
        assert_eq!(world.recorded(set), 1, "{by_ms}");
        // proves R-CLK-10
        assert_eq!(world.screen().clock.err(), doubted.then_some(WallDoubt::DiffersFromPump), "{by_ms}");
        assert_eq!(after.until.is_none(), doubted, "{by_ms}");
        world.doze(after.remaining.saturating_add(secs(40)), secs(10));
        assert!(is_ready(&world), "a clock in doubt hides clock times, and nothing else: {:?}", world.face());
        set_pump(&mut world, -by_ms);
        assert_eq!(world.screen().clock.err(), None, "trusted again, set right");
        let trusted = world.recorded(|event| matches!(event, Event::WallTrusted));
        // proves R-CLK-10
        assert_eq!(trusted, usize::from(doubted), "{by_ms}");
        world.hold_dose();
        assert_eq!(world.started(), 2, "{by_ms}");
    }
}

#[test]
fn what_two_crystals_part_by_is_no_setting_of_the_calendar() {
    for (by_ms, set) in [(2_000, 0), (2_001, 1), (-2_000, 0), (-2_001, 1)] {
        let mut world = World::ready();
        set_pump(&mut world, by_ms);
        assert_eq!(world.recorded(|event| matches!(event, Event::PumpClockSet { .. })), set, "{by_ms}");
    }
}

#[test]
fn an_hour_of_daylight_saving_on_one_side_alone_is_no_doubt() {
    let mut world = World::ready();
    give_one(&mut world);
    let before = wait_of(&world);
    for offset in [60, 120, 180] {
        world.move_wall(0, Some(offset));
        // proves R-CLK-01
        assert_eq!(wait_of(&world).remaining, before.remaining);
        assert_eq!(world.screen().clock.err(), None, "{offset}");
    }
    // proves R-CLK-09
    assert_eq!(world.recorded(|event| matches!(event, Event::OffsetChanged { .. })), 3);
    assert_eq!(world.recorded(|event| matches!(event, Event::ClockStepped { .. })), 0);
}

#[test]
fn a_crystal_that_runs_fast_or_slow_for_days_lengthens_a_wait_and_starts_no_dispute() {
    for drift_ppm in [-500, 500] {
        let mut world = World::ready();
        world.drift_ppm = drift_ppm;
        for _ in 0..8 {
            give_one(&mut world);
            let (ours, pumps) = (wait_of(&world).remaining, world.pump.report().lockout_remaining);
            // proves R-CLK-08
            assert!(ours >= pumps, "{ours}, the pump: {pumps}");
            world.doze(Millis::from_hours(9), mins(1));
            world.pass(secs(31));
            assert!(is_ready(&world), "{drift_ppm}: {:?}", world.face());
        }
        let differ = |event: &Event| matches!(event, Event::AccountsDiffer { .. } | Event::WindowAccountsDiffer { .. });
        assert_eq!(world.recorded(differ), 0, "{drift_ppm}");
        assert_eq!(world.recorded(|event| matches!(event, Event::ClockStepped { .. })), 0);
    }
}
