//! A caregiver looks at the pump.
//!
//! Pre:  a dose was given an hour ago.
//! Step: the caregiver's page is opened; later somebody stops the pump, and days pass.
//! Post: delivering or stopped and since when, the reservoir, the last dose, the alarms with the most serious first; out of
//!       reach the age of the pump's last word grows, and STOPPED goes on counting.

use pump_core::{
    annunciation::AlarmCondition,
    screen::{Caregiver, DeliveryView, Face, LastDose, Visit},
};
use pump_protocol::{
    clock::WallTime,
    quantity::{Millis, Volume},
};
use pump_tests::World;

use crate::words::{DOSE, alarms, give_one, mins, secs};

fn looked_at(world: &World) -> Caregiver {
    let Face::Caregiver(page) = world.face() else { unreachable!("{:?}", world.face()) };
    page
}

#[test]
fn the_page_says_what_a_caregiver_came_for() {
    let mut world = World::ready();
    give_one(&mut world);
    world.doze(mins(56), secs(20));
    world.visit(Visit::Caregiver);
    let page = looked_at(&world);
    // proves R-CAR-03
    assert!(matches!(page.delivery, Some(DeliveryView::Delivering { .. })), "{page:?}");
    let last = page.last_dose.expect("one was given");
    // proves R-CAR-03
    assert!(
        last.dose == DOSE && last.min_ago.is_some_and(|ago| (59..=61).contains(&ago)) && last.at.is_some(),
        "{last:?}"
    );
    let reservoir = page.reservoir.expect("the pump has said");
    // proves R-CAR-05
    assert!(reservoir.volume < Volume::from_microlitres(18_200) && reservoir.percent == 90, "{reservoir:?}");
    assert!(reservoir.low > reservoir.reserve && reservoir.every_dose.days_left > 100, "{reservoir:?}");
    assert_eq!(alarms(&world), []);
}

#[test]
fn a_stopped_pump_is_said_with_since_when_and_goes_on_counting_out_of_reach() {
    let mut world = World::ready();
    world.visit(Visit::Caregiver);
    world.pump.eri();
    world.pump.stop();
    world.chronicle.observe(&world.pump);
    world.pass(secs(3));
    // proves R-ALM-01
    assert_eq!(alarms(&world), [AlarmCondition::PumpStopped, AlarmCondition::Eri]);
    world.walk_away();
    world.doze(Millis::from_hours(48), mins(5));
    let page = looked_at(&world);
    let two_days = 48 * 60;
    let counts = |since_min: u32| (two_days - 5..=two_days + 5).contains(&since_min);
    // proves R-CAR-04
    assert!(
        matches!(page.delivery, Some(DeliveryView::Stopped { since_min: Some(min), since: Some(_) }) if counts(min)),
        "{page:?}"
    );
    // proves R-LNK-16
    assert!(world.screen().heard_min_ago.is_some_and(counts), "{:?}", world.screen().heard_min_ago);
}

#[test]
fn the_refill_dates_come_nearer_while_the_pump_is_out_of_reach() {
    let mut world = World::ready();
    world.visit(Visit::Caregiver);
    let days = |world: &World| {
        let reservoir = looked_at(world).reservoir.expect("the pump has said");
        (reservoir.every_dose.days_left, reservoir.basal_alone.days_left, reservoir.age_min)
    };
    let (every_dose, basal_alone, _) = days(&world);
    world.walk_away();
    world.doze(Millis::from_hours(10 * 24), mins(60));
    // proves R-CAR-05
    assert_eq!(days(&world), (every_dose - 10, basal_alone - 10, 10 * 24 * 60));
}

#[test]
fn the_times_on_the_page_are_the_minute_of_the_dose_and_midnights_of_the_calendar_here() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let mut world = World::ready();
    world.hold_dose();
    let held = world.now().wall.expect("set");
    world.pass(mins(10));
    world.seen();
    world.visit(Visit::Caregiver);
    let view = looked_at(&world);
    let at = view.last_dose.and_then(|dose| dose.at).expect("a clock");
    assert_eq!(at.unix_ms % 60_000, 0);
    assert!((-60_000..=1_000).contains(&(at.unix_ms - held.unix_ms)), "{at:?}, held at {held:?}");
    let reservoir = view.reservoir.expect("heard");
    let now = world.now().wall.expect("set");
    let local = |wall: WallTime| wall.unix_ms + i64::from(wall.utc_offset_min) * 60_000;
    for refill in [reservoir.every_dose, reservoir.basal_alone] {
        let on = local(refill.on.expect("a clock"));
        assert_eq!(on % DAY_MS, 0, "a midnight here");
        // proves R-CAR-05
        assert!((0..=1).contains(&(on / DAY_MS - local(now) / DAY_MS - i64::from(refill.days_left))), "{refill:?}");
    }
}

#[test]
fn after_a_restart_out_of_reach_what_is_known_is_told_without_its_time() {
    let mut world = World::ready();
    give_one(&mut world);
    world.pump.stop();
    world.pass(secs(3));
    world.walk_away();
    world.crash();
    world.visit(Visit::Caregiver);
    let page = looked_at(&world);
    // proves R-CAR-03
    assert_eq!(page.last_dose, Some(LastDose { dose: DOSE, min_ago: None, at: None }));
    // proves R-CAR-04
    assert_eq!(page.delivery, Some(DeliveryView::Stopped { since_min: None, since: None }));
}
