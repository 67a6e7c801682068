//! Small made-up trees: each fault that a trace can have is found, and a tree without one is left in peace.
//!
//! The tags in them are put together from parts, so that this file has none itself.

use crate::trace::{HAZARDS, REQUIREMENTS, Tree, complaints};

const CODE: &str = "src/dose.rs";
const TEST: &str = "tests/dose.rs";

fn tag(verb: &str, ids: &str) -> String {
    ["// ", verb, " ", ids].concat()
}

fn file(path: &str, lines: &[&str]) -> (String, String) {
    (path.to_owned(), lines.join("\n"))
}

/// Two requirements, one of them open, and all that belongs to the other.
fn sound() -> Tree {
    let requirements = [
        "# Words above the list",
        "- R-ASK-01 A dose shall be asked for by a hold. [GIP 2.3.2]",
        "- R-ASK-02 (open: soon) A ready cue shall be",
        "  given when the lockout ends. [product]",
    ];
    let (keeps, proves) = (tag("keeps", "R-ASK-01"), tag("proves", "R-ASK-01"));
    let hazards = ["| hazard | requirement | test |", "| a touch | R-ASK-01, R-ASK-02 (open) | `a_touch_is_no_hold` |"];
    Tree(
        [
            file(REQUIREMENTS, &requirements),
            file(CODE, &["/// How long.", &keeps, "const HOLD: u64 = 1_500;"]),
            file(TEST, &["#[test]", "fn a_touch_is_no_hold() {", &proves, "    assert!(true);", "}"]),
            file(HAZARDS, &hazards),
        ]
        .into(),
    )
}

/// What is said of a sound tree after this change of one file.
fn said(path: &str, change: impl FnOnce(&str) -> String) -> Vec<String> {
    let mut tree = sound();
    let changed = change(tree.text(path));
    tree.0.insert(path.to_owned(), changed);
    complaints(&tree)
}

fn also(path: &str, line: &str) -> Vec<String> {
    said(path, |text| format!("{text}\n{line}"))
}

#[test]
fn a_tree_in_which_all_agrees_is_left_in_peace() {
    assert_eq!(complaints(&sound()), [""; 0]);
}

#[test]
fn a_requirement_without_code_or_without_a_test_is_named() {
    assert_eq!(said(CODE, |_| String::new()), ["tests/requirements.md:2: nothing keeps R-ASK-01"]);
    let untested = said(TEST, |text| text.replace("proves", "thinks of"));
    assert_eq!(untested, ["tests/requirements.md:2: nothing proves R-ASK-01"]);
}

#[test]
fn a_tag_that_points_nowhere_is_named() {
    let nowhere = also(CODE, &tag("keeps", "R-ASK-01, R-ASK-77"));
    assert_eq!(nowhere, ["src/dose.rs:4: there is no requirement R-ASK-77"]);
    let with_words = also(CODE, &tag("keeps", "R-ASK-01 as it should"));
    assert_eq!(with_words, ["src/dose.rs:4: there is no requirement R-ASK-01 as it should"]);
}

#[test]
fn a_tag_for_an_open_requirement_is_named() {
    let open = also(CODE, &tag("keeps", "R-ASK-02"));
    assert_eq!(open, ["src/dose.rs:4: R-ASK-02 is open and can't have a tag"]);
}

#[test]
fn a_tag_away_from_its_assertion_is_named() {
    let proves = tag("proves", "R-ASK-01");
    let too_far = [&proves, "let a = 1;", "let b = 2;", "assert_eq!(a, b);"].join("\n");
    assert_eq!(also(TEST, &too_far), ["tests/dose.rs:6: no assertion within 2 lines: R-ASK-01"]);
    let over_the_function = [&proves, "fn another() {", "    assert!(true);"].join("\n");
    assert_eq!(also(TEST, &over_the_function), ["tests/dose.rs:6: no assertion within 2 lines: R-ASK-01"]);
    assert_eq!(also(TEST, &["assert_ne!(1, 2); ", &proves].concat()), [""; 0], "on its own line");
    assert_eq!(also(TEST, &[&proves, "let a = 1;", "assert!(a > 0);"].join("\n")), [""; 0], "two lines above");
}

#[test]
fn a_test_keeps_nothing_and_code_proves_nothing() {
    let kept = also(TEST, &tag("keeps", "R-ASK-01"));
    assert_eq!(kept, ["tests/dose.rs:6: what keeps is no test's: R-ASK-01"]);
    let proved = [&tag("proves", "R-ASK-01"), "assert!(HOLD > 0);"].join("\n");
    assert_eq!(also(CODE, &proved), ["src/dose.rs:4: what proves is a test's: R-ASK-01"]);
    assert_eq!(also(CODE, &["mod tests {", &proved].join("\n")), [""; 0], "below a file's own tests it may");
}

#[test]
fn an_id_that_stands_twice_or_is_none_is_named() {
    let twice = also(REQUIREMENTS, "- R-ASK-01 It shall stand twice. [product]");
    assert_eq!(twice, ["tests/requirements.md:5: R-ASK-01 stands here twice"]);
    let odd = also(REQUIREMENTS, "- R-ask-1 (open) It shall have an id. [product]");
    assert_eq!(odd, ["tests/requirements.md:5: R-ask-1 is no id like R-ASK-01"]);
}

#[test]
fn a_requirement_without_shall_source_or_known_mark_is_named() {
    let weak = also(REQUIREMENTS, "- R-ASK-03 (open) It should be so. [product]");
    assert_eq!(weak, ["tests/requirements.md:5: R-ASK-03 says no \"shall\""]);
    let unfounded = also(REQUIREMENTS, "- R-ASK-03 (open) It shall be so.");
    assert_eq!(unfounded, ["tests/requirements.md:5: R-ASK-03 names no source in brackets at its end"]);
    let marked = also(REQUIREMENTS, "- R-ASK-03 (later) It shall be so. [product]");
    assert!(marked[0].starts_with("tests/requirements.md:5: R-ASK-03 has a mark that is none of"), "{marked:?}");
}

#[test]
fn a_hazard_that_names_what_is_not_there_is_named() {
    let nowhere = also(HAZARDS, "| a slip | R-ASK-09 | `a_touch_is_no_hold` |");
    assert_eq!(nowhere, ["src/design/hazards.md:3: there is no requirement R-ASK-09"]);
    let no_test = also(HAZARDS, "| a slip | R-ASK-01 | `a_slip_is_no_hold` |");
    assert_eq!(no_test, ["src/design/hazards.md:3: there is no test a_slip_is_no_hold"]);
    let no_such_word = also(HAZARDS, "A `word` outside of a table is no test.");
    assert_eq!(no_such_word, [""; 0]);
}

#[test]
fn a_hazard_that_calls_a_requirement_open_or_kept_when_it_is_not_is_named() {
    assert_eq!(also(HAZARDS, "R-ASK-01 (open)"), ["src/design/hazards.md:3: R-ASK-01 is not open"]);
    assert_eq!(also(HAZARDS, "R-ASK-02"), ["src/design/hazards.md:3: R-ASK-02 is open"]);
}

#[test]
fn a_tag_in_another_language_s_comment_counts_and_one_in_prose_or_a_patch_does_not() {
    let hash = ["# ", "keeps", " R-ASK-77"].concat();
    assert_eq!(also("ui/dose.toml", &hash), ["ui/dose.toml:2: there is no requirement R-ASK-77"]);
    for not_code in ["src/design/page.md", "tests/controls/a-promise.patch"] {
        assert_eq!(also(not_code, &hash), [""; 0], "{not_code}");
    }
}
