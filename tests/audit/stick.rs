//! The record onto a stick: whole and read back, or not there; and nothing beside the record is changed.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use pump_core::{audit::event::NotCopied, remote::Input};
use pump_protocol::message::AuditHead;
use pump_remote::{
    adapters::{
        sqlite::{is_export, verify_export},
        stick::Slot,
    },
    shell::copying::Copier,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::common::{LINES, batch, device, open, record, tamper, verify};

/// Of the pump's serial number and the record's random name.
const FOLDER: &str = "pump-remote-SIM-0001-01010101";
const WHOLE: &str = "record-000000000001-to-000000000300.export";

/// A directory in place of a stick.
fn slot(dir: &Path) -> Slot {
    Slot::new(dir.to_owned(), |dir| fs::metadata(dir).map(|found| Some(found.dev())))
}

async fn copy(record: &Path, slot: Slot) -> Result<AuditHead, NotCopied> {
    let (answering, mut answers) = mpsc::channel(1);
    Copier::new(slot, record.to_owned(), device()).begin(answering);
    match tokio::time::timeout(Duration::from_mins(1), answers.recv()).await {
        Ok(Some(Input::RecordCopied(copied))) => copied,
        other => panic!("{other:?}"),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_copy_proves_what_the_record_does_and_whatever_waits_beside_it_goes_along() {
    let (dir, path) = record();
    let exports = dir.path().join("exports");
    fs::create_dir(&exports).unwrap();
    fs::write(exports.join("record-000000000000.export"), vec![3; 200_000]).unwrap();
    fs::write(exports.join("record-000000000009.export.new"), "half of one").unwrap();
    let stick = TempDir::new().unwrap();
    let head = copy(&path, slot(stick.path())).await.unwrap();
    // proves R-REC-11
    assert_eq!(head.count, LINES);
    let folder = stick.path().join(FOLDER);
    // proves R-REC-11
    assert_eq!(names(&folder), ["record-000000000000.export", WHOLE]);
    assert_eq!(fs::read(folder.join("record-000000000000.export")).unwrap(), vec![3; 200_000]);
    let proved = verify_export(&folder.join(WHOLE)).unwrap();
    // proves R-REC-11, R-REC-09
    assert!(proved.signed && !proved.part && proved.verified.chain.head() == head, "{proved:?}");
    let tool = Command::new(env!("CARGO_BIN_EXE_audit-tool")).arg("verify").arg(folder.join(WHOLE)).output().unwrap();
    assert!(tool.status.success(), "{tool:?}");
    assert_eq!(names(&exports).len(), 2, "what waited waits still");
    assert_eq!(verify(&path).await.unwrap().records, LINES);
}

#[tokio::test]
async fn a_second_copy_stands_beside_the_first_and_only_what_is_there_byte_for_byte_is_not_copied_twice() {
    let (dir, path) = record();
    let exports = dir.path().join("exports");
    fs::create_dir(&exports).unwrap();
    let names_there = ["record-000000000000.export", "record-000000000001.export", "record-000000000002.export"];
    for name in names_there {
        fs::write(exports.join(name), "as it was").unwrap();
    }
    let stick = TempDir::new().unwrap();
    copy(&path, slot(stick.path())).await.unwrap();
    let folder = stick.path().join(FOLDER);
    let [sound, cut, rotten] = names_there.map(|name| folder.join(name));
    fs::write(cut, "as").unwrap();
    fs::write(rotten, "as it saw").unwrap();
    let before = fs::metadata(&sound).unwrap().ino();
    open(&path).await.unwrap().store.append(batch(LINES + 1)).await.unwrap();
    assert_eq!(copy(&path, slot(stick.path())).await.unwrap().count, LINES + 1);
    assert_eq!(fs::metadata(&sound).unwrap().ino(), before, "not written again");
    for name in names_there {
        // proves R-REC-11
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "as it was", "{name}");
    }
    let (first, second) = (WHOLE, "record-000000000001-to-000000000301.export");
    // proves R-REC-11
    assert_eq!(names(&folder), [names_there[0], first, second, names_there[1], names_there[2]]);
}

#[tokio::test]
async fn without_a_stick_nothing_is_written_anywhere() {
    let (dir, path) = record();
    let under = TempDir::new().unwrap();
    let (none, gone): (Slot, Slot) =
        (Slot::new(under.path().to_owned(), |_| Ok(None)), slot(&under.path().join("nowhere")));
    for slot in [none, gone] {
        // proves R-REC-11
        assert_eq!(copy(&path, slot).await, Err(NotCopied::NoStick));
    }
    assert!(names(under.path()).is_empty() && !names(dir.path()).iter().any(|name| name.contains("export")));
}

#[tokio::test]
async fn a_stick_that_cannot_be_used_is_said_to_have_failed() {
    let (_dir, path) = record();
    // A file where the directory should be; a directory where a file should be; another device than the stick.
    let (file, wide, other) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(file.path().join(FOLDER), "a file").unwrap();
    fs::create_dir_all(wide.path().join(FOLDER).join(WHOLE).join("not empty")).unwrap();
    for dir in [&file, &wide] {
        // proves R-REC-11
        assert_eq!(copy(&path, slot(dir.path())).await, Err(NotCopied::StickFailed), "{:?}", names(dir.path()));
    }
    assert_eq!(names(&wide.path().join(FOLDER)), [WHOLE], "half a copy is removed");
    let taken_out = Slot::new(other.path().to_owned(), |_| Ok(Some(0)));
    // proves R-REC-11
    assert_eq!(copy(&path, taken_out).await, Err(NotCopied::NoStick));
    assert!(names(&other.path().join(FOLDER)).is_empty());
}

#[tokio::test]
async fn a_record_that_does_not_verify_is_not_copied_as_a_good_one() {
    let stick = TempDir::new().unwrap();
    let (_dir, path) = record();
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 17"]).await;
    let nowhere = PathBuf::from("/nowhere/record.db");
    for path in [path, nowhere] {
        // proves R-REC-11
        assert_eq!(copy(&path, slot(stick.path())).await, Err(NotCopied::RecordFailed), "{path:?}");
    }
    assert!(!stick.path().join(FOLDER).join(WHOLE).exists());
    assert!(names(stick.path()).iter().all(|name| names(&stick.path().join(name)).is_empty()));
}

#[tokio::test]
async fn a_record_that_is_bound_to_another_key_is_not_signed() {
    let (stick, (_dir, path)) = (TempDir::new().unwrap(), record());
    let (answering, mut answers) = mpsc::channel(1);
    let other = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    Copier::new(slot(stick.path()), path, other).begin(answering);
    assert_eq!(answers.recv().await, Some(Input::RecordCopied(Err(NotCopied::RecordFailed))));
}

#[tokio::test]
async fn beside_a_record_that_is_written_a_copy_ends_where_it_was_read_last() {
    let (_dir, path) = record();
    let stick = TempDir::new().unwrap();
    let mut store = open(&path).await.unwrap().store;
    let (answering, mut answers) = mpsc::channel(1);
    Copier::new(slot(stick.path()), path.clone(), device()).begin(answering);
    let mut number = LINES;
    let copied = loop {
        number += 1;
        store.append(batch(number)).await.unwrap();
        if let Ok(Input::RecordCopied(copied)) = answers.try_recv() {
            break copied.unwrap();
        }
    };
    let folder = stick.path().join(FOLDER);
    let copy = folder.join(&names(&folder)[0]);
    assert!(is_export(&copy).unwrap() && (LINES..=number).contains(&copied.count), "{copied:?} of {number}");
    // proves R-REC-11
    assert_eq!(verify_export(&copy).unwrap().verified.chain.head(), copied);
}
