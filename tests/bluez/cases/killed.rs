//! The remote dies without a word, in each state of its ledger; started again it finds the true fate.

use anyhow::ensure;

use crate::bench::{Bench, LINK_MAX};

/// While it asks, before the pump's grant is heard.
pub(crate) async fn prepared(bench: &mut Bench) -> anyhow::Result<String> {
    struck_and_not_given(bench, "drop prepare after").await
}

/// Before PREPARE can have left, or just after: whichever it was, nothing is given, and the record knows of all that left.
pub(crate) async fn asking(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    pump.fault("drop prepare after").await?;
    remote.types("hold").await?;
    remote.comes_to("ASKING", LINK_MAX).await?;
    remote.program.kill().await?;
    let mut remote = bench.remote()?;
    let page = remote.comes_to_one_of(&["READY", "NOT GIVEN"], LINK_MAX).await?;
    let agreed = bench.compare(&mut pump).await?;
    ensure!(agreed.given + agreed.in_part == 0, "a request that nobody granted: {agreed:?}");
    bench.end(pump, remote).await?;
    Ok(page.replace("page ", ""))
}

/// After COMMIT has left, which the pump never hears.
pub(crate) async fn intended(bench: &mut Bench) -> anyhow::Result<String> {
    struck_and_not_given(bench, "drop commit before").await
}

/// After COMMIT has left, which the pump has executed.
pub(crate) async fn committed(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    pump.fault("disconnect commit after").await?;
    remote.types("hold").await?;
    remote.comes_to("NOT SURE", LINK_MAX).await?;
    remote.program.kill().await?;
    let mut remote = bench.remote()?;
    remote.comes_to("DELIVERING", LINK_MAX).await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// While the dose goes in.
pub(crate) async fn accepted(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    remote.program.kill().await?;
    let mut remote = bench.remote()?;
    remote.comes_to("DELIVERING", LINK_MAX).await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// When Stop has been asked for and not heard: it is said again.
pub(crate) async fn stopping(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    pump.fault("drop cancel before").await?;
    remote.types("stop").await?;
    pump.is_struck().await?;
    remote.program.kill().await?;
    let mut remote = bench.remote()?;
    remote.comes_to("GIVEN IN PART", LINK_MAX).await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// When everything is settled and nobody has read it.
pub(crate) async fn settled(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    remote.stops_it().await?;
    remote.program.kill().await?;
    let mut remote = bench.remote()?;
    remote.link("up", LINK_MAX).await?;
    remote.shows("GIVEN IN PART", LINK_MAX).await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// Killed when this fault has struck; the dose is not given, and one request on the record says so.
async fn struck_and_not_given(bench: &mut Bench, fault: &str) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    pump.fault(fault).await?;
    remote.types("hold").await?;
    pump.is_struck().await?;
    remote.program.kill().await?;
    let mut remote = bench.remote()?;
    remote.comes_to("NOT GIVEN", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 1]).await
}
