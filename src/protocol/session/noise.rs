//! The cryptography, behind a trait that is small enough for something else to stand in.
//!
//! Pairing is `Noise_XXpsk3`: neither side knows the other's key, both know the implant card's secret. A reconnection is
//! `Noise_KKpsk0`: both keys are pinned, and the pre-shared key comes from the pairing. `snow` does both.
//!
//! # Promises
//! - All randomness is drawn before a handshake begins, from the caller: [`Ephemeral`].
//! - A handshake message carries nothing but the handshake: one with a payload is refused.
//! - The prologue names protocol version and purpose, so two ends that disagree on either never finish.

use snow::{
    Builder, HandshakeState, StatelessTransportState,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Entropy,
    keys::{Psk, PublicKey, StaticKey},
};
use crate::{fragment::FRAME_LEN_MAX, wire::VERSION};

/// Bytes that a sealed message is longer than what it holds.
pub const TAG_LEN: usize = 16;

/// A handshake didn't work out: other keys, another secret, another purpose, or altered bytes. Which one can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("the handshake failed: other keys, another secret, or altered bytes")]
pub struct HandshakeFailed;

/// Which end of a handshake this is; the remote always begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Begins.
    Remote,
    /// Answers.
    Pump,
}

/// What a handshake is for, and what this end knows beforehand.
#[derive(Clone, Copy, Debug)]
pub enum Terms<'a> {
    /// Two strangers and the implant card between them: three messages.
    Pairing {
        /// This end's identity.
        own: &'a StaticKey,
        /// From the implant card.
        card: &'a Psk,
    },
    /// Two ends that have paired: two messages.
    Reconnection {
        /// This end's identity.
        own: &'a StaticKey,
        /// The other end's pinned key.
        peer: &'a PublicKey,
        /// From the pairing.
        psk: &'a Psk,
    },
}

/// The randomness of one handshake on one side: the private half of a key that lives no longer than the handshake.
pub struct Ephemeral(Zeroizing<[u8; 32]>);

/// What a finished handshake leaves.
pub struct Established<T> {
    /// The other end's proved key.
    pub peer: PublicKey,
    /// Both ends have the same, and nobody else can compute it: it covers every message, every shared secret and the psk.
    pub binding: [u8; 32],
    /// Seals and opens from here on.
    pub transport: T,
}

/// A kind of handshake and what follows from it.
pub trait Suite {
    /// Its handshakes.
    type Handshake: Handshake;
    /// Begins one on this side.
    fn begin(terms: Terms<'_>, side: Side, ephemeral: &Ephemeral) -> Result<Self::Handshake, HandshakeFailed>;
}

/// One side of a handshake under way.
pub trait Handshake: Sized {
    /// What it leads to.
    type Transport: Transport;
    /// The next message to send.
    fn write(&mut self) -> Result<Vec<u8>, HandshakeFailed>;
    /// Takes the other side's next message.
    fn read(&mut self, message: &[u8]) -> Result<(), HandshakeFailed>;
    /// Ends it, after its last message.
    fn finish(self) -> Result<Established<Self::Transport>, HandshakeFailed>;
}

/// Seals what this end says, and opens what the other says.
pub trait Transport {
    /// Seals under a counter that was never used before; `None` if it can't be used.
    fn seal(&self, counter: u64, plain: &[u8]) -> Option<Vec<u8>>;
    /// Opens what the other end sealed under this counter; `None` if it did not.
    fn open(&self, counter: u64, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// The real thing.
#[derive(Clone, Copy, Debug)]
pub enum Noise {}

impl Ephemeral {
    /// Draws it.
    pub fn draw(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut *bytes);
        Self(bytes)
    }

    /// For a suite that stands in for [`Noise`].
    #[cfg(any(test, feature = "transparent"))]
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl core::fmt::Debug for Ephemeral {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ephemeral(..)")
    }
}

impl Suite for Noise {
    type Handshake = HandshakeState;

    fn begin(terms: Terms<'_>, side: Side, ephemeral: &Ephemeral) -> Result<HandshakeState, HandshakeFailed> {
        let (pattern, purpose) = match terms {
            Terms::Pairing { .. } => ("Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s", b"pairing".as_slice()),
            Terms::Reconnection { .. } => ("Noise_KKpsk0_25519_ChaChaPoly_BLAKE2s", b"reconnection".as_slice()),
        };
        let params = pattern.parse().map_err(failed)?;
        let prologue = [b"pump-remote ", [VERSION].as_slice(), b" ", purpose].concat();
        let resolver = Box::new(Resolver(ephemeral.0.clone()));
        let builder = Builder::with_resolver(params, resolver).prologue(&prologue).map_err(failed)?;
        let builder = match terms {
            Terms::Pairing { own, card } => {
                builder.local_private_key(own.private()).and_then(|builder| builder.psk(3, &card.0))
            }
            Terms::Reconnection { own, peer, psk } => builder
                .local_private_key(own.private())
                .and_then(|builder| builder.remote_public_key(&peer.0))
                .and_then(|builder| builder.psk(0, &psk.0)),
        };
        match side {
            Side::Remote => builder.and_then(Builder::build_initiator),
            Side::Pump => builder.and_then(Builder::build_responder),
        }
        .map_err(failed)
    }
}

impl Handshake for HandshakeState {
    type Transport = StatelessTransportState;

    fn write(&mut self) -> Result<Vec<u8>, HandshakeFailed> {
        let mut message = vec![0; FRAME_LEN_MAX];
        let len = self.write_message(&[], &mut message).map_err(failed)?;
        message.truncate(len);
        Ok(message)
    }

    fn read(&mut self, message: &[u8]) -> Result<(), HandshakeFailed> {
        // As long as the message: snow writes a payload here before we can refuse it.
        let mut payload = vec![0; message.len()];
        match self.read_message(message, &mut payload) {
            Ok(0) => Ok(()),
            Ok(_) | Err(_) => Err(HandshakeFailed),
        }
    }

    fn finish(self) -> Result<Established<StatelessTransportState>, HandshakeFailed> {
        let peer = self.get_remote_static().and_then(|key| key.try_into().ok()).ok_or(HandshakeFailed)?;
        let binding = self.get_handshake_hash().try_into().map_err(|_| HandshakeFailed)?;
        let transport = self.into_stateless_transport_mode().map_err(failed)?;
        Ok(Established { peer: PublicKey(peer), binding, transport })
    }
}

impl Transport for StatelessTransportState {
    fn seal(&self, counter: u64, plain: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = vec![0; plain.len() + TAG_LEN];
        let len = self.write_message(counter, plain, &mut sealed).ok()?;
        sealed.truncate(len);
        Some(sealed)
    }

    fn open(&self, counter: u64, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut plain = Zeroizing::new(vec![0; sealed.len()]);
        let len = self.read_message(counter, sealed, &mut plain).ok()?;
        plain.truncate(len);
        Some(plain)
    }
}

/// Serves snow the bytes that were drawn for this handshake, once.
///
/// Sound because each side of XX and of KK makes exactly one ephemeral key, and X25519 takes any 32 random bytes as its
/// private half: what snow would have drawn itself is what the caller drew. A second draw, which no pattern here makes,
/// fails instead of repeating a key.
struct Resolver(Zeroizing<[u8; 32]>);

struct Drawn(Option<Zeroizing<[u8; 32]>>);

impl Random for Drawn {
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), snow::Error> {
        match self.0.take() {
            Some(bytes) if out.len() == bytes.len() => {
                out.copy_from_slice(&*bytes);
                Ok(())
            }
            Some(_) | None => Err(snow::Error::Rng),
        }
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Drawn(Some(self.0.clone()))))
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

/// Snow's reasons are for its caller's bugs; a peer's fault is the same to us whatever it was.
fn failed(_: snow::Error) -> HandshakeFailed {
    HandshakeFailed
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
            self.0 += 1;
        }
    }

    fn reconnecting(psk: [u8; 32]) -> (HandshakeState, HandshakeState) {
        let mut entropy = Counting(1);
        let (remote, pump) = (StaticKey::generate(&mut entropy), StaticKey::generate(&mut entropy));
        let mut begin = |own, peer: PublicKey, psk: [u8; 32], side| {
            let terms = Terms::Reconnection { own, peer: &peer, psk: &Psk(psk) };
            Noise::begin(terms, side, &Ephemeral::draw(&mut entropy)).expect("well-formed")
        };
        (begin(&remote, pump.public(), [9; 32], Side::Remote), begin(&pump, remote.public(), psk, Side::Pump))
    }

    #[test]
    fn what_was_drawn_is_served_once_and_whole() {
        let drawn = || Drawn(Some(Zeroizing::new([7; 32])));
        let (mut once, mut out) = (drawn(), [0; 32]);
        assert!(once.try_fill_bytes(&mut out).is_ok() && out == [7; 32]);
        assert!(once.try_fill_bytes(&mut out).is_err(), "a key is never repeated");
        assert!(drawn().try_fill_bytes(&mut out[..31]).is_err());
    }

    #[test]
    fn another_secret_or_an_altered_byte_fails_and_says_no_more() {
        let (mut remote, mut pump) = reconnecting([9; 32]);
        let hello = remote.write().expect("its turn");
        assert_eq!(pump.read(&hello), Ok(()));
        let (mut remote, mut pump) = reconnecting([8; 32]);
        assert_eq!(pump.read(&remote.write().expect("its turn")), Err(HandshakeFailed));
        let (_, mut pump) = reconnecting([9; 32]);
        let mut altered = hello;
        altered[40] ^= 1;
        assert_eq!(pump.read(&altered), Err(HandshakeFailed));
        assert_eq!(pump.write(), Err(HandshakeFailed), "not its turn");
    }

    #[test]
    fn what_was_drawn_is_given_out_once_and_shown_to_nobody() {
        let drawn = Ephemeral::draw(&mut Counting(7));
        assert_eq!(format!("{drawn:?}"), "Ephemeral(..)");
        let mut random = Resolver(drawn.0).resolve_rng().expect("always there");
        let mut bytes = [0; 32];
        assert!(random.try_fill_bytes(&mut bytes).is_ok() && bytes == [7; 32]);
        assert!(random.try_fill_bytes(&mut bytes).is_err(), "a second key is never the first again");
    }
}
