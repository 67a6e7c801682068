//! What the machine is told about fingers. Whether it was a hold is not decided here: levels are told, truthfully.

use std::{cell::RefCell, collections::HashSet, io, path::PathBuf, rc::Rc, sync::mpsc, time::Duration};

use i_slint_backend_testing::ElementHandle;
use i_slint_core::{input::TouchPhase, lengths::LogicalPoint, platform::InternalEvent};
use pump_core::{
    annunciation::AlarmCondition,
    audit::event::{NotCopied, WallDoubt},
    pairing::{PairingView, Refusal, Typed},
    screen::{Control, Copying, Face, Hold, Intent, Level, Reading, Screen, SetTimeView, Source, Stop, Visit},
    selftest::{CHECKS, Finding, Question},
    set_time::{TimePart, TimeStep},
    therapy::reason::Reason,
};
use pump_protocol::{clock::Uptime, quantity::Millis, wire::Text};
use pump_remote::adapters::slint::{
    Brightness, ClockStyle, Colours, CueTone, CueVibration, Furnished, Keeper, Language, Looks, Panel, Quiet, ReadyCue,
    TextSize,
};
use pump_ui::Status;
use slint::{
    ComponentHandle, LogicalPosition,
    platform::{Key, WindowEvent},
};

use crate::{
    display::{Display, middle},
    pages::save,
    story,
};

pub(crate) const DOSE: &str = "ReadyPage::dose-control";
pub(crate) const DOSE_OFF: &str = "WaitPage::dose-control";
pub(crate) const STOP: &str = "AppWindow::stop-control";

pub(crate) fn touch(control: Control, level: Level) -> Intent {
    Intent::Touch { control, level, source: Source::Touchscreen }
}

pub(crate) fn shown(screen: &Screen) -> Display {
    let mut display = Display::new(Panel::FIVE_INCH);
    display.apply(screen);
    display.snapshot();
    display.heard();
    display
}

fn control(display: &Display, id: &str) -> ElementHandle {
    let found = display.elements(id);
    assert_eq!(found.len(), 1, "one control {id}");
    found[0].clone()
}

/// Down for this long; what was told, without what was told before.
fn hold(display: &Display, at: LogicalPosition, milliseconds: u64) -> Vec<Intent> {
    display.down(at);
    display.pass(milliseconds);
    display.heard()
}

/// The longest time a pressed level goes untold must stay under 100 ms: in 1.5 s at least 15 tellings.
#[test]
fn a_full_hold_is_told_all_the_way() {
    let display = shown(&story::ready());
    let at = middle(&control(&display, DOSE));
    let told = hold(&display, at, 1500);
    assert!(told.len() >= 16, "told {} times in 1.5 s", told.len());
    assert!(told.iter().all(|intent| *intent == touch(Control::Dose, Level::Pressed)), "{told:?}");
    display.up(at);
    assert_eq!(display.heard(), [touch(Control::Dose, Level::Released)]);
    display.pass(500);
    assert_eq!(display.heard(), [], "nothing after the finger is gone");
}

#[test]
fn between_two_tellings_there_are_less_than_100_ms() {
    let display = shown(&story::ready());
    display.down(middle(&control(&display, DOSE)));
    let mut silent_for = 0;
    for _ in 0..150 {
        display.pass(10);
        silent_for = if display.heard().is_empty() { silent_for + 10 } else { 0 };
        assert!(silent_for < 100, "silent for {silent_for} ms");
    }
}

#[test]
fn a_finger_that_slides_off_is_told_once_and_must_be_lifted() {
    let display = shown(&story::ready());
    let button = control(&display, DOSE);
    let at = middle(&button);
    let outside = LogicalPosition::new(at.x, button.absolute_position().y - 20.0);
    hold(&display, at, 700);
    display.slide(outside);
    assert_eq!(display.heard(), [touch(Control::Dose, Level::SlidOff)]);
    display.pass(1000);
    display.slide(at);
    display.pass(2000);
    display.up(at);
    assert_eq!(display.heard(), [], "back on it, but never lifted");
    assert_eq!(hold(&display, at, 10)[0], touch(Control::Dose, Level::Pressed), "a new press counts");
}

#[test]
fn the_corner_of_the_round_control_is_outside() {
    let display = shown(&story::ready());
    let button = control(&display, DOSE);
    let corner = LogicalPosition::new(button.absolute_position().x + 8.0, button.absolute_position().y + 8.0);
    assert_eq!(hold(&display, corner, 2000), []);
}

#[test]
fn a_finger_from_elsewhere_does_not_press() {
    let display = shown(&story::ready());
    let at = middle(&control(&display, DOSE));
    display.down(LogicalPosition::new(4.0, at.y));
    display.slide(at);
    display.pass(2000);
    display.up(at);
    let told = display.heard();
    assert!(told.iter().all(|intent| *intent == Intent::Wake), "{told:?}");
}

fn finger(display: &Display, id: i32, at: LogicalPosition, phase: TouchPhase) {
    let position = LogicalPoint::new(at.x, at.y);
    let event = WindowEvent::internal(InternalEvent::Touch { id, position, phase });
    let _ = display.window.component().window().dispatch_event_with_result(event);
}

#[test]
fn a_second_finger_ends_the_press_as_slid_off() {
    let display = shown(&story::ready());
    let at = middle(&control(&display, DOSE));
    finger(&display, 0, at, TouchPhase::Started);
    display.pass(1400);
    let told = display.heard();
    assert!(told.len() > 10 && told.iter().all(|intent| *intent == touch(Control::Dose, Level::Pressed)), "{told:?}");
    finger(&display, 1, LogicalPosition::new(at.x + 30.0, at.y), TouchPhase::Started);
    assert_eq!(display.heard(), [touch(Control::Dose, Level::SlidOff)]);
    display.pass(1000);
    // proves R-ASK-14
    assert_eq!(display.heard(), [], "two fingers are no press");
    finger(&display, 1, LogicalPosition::new(at.x + 30.0, at.y), TouchPhase::Ended);
    display.pass(3000);
    // proves R-ASK-02
    assert_eq!(display.heard(), [], "the one that is left was never lifted");
    finger(&display, 0, at, TouchPhase::Ended);
    display.pass(100);
    display.heard();
    finger(&display, 0, at, TouchPhase::Started);
    display.pass(200);
    assert_eq!(display.heard()[0], touch(Control::Dose, Level::Pressed), "a new press counts");
}

#[test]
fn a_finger_that_came_second_is_no_press_when_the_first_is_lifted() {
    let display = shown(&story::ready());
    let at = middle(&control(&display, DOSE));
    let beside = LogicalPosition::new(at.x, at.y / 3.0);
    finger(&display, 0, beside, TouchPhase::Started);
    display.pass(200);
    finger(&display, 1, at, TouchPhase::Started);
    display.pass(200);
    finger(&display, 0, beside, TouchPhase::Ended);
    display.pass(3000);
    let told = display.heard();
    // proves R-ASK-14
    assert!(told.iter().all(|intent| *intent == Intent::Wake), "{told:?}");
}

#[test]
fn a_finger_that_rested_while_the_page_turned_is_no_press_when_another_is_lifted() {
    let mut display = shown(&story::wait(Millis::from_mins(10)));
    let at = middle(&control(&display, DOSE_OFF));
    finger(&display, 0, at, TouchPhase::Started);
    display.pass(200);
    display.apply(&story::ready());
    display.snapshot();
    display.pass(200);
    display.heard();
    let beside = LogicalPosition::new(at.x, at.y / 3.0);
    finger(&display, 1, beside, TouchPhase::Started);
    display.pass(200);
    finger(&display, 1, beside, TouchPhase::Ended);
    display.pass(3000);
    let told = display.heard();
    // proves R-ASK-02
    assert!(told.iter().all(|intent| *intent == Intent::Wake), "{told:?}");
}

#[test]
fn one_finger_of_a_touchscreen_is_told_as_released() {
    let display = shown(&story::ready());
    let at = middle(&control(&display, DOSE));
    finger(&display, 3, at, TouchPhase::Started);
    display.pass(100);
    display.heard();
    finger(&display, 3, at, TouchPhase::Ended);
    assert_eq!(display.heard(), [touch(Control::Dose, Level::Released)]);
}

#[test]
fn a_control_that_leaves_in_mid_hold_is_told_as_slid_off() {
    let mut display = shown(&story::ready());
    let at = middle(&control(&display, DOSE));
    hold(&display, at, 1400);
    display.apply(&story::wait(Millis::from_mins(10)));
    assert_eq!(display.heard(), [touch(Control::Dose, Level::SlidOff)]);
    display.snapshot();
    display.pass(500);
    display.apply(&story::ready());
    display.snapshot();
    display.pass(3000);
    display.up(at);
    assert_eq!(display.heard(), [], "the old finger asks for nothing on the new page");
}

#[test]
fn a_page_that_only_counts_down_keeps_the_finger() {
    let mut display = shown(&story::wait(Millis::from_secs(100)));
    let at = middle(&control(&display, DOSE_OFF));
    hold(&display, at, 500);
    display.apply(&story::wait(Millis::from_secs(99)));
    display.snapshot();
    display.pass(1000);
    let told = display.heard();
    assert!(told.len() >= 10 && told.iter().all(|intent| *intent == touch(Control::Dose, Level::Pressed)), "{told:?}");
}

#[test]
fn a_full_hold_on_a_control_that_is_off_is_told_too() {
    for (screen, id) in [
        (story::wait(Millis::from_mins(10)), DOSE_OFF),
        (story::not_available(&story::REASONS), "NotAvailablePage::dose-control"),
    ] {
        let display = shown(&screen);
        let at = middle(&control(&display, id));
        assert!(hold(&display, at, 1500).len() >= 16);
    }
}

#[test]
fn stop_keeps_its_finger_from_page_to_page() {
    let mut display = shown(&story::asking(Some(Stop::Offered)));
    let at = middle(&control(&display, STOP));
    hold(&display, at, 300);
    for screen in [story::delivering(Stop::Offered), story::not_sure(Stop::Offered), story::not_sure(Stop::Asked)] {
        display.apply(&screen);
        display.snapshot();
        assert_eq!(middle(&control(&display, STOP)), at);
        display.pass(200);
        let told = display.heard();
        assert!(
            told.len() >= 3 && told.iter().all(|intent| *intent == touch(Control::Stop, Level::Pressed)),
            "{told:?}"
        );
    }
    display.up(at);
    assert_eq!(display.heard(), [touch(Control::Stop, Level::Released)]);
}

#[test]
fn the_ring_moves_only_while_the_machine_counts_a_hold() {
    let mut display = shown(&story::ready());
    let still = display.snapshot();
    display.pass(400);
    assert_eq!(display.snapshot().as_bytes(), still.as_bytes(), "nothing moves by itself");

    let at = middle(&control(&display, DOSE));
    hold(&display, at, 50);
    let pressed = display.snapshot();
    let counted = Hold { control: Control::Dose, since: Uptime::from_millis(1), needed: Millis::new(1500) };
    display.apply(&Screen { hold: Some(counted), ..story::ready() });
    display.pass(300);
    let early = display.snapshot();
    // proves R-ASK-06
    assert_ne!(early.as_bytes(), pressed.as_bytes(), "the ring has begun");
    display.pass(600);
    let later = display.snapshot();
    if let Some(folder) = std::env::var_os("SCREENS_OUT") {
        save(&PathBuf::from(folder).join("tall-ready-held.png"), &later);
    }
    assert!(bright(&later) > bright(&early), "and it grows");

    display.up(at);
    display.pass(20);
    assert_eq!(
        display.snapshot().as_bytes(),
        still.as_bytes(),
        "and is gone with the finger, before the machine says so"
    );
}

/// Pixels of the ring's colour.
fn bright(picture: &slint::SharedPixelBuffer<slint::Rgba8Pixel>) -> usize {
    picture.as_slice().iter().filter(|pixel| (pixel.r, pixel.g, pixel.b) == (0xee, 0xf3, 0xf7)).count()
}

#[test]
fn taps_lead_to_other_pages_and_tell_no_control() {
    let display = shown(&story::ready());
    for (id, to) in [
        ("NavBar::to-caregiver", Visit::Caregiver),
        ("NavBar::to-alarms", Visit::Alarms),
        ("NavBar::to-more", Visit::More),
        ("NavBar::to-help", Visit::Emergency),
        ("NavBar::to-patient", Visit::Patient),
    ] {
        let at = middle(&control(&display, id));
        display.down(at);
        display.up(at);
        assert_eq!(display.heard(), [Intent::Visit(to)]);
    }
}

#[test]
fn help_is_one_tap_away_on_every_page() {
    let mut display = Display::new(Panel::FIVE_INCH);
    for (page, screen) in story::all() {
        display.apply(&screen);
        display.snapshot();
        display.heard();
        let bare = story::is_bare(&screen);
        let all = display.everything();
        let bar = if screen.practice { "PracticeBar::help" } else { "NavBar::to-help" };
        let help = all.iter().find(|it| if bare { it.kind == "HelpButton" } else { it.id == bar });
        let help = help.expect(&page);
        let at = LogicalPosition::new(help.x + help.width / 2.0, help.y + help.height / 2.0);
        display.down(at);
        display.up(at);
        // proves R-DSP-13, R-ANS-22
        assert_eq!(display.heard(), [Intent::Visit(Visit::Emergency)], "{page}");
    }
}

#[test]
fn the_other_pages_are_one_tap_from_more() {
    let display = shown(&story::screen(Face::Reading(Reading::More)));
    for (label, to) in [
        ("History", Visit::History),
        ("Therapy card", Visit::Therapy),
        ("Implant card", Visit::Implant),
        ("Can’t connect?", Visit::LinkSteps),
        ("Settings", Visit::Settings),
        ("Self-test", Visit::SelfTest),
        ("Practice", Visit::Practice),
        ("For your clinic", Visit::Clinic),
    ] {
        tap(&display, label);
        assert_eq!(display.heard(), [Intent::Visit(to)]);
    }
}

#[test]
fn a_day_is_one_tap_from_the_history_and_from_the_day_beside_it() {
    let mut display = shown(&story::screen(Face::History { days: story::days(), loading: false }));
    let today = story::at(12, 0).day();
    tap(&display, "Day by day");
    assert_eq!(display.heard(), [Intent::Visit(Visit::Day(today))]);
    let yesterday = display.everything().into_iter().find(|it| it.label == "Yesterday").expect("a row");
    let at = LogicalPosition::new(yesterday.x + 5.0, yesterday.y + yesterday.height / 2.0);
    display.down(at);
    display.up(at);
    // A list waits whether the finger will scroll it.
    display.pass(500);
    assert_eq!(display.heard(), [Intent::Visit(Visit::Day(today - 1))]);
    let day = story::busy_day();
    display.apply(&story::one_day(day.clone()));
    tap(&display, "The day before");
    tap(&display, "The day after");
    // proves R-CAR-08
    assert_eq!(display.heard(), [day.day - 1, day.day + 3].map(|day| Intent::Visit(Visit::Day(day))));
    let says = |display: &Display, words: &str| display.everything().iter().any(|it| it.label == words);
    for words in [
        "12 × Your clinic’s programme doesn’t add up",
        "10 × Asking took too long",
        "14 × for other reasons",
        "Not sure, still open: 1",
        "Not sure, counted as given: 2",
        "Doses that this record lost: 1",
        "Others 4",
        "Doses of others, together: 1187.5\u{a0}mcg",
    ] {
        // proves R-CAR-08
        assert!(says(&display, words), "{words}: {:?}", display.everything());
    }
    display.apply(&story::one_day(story::quiet_day()));
    assert!(!says(&display, "14 × for other reasons"));
    assert!(says(&display, "Refused 0"), "{:?}", display.everything());
}

#[test]
fn the_gauge_is_the_way_to_the_weeks() {
    let display = shown(&story::screen(Face::Caregiver(story::caregiver())));
    tap(&display, "Reservoir over the weeks");
    assert_eq!(display.heard(), [Intent::Visit(Visit::Reservoir)]);
}

#[test]
fn the_self_test_is_begun_and_answered_by_a_tap() {
    let mut display = shown(&story::self_test(false, None, [None; CHECKS]));
    tap(&display, "Test now");
    assert_eq!(display.heard(), [Intent::TestSelf]);
    display.apply(&story::self_test(true, Some(Question::Heard), [Some(Finding::Passed); CHECKS]));
    tap(&display, "Yes");
    tap(&display, "No");
    // proves R-DEV-07
    assert_eq!(display.heard(), [true, false].map(|yes| Intent::Answer { yes }));
    display.apply(&story::self_test(true, None, [None; CHECKS]));
    let begin = ElementHandle::find_by_accessible_label(display.window.component(), "Test now").next();
    assert!(begin.is_none(), "it runs already");
}

#[test]
fn what_is_chosen_is_worn_at_once_and_told() {
    let chosen = Rc::new(RefCell::new(Vec::new()));
    let telling = Rc::clone(&chosen);
    let mut display = Display::choosing(Panel::FIVE_INCH, move |looks| telling.borrow_mut().push(looks));
    display.apply(&story::screen(Face::Reading(Reading::Settings)));
    let change = |display: &Display, page: &str, ids: &[&str]| {
        let mut before = display.snapshot();
        for id in ids {
            let at = middle(&display.elements(&format!("{page}::{id}"))[0]);
            display.down(at);
            display.up(at);
            display.pass(20);
            let after = display.snapshot();
            assert_ne!(before.as_bytes(), after.as_bytes(), "{id} changes what is seen");
            before = after;
        }
    };
    change(&display, "SettingsPage", &["language", "text", "colours", "brightness"]);
    display.apply(&story::screen(Face::Reading(Reading::SetTime(story::set_time()))));
    change(&display, "SetTimePage", &["style"]);
    display.apply(&story::screen(Face::Reading(Reading::Sounds)));
    change(&display, "SoundsPage", &["ready-cue", "vibration", "tone"]);
    let expected = Looks {
        language: Language::German,
        colours: Colours::Light,
        text: TextSize::Large,
        clock: ClockStyle::Twelve,
        brightness: Brightness::Medium,
        ready_cue: ReadyCue::Off,
        vibration: CueVibration::Off,
        tone: CueTone::Soft,
        quiet: Quiet::Never,
    };
    // proves R-DSP-09, R-DSP-10, R-DSP-11, R-DSP-18
    assert_eq!(chosen.borrow().last(), Some(&expected));
    display.apply(&story::wait(Millis::from_mins(10)));
    let says = |words: &str| display.everything().iter().any(|it| it.label == words);
    assert!(says("Warten") && says("bis 6:40\u{a0}PM"), "and the next page speaks it");
    assert_eq!(display.heard(), [], "the machine is told nothing of it");
}

#[test]
fn a_card_that_hangs_holds_up_no_page_and_is_given_the_newest_choice() {
    let ((go_on, hung), (written, kept)) = (mpsc::channel::<()>(), mpsc::channel());
    let store = move |looks| {
        // Nobody tells it: it goes on once the other end is dropped.
        let _ = hung.recv_timeout(Duration::from_secs(10));
        written.send(looks).map_err(io::Error::other)
    };
    let keeper = Rc::new(RefCell::new(Some(Keeper::begin(store).unwrap())));
    let keeping = Rc::clone(&keeper);
    let keep = move |looks| keeping.borrow().iter().for_each(|keeper| keeper.keep(looks));
    let mut display = Display::choosing(Panel::FIVE_INCH, keep);
    display.apply(&story::screen(Face::Reading(Reading::Settings)));
    for id in ["brightness", "text", "colours", "colours"] {
        let at = middle(&display.elements(&format!("SettingsPage::{id}"))[0]);
        display.down(at);
        display.up(at);
        display.pass(20);
    }
    display.apply(&story::ready());
    assert_eq!(display.elements(DOSE).len(), 1, "the next page is there");
    assert!(kept.try_recv().is_err(), "while nothing is written yet");
    drop(go_on);
    assert!(keeper.take().unwrap().end(Duration::from_secs(10)), "and the end waits for the newest");
    let kept: Vec<Looks> = kept.iter().collect();
    let (text, colours, brightness) = (TextSize::Large, Colours::HighContrast, Brightness::Medium);
    // proves R-DSP-09
    assert_eq!(kept.last(), Some(&Looks { text, colours, brightness, ..Looks::default() }));
    assert!(kept.len() <= 2, "one waits while one is written: {kept:?}");
}

#[test]
fn a_clock_for_the_night_has_nothing_to_hold_and_any_touch_wakes() {
    for (screen, id) in [(story::ready(), DOSE), (story::wait(Millis::from_mins(10)), DOSE_OFF)] {
        let mut display = shown(&screen);
        let at = middle(&control(&display, id));
        let night = Screen { dark: true, night: story::night(83).night, ..screen.clone() };
        display.apply(&night);
        display.heard();
        let says = |display: &Display, words: &str| display.everything().iter().any(|it| it.label == words);
        // proves R-DSP-19
        assert!(says(&display, "18:15") && says(&display, "Resting") && says(&display, "Charging: 83 %"));
        display.down(at);
        display.up(at);
        // proves R-DSP-19
        assert_eq!(display.heard(), [Intent::Wake]);
        display.hit(Key::Return);
        assert_eq!(display.heard(), [Intent::Wake], "a key, too");
        display.apply(&Screen { clock: Err(WallDoubt::WentBack), ..night });
        // proves R-DSP-19
        assert!(says(&display, "No time is shown: the clock has gone back.") && !says(&display, "18:15"));
    }
}

#[test]
fn what_changes_under_a_clock_for_the_night_is_not_drawn() {
    let mut display = shown(&story::night(83));
    let before = display.snapshot();
    let under = Screen { heard_min_ago: Some(9), face: Face::Ready(story::offer()), ..story::night(83) };
    display.apply(&under);
    // proves R-DSP-19
    assert_eq!(before.as_bytes(), display.snapshot().as_bytes());
    let turned = |display: &Display| display.window.component().global::<Status>().get_turned();
    let before = turned(&display);
    display.apply(&Screen { clock: Ok(story::at(18, 16)), ..under });
    assert_ne!(before, turned(&display), "a minute is drawn whole");
}

#[test]
fn no_choice_is_offered_for_what_is_not_there_and_the_two_pages_lead_to_each_other() {
    for (light, motor, tone, clock) in
        [(false, false, false, true), (true, false, true, false), (false, true, false, false), (true, true, true, true)]
    {
        let mut display = shown(&story::screen(Face::Reading(Reading::Settings)));
        display.window.furnish(Furnished { light, motor, tone, clock, stick: true });
        display.pass(20);
        let there = |display: &Display, id: &str| !display.elements(id).is_empty();
        // proves R-DSP-18
        assert_eq!(there(&display, "SettingsPage::brightness"), light);
        // proves R-DSP-18, R-CLK-11
        assert_eq!(["time", "clock"].map(|row| there(&display, &format!("SettingsPage::{row}"))), [clock, !clock]);
        tap(&display, "Sound and vibration");
        display.apply(&story::screen(Face::Reading(Reading::Sounds)));
        let offered = ["vibration", "tone"].map(|id| there(&display, &format!("SoundsPage::{id}")));
        // proves R-DSP-18
        assert_eq!(offered, [motor, tone]);
        let at = middle(&display.elements("SoundsPage::back")[0]);
        display.down(at);
        display.up(at);
        assert_eq!(display.heard(), [Visit::Sounds, Visit::Settings].map(Intent::Visit));
    }
}

#[test]
fn each_key_of_the_clocks_page_tells_its_step_and_one_tap_sets() {
    let mut display = shown(&story::screen(Face::Reading(Reading::Settings)));
    tap(&display, "Set the time");
    assert_eq!(display.heard(), [Intent::Visit(Visit::SetTime)]);
    display.apply(&story::screen(Face::Reading(Reading::SetTime(story::set_time()))));
    for (label, part, on) in [
        ("A day later", TimePart::Day, true),
        ("An hour later", TimePart::Hour, true),
        ("A minute later", TimePart::Minute, true),
        ("A day earlier", TimePart::Day, false),
        ("An hour earlier", TimePart::Hour, false),
        ("A minute earlier", TimePart::Minute, false),
    ] {
        tap(&display, label);
        // A tremor's bounce.
        tap(&display, label);
        // proves R-CLK-11
        assert_eq!(display.heard(), [Intent::StepTime(TimeStep { part, on })], "{label}");
        display.pass(400);
    }
    tap(&display, "Your pump says\n22:40, 28 November");
    assert_eq!(display.heard(), [Intent::TakePumpTime]);
    // proves R-CLK-11
    tap(&display, "Set 22:40\n28 November 2026");
    assert_eq!(display.heard(), [Intent::SetClock]);
    let says = |display: &Display, words: &str| display.everything().iter().any(|it| it.label == words);
    assert!(says(&display, "This remote: 18:15, 21 November 2026"));
    let far = Face::Reading(Reading::SetTime(SetTimeView { far: true, pump: None, ..story::set_time() }));
    display.apply(&Screen { clock: Err(WallDoubt::WentBack), ..story::screen(far) });
    assert!(says(&display, "Far from your pump’s time: no clock times would be shown."));
    assert!(display.elements("SetTimePage::take-pump").is_empty(), "nothing to take before the pump's word");
}

#[test]
fn a_record_is_copied_by_one_tap_where_a_stick_can_be_put_in_and_nobody_copies_yet() {
    let mut display = shown(&story::self_test(false, None, [None; CHECKS]));
    let there = |display: &Display, id: &str| !display.elements(id).is_empty();
    tap(&display, "Service");
    // proves R-REC-11
    assert_eq!(display.heard(), [Intent::Visit(Visit::Service)]);
    display.apply(&story::service(Copying::Idle));
    tap(&display, "Copy the record");
    // proves R-REC-11
    assert_eq!(display.heard(), [Intent::CopyRecord]);
    display.apply(&story::service(Copying::Asked));
    // proves R-REC-11
    assert!(!there(&display, "ServicePage::copy"), "not twice at once");
    let says = |display: &Display, words: &str| display.everything().iter().any(|it| it.label == words);
    display.apply(&story::service(Copying::NotCopied(NotCopied::NoStick)));
    assert!(there(&display, "ServicePage::copy") && says(&display, "Not copied"));
    display.apply(&story::service(Copying::Copied { head: story::summary().head }));
    assert!(says(&display, "Copied") && says(&display, "On the stick: 1204817 lines"));
    assert!(says(&display, "Record: 1204817 lines, newest 9f9f9f9f"));
    display.apply(&story::self_test(false, None, [None; CHECKS]));
    assert!(there(&display, "SelfTestPage::service"));
    display.window.furnish(Furnished { light: true, motor: true, tone: true, clock: true, stick: false });
    display.pass(20);
    // proves R-REC-11
    assert!(!there(&display, "SelfTestPage::service") && there(&display, "SelfTestPage::begin"));
}

fn tap(display: &Display, label: &str) {
    let found = ElementHandle::find_by_accessible_label(display.window.component(), label).next();
    let at = middle(&found.expect(label));
    display.down(at);
    display.up(at);
}

#[test]
fn what_helps_is_one_tap_from_a_pump_out_of_reach() {
    let mut display = shown(&story::not_available(&[Reason::OutOfReach]));
    tap(&display, "What helps");
    assert_eq!(display.heard(), [Intent::Visit(Visit::LinkSteps)]);
    display.apply(&story::screen(Face::Reading(Reading::LinkSteps)));
    let all = display.everything();
    for step in ["1. ", "2. ", "3. ", "4. "] {
        // proves R-LNK-23
        assert!(all.iter().any(|it| it.kind == "Sentence" && it.label.starts_with(step)), "{step} in {all:?}");
    }
}

#[test]
fn the_first_run_goes_on_and_back_by_taps() {
    let pairing = |view| story::screen(Face::Pairing(view));
    let mut display = shown(&pairing(PairingView::NotPaired));
    tap(&display, "Begin");
    assert_eq!(display.heard(), [Intent::Proceed]);
    display.apply(&pairing(PairingView::Card { group: 1, typed: Typed::of(&[4]), wrong: false }));
    for label in ["7", "Erase", "Cancel"] {
        tap(&display, label);
    }
    assert_eq!(display.heard(), [Intent::Digit(7), Intent::EraseDigit, Intent::Seen]);
    display.apply(&pairing(PairingView::Window));
    tap(&display, "Back");
    tap(&display, "Pair");
    // proves R-LNK-26
    assert_eq!(display.heard(), [Intent::Seen, Intent::Proceed]);
    display.apply(&pairing(PairingView::Asking { found: true }));
    assert!(ElementHandle::find_by_accessible_label(display.window.component(), "Pair").next().is_none(), "it asks");
    display.apply(&pairing(PairingView::Failed(Refusal::Disagreed)));
    tap(&display, "Type again");
    tap(&display, "Try again");
    assert_eq!(display.heard(), [Intent::Seen, Intent::Proceed]);
    display.apply(&pairing(PairingView::Paired { serial: Text::new("SIM-000042").expect("fits") }));
    tap(&display, "OK");
    assert_eq!(display.heard(), [Intent::Proceed]);
}

#[test]
fn keys_tell_their_digit_once_and_a_bounce_is_no_second_tap() {
    let display = shown(&story::enter_code(1, false));
    for digit in 0..=9_u8 {
        tap(&display, &digit.to_string());
        tap(&display, &digit.to_string());
        assert_eq!(display.heard(), [Intent::Digit(digit)], "the second came too soon to be meant");
        display.pass(400);
    }
    tap(&display, "0");
    assert_eq!(display.heard(), [Intent::Digit(0)], "and later it is");
    tap(&display, "Erase");
    tap(&display, "Cancel");
    assert_eq!(display.heard(), [Intent::EraseDigit, Intent::Seen]);
}

#[test]
fn a_banner_leads_to_the_alarms_and_each_is_acknowledged_by_itself() {
    let mut display = shown(&story::alarming(&story::THREE, story::ready()));
    tap(&display, "Pump stopped");
    assert_eq!(display.heard(), [Intent::Visit(Visit::Alarms)]);
    display.apply(&story::alarms(&story::THREE[1..]));
    display.snapshot();
    display.heard();
    for (nth, condition) in story::THREE[1..].iter().enumerate() {
        let at = middle(&display.elements("AlarmItem::acknowledge")[nth]);
        display.down(at);
        display.up(at);
        assert_eq!(display.heard(), [Intent::Acknowledge(*condition)]);
    }
    tap(&display, "Pause sound");
    assert_eq!(display.heard(), [Intent::PauseAudio]);
}

#[test]
fn the_button_turns_over_to_every_alarm_and_back() {
    let mut display = shown(&story::ready());
    display.apply(&story::alarms(&AlarmCondition::ALL));
    let mut seen = HashSet::new();
    for _ in 0..AlarmCondition::ALL.len().div_ceil(3) {
        display.snapshot();
        seen.extend(display.elements("AlarmItem::title").iter().filter_map(ElementHandle::accessible_label));
        let at = middle(&display.elements("AlarmsPage::more")[0]);
        display.down(at);
        display.up(at);
        display.pass(20);
    }
    assert_eq!(seen.len(), AlarmCondition::ALL.len(), "{seen:?}");
    display.snapshot();
    assert_eq!(display.elements("AlarmItem::title")[0].accessible_label().as_deref(), Some("Pump stopped"));
}
