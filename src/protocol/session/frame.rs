//! What a frame looks like.
//!
//! ```text
//! handshake   version  kind   noise message
//! transport   version  kind   counter (8)   sealed( version  kind  counter  length (2)  message  zeros )
//! ```
//! snow's transport seals no associated data, so the header is sealed inside once more and compared.
//!
//! # Promises
//! - A sealed frame's length tells which kind of message is in it, of three, and nothing of what it says.
//! - A counter is used once, and taken only if it is higher than the last.

use zeroize::Zeroizing;

use super::{SessionError, noise::Transport};
use crate::{
    fragment::FRAME_LEN_MAX,
    message::Reply,
    wire::{VERSION, Wire, encode},
};

/// Every command is padded to this, in bytes: the longest is PREPARE with 83.
pub const COMMAND_LEN: usize = 96;
/// An answer about one request, or of one word, is padded to this: the longest is a FATE with 64.
pub const ANSWER_LEN: usize = 96;
/// Whatever the pump says of itself is padded to this: the longest is HELLO with 467. So a report with an alarm is as long as
/// one without, and an empty history as long as a full page. With all that stands around it, it is one indication of the 512
/// bytes that an attribute may have: a second one would double what a report costs the pump.
pub const DESCRIPTION_LEN: usize = 473;

const HEADER_LEN: usize = 10;
const LENGTH_LEN: usize = 2;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The remote's first message of a pairing.
    Pair1 = 0x0F,
    /// The pump's answer to it.
    Pair2 = 0x33,
    /// The remote's last message of a pairing.
    Pair3 = 0x3C,
    /// The remote's message of a reconnection.
    Reconnect1 = 0x55,
    /// The pump's answer to it.
    Reconnect2 = 0x5A,
    /// Sealed, inside a session.
    Transport = 0x66,
}

/// A frame whose header was read, and nothing more.
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// Behind version and kind.
    pub(super) rest: &'a [u8],
}

/// One end of an established session: what it seals and opens with, and how far it has counted.
pub(super) struct Channel<T> {
    transport: T,
    sent: u64,
    heard: u64,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Pair1, Self::Pair2, Self::Pair3, Self::Reconnect1, Self::Reconnect2, Self::Transport];

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

impl<'a> Frame<'a> {
    /// Reads version and kind.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, SessionError> {
        let (version, kind, rest) = match bytes {
            [version, kind, rest @ ..] if bytes.len() <= FRAME_LEN_MAX => (*version, *kind, rest),
            _ => return Err(SessionError::FrameLen { len: bytes.len() }),
        };
        // keeps R-LNK-11
        if version != VERSION {
            return Err(SessionError::Version { found: version });
        }
        let kind = Kind::of(kind).ok_or(SessionError::Kind { found: kind })?;
        Ok(Self { kind, rest })
    }

    /// A handshake's message as a frame.
    pub(super) fn handshake(kind: Kind, message: &[u8]) -> Vec<u8> {
        [&[VERSION, kind as u8], message].concat()
    }

    /// Whether these bytes call themselves a handshake, of whatever version.
    pub(super) fn claims_handshake(bytes: &[u8]) -> bool {
        bytes.get(1).and_then(|code| Kind::of(*code)).is_some_and(|kind| kind != Kind::Transport)
    }
}

impl<T: Transport> Channel<T> {
    /// Nothing said yet.
    pub(super) const fn new(transport: T) -> Self {
        Self { transport, sent: 0, heard: 0 }
    }

    // keeps R-LNK-10
    /// Seals a message, padded to this length.
    pub(super) fn seal(&mut self, message: &[u8], padded: usize) -> Result<Vec<u8>, SessionError> {
        let length = match u16::try_from(message.len()) {
            Ok(length) if message.len() <= padded => length,
            Ok(_) | Err(_) => return Err(SessionError::MessageLen { len: message.len() }),
        };
        let counter = self.sent.checked_add(1).ok_or(SessionError::CounterUsedUp)?;
        let header = header(counter);
        let mut plain = Zeroizing::new(Vec::with_capacity(HEADER_LEN + LENGTH_LEN + padded));
        plain.extend_from_slice(&header);
        length.put(&mut plain);
        plain.extend_from_slice(message);
        plain.resize(HEADER_LEN + LENGTH_LEN + padded, 0);
        let sealed = self.transport.seal(counter, &plain).ok_or(SessionError::CounterUsedUp)?;
        self.sent = counter;
        Ok([header.as_slice(), &sealed].concat())
    }

    /// Opens a frame that the other end padded to one of these lengths, and takes the message out of it.
    ///
    /// [`SessionError::NotGenuine`] means that it is none of this session's, and leaves the channel as it was.
    pub(super) fn open(&mut self, frame: &Frame<'_>, lens: &[usize]) -> Result<Zeroizing<Vec<u8>>, SessionError> {
        let (counter, sealed) = frame.rest.split_first_chunk().ok_or(SessionError::NotGenuine)?;
        let counter = u64::from_le_bytes(*counter);
        // keeps R-LNK-02
        let plain = self.transport.open(counter, sealed).ok_or(SessionError::NotGenuine)?;
        let (inside, padded) = plain.split_first_chunk().ok_or(SessionError::Padding)?;
        if *inside != header(counter) {
            return Err(SessionError::HeaderMismatch);
        }
        // keeps R-LNK-01
        if counter <= self.heard {
            return Err(SessionError::Replayed { counter, last: self.heard });
        }
        let message = unpad(padded, lens).ok_or(SessionError::Padding)?;
        self.heard = counter;
        Ok(Zeroizing::new(message.to_vec()))
    }
}

/// What this reply is padded to.
pub(super) const fn reply_len(reply: &Reply) -> usize {
    match reply {
        Reply::Granted { .. }
        | Reply::Denied { .. }
        | Reply::Accepted { .. }
        | Reply::Rejected { .. }
        | Reply::Fate { .. }
        | Reply::PairingConfirmed
        | Reply::PairingEnded
        | Reply::Status { .. }
        | Reply::Refused { .. } => ANSWER_LEN,
        Reply::Hello(_) | Reply::History(_) | Reply::Report(_) | Reply::Prescription(_) => DESCRIPTION_LEN,
    }
}

fn header(counter: u64) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..2].copy_from_slice(&[VERSION, Kind::Transport as u8]);
    header[2..].copy_from_slice(&encode(&counter));
    header
}

/// The message, if it is padded as [`Channel::seal`] does it and in no other way.
fn unpad<'a>(padded: &'a [u8], lens: &[usize]) -> Option<&'a [u8]> {
    let (length, padded) = padded.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (message, padding) = padded.split_at_checked(length)?;
    (lens.contains(&padded.len()) && padding.iter().all(|byte| *byte == 0)).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seals nothing: what is under test is the frame.
    struct Glass;

    impl Transport for Glass {
        fn seal(&self, _: u64, plain: &[u8]) -> Option<Vec<u8>> {
            Some(plain.to_vec())
        }

        fn open(&self, _: u64, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
            Some(Zeroizing::new(sealed.to_vec()))
        }
    }

    #[test]
    fn a_message_longer_than_its_padding_is_not_sent_and_uses_up_no_counter() {
        let mut channel = Channel::new(Glass);
        assert_eq!(channel.seal(&[1; 9], 8), Err(SessionError::MessageLen { len: 9 }));
        assert_eq!(channel.seal(&vec![1; 70_000], 80_000), Err(SessionError::MessageLen { len: 70_000 }));
        let first = channel.seal(&[1; 8], 8).expect("fits");
        assert_eq!(first.len(), channel.seal(&[], 8).expect("fits").len(), "padded to one length");
        assert_eq!(Channel::new(Glass).seal(&[1; 8], 8), Ok(first), "the first that was sent is the first");
    }
}
