//! A pump in a process of its own: served on a Unix socket, with a console for the clinic and for misfortune.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Parser;
use pump_protocol::message::Role;
use pump_remote::{
    adapters::{
        clock::Clock,
        lock::Lock,
        simulated::{Host, SharedHost},
        socket,
    },
    shell::{config::Speed, log},
};
use simulated_pump::{Setup, console::ConsoleAnswer};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    signal::unix::{SignalKind, signal},
};

/// A simulated intrathecal pump. Not a medical device.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The socket to listen on; one remote at a time
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
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
    let state = arguments.state.unwrap_or_else(|| arguments.socket.with_extension("pump"));
    // First, because a second simulator must not touch the state that the first one lives by.
    let _lock = Lock::take(&state.with_extension("lock"))?;
    let listener = socket::listen(&arguments.socket)
        .await
        .with_context(|| format!("can't listen on {}", arguments.socket.display()))?;
    let host =
        Host::open(&state, Setup::demonstration_at(clock.now().wall), arguments.speed.get(), clock.now().uptime)?;
    println!("Pump {} on {}.", host.pump().serial(), arguments.socket.display());
    println!("Implant card secret: {}", host.card().printed().as_str());
    println!(
        "To pair a remote: type \"magnet\" here, then start it with --pair and the secret. \"help\" lists the rest."
    );
    let host = SharedHost::new(host);
    let console = tokio::spawn(console(host.clone(), clock.clone()));
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => host.serve(socket::carry(stream), clock.clone()).await,
                    Err(error) => tracing::warn!(%error, "a remote could not connect"),
                }
            }
        } => {}
        ended = console => ended?,
        _ = terminated.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    host.with(|host| {
        host.live_until(clock.now().uptime);
        host.store()
    })?;
    std::fs::remove_file(&arguments.socket).context("the socket could not be removed")
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
            ConsoleAnswer::Quit => return,
        }
    }
    std::future::pending::<()>().await;
}
