//! What stands around a pump: its session's end, its disk, its pairing window, and a radio that fails on script.
//!
//! # Promises
//! - What a reply relies on is on disk before the reply leaves; if it can't be, the reply doesn't leave and the link drops.
//! - No bolus runs whose record is not on disk. One that ends, ends, stored or not.
//! - A link without a session ends [`HANDSHAKE_TIME_MAX`] after its first frame, or with the first that is refused. One with a
//!   session ends with it, and outlasts a refused frame that left the session alone.
//! - A key takes one of the pump's places with the pairing that makes it count, and not before.
//! - A pump that was away because this program was not running has lived on meanwhile: its clock ran.

use std::{path::Path, time::SystemTime};

use pump_protocol::{
    clock::Uptime,
    fragment::Assembly,
    message::{Command, KeyFingerprint, Nonce, RefusedReason, Reply, Role},
    quantity::Millis,
    session::{CardSecret, HANDSHAKE_TIME_MAX, PairedRemote, PumpEnd, PumpEvent, Turn},
};
use simulated_pump::{
    Pump, Setup,
    console::{self, ConsoleAnswer},
    faults::{self, Answered, Point, Script},
};

use super::state::{State, StateError};
use crate::adapters::{
    entropy::{OsEntropy, random},
    hex,
};

/// How long a magnet opens the pairing window: time to type the card's secret, not to forget about it.
const WINDOW: Millis = Millis::from_mins(5);
/// The longest that a pump sleeps without a look at itself.
const QUIET_MAX: Millis = Millis::from_mins(1);

/// What the host wants done with the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Send this frame.
    Send(Vec<u8>),
    /// Drop the link.
    Disconnect,
}

/// How far whoever is linked has come.
#[derive(Clone, Copy)]
enum Linked {
    /// No frame yet.
    Silent,
    /// Frames since then, and no session.
    Stranger { since: Uptime },
    /// The live session was opened on this link.
    Remote,
}

/// A pump and what stands around it.
pub struct Host {
    state: State,
    end: PumpEnd,
    script: Script,
    assembly: Assembly,
    linked: Linked,
    window: Option<(Role, Uptime)>,
    lived_until: Uptime,
    speed: u32,
}

impl Host {
    /// The pump in this file, which has lived on since it was last stored; a new one if there is none. It lives `speed`
    /// times as fast as the clock that its host is told.
    pub fn open(path: &Path, setup: Setup, speed: u32, now: Uptime) -> Result<Self, StateError> {
        let (mut state, new) = State::open(path, setup, &mut OsEntropy)?;
        if !new {
            let away_ms = unix_ms().saturating_sub(state.unix_ms).max(0).unsigned_abs();
            state.pump.advance(Millis::new(away_ms.saturating_mul(u64::from(speed))));
        }
        state.store(unix_ms())?;
        let end = PumpEnd::new(state.own.clone(), &state.card, state.pins.clone());
        let (script, assembly) = (Script::default(), Assembly::new());
        Ok(Self { state, end, script, assembly, linked: Linked::Silent, window: None, lived_until: now, speed })
    }

    /// The pump.
    pub const fn pump(&self) -> &Pump {
        &self.state.pump
    }

    /// What is printed on the implant card.
    pub const fn card(&self) -> &CardSecret {
        &self.state.card
    }

    /// Whether a remote is paired.
    pub fn paired(&self) -> bool {
        self.end.pins().iter().next().is_some()
    }

    /// Opens the pairing window for a remote of this role, as a magnet over the implant does.
    pub fn magnet(&mut self, role: Role, now: Uptime) {
        self.window = Some((role, now.after(WINDOW)));
    }

    /// Until when the pairing window is open; `None` if it is closed.
    pub const fn window(&self) -> Option<Uptime> {
        match self.window {
            Some((_, until)) => Some(until),
            None => None,
        }
    }

    /// Whether something has changed that a paired remote has not said it knows.
    pub fn has_news(&self) -> bool {
        self.end.pins().iter().any(|(remote, _)| self.state.pump.has_news(remote.remote.fingerprint()))
    }

    /// Lets the pump live until `now`.
    pub fn live_until(&mut self, now: Uptime) {
        let passed = now.since(self.lived_until).get();
        self.state.pump.advance(Millis::new(passed.saturating_mul(u64::from(self.speed))));
        self.lived_until = self.lived_until.max(now);
    }

    /// When the pump may have something to tell by itself.
    pub fn next_change(&self, now: Uptime) -> Uptime {
        let told = !self.end.live_key().is_some_and(|key| self.state.pump.has_news(key));
        let quiet = self.state.pump.quiet_for(QUIET_MAX).get().div_ceil(u64::from(self.speed.max(1)));
        let news = if told { self.lived_until.after(Millis::new(quiet)) } else { now };
        let deadlines = [self.end.deadline(), self.assembly.deadline(), self.deadline()];
        let passed = deadlines.into_iter().flatten().map(|(at, _)| at.after(Millis::new(1)));
        passed.fold(news, Uptime::min).max(now)
    }

    /// Takes a fragment from the link.
    pub fn hear(&mut self, fragment: &[u8], now: Uptime) -> Vec<Act> {
        self.live_until(now);
        if self.overstays(now) {
            return vec![Act::Disconnect];
        }
        match self.assembly.push(fragment, now) {
            Ok(None) => Vec::new(),
            Ok(Some(frame)) => self.hear_frame(&frame, now),
            Err(error) => {
                tracing::info!(%error, "pump: a fragment was not taken");
                vec![Act::Disconnect]
            }
        }
    }

    /// What the pump says unasked.
    pub fn tell_news(&mut self, now: Uptime) -> Vec<Act> {
        self.live_until(now);
        self.end.expire(now);
        if self.assembly.expire(now).is_err() || self.overstays(now) {
            return vec![Act::Disconnect];
        }
        let changed = self.end.live_key().and_then(|key| self.state.pump.take_status(key));
        changed.map_or_else(Vec::new, |changed| self.send(&Reply::Status { changed }))
    }

    /// The link is gone.
    pub fn link_lost(&mut self, now: Uptime) {
        self.live_until(now);
        self.assembly = Assembly::new();
        self.linked = Linked::Silent;
        self.end.link_lost(now);
        if let Some(key) = self.end.live_key() {
            self.state.pump.session_closed(key);
        }
    }

    /// Does what somebody typed at the pump's console.
    pub fn console(&mut self, line: &str, now: Uptime) -> ConsoleAnswer {
        self.live_until(now);
        let before = self.state.pump.clone();
        let answer = console::run(&mut self.state.pump, &mut self.script, line);
        let answer = match answer {
            ConsoleAnswer::OpenPairing(role) => {
                self.magnet(role, now);
                answer
            }
            ConsoleAnswer::Remotes => ConsoleAnswer::Say(self.remotes()),
            ConsoleAnswer::Revoke(which) => self.revoke(which),
            ConsoleAnswer::Say(_) | ConsoleAnswer::DropLinks(_) | ConsoleAnswer::Quit => answer,
        };
        match self.store() {
            Ok(()) => answer,
            Err(error) if self.state.pump.take_back_bolus(before) => {
                ConsoleAnswer::Say(format!("No bolus was given: {error}."))
            }
            Err(error) => ConsoleAnswer::Say(error.to_string()),
        }
    }

    /// Which remotes are paired, one a line, counted from 1.
    fn remotes(&self) -> String {
        let line = |(number, (paired, provisional)): (usize, (&PairedRemote, bool))| {
            let name = hex(&paired.remote.fingerprint().0);
            let role = match paired.role {
                Role::Patient => "a patient's",
                Role::Viewer => "may only look",
            };
            format!("{number}  remote {name}, {role}{}", if provisional { ", not confirmed yet" } else { "" })
        };
        let lines: Vec<String> = (1..).zip(self.end.pins().iter()).map(line).collect();
        if lines.is_empty() { "No remote is paired.".to_owned() } else { lines.join("\n") }
    }

    /// Takes a remote's key back; whoever is linked is cut off, and may come back if it was another.
    fn revoke(&mut self, which: usize) -> ConsoleAnswer {
        let found = which.checked_sub(1).and_then(|index| self.end.pins().iter().nth(index));
        let Some(remote) = found.map(|(paired, _)| paired.remote.fingerprint()) else {
            return ConsoleAnswer::Say(format!("No remote {which} is paired; \"remotes\" lists them."));
        };
        self.end.revoke(remote);
        self.state.pump.revoke(remote);
        self.state.pins = self.end.pins().clone();
        ConsoleAnswer::DropLinks(format!("Remote {which} is revoked: it pairs anew or never."))
    }

    /// Makes the pump durable as it is: at the end of the program, and after whatever a reply relies on.
    pub fn store(&mut self) -> Result<(), StateError> {
        self.state.store(unix_ms())
    }

    /// When a link without a session is dropped, and why.
    fn deadline(&self) -> Option<(Uptime, &'static str)> {
        match self.linked {
            Linked::Stranger { since } => Some((since.after(HANDSHAKE_TIME_MAX), "no session on the link")),
            Linked::Silent | Linked::Remote => None,
        }
    }

    fn overstays(&self, now: Uptime) -> bool {
        self.deadline().is_some_and(|(deadline, _)| now > deadline)
    }

    fn hear_frame(&mut self, frame: &[u8], now: Uptime) -> Vec<Act> {
        let acts = self.take_frame(frame, now);
        self.linked = match self.linked {
            Linked::Remote if self.end.live_key().is_some() => Linked::Remote,
            Linked::Silent | Linked::Remote => Linked::Stranger { since: now },
            Linked::Stranger { since } => Linked::Stranger { since },
        };
        acts
    }

    fn take_frame(&mut self, frame: &[u8], now: Uptime) -> Vec<Act> {
        let window = self.window.filter(|(_, until)| now < *until).map(|(role, _)| role);
        match self.end.hear(frame, window, &mut OsEntropy, now) {
            Ok(Turn { send, event }) => {
                let mut acts: Vec<Act> = event.map_or_else(Vec::new, |event| self.happened(event));
                acts.extend(send.map(Act::Send));
                acts
            }
            Err(refused) => {
                tracing::info!(%refused, "pump: a frame was not taken");
                if let Some(key) = refused.ended {
                    self.state.pump.session_closed(key);
                }
                // keeps R-LNK-07
                match self.linked {
                    Linked::Remote if self.end.live_key().is_some() => Vec::new(),
                    Linked::Silent | Linked::Stranger { .. } | Linked::Remote => vec![Act::Disconnect],
                }
            }
        }
    }

    fn happened(&mut self, event: PumpEvent) -> Vec<Act> {
        match event {
            PumpEvent::PairingProvisional(_) => {
                self.state.pins = self.end.pins().clone();
                if let Err(error) = self.store() {
                    tracing::warn!(%error, "pump: a pairing could not be stored and has not happened");
                    self.end.provisional_not_stored();
                    self.state.pins = self.end.pins().clone();
                    return vec![Act::Disconnect];
                }
                self.end.provisional_stored().map_or_else(|_| vec![Act::Disconnect], |proof| vec![Act::Send(proof)])
            }
            PumpEvent::Command { from, role, command, opened, replaced, provisional } => {
                if let Some(replaced) = replaced {
                    self.state.pump.session_closed(replaced);
                }
                if opened {
                    self.linked = Linked::Remote;
                }
                // A pairing that comes to nothing leaves no key to remember.
                if opened && !provisional && !self.state.pump.session_opened(from) {
                    return vec![Act::Disconnect];
                }
                if command == Command::ConfirmPairing || provisional {
                    self.confirm_pairing(from, &command, provisional)
                } else {
                    self.answer(from, role, &command)
                }
            }
        }
    }

    fn answer(&mut self, from: KeyFingerprint, role: Role, command: &Command) -> Vec<Act> {
        let nonce = Nonce(random());
        let before = self.state.pump.clone();
        let answered = faults::answer(&mut self.state.pump, &mut self.script, from, role, command, nonce);
        // keeps R-LNK-24
        let ended = self.state.pump.is_revoked(from);
        if ended {
            self.state.pins = self.state.pins.without(from);
        }
        let acts = self.say(answered);
        self.state.pump.take_back_bolus(before);
        if ended {
            // The link is the remote's to drop: a radio that is told to drops it ahead of the answer.
            self.end.revoke(from);
        }
        acts
    }

    /// Says what was answered, once it is on disk.
    fn say(&mut self, answered: Answered) -> Vec<Act> {
        // keeps R-PMP-17
        if self.state.pump.must_persist()
            && let Err(error) = self.store()
        {
            tracing::warn!(%error, "pump: what was done could not be stored; nothing is said of it");
            return vec![Act::Disconnect];
        }
        let mut acts = answered.reply.map_or_else(Vec::new, |reply| self.send(&reply));
        acts.extend(answered.disconnect.then_some(Act::Disconnect));
        acts
    }

    fn confirm_pairing(&mut self, from: KeyFingerprint, command: &Command, provisional: bool) -> Vec<Act> {
        if *command != Command::ConfirmPairing {
            return self.send(&Reply::Refused { reason: RefusedReason::NoPairing });
        }
        if let Some(effect) = self.script.take(command, Point::BeforeReceipt) {
            let struck = faults::strike(&mut self.state.pump, from, effect);
            return self.say(struck);
        }
        let Ok(pins) = self.end.pins_to_confirm() else { return vec![Act::Disconnect] };
        let before = self.state.pump.clone();
        if provisional && !self.state.pump.session_opened(from) {
            return vec![Act::Disconnect];
        }
        self.state.pins = pins;
        if let Err(error) = self.store() {
            tracing::warn!(%error, "pump: the pairing could not be confirmed");
            self.state.pins = self.end.pins().clone();
            self.state.pump.take_back(before);
            return vec![Act::Disconnect];
        }
        self.window = None;
        if self.end.pairing_confirmed().is_err() {
            return vec![Act::Disconnect];
        }
        match self.script.take(command, Point::AfterReceipt) {
            Some(effect) => {
                let struck = faults::strike(&mut self.state.pump, from, effect);
                self.say(struck)
            }
            None => self.send(&Reply::PairingConfirmed),
        }
    }

    fn send(&mut self, reply: &Reply) -> Vec<Act> {
        self.end.say(reply).map_or_else(|_| vec![Act::Disconnect], |frame| vec![Act::Send(frame)])
    }
}

/// The kernel's wall clock, raw: only to know for how long the program was away. A clock set back counts as no time.
fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use pump_protocol::{
        message::{AuditHead, Fate, RequestId},
        session::{HANDSHAKE_TIME_MAX, PairedPump, Psk, RemoteEnd, RemoteEvent, StaticKey},
    };

    use super::*;

    const NOW: Uptime = Uptime::from_millis(1_000);

    fn host(place: &Path) -> Host {
        let setup = Setup::demonstration_at(crate::adapters::clock::Clock::real().now().wall);
        Host::open(&place.join("pump"), setup, 1, NOW).unwrap()
    }

    type Remote = RemoteEnd<pump_protocol::session::Noise>;

    /// A pairing with a new remote up to its last word; the remote, and what the pump does with that one.
    fn pair(host: &mut Host) -> (Remote, Vec<Act>) {
        host.magnet(Role::Patient, NOW);
        let mut remote = Remote::new(StaticKey::generate(&mut OsEntropy));
        let mut frame = remote.pair(host.card(), &mut OsEntropy, NOW).unwrap();
        loop {
            let acts = host.hear_frame(&frame, NOW);
            let [Act::Send(said)] = acts.as_slice() else { panic!("{acts:?}") };
            let turn = remote.hear(said, NOW).unwrap();
            let Some(next) = turn.send else {
                assert!(matches!(turn.event, Some(RemoteEvent::PumpProved(_))));
                break;
            };
            frame = next;
        }
        let acts = host.hear_frame(&remote.pin_stored().unwrap(), NOW);
        (remote, acts)
    }

    /// What the pump answers to this; `None` if it drops the link.
    fn say(host: &mut Host, remote: &mut Remote, command: &Command) -> Option<Reply> {
        let acts = host.hear_frame(&remote.say(command).unwrap(), NOW);
        heard(remote, &acts)
    }

    fn heard(remote: &mut Remote, acts: &[Act]) -> Option<Reply> {
        match acts {
            [Act::Send(said)] => match remote.hear(said, NOW).unwrap().event {
                Some(RemoteEvent::Heard(reply)) => Some(reply),
                other => panic!("{other:?}"),
            },
            [Act::Disconnect] => None,
            other => panic!("{other:?}"),
        }
    }

    /// A pump here, and a remote that has paired with it and said HELLO.
    fn greeted(place: &Path) -> (Host, Remote) {
        let mut host = host(place);
        let (mut remote, acts) = pair(&mut host);
        assert_eq!(heard(&mut remote, &acts), Some(Reply::PairingConfirmed));
        let hello = say(&mut host, &mut remote, &Command::Hello { audit_head: AuditHead::default() });
        assert!(matches!(hello, Some(Reply::Hello(_))), "{hello:?}");
        (host, remote)
    }

    /// From here on nothing can be put in the place of the pump's file.
    fn stop_storing(place: &Path) {
        std::fs::remove_file(place.join("pump")).unwrap();
        std::fs::create_dir_all(place.join("pump/in the way")).unwrap();
    }

    fn store_again(place: &Path) {
        std::fs::remove_dir_all(place.join("pump")).unwrap();
    }

    /// The same while a fault waits for it.
    fn last_word(fault: &str) -> (Host, Vec<Act>) {
        let place = tempfile::tempdir().unwrap();
        let mut host = host(place.path());
        host.console(fault, NOW);
        let (_, acts) = pair(&mut host);
        (host, acts)
    }

    #[test]
    fn a_remote_that_is_revoked_makes_room_for_another_however_often() {
        let place = tempfile::tempdir().unwrap();
        let mut host = host(place.path());
        for remote in 1..=20 {
            let (_, acts) = pair(&mut host);
            assert!(matches!(acts.as_slice(), [Act::Send(_)]), "remote {remote}: {acts:?}");
            host.link_lost(NOW);
            assert!(matches!(host.console("revoke 1", NOW), ConsoleAnswer::DropLinks(_)));
        }
    }

    #[test]
    fn a_pairing_can_be_cut_on_either_side_of_its_last_word() {
        let (host, acts) = last_word("");
        assert!(matches!(acts.as_slice(), [Act::Send(_)]) && host.paired() && host.window().is_none(), "{acts:?}");
        let (host, acts) = last_word("disconnect confirm before");
        assert_eq!(acts, [Act::Disconnect]);
        assert!(host.end.pins().provisional.is_some() && host.window().is_some(), "the pump has not heard it");
        let (host, acts) = last_word("disconnect confirm after");
        assert_eq!(acts, [Act::Disconnect]);
        assert!(host.end.pins().provisional.is_none() && host.window().is_none(), "the pump has acted on it");
    }

    #[test]
    fn a_bolus_whose_record_can_not_be_stored_does_not_begin() {
        let place = tempfile::tempdir().unwrap();
        let (mut host, mut remote) = greeted(place.path());
        let (id, prescription) = (RequestId(1), host.pump().prescription().hash());
        let prepare = Command::Prepare { id, prescription, audit_head: AuditHead::default() };
        let Some(Reply::Granted { nonce, .. }) = say(&mut host, &mut remote, &prepare) else { panic!("no grant") };
        stop_storing(place.path());
        let key = host.end.live_key().unwrap();
        // proves R-PMP-17
        assert_eq!(say(&mut host, &mut remote, &Command::Commit { id, nonce, prescription }), None);
        host.link_lost(NOW);
        assert_eq!(host.pump().report().bolus, None, "the motor runs by no record that a restart would lose");
        assert_eq!(host.pump().fate(key, id), Fate::Voided);
        assert!(host.pump().must_persist(), "the disk may hold the bolus: nothing is said before it holds none");
        store_again(place.path());
        host.store().unwrap();
        drop(host);
        assert_eq!(self::host(place.path()).pump().fate(key, id), Fate::Voided);
    }

    #[test]
    fn a_bolus_that_the_clinic_gives_needs_its_record_too_and_one_that_is_cancelled_does_not() {
        let place = tempfile::tempdir().unwrap();
        let (mut host, mut remote) = greeted(place.path());
        stop_storing(place.path());
        for line in ["bolus 5", "bolus 5 unknown"] {
            let said = host.console(line, NOW);
            assert!(matches!(&said, ConsoleAnswer::Say(said) if said.starts_with("No bolus")), "{said:?}");
            assert_eq!(host.pump().report().bolus, None, "{line}");
        }
        store_again(place.path());
        let (id, prescription) = (RequestId(1), host.pump().prescription().hash());
        let prepare = Command::Prepare { id, prescription, audit_head: AuditHead::default() };
        let Some(Reply::Granted { nonce, .. }) = say(&mut host, &mut remote, &prepare) else { panic!("no grant") };
        let accepted = say(&mut host, &mut remote, &Command::Commit { id, nonce, prescription });
        assert!(matches!(accepted, Some(Reply::Accepted { .. })), "{accepted:?}");
        stop_storing(place.path());
        assert_eq!(say(&mut host, &mut remote, &Command::Cancel { id }), None);
        assert_eq!(host.pump().report().bolus, None, "a motor that was told to stop has stopped");
    }

    #[test]
    fn pairings_that_come_to_nothing_take_no_place_from_another() {
        let place = tempfile::tempdir().unwrap();
        let mut host = host(place.path());
        for cut in 1..=8 {
            host.console("disconnect confirm before", NOW);
            assert_eq!(pair(&mut host).1, [Act::Disconnect], "{cut}");
            host.link_lost(NOW);
        }
        for cut in 1..=8 {
            host.magnet(Role::Patient, NOW);
            let mut remote = Remote::new(StaticKey::generate(&mut OsEntropy));
            let mut frame = remote.pair(host.card(), &mut OsEntropy, NOW).unwrap();
            for _ in 0..2 {
                let acts = host.hear_frame(&frame, NOW);
                let [Act::Send(said)] = acts.as_slice() else { panic!("{cut}: {acts:?}") };
                frame = remote.hear(said, NOW).unwrap().send.unwrap_or_default();
            }
            stop_storing(place.path());
            assert_eq!(host.hear_frame(&remote.pin_stored().unwrap(), NOW), [Act::Disconnect], "{cut}");
            host.link_lost(NOW);
            store_again(place.path());
        }
        let (mut remote, acts) = pair(&mut host);
        assert_eq!(heard(&mut remote, &acts), Some(Reply::PairingConfirmed));
        let hello = say(&mut host, &mut remote, &Command::Hello { audit_head: AuditHead::default() });
        assert!(matches!(hello, Some(Reply::Hello(_))), "{hello:?}");
    }

    #[test]
    fn a_last_word_that_is_said_again_in_the_same_session_is_answered() {
        let place = tempfile::tempdir().unwrap();
        let mut host = host(place.path());
        host.console("drop confirm before", NOW);
        host.console("drop confirm after", NOW);
        let (mut remote, acts) = pair(&mut host);
        assert_eq!(acts, [], "the first is lost");
        assert_eq!(host.hear_frame(&remote.say(&Command::ConfirmPairing).unwrap(), NOW), [], "so is its answer");
        assert_eq!(say(&mut host, &mut remote, &Command::ConfirmPairing), Some(Reply::PairingConfirmed));
        let hello = say(&mut host, &mut remote, &Command::Hello { audit_head: AuditHead::default() });
        assert!(matches!(hello, Some(Reply::Hello(_))), "{hello:?}");
        assert!(host.paired() && !host.pump().is_revoked(host.end.live_key().unwrap()));
    }

    #[test]
    fn a_handshake_that_fails_on_the_link_of_a_session_does_not_end_it() {
        let place = tempfile::tempdir().unwrap();
        let (mut host, mut remote) = greeted(place.path());
        let mut stranger = Remote::new(StaticKey::generate(&mut OsEntropy));
        let pin = PairedPump { pump: StaticKey::generate(&mut OsEntropy).public(), psk: Psk([7; 32]) };
        let junk = stranger.reconnect(&pin, &mut OsEntropy, NOW).unwrap();
        // proves R-LNK-07
        assert_eq!(host.hear_frame(&junk, NOW), []);
        assert!(matches!(say(&mut host, &mut remote, &Command::ReadReport), Some(Reply::Report(_))));
        host.link_lost(NOW);
        assert_eq!(host.hear_frame(&junk, NOW), [Act::Disconnect], "a link without a session is not kept for it");
    }

    #[test]
    fn a_link_whose_session_has_ended_is_dropped() {
        let place = tempfile::tempdir().unwrap();
        let (mut host, mut remote) = greeted(place.path());
        let said_twice = remote.say(&Command::ReadReport).unwrap();
        assert!(matches!(host.hear_frame(&said_twice, NOW).as_slice(), [Act::Send(_)]));
        assert_eq!(host.hear_frame(&said_twice, NOW), [Act::Disconnect]);

        let place = tempfile::tempdir().unwrap();
        let (mut host, mut remote) = greeted(place.path());
        assert_eq!(say(&mut host, &mut remote, &Command::EndPairing), Some(Reply::PairingEnded));
        assert_eq!(host.tell_news(NOW.after(HANDSHAKE_TIME_MAX)), [], "the remote may still drop it itself");
        assert_eq!(host.tell_news(NOW.after(HANDSHAKE_TIME_MAX).after(Millis::new(1))), [Act::Disconnect]);
    }

    #[test]
    fn whoever_begins_a_handshake_again_and_again_does_not_keep_the_link() {
        let place = tempfile::tempdir().unwrap();
        let mut host = host(place.path());
        host.magnet(Role::Patient, NOW);
        let mut stranger = Remote::new(StaticKey::generate(&mut OsEntropy));
        let card = CardSecret::generate(&mut OsEntropy);
        let mut now = NOW;
        for _ in 0..2 {
            let pair_1 = stranger.pair(&card, &mut OsEntropy, now).unwrap();
            assert!(matches!(host.hear_frame(&pair_1, now).as_slice(), [Act::Send(_)]));
            assert!(
                host.next_change(now) <= NOW.after(HANDSHAKE_TIME_MAX).after(Millis::new(1)),
                "it is looked at in time"
            );
            now = now.after(Millis::from_secs(10));
        }
        assert_eq!(host.tell_news(now), [Act::Disconnect]);
    }
}
