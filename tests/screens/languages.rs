//! The catalogues: every sentence in every language, and none that was never handed to the translators.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pump_remote::{
    adapters::slint::{Language, Panel},
    shell::config::CardLine,
};

use crate::{display::Display, story};

/// A message: its context, if it needs one, and its English, for one and for many where that differs.
type Message = (String, String);

fn ui() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")
}

/// Every `@tr("…")` of the pages.
fn written() -> BTreeSet<Message> {
    let mut all = BTreeSet::new();
    let mut folders = vec![ui()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "slint") {
                all.extend(messages(&fs::read_to_string(path).expect("a file")));
            }
        }
    }
    all
}

fn messages(text: &str) -> Vec<Message> {
    text.split("@tr(\"")
        .skip(1)
        .map(|rest| {
            let (first, rest) = rest.split_once('"').expect("a string that ends");
            let then = |sign: &str| rest.trim_start().strip_prefix(sign).and_then(|rest| rest.split_once('"'));
            match (then("=> \""), then("| \"")) {
                (Some((id, _)), _) => (first.to_owned(), id.to_owned()),
                (None, Some((many, _))) => (String::new(), one_and_many(first, many)),
                (None, None) => (String::new(), first.to_owned()),
            }
        })
        .collect()
}

fn one_and_many(one: &str, many: &str) -> String {
    format!("{one} | {many}")
}

fn catalogue(language: &str) -> BTreeMap<Message, String> {
    let path = ui().join("lang").join(language).join("LC_MESSAGES/pump-ui.po");
    let text = fs::read_to_string(path).expect("a catalogue");
    let (mut context, mut id, mut one, mut all) = (String::new(), String::new(), String::new(), BTreeMap::new());
    let quoted = |line: &str, key: &str| {
        line.strip_prefix(key).map(|rest| rest.trim().trim_start_matches('"').trim_end_matches('"').to_owned())
    };
    for line in text.lines() {
        if let Some(found) = quoted(line, "msgctxt ") {
            context = found;
        } else if let Some(found) = quoted(line, "msgid ") {
            id = found;
        } else if let Some(many) = quoted(line, "msgid_plural ") {
            id = one_and_many(&id, &many);
        } else if let Some(found) = quoted(line, "msgstr[0] ") {
            one = found;
        } else if let Some(many) = quoted(line, "msgstr[1] ") {
            let before = all.insert((String::new(), std::mem::take(&mut id)), one_and_many(&one, &many));
            assert_eq!(before, None, "{language}: twice: {line}");
        } else if let Some(found) = quoted(line, "msgstr ").filter(|_| !id.is_empty()) {
            let before = all.insert((std::mem::take(&mut context), std::mem::take(&mut id)), found);
            assert_eq!(before, None, "{language}: twice: {line}");
        }
    }
    all
}

fn places(text: &str) -> Vec<&str> {
    let mut all: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(at, _)| at).collect();
    all.sort_unstable();
    all
}

#[test]
fn every_sentence_is_in_every_language() {
    let written = written();
    assert!(written.len() > 350, "only {} sentences were found", written.len());
    for language in Language::ALL.iter().copied().filter(|language| *language != Language::English) {
        let catalogue = catalogue(language.word());
        let there: BTreeSet<_> = catalogue.keys().cloned().collect();
        let missing: Vec<_> = written.difference(&there).collect();
        // proves R-DSP-09
        assert!(missing.is_empty(), "{language:?} has no words for {missing:?}");
        let unused: Vec<_> = there.difference(&written).collect();
        assert!(unused.is_empty(), "{language:?} has words that no page says: {unused:?}");
        for ((_, english), translated) in &catalogue {
            assert!(!translated.is_empty(), "{language:?} is silent about {english:?}");
            assert_eq!(places(english), places(translated), "{language:?}: {english:?}, {translated:?}");
        }
    }
}

/// What Rust hands over as it is: amounts, times, names, and what is read to the clinic.
fn comes_from_rust(label: &str) -> bool {
    let card = story::card();
    let on_the_card = [&card.patient, &card.clinic, &card.phone, &card.model].map(CardLine::as_str);
    let names = [&on_the_card[..], &["hydromorphone", "English"]].concat();
    let unit = |word: &str| ["mcg", "mcg/h", "mcg/mL", "mL", "min", "AM", "PM", "h", "s"].contains(&word);
    let number = |word: &str| !word.chars().any(char::is_alphabetic);
    label.starts_with("the record belongs")
        || names.into_iter().any(|name| label.starts_with(name))
        || label.split([' ', '\u{a0}', '\n']).all(|word| unit(word) || number(word))
}

#[test]
fn no_words_stand_on_a_page_that_were_never_handed_to_the_translators() {
    let mut display = Display::new(Panel::FIVE_INCH);
    slint::select_bundled_translation("qps").expect("the made-up language");
    let mut brackets = 0;
    for (page, screen) in story::all() {
        display.apply(&screen);
        for it in display.everything().iter().filter(|it| it.is_text() && !it.label.trim().is_empty()) {
            assert!(it.label.contains('[') || comes_from_rust(&it.label), "{page}: {:?}", it.label);
            brackets += usize::from(it.label.contains('['));
        }
    }
    assert!(brackets > 1_000, "only {brackets} sentences of the made-up language were seen");
}

/// A letter that the type family lacks would be borrowed from whatever the device has, or be a box.
#[test]
fn every_letter_is_in_the_type_family() {
    let mut letters: BTreeSet<char> = written().iter().flat_map(|(_, english)| english.chars()).collect();
    for language in Language::ALL.iter().copied().filter(|language| *language != Language::English) {
        letters.extend(catalogue(language.word()).values().flat_map(|text| text.chars()));
        letters.extend(language.name().chars());
    }
    for weight in ["Medium", "Bold"] {
        let file = fs::read(ui().join(format!("assets/AtkinsonHyperlegibleNext-{weight}.ttf"))).expect("a font");
        let face = ttf_parser::Face::parse(&file, 0).expect("a font");
        let missing: Vec<_> = letters.iter().filter(|letter| face.glyph_index(**letter).is_none()).collect();
        // proves R-DSP-09
        assert!(missing.is_empty(), "{weight} lacks {missing:?}");
        let boxes =
            ('\0'..='\u{FFFF}').filter(|letter| CardLine::has_letter(*letter) && face.glyph_index(*letter).is_none());
        assert_eq!(boxes.collect::<String>(), "", "a name on the card may have them, and {weight} lacks them");
    }
}
