//! The remote by typing, for benches: a word in is what a finger would do, a line out is what stands on the page.
//!
//! Nothing is decided here. A hold is the level of a finger, told again and again until it has been held, as the display
//! tells it; the machine decides whether that is a hold, and what comes of it.
//!
//! # Lines
//! - `link up` and `link down`.
//! - `page NAME`, with `ml=`, `mcg=`, `delivery=`, `stop=` and `reason=` where the page has them, and `alarms=` for the
//!   conditions that stand, most urgent first. One line for each change of any of it.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use pump_core::screen::{
    Caregiver, Control, DeliveryView, Face, Intent, Level, LinkHealth, NotGiven, Screen, Source, Stop, Visit,
};
use pump_protocol::quantity::Dose;
use pump_remote::{
    adapters::systemd::{self, FIRST_PAGE},
    shell::hand_over,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    signal::unix::{SignalKind, signal},
    sync::{Mutex, mpsc, watch},
    time::{Instant, sleep},
};

use crate::compose::Running;

/// How often a finger's level is told: as the display does it.
const LEVEL_EVERY: Duration = Duration::from_millis(50);
/// How long the dose is held: the hold itself, and a little of what a hand adds.
const DOSE_HELD: Duration = Duration::from_millis(1_700);
/// How long Stop is held.
const STOP_HELD: Duration = Duration::from_millis(700);

/// Runs until told to quit, or to end.
pub(crate) async fn serve(running: Running) -> anyhow::Result<()> {
    let Running { mut screens, intents, close, turned, rounds, ended, .. } = running;
    let mut words = BufReader::new(tokio::io::stdin()).lines();
    let mut terminated = signal(SignalKind::terminate())?;
    let (finger, mut said) = (Finger::default(), Said::default());
    said.say(&screens.borrow_and_update())?;
    let (shown, back) = watch::channel(FIRST_PAGE);
    tokio::spawn(systemd::keep(systemd::PAGES, rounds, back));
    // In this task, so that lines which nobody reads keep rounds from coming back.
    let mut passing = pin!(systemd::pass_back(turned, shown, async || ()));
    loop {
        tokio::select! {
            changed = screens.changed() => {
                if changed.is_err() {
                    break;
                }
                said.say(&screens.borrow_and_update())?;
            }
            word = words.next_line() => match word.context("standard input can't be read")?.as_deref().map(str::trim) {
                None | Some("quit") => break,
                Some("hold") => press(&finger, &intents, Control::Dose, DOSE_HELD),
                Some("stop") => press(&finger, &intents, Control::Stop, STOP_HELD),
                Some("look") => hand_over(&intents, Intent::Visit(Visit::Caregiver)),
                Some("back") => {
                    hand_over(&intents, Intent::Seen);
                    hand_over(&intents, Intent::Visit(Visit::Patient));
                }
                Some("wake") => hand_over(&intents, Intent::Wake),
                Some(word) => match word.strip_prefix("digit ").map(str::parse) {
                    Some(Ok(digit @ 0..=9)) => hand_over(&intents, Intent::Digit(digit)),
                    Some(_) | None => eprintln!("pump-remote: no such word; hold, stop, look, back, wake, digit 0 to 9 and quit are"),
                },
            },
            () = &mut passing => break,
            _ = terminated.recv() => break,
        }
    }
    systemd::stopping();
    // Already gone: the loop has ended by itself.
    let _ = close.send(());
    ended.await.context("the remote did not end in good order")
}

/// There is one: it must be lifted from a control before it is laid on another.
type Finger = Arc<Mutex<()>>;

/// The finger on a control for this long, as the display tells of one.
fn press(finger: &Finger, intents: &mpsc::Sender<Intent>, control: Control, held: Duration) {
    let (finger, intents) = (finger.clone(), intents.clone());
    tokio::spawn(async move {
        let _laid = finger.lock().await;
        let until = Instant::now() + held;
        while Instant::now() < until {
            hand_over(&intents, touch(control, Level::Pressed));
            sleep(LEVEL_EVERY).await;
        }
        hand_over(&intents, touch(control, Level::Released));
    });
}

const fn touch(control: Control, level: Level) -> Intent {
    Intent::Touch { control, level, source: Source::Touchscreen }
}

/// What was said last: only a change is said.
#[derive(Debug, Default)]
struct Said {
    link: Option<&'static str>,
    page: String,
}

impl Said {
    fn say(&mut self, screen: &Screen) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let link = match screen.link {
            LinkHealth::Near => "up",
            LinkHealth::Looking | LinkHealth::OutOfReach => "down",
        };
        if self.link.replace(link) != Some(link) {
            writeln!(out, "link {link}")?;
        }
        let page = page(screen);
        if page != self.page {
            writeln!(out, "{page}")?;
            self.page = page;
        }
        out.flush()
    }
}

/// The page in words that stay the same.
fn page(screen: &Screen) -> String {
    let mut line = format!("page {}", screen.face.name());
    details(&mut line, &screen.face);
    if !screen.alarms.is_empty() {
        let alarms: Vec<String> = screen.alarms.iter().map(|alarm| format!("{:?}", alarm.condition)).collect();
        let _ = write!(line, " alarms={}", alarms.join(","));
    }
    line
}

/// What of the page a bench compares with the pump. Amounts as everywhere; a reason by its name in the code.
fn details(line: &mut String, face: &Face) {
    // Writing to a string doesn't fail.
    let _ = match face {
        Face::Ready(offer) => write!(line, " mcg={}", micrograms(offer.dose)),
        Face::Wait(wait) => {
            let reason = wait.reasons.first();
            reason.map_or(Ok(()), |reason| write!(line, " reason={}", one_word(&format!("{reason:?}"))))
        }
        Face::NotAvailable { reasons } => {
            reasons.first().map_or(Ok(()), |reason| write!(line, " reason={}", one_word(&format!("{reason:?}"))))
        }
        Face::Asking { dose, .. } | Face::Given { dose, .. } | Face::AssumedGiven { dose } => {
            write!(line, " mcg={}", micrograms(*dose))
        }
        Face::EnterCode { entered, wrong, .. } => write!(line, " entered={entered} wrong={wrong}"),
        // Without how much of it: that changes every second.
        Face::Delivering { dose, stop, .. } | Face::NotSure { dose, stop, .. } => {
            write!(line, " mcg={} stop={}", micrograms(*dose), stop_word(*stop))
        }
        Face::GivenInPart { dose, delivered, end } => write!(
            line,
            " mcg={} least={} most={} end={end:?}",
            micrograms(*dose),
            micrograms(delivered.at_least),
            micrograms(delivered.at_most)
        ),
        Face::NotGiven(NotGiven::Denied { reason, .. }) => write!(line, " reason={reason:?}"),
        Face::NotGiven(NotGiven::Expired) => write!(line, " reason=Expired"),
        Face::NotGiven(NotGiven::Interrupted) => write!(line, " reason=Interrupted"),
        Face::NotGiven(NotGiven::DoseDiffers { .. }) => write!(line, " reason=DoseDiffers"),
        Face::NotGiven(NotGiven::StoppedInTime) => write!(line, " reason=StoppedInTime"),
        Face::Caregiver(seen) => caregiver(line, seen),
        Face::Checking
        | Face::Changed { .. }
        | Face::History { .. }
        | Face::Alarms
        | Face::Emergency { .. }
        | Face::Reading(_)
        | Face::Pairing(_)
        | Face::Fault(_) => Ok(()),
    };
}

fn caregiver(line: &mut String, seen: &Caregiver) -> std::fmt::Result {
    if let Some(reservoir) = &seen.reservoir {
        let tenths = reservoir.volume.nanolitres() / 100_000;
        write!(line, " ml={}.{} percent={}", tenths / 10, tenths % 10, reservoir.percent)?;
    }
    match seen.delivery {
        Some(DeliveryView::Delivering { .. }) => write!(line, " delivery=on"),
        Some(DeliveryView::Stopped { .. }) => write!(line, " delivery=stopped"),
        None => Ok(()),
    }
}

const fn stop_word(stop: Stop) -> &'static str {
    match stop {
        Stop::Offered => "offered",
        Stop::Asked => "asked",
        Stop::NotStoppedYet => "not-stopped-yet",
    }
}

/// As the display would say it, without its unit.
fn micrograms(dose: Dose) -> String {
    dose.to_string().trim_end_matches(" mcg").to_owned()
}

fn one_word(name: &str) -> String {
    name.replace(['(', ')', ' '], "-").trim_end_matches('-').to_owned()
}
