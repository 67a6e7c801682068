//! The record's own task: a batch in, a head out, so that a slow card never holds up the loop.
//!
//! # Promises
//! - One batch at a time, in the order handed over; an answer to each.
//! - The whole record is verified in the background, in slices, and only its verdict comes back.
//! - A record that takes too much room is exported and pruned beside all this; an append waits for the last step at most, which
//!   deletes a bounded number of lines.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use pump_core::{
    audit::{Batch, event::Moment, tally::DayCounts},
    remote::Input,
    screen::{Day, DayLevel, LEVEL_DAYS},
};
use pump_protocol::clock::WallTime;
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::adapters::{
    clock::Clock,
    sqlite::{
        OpenError, Progress, ReadError, Store, Verification, View,
        prune::{self, Exported, PruneError},
    },
};

/// Why the record could not be read while it was in use.
#[derive(Debug, Error)]
enum CheckError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl CheckError {
    const fn is_about_the_file(&self) -> bool {
        match self {
            Self::Open(error) => error.is_about_the_file(),
            Self::Read(error) => error.is_about_the_file(),
        }
    }
}

/// Why the oldest lines could not be exported. The record is whole.
#[derive(Debug, Error)]
enum PruningError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Prune(#[from] PruneError),
    #[error("nothing was pruned: {len} bytes of exports lie in {dir}; take them to the clinic and off the disk")]
    NoRoom { dir: PathBuf, len: u64 },
    #[error("nothing was pruned: the exports' directory can't be used ({0})")]
    Directory(#[from] io::Error),
    #[error("nothing was pruned: the export was cut off")]
    Ended,
}

/// Where pruned lines wait to be taken to the clinic, beside the record.
pub const EXPORTS: &str = "exports";
/// How many lines are written between two looks at the room left: a few days' worth, and a quarter of what one cut takes.
const LOOK_EVERY_LINES: u64 = 4096;
/// How long after a check that could not be made the next is: a disk that fails for longer has told the patient by its appends, and
/// walking the record keeps a small processor busy for a minute.
const CHECK_AGAIN_AFTER: Duration = Duration::from_mins(5);
/// How many days the history page shows.
const DAYS_SHOWN: i64 = 14;

/// What the loop wants of the record.
#[derive(Debug)]
pub enum RecordOrder {
    /// Make this durable.
    Append(Batch),
    /// Sign where the record stands, and close it.
    Close(Option<WallTime>),
}

/// How much room the record and what was pruned from it may take.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Above this much in use, in bytes, the oldest lines are exported and pruned.
    pub prune_above_bytes: u64,
    /// Above this much of exports that nobody has taken away, in bytes, nothing more is pruned.
    pub exports_bytes_max: u64,
}

impl Room {
    /// Ten years at 50 events an hour and half as much again before anything is pruned at all, with room left to the record's own
    /// bound for the pruning to be put off; and as much again in exports.
    pub const OF_A_CARD: Self = Self { prune_above_bytes: 1536 << 20, exports_bytes_max: 1536 << 20 };
}

/// The record's task.
struct Recorder {
    store: Store,
    clock: Clock,
    room: Room,
    next_look: u64,
    exporting: Option<JoinHandle<Result<Option<Exported>, PruningError>>>,
}

/// Serves the record until it is closed or nobody wants it any more.
pub async fn serve(
    store: Store,
    mut orders: mpsc::Receiver<RecordOrder>,
    answers: mpsc::Sender<Input>,
    clock: Clock,
    room: Room,
) {
    let mut recorder = Recorder { store, clock, room, next_look: 0, exporting: None };
    loop {
        recorder.look_for_room().await;
        let order = tokio::select! {
            biased;
            order = orders.recv() => order,
            exported = finished(&mut recorder.exporting) => {
                recorder.prune(exported).await;
                continue;
            }
        };
        let answer = match order {
            Some(RecordOrder::Append(batch)) => recorder.append(batch).await,
            Some(RecordOrder::Close(wall)) => return recorder.close(wall).await,
            None => return,
        };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

impl Recorder {
    async fn append(&mut self, batch: Batch) -> Input {
        match self.store.append(batch).await {
            Ok(head) => {
                tracing::debug!(count = head.count, "stored");
                Input::Stored(head)
            }
            Err(error) => {
                tracing::warn!(%error, "the record could not be written");
                Input::NotStored
            }
        }
    }

    async fn close(self, wall: Option<WallTime>) {
        if let Some(exporting) = self.exporting {
            // Half an export is overwritten by the next; the record is whole.
            exporting.abort();
        }
        if let Err(error) = self.store.close(wall).await {
            tracing::warn!(%error, "the record was closed without a checkpoint");
        }
    }

    /// Begins to export the oldest lines if the record takes too much room, beside everything else.
    async fn look_for_room(&mut self) {
        let Ok(head) = self.store.head() else { return };
        if self.exporting.is_some() || head.count < self.next_look {
            return;
        }
        self.next_look = head.count.saturating_add(LOOK_EVERY_LINES);
        let used = self.store.used_bytes().await;
        let Some(today) = self.clock.now().wall.map(WallTime::day) else { return };
        if used.is_ok_and(|used| used > self.room.prune_above_bytes) {
            let (path, key, room) = (self.store.path().to_owned(), self.store.key().clone(), self.room);
            self.exporting = Some(tokio::spawn(export_oldest(path, today, key, room)));
        }
    }

    async fn prune(&mut self, exported: Result<Option<Exported>, PruningError>) {
        let exported = match exported {
            Ok(Some(exported)) => exported,
            Ok(None) => return tracing::debug!("no line may be pruned yet"),
            Err(error) => return tracing::warn!(%error, "the record takes much room, and nothing was pruned"),
        };
        let now = self.clock.now();
        let at = Moment { boot: now.boot, uptime: now.uptime, pump: None, wall: now.wall };
        match self.store.prune(&exported, at).await {
            Ok(_) => tracing::info!(until = exported.until(), "the oldest lines were exported and pruned"),
            Err(error) => tracing::warn!(%error, "the oldest lines were exported, and are still in the record"),
        }
    }
}

async fn export_oldest(
    path: PathBuf,
    today: i64,
    key: SigningKey,
    room: Room,
) -> Result<Option<Exported>, PruningError> {
    let dir = path.with_file_name(EXPORTS);
    let len = prune::exports_len(&dir)?;
    if len > room.exports_bytes_max {
        return Err(PruningError::NoRoom { dir, len });
    }
    let Some(cut) = prune::plan(&mut View::open(&path).await?, today, prune::CUT_LINES_MAX).await? else {
        return Ok(None);
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    let out = dir.join(format!("record-{:012}.export", cut.from()));
    Ok(Some(prune::export_cut(View::open(&path).await?, &cut, &key, &out).await?))
}

/// Comes back when the task has ended, and forgets it; never, if there is none.
async fn finished(
    task: &mut Option<JoinHandle<Result<Option<Exported>, PruningError>>>,
) -> Result<Option<Exported>, PruningError> {
    let Some(running) = task else { return std::future::pending().await };
    let ended = running.await;
    *task = None;
    ended.unwrap_or(Err(PruningError::Ended))
}

/// Verifies the whole record, in slices between which others run.
///
/// A record that can't be read is not one that was changed, so it is no verdict: it is checked again later.
pub async fn verify(path: PathBuf, answers: mpsc::Sender<Input>) {
    let good = loop {
        match verified(&path).await {
            Ok(()) => break true,
            Err(error) if error.is_about_the_file() => {
                tracing::error!(%error, "the record does not verify");
                break false;
            }
            Err(error) => tracing::warn!(%error, "the whole record could not be checked; it will be tried again"),
        }
        tokio::select! {
            () = tokio::time::sleep(CHECK_AGAIN_AFTER) => {}
            () = answers.closed() => return,
        }
    };
    // The loop may have ended meanwhile.
    let _ = answers.send(Input::RecordChecked { good }).await;
}

/// Reads the days for the history page, up to `today`.
pub async fn days(path: PathBuf, today: i64, answers: mpsc::Sender<Input>) {
    match read_days(&path, today).await {
        Ok(days) => {
            // The loop may have ended meanwhile.
            let _ = answers.send(Input::Days(days)).await;
        }
        // The page goes on saying that it is being read: an empty list would say that nothing happened.
        Err(error) => tracing::warn!(%error, "the history page could not be read"),
    }
}

/// Reads what the record holds of the reservoir, up to `today`; nothing without a date.
pub async fn levels(path: PathBuf, today: Option<i64>, answers: mpsc::Sender<Input>) {
    match read_levels(&path, today).await {
        Ok(levels) => {
            // The loop may have ended meanwhile.
            let _ = answers.send(Input::Levels(levels)).await;
        }
        Err(error) => tracing::warn!(%error, "the reservoir's weeks could not be read"),
    }
}

async fn verified(path: &Path) -> Result<(), CheckError> {
    let mut verification = Verification::start(View::open(path).await?).await?;
    while let Progress::More { .. } = verification.slice().await? {
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn read_days(path: &Path, today: i64) -> Result<Vec<Day>, CheckError> {
    let tally = View::open(path).await?.tally_since(today - DAYS_SHOWN).await?;
    let dated = tally.days().rev().filter_map(|(day, tally)| day.zip(Some(&tally.counts)));
    let shown = dated.filter(|(day, counts)| *day <= today && **counts != DayCounts::default());
    Ok(shown.map(|(day, counts)| Day { day, counts: counts.clone() }).collect())
}

async fn read_levels(path: &Path, today: Option<i64>) -> Result<Vec<DayLevel>, CheckError> {
    let Some(today) = today else { return Ok(Vec::new()) };
    Ok(View::open(path).await?.levels(today - LEVEL_DAYS, today).await?)
}
