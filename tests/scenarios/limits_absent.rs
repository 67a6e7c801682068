//! The limits are not known (OPCA EC19).
//!
//! Pre:  a remote that has never read a prescription.
//! Step: the pump greets, and never says what the clinic programmed.
//! Post: fail closed: nothing is offered and nothing leaves, until the prescription has been read.

use pump_tests::{CommandKind, Effect, Point, World};
use simulated_pump::Setup;

use crate::words::{is_ready, prepares, secs};

#[test]
fn without_a_prescription_nothing_is_offered() {
    let mut world = World::with(Setup::demonstration());
    for _ in 0..20 {
        world.fault(CommandKind::Other, Point::BeforeReceipt, Effect::Drop);
    }
    for _ in 0..10 {
        world.pass(secs(4));
        assert!(!is_ready(&world), "{:?}", world.face());
        world.hold_dose();
    }
    // proves R-LIM-11
    assert_eq!((prepares(&world), world.kept().prescription.is_none()), (0, true));
    world.faults.clear();
    world.pass(secs(10));
    assert!(is_ready(&world), "{:?}", world.face());
}
