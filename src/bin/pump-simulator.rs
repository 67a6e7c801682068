//! A pump in a process of its own: served on a Unix socket or over Bluetooth, with a console for the clinic and for
//! misfortune.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser;
use pump_protocol::message::Role;
use pump_remote::{
    adapters::{
        bluez,
        clock::Clock,
        lock::Lock,
        simulated::{Host, InProcess, SharedHost},
        socket,
    },
    shell::{config::Speed, log},
};
use simulated_pump::{Setup, console::ConsoleAnswer};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::UnixListener,
    signal::unix::{SignalKind, signal},
};

/// A simulated intrathecal pump. Not a medical device.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The socket to listen on; one remote at a time
    #[arg(long, value_name = "PATH", required_unless_present = "bluetooth", conflicts_with = "bluetooth")]
    socket: Option<PathBuf>,
    /// Be a Bluetooth peripheral, on this adapter or BlueZ's default one
    #[arg(long, value_name = "ADAPTER", num_args = 0..=1, default_missing_value = "", requires = "state")]
    bluetooth: Option<String>,
    /// Where the pump is kept; beside the socket unless named
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// How much faster its time runs
    #[arg(long, value_name = "N", default_value = "1")]
    speed: Speed,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log::to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.context("no tasks can be run").and_then(|runtime| runtime.block_on(serve(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pump-simulator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let clock = Clock::real();
    let socket = arguments.socket;
    let beside = socket.as_ref().map(|socket| socket.with_extension("pump"));
    let state = arguments.state.or(beside).context("say where the pump is kept, with --state")?;
    // First, because a second simulator must not touch the state that the first one lives by.
    let _lock = Lock::take(&state.with_extension("lock"))?;
    let listener = match &socket {
        Some(path) => {
            let listening = socket::listen(path).await;
            Some((listening.with_context(|| format!("can't listen on {}", path.display()))?, path.as_path()))
        }
        None => None,
    };
    let host =
        Host::open(&state, Setup::demonstration_at(clock.now().wall), arguments.speed.get(), clock.now().uptime)?;
    let host = SharedHost::new(host);
    let console = tokio::spawn(console(host.clone(), clock.clone()));
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = reached(&host, listener.as_ref(), arguments.bluetooth, &clock) => ended?,
        ended = console => ended?,
        _ = terminated.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    host.with(|host| {
        host.live_until(clock.now().uptime);
        host.store()
    })?;
    listener.map_or(Ok(()), |(_, path)| std::fs::remove_file(path).context("the socket could not be removed"))
}

/// Serves whoever reaches the pump, by the one way or the other.
async fn reached(
    host: &SharedHost,
    listener: Option<&(UnixListener, &Path)>,
    bluetooth: Option<String>,
    clock: &Clock,
) -> anyhow::Result<()> {
    let Some((listener, path)) = listener else {
        bluez::check::warn(Path::new(bluez::check::MAIN_CONF));
        let adapter = bluetooth.filter(|adapter| !adapter.is_empty());
        let ready = |adapter: &str| introduce(host, adapter);
        let pump = InProcess::new(host.clone(), clock.clone());
        return Ok(bluez::serve(pump, adapter, clock.clone(), ready).await?);
    };
    introduce(host, &path.display().to_string());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => host.serve(socket::carry(stream), clock.clone()).await,
            Err(error) => tracing::warn!(%error, "a remote could not connect"),
        }
    }
}

/// Says who the pump is, where, and how to pair with it.
fn introduce(host: &SharedHost, place: &str) {
    println!("Pump {} on {place}.", host.with(|host| host.pump().serial().clone()));
    println!("Implant card secret: {}", host.with(|host| host.card().printed().as_str().to_owned()));
    println!(
        "To pair a remote: type \"magnet\" here, and the secret in its first run, or start it with --pair. \"help\" lists the rest."
    );
}

/// Runs until somebody types `quit`. A console that is closed leaves the pump running.
async fn console(host: SharedHost, clock: Clock) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match host.with(|host| host.console(&line, clock.now().uptime)) {
            ConsoleAnswer::Say(said) => println!("{said}"),
            ConsoleAnswer::DropLinks(said) => {
                println!("{said}");
                host.drop_links();
            }
            ConsoleAnswer::OpenPairing(Role::Patient) => {
                println!("The pairing window is open for five minutes, for a patient's remote.");
            }
            ConsoleAnswer::OpenPairing(Role::Viewer) => {
                println!("The pairing window is open for five minutes, for a remote that may only look.");
            }
            // Answered by the pump's host already, in words.
            ConsoleAnswer::Remotes | ConsoleAnswer::Revoke(_) => {}
            ConsoleAnswer::Quit => return,
        }
    }
    std::future::pending::<()>().await;
}
