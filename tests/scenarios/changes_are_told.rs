//! What the clinic changed is told until somebody has read it, and once.
//!
//! Pre:  READY, a dose going in, or the remote away.
//! Step: the clinic changes dose, lockout, allotment, limit or basal, or refills with the same or another liquid.
//! Post: each change stands on the page until it is read, over a restart too; never over a dose; changed back is nothing.

use pump_core::{
    audit::event::Event,
    screen::{Face, Notice},
    therapy::change::Change,
};
use pump_protocol::{
    prescription::{BasalSegment, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    wire::Bounded,
};
use pump_tests::World;

use crate::words::{DOSE, is_ready, mins, reprogram, secs, wait_of};

const LIQUID: Concentration = Concentration::from_micrograms_per_millilitre(2_000);
const THINNER: Concentration = Concentration::from_micrograms_per_millilitre(500);
const FULL: Volume = Volume::from_microlitres(20_000);

#[expect(clippy::panic, reason = "a page that says something else ends the test here")]
fn told(world: &World) -> Vec<Change> {
    match world.face() {
        Face::Changed { changes } => changes,
        other => panic!("nothing is told: {other:?}"),
    }
}

fn read_and_ready(world: &mut World) {
    world.seen();
    assert!(is_ready(world), "{:?}", world.face());
    world.crash();
    world.pass(secs(5));
    // proves R-ANS-20
    assert!(is_ready(world), "once: {:?}", world.face());
}

#[test]
fn each_kind_of_change_is_told_with_both_values() {
    let limits = [400, 500].map(Dose::from_micrograms);
    let limit = |amount| WindowDoseLimit { amount, window: Millis::from_hours(24) };
    let changes = [
        Change::DemandDose { from: DOSE, to: Dose::from_micrograms(40) },
        Change::Allotment { from: 4, to: 3 },
        Change::Lockout { from: mins(120), to: mins(90) },
        Change::WindowLimit { from: limit(limits[0]), to: limit(limits[1]) },
        Change::Basal { from: Dose::from_nanograms(98_200), to: Dose::from_micrograms(96) },
    ];
    let four = BasalSegment { from_minute: 0, rate: BasalRate::from_nanograms_per_hour(4_000) };
    for (which, change) in changes.iter().enumerate() {
        let mut world = World::ready();
        reprogram(&mut world, |programmed| match which {
            0 => programmed.demand_dose = Dose::from_micrograms(40),
            1 => programmed.allotment = 3,
            2 => programmed.lockout_interval = mins(90),
            3 => programmed.window_limit = limit(limits[1]),
            _ => programmed.basal = Bounded::filled_from([four]),
        });
        world.pass(secs(3));
        // proves R-ANS-20
        assert_eq!(told(&world), core::slice::from_ref(change));
        read_and_ready(&mut world);
    }
}

#[test]
fn doses_switched_off_and_on_again_are_told_as_what_is_left_of_it() {
    let mut world = World::ready();
    reprogram(&mut world, |programmed| programmed.allotment = 0);
    world.pass(secs(3));
    assert_eq!(told(&world), [Change::Allotment { from: 4, to: 0 }]);
    reprogram(&mut world, |programmed| programmed.allotment = 4);
    world.pass(secs(3));
    assert!(is_ready(&world), "changed back, and nothing to tell: {:?}", world.face());
}

#[test]
fn several_changes_and_a_refill_stand_together_over_a_restart_and_are_read_at_once() {
    let mut world = World::ready();
    world.walk_away();
    reprogram(&mut world, |programmed| programmed.demand_dose = Dose::from_micrograms(40));
    world.pump.refill(FULL, LIQUID).expect("fits");
    reprogram(&mut world, |programmed| programmed.allotment = 3);
    world.come_back();
    let all = told(&world);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all.contains(&Change::Refill { volume: FULL }), "{all:?}");
    world.reboot(mins(3));
    // proves R-ANS-20
    assert_eq!(told(&world), all, "before the pump has spoken");
    world.pass(secs(5));
    assert_eq!(told(&world), all);
    read_and_ready(&mut world);
    assert_eq!(world.recorded(|event| matches!(event, Event::ChangesSeen)), 1);
}

#[test]
fn a_change_while_a_dose_goes_in_waits_for_its_outcome() {
    let mut world = World::ready();
    world.hold_dose();
    reprogram(&mut world, |programmed| programmed.demand_dose = Dose::from_micrograms(40));
    world.pass(secs(60));
    assert!(matches!(world.face(), Face::Delivering { dose: DOSE, .. }), "{:?}", world.face());
    world.pass(secs(185));
    assert!(matches!(world.face(), Face::Given { dose: DOSE, .. }), "{:?}", world.face());
    world.seen();
    assert_eq!(told(&world), [Change::DemandDose { from: DOSE, to: Dose::from_micrograms(40) }]);
    world.seen();
    assert_eq!(wait_of(&world).offer.dose, Dose::from_micrograms(40));
}

#[test]
fn another_liquid_is_told_and_recorded_and_the_dose_stays_the_same() {
    let mut world = World::ready();
    world.pump.refill(Volume::from_microlitres(2_050), THINNER).expect("fits");
    world.pass(secs(3));
    let changes = [
        Change::Concentration { from: LIQUID, to: THINNER },
        Change::Refill { volume: Volume::from_microlitres(2_050) },
    ];
    assert!(changes.iter().all(|change| told(&world).contains(change)), "{:?}", told(&world));
    world.seen();
    assert_eq!(
        world.reasons(),
        [pump_core::therapy::reason::Reason::LowReservoir],
        "50 mcg are 100 uL of it, and 50 are there"
    );
    world.pump.refill(Volume::from_microlitres(2_050), LIQUID).expect("fits");
    world.pass(secs(3));
    world.seen();
    let liquids = |event: &Event| matches!(event, Event::ConcentrationChanged { .. });
    // proves R-REC-19
    assert_eq!(world.recorded(liquids), 2, "there and back");
    assert!(matches!(world.face(), Face::Ready(offer) if offer.dose == DOSE), "25 uL of this: {:?}", world.face());
}

#[test]
fn a_pump_that_this_remote_has_just_met_has_changed_nothing() {
    let mut world = World::ready();
    reprogram(&mut world, |programmed| programmed.allotment = 3);
    world.pump.refill(FULL, LIQUID).expect("fits");
    world.put_back(pump_core::remote::Kept::default(), 0);
    world.pass(secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn what_is_put_away_first_is_the_notice_above_the_page() {
    let mut world = World::ready();
    reprogram(&mut world, |programmed| programmed.allotment = 3);
    world.pass(secs(3));
    let changes = told(&world);
    world.hold_dose();
    assert_eq!(world.screen().notice, Some(Notice::Refused));
    world.notice_seen();
    assert_eq!((world.screen().notice, told(&world)), (None, changes));
    world.seen();
    assert!(is_ready(&world), "{:?}", world.face());
}
