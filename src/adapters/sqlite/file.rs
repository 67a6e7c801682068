//! The file before SQLite sees it: where it may lie, whose it is, and that only one writer has it.
//!
//! SQLite makes a new database out of an empty file and joins any database that it is shown. Neither may happen to a
//! record, so the first hundred bytes are read here first.
//!
//! # Promises
//! - Nothing here changes an existing record; [`set_aside`] renames it, when asked.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::OpenError;
use crate::adapters::lock::{Lock, LockError};

/// "PRec": says in the file's header that it is a record (<https://sqlite.org/fileformat.html#application_id>).
pub(super) const APPLICATION_ID: u32 = 0x5052_6563;

/// The most records set aside: a device that loses so many has another fault.
const ASIDE_MAX: u16 = 1000;
const HEADER_LEN: usize = 100;
const HEADER_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Makes sure that the data directory exists and is one.
pub(super) fn prepare_directory(path: &Path) -> Result<(), OpenError> {
    let dir = directory_of(path);
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).create(dir).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => OpenError::DirectoryMissing { dir: dir.to_owned() },
        _ => OpenError::DirectoryUnusable { dir: dir.to_owned(), source },
    })
}

/// Keeps every other instance out. The lock is a file of its own, because SQLite's own locks come and go.
pub(super) fn lock(path: &Path) -> Result<Lock, OpenError> {
    Lock::take(&beside(path, ".lock")).map_err(|error| match error {
        LockError::Held { .. } => OpenError::InUse { path: path.to_owned() },
        LockError::Io { source, .. } => OpenError::DirectoryUnusable { dir: directory_of(path).to_owned(), source },
    })
}

// keeps R-REC-13
/// Refuses what is no record, before anything could change it.
pub(super) fn inspect(path: &Path) -> Result<(), OpenError> {
    let failed = |error: io::Error| OpenError::from_io(path.to_owned(), &error);
    let found = fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        // A pipe would be waited for without end.
        return Err(OpenError::NotAFile { path: path.to_owned() });
    }
    let len = found.len();
    let mut file = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => OpenError::Unreadable { path: path.to_owned() },
        _ => failed(source),
    })?;
    let mut header = [0; HEADER_LEN];
    let cut_off = |expected| OpenError::Truncated { path: path.to_owned(), len, expected };
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(cut_off(HEADER_LEN as u64)),
        Err(error) => return Err(failed(error)),
    }
    if !header.starts_with(HEADER_MAGIC) {
        return Err(OpenError::NotADatabase { path: path.to_owned() });
    }
    let found = big_endian(&header, 68);
    if found != APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.to_owned(), found });
    }
    // A power cut while the log is folded back leaves a short file and a log that mends it: then SQLite must judge.
    let expected = page_size(&header) * u64::from(big_endian(&header, 28));
    if len < expected && !has_log(path) { Err(cut_off(expected)) } else { Ok(()) }
}

/// Whether the file can be written.
pub(super) fn check_writable(path: &Path) -> Result<(), OpenError> {
    let opened = OpenOptions::new().write(true).open(path);
    opened.map(drop).map_err(|error| OpenError::from_io(path.to_owned(), &error))
}

/// Whether lines may lie in a write-ahead log beside the file.
pub(super) fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Whether a program has the file open, or left lines in a log beside it. SQLite removes both files at a clean close.
pub(super) fn is_open_or_has_log(path: &Path) -> bool {
    has_log(path) || beside(path, "-shm").exists()
}

/// An empty file that only its owner can read, to build a new record in.
///
/// A record appears under its own name only when it is complete. What lies here never was one: its making was cut short.
pub(super) fn begin_new(path: &Path) -> io::Result<PathBuf> {
    let new = beside(path, ".new");
    for leftover in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm")] {
        match fs::remove_file(leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    Ok(new)
}

/// Gives a complete new record its name, durably.
pub(super) fn publish_new(new: &Path, path: &Path) -> io::Result<()> {
    File::open(new)?.sync_all()?;
    fs::rename(new, path)?;
    File::open(directory_of(path))?.sync_all()
}

/// Renames a record that can't be gone on with, so that another can begin; says its new name.
///
/// Nothing is deleted: the clinic may still read it. The log beside it goes along, because lines may lie in it.
pub fn set_aside(path: &Path) -> Result<PathBuf, OpenError> {
    let _lock = lock(path)?;
    let mut names = (1_u16..=ASIDE_MAX).map(|number| beside(path, &format!(".aside-{number}")));
    let aside = names.find(|name| !name.exists()).ok_or_else(|| OpenError::Io {
        path: path.to_owned(),
        detail: format!("{ASIDE_MAX} records were set aside already: take them off the disk first"),
    })?;
    let failed = |error: io::Error| OpenError::from_io(path.to_owned(), &error);
    for suffix in ["-wal", "-shm"] {
        match fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    fs::rename(path, &aside).map_err(failed)?;
    File::open(directory_of(path)).and_then(|dir| dir.sync_all()).map_err(failed)?;
    Ok(aside)
}

/// The path with something behind its whole name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Bytes 16 and 17; the value 1 means 65536, which doesn't fit.
fn page_size(header: &[u8; HEADER_LEN]) -> u64 {
    match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    }
}

fn big_endian(header: &[u8; HEADER_LEN], offset: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&header[offset..offset + 4]);
    u32::from_be_bytes(bytes)
}
