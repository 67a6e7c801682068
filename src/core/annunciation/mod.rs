//! Alarms: one engine from conditions to signals (IEC 60601-1-8).
//!
//! Reading order: [`condition`] (what can be wrong, and the table of what follows), [`priority`] (how urgent that is),
//! [`watch`] (what the remote measures of itself).

pub mod condition;
pub mod priority;
pub mod watch;
