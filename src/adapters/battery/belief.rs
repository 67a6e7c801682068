//! What to believe of a gauge, reading by reading.
//!
//! # Promises
//! - A charge that jumps is believed only once three readings in a row agree on it.
//! - While nothing is believed, the last belief is counted down by the time that has passed; it never gets longer. A charger
//!   of which nobody has told for a while is taken to be out since its last word.
//! - The rate can shorten what is left, and never make it longer than the configured hours allow: a dark display drains
//!   little, and what counts is how long the battery lasts once somebody looks.

use pump_protocol::{clock::Uptime, quantity::Millis};

use super::{Reading, Refused};

/// How far two readings right behind each other may be apart, in thousandths of a percent.
const JUMP_MAX: u32 = 10_000;
/// How much faster than in one hour a battery may be filled or emptied between two readings.
const TIMES_AN_HOUR: u64 = 2;
/// How many readings in a row must agree on a new charge.
const AGREEING: u8 = 3;

/// How long a battery is taken to be charged after its last word.
const CHARGING_KNOWN_FOR: Millis = Millis::from_mins(3);

/// What is believed.
#[derive(Clone, Debug)]
pub struct Belief {
    full: Millis,
    /// The last reading that was believed, how long it lasts without a charger, and since when.
    believed: Option<(Reading, Millis, Uptime)>,
    /// A reading that is too far away, when it was made, and how many have agreed on it.
    odd: Option<(Reading, Uptime, u8)>,
}

impl Belief {
    /// Nothing yet; `full` is how long a full battery lasts with the display bright.
    pub const fn new(full: Millis) -> Self {
        Self { full, believed: None, odd: None }
    }

    /// Takes in a reading, and says why it is not believed.
    pub fn take(&mut self, reading: Result<Reading, Refused>, now: Uptime) -> Result<(), Refused> {
        let reading = reading?;
        let far = self.believed.filter(|(before, _, since)| apart(*before, reading) > allowed(now.since(*since)));
        let Some((before, ..)) = far else {
            self.believe(reading, now);
            return Ok(());
        };
        let agrees = |(odd, since, _): &(Reading, Uptime, u8)| apart(*odd, reading) <= allowed(now.since(*since));
        let agreeing = self.odd.filter(agrees).map_or(1, |(_, _, agreeing)| agreeing.saturating_add(1));
        if agreeing >= AGREEING {
            self.believe(reading, now);
            return Ok(());
        }
        self.odd = Some((reading, now, agreeing));
        Err(Refused::Jump { from: before.charge / 1_000, to: reading.charge / 1_000 })
    }

    /// How long the battery lasts; the outer `None` if nothing was ever believed, the inner one while it is charged.
    pub fn left(&self, now: Uptime) -> Option<Option<Millis>> {
        let (_, lasts, since) = self.believed?;
        Some(self.charging(now).is_none().then(|| lasts.saturating_sub(now.since(since))))
    }

    /// What is in the battery while it is charged, in percent; `None` if it isn't, or if that was last believed too long ago.
    pub fn charging(&self, now: Uptime) -> Option<u8> {
        let (reading, _, since) = self.believed?;
        let known = reading.charging && now.since(since) < CHARGING_KNOWN_FOR;
        known.then(|| u8::try_from(reading.charge / 1_000).unwrap_or(100).min(100))
    }

    fn believe(&mut self, reading: Reading, now: Uptime) {
        self.odd = None;
        self.believed = Some((reading, lasts(reading, self.full), now));
    }
}

/// How long this charge lasts without a charger.
fn lasts(reading: Reading, full: Millis) -> Millis {
    let charge = u64::from(reading.charge);
    let bright = full.get().saturating_mul(charge) / 100_000;
    let by_rate = reading.draining.map_or(u64::MAX, |draining| charge * 3_600_000 / u64::from(draining.max(1)));
    Millis::new(bright.min(by_rate))
}

const fn apart(one: Reading, other: Reading) -> u32 {
    one.charge.abs_diff(other.charge)
}

fn allowed(elapsed: Millis) -> u32 {
    let drift = elapsed.get().saturating_mul(100_000 * TIMES_AN_HOUR) / 3_600_000;
    JUMP_MAX.saturating_add(u32::try_from(drift).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Millis = Millis::from_hours(4);

    fn charge(percent: u32) -> Reading {
        Reading { charge: percent * 1_000, draining: None, charging: false }
    }

    fn at(secs: u64) -> Uptime {
        Uptime::from_millis(secs * 1_000)
    }

    #[test]
    fn what_is_left_follows_the_charge_and_the_faster_of_two_drains() {
        let mut belief = Belief::new(FULL);
        assert_eq!(belief.left(at(0)), None, "nothing was ever believed");
        belief.take(Ok(charge(50)), at(0)).unwrap();
        assert_eq!(belief.left(at(0)), Some(Some(Millis::from_hours(2))));
        let slow = Reading { charge: 50_000, draining: Some(1_000), charging: false };
        belief.take(Ok(slow), at(1)).unwrap();
        assert_eq!(belief.left(at(1)), Some(Some(Millis::from_hours(2))), "a dark display promises nothing");
        let fast = Reading { draining: Some(100_000), ..slow };
        belief.take(Ok(fast), at(2)).unwrap();
        assert_eq!(belief.left(at(2)), Some(Some(Millis::from_mins(30))));
        belief.take(Ok(Reading { charging: true, ..slow }), at(3)).unwrap();
        assert_eq!(belief.left(at(3)), Some(None), "being charged");
    }

    #[test]
    fn a_jump_is_believed_once_three_readings_agree() {
        let mut belief = Belief::new(FULL);
        belief.take(Ok(charge(20)), at(0)).unwrap();
        assert!(matches!(belief.take(Ok(charge(90)), at(30)), Err(Refused::Jump { from: 20, to: 90 })));
        belief.take(Ok(charge(20)), at(60)).unwrap();
        assert!(belief.take(Ok(charge(90)), at(90)).is_err(), "the count began anew");
        assert!(belief.take(Ok(charge(40)), at(120)).is_err(), "this one agrees with nothing");
        assert!(belief.take(Ok(charge(90)), at(150)).is_err());
        assert!(belief.take(Ok(charge(90)), at(180)).is_err());
        assert_eq!(belief.left(at(180)), Some(Some(Millis::from_mins(46))), "48 min at 60 s, counted down");
        belief.take(Ok(charge(91)), at(210)).unwrap();
        assert!(belief.left(at(210)).flatten() > Some(Millis::from_hours(3)));
    }

    #[test]
    fn a_gauge_that_falls_silent_counts_down_to_nothing() {
        let mut belief = Belief::new(FULL);
        belief.take(Ok(charge(10)), at(0)).unwrap();
        for minute in 1..=30 {
            let refused = belief.take(Err(Refused::Unread("gone".to_owned())), at(minute * 60));
            assert!(refused.is_err());
        }
        assert_eq!(belief.left(at(20 * 60)), Some(Some(Millis::from_mins(4))));
        assert_eq!(belief.left(at(30 * 60)), Some(Some(Millis::ZERO)));
    }

    #[test]
    fn a_charger_is_believed_for_as_long_as_somebody_tells_of_it() {
        let mut belief = Belief::new(FULL);
        belief.take(Ok(charge(83)), at(0)).unwrap();
        assert_eq!(belief.charging(at(0)), None);
        belief.take(Ok(Reading { charging: true, ..charge(83) }), at(45)).unwrap();
        assert_eq!(belief.charging(at(45)), Some(83));
        assert!(belief.take(Err(Refused::Unread("gone".to_owned())), at(90)).is_err());
        assert_eq!((belief.charging(at(200)), belief.charging(at(225))), (Some(83), None));
        assert_eq!(belief.left(at(200)), Some(None));
        // proves R-ALM-12
        assert_eq!(
            belief.left(at(45 + 3_600)).flatten(),
            Some(Millis::from_secs(8_352)),
            "83 % of four hours, an hour later"
        );
        assert_eq!(belief.left(at(45 + 5 * 3_600)), Some(Some(Millis::ZERO)));
    }

    #[test]
    fn hours_of_suspend_are_no_jump() {
        let mut belief = Belief::new(FULL);
        belief.take(Ok(charge(90)), at(0)).unwrap();
        belief.take(Ok(charge(30)), at(20 * 60)).unwrap();
    }
}
