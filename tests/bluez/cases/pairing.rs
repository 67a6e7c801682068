//! Pairing as a nurse does it, and as nobody should.

use std::fs;

use anyhow::{Context as _, ensure};

use crate::bench::{Bench, LINK_MAX};

/// A bond that nobody was asked about, but by the curve: LE Secure Connections.
const SECURE_UNAUTHENTICATED: u32 = 2;

/// Magnet, bond, secret: READY, and no door stays open.
pub(crate) async fn right(bench: &mut Bench) -> anyhow::Result<String> {
    bench.pair().await?;
    ensure!(!bench.stack.pumps().await?.is_pairable().await?, "the pump can still be bonded with");
    let keys = bond_keys()?;
    ensure!(!keys.is_empty(), "the daemon has stored no key");
    // proves R-LNK-21
    for (authenticated, len) in &keys {
        ensure!(*authenticated >= SECURE_UNAUTHENTICATED && *len == 16, "a key of {len} bytes, level {authenticated}");
    }
    Ok(format!("{} keys by Secure Connections", keys.len()))
}

/// The secret of another card pairs nothing, and the right one does afterwards.
pub(crate) async fn wrong_secret(bench: &mut Bench) -> anyhow::Result<String> {
    bench.unpaired().await?;
    let others = bench.another_secret().await?;
    let mut pump = bench.pump().await?;
    pump.opens_its_window().await?;
    let refused = bench.pairing_remote("remote", &others)?;
    let transcript = bench.transcript.clone();
    ensure!(!refused.program.ended(LINK_MAX).await?, "a wrong secret was taken");
    ensure!(transcript.holds("card's secret"), "the remote does not say what to look at");
    ensure!(!bench.record().exists(), "a record was made for a pump that is not paired");
    // The window is still open, and the clinic reads the card again.
    let mut remote = bench.pairing_remote("remote", &pump.secret)?;
    remote.shows("READY", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 0]).await
}

/// Without a magnet nothing is found, and nothing is bonded.
pub(crate) async fn window_closed(bench: &mut Bench) -> anyhow::Result<String> {
    bench.unpaired().await?;
    let pump = bench.pump().await?;
    let refused = bench.pairing_remote("remote", &pump.secret)?;
    let transcript = bench.transcript.clone();
    ensure!(!refused.program.ended(LINK_MAX).await?, "a pump without an open window was paired");
    ensure!(transcript.holds("magnet"), "the remote does not say what to do next");
    let bonds = bench.bonds().await?;
    ensure!(bonds == [0, 0], "bonds were made: {bonds:?}");
    Ok(String::new())
}

/// The link is cut when the pump has proved itself; both sides then finish the pairing, or begin it anew.
pub(crate) async fn interrupted(bench: &mut Bench) -> anyhow::Result<String> {
    for fault in ["disconnect confirm before", "disconnect confirm after"] {
        bench.unpaired().await?;
        let mut pump = bench.pump().await?;
        pump.opens_its_window().await?;
        pump.fault(fault).await?;
        let cut = bench.pairing_remote("remote", &pump.secret)?;
        ensure!(!cut.program.ended(LINK_MAX).await?, "{fault}: a pairing without its last word was called one");
        if fault.ends_with("after") {
            // The pump has closed its window behind a pairing that it holds for good.
            pump.opens_its_window().await?;
        }
        let mut remote = bench.pairing_remote("remote", &pump.secret)?;
        remote.shows("READY", LINK_MAX).await.with_context(|| fault.to_owned())?;
        bench.close(pump, remote, [0, 0, 0]).await.context(fault)?;
    }
    Ok(String::new())
}

/// The remote dies in the middle of bonding; the next pairing finds what is left and goes on.
pub(crate) async fn killed(bench: &mut Bench) -> anyhow::Result<String> {
    bench.unpaired().await?;
    let mut pump = bench.pump().await?;
    pump.opens_its_window().await?;
    let killed = bench.pairing_remote("remote", &pump.secret)?;
    bench.until_bonded(LINK_MAX).await?;
    killed.program.kill().await?;
    let mut remote = bench.pairing_remote("remote", &pump.secret)?;
    remote.shows("READY", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 0]).await
}

/// Level and length of every long-term key that the daemon has stored.
fn bond_keys() -> anyhow::Result<Vec<(u32, u32)>> {
    let mut keys = Vec::new();
    for adapter in fs::read_dir("/var/lib/bluetooth")? {
        for device in fs::read_dir(adapter?.path())? {
            let Ok(info) = fs::read_to_string(device?.path().join("info")) else { continue };
            let Some((_, key)) = info.split_once("LongTermKey]") else { continue };
            let number = |name: &str| -> anyhow::Result<u32> {
                let line =
                    key.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
                Ok(line.trim().parse()?)
            };
            keys.push((number("Authenticated=")?, number("EncSize=")?));
        }
    }
    Ok(keys)
}
