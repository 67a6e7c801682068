//! What can be wrong with the record's file: what is true now, and what to do next.

use std::{
    io,
    path::{Path, PathBuf},
};

use pump_core::audit::{Finding, Unsealable};
use thiserror::Error;

/// Why the record could not be opened. The file, if there is one, is as it was.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Neither the data directory nor the one above it exists.
    #[error("there is no directory {dir}: nothing was created; create it, or name another in the configuration")]
    DirectoryMissing {
        /// Where the record was looked for.
        dir: PathBuf,
    },
    /// The data directory can't be used.
    #[error(
        "the directory {dir} can't be used ({source}): nothing was created; it must be a directory that this program may write to"
    )]
    DirectoryUnusable {
        /// Where the record was looked for.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No such file, and nobody asked for one to be made.
    #[error("there is no record at {path}")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another process has the record open for writing.
    #[error("the record {path} is in use by another instance of this program: nothing was touched; end that one first")]
    InUse {
        /// The record.
        path: PathBuf,
    },
    /// The file can be read and not written.
    #[error(
        "the record {path} can be read but not written: nothing can be recorded, and so nothing asked for; make the file and its disk writable"
    )]
    ReadOnly {
        /// The record.
        path: PathBuf,
    },
    /// The file may not be read.
    #[error("the record {path} can't be read by this user: it was not touched; give this program the right to read it")]
    Unreadable {
        /// The record.
        path: PathBuf,
    },
    /// A directory, a pipe or a device.
    #[error("{path} is no file: it was not touched; name a record")]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk with {path} is full: nothing was changed; make room and start again")]
    Full {
        /// The record.
        path: PathBuf,
    },
    /// The file is shorter than it says.
    #[error(
        "the record {path} is cut off: {len} bytes are left of {expected}; it was left as it is: call the clinic; {}",
        another_begins(path)
    )]
    Truncated {
        /// The record.
        path: PathBuf,
        /// How long it is.
        len: u64,
        /// How long it should be at least.
        expected: u64,
    },
    /// The file doesn't begin like a database.
    #[error(
        "{path} is no database, or its first bytes are damaged; it was left as it is: call the clinic; {}",
        another_begins(path)
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// SQLite can't make sense of the file.
    #[error("the record {path} is damaged ({detail}); it was left as it is: call the clinic; {}", another_begins(path))]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// A database of another program.
    #[error(
        "{path} is another program's database (application id {found:#010x}); it was not touched, name another file"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: u32,
    },
    /// A record about another pump.
    #[error(
        "the record {path} belongs to the pump {found}, not to {expected}; it was not touched: pair that pump; or {}",
        another_begins(path)
    )]
    OtherPump {
        /// The record.
        path: PathBuf,
        /// The serial number in the record.
        found: String,
        /// The serial number of the pump that is paired.
        expected: String,
    },
    /// A record kept by another device.
    #[error(
        "the record {path} was kept by a device with another key; it was not touched: bring back its key; or {}",
        another_begins(path)
    )]
    OtherKey {
        /// The record.
        path: PathBuf,
    },
    /// A record made by a newer program.
    #[error(
        "the record {path} has version {found}, this program knows {known}; it was not touched, install the newer program"
    )]
    Newer {
        /// The record.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The newest lines lie in a log that can't be read where the file is.
    #[error(
        "the newest lines of {path} are in {path}-wal, which can't be read in a directory that can't be written; copy both files to a disk"
    )]
    LogUnreadable {
        /// The record.
        path: PathBuf,
    },
    /// The system failed in another way.
    #[error(
        "the record {path} could not be opened ({detail}): nothing was changed; try again, and check the disk if it stays"
    )]
    Io {
        /// The record.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
}

/// How a person begins another record. The log goes along, for lines may lie in it, and a log alone is no record's.
fn another_begins(path: &Path) -> String {
    format!(
        "another begins at the next start once this one, kept, was moved elsewhere (mv {}* ELSEWHERE)",
        path.display()
    )
}

/// Why a batch was not recorded. Nothing of it is in the record.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The batch itself can't be recorded.
    #[error(transparent)]
    Unsealable(#[from] Unsealable),
    /// No room.
    #[error(
        "nothing recorded: the disk, or the room set for the record, is full; export and make room, then ask again"
    )]
    Full,
    /// The file can't be written any more.
    #[error("nothing recorded: the record can only be read; make its disk writable, then ask again")]
    ReadOnly,
    /// Somebody else is writing.
    #[error("nothing recorded: the record is locked by another program; ask again")]
    Busy,
    /// The disk failed.
    #[error("nothing recorded: the disk failed ({detail}); ask again, and replace the disk if it stays")]
    Io {
        /// What the system said.
        detail: String,
    },
    /// The record is not what this store left there.
    #[error(
        "nothing recorded: the record is damaged or was written by another hand ({detail}); open it again to see what is true"
    )]
    Damaged {
        /// What SQLite said.
        detail: String,
    },
    /// The newest part does not verify, so nothing may be built on it.
    #[error(
        "nothing recorded: the record's newest part does not verify ({0}): call the clinic; another begins once its file and its -wal, kept, were moved elsewhere"
    )]
    Unverified(Finding),
    /// An earlier append was dropped before it ended.
    #[error(
        "nothing recorded: an earlier batch was abandoned half-way, and may be in; close the record and open it again to see"
    )]
    Abandoned,
}

/// Why the record could not be read. Nothing was changed.
#[derive(Debug, Error)]
pub enum ReadError {
    /// SQLite can't make sense of the file.
    #[error("the record is damaged ({detail})")]
    Damaged {
        /// What SQLite said.
        detail: String,
    },
    /// A line is not as it was written.
    #[error(transparent)]
    Found(#[from] Finding),
    /// It was written to while it was read as if nobody would.
    #[error("the record was written to while it was read: nothing is known; read it again")]
    Changed,
    /// Its oldest lines were pruned while it was read.
    #[error("the record's oldest lines were exported and pruned while it was read: nothing is known; read it again")]
    Pruned,
    /// The system failed in another way.
    #[error("the record could not be read ({detail}): nothing is known; try again, and check the disk if it stays")]
    Io {
        /// What the system said.
        detail: String,
    },
}

/// What SQLite's primary result code means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Busy,
    ReadOnly,
    Damaged,
    Full,
    CannotOpen,
    NotADatabase,
    Other,
}

pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::Database(database) => {
            database.code().and_then(|code| code.parse().ok()).map_or(Trouble::Other, trouble_of_code)
        }
        // A column of another type, or a row that must be there and is not: the file isn't ours any more.
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => Trouble::Damaged,
        _ => Trouble::Other,
    }
}

/// The low byte of a result code is the primary code (<https://sqlite.org/rescode.html>).
fn trouble_of_code(code: i32) -> Trouble {
    match code & 0xFF {
        5 | 6 => Trouble::Busy,
        8 => Trouble::ReadOnly,
        // 19: a constraint or one of our triggers, which nothing of ours runs into while the file is as we left it.
        1 | 11 | 19 | 20 => Trouble::Damaged,
        13 => Trouble::Full,
        14 => Trouble::CannotOpen,
        26 => Trouble::NotADatabase,
        _ => Trouble::Other,
    }
}

impl ReadError {
    /// Whether it says what is in the file; otherwise it was only out of reach, and nothing is known of it.
    pub const fn is_about_the_file(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Found(_) => true,
            Self::Changed | Self::Pruned | Self::Io { .. } => false,
        }
    }
}

impl From<sqlx::Error> for AppendError {
    fn from(error: sqlx::Error) -> Self {
        let detail = error.to_string();
        match trouble(&error) {
            Trouble::Busy => Self::Busy,
            Trouble::ReadOnly => Self::ReadOnly,
            Trouble::Full => Self::Full,
            Trouble::Damaged | Trouble::NotADatabase => Self::Damaged { detail },
            Trouble::CannotOpen | Trouble::Other => Self::Io { detail },
        }
    }
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        let detail = error.to_string();
        match trouble(&error) {
            Trouble::Damaged | Trouble::NotADatabase => Self::Damaged { detail },
            Trouble::Busy | Trouble::ReadOnly | Trouble::Full | Trouble::CannotOpen | Trouble::Other => {
                Self::Io { detail }
            }
        }
    }
}

impl OpenError {
    /// Whether it says what is in the file, or that there is none; otherwise it was only out of reach, and nothing is known of it.
    pub const fn is_about_the_file(&self) -> bool {
        match self {
            Self::Missing { .. }
            | Self::NotAFile { .. }
            | Self::Truncated { .. }
            | Self::NotADatabase { .. }
            | Self::Damaged { .. }
            | Self::Foreign { .. }
            | Self::OtherPump { .. }
            | Self::OtherKey { .. }
            | Self::Newer { .. } => true,
            Self::DirectoryMissing { .. }
            | Self::DirectoryUnusable { .. }
            | Self::InUse { .. }
            | Self::ReadOnly { .. }
            | Self::Unreadable { .. }
            | Self::Full { .. }
            | Self::LogUnreadable { .. }
            | Self::Io { .. } => false,
        }
    }

    pub(super) fn from_sqlite(path: PathBuf, error: &sqlx::Error) -> Self {
        let detail = error.to_string();
        match trouble(error) {
            Trouble::Busy => Self::InUse { path },
            Trouble::ReadOnly => Self::ReadOnly { path },
            Trouble::Full => Self::Full { path },
            Trouble::NotADatabase => Self::NotADatabase { path },
            Trouble::Damaged => Self::Damaged { path, detail },
            Trouble::CannotOpen | Trouble::Other => Self::Io { path, detail },
        }
    }

    pub(super) fn from_io(path: PathBuf, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { path, detail: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_failing_to_write_has_its_own_word() {
        let told = [(5, Trouble::Busy), (8, Trouble::ReadOnly), (13, Trouble::Full), (26, Trouble::NotADatabase)];
        for (code, trouble) in told {
            assert_eq!(trouble_of_code(code), trouble);
        }
        assert_eq!(trouble_of_code(5 | 2 << 8), Trouble::Busy, "an extended code means what its primary means");
        assert_eq!(trouble_of_code(10), Trouble::Other);
    }

    #[test]
    fn a_disk_that_refuses_is_not_a_damaged_record() {
        let path = || PathBuf::from("record.db");
        let open = |kind| OpenError::from_io(path(), &io::Error::from(kind));
        assert!(matches!(open(io::ErrorKind::ReadOnlyFilesystem), OpenError::ReadOnly { .. }));
        assert!(matches!(open(io::ErrorKind::PermissionDenied), OpenError::ReadOnly { .. }));
        assert!(matches!(open(io::ErrorKind::StorageFull), OpenError::Full { .. }));
        assert!(matches!(open(io::ErrorKind::NotFound), OpenError::Missing { .. }));
    }
}
