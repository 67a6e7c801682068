//! The machine suspends: its radios hang up and are silent, and the link comes back by itself.

use std::fs;

use anyhow::{Context as _, ensure};

use crate::bench::{Bench, LINK_MAX, SOON};

/// How deep the kernel goes before it comes back by itself: programs are frozen and devices suspended. Nothing wakes the emulated
/// machine from a deeper sleep, so its clocks stand through none.
const DEPTH: &str = "devices";

/// Suspended and resumed while the dose goes in.
pub(crate) async fn in_delivery(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    remote.starts_a_dose().await?;
    remote.program.pass_over();
    tokio::task::spawn_blocking(suspend).await??;
    remote.program.line("that the link is lost", SOON, |line| line == "link down").await?;
    remote.link("up", LINK_MAX).await?;
    remote.shows("DELIVERING", SOON).await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// Returns once the machine has resumed; an error unless it was suspended once more.
fn suspend() -> anyhow::Result<()> {
    let before = times()?;
    fs::write("/sys/power/pm_test", DEPTH).context("the kernel can't come back from a suspend by itself")?;
    fs::write("/sys/power/state", "freeze").context("the machine can't be suspended")?;
    let after = times()?;
    ensure!(after == before + 1, "suspended {before} times before, {after} times after");
    Ok(())
}

fn times() -> anyhow::Result<u64> {
    let told = fs::read_to_string("/sys/power/suspend_stats/success").context("nobody counts suspends")?;
    Ok(told.trim().parse()?)
}
