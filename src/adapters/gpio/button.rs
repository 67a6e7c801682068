//! The physical bolus button. It does exactly what the control on the display does.
//!
//! # Promises
//! - A button that is down when the program starts counts only after it has been seen released.
//! - Edges only wake; whether it is pressed is read from the pin's level, again and again while it is down.
//! - Contacts that bounce make no press, and a level that can't be read is none.
//! - Nothing wakes while nobody presses.

use std::time::Duration;

use pump_core::screen::{Control, Intent, Level, Source};
use tokio::sync::{mpsc, watch};

use super::{Button, DEBOUNCE};

/// How often a pressed button's level is told: within the 100 ms that a hold needs.
const LEVEL_EVERY: Duration = Duration::from_millis(50);

/// Tells the button's levels until nobody listens to its edges or to its intents any more.
// keeps R-ASK-05
///
/// `level` is told it too, from before it counts: the self-test asks whether it is stuck.
pub(super) async fn watch(
    button: Box<dyn Button>,
    mut edges: mpsc::Receiver<()>,
    intents: mpsc::Sender<Intent>,
    level: watch::Sender<bool>,
) {
    let down = |button: &dyn Button| {
        let down = down(button);
        level.send_if_modified(|told| core::mem::replace(told, down) != down);
        down
    };
    let mut seen_released = !down(&*button);
    while edges.recv().await.is_some() {
        tokio::time::sleep(DEBOUNCE).await;
        if !seen_released {
            seen_released = !down(&*button);
            continue;
        }
        if !down(&*button) {
            continue;
        }
        while down(&*button) {
            if intents.send(told(Level::Pressed)).await.is_err() {
                return;
            }
            tokio::time::sleep(LEVEL_EVERY).await;
        }
        if intents.send(told(Level::Released)).await.is_err() {
            return;
        }
    }
}

fn down(button: &dyn Button) -> bool {
    button.pressed().unwrap_or_else(|error| {
        tracing::error!(%error, "the bolus button can't be read");
        false
    })
}

// keeps R-ASK-04
const fn told(level: Level) -> Intent {
    Intent::Touch { control: Control::Dose, level, source: Source::Button }
}

#[cfg(test)]
mod tests {
    use super::{super::double::Contact, *};

    /// A button that is watched already, its edges, and what it tells.
    async fn watched(pressed: bool) -> (Contact, mpsc::Sender<()>, mpsc::Receiver<Intent>) {
        let (contact, (edge, edges), (intent, intents)) = (Contact::default(), mpsc::channel(4), mpsc::channel(64));
        contact.close(pressed);
        let (level, _) = watch::channel(false);
        tokio::spawn(super::watch(Box::new(contact.clone()), edges, intent, level));
        tokio::task::yield_now().await;
        (contact, edge, intents)
    }

    async fn set(contact: &Contact, pressed: bool, edge: &mpsc::Sender<()>) {
        contact.close(pressed);
        edge.send(()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_press_tells_its_level_until_it_is_released() {
        let (contact, edge, mut intents) = watched(false).await;
        set(&contact, true, &edge).await;
        for _ in 0..20 {
            // proves R-ASK-04
            assert_eq!(intents.recv().await, Some(told(Level::Pressed)));
        }
        set(&contact, false, &edge).await;
        let mut last = intents.recv().await;
        if last == Some(told(Level::Pressed)) {
            last = intents.recv().await; // the level that was on its way
        }
        assert_eq!(last, Some(told(Level::Released)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_button_that_is_down_at_start_counts_only_after_it_was_released() {
        let (contact, edge, mut intents) = watched(true).await;
        edge.send(()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        // proves R-ASK-05
        assert!(intents.try_recv().is_err(), "stuck since before the start: nothing is told");
        set(&contact, false, &edge).await;
        tokio::time::sleep(2 * DEBOUNCE).await;
        set(&contact, true, &edge).await;
        assert_eq!(intents.recv().await, Some(told(Level::Pressed)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_button_that_is_down_at_start_is_told_to_the_self_test_until_it_is_let_go() {
        let (contact, (edge, edges), (level, told)) = (Contact::default(), mpsc::channel(4), watch::channel(false));
        contact.close(true);
        tokio::spawn(super::watch(Box::new(contact.clone()), edges, mpsc::channel(4).0, level));
        tokio::task::yield_now().await;
        assert!(*told.borrow());
        set(&contact, false, &edge).await;
        tokio::time::sleep(2 * DEBOUNCE).await;
        assert!(!*told.borrow());
    }

    #[tokio::test(start_paused = true)]
    async fn contacts_that_bounce_open_make_no_press() {
        let (contact, edge, mut intents) = watched(false).await;
        for _ in 0..3 {
            set(&contact, true, &edge).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            set(&contact, false, &edge).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(intents.try_recv().is_err(), "12 ms of bouncing that ends open");
    }

    #[tokio::test(start_paused = true)]
    async fn contacts_that_bounce_closed_make_one_press() {
        let (contact, edge, mut intents) = watched(false).await;
        for closed in [true, false, true] {
            set(&contact, closed, &edge).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        contact.close(false);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut levels = Vec::new();
        while let Ok(Intent::Touch { level, .. }) = intents.try_recv() {
            levels.push(level);
        }
        let released = levels.iter().filter(|level| **level == Level::Released).count();
        assert_eq!((levels.last(), released), (Some(&Level::Released), 1), "{levels:?}");
        assert!(levels.len() > 15, "held for a second: {levels:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_level_that_can_t_be_read_ends_the_press() {
        let (contact, edge, mut intents) = watched(false).await;
        set(&contact, true, &edge).await;
        assert_eq!(intents.recv().await, Some(told(Level::Pressed)));
        contact.breaks();
        while let Some(intent) = intents.recv().await {
            if intent == told(Level::Released) {
                return;
            }
        }
        panic!("never told as released");
    }
}
