//! Our own account of doses: what lockout, allotment and dose limit are judged by, beside the pump's account.
//!
//! The pump enforces all three. This second account tells the patient how long to wait, and notices when the two disagree.
//!
//! # Terms
//! - *age*: the time since a dose could have started at the latest, by the pump's clock and by our boot-time clock; the
//!   smaller of the two counts, so that neither clock alone can end a lockout.
//! - *carried age*: what a dose's age was when the pump lost its clock. The unknown time off counts as no time passed.
//!
//! # Promises
//! - The wait shown is never shorter than what either clock says.
//! - A dose is counted once, however often it is heard of; one that nobody can vouch for counts in full.
//! - Whatever doesn't fit counts as if the allotment were used up: the account never forgets in the patient's disfavour.

use pump_protocol::{
    clock::{BootId, Now, PumpTime, Uptime},
    history::BolusId,
    message::RequestId,
    prescription::{ALLOTMENT_WINDOW, Prescription, REACH_MAX},
    quantity::{Dose, Millis},
    wire::{Bounded, wire_enum, wire_struct},
};

/// The most doses counted at a time: the longest reach of seven days at the greatest allotment of 48 a day, and a day's more
/// for the clinic's. Beyond it the account is [full](Account::count).
pub const DOSES_MAX: usize = 8 * 48;

/// How much longer a dose is kept than a limit reaches: the pump's sums, which ours are compared with, are as old as its report,
/// and may count by another crystal; a quarter of an hour in a week, at most.
const COMPARED_WITHIN: Millis = Millis::from_hours(1);

/// How far two crystals drift apart: 1 in 1000 is ten times what a watch does.
const DRIFT_PER_MILLE: u64 = 1;

/// What counts towards lockout and allotment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Account {
    doses: Bounded<CountedDose, DOSES_MAX>,
    /// A moment from which a full lockout runs though no dose is known: a pump reset, a gap in the history.
    lockout_from: Option<Since>,
    /// A moment from which the allotment counts as used up: a gap in the history, a dose that didn't fit.
    used_up_from: Option<Since>,
}

/// One dose that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountedDose {
    /// Which.
    pub source: DoseSource,
    /// How much, in full, even if only a part went in.
    pub dose: Dose,
    /// Its latest possible start.
    pub since: Since,
    /// How long it takes from its start to its last drop, as programmed when it was counted.
    pub lasts: Millis,
}

/// Where a counted dose comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DoseSource {
    /// A request of this remote.
    Ours {
        /// Which.
        id: RequestId,
    },
    /// Another remote's demand dose.
    OtherRemote {
        /// Which bolus of the pump.
        bolus: BolusId,
    },
    /// A bolus of the clinic or of nobody that the pump can name. It counts towards the lockout, not the allotment.
    NotDemanded {
        /// Which bolus of the pump.
        bolus: BolusId,
    },
}

/// A moment in the past, as two clocks saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Since {
    /// On the pump's clock, at the latest.
    pub pump: PumpTime,
    /// What had passed already when that epoch of the pump's clock began.
    pub carried: Millis,
    /// On our boot-time clock, at the latest; `None` if it was before this account heard of it live.
    pub uptime: Option<(BootId, Uptime)>,
}

wire_struct!(Account { doses, lockout_from, used_up_from });
wire_struct!(CountedDose { source, dose, since, lasts });
wire_struct!(Since { pump, carried, uptime });
wire_enum!(DoseSource: u8 { 0x0F => Ours { id }, 0x33 => OtherRemote { bolus }, 0x3C => NotDemanded { bolus } });

/// What the pump's clock can be, judged from its last word: bounds, because the radio may have held that word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PumpClock {
    /// What the pump said.
    pub said: PumpTime,
    /// When we asked.
    pub asked: Uptime,
    /// When we heard.
    pub heard: Uptime,
}

impl PumpClock {
    /// The earliest that the pump's clock can show now.
    pub fn at_least(&self, now: Uptime) -> PumpTime {
        self.said.after(shortened(now.since(self.heard)))
    }

    /// The latest that the pump's clock can show now.
    pub fn at_most(&self, now: Uptime) -> PumpTime {
        self.said.after(lengthened(now.since(self.asked)))
    }
}

// keeps R-CLK-08
/// A span of our clock as the slowest pump clock would count it.
pub fn shortened(span: Millis) -> Millis {
    span.saturating_sub(drift(span))
}

fn lengthened(span: Millis) -> Millis {
    span.saturating_add(drift(span))
}

fn drift(span: Millis) -> Millis {
    Millis::new((span.get() / 1000).saturating_mul(DRIFT_PER_MILLE).saturating_add(1))
}

impl Since {
    // keeps R-CLK-02
    /// No less than this has passed; nothing across a reset that was not carried over.
    fn age(&self, pump_now: PumpTime, now: Now) -> Millis {
        let by_pump = self.until(pump_now).unwrap_or(self.carried);
        match self.uptime {
            Some((boot, uptime)) if boot == now.boot => by_pump.min(now.uptime.since(uptime)),
            Some(_) | None => by_pump,
        }
    }

    /// How much later this is, with what was carried over; unknown across a reset.
    fn until(&self, at: PumpTime) -> Option<Millis> {
        at.since(self.pump).map(|passed| passed.saturating_add(self.carried))
    }

    /// The later of two moments, as far as the pump's clock tells.
    fn later_of(self, other: Option<Self>) -> Self {
        let start = |since: Self| {
            (since.pump.epoch, i128::from(since.pump.since_epoch.get()) - i128::from(since.carried.get()))
        };
        other.filter(|other| start(*other) > start(self)).unwrap_or(self)
    }

    fn carry_over(&mut self, last_seen: PumpTime, from: PumpTime) {
        let carried = self.until(last_seen).unwrap_or(self.carried);
        *self = Self { pump: from, carried, uptime: self.uptime };
    }
}

impl Account {
    // keeps R-REQ-22, R-LIM-10
    /// Counts a dose, or moves it if it is counted already. Without room the allotment counts as used up from its start.
    pub fn count(&mut self, counted: CountedDose) {
        if let Some(known) = self.doses.as_mut_slice().iter_mut().find(|dose| dose.source == counted.source) {
            // A bolus goes on as it was accepted, whatever is programmed meanwhile.
            *known = CountedDose { lasts: counted.lasts.max(known.lasts), ..counted };
        } else if self.doses.push(counted).is_err() {
            self.count_gap(counted.since);
        }
    }

    /// By when a counted dose had started, on our clock in this boot.
    pub fn started_by(&self, source: DoseSource, boot: BootId) -> Option<Uptime> {
        let counted = self.doses.iter().find(|dose| dose.source == source)?;
        counted.since.uptime.filter(|(of, _)| *of == boot).map(|(_, uptime)| uptime)
    }

    /// A dose ended then, or will: it may take longer than was programmed here when it was counted.
    pub fn ends_at(&mut self, source: DoseSource, at: PumpTime) {
        for dose in self.doses.as_mut_slice().iter_mut().filter(|dose| dose.source == source) {
            dose.lasts = dose.lasts.max(dose.since.until(at).unwrap_or(Millis::ZERO));
        }
    }

    /// The pump's history tells when it ended: none of it lies behind that, and none was stopped later.
    pub fn ended_at(&mut self, source: DoseSource, at: PumpTime) {
        for dose in self.doses.as_mut_slice().iter_mut().filter(|dose| dose.source == source) {
            dose.lasts = dose.since.until(at).unwrap_or(dose.lasts);
        }
    }

    /// Takes a dose out of the account: the pump has proved that nothing went in.
    pub fn discount(&mut self, source: DoseSource) {
        self.doses.retain(|dose| dose.source != source);
    }

    /// The newest dose that counts.
    pub fn newest(&self, pump_now: PumpTime, now: Now) -> Option<(CountedDose, Millis)> {
        self.counted(pump_now, now).map(|(dose, age)| (*dose, age)).min_by_key(|(_, age)| *age)
    }

    /// Whether a dose of this source counts.
    pub fn counts(&self, source: DoseSource) -> bool {
        self.doses.iter().any(|dose| dose.source == source)
    }

    // keeps R-LIM-09
    /// A stretch of history is gone: it counts as fully used up to its end.
    pub fn count_gap(&mut self, until: Since) {
        self.lockout_from = Some(until.later_of(self.lockout_from));
        self.used_up_from = Some(until.later_of(self.used_up_from));
    }

    // keeps R-CLK-05
    /// Another clock counts from here on: what was known of ages is carried over to it, and a full lockout begins.
    pub fn clock_was_lost(&mut self, last_seen: PumpTime, from: PumpTime) {
        self.doses.as_mut_slice().iter_mut().for_each(|dose| dose.since.carry_over(last_seen, from));
        if let Some(used_up) = &mut self.used_up_from {
            used_up.carry_over(last_seen, from);
        }
        self.lockout_from = Some(Since { pump: from, carried: Millis::ZERO, uptime: None });
    }

    // keeps R-LIM-13
    /// Numbers the boluses of a pump that is gone from the far end, where no other pump's count comes to: another pump's
    /// first bolus isn't this one's.
    pub fn pump_was_replaced(&mut self) {
        for (dose, bolus) in self.doses.as_mut_slice().iter_mut().zip((0..=u32::MAX).rev().map(BolusId)) {
            dose.source = match dose.source {
                DoseSource::Ours { id } => DoseSource::Ours { id },
                DoseSource::OtherRemote { .. } => DoseSource::OtherRemote { bolus },
                DoseSource::NotDemanded { .. } => DoseSource::NotDemanded { bolus },
            };
        }
    }

    /// Forgets what no limit can reach any more, the next prescription's neither, nor the sum of a report that is a little old.
    pub fn prune(&mut self, pump_now: PumpTime, now: Now) {
        let reach = REACH_MAX.saturating_add(COMPARED_WITHIN);
        self.doses.retain(|dose| dose.since.age(pump_now, now) <= reach.saturating_add(dose.lasts));
    }

    /// How many doses count.
    pub fn len(&self) -> usize {
        self.doses.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.doses.is_empty()
    }

    /// Every dose that counts, with its age.
    pub fn counted(&self, pump_now: PumpTime, now: Now) -> impl Iterator<Item = (&CountedDose, Millis)> {
        self.doses.iter().map(move |dose| (dose, dose.since.age(pump_now, now)))
    }

    /// How long ago a stretch of unknown history ended; `None` if all of it is known.
    pub fn gap_age(&self, pump_now: PumpTime, now: Now) -> Option<Millis> {
        self.used_up_from.map(|since| since.age(pump_now, now))
    }

    // keeps R-LIM-01
    /// How long until the lockout interval since the last dose is over.
    pub fn lockout_remaining(&self, prescription: &Prescription, pump_now: PumpTime, now: Now) -> Millis {
        let interval = prescription.programmed().lockout_interval;
        let starts = self.doses.iter().map(|dose| dose.since).chain(self.lockout_from);
        let youngest = starts.map(|since| since.age(pump_now, now)).min();
        youngest.map_or(Millis::ZERO, |age| interval.saturating_sub(age))
    }

    // keeps R-LIM-03
    /// How many demand doses count in the last 24 hours.
    pub fn used(&self, prescription: &Prescription, pump_now: PumpTime, now: Now) -> u8 {
        let allotment = prescription.programmed().allotment;
        let used_up = self.gap_age(pump_now, now).is_some_and(|age| age < ALLOTMENT_WINDOW);
        let counted = self.demanded_ages(pump_now, now).count();
        let used = u8::try_from(counted).unwrap_or(u8::MAX);
        if used_up { used.max(allotment) } else { used }
    }

    /// How many of them no longer count in this much time.
    pub fn returning(&self, within: Millis, pump_now: PumpTime, now: Now) -> u8 {
        let returning = self.demanded_ages(pump_now, now).filter(|age| age.saturating_add(within) >= ALLOTMENT_WINDOW);
        u8::try_from(returning.count()).unwrap_or(u8::MAX)
    }

    // keeps R-LIM-03
    /// How long until the oldest of them no longer counts; `None` if none counts.
    pub fn next_return(&self, pump_now: PumpTime, now: Now) -> Option<Millis> {
        let used_up = self.gap_age(pump_now, now).filter(|age| *age < ALLOTMENT_WINDOW);
        let oldest = used_up.or_else(|| self.demanded_ages(pump_now, now).max());
        oldest.map(|age| ALLOTMENT_WINDOW.saturating_sub(age))
    }

    /// How long until one more demand dose fits into the allotment; nothing if one fits now.
    pub fn allotment_remaining(&self, prescription: &Prescription, pump_now: PumpTime, now: Now) -> Millis {
        let allotment = usize::from(prescription.programmed().allotment);
        let mut ages: Vec<Millis> = self.demanded_ages(pump_now, now).collect();
        ages.sort_unstable_by(|a, b| b.cmp(a));
        let too_many = (ages.len() + 1).saturating_sub(allotment);
        let by_count = too_many.checked_sub(1).and_then(|last| ages.get(last));
        let by_gap = self.gap_age(pump_now, now);
        let waits = by_count.copied().into_iter().chain(by_gap).map(|age| ALLOTMENT_WINDOW.saturating_sub(age));
        waits.max().unwrap_or(Millis::ZERO)
    }

    fn demanded_ages(&self, pump_now: PumpTime, now: Now) -> impl Iterator<Item = Millis> {
        let demanded = self.doses.iter().filter(|dose| match dose.source {
            DoseSource::Ours { .. } | DoseSource::OtherRemote { .. } => true,
            DoseSource::NotDemanded { .. } => false,
        });
        demanded.map(move |dose| dose.since.age(pump_now, now)).filter(|age| *age < ALLOTMENT_WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{hours, morphine, now_at};

    fn ours(id: u64, at: Millis) -> CountedDose {
        let since = Since { pump: PumpTime::new(1, at), carried: Millis::ZERO, uptime: None };
        let (source, dose) = (DoseSource::Ours { id: RequestId(id) }, Dose::from_micrograms(50));
        CountedDose { source, dose, since, lasts: Millis::from_mins(4) }
    }

    fn pump_at(hours: u64) -> PumpTime {
        PumpTime::new(1, Millis::from_hours(hours))
    }

    #[test]
    fn the_lockout_runs_from_the_newest_start() {
        let mut account = Account::default();
        account.count(ours(1, hours(10)));
        account.count(ours(2, hours(11)));
        let remaining = account.lockout_remaining(&morphine(), pump_at(12), now_at(hours(99)));
        // proves R-LIM-01
        assert_eq!(remaining, hours(1));
    }

    #[test]
    fn the_same_dose_heard_twice_counts_once() {
        let mut account = Account::default();
        account.count(ours(1, hours(10)));
        account.count(ours(1, hours(11)));
        // proves R-REQ-22
        assert_eq!(account.used(&morphine(), pump_at(12), now_at(hours(99))), 1);
        assert_eq!(account.lockout_remaining(&morphine(), pump_at(12), now_at(hours(99))), hours(1));
    }

    #[test]
    fn a_pump_clock_that_jumps_forward_does_not_end_our_lockout() {
        let mut account = Account::default();
        let mut dose = ours(1, hours(10));
        let pressed_at = now_at(hours(50));
        dose.since.uptime = Some((pressed_at.boot, pressed_at.uptime));
        account.count(dose);
        let an_hour_later = now_at(hours(51));
        // proves R-CLK-02
        assert_eq!(account.lockout_remaining(&morphine(), pump_at(20), an_hour_later), hours(1));
    }

    #[test]
    fn a_remote_that_rebooted_judges_by_the_pump_alone() {
        let mut account = Account::default();
        let mut dose = ours(1, hours(10));
        dose.since.uptime = Some((BootId([9; 16]), Uptime::from_millis(0)));
        account.count(dose);
        assert_eq!(account.lockout_remaining(&morphine(), pump_at(11), now_at(hours(77))), hours(1));
    }

    #[test]
    fn the_allotment_rolls_and_says_when_the_next_returns() {
        let mut account = Account::default();
        for (id, at) in [(1, 0), (2, 3), (3, 6), (4, 9)] {
            account.count(ours(id, hours(at)));
        }
        let now = now_at(hours(99));
        assert_eq!(account.used(&morphine(), pump_at(12), now), 4);
        assert_eq!(account.allotment_remaining(&morphine(), pump_at(12), now), hours(12));
        assert_eq!(account.next_return(pump_at(12), now), Some(hours(12)));
        assert_eq!(account.used(&morphine(), pump_at(24), now), 3, "24 h after its start a dose no longer counts");
        assert_eq!(account.allotment_remaining(&morphine(), pump_at(24), now), Millis::ZERO);
    }

    #[test]
    fn after_a_pump_reset_ages_are_carried_and_a_full_lockout_begins() {
        let mut account = Account::default();
        account.count(ours(1, hours(10)));
        let restarted = PumpTime::new(2, Millis::ZERO);
        account.clock_was_lost(pump_at(15), restarted);
        let now = now_at(hours(51));
        let pump_now = restarted.after(hours(1));
        // proves R-CLK-05
        assert_eq!(
            account.lockout_remaining(&morphine(), pump_now, now),
            hours(1),
            "from the reset, not from the dose"
        );
        assert_eq!(
            account.used(&morphine(), restarted.after(hours(18)), now_at(hours(68))),
            1,
            "5 h + 18 h: counts still"
        );
        assert_eq!(account.used(&morphine(), restarted.after(hours(19)), now_at(hours(69))), 0);
    }

    #[test]
    fn a_dose_that_a_reset_cut_short_ended_at_the_reset() {
        let mut account = Account::default();
        account.count(ours(1, hours(10)));
        let restarted = PumpTime::new(2, Millis::ZERO);
        account.clock_was_lost(pump_at(10).after(Millis::from_mins(3)), restarted);
        account.ended_at(DoseSource::Ours { id: RequestId(1) }, restarted);
        assert_eq!(account.doses.first().map(|dose| dose.lasts), Some(Millis::from_mins(3)));
    }

    #[test]
    fn an_account_without_room_counts_as_used_up() {
        let mut account = Account::default();
        (0..=DOSES_MAX as u64).for_each(|id| account.count(ours(id, Millis::from_secs(id))));
        let late = PumpTime::new(1, hours(24).saturating_add(Millis::from_secs(DOSES_MAX as u64 - 1)));
        // proves R-LIM-10
        assert_eq!(account.used(&morphine(), late, now_at(hours(99))), 4, "the one that didn't fit");
    }

    #[test]
    fn the_radio_may_have_held_the_pumps_word() {
        let at = |secs: u64| Uptime::from_millis(secs * 1000);
        let clock = PumpClock { said: pump_at(1), asked: at(10), heard: at(14) };
        // proves R-CLK-08
        assert!(clock.at_least(at(14)).since(pump_at(1)) <= Some(Millis::ZERO));
        assert!(clock.at_most(at(14)).since(pump_at(1)) >= Some(Millis::from_secs(4)));
    }

    const HASTE: Millis = Millis::from_mins(30);

    fn gap_at(at: Millis, carried: Millis) -> Since {
        Since { pump: PumpTime::new(1, at), carried, uptime: None }
    }

    fn of_the_clinic(bolus: u32, at: Millis) -> CountedDose {
        CountedDose { source: DoseSource::NotDemanded { bolus: BolusId(bolus) }, ..ours(0, at) }
    }

    #[test]
    fn two_crystals_drift_apart_by_one_in_a_thousand_and_a_millisecond() {
        let at = |millis: u64| Uptime::from_millis(millis);
        let clock = PumpClock { said: pump_at(1), asked: at(0), heard: at(1_000_000) };
        let later = |since_said: u64| pump_at(1).after(Millis::new(since_said));
        assert_eq!(clock.at_least(at(1_500_000)), later(500_000 - 500 - 1));
        assert_eq!(clock.at_most(at(1_500_000)), later(1_500_000 + 1_500 + 1));
        assert_eq!(shortened(Millis::from_hours(1)), Millis::new(3_600_000 - 3_600 - 1));
    }

    #[test]
    fn the_account_holds_a_reach_of_seven_days_and_one_more() {
        assert_eq!(DOSES_MAX as u64, (REACH_MAX.get() / hours(24).get() + 1) * 48);
    }

    #[test]
    fn an_uptime_of_another_boot_says_nothing() {
        let mut dose = ours(1, hours(10));
        let mut account = Account::default();
        dose.since.uptime = Some((BootId([9; 16]), now_at(hours(77)).uptime));
        account.count(dose);
        let remaining = account.lockout_remaining(&morphine(), pump_at(11), now_at(hours(77)));
        assert_eq!(remaining, hours(1), "an hour by the pump, none by a clock that began anew");
    }

    #[test]
    fn a_bolus_goes_on_as_it_was_accepted_and_may_end_later() {
        let mut account = Account::default();
        let now = now_at(hours(99));
        let lasts =
            |account: &Account| account.counted(pump_at(12), now).map(|(dose, _)| dose.lasts).collect::<Vec<_>>();
        account.count(CountedDose { lasts: HASTE, ..ours(1, hours(10)) });
        account.count(ours(1, hours(10)));
        assert_eq!(lasts(&account), [HASTE]);
        account.ends_at(DoseSource::Ours { id: RequestId(1) }, pump_at(11));
        assert_eq!(lasts(&account), [hours(1)]);
        account.ends_at(DoseSource::Ours { id: RequestId(1) }, PumpTime::new(1, hours(10)));
        account.ends_at(DoseSource::Ours { id: RequestId(2) }, pump_at(20));
        assert_eq!(lasts(&account), [hours(1)], "never shorter, and nobody else's");
    }

    #[test]
    fn a_start_is_known_on_the_clock_of_its_boot_only() {
        let (mut account, now) = (Account::default(), now_at(hours(50)));
        let mut dose = ours(1, hours(10));
        dose.since.uptime = Some((now.boot, now.uptime));
        account.count(ours(2, hours(3)));
        account.count(dose);
        let started = |id, boot| account.started_by(DoseSource::Ours { id: RequestId(id) }, boot);
        assert_eq!(started(1, now.boot), Some(now.uptime));
        assert_eq!((started(1, BootId([9; 16])), started(2, now.boot), started(3, now.boot)), (None, None, None));
    }

    #[test]
    fn a_discounted_dose_is_gone_and_the_others_are_not() {
        let (mut account, now) = (Account::default(), now_at(hours(99)));
        assert!(account.is_empty() && account.newest(pump_at(12), now).is_none());
        for id in 1..=3 {
            account.count(ours(id, hours(id)));
        }
        let of = |id| DoseSource::Ours { id: RequestId(id) };
        assert_eq!(account.newest(pump_at(12), now), Some((ours(3, hours(3)), hours(9))));
        account.discount(of(3));
        assert_eq!((account.len(), account.is_empty()), (2, false));
        assert_eq!([1, 2, 3].map(|id| account.counts(of(id))), [true, true, false]);
        assert_eq!(account.newest(pump_at(12), now), Some((ours(2, hours(2)), hours(10))));
    }

    #[test]
    fn the_later_of_two_gaps_counts_whichever_was_heard_of_first() {
        let (now, early, late) = (now_at(hours(99)), gap_at(hours(6), Millis::ZERO), gap_at(hours(9), Millis::ZERO));
        // The same reading of a clock that began with time carried over was earlier.
        let carried = gap_at(hours(9), hours(5));
        for (first, second) in [(early, late), (late, early), (carried, late), (late, carried)] {
            let mut account = Account::default();
            account.count_gap(first);
            account.count_gap(second);
            assert_eq!(account.gap_age(pump_at(12), now), Some(hours(3)), "{first:?}, {second:?}");
            assert_eq!(account.lockout_remaining(&morphine(), pump_at(10), now), hours(1));
        }
    }

    #[test]
    fn of_two_readings_of_one_moment_the_newer_counts() {
        let now = now_at(hours(50));
        let by_both = Since { uptime: Some((now.boot, now.uptime)), ..gap_at(hours(9), Millis::ZERO) };
        let mut account = Account::default();
        account.count_gap(gap_at(hours(9), Millis::ZERO));
        account.count_gap(by_both);
        assert_eq!(account.gap_age(pump_at(12), now), Some(Millis::ZERO));
    }

    #[test]
    fn a_gap_uses_up_the_allotment_for_a_day_and_not_a_millisecond_longer() {
        let (mut account, now) = (Account::default(), now_at(hours(99)));
        account.count_gap(gap_at(hours(1), Millis::ZERO));
        account.count(ours(1, hours(20)));
        let just_before = PumpTime::new(1, Millis::new(hours(25).get() - 1));
        assert_eq!(account.used(&morphine(), just_before, now), 4);
        assert_eq!(account.next_return(just_before, now), Some(Millis::new(1)));
        assert_eq!(account.allotment_remaining(&morphine(), just_before, now), Millis::new(1));
        assert_eq!(account.used(&morphine(), pump_at(25), now), 1);
        assert_eq!(account.next_return(pump_at(25), now), Some(hours(19)));
        assert_eq!(account.allotment_remaining(&morphine(), pump_at(25), now), Millis::ZERO);
        assert_eq!(Account::default().next_return(pump_at(25), now), None);
    }

    #[test]
    fn doses_return_to_the_millisecond_and_the_clinics_never_counted() {
        let (mut account, now) = (Account::default(), now_at(hours(99)));
        account.count(ours(1, hours(1)));
        account.count(ours(2, hours(2)));
        account.count(of_the_clinic(3, hours(1)));
        let returning = |within| account.returning(within, pump_at(22), now);
        assert_eq!(returning(Millis::new(hours(3).get() - 1)), 0);
        assert_eq!((returning(hours(3)), returning(hours(4))), (1, 2));
        assert_eq!(account.used(&morphine(), pump_at(22), now), 2);
        assert_eq!(account.lockout_remaining(&morphine(), pump_at(3), now), hours(1), "the clinic's locks out, too");
    }

    #[test]
    fn as_many_doses_must_return_as_the_allotment_is_exceeded_by() {
        let (mut account, now) = (Account::default(), now_at(hours(99)));
        for id in 0..6 {
            account.count(ours(id, hours(id)));
        }
        assert_eq!(
            account.allotment_remaining(&morphine(), pump_at(12), now),
            hours(14),
            "six count, three may: the third"
        );
        account.discount(DoseSource::Ours { id: RequestId(5) });
        assert_eq!(account.allotment_remaining(&morphine(), pump_at(12), now), hours(13));
    }

    #[test]
    fn a_dose_is_forgotten_an_hour_after_its_last_drop_is_out_of_every_reach() {
        let (mut account, now) = (Account::default(), now_at(hours(9999)));
        account.count(ours(1, Millis::ZERO));
        let ends = Millis::from_mins(64).saturating_add(REACH_MAX);
        account.prune(PumpTime::new(1, ends), now);
        assert_eq!(account.len(), 1);
        account.prune(PumpTime::new(1, ends.saturating_add(Millis::new(1))), now);
        assert!(account.is_empty());
    }

    #[test]
    fn the_boluses_of_a_pump_that_is_gone_are_numbered_from_the_far_end() {
        let mut account = Account::default();
        account.count(ours(7, hours(1)));
        account.count(of_the_clinic(1, hours(2)));
        account.count(CountedDose { source: DoseSource::OtherRemote { bolus: BolusId(2) }, ..ours(0, hours(3)) });
        account.pump_was_replaced();
        let sources: Vec<_> = account.doses.iter().map(|dose| dose.source).collect();
        let [clinics, others] = [u32::MAX - 1, u32::MAX - 2].map(BolusId);
        assert_eq!(
            sources,
            [
                DoseSource::Ours { id: RequestId(7) },
                DoseSource::NotDemanded { bolus: clinics },
                DoseSource::OtherRemote { bolus: others }
            ]
        );
    }

    #[test]
    fn a_second_reset_carries_over_what_the_first_had_carried_and_gaps_too() {
        let (mut account, now) = (Account::default(), now_at(hours(99)));
        account.count_gap(gap_at(hours(10), Millis::ZERO));
        account.count(ours(1, hours(11)));
        account.clock_was_lost(pump_at(15), PumpTime::new(2, Millis::ZERO));
        account.clock_was_lost(PumpTime::new(2, hours(3)), PumpTime::new(3, Millis::ZERO));
        let pump_now = PumpTime::new(3, hours(2));
        assert_eq!(account.gap_age(pump_now, now), Some(hours(5 + 3 + 2)));
        assert_eq!(account.newest(pump_now, now).map(|(_, age)| age), Some(hours(4 + 3 + 2)));
        assert_eq!(account.lockout_remaining(&morphine(), PumpTime::new(3, hours(1)), now), hours(1));
    }
}
