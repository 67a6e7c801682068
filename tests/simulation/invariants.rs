//! What must hold after every step, each as a function that says it.

use std::collections::{BTreeMap, BTreeSet};

use pump_core::{audit::event::Event, screen::Face};
use pump_protocol::{
    history::{BolusEnd, Delivered, HistoryEvent, Origin},
    message::{AuditHead, Command, DenyReason, Nonce, Reply, RequestId, Role},
    quantity::{Dose, Millis},
};
use pump_tests::{OURS, World, chronicle::ToldBolus};

use crate::actions::Story;

const DAY: Millis = Millis::from_hours(24);

/// All of them.
pub(crate) fn hold(story: &mut Story) {
    let world = &story.world;
    delivered_doses_are_committed_ids_are_full_holds(world);
    no_id_is_started_twice(world);
    the_pump_keeps_lockout_allotment_and_window(world);
    the_page_promises_no_more_than_the_pump(world);
    every_outcome_on_record_agrees_with_the_pumps_history(world, story.judged);
    an_open_question_has_not_ended_on_record(world);
    the_accounts_differ_only_for_a_reason(world);
    story.judged = world.record().len();
}

fn delivered_doses_are_committed_ids_are_full_holds(world: &World) {
    let committed: BTreeSet<u64> = committed(world).collect();
    let started = ours(world).len();
    // proves R-REQ-20
    assert!(started <= committed.len(), "{started} boluses of {} committed ids", committed.len());
    // proves R-REQ-20
    assert!(committed.len() <= world.full_holds, "{} ids of {} full holds", committed.len(), world.full_holds);
    assert_eq!(committed.len(), self::committed(world).count(), "an id was committed twice");
}

fn no_id_is_started_twice(world: &World) {
    let mut started = BTreeSet::new();
    for bolus in world.chronicle.boluses() {
        if let Origin::Remote { key, id } = bolus.origin {
            // proves R-REQ-12
            assert!(started.insert((key, id)), "{id} of {key:?} was started twice");
        }
    }
}

/// A reference account that owes nothing to either machine: true times, and the prescription in force at each start.
fn the_pump_keeps_lockout_allotment_and_window(world: &World) {
    let boluses = world.chronicle.boluses();
    for told in world.chronicle.iter() {
        let HistoryEvent::BolusStarted { bolus, origin: Origin::Remote { .. }, dose, .. } = told.entry.event else {
            continue;
        };
        let rules = told.prescription.programmed();
        let counted = |other: &&ToldBolus| {
            let nothing = other
                .ended
                .is_some_and(|(at, delivered, _)| at <= told.at && delivered == Delivered::exactly(Dose::ZERO));
            other.bolus < bolus && !nothing
        };
        let earlier: Vec<&ToldBolus> = boluses.iter().filter(counted).collect();
        let since = |moment: Millis| told.at.saturating_sub(moment);
        for other in &earlier {
            // proves R-PMP-08
            assert!(since(other.started) >= rules.lockout_interval, "{bolus:?} within the lockout of {other:?}");
        }
        let resets = world.chronicle.iter().filter(|entry| matches!(entry.entry.event, HistoryEvent::Reset));
        for reset in resets.filter(|reset| reset.at <= told.at && reset.entry.seq < told.entry.seq) {
            assert!(since(reset.at) >= rules.lockout_interval, "{bolus:?} within the lockout of a reset");
        }
        let demanded = earlier.iter().filter(|other| matches!(other.origin, Origin::Remote { .. }));
        let used = demanded.filter(|other| since(other.started) < DAY).count();
        // proves R-PMP-09
        assert!(used < usize::from(rules.allotment), "{bolus:?} is one more than the allotment of {}", rules.allotment);
        let window = rules.window_limit.window;
        let least_basal =
            rules.basal.iter().map(|segment| segment.rate).min().expect("a day has a segment").over(window);
        let doses = earlier.iter().filter(|other| since(other.started) < window).map(|other| other.dose);
        let sum = doses.fold(least_basal.saturating_add(dose), Dose::saturating_add);
        assert!(sum <= rules.window_limit.amount, "{bolus:?} makes {sum} of {}", rules.window_limit.amount);
    }
}

fn the_page_promises_no_more_than_the_pump(world: &World) {
    if !world.is_up_to_date() {
        return;
    }
    let report = world.pump.report();
    let allotment = world.pump.prescription().programmed().allotment;
    match world.face() {
        Face::Ready(offer) => {
            assert_eq!(report.lockout_remaining, Millis::ZERO, "READY within the pump's lockout");
            assert!(report.allotment.used < allotment, "READY with the allotment used");
            assert!(offer.left <= allotment - report.allotment.used, "more doses promised than left");
            assert!(report.bolus.is_none(), "READY while a bolus runs");
            // What the pump would say: a copy of it is asked.
            let mut copy = world.pump.clone();
            let prescription = copy.prescription().hash();
            let prepare = Command::Prepare { id: RequestId(u64::MAX), prescription, audit_head: AuditHead::default() };
            if let Reply::Denied { denial, .. } = copy.handle(OURS, Role::Patient, &prepare, Nonce::default()) {
                let limits = [DenyReason::WindowLimit, DenyReason::Allotment, DenyReason::Lockout];
                assert!(!limits.iter().any(|limit| denial.reasons.contains(*limit)), "READY, and the pump: {denial:?}");
            }
        }
        Face::Wait(wait) => {
            // proves R-ANS-03
            assert!(wait.remaining >= report.lockout_remaining, "{wait:?}, the pump: {}", report.lockout_remaining);
            if report.allotment.used == allotment {
                assert!(wait.remaining >= report.allotment.next_return, "{wait:?}, the pump: {:?}", report.allotment);
            }
        }
        _ => {}
    }
}

fn every_outcome_on_record_agrees_with_the_pumps_history(world: &World, judged: usize) {
    let ours = ours(world);
    for happened in &world.record()[judged.min(world.record().len())..] {
        let ended = |id: &RequestId| ours.get(&id.0).and_then(|told| told.ended);
        match &happened.event {
            Event::Delivered { id, .. } => {
                assert!(matches!(ended(id), Some((_, _, BolusEnd::Complete))), "{id} GIVEN: {:?}", ours.get(&id.0));
            }
            Event::DeliveredInPart { id, delivered, end, .. } => {
                let told = ended(id).map(|(_, delivered, end)| (delivered, end));
                assert_eq!(told, Some((*delivered, *end)), "{id} GIVEN IN PART");
            }
            Event::NotGiven { id, .. } | Event::Denied { id, .. } | Event::Rejected { id, .. } => {
                let nothing = ended(id).is_some_and(|(_, delivered, _)| delivered == Delivered::exactly(Dose::ZERO));
                // proves R-REQ-08
                assert!(nothing || !ours.contains_key(&id.0), "{id} NOT GIVEN: {:?}", ours.get(&id.0));
            }
            _ => {}
        }
    }
}

fn an_open_question_has_not_ended_on_record(world: &World) {
    let Some(request) = world.remote.request() else { return };
    let ended = world.recorded(|event| ends(event) == Some(request.id));
    assert_eq!(ended, 0, "{} is open and has an outcome on record", request.id);
}

/// What one side counts and the other can't: time lost in a reset, history that is gone, a dose that nobody saw, other rules.
fn the_accounts_differ_only_for_a_reason(world: &World) {
    let told = |event: &HistoryEvent| matches!(event, HistoryEvent::Reset | HistoryEvent::Reprogrammed { .. });
    let recorded = |event: &Event| {
        matches!(event, Event::AssumedGiven { .. } | Event::HistoryGap { .. } | Event::RecordsLost { .. })
    };
    let reason = world.chronicle.iter().any(|told_of| told(&told_of.entry.event)) || world.recorded(recorded) > 0;
    let differ = world.record().iter().find(|happened| matches!(happened.event, Event::AccountsDiffer { .. }));
    // proves R-REQ-22
    assert!(reason || differ.is_none(), "the accounts differ for no reason: {differ:?}");
}

/// Liveness: with all faults off for ten minutes, nothing is open, and the record tells what the pump's history tells.
pub(crate) fn every_question_is_answered_in_the_end(story: &Story) {
    let world = &story.world;
    // proves R-REQ-21
    assert_eq!(
        world.remote.request(),
        None,
        "open still, after ten minutes in which all was well: {:?}",
        world.sent.last()
    );
    assert!(world.remote.all_stored(), "something waits to be recorded, and the disk works");
    let head = world.pump.history().next_back().map(|entry| entry.seq).unwrap_or_default();
    assert_eq!(world.kept().history_read, head, "the pump's history is not known to its head");
    if world.recorded(|event| matches!(event, Event::RecordsLost { .. })) > 0 {
        return;
    }
    let outcomes: Vec<RequestId> = world.record().iter().filter_map(|happened| ends(&happened.event)).collect();
    let once: BTreeSet<RequestId> = outcomes.iter().copied().collect();
    assert_eq!(outcomes.len(), once.len(), "a request ended twice: {outcomes:?}");
    for id in ours(world).keys() {
        assert!(once.contains(&RequestId(*id)), "#{id} ran, and the record holds no outcome");
    }
    let asked = world.record().iter().filter_map(|happened| match happened.event {
        Event::Requested { id, .. } => Some(id),
        _ => None,
    });
    for id in asked {
        // proves R-REC-01
        assert!(once.contains(&id), "{id} was asked for, and the record holds no outcome");
    }
    let disowned = |event: &Event| matches!(event, Event::DoseUnknownToRecord { .. } | Event::RecordWentBack { .. });
    assert_eq!(world.recorded(disowned), 0, "a record that lost nothing was told that it did");
}

fn ends(event: &Event) -> Option<RequestId> {
    match event {
        Event::Delivered { id, .. }
        | Event::DeliveredInPart { id, .. }
        | Event::NotGiven { id, .. }
        | Event::Denied { id, .. }
        | Event::Rejected { id, .. }
        | Event::AssumedGiven { id } => Some(*id),
        _ => None,
    }
}

fn ours(world: &World) -> BTreeMap<u64, ToldBolus> {
    let boluses = world.chronicle.boluses().into_iter();
    boluses
        .filter_map(|told| match told.origin {
            Origin::Remote { key: OURS, id } => Some((id.0, told)),
            _ => None,
        })
        .collect()
}

fn committed(world: &World) -> impl Iterator<Item = u64> {
    world.sent.iter().filter_map(|sent| match sent {
        Command::Commit { id, .. } => Some(id.0),
        _ => None,
    })
}
