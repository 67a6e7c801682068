//! The way to BlueZ: one connection for its objects, and one that tells when `bluetoothd` comes and goes.
//!
//! Nothing of the library ends by itself when the daemon dies: its streams stay silent. So its name on the bus is watched.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bluer::{Adapter, Session};
use dbus::{
    message::MatchRule,
    nonblock::{MsgMatch, SyncConnection},
};
use dbus_tokio::connection::new_system_sync;
use tokio::{
    sync::watch,
    task::{AbortHandle, spawn_blocking},
};

use super::{
    LinkError,
    check::{OLDEST, Version},
};

/// BlueZ's name on the system bus.
pub(super) const BLUEZ: &str = "org.bluez";
/// How long the daemon may take for what needs no radio. The library itself would wait two minutes.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Connections to the system bus, for as long as it stands.
pub(super) struct Bus {
    pub(super) session: Session,
    /// For what the library doesn't do.
    pub(super) connection: Arc<SyncConnection>,
    daemon: watch::Receiver<Daemon>,
    watching: AbortHandle,
    version_seen: AtomicBool,
    _rule: MsgMatch,
}

/// What became of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Daemon {
    /// As it was found, or started anew.
    There,
    /// It has ended.
    Gone,
    /// The bus itself has ended.
    BusGone,
}

impl Bus {
    /// Connects to the system bus; the daemon need not be there yet.
    pub(super) async fn connect() -> Result<Self, LinkError> {
        let session = within("connect to D-Bus", ANSWER_MAX, Session::new()).await?;
        let connecting = spawn_blocking(new_system_sync);
        let (resource, connection) = tokio::time::timeout(ANSWER_MAX, connecting)
            .await
            .map_err(|_| LinkError::Silent("connect to D-Bus"))?
            .map_err(|_| LinkError::NoBus("the task that connects has ended".to_owned()))?
            .map_err(|error| LinkError::NoBus(error.to_string()))?;
        let (told, daemon) = watch::channel(Daemon::There);
        let bus_told = told.clone();
        let watching = tokio::spawn(async move {
            let lost = resource.await;
            tracing::warn!(%lost, "the system bus is gone");
            bus_told.send_replace(Daemon::BusGone);
        });
        let rule = MatchRule::new_signal("org.freedesktop.DBus", "NameOwnerChanged");
        let adding = tokio::time::timeout(ANSWER_MAX, connection.add_match(rule)).await;
        let rule = adding
            .map_err(|_| LinkError::Silent("watch bluetoothd"))?
            .map_err(|error| LinkError::NoBus(error.to_string()))?
            .cb(move |_, (name, _, new): (String, String, String)| {
                if name == BLUEZ {
                    told.send_replace(if new.is_empty() { Daemon::Gone } else { Daemon::There });
                }
                true
            });
        Ok(Self {
            session,
            connection,
            daemon,
            watching: watching.abort_handle(),
            version_seen: AtomicBool::new(false),
            _rule: rule,
        })
    }

    /// Says once what an old daemon means.
    async fn look_at_version(&self, adapter: &Adapter) {
        if self.version_seen.swap(true, Ordering::Relaxed) {
            return;
        }
        match within("describe its adapter", ANSWER_MAX, version(adapter)).await {
            Ok(Some(version)) if version < OLDEST => tracing::warn!(
                "BlueZ is {version}, and should be {OLDEST} at least: it knows not all of its settings, and may crash with the link"
            ),
            Ok(Some(version)) => tracing::debug!(%version, "BlueZ"),
            Ok(None) | Err(_) => tracing::debug!("BlueZ doesn't tell its version"),
        }
    }

    /// Whether the bus itself is still there: without it everything is to be connected anew.
    pub(super) fn stands(&self) -> bool {
        *self.daemon.borrow() != Daemon::BusGone
    }

    /// Watches the daemon from now on.
    pub(super) fn watch(&self) -> DaemonWatch {
        let mut daemon = self.daemon.clone();
        daemon.mark_unchanged();
        DaemonWatch(daemon)
    }

    /// The adapter of this name, or the default one; switched on.
    pub(super) async fn adapter(&self, named: Option<&str>) -> Result<Adapter, LinkError> {
        let adapter = match named {
            Some(name) => self.session.adapter(name)?,
            None => within("name its adapter", ANSWER_MAX, self.session.default_adapter()).await?,
        };
        if within("describe its adapter", ANSWER_MAX, adapter.is_powered()).await? {
            self.look_at_version(&adapter).await;
            return Ok(adapter);
        }
        Err(LinkError::RadioOff(adapter.name().to_owned()))
    }
}

/// The daemon's version, where its radio still has the name that it gave it.
pub(super) async fn version(adapter: &Adapter) -> bluer::Result<Option<Version>> {
    let told = adapter.modalias().await?;
    Ok(told.and_then(|told| Version::of_modalias(told.vendor, told.product, told.device)))
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Sees `bluetoothd` end or begin.
// keeps R-LNK-22
#[derive(Clone)]
pub(super) struct DaemonWatch(watch::Receiver<Daemon>);

impl DaemonWatch {
    /// Returns once the daemon has ended, or another has begun, since this watch began or was last told of it.
    pub(super) async fn changed(&mut self) {
        // The sender lives as long as the connection does; without it nothing holds any more.
        let _ = self.0.changed().await;
    }
}

/// Waits for the daemon, but no longer than it may take.
pub(super) async fn within<T>(
    what: &'static str,
    longest: Duration,
    asked: impl Future<Output = bluer::Result<T>>,
) -> Result<T, LinkError> {
    Ok(tokio::time::timeout(longest, asked).await.map_err(|_| LinkError::Silent(what))??)
}
