//! Takes the oldest lines out of a record that grows too large, once they are safe in a signed export.
//!
//! # Terms
//! - *cut*: what is to go: the lines from the record's beginning up to a signed one.
//!
//! # Promises
//! - A line goes only when it is older than [`AGE_MIN_DAYS`], is not among the newest [`LINES_KEPT_MIN`], and belongs to no open
//!   request.
//! - A line goes only when an export of it is on disk and was read back from there, byte for byte as it was written from verified
//!   lines: an [`Exported`] is made in no other way. Whoever holds the key outside the device verifies it by itself, too.
//! - Deleting is one transaction with the signed base and the line that tells of it. Whatever is cut off before leaves the record
//!   whole; the half or useless export is overwritten by the next.
//! - What a limit or an open question needs is in the kept state, which nothing here touches.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use ed25519_dalek::SigningKey;
use pump_core::{audit::Checkpoint, remote::Kept};
use pump_protocol::message::AuditHead;
use thiserror::Error;

use super::{ExportError, ReadError, View, export::write_part, file, rows};
use crate::adapters::{file_digest, forget_cached, paths_in};

/// No younger line is pruned, in days: events must be kept for 30 (OPCA R6.6.0), and no limit reaches back further than seven.
pub const AGE_MIN_DAYS: i64 = 30;
/// So many of the newest lines stay whatever the clock says: 30 days at 50 events an hour. A wall clock set forward by years
/// makes everything look old.
pub const LINES_KEPT_MIN: u64 = 36_000;
/// The most lines of one cut in a running remote: two weeks' worth, during which the writer waits well under a second.
pub const CUT_LINES_MAX: u64 = 16_384;

/// Two days' calendars differ by this much at most, wherever their owners are.
const ZONES_DAYS: i64 = 1;
const DAY_MS: i64 = 86_400_000;

/// What is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    base: AuditHead,
    to: Checkpoint,
}

/// What is safe to go: its export is durable, and was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    pub(super) head: AuditHead,
    pub(super) lines: u64,
    pub(super) digest: [u8; 32],
}

/// Why nothing was pruned. The record is whole.
#[derive(Debug, Error)]
pub enum PruneError {
    /// The record could not be read, or doesn't verify.
    #[error("nothing was pruned: {0}")]
    Record(#[from] ReadError),
    /// There is no export that holds the lines.
    #[error("nothing was pruned: {0}")]
    Export(#[from] ExportError),
    /// It can't be told which request is open.
    #[error(
        "nothing was pruned: the record's last state can't be read by this program, so an open request may need any line"
    )]
    KeptUnreadable,
    /// What was read back is not what was written.
    #[error("nothing was pruned: the export that was read back is another than was written; replace its disk")]
    NotReadBack,
}

// keeps R-REC-08, R-REC-17
/// Which lines may go; `None` if none may. `today` is counted from 1970-01-01.
pub async fn plan(view: &mut View, today: i64, lines_max: u64) -> Result<Option<Cut>, PruneError> {
    let found = rows::ending(&mut view.db).await?;
    let genesis = view.genesis().await?;
    let base = view.base().await?.map_or(AuditHead { count: 0, hash: genesis.hash() }, |base| base.head);
    let oldest_kept = found.ending.head.count.saturating_sub(LINES_KEPT_MIN);
    let young_from = today.saturating_sub(AGE_MIN_DAYS + ZONES_DAYS);
    let young = view.first_line_between(young_from, today.saturating_add(ZONES_DAYS)).await?;
    let open = match open_request(found.kept.as_deref())? {
        Some(request) => rows::first_line_of(&mut view.db, request).await.map_err(ReadError::from)?,
        None => None,
    };
    let before = |line: Option<u64>| line.map_or(u64::MAX, |line| line.saturating_sub(1));
    let last = oldest_kept.min(before(young)).min(before(open)).min(base.count.saturating_add(lines_max));
    let signed_before_ms = young_from.saturating_mul(DAY_MS);
    let to =
        rows::checkpoint_within(&mut view.db, base.count, last, signed_before_ms).await.map_err(ReadError::from)?;
    Ok(to.map(|to| Cut { base, to }))
}

/// Exports a cut durably; the export takes its name only once it is complete, and replaces one of that name.
pub async fn export_cut(view: View, cut: &Cut, key: &SigningKey, out: &Path) -> Result<Exported, PruneError> {
    let new = file::beside(out, ".new");
    let begun = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    let written = begun.map_err(ExportError::from)?;
    let (verified, digest) = write_part(view, cut.to.head, key, &mut BufWriter::new(&written)).await?;
    written.sync_all().map_err(ExportError::from)?;
    forget_cached(&written).map_err(ExportError::from)?;
    drop(written);
    if file_digest(&new).map_err(ExportError::from)? != digest {
        return Err(PruneError::NotReadBack);
    }
    fs::rename(&new, out).and_then(|()| File::open(file::directory_of(out))?.sync_all()).map_err(ExportError::from)?;
    Ok(Exported { head: cut.to.head, lines: verified.records, digest })
}

fn open_request(kept: Option<&[u8]>) -> Result<Option<u64>, PruneError> {
    let Some(bytes) = kept else { return Ok(None) };
    let kept = Kept::from_bytes(bytes).map_err(|_| PruneError::KeptUnreadable)?;
    Ok(kept.request.map(|request| request.id.0))
}

impl Cut {
    /// The last line that is to go.
    pub const fn until(&self) -> u64 {
        self.to.head.count
    }

    /// The first line that is to go.
    pub const fn from(&self) -> u64 {
        self.base.count.saturating_add(1)
    }
}

impl Exported {
    /// The last line in it.
    pub const fn until(&self) -> u64 {
        self.head.count
    }

    /// SHA-256 over it.
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many lines are in it.
    pub const fn lines(&self) -> u64 {
        self.lines
    }
}

/// How many bytes the exports beside a record take; nothing if there are none.
pub fn exports_len(dir: &Path) -> io::Result<u64> {
    paths_in(dir)?.into_iter().map(|path| Ok(fs::symlink_metadata(path)?.len())).sum()
}
