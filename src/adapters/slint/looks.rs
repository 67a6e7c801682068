//! How the pages look, in which words they speak, and when they are heard: the person's choice, kept in a file of its own.
//!
//! # Promises
//! - Nothing here changes what a page says about therapy: amounts, times and states are the same in every choice.
//! - A file that can't be read or understood is no reason not to start: the default looks are shown.

use std::{fmt::Write as _, io, path::Path};

use pump_core::{annunciation::signal::QuietHours, cues::Wishes};
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
    /// When low alarms and the ready cue are not heard.
    pub quiet: Quiet,
    /// Whether the end of a wait is told.
    pub ready_cue: ReadyCue,
    /// How bright the display is while somebody looks.
    pub brightness: Brightness,
    /// Whether cues are felt. An alarm always is.
    pub vibration: CueVibration,
    /// How loud cues are. An alarm is never softer.
    pub tone: CueTone,
}

/// A choice: its words in the file, in the order in which they are offered; the first is the default.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident = $first_word:literal, $($(#[$each_doc:meta])* $each:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
        pub enum $name {
            $(#[$first_doc])*
            #[default]
            #[serde(rename = $first_word)]
            $first,
            $($(#[$each_doc])* #[serde(rename = $word)] $each,)+
        }

        impl $name {
            /// All of them, in the order in which they are offered.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$each),+];

            /// Its word in the file.
            pub const fn word(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$each => $word,)+
                }
            }

            /// The next one that is offered.
            #[must_use]
            pub fn next(self) -> Self {
                let after = Self::ALL.iter().skip_while(|choice| **choice != self).nth(1);
                after.copied().unwrap_or_default()
            }
        }
    };
}

choice! {
    /// The languages that every sentence exists in, by the code that their catalogues are named with.
    Language {
        /// English, in which the pages are written.
        English = "en",
        /// German.
        German = "de",
        /// French.
        French = "fr",
        /// Spanish.
        Spanish = "es",
        /// Portuguese.
        Portuguese = "pt",
    }
}

choice! {
    /// The colours.
    Colours {
        /// Light on dark: for the night, and the default.
        Dark = "dark",
        /// Dark on light: for the day.
        Light = "light",
        /// Black, white and few bright inks.
        HighContrast = "high-contrast",
    }
}

choice! {
    /// How large sentences are.
    TextSize {
        /// As the pages are laid out.
        Normal = "normal",
        /// A quarter larger, wherever there is room.
        Large = "large",
    }
}

choice! {
    /// How a time of day is written.
    ClockStyle {
        /// `18:40`
        TwentyFour = "24h",
        /// `6:40 PM`
        Twelve = "12h",
    }
}

choice! {
    /// When low alarms and the ready cue are not heard.
    Quiet {
        /// They are heard at any hour.
        Never = "never",
        /// For whoever goes to bed early.
        Early = "21-6",
        /// As most do.
        Usual = "22-7",
        /// For whoever goes to bed late.
        Late = "23-8",
    }
}

choice! {
    /// Whether the end of a wait is told.
    ReadyCue {
        /// It is.
        On = "on",
        /// It is not.
        Off = "off",
    }
}

choice! {
    /// How bright the display is while somebody looks.
    Brightness {
        /// As bright as it gets.
        Full = "full",
        /// For a room with some light.
        Medium = "medium",
        /// For a dim room.
        Low = "low",
    }
}

choice! {
    /// Whether cues are felt.
    CueVibration {
        /// They are.
        On = "on",
        /// They are not.
        Off = "off",
    }
}

choice! {
    /// How loud cues are.
    CueTone {
        /// As loud as this device plays anything.
        Normal = "normal",
        /// Softer.
        Soft = "soft",
    }
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
        for (key, value) in [
            ("language", self.language.word()),
            ("colours", self.colours.word()),
            ("text", self.text.word()),
            ("clock", self.clock.word()),
            ("quiet", self.quiet.word()),
            ("ready_cue", self.ready_cue.word()),
            ("brightness", self.brightness.word()),
            ("vibration", self.vibration.word()),
            ("tone", self.tone.word()),
        ] {
            let _ = writeln!(text, "{key} = \"{value}\"");
        }
        secret_file::replace(path, &[text.as_bytes()])
    }

    /// What the person wishes to hear, to feel and to see lit.
    pub fn wishes(self) -> Wishes {
        Wishes {
            ready_cue: self.ready_cue == ReadyCue::On,
            quiet: self.quiet.hours(),
            vibration: self.vibration == CueVibration::On,
            soft: self.tone == CueTone::Soft,
            brightness: self.brightness.permille(),
        }
    }
}

impl Language {
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
}

impl Brightness {
    /// In thousandths of the brightest. Not verified with people.
    const fn permille(self) -> u32 {
        match self {
            Self::Full => 1_000,
            Self::Medium => 600,
            Self::Low => 300,
        }
    }
}

impl Quiet {
    /// From when to when.
    pub const fn hours(self) -> Option<QuietHours> {
        match self {
            Self::Never => None,
            Self::Early => QuietHours::new(21 * 60, 6 * 60),
            Self::Usual => QuietHours::new(22 * 60, 7 * 60),
            Self::Late => QuietHours::new(23 * 60, 8 * 60),
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
            looks.quiet = if turn % 13 == 0 { looks.quiet.next() } else { looks.quiet };
            looks.ready_cue = if turn % 17 == 0 { looks.ready_cue.next() } else { looks.ready_cue };
            looks.brightness = if turn % 3 == 0 { looks.brightness.next() } else { looks.brightness };
            looks.vibration = if turn % 5 == 0 { looks.vibration.next() } else { looks.vibration };
            looks.tone = if turn % 19 == 0 { looks.tone.next() } else { looks.tone };
            looks.store(&path).expect("room");
            let (read, error) = Looks::read(&path);
            assert!(read == looks && error.is_none(), "{looks:?} was read as {read:?}: {error:?}");
        }
    }

    #[test]
    fn a_file_from_before_a_choice_was_offered_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("looks.toml");
        std::fs::write(&path, "language = \"de\"\ncolours = \"light\"\ntext = \"large\"\nclock = \"12h\"\n")
            .expect("room");
        let (looks, error) = Looks::read(&path);
        let (language, colours, text, clock) = (Language::German, Colours::Light, TextSize::Large, ClockStyle::Twelve);
        assert!(looks == Looks { language, colours, text, clock, ..Looks::default() } && error.is_none(), "{looks:?}");
        // proves R-DSP-18
        assert_eq!(looks.wishes(), Wishes::default(), "and nothing is played or lit otherwise");
    }

    #[test]
    fn every_choice_of_cues_and_light_is_a_wish() {
        let looks = Looks {
            brightness: Brightness::Low,
            vibration: CueVibration::Off,
            tone: CueTone::Soft,
            ready_cue: ReadyCue::Off,
            quiet: Quiet::Usual,
            ..Looks::default()
        };
        let wished =
            Wishes { ready_cue: false, quiet: Quiet::Usual.hours(), vibration: false, soft: true, brightness: 300 };
        // proves R-DSP-18
        assert_eq!(looks.wishes(), wished);
    }

    #[test]
    fn every_choice_is_offered_and_the_first_comes_again() {
        assert!(Language::ALL.iter().all(|language| language.next() != *language));
        assert_eq!(Language::Portuguese.next(), Language::English);
        assert!(Quiet::ALL.iter().all(|quiet| quiet.hours().is_some() == (*quiet != Quiet::Never)));
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
