//! From being raised to being cleared: acknowledging, latching, escalating, and what the pump is told.

use pump_protocol::{
    quantity::Millis,
    report::{AnnunciationKind, AnnunciationState},
};

use super::{Bedside, DAY, NIGHT, shortly_before};
use crate::annunciation::{
    AlarmCondition, Change, Priority,
    condition::{LOW_ESCALATES, MEDIUM_ESCALATES},
    signal::{Colour, HIGH_BURST, HIGH_FLASH, MEDIUM_BURST},
};

use AlarmCondition::{
    ClockInDoubt, DoseUnknownToRecord, LowReservoir, OcclusionSuspected, PumpNotHeard, PumpStopped, SelfTestFailed,
    StuckKey, ToneFailed, UnaccountedDose,
};

#[test]
fn an_acknowledged_condition_is_silent_and_listed_as_long_as_its_cause_lasts() {
    let mut bedside = Bedside::with(&[ToneFailed]);
    assert_eq!(bedside.acknowledge(ToneFailed), [Change::Acknowledged { condition: ToneFailed }]);
    assert_eq!(bedside.acknowledge(ToneFailed), [], "seen once is seen");
    assert_eq!(bedside.listed(), [ToneFailed]);
    let signals = bedside.signals();
    assert_eq!((signals.sound, signals.vibration), (None, None));
    assert_eq!((signals.light.colour, signals.light.flash), (Colour::Yellow, None), "steady: seen, and it lasts");
    bedside.own.clear();
    assert_eq!(bedside.look(), [Change::Cleared { condition: ToneFailed }]);
    assert_eq!(bedside.listed(), []);
}

#[test]
fn acknowledging_one_leaves_the_others_as_they_are() {
    let mut bedside = Bedside::with(&[PumpStopped, StuckKey]);
    bedside.acknowledge(PumpStopped);
    let signals = bedside.signals();
    assert_eq!(signals.sound, Some(&MEDIUM_BURST));
    assert_eq!((signals.light.colour, signals.light.flash), (Colour::Red, Some(HIGH_FLASH)));
}

#[test]
fn what_is_not_listed_can_not_be_acknowledged() {
    let mut bedside = Bedside::with(&[StuckKey]);
    assert_eq!(bedside.acknowledge(PumpStopped), []);
    assert_eq!(bedside.listed(), [StuckKey]);
}

#[test]
fn a_latching_condition_stays_after_its_cause_until_somebody_has_seen_it() {
    let mut bedside = Bedside::with(&[SelfTestFailed, ToneFailed]);
    bedside.own.clear();
    assert_eq!(
        bedside.look(),
        [Change::Cleared { condition: ToneFailed }, Change::Ceased { condition: SelfTestFailed }]
    );
    assert_eq!(bedside.after(MEDIUM_ESCALATES), [], "a cause that is gone makes nothing more urgent");
    assert_eq!(bedside.listed(), [SelfTestFailed]);
    assert!(bedside.sounds(DAY));
    let changes = bedside.acknowledge(SelfTestFailed);
    let condition = SelfTestFailed;
    assert_eq!(changes, [Change::Acknowledged { condition }, Change::Cleared { condition }]);
    assert_eq!(bedside.listed(), []);
}

#[test]
fn what_happened_once_becomes_more_urgent_though_it_is_over() {
    for condition in [UnaccountedDose, DoseUnknownToRecord] {
        let mut bedside = Bedside::with(&[condition]);
        bedside.own.clear();
        bedside.look();
        // proves R-ALM-08
        assert_eq!(bedside.after(MEDIUM_ESCALATES), [Change::Escalated { condition, priority: Priority::High }]);
        assert_eq!(bedside.after(MEDIUM_ESCALATES), []);
    }
}

#[test]
fn a_latched_condition_whose_cause_comes_back_is_raised_again() {
    let mut bedside = Bedside::with(&[SelfTestFailed]);
    bedside.own.clear();
    bedside.look();
    bedside.own.push(SelfTestFailed);
    let raised = Change::Raised { condition: SelfTestFailed, priority: Priority::Medium };
    assert_eq!(bedside.after(Millis::from_mins(1)), [raised]);
}

#[test]
fn a_pump_that_is_not_heard_stays_so_until_it_is_heard_also_across_a_restart() {
    let mut bedside = Bedside::quiet();
    (bedside.pump, bedside.own) = (None, vec![PumpNotHeard]);
    bedside.look();
    bedside.restart();
    bedside.own.clear();
    bedside.look();
    assert_eq!(bedside.listed(), [PumpNotHeard], "the count of hours began anew; the pump's silence didn't");
    bedside.pump = Some(vec![]);
    assert_eq!(bedside.look(), [Change::Cleared { condition: PumpNotHeard }]);
}

#[test]
fn what_the_pump_took_back_is_not_held_up_by_its_silence() {
    let mut bedside = Bedside::with_pump(AnnunciationKind::PumpStopped, 7);
    bedside.pump = Some(vec![]);
    assert_eq!(bedside.look(), [Change::Ceased { condition: PumpStopped }]);
    (bedside.pump, bedside.own) = (None, vec![PumpStopped]);
    bedside.look();
    bedside.acknowledge(PumpStopped);
    bedside.own.clear();
    assert_eq!(bedside.look(), [Change::Cleared { condition: PumpStopped }], "only the remote said so this time");
}

#[test]
fn what_is_acknowledged_here_is_owed_to_the_pump_until_it_says_so() {
    let mut bedside = Bedside::with_pump(AnnunciationKind::LowReservoir, 7);
    assert_eq!(bedside.alarms.owed_to_pump().count(), 0);
    bedside.pump = None;
    bedside.look();
    bedside.acknowledge(LowReservoir);
    bedside.restart();
    bedside.pump_lists(AnnunciationKind::LowReservoir, 7, AnnunciationState::Snoozed);
    bedside.look();
    assert!(bedside.alarms.owed_to_pump().eq([7]), "acknowledged while the pump was away, before a restart");
    bedside.pump_lists(AnnunciationKind::LowReservoir, 7, AnnunciationState::Confirmed);
    bedside.look();
    assert_eq!(bedside.alarms.owed_to_pump().count(), 0);
    assert_eq!(bedside.listed(), [LowReservoir]);
}

#[test]
fn what_was_confirmed_elsewhere_still_has_to_be_seen_here() {
    let mut bedside = Bedside::quiet();
    bedside.pump_lists(AnnunciationKind::PumpStopped, 7, AnnunciationState::Confirmed);
    bedside.look();
    assert!(bedside.sounds(NIGHT));
}

#[test]
fn another_annunciation_of_the_same_kind_is_another_occurrence() {
    let mut bedside = Bedside::with_pump(AnnunciationKind::MotorStall, 7);
    bedside.acknowledge(AlarmCondition::MotorStall);
    bedside.pump_lists(AnnunciationKind::MotorStall, 8, AnnunciationState::Pending);
    let raised = Change::Raised { condition: AlarmCondition::MotorStall, priority: Priority::High };
    assert_eq!(bedside.after(Millis::from_secs(30)), [raised]);
    assert!(bedside.sounds(DAY));
}

#[test]
fn a_medium_condition_left_unacknowledged_becomes_high_once() {
    let mut bedside = Bedside::with(&[OcclusionSuspected, StuckKey]);
    bedside.acknowledge(StuckKey);
    let (at, _) = bedside.alarms.poll_timeout(bedside.now).expect("an escalation is ahead");
    assert_eq!(at, bedside.now.after(MEDIUM_ESCALATES));
    assert_eq!(bedside.after(shortly_before(MEDIUM_ESCALATES)), []);
    let escalated = Change::Escalated { condition: OcclusionSuspected, priority: Priority::High };
    assert_eq!(bedside.after(Millis::new(1)), [escalated]);
    assert_eq!(bedside.signals().sound, Some(&HIGH_BURST));
    bedside.acknowledge(OcclusionSuspected);
    assert_eq!(bedside.signals().priority, Priority::High, "never downwards while it stands");
    bedside.own.clear();
    bedside.look();
    bedside.own.push(OcclusionSuspected);
    bedside.look();
    assert_eq!(bedside.signals().priority, Priority::Medium, "another occurrence");
}

#[test]
fn a_low_condition_becomes_medium_only_where_the_table_says_so() {
    let mut bedside = Bedside::with(&[LowReservoir, ClockInDoubt]);
    let escalated = Change::Escalated { condition: LowReservoir, priority: Priority::Medium };
    assert_eq!(bedside.after(LOW_ESCALATES), [escalated]);
    assert_eq!(bedside.after(MEDIUM_ESCALATES), [], "one step, once");
}

#[test]
fn a_cause_that_comes_and_goes_escalates_like_one_that_lasts() {
    let mut bedside = Bedside::with(&[OcclusionSuspected]);
    for _ in 0..29 {
        bedside.own.clear();
        bedside.after(Millis::from_secs(30));
        bedside.own.push(OcclusionSuspected);
        bedside.after(Millis::from_secs(30));
    }
    let changes = bedside.after(Millis::from_mins(1));
    assert_eq!(changes, [Change::Escalated { condition: OcclusionSuspected, priority: Priority::High }]);
}

#[test]
fn an_acknowledged_high_condition_that_lasts_is_told_again_after_an_hour_and_others_after_a_day() {
    let mut bedside = Bedside::with(&[PumpStopped, StuckKey]);
    bedside.acknowledge(PumpStopped);
    bedside.acknowledge(StuckKey);
    let an_hour = Millis::from_mins(60);
    assert_eq!(bedside.after(shortly_before(an_hour)), []);
    assert_eq!(bedside.after(Millis::new(1)), [Change::Realarmed { condition: PumpStopped }]);
    assert_eq!(bedside.signals().sound, Some(&HIGH_BURST));
    let rest_of_the_day = Millis::from_hours(23);
    assert_eq!(bedside.after(rest_of_the_day), [Change::Realarmed { condition: StuckKey }]);
}
