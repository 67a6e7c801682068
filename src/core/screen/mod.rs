//! What a person sees, and what a person does, as plain data.
//!
//! A [`Screen`] is derived from the machine's state at one moment and never stored; a newer one replaces it. It changes at
//! most once a second while nothing happens, so a page that stands still costs nothing. Words and looks are the UI's.
//!
//! # Promises
//! - The caregiver's faces hold nothing to press, and no [`Intent`] of theirs names a dose.
//! - Every face answers "if I press now, do I get medicine?" by its variant alone.

mod intent;
mod reading;

use pump_protocol::{
    clock::{Uptime, WallTime},
    history::{BolusEnd, Delivered},
    message::DenyReason,
    quantity::{BasalRate, Dose, Millis, Volume},
    wire::Text,
};

pub use self::{
    intent::{Intent, Level, Source, Visit},
    reading::{
        Batteries, ClinicSummary, Copying, DayLevel, DayView, LEVEL_DAYS, PracticeView, Reading, RemoteBattery,
        ReservoirWeeks, ServiceView, SetTimeState, SetTimeView, TestView, Therapy, WEEKS_AHEAD, WEEKS_BEFORE,
    },
};
use crate::{
    annunciation::{AlarmCondition, Priority, Signals},
    audit::{
        event::{NothingBecause, WallDoubt},
        tally::DayCounts,
    },
    pairing::PairingView,
    therapy::{change::Change, reason::Reason, reservoir::ReservoirLevel},
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
    /// What came to be known since the hold spoke against the dose.
    Overtaken,
    /// The pump would have given another dose than the patient saw.
    DoseDiffers {
        /// What the patient saw.
        shown: Dose,
        /// What the pump would have given.
        echoed: Dose,
    },
    /// Stopped by hand before anything went in.
    StoppedInTime,
    /// The bolus ended otherwise before anything went in.
    BolusEnded(BolusEnd),
}

impl NotGiven {
    /// What the patient is told of this end: of the dose that was shown, and of the one that the pump would have given.
    pub const fn because(why: NothingBecause, shown: Dose, echoed: Dose) -> Self {
        match why {
            NothingBecause::Expired | NothingBecause::TooLate => Self::Expired,
            NothingBecause::Interrupted | NothingBecause::NeverRan | NothingBecause::Refused => Self::Interrupted,
            NothingBecause::Overtaken => Self::Overtaken,
            NothingBecause::DoseDiffered => Self::DoseDiffers { shown, echoed },
            NothingBecause::StoppedInTime => Self::StoppedInTime,
            NothingBecause::BolusEnded(end) => Self::BolusEnded(end),
        }
    }
}

/// What the caregiver's page says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caregiver {
    /// Whether the pump delivers; `None` before its first word, unless it was stopped when it was last heard.
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
        /// For how long, in whole minutes; `None` before the pump's first word since a restart.
        since_min: Option<u32>,
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
    /// How long ago it started, in whole minutes; `None` before the pump's first word since a restart.
    pub min_ago: Option<u32>,
    /// When it started; `None` while the time of day is in doubt.
    pub at: Option<WallTime>,
}

/// One day of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Day {
    /// Counted from 1970-01-01, local.
    pub day: i64,
    /// What it came to.
    pub counts: DayCounts,
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
    /// The button was pressed on a page that gives no dose to anybody.
    NoDoseHere,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_called_what_documents_call_it() {
        for (face, name) in [
            (Face::Checking, "CHECKING"),
            (Face::Alarms, "ALARMS"),
            (Face::Emergency { drug: None, stop: None }, "EMERGENCY"),
            (Face::Pairing(PairingView::NotPaired), "PAIRING"),
            (Face::Fault(Fault::Record { detail: String::new() }), "FAULT"),
        ] {
            assert_eq!(face.name(), name);
        }
    }
}
