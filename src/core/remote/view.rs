//! What stands on the display, derived from what is known at this moment.
//!
//! # Promises
//! - READY is shown exactly when a full hold would make a request, or ask for the patient's code: both ask [`Remote::face`].
//! - An open question is shown before anything else on the patient's page; it can't be dismissed.
//! - Nothing here changes the machine.

use pump_protocol::{
    clock::{Now, Uptime, WallTime},
    message::{Denial, DenyReason},
    prescription::Prescription,
    quantity::{Millis, Volume},
    report::Delivery,
};

use super::{CHECKING_MAX, Remote, Word, kept::Ended};
use crate::{
    audit::event::Trouble,
    ledger::{Outcome, Progress, Request, State},
    screen::{
        Caregiver, ClinicSummary, Day, DayView, DeliveryView, Face, LastDose, LinkHealth, NotGiven, Offer, Reading,
        RefillBy, ReservoirView, Screen, Stop, Therapy, Visit, Wait,
    },
    therapy::{
        account::shortened,
        availability::{Accounts, Availability, PumpWord, REPORT_AGE_MAX, judge},
        reason::Reason,
        reservoir::{level, project},
    },
};

impl Remote {
    /// Everything on the display at this moment.
    pub fn screen(&self, now: Now) -> Screen {
        let (wall, now) = (self.wall(now), self.believed(now));
        let age = self.word.as_ref().map(|word| now.uptime.since(word.clock.asked));
        Screen {
            face: self.face(now),
            hold: self.hold.shown(now.uptime),
            // keeps R-CLK-06
            clock: wall.map(to_the_minute),
            link: self.link_health(now),
            heard_min_ago: age.map(whole_minutes),
            alarms: self.alarms_shown(),
            signals: self.signals(now),
            notice: self.notice.map(|(notice, _)| notice),
            dark: self.dark(now.uptime),
            practice: false,
            night: self.night(now.uptime),
            reminders: self.reminders(now.uptime),
        }
    }

    /// The page.
    pub(super) fn face(&self, now: Now) -> Face {
        self.face_with_countdown(now).0
    }

    /// The page; for WAIT, how long it will still stand, to the millisecond.
    fn face_with_countdown(&self, now: Now) -> (Face, Option<Millis>) {
        let face = match self.page {
            Visit::Patient => return self.patients_face(now),
            Visit::Caregiver => Face::Caregiver(self.caregiver(now)),
            Visit::Alarms => Face::Alarms,
            Visit::History => {
                Face::History { days: self.days.clone().unwrap_or_default(), loading: self.days.is_none() }
            }
            Visit::Emergency => self.emergency(now),
            Visit::More => Face::Reading(Reading::More),
            Visit::Therapy => {
                Face::Reading(Reading::Therapy(self.kept.prescription.as_ref().map(therapy).map(Box::new)))
            }
            Visit::Implant => Face::Reading(Reading::Implant(self.kept.pump.clone())),
            // keeps R-LNK-23
            Visit::LinkSteps => Face::Reading(Reading::LinkSteps),
            Visit::Settings => Face::Reading(Reading::Settings),
            Visit::Sounds => Face::Reading(Reading::Sounds),
            Visit::SelfTest => Face::Reading(Reading::SelfTest(self.test_view())),
            Visit::Clinic => Face::Reading(Reading::Clinic(self.clinic().map(Box::new))),
            Visit::Practice => Face::Reading(Reading::Practice(self.practice_view())),
            Visit::Reservoir => Face::Reading(Reading::Reservoir(self.weeks(now).map(Box::new))),
            Visit::SetTime => Face::Reading(Reading::SetTime(self.set_time_view(now))),
            Visit::Service => Face::Reading(Reading::Service(self.service_view())),
            Visit::Day(day) => Face::Reading(Reading::Day(self.day_view(day).map(Box::new))),
        };
        (face, None)
    }

    // keeps R-REC-10
    fn clinic(&self) -> Option<ClinicSummary> {
        let (pump, days) = self.kept.pump.clone().zip(self.days.clone())?;
        Some(ClinicSummary { pump, head: self.journal.head(), days })
    }

    // keeps R-CAR-08
    fn day_view(&self, day: i64) -> Option<DayView> {
        let days = self.days.as_ref()?;
        let known = || days.iter().map(|known| known.day);
        let shown = days.iter().find(|known| known.day == day).cloned();
        Some(DayView {
            day: shown.unwrap_or_else(|| Day { day, ..Day::default() }),
            earlier: known().filter(|known| *known < day).max(),
            later: known().filter(|known| *known > day).min(),
        })
    }

    /// All reasons why no dose is offered now, most limiting first.
    pub(super) fn reasons(&self, now: Now) -> Vec<Reason> {
        match self.availability(now) {
            Availability::Ready(_) => Vec::new(),
            Availability::Wait { reasons, .. } | Availability::NotAvailable(reasons) => reasons,
        }
    }

    /// The pump's last word, with its age.
    pub(super) fn pump_word(&self, now: Now) -> Option<PumpWord<'_>> {
        let word = self.word.as_ref()?;
        Some(PumpWord {
            report: &word.report,
            age: now.uptime.since(word.clock.asked),
            heard: now.uptime.since(word.clock.heard),
            pump_now: word.clock.at_least(now.uptime),
            civil: [word.clock.at_least(now.uptime), word.clock.at_most(now.uptime)]
                .map(|clock| word.report.civil.after(clock.since(word.clock.said).unwrap_or_default())),
            denied: self.denied_for(now),
        })
    }

    /// How long the dose limit lasts for which the pump denied the last dose. Only this is remembered: of every other
    /// reason the next report says more.
    // keeps R-LIM-05
    fn denied_for(&self, now: Now) -> Option<(Reason, Millis)> {
        let (denial, heard) = self.denied?;
        let left = denial.retry_after.saturating_sub(shortened(now.uptime.since(heard)));
        denial.reasons.contains(DenyReason::WindowLimit).then_some((Reason::WindowLimit, left))
    }

    /// When the display changes by time alone.
    pub(super) fn view_changes_at(&self, now: Now) -> Option<Uptime> {
        let after = |span: Millis| Some(now.uptime.after(span));
        // A clock that has stopped just before its minute would ask for it again at once, for ever.
        let clock = now.wall.map(|wall| Millis::new(60_000 - wall.unix_ms.rem_euclid(60_000).unsigned_abs()));
        let clock = clock.and_then(|left| after(left.max(MINUTE_LATE_MAX)));
        // Nobody sees anything else.
        if self.dark(now.uptime) {
            return self.night(now.uptime).and(clock);
        }
        let minute = |past: Millis| after(Millis::new(60_000 - past.get() % 60_000));
        let asked = self.word.as_ref().map(|word| word.clock.asked);
        let (face, countdown) = self.face_with_countdown(now);
        let shown = match face {
            Face::Checking => Some(self.checking_since().after(CHECKING_MAX)),
            Face::Ready(_) | Face::EnterCode { .. } => {
                asked.map(|asked| asked.after(REPORT_AGE_MAX).after(Millis::new(1)))
            }
            Face::Wait(_) => countdown.and_then(next_second).and_then(after),
            Face::Delivering { .. } => next_second(self.delivery_remaining(now)).and_then(after),
            Face::Reading(Reading::SetTime(_)) => self.set_time_changes_at(now),
            Face::NotAvailable { .. }
            | Face::Asking { .. }
            | Face::Given { .. }
            | Face::GivenInPart { .. }
            | Face::NotGiven(_)
            | Face::NotSure { .. }
            | Face::AssumedGiven { .. }
            | Face::Changed { .. }
            | Face::Caregiver(_)
            | Face::History { .. }
            | Face::Alarms
            | Face::Emergency { .. }
            | Face::Reading(_)
            | Face::Pairing(_)
            | Face::Fault(_) => None,
        };
        let heard = asked.and_then(|asked| minute(now.uptime.since(asked)));
        let link = (self.link_health(now) == LinkHealth::Looking).then(|| self.link_since.after(CHECKING_MAX));
        [shown, heard, clock, link].into_iter().flatten().min()
    }

    // keeps R-ANS-01
    fn patients_face(&self, now: Now) -> (Face, Option<Millis>) {
        let open = self.kept.request.as_ref().and_then(|request| self.open_face(request, now));
        let ended = || self.kept.ended.map(|ended| ended_face(&ended, now));
        let changed = || {
            let changes = self.kept.changes.to_vec();
            (!changes.is_empty()).then_some(Face::Changed { changes })
        };
        let told = open.or_else(ended).or_else(changed).or_else(|| self.code_face());
        told.map_or_else(|| self.answer(now), |face| (face, None))
    }

    /// The page of an open question; `None` if it is one that the patient has been told the answer of.
    fn open_face(&self, request: &Request, now: Now) -> Option<Face> {
        let dose = request.dose;
        match &request.state {
            State::Created { .. } | State::Granted(_) => Some(Face::Asking { dose, stop: None }),
            State::CommitIntent { sent, .. } => {
                Some(Face::Asking { dose, stop: sent.then(|| self.stop_shown(request)) })
            }
            State::Delivering(progress) => Some(self.delivering(request, progress, now)),
            // keeps R-REQ-06
            State::Uncertain(_) => Some(Face::NotSure {
                dose,
                asked_at: request.pressed.wall.filter(|_| now.wall.is_some()),
                stop: self.stop_shown(request),
            }),
            State::Withdrawing { .. } => None,
        }
    }

    /// "If I press now, do I get medicine?"
    fn answer(&self, now: Now) -> (Face, Option<Millis>) {
        match self.availability(now) {
            Availability::Ready(offer) => (Face::Ready(offer), None),
            Availability::Wait { remaining, reasons, offer } => {
                (Face::Wait(self.wait(remaining, reasons, offer, now)), Some(remaining))
            }
            Availability::NotAvailable(reasons) => {
                let checking = now.uptime.since(self.checking_since()) < CHECKING_MAX;
                let asking_helps = reasons.iter().all(|reason| found_by_asking(*reason));
                (if checking && asking_helps { Face::Checking } else { Face::NotAvailable { reasons } }, None)
            }
        }
    }

    pub(super) fn availability(&self, now: Now) -> Availability {
        let known = self.known_against(now);
        let word = self.pump_word(now);
        let lock = self.code_lock_remaining(now);
        judge(known, lock, word.as_ref(), self.kept.prescription.as_ref(), &self.kept.account, now)
    }

    /// What speaks against a dose, apart from what the pump's report and the accounts say.
    // keeps R-ANS-17
    fn known_against(&self, now: Now) -> Vec<Reason> {
        let talk = self.conversation.as_ref().filter(|talk| talk.greeted);
        let holds = [
            (self.journal.failing(now.uptime), Reason::RecordNotWritable),
            (!self.record_good, Reason::RecordDamaged),
            (self.troubles.contains(&Trouble::SelfTestFailed), Reason::SelfTestFailed),
            (self.key_stuck(now.uptime), Reason::StuckKey),
            (self.troubles.contains(&Trouble::ToneFailed), Reason::ToneFailed),
            (self.battery_too_low(), Reason::BatteryTooLow),
            (self.troubles.contains(&Trouble::SelfTestRunning), Reason::SelfTestRunning),
            // keeps R-ANS-14
            (!self.bonded, Reason::NoBond),
            (self.foreign, Reason::WrongPump),
            (!self.role_allows(), Reason::ViewerOnly),
            (
                talk.is_some_and(|talk| !talk.prescription_known && talk.contradictory.is_some()),
                Reason::PrescriptionContradicts,
            ),
            (self.clock_in_doubt, Reason::ClockInDoubt),
            // keeps R-ANS-12
            (self.kept.request.is_some(), Reason::Unresolved),
            (talk.is_none() && !self.foreign, Reason::OutOfReach),
            // keeps R-ANS-13
            (talk.is_some_and(|talk| !talk.caught_up()), Reason::HistoryNotImported),
        ];
        holds.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).collect()
    }

    /// A pump that can be reached and says nothing doesn't keep the page at CHECKING, however often the link comes and goes.
    fn checking_since(&self) -> Uptime {
        self.awake_since.max(self.looking_since)
    }

    // keeps R-LNK-16
    fn link_health(&self, now: Now) -> LinkHealth {
        match &self.conversation {
            Some(_) => LinkHealth::Near,
            None if now.uptime.since(self.link_since) < CHECKING_MAX => LinkHealth::Looking,
            None => LinkHealth::OutOfReach,
        }
    }

    // keeps R-ANS-03
    fn wait(&self, remaining: Millis, reasons: Vec<Reason>, offer: Offer, now: Now) -> Wait {
        let (until, longest) = (now.wall.map(|wall| up_to_the_minute(wall.after(remaining))), remaining);
        let remaining = Millis::from_secs(remaining.secs_ceil());
        let next_return = self.pump_now(now).and_then(|pump_now| self.kept.account.next_return(pump_now, now));
        let accounts = self.pump_word(now).zip(self.kept.prescription.as_ref());
        let accounts = accounts.map(|(word, known)| Accounts::judge(&self.kept.account, known, &word, now));
        let by_denial = self.denied_for(now).is_some_and(|(_, left)| left >= longest);
        let pump_says = by_denial
            || accounts.is_some_and(|accounts| accounts.differ() && accounts.lockout.pumps > accounts.lockout.ours);
        let next_returns = next_return.and_then(|span| now.wall.map(|wall| up_to_the_minute(wall.after(span))));
        Wait { remaining, until, reasons, offer, next_returns, pump_says }
    }

    fn delivery_remaining(&self, now: Now) -> Millis {
        match self.kept.request.as_ref().map(|request| &request.state) {
            Some(State::Delivering(progress)) => progress.remaining.saturating_sub(now.uptime.since(progress.heard)),
            Some(_) | None => Millis::ZERO,
        }
    }

    // keeps R-REQ-19
    fn delivering(&self, request: &Request, progress: &Progress, now: Now) -> Face {
        let remaining = Millis::from_secs(self.delivery_remaining(now).secs_ceil());
        let lasts = self.kept.prescription.as_ref().map_or(remaining, |known| known.programmed().bolus_duration);
        let left = remaining.get().min(lasts.get()).saturating_mul(1000).checked_div(lasts.get()).unwrap_or(0);
        let permille = u16::try_from(1000_u64.saturating_sub(left)).unwrap_or(1000);
        let (dose, delivered) = (request.dose, progress.delivered.at_least);
        Face::Delivering { dose, delivered, remaining, permille, stop: self.stop_shown(request) }
    }

    // keeps R-REQ-16
    fn stop_shown(&self, request: &Request) -> Stop {
        match (request.stop_asked, self.conversation.as_ref().is_some_and(|talk| talk.greeted)) {
            (false, _) => Stop::Offered,
            (true, true) => Stop::Asked,
            (true, false) => Stop::NotStoppedYet,
        }
    }

    // keeps R-DSP-13, R-ANS-22, R-REQ-16
    fn emergency(&self, now: Now) -> Face {
        let drug = self.kept.prescription.as_ref().map(|known| known.programmed().drug.clone());
        let stop = match self.kept.request.as_ref().and_then(|request| self.open_face(request, now)) {
            Some(Face::Asking { stop, .. }) => stop,
            Some(Face::Delivering { stop, .. } | Face::NotSure { stop, .. }) => Some(stop),
            Some(_) | None => None,
        };
        Face::Emergency { drug, stop }
    }

    // keeps R-CAR-03
    fn caregiver(&self, now: Now) -> Caregiver {
        let word = self.word.as_ref();
        let report = word.map(|word| &word.report);
        let heard = word.map_or(Millis::ZERO, |word| now.uptime.since(word.clock.heard));
        // keeps R-ALM-01
        Caregiver {
            delivery: report
                .map(|report| delivery_view(report.delivery, heard, now))
                .or(self.kept.stopped.then_some(STOPPED)),
            reservoir: report.and_then(|report| self.reservoir(report.reservoir, now)),
            last_dose: self.last_dose(now),
        }
    }

    // keeps R-CAR-05
    pub(super) fn reservoir(&self, volume: Volume, now: Now) -> Option<ReservoirView> {
        let prescription = self.kept.prescription.as_ref()?;
        let programmed = prescription.programmed();
        let Word { report, clock } = self.word.as_ref()?;
        let age = now.uptime.since(clock.heard);
        let projection = project(prescription, volume, report.civil);
        let by = |lasts: Millis| {
            let left = lasts.saturating_sub(age);
            let days_left = u32::try_from(left.get() / (24 * 3_600_000)).unwrap_or(u32::MAX);
            RefillBy { days_left, on: now.wall.map(|wall| to_the_day(wall.after(left))) }
        };
        Some(ReservoirView {
            volume,
            percent: volume.percent_of(programmed.capacity),
            capacity: programmed.capacity,
            low: programmed.low_reservoir,
            reserve: programmed.reserve,
            level: level(prescription, volume),
            every_dose: by(projection.every_dose),
            basal_alone: by(projection.basal_alone),
            age_min: whole_minutes(age),
        })
    }

    fn last_dose(&self, now: Now) -> Option<LastDose> {
        let heard = self.pump_now(now);
        // By the pump's clock as it was: which dose is the newest, and not how long ago.
        let (counted, age) = self.kept.account.newest(heard.or(self.kept.pump_seen)?, now)?;
        let age = heard.map(|_| age);
        let at = now.wall.zip(age).map(|(wall, age)| to_the_minute(before(wall, age)));
        Some(LastDose { dose: counted.dose, min_ago: age.map(whole_minutes), at })
    }
}

// keeps R-CAR-11
fn therapy(prescription: &Prescription) -> Therapy {
    let programmed = prescription.programmed();
    Therapy {
        drug: programmed.drug.clone(),
        concentration: programmed.concentration,
        demand_dose: programmed.demand_dose,
        lockout_interval: programmed.lockout_interval,
        allotment: programmed.allotment,
        window_limit: programmed.window_limit,
        basal: programmed.basal.to_vec(),
    }
}

fn ended_face(ended: &Ended, now: Now) -> Face {
    let known = |wall: Option<WallTime>| wall.filter(|_| now.wall.is_some()).map(to_the_minute);
    match ended.outcome {
        Outcome::Delivered { bolus } => Face::Given { dose: bolus.dose, at: known(ended.pressed.wall) },
        Outcome::DeliveredInPart { delivered, end, .. } => Face::GivenInPart { dose: ended.dose, delivered, end },
        Outcome::Denied(denial) | Outcome::Rejected(denial) => Face::NotGiven(denied(denial, ended, now)),
        Outcome::NotGiven(why) => Face::NotGiven(NotGiven::because(why, ended.dose, ended.echoed)),
        Outcome::AssumedGiven => Face::AssumedGiven { dose: ended.dose },
    }
}

// keeps R-ANS-18
fn denied(denial: Denial, ended: &Ended, now: Now) -> NotGiven {
    let Some(reason) = denial.reasons.iter().next() else { return NotGiven::Interrupted };
    let retry_after = ended.stood(now).map_or(Millis::ZERO, |stood| denial.retry_after.saturating_sub(stood));
    let until = now.wall.filter(|_| retry_after > Millis::ZERO).map(|wall| up_to_the_minute(wall.after(retry_after)));
    let retry_after = Millis::from_mins(retry_after.get().div_ceil(60_000));
    NotGiven::Denied { reason, until, retry_after }
}

/// Stopped when it was last heard, before a restart.
const STOPPED: DeliveryView = DeliveryView::Stopped { since_min: None, since: None };

// keeps R-CAR-04
fn delivery_view(delivery: Delivery, heard: Millis, now: Now) -> DeliveryView {
    match delivery {
        Delivery::Delivering { rate } => DeliveryView::Delivering { rate },
        Delivery::Stopped { since } => {
            let since = since.saturating_add(heard);
            let at = now.wall.map(|wall| to_the_minute(before(wall, since)));
            DeliveryView::Stopped { since_min: Some(whole_minutes(since)), since: at }
        }
    }
}

/// How late the clock on the page may show its minute.
pub(super) const MINUTE_LATE_MAX: Millis = Millis::from_secs(1);

/// What the pump can still be asked about within the time that CHECKING stands.
const fn found_by_asking(reason: Reason) -> bool {
    match reason {
        Reason::OutOfReach | Reason::HistoryNotImported | Reason::ReportTooOld | Reason::Unresolved => true,
        // Most of the time it is over before the pump has answered.
        Reason::SelfTestRunning => true,
        Reason::RecordNotWritable
        | Reason::RecordDamaged
        | Reason::SelfTestFailed
        | Reason::StuckKey
        | Reason::ToneFailed
        | Reason::BatteryTooLow
        | Reason::NoBond
        | Reason::WrongPump
        | Reason::ViewerOnly
        | Reason::Alarm(_)
        | Reason::PrescriptionContradicts
        | Reason::DemandDosesOff
        | Reason::LowReservoir
        | Reason::ClockInDoubt
        | Reason::CodeLocked
        | Reason::WindowLimit
        | Reason::Allotment
        | Reason::Lockout
        | Reason::BolusRunning => false,
    }
}

/// When a countdown shows another second; `None` once it stands at zero.
fn next_second(remaining: Millis) -> Option<Millis> {
    Some(Millis::new(remaining.get().checked_sub(1)? % 1000 + 1))
}

fn whole_minutes(span: Millis) -> u32 {
    u32::try_from(span.get() / 60_000).unwrap_or(u32::MAX)
}

fn before(wall: WallTime, span: Millis) -> WallTime {
    WallTime { unix_ms: wall.unix_ms.saturating_sub_unsigned(span.get()), ..wall }
}

fn to_the_minute(wall: WallTime) -> WallTime {
    WallTime { unix_ms: wall.unix_ms.div_euclid(60_000).saturating_mul(60_000), ..wall }
}

/// A promise of an end is rounded up: at that minute it is over.
fn up_to_the_minute(wall: WallTime) -> WallTime {
    to_the_minute(wall.after(Millis::new(59_999)))
}

pub(super) fn to_the_day(wall: WallTime) -> WallTime {
    let offset_ms = i64::from(wall.utc_offset_min) * 60_000;
    let local = wall.unix_ms.saturating_add(offset_ms);
    let day_ms = 24 * 3_600_000;
    WallTime { unix_ms: (local.div_euclid(day_ms)).saturating_mul(day_ms).saturating_sub(offset_ms), ..wall }
}
