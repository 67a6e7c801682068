//! Each reason why no dose is offered: it is reached, said, recorded with the press that it refused, and gone with its cause.
//!
//! Pre:  READY.
//! Step: what brings the reason about; a full hold; what ends it.
//! Post: the reason stood on the page and in the record, nothing left, and it stands there no more.

use pump_core::{
    annunciation::AlarmCondition,
    audit::event::{Event, Trouble},
    remote::Input,
    screen::{Control, Intent, Level, Source},
    therapy::reason::{Inhibiting, Reason},
};
use pump_protocol::{
    message::Reply,
    prescription::{PatientCode, Programmed, WindowDoseLimit},
    quantity::{Concentration, Dose, Millis, Volume},
    report::AnnunciationKind,
    wire::{Text, decode},
};
use pump_tests::{CommandKind, Disk, Effect, Point, World};
use simulated_pump::{Pump, Setup};

use crate::words::{code, give_one, is_ready, mins, prepares, reprogram, secs};

type Happening = Box<dyn Fn(&mut World)>;

/// What brings a reason about, and what ends it; `None` where nothing does.
struct Case {
    comes: Happening,
    goes: Option<Happening>,
}

fn case(comes: impl Fn(&mut World) + 'static, goes: impl Fn(&mut World) + 'static) -> Case {
    Case { comes: Box::new(comes), goes: Some(Box::new(goes)) }
}

fn trouble(which: Trouble) -> Case {
    let say = move |holds| move |world: &mut World| world.say(Input::Trouble { which, holds });
    case(say(true), say(false))
}

fn waits(comes: impl Fn(&mut World) + 'static, span: Millis) -> Case {
    case(comes, move |world| world.doze(span, secs(30)))
}

/// An alarm that stands in the pump until its cause is gone and somebody has seen it.
fn latched(begins: fn(&mut Pump), ends: fn(&mut Pump), seen: AlarmCondition) -> Case {
    case(
        move |world| begins(&mut world.pump),
        move |world| {
            ends(&mut world.pump);
            world.say(Input::Intent(Intent::Acknowledge(seen)));
        },
    )
}

fn filled_to(microlitres: u32) -> impl Fn(&mut World) {
    move |world| {
        let liquid = Concentration::from_micrograms_per_millilitre(2_000);
        world.pump.refill(Volume::from_microlitres(microlitres), liquid).expect("fits");
    }
}

fn other_pump(world: &mut World) {
    world.walk_away();
    world.pump = Pump::new(Setup { serial: Text::new("SIM-000043").expect("short"), ..Setup::demonstration() });
    world.come_back();
}

fn first_pump(world: &mut World) {
    world.walk_away();
    world.pump = Pump::new(Setup::demonstration());
    world.pump.advance(mins(10));
    world.come_back();
}

fn hold_stop_for_a_minute(world: &mut World) {
    for _ in 0..302 {
        world.touch(Control::Stop, Source::Button, Level::Pressed);
        world.step(Millis::new(200));
    }
    world.touch(Control::Stop, Source::Button, Level::Pressed);
}

fn contradicts(world: &mut World) {
    let nothing = Programmed { demand_dose: Dose::ZERO, ..world.pump.prescription().programmed().clone() };
    let told = Effect::Answer(Box::new(Reply::Prescription(Box::new(nothing))));
    world.fault(CommandKind::Other, Point::AfterReceipt, told);
    reprogram(world, |programmed| programmed.allotment = 3);
}

fn asked_and_went_away(world: &mut World) {
    world.fault(CommandKind::Prepare, Point::AfterReceipt, Effect::Disconnect);
    world.hold_dose();
    world.walk_away();
    world.seen();
}

/// The session stands and nothing is answered in time to keep the report fresh.
fn hears_only_what_was_asked_long_ago(world: &mut World) {
    world.latency = Millis::new(4_900);
    world.disk = Disk::Hesitates;
    world.walk_away();
    world.pass(secs(125));
}

fn five_wrong_codes(world: &mut World) {
    reprogram(world, |programmed| programmed.patient_code = Some(PatientCode(1234)));
    world.pass(secs(3));
    world.seen();
    world.hold_dose();
    (0..5).for_each(|_| code(world, [9, 9, 9, 9]));
}

#[expect(clippy::too_many_lines, reason = "one table")]
fn bring(reason: Reason) -> Case {
    let limit = WindowDoseLimit { amount: Dose::from_micrograms(190), window: Millis::from_hours(24) };
    match reason {
        Reason::RecordNotWritable => case(
            |world| {
                world.disk = Disk::Refuses;
                world.cut_link();
            },
            |world| world.disk = Disk::Works,
        ),
        Reason::RecordDamaged => case(|world| world.say(Input::RecordChecked { good: false }), World::crash),
        Reason::SelfTestFailed => trouble(Trouble::SelfTestFailed),
        Reason::StuckKey => case(hold_stop_for_a_minute, |world| {
            world.touch(Control::Stop, Source::Button, Level::Released);
        }),
        Reason::ToneFailed => trouble(Trouble::ToneFailed),
        Reason::BatteryTooLow => case(
            |world| world.say(Input::Battery { left: Some(mins(9)) }),
            |world| world.say(Input::Battery { left: Some(mins(10)) }),
        ),
        Reason::SelfTestRunning => trouble(Trouble::SelfTestRunning),
        Reason::NoBond => {
            let bonded = |bonded| {
                move |world: &mut World| {
                    world.bonded = bonded;
                    world.crash();
                }
            };
            case(bonded(false), bonded(true))
        }
        Reason::WrongPump => case(other_pump, first_pump),
        Reason::ViewerOnly => {
            let role = |role| {
                move |world: &mut World| {
                    world.role = role;
                    world.cut_link();
                }
            };
            case(role(pump_protocol::message::Role::Viewer), role(pump_protocol::message::Role::Patient))
        }
        Reason::PrescriptionContradicts => {
            case(contradicts, |world| reprogram(world, |programmed| programmed.allotment = 4))
        }
        Reason::Alarm(Inhibiting::PumpStopped) => case(|world| world.pump.stop(), |world| world.pump.start()),
        Reason::Alarm(Inhibiting::MotorStall) => latched(Pump::stall, Pump::unstall, AlarmCondition::MotorStall),
        Reason::Alarm(Inhibiting::EmptyReservoir) => case(filled_to(1_000), filled_to(20_000)),
        // Only another pump ends it.
        Reason::Alarm(Inhibiting::Eos) => Case { comes: Box::new(|world| world.pump.eos()), goes: None },
        Reason::Alarm(Inhibiting::MemoryError) => {
            case(|world| world.pump.memory_error(), |world| reprogram(world, |programmed| programmed.allotment = 3))
        }
        Reason::Alarm(Inhibiting::OcclusionSuspected) => {
            latched(|pump| pump.occlusion(true), |pump| pump.occlusion(false), AlarmCondition::OcclusionSuspected)
        }
        Reason::DemandDosesOff => {
            let allot = |allotment| {
                move |world: &mut World| {
                    reprogram(world, |programmed| programmed.allotment = allotment);
                    world.pass(secs(3));
                    world.seen();
                }
            };
            case(allot(0), allot(4))
        }
        Reason::LowReservoir => case(filled_to(2_024), filled_to(20_000)),
        Reason::ClockInDoubt => case(
            |world| {
                let older = world.pump.durable();
                world.pass(mins(5));
                world.pump = Pump::restore(&older).expect("whole");
                world.cut_link();
            },
            |world| world.pass(mins(6)),
        ),
        Reason::Unresolved => case(asked_and_went_away, World::come_back),
        Reason::OutOfReach => case(World::walk_away, World::come_back),
        Reason::ReportTooOld => case(hears_only_what_was_asked_long_ago, |world| {
            world.latency = Millis::ZERO;
            world.disk = Disk::Works;
            world.disk_catches_up();
            world.come_back();
        }),
        Reason::HistoryNotImported => case(
            |world| {
                world.latency = Millis::new(4_800);
                world.walk_away();
                for _ in 0..10 {
                    world.pump.stop();
                    world.pump.start();
                }
                world.come_back();
            },
            |world| {
                world.latency = Millis::ZERO;
                world.pass(secs(20));
            },
        ),
        Reason::CodeLocked => waits(five_wrong_codes, mins(5)),
        Reason::WindowLimit => waits(
            move |world| {
                give_one(world);
                reprogram(world, |programmed| programmed.window_limit = limit);
            },
            Millis::from_hours(25),
        ),
        Reason::Allotment => waits(
            |world| {
                give_one(world);
                reprogram(world, |programmed| programmed.allotment = 1);
            },
            Millis::from_hours(24),
        ),
        Reason::Lockout => waits(give_one, mins(121)),
        Reason::BolusRunning => {
            waits(|world| world.pump.clinician_bolus(Dose::from_micrograms(5)).expect("given"), mins(121))
        }
    }
}

/// Every reason that the record has a byte for.
fn every_reason() -> Vec<Reason> {
    let alarms = (0..=u8::MAX).filter_map(|alarm| decode::<Inhibiting>(&[alarm]).ok()).map(Reason::Alarm);
    (0..=u8::MAX).filter_map(|tag| decode::<Reason>(&[tag]).ok()).chain(alarms).collect()
}

#[test]
fn every_reason_is_said_recorded_and_gone_with_its_cause() {
    let reasons = every_reason();
    assert_eq!(reasons.len(), 23 + 6, "{reasons:?}");
    for reason in reasons {
        let mut world = World::ready();
        let case = bring(reason);
        (case.comes)(&mut world);
        world.chronicle.observe(&world.pump);
        if reason != Reason::StuckKey {
            world.pass(secs(6));
        }
        world.seen();
        // proves R-ANS-04
        assert!(world.reasons().contains(&reason), "{reason:?}: {:?}", world.face());
        let (asked, given) = (prepares(&world), world.started());
        if reason != Reason::StuckKey {
            world.hold_dose();
        }
        assert_eq!((prepares(&world), world.started()), (asked, given), "{reason:?}");
        let Some(goes) = case.goes else { continue };
        goes(&mut world);
        world.chronicle.observe(&world.pump);
        world.pass(secs(40));
        world.seen();
        assert!(is_ready(&world), "{reason:?} is over: {:?}", world.face());
        let refused = |event: &Event| matches!(event, Event::AttemptRefused { reasons } if reasons.contains(&reason));
        // proves R-LIM-06
        assert_eq!(world.recorded(refused), usize::from(reason != Reason::StuckKey), "{reason:?}");
    }
}

#[test]
fn an_alarm_that_the_pump_latched_blocks_a_dose_until_its_cause_is_gone_and_it_was_seen() {
    let mut world = World::ready();
    let seen = |world: &mut World| {
        world.say(Input::Intent(Intent::Acknowledge(AlarmCondition::OcclusionSuspected)));
        world.pass(secs(40));
    };
    world.pump.occlusion(true);
    world.pass(secs(3));
    seen(&mut world);
    let blocked = [Reason::Alarm(Inhibiting::OcclusionSuspected)];
    assert_eq!(world.reasons(), blocked, "seen, and the cause lasts");
    let mut world = World::ready();
    world.pump.occlusion(true);
    world.pass(secs(3));
    world.pump.occlusion(false);
    world.pass(mins(2));
    // proves R-ANS-06
    assert_eq!(world.reasons(), blocked, "gone, and nobody has seen it");
    seen(&mut world);
    assert!(world.pump.report().annunciations.iter().all(|told| told.kind != AnnunciationKind::OcclusionSuspected));
    assert!(is_ready(&world), "{:?}", world.face());
}
