//! A board that does what a test says, and remembers what was done to it; and screens to play.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use pump_core::{
    annunciation::{
        Priority, Signals,
        signal::{
            Colour, HIGH_BURST, HIGH_FLASH, HIGH_VIBRATION, LOW_BURST, LOW_VIBRATION, Light, MEDIUM_BURST,
            MEDIUM_FLASH, MEDIUM_VIBRATION,
        },
    },
    audit::event::WallDoubt,
    screen::{Face, LinkHealth, Offer, Screen},
};
use pump_protocol::quantity::Dose;
use tokio::sync::mpsc;

use super::{Board, Button, Output, PinError};
use crate::shell::config::{Part, Pin};

/// Where the double's parts are.
pub(super) fn pin(part: Part) -> Pin {
    let nth = Part::ALL.iter().position(|other| *other == part).unwrap();
    Pin::try_from(10 + u32::try_from(nth).unwrap()).unwrap()
}

#[derive(Clone, Copy, Debug, Default)]
struct Lamp {
    on: bool,
    came_on: usize,
    broken: bool,
}

/// A board.
#[derive(Clone, Debug, Default)]
pub(super) struct Scripted(Arc<Mutex<BTreeMap<u16, Lamp>>>);

impl Scripted {
    /// From now on it can't be switched.
    pub(super) fn breaks(&self, part: Part) {
        self.0.lock().unwrap().entry(pin(part).get()).or_default().broken = true;
    }

    /// What is on.
    pub(super) fn lit(&self) -> Vec<Part> {
        let lamps = self.0.lock().unwrap();
        Part::ALL.into_iter().filter(|part| lamps.get(&pin(*part).get()).is_some_and(|lamp| lamp.on)).collect()
    }

    /// How often it was switched on.
    pub(super) fn came_on(&self, part: Part) -> usize {
        self.0.lock().unwrap().get(&pin(part).get()).map_or(0, |lamp| lamp.came_on)
    }
}

impl Board for Scripted {
    fn button(&mut self, _pin: Pin, _edges: mpsc::Sender<()>) -> Result<Box<dyn Button>, PinError> {
        Ok(Box::new(Contact::default()))
    }

    fn output(&mut self, pin: Pin) -> Result<Box<dyn Output>, PinError> {
        Ok(Box::new(Driven(self.clone(), pin.get())))
    }
}

struct Driven(Scripted, u16);

impl Output for Driven {
    fn set(&mut self, on: bool) -> Result<(), PinError> {
        let mut lamps = self.0.0.lock().unwrap();
        let lamp = lamps.entry(self.1).or_default();
        if lamp.broken {
            return Err(PinError { pin: self.1, source: "broken".into() });
        }
        lamp.came_on += usize::from(on && !lamp.on);
        lamp.on = on;
        Ok(())
    }
}

/// A button's contact.
#[derive(Clone, Debug, Default)]
pub(super) struct Contact {
    closed: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
}

impl Contact {
    pub(super) fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
    }

    /// From now on it can't be read.
    pub(super) fn breaks(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }
}

impl Button for Contact {
    fn pressed(&self) -> Result<bool, PinError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(PinError { pin: 17, source: "broken".into() });
        }
        Ok(self.closed.load(Ordering::SeqCst))
    }
}

/// A screen without an alarm, on a page that offers nothing.
pub(super) fn quiet() -> Screen {
    Screen {
        face: Face::Checking,
        hold: None,
        clock: Err(WallDoubt::NotSet),
        link: LinkHealth::Looking,
        heard_min_ago: None,
        alarms: Vec::new(),
        signals: None,
        notice: None,
    }
}

pub(super) fn ready_page() -> Screen {
    let offer = Offer { dose: Dose::from_micrograms(50), left: 3, allotment: 4 };
    Screen { face: Face::Ready(offer), ..quiet() }
}

/// A screen with an alarm of this priority that nobody has acknowledged.
pub(super) fn signalled(priority: Priority) -> Screen {
    let (colour, flash, sound, vibration) = match priority {
        Priority::High => (Colour::Red, Some(HIGH_FLASH), &HIGH_BURST, &HIGH_VIBRATION),
        Priority::Medium => (Colour::Yellow, Some(MEDIUM_FLASH), &MEDIUM_BURST, &MEDIUM_VIBRATION),
        Priority::Low => (Colour::Cyan, None, &LOW_BURST, &LOW_VIBRATION),
    };
    let light = Light { colour, flash };
    let signals = Signals { priority, light, sound: Some(sound), vibration: Some(vibration), audio_paused_until: None };
    Screen { signals: Some(signals), ..quiet() }
}

pub(super) fn alarmed() -> Screen {
    signalled(Priority::High)
}
