//! The physical bolus button, through `rppal` on a Raspberry Pi. It does exactly what the control on the display does.
//!
//! `rppal` is no longer maintained and knows boards up to the Pi 5; on any other machine there is no button, and that is
//! said. Light, buzzer, vibration and battery gauge are not here yet.
//!
//! # Promises
//! - A button that is down when the program starts counts only after it has been seen released.
//! - Edges only wake; whether it is pressed is read from the pin's level, again and again while it is down.
//! - Nothing wakes while nobody presses.

use std::time::Duration;

use pump_core::screen::{Control, Intent, Level, Source};
use thiserror::Error;
use tokio::sync::mpsc;

/// How often a pressed button's level is told: within the 100 ms that a hold needs.
const LEVEL_EVERY: Duration = Duration::from_millis(50);
/// Contacts bounce for a few milliseconds; an edge counts after this.
const DEBOUNCE: Duration = Duration::from_millis(10);

/// Why there is no button. The control on the display works without it.
#[derive(Debug, Error)]
pub enum NoButton {
    /// Not a Raspberry Pi, or the pin is taken or forbidden.
    #[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
    #[error("no bolus button on pin {pin} ({source}); the control on the display works without it")]
    Gpio {
        /// The pin's BCM number.
        pin: u8,
        /// What `rppal` said.
        source: rppal::gpio::Error,
    },
    /// Built without the adapter.
    #[error(
        "no bolus button: this program was built without the raspberry-pi feature; the control on the display works"
    )]
    NotBuilt,
}

/// A pin whose level can be read.
pub trait Pin: Send + 'static {
    /// Whether the button closes it.
    fn pressed(&self) -> bool;
}

/// Tells the button's levels until nobody listens to its edges or to its intents any more.
// keeps R-ASK-05
pub async fn watch(pin: impl Pin, mut edges: mpsc::Receiver<()>, intents: mpsc::Sender<Intent>) {
    let mut seen_released = !pin.pressed();
    while edges.recv().await.is_some() {
        if !seen_released {
            seen_released = !pin.pressed();
            continue;
        }
        while pin.pressed() {
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

// keeps R-ASK-04
const fn told(level: Level) -> Intent {
    Intent::Touch { control: Control::Dose, level, source: Source::Button }
}

/// Watches the button on this pin of the header, by its BCM number: pulled up, closed to ground.
#[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
pub fn start(pin: u8, intents: mpsc::Sender<Intent>) -> Result<(), NoButton> {
    use rppal::gpio::{Gpio, Trigger};

    let failed = |source| NoButton::Gpio { pin, source };
    let mut input = Gpio::new().and_then(|gpio| gpio.get(pin)).map_err(failed)?.into_input_pullup();
    let (edge, edges) = mpsc::channel(1);
    // A second edge while one waits says nothing new: the level is read anyway.
    let on_edge = move |_| {
        let _ = edge.try_send(());
    };
    input.set_async_interrupt(Trigger::Both, Some(DEBOUNCE), on_edge).map_err(failed)?;
    tokio::spawn(watch(RaspberryPin(input), edges, intents));
    Ok(())
}

/// Without the adapter there is no button.
#[cfg(not(all(target_os = "linux", feature = "raspberry-pi")))]
pub fn start(_pin: u8, _intents: mpsc::Sender<Intent>) -> Result<(), NoButton> {
    let _ = DEBOUNCE;
    Err(NoButton::NotBuilt)
}

#[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
struct RaspberryPin(rppal::gpio::InputPin);

#[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
impl Pin for RaspberryPin {
    fn pressed(&self) -> bool {
        self.0.is_low()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Scripted(Arc<AtomicBool>);

    impl Pin for Scripted {
        fn pressed(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl Scripted {
        async fn set(&self, pressed: bool, edge: &mpsc::Sender<()>) {
            self.0.store(pressed, Ordering::SeqCst);
            edge.send(()).await.unwrap();
        }
    }

    /// A button that is watched already, its edges, and what it tells.
    async fn watched(pressed: bool) -> (Scripted, mpsc::Sender<()>, mpsc::Receiver<Intent>) {
        let (button, (edge, edges), (intent, intents)) = (Scripted::default(), mpsc::channel(4), mpsc::channel(64));
        button.0.store(pressed, Ordering::SeqCst);
        tokio::spawn(watch(button.clone(), edges, intent));
        tokio::task::yield_now().await;
        (button, edge, intents)
    }

    #[tokio::test(start_paused = true)]
    async fn a_press_tells_its_level_until_it_is_released() {
        let (button, edge, mut intents) = watched(false).await;
        button.set(true, &edge).await;
        for _ in 0..20 {
            // proves R-ASK-04
            assert_eq!(intents.recv().await, Some(told(Level::Pressed)));
        }
        button.set(false, &edge).await;
        let mut last = intents.recv().await;
        if last == Some(told(Level::Pressed)) {
            last = intents.recv().await; // the level that was on its way
        }
        assert_eq!(last, Some(told(Level::Released)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_button_that_is_down_at_start_counts_only_after_it_was_released() {
        let (button, edge, mut intents) = watched(true).await;
        edge.send(()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        // proves R-ASK-05
        assert!(intents.try_recv().is_err(), "stuck since before the start: nothing is told");
        button.set(false, &edge).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        button.set(true, &edge).await;
        assert_eq!(intents.recv().await, Some(told(Level::Pressed)));
    }

    #[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
    #[tokio::test]
    async fn off_a_raspberry_pi_there_is_no_button_and_that_is_said() {
        if rppal::system::DeviceInfo::new().is_ok() {
            return; // On a Pi the pin may well be there.
        }
        let (intents, _) = mpsc::channel(1);
        let said = start(17, intents).expect_err("no header here").to_string();
        assert!(said.contains("pin 17") && said.contains("works without it"), "{said}");
    }
}
