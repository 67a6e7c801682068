//! One screen, written into the globals of the pages.
//!
//! A property that is set to what it holds already is not drawn again: Slint compares. Lists can't be compared, so they
//! are models that are refilled only if they differ.

use std::{cmp::Reverse, rc::Rc};

use pump_core::{
    annunciation::AlarmCondition,
    audit::{
        event::WallDoubt,
        tally::{NoDose, counter},
    },
    pairing::PairingView,
    screen::{
        Alarm, Batteries, Caregiver, ClinicSummary, Copying, Day, DayView, DeliveryView, Face, Fault, Night, NotGiven,
        Notice, Offer, Reading, RefillBy, RemoteBattery, ReservoirView, ReservoirWeeks, Screen, ServiceView,
        SetTimeView, TestView, Therapy, WEEKS_AHEAD, WEEKS_BEFORE, Wait,
    },
    selftest::Check,
    therapy::{change::Change, reason::Reason, reservoir::VolumeLeft},
};
use pump_protocol::{
    clock::{CivilTime, WallTime},
    history::Delivered,
    message::AuditHead,
    prescription::BasalSegment,
    quantity::{Dose, Millis, Volume},
    session::{CARD_GROUP_LEN, CARD_GROUPS},
};
use pump_ui::{
    Ago, AlarmRow, Alarms, AppWindow, Card, ChangeCode, ChangeRow, Changes, CheckRow, Clinic, ClockSetting, ClockTime,
    CodeEntry, DayName, DayRow, Days, DeliveryCode, Faults, Helping, NightClock, NoDoseRow, NoticeCode, Notices,
    Offers, OneDay, Page, PairingSteps, Practice, PumpState, RateRow, ReasonCode, Reasons, Request, SelfTest, Service,
    Span, Status, StopCode, Stopping, TestState, TherapyCard, Waiting, WeekRow, Weeks,
};
use slint::{ComponentHandle, Model, ModelRc, SharedString, VecModel};

use super::{
    clinic, codes,
    format::{self, Writing},
};
use crate::adapters::hex;

/// How many reasons stand on the page besides the first, and how many alarms on the caregiver's. The rest is counted.
const OTHER_REASONS: usize = 2;
const ALARMS: usize = 2;
/// How many changes are told in full: as many as can be read at three in the morning.
const CHANGES: usize = 3;
/// How many reasons a day tells by name.
const NO_DOSES: usize = 3;

/// The lists on the pages.
pub(super) struct Models {
    pips: Rc<VecModel<bool>>,
    reasons: Rc<VecModel<ReasonCode>>,
    alarms: Rc<VecModel<AlarmRow>>,
    caregivers_alarms: Rc<VecModel<AlarmRow>>,
    changes: Rc<VecModel<ChangeRow>>,
    days: Rc<VecModel<DayRow>>,
    no_doses: Rc<VecModel<NoDoseRow>>,
    rates: Rc<VecModel<RateRow>>,
    checks: Rc<VecModel<CheckRow>>,
    typed: Rc<VecModel<SharedString>>,
    weeks: Rc<VecModel<WeekRow>>,
}

impl Models {
    pub(super) fn bind(app: &AppWindow) -> Self {
        let models = Self {
            pips: Rc::default(),
            reasons: Rc::default(),
            alarms: Rc::default(),
            caregivers_alarms: Rc::default(),
            changes: Rc::default(),
            days: Rc::default(),
            no_doses: Rc::default(),
            rates: Rc::default(),
            checks: Rc::default(),
            typed: Rc::default(),
            weeks: Rc::default(),
        };
        app.global::<Offers>().set_pips(ModelRc::from(Rc::clone(&models.pips)));
        app.global::<Reasons>().set_others(ModelRc::from(Rc::clone(&models.reasons)));
        app.global::<PumpState>().set_alarms(ModelRc::from(Rc::clone(&models.caregivers_alarms)));
        app.global::<Alarms>().set_rows(ModelRc::from(Rc::clone(&models.alarms)));
        app.global::<Changes>().set_rows(ModelRc::from(Rc::clone(&models.changes)));
        app.global::<Days>().set_rows(ModelRc::from(Rc::clone(&models.days)));
        app.global::<OneDay>().set_refused(ModelRc::from(Rc::clone(&models.no_doses)));
        app.global::<Weeks>().set_rows(ModelRc::from(Rc::clone(&models.weeks)));
        app.global::<TherapyCard>().set_rates(ModelRc::from(Rc::clone(&models.rates)));
        app.global::<SelfTest>().set_rows(ModelRc::from(Rc::clone(&models.checks)));
        app.global::<PairingSteps>().set_typed(ModelRc::from(Rc::clone(&models.typed)));
        models
    }

    pub(super) fn apply(&self, app: &AppWindow, screen: &Screen, how: Writing) {
        status(app, screen, how);
        notice(app, screen.notice);
        self.alarms(app, screen);
        // What stands under the clock is not written: nobody sees it, and it would be drawn every second.
        if let Some(night) = screen.night {
            night_clock(app, night, screen.clock.err());
            return;
        }
        app.global::<Stopping>().set_code(codes::stop(&screen.face));
        match &screen.face {
            Face::Checking => {}
            Face::Ready(offer) => self.offer(app, *offer, None, how),
            Face::Wait(wait) => self.wait(app, wait, how),
            Face::NotAvailable { reasons } => self.reasons(app, reasons),
            Face::Asking { dose, stop: _ } | Face::AssumedGiven { dose } => request(app, *dose, None, how),
            Face::Delivering { dose, delivered, remaining, permille, stop: _ } => {
                request(app, *dose, None, how);
                progress(app, *delivered, *remaining, *permille, how);
            }
            Face::Given { dose, at } => request(app, *dose, *at, how),
            Face::GivenInPart { dose, delivered, end } => {
                request(app, *dose, None, how);
                in_part(app, *delivered, how);
                app.global::<Request>().set_end(codes::end(*end));
            }
            Face::NotGiven(why) => not_given(app, *why, how),
            Face::NotSure { dose, asked_at, stop: _ } => request(app, *dose, *asked_at, how),
            Face::EnterCode { dose, entered, wrong } => enter_code(app, *dose, *entered, *wrong, how),
            Face::Changed { changes } => self.changed(app, changes, how),
            // On every page, and already there.
            Face::Alarms => {}
            Face::Caregiver(caregiver) => self.caregiver(app, caregiver, &screen.alarms, how),
            Face::History { days, loading } => self.history(app, days, *loading, screen.clock.ok()),
            Face::Emergency { drug, stop: _ } => {
                app.global::<Helping>().set_drug(drug.as_ref().map(format::name).unwrap_or_default());
            }
            Face::Reading(Reading::Therapy(therapy)) => self.therapy(app, therapy.as_deref(), how),
            Face::Reading(Reading::Implant(serial)) => {
                app.global::<Card>().set_serial(serial.as_ref().map(format::name).unwrap_or_default());
            }
            Face::Reading(Reading::SelfTest(test)) => self.self_test(app, test),
            Face::Reading(Reading::Practice(view)) => {
                app.global::<Practice>().set_begun(view.begun);
                app.global::<Practice>().set_may_begin(view.may_begin);
            }
            Face::Reading(Reading::Clinic(summary)) => for_the_clinic(app, summary.as_deref(), screen.clock.ok()),
            Face::Reading(Reading::Reservoir(weeks)) => self.weeks(app, weeks.as_deref(), how),
            Face::Reading(Reading::Service(view)) => service(app, view),
            Face::Reading(Reading::Day(view)) => self.one_day(app, view.as_deref(), screen.clock.ok(), how),
            Face::Reading(Reading::SetTime(view)) => set_time(app, *view, screen.clock.err(), how),
            // Whole in themselves.
            Face::Reading(Reading::More | Reading::LinkSteps | Reading::Settings | Reading::Sounds) => {}
            Face::Pairing(view) => self.pairing(app, view),
            Face::Fault(Fault::Record { detail }) => app.global::<Faults>().set_detail(detail.into()),
        }
        // Last, so that a page never appears with the words of the one before.
        app.global::<Status>().set_page(codes::page(screen));
    }

    fn offer(&self, app: &AppWindow, offer: Offer, next_returns: Option<WallTime>, how: Writing) {
        let offers = app.global::<Offers>();
        offers.set_dose(how.amount(offer.dose));
        offers.set_left(format::count(offer.left));
        offers.set_allotment(format::count(offer.allotment));
        offers.set_next_returns(how.clock(next_returns));
        let pips: Vec<bool> = (0..offer.allotment).map(|mark| mark < offer.left).collect();
        refill(&self.pips, pips);
    }

    fn wait(&self, app: &AppWindow, wait: &Wait, how: Writing) {
        self.offer(app, wait.offer, wait.next_returns, how);
        self.reasons(app, &wait.reasons);
        let waiting = app.global::<Waiting>();
        let (span, major, minor) = format::span(wait.remaining);
        waiting.set_span(span);
        waiting.set_major(major);
        waiting.set_minor(minor);
        waiting.set_until(how.clock(wait.until));
        waiting.set_pump_says(wait.pump_says);
    }

    fn reasons(&self, app: &AppWindow, all: &[Reason]) {
        let reasons = app.global::<Reasons>();
        let Some((first, others)) = all.split_first() else {
            return;
        };
        reasons.set_first(codes::reason(*first));
        reasons.set_more(more(others.len(), OTHER_REASONS));
        refill(&self.reasons, others.iter().take(OTHER_REASONS).map(|reason| codes::reason(*reason)).collect());
    }

    fn alarms(&self, app: &AppWindow, screen: &Screen) {
        let alarms = app.global::<Alarms>();
        let unseen = unseen(&screen.alarms);
        alarms.set_unseen(i32::try_from(unseen.len()).unwrap_or(i32::MAX));
        alarms.set_more(more(unseen.len(), 1));
        if let Some(first) = unseen.first() {
            alarms.set_first(alarm_row(*first));
        }
        alarms.set_sound(codes::sound(screen.signals.as_ref()));
        refill(&self.alarms, screen.alarms.iter().copied().map(alarm_row).collect());
    }

    fn changed(&self, app: &AppWindow, changes: &[Change], how: Writing) {
        app.global::<Changes>().set_more(more(changes.len(), CHANGES));
        refill(&self.changes, changes.iter().take(CHANGES).map(|change| change_row(change, how)).collect());
    }

    fn caregiver(&self, app: &AppWindow, caregiver: &Caregiver, alarms: &[Alarm], how: Writing) {
        let pump = app.global::<PumpState>();
        delivery(&pump, caregiver.delivery, how);
        pump.set_reservoir_known(caregiver.reservoir.is_some());
        if let Some(view) = &caregiver.reservoir {
            reservoir(&pump, view, how);
        }
        let last = caregiver.last_dose;
        pump.set_last_dose(last.map(|last| how.amount(last.dose)).unwrap_or_default());
        pump.set_last_at(last.map(|last| how.clock(last.at)).unwrap_or_default());
        let (unit, count) = ago(last.and_then(|last| last.min_ago));
        pump.set_last_ago(unit);
        pump.set_last_count(count);
        // That the pump is stopped is the page's head already, and the banner has its own: the place goes to what else is wrong.
        let stopped = matches!(caregiver.delivery, Some(DeliveryView::Stopped { .. }));
        let banner = unseen(alarms).first().map(|alarm| alarm.condition);
        let told = |condition| Some(condition) == banner || (stopped && condition == AlarmCondition::PumpStopped);
        let rest: Vec<_> = alarms.iter().copied().filter(|alarm| !told(alarm.condition)).map(alarm_row).collect();
        pump.set_more_alarms(more(rest.len(), ALARMS));
        refill(&self.caregivers_alarms, rest.into_iter().take(ALARMS).collect());
    }

    fn weeks(&self, app: &AppWindow, weeks: Option<&ReservoirWeeks>, how: Writing) {
        let shown = app.global::<Weeks>();
        shown.set_known(weeks.is_some());
        let Some(ReservoirWeeks { now, before, ahead, batteries }) = weeks else { return };
        let Batteries { pump_months, pump_until, remote } = batteries;
        shown.set_pump_until(pump_until.map(|at| format::month(at.day())).unwrap_or_default());
        shown.set_pump_months(format::count(pump_months));
        let (hours, charge) = match remote {
            RemoteBattery::Lasts { hours } => (format::count(hours), SharedString::default()),
            RemoteBattery::Charging { percent } => (SharedString::default(), format::count(percent)),
            RemoteBattery::NotMeasured => Default::default(),
        };
        shown.set_remote_hours(hours);
        shown.set_remote_charge(charge);
        reservoir(&app.global::<PumpState<'_>>(), now, how);
        shown.set_loading(before.is_none());
        shown.set_today(i32::try_from(WEEKS_BEFORE).unwrap_or(i32::MAX));
        shown.set_before(format::count(WEEKS_BEFORE));
        shown.set_ahead(format::count(WEEKS_AHEAD));
        let share = |volume| format::share(volume, now.capacity);
        let read = |volume: Option<Volume>| {
            let share = volume.map_or(0.0, share);
            WeekRow { read: true, least: share, most: share }
        };
        let left =
            |week: &VolumeLeft| WeekRow { read: false, least: share(week.every_dose), most: share(week.basal_alone) };
        let before = before.unwrap_or_default().into_iter().rev();
        refill(&self.weeks, before.chain([Some(now.volume)]).map(read).chain(ahead.iter().map(left)).collect());
    }

    fn therapy(&self, app: &AppWindow, therapy: Option<&Therapy>, how: Writing) {
        let card = app.global::<TherapyCard>();
        card.set_known(therapy.is_some());
        let Some(therapy) = therapy else { return };
        card.set_drug(format::name(&therapy.drug));
        card.set_concentration(how.amount(therapy.concentration));
        card.set_dose(how.amount(therapy.demand_dose));
        card.set_allotment(format::count(therapy.allotment));
        card.set_lockout(how.length(therapy.lockout_interval));
        card.set_limit(how.limit(therapy.window_limit));
        let rate = |step: &BasalSegment| RateRow { from: how.begins_at(step.from_minute), rate: how.amount(step.rate) };
        refill(&self.rates, therapy.basal.iter().map(rate).collect());
    }

    fn self_test(&self, app: &AppWindow, test: &TestView) {
        let shown = app.global::<SelfTest>();
        let faults = test.findings.iter().flatten().any(|finding| finding.is_fault());
        shown.set_state(match test {
            TestView { runs: true, .. } => TestState::Running,
            TestView { runs: false, findings: [None, ..], .. } => TestState::Never,
            TestView { runs: false, .. } if faults => TestState::Failed,
            TestView { runs: false, .. } => TestState::Passed,
        });
        shown.set_question(codes::question(test.question));
        shown.set_may_begin(test.may_begin);
        let row = |(check, finding)| CheckRow { check: codes::check(check), finding: codes::finding(finding) };
        refill(&self.checks, Check::ALL.into_iter().zip(test.findings).map(row).collect());
    }

    fn pairing(&self, app: &AppWindow, view: &PairingView) {
        let shown = app.global::<PairingSteps>();
        shown.set_step(codes::pairing(view));
        // Nothing that was typed stays behind on a page that doesn't show it.
        let mut digits = Vec::new();
        match view {
            PairingView::Card { group, typed, wrong } => {
                shown.set_group(format::count(group));
                shown.set_groups(format::count(CARD_GROUPS));
                shown.set_group_length(i32::try_from(CARD_GROUP_LEN).unwrap_or(i32::MAX));
                shown.set_wrong(*wrong);
                digits.extend(typed.digits().iter().map(format::count));
            }
            PairingView::Failed(why) => shown.set_refusal(codes::refusal(*why)),
            PairingView::Paired { serial } => shown.set_serial(format::name(serial)),
            PairingView::NotPaired | PairingView::Window | PairingView::Asking { .. } => {}
        }
        refill(&self.typed, digits);
    }

    fn history(&self, app: &AppWindow, days: &[Day], loading: bool, clock: Option<WallTime>) {
        app.global::<Days>().set_loading(loading);
        let today = clock.map(WallTime::day);
        refill(&self.days, days.iter().map(|day| day_row(day, today)).collect());
    }

    // keeps R-CAR-08
    fn one_day(&self, app: &AppWindow, view: Option<&DayView>, clock: Option<WallTime>, how: Writing) {
        let shown = app.global::<OneDay>();
        shown.set_known(view.is_some());
        shown.set_has_earlier(view.is_some_and(|view| view.earlier.is_some()));
        shown.set_has_later(view.is_some_and(|view| view.later.is_some()));
        let Some(DayView { day, earlier, later }) = view else { return };
        shown.set_earlier(earlier.map(date).unwrap_or_default());
        shown.set_later(later.map(date).unwrap_or_default());
        shown.set_row(day_row(day, clock.map(WallTime::day)));
        let counts = &day.counts;
        let some = |count: u32| if count == 0 { SharedString::default() } else { format::count(count) };
        shown.set_open(some(counts.not_settled));
        shown.set_assumed(some(counts.assumed));
        shown.set_unknown(some(counts.unknown));
        shown.set_others_dose(if counts.others == 0 {
            SharedString::default()
        } else {
            how.amount(counts.others_dose)
        });
        let reasons = by_words(&counts.refused);
        let rest = reasons.iter().skip(NO_DOSES).fold(0_u32, |sum, (_, count)| sum.saturating_add(*count));
        shown.set_more(some(rest));
        let told = reasons.into_iter().take(NO_DOSES);
        refill(&self.no_doses, told.map(|(row, count)| NoDoseRow { count: format::count(count), ..row }).collect());
    }
}

fn status(app: &AppWindow, screen: &Screen, how: Writing) {
    let status = app.global::<Status>();
    let clock = how.clock(screen.clock.ok());
    if status.get_page() != codes::page(screen) || status.get_clock() != clock {
        status.set_turned(!status.get_turned());
    }
    status.set_clock(clock);
    status.set_practice(screen.practice);
    status.set_link(codes::link(screen.link));
    let (unit, count) = ago(screen.heard_min_ago);
    status.set_heard(unit);
    status.set_heard_count(count);
}

fn for_the_clinic(app: &AppWindow, summary: Option<&ClinicSummary>, clock: Option<WallTime>) {
    let code = summary.and_then(|summary| clinic::picture(&clinic::told(summary, clock)));
    app.global::<Clinic>().set_picture(code.unwrap_or_default());
}

fn service(app: &AppWindow, view: &ServiceView) {
    let service = app.global::<Service>();
    service.set_pump(view.pump.as_ref().map(format::name).unwrap_or_default());
    service.set_lines(format::count(view.head.count));
    service.set_newest(newest(view.head));
    let copied = match view.copying {
        Copying::Copied { head } => format::count(head.count),
        Copying::Idle | Copying::Asked | Copying::NotCopied(_) => SharedString::default(),
    };
    service.set_copied(copied);
    service.set_state(codes::copying(view.copying));
}

/// Enough of the newest line's hash to be held against another.
fn newest(head: AuditHead) -> SharedString {
    hex(head.hash.get(..4).unwrap_or_default()).into()
}

fn set_time(app: &AppWindow, view: SetTimeView, doubt: Option<WallDoubt>, how: Writing) {
    let setting = app.global::<ClockSetting>();
    setting.set_clock(view.shows.map(|time| clock_time(time, how)).unwrap_or_default());
    setting.set_pump(view.pump.map(|time| clock_time(time, how)).unwrap_or_default());
    setting.set_draft(clock_time(view.draft, how));
    let (hour, minute) = on_a_wall(view.draft).hour_minute();
    setting.set_hour(how.hour(hour));
    setting.set_minute(format::count(format_args!("{minute:02}")));
    setting.set_doubt(codes::doubt(doubt));
    setting.set_far(view.far);
    setting.set_state(codes::setting(view.state));
}

fn clock_time(time: CivilTime, how: Writing) -> ClockTime {
    let time = on_a_wall(time);
    let (day, month) = format::date(time.day());
    ClockTime { time: how.clock(Some(time)), day, month, year: format::year(time.day()) }
}

/// What a clock without a zone shows.
const fn on_a_wall(time: CivilTime) -> WallTime {
    WallTime { unix_ms: time.millis(), utc_offset_min: 0 }
}

fn night_clock(app: &AppWindow, night: Night, doubt: Option<WallDoubt>) {
    let clock = app.global::<NightClock>();
    clock.set_charge(format::count(night.charge));
    clock.set_full(night.charge >= 100);
    clock.set_doubt(codes::doubt(doubt));
    app.global::<Stopping>().set_code(StopCode::Absent);
    app.global::<Status>().set_page(Page::Night);
}

fn notice(app: &AppWindow, notice: Option<Notice>) {
    let notices = app.global::<Notices>();
    notices.set_code(match notice {
        None => NoticeCode::None,
        Some(Notice::Refused) => NoticeCode::Refused,
        Some(Notice::HoldLonger) => NoticeCode::HoldLonger,
        Some(Notice::NoDoseHere) => NoticeCode::NoDoseHere,
        Some(Notice::AccountsDiffer) => NoticeCode::AccountsDiffer,
    });
}

/// What nobody has acknowledged, the most urgent first.
fn unseen(alarms: &[Alarm]) -> Vec<Alarm> {
    alarms.iter().filter(|alarm| !alarm.acknowledged).copied().collect()
}

fn alarm_row(alarm: Alarm) -> AlarmRow {
    AlarmRow {
        code: codes::alarm(alarm.condition),
        priority: codes::priority(alarm.priority),
        acknowledged: alarm.acknowledged,
        ceased: alarm.ceased,
    }
}

fn change_row(change: &Change, how: Writing) -> ChangeRow {
    let row = |code, from: SharedString, to: SharedString| ChangeRow { code, from, to };
    let alone = |code| row(code, SharedString::default(), SharedString::default());
    match change {
        Change::DemandDose { from, to } => row(ChangeCode::DemandDose, how.amount(from), how.amount(to)),
        Change::Allotment { to: 0, .. } => alone(ChangeCode::DosesOff),
        Change::Allotment { from: 0, to } => row(ChangeCode::DosesOn, format::count(0), format::count(to)),
        Change::Allotment { from, to } => row(ChangeCode::Allotment, format::count(from), format::count(to)),
        Change::Lockout { from, to } => row(ChangeCode::Lockout, how.length(*from), how.length(*to)),
        Change::WindowLimit { from, to } => row(ChangeCode::WindowLimit, how.limit(*from), how.limit(*to)),
        Change::Basal { from, to } => {
            let code = if from == to { ChangeCode::BasalHours } else { ChangeCode::Basal };
            row(code, how.amount(from), how.amount(to))
        }
        Change::Drug { from, to } => row(ChangeCode::Drug, format::name(from), format::name(to)),
        Change::Concentration { from, to } => row(ChangeCode::Concentration, how.amount(from), how.amount(to)),
        Change::PatientCode { asked: true } => alone(ChangeCode::CodeAsked),
        Change::PatientCode { asked: false } => alone(ChangeCode::CodeNotAsked),
        Change::Details => alone(ChangeCode::Details),
        Change::Refill { volume } => row(ChangeCode::Refill, SharedString::default(), how.amount(volume)),
    }
}

fn enter_code(app: &AppWindow, dose: Dose, entered: u8, wrong: bool, how: Writing) {
    let code = app.global::<CodeEntry>();
    code.set_dose(how.amount(dose));
    code.set_entered(i32::from(entered));
    code.set_wrong(wrong);
}

fn reservoir(pump: &PumpState<'_>, view: &ReservoirView, how: Writing) {
    pump.set_volume(how.amount(view.volume));
    pump.set_capacity(how.amount(view.capacity));
    pump.set_percent(format::count(view.percent));
    pump.set_fill(f32::from(view.percent) / 100.0);
    pump.set_low_mark(format::share(view.low, view.capacity));
    pump.set_reserve_mark(format::share(view.reserve, view.capacity));
    pump.set_low(how.amount(view.low));
    pump.set_reserve(how.amount(view.reserve));
    pump.set_level(codes::level(view.level));
    let (unit, count) = format::ago(view.age_min);
    pump.set_age(unit);
    pump.set_age_count(count);
    let date = |by: RefillBy| by.on.map(|at| format::date(at.day())).unwrap_or_default();
    pump.set_days_left(format::count(view.every_dose.days_left));
    let (day, month) = date(view.every_dose);
    pump.set_refill_day(day);
    pump.set_refill_month(month);
    pump.set_basal_days_left(format::count(view.basal_alone.days_left));
    let (day, month) = date(view.basal_alone);
    pump.set_basal_day(day);
    pump.set_basal_month(month);
}

fn request(app: &AppWindow, dose: Dose, at: Option<WallTime>, how: Writing) {
    let request = app.global::<Request>();
    request.set_dose(how.amount(dose));
    request.set_at(how.clock(at));
}

fn progress(app: &AppWindow, delivered: Dose, remaining: Millis, permille: u16, how: Writing) {
    let request = app.global::<Request>();
    request.set_delivered(how.amount(delivered));
    request.set_share(f32::from(permille.min(1000)) / 1000.0);
    left(&request, remaining);
}

fn left(request: &Request<'_>, time: Millis) {
    let (span, major, minor) = format::span(time);
    request.set_span(span);
    request.set_major(major);
    request.set_minor(minor);
}

fn in_part(app: &AppWindow, delivered: Delivered, how: Writing) {
    let request = app.global::<Request>();
    let exact = delivered.at_least == delivered.at_most;
    request.set_delivered(how.amount(delivered.at_least));
    request.set_delivered_at_most(if exact { SharedString::default() } else { how.amount(delivered.at_most) });
}

fn not_given(app: &AppWindow, why: NotGiven, how: Writing) {
    let request = app.global::<Request>();
    match why {
        NotGiven::Denied { reason, until, retry_after } => {
            request.set_deny(codes::deny(reason));
            request.set_until(how.clock(until));
            if retry_after == Millis::ZERO {
                request.set_span(Span::None);
            } else {
                left(&request, retry_after);
            }
        }
        NotGiven::DoseDiffers { shown, echoed } => {
            request.set_dose(how.amount(shown));
            request.set_echoed(how.amount(echoed));
        }
        NotGiven::BolusEnded(end) => request.set_end(codes::end(end)),
        NotGiven::Expired | NotGiven::Interrupted | NotGiven::Overtaken | NotGiven::StoppedInTime => {}
    }
    request.set_not_given(codes::not_given(why));
}

fn ago(min: Option<u32>) -> (Ago, SharedString) {
    min.map_or((Ago::Never, SharedString::default()), format::ago)
}

fn delivery(pump: &PumpState<'_>, delivery: Option<DeliveryView>, how: Writing) {
    pump.set_rate(how.rate(delivery));
    pump.set_delivery(match delivery {
        None => DeliveryCode::Unknown,
        Some(DeliveryView::Delivering { rate: _ }) => DeliveryCode::Delivering,
        Some(DeliveryView::Stopped { since_min, since }) => {
            let (unit, count) = ago(since_min);
            pump.set_stopped_for(unit);
            pump.set_stopped_count(count);
            pump.set_stopped_since(how.clock(since));
            DeliveryCode::Stopped
        }
    });
}

/// What stood against doses, with those together that have the same words; the most frequent first.
fn by_words(refused: &[(NoDose, u32)]) -> Vec<(NoDoseRow, u32)> {
    let mut rows: Vec<(NoDoseRow, u32)> = Vec::new();
    for (why, count) in refused {
        let sum = counter(&mut rows, codes::against(*why));
        *sum = sum.saturating_add(*count);
    }
    rows.sort_by_key(|(_, count)| Reverse(*count));
    rows
}

/// A day's number, where a page can have it; the last one for what lies behind every calendar.
fn date(day: i64) -> i32 {
    i32::try_from(day).unwrap_or(i32::MAX)
}

fn day_row(day: &Day, today: Option<i64>) -> DayRow {
    let name = match today.map(|today| today.saturating_sub(day.day)) {
        Some(0) => DayName::Today,
        Some(1) => DayName::Yesterday,
        Some(_) | None => DayName::Date,
    };
    let (number, month) = format::date(day.day);
    let counts = &day.counts;
    DayRow {
        date: date(day.day),
        name,
        day: number,
        month,
        attempts: format::count(counts.attempts),
        given: format::count(counts.given),
        in_part: format::count(counts.in_part),
        refused: format::count(counts.refused()),
        not_sure: format::count(counts.not_sure()),
        others: format::count(counts.without_press()),
    }
}

/// How many don't fit, if any.
fn more(all: usize, shown: usize) -> SharedString {
    all.checked_sub(shown).filter(|rest| *rest > 0).map(format::count).unwrap_or_default()
}

fn refill<T: Clone + PartialEq + 'static>(model: &VecModel<T>, items: Vec<T>) {
    if !model.iter().eq(items.iter().cloned()) {
        model.set_vec(items);
    }
}
