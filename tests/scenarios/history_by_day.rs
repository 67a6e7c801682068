//! A caregiver looks at one day of the history.
//!
//! Pre:  READY; the record tells of three days, or of none.
//! Step: a day of them is opened, then the one beside it, then one that the record doesn't tell of.
//! Post: each shows what became of its attempts and where the next one is; nothing is asked of the pump, and nothing changes.

use pump_core::{
    audit::tally::{DayCounts, NoDose},
    remote::Input,
    screen::{Day, DayView, Face, Reading, Visit},
    therapy::reason::Reason,
};
use pump_tests::World;

fn looked_at(world: &World) -> Option<DayView> {
    let Face::Reading(Reading::Day(view)) = world.face() else { unreachable!("{:?}", world.face()) };
    view.map(|view| *view)
}

fn day(day: i64, refused: u32) -> Day {
    let refused = vec![(NoDose::Here(Reason::Lockout), refused)];
    Day { day, counts: DayCounts { attempts: 5, given: 2, refused, ..DayCounts::default() } }
}

#[test]
fn a_day_stands_beside_those_that_the_record_tells_of() {
    let mut world = World::ready();
    let days = [day(20_778, 3), day(20_775, 2), day(20_774, 1)];
    world.visit(Visit::History);
    world.say(Input::Days(days.to_vec()));
    let before = world.sent.len();
    let beside = [(None, Some(20_775)), (Some(20_778), Some(20_774)), (Some(20_775), None)];
    for (day, (later, earlier)) in days.into_iter().zip(beside) {
        world.visit(Visit::Day(day.day));
        // proves R-CAR-08
        assert_eq!(looked_at(&world), Some(DayView { day, earlier, later }));
    }
    world.visit(Visit::Day(20_777));
    let nothing = Day { day: 20_777, counts: DayCounts::default() };
    let expected = DayView { day: nothing, earlier: Some(20_775), later: Some(20_778) };
    assert_eq!(looked_at(&world), Some(expected), "nothing is told of it");
    assert_eq!(world.sent.len(), before);
}

#[test]
fn a_day_is_read_from_the_record_when_nothing_is_known_of_it() {
    let mut world = World::ready();
    world.visit(Visit::Day(20_778));
    let nothing = Day { day: 20_778, counts: DayCounts::default() };
    assert_eq!(looked_at(&world).map(|view| view.day), Some(nothing), "asked, and this record tells of no day");
    world.say(Input::Days(vec![day(20_778, 3)]));
    assert_eq!(looked_at(&world).map(|view| view.day), Some(day(20_778, 3)));
    world.visit(Visit::Day(20_778));
    assert_eq!(looked_at(&world).map(|view| view.day), Some(day(20_778, 3)), "not asked again for each day");
    world.visit(Visit::History);
    let Face::History { days, .. } = world.face() else { unreachable!("{:?}", world.face()) };
    assert!(days.is_empty(), "asked anew, for more may have happened");
}

#[test]
fn the_clinics_code_tells_of_this_pump_this_record_and_its_days() {
    let mut world = World::ready();
    world.visit(Visit::Clinic);
    world.say(Input::Days(vec![day(20_778, 3)]));
    let Face::Reading(Reading::Clinic(Some(told))) = world.face() else { unreachable!("{:?}", world.face()) };
    assert_eq!(Some(&told.pump), world.kept().pump.as_ref());
    // proves R-REC-10
    assert_eq!((told.head.count, told.days), (world.record().len() as u64, vec![day(20_778, 3)]));
}
