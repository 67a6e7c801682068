//! What the service manager is told: that the first page is drawn, that loop and display still turn, that the program ends.
//!
//! A round is a number that the watchdog hands to the loop, the loop to the display, and the display back here. Whichever of them
//! hangs, the round doesn't come back, nothing is told, and the manager ends and restarts the program. Without a manager that
//! listens (`NOTIFY_SOCKET`), nothing is told to anybody.
//!
//! # Promises
//! - READY is told once the display says that it has drawn its first page, and not before.
//! - The watchdog is fed with the first page, and once for each round that came back; while one is out there is no other, so an old
//!   answer feeds nothing.
//! - The status holds nothing of therapy.

use std::{path::Path, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

/// What goes round: its number, from 1 on. [`FIRST_PAGE`] is what the display says by itself.
pub type Round = u64;
/// The display has drawn its first page.
pub const FIRST_PAGE: Round = 0;

/// The status while the pages stand, while no pump is paired, and while nothing but a fault can be shown.
pub const PAGES: &str = "the pages stand";
/// The same, for the first run.
pub const FIRST_RUN: &str = "the first run's pages stand: no pump is paired";
/// The same, for the fault page.
pub const FAULT: &str = "the fault page stands: the remote can't work";

/// The file in the service's runtime directory that says: the pages stand on a record that was opened and is sound so far. What a
/// new system version is confirmed by.
const SOUND: &str = "sound";

/// Where rounds stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rounds {
    ready: bool,
    asked: Round,
    answered: Round,
}

/// What follows from what the display says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Ready,
    Fed,
    Nothing,
}

impl Rounds {
    /// The round to begin now, if none is out.
    const fn next(&mut self) -> Option<Round> {
        if !self.ready || self.asked != self.answered {
            return None;
        }
        self.asked += 1;
        Some(self.asked)
    }

    /// The display says this number.
    // keeps R-DEV-06
    const fn came_back(&mut self, round: Round) -> Told {
        if round == FIRST_PAGE && !self.ready {
            self.ready = true;
            return Told::Ready;
        }
        if round != self.asked || round == self.answered {
            return Told::Nothing;
        }
        self.answered = round;
        Told::Fed
    }
}

/// Tells of READY and feeds the watchdog, for as long as there is a display that says something.
///
/// `begin` takes a round to whoever is first in the ring, `back` says what the display said last.
pub async fn keep(status: &'static str, begin: watch::Sender<Round>, back: watch::Receiver<Round>) {
    // A third of what the manager waits is left for the round itself, which takes milliseconds; more often would only wake more often.
    keep_every(sd_notify::watchdog_enabled().map(|limit| limit * 2 / 3), status, begin, back, tell).await;
}

async fn keep_every(
    every: Option<Duration>,
    status: &'static str,
    begin: watch::Sender<Round>,
    mut back: watch::Receiver<Round>,
    tell: impl Fn(&[NotifyState<'_>]),
) {
    let mut rounds = Rounds::default();
    let mut due = every.map(|every| {
        let mut due = interval_at(Instant::now() + every, every);
        // A round that was late is no reason to hurry the next one.
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        due
    });
    loop {
        tokio::select! {
            said = back.changed() => {
                if said.is_err() {
                    return;
                }
                let round = *back.borrow_and_update();
                match rounds.came_back(round) {
                    // The first run has eaten of the time of whoever follows it: READY alone begins no new one.
                    Told::Ready => tell(&[NotifyState::Ready, NotifyState::Status(status), NotifyState::Watchdog]),
                    Told::Fed => tell(&[NotifyState::Watchdog]),
                    Told::Nothing => {}
                }
            }
            () = next(&mut due) => {
                if let Some(round) = rounds.next() {
                    begin.send_replace(round);
                }
            }
        }
    }
}

/// The display's place in the ring: says that it has drawn its first page, then passes back each round that the loop has turned in.
/// Ends with the loop. `drawn` returns once what stood before is drawn, and belongs on the thread that draws.
pub async fn pass_back(mut turned: watch::Receiver<Round>, back: watch::Sender<Round>, drawn: impl AsyncFn()) {
    drawn().await;
    back.send_replace(FIRST_PAGE);
    while turned.changed().await.is_ok() {
        let round = *turned.borrow_and_update();
        drawn().await;
        back.send_replace(round);
    }
}

/// The next time that a round is due; never, without a watchdog.
async fn next(due: &mut Option<Interval>) {
    match due {
        Some(due) => {
            due.tick().await;
        }
        None => std::future::pending().await,
    }
}

/// The program ends in good order.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says in the service's runtime directory, if it has one, that this start went well: the pages stand, and the self-test found no fault
/// that a version of the system could be at.
pub fn sound() {
    let Some(place) = std::env::var_os("RUNTIME_DIRECTORY") else { return };
    if let Err(error) = std::fs::write(Path::new(&place).join(SOUND), b"") {
        tracing::warn!(%error, "a start that went well can't be told");
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager can't be told");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[test]
    fn only_the_round_that_is_out_feeds_and_only_once() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.next(), None, "nothing goes round before the first page");
        assert_eq!(rounds.came_back(1), Told::Nothing);
        assert_eq!(rounds.came_back(FIRST_PAGE), Told::Ready);
        assert_eq!(rounds.came_back(FIRST_PAGE), Told::Nothing, "ready is told once");
        assert_eq!(rounds.next(), Some(1));
        assert_eq!(rounds.next(), None, "one at a time");
        // proves R-DEV-06
        assert_eq!(rounds.came_back(1), Told::Fed);
        assert_eq!(rounds.came_back(1), Told::Nothing);
        assert_eq!(rounds.next(), Some(2));
        assert_eq!(rounds.came_back(1), Told::Nothing, "an old answer feeds nothing");
    }

    /// What is told within a minute, with a round every ten seconds; `passes` is what the loop makes of a round.
    async fn told(passes: impl Fn(Round) -> Option<Round> + Send + 'static) -> Vec<String> {
        let (begin, mut begun) = watch::channel(FIRST_PAGE);
        let (turn, turned) = watch::channel(FIRST_PAGE);
        let (say, back) = watch::channel(FIRST_PAGE);
        let said = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&said);
        let tell = move |states: &[NotifyState<'_>]| {
            let mut said = telling.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend(states.iter().map(ToString::to_string));
        };
        tokio::spawn(keep_every(Some(Duration::from_secs(10)), "pages", begin, back, tell));
        tokio::spawn(pass_back(turned, say, async || ()));
        tokio::spawn(async move {
            while begun.changed().await.is_ok() {
                if let Some(round) = passes(*begun.borrow_and_update()) {
                    turn.send_replace(round);
                }
            }
        });
        tokio::time::sleep(Duration::from_secs(61)).await;
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_is_fed_for_as_long_as_rounds_come_back() {
        let all = told(Some).await;
        assert_eq!(all[..2], ["READY=1", "STATUS=pages"]);
        // proves R-DEV-06
        assert_eq!(all[2..], ["WATCHDOG=1"; 7], "the first page, and six rounds");
        let two = told(|round| (round <= 2).then_some(round)).await;
        // proves R-DEV-06
        assert_eq!(two[3..], ["WATCHDOG=1"; 2], "what hangs in the third round is not fed");
    }
}
