//! What a fuzzer is let loose on: each target takes any bytes, and panics if a promise is broken.
//!
//! `tests/fuzz/run` feeds them with what the fuzzer makes up; the test `corpus` feeds them with what is committed under
//! `corpus/`: real messages, what the fuzzer found to lead somewhere, and every input that ever broke something.
//!
//! | target | what the bytes are | what must hold |
//! |---|---|---|
//! | [`wire`] | a message, a durable form of the protocol, fragments | what is read is written the same way again |
//! | [`session`] | what an opponent on the link does, and when | nothing of his is taken, no key of his pinned, and both ends find each other again |
//! | [`card`] | what is typed as a card's secret | it is read as it would be printed, or refused |
//! | [`config`] | a configuration file | it is read within its ranges, or refused with a sentence |
//! | [`record`] | changes to a record's file and its log | the record it was, or a refusal that names what is wrong; a refused file stays as it was |
//! | [`export`] | changes to an export | the export it was, or a refusal |
//! | [`kept`] | kept state and lines of the record | one spelling; a machine restored from it runs |
//! | [`machine`] | what is said to the machine | nothing stops it, nothing in it grows |
//! | [`story`] | what happens to patient, remote, pump, radio, disk | every promise of the simulation |
//! | [`pump`] | what is said and done to the simulated pump | one id runs once; a restored pump is the same pump |
#![forbid(unsafe_code)]
#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a target panics when a promise is broken: that is how it reports"
)]

pub mod card;
pub mod config;
pub mod export;
pub mod kept;
pub mod machine;
pub mod pump;
pub mod record;
pub mod seeds;
pub mod session;
pub mod story;
pub mod wire;

// The simulation's own stories, told by bytes instead of seeds.
#[allow(dead_code, reason = "the simulation uses what this crate doesn't")]
#[path = "../simulation/actions.rs"]
mod actions;
#[allow(dead_code, reason = "the simulation uses what this crate doesn't")]
#[path = "../simulation/invariants.rs"]
mod invariants;
#[allow(dead_code, reason = "the simulation uses what this crate doesn't")]
#[path = "../simulation/tally.rs"]
mod tally;

/// One thing that a fuzzer is let loose on.
pub type Target = fn(&[u8]);

/// All of them, by the name of their corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("card", card::run),
    ("config", config::run),
    ("export", export::run),
    ("kept", kept::run),
    ("machine", machine::run),
    ("pump", pump::run),
    ("record", record::run),
    ("session", session::run),
    ("story", story::run),
    ("wire", wire::run),
];
