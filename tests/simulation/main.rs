//! Lives of a remote and a pump: patients, clinics, radios, disks and clocks do what they like, and every promise holds.
//!
//! Each seed is one [`life`], and decides everything in it. After each step every invariant is asked ([`invariants`]); at the
//! end all faults are taken away, ten minutes pass, and no question may be open. What happened is counted: a run in which
//! nothing goes wrong proves nothing.
//!
//! A life that breaks a promise is made short ([`shrink`]), printed step by step with the command that lives it again, and its
//! record is written as an export, of which `audit-tool replay` tells every request in words.
//!
//! | | command |
//! |---|---|
//! | more stories | `RUNS=100000 cargo test --profile proof -p pump-tests --test simulation whatever_happens -- --nocapture` |
//! | more years | `YEARS=10000 cargo test --profile proof -p pump-tests --test simulation years -- --nocapture` |
//! | one life (`LIFE=dark` or `LIFE=year` for the other kinds) | `SEED=17 cargo test -p pump-tests --test simulation whatever_happens -- --nocapture`, `LIFE=year SEED=17 …` |
//! | over real sealed frames | `SEALED=1 YEARS=10 cargo test --profile proof -p pump-tests --test simulation years -- --nocapture` |

mod actions;
mod hostile;
mod invariants;
mod liar;
mod life;
mod shrink;
mod tally;

use std::{
    num::NonZero,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use pump_core::audit::{
    export::{ExportReader, FRAME_HEADER_LEN, MAGIC, content_len},
    story::{self as audit, Standing},
};

use self::{
    life::{Kind, Life},
    tally::Tally,
};

/// Twenty seconds in a debug build; enough for each kind of fault to meet each state of a request some ten times.
const RUNS: u64 = 800;
/// The same, for years.
const YEARS: u64 = 4;
/// Stories that have broken a promise, always lived again. A new kind of action makes other stories of them: what they found
/// stands as a scenario of its own, too (`src/design/bugs.md`).
const FOUND: [u64; 5] = [498, 1349, 3_301, 27_707, 91_395];
/// Years that have broken one, and the steps that were enough.
const FOUND_IN_YEARS: [(u64, &[u32]); 2] = [
    (484, &[136]),
    (
        493,
        &[
            1679, 1830, 1832, 1833, 1834, 1836, 1838, 1840, 1864, 1866, 1868, 1870, 1872, 1874, 1875, 1876, 1878, 1880,
            1881, 1882,
        ],
    ),
];

#[test]
fn whatever_happens_every_promise_holds_and_every_question_is_answered() {
    if let Some(seed) = from_environment("SEED") {
        return live_one(seed);
    }
    let runs = from_environment("RUNS").unwrap_or(RUNS);
    let (tally, took) = live_all(Kind::Story, runs);
    println!("{runs} stories in {took:.1?}:\n{tally}");
    tally.assert_at_least(&[
        ("full holds", runs),
        ("COMMIT sent", runs / 2),
        ("delivered", runs / 4),
        ("delivered_in_part", runs / 20),
        ("not_given", runs / 10),
        ("denied", runs / 100),
        ("rejected", runs / 500),
        ("assumed_given", runs / 1000),
        ("history_gap", runs / 500),
        ("records_lost", runs / 500),
        ("NOT SURE begun", runs / 5),
        ("commit_withheld", runs / 100),
        ("attempt_refused", runs / 2),
        ("stop_asked", runs / 10),
        ("started", runs * 2),
        ("pump_reset", runs / 10),
        ("dose_of_others", runs / 10),
        ("code_wrong", runs / 40),
        ("attempt_unconfirmed", runs / 100),
        ("alarm_raised", runs / 2),
        ("clock_stepped", runs / 20),
        ("pump_clock_set", runs / 20),
        ("liquid_changed", runs / 20),
        ("trouble_began", runs / 40),
        ("changes_seen", runs / 10),
    ]);
}

/// The same stories on a display that goes dark, and on a link that rests then.
#[test]
fn in_the_dark_every_promise_holds() {
    let runs = from_environment("RUNS").unwrap_or(RUNS) / 2;
    let (tally, took) = live_all(Kind::Dark, runs);
    println!("{runs} stories in the dark in {took:.1?}:\n{tally}");
    tally.assert_at_least(&[
        ("full holds", runs),
        ("rests", 4 * runs),
        ("delivered", runs / 8),
        ("NOT SURE begun", runs / 10),
        ("NOT SURE ended", runs / 10),
        ("alarm_raised", runs / 2),
    ]);
}

#[test]
fn what_once_broke_a_promise_keeps_it() {
    let stories = FOUND.map(|seed| Life::whole(Kind::Story, seed));
    let steps = FOUND_IN_YEARS.map(|(seed, steps)| Life { steps: steps.to_vec(), ..Life::whole(Kind::Year, seed) });
    for life in stories.into_iter().chain(steps) {
        if let Some(broken) = life.live().broken {
            tell(&life, &broken);
        }
    }
}

#[test]
fn over_years_every_promise_holds() {
    let years = from_environment("YEARS").unwrap_or(YEARS);
    let (tally, took) = live_all(Kind::Year, years);
    let days = years * Life::whole(Kind::Year, 0).days();
    println!("{years} patient-years, {days} patient-days in {took:.1?}:\n{tally}");
    tally.assert_at_least(&[
        ("full holds", 4 * days),
        ("READ REPORT sent", 96 * days),
        ("HELLO sent", 8 * days),
        ("delivered", days / 2),
        ("NOT SURE ended", years),
        ("refilled", 10 * years),
        ("prescription_read", 10 * years),
    ]);
}

fn live_one(seed: u64) {
    let kind = match std::env::var("LIFE").as_deref() {
        Ok("year") => Kind::Year,
        Ok("dark") => Kind::Dark,
        _ => Kind::Story,
    };
    let mut life = Life::whole(kind, seed);
    if let Ok(steps) = std::env::var("STEPS") {
        life.steps = steps.split(',').map(|step| step.parse().expect("a number of a step")).collect();
    }
    let lived = life.live_aloud();
    println!("{}{}", lived.told, lived.story.judge.tally);
    assert_eq!(lived.broken, None);
}

/// As many lives, on all cores. The first that breaks a promise is told, and fails.
fn live_all(kind: Kind, lives: u64) -> (Tally, Duration) {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let worker = || {
        let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|seed| *seed < lives);
        let mut broken = None;
        let tally = seeds
            .map_while(|seed| {
                let mut lived = Life::whole(kind, seed).live();
                broken = lived.broken.take().map(|broken| (seed, broken));
                broken.is_none().then_some(lived.story.judge.tally)
            })
            .sum();
        (tally, broken)
    };
    let told: Vec<(Tally, Option<(u64, life::Broken)>)> = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..thread::available_parallelism().map_or(1, NonZero::get)).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker catches what breaks")).collect()
    });
    let took = began.elapsed();
    let (tallies, broken): (Vec<Tally>, Vec<_>) = told.into_iter().unzip();
    if let Some((seed, broken)) = broken.into_iter().flatten().min_by_key(|(seed, _)| *seed) {
        tell(&Life::whole(kind, seed), &broken);
    }
    (tallies.into_iter().sum(), took)
}

/// Makes the life short, tells it, and fails.
#[expect(clippy::panic, reason = "a broken promise ends the test")]
fn tell(life: &Life, broken: &life::Broken) -> ! {
    let (shortest, lived) = shrink::shortest(life, broken);
    let replay = shrink::write_replay(&shortest, &lived, Path::new(env!("CARGO_TARGET_TMPDIR")));
    let replay = match replay {
        Ok((id, path)) => format!("its record in words: audit-tool replay {id} {}", path.display()),
        Err(error) => format!("its record could not be written: {error}"),
    };
    println!("{}", lived.told);
    panic!("seed {}: {}\n{}\nagain: {}\n{replay}", life.seed, broken.promise, broken.said, shrink::command(&shortest));
}

#[test]
fn a_life_is_made_short_and_its_record_tells_it() {
    let happens = |life: &Life| life.live().story.judge.tally.of("delivered_in_part") > 0;
    let life = (0..200).map(|seed| Life::whole(Kind::Story, seed)).find(happens).expect("one of some twenty");
    let steps = shrink::shrink(life.steps.clone(), |steps| happens(&Life { steps: steps.to_vec(), ..life.clone() }));
    assert!((1..10).contains(&steps.len()), "one press and one thing that cuts it short are enough: {steps:?}");
    let short = Life { steps, ..life };
    let lived = short.live_aloud();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (last, path) = shrink::write_replay(&short, &lived, dir).expect("written");
    let bytes = std::fs::read(path).expect("read again");
    let (mut reader, mut rest) = (ExportReader::new(), &bytes[MAGIC.len()..]);
    let mut stories: Vec<audit::Story> = (1..=last).map(audit::Story::of).collect();
    while let Some((header, behind)) = rest.split_first_chunk::<FRAME_HEADER_LEN>() {
        let (content, behind) = behind.split_at(content_len(*header).expect("bounded"));
        let (next, line) = reader.frame(*header, content).expect("as it was written");
        (reader, rest) = (next, behind);
        if let Some(line) = line {
            for story in &mut stories {
                story.take(&line.record);
            }
        }
    }
    assert!(reader.finish().expect("whole").signed);
    let in_part =
        |story: &audit::Story| matches!(story.standing(), Standing::Ended(words) if words.contains("IN PART"));
    assert!(stories.iter().any(in_part), "{stories:?}");
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

/// Tells how to live a life again that ends in a panic.
struct Again {
    test: &'static str,
    seed: u64,
}

impl Drop for Again {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("SEED={} cargo test -p pump-tests --test simulation {}", self.seed, self.test);
        }
    }
}

/// The seeds to live: as many, or the one that `SEED` names.
fn seeds(runs: u64) -> std::ops::Range<u64> {
    from_environment("SEED").map_or(0..runs, |seed| seed..seed + 1)
}
