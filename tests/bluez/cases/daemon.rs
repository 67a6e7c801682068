//! `bluetoothd` dies, an adapter is switched off or taken away: the link comes back by itself, and no dose is lost or doubled by it.

use anyhow::ensure;
use bluer::Adapter;

use crate::{
    bench::{Bench, LINK_MAX, Remote, SOON},
    stack::until_powered,
};

/// Before a dose: the next press is answered as if nothing had been.
pub(crate) async fn killed_before(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    remote.program.pass_over();
    bench.stack.kill_bluetoothd().await?;
    remote.link("down", SOON).await?;
    bench.stack.start_bluetoothd().await?;
    remote.link("up", LINK_MAX).await?;
    // proves R-LNK-22
    remote.shows("READY", LINK_MAX).await?;
    remote.starts_a_dose().await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// While the pump is asked; which words were said by then is the machine's luck, and both sides must agree on it.
pub(crate) async fn killed_during(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    // The answer is lost, so that the remote waits for it when the daemon dies.
    pump.fault("drop commit after").await?;
    remote.types("hold").await?;
    remote.comes_to("ASKING", LINK_MAX).await?;
    pump.is_struck().await?;
    bench.stack.kill_bluetoothd().await?;
    remote.shows("NOT SURE", SOON).await?;
    bench.stack.start_bluetoothd().await?;
    remote.shows("DELIVERING", LINK_MAX).await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// As soon as the remote begins to ask: before PREPARE, between the two, or after COMMIT, as it happens.
pub(crate) async fn killed_anywhere(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    remote.types("hold").await?;
    remote.comes_to("ASKING", LINK_MAX).await?;
    bench.stack.kill_bluetoothd().await?;
    bench.stack.start_bluetoothd().await?;
    remote.link("up", LINK_MAX).await?;
    let came_of_it = settle(&mut remote).await?;
    let agreed = bench.compare(&mut pump).await?;
    ensure!(agreed.given + agreed.in_part + agreed.not_given == 1, "one request, but {agreed:?}");
    bench.end(pump, remote).await?;
    Ok(came_of_it)
}

/// While the dose goes in.
pub(crate) async fn killed_after(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    remote.program.pass_over();
    bench.stack.kill_bluetoothd().await?;
    remote.link("down", SOON).await?;
    bench.stack.start_bluetoothd().await?;
    remote.link("up", LINK_MAX).await?;
    remote.shows("DELIVERING", LINK_MAX).await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// The remote's radio is switched off and on again, and then the pump's.
pub(crate) async fn adapters(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    let (remotes, pumps) = (bench.stack.remotes().await?, bench.stack.pumps().await?);
    for adapter in [remotes, pumps] {
        off_and_on(&adapter, &mut remote).await?;
    }
    remote.shows("READY", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 0]).await
}

/// Both radios are taken away while the dose goes in, and come back.
pub(crate) async fn taken_away(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    bench.stack.take_controllers().await?;
    remote.link("down", LINK_MAX).await?;
    bench.stack.bring_controllers().await?;
    remote.link("up", LINK_MAX).await?;
    remote.shows("DELIVERING", LINK_MAX).await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

async fn off_and_on(adapter: &Adapter, remote: &mut Remote) -> anyhow::Result<()> {
    adapter.set_powered(false).await?;
    remote.link("down", LINK_MAX).await?;
    adapter.set_powered(true).await?;
    tokio::time::timeout(SOON, until_powered(adapter, true)).await??;
    remote.link("up", LINK_MAX).await.map(drop)
}

/// Waits for whatever came of a request, and stops a dose that goes in.
async fn settle(remote: &mut Remote) -> anyhow::Result<String> {
    let page = remote.comes_to_one_of(&["DELIVERING", "NOT GIVEN"], LINK_MAX).await?;
    if page.starts_with("page DELIVERING") {
        return remote.stops_it().await;
    }
    Ok(page.replace("page ", ""))
}
