//! One program at a time: a lock on a file, which the system releases with the process, however that ends.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, never read")] File);

/// Why the lock is not held. Nothing that it guards was touched.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another program holds it.
    #[error("another program uses what {path} guards; close that first, nothing was changed here")]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The system failed.
    #[error("the lock {path} can't be taken ({source}); nothing was changed")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock on this file, made if there is none, in a directory of its owner's.
    // keeps R-REC-14
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let dir = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let options = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).clone();
        let file = options.open(path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Held { path: path.to_owned() }),
            Err(errno) => Err(failed(errno.into())),
        }
    }
}
