//! What is heard, seen and felt, and how it is paused.

use pump_protocol::{clock::Uptime, quantity::Millis, report::AnnunciationKind};

use super::{Bedside, DAY, NIGHT, shortly_before};
use crate::annunciation::{
    AlarmCondition, Change, Priority,
    condition::MEDIUM_ESCALATES,
    engine::{AUDIBLE_MIN, AUDIO_PAUSE_MAX},
    signal::{
        Colour, HIGH_BURST, HIGH_FLASH, LOW_TOLD_AGAIN, LOW_TOLD_FOR, LOW_VIBRATION, MEDIUM_BURST, Signals,
        Surroundings,
    },
};

use AlarmCondition::{
    ClockInDoubt, EmptyReservoir, LowReservoir, MotorStall, OcclusionSuspected, PumpStopped, RemoteBatteryLow,
    StuckKey, ToneFailed,
};

#[test]
fn a_stopped_pump_is_told_by_light_sound_and_vibration() {
    let bedside = Bedside::with_pump(AnnunciationKind::PumpStopped, 7);
    let signals = bedside.signals();
    assert_eq!(signals.priority, Priority::High);
    assert_eq!((signals.light.colour, signals.light.flash), (Colour::Red, Some(HIGH_FLASH)));
    assert_eq!(signals.sound, Some(&HIGH_BURST));
    assert!(signals.vibration.is_some());
    assert_eq!(bedside.alarms.poll_timeout(bedside.now), None, "it can't get worse by itself");
}

#[test]
fn nothing_is_louder_than_a_pump_that_gives_nothing() {
    /// How much of the time it sounds and vibrates, in parts of a thousand, and how often the lamp flashes in a minute.
    fn loudness(signals: Signals) -> [u64; 3] {
        let share = |sounds: u64, rests: u64| sounds * 1_000 / (sounds + rests);
        let (sound, vibration) = (signals.sound.expect("by day"), signals.vibration.expect("at first"));
        let spaces: u64 = sound.pulses.iter().map(|(_, space)| u64::from(*space)).sum();
        let pulses = sound.pulses.len() as u64 * u64::from(sound.pulse_ms);
        let (felt, taps) = (u64::from(vibration.pulse_ms), u64::from(vibration.pulses));
        [
            share(pulses, spaces + u64::from(sound.interval_ms)),
            share(taps * felt, (taps - 1) * u64::from(vibration.spacing_ms) + u64::from(vibration.interval_ms)),
            signals.light.flash.map_or(0, |flash| 60_000 / u64::from(flash.period_ms)),
        ]
    }
    let alone = |condition| loudness(Bedside::with(&[condition]).signals());
    for condition in AlarmCondition::ALL {
        for (silent, heard) in alone(condition).into_iter().zip(alone(PumpStopped)) {
            // proves R-ALM-09
            assert!(silent <= heard, "{condition:?}: {:?}", alone(condition));
        }
        assert!(alone(EmptyReservoir) == alone(PumpStopped));
    }
    // And whatever stands beside it, it is what is told.
    let everything = Bedside::with(&AlarmCondition::ALL);
    // proves R-ALM-09
    assert_eq!(
        (everything.listed()[..3].to_vec(), everything.signals().priority),
        (vec![PumpStopped, MotorStall, EmptyReservoir], Priority::High)
    );
}

#[test]
fn nothing_wrong_is_silent_and_dark() {
    let bedside = Bedside::quiet();
    assert_eq!(bedside.alarms.signals(bedside.now, DAY), None);
    assert_eq!(bedside.alarms.poll_timeout(bedside.now), None);
}

#[test]
fn the_most_urgent_comes_first_and_rules_while_the_others_stay_listed() {
    let bedside = Bedside::with(&[ClockInDoubt, LowReservoir, StuckKey, PumpStopped, OcclusionSuspected]);
    assert_eq!(bedside.listed(), [PumpStopped, OcclusionSuspected, StuckKey, LowReservoir, ClockInDoubt]);
    assert_eq!(bedside.signals().sound, Some(&HIGH_BURST));
}

#[test]
fn the_sound_pauses_for_two_minutes_and_comes_back_by_itself() {
    let mut bedside = Bedside::with(&[PumpStopped]);
    assert!(bedside.pause());
    bedside.after(shortly_before(AUDIO_PAUSE_MAX));
    let signals = bedside.signals();
    assert!(signals.sound.is_none() && signals.vibration.is_some() && signals.light.flash.is_some());
    assert_eq!(signals.audio_paused_until, Some(Uptime::default().after(AUDIO_PAUSE_MAX)));
    assert_eq!(bedside.alarms.poll_timeout(bedside.now).map(|(at, _)| at), signals.audio_paused_until);
    bedside.now = bedside.now.after(Millis::new(1));
    assert!(bedside.sounds(DAY), "at its end already, before anything was looked at");
    assert_eq!(bedside.look(), [Change::AudioOn]);
    assert!(bedside.sounds(DAY));
}

#[test]
fn a_pause_can_be_repeated_but_only_after_the_alarm_was_heard() {
    let mut bedside = Bedside::with(&[PumpStopped]);
    assert!(bedside.pause());
    assert!(!bedside.pause(), "a second press doesn't lengthen it");
    bedside.after(AUDIO_PAUSE_MAX);
    assert!(!bedside.pause());
    bedside.after(shortly_before(AUDIBLE_MIN));
    assert!(!bedside.pause());
    bedside.after(Millis::new(1));
    assert!(bedside.pause());
    assert!(AUDIBLE_MIN >= HIGH_BURST.length().saturating_add(Millis::new(u64::from(HIGH_BURST.interval_ms))));
}

#[test]
fn nothing_can_be_paused_in_advance() {
    assert!(!Bedside::quiet().pause());
    let mut bedside = Bedside::with(&[StuckKey]);
    bedside.acknowledge(StuckKey);
    assert!(!bedside.pause());
}

#[test]
fn something_as_urgent_ends_the_pause_at_once_and_something_less_urgent_does_not() {
    let mut bedside = Bedside::with(&[StuckKey]);
    assert!(bedside.pause());
    bedside.own.push(RemoteBatteryLow);
    bedside.after(Millis::from_secs(1));
    assert!(!bedside.sounds(DAY));
    bedside.own.push(ToneFailed);
    let raised = Change::Raised { condition: ToneFailed, priority: Priority::Medium };
    assert_eq!(bedside.after(Millis::from_secs(1)), [raised, Change::AudioOn]);
    assert!(bedside.sounds(DAY));
}

#[test]
fn a_pause_ends_when_nothing_is_left_to_silence() {
    let mut bedside = Bedside::with(&[StuckKey]);
    assert!(bedside.pause());
    assert_eq!(bedside.acknowledge(StuckKey), [Change::Acknowledged { condition: StuckKey }, Change::AudioOn]);
}

#[test]
fn losing_the_link_ends_a_pause_and_leaves_acknowledgements_alone() {
    let mut bedside = Bedside::with_pump(AnnunciationKind::PumpStopped, 7);
    bedside.own.push(StuckKey);
    bedside.look();
    bedside.acknowledge(PumpStopped);
    assert!(bedside.pause());
    bedside.pump = None;
    assert_eq!(bedside.look(), [Change::AudioOn]);
    assert_eq!(bedside.listed(), [PumpStopped, StuckKey], "silence cures nothing");
    assert_eq!(bedside.signals().sound, Some(&MEDIUM_BURST));
}

#[test]
fn a_low_condition_is_told_every_quarter_of_an_hour_until_somebody_has_seen_it() {
    let mut bedside = Bedside::with(&[ClockInDoubt]);
    let mut edges = Vec::new();
    for round in 0..4 {
        assert_eq!(bedside.sounds(DAY), round % 2 == 0);
        assert_eq!(bedside.signals().light.colour, Colour::Cyan);
        let (at, _) = bedside.alarms.poll_timeout(bedside.now).expect("another round");
        edges.push(at.since(Uptime::default()));
        bedside.now = at;
    }
    let quarter = Millis::from_mins(15);
    let second = quarter.saturating_add(LOW_TOLD_FOR);
    assert_eq!(edges, [LOW_TOLD_FOR, quarter, second, quarter.saturating_add(quarter)]);
}

#[test]
fn an_engine_that_was_asked_too_late_wants_to_be_asked_at_once() {
    let mut bedside = Bedside::with(&[StuckKey]);
    bedside.now = bedside.now.after(MEDIUM_ESCALATES).after(Millis::from_mins(1));
    assert_eq!(bedside.alarms.poll_timeout(bedside.now), Some((bedside.now, "an alarm escalates")));
    bedside.look();
    assert_eq!(bedside.alarms.poll_timeout(bedside.now), None);
}

#[test]
fn at_night_a_low_condition_is_seen_and_felt_once_and_a_high_one_is_heard() {
    let mut bedside = Bedside::with(&[ClockInDoubt]);
    let signals = |bedside: &Bedside| bedside.alarms.signals(bedside.now, NIGHT).expect("listed");
    assert_eq!((signals(&bedside).sound, signals(&bedside).vibration), (None, Some(&LOW_VIBRATION)));
    bedside.after(shortly_before(LOW_TOLD_FOR));
    assert_eq!(signals(&bedside).vibration, Some(&LOW_VIBRATION), "for as long as it is told");
    bedside.after(LOW_TOLD_AGAIN);
    assert_eq!((signals(&bedside).sound, signals(&bedside).vibration), (None, None), "no reminder at night");
    bedside.own.push(PumpStopped);
    bedside.look();
    assert_eq!(signals(&bedside).sound, Some(&HIGH_BURST));
}

#[test]
fn where_no_motor_is_a_low_condition_is_heard_once_at_night() {
    let mut bedside = Bedside::with(&[ClockInDoubt]);
    let unfelt = Surroundings { motor: false, ..NIGHT };
    assert!(bedside.sounds(unfelt) && !bedside.sounds(NIGHT));
    bedside.after(LOW_TOLD_FOR);
    assert!(!bedside.sounds(unfelt));
    bedside.after(LOW_TOLD_AGAIN.saturating_sub(LOW_TOLD_FOR));
    assert!(!bedside.sounds(unfelt) && bedside.sounds(DAY), "told again by day alone");
}

#[test]
fn every_alarm_reaches_two_senses_when_it_begins() {
    let wherever = [(false, false), (false, true), (true, false), (true, true)];
    for (condition, (quiet_hours, motor)) in AlarmCondition::ALL.into_iter().flat_map(|it| wherever.map(|at| (it, at)))
    {
        let bedside = Bedside::with(&[condition]);
        let signals = bedside.alarms.signals(bedside.now, Surroundings { quiet_hours, motor }).expect("listed");
        // Its lamp shines whatever else it does; that is seeing.
        // proves R-ALM-03
        assert!(signals.sound.is_some() || (motor && signals.vibration.is_some()), "{condition:?}: {signals:?}");
    }
}
