//! A pump that delivered nothing when last heard is taken for stopped until it is heard again.
//!
//! Pre:  the motor stalls: the pump says that it delivers nothing, and lists the stall alone.
//! Step: the pump goes out of reach, the remote restarts; later the motor turns again and the pump is heard.
//! Post: "pump stopped" lasts until then, and its cause is gone only then.

use pump_core::annunciation::AlarmCondition;
use pump_tests::World;

use crate::words::secs;

/// Whether the cause of the alarm lasts; `None` if it isn't listed.
fn stopped_lasts(world: &World) -> Option<bool> {
    let alarms = world.screen().alarms;
    alarms.iter().find(|alarm| alarm.condition == AlarmCondition::PumpStopped).map(|alarm| !alarm.ceased)
}

#[test]
fn a_stopped_pump_stays_stopped_while_nobody_hears_it() {
    let mut world = World::ready();
    world.pump.stall();
    world.pass(secs(40));
    assert_eq!(stopped_lasts(&world), Some(true));
    world.walk_away();
    world.pass(secs(40));
    assert_eq!(stopped_lasts(&world), Some(true), "out of reach");
    world.crash();
    world.pass(secs(5));
    assert_eq!(stopped_lasts(&world), Some(true), "after a restart");
    world.pump.unstall();
    world.come_back();
    world.pass(secs(40));
    assert_eq!(stopped_lasts(&world), Some(false), "it delivers, and nobody has seen the alarm");
}
