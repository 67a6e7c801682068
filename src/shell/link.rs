//! Keeps an encrypted session with the paired pump: dials, shakes hands, carries commands and replies, dials again.
//!
//! A retry of the link is never a retry of a dose: a command belongs to the session that it was handed over for, and is
//! thrown away with it.
//!
//! # Promises
//! - A pairing is pinned on disk before CONFIRM PAIRING leaves, and the older one is forgotten only after the pump's word.
//! - Between two attempts lies a wait that grows to [`BACKOFF_MAX`]; nothing here asks for a dose, or knows what one is.

use std::{io, time::Duration};

use pump_core::audit::event::LinkLoss;
use pump_protocol::{
    clock::Uptime,
    fragment::{Assembly, FragmentError, fragments},
    message::{AuditHead, Command, KeyFingerprint, Reply},
    quantity::Millis,
    session::{self, CardSecret, Entropy, RemoteEnd, RemoteEvent, SessionError, Turn},
    wire::Text,
};
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::adapters::{
    Dial, Fragments,
    clock::Clock,
    keys::pins::{SessionKeys, SessionKeysError},
};

/// The first wait between two attempts to reach the pump.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// The longest: half the time between two looks of a patient who waits.
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// How long a session must have stood for the waits to begin anew.
const STOOD_WELL: Duration = Duration::from_secs(10);

/// How long the pump may take to answer while a pairing is being finished.
const ANSWER_MAX: Millis = Millis::from_secs(15);

/// What the link tells the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// A session is open.
    Up(SessionNo),
    /// It is no more.
    Down(SessionNo, LinkLoss),
    /// The pump said this in it.
    Heard(SessionNo, Reply),
}

/// What the shell tells the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkOrder {
    /// Say this in that session; if it is over, don't.
    Say(SessionNo, Command),
    /// End that session.
    Hangup(SessionNo),
}

/// Counts this run's sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNo(pub u32);

/// Why a pairing did not come about. The keys are as they were.
#[derive(Debug, Error)]
pub enum PairingError {
    /// No link.
    #[error("the pump can't be reached ({0}); nothing was changed")]
    Unreachable(#[from] io::Error),
    /// The handshake failed, or the pump left.
    #[error("the pump did not agree to pair ({0}): is its pairing window open, and is this its card's secret?")]
    Refused(#[from] SessionFailed),
    /// This remote is another pump's, and so is its record.
    #[error(
        "this remote is paired with another pump ({}); its record belongs to that one: name another directory with --data-dir for this pump, nothing was changed",
        serial.as_ref().map_or("of unknown serial", |serial| serial.as_str())
    )]
    AnotherPump {
        /// The pump it is paired with, by its key.
        paired: KeyFingerprint,
        /// That pump's serial number, if it has said it.
        serial: Option<Text<16>>,
    },
    /// The pin could not be stored.
    #[error(transparent)]
    Keys(#[from] SessionKeysError),
}

/// Why there is no session with the paired pump, or not to the end of what was to be said in it.
#[derive(Debug, Error)]
pub enum NoSession {
    /// No link.
    #[error("the pump can't be reached ({0})")]
    Unreachable(#[from] io::Error),
    /// The handshake failed, the pump left, or it said something else.
    #[error("the pump can be reached, and no session with it lasts ({0})")]
    Failed(#[from] SessionFailed),
    /// What the pump's word changes could not be stored.
    #[error(transparent)]
    Keys(#[from] SessionKeysError),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SessionFailed {
    /// The other side closed the link.
    #[error("the link was closed")]
    Closed,
    /// Nothing came in time.
    #[error("no answer in time")]
    TimedOut,
    /// A fragment out of place.
    #[error(transparent)]
    Fragment(#[from] FragmentError),
    /// A frame that the pump would not have sent.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The shell ended it.
    #[error("ended from this side")]
    HungUp,
    /// An answer that fits nothing.
    #[error("the pump's answer fits nothing that was asked")]
    OutOfPlace,
}

/// One link with the remote's end of a session on it.
struct Talk<'a, E> {
    link: Fragments,
    end: RemoteEnd,
    assembly: Assembly,
    clock: &'a Clock,
    entropy: &'a mut E,
}

/// Pairs with the pump whose card this is, and learns its serial number. The clinic has opened its pairing window.
pub async fn pair<E: Entropy + Send>(
    dial: &mut impl Dial,
    keys: &mut SessionKeys,
    card: &CardSecret,
    clock: &Clock,
    entropy: &mut E,
) -> Result<Text<16>, PairingError> {
    let mut talk = Talk::begin(dial.dial().await?, keys, clock, entropy);
    let first = talk.end.pair(card, talk.entropy, clock.now().uptime).map_err(SessionFailed::from)?;
    talk.send(&first).await?;
    let RemoteEvent::PumpProved(pump) = talk.next_event().await? else { return Err(SessionFailed::OutOfPlace.into()) };
    if let Some(other) = keys.pins.confirmed.as_ref().filter(|pinned| pinned.pump != pump.pump) {
        return Err(PairingError::AnotherPump { paired: other.pump.fingerprint(), serial: keys.serial.clone() });
    }
    let serial = keys.serial.clone();
    // keeps R-LNK-05
    keys.pin(keys.pins.clone().with_provisional(pump), serial)?;
    let confirm = talk.end.pin_stored().map_err(SessionFailed::from)?;
    talk.send(&confirm).await?;
    let RemoteEvent::Heard(Reply::PairingConfirmed) = talk.next_event().await? else {
        return Err(SessionFailed::OutOfPlace.into());
    };
    keys.pin(keys.pins.clone().with_confirmation(), keys.serial.clone())?;
    talk.say(&Command::Hello { audit_head: AuditHead::default() }).await?;
    let RemoteEvent::Heard(Reply::Hello(hello)) = talk.next_event().await? else {
        return Err(SessionFailed::OutOfPlace.into());
    };
    keys.pin(keys.pins.clone(), Some(hello.serial.clone()))?;
    Ok(hello.serial)
}

// keeps R-LNK-24
/// Has the pump take this remote's key back. Without an error it has said that it did, and no session comes about any more.
pub async fn end_pairing<E: Entropy + Send>(
    dial: &mut impl Dial,
    keys: &mut SessionKeys,
    clock: &Clock,
    entropy: &mut E,
) -> Result<(), NoSession> {
    let mut talk = open(dial, keys, clock, entropy).await?;
    for command in [Command::Hello { audit_head: AuditHead::default() }, Command::EndPairing] {
        talk.say(&command).await?;
        match (talk.next_answer().await?, command) {
            (Reply::Hello(_), Command::Hello { .. }) | (Reply::PairingEnded, Command::EndPairing) => {}
            _ => return Err(SessionFailed::OutOfPlace.into()),
        }
    }
    Ok(())
}

/// Keeps a session for as long as the shell listens, but for the times when none is wanted.
pub async fn keep<E: Entropy + Send>(
    mut dial: impl Dial,
    mut keys: SessionKeys,
    clock: Clock,
    mut entropy: E,
    mut orders: mpsc::Receiver<LinkOrder>,
    mut wanted: watch::Receiver<bool>,
    events: mpsc::Sender<LinkEvent>,
) {
    let mut number = SessionNo::default();
    let mut wait = BACKOFF_FIRST;
    // Ends with the shell.
    while until(&mut wanted, true).await && !events.is_closed() && wanted.has_changed().is_ok() {
        let mut stood = Duration::ZERO;
        match open(&mut dial, &mut keys, &clock, &mut entropy).await {
            Ok(mut talk) => {
                let began = clock.now().uptime;
                number = SessionNo(number.0.wrapping_add(1));
                if events.send(LinkEvent::Up(number)).await.is_err() {
                    return;
                }
                let why = talk.carry(number, &mut orders, &mut wanted, &events).await;
                stood = Duration::from(clock.now().uptime.since(began));
                tracing::info!(%why, "session ended");
                if events.send(LinkEvent::Down(number, loss(why))).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::debug!(%error, "no session"),
        }
        if stood >= STOOD_WELL || !*wanted.borrow() {
            wait = BACKOFF_FIRST;
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(wait, &mut entropy)) => {}
            () = events.closed() => return,
        }
        wait = (wait * 2).min(BACKOFF_MAX);
    }
}

/// Waits until a session is wanted, or isn't; false once nobody can want one.
async fn until(wanted: &mut watch::Receiver<bool>, so: bool) -> bool {
    wanted.wait_for(|wanted| *wanted == so).await.is_ok()
}

/// Between half of a wait and all of it: two remotes that lost the same pump at once don't go on meeting there.
fn jittered(wait: Duration, entropy: &mut impl Entropy) -> Duration {
    let mut chance = [0; 2];
    entropy.fill(&mut chance);
    let half = wait / 2;
    half + half.mul_f64(f64::from(u16::from_le_bytes(chance)) / f64::from(u16::MAX))
}

/// Opens a session, and finishes a pairing whose last word is still missing.
async fn open<'a, E: Entropy + Send>(
    dial: &mut impl Dial,
    keys: &mut SessionKeys,
    clock: &'a Clock,
    entropy: &'a mut E,
) -> Result<Talk<'a, E>, NoSession> {
    let pins: Vec<_> = keys.pins.newest_first().cloned().collect();
    let provisional = keys.pins.provisional.is_some();
    let mut talk = Talk::begin(dial.dial().await?, keys, clock, entropy);
    for (index, pin) in pins.iter().enumerate() {
        if index > 0 {
            // The pump has dropped the link on the first attempt; only the last pin's failure counts. It takes no handshake
            // until it has backed off from the one that failed, and would refuse the right pin, too.
            clock.sleep_until(clock.now().uptime.after(session::BACKOFF_MAX)).await;
            talk.link = dial.dial().await?;
            talk.assembly = Assembly::new();
        }
        let opened = talk.reconnect(pin).await;
        match opened {
            Ok(()) if provisional && index == 0 => {
                talk.say(&Command::ConfirmPairing).await?;
                let RemoteEvent::Heard(Reply::PairingConfirmed) = talk.next_event().await? else {
                    return Err(SessionFailed::OutOfPlace.into());
                };
                keys.pin(keys.pins.clone().with_confirmation(), keys.serial.clone())?;
                return Ok(talk);
            }
            Ok(()) => {
                if provisional {
                    // The pump still holds the older pairing only: the newer one never came about.
                    keys.pin(keys.pins.clone().without_provisional(), keys.serial.clone())?;
                }
                return Ok(talk);
            }
            Err(error) if index + 1 == pins.len() => return Err(error.into()),
            Err(error) => tracing::debug!(%error, "the newest pin does not open a session; trying the one before"),
        }
    }
    Err(SessionFailed::Session(SessionError::NoSession).into())
}

impl<'a, E: Entropy + Send> Talk<'a, E> {
    fn begin(link: Fragments, keys: &SessionKeys, clock: &'a Clock, entropy: &'a mut E) -> Self {
        Self { link, end: RemoteEnd::new(keys.own.clone()), assembly: Assembly::new(), clock, entropy }
    }

    async fn reconnect(&mut self, pin: &pump_protocol::session::PairedPump) -> Result<(), SessionFailed> {
        let first = self.end.reconnect(pin, self.entropy, self.clock.now().uptime)?;
        self.send(&first).await?;
        match self.next_event().await? {
            RemoteEvent::Opened => Ok(()),
            RemoteEvent::PumpProved(_) | RemoteEvent::Heard(_) => Err(SessionFailed::OutOfPlace),
        }
    }

    /// Carries commands and replies until the session ends, and says why it did.
    async fn carry(
        &mut self,
        number: SessionNo,
        orders: &mut mpsc::Receiver<LinkOrder>,
        wanted: &mut watch::Receiver<bool>,
        events: &mpsc::Sender<LinkEvent>,
    ) -> SessionFailed {
        loop {
            let deadline = self.assembly.deadline().map(|(at, _)| at);
            let heard = tokio::select! {
                order = orders.recv() => match order {
                    Some(LinkOrder::Say(session, command)) if session == number => {
                        match self.say(&command).await {
                            Ok(()) => continue,
                            Err(failed) => return failed,
                        }
                    }
                    Some(LinkOrder::Hangup(session)) if session == number => return SessionFailed::HungUp,
                    // keeps R-LNK-06
                    // For a session that is over.
                    Some(LinkOrder::Say(..) | LinkOrder::Hangup(_)) => continue,
                    None => return SessionFailed::HungUp,
                },
                // keeps R-LNK-20
                _ = until(wanted, false) => return SessionFailed::HungUp,
                fragment = self.link.from.recv() => match fragment {
                    Some(fragment) => self.take(&fragment).await,
                    None => return SessionFailed::Closed,
                },
                () = self.clock.sleep_until(deadline.unwrap_or(Uptime::from_millis(u64::MAX))), if deadline.is_some() => {
                    Err(SessionFailed::TimedOut)
                }
            };
            match heard {
                Ok(None) => {}
                Ok(Some(RemoteEvent::Heard(reply))) => {
                    if events.send(LinkEvent::Heard(number, reply)).await.is_err() {
                        return SessionFailed::HungUp;
                    }
                }
                Ok(Some(RemoteEvent::Opened | RemoteEvent::PumpProved(_))) => return SessionFailed::OutOfPlace,
                Err(failed) => return failed,
            }
        }
    }

    async fn say(&mut self, command: &Command) -> Result<(), SessionFailed> {
        let frame = self.end.say(command)?;
        self.send(&frame).await
    }

    async fn send(&mut self, frame: &[u8]) -> Result<(), SessionFailed> {
        for fragment in fragments(frame, self.link.largest_write)? {
            self.link.to.send(fragment).await.map_err(|_| SessionFailed::Closed)?;
        }
        Ok(())
    }

    /// The next thing that happens at our end; an error once it takes longer than a handshake or an answer may.
    async fn next_event(&mut self) -> Result<RemoteEvent, SessionFailed> {
        let now = self.clock.now().uptime;
        let until = self.end.deadline().map_or_else(|| now.after(ANSWER_MAX), |(at, _)| at);
        loop {
            let fragment = tokio::select! {
                fragment = self.link.from.recv() => fragment.ok_or(SessionFailed::Closed)?,
                () = self.clock.sleep_until(until) => return Err(SessionFailed::TimedOut),
            };
            if let Some(event) = self.take(&fragment).await? {
                return Ok(event);
            }
        }
    }

    /// The next reply that isn't said unasked.
    async fn next_answer(&mut self) -> Result<Reply, SessionFailed> {
        loop {
            match self.next_event().await? {
                RemoteEvent::Heard(Reply::Status { .. }) => {}
                RemoteEvent::Heard(reply) => return Ok(reply),
                RemoteEvent::Opened | RemoteEvent::PumpProved(_) => return Err(SessionFailed::OutOfPlace),
            }
        }
    }

    async fn take(&mut self, fragment: &[u8]) -> Result<Option<RemoteEvent>, SessionFailed> {
        let now = self.clock.now().uptime;
        let Some(frame) = self.assembly.push(fragment, now)? else { return Ok(None) };
        let Turn { send, event } = self.end.hear(&frame, now)?;
        if let Some(frame) = send {
            self.send(&frame).await?;
        }
        Ok(event)
    }
}

const fn loss(why: SessionFailed) -> LinkLoss {
    match why {
        SessionFailed::Closed | SessionFailed::HungUp => LinkLoss::Disconnected,
        SessionFailed::TimedOut => LinkLoss::Silent,
        SessionFailed::Fragment(_) | SessionFailed::Session(_) | SessionFailed::OutOfPlace => LinkLoss::BadFrame,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::{Path, PathBuf},
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use pump_protocol::{clock::BootId, message::Role};
    use simulated_pump::Setup;

    use super::*;
    use crate::adapters::{
        entropy::OsEntropy,
        simulated::{Host, InProcess, SharedHost},
    };

    /// Always the same byte.
    struct Same(u8);

    impl Entropy for Same {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    /// A pump in this directory, and the keys of a remote that is paired with it.
    async fn paired(dir: &Path, clock: &Clock) -> (SharedHost, SessionKeys) {
        let host = Host::open(&dir.join("pump"), Setup::demonstration(), 1, clock.now().uptime).unwrap();
        let card = host.card().clone();
        let host = SharedHost::new(host);
        host.with(|host| host.magnet(Role::Patient, clock.now().uptime));
        let mut keys = SessionKeys::open(dir, &mut OsEntropy).unwrap();
        let mut dial = InProcess::new(host.clone(), clock.clone());
        pair(&mut dial, &mut keys, &card, clock, &mut OsEntropy).await.unwrap();
        (host, keys)
    }

    /// A link that is kept to a pump in this directory, its first session open; what it is told, what it tells, and that it is wanted.
    async fn opened(dir: &Path) -> (mpsc::Sender<LinkOrder>, mpsc::Receiver<LinkEvent>, watch::Sender<bool>) {
        let clock = Clock::real();
        let (host, keys) = paired(dir, &clock).await;
        let dial = InProcess::new(host, clock.clone());
        let ((events, mut told), (orders, ordered)) = (mpsc::channel(8), mpsc::channel(8));
        let (want, wanted) = watch::channel(true);
        tokio::spawn(keep(dial, keys, clock, OsEntropy, ordered, wanted, events));
        assert_eq!(told.recv().await, Some(LinkEvent::Up(SessionNo(1))));
        (orders, told, want)
    }

    #[tokio::test]
    async fn a_pairing_that_was_ended_opens_no_session_any_more_not_even_after_the_pump_began_anew() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::real());
        let (host, mut keys) = paired(dir.path(), &clock).await;
        let mut dial = InProcess::new(host.clone(), clock.clone());
        end_pairing(&mut dial, &mut keys, &clock, &mut OsEntropy).await.unwrap();
        // proves R-LNK-24
        assert!(!host.with(|host| host.paired()));
        let again = end_pairing(&mut dial, &mut keys, &clock, &mut OsEntropy).await;
        assert!(matches!(again, Err(NoSession::Failed(_))), "{again:?}");
        let anew = Host::open(&dir.path().join("pump"), Setup::demonstration(), 1, clock.now().uptime).unwrap();
        // proves R-LNK-24
        assert!(!anew.paired(), "what was said is on the pump's disk");
    }

    #[tokio::test]
    async fn a_pump_that_did_not_hear_the_end_knows_the_remote_still_and_one_whose_answer_was_lost_does_not() {
        for (fault, known) in [("disconnect end before", true), ("disconnect end after", false)] {
            let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::real());
            let (host, mut keys) = paired(dir.path(), &clock).await;
            host.with(|host| host.console(fault, clock.now().uptime));
            let mut dial = InProcess::new(host.clone(), clock.clone());
            let told = end_pairing(&mut dial, &mut keys, &clock, &mut OsEntropy).await;
            assert!(matches!(told, Err(NoSession::Failed(SessionFailed::Closed))), "{fault}: {told:?}");
            // proves R-LNK-24
            assert_eq!(host.with(|host| host.paired()), known, "{fault}");
        }
    }

    #[tokio::test]
    async fn a_link_that_is_not_wanted_rests_and_is_there_again_when_it_is() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::real());
        let (host, keys) = paired(dir.path(), &clock).await;
        let dial = InProcess::new(host, clock.clone());
        let ((events, mut told), (_orders, ordered)) = (mpsc::channel(8), mpsc::channel(8));
        let (want, wanted) = watch::channel(true);
        let keeping = tokio::spawn(keep(dial, keys, clock, OsEntropy, ordered, wanted, events));
        assert_eq!(told.recv().await, Some(LinkEvent::Up(SessionNo(1))));
        want.send_replace(false);
        assert_eq!(told.recv().await, Some(LinkEvent::Down(SessionNo(1), LinkLoss::Disconnected)));
        let longer_than_any_first_wait = Duration::from_millis(1_500);
        // proves R-LNK-20
        assert!(tokio::time::timeout(longer_than_any_first_wait, told.recv()).await.is_err(), "nobody wants a link");
        want.send_replace(true);
        assert_eq!(told.recv().await, Some(LinkEvent::Up(SessionNo(2))));
        drop(want);
        // Ends with whoever could want one.
        keeping.await.unwrap();
    }

    #[tokio::test]
    async fn an_order_for_another_session_is_never_said() {
        let dir = tempfile::tempdir().unwrap();
        let (orders, mut told, _wanted) = opened(dir.path()).await;
        let hello = || Command::Hello { audit_head: AuditHead::default() };
        orders.send(LinkOrder::Say(SessionNo(0), Command::ReadReport)).await.unwrap();
        orders.send(LinkOrder::Hangup(SessionNo(0))).await.unwrap();
        orders.send(LinkOrder::Say(SessionNo(1), hello())).await.unwrap();
        // proves R-LNK-06
        assert!(matches!(told.recv().await, Some(LinkEvent::Heard(SessionNo(1), Reply::Hello(_)))), "the first answer");
    }

    #[tokio::test]
    async fn a_pump_that_can_not_store_what_it_did_says_nothing_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (orders, mut told, _wanted) = opened(dir.path()).await;
        let state = dir.path().join("pump");
        std::fs::remove_file(&state).unwrap();
        std::fs::create_dir_all(state.join("in the way")).unwrap();
        let audit_head = AuditHead { count: 5, hash: [5; 32] };
        orders.send(LinkOrder::Say(SessionNo(1), Command::Hello { audit_head })).await.unwrap();
        // proves R-PMP-17
        assert!(matches!(told.recv().await, Some(LinkEvent::Down(SessionNo(1), _))), "and ends the session");
    }

    #[tokio::test]
    async fn a_pairing_window_that_has_closed_by_itself_lets_nobody_in() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::lapsing(60, BootId([7; 16])));
        let opened = clock.now().uptime;
        let host = Host::open(&dir.path().join("pump"), Setup::demonstration(), 1, opened).unwrap();
        let card = host.card().clone();
        let host = SharedHost::new(host);
        host.with(|host| host.magnet(Role::Patient, opened));
        clock.skip(Millis::from_mins(6));
        let mut keys = SessionKeys::open(dir.path(), &mut OsEntropy).unwrap();
        let mut dial = InProcess::new(host.clone(), clock.clone());
        let paired = pair(&mut dial, &mut keys, &card, &clock, &mut OsEntropy).await;
        // proves R-LNK-04
        assert!(paired.is_err() && !host.with(|host| host.paired()), "{paired:?}");
    }

    /// A way to a pump over so narrow a link that nobody sends a frame ahead.
    struct Narrow {
        inner: InProcess,
        dir: PathBuf,
        /// At each fragment of the remote's: how many the pump had sent, and whether the remote's disk holds a provisional pin.
        seen: Arc<Mutex<Vec<(usize, bool)>>>,
    }

    impl Dial for Narrow {
        async fn dial(&mut self) -> io::Result<Fragments> {
            let Fragments { to, mut from, .. } = self.inner.dial().await?;
            let ((narrow, mut sent), (answer, answers)) = (mpsc::channel(1), mpsc::channel(1));
            let (dir, seen, pumps) = (self.dir.clone(), Arc::clone(&self.seen), Arc::new(AtomicUsize::new(0)));
            let counted = Arc::clone(&pumps);
            tokio::spawn(async move {
                while let Some(fragment) = from.recv().await {
                    counted.fetch_add(1, Ordering::SeqCst);
                    if answer.send(fragment).await.is_err() {
                        return;
                    }
                }
            });
            tokio::spawn(async move {
                while let Some(fragment) = sent.recv().await {
                    let pinned = SessionKeys::open(&dir, &mut OsEntropy).unwrap().pins.provisional.is_some();
                    seen.lock().unwrap().push((pumps.load(Ordering::SeqCst), pinned));
                    if to.send(fragment).await.is_err() {
                        return;
                    }
                }
            });
            Ok(Fragments { to: narrow, from: answers, largest_write: 20 })
        }
    }

    #[tokio::test]
    async fn the_last_word_of_a_pairing_leaves_only_once_the_pumps_key_is_on_disk() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::real());
        let host = Host::open(&dir.path().join("pump"), Setup::demonstration(), 1, clock.now().uptime).unwrap();
        let card = host.card().clone();
        let host = SharedHost::new(host);
        host.with(|host| host.magnet(Role::Patient, clock.now().uptime));
        host.with(|host| host.console("disconnect confirm before", clock.now().uptime));
        let mut keys = SessionKeys::open(dir.path(), &mut OsEntropy).unwrap();
        let seen = Arc::default();
        let inner = InProcess::new(host, clock.clone());
        let mut dial = Narrow { inner, dir: dir.path().to_owned(), seen: Arc::clone(&seen) };
        let paired = pair(&mut dial, &mut keys, &card, &clock, &mut OsEntropy).await;
        assert!(matches!(paired, Err(PairingError::Refused(SessionFailed::Closed))), "{paired:?}");
        let seen = seen.lock().unwrap();
        let heard = seen.iter().map(|(heard, _)| *heard).max().unwrap();
        let last_word: Vec<bool> =
            seen.iter().filter(|(before, _)| *before == heard).map(|(_, pinned)| *pinned).collect();
        // proves R-LNK-05
        assert!(last_word.len() > 1 && last_word.iter().all(|pinned| *pinned), "{seen:?}");
    }

    #[test]
    fn a_wait_is_spread_over_its_second_half() {
        let wait = Duration::from_secs(8);
        assert_eq!(jittered(wait, &mut Same(0)), Duration::from_secs(4));
        assert_eq!(jittered(wait, &mut Same(255)), wait);
        let between = jittered(wait, &mut Same(0x80));
        assert!(between > Duration::from_secs(5) && between < Duration::from_secs(7), "{between:?}");
        assert!(jittered(BACKOFF_MAX, &mut Same(255)) <= BACKOFF_MAX, "the bound holds");
    }
}
