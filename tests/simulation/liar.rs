//! A pump that says anything: it can't make the machine break a promise, panic, or turn without end.
//!
//! Only the world's own checks hold here: nothing leaves before its record, no id is committed twice, NOT SURE ends by a
//! word of the pump's, and every input sets off a bounded number of steps. What a liar says went in, nobody can check.

use pump_protocol::{
    clock::PumpTime,
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{BolusRef, Denial, HistoryPage, Nonce, RefusedReason, Reply, StatusChanged},
    quantity::{Dose, Millis},
    wire::Bounded,
};
use pump_tests::{CommandKind, Effect, Fault, OURS, Point, World, chance::Chance, hostile::every_fate, id};

use crate::{Again, from_environment, seeds};

const RUNS: u64 = 300;

#[test]
fn whatever_a_pump_says_the_machine_keeps_its_own_promises_and_never_spins() {
    for seed in seeds(from_environment("RUNS").unwrap_or(RUNS)) {
        let _again = Again { test: "whatever_a_pump", seed };
        let mut chance = Chance::new(seed);
        let mut world = World::ready();
        world.pump_is_honest = false;
        for _ in 0..30 {
            world.seen();
            for _ in 0..chance.below(4) {
                let at = chance.pick(&[
                    CommandKind::Hello,
                    CommandKind::Prepare,
                    CommandKind::Commit,
                    CommandKind::Query,
                    CommandKind::Abort,
                    CommandKind::Cancel,
                    CommandKind::Other,
                    CommandKind::Other,
                ]);
                let effect = Effect::Answer(Box::new(lie(&world, &mut chance)));
                world.faults.push(Fault { at, point: Point::AfterReceipt, effect });
            }
            match chance.below(6) {
                0 => world.cut_link(),
                1 => world.crash(),
                2 => world.hold_stop(),
                3 => world.doze(Millis::from_mins(chance.between(1, 150)), Millis::from_secs(30)),
                _ => world.hold_dose(),
            }
            world.pass(Millis::from_secs(chance.between(0, 40)));
        }
    }
}

fn lie(world: &World, chance: &mut Chance) -> Reply {
    let request = id(chance.between(1, 6));
    let bolus = BolusRef {
        bolus: BolusId(u32::try_from(chance.below(5)).expect("small")),
        history_seq: HistorySeq(chance.pick(&[0, 1, 2, 3, 1_000, u64::MAX])),
        start: PumpTime::new(chance.pick(&[0, 1, 2, u32::MAX]), Millis::new(chance.pick(&[0, 60_000, u64::MAX]))),
        dose: Dose::from_micrograms(chance.pick(&[0, 50, 4_000_000])),
    };
    let delivered = chance.pick(&[
        Delivered::exactly(Dose::ZERO),
        Delivered { at_least: Dose::from_micrograms(50), at_most: Dose::from_micrograms(10) },
    ]);
    let end = chance.pick(&[BolusEnd::Complete, BolusEnd::Cancelled, BolusEnd::Reset]);
    let remaining = Millis::new(chance.pick(&[0, 1, u64::MAX]));
    let fate = chance.pick(&every_fate(bolus, delivered, end, remaining));
    match chance.below(10) {
        0..=2 => Reply::Fate { id: request, fate, watermark: id(chance.pick(&[0, 1, 5, 40])) },
        3 => Reply::Granted {
            id: request,
            nonce: Nonce([9; 16]),
            dose: Dose::from_micrograms(chance.pick(&[50, 51])),
            life: Millis::new(chance.pick(&[0, 1, 10_000, u64::MAX])),
        },
        4 => Reply::Denied { id: request, denial: Denial::default() },
        5 => Reply::Accepted { id: request, bolus },
        6 => Reply::Refused { reason: RefusedReason::Malformed },
        7 => Reply::Status { changed: StatusChanged::HISTORY.with(StatusChanged::PRESCRIPTION) },
        8 => {
            let mut report = world.pump.report();
            report.time = bolus.start;
            report.history_head = bolus.history_seq;
            report.lockout_remaining = Millis::new(chance.pick(&[0, 1, u64::MAX]));
            report.allotment.used = chance.pick(&[0, 4, 255]);
            Reply::Report(Box::new(report))
        }
        _ => {
            let seq = HistorySeq(chance.between(1, 9));
            let origin = chance.pick(&[Origin::Clinician, Origin::Unknown, Origin::Remote { key: OURS, id: request }]);
            let event = HistoryEvent::BolusEnded { bolus: bolus.bolus, origin, delivered, end };
            let entries = Bounded::filled_from([HistoryEntry { seq, at: bolus.start, event }]);
            Reply::History(HistoryPage { first: HistorySeq(chance.between(1, 9)), head: bolus.history_seq, entries })
        }
    }
}
