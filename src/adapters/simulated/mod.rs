//! The simulated pump as an outside thing: a host with a disk, a radio that fails on script, and a link to dial.
//!
//! Everything between the remote and this pump travels as the same encrypted fragments as on a radio.

mod host;
mod state;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, mpsc, watch};

pub use self::{
    host::{Act, Host},
    state::StateError,
};
use super::{Aspect, Dial, FRAGMENTS_WAITING_MAX, Fragments, Serve, clock::Clock};

/// How long a fragment the simulated radio carries: an ATT MTU of 247, less its header.
const LARGEST_WRITE: usize = 244;

/// A pump that several tasks hold: its link, its console, its owner.
#[derive(Clone)]
pub struct SharedHost {
    host: Arc<Mutex<Host>>,
    links_dropped: watch::Sender<u64>,
    /// Somebody else than the link has done something with the pump.
    touched: Arc<Notify>,
    aspect: watch::Sender<Aspect>,
}

impl SharedHost {
    /// Shares a pump.
    pub fn new(host: Host) -> Self {
        let aspect = watch::Sender::new(aspect(&host));
        Self { host: Arc::new(Mutex::new(host)), links_dropped: watch::Sender::new(0), touched: Arc::default(), aspect }
    }

    /// Does something with the pump, which may have something to tell of it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Host) -> T) -> T {
        let done = self.locked(act);
        self.touched.notify_one();
        done
    }

    fn locked<T>(&self, act: impl FnOnce(&mut Host) -> T) -> T {
        // A panic in the pump is a bug that its own tests find; here the pump goes on as it was.
        let mut host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut host);
        let seen = aspect(&host);
        self.aspect.send_if_modified(|aspect| core::mem::replace(aspect, seen) != seen);
        done
    }

    /// Cuts the link that stands, as a reset of the pump does.
    pub fn drop_links(&self) {
        self.links_dropped.send_modify(|count| *count += 1);
    }

    /// Serves the pump over a link until either side drops it.
    pub async fn serve(&self, mut link: Fragments, clock: Clock) {
        let mut dropped = self.links_dropped.subscribe();
        loop {
            let wake = self.locked(|host| host.next_change(clock.now().uptime));
            let acts = tokio::select! {
                fragment = link.from.recv() => match fragment {
                    Some(fragment) => self.locked(|host| host.hear(&fragment, clock.now().uptime)),
                    None => break,
                },
                () = clock.rest_until(wake) => self.locked(|host| host.tell_news(clock.now().uptime)),
                () = self.touched.notified() => self.locked(|host| host.tell_news(clock.now().uptime)),
                changed = dropped.changed() => { let _ = changed; break }
            };
            if !carry_out(acts, &link).await {
                break;
            }
        }
        self.locked(|host| host.link_lost(clock.now().uptime));
    }
}

fn aspect(host: &Host) -> Aspect {
    Aspect { window: host.window(), news: host.has_news() }
}

/// Sends what the pump says; `false` once the link is to be dropped or is gone.
async fn carry_out(acts: Vec<Act>, link: &Fragments) -> bool {
    for act in acts {
        match act {
            Act::Send(frame) => {
                let Ok(fragments) = pump_protocol::fragment::fragments(&frame, link.largest_write) else {
                    return false;
                };
                for fragment in fragments {
                    if link.to.send(fragment).await.is_err() {
                        return false;
                    }
                }
            }
            Act::Disconnect => return false,
        }
    }
    true
}

/// A pump in this process, to be dialled or to be served by another way.
pub struct InProcess {
    host: SharedHost,
    clock: Clock,
}

impl InProcess {
    /// A way to this pump.
    pub const fn new(host: SharedHost, clock: Clock) -> Self {
        Self { host, clock }
    }
}

impl Dial for InProcess {
    async fn dial(&mut self) -> io::Result<Fragments> {
        let (to_pump, from_remote) = mpsc::channel(FRAGMENTS_WAITING_MAX);
        let (to_remote, from_pump) = mpsc::channel(FRAGMENTS_WAITING_MAX);
        let pumps = Fragments { to: to_remote, from: from_remote, largest_write: LARGEST_WRITE };
        let (host, clock) = (self.host.clone(), self.clock.clone());
        tokio::spawn(async move { host.serve(pumps, clock).await });
        Ok(Fragments { to: to_pump, from: from_pump, largest_write: LARGEST_WRITE })
    }
}

impl Serve for InProcess {
    async fn serve(&self, link: Fragments) {
        self.host.serve(link, self.clock.clone()).await;
    }

    fn aspect(&self) -> watch::Receiver<Aspect> {
        self.host.aspect.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use pump_protocol::{
        clock::BootId,
        fragment::fragments,
        message::Role,
        quantity::Millis,
        session::{CardSecret, Noise, RemoteEnd, StaticKey},
    };
    use simulated_pump::Setup;

    use super::*;
    use crate::adapters::entropy::OsEntropy;

    #[tokio::test]
    async fn whoever_falls_silent_in_mid_handshake_does_not_keep_the_link() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::lapsing(60, BootId([7; 16])));
        let now = clock.now().uptime;
        let mut host = Host::open(&dir.path().join("pump"), Setup::demonstration(), 1, now).unwrap();
        host.magnet(Role::Patient, now);
        let mut link = InProcess::new(SharedHost::new(host), clock.clone()).dial().await.unwrap();
        let mut stranger = RemoteEnd::<Noise>::new(StaticKey::generate(&mut OsEntropy));
        let pair_1 = stranger.pair(&CardSecret::generate(&mut OsEntropy), &mut OsEntropy, now).unwrap();
        for fragment in fragments(&pair_1, link.largest_write).unwrap() {
            link.to.send(fragment).await.unwrap();
        }
        assert!(link.from.recv().await.is_some(), "pair-2");
        clock.skip(Millis::from_secs(16));
        let ended = async { while link.from.recv().await.is_some() {} };
        tokio::time::timeout(std::time::Duration::from_secs(5), ended).await.expect("the link ends");
    }
}
