//! The patient remote as one pure machine: it decides, and what it decides comes out as values.
//!
//! Reading order: [`screen`] (what a person sees and does), [`therapy`] (may a dose be asked for?), [`ledger`] (the life of
//! one request), [`audit`] (what is remembered, and how a change to it is found), [`selftest`] (is this remote fit to be
//! used?), [`remote`] (the machine composed of them), [`cues`] (what is played without an alarm), [`pairing`] (what comes before
//! there is a pump), [`set_time`] (a clock that is set by hand), [`calendar`] (what people call a day).
//!
//! # Promises
//! - Nothing here reads a clock, a file, a socket or a source of randomness: all of them are arguments.
//! - A COMMIT is handed out only after its record is durable; a restart restores the same open question; the same id is
//!   never asked to run twice.
#![forbid(unsafe_code)]

pub mod annunciation;
pub mod audit;
pub mod calendar;
pub mod cues;
#[cfg(test)]
mod fixtures;
pub mod ledger;
pub mod pairing;
pub mod remote;
pub mod screen;
pub mod selftest;
pub mod set_time;
pub mod therapy;
