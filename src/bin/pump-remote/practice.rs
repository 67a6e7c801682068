//! Practice: pages of another remote in place of this one's, with a simulated pump in this program's memory.
//!
//! # Promises
//! - What hands do reaches one machine at a time; while somebody practises it reaches no machine that could ask their pump.
//! - The way out is the true machine's: whoever goes to another page, or is called to one, has left the practice.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use pump_core::screen::{Control, Face, Intent, Level, PracticeView, Reading, Screen, Source};
use pump_remote::shell::hand_over;
use tempfile::TempDir;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use crate::compose::{Running, rehearse, started_apart};

/// Where hands reach: to the remote, or to the practice while there is one.
#[derive(Clone)]
pub(crate) struct Hands {
    remote: mpsc::Sender<Intent>,
    practice: watch::Receiver<Option<mpsc::Sender<Intent>>>,
    /// What is pressed, and began in a practice.
    practised: Arc<Mutex<HashSet<(Source, Control)>>>,
}

impl Hands {
    /// With the end by which a practice takes its share.
    pub(crate) fn new(remote: mpsc::Sender<Intent>) -> (Self, watch::Sender<Option<mpsc::Sender<Intent>>>) {
        let (take, practice) = watch::channel(None);
        (Self { remote, practice, practised: Arc::default() }, take)
    }

    pub(crate) fn tell(&self, intent: Intent) {
        let practice = self.practice.borrow();
        let practises = match intent {
            Intent::Touch { control, level, source } => {
                self.began_in_practice((source, control), level, practice.is_some())
            }
            Intent::Digit(_) | Intent::EraseDigit | Intent::Seen | Intent::NoticeSeen => practice.is_some(),
            _ => false,
        };
        match (practises, &*practice) {
            (false, _) => hand_over(&self.remote, intent),
            (true, Some(practice)) => hand_over(practice, intent),
            // The practice is over, and the finger is still down.
            (true, None) => {}
        }
    }

    // keeps R-ASK-22
    /// What began in a practice stays its until it is let go.
    fn began_in_practice(&self, pressed: (Source, Control), level: Level, practises: bool) -> bool {
        let mut practised = self.practised.lock().unwrap_or_else(PoisonError::into_inner);
        let began = practised.contains(&pressed) || practises;
        if began && level == Level::Pressed {
            practised.insert(pressed);
        } else {
            practised.remove(&pressed);
        }
        began
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
        let path = place.path().to_owned();
        let running = started_apart(runtime, move || async move { rehearse(&path).await }).await?;
        Ok(Self { running, place })
    }

    pub(crate) fn intents(&self) -> mpsc::Sender<Intent> {
        self.running.intents.clone()
    }

    /// Its screen, with what is true of alarms, and marked.
    pub(crate) fn screen(&mut self, truth: &Screen) -> Screen {
        let screen = self.running.screens.borrow_and_update().clone();
        Screen {
            alarms: truth.alarms.clone(),
            signals: truth.signals,
            dark: false,
            night: None,
            practice: true,
            ..screen
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pump_core::screen::Visit;

    use super::*;

    /// Real time, on a busy machine: a dose takes eight seconds, a hold one and a half.
    const SOON: Duration = Duration::from_secs(40);

    fn touch(level: Level) -> Intent {
        Intent::Touch { control: Control::Dose, level, source: Source::Touchscreen }
    }

    fn truth() -> Screen {
        Screen::alone(Face::Reading(Reading::Practice(PracticeView { begun: true, may_begin: true })))
    }

    async fn until(practice: &mut Practice, is: impl Fn(&Face) -> bool) -> Screen {
        let found = async {
            loop {
                let screen = practice.screen(&truth());
                // proves R-ASK-17
                assert!(screen.practice, "a page without its mark: {:?}", screen.face);
                if is(&screen.face) {
                    return screen;
                }
                practice.changed().await.unwrap();
            }
        };
        tokio::time::timeout(SOON, found).await.expect("the practice goes on")
    }

    async fn hold(practice: &Practice) {
        for _ in 0..34 {
            hand_over(&practice.intents(), touch(Level::Pressed));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        hand_over(&practice.intents(), touch(Level::Released));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_whole_flow_is_played_and_nothing_of_it_is_left() {
        let mut practice = Practice::begin(&Handle::current()).await.unwrap();
        let place = practice.place.path().to_owned();
        assert!(place.join("record.db").exists());
        until(&mut practice, |face| matches!(face, Face::Ready(_))).await;
        hold(&practice).await;
        until(&mut practice, |face| matches!(face, Face::Delivering { .. })).await;
        until(&mut practice, |face| matches!(face, Face::Given { .. })).await;
        hand_over(&practice.intents(), Intent::Seen);
        until(&mut practice, |face| matches!(face, Face::Wait(_))).await;
        practice.end(&Handle::current());
        let gone = async {
            while place.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, gone).await.expect("its place is taken away");
    }

    #[test]
    fn a_press_that_began_in_a_practice_is_nobodys_once_it_is_over() {
        let ((remote, mut true_one), (practise, _practised)) = (mpsc::channel(8), mpsc::channel(8));
        let (hands, take) = Hands::new(remote);
        take.send_replace(Some(practise));
        hands.tell(touch(Level::Pressed));
        take.send_replace(None);
        // Another hand's is not touched by it.
        let button = Intent::Touch { control: Control::Dose, level: Level::Pressed, source: Source::Button };
        hands.tell(button);
        assert_eq!(true_one.try_recv().ok(), Some(button));
        for level in [Level::Pressed, Level::Pressed, Level::Released] {
            hands.tell(touch(level));
            // proves R-ASK-22
            assert_eq!(true_one.try_recv().ok(), None, "{level:?}");
        }
        hands.tell(touch(Level::Pressed));
        assert_eq!(true_one.try_recv().ok(), Some(touch(Level::Pressed)));
    }

    #[test]
    fn hands_reach_one_machine_at_a_time_and_the_way_out_is_the_true_ones() {
        let ((remote, mut true_one), (practise, mut practised)) = (mpsc::channel(8), mpsc::channel(8));
        let (hands, take) = Hands::new(remote);
        let of_a_hand = [touch(Level::Pressed), Intent::Seen, Intent::Digit(4), Intent::EraseDigit];
        for intent in of_a_hand {
            take.send_replace(None);
            hands.tell(intent);
            assert_eq!((true_one.try_recv().ok(), practised.try_recv().ok()), (Some(intent), None));
            take.send_replace(Some(practise.clone()));
            hands.tell(intent);
            // proves R-ASK-17
            assert_eq!((true_one.try_recv().ok(), practised.try_recv().ok()), (None, Some(intent)));
        }
        for intent in [Intent::Visit(Visit::Emergency), Intent::Visit(Visit::More), Intent::Wake, Intent::PauseAudio] {
            hands.tell(intent);
            assert_eq!((true_one.try_recv().ok(), practised.try_recv().ok()), (Some(intent), None));
        }
    }
}
