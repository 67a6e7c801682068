//! How long to wait after failed handshakes.

use super::SessionError;
use crate::{clock::Uptime, quantity::Millis};

/// The wait after the first failure; it doubles with each further one. Unnoticed by a clinic that mistyped, or by a remote
/// whose link broke.
pub const BACKOFF_FIRST: Millis = Millis::new(250);
/// The longest wait. An implant can bear a few curve computations every four seconds for as long as somebody insists; and a
/// remote that a stranger has shut out may begin at most this long after the stranger's last attempt. While the stranger
/// insists nothing is promised: the remote gets in only if it comes first when a wait ends.
pub const BACKOFF_MAX: Millis = Millis::from_secs(4);

/// Counts failures; forgets them when a session proves itself.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Uptime,
}

impl Backoff {
    /// Whether a handshake may begin.
    pub(super) fn check(&self, now: Uptime) -> Result<(), SessionError> {
        match self.until.since(now) {
            Millis::ZERO => Ok(()),
            retry_after => Err(SessionError::BackingOff { retry_after }),
        }
    }

    // keeps R-LNK-08
    /// One more failure.
    pub(super) fn failed(&mut self, now: Uptime) {
        let doubled = BACKOFF_FIRST.get().saturating_mul(1_u64.checked_shl(self.failures).unwrap_or(u64::MAX));
        self.failures = self.failures.saturating_add(1);
        self.until = now.after(Millis::new(doubled).min(BACKOFF_MAX));
    }

    /// The other end is who it should be.
    pub(super) fn proved(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_is_capped() {
        let mut backoff = Backoff::default();
        let now = Uptime::from_millis(1_000_000);
        let waits: Vec<u64> = (0..80)
            .map(|_| {
                backoff.failed(now);
                match backoff.check(now) {
                    Err(SessionError::BackingOff { retry_after }) => retry_after.get(),
                    other => unreachable!("{other:?}"),
                }
            })
            .collect();
        assert_eq!(waits[..6], [250, 500, 1000, 2000, 4000, 4000]);
        // proves R-LNK-08
        assert!(waits[5..].iter().all(|wait| *wait == BACKOFF_MAX.get()), "capped however often it fails");
        assert_eq!(backoff.check(now.after(BACKOFF_MAX)), Ok(()));
        backoff.proved();
        assert_eq!(backoff.check(now), Ok(()));
    }
}
