//! The header of a Raspberry Pi, through `rppal`: pinned, because its author no longer maintains it.

use rppal::gpio::{Gpio, InputPin, OutputPin, Pin as HeaderPin, Trigger};
use tokio::sync::mpsc;

use super::{Board, Button, DEBOUNCE, Output, PinError};
use crate::shell::config::Pin;

pub(super) struct Header(pub(super) Gpio);

impl Header {
    fn get(&self, pin: Pin) -> Result<HeaderPin, PinError> {
        let number = u8::try_from(pin.get()).map_err(|source| PinError { pin: pin.get(), source: Box::new(source) })?;
        self.0.get(number).map_err(|source| failed(pin, source))
    }
}

impl Board for Header {
    fn button(&mut self, pin: Pin, edges: mpsc::Sender<()>) -> Result<Box<dyn Button>, PinError> {
        let mut input = self.get(pin)?.into_input_pullup();
        // It calls back on a thread of its own.
        let on_edge = move |_| {
            let _ = edges.try_send(());
        };
        input.set_async_interrupt(Trigger::Both, Some(DEBOUNCE), on_edge).map_err(|source| failed(pin, source))?;
        Ok(Box::new(Pressed(input)))
    }

    fn output(&mut self, pin: Pin) -> Result<Box<dyn Output>, PinError> {
        Ok(Box::new(Driven(self.get(pin)?.into_output_low())))
    }
}

struct Pressed(InputPin);

impl Button for Pressed {
    fn pressed(&self) -> Result<bool, PinError> {
        Ok(self.0.is_low())
    }
}

struct Driven(OutputPin);

impl Output for Driven {
    fn set(&mut self, on: bool) -> Result<(), PinError> {
        if on {
            self.0.set_high();
        } else {
            self.0.set_low();
        }
        Ok(())
    }
}

fn failed(pin: Pin, source: rppal::gpio::Error) -> PinError {
    PinError { pin: pin.get(), source: Box::new(source) }
}
