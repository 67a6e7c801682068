//! The wall clock jumps.
//!
//! Pre:  WAIT, an hour before its end.
//! Step: the wall clock is set ten hours forward, ten hours back, or is in doubt.
//! Post: the wait is the same to the second; only clock times change, or vanish.

use pump_core::audit::event::WallDoubt;
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

fn wait_of_given(world: &World) -> Millis {
    world.pump.report().lockout_remaining
}
