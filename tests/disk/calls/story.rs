//! One directory, one pump, and any number of writers after each other.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    thread,
};

use disk_tests::{
    RECORD,
    bedside::{Bedside, Durable, walk},
    opening,
    told::{KeptDigest, Told, Walked},
};
use nix::{sys::wait::WaitStatus, unistd::Pid};
use pump_core::{
    audit::{Batch, Entry},
    remote::Kept,
};
use pump_remote::adapters::sqlite::{Opened, Store, prune::LINES_KEPT_MIN};
use tempfile::TempDir;

use crate::tracer::{Act, Call, follow};

/// 2025-01-01 00:00 UTC: old enough to be pruned.
const LONG_AGO_MS: i64 = 1_735_689_600_000;
/// SQLite folds the log back once it has a thousand pages.
const LOG_NEARLY_FULL: u64 = 970 * 4120;

/// What a record is when the story begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// There is none.
    Nothing,
    /// The first version of the schema wrote it.
    Version1,
    /// Its log will be folded back soon.
    LogNearlyFull,
    /// Its oldest lines may go.
    Long,
}

/// What a writer is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) presses: u32,
    pub(crate) prune: bool,
}

/// How a writer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything was done.
    Done,
    Killed,
    /// The record could not be opened.
    Unopened,
}

pub(crate) struct Story {
    dir: TempDir,
    pub(crate) bedside: Bedside,
}

impl Story {
    pub(crate) fn new(beginning: Beginning) -> Self {
        // In memory: what a kill leaves behind is what the kernel has, on any file system.
        let dir = TempDir::new_in("/dev/shm").unwrap();
        let mut bedside = Bedside::default();
        if let Some(template) = template(beginning) {
            for file in fs::read_dir(template.path()).unwrap().map(Result::unwrap) {
                fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
            }
            bedside.expect(durable_in(template.path()));
        }
        bedside.may_prune = beginning == Beginning::Long;
        Self { dir, bedside }
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.dir.path().join(RECORD)
    }

    /// Lets a writer work, with each of its calls judged, and hears what it says.
    pub(crate) fn write(
        &mut self,
        work: Work,
        decide: impl FnMut(&Call) -> Act,
        mut hear: impl FnMut(&Told) + Send,
    ) -> anyhow::Result<End> {
        #[expect(clippy::zombie_processes, reason = "the tracer waits for it")]
        let mut child = Command::new(env!("CARGO_BIN_EXE_disk-writer"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let prune_above = if work.prune { 1 << 20 } else { 0 };
        let task = format!("go {} {} {prune_above} false\n", self.dir.path().display(), work.presses);
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let bedside = &mut self.bedside;
        bedside.begin();
        let mut begin = fs::File::from(to.as_fd().try_clone_to_owned().unwrap());
        let (status, heard) = thread::scope(|scope| {
            let heard = scope.spawn(move || {
                let (mut wrong, mut last) = (Ok(()), VecDeque::new());
                for line in from.lines() {
                    // A line that the kill cut in two was not said.
                    let Ok(told) = line.unwrap().parse::<Told>() else { continue };
                    hear(&told);
                    if last.len() == 8 {
                        last.pop_front();
                    }
                    last.push_back(told.to_string().chars().take(120).collect::<String>());
                    if wrong.is_err() {
                        continue;
                    }
                    match bedside.hear(&told) {
                        Ok(Some(reply)) => drop(writeln!(to, "{reply}")),
                        Ok(None) => {}
                        Err(error) => wrong = Err(error),
                    }
                }
                wrong.map(|()| last)
            });
            let status = follow(pid, self.dir.path(), decide, || begin.write_all(task.as_bytes()).unwrap());
            (status, heard.join().unwrap())
        });
        let last = heard?;
        Ok(match status {
            WaitStatus::Exited(_, 0) => End::Done,
            WaitStatus::Exited(_, 3) => End::Unopened,
            WaitStatus::Signaled(..) => End::Killed,
            status => anyhow::bail!("it ended with {status:?} after it had said {last:?}"),
        })
    }

    /// Walks what is there at the end, and judges the whole story.
    pub(crate) fn judge(&self) -> anyhow::Result<Walked> {
        let walked = runtime().block_on(walk(&self.record()))?;
        self.bedside.settled(&walked)?;
        Ok(walked)
    }
}

fn template(beginning: Beginning) -> Option<&'static TempDir> {
    static VERSION_1: LazyLock<TempDir> = LazyLock::new(|| {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(RECORD), include_bytes!("../../audit/frozen/record-1.db")).unwrap();
        dir
    });
    static LOG_NEARLY: LazyLock<TempDir> = LazyLock::new(|| {
        let (making, dir) = (TempDir::new_in("/dev/shm").unwrap(), TempDir::new().unwrap());
        let (path, log) = (making.path().join(RECORD), making.path().join("record.db-wal"));
        runtime().block_on(async {
            let mut store = open(&path).await.store;
            let mut number = 0;
            while fs::metadata(&log).unwrap().len() < LOG_NEARLY_FULL {
                number += 1;
                store.append(batch(number..=number)).await.unwrap();
            }
            // As the power leaves it.
            for file in [&path, &log] {
                fs::copy(file, dir.path().join(file.file_name().unwrap())).unwrap();
            }
        });
        dir
    });
    static LONG: LazyLock<TempDir> = LazyLock::new(|| {
        let dir = TempDir::new().unwrap();
        runtime().block_on(async {
            let mut store = open(&dir.path().join(RECORD)).await.store;
            for first in (1..LINES_KEPT_MIN + 1100).step_by(1024) {
                store.append(batch(first..=first + 1023)).await.unwrap();
            }
            store.close(None).await.unwrap();
        });
        fs::remove_file(dir.path().join("record.db.lock")).unwrap();
        dir
    });
    match beginning {
        Beginning::Nothing => None,
        Beginning::Version1 => Some(&VERSION_1),
        Beginning::LogNearlyFull => Some(&LOG_NEARLY),
        Beginning::Long => Some(&LONG),
    }
}

async fn open(path: &Path) -> Opened {
    Store::open(path, opening([1; 16]).unwrap()).await.unwrap()
}

fn batch(numbers: std::ops::RangeInclusive<u64>) -> Batch {
    let entry = |number: u64| {
        let wall_ms = Some(LONG_AGO_MS + i64::try_from(number).unwrap() * 60_000);
        Entry { kind: "started", request: None, body: number.to_le_bytes().to_vec(), wall_ms, utc_offset_min: 0 }
    };
    Batch { entries: numbers.map(entry).collect(), kept: Kept::default().to_bytes() }
}

fn durable_in(dir: &Path) -> Durable {
    let copy = TempDir::new_in("/dev/shm").unwrap();
    for file in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let opened = runtime().block_on(open(&copy.path().join(RECORD)));
    Durable { head: opened.head, kept: KeptDigest::of(opened.kept.as_deref()) }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
