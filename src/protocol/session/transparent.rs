//! A session without secrecy, for simulations and models: every byte can be read, and an outcome depends on the keys alone.
//!
//! It fails where [`Noise`](super::Noise) fails (other keys, another secret, altered or spliced bytes), because each message
//! carries a hash over everything that its sender knows. It hides nothing and resists nobody: a program that talks to a pump
//! is built without it.

use zeroize::Zeroizing;

use super::{
    keys::{PublicKey, derive},
    noise::{Ephemeral, Established, Handshake, HandshakeFailed, Side, Suite, TAG_LEN, Terms, Transport},
};

/// Stands in for [`Noise`](super::Noise).
#[derive(Clone, Copy, Debug)]
pub enum Transparent {}

/// A handshake in plain sight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlainHandshake {
    side: Side,
    own: PublicKey,
    peer: Option<PublicKey>,
    psk: [u8; 32],
    /// How many messages there are, and how many have passed.
    messages: u8,
    passed: u8,
    ephemeral: [u8; 32],
    transcript: [u8; 32],
}

/// What it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlainTransport {
    side: Side,
    binding: [u8; 32],
}

impl Suite for Transparent {
    type Handshake = PlainHandshake;

    fn begin(terms: Terms<'_>, side: Side, ephemeral: &Ephemeral) -> Result<PlainHandshake, HandshakeFailed> {
        let (own, peer, psk, messages) = match terms {
            Terms::Pairing { own, card } => (own.public(), None, card.0, 3),
            Terms::Reconnection { own, peer, psk } => (own.public(), Some(*peer), psk.0, 2),
        };
        let ephemeral = derive("plain ephemeral", &[ephemeral.bytes()]);
        let transcript = derive("plain begin", &[&[messages]]);
        Ok(PlainHandshake { side, own, peer, psk, messages, passed: 0, ephemeral, transcript })
    }
}

impl PlainHandshake {
    /// The two static keys, the remote's first, as far as both are known; nothing before.
    fn keys(&self) -> Vec<u8> {
        match (self.peer, self.side) {
            (None, _) => Vec::new(),
            (Some(peer), Side::Remote) => [self.own.0, peer.0].concat(),
            (Some(peer), Side::Pump) => [peer.0, self.own.0].concat(),
        }
    }

    /// `XXpsk3` mixes its psk into the last message, `KKpsk0` into the first.
    fn proof(&self, body: &[u8]) -> [u8; TAG_LEN] {
        let keyed = self.messages == 2 || self.passed == 2;
        let (keys, psk) = if keyed { (self.keys(), self.psk.as_slice()) } else { (Vec::new(), [].as_slice()) };
        let hash = derive("plain proof", &[&self.transcript, body, &keys, psk]);
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&hash[..TAG_LEN]);
        tag
    }

    fn pass(&mut self, message: &[u8]) {
        self.transcript = derive("plain transcript", &[&self.transcript, message]);
        self.passed += 1;
    }

    fn is_turn_of(&self, side: Side) -> bool {
        self.passed < self.messages && self.passed.is_multiple_of(2) == (side == Side::Remote)
    }

    /// Messages 2 and 3 of a pairing name their sender.
    fn names_sender(&self) -> bool {
        self.messages == 3 && self.passed > 0
    }

    fn sends_ephemeral(&self) -> bool {
        self.passed < 2
    }
}

impl Handshake for PlainHandshake {
    type Transport = PlainTransport;

    fn write(&mut self) -> Result<Vec<u8>, HandshakeFailed> {
        if !self.is_turn_of(self.side) {
            return Err(HandshakeFailed);
        }
        let mut body = Vec::new();
        if self.sends_ephemeral() {
            body.extend_from_slice(&self.ephemeral);
        }
        if self.names_sender() {
            body.extend_from_slice(&self.own.0);
        }
        let message = [body.as_slice(), &self.proof(&body)].concat();
        self.pass(&message);
        Ok(message)
    }

    fn read(&mut self, message: &[u8]) -> Result<(), HandshakeFailed> {
        let len = 32 * (usize::from(self.sends_ephemeral()) + usize::from(self.names_sender()));
        let (body, tag) = message.split_at_checked(len).ok_or(HandshakeFailed)?;
        if self.is_turn_of(self.side) || self.passed >= self.messages {
            return Err(HandshakeFailed);
        }
        if self.names_sender() {
            self.peer = body.last_chunk().copied().map(PublicKey);
        }
        if tag != self.proof(body) {
            return Err(HandshakeFailed);
        }
        self.pass(message);
        Ok(())
    }

    fn finish(self) -> Result<Established<PlainTransport>, HandshakeFailed> {
        if self.passed < self.messages {
            return Err(HandshakeFailed);
        }
        let binding = derive("plain binding", &[&self.transcript, &self.keys(), &self.psk]);
        let peer = self.peer.ok_or(HandshakeFailed)?;
        Ok(Established { peer, binding, transport: PlainTransport { side: self.side, binding } })
    }
}

impl PlainTransport {
    fn tag(&self, sender: Side, counter: u64, plain: &[u8]) -> [u8; TAG_LEN] {
        let sender = [u8::from(sender == Side::Pump)];
        let hash = derive("plain seal", &[&self.binding, &sender, &counter.to_le_bytes(), plain]);
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&hash[..TAG_LEN]);
        tag
    }
}

impl Transport for PlainTransport {
    fn seal(&self, counter: u64, plain: &[u8]) -> Option<Vec<u8>> {
        (counter < u64::MAX).then(|| [plain, &self.tag(self.side, counter, plain)].concat())
    }

    fn open(&self, counter: u64, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (plain, tag) = sealed.split_last_chunk::<TAG_LEN>()?;
        let sender = match self.side {
            Side::Remote => Side::Pump,
            Side::Pump => Side::Remote,
        };
        (self.tag(sender, counter, plain) == *tag).then(|| Zeroizing::new(plain.to_vec()))
    }
}
