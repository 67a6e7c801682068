//! All demand doses of 24 hours are used; the first returns 24 hours after its start.
//!
//! Pre:  four of four doses were given, two hours apart.
//! Step: the lockout ends; later, 24 hours have passed since the first.
//! Post: WAIT for the allotment, with the time at which the next returns; then READY with one left.

use pump_core::therapy::reason::Reason;
use pump_protocol::{
    prescription::{Prescription, Programmed},
    quantity::Millis,
};
use pump_tests::World;
use simulated_pump::Setup;

use crate::words::{give_one, is_ready, mins, secs, wait_of};

#[test]
fn the_allotment_rolls_and_the_next_dose_returns_when_it_said() {
    let mut world = World::ready();
    for _ in 0..4 {
        give_one(&mut world);
        world.doze(mins(118), secs(20));
    }
    let wait = wait_of(&world);
    // proves R-LIM-03
    assert_eq!((wait.reasons.as_slice(), wait.offer.left), ([Reason::Allotment].as_slice(), 0));
    let returns = wait.next_returns.expect("the clock is known");
    // proves R-LIM-03
    assert_eq!(Some(returns), wait.until);

    world.hold_dose();
    assert_eq!(world.started(), 4, "the fifth press brings nothing");

    world.doze(wait.remaining.saturating_sub(mins(3)), secs(20));
    assert!(!is_ready(&world), "not before it returns");
    world.doze(mins(5), secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
    give_one(&mut world);
    assert_eq!(wait_of(&world).offer.left, 0, "the second has not returned yet");
}

#[test]
fn an_allotment_of_zero_means_switched_off() {
    let mut setup = Setup::demonstration();
    let programmed = Programmed { allotment: 0, ..setup.prescription.programmed().clone() };
    setup.prescription = Prescription::check(programmed).expect("valid");
    let mut world = World::with(setup);
    world.pass(secs(7));
    // proves R-ANS-15
    assert_eq!(world.reasons(), [Reason::DemandDosesOff]);
    world.hold_dose();
    world.doze(Millis::from_hours(30), secs(30));
    assert_eq!((world.reasons(), world.started()), (vec![Reason::DemandDosesOff], 0));
}
