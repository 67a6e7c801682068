//! A record that the first version of the schema wrote: read as it is, and brought up to date when it is written to.

use std::{fs, path::PathBuf};

use pump_remote::adapters::sqlite::{TailVerdict, View};
use tempfile::TempDir;

use crate::common::{LINES, batch, connect, cut_power, kept, open, verify};

/// As the program of version 1 left it, closed in good order: frozen.
fn version_1() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    fs::write(&path, include_bytes!("frozen/record-1.db")).unwrap();
    (dir, path)
}

async fn version(path: &std::path::Path) -> i64 {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connect(path).await).await.unwrap()
}

#[tokio::test]
async fn a_record_of_version_1_is_read_and_left_as_it_is() {
    let (_dir, path) = version_1();
    let verified = verify(&path).await.unwrap();
    assert_eq!((verified.records, verified.base), (LINES, None));
    assert_eq!(View::open(&path).await.unwrap().entries(0, 10).await.unwrap().len(), 10);
    assert_eq!(fs::read(&path).unwrap(), include_bytes!("frozen/record-1.db"));
}

#[tokio::test]
async fn a_record_of_version_1_is_upgraded_when_it_is_opened_for_writing() {
    let (_dir, path) = version_1();
    let mut opened = open(&path).await.unwrap();
    assert!(matches!(opened.tail, TailVerdict::Sound { .. }) && !opened.created);
    assert_eq!((opened.head.count, opened.kept), (LINES, Some(kept(LINES))));
    opened.store.append(batch(LINES + 1)).await.unwrap();
    opened.store.close(None).await.unwrap();
    assert_eq!(version(&path).await, 2);
    assert_eq!(verify(&path).await.unwrap().records, LINES + 1);
}

#[tokio::test]
async fn a_power_cut_in_the_middle_of_an_upgrade_leaves_one_version_or_the_other() {
    let (dir, path) = version_1();
    let opened = open(&path).await.unwrap();
    let log = fs::metadata(dir.path().join("record.db-wal")).unwrap().len();
    let mut versions = Vec::new();
    for len in (0..=log).step_by(1000).chain([log]) {
        let elsewhere = TempDir::new().unwrap();
        let cut = cut_power(&path, elsewhere.path());
        let cut_log = fs::OpenOptions::new().write(true).open(elsewhere.path().join("record.db-wal")).unwrap();
        cut_log.set_len(len).unwrap();
        versions.push(version(&cut).await);
        assert_eq!(verify(&cut).await.unwrap().records, LINES, "log cut to {len}");
        assert!(matches!(open(&cut).await.unwrap().tail, TailVerdict::Sound { .. }), "log cut to {len}");
        assert_eq!(version(&cut).await, 2);
    }
    assert!(versions.contains(&1) && versions.contains(&2), "{versions:?}");
    drop(opened);
}
