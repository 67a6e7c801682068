//! What lies between a finger and the radio: hold → PREPARE leaving, and GRANT → COMMIT leaving, each through the real loop
//! and a real record; each may cost one durable commit and at most 1 ms.
//!
//! The durable commit is measured in the same run, on the same disk, in turns. The pump answers at once and without
//! cryptography, so that only the remote is measured. `cargo bench --bench press`, or with a directory on the disk in
//! question: `RECORD_BENCH_DIR=… cargo bench …`.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use ed25519_dalek::SigningKey;
use pump_core::{
    audit::{Batch, Entry, RecordId},
    remote::{Beginning, Kept, Remote},
    screen::{Control, Face, Intent, Level, Screen, Source},
};
use pump_protocol::{
    clock::BootId,
    message::{AuditHead, Command, KeyFingerprint, Nonce, Reply, Role},
    quantity::Millis,
    wire::Text,
};
use pump_remote::{
    adapters::{
        clock::Clock,
        sqlite::{Opening, Store},
    },
    shell::{
        self, Ends, Ports,
        link::{LinkEvent, LinkOrder, SessionNo},
        recorder::{self, Room},
    },
};
use simulated_pump::{Pump, Setup};
use tokio::sync::{mpsc, oneshot, watch};

const ROUNDS: usize = 300;
const OVERHEAD_MAX: Duration = Duration::from_millis(1);
const KEY: KeyFingerprint = KeyFingerprint([1; 8]);
const SESSION: SessionNo = SessionNo(1);

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    // `cargo test --benches` only wants to know that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 3 };
    let dir = std::env::var("RECORD_BENCH_DIR").map_or_else(|_| tempfile::tempdir(), tempfile::tempdir_in)?;
    let mut commits = bare_record(&dir.path().join("commits")).await?;
    let mut bench = Bench::start(dir.path()).await?;
    let (mut to_prepare, mut to_commit, mut durable) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (prepare, commit) = bench.press().await?;
        to_prepare.push(prepare);
        to_commit.push(commit);
        let begun = Instant::now();
        commits.append(batch(round)).await?;
        durable.push(begun.elapsed());
        bench.finish().await?;
    }
    let commit = median(&mut durable);
    println!("one durable commit: median {commit:?} of {rounds}");
    for (what, times) in [("hold -> PREPARE leaving", &mut to_prepare), ("GRANT -> COMMIT leaving", &mut to_commit)] {
        let took = median(times);
        let overhead = took.saturating_sub(commit);
        println!("{what}: median {took:?}, {overhead:?} above one durable commit");
        ensure!(overhead <= OVERHEAD_MAX, "{what} costs more than {OVERHEAD_MAX:?} above one durable commit");
    }
    Ok(())
}

/// A remote whose loop runs, and a pump that answers by hand.
struct Bench {
    pump: Pump,
    clock: Clock,
    pump_at: pump_protocol::clock::Uptime,
    intents: mpsc::Sender<Intent>,
    screens: watch::Receiver<Screen>,
    events: mpsc::Sender<LinkEvent>,
    orders: mpsc::Receiver<LinkOrder>,
    // Dropping it would end the loop.
    _close: oneshot::Sender<()>,
}

impl Bench {
    async fn start(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("press.db");
        let store = open(&path).await?;
        let clock = Clock::lapsing(1, BootId([1; 16]));
        let beginning = Beginning::bonded(KEY, Kept::default(), AuditHead::default());
        let remote = Remote::restore(beginning, clock.now());
        let (ports, ends) = Ports::new(remote.screen(clock.now()), path, clock.clone());
        let Ends { intents, screens, link_events: events, link_orders: orders, close, .. } = ends;
        tokio::spawn(recorder::serve(store, ends.record_orders, ends.answering, clock.clone(), Room::OF_A_CARD));
        tokio::spawn(shell::run(remote, ports));
        let mut pump = Pump::new(Setup::hurried());
        pump.session_opened(KEY);
        events.send(LinkEvent::Up(SESSION)).await?;
        let pump_at = clock.now().uptime;
        Ok(Self { pump, clock, pump_at, intents, screens, events, orders, _close: close })
    }

    /// One full hold; how long after its last level PREPARE left, and how long after the grant COMMIT did.
    async fn press(&mut self) -> anyhow::Result<(Duration, Duration)> {
        self.answer_until(|face| matches!(face, Face::Ready(_))).await?;
        for _ in 0..15 {
            self.touch(Level::Pressed).await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.clock.skip(Millis::new(100));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        let held = Instant::now();
        self.touch(Level::Pressed).await?;
        let prepare = self.order_where(|command| matches!(command, Command::Prepare { .. })).await?;
        let to_prepare = held.elapsed();
        let grant = self.reply(&prepare);
        let granted = Instant::now();
        self.events.send(LinkEvent::Heard(SESSION, grant)).await?;
        let commit = self.order_where(|command| matches!(command, Command::Commit { .. })).await?;
        let to_commit = granted.elapsed();
        let accepted = self.reply(&commit);
        self.events.send(LinkEvent::Heard(SESSION, accepted)).await?;
        self.touch(Level::Released).await?;
        Ok((to_prepare, to_commit))
    }

    /// Lets the dose go in and the lockout pass.
    async fn finish(&mut self) -> anyhow::Result<()> {
        self.answer_until(|face| matches!(face, Face::Delivering { .. })).await?;
        while matches!(self.screens.borrow_and_update().face, Face::Delivering { .. }) {
            self.clock.skip(Millis::from_secs(2));
            self.answer_for(Duration::from_millis(2)).await?;
        }
        self.clock.skip(Millis::from_mins(40));
        Ok(())
    }

    async fn touch(&self, level: Level) -> anyhow::Result<()> {
        let intent = Intent::Touch { control: Control::Dose, level, source: Source::Touchscreen };
        self.intents.send(intent).await.context("the loop has ended")
    }

    /// Answers whatever is asked until the page is this one.
    async fn answer_until(&mut self, is: impl Fn(&Face) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !is(&self.screens.borrow_and_update().face) {
            ensure!(begun.elapsed() < Duration::from_secs(20), "stuck on {:?}", self.screens.borrow().face);
            self.answer_for(Duration::from_millis(1)).await?;
        }
        Ok(())
    }

    async fn answer_for(&mut self, span: Duration) -> anyhow::Result<()> {
        let until = tokio::time::Instant::now() + span;
        while let Ok(order) = tokio::time::timeout_at(until, self.orders.recv()).await {
            if let LinkOrder::Say(_, command) = order.context("the loop has ended")? {
                let reply = self.reply(&command);
                self.events.send(LinkEvent::Heard(SESSION, reply)).await?;
            }
        }
        Ok(())
    }

    /// The next command of this kind; whatever else is asked before is answered.
    async fn order_where(&mut self, is: impl Fn(&Command) -> bool) -> anyhow::Result<Command> {
        loop {
            let order = tokio::time::timeout(Duration::from_secs(5), self.orders.recv()).await;
            match order.context("nothing was asked")?.context("the loop has ended")? {
                LinkOrder::Say(_, command) if is(&command) => return Ok(command),
                LinkOrder::Say(_, command) => {
                    let reply = self.reply(&command);
                    self.events.send(LinkEvent::Heard(SESSION, reply)).await?;
                }
                LinkOrder::Hangup(_) => anyhow::bail!("the remote hung up"),
            }
        }
    }

    fn reply(&mut self, command: &Command) -> Reply {
        let now = self.clock.now().uptime;
        self.pump.advance(now.since(self.pump_at));
        self.pump_at = now;
        self.pump.handle(KEY, Role::Patient, command, Nonce([9; 16]))
    }
}

async fn bare_record(dir: &Path) -> anyhow::Result<Store> {
    open(&dir.join("record.db")).await
}

async fn open(path: &Path) -> anyhow::Result<Store> {
    let (serial, key) = (Text::new("SIM-000042")?, SigningKey::from_bytes(&[7; 32]));
    Ok(Store::open(path, Opening { serial, key, new_id: RecordId([1; 16]) }).await?.store)
}

/// As long as a press's own batch.
fn batch(round: usize) -> Batch {
    let wall_ms = i64::try_from(round).ok();
    let entry = Entry { kind: "requested", request: Some(1), body: vec![7; 110], wall_ms, utc_offset_min: 60 };
    Batch { entries: vec![entry], kept: vec![3; 1200] }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
