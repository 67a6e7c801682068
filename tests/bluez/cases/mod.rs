//! The cases, in the order in which they are run.

mod bumble;
mod cut;
mod cycles;
mod daemon;
mod dose;
mod figures;
mod hostile;
mod killed;
mod pairing;
mod suspend;

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
    "pairing with the card's secret", Short, pairing::right;
    "pairing with another card's secret", Short, pairing::wrong_secret;
    "pairing while the window is closed", Short, pairing::window_closed;
    "pairing cut before and after its last word", Long, pairing::interrupted;
    "pairing by a remote that dies once bonded", Long, pairing::killed;
    "a remote whose key is taken back", Long, pairing::revoked;
    "a lost remote and its successor", Long, pairing::replaced;
    "a remote that goes out of use", Long, pairing::decommissioned;
    "a pump on another host stack", Short, bumble::pump;
    "a dose from end to end", Short, dose::end_to_end;
    "a hold in the lockout", Short, dose::lockout;
    "a dose that the pump denies", Long, dose::denied;
    "a dose as the record tells it", Long, dose::recorded;
    "the reservoir for the caregiver", Short, dose::reservoir;
    "link cut after GRANT", Short, cut::after_grant;
    "link cut before COMMIT", Short, cut::before_commit;
    "link cut after COMMIT", Short, cut::after_commit;
    "link cut in mid-delivery", Short, cut::in_delivery;
    "Stop over a flapping link", Short, cut::stop_flapping;
    "pump reset in mid-bolus", Short, cut::pump_reset;
    "bluetoothd killed before COMMIT", Short, daemon::killed_before;
    "bluetoothd killed during COMMIT", Short, daemon::killed_during;
    "bluetoothd killed while it is asked", Long, daemon::killed_anywhere;
    "bluetoothd killed after COMMIT", Short, daemon::killed_after;
    "adapters off and on", Short, daemon::adapters;
    "radios taken away and back", Long, daemon::taken_away;
    "suspended in mid-delivery", Long, suspend::in_delivery;
    "remote killed as it asks", Long, killed::asking;
    "remote killed when it has asked", Short, killed::prepared;
    "remote killed when its COMMIT is lost", Long, killed::intended;
    "remote killed when it has committed", Short, killed::committed;
    "remote killed while the dose goes in", Long, killed::accepted;
    "remote killed when Stop is not heard", Long, killed::stopping;
    "remote killed when all is settled", Long, killed::settled;
    "access without encryption", Short, bumble::stranger;
    "a bonded machine without our key", Short, hostile::bonded_without_key;
    "recorded frames", Short, hostile::replayed;
    "a pump that speaks garbage", Short, hostile::garbage;
    "a pump that floods", Short, hostile::flood;
    "a pump that says nothing", Long, hostile::mute;
    "a pump that answers late", Short, hostile::late;
    "a pump whose table goes and comes back", Short, hostile::table;
    "a hundred connections", Long, cycles::hundred;
    "figures beside bare exchanges", Long, figures::beside_bare;
}
