//! The display: a [`Screen`] in, [`Intent`]s out.
//!
//! The pages live in the crate `pump-ui`, with their words and looks. Here every value of a screen becomes a code or a
//! readable string, and every level a finger tells becomes an intent. Nothing here decides about therapy.
//!
//! # Promises
//! - What is shown is the last screen applied, whole; what did not change is not drawn again.
//! - A control that leaves the page, or becomes another one, is told as slid off if a finger was on it; that finger must
//!   be lifted before it counts again. Stop keeps its place from page to page, and the finger on it.
//! - No page for a caregiver has a control of a dose.

mod apply;
mod clinic;
mod codes;
mod format;
pub mod headless;
mod keeping;
mod looks;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use pump_core::{
    annunciation::signal::QuietHours,
    screen::{Control, Face, Hold, Intent, Level, Screen, Source, Visit},
    set_time::{TimePart, TimeStep},
};
use pump_ui::{
    Alarms, AppWindow, BrightnessCode, Card, ClockSetting, CodeEntry, Destination, Going, Hands, HeldControl, Look,
    SelfTest, Service, Settings, Theme, TimePartCode, TouchLevel,
};
use slint::{ComponentHandle, PhysicalSize, PlatformError, Timer};
use tokio::sync::oneshot;

use self::format::Writing;
pub use self::keeping::Keeper;
pub use self::looks::{
    Brightness, ClockStyle, Colours, CueTone, CueVibration, Language, Looks, Quiet, ReadyCue, TextSize,
};
use crate::shell::config::CardConfig;

/// A display, as far as the pages must know it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Pixels to a millimetre: the pages are laid out in millimetres.
    pub pixels_per_mm: f32,
}

impl Panel {
    /// 720 × 1280 on 5 inches, upright: 294 pixels an inch.
    pub const FIVE_INCH: Self = Self { width: 720, height: 1280, pixels_per_mm: 294.0 / 25.4 };
    /// The same pages in a window on a desktop, whose screen is rarely 1280 pixels high: half of each.
    pub const FIVE_INCH_WINDOW: Self = Self { width: 360, height: 640, pixels_per_mm: 294.0 / 25.4 / 2.0 };
    /// 800 × 480 on 7 inches, lying: 133 pixels an inch.
    pub const SEVEN_INCH: Self = Self { width: 800, height: 480, pixels_per_mm: 133.0 / 25.4 };
}

/// What this remote can light and play, as far as a choice depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Furnished {
    /// The display's brightness is in our hands.
    pub light: bool,
    /// Cues can be felt.
    pub motor: bool,
    /// Cues can be heard.
    pub tone: bool,
    /// The clock can be set.
    pub clock: bool,
    /// A stick can be put in.
    pub stick: bool,
}

/// The window with the remote's pages.
pub struct Window {
    app: AppWindow,
    intents: Rc<dyn Fn(Intent)>,
    shown: Rc<Shown>,
    finger: Rc<Cell<Option<Control>>>,
}

/// What is on the display, and how it looks.
struct Shown {
    screen: RefCell<Option<Screen>>,
    looks: Cell<Looks>,
    models: apply::Models,
}

/// Where a control is. Two screens with the same place show the same control under the same finger.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// No control at all.
    Nowhere,
    /// The dose control of this page.
    Dose(pump_ui::Page),
    /// Stop, wherever it is offered.
    Stop,
}

impl Window {
    /// A window on the platform that is set, telling every intent to `intents`, which must not block.
    ///
    /// # Errors
    /// There is no display, or no platform can serve it.
    pub fn new(intents: impl Fn(Intent) + 'static) -> Result<Self, PlatformError> {
        Self::choosing(intents, |_| {})
    }

    /// The same; `choose`, which must not block either, is told what the person chose on the page of settings, once it is worn.
    ///
    /// # Errors
    /// There is no display, or no platform can serve it.
    pub fn choosing(
        intents: impl Fn(Intent) + 'static,
        choose: impl Fn(Looks) + 'static,
    ) -> Result<Self, PlatformError> {
        let app = AppWindow::new()?;
        let window = Self {
            shown: Rc::new(Shown {
                screen: RefCell::default(),
                looks: Cell::default(),
                models: apply::Models::bind(&app),
            }),
            app,
            intents: Rc::new(intents),
            finger: Rc::default(),
        };
        window.app.global::<Theme>().on_words_apart(|text| format::words_apart(&text));
        window.dress(Looks::default());
        window.listen();
        window.listen_to_choices(&Rc::new(choose));
        Ok(window)
    }

    /// Lays the pages out for this display.
    pub fn fit(&self, panel: Panel) {
        self.app.global::<Theme>().set_mm(panel.pixels_per_mm);
        self.app.window().set_size(PhysicalSize::new(panel.width, panel.height));
    }

    /// Changes how everything looks and in which words it speaks, at once.
    pub fn dress(&self, looks: Looks) {
        self.shown.dress(&self.app, looks);
    }

    /// Whose remote this is, whom to call, what is implanted.
    pub fn introduce(&self, card: &CardConfig) {
        let shown = self.app.global::<Card>();
        shown.set_patient(card.patient.as_str().into());
        shown.set_clinic(card.clinic.as_str().into());
        shown.set_phone(card.phone.as_str().into());
        shown.set_emergency(card.emergency.as_str().into());
        shown.set_model(card.model.as_str().into());
        shown.set_implanted(card.implanted.as_str().into());
    }

    /// No choice is offered for what isn't there.
    pub fn furnish(&self, furnished: Furnished) {
        let Furnished { light, motor, tone, clock, stick } = furnished;
        let settings = self.app.global::<Settings>();
        settings.set_has_light(light);
        settings.set_has_motor(motor);
        settings.set_has_tone(tone);
        settings.set_has_clock(clock);
        settings.set_has_stick(stick);
    }

    /// Shows this screen, and redraws what is different.
    pub fn apply(&mut self, screen: &Screen) {
        let before = self.shown.screen.replace(Some(screen.clone()));
        if before.as_ref() == Some(screen) {
            return;
        }
        if before.as_ref().map_or(Place::Nowhere, place) != place(screen) {
            self.throw_finger_off();
        }
        self.follow_hold(before.and_then(|shown| shown.hold), screen.hold);
        self.shown.models.apply(&self.app, screen, Writing::of(self.shown.looks.get()));
    }

    /// Makes the window visible; [`Window::run`] then draws it.
    pub fn show(&self) -> Result<(), PlatformError> {
        self.app.show()
    }

    /// Turns the event loop of the thread until it is quit.
    pub fn run() -> Result<(), PlatformError> {
        slint::run_event_loop()
    }

    /// Returns once the event loop has come round again: what was applied before is drawn then.
    pub async fn drawn() {
        let (done, drawn) = oneshot::channel();
        // Timers are looked at first in each turn of the event loop, and drawing is what each turn ends with.
        Timer::single_shot(Duration::ZERO, move || {
            // Nobody who waits means that nobody wants to know.
            let _ = done.send(());
        });
        // Not fired before the event loop ends: then nothing more is drawn.
        if drawn.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Where a control is, in pixels; `None` if the page shown has none.
    pub fn centre_of(&self, control: Control) -> Option<(f32, f32)> {
        let shown = place(self.shown.screen.borrow().as_ref()?);
        let hands = self.app.global::<Hands>();
        match (control, shown) {
            (Control::Dose, Place::Dose(_)) => Some((hands.get_dose_x(), hands.get_dose_y())),
            (Control::Stop, Place::Stop) => Some((hands.get_stop_x(), hands.get_stop_y())),
            (Control::Dose | Control::Stop, Place::Nowhere | Place::Dose(_) | Place::Stop) => None,
        }
    }

    /// The component itself, for whoever drives or inspects it.
    pub const fn component(&self) -> &AppWindow {
        &self.app
    }

    /// Tells what fingers do.
    fn listen(&self) {
        let (intents, finger) = (Rc::clone(&self.intents), Rc::clone(&self.finger));
        self.app.global::<Hands>().on_touch(move |control, level| {
            let (control, level) = (control_of(control), level_of(level));
            finger.set((level == Level::Pressed).then_some(control));
            intents(Intent::Touch { control, level, source: Source::Touchscreen });
        });
        self.listen_to_taps();
    }

    fn listen_to_taps(&self) {
        let going = self.app.global::<Going>();
        let intents = Rc::clone(&self.intents);
        going.on_visit(move |to| intents(Intent::Visit(visit_of(to))));
        let intents = Rc::clone(&self.intents);
        going.on_visit_day(move |date| intents(Intent::Visit(Visit::Day(date.into()))));
        let intents = Rc::clone(&self.intents);
        going.on_seen(move || intents(Intent::Seen));
        let intents = Rc::clone(&self.intents);
        going.on_notice_seen(move || intents(Intent::NoticeSeen));
        let intents = Rc::clone(&self.intents);
        going.on_proceed(move || intents(Intent::Proceed));
        let intents = Rc::clone(&self.intents);
        going.on_wake(move || intents(Intent::Wake));
        let (code, alarms) = (self.app.global::<CodeEntry>(), self.app.global::<Alarms>());
        let intents = Rc::clone(&self.intents);
        code.on_digit(move |digit| {
            if let Some(digit) = u8::try_from(digit).ok().filter(|digit| *digit <= 9) {
                intents(Intent::Digit(digit));
            }
        });
        let intents = Rc::clone(&self.intents);
        code.on_erase(move || intents(Intent::EraseDigit));
        let intents = Rc::clone(&self.intents);
        alarms.on_acknowledge(move |code| {
            if let Some(condition) = codes::condition(code) {
                intents(Intent::Acknowledge(condition));
            }
        });
        let intents = Rc::clone(&self.intents);
        alarms.on_pause_sound(move || intents(Intent::PauseAudio));
        self.listen_to_the_clock();
        let intents = Rc::clone(&self.intents);
        self.app.global::<Service>().on_copy(move || intents(Intent::CopyRecord));
        let test = self.app.global::<SelfTest>();
        let intents = Rc::clone(&self.intents);
        test.on_begin(move || intents(Intent::TestSelf));
        let intents = Rc::clone(&self.intents);
        test.on_answer(move |yes| intents(Intent::Answer { yes }));
    }

    fn listen_to_the_clock(&self) {
        let setting = self.app.global::<ClockSetting>();
        let intents = Rc::clone(&self.intents);
        setting.on_step(move |part, on| intents(Intent::StepTime(TimeStep { part: part_of(part), on })));
        let intents = Rc::clone(&self.intents);
        setting.on_take_pump(move || intents(Intent::TakePumpTime));
        let intents = Rc::clone(&self.intents);
        setting.on_set(move || intents(Intent::SetClock));
    }

    /// What is chosen on the page of settings is worn at once.
    // keeps R-DSP-09
    fn listen_to_choices(&self, choose: &Rc<impl Fn(Looks) + 'static>) {
        type Next = fn(Looks) -> Looks;
        let told = |next: Next| {
            let (app, shown, choose) = (self.app.as_weak(), Rc::clone(&self.shown), Rc::clone(choose));
            let intents = Rc::clone(&self.intents);
            move || {
                let (Some(app), looks) = (app.upgrade(), next(shown.looks.get())) else { return };
                if looks.quiet != shown.looks.get().quiet {
                    intents(Intent::Quiet(looks.quiet.hours()));
                }
                shown.dress(&app, looks);
                choose(looks);
            }
        };
        let settings = self.app.global::<Settings>();
        settings.on_next_language(told(|looks| Looks { language: looks.language.next(), ..looks }));
        settings.on_next_text(told(|looks| Looks { text: looks.text.next(), ..looks }));
        settings.on_next_colours(told(|looks| Looks { colours: looks.colours.next(), ..looks }));
        settings.on_next_clock(told(|looks| Looks { clock: looks.clock.next(), ..looks }));
        settings.on_next_quiet(told(|looks| Looks { quiet: looks.quiet.next(), ..looks }));
        settings.on_next_ready_cue(told(|looks| Looks { ready_cue: looks.ready_cue.next(), ..looks }));
        settings.on_next_brightness(told(|looks| Looks { brightness: looks.brightness.next(), ..looks }));
        settings.on_next_vibration(told(|looks| Looks { vibration: looks.vibration.next(), ..looks }));
        settings.on_next_tone(told(|looks| Looks { tone: looks.tone.next(), ..looks }));
    }

    /// The control under the finger is no longer what it was.
    fn throw_finger_off(&self) {
        let hands = self.app.global::<Hands>();
        hands.set_place(hands.get_place().wrapping_add(1));
        hands.set_holding(false);
        if let Some(control) = self.finger.take() {
            (self.intents)(Intent::Touch { control, level: Level::SlidOff, source: Source::Touchscreen });
        }
    }

    /// Starts the ring for a new hold and ends it with the old one.
    fn follow_hold(&self, before: Option<Hold>, now: Option<Hold>) {
        if before == now {
            return;
        }
        let hands = self.app.global::<Hands>();
        let Some(hold) = now else {
            hands.set_holding(false);
            return;
        };
        hands.set_control(match hold.control {
            Control::Dose => HeldControl::Dose,
            Control::Stop => HeldControl::Stop,
        });
        hands.set_needed(i64::try_from(hold.needed.get()).unwrap_or(i64::MAX));
        hands.set_hold_number(hands.get_hold_number().wrapping_add(1));
        hands.set_holding(true);
    }
}

impl Shown {
    fn dress(&self, app: &AppWindow, looks: Looks) {
        self.looks.set(looks);
        wear(app, looks);
        if let Some(screen) = self.screen.borrow().as_ref() {
            self.models.apply(app, screen, Writing::of(looks));
        }
    }
}

// keeps R-DSP-10, R-DSP-11
fn wear(app: &AppWindow, looks: Looks) {
    let theme = app.global::<Theme>();
    theme.set_look(match looks.colours {
        Colours::Dark => Look::Dark,
        Colours::Light => Look::Light,
        Colours::HighContrast => Look::HighContrast,
    });
    theme.set_large(looks.text == TextSize::Large);
    let settings = app.global::<Settings>();
    settings.set_language(looks.language.name().into());
    settings.set_twelve_hours(looks.clock == ClockStyle::Twelve);
    let hours = looks.quiet.hours().map(QuietHours::minutes);
    let at = |minute| Writing::of(looks).begins_at(minute);
    settings.set_quiet(hours.map(|(from, to)| format!("{} – {}", at(from), at(to)).into()).unwrap_or_default());
    settings.set_ready_cue(looks.ready_cue == ReadyCue::On);
    settings.set_brightness(match looks.brightness {
        Brightness::Full => BrightnessCode::Full,
        Brightness::Medium => BrightnessCode::Medium,
        Brightness::Low => BrightnessCode::Low,
    });
    settings.set_vibration(looks.vibration == CueVibration::On);
    settings.set_soft(looks.tone == CueTone::Soft);
    if let Err(missing) = slint::select_bundled_translation(looks.language.word()) {
        // The pages speak English then.
        tracing::error!(%missing, language = looks.language.word(), "a language is not in this program");
    }
}

fn place(screen: &Screen) -> Place {
    match &screen.face {
        _ if screen.night.is_some() => Place::Nowhere,
        Face::Ready(_) | Face::Wait(_) | Face::NotAvailable { .. } => Place::Dose(codes::page(screen)),
        Face::Asking { stop: Some(_), .. }
        | Face::Delivering { .. }
        | Face::NotSure { .. }
        | Face::Emergency { stop: Some(_), .. } => Place::Stop,
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
        | Face::Fault(_) => Place::Nowhere,
    }
}

const fn control_of(control: HeldControl) -> Control {
    match control {
        HeldControl::Dose => Control::Dose,
        HeldControl::Stop => Control::Stop,
    }
}

const fn level_of(level: TouchLevel) -> Level {
    match level {
        TouchLevel::Pressed => Level::Pressed,
        TouchLevel::Released => Level::Released,
        TouchLevel::SlidOff => Level::SlidOff,
    }
}

const fn part_of(part: TimePartCode) -> TimePart {
    match part {
        TimePartCode::Day => TimePart::Day,
        TimePartCode::Hour => TimePart::Hour,
        TimePartCode::Minute => TimePart::Minute,
    }
}

const fn visit_of(to: Destination) -> Visit {
    match to {
        Destination::Patient => Visit::Patient,
        Destination::Caregiver => Visit::Caregiver,
        Destination::History => Visit::History,
        Destination::Alarms => Visit::Alarms,
        Destination::Emergency => Visit::Emergency,
        Destination::More => Visit::More,
        Destination::Therapy => Visit::Therapy,
        Destination::Implant => Visit::Implant,
        Destination::LinkSteps => Visit::LinkSteps,
        Destination::Settings => Visit::Settings,
        Destination::Sounds => Visit::Sounds,
        Destination::SelfTest => Visit::SelfTest,
        Destination::Practice => Visit::Practice,
        Destination::Clinic => Visit::Clinic,
        Destination::Reservoir => Visit::Reservoir,
        Destination::SetTime => Visit::SetTime,
        Destination::Service => Visit::Service,
    }
}
