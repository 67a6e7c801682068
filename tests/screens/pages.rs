//! The rules that every page keeps, on both displays, in every language, look and size of text.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufReader, BufWriter},
    panic,
    path::{Path, PathBuf},
};

use i_slint_backend_testing::AccessibleRole;
use pump_core::{
    annunciation::AlarmCondition,
    pairing::PairingView,
    screen::{Face, Notice, Reading, Screen, Stop},
    therapy::reason::{Inhibiting, Reason},
};
use pump_protocol::quantity::Millis;
use pump_remote::adapters::slint::{Colours, Language, Looks, Panel, TextSize};
use slint::{Rgba8Pixel, SharedPixelBuffer};

use crate::{
    display::{Display, Seen},
    sheet::Sheet,
    story,
};

pub(crate) const PANELS: [(&str, Panel); 2] = [("tall", Panel::FIVE_INCH), ("wide", Panel::SEVEN_INCH)];
const SIZES: [(&str, TextSize); 2] = [("normal", TextSize::Normal), ("large", TextSize::Large)];
const COLOURS: [(&str, Colours); 3] =
    [("dark", Colours::Dark), ("light", Colours::Light), ("contrast", Colours::HighContrast)];
/// No sentence's capitals are lower than this, in millimetres.
const LEGIBLE: f32 = 1.6;
/// The height of this font's capitals, and of its lines, as shares of its size.
const CAPITALS: f32 = 0.668;
const LINES: f32 = 1.2;

/// One page as it is laid out.
struct View<'a> {
    /// What to call it in a failure.
    name: String,
    panel: Panel,
    screen: &'a Screen,
    all: Vec<Seen>,
}

/// Every page on this display; `looks` are what it wears.
fn each(shape: &str, panel: Panel, looks: Looks, mut look_at: impl FnMut(&View, &Display)) {
    let mut display = Display::new(panel);
    display.window.dress(looks);
    let stories = story::all();
    for (page, screen) in &stories {
        display.apply(screen);
        let name = format!("{shape} {looks:?} {page}");
        look_at(&View { name, panel, screen, all: display.everything() }, &display);
    }
    assert!(stories.len() > 130, "only {} pages", stories.len());
}

/// The rules for every page in this language, on both displays, in both sizes of text.
fn keep_the_rules(language: Language) {
    let (mut texts, mut broken) = (0, 0);
    for (shape, panel) in PANELS {
        for (_, text) in SIZES {
            each(shape, panel, Looks { language, text, ..Looks::default() }, |view, _| {
                // All that is broken is told, not only the first.
                let kept = panic::catch_unwind(|| {
                    inside_the_window(view);
                    legible(view);
                    large_enough_to_touch(view);
                    clear_of_the_bar(view);
                    controls_where_they_belong(view);
                    help_and_a_way_back(view);
                    told_by_word_and_sign(view);
                    as_high_as_promised(view);
                    alarms_seen_from_afar(view);
                    apart(view)
                });
                broken += usize::from(kept.is_err());
                texts += kept.unwrap_or_default();
            });
        }
    }
    assert_eq!(broken, 0, "{language:?}: pages that break a rule");
    assert!(texts > 2_000, "only {texts} texts were looked at");
}

#[test]
fn every_page_keeps_the_rules_in_english() {
    keep_the_rules(Language::English);
}

#[test]
fn every_page_keeps_the_rules_in_german() {
    keep_the_rules(Language::German);
}

#[test]
fn every_page_keeps_the_rules_in_french() {
    keep_the_rules(Language::French);
}

#[test]
fn every_page_keeps_the_rules_in_spanish() {
    keep_the_rules(Language::Spanish);
}

#[test]
fn every_page_keeps_the_rules_in_portuguese() {
    keep_the_rules(Language::Portuguese);
}

fn inside_the_window(view: &View) {
    #[allow(clippy::cast_precision_loss)]
    let (width, height) = (view.panel.width as f32 + 0.5, view.panel.height as f32 + 0.5);
    for it in &view.all {
        let inside = it.x >= -0.5 && it.y >= -0.5 && it.right() <= width && it.bottom() <= height;
        // proves R-DSP-06
        assert!(inside || scrolled(view), "{}: {it:?}", view.name);
    }
}

/// The rows of the history are scrolled under its edge.
fn scrolled(view: &View) -> bool {
    matches!(view.screen.face, Face::History { .. })
}

fn apart(view: &View) -> usize {
    let controls = view.all.iter().filter(|it| {
        it.role == Some(AccessibleRole::Button) || it.id == "AppWindow::nav" || it.id == "AppWindow::status-line"
    });
    let words: Vec<_> = view.all.iter().filter(|it| it.is_text()).collect();
    if scrolled(view) {
        return words.len();
    }
    for control in controls {
        for text in &words {
            let clear = !text.overlaps(control) || control.contains(text);
            assert!(clear, "{}: {text:?} over {control:?}", view.name);
        }
    }
    for (index, one) in words.iter().enumerate() {
        for other in &words[index + 1..] {
            let same = one.contains(other) && other.contains(one);
            // proves R-DSP-06
            assert!(same || !one.overlaps(other), "{}: {one:?} over {other:?}", view.name);
        }
    }
    // What a block can't hold in the smallest size would stand below its edge.
    for block in view.all.iter().filter(|it| it.kind == "Told") {
        for line in words.iter().filter(|line| line.kind == "Sentence" && line.overlaps(block)) {
            // proves R-DSP-12
            assert!(block.contains(line), "{}: {line:?} out of {block:?}", view.name);
        }
    }
    words.len()
}

fn legible(view: &View) {
    let crowded = view.all.iter().find(|it| it.id == "Told::crowded");
    // proves R-DSP-12
    assert!(crowded.is_none(), "{}: sentences under {LEGIBLE} mm: {crowded:?}", view.name);
    for line in view.all.iter().filter(|it| it.kind == "FitText" && !it.label.is_empty()) {
        let lines = 1.0 + f32::from(u8::from(line.label.contains('\n')));
        let capitals = line.height / lines / LINES * CAPITALS / view.panel.pixels_per_mm;
        // proves R-DSP-12
        assert!(capitals >= LEGIBLE, "{}: capitals of {capitals} mm: {line:?}", view.name);
    }
}

fn large_enough_to_touch(view: &View) {
    for it in &view.all {
        let least = match it.role {
            // Six rows share what a banner leaves.
            Some(AccessibleRole::Button) if under_a_banner(view) => 12.5,
            Some(AccessibleRole::Button) => 13.9,
            Some(AccessibleRole::Tab) => 12.0,
            Some(_) | None => continue,
        };
        let least = if it.id.ends_with("dose-control") || it.id.ends_with("stop-control") { 20.0 } else { least };
        let (width, height) = (it.width / view.panel.pixels_per_mm, it.height / view.panel.pixels_per_mm);
        // proves R-DSP-04
        assert!(width >= least && height >= least, "{}: {width} x {height} mm: {it:?}", view.name);
        // proves R-DSP-04
        assert!(!it.label.is_empty(), "{}: {it:?}", view.name);
    }
}

fn under_a_banner(view: &View) -> bool {
    matches!(view.screen.face, Face::Reading(Reading::More | Reading::Settings | Reading::Sounds | Reading::SetTime(_)))
        && (!view.screen.alarms.is_empty() || view.screen.notice.is_some())
}

/// What a finger means for a control, the bar below it must not take.
fn clear_of_the_bar(view: &View) {
    let bare = story::is_bare(view.screen);
    let Some(bar) = view.all.iter().find(|it| it.id == "AppWindow::nav" && !bare) else { return };
    for it in view.all.iter().filter(|it| it.role == Some(AccessibleRole::Button)) {
        // proves R-DSP-04
        assert!(it.bottom() <= bar.y, "{}: under the bar: {it:?}", view.name);
    }
}

fn controls_where_they_belong(view: &View) {
    // An element is listed once for its use and once for its component's root: both stand at one place.
    let of_kind = |kind: &str| {
        let places: HashSet<String> =
            view.all.iter().filter(|it| it.kind == kind).map(|it| format!("{} {}", it.x, it.y)).collect();
        places.len()
    };
    let (on, off, stop) = (of_kind("DoseControl"), of_kind("DoseControlOff"), of_kind("StopControl"));
    let expected = match &view.screen.face {
        _ if view.screen.night.is_some() => (0, 0, 0),
        Face::Ready(_) => (1, 0, 0),
        Face::Wait(_) | Face::NotAvailable { .. } => (0, 1, 0),
        Face::Asking { stop: Some(_), .. }
        | Face::Delivering { .. }
        | Face::NotSure { .. }
        | Face::Emergency { stop: Some(_), .. } => (0, 0, 1),
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
        | Face::Emergency { stop: None, .. }
        | Face::Reading(_)
        | Face::Pairing(_)
        | Face::Fault(_) => (0, 0, 0),
    };
    // proves R-CAR-01
    assert_eq!((on, off, stop), expected, "{}: dose controls that are on, that are off, and Stop", view.name);
    assert_eq!(of_kind("HoldArea"), on + off + stop, "{}: nothing else can be held", view.name);
}

fn help_and_a_way_back(view: &View) {
    let bare = story::is_bare(view.screen);
    let has = |what: &str| view.all.iter().any(|it| it.id == what || it.kind == what);
    let help = if view.screen.practice { "PracticeBar::help" } else { "NavBar::to-help" };
    // proves R-DSP-13
    assert!(has(if bare { "HelpButton" } else { help }), "{}: no way to help", view.name);
    let back = match &view.screen.face {
        // Left by any touch.
        _ if view.screen.night.is_some() => return,
        // From a fault there is nowhere to go; a pairing begins somewhere, and is not left while the pump is asked or once it is done.
        Face::Fault(_)
        | Face::Pairing(PairingView::NotPaired | PairingView::Asking { .. } | PairingView::Paired { .. }) => return,
        Face::Pairing(PairingView::Window | PairingView::Failed(_)) => "PairingPage::back",
        Face::Pairing(PairingView::Card { .. }) | Face::EnterCode { .. } => "Keypad::cancel",
        _ if view.screen.practice => "PracticeBar::end",
        _ => "NavBar::to-patient",
    };
    assert!(has(back), "{}: no way back", view.name);
}

fn told_by_word_and_sign(view: &View) {
    // Tables, lists and choices are no states.
    if matches!(
        view.screen.face,
        Face::History { .. }
            | Face::Alarms
            | Face::Reading(
                Reading::More
                    | Reading::Therapy(_)
                    | Reading::Settings
                    | Reading::Sounds
                    | Reading::SelfTest(_)
                    | Reading::Clinic(_)
                    | Reading::Reservoir(_)
                    | Reading::SetTime(_)
                    | Reading::Day(_)
            )
    ) {
        return;
    }
    let is_word = |it: &&Seen| {
        let is_head = it.kind == "StateHead" || it.kind == "DeliveryHead";
        (is_head || it.id == "WaitPage::state-word") && !it.label.is_empty()
    };
    let signs: Vec<_> = view.all.iter().filter(|it| it.kind == "Icon").collect();
    let told = view.all.iter().filter(is_word).any(|word| signs.iter().any(|sign| sign.is_beside(word)));
    // proves R-ANS-05
    assert!(told, "{}: a word without a sign, or none", view.name);
}

fn as_high_as_promised(view: &View) {
    for it in &view.all {
        let line = it.height * CAPITALS / view.panel.pixels_per_mm;
        if it.kind == "Countdown" {
            // proves R-DSP-05
            assert!(line / 1.3 >= 8.9, "{}: digits of {line} mm", view.name);
        }
        let is_word = it.id == "StateHead::word-line" || it.id == "WaitPage::state-word";
        if is_word && it.label.chars().count() <= 8 {
            assert!(line / LINES >= 6.0, "{}: {} in {line} mm", view.name, it.label);
        }
    }
}

/// From a metre the condition is read, and from four its priority is seen: what subtends five minutes of arc is made out by an eye
/// that sees what it should (OPCA R6.4.2).
fn alarms_seen_from_afar(view: &View) {
    let arc = |distance_mm: f32| distance_mm * (5.0_f32 / 60.0).to_radians().tan();
    let millimetres = |pixels: f32| pixels / view.panel.pixels_per_mm;
    for banner in view.all.iter().filter(|it| it.kind == "AlarmBanner") {
        let within = |it: &&Seen| it.overlaps(banner) && it.bottom() <= banner.bottom();
        let signs: Vec<_> = view.all.iter().filter(|it| it.kind == "Icon").filter(within).collect();
        // proves R-ALM-14
        assert!(signs.iter().any(|it| millimetres(it.width) >= arc(4_000.0)), "{}: its sign", view.name);
        let words: Vec<_> = view.all.iter().filter(|it| it.kind == "FitText").filter(within).collect();
        for it in &words {
            let capitals = millimetres(it.height) * CAPITALS / LINES;
            // proves R-ALM-14
            assert!(capitals >= arc(1_000.0), "{}: {} in {capitals} mm", view.name, it.label);
        }
        // Beside a notice there is the sign alone; the page of alarms is a tap away.
        assert!(
            !words.is_empty() || banner.width < 30.0 * view.panel.pixels_per_mm || view.name.contains("notice"),
            "{}",
            view.name
        );
    }
}

/// What is written stands out from what it is written on, as it is drawn: the commonest colour of its place is the
/// ground, and the strongest on it the ink.
#[test]
fn what_is_drawn_stands_out() {
    let mut looked = 0;
    for (_, colours) in COLOURS {
        each("tall", Panel::FIVE_INCH, Looks { colours, ..Looks::default() }, |view, display| {
            let picture = display.snapshot();
            for it in view.all.iter().filter(|it| !scrolled(view) && (it.is_text() || it.kind == "Icon")) {
                if it.is_text() && it.label.trim().is_empty() {
                    continue;
                }
                let least = if it.is_text() { 7.0 } else { 3.0 };
                let contrast = contrast_in(&picture, it);
                // proves R-DSP-03, R-DSP-10
                assert!(contrast >= least, "{}: {contrast:.1} to 1: {it:?}", view.name);
                looked += 1;
            }
        });
    }
    assert!(looked > 3_000, "only {looked} were looked at");
}

fn contrast_in(picture: &SharedPixelBuffer<Rgba8Pixel>, it: &Seen) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let [left, top, right, bottom] = [it.x, it.y, it.right(), it.bottom()].map(|edge| edge.max(0.0) as usize);
    let (stride, height) = (picture.width() as usize, picture.height() as usize);
    let mut colours = std::collections::HashMap::new();
    for row in top..bottom.min(height) {
        let row = &picture.as_slice()[row * stride + left..row * stride + right.min(stride)];
        // Most of a row is ground: one entry for a stretch of it, or these pages take minutes.
        for run in row.chunk_by(|a, b| a == b) {
            *colours.entry((run[0].r, run[0].g, run[0].b)).or_insert(0) += run.len();
        }
    }
    let Some((ground, _)) = colours.iter().max_by_key(|(_, count)| **count) else { return 0.0 };
    let below = luminance(*ground);
    let to_one = |colour: &(u8, u8, u8)| {
        let above = luminance(*colour);
        (above.max(below) + 0.05) / (above.min(below) + 0.05)
    };
    colours.keys().map(to_one).fold(0.0, f64::max)
}

/// As WCAG 2 defines it.
pub(crate) fn luminance((red, green, blue): (u8, u8, u8)) -> f64 {
    let channel = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.039_28 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue)
}

/// With `SCREENS_OUT=<folder>` contact sheets are written there: one for each display, look and size of text, and for each
/// language in the large text. `PAGES=<part of a name>` leaves the other pages out.
#[test]
fn every_page_is_drawn_on_both_displays() {
    let folder = std::env::var_os("SCREENS_OUT").map(PathBuf::from);
    let wanted = std::env::var("PAGES").unwrap_or_default();
    for (shape, panel) in PANELS {
        for (called, looks) in dressed() {
            if folder.is_none() && looks != Looks::default() {
                continue;
            }
            let mut sheet = Sheet::new(panel);
            let mut before = Vec::new();
            each(shape, panel, looks, |view, display| {
                if !view.name.contains(&wanted) {
                    return;
                }
                let picture = display.snapshot();
                assert_eq!((picture.width(), picture.height()), (panel.width, panel.height));
                assert_ne!(before, picture.as_bytes(), "{} looks like the page before it", view.name);
                before = picture.as_bytes().to_vec();
                sheet.add(&picture);
            });
            if let Some(folder) = &folder {
                sheet.save(&folder.join(format!("{shape}-{called}.png")));
            }
        }
    }
}

fn dressed() -> Vec<(String, Looks)> {
    let mut all = Vec::new();
    for (called, colours) in COLOURS {
        for (size, text) in SIZES {
            all.push((format!("{called}-{size}"), Looks { colours, text, ..Looks::default() }));
        }
    }
    let large = Looks { text: TextSize::Large, ..Looks::default() };
    let spoken = Language::ALL.iter().copied().filter(|language| *language != Language::English);
    all.extend(spoken.map(|language| (format!("dark-large-{}", language.word()), Looks { language, ..large })));
    all
}

pub(crate) fn save(path: &Path, picture: &SharedPixelBuffer<Rgba8Pixel>) {
    let file = BufWriter::new(File::create(path).expect("a folder"));
    let mut encoder = png::Encoder::new(file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().expect("a file");
    writer.write_image_data(picture.as_bytes()).expect("a file");
}

/// The pages that matter most, pixel by pixel: whoever changes one looks at it. `PICTURES=write` replaces them.
#[test]
fn the_key_pages_look_as_they_did_when_they_were_looked_at() {
    let key: [(&str, Screen); 8] = [
        ("ready", story::ready()),
        ("wait", story::wait(Millis::from_secs(24 * 60 + 10))),
        ("not-available", story::not_available(&[Reason::Alarm(Inhibiting::EmptyReservoir)])),
        ("delivering", story::delivering(Stop::Offered)),
        ("not-sure", story::not_sure(Stop::NotStoppedYet)),
        ("stopped", story::screen(Face::Caregiver(story::stopped()))),
        ("emergency", story::emergency(Some(Stop::Offered))),
        ("alarm", story::alarming(&[AlarmCondition::Eri], story::ready())),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens/pictures");
    let write = std::env::var_os("PICTURES").is_some_and(|word| word == "write");
    let mut display = Display::new(Panel::FIVE_INCH);
    let mut different = Vec::new();
    for (name, screen) in key {
        display.apply(&screen);
        let (path, picture) = (folder.join(format!("{name}.png")), display.snapshot());
        if write {
            save(&path, &picture);
        }
        let kept = load(&path);
        assert_eq!(kept.len(), picture.as_bytes().len(), "{name} has another size");
        let pixels = kept.chunks(4).zip(picture.as_bytes().chunks(4)).filter(|(kept, drawn)| kept != drawn).count();
        if pixels > 0 {
            different.push(format!("{name}: {pixels} pixels"));
        }
    }
    assert!(different.is_empty(), "{different:?}; look at them, then PICTURES=write");
}

fn load(path: &Path) -> Vec<u8> {
    let file = BufReader::new(File::open(path).expect("a picture that was kept"));
    let mut reader = png::Decoder::new(file).read_info().expect("a picture");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
    reader.next_frame(&mut pixels).expect("a whole picture");
    pixels
}

#[test]
fn a_larger_text_is_larger_where_there_is_room() {
    let mut display = Display::new(Panel::FIVE_INCH);
    let mut height = |text| {
        display.window.dress(Looks { text, ..Looks::default() });
        display.apply(&story::asking(None));
        let all = display.everything();
        let lines = all.iter().filter(|it| it.kind == "Sentence" && it.label.starts_with("Your pump is being"));
        lines.map(|it| it.height).fold(0.0, f32::max)
    };
    let (normal, large) = (height(TextSize::Normal), height(TextSize::Large));
    // proves R-DSP-11
    assert!(large > 1.2 * normal && normal > 0.0, "{normal} and {large}");
}

#[test]
fn the_caregivers_page_says_that_the_level_is_estimated_and_whose_remote_it_is() {
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        display.apply(&story::screen(Face::Caregiver(story::caregiver())));
        let all = display.everything();
        let says = |words: &str| all.iter().any(|it| it.label.contains(words));
        // proves R-CAR-06
        assert!(says("14.2\u{a0}mL of 20\u{a0}mL, 71 %, estimated"), "{shape}");
        // proves R-CAR-09
        assert!(says("For the patient’s own use only"), "{shape}");
    }
}

#[test]
fn both_refill_dates_are_given_and_the_earlier_one_is_the_larger() {
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        let with =
            |alarms: &[AlarmCondition]| story::alarming(alarms, story::screen(Face::Caregiver(story::caregiver())));
        display.apply(&with(&[]));
        let all = display.everything();
        let height = |words: &str| all.iter().find(|it| it.label.starts_with(words)).map(|it| it.height);
        // 52 and 95 days from 21 November.
        let (earlier, later) = (height("Refill by 12 January"), height("Steady dose alone: by 24 February"));
        // proves R-CAR-07
        assert!(
            earlier.zip(later).is_some_and(|(earlier, later)| earlier > 1.5 * later),
            "{shape}: {earlier:?} {later:?}"
        );
        display.apply(&with(&story::THREE));
        // proves R-CAR-07
        assert!(
            display.everything().iter().any(|it| it.label.starts_with("Refill by")),
            "{shape}: the earlier one always"
        );
    }
}

#[test]
fn the_bar_says_where_one_is() {
    let mut display = Display::new(Panel::FIVE_INCH);
    for (page, screen) in story::all() {
        let expected = match &screen.face {
            _ if story::is_bare(&screen) => continue,
            _ if screen.practice => continue,
            Face::Caregiver(_) | Face::Reading(Reading::Reservoir(_)) => "to-caregiver",
            Face::Alarms => "to-alarms",
            Face::Emergency { .. } => "to-help",
            Face::Reading(_) | Face::History { .. } => "to-more",
            _ => "to-patient",
        };
        display.apply(&screen);
        let ids = ["to-patient", "to-caregiver", "to-alarms", "to-more", "to-help"];
        let is_lit = |id: &&str| {
            let tabs = display.elements(&format!("NavBar::{id}"));
            tabs.iter().any(|tab| tab.accessible_item_selected() == Some(true))
        };
        assert_eq!(ids.into_iter().filter(is_lit).collect::<Vec<_>>(), [expected], "{page}");
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
            let told = display.everything().iter().any(|it| it.label == "Pump stopped");
            assert!(told || is_fault, "{shape} {page}");
        }
    }
}
