//! The patient remote: a window on a desktop, or its story without one.

mod bench;
mod compose;
mod console;
mod decommission;
mod first_run;
mod hardware;
mod practice;
mod story;
mod window;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser;
use pump_core::selftest::Condition;
use pump_protocol::session::CardSecret;
use pump_remote::{
    adapters::{gpio, slint::Looks},
    shell::{
        config::{Bluetooth, Config, PumpConfig, Speed},
        log,
    },
};
use tokio::runtime::Runtime;

use self::{
    compose::{Prepared, Which},
    first_run::FirstRun,
    hardware::{say_hardware, stand_alone, start_bench},
    window::{Home, Stage, has_display, panels, show, show_fault},
};

/// A patient's remote for an implanted intrathecal pump. Not a medical device.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Play the whole story in a fresh record and exit: one picture a step, then the record as a table
    #[arg(long)]
    demo: bool,
    /// Where the demo puts its pictures and its record
    #[arg(long, value_name = "DIR", requires = "demo")]
    out: Option<PathBuf>,
    /// Use the pump-simulator on this socket instead of a pump in this process
    #[arg(long, value_name = "PATH", conflicts_with = "demo")]
    socket: Option<PathBuf>,
    /// Use the pump that is bonded over Bluetooth, by this adapter or BlueZ's default one
    #[arg(long, value_name = "ADAPTER", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["demo", "socket"])]
    bluetooth: Option<String>,
    /// Pair with that pump first: the secret on its implant card. Its pairing window must be open
    #[arg(long, value_name = "SECRET", conflicts_with = "demo")]
    pair: Option<String>,
    /// Show nothing and do nothing by itself: take words on standard input, say each change of page on standard output.
    /// Words: hold, stop, look, back, wake, proceed, digit 0 to 9, quit. For benches; a patient has fingers
    #[arg(long, conflicts_with = "demo")]
    headless: bool,
    /// How much faster waiting passes with a simulated pump; give the pump-simulator the same
    #[arg(long, value_name = "N")]
    speed: Option<Speed>,
    /// Show the fault page and nothing else: no record, no link. For the service manager, once the remote has failed too often
    #[arg(long, conflicts_with_all = ["demo", "socket", "bluetooth", "pair", "headless"])]
    fault: bool,
    /// Say which hardware is there, and what the absence of the rest disables
    #[arg(long)]
    hardware: bool,
    /// Take this remote out of use: export its record to this directory, have its pump take its key back, then wipe record and keys
    #[arg(long, value_name = "DIR", conflicts_with_all = ["demo", "pair", "headless", "fault", "hardware"])]
    decommission: Option<PathBuf>,
    /// Where record, keys and simulated pump are kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration; the user's configuration directory is looked in unless named
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log::to_stderr();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pump-remote: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.fault {
        return show_bare_fault(arguments.config.as_deref(), arguments.data_dir.as_deref());
    }
    let (config, configuration) = read_config(arguments.config.as_deref())?;
    let runtime = tasks()?;
    let (panel, window) = panels(config.window.display);
    if arguments.hardware {
        let which = reached_by(arguments.socket, arguments.bluetooth, &config);
        let data_dir = data_dir(arguments.data_dir.or_else(|| config.data_dir.clone()), &which)?;
        runtime.block_on(say_hardware(&config, &data_dir));
        return Ok(());
    }
    if arguments.demo {
        let out = arguments.out.unwrap_or_else(|| std::env::temp_dir().join("pump-remote-demo"));
        return story::play(&runtime, panel, &out);
    }
    let out = std::env::temp_dir().join("pump-remote-demo");
    let card = arguments.pair.as_deref().map(CardSecret::parse).transpose()?;
    let which = reached_by(arguments.socket, arguments.bluetooth, &config);
    let speed = speed(arguments.speed, &config, &which)?;
    if let Some(to) = arguments.decommission {
        let data_dir = data_dir(arguments.data_dir.or_else(|| config.data_dir.clone()), &which)?;
        return runtime.block_on(decommission::decommission(&data_dir, which, &to));
    }
    if matches!(which, Which::InProcess) && card.is_none() && !arguments.headless && !has_display() {
        println!("There is no display here: playing the story headless, in a fresh record.");
        return story::play(&runtime, panel, &out);
    }
    let data_dir = data_dir(arguments.data_dir.or_else(|| config.data_dir.clone()), &which)?;
    let bluetooth = matches!(which, Which::Bluetooth(_));
    let watching = has_display() && !arguments.headless;
    let home = Home { config, configuration, data_dir };
    let begun = runtime.block_on(async {
        let mut prepared = Prepared::open(&home.data_dir, which, speed.get(), false).await?;
        // Nobody else uses them: this is the directory's one instance.
        gpio::switch_off(&home.config.pins);
        if let Some(card) = card {
            println!("Paired with pump {}.", prepared.pair(&card, || {}).await?);
        }
        if (watching || arguments.headless) && !prepared.paired() {
            return Ok(Stage::FirstRun(FirstRun::begin(runtime.handle(), prepared)));
        }
        prepared.start(configuration, home.dark_after()).await.map(Box::new).map(Stage::Running)
    });
    match begun {
        Ok(stage) if watching => show(&runtime, stage, window, home),
        Ok(stage) if arguments.headless => runtime.block_on(console::serve(stage, home)),
        Ok(Stage::FirstRun(_)) => anyhow::bail!("there is neither a display nor a console to pair by"),
        // keeps R-ASK-01
        // The story asks for a dose, and no finger has held: not on a pump that may be in somebody.
        Ok(Stage::Running(_)) if bluetooth => {
            anyhow::bail!("there is no display here, and so no control to hold; --headless takes words")
        }
        Ok(Stage::Running(mut running)) => {
            start_bench(
                runtime.handle(),
                &home,
                &mut running,
                Vec::new(),
                bench::from_the_beginning(Condition::Absent),
            );
            println!(
                "There is no display here: playing one dose headless, in the record in {}.",
                home.data_dir.display()
            );
            story::play_with(&runtime, *running, panel, &out)
        }
        Err(error) if watching => {
            eprintln!("pump-remote: {error:#}");
            let looks = Looks::read(&home.looks()).0;
            stand_alone(&home.config, Some(&home.data_dir));
            show_fault(&runtime, format!("{error:#}"), window, &home.config.card, looks)
        }
        Err(error) => Err(error),
    }
}

/// The fault page of a remote that has failed too often, or whose card can't be mounted. A configuration that can't be read is no
/// reason to show nothing; its own complaint stands on the page then.
fn show_bare_fault(config: Option<&Path>, data_dir: Option<&Path>) -> anyhow::Result<()> {
    let (config, detail) = match read_config(config) {
        Ok((config, _)) => (config, "The remote could not be started, or ended again and again.".to_owned()),
        Err(error) => (Config::default(), format!("{error:#}")),
    };
    let (_, panel) = panels(config.window.display);
    stand_alone(&config, data_dir.or(config.data_dir.as_deref()));
    show_fault(&tasks()?, detail, panel, &config.card, Looks::default())
}

fn tasks() -> anyhow::Result<Runtime> {
    let tasks = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    tasks.context("no tasks can be run")
}

/// The pump: by the command line, or else by the configuration.
fn reached_by(socket: Option<PathBuf>, bluetooth: Option<String>, config: &Config) -> Which {
    match (socket, bluetooth, &config.pump) {
        (Some(path), _, _) => Which::Socket(path),
        (None, Some(adapter), _) => Which::Bluetooth(Some(adapter).filter(|adapter| !adapter.is_empty())),
        (None, None, PumpConfig { socket: Some(path), .. }) => Which::Socket(path.clone()),
        (None, None, PumpConfig { bluetooth: Bluetooth::Adapter(name), .. }) => Which::Bluetooth(Some(name.clone())),
        (None, None, PumpConfig { bluetooth: Bluetooth::On(true), .. }) => Which::Bluetooth(None),
        (None, None, PumpConfig { bluetooth: Bluetooth::On(false), .. }) => Which::InProcess,
    }
}

/// How much faster waiting passes: a pump that may be in somebody keeps its own time.
fn speed(named: Option<Speed>, config: &Config, which: &Which) -> anyhow::Result<Speed> {
    let speed = named.unwrap_or(config.pump.speed);
    anyhow::ensure!(
        speed == Speed::default() || !matches!(which, Which::Bluetooth(_)),
        "a speed of {} is for a simulated pump, and this one is reached over Bluetooth: nothing was started; \
         leave out --speed, or speed in the configuration",
        speed.get()
    );
    Ok(speed)
}

/// The configuration and its file's digest; the default, and none, without a file.
fn read_config(named: Option<&Path>) -> anyhow::Result<(Config, Option<[u8; 32]>)> {
    let usual = || {
        let dirs = directories::ProjectDirs::from("", "", "pump-remote")?;
        Some(dirs.config_dir().join("config.toml")).filter(|path| path.exists())
    };
    let Some(path) = named.map(Path::to_owned).or_else(usual) else { return Ok((Config::default(), None)) };
    let (config, digest) = Config::read(&path)?;
    Ok((config, Some(digest)))
}

/// A directory of its own for each pump: a record belongs to one.
fn data_dir(named: Option<PathBuf>, which: &Which) -> anyhow::Result<PathBuf> {
    if let Some(dir) = named {
        return Ok(dir);
    }
    let dirs = directories::ProjectDirs::from("", "", "pump-remote");
    let dir = dirs.context("there is no home directory: name a place with --data-dir")?.data_dir().to_owned();
    Ok(match which {
        Which::InProcess => dir.join("simulated"),
        Which::Socket(_) => dir.join("socket"),
        Which::Bluetooth(_) => dir.join("bluetooth"),
    })
}
