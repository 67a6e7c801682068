//! Everything under `corpus/` keeps every promise: real messages, what the fuzzer found to lead somewhere, and whatever ever broke
//! something.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use pump_fuzz::{TARGETS, Target, seeds};

/// As much as a repository should carry of what a machine can make again.
const CORPUS_LEN_MAX: u64 = 300_000;

fn inputs(target: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&dir).expect("every target has a corpus");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths
}

fn broken(name: &str, target: Target) -> usize {
    let paths = inputs(name);
    assert!(paths.len() >= 10, "{name}: {} inputs prove little", paths.len());
    let breaks = |path: &&PathBuf| {
        let bytes = fs::read(path).expect("a file");
        let ran = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
        ran.inspect_err(|_| eprintln!("^ {}", path.display())).is_err()
    };
    paths.iter().filter(breaks).count()
}

#[test]
fn whatever_was_worth_keeping_keeps_every_promise() {
    std::thread::scope(|scope| {
        let told = TARGETS.map(|(name, target)| (name, scope.spawn(move || broken(name, target))));
        for (name, broken) in told {
            assert_eq!(broken.join().ok(), Some(0), "{name}: each is named above");
        }
    });
}

#[test]
fn the_corpus_stays_small() {
    let len = |path: &PathBuf| fs::metadata(path).expect("a file").len();
    let all: u64 = TARGETS.iter().map(|(name, _)| inputs(name).iter().map(len).sum::<u64>()).sum();
    assert!(all <= CORPUS_LEN_MAX, "{all} bytes");
}

#[test]
fn every_real_message_is_in_the_corpus() {
    for (target, name, bytes) in seeds::all() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target).join(&name);
        let found = fs::read(&path).ok();
        assert!(found == Some(bytes), "{target}/{name} is another: cargo run -p pump-fuzz --bin fuzz-seeds");
    }
}

/// Canonical for good: no two byte strings mean the same, in any form that there is.
#[test]
fn no_changed_byte_of_a_real_message_makes_a_second_spelling() {
    let mut tried = 0;
    for (name, _, bytes) in seeds::all() {
        // A long life that is restored and lived on at every change takes minutes: the fuzzer's.
        if bytes.len() > 1_000 {
            continue;
        }
        let Some((_, target)) = TARGETS.iter().find(|(target, _)| *target == name && ["wire", "kept"].contains(target))
        else {
            continue;
        };
        for at in 1..bytes.len() {
            for to in [0, 1, 0x0F, 0x33, 0xFF, bytes[at] ^ 1, bytes[at] ^ 0x80, bytes[at].wrapping_add(1)] {
                let mut changed = bytes.clone();
                changed[at] = to;
                target(&changed);
                tried += 1;
            }
        }
    }
    assert!(tried > 20_000, "{tried}");
}
