//! The caregiver's pages give no dose; a viewer's key can't ask.
//!
//! Pre:  READY on the patient's page.
//! Step: the button is held on any other page; or the key is a viewer's.
//! Post: nothing is transmitted; the attempt is on record.

use pump_core::{
    audit::event::Event,
    screen::{Control, Face, Notice, Reading, Source, Visit},
    therapy::reason::Reason,
};
use pump_protocol::{message::Role, quantity::Millis};
use pump_tests::World;
use simulated_pump::Setup;

use crate::words::{is_ready, prepares, secs};

#[test]
fn the_button_on_a_page_of_the_caregiver_is_recorded_and_transmits_nothing() {
    for page in [
        Visit::Caregiver,
        Visit::History,
        Visit::Day(20_000),
        Visit::Alarms,
        Visit::Emergency,
        Visit::More,
        Visit::Therapy,
        Visit::Implant,
        Visit::LinkSteps,
        Visit::Settings,
        Visit::Sounds,
        Visit::SelfTest,
        Visit::Practice,
        Visit::Clinic,
        Visit::Reservoir,
        Visit::SetTime,
        Visit::Service,
    ] {
        let mut world = World::ready();
        world.visit(page);
        assert!(!matches!(world.face(), Face::Ready(_)), "{page:?} has a face of its own: {:?}", world.face());
        let before = world.sent.len();
        world.hold(Control::Dose, Source::Button, Millis::new(2_000));
        // proves R-CAR-01
        assert_eq!(world.sent.len(), before);
        // proves R-REC-01
        assert_eq!(world.recorded(|event| matches!(event, Event::AttemptElsewhere)), 1);
        // proves R-ASK-18
        assert_eq!(world.screen().notice, Some(Notice::NoDoseHere), "{page:?}");
        world.pass(secs(10));
        world.hold(Control::Dose, Source::Button, Millis::new(500));
        assert_eq!(world.screen().notice, Some(Notice::NoDoseHere), "no hold is long enough here");
        world.visit(Visit::Patient);
        // proves R-ANS-17
        assert!(is_ready(&world));
    }
}

#[test]
fn a_viewers_key_offers_no_dose() {
    let mut world = World::with(Setup::demonstration());
    world.role = Role::Viewer;
    world.pass(secs(7));
    // proves R-CAR-02
    assert_eq!(world.reasons(), [Reason::ViewerOnly]);
    world.hold_dose();
    // proves R-CAR-02
    assert_eq!((prepares(&world), world.started()), (0, 0));
    let refused =
        |event: &Event| matches!(event, Event::AttemptRefused { reasons } if reasons[..] == [Reason::ViewerOnly]);
    assert_eq!(world.recorded(refused), 1);
}

#[test]
fn the_cards_say_what_the_pump_said_and_keep_the_patients_code() {
    let mut world = World::ready();
    world.visit(Visit::Therapy);
    let Face::Reading(Reading::Therapy(Some(card))) = world.face() else { panic!("no card: {:?}", world.face()) };
    let setup = Setup::demonstration();
    let programmed = setup.prescription.programmed();
    // proves R-CAR-11
    assert_eq!((card.demand_dose, card.allotment), (programmed.demand_dose, programmed.allotment));
    assert_eq!(card.basal, programmed.basal.to_vec());
    world.visit(Visit::Implant);
    assert!(matches!(world.face(), Face::Reading(Reading::Implant(Some(_)))), "{:?}", world.face());
}
