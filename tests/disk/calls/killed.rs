//! SIGKILL before and after every system call that touches the record.

use std::time::Instant;

use crate::{
    story::{Beginning, End, Story, Work},
    tracer::{Act, Call},
};

const NOTHING_MORE: Work = Work { presses: 1, prune: false };

/// Counts the calls of a whole life, then kills a writer at each, another one while it picks up what the first has left, and
/// lets a third go on.
fn killed_at_every_call(beginning: Beginning, work: Work, after: Work, stride: usize) {
    let begun = Instant::now();
    let calls = calls(beginning, work);
    let all = std::env::var("CALLS").is_ok_and(|calls| calls == "all");
    let stride = if all { 1 } else { stride };
    let (mut runs, mut again, mut unsaid, mut questions) = (0, 0, 0, 0);
    for at in (0..calls.len()).step_by(stride) {
        let ways: &[Act] = match (all, at / stride % 2) {
            (true, _) => &[Act::KillBefore, Act::KillAfter],
            (false, 0) => &[Act::KillBefore],
            (false, _) => &[Act::KillAfter],
        };
        for way in ways {
            let mut story = Story::new(beginning);
            let first = story.write(work, nth(at, *way), |_| {});
            // The second picks up what is there; it touches the record some dozens of times before it has it open.
            let second = story.write(after, nth(at % 97, *way), |_| {});
            let third = story.write(after, |_| Act::Go, |_| {});
            let what = format!("{beginning:?}, {way:?} call {at} of {}, {:?}", calls.len(), calls[at]);
            assert!(matches!(first, Ok(End::Killed | End::Done)), "{what}: {first:?}");
            assert!(matches!(second, Ok(End::Killed | End::Done)), "{what}, then at {}: {second:?}", at % 97);
            assert!(matches!(third, Ok(End::Done)), "{what}, then at {}: {third:?}", at % 97);
            if beginning != Beginning::Version1 {
                let judged = story.judge();
                assert!(judged.is_ok(), "{what}: {judged:?}");
            }
            runs += 1;
            again += usize::from(matches!(second, Ok(End::Killed)));
            unsaid += story.bedside.counts.in_unsaid;
            questions += story.bedside.counts.questions;
        }
    }
    assert!(runs > 0);
    println!(
        "{beginning:?}: {} calls touch the record, {} of them change it; {runs} runs killed, {again} of them twice, \
         {unsaid} batches found that nobody was told of, {questions} open questions asked again; {} s",
        calls.len(),
        calls.iter().filter(|call| call.changes).count(),
        begun.elapsed().as_secs()
    );
}

/// What a life without a kill calls.
fn calls(beginning: Beginning, work: Work) -> Vec<Call> {
    let (mut story, mut calls) = (Story::new(beginning), Vec::new());
    let count = |call: &Call| {
        calls.push(call.clone());
        Act::Go
    };
    assert_eq!(story.write(work, count, |_| {}).unwrap(), End::Done);
    calls
}

fn nth(at: usize, way: Act) -> impl FnMut(&Call) -> Act {
    let mut left = at;
    move |_| {
        let act = if left == 0 { way } else { Act::Go };
        left = left.wrapping_sub(1);
        act
    }
}

#[test]
fn a_record_is_made_pressed_into_and_closed_under_kills() {
    killed_at_every_call(Beginning::Nothing, Work { presses: 1, prune: false }, NOTHING_MORE, 15);
}

#[test]
fn a_record_of_version_1_is_brought_up_to_date_under_kills() {
    let opened = Work { presses: 0, prune: false };
    killed_at_every_call(Beginning::Version1, opened, opened, 8);
}

#[test]
fn a_log_is_folded_back_under_kills() {
    killed_at_every_call(Beginning::LogNearlyFull, NOTHING_MORE, NOTHING_MORE, 50);
}

#[test]
fn the_oldest_lines_are_exported_and_pruned_under_kills() {
    let pruned = Work { presses: 0, prune: true };
    killed_at_every_call(Beginning::Long, pruned, NOTHING_MORE, 40);
}

#[test]
fn an_export_is_read_back_from_the_disk_and_not_from_memory() {
    let calls = calls(Beginning::Long, Work { presses: 0, prune: true });
    let of_export: Vec<_> = calls.iter().filter(|call| call.file.contains(".new")).map(|call| call.name).collect();
    let first = |name: &str| of_export.iter().position(|call| *call == name).expect(name);
    // proves R-REC-08
    assert!(first("fsync") < first("fadvise64") && first("fadvise64") < first("read"), "{of_export:?}");
}
