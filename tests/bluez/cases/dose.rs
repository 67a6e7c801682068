//! What a patient and a caregiver do on a good day.

use anyhow::{Context as _, ensure};
use pump_core::audit::event::Event;

use crate::{
    bench::{Bench, DOSE_MAX, LINK_MAX, SOON},
    judge,
};

/// A whole dose, from the hold to GIVEN.
pub(crate) async fn end_to_end(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    remote.types("hold").await?;
    remote.comes_to("DELIVERING", LINK_MAX).await?;
    ensure!(pump.has("asked for by remote").await?, "the pump's history has no such bolus");
    remote.comes_to("GIVEN mcg=50", DOSE_MAX).await?;
    bench.close(pump, remote, [1, 0, 0]).await
}

/// After a dose that was stopped a press brings nothing: the record says why, and the pump hears of nothing.
pub(crate) async fn lockout(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    remote.stops_it().await?;
    remote.types("back").await?;
    let page = remote.shows("WAIT", SOON).await?;
    ensure!(page.contains("reason=Lockout"), "another reason: {page}");
    remote.types("hold").await?;
    bench.until_recorded(|event| matches!(event, Event::AttemptRefused { .. }), SOON).await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// A reason that only the pump knows: the remote says READY, asks, and says what the pump said.
pub(crate) async fn denied(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    pump.says("deny limit", "Every dose is denied (WindowLimit)").await?;
    remote.types("hold").await?;
    remote.comes_to("NOT GIVEN", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 1]).await
}

/// The caregiver sees what the pump itself says of its reservoir.
pub(crate) async fn reservoir(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    let status = pump.says("status", "Reservoir: ").await?;
    let told = status.split("Reservoir: ").nth(1).and_then(|told| told.split(' ').next()).context("no amount")?;
    remote.types("look").await?;
    let page = remote.comes_to("CAREGIVER", SOON).await?;
    ensure!(page.contains(&format!(" ml={told} ")), "the pump says {told} mL; the page: {page}");
    ensure!(page.contains("delivery=on"), "the page says nothing of the delivery: {page}");
    bench.end(pump, remote).await?;
    Ok(format!("{told} mL"))
}

/// What the record tells of a dose: every step is there, in its order.
pub(crate) async fn recorded(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    remote.stops_it().await?;
    bench.agree(&mut pump, [0, 1, 0]).await?;
    let events = judge::events(&bench.record()).await?;
    let at = |kind: &str| events.iter().position(|happened| happened.event.kind() == kind);
    let steps = ["requested", "commit_intended", "accepted", "stop_asked", "delivered_in_part"].map(at);
    ensure!(steps.iter().all(Option::is_some) && steps.is_sorted(), "steps are missing or out of order: {steps:?}");
    bench.end(pump, remote).await?;
    Ok(String::new())
}
