//! Practice: pages of another remote in place of this one's, with a simulated pump in this program's memory.
//!
//! # Promises
//! - What hands do reaches one machine at a time; while somebody practises it reaches no machine that could ask their pump.
//! - The way out is the true machine's: whoever goes to another page, or is called to one, has left the practice.

use anyhow::Context as _;
use pump_core::screen::{Face, Intent, PracticeView, Reading, Screen};
use pump_remote::shell::hand_over;
use tempfile::TempDir;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use crate::compose::{Running, rehearse};

/// Where hands reach: to the remote, or to the practice while there is one.
#[derive(Clone)]
pub(crate) struct Hands {
    remote: mpsc::Sender<Intent>,
    practice: watch::Receiver<Option<mpsc::Sender<Intent>>>,
}

impl Hands {
    /// With the end by which a practice takes its share.
    pub(crate) fn new(remote: mpsc::Sender<Intent>) -> (Self, watch::Sender<Option<mpsc::Sender<Intent>>>) {
        let (take, practice) = watch::channel(None);
        (Self { remote, practice }, take)
    }

    pub(crate) fn tell(&self, intent: Intent) {
        match (&*self.practice.borrow(), &intent) {
            (Some(practice), Intent::Touch { .. } | Intent::Digit(_) | Intent::EraseDigit | Intent::Seen) => {
                hand_over(practice, intent);
            }
            _ => hand_over(&self.remote, intent),
        }
    }
}

/// A practice that goes on.
pub(crate) struct Practice {
    running: Running,
    /// Holds the record and the pump of the practice; gone with it.
    place: TempDir,
}

impl Practice {
    /// Whether this screen wants one.
    pub(crate) const fn wanted(screen: &Screen) -> bool {
        matches!(screen.face, Face::Reading(Reading::Practice(PracticeView { begun: true, .. })))
    }

    pub(crate) async fn begin(runtime: &Handle) -> anyhow::Result<Self> {
        let place = tempfile::tempdir().context("no place for the practice")?;
        // On a thread of its own: opening a record is not to be moved from one to another.
        let (handle, path) = (runtime.clone(), place.path().to_owned());
        let starting = runtime.spawn_blocking(move || handle.block_on(rehearse(&path)));
        Ok(Self { running: starting.await??, place })
    }

    pub(crate) fn intents(&self) -> mpsc::Sender<Intent> {
        self.running.intents.clone()
    }

    /// Its screen, with what is true of alarms, and marked.
    pub(crate) fn screen(&mut self, truth: &Screen) -> Screen {
        let screen = self.running.screens.borrow_and_update().clone();
        Screen { alarms: truth.alarms.clone(), signals: truth.signals, dark: false, practice: true, ..screen }
    }

    /// Waits for another screen; ends only if the practice has ended by itself.
    pub(crate) async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        self.running.screens.changed().await
    }

    /// Takes its place away once it has closed its record.
    pub(crate) fn end(self, runtime: &Handle) {
        let Self { running, place } = self;
        // Already gone: it has ended by itself.
        let _ = running.close.send(());
        runtime.spawn(async move {
            let _ = running.ended.await;
            drop(place);
        });
    }
}
