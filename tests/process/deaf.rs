//! The loop with nobody at the other ends: record, link and display take nothing and say nothing.

use std::path::PathBuf;

use pump_core::{
    audit::event::LinkLoss,
    remote::{Beginning, Kept, Remote},
    screen::{Control, Intent, Level, Source, Visit},
};
use pump_protocol::message::{AuditHead, KeyFingerprint, Reply, StatusChanged};
use pump_remote::{
    adapters::clock::Clock,
    shell::{
        self, Ports, TURN_MAX,
        link::{LinkEvent, SessionNo},
    },
};
use tokio::time::timeout;

/// More than any queue of the loop's holds, many times over.
const ROUNDS: u32 = 1_000;

fn beginning() -> Beginning {
    Beginning::bonded(KeyFingerprint([1; 8]), Kept::default(), AuditHead::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loop_waits_for_nobody_and_takes_every_input_within_its_bound() {
    let clock = Clock::real();
    let remote = Remote::restore(beginning(), clock.now());
    let (ports, ends) = Ports::new(remote.screen(clock.now()), PathBuf::from("/nowhere/record.db"), clock);
    let ended = tokio::spawn(shell::run(remote, ports));
    for round in 0..ROUNDS {
        let session = SessionNo(round);
        let touch = |level| Intent::Touch { control: Control::Dose, source: Source::Touchscreen, level };
        let intents = [touch(Level::Pressed), touch(Level::Released), Intent::Visit(Visit::History), Intent::Wake];
        let heard = Reply::Status { changed: StatusChanged::HISTORY };
        let events = [
            LinkEvent::Up(session),
            LinkEvent::Heard(session, heard),
            LinkEvent::Down(session, LinkLoss::Disconnected),
        ];
        for intent in intents {
            let taken = timeout(TURN_MAX, ends.intents.send(intent)).await;
            // proves R-DEV-04
            assert!(matches!(taken, Ok(Ok(()))), "round {round}: the loop takes no intent: {taken:?}");
        }
        for event in events {
            let taken = timeout(TURN_MAX, ends.link_events.send(event)).await;
            assert!(matches!(taken, Ok(Ok(()))), "round {round}: the loop takes no word of the link: {taken:?}");
        }
    }
    assert!(!ended.is_finished());
    ended.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_goes_on_from_the_loop_only_once_it_has_turned() {
    let clock = Clock::real();
    let remote = Remote::restore(beginning(), clock.now());
    let (ports, mut ends) = Ports::new(remote.screen(clock.now()), PathBuf::from("/nowhere/record.db"), clock);
    ends.rounds.send_replace(1);
    let waited = timeout(TURN_MAX, ends.turned.changed()).await;
    // proves R-DEV-06
    assert!(waited.is_err(), "a loop that doesn't turn passes nothing on");
    let running = tokio::spawn(shell::run(remote, ports));
    for round in 1..=3 {
        ends.rounds.send_replace(round);
        let passed = timeout(TURN_MAX, ends.turned.wait_for(|passed| *passed == round)).await;
        assert!(matches!(passed, Ok(Ok(_))), "round {round} was not passed on");
    }
    running.abort();
}
