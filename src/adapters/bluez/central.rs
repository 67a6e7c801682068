//! The remote's side of the link: dials the bonded pump, and carries fragments until anything on the way gives up.

use std::{io, time::Duration};

use bluer::{
    Adapter, Address, Device, DeviceEvent, DeviceProperty, ErrorKind, Uuid,
    gatt::{
        WriteOp,
        remote::{Characteristic, CharacteristicWriteRequest},
    },
};
use pump_protocol::fragment::ASSEMBLY_TIME_MAX;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::{Stream, StreamExt};

use super::{
    LinkError, PumpAddress,
    bus::{ANSWER_MAX, Bus, DaemonWatch, within},
    service::{self, SERVICE, SESSION},
};
use crate::adapters::{Dial, FRAGMENTS_WAITING_MAX, Fragments};

/// How long one attempt looks for a pump that doesn't answer: four intervals of a slow advertiser's 2.5 s, and a little.
const CONNECT_MAX: Duration = Duration::from_secs(12);
/// How long the peer's table may take to be read: BlueZ keeps none, so a few dozen exchanges each time.
pub(super) const RESOLVE_MAX: Duration = Duration::from_secs(12);
/// How long the link before may take to be let go of.
const LET_GO_MAX: Duration = Duration::from_secs(8);
/// How often a connection that our own side cut while it was being made is tried again within one attempt.
const ABORTED_MAX: u32 = 3;
/// What BlueZ says when its own controller gave up a connection that was being made.
const ABORTED: &str = "le-connection-abort-by-local";
/// The MTU that every link has.
const MTU_MIN: usize = 23;
/// What `bluer` takes off the MTU that it reports, for the sake of sockets that are not used here.
const MTU_WITHHELD: usize = 5;

/// Why a link ended: the peer is no longer connected.
const DISCONNECTED: &str = "disconnected";

/// Dials the pump that is bonded with this machine.
pub struct Central {
    adapter: Option<String>,
    bus: Option<Bus>,
    pump: Option<PumpAddress>,
    turn: Turn,
    /// The link before: it is let go of before another is made.
    carrying: Option<JoinHandle<()>>,
}

/// Which of several bonds is dialled next, where it is not known which is the pump's. A link that opens says nothing of that,
/// only a session does: so each bond has its turn, whatever came of the one before.
struct Turn(usize);

/// What carries a link's fragments.
struct Channel {
    device: Device,
    session: Characteristic,
    largest_write: usize,
}

impl Central {
    /// A way to the pump that is bonded under this address, by this adapter or the default one. Without an address each bond
    /// is tried in turn.
    pub const fn new(adapter: Option<String>, pump: Option<PumpAddress>) -> Self {
        Self { adapter, bus: None, pump, turn: Turn(0), carrying: None }
    }

    /// Where the pump is.
    pub const fn pump(&self) -> Option<PumpAddress> {
        self.pump
    }

    /// Removes this machine's bond with the pump, and its keys. Nothing is removed where it isn't known which bond is the pump's.
    pub async fn forget(&mut self) -> Result<(), LinkError> {
        let Some(pump) = self.pump.map(|pump| Address::new(pump.0)) else { return Ok(()) };
        let named = self.adapter.clone();
        let adapter = self.bus().await?.adapter(named.as_deref()).await?;
        for device in bonded(&adapter, Some(pump)).await? {
            within("remove a device", ANSWER_MAX, adapter.remove_device(device.address())).await?;
        }
        Ok(())
    }

    /// The bus, connected anew if it was lost.
    async fn bus(&mut self) -> Result<&Bus, LinkError> {
        let bus = match self.bus.take() {
            Some(bus) if bus.stands() => bus,
            Some(_) | None => Bus::connect().await?,
        };
        Ok(self.bus.insert(bus))
    }

    async fn reach(&mut self) -> Result<Fragments, LinkError> {
        let (named, pump) = (self.adapter.clone(), self.pump.map(|pump| Address::new(pump.0)));
        if let Some(carrying) = self.carrying.take() {
            // What is still standing after that, the daemon has lost track of; the new connection will tell.
            let _ = tokio::time::timeout(LET_GO_MAX, carrying).await;
        }
        let bus = self.bus().await?;
        let daemon = bus.watch();
        let adapter = bus.adapter(named.as_deref()).await?;
        let bonded = bonded(&adapter, pump).await?;
        let device = self.turn.take(&bonded).ok_or(LinkError::NoBond)?;
        match open(device.clone(), daemon).await {
            Ok((link, carrying)) => {
                self.carrying = Some(carrying);
                Ok(link)
            }
            Err(error) => {
                let_go(device).await;
                Err(error)
            }
        }
    }
}

impl Turn {
    fn take<'a, T>(&mut self, bonds: &'a [T]) -> Option<&'a T> {
        let bond = bonds.get(self.0.checked_rem(bonds.len())?);
        self.0 = self.0.wrapping_add(1);
        bond
    }
}

impl Dial for Central {
    async fn dial(&mut self) -> io::Result<Fragments> {
        Ok(self.reach().await?)
    }
}

/// The bonded devices, in an order that stays; only this one, if it is named. Nothing is ever written to a device without a
/// bond: BlueZ would begin to pair with it.
async fn bonded(adapter: &Adapter, pump: Option<Address>) -> Result<Vec<Device>, LinkError> {
    let mut addresses: Vec<Address> = within("list its devices", ANSWER_MAX, adapter.device_addresses()).await?;
    addresses.sort();
    let mut bonded = Vec::new();
    for address in addresses {
        let device = adapter.device(address)?;
        if !within("describe a device", ANSWER_MAX, device.is_paired()).await? {
            continue;
        }
        // A device that changes its address on the air is listed by the one it was first seen with, and keeps this one.
        if pump.is_none() || pump == Some(within("describe a device", ANSWER_MAX, device.remote_address()).await?) {
            bonded.push(device);
        }
    }
    Ok(bonded)
}

/// Whether a device said that it has our service, on the air or in its table.
pub(super) async fn offers_service(device: &Device) -> Result<bool, LinkError> {
    let offered = within("describe a device", ANSWER_MAX, device.uuids()).await?;
    Ok(offered.is_some_and(|offered| offered.contains(&Uuid::from_u128(SERVICE))))
}

/// Connects, reads the table, subscribes.
// keeps R-LNK-21
async fn open(device: Device, daemon: DaemonWatch) -> Result<(Fragments, JoinHandle<()>), LinkError> {
    let changes = within("tell of a device", ANSWER_MAX, device.events()).await?;
    connect(&device).await?;
    let (session, largest_write) = session_channel(&device).await?;
    let indications = within("subscribe", RESOLVE_MAX, session.notify()).await?;
    let (to, outgoing) = mpsc::channel(FRAGMENTS_WAITING_MAX);
    let (incoming, from) = mpsc::channel(FRAGMENTS_WAITING_MAX);
    let channel = Channel { device, session, largest_write };
    let carrying = tokio::spawn(channel.carry(outgoing, incoming, indications, changes, daemon));
    Ok((Fragments { to, from, largest_write }, carrying))
}

/// Connects, however often our own side gives up a connection that was being made.
pub(super) async fn connect(device: &Device) -> Result<(), LinkError> {
    let attempt = async {
        for _ in 1..ABORTED_MAX {
            match device.connect().await {
                Err(error) if error.message.contains(ABORTED) => tracing::debug!(%error, "connecting again"),
                Err(error) if error.kind == ErrorKind::AlreadyConnected => return Ok(()),
                connected => return connected,
            }
        }
        device.connect().await
    };
    within("connect to the pump", CONNECT_MAX, attempt).await
}

/// The session channel with all that it must have, and the longest fragment that it carries.
async fn session_channel(device: &Device) -> Result<(Characteristic, usize), LinkError> {
    let found = async {
        let mut found = Vec::new();
        for service in device.services().await? {
            if service.uuid().await? == Uuid::from_u128(SERVICE) {
                for characteristic in service.characteristics().await? {
                    if characteristic.uuid().await? == Uuid::from_u128(SESSION) {
                        let flags = characteristic.flags().await?;
                        found.push((characteristic, flags.write && flags.indicate));
                    }
                }
            }
        }
        Ok(found)
    };
    let mut found = within("read the pump's table", RESOLVE_MAX, found).await?;
    let Some((session, true)) = found.pop().filter(|_| found.is_empty()) else { return Err(LinkError::NotAPump) };
    // An older BlueZ doesn't tell it; the smallest then carries all, in more fragments.
    let told = within("tell the MTU", ANSWER_MAX, session.mtu()).await;
    let mtu = told.map_or(MTU_MIN, |mtu| (mtu + MTU_WITHHELD).max(MTU_MIN));
    Ok((session, service::largest_write(mtu)))
}

/// Ends whatever connection there is, or is being made.
pub(super) async fn let_go(device: &Device) {
    if let Err(error) = within("disconnect", ANSWER_MAX, device.disconnect()).await {
        tracing::debug!(%error, "nothing to disconnect");
    }
}

/// Returns once the peer is no longer connected, or is gone from BlueZ's sight.
pub(super) async fn disconnected(changes: impl Stream<Item = DeviceEvent>) {
    tokio::pin!(changes);
    while let Some(change) = changes.next().await {
        if matches!(change, DeviceEvent::PropertyChanged(DeviceProperty::Connected(false))) {
            return;
        }
    }
}

impl Channel {
    /// Carries fragments both ways until either side, or anything in between, ends it.
    async fn carry(
        self,
        outgoing: mpsc::Receiver<Vec<u8>>,
        incoming: mpsc::Sender<Vec<u8>>,
        indications: impl Stream<Item = Vec<u8>>,
        changes: impl Stream<Item = DeviceEvent>,
        mut daemon: DaemonWatch,
    ) {
        let why = tokio::select! {
            why = self.write(outgoing) => why,
            why = hear(indications, incoming) => why,
            () = disconnected(changes) => DISCONNECTED,
            () = daemon.changed() => "bluetoothd ended or began anew",
        };
        tracing::debug!(why, "link ended");
        // What is connected once the peer has left, is the next attempt's.
        if why != DISCONNECTED {
            let_go(&self.device).await;
        }
    }

    async fn write(&self, mut outgoing: mpsc::Receiver<Vec<u8>>) -> &'static str {
        let with_response = CharacteristicWriteRequest { op_type: WriteOp::Request, ..Default::default() };
        while let Some(fragment) = outgoing.recv().await {
            debug_assert!(fragment.len() <= self.largest_write, "a longer write is several, and no safe unit");
            let writing = self.session.write_ext(&fragment, &with_response);
            // One fragment that takes longer than a whole frame may is none.
            if let Err(error) = within("write", Duration::from(ASSEMBLY_TIME_MAX), writing).await {
                tracing::debug!(%error, "a write failed");
                return "a write failed";
            }
        }
        "ended from this side"
    }
}

/// Takes what the pump says. Whoever says more than is taken here ends the link: nothing grows.
async fn hear(indications: impl Stream<Item = Vec<u8>>, incoming: mpsc::Sender<Vec<u8>>) -> &'static str {
    tokio::pin!(indications);
    loop {
        let fragment = tokio::select! {
            fragment = indications.next() => fragment,
            () = incoming.closed() => return "ended from this side",
        };
        match fragment.map(|fragment| incoming.try_send(fragment)) {
            Some(Ok(())) => {}
            Some(Err(_)) => return "more was said than is taken",
            None => return "the pump's table has changed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bonds_have_their_turns_whether_or_not_the_one_before_opened() {
        let mut turn = Turn(0);
        let dialled: Vec<_> = (0..5).filter_map(|_| turn.take(&["a stranger", "the pump"]).copied()).collect();
        assert_eq!(dialled, ["a stranger", "the pump", "a stranger", "the pump", "a stranger"]);
        assert_eq!(turn.take::<u8>(&[]), None);
        assert!(Turn(usize::MAX).take(&["the pump"]).is_some());
    }

    #[tokio::test]
    async fn whoever_says_more_than_is_taken_ends_the_link() {
        let (incoming, mut from) = mpsc::channel(FRAGMENTS_WAITING_MAX);
        let flood = tokio_stream::iter(0_u32..).map(|nth| nth.to_le_bytes().to_vec());
        assert_eq!(hear(flood, incoming).await, "more was said than is taken");
        let mut taken = 0;
        while from.recv().await.is_some() {
            taken += 1;
        }
        assert_eq!(taken, FRAGMENTS_WAITING_MAX, "what waits is bounded");
    }

    #[tokio::test]
    async fn a_table_that_changes_or_a_shell_that_leaves_ends_the_link() {
        let (incoming, from) = mpsc::channel(1);
        assert_eq!(hear(tokio_stream::empty(), incoming.clone()).await, "the pump's table has changed");
        drop(from);
        assert_eq!(hear(tokio_stream::pending(), incoming).await, "ended from this side");
    }

    #[tokio::test]
    async fn only_the_loss_of_the_connection_counts_as_one() {
        let change = |property| DeviceEvent::PropertyChanged(property);
        let others = [change(DeviceProperty::Connected(true)), change(DeviceProperty::ServicesResolved(false))];
        let waiting = disconnected(tokio_stream::iter(others).chain(tokio_stream::pending()));
        assert!(tokio::time::timeout(Duration::from_millis(20), waiting).await.is_err());
        let left = tokio_stream::iter([change(DeviceProperty::Connected(false))]).chain(tokio_stream::pending());
        disconnected(left).await;
        // The device is gone from BlueZ's sight.
        disconnected(tokio_stream::empty()).await;
    }
}
