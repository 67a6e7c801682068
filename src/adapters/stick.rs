//! A stick that somebody has put in: whether there is one, and files that are whole on it or not there by their name.
//!
//! It is the directory where a mount unit puts it; the remote itself mounts nothing. What lies on it is a stranger's: nothing of it is
//! believed but what it gives back of the record's own bytes.
//!
//! # Promises
//! - Without a stick nothing is written: a directory on the same device as the one above it is none, and neither is one that another
//!   device has come to.
//! - A file gets its name once it was read back from the stick; until then it is a `.part`, which the next one overwrites.
//! - Few bytes wait for the stick at any moment, so that whoever writes the record waits for its own disk alone.
//!
//! # Traps
//! - A stick can keep what it was told to write in a cache of its own and answer from there; only the next computer sees that.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{file_digest, forget_cached};

/// Names the directory where sticks are mounted, in the environment of a service beside which something mounts them.
pub const NAMED_BY: &str = "PUMP_REMOTE_STICK";
/// What stands under another name yet, or was cut short.
const PART: &str = "record.part";
/// How many bytes wait for a stick at most: a second of a slow one.
const UNSYNCED_MAX: usize = 4 << 20;

/// Which device is mounted at a directory; `None` if none is.
pub type DeviceOf = fn(&Path) -> io::Result<Option<u64>>;

/// Why something is not on a stick.
#[derive(Debug, Error)]
pub enum StickError {
    /// None is in.
    #[error("no stick is in")]
    NotIn,
    /// There is no room.
    #[error("the stick is full")]
    Full,
    /// It can't be written or read.
    #[error("the stick failed, or was taken out ({0})")]
    Failed(io::Error),
    /// It gives back something else.
    #[error("what was read back from the stick is not what was written")]
    NotReadBack,
}

impl From<io::Error> for StickError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::Failed(error),
        }
    }
}

/// Where sticks are mounted.
#[derive(Clone, Debug)]
pub struct Slot {
    dir: PathBuf,
    device_of: DeviceOf,
}

/// A directory of ours on the stick that is in.
#[derive(Debug)]
pub struct Folder {
    slot: PathBuf,
    dir: PathBuf,
    device: u64,
}

/// A file that is being written; what is not finished is removed.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    file: File,
    digest: Sha256,
    unsynced: usize,
}

impl Slot {
    /// The one of this service; `None` where nothing mounts a stick.
    pub fn beside_this_service() -> Option<Self> {
        std::env::var_os(NAMED_BY).filter(|dir| !dir.is_empty()).map(|dir| Self::new(dir.into(), mounted))
    }

    /// The slot at this directory.
    pub const fn new(dir: PathBuf, device_of: DeviceOf) -> Self {
        Self { dir, device_of }
    }

    /// A directory of this name on the stick that is in, made if there is none.
    pub fn folder(&self, name: &str) -> Result<Folder, StickError> {
        let device = match (self.device_of)(&self.dir) {
            Ok(Some(device)) => device,
            Ok(None) => return Err(StickError::NotIn),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StickError::NotIn),
            Err(error) => return Err(error.into()),
        };
        let dir = self.dir.join(name);
        match fs::create_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        Ok(Folder { slot: self.dir.clone(), dir, device })
    }
}

impl Folder {
    /// How long the file of this name is; `None` if there is none.
    pub fn len_of(&self, name: &str) -> Result<Option<u64>, StickError> {
        match fs::symlink_metadata(self.dir.join(name)) {
            Ok(found) => Ok(Some(found.len()).filter(|_| found.is_file())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the stick gives back these bytes by this name. What can't be read does not.
    pub fn gives_back(&self, name: &str, digest: [u8; 32]) -> bool {
        let path = self.dir.join(name);
        let read = File::open(&path).and_then(|file| {
            // Whoever put it there may have left it in memory: it is read from the stick.
            file.sync_all()?;
            forget_cached(&file)?;
            file_digest(&path)
        });
        read.is_ok_and(|found| found == digest)
    }

    /// Begins a file.
    pub fn begin(&self) -> Result<Part, StickError> {
        let path = self.dir.join(PART);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let part = Part { path, file, digest: Sha256::new(), unsynced: 0 };
        // Another device than the stick: it was taken out since, and this is what was under it.
        if part.file.metadata()?.dev() == self.device { Ok(part) } else { Err(StickError::NotIn) }
    }

    /// Gives a file its name, once all of it has left this machine and `read_back` finds the same there.
    pub fn finish(
        &self,
        part: Part,
        name: &str,
        read_back: impl FnOnce(&Path) -> Result<[u8; 32], StickError>,
    ) -> Result<(), StickError> {
        part.file.sync_all()?;
        forget_cached(&part.file)?;
        let written: [u8; 32] = part.digest.clone().finalize().into();
        if read_back(&part.path)? != written {
            return Err(StickError::NotReadBack);
        }
        fs::rename(&part.path, self.dir.join(name))?;
        // Its name is its own now: nothing is removed.
        drop(part);
        for dir in [&self.dir, &self.slot] {
            File::open(dir)?.sync_all()?;
        }
        Ok(())
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.file.write(bytes)?;
        self.digest.update(&bytes[..len]);
        self.unsynced += len;
        if self.unsynced >= UNSYNCED_MAX {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // With its name it is not there any more; without a stick nothing is.
        let _ = fs::remove_file(&self.path);
    }
}

/// Which device is mounted at this directory; `None` if it is the one that the directory above it lies on.
pub fn mounted(dir: &Path) -> io::Result<Option<u64>> {
    let (device, above) = (fs::metadata(dir)?.dev(), fs::metadata(dir.join(".."))?.dev());
    Ok(Some(device).filter(|device| *device != above))
}

/// What a file that was copied as it is must give back.
pub fn digest_of(path: &Path) -> Result<[u8; 32], StickError> {
    Ok(file_digest(path)?)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A directory in place of a stick.
    fn stick() -> (TempDir, Slot) {
        let dir = TempDir::new().unwrap();
        let slot = Slot::new(dir.path().to_owned(), |dir| fs::metadata(dir).map(|found| Some(found.dev())));
        (dir, slot)
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_directory_that_nothing_is_mounted_at_is_no_stick() {
        let dir = TempDir::new().unwrap();
        let slot = |dir: &Path| Slot::new(dir.to_owned(), mounted);
        for at in [dir.path().to_owned(), dir.path().join("nowhere")] {
            let found = slot(&at).folder("ours");
            // proves R-REC-11
            assert!(matches!(found, Err(StickError::NotIn)), "{at:?}: {found:?}");
        }
        assert!(names(dir.path()).is_empty());
        assert!(mounted(Path::new("/proc")).unwrap().is_some(), "a mount point of every Linux");
        assert_eq!(mounted(Path::new("/proc/self")).unwrap(), None);
    }

    #[test]
    fn a_file_has_its_name_once_it_was_read_back() {
        let (dir, slot) = stick();
        let folder = slot.folder("ours").unwrap();
        let mut part = folder.begin().unwrap();
        part.write_all(b"a record").unwrap();
        assert_eq!((names(&dir.path().join("ours")), folder.len_of("whole").unwrap()), (vec![PART.to_owned()], None));
        folder.finish(part, "whole", digest_of).unwrap();
        // proves R-REC-11
        assert_eq!(fs::read(dir.path().join("ours/whole")).unwrap(), b"a record");
        assert_eq!(
            (names(&dir.path().join("ours")), folder.len_of("whole").unwrap()),
            (vec!["whole".to_owned()], Some(8))
        );
    }

    #[test]
    fn what_comes_back_as_something_else_is_not_there() {
        let (dir, slot) = stick();
        let folder = slot.folder("ours").unwrap();
        let mut part = folder.begin().unwrap();
        part.write_all(b"a record").unwrap();
        let lies = folder.finish(part, "whole", |path| {
            fs::write(path, b"a recorD").unwrap();
            digest_of(path)
        });
        // proves R-REC-11
        assert!(matches!(lies, Err(StickError::NotReadBack)), "{lies:?}");
        assert!(names(&dir.path().join("ours")).is_empty());
    }

    #[test]
    fn a_full_stick_is_told_from_one_that_failed() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let path = PathBuf::from("/nowhere/at/all");
        let mut part = Part { path, file: full, digest: Sha256::new(), unsynced: 0 };
        let told = StickError::from(part.write_all(b"a record").unwrap_err());
        // proves R-REC-11
        assert!(matches!(told, StickError::Full), "{told:?}");
        for kind in [io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::NotFound, io::ErrorKind::Other] {
            assert!(matches!(StickError::from(io::Error::from(kind)), StickError::Failed(_)), "{kind}");
        }
    }

    #[test]
    fn a_stick_that_is_taken_out_is_no_stick_or_one_that_failed() {
        let (dir, slot) = stick();
        // What was under it.
        let other = Folder { device: 0, ..slot.folder("ours").unwrap() };
        let begun = other.begin();
        // proves R-REC-11
        assert!(matches!(begun, Err(StickError::NotIn)), "{begun:?}");
        assert!(names(&dir.path().join("ours")).is_empty(), "nothing is left there");
        let folder = slot.folder("ours").unwrap();
        let part = folder.begin().unwrap();
        fs::remove_dir_all(dir.path().join("ours")).unwrap();
        let finished = folder.finish(part, "whole", digest_of);
        // proves R-REC-11
        assert!(matches!(finished, Err(StickError::Failed(_))), "{finished:?}");
        assert!(matches!(folder.begin(), Err(StickError::Failed(_))));
        fs::write(dir.path().join("ours"), "a file").unwrap();
        assert!(matches!(slot.folder("ours").and_then(|folder| folder.begin()), Err(StickError::Failed(_))));
    }

    #[test]
    fn a_part_that_was_left_is_overwritten() {
        let (dir, slot) = stick();
        let folder = slot.folder("ours").unwrap();
        fs::write(dir.path().join("ours").join(PART), [7; 100]).unwrap();
        let mut part = folder.begin().unwrap();
        part.write_all(b"a record").unwrap();
        folder.finish(part, "whole", digest_of).unwrap();
        assert_eq!(folder.len_of("whole").unwrap(), Some(8));
        drop(folder.begin().unwrap());
        assert_eq!(names(&dir.path().join("ours")), ["whole"], "what isn't finished is removed");
    }

    #[test]
    fn much_is_written_as_it_was() {
        let (dir, slot) = stick();
        let folder = slot.folder("ours").unwrap();
        let mut part = folder.begin().unwrap();
        let piece: Vec<u8> = (0..=u8::MAX).collect();
        for _ in 0..(UNSYNCED_MAX / piece.len() + 3) {
            part.write_all(&piece).unwrap();
        }
        assert!(part.unsynced < UNSYNCED_MAX, "{} bytes wait", part.unsynced);
        folder.finish(part, "whole", digest_of).unwrap();
        assert_eq!(fs::read(dir.path().join("ours/whole")).unwrap(), piece.repeat(UNSYNCED_MAX / piece.len() + 3));
    }
}
