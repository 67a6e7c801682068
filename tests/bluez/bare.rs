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
            CharacteristicNotifyMethod, CharacteristicWrite, CharacteristicWriteMethod, Service,
        },
        remote::{Characteristic, CharacteristicWriteRequest},
    },
};
use futures::{FutureExt as _, StreamExt as _};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    bench::{Bench, LINK_MAX, SOON},
    program::Program,
};

const SERVICE: Uuid = Uuid::from_u128(0x2f0a_7c0e_9d1b_4b6e_8f58_1d2a_6b3c_0001);
const CHANNEL: Uuid = Uuid::from_u128(0x2f0a_7c0e_9d1b_4b6e_8f58_1d2a_6b3c_0002);
/// An emulated controller advertises once; it must be told again.
const ADVERTISED_AGAIN: Duration = Duration::from_secs(2);

/// Serves until its standard input is closed.
pub(crate) async fn pump(adapter: &str) -> anyhow::Result<()> {
    let session = Session::new().await?;
    let adapter = session.adapter(adapter)?;
    let (heard, mut hears) = mpsc::channel::<Vec<u8>>(16);
    let (subscribed, mut subscriptions) = mpsc::channel::<CharacteristicNotifier>(4);
    let _served = adapter
        .serve_gatt_application(Application {
            services: vec![Service {
                uuid: SERVICE,
                primary: true,
                characteristics: vec![Served {
                    uuid: CHANNEL,
                    write: Some(CharacteristicWrite {
                        write: true,
                        encrypt_write: true,
                        method: CharacteristicWriteMethod::Fun(Box::new(move |value, _| {
                            let heard = heard.clone();
                            async move { heard.try_send(value).map_err(|_| bluer::gatt::local::ReqError::Failed) }
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
                }],
                ..Default::default()
            }],
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

/// What bare exchanges take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) connections: Vec<Connected>,
    /// One write and its indication, for each shape that was asked for.
    pub(crate) exchanges: Vec<Vec<Duration>>,
}

/// What a connection took from the first step: until there was one, and until it could be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connected {
    pub(crate) linked: Duration,
    pub(crate) ready: Duration,
}

/// How many bytes are written, and indicated in answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) written: usize,
    pub(crate) indicated: usize,
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

/// Connects to a bare pump some times, and exchanges so many messages of each shape.
pub(crate) async fn measure(
    bench: &Bench,
    connections: usize,
    exchanges: usize,
    shapes: &[Shape],
) -> anyhow::Result<Figures> {
    let arguments = ["bare-pump", &bench.stack.adapters[1]];
    let mut pump = Program::start("bare", "/bench/bluez-bench", arguments, &bench.transcript)?;
    pump.line("that it serves", SOON, |line| line == "serving").await?;
    let device = bonded(bench).await?;
    let mut figures = Figures { exchanges: vec![Vec::new(); shapes.len()], ..Figures::default() };
    for _ in 0..connections {
        bench.hang_up().await?;
        let begun = Instant::now();
        let linked = linked(&device, begun).await?;
        let channel = tokio::time::timeout(LINK_MAX, ready(&device)).await.context("the bare link is not ready")??;
        let mut heard = Box::pin(channel.notify().await?);
        figures.connections.push(Connected { ready: begun.elapsed(), linked: linked.await?? });
        for number in 0..exchanges {
            for (shape, took) in shapes.iter().zip(&mut figures.exchanges) {
                let value = shape.value(number)?;
                let begun = Instant::now();
                let request = CharacteristicWriteRequest { op_type: WriteOp::Request, ..Default::default() };
                channel.write_ext(&value, &request).await?;
                let indicated = tokio::time::timeout(SOON, heard.next()).await.context("no indication")?;
                took.push(begun.elapsed());
                ensure!(indicated == Some(answer(&value)), "another indication than was asked for");
            }
        }
    }
    bench.hang_up().await?;
    ensure!(pump.quit("").await?, "the bare pump did not end in good order");
    Ok(figures)
}

/// The pump that the remote's radio is bonded with; the bare one speaks at its address.
pub(crate) async fn bonded(bench: &Bench) -> anyhow::Result<Device> {
    let adapter = bench.stack.remotes().await?;
    let device = adapter.device(adapter.device_addresses().await?.pop().context("nobody is bonded with")?)?;
    ensure!(device.is_paired().await?, "the pump is not bonded with");
    Ok(device)
}

/// Sees the radios connect: tells how long after `begun` that was.
pub(crate) async fn linked(device: &Device, begun: Instant) -> anyhow::Result<JoinHandle<anyhow::Result<Duration>>> {
    let device = device.clone();
    let mut events = Box::pin(device.events().await?);
    let seen = async move {
        while let Some(event) = events.next().await {
            if matches!(event, DeviceEvent::PropertyChanged(DeviceProperty::Connected(true))) {
                return Ok(begun.elapsed());
            }
        }
        bail!("the device is gone")
    };
    Ok(tokio::spawn(async { tokio::time::timeout(LINK_MAX, seen).await.context("no connection was seen")? }))
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
