//! When a finger on a control counts: judged from levels, never from edges or a timer alone.
//!
//! # Promises
//! - A hold is complete only on a level that says "still pressed", so a display that hangs can't complete one.
//! - A gap in the levels breaks the hold; so does another control. It begins again only after the finger was lifted.
//! - One completion per press, and none if what the control stands for changed meanwhile.

use pump_protocol::{clock::Uptime, quantity::Millis};

use crate::screen::{Control, Hold, Level, Source};

// keeps R-ASK-01
/// How long the dose control is held: GIP 2.3.2 asks for at least 1 s; a tremor's touches are shorter than this.
pub const DOSE_HOLD: Millis = Millis::new(1_500);
// keeps R-ASK-15
/// How long Stop is held: short, because stopping is always safe.
pub const STOP_HOLD: Millis = Millis::new(500);
/// The longest silence between two levels of one press: six of the 50 ms at which they are told.
const LEVEL_GAP_MAX: Millis = Millis::new(300);

/// The press that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct HoldTracker {
    press: Option<Press>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Press {
    control: Control,
    source: Source,
    since: Uptime,
    last: Uptime,
    /// Complete or broken: nothing more comes of this press.
    spent: bool,
}

/// What a level meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Felt {
    /// Nothing yet.
    Nothing,
    /// The control was held long enough.
    Complete(Control),
    /// A touch ended that was shorter than the hold.
    TooShort(Control),
}

impl HoldTracker {
    /// Takes in one level.
    pub(super) fn feel(&mut self, control: Control, source: Source, level: Level, now: Uptime) -> Felt {
        match level {
            Level::Pressed => self.pressed(control, source, now),
            // keeps R-ASK-02
            Level::Released | Level::SlidOff => self.lifted(source),
        }
    }

    /// The finger on a control, while something can still come of it.
    pub(super) fn shown(&self, now: Uptime) -> Option<Hold> {
        let press = self.press.filter(|press| !press.spent && now.since(press.last) <= LEVEL_GAP_MAX)?;
        Some(Hold { control: press.control, since: press.since, needed: needed(press.control) })
    }

    /// Since when a control has been pressed, as far as its levels tell.
    pub(super) fn pressed_since(&self, now: Uptime) -> Option<Uptime> {
        self.press.filter(|press| now.since(press.last) <= LEVEL_GAP_MAX).map(|press| press.since)
    }

    /// When a press that tells no more levels is over.
    pub(super) fn expires(&self) -> Option<Uptime> {
        let press = self.press.filter(|press| !press.spent)?;
        Some(press.last.after(LEVEL_GAP_MAX).after(Millis::new(1)))
    }

    /// Breaks a press that tells no more levels.
    pub(super) fn pass_time(&mut self, now: Uptime) {
        if let Some(press) = &mut self.press {
            press.spent |= now.since(press.last) > LEVEL_GAP_MAX;
        }
    }

    /// Breaks the press that is under way: what it was for has changed under the finger.
    pub(super) const fn spoil(&mut self) {
        if let Some(press) = &mut self.press {
            press.spent = true;
        }
    }

    fn pressed(&mut self, control: Control, source: Source, now: Uptime) -> Felt {
        // A finger that was never seen lifted must not keep another control out for ever: silent for long, it is gone.
        let forgotten = |press: &Press| press.source != source && now.since(press.last) > LEVEL_GAP_MAX;
        self.press = self.press.filter(|press| !forgotten(press));
        let Some(press) = &mut self.press else {
            self.press = Some(Press { control, source, since: now, last: now, spent: false });
            return Felt::Nothing;
        };
        let same = press.control == control && press.source == source;
        // keeps R-ASK-03, R-ASK-14
        press.spent |= !same || now.since(press.last) > LEVEL_GAP_MAX;
        press.last = now;
        if press.spent || now.since(press.since) < needed(control) {
            return Felt::Nothing;
        }
        press.spent = true;
        Felt::Complete(control)
    }

    fn lifted(&mut self, source: Source) -> Felt {
        match self.press {
            Some(press) if press.source == source => {
                self.press = None;
                if press.spent { Felt::Nothing } else { Felt::TooShort(press.control) }
            }
            Some(_) | None => Felt::Nothing,
        }
    }
}

const fn needed(control: Control) -> Millis {
    match control {
        Control::Dose => DOSE_HOLD,
        Control::Stop => STOP_HOLD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOSE: (Control, Source) = (Control::Dose, Source::Touchscreen);

    fn play(levels: &[(u64, Control, Source, Level)]) -> Vec<Felt> {
        let mut tracker = HoldTracker::default();
        let feel = |&(ms, control, source, level)| tracker.feel(control, source, level, Uptime::from_millis(ms));
        levels.iter().map(feel).filter(|felt| *felt != Felt::Nothing).collect()
    }

    fn held(from_ms: u64, to_ms: u64) -> Vec<(u64, Control, Source, Level)> {
        (from_ms..=to_ms).step_by(100).map(|ms| (ms, DOSE.0, DOSE.1, Level::Pressed)).collect()
    }

    #[test]
    fn a_full_hold_completes_once() {
        assert_eq!(play(&held(0, 5_000)), [Felt::Complete(Control::Dose)]);
    }

    #[test]
    fn a_short_touch_and_a_slide_are_no_hold() {
        for level in [Level::Released, Level::SlidOff] {
            let mut levels = held(0, 1_400);
            levels.push((1_450, DOSE.0, DOSE.1, level));
            // proves R-ASK-01, R-ASK-02
            assert_eq!(play(&levels), [Felt::TooShort(Control::Dose)]);
        }
    }

    #[test]
    fn a_display_that_hangs_completes_nothing() {
        let mut levels = held(0, 500);
        levels.extend(held(2_000, 4_000));
        assert_eq!(play(&levels), [], "the gap broke the press, and the finger was never seen lifted");
        levels.push((4_100, DOSE.0, DOSE.1, Level::Released));
        levels.extend(held(4_200, 5_700));
        assert_eq!(play(&levels), [Felt::Complete(Control::Dose)], "lifted and held anew");
    }

    #[test]
    fn a_second_control_or_source_breaks_the_hold() {
        let mut levels = held(0, 700);
        levels.push((750, Control::Stop, DOSE.1, Level::Pressed));
        levels.extend(held(800, 3_000));
        // proves R-ASK-14
        assert_eq!(play(&levels), []);
        let mut levels = held(0, 700);
        levels.push((750, Control::Dose, Source::Button, Level::Pressed));
        levels.extend(held(800, 3_000));
        assert_eq!(play(&levels), []);
    }

    #[test]
    fn another_source_that_lifts_ends_no_press() {
        let mut levels = held(0, 700);
        levels.push((750, Control::Dose, Source::Button, Level::Released));
        levels.extend(held(800, 1_500));
        assert_eq!(play(&levels), [Felt::Complete(Control::Dose)]);
    }

    #[test]
    fn a_touchscreen_that_never_tells_a_lift_does_not_keep_the_button_out() {
        let mut levels = held(0, 700);
        let button = |ms| (ms, Control::Dose, Source::Button, Level::Pressed);
        levels.extend((2_000..=3_500).step_by(100).map(button));
        // proves R-ASK-04
        assert_eq!(play(&levels), [Felt::Complete(Control::Dose)]);
    }

    #[test]
    fn silence_breaks_a_press_from_the_first_millisecond_that_is_too_many() {
        let gap = usize::try_from(LEVEL_GAP_MAX.get()).unwrap();
        let every = |ms| (0..=4_000).step_by(ms).map(|ms| (ms, DOSE.0, DOSE.1, Level::Pressed)).collect::<Vec<_>>();
        assert_eq!(play(&every(gap)), [Felt::Complete(Control::Dose)]);
        assert_eq!(play(&every(gap + 1)), []);
        // Another finger begins anew where this one is gone, and breaks the press where it isn't.
        let button =
            |from: u64| (from..from + 2_000).step_by(100).map(|ms| (ms, Control::Dose, Source::Button, Level::Pressed));
        let behind = |silence| {
            play(&[(0, DOSE.0, DOSE.1, Level::Pressed)].into_iter().chain(button(silence)).collect::<Vec<_>>())
        };
        assert_eq!(behind(LEVEL_GAP_MAX.get()), []);
        assert_eq!(behind(LEVEL_GAP_MAX.get() + 1), [Felt::Complete(Control::Dose)]);
    }

    #[test]
    fn stop_needs_half_a_second() {
        let stop = |ms| (ms, Control::Stop, Source::Touchscreen, Level::Pressed);
        // proves R-ASK-15
        assert_eq!(play(&[stop(0), stop(200), stop(400)]), []);
        assert_eq!(play(&[stop(0), stop(200), stop(400), stop(500)]), [Felt::Complete(Control::Stop)]);
    }

    #[test]
    fn a_hold_is_shown_while_its_finger_tells_levels_and_something_can_come_of_it() {
        let begun = Uptime::from_millis(1_000);
        let pressed = || {
            let mut tracker = HoldTracker::default();
            tracker.feel(DOSE.0, DOSE.1, Level::Pressed, begun);
            tracker
        };
        let (last, silent) = (begun.after(LEVEL_GAP_MAX), begun.after(LEVEL_GAP_MAX).after(Millis::new(1)));
        let mut tracker = pressed();
        let hold = Hold { control: Control::Dose, since: begun, needed: DOSE_HOLD };
        assert_eq!((tracker.shown(begun), tracker.shown(last), tracker.shown(silent)), (Some(hold), Some(hold), None));
        assert_eq!(tracker.expires(), Some(silent));
        tracker.pass_time(last);
        assert_eq!(tracker.shown(last), Some(hold), "the longest gap that is none");
        tracker.pass_time(silent);
        assert_eq!((tracker.shown(last), tracker.expires()), (None, None), "broken, whatever it tells later");
        let mut tracker = pressed();
        tracker.spoil();
        assert_eq!((tracker.shown(begun), tracker.expires()), (None, None), "nothing can come of it");
    }
}
