//! Model checking.

mod bounds;
mod checker;
mod promises;
mod rest;
mod sights;
mod story;
mod truth;
mod world;

use self::{
    bounds::Bounds,
    checker::{Machines, explore},
};

#[test]
fn small_bounds() {
    let faults = std::env::var("FAULTS").ok().map_or(1, |text| text.parse().expect("a number"));
    let mut bounds = Bounds::faults(faults);
    bounds.holds = std::env::var("HOLDS").ok().map_or(1, |text| text.parse().expect("a number"));
    bounds.lockouts = bounds.holds - 1;
    println!("{}", explore(bounds, 1));
}

#[test]
fn replay() {
    let Ok(steps) = std::env::var("STEPS") else { return };
    println!("{}", story::told(&Machines::new(Bounds::default()), &story::parse(&steps)));
}
