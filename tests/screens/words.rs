//! Words and colours: nothing unsaid, nothing unreadable.

use pump_core::screen::Face;
use pump_protocol::message::DenyReason;
use pump_remote::adapters::slint::Panel;
use pump_ui::{NotGivenCode, Reasons, Request, Theme, Words};
use slint::{Color, ComponentHandle};

use crate::{display::Display, story};

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
        let advice = words.invoke_not_given_advice(code, deny, request.get_dose(), request.get_echoed());
        // proves R-REQ-18
        assert!(!advice.is_empty(), "{why:?} says what to do");
    }
    assert_eq!(titles.len(), story::DENIALS.len() + 5);
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
fn amounts_can_not_be_misread() {
    let mut display = Display::new(Panel::FIVE_INCH);
    display.apply(&story::delivering(pump_core::screen::Stop::Offered));
    let request = display.window.component().global::<Request>();
    assert_eq!(request.get_dose(), "50\u{a0}mcg");
    // proves R-DSP-01
    assert_eq!(request.get_delivered(), "12.5\u{a0}mcg");
}

fn luminance(color: Color) -> f64 {
    let channel = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.039_28 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(color.red()) + 0.7152 * channel(color.green()) + 0.0722 * channel(color.blue())
}

#[test]
fn every_ink_stands_out_seven_to_one() {
    let display = Display::new(Panel::FIVE_INCH);
    let theme = display.window.component().global::<Theme>();
    let dark = [("page", theme.get_page()), ("raised", theme.get_raised())];
    let inks = [
        ("ink", theme.get_ink()),
        ("soft-ink", theme.get_soft_ink()),
        ("wait-ink", theme.get_wait_ink()),
        ("off-ink", theme.get_off_ink()),
        ("busy-ink", theme.get_busy_ink()),
        ("unsure-ink", theme.get_unsure_ink()),
        ("part-ink", theme.get_part_ink()),
        ("warn-ink", theme.get_warn_ink()),
    ];
    let mut pairs: Vec<_> = inks.iter().flat_map(|ink| dark.iter().map(move |ground| (*ink, *ground))).collect();
    let ready = ("ready-ink", theme.get_ready_ink());
    let stop = ("stop-ink", theme.get_stop_ink());
    let alarm = ("alarm-ink", theme.get_alarm_ink());
    let page = ("page", theme.get_page());
    pairs.extend([
        (ready, ("ready-fill", theme.get_ready_fill())),
        (ready, ("ready-pressed", theme.get_ready_pressed())),
        (stop, ("stop-fill", theme.get_stop_fill())),
        (stop, ("stop-pressed", theme.get_stop_pressed())),
        (alarm, ("alarm-fill", theme.get_alarm_fill())),
        (alarm, ("alarm-pressed", theme.get_alarm_pressed())),
        (page, ("ink, under a notice", theme.get_ink())),
    ]);
    for ((ink, above), (ground, below)) in pairs {
        let (lighter, darker) = (luminance(above).max(luminance(below)), luminance(above).min(luminance(below)));
        let contrast = (lighter + 0.05) / (darker + 0.05);
        // proves R-DSP-03
        assert!(contrast >= 7.0, "{ink} on {ground}: {contrast:.1} to 1");
    }
}
