//! What the remote says without an alarm: a wait is over, a press was refused, or something still waits to be read.
//!
//! Derived from the screens alone, by whoever plays them: a cue decides nothing and is kept nowhere.
//!
//! # Promises
//! - A wait that is over is told once, and only when a press brings medicine again; a link that comes and goes tells nothing.
//! - At night the ready cue is felt and seen, and not heard; it can be switched off.
//! - A refused press is answered audibly at any hour (GIP 3.2.4), and at most once a minute: it is no alarm.
//! - What waits for somebody is told again, at night without a sound.
//! - A wish changes cues alone: an alarm is played as the machine says it, whatever is wished.

use pump_protocol::{
    clock::{Uptime, WallTime},
    quantity::Millis,
};

use crate::{
    annunciation::signal::{Burst, Note, QuietHours, Vibration},
    screen::{Face, Notice, Screen},
};

// keeps R-ASK-19
/// How long after a refusal's tone the next refusal is silent.
pub const REFUSAL_TOLD_AGAIN: Millis = Millis::from_mins(1);

/// `c g`, upwards and once: no alarm goes upwards. Length and spacing were not verified in a source.
pub const READY_BURST: Burst = Burst { pulses: &[(Note::C4, 60), (Note::G4, 0)], pulse_ms: 120, interval_ms: 0 };
/// One long, low pulse, shorter than any alarm's burst.
pub const REFUSED_BURST: Burst = Burst { pulses: &[(Note::C4, 0)], pulse_ms: 300, interval_ms: 0 };
/// The same note twice: no alarm does that either. Not verified in a source.
pub const REMINDER_BURST: Burst = Burst { pulses: &[(Note::E4, 240), (Note::E4, 0)], pulse_ms: 120, interval_ms: 0 };
/// Two light taps.
pub const READY_VIBRATION: Vibration = Vibration { pulses: 2, pulse_ms: 80, spacing_ms: 120, interval_ms: 0 };
/// Three light taps, far apart.
pub const REMINDER_VIBRATION: Vibration = Vibration { pulses: 3, pulse_ms: 80, spacing_ms: 300, interval_ms: 0 };
/// One.
pub const REFUSED_VIBRATION: Vibration = Vibration { pulses: 1, pulse_ms: 250, spacing_ms: 0, interval_ms: 0 };

/// What the person wishes to hear, to feel and to see lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wishes {
    /// Whether the end of a wait is told at all.
    pub ready_cue: bool,
    /// When it is not heard.
    pub quiet: Option<QuietHours>,
    /// Whether cues are felt.
    pub vibration: bool,
    /// Whether cues sound softer.
    pub soft: bool,
    /// How bright the display is while somebody looks, in thousandths of the brightest.
    pub brightness: u32,
}

impl Default for Wishes {
    /// Of whoever wished for nothing.
    fn default() -> Self {
        Self { ready_cue: true, quiet: None, vibration: true, soft: false, brightness: 1_000 }
    }
}

/// Something to be played once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cue {
    /// To be heard; `None` at night.
    pub sound: Option<&'static Burst>,
    /// To be felt; `None` if that is not wished.
    pub vibration: Option<&'static Vibration>,
    /// Whether it sounds softer than it could.
    pub soft: bool,
}

/// What was shown so far, as far as it matters for the next cue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cues {
    /// A wait was shown, and nothing else came of it yet.
    waited: bool,
    /// The refusal that stands on the page was heeded.
    refused: bool,
    /// When a refusal was told last.
    told: Option<Uptime>,
    /// How often it was told again that something waits.
    reminders: u32,
}

impl Cues {
    /// Takes in what is shown now; what is to be played for it comes out.
    pub fn heed(&mut self, screen: &Screen, wishes: Wishes, now: Uptime) -> Option<Cue> {
        let refused = self.refusal(screen, now);
        let ready = self.wait_over(&screen.face) && wishes.ready_cue;
        let again = screen.reminders > core::mem::replace(&mut self.reminders, screen.reminders);
        let night = quiet(screen.clock.ok(), wishes.quiet);
        // keeps R-DSP-18
        let cue = |sound, vibration| Cue { sound, vibration: wishes.vibration.then_some(vibration), soft: wishes.soft };
        if refused {
            return Some(cue(Some(&REFUSED_BURST), &REFUSED_VIBRATION));
        }
        let at_day = |burst| (!night).then_some(burst);
        // keeps R-ALM-07
        if again {
            return Some(cue(at_day(&REMINDER_BURST), &REMINDER_VIBRATION));
        }
        // keeps R-ANS-21
        ready.then(|| cue(at_day(&READY_BURST), &READY_VIBRATION))
    }

    fn refusal(&mut self, screen: &Screen, now: Uptime) -> bool {
        let stands = matches!(screen.notice, Some(Notice::Refused | Notice::NoDoseHere));
        let new = stands && !self.refused;
        self.refused = stands;
        let soon = self.told.is_some_and(|told| now.since(told) < REFUSAL_TOLD_AGAIN);
        if new && !soon {
            self.told = Some(now);
        }
        new && !soon
    }

    fn wait_over(&mut self, face: &Face) -> bool {
        match face {
            Face::Wait(_) => {
                self.waited = true;
                false
            }
            Face::Ready(_) => core::mem::take(&mut self.waited),
            // A page that was gone to, or a pump that was not heard: the wait may still be on.
            Face::Checking
            | Face::NotAvailable { .. }
            | Face::EnterCode { .. }
            | Face::Asking { .. }
            | Face::Delivering { .. }
            | Face::Given { .. }
            | Face::GivenInPart { .. }
            | Face::NotGiven(_)
            | Face::NotSure { .. }
            | Face::AssumedGiven { .. }
            | Face::Changed { .. }
            | Face::Caregiver(_)
            | Face::History { .. }
            | Face::Alarms
            | Face::Emergency { .. }
            | Face::Reading(_)
            | Face::Pairing(_)
            | Face::Fault(_) => false,
        }
    }
}

/// Whether the person is not to be disturbed now. A clock in doubt knows no night.
pub fn quiet(wall: Option<WallTime>, hours: Option<QuietHours>) -> bool {
    matches!((wall, hours), (Some(wall), Some(hours)) if hours.hold_at(wall))
}

#[cfg(test)]
mod tests {
    use pump_protocol::quantity::Dose;

    use super::*;
    use crate::{
        audit::event::WallDoubt,
        screen::{NotGiven, Offer, Wait},
    };

    const EVENING: Option<QuietHours> = QuietHours::new(22 * 60, 7 * 60);
    const WISHES: Wishes = Wishes { ready_cue: true, quiet: EVENING, vibration: true, soft: false, brightness: 1_000 };
    const OFFER: Offer = Offer { dose: Dose::from_micrograms(50), left: 1, allotment: 4 };

    fn screen(face: Face, notice: Option<Notice>, minute: Option<i64>) -> Screen {
        let wall = |minute: i64| WallTime { unix_ms: minute * 60_000, utc_offset_min: 0 };
        Screen { clock: minute.map(wall).ok_or(WallDoubt::NotSet), notice, ..Screen::alone(face) }
    }

    fn wait() -> Face {
        Face::Wait(Wait {
            remaining: Millis::from_secs(1),
            until: None,
            reasons: Vec::new(),
            offer: OFFER,
            next_returns: None,
            pump_says: false,
        })
    }

    fn play(cues: &mut Cues, faces: &[Face], minute: Option<i64>) -> Vec<Cue> {
        let heed = |face: &Face| cues.heed(&screen(face.clone(), None, minute), WISHES, Uptime::default());
        faces.iter().filter_map(heed).collect()
    }

    #[test]
    fn the_end_of_a_wait_is_told_once() {
        let mut cues = Cues::default();
        let noon = Some(12 * 60);
        let told = play(&mut cues, &[Face::Ready(OFFER), wait(), Face::Checking, Face::Ready(OFFER)], noon);
        // proves R-ANS-21
        assert_eq!(told, [Cue { sound: Some(&READY_BURST), vibration: Some(&READY_VIBRATION), soft: false }]);
        let comes_and_goes = [Face::NotAvailable { reasons: Vec::new() }, Face::Checking, Face::Ready(OFFER)];
        assert_eq!(play(&mut cues, &comes_and_goes, noon), [], "a link that comes and goes");
        assert_eq!(play(&mut cues, &[wait(), Face::Alarms, Face::Ready(OFFER)], noon).len(), 1, "another wait");
        let (nobodys, off) = (Wishes::default(), Wishes { ready_cue: false, ..WISHES });
        play(&mut cues, &[wait()], noon);
        let cue = cues.heed(&screen(Face::Ready(OFFER), None, noon), nobodys, Uptime::default());
        assert_eq!(cue.as_slice(), told, "of whoever wished for nothing, too");
        play(&mut cues, &[wait()], noon);
        assert_eq!(cues.heed(&screen(Face::Ready(OFFER), None, noon), off, Uptime::default()), None, "switched off");
        assert_eq!(play(&mut cues, &[Face::Ready(OFFER)], noon), [], "and not made up for later");
    }

    #[test]
    fn at_night_the_end_of_a_wait_is_felt_and_not_heard() {
        for (minute, heard) in [(Some(3 * 60), false), (Some(22 * 60), false), (Some(7 * 60), true), (None, true)] {
            let told = play(&mut Cues::default(), &[wait(), Face::Ready(OFFER)], minute);
            // proves R-ANS-21
            assert_eq!(told.first().map(|cue| cue.sound.is_some()), Some(heard), "{minute:?}");
        }
    }

    #[test]
    fn what_waits_is_told_again_once_each_time_and_at_night_without_a_sound() {
        let mut cues = Cues::default();
        let mut heed = |reminders, minute| {
            let shown = Screen { reminders, ..screen(Face::NotGiven(NotGiven::Expired), None, Some(minute)) };
            cues.heed(&shown, WISHES, Uptime::default())
        };
        let told = |sound| Some(Cue { sound, vibration: Some(&REMINDER_VIBRATION), soft: false });
        assert_eq!(heed(0, 12 * 60), None);
        // proves R-ALM-07
        assert_eq!(heed(1, 12 * 60), told(Some(&REMINDER_BURST)));
        assert_eq!(heed(1, 12 * 60), None, "it was told");
        assert_eq!(heed(3, 23 * 60), told(None));
        assert_eq!(heed(0, 23 * 60), None, "it was read");
        assert_eq!(heed(1, 12 * 60), told(Some(&REMINDER_BURST)), "and another waits");
    }

    #[test]
    fn a_wish_makes_a_cue_softer_or_unfelt_and_a_refusal_is_heard_in_any_case() {
        let wishes = Wishes { vibration: false, soft: true, ..WISHES };
        for (shown, sound) in [
            (screen(Face::Ready(OFFER), None, Some(12 * 60)), &READY_BURST),
            (screen(wait(), Some(Notice::Refused), Some(3 * 60)), &REFUSED_BURST),
            (screen(Face::Alarms, Some(Notice::NoDoseHere), None), &REFUSED_BURST),
        ] {
            let mut cues = Cues::default();
            cues.heed(&screen(wait(), None, Some(12 * 60)), wishes, Uptime::default());
            let cue = cues.heed(&shown, wishes, Uptime::default());
            // proves R-DSP-18
            assert_eq!(cue, Some(Cue { sound: Some(sound), vibration: None, soft: true }), "{shown:?}");
        }
    }

    #[test]
    fn a_refused_press_is_answered_at_any_hour_and_at_most_once_a_minute() {
        let mut cues = Cues::default();
        let mut at = |ms: u64, notice| {
            let shown = screen(wait(), notice, Some(3 * 60));
            cues.heed(&shown, WISHES, Uptime::from_millis(ms)).is_some_and(|cue| cue.sound == Some(&REFUSED_BURST))
        };
        let refused = Some(Notice::Refused);
        // proves R-ASK-19
        assert!(at(0, refused));
        assert!(!at(100, refused), "it still stands");
        assert!(!at(5_000, Some(Notice::HoldLonger)));
        assert!(!at(6_000, refused), "too soon");
        assert!(!at(59_000, None));
        assert!(!at(59_999, refused), "still too soon");
        assert!(!at(60_001, refused), "no new press");
        assert!(!at(61_000, None));
        assert!(at(61_001, refused));
        assert!(!at(61_002, None));
        assert!(at(61_001 + 60_000, refused), "a minute later to the millisecond");
    }
}
