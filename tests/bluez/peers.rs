//! Peers that are no pump-simulator over BlueZ: one that passes everything on and keeps it, and some that misbehave.
//!
//! They stand on the product's own peripheral, and so are wrong only above it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use pump_remote::adapters::{
    Aspect, Dial as _, Fragments, Serve, bluez, clock::Clock, entropy::random, socket::Socket,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::bench::SOON;

/// What passed over one link, in the order in which it came from either side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed {
    pub(crate) to_pump: Vec<Vec<u8>>,
    pub(crate) to_remote: Vec<Vec<u8>>,
}

/// What a peer does with what it hears.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Passes it to a pump on this socket, and that one's answers back.
    Relay(PathBuf),
    /// Answers each fragment with chance.
    Garbage,
    /// Speaks without being asked, as fast as it can.
    Flood,
    /// Answers each fragment with what was said here on earlier links, in that order.
    Replay(Vec<Passed>),
    /// Takes everything and says nothing.
    Mute,
}

/// A peer on the pump's controller, until it is dropped.
pub(crate) struct Peer {
    serving: JoinHandle<()>,
    links: watch::Receiver<usize>,
    passed: Arc<Mutex<Vec<Passed>>>,
    late: watch::Sender<Duration>,
}

struct Mannered {
    manner: Manner,
    aspect: watch::Sender<Aspect>,
    links: watch::Sender<usize>,
    passed: Arc<Mutex<Vec<Passed>>>,
    late: watch::Receiver<Duration>,
}

impl Peer {
    /// Puts it on the air.
    pub(crate) async fn start(adapter: &str, manner: Manner) -> anyhow::Result<Self> {
        let links = watch::Sender::new(0);
        let late = watch::Sender::new(Duration::ZERO);
        let passed = Arc::<Mutex<Vec<Passed>>>::default();
        let mannered = Mannered {
            manner,
            aspect: watch::Sender::new(Aspect { window: None, news: false }),
            links: links.clone(),
            passed: passed.clone(),
            late: late.subscribe(),
        };
        let (stands, standing) = tokio::sync::oneshot::channel();
        let adapter = adapter.to_owned();
        let serving = tokio::spawn(async move {
            let ready = |_: &str| {
                let _ = stands.send(());
            };
            if let Err(error) = bluez::serve(mannered, Some(adapter), Clock::real(), ready).await {
                eprintln!("no peer: {error}");
            }
        });
        tokio::time::timeout(SOON, standing).await.context("the peer is not on the air")?.context("no peer")?;
        Ok(Self { serving, links: links.subscribe(), passed, late })
    }

    /// Waits until so many links were made with it in all.
    pub(crate) async fn linked(&mut self, times: usize, within: Duration) -> anyhow::Result<()> {
        let linked = self.links.wait_for(|links| *links >= times);
        tokio::time::timeout(within, linked).await.with_context(|| format!("not linked with {times} times"))??;
        Ok(())
    }

    /// Holds every answer back for so long.
    pub(crate) fn answers_after(&self, late: Duration) {
        self.late.send_replace(late);
    }

    /// What has passed so far, link by link.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Serve for Mannered {
    async fn serve(&self, link: Fragments) {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push(Passed::default());
        self.links.send_modify(|links| *links += 1);
        match &self.manner {
            Manner::Relay(path) => self.relay(link, path.clone()).await,
            Manner::Garbage => answer_each(link, || Some(random::<20>().to_vec())).await,
            Manner::Mute => answer_each(link, || None).await,
            Manner::Replay(recorded) => {
                let mut said =
                    recorded.iter().flat_map(|passed| &passed.to_remote).cloned().collect::<Vec<_>>().into_iter();
                answer_each(link, || said.next()).await;
            }
            Manner::Flood => flood(link).await,
        }
    }

    fn aspect(&self) -> watch::Receiver<Aspect> {
        self.aspect.subscribe()
    }
}

impl Mannered {
    async fn relay(&self, remote: Fragments, path: PathBuf) {
        let Fragments { to, mut from, .. } = remote;
        // A pump that isn't there ends the link, as one that is gone does.
        let Ok(mut pump) = Socket::new(path).dial().await else { return };
        let (delayed, mut due) = mpsc::unbounded_channel();
        let passing = async {
            loop {
                tokio::select! {
                    said = from.recv() => {
                        let Some(said) = said else { return };
                        self.keep(|passed| passed.to_pump.push(said.clone()));
                        if pump.to.send(said).await.is_err() {
                            return;
                        }
                    }
                    said = pump.from.recv() => {
                        let Some(said) = said else { return };
                        self.keep(|passed| passed.to_remote.push(said.clone()));
                        let at = Instant::now() + *self.late.borrow();
                        if delayed.send((at, said)).is_err() {
                            return;
                        }
                    }
                }
            }
        };
        let saying = async {
            while let Some((at, said)) = due.recv().await {
                tokio::time::sleep_until(at).await;
                if to.send(said).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = passing => {}
            () = saying => {}
        }
    }

    fn keep(&self, keep: impl FnOnce(&mut Passed)) {
        if let Some(passed) = self.passed.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
            keep(passed);
        }
    }
}

async fn answer_each(mut link: Fragments, mut answer: impl FnMut() -> Option<Vec<u8>>) {
    while link.from.recv().await.is_some() {
        if let Some(answer) = answer()
            && link.to.send(answer).await.is_err()
        {
            return;
        }
    }
}

async fn flood(mut link: Fragments) {
    loop {
        tokio::select! {
            heard = link.from.recv() => if heard.is_none() { return },
            sent = link.to.send(random::<20>().to_vec()) => if sent.is_err() { return },
        }
    }
}
