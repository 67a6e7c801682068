//! How urgent an alarm is: from what it may lead to and how soon, by one table (IEC 60601-1-8, table 1).
//!
//! # Terms
//! - *harm*: the worst that reasonably follows if nobody responds, not the worst that can be thought of.
//! - *onset*: how soon that harm begins. What it takes to get help is counted in: a clinic is hours away.

use core::fmt;

use pump_protocol::wire::wire_enum;

/// How urgently somebody must respond. The order of the variants is the order of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody should know.
    Low,
    /// Somebody must respond soon.
    Medium,
    /// Somebody must respond at once.
    High,
}

/// What happens if nobody responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Harm {
    /// Death, or an injury that stays.
    DeathOrIrreversible,
    /// An injury that heals.
    Reversible,
    /// A minor injury, or pain and discomfort.
    Minor,
}

/// How soon the harm begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Onset {
    /// Within seconds to a few minutes.
    Immediate,
    /// Not within minutes, but before a response that begins late is sure to be in time.
    Prompt,
    /// Later, with time to respond.
    Delayed,
}

wire_enum!(Priority: u8 { 0x0F => Low, 0x33 => Medium, 0x3C => High });

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The table of IEC 60601-1-8. Where it leaves "low or no alarm" open, this is low: a condition of no concern is not
    /// made an alarm condition in the first place.
    pub const fn of(harm: Harm, onset: Onset) -> Self {
        match (harm, onset) {
            (Harm::DeathOrIrreversible, Onset::Immediate | Onset::Prompt) | (Harm::Reversible, Onset::Immediate) => {
                Self::High
            }
            (Harm::DeathOrIrreversible, Onset::Delayed)
            | (Harm::Reversible, Onset::Prompt)
            | (Harm::Minor, Onset::Immediate) => Self::Medium,
            (Harm::Reversible, Onset::Delayed) | (Harm::Minor, Onset::Prompt | Onset::Delayed) => Self::Low,
        }
    }

    /// The next more urgent one; high stays high.
    #[must_use]
    pub const fn raised(self) -> Self {
        match self {
            Self::Low => Self::Medium,
            Self::Medium | Self::High => Self::High,
        }
    }
}

impl fmt::Display for Priority {
    /// `high`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        })
    }
}

impl fmt::Display for Harm {
    /// `death or irreversible injury`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeathOrIrreversible => "death or irreversible injury",
            Self::Reversible => "reversible injury",
            Self::Minor => "minor injury or discomfort",
        })
    }
}

impl fmt::Display for Onset {
    /// `prompt`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Immediate => "immediate",
            Self::Prompt => "prompt",
            Self::Delayed => "delayed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_the_standard() {
        use Harm::{DeathOrIrreversible, Minor, Reversible};
        use Priority::{High, Low, Medium};
        let row = |harm| [Onset::Immediate, Onset::Prompt, Onset::Delayed].map(|onset| Priority::of(harm, onset));
        assert_eq!(row(DeathOrIrreversible), [High, High, Medium]);
        assert_eq!(row(Reversible), [High, Medium, Low]);
        assert_eq!(row(Minor), [Medium, Low, Low]);
    }

    #[test]
    fn harm_and_onset_are_named_as_the_standard_does() {
        let onsets = [Onset::Immediate, Onset::Prompt, Onset::Delayed].map(|onset| onset.to_string());
        assert_eq!(onsets, ["immediate", "prompt", "delayed"]);
        let harms = [Harm::DeathOrIrreversible, Harm::Reversible, Harm::Minor].map(|harm| harm.to_string());
        assert_eq!(harms, ["death or irreversible injury", "reversible injury", "minor injury or discomfort"]);
    }
}
