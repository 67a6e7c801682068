//! Model checking: every state that remote and pump can reach together within stated bounds, and what must hold in each.
//!
//! The code under test is the product's: [`Remote`](pump_core::remote::Remote) and [`Pump`](simulated_pump::Pump), both whole. A
//! state ([`world`]) holds the two, what is under way between them, what is on the disk, and what really happened ([`truth`]).
//! From each state every step is tried that the bounds ([`bounds`]) allow: a frame arrives, is lost, or stays where it is while
//! time passes; the link is cut, noticed by both at once or by the pump too late; the disk stores, refuses or is slow; the
//! remote crashes or reboots, between any two of these; a person presses, and stops; another remote of the same pump asks; the pump
//! is stopped or reset; and once, in a scope of its own, everybody is away for a week and the pump forgets. Faults are bounded
//! in sum, so "one fault" is one of any kind at any moment. A scope that is done was visited to its last state.
//!
//! The promises ([`promises`]) are asked in every state. Two of them look ahead: READY is tried on a copy of the pump, and an
//! open question is played out in well-being until it has ended, within [`WELL_WITHIN`](rest::WELL_WITHIN) ([`rest`]).
//!
//! # What is left out, and why that is sound or what it costs
//! - *The bytes of a session.* Repeated, overtaken and older frames are refused and end the session; what they hold doesn't
//!   matter. So the network loses, delays and cuts, and one step sends a frame that is stale; [`session_rules`] proves on the
//!   transparent session that this is all it can do. A handshake is one step; its waits after failures are not here.
//! - *Where the record stands* is always the same: it never goes back here, so its length decides nothing. That one which went
//!   back is noticed (property 9) is shown elsewhere.
//! - *Nothing else is normalized.* Times are absolute: states that differ in them are two. No wall clock is set.
//! - *Time* passes in spans of 2 s, 12 s and a lockout; the remote is woken after each. That it is woken when it wants to be,
//!   and that nothing depends on it, is shown by the simulation. In well-being it is woken on time.
//! - *The disk* stores at once when no fault is left that could tell when it does. A write is whole or not at all.
//! - *Time over something under way* is a fault, so that quiet moments don't multiply with it.
//! - *One prescription* (5 min, two of 50 mcg, one basal rate), never changed; the pump's own memory never fails.
//! - *The other remote* has a link of its own beside ours: more than a real pump allows, so that two grants can be wished for.
//! - The checker knows a state by 64 bits: with 10^7 states, two are taken for one with a chance of about 3 in a million.
//!
//! # Running it
//! - `cargo test -p pump-tests --test model`: the short scopes.
//! - `MODEL_STATES=10000000 cargo test --profile proof -p pump-tests --test model -- --nocapture`: goes on with wider ones until so
//!   many distinct states have been visited.
//! - A broken promise is printed as the shortest list of steps that leaving steps out finds, and the command that plays it again.

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
    for (index, scope) in SHORT.iter().chain(&LONG).enumerate() {
        if index >= SHORT.len() && distinct >= wanted {
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
    assert!(distinct >= wanted, "the widest scope is done, and {wanted} states were wanted");
    for sight in Sight::ALL {
        assert!(seen[sight as usize] > 0, "{sight:?} was never met: the model looks away");
    }
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
