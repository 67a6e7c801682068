//! The patient remote: a window on a desktop, or its story without one.

mod bench;
mod compose;
mod console;
mod story;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use pump_core::{
    audit::event::WallDoubt,
    cues::Wishes,
    screen::{Face, Fault, Intent, LinkHealth, Screen, Visit},
    selftest::Condition,
};
use pump_protocol::session::CardSecret;
use pump_remote::{
    adapters::{
        backlight::{self, Backlight},
        battery::{self, Reading},
        bluez::{self, Radio, check},
        gpio::{self, Wired, Wires},
        rtc,
        slint::{Looks, Panel, Window},
        systemd::{self, FIRST_PAGE},
        touch,
    },
    shell::{
        config::{BatteryConfig, Bluetooth, CardConfig, Config, Display, Part, PumpConfig, Speed},
        hand_over, log,
    },
};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    time::Instant,
};

use self::{
    bench::{Bench, Known},
    compose::{Running, Which},
};

/// What the person chose on the page of settings: its place in the data directory.
const LOOKS: &str = "looks.toml";

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
    /// Words: hold, stop, look, back, wake, digit 0 to 9, quit. For benches; a patient has fingers
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
        return show_bare_fault(arguments.config.as_deref());
    }
    let (config, configuration) = read_config(arguments.config.as_deref())?;
    let runtime = tasks()?;
    let (panel, window) = panels(config.window.display);
    if arguments.hardware {
        runtime.block_on(say_hardware(&config));
        return Ok(());
    }
    if arguments.demo {
        let out = arguments.out.unwrap_or_else(|| std::env::temp_dir().join("pump-remote-demo"));
        return story::play(&runtime, panel, &out);
    }
    let out = std::env::temp_dir().join("pump-remote-demo");
    let pair = arguments.pair.as_deref().map(CardSecret::parse).transpose()?;
    let which = match reached_by(arguments.socket, arguments.bluetooth, &config) {
        Reached::Socket(path) => Which::Socket { path, pair },
        Reached::Bluetooth(adapter) => Which::Bluetooth { adapter, pair },
        Reached::InProcess if pair.is_some() => {
            anyhow::bail!("--pair is for a pump on a --socket or over --bluetooth; the one in this process is paired")
        }
        Reached::InProcess if !arguments.headless && !has_display() => {
            println!("There is no display here: playing the story headless, in a fresh record.");
            return story::play(&runtime, panel, &out);
        }
        Reached::InProcess => Which::InProcess,
    };
    let data_dir = data_dir(arguments.data_dir.or_else(|| config.data_dir.clone()), &which)?;
    let bluetooth = matches!(which, Which::Bluetooth { .. });
    let speed = arguments.speed.unwrap_or(config.pump.speed);
    match runtime.block_on(compose::start(&data_dir, which, configuration, speed.get(), false)) {
        Ok(mut running) if arguments.headless => {
            let display = bench::from_the_beginning(Condition::Absent);
            start_bench(&runtime, &config, &mut running, Vec::new(), display, data_dir);
            runtime.block_on(console::serve(running))
        }
        // keeps R-ASK-01
        // The story asks for a dose, and no finger has held: not on a pump that may be in somebody.
        Ok(_) if !has_display() && bluetooth => {
            anyhow::bail!("there is no display here, and so no control to hold; --headless takes words")
        }
        Ok(mut running) if !has_display() => {
            let display = bench::from_the_beginning(Condition::Absent);
            start_bench(&runtime, &config, &mut running, Vec::new(), display, data_dir.clone());
            println!("There is no display here: playing one dose headless, in the record in {}.", data_dir.display());
            story::play_with(&runtime, running, panel, &out)
        }
        Ok(mut running) => {
            let (wish, wishes) = watch::channel(Wishes { ready_cue: true, quiet: None });
            let wired = start_parts(&runtime, &config, &running, wishes);
            let (seen, display) = watch::channel(None);
            let looks = data_dir.join(LOOKS);
            start_bench(&runtime, &config, &mut running, wired, display, data_dir);
            let touched = start_backlight(&runtime, &config, &running, wish.subscribe());
            show(&runtime, running, window, &config.card, looks, Watched { seen, touched, wish })
        }
        Err(error) if arguments.headless || !has_display() => Err(error),
        Err(error) => {
            eprintln!("pump-remote: {error:#}");
            let looks = Looks::read(&data_dir.join(LOOKS)).0;
            show_fault(&runtime, format!("{error:#}"), window, &config.card, looks)
        }
    }
}

fn tasks() -> anyhow::Result<Runtime> {
    let tasks = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    tasks.context("no tasks can be run")
}

/// The display that the pages are laid out for, and what they are shown on.
const fn panels(display: Display) -> (Panel, Panel) {
    match display {
        Display::Portrait if cfg!(feature = "device") => (Panel::FIVE_INCH, Panel::FIVE_INCH),
        Display::Portrait => (Panel::FIVE_INCH, Panel::FIVE_INCH_WINDOW),
        Display::Landscape => (Panel::SEVEN_INCH, Panel::SEVEN_INCH),
    }
}

/// The fault page of a remote that has failed too often, or whose card can't be mounted. A configuration that can't be read is no
/// reason to show nothing; its own complaint stands on the page then.
fn show_bare_fault(config: Option<&Path>) -> anyhow::Result<()> {
    let (config, detail) = match read_config(config) {
        Ok((config, _)) => (config, "The remote could not be started, or ended again and again.".to_owned()),
        Err(error) => (Config::default(), format!("{error:#}")),
    };
    let (_, panel) = panels(config.window.display);
    show_fault(&tasks()?, detail, panel, &config.card, Looks::default())
}

/// How the pump is reached.
enum Reached {
    InProcess,
    Socket(PathBuf),
    Bluetooth(Option<String>),
}

/// The command line's way to the pump, or else the configuration's.
fn reached_by(socket: Option<PathBuf>, bluetooth: Option<String>, config: &Config) -> Reached {
    match (socket, bluetooth, &config.pump) {
        (Some(path), _, _) => Reached::Socket(path),
        (None, Some(adapter), _) => Reached::Bluetooth(Some(adapter).filter(|adapter| !adapter.is_empty())),
        (None, None, PumpConfig { socket: Some(path), .. }) => Reached::Socket(path.clone()),
        (None, None, PumpConfig { bluetooth: Bluetooth::Adapter(name), .. }) => Reached::Bluetooth(Some(name.clone())),
        (None, None, PumpConfig { bluetooth: Bluetooth::On(true), .. }) => Reached::Bluetooth(None),
        (None, None, PumpConfig { bluetooth: Bluetooth::On(false), .. }) => Reached::InProcess,
    }
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
        Which::Socket { .. } => dir.join("socket"),
        Which::Bluetooth { .. } => dir.join("bluetooth"),
    })
}

/// What the configuration says is wired.
fn start_parts(runtime: &Runtime, config: &Config, running: &Running, wishes: watch::Receiver<Wishes>) -> Vec<Wired> {
    let _guard = runtime.enter();
    let wires = Wires {
        intents: running.intents.clone(),
        inputs: running.inputs.clone(),
        screens: running.screens.clone(),
        wishes,
    };
    let clock = running.clock.clone();
    tokio::spawn(battery::watch(config.battery, running.inputs.clone(), move || clock.now().uptime));
    let wired = gpio::start(&config.pins, &wires);
    for missing in wired.iter().filter(|wired| wired.missing.is_some()) {
        eprintln!("pump-remote: {missing}");
    }
    wired
}

/// What follows from touches: the backlight, if the configuration names one.
fn start_backlight(
    runtime: &Runtime,
    config: &Config,
    running: &Running,
    wishes: watch::Receiver<Wishes>,
) -> watch::Sender<Instant> {
    let (touch, touched) = watch::channel(Instant::now());
    if let Some(name) = &config.window.backlight {
        match Backlight::open(Path::new(backlight::CLASS), name) {
            Ok(light) => {
                runtime.spawn(backlight::follow(light, running.screens.clone(), touched, wishes));
            }
            Err(error) => eprintln!("pump-remote: no backlight {name} ({error}); the display stays as bright as it is"),
        }
    }
    touch
}

/// What others learn from the window.
struct Watched {
    /// That it is open.
    seen: watch::Sender<Option<Condition>>,
    /// That somebody touched it.
    touched: watch::Sender<Instant>,
    /// What the person wishes to hear.
    wish: watch::Sender<Wishes>,
}

/// Whatever measures what the self-test wants.
fn start_bench(
    runtime: &Runtime,
    config: &Config,
    running: &mut Running,
    wired: Vec<Wired>,
    display: Known,
    data_dir: PathBuf,
) {
    let Some(orders) = running.test_orders.take() else { return };
    let bench = Bench { data_dir, wired, battery: config.battery, display, radio: running.radio };
    runtime.spawn(bench.serve(orders, running.inputs.clone()));
}

fn say_parts(config: &Config) {
    let (_, screens) = watch::channel(fault_screen(Face::Checking));
    let wishes = watch::channel(Wishes { ready_cue: false, quiet: None }).1;
    // Kept to the end: what fails is told to somebody.
    let (inputs, _told) = mpsc::channel(Part::ALL.len());
    let wires = Wires { intents: mpsc::channel(1).0, inputs, screens, wishes };
    for wired in gpio::start(&config.pins, &wires) {
        println!("{wired}.");
    }
    let absent = |part: &&Part| config.pins.parts().all(|(named, _)| named != **part);
    for part in Part::ALL.iter().filter(absent) {
        println!("{}: not configured; {}.", part.name(), gpio::unwired(*part));
    }
}

fn say_battery(config: BatteryConfig) {
    match battery::ask(config) {
        None => println!("Battery: none; nothing is told of it."),
        Some(Ok(Reading { charge, charging, .. })) => {
            println!("Battery: {} %{}.", charge / 1_000, if charging { ", charged" } else { "" });
        }
        Some(Err(refused)) => println!("Battery: {refused}; what is left in it is unknown, and no dose is offered."),
    }
}

async fn say_hardware(config: &Config) {
    say_parts(config);
    say_battery(config.battery);
    match touch::present(Path::new(touch::CLASS)) {
        Some(name) => println!("Touchscreen: {name}."),
        None => println!("Touchscreen: none; a pointer does on a desktop, and on a device the bolus button alone."),
    }
    match rtc::present(Path::new(rtc::CLASS)) {
        Some(name) => println!("Clock with a battery: {name}."),
        None => {
            println!("Clock with a battery: none; after a power cut clock times are hidden until the time is known.");
        }
    }
    match bluez::radio().await {
        Ok(Radio { name, powered, bluez }) => {
            let version = bluez.map(|version| format!(", BlueZ {version}")).unwrap_or_default();
            println!("Bluetooth: {name}, {}{version}.", if powered { "on" } else { "off" });
            say_settings();
        }
        Err(missing) => println!("Bluetooth: {missing}. Simulated pumps work without it."),
    }
    let display = match has_display() {
        true if cfg!(feature = "desktop") => "a window can be opened",
        true => "drawn on by this program itself, without a window",
        false => "none; the story plays headless",
    };
    println!("Display: {display}.");
}

/// What BlueZ's configuration lacks.
fn say_settings() {
    match check::configuration(Path::new(check::MAIN_CONF)) {
        Ok(missing) if missing.is_empty() => println!("BlueZ's settings: as the link wants them."),
        Ok(missing) => missing.iter().for_each(|missing| println!("BlueZ's settings: {missing}.")),
        Err(error) => println!("BlueZ's settings: {} can't be read ({error}).", check::MAIN_CONF),
    }
}

/// On the device the display is this program's: where it is missing, that is an error and no reason to do anything else.
fn has_display() -> bool {
    if cfg!(feature = "device") && !cfg!(feature = "desktop") {
        return true;
    }
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(feature = "desktop") && (named("DISPLAY") || named("WAYLAND_DISPLAY"))
}

/// Alarms and cues through the speaker, where there is one.
#[cfg(all(target_os = "linux", feature = "sound"))]
fn start_sound(runtime: &Runtime, screens: watch::Receiver<Screen>, wishes: watch::Receiver<Wishes>) {
    use pump_remote::adapters::sound;

    runtime.spawn(sound::play(sound::speaker::Speaker::default(), screens, wishes));
}

#[cfg(not(all(target_os = "linux", feature = "sound")))]
fn start_sound(_: &Runtime, _: watch::Receiver<Screen>, _: watch::Receiver<Wishes>) {}

/// Shows the remote until its window is closed or the program is told to end.
fn show(
    runtime: &Runtime,
    running: Running,
    panel: Panel,
    card: &CardConfig,
    looks_file: PathBuf,
    watched: Watched,
) -> anyhow::Result<()> {
    let Running { mut screens, intents, close, mut turned, rounds, ended, .. } = running;
    let (looks, unread) = Looks::read(&looks_file);
    if let Some(error) = unread {
        tracing::warn!(%error, "the chosen looks can't be read; the usual ones are shown");
    }
    hand_over(&intents, Intent::Quiet(looks.quiet.hours()));
    let Watched { seen, touched, wish } = watched;
    wish.send_replace(looks.wishes());
    start_sound(runtime, screens.clone(), wish.subscribe());
    let keep = move |looks: Looks| {
        // Where nothing can be heard nobody listens to wishes.
        let _ = wish.send(looks.wishes());
        if let Err(error) = looks.store(&looks_file) {
            tracing::warn!(%error, "the chosen looks can't be kept; they last until the program ends");
        }
    };
    let intend = move |intent| {
        if intent == Intent::Wake {
            touched.send_replace(Instant::now());
        }
        hand_over(&intents, intent);
    };
    let mut window = Window::choosing(intend, keep).context("no window can be opened")?;
    window.dress(looks);
    window.introduce(card);
    window.fit(panel);
    window.apply(&screens.borrow_and_update().clone());
    window.show().context("no window can be opened")?;
    let (shown, back) = watch::channel(FIRST_PAGE);
    runtime.spawn(systemd::keep(systemd::PAGES, rounds, back));
    slint::spawn_local(async move {
        Window::drawn().await;
        // The window is open and its loop turns; whether anybody can see it is asked of people.
        seen.send_replace(Some(Condition::Works));
        shown.send_replace(FIRST_PAGE);
        loop {
            tokio::select! {
                changed = screens.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    window.apply(&screens.borrow_and_update().clone());
                }
                Ok(()) = turned.changed() => {
                    let round = *turned.borrow_and_update();
                    Window::drawn().await;
                    shown.send_replace(round);
                }
            }
        }
        // The loop has ended: nothing may stand here as if it were true.
        let _ = slint::quit_event_loop();
    })
    .map_err(|_| anyhow::anyhow!("the window has no event loop"))?;
    runtime.spawn(end_when_told());
    Window::run().context("the window ended")?;
    systemd::stopping();
    // Already gone: the loop has ended by itself.
    let _ = close.send(());
    runtime.block_on(ended).context("the remote did not end in good order")
}

/// A page that says what is wrong, until its window is closed; the way to the emergency page works here too.
fn show_fault(runtime: &Runtime, detail: String, panel: Panel, card: &CardConfig, looks: Looks) -> anyhow::Result<()> {
    let (told, mut visits) = mpsc::unbounded_channel();
    let tell = move |intent| {
        if let Intent::Visit(to) = intent {
            let _ = told.send(to);
        }
    };
    let mut window = Window::new(tell).context("no window can be opened")?;
    window.dress(looks);
    window.introduce(card);
    window.fit(panel);
    let fault = fault_screen(Face::Fault(Fault::Record { detail }));
    window.apply(&fault);
    window.show().context("no window can be opened")?;
    // There is no loop here: rounds go to the display alone.
    let (rounds, mut turned) = watch::channel(FIRST_PAGE);
    let (shown, back) = watch::channel(FIRST_PAGE);
    runtime.spawn(systemd::keep(systemd::FAULT, rounds, back));
    slint::spawn_local(async move {
        Window::drawn().await;
        shown.send_replace(FIRST_PAGE);
        loop {
            tokio::select! {
                visit = visits.recv() => match visit {
                    Some(Visit::Emergency) => {
                        window.apply(&fault_screen(Face::Emergency { drug: None, stop: None }));
                    }
                    // Nothing else can be shown truthfully.
                    Some(_) => window.apply(&fault),
                    None => break,
                },
                Ok(()) = turned.changed() => {
                    let round = *turned.borrow_and_update();
                    Window::drawn().await;
                    shown.send_replace(round);
                }
            }
        }
    })
    .map_err(|_| anyhow::anyhow!("the window has no event loop"))?;
    let told = runtime.spawn(end_when_told());
    Window::run().context("the window ended")?;
    systemd::stopping();
    // Told, or closed by a hand on a desktop: whoever was told is about to end, too.
    let told = runtime.block_on(async { tokio::time::timeout(Duration::from_millis(200), told).await.is_ok() });
    anyhow::ensure!(told, "ended on the fault page");
    Ok(())
}

fn fault_screen(face: Face) -> Screen {
    Screen {
        face,
        hold: None,
        clock: Err(WallDoubt::NotSet),
        link: LinkHealth::OutOfReach,
        heard_min_ago: None,
        alarms: Vec::new(),
        signals: None,
        notice: None,
    }
}

/// Ends the window's event loop on SIGTERM or SIGINT; the rest follows from that.
async fn end_when_told() {
    let (Ok(mut terminated), Ok(mut interrupted)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals can't be heard: close the window to end in good order");
        return;
    };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    if slint::quit_event_loop().is_err() {
        tracing::warn!("the window has no event loop to quit");
    }
}
