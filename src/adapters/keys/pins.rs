//! Who this remote is to its pump, and which pump it trusts: the session's own key and what a pairing pinned.

use std::{
    io,
    path::{Path, PathBuf},
};

use pump_protocol::{
    session::{Entropy, RemotePins, StaticKey, encode_secret},
    wire::{Malformed, Reader, Text, Wire},
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::adapters::secret_file;

/// The file's place in the data directory.
pub const SESSION_KEYS: &str = "keys/session.keys";

/// The version of the file.
const VERSION: u8 = 1;
/// More than any such file, so that a wrong one is not read whole.
const LEN_MAX: usize = 4096;

/// The session's keys, as they stand in their file.
pub struct SessionKeys {
    /// This remote's own key.
    pub own: StaticKey,
    /// The pump that it trusts.
    pub pins: RemotePins,
    /// That pump's serial number; `None` before the first pairing.
    pub serial: Option<Text<16>>,
    path: PathBuf,
}

/// Why there are no session keys. Nothing was changed.
#[derive(Debug, Error)]
pub enum SessionKeysError {
    /// The file is something else. A remote that pairs anew has another key, under which its pump knows none of the requests in
    /// the record.
    #[error(
        "{path} holds no session keys ({malformed}); it was left as it is: bring back a copy, or set it and the record aside and pair the remote anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        malformed: Malformed,
    },
    /// The system failed.
    #[error("the session keys {path} can't be read or written ({source}): without them no pump can be asked")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl SessionKeys {
    /// The keys in this data directory; a new key without a pump if there are none.
    pub fn open(data_dir: &Path, entropy: &mut dyn Entropy) -> Result<Self, SessionKeysError> {
        let path = data_dir.join(SESSION_KEYS);
        match secret_file::read(&path, LEN_MAX) {
            Ok(bytes) => {
                Self::parse(&bytes, path.clone()).map_err(|malformed| SessionKeysError::Damaged { path, malformed })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let new = Self { own: StaticKey::generate(entropy), pins: RemotePins::default(), serial: None, path };
                new.store()?;
                Ok(new)
            }
            Err(source) => Err(SessionKeysError::Io { path, source }),
        }
    }

    /// Puts these pins on disk before anything is said that relies on them.
    pub fn pin(&mut self, pins: RemotePins, serial: Option<Text<16>>) -> Result<(), SessionKeysError> {
        self.pins = pins;
        self.serial = serial;
        self.store()
    }

    /// Whether a pump is paired.
    pub fn paired(&self) -> bool {
        self.pins.newest_first().next().is_some()
    }

    fn store(&self) -> Result<(), SessionKeysError> {
        let own = self.own.to_bytes();
        let mut serial = Vec::new();
        self.serial.put(&mut serial);
        let pins = encode_secret(&self.pins);
        secret_file::replace(&self.path, &[&[VERSION], own.as_slice(), &serial, &pins])
            .map_err(|source| SessionKeysError::Io { path: self.path.clone(), source })
    }

    fn parse(bytes: &[u8], path: PathBuf) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        if bytes.len() > LEN_MAX {
            return Err(input.unknown("length", bytes.len() as u64));
        }
        match u8::take(&mut input)? {
            VERSION => {}
            found => return Err(Malformed::Version { found }),
        }
        let private = Zeroizing::new(input.array::<32>()?);
        let serial = Wire::take(&mut input)?;
        let pins = Wire::take(&mut input)?;
        input.finish()?;
        Ok(Self { own: StaticKey::from_bytes(&private), pins, serial, path })
    }
}
