//! Bonds the radios, as the first half of a pairing: the pump that a magnet lets itself be found, LE Secure Connections,
//! Just Works. The second half, which proves anything, is the card's secret over the link ([`crate::shell::link::pair`]).
//!
//! # Promises
//! - The agent is registered only while this runs: at any other time a pairing that anybody begins finds nobody to agree.
//! - A bond that is there already is used as it is, and none is removed.

use std::time::Duration;

use bluer::{
    Adapter, AdapterEvent, Address, Device, DeviceEvent, DiscoveryFilter, DiscoveryTransport, Uuid,
    agent::{Agent, AgentHandle},
};
use tokio_stream::{Stream, StreamExt as _};

use super::{
    LinkError, PumpAddress,
    bus::{ANSWER_MAX, Bus, within},
    central::{Central, RESOLVE_MAX, connect, let_go, offers_service},
    service::SERVICE,
};

/// How long a pump with an open window is looked for: its advertisements are seconds apart, and a hand moves a magnet.
const FOUND_MAX: Duration = Duration::from_secs(30);
/// How much longer it is listened, once a pump is found, for another one whose window is open, too.
const ANOTHER_MAX: Duration = Duration::from_secs(3);
/// How long the radio may take to end its looking around.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// How long the radios may take to agree on keys; the standard gives each step of theirs 30 s.
const BOND_MAX: Duration = Duration::from_secs(45);

/// Finds the pump whose pairing window is open and bonds with it; gives the way to it.
pub async fn bond(adapter: Option<&str>) -> Result<Central, LinkError> {
    let bus = Bus::connect().await?;
    let radio = bus.adapter(adapter).await?;
    let _agent = register_agent(&bus).await?;
    let device = radio.device(find(&radio).await?)?;
    // Whoever else looks around through this daemon can't be told to stop; BlueZ then suspends that by itself.
    let _ = tokio::time::timeout(QUIET_MAX, discovery_ended(&radio)).await;
    if !within("describe a device", ANSWER_MAX, device.is_paired()).await.unwrap_or(false) {
        // A radio that takes no bonds makes none that lasts, not even when it begins; strangers find no agent meanwhile.
        within("open the radio", ANSWER_MAX, radio.set_pairable(true)).await?;
        let bonded = connected_and_bonded(&device).await;
        within("close the radio", ANSWER_MAX, radio.set_pairable(false)).await?;
        if let Err(error) = bonded {
            let_go(&device).await;
            return Err(LinkError::NotBonded(error.to_string()));
        }
    }
    within("remember the bond", ANSWER_MAX, device.set_trusted(true)).await?;
    let pump = within("describe a device", ANSWER_MAX, device.remote_address()).await?;
    Ok(Central::new(adapter.map(str::to_owned), Some(PumpAddress(pump.0))))
}

/// Connects first: while BlueZ waits for a bond with a device that is not connected it does nothing else, on no adapter, and a
/// pump under the same daemon could no longer let itself be found. And lets it read the table: whoever asks for a bond before
/// that gets the bond and never an answer.
async fn connected_and_bonded(device: &Device) -> Result<(), LinkError> {
    let changes = within("tell of a device", ANSWER_MAX, device.events()).await?;
    connect(device).await?;
    within("read the pump's table", RESOLVE_MAX, resolved(device, changes)).await?;
    within("bond with the pump", BOND_MAX, device.pair()).await
}

/// Returns once the device's table is read.
async fn resolved(device: &Device, changes: impl Stream<Item = DeviceEvent>) -> bluer::Result<()> {
    tokio::pin!(changes);
    while !device.is_services_resolved().await? && changes.next().await.is_some() {}
    Ok(())
}

/// An agent that can neither show nor ask: the radios then agree without a person, which the secret makes good.
async fn register_agent(bus: &Bus) -> Result<AgentHandle, LinkError> {
    within("take an agent", ANSWER_MAX, bus.session.register_agent(Agent::default())).await
}

/// The one pump that lets itself be found.
async fn find(radio: &Adapter) -> Result<Address, LinkError> {
    let filter = DiscoveryFilter {
        transport: DiscoveryTransport::Le,
        uuids: [Uuid::from_u128(SERVICE)].into(),
        ..DiscoveryFilter::default()
    };
    within("take a filter", ANSWER_MAX, radio.set_discovery_filter(filter)).await?;
    let heard = within("look around", ANSWER_MAX, radio.discover_devices_with_changes()).await?;
    tokio::pin!(heard);
    let first = tokio::time::timeout(FOUND_MAX, next_pump(radio, &mut heard, None)).await;
    let first = first.map_err(|_| LinkError::NoWindow(FOUND_MAX))??;
    let another = tokio::time::timeout(ANOTHER_MAX, next_pump(radio, &mut heard, Some(first.address()))).await;
    // Discovery ends here, with its stream.
    match another {
        Err(_) => Ok(first.address()),
        Ok(another) => another.and(Err(LinkError::SeveralWindows)),
    }
}

/// Returns once the radio no longer looks around: no connection is begun while it does.
async fn discovery_ended(radio: &Adapter) -> bluer::Result<()> {
    let changes = radio.events().await?;
    tokio::pin!(changes);
    while radio.is_discovering().await? && changes.next().await.is_some() {}
    Ok(())
}

/// The next pump, other than this one, that is heard now: BlueZ lists those, too, that it remembers.
async fn next_pump(
    radio: &Adapter,
    heard: &mut (impl tokio_stream::Stream<Item = AdapterEvent> + Unpin),
    but: Option<Address>,
) -> Result<Device, LinkError> {
    while let Some(event) = heard.next().await {
        let AdapterEvent::DeviceAdded(address) = event else { continue };
        if but == Some(address) {
            continue;
        }
        let device = radio.device(address)?;
        let near = within("describe a device", ANSWER_MAX, device.rssi()).await;
        // BlueZ forgets a device that it doesn't hear for a while: then it is not this one, and may be heard again.
        if near.is_ok_and(|rssi| rssi.is_some()) && offers_service(&device).await.unwrap_or(false) {
            return Ok(device);
        }
    }
    Err(LinkError::Silent("go on looking around"))
}
