//! Carries a frame over a link whose writes are smaller than the frame.
//!
//! The smallest ATT MTU is 23 bytes, which leaves 20 for a value; a longer GATT write is not one safe unit. So a frame is
//! cut, each fragment is one write or one indication, and the other side joins them again.
//!
//! A fragment is one header byte and at least one byte of the frame. The header: bit 7 says *first*, bit 6 says *last*, the
//! other six count from 0. It is the same in every version of the protocol; the version is the first byte of the frame.
//!
//! # Promises
//! - A frame comes out whole and as it went in, or not at all: a fragment that is lost, doubled, late or out of its place
//!   is an error, and what was collected is thrown away.
//! - An [`Assembly`] holds at most [`FRAME_LEN_MAX`] bytes, for at most [`ASSEMBLY_TIME_MAX`].
//!
//! It protects against nothing but disorder: whether a frame is genuine is the [session](crate::session)'s to say.

use thiserror::Error;

use crate::{clock::Uptime, quantity::Millis};

/// The longest frame, in bytes. 54 of the smallest fragments carry it, so six bits count them.
pub const FRAME_LEN_MAX: usize = 1024;
/// The smallest write that a link may offer: ATT's smallest MTU is 23, three of which are ATT's own.
pub const WRITE_LEN_MIN: usize = 20;
/// How long a frame may take from its first fragment to its last. 54 fragments, one in each connection event, take 5.4 s
/// at an interval of 100 ms, the slowest that a pump is expected to ask for. Longer means that the sender is gone.
pub const ASSEMBLY_TIME_MAX: Millis = Millis::from_secs(6);

const FIRST: u8 = 0x80;
const LAST: u8 = 0x40;
const INDEX: u8 = 0x3F;

/// Why a frame was not cut, or not joined. Nothing of it was passed on, and what was collected is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum FragmentError {
    /// A frame of no bytes, or of too many.
    #[error("a frame of {len} bytes; it must have 1 to {FRAME_LEN_MAX}")]
    FrameLen {
        /// Its length; for a frame being joined, with the fragment that was too much.
        len: usize,
    },
    /// The link can't carry even the smallest fragment.
    #[error("the link's largest write is {largest_write} bytes; at least {WRITE_LEN_MIN} are needed")]
    WriteLen {
        /// What the link offers.
        largest_write: usize,
    },
    /// A fragment that carries nothing.
    #[error("a fragment of {len} bytes carries nothing; the frame it belongs to is lost")]
    Empty {
        /// Its length.
        len: usize,
    },
    /// A fragment out of its place: one was lost, doubled or sent out of order.
    #[error("fragment {found} came where {expected} was due; the frame it belongs to is lost")]
    Order {
        /// The index that was due.
        expected: u8,
        /// The index that came.
        found: u8,
    },
    /// A frame began before the one before it had ended.
    #[error("a frame began after {joined} fragments of another that had not ended; both are lost")]
    Interrupted {
        /// How many fragments of the other there were.
        joined: u8,
    },
    /// A fragment that calls itself the first without being number 0, or the other way round.
    #[error("fragment header {header:#04x} contradicts itself; the frame it belongs to is lost")]
    Header {
        /// The header.
        header: u8,
    },
    /// The frame took too long.
    #[error("a frame had not ended {} after it began, {joined} fragments in; it is lost", ASSEMBLY_TIME_MAX)]
    TimedOut {
        /// How many fragments there were.
        joined: u8,
    },
}

/// Cuts a frame into the fragments to send, in order, each at most `largest_write` bytes long.
pub fn fragments(frame: &[u8], largest_write: usize) -> Result<impl Iterator<Item = Vec<u8>>, FragmentError> {
    if frame.is_empty() || frame.len() > FRAME_LEN_MAX {
        return Err(FragmentError::FrameLen { len: frame.len() });
    }
    if largest_write < WRITE_LEN_MIN {
        return Err(FragmentError::WriteLen { largest_write });
    }
    let pieces = frame.chunks(largest_write - 1);
    let last = pieces.len() - 1;
    Ok(pieces.zip(0_u8..).map(move |(piece, index)| {
        let first = if index == 0 { FIRST } else { 0 };
        let end = if usize::from(index) == last { LAST } else { 0 };
        let mut fragment = Vec::with_capacity(piece.len() + 1);
        fragment.push(first | end | index);
        fragment.extend_from_slice(piece);
        fragment
    }))
}

/// Joins the fragments of one direction of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Assembly {
    begun: Option<Begun>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Begun {
    at: Uptime,
    joined: u8,
    frame: Vec<u8>,
}

impl Assembly {
    /// Waits for a first fragment.
    pub const fn new() -> Self {
        Self { begun: None }
    }

    /// Takes the next fragment; `Some` is a whole frame. After an error it waits for a first fragment again.
    pub fn push(&mut self, fragment: &[u8], now: Uptime) -> Result<Option<Vec<u8>>, FragmentError> {
        self.expire(now)?;
        let begun = self.begun.take();
        let (header, piece) = match fragment {
            [header, piece @ ..] if !piece.is_empty() => (*header, piece),
            _ => return Err(FragmentError::Empty { len: fragment.len() }),
        };
        let index = header & INDEX;
        if (header & FIRST != 0) != (index == 0) {
            return Err(FragmentError::Header { header });
        }
        let mut begun = match begun {
            Some(Begun { joined, .. }) if index == 0 => return Err(FragmentError::Interrupted { joined }),
            None if index == 0 => Begun { at: now, joined: 0, frame: Vec::new() },
            Some(begun) if begun.joined == index => begun,
            other => {
                let expected = other.map_or(0, |begun| begun.joined);
                return Err(FragmentError::Order { expected, found: index });
            }
        };
        let len = begun.frame.len().saturating_add(piece.len());
        if len > FRAME_LEN_MAX {
            return Err(FragmentError::FrameLen { len });
        }
        begun.frame.extend_from_slice(piece);
        if header & LAST != 0 {
            return Ok(Some(begun.frame));
        }
        // Past 63 no index is due any more: the next fragment, whatever it says, is out of order.
        begun.joined += 1;
        self.begun = Some(begun);
        Ok(None)
    }

    /// When the frame being joined must have ended, and why; `None` between frames.
    pub fn deadline(&self) -> Option<(Uptime, &'static str)> {
        self.begun.as_ref().map(|begun| (begun.at.after(ASSEMBLY_TIME_MAX), "frame incomplete"))
    }

    /// Throws away a frame that has taken too long, and says so.
    pub fn expire(&mut self, now: Uptime) -> Result<(), FragmentError> {
        match &self.begun {
            // keeps R-LNK-09
            Some(begun) if now.since(begun.at) > ASSEMBLY_TIME_MAX => {
                let joined = begun.joined;
                self.begun = None;
                Err(FragmentError::TimedOut { joined })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Uptime = Uptime::from_millis(5_000);

    fn frame(len: usize) -> Vec<u8> {
        (0_u8..=255).cycle().take(len).collect()
    }

    fn cut(frame: &[u8], largest_write: usize) -> Vec<Vec<u8>> {
        fragments(frame, largest_write).expect("fits").collect()
    }

    /// What comes of these fragments, sent at once: each frame and each error.
    fn joined(fragments: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<FragmentError>) {
        let mut assembly = Assembly::new();
        let (mut frames, mut errors) = (Vec::new(), Vec::new());
        for fragment in fragments {
            match assembly.push(fragment, START) {
                Ok(frame) => frames.extend(frame),
                Err(error) => errors.push(error),
            }
        }
        (frames, errors)
    }

    #[test]
    fn a_frame_of_any_length_crosses_a_link_of_any_width() {
        for largest_write in WRITE_LEN_MIN..=244 {
            for len in (1..=FRAME_LEN_MAX).step_by(37).chain([18, 19, 20, 38, FRAME_LEN_MAX - 1, FRAME_LEN_MAX]) {
                let (frame, fragments) = (frame(len), cut(&frame(len), largest_write));
                assert!(fragments.iter().all(|fragment| (2..=largest_write).contains(&fragment.len())));
                assert_eq!(joined(&fragments), (vec![frame], vec![]), "{len} bytes in writes of {largest_write}");
            }
        }
        assert_eq!(cut(&frame(FRAME_LEN_MAX), WRITE_LEN_MIN).len(), 54);
    }

    #[test]
    fn frames_follow_each_other() {
        let all: Vec<Vec<u8>> = [1, 19, 20, 500].iter().flat_map(|len| cut(&frame(*len), 20)).collect();
        assert_eq!(joined(&all).0, [frame(1), frame(19), frame(20), frame(500)]);
    }

    #[test]
    fn a_lost_fragment_loses_the_frame_and_says_so() {
        let fragments = cut(&frame(100), 20);
        for lost in 0..fragments.len() {
            let mut rest = fragments.clone();
            rest.remove(lost);
            rest.extend(cut(&frame(7), 20));
            let (frames, errors) = joined(&rest);
            assert!(!errors.is_empty(), "{lost}: {errors:?}");
            assert!(frames.iter().all(|whole| *whole == frame(7)), "{lost}: nothing comes out of a broken frame");
        }
        let (_, errors) = joined(&[fragments[0].clone(), fragments[2].clone()]);
        assert_eq!(errors, [FragmentError::Order { expected: 1, found: 2 }]);
    }

    #[test]
    fn a_doubled_fragment_loses_the_frame_and_says_so() {
        let fragments = cut(&frame(100), 20);
        for doubled in 0..fragments.len() - 1 {
            let mut all = fragments.clone();
            all.insert(doubled, fragments[doubled].clone());
            let (frames, errors) = joined(&all);
            assert!(frames.is_empty() && !errors.is_empty(), "{doubled}: {errors:?}");
        }
        let again = [fragments[0].clone(), fragments[1].clone(), fragments[0].clone()];
        assert_eq!(joined(&again).1, [FragmentError::Interrupted { joined: 2 }]);
    }

    #[test]
    fn every_other_order_is_refused() {
        let fragments = cut(&frame(70), 20);
        assert_eq!(fragments.len(), 4);
        let orders = (0..256_usize).map(|code| [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6]);
        for order in orders.filter(|order| *order != [0, 1, 2, 3]) {
            let (frames, errors) = joined(&order.map(|index| fragments[index].clone()));
            assert!(frames.is_empty(), "{order:?}");
            assert!(!errors.is_empty(), "{order:?}");
        }
    }

    #[test]
    fn a_fragment_that_contradicts_itself_is_refused() {
        assert_eq!(joined(&[vec![]]).1, [FragmentError::Empty { len: 0 }]);
        assert_eq!(joined(&[vec![FIRST | LAST]]).1, [FragmentError::Empty { len: 1 }]);
        assert_eq!(joined(&[vec![LAST, 7]]).1, [FragmentError::Header { header: LAST }]);
        assert_eq!(joined(&[vec![FIRST | 3, 7]]).1, [FragmentError::Header { header: FIRST | 3 }]);
        assert_eq!(joined(&[vec![5, 7]]).1, [FragmentError::Order { expected: 0, found: 5 }]);
    }

    #[test]
    fn a_frame_longer_than_any_is_refused_before_it_is_held() {
        let piece = |index: u8| [vec![if index == 0 { FIRST } else { index }], frame(512)].concat();
        // proves R-LNK-09
        assert_eq!(joined(&[piece(0), piece(1), piece(2)]).1, [FragmentError::FrameLen { len: 1536 }]);
        let endless: Vec<Vec<u8>> =
            (0..=64_u8).map(|index| vec![if index == 0 { FIRST } else { index & INDEX }, 1]).collect();
        assert_eq!(joined(&endless).1, [FragmentError::Header { header: 0 }], "the index never wraps");
        assert!(matches!(fragments(&frame(FRAME_LEN_MAX + 1), 20).err(), Some(FragmentError::FrameLen { len: 1025 })));
        assert!(matches!(fragments(&[], 20).err(), Some(FragmentError::FrameLen { len: 0 })));
        assert!(matches!(fragments(&[1], 19).err(), Some(FragmentError::WriteLen { largest_write: 19 })));
    }

    #[test]
    fn a_frame_that_takes_too_long_is_given_up() {
        let fragments = cut(&frame(100), 20);
        let mut assembly = Assembly::new();
        assert_eq!(assembly.deadline(), None);
        assert_eq!(assembly.push(&fragments[0], START), Ok(None));
        let deadline = START.after(ASSEMBLY_TIME_MAX);
        assert_eq!(assembly.deadline(), Some((deadline, "frame incomplete")));
        assert_eq!(assembly.push(&fragments[1], deadline), Ok(None), "just in time");
        let late = deadline.after(Millis::new(1));
        // proves R-LNK-09
        assert_eq!(assembly.push(&fragments[2], late), Err(FragmentError::TimedOut { joined: 2 }));
        assert_eq!(assembly, Assembly::new());
        assert_eq!(assembly.expire(late), Ok(()));
        for fragment in &cut(&frame(100), 200) {
            assert_eq!(assembly.push(fragment, late), Ok(Some(frame(100))), "and the next frame is welcome");
        }
    }
}
