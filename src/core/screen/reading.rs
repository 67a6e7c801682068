//! The pages that are only read, or that change nothing but looks and the clock: what stands on each.

use pump_protocol::{
    clock::{CivilTime, WallTime},
    message::AuditHead,
    prescription::{BasalSegment, WindowDoseLimit},
    quantity::{Concentration, Dose, Millis, Volume},
    wire::Text,
};

use super::{Day, ReservoirView};
use crate::{
    audit::event::NotCopied,
    selftest::{CHECKS, Finding, Question},
    therapy::reservoir::VolumeLeft,
};

/// What is only read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Where the other pages are.
    More,
    /// What the clinic programmed; `None` before the pump's first word.
    Therapy(Option<Box<Therapy>>),
    /// The pump's serial number, to be shown with what the clinic wrote on the card; `None` before its first word.
    Implant(Option<Text<16>>),
    /// What helps when the pump can't be reached.
    LinkSteps,
    /// Language and looks.
    Settings,
    /// What is told by sound and vibration, without an alarm.
    Sounds,
    /// The remote's test of itself.
    SelfTest(TestView),
    /// What a practice is; while there is one, its pages stand in this one's place.
    Practice(PracticeView),
    /// What the clinic reads off with a phone; `None` while the record is being read, or before the pump's first word.
    Clinic(Option<Box<ClinicSummary>>),
    /// The reservoir over the weeks; `None` before the pump's first word.
    Reservoir(Option<Box<ReservoirWeeks>>),
    /// The person's clock, and what it would be set to.
    SetTime(SetTimeView),
    /// What this remote and its record are, and how the copying of the record stands.
    Service(ServiceView),
    /// What became of a day's attempts; `None` while the record is being read.
    Day(Option<Box<DayView>>),
}

/// A day, and those beside it that the record tells of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DayView {
    /// What stands on the page; nothing but zeros for a day that the record doesn't tell of.
    pub day: Day,
    /// The next one before it.
    pub earlier: Option<i64>,
    /// The next one after it.
    pub later: Option<i64>,
}

/// How many weeks back the reservoir is shown.
pub const WEEKS_BEFORE: usize = 8;
/// How many weeks ahead: the longest that one filling is left in, as a rule.
pub const WEEKS_AHEAD: usize = 26;
/// How many days of the record that takes: the oldest week may have been read on its first day.
pub const LEVEL_DAYS: i64 = 63;

/// The reservoir over the weeks, as the pump has computed it and as it goes on from here, without a refill.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReservoirWeeks {
    /// The newest reading.
    pub now: ReservoirView,
    /// What was in it 1, 2, … weeks ago, where the record has a reading; `None` while the record is being read.
    pub before: Option<[Option<Volume>; WEEKS_BEFORE]>,
    /// What will be left in 1, 2, … weeks.
    pub ahead: [VolumeLeft; WEEKS_AHEAD],
    /// What else runs out.
    pub batteries: Batteries,
}

/// How long the batteries last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Batteries {
    /// In this many months the pump is to be replaced, by its own word (ERI).
    pub pump_months: u16,
    /// In the month of this day; `None` while the date is in doubt.
    pub pump_until: Option<WallTime>,
    /// This remote's.
    pub remote: RemoteBattery,
}

/// This remote's battery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemoteBattery {
    /// There is none, or nothing measures it.
    NotMeasured,
    /// It lasts this many whole hours.
    Lasts {
        /// By its gauge.
        hours: u32,
    },
    /// It is on its charger.
    Charging {
        /// What is in it, in percent.
        percent: u8,
    },
}

/// A day's newest reading of the reservoir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DayLevel {
    /// Counted from 1970-01-01, local.
    pub day: i64,
    /// Estimated: pumps compute it.
    pub volume: Volume,
}

/// What a person sees who sets the clock; each time to the minute. Whether the clock is in doubt stands in [`Screen::clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetTimeView {
    /// What the clock shows, believed or not; `None` if it was never set.
    pub shows: Option<CivilTime>,
    /// What the pump's calendar shows; `None` before its first word.
    pub pump: Option<CivilTime>,
    /// What would be set.
    pub draft: CivilTime,
    /// That was chosen, and is so far from the pump's calendar that no clock times would be shown.
    pub far: bool,
    /// How far it is.
    pub state: SetTimeState,
}

/// How far the setting of a clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetTimeState {
    /// The person chooses.
    Choosing,
    /// It was asked for and not answered.
    Asked,
    /// The clock was set.
    Set,
    /// It could not be set.
    NotSet,
}

/// What whoever maintains this remote sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceView {
    /// The pump's serial number; `None` before its first word.
    pub pump: Option<Text<16>>,
    /// The newest line of the record.
    pub head: AuditHead,
    /// How the copying of the record stands.
    pub copying: Copying,
}

/// How the copying of a record onto a stick stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Copying {
    /// Nobody has asked for it.
    Idle,
    /// It was asked for and not answered.
    Asked,
    /// The copy was read back from the stick.
    Copied {
        /// Where it ends.
        head: AuditHead,
    },
    /// There is none.
    NotCopied(NotCopied),
}

/// What the days came to, and where the record stood.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClinicSummary {
    /// The pump's serial number.
    pub pump: Text<16>,
    /// The newest line of the record, so that the record itself can be held against this.
    pub head: AuditHead,
    /// The newest day first.
    pub days: Vec<Day>,
}

/// How a practice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PracticeView {
    /// Whether there is one.
    pub begun: bool,
    /// Whether one can begin now: not beside an open request, a self-test, or an alarm that nobody has acknowledged.
    pub may_begin: bool,
}

/// How the self-test stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TestView {
    /// Whether it runs. Then no dose is offered.
    pub runs: bool,
    /// What the person is asked.
    pub question: Option<Question>,
    /// What was found of each check, in the order of [`Check::ALL`]; `None` while nothing is.
    pub findings: [Option<Finding>; CHECKS],
    /// Whether it can be started now: not while it runs, nor while a request is open.
    pub may_begin: bool,
}

/// What the clinic programmed, as far as it may be shown: the patient's code is not here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Therapy {
    /// The drug's name.
    pub drug: Text<32>,
    /// Its strength.
    pub concentration: Concentration,
    /// What a hold brings.
    pub demand_dose: Dose,
    /// From the start of one dose to the earliest start of the next.
    pub lockout_interval: Millis,
    /// The most doses in 24 h; 0 if they are switched off.
    pub allotment: u8,
    /// The most drug from all sources in a window.
    pub window_limit: WindowDoseLimit,
    /// The steady dose by the pump's time of day; the first segment begins at midnight.
    pub basal: Vec<BasalSegment>,
}
