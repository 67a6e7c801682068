//! Links that are cut around a dose: each is made again, and the request settled to its true fate.

use anyhow::ensure;

use crate::{
    bare::until_connected,
    bench::{Bench, LINK_MAX},
};

/// The grant is lost with the link: nothing was committed.
pub(crate) async fn after_grant(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    pump.fault("disconnect prepare after").await?;
    remote.types("hold").await?;
    remote.comes_to("NOT GIVEN", LINK_MAX).await?;
    remote.link("up", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 1]).await
}

/// COMMIT is lost with the link: nobody here knows, until the pump is asked.
pub(crate) async fn before_commit(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    pump.fault("disconnect commit before").await?;
    remote.types("hold").await?;
    remote.comes_to("NOT SURE", LINK_MAX).await?;
    remote.comes_to("NOT GIVEN", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 1]).await
}

/// COMMIT was executed, and its answer is lost with the link.
pub(crate) async fn after_commit(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    pump.fault("disconnect commit after").await?;
    remote.types("hold").await?;
    remote.comes_to("NOT SURE", LINK_MAX).await?;
    ensure!(pump.has("asked for by remote").await?, "the pump has not acted");
    remote.comes_to("DELIVERING", LINK_MAX).await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// The radio itself is cut while the dose goes in.
pub(crate) async fn in_delivery(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    for device in bench.connected().await? {
        device.disconnect().await?;
        until_connected(&device, false).await?;
    }
    remote.program.line("link down", LINK_MAX, |line| line == "link down").await?;
    remote.link("up", LINK_MAX).await?;
    remote.shows("DELIVERING", LINK_MAX).await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// Stop, while the link fails at every second word: it is said again until the pump has heard it.
pub(crate) async fn stop_flapping(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    pump.fault("disconnect cancel before 2").await?;
    pump.fault("disconnect cancel after").await?;
    remote.types("stop").await?;
    remote.comes_to("GIVEN IN PART", LINK_MAX).await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// The pump is reset while it delivers: a part went in, in the pump's own range, and nothing goes on by itself.
pub(crate) async fn pump_reset(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    pump.says("reset", "The pump was reset").await?;
    let page = remote.comes_to("GIVEN IN PART", LINK_MAX).await?;
    ensure!(page.contains("end=Reset"), "another end: {page}");
    bench.close(pump, remote, [0, 1, 0]).await?;
    Ok(page.replace("page ", ""))
}
