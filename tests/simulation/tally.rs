//! What happened in all lives together: proof that the invariants were asked in interesting places.

use std::{collections::BTreeMap, fmt, iter::Sum};

use pump_core::audit::event::Event;

/// How often each kind of thing happened: a record's line by its kind, and a few things that no line tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub(crate) fn count(&mut self, event: &Event) {
        self.add(event.kind(), 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    pub(crate) fn set(&mut self, what: &'static str, times: usize) {
        self.0.insert(what, times as u64);
    }

    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Each of these happens so often, or the simulation looks away.
    pub(crate) fn assert_at_least(&self, least: &[(&str, u64)]) {
        for (what, least) in least {
            assert!(self.of(what) >= *least, "only {} of {what:?}, at least {least} expected", self.of(what));
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        let mut sum = Self::default();
        for (what, times) in tallies.flat_map(|tally| tally.0) {
            sum.add(what, times);
        }
        sum
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, times)| writeln!(f, "{times:>12}  {what}"))
    }
}
