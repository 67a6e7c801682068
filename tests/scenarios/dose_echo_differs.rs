//! The pump would give another dose than the patient saw.
//!
//! Pre:  READY for 50 mcg.
//! Step: the patient holds the control; the grant says 60 mcg.
//! Post: COMMIT never leaves; both amounts are shown and on record.

use pump_core::{
    audit::event::Event,
    screen::{Face, NotGiven},
};
use pump_protocol::quantity::Dose;
use pump_tests::{CommandKind, Effect, Point, World};

use crate::words::{DOSE, commits, secs, was_not_given};

#[test]
fn another_dose_than_the_one_shown_is_not_committed() {
    let mut world = World::ready();
    let echoed = Dose::from_micrograms(60);
    world.fault(CommandKind::Prepare, Point::AfterReceipt, Effect::Echo(echoed));
    world.hold_dose();
    assert_eq!(world.face(), Face::NotGiven(NotGiven::DoseDiffers { shown: DOSE, echoed }));
    world.pass(secs(3));
    // proves R-REQ-02
    assert_eq!(commits(&world), 0);
    was_not_given(&world, 1);
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseDiffered { echoed: told, .. } if *told == echoed)), 1);
}

#[test]
fn what_the_pump_would_have_given_is_told_after_a_restart_as_before() {
    let mut world = World::ready();
    let echoed = Dose::from_micrograms(60);
    world.fault(CommandKind::Prepare, Point::AfterReceipt, Effect::Echo(echoed));
    world.fault(CommandKind::Abort, Point::BeforeReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    world.crash();
    // proves R-REQ-02
    assert_eq!(world.face(), Face::NotGiven(NotGiven::DoseDiffers { shown: DOSE, echoed }));
    world.seen();
    world.crash();
    assert!(!matches!(world.face(), Face::NotGiven(_)), "it was read: {:?}", world.face());
    world.come_back();
    assert_eq!(world.differences(), []);
}
