//! What an opponent with the file, or a dying card, can leave in its place: a sentence each time, no harm, no wait without end.

use std::{
    fs,
    os::unix::fs::{FileExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use pump_core::audit::Verified;
use pump_remote::adapters::sqlite::{AppendError, OpenError, Verification, View};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::common::{LINES, batch, connect, cut_power, open, record, sql, tamper, verify};

/// Longer than any answer here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What reading all of it says, in bounded time.
async fn read(path: &Path) -> Result<Verified, String> {
    let reading = async {
        let view = View::open(path).await.map_err(|error| error.to_string())?;
        let walk = Verification::start(view).await.map_err(|error| error.to_string())?;
        walk.run().await.map_err(|error| error.to_string())
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("an answer in time")
}

/// What opening it for writing says, in bounded time.
async fn opened(path: &Path) -> Result<(), OpenError> {
    tokio::time::timeout(PATIENCE, open(path)).await.expect("an answer in time").map(drop)
}

#[tokio::test]
async fn a_file_with_anything_in_it_that_no_record_has_is_not_opened() {
    let added = [
        ("trigger", "CREATE TRIGGER extra AFTER INSERT ON record BEGIN DELETE FROM checkpoint; END"),
        ("trigger", "CREATE TRIGGER extra BEFORE UPDATE ON head BEGIN SELECT RAISE(IGNORE); END"),
        ("trigger", "CREATE TRIGGER extra BEFORE INSERT ON record BEGIN SELECT RAISE(IGNORE); END"),
        ("index", "CREATE INDEX extra ON record (seq, kind)"),
        ("view", "CREATE VIEW extra AS SELECT * FROM record"),
        ("table", "CREATE TABLE extra (x)"),
    ];
    for (what, statement) in added {
        let (_dir, path) = record();
        sql(&path, &[statement]).await;
        let told = format!("there is a {what} in it, extra, that no record has");
        assert!(read(&path).await.unwrap_err().contains(&told), "{statement}");
        let before = fs::read(&path).unwrap();
        let error = opened(&path).await.unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }) && error.to_string().contains(&told), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before, "left as it was");
    }
}

#[tokio::test]
async fn nothing_passes_for_the_migrators_by_its_name() {
    let swallow = "INSTEAD OF INSERT ON append BEGIN SELECT RAISE(IGNORE); END";
    let forged = [
        vec![format!("CREATE TRIGGER _sqlx_migrations {swallow}")],
        vec![format!("CREATE TRIGGER [sqlite_autoindex__sqlx_migrations_2] {swallow}")],
        vec!["ALTER TABLE _sqlx_migrations ADD COLUMN extra".to_owned()],
        vec![
            "ALTER TABLE _sqlx_migrations RENAME TO hidden".to_owned(),
            "CREATE VIEW _sqlx_migrations AS SELECT * FROM hidden".to_owned(),
        ],
    ];
    for statements in forged {
        let (_dir, path) = record();
        forge(&path, &statements).await;
        let error = opened(&path).await.unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{statements:?}: {error}");
        assert!(read(&path).await.unwrap_err().contains("that no record has"), "{statements:?}");
    }
}

/// Runs these, if need be under a name that SQLite keeps for itself.
async fn forge(path: &Path, statements: &[String]) {
    let named = statements.iter().map(|statement| statement.replace("[sqlite_autoindex", "[squite_autoindex"));
    let rename = "UPDATE sqlite_schema SET name = replace(name, 'squite', 'sqlite'), sql = replace(sql, 'squite', 'sqlite') \
                  WHERE name LIKE 'squite%'";
    let made: Vec<String> = named.chain(["PRAGMA writable_schema = ON", rename].map(str::to_owned)).collect();
    sql(path, &made.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn a_batch_that_something_swallows_is_not_said_to_be_recorded() {
    for extra in [
        "CREATE TRIGGER extra BEFORE INSERT ON record BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER extra BEFORE UPDATE ON head BEGIN SELECT RAISE(IGNORE); END",
    ] {
        let (_dir, path) = record();
        let mut store = open(&path).await.unwrap().store;
        // Beside the open store, whose check of the tables is past.
        let mut other = connect(&path).await;
        sqlx::query(extra).execute(&mut other).await.unwrap();
        let error = store.append(batch(LINES + 1)).await.unwrap_err();
        assert!(matches!(error, AppendError::Damaged { .. }), "{extra}: {error}");
        sqlx::query("DROP TRIGGER extra").execute(&mut other).await.unwrap();
        drop(other);
        assert_eq!(verify(&path).await.unwrap().records, LINES, "nothing of it is in");
        assert_eq!(store.append(batch(LINES + 1)).await.unwrap().count, LINES + 1, "and it can be asked again");
    }
}

#[tokio::test]
async fn a_table_that_was_replaced_by_something_of_its_name_is_not_opened() {
    let columns = "seq, kind, request, wall_ms, utc_offset_min, kept_digest, body, hash";
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n WHERE x < 0";
    let replaced = [
        [
            "ALTER TABLE record RENAME TO hidden".to_owned(),
            format!("CREATE VIEW record AS SELECT {columns} FROM hidden"),
        ],
        ["ALTER TABLE head RENAME TO hidden".to_owned(), format!("CREATE VIEW head AS {endless}")],
        [
            "DROP TABLE base".to_owned(),
            "CREATE TABLE base (one, count INTEGER GENERATED ALWAYS AS (zeroblob(900000000)))".to_owned(),
        ],
        ["DROP TABLE checkpoint".to_owned(), "CREATE TABLE checkpoint (seq INTEGER PRIMARY KEY)".to_owned()],
        ["ALTER TABLE record DROP COLUMN request".to_owned(), "ALTER TABLE record ADD COLUMN request ANY".to_owned()],
    ];
    for statements in replaced {
        let (_dir, path) = record();
        let mut db = connect(&path).await;
        for name in ["append", "record_by_day"] {
            let kind = if name == "append" { "VIEW" } else { "INDEX" };
            sqlx::query(AssertSqlSafe(format!("DROP {kind} {name}"))).execute(&mut db).await.unwrap();
        }
        let query = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
        let triggers: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut db).await.unwrap();
        for name in triggers {
            sqlx::query(AssertSqlSafe(format!("DROP TRIGGER {name}"))).execute(&mut db).await.unwrap();
        }
        drop(db);
        sql(&path, &statements.each_ref().map(String::as_str)).await;
        assert!(read(&path).await.is_err(), "{statements:?}");
        assert!(opened(&path).await.is_err(), "{statements:?}");
    }
}

#[tokio::test]
async fn a_record_that_lost_a_trigger_or_its_index_can_be_read_and_not_written() {
    for statement in
        ["DROP TRIGGER record_kept", "DROP TRIGGER base_forward", "DROP INDEX record_by_day", "DROP VIEW append"]
    {
        let (_dir, path) = record();
        sql(&path, &[statement]).await;
        assert_eq!(read(&path).await.unwrap().records, LINES, "{statement}");
        let error = opened(&path).await.unwrap_err();
        assert!(error.to_string().contains("tables, triggers and the like are there"), "{error}");
    }
}

#[tokio::test]
async fn a_version_that_no_record_has_is_said() {
    for (version, word) in [
        (0, "version 0"),
        (-1, "version -1"),
        (i32::MIN, "version -2147483648"),
        (3, "has version 3"),
        (i32::MAX, "has version 2147483647"),
    ] {
        let (_dir, path) = record();
        sql(&path, &[&format!("PRAGMA user_version = {version}")]).await;
        for error in [read(&path).await.unwrap_err(), opened(&path).await.unwrap_err().to_string()] {
            assert!(error.contains(word), "{version}: {error}");
        }
    }
    let (_dir, path) = record();
    sql(&path, &["PRAGMA user_version = 1"]).await;
    assert_eq!(read(&path).await.unwrap().records, LINES, "nothing of the first version changed");
    assert!(opened(&path).await.is_ok(), "what is there already is not made again");
}

/// Changes line 17 to what no column takes: the table's text is made to allow it, and put back afterwards.
async fn force(path: &Path, change: &str) {
    let allow =
        "UPDATE sqlite_schema SET sql = replace(replace(sql, ') STRICT', ')'), 'NOT NULL', '') WHERE name = 'record'";
    let mut db = connect(path).await;
    let text = |name: &str| format!("SELECT sql FROM sqlite_schema WHERE name = '{name}'");
    let strict: String = sqlx::query_scalar(AssertSqlSafe(text("record"))).fetch_one(&mut db).await.unwrap();
    let trigger: String = sqlx::query_scalar(AssertSqlSafe(text("record_stays"))).fetch_one(&mut db).await.unwrap();
    for statement in ["DROP TRIGGER record_stays", "PRAGMA writable_schema = ON", allow] {
        sqlx::query(statement).execute(&mut db).await.unwrap();
    }
    db.close().await.unwrap();
    let update = format!("UPDATE record SET {change} WHERE seq = 17");
    sql(path, &[&update, &trigger, "PRAGMA writable_schema = ON"]).await;
    let mut db = connect(path).await;
    sqlx::query("PRAGMA writable_schema = ON").execute(&mut db).await.unwrap();
    let put_back = "UPDATE sqlite_schema SET sql = ? WHERE name = 'record'";
    sqlx::query(put_back).bind(strict).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_value_that_no_line_can_have_is_named_and_not_fetched() {
    let changes = [
        "kind = x'00FF'",
        "kind = NULL",
        "body = 'text'",
        "body = NULL",
        "body = 7.5",
        "hash = NULL",
        "hash = '32 characters, as long as a hash.'",
        "kept_digest = 1",
        "wall_ms = 'noon'",
        "utc_offset_min = NULL",
        "request = 1e300",
        "body = zeroblob(300000000)",
    ];
    for change in changes {
        let (_dir, path) = record();
        force(&path, change).await;
        let told = read(&path).await.unwrap_err();
        assert!(told.starts_with("record 17:") || told.contains("damaged"), "{change}: {told}");
        // The tail is sound: the background check finds the rest.
        assert!(opened(&path).await.is_ok(), "{change}");
    }
}

#[tokio::test]
async fn random_bytes_on_any_page_never_pass_for_another_record() {
    let (_dir, path) = record();
    let (whole, untouched) = (fs::read(&path).unwrap(), verify(&path).await.unwrap());
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    for page in 0..whole.len() / 4096 {
        for whole_page in [true, false] {
            let mut bytes = whole.clone();
            let start = page * 4096 + if whole_page { 0 } else { 3000 };
            chance.fill_bytes(&mut bytes[start..(page + 1) * 4096]);
            fs::write(&path, bytes).unwrap();
            // A page of the index holds nothing that the chain doesn't; any other can't pass.
            if let Ok(verified) = read(&path).await {
                assert_eq!(verified, untouched, "page {page}");
            }
            let _ = opened(&path).await;
            for suffix in ["-wal", "-shm"] {
                let _ = fs::remove_file(format!("{}{suffix}", path.display()));
            }
        }
    }
}

#[tokio::test]
async fn a_file_cut_anywhere_is_never_taken_for_a_record() {
    let (_dir, path) = record();
    let whole = fs::read(&path).unwrap();
    for len in (0..whole.len()).step_by(1024) {
        fs::write(&path, &whole[..len]).unwrap();
        assert!(read(&path).await.unwrap_err().contains("is cut off"), "{len}");
        assert!(matches!(opened(&path).await, Err(OpenError::Truncated { .. })), "{len}");
        assert_eq!(fs::read(&path).unwrap().len(), len, "left as it was");
    }
}

#[tokio::test]
async fn the_log_of_another_record_makes_none_of_it_true() {
    let ((_dir, path), (_other_dir, other)) = (record(), record());
    let mine = verify(&path).await.unwrap();
    let mut store = open(&other).await.unwrap().store;
    for number in LINES + 1..LINES + 40 {
        store.append(batch(number)).await.unwrap();
    }
    let theirs = verify(&other).await.unwrap();
    let dir = TempDir::new().unwrap();
    let log = format!("{}-wal", cut_power(&other, dir.path()).display());
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 200"]).await;
    fs::copy(log, format!("{}-wal", path.display())).unwrap();
    match read(&path).await {
        Ok(verified) => assert!(verified == mine || verified == theirs),
        Err(told) => assert!(!told.is_empty()),
    }
    let _ = opened(&path).await;
}

#[tokio::test]
async fn what_is_no_file_is_said_to_be_none() {
    let dir = TempDir::new().unwrap();
    let (directory, pipe) = (dir.path().join("directory"), dir.path().join("pipe"));
    fs::create_dir(&directory).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let device = dir.path().join("device");
    symlink("/dev/zero", &device).unwrap();
    for path in [directory, pipe, device] {
        assert!(read(&path).await.unwrap_err().contains("is no file: it was not touched"), "{path:?}");
        assert!(matches!(opened(&path).await, Err(OpenError::NotAFile { .. })), "{path:?}");
        for command in ["verify", "summary", "lines", "export"] {
            let output = Command::new(env!("CARGO_BIN_EXE_audit-tool")).arg(command).arg(&path).output().unwrap();
            let complained = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && complained.contains("is no file"), "{command} {path:?}: {complained}");
        }
    }
}

#[tokio::test]
async fn a_link_is_followed_and_one_to_nowhere_begins_no_record() {
    let (dir, path) = record();
    let (link, nowhere, round) = (dir.path().join("link"), dir.path().join("nowhere"), dir.path().join("round"));
    symlink(&path, &link).unwrap();
    symlink(dir.path().join("gone"), &nowhere).unwrap();
    symlink(&round, &round).unwrap();
    assert_eq!(read(&link).await.unwrap().records, LINES);
    assert!(matches!(opened(&nowhere).await, Err(OpenError::Missing { .. })));
    assert!(!dir.path().join("gone").exists());
    assert!(opened(&round).await.is_err() && read(&round).await.is_err());
}

/// For root no permission binds; then there is nothing to see.
#[tokio::test]
async fn a_file_that_may_not_be_read_is_told_from_one_that_may_not_be_written() {
    let (_dir, path) = record();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        return;
    }
    assert!(matches!(View::open(&path).await, Err(OpenError::Unreadable { .. })));
}

#[tokio::test]
async fn a_header_that_lies_about_the_file_passes_for_no_other_record() {
    // The header's own count of pages, its page size and its free list, each set to what no file has.
    for (offset, bytes) in [
        (28, [0xFF; 4]),
        (28, [0, 0, 0, 1]),
        (16, [0, 1, 0, 1]),
        (16, [0xFF; 4]),
        (32, [0xFF; 4]),
        (36, [0xFF; 4]),
        (20, [0xFF; 4]),
    ] {
        let (_dir, path) = record();
        let untouched = verify(&path).await.unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&bytes, offset).unwrap();
        if let Ok(verified) = read(&path).await {
            assert_eq!(verified, untouched, "offset {offset}");
        }
        let _ = opened(&path).await;
    }
}

#[tokio::test]
async fn what_a_record_that_cannot_be_gone_on_with_asks_of_a_person_can_be_done() {
    let (dir, path) = record();
    let elsewhere = dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(format!("{}-wal", path.display()), "its log").unwrap();
    fs::write(&path, "no database at all, and long enough to have a header of one hundred bytes ".repeat(2)).unwrap();
    let words = opened(&path).await.unwrap_err().to_string();
    let advised = words.split_once("(mv ").and_then(|(_, rest)| rest.split_once(" ELSEWHERE)")).expect("a command").0;
    assert!(words.contains("call the clinic"), "{words}");
    let moved = Command::new("sh").arg("-c").arg(format!("mv {advised} {}", elsewhere.display())).status().unwrap();
    assert!(moved.success(), "{advised}");
    assert!(open(&path).await.unwrap().created, "another begins");
    assert!(elsewhere.join("record.db").exists() && elsewhere.join("record.db-wal").exists(), "kept");
}

#[test]
fn every_sentence_says_what_is_true_in_lower_case() {
    let path = || PathBuf::from("record.db");
    let errors = [
        OpenError::NotAFile { path: path() },
        OpenError::Unreadable { path: path() },
        OpenError::Missing { path: path() },
        OpenError::Damaged { path: path(), detail: "x".into() },
        OpenError::Newer { path: path(), found: 3, known: 2 },
        OpenError::Truncated { path: path(), len: 1, expected: 2 },
    ];
    for error in errors {
        let words = error.to_string();
        assert!(words.starts_with(char::is_lowercase), "{words}");
    }
}
