//! What a chained, durable record costs above the bare insert of the same bytes: at most 1.25 times.
//!
//! Both sides use one sqlx connection each, with the same settings, on the same disk; they take turns, so that the disk's
//! mood hits both. `cargo bench --bench record`, or with a directory on the disk in question: `RECORD_BENCH_DIR=… cargo bench …`.

use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use pump_core::audit::{Batch, Chain, Entry, Genesis, RecordId, chain::kept_digest};
use pump_protocol::wire::Text;
use pump_remote::adapters::sqlite::{Opening, Store};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

const ROUNDS: i64 = 4000;
const WARM_UP: i64 = 200;
const RATIO_MAX: f64 = 1.25;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // `cargo test --benches` only wants to know that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { WARM_UP };
    let dir = std::env::var("RECORD_BENCH_DIR").map_or_else(|_| tempfile::tempdir(), tempfile::tempdir_in)?;
    for (kept_len, entries) in [(512, 1), (1024, 1), (4096, 1), (1024, 3)] {
        let case = dir.path().join(format!("{kept_len}-{entries}"));
        let (ours, bare) = measure(&case, kept_len, entries, rounds).await?;
        let ratio = median(&ours).as_secs_f64() / median(&bare).as_secs_f64();
        let mean = ours.iter().sum::<Duration>().as_secs_f64() / bare.iter().sum::<Duration>().as_secs_f64();
        let verdict = if ratio <= RATIO_MAX { "within" } else { "ABOVE" };
        println!(
            "kept {kept_len} B, {entries} line(s): append {:?}, bare {:?}: median ratio {ratio:.3}, mean {mean:.3}, {verdict} {RATIO_MAX}",
            median(&ours),
            median(&bare),
        );
    }
    Ok(())
}

async fn measure(
    dir: &std::path::Path,
    kept_len: usize,
    entries: usize,
    rounds: i64,
) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let serial = Text::new("SIM-0001")?;
    let opening = Opening { serial: serial.clone(), key: key.clone(), new_id: RecordId([1; 16]) };
    let mut store = Store::open(&dir.join("record.db"), opening).await?.store;
    let genesis = Genesis { id: RecordId([1; 16]), serial, device_key: key.verifying_key().to_bytes() };
    let chain = Chain::begin(genesis);
    let mut bare = bare_database(&dir.join("bare.db")).await?;
    let (mut ours_took, mut bare_took) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + rounds {
        let batch = batch(round, kept_len, entries);
        let hash = chain.head().hash;
        let digest = kept_digest(&batch.kept);
        let for_bare = batch.clone();
        let start = Instant::now();
        store.append(batch).await?;
        let middle = Instant::now();
        insert_bare(&mut bare, round, for_bare, hash, digest).await?;
        let end = Instant::now();
        if round >= WARM_UP {
            ours_took.push(middle - start);
            bare_took.push(end - middle);
        }
    }
    store.close(None).await?;
    bare.close().await?;
    Ok((ours_took, bare_took))
}

fn batch(round: i64, kept_len: usize, entries: usize) -> Batch {
    let fill = u8::try_from(round % 251).unwrap_or(0);
    let entry = Entry {
        kind: "request_created",
        request: Some(round.cast_unsigned()),
        body: vec![fill; 160],
        wall_ms: Some(1_800_000_000_000 + round * 60_000),
        utc_offset_min: 60,
    };
    Batch { entries: vec![entry; entries], kept: vec![fill; kept_len] }
}

async fn bare_database(path: &std::path::Path) -> anyhow::Result<SqliteConnection> {
    let mut db = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
        .connect()
        .await?;
    let table = "CREATE TABLE bare (seq INTEGER PRIMARY KEY, kind TEXT, request INTEGER, wall_ms INTEGER, \
         utc_offset_min INTEGER, kept_digest BLOB, body BLOB, hash BLOB, kept BLOB) STRICT";
    sqlx::query(table).execute(&mut db).await?;
    Ok(db)
}

/// One statement, one transaction; the kept state goes with the last line.
async fn insert_bare(
    db: &mut SqliteConnection,
    round: i64,
    batch: Batch,
    hash: [u8; 32],
    digest: [u8; 32],
) -> anyhow::Result<()> {
    let rows = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; batch.entries.len()].join(", ");
    let sql = format!("INSERT INTO bare VALUES {rows}");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    let (count, mut seq) = (batch.entries.len(), round * 8);
    let mut kept = Some(batch.kept);
    for (index, entry) in batch.entries.into_iter().enumerate() {
        let last = index + 1 == count;
        seq += 1;
        query = query
            .bind(seq)
            .bind(entry.kind)
            .bind(entry.request.map(u64::cast_signed))
            .bind(entry.wall_ms)
            .bind(entry.utc_offset_min)
            .bind(last.then(|| digest.to_vec()))
            .bind(entry.body)
            .bind(hash.to_vec())
            .bind(if last { kept.take() } else { None });
    }
    query.execute(db).await?;
    Ok(())
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}
