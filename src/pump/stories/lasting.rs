//! What outlives the power.

use proptest::prelude::*;
use pump_protocol::{
    message::{AuditHead, Command, DenyReason, Fate, Reply, RequestId},
    quantity::Millis,
};
use sha2::{Digest, Sha256};

use super::{PATIENT, bench, mcg};
use crate::{
    durable::DamagedPump,
    pump::{Pump, Setup},
};

#[test]
fn a_pump_restored_in_mid_bolus_is_the_same_running_pump() {
    let mut bench = bench();
    bench.pump.clinician_bolus(mcg(1)).expect("runs");
    bench.pass(Millis::from_hours(3));
    bench.pump.stall();
    bench.pump.unstall();
    let annunciation = bench.pump.report().annunciations[0].id;
    bench.say(PATIENT, &Command::Acknowledge { annunciation, confirm: true });
    bench.grant(PATIENT, 1);
    bench.abort(1);
    let bolus = bench.dose(2);
    bench.pass(Millis::from_secs(100));
    bench.pump.impose(DenyReason::Alarm);
    bench.pump.session_closed(PATIENT);
    bench.pump.persisted();
    let mut restored = Pump::restore(&bench.pump.durable()).expect("intact");
    // proves R-PMP-13
    assert_eq!(restored, bench.pump);
    restored.advance(Millis::from_secs(140));
    bench.pump.advance(Millis::from_secs(140));
    assert_eq!(restored, bench.pump, "the host lets the time pass that it was away");
    assert_eq!(restored.fate(PATIENT, RequestId(2)), Fate::Done { bolus });
}

#[test]
fn a_grant_does_not_outlive_the_power() {
    let mut bench = bench();
    let nonce = bench.grant(PATIENT, 1);
    bench.pump = Pump::restore(&bench.pump.durable()).expect("intact");
    bench.greet(PATIENT);
    assert_eq!(bench.fate(PATIENT, 1), Fate::Voided);
    assert!(matches!(bench.commit(PATIENT, 1, nonce), Reply::Rejected { .. }));
}

#[test]
fn what_must_be_on_disk_before_the_answer_leaves_is_said() {
    let mut bench = bench();
    let mut changes = |what: &dyn Fn(&mut super::Bench)| {
        bench.pump.persisted();
        what(&mut bench);
        bench.pump.must_persist()
    };
    assert!(!changes(&|bench| _ = bench.fate(PATIENT, 1)), "a question changes nothing");
    // proves R-PMP-17
    assert!(changes(&|bench| _ = bench.prepare(PATIENT, 1)), "an id was used");
    assert!(changes(&|bench| _ = bench.abort(1)), "the watermark rose");
    // proves R-PMP-17
    assert!(changes(&|bench| _ = bench.dose(2)), "a dose was committed");
    assert!(!changes(&|bench| bench.pass(Millis::from_mins(1))), "time can be counted again");
    assert!(changes(&|bench| _ = bench.cancel(2)), "the bolus ended");
    assert!(!changes(&|bench| _ = bench.cancel(2)), "and can't end again");
    assert!(changes(&|bench| bench.pump.stop()));
    assert!(!changes(&|bench| bench.pump.stop()), "it is stopped already");
}

#[test]
fn bytes_that_were_cut_or_changed_are_refused_and_named() {
    let mut bench = bench();
    bench.dose(1);
    let bytes = bench.pump.durable();
    for cut in 0..bytes.len() {
        let damage = Pump::restore(&bytes[..cut]).expect_err("cut");
        assert!(matches!(damage, DamagedPump::Short { .. } | DamagedPump::Hash), "cut at {cut}: {damage}");
    }
    for flipped in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[flipped / 8] ^= 1 << (flipped % 8);
        let damage = Pump::restore(&changed).expect_err("flipped");
        let named = match flipped / 8 {
            0..4 => damage == DamagedPump::NotAPump,
            4 => matches!(damage, DamagedPump::Version { .. }),
            _ => damage == DamagedPump::Hash,
        };
        // proves R-PMP-26
        assert!(named, "bit {flipped}: {damage}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Pump::restore(&longer), Err(DamagedPump::Hash));
}

#[test]
fn an_intact_record_that_contradicts_itself_is_no_pump() {
    let mut bench = bench();
    bench.pump.epoch_began = Millis::MAX;
    let impossible = Pump::restore(&bench.pump.durable());
    // proves R-PMP-26
    assert_eq!(impossible, Err(DamagedPump::Impossible("an epoch that begins in the future")));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever can write the hash can write anything: the worst is a refusal, or a pump that works on.
    #[test]
    fn a_forged_record_is_refused_or_works_on(at in any::<prop::sample::Index>(), to in any::<u8>(), twice in any::<bool>()) {
        let mut bench = bench();
        bench.dose(1);
        bench.pump.eri();
        let mut bytes = bench.pump.durable();
        bytes.truncate(bytes.len() - 32);
        let index = 5 + at.index(bytes.len() - 5);
        bytes[index] = to;
        if twice {
            let second = 5 + index * 7 % (bytes.len() - 5);
            bytes[second] ^= to;
        }
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        if let Ok(pump) = Pump::restore(&bytes) {
            bench.pump = pump;
            works_on(&mut bench);
        }
    }
}

fn works_on(bench: &mut super::Bench) {
    bench.pump.session_opened(PATIENT);
    for id in [2, u64::MAX] {
        bench.pass(Millis::from_hours(7));
        bench.pump.stop();
        bench.pump.start();
        _ = bench.say(PATIENT, &Command::Hello { audit_head: AuditHead::default() });
        _ = bench.prepare(PATIENT, id);
        _ = bench.pump.clinician_bolus(mcg(10));
        bench.pass(Millis::MAX);
        _ = bench.say(PATIENT, &Command::Abort { id: RequestId(id) });
    }
}

/// Frozen: bytes of version 1 that are on somebody's disk must stay readable. A change here is a new version.
#[test]
fn version_2_bytes_are_frozen() {
    let mut bench = bench();
    bench.dose(1);
    bench.pass(Millis::from_secs(100));
    bench.cancel(1);
    bench.denied(2);
    bench.pump.stop();
    let new = Pump::new(Setup::demonstration()).durable();
    let used = bench.pump.durable();
    let hex = |bytes: &[u8]| Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert_eq!(
        (new.len(), hex(&new).as_str()),
        (202, "af2d2d4a65e04ec2752e2d9431248f11e88bcb5ef6da88c96b5586219ee90338")
    );
    assert_eq!(
        (used.len(), hex(&used).as_str()),
        (594, "09b56b292838581896c4dc0df2713e620cb7cae879180dfc5bddc8ba8c44df2b")
    );
}
