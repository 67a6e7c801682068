//! A record's file and its log, changed by another hand or a dying card.
//!
//! The bytes are a list of changes to one of two records with a signed line and a dozen lines behind it: one that was closed, and
//! one that was cut off by the power, with its newest lines in the log. Or they are the file itself.
//!
//! # What must hold
//! - What is read is the record that it was: all of it, or, where the log was cut, what it was after an earlier batch.
//! - What is restored from is the state that was kept with the newest line.
//! - A file that is refused, and has no log, is left as it was.
//! - Any answer comes within [`PATIENCE`].

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use ed25519_dalek::SigningKey;
use pump_core::audit::{Batch, CHECKPOINT_EVERY, Entry, RecordId};
use pump_protocol::{message::AuditHead, wire::Text};
use pump_remote::adapters::sqlite::{OpenError, Opened, Opening, Store, TailVerdict, Verification, View};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The newest line: the signed one, and a dozen behind it.
const LINES: u64 = CHECKPOINT_EVERY + 12;
/// The longest file that a change can make.
const LEN_MAX: usize = 1 << 20;

/// A file and its log, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Files {
    record: Vec<u8>,
    log: Vec<u8>,
}

/// What is true of a record: where it stood when it was made and after each batch, and what was kept then.
struct Template {
    closed: Files,
    cut_off: Files,
    states: Vec<(AuditHead, Vec<u8>)>,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(make);

thread_local! {
    static BENCH: Bench = Bench { runtime: runtime() };
}

struct Bench {
    runtime: Runtime,
}

/// The target.
pub fn run(bytes: &[u8]) {
    let [which, changes @ ..] = bytes else { return };
    let was = if which & 1 == 0 { &TEMPLATE.closed } else { &TEMPLATE.cut_off };
    let files = changed(was, changes);
    let newest_only = files.log == was.log;
    BENCH.with(|bench| bench.judge(&files, newest_only));
}

impl Bench {
    fn judge(&self, files: &Files, newest_only: bool) {
        let (_dir, path) = lay(files);
        let read = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, read(&path)).await });
        if let Ok(head) = read.expect("an answer in time") {
            assert!(is_known(head, None, newest_only), "read as another record: {head:?}");
        }
        let (_dir, path) = lay(files);
        let opened = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, open(&path)).await });
        match opened.expect("an answer in time") {
            Ok(Opened { store, head, kept, tail: TailVerdict::Sound { .. }, .. }) => {
                assert!(is_known(head, kept.as_deref(), newest_only), "restored as another record: {head:?}");
                self.append(store, &path);
            }
            Ok(Opened { kept, tail: TailVerdict::Bad(_), .. }) => {
                assert_eq!(kept, None, "nothing is restored from a state that nobody vouches for");
            }
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains("record.db"), "{said}");
                let left = fs::read(&path).expect("it is still there");
                assert!(!files.log.is_empty() || left == files.record, "refused, and yet changed: {said}");
            }
        }
    }

    /// A record that can be gone on with is gone on with, and found whole as far as it was before.
    fn append(&self, mut store: Store, path: &Path) {
        let appended = self.runtime.block_on(store.append(batch(LINES + 1)));
        let _ = self.runtime.block_on(store.close(None));
        if let (Ok(head), Ok(read)) = (appended, self.runtime.block_on(read(path))) {
            assert_eq!(head, read);
        }
    }
}

/// In a directory of their own: SQLite's thread may still be closing the files of the run before.
fn lay(files: &Files) -> (TempDir, PathBuf) {
    let dir = in_memory();
    let path = dir.path().join("record.db");
    fs::write(&path, &files.record).expect("memory can be written");
    if !files.log.is_empty() {
        fs::write(beside(&path, "-wal"), &files.log).expect("memory can be written");
    }
    (dir, path)
}

async fn read(path: &Path) -> Result<AuditHead, String> {
    let view = View::open(path).await.map_err(|error| error.to_string())?;
    let walk = Verification::start(view).await.map_err(|error| error.to_string())?;
    walk.run().await.map(|verified| verified.chain.head()).map_err(|error| error.to_string())
}

async fn open(path: &Path) -> Result<Opened, OpenError> {
    let (serial, key) = (Text::new("SIM-0001").expect("short"), SigningKey::from_bytes(&[7; 32]));
    Store::open(path, Opening { serial, key, new_id: RecordId([1; 16]) }).await
}

/// Whether the record ever stood there, with that state beside it; or stands there now.
fn is_known(head: AuditHead, kept: Option<&[u8]>, newest_only: bool) -> bool {
    let earlier = if newest_only { TEMPLATE.states.len() - 1 } else { 0 };
    TEMPLATE.states[earlier..].iter().any(|(was, state)| *was == head && kept.is_none_or(|kept| kept == state))
}

/// Changes behind each other: what to do (its high bit: to the log), where in three bytes, and what to do it with in one.
fn changed(was: &Files, mut changes: &[u8]) -> Files {
    let mut files = was.clone();
    while let [what, a, b, c, with, rest @ ..] = changes {
        changes = rest;
        let bytes = if what & 0x80 == 0 { &mut files.record } else { &mut files.log };
        let at = usize::try_from(u32::from_le_bytes([*a, *b, *c, 0])).unwrap_or(0) % bytes.len().max(1);
        let page = at / 4096 * 4096;
        let len = (usize::from(*with) + 1).min(bytes.len().saturating_sub(at));
        match what & 0x07 {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte = *with),
            1 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (with & 7)),
            2 => bytes.truncate(at),
            3 => {
                let put = &rest[..len.min(rest.len())];
                bytes[at..at + put.len()].copy_from_slice(put);
                changes = &rest[put.len()..];
            }
            4 => bytes[at..at + len].fill(0),
            5 => {
                let from = usize::from(*with) * 4096;
                if from + 4096 <= bytes.len() && page + 4096 <= bytes.len() {
                    bytes.copy_within(from..from + 4096, page);
                }
            }
            6 => bytes.resize((bytes.len() + usize::from(*with) * 512).min(LEN_MAX), *with),
            _ => {
                *bytes = rest.to_vec();
                return files;
            }
        }
    }
    files
}

fn make() -> Template {
    let (dir, runtime) = (in_memory(), runtime());
    let path = dir.path().join("record.db");
    let Opened { mut store, head, .. } = runtime.block_on(open(&path)).expect("a new record");
    let mut states = vec![(head, Vec::new())];
    let first = Batch { entries: (1..CHECKPOINT_EVERY).map(entry).collect(), kept: kept(CHECKPOINT_EVERY - 1) };
    let batches = [(CHECKPOINT_EVERY - 1, first)].into_iter().chain((CHECKPOINT_EVERY..=LINES).map(|n| (n, batch(n))));
    for (number, batch) in batches {
        states.push((runtime.block_on(store.append(batch)).expect("memory has room"), kept(number)));
    }
    let cut_off = Files::of(&path);
    runtime.block_on(store.close(None)).expect("memory has room");
    let closed = Files { log: Vec::new(), ..Files::of(&path) };
    Template { closed, cut_off, states }
}

impl Files {
    fn of(path: &Path) -> Self {
        let log = fs::read(beside(path, "-wal")).unwrap_or_default();
        Self { record: fs::read(path).expect("it was written just now"), log }
    }
}

fn entry(number: u64) -> Entry {
    let kind = if number.is_multiple_of(3) { "refused" } else { "request_created" };
    let wall_ms = Some(1_767_225_600_000 + i64::try_from(number).unwrap_or(0) * 3_600_000);
    Entry { kind, request: Some(number), body: number.to_le_bytes().to_vec(), wall_ms, utc_offset_min: 60 }
}

fn kept(number: u64) -> Vec<u8> {
    format!("kept after {number}").into_bytes()
}

fn batch(number: u64) -> Batch {
    Batch { entries: vec![entry(number)], kept: kept(number) }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("threads and timers")
}

/// A directory for files that are written thousands of times; `tests/fuzz/run` sees to it that it is in memory.
pub(crate) fn in_memory() -> TempDir {
    tempfile::tempdir().expect("a directory for temporary files")
}
