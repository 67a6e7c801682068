//! The simulated pump's disk: one file that holds all of it, replaced before any reply leaves that relies on it.

use std::{
    io,
    path::{Path, PathBuf},
};

use pump_protocol::{
    session::{CardSecret, Entropy, PumpPins, StaticKey, encode_secret},
    wire::{Malformed, Reader, Text, Wire},
};
use simulated_pump::{DamagedPump, Pump, Setup};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::adapters::secret_file;

/// The version of the file.
const VERSION: u8 = 1;
/// A pump with a full history is a few ten kilobytes.
const LEN_MAX: usize = 4 << 20;

/// Everything about the pump that outlives its process.
pub(super) struct State {
    pub(super) own: StaticKey,
    pub(super) card: CardSecret,
    pub(super) pins: PumpPins,
    /// Milliseconds since 1970 by the kernel when it was written: the pump lived on since.
    pub(super) unix_ms: i64,
    pub(super) pump: Pump,
    path: PathBuf,
}

/// Why there is no pump. Nothing was changed.
#[derive(Debug, Error)]
pub enum StateError {
    /// The file is something else.
    #[error(
        "{path} holds no simulated pump ({malformed}); it was left as it is: set it aside to begin with a new pump"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        malformed: Malformed,
    },
    /// The pump in the file doesn't verify.
    #[error(
        "the simulated pump in {path} is damaged ({damaged}); it was left as it is: set it aside to begin with a new pump"
    )]
    Pump {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damaged: DamagedPump,
    },
    /// The system failed.
    #[error("the simulated pump's state {path} can't be read or written ({source}): without it the pump can't answer")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl State {
    /// The pump in this file; a new one of this setup if there is none. Says whether it is new.
    pub(super) fn open(path: &Path, setup: Setup, entropy: &mut dyn Entropy) -> Result<(Self, bool), StateError> {
        match secret_file::read(path, LEN_MAX) {
            Ok(bytes) => Self::parse(&bytes, path).map(|state| (state, false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (own, card) = (StaticKey::generate(entropy), CardSecret::generate(entropy));
                let pump = Pump::new(setup);
                let path = path.to_owned();
                Ok((Self { own, card, pins: PumpPins::default(), unix_ms: 0, pump, path }, true))
            }
            Err(source) => Err(StateError::Io { path: path.to_owned(), source }),
        }
    }

    /// Makes the pump durable as it is.
    pub(super) fn store(&mut self, unix_ms: i64) -> Result<(), StateError> {
        self.unix_ms = unix_ms;
        let own = self.own.to_bytes();
        let card = self.card.printed();
        let pins = encode_secret(&self.pins);
        let mut head = Zeroizing::new(vec![VERSION]);
        unix_ms.put(&mut head);
        let card = Text::<128>::new(&card).unwrap_or_default();
        card.put(&mut head);
        let parts: [&[u8]; 4] = [&head, own.as_slice(), &pins, &self.pump.durable()];
        secret_file::replace(&self.path, &parts)
            .map_err(|source| StateError::Io { path: self.path.clone(), source })?;
        self.pump.persisted();
        Ok(())
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, StateError> {
        let damaged = |malformed| StateError::Damaged { path: path.to_owned(), malformed };
        let mut input = Reader::new(bytes);
        if bytes.len() > LEN_MAX {
            return Err(damaged(input.unknown("length", bytes.len() as u64)));
        }
        let (unix_ms, card, own, pins) = Self::parse_head(&mut input).map_err(damaged)?;
        let rest = input.bytes(input.left()).map_err(damaged)?;
        let pump = Pump::restore(rest).map_err(|damaged| StateError::Pump { path: path.to_owned(), damaged })?;
        Ok(Self { own, card, pins, unix_ms, pump, path: path.to_owned() })
    }

    fn parse_head(input: &mut Reader<'_>) -> Result<(i64, CardSecret, StaticKey, PumpPins), Malformed> {
        match u8::take(input)? {
            VERSION => {}
            found => return Err(Malformed::Version { found }),
        }
        let unix_ms = i64::take(input)?;
        let card: Text<128> = Wire::take(input)?;
        let card = CardSecret::parse(card.as_str()).map_err(|_| input.unknown("card secret", 0_u8))?;
        let own = StaticKey::from_bytes(&input.array::<32>()?);
        Ok((unix_ms, card, own, Wire::take(input)?))
    }
}
