//! The remote by typing, for benches: a word in is what a finger would do, a line out is what stands on the page.
//!
//! Nothing is decided here. A hold is the level of a finger, told again and again until it has been held, as the display
//! tells it; the machine decides whether that is a hold, and what comes of it.
//!
//! # Lines
//! - `link up` and `link down`.
//! - `page NAME`, with `ml=`, `mcg=`, `delivery=`, `stop=` and `reason=` where the page has them, and `alarms=` for the
//!   conditions that stand, most urgent first. One line for each change of any of it. `page PAIRING` has its `step=` and what
//!   belongs to that.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use pump_core::{
    pairing::PairingView,
    screen::{
        Caregiver, Control, DeliveryView, Face, Intent, Level, LinkHealth, NotGiven, Screen, Source, Stop, Visit,
    },
    selftest::Condition,
};
use pump_protocol::quantity::Dose;
use pump_remote::{
    adapters::systemd::{self, FIRST_PAGE, Round},
    shell::hand_over,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin},
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
    sync::{Mutex, mpsc, watch},
    time::{Instant, sleep},
};

use crate::{
    bench::from_the_beginning,
    compose::Running,
    first_run::FirstRun,
    hardware::start_bench,
    window::{Home, Stage},
};

/// How often a finger's level is told: as the display does it.
const LEVEL_EVERY: Duration = Duration::from_millis(50);
/// How long the dose is held: the hold itself, and a little of what a hand adds.
const DOSE_HELD: Duration = Duration::from_millis(1_700);
/// How long Stop is held.
const STOP_HELD: Duration = Duration::from_millis(700);

/// Runs until told to quit, or to end; the first run before the remote, where no pump is paired.
pub(crate) async fn serve(stage: Stage, home: Home) -> anyhow::Result<()> {
    let mut console = Console {
        words: BufReader::new(tokio::io::stdin()).lines(),
        terminated: signal(SignalKind::terminate())?,
        finger: Finger::default(),
        said: Said::default(),
    };
    let mut running = match stage {
        Stage::FirstRun(FirstRun { screens, intents, rounds, turned, paired }) => {
            let passing = pass_rounds(systemd::FIRST_RUN, rounds, turned);
            if console.follow(screens, &intents, passing).await? == Ended::Told {
                return Ok(());
            }
            let Some(prepared) = paired.await? else { return Ok(()) };
            prepared.start(home.configuration, None).await?
        }
        Stage::Running(running) => *running,
    };
    start_bench(&Handle::current(), &home, &mut running, Vec::new(), from_the_beginning(Condition::Absent));
    let Running { screens, intents, close, turned, rounds, ended, .. } = running;
    let passing = pass_rounds(systemd::PAGES, rounds, turned);
    console.follow(screens, &intents, passing).await?;
    systemd::stopping();
    // Already gone: the loop has ended by itself.
    let _ = close.send(());
    ended.await.context("the remote did not end in good order")
}

/// Keeps the watchdog fed, in the task that says the lines: those which nobody reads keep rounds from coming back.
async fn pass_rounds(status: &'static str, begin: watch::Sender<Round>, turned: watch::Receiver<Round>) {
    let (shown, back) = watch::channel(FIRST_PAGE);
    tokio::spawn(systemd::keep(status, begin, back));
    systemd::pass_back(turned, shown, async || ()).await;
}

/// What is typed and what is said.
struct Console {
    words: Lines<BufReader<Stdin>>,
    terminated: Signal,
    finger: Finger,
    said: Said,
}

/// Why nothing more is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Whoever makes the screens has ended.
    ByItself,
    /// Somebody said so.
    Told,
}

impl Console {
    async fn follow(
        &mut self,
        mut screens: watch::Receiver<Screen>,
        intents: &mpsc::Sender<Intent>,
        passing: impl Future<Output = ()>,
    ) -> anyhow::Result<Ended> {
        self.said.say(&screens.borrow_and_update())?;
        let mut passing = pin!(passing);
        loop {
            tokio::select! {
                changed = screens.changed() => {
                    if changed.is_err() {
                        return Ok(Ended::ByItself);
                    }
                    self.said.say(&screens.borrow_and_update())?;
                }
                word = self.words.next_line() => {
                    match word.context("standard input can't be read")?.as_deref().map(str::trim) {
                        None | Some("quit") => return Ok(Ended::Told),
                        Some(word) => self.obey(word, intents),
                    }
                }
                () = &mut passing => return Ok(Ended::ByItself),
                _ = self.terminated.recv() => return Ok(Ended::Told),
            }
        }
    }

    fn obey(&self, word: &str, intents: &mpsc::Sender<Intent>) {
        match word {
            "hold" => press(&self.finger, intents, Control::Dose, DOSE_HELD),
            "stop" => press(&self.finger, intents, Control::Stop, STOP_HELD),
            "look" => hand_over(intents, Intent::Visit(Visit::Caregiver)),
            "back" => {
                hand_over(intents, Intent::Seen);
                hand_over(intents, Intent::Visit(Visit::Patient));
            }
            "wake" => hand_over(intents, Intent::Wake),
            "proceed" => hand_over(intents, Intent::Proceed),
            word => match word.strip_prefix("digit ").map(str::parse) {
                Some(Ok(digit @ 0..=9)) => hand_over(intents, Intent::Digit(digit)),
                Some(_) | None => eprintln!(
                    "pump-remote: no such word; hold, stop, look, back, wake, proceed, digit 0 to 9 and quit are"
                ),
            },
        }
    }
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
        Face::Pairing(view) => pairing(line, view),
        Face::NotGiven(NotGiven::Overtaken) => write!(line, " reason=Overtaken"),
        Face::NotGiven(NotGiven::StoppedInTime) => write!(line, " reason=StoppedInTime"),
        Face::NotGiven(NotGiven::BolusEnded(end)) => write!(line, " reason=BolusEnded end={end:?}"),
        Face::Caregiver(seen) => caregiver(line, seen),
        Face::Checking
        | Face::Changed { .. }
        | Face::History { .. }
        | Face::Alarms
        | Face::Emergency { .. }
        | Face::Reading(_)
        | Face::Fault(_) => Ok(()),
    };
}

/// Without the digits that are typed.
fn pairing(line: &mut String, view: &PairingView) -> std::fmt::Result {
    match view {
        PairingView::NotPaired => write!(line, " step=not-paired"),
        PairingView::Card { group, typed, wrong } => {
            write!(line, " step=card group={group} typed={} wrong={wrong}", typed.digits().len())
        }
        PairingView::Window => write!(line, " step=window"),
        PairingView::Asking { found } => write!(line, " step=asking found={found}"),
        PairingView::Failed(why) => write!(line, " step=failed why={why:?}"),
        PairingView::Paired { serial } => write!(line, " step=paired serial={serial}"),
    }
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
