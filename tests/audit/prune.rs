//! Pruning: the oldest lines leave behind a signed base, nothing else does, and nothing is lost on the way.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::Duration,
};

use pump_core::{
    audit::{
        Batch, Entry, Finding, Verified,
        event::{Moment, read},
        export::Proved,
    },
    ledger::Request,
    remote::{Input, Kept},
};
use pump_protocol::{message::RequestId, prescription::PrescriptionHash, quantity::Dose};
use pump_remote::{
    adapters::{
        clock::Clock,
        keys::{DEVICE_KEY, device_key},
        sqlite::{
            AppendError, ReadError, Store, TailVerdict, Verification, View,
            prune::{self, CUT_LINES_MAX, Cut, Exported, LINES_KEPT_MIN, PruneError},
            verify_export, write_export,
        },
    },
    shell::recorder::{self, RecordOrder, Room},
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::common::{NEW_YEAR_MS, connect, cut_power, device, entry, open, sql, tamper, verify};

/// The last signed line that may go: 1024, with 36,000 behind it.
const LONG: u64 = LINES_KEPT_MIN + 1120;
const UNTIL: u64 = 1024;
/// A day on which every line of the record is old.
const LATER: i64 = NEW_YEAR_MS / 86_400_000 + 5000;

fn kept_with(request: Option<u64>) -> Vec<u8> {
    let open =
        |id| Request::new(RequestId(id), Dose::from_micrograms(50), PrescriptionHash([0; 32]), Moment::default());
    Kept { request: request.map(open), last_id: RequestId(6_000), ..Kept::default() }.to_bytes()
}

/// A directory with a record of [`LONG`] lines in it, one an hour; request `n` has the lines `n` and `n + 1000`.
fn long_record() -> (TempDir, PathBuf) {
    static TEMPLATE: LazyLock<TempDir> = LazyLock::new(|| {
        let make = || tokio::runtime::Runtime::new().unwrap().block_on(make_long_record());
        std::thread::spawn(make).join().unwrap()
    });
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("record.db");
    fs::copy(TEMPLATE.path().join("record.db"), &path).unwrap();
    (dir, path)
}

async fn make_long_record() -> TempDir {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir.path().join("record.db")).await.unwrap().store;
    let lines: Vec<u64> = (1..=LONG).collect();
    for batch in lines.chunks(1024) {
        let entry = |number: &u64| Entry { request: Some(number % 1000), ..entry(*number) };
        store.append(Batch { entries: batch.iter().map(entry).collect(), kept: kept_with(None) }).await.unwrap();
    }
    store.close(None).await.unwrap();
    dir
}

async fn plan(path: &Path, today: i64) -> Result<Option<Cut>, PruneError> {
    prune::plan(&mut View::open(path).await.unwrap(), today, CUT_LINES_MAX).await
}

async fn export(path: &Path, out: &Path) -> Exported {
    let cut = plan(path, LATER).await.unwrap().unwrap();
    prune::export_cut(View::open(path).await.unwrap(), &cut, &device(), out).await.unwrap()
}

/// A record whose first lines were pruned into `part` beside it.
async fn pruned() -> (TempDir, PathBuf, PathBuf) {
    let (dir, path) = long_record();
    let part = dir.path().join("part");
    let exported = export(&path, &part).await;
    let mut store = open(&path).await.unwrap().store;
    let head = store.prune(&exported, Moment { wall: entry(LONG).wall(), ..Moment::default() }).await.unwrap();
    assert_eq!(head.count, LONG + 1);
    store.close(None).await.unwrap();
    (dir, path, part)
}

async fn export_whole(path: &Path, out: &Path) -> Proved {
    let mut bytes = Vec::new();
    write_export(View::open(path).await.unwrap(), Some(&device()), &mut bytes).await.unwrap();
    fs::write(out, bytes).unwrap();
    verify_export(out).unwrap()
}

async fn finding(path: &Path) -> Finding {
    match verify(path).await {
        Err(ReadError::Found(finding)) => finding,
        other => panic!("{other:?}"),
    }
}

async fn finding_at_open(path: &Path) -> Finding {
    let opened = open(path).await.unwrap();
    assert_eq!(opened.kept, None);
    match opened.tail {
        TailVerdict::Bad(finding) => finding,
        TailVerdict::Sound { .. } => panic!("sound"),
    }
}

#[tokio::test]
async fn a_pruned_record_verifies_from_its_base_and_goes_on() {
    let (_dir, path, part) = pruned().await;
    let verified = verify(&path).await.unwrap();
    let base = verified.base.unwrap();
    // proves R-REC-08
    assert_eq!((base.head.count, base.exported), (UNTIL, UNTIL));
    assert_eq!((verified.chain.head().count, verified.records), (LONG + 1, LONG + 1 - UNTIL));
    let proved = verify_export(&part).unwrap();
    assert!(proved.signed && proved.part);
    assert_eq!((proved.verified.records, proved.verified.chain.head()), (UNTIL, base.head));
    assert_eq!(proved.digest, base.export_digest);
    let mut opened = open(&path).await.unwrap();
    // proves R-REC-08
    assert_eq!(
        (opened.head.count, opened.kept),
        (LONG + 1, Some(kept_with(None))),
        "what a restart needs is untouched"
    );
    assert!(matches!(opened.tail, TailVerdict::Sound { .. }));
    let next = Batch { entries: vec![entry(1)], kept: kept_with(None) };
    assert_eq!(opened.store.append(next).await.unwrap().count, LONG + 2);
    assert!(verify(&path).await.is_ok());
    let mut view = View::open(&path).await.unwrap();
    assert_eq!(view.entries(0, 1).await.unwrap()[0].record.seq, UNTIL + 1);
    let told = view.entries(LONG, 1).await.unwrap();
    let words = read(&told[0].record.body).unwrap().event.to_string();
    assert_eq!(words, "1024 records up to 1024 were exported and left this record");
}

#[tokio::test]
async fn the_export_of_the_rest_joins_on_and_so_does_the_next_part() {
    let (dir, path, part) = pruned().await;
    let rest = export_whole(&path, &dir.path().join("rest")).await;
    let first = verify_export(&part).unwrap();
    let base_of = |verified: &Verified| verified.base.map(|base| (base.head, base.export_digest));
    assert_eq!(base_of(&rest.verified), Some((first.verified.chain.head(), first.digest)));
    let mut store = open(&path).await.unwrap().store;
    let lines = (0..1024).map(|_| entry(LONG)).collect();
    store.append(Batch { entries: lines, kept: kept_with(None) }).await.unwrap();
    let second = dir.path().join("second");
    let exported = export(&path, &second).await;
    assert_eq!((exported.until(), exported.lines()), (2048, 1024));
    store.prune(&exported, Moment::default()).await.unwrap();
    let second = verify_export(&second).unwrap();
    assert_eq!(base_of(&second.verified), Some((first.verified.chain.head(), first.digest)));
    assert_eq!(base_of(&verify(&path).await.unwrap()), Some((second.verified.chain.head(), second.digest)));
}

#[tokio::test]
async fn a_line_that_may_still_be_needed_stays() {
    let (_dir, path) = long_record();
    let until = async |path: &Path, today| plan(path, today).await.unwrap().map(|cut| cut.until());
    // proves R-REC-17
    assert_eq!(until(&path, LATER).await, Some(UNTIL), "the newest 36,000 stay");
    let day_of = |line: u64| entry(line).wall().unwrap().day();
    // proves R-REC-17
    assert_eq!(until(&path, day_of(768) + 31).await, Some(512), "of a day that is 31 back, a line may be 30 old");
    assert_eq!(until(&path, day_of(768) + 32).await, Some(768));
    assert_eq!(until(&path, day_of(200)).await, None);
    assert_eq!(until(&path, i64::MIN).await, None);
    assert_eq!(until(&path, i64::MAX).await, Some(UNTIL));
    let few = prune::plan(&mut View::open(&path).await.unwrap(), LATER, 300).await.unwrap();
    assert_eq!(few.map(|cut| (cut.from(), cut.until())), Some((1, 256)));
}

#[tokio::test]
async fn a_line_of_these_days_stays_though_the_signed_one_behind_it_is_dated_long_ago() {
    let (_dir, path) = long_record();
    let dated = |day: i64| format!("UPDATE record SET wall_ms = {} WHERE seq = 300", day * 86_400_000);
    for (day, until) in [(LATER, 256), (LATER - 31, 256), (LATER - 33, UNTIL), (LATER + 400, UNTIL)] {
        tamper(&path, &[&dated(day)]).await;
        assert_eq!(plan(&path, LATER).await.unwrap().map(|cut| cut.until()), Some(until), "{}", day - LATER);
    }
}

#[tokio::test]
async fn a_line_of_an_open_request_stays() {
    for (request, until) in [(300, Some(256)), (700, Some(512)), (100, None), (5000, Some(UNTIL))] {
        let (_dir, path) = long_record();
        let mut store = open(&path).await.unwrap().store;
        store.append(Batch { entries: vec![entry(1)], kept: kept_with(Some(request)) }).await.unwrap();
        // proves R-REC-08
        assert_eq!(plan(&path, LATER).await.unwrap().map(|cut| cut.until()), until, "#{request}");
    }
}

#[tokio::test]
async fn a_state_that_can_t_be_read_prunes_nothing() {
    let (_dir, path) = long_record();
    let mut store = open(&path).await.unwrap().store;
    store.append(Batch { entries: vec![entry(1)], kept: b"of another program".to_vec() }).await.unwrap();
    let refused = plan(&path, LATER).await;
    assert!(matches!(refused, Err(PruneError::KeptUnreadable)), "{refused:?}");
}

#[tokio::test]
async fn a_base_that_the_device_did_not_sign_is_found() {
    let statements = [
        "UPDATE base SET signature = zeroblob(64)",
        "UPDATE base SET signature = x'00'",
        "UPDATE base SET exported = exported + 1",
        "UPDATE base SET export_digest = zeroblob(32)",
        "UPDATE base SET export_digest = x''",
        "UPDATE base SET wall_ms = NULL",
        "UPDATE base SET hash = zeroblob(32)",
    ];
    for statement in statements {
        let (_dir, path, _) = pruned().await;
        tamper(&path, &[statement]).await;
        let forged = Finding::BaseForged { seq: UNTIL };
        assert_eq!((finding(&path).await, finding_at_open(&path).await), (forged, forged), "{statement}");
    }
}

#[tokio::test]
async fn a_missing_or_moved_base_is_found() {
    let (_dir, path, _) = pruned().await;
    tamper(&path, &["DELETE FROM base"]).await;
    let missing = Finding::Missing { seq: 1, next: UNTIL + 1 };
    assert_eq!((finding(&path).await, finding_at_open(&path).await), (missing, missing));

    let (_dir, path, _) = pruned().await;
    let moved = "UPDATE base SET count = 2048, hash = (SELECT hash FROM record WHERE seq = 2048)";
    tamper(&path, &[moved, "DELETE FROM record WHERE seq <= 2048"]).await;
    let forged = Finding::BaseForged { seq: 2048 };
    assert_eq!((finding(&path).await, finding_at_open(&path).await), (forged, forged));
}

#[tokio::test]
async fn a_line_removed_behind_the_base_or_put_back_before_it_is_found() {
    let (_dir, path, _) = pruned().await;
    tamper(&path, &["DELETE FROM record WHERE seq = 1025"]).await;
    let missing = Finding::Missing { seq: UNTIL + 1, next: UNTIL + 2 };
    assert_eq!((finding(&path).await, finding_at_open(&path).await), (missing, missing));
    let (_dir, path, _) = pruned().await;
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 1030"]).await;
    assert_eq!(finding(&path).await, Finding::Changed { seq: 1030 });
    let (_dir, path, _) = pruned().await;
    let columns = "kind, request, wall_ms, utc_offset_min, kept_digest, body, hash";
    let copy = format!("INSERT INTO record (seq, {columns}) SELECT 7, {columns} FROM record WHERE seq = 1025");
    tamper(&path, &[&copy]).await;
    let hidden = Finding::OutOfOrder { seq: UNTIL + 1, found: 7 };
    assert_eq!((finding(&path).await, finding_at_open(&path).await), (hidden, hidden));
}

#[tokio::test]
async fn the_triggers_let_nothing_go_that_is_not_behind_the_base() {
    let (_dir, path, _) = pruned().await;
    let mut db = connect(&path).await;
    let another =
        |seq| format!("INSERT OR REPLACE INTO base SELECT 1, {seq}, hash, 1, hash, NULL, 0, signature FROM base");
    let forbidden = [
        "DELETE FROM record WHERE seq = 1025".to_owned(),
        "DELETE FROM record".to_owned(),
        "DELETE FROM checkpoint WHERE seq = 1280".to_owned(),
        "DELETE FROM base".to_owned(),
        "UPDATE base SET count = 2048".to_owned(),
        another(1024),
        another(512),
        another(1300),
    ];
    for statement in forbidden {
        assert!(sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&mut db).await.is_err(), "{statement}");
    }
    drop(db);
    assert!(verify(&path).await.is_ok());
}

#[tokio::test]
async fn an_export_cut_short_or_never_used_is_overwritten_by_the_next() {
    let (dir, path) = long_record();
    let out = dir.path().join("part");
    fs::write(dir.path().join("part.new"), "half an export").unwrap();
    export(&path, &out).await;
    assert!(!dir.path().join("part.new").exists());
    let (whole, before) = (fs::read(&out).unwrap(), verify(&path).await.unwrap());
    assert_eq!(before.base, None, "an export alone prunes nothing");
    fs::write(&out, "an export that nobody came to use").unwrap();
    let exported = export(&path, &out).await;
    assert_eq!(fs::read(&out).unwrap(), whole);
    let mut store = open(&path).await.unwrap().store;
    store.prune(&exported, Moment::default()).await.unwrap();
    assert_eq!(verify(&path).await.unwrap().base.unwrap().head.count, UNTIL);
}

#[tokio::test]
async fn a_power_cut_in_the_middle_of_pruning_leaves_all_or_takes_all() {
    let (dir, path) = long_record();
    let exported = export(&path, &dir.path().join("part")).await;
    let mut store = open(&path).await.unwrap().store;
    store.prune(&exported, Moment::default()).await.unwrap();
    let log = fs::metadata(dir.path().join("record.db-wal")).unwrap().len();
    let (mut before, mut after) = (0, 0);
    for len in (0..=log).step_by(usize::try_from(log / 12).unwrap()).chain([log - 1, log]) {
        let elsewhere = TempDir::new().unwrap();
        let cut = cut_power(&path, elsewhere.path());
        let cut_log = fs::OpenOptions::new().write(true).open(elsewhere.path().join("record.db-wal")).unwrap();
        cut_log.set_len(len).unwrap();
        let opened = open(&cut).await.unwrap();
        assert!(matches!(opened.tail, TailVerdict::Sound { .. }), "log cut to {len} of {log}");
        let verified = verify(&cut).await.unwrap();
        match verified.base {
            None => before += 1,
            Some(_) => after += 1,
        }
        let expected = if verified.base.is_some() { (LONG + 1, LONG + 1 - UNTIL) } else { (LONG, LONG) };
        assert_eq!((verified.chain.head().count, verified.records), expected, "log cut to {len} of {log}");
    }
    assert!(before > 0 && after > 0, "{before} {after}");
}

#[tokio::test]
async fn a_pruning_that_is_refused_leaves_the_record_whole_and_can_be_tried_again() {
    let (dir, path) = long_record();
    let exported = export(&path, &dir.path().join("part")).await;
    let mut store = open(&path).await.unwrap().store;
    let mut other = connect(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert!(matches!(store.prune(&exported, Moment::default()).await, Err(AppendError::Busy)));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(verify(&path).await.unwrap().records, LONG);
    store.prune(&exported, Moment::default()).await.unwrap();
    let again = store.prune(&exported, Moment::default()).await;
    assert!(matches!(again, Err(AppendError::Damaged { .. })), "the base moves forward: {again:?}");
    assert_eq!(verify(&path).await.unwrap().records, LONG + 1 - UNTIL);
}

#[tokio::test]
async fn a_failure_at_any_statement_of_a_pruning_leaves_the_record_whole() {
    let failing = [
        "CREATE TRIGGER fails BEFORE INSERT ON base BEGIN SELECT RAISE(ABORT, 'x'); END",
        "CREATE TRIGGER fails BEFORE DELETE ON record WHEN OLD.seq = 1000 BEGIN SELECT RAISE(ABORT, 'x'); END",
        "CREATE TRIGGER fails BEFORE DELETE ON checkpoint WHEN OLD.seq = 1024 BEGIN SELECT RAISE(ABORT, 'x'); END",
        "CREATE TRIGGER fails BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'x'); END",
        "CREATE TRIGGER fails BEFORE UPDATE ON head BEGIN SELECT RAISE(ABORT, 'x'); END",
    ];
    for trigger in failing {
        let (dir, path) = long_record();
        let exported = export(&path, &dir.path().join("part")).await;
        let mut store = open(&path).await.unwrap().store;
        sql(&path, &[trigger]).await;
        let failed = store.prune(&exported, Moment::default()).await;
        assert!(failed.is_err(), "{trigger}: {failed:?}");
        sql(&path, &["DROP TRIGGER fails"]).await;
        assert_eq!(verify(&path).await.unwrap().records, LONG, "{trigger}");
        assert_eq!(store.prune(&exported, Moment::default()).await.unwrap().count, LONG + 1, "{trigger}");
        assert_eq!(verify(&path).await.unwrap().records, LONG + 1 - UNTIL);
    }
}

#[tokio::test]
async fn a_record_above_its_bound_is_pruned_beside_the_work() {
    let (dir, path) = long_record();
    let store = open(&path).await.unwrap().store;
    serve_until_pruned(store, &path, Room { prune_above_bytes: 1 << 20, exports_bytes_max: 1 << 30 }).await;
    let verified = verify(&path).await.unwrap();
    let part = verify_export(&dir.path().join("exports/record-000000000001.export")).unwrap();
    assert_eq!(verified.base.map(|base| base.export_digest), Some(part.digest));
    assert!(matches!(open(&path).await.unwrap().tail, TailVerdict::Sound { .. }));
}

async fn serve_until_pruned(store: Store, path: &Path, room: Room) {
    let ((orders, order), (answering, mut answers)) = (mpsc::channel(1), mpsc::channel(8));
    let served = tokio::spawn(recorder::serve(store, order, answering, Clock::real(), room));
    let batch = || Batch { entries: vec![entry(1)], kept: kept_with(None) };
    for _ in 0..100 {
        orders.send(RecordOrder::Append(batch())).await.unwrap();
        assert!(matches!(answers.recv().await, Some(Input::Stored(_))));
        if View::open(path).await.unwrap().base().await.unwrap().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    orders.send(RecordOrder::Close(None)).await.unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn exports_that_nobody_takes_away_stop_the_pruning_and_not_the_record() {
    let (dir, path) = long_record();
    fs::create_dir(dir.path().join("exports")).unwrap();
    fs::write(dir.path().join("exports/old"), [0; 2000]).unwrap();
    let store = open(&path).await.unwrap().store;
    let ((orders, order), (answering, mut answers)) = (mpsc::channel(1), mpsc::channel(8));
    let room = Room { prune_above_bytes: 0, exports_bytes_max: 1000 };
    let served = tokio::spawn(recorder::serve(store, order, answering, Clock::real(), room));
    tokio::time::sleep(Duration::from_millis(200)).await;
    orders.send(RecordOrder::Append(Batch { entries: vec![entry(1)], kept: kept_with(None) })).await.unwrap();
    assert!(matches!(answers.recv().await, Some(Input::Stored(_))));
    orders.send(RecordOrder::Close(None)).await.unwrap();
    served.await.unwrap();
    assert_eq!(verify(&path).await.unwrap().base, None);
}

#[tokio::test]
async fn a_walk_that_meets_a_pruning_begins_again_behind_it() {
    let (dir, path) = long_record();
    let exported = export(&path, &dir.path().join("part")).await;
    let mut store = open(&path).await.unwrap().store;
    let begun = || async { Verification::start(View::open(&path).await.unwrap()).await.unwrap() };
    let (walk, shown, meets_a_change) = (begun().await, begun().await, begun().await);
    store.prune(&exported, Moment::default()).await.unwrap();
    let verified = walk.run().await.unwrap();
    assert_eq!((verified.base.unwrap().head.count, verified.records), (UNTIL, LONG + 1 - UNTIL));
    // Lines were shown that are not there any more: whoever counts them must begin again, too.
    let told = shown.run_with(&mut |_, _| {}).await.unwrap_err();
    assert!(matches!(told, ReadError::Pruned), "{told}");
    store.close(None).await.unwrap();
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 2000"]).await;
    let found = meets_a_change.run().await.unwrap_err();
    // proves R-REC-02
    assert!(matches!(found, ReadError::Found(Finding::Changed { seq: 2000 })), "{found}");
}

#[tokio::test]
async fn lines_that_are_missing_are_no_pruning_unless_the_base_has_moved() {
    let (_dir, path, _) = pruned().await;
    let walk = Verification::start(View::open(&path).await.unwrap()).await.unwrap();
    tamper(&path, &["DELETE FROM record WHERE seq BETWEEN 1025 AND 1026"]).await;
    let found = walk.run().await.unwrap_err();
    // It was opened as a record that nobody writes to, and says so; opened anew, it names the line.
    assert!(matches!(found, ReadError::Changed), "{found}");
    assert_eq!(finding(&path).await, Finding::Missing { seq: 1025, next: 1027 });
}

fn tool(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_audit-tool")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn the_clinic_prunes_with_the_key_and_joins_the_parts_without() {
    let (dir, path) = long_record();
    device_key(dir.path(), &[7; 32]).unwrap();
    let (key, part, rest) = (dir.path().join(DEVICE_KEY), dir.path().join("part"), dir.path().join("rest"));
    let [record, key, part, rest] = [&path, &key, &part, &rest].map(|path| path.to_str().unwrap());
    let running = open(&path).await.unwrap();
    let (done, said) = tool(&["prune", record, "--out", part, "--key", key]);
    assert!(!done && said.contains("in use"), "{said}");
    running.store.close(None).await.unwrap();
    let (done, said) = tool(&["prune", record, "--out", part, "--key", key]);
    assert!(done && said.contains("1024 records up to 1024, signed and verified"), "{said}");
    let (done, said) = tool(&["prune", record, "--out", part, "--key", key]);
    assert!(!done && said.contains("exists already"), "{said}");
    assert!(tool(&["export", record, "--out", rest, "--key", key]).0);
    for after in [record, rest] {
        let (done, said) = tool(&["verify", part, after]);
        assert!(done && said.contains(", joins the file before\n"), "{said}");
    }
    let (done, said) = tool(&["verify", record]);
    assert!(done && said.contains("those up to 1024 exported and pruned"), "{said}");
    let (done, said) = tool(&["verify", rest, part]);
    assert!(!done && said.contains("it begins with the record's first line"), "{said}");
    let (done, said) = tool(&["prune", record, "--out", &format!("{part}2"), "--key", key]);
    assert!(!done && said.starts_with("nothing was pruned: no signed line is older than 30 days"), "{said}");
}
