//! The first randomized run: patients, clinics, radios, disks and clocks do what they like, and every promise holds.
//!
//! Each seed is one story of a remote and a pump. After each step every invariant is asked ([`invariants`]); at the end all
//! faults are taken away, ten minutes pass, and no question may be open. What happened is counted: a run in which nothing
//! goes wrong proves nothing.
//!
//! Replay a failure: `SEED=17 cargo test -p pump-tests --test simulation`. More of them: `RUNS=100000 cargo test ...`.

mod actions;
mod hostile;
mod invariants;
mod liar;
mod tally;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicUsize, Ordering},
};

use pump_protocol::quantity::Millis;
use pump_tests::chance::{self, Chance};

use self::{actions::Story, invariants::every_question_is_answered_in_the_end, tally::Tally};

/// Twenty seconds in a debug build; enough for each kind of fault to meet each state of a request some ten times.
const RUNS: u64 = 800;
/// How many things happen in one story.
const ACTIONS: u32 = 40;

static FAILED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn whatever_happens_every_promise_holds_and_every_question_is_answered() {
    if let Some(seed) = from_environment("SEED") {
        let tally = live(seed, true);
        println!("{tally:#?}");
        return;
    }
    let runs = from_environment("RUNS").unwrap_or(RUNS);
    let began = std::time::Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads as u64)
            .map(|first| scope.spawn(move || (first..runs).step_by(threads).filter_map(tell).sum::<Tally>()))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let tally: Tally = tallies.into_iter().sum();
    let failed = FAILED.load(Ordering::Relaxed);
    assert_eq!(failed, 0, "so many of {runs} stories broke a promise; each names its seed above");
    println!("{runs} runs in {:.1?}: {tally:#?}", began.elapsed());
    tally.assert_that_enough_happened(runs);
}

/// One story; a failure names its seed.
fn tell(seed: u64) -> Option<Tally> {
    let told = catch_unwind(AssertUnwindSafe(|| live(seed, false)));
    if told.is_err() {
        FAILED.fetch_add(1, Ordering::Relaxed);
        eprintln!("^ seed {seed}; replay: SEED={seed} cargo test -p pump-tests --test simulation -- --nocapture\n");
    }
    told.ok()
}

fn live(seed: u64, aloud: bool) -> Tally {
    let mut chance = Chance::new(seed);
    let mut story = Story::begin(&mut chance);
    for _ in 0..ACTIONS {
        let action = story.choose(&mut chance);
        if aloud {
            println!("{:>10} {:?}  {action:?}", story.world.now().uptime.millis(), story.world.face());
        }
        story.act(action, &mut chance);
        invariants::hold(&mut story);
    }
    story.all_is_well_again();
    story.world.doze(Millis::from_mins(10), Millis::from_secs(2));
    if aloud {
        println!("{:>10} {:?}  the end", story.world.now().uptime.millis(), story.world.face());
    }
    invariants::hold(&mut story);
    every_question_is_answered_in_the_end(&story);
    story.tally()
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}
