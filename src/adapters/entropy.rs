//! Randomness from the kernel.

use pump_protocol::session::Entropy;

/// The kernel's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes)
            .expect("a kernel that starts services has seeded its random source: kept by systemd's boot order");
    }
}

/// An array of random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsEntropy.fill(&mut bytes);
    bytes
}
