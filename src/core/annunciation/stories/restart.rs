//! What a restart leaves, byte by byte.

use pump_protocol::{
    quantity::Millis,
    report::AnnunciationKind,
    wire::{decode, encode},
};

use super::{Bedside, NIGHT};
use crate::annunciation::{
    AlarmCondition, Attention, Change, KeptAlarms, Priority, Standing, condition::MEDIUM_ESCALATES,
};

use AlarmCondition::{LowReservoir, OcclusionSuspected, PumpStopped, StuckKey, UnaccountedDose};

#[test]
fn after_a_restart_the_unacknowledged_sounds_anew_and_the_acknowledged_stays_seen() {
    let mut bedside = Bedside::with_pump(AnnunciationKind::PumpStopped, 7);
    bedside.own = vec![StuckKey, UnaccountedDose];
    bedside.look();
    bedside.own = vec![StuckKey];
    bedside.look();
    bedside.acknowledge(StuckKey);
    assert!(bedside.pause());
    bedside.after(Millis::from_secs(1));
    bedside.restart();
    bedside.pump = None;
    assert_eq!(bedside.look(), []);
    assert_eq!(bedside.listed(), [PumpStopped, UnaccountedDose, StuckKey]);
    let seen = |standing: &Standing| matches!(standing.attention(), Attention::Acknowledged(_));
    assert!(bedside.alarms.list().map(seen).eq([false, false, true]));
    assert!(bedside.sounds(NIGHT) && !bedside.pause(), "the pause is over, and another needs to be heard first");
}

#[test]
fn an_escalated_condition_is_still_escalated_after_a_restart() {
    let mut bedside = Bedside::with(&[StuckKey]);
    bedside.after(MEDIUM_ESCALATES);
    bedside.restart();
    bedside.look();
    assert_eq!(bedside.signals().priority, Priority::High);
}

#[test]
fn what_survives_a_restart_has_these_bytes_for_ever() {
    let mut bedside = Bedside::with_pump(AnnunciationKind::PumpStopped, 0x0102);
    bedside.own = vec![OcclusionSuspected, StuckKey];
    bedside.look();
    bedside.own = vec![OcclusionSuspected];
    bedside.look();
    bedside.after(MEDIUM_ESCALATES);
    bedside.acknowledge(PumpStopped);
    let frozen = [
        [0x03, 0x00].as_slice(),
        // Pump stopped: lasts, acknowledged, annunciation 0x0102 not confirmed.
        &[0x01, 0xFF, 0x00, 0xFF, 0xFF, 0x02, 0x01, 0x00],
        // Occlusion suspected: lasts, escalated.
        &[0x06, 0xFF, 0xFF, 0x00, 0x00],
        // Stuck key: latched.
        &[0x0E, 0x00, 0x00, 0x00, 0x00],
    ]
    .concat();
    assert_eq!(encode(&bedside.alarms.kept()), frozen);
    assert_eq!(decode(&frozen), Ok(bedside.alarms.kept()));
}

#[test]
fn a_list_that_no_engine_writes_is_refused() {
    let lasting = |condition| [condition, 0xFF, 0x00, 0x00, 0x00];
    let list = |entries: &[[u8; 5]]| {
        let len = u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes();
        decode::<KeptAlarms>(&[len.as_slice(), &entries.concat()].concat())
    };
    assert!(list(&[lasting(1), lasting(2)]).is_ok());
    assert!(list(&[lasting(2), lasting(1)]).is_err(), "out of order");
    assert!(list(&[lasting(1), lasting(1)]).is_err(), "twice");
    assert!(list(&[lasting(25)]).is_err(), "no such condition");
    assert!(list(&[[1, 0x00, 0x00, 0xFF, 0x00]]).is_err(), "acknowledged and gone is not listed");
}

#[test]
fn every_change_has_bytes_for_ever_and_words() {
    let condition = PumpStopped;
    let changes = [
        (
            Change::Raised { condition, priority: Priority::High },
            vec![0x0F, 1, 0x3C],
            "alarm raised: pump stopped, high",
        ),
        (
            Change::Escalated { condition: LowReservoir, priority: Priority::Medium },
            vec![0x33, 16, 0x33],
            "alarm not acknowledged: low reservoir, medium now",
        ),
        (Change::Realarmed { condition }, vec![0x3C, 1], "alarm raised again, it lasts: pump stopped"),
        (Change::Acknowledged { condition }, vec![0x55, 1], "alarm acknowledged: pump stopped"),
        (
            Change::Ceased { condition },
            vec![0x5A, 1],
            "alarm's cause is gone, nobody has acknowledged it: pump stopped",
        ),
        (Change::Cleared { condition }, vec![0x66, 1], "alarm over: pump stopped"),
        (Change::AudioPaused, vec![0x69], "alarm sound paused"),
        (Change::AudioOn, vec![0x96], "alarm sound on again"),
    ];
    for (change, bytes, words) in changes {
        assert_eq!(encode(&change), bytes);
        assert_eq!(decode(&bytes), Ok(change));
        assert_eq!(change.to_string(), words);
    }
}
