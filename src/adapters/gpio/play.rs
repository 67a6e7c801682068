//! Plays a rhythm on an output, until the screen says another.
//!
//! # Promises
//! - What is equal goes on without a break; what changes begins anew. What is played once is played to its end, unless an alarm
//!   comes.
//! - A light comes on at most three times a second, however often what it shows changes.
//! - When nobody shows screens any more, the output is off.
//! - Nothing wakes while the output stays as it is.

use std::{future, time::Duration};

use pump_core::screen::Screen;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{Output, PinError, rhythm::Rhythm};

// keeps R-ALM-05
/// From one coming on of a light to the next, at least.
pub(super) const FLASH_LEAST: Duration = Duration::from_millis(334);

/// Plays for as long as there are screens; an error if the output can't be switched.
pub(super) async fn play(
    mut output: Box<dyn Output>,
    mut screens: watch::Receiver<Screen>,
    mut rhythm: impl FnMut(&Screen) -> Rhythm,
    least: Duration,
) -> Result<(), PinError> {
    let mut playing = rhythm(&screens.borrow_and_update());
    let mut lit = None;
    loop {
        let next = tokio::select! {
            played = turns(&mut *output, &playing, &mut lit, least) => {
                played?;
                Some(Rhythm::Off)
            }
            next = another(&mut screens, &mut rhythm, &playing) => next,
        };
        match next {
            Some(next) => playing = next,
            None => return output.set(false),
        }
    }
}

/// The next screen's rhythm that is another one; `None` when there are no more screens.
async fn another(
    screens: &mut watch::Receiver<Screen>,
    mut rhythm: impl FnMut(&Screen) -> Rhythm,
    playing: &Rhythm,
) -> Option<Rhythm> {
    loop {
        screens.changed().await.ok()?;
        let next = rhythm(&screens.borrow_and_update());
        let goes_on = matches!((playing, &next), (Rhythm::Once(_), Rhythm::Off)) || next == *playing;
        if !goes_on {
            return Some(next);
        }
    }
}

/// Plays until it can't, or until what is played once has been.
async fn turns(
    output: &mut dyn Output,
    rhythm: &Rhythm,
    lit: &mut Option<Instant>,
    least: Duration,
) -> Result<(), PinError> {
    match rhythm {
        Rhythm::Off => {
            output.set(false)?;
            future::pending().await
        }
        Rhythm::On => {
            light(output, lit, least).await?;
            future::pending().await
        }
        Rhythm::Turns(turns) => loop {
            pass(output, turns, lit, least).await?;
        },
        Rhythm::Once(turns) => pass(output, turns, lit, least).await,
    }
}

async fn pass(
    output: &mut dyn Output,
    turns: &[(u32, u32)],
    lit: &mut Option<Instant>,
    least: Duration,
) -> Result<(), PinError> {
    for (on, off) in turns {
        light(output, lit, least).await?;
        sleep(Duration::from_millis(u64::from(*on))).await;
        output.set(false)?;
        sleep(Duration::from_millis(u64::from(*off))).await;
    }
    Ok(())
}

async fn light(output: &mut dyn Output, lit: &mut Option<Instant>, least: Duration) -> Result<(), PinError> {
    if let Some(before) = lit.filter(|before| before.elapsed() < least) {
        // Dark meanwhile, so that it is one flash and not two.
        output.set(false)?;
        sleep_until(before + least).await;
    }
    *lit = Some(Instant::now());
    output.set(true)
}

#[cfg(test)]
mod tests {
    use pump_core::annunciation::Priority;

    use super::{
        super::{
            Board as _,
            double::{Scripted, pin},
        },
        *,
    };
    use crate::{
        adapters::{
            fixtures::{quiet, signalled},
            gpio::rhythm,
        },
        shell::config::Part,
    };

    /// A red lamp that plays, and what it is shown.
    fn lamp() -> (Scripted, watch::Sender<Screen>) {
        let mut board = Scripted::default();
        let output = board.output(pin(Part::Red)).unwrap();
        let (screen, screens) = watch::channel(quiet());
        tokio::spawn(play(output, screens, |screen| rhythm::lamp(screen, Part::Red), FLASH_LEAST));
        (board, screen)
    }

    /// How often it came on within this time.
    async fn flashes_in(board: &Scripted, span: Duration) -> usize {
        let before = board.came_on(Part::Red);
        sleep(span).await;
        board.came_on(Part::Red) - before
    }

    #[tokio::test(start_paused = true)]
    async fn a_high_alarm_flashes_twice_a_second_and_a_medium_one_every_other() {
        let (board, screen) = lamp();
        screen.send_replace(signalled(Priority::High));
        assert_eq!(flashes_in(&board, Duration::from_millis(9_990)).await, 20);
        screen.send_replace(signalled(Priority::Medium));
        assert_eq!(flashes_in(&board, Duration::from_millis(9_990)).await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lamp_whose_alarm_changes_all_the_time_still_flashes_at_most_three_times_a_second() {
        let (board, screen) = lamp();
        let mut flashes = 0;
        for turn in 0..1_000 {
            screen.send_replace(if turn % 2 == 0 { signalled(Priority::High) } else { quiet() });
            flashes += flashes_in(&board, Duration::from_millis(10)).await;
        }
        // proves R-ALM-05
        assert!((1..=30).contains(&flashes), "{flashes} in 10 s");
    }

    #[tokio::test(start_paused = true)]
    async fn an_equal_screen_does_not_begin_the_rhythm_anew() {
        let (board, screen) = lamp();
        screen.send_replace(signalled(Priority::Medium));
        for minute in 0..20 {
            let mut again = signalled(Priority::Medium);
            again.heard_min_ago = Some(minute);
            screen.send_replace(again);
            sleep(Duration::from_millis(500)).await;
        }
        assert_eq!(board.came_on(Part::Red), 5, "in 10 s");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_played_once_ends_by_itself_and_only_an_alarm_ends_it_sooner() {
        let mut board = Scripted::default();
        let output = board.output(pin(Part::Buzzer)).unwrap();
        let (screen, screens) = watch::channel(quiet());
        let by_page = |screen: &Screen| match (screen.signals, screen.heard_min_ago) {
            (Some(_), _) => Rhythm::Turns(vec![(1_000, 1_000)]),
            (None, Some(_)) => Rhythm::Once(vec![(500, 100), (500, 0)]),
            (None, None) => Rhythm::Off,
        };
        tokio::spawn(play(output, screens, by_page, Duration::ZERO));
        let cue = || Screen { heard_min_ago: Some(1), ..quiet() };
        for again in 1..=2 {
            screen.send_replace(cue());
            sleep(Duration::from_millis(300)).await;
            screen.send_replace(quiet());
            sleep(Duration::from_millis(100)).await;
            assert_eq!(board.lit(), [Part::Buzzer], "another screen doesn't cut it off");
            sleep(Duration::from_secs(2)).await;
            assert_eq!((board.lit(), board.came_on(Part::Buzzer)), (vec![], 2 * again));
        }
        screen.send_replace(cue());
        sleep(Duration::from_millis(520)).await;
        screen.send_replace(signalled(Priority::High));
        sleep(Duration::from_millis(700)).await;
        assert_eq!((board.lit(), board.came_on(Part::Buzzer)), (vec![Part::Buzzer], 6), "the alarm's first second");
    }

    #[tokio::test(start_paused = true)]
    async fn with_the_last_screen_the_lamp_goes_out() {
        let (board, screen) = lamp();
        screen.send_replace(signalled(Priority::Low));
        sleep(Duration::from_millis(1)).await;
        screen.send_replace(signalled(Priority::High));
        sleep(Duration::from_millis(100)).await;
        assert_eq!(board.lit(), [Part::Red]);
        drop(screen);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(board.lit(), []);
    }
}
