//! What the record holds: one value per thing that happened, with the moment as every clock saw it.
//!
//! # Promises
//! - Every request, answer, outcome, refusal and fault has a variant of its own; nothing is recorded as free text that a
//!   reader would have to interpret.
//! - A tag is given once and for ever; so a recorded event can always be read.

use pump_protocol::{
    clock::{BootId, CivilTime, PumpTime, Uptime, WallTime},
    history::{BolusEnd, Delivered, HistoryEntry, HistorySeq},
    message::{AuditHead, BolusRef, Denial, Fate, RequestId},
    prescription::PrescriptionHash,
    quantity::{Concentration, Dose, Millis, Volume},
    wire::{Bounded, Malformed, Text, decode, wire_enum, wire_struct},
};

use crate::{annunciation::Change, selftest::Findings, therapy::reason::Reason};

/// One event and when it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Happened {
    /// When.
    pub at: Moment,
    /// What.
    pub event: Event,
}

/// A moment as every clock saw it. Only the first two and the pump's ever decide anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moment {
    /// The remote's boot.
    pub boot: BootId,
    /// Since that boot.
    pub uptime: Uptime,
    /// The earliest that the pump's clock could show; `None` before its first word.
    pub pump: Option<PumpTime>,
    /// The person's clock, with its offset; `None` while in doubt.
    pub wall: Option<WallTime>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
// keeps R-REC-01
pub enum Event {
    /// The remote started.
    Started,
    /// The remote was closed in good order.
    Closed,
    /// This record belongs to this pump from now on.
    PumpBound {
        /// Its serial number.
        serial: Text<16>,
    },
    /// Another pump than ours answered. Nothing was asked of it.
    ForeignPump {
        /// Its serial number.
        serial: Text<16>,
    },
    /// A session opened and the pump introduced itself.
    SessionOpened {
        /// The newest entry of its history.
        history_head: HistorySeq,
    },
    /// The session ended.
    SessionLost {
        /// Why.
        why: LinkLoss,
    },
    /// The pump was told a later state of this record than the record now holds: it was put back or replaced.
    RecordWentBack {
        /// What the pump was told last.
        witness: AuditHead,
        /// What this record holds.
        ours: AuditHead,
    },
    /// The clinic's prescription, when first read and at each change.
    PrescriptionRead {
        /// Counts the clinic's changes.
        version: u32,
        /// Over every field.
        hash: PrescriptionHash,
        /// What one request gives.
        demand_dose: Dose,
        /// Between two starts.
        lockout_interval: Millis,
        /// In 24 hours.
        allotment: u8,
    },
    /// The clinic's prescription contradicts itself; nothing is offered under it.
    PrescriptionContradicts {
        /// Counts the clinic's changes.
        version: u32,
        /// Over every field.
        hash: PrescriptionHash,
    },
    /// A full hold that asked for a dose: the request is recorded before anything is sent.
    Requested {
        /// Its id.
        id: RequestId,
        /// The dose that the patient saw.
        dose: Dose,
        /// The prescription that the patient saw.
        prescription: PrescriptionHash,
    },
    /// A full hold while no dose was offered.
    AttemptRefused {
        /// All reasons, most limiting first; empty where the page waited for an answer: OK, or the patient's code.
        reasons: Bounded<Reason, 32>,
    },
    /// A full hold of the button while a page was shown that gives no dose.
    AttemptElsewhere,
    /// Touches shorter than a hold since the last such count.
    ShortTouches {
        /// How many.
        count: u32,
    },
    /// The pump said no before anything was committed.
    Denied {
        /// Which request.
        id: RequestId,
        /// Its reasons.
        denial: Denial,
    },
    /// The pump names another dose than the patient saw: in its grant, which is not committed, or of what it accepted.
    DoseDiffered {
        /// Which request.
        id: RequestId,
        /// What the patient saw.
        shown: Dose,
        /// What the pump named.
        echoed: Dose,
    },
    /// The point of no return: once this is durable, COMMIT may leave.
    CommitIntended {
        /// Which request.
        id: RequestId,
        /// The latest that the bolus can start by this commit.
        latest_start: PumpTime,
    },
    /// COMMIT had not left and never will: its grant ran out, the press grew old, the link or the disk failed.
    CommitWithheld {
        /// Which request.
        id: RequestId,
    },
    /// The pump committed it.
    Accepted {
        /// Which request.
        id: RequestId,
        /// What runs.
        bolus: BolusRef,
    },
    /// The pump refused to commit it.
    Rejected {
        /// Which request.
        id: RequestId,
        /// Its reasons.
        denial: Denial,
    },
    /// Nobody knows whether it runs or ran. It counts as given.
    Uncertain {
        /// Which request.
        id: RequestId,
        /// Why.
        why: Doubt,
    },
    /// The pump told what became of it; not final by itself.
    FateHeard {
        /// Which request.
        id: RequestId,
        /// What the pump said.
        fate: Fate,
    },
    /// Final: the whole dose went in.
    Delivered {
        /// Which request.
        id: RequestId,
        /// What ran.
        bolus: BolusRef,
    },
    /// Final: a part went in.
    DeliveredInPart {
        /// Which request.
        id: RequestId,
        /// What ran.
        bolus: BolusRef,
        /// What went in.
        delivered: Delivered,
        /// Why it ended.
        end: BolusEnd,
    },
    /// Final: nothing went in, by the pump's word or because no COMMIT ever left.
    NotGiven {
        /// Which request.
        id: RequestId,
        /// Why.
        why: NothingBecause,
    },
    /// Final: no answer can ever come; it counts as given.
    AssumedGiven {
        /// Which request.
        id: RequestId,
    },
    /// The patient asked to stop it.
    StopAsked {
        /// Which request.
        id: RequestId,
        /// Whether the pump could be asked at once.
        reachable: bool,
    },
    /// A dose in the pump's history that this remote did not ask for; it counts towards the limits.
    DoseOfOthers {
        /// The entry.
        entry: HistoryEntry,
    },
    /// A dose in the pump's history under our key that this record does not know: the record lost something.
    DoseUnknownToRecord {
        /// The entry.
        entry: HistoryEntry,
    },
    /// Entries of the pump's history that are gone; they count as if the allotment were used up.
    HistoryGap {
        /// The first one missing.
        from: HistorySeq,
        /// The first one that is there again.
        until: HistorySeq,
    },
    /// The pump's history is known up to its head.
    HistoryImported {
        /// The newest entry.
        head: HistorySeq,
    },
    /// The pump lost its clock; a full lockout begins.
    PumpReset {
        /// Its new epoch.
        epoch: u32,
    },
    /// The clinic refilled the reservoir.
    Refilled {
        /// What it holds now.
        volume: Volume,
    },
    /// The pump stopped all delivery.
    DeliveryStopped,
    /// The pump delivers again.
    DeliveryStarted,
    /// Lockout or allotment differ between our account and the pump's; the stricter one counts.
    AccountsDiffer {
        /// Our lockout.
        lockout_ours: Millis,
        /// The pump's.
        lockout_pumps: Millis,
        /// Our count of doses in 24 h.
        used_ours: u8,
        /// The pump's.
        used_pumps: u8,
    },
    /// An answer that fits nothing that was asked; the session was ended.
    AnswerOutOfPlace,
    /// Records that could not be written in time and are gone; what they said is lost, that they were is not.
    RecordsLost {
        /// How many.
        count: u32,
    },
    /// The drug in the window of the dose limit differs between our account and the pump's; the stricter one counts.
    WindowAccountsDiffer {
        /// By our account.
        ours: Dose,
        /// By the pump's.
        pumps: Dose,
    },
    /// The person's clock jumped against the boot-time clock: somebody set it.
    ClockStepped {
        /// By how much, in milliseconds; negative is back.
        by_ms: i64,
    },
    /// The person's clock has another offset from UTC: daylight saving, or another zone.
    OffsetChanged {
        /// Before, in minutes east of UTC.
        from_min: i16,
        /// Now.
        to_min: i16,
    },
    /// The person's clock can't be believed; clock times are hidden, and quiet hours end; nothing about a dose changes.
    WallDoubted {
        /// Why.
        why: WallDoubt,
    },
    /// The person's clock can be believed again.
    WallTrusted,
    /// The pump's calendar or clock was set; its lockouts don't follow it.
    PumpClockSet {
        /// By how much, in milliseconds; negative is back.
        by_ms: i64,
    },
    /// What the clinic changed has been read.
    ChangesSeen,
    /// The outcome of a request has been read.
    OutcomeSeen,
    /// A wrong patient code.
    CodeWrong {
        /// How many in a row.
        in_a_row: u8,
    },
    /// A full hold that was not followed by the patient code.
    AttemptUnconfirmed,
    /// Something is wrong with this remote itself.
    TroubleBegan {
        /// What.
        which: Trouble,
    },
    /// It is wrong no longer.
    TroubleEnded {
        /// What.
        which: Trouble,
    },
    /// An alarm condition began, ended or was acknowledged, or its sound was paused.
    Alarm {
        /// What became of it.
        change: Change,
    },
    /// The check of the whole record found a line that is not as it was written.
    RecordCheckFailed,
    /// This remote was paired with another pump than before. What counted still counts, and a full lockout begins.
    PumpReplaced {
        /// The serial number of the pump before.
        from: Text<16>,
        /// How many doses were carried over.
        doses: u16,
    },
    /// The liquid in the reservoir has another concentration than before.
    ConcentrationChanged {
        /// Before.
        from: Concentration,
        /// Now.
        to: Concentration,
    },
    /// The configuration file differs from the one at the last start.
    ConfigurationChanged,
    /// This remote was paired: new keys on both sides.
    Paired,
    /// The oldest lines were exported and left the record.
    Pruned {
        /// The last line that is gone.
        until: u64,
        /// How many lines the export holds.
        exported: u64,
        /// SHA-256 over the export.
        export_digest: [u8; 32],
    },
    /// The remote tested itself.
    SelfTested {
        /// What was found.
        findings: Findings,
    },
    /// Somebody began to practise: no pump is asked for anything until that ends.
    PracticeBegan,
    /// The practice ended.
    PracticeEnded,
    /// What the pump computes to be in its reservoir: twice a day, and at a start.
    ReservoirRead {
        /// Estimated.
        volume: Volume,
    },
    /// A person set this remote's clock. By how much it then jumped is [`ClockStepped`](Self::ClockStepped)'s to say.
    ClockSet {
        /// What it showed before; `None` if it was never set.
        from: Option<WallTime>,
        /// What it was set to, as people there read a clock.
        to: CivilTime,
    },
    /// A person wanted to set this remote's clock; it could not be set, or nobody said that it was.
    ClockNotSet {
        /// What it was to show.
        to: CivilTime,
    },
    /// A person copied this record onto a stick, and it was read back from there.
    RecordCopied {
        /// Where the copy ends.
        head: AuditHead,
    },
    /// A person wanted this record on a stick; no copy of it is there.
    RecordNotCopied {
        /// Why.
        why: NotCopied,
    },
    /// A person took this remote out of use. What was open counts as given; the record is exported, then it and the keys are wiped.
    Decommissioned,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkLoss {
    /// The link went away.
    Disconnected,
    /// A frame was not what a pump that holds our keys would send.
    BadFrame,
    /// No answer in time.
    Silent,
    /// An answer that fits nothing that was asked.
    OutOfPlace,
}

/// Why a request became uncertain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// The link went away after COMMIT may have left.
    LinkLost,
    /// COMMIT was not answered in time.
    NoAnswer,
    /// The remote restarted after COMMIT may have left.
    Restarted,
    /// The pump fell silent while the dose was going in.
    SilentInDelivery,
}

/// Why nothing went in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NothingBecause {
    /// The press was older than 30 s before the pump could be asked.
    Expired,
    /// Interrupted before COMMIT left: the link, a restart, a record that could not be written.
    Interrupted,
    /// What came to be known since the hold spoke against the dose.
    Overtaken,
    /// The grant's deadline passed, or the press grew too old, before COMMIT left.
    TooLate,
    /// The pump would have given another dose than the patient saw.
    DoseDiffered,
    /// The pump says that it never ran and never will.
    NeverRan,
    /// The pump said no.
    Refused,
    /// Stopped by hand before anything went in.
    StoppedInTime,
    /// The bolus ended otherwise before anything went in.
    BolusEnded(BolusEnd),
}

impl NothingBecause {
    /// All of them, in the order in which a request can meet them.
    pub const ALL: [Self; 13] = [
        Self::Expired,
        Self::Interrupted,
        Self::Overtaken,
        Self::TooLate,
        Self::DoseDiffered,
        Self::NeverRan,
        Self::Refused,
        Self::StoppedInTime,
        Self::BolusEnded(BolusEnd::PumpStopped),
        Self::BolusEnded(BolusEnd::MotorStall),
        Self::BolusEnded(BolusEnd::Reset),
        Self::BolusEnded(BolusEnd::EmptyReservoir),
        Self::BolusEnded(BolusEnd::Alarm),
    ];
}

/// Why a person's clock can't be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WallDoubt {
    /// It was never set, or has forgotten that it was.
    NotSet,
    /// It shows a time before one that it has shown already, and no pump has been heard that would know.
    WentBack,
    /// It is too far from the pump's calendar, which the clinic sets.
    DiffersFromPump,
}

/// What can be wrong with this remote itself, as its hardware or its self-test says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// The self-test runs.
    SelfTestRunning,
    /// The self-test found a fault.
    SelfTestFailed,
    /// Alarms can't be heard.
    ToneFailed,
}

/// Why there is no copy of the record on a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotCopied {
    /// None is in.
    NoStick,
    /// It is full.
    NoRoom,
    /// It can't be written, gives back something else, or was taken out.
    StickFailed,
    /// The record can't be read, or not as it was written.
    RecordFailed,
    /// Nobody said that it was copied.
    NoAnswer,
}

wire_struct!(Happened { at, event });
wire_struct!(Moment { boot, uptime, pump, wall });
wire_enum!(LinkLoss: u8 { 0x0F => Disconnected, 0x33 => BadFrame, 0x3C => Silent, 0x55 => OutOfPlace });
wire_enum!(Doubt: u8 { 0x0F => LinkLost, 0x33 => NoAnswer, 0x3C => Restarted, 0x55 => SilentInDelivery });
wire_enum!(NothingBecause: u8 {
    0x0F => Expired,
    0x33 => Interrupted,
    0x3C => TooLate,
    0x55 => DoseDiffered,
    0x5A => NeverRan,
    0x66 => Refused,
    0x69 => StoppedInTime,
    0x96 => BolusEnded(end),
    0x99 => Overtaken,
});
wire_enum!(WallDoubt: u8 { 0x0F => NotSet, 0x33 => WentBack, 0x3C => DiffersFromPump });
wire_enum!(Trouble: u8 {
    0x0F => SelfTestRunning,
    0x33 => SelfTestFailed,
    0x3C => ToneFailed,
});
wire_enum!(NotCopied: u8 {
    0x0F => NoStick,
    0x33 => NoRoom,
    0x3C => StickFailed,
    0x55 => RecordFailed,
    0x5A => NoAnswer,
});
wire_enum!(Event: u8 {
    1 => Started,
    2 => Closed,
    3 => PumpBound { serial },
    4 => ForeignPump { serial },
    5 => SessionOpened { history_head },
    6 => SessionLost { why },
    7 => RecordWentBack { witness, ours },
    8 => PrescriptionRead { version, hash, demand_dose, lockout_interval, allotment },
    9 => Requested { id, dose, prescription },
    10 => AttemptRefused { reasons },
    11 => AttemptElsewhere,
    12 => ShortTouches { count },
    13 => Denied { id, denial },
    14 => DoseDiffered { id, shown, echoed },
    15 => CommitIntended { id, latest_start },
    16 => CommitWithheld { id },
    17 => Accepted { id, bolus },
    18 => Rejected { id, denial },
    19 => Uncertain { id, why },
    20 => FateHeard { id, fate },
    21 => Delivered { id, bolus },
    22 => DeliveredInPart { id, bolus, delivered, end },
    23 => NotGiven { id, why },
    24 => AssumedGiven { id },
    25 => StopAsked { id, reachable },
    26 => DoseOfOthers { entry },
    27 => DoseUnknownToRecord { entry },
    28 => HistoryGap { from, until },
    29 => HistoryImported { head },
    30 => PumpReset { epoch },
    31 => Refilled { volume },
    32 => DeliveryStopped,
    33 => DeliveryStarted,
    34 => AccountsDiffer { lockout_ours, lockout_pumps, used_ours, used_pumps },
    35 => AnswerOutOfPlace,
    36 => RecordsLost { count },
    37 => PrescriptionContradicts { version, hash },
    38 => WindowAccountsDiffer { ours, pumps },
    39 => ClockStepped { by_ms },
    40 => OffsetChanged { from_min, to_min },
    41 => WallDoubted { why },
    42 => WallTrusted,
    43 => PumpClockSet { by_ms },
    44 => ChangesSeen,
    45 => OutcomeSeen,
    46 => CodeWrong { in_a_row },
    47 => AttemptUnconfirmed,
    48 => TroubleBegan { which },
    49 => TroubleEnded { which },
    50 => RecordCheckFailed,
    51 => PumpReplaced { from, doses },
    52 => Alarm { change },
    57 => ConcentrationChanged { from, to },
    58 => ConfigurationChanged,
    59 => Paired,
    60 => Pruned { until, exported, export_digest },
    61 => SelfTested { findings },
    62 => PracticeBegan,
    63 => PracticeEnded,
    64 => ReservoirRead { volume },
    65 => ClockSet { from, to },
    66 => ClockNotSet { to },
    67 => RecordCopied { head },
    68 => RecordNotCopied { why },
    69 => Decommissioned,
});

/// The kind of [`Event::ReservoirRead`], by which the record is asked for the weeks' readings.
pub const RESERVOIR_READ: &str = "reservoir_read";

impl Event {
    /// A short word for queries; as frozen as the bytes.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Closed => "closed",
            Self::PumpBound { .. } => "pump_bound",
            Self::ForeignPump { .. } => "foreign_pump",
            Self::SessionOpened { .. } => "session_opened",
            Self::SessionLost { .. } => "session_lost",
            Self::RecordWentBack { .. } => "record_went_back",
            Self::PrescriptionRead { .. } => "prescription_read",
            Self::PrescriptionContradicts { .. } => "prescription_contradicts",
            Self::Requested { .. } => "requested",
            Self::AttemptRefused { .. } => "attempt_refused",
            Self::AttemptElsewhere => "attempt_elsewhere",
            Self::ShortTouches { .. } => "short_touches",
            Self::Denied { .. } => "denied",
            Self::DoseDiffered { .. } => "dose_differed",
            Self::CommitIntended { .. } => "commit_intended",
            Self::CommitWithheld { .. } => "commit_withheld",
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::Uncertain { .. } => "uncertain",
            Self::FateHeard { .. } => "fate_heard",
            Self::Delivered { .. } => "delivered",
            Self::DeliveredInPart { .. } => "delivered_in_part",
            Self::NotGiven { .. } => "not_given",
            Self::AssumedGiven { .. } => "assumed_given",
            Self::StopAsked { .. } => "stop_asked",
            Self::DoseOfOthers { .. } => "dose_of_others",
            Self::DoseUnknownToRecord { .. } => "dose_unknown_to_record",
            Self::HistoryGap { .. } => "history_gap",
            Self::HistoryImported { .. } => "history_imported",
            Self::PumpReset { .. } => "pump_reset",
            Self::Refilled { .. } => "refilled",
            Self::DeliveryStopped => "delivery_stopped",
            Self::DeliveryStarted => "delivery_started",
            Self::AccountsDiffer { .. } => "accounts_differ",
            Self::AnswerOutOfPlace => "answer_out_of_place",
            Self::RecordsLost { .. } => "records_lost",
            Self::WindowAccountsDiffer { .. } => "window_accounts_differ",
            Self::ClockStepped { .. } => "clock_stepped",
            Self::OffsetChanged { .. } => "offset_changed",
            Self::WallDoubted { .. } => "wall_doubted",
            Self::WallTrusted => "wall_trusted",
            Self::PumpClockSet { .. } => "pump_clock_set",
            Self::ChangesSeen => "changes_seen",
            Self::OutcomeSeen => "outcome_seen",
            Self::CodeWrong { .. } => "code_wrong",
            Self::AttemptUnconfirmed => "attempt_unconfirmed",
            Self::TroubleBegan { .. } => "trouble_began",
            Self::TroubleEnded { .. } => "trouble_ended",
            Self::Alarm { change } => alarm_kind(*change),
            Self::RecordCheckFailed => "record_check_failed",
            Self::PumpReplaced { .. } => "pump_replaced",
            Self::ConcentrationChanged { .. } => "liquid_changed",
            Self::ConfigurationChanged => "configuration_changed",
            Self::Paired => "paired",
            Self::Pruned { .. } => "pruned",
            Self::SelfTested { .. } => "self_tested",
            Self::PracticeBegan => "practice_began",
            Self::PracticeEnded => "practice_ended",
            Self::ReservoirRead { .. } => RESERVOIR_READ,
            Self::ClockSet { .. } => "clock_set",
            Self::ClockNotSet { .. } => "clock_not_set",
            Self::RecordCopied { .. } => "record_copied",
            Self::RecordNotCopied { .. } => "record_not_copied",
            Self::Decommissioned => "decommissioned",
        }
    }

    /// The request that it is about.
    pub const fn request(&self) -> Option<RequestId> {
        match self {
            Self::Requested { id, .. }
            | Self::Denied { id, .. }
            | Self::DoseDiffered { id, .. }
            | Self::CommitIntended { id, .. }
            | Self::CommitWithheld { id }
            | Self::Accepted { id, .. }
            | Self::Rejected { id, .. }
            | Self::Uncertain { id, .. }
            | Self::FateHeard { id, .. }
            | Self::Delivered { id, .. }
            | Self::DeliveredInPart { id, .. }
            | Self::NotGiven { id, .. }
            | Self::AssumedGiven { id }
            | Self::StopAsked { id, .. } => Some(*id),
            Self::Started
            | Self::Closed
            | Self::PumpBound { .. }
            | Self::ForeignPump { .. }
            | Self::SessionOpened { .. }
            | Self::SessionLost { .. }
            | Self::RecordWentBack { .. }
            | Self::PrescriptionRead { .. }
            | Self::PrescriptionContradicts { .. }
            | Self::AttemptRefused { .. }
            | Self::AttemptElsewhere
            | Self::ShortTouches { .. }
            | Self::DoseOfOthers { .. }
            | Self::DoseUnknownToRecord { .. }
            | Self::HistoryGap { .. }
            | Self::HistoryImported { .. }
            | Self::PumpReset { .. }
            | Self::Refilled { .. }
            | Self::DeliveryStopped
            | Self::DeliveryStarted
            | Self::AccountsDiffer { .. }
            | Self::AnswerOutOfPlace
            | Self::RecordsLost { .. }
            | Self::WindowAccountsDiffer { .. }
            | Self::ClockStepped { .. }
            | Self::OffsetChanged { .. }
            | Self::WallDoubted { .. }
            | Self::WallTrusted
            | Self::PumpClockSet { .. }
            | Self::ChangesSeen
            | Self::OutcomeSeen
            | Self::CodeWrong { .. }
            | Self::AttemptUnconfirmed
            | Self::TroubleBegan { .. }
            | Self::TroubleEnded { .. }
            | Self::Alarm { .. }
            | Self::RecordCheckFailed
            | Self::PumpReplaced { .. }
            | Self::ConcentrationChanged { .. }
            | Self::ConfigurationChanged
            | Self::Paired
            | Self::Pruned { .. }
            | Self::SelfTested { .. }
            | Self::PracticeBegan
            | Self::PracticeEnded
            | Self::ReservoirRead { .. }
            | Self::ClockSet { .. }
            | Self::ClockNotSet { .. }
            | Self::RecordCopied { .. }
            | Self::RecordNotCopied { .. }
            | Self::Decommissioned => None,
        }
    }
}

/// What a recorded body says, in words; a body of another version says that it can't be read.
pub fn describe(body: &[u8]) -> String {
    read(body).map_or_else(unreadable, |happened| happened.event.to_string())
}

/// What stands for a body that can't be read.
pub(super) fn unreadable(malformed: Malformed) -> String {
    format!("(can't be read: {malformed})")
}

/// The event that a recorded body holds.
pub fn read(body: &[u8]) -> Result<Happened, Malformed> {
    decode(body)
}

const fn alarm_kind(change: Change) -> &'static str {
    match change {
        Change::Raised { .. } => "alarm_raised",
        Change::Escalated { .. } => "alarm_escalated",
        Change::Realarmed { .. } => "alarm_realarmed",
        Change::Acknowledged { .. } => "alarm_acknowledged",
        Change::Ceased { .. } => "alarm_ceased",
        Change::Cleared { .. } => "alarm_cleared",
        Change::AudioPaused => "audio_paused",
        Change::AudioOn => "audio_on",
    }
}
