//! The remote's end: begins every handshake, says commands, hears replies.
//!
//! # Promises
//! - Nothing is said in a new pairing before the shell has reported the pump's pin durable.
//! - After any error from [`RemoteEnd::hear`] there is no session and no handshake: what is to be said needs a new one.

use core::mem;

use super::{
    CardSecret, Entropy, HANDSHAKE_TIME_MAX, SessionError, Turn,
    backoff::Backoff,
    frame::{ANSWER_LEN, COMMAND_LEN, Channel, DESCRIPTION_LEN, Frame, Kind},
    keys::{PairedPump, Psk, StaticKey, derive},
    noise::{Ephemeral, Established, Handshake, Noise, Side, Suite, Terms},
};
use crate::{
    clock::Uptime,
    message::{Command, Reply},
    wire::{decode, encode},
};

/// What happened at the remote's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteEvent {
    /// A reconnection has succeeded: commands may be said.
    Opened,
    /// A pairing has proved its pump. To be stored beside the old pin; then [`RemoteEnd::pin_stored`].
    PumpProved(PairedPump),
    /// The pump said this.
    Heard(Reply),
}

/// The remote's end of one link.
pub struct RemoteEnd<S: Suite = Noise> {
    own: StaticKey,
    state: State<S>,
    backoff: Backoff,
}

type ChannelOf<S> = Channel<<<S as Suite>::Handshake as Handshake>::Transport>;

enum State<S: Suite> {
    Closed,
    /// Pair-1 has left.
    Pairing {
        handshake: S::Handshake,
        card: Psk,
        since: Uptime,
    },
    /// Pair-3 has left; the pump has still to prove itself.
    Proving {
        channel: ChannelOf<S>,
        pump: PairedPump,
        since: Uptime,
    },
    /// The pump is proved; its pin is not durable yet.
    Pinning(ChannelOf<S>),
    /// Reconnect-1 has left.
    Reconnecting {
        handshake: S::Handshake,
        since: Uptime,
    },
    Open(ChannelOf<S>),
}

impl<S: Suite> RemoteEnd<S> {
    /// An end without a session.
    pub fn new(own: StaticKey) -> Self {
        Self { own, state: State::Closed, backoff: Backoff::default() }
    }

    /// Begins a pairing with the pump whose card this is; gives its first frame. A session that was open has ended.
    pub fn pair(&mut self, card: &CardSecret, entropy: &mut dyn Entropy, now: Uptime) -> Result<Vec<u8>, SessionError> {
        self.backoff.check(now)?;
        self.state = State::Closed;
        let card = card.psk();
        let terms = Terms::Pairing { own: &self.own, card: &card };
        let mut handshake = S::begin(terms, Side::Remote, &Ephemeral::draw(entropy))?;
        let frame = Frame::handshake(Kind::Pair1, &handshake.write()?);
        self.state = State::Pairing { handshake, card, since: now };
        Ok(frame)
    }

    /// Begins a session with a paired pump; gives its first frame. A session that was open has ended.
    pub fn reconnect(
        &mut self,
        pin: &PairedPump,
        entropy: &mut dyn Entropy,
        now: Uptime,
    ) -> Result<Vec<u8>, SessionError> {
        self.backoff.check(now)?;
        self.state = State::Closed;
        let terms = Terms::Reconnection { own: &self.own, peer: &pin.pump, psk: &pin.psk };
        let mut handshake = S::begin(terms, Side::Remote, &Ephemeral::draw(entropy))?;
        let frame = Frame::handshake(Kind::Reconnect1, &handshake.write()?);
        self.state = State::Reconnecting { handshake, since: now };
        Ok(frame)
    }

    /// Takes a frame from the pump.
    pub fn hear(&mut self, frame: &[u8], now: Uptime) -> Result<Turn<RemoteEvent>, SessionError> {
        self.expire(now)?;
        let was_handshake = self.deadline().is_some();
        let result = self.advance(frame);
        if result.is_err() && was_handshake {
            self.backoff.failed(now);
        }
        result
    }

    /// The pump's new pin is on disk: gives the frame with CONFIRM PAIRING.
    pub fn pin_stored(&mut self) -> Result<Vec<u8>, SessionError> {
        match mem::replace(&mut self.state, State::Closed) {
            State::Pinning(channel) => {
                self.state = State::Open(channel);
                self.say(&Command::ConfirmPairing)
            }
            other => {
                self.state = other;
                Err(SessionError::NoPairing)
            }
        }
    }

    /// Seals a command. It may be sent once, in this order.
    pub fn say(&mut self, command: &Command) -> Result<Vec<u8>, SessionError> {
        match &mut self.state {
            State::Open(channel) => channel.seal(&encode(command), COMMAND_LEN),
            State::Closed
            | State::Pairing { .. }
            | State::Proving { .. }
            | State::Pinning(_)
            | State::Reconnecting { .. } => Err(SessionError::NoSession),
        }
    }

    /// Whether a command may be said.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The link is gone, and what was under way on it. The next link begins with [`Self::reconnect`].
    pub fn link_lost(&mut self) {
        self.state = State::Closed;
    }

    /// When a handshake must have ended, and why; `None` if none is under way.
    pub fn deadline(&self) -> Option<(Uptime, &'static str)> {
        match &self.state {
            State::Pairing { since, .. } | State::Proving { since, .. } | State::Reconnecting { since, .. } => {
                Some((since.after(HANDSHAKE_TIME_MAX), "handshake unanswered"))
            }
            State::Closed | State::Pinning(_) | State::Open(_) => None,
        }
    }

    /// Gives up a handshake that has taken too long, and says so.
    pub fn expire(&mut self, now: Uptime) -> Result<(), SessionError> {
        match self.deadline() {
            Some((deadline, _)) if now > deadline => {
                self.state = State::Closed;
                self.backoff.failed(now);
                Err(SessionError::TimedOut)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// One step. The state is taken out first, so that whatever fails leaves no session.
    fn advance(&mut self, bytes: &[u8]) -> Result<Turn<RemoteEvent>, SessionError> {
        let state = mem::replace(&mut self.state, State::Closed);
        let frame = Frame::read(bytes)?;
        match (state, frame.kind) {
            (State::Pairing { mut handshake, card, since }, Kind::Pair2) => {
                handshake.read(frame.rest)?;
                let pair_3 = Frame::handshake(Kind::Pair3, &handshake.write()?);
                let Established { peer, binding, transport } = handshake.finish()?;
                let pump = PairedPump { pump: peer, psk: reconnection_psk(&binding, &card) };
                self.state = State::Proving { channel: Channel::new(transport), pump, since };
                Ok(Turn::sends(pair_3))
            }
            (State::Proving { mut channel, pump, .. }, Kind::Transport) => {
                // keeps R-LNK-04
                let proof = channel.open(&frame, &[ANSWER_LEN])?;
                if !proof.is_empty() {
                    return Err(SessionError::Padding);
                }
                self.state = State::Pinning(channel);
                self.backoff.proved();
                Ok(Turn::tells(RemoteEvent::PumpProved(pump)))
            }
            (State::Reconnecting { mut handshake, .. }, Kind::Reconnect2) => {
                handshake.read(frame.rest)?;
                let Established { transport, .. } = handshake.finish()?;
                self.state = State::Open(Channel::new(transport));
                self.backoff.proved();
                Ok(Turn::tells(RemoteEvent::Opened))
            }
            (State::Open(mut channel), Kind::Transport) => {
                let reply = decode(&channel.open(&frame, &[ANSWER_LEN, DESCRIPTION_LEN])?)?;
                self.state = State::Open(channel);
                Ok(Turn::tells(RemoteEvent::Heard(reply)))
            }
            (
                State::Closed
                | State::Pairing { .. }
                | State::Proving { .. }
                | State::Pinning(_)
                | State::Reconnecting { .. }
                | State::Open(_),
                kind,
            ) => Err(SessionError::Unexpected { kind }),
        }
    }
}

/// The pre-shared key of every later reconnection. The binding covers the ephemeral secrets and the card's, so that whoever
/// reads the card later, and has recorded the pairing, still can't compute it; the card is hashed in once more so that
/// nothing rests on that alone.
pub(super) fn reconnection_psk(binding: &[u8; 32], card: &Psk) -> Psk {
    Psk(derive("reconnection", &[binding, &card.0]))
}

impl<S: Suite> core::fmt::Debug for RemoteEnd<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = match &self.state {
            State::Closed => "closed",
            State::Pairing { .. } => "pairing",
            State::Proving { .. } => "proving",
            State::Pinning(_) => "pinning",
            State::Reconnecting { .. } => "reconnecting",
            State::Open(_) => "open",
        };
        f.debug_struct("RemoteEnd").field("own", &self.own.public()).field("state", &state).finish_non_exhaustive()
    }
}
