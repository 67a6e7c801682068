//! What the remote does while nobody does anything: how often it wakes, and how often it shows another page.
//!
//! The real loop, record and link run in this process, with the runtime of the program and without a window, against a pump in
//! another; once READY stands, the voluntary context switches of every thread are counted for a minute. Bound: one a second in
//! all. A pump in the same process looks every second whether it has news, and is no remote's. `cargo bench --bench idle`.

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use ed25519_dalek::SigningKey;
use pump_core::{
    audit::RecordId,
    remote::{Beginning, Kept, Remote},
    screen::{Face, Screen},
};
use pump_protocol::session::CardSecret;
use pump_remote::{
    adapters::{
        clock::Clock,
        entropy::OsEntropy,
        keys::pins::SessionKeys,
        socket::Socket,
        sqlite::{Opening, Store},
    },
    shell::{
        self, Ends, Ports, link,
        recorder::{self, Room},
    },
};
use tokio::sync::{mpsc, oneshot, watch};

const SWITCHES_A_SECOND_MAX: f64 = 1.0;

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` only wants to know that it runs.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let lasts = Duration::from_secs(if bench { 60 } else { 1 });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let dir = tempfile::tempdir()?;
    let mut running = runtime.block_on(start(dir.path()))?;
    runtime.block_on(ready(&mut running.screens))?;
    // What follows a start, the check of the whole record among it, is over by then.
    std::thread::sleep(lasts / 10);
    running.screens.borrow_and_update();
    let before = switches()?;
    let mut shown = 0_u32;
    let begun = std::time::Instant::now();
    while begun.elapsed() < lasts {
        // This thread sleeps in long pieces, and is not counted.
        std::thread::sleep(lasts / 6);
        shown += u32::from(running.screens.has_changed()?);
        running.screens.borrow_and_update();
    }
    let after = switches()?;
    let mut all = 0;
    for (thread, name, count) in &after {
        let earlier = before.iter().find(|(other, ..)| other == thread).map_or(0, |(.., count)| *count);
        println!("{name:<20} {} voluntary switches", count - earlier);
        all += count - earlier;
    }
    #[allow(clippy::cast_precision_loss)]
    let rate = all as f64 / begun.elapsed().as_secs_f64();
    let verdict = if rate <= SWITCHES_A_SECOND_MAX { "within" } else { "ABOVE" };
    println!("READY standing for {lasts:?}: {rate:.2} voluntary switches a second, {verdict} {SWITCHES_A_SECOND_MAX}");
    println!("another screen was seen at {shown} of 6 looks");
    Ok(())
}

struct Running {
    screens: watch::Receiver<Screen>,
    // Dropping one would end the loop, or the pump.
    _close: oneshot::Sender<()>,
    _intents: mpsc::Sender<pump_core::screen::Intent>,
    _pump: Simulator,
}

/// A pump in a process of its own.
struct Simulator {
    child: Child,
    console: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Simulator {
    fn start(socket: &Path) -> anyhow::Result<(Self, CardSecret)> {
        let mut pump = Command::new(env!("CARGO_BIN_EXE_pump-simulator"));
        let mut child = pump.arg("--socket").arg(socket).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let console = child.stdin.take().context("piped")?;
        let said = BufReader::new(child.stdout.take().context("piped")?).lines();
        let mut simulator = Self { child, console, said };
        let secret = simulator.line_with("Implant card secret: ")?;
        let secret = CardSecret::parse(secret.trim_start_matches("Implant card secret: "))?;
        writeln!(simulator.console, "magnet")?;
        simulator.line_with("The pairing window is open")?;
        Ok((simulator, secret))
    }

    fn line_with(&mut self, words: &str) -> anyhow::Result<String> {
        let found = self.said.by_ref().find(|line| line.as_ref().map_or(true, |line| line.contains(words)));
        Ok(found.with_context(|| format!("the pump never said {words:?}"))??)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by itself; the figures are told already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn start(dir: &Path) -> anyhow::Result<Running> {
    let clock = Clock::real();
    let mut keys = SessionKeys::open(dir, &mut OsEntropy)?;
    let socket = dir.join("pump.sock");
    let (pump, card) = Simulator::start(&socket)?;
    let mut dial = Socket::new(socket.clone());
    let serial = link::pair(&mut dial, &mut keys, &card, &clock, &mut OsEntropy).await?;
    let record = dir.join("record.db");
    let opening = Opening { serial, key: SigningKey::from_bytes(&[7; 32]), new_id: RecordId([1; 16]) };
    let opened = Store::open(&record, opening).await?;
    let beginning = Beginning::bonded(keys.own.public().fingerprint(), Kept::default(), opened.head);
    let remote = Remote::restore(beginning, clock.now());
    let (ports, ends) = Ports::new(remote.screen(clock.now()), record.clone(), clock.clone());
    let Ends { intents, screens, link_events, link_orders, answering, record_orders, close, .. } = ends;
    tokio::spawn(link::keep(Socket::new(socket), keys, clock.clone(), OsEntropy, link_orders, link_events));
    tokio::spawn(recorder::serve(opened.store, record_orders, answering.clone(), clock, Room::OF_A_CARD));
    tokio::spawn(recorder::verify(record, answering));
    tokio::spawn(shell::run(remote, ports));
    Ok(Running { screens, _close: close, _intents: intents, _pump: pump })
}

async fn ready(screens: &mut watch::Receiver<Screen>) -> anyhow::Result<()> {
    let found =
        tokio::time::timeout(Duration::from_secs(20), screens.wait_for(|screen| matches!(screen.face, Face::Ready(_))));
    found.await.context("never ready")?.context("the loop has ended")?;
    Ok(())
}

/// Of every thread but this: its number, its name, and how often it has waited.
fn switches() -> anyhow::Result<Vec<(String, String, u64)>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let path = entry?.path();
        let status = fs::read_to_string(path.join("status"))?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let thread = field("Pid:").context("no number")?.to_owned();
        let count = field("voluntary_ctxt_switches:").context("no count")?.parse()?;
        if thread != std::process::id().to_string() {
            threads.push((thread, field("Name:").context("no name")?.to_owned(), count));
        }
    }
    ensure!(!threads.is_empty(), "no thread runs");
    Ok(threads)
}
