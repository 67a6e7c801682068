//! A recorded event in words, as the clinic reads it.
//!
//! # Promises
//! - Every event has a sentence of its own, with its amounts, its reasons and its request's number.

use core::fmt;

use pump_protocol::{
    clock::{CivilTime, WallTime},
    history::{BolusEnd, Delivered, HistoryEntry, HistoryEvent},
    message::{AuditHead, Denial, DenyReason, Fate},
    quantity::Millis,
};

use super::{
    event::{Doubt, Event, LinkLoss, NotCopied, NothingBecause, Trouble, WallDoubt},
    tally::NoDose,
};
use crate::{
    calendar,
    selftest::{Check, Checked, Finding},
    therapy::reason::{Inhibiting, Reason},
};

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => write!(f, "the remote started"),
            Self::Closed => write!(f, "the remote was closed in good order"),
            Self::PumpBound { serial } => write!(f, "this record belongs to pump {serial} from now on"),
            Self::ForeignPump { serial } => write!(f, "another pump answered, {serial}; nothing was asked of it"),
            Self::SessionOpened { history_head } => {
                write!(f, "session opened; the pump's history ends at {}", history_head.0)
            }
            Self::SessionLost { why } => write!(f, "session lost: {}", why.words()),
            Self::RecordWentBack { witness, ours } => {
                write!(f, "this record went back: the pump was told {} records, it holds {}", witness.count, ours.count)
            }
            Self::PrescriptionRead { version, demand_dose, lockout_interval, allotment, .. } => write!(
                f,
                "prescription {version}: {demand_dose} a dose, {lockout_interval} between two, {allotment} in 24 h"
            ),
            Self::PrescriptionContradicts { version, .. } => {
                write!(f, "prescription {version} contradicts itself; nothing is offered under it")
            }
            Self::Requested { id, dose, .. } => write!(f, "{id}: a full hold asked for {dose}"),
            Self::AttemptRefused { reasons } => refused(f, reasons),
            Self::AttemptElsewhere => write!(f, "a full hold of the button on a page that gives no dose"),
            Self::ShortTouches { count } => write!(f, "{count} touches shorter than a hold"),
            Self::Denied { id, denial } => write!(f, "{id}: the pump denied it: {}", pump_words(*denial)),
            Self::DoseDiffered { id, shown, echoed } => {
                write!(f, "{id}: the pump said {echoed}, the patient saw {shown}")
            }
            Self::CommitIntended { id, latest_start } => {
                write!(f, "{id}: granted; COMMIT may leave, start by {latest_start} on the pump's clock")
            }
            Self::CommitWithheld { id } => write!(f, "{id}: COMMIT had not left and never will"),
            Self::Accepted { id, bolus } => write!(f, "{id}: the pump accepted it as bolus {}", bolus.bolus.0),
            Self::Rejected { id, denial } => write!(f, "{id}: the pump rejected it: {}", pump_words(*denial)),
            Self::Uncertain { id, why } => write!(f, "{id}: NOT SURE: {}", why.words()),
            Self::FateHeard { id, fate } => write!(f, "{id}: the pump says: {}", fate_words(*fate)),
            Self::Delivered { id, bolus } => write!(f, "{id}: GIVEN: {}", bolus.dose),
            Self::DeliveredInPart { id, bolus, delivered, end } => {
                write!(f, "{id}: GIVEN IN PART: {} of {}, {}", amount(*delivered), bolus.dose, end_words(*end))
            }
            Self::NotGiven { id, why } => write!(f, "{id}: NOT GIVEN: {why}"),
            Self::AssumedGiven { id } => write!(f, "{id}: ASSUMED GIVEN: no answer can come any more"),
            Self::StopAsked { id, reachable } => write!(f, "{id}: the patient asked to stop it{}", far(*reachable)),
            Self::DoseOfOthers { entry } => write!(f, "not asked for here: {}", entry_words(entry)),
            Self::DoseUnknownToRecord { entry } => {
                write!(f, "asked for by this remote but not in this record: {}", entry_words(entry))
            }
            Self::HistoryGap { from, until } => {
                write!(f, "the pump's history from {} to before {} is gone; it counts as used up", from.0, until.0)
            }
            Self::HistoryImported { head } => write!(f, "the pump's history is known up to {}", head.0),
            Self::PumpReset { epoch } => write!(f, "the pump lost its clock (epoch {epoch}); a full lockout began"),
            Self::Refilled { volume } => write!(f, "refill seen: {volume}"),
            Self::DeliveryStopped => write!(f, "the pump STOPPED all delivery"),
            Self::DeliveryStarted => write!(f, "the pump delivers again"),
            Self::AccountsDiffer { lockout_ours, lockout_pumps, used_ours, used_pumps } => write!(
                f,
                "accounts differ: lockout {lockout_ours} here, {lockout_pumps} in the pump; {used_ours} doses here, \
                 {used_pumps} in the pump; the stricter counts"
            ),
            Self::AnswerOutOfPlace => write!(f, "an answer fitted nothing that was asked; the session was ended"),
            Self::RecordsLost { count } => write!(f, "{count} records could not be written and are gone"),
            Self::WindowAccountsDiffer { ours, pumps } => {
                write!(f, "accounts differ: {ours} in the window here, {pumps} in the pump; the stricter counts")
            }
            Self::ClockStepped { by_ms } => write!(f, "the clock was set {}", shift(*by_ms)),
            Self::OffsetChanged { from_min, to_min } => {
                write!(f, "the clock's offset from UTC went from {from_min} to {to_min} min")
            }
            Self::WallDoubted { why } => write!(f, "clock times are hidden: {}", why.words()),
            Self::WallTrusted => write!(f, "clock times can be believed again"),
            Self::PumpClockSet { by_ms } => write!(f, "the pump's calendar was set {}", shift(*by_ms)),
            Self::ChangesSeen => write!(f, "what the clinic changed was read"),
            Self::OutcomeSeen => write!(f, "the outcome was read"),
            Self::CodeWrong { in_a_row } => write!(f, "a wrong patient code, {in_a_row} in a row"),
            Self::AttemptUnconfirmed => write!(f, "a full hold was not followed by the patient code"),
            Self::TroubleBegan { which } => write!(f, "this remote: {}", which.words()),
            Self::TroubleEnded { which } => write!(f, "this remote, no longer: {}", which.words()),
            Self::Alarm { change } => write!(f, "alarm: {change}"),
            Self::RecordCheckFailed => write!(f, "the check of the whole record found a line not as it was written"),
            Self::PumpReplaced { from, doses } => {
                write!(f, "paired with another pump than {from}; {doses} doses still count, a full lockout began")
            }
            Self::ConcentrationChanged { from, to } => {
                write!(f, "the drug's concentration changed from {from} to {to}")
            }
            Self::ConfigurationChanged => write!(f, "the configuration differs from the one at the last start"),
            Self::Paired => write!(f, "paired; the keys are new"),
            Self::Pruned { until, exported, .. } => {
                write!(f, "{exported} records up to {until} were exported and left this record")
            }
            Self::PracticeBegan => write!(f, "a practice began; what is held until it ends asks no pump for anything"),
            Self::PracticeEnded => write!(f, "the practice ended"),
            Self::ReservoirRead { volume } => write!(f, "in the reservoir, estimated: {volume}"),
            Self::SelfTested { findings } => tested(f, findings),
            Self::ClockSet { from, to } => write!(f, "a person set the clock from {} to {}", shown(*from), date(*to)),
            Self::ClockNotSet { to } => write!(f, "a person wanted the clock at {}; nobody said it was set", date(*to)),
            Self::RecordCopied { head } => copied(f, *head),
            Self::RecordNotCopied { why } => write!(f, "the record was not copied onto a stick: {}", why.words()),
            Self::Decommissioned => write!(f, "a person took this remote out of use; keys and record are wiped next"),
        }
    }
}

impl LinkLoss {
    const fn words(self) -> &'static str {
        match self {
            Self::Disconnected => "the link went away",
            Self::BadFrame => "a frame was not this pump's",
            Self::Silent => "no answer in time",
            Self::OutOfPlace => "an answer fitted nothing that was asked",
        }
    }
}

impl Doubt {
    const fn words(self) -> &'static str {
        match self {
            Self::LinkLost => "the link went away after COMMIT may have left",
            Self::NoAnswer => "COMMIT was not answered in time",
            Self::Restarted => "the remote restarted after COMMIT may have left",
            Self::SilentInDelivery => "the pump fell silent while the dose was going in",
        }
    }
}

impl fmt::Display for NothingBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the press was too old before the pump could be asked",
            Self::Interrupted => "interrupted before COMMIT left",
            Self::Overtaken => "what came to be known since the hold spoke against it",
            Self::TooLate => "it was too late for COMMIT to leave",
            Self::DoseDiffered => "the pump would have given another dose",
            Self::NeverRan => "the pump never ran it and never will",
            Self::Refused => "the pump said no",
            Self::StoppedInTime => "stopped before anything went in",
            Self::BolusEnded(end) => return write!(f, "{} before anything went in", end_words(*end)),
        })
    }
}

impl WallDoubt {
    const fn words(self) -> &'static str {
        match self {
            Self::NotSet => "the clock was never set",
            Self::WentBack => "the clock went back",
            Self::DiffersFromPump => "the clock is too far from the pump's calendar",
        }
    }
}

impl NotCopied {
    const fn words(self) -> &'static str {
        match self {
            Self::NoStick => "none was in",
            Self::NoRoom => "it was full",
            Self::StickFailed => "it failed, or was taken out",
            Self::RecordFailed => "the record can't be read as it was written",
            Self::NoAnswer => "nobody said that it was",
        }
    }
}

impl Trouble {
    const fn words(self) -> &'static str {
        match self {
            Self::SelfTestRunning => "self-test running",
            Self::SelfTestFailed => "self-test failed",
            Self::ToneFailed => "tone failed",
        }
    }
}

impl Check {
    const fn words(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Record => "record",
            Self::Storage => "storage",
            Self::Clocks => "clocks",
            Self::Battery => "battery",
            Self::Key => "bolus button",
            Self::Sound => "tone",
            Self::Vibration => "vibration",
            Self::Display => "display",
            Self::Touch => "touch",
            Self::Link => "radio",
            Self::Watchdog => "watchdog",
        }
    }
}

impl Finding {
    /// In the order in which they are told.
    const TOLD: [Self; 6] =
        [Self::Failed, Self::Silent, Self::Passed, Self::Confirmed, Self::Unconfirmed, Self::Absent];

    const fn words(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::Silent => "NOT MEASURED",
            Self::Passed => "passed",
            Self::Confirmed => "confirmed by a person",
            Self::Unconfirmed => "not confirmed by anybody",
            Self::Absent => "not there",
        }
    }
}

const fn far(reachable: bool) -> &'static str {
    if reachable { "" } else { "; the pump was out of reach" }
}

fn tested(f: &mut fmt::Formatter<'_>, findings: &[Checked]) -> fmt::Result {
    write!(f, "self-test")?;
    Finding::TOLD.into_iter().try_for_each(|finding| told_of(f, findings, finding))
}

/// `; passed: program, record`.
fn told_of(f: &mut fmt::Formatter<'_>, findings: &[Checked], finding: Finding) -> fmt::Result {
    for (nth, checked) in findings.iter().filter(|checked| checked.finding == finding).enumerate() {
        match nth {
            0 => write!(f, "; {}: {}", finding.words(), checked.check.words())?,
            _ => write!(f, ", {}", checked.check.words())?,
        }
    }
    Ok(())
}

/// `2026-11-22 18:40`.
fn date(time: CivilTime) -> String {
    calendar::date_time(time)
        .map_or_else(|| "a time out of any calendar".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

fn shown(clock: Option<WallTime>) -> String {
    clock.map_or_else(|| "no time".to_owned(), |clock| date(clock.civil()))
}

/// `on by 1 h 00 min`.
fn shift(by_ms: i64) -> String {
    format!("{} by {}", if by_ms < 0 { "back" } else { "on" }, Millis::new(by_ms.unsigned_abs()))
}

/// As the page shows it, too.
fn copied(f: &mut fmt::Formatter<'_>, head: AuditHead) -> fmt::Result {
    let [first, second, third, fourth, ..] = head.hash;
    let begin = u32::from_be_bytes([first, second, third, fourth]);
    write!(f, "a person copied the record onto a stick, up to line {} ({begin:08x})", head.count)
}

fn refused(f: &mut fmt::Formatter<'_>, reasons: &[Reason]) -> fmt::Result {
    write!(f, "a full hold was refused here: ")?;
    for (index, reason) in reasons.iter().enumerate() {
        write!(f, "{}{}", if index == 0 { "" } else { ", " }, reason_words(*reason))?;
    }
    if reasons.is_empty() { write!(f, "the page waited for an answer") } else { Ok(()) }
}

impl fmt::Display for NoDose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::Here(reason) => reason_words(reason),
            Self::PageUnanswered => "the page waited for an answer",
            Self::Elsewhere => "on a page that gives no dose",
            Self::ByPump(reason) => reason.map_or("no reason named", pump_reason_words),
            Self::Nothing(why) => return why.fmt(f),
        })
    }
}

fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::RecordNotWritable => "the record can't be written",
        Reason::RecordDamaged => "the record doesn't verify",
        Reason::SelfTestFailed => "self-test failed",
        Reason::StuckKey => "key stuck",
        Reason::ToneFailed => "tone failed",
        Reason::BatteryTooLow => "battery too low",
        Reason::SelfTestRunning => "self-test running",
        Reason::NoBond => "no pump is bonded",
        Reason::WrongPump => "another pump than this record's",
        Reason::ViewerOnly => "this remote may only look",
        Reason::Alarm(alarm) => match alarm {
            Inhibiting::PumpStopped => "pump stopped",
            Inhibiting::MotorStall => "motor stalled",
            Inhibiting::EmptyReservoir => "reservoir empty",
            Inhibiting::Eos => "pump at its end of service",
            Inhibiting::MemoryError => "pump memory error",
            Inhibiting::OcclusionSuspected => "occlusion suspected",
        },
        Reason::PrescriptionContradicts => "the prescription contradicts itself",
        Reason::DemandDosesOff => "demand doses switched off",
        Reason::LowReservoir => "reservoir low",
        Reason::ClockInDoubt => "clock in doubt",
        Reason::Unresolved => "a request is open",
        Reason::OutOfReach => "pump out of reach",
        Reason::ReportTooOld => "pump's last word too old",
        Reason::HistoryNotImported => "pump's history not known yet",
        Reason::CodeLocked => "too many wrong codes",
        Reason::WindowLimit => "dose limit",
        Reason::Allotment => "allotment used",
        Reason::Lockout => "lockout",
        Reason::BolusRunning => "a bolus is running",
    }
}

fn pump_words(denial: Denial) -> String {
    let words: Vec<&str> = denial.reasons.iter().map(pump_reason_words).collect();
    match denial.retry_after {
        Millis::ZERO => words.join(", "),
        retry_after => format!("{}; not before {retry_after}", words.join(", ")),
    }
}

const fn pump_reason_words(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::Alarm => "alarm",
        DenyReason::BolusRunning => "a bolus is running",
        DenyReason::LowReservoir => "reservoir low",
        DenyReason::Lockout => "lockout",
        DenyReason::Allotment => "allotment used",
        DenyReason::WindowLimit => "dose limit",
        DenyReason::DemandDosesOff => "demand doses switched off",
        DenyReason::PrescriptionChanged => "another prescription is in force",
        DenyReason::GrantLive => "another remote is asking",
        DenyReason::NotPermitted => "this remote may only look",
        DenyReason::IdUsed => "id used before",
        DenyReason::NoGrant => "no such grant",
    }
}

fn fate_words(fate: Fate) -> String {
    match fate {
        Fate::NeverRan => "never ran".to_owned(),
        Fate::Granted => "granted, not committed".to_owned(),
        Fate::Voided => "void, will never run".to_owned(),
        Fate::Denied => "denied".to_owned(),
        Fate::Rejected => "rejected".to_owned(),
        Fate::Delivering { delivered, bolus, .. } => format!("delivering, {} of {}", amount(delivered), bolus.dose),
        Fate::Done { bolus } => format!("delivered {}", bolus.dose),
        Fate::Stopped { delivered, bolus, end } => {
            format!("{} of {}, {}", amount(delivered), bolus.dose, end_words(end))
        }
        Fate::Forgotten => "forgotten".to_owned(),
    }
}

fn amount(delivered: Delivered) -> String {
    if delivered.at_least == delivered.at_most {
        delivered.at_most.to_string()
    } else {
        format!("{} to {}", delivered.at_least, delivered.at_most)
    }
}

const fn end_words(end: BolusEnd) -> &'static str {
    match end {
        BolusEnd::Complete => "complete",
        BolusEnd::Cancelled => "stopped by the patient",
        BolusEnd::PumpStopped => "the pump was stopped",
        BolusEnd::MotorStall => "the motor stalled",
        BolusEnd::Reset => "the pump was reset",
        BolusEnd::EmptyReservoir => "the reservoir ran empty",
        BolusEnd::Alarm => "an alarm stopped it",
    }
}

fn entry_words(entry: &HistoryEntry) -> String {
    let what = match entry.event {
        HistoryEvent::BolusStarted { dose, .. } => format!("a bolus of {dose} began"),
        HistoryEvent::BolusEnded { delivered, .. } => format!("a bolus ended with {}", amount(delivered)),
        HistoryEvent::Refilled { volume, .. } => format!("refilled to {volume}"),
        HistoryEvent::Reprogrammed { version, .. } => format!("prescription {version}"),
        HistoryEvent::Stopped => "stopped".to_owned(),
        HistoryEvent::Started => "started".to_owned(),
        HistoryEvent::Reset => "reset".to_owned(),
    };
    format!("{what} (history {}, pump clock {})", entry.seq.0, entry.at)
}
