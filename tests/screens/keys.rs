//! The way by keys alone: what Tab reaches, what Return tells there, and which key that is held is no hold.

use std::{cell::RefCell, rc::Rc};

use i_slint_backend_testing::AccessibleRole;
use pump_core::{
    annunciation::AlarmCondition,
    pairing::PairingView,
    screen::{Control, Face, Intent, Level, Notice, Screen, Stop, Visit},
};
use pump_protocol::quantity::Millis;
use pump_remote::adapters::slint::{Colours, Looks, Panel};
use slint::{
    LogicalPosition,
    platform::{Key, WindowEvent},
};

use crate::{
    display::{Display, Seen, middle},
    hold::{DOSE, DOSE_OFF, STOP, shown, touch},
    story,
};

/// Where the focus is drawn; `None` if it is nowhere.
fn ring(display: &Display) -> Option<Seen> {
    let rings = display.elements("Keys::ring");
    assert!(rings.len() <= 1, "{} rings", rings.len());
    rings.first().map(Seen::of)
}

/// What a screen reader would call a control, each place once; the history's rows are scrolled like one.
fn controls(all: &[Seen], screen: &Screen) -> Vec<Seen> {
    let mut controls: Vec<Seen> = Vec::new();
    for it in all {
        let is_one = match it.role {
            Some(AccessibleRole::Button) => true,
            Some(AccessibleRole::Tab) => !story::is_bare(screen),
            Some(AccessibleRole::List) => matches!(&screen.face, Face::History { days, .. } if !days.is_empty()),
            Some(_) | None => false,
        };
        if is_one && !controls.iter().any(|other| other.covers(it)) {
            controls.push(it.clone());
        }
    }
    controls
}

/// Every place where Tab stops, until it begins anew.
fn walk(display: &Display) -> Vec<Seen> {
    let mut stops: Vec<Seen> = Vec::new();
    loop {
        display.hit(Key::Tab);
        let stop = ring(display).expect("a ring after Tab");
        if stops.first().is_some_and(|first| first.covers(&stop)) {
            return stops;
        }
        stops.push(stop);
        assert!(stops.len() < 30, "it never begins anew");
    }
}

/// Every page as it comes from another one, with no key pressed on it yet.
fn each(panel: Panel, mut look_at: impl FnMut(&str, &Screen, &Display, &Rc<RefCell<Vec<Looks>>>)) {
    let chosen = Rc::new(RefCell::new(Vec::new()));
    let choosing = Rc::clone(&chosen);
    let mut display = Display::choosing(panel, move |looks| choosing.borrow_mut().push(looks));
    for (page, screen) in story::all() {
        let another = if screen.face == Face::Checking { story::ready() } else { story::screen(Face::Checking) };
        display.apply(&another);
        display.window.dress(Looks::default());
        display.apply(&screen);
        display.heard();
        look_at(&page, &screen, &display, &chosen);
    }
}

/// With the focus on this control.
fn go_to(display: &Display, id: &str) {
    let control = Seen::of(&display.elements(id)[0]);
    let mut stops = 0..30;
    let reached = stops.any(|_| {
        display.hit(Key::Tab);
        ring(display).is_some_and(|ring| ring.covers(&control))
    });
    assert!(reached, "{id} is not reached");
    display.heard();
}

fn on(screen: &Screen, id: &str) -> Display {
    let display = shown(screen);
    go_to(&display, id);
    display
}

fn touches(display: &Display) -> Vec<Intent> {
    display.heard().into_iter().filter(|intent| matches!(intent, Intent::Touch { .. })).collect()
}

#[test]
fn tab_reaches_every_control_and_nothing_else() {
    let mut stopped = 0;
    for panel in [Panel::FIVE_INCH, Panel::SEVEN_INCH] {
        each(panel, |page, screen, display, _| {
            assert!(ring(display).is_none(), "{page}: a ring before the first key");
            let stops = walk(display);
            let controls = controls(&display.everything(), screen);
            for control in &controls {
                // proves R-DSP-15
                assert!(stops.iter().any(|stop| stop.covers(control)), "{page}: not reached: {control:?}");
            }
            assert_eq!(stops.len(), controls.len(), "{page}: {stops:?}");
            for stop in stops[1..].iter().rev() {
                display.hit(Key::Backtab);
                let ring = ring(display).expect("a ring after Shift-Tab");
                assert!(ring.covers(stop), "{page}: Shift-Tab goes another way, to {ring:?}");
            }
            stopped += stops.len();
        });
    }
    assert!(stopped > 1_500, "only {stopped} controls");
}

/// On a tall panel: a wide one has its words on the left and the controls of a dose on the right.
#[test]
fn tab_goes_as_a_page_is_read() {
    each(Panel::FIVE_INCH, |page, _, display, _| {
        for pair in walk(display).windows(2) {
            let [one, next] = pair else { continue };
            let same_line = next.y < one.bottom() - 2.0 && one.y < next.bottom() - 2.0;
            // proves R-DSP-15
            assert!(if same_line { next.x > one.x } else { next.y > one.y }, "{page}: {next:?} after {one:?}");
        }
    });
}

#[test]
fn return_tells_what_a_tap_tells() {
    let mut compared = 0;
    each(Panel::FIVE_INCH, |page, _, display, chosen| {
        let stops = walk(display).len();
        for _ in 0..stops {
            let at = ring(display).expect("a ring");
            let all = display.everything();
            let is = |what: &str| all.iter().any(|it| (it.id == what || it.kind == what) && it.covers(&at));
            // It turns the list over and tells nobody.
            let (turns, scrolls) = (is("AlarmsPage::more"), is("HistoryPage::turn"));
            if !turns {
                let told = || (display.heard(), chosen.take().len());
                display.heard();
                let finger = LogicalPosition::new(at.x + at.width / 2.0, at.y + at.height / 2.0);
                display.down(finger);
                display.up(finger);
                let by_finger = told();
                // A key of the pad rests, so that a bounce is no second tap.
                display.pass(400);
                display.hit(Key::Return);
                let by_key = told();
                display.pass(400);
                // A choice goes on to the next with each tap.
                let alike = match (&by_finger.0[..], &by_key.0[..]) {
                    // A finger on a row of the history goes to its day; a key gets there by the button above.
                    ([Intent::Visit(Visit::Day(_))], []) => scrolls,
                    ([Intent::Quiet(one)], [Intent::Quiet(next)]) => one != next && by_finger.1 == by_key.1,
                    _ => by_finger == by_key,
                };
                // proves R-DSP-15
                assert!(alike, "{page}: {at:?}: {by_key:?} by a key, {by_finger:?} by a finger");
                assert!(scrolls || by_finger != (Vec::new(), 0), "{page}: nothing is told: {at:?}");
                let held = by_key.0.iter().any(|intent| matches!(intent, Intent::Touch { .. }));
                // proves R-DSP-16
                assert_eq!(held, is("HoldArea"), "{page}: a touch from {at:?}");
                compared += 1;
            }
            display.hit(Key::Tab);
        }
    });
    assert!(compared > 700, "only {compared} were compared");
}

#[test]
fn a_key_that_is_held_is_told_as_a_finger_is() {
    for (screen, id, control) in [
        (story::ready(), DOSE, Control::Dose),
        (story::wait(Millis::from_mins(10)), DOSE_OFF, Control::Dose),
        (story::asking(Some(Stop::Offered)), STOP, Control::Stop),
    ] {
        for key in [Key::Space, Key::Return] {
            let display = on(&screen, id);
            display.key_down(key);
            let mut told = display.heard();
            let mut silent_for = 0;
            for _ in 0..150 {
                display.pass(10);
                let more = display.heard();
                silent_for = if more.is_empty() { silent_for + 10 } else { 0 };
                assert!(silent_for < 100, "{id}: silent for {silent_for} ms");
                told.extend(more);
                display.key_repeats(key);
            }
            // proves R-DSP-16
            assert!(told.len() >= 16, "{id}: told {} times in 1.5 s", told.len());
            assert!(told.iter().all(|intent| *intent == touch(control, Level::Pressed)), "{id}: {told:?}");
            display.key_up(key);
            assert_eq!(display.heard(), [touch(control, Level::Released)], "{id}");
            display.pass(500);
            assert_eq!(display.heard(), [], "{id}: nothing after the key is up");
        }
    }
}

#[test]
fn a_key_that_was_down_before_is_no_hold() {
    let mut display = on(&story::wait(Millis::from_secs(1)), DOSE_OFF);
    display.key_down(Key::Space);
    display.pass(300);
    display.heard();
    display.apply(&story::ready());
    // proves R-DSP-16
    assert_eq!(display.heard(), [touch(Control::Dose, Level::SlidOff)]);
    let repeats_for_long = |display: &Display| {
        for _ in 0..60 {
            display.key_repeats(Key::Space);
            display.pass(33);
        }
    };
    repeats_for_long(&display);
    go_to(&display, DOSE);
    repeats_for_long(&display);
    display.key_up(Key::Space);
    display.pass(100);
    // proves R-DSP-16
    assert_eq!(touches(&display), [], "it was never released");
    display.key_down(Key::Space);
    assert_eq!(touches(&display), [touch(Control::Dose, Level::Pressed)], "a new press counts");
}

#[test]
fn a_key_without_the_focus_on_the_control_is_no_hold() {
    let display = shown(&story::ready());
    display.key_down(Key::Space);
    display.pass(2000);
    display.key_up(Key::Space);
    // proves R-DSP-16
    assert_eq!(display.heard(), [Intent::Wake], "somebody is here, and no more");
}

#[test]
fn a_focus_that_leaves_ends_the_hold() {
    let leaves: [fn(&Display); 3] = [
        |display| display.hit(Key::Tab),
        |display| display.hit(Key::Backtab),
        |display| display.dispatch(WindowEvent::WindowActiveChanged(false)),
    ];
    for leave in leaves {
        let display = on(&story::ready(), DOSE);
        display.key_down(Key::Space);
        display.pass(1400);
        assert!(touches(&display).len() > 10);
        leave(&display);
        // proves R-DSP-16
        assert_eq!(touches(&display), [touch(Control::Dose, Level::SlidOff)]);
        display.dispatch(WindowEvent::WindowActiveChanged(true));
        display.key_repeats(Key::Space);
        display.pass(2000);
        display.key_up(Key::Space);
        assert_eq!(touches(&display), [], "and it has to be pressed anew");
    }
}

#[test]
fn a_finger_and_a_key_are_no_press() {
    let display = on(&story::ready(), DOSE);
    let at = middle(&display.elements(DOSE)[0]);
    display.key_down(Key::Space);
    display.pass(700);
    touches(&display);
    display.down(at);
    // proves R-DSP-16
    assert_eq!(touches(&display), [touch(Control::Dose, Level::SlidOff)]);
    display.pass(2000);
    display.up(at);
    display.key_up(Key::Space);
    assert_eq!(touches(&display), []);

    display.down(at);
    display.pass(700);
    touches(&display);
    display.key_down(Key::Space);
    // proves R-DSP-16
    assert_eq!(touches(&display), [touch(Control::Dose, Level::SlidOff)]);
    display.pass(2000);
    display.key_up(Key::Space);
    display.up(at);
    assert_eq!(touches(&display), []);

    display.key_down(Key::Space);
    display.pass(700);
    touches(&display);
    display.key_down(Key::Return);
    // proves R-DSP-16
    assert_eq!(touches(&display), [touch(Control::Dose, Level::SlidOff)], "nor are two keys");
    display.key_up(Key::Return);
    display.pass(2000);
    display.key_up(Key::Space);
    assert_eq!(touches(&display), []);
}

#[test]
fn a_pointer_that_passes_leaves_the_key_alone() {
    let display = on(&story::ready(), DOSE);
    display.key_down(Key::Space);
    let button = display.elements(DOSE)[0].clone();
    let (at, corner) = (middle(&button), button.absolute_position());
    // The last of them is beside the disc.
    for (x, y) in [(at.x, 4.0), (at.x, at.y), (corner.x + 8.0, corner.y + 8.0)] {
        display.slide(LogicalPosition::new(x, y));
        display.pass(300);
    }
    let told = touches(&display);
    assert!(told.len() > 15 && told.iter().all(|intent| *intent == touch(Control::Dose, Level::Pressed)), "{told:?}");
}

#[test]
fn stop_keeps_its_key_from_page_to_page() {
    let mut display = on(&story::asking(Some(Stop::Offered)), STOP);
    display.key_down(Key::Space);
    display.heard();
    for screen in [story::delivering(Stop::Offered), story::not_sure(Stop::Offered), story::not_sure(Stop::Asked)] {
        display.apply(&screen);
        display.pass(200);
        let told = display.heard();
        let held = told.iter().all(|intent| *intent == touch(Control::Stop, Level::Pressed));
        // proves R-DSP-16
        assert!(told.len() >= 3 && held, "{told:?}");
    }
    display.key_up(Key::Space);
    assert_eq!(display.heard(), [touch(Control::Stop, Level::Released)]);
    display.apply(&story::ready());
    assert!(ring(&display).is_none(), "it left with its dose");
}

#[test]
fn nothing_is_held_on_a_caregivers_page() {
    let mut display = shown(&story::ready());
    for caregiver in [story::caregiver(), story::stopped()] {
        display.apply(&story::screen(Face::Caregiver(caregiver)));
        for _ in 0..walk(&display).len() {
            display.heard();
            display.key_down(Key::Space);
            display.pass(2000);
            display.key_up(Key::Space);
            let told = display.heard();
            // proves R-DSP-16, R-CAR-01
            assert!(matches!(told[..], [Intent::Visit(_)]), "{told:?}");
            display.hit(Key::Tab);
        }
    }
}

#[test]
fn a_key_with_control_or_alt_does_nothing() {
    let display = on(&story::ready(), DOSE);
    display.key_down(Key::Control);
    display.key_down(Key::Alt);
    for key in [Key::Space, Key::Return, Key::Delete, Key::Backspace, Key::Tab] {
        display.key_down(key);
        display.pass(2000);
        display.key_up(key);
    }
    display.key_up(Key::Alt);
    display.key_up(Key::Control);
    let told = display.heard();
    assert!(told.iter().all(|intent| *intent == Intent::Wake), "{told:?}");
    display.hit(Key::Space);
    assert_eq!(display.heard(), [Level::Pressed, Level::Released].map(|level| touch(Control::Dose, level)));
}

#[test]
fn escape_is_the_pages_way_back() {
    each(Panel::FIVE_INCH, |page, screen, display, _| {
        let back = match &screen.face {
            _ if screen.practice => Intent::Visit(Visit::More),
            Face::Pairing(PairingView::Card { .. } | PairingView::Window | PairingView::Failed(_))
            | Face::EnterCode { .. } => Intent::Seen,
            Face::Alarms | Face::Caregiver(_) | Face::History { .. } | Face::Emergency { .. } | Face::Reading(_) => {
                Intent::Visit(Visit::Patient)
            }
            // The patient's own pages are where it leads to, and the rest are not left by a person.
            Face::Pairing(PairingView::NotPaired | PairingView::Asking { .. } | PairingView::Paired { .. })
            | Face::Fault(_)
            | Face::Checking
            | Face::Ready(_)
            | Face::Wait(_)
            | Face::NotAvailable { .. }
            | Face::Asking { .. }
            | Face::Delivering { .. }
            | Face::Given { .. }
            | Face::GivenInPart { .. }
            | Face::NotGiven(_)
            | Face::AssumedGiven { .. }
            | Face::NotSure { .. }
            | Face::Changed { .. } => Intent::Wake,
        };
        display.hit(Key::Escape);
        // proves R-DSP-15
        assert_eq!(display.heard(), [back], "{page}");
        display.hit(Key::Tab);
        assert_eq!(display.heard(), [Intent::Wake], "{page}: a key says that somebody is here");
        display.hit(Key::Escape);
        assert_eq!(display.heard(), [back], "{page}: with the focus on a control");
    });
}

#[test]
fn a_control_that_goes_leaves_the_keys_above_the_first() {
    let mut display = shown(&Screen { notice: Some(Notice::HoldLonger), ..story::screen(Face::Alarms) });
    display.hit(Key::Tab);
    display.heard();
    display.hit(Key::Return);
    assert_eq!(display.heard(), [Intent::NoticeSeen]);
    display.apply(&story::screen(Face::Alarms));
    assert!(ring(&display).is_none());
    display.hit(Key::Escape);
    assert_eq!(display.heard(), [Intent::Visit(Visit::Patient)]);

    display.apply(&story::alarms(&story::THREE));
    go_to(&display, "AlarmItem::acknowledge");
    let mut seen = story::alarms(&story::THREE);
    seen.alarms[0].acknowledged = true;
    display.apply(&seen);
    assert!(ring(&display).is_none());
    display.hit(Key::Escape);
    // proves R-DSP-15
    assert_eq!(display.heard(), [Intent::Visit(Visit::Patient)]);
}

#[test]
fn what_is_turned_over_is_turned_by_a_key() {
    for (screen, id) in [
        (story::alarms(&AlarmCondition::ALL), "AlarmsPage::more"),
        (story::screen(Face::History { days: story::days(), loading: false }), "HistoryPage::turn"),
    ] {
        let display = on(&screen, id);
        let first = display.snapshot();
        let mut turned = 0..20;
        display.hit(Key::Return);
        display.pass(20);
        assert_ne!(display.snapshot().as_bytes(), first.as_bytes(), "{id} turns over");
        let again = turned.any(|_| {
            display.hit(Key::Return);
            display.pass(20);
            display.snapshot().as_bytes() == first.as_bytes()
        });
        // proves R-DSP-15
        assert!(again, "{id} comes round to the first");
    }
}

#[test]
fn the_ring_is_seen_in_every_look() {
    for (screen, id) in [
        (story::ready(), DOSE),
        (story::asking(Some(Stop::NotStoppedYet)), STOP),
        (story::alarming(&story::THREE, story::ready()), "AlarmBanner::area"),
    ] {
        for colours in [Colours::Dark, Colours::Light, Colours::HighContrast] {
            let display = shown(&screen);
            display.window.dress(Looks { colours, ..Looks::default() });
            let before = display.snapshot();
            go_to(&display, id);
            let after = display.snapshot();
            let changed = before.as_slice().iter().zip(after.as_slice()).filter(|(one, other)| one != other).count();
            // proves R-DSP-15
            assert!(changed > 2_000, "{id} in {colours:?}: {changed} pixels");
        }
    }
}
