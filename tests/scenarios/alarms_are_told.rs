//! What is wrong is told until somebody has seen it, here and in the pump.
//!
//! Pre:  READY.
//! Step: the pump or the remote has something wrong; somebody acknowledges it, pauses the sound, or nobody does.
//! Post: it stands while its cause lasts, seen or not; the pump learns once a session what was seen; no silence lasts.

use pump_core::{
    annunciation::{AlarmCondition, Change, Priority, signal::QuietHours},
    audit::event::{Event, Trouble},
    remote::Input,
    screen::{Face, Intent},
    selftest::{Asking, Condition, Device, Measured},
};
use pump_protocol::{
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{Command, HistoryPage, Reply, Role},
    quantity::{Dose, Millis},
    report::{AnnunciationKind, AnnunciationState},
    wire::Bounded,
};
use pump_tests::{CommandKind, Disk, Effect, Point, World};
use simulated_pump::Pump;

use crate::words::{alarms, give_one, is_not_sure, mins, reprogram, secs, wait_of};

type Happening = fn(&mut World);

fn acknowledge(world: &mut World, condition: AlarmCondition) {
    world.say(Input::Intent(Intent::Acknowledge(condition)));
}

fn told_the_pump(world: &World) -> usize {
    world.transmitted(|sent| matches!(sent, Command::Acknowledge { .. }))
}

fn changed(world: &World, wanted: Change) -> usize {
    world.recorded(|event| matches!(event, Event::Alarm { change } if *change == wanted))
}

fn stalled() -> World {
    let mut world = World::ready();
    world.pump.stall();
    world.pass(secs(3));
    assert!(alarms(&world).contains(&AlarmCondition::MotorStall), "{:?}", alarms(&world));
    world
}

#[test]
fn what_was_acknowledged_here_is_told_to_the_pump_once_a_session_until_it_knows() {
    let mut world = stalled();
    world.fault(CommandKind::Other, Point::BeforeReceipt, Effect::Drop);
    acknowledge(&mut world, AlarmCondition::MotorStall);
    // proves R-ALM-16
    assert_eq!(told_the_pump(&world), 1);
    world.pass(secs(10));
    assert_eq!(told_the_pump(&world), 2, "the first was lost with its session");
    let confirmed = |world: &World| {
        let report = world.pump.report();
        let stall = report.annunciations.iter().find(|told| told.kind == AnnunciationKind::MotorStall);
        stall.expect("it stands still").state == AnnunciationState::Confirmed
    };
    // proves R-ALM-16
    assert!(confirmed(&world));
    world.cut_link();
    world.pass(mins(5));
    assert_eq!(told_the_pump(&world), 2, "the pump knows");
}

#[test]
fn a_key_that_may_only_look_tells_the_pump_nothing_of_what_was_seen() {
    let mut world = World::ready();
    world.role = Role::Viewer;
    world.cut_link();
    world.pump.stall();
    world.pass(secs(5));
    acknowledge(&mut world, AlarmCondition::MotorStall);
    world.pass(mins(2));
    // proves R-ALM-16
    assert_eq!(told_the_pump(&world), 0);
    let seen =
        world.screen().alarms.iter().any(|alarm| alarm.condition == AlarmCondition::MotorStall && alarm.acknowledged);
    assert!(seen, "and here it is seen: {:?}", world.screen().alarms);
}

#[test]
fn what_was_acknowledged_and_lasts_stays_listed_and_is_told_again() {
    let mut world = stalled();
    acknowledge(&mut world, AlarmCondition::MotorStall);
    world.pass(mins(1));
    // proves R-ALM-08
    assert!(alarms(&world).contains(&AlarmCondition::MotorStall), "{:?}", alarms(&world));
    world.doze(mins(61), secs(20));
    // proves R-ALM-06
    assert_eq!(changed(&world, Change::Realarmed { condition: AlarmCondition::MotorStall }), 1);
    world.pump.unstall();
    acknowledge(&mut world, AlarmCondition::MotorStall);
    world.pass(mins(2));
    assert!(!alarms(&world).contains(&AlarmCondition::MotorStall), "gone and seen: {:?}", alarms(&world));
}

#[test]
fn a_pump_that_says_stopped_is_an_alarm_though_it_lists_none_and_though_it_goes_out_of_reach() {
    let mut world = World::ready();
    world.pump.stop();
    let mut report = world.pump.report();
    report.annunciations = Bounded::new();
    world.fault(CommandKind::Other, Point::AfterReceipt, Effect::Answer(Box::new(Reply::Report(Box::new(report)))));
    world.fault(CommandKind::Other, Point::AfterReceipt, Effect::Disconnect);
    world.say(Input::Intent(Intent::Wake));
    assert_eq!(alarms(&world), [AlarmCondition::PumpStopped]);
    acknowledge(&mut world, AlarmCondition::PumpStopped);
    world.walk_away();
    world.pass(mins(5));
    let lasts = |world: &World| matches!(world.screen().alarms[..], [alarm] if !alarm.ceased);
    // proves R-ALM-18
    assert!(lasts(&world), "seen, out of reach, and stopped still: {:?}", world.screen().alarms);
    world.crash();
    // proves R-ALM-18
    assert!(lasts(&world), "over a restart too: {:?}", world.screen().alarms);
    world.pump.start();
    world.come_back();
    assert_eq!(alarms(&world), []);
}

#[test]
fn ten_minutes_of_not_sure_are_an_alarm_that_ends_with_it_and_not_with_a_restart() {
    let mut world = World::ready();
    world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    world.pass(mins(9));
    assert!(is_not_sure(&world) && alarms(&world).is_empty(), "{:?}", alarms(&world));
    world.pass(secs(61));
    // proves R-ALM-17
    assert_eq!(alarms(&world), [AlarmCondition::RequestUncertain]);
    world.crash();
    // proves R-ALM-17
    assert_eq!(alarms(&world), [AlarmCondition::RequestUncertain], "it has not become sure");
    world.come_back();
    assert_eq!(alarms(&world), []);
    assert!(matches!(world.face(), Face::Given { .. }), "{:?}", world.face());
}

#[test]
fn a_pump_unheard_for_half_a_day_is_an_alarm_and_being_heard_ends_it() {
    let mut world = World::ready();
    world.walk_away();
    world.doze(mins(12 * 60 - 2), mins(1));
    assert_eq!(alarms(&world), []);
    world.doze(mins(4), secs(10));
    // proves R-ALM-10
    assert_eq!(alarms(&world), [AlarmCondition::PumpNotHeard]);
    world.crash();
    // proves R-ALM-10
    assert_eq!(alarms(&world), [AlarmCondition::PumpNotHeard], "a restart hears nothing");
    world.come_back();
    assert_eq!(alarms(&world), []);
}

#[test]
fn a_pause_of_the_sound_ends_by_itself_and_with_the_link_and_can_not_be_chained() {
    let mut world = stalled();
    let pause = |world: &mut World| world.say(Input::Intent(Intent::PauseAudio));
    pause(&mut world);
    assert_eq!(changed(&world, Change::AudioPaused), 0, "a remote that has just started may have been silent before");
    world.pass(secs(10));
    pause(&mut world);
    assert_eq!(changed(&world, Change::AudioPaused), 1);
    world.pass(secs(119));
    pause(&mut world);
    assert_eq!((changed(&world, Change::AudioOn), changed(&world, Change::AudioPaused)), (0, 1), "no longer for it");
    world.pass(secs(1));
    // proves R-ALM-06
    assert_eq!(changed(&world, Change::AudioOn), 1);
    pause(&mut world);
    // proves R-ALM-06
    assert_eq!(changed(&world, Change::AudioPaused), 1, "it must have been heard in between");
    world.pass(secs(10));
    pause(&mut world);
    assert_eq!(changed(&world, Change::AudioPaused), 2);
    world.walk_away();
    // proves R-LNK-25
    assert_eq!(changed(&world, Change::AudioOn), 2, "what is wrong out of reach, nobody can see");
}

#[test]
fn a_hold_refused_by_a_limit_is_told_and_one_that_is_too_soon_is_not() {
    let mut world = World::ready();
    give_one(&mut world);
    world.hold_dose();
    assert_eq!((alarms(&world), wait_of(&world).reasons.len()), (vec![], 1), "too soon is no alarm");
    reprogram(&mut world, |programmed| programmed.allotment = 1);
    world.pass(secs(3));
    world.seen();
    world.hold_dose();
    // proves R-LIM-14
    assert_eq!(alarms(&world), [AlarmCondition::LimitRefused]);
    let raised =
        Change::Raised { condition: AlarmCondition::LimitRefused, priority: AlarmCondition::LimitRefused.priority() };
    // proves R-REC-20
    assert_eq!(changed(&world, raised), 1);
    world.doze(Millis::from_hours(24), secs(30));
    assert_eq!(alarms(&world), [], "over with the limit");
}

#[test]
fn a_dose_that_nobody_asked_for_is_an_alarm_until_it_was_seen_and_counts() {
    let mut world = World::ready();
    world.pump.stop();
    world.pump.start();
    let (at, bolus, dose) = (world.pump.time(), BolusId(9), Dose::from_micrograms(50));
    let origin = Origin::Unknown;
    let started = HistoryEvent::BolusStarted {
        bolus,
        origin,
        dose,
        concentration: world.pump.prescription().programmed().concentration,
    };
    let ended =
        HistoryEvent::BolusEnded { bolus, origin, delivered: Delivered::exactly(dose), end: BolusEnd::Complete };
    let entry = |seq, event| HistoryEntry { seq: HistorySeq(seq), at, event };
    let entries = Bounded::filled_from([entry(1, started), entry(2, ended)]);
    let page = HistoryPage { first: HistorySeq(1), head: HistorySeq(2), entries };
    world.fault(CommandKind::Other, Point::AfterReceipt, Effect::Answer(Box::new(Reply::History(page))));
    world.pass(secs(3));
    assert!(alarms(&world).contains(&AlarmCondition::UnaccountedDose), "{:?}", alarms(&world));
    let wait = wait_of(&world);
    // proves R-LIM-08
    assert!(wait.remaining > mins(119) && wait.offer.left == 4, "{wait:?}");
    world.pass(mins(31));
    let escalated = Change::Escalated { condition: AlarmCondition::UnaccountedDose, priority: Priority::High };
    // proves R-ALM-08
    assert_eq!(changed(&world, escalated), 1);
    world.crash();
    world.pass(mins(20));
    let stands = |world: &World| alarms(world).contains(&AlarmCondition::UnaccountedDose);
    // proves R-ALM-08
    assert!(stands(&world), "until somebody has seen it: {:?}", alarms(&world));
    acknowledge(&mut world, AlarmCondition::UnaccountedDose);
    assert!(!stands(&world), "{:?}", alarms(&world));
}

#[test]
fn what_is_wrong_with_the_remote_itself_is_an_alarm_too() {
    let brought: [(AlarmCondition, Happening); 4] = [
        (AlarmCondition::RecordNotWritable, |world| {
            world.disk = Disk::Refuses;
            world.cut_link();
        }),
        (AlarmCondition::RecordDamaged, |world| world.say(Input::RecordChecked { good: false })),
        (AlarmCondition::SelfTestFailed, |world| {
            world.say(Input::Trouble { which: Trouble::SelfTestFailed, holds: true });
        }),
        (AlarmCondition::ClockInDoubt, |world| {
            let older = world.pump.durable();
            world.pass(mins(5));
            world.pump = Pump::restore(&older).expect("whole");
            world.cut_link();
        }),
    ];
    for (condition, comes) in brought {
        let mut world = World::ready();
        comes(&mut world);
        world.pass(secs(5));
        // proves R-ALM-15
        assert!(alarms(&world).contains(&condition), "{condition}: {:?}", alarms(&world));
    }
}

/// A remote whose self-test found the motor so, in the middle of its quiet hours, with its battery low.
fn low_at_night(motor: Condition) -> World {
    let mut world = World::ready();
    world.self_test = Some(Asking::Nobody);
    world.crash();
    world.say(Input::Measured(Measured::Device { device: Device::Vibration, condition: motor }));
    world.pass(secs(1));
    let wall = world.now().wall.expect("the clock is set");
    let minute = (wall.unix_ms / 60_000 + i64::from(wall.utc_offset_min)) % (24 * 60);
    let until = u16::try_from((minute + 90) % (24 * 60)).expect("a minute of the day");
    let from = u16::try_from((minute + 24 * 60 - 90) % (24 * 60)).expect("a minute of the day");
    world.say(Input::Battery { left: Some(mins(15)) });
    assert_eq!(alarms(&world), [AlarmCondition::RemoteBatteryLow]);
    assert!(heard(&world), "by day");
    world.say(Input::Intent(Intent::Quiet(QuietHours::new(from, until))));
    world
}

fn heard(world: &World) -> bool {
    world.screen().signals.expect("something is wrong").sound.is_some()
}

#[test]
fn in_quiet_hours_a_low_alarm_is_felt_and_not_heard_and_any_other_is_heard() {
    let mut world = low_at_night(Condition::Works);
    // proves R-ALM-19
    assert!(!heard(&world), "by night");
    assert!(world.screen().signals.is_some_and(|signals| signals.vibration.is_some()), "felt");
    let wall = world.now().wall;
    world.set_wall(None);
    // proves R-ALM-19
    assert!(heard(&world), "nobody knows what time it is");
    world.set_wall(wall);
    world.pump.stall();
    world.pass(secs(3));
    // proves R-ALM-19
    assert!(alarms(&world).contains(&AlarmCondition::MotorStall) && heard(&world), "{:?}", alarms(&world));
}

#[test]
fn a_low_alarm_that_nobody_could_feel_is_heard_once_in_quiet_hours() {
    for motor in [Condition::Absent, Condition::Broken] {
        let mut world = low_at_night(motor);
        // proves R-ALM-03
        assert!(heard(&world), "{motor:?}");
        world.pass(secs(20));
        assert!(!heard(&world), "{motor:?}: no more of it tonight");
    }
}
