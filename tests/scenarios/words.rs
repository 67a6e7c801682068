//! What several scenarios say.

use pump_core::{
    annunciation::AlarmCondition,
    audit::event::Event,
    remote::Input,
    screen::{Face, Intent, NotGiven, Wait},
};
use pump_protocol::{
    history::Delivered,
    message::Command,
    prescription::{PatientCode, Prescription, Programmed},
    quantity::{Dose, Millis},
};
use pump_tests::{Disk, World};
use simulated_pump::Setup;

/// The demonstration pump's demand dose.
pub(crate) const DOSE: Dose = Dose::from_micrograms(50);

pub(crate) const fn secs(secs: u64) -> Millis {
    Millis::from_secs(secs)
}

pub(crate) const fn mins(mins: u64) -> Millis {
    Millis::from_mins(mins)
}

/// The clinic programs another version with this change.
pub(crate) fn reprogram(world: &mut World, change: impl FnOnce(&mut Programmed)) {
    let mut programmed = world.pump.prescription().programmed().clone();
    programmed.version += 1;
    change(&mut programmed);
    world.pump.program(Prescription::check(programmed).expect("agrees"));
    world.chronicle.observe(&world.pump);
}

/// The demonstration pump with another prescription.
pub(crate) fn setup_with(change: impl FnOnce(&mut Programmed)) -> Setup {
    let setup = Setup::demonstration();
    let mut programmed = setup.prescription.programmed().clone();
    change(&mut programmed);
    Setup { prescription: Prescription::check(programmed).expect("agrees"), ..setup }
}

/// READY under a prescription that asks for the code 0427.
pub(crate) fn ready_for_a_code() -> World {
    let mut world = World::with(setup_with(|programmed| programmed.patient_code = Some(PatientCode(427))));
    world.pass(secs(2));
    assert!(is_ready(&world), "{:?}", world.face());
    world
}

/// A press that the disk held up until it was too old: NOT GIVEN stands, and nobody has read it.
pub(crate) fn expire_one(world: &mut World) {
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.pass(secs(31));
    assert_eq!(world.face(), Face::NotGiven(NotGiven::Expired));
    world.disk = Disk::Works;
    world.disk_catches_up();
}

/// Long enough for the dose that was asked for to be in, and for its outcome to be told.
pub(crate) fn until_it_is_in(world: &mut World) {
    world.pass(mins(4));
    world.pass(secs(5));
}

/// A whole dose, from the hold to its outcome, read.
pub(crate) fn give_one(world: &mut World) {
    world.hold_dose();
    until_it_is_in(world);
    assert!(matches!(world.face(), Face::Given { .. }), "{:?}", world.face());
    world.seen();
}

/// The page must say WAIT.
#[expect(clippy::panic, reason = "a page that says something else ends the test here")]
pub(crate) fn wait_of(world: &World) -> Wait {
    match world.face() {
        Face::Wait(wait) => wait,
        other => panic!("no wait: {other:?}"),
    }
}

pub(crate) fn is_ready(world: &World) -> bool {
    matches!(world.face(), Face::Ready(_))
}

pub(crate) fn is_not_sure(world: &World) -> bool {
    matches!(world.face(), Face::NotSure { .. })
}

/// The whole dose of this request went in, by the pump's history and by the record.
pub(crate) fn was_delivered_once(world: &World, id: u64) {
    assert_eq!(world.delivered().get(&id), Some(&Delivered::exactly(DOSE)), "the pump's history");
    let told = world.recorded(|event| matches!(event, Event::Delivered { id: told, .. } if told.0 == id));
    assert_eq!(told, 1, "the record");
}

/// Nothing of this request went in, by the pump's history and by the record.
pub(crate) fn was_not_given(world: &World, id: u64) {
    assert_eq!(world.delivered().get(&id), None, "the pump's history");
    let told = world.recorded(|event| matches!(event, Event::NotGiven { id: told, .. } if told.0 == id));
    assert_eq!(told, 1, "the record");
    assert_eq!(world.remote.request(), None, "nothing is open");
}

/// How many times a question of this kind has left.
pub(crate) fn prepares(world: &World) -> usize {
    world.transmitted(|sent| matches!(sent, Command::Prepare { .. }))
}

pub(crate) fn commits(world: &World) -> usize {
    world.transmitted(|sent| matches!(sent, Command::Commit { .. }))
}

pub(crate) fn cancels(world: &World) -> usize {
    world.transmitted(|sent| matches!(sent, Command::Cancel { .. }))
}

pub(crate) fn queries(world: &World) -> usize {
    world.transmitted(|sent| matches!(sent, Command::Query { .. }))
}

/// Every alarm condition that stands, the most urgent first.
pub(crate) fn alarms(world: &World) -> Vec<AlarmCondition> {
    world.screen().alarms.iter().map(|alarm| alarm.condition).collect()
}

/// The four digits of a patient code.
pub(crate) fn code(world: &mut World, digits: [u8; 4]) {
    for digit in digits {
        world.say(Input::Intent(Intent::Digit(digit)));
    }
}
