//! How the pages look and in which words they speak: the person's choice, kept in a file of its own.
//!
//! # Promises
//! - Nothing here changes what a page says about therapy: amounts, times and states are the same in every choice.
//! - A file that can't be read or understood is no reason not to start: the default looks are shown.

use std::{fmt::Write as _, io, path::Path};

use serde::Deserialize;

use crate::adapters::secret_file;

/// The longest file, in bytes.
const LEN_MAX: usize = 4096;

/// What a person can choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Looks {
    /// The words.
    pub language: Language,
    /// The colours.
    pub colours: Colours,
    /// How large sentences are; words of state and countdowns are as large as can be always.
    pub text: TextSize,
    /// How a time of day is written.
    pub clock: ClockStyle,
}

/// The languages that every sentence exists in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum Language {
    /// English, in which the pages are written.
    #[default]
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
    /// French.
    #[serde(rename = "fr")]
    French,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
    /// Portuguese.
    #[serde(rename = "pt")]
    Portuguese,
}

/// The colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colours {
    /// Light on dark: for the night, and the default.
    #[default]
    Dark,
    /// Dark on light: for the day.
    Light,
    /// Black, white and few bright inks.
    HighContrast,
}

/// How large sentences are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextSize {
    /// As the pages are laid out.
    #[default]
    Normal,
    /// A quarter larger, wherever there is room.
    Large,
}

/// How a time of day is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum ClockStyle {
    /// `18:40`
    #[default]
    #[serde(rename = "24h")]
    TwentyFour,
    /// `6:40 PM`
    #[serde(rename = "12h")]
    Twelve,
}

impl Looks {
    /// What was chosen last; the default, and why, if that can't be known.
    pub fn read(path: &Path) -> (Self, Option<io::Error>) {
        let text = secret_file::read(path, LEN_MAX).and_then(|bytes| {
            let text = String::from_utf8(bytes.to_vec()).map_err(io::Error::other)?;
            toml::from_str(&text).map_err(io::Error::other)
        });
        match text {
            Ok(looks) => (looks, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Self::default(), None),
            Err(error) => (Self::default(), Some(error)),
        }
    }

    /// Keeps the choice. On an error the one before stands.
    pub fn store(self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        let (colours, size) = match (self.colours, self.text) {
            (Colours::Dark, TextSize::Normal) => ("dark", "normal"),
            (Colours::Dark, TextSize::Large) => ("dark", "large"),
            (Colours::Light, TextSize::Normal) => ("light", "normal"),
            (Colours::Light, TextSize::Large) => ("light", "large"),
            (Colours::HighContrast, TextSize::Normal) => ("high-contrast", "normal"),
            (Colours::HighContrast, TextSize::Large) => ("high-contrast", "large"),
        };
        let clock = if self.clock == ClockStyle::Twelve { "12h" } else { "24h" };
        for (key, value) in [("language", self.language.code()), ("colours", colours), ("text", size), ("clock", clock)]
        {
            let _ = writeln!(text, "{key} = \"{value}\"");
        }
        secret_file::replace(path, &[text.as_bytes()])
    }
}

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::English, Self::German, Self::French, Self::Spanish, Self::Portuguese];

    /// Its code, as its catalogue is named.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Portuguese => "pt",
        }
    }

    /// Its name in its own words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::French => "Français",
            Self::Spanish => "Español",
            Self::Portuguese => "Português",
        }
    }

    /// The next one that is offered.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::English => Self::German,
            Self::German => Self::French,
            Self::French => Self::Spanish,
            Self::Spanish => Self::Portuguese,
            Self::Portuguese => Self::English,
        }
    }
}

impl Colours {
    /// The next ones that are offered.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::HighContrast,
            Self::HighContrast => Self::Dark,
        }
    }
}

impl TextSize {
    /// The other one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Normal => Self::Large,
            Self::Large => Self::Normal,
        }
    }
}

impl ClockStyle {
    /// The other one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::TwentyFour => Self::Twelve,
            Self::Twelve => Self::TwentyFour,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_as_it_was_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("looks.toml");
        assert_eq!(Looks::read(&path).0, Looks::default(), "nothing was chosen yet");
        let mut looks = Looks::default();
        for turn in 0..60 {
            looks.language = looks.language.next();
            looks.colours = looks.colours.next();
            looks.text = if turn % 7 == 0 { looks.text.next() } else { looks.text };
            looks.clock = if turn % 11 == 0 { looks.clock.next() } else { looks.clock };
            looks.store(&path).expect("room");
            let (read, error) = Looks::read(&path);
            assert!(read == looks && error.is_none(), "{looks:?} was read as {read:?}: {error:?}");
        }
    }

    #[test]
    fn a_damaged_file_brings_the_default_and_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("looks.toml");
        for bytes in [&b"language = \"tlh\""[..], b"dose = 50", b"\xff\xfe", &[b' '; LEN_MAX + 1]] {
            std::fs::write(&path, bytes).expect("room");
            let (looks, error) = Looks::read(&path);
            let blank = bytes.iter().all(|byte| *byte == b' ');
            assert!(looks == Looks::default() && (error.is_some() || blank), "{bytes:?}");
        }
    }
}
