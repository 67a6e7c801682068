//! Small files that only their owner may read, replaced whole or not at all.
//!
//! # Promises
//! - A power cut leaves the old file or the new one, never a part: written beside its place, synced, renamed, synced.
//! - Mode 0600 in a directory of mode 0700, from the first byte on.
//! - What is read is wiped from memory when dropped, and a file that is far too long is not read whole.
//!
//! # Traps
//! - A card writes where it likes: what was overwritten may stand in its old cells until it needs them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use zeroize::Zeroizing;

/// The file's bytes, at most `len_max` and one: so that a longer file is told from a good one without reading all of it.
pub fn read(path: &Path, len_max: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    // Room for all of it at once: bytes that move would leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(len.min(len_max) + 1));
    file.take(len_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts these bytes in the file's place. On an error the file is as it was; where only its directory could not be synced it is
/// the new one, or after a power cut perhaps the old.
pub fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    // keeps R-LNK-12
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(dir)?.sync_all()
}

/// Overwrites the file, and removes it. One that isn't there is wiped already.
pub fn wipe(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    io::copy(&mut io::repeat(0).take(file.metadata()?.len()), &mut file)?;
    file.sync_all()?;
    fs::remove_file(path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
