//! The configuration file: where things are. It holds no dose, no limit and no lockout; those are the clinic's, in the pump.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use pump_protocol::quantity::Millis;
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
    /// What is wired to the board's pins.
    pub pins: PinsConfig,
    /// The battery.
    pub battery: BatteryConfig,
    /// What stands on the implant card, and whom to call.
    pub card: CardConfig,
}

// keeps R-CAR-11
/// What stands on the implant card, and whom to call. What is not written here is left out on the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardConfig {
    /// Whose remote this is.
    pub patient: CardLine,
    /// The clinic's name.
    pub clinic: CardLine,
    /// The clinic's number.
    pub phone: CardLine,
    /// The number for an ambulance.
    pub emergency: CardLine,
    /// The pump's model.
    pub model: CardLine,
    /// When it was implanted, as the clinic writes it.
    pub implanted: CardLine,
}

/// A line of the card: at most [`CardLine::LEN_MAX`] characters, each of which the display's type has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CardLine(String);

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

/// The window on a desktop, or the whole display of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowConfig {
    /// Which display it stands for.
    pub display: Display,
    /// The kernel's name of its backlight; it stays as it is unless named.
    pub backlight: Option<String>,
}

// keeps R-DEV-12
/// What is wired to the board's pins; what isn't named isn't there. No pin is named twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PinsTable", expecting = "a table of pins is allowed")]
pub struct PinsConfig {
    /// The kernel's GPIO chip, on a board that isn't a Raspberry Pi.
    pub chip: Option<PathBuf>,
    wired: Vec<(Part, Pin)>,
}

/// What can be wired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The bolus button: pulled up, closed to ground.
    Button,
    /// The light that says READY.
    Ready,
    /// The alarm lamp's red.
    Red,
    /// Its green: with red it is yellow.
    Green,
    /// Its blue: with green it is cyan.
    Blue,
    /// The buzzer, of one pitch.
    Buzzer,
    /// The vibration motor.
    Vibration,
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinsTable {
    chip: Option<PathBuf>,
    button: Option<u32>,
    ready: Option<u32>,
    red: Option<u32>,
    green: Option<u32>,
    blue: Option<u32>,
    buzzer: Option<u32>,
    vibration: Option<u32>,
}

/// The battery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatteryConfig {
    /// The I²C bus with a gauge of the MAX17048 family; the kernel is asked for a battery unless named.
    pub i2c_bus: Option<u8>,
    /// How long a full battery lasts with the display bright.
    #[serde(rename = "full_hours")]
    pub full: FullHours,
}

/// Hours, 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct FullHours(u32);

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

/// A pin: of a Raspberry Pi's header by its BCM number, or else of a chip by its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(u16);

/// The last line that a chip may have.
const LINE_MAX: u32 = 511;
/// Those that carry the header's I²C bus 1.
const BUS_1: [u16; 2] = [2, 3];
/// The header's pins by their BCM numbers. 0 and 1 belong to the memory of a board on top of it.
const HEADER: std::ops::RangeInclusive<u32> = 2..=27;

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
    /// Two of its parts can't both be.
    #[error("the configuration {path} is not valid; nothing was started: {what}")]
    Clash {
        /// The file.
        path: PathBuf,
        /// Which two, and what to do.
        what: String,
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
        let config: Self =
            toml::from_str(&text).map_err(|toml| ConfigError::Toml { path: path.to_owned(), toml: Box::new(toml) })?;
        config.clash().map_or(Ok(()), |what| Err(ConfigError::Clash { path: path.to_owned(), what }))?;
        Ok((config, Sha256::digest(text).into()))
    }

    /// The first two of its parts that can't both be.
    fn clash(&self) -> Option<String> {
        self.pump.clash().or_else(|| self.pin_of_the_gauge())
    }

    /// A header's pins that carry the gauge's bus.
    fn pin_of_the_gauge(&self) -> Option<String> {
        let taken =
            |pin: Pin| self.pins.chip.is_none() && self.battery.i2c_bus == Some(1) && BUS_1.contains(&pin.get());
        let (part, pin) = self.pins.parts().find(|(_, pin)| taken(*pin))?;
        let key = part.key();
        Some(format!(
            "pins.{key} = {pin}: that pin carries battery.i2c_bus = 1; wire another, or put the gauge on another bus"
        ))
    }
}

impl PumpConfig {
    /// A pump in somebody keeps its own time, and a remote whose clock runs ahead of it would offer too early.
    fn clash(&self) -> Option<String> {
        let (bluetooth, speed) = (self.bluetooth != Bluetooth::On(false), self.speed.get());
        (bluetooth && speed > 1).then(|| {
            format!(
                "pump.speed = {speed} is for a simulated pump, and pump.bluetooth for a real one; leave out one of them"
            )
        })
    }
}

impl CardLine {
    /// As many fit on the smallest display beside everything else that the card says.
    pub const LEN_MAX: usize = 60;

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the display's type has this letter, so that no box stands in a name.
    pub fn has_letter(letter: char) -> bool {
        let lacks = "\u{AD}µĈĉĔĕĜĝĤĥĨĩĬĭĴĵĸĿŀŉŊŋŌōŎŏŖŗŜŝŦŧŨũŬŭſ";
        matches!(letter, ' '..='~' | '\u{A0}'..='\u{17F}' | '–' | '—' | '‘' | '’' | '“' | '”')
            && !lacks.contains(letter)
    }
}

impl TryFrom<String> for CardLine {
    type Error = String;
    fn try_from(line: String) -> Result<Self, String> {
        let len = line.chars().count();
        if len > Self::LEN_MAX {
            return Err(format!("a line of {len} characters; at most {} have room on the card", Self::LEN_MAX));
        }
        match line.chars().find(|letter| !Self::has_letter(*letter)) {
            Some(letter) => Err(format!("the display has no letter {letter:?}; write it in Latin letters")),
            None => Ok(Self(line)),
        }
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

/// A small cell and a bright display.
impl Default for FullHours {
    fn default() -> Self {
        Self(4)
    }
}

impl FullHours {
    /// That long.
    pub const fn get(self) -> Millis {
        Millis::from_hours(self.0 as u64)
    }
}

impl TryFrom<u32> for FullHours {
    type Error = String;
    fn try_from(hours: u32) -> Result<Self, String> {
        (1..=1_000)
            .contains(&hours)
            .then_some(Self(hours))
            .ok_or_else(|| format!("{hours} hours; 1 to 1000 are allowed"))
    }
}

impl Pin {
    /// Its number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u32> for Pin {
    type Error = String;
    fn try_from(pin: u32) -> Result<Self, String> {
        u16::try_from(pin)
            .ok()
            .filter(|_| pin <= LINE_MAX)
            .map(Self)
            .ok_or_else(|| format!("a chip has lines 0 to {LINE_MAX}"))
    }
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Button, Self::Ready, Self::Red, Self::Green, Self::Blue, Self::Buzzer, Self::Vibration];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Button => "bolus button",
            Self::Ready => "ready light",
            Self::Red => "alarm lamp, red",
            Self::Green => "alarm lamp, green",
            Self::Blue => "alarm lamp, blue",
            Self::Buzzer => "buzzer",
            Self::Vibration => "vibration motor",
        }
    }

    /// Its key in the file.
    const fn key(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Ready => "ready",
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Buzzer => "buzzer",
            Self::Vibration => "vibration",
        }
    }
}

impl PinsConfig {
    /// What is wired, and where.
    pub fn parts(&self) -> impl Iterator<Item = (Part, Pin)> {
        self.wired.iter().copied()
    }

    fn wire(&mut self, part: Part, number: u32) -> Result<(), String> {
        let named = format!("pins.{} = {number}", part.key());
        if self.chip.is_none() && number < *HEADER.start() {
            return Err(format!("{named}: pins 0 and 1 are reserved for a board's own memory; wire another, 2 to 27"));
        }
        if self.chip.is_none() && !HEADER.contains(&number) {
            return Err(format!(
                "{named}: the header has BCM 2 to 27; wire one of them, or name the chip that has line {number}"
            ));
        }
        let pin = Pin::try_from(number).map_err(|allowed| format!("{named}: {allowed}"))?;
        if let Some((other, _)) = self.parts().find(|(_, taken)| *taken == pin) {
            return Err(format!("{named}: {} has that pin already; give each part one of its own", other.key()));
        }
        self.wired.push((part, pin));
        Ok(())
    }
}

impl TryFrom<PinsTable> for PinsConfig {
    type Error = String;
    fn try_from(table: PinsTable) -> Result<Self, String> {
        let mut pins = Self { chip: table.chip, wired: Vec::new() };
        let named = [
            (Part::Button, table.button),
            (Part::Ready, table.ready),
            (Part::Red, table.red),
            (Part::Green, table.green),
            (Part::Blue, table.blue),
            (Part::Buzzer, table.buzzer),
            (Part::Vibration, table.vibration),
        ];
        for (part, number) in named {
            if let Some(number) = number {
                pins.wire(part, number)?;
            }
        }
        Ok(pins)
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
    fn a_name_that_would_not_fit_or_would_be_boxes_is_refused() {
        let error = refused(&format!("[card]\npatient = \"{}\"\n", "x".repeat(200)));
        assert!(error.contains("line 2") && error.contains("200 characters; at most 60"), "{error}");
        let error = refused("[card]\nclinic = \"東京\"\n");
        assert!(error.contains("line 2") && error.contains("no letter '東'; write it in Latin letters"), "{error}");
        assert!(CardLine::try_from("Łukasz Ångström–Müller’s".to_owned()).is_ok());
        assert!(CardLine::try_from("two\nlines".to_owned()).is_err(), "one line");
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
    }

    #[test]
    fn a_pin_that_can_t_be_is_named_with_what_to_do() {
        let said = |table: &str, words: [&str; 2]| {
            let error = refused(&format!("data_dir = \"/data\"\n[pins]\n{table}\n"));
            // proves R-DEV-12
            assert!(words.iter().all(|word| error.contains(word)) && error.contains("line 2"), "{error}");
        };
        said("button = 40", ["pins.button = 40", "BCM 2 to 27"]);
        said("red = 1", ["pins.red = 1: pins 0 and 1 are reserved", "wire another"]);
        said("button = 17\nbuzzer = 17", ["pins.buzzer = 17: button has that pin already", "one of its own"]);
        said("chip = \"/dev/gpiochip0\"\nbuzzer = 512", ["pins.buzzer = 512", "lines 0 to 511"]);
        let error = refused("[pins]\nhooter = 4\n");
        assert!(error.contains("unknown field `hooter`") && error.contains("`buzzer`"), "{error}");
        let error = refused("[pins]\nbutton = -1\n");
        assert!(error.contains("line 2") && error.contains("integer `-1`"), "{error}");
    }

    #[test]
    fn a_pin_of_the_gauges_bus_is_named_with_what_to_do() {
        let error = refused("[pins]\nred = 2\n[battery]\ni2c_bus = 1\n");
        // proves R-DEV-12
        assert!(error.contains("pins.red = 2") && error.contains("battery.i2c_bus = 1; wire another"), "{error}");
        let error = refused("[battery]\nfull_hours = 0\n");
        assert!(error.contains("line 2") && error.contains("1 to 1000"), "{error}");
        let elsewhere = toml::from_str::<Config>("[pins]\nred = 2\n[battery]\ni2c_bus = 3\n").unwrap();
        assert_eq!(elsewhere.clash(), None);
    }

    #[test]
    fn a_speed_is_for_simulated_pumps() {
        for bluetooth in ["true", "\"hci1\""] {
            let error = refused(&format!("[pump]\nspeed = 60\nbluetooth = {bluetooth}\n"));
            assert!(error.contains("nothing was started: pump.speed = 60 is for a simulated pump"), "{error}");
        }
        for text in ["speed = 60", "speed = 60\nbluetooth = false", "speed = 1\nbluetooth = true"] {
            assert_eq!(toml::from_str::<Config>(&format!("[pump]\n{text}")).unwrap().clash(), None, "{text}");
        }
    }

    #[test]
    fn a_chip_has_lines_that_the_header_lacks() {
        let pins = toml::from_str::<Config>("[pins]\nchip = \"/dev/gpiochip4\"\nbutton = 0\nbuzzer = 99").unwrap().pins;
        assert!(pins.parts().map(|(part, pin)| (part, pin.get())).eq([(Part::Button, 0), (Part::Buzzer, 99)]));
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
