//! What must hold after every step, each as a function that says it.

use std::collections::{BTreeMap, BTreeSet};

use pump_core::{audit::event::Event, screen::Face};
use pump_protocol::{
    history::{BolusEnd, Delivered, HistoryEvent, Origin},
    message::{AuditHead, Command, Denial, DenyReason, Nonce, Reply, RequestId, Role},
    prescription::Programmed,
    quantity::{Dose, Millis},
};
use pump_tests::{
    OURS, World,
    chronicle::{Chronicled, ToldBolus},
};

use crate::actions::Story;

const DAY: Millis = Millis::from_hours(24);
/// In milliseconds.
const MINUTE: i128 = 60_000;
const HOUR: i128 = 60 * MINUTE;

/// All of them.
pub(crate) fn hold(story: &mut Story) {
    let world = &story.world;
    delivered_doses_are_committed_ids_are_full_holds(world);
    no_id_is_started_twice(world);
    the_pump_keeps_lockout_allotment_and_window(world, story.told);
    the_page_promises_no_more_than_the_pump(world);
    every_outcome_on_record_agrees_with_the_pumps_history(world, story.judged);
    an_open_question_has_not_ended_on_record(world);
    the_accounts_differ_only_for_a_reason(world);
    story.judged = world.record().len();
    story.told = world.chronicle.iter().count();
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
fn the_pump_keeps_lockout_allotment_and_window(world: &World, judged: usize) {
    let boluses = world.chronicle.boluses();
    for told in world.chronicle.iter().skip(judged) {
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
        no_window_with_the_dose_in_it_passes_the_limit(told, dose, &earlier);
    }
}

/// The dose limit as the prescription's text says it: every window with any of the dose in it, a minute apart, with the basal
/// rate of each minute of the pump's calendar, and every other dose in full that the window touches.
fn no_window_with_the_dose_in_it_passes_the_limit(told: &Chronicled, dose: Dose, earlier: &[&ToldBolus]) {
    let (rules, midnight) = (told.prescription.programmed(), i128::from(told.civil.millis()));
    let (window, lasts) = (ms(rules.window_limit.window), ms(rules.bolus_duration));
    // A week of minutes is more than a story needs; so many steps find a dose as short as any here.
    let step = MINUTE.max(window / 1_440);
    let basal = a_day_of_basal(rules);
    let mut from = 1 - window;
    while from < lasts {
        let to = from + window;
        let touched = |other: &&&ToldBolus| {
            let ended = other.ended.map_or(0, |(at, ..)| ms(at) - ms(told.at));
            ms(other.started) - ms(told.at) < to && ended > from
        };
        let doses: i128 = earlier.iter().filter(touched).map(|other| i128::from(other.dose.nanograms())).sum();
        let given = basal_until(&basal, midnight + to) - basal_until(&basal, midnight + from);
        let limit = i128::from(rules.window_limit.amount.nanograms());
        let sum = given + (doses + i128::from(dose.nanograms())) * HOUR;
        // proves R-PMP-10, R-LIM-04
        assert!(sum <= limit * HOUR, "{} ng of {limit} ng in the window from {from} ms: {told:?}", sum / HOUR);
        from += step;
    }
}

/// What has been given by each minute of a day, in nanograms an hour for a millisecond; and by the day's end.
fn a_day_of_basal(rules: &Programmed) -> Vec<i128> {
    let mut given = vec![0];
    for minute in 0..24 * 60 {
        let segment = rules.basal.iter().rfind(|segment| segment.from_minute <= minute).expect("the first begins at 0");
        given.push(given[usize::from(minute)] + i128::from(segment.rate.nanograms_per_hour()) * MINUTE);
    }
    given
}

fn basal_until(a_day: &[i128], civil: i128) -> i128 {
    let of_day = civil.rem_euclid(24 * HOUR);
    let minute = usize::try_from(of_day / MINUTE).expect("a minute of the day");
    let begun = (a_day[minute + 1] - a_day[minute]) * (of_day % MINUTE) / MINUTE;
    civil.div_euclid(24 * HOUR) * a_day[24 * 60] + a_day[minute] + begun
}

fn ms(millis: Millis) -> i128 {
    i128::from(millis.get())
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
            let denial = denied_for_a_limit(world, Millis::ZERO);
            // proves R-LIM-04
            assert_eq!(denial, None, "READY, and the pump denies");
        }
        Face::Wait(wait) => {
            // proves R-ANS-03
            assert!(wait.remaining >= report.lockout_remaining, "{wait:?}, the pump: {}", report.lockout_remaining);
            if report.allotment.used == allotment {
                assert!(wait.remaining >= report.allotment.next_return, "{wait:?}, the pump: {:?}", report.allotment);
            }
            let drift = Millis::new(wait.remaining.get() / 1_000);
            let denial = denied_for_a_limit(world, wait.remaining.saturating_add(drift));
            // proves R-ANS-03, R-LIM-04
            assert_eq!(denial, None, "the pump denies at the end of {wait:?}");
        }
        _ => {}
    }
}

/// What a copy of the pump would say after this long, if it would deny for a limit.
fn denied_for_a_limit(world: &World, after: Millis) -> Option<Denial> {
    let mut copy = world.pump.clone();
    copy.advance(after);
    let prescription = copy.prescription().hash();
    let prepare = Command::Prepare { id: RequestId(u64::MAX), prescription, audit_head: AuditHead::default() };
    match copy.handle(OURS, Role::Patient, &prepare, Nonce::default()) {
        Reply::Denied { denial, .. } => {
            let limits = [DenyReason::WindowLimit, DenyReason::Allotment, DenyReason::Lockout];
            limits.iter().any(|limit| denial.reasons.contains(*limit)).then_some(denial)
        }
        _ => None,
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
