//! What there is of Bluetooth on this machine, asked of BlueZ through `bluer`.
//!
//! The link itself over BlueZ is not here yet: this only says whether a radio could carry it.

use std::time::Duration;

use thiserror::Error;

/// How long BlueZ may take to answer: `bluer` itself would wait two minutes.
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// A radio that could carry the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Radio {
    /// BlueZ's name for it.
    pub name: String,
    /// Whether it is switched on.
    pub powered: bool,
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

/// Asks BlueZ for its default adapter.
#[cfg(all(target_os = "linux", feature = "bluetooth"))]
pub async fn radio() -> Result<Radio, NoRadio> {
    let asked = async {
        let adapter = bluer::Session::new().await?.default_adapter().await?;
        Ok(Radio { name: adapter.name().to_owned(), powered: adapter.is_powered().await? })
    };
    tokio::time::timeout(ANSWER_MAX, asked).await.map_err(|_| NoRadio::Silent(ANSWER_MAX))?
}

/// Without the adapter there is no radio.
#[cfg(not(all(target_os = "linux", feature = "bluetooth")))]
pub async fn radio() -> Result<Radio, NoRadio> {
    Err(NoRadio::NotBuilt)
}
