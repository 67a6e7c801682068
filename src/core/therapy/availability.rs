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
    // The window that the pump spoke of ended when it spoke.
    let slack = tolerance(prescription.programmed().window_limit.window).saturating_add(word.age);
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

#[cfg(test)]
mod tests {
    use pump_protocol::{
        history::{BolusId, Delivered, HistorySeq, Origin},
        prescription::Programmed,
        quantity::{BasalRate, Volume},
        report::{
            AllotmentAccount, Annunciation, AnnunciationKind, AnnunciationState, PrescriptionStamp, RunningBolus,
        },
        wire::Bounded,
    };

    use super::*;
    use crate::fixtures::{hours, morphine, now_at};

    const SECOND: Millis = Millis::from_secs(1);

    /// A pump that says that a dose could be given, and has said so just now.
    fn report() -> PumpReport {
        PumpReport {
            time: PumpTime::new(1, hours(100)),
            civil: CivilTime::from_millis(0),
            prescription: PrescriptionStamp::default(),
            lockout_remaining: Millis::ZERO,
            allotment: AllotmentAccount::default(),
            window_used: Dose::ZERO,
            delivery: Delivery::Delivering { rate: BasalRate::from_nanograms_per_hour(4_000) },
            bolus: None,
            reservoir: Volume::from_microlitres(10_000),
            months_to_eri: 60,
            annunciations: Bounded::default(),
            history_head: HistorySeq(0),
        }
    }

    fn word(report: &PumpReport) -> PumpWord<'_> {
        let civil = [report.civil; 2];
        PumpWord { report, age: SECOND, heard: Millis::ZERO, pump_now: report.time, civil, denied: None }
    }

    fn with(change: impl FnOnce(&mut Programmed)) -> Prescription {
        let mut programmed = morphine().programmed().clone();
        change(&mut programmed);
        Prescription::check(programmed).unwrap()
    }

    fn judged(word: &PumpWord<'_>, prescription: &Prescription) -> Availability {
        judge(vec![], Millis::ZERO, Some(word), Some(prescription), &Account::default(), now_at(hours(1)))
    }

    fn waits_for(word: &PumpWord<'_>, reason: Reason) -> Option<Millis> {
        match judged(word, &morphine()) {
            Availability::Wait { remaining, reasons, .. } => (reasons == [reason]).then_some(remaining),
            Availability::Ready(_) | Availability::NotAvailable(_) => None,
        }
    }

    fn offer(left: u8) -> Offer {
        Offer { dose: Dose::from_micrograms(50), left, allotment: 4 }
    }

    #[test]
    fn a_word_is_too_old_from_the_first_millisecond_beyond_two_minutes() {
        let report = report();
        let at_age = |age| judged(&PumpWord { age, ..word(&report) }, &morphine());
        assert_eq!(at_age(Millis::from_secs(120)), Availability::Ready(offer(4)));
        assert_eq!(at_age(Millis::new(120_001)), Availability::NotAvailable(vec![Reason::ReportTooOld]));
    }

    #[test]
    fn whatever_the_pump_says_against_a_dose_is_a_reason() {
        let against = |change: fn(&mut PumpReport), prescription: &Prescription| {
            let mut report = report();
            change(&mut report);
            match judged(&word(&report), prescription) {
                Availability::NotAvailable(reasons) => reasons,
                offered => panic!("{offered:?}"),
            }
        };
        let stopped = Reason::Alarm(Inhibiting::PumpStopped);
        assert_eq!(against(|report| report.delivery = Delivery::Stopped { since: SECOND }, &morphine()), [stopped]);
        let low = |report: &mut PumpReport| report.reservoir = Volume::from_microlitres(2_024);
        assert_eq!(against(low, &morphine()), [Reason::LowReservoir]);
        let stall = |report: &mut PumpReport| {
            let (kind, state) = (AnnunciationKind::MotorStall, AnnunciationState::Confirmed);
            report.annunciations = Bounded::filled_from([Annunciation { id: 1, kind, state, since: SECOND }]);
        };
        assert_eq!(against(stall, &morphine()), [Reason::Alarm(Inhibiting::MotorStall)]);
        let off = with(|programmed| programmed.allotment = 0);
        let used = |report: &mut PumpReport| report.allotment = AllotmentAccount { used: 3, next_return: hours(1) };
        assert_eq!(against(used, &off), [Reason::DemandDosesOff], "what is off isn't counted, too");
        let mut enough = report();
        enough.reservoir = Volume::from_microlitres(2_025);
        assert_eq!(
            judged(&word(&enough), &morphine()),
            Availability::Ready(offer(4)),
            "one dose down to the threshold"
        );
    }

    #[test]
    fn a_wait_ends_with_its_last_millisecond() {
        let mut report = report();
        report.lockout_remaining = Millis::new(1);
        assert_eq!(waits_for(&word(&report), Reason::Lockout), Some(Millis::new(1)));
        // Of the millisecond that passed here the slowest pump may have counted none.
        assert_eq!(
            waits_for(&PumpWord { heard: Millis::new(1), ..word(&report) }, Reason::Lockout),
            Some(Millis::new(1))
        );
        let later = PumpWord { heard: Millis::new(2), ..word(&report) };
        assert_eq!(judged(&later, &morphine()), Availability::Ready(offer(4)));
        let denied = Some((Reason::WindowLimit, SECOND));
        assert_eq!(waits_for(&PumpWord { denied, ..word(&self::report()) }, Reason::WindowLimit), Some(SECOND));
        let denied = Some((Reason::WindowLimit, Millis::ZERO));
        assert_eq!(judged(&PumpWord { denied, ..word(&self::report()) }, &morphine()), Availability::Ready(offer(4)));
    }

    #[test]
    fn a_running_bolus_is_waited_for() {
        let mut report = report();
        report.bolus = Some(RunningBolus {
            bolus: BolusId(1),
            origin: Origin::Clinician,
            dose: Dose::from_micrograms(50),
            delivered: Delivered::exactly(Dose::ZERO),
            remaining: hours(1),
        });
        assert_eq!(waits_for(&word(&report), Reason::BolusRunning), Some(hours(1)));
        let later = PumpWord { heard: hours(2), ..word(&report) };
        assert_eq!(judged(&later, &morphine()), Availability::Ready(offer(4)));
    }

    #[test]
    fn the_pumps_allotment_counts_until_its_next_return() {
        let mut report = report();
        report.allotment = AllotmentAccount { used: 4, next_return: hours(1) };
        assert_eq!(waits_for(&word(&report), Reason::Allotment), Some(hours(1)));
        let later = PumpWord { heard: hours(2), ..word(&report) };
        assert_eq!(judged(&later, &morphine()), Availability::Ready(offer(1)), "one of the four has returned");
        report.allotment.used = 3;
        assert_eq!(judged(&word(&report), &morphine()), Availability::Ready(offer(1)));
        report.allotment.used = 9;
        assert_eq!(waits_for(&word(&report), Reason::Allotment), Some(hours(1)));
    }

    #[test]
    fn a_lock_after_wrong_codes_is_waited_for_and_the_longest_wait_counts() {
        let mut report = report();
        report.lockout_remaining = hours(1);
        let judged = |lock| {
            let account = Account::default();
            judge(vec![], lock, Some(&word(&report)), Some(&morphine()), &account, now_at(hours(1)))
        };
        let wait = |remaining, reasons| Availability::Wait { remaining, reasons, offer: offer(4) };
        assert_eq!(judged(Millis::ZERO), wait(hours(1), vec![Reason::Lockout]));
        assert_eq!(judged(Millis::new(1)), wait(hours(1), vec![Reason::CodeLocked, Reason::Lockout]));
        assert_eq!(judged(hours(3)), wait(hours(3), vec![Reason::CodeLocked, Reason::Lockout]));
    }

    #[test]
    fn two_sums_of_a_window_differ_beyond_what_the_radio_explains() {
        let (mut report, now) = (report(), now_at(hours(1)));
        let differ = |report: &PumpReport, age| {
            let word = PumpWord { age, ..word(report) };
            windows_differ(&Account::default(), &morphine(), &word, now)
        };
        let ours = Dose::from_nanograms(24 * 4_000);
        // 24 h drift by 86.4 s and a millisecond, the radio's 20 s, and the word's own age: 119 and 152 ng of basal, rounded up.
        for (age, most) in [(Millis::ZERO, 119), (Millis::from_secs(30), 152)] {
            for (by, told) in [(0, false), (most, false), (most + 1, true), (-most, false), (-most - 1, true)] {
                report.window_used = Dose::from_nanograms(96_000_u32.saturating_add_signed(by));
                let expected = told.then_some(TwoAccounts { ours, pumps: report.window_used });
                assert_eq!(differ(&report, age), expected, "{by} ng apart");
            }
        }
    }

    #[test]
    fn without_a_word_or_a_prescription_something_always_speaks_against_a_dose() {
        let judged = |known: Vec<Reason>| {
            judge(known, Millis::ZERO, None, Some(&morphine()), &Account::default(), now_at(hours(1)))
        };
        assert_eq!(judged(vec![]), Availability::NotAvailable(vec![Reason::HistoryNotImported]));
        let told = vec![Reason::OutOfReach, Reason::NoBond, Reason::OutOfReach];
        assert_eq!(judged(told), Availability::NotAvailable(vec![Reason::NoBond, Reason::OutOfReach]));
    }

    #[test]
    fn accounts_may_differ_by_the_radio_and_by_what_crystals_drift() {
        assert_eq!(tolerance(Millis::ZERO), Millis::new(20_000));
        assert_eq!(tolerance(hours(1)), Millis::new(20_000 + 3_600 + 1));
        let accounts = |ours, pumps, used: (u8, u8), returning| Accounts {
            lockout: TwoAccounts { ours: Millis::new(ours), pumps: Millis::new(pumps) },
            used: TwoAccounts { ours: used.0, pumps: used.1 },
            allotment_wait: Millis::ZERO,
            returning,
            tolerance: Millis::new(100),
        };
        for (ours, pumps, used, returning, differ) in [
            (500, 500, (2, 2), 0, false),
            (600, 500, (2, 2), 0, false),
            (601, 500, (2, 2), 0, true),
            (500, 600, (2, 2), 0, false),
            (500, 601, (2, 2), 0, true),
            (0, 0, (3, 2), 0, true),
            (0, 0, (3, 2), 1, false),
            (0, 0, (3, 1), 1, true),
            (0, 0, (2, 3), 1, true),
        ] {
            assert_eq!(
                accounts(ours, pumps, used, returning).differ(),
                differ,
                "{ours}, {pumps}, {used:?}, {returning}"
            );
        }
        assert_eq!(TwoAccounts { ours: 3, pumps: 2 }.stricter(), 3);
        assert_eq!(TwoAccounts { ours: 2, pumps: 3 }.stricter(), 3);
    }
}
