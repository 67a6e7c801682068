//! Whatever stands in the configuration file.

use std::{cell::LazyCell, fs};

use pump_remote::{
    adapters::clock::SPEED_MAX,
    shell::config::{Config, ConfigError},
};
use tempfile::TempDir;

thread_local! {
    static DIR: LazyCell<TempDir> = const { LazyCell::new(crate::record::in_memory) };
}

/// The target.
pub fn run(bytes: &[u8]) {
    DIR.with(|dir| {
        let path = dir.path().join("config.toml");
        fs::write(&path, bytes).expect("memory can be written");
        match Config::read(&path) {
            Ok((config, digest)) => {
                assert!((1..=SPEED_MAX).contains(&config.pump.speed.get()));
                let mut pins: Vec<u16> = config.pins.parts().map(|(_, pin)| pin.get()).collect();
                assert!(config.pins.chip.is_some() || pins.iter().all(|pin| (2..=27).contains(pin)));
                let named = pins.len();
                pins.sort_unstable();
                pins.dedup();
                assert_eq!(pins.len(), named, "no pin twice");
                let again = Config::read(&path).expect("it was read just now");
                assert_eq!(again, (config, digest));
            }
            Err(ConfigError::Long { len, .. }) => assert_eq!(len, bytes.len() as u64),
            Err(ConfigError::Io { source, .. }) => {
                assert_eq!(source.kind(), std::io::ErrorKind::InvalidData, "only text is read: {source}");
                assert!(core::str::from_utf8(bytes).is_err());
            }
            Err(error @ (ConfigError::Toml { .. } | ConfigError::Clash { .. })) => {
                let said = error.to_string();
                assert!(said.contains("config.toml") && said.contains("nothing was started"), "{said}");
            }
        }
    });
}
