//! Every requirement is kept by code and proved by an assertion, or says that it is open; what stands in the design about it is so.
//!
//! A failure names file and line. How to write a requirement and a tag: `tests/requirements.md`.

mod made_up;
mod trace;

use std::path::Path;

use crate::trace::{Tree, complaints};

fn tree() -> Tree {
    Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

#[test]
fn every_requirement_is_kept_and_proved_or_says_that_it_is_open() {
    let found = complaints(&tree());
    assert!(found.is_empty(), "{} complaints:\n{}", found.len(), found.join("\n"));
}
