//! How frames travel so that nobody else can read, change, repeat or invent them.
//!
//! The link below is trusted with nothing: whoever is near may listen, send, hold back and repeat. The session is the root
//! of trust, and both its ends are machines without a link, a disk, a clock or a dice: frames, times and randomness come
//! in as arguments, frames and events go out as values.
//!
//! Reading order: [`card`](CardSecret) (what the clinic types), [`keys`](StaticKey) (who is who, what is pinned),
//! [`noise`](Suite) (the cryptography), `frame` (what a frame looks like), [`RemoteEnd`], [`PumpEnd`].
//!
//! # Pairing
//! The clinic opens a pairing window at the pump, for a role, and types the implant card's secret into the remote.
//! ```text
//! remote                                              pump
//!   pair-1                                ────▶         window open? else refused
//!                                         ◀────         pair-2
//!   pair-3                                ────▶         window still open? the remote has proved the card's secret:
//!                                                   (1) PairingProvisional: the shell stores the pins, the new key provisional,
//!                                                       the old ones as they were; then provisional_stored():
//!                                         ◀────         a frame that says nothing: the pump's proof
//!   (2) PumpProved: the shell stores the new
//!       pin beside the old one; then pin_stored():
//!   CONFIRM PAIRING                       ────▶     (3) this session replaces the live one; the shell stores the pins with the
//!                                                       new key as one that counts; then pairing_confirmed(), and:
//!                                         ◀────         PAIRING CONFIRMED
//!   (4) the shell stores the new pin as
//!       the only one
//! ```
//! `XXpsk3` proves the pump only with that first sealed frame: before it, nothing is pinned. Cut anywhere, both sides agree:
//!
//! | lost or cut | remote has | pump takes | so |
//! |---|---|---|---|
//! | before (1) | the old pin | the old key | nothing happened |
//! | between (1) and (2) | the old pin | the old key; the new one, which nobody has | nothing happened; the next pairing replaces it |
//! | between (2) and (3) | both | both | the new one works; CONFIRM PAIRING is said again in a reconnection |
//! | between (3) and (4) | both | the new key | the new one works; CONFIRM PAIRING is said again, and answered again |
//!
//! So the remote reconnects by [`RemotePins::newest_first`]. In a session that its provisional pin has opened, CONFIRM PAIRING
//! is the first thing that it says; a key that is still provisional may say nothing else, and the pump answers even when
//! nothing is left to confirm. A session that the older pin has opened proves that the newer one never came to count (another
//! pairing took its place on the pump): the remote drops it ([`RemotePins::without_provisional`]).
//!
//! # Reconnection
//! `KKpsk0`, two messages. The pump tries its few keys. Neither message names anybody, and neither carries a command: the
//! first can be replayed. Therefore a new session stands beside the live one until its first sealed frame has come, which
//! only the remote itself can make; then it replaces the live one, in the same step ([`PumpEvent::Command`] says so, and the
//! pump kills that key's grants).
//!
//! # Promises
//! - A frame is taken at most once, in the order sent, and only if the other end made it in this session: the counter in its
//!   header grows strictly, is the nonce it is sealed under, and is sealed inside once more.
//! - Every command has the same length on the air, and every reply one of two: what is asked and answered doesn't show.
//! - Any failure ends the session that it belongs to. A handshake, failed or replayed, never touches a live session.
//! - Another version, or another purpose, fails the handshake itself: there is nothing to fall back to.
//! - No input panics, and nothing grows: one live session, one handshake beside it, frames of at most
//!   [`FRAME_LEN_MAX`].

mod backoff;
mod card;
mod frame;
mod keys;
mod noise;
mod pump_end;
mod remote_end;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "transparent"))]
mod transparent;

use thiserror::Error;

pub use self::backoff::{BACKOFF_FIRST, BACKOFF_MAX};
#[cfg(any(test, feature = "transparent"))]
pub use self::transparent::Transparent;
pub use self::{
    card::{CARD_GROUP_LEN, CARD_GROUPS, CardError, CardSecret},
    frame::{ANSWER_LEN, COMMAND_LEN, DESCRIPTION_LEN, Kind},
    keys::{
        PAIRED_REMOTES_MAX, PairedPump, PairedRemote, Psk, PublicKey, PumpPins, RemotePins, StaticKey, encode_secret,
    },
    noise::{Ephemeral, Established, Handshake, HandshakeFailed, Noise, Side, Suite, TAG_LEN, Terms, Transport},
    pump_end::{PumpEnd, PumpEvent, Refused},
    remote_end::{RemoteEnd, RemoteEvent},
};
use crate::{fragment::FRAME_LEN_MAX, quantity::Millis, wire::Malformed, wire::VERSION};

/// How long a handshake may take, from its first message to the first sealed frame. Its few messages at the smallest MTU
/// and a slow interval, and a durable write on each side, take a few seconds; longer means that nobody is there any more.
pub const HANDSHAKE_TIME_MAX: Millis = Millis::from_secs(15);

/// Where randomness comes from: the shell's business, seeded in a simulation.
pub trait Entropy {
    /// Fills all of it with bytes that nobody can guess.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// What one step of an end asks of its shell: first what happened, then what to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Turn<E> {
    /// A frame for the other end.
    pub send: Option<Vec<u8>>,
    /// What happened.
    pub event: Option<E>,
}

/// Why a frame was not taken, or not made. Nothing was done because of it; a command that it may have held did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum SessionError {
    /// Another version of the protocol.
    #[error("a frame of version {found}; this end speaks {VERSION} and no other")]
    Version {
        /// What the frame says.
        found: u8,
    },
    /// A kind that no end sends.
    #[error("no such kind of frame: {found:#04x}")]
    Kind {
        /// What the frame says.
        found: u8,
    },
    /// Too short for its header, or longer than any frame.
    #[error("a frame of {len} bytes; no frame is that long or that short, up to {FRAME_LEN_MAX}")]
    FrameLen {
        /// Its length.
        len: usize,
    },
    /// A frame that is not due.
    #[error("a frame of kind {kind:?} is not due; nothing waits for it")]
    Unexpected {
        /// What it is.
        kind: Kind,
    },
    /// Other keys, another secret, or altered bytes.
    #[error(transparent)]
    Handshake(#[from] HandshakeFailed),
    /// The pump takes no pairing now.
    #[error("pairing refused: the pairing window is not open, or not for this role any more")]
    WindowClosed,
    /// The pump knows as many remotes as it can.
    #[error("pairing refused: {PAIRED_REMOTES_MAX} remotes are paired; one must be revoked first")]
    NoRoom,
    /// Too soon after a failed handshake.
    #[error("a handshake failed just now; the next may begin in {retry_after}")]
    BackingOff {
        /// How long.
        retry_after: Millis,
    },
    /// Nobody sealed this frame in this session: altered, cut, invented, or from another session.
    #[error("the frame is not genuine in this session")]
    NotGenuine,
    /// What was sealed says something else than what stands outside.
    #[error("the frame's header is not the one that was sealed with it")]
    HeaderMismatch,
    /// A frame that was taken before, or was overtaken.
    #[error("frame {counter} came after frame {last}: repeated or out of order")]
    Replayed {
        /// Its counter.
        counter: u64,
        /// The last one taken.
        last: u64,
    },
    /// A length that no end pads to, or padding that isn't empty.
    #[error("the frame is not padded as every frame is")]
    Padding,
    /// Genuine, but no message.
    #[error("the frame holds no message: {0}")]
    Malformed(#[from] Malformed),
    /// This end has sent as many frames as a session can.
    #[error("the session's counter is used up; a new session is needed")]
    CounterUsedUp,
    /// A message that fits in no frame.
    #[error("a message of {len} bytes fits in no frame; it was not sent")]
    MessageLen {
        /// Its length.
        len: usize,
    },
    /// Nothing can be said or heard.
    #[error("there is no session")]
    NoSession,
    /// A key whose pairing isn't confirmed said something else than CONFIRM PAIRING.
    #[error("this key's pairing is not confirmed; it may say nothing else before")]
    NotConfirmed,
    /// The shell reports a step of a pairing that isn't under way.
    #[error("no pairing waits for this step")]
    NoPairing,
    /// The other end stopped answering in mid-handshake.
    #[error("the handshake had not ended {HANDSHAKE_TIME_MAX} after it began")]
    TimedOut,
}

impl<E> Turn<E> {
    const fn sends(frame: Vec<u8>) -> Self {
        Self { send: Some(frame), event: None }
    }

    const fn tells(event: E) -> Self {
        Self { send: None, event: Some(event) }
    }
}
