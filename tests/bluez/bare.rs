//! A peer with writes and indications and nothing above them: what the link's figures are compared with.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bluer::{
    Device, Session, Uuid,
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
use tokio::sync::mpsc;

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
                notifier.notify(value).await?;
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
    /// Connected, resolved and subscribed.
    pub(crate) ready: Vec<Duration>,
    /// One write and its indication.
    pub(crate) exchange: Vec<Duration>,
}

/// Connects to a bare pump some times, and exchanges so many messages.
pub(crate) async fn measure(bench: &Bench, connections: usize, exchanges: usize) -> anyhow::Result<Figures> {
    let arguments = ["bare-pump", &bench.stack.adapters[1]];
    let mut pump = Program::start("bare", "/bench/bluez-bench", arguments, &bench.transcript)?;
    pump.line("that it serves", SOON, |line| line == "serving").await?;
    let session = Session::new().await?;
    let adapter = session.adapter(&bench.stack.adapters[0])?;
    // The pump with which this machine is bonded, at whose address the bare one speaks now.
    let address = adapter.device_addresses().await?.pop().context("nobody is bonded with")?;
    let device = adapter.device(address)?;
    ensure!(device.is_paired().await?, "the bare pump is not bonded with");
    let mut figures = Figures::default();
    for _ in 0..connections {
        if device.is_connected().await? {
            device.disconnect().await?;
            until_connected(&device, false).await?;
        }
        let begun = Instant::now();
        let channel = tokio::time::timeout(LINK_MAX, ready(&device)).await.context("the bare link is not ready")??;
        let mut heard = Box::pin(channel.notify().await?);
        figures.ready.push(begun.elapsed());
        for number in 0..exchanges {
            let value = vec![u8::try_from(number % 251)?; 120];
            let begun = Instant::now();
            let request = CharacteristicWriteRequest { op_type: WriteOp::Request, ..Default::default() };
            channel.write_ext(&value, &request).await?;
            let answer = tokio::time::timeout(SOON, heard.next()).await.context("no indication")?;
            ensure!(answer == Some(value), "another indication than was written");
            figures.exchange.push(begun.elapsed());
        }
    }
    device.disconnect().await?;
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
