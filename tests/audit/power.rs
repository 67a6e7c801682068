//! Power cuts and crashes: what was promised is there, and nothing is there in halves.

use std::{fs, time::Duration};

use pump_core::audit::Batch;
use pump_remote::adapters::sqlite::{AppendError, TailVerdict};
use tempfile::TempDir;

use crate::common::{batch, connect, cut_power, entry, kept, open, verify};

#[tokio::test]
async fn what_an_append_promised_survives_a_power_cut() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    let mut store = open(&path).await.unwrap().store;
    for number in 1..=5 {
        let head = store.append(batch(number)).await.unwrap();
        let elsewhere = TempDir::new().unwrap();
        let opened = open(&cut_power(&path, elsewhere.path())).await.unwrap();
        // proves R-REC-03
        assert_eq!((opened.head, opened.kept), (head, Some(kept(number))));
        assert_eq!(opened.tail, TailVerdict::Sound { records: number });
    }
}

#[tokio::test]
async fn a_batch_is_in_as_a_whole_or_not_at_all() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    let mut store = open(&path).await.unwrap().store;
    let first = store.append(batch(1)).await.unwrap();
    let log_before = fs::metadata(dir.path().join("record.db-wal")).unwrap().len();
    let second = Batch { entries: (2..=40).map(entry).collect(), kept: vec![9; 9000] };
    let last = store.append(second).await.unwrap();
    let log_after = fs::metadata(dir.path().join("record.db-wal")).unwrap().len();
    assert!(log_after > log_before + 4096);
    for len in (log_before..=log_after).step_by(1000).chain([log_after - 1, log_after]) {
        let elsewhere = TempDir::new().unwrap();
        let cut = cut_power(&path, elsewhere.path());
        let log = fs::OpenOptions::new().write(true).open(elsewhere.path().join("record.db-wal")).unwrap();
        log.set_len(len).unwrap();
        let opened = open(&cut).await.unwrap();
        let expected = if len == log_after { last } else { first };
        // proves R-REC-03
        assert_eq!(opened.head, expected, "log cut to {len} of {log_after}");
        assert!(matches!(opened.tail, TailVerdict::Sound { .. }));
        assert_eq!(verify(&cut).await.unwrap().chain.head(), expected);
    }
}

#[tokio::test]
async fn the_longest_batch_goes_in_as_one() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    let mut store = open(&path).await.unwrap().store;
    let longest = Batch { entries: (1..=1024).map(entry).collect(), kept: kept(1) };
    assert_eq!(store.append(longest).await.unwrap().count, 1024);
    store.append(batch(1025)).await.unwrap();
    assert_eq!(verify(&path).await.unwrap().checkpoints, 4);
}

#[tokio::test]
async fn a_store_that_was_only_dropped_has_lost_nothing() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    let mut store = open(&path).await.unwrap().store;
    let head = store.append(batch(1)).await.unwrap();
    drop(store);
    let mut opened = open(&path).await.unwrap();
    assert_eq!((opened.head, opened.kept), (head, Some(kept(1))));
    assert_eq!(opened.store.append(batch(2)).await.unwrap().count, 2);
}

#[tokio::test]
async fn a_clean_close_signs_the_head_once() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    let mut store = open(&path).await.unwrap().store;
    store.append(batch(1)).await.unwrap();
    store.checkpoint(None).await.unwrap();
    store.checkpoint(None).await.unwrap();
    store.close(entry(1).wall()).await.unwrap();
    // proves R-REC-04
    assert_eq!(verify(&path).await.unwrap().checkpoints, 1);
    assert_eq!(open(&path).await.unwrap().tail, TailVerdict::Sound { records: 1 });
}

#[tokio::test]
async fn another_hand_on_the_lock_delays_and_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    let mut store = open(&path).await.unwrap().store;
    let mut other = connect(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert!(matches!(store.append(batch(1)).await, Err(AppendError::Busy)));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.append(batch(1)).await.unwrap().count, 1);
}

#[tokio::test]
async fn an_abandoned_append_is_not_guessed_about() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    let mut store = open(&path).await.unwrap().store;
    store.append(batch(1)).await.unwrap();
    // Another hand holds the lock, so that the append is surely under way when it is given up.
    let mut other = connect(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let abandoned = tokio::time::timeout(Duration::from_millis(5), store.append(batch(2))).await;
    assert!(abandoned.is_err());
    assert!(matches!(store.append(batch(3)).await, Err(AppendError::Abandoned)));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    // Closing waits for SQLite's thread; then whatever became of the batch is settled.
    assert!(matches!(store.close(None).await, Err(AppendError::Abandoned)));
    let mut opened = open(&path).await.unwrap();
    assert!(matches!(opened.tail, TailVerdict::Sound { .. }));
    let next = opened.head.count + 1;
    assert_eq!(opened.store.append(batch(next)).await.unwrap().count, next);
}
