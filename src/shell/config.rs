//! The configuration file: where things are. It holds no dose, no limit and no lockout; those are the clinic's, in the pump.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::adapters::clock::SPEED_MAX;

/// The longest configuration file, in bytes.
const LEN_MAX: u64 = 64 * 1024;

// keeps R-ASK-10
/// What the file says; whatever it doesn't say has a default that works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where record, keys and the simulated pump are kept; the user's data directory unless named.
    pub data_dir: Option<PathBuf>,
    /// How the pump is reached.
    pub pump: PumpConfig,
    /// The window on a desktop.
    pub window: WindowConfig,
    /// The physical bolus button.
    pub button: ButtonConfig,
    /// What stands on the implant card, and whom to call.
    pub card: CardConfig,
}

// keeps R-CAR-11
/// What stands on the implant card, and whom to call. What is not written here is left out on the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardConfig {
    /// Whose remote this is.
    pub patient: String,
    /// The clinic's name.
    pub clinic: String,
    /// The clinic's number.
    pub phone: String,
    /// The number for an ambulance.
    pub emergency: String,
    /// The pump's model.
    pub model: String,
    /// When it was implanted, as the clinic writes it.
    pub implanted: String,
}

/// How the pump is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PumpConfig {
    /// A pump-simulator on this Unix socket; the pump simulated in this process unless named.
    pub socket: Option<PathBuf>,
    /// Whether the pump is bonded over Bluetooth: true, or the adapter's name.
    pub bluetooth: Bluetooth,
    /// How much faster waiting passes with a simulated pump, 1 to 3600.
    pub speed: Speed,
}

/// Whether, and by which adapter, the pump is reached over Bluetooth.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "true, false or an adapter's name is allowed")]
pub enum Bluetooth {
    /// By BlueZ's default adapter, or not at all.
    On(bool),
    /// By this one.
    Adapter(String),
}

/// The window on a desktop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowConfig {
    /// Which display it stands for.
    pub display: Display,
}

/// The physical bolus button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ButtonConfig {
    /// The BCM number of its pin, 0 to 27, pulled up and closed to ground; no button unless named.
    pub pin: Option<Pin>,
}

/// The displays that the pages are built for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Display {
    /// Touch Display 2, 5 inches, upright.
    #[default]
    #[serde(rename = "720x1280")]
    Portrait,
    /// The first Touch Display, 7 inches, lying.
    #[serde(rename = "800x480")]
    Landscape,
}

/// How much faster waiting passes, 1 to [`SPEED_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Speed(u32);

/// A pin of the header by its BCM number, 0 to 27.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub struct Pin(u8);

/// Why there is no configuration. The program has not started, and nothing was changed.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error("the configuration {path} can't be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is far too long to be one.
    #[error("the configuration {path} has {len} bytes; at most {LEN_MAX} are allowed")]
    Long {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: u64,
    },
    /// It says something that is not allowed.
    #[error("the configuration {path} is not valid; nothing was started.\n{toml}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Line, column, and what is allowed there.
        toml: Box<toml::de::Error>,
    },
}

impl Config {
    // keeps R-DEV-02
    /// Reads the file: what it says, and SHA-256 over its bytes.
    pub fn read(path: &Path) -> Result<(Self, [u8; 32]), ConfigError> {
        let failed = |source| ConfigError::Io { path: path.to_owned(), source };
        let len = fs::metadata(path).map_err(failed)?.len();
        if len > LEN_MAX {
            return Err(ConfigError::Long { path: path.to_owned(), len });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let config =
            toml::from_str(&text).map_err(|toml| ConfigError::Toml { path: path.to_owned(), toml: Box::new(toml) })?;
        Ok((config, Sha256::digest(text).into()))
    }
}

impl Default for Bluetooth {
    fn default() -> Self {
        Self::On(false)
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self(1)
    }
}

impl Speed {
    /// The factor.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Pin {
    /// The BCM number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u32> for Speed {
    type Error = String;
    fn try_from(speed: u32) -> Result<Self, String> {
        (1..=SPEED_MAX)
            .contains(&speed)
            .then_some(Self(speed))
            .ok_or_else(|| format!("a speed of {speed}; 1 to {SPEED_MAX} is allowed"))
    }
}

impl std::str::FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<u32>().map_err(|error| format!("{error}; 1 to {SPEED_MAX} is allowed")).and_then(Self::try_from)
    }
}

impl TryFrom<u8> for Pin {
    type Error = String;
    fn try_from(pin: u8) -> Result<Self, String> {
        (pin <= 27).then_some(Self(pin)).ok_or_else(|| format!("pin {pin}; the header has BCM 0 to 27"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        fs::write(&path, text).unwrap();
        Config::read(&path).expect_err("not allowed").to_string()
    }

    #[test]
    fn an_empty_file_has_defaults_that_work() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        fs::write(&path, "").unwrap();
        assert_eq!(Config::read(&path).unwrap().0, Config::default());
    }

    #[test]
    fn a_refusal_names_file_line_and_what_is_allowed() {
        let error = refused("data_dir = \"/tmp/x\"\n\n[pump]\nspeed = 0\n");
        // proves R-DEV-02
        assert!(error.contains("config.toml") && error.contains("line 4"), "{error}");
        assert!(error.contains("1 to 3600"), "{error}");
        let error = refused("[pump]\nlockout = 60\n");
        assert!(error.contains("line 2") && error.contains("lockout") && error.contains("`speed`"), "{error}");
        let error = refused("[window]\ndisplay = \"640x480\"\n");
        assert!(error.contains("720x1280") && error.contains("800x480"), "{error}");
        let error = refused("[button]\npin = 40\n");
        assert!(error.contains("BCM 0 to 27"), "{error}");
    }

    #[test]
    fn bluetooth_is_on_off_or_an_adapter() {
        let said = |text: &str| toml::from_str::<Config>(text).unwrap().pump.bluetooth;
        assert_eq!(said(""), Bluetooth::On(false));
        assert_eq!(said("[pump]\nbluetooth = true"), Bluetooth::On(true));
        assert_eq!(said("[pump]\nbluetooth = \"hci1\""), Bluetooth::Adapter("hci1".to_owned()));
        let error = refused("[pump]\nbluetooth = 1\n");
        assert!(error.contains("line 2") && error.contains("an adapter's name"), "{error}");
    }

    #[test]
    fn the_file_has_no_place_for_a_dose_or_a_limit() {
        for key in ["dose = 50", "demand_dose = 50", "lockout = 5", "allotment = 9", "limit = 400"] {
            // proves R-ASK-10
            assert!(refused(key).contains("unknown field"), "{key}");
            assert!(refused(&format!("[pump]\n{key}")).contains("unknown field"), "[pump] {key}");
        }
    }
}
