//! Keys, and what each end pins of the other.
//!
//! # Promises
//! - A secret is never printed by `Debug`, compared in constant time, and wiped from memory when dropped. (The copies that
//!   `snow` makes for one session are outside our reach; they live as long as that session.)
//! - A pinned key has exactly one durable form, with a version.

use core::fmt;

use sha2::{Digest, Sha256};
use snow::{
    params::DHChoice,
    resolvers::{CryptoResolver, DefaultResolver},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Entropy, SessionError};
use crate::{
    message::{KeyFingerprint, Role, take_version},
    wire::{Bounded, Malformed, Reader, VERSION, Wire, wire_newtype, wire_struct},
};

/// The most remotes that a pump knows: a patient's, a spare, and two viewers'. Each costs the implant two trial
/// computations at every reconnection.
pub const PAIRED_REMOTES_MAX: usize = 4;

/// One end's own identity: an X25519 private key.
#[derive(Clone, ZeroizeOnDrop)]
pub struct StaticKey {
    private: [u8; 32],
    #[zeroize(skip)]
    public: PublicKey,
}

/// The public half of a [`StaticKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// A secret that both ends know beforehand.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Psk(pub [u8; 32]);

/// What a remote pins of its pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairedPump {
    /// The pump.
    pub pump: PublicKey,
    /// From the pairing; every reconnection needs it.
    pub psk: Psk,
}

/// What a pump pins of a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairedRemote {
    /// The remote.
    pub remote: PublicKey,
    /// From the pairing; every reconnection needs it.
    pub psk: Psk,
    /// What it may ask for: decided where the pairing window was opened.
    pub role: Role,
}

/// What a remote keeps on disk about its pump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemotePins {
    /// The pairing that both sides have confirmed.
    pub confirmed: Option<PairedPump>,
    /// A newer pairing, pinned here, of which the pump's last word is still missing.
    pub provisional: Option<PairedPump>,
}

/// What a pump keeps on disk about its remotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PumpPins {
    /// The remotes whose pairing both sides have confirmed.
    pub confirmed: Bounded<PairedRemote, PAIRED_REMOTES_MAX>,
    /// The newest pairing, if the remote has not confirmed it yet.
    pub provisional: Option<PairedRemote>,
}

impl StaticKey {
    /// A new identity.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut private = Zeroizing::new([0; 32]);
        entropy.fill(&mut *private);
        Self::from_bytes(&private)
    }

    /// An identity from disk.
    ///
    /// # Panics
    /// Never: X25519 takes any 32 bytes, and is built into this crate.
    pub fn from_bytes(private: &[u8; 32]) -> Self {
        let curve = DefaultResolver.resolve_dh(&DHChoice::Curve25519);
        let mut curve = curve.expect("X25519 is built in: snow's feature use-curve25519 in Cargo.toml");
        curve.set(private);
        let mut public = [0; 32];
        public.copy_from_slice(curve.pubkey());
        Self { private: *private, public: PublicKey(public) }
    }

    /// For the disk, in a place that only the service can read.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.private)
    }

    /// The half that others may see.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    pub(super) const fn private(&self) -> &[u8; 32] {
        &self.private
    }
}

impl PublicKey {
    /// Names this key in the pump's history.
    pub fn fingerprint(&self) -> KeyFingerprint {
        let hash: [u8; 32] = Sha256::digest(self.0).into();
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        KeyFingerprint(first)
    }
}

impl RemotePins {
    /// The pins to try, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &PairedPump> {
        self.provisional.iter().chain(&self.confirmed)
    }

    /// With a newly proved pump beside the one that counts.
    #[must_use]
    pub fn with_provisional(self, pump: PairedPump) -> Self {
        Self { provisional: Some(pump), ..self }
    }

    /// After PAIRING CONFIRMED in a session that the provisional pin opened: it is the one that counts.
    #[must_use]
    pub fn with_confirmation(self) -> Self {
        Self { confirmed: self.provisional.or(self.confirmed), provisional: None }
    }

    /// After the confirmed pin has opened a session: this pump never confirmed a newer one, or it would not know this one any
    /// more. A provisional pin of another pump stays: nothing was learned about that one.
    #[must_use]
    pub fn without_provisional(self) -> Self {
        let confirmed = self.confirmed.as_ref().map(|pin| pin.pump);
        let provisional = self.provisional.filter(|pin| Some(pin.pump) != confirmed);
        Self { confirmed: self.confirmed, provisional }
    }
}

impl PumpPins {
    /// The keys to try, with whether each is still provisional.
    pub fn iter(&self) -> impl Iterator<Item = (&PairedRemote, bool)> {
        let confirmed = self.confirmed.iter().map(|remote| (remote, false));
        confirmed.chain(self.provisional.iter().map(|remote| (remote, true)))
    }

    /// Whether this remote could be confirmed: its own older key makes room for it.
    pub fn has_room_for(&self, remote: &PublicKey) -> bool {
        self.confirmed.iter().filter(|other| other.remote != *remote).count() < PAIRED_REMOTES_MAX
    }

    /// With this remote's key as one that counts, in place of an older one of the same remote.
    pub fn with_confirmed(&self, remote: &PairedRemote) -> Result<Self, SessionError> {
        let mut pins = self.clone();
        pins.confirmed.retain(|other| other.remote != remote.remote);
        pins.confirmed.push(remote.clone()).map_err(|_| SessionError::NoRoom)?;
        pins.provisional = pins.provisional.filter(|provisional| provisional != remote);
        Ok(pins)
    }

    /// Without any key of this remote.
    #[must_use]
    pub fn without(&self, remote: KeyFingerprint) -> Self {
        let mut pins = self.clone();
        pins.confirmed.retain(|other| other.remote.fingerprint() != remote);
        pins.provisional = pins.provisional.filter(|other| other.remote.fingerprint() != remote);
        pins
    }
}

/// The durable form of a value that holds secrets, in memory that is wiped when dropped.
pub fn encode_secret<T: Wire>(value: &T) -> Zeroizing<Vec<u8>> {
    /// More than the longest of them, so that the bytes never move and leave no copy behind.
    const LEN_MAX: usize = 512;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LEN_MAX));
    value.put(&mut bytes);
    bytes
}

/// A hash for one purpose: two purposes, or two ways to cut the parts, never give the same.
pub(super) fn derive(purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix([VERSION]);
    for part in [b"pump-remote".as_slice(), purpose.as_bytes()].iter().chain(parts) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

wire_newtype!(PublicKey([u8; 32]));
wire_struct!(PairedPump { pump, psk });
wire_struct!(PairedRemote { remote, psk, role });

impl Wire for Psk {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.array().map(Self)
    }
}

impl Wire for RemotePins {
    fn put(&self, out: &mut Vec<u8>) {
        VERSION.put(out);
        self.confirmed.put(out);
        self.provisional.put(out);
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_version(input)?;
        Ok(Self { confirmed: Wire::take(input)?, provisional: Wire::take(input)? })
    }
}

impl Wire for PumpPins {
    fn put(&self, out: &mut Vec<u8>) {
        VERSION.put(out);
        self.confirmed.put(out);
        self.provisional.put(out);
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_version(input)?;
        Ok(Self { confirmed: Wire::take(input)?, provisional: Wire::take(input)? })
    }
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl fmt::Debug for Psk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Psk(..)")
    }
}

impl PartialEq for Psk {
    fn eq(&self, other: &Self) -> bool {
        // No early exit: how long it takes says nothing about where they differ.
        self.0.iter().zip(&other.0).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }
}

impl Eq for Psk {}
