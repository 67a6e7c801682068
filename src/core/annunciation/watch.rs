//! What the remote measures of itself, and when that becomes an alarm condition: each threshold stands here once.

use pump_protocol::{clock::Uptime, quantity::Millis};

use super::condition::AlarmCondition;

// keeps R-ALM-10
/// How long the pump may go unheard: pumps were found stopped after 48 h to 21 days (HK/HSA 2020–21). A remote that lies
/// near its patient in the morning and in the evening never gets there, and a stop is noticed within the day.
pub const UNHEARD_MAX: Millis = Millis::from_hours(12);
// keeps R-ALM-11
/// How long a key may be held before it is stuck (GIP 2.3.1).
pub const KEY_HELD_MAX: Millis = Millis::from_secs(60);
/// How long a request may be NOT SURE before that is an alarm: the page says it at once, and a walk out of the room and
/// back takes less.
pub const UNCERTAIN_MAX: Millis = Millis::from_mins(10);
/// A battery that lasts no longer than this is low (GIP 5.1.4).
pub const BATTERY_LOW: Millis = Millis::from_mins(15);
/// A battery that lasts no longer than this is depleted (GIP 5.1.6).
pub const BATTERY_DEPLETED: Millis = Millis::from_mins(5);

/// What the remote measures of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watch {
    /// When the pump's last word was asked for, or since when it is waited for; `None` while no pump is bonded.
    pub pump_heard: Option<Uptime>,
    /// Since when one key has been pressed.
    pub key_pressed: Option<Uptime>,
    /// Since when the open request has been NOT SURE.
    pub uncertain: Option<Uptime>,
    /// How long the remote's battery lasts; `None` where there is none, or while it is charged.
    pub battery_left: Option<Millis>,
}

impl Watch {
    /// The conditions that these measures amount to.
    pub fn conditions(self, now: Uptime) -> impl Iterator<Item = AlarmCondition> {
        let timed =
            self.timed().into_iter().filter(move |(_, since, max, _)| over(*since, *max).is_some_and(|at| at <= now));
        timed.map(|(condition, ..)| condition).chain(self.battery())
    }

    /// When time alone makes a condition of them, and why.
    pub fn poll_timeout(self, now: Uptime) -> Option<(Uptime, &'static str)> {
        let deadlines = self.timed().into_iter().filter_map(|(_, since, max, why)| Some((over(since, max)?, why)));
        deadlines.filter(|(at, _)| *at > now).min_by_key(|(at, _)| *at)
    }

    fn timed(self) -> [(AlarmCondition, Option<Uptime>, Millis, &'static str); 3] {
        [
            (AlarmCondition::PumpNotHeard, self.pump_heard, UNHEARD_MAX, "the pump has not been heard for too long"),
            (AlarmCondition::StuckKey, self.key_pressed, KEY_HELD_MAX, "a key is stuck"),
            (AlarmCondition::RequestUncertain, self.uncertain, UNCERTAIN_MAX, "a request is uncertain for too long"),
        ]
    }

    /// Depleted stands in for low: one thing to do, one alarm.
    fn battery(self) -> Option<AlarmCondition> {
        match self.battery_left? {
            left if left <= BATTERY_DEPLETED => Some(AlarmCondition::RemoteBatteryDepleted),
            left if left <= BATTERY_LOW => Some(AlarmCondition::RemoteBatteryLow),
            _ => None,
        }
    }
}

fn over(since: Option<Uptime>, max: Millis) -> Option<Uptime> {
    since.map(|since| since.after(max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(since_boot: Millis) -> Uptime {
        Uptime::from_millis(since_boot.get())
    }

    #[test]
    fn a_pump_unheard_for_half_a_day_is_a_condition_and_so_is_a_key_held_for_a_minute() {
        let half_a_day = Millis::from_hours(12);
        let watch = Watch { pump_heard: Some(at(Millis::ZERO)), key_pressed: Some(at(half_a_day)), ..Watch::default() };
        let just_before = at(half_a_day.saturating_sub(Millis::new(1)));
        assert_eq!(watch.conditions(just_before).count(), 0);
        assert_eq!(watch.poll_timeout(just_before).map(|(at, _)| at), Some(at(half_a_day)));
        assert!(watch.conditions(at(half_a_day)).eq([AlarmCondition::PumpNotHeard]));
        let key_stuck = at(half_a_day).after(Millis::from_secs(60));
        assert_eq!(watch.poll_timeout(at(half_a_day)).map(|(at, _)| at), Some(key_stuck));
        // proves R-ALM-11
        assert!(watch.conditions(key_stuck).eq([AlarmCondition::PumpNotHeard, AlarmCondition::StuckKey]));
        assert_eq!(watch.poll_timeout(key_stuck), None, "what has been told needs no waking");
    }

    #[test]
    fn an_uncertain_request_is_an_alarm_after_ten_minutes() {
        let watch = Watch { uncertain: Some(at(Millis::ZERO)), ..Watch::default() };
        assert_eq!(watch.conditions(at(Millis::from_mins(9))).count(), 0);
        assert!(watch.conditions(at(Millis::from_mins(10))).eq([AlarmCondition::RequestUncertain]));
    }

    #[test]
    fn the_battery_tells_at_fifteen_minutes_and_at_five() {
        let told = |minutes| {
            let watch = Watch { battery_left: Some(Millis::from_mins(minutes)), ..Watch::default() };
            watch.conditions(at(Millis::ZERO)).collect::<Vec<_>>()
        };
        assert_eq!(told(16), []);
        assert_eq!(told(15), [AlarmCondition::RemoteBatteryLow]);
        assert_eq!(told(6), [AlarmCondition::RemoteBatteryLow]);
        assert_eq!(told(5), [AlarmCondition::RemoteBatteryDepleted]);
        assert_eq!(Watch::default().conditions(at(Millis::ZERO)).count(), 0);
    }
}
