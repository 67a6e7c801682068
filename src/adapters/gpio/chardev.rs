//! Any board's pins, through the kernel's GPIO character devices: only the group's permission on `/dev/gpiochip*` is needed.
//!
//! Without a chip's name a pin is looked for as `GPIO17`, which is what a Raspberry Pi's kernel calls it.

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use gpiocdev::{
    Request,
    line::{Bias, EdgeDetection, Value},
    request::Builder,
};
use tokio::sync::mpsc;

use super::{Board, Button, DEBOUNCE, Output, PinError};
use crate::shell::config::Pin;

/// How often the thread that waits for edges looks whether anybody still listens.
const LOOKS_UP_EVERY: Duration = Duration::from_mins(1);

/// This chip, or whichever has the pin by its name.
pub(super) struct Chip(pub(super) Option<PathBuf>);

impl Chip {
    fn line(&self, pin: Pin) -> Result<Builder, PinError> {
        let mut line = Request::builder();
        line.with_consumer("pump-remote");
        if let Some(chip) = &self.0 {
            line.on_chip(chip).with_line(u32::from(pin.get()));
        } else {
            let name = format!("GPIO{pin}");
            let found = gpiocdev::find_named_line(&name).ok_or_else(|| PinError {
                pin: pin.get(),
                source: format!("no chip has a line {name}, or none may be opened").into(),
            })?;
            line.on_chip(found.chip).with_line(found.info.offset);
        }
        Ok(line)
    }
}

impl Board for Chip {
    fn button(&mut self, pin: Pin, edges: mpsc::Sender<()>) -> Result<Box<dyn Button>, PinError> {
        let request = self
            .line(pin)?
            .as_input()
            .as_active_low()
            .with_bias(Bias::PullUp)
            .with_edge_detection(EdgeDetection::BothEdges)
            .with_debounce_period(DEBOUNCE)
            .request();
        let request = Arc::new(request.map_err(|source| failed(pin, source))?);
        let watched = Arc::clone(&request);
        thread::Builder::new()
            .name("bolus-button".to_owned())
            .spawn(move || tell_edges(&watched, &edges))
            .map_err(|source| PinError { pin: pin.get(), source: Box::new(source) })?;
        Ok(Box::new(Pressed { pin, request }))
    }

    fn output(&mut self, pin: Pin) -> Result<Box<dyn Output>, PinError> {
        let request = self.line(pin)?.as_output(Value::Inactive).request();
        Ok(Box::new(Driven { pin, request: request.map_err(|source| failed(pin, source))? }))
    }
}

/// Tells edges until nobody listens, on a thread of its own.
fn tell_edges(request: &Request, edges: &mpsc::Sender<()>) {
    while !edges.is_closed() {
        let told = request
            .wait_edge_event(LOOKS_UP_EVERY)
            .and_then(|edge| if edge { request.read_edge_event().map(|_| true) } else { Ok(false) });
        match told {
            Ok(true) => {
                let _ = edges.try_send(());
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "the bolus button's edges can't be read");
                return;
            }
        }
    }
}

struct Pressed {
    pin: Pin,
    request: Arc<Request>,
}

impl Button for Pressed {
    fn pressed(&self) -> Result<bool, PinError> {
        let value = self.request.lone_value().map_err(|source| failed(self.pin, source))?;
        Ok(value == Value::Active)
    }
}

struct Driven {
    pin: Pin,
    request: Request,
}

impl Output for Driven {
    fn set(&mut self, on: bool) -> Result<(), PinError> {
        let value = if on { Value::Active } else { Value::Inactive };
        self.request.set_lone_value(value).map_err(|source| failed(self.pin, source))
    }
}

fn failed(pin: Pin, source: gpiocdev::Error) -> PinError {
    PinError { pin: pin.get(), source: Box::new(source) }
}
