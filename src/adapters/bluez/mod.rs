//! The link over Bluetooth LE, through BlueZ: the remote's side as a GATT central, the simulated pump's as a peripheral.
//!
//! BlueZ can't say whether a bond is authenticated, so a bond is trusted with nothing but quiet on the air: who the pump is,
//! is the session's to prove ([`crate::shell::link`]). What is lost here is lost as on any link, by the channels closing.
//!
//! # Promises
//! - Every call has a limit of its own; nothing here waits for the library's two minutes.
//! - What is written is written with a response, or the link ends.
//! - No bond is removed but the pump's, when the remote is taken out of use.
//! - A link ends when the peer leaves, when `bluetoothd` ends or begins anew, when its adapter is switched off or taken away,
//!   and when either side says more than the other takes. Every attempt looks all objects up anew.

mod address;
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
mod agent;
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
mod bus;
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
mod central;
pub mod check;
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
mod pairing;
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
mod peripheral;
pub mod service;
#[cfg(not(all(target_os = "linux", feature = "bluetooth")))]
mod without;

use std::time::Duration;

use thiserror::Error;

pub use self::address::PumpAddress;
#[cfg(not(all(target_os = "linux", feature = "bluetooth")))]
pub use self::without::{Central, bond, serve};
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
pub use self::{central::Central, pairing::bond, peripheral::serve};

/// A radio that could carry the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Radio {
    /// BlueZ's name for it.
    pub name: String,
    /// Whether it is switched on.
    pub powered: bool,
    /// BlueZ's version, where it can be had.
    pub bluez: Option<check::Version>,
}

/// Why there is no radio.
#[derive(Debug, Error)]
pub enum NoRadio {
    /// No D-Bus, no `bluetoothd`, or no adapter.
    #[cfg(all(target_os = "linux", feature = "bluetooth"))]
    #[error("no Bluetooth radio ({0}): bluetoothd must run, and there must be an adapter")]
    Bluez(#[from] bluer::Error),
    /// BlueZ is silent.
    #[error("no Bluetooth radio: BlueZ did not answer within {0:?}")]
    Silent(Duration),
    /// Built without the adapter.
    #[error("no Bluetooth radio: this program was built without the bluetooth feature")]
    NotBuilt,
}

/// Why there is no link. Nothing was changed, and no bond was touched.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The system bus.
    #[error("the system bus can't be reached ({0}): dbus-daemon must run")]
    NoBus(String),
    /// BlueZ refused, or failed.
    #[cfg(all(target_os = "linux", feature = "bluetooth"))]
    #[error("BlueZ: {0}")]
    Bluez(#[from] bluer::Error),
    /// BlueZ, or the pump behind it, took too long.
    #[error("BlueZ did not {0} in time")]
    Silent(&'static str),
    /// The adapter is off.
    #[error("the radio {0} is switched off: switch it on, with bluetoothctl power on or rfkill unblock bluetooth")]
    RadioOff(String),
    /// No agent: nobody can be bonded with.
    #[error("BlueZ takes no agent ({0}): nobody can pair")]
    NoAgent(String),
    /// No pump is bonded.
    #[error("no pump is bonded with this machine: pair it first")]
    NoBond,
    /// The peer has another service, or none.
    #[error("what answered offers no pump's service, or another one than ours")]
    NotAPump,
    /// No pump lets itself be found.
    #[error(
        "no pump with an open pairing window was found within {} s: hold the magnet over the pump (in the pump-simulator, \
         type \"magnet\") and pair again; nothing was changed",
        .0.as_secs()
    )]
    NoWindow(Duration),
    /// More than one pump lets itself be found.
    #[error("more than one pump has its pairing window open: close all but one, and pair again; nothing was changed")]
    SeveralWindows,
    /// The bond was not made.
    #[error("the pump was found, but the radios did not bond ({0}): hold the magnet again and pair once more")]
    NotBonded(String),
    /// Built without the adapter.
    #[error("this program was built without the bluetooth feature")]
    NotBuilt,
}

/// Asks BlueZ for its default adapter.
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
pub async fn radio() -> Result<Radio, NoRadio> {
    let asked = async {
        let adapter = bluer::Session::new().await?.default_adapter().await?;
        let (powered, bluez) = (adapter.is_powered().await?, bus::version(&adapter).await?);
        Ok(Radio { name: adapter.name().to_owned(), powered, bluez })
    };
    tokio::time::timeout(bus::ANSWER_MAX, asked).await.map_err(|_| NoRadio::Silent(bus::ANSWER_MAX))?
}

/// Without the adapter there is no radio.
#[cfg(not(all(target_os = "linux", feature = "bluetooth")))]
pub async fn radio() -> Result<Radio, NoRadio> {
    Err(NoRadio::NotBuilt)
}

impl From<LinkError> for std::io::Error {
    fn from(error: LinkError) -> Self {
        Self::other(error)
    }
}
