//! What the tests of several adapters are shown.

#![cfg(test)]

use pump_core::{
    annunciation::{
        Priority, Signals,
        signal::{
            Colour, HIGH_BURST, HIGH_FLASH, HIGH_VIBRATION, LOW_BURST, LOW_VIBRATION, Light, MEDIUM_BURST,
            MEDIUM_FLASH, MEDIUM_VIBRATION,
        },
    },
    screen::{Face, LinkHealth, Offer, Screen},
};
use pump_protocol::quantity::Dose;

pub(crate) const OFFER: Offer = Offer { dose: Dose::from_micrograms(50), left: 3, allotment: 4 };

/// A page, and nothing else on it.
pub(crate) fn page(face: Face) -> Screen {
    Screen { link: LinkHealth::Near, ..Screen::alone(face) }
}

/// A screen without an alarm, on a page that offers nothing.
pub(crate) fn quiet() -> Screen {
    page(Face::Checking)
}

/// A screen with an alarm of this priority that nobody has acknowledged.
pub(crate) fn signalled(priority: Priority) -> Screen {
    let (colour, flash, sound, vibration) = match priority {
        Priority::High => (Colour::Red, Some(HIGH_FLASH), &HIGH_BURST, &HIGH_VIBRATION),
        Priority::Medium => (Colour::Yellow, Some(MEDIUM_FLASH), &MEDIUM_BURST, &MEDIUM_VIBRATION),
        Priority::Low => (Colour::Cyan, None, &LOW_BURST, &LOW_VIBRATION),
    };
    let light = Light { colour, flash };
    let signals = Signals { priority, light, sound: Some(sound), vibration: Some(vibration), audio_paused_until: None };
    Screen { signals: Some(signals), ..quiet() }
}
