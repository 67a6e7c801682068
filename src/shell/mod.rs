//! One loop between the machine and the world: it linearizes inputs, samples the clocks once a turn, and does in order
//! what the machine wants done.
//!
//! # Promises
//! - Nothing here decides about a dose: every decision comes out of [`Remote`].
//! - The loop waits for nobody: card, radio and display have tasks of their own, and every queue between is bounded. A turn takes
//!   at most [`TURN_MAX`].
//! - Closing is recorded, and the record is signed and closed before the program ends.

pub mod config;
pub mod copying;
pub mod link;
pub mod log;
pub mod recorder;
pub mod self_test;

use std::{path::PathBuf, time::Duration};

use pump_core::{
    audit::event::NotCopied,
    remote::{Input, Output, Remote},
    screen::{Face, Intent, Screen},
};
use pump_protocol::clock::{CivilTime, Now};
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    copying::Copier,
    link::{LinkEvent, LinkOrder, SessionNo},
    recorder::RecordOrder,
    self_test::TestOrder,
};
use crate::adapters::{
    clock::Clock,
    set_clock::Setter,
    systemd::{FIRST_PAGE, Round},
};

// keeps R-DEV-03
/// The most inputs of one kind that wait: a burst of touches, or of pages of history.
const WAITING_MAX: usize = 64;
// keeps R-DEV-04
/// The most that one turn takes, on the slowest machine that is meant: fifty times the longest thought of the machine that was
/// ever measured (`cargo test -p pump-tests --test simulation hostile -- --nocapture`), and half of what a hand notices.
pub const TURN_MAX: Duration = Duration::from_millis(250);
/// How long a close waits for the last records.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Everything that the loop is connected to.
#[derive(Debug)]
pub struct Ports {
    /// What people do.
    pub intents: mpsc::Receiver<Intent>,
    /// What is shown; a newer screen replaces the older.
    pub screens: watch::Sender<Screen>,
    /// What the link says.
    pub link_events: mpsc::Receiver<LinkEvent>,
    /// What the link is told.
    pub link_orders: mpsc::Sender<LinkOrder>,
    /// Whether the link is to make sessions.
    pub wanted: watch::Sender<bool>,
    /// What the record and its readers answer.
    pub answers: mpsc::Receiver<Input>,
    /// For readers to answer by.
    pub answering: mpsc::Sender<Input>,
    /// What the record is told.
    pub record_orders: mpsc::Sender<RecordOrder>,
    /// Where the record is, for its readers.
    pub record_path: PathBuf,
    /// What the self-test's bench is told.
    pub test_orders: mpsc::Sender<TestOrder>,
    /// Who sets the clock, where there is somebody.
    pub setter: Option<Setter>,
    /// Who copies the record onto a stick, where a stick can be put in.
    pub copier: Option<Copier>,
    /// Ends the loop.
    pub close: oneshot::Receiver<()>,
    /// The watchdog's rounds: one that comes here is a turn.
    pub rounds: watch::Receiver<Round>,
    /// Where a round goes on to, once the loop has turned.
    pub turned: watch::Sender<Round>,
    /// The clocks.
    pub clock: Clock,
}

/// The other ends of [`Ports`]: what a program connects the loop with.
#[derive(Debug)]
pub struct Ends {
    /// For what people do.
    pub intents: mpsc::Sender<Intent>,
    /// What is shown.
    pub screens: watch::Receiver<Screen>,
    /// For what the link says.
    pub link_events: mpsc::Sender<LinkEvent>,
    /// What the link is told.
    pub link_orders: mpsc::Receiver<LinkOrder>,
    /// Whether it is to make sessions.
    pub link_wanted: watch::Receiver<bool>,
    /// For what the record and its readers answer.
    pub answering: mpsc::Sender<Input>,
    /// What the record is told.
    pub record_orders: mpsc::Receiver<RecordOrder>,
    /// What the self-test's bench is told.
    pub test_orders: mpsc::Receiver<TestOrder>,
    /// Ends the loop.
    pub close: oneshot::Sender<()>,
    /// For the watchdog's rounds.
    pub rounds: watch::Sender<Round>,
    /// The rounds that the loop has turned in.
    pub turned: watch::Receiver<Round>,
}

impl Ports {
    /// Ports with nothing in them, and their other ends; `first` is shown until the loop shows another screen.
    pub fn new(first: Screen, record_path: PathBuf, clock: Clock) -> (Self, Ends) {
        let (screen, screens) = watch::channel(first);
        let (intents, intent) = mpsc::channel(WAITING_MAX);
        let (link_event, link_events) = mpsc::channel(WAITING_MAX);
        let (link_orders, link_order) = mpsc::channel(WAITING_MAX);
        let (wanted, link_wanted) = watch::channel(true);
        let (answering, answers) = mpsc::channel(WAITING_MAX);
        let (record_orders, record_order) = mpsc::channel(1);
        let (test_orders, test_order) = mpsc::channel(4);
        let (close, closed) = oneshot::channel();
        let (round, rounds) = watch::channel(FIRST_PAGE);
        let (turn, turned) = watch::channel(FIRST_PAGE);
        let ends = Ends {
            intents,
            screens,
            link_events: link_event,
            link_orders: link_order,
            link_wanted,
            answering: answering.clone(),
            record_orders: record_order,
            test_orders: test_order,
            close,
            rounds: round,
            turned,
        };
        let ports = Self {
            intents: intent,
            screens: screen,
            link_events,
            link_orders,
            wanted,
            answers,
            answering,
            record_orders,
            record_path,
            test_orders,
            setter: None,
            copier: None,
            close: closed,
            rounds,
            turned: turn,
            clock,
        };
        (ports, ends)
    }
}

/// Hands a person's intent to the loop without waiting. One that finds no room is lost: the loop could not have kept up
/// with it, and a hold needs its next level anyway.
pub fn hand_over(intents: &mpsc::Sender<Intent>, intent: Intent) {
    if intents.try_send(intent).is_err() {
        // Not which: it may be a digit of the patient's code.
        tracing::warn!("the loop takes no intents");
    }
}

/// The loop.
struct Shell {
    remote: Remote,
    ports: Ports,
    session: Option<SessionNo>,
}

/// Runs until told to close. Returns once everything noted is on disk, or can't be, and the record is told to close.
pub async fn run(remote: Remote, ports: Ports) {
    let mut shell = Shell { remote, ports, session: None };
    shell.settle(shell.ports.clock.now());
    loop {
        let Some(input) = shell.next_input().await else { break };
        shell.turn(input);
    }
    shell.close().await;
}

impl Shell {
    /// The next thing that happens; `None` when told to close.
    async fn next_input(&mut self) -> Option<Input> {
        let now = self.ports.clock.now();
        let timeout = self.remote.poll_timeout(now);
        if let Some((at, _)) = timeout {
            // keeps R-REC-16
            // Without the reason: it would tell that a dose was asked for.
            tracing::trace!(in_ms = at.since(now.uptime).get(), "sleeping");
        }
        let clock = self.ports.clock.clone();
        let sleep = async {
            match timeout {
                Some((at, _)) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        // In order of how soon it matters: a touch, the pump's word, the card's.
        let event = tokio::select! {
            biased;
            _ = &mut self.ports.close => return None,
            Some(intent) = self.ports.intents.recv() => return Some(Input::Intent(intent)),
            Some(event) = self.ports.link_events.recv() => event,
            Some(answer) = self.ports.answers.recv() => return Some(answer),
            Ok(()) = self.ports.rounds.changed() => return Some(Input::Tick),
            () = sleep => return Some(Input::Tick),
        };
        Some(match event {
            LinkEvent::Up(session) => {
                self.session = Some(session);
                Input::LinkUp
            }
            LinkEvent::Down(session, why) if self.session == Some(session) => {
                self.session = None;
                Input::LinkDown(why)
            }
            LinkEvent::Heard(session, reply) if self.session == Some(session) => Input::Heard(reply),
            // The last words of a session that the machine has ended already.
            LinkEvent::Down(..) | LinkEvent::Heard(..) => Input::Tick,
        })
    }

    fn turn(&mut self, input: Input) {
        let now = self.ports.clock.now();
        self.remote.handle(input, now);
        self.settle(now);
    }

    /// Does what the machine wants done, in order, and shows what there is to see.
    fn settle(&mut self, now: Now) {
        while let Some(output) = self.remote.poll_output() {
            self.perform(output, now);
        }
        let screen = self.remote.screen(now);
        let waits = screen.hold.is_none() && matches!(screen.face, Face::Wait(_) | Face::Delivering { .. });
        self.ports.clock.hurry(waits);
        self.ports.screens.send_if_modified(|shown| {
            let changed = *shown != screen;
            if changed {
                *shown = screen;
            }
            changed
        });
        // Behind the screen: whoever shows both has the newer one when the round comes.
        let round = *self.ports.rounds.borrow();
        self.ports.turned.send_if_modified(|passed| std::mem::replace(passed, round) != round);
    }

    fn perform(&mut self, output: Output, now: Now) {
        match output {
            Output::Store(batch) => {
                if self.ports.record_orders.try_send(RecordOrder::Append(batch)).is_err() {
                    // The record's task has ended; to the machine that is a card that refuses.
                    self.remote.handle(Input::NotStored, now);
                }
            }
            Output::Transmit(command) => {
                if let Some(session) = self.session {
                    self.order(LinkOrder::Say(session, command));
                }
            }
            Output::Hangup => self.hang_up(),
            Output::Rest => {
                // Said, too: a rest that a touch ends at once is one that the link may never see.
                self.hang_up();
                self.ports.wanted.send_replace(false);
            }
            Output::Reach => {
                self.ports.wanted.send_replace(true);
            }
            Output::ReadDays => {
                // Without a date there is no "today": the page goes on saying that it is being read.
                let Some(today) = now.wall.map(pump_protocol::clock::WallTime::day) else { return };
                let (path, answering) = (self.ports.record_path.clone(), self.ports.answering.clone());
                tokio::spawn(recorder::days(path, today, answering));
            }
            Output::ReadLevels => {
                // Without a date the record can't be asked for weeks: the page says that it has no readings of them.
                let today = now.wall.map(pump_protocol::clock::WallTime::day);
                let (path, answering) = (self.ports.record_path.clone(), self.ports.answering.clone());
                tokio::spawn(recorder::levels(path, today, answering));
            }
            Output::Measure => self.order_test(TestOrder::Measure),
            Output::KeepConfirmed => self.order_test(TestOrder::KeepConfirmed),
            Output::Fit => self.order_test(TestOrder::Fit),
            Output::SetClock(to) => self.set_clock(to, now),
            Output::CopyRecord => self.copy_record(),
        }
    }

    // keeps R-CLK-11
    fn set_clock(&self, to: CivilTime, now: Now) {
        let setter = self.ports.setter.clone().zip(self.ports.clock.unix_ms(to));
        let answering = self.ports.answering.clone();
        tokio::spawn(async move {
            let done = match setter {
                Some((setter, unix_ms)) => setter.set(unix_ms, now.uptime).await,
                None => false,
            };
            // A loop that has ended wants no answer.
            let _ = answering.send(Input::ClockSet { done }).await;
        });
    }

    // keeps R-REC-11
    fn copy_record(&self) {
        let answering = self.ports.answering.clone();
        match &self.ports.copier {
            Some(copier) => copier.begin(answering),
            // No page offers it here.
            None => drop(tokio::spawn(async move {
                // A loop that has ended wants no answer.
                let _ = answering.send(Input::RecordCopied(Err(NotCopied::NoStick))).await;
            })),
        }
    }

    fn hang_up(&mut self) {
        if let Some(session) = self.session.take() {
            self.order(LinkOrder::Hangup(session));
        }
    }

    /// An order that finds no room is lost, as on a radio: the answer's deadline notices.
    fn order(&self, order: LinkOrder) {
        if self.ports.link_orders.try_send(order).is_err() {
            tracing::warn!("the link takes no orders");
        }
    }

    /// An order that finds no room is lost: a test that nobody measures fails, and what is not kept is asked again.
    fn order_test(&self, order: TestOrder) {
        if self.ports.test_orders.try_send(order).is_err() {
            tracing::warn!("nobody measures for the self-test");
        }
    }

    async fn close(&mut self) {
        self.turn(Input::Close);
        let stored = async {
            while !self.remote.all_stored() {
                match self.ports.answers.recv().await {
                    Some(answer) => self.turn(answer),
                    None => return,
                }
            }
        };
        if tokio::time::timeout(CLOSE_MAX, stored).await.is_err() {
            tracing::warn!("the last records could not be written in time");
        }
        let wall = self.ports.clock.now().wall;
        // Nobody there to be told means that the record is closed already.
        let _ = self.ports.record_orders.send(RecordOrder::Close(wall)).await;
    }
}

#[cfg(test)]
mod tests {
    use pump_core::remote::{Beginning, Kept};
    use pump_protocol::message::{AuditHead, KeyFingerprint};

    use super::*;

    #[tokio::test]
    async fn a_rest_that_ends_at_once_ends_its_session_all_the_same() {
        let clock = Clock::real();
        let now = clock.now();
        let beginning =
            Beginning::bonded(KeyFingerprint([1; 8]), Kept::default(), AuditHead { count: 0, hash: [0; 32] });
        let remote = Remote::restore(beginning, now);
        let (ports, mut ends) = Ports::new(remote.screen(now), PathBuf::new(), clock);
        let mut shell = Shell { remote, ports, session: Some(SessionNo(7)) };
        shell.perform(Output::Rest, now);
        shell.perform(Output::Reach, now);
        // proves R-LNK-20
        assert_eq!(ends.link_orders.try_recv(), Ok(LinkOrder::Hangup(SessionNo(7))));
        assert!(*ends.link_wanted.borrow(), "and another is wanted");
    }
}
