//! Words and colours: nothing unsaid, nothing unreadable.

use std::collections::HashSet;

use pump_core::{
    annunciation::AlarmCondition,
    audit::tally::{DayCounts, NoDose},
    screen::{Day, Face},
    therapy::change::Change,
};
use pump_protocol::{
    history::BolusEnd,
    message::DenyReason,
    quantity::{Dose, Millis, Volume},
    wire::Text,
};
use pump_remote::adapters::slint::{Colours, Language, Looks, Panel};
use pump_ui::{Ago, Alarms, Changes, Days, Helping, NotGivenCode, Reasons, Request, Theme, Words};
use slint::{ComponentHandle, Model};

use crate::{display::Display, pages::luminance, story};

#[test]
fn every_reason_says_what_is_so_and_what_to_do() {
    let mut display = Display::new(Panel::FIVE_INCH);
    let mut titles = Vec::new();
    for reason in story::REASONS {
        display.apply(&story::not_available(&[reason]));
        let app = display.window.component();
        let code = app.global::<Reasons>().get_first();
        let title = app.global::<Words>().invoke_reason_title(code);
        assert!(!title.is_empty() && !titles.contains(&title), "{reason:?} has a title of its own: {title}");
        titles.push(title);
        // proves R-ANS-04
        assert!(!app.global::<Words>().invoke_reason_advice(code).is_empty(), "{reason:?} says what to do");
    }
}

#[test]
fn every_alarm_says_what_is_so_and_what_to_do() {
    let mut display = Display::new(Panel::FIVE_INCH);
    let mut titles = Vec::new();
    for condition in AlarmCondition::ALL {
        display.apply(&story::alarms(&[condition]));
        let app = display.window.component();
        let shown = app.global::<Alarms>().get_first();
        let title = app.global::<Words>().invoke_alarm_title(shown.code);
        assert!(!title.is_empty() && !titles.contains(&title), "{condition:?} has a title of its own: {title}");
        titles.push(title);
        assert!(!app.global::<Words>().invoke_alarm_advice(shown.code).is_empty(), "{condition:?} says what to do");
    }
}

#[test]
fn every_change_is_a_sentence_with_both_amounts() {
    let mut display = Display::new(Panel::FIVE_INCH);
    let mut told = |change: Change| {
        display.apply(&story::changed(&[change]));
        let app = display.window.component();
        let row = app.global::<Changes>().get_rows().row_data(0).expect("one change");
        app.global::<Words>().invoke_change(row.code, row.from, row.to).replace('\u{a0}', " ")
    };
    let mcg = Dose::from_micrograms;
    assert_eq!(told(Change::DemandDose { from: mcg(50), to: mcg(60) }), "Your dose: now 60 mcg, was 50 mcg");
    assert_eq!(told(Change::Refill { volume: Volume::from_microlitres(20_000) }), "Refill seen: 20 mL");
    assert_eq!(told(Change::Allotment { from: 4, to: 0 }), "Doses on request are switched off");
    let (from, to) = (Millis::from_hours(4), Millis::from_mins(150));
    assert_eq!(told(Change::Lockout { from, to }), "Wait between doses: now 2 h 30 min, was 4 h");
    let sentences: HashSet<_> = story::changes().into_iter().map(told).collect();
    assert_eq!(sentences.len(), story::changes().len(), "each its own: {sentences:?}");
}

#[test]
fn three_changes_are_told_and_the_rest_is_counted() {
    let mut display = Display::new(Panel::FIVE_INCH);
    display.apply(&story::changed(&story::changes()[..5]));
    let changes = display.window.component().global::<Changes>();
    assert_eq!((changes.get_rows().row_count(), changes.get_more().as_str()), (3, "2"));
}

#[test]
fn every_outcome_without_a_dose_says_why() {
    let mut display = Display::new(Panel::FIVE_INCH);
    let mut titles = Vec::new();
    for (_, screen) in story::all() {
        let Face::NotGiven(why) = &screen.face else { continue };
        display.apply(&screen);
        let app = display.window.component();
        let (request, words) = (app.global::<Request>(), app.global::<Words>());
        let wait = words.invoke_span(request.get_span(), request.get_major(), request.get_minor());
        let (code, deny) = (request.get_not_given(), request.get_deny());
        let title = words.invoke_not_given_title(code, deny, request.get_until(), wait);
        assert!(!title.is_empty() && !titles.contains(&title), "{why:?} has a title of its own: {title}");
        titles.push(title);
        let advice =
            words.invoke_not_given_advice(code, deny, request.get_end(), request.get_dose(), request.get_echoed());
        // proves R-REQ-18
        assert!(!advice.is_empty(), "{why:?} says what to do");
    }
    assert_eq!(titles.len(), DenyReason::ALL.len() + 7);
}

#[test]
fn the_pumps_word_names_the_moment_or_the_time_to_wait() {
    let mut display = Display::new(Panel::FIVE_INCH);
    let mut title = |until_known: bool| {
        let mut why = story::denied(DenyReason::Lockout, true);
        if let pump_core::screen::NotGiven::Denied { until, .. } = &mut why {
            *until = until.filter(|_| until_known);
        }
        display.apply(&story::screen(Face::NotGiven(why)));
        let app = display.window.component();
        let (request, words) = (app.global::<Request>(), app.global::<Words>());
        let wait = words.invoke_span(request.get_span(), request.get_major(), request.get_minor());
        words.invoke_not_given_title(NotGivenCode::Denied, request.get_deny(), request.get_until(), wait).to_string()
    };
    // proves R-ANS-18
    assert_eq!(title(true), "Your pump says wait until 18:40");
    assert_eq!(title(false), "Your pump says wait 25 min 00 s");
}

#[test]
fn what_went_in_is_told_with_its_range_and_why_it_ended() {
    let mut display = Display::new(Panel::FIVE_INCH);
    let mut told = |at_least, at_most, end| {
        display.apply(&story::screen(story::in_part(at_least, at_most, end)));
        let app = display.window.component();
        let (request, words) = (app.global::<Request>(), app.global::<Words>());
        let amounts = [request.get_delivered(), request.get_delivered_at_most()].map(|amount| amount.to_string());
        (amounts, words.invoke_end_text(request.get_end()).to_string())
    };
    let exactly = |amount: &str| [amount.to_owned(), String::new()];
    // proves R-REQ-14
    assert_eq!(told(12, 12, BolusEnd::Cancelled).0, exactly("12\u{a0}mcg"));
    // proves R-REQ-14
    assert_eq!(told(12, 20, BolusEnd::Cancelled).0, ["12\u{a0}mcg", "20\u{a0}mcg"]);
    for (end, names) in [
        (BolusEnd::Complete, "less than was asked for"),
        (BolusEnd::Cancelled, "stopped by hand"),
        (BolusEnd::PumpStopped, "pump was stopped"),
        (BolusEnd::MotorStall, "motor stalled"),
        (BolusEnd::Reset, "restarted"),
        (BolusEnd::EmptyReservoir, "ran empty"),
        (BolusEnd::Alarm, "An alarm"),
    ] {
        let (_, why) = told(12, 20, end);
        // proves R-REQ-18
        assert!(why.contains(names), "{end:?}: {why}");
    }
}

#[test]
fn a_day_is_told_with_every_count() {
    let mut display = Display::new(Panel::FIVE_INCH);
    let counts = DayCounts {
        attempts: 9,
        given: 1,
        in_part: 2,
        refused: vec![(NoDose::Elsewhere, 3), (NoDose::PageUnanswered, 1)],
        assumed: 4,
        not_settled: 1,
        others: 6,
        unknown: 1,
        ..DayCounts::default()
    };
    display.apply(&story::screen(Face::History { days: vec![Day { day: 20_000, counts }], loading: false }));
    let row = display.window.component().global::<Days>().get_rows().row_data(0).expect("a day");
    let told = [row.attempts, row.given, row.in_part, row.refused, row.not_sure, row.others];
    // proves R-CAR-08
    assert_eq!(told.map(String::from), ["9", "1", "2", "4", "5", "7"]);
}

#[test]
fn amounts_can_not_be_misread() {
    let mut display = Display::new(Panel::FIVE_INCH);
    display.apply(&story::delivering(pump_core::screen::Stop::Offered));
    let request = display.window.component().global::<Request>();
    assert_eq!(request.get_dose(), "50\u{a0}mcg");
    // proves R-DSP-01
    assert_eq!(request.get_delivered(), "12.5\u{a0}mcg");
}

#[test]
fn every_ink_stands_out_in_every_look() {
    let display = Display::new(Panel::FIVE_INCH);
    for (colours, least) in [(Colours::Dark, 7.0), (Colours::Light, 7.0), (Colours::HighContrast, 10.0)] {
        display.window.dress(Looks { colours, ..Looks::default() });
        let theme = display.window.component().global::<Theme>();
        let page = ("page", theme.get_page());
        let grounds = [page, ("raised", theme.get_raised())];
        let inks = [
            ("ink", theme.get_ink()),
            ("soft-ink", theme.get_soft_ink()),
            ("wait-ink", theme.get_wait_ink()),
            ("off-ink", theme.get_off_ink()),
            ("busy-ink", theme.get_busy_ink()),
            ("unsure-ink", theme.get_unsure_ink()),
            ("part-ink", theme.get_part_ink()),
            ("warn-ink", theme.get_warn_ink()),
            ("alarm-bright", theme.get_alarm_bright()),
        ];
        let on_grounds = inks.iter().flat_map(|ink| grounds.iter().map(move |ground| (*ink, *ground, least)));
        let ready = ("ready-ink", theme.get_ready_ink());
        let stop = ("stop-ink", theme.get_stop_ink());
        let alarm = ("alarm-ink", theme.get_alarm_ink());
        let on_fills = [
            (ready, ("ready-fill", theme.get_ready_fill())),
            (ready, ("ready-pressed", theme.get_ready_pressed())),
            (stop, ("stop-fill", theme.get_stop_fill())),
            (stop, ("stop-pressed", theme.get_stop_pressed())),
            (alarm, ("alarm-fill", theme.get_alarm_fill())),
            (alarm, ("alarm-pressed", theme.get_alarm_pressed())),
            (("ink", theme.get_ink()), ("pressed", theme.get_pressed())),
        ]
        .map(|(ink, fill)| (ink, fill, 7.0));
        // What is counted or touched by its edge alone.
        let edges = [("line", theme.get_line()), ("ready-fill", theme.get_ready_fill())].map(|edge| (edge, page, 3.0));
        for ((ink, above), (ground, below), least) in on_grounds.chain(on_fills).chain(edges) {
            let [above, below] = [above, below].map(|it| luminance((it.red(), it.green(), it.blue())));
            let contrast = (above.max(below) + 0.05) / (above.min(below) + 0.05);
            // proves R-DSP-03
            assert!(contrast >= least, "{colours:?}: {ink} on {ground}: {contrast:.1} to 1");
        }
    }
}

#[test]
fn one_is_told_apart_from_many() {
    let display = Display::new(Panel::FIVE_INCH);
    let words = display.window.component().global::<Words>();
    for (language, none, one, many) in [
        (Language::English, "for 0 minutes", "for 1 minute", "12 days ago"),
        (Language::German, "seit 0 Minuten", "seit 1 Minute", "vor 12 Tagen"),
        (Language::French, "pendant 0 minute", "pendant 1 minute", "il y a 12 jours"),
        (Language::Spanish, "durante 0 minutos", "durante 1 minuto", "hace 12 días"),
        (Language::Portuguese, "durante 0 minutos", "durante 1 minuto", "há 12 dias"),
    ] {
        display.window.dress(Looks { language, ..Looks::default() });
        let long = |count: &str| words.invoke_for_long(Ago::Minutes, count.into());
        // proves R-DSP-09
        assert_eq!([long("0").as_str(), &long("1"), &words.invoke_ago(Ago::Days, "12".into())], [none, one, many]);
    }
}

#[test]
fn a_name_that_the_type_can_not_write_shows_marks_and_no_boxes() {
    let mut display = Display::new(Panel::FIVE_INCH);
    display.apply(&story::screen(Face::Emergency { drug: Text::new("モルヒネ 2 mg/mL").ok(), stop: None }));
    let told = display.window.component().global::<Helping>().get_drug();
    // proves R-DSP-06
    assert_eq!(told.as_str(), "???? 2 mg/mL");
}
