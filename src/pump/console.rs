//! The pump by typing: one line in, a few sentences out.
//!
//! This is the hand of the clinic and of misfortune on the simulator; the patient has no console.

use core::fmt::Write as _;

use pump_protocol::{
    clock::CivilTime,
    history::{BolusEnd, Delivered, HistoryEntry, HistoryEvent, Origin},
    message::{DenyReason, Role},
    prescription::{BASAL_SEGMENTS_MAX, BasalSegment, PatientCode, Prescription, Programmed},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    report::{AnnunciationKind, Delivery},
    wire::{Bounded, Text},
};

use crate::{
    faults::{Script, quoted},
    pump::Pump,
};

/// The most history entries that are shown at once.
const SHOWN_MAX: usize = 100;
/// How many are shown unless told.
const SHOWN: usize = 10;
const HELP: &str = "\
status                          how the pump is
history [N]                     its newest entries
refill [ML [MCG_PER_ML]]        fill the reservoir; full, with the same liquid, unless told
program [dose=MCG] [duration=MIN] [lockout=MIN] [allotment=N] [limit=MCG] [window=MIN]
        [basal=HH:MM/MCG_PER_H,...] [code=DDDD|off] [drug=NAME] [capacity=ML] [low=ML] [reserve=ML]
                                change the prescription
bolus MCG [unknown]             a clinician's bolus, or one that nobody is known to have asked for
stop / start                    all delivery, basal included
stall / unstall                 the motor
occlusion on|off                the catheter
eri / eos                       the battery
memory                          a memory error; program ends it
clock HH:MM|+MIN|-MIN           the pump's civil clock
reset                           the pump loses its clock and everything volatile
drop|disconnect|reset COMMAND before|after [TIMES [AFTER]]
                                lose a command, or the answer to it
echo MCG                        let grants name another dose
deny REASON                     hold a reason against every dose: alarm, bolus, reservoir, lockout, allotment,
                                limit, off, changed, grant
calm                            forget all faults and imposed reasons
magnet [viewer]                 open the pairing window, for a patient's remote or one that may only look
remotes                         which remotes are paired
revoke N                        take the key of one of them back: it pairs anew or never
quit                            leave";

/// What the host is to do with a line's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConsoleAnswer {
    /// Show it.
    Say(String),
    /// Show it, and drop every link: the pump was reset.
    DropLinks(String),
    /// A magnet is at the pump: open the pairing window for a remote of this role.
    OpenPairing(Role),
    /// Show which remotes are paired.
    Remotes,
    /// Take back the key of the one with this number, counted from 1.
    Revoke(usize),
    /// Leave.
    Quit,
}

/// Does what a line says.
pub fn run(pump: &mut Pump, script: &mut Script, line: &str) -> ConsoleAnswer {
    let words: Vec<&str> = line.split_whitespace().take(16).collect();
    ConsoleAnswer::Say(match *words.as_slice() {
        [] => String::new(),
        ["help"] => HELP.to_owned(),
        ["magnet"] => return ConsoleAnswer::OpenPairing(Role::Patient),
        ["magnet", "viewer"] => return ConsoleAnswer::OpenPairing(Role::Viewer),
        ["remotes"] => return ConsoleAnswer::Remotes,
        ["revoke", which] => match number(which) {
            Some(which) => return ConsoleAnswer::Revoke(which),
            None => not_a_number(which),
        },
        ["quit"] => return ConsoleAnswer::Quit,
        ["reset"] => return reset(pump),
        ["status"] => status(pump, script),
        ["history"] => history(pump, SHOWN),
        ["history", count] => number(count).map_or_else(|| not_a_number(count), |count| history(pump, count)),
        ["refill", ref rest @ ..] => refill(pump, rest),
        ["program", ref changes @ ..] => program(pump, changes),
        ["bolus", dose] => bolus(pump, dose, Origin::Clinician),
        ["bolus", dose, "unknown"] => bolus(pump, dose, Origin::Unknown),
        ["clock", time] => clock(pump, time),
        ["deny", reason] => deny(pump, reason),
        ["calm"] => calm(pump, script),
        ["drop" | "disconnect" | "reset" | "echo", ..] => fault(script, line),
        _ => by_hand(pump, &words),
    })
}

fn reset(pump: &mut Pump) -> ConsoleAnswer {
    pump.reset();
    let lockout = pump.report().lockout_remaining;
    ConsoleAnswer::DropLinks(format!("The pump was reset. A full lockout of {lockout} begins."))
}

/// What is done with one word, or one word and a switch.
fn by_hand(pump: &mut Pump, words: &[&str]) -> String {
    match *words {
        ["stop"] => pump.stop(),
        ["start"] => pump.start(),
        ["stall"] => pump.stall(),
        ["unstall"] => pump.unstall(),
        ["occlusion", "on"] => pump.occlusion(true),
        ["occlusion", "off"] => pump.occlusion(false),
        ["eri"] => pump.eri(),
        ["eos"] => pump.eos(),
        ["memory"] => pump.memory_error(),
        _ => return format!("No command \"{}\". There are:\n{HELP}", quoted(&words.join(" "))),
    }
    format!("{} {}", delivery(pump), alarms(pump))
}

fn status(pump: &Pump, script: &Script) -> String {
    let report = pump.report();
    let programmed = pump.prescription().programmed();
    let (hour, minute) = (report.civil.minute_of_day() / 60, report.civil.minute_of_day() % 60);
    let bolus = report.bolus.map_or("No bolus is running.".to_owned(), |bolus| {
        let (given, dose, left) = (bolus.delivered.at_most, bolus.dose, bolus.remaining);
        format!("A bolus is running: {given} of {dose} given, {left} left.")
    });
    let mut said = format!(
        "Pump {serial}, {drug} {concentration}, clock {hour:02}:{minute:02}, time {time}.\n{delivery} {bolus}\n\
         Reservoir: {reservoir} of {capacity} ({percent} %). {months} months to ERI.\n\
         Demand dose {dose}. Lockout: {lockout} left. Allotment: {used} of {allotment} used. \
         Window: {window_used} of {limit}.\n{alarms}",
        serial = pump.serial(),
        drug = programmed.drug,
        concentration = programmed.concentration,
        time = report.time,
        delivery = delivery(pump),
        reservoir = report.reservoir,
        capacity = programmed.capacity,
        percent = report.reservoir.percent_of(programmed.capacity),
        months = report.months_to_eri,
        dose = programmed.demand_dose,
        lockout = report.lockout_remaining,
        used = report.allotment.used,
        allotment = programmed.allotment,
        window_used = report.window_used,
        limit = programmed.window_limit.amount,
        alarms = alarms(pump),
    );
    for fault in script.faults() {
        let _ = write!(said, "\nFault waiting: {fault}.");
    }
    said
}

fn delivery(pump: &Pump) -> String {
    match pump.report().delivery {
        Delivery::Delivering { rate } => format!("Delivering {rate}."),
        Delivery::Stopped { since } => format!("STOPPED for {since}."),
    }
}

fn alarms(pump: &Pump) -> String {
    let kinds = pump.report().annunciations;
    let named: Vec<&str> = kinds.iter().map(|annunciation| name_of(annunciation.kind)).collect();
    if named.is_empty() { "No annunciation.".to_owned() } else { format!("Annunciations: {}.", named.join(", ")) }
}

const fn name_of(kind: AnnunciationKind) -> &'static str {
    match kind {
        AnnunciationKind::PumpStopped => "pump stopped",
        AnnunciationKind::MotorStall => "motor stall",
        AnnunciationKind::EmptyReservoir => "empty reservoir",
        AnnunciationKind::LowReservoir => "low reservoir",
        AnnunciationKind::Eri => "elective replacement indicator",
        AnnunciationKind::Eos => "end of service",
        AnnunciationKind::MemoryError => "memory error",
        AnnunciationKind::OcclusionSuspected => "catheter occlusion suspected",
    }
}

fn history(pump: &Pump, count: usize) -> String {
    let mut newest: Vec<String> = pump.history().rev().take(count.min(SHOWN_MAX)).map(entry).collect();
    newest.reverse();
    if newest.is_empty() { "The history is empty.".to_owned() } else { newest.join("\n") }
}

fn entry(entry: &HistoryEntry) -> String {
    let event = match entry.event {
        HistoryEvent::BolusStarted { bolus, origin, dose, .. } => {
            format!("bolus {} of {dose} started, asked for by {}", bolus.0, asker(origin))
        }
        HistoryEvent::BolusEnded { bolus, delivered, end, .. } => {
            format!("bolus {} ended, {}: {}", bolus.0, ending(end), amount(delivered))
        }
        HistoryEvent::Refilled { volume, concentration } => format!("refilled to {volume} of {concentration}"),
        HistoryEvent::Reprogrammed { version, .. } => format!("prescription {version} in force"),
        HistoryEvent::Stopped => "pump stopped".to_owned(),
        HistoryEvent::Started => "pump started".to_owned(),
        HistoryEvent::Reset => "pump reset".to_owned(),
    };
    format!("{:>5}  {}  {event}", entry.seq.0, entry.at)
}

fn asker(origin: Origin) -> String {
    match origin {
        Origin::Remote { key, id } => {
            let name = key.0.iter().fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
            format!("remote {name}, request {id}")
        }
        Origin::Clinician => "the clinician".to_owned(),
        Origin::Unknown => "nobody known".to_owned(),
    }
}

const fn ending(end: BolusEnd) -> &'static str {
    match end {
        BolusEnd::Complete => "complete",
        BolusEnd::Cancelled => "cancelled",
        BolusEnd::PumpStopped => "the pump was stopped",
        BolusEnd::MotorStall => "the motor stalled",
        BolusEnd::Reset => "the pump was reset",
        BolusEnd::EmptyReservoir => "the reservoir is empty",
        BolusEnd::Alarm => "an alarm",
    }
}

fn amount(delivered: Delivered) -> String {
    if delivered.at_least == delivered.at_most {
        return delivered.at_most.to_string();
    }
    format!("{} to {}", delivered.at_least, delivered.at_most)
}

fn refill(pump: &mut Pump, words: &[&str]) -> String {
    let programmed = pump.prescription().programmed();
    let (capacity, concentration) = (programmed.capacity, programmed.concentration);
    let read = match *words {
        [] => Some((capacity, concentration)),
        [volume] => millilitres(volume).map(|volume| (volume, concentration)),
        [volume, liquid] => millilitres(volume).zip(strength(liquid)),
        _ => None,
    };
    let Some((volume, concentration)) = read else {
        return "Say refill, refill 18.5, or refill 18.5 2000: mL, then mcg a mL.".to_owned();
    };
    match pump.refill(volume, concentration) {
        Ok(()) => format!("Refilled: {} of {concentration}.", pump.reservoir()),
        Err(refused) => format!("Refused: {refused}."),
    }
}

fn program(pump: &mut Pump, changes: &[&str]) -> String {
    let mut programmed = pump.prescription().programmed().clone();
    programmed.version = programmed.version.saturating_add(1);
    for change in changes {
        if reprogram(&mut programmed, change).is_none() {
            return format!(
                "No change \"{}\"; there are dose=MCG, duration=MIN, lockout=MIN, allotment=N, limit=MCG, window=MIN, \
                 basal=HH:MM/MCG_PER_H,..., code=DDDD, code=off, drug=NAME, capacity=ML, low=ML and reserve=ML.",
                quoted(change)
            );
        }
    }
    match Prescription::check(programmed) {
        Ok(prescription) => {
            let version = prescription.programmed().version;
            pump.program(prescription);
            format!("Prescription {version} is in force.")
        }
        Err(contradiction) => format!("Refused: {contradiction}."),
    }
}

fn reprogram(programmed: &mut Programmed, change: &str) -> Option<()> {
    match change.split_once('=')? {
        ("dose", dose) => programmed.demand_dose = micrograms(dose)?,
        ("lockout", minutes) => programmed.lockout_interval = Millis::from_mins(minutes.parse().ok()?),
        ("allotment", allotment) => programmed.allotment = allotment.parse().ok()?,
        ("limit", dose) => programmed.window_limit.amount = micrograms(dose)?,
        ("duration", minutes) => programmed.bolus_duration = Millis::from_mins(minutes.parse().ok()?),
        ("window", minutes) => programmed.window_limit.window = Millis::from_mins(minutes.parse().ok()?),
        ("basal", segments) => programmed.basal = basal(segments)?,
        ("drug", name) => programmed.drug = Text::new(name).ok()?,
        ("capacity", volume) => programmed.capacity = millilitres(volume)?,
        ("low", volume) => programmed.low_reservoir = millilitres(volume)?,
        ("reserve", volume) => programmed.reserve = millilitres(volume)?,
        ("code", "off") => programmed.patient_code = None,
        ("code", digits) if digits.len() == 4 => programmed.patient_code = Some(PatientCode(digits.parse().ok()?)),
        _ => return None,
    }
    Some(())
}

/// `00:00/5,06:00/3.5`: from when, and mcg an hour.
fn basal(words: &str) -> Option<Bounded<BasalSegment, BASAL_SEGMENTS_MAX>> {
    let segments = words.split(',').map(|segment| {
        let (from, rate) = segment.split_once('/')?;
        let rate = BasalRate::from_nanograms_per_hour(thousandths(rate)?);
        Some(BasalSegment { from_minute: time_of_day(from)?, rate })
    });
    segments.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// `07:30`, in minutes after midnight.
fn time_of_day(word: &str) -> Option<u16> {
    let (hour, minute) = word.split_once(':')?;
    match (hour.parse().ok()?, minute.parse().ok()?) {
        (hour @ 0..24_u16, minute @ 0..60_u16) => Some(hour * 60 + minute),
        _ => None,
    }
}

fn bolus(pump: &mut Pump, word: &str, origin: Origin) -> String {
    let Some(dose) = micrograms(word) else { return not_a_number(word) };
    let given = match origin {
        Origin::Unknown => pump.unaccounted_bolus(dose),
        Origin::Clinician | Origin::Remote { .. } => pump.clinician_bolus(dose),
    };
    match given {
        Ok(()) => format!("A bolus of {dose} is running, asked for by {}.", asker(origin)),
        Err(refused) => format!("Refused: {refused}."),
    }
}

fn clock(pump: &mut Pump, word: &str) -> String {
    let civil = pump.civil();
    let set = match word.split_at_checked(1) {
        Some(("+" | "-", _)) => {
            word.parse::<i32>().ok().map(|minutes| civil.millis().saturating_add(i64::from(minutes) * 60_000))
        }
        Some(_) | None => time_of_day(word).map(|minute| {
            let midnight = civil.millis().saturating_sub(i64::try_from(civil.of_day().get()).unwrap_or(0));
            midnight.saturating_add(i64::from(minute) * 60_000)
        }),
    };
    let Some(set) = set else {
        return format!("\"{}\" is no time of day; say for example 07:30, or +60 for an hour on.", quoted(word));
    };
    pump.set_civil(CivilTime::from_millis(set));
    let minute = pump.civil().minute_of_day();
    format!("The pump's civil clock stands at {:02}:{:02}.", minute / 60, minute % 60)
}

fn deny(pump: &mut Pump, word: &str) -> String {
    let reason = match word {
        "alarm" => DenyReason::Alarm,
        "bolus" => DenyReason::BolusRunning,
        "reservoir" => DenyReason::LowReservoir,
        "lockout" => DenyReason::Lockout,
        "allotment" => DenyReason::Allotment,
        "limit" => DenyReason::WindowLimit,
        "off" => DenyReason::DemandDosesOff,
        "changed" => DenyReason::PrescriptionChanged,
        "grant" => DenyReason::GrantLive,
        other => {
            let allowed = "alarm, bolus, reservoir, lockout, allotment, limit, off, changed, grant";
            return format!("No reason \"{}\"; there are {allowed}.", quoted(other));
        }
    };
    pump.impose(reason);
    format!("Every dose is denied ({reason:?}) until calm.")
}

fn calm(pump: &mut Pump, script: &mut Script) -> String {
    script.calm();
    pump.lift();
    "No fault waits, and nothing is imposed.".to_owned()
}

fn fault(script: &mut Script, line: &str) -> String {
    match script.parse(line) {
        Ok(said) => format!("Set: {said}."),
        Err(no_fault) => format!("Not set: {no_fault}."),
    }
}

fn not_a_number(word: &str) -> String {
    format!("\"{}\" is no number.", quoted(word))
}

fn number(word: &str) -> Option<usize> {
    word.parse().ok()
}

/// `50`, `0.5`: micrograms with at most three decimals.
pub(crate) fn micrograms(word: &str) -> Option<Dose> {
    thousandths(word).map(Dose::from_nanograms)
}

fn strength(word: &str) -> Option<Concentration> {
    word.parse().ok().map(Concentration::from_micrograms_per_millilitre)
}

fn millilitres(word: &str) -> Option<Volume> {
    thousandths(word).map(Volume::from_microlitres)
}

fn thousandths(word: &str) -> Option<u32> {
    let (whole, decimals) = word.split_once('.').unwrap_or((word, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 3 {
        return None;
    }
    let padded: u32 = format!("{decimals:0<3}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(padded)
}
