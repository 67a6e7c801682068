//! What the page and the record say has a witness, however odd what the pump or the disk says.
//!
//! Pre:  READY.
//! Step: an older copy of the record is put back in mid-request; a pump names an id from the end of all ids; time alone
//!       returns a dose; a page is turned under a finger; a remote meets a pump with a long history.
//! Post: GIVEN and NOT GIVEN follow the pump's last word, each id is used once, READY has a dose left, only the patient's
//!       own page asks, and old doses take no place from those that count.

use pump_core::{
    audit::event::Event,
    screen::{Control, Face, Level, Source, Visit},
};
use pump_protocol::{
    history::{BolusId, HistorySeq},
    message::{AuditHead, BolusRef, Command, Fate, Nonce, Reply, RequestId, Role},
    prescription::{Prescription, Programmed},
    quantity::{Dose, Millis},
};
use pump_tests::{CommandKind, Disk, Effect, OURS, Point, World, id};
use simulated_pump::Setup;

use crate::words::{give_one, is_ready, mins, prepares, secs, until_it_is_in, wait_of};

#[test]
fn what_was_thought_taken_back_and_ran_is_shown_as_given() {
    let mut world = World::ready();
    world.disk = Disk::Hesitates;
    world.hold_dose();
    world.disk_catches_up();
    let (kept, records) = (world.kept().clone(), world.record().len());
    world.disk = Disk::Works;
    world.disk_catches_up();
    until_it_is_in(&mut world);
    assert_eq!(world.started(), 1);

    world.put_back(kept, records);
    assert!(matches!(world.face(), Face::NotGiven(_)), "by this record COMMIT never left: {:?}", world.face());
    world.pass(secs(5));
    assert_eq!(world.recorded(|event| matches!(event, Event::Delivered { .. })), 1);
    assert!(matches!(world.face(), Face::Given { .. }), "the pump says that it ran: {:?}", world.face());
}

#[test]
fn an_id_from_the_end_of_all_ids_is_not_used_twice() {
    let mut world = World::ready();
    world.pump_is_honest = false;
    let mut copy = world.pump.clone();
    copy.session_opened(OURS);
    let asked = Command::Hello { audit_head: AuditHead::default() };
    let Reply::Hello(mut hello) = copy.handle(OURS, Role::Patient, &asked, Nonce::default()) else { unreachable!() };
    hello.last_id = RequestId(u64::MAX);
    world.fault(CommandKind::Hello, Point::AfterReceipt, Effect::Answer(Box::new(Reply::Hello(hello))));
    world.cut_link();
    world.pass(secs(5));
    for _ in 0..2 {
        world.seen();
        world.hold_dose();
        until_it_is_in(&mut world);
        world.seen();
        world.doze(mins(121), secs(20));
    }
    let given = world.recorded(|event| matches!(event, Event::Delivered { .. }));
    assert_eq!((given, prepares(&world)), (world.started(), 2), "each GIVEN has a bolus of its own");
}

#[test]
fn ready_has_a_dose_left_at_the_very_moment_at_which_one_returns() {
    let mut world = World::ready();
    for _ in 0..4 {
        give_one(&mut world);
        world.doze(mins(118), secs(20));
    }
    let wait = wait_of(&world);
    world.doze(wait.remaining.saturating_sub(secs(10)), secs(5));
    while !is_ready(&world) {
        world.pass(secs(1));
        assert!(world.now().uptime.millis() < 200_000_000, "{:?}", world.face());
    }
    let Face::Ready(offer) = world.face() else { unreachable!() };
    assert_eq!(offer.left, 1);
}

/// Holds the button for three seconds; nearly half-way to a full hold something else happens.
fn hold_while(world: &mut World, something: impl FnOnce(&mut World)) {
    let hold = |world: &mut World, tenths| {
        for _ in 0..tenths {
            world.touch(Control::Dose, Source::Button, Level::Pressed);
            world.step(Millis::new(100));
        }
    };
    hold(world, 7);
    something(world);
    hold(world, 23);
    world.touch(Control::Dose, Source::Button, Level::Released);
}

#[test]
fn a_hold_that_began_on_a_caregivers_page_asks_for_nothing_on_the_patients() {
    let mut world = World::ready();
    world.visit(Visit::Caregiver);
    hold_while(&mut world, |world| world.visit(Visit::Patient));
    assert_eq!(prepares(&world), 0);
    assert!(is_ready(&world));
}

#[test]
fn a_hold_that_began_before_a_change_was_read_asks_for_nothing() {
    let mut world = World::ready();
    let programmed = world.pump.prescription().programmed().clone();
    let more = Programmed { version: 2, demand_dose: Dose::from_micrograms(60), ..programmed };
    world.pump.program(Prescription::check(more).expect("agrees"));
    world.pass(secs(5));
    assert!(matches!(world.face(), Face::Changed { .. }), "{:?}", world.face());
    hold_while(&mut world, World::seen);
    assert_eq!(prepares(&world), 0);
    assert!(is_ready(&world));
}

#[test]
fn doses_that_no_limit_reaches_take_no_place_from_those_that_count() {
    let mut world = World::with(Setup::demonstration());
    world.walk_away();
    for _ in 0..400 {
        world.pump.clinician_bolus(Dose::from_micrograms(1)).expect("given");
        world.pump.advance(mins(240));
        world.chronicle.observe(&world.pump);
    }
    world.come_back();
    world.pass(secs(5));
    assert!(is_ready(&world), "the clinic's last bolus is four hours old: {:?}", world.face());
    let a_week_of_them = 7 * 24 / 4;
    assert!((a_week_of_them..=a_week_of_them + 1).contains(&world.kept().account.len()), "and all of a week count");
}

#[test]
fn a_bolus_that_is_more_than_was_asked_for_counts_in_full() {
    let mut world = World::ready();
    world.pump_is_honest = false;
    let more = Dose::from_micrograms(80);
    let (history_seq, start) = (HistorySeq(1), world.pump.time());
    let bolus = BolusRef { bolus: BolusId(1), history_seq, start, dose: more };
    let accepted = Reply::Accepted { id: id(1), bolus };
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Answer(Box::new(accepted)));
    world.fault(CommandKind::Query, Point::BeforeReceipt, Effect::Drop);
    world.hold_dose();
    assert_eq!(world.recorded(|event| matches!(event, Event::DoseDiffered { .. })), 1);
    let counted: Vec<Dose> =
        world.kept().account.counted(start, world.now()).map(|(counted, _)| counted.dose).collect();
    assert_eq!(counted, [more]);
    let done = Reply::Fate { id: id(1), fate: Fate::Done { bolus }, watermark: id(1) };
    world.fault(CommandKind::Query, Point::AfterReceipt, Effect::Answer(Box::new(done)));
    world.pass(secs(10));
    // proves R-REQ-14
    assert!(matches!(world.face(), Face::Given { dose, .. } if dose == more), "{:?}", world.face());
}
