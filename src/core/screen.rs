//! What a person sees, and what a person does, as plain data.
//!
//! A [`Screen`] is derived from the machine's state at one moment and never stored; a newer one replaces it. It changes at
//! most once a second while nothing happens, so a page that stands still costs nothing. Words and looks are the UI's.
//!
//! # Promises
//! - The caregiver's faces hold nothing to press, and no [`Intent`] of theirs names a dose.
//! - Every face answers "if I press now, do I get medicine?" by its variant alone.

use pump_protocol::{
    clock::{CivilTime, Uptime, WallTime},
    history::{BolusEnd, Delivered},
    message::{AuditHead, DenyReason},
    prescription::{BasalSegment, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    wire::Text,
};

use crate::{
    annunciation::{AlarmCondition, Priority, Signals, signal::QuietHours},
    audit::event::WallDoubt,
    pairing::PairingView,
    selftest::{CHECKS, Finding, Question},
    set_time::TimeStep,
    therapy::{
        change::Change,
        reason::Reason,
        reservoir::{ReservoirLevel, VolumeLeft},
    },
};

/// Everything on the display at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Screen {
    /// The page.
    pub face: Face,
    /// The finger on a control, if one is there.
    pub hold: Option<Hold>,
    /// The time of day, or why it is in doubt.
    pub clock: Result<WallTime, WallDoubt>,
    /// What the link does.
    pub link: LinkHealth,
    /// How long ago the last report was asked for, in whole minutes; `None` before the first.
    pub heard_min_ago: Option<u32>,
    /// Every alarm condition that stands, the most urgent first.
    pub alarms: Vec<Alarm>,
    /// What lamp, sounder and vibration play; `None` while no alarm stands.
    pub signals: Option<Signals>,
    /// Something to be told once, above whatever page is shown.
    pub notice: Option<Notice>,
    /// Whether the display is dark: what stands on it is not kept up to the second.
    pub dark: bool,
    /// The clock that stands in place of the dark, if it does: the page under it offers nothing, and is there for the cues alone.
    pub night: Option<Night>,
    /// How often what waits for somebody was told again; 0 while nothing waits.
    pub reminders: u32,
    /// Whether this is a practice: none of it is true, and every page says so.
    pub practice: bool,
}

/// A clock for the night, while the battery is charged and nobody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Night {
    /// What is in the battery, in percent.
    pub charge: u8,
}

impl Screen {
    /// A page without the machine: before there is one, or when there can be none. Nothing is known of time, pump or alarms.
    pub const fn alone(face: Face) -> Self {
        Self {
            face,
            hold: None,
            clock: Err(WallDoubt::NotSet),
            link: LinkHealth::OutOfReach,
            heard_min_ago: None,
            alarms: Vec::new(),
            signals: None,
            notice: None,
            dark: false,
            practice: false,
            night: None,
            reminders: 0,
        }
    }
}

/// An alarm condition that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alarm {
    /// What is wrong.
    pub condition: AlarmCondition,
    /// How urgent it is.
    pub priority: Priority,
    /// Whether somebody has seen it.
    pub acknowledged: bool,
    /// Whether its cause is gone: it stays until somebody has seen it.
    pub ceased: bool,
}

/// One page. The patient's first, then the caregiver's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    /// The pump is being asked; at most 5 s.
    Checking,
    /// A press brings medicine.
    Ready(Offer),
    /// A press brings nothing until a known moment.
    Wait(Wait),
    /// A press brings nothing, for these reasons, most limiting first. Never empty.
    NotAvailable {
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The hold was long enough; the patient's code is asked for. Nothing has been asked of the pump.
    EnterCode {
        /// What would be asked for.
        dose: Dose,
        /// How many digits stand there, 0 to 3.
        entered: u8,
        /// Whether the code before was wrong.
        wrong: bool,
    },
    /// The pump is being asked for a dose. Stop is there once COMMIT may have left.
    Asking {
        /// What was asked for.
        dose: Dose,
        /// Whether there is something to stop.
        stop: Option<Stop>,
    },
    /// The dose is going in.
    Delivering {
        /// What was asked for.
        dose: Dose,
        /// What has gone in, by the pump's last word.
        delivered: Dose,
        /// How long it still takes, in whole seconds.
        remaining: Millis,
        /// How far it is, 0 to 1000.
        permille: u16,
        /// To stop it.
        stop: Stop,
    },
    /// The dose went in.
    Given {
        /// How much.
        dose: Dose,
        /// When it started; `None` while the time of day is in doubt.
        at: Option<WallTime>,
    },
    /// A part went in.
    GivenInPart {
        /// What was asked for.
        dose: Dose,
        /// What went in.
        delivered: Delivered,
        /// Why it ended.
        end: BolusEnd,
    },
    /// Nothing went in.
    NotGiven(NotGiven),
    /// Nobody knows yet. Counts as given.
    NotSure {
        /// What may have gone in.
        dose: Dose,
        /// When it was asked for; `None` while the time of day is in doubt.
        asked_at: Option<WallTime>,
        /// To stop it.
        stop: Stop,
    },
    /// No answer can ever come; counted as given.
    AssumedGiven {
        /// What may have gone in.
        dose: Dose,
    },
    /// What the clinic changed, until it has been read.
    Changed {
        /// The most important first; never empty.
        changes: Vec<Change>,
    },
    /// For the caregiver: is the pump delivering, and how long does the reservoir last?
    Caregiver(Caregiver),
    /// For the caregiver: what was asked for and given, per day.
    History {
        /// The newest day first. Empty: nothing yet.
        days: Vec<Day>,
        /// Whether the record is still being read.
        loading: bool,
    },
    /// Every alarm, to be acknowledged one by one; on [`Screen::alarms`].
    Alarms,
    /// What to do in an emergency; Stop is there whenever a dose could run.
    Emergency {
        /// What the pump gives, for whoever helps; `None` before its first word.
        drug: Option<Text<32>>,
        /// Whether there is something to stop.
        stop: Option<Stop>,
    },
    /// A page that is only read, or that changes nothing but looks.
    Reading(Reading),
    /// No pump is paired yet: before there is a machine ([`crate::pairing`]).
    Pairing(PairingView),
    /// The remote can't work. The pump goes on by itself.
    Fault(Fault),
}

impl Face {
    /// What the page is called in documents, and by whoever tests it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Checking => "CHECKING",
            Self::Ready(_) => "READY",
            Self::Wait(_) => "WAIT",
            Self::NotAvailable { .. } => "NOT AVAILABLE",
            Self::EnterCode { .. } => "ENTER CODE",
            Self::Asking { .. } => "ASKING",
            Self::Delivering { .. } => "DELIVERING",
            Self::Given { .. } => "GIVEN",
            Self::GivenInPart { .. } => "GIVEN IN PART",
            Self::NotGiven(_) => "NOT GIVEN",
            Self::NotSure { .. } => "NOT SURE",
            Self::AssumedGiven { .. } => "ASSUMED GIVEN",
            Self::Changed { .. } => "CHANGED",
            Self::Caregiver(_) => "CAREGIVER",
            Self::History { .. } => "HISTORY",
            Self::Alarms => "ALARMS",
            Self::Emergency { .. } => "EMERGENCY",
            Self::Reading(_) => "READING",
            Self::Pairing(_) => "PAIRING",
            Self::Fault(_) => "FAULT",
        }
    }
}

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

/// What a press would bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    /// The prescribed demand dose.
    pub dose: Dose,
    /// How many are left now.
    pub left: u8,
    /// Out of how many in 24 h.
    pub allotment: u8,
}

/// Why and how long a press brings nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// How long still, in whole seconds, rounded up.
    pub remaining: Millis,
    /// When it ends; `None` while the time of day is in doubt.
    pub until: Option<WallTime>,
    /// All reasons, most limiting first.
    pub reasons: Vec<Reason>,
    /// How many doses are left and of how many.
    pub offer: Offer,
    /// When the next dose returns to the allotment; `None` if none is used or the time of day is in doubt.
    pub next_returns: Option<WallTime>,
    /// Whether this wait is the pump's own word against ours ("Your pump says wait").
    pub pump_says: bool,
}

/// Stopping a dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// Not asked for.
    Offered,
    /// Asked for and not answered.
    Asked,
    /// Asked for while the pump can't be reached: NOT STOPPED YET.
    NotStoppedYet,
}

/// Why nothing went in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotGiven {
    /// The pump said no, though the remote had said READY.
    Denied {
        /// The most limiting reason.
        reason: DenyReason,
        /// When to ask again, if time helps and the time of day is known.
        until: Option<WallTime>,
        /// How long to wait, in whole minutes; nothing if time alone won't help.
        retry_after: Millis,
    },
    /// The press was older than 30 s before the pump could be asked.
    Expired,
    /// The asking was interrupted before anything was committed.
    Interrupted,
    /// The pump would have given another dose than the patient saw.
    DoseDiffers {
        /// What the patient saw.
        shown: Dose,
        /// What the pump would have given.
        echoed: Dose,
    },
    /// Stopped before anything went in.
    StoppedInTime,
}

/// What the caregiver's page says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caregiver {
    /// Whether the pump delivers; `None` before its first word.
    pub delivery: Option<DeliveryView>,
    /// The reservoir; `None` before the pump's first word.
    pub reservoir: Option<ReservoirView>,
    /// When the last dose started, and how much; `None` if none is known.
    pub last_dose: Option<LastDose>,
}

/// Whether the pump delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryView {
    /// Basal at this rate.
    Delivering {
        /// As programmed for this time of day.
        rate: BasalRate,
    },
    /// Nothing is delivered.
    Stopped {
        /// For how long, in whole minutes.
        since_min: u32,
        /// Since when; `None` while the time of day is in doubt.
        since: Option<WallTime>,
    },
}

/// What the pump computes to be in the reservoir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReservoirView {
    /// Estimated: pumps compute it.
    pub volume: Volume,
    /// Of the capacity, 0 to 100.
    pub percent: u8,
    /// What fits.
    pub capacity: Volume,
    /// Below this no dose is offered.
    pub low: Volume,
    /// At this it counts as empty.
    pub reserve: Volume,
    /// Which of them it has reached.
    pub level: ReservoirLevel,
    /// When the reserve is reached if every allotted dose is used: the earlier date.
    pub every_dose: RefillBy,
    /// When it is reached at basal alone.
    pub basal_alone: RefillBy,
    /// How old the reading is, in whole minutes.
    pub age_min: u32,
}

/// When the reservoir reaches its reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefillBy {
    /// In this many whole days.
    pub days_left: u32,
    /// On this day; `None` while the date is in doubt.
    pub on: Option<WallTime>,
}

/// The last dose that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LastDose {
    /// How much.
    pub dose: Dose,
    /// How long ago it started, in whole minutes.
    pub min_ago: u32,
    /// When it started; `None` while the time of day is in doubt.
    pub at: Option<WallTime>,
}

/// One day of the history page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Day {
    /// Counted from 1970-01-01, local.
    pub day: i64,
    /// Full holds.
    pub attempts: u32,
    /// Doses given in full.
    pub given: u32,
    /// Doses given in part.
    pub in_part: u32,
    /// Attempts refused here or by the pump.
    pub refused: u32,
    /// Requests not settled, or assumed given.
    pub not_sure: u32,
    /// Doses in the pump's history without a press in this record.
    pub others: u32,
}

/// Why the remote can't work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The record can't be opened or is not this pump's.
    Record {
        /// What is wrong, for the clinic.
        detail: String,
    },
}

/// What the link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkHealth {
    /// A session is open.
    Near,
    /// Being looked for.
    Looking,
    /// Looked for in vain.
    OutOfReach,
}

/// Something to be told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// A full hold was refused: the reason stands on the page.
    Refused,
    /// A touch shorter than the hold.
    HoldLonger,
    /// Our account and the pump's disagree; the stricter one is shown.
    AccountsDiffer,
}

/// A finger on a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hold {
    /// Which.
    pub control: Control,
    /// Since when.
    pub since: Uptime,
    /// How long it takes.
    pub needed: Millis,
}

/// What can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// Asks for a dose: 1.5 s.
    Dose,
    /// Stops one: 0.5 s.
    Stop,
}

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// A control's level, told at every edge and at least every 100 ms while it is pressed.
    Touch {
        /// Which control.
        control: Control,
        /// Its level.
        level: Level,
        /// Where.
        source: Source,
    },
    /// A digit of the patient's code, 0 to 9.
    Digit(u8),
    /// The last digit was a mistake.
    EraseDigit,
    /// Somebody has seen this alarm.
    Acknowledge(AlarmCondition),
    /// Let the alarms' sound rest for two minutes at most.
    PauseAudio,
    /// To another page.
    Visit(Visit),
    /// What stands on the page has been read, or is left.
    Seen,
    /// On to the next step of a pairing, or from what a practice is to the practice.
    Proceed,
    /// Let low alarms and the ready cue rest at these hours; at none.
    Quiet(Option<QuietHours>),
    /// Somebody is here: ask the pump now.
    Wake,
    /// Test this remote now.
    TestSelf,
    /// The answer to what the self-test asks.
    Answer {
        /// Whether it was heard, felt or seen.
        yes: bool,
    },
    /// A step of the time that would be set.
    StepTime(TimeStep),
    /// Let what the pump's calendar shows be set.
    TakePumpTime,
    /// Set the clock to what stands there.
    SetClock,
}

/// A control's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Under a finger.
    Pressed,
    /// Let go.
    Released,
    /// The finger left it, or the control left the page: the same as let go, and told apart in the record.
    SlidOff,
}

/// Where a control was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// On the display.
    Touchscreen,
    /// The physical button.
    Button,
}

/// Pages that a person can go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visit {
    /// The dose control and its answer.
    Patient,
    /// Reservoir and delivery.
    Caregiver,
    /// Days.
    History,
    /// Alarms.
    Alarms,
    /// What to do in an emergency.
    Emergency,
    /// Where the other pages are.
    More,
    /// What the clinic programmed.
    Therapy,
    /// The card of the implant.
    Implant,
    /// What helps when the pump can't be reached.
    LinkSteps,
    /// Language and looks.
    Settings,
    /// What is told by sound and vibration, without an alarm.
    Sounds,
    /// The remote's test of itself.
    SelfTest,
    /// Trying the whole flow on a simulated pump.
    Practice,
    /// What the clinic reads off.
    Clinic,
    /// The reservoir over the weeks.
    Reservoir,
    /// The person's clock.
    SetTime,
}
