//! Peers that mean harm, or are broken: none gets a dose, settles a fate, or keeps the true ones apart afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use pump_protocol::session::{CardSecret, StaticKey};
use pump_remote::{
    adapters::{Dial, Fragments, bluez::Central, clock::Clock, entropy::OsEntropy, keys::pins::SessionKeys},
    shell::link,
};
use tokio::sync::{mpsc, watch};

use crate::{
    bench::{Bench, LINK_MAX, LOCKOUT_MAX, Pump, Remote, SOON},
    peers::{Manner, Passed, Peer},
};

/// How often a broken pump is dialled before it is judged.
const DIALS: usize = 3;

/// A machine that is bonded, and has no key of ours: with the card's secret outside the window, and with a key that was never paired.
pub(crate) async fn bonded_without_key(bench: &mut Bench) -> anyhow::Result<String> {
    bench.paired().await?;
    let mut pump = bench.pump().await?;
    let before = pump.history().await?;
    let mut keys = SessionKeys::open(&bench.at("remote"), &mut OsEntropy)?;
    // The pump's own key it knows: that one is no secret.
    keys.own = StaticKey::generate(&mut OsEntropy);
    let card = CardSecret::parse(&pump.secret)?;
    let clock = Clock::real();
    let mut central = Counted::new(bench);
    let paired = link::pair(&mut central, &mut keys, &card, &clock, &mut OsEntropy).await;
    ensure!(paired.is_err(), "a pairing without a window");
    let (events, mut heard) = mpsc::channel(8);
    let (_orders, ordered) = mpsc::channel(8);
    let (_want, wanted) = watch::channel(true);
    let dialled = central.dialled.clone();
    let before_keeping = dialled.load(Ordering::Relaxed);
    let keeping = tokio::spawn(link::keep(central, keys, clock, OsEntropy, ordered, wanted, events));
    let tried = async {
        while dialled.load(Ordering::Relaxed) < before_keeping + DIALS {
            tokio::select! {
                event = heard.recv() => anyhow::bail!("a session with a strange key: {event:?}"),
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
        Ok(())
    };
    tokio::time::timeout(LINK_MAX * 2, tried).await.context("it was not dialled often enough")??;
    keeping.abort();
    let _ = keeping.await;
    ensure!(pump.history().await? == before, "the pump's history has grown");
    bench.hang_up().await?;
    // Whoever is paired is not kept out by it.
    let mut remote = bench.remote()?;
    remote.shows("READY", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 0]).await
}

/// A whole session with a dose is recorded, and played again to the pump, and to the remote, when a dose could be given again.
pub(crate) async fn replayed(bench: &mut Bench) -> anyhow::Result<String> {
    bench.paired().await?;
    let (mut pump, socket) = bench.pump_on_socket().await?;
    let relay = Peer::start(&bench.stack.adapters[1], Manner::Relay(socket.clone())).await?;
    let mut remote = bench.remote()?;
    remote.shows("READY", LINK_MAX).await?;
    remote.starts_a_dose().await?;
    remote.stops_it().await?;
    remote.types("back").await?;
    // The lockout is over: what was true when it was said would be a dose now.
    remote.shows("READY", LOCKOUT_MAX).await?;
    bench.agree(&mut pump, [0, 1, 0]).await?;
    ensure!(remote.program.quit("quit").await?, "the remote did not end in good order");
    let recorded = relay.passed();
    ensure!(recorded.iter().any(|passed| passed.to_pump.len() > 10), "too little was recorded");

    bench.hang_up().await?;
    let before = pump.history().await?;
    for passed in &recorded {
        replay(bench, passed).await?;
    }
    ensure!(pump.history().await? == before, "the pump's history has grown");
    drop(relay);

    let mut parrot = Peer::start(&bench.stack.adapters[1], Manner::Replay(recorded)).await?;
    let mut remote = bench.remote()?;
    parrot.linked(DIALS, LINK_MAX * 2).await?;
    ensure!(!remote.program.lines().iter().any(|line| line == "link up"), "a session out of recorded words");
    drop(parrot);

    let _relay = Peer::start(&bench.stack.adapters[1], Manner::Relay(socket)).await?;
    remote.shows("READY", LINK_MAX).await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// Chance instead of words.
pub(crate) async fn garbage(bench: &mut Bench) -> anyhow::Result<String> {
    broken(bench, Manner::Garbage).await
}

/// Words without end.
pub(crate) async fn flood(bench: &mut Bench) -> anyhow::Result<String> {
    broken(bench, Manner::Flood).await
}

/// No word at all.
pub(crate) async fn mute(bench: &mut Bench) -> anyhow::Result<String> {
    broken(bench, Manner::Mute).await
}

/// A grant that comes after its time is over: nothing is committed.
pub(crate) async fn late(bench: &mut Bench) -> anyhow::Result<String> {
    bench.paired().await?;
    let (pump, socket) = bench.pump_on_socket().await?;
    let relay = Peer::start(&bench.stack.adapters[1], Manner::Relay(socket)).await?;
    let mut remote = bench.remote()?;
    remote.shows("READY", LINK_MAX).await?;
    relay.answers_after(Duration::from_secs(12));
    remote.types("hold").await?;
    let page = remote.comes_to("NOT GIVEN", LINK_MAX).await?;
    relay.answers_after(Duration::ZERO);
    remote.link("up", LINK_MAX).await?;
    bench.close(pump, remote, [0, 0, 1]).await?;
    Ok(page.replace("page ", ""))
}

/// The pump's program is started anew in mid-session: its table is gone and comes back, under a remote that stays connected.
pub(crate) async fn table(bench: &mut Bench) -> anyhow::Result<String> {
    let (pump, mut remote) = bench.ready().await?;
    ensure!(pump.program.quit("quit").await?, "the pump did not end in good order");
    remote.link("down", LINK_MAX).await?;
    let pump = bench.pump().await?;
    remote.link("up", LINK_MAX).await?;
    remote.shows("READY", LINK_MAX).await?;
    remote.starts_a_dose().await?;
    remote.stops_it().await?;
    bench.close(pump, remote, [0, 1, 0]).await
}

/// A remote that dials a broken pump stays where it is, and is READY once the true one is back.
async fn broken(bench: &mut Bench, manner: Manner) -> anyhow::Result<String> {
    bench.paired().await?;
    let mut peer = Peer::start(&bench.stack.adapters[1], manner).await?;
    let mut remote: Remote = bench.remote()?;
    peer.linked(1, LINK_MAX).await?;
    let begun = remote.program.memory()?;
    peer.linked(DIALS, LINK_MAX * 3).await?;
    ensure!(!remote.program.lines().iter().any(|line| line == "link up"), "a session with a broken pump");
    let grown = remote.program.memory()?.saturating_sub(begun);
    ensure!(grown < GROWN_MAX_KIB, "the remote has grown by {grown} KiB");
    drop(peer);
    let pump: Pump = bench.pump().await?;
    remote.shows("READY", LINK_MAX * 2).await?;
    bench.close(pump, remote, [0, 0, 0]).await?;
    Ok(format!("{grown} KiB more"))
}

/// What a process may grow by in some dials: buffers that were not used before, and no more.
const GROWN_MAX_KIB: usize = 2048;

/// Says what was said to the pump once, over a link of its own, until the pump hangs up.
async fn replay(bench: &Bench, passed: &Passed) -> anyhow::Result<()> {
    let mut link = Counted::new(bench).dial().await?;
    for fragment in &passed.to_pump {
        if link.to.send(fragment.clone()).await.is_err() {
            break;
        }
    }
    // What the pump answers is its handshake's half at the most; then it waits for a frame that nobody can make.
    let mut heard = 0;
    while let Ok(Some(_)) = tokio::time::timeout(SOON, link.from.recv()).await {
        heard += 1;
    }
    ensure!(heard <= 1, "the pump has answered a recorded session: {heard} times");
    drop(link);
    bench.hang_up().await
}

/// The product's central, and how often it was used.
struct Counted {
    central: Central,
    dialled: Arc<AtomicUsize>,
}

impl Counted {
    fn new(bench: &Bench) -> Self {
        Self { central: Central::new(Some(bench.stack.adapters[0].clone()), None), dialled: Arc::default() }
    }
}

impl Dial for Counted {
    async fn dial(&mut self) -> std::io::Result<Fragments> {
        let link = self.central.dial().await;
        self.dialled.fetch_add(1, Ordering::Relaxed);
        link
    }
}
