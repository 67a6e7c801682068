//! Keeps what the person chose, away from the thread that draws: a card that hangs must freeze no alarm and no Stop.
//!
//! # Promises
//! - Whoever chooses waits for nothing.
//! - The newest choice wins; while one is written, at most one more waits.
//! - The program's end waits for the newest a moment, and no longer.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use super::Looks;

/// Who keeps choices.
#[derive(Debug)]
pub struct Keeper {
    newest: Arc<Mutex<Option<Looks>>>,
    /// A second waking while one waits says nothing new.
    wake: SyncSender<()>,
    ended: Receiver<()>,
}

impl Keeper {
    /// Keeps choices by this, on a thread of its own.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn begin(mut store: impl FnMut(Looks) -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let newest = Arc::<Mutex<Option<Looks>>>::default();
        let (wake, woken) = mpsc::sync_channel(1);
        // Never told: that its thread is gone tells enough.
        let (ending, ended) = mpsc::sync_channel(0);
        let waiting = Arc::clone(&newest);
        thread::Builder::new().name("looks".to_owned()).spawn(move || {
            let _ending = ending;
            while woken.recv().is_ok() {
                let chosen = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(Err(error)) = chosen.map(&mut store) {
                    tracing::warn!(%error, "the chosen looks can't be kept; they last until the program ends");
                }
            }
        })?;
        Ok(Self { newest, wake, ended })
    }

    /// Has this choice kept, whenever the one before is.
    pub fn keep(&self, looks: Looks) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(looks);
        let _ = self.wake.try_send(());
    }

    /// Waits at most this long until the newest choice is kept; whether it is, or was refused.
    pub fn end(self, patience: Duration) -> bool {
        let Self { newest: _, wake, ended } = self;
        drop(wake);
        ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}
