//! Any number of readers beside the writer, and of a record on a stick.
//!
//! # Promises
//! - Opened read-only. Where no log lies beside the file, nothing is created beside it either.
//! - What is fetched at a time has a limit, and no transaction outlives a call.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use pump_core::{
    audit::{
        Base, Genesis, Stored,
        event::{self, Event, Happened, RESERVOIR_READ},
        tally::Tally,
    },
    screen::DayLevel,
};
use pump_protocol::{clock::WallTime, message::AuditHead};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    OpenError, ReadError,
    error::{Trouble, trouble},
    file,
    rows::{self, From},
    store::{BASE_SINCE, check_schema, check_version},
};

/// The most lines fetched at a time: a page of a table, or one step of a verification, of a few milliseconds.
pub const PAGE_MAX: u16 = 256;
/// How many rows SQLite's thread may be ahead of us: with too few the two wake each other for every handful of lines.
const ROWS_WAITING_MAX: usize = 512;
/// The plus keeps SQLite from walking the lines from the first one on, instead of the index.
const FIRST_OF_DAY: &str = "SELECT min(+seq) FROM record WHERE day BETWEEN ? AND ?";

/// No line is walked for it: the index has all that it asks for.
const NEWEST_OF_EACH_DAY: &str = "SELECT max(seq) FROM record WHERE day BETWEEN ? AND ? AND kind = ? GROUP BY day";

/// A record that is open for reading.
#[derive(Debug)]
pub struct View {
    pub(super) db: SqliteConnection,
    path: PathBuf,
    version: i64,
    /// The file as it was when opened as one that nobody writes; `None` where SQLite's locks keep order.
    still: Option<(SystemTime, u64)>,
}

impl View {
    /// Opens a record for reading, in use or not.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        file::inspect(path)?;
        let still = if file::is_open_or_has_log(path) { None } else { stamp(path) };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(still.is_some())
            .row_buffer_size(ROWS_WAITING_MAX)
            .pragma("cell_size_check", "ON")
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let mut db = options.connect().await.map_err(|error| not_opened(path, &error))?;
        let version = check_version(path, &mut db).await?;
        check_schema(path, &mut db, false).await?;
        Ok(Self { db, path: path.to_owned(), version, still })
    }

    /// What the record is bound to.
    pub async fn genesis(&mut self) -> Result<Genesis, ReadError> {
        rows::identity(&mut self.db).await
    }

    /// Where a pruned record says that it begins; nothing was pruned from a record of the first version.
    pub async fn base(&mut self) -> Result<Option<Base>, ReadError> {
        if self.version < BASE_SINCE { Ok(None) } else { rows::base(&mut self.db).await }
    }

    /// Where the record says it stands.
    pub async fn head(&mut self) -> Result<AuditHead, ReadError> {
        Ok(rows::ending(&mut self.db).await?.ending.head)
    }

    /// What every day from `first` on came to. Lines without a wall time are counted under no day.
    pub async fn tally_since(&mut self, first: i64) -> Result<Tally, ReadError> {
        let mut tally = Tally::new();
        let Some(mut after) = self.first_line_between(first, i64::MAX).await?.map(|line| line.saturating_sub(1)) else {
            return Ok(tally);
        };
        loop {
            let page = self.entries(after, PAGE_MAX).await?;
            let Some(last) = page.last() else { return Ok(tally) };
            after = last.record.seq;
            for line in &page {
                tally.take(&line.record);
            }
        }
    }

    /// What each day from `first` to `last` has as its newest reading of the reservoir, if it has one; in the order of days.
    pub async fn levels(&mut self, first: i64, last: i64) -> Result<Vec<DayLevel>, ReadError> {
        let query = sqlx::query(NEWEST_OF_EACH_DAY).bind(first).bind(last).bind(RESERVOIR_READ);
        let mut levels = Vec::new();
        for line in rows::numbers(&mut self.db, query).await? {
            let before = u64::try_from(line).unwrap_or(0).saturating_sub(1);
            let Some(Stored { record, .. }) = self.entries(before, 1).await?.pop() else { continue };
            let day = record.wall().map(WallTime::day);
            if let (Some(day), Ok(Happened { event: Event::ReservoirRead { volume }, .. })) =
                (day, event::read(&record.body))
            {
                levels.push(DayLevel { day, volume });
            }
        }
        Ok(levels)
    }

    /// The first line of any day from `first` to `last`.
    pub(super) async fn first_line_between(&mut self, first: i64, last: i64) -> Result<Option<u64>, ReadError> {
        let line = rows::number(&mut self.db, sqlx::query(FIRST_OF_DAY).bind(first).bind(last)).await?;
        Ok(line.and_then(|line| u64::try_from(line).ok()))
    }

    /// The lines behind line `after`, in order: as many as asked for, at most [`PAGE_MAX`]. Nobody has vouched for them.
    pub async fn entries(&mut self, after: u64, limit: u16) -> Result<Vec<Stored>, ReadError> {
        let from = if after == 0 { From::First(0) } else { From::Behind(after) };
        let page = rows::page(&mut self.db, from, limit.min(PAGE_MAX)).await?;
        Ok(page.into_iter().collect::<Result<_, _>>()?)
    }

    /// Whether it was written to although nobody seemed to have it open: then what was read means nothing.
    pub(super) fn check_still(&self) -> Result<(), ReadError> {
        let untouched = self.still.is_none() || (self.still == stamp(&self.path) && !file::has_log(&self.path));
        if untouched { Ok(()) } else { Err(ReadError::Changed) }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn not_opened(path: &Path, error: &sqlx::Error) -> OpenError {
    match trouble(error) {
        Trouble::CannotOpen | Trouble::ReadOnly if file::has_log(path) => {
            OpenError::LogUnreadable { path: path.to_owned() }
        }
        _ => OpenError::from_sqlite(path.to_owned(), error),
    }
}
