//! What is wired to a board's pins: bolus button, ready light, alarm lamp, buzzer, vibration motor.
//!
//! The button tells levels, as the control on the display does, and the machine decides what a hold is. The rest plays what
//! the machine's [`Screen`] says, by [`rhythm`]; nothing here decides what an alarm is, or how urgent.
//!
//! Two libraries reach the pins. `rppal` knows Raspberry Pis up to the fifth and is no longer maintained; on every other
//! board, and where the configuration names a chip, `gpiocdev` asks the kernel.
//!
//! # Promises
//! - What is wired and can't be reached is said, with what that disables; the rest works without it.
//! - A buzzer that is wired and can't be driven is told to the machine: where alarms can't be heard, no dose is offered.

mod button;
#[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
mod chardev;
mod double;
mod play;
#[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
mod raspberry;
pub mod rhythm;

use std::{error::Error, fmt, time::Duration};

use pump_core::{
    audit::event::Trouble,
    cues::{Cue, Cues, Wishes},
    remote::Input,
    screen::{Intent, Screen},
    selftest::Condition,
};
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use self::{play::FLASH_LEAST, rhythm::Rhythm};
use super::uptime_since;
use crate::shell::config::{Part, Pin, PinsConfig};

/// Contacts bounce for a few milliseconds; a level counts once this has passed since the edge.
const DEBOUNCE: Duration = Duration::from_millis(10);

/// Why a pin can't be used, or what it answered when it was.
#[derive(Debug, Error)]
#[error("pin {pin}: {source}")]
pub struct PinError {
    /// Its number.
    pin: u16,
    /// What the library said.
    source: Box<dyn Error + Send + Sync>,
}

/// A board's pins, as far as this remote needs them.
pub trait Board {
    /// An input pulled up and closed to ground by a button. Each edge is told; the receiver may be slow, one waiting edge is
    /// enough.
    fn button(&mut self, pin: Pin, edges: mpsc::Sender<()>) -> Result<Box<dyn Button>, PinError>;
    /// An output, off.
    fn output(&mut self, pin: Pin) -> Result<Box<dyn Output>, PinError>;
}

/// A button's level.
pub trait Button: Send + Sync {
    /// Whether it is pressed now.
    fn pressed(&self) -> Result<bool, PinError>;
}

/// Something that is on or off.
pub trait Output: Send {
    /// Switches it.
    fn set(&mut self, on: bool) -> Result<(), PinError>;
}

/// What became of one part that the configuration names.
#[derive(Debug)]
pub struct Wired {
    /// Which.
    pub part: Part,
    /// Its pin.
    pub pin: Pin,
    /// Why it isn't there.
    pub missing: Option<PinError>,
    /// Whether it obeys, as long as anybody can tell.
    pub condition: watch::Receiver<Option<Condition>>,
    /// The button's level; of everything else, always "not down".
    pub down: watch::Receiver<bool>,
}

impl fmt::Display for Wired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.missing {
            None => write!(f, "{}: on pin {}", self.part.name(), self.pin),
            Some(missing) => write!(f, "{}: absent, {missing}; {}", self.part.name(), without(self.part)),
        }
    }
}

/// What it disables that a part which should be there isn't.
pub const fn without(part: Part) -> &'static str {
    match part {
        Part::Button => "the control on the display works without it",
        Part::Ready => "READY is seen on the display only",
        Part::Red | Part::Green | Part::Blue => "the lamp can't show every priority; the display's banner does",
        Part::Buzzer => "alarms can't be heard, and no dose is offered while that is so",
        Part::Vibration => "alarms can't be felt",
    }
}

/// What is so where a part was never meant to be.
pub const fn unwired(part: Part) -> &'static str {
    match part {
        Part::Buzzer => "alarms don't sound here",
        Part::Button | Part::Ready | Part::Red | Part::Green | Part::Blue | Part::Vibration => without(part),
    }
}

/// What the parts are connected with.
#[derive(Clone, Debug)]
pub struct Wires {
    /// For what the button does.
    pub intents: mpsc::Sender<Intent>,
    /// For what the machine must know of the parts.
    pub inputs: mpsc::Sender<Input>,
    /// What is to be played.
    pub screens: watch::Receiver<Screen>,
    /// What the person wishes to hear.
    pub wishes: watch::Receiver<Wishes>,
}

// keeps R-DEV-08
/// Starts every part that the configuration names, within a runtime, and says what became of each.
pub fn start(pins: &PinsConfig, wires: &Wires) -> Vec<Wired> {
    let mut board = board(pins);
    pins.parts().map(|(part, pin)| wire(&mut *board, part, pin, wires)).collect()
}

/// Switches off whatever a process that is gone may have left on, and lets go of the pins: a light that says READY to nobody's
/// knowledge shines beside any page. Only while no other remote uses them.
pub fn switch_off(pins: &PinsConfig) {
    if pins.parts().any(|(part, _)| part != Part::Button) {
        darken(&mut *board(pins), pins.parts());
    }
}

fn darken(board: &mut dyn Board, parts: impl Iterator<Item = (Part, Pin)>) {
    for (part, pin) in parts.filter(|(part, _)| *part != Part::Button) {
        // An output is off from the moment that it is one.
        if let Err(error) = board.output(pin) {
            tracing::warn!(part = part.name(), %error, "a part can't be switched off; it stays as it was left");
        }
    }
}

fn wire(board: &mut dyn Board, part: Part, pin: Pin, wires: &Wires) -> Wired {
    let (told, condition) = watch::channel(Some(Condition::Works));
    let (level, down) = watch::channel(false);
    let missing = attach(board, part, pin, wires, told.clone(), level).err();
    if missing.is_some() {
        told.send_replace(Some(Condition::Broken));
    }
    Wired { part, pin, missing, condition, down }
}

fn attach(
    board: &mut dyn Board,
    part: Part,
    pin: Pin,
    wires: &Wires,
    condition: watch::Sender<Option<Condition>>,
    level: watch::Sender<bool>,
) -> Result<(), PinError> {
    let attached = match part {
        Part::Button => {
            // A second edge while one waits says nothing new: the level is read anyway.
            let (edge, edges) = mpsc::channel(1);
            board.button(pin, edge).map(|button| {
                tokio::spawn(button::watch(button, edges, wires.intents.clone(), level));
            })
        }
        Part::Ready | Part::Red | Part::Green | Part::Blue | Part::Buzzer | Part::Vibration => {
            board.output(pin).map(|output| {
                tokio::spawn(kept_playing(part, output, wires.clone(), condition));
            })
        }
    };
    if attached.is_err() && part == Part::Buzzer {
        tone_failed(&wires.inputs);
    }
    attached
}

async fn kept_playing(part: Part, output: Box<dyn Output>, wires: Wires, condition: watch::Sender<Option<Condition>>) {
    let least = match part {
        Part::Ready | Part::Red | Part::Green | Part::Blue => FLASH_LEAST,
        Part::Button | Part::Buzzer | Part::Vibration => Duration::ZERO,
    };
    let (began, mut cues, wishes) = (Instant::now(), Cues::default(), wires.wishes);
    // keeps R-ASK-19, R-ANS-21
    let rhythm = |screen: &Screen| rhythm_of(part, screen, cues.heed(screen, *wishes.borrow(), uptime_since(began)));
    let played = play::play(output, wires.screens, rhythm, least).await;
    if let Err(error) = played {
        tracing::error!(part = part.name(), %error, "a part can't be driven any more");
        condition.send_replace(Some(Condition::Broken));
        if part == Part::Buzzer {
            tone_failed(&wires.inputs);
        }
    }
}

// keeps R-ALM-13
fn tone_failed(inputs: &mpsc::Sender<Input>) {
    if inputs.try_send(Input::Trouble { which: Trouble::ToneFailed, holds: true }).is_err() {
        tracing::error!("the machine can't be told that the tone failed");
    }
}

fn rhythm_of(part: Part, screen: &Screen, cue: Option<Cue>) -> Rhythm {
    match part {
        Part::Button => Rhythm::Off,
        Part::Ready => rhythm::ready(screen),
        Part::Red | Part::Green | Part::Blue => rhythm::lamp(screen, part),
        Part::Buzzer => rhythm::buzzer(screen, cue),
        Part::Vibration => rhythm::vibration(screen, cue),
    }
}

/// The board that this is.
#[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
fn board(pins: &PinsConfig) -> Box<dyn Board> {
    use rppal::gpio::Gpio;

    match (&pins.chip, Gpio::new()) {
        (None, Ok(gpio)) => Box::new(raspberry::Header(gpio)),
        // Not a Raspberry Pi, or one that rppal doesn't know, or may not touch: the kernel is asked.
        (chip, _) => Box::new(chardev::Chip(chip.clone())),
    }
}

/// Without the libraries there are no pins.
#[cfg(not(all(target_os = "linux", feature = "raspberry-pi")))]
fn board(_pins: &PinsConfig) -> Box<dyn Board> {
    Box::new(NotBuilt)
}

#[cfg(not(all(target_os = "linux", feature = "raspberry-pi")))]
struct NotBuilt;

#[cfg(not(all(target_os = "linux", feature = "raspberry-pi")))]
impl NotBuilt {
    fn error(pin: Pin) -> PinError {
        let _ = DEBOUNCE;
        PinError { pin: pin.get(), source: "this program was built without the raspberry-pi feature".into() }
    }
}

#[cfg(not(all(target_os = "linux", feature = "raspberry-pi")))]
impl Board for NotBuilt {
    fn button(&mut self, pin: Pin, _edges: mpsc::Sender<()>) -> Result<Box<dyn Button>, PinError> {
        Err(Self::error(pin))
    }

    fn output(&mut self, pin: Pin) -> Result<Box<dyn Output>, PinError> {
        Err(Self::error(pin))
    }
}

#[cfg(test)]
mod tests {
    use pump_core::{annunciation::Priority, screen::Notice};

    use super::{double::Scripted, *};
    use crate::{
        adapters::fixtures::{quiet, signalled},
        shell::config::Config,
    };

    fn pins(text: &str) -> PinsConfig {
        toml::from_str::<Config>(text).unwrap().pins
    }

    fn wires() -> (Wires, mpsc::Receiver<Input>, watch::Sender<Screen>) {
        let (screen, screens) = watch::channel(quiet());
        let (inputs, heard) = mpsc::channel(4);
        // The quietest that can be wished: what an alarm plays is the same.
        let wishes = watch::channel(Wishes { vibration: false, soft: true, ..Wishes::default() }).1;
        (Wires { intents: mpsc::channel(4).0, inputs, screens, wishes }, heard, screen)
    }

    #[cfg(all(target_os = "linux", feature = "raspberry-pi"))]
    #[tokio::test]
    async fn off_a_raspberry_pi_each_part_says_what_its_absence_disables() {
        if rppal::system::DeviceInfo::new().is_ok() || std::path::Path::new("/dev/gpiochip0").exists() {
            return; // The pins may well be there.
        }
        let (wires, mut heard, _screen) = wires();
        let said: Vec<String> = start(&pins("[pins]\nbutton = 17\nbuzzer = 18\nvibration = 23\n"), &wires)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            said[0].starts_with("bolus button: absent, pin 17: ") && said[0].contains("works without it"),
            "{said:?}"
        );
        assert!(said[1].starts_with("buzzer: absent, pin 18: ") && said[1].contains("no dose is offered"), "{said:?}");
        assert!(said[2].ends_with("; alarms can't be felt"), "{said:?}");
        // proves R-ALM-13
        assert_eq!(heard.try_recv(), Ok(Input::Trouble { which: Trouble::ToneFailed, holds: true }));
    }

    #[tokio::test(start_paused = true)]
    async fn every_part_is_driven_by_what_the_screen_says() {
        let (wires, mut heard, screen) = wires();
        let mut board = Scripted::default();
        for part in [Part::Ready, Part::Red, Part::Green, Part::Blue, Part::Buzzer, Part::Vibration] {
            assert!(wire(&mut board, part, double::pin(part), &wires).missing.is_none());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        // proves R-DEV-08
        assert_eq!(board.lit(), [], "nothing stands, nothing plays");
        screen.send_replace(signalled(Priority::High));
        tokio::time::sleep(Duration::from_millis(1)).await;
        // proves R-DSP-18
        assert_eq!(board.lit(), [Part::Red, Part::Buzzer, Part::Vibration]);
        assert!(heard.try_recv().is_err(), "nothing is wrong with any of them");
        screen.send_replace(quiet());
        tokio::time::sleep(Duration::from_millis(1)).await;
        screen.send_replace(Screen { notice: Some(Notice::Refused), ..quiet() });
        tokio::time::sleep(Duration::from_millis(1)).await;
        // proves R-DSP-18
        assert_eq!(board.lit(), [Part::Buzzer], "a cue, not to be felt");
    }

    #[test]
    fn what_a_process_that_is_gone_left_on_goes_out() {
        let mut board = Scripted::default();
        for part in [Part::Ready, Part::Red, Part::Buzzer, Part::Vibration] {
            board.left_on(part);
        }
        board.breaks(Part::Red);
        darken(&mut board, Part::ALL.into_iter().map(|part| (part, double::pin(part))));
        // proves R-DEV-08
        assert_eq!(board.lit(), [Part::Red], "what obeys is off");
    }

    #[tokio::test(start_paused = true)]
    async fn a_buzzer_that_fails_while_it_plays_is_told() {
        let (wires, mut heard, screen) = wires();
        let mut board = Scripted::default();
        let wired = wire(&mut board, Part::Buzzer, double::pin(Part::Buzzer), &wires);
        assert_eq!(*wired.condition.borrow(), Some(Condition::Works));
        board.breaks(Part::Buzzer);
        screen.send_replace(signalled(Priority::High));
        assert_eq!(heard.recv().await, Some(Input::Trouble { which: Trouble::ToneFailed, holds: true }));
        assert_eq!(*wired.condition.borrow(), Some(Condition::Broken), "and the next self-test finds it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lamp_that_fails_takes_nothing_else_with_it() {
        let (wires, mut heard, screen) = wires();
        let mut board = Scripted::default();
        for part in [Part::Red, Part::Buzzer] {
            assert!(wire(&mut board, part, double::pin(part), &wires).missing.is_none());
        }
        board.breaks(Part::Red);
        screen.send_replace(signalled(Priority::High));
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(board.lit(), [Part::Buzzer]);
        assert!(heard.try_recv().is_err(), "alarms can be heard");
    }
}
