//! Compiles the pages with their catalogues of words; element ids for the tests go in only where nothing is shipped.
//!
//! Where nothing is shipped, there is one catalogue more: a language nobody speaks, a third longer than English and set
//! in brackets. What stands on a page without brackets was never handed to the translators.

use std::{env, fs, path::Path};

use slint_build::{CompilerConfiguration, DefaultTranslationContext};

/// The catalogues, and the one from which the made-up one is made.
const CATALOGUES: [&str; 4] = ["de", "es", "fr", "pt"];
/// The made-up language: a code that is kept free for private use.
const MADE_UP: &str = "qps";
const FILE: &str = "LC_MESSAGES/pump-ui.po";

fn main() {
    let shipped = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    println!("cargo:rerun-if-changed=lang");
    let lang = if shipped { Path::new("lang").to_owned() } else { with_made_up() };
    let config = CompilerConfiguration::new()
        .with_debug_info(!shipped)
        .with_default_translation_context(DefaultTranslationContext::None)
        .with_bundled_translations(lang);
    slint_build::compile_with_config("app-window.slint", config).expect("the pages compile");
}

fn with_made_up() -> std::path::PathBuf {
    let all = Path::new(&env::var("OUT_DIR").expect("cargo says where")).join("lang");
    let write = |language: &str, text: &str| {
        let file = all.join(language).join(FILE);
        fs::create_dir_all(file.parent().expect("a folder")).expect("room");
        fs::write(file, text).expect("room");
    };
    for language in CATALOGUES {
        let text = fs::read_to_string(Path::new("lang").join(language).join(FILE)).expect("a catalogue");
        write(language, &text);
        if language == CATALOGUES[0] {
            write(MADE_UP, &made_up(&text));
        }
    }
    all
}

/// The same catalogue with every message made from its English: accents, a third more letters, brackets.
fn made_up(catalogue: &str) -> String {
    let mut message = String::new();
    let lines = catalogue.lines().map(|line| {
        if let Some(id) = line.strip_prefix("msgid \"").or_else(|| line.strip_prefix("msgid_plural \"")) {
            id.trim_end_matches('"').clone_into(&mut message);
        }
        match line.split_once(" \"") {
            // One and many are both made from the English of many.
            Some((key @ ("msgstr" | "msgstr[0]" | "msgstr[1]"), _)) if !message.is_empty() => {
                format!("{key} \"{}\"", foreign(&message))
            }
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn foreign(message: &str) -> String {
    let letters = message.chars().filter(|letter| letter.is_alphabetic()).count();
    let accented = message.replace('a', "ä").replace('e', "é").replace('o', "ö").replace('u', "ü");
    // `\\n` parts the lines of a head; its letter is not one of the words.
    format!("[{accented}{}]", "~".repeat(letters / 3 % 12))
}
