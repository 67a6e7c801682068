//! How alarms are told: light, sound and vibration as values; whoever has the lamp and the sounder plays them.
//!
//! The figures are those of IEC 60601-1-8 as other open projects give them; those that no such source gave say so.
//!
//! # Promises
//! - Nothing flashes more than three times a second.
//! - A high condition that nobody has acknowledged always shines and vibrates, and sounds unless the sound is paused.
//! - At night a low condition is told once and doesn't come back until the morning: it is seen and felt, or heard where no motor is.

use pump_protocol::{
    clock::{Uptime, WallTime},
    quantity::Millis,
};

use super::{priority::Priority, standing::Standing};

/// How often a low condition is told again while nobody has acknowledged it (GIP 2.2.1).
pub const LOW_TOLD_AGAIN: Millis = Millis::from_mins(15);
/// How long a low condition is told each time: two bursts. Not verified in a source.
pub const LOW_TOLD_FOR: Millis = Millis::from_secs(20);

/// What is around the remote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Surroundings {
    /// Whether the patient asked not to be disturbed at this hour. Only low conditions respect it.
    pub quiet_hours: bool,
    /// Whether a motor tells the hand. Where none does, what is seen must be heard besides.
    pub motor: bool,
}

/// When the person is not to be disturbed, by the wall clock: from one minute of the day to another, over midnight or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuietHours {
    from_minute: u16,
    to_minute: u16,
}

/// What is played at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signals {
    /// The most urgent of everything listed.
    pub priority: Priority,
    /// Shines as long as anything is listed.
    pub light: Light,
    /// The most urgent of what nobody has acknowledged.
    pub sound: Option<&'static Burst>,
    /// The same, for the hand.
    pub vibration: Option<&'static Vibration>,
    /// Until when the sound is paused.
    pub audio_paused_until: Option<Uptime>,
}

/// What the lamp does. The colour tells the most urgent of everything listed; flashing tells that something listed has not
/// been acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Light {
    /// Its colour.
    pub colour: Colour,
    /// How it flashes; `None`: steady.
    pub flash: Option<Flash>,
}

/// The lamp's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// High.
    Red,
    /// Medium.
    Yellow,
    /// Low.
    Cyan,
}

/// How a lamp flashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flash {
    /// From one flash to the next, in milliseconds.
    pub period_ms: u16,
    /// How long it is lit of that.
    pub lit_ms: u16,
}

/// A burst of pulses, and how long to wait before it is played again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Burst {
    /// The melody, one note a pulse, with the silence behind each in milliseconds.
    pub pulses: &'static [(Note, u16)],
    /// How long each pulse sounds.
    pub pulse_ms: u16,
    /// From the end of one burst to the beginning of the next.
    pub interval_ms: u16,
}

/// The notes of the melodies for drug delivery. The sounder adds at least four harmonics within 300 to 4000 Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// `c`
    C4,
    /// `d`
    D4,
    /// `e`
    E4,
    /// `g`
    G4,
    /// `C`
    C5,
}

/// What the hand feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vibration {
    /// How many pulses.
    pub pulses: u8,
    /// How long each.
    pub pulse_ms: u16,
    /// The rest between two.
    pub spacing_ms: u16,
    /// From the end of the last to the next first.
    pub interval_ms: u16,
}

/// 2 Hz, within 1.4 to 2.8 Hz; half of it lit.
pub const HIGH_FLASH: Flash = Flash { period_ms: 500, lit_ms: 250 };
/// 0.5 Hz, within 0.4 to 0.8 Hz; half of it lit.
pub const MEDIUM_FLASH: Flash = Flash { period_ms: 2_000, lit_ms: 1_000 };

/// From the end of a high burst to the next. Not verified in the standard: commonly 2.5 to 15 s, and an alarm chip offers
/// 2.55 to 3.80 s (Texas Instruments DAC53701, register D2h).
pub const HIGH_INTERVAL_MS: u16 = 3_000;
/// From the end of a medium burst to the next. Not verified in the standard: commonly 2.5 to 30 s, the same chip 2.60 to 4.00 s.
/// Longer than that chip's, so that the ear tells medium from high by the rests too.
pub const MEDIUM_INTERVAL_MS: u16 = 8_000;
/// From the end of a low burst to the next. Not verified in the standard; the same chip's 16 s.
pub const LOW_INTERVAL_MS: u16 = 16_000;

/// `C d g – C d`, twice: 10 pulses within 75 to 200 ms. The spacings were not verified in a source.
pub const HIGH_BURST: Burst = Burst {
    pulses: &[
        (Note::C5, 100),
        (Note::D4, 100),
        (Note::G4, 350),
        (Note::C5, 100),
        (Note::D4, 500),
        (Note::C5, 100),
        (Note::D4, 100),
        (Note::G4, 350),
        (Note::C5, 100),
        (Note::D4, 0),
    ],
    pulse_ms: 150,
    interval_ms: HIGH_INTERVAL_MS,
};
/// `C d g`: 3 pulses within 125 to 250 ms. The spacings were not verified in a source.
pub const MEDIUM_BURST: Burst = Burst {
    pulses: &[(Note::C5, 200), (Note::D4, 200), (Note::G4, 0)],
    pulse_ms: 200,
    interval_ms: MEDIUM_INTERVAL_MS,
};
/// `e c`: 2 pulses. Length and spacing were not verified in a source.
pub const LOW_BURST: Burst =
    Burst { pulses: &[(Note::E4, 200), (Note::C4, 0)], pulse_ms: 200, interval_ms: LOW_INTERVAL_MS };

/// Like the sound, so that hand and ear tell the same priority. Not verified in a source, nor are the other two.
pub const HIGH_VIBRATION: Vibration =
    Vibration { pulses: 3, pulse_ms: 500, spacing_ms: 250, interval_ms: HIGH_INTERVAL_MS };
/// Two pulses.
pub const MEDIUM_VIBRATION: Vibration =
    Vibration { pulses: 2, pulse_ms: 300, spacing_ms: 300, interval_ms: MEDIUM_INTERVAL_MS };
/// One short pulse.
pub const LOW_VIBRATION: Vibration =
    Vibration { pulses: 1, pulse_ms: 150, spacing_ms: 0, interval_ms: LOW_INTERVAL_MS };

impl QuietHours {
    const DAY_MIN: u16 = 24 * 60;

    /// From one minute of the day, 0 to 1439, to another, not counting that; `None` if there are no such minutes, or none
    /// between them.
    pub const fn new(from_minute: u16, to_minute: u16) -> Option<Self> {
        let fits = from_minute < Self::DAY_MIN && to_minute < Self::DAY_MIN && from_minute != to_minute;
        if fits { Some(Self { from_minute, to_minute }) } else { None }
    }

    /// The minutes of the day at which they begin and end.
    pub const fn minutes(self) -> (u16, u16) {
        (self.from_minute, self.to_minute)
    }

    /// Whether they hold at this moment.
    pub fn hold_at(self, wall: WallTime) -> bool {
        let local_min = wall.unix_ms.div_euclid(60_000).saturating_add(i64::from(wall.utc_offset_min));
        let since_begun = |minute: i64| (minute - i64::from(self.from_minute)).rem_euclid(i64::from(Self::DAY_MIN));
        since_begun(local_min) < since_begun(i64::from(self.to_minute))
    }
}

impl Signals {
    /// What is played for these conditions; `None` if there are none.
    pub(super) fn of(
        list: &[Standing],
        audio_paused_until: Option<Uptime>,
        now: Uptime,
        around: Surroundings,
    ) -> Option<Self> {
        let priority = list.iter().map(Standing::priority).max()?;
        let flashes = list.iter().any(|standing| standing.signalled_since().is_some());
        let heard = list.iter().filter(|standing| sounds(standing, now, around)).map(Standing::priority).max();
        let felt = list.iter().filter(|standing| vibrates(standing, now, around)).map(Standing::priority).max();
        Some(Self {
            priority,
            light: Light { colour: colour(priority), flash: flash(priority).filter(|_| flashes) },
            sound: heard.filter(|_| audio_paused_until.is_none()).map(burst),
            vibration: felt.map(vibration),
            audio_paused_until,
        })
    }
}

/// When time alone changes what is played for this condition.
pub(super) fn changes_at(standing: &Standing, now: Uptime) -> Option<Uptime> {
    let since = standing.signalled_since()?;
    match standing.priority() {
        Priority::High | Priority::Medium => None,
        Priority::Low => {
            let into_round = now.since(since).get() % LOW_TOLD_AGAIN.get();
            let edge = if into_round < LOW_TOLD_FOR.get() { LOW_TOLD_FOR } else { LOW_TOLD_AGAIN };
            Some(now.after(edge.saturating_sub(Millis::new(into_round))))
        }
    }
}

// keeps R-ALM-03
fn sounds(standing: &Standing, now: Uptime, around: Surroundings) -> bool {
    let disturbs = standing.priority() > Priority::Low || !around.quiet_hours;
    told_round(standing, now).is_some_and(|round| disturbs || (round == 0 && !around.motor))
}

fn vibrates(standing: &Standing, now: Uptime, around: Surroundings) -> bool {
    told_round(standing, now).is_some_and(|round| round == 0 || !around.quiet_hours)
}

/// How often it was told before, if it is being told. What is more urgent than low is told once, without end.
fn told_round(standing: &Standing, now: Uptime) -> Option<u64> {
    let stood = now.since(standing.signalled_since()?).get();
    match standing.priority() {
        Priority::High | Priority::Medium => Some(0),
        Priority::Low => (stood % LOW_TOLD_AGAIN.get() < LOW_TOLD_FOR.get()).then_some(stood / LOW_TOLD_AGAIN.get()),
    }
}

const fn colour(priority: Priority) -> Colour {
    match priority {
        Priority::High => Colour::Red,
        Priority::Medium => Colour::Yellow,
        Priority::Low => Colour::Cyan,
    }
}

const fn flash(priority: Priority) -> Option<Flash> {
    match priority {
        Priority::High => Some(HIGH_FLASH),
        Priority::Medium => Some(MEDIUM_FLASH),
        Priority::Low => None,
    }
}

const fn burst(priority: Priority) -> &'static Burst {
    match priority {
        Priority::High => &HIGH_BURST,
        Priority::Medium => &MEDIUM_BURST,
        Priority::Low => &LOW_BURST,
    }
}

const fn vibration(priority: Priority) -> &'static Vibration {
    match priority {
        Priority::High => &HIGH_VIBRATION,
        Priority::Medium => &MEDIUM_VIBRATION,
        Priority::Low => &LOW_VIBRATION,
    }
}

impl Flash {
    /// In thousandths of a hertz.
    pub const fn millihertz(self) -> u32 {
        1_000_000 / self.period_ms as u32
    }
}

impl Burst {
    /// How long it lasts.
    pub fn length(&self) -> Millis {
        let pulse = u64::from(self.pulse_ms);
        self.pulses.iter().fold(Millis::ZERO, |sum, (_, rest)| {
            sum.saturating_add(Millis::new(pulse)).saturating_add(Millis::new(u64::from(*rest)))
        })
    }
}

impl Note {
    /// The fundamental, in thousandths of a hertz: equal temperament on 440 Hz.
    pub const fn millihertz(self) -> u32 {
        match self {
            Self::C4 => 261_626,
            Self::D4 => 293_665,
            Self::E4 => 329_628,
            Self::G4 => 391_995,
            Self::C5 => 523_251,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_lamp_flashes_more_than_three_times_a_second_and_each_keeps_to_its_range() {
        assert!((1_400..=2_800).contains(&HIGH_FLASH.millihertz()));
        assert!((400..=800).contains(&MEDIUM_FLASH.millihertz()));
        for flash in [HIGH_FLASH, MEDIUM_FLASH] {
            assert!(flash.millihertz() <= 3_000);
            assert_eq!(flash.lit_ms * 2, flash.period_ms, "half of it lit");
        }
    }

    #[test]
    fn each_burst_has_its_pulses_and_its_melody() {
        use Note::{C4, C5, D4, E4, G4};
        let melody = |burst: &Burst| burst.pulses.iter().map(|(note, _)| *note).collect::<Vec<_>>();
        assert_eq!(melody(&HIGH_BURST), [C5, D4, G4, C5, D4, C5, D4, G4, C5, D4]);
        assert_eq!(melody(&MEDIUM_BURST), [C5, D4, G4]);
        assert_eq!(melody(&LOW_BURST), [E4, C4]);
        assert!((75..=200).contains(&HIGH_BURST.pulse_ms) && (125..=250).contains(&MEDIUM_BURST.pulse_ms));
        assert!((2_500..=15_000).contains(&HIGH_BURST.interval_ms));
        assert!((2_500..=30_000).contains(&MEDIUM_BURST.interval_ms));
        assert_eq!([&HIGH_BURST, &LOW_BURST].map(Burst::length), [3_300, 600].map(Millis::new));
        let interval = Millis::new(u64::from(LOW_BURST.interval_ms));
        let two = LOW_BURST.length().saturating_add(interval).saturating_add(LOW_BURST.length());
        assert!((two..two.saturating_add(interval)).contains(&LOW_TOLD_FOR), "two bursts, and no third cut off");
    }

    #[test]
    fn quiet_hours_go_over_midnight_where_the_person_is() {
        let at = |minute: i64, utc_offset_min| WallTime { unix_ms: minute * 60_000 + 59_999, utc_offset_min };
        let night = QuietHours::new(22 * 60, 7 * 60).expect("a night");
        assert_eq!(night.minutes(), (22 * 60, 7 * 60));
        for (minute, holds) in [(21 * 60 + 59, false), (22 * 60, true), (0, true), (6 * 60 + 59, true), (7 * 60, false)]
        {
            assert_eq!(night.hold_at(at(minute, 0)), holds, "{minute}");
            assert_eq!(night.hold_at(at(minute - 90, 90)), holds, "{minute}, further east");
            assert_eq!(night.hold_at(at(minute - 24 * 60 * 400, 0)), holds, "{minute}, before 1970");
        }
        let siesta = QuietHours::new(13 * 60, 15 * 60).expect("a siesta");
        for (minute, holds) in
            [(12 * 60 + 59, false), (13 * 60, true), (14 * 60 + 59, true), (15 * 60, false), (0, false)]
        {
            assert_eq!(siesta.hold_at(at(minute, 0)), holds, "{minute}");
        }
        for (from, to) in [(0, 0), (600, 600), (1440, 0), (0, 1440), (u16::MAX, 0)] {
            assert_eq!(QuietHours::new(from, to), None);
        }
        for far in [i64::MIN, i64::MAX] {
            night.hold_at(WallTime { unix_ms: far, utc_offset_min: i16::MAX });
        }
    }

    #[test]
    fn each_note_can_be_heard_and_has_room_for_its_harmonics() {
        for note in [Note::C4, Note::D4, Note::E4, Note::G4, Note::C5] {
            assert!((150_000..=1_000_000).contains(&note.millihertz()));
            let harmonics = (2..).map(|nth| nth * note.millihertz()).take_while(|harmonic| *harmonic <= 4_000_000);
            assert!(harmonics.filter(|harmonic| *harmonic >= 300_000).count() >= 4, "{note:?}");
        }
    }
}
