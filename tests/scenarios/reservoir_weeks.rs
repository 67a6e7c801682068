//! Somebody looks at the reservoir over the weeks.
//!
//! Pre:  READY; the record has readings of earlier days, or can't be asked.
//! Step: days pass; the page is opened, and the record answers.
//! Post: the record has two readings a day and no more; the page has the newest one, what the record knows of the weeks before,
//!       and what will be left, which never grows and is the less the more is used.

use pump_core::{
    audit::event::Event,
    remote::Input,
    screen::{Batteries, DayLevel, Face, Reading, RemoteBattery, ReservoirWeeks, Visit},
};
use pump_protocol::{
    clock::WallTime,
    quantity::{Millis, Volume},
};
use pump_tests::World;

use crate::words::{give_one, mins};

fn weeks(world: &World) -> ReservoirWeeks {
    let Face::Reading(Reading::Reservoir(Some(weeks))) = world.face() else { unreachable!("{:?}", world.face()) };
    *weeks
}

fn read(world: &World) -> usize {
    world.recorded(|event| matches!(event, Event::ReservoirRead { .. }))
}

#[test]
fn a_day_has_two_readings_on_record_however_often_the_pump_is_asked() {
    let mut world = World::ready();
    give_one(&mut world);
    assert_eq!(read(&world), 1, "the first report since the start");
    let mut half_a_day = World::ready();
    half_a_day.pass(Millis::from_hours(12));
    assert_eq!(read(&half_a_day), 2, "and one 12 h behind it");
    let days = 3;
    world.doze(Millis::from_hours(24 * days), mins(5));
    let readings = read(&world);
    // proves R-CAR-13
    assert!((5..=7).contains(&readings), "{readings} in {days} days");
    let volumes = world.record().iter().filter_map(|happened| match happened.event {
        Event::ReservoirRead { volume } => Some(volume),
        _ => None,
    });
    let volumes: Vec<_> = volumes.collect();
    assert!(volumes.is_sorted_by(|one, next| one > next), "basal went on: {volumes:?}");
    world.reboot(mins(1));
    world.doze(mins(10), mins(1));
    assert_eq!(read(&world), readings + 1, "a restart reads it anew");
}

#[test]
fn the_page_has_the_newest_reading_the_weeks_before_and_the_weeks_ahead() {
    let mut world = World::ready();
    world.visit(Visit::Reservoir);
    let today = world.screen().clock.map(WallTime::day).expect("the clock is believed");
    let level = |week: i64, volume| DayLevel { day: today - 7 * week, volume: Volume::from_microlitres(volume) };
    world.say(Input::Levels(vec![level(1, 18_500), level(3, 19_100)]));
    let ReservoirWeeks { now, before, ahead, .. } = weeks(&world);
    let before = before.expect("the record has answered");
    // proves R-CAR-13
    assert_eq!(
        before[..4],
        [Some(Volume::from_microlitres(18_500)), None, Some(Volume::from_microlitres(19_100)), None]
    );
    assert!(ahead[0].basal_alone < now.volume, "{ahead:?}");
    for pair in ahead.windows(2) {
        assert!(pair[1].basal_alone <= pair[0].basal_alone && pair[1].every_dose <= pair[0].every_dose, "{ahead:?}");
    }
    assert!(
        ahead.iter().all(|week| week.every_dose <= week.basal_alone && week.every_dose >= now.reserve),
        "{ahead:?}"
    );
    // The date that stands above the picture is the one that the picture shows.
    let empty_in = ahead.iter().position(|week| week.every_dose == now.reserve).expect("within half a year");
    let weeks_left = usize::try_from(now.every_dose.days_left / 7).expect("few");
    assert_eq!(empty_in, weeks_left, "the first week that ends behind the last drop");
}

#[test]
fn the_batteries_are_told_in_months_and_hours() {
    let mut world = World::ready();
    world.visit(Visit::Reservoir);
    let now = world.screen().clock.expect("the clock is believed");
    let Batteries { pump_months, pump_until, remote } = weeks(&world).batteries;
    let days = pump_until.expect("the date is known").day() - now.day();
    // proves R-CAR-10
    assert!(
        (30 * i64::from(pump_months)..=31 * i64::from(pump_months)).contains(&days),
        "{pump_months} months, {days} days"
    );
    assert_eq!(remote, RemoteBattery::NotMeasured);
    let left = Some(Millis::from_mins(9 * 60 + 59));
    for (input, remote) in [
        (Input::Battery { left }, RemoteBattery::Lasts { hours: 9 }),
        (Input::Charging(Some(83)), RemoteBattery::Charging { percent: 83 }),
        (Input::Charging(None), RemoteBattery::Lasts { hours: 9 }),
    ] {
        world.say(input);
        // proves R-CAR-10
        assert_eq!(weeks(&world).batteries.remote, remote);
    }
}

#[test]
fn without_a_date_the_weeks_before_are_empty_and_the_weeks_ahead_are_there() {
    let mut world = World::ready();
    world.move_wall(-30 * 365 * 86_400_000, None);
    world.visit(Visit::Reservoir);
    world.say(Input::Levels(vec![DayLevel { day: 0, volume: Volume::from_microlitres(5) }]));
    assert!(world.screen().clock.is_err());
    let ReservoirWeeks { now, before, ahead, .. } = weeks(&world);
    assert!(before.is_some_and(|weeks| weeks.iter().all(Option::is_none)), "{before:?}");
    assert!(ahead[0].every_dose < now.volume, "{ahead:?}");
}
