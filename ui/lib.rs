//! The remote's pages: looks and words.
//!
//! The Slint sources beside this file are compiled into the types exported here. [`AppWindow`] is the window; what it shows
//! and what it tells goes through its globals, one per concern, all of them in `adapters.slint`.
//!
//! # Promises
//! - No page decides anything about therapy: amounts and times come as strings, everything else as a code.
//! - Whether a press was a hold is not decided here: [`Hands`] tells levels.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::panic,
    clippy::todo
)]

slint::include_modules!();

/// What parts the whole from its fractions in this language.
pub use i_slint_common::decimal_separator_for_locale as decimal_separator;
