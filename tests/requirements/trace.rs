//! What disagrees between the requirements, the tags in code and tests, and the hazards.
//!
//! # Terms
//! - *tag*: a comment that says `keeps` or `proves`, and then ids with commas between them.
//! - *test code*: whatever lies under `tests`, a crate's own `tests` or `stories`, a `tests.rs`, or below a file's `mod tests {`.
//!
//! # Promises
//! - A tag that proves stands next to the assertion that does, so that whoever reads the one reads the other.
//! - Nothing here knows what a requirement means: that a tag is true is for the reader.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Where the requirements are.
pub(crate) const REQUIREMENTS: &str = "tests/requirements.md";
/// Where the hazards are.
pub(crate) const HAZARDS: &str = "src/design/hazards.md";
/// Where tags may be.
const TAGGED: [&str; 4] = ["src", "systemd", "ui", "tests"];
/// What a requirement may say of itself instead of being kept: not built; being built; built, and proved by nothing yet.
const OPEN_MARKS: [&str; 3] = ["(open)", "(open: soon)", "(open: unproved)"];
/// How far below its tag an assertion may begin: a line of the comment's own, or a `let` that it looks at.
const PROOF_LINES: usize = 2;
/// What an assertion begins with; a bench's case ends with an error instead of a panic.
const ASSERTIONS: [&str; 8] =
    ["assert!(", "assert_eq!(", "assert_ne!(", "prop_assert", "expect_err(", "unwrap_err(", "ensure!(", ".shows("];

/// The files that matter, by their path from the root.
#[derive(Default)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, String>);

struct Requirement {
    line: usize,
    open: bool,
}

struct Tag<'a> {
    place: String,
    proves: bool,
    ids: Vec<&'a str>,
    in_test: bool,
    beside_assertion: bool,
}

/// One line each, with file and line.
pub(crate) fn complaints(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let requirements = requirements(tree.text(REQUIREMENTS), &mut found);
    let tags: Vec<Tag> = tree.tagged().flat_map(|(path, text)| tags(path, text)).collect();
    for tag in &tags {
        judge_tag(tag, &requirements, &mut found);
    }
    for (id, requirement) in requirements.iter().filter(|(_, requirement)| !requirement.open) {
        for (proves, missing) in [(false, "nothing keeps"), (true, "nothing proves")] {
            if !tags.iter().any(|tag| tag.proves == proves && tag.ids.contains(&id.as_str())) {
                found.push(format!("{REQUIREMENTS}:{}: {missing} {id}", requirement.line));
            }
        }
    }
    judge_hazards(tree, &requirements, &mut found);
    found
}

impl Tree {
    /// Everything in the folders that may have tags, as far as it is text.
    pub(crate) fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        for folder in TAGGED {
            tree.read_folder(root, folder);
        }
        tree
    }

    /// A file's text; nothing if there is no such file.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    fn read_folder(&mut self, root: &Path, folder: &str) {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let path = format!("{folder}/{}", name.to_string_lossy());
            if name == "target" {
                continue;
            }
            if entry.path().is_dir() {
                self.read_folder(root, &path);
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                self.0.insert(path, text);
            }
        }
    }

    /// What may hold tags: everything but prose, which may speak of them, and patches, which repeat them.
    fn tagged(&self) -> impl Iterator<Item = (&str, &str)> {
        let code = |path: &str| !Path::new(path).extension().is_some_and(|kind| kind == "md" || kind == "patch");
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str())).filter(move |(path, _)| code(path))
    }

    /// The functions of all test code.
    fn test_functions(&self) -> BTreeSet<&str> {
        let lines = self.tagged().flat_map(|(path, text)| {
            let begins = begin_of_tests(path, text);
            text.lines().skip(begins)
        });
        lines.filter_map(function_name).collect()
    }
}

/// The list, by id. A line of it begins with a dash and its id; what is indented below it belongs to it.
fn requirements(text: &str, found: &mut Vec<String>) -> BTreeMap<String, Requirement> {
    let mut known = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, first) in lines.iter().enumerate() {
        let Some(rest) = first.strip_prefix("- ") else { continue };
        let (id, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let below = lines[index + 1..].iter().take_while(|line| line.starts_with("  "));
        let sentence = below.fold(rest.to_owned(), |sentence, line| sentence + " " + line.trim());
        let mark = OPEN_MARKS.iter().find(|mark| sentence.starts_with(**mark));
        let rules = [
            (is_id(id), "is no id like R-ASK-01"),
            (!known.contains_key(id), "stands here twice"),
            (sentence.contains(" shall "), "says no \"shall\""),
            (sentence.ends_with(']') && sentence.contains('['), "names no source in brackets at its end"),
            (
                mark.is_some() || !sentence.starts_with('('),
                "has a mark that is none of (open), (open: soon), (open: unproved)",
            ),
        ];
        let broken = rules.iter().filter(|(kept, _)| !kept);
        found.extend(broken.map(|(_, why)| format!("{REQUIREMENTS}:{}: {id} {why}", index + 1)));
        known.insert(id.to_owned(), Requirement { line: index + 1, open: mark.is_some() });
    }
    known
}

fn tags<'a>(path: &'a str, text: &'a str) -> Vec<Tag<'a>> {
    let lines: Vec<&str> = text.lines().collect();
    let tests_begin = begin_of_tests(path, text);
    let read = |(index, line): (usize, &&'a str)| {
        let (proves, ids) = tag_in(line)?;
        Some(Tag {
            place: format!("{path}:{}", index + 1),
            proves,
            ids: ids.split(", ").collect(),
            in_test: index >= tests_begin,
            beside_assertion: is_beside_assertion(&lines[index..]),
        })
    };
    lines.iter().enumerate().filter_map(read).collect()
}

/// Whether a line's tag proves, and its ids.
fn tag_in(line: &str) -> Option<(bool, &str)> {
    ["//", "#"].iter().find_map(|marker| {
        [("keeps", false), ("proves", true)].iter().find_map(|(verb, proves)| {
            let begin = format!("{marker} {verb} ");
            let (_, ids) = line.split_once(&begin)?;
            ids.starts_with("R-").then_some((*proves, ids))
        })
    })
}

/// The line at which a file's test code begins, from 0; behind its end if it has none.
fn begin_of_tests(path: &str, text: &str) -> usize {
    let whole = path.starts_with("tests/") || ["/tests/", "/stories/"].iter().any(|folder| path.contains(folder));
    if whole || path.ends_with("/tests.rs") {
        return 0;
    }
    text.lines().position(|line| line == "mod tests {").unwrap_or(usize::MAX)
}

/// Whether an assertion begins on the first of these lines or soon after, in the same function.
fn is_beside_assertion(lines: &[&str]) -> bool {
    let near = lines.iter().take(PROOF_LINES + 1).take_while(|line| function_name(line).is_none());
    near.into_iter().any(|line| ASSERTIONS.iter().any(|assertion| line.contains(assertion)))
}

fn judge_tag(tag: &Tag<'_>, requirements: &BTreeMap<String, Requirement>, found: &mut Vec<String>) {
    let place = &tag.place;
    for id in &tag.ids {
        match requirements.get(*id) {
            None => found.push(format!("{place}: there is no requirement {id}")),
            Some(requirement) if requirement.open => found.push(format!("{place}: {id} is open and can't have a tag")),
            Some(_) => {}
        }
    }
    if tag.proves != tag.in_test {
        let words = if tag.proves { "what proves is a test's" } else { "what keeps is no test's" };
        found.push(format!("{place}: {words}: {}", tag.ids.join(", ")));
    }
    if tag.proves && !tag.beside_assertion {
        found.push(format!("{place}: no assertion within {PROOF_LINES} lines: {}", tag.ids.join(", ")));
    }
}

/// Each test named in a row's last cell exists, and each id is what the page says of it.
fn judge_hazards(tree: &Tree, requirements: &BTreeMap<String, Requirement>, found: &mut Vec<String>) {
    let functions = tree.test_functions();
    for (index, line) in tree.text(HAZARDS).lines().enumerate() {
        let place = format!("{HAZARDS}:{}", index + 1);
        let wrong = ids_in(line).filter_map(|(id, behind)| misjudged(id, behind, requirements.get(id)));
        found.extend(wrong.map(|why| format!("{place}: {why}")));
        let last_cell = line.trim_end_matches('|').rsplit('|').next().filter(|_| line.starts_with('|')).unwrap_or("");
        let missing = last_cell.split('`').skip(1).step_by(2).filter(|name| !functions.contains(name));
        found.extend(missing.map(|name| format!("{place}: there is no test {name}")));
    }
}

/// What is wrong with an id in the hazards: `(open)` stands behind it exactly if it is open.
fn misjudged(id: &str, behind: &str, requirement: Option<&Requirement>) -> Option<String> {
    match (requirement.map(|requirement| requirement.open), behind.starts_with(" (open)")) {
        (None, _) => Some(format!("there is no requirement {id}")),
        (Some(true), false) => Some(format!("{id} is open")),
        (Some(false), true) => Some(format!("{id} is not open")),
        (Some(_), _) => None,
    }
}

/// Every id in a line, with what stands behind it.
fn ids_in(line: &str) -> impl Iterator<Item = (&str, &str)> {
    const LEN: usize = "R-ASK-01".len();
    line.match_indices("R-").filter_map(|(at, _)| line[at..].split_at_checked(LEN)).filter(|(id, _)| is_id(id))
}

fn is_id(text: &str) -> bool {
    let mut parts = text.split('-');
    let group = |part: &str| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_uppercase());
    let number = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next() == Some("R")
        && parts.next().is_some_and(group)
        && parts.next().is_some_and(number)
        && parts.next().is_none()
}

/// The name of the function that this line begins.
fn function_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let begins = before.is_empty() || before.ends_with(' ');
    let name = rest.split(['(', '<']).next().filter(|name| begins && !name.is_empty())?;
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some(name)
}
