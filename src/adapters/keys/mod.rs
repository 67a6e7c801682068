//! The device's own signing key: made once, kept in a file that only the service can read.
//!
//! It signs the record's checkpoints and exports. It is never shown, logged or exported; whoever has it can forge a record.
//!
//! # Promises
//! - The key's bytes are wiped from memory when they are no longer needed.
//! - A damaged key is found, and never taken for another: the file names the public key, too.
//! - A key that others could have read is refused rather than used.

pub mod pins;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use ed25519_dalek::SigningKey;
use thiserror::Error;

use super::secret_file;

/// The key's place in the data directory.
pub const DEVICE_KEY: &str = "keys/device.key";

const MAGIC: &[u8; 16] = b"pump-remote key\x01";
const FILE_LEN: usize = MAGIC.len() + 32 + 32;

/// Why there is no device key. Nothing was changed.
#[derive(Debug, Error)]
pub enum KeyError {
    /// Others can read it, or could.
    #[error(
        "{path} can be read by others (mode {mode:03o}), so what it signs proves nothing: replace the key, and keep file and directory to their owner"
    )]
    TooOpen {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is no key.
    #[error(
        "{path} is no device key, or is damaged: it was left as it is: bring back a copy; or call the clinic, and move it and the record elsewhere to begin both anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system failed.
    #[error("the device key {path} can't be read or made ({source}): without it nothing can be recorded")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The device's key in this data directory; made from `entropy` if there is none. The caller wipes the entropy.
pub fn device_key(data_dir: &Path, entropy: &[u8; 32]) -> Result<SigningKey, KeyError> {
    let path = data_dir.join(DEVICE_KEY);
    if path.symlink_metadata().is_ok() {
        return read_device_key(&path);
    }
    make(&path, &SigningKey::from_bytes(entropy)).map_err(|source| KeyError::Io { path: path.clone(), source })?;
    read_device_key(&path)
}

/// The key in this file.
pub fn read_device_key(path: &Path) -> Result<SigningKey, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), source };
    for guarded in path.parent().into_iter().chain([path]) {
        let mode = fs::metadata(guarded).map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::TooOpen { path: guarded.to_owned(), mode });
        }
    }
    let bytes = secret_file::read(path, FILE_LEN).map_err(failed)?;
    parse(&bytes).ok_or_else(|| KeyError::Damaged { path: path.to_owned() })
}

fn parse(bytes: &[u8]) -> Option<SigningKey> {
    let (secret, public) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
    let key = SigningKey::from_bytes(secret);
    (public == key.verifying_key().as_bytes()).then_some(key)
}

fn make(path: &Path, key: &SigningKey) -> io::Result<()> {
    secret_file::replace(path, &[MAGIC, key.as_bytes(), key.verifying_key().as_bytes()])
}
