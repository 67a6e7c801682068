//! A simulated intrathecal pump with rules of its own, and a radio that fails on script.
//!
//! It shares the vocabulary with the remote and none of its judgement: whether a dose may be given is decided here a second
//! time, from the pump's own record and on the pump's own clock. Two accounts that agree by copying would prove nothing.
//!
//! Reading order: [`pump`] (the machine and its time), `motor` (how drug moves), `accounts` (what counts against a dose),
//! `requests` and `answers` (one id, one fate), [`clinic`] (what a hand or a fault does to it), [`durable`] (what outlives
//! its power), [`faults`] (what the radio does to it), [`console`] (all of it by typing).
//!
//! # How a host drives it
//! 1. [`Pump::advance`] by the time that has passed.
//! 2. [`Pump::session_opened`] at a session's first valid frame; [`Pump::handle`] for each command in it.
//! 3. If [`Pump::must_persist`]: write [`Pump::durable`], then call [`Pump::persisted`].
//! 4. Only then send the reply, and what [`Pump::take_status`] has to say.
//!
//! # Promises
//! - One id runs at most once, whatever is said, in whatever order, in whatever session.
//! - One long step of time ends in the same state as many short ones.
//! - No input makes it panic, and nothing in it grows without bound.
//! - It reads no clock, file, socket or source of randomness; all of them are arguments.
#![forbid(unsafe_code)]

mod accounts;
mod annunciations;
mod answers;
pub mod clinic;
pub mod console;
pub mod durable;
pub mod faults;
mod history;
mod motor;
pub mod pump;
mod requests;

pub use clinic::ClinicRefused;
pub use durable::DamagedPump;
pub use pump::{Pump, Setup};

#[cfg(test)]
mod stories;
