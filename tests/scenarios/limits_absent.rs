//! The limits are not known (OPCA EC19).
//!
//! Pre:  a remote that has never read a prescription, or one whose prescription was replaced just now.
//! Step: the pump never says what the clinic programmed.
//! Post: fail closed: nothing is offered and nothing leaves, until the prescription has been read.

use pump_protocol::prescription::{Prescription, Programmed};
use pump_tests::{CommandKind, Effect, Point, World};
use simulated_pump::Setup;

use crate::words::{is_ready, prepares, secs};

fn answer_no_questions(world: &mut World) {
    for _ in 0..20 {
        world.fault(CommandKind::Other, Point::BeforeReceipt, Effect::Drop);
    }
}

#[test]
fn without_a_prescription_nothing_is_offered() {
    let mut world = World::with(Setup::demonstration());
    answer_no_questions(&mut world);
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

#[test]
fn a_prescription_that_was_replaced_offers_nothing_before_the_other_is_read() {
    let mut world = World::ready();
    let programmed = world.pump.prescription().programmed().clone();
    let fewer = Programmed { version: 2, allotment: 3, ..programmed };
    answer_no_questions(&mut world);
    world.pump.program(Prescription::check(fewer).expect("agrees"));
    world.chronicle.observe(&world.pump);
    world.pass(secs(2));
    // proves R-LIM-12
    assert!(!is_ready(&world), "{:?}", world.face());
    world.hold_dose();
    assert_eq!(prepares(&world), 0);
    world.faults.clear();
    world.pass(secs(10));
    world.seen();
    assert!(is_ready(&world), "{:?}", world.face());
}
