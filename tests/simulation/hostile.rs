//! Many lives of a machine that is told anything: [`pump_tests::hostile`].

use std::{collections::BTreeSet, time::Duration};

use pump_tests::{chance::Chance, hostile, permitted};

use crate::{Again, from_environment, seeds};

/// A fifth of a million turns: some two seconds in a debug build.
const RUNS: u64 = 400;
const TURNS: u32 = 500;
/// A turn in a debug build on a busy machine; a release build is some thirty times as fast.
const TURN_MAX: Duration = Duration::from_millis(1_500);

#[test]
fn nothing_that_can_be_said_to_the_machine_stops_it() {
    let runs = from_environment("RUNS").unwrap_or(RUNS);
    let mut been = BTreeSet::new();
    let lives = seeds(runs).map(|seed| {
        let _again = Again { test: "hostile", seed };
        (hostile::live(&format!("seed {seed}"), Chance::new(seed), TURNS, &mut been), seed)
    });
    let (slowest, seed) = lives.max().unwrap_or_default();
    println!("slowest turn: {slowest:.1?}");
    assert!(slowest < TURN_MAX, "seed {seed}: a turn of {slowest:?}");
    let missed: Vec<_> = permitted::pages().filter(|page| !been.contains(page)).collect();
    assert!(
        seeds(runs).count() < usize::try_from(RUNS).expect("few") || missed.is_empty(),
        "not every page was reached: {missed:?}"
    );
}
