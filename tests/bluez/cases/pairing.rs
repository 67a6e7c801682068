//! Pairing as a nurse does it, and as nobody should.

use std::{fs, time::Duration};

use anyhow::{Context as _, ensure};

use crate::{
    bench::{Bench, LINK_MAX, LOCKOUT_MAX, RECORD, Remote, SOON},
    judge::{self, Agreed},
};

/// How often a remote is refused before it is judged.
const DIALS: usize = 3;
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

/// A remote whose key is taken back is out at once, stays out, and pairs anew.
pub(crate) async fn revoked(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut remote) = bench.ready().await?;
    remote.program.pass_over();
    pump.says("revoke 1", "Remote 1 is revoked").await?;
    remote.program.line("that it is out", SOON, |line| line == "link down").await?;
    stays_out(bench, &mut remote).await?;
    ensure!(remote.program.quit("quit").await?, "the remote did not end in good order");
    pump.opens_its_window().await?;
    let mut remote = bench.pairing_remote("remote", &pump.secret)?;
    remote.shows("READY", LINK_MAX).await?;
    remote.starts_a_dose().await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// A remote goes out of use: its record is exported, and neither the pump nor BlueZ knows it any more.
pub(crate) async fn decommissioned(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, remote) = bench.ready().await?;
    ensure!(remote.program.quit("quit").await?, "the remote did not end in good order");
    let mut leaving = bench.decommission()?;
    leaving.line("that the record is out", SOON, |line| line.contains("signed and read back")).await?;
    leaving.line("that the pump knows", LINK_MAX, |line| line.contains("has taken this remote's key back")).await?;
    leaving.line("the end", SOON, |line| line.contains("are wiped")).await?;
    pump.says("remotes", "No remote is paired").await?;
    ensure!(bench.bonds().await?[0] == 0, "the bond was left");
    ensure!(pump.program.quit("quit").await?, "the pump did not end in good order");
    bench.unpaired().await?;
    Ok("told; no bond and no key left".to_owned())
}

/// Another remote takes the place of one that is lost: the pump listens to the new one, and no more to the old one.
pub(crate) async fn replaced(bench: &mut Bench) -> anyhow::Result<String> {
    let (mut pump, mut lost) = bench.ready().await?;
    lost.starts_a_dose().await?;
    lost.stops_it().await?;
    lost.types("back").await?;
    bench.agree(&mut pump, [0, 1, 0]).await?;
    ensure!(lost.program.quit("quit").await?, "the remote did not end in good order");
    let first = pump.says("remotes", "1  remote ").await?;
    let key = first.split([' ', ',']).nth(3).context("no key")?.to_owned();

    pump.opens_its_window().await?;
    let mut newer = bench.pairing_remote("newer", &pump.secret)?;
    // The lost one's dose counts.
    newer.shows("WAIT", LINK_MAX).await?;
    pump.says("revoke 1", "Remote 1 is revoked").await?;
    ensure!(newer.program.quit("quit").await?, "the new remote did not end in good order");

    let before = pump.history().await?;
    let mut lost = bench.remote()?;
    stays_out(bench, &mut lost).await?;
    lost.types("hold").await?;
    ensure!(lost.program.quit("quit").await?, "the lost remote did not end in good order");
    ensure!(pump.history().await? == before, "the pump has listened to a key that was taken back");

    let mut newer = bench.start_remote("newer", &[])?;
    newer.shows("READY", LOCKOUT_MAX).await?;
    newer.starts_a_dose().await?;
    newer.stops_it().await?;
    let others = format!("asked for by remote {key}");
    let own = pump.history().await?.into_iter().filter(|line| !line.contains(&others)).collect::<Vec<_>>();
    let agreed = judge::compare(&judge::events(&bench.at("newer").join(RECORD)).await?, &own)?;
    ensure!(agreed == Agreed { in_part: 1, ..Agreed::default() }, "one dose, stopped, but {agreed:?}");
    bench.end(pump, newer).await?;
    Ok(String::new())
}

/// A remote whose key the pump doesn't know is refused each time that it dials, and says so.
async fn stays_out(bench: &Bench, remote: &mut Remote) -> anyhow::Result<()> {
    bench.transcript.take();
    let sessions = |remote: &Remote| remote.program.lines().iter().filter(|line| *line == "link up").count();
    let before = sessions(remote);
    let refused = async {
        while bench.transcript.count("pump: a frame was not taken") < DIALS {
            // The transcript tells nobody that it has grown.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(LINK_MAX * 2, refused).await.context("it was not refused often enough")?;
    remote.shows("NOT AVAILABLE", LINK_MAX).await?;
    ensure!(sessions(remote) == before, "a session with a key that was taken back");
    Ok(())
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
