//! One outside thing each: an adapter speaks only the core's types and its one library, and knows no other adapter.
//!
//! What they share stands here: a [`Dial`] makes a link, a [`Serve`] answers on one, and a link is two bounded channels of
//! fragments.

pub mod backlight;
pub mod battery;
pub mod bluez;
pub mod clock;
pub mod entropy;
mod fixtures;
pub mod gpio;
pub mod keys;
pub mod lock;
pub mod program;
pub mod rtc;
pub mod secret_file;
pub mod set_clock;
pub mod simulated;
#[cfg(feature = "display")]
pub mod slint;
pub mod socket;
pub mod sound;
pub mod sqlite;
pub mod stick;
pub mod systemd;
pub mod touch;

use std::{
    fs::{self, File},
    future::Future,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use pump_protocol::clock::Uptime;
use rustix::fs::{Advice, fadvise};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

/// Bytes as people compare them: two digits each.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// SHA-256 over what is in a file, read in pieces. Takes as long as reading it does.
pub fn file_digest(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut digest, mut piece) = (File::open(path)?, Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(digest.finalize().into()),
            len => digest.update(&piece[..len]),
        }
    }
}

/// Lets memory forget what it holds of a file whose bytes are durable: who reads it next reads the disk.
pub fn forget_cached(file: &File) -> io::Result<()> {
    Ok(fadvise(file, 0, None, Advice::DontNeed)?)
}

/// The paths of what is in a directory, by name; nothing, if it isn't there.
pub fn paths_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The most fragments that wait in either direction: one frame at the smallest link, and a little.
pub const FRAGMENTS_WAITING_MAX: usize = 64;

/// A link that stands: what is pushed into `to` arrives at the other end; when either end drops its half, the link is gone.
#[derive(Debug)]
pub struct Fragments {
    /// To the other end.
    pub to: mpsc::Sender<Vec<u8>>,
    /// From the other end.
    pub from: mpsc::Receiver<Vec<u8>>,
    /// The longest fragment that the link carries, in bytes.
    pub largest_write: usize,
}

/// Makes links to one pump.
pub trait Dial: Send {
    /// One attempt. An error is an ordinary thing: the pump is out of reach.
    fn dial(&mut self) -> impl Future<Output = io::Result<Fragments>> + Send;
}

/// A pump that answers on links, one at a time.
pub trait Serve: Send + Sync {
    /// Answers until either side drops the link.
    fn serve(&self, link: Fragments) -> impl Future<Output = ()> + Send;
    /// What of the pump can be seen without a session, as it changes.
    fn aspect(&self) -> watch::Receiver<Aspect>;
}

/// What of a pump can be seen without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aspect {
    /// Until when its pairing window is open; `None` if it is closed.
    pub window: Option<Uptime>,
    /// Whether something has changed that a paired remote has not said it knows.
    pub news: bool,
}

/// The time since then, for what only compares moments of its own.
fn uptime_since(began: Instant) -> Uptime {
    Uptime::from_millis(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
}
