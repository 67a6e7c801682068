//! What a person does.

use super::Control;
use crate::{
    annunciation::{AlarmCondition, signal::QuietHours},
    set_time::TimeStep,
};

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
    /// Somebody taps away the notice above the page, and nothing else.
    NoticeSeen,
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
    /// Copy the record onto the stick that is in.
    CopyRecord,
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
    /// One of them, counted from 1970-01-01, local.
    Day(i64),
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
    /// For whoever maintains this remote.
    Service,
}
