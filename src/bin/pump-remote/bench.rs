//! What the self-test measures of this machine.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use pump_core::{
    remote::Input,
    selftest::{Condition, Device, Measured},
};
use pump_remote::{
    adapters::{
        battery, bluez, file_digest,
        gpio::Wired,
        program::{self, CONFIRMED, RUNNING},
        systemd, touch,
    },
    shell::{
        config::{BatteryConfig, Part},
        self_test::{self, Measure, TestOrder, clocks, device, key, known, measure},
    },
};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

/// How a device is, once somebody knows.
pub(crate) type Known = watch::Receiver<Option<Condition>>;

/// What there is to be measured.
pub(crate) struct Bench {
    /// Where a confirmed program is kept.
    pub(crate) data_dir: PathBuf,
    /// What is wired to the pins.
    pub(crate) wired: Vec<Wired>,
    /// How the battery is asked.
    pub(crate) battery: BatteryConfig,
    /// The display.
    pub(crate) display: Known,
    /// Whether the pump is reached by radio.
    pub(crate) radio: bool,
}

/// A device of which this is known from the beginning.
pub(crate) fn from_the_beginning(condition: Condition) -> Known {
    watch::channel(Some(condition)).1
}

impl Bench {
    /// Measures whenever the machine wants it.
    pub(crate) async fn serve(self, orders: mpsc::Receiver<TestOrder>, inputs: mpsc::Sender<Input>) {
        let data_dir = self.data_dir.clone();
        let keep = move || {
            let data_dir = data_dir.clone();
            tokio::task::spawn_blocking(move || {
                let kept = file_digest(Path::new(RUNNING)).and_then(|ours| program::confirm(&data_dir, ours));
                if let Err(error) = kept {
                    tracing::warn!(%error, "what was confirmed can't be kept; the next start asks again");
                }
            });
        };
        self_test::serve(orders, inputs, self.measures(), keep, systemd::sound).await;
    }

    fn measures(self) -> Vec<Measure> {
        let condition = |part| self.wired.iter().find(|wired| wired.part == part).map(|wired| wired.condition.clone());
        let absent = || from_the_beginning(Condition::Absent);
        let (sound, vibration) = (condition(Part::Buzzer), condition(Part::Vibration));
        let asks = sound.is_some() || vibration.is_some();
        let button = self.wired.iter().find(|wired| wired.part == Part::Button && wired.missing.is_none());
        let (config, radio) = (self.battery, self.radio);
        let touch = || async { present(touch::present(Path::new(touch::CLASS)).is_some()) };
        vec![
            measured_program(self.data_dir, asks),
            clocks(),
            key(button.map(|wired| wired.down.clone())),
            device(Device::Battery, move || battery(config)),
            known(Device::Sound, sound.unwrap_or_else(absent)),
            known(Device::Vibration, vibration.unwrap_or_else(absent)),
            known(Device::Display, self.display),
            device(Device::Touch, touch),
            device(Device::Link, move || link(radio)),
            device(Device::Watchdog, || async { present(watched()) }),
        ]
    }
}

/// Reading the whole program takes a moment, which is saved where nobody says what it must be and nobody is asked.
fn measured_program(data_dir: PathBuf, asks: bool) -> Measure {
    measure(move || {
        let data_dir = data_dir.clone();
        async move {
            let measured = tokio::task::spawn_blocking(move || measure_program(&data_dir, asks)).await;
            measured.unwrap_or(Measured::Program { found: None, meant: Some([0; 32]), confirmed: None })
        }
    })
}

fn measure_program(data_dir: &Path, asks: bool) -> Measured {
    let installed = std::env::current_exe().ok().and_then(|program| program::installed(&program));
    let meant = installed.and_then(|path| program::written(&path));
    if meant.is_none() && !asks {
        return Measured::Program { found: None, meant, confirmed: None };
    }
    let found = file_digest(Path::new(RUNNING)).ok();
    Measured::Program { found, meant, confirmed: program::written(&data_dir.join(CONFIRMED)) }
}

async fn battery(config: BatteryConfig) -> Condition {
    match tokio::task::spawn_blocking(move || battery::ask(config)).await {
        Ok(None) => Condition::Absent,
        Ok(Some(Ok(_))) => Condition::Works,
        Ok(Some(Err(_))) | Err(_) => Condition::Broken,
    }
}

/// A radio loads its firmware while the pages stand already; a version isn't to go back for being early.
const RADIO_UP_WITHIN: Duration = Duration::from_secs(30);
const RADIO_ASKED_EVERY: Duration = Duration::from_secs(1);

async fn link(radio: bool) -> Condition {
    if !radio {
        return Condition::Absent;
    }
    let up = async {
        while !bluez::radio().await.is_ok_and(|radio| radio.powered) {
            sleep(RADIO_ASKED_EVERY).await;
        }
    };
    if timeout(RADIO_UP_WITHIN, up).await.is_ok() { Condition::Works } else { Condition::Broken }
}

/// Whether systemd waits for signs of life.
fn watched() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some() && std::env::var_os("WATCHDOG_USEC").is_some()
}

const fn present(there: bool) -> Condition {
    if there { Condition::Works } else { Condition::Absent }
}
