//! A disk that is full, can only be read, or fails: from every call on, for one call or until the page has said so.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use disk_tests::{RECORD, told::Told};
use nix::errno::Errno;

use crate::{
    story::{Beginning, End, Story, Work},
    tracer::{Act, Call},
};

const OPENED: Work = Work { presses: 0, prune: false };
const ONE_PRESS: Work = Work { presses: 1, prune: false };
/// One with two presses has something to do after the disk is mended.
const TWO_PRESSES: Work = Work { presses: 2, prune: false };

/// How long a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasting {
    OneCall,
    /// Until the page has said that nothing can be recorded, and some calls more.
    UntilSaid,
}

/// What a kind of trouble refuses.
fn refuses(errno: Errno, call: &Call) -> bool {
    let grows = matches!(call.name, "pwrite64" | "write" | "writev" | "ftruncate" | "fallocate" | "mkdir");
    match errno {
        // A full disk takes no bytes, a read-only one takes no change; a broken one may fail at anything.
        Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG => grows,
        Errno::EROFS => call.changes && !matches!(call.name, "fsync" | "fdatasync"),
        _ => call.changes || matches!(call.name, "pread64" | "read"),
    }
}

/// Lets a disk fail at each of the calls that it can fail at, and judges what was said, what is there, and that it goes on.
fn refused_at_every_call(errno: Errno, lasting: Lasting, stride: u32) {
    let all = std::env::var("CALLS").is_ok_and(|calls| calls == "all");
    let stride = if all { 1 } else { stride };
    let (mut at, mut runs, mut said, mut unopened, mut refused) = (0, 0, 0, 0, 0);
    loop {
        let (mut story, page_says) = (Story::new(Beginning::Nothing), Arc::new(AtomicBool::new(false)));
        let failed = AtomicU32::new(0);
        let (mut seen, mut more) = (0, 12);
        let decide = |call: &Call| {
            if !refuses(errno, call) {
                return Act::Go;
            }
            seen += 1;
            let ended = match lasting {
                Lasting::OneCall => failed.load(Ordering::SeqCst) > 0,
                Lasting::UntilSaid => page_says.load(Ordering::SeqCst) && more == 0,
            };
            if seen <= at || ended {
                return Act::Go;
            }
            if page_says.load(Ordering::SeqCst) {
                more -= 1;
            }
            failed.fetch_add(1, Ordering::SeqCst);
            Act::Fail(errno)
        };
        let hear = |told: &Told| {
            if matches!(told, Told::Face(face) if face.contains("RecordNotWritable")) {
                page_says.store(true, Ordering::SeqCst);
            }
        };
        let first = story.write(TWO_PRESSES, decide, hear);
        let what = format!("{errno} {lasting:?} from call {at} on");
        if failed.load(Ordering::SeqCst) == 0 {
            assert!(matches!(first, Ok(End::Done)), "{what}: {first:?}");
            break;
        }
        // Whether or not it came to that: what is on the disk is whole, and the next one goes on with it.
        assert!(matches!(first, Ok(End::Done | End::Unopened)), "{what}: {first:?}");
        let next = story.write(ONE_PRESS, |_| Act::Go, |_| {});
        assert!(matches!(next, Ok(End::Done)), "{what}, after a {first:?}: {next:?}");
        let judged = story.judge();
        assert!(judged.is_ok(), "{what}: {judged:?}");
        runs += 1;
        said += u32::from(page_says.load(Ordering::SeqCst));
        unopened += u32::from(matches!(first, Ok(End::Unopened)));
        refused += story.bedside.counts.refused;
        at += stride;
    }
    assert!(runs > 0);
    // proves R-ANS-10
    assert!(lasting == Lasting::OneCall || said > 0, "the page never said that nothing can be recorded");
    println!(
        "{errno} {lasting:?}: {runs} runs, {unopened} of them could not open the record and said so, {refused} batches refused, \
         {said} times the page said that nothing can be recorded"
    );
}

/// Lets the disk fail from each call on for the rest of a first start, which makes the record; the next start must find none, or all of it.
fn refused_while_it_is_made(errno: Errno) {
    let (mut at, mut unopened) = (0, 0);
    loop {
        let mut story = Story::new(Beginning::Nothing);
        let (mut seen, mut failed) = (0, 0);
        let decide = |call: &Call| {
            seen += u32::from(refuses(errno, call));
            let fails = refuses(errno, call) && seen > at;
            failed += u32::from(fails);
            if fails { Act::Fail(errno) } else { Act::Go }
        };
        let first = story.write(OPENED, decide, |_| {});
        let mut why = String::new();
        let next = story.write(
            OPENED,
            |_| Act::Go,
            |told| {
                if let Told::Unopened(said) = told {
                    why.clone_from(said);
                }
            },
        );
        assert!(matches!(first, Ok(End::Done | End::Unopened)), "{errno} from call {at} on: {first:?}");
        assert!(matches!(next, Ok(End::Done)), "{errno} from call {at} on, {first:?}: {next:?} {why}");
        if failed == 0 {
            break;
        }
        unopened += u32::from(matches!(first, Ok(End::Unopened)));
        at += 1;
    }
    assert!(unopened > 0);
    println!(
        "{errno} while the record is made: {at} calls, {unopened} of them so that it wasn't made, and was at the next start"
    );
}

#[test]
fn a_record_whose_making_met_a_full_disk_is_made_at_the_next_start() {
    refused_while_it_is_made(Errno::ENOSPC);
}

#[test]
fn a_record_whose_making_met_a_failing_disk_is_made_at_the_next_start() {
    refused_while_it_is_made(Errno::EIO);
}

#[test]
fn a_record_that_could_only_be_opened_for_reading_is_not_taken_for_open() {
    let mut said = Vec::new();
    // The file is looked at, tried for writing, and opened by SQLite, which tries it for reading where that fails.
    for nth in 1..=4 {
        let mut story = Story::new(Beginning::Nothing);
        assert!(matches!(story.write(OPENED, |_| Act::Go, |_| {}), Ok(End::Done)));
        let mut opened = 0;
        let decide = |call: &Call| {
            let opens = call.name == "openat" && call.file == RECORD;
            opened += u32::from(opens);
            if opens && opened == nth { Act::Fail(Errno::EIO) } else { Act::Go }
        };
        let hear = |told: &Told| {
            if let Told::Unopened(why) = told {
                said.push(why.clone());
            }
        };
        let first = story.write(ONE_PRESS, decide, hear);
        assert!(matches!(first, Ok(End::Unopened | End::Done)), "opening {nth}: {first:?}");
        assert!(matches!(story.write(ONE_PRESS, |_| Act::Go, |_| {}), Ok(End::Done)));
    }
    assert!(said.iter().any(|why| why.contains("can be read but not written")), "{said:?}");
}

#[test]
fn a_disk_that_fails_once_at_any_call() {
    refused_at_every_call(Errno::EIO, Lasting::OneCall, 30);
}

#[test]
fn a_disk_that_fails_until_the_page_says_so() {
    refused_at_every_call(Errno::EIO, Lasting::UntilSaid, 40);
}

#[test]
fn a_disk_that_is_full_until_the_page_says_so() {
    refused_at_every_call(Errno::ENOSPC, Lasting::UntilSaid, 25);
}

#[test]
fn a_disk_that_can_only_be_read_until_the_page_says_so() {
    refused_at_every_call(Errno::EROFS, Lasting::UntilSaid, 25);
}
