//! What is killed: the product without its pages, pressing by itself.
//!
//! It waits for one line, `go DIRECTORY PRESSES PRUNE_ABOVE_BYTES WALK [read-only]`, opens the record there, and lives: the real machine in the
//! real loop with the real record. With neither presses nor pruning to do, it only opens and closes it. What it says stands in `disk_tests::told`; it hears `heard SESSION HEX` from the pump. As
//! the first process of an emulated machine it first makes that machine usable (`machine`).
//!
//! Ends with 0 when everything was done, with 3 if the record could not be opened, with 4 if nothing moves any more.
#![forbid(unsafe_code)]

mod machine;
mod patient;

use std::{
    io::{self, BufRead, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use anyhow::Context as _;
use disk_tests::{
    OURS, RECORD, bedside,
    told::{KeptDigest, Told, from_hex},
};
use pump_core::remote::{Beginning, Input, Kept, Remote};
use pump_protocol::{
    clock::BootId,
    wire::{decode, encode},
};
use pump_remote::{
    adapters::{
        clock::Clock,
        sqlite::{Opened, Store, TailVerdict},
    },
    shell::{
        self, Ports,
        link::{LinkEvent, LinkOrder, SessionNo},
        recorder::{self, RecordOrder, Room},
    },
};
use tokio::sync::mpsc;

/// What is to be done.
#[derive(Clone, Debug)]
struct Task {
    dir: PathBuf,
    presses: u32,
    prune_above_bytes: u64,
    walk: bool,
    /// On an emulated machine: how its disk is mounted.
    read_only: bool,
}

/// What the tasks of the writer share.
#[derive(Clone, Debug, Default)]
struct Shared {
    /// Commands that the pump has not answered yet: while there are any, time must not be skipped.
    unanswered: Arc<AtomicU32>,
    pruned: Arc<AtomicBool>,
}

fn main() -> ExitCode {
    if std::process::id() == 1
        && let Err(error) = machine::prepare()
    {
        say(&Told::Log(format!("ERROR the machine: {error:#}")));
        return ExitCode::FAILURE;
    }
    match run() {
        Ok(code) => code,
        Err(error) => {
            say(&Told::Log(format!("ERROR the writer: {error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let task = wait_for_task()?;
    machine::mount_disk(&task.dir, task.read_only)?;
    let shared = Shared::default();
    log_to(shared.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(live(task, shared))
}

/// Says a line, at once.
fn say(told: &Told) {
    let mut out = io::stdout().lock();
    // Nobody listens any more: whoever did has decided.
    let _ = writeln!(out, "{told}").and_then(|()| out.flush());
}

fn wait_for_task() -> anyhow::Result<Task> {
    let mut line = String::new();
    // An empty line asks whether anybody is there: what a machine is told while it wakes may be lost.
    while line.trim().is_empty() {
        line.clear();
        anyhow::ensure!(io::stdin().lock().read_line(&mut line)? > 0, "told nothing");
        say(&Told::Log("listening".into()));
    }
    let mut words = line.split_whitespace();
    anyhow::ensure!(words.next() == Some("go"), "told {line:?}");
    let mut next = || words.next().context("go DIRECTORY PRESSES PRUNE_ABOVE_BYTES WALK");
    Ok(Task {
        dir: PathBuf::from(next()?),
        presses: next()?.parse()?,
        prune_above_bytes: next()?.parse()?,
        walk: next()?.parse()?,
        read_only: words.next() == Some("read-only"),
    })
}

async fn live(task: Task, shared: Shared) -> anyhow::Result<ExitCode> {
    let path = task.dir.join(RECORD);
    let opened = match Store::open(&path, disk_tests::opening(random()?)?).await {
        Ok(opened) => opened,
        Err(error) => {
            say(&Told::Unopened(error.to_string()));
            return Ok(ExitCode::from(3));
        }
    };
    tell_opened(&opened);
    if task.presses == 0 && task.prune_above_bytes == 0 {
        opened.store.close(None).await?;
        say(&Told::Closed);
        return Ok(ExitCode::SUCCESS);
    }
    if task.walk {
        say(&Told::Walked(bedside::walk(&path).await.context("the walk")?));
    }
    let clock = Clock::lapsing(1, BootId(random()?));
    let remote = Remote::restore(beginning(&opened)?, clock.now());
    let (ports, ends) = Ports::new(remote.screen(clock.now()), path, clock.clone());
    let room = match task.prune_above_bytes {
        0 => Room::OF_A_CARD,
        prune_above_bytes => Room { prune_above_bytes, ..Room::OF_A_CARD },
    };
    let (batches, batch) = mpsc::channel(1);
    let (answering, answers) = mpsc::channel(1);
    tokio::spawn(overhear_batches(ends.record_orders, batches));
    tokio::spawn(overhear_answers(answers, ends.answering));
    let recorder = tokio::spawn(recorder::serve(opened.store, batch, answering, clock.clone(), room));
    tokio::spawn(talk(ends.link_orders, ends.link_events.clone(), clock.clone(), shared.clone()));
    let events = ends.link_events.clone();
    let (hearing, runtime) = (shared.clone(), tokio::runtime::Handle::current());
    std::thread::spawn(move || hear(&events, &hearing, &runtime));
    let ended = tokio::spawn(shell::run(remote, ports));
    ends.link_events.send(LinkEvent::Up(SessionNo(1))).await?;
    if !patient::press(&ends.intents, ends.screens, &clock, task.presses, &shared).await? {
        return Ok(ExitCode::from(4));
    }
    if task.prune_above_bytes > 0 {
        patient::wait_until(|| shared.pruned.load(Ordering::SeqCst)).await.context("nothing was pruned")?;
    }
    let _ = ends.close.send(());
    ended.await?;
    recorder.await?;
    say(&Told::Closed);
    Ok(ExitCode::SUCCESS)
}

fn tell_opened(opened: &Opened) {
    say(&Told::Opened {
        head: opened.head,
        kept: KeptDigest::of(opened.kept.as_deref()),
        sound: matches!(opened.tail, TailVerdict::Sound { .. }),
        created: opened.created,
    });
}

fn beginning(opened: &Opened) -> anyhow::Result<Beginning> {
    let kept = opened.kept.as_deref().map_or(Ok(Kept::default()), Kept::from_bytes)?;
    let tail_good = matches!(opened.tail, TailVerdict::Sound { .. });
    Ok(Beginning { tail_good, ..Beginning::bonded(OURS, kept, opened.head) })
}

async fn overhear_batches(mut from: mpsc::Receiver<RecordOrder>, to: mpsc::Sender<RecordOrder>) {
    while let Some(order) = from.recv().await {
        if let RecordOrder::Append(batch) = &order {
            let lines = u64::try_from(batch.entries.len()).unwrap_or(u64::MAX);
            say(&Told::HandedOver { lines, kept: KeptDigest::of(Some(&batch.kept)) });
        }
        if to.send(order).await.is_err() {
            return;
        }
    }
}

async fn overhear_answers(mut from: mpsc::Receiver<Input>, to: mpsc::Sender<Input>) {
    while let Some(answer) = from.recv().await {
        match &answer {
            Input::Stored(head) => say(&Told::Durable(*head)),
            Input::NotStored => say(&Told::NotStored),
            _ => {}
        }
        if to.send(answer).await.is_err() {
            return;
        }
    }
}

/// Carries what the loop wants said; a session that was hung up is followed by the next at once.
async fn talk(mut orders: mpsc::Receiver<LinkOrder>, events: mpsc::Sender<LinkEvent>, clock: Clock, shared: Shared) {
    while let Some(order) = orders.recv().await {
        match order {
            LinkOrder::Say(SessionNo(session), command) => {
                shared.unanswered.fetch_add(1, Ordering::SeqCst);
                let uptime_ms = clock.now().uptime.since(pump_protocol::clock::Uptime::default()).get();
                say(&Told::Say { session, uptime_ms, command: encode(&command) });
            }
            LinkOrder::Hangup(SessionNo(session)) => {
                shared.unanswered.store(0, Ordering::SeqCst);
                say(&Told::HungUp(session));
                if events.send(LinkEvent::Up(SessionNo(session + 1))).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Hears the pump, on a thread of its own: a read of standard input can't be given up.
fn hear(events: &mpsc::Sender<LinkEvent>, shared: &Shared, runtime: &tokio::runtime::Handle) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let heard = line.strip_prefix("heard ").and_then(|rest| rest.split_once(' '));
        let Some((session, reply)) = heard else {
            machine::obey(&line);
            continue;
        };
        let reply = from_hex(reply).ok().and_then(|bytes| decode(&bytes).ok());
        let (Ok(session), Some(reply)) = (session.parse(), reply) else {
            say(&Told::Log(format!("ERROR the writer heard {line:?}")));
            continue;
        };
        let unanswered = |count: u32| Some(count.saturating_sub(1));
        let sent = runtime.block_on(events.send(LinkEvent::Heard(SessionNo(session), reply)));
        let _ = shared.unanswered.fetch_update(Ordering::SeqCst, Ordering::SeqCst, unanswered);
        if sent.is_err() {
            return;
        }
    }
}

fn random() -> anyhow::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The diagnostic log, as lines among the others.
fn log_to(shared: Shared) {
    struct Line(Shared);
    impl Write for Line {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let line = String::from_utf8_lossy(bytes);
            say(&Told::Log(line.clone().into_owned()));
            if line.contains("exported and pruned") {
                self.0.pruned.store(true, Ordering::SeqCst);
                say(&Told::Pruned);
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time().with_target(false);
    subscriber.with_writer(move || Line(shared.clone())).init();
    std::panic::set_hook(Box::new(|panicked| say(&Told::Log(format!("panicked: {panicked}")))));
}
