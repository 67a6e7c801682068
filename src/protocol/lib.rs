//! What a patient remote and an intrathecal pump share, and nothing that either decides alone.
//!
//! Reading order: [`quantity`] and [`clock`] (what a number means), [`prescription`], [`report`] and [`history`] (what the
//! pump says of itself), [`message`] (what is said, in which order), [`wire`] (how it looks as bytes), [`fragment`] and
//! [`session`] (how the bytes travel so that nobody else can read, change or repeat them).
//!
//! # Promises
//! - Nothing here reads a clock, a file, a socket or a source of randomness: all of them are arguments.
//! - Every value has exactly one encoding, and a decoder never panics, whatever the bytes.
//! - Nothing is unbounded: every text, list and frame has a stated limit.
#![forbid(unsafe_code)]

pub mod clock;
pub mod fragment;
pub mod history;
pub mod message;
pub mod prescription;
pub mod quantity;
pub mod report;
pub mod session;
pub mod wire;
