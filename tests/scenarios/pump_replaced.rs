//! The patient gets another pump: accounts belong to the patient and the remote, so none begins anew with it.
//!
//! Pre:  doses count; the pump is explanted, and its successor's clock has run for weeks on a shelf.
//! Step: the remote is paired with the successor, and hears it.
//! Post: a full lockout runs from that moment, what counted before counts on, and the successor's doses count beside it.

use pump_core::remote::Kept;
use pump_protocol::{
    quantity::{Dose, Millis},
    wire::Text,
};
use pump_tests::World;
use simulated_pump::{Pump, Setup};

use crate::words::{give_one, is_ready, mins, secs, wait_of};

const ON_THE_SHELF: Millis = Millis::from_hours(900);

/// The remote was switched off for the operation, so only pump clocks are left to judge by.
fn another_pump(world: &mut World) {
    world.walk_away();
    world.reboot(mins(1));
    let setup = Setup { serial: Text::new("SIM-000043").expect("fits"), ..Setup::demonstration() };
    world.pump = Pump::new(setup);
    world.pump.advance(ON_THE_SHELF);
    let kept: Kept = world.kept().clone().for_another_pump(world.now()).0;
    let records = world.record().len();
    world.put_back(kept, records);
    world.come_back();
}

#[test]
fn another_pumps_clock_ends_no_lockout_and_forgets_no_dose() {
    let mut world = World::ready();
    for _ in 0..4 {
        give_one(&mut world);
        world.doze(mins(118), secs(20));
    }
    another_pump(&mut world);
    let wait = wait_of(&world);
    assert_eq!(wait.offer.left, 0, "four were given within 24 h: {wait:?}");
    assert!(wait.remaining > Millis::from_hours(15), "{wait:?}");
}

#[test]
fn a_full_lockout_begins_with_another_pump() {
    let mut world = World::ready();
    another_pump(&mut world);
    let wait = wait_of(&world);
    assert!(wait.remaining > mins(119), "{wait:?}");
    world.doze(wait.remaining.saturating_add(secs(30)), secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn a_dose_of_another_pump_takes_no_place_of_an_earlier_one() {
    let mut world = World::ready();
    world.pump.clinician_bolus(Dose::from_micrograms(10)).expect("given");
    world.pass(mins(5));
    assert_eq!(world.kept().account.len(), 1);
    another_pump(&mut world);
    for replaced in 1..=2 {
        world.pump.clinician_bolus(Dose::from_micrograms(10)).expect("given");
        world.pass(mins(5));
        assert_eq!(world.kept().account.len(), 1 + replaced, "both pumps' first bolus has the same number");
    }
}

#[test]
fn what_is_the_remotes_own_stays_with_it() {
    let (wrong_codes, wall_seen_ms, configuration) = (3, Some(1_000), Some([7; 32]));
    let world = World::ready();
    let kept = Kept { wrong_codes, wall_seen_ms, configuration, ..world.kept().clone() };
    let kept = kept.for_another_pump(world.now()).0;
    assert_eq!((kept.wrong_codes, kept.wall_seen_ms, kept.configuration), (wrong_codes, wall_seen_ms, configuration));
}
