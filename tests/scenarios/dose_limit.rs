//! No window with the dose in it may hold more than the limit, in the hours behind and in the hours ahead.
//!
//! Pre:  a prescription whose limit is nearer than its allotment.
//! Step: doses, basal steps, a clinician's bolus, a stop or another prescription fill the windows.
//! Post: READY only where a copy of the pump would grant; WAIT ends when the pump's own wait does, give or take the radio.

use pump_core::{audit::event::Event, screen::Face, therapy::reason::Reason};
use pump_protocol::{
    clock::CivilTime,
    message::{AuditHead, Command, DenyReason, Nonce, Reply, RequestId, Role},
    prescription::{BasalSegment, Programmed, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    wire::Bounded,
};
use pump_tests::{OURS, World};
use simulated_pump::Setup;

use crate::words::{give_one, is_ready, mins, reprogram, secs, setup_with, wait_of};

const LIMITS: [DenyReason; 3] = [DenyReason::WindowLimit, DenyReason::Allotment, DenyReason::Lockout];
/// How much longer than the pump's the page's wait may be: the radio, a started second, and the age of the last report.
const RADIO: Millis = secs(30);

const fn hours(hours: u64) -> Millis {
    Millis::from_hours(hours)
}

fn programme<const N: usize>(steps: [(u16, u32); N]) -> Bounded<BasalSegment, 24> {
    let step = |(from_minute, rate)| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
    Bounded::filled_from(steps.map(step))
}

const fn limit(micrograms: u32, window: Millis) -> WindowDoseLimit {
    WindowDoseLimit { amount: Dose::from_micrograms(micrograms), window }
}

/// 40 mcg over 4 min, half an hour apart, at most 24 a day; at most 116 mcg in any 2 h; 2 mcg/h, and 38 mcg/h in between.
fn stepping(from_minute: u16, to_minute: u16) -> impl FnOnce(&mut Programmed) {
    move |programmed| {
        programmed.demand_dose = Dose::from_micrograms(40);
        (programmed.lockout_interval, programmed.allotment) = (mins(30), 24);
        programmed.window_limit = limit(116, hours(2));
        programmed.basal = programme([(0, 2_000), (from_minute, 38_000), (to_minute, 2_000)]);
    }
}

fn world_at(hour: u64, minute: u64, change: impl FnOnce(&mut Programmed)) -> World {
    let midnight = CivilTime::from_millis(20_717 * 24 * 3_600_000);
    let civil = midnight.after(hours(hour)).after(mins(minute));
    let mut world = World::with(Setup { civil, ..setup_with(change) });
    world.pass(secs(2));
    world
}

/// How long a copy of the pump says to wait; `None` if no limit speaks against a dose.
fn pumps_wait(world: &World) -> Option<Millis> {
    let mut copy = world.pump.clone();
    let prescription = copy.prescription().hash();
    let prepare = Command::Prepare { id: RequestId(u64::MAX), prescription, audit_head: AuditHead::default() };
    match copy.handle(OURS, Role::Patient, &prepare, Nonce::default()) {
        Reply::Denied { denial, .. } if LIMITS.iter().any(|limit| denial.reasons.contains(*limit)) => {
            Some(denial.retry_after)
        }
        _ => None,
    }
}

/// The page and a copy of the pump agree on whether, and on when.
#[expect(clippy::panic, reason = "a page that says something else ends the test here")]
fn agrees_with_the_pump(world: &World) {
    match (world.face(), pumps_wait(world)) {
        (Face::Ready(offer), denied) => assert_eq!(denied, None, "READY: {offer:?}"),
        (Face::Wait(wait), pumps) => {
            let pumps = pumps.unwrap_or(Millis::ZERO);
            let drift = Millis::new(pumps.get() / 500);
            // proves R-LIM-04, R-ANS-03
            assert!(wait.remaining >= pumps, "{wait:?}, the pump: {pumps}");
            assert!(wait.remaining <= pumps.saturating_add(RADIO).saturating_add(drift), "{wait:?}, the pump: {pumps}");
        }
        (other, _) => panic!("no answer: {other:?}"),
    }
}

/// A patient who presses whenever READY stands there, looked at every so often.
fn presses_whenever_ready(world: &mut World, looks: u32, every: Millis) {
    for _ in 0..looks {
        world.seen();
        if is_ready(world) {
            agrees_with_the_pump(world);
            world.hold_dose();
            assert!(matches!(world.face(), Face::Delivering { .. }), "what stood there was so: {:?}", world.face());
            world.doze(mins(5), secs(5));
            world.seen();
        }
        agrees_with_the_pump(world);
        world.doze(every, Millis::new(every.get() / 40));
        world.pass(secs(31));
    }
}

#[test]
fn a_dose_before_a_step_up_waits_until_the_hours_ahead_hold_it() {
    let mut world = world_at(19, 0, stepping(20 * 60, 22 * 60));
    give_one(&mut world);
    world.doze(mins(51), secs(5));
    let wait = wait_of(&world);
    // proves R-LIM-04
    assert_eq!(wait.reasons, [Reason::WindowLimit], "84 mcg would fit into the two hours behind");
    assert!((mins(67)..mins(71)).contains(&wait.remaining), "until the first has left the fullest hours: {wait:?}");
    agrees_with_the_pump(&world);
    world.doze(wait.remaining.saturating_sub(secs(40)), secs(5));
    assert!(!is_ready(&world), "{:?}", world.face());
    world.doze(mins(2), secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
    agrees_with_the_pump(&world);
}

#[test]
fn by_day_the_same_two_doses_fit() {
    let mut world = world_at(10, 0, stepping(20 * 60, 22 * 60));
    give_one(&mut world);
    world.doze(mins(51), secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
    agrees_with_the_pump(&world);
}

#[test]
fn at_the_step_itself_the_page_and_the_pump_say_the_same() {
    for minute in 40..60 {
        let mut world = world_at(19, minute, stepping(20 * 60, 22 * 60));
        presses_whenever_ready(&mut world, 4, mins(9));
    }
}

#[test]
fn segments_that_meet_at_midnight_are_one_stretch() {
    let around_midnight = |programmed: &mut Programmed| {
        stepping(22 * 60, 23 * 60)(programmed);
        programmed.basal = programme([(0, 38_000), (60, 2_000), (23 * 60, 38_000)]);
    };
    let mut world = world_at(22, 50, around_midnight);
    give_one(&mut world);
    world.doze(mins(30), secs(5));
    assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit], "76 mcg of basal from 23:00 to 01:00, and two doses");
    agrees_with_the_pump(&world);
    presses_whenever_ready(&mut world, 20, mins(13));
}

#[test]
fn windows_of_one_hour_one_day_and_seven_days_agree_with_the_pump_at_the_largest_allotment() {
    for (window, amount, days, every) in [(1, 82, 2, 17), (24, 300, 3, 47), (7 * 24, 1_250, 9, 173)] {
        let often = |programmed: &mut Programmed| {
            programmed.demand_dose = Dose::from_micrograms(20);
            (programmed.lockout_interval, programmed.allotment) = (mins(10), 48);
            programmed.bolus_duration = mins(2);
            programmed.window_limit = limit(amount, hours(window));
        };
        let mut world = world_at(5, 0, often);
        let (looks, begun) = (days * 24 * 60 / every, world.now().uptime);
        presses_whenever_ready(&mut world, looks, mins(u64::from(every)));
        assert!(world.now().uptime.since(begun) >= hours(u64::from(days) * 24));
        assert!(world.started() > 3, "{window} h: {} doses", world.started());
    }
}

#[test]
fn a_clinicians_bolus_fills_the_window_and_the_wait_is_as_long_as_the_pumps() {
    let mut world = world_at(9, 0, |programmed| programmed.window_limit = limit(250, hours(24)));
    world.pump.clinician_bolus(Dose::from_micrograms(120)).expect("given");
    world.doze(mins(10), secs(5));
    let wait = wait_of(&world);
    // proves R-LIM-04, R-LIM-08
    assert_eq!(wait.reasons, [Reason::WindowLimit, Reason::Lockout]);
    assert!(wait.remaining > hours(23) && wait.offer.left == 4, "{wait:?}");
    agrees_with_the_pump(&world);
}

#[test]
fn a_smaller_limit_binds_at_once_and_a_larger_one_frees_at_once() {
    let mut world = World::ready();
    give_one(&mut world);
    world.doze(mins(121), secs(20));
    agrees_with_the_pump(&world);
    reprogram(&mut world, |programmed| programmed.window_limit = limit(198, hours(24)));
    world.pass(secs(2));
    world.seen();
    // proves R-LIM-12
    assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit]);
    agrees_with_the_pump(&world);
    world.hold_dose();
    assert_eq!(world.started(), 1);
    world.pass(secs(5));
    reprogram(&mut world, |programmed| programmed.window_limit = limit(199, hours(24)));
    world.pass(secs(2));
    world.seen();
    agrees_with_the_pump(&world);
    reprogram(&mut world, |programmed| programmed.window_limit = limit(400, hours(24)));
    world.pass(secs(2));
    world.seen();
    assert!(is_ready(&world), "{:?}", world.face());
    agrees_with_the_pump(&world);
}

#[test]
fn a_window_made_longer_reaches_back_to_doses_that_no_limit_reached_before() {
    let mut world = world_at(9, 0, |programmed| programmed.window_limit = limit(400, hours(24)));
    for _ in 0..4 {
        give_one(&mut world);
        world.doze(mins(118), secs(20));
    }
    world.doze(hours(48), mins(5));
    give_one(&mut world);
    world.doze(mins(121), secs(20));
    reprogram(&mut world, |programmed| programmed.window_limit = limit(800, hours(7 * 24)));
    world.pass(secs(2));
    world.seen();
    // proves R-LIM-12
    assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit], "687 mcg of basal, and five doses");
    agrees_with_the_pump(&world);
}

#[test]
fn a_lockout_made_longer_reaches_back_to_a_dose_that_no_limit_reached_before() {
    let mut world = World::ready();
    give_one(&mut world);
    world.doze(hours(60), mins(5));
    world
        .pump
        .refill(Volume::from_microlitres(20_000), Concentration::from_micrograms_per_millilitre(2_000))
        .expect("fits");
    world.pass(secs(5));
    reprogram(&mut world, |programmed| programmed.lockout_interval = hours(72));
    world.pass(secs(2));
    world.seen();
    agrees_with_the_pump(&world);
    assert!(wait_of(&world).remaining > hours(11), "{:?}", world.face());
}

#[test]
fn a_dose_counts_for_as_long_as_it_takes_though_a_shorter_bolus_is_programmed_meanwhile() {
    for stopped in [false, true] {
        let mut world = world_at(9, 0, stepping(20 * 60, 22 * 60));
        world.hold_dose();
        reprogram(&mut world, |programmed| {
            programmed.bolus_duration = secs(30);
            programmed.window_limit = limit(80, hours(2));
            programmed.basal = programme([(0, 2_000)]);
        });
        world.pass(secs(3));
        if stopped {
            world.hold_stop();
            world.pass(secs(3));
        } else {
            world.pass(mins(5));
        }
        world.seen();
        world.seen();
        assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit, Reason::Lockout], "stopped: {stopped}");
        agrees_with_the_pump(&world);
    }
}

#[test]
fn a_dose_that_a_reset_cut_short_leaves_the_window_when_the_pump_says_so() {
    let mut world = world_at(9, 0, |programmed| programmed.window_limit = limit(24 * 4 + 50 + 5, hours(24)));
    world.other_doses();
    world.pass(mins(3));
    world.pump.reset();
    world.cut_link();
    world.pass(secs(20));
    world.doze(hours(23), mins(5));
    world.pass(secs(20));
    assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit]);
    agrees_with_the_pump(&world);
}

#[test]
fn a_dose_that_the_pump_itself_cut_short_leaves_the_window_with_its_last_drop() {
    let mut world = world_at(9, 0, |programmed| programmed.window_limit = limit(24 * 4 + 50 + 5, hours(24)));
    world.hold_dose();
    world.pass(secs(60));
    world.pump.stop();
    world.pass(secs(3));
    world.pump.start();
    world.pass(secs(60));
    world.seen();
    world.doze(mins(23 * 60 + 30), mins(5));
    world.pass(secs(20));
    // proves R-REQ-17
    assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit]);
    agrees_with_the_pump(&world);
    let differ = |event: &Event| matches!(event, Event::AccountsDiffer { .. } | Event::WindowAccountsDiffer { .. });
    assert_eq!(world.recorded(differ), 0);
}

#[test]
fn a_clinicians_bolus_that_takes_longer_than_a_dose_counts_until_its_own_end() {
    let off = |programmed: &mut Programmed| {
        (programmed.allotment, programmed.bolus_duration) = (0, secs(30));
        programmed.window_limit = limit(190, hours(24));
    };
    let mut world = world_at(9, 0, off);
    world.pump.clinician_bolus(Dose::from_micrograms(50)).expect("given");
    reprogram(&mut world, |programmed| programmed.allotment = 4);
    world.pass(secs(3));
    world.seen();
    assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit, Reason::Lockout, Reason::BolusRunning]);
    agrees_with_the_pump(&world);
}

#[test]
fn basal_that_a_stopped_pump_did_not_give_counts_as_programmed() {
    let mut world = world_at(9, 0, |programmed| programmed.window_limit = limit(198, hours(24)));
    world.pump.stop();
    world.doze(hours(20), mins(5));
    world.pump.start();
    world.pass(secs(40));
    assert!(is_ready(&world), "{:?}", world.face());
    give_one(&mut world);
    world.doze(mins(121), secs(20));
    let wait = wait_of(&world);
    // proves R-LIM-04
    assert_eq!(wait.reasons, [Reason::WindowLimit], "50 mcg and next to no basal went in, and 198 are allowed");
    agrees_with_the_pump(&world);
    assert!(wait.remaining > hours(21), "{wait:?}");
}

#[test]
fn a_calendar_that_the_clinic_sets_moves_the_windows_and_no_lockout() {
    let mut world = world_at(10, 0, stepping(20 * 60, 22 * 60));
    give_one(&mut world);
    world.doze(mins(51), secs(5));
    assert!(is_ready(&world));
    world.pump.set_civil(world.pump.civil().after(hours(9)));
    world.pass(secs(31));
    assert_eq!(wait_of(&world).reasons, [Reason::WindowLimit], "19:55 for the basal programme");
    agrees_with_the_pump(&world);
    world.pump.set_civil(CivilTime::from_millis(world.pump.civil().millis() - 9 * 3_600_000));
    world.pass(secs(31));
    assert!(is_ready(&world), "{:?}", world.face());
}
