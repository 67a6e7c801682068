//! The record onto a stick: what was pruned from it and waits beside it, then the record itself as one signed file.
//!
//! ```text
//! pump-remote-<pump>-<record>/record-000000000001.export              as it lies beside the record
//! pump-remote-<pump>-<record>/record-000000016385-to-000000020017.export
//! ```
//!
//! # Promises
//! - A copy is whole and was read back from the stick, or it is not called one.
//! - It is written beside everything else, on a thread of its own: a slow stick holds up nobody, and the program's end doesn't wait for it.
//! - Nothing beside the record is changed: what waits there for the clinic waits there still.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, TryLockError},
    thread,
};

use ed25519_dalek::SigningKey;
use pump_core::{
    audit::{Genesis, event::NotCopied},
    remote::Input,
};
use pump_protocol::message::AuditHead;
use thiserror::Error;
use tokio::sync::mpsc;

use super::recorder::EXPORTS;
use crate::adapters::{
    file_digest, paths_in,
    sqlite::{ExportError, OpenError, ReadError, View, verify_export, write_export},
    stick::{Folder, Slot, StickError, digest_of},
};

/// What every export is named by.
const EXPORT: &str = "export";
/// How often a copy is begun whose oldest lines are pruned meanwhile. Between two prunings lie days.
const BEGUN_MAX: usize = 2;

/// Who copies the record.
#[derive(Clone, Debug)]
pub struct Copier {
    slot: Slot,
    record: PathBuf,
    key: SigningKey,
    copying: Arc<Mutex<()>>,
}

/// Why there is no copy. The record is as it was.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The stick.
    #[error(transparent)]
    Stick(#[from] StickError),
    /// The record can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The record can't be read, or doesn't verify.
    #[error("the record can't be copied: {0}")]
    Record(ExportError),
    /// What waits beside it can't be read.
    #[error("what waits beside the record can't be read ({0})")]
    Exports(io::Error),
    /// What a copy works on can't be made.
    #[error("a copy can't be begun ({0})")]
    NotBegun(io::Error),
    /// One copy at a time.
    #[error("a copy before this one still waits for its stick")]
    StillCopying,
}

impl From<ReadError> for CopyError {
    fn from(error: ReadError) -> Self {
        Self::Record(error.into())
    }
}

impl From<ExportError> for CopyError {
    /// While the record is written to the stick: what can't be written or read there is the stick's.
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Io(error) => Self::Stick(error.into()),
            error => Self::Record(error),
        }
    }
}

impl CopyError {
    const fn told(&self) -> NotCopied {
        match self {
            Self::Stick(StickError::NotIn) => NotCopied::NoStick,
            Self::Stick(StickError::Full) => NotCopied::NoRoom,
            Self::Stick(StickError::Failed(_) | StickError::NotReadBack) => NotCopied::StickFailed,
            Self::Open(_) | Self::Record(_) | Self::Exports(_) => NotCopied::RecordFailed,
            Self::NotBegun(_) | Self::StillCopying => NotCopied::NoAnswer,
        }
    }
}

impl Copier {
    /// Copies this record, signed by the key that it is bound to, onto what is in this slot.
    pub fn new(slot: Slot, record: PathBuf, key: SigningKey) -> Self {
        Self { slot, record, key, copying: Arc::default() }
    }

    // keeps R-REC-11
    /// Begins to copy; what became of it is told to `answers`.
    pub fn begin(&self, answers: mpsc::Sender<Input>) {
        let copier = self.clone();
        let begun = thread::Builder::new().name("copy".to_owned()).spawn(move || {
            let copied = copier.copied().inspect_err(|error| tracing::warn!(%error, "the record was not copied"));
            // The loop may have ended meanwhile.
            let _ = answers.blocking_send(Input::RecordCopied(copied.map_err(|error| error.told())));
        });
        if let Err(error) = begun {
            // The loop's own deadline notices.
            tracing::warn!(%error, "the record can't be copied");
        }
    }

    /// Copies, and says where the copy ends. It waits for the stick, so it is nothing for a task.
    pub fn copied(&self) -> Result<AuditHead, CopyError> {
        let _copying = match self.copying.try_lock() {
            Ok(copying) => copying,
            Err(TryLockError::Poisoned(copying)) => copying.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(CopyError::StillCopying),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(CopyError::NotBegun)?;
        runtime.block_on(async {
            for _ in 1..BEGUN_MAX {
                match self.copy().await {
                    Err(CopyError::Record(ExportError::Record(ReadError::Pruned))) => {}
                    copied => return copied,
                }
            }
            self.copy().await
        })
    }

    async fn copy(&self) -> Result<AuditHead, CopyError> {
        let genesis = View::open(&self.record).await?.genesis().await?;
        let folder = self.slot.folder(&name_of(&genesis))?;
        for export in waiting(&self.record.with_file_name(EXPORTS)).map_err(CopyError::Exports)? {
            copy_export(&folder, &export)?;
        }
        let mut part = folder.begin()?;
        let view = View::open(&self.record).await?;
        let verified = write_export(view, Some(&self.key), &mut BufWriter::new(&mut part)).await?;
        let (from, head) = (verified.base.map_or(0, |base| base.head.count) + 1, verified.chain.head());
        let name = format!("record-{from:012}-to-{:012}.{EXPORT}", head.count);
        folder.finish(part, &name, proved)?;
        tracing::info!(until = head.count, "the record was copied onto a stick");
        Ok(head)
    }
}

/// Read as the clinic's tool reads it.
fn proved(path: &Path) -> Result<[u8; 32], StickError> {
    match verify_export(path) {
        Ok(proved) if proved.signed => Ok(proved.digest),
        Err(ExportError::Io(error)) => Err(error.into()),
        Ok(_) | Err(_) => Err(StickError::NotReadBack),
    }
}

/// One directory a record: a stick goes from remote to remote.
fn name_of(genesis: &Genesis) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let pump: String = genesis.serial.as_str().chars().map(plain).collect();
    let [first, second, third, fourth, ..] = genesis.id.0;
    format!("pump-remote-{pump}-{:08x}", u32::from_be_bytes([first, second, third, fourth]))
}

/// The exports that nobody has taken away, oldest first.
fn waiting(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut exports = paths_in(dir)?;
    exports.retain(|path| path.extension() == Some(OsStr::new(EXPORT)));
    Ok(exports)
}

/// Copies one as it is, unless the stick gives it back already. A name and a length prove nothing: what has both may have rotted, or
/// be somebody else's, and a decommissioned remote's own is wiped.
fn copy_export(folder: &Folder, export: &Path) -> Result<(), CopyError> {
    let Some(name) = export.file_name().and_then(OsStr::to_str) else { return Ok(()) };
    let mut from = File::open(export).map_err(CopyError::Exports)?;
    let len = from.metadata().map_err(CopyError::Exports)?.len();
    let as_long = folder.len_of(name)? == Some(len);
    if as_long && folder.gives_back(name, file_digest(export).map_err(CopyError::Exports)?) {
        return Ok(());
    }
    let mut part = folder.begin()?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match io::Read::read(&mut from, &mut piece).map_err(CopyError::Exports)? {
            0 => return Ok(folder.finish(part, name, digest_of)?),
            len => part.write_all(&piece[..len]).map_err(StickError::from)?,
        }
    }
}
