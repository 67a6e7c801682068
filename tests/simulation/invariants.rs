//! What must hold after every step, each as a function that says it, asked by a judge who reads everything once.

use std::collections::{BTreeMap, BTreeSet};

use pump_core::{audit::event::Event, screen::Face};
use pump_protocol::{
    history::{BolusEnd, Delivered, HistoryEvent, Origin},
    message::{AuditHead, Command, Denial, DenyReason, KeyFingerprint, Nonce, Reply, RequestId, Role},
    prescription::Programmed,
    quantity::{Dose, Millis},
};
use pump_tests::{
    OURS, World,
    chronicle::{Chronicled, ToldBolus},
};

use crate::tally::Tally;

const DAY: Millis = Millis::from_hours(24);
/// In milliseconds.
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A reference account that owes nothing to either machine. It has read what was sent, what the pump's history really held
/// and what the record says, up to a place in each.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    sent: usize,
    told: usize,
    judged: usize,
    /// Ids of ours that were committed.
    committed: BTreeMap<RequestId, u32>,
    /// Boluses that were started for a request, by key and id; and how those that have ended did.
    started: BTreeMap<(KeyFingerprint, RequestId), Option<(Delivered, BolusEnd)>>,
    last_reset: Option<Millis>,
    /// Requests of ours that the record knows, and how many outcomes it holds of each.
    asked: BTreeMap<RequestId, u32>,
    /// Something that only one side can count has happened, and until then a limit may reach back to it.
    may_differ_until: Option<Millis>,
    records_lost: bool,
    disowned: u32,
    in_doubt: BTreeSet<RequestId>,
    pub(crate) walk: Walk,
    pub(crate) tally: Tally,
}

impl Judge {
    /// Every invariant, over what is new.
    pub(crate) fn hold(&mut self, world: &World) {
        self.read_what_was_sent(world);
        self.read_the_chronicle(world);
        self.read_the_record(world);
        // proves R-REQ-20
        assert!(self.committed.len() <= world.full_holds, "more ids than the {} full holds", world.full_holds);
        self.the_open_question_has_no_outcome_on_record(world);
        the_page_promises_no_more_than_the_pump(world);
        self.tally.set("full holds", world.full_holds);
        self.tally.set("rests", world.rested);
    }

    /// What was judged may be forgotten.
    pub(crate) fn forget(&mut self, world: &mut World) {
        world.forget();
        (self.sent, self.told, self.judged) = (0, 0, 0);
    }

    fn read_what_was_sent(&mut self, world: &World) {
        for command in &world.sent[self.sent..] {
            match command {
                Command::Commit { id, .. } => {
                    let times = self.committed.entry(*id).or_default();
                    *times += 1;
                    // proves R-REQ-12
                    assert_eq!(*times, 1, "{id} was committed twice");
                    self.tally.add("COMMIT sent", 1);
                }
                Command::Hello { .. } => self.tally.add("HELLO sent", 1),
                Command::ReadReport => self.tally.add("READ REPORT sent", 1),
                _ => {}
            }
        }
        self.sent = world.sent.len();
    }

    fn read_the_chronicle(&mut self, world: &World) {
        for told in world.chronicle.iter().skip(self.told) {
            match told.entry.event {
                HistoryEvent::BolusStarted { origin: Origin::Remote { key, id }, .. } => {
                    // proves R-REQ-12
                    assert_eq!(self.started.insert((key, id), None), None, "{id} of {key:?} was started twice");
                    let committed = key != OURS || self.committed.contains_key(&id);
                    // proves R-REQ-20
                    assert!(committed, "{id} runs and was never committed");
                    self.the_pump_kept_lockout_allotment_and_window(world, told);
                }
                HistoryEvent::BolusEnded { origin: Origin::Remote { key, id }, delivered, end, .. } => {
                    self.started.insert((key, id), Some((delivered, end)));
                }
                HistoryEvent::Reset => {
                    self.last_reset = Some(told.at);
                    self.may_differ(world);
                }
                HistoryEvent::Reprogrammed { .. } => self.may_differ(world),
                _ => {}
            }
        }
        self.told = world.chronicle.iter().len();
    }

    /// By true times, and by the prescription in force at the start.
    fn the_pump_kept_lockout_allotment_and_window(&self, world: &World, told: &Chronicled) {
        let HistoryEvent::BolusStarted { bolus, dose, .. } = told.entry.event else { return };
        let rules = told.prescription.programmed();
        let counted = |other: &&ToldBolus| {
            let nothing = other
                .ended
                .is_some_and(|(at, delivered, _)| at <= told.at && delivered == Delivered::exactly(Dose::ZERO));
            other.bolus < bolus && !nothing
        };
        let earlier: Vec<&ToldBolus> = world.chronicle.boluses().iter().filter(counted).collect();
        let since = |moment: Millis| told.at.saturating_sub(moment);
        for other in &earlier {
            // proves R-PMP-08
            assert!(since(other.started) >= rules.lockout_interval, "{bolus:?} within the lockout of {other:?}");
        }
        if let Some(reset) = self.last_reset {
            assert!(since(reset) >= rules.lockout_interval, "{bolus:?} within the lockout of a reset");
        }
        let demanded = earlier.iter().filter(|other| matches!(other.origin, Origin::Remote { .. }));
        let used = demanded.filter(|other| since(other.started) < DAY).count();
        // proves R-PMP-09
        assert!(used < usize::from(rules.allotment), "{bolus:?} is one more than the allotment of {}", rules.allotment);
        no_window_with_the_dose_in_it_passes_the_limit(told, dose, &earlier, self.walk);
    }

    /// For as long as any limit of the prescription in force reaches, and a bolus and the report behind it last.
    fn may_differ(&mut self, world: &World) {
        let rules = world.pump.prescription().programmed();
        let reach = rules.window_limit.window.max(rules.lockout_interval).max(DAY);
        let until = world.chronicle.elapsed().saturating_add(reach).saturating_add(Millis::from_hours(2));
        self.may_differ_until = self.may_differ_until.max(Some(until));
    }

    fn read_the_record(&mut self, world: &World) {
        let mut started = false;
        for happened in &world.record()[self.judged.min(world.record().len())..] {
            self.tally.count(&happened.event);
            if let Some(id) = ends(&happened.event) {
                *self.asked.entry(id).or_default() += 1;
                self.tally.add("NOT SURE ended", u64::from(self.in_doubt.remove(&id)));
            }
            self.the_outcome_agrees_with_the_pumps_history(&happened.event);
            started |= happened.event == Event::Started;
            match happened.event {
                Event::Requested { id, .. } => drop(self.asked.entry(id).or_default()),
                Event::Uncertain { id, .. } => self.tally.add("NOT SURE begun", u64::from(self.in_doubt.insert(id))),
                Event::AssumedGiven { .. } | Event::HistoryGap { .. } => self.may_differ(world),
                Event::RecordsLost { .. } => {
                    self.records_lost = true;
                    self.may_differ(world);
                }
                Event::DoseUnknownToRecord { .. } | Event::RecordWentBack { .. } => self.disowned += 1,
                // What one side counts and the other can't: time lost in a reset, history that is gone, a dose that nobody
                // saw, other rules.
                Event::AccountsDiffer { .. } | Event::WindowAccountsDiffer { .. } => {
                    // By the line's own time: a step may last for days.
                    let ago = happened.at.pump.and_then(|at| world.pump.time().since(at)).unwrap_or(Millis::ZERO);
                    let at = world.chronicle.elapsed().saturating_sub(ago);
                    let reason = self.may_differ_until.is_some_and(|until| at <= until);
                    // proves R-REQ-22
                    assert!(reason, "for no reason: {:?}", happened.event);
                    self.tally.add("accounts differ, for a reason", 1);
                }
                _ => {}
            }
        }
        self.judged = world.record().len();
        if started {
            the_record_leads_to_what_the_machine_remembers(world);
        }
    }

    fn the_outcome_agrees_with_the_pumps_history(&self, event: &Event) {
        let started = |id: &RequestId| self.started.get(&(OURS, *id));
        let ended = |id: &RequestId| started(id).copied().flatten();
        match event {
            Event::Delivered { id, .. } => {
                assert!(matches!(ended(id), Some((_, BolusEnd::Complete))), "{id} GIVEN: {:?}", started(id));
            }
            Event::DeliveredInPart { id, delivered, end, .. } => {
                assert_eq!(ended(id), Some((*delivered, *end)), "{id} GIVEN IN PART");
            }
            Event::NotGiven { id, .. } | Event::Denied { id, .. } | Event::Rejected { id, .. } => {
                let nothing = ended(id).is_some_and(|(delivered, _)| delivered == Delivered::exactly(Dose::ZERO));
                // proves R-REQ-08
                assert!(nothing || started(id).is_none(), "{id} NOT GIVEN: {:?}", started(id));
            }
            _ => {}
        }
    }

    fn the_open_question_has_no_outcome_on_record(&self, world: &World) {
        let Some(request) = world.remote.request() else { return };
        let ended = self.asked.get(&request.id).copied().unwrap_or_default();
        assert_eq!(ended, 0, "{} is open and has an outcome on record", request.id);
    }

    /// Liveness: with all faults off for ten minutes, nothing is open, and the record tells what the pump's history tells.
    pub(crate) fn every_question_is_answered_in_the_end(&self, world: &World) {
        the_record_leads_to_what_the_machine_remembers(world);
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
        if self.records_lost {
            return;
        }
        for (id, outcomes) in &self.asked {
            // proves R-REC-01
            assert_eq!(*outcomes, 1, "{id} was asked for; the record holds {outcomes} outcomes");
        }
        for (_, id) in self.started.keys().filter(|(key, _)| *key == OURS) {
            assert!(self.asked.contains_key(id), "{id} ran, and the record holds no outcome");
        }
        assert_eq!(self.disowned, 0, "a record that lost nothing was told that it did");
    }
}

/// Each line is a step that the ledger can take from where the lines before it have led. Asked at each start, and in the end.
fn the_record_leads_to_what_the_machine_remembers(world: &World) {
    let differences = world.differences();
    // proves R-REC-18
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The dose limit as the prescription's text says it: in every window with any of the dose in it, the basal rate of each
/// minute of the pump's calendar, and every dose in full that the window touches.
fn no_window_with_the_dose_in_it_passes_the_limit(told: &Chronicled, dose: Dose, earlier: &[&ToldBolus], walk: Walk) {
    let (rules, at) = (told.prescription.programmed(), ms(told.at));
    let (window, lasts) = (ms(rules.window_limit.window), ms(rules.bolus_duration));
    // Milliseconds of the pump's calendar, behind a midnight that no window reaches.
    let begins = told.civil.millis().rem_euclid(24 * HOUR) + 8 * 24 * HOUR;
    let basal = a_day_of_basal(rules);
    // Each from when to when, seen from the dose's start; what runs still is all there until now.
    let spans: Vec<(i64, i64, i64)> = earlier
        .iter()
        .map(|other| {
            let ended = other.ended.map_or(0, |(ended, ..)| ms(ended) - at);
            (ms(other.started) - at, ended, ng(other.dose))
        })
        .filter(|(_, ended, _)| *ended > -window)
        .collect();
    let fits = |from: i64| {
        let to = from + window;
        let touched = spans.iter().filter(|(started, ended, _)| *started < to && *ended > from);
        let doses: i64 = touched.map(|(.., dose)| dose).sum();
        let given = basal_until(&basal, begins + to) - basal_until(&basal, begins + from);
        let sum = given + (doses + ng(dose)) * HOUR;
        // proves R-PMP-10, R-LIM-04
        assert!(
            sum <= ng(rules.window_limit.amount) * HOUR,
            "{} ng in the window from {from} ms: {told:?}",
            sum / HOUR
        );
    };
    let all = 1 - window..lasts;
    match walk {
        // So many steps find a dose as short as any here; a week of minutes is more than a story needs.
        Walk::ByTime => {
            let step = usize::try_from(MINUTE.max(window / 1_440)).expect("a length");
            all.step_by(step).for_each(fits);
        }
        Walk::ByEdges => {
            let days = |minute: u16| (0..18).map(move |day| day * 24 * HOUR + i64::from(minute) * MINUTE - begins);
            let steps = rules.basal.iter().flat_map(|segment| days(segment.from_minute));
            let ends = spans.iter().flat_map(|(started, ended, _)| [*started, *ended]);
            let edges = steps.chain(ends).flat_map(|edge| [edge - window, edge]).chain([all.start, all.end]);
            edges.flat_map(|edge| edge - 1..=edge + 1).filter(|from| all.contains(from)).for_each(fits);
        }
    }
}

/// Which windows are looked at. Between two edges, a window's sum rises or falls evenly, so that the edges say it all; the
/// stories walk by time all the same, which needs no such thought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Walk {
    #[default]
    ByTime,
    ByEdges,
}

/// What has been given by each minute of a day, in nanograms an hour for a millisecond; and by the day's end.
fn a_day_of_basal(rules: &Programmed) -> Vec<i64> {
    let mut given = vec![0];
    for minute in 0..24 * 60 {
        let segment = rules.basal.iter().rfind(|segment| segment.from_minute <= minute).expect("the first begins at 0");
        given.push(given[usize::from(minute)] + i64::from(segment.rate.nanograms_per_hour()) * MINUTE);
    }
    given
}

fn basal_until(a_day: &[i64], civil: i64) -> i64 {
    let of_day = civil.rem_euclid(24 * HOUR);
    let minute = usize::try_from(of_day / MINUTE).expect("a minute of the day");
    let begun = (a_day[minute + 1] - a_day[minute]) * (of_day % MINUTE) / MINUTE;
    civil.div_euclid(24 * HOUR) * a_day[24 * 60] + a_day[minute] + begun
}

fn ms(millis: Millis) -> i64 {
    i64::try_from(millis.get()).expect("a time of this world")
}

fn ng(dose: Dose) -> i64 {
    i64::from(dose.nanograms())
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
