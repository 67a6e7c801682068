//! A record with 300 lines to work on: one checkpoint at 256, and a tail of 44.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use ed25519_dalek::SigningKey;
use pump_core::audit::{Batch, Entry, RecordId, Verified};
use pump_protocol::wire::Text;
use pump_remote::adapters::sqlite::{OpenError, Opened, Opening, ReadError, Store, Verification, View};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

pub(crate) const LINES: u64 = 300;
/// 2026-01-01 00:00 UTC.
pub(crate) const NEW_YEAR_MS: i64 = 1_767_225_600_000;

pub(crate) fn device() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(crate) fn opening() -> Opening {
    Opening { serial: Text::new("SIM-0001").unwrap(), key: device(), new_id: RecordId([1; 16]) }
}

pub(crate) async fn open(path: &Path) -> Result<Opened, OpenError> {
    Store::open(path, opening()).await
}

/// What happened `number`th: one event an hour, every third one a refusal.
pub(crate) fn entry(number: u64) -> Entry {
    let number_signed = i64::try_from(number).unwrap();
    Entry {
        kind: if number.is_multiple_of(3) { "refused" } else { "request_created" },
        request: Some(number),
        body: number.to_le_bytes().repeat(5),
        wall_ms: Some(NEW_YEAR_MS + number_signed * 3_600_000),
        utc_offset_min: 60,
    }
}

pub(crate) fn kept(number: u64) -> Vec<u8> {
    format!("kept after {number}").into_bytes()
}

pub(crate) fn batch(number: u64) -> Batch {
    Batch { entries: vec![entry(number)], kept: kept(number) }
}

/// A directory with `record.db` in it, of 300 lines, not closed but cut off by the power, and its log folded back.
pub(crate) fn record() -> (TempDir, PathBuf) {
    static TEMPLATE: LazyLock<TempDir> = LazyLock::new(|| {
        let made = std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(make_template()));
        made.join().unwrap()
    });
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    fs::copy(TEMPLATE.path().join("record.db"), &path).unwrap();
    (dir, path)
}

async fn make_template() -> TempDir {
    let (making, template) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = making.path().join("record.db");
    let mut store = open(&path).await.unwrap().store;
    for number in 1..=LINES {
        store.append(batch(number)).await.unwrap();
    }
    let cut = cut_power(&path, template.path());
    sql(&cut, &[]).await;
    template
}

/// What a power cut leaves: the file and its log, as they are at this moment.
pub(crate) fn cut_power(path: &Path, into: &Path) -> PathBuf {
    let cut = into.join("record.db");
    fs::copy(path, &cut).unwrap();
    let log = PathBuf::from(format!("{}-wal", path.display()));
    if log.exists() {
        fs::copy(log, format!("{}-wal", cut.display())).unwrap();
    }
    cut
}

/// Does to the file what another hand with a database tool would do: the triggers go first, and come back afterwards.
pub(crate) async fn tamper(path: &Path, statements: &[&str]) {
    let mut db = connect(path).await;
    let query = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    let triggers: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&mut db).await.unwrap();
    for (name, _) in &triggers {
        sqlx::query(AssertSqlSafe(format!("DROP TRIGGER {name}"))).execute(&mut db).await.unwrap();
    }
    db.close().await.unwrap();
    let put_back = triggers.iter().map(|(_, text)| text.as_str());
    sql(path, &statements.iter().copied().chain(put_back).collect::<Vec<_>>()).await;
}

pub(crate) async fn sql(path: &Path, statements: &[&str]) {
    let mut db = connect(path).await;
    for statement in statements {
        let done = sqlx::query(AssertSqlSafe((*statement).to_owned())).execute(&mut db).await;
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

pub(crate) async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

pub(crate) async fn verify(path: &Path) -> Result<Verified, ReadError> {
    Verification::start(View::open(path).await.unwrap()).await?.run().await
}
