//! Peers on a host stack that isn't BlueZ: what they meet, and what the remote makes of a pump of theirs.

use anyhow::{Context as _, ensure};

use crate::bench::{Bench, LINK_MAX, SOON};

/// Whoever is not bonded reads and writes nothing of the pump's service, and bonds with nobody by trying.
pub(crate) async fn stranger(bench: &mut Bench) -> anyhow::Result<String> {
    bench.paired().await?;
    let mut pump = bench.pump().await?;
    let address = bench.stack.pumps().await?.address().await?.to_string();
    let bonds = bench.bonds().await?;
    let mut stranger = bench.bumble("stranger", &address).await?;
    let mut answers = Vec::new();
    for what in ["read-status", "write-session", "read-model", "unencrypted"] {
        answers.push(stranger.line(what, LINK_MAX, |line| line.starts_with(what)).await?);
    }
    let refused = answers.iter().take(2).all(|answer| answer.contains(" refused "));
    ensure!(refused && answers[2].ends_with(" done"), "not as it should be: {answers:?}");
    ensure!(bench.bonds().await? == bonds, "a stranger has bonded");
    ensure!(stranger.quit("quit").await?, "the stranger did not end in good order");
    bench.hang_up().await?;
    let mut remote = bench.remote()?;
    remote.shows("READY", LINK_MAX).await?;
    bench.agree(&mut pump, [0, 0, 0]).await?;
    bench.end(pump, remote).await?;
    Ok(answers.swap_remove(1).replace("write-session refused ", ""))
}

/// A pump on that stack is paired with, and gives a dose.
pub(crate) async fn pump(bench: &mut Bench) -> anyhow::Result<String> {
    bench.unpaired().await?;
    let (mut pump, socket) = bench.pump_on_socket().await?;
    let mut air = bench.bumble("pump", socket.to_str().context("a plain path")?).await?;
    air.line("that it is on the air", SOON * 3, |line| line == "on the air").await?;
    pump.opens_its_window().await?;
    air.types("open").await?;
    let mut remote = bench.pairing_remote("remote", &pump.secret)?;
    remote.program.line("that it is paired", LINK_MAX, |line| line.starts_with("Paired with pump")).await?;
    air.types("shut").await?;
    remote.shows("READY", LINK_MAX).await?;
    remote.starts_a_dose().await?;
    remote.stops_it().await?;
    bench.agree(&mut pump, [0, 1, 0]).await?;
    bench.end(pump, remote).await?;
    ensure!(air.quit("quit").await?, "the peer did not end in good order");
    Ok(String::new())
}
