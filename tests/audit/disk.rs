//! Every way in which the file or its disk can be wrong: what is said, and that nothing was touched.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use pump_core::remote::Input;
use pump_protocol::wire::Text;
use pump_remote::{
    adapters::sqlite::{AppendError, OpenError, Opening, Store, TailVerdict, View, set_aside},
    shell::recorder,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::common::{LINES, batch, kept, open, opening, record, sql, tamper, verify};

/// Opening fails, and leaves the file byte for byte as it was.
async fn refused(path: &Path) -> OpenError {
    let before = fs::read(path).unwrap();
    let error = open(path).await.expect_err("must be refused");
    // proves R-REC-13
    assert_eq!(fs::read(path).unwrap(), before, "{error}");
    error
}

fn change_bytes(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_new_record_is_made_where_only_its_owner_can_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("data/record.db");
    let opened = open(&path).await.unwrap();
    assert!(opened.created);
    assert_eq!((opened.kept, opened.head.count), (None, 0));
    assert_eq!(opened.tail, TailVerdict::Sound { records: 0 });
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&dir.path().join("data"))), (0o600, 0o700));
    opened.store.close(None).await.unwrap();
    assert!(!open(&path).await.unwrap().created);
}

#[tokio::test]
async fn a_missing_or_unusable_directory_is_told_apart() {
    let dir = TempDir::new().unwrap();
    let missing = open(&dir.path().join("not/there/record.db")).await;
    assert!(matches!(missing, Err(OpenError::DirectoryMissing { .. })), "{missing:?}");
    fs::write(dir.path().join("file"), "not a directory").unwrap();
    let unusable = open(&dir.path().join("file/record.db")).await;
    assert!(matches!(unusable, Err(OpenError::DirectoryUnusable { .. })), "{unusable:?}");
}

#[tokio::test]
async fn a_second_instance_is_locked_out_and_a_reader_is_not() {
    let (_dir, path) = record();
    let first = open(&path).await.unwrap();
    // proves R-REC-14
    assert!(matches!(open(&path).await, Err(OpenError::InUse { .. })));
    assert!(matches!(set_aside(&path), Err(OpenError::InUse { .. })));
    assert_eq!(verify(&path).await.unwrap().records, LINES);
    first.store.close(None).await.unwrap();
    assert!(open(&path).await.is_ok());
}

#[tokio::test]
async fn a_cut_off_record_is_never_taken_for_an_empty_one() {
    for len in [0, 1, 50, 99, 4096, 10_000] {
        let (_dir, path) = record();
        change_bytes(&path, |bytes| bytes.truncate(len));
        let error = refused(&path).await;
        // proves R-REC-13
        assert!(matches!(error, OpenError::Truncated { .. }), "{len}: {error}");
        assert!(matches!(View::open(&path).await, Err(OpenError::Truncated { .. })));
    }
}

#[tokio::test]
async fn what_is_no_record_is_told_apart() {
    let (_dir, path) = record();
    change_bytes(&path, |bytes| bytes[3] ^= 1);
    assert!(matches!(refused(&path).await, OpenError::NotADatabase { .. }));
    let (_dir, path) = record();
    sql(&path, &["PRAGMA application_id = 7"]).await;
    assert!(matches!(refused(&path).await, OpenError::Foreign { found: 7, .. }));
    let (_dir, path) = record();
    sql(&path, &["PRAGMA user_version = 3"]).await;
    assert!(matches!(refused(&path).await, OpenError::Newer { found: 3, known: 2, .. }));
    let (_dir, path) = record();
    sql(&path, &["DROP TABLE head"]).await;
    assert!(matches!(refused(&path).await, OpenError::Damaged { .. }));
}

#[tokio::test]
async fn another_pump_s_or_device_s_record_is_told_apart() {
    let (_dir, path) = record();
    let other_pump = Opening { serial: Text::new("SIM-0002").unwrap(), ..opening() };
    let error = Store::open(&path, other_pump).await.unwrap_err();
    // proves R-REC-12
    assert!(matches!(error, OpenError::OtherPump { .. }), "{error}");
    let other_device = Opening { key: SigningKey::from_bytes(&[8; 32]), ..opening() };
    let error = Store::open(&path, other_device).await.unwrap_err();
    assert!(matches!(error, OpenError::OtherKey { .. }), "{error}");
}

#[tokio::test]
async fn a_flipped_bit_anywhere_never_passes_for_another_record() {
    let (_dir, path) = record();
    let untouched = verify(&path).await.unwrap();
    let whole = fs::read(&path).unwrap();
    for offset in (100..whole.len()).step_by(whole.len() / 150) {
        let mut bytes = whole.clone();
        bytes[offset] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        if let Ok(view) = View::open(&path).await {
            drop(view);
            if let Ok(verified) = verify(&path).await {
                assert_eq!(verified, untouched, "offset {offset}");
            }
        }
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_can_be_mended() {
    let (_dir, path) = record();
    let mut store = open(&path).await.unwrap().store;
    store.set_size_max(0).await.unwrap();
    let mut number = LINES;
    let error = loop {
        let before = store.head().unwrap();
        match store.append(batch(number + 1)).await {
            Ok(head) => assert_eq!(head.count, before.count + 1),
            Err(error) => {
                assert_eq!(store.head().unwrap(), before, "what was refused is not in");
                break error;
            }
        }
        number += 1;
        assert!(number < LINES + 1000, "the limit binds");
    };
    // proves R-REC-07
    assert!(matches!(error, AppendError::Full), "{error}");
    assert!(matches!(store.append(batch(number + 1)).await, Err(AppendError::Full)), "and says so again");
    // proves R-REC-07
    assert_eq!(verify(&path).await.unwrap().chain.head(), store.head().unwrap());
    store.set_size_max(1 << 30).await.unwrap();
    assert_eq!(store.append(batch(number + 1)).await.unwrap().count, number + 1);
    store.close(None).await.unwrap();
    let opened = open(&path).await.unwrap();
    assert_eq!((opened.head.count, opened.kept), (number + 1, Some(kept(number + 1))));
    assert_eq!(verify(&path).await.unwrap().records, number + 1);
}

#[tokio::test]
async fn a_log_whose_file_is_gone_is_not_played_into_a_new_one() {
    let (dir, path) = record();
    fs::remove_file(&path).unwrap();
    fs::write(dir.path().join("record.db-wal"), "somebody's lines").unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_record_whose_making_was_cut_short_is_made_again() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    fs::write(dir.path().join("record.db.new"), "half").unwrap();
    fs::write(dir.path().join("record.db.new-wal"), "half").unwrap();
    assert!(open(&path).await.unwrap().created);
    assert!(!dir.path().join("record.db.new").exists());
}

#[tokio::test]
async fn a_record_set_aside_stays_whole() {
    let (_dir, path) = record();
    let before = fs::read(&path).unwrap();
    let aside: PathBuf = set_aside(&path).unwrap();
    assert_eq!(fs::read(&aside).unwrap(), before);
    let opened = open(&path).await.unwrap();
    assert!(opened.created);
    drop(opened);
    assert_ne!(set_aside(&path).unwrap(), aside, "and the next one takes another name");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_can_t_be_read_is_checked_again_and_not_called_changed() {
    let (dir, path) = record();
    let there = dir.path().join("there.db");
    // The first page of any process's memory is an error to read, like a sector that is gone.
    std::os::unix::fs::symlink("/proc/self/mem", &there).unwrap();
    let unread = View::open(&there).await.unwrap_err();
    assert!(matches!(unread, OpenError::Io { .. }) && !unread.is_about_the_file(), "{unread}");
    let (answering, mut answers) = mpsc::channel(1);
    tokio::spawn(recorder::verify(there.clone(), answering));
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert!(answers.try_recv().is_err(), "nothing is known, and nothing was said");
    fs::remove_file(&there).unwrap();
    fs::rename(&path, &there).unwrap();
    assert_eq!(answers.recv().await, Some(Input::RecordChecked { good: true }));
}

#[tokio::test]
async fn a_changed_a_cut_off_and_a_missing_record_fail_the_check() {
    let verdict = async |path: PathBuf| {
        let (answering, mut answers) = mpsc::channel(1);
        tokio::spawn(recorder::verify(path, answering));
        answers.recv().await
    };
    let failed = Some(Input::RecordChecked { good: false });
    let (_dir, path) = record();
    change_bytes(&path, |bytes| bytes.truncate(5000));
    assert_eq!(verdict(path).await, failed);
    let (_dir, path) = record();
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 7"]).await;
    assert_eq!(verdict(path.clone()).await, failed);
    fs::remove_file(&path).unwrap();
    assert_eq!(verdict(path).await, failed);
}
