//! Any number of readers beside the writer, and of a record on a stick.
//!
//! # Promises
//! - Opened read-only. Where no log lies beside the file, nothing is created beside it either.
//! - What is fetched at a time has a limit, and no transaction outlives a call.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::SystemTime,
};

use pump_core::audit::{Genesis, Stored, chain::KIND_LEN_MAX};
use pump_protocol::message::AuditHead;
use sqlx::{ConnectOptions, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    OpenError, ReadError,
    error::{Trouble, trouble},
    file, rows,
    store::check_version,
};

/// The most lines fetched at a time: a page of a table, or one step of a verification, of a few milliseconds.
pub const PAGE_MAX: u16 = 256;
/// The most days counted at a time: what a history page can show, with a year to scroll.
pub const DAYS_MAX: i64 = 400;

const COUNTS: &str = "SELECT day, substr(kind, 1, ?1) AS kind, count(*) AS count FROM record \
     WHERE day BETWEEN ?2 AND ?3 GROUP BY day, kind ORDER BY day, kind";

/// How often something happened on one day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DayCount {
    /// The local day, counted from 1970-01-01.
    pub day: i64,
    /// What.
    pub kind: String,
    /// How often.
    pub count: u64,
}

/// A record that is open for reading.
#[derive(Debug)]
pub struct View {
    pub(super) db: SqliteConnection,
    path: PathBuf,
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
            .pragma("cell_size_check", "ON")
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let mut db = options.connect().await.map_err(|error| not_opened(path, &error))?;
        check_version(path, &mut db).await?;
        Ok(Self { db, path: path.to_owned(), still })
    }

    /// What the record is bound to.
    pub async fn genesis(&mut self) -> Result<Genesis, ReadError> {
        rows::identity(&mut self.db).await
    }

    /// Where the record says it stands.
    pub async fn head(&mut self) -> Result<AuditHead, ReadError> {
        Ok(rows::ending(&mut self.db).await?.ending.head)
    }

    /// How often each of these kinds happened on each of these days; no kind named means all of them. At most the last
    /// [`DAYS_MAX`] days of the range are counted. Lines without a wall time belong to no day.
    pub async fn count_by_day(
        &mut self,
        kinds: &[&str],
        days: RangeInclusive<i64>,
    ) -> Result<Vec<DayCount>, ReadError> {
        let first = (*days.start()).max(days.end().saturating_sub(DAYS_MAX - 1));
        let counted = sqlx::query(COUNTS)
            .bind(i64::try_from(KIND_LEN_MAX).unwrap_or(i64::MAX))
            .bind(first)
            .bind(*days.end())
            .fetch_all(&mut self.db)
            .await?;
        let mut counts = Vec::with_capacity(counted.len());
        for row in counted {
            let kind: String = row.try_get("kind")?;
            if kinds.is_empty() || kinds.contains(&kind.as_str()) {
                let count = u64::try_from(row.try_get::<i64, _>("count")?).unwrap_or(0);
                counts.push(DayCount { day: row.try_get("day")?, kind, count });
            }
        }
        Ok(counts)
    }

    /// The first day behind `after` on which anything happened; of all days if that is `None`.
    pub async fn next_day(&mut self, after: Option<i64>) -> Result<Option<i64>, ReadError> {
        let query = match after {
            None => sqlx::query_scalar("SELECT min(day) FROM record WHERE day IS NOT NULL"),
            Some(day) => sqlx::query_scalar("SELECT min(day) FROM record WHERE day > ?").bind(day),
        };
        Ok(query.fetch_one(&mut self.db).await?)
    }

    /// The lines behind line `after`, in order: as many as asked for, at most [`PAGE_MAX`]. Nobody has vouched for them.
    pub async fn entries(&mut self, after: u64, limit: u16) -> Result<Vec<Stored>, ReadError> {
        let page = rows::page(&mut self.db, after, limit.min(PAGE_MAX)).await?;
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
