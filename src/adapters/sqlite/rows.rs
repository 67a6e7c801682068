//! Rows to values: what is found in the tables, believed in nothing.
//!
//! # Promises
//! - A row of any content is a value or a [`Finding`], never a panic.
//! - A length is checked by SQLite before the bytes are fetched.

use std::collections::VecDeque;

use pump_core::audit::{Base, Checkpoint, Ending, Finding, Genesis, Record, RecordId, Stored, chain};
use pump_protocol::{clock::WallTime, message::AuditHead, wire::Text};
use sqlx::{
    ColumnIndex, Row, Sqlite, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::ReadError;

/// The columns of a line in the order of [`stored`]. A digest of another length than none or 32 comes as an empty one.
const PAGE: &str = "SELECT seq, CASE WHEN length(kind) <= ?1 THEN kind END, request, wall_ms, utc_offset_min, \
     CASE WHEN kept_digest IS NULL OR length(kept_digest) = 32 THEN kept_digest ELSE x'' END, \
     CASE WHEN length(body) <= ?2 THEN body END, CASE WHEN length(hash) = 32 THEN hash END \
     FROM record WHERE seq > ?3 ORDER BY seq LIMIT ?4";
const CHECKPOINTS: &str = "SELECT seq, CASE WHEN length(hash) = 32 THEN hash END AS hash, wall_ms, utc_offset_min, \
     CASE WHEN length(signature) = 64 THEN signature END AS signature \
     FROM checkpoint WHERE seq > ?1 AND seq <= ?2 ORDER BY seq";
const NEWEST_CHECKPOINT: &str = "SELECT seq, CASE WHEN length(hash) = 32 THEN hash END AS hash, wall_ms, \
     utc_offset_min, CASE WHEN length(signature) = 64 THEN signature END AS signature \
     FROM checkpoint ORDER BY seq DESC LIMIT 1";
const CHECKPOINT_WITHIN: &str = "SELECT seq, CASE WHEN length(hash) = 32 THEN hash END AS hash, wall_ms, \
     utc_offset_min, CASE WHEN length(signature) = 64 THEN signature END AS signature \
     FROM checkpoint WHERE seq > ?1 AND seq <= ?2 AND wall_ms < ?3 ORDER BY seq DESC LIMIT 1";
const BASE: &str = "SELECT count AS seq, CASE WHEN length(hash) = 32 THEN hash END AS hash, exported, \
     CASE WHEN length(export_digest) = 32 THEN export_digest END AS export_digest, wall_ms, utc_offset_min, \
     CASE WHEN length(signature) = 64 THEN signature END AS signature FROM base WHERE one = 1";
const HASH_AT: &str = "SELECT CASE WHEN length(hash) = 32 THEN hash END AS hash FROM record WHERE seq = ?1";
const HEAD: &str = "SELECT count, CASE WHEN length(hash) = 32 THEN hash END AS hash, \
     CASE WHEN length(kept) <= ?1 THEN kept END AS kept, length(kept) > ?1 AS too_long FROM head WHERE one = 1";
const IDENTITY: &str = "SELECT record_id, serial, device_key FROM identity WHERE one = 1";

/// The end of the record as it is found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) ending: Ending,
    pub(super) kept: Option<Vec<u8>>,
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// The first row of an answer. All of this module's questions go this one way, which is compiled once.
async fn first_row(db: &mut SqliteConnection, query: Query<'_>) -> Result<Option<SqliteRow>, sqlx::Error> {
    query.fetch_optional(db).await
}

/// The one number that is the answer; `None` if there is none.
pub(super) async fn number(db: &mut SqliteConnection, query: Query<'_>) -> Result<Option<i64>, sqlx::Error> {
    match first_row(db, query).await? {
        Some(row) => row.try_get(0),
        None => Ok(None),
    }
}

/// The numbers that are the answer, one a row.
pub(super) async fn numbers(db: &mut SqliteConnection, query: Query<'_>) -> Result<Vec<i64>, sqlx::Error> {
    query.fetch_all(db).await?.iter().map(|row| row.try_get(0)).collect()
}

/// What the record is bound to.
pub(super) async fn identity(db: &mut SqliteConnection) -> Result<Genesis, ReadError> {
    let row = first_row(db, sqlx::query(IDENTITY)).await?.ok_or(sqlx::Error::RowNotFound)?;
    let damaged = |what: &str| ReadError::Damaged { detail: format!("the {what} in its header can't be read") };
    Ok(Genesis {
        id: RecordId(array(&row, "record_id").ok_or_else(|| damaged("id"))?),
        serial: text(&row, "serial").ok_or_else(|| damaged("serial number"))?,
        device_key: array(&row, "device_key").ok_or_else(|| damaged("device key"))?,
    })
}

/// Where a pruned record begins; `None` if nothing was pruned. Whatever can't be read is signed by nobody.
pub(super) async fn base(db: &mut SqliteConnection) -> Result<Option<Base>, ReadError> {
    let row = first_row(db, sqlx::query(BASE)).await?;
    Ok(row.as_ref().map(|row| {
        let Checkpoint { head, wall, signature } = checkpoint(row).unwrap_or(NOBODY_S);
        let exported = integer(row, "exported").and_then(|exported| u64::try_from(exported).ok()).unwrap_or(0);
        Base { head, exported, export_digest: array(row, "export_digest").unwrap_or_default(), wall, signature }
    }))
}

/// The number of the first line that there is; `None` in an empty record.
pub(super) async fn first_line(db: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    number(db, sqlx::query("SELECT min(seq) FROM record")).await
}

/// The first line of a request.
pub(super) async fn first_line_of(db: &mut SqliteConnection, request: u64) -> Result<Option<u64>, sqlx::Error> {
    let query = "SELECT seq FROM record WHERE request = ? ORDER BY seq LIMIT 1";
    let seq = number(db, sqlx::query(query).bind(request.cast_signed())).await?;
    Ok(seq.and_then(|seq| u64::try_from(seq).ok()))
}

/// The head, the kept state and the newest checkpoint's number; to be read in one transaction with the lines before them.
pub(super) async fn ending(db: &mut SqliteConnection) -> Result<Found, ReadError> {
    let query = sqlx::query(HEAD).bind(limit(chain::KEPT_LEN_MAX));
    let row = first_row(db, query).await?.ok_or(sqlx::Error::RowNotFound)?;
    let unreadable = || ReadError::Damaged { detail: "its head can't be read".into() };
    let count = integer(&row, "count").and_then(|count| u64::try_from(count).ok());
    let head = AuditHead { count: count.ok_or_else(unreadable)?, hash: array(&row, "hash").ok_or_else(unreadable)? };
    let kept: Option<Vec<u8>> = row.try_get("kept")?;
    if row.try_get::<Option<bool>, _>("too_long")? == Some(true) {
        return Err(Finding::KeptChanged { seq: head.count }.into());
    }
    let newest_checkpoint = newest_checkpoint_seq(db).await?;
    let kept_digest = kept.as_deref().map(chain::kept_digest);
    Ok(Found { ending: Ending { head, kept_digest, newest_checkpoint }, kept })
}

/// Where a page of lines begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// With the first that there is, which should be the one behind this one: nobody may hide one before it.
    First(u64),
    /// Behind this line.
    Behind(u64),
}

/// At most `limit` lines, in order; a line that is none ends the page with a finding.
pub(super) async fn page(
    db: &mut SqliteConnection,
    from: From,
    limit_rows: u16,
) -> Result<Vec<Result<Stored, Finding>>, sqlx::Error> {
    let (lower, after) = match from {
        From::First(after) => (i64::MIN, after),
        From::Behind(after) => (signed(after), after),
    };
    let rows = sqlx::query(PAGE)
        .bind(limit(chain::KIND_LEN_MAX))
        .bind(limit(chain::BODY_LEN_MAX))
        .bind(lower)
        .bind(i64::from(limit_rows))
        .fetch_all(db)
        .await?;
    let named = |(row, seq): (&SqliteRow, u64)| stored(row).ok_or(Finding::Unreadable { seq });
    Ok(rows.iter().zip(after.saturating_add(1)..).map(named).collect())
}

/// The checkpoints of lines behind `after`, up to `to`, in order; one that is none has an empty signature, which nobody made.
pub(super) async fn checkpoints(
    db: &mut SqliteConnection,
    after: u64,
    to: u64,
) -> Result<VecDeque<Checkpoint>, sqlx::Error> {
    let rows = sqlx::query(CHECKPOINTS).bind(signed(after)).bind(signed(to)).fetch_all(db).await?;
    Ok(rows.iter().filter_map(checkpoint).collect())
}

/// The checkpoint of this line, if it is the next.
pub(super) fn take_checkpoint(checkpoints: &mut VecDeque<Checkpoint>, seq: u64) -> Option<Checkpoint> {
    while checkpoints.front().is_some_and(|next| next.head.count < seq) {
        checkpoints.pop_front();
    }
    checkpoints.pop_front_if(|next| next.head.count == seq)
}

/// The newest checkpoint; `None` if there is none.
pub(super) async fn newest_checkpoint(db: &mut SqliteConnection) -> Result<Option<Checkpoint>, sqlx::Error> {
    Ok(first_row(db, sqlx::query(NEWEST_CHECKPOINT)).await?.as_ref().and_then(checkpoint))
}

/// The newest checkpoint behind `after`, up to `to`, that was signed before this moment.
pub(super) async fn checkpoint_within(
    db: &mut SqliteConnection,
    after: u64,
    to: u64,
    before_ms: i64,
) -> Result<Option<Checkpoint>, sqlx::Error> {
    let query = sqlx::query(CHECKPOINT_WITHIN).bind(signed(after)).bind(signed(to)).bind(before_ms);
    Ok(first_row(db, query).await?.as_ref().and_then(checkpoint))
}

/// The hash found beside a line; `None` if there is no such line, or no such hash.
pub(super) async fn hash_at(db: &mut SqliteConnection, seq: u64) -> Result<Option<[u8; 32]>, sqlx::Error> {
    let row = first_row(db, sqlx::query(HASH_AT).bind(signed(seq))).await?;
    Ok(row.and_then(|row| array(&row, "hash")))
}

async fn newest_checkpoint_seq(db: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let seq = number(db, sqlx::query("SELECT max(seq) FROM checkpoint")).await?;
    Ok(seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0))
}

fn stored(row: &SqliteRow) -> Option<Stored> {
    let kept_digest = match row.try_get::<Option<&[u8]>, _>(5).ok()? {
        None => None,
        // A digest of another length is not the same as none.
        Some(digest) => Some(digest.try_into().ok()?),
    };
    let record = Record {
        seq: u64::try_from(integer(row, 0)?).ok()?,
        kind: text(row, 1)?,
        request: row.try_get::<Option<i64>, _>(2).ok()?.map(i64::cast_unsigned),
        wall_ms: row.try_get(3).ok()?,
        utc_offset_min: narrow(row, 4)?,
        kept_digest,
        body: row.try_get::<Option<Vec<u8>>, _>(6).ok()??.try_into().ok()?,
    };
    Some(Stored { record, hash: array(row, 7)? })
}

fn checkpoint(row: &SqliteRow) -> Option<Checkpoint> {
    let count = u64::try_from(integer(row, "seq")?).ok()?;
    let wall_ms: Option<i64> = row.try_get("wall_ms").ok()?;
    let utc_offset_min = narrow(row, "utc_offset_min").unwrap_or_default();
    Some(Checkpoint {
        head: AuditHead { count, hash: array(row, "hash").unwrap_or_default() },
        wall: wall_ms.map(|unix_ms| WallTime { unix_ms, utc_offset_min }),
        signature: array(row, "signature").unwrap_or([0; 64]),
    })
}

/// What stands for a statement that can't be read.
const NOBODY_S: Checkpoint = Checkpoint { head: AuditHead { count: 0, hash: [0; 32] }, wall: None, signature: [0; 64] };

fn array<const N: usize>(row: &SqliteRow, column: impl ColumnIndex<SqliteRow>) -> Option<[u8; N]> {
    row.try_get::<Option<&[u8]>, _>(column).ok().flatten()?.try_into().ok()
}

fn text<const MAX: usize>(row: &SqliteRow, column: impl ColumnIndex<SqliteRow>) -> Option<Text<MAX>> {
    let text = row.try_get::<Option<&str>, _>(column).ok().flatten()?;
    Text::new(text).ok()
}

/// Asked for as an option, because a bare integer would read nothing as 0.
fn integer(row: &SqliteRow, column: impl ColumnIndex<SqliteRow>) -> Option<i64> {
    row.try_get::<Option<i64>, _>(column).ok().flatten()
}

fn narrow(row: &SqliteRow, column: impl ColumnIndex<SqliteRow>) -> Option<i16> {
    i16::try_from(integer(row, column)?).ok()
}

/// A line's number as SQLite counts; no line has a greater one.
pub(super) fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn limit(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
