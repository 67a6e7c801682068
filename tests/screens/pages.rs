//! Every page, on both displays: drawn, inside the window, with targets for shaking hands.

use std::{
    collections::HashSet,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery};
use pump_core::screen::{Face, Notice, Screen, Stop};
use pump_protocol::quantity::Millis;
use pump_remote::adapters::slint::Panel;
use slint::{Rgba8Pixel, SharedPixelBuffer};

use crate::{display::Display, story};

const PANELS: [(&str, Panel); 2] = [("tall", Panel::FIVE_INCH), ("wide", Panel::SEVEN_INCH)];

#[test]
fn every_page_is_drawn_on_both_displays() {
    let folder = std::env::var_os("SCREENS_OUT").map(PathBuf::from);
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        let mut before = Vec::new();
        for (name, screen) in story::all() {
            display.apply(&screen);
            let picture = display.snapshot();
            assert_eq!((picture.width(), picture.height()), (panel.width, panel.height));
            assert_ne!(before, picture.as_bytes(), "{shape} {name} looks like the page before it");
            before = picture.as_bytes().to_vec();
            if let Some(folder) = &folder {
                save(&folder.join(format!("{shape}-{name}.png")), &picture);
            }
        }
    }
}

pub(crate) fn save(path: &Path, picture: &SharedPixelBuffer<Rgba8Pixel>) {
    let file = BufWriter::new(File::create(path).expect("a folder"));
    let mut encoder = png::Encoder::new(file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().expect("a file");
    writer.write_image_data(picture.as_bytes()).expect("a file");
}

fn everything(display: &Display) -> Vec<ElementHandle> {
    ElementQuery::from_root(display.window.component()).match_descendants().find_all()
}

fn name(element: &ElementHandle) -> String {
    let id = element.id().unwrap_or_default();
    let kind = element.type_name().unwrap_or_default();
    format!("{id} {kind} {:?} {:?} {:?}", element.accessible_label(), element.absolute_position(), element.size())
}

#[test]
fn nothing_leaves_the_window() {
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        #[allow(clippy::cast_precision_loss)]
        let (width, height) = (panel.width as f32 + 0.5, panel.height as f32 + 0.5);
        for (page, screen) in story::all() {
            display.apply(&screen);
            // The rows of the history are cut off on purpose, and scrolled.
            if matches!(screen.face, Face::History { .. }) {
                continue;
            }
            for element in everything(&display) {
                let (at, size) = (element.absolute_position(), element.size());
                let inside = at.x >= -0.5 && at.y >= -0.5 && at.x + size.width <= width && at.y + size.height <= height;
                // proves R-DSP-06
                assert!(inside || size.width * size.height == 0.0, "{shape} {page}: {}", name(&element));
            }
        }
    }
}

fn is_text(element: &ElementHandle) -> bool {
    element.type_name().is_some_and(|kind| ["Sentence", "FitText", "Countdown"].contains(&kind.as_str()))
}

/// Whether two elements share more than their edges; a line's box is a fifth higher than what is written in it.
fn overlap(one: &ElementHandle, other: &ElementHandle) -> bool {
    let (a, b) = (one.absolute_position(), other.absolute_position());
    let (a_size, b_size) = (one.size(), other.size());
    let leading = a_size.height.min(b_size.height) / 5.0;
    a.x + a_size.width > b.x + 1.0
        && b.x + b_size.width > a.x + 1.0
        && a.y + a_size.height > b.y + leading
        && b.y + b_size.height > a.y + leading
}

fn contains(outer: &ElementHandle, inner: &ElementHandle) -> bool {
    let (o, i) = (outer.absolute_position(), inner.absolute_position());
    let (o_size, i_size) = (outer.size(), inner.size());
    i.x >= o.x - 1.0
        && i.y >= o.y - 1.0
        && i.x + i_size.width <= o.x + o_size.width + 1.0
        && i.y + i_size.height <= o.y + o_size.height + 1.0
}

#[test]
fn no_words_are_drawn_over_a_control_or_over_other_words() {
    let mut texts = 0;
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        for (page, screen) in story::all() {
            display.apply(&screen);
            // The rows of the history are scrolled under its edge.
            if matches!(screen.face, Face::History { .. }) {
                continue;
            }
            let all = everything(&display);
            let controls = all.iter().filter(|element| {
                element.accessible_role() == Some(AccessibleRole::Button)
                    || element.id().is_some_and(|id| id == "AppWindow::nav" || id == "AppWindow::status-line")
            });
            for control in controls {
                for text in all.iter().filter(|text| is_text(text)) {
                    let clear = !overlap(text, control) || contains(control, text);
                    assert!(clear, "{shape} {page}: {} over {}", name(text), name(control));
                }
            }
            let words: Vec<_> = all.iter().filter(|text| is_text(text)).collect();
            texts += words.len();
            for (index, one) in words.iter().enumerate() {
                for other in &words[index + 1..] {
                    let same = contains(one, other) && contains(other, one);
                    // proves R-DSP-06
                    assert!(same || !overlap(one, other), "{shape} {page}: {} over {}", name(one), name(other));
                }
            }
        }
    }
    assert!(texts > 500, "only {texts} texts were looked at");
}

#[test]
fn targets_are_large_enough_for_a_shaking_hand() {
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        let millimetres = |pixels: f32| pixels / panel.pixels_per_mm;
        for (page, screen) in story::all() {
            display.apply(&screen);
            for element in everything(&display) {
                let least = match element.accessible_role() {
                    Some(AccessibleRole::Button) => 13.9,
                    Some(AccessibleRole::Tab) => 12.0,
                    Some(_) | None => continue,
                };
                let id = element.id().unwrap_or_default();
                let least = if id.ends_with("dose-control") || id.ends_with("stop-control") { 20.0 } else { least };
                let (width, height) = (millimetres(element.size().width), millimetres(element.size().height));
                // proves R-DSP-04
                assert!(width >= least && height >= least, "{shape} {page}: {width} x {height} mm: {}", name(&element));
                // proves R-DSP-04
                assert!(element.accessible_label().is_some_and(|label| !label.is_empty()), "{}", name(&element));
            }
        }
    }
}

#[test]
fn the_dose_control_is_on_the_patients_pages_and_on_no_other() {
    for (_, panel) in PANELS {
        let mut display = Display::new(panel);
        for (page, screen) in story::all() {
            display.apply(&screen);
            let all = everything(&display);
            // An element is listed once for its use and once for its component's root: both stand at one place.
            let of_kind = |kind: &str| {
                let places: HashSet<String> = all
                    .iter()
                    .filter(|element| element.type_name().is_some_and(|name| name == kind))
                    .map(|element| format!("{:?}", element.absolute_position()))
                    .collect();
                places.len()
            };
            let (on, off, stop) = (of_kind("DoseControl"), of_kind("DoseControlOff"), of_kind("StopControl"));
            let expected = match &screen.face {
                Face::Ready(_) => (1, 0, 0),
                Face::Wait(_) | Face::NotAvailable { .. } => (0, 1, 0),
                Face::Asking { stop: Some(_), .. } | Face::Delivering { .. } | Face::NotSure { .. } => (0, 0, 1),
                Face::Checking
                | Face::Asking { stop: None, .. }
                | Face::Given { .. }
                | Face::GivenInPart { .. }
                | Face::NotGiven(_)
                | Face::AssumedGiven { .. }
                | Face::EnterCode { .. }
                | Face::Changed { .. }
                | Face::Alarms
                | Face::Caregiver(_)
                | Face::History { .. }
                | Face::Fault(_) => (0, 0, 0),
            };
            // proves R-CAR-01
            assert_eq!((on, off, stop), expected, "{page}: dose controls that are on, that are off, and Stop");
            assert_eq!(of_kind("HoldArea"), on + off + stop, "{page}: nothing else can be held");
        }
    }
}

/// Whether a sign stands at the height of a word, before it or within it.
fn is_beside(sign: &ElementHandle, word: &ElementHandle) -> bool {
    let (s, w) = (sign.absolute_position(), word.absolute_position());
    let middle = s.y + sign.size().height / 2.0;
    middle > w.y && middle < w.y + word.size().height && s.x < w.x + word.size().width
}

#[test]
fn every_state_is_told_by_a_word_and_a_sign_beside_its_colour() {
    let is_word = |element: &&ElementHandle| {
        let kind = element.type_name().unwrap_or_default();
        let is_head = kind == "StateHead" || kind == "DeliveryHead";
        (is_head || element.id().is_some_and(|id| id == "WaitPage::state-word"))
            && element.accessible_label().is_some_and(|label| !label.is_empty())
    };
    let is_sign = |element: &&ElementHandle| element.type_name().is_some_and(|kind| kind == "Icon");
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        // The history is a table of days and the alarms are a list: neither is a state.
        let is_state = |screen: &Screen| !matches!(screen.face, Face::History { .. } | Face::Alarms);
        for (page, screen) in story::all().iter().filter(|(_, screen)| is_state(screen)) {
            display.apply(screen);
            let all = everything(&display);
            let signs: Vec<_> = all.iter().filter(is_sign).collect();
            let told = all.iter().filter(is_word).any(|word| signs.iter().any(|sign| is_beside(sign, word)));
            // proves R-ANS-05
            assert!(told, "{shape} {page}: a word without a sign, or none");
        }
    }
}

#[test]
fn the_caregivers_page_says_that_the_level_is_estimated_and_whose_remote_it_is() {
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        display.apply(&story::screen(Face::Caregiver(story::caregiver())));
        let all = everything(&display);
        let says = |words: &str| all.iter().any(|it| it.accessible_label().is_some_and(|label| label.contains(words)));
        // proves R-CAR-06
        assert!(says("14.2\u{a0}mL of 20\u{a0}mL, 71 %, estimated"), "{shape}");
        // proves R-CAR-09
        assert!(says("For the patient’s own use only"), "{shape}");
    }
}

#[test]
fn neither_a_notice_nor_an_alarm_moves_a_control() {
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        for (screen, id) in [
            (story::ready(), "ReadyPage::dose-control"),
            (story::wait(Millis::from_mins(5)), "WaitPage::dose-control"),
            (story::delivering(Stop::Offered), "AppWindow::stop-control"),
        ] {
            display.apply(&screen);
            let before = display.elements(id)[0].absolute_position();
            let noticed = Screen { notice: Some(Notice::AccountsDiffer), ..screen.clone() };
            let alarming = |screen: &Screen| story::alarming(&story::THREE, screen.clone());
            for above in [alarming(&screen), alarming(&noticed), noticed] {
                display.apply(&above);
                let after = display.elements(id)[0].absolute_position();
                // proves R-DSP-07
                assert!((before.x - after.x).abs() < 0.6 && (before.y - after.y).abs() < 0.6, "{shape} {id}");
            }
        }
    }
}

#[test]
fn what_nobody_has_acknowledged_stands_on_every_page() {
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        for (page, screen) in story::all() {
            let is_fault = matches!(screen.face, Face::Fault(_));
            display.apply(&story::alarming(&story::THREE, screen));
            let all = everything(&display);
            let told = all.iter().any(|it| it.accessible_label().is_some_and(|label| label == "Pump stopped"));
            assert!(told || is_fault, "{shape} {page}");
        }
    }
}

#[test]
fn words_of_state_and_countdown_have_their_height() {
    const CAPITALS: f32 = 0.668;
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        for (page, screen) in story::all() {
            display.apply(&screen);
            for element in everything(&display) {
                let kind = element.type_name().unwrap_or_default();
                let id = element.id().unwrap_or_default();
                let word = element.accessible_label().unwrap_or_default();
                let line = element.size().height / 1.3 * CAPITALS / panel.pixels_per_mm;
                if kind == "Countdown" {
                    // proves R-DSP-05
                    assert!(line >= 8.9, "{shape} {page}: digits of {line} mm");
                }
                if id == "StateHead::word-line" && word.chars().count() <= 8 {
                    assert!(line >= 6.0, "{shape} {page}: {word} in {line} mm");
                }
                if id == "WaitPage::state-word" {
                    assert!(line >= 6.0, "{shape} {page}: {line} mm");
                }
            }
        }
    }
}
