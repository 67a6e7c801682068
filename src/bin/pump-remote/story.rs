//! The product's story, played by synthetic touch through the real window code, the real loop and a real record.
//!
//! Nothing is faked but the finger, the display's glass and the waiting: the pump answers over the encrypted link, every
//! record is on disk before anything is sent, and the lockout is waited through on a clock that skips.
//!
//! # Promises
//! - Success means that the pump's own history and the record tell the same story, dose by dose.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use pump_core::{
    audit::event::{Event, Happened, read},
    screen::{Control, Face, Intent, Visit},
};
use pump_protocol::{
    history::{Delivered, HistoryEvent, Origin},
    quantity::Millis,
};
use pump_remote::{
    adapters::{
        simulated::SharedHost,
        slint::{
            Panel, Window,
            headless::{Headless, Phase},
        },
        sqlite::View,
    },
    shell::hand_over,
};
use tokio::runtime::Runtime;

use crate::compose::{Prepared, Running, Which};

/// Says something, if anybody still listens: a reader that left early is no reason to stop the story.
macro_rules! say {
    ($($words:tt)*) => {
        let _ = writeln!(io::stdout(), $($words)*);
    };
}

/// How long any step may take before the story has failed.
const STEP_MAX: Duration = Duration::from_secs(20);
/// How often a dose is held for at most.
const HOLDS_MAX: usize = 3;
/// One frame of the display.
const FRAME: Duration = Duration::from_millis(16);
/// How much time is skipped at once while a dose goes in: less than the silence that the machine allows the pump.
const SKIP: Millis = Millis::from_secs(2);
/// How many lines of the record are read at once.
const PAGE: u16 = 256;

/// Plays the story; pictures and record end up in `out`.
pub(crate) fn play(runtime: &Runtime, panel: Panel, out: &Path) -> anyhow::Result<()> {
    let data_dir = fresh_data_dir(out)?;
    let running = runtime
        .block_on(async { Prepared::open(&data_dir, Which::InProcess, 1, true).await?.start(None, None).await })?;
    let host = running.host.clone().context("the story needs the pump in this process")?;
    let mut stage = Stage::set(runtime, panel, out, running)?;
    stage.tell(&host)?;
    let lines = stage.strike(runtime)?;
    print_table(&lines);
    let doses = agree(&host, &lines)?;
    say!("\n{} records; the pump's history and the record agree on {doses} doses.", lines.len());
    say!("Pictures and record: {}", out.display());
    Ok(())
}

/// Plays what can be played with a pump in another process: one dose, a refusal, and a look at the reservoir.
pub(crate) fn play_with(runtime: &Runtime, running: Running, panel: Panel, out: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| format!("can't write to {}", out.display()))?;
    let mut stage = Stage::set(runtime, panel, out, running)?;
    stage.tell_one_dose()?;
    let lines = stage.strike(runtime)?;
    print_table(&lines);
    say!("\nPictures: {}", out.display());
    Ok(())
}

/// An empty directory for the story's own record; what an earlier story left there goes, and nothing else.
fn fresh_data_dir(out: &Path) -> anyhow::Result<PathBuf> {
    let data_dir = out.join("data");
    if data_dir.join("pump.state").exists() {
        fs::remove_dir_all(&data_dir).with_context(|| format!("can't clear {}", data_dir.display()))?;
    }
    ensure!(!data_dir.exists(), "{} exists and is not a story's: name another place with --out", data_dir.display());
    fs::create_dir_all(out).with_context(|| format!("can't write to {}", out.display()))?;
    Ok(data_dir)
}

/// Everything that the story needs to be seen and told.
struct Stage {
    headless: Headless,
    window: Window,
    running: Running,
    out: PathBuf,
    pictures: Vec<JoinHandle<anyhow::Result<()>>>,
    shown_at: Instant,
}

impl Stage {
    fn set(runtime: &Runtime, panel: Panel, out: &Path, running: Running) -> anyhow::Result<Self> {
        let headless = Headless::install(panel).context("the display in memory can't be made")?;
        let intents = running.intents.clone();
        let _guard = runtime.enter();
        let window = Window::new(move |intent| hand_over(&intents, intent)).context("no window")?;
        window.fit(panel);
        window.show().context("no window")?;
        Ok(Self { headless, window, running, out: out.to_owned(), pictures: Vec::new(), shown_at: Instant::now() })
    }

    fn tell(&mut self, host: &SharedHost) -> anyhow::Result<()> {
        self.first_page();
        self.ask_and_receive()?;
        self.ask_too_soon()?;
        self.look_around()?;
        self.stop_one()?;
        self.lose_the_answer(host)?;
        self.lose_the_question(host)?;
        self.be_denied(host)?;
        self.find_the_pump_stopped(host)
    }

    fn tell_one_dose(&mut self) -> anyhow::Result<()> {
        self.first_page();
        self.until("an answer", |face| !matches!(face, Face::Checking))?;
        let face = self.show();
        let Face::Ready(_) = face else { bail!("no dose is offered now; the page says {face:?}") };
        self.hold(Control::Dose, Duration::from_millis(1_700))?;
        self.until("delivering", |face| matches!(face, Face::Delivering { .. }))?;
        self.picture("delivering", "The dose goes in; Stop is there.");
        while matches!(self.show(), Face::Delivering { .. }) {
            thread::sleep(FRAME);
        }
        self.until("given", |face| matches!(face, Face::Given { .. }))?;
        self.picture("given", "The pump says that all of it went in.");
        self.ask_too_soon()?;
        self.look_around()
    }

    /// The first page, as it stood before the pump was heard.
    fn first_page(&mut self) {
        let first = self.running.first.clone();
        self.window.apply(&first);
        self.headless.render();
        self.save("checking", "The remote wakes and asks the pump.");
    }

    /// Ends the remote in good order and reads what it recorded.
    fn strike(self, runtime: &Runtime) -> anyhow::Result<Vec<Line>> {
        for picture in self.pictures {
            picture.join().map_err(|_| anyhow::anyhow!("a picture was not written"))??;
        }
        // The loop may have ended by itself; then the record shows it.
        let _ = self.running.close.send(());
        runtime.block_on(self.running.ended).context("the remote did not end in good order")?;
        runtime.block_on(read_record(&self.running.record))
    }

    fn ask_and_receive(&mut self) -> anyhow::Result<()> {
        self.until("ready", |face| matches!(face, Face::Ready(_)))?;
        self.picture("ready", "A press brings medicine, and the page says so.");
        self.press(Control::Dose)?;
        self.keep_pressing(Duration::from_millis(900));
        self.picture("hold", "The control is held: the ring fills.");
        self.keep_pressing(Duration::from_millis(800));
        self.lift(Control::Dose);
        self.until("delivering", |face| matches!(face, Face::Delivering { .. }))?;
        self.wait_for_dose(Millis::from_secs(95));
        self.picture("delivering", "The dose goes in; Stop is there.");
        self.wait_for_dose(Millis::from_secs(160));
        self.until("given", |face| matches!(face, Face::Given { .. }))?;
        self.picture("given", "The pump says that all of it went in.");
        Ok(())
    }

    fn ask_too_soon(&mut self) -> anyhow::Result<()> {
        self.intend(Intent::Seen);
        self.until("wait", |face| matches!(face, Face::Wait(_)))?;
        self.picture("wait", "The lockout: a countdown, and the time at which it ends.");
        self.hold(Control::Dose, Duration::from_millis(1_700))?;
        self.settle(Duration::from_millis(200));
        self.picture("too-soon", "A full hold in the lockout is refused, and recorded.");
        Ok(())
    }

    fn look_around(&mut self) -> anyhow::Result<()> {
        self.intend(Intent::Visit(Visit::Caregiver));
        self.until("caregiver", |face| matches!(face, Face::Caregiver(_)))?;
        self.picture("caregiver", "The caregiver looks: reservoir and delivery, and nothing to press.");
        self.intend(Intent::Visit(Visit::History));
        self.until("history", |face| matches!(face, Face::History { loading: false, .. }))?;
        self.picture("history", "What was asked for and given, by day.");
        self.intend(Intent::Visit(Visit::Patient));
        Ok(())
    }

    fn stop_one(&mut self) -> anyhow::Result<()> {
        self.wait_until_ready()?;
        self.hold(Control::Dose, Duration::from_millis(1_700))?;
        self.until("delivering", |face| matches!(face, Face::Delivering { .. }))?;
        self.wait_for_dose(Millis::from_secs(100));
        self.hold(Control::Stop, Duration::from_millis(800))?;
        self.until("given in part", |face| matches!(face, Face::GivenInPart { .. }))?;
        self.picture("given-in-part", "Stopped: the amount is the pump's.");
        self.intend(Intent::Seen);
        Ok(())
    }

    fn lose_the_answer(&mut self, host: &SharedHost) -> anyhow::Result<()> {
        self.wait_until_ready()?;
        self.console(host, "disconnect commit after")?;
        self.hold(Control::Dose, Duration::from_millis(1_700))?;
        self.until("not sure", |face| matches!(face, Face::NotSure { .. }))?;
        self.picture("not-sure", "The link was cut after COMMIT: nobody knows, and the page says so.");
        self.until("delivering after all", |face| matches!(face, Face::Delivering { .. }))?;
        self.wait_for_dose(Millis::from_secs(250));
        self.until("given", |face| matches!(face, Face::Given { .. }))?;
        self.intend(Intent::Seen);
        Ok(())
    }

    fn lose_the_question(&mut self, host: &SharedHost) -> anyhow::Result<()> {
        self.wait_until_ready()?;
        self.console(host, "disconnect commit before")?;
        self.hold(Control::Dose, Duration::from_millis(1_700))?;
        self.until("not sure", |face| matches!(face, Face::NotSure { .. }))?;
        self.until("not given", |face| matches!(face, Face::NotGiven(_)))?;
        self.picture("not-given", "This time the pump never had it, and says so.");
        self.intend(Intent::Seen);
        Ok(())
    }

    fn be_denied(&mut self, host: &SharedHost) -> anyhow::Result<()> {
        self.wait_until_ready()?;
        self.console(host, "deny lockout")?;
        self.hold(Control::Dose, Duration::from_millis(1_700))?;
        self.until("denied", |face| matches!(face, Face::NotGiven(_)))?;
        self.picture("denied", "The pump says no though the remote said READY: the pump wins.");
        self.console(host, "calm")?;
        self.intend(Intent::Seen);
        Ok(())
    }

    fn find_the_pump_stopped(&mut self, host: &SharedHost) -> anyhow::Result<()> {
        self.wait_until_ready()?;
        self.console(host, "stop")?;
        self.intend(Intent::Wake);
        self.until("not available", |face| matches!(face, Face::NotAvailable { .. }))?;
        self.picture("not-available", "The pump is stopped: the reason, and what to do.");
        self.intend(Intent::Visit(Visit::Caregiver));
        self.until("caregiver", |face| matches!(face, Face::Caregiver(_)))?;
        self.picture("stopped", "The caregiver's loudest news.");
        Ok(())
    }

    /// Waits on the skipping clock until a dose is offered.
    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        for _ in 0..48 {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(700) {
                if matches!(self.show(), Face::Ready(_)) {
                    return Ok(());
                }
                thread::sleep(FRAME);
            }
            self.running.clock.skip(Millis::from_mins(30));
        }
        bail!("no dose is offered a day later; the page says {:?}", self.show())
    }

    /// Lets a dose go in, in steps that keep the pump heard.
    fn wait_for_dose(&mut self, span: Millis) {
        for _ in 0..span.get().div_ceil(SKIP.get()) {
            self.running.clock.skip(SKIP);
            self.settle(Duration::from_millis(12));
            if !matches!(self.show(), Face::Delivering { .. }) {
                return;
            }
        }
    }

    /// Holds as a person does: who is still offered a dose afterwards, because a machine that was too busy lost the finger for a
    /// moment, holds again.
    fn hold(&mut self, control: Control, held: Duration) -> anyhow::Result<()> {
        for _ in 0..HOLDS_MAX {
            self.press(control)?;
            self.keep_pressing(held);
            self.lift(control);
            if control != Control::Dose || !matches!(self.show(), Face::Ready(_)) {
                break;
            }
        }
        Ok(())
    }

    fn press(&mut self, control: Control) -> anyhow::Result<()> {
        // A page that has just come must be laid out before its control can be found.
        self.settle(Duration::from_millis(100));
        let (x, y) = self.window.centre_of(control).with_context(|| format!("no {control:?} control is shown"))?;
        self.headless.touch(x, y, Phase::Move);
        self.headless.touch(x, y, Phase::Down);
        Ok(())
    }

    fn keep_pressing(&mut self, held: Duration) {
        self.settle(held);
    }

    fn lift(&mut self, control: Control) {
        let (x, y) = self.window.centre_of(control).unwrap_or_default();
        self.headless.touch(x, y, Phase::Up);
        self.settle(Duration::from_millis(50));
    }

    /// Shows the newest screen for this long.
    fn settle(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            self.show();
            thread::sleep(FRAME.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// One frame of the newest screen; gives its page.
    fn show(&mut self) -> Face {
        let screen = self.running.screens.borrow_and_update().clone();
        self.window.apply(&screen);
        // The display's clock runs as the person's does, however long a frame took.
        self.headless.advance(self.shown_at.elapsed());
        self.shown_at = Instant::now();
        self.headless.render();
        screen.face
    }

    fn until(&mut self, what: &str, is: impl Fn(&Face) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let face = self.show();
            if is(&face) {
                return Ok(());
            }
            ensure!(begun.elapsed() < STEP_MAX, "expected the page to say {what}, it says {face:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn intend(&self, intent: Intent) {
        hand_over(&self.running.intents, intent);
    }

    fn console(&self, host: &SharedHost, line: &str) -> anyhow::Result<()> {
        use simulated_pump::console::ConsoleAnswer;
        match host.with(|host| host.console(line, self.running.clock.now().uptime)) {
            ConsoleAnswer::Say(_) => Ok(()),
            other => bail!("the pump's console answered {other:?} to {line:?}"),
        }
    }

    fn picture(&mut self, name: &str, caption: &str) {
        self.show();
        self.save(name, caption);
    }

    fn save(&mut self, name: &str, caption: &str) {
        let file = format!("{:02}-{name}.png", self.pictures.len() + 1);
        let path = self.out.join(&file);
        // Written beside the story: a finger that is down must be told of all the while.
        let frame = self.headless.frame();
        let write = move || frame.save_png(&path).with_context(|| format!("can't write {}", path.display()));
        self.pictures.push(thread::spawn(write));
        say!("{file:<22} {caption}");
    }
}

/// One line of the record, read back from the disk.
struct Line {
    seq: u64,
    happened: Happened,
}

async fn read_record(path: &Path) -> anyhow::Result<Vec<Line>> {
    let mut view = View::open(path).await?;
    let mut lines: Vec<Line> = Vec::new();
    loop {
        let after = lines.last().map_or(0, |line| line.seq);
        let page = view.entries(after, PAGE).await?;
        if page.is_empty() {
            return Ok(lines);
        }
        for stored in page {
            let happened = read(&stored.record.body).context("a recorded line can't be read")?;
            lines.push(Line { seq: stored.record.seq, happened });
        }
    }
}

fn print_table(lines: &[Line]) {
    say!("\n{:>4}  {:<5}  {:>12}  what happened", "no.", "clock", "pump clock");
    for Line { seq, happened } in lines {
        let clock = happened.at.wall.map_or_else(|| "--:--".to_owned(), |wall| wall.to_string());
        let pump = happened.at.pump.map_or_else(|| "-".to_owned(), |pump| pump.to_string());
        say!("{seq:>4}  {clock:<5}  {pump:>12}  {}", happened.event);
    }
}

/// How many doses both tell of, if they tell the same of each.
fn agree(host: &SharedHost, lines: &[Line]) -> anyhow::Result<usize> {
    let by_pump: BTreeMap<u64, Delivered> = host.with(|host| {
        let ended = host.pump().history().filter_map(|entry| match entry.event {
            HistoryEvent::BolusEnded { origin: Origin::Remote { id, .. }, delivered, .. } => Some((id.0, delivered)),
            _ => None,
        });
        ended.collect()
    });
    let by_record: BTreeMap<u64, Delivered> = lines
        .iter()
        .filter_map(|line| match line.happened.event {
            Event::Delivered { id, bolus } => Some((id.0, Delivered::exactly(bolus.dose))),
            Event::DeliveredInPart { id, delivered, .. } => Some((id.0, delivered)),
            _ => None,
        })
        .collect();
    ensure!(by_pump == by_record, "the pump says {by_pump:?}, the record says {by_record:?}");
    ensure!(!by_pump.is_empty(), "nothing was delivered at all");
    Ok(by_pump.len())
}
