//! Another hand in the file: every kind of change is found, and the first bad line named.

use pump_core::audit::{Finding, Record, Stored, chain::kept_digest};
use pump_remote::adapters::sqlite::{AppendError, ReadError, TailVerdict, View};

use crate::common::{LINES, batch, kept, open, record, sql, tamper, verify};

async fn found_in_full(statements: &[&str]) -> Finding {
    let (_dir, path) = record();
    tamper(&path, statements).await;
    match verify(&path).await {
        Err(ReadError::Found(finding)) => finding,
        other => panic!("{statements:?}: {other:?}"),
    }
}

/// What the check at the start says; nothing may be restored or appended then.
async fn found_at_open(statements: &[&str]) -> Finding {
    let (_dir, path) = record();
    tamper(&path, statements).await;
    let mut opened = open(&path).await.unwrap();
    let TailVerdict::Bad(finding) = opened.tail else { panic!("{statements:?}: {:?}", opened.tail) };
    // proves R-REC-15
    assert_eq!(opened.kept, None, "nothing is restored from a state that nobody vouches for");
    let appended = opened.store.append(batch(LINES + 1)).await;
    // proves R-REC-15
    assert!(matches!(appended, Err(AppendError::Unverified(_))), "{appended:?}");
    finding
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn an_untouched_record_is_sound() {
    let (_dir, path) = record();
    let verified = verify(&path).await.unwrap();
    assert_eq!((verified.records, verified.checkpoints), (LINES, 1));
    let opened = open(&path).await.unwrap();
    assert_eq!(opened.tail, TailVerdict::Sound { records: 45 });
    assert_eq!(opened.kept, Some(kept(LINES)));
    assert_eq!(opened.head, verified.chain.head());
}

#[tokio::test]
async fn a_change_of_any_field_of_a_line_is_found_there() {
    let changes = [
        "kind = 'refused_'",
        "request = NULL",
        "request = request + 1",
        "wall_ms = wall_ms + 1",
        "wall_ms = NULL",
        "utc_offset_min = 0",
        "kept_digest = NULL",
        "kept_digest = zeroblob(32)",
        "body = x''",
        "body = CAST(substr(body, 1, 39) || x'FF' AS BLOB)",
        "hash = zeroblob(32)",
    ];
    for change in changes {
        for seq in [1, 17, LINES] {
            let statement = format!("UPDATE record SET {change} WHERE seq = {seq}");
            // proves R-REC-02
            assert_eq!(found_in_full(&[&statement]).await, Finding::Changed { seq }, "{change}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_line_are_named_and_not_fetched() {
    let changes = [
        "body = zeroblob(20000)",
        "kind = 'a kind that is longer than any word we know'",
        "hash = x'00'",
        "kept_digest = x'00'",
        "utc_offset_min = 40000",
    ];
    for change in changes {
        let statement = format!("UPDATE record SET {change} WHERE seq = 17");
        assert_eq!(found_in_full(&[&statement]).await, Finding::Unreadable { seq: 17 }, "{change}");
    }
}

#[tokio::test]
async fn a_removed_line_is_found() {
    let removed = "DELETE FROM record WHERE seq = 17";
    // proves R-REC-02
    assert_eq!(found_in_full(&[removed]).await, Finding::Missing { seq: 17, next: 18 });
    let closed_up = ["UPDATE record SET seq = -seq WHERE seq > 17", "UPDATE record SET seq = -seq - 1 WHERE seq < 0"];
    assert_eq!(found_in_full(&[removed, closed_up[0], closed_up[1]]).await, Finding::Changed { seq: 17 });
    assert_eq!(found_in_full(&["DELETE FROM record WHERE seq <= 17"]).await, Finding::Missing { seq: 1, next: 18 });
    assert_eq!(found_in_full(&["DELETE FROM record"]).await, Finding::NewestRemoved { seq: 1, count: LINES });
}

const COLUMNS: &str = "kind, request, wall_ms, utc_offset_min, kept_digest, body, hash";

#[tokio::test]
async fn an_inserted_line_is_found() {
    let room = ["UPDATE record SET seq = -seq WHERE seq >= 17", "UPDATE record SET seq = -seq + 1 WHERE seq < 0"];
    let copy =
        |seq: i64| format!("INSERT INTO record (seq, {COLUMNS}) SELECT {seq}, {COLUMNS} FROM record WHERE seq = 16");
    assert_eq!(found_in_full(&[room[0], room[1], &copy(17)]).await, Finding::Changed { seq: 17 });
    assert_eq!(found_in_full(&[&copy(-5)]).await, Finding::Unreadable { seq: 1 }, "hidden before the first");
    assert_eq!(found_in_full(&[&copy(301)]).await, Finding::Changed { seq: 301 });
    // A forger who knows the rule hashes his own line rightly; then the next true one gives him away.
    let (line, hash) = forged_line(17).await;
    let forged = insert(&line, &hash);
    // proves R-REC-02
    assert_eq!(found_in_full(&[room[0], room[1], &forged]).await, Finding::Changed { seq: 18 });
    let (line, hash) = forged_line(LINES + 1).await;
    let behind = insert(&line, &hash);
    assert_eq!(found_in_full(&[&behind]).await, Finding::BehindTheNewest { seq: 301, count: LINES });
    assert_eq!(found_at_open(&[&behind]).await, Finding::BehindTheNewest { seq: 301, count: LINES });
}

#[tokio::test]
async fn swapped_lines_are_found() {
    let swap = |a: u64, b: u64| {
        [
            format!("UPDATE record SET seq = -1 WHERE seq = {a}"),
            format!("UPDATE record SET seq = {a} WHERE seq = {b}"),
            format!("UPDATE record SET seq = {b} WHERE seq = -1"),
        ]
    };
    for (a, b) in [(17, 18), (17, 200), (1, 300), (299, 300)] {
        let statements = swap(a, b);
        let statements: Vec<_> = statements.iter().map(String::as_str).collect();
        // proves R-REC-02
        assert_eq!(found_in_full(&statements).await, Finding::Changed { seq: a });
    }
}

#[tokio::test]
async fn the_newest_lines_can_t_be_taken_away() {
    let removed = "DELETE FROM record WHERE seq = 300";
    let newest = Finding::NewestRemoved { seq: 300, count: LINES };
    // proves R-REC-02
    assert_eq!(found_in_full(&[removed]).await, newest);
    assert_eq!(found_at_open(&[removed]).await, newest);
    let counted = "UPDATE head SET count = 299";
    assert_eq!(found_at_open(&[removed, counted]).await, Finding::HeadDisagrees { seq: 299 });
    let hashed = "UPDATE head SET hash = (SELECT hash FROM record WHERE seq = 299)";
    assert_eq!(found_at_open(&[removed, counted, hashed]).await, Finding::KeptChanged { seq: 299 });
}

#[tokio::test]
async fn what_was_signed_can_t_be_taken_away_even_with_the_head() {
    let (_dir, path) = record();
    let opened = open(&path).await.unwrap();
    opened.store.close(None).await.unwrap();
    let kept = format!("UPDATE head SET count = 299, kept = x'{}'", hex(&kept(299)));
    let hashed = "UPDATE head SET hash = (SELECT hash FROM record WHERE seq = 299)";
    tamper(&path, &["DELETE FROM record WHERE seq = 300", &kept, hashed]).await;
    let newest = Finding::NewestRemoved { seq: 300, count: 300 };
    assert!(matches!(verify(&path).await, Err(ReadError::Found(finding)) if finding == newest));
    let tail = open(&path).await.unwrap().tail;
    assert!(matches!(tail, TailVerdict::Bad(_)), "{tail:?}");
}

/// The limit that the module's page states, so that nobody believes more: here the pump is the witness.
#[tokio::test]
async fn an_older_whole_agrees_with_itself() {
    let (_dir, path) = record();
    let kept = format!("UPDATE head SET count = 299, kept = x'{}'", hex(&kept(299)));
    let hashed = "UPDATE head SET hash = (SELECT hash FROM record WHERE seq = 299)";
    tamper(&path, &["DELETE FROM record WHERE seq = 300", &kept, hashed]).await;
    assert_eq!(verify(&path).await.unwrap().chain.head().count, 299);
}

#[tokio::test]
async fn a_changed_head_or_kept_state_is_found() {
    for change in ["kept = x'00'", "kept = NULL", "kept = zeroblob(70000)"] {
        let statement = format!("UPDATE head SET {change}");
        assert_eq!(found_in_full(&[&statement]).await, Finding::KeptChanged { seq: LINES }, "{change}");
    }
    assert_eq!(found_at_open(&["UPDATE head SET kept = x'00'"]).await, Finding::KeptChanged { seq: LINES });
    let hash = "UPDATE head SET hash = zeroblob(32)";
    assert_eq!(found_at_open(&[hash]).await, Finding::HeadDisagrees { seq: LINES });
    assert_eq!(found_in_full(&[hash]).await, Finding::HeadDisagrees { seq: LINES });
}

#[tokio::test]
async fn a_forged_moved_or_missing_checkpoint_is_found() {
    let forged = Finding::CheckpointForged { seq: 256 };
    for change in ["signature = zeroblob(64)", "hash = zeroblob(32)", "wall_ms = wall_ms + 1", "signature = x'00'"] {
        let statement = format!("UPDATE checkpoint SET {change}");
        assert_eq!(found_in_full(&[&statement]).await, forged, "{change}");
        assert_eq!(found_at_open(&[&statement]).await, forged, "{change}");
    }
    let missing = Finding::CheckpointMissing { seq: 256 };
    assert_eq!(found_in_full(&["DELETE FROM checkpoint"]).await, missing);
    assert_eq!(found_at_open(&["DELETE FROM checkpoint"]).await, missing);
    let moved = "UPDATE checkpoint SET seq = 400";
    assert_eq!(found_in_full(&[moved]).await, missing);
}

#[tokio::test]
async fn history_written_anew_with_right_hashes_fails_at_the_next_signature() {
    let (_dir, path) = record();
    let mut lines = lines(&path).await;
    lines[16].record.kind = pump_protocol::wire::Text::new("nothing").unwrap();
    let mut previous = lines[15].hash;
    let mut statements = vec!["UPDATE record SET kind = 'nothing' WHERE seq = 17".to_owned()];
    for line in &mut lines[16..] {
        previous = line.record.hash_after(&previous);
        statements.push(format!("UPDATE record SET hash = x'{}' WHERE seq = {}", hex(&previous), line.record.seq));
    }
    statements.push(format!("UPDATE head SET hash = x'{}'", hex(&previous)));
    let statements: Vec<_> = statements.iter().map(String::as_str).collect();
    assert_eq!(found_in_full(&statements).await, Finding::CheckpointDisagrees { seq: 256, good: 0 });
    assert!(matches!(
        found_at_open(&statements).await,
        Finding::Changed { seq: 256 } | Finding::CheckpointDisagrees { seq: 256, .. }
    ));
}

#[tokio::test]
async fn the_check_at_the_start_covers_the_tail_and_the_full_one_the_rest() {
    let changed = |seq: u64| format!("UPDATE record SET body = x'00' WHERE seq = {seq}");
    assert_eq!(found_at_open(&[&changed(290)]).await, Finding::Changed { seq: 290 });
    assert_eq!(found_at_open(&[&changed(256)]).await, Finding::Changed { seq: 256 });
    let (_dir, path) = record();
    tamper(&path, &[&changed(17)]).await;
    assert!(matches!(open(&path).await.unwrap().tail, TailVerdict::Sound { .. }));
    assert!(matches!(verify(&path).await, Err(ReadError::Found(Finding::Changed { seq: 17 }))));
}

#[tokio::test]
async fn a_record_given_to_another_pump_is_found() {
    assert_eq!(found_in_full(&["UPDATE identity SET serial = 'SIM-0002'"]).await, Finding::Changed { seq: 1 });
    assert_eq!(found_in_full(&["UPDATE identity SET record_id = zeroblob(16)"]).await, Finding::Changed { seq: 1 });
}

#[tokio::test]
async fn the_triggers_keep_our_own_hands_off() {
    let (_dir, path) = record();
    let mut db = crate::common::connect(&path).await;
    let forbidden = [
        "UPDATE record SET body = x'00' WHERE seq = 17",
        "DELETE FROM record WHERE seq = 300",
        "INSERT OR REPLACE INTO record (seq, kind, utc_offset_min, body, hash) VALUES (17, 'x', 0, x'', x'')",
        "INSERT INTO record (seq, kind, utc_offset_min, body, hash) VALUES (302, 'x', 0, x'', x'')",
        "UPDATE checkpoint SET signature = zeroblob(64)",
        "DELETE FROM checkpoint",
        "INSERT OR REPLACE INTO checkpoint (seq, hash, utc_offset_min, signature) VALUES (256, x'', 0, x'')",
        "UPDATE head SET count = 299",
        "UPDATE head SET kept = x'00'",
        "DELETE FROM head",
        "INSERT OR REPLACE INTO head (one, count, hash) VALUES (1, 400, x'')",
        "UPDATE identity SET serial = 'SIM-0002'",
        "DELETE FROM identity",
    ];
    for statement in forbidden {
        assert!(sqlx::query(statement).execute(&mut db).await.is_err(), "{statement}");
    }
    drop(db);
    sql(&path, &[]).await;
    assert!(verify(&path).await.is_ok());
}

async fn lines(path: &std::path::Path) -> Vec<Stored> {
    let mut view = View::open(path).await.unwrap();
    let mut lines = view.entries(0, u16::MAX).await.unwrap();
    lines.extend(view.entries(256, u16::MAX).await.unwrap());
    lines
}

/// A line that a forger puts in at `seq`, hashed onto the true one before it.
async fn forged_line(seq: u64) -> (Record, [u8; 32]) {
    let (_dir, path) = record();
    let before = lines(&path).await.swap_remove(usize::try_from(seq - 2).unwrap());
    let forged = Record { seq, kept_digest: Some(kept_digest(&kept(LINES))), ..before.record };
    let hash = forged.hash_after(&before.hash);
    (forged, hash)
}

fn insert(line: &Record, hash: &[u8; 32]) -> String {
    let wall_ms = line.wall_ms.map_or("NULL".into(), |ms| ms.to_string());
    let request = line.request.map_or("NULL".into(), |request| request.to_string());
    let digest = line.kept_digest.map_or("NULL".into(), |digest| format!("x'{}'", hex(&digest)));
    format!(
        "INSERT INTO record (seq, {COLUMNS}) VALUES ({}, '{}', {request}, {wall_ms}, {}, {digest}, x'{}', x'{}')",
        line.seq,
        line.kind,
        line.utc_offset_min,
        hex(&line.body),
        hex(hash),
    )
}
