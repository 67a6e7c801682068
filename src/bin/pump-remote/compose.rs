//! Puts the program together: data directory, keys, pump, record, machine, tasks.
//!
//! # Promises
//! - The record is verified since its last checkpoint, and the open question restored, before there is a first screen.
//! - A record that can't be opened is left as it is; the caller shows a fault page, or says why and ends.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use pump_core::{
    audit::RecordId,
    remote::{Beginning, Input, Kept, Output, Remote},
    screen::{Intent, Screen},
    selftest::Asking,
};
use pump_protocol::{
    clock::BootId,
    message::{RequestId, Role},
    quantity::Millis,
    session::{CardSecret, PairedPump},
    wire::Text,
};
use pump_remote::{
    adapters::{
        Dial,
        bluez::{self, Central, LinkError, PumpAddress},
        clock::Clock,
        entropy::{OsEntropy, random},
        keys::{device_key, pins::SessionKeys},
        lock::{Lock, LockError},
        set_clock::Setter,
        simulated::{Host, InProcess, SharedHost},
        socket::Socket,
        sqlite::{Opened, Opening, Store, TailVerdict},
        stick::Slot,
        systemd::Round,
    },
    shell::{
        self, Ports,
        copying::Copier,
        link::{self, NoSession, PairingError},
        recorder::{self, Room},
        self_test::TestOrder,
    },
};
use simulated_pump::Setup;
use thiserror::Error;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use zeroize::Zeroizing;

/// The record's place in the data directory.
pub(crate) const RECORD: &str = "record.db";
/// Keeps a second instance out before it touches anything.
pub(crate) const INSTANCE_LOCK: &str = "instance.lock";
/// The simulated pump's place in the data directory.
const PUMP: &str = "pump.state";

/// How much faster waiting passes in a practice: an hour in two minutes, a bolus of four minutes in eight seconds.
const PRACTICE_SPEED: u32 = 30;

/// Which pump.
#[derive(Debug)]
pub(crate) enum Which {
    /// One simulated in this process.
    InProcess,
    /// One that listens on this socket.
    Socket(PathBuf),
    /// One that is bonded over Bluetooth, by BlueZ's name of the adapter; its default one if not named.
    Bluetooth(Option<String>),
}

/// Everything that is there before a pump is paired and a record opened.
pub(crate) struct Prepared {
    ground: Ground,
    way: Way,
}

/// What a remote stands on, whichever way it has to its pump.
struct Ground {
    data_dir: PathBuf,
    keys: SessionKeys,
    clock: Clock,
    /// The pump that was paired when this began.
    before: Option<PairedPump>,
    /// Whether this remote tests itself; a clock that lapses runs ahead of everything that could be measured.
    self_test: Option<Asking>,
    /// Keeps other instances out.
    lock: Lock,
}

/// The way to the pump.
enum Way {
    InProcess(SharedHost),
    Socket(Socket),
    Bluetooth { adapter: Option<String>, central: Central },
}

/// A record with its last lines.
pub(crate) struct Closed {
    /// Who exports it.
    pub(crate) copier: Copier,
    /// The request that was open.
    pub(crate) open: Option<RequestId>,
}

/// Why no pump was paired.
#[derive(Debug, Error)]
pub(crate) enum NotPaired {
    /// The radios did not bond.
    #[error(transparent)]
    Radio(#[from] LinkError),
    /// The pump did not agree, or was lost.
    #[error(transparent)]
    Session(#[from] PairingError),
    /// Where the pump is on the air can't be kept.
    #[error("where the pump is on the air can't be kept ({0}): pair once more")]
    Address(#[from] io::Error),
    /// The one in this process needs no card.
    #[error("the pump in this process is paired by itself: --pair is for one on a --socket or over --bluetooth")]
    InProcess,
}

/// A remote that runs.
pub(crate) struct Running {
    /// What is shown first, before the pump is heard.
    pub(crate) first: Screen,
    /// What is shown.
    pub(crate) screens: watch::Receiver<Screen>,
    /// What people do.
    pub(crate) intents: mpsc::Sender<Intent>,
    /// What the machine is told besides: of hardware, for one.
    pub(crate) inputs: mpsc::Sender<Input>,
    /// What the self-test wants measured.
    pub(crate) test_orders: Option<mpsc::Receiver<TestOrder>>,
    /// Ends it.
    pub(crate) close: oneshot::Sender<()>,
    /// For the watchdog's rounds.
    pub(crate) rounds: watch::Sender<Round>,
    /// The rounds that the loop has turned in; whoever shows the pages passes them back.
    pub(crate) turned: watch::Receiver<Round>,
    /// Ends when it has ended.
    pub(crate) ended: JoinHandle<()>,
    /// Whether its pump is reached by radio.
    pub(crate) radio: bool,
    /// Whether its clock runs ahead of the machine's: then nothing that is wired takes part.
    pub(crate) hurries: bool,
    /// Its clocks.
    pub(crate) clock: Clock,
    /// Its pump, if that is in this process.
    pub(crate) host: Option<SharedHost>,
    /// Its record.
    pub(crate) record: PathBuf,
    /// Keeps other instances out for as long as this one runs.
    _lock: Lock,
}

/// Keeps remotes from starting here while somebody else uses the pins; an error while one runs. Where none ever ran nothing is made:
/// whoever asks may be another user than the remote's.
pub(crate) fn kept_out(data_dir: &Path) -> Result<Option<Lock>, LockError> {
    let path = data_dir.join(INSTANCE_LOCK);
    match path.try_exists() {
        Ok(true) => Lock::take(&path).map(Some),
        Ok(false) => Ok(None),
        Err(source) => Err(LockError::Io { path, source }),
    }
}

impl Prepared {
    /// Takes the data directory for this instance, and makes the keys that are not there yet.
    pub(crate) async fn open(data_dir: &Path, which: Which, speed: u32, lapses: bool) -> anyhow::Result<Self> {
        let mut ground = Ground::open(data_dir, speed, lapses)?;
        let way = match which {
            Which::InProcess => Way::InProcess(ground.simulated_pump().await?),
            Which::Socket(path) => Way::Socket(Socket::new(path)),
            Which::Bluetooth(adapter) => {
                bluez::check::warn(Path::new(bluez::check::MAIN_CONF));
                let central = Central::new(adapter.clone(), PumpAddress::read(data_dir)?);
                Way::Bluetooth { adapter, central }
            }
        };
        Ok(Self { ground, way })
    }

    /// Whether it is known which pump the record is of. A pairing that was cut before the pump had said so is done once more.
    pub(crate) const fn paired(&self) -> bool {
        matches!(self.way, Way::InProcess(_)) || self.ground.keys.serial.is_some()
    }

    /// Its clocks.
    pub(crate) const fn clock(&self) -> &Clock {
        &self.ground.clock
    }

    /// Pairs with the pump whose card this is and whose window is open; `found` is told once its radio has agreed.
    pub(crate) async fn pair(&mut self, card: &CardSecret, found: impl FnOnce() + Send) -> Result<Text<16>, NotPaired> {
        let Self { ground: Ground { keys, clock, data_dir, .. }, way } = self;
        match way {
            Way::InProcess(_) => Err(NotPaired::InProcess),
            Way::Socket(socket) => {
                found();
                Ok(link::pair(socket, keys, card, clock, &mut OsEntropy).await?)
            }
            Way::Bluetooth { adapter, central } => {
                *central = bluez::bond(adapter.as_deref()).await?;
                found();
                let before = keys.pins.clone();
                let paired = link::pair(central, keys, card, clock, &mut OsEntropy).await;
                // A pairing that was cut at its last word is finished over the next link, which must find the pump. A stranger, who
                // doesn't know the card, leaves no pin, and isn't looked for.
                if let Some(pump) = central.pump().filter(|_| paired.is_ok() || keys.pins != before) {
                    pump.store(data_dir)?;
                }
                Ok(paired?)
            }
        }
    }

    /// Writes the record's last lines: what is open counts as given, and nothing is asked any more. `None` if there is no record.
    pub(crate) async fn close_record(&self, slot: Slot) -> anyhow::Result<Option<Closed>> {
        let Ground { data_dir, keys, clock, .. } = &self.ground;
        let record = data_dir.join(RECORD);
        if !record.try_exists()? {
            return Ok(None);
        }
        let key = device_key(data_dir, &Zeroizing::new(random()))?;
        let opened =
            Store::open(&record, Opening { serial: serial_of(keys)?, key, new_id: RecordId(random()) }).await?;
        let beginning = beginning(&opened, keys)?;
        let open = beginning.kept.request.as_ref().map(|request| request.id);
        let (mut remote, mut store, now) = (Remote::restore(beginning, clock.now()), opened.store, clock.now());
        remote.handle(Input::Decommission, now);
        remote.handle(Input::Close, now);
        while let Some(output) = remote.poll_output() {
            if let Output::Store(batch) = output {
                remote.handle(Input::Stored(store.append(batch).await?), now);
            }
        }
        let copier = Copier::new(slot, record, store.key().clone());
        store.close(now.wall).await?;
        Ok(Some(Closed { copier, open }))
    }

    /// Has the pump take this remote's key back.
    pub(crate) async fn end_pairing(&mut self) -> Result<(), NoSession> {
        let Self { ground: Ground { keys, clock, .. }, way } = self;
        match way {
            Way::InProcess(host) => {
                let mut dial = InProcess::new(host.clone(), clock.clone());
                link::end_pairing(&mut dial, keys, clock, &mut OsEntropy).await
            }
            Way::Socket(socket) => link::end_pairing(socket, keys, clock, &mut OsEntropy).await,
            Way::Bluetooth { central, .. } => link::end_pairing(central, keys, clock, &mut OsEntropy).await,
        }
    }

    /// Removes the radio's bond with the pump, where there is one.
    pub(crate) async fn forget_bond(&mut self) -> Result<(), LinkError> {
        match &mut self.way {
            Way::Bluetooth { central, .. } => central.forget().await,
            Way::InProcess(_) | Way::Socket(_) => Ok(()),
        }
    }

    /// Starts everything. An error leaves a record as it was found; keys made and a pairing done on the way to it stand.
    ///
    /// `configuration` is the digest of the file that was read, if there is one; `dark_after` how long after the last touch the display
    /// goes dark, where it does.
    pub(crate) async fn start(
        self,
        configuration: Option<[u8; 32]>,
        dark_after: Option<Millis>,
    ) -> anyhow::Result<Running> {
        let Self { ground, way } = self;
        let (setter, slot) = (Setter::beside_this_service(), Slot::beside_this_service());
        let settings = Settings { configuration, dark_after, setter, slot };
        match way {
            Way::InProcess(host) => ground.start_in_process(host, settings).await,
            Way::Socket(socket) => {
                let serial = serial_of(&ground.keys)?;
                ground.start(socket, serial, None, settings).await
            }
            Way::Bluetooth { central, .. } => {
                let serial = serial_of(&ground.keys)?;
                Ok(Running { radio: true, ..ground.start(central, serial, None, settings).await? })
            }
        }
    }
}

// keeps R-ASK-17
/// A remote for practice, in a place of its own: by its types it has a pump in its own memory, and no way to any other.
pub(crate) async fn rehearse(place: &Path) -> anyhow::Result<Running> {
    let mut ground = Ground::open(place, PRACTICE_SPEED, true)?;
    let host = ground.simulated_pump().await?;
    ground.start_in_process(host, Settings::default()).await
}

/// Starts a remote on a thread of its own: opening a record is not to be moved from one to another.
pub(crate) async fn started_apart<F: Future<Output = anyhow::Result<Running>>>(
    runtime: &Handle,
    start: impl FnOnce() -> F + Send + 'static,
) -> anyhow::Result<Running> {
    let handle = runtime.clone();
    runtime.spawn_blocking(move || handle.block_on(start())).await?
}

/// What the machine begins with besides the record.
#[derive(Clone, Default)]
struct Settings {
    configuration: Option<[u8; 32]>,
    dark_after: Option<Millis>,
    setter: Option<Setter>,
    slot: Option<Slot>,
}

impl Ground {
    fn open(data_dir: &Path, speed: u32, lapses: bool) -> anyhow::Result<Self> {
        let lock = Lock::take(&data_dir.join(INSTANCE_LOCK))?;
        let clock = if lapses || speed > 1 { Clock::lapsing(speed, BootId(random())) } else { Clock::real() };
        let keys = SessionKeys::open(data_dir, &mut OsEntropy)?;
        let before = keys.pins.confirmed.clone();
        let self_test = (!lapses && speed == 1).then_some(Asking::IfChanged);
        Ok(Self { data_dir: data_dir.to_owned(), keys, clock, before, self_test, lock })
    }

    // keeps R-DEV-01
    /// The pump in this process, paired through the same frames as any other.
    async fn simulated_pump(&mut self) -> anyhow::Result<SharedHost> {
        let Self { data_dir, keys, clock, .. } = self;
        let host = Host::open(&data_dir.join(PUMP), Setup::demonstration_at(clock.now().wall), 1, clock.now().uptime)?;
        let pair = !keys.paired() || !host.paired();
        let host = SharedHost::new(host);
        if pair {
            let card = host.with(|host| {
                host.magnet(Role::Patient, clock.now().uptime);
                host.card().clone()
            });
            let mut dial = InProcess::new(host.clone(), clock.clone());
            link::pair(&mut dial, keys, &card, clock, &mut OsEntropy).await?;
        }
        Ok(host)
    }

    async fn start_in_process(self, host: SharedHost, settings: Settings) -> anyhow::Result<Running> {
        let serial = host.with(|host| host.pump().serial().clone());
        let dial = InProcess::new(host.clone(), self.clock.clone());
        self.start(dial, serial, Some(host), settings).await
    }

    /// Starts machine, record and link, by this way and no other.
    async fn start(
        self,
        dial: impl Dial + 'static,
        serial: Text<16>,
        host: Option<SharedHost>,
        settings: Settings,
    ) -> anyhow::Result<Running> {
        let Self { data_dir, keys, clock, before, self_test, lock } = self;
        let key = device_key(&data_dir, &Zeroizing::new(random()))?;
        let record = data_dir.join(RECORD);
        let opened = Store::open(&record, Opening { serial, key, new_id: RecordId(random()) }).await?;
        let paired_now = keys.pins.confirmed != before;
        let Settings { configuration, dark_after, setter, slot } = settings;
        let beginning = Beginning { paired_now, configuration, self_test, dark_after, ..beginning(&opened, &keys)? };
        let remote = Remote::restore(beginning, clock.now());
        let first = remote.screen(clock.now());
        let (mut ports, ends) = Ports::new(first.clone(), record.clone(), clock.clone());
        ports.setter = setter;
        ports.copier = slot.map(|slot| Copier::new(slot, record.clone(), opened.store.key().clone()));
        let (events, orders, wanted) = (ends.link_events, ends.link_orders, ends.link_wanted);
        tokio::spawn(link::keep(dial, keys, clock.clone(), OsEntropy, orders, wanted, events));
        tokio::spawn(recorder::verify(record.clone(), ends.answering.clone()));
        let inputs = ends.answering.clone();
        let recorder =
            recorder::serve(opened.store, ends.record_orders, ends.answering, clock.clone(), Room::OF_A_CARD);
        let ended = tokio::spawn(run(remote, ports, tokio::spawn(recorder), host.clone(), clock.clone()));
        let (screens, intents, test_orders, close) = (ends.screens, ends.intents, Some(ends.test_orders), ends.close);
        let (rounds, turned) = (ends.rounds, ends.turned);
        Ok(Running {
            first,
            screens,
            intents,
            inputs,
            test_orders,
            close,
            rounds,
            turned,
            ended,
            radio: false,
            hurries: self_test.is_none(),
            clock,
            host,
            record,
            _lock: lock,
        })
    }
}

/// Runs the loop to its end, and then what must outlive it.
async fn run(remote: Remote, ports: Ports, recorder: JoinHandle<()>, host: Option<SharedHost>, clock: Clock) {
    shell::run(remote, ports).await;
    // A task that panicked has been logged by its own thread; the record closed itself with its last commit.
    let _ = recorder.await;
    if let Some(Err(error)) = host.map(|host| {
        host.with(|host| {
            host.live_until(clock.now().uptime);
            host.store()
        })
    }) {
        tracing::warn!(%error, "the simulated pump was not stored");
    }
}

/// What the machine begins with, from the record.
fn beginning(opened: &Opened, keys: &SessionKeys) -> anyhow::Result<Beginning> {
    let tail_good = match opened.tail {
        TailVerdict::Sound { .. } => true,
        TailVerdict::Bad(finding) => {
            tracing::error!(%finding, "the newest part of the record does not verify");
            false
        }
    };
    let kept = match &opened.kept {
        Some(bytes) => Kept::from_bytes(bytes).context("the record's last state can't be read by this program")?,
        None => Kept::default(),
    };
    let known = Beginning::bonded(keys.own.public().fingerprint(), kept, opened.head);
    Ok(Beginning { bonded: keys.paired(), tail_good, ..known })
}

/// The serial number of the pump that this remote is paired with.
fn serial_of(keys: &SessionKeys) -> anyhow::Result<Text<16>> {
    if keys.paired() && keys.serial.is_none() {
        anyhow::bail!("the pairing was cut before the pump had said its serial number: pair once more, with --pair");
    }
    keys.serial.clone().context(
        "no pump is paired yet: type \"magnet\" in the pump-simulator, then start once with --pair and its card's secret",
    )
}
