//! A patient in a hurry: presses when the page says READY, reads every page, and lets all waiting pass at once.

use std::{sync::atomic::Ordering, time::Duration};

use disk_tests::told::Told;
use pump_core::screen::{Control, Face, Intent, Level, Screen, Source};
use pump_protocol::quantity::Millis;
use pump_remote::adapters::clock::Clock;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{Shared, say};

/// Nothing lasts so long, in real time, on the slowest emulated machine.
const STUCK_AFTER: Duration = Duration::from_secs(20);
/// How long a hold is pressed, at most: a page that has changed has heard it.
const LEVELS_MAX: u32 = 40;

/// Presses so often and reads every outcome; whether it came to that.
pub(crate) async fn press(
    intents: &mpsc::Sender<Intent>,
    mut screens: watch::Receiver<Screen>,
    clock: &Clock,
    presses: u32,
    shared: &Shared,
) -> anyhow::Result<bool> {
    let (mut pressed, mut shown, mut since) = (0, String::new(), Instant::now());
    loop {
        let face = screens.borrow_and_update().face.clone();
        let now_shown = words(&face);
        if now_shown != shown {
            say(&Told::Face(now_shown.clone()));
            (shown, since) = (now_shown, Instant::now());
        }
        if since.elapsed() > STUCK_AFTER {
            say(&Told::Log(format!("nothing moves on {shown}")));
            return Ok(false);
        }
        let answered = shared.unanswered.load(Ordering::SeqCst) == 0;
        match face {
            Face::Ready(_) if pressed == presses => return Ok(true),
            Face::Ready(_) => {
                hold(intents, &mut screens, clock).await?;
                pressed += 1;
                since = Instant::now();
            }
            Face::Wait(_) if answered => clock.skip(Millis::from_mins(5)),
            Face::Delivering { .. } if answered => clock.skip(Millis::from_secs(15)),
            // A refused write is tried again after five seconds.
            Face::Checking | Face::NotAvailable { .. } | Face::NotSure { .. } if answered => {
                clock.skip(Millis::from_secs(1));
            }
            Face::Given { .. }
            | Face::GivenInPart { .. }
            | Face::NotGiven(_)
            | Face::AssumedGiven { .. }
            | Face::Changed { .. } => intents.send(Intent::Seen).await?,
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn hold(
    intents: &mpsc::Sender<Intent>,
    screens: &mut watch::Receiver<Screen>,
    clock: &Clock,
) -> anyhow::Result<()> {
    let touch = |level| Intent::Touch { control: Control::Dose, level, source: Source::Touchscreen };
    for _ in 0..LEVELS_MAX {
        intents.send(touch(Level::Pressed)).await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        if !matches!(screens.borrow_and_update().face, Face::Ready(_)) {
            break;
        }
        clock.skip(Millis::new(100));
    }
    intents.send(touch(Level::Released)).await?;
    Ok(())
}

/// Waits for something that comes soon.
pub(crate) async fn wait_until(is: impl Fn() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is() {
        anyhow::ensure!(begun.elapsed() < STUCK_AFTER, "waited in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// The page's name, and why nothing is available.
fn words(face: &Face) -> String {
    match face {
        Face::NotAvailable { reasons } => format!("NotAvailable {reasons:?}"),
        face => {
            let whole = format!("{face:?}");
            whole.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned()
        }
    }
}
