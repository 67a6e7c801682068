//! What a lamp, a buzzer and a motor do for a screen: on, off, or by turns. Plain data, from the machine's own figures.
//!
//! A buzzer has one pitch: the melody's pulses and rests stay, its notes don't. It has one strength, too: a tone of less than a fifth
//! of a second is heard the softer, the shorter it is. By how much was not verified with people.

use pump_core::{
    annunciation::signal::{Burst, Colour, Vibration},
    cues::Cue,
    screen::{Face, Screen},
};

use crate::shell::config::Part;

/// On and off over time. What is equal goes on without a break.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rhythm {
    /// Off.
    #[default]
    Off,
    /// On.
    On,
    /// On and off by turns, each in milliseconds, from the beginning again and again.
    Turns(Vec<(u32, u32)>),
    /// The same, once.
    Once(Vec<(u32, u32)>),
}

/// The ready light: on while the page says READY.
pub fn ready(screen: &Screen) -> Rhythm {
    if matches!(screen.face, Face::Ready(_)) { Rhythm::On } else { Rhythm::Off }
}

// keeps R-ALM-04
/// One colour of the alarm lamp: red and green make yellow, green and blue make cyan.
pub fn lamp(screen: &Screen, colour: Part) -> Rhythm {
    let Some(light) = screen.signals.map(|signals| signals.light) else { return Rhythm::Off };
    let shines = match light.colour {
        Colour::Red => matches!(colour, Part::Red),
        Colour::Yellow => matches!(colour, Part::Red | Part::Green),
        Colour::Cyan => matches!(colour, Part::Green | Part::Blue),
    };
    match light.flash {
        _ if !shines => Rhythm::Off,
        None => Rhythm::On,
        Some(flash) => {
            let (period, lit) = (u32::from(flash.period_ms), u32::from(flash.lit_ms));
            Rhythm::Turns(vec![(lit, period.saturating_sub(lit))])
        }
    }
}

/// How much shorter a soft cue's pulses are.
const SOFT: u32 = 3;

/// The buzzer: an alarm, or else a cue.
pub fn buzzer(screen: &Screen, cue: Option<Cue>) -> Rhythm {
    let alarm =
        screen.signals.and_then(|signals| signals.sound).map(|burst| repeated(pulses(burst), burst.interval_ms));
    // keeps R-DSP-18
    let told = |cue: Cue| cue.sound.map(pulses).map(|turns| if cue.soft { softer(turns) } else { turns });
    alarm.unwrap_or_else(|| once(cue.and_then(told)))
}

/// The vibration motor, the same way.
pub fn vibration(screen: &Screen, cue: Option<Cue>) -> Rhythm {
    let alarm = screen.signals.and_then(|signals| signals.vibration).copied();
    let alarm = alarm.map(|vibration| repeated(shakes(vibration), vibration.interval_ms));
    alarm.unwrap_or_else(|| once(cue.and_then(|cue| cue.vibration).copied().map(shakes)))
}

fn pulses(burst: &Burst) -> Vec<(u32, u32)> {
    burst.pulses.iter().map(|(_, rest)| (u32::from(burst.pulse_ms), u32::from(*rest))).collect()
}

fn softer(turns: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    turns.into_iter().map(|(on, off)| (on / SOFT, off)).collect()
}

fn shakes(vibration: Vibration) -> Vec<(u32, u32)> {
    let turn = (u32::from(vibration.pulse_ms), u32::from(vibration.spacing_ms));
    let mut turns = vec![turn; usize::from(vibration.pulses)];
    // Between two, and not behind the last.
    if let Some((_, rest)) = turns.last_mut() {
        *rest = 0;
    }
    turns
}

fn once(turns: Option<Vec<(u32, u32)>>) -> Rhythm {
    turns.map_or(Rhythm::Off, Rhythm::Once)
}

/// The burst, and its rest behind it.
fn repeated(mut turns: Vec<(u32, u32)>, interval_ms: u16) -> Rhythm {
    if let Some((_, rest)) = turns.last_mut() {
        *rest = rest.saturating_add(u32::from(interval_ms));
    }
    if turns.is_empty() { Rhythm::Off } else { Rhythm::Turns(turns) }
}

#[cfg(test)]
mod tests {
    use pump_core::{
        annunciation::Priority,
        cues::{READY_BURST, READY_VIBRATION},
        screen::Face,
    };

    use super::*;
    use crate::adapters::fixtures::{OFFER, page, quiet, signalled};

    fn lit(priority: Priority) -> Vec<Part> {
        let screen = signalled(priority);
        [Part::Red, Part::Green, Part::Blue].into_iter().filter(|part| lamp(&screen, *part) != Rhythm::Off).collect()
    }

    #[test]
    fn each_priority_has_its_colour_and_its_flash() {
        assert_eq!(lit(Priority::High), [Part::Red]);
        assert_eq!(lit(Priority::Medium), [Part::Red, Part::Green]);
        assert_eq!(lit(Priority::Low), [Part::Green, Part::Blue]);
        // proves R-ALM-04
        assert_eq!(lamp(&signalled(Priority::High), Part::Red), Rhythm::Turns(vec![(250, 250)]));
        assert_eq!(lamp(&signalled(Priority::Medium), Part::Red), Rhythm::Turns(vec![(1_000, 1_000)]));
        assert_eq!(lamp(&signalled(Priority::Low), Part::Green), Rhythm::On);
    }

    #[test]
    fn a_burst_has_its_pulses_and_rests_before_the_next() {
        let count = |priority| match buzzer(&signalled(priority), None) {
            Rhythm::Turns(turns) => turns,
            rhythm => panic!("{rhythm:?}"),
        };
        let high = count(Priority::High);
        // proves R-ALM-04
        assert_eq!(high.len(), 10);
        assert!(high.iter().all(|(on, _)| (75..=200).contains(on)), "{high:?}");
        assert!(high.last().unwrap().1 >= 2_500, "{high:?}");
        assert_eq!(count(Priority::Medium).len(), 3);
        assert_eq!(count(Priority::Low).len(), 2);
    }

    #[test]
    fn the_hand_feels_what_the_ear_hears() {
        let Rhythm::Turns(turns) = vibration(&signalled(Priority::High), None) else { panic!("nothing is felt") };
        assert_eq!(turns, [(500, 250), (500, 250), (500, 3_000)]);
    }

    #[test]
    fn a_cue_is_played_once_and_never_over_an_alarm() {
        let felt = Cue { sound: None, vibration: Some(&READY_VIBRATION), soft: false };
        let cue = Some(Cue { sound: Some(&READY_BURST), ..felt });
        assert_eq!(buzzer(&quiet(), cue), Rhythm::Once(vec![(120, 60), (120, 0)]));
        assert_eq!(vibration(&quiet(), cue), Rhythm::Once(vec![(80, 120), (80, 0)]));
        // proves R-ANS-21
        assert_eq!(buzzer(&quiet(), Some(felt)), Rhythm::Off);
        assert_eq!(buzzer(&signalled(Priority::Low), cue), buzzer(&signalled(Priority::Low), None));
    }

    #[test]
    fn a_soft_cue_is_shorter_and_one_that_is_not_to_be_felt_is_not() {
        let cue = Some(Cue { sound: Some(&READY_BURST), vibration: None, soft: true });
        // proves R-DSP-18
        assert_eq!(buzzer(&quiet(), cue), Rhythm::Once(vec![(40, 60), (40, 0)]));
        assert_eq!(vibration(&quiet(), cue), Rhythm::Off);
        let alarm = signalled(Priority::Low);
        // proves R-DSP-18
        assert_eq!([buzzer(&alarm, cue), vibration(&alarm, cue)], [buzzer(&alarm, None), vibration(&alarm, None)]);
        assert_ne!(vibration(&alarm, cue), Rhythm::Off);
    }

    #[test]
    fn without_an_alarm_only_the_ready_light_shines_and_only_on_ready() {
        let offered = page(Face::Ready(OFFER));
        for screen in [&quiet(), &offered] {
            let lamps = [Part::Red, Part::Green, Part::Blue].map(|part| lamp(screen, part));
            assert_eq!(lamps, [const { Rhythm::Off }; 3]);
            assert_eq!([buzzer(screen, None), vibration(screen, None)], [const { Rhythm::Off }; 2]);
        }
        assert_eq!((ready(&quiet()), ready(&offered)), (Rhythm::Off, Rhythm::On));
    }
}
