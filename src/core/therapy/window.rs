//! Does one more demand dose fit into every window of the dose limit, those that reach into the future too?
//!
//! The limit holds for any stretch of the prescribed length, not only for the one that ends now. A dose before a step-up of
//! the basal rate may fit into the hours behind it and not into the hours ahead; so every window with the dose in it is judged.
//!
//! # Terms
//! - *programmed basal*: what the programme gives in a window by its time-of-day segments, whether or not the pump ran. What
//!   was really delivered is less after a start or a stop, and counting that allowed an overdose (Open PCA's published rule).
//! - *offset*: milliseconds from now; negative in the past.
//!
//! # Promises
//! - A dose counts in full in every window that any of it can lie in; older doses are never counted as older than they are.
//! - The pump's civil clock is known within bounds only: both bounds must fit.
//! - Sums are exact; a window that is exactly at its limit is within it.

use pump_protocol::{
    clock::{CivilTime, Now, PumpTime},
    prescription::{BasalSegment, Prescription},
    quantity::{Dose, Millis},
};

use super::account::Account;

const DAY_MS: i64 = 24 * 3_600_000;
/// No offset is longer: ages and spans beyond it are cut to it. A thousand years, so that no sum of a few of them overflows.
const OFFSET_MAX_MS: i64 = 1000 * 366 * DAY_MS;
/// One nanogram in the unit of every sum here: nanograms an hour for a millisecond.
const NANOGRAM: i128 = 3_600_000;

/// Everything that a window's content depends on, at one moment.
#[derive(Debug)]
pub struct Windows<'a> {
    known: &'a Prescription,
    /// The pump's time of day now, at least and at most.
    time_of_day: [i64; 2],
    /// For each counted dose, latest end first: its end's offset, and the drug of all doses that end then or later.
    doses: Vec<(i64, i128)>,
    /// How long a gap in the history still counts as a window used up.
    gap: Millis,
}

/// A day's basal programme, summed up.
#[derive(Debug)]
struct Programme {
    /// When each segment begins, what was given since midnight by then, and its rate.
    segments: Vec<(i64, i128, i128)>,
    a_day: i128,
}

impl<'a> Windows<'a> {
    /// The windows as they stand at this moment.
    pub fn of(account: &Account, known: &'a Prescription, civil: [CivilTime; 2], pump_now: PumpTime, now: Now) -> Self {
        let counted = account.counted(pump_now, now);
        let mut doses: Vec<_> =
            counted.map(|(counted, age)| (ms(counted.lasts) - ms(age), drug(counted.dose))).collect();
        doses.sort_unstable_by_key(|(end, _)| core::cmp::Reverse(*end));
        let mut sum = 0;
        for (_, drug) in &mut doses {
            sum += *drug;
            *drug = sum;
        }
        let programmed = known.programmed();
        let reach = programmed.window_limit.window.saturating_add(programmed.bolus_duration);
        let gap = account.gap_age(pump_now, now).map_or(Millis::ZERO, |age| reach.saturating_sub(age));
        Self { known, time_of_day: civil.map(|civil| ms(civil.of_day())), doses, gap }
    }

    /// How long until one more demand dose fits into every window with it in; nothing if it fits now.
    ///
    /// Tried are now and the moments at which an older dose leaves the last window. Behind the last of them no older dose is
    /// left, and basal with one dose always fits (`Prescription::check`).
    pub fn wait(&self) -> Millis {
        let programme = Programme::new(&self.known.programmed().basal);
        if self.fits(&programme, 0) {
            return self.gap;
        }
        let length = self.length();
        let mut leaves: Vec<i64> = self.doses.iter().map(|(end, _)| end + length).filter(|at| *at > 0).collect();
        leaves.reverse();
        // The longer one waits the less is in the way, apart from the time of day: by halving, then one by one.
        let likely = leaves.partition_point(|at| !self.fits(&programme, *at));
        let fitting = leaves.iter().skip(likely).find(|at| self.fits(&programme, **at)).or(leaves.last());
        let wait = fitting.map_or(Millis::ZERO, |at| Millis::new(u64::try_from(*at).unwrap_or(u64::MAX)));
        wait.max(self.gap)
    }

    /// All drug in the window that ends now, basal as programmed; doses that left it less than `slack` ago still counted.
    pub fn used(&self, slack: Millis) -> Dose {
        let (from, programme) = (-self.length(), Programme::new(&self.known.programmed().basal));
        let most = self.time_of_day.map(|civil| programme.between(civil + from, civil)).into_iter().max();
        dose_of(self.doses_after(from - ms(slack)) + most.unwrap_or(0))
    }

    /// The same, doses that leave it in less than `slack` not counted any more.
    pub fn used_at_least(&self, slack: Millis) -> Dose {
        let (from, programme) = (-self.length(), Programme::new(&self.known.programmed().basal));
        let least = self.time_of_day.map(|civil| programme.between(civil + from, civil)).into_iter().min();
        dose_of(self.doses_after(from + ms(slack)) + least.unwrap_or(0))
    }

    // keeps R-LIM-04
    /// Whether a demand dose that starts at this offset exceeds no window with any of it in.
    fn fits(&self, programme: &Programme, start: i64) -> bool {
        let programmed = self.known.programmed();
        let room = drug(programmed.window_limit.amount) - drug(programmed.demand_dose);
        // The first window holds the most doses. The fullest hours of the day and whole days nearly always settle it.
        let doses = self.doses_after(start - self.length() + 1);
        if doses + drug(self.known.fullest_window()) <= room {
            return true;
        }
        if doses + programme.a_day * i128::from(self.length() / DAY_MS) > room {
            return false;
        }
        self.time_of_day.into_iter().all(|civil| {
            let fits = |from: i64| {
                let basal = programme.between(civil + from, civil + from + self.length());
                basal + self.doses_after(from) <= room
            };
            self.turning_points(programme, start, civil).all(fits)
        })
    }

    /// Where a window with the new dose in it can hold the most: its content changes evenly between the points at which it
    /// begins or ends at a segment's border or lets go of a dose, so one of those is the fullest. Of the last kind, the
    /// moment before counts: behind it is a dose less, and where basal rises, it goes on rising to the next point.
    fn turning_points(&self, programme: &Programme, start: i64, civil: i64) -> impl Iterator<Item = i64> {
        let (length, duration) = (self.length(), ms(self.known.programmed().bolus_duration).max(1));
        let (first, last) = (start - length + 1, start + duration - 1);
        let borders = |from: i64, to: i64| {
            let days = (civil + from).div_euclid(DAY_MS)..=(civil + to).div_euclid(DAY_MS);
            let segments = &programme.segments;
            days.flat_map(move |day| segments.iter().map(move |(begins, ..)| day * DAY_MS + begins - civil))
        };
        let begins = borders(first, last);
        let ends = borders(first + length, last + length).map(move |border| border - length);
        let lets_go = self.doses.iter().map(|(end, _)| end - 1);
        let inner = begins.chain(ends).chain(lets_go).filter(move |from| (first..=last).contains(from));
        inner.chain([first, last])
    }

    fn length(&self) -> i64 {
        ms(self.known.programmed().window_limit.window)
    }

    /// The drug of all counted doses that end behind this offset.
    fn doses_after(&self, from: i64) -> i128 {
        let behind = self.doses.partition_point(|(end, _)| *end > from);
        behind.checked_sub(1).and_then(|last| self.doses.get(last)).map_or(0, |(_, sum)| *sum)
    }
}

impl Programme {
    fn new(basal: &[BasalSegment]) -> Self {
        let mut segments = Vec::with_capacity(basal.len());
        let mut given = 0;
        let ends = basal.iter().skip(1).copied().map(begins_ms).chain([DAY_MS]);
        for (segment, end) in basal.iter().zip(ends) {
            let rate = i128::from(segment.rate.nanograms_per_hour());
            segments.push((begins_ms(*segment), given, rate));
            given += rate * i128::from(end - begins_ms(*segment));
        }
        Self { segments, a_day: given }
    }

    /// What is given between two readings of the civil clock.
    fn between(&self, from: i64, to: i64) -> i128 {
        self.until(to) - self.until(from)
    }

    /// What is given from today's midnight until this reading; less than nothing for one of yesterday.
    fn until(&self, civil: i64) -> i128 {
        let of_day = civil.rem_euclid(DAY_MS);
        let begun = self.segments.iter().rev().find(|(begins, ..)| *begins <= of_day);
        let today = begun.map_or(0, |(begins, given, rate)| given + rate * i128::from(of_day - begins));
        i128::from(civil.div_euclid(DAY_MS)) * self.a_day + today
    }
}

fn begins_ms(segment: BasalSegment) -> i64 {
    i64::from(segment.from_minute) * 60_000
}

fn drug(dose: Dose) -> i128 {
    i128::from(dose.nanograms()) * NANOGRAM
}

fn ms(millis: Millis) -> i64 {
    i64::try_from(millis.get()).unwrap_or(OFFSET_MAX_MS).min(OFFSET_MAX_MS)
}

/// Rounded up: a started nanogram counts.
fn dose_of(sum: i128) -> Dose {
    let nanograms = (sum + NANOGRAM - 1).div_euclid(NANOGRAM);
    Dose::from_nanograms(u32::try_from(nanograms.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pump_protocol::{
        message::RequestId,
        prescription::{Programmed, WindowDoseLimit},
        quantity::BasalRate,
        wire::Bounded,
    };

    use super::*;
    use crate::{
        fixtures::{hours, morphine, now_at},
        therapy::account::{CountedDose, DoseSource, Since},
    };

    const MINUTE: u64 = 60_000;

    /// 2 mcg/h by day, 38 mcg/h from 20:00 to 22:00; at most 116 mcg in any 2 h, a dose of 40 mcg over 4 min.
    fn evening() -> Prescription {
        let step = |from_minute, rate| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
        Prescription::check(Programmed {
            basal: Bounded::filled_from([step(0, 2_000), step(20 * 60, 38_000), step(22 * 60, 2_000)]),
            demand_dose: Dose::from_micrograms(40),
            lockout_interval: Millis::from_mins(30),
            window_limit: WindowDoseLimit { amount: Dose::from_micrograms(116), window: hours(2) },
            ..morphine().programmed().clone()
        })
        .expect("the evening's 76 mcg and one dose are 116")
    }

    fn given(minutes_ago: &[u64]) -> Account {
        let mut account = Account::default();
        for (id, ago) in (1..).zip(minutes_ago) {
            let since = Since {
                pump: PumpTime::new(1, Millis::new((10_000 - ago) * MINUTE)),
                carried: Millis::ZERO,
                uptime: None,
            };
            let (dose, lasts) = (Dose::from_micrograms(40), Millis::from_mins(4));
            account.count(CountedDose { source: DoseSource::Ours { id: RequestId(id) }, dose, since, lasts });
        }
        account
    }

    fn at<'a>(account: &Account, prescription: &'a Prescription, hour: i64, minute: i64) -> Windows<'a> {
        let civil = CivilTime::from_millis((hour * 60 + minute) * 60_000);
        let pump_now = PumpTime::new(1, Millis::new(10_000 * MINUTE));
        Windows::of(account, prescription, [civil; 2], pump_now, now_at(hours(500)))
    }

    #[test]
    fn a_dose_before_a_step_up_is_judged_by_the_hours_ahead() {
        let (account, prescription) = (given(&[55]), evening());
        let windows = at(&account, &prescription, 19, 55);
        assert_eq!(windows.used(Millis::ZERO), Dose::from_micrograms(44), "84 would fit into the hours behind");
        assert_eq!(windows.wait(), Millis::from_mins(69), "until no two hours hold both: 21:04");
        assert_eq!(at(&account, &prescription, 10, 0).wait(), Millis::ZERO, "by day both fit");
    }

    #[test]
    fn basal_counts_as_programmed_and_exactly_at_the_limit_is_within_it() {
        let (none, prescription) = (Account::default(), evening());
        assert_eq!(at(&none, &prescription, 21, 0).wait(), Millis::ZERO, "76 mcg of basal and 40 are 116");
        let one_less = WindowDoseLimit { amount: Dose::from_nanograms(116_000), window: hours(2) };
        let tight = Programmed { window_limit: one_less, ..prescription.programmed().clone() };
        let tight = Prescription::check(tight).expect("the same");
        let started = given(&[1]);
        assert!(at(&started, &tight, 21, 0).wait() > Millis::ZERO, "a dose that is still going in counts in full");
    }

    #[test]
    fn a_dose_counts_until_its_last_drop_has_left_the_window() {
        let prescription = evening();
        let two_hours = 120;
        assert_eq!(at(&given(&[two_hours + 3]), &prescription, 21, 59).wait(), Millis::from_mins(1));
        assert_eq!(at(&given(&[two_hours + 4]), &prescription, 21, 59).wait(), Millis::ZERO);
    }

    #[test]
    fn a_dose_that_has_just_left_the_first_window_is_in_none() {
        let (mut account, prescription) = (given(&[34]), evening());
        // It ended two hours ago but for a millisecond: a window with it in begins before the first with the new dose in.
        let pump = PumpTime::new(1, Millis::new((10_000 - 124) * MINUTE + 1));
        let (dose, lasts) = (Dose::from_micrograms(40), Millis::from_mins(4));
        let since = Since { pump, carried: Millis::ZERO, uptime: None };
        account.count(CountedDose { source: DoseSource::Ours { id: RequestId(9) }, dose, since, lasts });
        assert_eq!(at(&account, &prescription, 10, 0).wait(), Millis::ZERO);
    }

    #[test]
    fn windows_that_begin_where_basal_rises_or_end_where_it_falls_are_looked_at_today_and_tomorrow() {
        let step = |from_minute, rate| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
        let tomorrow = [step(0, 38_000), step(10, 2_000), step(12 * 60, 10_000), step(22 * 60 + 30, 38_000)];
        let today = [step(0, 10_000), step(10 * 60 + 30, 38_000), step(12 * 60 + 10, 2_000), step(23 * 60, 10_000)];
        let rises = [step(0, 5_000), step(12 * 60, 2_000), step(22 * 60 + 10, 10_000), step(23 * 60 + 59, 10_000)];
        for (basal, hour, just_fits) in [(tomorrow, 22, 146_667), (today, 10, 146_667), (rises, 22, 99_167)] {
            let within = |limit| {
                Prescription::check(Programmed {
                    basal: Bounded::filled_from(basal),
                    window_limit: WindowDoseLimit { amount: Dose::from_nanograms(limit), window: hours(2) },
                    ..evening().programmed().clone()
                })
                .expect("the fullest two hours and one dose")
            };
            // At 20 past, with a dose that ended at a quarter past: from 10 past there are 66.667 mcg of basal in 2 h, or 19.167;
            // a bit later less.
            let wait = |limit| at(&given(&[9]), &within(limit), hour, 20).wait();
            assert_eq!(wait(just_fits), Millis::ZERO);
            assert!(wait(just_fits - 1) > Millis::ZERO, "{hour}");
        }
    }

    #[test]
    fn whole_days_that_just_fit_with_the_hours_at_rest_beside_them_fit() {
        let step = |from_minute, rate| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
        let night = Prescription::check(Programmed {
            basal: Bounded::filled_from([step(0, 0), step(8 * 60, 6_000)]),
            window_limit: WindowDoseLimit { amount: Dose::from_micrograms(176), window: hours(30) },
            ..evening().programmed().clone()
        })
        .expect("22 h of 6 mcg and one dose are 172");
        // The windows that still hold the old dose hold one day's 96 mcg, and 40 and 40 are 176.
        assert_eq!(at(&given(&[29 * 60 + 34]), &night, 6, 30).wait(), Millis::ZERO);
    }

    #[test]
    fn a_civil_clock_known_within_bounds_must_fit_at_both() {
        let (account, prescription) = (given(&[55]), evening());
        let of = |minute: i64| CivilTime::from_millis(minute * 60_000);
        let pump_now = PumpTime::new(1, Millis::new(10_000 * MINUTE));
        let between = |civil| Windows::of(&account, &prescription, civil, pump_now, now_at(hours(500))).wait();
        assert_eq!(between([of(10 * 60), of(10 * 60)]), Millis::ZERO);
        assert!(between([of(10 * 60), of(19 * 60 + 55)]) > Millis::ZERO);
    }

    #[test]
    fn a_gap_counts_as_a_window_used_up() {
        let (mut account, prescription) = (Account::default(), evening());
        let pump = PumpTime::new(1, Millis::new((10_000 - 30) * MINUTE));
        account.count_gap(Since { pump, carried: Millis::ZERO, uptime: None });
        assert_eq!(
            at(&account, &prescription, 10, 0).wait(),
            Millis::from_mins(94),
            "2 h and a bolus, less half an hour"
        );
    }

    #[test]
    fn no_moment_is_named_at_which_the_dose_does_not_fit() {
        let prescription = evening();
        for seed in 0..400_u64 {
            let ago: Vec<u64> = (0..seed % 6).map(|n| (seed * 7 + n * (31 + seed % 50)) % 240).collect();
            let account = given(&ago);
            let windows = at(&account, &prescription, i64::try_from(seed % 24).expect("small"), 0);
            let programme = Programme::new(&prescription.programmed().basal);
            assert!(windows.fits(&programme, ms(windows.wait())), "{ago:?}");
            // Judged the slow way, minute by minute through every window, as the prescription's text says it.
            let slow = (-119..4).all(|from: i64| {
                let (from, to) = (from * 60_000, from * 60_000 + 7_200_000);
                let basal: i128 = programme.between(windows.time_of_day[0] + from, windows.time_of_day[0] + to);
                let inside = |ago: &u64| (4 - i64::try_from(*ago).expect("small")) * 60_000 > from;
                let doses = ago.iter().filter(|ago| inside(ago)).count() + 1;
                basal + i128::try_from(doses).expect("few") * 40_000 * NANOGRAM
                    <= drug(prescription.programmed().window_limit.amount)
            });
            assert!(slow || windows.wait() > Millis::ZERO, "{ago:?}: a window was missed");
        }
    }

    #[test]
    fn no_offset_is_longer_than_a_thousand_years() {
        assert_eq!(ms(Millis::MAX), 31_622_400_000_000, "1000 years of 366 days");
        assert_eq!(ms(Millis::new(7)), 7);
    }

    #[test]
    fn the_wait_ends_when_the_first_dose_too_many_has_left() {
        let limit = WindowDoseLimit { amount: Dose::from_micrograms(210), window: hours(2) };
        let wide = Programmed { window_limit: limit, ..evening().programmed().clone() };
        let wide = Prescription::check(wide).expect("more than before");
        let account = given(&[10, 20, 30, 40, 50]);
        assert_eq!(
            at(&account, &wide, 10, 0).wait(),
            Millis::from_mins(74),
            "five and one are too many, four and one not"
        );
    }

    #[test]
    fn what_is_about_to_leave_counts_at_most_and_not_at_least() {
        let prescription = evening();
        let (basal, minutes) = (Dose::from_micrograms(4), Millis::from_mins);
        let with_it = Dose::from_micrograms(44);
        let used = |ago: u64, slack| at(&given(&[ago]), &prescription, 10, 0).used(minutes(slack));
        assert_eq!((used(123, 0), used(124, 0)), (with_it, basal), "its last drop left two hours ago");
        assert_eq!((used(125, 1), used(125, 2)), (basal, with_it));
        let at_least = |ago: u64, slack| at(&given(&[ago]), &prescription, 10, 0).used_at_least(minutes(slack));
        assert_eq!((at_least(123, 0), at_least(124, 0)), (with_it, basal));
        assert_eq!((at_least(122, 1), at_least(122, 2)), (with_it, basal));
    }

    #[test]
    fn basal_is_counted_by_the_reading_of_the_clock_that_gives_the_most_and_the_least() {
        let (none, prescription) = (Account::default(), evening());
        let civil = [9, 22].map(|hour| CivilTime::from_millis(hour * 3_600_000));
        let windows = Windows::of(&none, &prescription, civil, PumpTime::new(1, hours(99)), now_at(hours(500)));
        assert_eq!(windows.used(Millis::ZERO), Dose::from_micrograms(76));
        assert_eq!(windows.used_at_least(Millis::ZERO), Dose::from_micrograms(4));
    }

    /// The windows at this civil time in milliseconds, with one dose that began so many milliseconds ago.
    fn with_one(prescription: &Prescription, civil: u64, dose: Dose, ago: u64, lasts: Millis) -> Windows<'_> {
        let (civil, pump_now) = (CivilTime::from_millis(0).after(Millis::new(civil)), PumpTime::new(1, hours(99)));
        let pump = PumpTime::new(1, Millis::new(hours(99).get() - ago));
        let since = Since { pump, carried: Millis::ZERO, uptime: None };
        let mut account = Account::default();
        account.count(CountedDose { source: DoseSource::Ours { id: RequestId(1) }, dose, since, lasts });
        Windows::of(&account, prescription, [civil; 2], pump_now, now_at(hours(500)))
    }

    #[test]
    fn the_first_window_is_the_one_that_ends_with_the_doses_first_drop() {
        let (prescription, civil) = (evening(), (21 * 60 + 59) * MINUTE);
        let wait = |ago| with_one(&prescription, civil, Dose::from_micrograms(40), ago, Millis::from_mins(4)).wait();
        assert_eq!(wait(124 * MINUTE - 1), Millis::ZERO);
        assert_eq!(wait(124 * MINUTE - 2), Millis::new(2));
    }

    #[test]
    fn the_last_window_is_the_one_that_begins_with_the_doses_last_drop() {
        // The window from 19:04 on holds 42.4 mcg of basal, and each millisecond later a hundredth of a nanogram more; with
        // the new dose of 40, and one of 33.6 that runs for an hour still, it is exactly full.
        let (prescription, running) = (evening(), Millis::from_mins(70));
        let wait = |civil, nanograms| {
            with_one(&prescription, civil, Dose::from_nanograms(nanograms), 10 * MINUTE, running).wait()
        };
        let last_drop_at_19_04 = 19 * 60 * MINUTE + 1;
        assert_eq!(wait(last_drop_at_19_04, 33_600), Millis::ZERO);
        assert!(wait(last_drop_at_19_04 + 1, 33_600) > Millis::ZERO);
        assert!(wait(last_drop_at_19_04, 33_601) > Millis::ZERO);
    }

    /// Any programme, limit and duration in whole minutes, and doses given at whole minutes.
    fn any_windows() -> impl Strategy<Value = (Prescription, Vec<u64>, i64)> {
        let steps = prop::collection::btree_map(1_u16..1440, 0..60_000_u32, 0..6);
        let shape = (1..30_u64, 1..40_u32, prop::sample::select(vec![1, 2, 7, 24, 36]), 0..300_000_u32);
        let doses = prop::collection::vec(1..3_000_u64, 0..8);
        (steps, 0..60_000_u32, shape, doses, 0..1440_i64).prop_map(|(steps, first, shape, doses, minute)| {
            let (duration, micrograms, window, spare) = shape;
            let step =
                |(from_minute, rate)| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
            let programmed = |amount| Programmed {
                basal: Bounded::filled_from([(0, first)].into_iter().chain(steps.clone()).map(step)),
                demand_dose: Dose::from_micrograms(micrograms),
                bolus_duration: Millis::from_mins(duration),
                lockout_interval: Millis::from_mins(31),
                window_limit: WindowDoseLimit { amount, window: hours(window) },
                ..morphine().programmed().clone()
            };
            let widest =
                Prescription::check(programmed(Dose::from_nanograms(u32::MAX))).expect("a limit that holds anything");
            let least = widest.fullest_window().saturating_add(Dose::from_micrograms(micrograms));
            let limit = least.saturating_add(Dose::from_nanograms(spare));
            (Prescription::check(programmed(limit)).expect("basal and one dose fit"), doses, minute)
        })
    }

    /// Whether a dose that starts in so many minutes fits, judged as the prescription's text says it: each window that any of it can
    /// lie in, basal minute by minute, each dose in full as long as any of it is in. The windows that begin within one minute hold
    /// the same doses, and evenly more or less basal: the first and the last of them are the fullest.
    fn fits_by_the_text(prescription: &Prescription, ago: &[u64], minute: i64, start: i64) -> bool {
        let programmed = prescription.programmed();
        let signed = |millis: Millis| i64::try_from(millis.get()).expect("days") / 60_000;
        let (length, duration) = (signed(programmed.window_limit.window), signed(programmed.bolus_duration));
        let limit = i128::from(programmed.window_limit.amount.nanograms()) * NANOGRAM;
        let basal_of = |at: i64| {
            let of_day = u16::try_from((minute + at).rem_euclid(1440)).expect("a minute of the day");
            i128::from(prescription.basal_at(of_day).nanograms_per_hour()) * 60_000
        };
        let dose = i128::from(programmed.demand_dose.nanograms()) * NANOGRAM;
        let mut basal: i128 = (start - length..start).map(basal_of).sum();
        for from in start - length..start + duration {
            let inside = |ago: &&u64| 4 - i64::try_from(**ago).expect("days") > from;
            let doses = (ago.iter().filter(inside).map(|_| dose)).sum::<i128>() + dose;
            let a_millisecond = (basal_of(from + length) - basal_of(from)) / 60_000;
            // The dose's first drop is in no window that ends with its start.
            let whole = (from > start - length).then_some(0);
            if whole.into_iter().chain([1, 59_999]).any(|behind| basal + behind * a_millisecond + doses > limit) {
                return false;
            }
            basal += 60_000 * a_millisecond;
        }
        true
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_said_to_fit_fits_by_the_text_too((prescription, ago, minute) in any_windows()) {
            let dose = prescription.programmed().demand_dose;
            let mut account = Account::default();
            for (id, ago) in (1..).zip(&ago) {
                let pump = PumpTime::new(1, Millis::new((10_000 - ago) * MINUTE));
                let since = Since { pump, carried: Millis::ZERO, uptime: None };
                let (source, lasts) = (DoseSource::Ours { id: RequestId(id) }, Millis::from_mins(4));
                account.count(CountedDose { source, dose, since, lasts });
            }
            let windows = at(&account, &prescription, 0, minute);
            let wait = windows.wait();
            prop_assert_eq!(wait.get() % MINUTE, 0, "everything happens at whole minutes");
            let waited = i64::try_from(wait.get() / MINUTE).expect("days");
            prop_assert!(fits_by_the_text(&prescription, &ago, minute, waited), "{} is too soon", wait);
            let now = fits_by_the_text(&prescription, &ago, minute, 0);
            prop_assert!(!now || wait == Millis::ZERO, "{} for nothing", wait);
            prop_assert!(windows.used_at_least(Millis::ZERO) <= windows.used(Millis::ZERO));
        }
    }
}
