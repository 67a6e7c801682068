//! Whether BlueZ is set up as this link needs it: read from its configuration, and said in words what is missing.
//!
//! BlueZ tells nobody over D-Bus how it is configured, and reads one file only. A setting that is missing stops nothing here:
//! the session's own keys keep patient and pump safe. It costs quiet on the air, or a link that breaks in odd ways.

use std::{fmt, fs, io, path::Path};

/// Where BlueZ reads its configuration.
pub const MAIN_CONF: &str = "/etc/bluetooth/main.conf";
/// The longest configuration that is read, in bytes: the one that BlueZ ships has 13 KB.
const LEN_MAX: u64 = 256 * 1024;

/// The oldest BlueZ that knows every setting: `SecureConnections` came with it. The one before also crashes when a server
/// answers a write after the link is gone.
pub const OLDEST: Version = Version { major: 5, minor: 67 };

/// A version of BlueZ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Before the point.
    pub major: u8,
    /// Behind it.
    pub minor: u8,
}

impl Version {
    /// As an adapter's modalias names it, where it is BlueZ's own: `usb:v1D6Bp0246d0552` is 5.82.
    pub fn of_modalias(vendor: u32, product: u32, device: u32) -> Option<Self> {
        let [0, 0, major, minor] = device.to_be_bytes() else { return None };
        ((vendor, product) == (0x1D6B, 0x0246)).then_some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// One setting that the link wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The group, without its brackets.
    pub group: &'static str,
    /// The key.
    pub key: &'static str,
    /// The value.
    pub value: &'static str,
    /// What happens without it.
    pub otherwise: &'static str,
}

/// Every setting, in the file's order. `systemd/bluetooth/main.conf` ships them.
pub const WANTED: [Wanted; 6] = [
    Wanted {
        group: "General",
        key: "ControllerMode",
        value: "le",
        otherwise: "the radio also answers as a classic one, which nothing here uses",
    },
    Wanted {
        group: "General",
        key: "SecureConnections",
        value: "on",
        otherwise: "bonds are made with legacy pairing, which anybody who listens can read; or, with \"only\", none at all",
    },
    Wanted {
        group: "General",
        key: "JustWorksRepairing",
        value: "never",
        otherwise: "a stranger can replace the bond, and the pump is out of reach until it is paired again",
    },
    Wanted {
        group: "GATT",
        key: "Cache",
        value: "no",
        otherwise: "a pump whose table has changed is spoken to by its old one",
    },
    Wanted {
        group: "GATT",
        key: "KeySize",
        value: "16",
        otherwise: "a peer can talk the air's encryption down to keys that can be guessed",
    },
    Wanted {
        group: "GATT",
        key: "Channels",
        value: "1",
        otherwise: "BlueZ may open more channels than one, and fragments may overtake each other",
    },
];

/// One setting that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What it should be.
    pub wanted: Wanted,
    /// What the file says; `None` if it says nothing.
    pub found: Option<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wanted { group, key, value, otherwise } = self.wanted;
        match &self.found {
            None => write!(f, "[{group}] {key} = {value} is missing: {otherwise}"),
            Some(found) => write!(f, "[{group}] {key} is {found}, not {value}: {otherwise}"),
        }
    }
}

/// What of [`WANTED`] this file doesn't say. A file that isn't there says nothing.
pub fn configuration(path: &Path) -> io::Result<Vec<Missing>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > LEN_MAX => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "it is far too long"))
        }
        Ok(_) => Ok(missing(&fs::read_to_string(path)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(missing("")),
        Err(error) => Err(error),
    }
}

/// Says in the log what is missing.
pub fn warn(path: &Path) {
    match configuration(path) {
        Ok(missing) => {
            for missing in missing {
                tracing::warn!("{}: {missing}", path.display());
            }
        }
        Err(error) => tracing::warn!("{} can't be read ({error}): how BlueZ is set up is not known", path.display()),
    }
}

/// What of [`WANTED`] this text doesn't say, read as BlueZ does: groups in brackets, `#` for comments, the last word counts.
pub fn missing(text: &str) -> Vec<Missing> {
    let mut group = "";
    let mut said = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            group = name;
        } else if let Some((key, value)) = line.split_once('=') {
            said.push((group, key.trim_end(), value.trim_start()));
        }
    }
    let found = |wanted: &Wanted| {
        let saying = said.iter().rev().find(|(group, key, _)| (*group, *key) == (wanted.group, wanted.key));
        saying.map(|(_, _, value)| *value)
    };
    let missing = WANTED.iter().filter(|wanted| found(wanted) != Some(wanted.value));
    missing.map(|wanted| Missing { wanted: *wanted, found: found(wanted).map(str::to_owned) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../systemd/bluetooth/main.conf");

    #[test]
    fn what_is_shipped_lacks_nothing_and_says_nothing_else() {
        assert_eq!(missing(SHIPPED), []);
        let settings = SHIPPED.lines().filter(|line| !line.starts_with('#') && line.contains('='));
        assert_eq!(settings.count(), WANTED.len());
    }

    #[test]
    fn each_setting_that_is_taken_away_is_named_with_what_it_costs() {
        for wanted in WANTED {
            let line = format!("{} = {}", wanted.key, wanted.value);
            let without = SHIPPED.replace(&line, "");
            assert_ne!(without, SHIPPED, "{line}");
            assert_eq!(missing(&without), [Missing { wanted, found: None }]);
            let said = missing(&without)[0].to_string();
            assert!(said.contains(wanted.key) && said.contains(wanted.otherwise), "{said}");
        }
    }

    #[test]
    fn a_setting_counts_in_its_group_only_uncommented_and_by_its_last_word() {
        let missed = |text: &str| missing(text).iter().any(|missing| missing.wanted.key == "Cache");
        assert!(!missed("[GATT]\nCache=no\n"));
        assert!(missed("[General]\nCache = no\n"));
        assert!(missed("[GATT]\n#Cache = no\n"));
        assert!(missed("[GATT]\nCache = no\nCache = yes\n"));
        assert!(missed(""));
        let said = missing("[GATT]\nCache = always\n").into_iter().find(|missing| missing.wanted.key == "Cache");
        assert!(said.is_some_and(|missing| missing.to_string().contains("is always, not no")));
    }

    #[test]
    fn the_version_is_read_off_the_modalias_and_compared_by_number() {
        let version = Version::of_modalias(0x1D6B, 0x0246, 0x0552);
        assert_eq!(version, Some(Version { major: 5, minor: 82 }));
        assert_eq!(version.map(|version| version.to_string()).as_deref(), Some("5.82"));
        assert!(version > Some(OLDEST) && Version::of_modalias(0x1D6B, 0x0246, 0x0542) < Some(OLDEST));
        assert!(Version { major: 6, minor: 1 } > OLDEST);
        assert_eq!(Version::of_modalias(0x05AC, 0x0246, 0x0552), None, "somebody has given the radio another name");
        assert_eq!(Version::of_modalias(0x1D6B, 0x0246, 0x1_0552), None);
    }

    #[test]
    fn a_file_that_is_not_there_lacks_everything() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(configuration(&dir.path().join("main.conf")).unwrap().len(), WANTED.len());
        assert!(configuration(dir.path()).is_err(), "a directory is no configuration");
    }
}
