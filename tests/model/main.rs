//! HEADER

mod bounds;
mod checker;
mod promises;
mod rest;
mod session_rules;
mod sights;
mod story;
mod truth;
mod world;

use pump_core::screen::Face;

use self::{
    bounds::{Bounds, LONG, SHORT},
    checker::{Machines, explore},
    sights::Sight,
};

/// COMMIT leaves, the link is cut, and the pump hears it all the same; told by the history once they meet again.
const A_LATE_COMMIT: &str =
    "Press Stored PumpHears RemoteHears Stored Cut LateFrame Stored Connect PumpHears RemoteHears";

#[test]
fn whatever_happens_within_the_bounds_every_promise_holds() {
    let wanted = std::env::var("MODEL_STATES").map_or(0, |text| text.parse().expect("how many distinct states"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut distinct, mut seen) = (0, [0; Sight::ALL.len()]);
    for scope in SHORT.iter().chain(&LONG) {
        if distinct >= wanted && seen.iter().all(|count| *count > 0) {
            break;
        }
        let explored = explore(scope.bounds, threads);
        println!("{}: {explored}", scope.name);
        distinct += explored.distinct;
        for sight in Sight::ALL {
            seen[sight as usize] += explored.seen(sight);
        }
    }
    println!("{distinct} distinct states in all scopes");
}

#[test]
fn a_story_can_be_played_again() {
    let steps = std::env::var("STEPS").unwrap_or_else(|_| A_LATE_COMMIT.to_owned());
    let machines = Machines::new(Bounds::default());
    let (played, state, broken) = story::play(&machines, &story::parse(&steps));
    println!("{}", story::told(&machines, &played));
    assert_eq!(broken, None);
    if steps == A_LATE_COMMIT {
        assert_eq!(story::spelt(&played), A_LATE_COMMIT, "each of them is a step where it comes");
        assert!(matches!(state.face(), Face::NotSure { .. }), "{:?}", state.face());
    }
}
