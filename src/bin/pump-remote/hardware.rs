//! What is wired to this machine: started for a remote that runs, and said in words with what the absence of the rest disables.

use std::path::Path;

use pump_core::{
    cues::Wishes,
    screen::{Face, Screen},
};
use pump_remote::{
    adapters::{
        backlight::{self, Backlight},
        battery::{self, Reading},
        bluez::{self, Radio, check},
        gpio::{self, Wired, Wires},
        lock::LockError,
        rtc, touch,
    },
    shell::config::{BatteryConfig, Config, Part},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use crate::{
    bench::{Bench, Known},
    compose::{Running, kept_out},
    practice::Hands,
    window::{Home, Watched, has_display},
};

/// The most levels of the button that wait: it tells one every 50 ms.
const PRESSES_MAX: usize = 4;

/// Starts what there is around a remote that runs.
pub(crate) fn wire(runtime: &Handle, home: &Home, running: &mut Running, hands: &Hands, watched: Watched) {
    let Watched { display, touched, wishes } = watched;
    let wired = start_parts(runtime, &home.config, running, hands, wishes.clone());
    if let Some(name) = &home.config.window.backlight {
        match Backlight::open(Path::new(backlight::CLASS), name) {
            Ok(light) => {
                runtime.spawn(backlight::follow(light, running.screens.clone(), touched, wishes));
            }
            Err(error) => eprintln!("pump-remote: no backlight {name} ({error}); the display stays as bright as it is"),
        }
    }
    start_bench(runtime, home, running, wired, display);
}

/// What the configuration says is wired; nothing, for a remote whose clock isn't the machine's.
fn start_parts(
    runtime: &Handle,
    config: &Config,
    running: &Running,
    hands: &Hands,
    wishes: watch::Receiver<Wishes>,
) -> Vec<Wired> {
    if running.hurries {
        return Vec::new();
    }
    let _guard = runtime.enter();
    let (intents, mut pressed) = mpsc::channel(PRESSES_MAX);
    let hands = hands.clone();
    tokio::spawn(async move {
        while let Some(intent) = pressed.recv().await {
            hands.tell(intent);
        }
    });
    let wires = Wires { intents, inputs: running.inputs.clone(), screens: running.screens.clone(), wishes };
    let clock = running.clock.clone();
    tokio::spawn(battery::watch(config.battery, running.inputs.clone(), move || clock.now().uptime));
    let wired = gpio::start(&config.pins, &wires);
    for missing in wired.iter().filter(|wired| wired.missing.is_some()) {
        eprintln!("pump-remote: {missing}");
    }
    wired
}

/// For a page that stands alone: whoever stood before it may have been killed with its lights and its buzzer on, or in the dark. The
/// pins of a remote that runs in this directory are left to it.
pub(crate) fn stand_alone(config: &Config, data_dir: Option<&Path>) {
    let none_runs = data_dir.map_or(Ok(None), kept_out);
    if !matches!(none_runs, Err(LockError::Held { .. })) {
        gpio::switch_off(&config.pins);
    }
    light_up(config);
}

/// The remote that dimmed its display may have been killed in the dark.
pub(crate) fn light_up(config: &Config) {
    let Some(name) = &config.window.backlight else { return };
    if let Err(error) = Backlight::open(Path::new(backlight::CLASS), name).and_then(|light| light.shine()) {
        tracing::warn!(%error, "the backlight can't be set; it stays as it is");
    }
}

/// Whatever measures what the self-test wants.
pub(crate) fn start_bench(runtime: &Handle, home: &Home, running: &mut Running, wired: Vec<Wired>, display: Known) {
    let Some(orders) = running.test_orders.take() else { return };
    let (data_dir, battery) = (home.data_dir.clone(), home.config.battery);
    let bench = Bench { data_dir, wired, battery, display, radio: running.radio };
    runtime.spawn(bench.serve(orders, running.inputs.clone()));
}

/// Which hardware is there, and what the absence of the rest disables.
pub(crate) async fn say_hardware(config: &Config, data_dir: &Path) {
    say_parts(config, data_dir);
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

fn say_parts(config: &Config, data_dir: &Path) {
    // A pin that somebody uses is turned into another by whoever only looks at it.
    match kept_out(data_dir) {
        _ if config.pins.parts().next().is_none() => {}
        Ok(_none_runs) => say_wired(config),
        Err(LockError::Held { .. }) => println!(
            "Pins: not touched, for a remote runs in {}; end it (a service: systemctl stop pump-remote), then ask again.",
            data_dir.display()
        ),
        Err(LockError::Io { source, .. }) => println!(
            "Pins: not touched, for whether a remote runs in {} can't be known ({source}); ask again as its user.",
            data_dir.display()
        ),
    }
    let absent = |part: &&Part| config.pins.parts().all(|(named, _)| named != **part);
    for part in Part::ALL.iter().filter(absent) {
        println!("{}: not configured; {}.", part.name(), gpio::unwired(*part));
    }
}

/// Tries each part that is configured; afterwards its pin is free again.
fn say_wired(config: &Config) {
    let (_, screens) = watch::channel(Screen::alone(Face::Checking));
    let wishes = watch::channel(Wishes::default()).1;
    // Kept to the end: what fails is told to somebody.
    let (inputs, _told) = mpsc::channel(Part::ALL.len());
    let wires = Wires { intents: mpsc::channel(1).0, inputs, screens, wishes };
    for wired in gpio::start(&config.pins, &wires) {
        println!("{wired}.");
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

/// What BlueZ's configuration lacks.
fn say_settings() {
    match check::configuration(Path::new(check::MAIN_CONF)) {
        Ok(missing) if missing.is_empty() => println!("BlueZ's settings: as the link wants them."),
        Ok(missing) => missing.iter().for_each(|missing| println!("BlueZ's settings: {missing}.")),
        Err(error) => println!("BlueZ's settings: {} can't be read ({error}).", check::MAIN_CONF),
    }
}

#[cfg(test)]
mod tests {
    use pump_remote::shell::config::Config;

    use super::*;
    use crate::compose::rehearse;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_remote_whose_clock_runs_ahead_starts_none_of_what_is_wired() {
        let (dir, config) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::fs::write(&config, "[pins]\nchip = \"/nowhere/gpiochip0\"\nready = 17\nbuzzer = 18\n").unwrap();
        let (config, _) = Config::read(config.path()).unwrap();
        let running = rehearse(dir.path()).await.unwrap();
        let (hands, wishes) = (Hands::new(running.intents.clone()).0, watch::channel(Wishes::default()).1);
        let started = start_parts(&Handle::current(), &config, &running, &hands, wishes);
        assert!(started.is_empty(), "{started:?}");
    }
}
