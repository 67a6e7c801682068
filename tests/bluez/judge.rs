//! The pump's own history against the remote's record, dose by dose.
//!
//! # What must hold
//! - Every request of the record has an outcome, and the history says the same of it: GIVEN and given in part by the amount,
//!   anything else by the absence of a bolus.
//! - Every bolus of the history that was asked for by a remote stands in the record.
//! - The whole record verifies.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, bail, ensure};
use pump_core::audit::event::{self, Event, Happened};
use pump_remote::adapters::sqlite::{PAGE_MAX, Verification, View};

/// What the record says of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Given,
    /// So much, in the pump's words.
    InPart(String),
    NotGiven,
    Assumed,
    Open,
}

/// What the pump's history says of one bolus that a remote asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bolus {
    request: u64,
    dose: String,
    /// How it ended and how much went in; `None` while it runs.
    ended: Option<(String, String)>,
}

/// How often each outcome stands in the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) given: u32,
    pub(crate) in_part: u32,
    pub(crate) not_given: u32,
}

/// Everything that the record holds, in order, once its chain has been walked.
pub(crate) async fn events(record: &Path) -> anyhow::Result<Vec<Happened>> {
    Verification::start(View::open(record).await?).await?.run().await.context("the record does not verify")?;
    events_behind(record, &mut 0).await
}

/// What the record holds behind this line, which becomes its last one. Nobody vouches for it.
pub(crate) async fn events_behind(record: &Path, line: &mut u64) -> anyhow::Result<Vec<Happened>> {
    let mut view = View::open(record).await?;
    let mut events = Vec::new();
    loop {
        let page = view.entries(*line, PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok(events) };
        *line = last.record.seq;
        for entry in &page {
            events.push(event::read(&entry.record.body).map_err(|malformed| anyhow::anyhow!("{malformed}"))?);
        }
    }
}

/// Each request's outcome by the record.
pub(crate) fn outcomes(events: &[Happened]) -> BTreeMap<u64, Outcome> {
    let mut outcomes = BTreeMap::new();
    for Happened { event, .. } in events {
        let Some(id) = event.request() else { continue };
        let outcome = match event {
            Event::Delivered { .. } => Outcome::Given,
            Event::DeliveredInPart { delivered, .. } if delivered.at_least == delivered.at_most => {
                Outcome::InPart(delivered.at_most.to_string())
            }
            Event::DeliveredInPart { delivered, .. } => {
                Outcome::InPart(format!("{} to {}", delivered.at_least, delivered.at_most))
            }
            Event::NotGiven { .. } | Event::Denied { .. } | Event::Rejected { .. } => Outcome::NotGiven,
            Event::AssumedGiven { .. } => Outcome::Assumed,
            _ => {
                outcomes.entry(id.0).or_insert(Outcome::Open);
                continue;
            }
        };
        outcomes.insert(id.0, outcome);
    }
    outcomes
}

/// The boluses of the history as the console tells it, but those of the clinician and of nobody known.
pub(crate) fn boluses(history: &[String]) -> anyhow::Result<BTreeMap<u64, Bolus>> {
    let mut boluses = BTreeMap::new();
    for line in history {
        let Some((_, told)) = line.split_once("  bolus ") else { continue };
        let (number, told) = told.split_once(' ').with_context(|| format!("no bolus: {line}"))?;
        let number: u64 = number.parse().with_context(|| format!("no number: {line}"))?;
        if let Some((dose, asker)) =
            told.strip_prefix("of ").and_then(|told| told.split_once(" started, asked for by "))
        {
            let Some((_, request)) = asker.split_once(", request #") else { continue };
            let request = request.trim().parse().with_context(|| format!("no request: {line}"))?;
            boluses.insert(number, Bolus { request, dose: dose.to_owned(), ended: None });
        } else if let Some((how, amount)) = told.strip_prefix("ended, ").and_then(|told| told.split_once(": ")) {
            if let Some(bolus) = boluses.get_mut(&number) {
                bolus.ended = Some((how.to_owned(), amount.to_owned()));
            }
        } else {
            bail!("the history says something new: {line}");
        }
    }
    Ok(boluses)
}

/// Compares the two; an open request is an error.
pub(crate) fn compare(events: &[Happened], history: &[String]) -> anyhow::Result<Agreed> {
    let (outcomes, boluses) = (outcomes(events), boluses(history)?);
    let of = |request: u64| boluses.values().filter(|bolus| bolus.request == request).collect::<Vec<_>>();
    let mut agreed = Agreed::default();
    for (request, outcome) in &outcomes {
        let ran = of(*request);
        ensure!(ran.len() <= 1, "request #{request} ran more than once: {ran:?}");
        match (outcome, ran.first()) {
            (Outcome::Given, Some(Bolus { dose, ended: Some((how, amount)), .. })) => {
                ensure!(how == "complete" && amount == dose, "request #{request} is GIVEN here; the pump: {ran:?}");
                agreed.given += 1;
            }
            (Outcome::InPart(part), Some(Bolus { ended: Some((how, amount)), .. })) => {
                ensure!(how != "complete" && amount == part, "request #{request} gave {part} here; the pump: {ran:?}");
                agreed.in_part += 1;
            }
            (Outcome::NotGiven, None) => agreed.not_given += 1,
            (outcome, ran) => bail!("request #{request} is {outcome:?} in the record; the pump's history: {ran:?}"),
        }
    }
    for bolus in boluses.values() {
        ensure!(outcomes.contains_key(&bolus.request), "the record knows nothing of {bolus:?}");
    }
    Ok(agreed)
}
