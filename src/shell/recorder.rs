//! The record's own task: a batch in, a head out, so that a slow card never holds up the loop.
//!
//! # Promises
//! - One batch at a time, in the order handed over; an answer to each.
//! - The whole record is verified in the background, in slices, and only its verdict comes back.

use std::path::{Path, PathBuf};

use pump_core::{
    audit::{Batch, tally::DayTally},
    remote::Input,
    screen::Day,
};
use pump_protocol::clock::WallTime;
use thiserror::Error;
use tokio::sync::mpsc;

use crate::adapters::sqlite::{OpenError, Progress, ReadError, Store, Verification, View};

/// Why the record could not be read while it was in use.
#[derive(Debug, Error)]
enum CheckError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

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

/// Serves the record until it is closed or nobody wants it any more.
pub async fn serve(mut store: Store, mut orders: mpsc::Receiver<RecordOrder>, answers: mpsc::Sender<Input>) {
    while let Some(order) = orders.recv().await {
        let answer = match order {
            RecordOrder::Append(batch) => match store.append(batch).await {
                Ok(head) => {
                    tracing::debug!(count = head.count, "stored");
                    Input::Stored(head)
                }
                Err(error) => {
                    tracing::warn!(%error, "the record could not be written");
                    Input::NotStored
                }
            },
            RecordOrder::Close(wall) => {
                if let Err(error) = store.close(wall).await {
                    tracing::warn!(%error, "the record was closed without a checkpoint");
                }
                return;
            }
        };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

/// Verifies the whole record, in slices between which others run.
pub async fn verify(path: PathBuf, answers: mpsc::Sender<Input>) {
    let good = match verified(&path).await {
        Ok(good) => good,
        Err(error) => {
            tracing::warn!(%error, "the whole record could not be checked");
            false
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

async fn verified(path: &Path) -> Result<bool, CheckError> {
    let mut verification = Verification::start(View::open(path).await?).await?;
    loop {
        match verification.slice().await {
            Ok(Progress::More { .. }) => tokio::task::yield_now().await,
            Ok(Progress::Sound(_)) => return Ok(true),
            Err(ReadError::Found(finding)) => {
                tracing::error!(%finding, "the record does not verify");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn read_days(path: &Path, today: i64) -> Result<Vec<Day>, CheckError> {
    let tally = View::open(path).await?.tally_since(today - DAYS_SHOWN).await?;
    let shown = tally.days().rev().filter_map(|(day, tally)| day.filter(|day| *day <= today).zip(Some(tally)));
    Ok(shown
        .map(|(day, tally)| shown_day(day, tally))
        .filter(|day| *day != Day { day: day.day, ..Day::default() })
        .collect())
}

fn shown_day(day: i64, tally: &DayTally) -> Day {
    Day {
        day,
        attempts: tally.attempts,
        given: tally.given,
        in_part: tally.in_part,
        refused: tally.refused_here().saturating_add(tally.denied).saturating_add(tally.not_given),
        not_sure: tally.not_settled.saturating_add(tally.assumed),
        others: tally.others.saturating_add(tally.unknown),
    }
}
