//! One screen of every kind, with the amounts and times of one night.

use pump_core::{
    annunciation::{
        AlarmCondition, Priority, Signals,
        signal::{Colour, HIGH_BURST, Light},
    },
    audit::{
        event::{NotCopied, NothingBecause, WallDoubt},
        tally::{DayCounts, NoDose},
    },
    pairing::{PairingView, Refusal, Typed},
    screen::{
        Alarm, Batteries, Caregiver, ClinicSummary, Copying, Day, DayView, DeliveryView, Face, Fault, LastDose,
        LinkHealth, Night, NotGiven, Notice, Offer, PracticeView, Reading, RefillBy, RemoteBattery, ReservoirView,
        ReservoirWeeks, Screen, ServiceView, SetTimeState, SetTimeView, Stop, TestView, Therapy, WEEKS_BEFORE, Wait,
    },
    selftest::{CHECKS, Finding, Question},
    therapy::{
        change::Change,
        reason::{Inhibiting, Reason},
        reservoir::{ReservoirLevel, VolumeLeft},
    },
};
use pump_protocol::{
    clock::{CivilTime, Uptime, WallTime},
    history::{BolusEnd, Delivered},
    message::{AuditHead, DenyReason},
    prescription::{BasalSegment, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    wire::Text,
};

use pump_remote::shell::config::{CardConfig, CardLine};

pub(crate) const DOSE: Dose = Dose::from_micrograms(50);

/// 2026-11-21 at this hour and minute, one hour east of UTC.
pub(crate) fn at(hour: i64, minute: i64) -> WallTime {
    WallTime { unix_ms: (20_778 * 24 * 60 + hour * 60 + minute - 60) * 60_000, utc_offset_min: 60 }
}

pub(crate) fn screen(face: Face) -> Screen {
    Screen { clock: Ok(at(18, 15)), link: LinkHealth::Near, heard_min_ago: Some(2), ..Screen::alone(face) }
}

/// An alarm that nobody has acknowledged and whose cause lasts.
pub(crate) fn alarm(condition: AlarmCondition) -> Alarm {
    Alarm { condition, priority: condition.priority(), acknowledged: false, ceased: false }
}

/// The same screen while these alarms stand, and sound.
pub(crate) fn alarming(conditions: &[AlarmCondition], screen: Screen) -> Screen {
    Screen {
        alarms: conditions.iter().map(|condition| alarm(*condition)).collect(),
        signals: Some(signals(None)),
        ..screen
    }
}

pub(crate) fn signals(audio_paused_until: Option<Uptime>) -> Signals {
    let sound = audio_paused_until.is_none().then_some(&HIGH_BURST);
    let light = Light { colour: Colour::Red, flash: None };
    Signals { priority: Priority::High, light, sound, vibration: None, audio_paused_until }
}

/// Three alarms of three priorities.
pub(crate) const THREE: [AlarmCondition; 3] =
    [AlarmCondition::PumpStopped, AlarmCondition::OcclusionSuspected, AlarmCondition::LowReservoir];

pub(crate) fn offer() -> Offer {
    Offer { dose: DOSE, left: 3, allotment: 4 }
}

pub(crate) fn ready() -> Screen {
    screen(Face::Ready(offer()))
}

pub(crate) fn wait(remaining: Millis) -> Screen {
    screen(Face::Wait(Wait { remaining, ..waiting() }))
}

fn waiting() -> Wait {
    Wait {
        remaining: Millis::from_mins(15),
        until: Some(at(18, 40)),
        reasons: vec![Reason::Lockout],
        offer: Offer { left: 2, ..offer() },
        next_returns: Some(at(18, 40)),
        pump_says: false,
    }
}

pub(crate) fn not_available(reasons: &[Reason]) -> Screen {
    screen(Face::NotAvailable { reasons: reasons.to_vec() })
}

pub(crate) fn asking(stop: Option<Stop>) -> Screen {
    screen(Face::Asking { dose: DOSE, stop })
}

pub(crate) fn delivering(stop: Stop) -> Screen {
    screen(Face::Delivering {
        dose: DOSE,
        delivered: Dose::from_nanograms(12_500),
        remaining: Millis::from_secs(250),
        permille: 250,
        stop,
    })
}

pub(crate) fn not_sure(stop: Stop) -> Screen {
    Screen { link: LinkHealth::Looking, ..screen(Face::NotSure { dose: DOSE, asked_at: Some(at(18, 13)), stop }) }
}

pub(crate) fn reservoir() -> ReservoirView {
    ReservoirView {
        volume: Volume::from_microlitres(14_250),
        percent: 71,
        capacity: Volume::from_microlitres(20_000),
        low: Volume::from_microlitres(2_000),
        reserve: Volume::from_microlitres(1_000),
        level: ReservoirLevel::Enough,
        every_dose: refill_by(52),
        basal_alone: refill_by(95),
        age_min: 12,
    }
}

fn refill_by(days_left: u32) -> RefillBy {
    let on = WallTime { unix_ms: at(12, 0).unix_ms + i64::from(days_left) * 86_400_000, utc_offset_min: 60 };
    RefillBy { days_left, on: Some(on) }
}

pub(crate) fn caregiver() -> Caregiver {
    Caregiver {
        delivery: Some(DeliveryView::Delivering { rate: BasalRate::from_nanograms_per_hour(4_166) }),
        reservoir: Some(reservoir()),
        last_dose: Some(LastDose { dose: DOSE, min_ago: Some(230), at: Some(at(14, 25)) }),
    }
}

pub(crate) fn stopped() -> Caregiver {
    Caregiver { delivery: Some(DeliveryView::Stopped { since_min: Some(192), since: Some(at(15, 3)) }), ..caregiver() }
}

fn running_low(level: ReservoirLevel) -> Caregiver {
    let (every_dose, basal_alone) = (refill_by(0), refill_by(1));
    let volume = Volume::from_microlitres(1_400);
    let reservoir = ReservoirView { level, volume, percent: 7, every_dose, basal_alone, age_min: 190, ..reservoir() };
    Caregiver { reservoir: Some(reservoir), ..caregiver() }
}

const ALARMS: [AlarmCondition; 5] = [
    AlarmCondition::PumpStopped,
    AlarmCondition::OcclusionSuspected,
    AlarmCondition::UnaccountedDose,
    AlarmCondition::LowReservoir,
    AlarmCondition::Eri,
];

pub(crate) fn days() -> Vec<Day> {
    (0..14_u32)
        .map(|ago| Day {
            day: at(12, 0).day() - i64::from(ago),
            counts: DayCounts {
                attempts: 3 + ago % 5,
                given: 2 + ago % 3,
                in_part: u32::from(ago == 4),
                refused: vec![(NoDose::Here(Reason::Lockout), ago % 4)],
                not_settled: u32::from(ago == 2),
                others: u32::from(ago == 5),
                ..DayCounts::default()
            },
        })
        .collect()
}

pub(crate) const REASONS: [Reason; 29] = [
    Reason::RecordNotWritable,
    Reason::RecordDamaged,
    Reason::SelfTestFailed,
    Reason::StuckKey,
    Reason::ToneFailed,
    Reason::BatteryTooLow,
    Reason::SelfTestRunning,
    Reason::NoBond,
    Reason::WrongPump,
    Reason::ViewerOnly,
    Reason::Alarm(Inhibiting::PumpStopped),
    Reason::Alarm(Inhibiting::MotorStall),
    Reason::Alarm(Inhibiting::EmptyReservoir),
    Reason::Alarm(Inhibiting::Eos),
    Reason::Alarm(Inhibiting::MemoryError),
    Reason::Alarm(Inhibiting::OcclusionSuspected),
    Reason::PrescriptionContradicts,
    Reason::DemandDosesOff,
    Reason::LowReservoir,
    Reason::ClockInDoubt,
    Reason::Unresolved,
    Reason::OutOfReach,
    Reason::ReportTooOld,
    Reason::HistoryNotImported,
    Reason::CodeLocked,
    Reason::WindowLimit,
    Reason::Allotment,
    Reason::Lockout,
    Reason::BolusRunning,
];

/// Out of reach, and more besides.
const FAR: [Reason; 4] = [Reason::OutOfReach, Reason::ReportTooOld, Reason::HistoryNotImported, Reason::WindowLimit];

pub(crate) fn enter_code(entered: u8, wrong: bool) -> Screen {
    screen(Face::EnterCode { dose: DOSE, entered, wrong })
}

pub(crate) fn changed(changes: &[Change]) -> Screen {
    screen(Face::Changed { changes: changes.to_vec() })
}

/// The clock for the night, over a page that would offer nothing either.
pub(crate) fn night(charge: u8) -> Screen {
    Screen { dark: true, night: Some(Night { charge }), ..not_available(&[Reason::OutOfReach]) }
}

/// A page without the bar: it has a way to help, and out, of its own.
pub(crate) fn is_bare(screen: &Screen) -> bool {
    screen.night.is_some() || matches!(screen.face, Face::Fault(_) | Face::EnterCode { .. } | Face::Pairing(_))
}

/// One of each sentence that a change can make, the longest amounts among them.
pub(crate) fn changes() -> Vec<Change> {
    let text = |name: &str| Text::new(name).expect("fits");
    let limit = |mcg, hours| WindowDoseLimit { amount: Dose::from_micrograms(mcg), window: Millis::from_hours(hours) };
    let mcg = Dose::from_micrograms;
    let strength = Concentration::from_micrograms_per_millilitre;
    vec![
        Change::Drug { from: text("morphine sulfate preservative-fr"), to: text("hydromorphone hydrochloride 10 %") },
        Change::DemandDose { from: Dose::from_nanograms(62_500), to: Dose::from_nanograms(187_500) },
        Change::WindowLimit { from: limit(1_000, 24), to: limit(750, 12) },
        Change::Allotment { from: 4, to: 3 },
        Change::Allotment { from: 4, to: 0 },
        Change::Allotment { from: 0, to: 3 },
        Change::Lockout { from: Millis::from_hours(4), to: Millis::from_mins(150) },
        Change::Basal { from: mcg(100), to: mcg(120) },
        Change::Basal { from: mcg(100), to: mcg(100) },
        Change::Concentration { from: strength(2_000), to: strength(1_500) },
        Change::PatientCode { asked: true },
        Change::PatientCode { asked: false },
        Change::Details,
        Change::Refill { volume: Volume::from_microlitres(20_000) },
    ]
}

/// What is wrong, on its own page: the first still unseen, the second over, the others seen.
pub(crate) fn alarms(conditions: &[AlarmCondition]) -> Screen {
    let mut screen = alarming(conditions, screen(Face::Alarms));
    for (nth, alarm) in screen.alarms.iter_mut().enumerate() {
        (alarm.ceased, alarm.acknowledged) = (nth == 1, nth > 1);
    }
    screen
}

/// The pump's word, with and without a moment to wait for.
pub(crate) fn denied(reason: DenyReason, timed: bool) -> NotGiven {
    NotGiven::Denied {
        reason,
        until: timed.then(|| at(18, 40)),
        retry_after: if timed { Millis::from_mins(25) } else { Millis::ZERO },
    }
}

/// The longest drug's name, for whoever helps.
pub(crate) fn emergency(stop: Option<Stop>) -> Screen {
    screen(Face::Emergency { drug: Text::new("hydromorphone hydrochloride 10 %").ok(), stop })
}

/// A therapy whose steady dose changes so often a day.
fn therapy(steps: u16) -> Screen {
    let basal = (0..steps).map(|nth| BasalSegment {
        from_minute: nth * (24 * 60 / steps),
        rate: BasalRate::from_nanograms_per_hour(4_166 + u32::from(nth) * 125),
    });
    screen(Face::Reading(Reading::Therapy(Some(Box::new(Therapy {
        drug: Text::new("hydromorphone hydrochloride 10 %").expect("fits"),
        concentration: Concentration::from_micrograms_per_millilitre(2_000),
        demand_dose: Dose::from_nanograms(187_500),
        lockout_interval: Millis::from_mins(150),
        allotment: 12,
        window_limit: WindowDoseLimit { amount: Dose::from_micrograms(1_000), window: Millis::from_hours(24) },
        basal: basal.collect(),
    })))))
}

/// A card with everything on it, its names as long as they may be.
pub(crate) fn card() -> CardConfig {
    let line = |line: &str| CardLine::try_from(line.to_owned()).expect("fits");
    CardConfig {
        patient: line("Maximiliane Charlotte Wilhelmine de la Fontaine-Oberndorffer"),
        clinic: line("University Hospital of the Region, Department of Pain Relief"),
        phone: line("+49 30 123 456 789"),
        emergency: line("112"),
        model: line("SynchroFlow 40 mL"),
        implanted: line("2025-03-14"),
    }
}

pub(crate) fn in_part(at_least: u32, at_most: u32, end: BolusEnd) -> Face {
    let delivered = Delivered { at_least: Dose::from_micrograms(at_least), at_most: Dose::from_micrograms(at_most) };
    Face::GivenInPart { dose: DOSE, delivered, end }
}

/// Out of reach since a restart: what is known has no time.
fn restarted() -> Caregiver {
    Caregiver {
        delivery: Some(DeliveryView::Stopped { since_min: None, since: None }),
        reservoir: None,
        last_dose: Some(LastDose { dose: DOSE, min_ago: None, at: None }),
    }
}

/// Every page, in every state that changes its looks.
pub(crate) fn all() -> Vec<(String, Screen)> {
    let mut all: Vec<(String, Screen)> = vec![
        ("checking", screen(Face::Checking)),
        ("ready", ready()),
        ("ready-hold-longer", Screen { notice: Some(Notice::HoldLonger), ..ready() }),
        ("ready-alarm", alarming(&THREE, ready())),
        ("ready-alarm-low", alarming(&[AlarmCondition::AccountsDiffer], ready())),
        ("ready-twelve", screen(Face::Ready(Offer { dose: Dose::from_nanograms(62_500), left: 9, allotment: 12 }))),
        ("wait", wait(Millis::from_secs(24 * 60 + 10))),
        ("wait-hours", wait(Millis::from_hours(11))),
        ("wait-seconds", wait(Millis::from_secs(9))),
        ("wait-refused", Screen { notice: Some(Notice::Refused), ..wait(Millis::from_secs(1450)) }),
        (
            "wait-pump-says",
            Screen {
                notice: Some(Notice::AccountsDiffer),
                clock: Err(WallDoubt::DiffersFromPump),
                ..screen(Face::Wait(Wait {
                    remaining: Millis::from_mins(25),
                    until: None,
                    reasons: vec![Reason::WindowLimit, Reason::Lockout],
                    offer: offer(),
                    next_returns: None,
                    pump_says: true,
                }))
            },
        ),
        ("not-available-all", Screen { link: LinkHealth::OutOfReach, heard_min_ago: None, ..not_available(&REASONS) }),
        (
            "wait-alarm-refused",
            Screen { notice: Some(Notice::Refused), ..alarming(&THREE[1..], wait(Millis::from_secs(1450))) },
        ),
        (
            "wait-alarm-accounts",
            Screen { notice: Some(Notice::AccountsDiffer), ..alarming(&THREE[..1], wait(Millis::from_secs(1450))) },
        ),
        ("wait-code-locked", screen(Face::Wait(Wait { reasons: vec![Reason::CodeLocked], ..waiting() }))),
        ("not-available-far", Screen { link: LinkHealth::OutOfReach, ..not_available(&FAR) }),
        ("not-available-far-alarm", alarming(&THREE, not_available(&FAR))),
        ("not-available-alarm", alarming(&THREE, not_available(&REASONS))),
        ("not-available-refused", Screen { notice: Some(Notice::Refused), ..not_available(&REASONS[6..9]) }),
        ("asking", asking(None)),
        ("asking-stop", asking(Some(Stop::Offered))),
        ("asking-stop-asked", asking(Some(Stop::Asked))),
        ("delivering", delivering(Stop::Offered)),
        ("delivering-stop-asked", delivering(Stop::Asked)),
        ("delivering-not-stopped", delivering(Stop::NotStoppedYet)),
        (
            "delivering-not-stopped-notice",
            Screen { notice: Some(Notice::AccountsDiffer), ..delivering(Stop::NotStoppedYet) },
        ),
        ("delivering-alarm", alarming(&THREE, delivering(Stop::NotStoppedYet))),
        ("given", screen(Face::Given { dose: DOSE, at: Some(at(18, 13)) })),
        ("given-in-part", screen(in_part(12, 12, BolusEnd::Cancelled))),
        ("given-in-part-range", screen(in_part(12, 20, BolusEnd::Reset))),
        ("not-sure", not_sure(Stop::Offered)),
        ("not-sure-not-stopped", not_sure(Stop::NotStoppedYet)),
        ("not-sure-alarm", alarming(&[AlarmCondition::RequestUncertain], not_sure(Stop::Offered))),
        ("enter-code", enter_code(0, false)),
        ("enter-code-entered", enter_code(3, false)),
        ("enter-code-wrong", enter_code(0, true)),
        ("enter-code-alarm", alarming(&THREE, enter_code(2, true))),
        ("assumed-given", screen(Face::AssumedGiven { dose: DOSE })),
        ("caregiver", screen(Face::Caregiver(caregiver()))),
        ("caregiver-stopped", screen(Face::Caregiver(stopped()))),
        ("caregiver-low", screen(Face::Caregiver(running_low(ReservoirLevel::Low)))),
        (
            "caregiver-empty",
            alarming(&[AlarmCondition::EmptyReservoir], screen(Face::Caregiver(running_low(ReservoirLevel::Empty)))),
        ),
        ("caregiver-stopped-alarms", alarming(&ALARMS, screen(Face::Caregiver(stopped())))),
        ("alarms-none", screen(Face::Alarms)),
        ("alarms-all", alarms(&AlarmCondition::ALL)),
        ("alarms-paused", Screen { signals: Some(signals(Some(Uptime::from_millis(1)))), ..alarms(&THREE) }),
        ("caregiver-stopped-notice", Screen { notice: Some(Notice::NoDoseHere), ..screen(Face::Caregiver(stopped())) }),
        ("caregiver-restarted", screen(Face::Caregiver(restarted()))),
        ("caregiver-unknown", screen(Face::Caregiver(Caregiver { delivery: None, reservoir: None, last_dose: None }))),
        ("history", screen(Face::History { days: days(), loading: false })),
        ("history-empty", screen(Face::History { days: Vec::new(), loading: true })),
        ("emergency", emergency(None)),
        ("emergency-stop", emergency(Some(Stop::Offered))),
        ("emergency-not-stopped", emergency(Some(Stop::NotStoppedYet))),
        ("emergency-alarm", alarming(&THREE, emergency(Some(Stop::Asked)))),
        ("emergency-unknown", screen(Face::Emergency { drug: None, stop: None })),
        ("more", screen(Face::Reading(Reading::More))),
        ("more-alarm", alarming(&THREE, screen(Face::Reading(Reading::More)))),
        ("therapy", therapy(1)),
        ("therapy-hours", therapy(24)),
        ("therapy-alarm", alarming(&THREE, therapy(9))),
        ("therapy-unknown", screen(Face::Reading(Reading::Therapy(None)))),
        ("implant", screen(Face::Reading(Reading::Implant(Text::new("SIM-000042").ok())))),
        ("link-steps", screen(Face::Reading(Reading::LinkSteps))),
        ("link-steps-far", Screen { link: LinkHealth::OutOfReach, ..screen(Face::Reading(Reading::LinkSteps)) }),
        ("settings", screen(Face::Reading(Reading::Settings))),
        ("fault", screen(Face::Fault(Fault::Record { detail: "the record belongs to pump 4711, not to 0815".into() }))),
    ]
    .into_iter()
    .map(|(name, screen)| (name.to_owned(), screen))
    .collect();
    all.extend(groups().chain(pairings()).chain(one_by_one()));
    all
}

fn groups() -> impl Iterator<Item = (String, Screen)> {
    let groups = self_tests()
        .into_iter()
        .chain(practices())
        .chain(for_the_clinic())
        .chain(single_days())
        .chain(reservoirs())
        .chain(set_times());
    let groups = groups.chain(services());
    groups.map(|(name, screen)| (name.to_owned(), screen))
}

fn reservoirs() -> [(&'static str, Screen); 6] {
    let plenty = weeks(
        18_200,
        Some([Some(18_500), Some(18_900), None, Some(19_300), Some(19_600), Some(2_100), Some(2_600), None]),
    );
    [
        ("reservoir", over_weeks(Some(plenty.clone()))),
        ("reservoir-reading", over_weeks(Some(ReservoirWeeks { before: None, ..plenty.clone() }))),
        ("reservoir-low", over_weeks(Some(weeks(1_900, None)))),
        ("reservoir-alarm", alarming(&THREE, over_weeks(Some(weeks(900, None))))),
        ("reservoir-undated", over_weeks(Some(undated(&plenty)))),
        ("reservoir-unknown", over_weeks(None)),
    ]
}

/// Its date is in doubt, and it is charged.
fn undated(weeks: &ReservoirWeeks) -> ReservoirWeeks {
    let undated = |by| RefillBy { on: None, ..by };
    let now = weeks.now;
    ReservoirWeeks {
        now: ReservoirView { every_dose: undated(now.every_dose), basal_alone: undated(now.basal_alone), ..now },
        before: Some([None; WEEKS_BEFORE]),
        batteries: Batteries { pump_until: None, remote: RemoteBattery::Charging { percent: 83 }, ..weeks.batteries },
        ..*weeks
    }
}

pub(crate) fn over_weeks(weeks: Option<ReservoirWeeks>) -> Screen {
    screen(Face::Reading(Reading::Reservoir(weeks.map(Box::new))))
}

/// In microlitres; a day uses 48 without any dose, and 148 with all of them.
pub(crate) fn weeks(now: u32, before: Option<[Option<u32>; WEEKS_BEFORE]>) -> ReservoirWeeks {
    let left = |week: usize, a_day: u32| {
        let used = a_day * 7 * (u32::try_from(week).expect("few") + 1);
        Volume::from_microlitres(now.saturating_sub(used).max(now.min(1_000)))
    };
    let ahead = core::array::from_fn(|week| VolumeLeft { basal_alone: left(week, 48), every_dose: left(week, 148) });
    let view = reservoir();
    let volume = Volume::from_microlitres(now);
    let level = match now {
        0..=1_000 => ReservoirLevel::Empty,
        1_001..=2_000 => ReservoirLevel::Low,
        _ => ReservoirLevel::Enough,
    };
    let view = ReservoirView { volume, percent: volume.percent_of(view.capacity), level, ..view };
    let before = before.map(|weeks| weeks.map(|week| week.map(Volume::from_microlitres)));
    let batteries = Batteries {
        pump_months: 76,
        pump_until: Some(WallTime { unix_ms: at(12, 0).unix_ms + 76 * 730 * 3_600_000, utc_offset_min: 60 }),
        remote: RemoteBattery::Lasts { hours: 9 },
    };
    ReservoirWeeks { now: view, before, ahead, batteries }
}

/// The clock right and wrong, near the pump's and far from it, and what came of setting it.
fn set_times() -> [(&'static str, Screen); 9] {
    let page = |view| screen(Face::Reading(Reading::SetTime(view)));
    let doubted = |why, view| Screen { clock: Err(why), ..page(view) };
    let told = |state| page(SetTimeView { state, ..set_time() });
    let unset = SetTimeView { shows: None, pump: None, ..set_time() };
    [
        ("set-time", page(set_time())),
        ("set-time-far", page(SetTimeView { far: true, ..set_time() })),
        ("set-time-not-set", doubted(WallDoubt::NotSet, unset)),
        ("set-time-went-back", doubted(WallDoubt::WentBack, SetTimeView { pump: None, ..set_time() })),
        ("set-time-differs", doubted(WallDoubt::DiffersFromPump, set_time())),
        ("set-time-asked", told(SetTimeState::Asked)),
        ("set-time-set", told(SetTimeState::Set)),
        ("set-time-failed", told(SetTimeState::NotSet)),
        (
            "set-time-alarm",
            alarming(&THREE, doubted(WallDoubt::DiffersFromPump, SetTimeView { far: true, ..set_time() })),
        ),
    ]
}

/// Of the longest month's longest day.
pub(crate) fn set_time() -> SetTimeView {
    let on = |day: i64, hour, minute| CivilTime::from_millis(at(hour, minute).civil().millis() + day * 86_400_000);
    let (shows, pump, draft) = (Some(on(0, 18, 15)), Some(on(7, 22, 40)), on(7, 22, 40));
    SetTimeView { shows, pump, draft, far: false, state: SetTimeState::Choosing }
}

/// Before the pump's first word and after it, and what came of a copy.
fn services() -> [(&'static str, Screen); 10] {
    let not = |why| service(Copying::NotCopied(why));
    let head = AuditHead { count: 1_204_817, hash: [0x9F; 32] };
    let new = ServiceView { pump: None, head: AuditHead { count: 1, ..head }, copying: Copying::Idle };
    [
        ("service", service(Copying::Idle)),
        ("service-new", screen(Face::Reading(Reading::Service(new)))),
        ("service-copying", service(Copying::Asked)),
        ("service-copied", service(Copying::Copied { head })),
        ("service-no-stick", not(NotCopied::NoStick)),
        ("service-full", not(NotCopied::NoRoom)),
        ("service-stick-failed", not(NotCopied::StickFailed)),
        ("service-record-failed", not(NotCopied::RecordFailed)),
        ("service-no-answer", not(NotCopied::NoAnswer)),
        ("service-alarm", alarming(&THREE, service(Copying::Copied { head }))),
    ]
}

pub(crate) fn service(copying: Copying) -> Screen {
    let ClinicSummary { pump, head, .. } = summary();
    screen(Face::Reading(Reading::Service(ServiceView { pump: Some(pump), head, copying })))
}

fn for_the_clinic() -> [(&'static str, Screen); 3] {
    [
        ("clinic", clinic(Some(summary()))),
        ("clinic-alarm", alarming(&THREE, clinic(Some(summary())))),
        ("clinic-reading", clinic(None)),
    ]
}

pub(crate) fn clinic(summary: Option<ClinicSummary>) -> Screen {
    screen(Face::Reading(Reading::Clinic(summary.map(Box::new))))
}

fn single_days() -> [(&'static str, Screen); 5] {
    [
        ("day", one_day(quiet_day())),
        ("day-busy", one_day(busy_day())),
        ("day-alarm", alarming(&THREE, one_day(busy_day()))),
        ("day-first", screen(day_page(Some(DayView { earlier: None, later: None, ..beside(quiet_day()) })))),
        ("day-reading", screen(day_page(None))),
    ]
}

/// A day with others on either side of it.
pub(crate) fn one_day(day: Day) -> Screen {
    screen(day_page(Some(beside(day))))
}

fn day_page(view: Option<DayView>) -> Face {
    Face::Reading(Reading::Day(view.map(Box::new)))
}

fn beside(day: Day) -> DayView {
    DayView { earlier: Some(day.day - 1), later: Some(day.day + 3), day }
}

pub(crate) fn quiet_day() -> Day {
    let counts = DayCounts { attempts: 2, given: 2, ..DayCounts::default() };
    Day { day: at(12, 0).day(), counts }
}

/// As much as can stand on the page, the longest words first.
pub(crate) fn busy_day() -> Day {
    let refused = vec![
        (NoDose::Here(Reason::PrescriptionContradicts), 12),
        (NoDose::ByPump(Some(DenyReason::NotPermitted)), 9),
        (NoDose::Here(Reason::ToneFailed), 7),
        (NoDose::Nothing(NothingBecause::DoseDiffered), 4),
        (NoDose::Nothing(NothingBecause::Expired), 2),
        (NoDose::Elsewhere, 1),
        (NoDose::Nothing(NothingBecause::TooLate), 8),
        (NoDose::PageUnanswered, 1),
        (NoDose::ByPump(None), 1),
    ];
    let counts = DayCounts { attempts: 63, given: 12, in_part: 3, refused, ..DayCounts::default() };
    let counts = DayCounts { assumed: 2, not_settled: 1, others: 3, unknown: 1, ..counts };
    Day { day: at(12, 0).day() - 4, counts: DayCounts { others_dose: Dose::from_nanograms(1_187_500), ..counts } }
}

/// More than most remotes ever have to tell.
pub(crate) fn summary() -> ClinicSummary {
    let head = AuditHead { count: 1_204_817, hash: [0x9F; 32] };
    let counts = || DayCounts {
        attempts: 31,
        given: 12,
        in_part: 3,
        refused: vec![(NoDose::Here(Reason::Allotment), 19)],
        assumed: 1,
        others: 2,
        ..DayCounts::default()
    };
    let day = |back: i64| Day { day: 20_778 - back, counts: counts() };
    ClinicSummary { pump: Text::new("SIM-000042").expect("a name"), head, days: (0..14).map(day).collect() }
}

/// What a practice is, and what it looks like: each page of it is marked.
fn practices() -> [(&'static str, Screen); 9] {
    let about = |begun, may_begin| screen(Face::Reading(Reading::Practice(PracticeView { begun, may_begin })));
    let practised = |screen| Screen { practice: true, ..screen };
    [
        ("practice", about(false, true)),
        ("practice-not-now", alarming(&THREE, about(false, false))),
        ("practice-ready", practised(ready())),
        ("practice-hold-longer", practised(Screen { notice: Some(Notice::HoldLonger), ..ready() })),
        ("practice-asking", practised(asking(None))),
        ("practice-delivering", practised(delivering(Stop::Offered))),
        ("practice-given", practised(screen(Face::Given { dose: DOSE, at: Some(at(18, 13)) }))),
        ("practice-stopped", practised(screen(in_part(12, 12, BolusEnd::Cancelled)))),
        ("practice-wait", practised(wait(Millis::from_secs(24 * 60 + 10)))),
    ]
}

fn self_tests() -> [(&'static str, Screen); 9] {
    [
        ("self-test-never", self_test(false, None, [None; CHECKS])),
        ("self-test-running", self_test(true, None, begun())),
        ("self-test-passed", self_test(false, None, [Some(Finding::Passed); CHECKS])),
        ("self-test-failed", self_test(false, None, every_finding())),
        ("self-test-alarm", alarming(&THREE, self_test(false, None, every_finding()))),
        ("self-test-heard", self_test(true, Some(Question::Heard), [Some(Finding::Passed); CHECKS])),
        ("self-test-felt", self_test(true, Some(Question::Felt), [Some(Finding::Passed); CHECKS])),
        ("self-test-seen", self_test(true, Some(Question::Seen), [Some(Finding::Passed); CHECKS])),
        ("self-test-seen-alarm", alarming(&THREE, self_test(true, Some(Question::Seen), begun()))),
    ]
}

/// Every step of the first run, with the digits of no card.
fn pairings() -> Vec<(String, Screen)> {
    let card = |group, typed: &[u8], wrong| PairingView::Card { group, typed: Typed::of(typed), wrong };
    let mut all = vec![
        ("pairing-not-paired".to_owned(), PairingView::NotPaired),
        ("card-secret".to_owned(), card(1, &[], false)),
        ("card-secret-typed".to_owned(), card(3, &[4, 7, 1], false)),
        ("card-secret-wrong".to_owned(), card(8, &[], true)),
        ("pairing-window".to_owned(), PairingView::Window),
        ("pairing-looking".to_owned(), PairingView::Asking { found: false }),
        ("pairing-proving".to_owned(), PairingView::Asking { found: true }),
        ("pairing-paired".to_owned(), PairingView::Paired { serial: Text::new("SIM-000042").expect("fits") }),
    ];
    for why in Refusal::ALL {
        all.push((format!("pairing-{why:?}"), PairingView::Failed(why)));
    }
    let alone = |view| Screen { link: LinkHealth::OutOfReach, heard_min_ago: None, ..screen(Face::Pairing(view)) };
    all.into_iter().map(|(name, view)| (name, alone(view))).collect()
}

pub(crate) fn self_test(runs: bool, question: Option<Question>, findings: [Option<Finding>; CHECKS]) -> Screen {
    screen(Face::Reading(Reading::SelfTest(TestView { runs, question, findings, may_begin: !runs })))
}

/// Some of it is measured.
fn begun() -> [Option<Finding>; CHECKS] {
    let mut findings = [None; CHECKS];
    findings[..5].fill(Some(Finding::Passed));
    findings
}

fn every_finding() -> [Option<Finding>; CHECKS] {
    use Finding::{Absent, Confirmed, Failed, Passed, Silent, Unconfirmed};
    let mut all = [Failed, Silent, Passed, Confirmed, Unconfirmed, Absent].into_iter().cycle();
    [(); CHECKS].map(|()| all.next())
}

/// Every reason, denial, alarm, change and end on a page of its own.
fn one_by_one() -> Vec<(String, Screen)> {
    let mut all = Vec::new();
    for reason in REASONS {
        all.push((format!("not-available-{reason:?}"), not_available(&[reason])));
    }
    for reason in DenyReason::ALL {
        all.push((format!("not-given-{reason:?}"), screen(Face::NotGiven(denied(reason, false)))));
    }
    for conditions in AlarmCondition::ALL.chunks(3) {
        all.push((format!("alarms-{:?}", conditions[0]), alarms(conditions)));
        let banner = &conditions[..1];
        all.push((format!("ready-alarm-{:?}", conditions[0]), alarming(banner, ready())));
    }
    all.push(("settings-alarm".into(), alarming(&THREE, screen(Face::Reading(Reading::Settings)))));
    all.push(("sounds".into(), screen(Face::Reading(Reading::Sounds))));
    all.push(("sounds-alarm".into(), alarming(&THREE, screen(Face::Reading(Reading::Sounds)))));
    all.push(("night".into(), night(83)));
    all.push(("night-charged".into(), night(100)));
    for doubt in [WallDoubt::NotSet, WallDoubt::WentBack, WallDoubt::DiffersFromPump] {
        all.push((format!("night-{doubt:?}"), Screen { clock: Err(doubt), ..night(83) }));
    }
    all.push(("changed-many".into(), changed(&changes())));
    all.push(("changed-alarm".into(), alarming(&THREE, changed(&changes()))));
    all.push(("changed-three-alarm".into(), alarming(&THREE, changed(&changes()[1..]))));
    for (nth, change) in changes().into_iter().enumerate() {
        all.push((format!("changed-{nth}"), changed(&[change])));
    }
    let echoed = Dose::from_micrograms(60);
    for (name, why) in [
        ("wait", denied(DenyReason::Lockout, true)),
        ("expired", NotGiven::Expired),
        ("interrupted", NotGiven::Interrupted),
        ("overtaken", NotGiven::Overtaken),
        ("dose-differs", NotGiven::DoseDiffers { shown: DOSE, echoed }),
        ("stopped", NotGiven::StoppedInTime),
        ("ended", NotGiven::BolusEnded(BolusEnd::MotorStall)),
    ] {
        all.push((format!("not-given-{name}"), screen(Face::NotGiven(why))));
    }
    for end in BolusEnd::ALL {
        all.push((format!("given-in-part-{end:?}"), screen(in_part(12, 20, end))));
    }
    all
}
