//! How many requests were followed, and how they ended.

use core::fmt;

use crate::ledger::Outcome;

/// How many requests were followed, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Full holds that asked for a dose.
    pub asked: u64,
    /// Requests that were open already where the lines begin, or whose first line is lost.
    pub begun_before: u64,
    /// The whole dose went in.
    pub given: u64,
    /// A part went in.
    pub in_part: u64,
    /// The pump said no to PREPARE or to COMMIT.
    pub denied: u64,
    /// Nothing went in.
    pub not_given: u64,
    /// No answer can come any more.
    pub assumed: u64,
}

impl Counts {
    pub(super) const fn ended(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Delivered { .. } => &mut self.given,
            Outcome::DeliveredInPart { .. } => &mut self.in_part,
            Outcome::Denied(_) | Outcome::Rejected(_) => &mut self.denied,
            Outcome::NotGiven(_) => &mut self.not_given,
            Outcome::AssumedGiven => &mut self.assumed,
        };
        *count = count.saturating_add(1);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests followed", self.asked.saturating_add(self.begun_before))?;
        let told = [
            (self.begun_before, "begun before the lines at hand"),
            (self.given, "given"),
            (self.in_part, "given in part"),
            (self.denied, "denied by the pump"),
            (self.not_given, "not given"),
            (self.assumed, "assumed given"),
        ];
        told.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, how)| write!(f, ", {count} {how}"))
    }
}
