//! The one writer of the record: opens it, checks its tail, appends.
//!
//! # Terms
//! - *tail*: the lines since the newest checkpoint, at most [`pump_core::audit::CHECKPOINT_EVERY`].
//!
//! # Promises
//! - One batch is one transaction: its lines, the checkpoints due in them, the head and the kept state, or none of it.
//! - When [`Store::append`] returns a head, the system has said that the disk holds it (`synchronous = FULL`).
//! - Nothing is appended behind a tail that doesn't verify, and no kept state is handed out from one.
//! - An append that was dropped half-way is not guessed about: the record must be opened again.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use pump_core::audit::{
    Base, Batch, Chain, Checkpoint, Entry, Finding, Genesis, RecordId, SealedBatch, Verifier,
    event::{Event, Happened, Moment},
};
use pump_protocol::{
    clock::WallTime,
    message::AuditHead,
    wire::{Text, encode},
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqliteConnection,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous},
};

use super::{
    AppendError, OpenError, ReadError, file,
    prune::Exported,
    rows::{self, From},
    schema,
};
use crate::adapters::lock::Lock;

/// The newest schema that this program knows.
// keeps R-REC-07
const SCHEMA_VERSION: i64 = 2;
/// The first schema with a base.
pub(super) const BASE_SINCE: i64 = 2;
/// How large the record's file may become, in bytes: twice what ten years at 50 events an hour take, and small beside the smallest
/// card we ship on. Beyond it an append fails as on a full disk, and so no dose is offered until lines were pruned.
pub const SIZE_MAX_BYTES: u64 = 2 << 30;
/// How long to wait for another program's lock. Only a person with a database tool can hold one, and the loop waits with us.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// How large the log may stay after it was folded back, in bytes.
const LOG_SIZE_MAX_BYTES: u32 = 4 << 20;
/// Batches up to this long keep their prepared statements; a machine's turn rarely makes more.
const PREPARED_ENTRIES_MAX: usize = 4;

const LINE: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?)";
const APPEND: &str =
    "INSERT INTO append (seq, kind, request, wall_ms, utc_offset_min, kept_digest, body, hash, kept) VALUES ";
const INSERT_CHECKPOINT: &str =
    "INSERT INTO checkpoint (seq, hash, wall_ms, utc_offset_min, signature) VALUES (?, ?, ?, ?, ?);";

/// Whether the record ends with this line, and its head says so.
const ENDS_WITH: &str = "SELECT count FROM head JOIN record ON record.seq = head.count AND record.hash = head.hash \
     WHERE head.one = 1 AND head.count = ?1 AND head.hash = ?2";

const REPLACE_BASE: &str = "INSERT OR REPLACE INTO base \
     (one, count, hash, exported, export_digest, wall_ms, utc_offset_min, signature) VALUES (1, ?, ?, ?, ?, ?, ?, ?)";

/// What a record is opened with.
#[derive(Debug)]
pub struct Opening {
    /// The serial number of the pump that it tells about.
    pub serial: Text<16>,
    /// The key that signs its checkpoints.
    pub key: SigningKey,
    /// Random; names the record, if one has to be made.
    pub new_id: RecordId,
}

/// A record that is open for writing, and what was found in it.
#[derive(Debug)]
pub struct Opened {
    /// The writer.
    pub store: Store,
    /// Where the record says it stands.
    pub head: AuditHead,
    /// What to restore from; `None` in an empty record, and while the tail doesn't verify.
    pub kept: Option<Vec<u8>>,
    /// Whether the newest lines are as they were written.
    pub tail: TailVerdict,
    /// Whether there was none and it was made just now. If the pump knows of an older one, a record was lost.
    pub created: bool,
}

/// What the check before the first offer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailVerdict {
    /// Every line since the newest checkpoint is as it was written, and the kept state with it.
    Sound {
        /// How many lines were walked.
        records: u64,
    },
    /// It is not: nothing can be appended, and no dose may be offered.
    Bad(Finding),
}

/// The one writer.
#[derive(Debug)]
pub struct Store {
    db: SqliteConnection,
    chain: Result<Chain, Finding>,
    key: SigningKey,
    newest_checkpoint: u64,
    writing: bool,
    path: PathBuf,
    _lock: Lock,
}

impl Store {
    /// Opens the record and checks its tail; makes an empty one where there is none.
    pub async fn open(path: &Path, opening: Opening) -> Result<Opened, OpenError> {
        file::prepare_directory(path)?;
        let lock = file::lock(path)?;
        let created = create_if_missing(path, &opening).await?;
        file::inspect(path)?;
        file::check_writable(path)?;
        let mut db = connect(path).await.map_err(|error| OpenError::from_sqlite(path.to_owned(), &error))?;
        check_version(path, &mut db).await?;
        check_schema(path, &mut db, false).await?;
        upgrade(path, &mut db).await?;
        check_schema(path, &mut db, true).await?;
        check_written_to(path, &mut db).await?;
        let genesis = rows::identity(&mut db).await.map_err(|error| unreadable(path, error))?;
        check_owner(path, &genesis, &opening)?;
        let found = rows::ending(&mut db).await;
        let (head, kept, newest_checkpoint) = match found {
            Ok(found) => (found.ending.head, found.kept, found.ending.newest_checkpoint),
            Err(error) => return Err(unreadable(path, error)),
        };
        let walked = walk_tail(&mut db, genesis).await.map_err(|error| unreadable(path, error))?;
        let (chain, tail) = match walked {
            Ok(verified) => (Ok(verified.chain), TailVerdict::Sound { records: verified.records }),
            Err(finding) => (Err(finding), TailVerdict::Bad(finding)),
        };
        // keeps R-REC-15
        let kept = kept.filter(|_| chain.is_ok());
        let (key, path) = (opening.key, path.to_owned());
        let store = Self { db, chain, key, newest_checkpoint, writing: false, path, _lock: lock };
        Ok(Opened { store, head, kept, tail, created })
    }

    // keeps R-REC-03
    /// Makes a batch durable: all of it, or nothing. On an error it can be tried again, as the error says.
    ///
    /// Must be polled to its end. If it is dropped before, the batch may be in or not, and every further append is refused:
    /// close the store, which waits for SQLite's thread, and open it again.
    pub async fn append(&mut self, batch: Batch) -> Result<AuditHead, AppendError> {
        let sealed = self.chain()?.seal(batch, &self.key)?;
        let next = sealed.next.clone();
        let checkpoint = sealed.checkpoints.last().map(|checkpoint| checkpoint.head.count);
        self.transact(sealed).await?;
        let head = next.head();
        self.chain = Ok(next);
        self.newest_checkpoint = checkpoint.unwrap_or(self.newest_checkpoint);
        Ok(head)
    }

    /// Signs where the record stands now, if that isn't signed yet and there is anything to sign.
    pub async fn checkpoint(&mut self, wall: Option<WallTime>) -> Result<(), AppendError> {
        let chain = self.chain()?;
        let due = chain.head().count > self.newest_checkpoint;
        let Some(checkpoint) = chain.checkpoint(wall, &self.key).filter(|_| due) else {
            return Ok(());
        };
        self.writing = true;
        let arguments = bind_checkpoint(sqlx::query(INSERT_CHECKPOINT), &checkpoint);
        let written = arguments.execute(&mut self.db).await;
        self.writing = false;
        written?;
        self.newest_checkpoint = checkpoint.head.count;
        Ok(())
    }

    /// Takes exported lines out of the record: the signed base, the line that tells of it and the deletion are one transaction.
    ///
    /// Must be polled to its end, like [`append`](Self::append).
    pub async fn prune(&mut self, exported: &Exported, at: Moment) -> Result<AuditHead, AppendError> {
        let chain = self.chain()?;
        let id = chain.genesis().id;
        let kept = rows::ending(&mut self.db).await.map_err(unkept)?.kept.unwrap_or_default();
        let batch = Batch { entries: vec![pruned(exported, at)], kept };
        let sealed = self.chain()?.seal(batch, &self.key)?;
        let base = Base::sign(id, exported.head, exported.lines, exported.digest, at.wall, &self.key);
        let (next, checkpoint) = (sealed.next.clone(), sealed.checkpoints.last().map(|signed| signed.head.count));
        self.writing = true;
        let written = cut(&mut self.db, sealed, &base).await;
        self.settle(written).await?;
        self.newest_checkpoint = checkpoint.unwrap_or(self.newest_checkpoint);
        let head = next.head();
        self.chain = Ok(next);
        Ok(head)
    }

    /// How much of the file is in use, in bytes. What was pruned leaves room in the file, which stays as long as it is.
    pub async fn used_bytes(&mut self) -> Result<u64, AppendError> {
        let (pages, free) = (self.pragma("PRAGMA page_count").await?, self.pragma("PRAGMA freelist_count").await?);
        Ok(pages.saturating_sub(free).saturating_mul(self.pragma("PRAGMA page_size").await?))
    }

    async fn pragma(&mut self, name: &'static str) -> Result<u64, sqlx::Error> {
        let value = rows::number(&mut self.db, sqlx::query(name)).await?;
        Ok(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0))
    }

    /// The key that signs the record, to sign an export of it.
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Where the record stands; the finding if its tail doesn't verify.
    pub fn head(&self) -> Result<AuditHead, Finding> {
        self.chain.as_ref().map(Chain::head).map_err(|finding| *finding)
    }

    /// The record's file, for a [`super::View`] of it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets how large the file may become, in bytes; less than it has now means: no larger.
    pub async fn set_size_max(&mut self, bytes: u64) -> Result<(), AppendError> {
        let pages = bytes / self.pragma("PRAGMA page_size").await?.max(512);
        sqlx::query(AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages.max(1)))).execute(&mut self.db).await?;
        Ok(())
    }

    /// Signs where the record stands, and folds the log back into the file. Without it nothing is lost either.
    pub async fn close(mut self, wall: Option<WallTime>) -> Result<(), AppendError> {
        let signed = match self.chain {
            Ok(_) => self.checkpoint(wall).await,
            Err(_) => Ok(()),
        };
        self.db.close().await?;
        signed
    }

    fn chain(&self) -> Result<&Chain, AppendError> {
        if self.writing {
            return Err(AppendError::Abandoned);
        }
        self.chain.as_ref().map_err(|finding| AppendError::Unverified(*finding))
    }

    async fn transact(&mut self, batch: SealedBatch) -> Result<(), AppendError> {
        self.writing = true;
        let written = write(&mut self.db, batch).await;
        self.settle(written).await
    }

    async fn settle(&mut self, written: Result<(), AppendError>) -> Result<(), AppendError> {
        if written.is_err() {
            // SQLite may have rolled back by itself; then there is nothing left to do, and it says so.
            let _ = sqlx::query("ROLLBACK").execute(&mut self.db).await;
        }
        self.writing = false;
        written
    }
}

async fn cut(db: &mut SqliteConnection, telling: SealedBatch, base: &Base) -> Result<(), AppendError> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *db).await?;
    let last = rows::signed(base.head.count);
    sqlx::query(REPLACE_BASE)
        .bind(last)
        .bind(base.head.hash.to_vec())
        .bind(rows::signed(base.exported))
        .bind(base.export_digest.to_vec())
        .bind(base.wall.map(|wall| wall.unix_ms))
        .bind(base.wall.map_or(0, |wall| wall.utc_offset_min))
        .bind(base.signature.to_vec())
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM record WHERE seq <= ?").bind(last).execute(&mut *db).await?;
    sqlx::query("DELETE FROM checkpoint WHERE seq <= ?").bind(last).execute(&mut *db).await?;
    write_within(db, telling).await?;
    Ok(sqlx::query("COMMIT").execute(db).await.map(drop)?)
}

/// The line that tells what was pruned.
fn pruned(exported: &Exported, at: Moment) -> Entry {
    let event = Event::Pruned { until: exported.head.count, exported: exported.lines, export_digest: exported.digest };
    let (wall_ms, kind) = (at.wall.map(|wall| wall.unix_ms), event.kind());
    let utc_offset_min = at.wall.map_or(0, |wall| wall.utc_offset_min);
    Entry { kind, request: None, body: encode(&Happened { at, event }), wall_ms, utc_offset_min }
}

async fn write(db: &mut SqliteConnection, batch: SealedBatch) -> Result<(), AppendError> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *db).await?;
    write_within(db, batch).await?;
    Ok(sqlx::query("COMMIT").execute(db).await.map(drop)?)
}

/// Writes a batch in the transaction that is open, and reads back where the record ends then: what anything in the file swallowed is
/// not said to be recorded.
async fn write_within(db: &mut SqliteConnection, batch: SealedBatch) -> Result<(), AppendError> {
    let meant = batch.next.head();
    insert(db, batch).await?;
    let ends = sqlx::query(ENDS_WITH).bind(rows::signed(meant.count)).bind(meant.hash.to_vec());
    match rows::number(db, ends).await? {
        Some(_) => Ok(()),
        None => {
            Err(AppendError::Damaged { detail: format!("it does not end with line {} that was added", meant.count) })
        }
    }
}

async fn insert(db: &mut SqliteConnection, batch: SealedBatch) -> Result<(), sqlx::Error> {
    let sql = statements(batch.records.len(), batch.checkpoints.len());
    let prepared = batch.records.len() <= PREPARED_ENTRIES_MAX && batch.checkpoints.is_empty();
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(prepared);
    let mut kept = Some(batch.kept);
    for sealed in batch.records {
        let (record, hash) = sealed.into_parts();
        query = query
            .bind(rows::signed(record.seq))
            .bind(record.kind.as_str().to_owned())
            .bind(record.request.map(u64::cast_signed))
            .bind(record.wall_ms)
            .bind(record.utc_offset_min)
            .bind(record.kept_digest.map(Vec::from))
            .bind(record.body.to_vec())
            .bind(hash.to_vec())
            .bind(record.kept_digest.and_then(|_| kept.take()));
    }
    for checkpoint in &batch.checkpoints {
        query = bind_checkpoint(query, checkpoint);
    }
    query.execute(db).await.map(drop)
}

fn statements(records: usize, checkpoints: usize) -> String {
    let lines = vec![LINE; records].join(", ");
    match checkpoints {
        0 => format!("{APPEND}{lines}"),
        _ => format!("{APPEND}{lines};{}", INSERT_CHECKPOINT.repeat(checkpoints)),
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind_checkpoint<'q>(query: Query<'q>, checkpoint: &Checkpoint) -> Query<'q> {
    query
        .bind(rows::signed(checkpoint.head.count))
        .bind(checkpoint.head.hash.to_vec())
        .bind(checkpoint.wall.map(|wall| wall.unix_ms))
        .bind(checkpoint.wall.map_or(0, |wall| wall.utc_offset_min))
        .bind(checkpoint.signature.to_vec())
}

/// Walks the lines since the newest checkpoint, and compares the end with the head and the kept state.
async fn walk_tail(
    db: &mut SqliteConnection,
    genesis: Genesis,
) -> Result<Result<pump_core::audit::Verified, Finding>, ReadError> {
    let mut walk = match start_of_tail(db, genesis).await? {
        Ok(walk) => walk,
        Err(finding) => return Ok(Err(finding)),
    };
    loop {
        let lines = rows::page(db, From::Behind(walk.position()), TAIL_PAGE).await?;
        if lines.is_empty() {
            return Ok(walk.finish(&rows::ending(db).await?.ending));
        }
        let to = walk.position().saturating_add(u64::from(TAIL_PAGE));
        let mut checkpoints = rows::checkpoints(db, walk.position(), to).await?;
        for line in lines {
            let checkpoint = rows::take_checkpoint(&mut checkpoints, walk.position().saturating_add(1));
            if let Err(finding) = line.and_then(|line| walk.step(&line, checkpoint.as_ref())) {
                return Ok(Err(finding));
            }
        }
    }
}

const TAIL_PAGE: u16 = 256;

async fn start_of_tail(db: &mut SqliteConnection, genesis: Genesis) -> Result<Result<Verifier, Finding>, ReadError> {
    let base = rows::base(db).await?;
    // Checks the signature of a base, whatever the tail says.
    let whole = match &base {
        Some(base) => Verifier::behind(genesis.clone(), base),
        None => Verifier::full(genesis.clone()),
    };
    let whole = match whole {
        Ok(whole) => whole,
        Err(finding) => return Ok(Err(finding)),
    };
    if let Err(finding) = check_first(rows::first_line(db).await?, whole.position().saturating_add(1)) {
        return Ok(Err(finding));
    }
    let Some(from) = rows::newest_checkpoint(db).await? else {
        return Ok(Ok(whole));
    };
    let seq = from.head.count;
    let previous = match base {
        Some(base) if seq <= base.head.count.saturating_add(1) => Some(base.head.hash),
        None if seq <= 1 => Some(genesis.hash()),
        Some(_) | None => rows::hash_at(db, seq.saturating_sub(1)).await?,
    };
    // A line that is gone can't lead to the signed hash, whatever is put in its place: the walk names the one that follows.
    Ok(Verifier::tail(genesis, &from, previous.unwrap_or_default()))
}

/// A record begins with its first line, or with the one behind its base, and hides none before that.
fn check_first(found: Option<i64>, seq: u64) -> Result<(), Finding> {
    match found.map(u64::try_from) {
        None => Ok(()),
        Some(Ok(found)) if found > seq => Err(Finding::Missing { seq, next: found }),
        Some(Ok(found)) if found < seq => Err(Finding::OutOfOrder { seq, found }),
        Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err(Finding::Unreadable { seq }),
    }
}

async fn create_if_missing(path: &Path, opening: &Opening) -> Result<bool, OpenError> {
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    if file::has_log(path) {
        // A log alone would be played into whatever file comes to stand beside it.
        let detail = "the file is gone, but its log is there".into();
        return Err(OpenError::Damaged { path: path.to_owned(), detail });
    }
    let failed = |error: std::io::Error| OpenError::from_io(path.to_owned(), &error);
    let new = file::begin_new(path).map_err(failed)?;
    fill_new(&new, opening).await.map_err(|error| OpenError::from_sqlite(path.to_owned(), &error))?;
    file::publish_new(&new, path).map_err(failed)?;
    Ok(true)
}

async fn fill_new(new: &Path, opening: &Opening) -> Result<(), sqlx::Error> {
    let mut db = connect(new).await?;
    schema::MIGRATIONS.run(&mut db).await?;
    let device_key = opening.key.verifying_key().to_bytes();
    let genesis = Genesis { id: opening.new_id, serial: opening.serial.clone(), device_key };
    sqlx::query("INSERT INTO identity (one, record_id, serial, device_key) VALUES (1, ?, ?, ?)")
        .bind(genesis.id.0.to_vec())
        .bind(genesis.serial.as_str().to_owned())
        .bind(genesis.device_key.to_vec())
        .execute(&mut db)
        .await?;
    sqlx::query("INSERT INTO head (one, count, hash, kept) VALUES (1, 0, ?, NULL)")
        .bind(genesis.hash().to_vec())
        .execute(&mut db)
        .await?;
    // A close that finds no room leaves the log where it is and says nothing; under its new name the file would be without it.
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db).await?;
    db.close().await
}

async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    // The lock file keeps other writers out; SQLite's locking stays normal, so that readers may look in.
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .locking_mode(SqliteLockingMode::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("journal_size_limit", LOG_SIZE_MAX_BYTES.to_string())
        .pragma("max_page_count", (SIZE_MAX_BYTES / 4096).to_string())
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
        .connect()
        .await
}

/// Brings a file of an older version up to this one, in one transaction.
async fn upgrade(path: &Path, db: &mut SqliteConnection) -> Result<(), OpenError> {
    if check_version(path, db).await? == SCHEMA_VERSION {
        return Ok(());
    }
    let migrated = schema::MIGRATIONS.run(db).await;
    migrated.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            OpenError::from_sqlite(path.to_owned(), &error)
        }
        other => OpenError::Damaged { path: path.to_owned(), detail: other.to_string() },
    })
}

/// Refuses a file with anything in it that no migration makes; to be written to, nothing may be missing either.
pub(super) async fn check_schema(path: &Path, db: &mut SqliteConnection, to_write: bool) -> Result<(), OpenError> {
    match schema::fault(db, to_write).await {
        Ok(None) => Ok(()),
        Ok(Some(detail)) => Err(OpenError::Damaged { path: path.to_owned(), detail }),
        Err(error) => Err(OpenError::from_sqlite(path.to_owned(), &error)),
    }
}

/// SQLite goes on with a file that it could only open for reading, and says so with the first write: a disk that failed once, here,
/// would refuse every append until the next start. So it is asked to write, and nothing: there is no such row.
async fn check_written_to(path: &Path, db: &mut SqliteConnection) -> Result<(), OpenError> {
    let asked = sqlx::query("UPDATE head SET count = count WHERE one = 0").execute(db).await;
    asked.map(drop).map_err(|error| OpenError::from_sqlite(path.to_owned(), &error))
}

/// What the file says its version is, if this program knows it.
pub(super) async fn check_version(path: &Path, db: &mut SqliteConnection) -> Result<i64, OpenError> {
    let found = rows::number(db, sqlx::query("PRAGMA user_version")).await;
    let found = found.map_err(|error| OpenError::from_sqlite(path.to_owned(), &error))?.unwrap_or(0);
    if found > SCHEMA_VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    if found < 1 {
        let detail = format!("it says that it has version {found}, which no record ever had");
        return Err(OpenError::Damaged { path: path.to_owned(), detail });
    }
    Ok(found)
}

// keeps R-REC-12
fn check_owner(path: &Path, genesis: &Genesis, opening: &Opening) -> Result<(), OpenError> {
    if genesis.serial != opening.serial {
        let (found, expected) = (genesis.serial.to_string(), opening.serial.to_string());
        return Err(OpenError::OtherPump { path: path.to_owned(), found, expected });
    }
    if genesis.device_key != opening.key.verifying_key().to_bytes() {
        return Err(OpenError::OtherKey { path: path.to_owned() });
    }
    Ok(())
}

fn unkept(error: ReadError) -> AppendError {
    match error {
        ReadError::Found(finding) => AppendError::Unverified(finding),
        ReadError::Damaged { detail } => AppendError::Damaged { detail },
        ReadError::Io { detail } => AppendError::Io { detail },
        ReadError::Changed | ReadError::Pruned => AppendError::Busy,
    }
}

fn unreadable(path: &Path, error: ReadError) -> OpenError {
    let path = path.to_owned();
    match error {
        ReadError::Damaged { detail } => OpenError::Damaged { path, detail },
        ReadError::Found(finding) => OpenError::Damaged { path, detail: finding.to_string() },
        ReadError::Io { detail } => OpenError::Io { path, detail },
        ReadError::Changed | ReadError::Pruned => OpenError::InUse { path },
    }
}
