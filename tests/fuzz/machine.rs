//! The machine, told anything: [`pump_tests::hostile`], with the bytes in chance's place.

use std::collections::BTreeSet;

use pump_tests::{chance::Chance, hostile};

/// Enough for whatever 4 KiB can say.
const TURNS: u32 = 2_000;

/// The target.
pub fn run(bytes: &[u8]) {
    hostile::live("these bytes", Chance::from_bytes(bytes), TURNS, &mut BTreeSet::new());
}
