//! The simulated pump's side of the link: a GATT service that carries fragments, and an advertisement that says as little as
//! it can.
//!
//! # Promises
//! - A write is answered at once, whatever the pump makes of it: a server that answers after the link is gone has brought
//!   down a `bluetoothd` (5.66).
//! - The table never changes while the pump lives. What is written or read needs an encrypted link.
//! - There is an agent, and the radio can be bonded with, only while the pairing window is open; only then does the
//!   advertisement say what this is. Where BlueZ doesn't close the radio it is told so every second until it does; the agent
//!   is gone meanwhile.
//! - One link at a time: a write by anybody else while one stands is refused.
//! - When `bluetoothd` begins anew, everything is registered anew.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bluer::{
    Adapter, Address, Uuid,
    adv::{Advertisement, AdvertisementHandle},
    gatt::local::{
        Application, ApplicationHandle, Characteristic, CharacteristicNotifier, CharacteristicNotify,
        CharacteristicNotifyMethod, CharacteristicRead, CharacteristicWrite, CharacteristicWriteMethod, ReqError,
        Service,
    },
};
use dbus::nonblock::SyncConnection;
use pump_protocol::fragment::ASSEMBLY_TIME_MAX;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use super::{
    LinkError,
    agent::LetIn,
    bus::{ANSWER_MAX, Bus, DaemonWatch, within},
    central::{disconnected, let_go},
    service::{
        DEVICE_INFORMATION, MANUFACTURER_NAME, MODEL_NUMBER, SERVICE, SESSION, STATUS, STATUS_CHANGED, STATUS_QUIET,
        largest_write,
    },
};
use crate::adapters::{Aspect, FRAGMENTS_WAITING_MAX, Fragments, Serve, clock::Clock};

/// How often an advertisement is registered again while nobody is linked: an emulated controller says each only once.
const ADVERTISED_EVERY: Duration = Duration::from_secs(2);
/// How long a peer may be connected before it writes: longer than a remote takes to connect and to read the table.
const SILENT_MAX: Duration = Duration::from_secs(30);
/// How long after a failure everything is tried anew, unless the daemon tells of itself before.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a peer that writes may take to be subscribed: BlueZ tells of both at once, in tasks that may overtake each other.
const SUBSCRIBED_MAX: Duration = Duration::from_secs(5);
/// The most subscriptions that wait to be seen; only the newest counts.
const SUBSCRIPTIONS_MAX: usize = 4;

/// Why a link ended: the pump dropped it.
const BY_THE_PUMP: &str = "ended by the pump";
/// Why a link ended: the peer is no longer connected.
const DISCONNECTED: &str = "disconnected";

/// A fragment that somebody wrote.
#[derive(Debug)]
struct Write {
    from: Address,
    mtu: u16,
    fragment: Vec<u8>,
}

/// What the callbacks of the table share with whoever serves the link.
#[derive(Clone)]
struct Doors {
    writes: mpsc::Sender<Write>,
    subscriptions: mpsc::Sender<CharacteristicNotifier>,
    status_subscriptions: mpsc::Sender<CharacteristicNotifier>,
    /// Who is linked.
    linked: Arc<Mutex<Option<Address>>>,
    aspect: watch::Receiver<Aspect>,
}

/// A pump that stands on the air.
struct Standing {
    adapter: Adapter,
    daemon: DaemonWatch,
    doors: Doors,
    writes: mpsc::Receiver<Write>,
    subscriptions: mpsc::Receiver<CharacteristicNotifier>,
    subscription: Option<CharacteristicNotifier>,
    aspect: watch::Receiver<Aspect>,
    clock: Clock,
    helpers: [AbortHandle; 2],
    _application: ApplicationHandle,
}

/// Serves the pump over Bluetooth for as long as the program runs; says the adapter's name once it stands. Only what is
/// wrong at the beginning is an error.
pub async fn serve(
    pump: impl Serve,
    adapter: Option<String>,
    clock: Clock,
    ready: impl FnOnce(&str),
) -> Result<(), LinkError> {
    let mut bus = Bus::connect().await?;
    let mut daemon = bus.watch();
    let mut standing = Standing::begin(&bus, adapter.as_deref(), pump.aspect(), &clock).await?;
    ready(standing.adapter.name());
    loop {
        let lost = standing.live(&pump).await;
        tracing::info!(%lost, "off the air");
        standing = loop {
            tokio::select! {
                () = daemon.changed() => {}
                () = tokio::time::sleep(AGAIN) => {}
            }
            if !bus.stands() {
                match Bus::connect().await {
                    Ok(anew) => (daemon, bus) = (anew.watch(), anew),
                    Err(error) => {
                        tracing::debug!(%error, "no bus yet");
                        continue;
                    }
                }
            }
            match Standing::begin(&bus, adapter.as_deref(), pump.aspect(), &clock).await {
                Ok(standing) => break standing,
                Err(error) => tracing::debug!(%error, "not on the air yet"),
            }
        };
        tracing::info!("on the air again");
    }
}

impl Standing {
    /// Registers the table.
    async fn begin(
        bus: &Bus,
        named: Option<&str>,
        aspect: watch::Receiver<Aspect>,
        clock: &Clock,
    ) -> Result<Self, LinkError> {
        let daemon = bus.watch();
        let adapter = bus.adapter(named).await?;
        let (write, writes) = mpsc::channel(FRAGMENTS_WAITING_MAX);
        let (subscribe, subscriptions) = mpsc::channel(SUBSCRIPTIONS_MAX);
        let (subscribe_status, status_subscriptions) = mpsc::channel(SUBSCRIPTIONS_MAX);
        let doors = Doors {
            writes: write,
            subscriptions: subscribe,
            status_subscriptions: subscribe_status,
            linked: Arc::default(),
            aspect: aspect.clone(),
        };
        within("close the radio to strangers", ANSWER_MAX, adapter.set_pairable(false)).await?;
        let serving = adapter.serve_gatt_application(table(&doors));
        let application = within("take the pump's table", ANSWER_MAX, serving).await?;
        let doorkeeper =
            tokio::spawn(keep_doors(bus.connection.clone(), adapter.clone(), aspect.clone(), clock.clone()));
        let teller = tokio::spawn(tell_status(aspect.clone(), status_subscriptions));
        Ok(Self {
            adapter,
            daemon,
            doors,
            writes,
            subscriptions,
            subscription: None,
            aspect,
            clock: clock.clone(),
            helpers: [doorkeeper.abort_handle(), teller.abort_handle()],
            _application: application,
        })
    }

    /// Advertises and serves one link after the other, until the radio or the daemon is gone.
    async fn live(&mut self, pump: &impl Serve) -> LinkError {
        loop {
            let first = match self.advertise().await {
                Ok(first) => first,
                Err(lost) => return lost,
            };
            if let Err(lost) = self.carry(first, pump).await {
                return lost;
            }
        }
    }

    /// Is there to be found until somebody writes.
    async fn advertise(&mut self) -> Result<Write, LinkError> {
        let mut silent = BTreeMap::new();
        loop {
            let open = is_open(*self.aspect.borrow_and_update(), &self.clock);
            let _advertised = match self.register_advertisement(open).await {
                Ok(advertised) => Some(advertised),
                // While BlueZ is busy with the radio, advertisements that were taken back still have their places; whoever is
                // connected, or bonding, must not lose the pump by that.
                Err(busy) if self.is_on().await => {
                    tracing::debug!(%busy, "not advertised this time");
                    None
                }
                Err(lost) => return Err(lost),
            };
            tokio::select! {
                Some(write) = self.writes.recv() => return Ok(write),
                () = self.daemon.changed() => return Err(LinkError::Silent("stay")),
                _ = self.aspect.changed() => {}
                () = tokio::time::sleep(ADVERTISED_EVERY) => {
                    // Whoever is bonding says nothing for long.
                    if !open {
                        self.drop_silent(&mut silent).await?;
                    }
                }
            }
        }
    }

    /// Ends connections over which nobody has said anything for [`SILENT_MAX`]: they keep others out.
    async fn drop_silent(&self, silent: &mut BTreeMap<Address, Instant>) -> Result<(), LinkError> {
        let now = Instant::now();
        for address in within("list its devices", ANSWER_MAX, self.adapter.device_addresses()).await? {
            let device = self.adapter.device(address)?;
            // One that has gone meanwhile is not connected.
            if !within("describe a device", ANSWER_MAX, device.is_connected()).await.unwrap_or(false) {
                silent.remove(&address);
            } else if now.duration_since(*silent.entry(address).or_insert(now)) >= SILENT_MAX {
                tracing::info!("a connection without a word was ended");
                silent.remove(&address);
                let_go(&device).await;
            }
        }
        Ok(())
    }

    async fn is_on(&self) -> bool {
        within("describe its adapter", ANSWER_MAX, self.adapter.is_powered()).await.unwrap_or(false)
    }

    async fn register_advertisement(&self, open: bool) -> Result<AdvertisementHandle, LinkError> {
        let service_uuids = open.then(|| Uuid::from_u128(SERVICE)).into_iter().collect();
        let said = Advertisement { service_uuids, discoverable: Some(open), ..Advertisement::default() };
        within("advertise", ANSWER_MAX, self.adapter.advertise(said)).await
    }

    /// Serves the pump to whoever wrote first, until either side ends it.
    async fn carry(&mut self, first: Write, pump: &impl Serve) -> Result<(), LinkError> {
        let (peer, largest_write) = (first.from, largest_write(usize::from(first.mtu)));
        let device = self.adapter.device(peer)?;
        let changes = within("tell of a device", ANSWER_MAX, device.events()).await?;
        let (to_pump, from_peer) = mpsc::channel(FRAGMENTS_WAITING_MAX);
        let (to_peer, from_pump) = mpsc::channel(FRAGMENTS_WAITING_MAX);
        self.doors.link(Some(peer));
        let serving = pump.serve(Fragments { to: to_peer, from: from_peer, largest_write });
        tokio::pin!(serving);
        let why = tokio::select! {
            () = &mut serving => Ok(BY_THE_PUMP),
            why = hear(first, &mut self.writes, to_pump) => Ok(why),
            why = say(from_pump, &mut self.subscription, &mut self.subscriptions) => Ok(why),
            () = disconnected(changes) => Ok(DISCONNECTED),
            () = self.daemon.changed() => Err(LinkError::Silent("stay")),
        };
        // The pump has its link until it has seen that both channels are closed.
        if !matches!(why, Ok(BY_THE_PUMP)) {
            serving.await;
        }
        if let Ok(why) = why {
            tracing::debug!(why, "link ended");
        }
        // A peer that has left may be on its way back: that connection is the next link's.
        if !matches!(why, Ok(DISCONNECTED)) {
            let_go(&device).await;
        }
        self.doors.link(None);
        // Whatever was written to the link that is gone is of no use to the next.
        while self.writes.try_recv().is_ok() {}
        why.map(|_| ())
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.helpers.iter().for_each(AbortHandle::abort);
    }
}

/// Passes on what the linked peer writes.
async fn hear(first: Write, writes: &mut mpsc::Receiver<Write>, to_pump: mpsc::Sender<Vec<u8>>) -> &'static str {
    let peer = first.from;
    let mut next = Some(first);
    while let Some(write) = next {
        if write.from == peer && to_pump.try_send(write.fragment).is_err() {
            return "more was said than is taken";
        }
        next = writes.recv().await;
    }
    "nothing can be written any more"
}

/// Indicates what the pump says, one fragment after the other.
async fn say(
    mut from_pump: mpsc::Receiver<Vec<u8>>,
    subscription: &mut Option<CharacteristicNotifier>,
    subscriptions: &mut mpsc::Receiver<CharacteristicNotifier>,
) -> &'static str {
    while let Some(fragment) = from_pump.recv().await {
        while let Ok(newer) = subscriptions.try_recv() {
            *subscription = Some(newer);
        }
        if subscription.as_ref().is_none_or(CharacteristicNotifier::is_stopped) {
            *subscription = tokio::time::timeout(SUBSCRIBED_MAX, subscriptions.recv()).await.unwrap_or_default();
        }
        let Some(subscribed) = subscription else { return "nobody is subscribed" };
        // One fragment that takes longer than a whole frame may is none.
        match tokio::time::timeout(Duration::from(ASSEMBLY_TIME_MAX), subscribed.notify(fragment)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "the peer is no longer subscribed",
            Err(_) => return "an indication was not confirmed",
        }
    }
    BY_THE_PUMP
}

/// Whether the radio can be bonded with, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Closed,
    Open,
    /// It could not be moved, and may stand either way.
    Unsure,
}

/// One step towards a radio that is open, with an agent, or closed, without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Open,
    RegisterAgent,
    DropAgent,
    Close,
}

/// Moves the radio's door.
struct Doorkeeper {
    connection: Arc<SyncConnection>,
    adapter: Adapter,
    door: Door,
    agent: Option<LetIn>,
}

impl Door {
    /// What is to be done next; `None` once nothing is.
    const fn next_step(self, open: bool, agent: bool) -> Option<Step> {
        match (open, self, agent) {
            (true, Self::Closed | Self::Unsure, _) => Some(Step::Open),
            (true, Self::Open, false) => Some(Step::RegisterAgent),
            (false, _, true) => Some(Step::DropAgent),
            (false, Self::Open | Self::Unsure, false) => Some(Step::Close),
            (true, Self::Open, true) | (false, Self::Closed, false) => None,
        }
    }
}

impl Doorkeeper {
    async fn take(&mut self, step: Step) -> Result<(), LinkError> {
        match step {
            Step::Open => self.set_pairable(true, Door::Open).await?,
            Step::RegisterAgent => self.agent = Some(LetIn::register(self.connection.clone()).await?),
            Step::DropAgent => self.agent = None,
            Step::Close => self.set_pairable(false, Door::Closed).await?,
        }
        Ok(())
    }

    async fn set_pairable(&mut self, pairable: bool, then: Door) -> Result<(), LinkError> {
        // Until BlueZ has said that it is done.
        self.door = Door::Unsure;
        within("move the radio's doors", ANSWER_MAX, self.adapter.set_pairable(pairable)).await?;
        self.door = then;
        Ok(())
    }
}

/// Opens the radio to a new bond while the pairing window is open, and only then. What fails is tried again until it is done.
async fn keep_doors(
    connection: Arc<SyncConnection>,
    adapter: Adapter,
    mut aspect: watch::Receiver<Aspect>,
    clock: Clock,
) {
    // Closed by whoever registered the table.
    let mut keeper = Doorkeeper { connection, adapter, door: Door::Closed, agent: None };
    let mut stuck = false;
    loop {
        let seen = *aspect.borrow_and_update();
        let open = is_open(seen, &clock);
        let Some(step) = keeper.door.next_step(open, keeper.agent.is_some()) else {
            stuck = false;
            let closes = async {
                match seen.window.filter(|_| open) {
                    Some(until) => clock.sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = aspect.changed() => if changed.is_err() { return },
                () = closes => {}
            }
            continue;
        };
        if let Err(error) = keeper.take(step).await {
            if !stuck {
                tracing::warn!(%error, ?step, "the radio's doors can't be moved");
            }
            stuck = true;
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Indicates the latch whenever it changes, to whoever is subscribed.
async fn tell_status(mut aspect: watch::Receiver<Aspect>, mut subscriptions: mpsc::Receiver<CharacteristicNotifier>) {
    let mut subscription: Option<CharacteristicNotifier> = None;
    let mut told = None;
    loop {
        tokio::select! {
            newer = subscriptions.recv() => {
                let Some(newer) = newer else { return };
                subscription = Some(newer);
            }
            changed = aspect.changed() => if changed.is_err() { return },
        }
        let latch = latch(*aspect.borrow_and_update());
        if told != Some(latch)
            && let Some(subscribed) = subscription.as_mut().filter(|subscribed| !subscribed.is_stopped())
        {
            told = Some(latch);
            let telling = subscribed.notify(vec![latch]);
            if !matches!(tokio::time::timeout(Duration::from(ASSEMBLY_TIME_MAX), telling).await, Ok(Ok(()))) {
                // Whoever reads the latch later sees it all the same.
                subscription = None;
            }
        }
    }
}

fn is_open(seen: Aspect, clock: &Clock) -> bool {
    seen.window.is_some_and(|until| clock.now().uptime < until)
}

const fn latch(seen: Aspect) -> u8 {
    if seen.news { STATUS_CHANGED } else { STATUS_QUIET }
}

impl Doors {
    fn link(&self, peer: Option<Address>) {
        *self.linked.lock().unwrap_or_else(PoisonError::into_inner) = peer;
    }

    /// Takes a write, or refuses it; never waits.
    fn take(&self, write: Write) -> Result<(), ReqError> {
        let linked = *self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        if linked.is_some_and(|peer| peer != write.from) {
            return Err(ReqError::NotPermitted);
        }
        self.writes.try_send(write).map_err(|_| ReqError::Failed)
    }
}

/// The whole table: it is the same in every run.
fn table(doors: &Doors) -> Application {
    let pump = Service {
        uuid: Uuid::from_u128(SERVICE),
        primary: true,
        characteristics: vec![session_channel(doors), status_latch(doors)],
        ..Service::default()
    };
    let about = Service {
        uuid: Uuid::from_u128(DEVICE_INFORMATION),
        primary: true,
        characteristics: vec![text(MANUFACTURER_NAME, "pump-remote"), text(MODEL_NUMBER, "pump-simulator")],
        ..Service::default()
    };
    Application { services: vec![pump, about], ..Application::default() }
}

fn session_channel(doors: &Doors) -> Characteristic {
    let (writing, subscribing) = (doors.clone(), doors.subscriptions.clone());
    Characteristic {
        uuid: Uuid::from_u128(SESSION),
        write: Some(CharacteristicWrite {
            write: true,
            encrypt_write: true,
            method: CharacteristicWriteMethod::Fun(Box::new(move |fragment, written| {
                let taken = writing.take(Write { from: written.device_address, mtu: written.mtu, fragment });
                Box::pin(std::future::ready(taken))
            })),
            ..CharacteristicWrite::default()
        }),
        notify: Some(indicate(subscribing)),
        ..Characteristic::default()
    }
}

fn status_latch(doors: &Doors) -> Characteristic {
    let (aspect, subscribing) = (doors.aspect.clone(), doors.status_subscriptions.clone());
    Characteristic {
        uuid: Uuid::from_u128(STATUS),
        read: Some(CharacteristicRead {
            read: true,
            encrypt_read: true,
            fun: Box::new(move |_| {
                let latch = latch(*aspect.borrow());
                Box::pin(async move { Ok(vec![latch]) })
            }),
            ..CharacteristicRead::default()
        }),
        notify: Some(indicate(subscribing)),
        ..Characteristic::default()
    }
}

fn indicate(subscriptions: mpsc::Sender<CharacteristicNotifier>) -> CharacteristicNotify {
    CharacteristicNotify {
        indicate: true,
        method: CharacteristicNotifyMethod::Fun(Box::new(move |subscribed| {
            // Where four wait already nobody serves them; the peer's next write then finds out.
            let _ = subscriptions.try_send(subscribed);
            Box::pin(std::future::ready(()))
        })),
        ..CharacteristicNotify::default()
    }
}

fn text(uuid: u128, said: &'static str) -> Characteristic {
    Characteristic {
        uuid: Uuid::from_u128(uuid),
        read: Some(CharacteristicRead {
            read: true,
            fun: Box::new(move |_| Box::pin(async move { Ok(said.as_bytes().to_vec()) })),
            ..CharacteristicRead::default()
        }),
        ..Characteristic::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors() -> (Doors, mpsc::Receiver<Write>) {
        let (writes, written) = mpsc::channel(FRAGMENTS_WAITING_MAX);
        let aspect = watch::Sender::new(Aspect { window: None, news: false }).subscribe();
        let (subscriptions, status_subscriptions) = (mpsc::channel(1).0, mpsc::channel(1).0);
        (Doors { writes, subscriptions, status_subscriptions, linked: Arc::default(), aspect }, written)
    }

    fn write(last: u8) -> Write {
        Write { from: Address::new([0, 0, 0, 0, 0, last]), mtu: 23, fragment: vec![last] }
    }

    /// What is done at a door of which these steps fail, each once, until nothing is left to do.
    fn steps(mut door: Door, mut agent: bool, open: bool, failing: &[Step]) -> Vec<Step> {
        let (mut taken, mut failing) = (Vec::new(), failing.to_vec());
        while let Some(step) = door.next_step(open, agent) {
            taken.push(step);
            assert!(taken.len() < 10, "it never ends: {taken:?}");
            let fails = failing.iter().position(|failing| *failing == step).map(|at| failing.remove(at)).is_some();
            match step {
                Step::Open => door = if fails { Door::Unsure } else { Door::Open },
                Step::RegisterAgent => agent = !fails,
                Step::DropAgent => agent = false,
                Step::Close => door = if fails { Door::Unsure } else { Door::Closed },
            }
        }
        taken
    }

    #[test]
    fn a_radio_that_could_not_be_closed_is_closed_again_and_one_that_got_no_agent_is_closed_too() {
        use Step::{Close, DropAgent, Open, RegisterAgent};
        assert_eq!(steps(Door::Open, true, false, &[Close, Close]), [DropAgent, Close, Close, Close]);
        assert_eq!(steps(Door::Open, false, false, &[]), [Close], "it was opened, and no agent came");
        assert_eq!(
            steps(Door::Closed, false, true, &[Open, RegisterAgent]),
            [Open, Open, RegisterAgent, RegisterAgent]
        );
        assert_eq!(steps(Door::Unsure, false, false, &[]), [Close], "the window closed while it could not be opened");
        assert_eq!(steps(Door::Open, true, true, &[]), []);
        assert_eq!(steps(Door::Closed, false, false, &[]), []);
    }

    #[test]
    fn a_write_beside_the_link_is_refused_and_a_flood_is_bounded() {
        let (doors, _written) = doors();
        assert_eq!(doors.take(write(1)), Ok(()));
        doors.link(Some(write(1).from));
        assert_eq!(doors.take(write(2)), Err(ReqError::NotPermitted));
        for _ in 1..FRAGMENTS_WAITING_MAX {
            assert_eq!(doors.take(write(1)), Ok(()));
        }
        assert_eq!(doors.take(write(1)), Err(ReqError::Failed), "answered at once, and not taken");
    }

    #[tokio::test]
    async fn what_others_wrote_before_the_link_does_not_come_into_it() {
        let (doors, mut written) = doors();
        doors.take(write(2)).unwrap();
        doors.take(write(1)).unwrap();
        drop(doors);
        let (to_pump, mut heard) = mpsc::channel(4);
        assert_eq!(hear(write(1), &mut written, to_pump).await, "nothing can be written any more");
        assert_eq!((heard.recv().await, heard.recv().await, heard.recv().await), (Some(vec![1]), Some(vec![1]), None));
    }

    #[test]
    fn the_table_wants_encryption_for_all_but_what_anybody_may_know() {
        let (doors, _written) = doors();
        let table = table(&doors);
        let [pump, about] = table.services.as_slice() else { panic!("two services") };
        assert_eq!((pump.uuid.as_u128(), about.uuid.as_u128()), (SERVICE, DEVICE_INFORMATION));
        let [session, status] = pump.characteristics.as_slice() else { panic!("two characteristics") };
        let written = session.write.as_ref().unwrap();
        assert!(written.write && written.encrypt_write && !written.write_without_response && !written.reliable_write);
        assert!(session.read.is_none() && session.notify.as_ref().unwrap().indicate);
        assert!(!session.notify.as_ref().unwrap().notify, "each fragment is confirmed");
        assert!(status.write.is_none() && status.read.as_ref().unwrap().encrypt_read);
        let told: Vec<u128> = about.characteristics.iter().map(|told| told.uuid.as_u128()).collect();
        assert_eq!(told, [MANUFACTURER_NAME, MODEL_NUMBER], "nothing that names its bearer");
    }
}
