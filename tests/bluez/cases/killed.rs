//! The remote dies without a word, in each state of its ledger; started again it finds the true fate.

use crate::bench::{Bench, LINK_MAX};

/// While it asks, before the pump's grant is heard.
pub(crate) async fn prepared(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    pump.fault("drop prepare after").await?;
    remote.types("hold").await?;
    remote.comes_to("ASKING", LINK_MAX).await?;
    remote.program.kill().await?;
    let mut remote = bench.remote()?;
    remote.comes_to("NOT GIVEN", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 1]).await
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
