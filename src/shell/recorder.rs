//! The record's own task: a batch in, a head out, so that a slow card never holds up the loop.
//!
//! # Promises
//! - One batch at a time, in the order handed over; an answer to each.
//! - The whole record is verified in the background, in slices, and only its verdict comes back.

use std::path::PathBuf;

use pump_core::{
    audit::Batch,
    remote::Input,
    screen::Day,
};
use pump_protocol::clock::WallTime;
use tokio::sync::mpsc;

use crate::adapters::sqlite::{Progress, Store, Verification, View};

/// How many days the history page shows.
const DAYS_SHOWN: u32 = 14;
/// The kinds of events that a day is counted by.
const COUNTED: [&str; 7] =
    ["requested", "attempt_refused", "delivered", "delivered_in_part", "denied", "not_given", "assumed_given"];

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
                Ok(head) => Input::Stored(head),
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

/// Reads the days for the history page.
pub async fn days(path: PathBuf, answers: mpsc::Sender<Input>) {
    let days = match read_days(&path).await {
        Ok(days) => days,
        Err(error) => {
            tracing::warn!(%error, "the history page could not be read");
            Vec::new()
        }
    };
    // The loop may have ended meanwhile.
    let _ = answers.send(Input::Days(days)).await;
}

async fn verified(path: &std::path::Path) -> anyhow::Result<bool> {
    let mut verification = Verification::start(View::open(path).await?).await?;
    loop {
        match verification.slice().await? {
            Progress::Walking { .. } => tokio::task::yield_now().await,
            Progress::Done(_) => return Ok(true),
            Progress::Bad(finding) => {
                tracing::error!(%finding, "the record does not verify");
                return Ok(false);
            }
        }
    }
}

async fn read_days(path: &std::path::Path) -> anyhow::Result<Vec<Day>> {
    let counts = View::open(path).await?.count_by_day(&COUNTED, DAYS_SHOWN).await?;
    let mut days: Vec<Day> = Vec::new();
    for count in counts {
        if days.last().is_none_or(|day| day.day != count.day) {
            days.push(Day { day: count.day, ..Day::default() });
        }
        if let Some(day) = days.last_mut() {
            let number = u32::try_from(count.count).unwrap_or(u32::MAX);
            match count.kind.as_str() {
                "requested" => day.attempts += number,
                "attempt_refused" => {
                    day.attempts += number;
                    day.refused += number;
                }
                "denied" | "not_given" => day.refused += number,
                "delivered" => day.given += number,
                "delivered_in_part" => day.in_part += number,
                "assumed_given" => day.not_sure += number,
                _ => {}
            }
        }
    }
    Ok(days)
}
