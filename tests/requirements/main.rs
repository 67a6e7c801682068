//! Every requirement is kept by code and proved by an assertion, or says that it is open; what stands in the design about it is so.
//!
//! A failure names file and line. How to write a requirement and a tag: `tests/requirements.md`.

mod made_up;
mod trace;

use std::path::Path;

use pump_tests::permitted;

use crate::trace::{Tree, complaints};

const PROPERTIES: &str = "src/design/properties.md";

fn tree() -> Tree {
    Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

#[test]
fn every_requirement_is_kept_and_proved_or_says_that_it_is_open() {
    let found = complaints(&tree());
    assert!(found.is_empty(), "{} complaints:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_page_of_properties_says_what_the_world_asks_for() {
    let tree = tree();
    let headings = ["| session |", "| open request |", "| page |", "|---"];
    let is_row = |line: &&str| line.starts_with('|') && !headings.iter().any(|heading| line.starts_with(heading));
    let (page, rows) = (tree.text(PROPERTIES), permitted::as_written());
    assert_eq!(page.lines().filter(is_row).count(), rows.len(), "{PROPERTIES} has as many rows as the tables");
    for (line, row) in page.lines().filter(is_row).zip(rows) {
        assert!(line.starts_with(&row), "{PROPERTIES} says {line}\n  the tables say {row}");
    }
}
