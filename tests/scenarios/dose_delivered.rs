//! A dose is asked for, delivered and remembered.
//!
//! Pre:  the remote says READY with four of four doses left.
//! Step: the patient holds the control for 1.5 s; four minutes pass.
//! Post: meanwhile what has gone in and the time left; GIVEN; the pump's history and the record agree; WAIT with the clock time.

use pump_core::{audit::event::Event, screen::Face};
use pump_protocol::{
    history::Delivered,
    message::Command,
    quantity::{Dose, Millis},
};
use pump_tests::World;

#[test]
fn a_full_hold_brings_the_dose_that_stood_on_the_page() {
    let mut world = World::ready();
    let Face::Ready(offer) = world.face() else { panic!("not ready: {:?}", world.face()) };
    assert_eq!((offer.dose, offer.left, offer.allotment), (Dose::from_micrograms(50), 4, 4));

    world.hold_dose();
    assert!(matches!(world.face(), Face::Delivering { .. }), "{:?}", world.face());
    world.pass(Millis::from_secs(61));
    let Face::Delivering { delivered, remaining, permille, .. } = world.face() else { panic!("{:?}", world.face()) };
    assert!(delivered > Dose::from_micrograms(12) && delivered < Dose::from_micrograms(13), "{delivered}");
    // proves R-REQ-19
    assert!(remaining >= Millis::from_secs(179) && permille >= 250, "{remaining}, {permille}");
    world.pass(Millis::from_secs(182));

    assert!(matches!(world.face(), Face::Given { dose, .. } if dose == offer.dose), "{:?}", world.face());
    // proves R-ASK-08
    assert_eq!(world.delivered().get(&1), Some(&Delivered::exactly(offer.dose)));
    assert_eq!(world.recorded(|event| matches!(event, Event::Delivered { .. })), 1);
    assert_eq!(
        world.recorded(|event| matches!(event, Event::FateHeard { .. })),
        1,
        "of what was asked all the time, the end"
    );
    assert_eq!(world.transmitted(|command| matches!(command, Command::ReadHistory { .. })), 3);
    world.pass(Millis::from_secs(30));
    let Face::Wait(wait) = world.face() else { panic!("no wait: {:?}", world.face()) };
    assert_eq!(wait.offer.left, 3);
    assert!(wait.until.is_some());
}
