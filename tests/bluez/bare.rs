//! A peer with writes and indications and nothing above them: what the link's figures are compared with.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bluer::{
    Device, DeviceEvent, DeviceProperty, Session, Uuid,
    adv::Advertisement,
    gatt::{
        WriteOp,
        local::{
            Application, Characteristic as Served, CharacteristicNotifier, CharacteristicNotify,
            CharacteristicNotifyMethod, CharacteristicRead, CharacteristicWrite, CharacteristicWriteMethod, Service,
        },
        remote::{Characteristic, CharacteristicWriteRequest},
    },
};
use futures::{FutureExt as _, StreamExt as _};
use pump_remote::adapters::bluez::service::{DEVICE_INFORMATION, MANUFACTURER_NAME, MODEL_NUMBER};
use tokio::sync::mpsc;

use crate::{
    bench::{Bench, LINK_MAX, SOON},
    program::Program,
};

const SERVICE: Uuid = Uuid::from_u128(0x2f0a_7c0e_9d1b_4b6e_8f58_1d2a_6b3c_0001);
const CHANNEL: Uuid = Uuid::from_u128(0x2f0a_7c0e_9d1b_4b6e_8f58_1d2a_6b3c_0002);
/// What else stands in a pump's table and is read with it: the status latch, and who made the pump.
const LATCH: Uuid = Uuid::from_u128(0x2f0a_7c0e_9d1b_4b6e_8f58_1d2a_6b3c_0003);
const ABOUT: [u128; 3] = [DEVICE_INFORMATION, MANUFACTURER_NAME, MODEL_NUMBER];
/// An emulated controller advertises once; it must be told again.
const ADVERTISED_AGAIN: Duration = Duration::from_secs(2);
/// What lies between two measurements, so that neither waits for what the one before has left to do.
pub(crate) const PAUSE: Duration = Duration::from_millis(300);

/// Serves until its standard input is closed.
pub(crate) async fn pump(adapter: &str) -> anyhow::Result<()> {
    let session = Session::new().await?;
    let adapter = session.adapter(adapter)?;
    let (heard, mut hears) = mpsc::channel::<Vec<u8>>(16);
    let (subscribed, mut subscriptions) = mpsc::channel::<CharacteristicNotifier>(4);
    let [about, maker, model] = ABOUT.map(Uuid::from_u128);
    let _served = adapter
        .serve_gatt_application(Application {
            services: vec![
                Service {
                    uuid: SERVICE,
                    primary: true,
                    characteristics: vec![
                        Served {
                            uuid: CHANNEL,
                            write: Some(CharacteristicWrite {
                                write: true,
                                encrypt_write: true,
                                method: CharacteristicWriteMethod::Fun(Box::new(move |value, _| {
                                    let heard = heard.clone();
                                    async move {
                                            heard.try_send(value).map_err(|_| bluer::gatt::local::ReqError::Failed)
                                        }
                                        .boxed()
                                })),
                                ..Default::default()
                            }),
                            notify: Some(CharacteristicNotify {
                                indicate: true,
                                method: CharacteristicNotifyMethod::Fun(Box::new(move |notifier| {
                                    let subscribed = subscribed.clone();
                                    async move { drop(subscribed.send(notifier).await) }.boxed()
                                })),
                                ..Default::default()
                            }),
                            ..Default::default()
                        },
                        Served {
                            notify: Some(CharacteristicNotify { indicate: true, ..Default::default() }),
                            ..read_only(LATCH)
                        },
                    ],
                    ..Default::default()
                },
                Service {
                    uuid: about,
                    primary: true,
                    characteristics: vec![read_only(maker), read_only(model)],
                    ..Default::default()
                },
            ],
            ..Default::default()
        })
        .await?;
    println!("serving");
    let mut notifier = None;
    let mut again = tokio::time::interval(ADVERTISED_AGAIN);
    let mut advertised = None;
    let mut stdin = tokio::io::BufReader::new(tokio::io::stdin());
    let mut nothing = String::new();
    loop {
        tokio::select! {
            Some(value) = hears.recv() => {
                let Some(notifier): Option<&mut CharacteristicNotifier> = notifier.as_mut() else { continue };
                notifier.notify(answer(&value)).await?;
            }
            Some(new) = subscriptions.recv() => notifier = Some(new),
            _ = again.tick() => {
                drop(advertised.take());
                advertised = Some(adapter.advertise(Advertisement {
                    service_uuids: [SERVICE].into(),
                    discoverable: Some(true),
                    ..Default::default()
                }).await?);
            }
            _ = tokio::io::AsyncBufReadExt::read_line(&mut stdin, &mut nothing) => return Ok(()),
        }
    }
}

fn read_only(uuid: Uuid) -> Served {
    let read =
        CharacteristicRead { read: true, fun: Box::new(|_| async { Ok(vec![0]) }.boxed()), ..Default::default() };
    Served { uuid, read: Some(read), ..Default::default() }
}

/// What bare exchanges take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) connections: Vec<Connection>,
    /// Each of the exchanges that were asked for, one series after the other.
    pub(crate) exchanges: Vec<Vec<Duration>>,
}

/// How long after its beginning a connection had come how far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    /// BlueZ is asked to connect.
    pub(crate) asked: Duration,
    /// The radios are linked.
    pub(crate) linked: Duration,
    /// It can be used.
    pub(crate) ready: Duration,
}

/// How many bytes are written, and indicated in answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) written: usize,
    pub(crate) indicated: usize,
}

/// Sees BlueZ being asked to connect, and the radios connect.
pub(crate) struct Watching {
    device: Device,
    bus: Program,
}

impl Connection {
    /// All but the wait for the pump to be heard, which the emulated controllers make as long as they like.
    pub(crate) fn work(&self) -> Duration {
        self.asked + self.ready.saturating_sub(self.linked)
    }
}

impl Watching {
    /// Watches the bus, and the pump that the remote's radio is bonded with.
    pub(crate) async fn start(bench: &Bench) -> anyhow::Result<Self> {
        let adapter = bench.stack.remotes().await?;
        let device = adapter.device(adapter.device_addresses().await?.pop().context("nobody is bonded with")?)?;
        ensure!(device.is_paired().await?, "the pump is not bonded with");
        let calls = "type='method_call',interface='org.bluez.Device1',member='Connect'";
        let mut bus = Program::start("monitor", "dbus-monitor", ["--system", "--profile", calls], &bench.transcript)?;
        bus.line("that it watches", SOON, |line| line.starts_with('#')).await?;
        Ok(Self { device, bus })
    }

    /// When BlueZ was asked to connect, and when the radios were linked, from now on.
    pub(crate) async fn next(&mut self) -> anyhow::Result<[Instant; 2]> {
        self.bus.pass_over();
        let mut events = Box::pin(self.device.events().await?);
        let linked = async {
            while let Some(event) = events.next().await {
                if matches!(event, DeviceEvent::PropertyChanged(DeviceProperty::Connected(true))) {
                    return Ok(Instant::now());
                }
            }
            bail!("the device is gone")
        };
        let asked = async {
            self.bus.line("that somebody connects", LINK_MAX, |line| line.ends_with("\tConnect")).await?;
            anyhow::Ok(Instant::now())
        };
        let linked = tokio::time::timeout(LINK_MAX, linked);
        let (asked, linked) = tokio::join!(asked, linked);
        Ok([asked?, linked.context("the radios were not linked")??])
    }

    /// Ends.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.bus.kill().await
    }
}

impl Shape {
    /// What is written: at its beginning stands how much is to be indicated.
    fn value(self, number: usize) -> anyhow::Result<Vec<u8>> {
        let mut value = vec![u8::try_from(number % 251)?; self.written];
        let head = value.first_chunk_mut().context("too short")?;
        *head = u16::try_from(self.indicated)?.to_le_bytes();
        Ok(value)
    }
}

/// So many bytes as were asked for, each as the last one of the question.
fn answer(value: &[u8]) -> Vec<u8> {
    let len = value.first_chunk().map_or(0, |len| usize::from(u16::from_le_bytes(*len)));
    vec![value.last().copied().unwrap_or_default(); len]
}

/// Connects to a bare pump some times, and makes each of these exchanges a number of times, each after a pause.
pub(crate) async fn measure(
    bench: &Bench,
    connections: usize,
    times: usize,
    exchanges: &[&[Shape]],
) -> anyhow::Result<Figures> {
    let arguments = ["bare-pump", &bench.stack.adapters[1]];
    let mut pump = Program::start("bare", "/bench/bluez-bench", arguments, &bench.transcript)?;
    pump.line("that it serves", SOON, |line| line == "serving").await?;
    let mut watching = Watching::start(bench).await?;
    let device = watching.device.clone();
    let mut figures = Figures { exchanges: vec![Vec::new(); exchanges.len()], ..Figures::default() };
    for _ in 0..connections {
        bench.hang_up().await?;
        let (begun, connecting) = (Instant::now(), tokio::time::timeout(LINK_MAX, ready(&device)));
        let (seen, channel) = tokio::join!(watching.next(), async {
            let channel = connecting.await.context("the bare link is not ready")??;
            anyhow::Ok((Box::pin(channel.notify().await?), channel, begun.elapsed()))
        });
        let ([asked, linked], (mut heard, channel, ready)) = (seen?.map(|at| at.duration_since(begun)), channel?);
        figures.connections.push(Connection { asked, linked, ready });
        for number in 0..times {
            for (shapes, took) in exchanges.iter().zip(&mut figures.exchanges) {
                tokio::time::sleep(PAUSE).await;
                let begun = Instant::now();
                for shape in *shapes {
                    let value = shape.value(number)?;
                    let request = CharacteristicWriteRequest { op_type: WriteOp::Request, ..Default::default() };
                    channel.write_ext(&value, &request).await?;
                    let indicated = tokio::time::timeout(SOON, heard.next()).await.context("no indication")?;
                    ensure!(indicated == Some(answer(&value)), "another indication than was asked for");
                }
                took.push(begun.elapsed());
            }
        }
    }
    bench.hang_up().await?;
    watching.end().await?;
    ensure!(pump.quit("").await?, "the bare pump did not end in good order");
    Ok(figures)
}

/// Connects and waits for the services; the channel.
async fn ready(device: &Device) -> anyhow::Result<Characteristic> {
    connect(device).await?;
    let mut events = Box::pin(device.events().await?);
    while !device.is_services_resolved().await? {
        events.next().await.context("the device is gone")?;
    }
    for service in device.services().await? {
        if service.uuid().await? != SERVICE {
            continue;
        }
        for channel in service.characteristics().await? {
            if channel.uuid().await? == CHANNEL {
                return Ok(channel);
            }
        }
    }
    bail!("the bare pump has no channel")
}

async fn connect(device: &Device) -> anyhow::Result<()> {
    let mut tries = 0;
    while let Err(error) = device.connect().await {
        tries += 1;
        ensure!(tries < 5, "can't connect: {error}");
    }
    Ok(())
}

/// Waits until a device is connected, or no longer.
pub(crate) async fn until_connected(device: &Device, connected: bool) -> anyhow::Result<()> {
    let mut events = Box::pin(device.events().await?);
    while device.is_connected().await? != connected {
        events.next().await.context("the device is gone")?;
    }
    Ok(())
}

/// The middle one.
pub(crate) fn median(spans: &[Duration]) -> Duration {
    let mut sorted = spans.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
