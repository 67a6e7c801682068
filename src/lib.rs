//! A handheld remote for a person with an implanted intrathecal pump: it asks for the prescribed demand dose, enforces the
//! lockout beside the pump, and keeps a record that a clinic can trust.
//!
//! # Reading order
//! 1. `pump-protocol`: what remote and pump share: quantities, clocks, prescription, messages, session.
//! 2. `pump-core`: the remote as one pure machine. Its three promises stand at the head of `remote`.
//! 3. `simulated-pump`: a pump with rules of its own, as a second opinion.
//! 4. [`shell`]: one loop between the machine and the world.
//! 5. [`adapters`]: one outside thing each.
//! 6. `pump-ui`: looks and words.
//!
//! Decisions, hazards, the link protocol and the known limits stand in `src/design/`.
#![forbid(unsafe_code)]

pub mod adapters;
pub mod shell;
