//! "If I press now, do I get medicine?": one answer from everything that is known.
//!
//! # Promises
//! - READY means that nothing known speaks against a dose; whatever is not known speaks against it.
//! - A countdown is shown only if nothing but time is in the way, and it is the longest of both accounts' waits.
//! - All reasons are given, most limiting first.

use pump_protocol::{
    clock::{CivilTime, Now, PumpTime},
    prescription::{ALLOTMENT_WINDOW, Prescription},
    quantity::{Dose, Millis},
    report::{Delivery, PumpReport},
};

use super::{
    account::{Account, shortened},
    reason::{Inhibiting, Reason},
    reservoir::{ReservoirLevel, level},
    window::Windows,
};
use crate::screen::Offer;

// keeps R-ANS-08
/// How old a report may be, counted from when it was asked for, for READY to stand: four times the 30 s between
/// two of them, so that three may be lost.
pub const REPORT_AGE_MAX: Millis = Millis::from_secs(120);

/// By how much the two accounts may differ before the difference is announced: the slowest answer of the radio on both
/// sides of an exchange. What two crystals drift apart over the span that is judged comes on top.
const ACCOUNTS_TOLERANCE: Millis = Millis::from_secs(20);

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Availability {
    /// A press brings medicine.
    Ready(Offer),
    /// A press brings nothing until this much time has passed.
    Wait {
        /// How long still.
        remaining: Millis,
        /// All reasons, most limiting first.
        reasons: Vec<Reason>,
        /// How many doses are left and of how many.
        offer: Offer,
    },
    /// A press brings nothing, and time alone doesn't help. Never empty.
    NotAvailable(Vec<Reason>),
}

/// What the pump said last, and when.
#[derive(Clone, Copy, Debug)]
pub struct PumpWord<'a> {
    /// Its report.
    pub report: &'a PumpReport,
    /// How long ago it was asked for.
    pub age: Millis,
    /// How long ago it was heard.
    pub heard: Millis,
    /// What its clock shows now, at least.
    pub pump_now: PumpTime,
    /// What its calendar shows now, at least and at most.
    pub civil: [CivilTime; 2],
    /// What it denied a dose for, and how long that still lasts.
    pub denied: Option<(Reason, Millis)>,
}

/// What the accounts say of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Accounts {
    /// How long the lockout still runs, by our account and by the pump's.
    pub lockout: TwoAccounts<Millis>,
    /// How many demand doses count in 24 hours, by our account and by the pump's.
    pub used: TwoAccounts<u8>,
    /// How long until one more fits into the allotment.
    pub allotment_wait: Millis,
    /// How many of ours are so near their return that the pump may have let go of them already.
    returning: u8,
    /// How far the lockouts may lie apart.
    tolerance: Millis,
}

/// One quantity as both sides count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TwoAccounts<T> {
    /// By our account.
    pub ours: T,
    /// By the pump's.
    pub pumps: T,
}

impl<T: Ord + Copy> TwoAccounts<T> {
    // keeps R-LIM-02
    /// The one that allows less.
    pub fn stricter(self) -> T {
        self.ours.max(self.pumps)
    }
}

impl Accounts {
    /// Judges both accounts at this moment.
    pub fn judge(account: &Account, prescription: &Prescription, word: &PumpWord<'_>, now: Now) -> Self {
        let heard_ago = shortened(word.heard);
        let lockout = TwoAccounts {
            ours: account.lockout_remaining(prescription, word.pump_now, now),
            pumps: word.report.lockout_remaining.saturating_sub(heard_ago),
        };
        let next_return = word.report.allotment.next_return.saturating_sub(heard_ago);
        // Of those that the pump counted, one has returned since.
        let returned = u8::from(next_return == Millis::ZERO);
        let used = TwoAccounts {
            ours: account.used(prescription, word.pump_now, now),
            pumps: word.report.allotment.used.saturating_sub(returned),
        };
        let ours_full = account.allotment_remaining(prescription, word.pump_now, now);
        let full = used.pumps >= prescription.programmed().allotment;
        let pumps_full = if full { next_return } else { Millis::ZERO };
        let returning = account.returning(tolerance(ALLOTMENT_WINDOW), word.pump_now, now);
        let tolerance = tolerance(prescription.programmed().lockout_interval);
        Self { lockout, used, allotment_wait: ours_full.max(pumps_full), returning, tolerance }
    }

    /// Whether lockout or allotment differ by more than the radio can explain.
    pub fn differ(&self) -> bool {
        let TwoAccounts { ours, pumps } = self.lockout;
        let same_count = self.used.ours.saturating_sub(self.returning)..=self.used.ours;
        !same_count.contains(&self.used.pumps)
            || ours.saturating_sub(pumps).max(pumps.saturating_sub(ours)) > self.tolerance
    }
}

/// The drug in the window of the dose limit that ends now, by both accounts, if they differ by more than the radio can explain.
pub fn windows_differ(
    account: &Account,
    prescription: &Prescription,
    word: &PumpWord<'_>,
    now: Now,
) -> Option<TwoAccounts<Dose>> {
    let windows = Windows::of(account, prescription, word.civil, word.pump_now, now);
    let slack = tolerance(prescription.programmed().window_limit.window);
    // What the basal rate gives in that time is in doubt as well.
    let basal = prescription.most_basal_in(slack);
    let most = windows.used(slack).saturating_add(basal);
    let least = windows.used_at_least(slack).saturating_sub(basal);
    let pumps = word.report.window_used;
    let differ = !(least..=most).contains(&pumps);
    differ.then(|| TwoAccounts { ours: windows.used(Millis::ZERO), pumps })
}

/// By how much two accounts of the same span may differ for no reason.
fn tolerance(span: Millis) -> Millis {
    ACCOUNTS_TOLERANCE.saturating_add(span.saturating_sub(shortened(span)))
}

/// The answer from the pump's last word and both accounts; `known` holds what else already speaks against a dose, and
/// `code_lock` is how long no patient code is taken.
pub fn judge(
    mut known: Vec<Reason>,
    code_lock: Millis,
    word: Option<&PumpWord<'_>>,
    prescription: Option<&Prescription>,
    account: &Account,
    now: Now,
) -> Availability {
    let (Some(word), Some(prescription)) = (word, prescription) else {
        if known.is_empty() {
            known.push(Reason::HistoryNotImported);
        }
        return not_available(known);
    };
    let accounts = Accounts::judge(account, prescription, word, now);
    known.extend(spoken_against(word, prescription));
    let window_wait = Windows::of(account, prescription, word.civil, word.pump_now, now).wait();
    let mut waits = waits(&accounts, window_wait, word, prescription);
    waits.extend((code_lock > Millis::ZERO).then_some((Reason::CodeLocked, code_lock)));
    known.extend(waits.iter().map(|(reason, _)| *reason));
    let left = prescription.programmed().allotment.saturating_sub(accounts.used.stricter());
    let allotment = prescription.programmed().allotment;
    let offer = Offer { dose: prescription.programmed().demand_dose, left, allotment };
    if known.is_empty() {
        return Availability::Ready(offer);
    }
    if known.iter().all(|reason| reason.passes_by_itself()) {
        let remaining = waits.iter().map(|(_, wait)| *wait).max().unwrap_or(Millis::ZERO);
        known.sort_unstable();
        known.dedup();
        return Availability::Wait { remaining, reasons: known, offer };
    }
    not_available(known)
}

fn not_available(mut reasons: Vec<Reason>) -> Availability {
    reasons.sort_unstable();
    reasons.dedup();
    Availability::NotAvailable(reasons)
}

/// What the pump's report says against a dose, apart from what passes by itself.
fn spoken_against(word: &PumpWord<'_>, prescription: &Prescription) -> Vec<Reason> {
    let report = word.report;
    let alarms = report.annunciations.iter().filter_map(|a| Inhibiting::from_annunciation(a.kind)).map(Reason::Alarm);
    // keeps R-ANS-07
    let low = level(prescription, report.reservoir) > ReservoirLevel::Enough;
    let holds = [
        (matches!(report.delivery, Delivery::Stopped { .. }), Reason::Alarm(Inhibiting::PumpStopped)),
        // keeps R-ANS-15
        (!prescription.demand_doses_on(), Reason::DemandDosesOff),
        (low, Reason::LowReservoir),
        (word.age > REPORT_AGE_MAX, Reason::ReportTooOld),
    ];
    alarms.chain(holds.into_iter().filter_map(|(holds, reason)| holds.then_some(reason))).collect()
}

/// What passes by itself, and when.
fn waits(
    accounts: &Accounts,
    window_wait: Millis,
    word: &PumpWord<'_>,
    prescription: &Prescription,
) -> Vec<(Reason, Millis)> {
    let bolus = word.report.bolus.map_or(Millis::ZERO, |bolus| bolus.remaining.saturating_sub(shortened(word.heard)));
    let on = |wait| if prescription.demand_doses_on() { wait } else { Millis::ZERO };
    let waits = [
        (Reason::WindowLimit, on(window_wait)),
        (Reason::Allotment, on(accounts.allotment_wait)),
        (Reason::Lockout, accounts.lockout.stricter()),
        (Reason::BolusRunning, bolus),
    ];
    waits.into_iter().chain(word.denied).filter(|(_, wait)| *wait > Millis::ZERO).collect()
}
