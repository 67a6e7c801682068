//! The cases, in the order in which they are run.

mod figures;

use futures::future::BoxFuture;

use crate::bench::Bench;

/// A case.
pub(crate) struct Case {
    /// A short sentence.
    pub(crate) name: &'static str,
    /// When it is run.
    pub(crate) set: Set,
    /// A note for the case's line, or what is wrong.
    pub(crate) run: for<'a> fn(&'a mut Bench) -> BoxFuture<'a, anyhow::Result<String>>,
}

/// When a case is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// Before every change.
    Short,
    /// By command.
    Long,
}

macro_rules! cases {
    ($($name:literal, $set:ident, $($run:ident)::+;)*) => {
        /// Every case.
        pub(crate) const CASES: &[Case] =
            &[$(Case { name: $name, set: Set::$set, run: |bench| Box::pin($($run)::+(bench)) },)*];
    };
}

cases! {
    "bare exchanges", Long, figures::bare;
}
