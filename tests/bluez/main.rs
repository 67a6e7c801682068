//! The link over BlueZ, proved on the true Linux Bluetooth stack without a radio.
//!
//! `run` makes an emulated machine with a stock Debian kernel, `bluetoothd` and three emulated controllers that hear each other; in
//! it this program drives the real `pump-remote` and `pump-simulator` by what they say and hear on their standard streams. After
//! every case the pump's own history is compared with the remote's record, dose by dose.
//!
//! # Reading order
//! [`stack`] (bus, daemon, controllers), [`program`] (a program and its lines), [`bench`] (a pump and a remote), [`peers`] (pumps that aren't the
//! simulator's), [`judge`] (what
//! must be true afterwards), `cases/`.
//!
//! # Promises
//! - No case passes by being skipped, and none by a wait that ran out. Only one in which `bluetoothd` crashed by itself is run once
//!   more, and that is said.
//! - Nothing sleeps where there is an event to wait for.
#![forbid(unsafe_code)]

mod bare;
mod bench;
mod cases;
mod judge;
mod peers;
mod program;
mod stack;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};

use self::{
    bench::Bench,
    cases::{CASES, Case, Set},
};

/// The longest that one case may take: a hundred connections, with the longest wait before each. Waiting costs the machine nothing.
const CASE_MAX: Duration = Duration::from_mins(45);

/// Drives the bench in the emulated machine.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs cases: the short set unless told
    Cases {
        /// The long set, too
        #[arg(long)]
        all: bool,
        /// Let bluetoothd explain itself
        #[arg(long)]
        debug: bool,
        /// Only the cases whose name contains one of these
        names: Vec<String>,
    },
    /// A pump that knows nothing but writes and indications
    BarePump {
        /// Its controller
        adapter: String,
    },
    /// Names all cases
    List,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no tasks can be run: {error}");
            return ExitCode::FAILURE;
        }
    };
    match arguments.task {
        Task::List => {
            for case in CASES {
                println!("{:5} {}", if case.set == Set::Long { "long" } else { "" }, case.name);
            }
            ExitCode::SUCCESS
        }
        Task::BarePump { adapter } => match runtime.block_on(bare::pump(&adapter)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
        Task::Cases { all, debug, names } => {
            let wanted = |case: &&Case| match names.as_slice() {
                [] => all || case.set == Set::Short,
                names => names.iter().any(|name| case.name.contains(name.as_str())),
            };
            let cases: Vec<_> = CASES.iter().filter(wanted).collect();
            let (passed, failed) = runtime.block_on(run(&cases, debug));
            println!("{passed} passed, {failed} failed");
            if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

async fn run(cases: &[&Case], debug: bool) -> (usize, usize) {
    let begun = Instant::now();
    let mut bench = match Bench::start(debug).await {
        Ok(bench) => bench,
        Err(error) => {
            println!("FAIL  three controllers under bluetoothd: {error:#}");
            return (0, cases.len().max(1));
        }
    };
    println!("three controllers are listed after {:.1} s", begun.elapsed().as_secs_f64());
    let (mut passed, mut failed) = (0, 0);
    for case in cases {
        let begun = Instant::now();
        let mut verdict = one(&mut bench, case).await;
        // BlueZ 5.82 sometimes crashes by itself. That the remote outlives its daemon has cases of its own; this one says nothing then.
        if let (Err(error), Ok(Some(status))) = (&verdict, bench.stack.daemon_crashed()) {
            println!("      bluetoothd ended by itself ({status}) in: {} ({error:#}); once more", case.name);
            verdict = one(&mut bench, case).await;
        }
        let seconds = begun.elapsed().as_secs_f64();
        match verdict {
            Ok(note) => {
                passed += 1;
                println!("pass  {:<44} {seconds:6.1} s  {note}", case.name);
            }
            Err(error) => {
                failed += 1;
                println!("FAIL  {:<44} {seconds:6.1} s  {error:#}", case.name);
                bench.transcript.take().iter().for_each(|line| println!("      | {line}"));
            }
        }
    }
    (passed, failed)
}

async fn one(bench: &mut Bench, case: &Case) -> anyhow::Result<String> {
    bench.transcript.take();
    let judged = async {
        bench.stand_up().await?;
        (case.run)(bench).await
    };
    let ended = tokio::time::timeout(CASE_MAX, judged).await;
    ended.unwrap_or_else(|_| Err(anyhow::anyhow!("it did not end within {} s", CASE_MAX.as_secs())))
}
