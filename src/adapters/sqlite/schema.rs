//! Whether a file holds a record's tables and nothing else.
//!
//! Whoever can write to the file can put a trigger, an index or a view in it that changes what our statements do. SQLite keeps
//! the text that each was made by, so every one of them is compared with the migrations that make a record.
//!
//! # Promises
//! - Nothing that no migration makes is ever run or asked: a file with such a thing is not opened.
//! - A record to write to has all of its triggers; to read one that has lost some is allowed, for nothing fires then.

use sqlx::{Row, SqliteConnection, migrate::Migrator, sqlite::SqliteRow};

use super::error::{Trouble, trouble};

/// How a file gets to the newest version from none or any older one, each step in one transaction.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("src/adapters/sqlite/migrations");

/// What the newest version is made of: tables, an index, a view and triggers.
const OURS: usize = 24;
/// A file with more things in it is no record, and is not read to the end.
const THINGS_MAX: i64 = 64;
/// The longest text that a migration makes something by, in bytes, and a good deal more.
const TEXT_LEN_MAX: i64 = 4096;

/// A thing that SQLite made by itself has no text; one whose text is too long comes with none.
const THINGS: &str = "SELECT type, substr(name, 1, 64), \
     CASE WHEN sql IS NULL THEN '' WHEN length(sql) <= ?1 THEN sql END FROM sqlite_schema LIMIT ?2";

/// The migrator's own table, by the text that SQLite keeps of it, and the index that this brings. The names alone are nobody's.
const MIGRATOR_S: [(&str, &str, &str); 2] = [
    (
        "table",
        "_sqlx_migrations",
        "CREATE TABLE _sqlx_migrations ( version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
         installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, \
         execution_time BIGINT NOT NULL )",
    ),
    ("index", "sqlite_autoindex__sqlx_migrations_1", ""),
];

/// What is wrong with what the file is made of; `None` if nothing is.
pub(super) async fn fault(db: &mut SqliteConnection, to_write: bool) -> Result<Option<String>, sqlx::Error> {
    let things = match sqlx::query(THINGS).bind(TEXT_LEN_MAX).bind(THINGS_MAX).fetch_all(db).await {
        Err(error) if trouble(&error) == Trouble::Damaged => return Ok(Some(error.to_string())),
        things => things?,
    };
    let mut ours = 0;
    for thing in &things {
        match judge(thing) {
            Some(true) => ours += 1,
            Some(false) => {}
            None => return Ok(Some(foreign(thing))),
        }
    }
    let missing = to_write && ours < OURS;
    Ok(missing.then(|| format!("only {ours} of its {OURS} tables, triggers and the like are there")))
}

/// Whether a thing is the record's (`true`) or the migrator's; `None` for what no migration makes.
fn judge(thing: &SqliteRow) -> Option<bool> {
    let (kind, name): (&str, &str) = (thing.try_get(0).ok()?, thing.try_get(1).ok()?);
    let text: &str = thing.try_get::<Option<&str>, _>(2).ok()??;
    let is = |(its_kind, its_name, its_text): &(&str, &str, &str)| {
        (kind, name) == (*its_kind, *its_name) && text.split_whitespace().eq(its_text.split_whitespace())
    };
    if MIGRATOR_S.iter().any(is) {
        return Some(false);
    }
    let made = !text.is_empty() && MIGRATIONS.iter().any(|migration| has_statement(migration.sql.as_str(), text));
    made.then_some(true)
}

/// SQLite keeps a statement's text up to its semicolon.
fn has_statement(migration: &str, text: &str) -> bool {
    migration.match_indices(text).any(|(at, _)| migration[at + text.len()..].starts_with(';'))
}

fn foreign(thing: &SqliteRow) -> String {
    let word = |index: usize| thing.try_get::<&str, _>(index).unwrap_or("?").escape_debug().to_string();
    format!("there is a {} in it, {}, that no record has", word(0), word(1))
}
