//! Many connections: whatever a link takes, it gives back.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::{
    bench::{Bench, LINK_MAX},
    program::Program,
};

/// How often remote and pump are connected.
const CYCLES: usize = 100;
/// How many of them go before anything is counted: what is made once is made by then.
const WARM: usize = 10;
/// What a process may grow by in all the others: a page here and there, but nothing for each link.
const GROWN_MAX_KIB: usize = 512;

/// What a program holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    resident_kib: usize,
    descriptors: usize,
    matches: usize,
}

/// Connect, report, disconnect, and again.
pub(crate) async fn hundred(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    let mut warm = None;
    for cycle in 1..=CYCLES {
        bench.hang_up().await?;
        remote.link("down", LINK_MAX).await.with_context(|| format!("cycle {cycle}"))?;
        remote.link("up", LINK_MAX).await.with_context(|| format!("cycle {cycle}"))?;
        remote.shows("READY", LINK_MAX).await.with_context(|| format!("cycle {cycle}"))?;
        if cycle == WARM {
            warm = Some([Held::by(&remote.program).await?, Held::by(&pump.program).await?]);
        }
    }
    let warm = warm.context("too few cycles")?;
    let after = [Held::by(&remote.program).await?, Held::by(&pump.program).await?];
    for (who, (before, after)) in ["remote", "pump"].iter().zip(warm.iter().zip(&after)) {
        ensure!(
            after.descriptors <= before.descriptors && after.matches <= before.matches,
            "the {who} holds more: {before:?} became {after:?}"
        );
        ensure!(
            after.resident_kib <= before.resident_kib + GROWN_MAX_KIB,
            "the {who} has grown: {before:?} became {after:?}"
        );
    }
    let [remote_kib, pump_kib] = [0, 1].map(|who| after[who].resident_kib.saturating_sub(warm[who].resident_kib));
    bench.close(pump, remote, [0, 0, 0]).await?;
    Ok(format!("{} cycles: remote {remote_kib} KiB more, pump {pump_kib} KiB more", CYCLES - WARM))
}

impl Held {
    async fn by(program: &Program) -> anyhow::Result<Self> {
        let id = program.id().context("it has ended")?;
        Ok(Self { resident_kib: program.resident()?, descriptors: program.descriptors()?, matches: matches(id).await? })
    }
}

/// How many match rules the bus holds for this process. They are taken back by messages that nobody answers, so a moment may pass.
async fn matches(id: u32) -> anyhow::Result<usize> {
    let mut before = None;
    loop {
        let mut counted = 0;
        for (name, rules) in rules().await? {
            let owner = asked("org.freedesktop.DBus.GetConnectionUnixProcessID", Some(&name)).await.unwrap_or_default();
            if owner.split_whitespace().last() == Some(id.to_string().as_str()) {
                counted += rules;
            }
        }
        if before.replace(counted) == Some(counted) {
            return Ok(counted);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// How many rules each connection has.
async fn rules() -> anyhow::Result<BTreeMap<String, usize>> {
    let all = asked("org.freedesktop.DBus.Debug.Stats.GetAllMatchRules", None).await?;
    let (mut rules, mut name) = (BTreeMap::new(), String::new());
    for line in all.lines() {
        let Some(text) = line.trim().strip_prefix("string \"").map(|text| text.trim_end_matches('"')) else { continue };
        if text.starts_with(':') {
            text.clone_into(&mut name);
        } else {
            *rules.entry(name.clone()).or_default() += 1;
        }
    }
    ensure!(!rules.is_empty(), "the bus tells of no match rules: {all}");
    Ok(rules)
}

async fn asked(method: &str, name: Option<&str>) -> anyhow::Result<String> {
    let mut asking = Command::new("dbus-send");
    asking.args(["--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus", method]);
    asking.args(name.map(|name| format!("string:{name}")));
    let answered = asking.output().await?;
    ensure!(answered.status.success(), "{method}: {}", String::from_utf8_lossy(&answered.stderr));
    Ok(String::from_utf8(answered.stdout)?)
}
