//! A first randomized run.
fn main() {}
