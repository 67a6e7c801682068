//! A board that does what a test says, and remembers what was done to it.

#![cfg(test)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

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

    /// It is on, and nobody drives it.
    pub(super) fn left_on(&self, part: Part) {
        self.0.lock().unwrap().entry(pin(part).get()).or_default().on = true;
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
        let mut driven = Driven(self.clone(), pin.get());
        driven.set(false)?;
        Ok(Box::new(driven))
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
