//! Alarms: one engine from conditions to signals (IEC 60601-1-8).
//!
//! Reading order: [`condition`] (what can be wrong, and the table of what follows), [`priority`] (how urgent that is),
//! [`watch`] (what the remote measures of itself), [`standing`] (the life of one condition), [`engine`] (all of them, and the
//! sound), [`signal`] (light, sound and vibration).
//!
//! # The seam
//! Each turn the machine tells [`Alarms::observe`] what is the case, records the [`Change`]s that come out, keeps
//! [`Alarms::kept`] with its batch, tells the pump what [`Alarms::owed_to_pump`] lists, and wakes at
//! [`Alarms::poll_timeout`]. A person's hand is [`Alarms::acknowledge`] and [`Alarms::pause_audio`]; the page shows
//! [`Alarms::list`], and whoever has lamp and sounder plays [`Alarms::signals`].
//!
//! # Terms
//! - *acknowledged*: somebody has seen it. It is no longer signalled, it stays listed while its cause lasts, and it comes
//!   back after a while if it still does.
//! - *audio paused*: the sound rests for at most two minutes, whatever is wrong; light and vibration go on.

pub mod condition;
pub mod engine;
pub mod priority;
pub mod signal;
pub mod standing;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod walk;
pub mod watch;

pub use self::{
    condition::AlarmCondition,
    engine::{Alarms, KeptAlarms, Observed},
    priority::Priority,
    signal::{Signals, Surroundings},
    standing::{Attention, Change, Standing},
    watch::Watch,
};
