//! The core's enums as the pages' enums, one for one: a new variant there doesn't compile until it has words here.

use pump_core::{
    annunciation::{AlarmCondition, Priority, Signals},
    audit::{
        event::{NotCopied, WallDoubt},
        tally::NoDose,
    },
    pairing::{PairingView, Refusal},
    screen::{Copying, Face, LinkHealth, NotGiven, Reading, Screen, SetTimeState, Stop},
    selftest::{Check, Finding, Question},
    therapy::{
        reason::{Inhibiting, Reason},
        reservoir::ReservoirLevel,
    },
};
use pump_protocol::{history::BolusEnd, message::DenyReason, quantity::Dose};
use pump_ui::{
    AgainstCode, AlarmCode, CheckCode, CopyCode, DenyCode, DoubtCode, EndCode, FindingCode, LevelCode, Link, NoDoseRow,
    NotGivenCode, Page, PairingStep, PriorityCode, QuestionCode, ReasonCode, RefusalCode, SettingCode, SoundCode,
    StopCode,
};

pub(super) const fn page(screen: &Screen) -> Page {
    match &screen.face {
        _ if screen.night.is_some() => Page::Night,
        Face::Checking => Page::Checking,
        Face::Ready(_) => Page::Ready,
        Face::Wait(_) => Page::Wait,
        Face::NotAvailable { .. } => Page::NotAvailable,
        Face::Asking { .. } => Page::Asking,
        Face::Delivering { .. } => Page::Delivering,
        Face::Given { .. } => Page::Given,
        Face::GivenInPart { .. } => Page::GivenInPart,
        Face::NotGiven(_) => Page::NotGiven,
        Face::NotSure { .. } => Page::NotSure,
        Face::AssumedGiven { .. } => Page::AssumedGiven,
        Face::EnterCode { .. } => Page::EnterCode,
        Face::Changed { .. } => Page::Changed,
        Face::Alarms => Page::Alarms,
        Face::Caregiver(_) => Page::Caregiver,
        Face::History { .. } => Page::History,
        Face::Emergency { .. } => Page::Emergency,
        Face::Reading(Reading::More) => Page::More,
        Face::Reading(Reading::Therapy(_)) => Page::Therapy,
        Face::Reading(Reading::Implant(_)) => Page::Implant,
        Face::Reading(Reading::LinkSteps) => Page::LinkSteps,
        Face::Reading(Reading::Settings) => Page::Settings,
        Face::Reading(Reading::Sounds) => Page::Sounds,
        Face::Reading(Reading::SelfTest(_)) => Page::SelfTest,
        Face::Reading(Reading::Practice(_)) => Page::Practice,
        Face::Reading(Reading::Clinic(_)) => Page::Clinic,
        Face::Reading(Reading::Reservoir(_)) => Page::Reservoir,
        Face::Reading(Reading::SetTime(_)) => Page::SetTime,
        Face::Reading(Reading::Service(_)) => Page::Service,
        Face::Reading(Reading::Day(_)) => Page::Day,
        Face::Pairing(PairingView::Card { .. }) => Page::CardSecret,
        Face::Pairing(_) => Page::Pairing,
        Face::Fault(_) => Page::Fault,
    }
}

/// Stop, if this face has it.
pub(super) const fn stop(face: &Face) -> StopCode {
    let stop = match face {
        Face::Asking { stop, .. } | Face::Emergency { stop, .. } => *stop,
        Face::Delivering { stop, .. } | Face::NotSure { stop, .. } => Some(*stop),
        Face::Checking
        | Face::Ready(_)
        | Face::Wait(_)
        | Face::NotAvailable { .. }
        | Face::Given { .. }
        | Face::GivenInPart { .. }
        | Face::NotGiven(_)
        | Face::AssumedGiven { .. }
        | Face::EnterCode { .. }
        | Face::Changed { .. }
        | Face::Alarms
        | Face::Caregiver(_)
        | Face::History { .. }
        | Face::Reading(_)
        | Face::Pairing(_)
        | Face::Fault(_) => None,
    };
    match stop {
        None => StopCode::Absent,
        Some(Stop::Offered) => StopCode::Offered,
        Some(Stop::Asked) => StopCode::Asked,
        Some(Stop::NotStoppedYet) => StopCode::NotStoppedYet,
    }
}

/// Why the time of day is hidden, if it is.
pub(super) const fn doubt(why: Option<WallDoubt>) -> DoubtCode {
    match why {
        None => DoubtCode::None,
        Some(WallDoubt::NotSet) => DoubtCode::NotSet,
        Some(WallDoubt::WentBack) => DoubtCode::WentBack,
        Some(WallDoubt::DiffersFromPump) => DoubtCode::Differs,
    }
}

/// How the copying of the record stands.
pub(super) const fn copying(copying: Copying) -> CopyCode {
    match copying {
        Copying::Idle => CopyCode::Idle,
        Copying::Asked => CopyCode::Asked,
        Copying::Copied { .. } => CopyCode::Copied,
        Copying::NotCopied(NotCopied::NoStick) => CopyCode::NoStick,
        Copying::NotCopied(NotCopied::NoRoom) => CopyCode::NoRoom,
        Copying::NotCopied(NotCopied::StickFailed) => CopyCode::StickFailed,
        Copying::NotCopied(NotCopied::RecordFailed) => CopyCode::RecordFailed,
        Copying::NotCopied(NotCopied::NoAnswer) => CopyCode::NoAnswer,
    }
}

/// How far the setting of the clock is.
pub(super) const fn setting(state: SetTimeState) -> SettingCode {
    match state {
        SetTimeState::Choosing => SettingCode::Choosing,
        SetTimeState::Asked => SettingCode::Asked,
        SetTimeState::Set => SettingCode::Set,
        SetTimeState::NotSet => SettingCode::NotSet,
    }
}

pub(super) const fn link(link: LinkHealth) -> Link {
    match link {
        LinkHealth::Near => Link::Near,
        LinkHealth::Looking => Link::Looking,
        LinkHealth::OutOfReach => Link::OutOfReach,
    }
}

pub(super) const fn reason(reason: Reason) -> ReasonCode {
    match reason {
        Reason::RecordNotWritable => ReasonCode::RecordNotWritable,
        Reason::RecordDamaged => ReasonCode::RecordDamaged,
        Reason::NoBond => ReasonCode::NoBond,
        Reason::WrongPump => ReasonCode::WrongPump,
        Reason::ViewerOnly => ReasonCode::ViewerOnly,
        Reason::Alarm(Inhibiting::PumpStopped) => ReasonCode::PumpStopped,
        Reason::Alarm(Inhibiting::MotorStall) => ReasonCode::MotorStall,
        Reason::Alarm(Inhibiting::EmptyReservoir) => ReasonCode::EmptyReservoir,
        Reason::Alarm(Inhibiting::Eos) => ReasonCode::Eos,
        Reason::Alarm(Inhibiting::MemoryError) => ReasonCode::MemoryError,
        Reason::Alarm(Inhibiting::OcclusionSuspected) => ReasonCode::OcclusionSuspected,
        Reason::PrescriptionContradicts => ReasonCode::PrescriptionContradicts,
        Reason::DemandDosesOff => ReasonCode::DemandDosesOff,
        Reason::LowReservoir => ReasonCode::LowReservoir,
        Reason::ClockInDoubt => ReasonCode::ClockInDoubt,
        Reason::Unresolved => ReasonCode::Unresolved,
        Reason::OutOfReach => ReasonCode::OutOfReach,
        Reason::ReportTooOld => ReasonCode::ReportTooOld,
        Reason::HistoryNotImported => ReasonCode::HistoryNotImported,
        Reason::WindowLimit => ReasonCode::WindowLimit,
        Reason::Allotment => ReasonCode::Allotment,
        Reason::Lockout => ReasonCode::Lockout,
        Reason::BolusRunning => ReasonCode::BolusRunning,
        Reason::SelfTestFailed => ReasonCode::SelfTestFailed,
        Reason::StuckKey => ReasonCode::StuckKey,
        Reason::ToneFailed => ReasonCode::ToneFailed,
        Reason::BatteryTooLow => ReasonCode::BatteryTooLow,
        Reason::SelfTestRunning => ReasonCode::SelfTestRunning,
        Reason::CodeLocked => ReasonCode::CodeLocked,
    }
}

pub(super) const fn deny(reason: DenyReason) -> DenyCode {
    match reason {
        DenyReason::Alarm => DenyCode::Alarm,
        DenyReason::BolusRunning => DenyCode::BolusRunning,
        DenyReason::LowReservoir => DenyCode::LowReservoir,
        DenyReason::Lockout => DenyCode::Lockout,
        DenyReason::Allotment => DenyCode::Allotment,
        DenyReason::WindowLimit => DenyCode::WindowLimit,
        DenyReason::DemandDosesOff => DenyCode::DemandDosesOff,
        DenyReason::PrescriptionChanged => DenyCode::PrescriptionChanged,
        DenyReason::GrantLive => DenyCode::GrantLive,
        DenyReason::NotPermitted => DenyCode::NotPermitted,
        DenyReason::IdUsed => DenyCode::IdUsed,
        DenyReason::NoGrant => DenyCode::NoGrant,
    }
}

/// What stood against a dose, without how often it did.
pub(super) fn against(why: NoDose) -> NoDoseRow {
    let row = |against| NoDoseRow { against, ..NoDoseRow::default() };
    match why {
        NoDose::Here(why) => NoDoseRow { here: reason(why), ..row(AgainstCode::Here) },
        NoDose::PageUnanswered => row(AgainstCode::Unanswered),
        NoDose::Elsewhere => row(AgainstCode::Elsewhere),
        NoDose::ByPump(Some(why)) => NoDoseRow { pump: deny(why), ..row(AgainstCode::Pump) },
        NoDose::ByPump(None) => row(AgainstCode::PumpUnnamed),
        NoDose::Nothing(why) => {
            // Its words hold no amounts.
            let said = NotGiven::because(why, Dose::ZERO, Dose::ZERO);
            NoDoseRow { request: not_given(said), ..row(AgainstCode::Request) }
        }
    }
}

pub(super) const fn not_given(why: NotGiven) -> NotGivenCode {
    match why {
        NotGiven::Denied { .. } => NotGivenCode::Denied,
        NotGiven::Expired => NotGivenCode::Expired,
        NotGiven::Interrupted => NotGivenCode::Interrupted,
        NotGiven::Overtaken => NotGivenCode::Overtaken,
        NotGiven::DoseDiffers { .. } => NotGivenCode::DoseDiffers,
        NotGiven::StoppedInTime => NotGivenCode::StoppedInTime,
        NotGiven::BolusEnded(_) => NotGivenCode::BolusEnded,
    }
}

pub(super) const fn end(end: BolusEnd) -> EndCode {
    match end {
        BolusEnd::Complete => EndCode::Complete,
        BolusEnd::Cancelled => EndCode::Cancelled,
        BolusEnd::PumpStopped => EndCode::PumpStopped,
        BolusEnd::MotorStall => EndCode::MotorStall,
        BolusEnd::Reset => EndCode::Reset,
        BolusEnd::EmptyReservoir => EndCode::EmptyReservoir,
        BolusEnd::Alarm => EndCode::Alarm,
    }
}

pub(super) const fn alarm(condition: AlarmCondition) -> AlarmCode {
    match condition {
        AlarmCondition::PumpStopped => AlarmCode::PumpStopped,
        AlarmCondition::MotorStall => AlarmCode::MotorStall,
        AlarmCondition::EmptyReservoir => AlarmCode::EmptyReservoir,
        AlarmCondition::Eos => AlarmCode::Eos,
        AlarmCondition::MemoryError => AlarmCode::MemoryError,
        AlarmCondition::OcclusionSuspected => AlarmCode::OcclusionSuspected,
        AlarmCondition::PumpNotHeard => AlarmCode::PumpNotHeard,
        AlarmCondition::UnaccountedDose => AlarmCode::UnaccountedDose,
        AlarmCondition::DoseUnknownToRecord => AlarmCode::DoseUnknownToRecord,
        AlarmCondition::ToneFailed => AlarmCode::ToneFailed,
        AlarmCondition::RequestUncertain => AlarmCode::RequestUncertain,
        AlarmCondition::RemoteBatteryDepleted => AlarmCode::RemoteBatteryDepleted,
        AlarmCondition::SelfTestFailed => AlarmCode::SelfTestFailed,
        AlarmCondition::StuckKey => AlarmCode::StuckKey,
        AlarmCondition::AnotherPump => AlarmCode::AnotherPump,
        AlarmCondition::LowReservoir => AlarmCode::LowReservoir,
        AlarmCondition::Eri => AlarmCode::Eri,
        AlarmCondition::RecordNotWritable => AlarmCode::RecordNotWritable,
        AlarmCondition::RecordDamaged => AlarmCode::RecordDamaged,
        AlarmCondition::RecordWentBack => AlarmCode::RecordWentBack,
        AlarmCondition::AccountsDiffer => AlarmCode::AccountsDiffer,
        AlarmCondition::RemoteBatteryLow => AlarmCode::RemoteBatteryLow,
        AlarmCondition::ClockInDoubt => AlarmCode::ClockInDoubt,
        AlarmCondition::LimitRefused => AlarmCode::LimitRefused,
    }
}

/// The condition that stands on the page under this code.
pub(super) fn condition(code: AlarmCode) -> Option<AlarmCondition> {
    AlarmCondition::ALL.into_iter().find(|condition| alarm(*condition) == code)
}

pub(super) const fn priority(priority: Priority) -> PriorityCode {
    match priority {
        Priority::High => PriorityCode::High,
        Priority::Medium => PriorityCode::Medium,
        Priority::Low => PriorityCode::Low,
    }
}

pub(super) const fn sound(signals: Option<&Signals>) -> SoundCode {
    match signals {
        Some(Signals { audio_paused_until: Some(_), .. }) => SoundCode::Paused,
        Some(Signals { sound: Some(_), .. }) => SoundCode::Playing,
        Some(Signals { sound: None, .. }) | None => SoundCode::Silent,
    }
}

pub(super) const fn level(level: ReservoirLevel) -> LevelCode {
    match level {
        ReservoirLevel::Enough => LevelCode::Enough,
        ReservoirLevel::Low => LevelCode::Low,
        ReservoirLevel::Empty => LevelCode::Empty,
    }
}

pub(super) const fn check(check: Check) -> CheckCode {
    match check {
        Check::Program => CheckCode::Program,
        Check::Record => CheckCode::Record,
        Check::Storage => CheckCode::Storage,
        Check::Clocks => CheckCode::Clocks,
        Check::Battery => CheckCode::Battery,
        Check::Key => CheckCode::Button,
        Check::Sound => CheckCode::Tone,
        Check::Vibration => CheckCode::Vibration,
        Check::Display => CheckCode::Display,
        Check::Touch => CheckCode::Touch,
        Check::Link => CheckCode::Radio,
        Check::Watchdog => CheckCode::Watchdog,
    }
}

pub(super) const fn finding(finding: Option<Finding>) -> FindingCode {
    match finding {
        None => FindingCode::None,
        Some(Finding::Passed) => FindingCode::Passed,
        Some(Finding::Confirmed) => FindingCode::Confirmed,
        Some(Finding::Failed) => FindingCode::Failed,
        Some(Finding::Absent) => FindingCode::Absent,
        Some(Finding::Unconfirmed) => FindingCode::Unconfirmed,
        Some(Finding::Silent) => FindingCode::Silent,
    }
}

pub(super) const fn question(question: Option<Question>) -> QuestionCode {
    match question {
        None => QuestionCode::None,
        Some(Question::Heard) => QuestionCode::Heard,
        Some(Question::Felt) => QuestionCode::Felt,
        Some(Question::Seen) => QuestionCode::Seen,
    }
}

pub(super) const fn pairing(view: &PairingView) -> PairingStep {
    match view {
        PairingView::NotPaired => PairingStep::NotPaired,
        PairingView::Card { .. } => PairingStep::Card,
        PairingView::Window => PairingStep::Window,
        PairingView::Asking { found: false } => PairingStep::Looking,
        PairingView::Asking { found: true } => PairingStep::Proving,
        PairingView::Failed(_) => PairingStep::Failed,
        PairingView::Paired { .. } => PairingStep::Paired,
    }
}

pub(super) const fn refusal(why: Refusal) -> RefusalCode {
    match why {
        Refusal::NoRadio => RefusalCode::NoRadio,
        Refusal::NoWindow => RefusalCode::NoWindow,
        Refusal::SeveralWindows => RefusalCode::SeveralWindows,
        Refusal::NotBonded => RefusalCode::NotBonded,
        Refusal::Lost => RefusalCode::Lost,
        Refusal::Disagreed => RefusalCode::Disagreed,
        Refusal::NotKept => RefusalCode::NotKept,
    }
}
