//! Many connections: whatever a link takes, it gives back.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail, ensure};
use pump_core::audit::event::Event;
use tokio::process::Command;

use crate::{
    bench::{Bench, LINK_MAX},
    judge,
    program::Program,
};

/// How often remote and pump are connected while it is counted what they hold.
const CYCLES: usize = 100;
/// How often before: by then allocator and record have what they come to need.
const WARM: usize = 50;
/// How many cycles lie between two looks at what is held.
const LOOK_EVERY: usize = 10;
/// What a process may grow by in all that are counted. SQLite keeps the pages of a record that grows, up to 2 MB; with the link
/// over a socket the remote grows by half to three quarters of a KiB a cycle, too. A KiB more for each link is too much.
const GROWN_MAX_KIB: usize = 256;

/// What a program holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    kib: usize,
    descriptors: usize,
    matches: usize,
}

/// Connect, report, disconnect, and again.
pub(crate) async fn hundred(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    let mut line = 0;
    opened(bench, &mut line).await?;
    let mut warm = [Held::by(&remote.program).await?, Held::by(&pump.program).await?];
    for cycle in 1..=WARM + CYCLES {
        let connected = async {
            bench.hang_up().await?;
            remote.link("down", LINK_MAX).await?;
            remote.link("up", LINK_MAX).await?;
            report(bench, &mut line).await
        };
        connected.await.with_context(|| format!("cycle {cycle}"))?;
        if cycle < WARM || cycle % LOOK_EVERY != 0 {
            continue;
        }
        let now = [Held::by(&remote.program).await?, Held::by(&pump.program).await?];
        if cycle == WARM {
            warm = now;
        }
        for (who, (warm, now)) in ["remote", "pump"].iter().zip(warm.iter().zip(&now)) {
            let grown =
                now.descriptors > warm.descriptors || now.matches > warm.matches || now.kib > warm.kib + GROWN_MAX_KIB;
            ensure!(!grown, "the {who} has grown in {} cycles: {warm:?} became {now:?}", cycle - WARM);
        }
    }
    let [remote_held, pump_held] = [Held::by(&remote.program).await?, Held::by(&pump.program).await?];
    bench.close(pump, remote, [0, 0, 0]).await?;
    let of = |warm: Held, now: Held| {
        let Held { kib, descriptors, matches } = now;
        format!("{} KiB more of {kib}, {descriptors} descriptors, {matches} matches", kib.saturating_sub(warm.kib))
    };
    Ok(format!("{CYCLES} cycles: remote {}; pump {}", of(warm[0], remote_held), of(warm[1], pump_held)))
}

/// Waits until the pump has introduced itself with its report in one more session; the record's file tells nobody that it has grown.
async fn report(bench: &Bench, line: &mut u64) -> anyhow::Result<()> {
    let reported = async {
        loop {
            match opened(bench, line).await? {
                0 => tokio::time::sleep(Duration::from_millis(100)).await,
                1 => return Ok(()),
                more => bail!("{more} sessions in one cycle"),
            }
        }
    };
    tokio::time::timeout(LINK_MAX, reported).await.context("no report")?
}

/// How many sessions were opened behind this line of the record.
async fn opened(bench: &Bench, line: &mut u64) -> anyhow::Result<usize> {
    let events = judge::events_behind(&bench.record(), line).await?;
    Ok(events.iter().filter(|happened| matches!(happened.event, Event::SessionOpened { .. })).count())
}

impl Held {
    async fn by(program: &Program) -> anyhow::Result<Self> {
        let id = program.id().context("it has ended")?;
        Ok(Self { kib: program.memory()?, descriptors: program.descriptors()?, matches: matches(id).await? })
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
