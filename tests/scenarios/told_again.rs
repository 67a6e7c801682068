//! Something waits for somebody.
//!
//! Pre:  an outcome, or a change of the clinic's, that nobody has read.
//! Step: nobody comes, in the light or in the dark; somebody reads it.
//! Post: it is told again every 15 min, and no more once it was read; nothing else is told again.

use pump_core::{
    remote::{DARK_AFTER, Input},
    screen::{Face, Intent},
};
use pump_protocol::quantity::{Concentration, Millis, Volume};
use pump_tests::World;

use crate::words::{expire_one, give_one, mins, secs};

/// NOT GIVEN stands, and nobody has read it.
fn unread(dark_after: Option<Millis>) -> World {
    let mut world = World::ready();
    world.dark_after = dark_after;
    world.crash();
    world.pass(secs(3));
    expire_one(&mut world);
    world
}

fn told(world: &World) -> u32 {
    world.screen().reminders
}

#[test]
fn an_outcome_that_nobody_reads_is_told_again_every_quarter_of_an_hour() {
    for dark_after in [None, Some(DARK_AFTER)] {
        let mut world = unread(dark_after);
        world.pass(mins(14));
        assert_eq!(told(&world), 0);
        world.pass(mins(2));
        assert_eq!(told(&world), 1);
        world.pass(mins(15));
        // proves R-ALM-07
        assert_eq!((told(&world), world.screen().dark), (2, dark_after.is_some()));
        world.say(Input::Intent(Intent::Wake));
        world.seen();
        world.pass(mins(30));
        // proves R-ALM-07
        assert_eq!(told(&world), 0, "it was read");
    }
}

#[test]
fn a_remote_in_the_dark_wakes_to_tell_it_again() {
    let mut world = unread(Some(DARK_AFTER));
    world.pass(mins(3));
    assert!(world.screen().dark);
    let mut at = Vec::new();
    while at.len() < 3 {
        let (before, now) = (told(&world), world.now());
        let wanted = world.remote.poll_timeout(now).map_or(mins(60), |(at, _)| at.since(now.uptime));
        world.pass(wanted);
        if told(&world) > before {
            at.push(world.now().uptime);
        }
    }
    let between: Vec<_> = at.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    // proves R-ALM-07
    assert_eq!(between, [mins(15); 2], "to the millisecond");
}

#[test]
fn a_restart_begins_anew_and_what_passes_by_itself_is_not_told_again() {
    let mut world = unread(None);
    world.pass(mins(16));
    assert_eq!(told(&world), 1);
    world.crash();
    world.pass(mins(14));
    assert_eq!(told(&world), 0, "its first page told it");
    world.pass(mins(2));
    assert_eq!(told(&world), 1);
    world.seen();
    give_one(&mut world);
    world.pass(mins(40));
    assert_eq!(told(&world), 0, "GIVEN waits for nobody");
}

#[test]
fn a_change_of_the_clinics_is_told_again() {
    let mut world = World::ready();
    world
        .pump
        .refill(Volume::from_microlitres(20_000), Concentration::from_micrograms_per_millilitre(2_000))
        .expect("fits");
    world.chronicle.observe(&world.pump);
    world.pass(mins(1));
    assert!(matches!(world.face(), Face::Changed { .. }), "{:?}", world.face());
    world.pass(mins(15));
    // proves R-ALM-07
    assert_eq!(told(&world), 1);
}
