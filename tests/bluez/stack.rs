//! The true stack: the bus, `bluetoothd`, and three emulated controllers that hear each other.

use std::{fs, process::ExitStatus, time::Duration};

use anyhow::Context as _;
use bluer::{Adapter, AdapterEvent, Session};
use futures::StreamExt as _;

use crate::program::{Program, Transcript};

const BLUETOOTHD: &str = "/usr/libexec/bluetooth/bluetoothd";
const BUS: &str = "/run/dbus/system_bus_socket";
/// How long controllers may take to be listed; the first reset of one may time out after half of it, and never comes back.
const LISTED_MAX: Duration = Duration::from_secs(12);
/// How often the controllers are made anew before the machine is given up.
const CONTROLLERS_MAX: u32 = 4;
/// What a daemon says when it is there.
const DAEMON_MAX: Duration = Duration::from_secs(20);

/// Bus, daemon and controllers.
#[derive(Debug)]
pub(crate) struct Stack {
    _bus: Program,
    controllers: Option<Program>,
    bluetoothd: Option<Program>,
    transcript: Transcript,
    debug: bool,
    /// The remote's controller, the pump's, and one for whoever brings a host stack of his own.
    pub(crate) adapters: [String; 3],
}

impl Stack {
    /// Starts everything, and returns once all controllers are listed.
    pub(crate) async fn start(transcript: &Transcript, debug: bool) -> anyhow::Result<Self> {
        fs::create_dir_all("/run/dbus")?;
        let arguments = ["--system", "--nofork", "--nopidfile", "--print-address=1"];
        let mut bus = Program::start("bus", "dbus-daemon", arguments, transcript)?;
        bus.line("its address", DAEMON_MAX, |line| line.contains(BUS)).await?;
        let mut tries = 0;
        loop {
            let controllers = Program::start("btvirt", "btvirt", ["-l3"], transcript)?;
            let bluetoothd = start_bluetoothd(transcript, debug)?;
            match tokio::time::timeout(LISTED_MAX, all_listed()).await {
                Ok(adapters) => {
                    let (transcript, bluetoothd) = (transcript.clone(), Some(bluetoothd));
                    let adapters = adapters?;
                    return Ok(Self {
                        _bus: bus,
                        controllers: Some(controllers),
                        bluetoothd,
                        transcript,
                        debug,
                        adapters,
                    });
                }
                Err(_) => transcript.tell("bench", "controllers were not listed in time: making them anew"),
            }
            tries += 1;
            anyhow::ensure!(tries < CONTROLLERS_MAX, "controllers were never listed");
            bluetoothd.kill().await?;
            controllers.kill().await?;
        }
    }

    /// Undoes what a case has left: a dead daemon, controllers that are gone or off.
    pub(crate) async fn stand_up(&mut self) -> anyhow::Result<()> {
        let dead = self.bluetoothd.is_none() || self.daemon_crashed()?.is_some();
        if dead {
            self.bluetoothd = Some(start_bluetoothd(&self.transcript, self.debug)?);
        }
        if self.controllers.is_none() {
            self.bring_controllers().await?;
        } else if dead {
            self.listed_again().await?;
        }
        for adapter in [self.remotes().await?, self.pumps().await?] {
            if !adapter.is_powered().await? {
                adapter.set_powered(true).await?;
            }
            tokio::time::timeout(DAEMON_MAX, until_powered(&adapter, true)).await.context("an adapter stays off")??;
        }
        Ok(())
    }

    /// How `bluetoothd` ended without anybody's doing; `None` while it runs, or when it was killed.
    pub(crate) fn daemon_crashed(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.bluetoothd.as_mut().map_or(Ok(None), Program::crashed)
    }

    /// Kills `bluetoothd`, as if it had crashed.
    pub(crate) async fn kill_bluetoothd(&mut self) -> anyhow::Result<()> {
        self.bluetoothd.take().context("bluetoothd is killed already")?.kill().await
    }

    /// Starts it again, and returns once all controllers are listed.
    pub(crate) async fn start_bluetoothd(&mut self) -> anyhow::Result<()> {
        self.bluetoothd = Some(start_bluetoothd(&self.transcript, self.debug)?);
        self.listed_again().await
    }

    async fn listed_again(&self) -> anyhow::Result<()> {
        tokio::time::timeout(DAEMON_MAX, all_listed()).await.context("no controllers after bluetoothd's restart")??;
        Ok(())
    }

    /// Takes all controllers away, as if each had been pulled out; returns once none is listed.
    pub(crate) async fn take_controllers(&mut self) -> anyhow::Result<()> {
        self.controllers.take().context("the controllers are gone already")?.kill().await?;
        tokio::time::timeout(DAEMON_MAX, none_listed()).await.context("controllers stay")?
    }

    /// Brings them back, with the addresses that they had.
    pub(crate) async fn bring_controllers(&mut self) -> anyhow::Result<()> {
        for _ in 0..CONTROLLERS_MAX {
            let controllers = Program::start("btvirt", "btvirt", ["-l3"], &self.transcript)?;
            if let Ok(adapters) = tokio::time::timeout(LISTED_MAX, all_listed()).await {
                self.controllers = Some(controllers);
                let adapters = adapters?;
                anyhow::ensure!(adapters == self.adapters, "the controllers came back as {adapters:?}");
                return Ok(());
            }
            controllers.kill().await?;
        }
        anyhow::bail!("controllers were never listed")
    }

    /// The remote's controller, as the daemon shows it.
    pub(crate) async fn remotes(&self) -> anyhow::Result<Adapter> {
        Ok(Session::new().await?.adapter(&self.adapters[0])?)
    }

    /// The pump's.
    pub(crate) async fn pumps(&self) -> anyhow::Result<Adapter> {
        Ok(Session::new().await?.adapter(&self.adapters[1])?)
    }

    /// Takes the third controller from the daemon, for another host stack; its number.
    pub(crate) async fn spare(&self) -> anyhow::Result<String> {
        let [_, _, spare] = tokio::time::timeout(DAEMON_MAX, all_listed()).await.context("no spare controller")??;
        let adapter = Session::new().await?.adapter(&spare)?;
        adapter.set_powered(false).await?;
        tokio::time::timeout(DAEMON_MAX, until_powered(&adapter, false)).await.context("the spare stays on")??;
        Ok(spare.trim_start_matches("hci").to_owned())
    }

    /// Forgets every device, bonded or not, on both sides: by the bench's hand, no program may.
    pub(crate) async fn forget_bonds(&self) -> anyhow::Result<()> {
        for adapter in [self.remotes().await?, self.pumps().await?] {
            for device in adapter.device_addresses().await? {
                adapter.remove_device(device).await?;
            }
        }
        Ok(())
    }
}

fn start_bluetoothd(transcript: &Transcript, debug: bool) -> anyhow::Result<Program> {
    let arguments = ["--nodetach"].into_iter().chain(debug.then_some("--debug"));
    Program::start("bluetoothd", BLUETOOTHD, arguments, transcript)
}

/// The names of three controllers that are switched on, once there are three.
async fn all_listed() -> anyhow::Result<[String; 3]> {
    let session = Session::new().await?;
    let mut events = Box::pin(session.events().await?);
    loop {
        let Ok(mut names) = session.adapter_names().await else {
            // The daemon is not on the bus yet, and the library has no event for its coming.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        names.sort();
        if let Ok(names) = <[String; 3]>::try_from(names) {
            for name in &names {
                // The daemon switches on what it finds.
                until_powered(&session.adapter(name)?, true).await?;
            }
            return Ok(names);
        }
        events.next().await.context("the daemon is gone")?;
    }
}

/// Returns once no controller is listed.
async fn none_listed() -> anyhow::Result<()> {
    let session = Session::new().await?;
    let mut events = Box::pin(session.events().await?);
    while !session.adapter_names().await?.is_empty() {
        events.next().await.context("the daemon is gone")?;
    }
    Ok(())
}

/// Waits until an adapter's property has a value.
pub(crate) async fn until_powered(adapter: &Adapter, powered: bool) -> anyhow::Result<()> {
    let mut events = Box::pin(adapter.events().await?);
    while adapter.is_powered().await? != powered {
        match events.next().await {
            Some(AdapterEvent::PropertyChanged(_) | AdapterEvent::DeviceAdded(_) | AdapterEvent::DeviceRemoved(_)) => {}
            None => anyhow::bail!("the adapter is gone"),
        }
    }
    Ok(())
}
