//! `audit-tool` as a person at a clinic's computer meets it: exit codes and words.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use pump_core::audit::{
    Batch, Entry,
    event::{Doubt, Event, Happened, LinkLoss, Moment, NothingBecause},
};
use pump_protocol::{
    clock::{BootId, PumpTime, Uptime},
    history::{BolusId, HistorySeq},
    message::{BolusRef, RequestId},
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
    wire::encode,
};
use pump_remote::adapters::keys::{DEVICE_KEY, device_key};

use crate::common::{batch, entry, kept, open, record, sql, tamper};

/// Exit code, what it says, what it complains about.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_audit-tool")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn names_in(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_sound_record_on_a_stick_is_said_to_be_sound_and_left_alone() {
    let (dir, path) = record();
    let before = (names_in(dir.path()), fs::read(&path).unwrap());
    let (code, said, complained) = run(&["verify", path.to_str().unwrap()]);
    assert_eq!((code, complained.as_str()), (0, ""));
    assert!(said.starts_with("300 records, head ") && said.ends_with(", 1 checkpoints good\n"), "{said}");
    assert_eq!(said.split_whitespace().nth(3).unwrap().trim_end_matches(',').len(), 64);
    assert_eq!((names_in(dir.path()), fs::read(&path).unwrap()), before, "nothing was made or changed");
}

#[tokio::test]
async fn the_first_bad_line_is_named() {
    let (_dir, path) = record();
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq IN (17, 18, 200)"]).await;
    let (code, said, complained) = run(&["verify", path.to_str().unwrap()]);
    assert_eq!((code, said.as_str()), (1, ""));
    // proves R-REC-02
    assert!(complained.starts_with("record 17: its bytes don't match the chain"), "{complained}");
}

#[tokio::test]
async fn a_record_in_use_can_be_verified() {
    let (_dir, path) = record();
    let mut store = open(&path).await.unwrap().store;
    store.append(batch(301)).await.unwrap();
    let (code, said, complained) = run(&["verify", path.to_str().unwrap()]);
    assert_eq!((code, complained.as_str()), (0, ""));
    assert!(said.starts_with("301 records"), "{said}");
    store.append(batch(302)).await.unwrap();
}

#[tokio::test]
async fn what_is_no_record_gets_a_sentence() {
    let (dir, path) = record();
    let text = dir.path().join("text");
    fs::write(
        &text,
        "a letter to the clinic, of more than a hundred bytes, so that it can't be taken for a record cut off short",
    )
    .unwrap();
    let cut = dir.path().join("cut.db");
    fs::write(&cut, &fs::read(&path).unwrap()[..9000]).unwrap();
    let foreign = dir.path().join("foreign.db");
    fs::copy(&path, &foreign).unwrap();
    sql(&foreign, &["PRAGMA application_id = 7"]).await;
    let missing = dir.path().join("missing.db");
    let cases =
        [(&missing, "can't be read"), (&text, "no database"), (&cut, "cut off"), (&foreign, "another program's")];
    for (file, words) in cases {
        for command in ["verify", "summary", "lines", "export"] {
            let (code, _, complained) = run(&[command, file.to_str().unwrap()]);
            let told = complained.contains(words) || (file == &missing && complained.contains("no record"));
            assert!(code == 1 && told, "{command} {file:?}: {code} {complained}");
            assert!(!complained.contains("panicked"));
        }
    }
}

#[test]
fn a_summary_counts_lines_of_every_kind_and_says_that_it_verified() {
    let (_dir, path) = record();
    let (code, said, _) = run(&["summary", path.to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(
        said.starts_with("2026-01-01: 0 attempts\n    lines: 15 request_created, 7 refused\n2026-01-02: "),
        "{said}"
    );
    assert!(said.contains("\npump SIM-0001, verified: 300 records, head "), "{said}");
}

#[tokio::test]
async fn a_summary_sets_attempts_against_deliveries() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record.db");
    three_stories(&path).await;
    assert_eq!(run(&["export", path.to_str().unwrap()]).0, 0);
    for file in [path.clone(), dir.path().join("record.export")] {
        let (code, said, complained) = run(&["summary", file.to_str().unwrap()]);
        assert_eq!((code, complained.as_str()), (0, ""));
        assert!(said.starts_with("2026-01-01: 3 attempts, 1 given, 2 not sure, still open\n"), "{said}");
    }
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 5"]).await;
    let (code, said, complained) = run(&["summary", path.to_str().unwrap()]);
    assert!(code == 1 && said.starts_with("2026-01-01: 1 attempts, 1 not sure, still open\n"), "{said}");
    assert!(complained.starts_with("not verified: counted up to the first bad record: record 5:"), "{complained}");
}

#[tokio::test]
async fn every_line_has_its_words() {
    let (_dir, path) = record();
    let (code, said, _) = run(&["lines", path.to_str().unwrap()]);
    assert_eq!((code, said.lines().count()), (0, 300));
    let unreadable = said.lines().nth(16).unwrap();
    assert!(unreadable.starts_with("17 2026-01-01 18:00 (can't be read: "), "a line of no event says so: {unreadable}");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record.db");
    let event = Event::NotGiven { id: RequestId(7), why: NothingBecause::StoppedInTime };
    let body = encode(&Happened { at: Moment::default(), event });
    let entry = Entry { kind: "not_given", request: Some(7), body, ..entry(1) };
    let mut store = open(&path).await.unwrap().store;
    store.append(Batch { entries: vec![entry], kept: kept(1) }).await.unwrap();
    store.close(None).await.unwrap();
    let (code, said, _) = run(&["lines", path.to_str().unwrap()]);
    assert_eq!(code, 0);
    assert_eq!(said.trim_end(), "1 2026-01-01 02:00 #7: NOT GIVEN: stopped before anything went in");
}

#[test]
fn an_export_is_signed_with_the_key_and_verified_without_it() {
    let (dir, path) = record();
    device_key(dir.path(), &[7; 32]).unwrap();
    let (path, key) = (path.to_str().unwrap(), dir.path().join(DEVICE_KEY));
    let (signed, plain) = (dir.path().join("signed"), dir.path().join("record.export"));
    let (code, said, complained) =
        run(&["export", path, "--out", signed.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    assert_eq!((code, complained.as_str()), (0, ""));
    assert!(said.contains("300 records") && said.ends_with(", signed\n"), "{said}");
    // proves R-REC-09
    assert!(run(&["verify", signed.to_str().unwrap()]).1.ends_with("signed by the device\n"));
    assert_eq!(run(&["export", path]).0, 0);
    assert!(run(&["verify", plain.to_str().unwrap()]).1.ends_with("not signed as a whole\n"));
    let (code, _, complained) = run(&["export", path]);
    assert!(code == 1 && complained.contains("nothing exported"), "never overwrites: {complained}");
}

#[tokio::test]
async fn a_bad_record_leaves_no_export_behind() {
    let (dir, path) = record();
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 290"]).await;
    let (code, _, complained) = run(&["export", path.to_str().unwrap()]);
    assert!(code == 1 && complained.starts_with("record 290:"), "{complained}");
    assert!(!dir.path().join("record.export").exists());
}

const BOLUS: BolusRef = BolusRef {
    bolus: BolusId(3),
    history_seq: HistorySeq(7),
    start: PumpTime::new(1, Millis::ZERO),
    dose: Dose::from_micrograms(50),
};

/// A record of three requests: given, refused by a restart before COMMIT, and one that nobody knows about.
async fn three_stories(path: &Path) {
    let prescription = PrescriptionHash([0; 32]);
    let requested = |id| Event::Requested { id: RequestId(id), dose: BOLUS.dose, prescription };
    let intended = |id| Event::CommitIntended { id: RequestId(id), latest_start: PumpTime::new(1, Millis::ZERO) };
    let events = [
        (1, 1_000, requested(1)),
        (1, 1_250, intended(1)),
        (1, 1_400, Event::Accepted { id: RequestId(1), bolus: BOLUS }),
        (1, 1_450, Event::SessionLost { why: LinkLoss::Silent }),
        (1, 61_400, Event::Delivered { id: RequestId(1), bolus: BOLUS }),
        (1, 90_000, requested(2)),
        (1, 95_000, requested(5)),
        (1, 95_100, intended(5)),
        (2, 400, Event::Uncertain { id: RequestId(5), why: Doubt::Restarted }),
    ];
    let mut store = open(path).await.unwrap().store;
    for (boot, uptime, event) in events {
        let at = Moment { boot: BootId([boot; 16]), uptime: Uptime::from_millis(uptime), ..Moment::default() };
        let (kind, request) = (event.kind(), event.request().map(|id| id.0));
        let entry = Entry { kind, request, body: encode(&Happened { at, event }), ..entry(1) };
        store.append(Batch { entries: vec![entry], kept: kept(1) }).await.unwrap();
    }
    store.close(None).await.unwrap();
}

#[tokio::test]
async fn one_request_s_story_is_told_from_the_press_to_its_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record.db");
    three_stories(&path).await;
    let (record, exported) = (path.to_str().unwrap(), dir.path().join("record.export"));
    assert_eq!(run(&["export", record]).0, 0);
    for file in [record, exported.to_str().unwrap()] {
        let (code, said, complained) = run(&["replay", "#1", file]);
        assert_eq!((code, complained.as_str()), (0, ""));
        let told: Vec<&str> = said.lines().collect();
        assert_eq!(told[0], "1 2026-01-01 02:00 +0.000 s: #1: a full hold asked for 50 mcg");
        assert!(told[1].starts_with("2 2026-01-01 02:00 +0.250 s: #1: granted; COMMIT may leave"), "{said}");
        assert_eq!(told[2], "3 2026-01-01 02:00 +0.400 s: #1: the pump accepted it as bolus 3");
        assert_eq!(told[3], "5 2026-01-01 02:00 +60.400 s: #1: GIVEN: 50 mcg");
        assert_eq!(told[4], "ended: #1: GIVEN: 50 mcg");
        assert!(told[5].starts_with("verified: 9 records, head ") && told.len() == 6, "{said}");
        let (_, said, _) = run(&["replay", "2", file]);
        assert!(
            said.contains(
                "\nstill open: COMMIT had not left by the last of these lines, so nothing was given by then\nverified: "
            ),
            "{said}"
        );
        let (_, said, _) = run(&["replay", "5", file]);
        assert!(said.contains("\n9 2026-01-01 02:00 after a reboot: #5: NOT SURE: "), "{said}");
        assert!(said.contains("\nstill open: NOT SURE: COMMIT may have left and no outcome is recorded"), "{said}");
    }
}

#[tokio::test]
async fn a_request_that_the_record_does_not_know_is_answered_with_those_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record.db");
    three_stories(&path).await;
    let (code, said, complained) = run(&["replay", "4", path.to_str().unwrap()]);
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(
        complained.starts_with("no line tells of #4; there is #1 to #2, #5, and all of it is verified"),
        "{complained}"
    );
    let (code, _, complained) = run(&["replay", "four", path.to_str().unwrap()]);
    assert!(code != 0 && complained.contains("four is no request's id: ids look like #12 or 12"), "{complained}");
}

#[tokio::test]
async fn a_story_in_a_changed_record_ends_where_the_proof_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record.db");
    three_stories(&path).await;
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 3"]).await;
    let (code, said, complained) = run(&["replay", "1", path.to_str().unwrap()]);
    assert_eq!((code, said.lines().count()), (1, 2), "{said}");
    assert!(!said.contains("verified") && !said.contains("ended"), "{said}");
    assert!(
        complained.starts_with("not verified: the story is told up to the first bad record: record 3:"),
        "{complained}"
    );
}
