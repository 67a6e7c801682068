//! What can be wrong, and what follows from each: one row of one table.
//!
//! `src/design/alarms.md` is this table in words, with what a person is to do; a test compares the two.
//!
//! # Terms
//! - *alarm condition*: what is wrong. An alarm *signal* is how that is told.
//! - *latching*: it stays after its cause is gone, until somebody has acknowledged it.
//! - *escalates*: left unacknowledged for its time, it becomes one priority more urgent, once.
//!
//! # Promises
//! - The order of the variants is the order of urgency among equals, so two conditions are never equally urgent.
//! - Nothing delivered ranks before everything else: no dose is safe, no basal is not.

use core::fmt;

use pump_protocol::{quantity::Millis, report::AnnunciationKind, wire::wire_enum};

use super::priority::{Harm, Onset, Priority};

/// How long a medium condition may stand unacknowledged before it is high: twice the 15 min after which GIP 2.2.1 wants a
/// pending input told again, so two rounds went unheard.
pub const MEDIUM_ESCALATES: Millis = Millis::from_mins(30);
/// How long a low condition that escalates may stand unacknowledged before it is medium: one day, so that it was told in
/// somebody's waking hours first.
pub const LOW_ESCALATES: Millis = Millis::from_hours(24);

// keeps R-ALM-09
/// Something that is wrong.
///
/// Each variant says what follows if nobody responds (harm), how soon (onset), and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmCondition {
    /// The pump delivers nothing. Withdrawal, of baclofen above all, can kill; pumps were found stopped after weeks, so how
    /// much of the time to act is gone already is unknown, and it counts as prompt.
    PumpStopped,
    /// The motor doesn't turn: as if stopped, and nobody meant it.
    MotorStall,
    /// Nothing is left to deliver: as if stopped, and only a refill ends it.
    EmptyReservoir,
    /// The pump's battery is at its end: it stops without another word.
    Eos,
    /// The pump's memory failed a check: it stops, and what it says of itself can't be relied on.
    MemoryError,
    /// The catheter may be blocked: then basal doesn't arrive and withdrawal follows within days; delayed, because the pump
    /// goes on and the suspicion may be wrong.
    OcclusionSuspected,
    /// Nobody has heard the pump for long: it may have stopped, and nobody would know. Delayed, because most likely it is
    /// only out of reach.
    PumpNotHeard,
    /// A dose that nobody is known to have asked for: too much may build up, and more may follow. Delayed, because the pump
    /// keeps its limits whoever asks.
    UnaccountedDose,
    /// A dose asked for with this remote's key and missing in its record: the record lost something, or somebody has the key.
    DoseUnknownToRecord,
    /// Alarms may go unheard (OPCA EC17): the harm is that of the worst one missed, which still has to come about.
    ToneFailed,
    /// A request is NOT SURE for long: pain or sleepiness goes untreated while nobody knows how much was given.
    RequestUncertain,
    /// The remote is about to go dark (GIP 5.1.6): no dose, no Stop and no alarm after that.
    RemoteBatteryDepleted,
    /// The remote failed its own test (GIP 3.4.3): what it shows may be wrong.
    SelfTestFailed,
    /// A key is held down and no hand does so for that long (GIP 2.3.1): a dose can't be asked for, nor stopped, with it.
    StuckKey,
    /// Another pump answered: remotes were swapped, and this patient's own pump goes unwatched.
    AnotherPump,
    /// The reservoir is low (GIP 1.5): a refill must be arranged before it is empty. It escalates, because that takes days.
    LowReservoir,
    /// The pump's battery ends within months (ERI): a replacement must be planned.
    Eri,
    /// The record can't be written: no dose is offered, the basal rate goes on, pain may break through. It escalates,
    /// because only the clinic can mend it.
    RecordNotWritable,
    /// The record doesn't verify: as when it can't be written.
    RecordDamaged,
    /// An older record was put back: as damaged, until the pump's history has been read.
    RecordWentBack,
    /// Our account and the pump's disagree: the stricter one counts, so a dose comes later than it might.
    AccountsDiffer,
    /// The remote's battery ends soon (GIP 5.1.4): it is charged in time, or depleted tells.
    RemoteBatteryLow,
    /// Time passed that nobody can vouch for: no dose is offered until the pump has said how much.
    ClockInDoubt,
    /// A request was refused because a dose would exceed the limit (GIP 1.4.12, OPCA EC13), and still would be: the patient
    /// is in pain. Asking too soon is no alarm.
    LimitRefused,
}

/// Whether a condition stays after its cause is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Latching {
    /// Until somebody has acknowledged it: it may come back, or what it did meanwhile matters.
    Latches,
    /// It ends with its cause: the cause's end is the cure.
    Ends,
}

/// What follows from a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// What happens if nobody responds.
    pub harm: Harm,
    /// How soon.
    pub onset: Onset,
    /// Whether it stays.
    pub latching: Latching,
    /// How long it may stand unacknowledged before it is one priority more urgent; `None` if it never is.
    pub escalates_after: Option<Millis>,
}

/// How many conditions there are.
pub const CONDITIONS: usize = AlarmCondition::ALL.len();

wire_enum!(AlarmCondition: u8 {
    1 => PumpStopped,
    2 => MotorStall,
    3 => EmptyReservoir,
    4 => Eos,
    5 => MemoryError,
    6 => OcclusionSuspected,
    7 => PumpNotHeard,
    8 => UnaccountedDose,
    9 => DoseUnknownToRecord,
    10 => ToneFailed,
    11 => RequestUncertain,
    12 => RemoteBatteryDepleted,
    13 => SelfTestFailed,
    14 => StuckKey,
    15 => AnotherPump,
    16 => LowReservoir,
    17 => Eri,
    18 => RecordNotWritable,
    19 => RecordDamaged,
    20 => RecordWentBack,
    21 => AccountsDiffer,
    22 => RemoteBatteryLow,
    23 => ClockInDoubt,
    24 => LimitRefused,
});

impl AlarmCondition {
    /// Every condition, in the order of the variants.
    pub const ALL: [Self; 24] = [
        Self::PumpStopped,
        Self::MotorStall,
        Self::EmptyReservoir,
        Self::Eos,
        Self::MemoryError,
        Self::OcclusionSuspected,
        Self::PumpNotHeard,
        Self::UnaccountedDose,
        Self::DoseUnknownToRecord,
        Self::ToneFailed,
        Self::RequestUncertain,
        Self::RemoteBatteryDepleted,
        Self::SelfTestFailed,
        Self::StuckKey,
        Self::AnotherPump,
        Self::LowReservoir,
        Self::Eri,
        Self::RecordNotWritable,
        Self::RecordDamaged,
        Self::RecordWentBack,
        Self::AccountsDiffer,
        Self::RemoteBatteryLow,
        Self::ClockInDoubt,
        Self::LimitRefused,
    ];

    /// The pump's annunciation as a condition.
    pub const fn from_annunciation(kind: AnnunciationKind) -> Self {
        match kind {
            AnnunciationKind::PumpStopped => Self::PumpStopped,
            AnnunciationKind::MotorStall => Self::MotorStall,
            AnnunciationKind::EmptyReservoir => Self::EmptyReservoir,
            AnnunciationKind::LowReservoir => Self::LowReservoir,
            AnnunciationKind::Eri => Self::Eri,
            AnnunciationKind::Eos => Self::Eos,
            AnnunciationKind::MemoryError => Self::MemoryError,
            AnnunciationKind::OcclusionSuspected => Self::OcclusionSuspected,
        }
    }

    /// Whether it is an event, over as soon as it is told: unlike a cause that has ended, it is as bad an hour later.
    pub const fn happened_once(self) -> bool {
        matches!(self, Self::UnaccountedDose | Self::DoseUnknownToRecord | Self::RecordWentBack)
    }

    /// How urgent it is while it has not escalated.
    pub const fn priority(self) -> Priority {
        let row = self.row();
        Priority::of(row.harm, row.onset)
    }

    // keeps R-ALM-02
    /// The table.
    #[rustfmt::skip]
    pub const fn row(self) -> Row {
        use Harm::{DeathOrIrreversible as Death, Minor, Reversible};
        use Latching::{Ends, Latches};
        use Onset::{Delayed, Prompt};
        const SOON: Option<Millis> = Some(MEDIUM_ESCALATES);
        const IN_A_DAY: Option<Millis> = Some(LOW_ESCALATES);
        match self {
            // Therapy was missed, and its end in the meantime doesn't undo that: all of these latch.
            Self::PumpStopped           => row(Death, Prompt, Latches, None),
            Self::MotorStall            => row(Death, Prompt, Latches, None),
            Self::EmptyReservoir        => row(Death, Prompt, Latches, None),
            Self::Eos                   => row(Death, Prompt, Latches, None),
            Self::MemoryError           => row(Death, Prompt, Latches, None),
            // A suspicion that comes and goes is how a kink in a catheter shows.
            Self::OcclusionSuspected    => row(Death, Delayed, Latches, SOON),
            // Being heard again is the cure, and its report says what happened.
            Self::PumpNotHeard          => row(Death, Delayed, Ends, SOON),
            // Events: over as soon as they are seen, so somebody must have seen them.
            Self::UnaccountedDose       => row(Death, Delayed, Latches, SOON),
            Self::DoseUnknownToRecord   => row(Death, Delayed, Latches, SOON),
            // A tone that is heard again is the cure.
            Self::ToneFailed            => row(Death, Delayed, Ends, SOON),
            // The NOT SURE page ends it, and shows what came of it.
            Self::RequestUncertain      => row(Reversible, Prompt, Ends, SOON),
            // Charging is the cure.
            Self::RemoteBatteryDepleted => row(Reversible, Prompt, Ends, SOON),
            // A fault that comes and goes is one that stays.
            Self::SelfTestFailed        => row(Reversible, Prompt, Latches, SOON),
            Self::StuckKey              => row(Reversible, Prompt, Latches, SOON),
            // The right pump is the cure.
            Self::AnotherPump           => row(Reversible, Prompt, Ends, SOON),
            // Only a refill or a replacement ends these, and whoever did that knew.
            Self::LowReservoir          => row(Reversible, Delayed, Ends, IN_A_DAY),
            Self::Eri                   => row(Reversible, Delayed, Ends, None),
            // A write that succeeds is the cure; what was lost meanwhile stands in the record.
            Self::RecordNotWritable     => row(Minor, Prompt, Ends, IN_A_DAY),
            // Somebody changed it, or the card fails: both must be seen.
            Self::RecordDamaged         => row(Minor, Prompt, Latches, IN_A_DAY),
            Self::RecordWentBack        => row(Minor, Prompt, Latches, IN_A_DAY),
            // These pass, and each has been recorded.
            Self::AccountsDiffer        => row(Minor, Delayed, Ends, None),
            Self::RemoteBatteryLow      => row(Minor, Prompt, Ends, None),
            Self::ClockInDoubt          => row(Minor, Prompt, Ends, None),
            Self::LimitRefused          => row(Minor, Prompt, Ends, None),
        }
    }
}

const fn row(harm: Harm, onset: Onset, latching: Latching, escalates_after: Option<Millis>) -> Row {
    Row { harm, onset, latching, escalates_after }
}

impl fmt::Display for AlarmCondition {
    /// `pump stopped`, as the record and the design's table say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PumpStopped => "pump stopped",
            Self::MotorStall => "motor stall",
            Self::EmptyReservoir => "empty reservoir",
            Self::Eos => "end of service (EOS)",
            Self::MemoryError => "pump memory error",
            Self::OcclusionSuspected => "catheter occlusion suspected",
            Self::PumpNotHeard => "pump not heard",
            Self::UnaccountedDose => "unaccounted dose",
            Self::DoseUnknownToRecord => "dose unknown to the record",
            Self::ToneFailed => "tone failed",
            Self::RequestUncertain => "request uncertain",
            Self::RemoteBatteryDepleted => "remote battery depleted",
            Self::SelfTestFailed => "self-test failed",
            Self::StuckKey => "stuck key",
            Self::AnotherPump => "another pump",
            Self::LowReservoir => "low reservoir",
            Self::Eri => "elective replacement (ERI)",
            Self::RecordNotWritable => "record not writable",
            Self::RecordDamaged => "record damaged",
            Self::RecordWentBack => "record went back",
            Self::AccountsDiffer => "accounts differ",
            Self::RemoteBatteryLow => "remote battery low",
            Self::ClockInDoubt => "clock in doubt",
            Self::LimitRefused => "refused by a limit",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conditions_are_listed_once_each_and_most_urgent_first() {
        assert!(AlarmCondition::ALL.is_sorted_by(|one, next| one < next));
        // proves R-ALM-02
        assert!(AlarmCondition::ALL.is_sorted_by(|one, next| one.priority() >= next.priority()));
    }

    #[test]
    fn no_delivery_is_high_and_the_stopped_pump_comes_first() {
        use AnnunciationKind::{EmptyReservoir, Eos, MemoryError, MotorStall, PumpStopped};
        for kind in [PumpStopped, MotorStall, EmptyReservoir, Eos, MemoryError] {
            assert_eq!(AlarmCondition::from_annunciation(kind).priority(), Priority::High, "{kind:?}");
        }
        assert_eq!(AlarmCondition::ALL[0], AlarmCondition::PumpStopped);
    }

    #[test]
    fn a_medium_condition_always_escalates_and_a_high_one_has_nowhere_to_go() {
        for condition in AlarmCondition::ALL {
            let escalates_after = condition.row().escalates_after;
            match condition.priority() {
                Priority::High => assert_eq!(escalates_after, None, "{condition}"),
                Priority::Medium => assert_eq!(escalates_after, Some(MEDIUM_ESCALATES), "{condition}"),
                Priority::Low => assert!(escalates_after.is_none_or(|after| after == LOW_ESCALATES), "{condition}"),
            }
        }
    }

    #[test]
    fn the_design_says_what_the_table_says() {
        let design = include_str!("../../design/alarms.md");
        let told: Vec<Vec<&str>> = design
            .lines()
            .filter(|line| line.starts_with('|'))
            .skip(2)
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        assert_eq!(told.len(), CONDITIONS);
        for (condition, told) in AlarmCondition::ALL.into_iter().zip(told) {
            let Row { harm, onset, latching, escalates_after } = condition.row();
            let latches = if latching == Latching::Latches { "latches" } else { "ends" };
            let escalates = escalates_after.map_or("–".to_owned(), |after| after.to_string());
            let meant = [condition.to_string(), harm.to_string(), onset.to_string(), condition.priority().to_string()];
            assert_eq!(told[..4], meant);
            assert_eq!(told[4..6], [latches, escalates.as_str()], "{condition}");
            assert!(told.len() == 7 && told[6].ends_with('.'), "{condition}: what to do, in a sentence");
        }
    }
}
