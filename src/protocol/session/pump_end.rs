//! The pump's end: answers handshakes, hears commands, says replies.
//!
//! # Terms
//! - *live session*: the one that commands are taken from; at most one.
//! - *beside it*: at most one handshake, or session that has not proved itself by its first sealed frame.
//!
//! # Promises
//! - A frame that calls itself a handshake never touches the live session; any other frame that doesn't hold ends the
//!   session beside it, or, if there is none, the live one.
//! - What stands beside the live session replaces it in the step in which it proves itself, and not before.
//! - No key counts that the shell was not first given to store.

use core::{fmt, mem};

use thiserror::Error;

use super::{
    CardSecret, Entropy, HANDSHAKE_TIME_MAX, HandshakeFailed, SessionError, Turn,
    backoff::Backoff,
    frame::{ANSWER_LEN, COMMAND_LEN, Channel, Frame, Kind, reply_len},
    keys::{PairedRemote, Psk, PumpPins, StaticKey},
    noise::{Ephemeral, Established, Handshake, Noise, Side, Suite, Terms},
    remote_end::reconnection_psk,
};
use crate::{
    clock::Uptime,
    message::{Command, KeyFingerprint, Reply, Role},
    wire::{decode, encode},
};

/// What happened at the pump's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PumpEvent {
    /// A remote has proved the card's secret. [`PumpEnd::pins`] now has its key, provisional: to be stored; then
    /// [`PumpEnd::provisional_stored`].
    PairingProvisional(PairedRemote),
    /// A remote said this.
    Command {
        /// Whose key.
        from: KeyFingerprint,
        /// What it may ask for.
        role: Role,
        /// What it said.
        command: Command,
        /// This is the first frame of a new session: grants of this key are dead.
        opened: bool,
        /// Whose live session it has replaced, if there was one.
        replaced: Option<KeyFingerprint>,
        /// The key is not confirmed yet; then the command is CONFIRM PAIRING.
        provisional: bool,
    },
}

/// A frame that the pump did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("{why}; {}", if ended.is_some() { "the live session has ended" } else { "no live session was touched" })]
pub struct Refused {
    /// Why.
    pub why: SessionError,
    /// Whose live session this ended, if it did.
    pub ended: Option<KeyFingerprint>,
}

/// The pump's end, whatever link the frames come over.
pub struct PumpEnd<S: Suite = Noise> {
    own: StaticKey,
    card: Psk,
    pins: PumpPins,
    live: Option<Session<S>>,
    beside: Beside<S>,
    backoff: Backoff,
}

type HandshakeOf<S> = <S as Suite>::Handshake;

struct Session<S: Suite> {
    channel: Channel<<HandshakeOf<S> as Handshake>::Transport>,
    remote: PairedRemote,
    provisional: bool,
}

enum Beside<S: Suite> {
    Nothing,
    /// Pair-2 has left.
    Pairing {
        handshake: S::Handshake,
        role: Role,
        since: Uptime,
    },
    /// The remote has proved the card's secret; its key is not durable yet.
    Storing {
        session: Session<S>,
        /// What was provisional before.
        before: Option<PairedRemote>,
        since: Uptime,
    },
    /// Waits for its first sealed frame.
    Unproven {
        session: Session<S>,
        since: Uptime,
    },
}

impl<S: Suite> PumpEnd<S> {
    /// An end without a session. `pins` is what was last stored.
    pub fn new(own: StaticKey, card: &CardSecret, pins: PumpPins) -> Self {
        let (card, backoff) = (card.psk(), Backoff::default());
        Self { own, card, pins, live: None, beside: Beside::Nothing, backoff }
    }

    /// Takes a frame. `window` is the role that the pairing window is open for, `None` while it is closed.
    pub fn hear(
        &mut self,
        bytes: &[u8],
        window: Option<Role>,
        entropy: &mut dyn Entropy,
        now: Uptime,
    ) -> Result<Turn<PumpEvent>, Refused> {
        self.expire(now);
        let live_before = self.live_key();
        let result = match Frame::read(bytes) {
            Ok(Frame { kind: Kind::Pair1, rest }) => self.hear_pair_1(rest, window, entropy, now),
            Ok(Frame { kind: Kind::Pair3, rest }) => self.hear_pair_3(rest, window, now),
            Ok(Frame { kind: Kind::Reconnect1, rest }) => self.hear_reconnect_1(rest, entropy, now),
            Ok(Frame { kind: kind @ (Kind::Pair2 | Kind::Reconnect2), .. }) => Err(SessionError::Unexpected { kind }),
            Ok(frame @ Frame { kind: Kind::Transport, .. }) => self.hear_sealed(&frame, now),
            Err(why) if Frame::claims_handshake(bytes) => Err(why),
            Err(why) => {
                self.end_the_blamed(now);
                Err(why)
            }
        };
        result.map_err(|why| Refused { why, ended: live_before.filter(|_| self.live.is_none()) })
    }

    /// The pins with the provisional key are on disk: gives the frame that proves this pump to the remote.
    pub fn provisional_stored(&mut self) -> Result<Vec<u8>, SessionError> {
        match mem::replace(&mut self.beside, Beside::Nothing) {
            Beside::Storing { mut session, since, .. } => {
                let proof = session.channel.seal(&[], ANSWER_LEN)?;
                self.beside = Beside::Unproven { session, since };
                Ok(proof)
            }
            other => {
                self.beside = other;
                Err(SessionError::NoPairing)
            }
        }
    }

    /// The pins could not be stored: this pairing has not happened.
    pub fn provisional_not_stored(&mut self) {
        if let Beside::Storing { before, .. } = mem::replace(&mut self.beside, Beside::Nothing) {
            self.pins.provisional = before;
        }
    }

    /// What must be on disk before [`Self::pairing_confirmed`]: the pins with the live session's key as one that counts.
    /// Nothing new if it counts already.
    pub fn pins_to_confirm(&self) -> Result<PumpPins, SessionError> {
        let live = self.live.as_ref().ok_or(SessionError::NoSession)?;
        if live.provisional { self.pins.with_confirmed(&live.remote) } else { Ok(self.pins.clone()) }
    }

    /// CONFIRM PAIRING was handled and is on disk; PAIRING CONFIRMED may be said.
    pub fn pairing_confirmed(&mut self) -> Result<(), SessionError> {
        self.pins = self.pins_to_confirm()?;
        if let Some(live) = &mut self.live {
            live.provisional = false;
        }
        Ok(())
    }

    /// Seals a reply for the live session. It may be sent once, in this order.
    pub fn say(&mut self, reply: &Reply) -> Result<Vec<u8>, SessionError> {
        let live = self.live.as_mut().ok_or(SessionError::NoSession)?;
        live.channel.seal(&encode(reply), reply_len(reply))
    }

    /// What is, or is about to be, on disk.
    pub const fn pins(&self) -> &PumpPins {
        &self.pins
    }

    /// Whose session is live.
    pub fn live_key(&self) -> Option<KeyFingerprint> {
        self.live.as_ref().map(|live| live.remote.remote.fingerprint())
    }

    /// Takes a remote's key back: it pairs anew or never. Its session has ended; the pins are to be stored.
    // keeps R-LNK-13
    pub fn revoke(&mut self, remote: KeyFingerprint) {
        self.pins = self.pins.without(remote);
        self.live = self.live.take().filter(|live| live.remote.remote.fingerprint() != remote);
        // Whoever is in mid-handshake begins again, and is tried against the keys that are left.
        self.beside = Beside::Nothing;
    }

    /// The link is gone, and any handshake on it. The live session stays: only a session that proves itself replaces it.
    pub fn link_lost(&mut self, now: Uptime) {
        self.give_up_beside(now);
    }

    /// When what stands beside the live session is given up, and why; `None` if nothing does.
    pub fn deadline(&self) -> Option<(Uptime, &'static str)> {
        match &self.beside {
            Beside::Nothing => None,
            Beside::Pairing { since, .. } | Beside::Storing { since, .. } | Beside::Unproven { since, .. } => {
                Some((since.after(HANDSHAKE_TIME_MAX), "handshake unfinished"))
            }
        }
    }

    /// Gives up a handshake that has taken too long; whether there was one.
    pub fn expire(&mut self, now: Uptime) -> bool {
        let late = self.deadline().filter(|(deadline, _)| now > *deadline);
        if let Some((deadline, _)) = late {
            // Since then, not since somebody noticed: the wait after it is for whoever came then.
            self.give_up_beside(deadline);
        }
        late.is_some()
    }

    fn hear_pair_1(
        &mut self,
        message: &[u8],
        window: Option<Role>,
        entropy: &mut dyn Entropy,
        now: Uptime,
    ) -> Result<Turn<PumpEvent>, SessionError> {
        // keeps R-LNK-04
        let role = window.ok_or(SessionError::WindowClosed)?;
        self.backoff.check(now)?;
        self.give_up_beside(now);
        let terms = Terms::Pairing { own: &self.own, card: &self.card };
        let answered = S::begin(terms, Side::Pump, &Ephemeral::draw(entropy)).and_then(|mut handshake| {
            handshake.read(message)?;
            let answer = handshake.write()?;
            Ok((handshake, answer))
        });
        let (handshake, answer) = self.count_failure(answered, now)?;
        self.beside = Beside::Pairing { handshake, role, since: now };
        Ok(Turn::sends(Frame::handshake(Kind::Pair2, &answer)))
    }

    fn hear_pair_3(
        &mut self,
        message: &[u8],
        window: Option<Role>,
        now: Uptime,
    ) -> Result<Turn<PumpEvent>, SessionError> {
        let (mut handshake, role, since) = match mem::replace(&mut self.beside, Beside::Nothing) {
            Beside::Pairing { handshake, role, since } => (handshake, role, since),
            other => {
                self.beside = other;
                return Err(SessionError::Unexpected { kind: Kind::Pair3 });
            }
        };
        if window != Some(role) {
            return Err(SessionError::WindowClosed);
        }
        let read = handshake.read(message).and_then(|()| handshake.finish());
        let Established { peer, binding, transport } = self.count_failure(read, now)?;
        if !self.pins.has_room_for(&peer) {
            return Err(SessionError::NoRoom);
        }
        let remote = PairedRemote { remote: peer, psk: reconnection_psk(&binding, &self.card), role };
        let before = self.pins.provisional.replace(remote.clone());
        let session = Session { channel: Channel::new(transport), remote: remote.clone(), provisional: true };
        self.beside = Beside::Storing { session, before, since };
        Ok(Turn::tells(PumpEvent::PairingProvisional(remote)))
    }

    fn hear_reconnect_1(
        &mut self,
        message: &[u8],
        entropy: &mut dyn Entropy,
        now: Uptime,
    ) -> Result<Turn<PumpEvent>, SessionError> {
        self.backoff.check(now)?;
        self.give_up_beside(now);
        // One for all trials: only the trial whose key fits ever uses it.
        let ephemeral = Ephemeral::draw(entropy);
        let fitting = self.pins.iter().find_map(|(remote, provisional)| {
            let terms = Terms::Reconnection { own: &self.own, peer: &remote.remote, psk: &remote.psk };
            let mut handshake = S::begin(terms, Side::Pump, &ephemeral).ok()?;
            handshake.read(message).ok()?;
            Some((handshake, remote.clone(), provisional))
        });
        let answered = fitting.ok_or(HandshakeFailed).and_then(|(mut handshake, remote, provisional)| {
            let answer = handshake.write()?;
            let Established { transport, .. } = handshake.finish()?;
            Ok((Session { channel: Channel::new(transport), remote, provisional }, answer))
        });
        let (session, answer) = self.count_failure(answered, now)?;
        self.beside = Beside::Unproven { session, since: now };
        Ok(Turn::sends(Frame::handshake(Kind::Reconnect2, &answer)))
    }

    fn hear_sealed(&mut self, frame: &Frame<'_>, now: Uptime) -> Result<Turn<PumpEvent>, SessionError> {
        if let Beside::Unproven { session, .. } = &mut self.beside {
            match session.hear(frame) {
                Ok(command) => return Ok(self.replace_live(command)),
                Err(SessionError::NotGenuine) => {}
                Err(why) => {
                    self.give_up_beside(now);
                    return Err(why);
                }
            }
        }
        let live = self.live.as_mut().ok_or(SessionError::NoSession);
        let heard = live.and_then(|live| live.hear(frame).map(|command| live.tells(command, false, None)));
        match heard {
            Ok(event) => Ok(Turn::tells(event)),
            Err(why @ (SessionError::NotGenuine | SessionError::NoSession)) => {
                self.end_the_blamed(now);
                Err(why)
            }
            Err(why) => {
                self.live = None;
                Err(why)
            }
        }
    }

    /// The session beside the live one has proved itself.
    // keeps R-LNK-07
    fn replace_live(&mut self, command: Command) -> Turn<PumpEvent> {
        let replaced = self.live_key();
        if let Beside::Unproven { session, .. } = mem::replace(&mut self.beside, Beside::Nothing) {
            self.live = Some(session);
        }
        self.backoff.proved();
        let event = self.live.as_ref().map(|live| live.tells(command, true, replaced));
        Turn { send: None, event }
    }

    /// A frame that belongs to no session is held against the one that has proved nothing yet, else against the live one.
    fn end_the_blamed(&mut self, now: Uptime) {
        match &self.beside {
            Beside::Unproven { .. } => self.give_up_beside(now),
            Beside::Nothing | Beside::Pairing { .. } | Beside::Storing { .. } => self.live = None,
        }
    }

    /// A handshake that is never finished costs the pump as much as one that fails, and counts as one.
    fn give_up_beside(&mut self, now: Uptime) {
        match mem::replace(&mut self.beside, Beside::Nothing) {
            Beside::Nothing => {}
            Beside::Pairing { .. } | Beside::Storing { .. } | Beside::Unproven { .. } => self.backoff.failed(now),
        }
    }

    fn count_failure<T>(&mut self, result: Result<T, HandshakeFailed>, now: Uptime) -> Result<T, SessionError> {
        if result.is_err() {
            self.backoff.failed(now);
        }
        Ok(result?)
    }
}

#[cfg(test)]
impl<S: Suite> PumpEnd<S> {
    /// What no pump does: proves itself by a frame with a message in it.
    pub(super) fn proof_that_says(&mut self, message: &[u8]) -> Vec<u8> {
        match &mut self.beside {
            Beside::Storing { session, .. } => session.channel.seal(message, ANSWER_LEN).expect("fits"),
            Beside::Nothing | Beside::Pairing { .. } | Beside::Unproven { .. } => Vec::new(),
        }
    }
}

impl<S: Suite> Session<S> {
    fn hear(&mut self, frame: &Frame<'_>) -> Result<Command, SessionError> {
        let command = decode(&self.channel.open(frame, &[COMMAND_LEN])?)?;
        if self.provisional && command != Command::ConfirmPairing {
            return Err(SessionError::NotConfirmed);
        }
        Ok(command)
    }

    fn tells(&self, command: Command, opened: bool, replaced: Option<KeyFingerprint>) -> PumpEvent {
        let (from, role) = (self.remote.remote.fingerprint(), self.remote.role);
        PumpEvent::Command { from, role, command, opened, replaced, provisional: self.provisional }
    }
}

impl<S: Suite> fmt::Debug for PumpEnd<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beside = match &self.beside {
            Beside::Nothing => "nothing",
            Beside::Pairing { .. } => "pairing",
            Beside::Storing { .. } => "storing",
            Beside::Unproven { .. } => "unproven",
        };
        f.debug_struct("PumpEnd")
            .field("own", &self.own.public())
            .field("live", &self.live_key())
            .field("beside", &beside)
            .finish_non_exhaustive()
    }
}
