//! One condition that stands: its life from being raised to being cleared.
//!
//! A cause begins → *unacknowledged* → somebody has seen it → *acknowledged* → the cause ends → cleared. A latching condition
//! whose cause ends unseen stays, *ceased*, until somebody has seen it.

use core::fmt;

use pump_protocol::{
    clock::Uptime,
    quantity::Millis,
    report::{Annunciation, AnnunciationState},
    wire::{wire_enum, wire_struct},
};

use super::{
    condition::{AlarmCondition, Latching},
    priority::Priority,
};

/// How long an acknowledged high condition that lasts may be silent: long enough to telephone the clinic and to set out,
/// short enough that help that doesn't come is asked for again. No silence is permanent (GIP 3.2.2).
pub const HIGH_REALARMS: Millis = Millis::from_mins(60);
/// How long any other acknowledged condition that lasts may be silent: once a day, so that it isn't forgotten for weeks.
pub const OTHERS_REALARM: Millis = Millis::from_hours(24);

/// A condition that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    condition: AlarmCondition,
    cause_lasts: bool,
    escalated: bool,
    attention: Attention,
    annunciation: Option<Told>,
}

/// Whether somebody has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attention {
    /// Nobody since then: it is signalled.
    Unacknowledged(Uptime),
    /// Somebody, then: it is listed.
    Acknowledged(Uptime),
}

/// The pump's annunciation behind a condition, as the pump last told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Told {
    id: u16,
    confirmed: bool,
}

/// What became of a condition, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// It began, or came back.
    Raised {
        /// What.
        condition: AlarmCondition,
        /// How urgent.
        priority: Priority,
    },
    /// Nobody acknowledged it in time: it is more urgent.
    Escalated {
        /// What.
        condition: AlarmCondition,
        /// How urgent.
        priority: Priority,
    },
    /// It was acknowledged and lasts: it is signalled again.
    Realarmed {
        /// What.
        condition: AlarmCondition,
    },
    /// Somebody has seen it.
    Acknowledged {
        /// What.
        condition: AlarmCondition,
    },
    /// Its cause is gone; it stays until somebody has seen it.
    Ceased {
        /// What.
        condition: AlarmCondition,
    },
    /// It is over.
    Cleared {
        /// What.
        condition: AlarmCondition,
    },
    /// Somebody paused the sound.
    AudioPaused,
    /// The sound is on again.
    AudioOn,
}

/// What of a [`Standing`] survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeptStanding {
    pub(super) condition: AlarmCondition,
    cause_lasts: bool,
    escalated: bool,
    acknowledged: bool,
    annunciation: Option<Told>,
}

wire_struct!(Told { id, confirmed });
wire_struct!(KeptStanding { condition, cause_lasts, escalated, acknowledged, annunciation });
wire_enum!(Change: u8 {
    0x0F => Raised { condition, priority },
    0x33 => Escalated { condition, priority },
    0x3C => Realarmed { condition },
    0x55 => Acknowledged { condition },
    0x5A => Ceased { condition },
    0x66 => Cleared { condition },
    0x69 => AudioPaused,
    0x96 => AudioOn,
});

impl Standing {
    /// What is wrong.
    pub const fn condition(&self) -> AlarmCondition {
        self.condition
    }

    /// How urgent it is.
    pub const fn priority(&self) -> Priority {
        let priority = self.condition.priority();
        if self.escalated { priority.raised() } else { priority }
    }

    /// Whether it is still so. If not, it waits for being acknowledged.
    pub const fn cause_lasts(&self) -> bool {
        self.cause_lasts
    }

    /// Whether somebody has seen it.
    pub const fn attention(&self) -> Attention {
        self.attention
    }

    /// The pump's annunciation that somebody has seen here and that the pump doesn't know to be seen.
    pub fn owed_to_pump(&self) -> Option<u16> {
        let seen = matches!(self.attention, Attention::Acknowledged(_));
        self.annunciation.filter(|told| seen && !told.confirmed).map(|told| told.id)
    }

    pub(super) const fn raised(condition: AlarmCondition, annunciation: Option<Told>, now: Uptime) -> Self {
        let attention = Attention::Unacknowledged(now);
        Self { condition, cause_lasts: true, escalated: false, attention, annunciation }
    }

    /// Since when it has been signalled; `None` once acknowledged.
    pub(super) const fn signalled_since(&self) -> Option<Uptime> {
        match self.attention {
            Attention::Unacknowledged(since) => Some(since),
            Attention::Acknowledged(_) => None,
        }
    }

    pub(super) const fn annunciation(&self) -> Option<Told> {
        self.annunciation
    }

    /// Its cause lasts, or is there again. An annunciation with another id is another occurrence.
    pub(super) fn observed(self, annunciation: Option<Told>, now: Uptime) -> (Self, Option<Change>) {
        let other = annunciation.is_some_and(|told| self.annunciation.is_none_or(|before| before.id != told.id));
        let again = other || !self.cause_lasts;
        let attention = match self.attention {
            Attention::Acknowledged(_) if again => Attention::Unacknowledged(now),
            // What was signalled already goes on: one that comes and goes must still escalate.
            Attention::Unacknowledged(_) | Attention::Acknowledged(_) => self.attention,
        };
        let change = again.then(|| Change::Raised { condition: self.condition, priority: self.priority() });
        (Self { cause_lasts: true, attention, annunciation, ..self }, change)
    }

    // keeps R-ALM-08
    /// Its cause is gone, and with it the pump's word for it: it stays only if it latches and nobody has seen it.
    pub(super) fn gone(self) -> (Option<Self>, Option<Change>) {
        let condition = self.condition;
        let latched = condition.row().latching == Latching::Latches && self.signalled_since().is_some();
        match (latched, self.cause_lasts) {
            (true, true) => {
                let ceased = Self { cause_lasts: false, annunciation: None, ..self };
                (Some(ceased), Some(Change::Ceased { condition }))
            }
            (true, false) => (Some(self), None),
            (false, _) => (None, Some(Change::Cleared { condition })),
        }
    }

    /// Somebody has seen it. Nothing is left of one whose cause is gone.
    pub(super) fn acknowledged(self, now: Uptime) -> Option<Self> {
        self.cause_lasts.then_some(Self { attention: Attention::Acknowledged(now), ..self })
    }

    /// What time alone does to it.
    pub(super) fn pass_time(self, now: Uptime) -> (Self, Option<Change>) {
        let condition = self.condition;
        match (self.due(), self.attention) {
            (Some((at, _)), Attention::Unacknowledged(_)) if at <= now => {
                let escalated = Self { escalated: true, ..self };
                (escalated, Some(Change::Escalated { condition, priority: escalated.priority() }))
            }
            (Some((at, _)), Attention::Acknowledged(_)) if at <= now => {
                (Self { attention: Attention::Unacknowledged(now), ..self }, Some(Change::Realarmed { condition }))
            }
            (_, Attention::Unacknowledged(_) | Attention::Acknowledged(_)) => (self, None),
        }
    }

    /// When time alone does something to it, and what. A cause that is gone makes nothing more urgent, but what happened
    /// once does, until somebody has seen it.
    pub(super) fn due(&self) -> Option<(Uptime, &'static str)> {
        match self.attention {
            Attention::Unacknowledged(since) => {
                let may = !self.escalated && (self.cause_lasts || self.condition.happened_once());
                let after = self.condition.row().escalates_after.filter(|_| may)?;
                Some((since.after(after), "an alarm escalates"))
            }
            Attention::Acknowledged(at) => Some((at.after(self.realarms_after()), "an acknowledged alarm lasts")),
        }
    }

    pub(super) const fn kept(&self) -> KeptStanding {
        let Self { condition, cause_lasts, escalated, attention, annunciation } = *self;
        let acknowledged = matches!(attention, Attention::Acknowledged(_));
        KeptStanding { condition, cause_lasts, escalated, acknowledged, annunciation }
    }

    /// Times of another boot mean nothing: what was seen stays seen from now, everything else is signalled from now.
    pub(super) const fn restored(kept: KeptStanding, now: Uptime) -> Self {
        let KeptStanding { condition, cause_lasts, escalated, acknowledged, annunciation } = kept;
        let attention = if acknowledged { Attention::Acknowledged(now) } else { Attention::Unacknowledged(now) };
        Self { condition, cause_lasts, escalated, attention, annunciation }
    }

    const fn realarms_after(&self) -> Millis {
        match self.priority() {
            Priority::High => HIGH_REALARMS,
            Priority::Medium | Priority::Low => OTHERS_REALARM,
        }
    }
}

impl KeptStanding {
    pub(super) const fn can_stand(self) -> bool {
        self.cause_lasts || !self.acknowledged
    }
}

impl Told {
    pub(super) const fn by(annunciation: &Annunciation) -> Self {
        let confirmed = match annunciation.state {
            AnnunciationState::Confirmed => true,
            AnnunciationState::Pending | AnnunciationState::Snoozed => false,
        };
        Self { id: annunciation.id, confirmed }
    }
}

impl Change {
    /// Whether somebody must hear of it: it ends an audio pause if it is urgent enough.
    pub(super) const fn alerts(self) -> Option<AlarmCondition> {
        match self {
            Self::Raised { condition, .. } | Self::Escalated { condition, .. } | Self::Realarmed { condition } => {
                Some(condition)
            }
            Self::Acknowledged { .. }
            | Self::Ceased { .. }
            | Self::Cleared { .. }
            | Self::AudioPaused
            | Self::AudioOn => None,
        }
    }
}

impl fmt::Display for Change {
    /// `alarm raised: pump stopped, high`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raised { condition, priority } => write!(f, "alarm raised: {condition}, {priority}"),
            Self::Escalated { condition, priority } => write!(f, "alarm not acknowledged: {condition}, {priority} now"),
            Self::Realarmed { condition } => write!(f, "alarm raised again, it lasts: {condition}"),
            Self::Acknowledged { condition } => write!(f, "alarm acknowledged: {condition}"),
            Self::Ceased { condition } => write!(f, "alarm's cause is gone, nobody has acknowledged it: {condition}"),
            Self::Cleared { condition } => write!(f, "alarm over: {condition}"),
            Self::AudioPaused => write!(f, "alarm sound paused"),
            Self::AudioOn => write!(f, "alarm sound on again"),
        }
    }
}
