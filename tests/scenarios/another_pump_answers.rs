//! Another pump than this record's answers.
//!
//! Pre:  a record that belongs to one pump.
//! Step: a pump with another serial number answers.
//! Post: nothing is asked of it but its name; no dose is offered; it is on record, once a session.

use pump_core::{audit::event::Event, therapy::reason::Reason};
use pump_protocol::{message::Command, wire::Text};
use pump_tests::World;
use simulated_pump::{Pump, Setup};

use crate::words::{mins, prepares, secs};

#[test]
fn a_foreign_pump_is_asked_for_nothing_but_its_name() {
    let mut world = World::ready();
    world.walk_away();
    let serial = Text::new("SIM-000043").expect("short");
    world.pump = Pump::new(Setup { serial, ..Setup::demonstration() });
    let before = world.sent.len();
    world.come_back();
    world.pass(mins(10));
    assert_eq!(world.reasons()[0], Reason::WrongPump);
    world.hold_dose();
    assert_eq!(prepares(&world), 0);
    let asked: Vec<&Command> = world.sent[before..].iter().collect();
    // proves R-LNK-14
    assert!(matches!(asked[..], [Command::Hello { .. }]), "{asked:?}");
    assert_eq!(world.recorded(|event| matches!(event, Event::ForeignPump { .. })), 1);
    world.cut_link();
    world.pass(secs(5));
    assert_eq!(world.recorded(|event| matches!(event, Event::ForeignPump { .. })), 2);
}
