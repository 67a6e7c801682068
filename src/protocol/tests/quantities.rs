//! What must be true of every amount, rate and moment: the algebra that both ends reckon by.

use proptest::prelude::*;

use pump_protocol::{
    clock::{CivilTime, PumpTime, Uptime, WallTime},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
};

fn dose() -> impl Strategy<Value = Dose> {
    nanograms().prop_map(Dose::from_nanograms)
}

/// As often at the edges and at a patient's size as anywhere.
fn nanograms() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), 0..400_000_u32, Just(0), Just(u32::MAX), u32::MAX - 3..=u32::MAX]
}

fn millis() -> impl Strategy<Value = Millis> {
    let number = prop_oneof![any::<u64>(), 0..=14 * 86_400_000_u64, Just(0), Just(u64::MAX)];
    number.prop_map(Millis::new)
}

/// An amount as it is read off the display, in thousandths.
fn read(shown: &str) -> Option<u64> {
    let (number, _unit) = shown.split_once(' ')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let padded = format!("{decimals:0<3}");
    Some(whole.parse::<u64>().ok()? * 1000 + padded.parse::<u64>().ok()?)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_of_doses_are_the_same_in_any_order_and_never_wrap(a in dose(), b in dose(), c in dose()) {
        prop_assert_eq!(a.saturating_add(b), b.saturating_add(a));
        prop_assert_eq!(a.saturating_add(b).saturating_add(c), a.saturating_add(b.saturating_add(c)));
        prop_assert_eq!(a.saturating_add(Dose::ZERO), a);
        prop_assert!(a.saturating_add(b) >= a.max(b));
        let exact = u64::from(a.nanograms()) + u64::from(b.nanograms());
        prop_assert_eq!(u64::from(a.saturating_add(b).nanograms()), exact.min(u64::from(u32::MAX)));
    }

    #[test]
    fn a_difference_takes_back_a_sum_and_is_never_less_than_nothing(a in dose(), b in dose()) {
        prop_assert_eq!(a.saturating_sub(a), Dose::ZERO);
        prop_assert!(a.saturating_sub(b) <= a);
        prop_assert!(a.saturating_add(b).saturating_sub(b) <= a, "a sum that was capped is never made up for");
        if a >= b {
            prop_assert_eq!(a.saturating_sub(b).saturating_add(b), a);
        }
    }

    #[test]
    fn volumes_and_spans_add_up_the_same_way(a in any::<u32>(), b in any::<u32>(), s in millis(), t in millis()) {
        let (v, w) = (Volume::from_nanolitres(a), Volume::from_nanolitres(b));
        prop_assert_eq!(v.saturating_add(w), w.saturating_add(v));
        prop_assert!(v.saturating_add(w) >= v && v.saturating_sub(w) <= v);
        prop_assert_eq!(s.saturating_add(t), t.saturating_add(s));
        prop_assert!(s.saturating_add(t) >= s.max(t) && s.saturating_sub(t) <= s);
        prop_assert!(s.saturating_add(t).saturating_sub(t) <= s);
    }

    #[test]
    fn a_volume_holds_the_dose_and_one_nanolitre_less_does_not(dose in dose(), micrograms in 0..2_000_000_u32) {
        let concentration = Concentration::from_micrograms_per_millilitre(micrograms);
        let per_millilitre = u128::from(concentration.nanograms_per_millilitre());
        match dose.volume_at(concentration) {
            None => prop_assert_eq!(micrograms, 0),
            Some(volume) => {
                let held = |nanolitres: u32| u128::from(nanolitres) * per_millilitre;
                let needed = u128::from(dose.nanograms()) * 1_000_000;
                let nanolitres = volume.nanolitres();
                prop_assert!(held(nanolitres) >= needed || nanolitres == u32::MAX, "less drug than was asked for");
                prop_assert!(nanolitres == 0 || held(nanolitres - 1) < needed, "more liquid than is needed");
            }
        }
    }

    #[test]
    fn more_drug_never_takes_less_liquid(a in dose(), b in dose(), micrograms in 1..2_000_000_u32) {
        let concentration = Concentration::from_micrograms_per_millilitre(micrograms);
        let (less, more) = (a.min(b), a.max(b));
        prop_assert!(less.volume_at(concentration) <= more.volume_at(concentration));
    }

    #[test]
    fn what_a_rate_delivers_is_rounded_up_once(rate in any::<u32>(), time in millis()) {
        let exact = u128::from(rate) * u128::from(time.get());
        let delivered = BasalRate::from_nanograms_per_hour(rate).over(time).nanograms();
        let up = u128::from(delivered) * 3_600_000;
        prop_assert!(up >= exact || delivered == u32::MAX);
        prop_assert!(delivered == 0 || up - 3_600_000 < exact, "more than a nanogram too much");
    }

    #[test]
    fn two_stretches_never_count_for_less_than_both_in_one(rate in any::<u32>(), a in 0..1_u64 << 40, b in 0..1_u64 << 40) {
        let over = |time| BasalRate::from_nanograms_per_hour(rate).over(Millis::new(time));
        prop_assert!(over(a).saturating_add(over(b)) >= over(a + b));
        prop_assert!(over(a + b) >= over(a).max(over(b)));
        prop_assert!(over(a).nanograms().saturating_add(over(b).nanograms()) <= over(a + b).nanograms().saturating_add(1));
    }

    #[test]
    fn a_gauge_is_full_at_most_and_never_says_more_than_there_is(volume in any::<u32>(), capacity in any::<u32>()) {
        let percent = Volume::from_nanolitres(volume).percent_of(Volume::from_nanolitres(capacity));
        prop_assert!(percent <= 100);
        prop_assert!(capacity == 0 || u64::from(percent) * u64::from(capacity) <= u64::from(volume) * 100);
        let full = percent == 100 || (u64::from(percent) + 1) * u64::from(capacity) > u64::from(volume) * 100;
        prop_assert!(full || capacity == 0, "rounded down by more than one");
    }

    #[test]
    fn an_amount_that_is_shown_is_the_amount(number in nanograms()) {
        // proves R-DSP-01
        let shown = Dose::from_nanograms(number).to_string();
        prop_assert_eq!(read(&shown), Some(u64::from(number)), "{}", shown);
        prop_assert!(!shown.starts_with('.') && !shown.contains(".0 ") && !shown.contains("0 mcg") || number % 10_000 == 0);
        let rate = BasalRate::from_nanograms_per_hour(number).to_string();
        prop_assert_eq!(read(&rate), Some(u64::from(number)));
        let volume = read(&Volume::from_nanolitres(number).to_string());
        prop_assert_eq!(volume, Some(u64::from(number / 100_000 * 100)), "never more than there is");
    }

    #[test]
    fn a_countdown_never_ends_early(time in millis()) {
        prop_assert!(u128::from(time.secs_ceil()) * 1000 >= u128::from(time.get()));
        prop_assert_eq!(time.secs_ceil() == 0, time == Millis::ZERO);
    }

    #[test]
    fn a_moment_later_is_later_by_as_much(at in 0..1_u64 << 60, span in 0..1_u64 << 60, epoch in any::<u32>()) {
        let (up, pump, span) = (Uptime::from_millis(at), PumpTime::new(epoch, Millis::new(at)), Millis::new(span));
        prop_assert_eq!(up.after(span).since(up), span);
        prop_assert_eq!(pump.after(span).since(pump), Some(span));
        prop_assert_eq!(up.since(up.after(span)), Millis::ZERO, "no clock runs backwards here");
        let other = PumpTime::new(epoch.wrapping_add(1), Millis::new(at));
        prop_assert_eq!(other.since(pump), None);
    }

    #[test]
    fn a_calendar_is_within_its_day_and_comes_round(at in any::<i64>(), days in 0..1000_u64) {
        let civil = CivilTime::from_millis(at);
        prop_assert!(civil.minute_of_day() < 1440 && civil.of_day() < Millis::from_hours(24));
        let later = civil.after(Millis::from_hours(24 * days));
        prop_assert!(later.millis() == i64::MAX || later.minute_of_day() == civil.minute_of_day());
        prop_assert_eq!(civil.apart(later), later.apart(civil));
        let wall = WallTime { unix_ms: at, utc_offset_min: 0 };
        let (hour, minute) = wall.hour_minute();
        prop_assert_eq!(u16::from(hour) * 60 + u16::from(minute), civil.minute_of_day());
    }
}
