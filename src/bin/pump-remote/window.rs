//! The window with the remote's pages, or with the one page that is left when there is no remote.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use anyhow::Context as _;
use pump_core::{
    cues::Wishes,
    remote::DARK_AFTER,
    screen::{Face, Fault, Intent, Screen, Visit},
    selftest::Condition,
};
use pump_protocol::quantity::Millis;
use pump_remote::{
    adapters::{
        set_clock::Setter,
        slint::{Furnished, Keeper, Looks, Panel, Window},
        stick::Slot,
        systemd::{self, FIRST_PAGE, Round},
    },
    shell::{
        config::{CardConfig, Config, Display, Part},
        hand_over,
    },
};
use tokio::{
    runtime::{Handle, Runtime},
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    bench::{Known, from_the_beginning},
    compose::{Running, started_apart},
    first_run::FirstRun,
    hardware::{light_up, wire},
    practice::{Hands, Practice},
};

/// What the person chose on the page of settings: its place in the data directory.
const LOOKS: &str = "looks.toml";

/// How long the end of the program waits for the last choice to be written.
const KEPT_WITHIN: Duration = Duration::from_secs(1);

/// What the window begins with.
pub(crate) enum Stage {
    /// No pump is paired.
    FirstRun(FirstRun),
    /// The remote runs.
    Running(Box<Running>),
}

/// What there is around the window.
pub(crate) struct Home {
    /// What the file says.
    pub(crate) config: Config,
    /// The file's digest, if there is one.
    pub(crate) configuration: Option<[u8; 32]>,
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
}

/// What others learn from the window.
pub(crate) struct Watched {
    /// Whether it is open.
    pub(crate) display: Known,
    /// When somebody touched it.
    pub(crate) touched: watch::Receiver<Instant>,
    /// What the person wishes to hear.
    pub(crate) wishes: watch::Receiver<Wishes>,
}

/// What is left to be done when the window has closed.
#[derive(Default)]
enum Ending {
    /// There was no machine.
    #[default]
    Nothing,
    /// The machine is to be closed, and its end awaited.
    Close(oneshot::Sender<()>, JoinHandle<()>),
    /// The machine could not be started.
    Failed(anyhow::Error),
}

/// The display that the pages are laid out for, and what they are shown on.
pub(crate) const fn panels(display: Display) -> (Panel, Panel) {
    match display {
        Display::Portrait if cfg!(feature = "device") => (Panel::FIVE_INCH, Panel::FIVE_INCH),
        Display::Portrait => (Panel::FIVE_INCH, Panel::FIVE_INCH_WINDOW),
        Display::Landscape => (Panel::SEVEN_INCH, Panel::SEVEN_INCH),
    }
}

/// On the device the display is this program's: where it is missing, that is an error and no reason to do anything else.
pub(crate) fn has_display() -> bool {
    if cfg!(feature = "device") && !cfg!(feature = "desktop") {
        return true;
    }
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(feature = "desktop") && (named("DISPLAY") || named("WAYLAND_DISPLAY"))
}

/// Shows the remote until its window is closed or the program is told to end; before that the first run, where there is no pump.
/// The window stays the same one: on a device's display there can be no second.
pub(crate) fn show(runtime: &Runtime, stage: Stage, panel: Panel, home: Home) -> anyhow::Result<()> {
    let looks_file = home.looks();
    let (looks, unread) = Looks::read(&looks_file);
    if let Some(error) = unread {
        tracing::warn!(%error, "the chosen looks can't be read; the usual ones are shown");
    }
    let (first, intents) = match &stage {
        Stage::FirstRun(first_run) => (first_run.screens.borrow().clone(), first_run.intents.clone()),
        Stage::Running(running) => (running.screens.borrow().clone(), running.intents.clone()),
    };
    let listener = Rc::new(RefCell::new(Hands::new(intents).0));
    let (wish, wishes) = watch::channel(looks.wishes());
    let (touch, touched) = watch::channel(Instant::now());
    let chosen = Rc::new(Cell::new(looks));
    let keeper = Keeper::begin(move |looks| looks.store(&looks_file)).inspect_err(
        |error| tracing::warn!(%error, "no choice of looks can be kept; each lasts until the program ends"),
    );
    let keeper = Rc::new(RefCell::new(keeper.ok()));
    let keep = {
        let (chosen, listener, touch) = (Rc::clone(&chosen), Rc::clone(&listener), touch.clone());
        let keeper = Rc::clone(&keeper);
        move |looks: Looks| {
            chosen.set(looks);
            // Somebody is here, though nothing else is told of it.
            touch.send_replace(Instant::now());
            listener.borrow().tell(Intent::Wake);
            // Where nothing can be heard nobody listens to wishes.
            let _ = wish.send(looks.wishes());
            if let Some(keeper) = keeper.borrow().as_ref() {
                keeper.keep(looks);
            }
        }
    };
    let intend = {
        let listener = Rc::clone(&listener);
        move |intent| {
            // Whatever the window tells is a hand's, and only what no control takes is told as waking.
            touch.send_replace(Instant::now());
            listener.borrow().tell(intent);
        }
    };
    let window = Window::choosing(intend, keep).context("no window can be opened")?;
    window.furnish(home.furnished());
    let window = open(window, looks, &home.config.card, panel, &first)?;
    let ending = Rc::new(RefCell::new(Ending::Nothing));
    let pages = Pages { runtime: runtime.handle().clone(), window, listener, chosen, home, ending: Rc::clone(&ending) };
    beside_the_pages(pages.turn(stage, touched, wishes))?;
    runtime.spawn(end_when_told());
    Window::run().context("the window ended")?;
    systemd::stopping();
    if !keeper.take().is_none_or(|keeper| keeper.end(KEPT_WITHIN)) {
        tracing::warn!("the last choice of looks is still being written; it may be lost");
    }
    match ending.take() {
        Ending::Nothing => Ok(()),
        Ending::Close(close, ended) => {
            // Already gone: the loop has ended by itself.
            let _ = close.send(());
            runtime.block_on(ended).context("the remote did not end in good order")
        }
        Ending::Failed(error) => Err(error),
    }
}

impl Home {
    /// A display whose light is in our hands goes dark.
    pub(crate) fn dark_after(&self) -> Option<Millis> {
        self.config.window.backlight.as_ref().map(|_| DARK_AFTER)
    }

    /// What there is to be lit and played.
    fn furnished(&self) -> Furnished {
        let wired = |part| self.config.pins.parts().any(|(wired, _)| wired == part);
        Furnished {
            light: self.config.window.backlight.is_some(),
            motor: wired(Part::Vibration),
            tone: wired(Part::Buzzer) || cfg!(feature = "sound"),
            clock: Setter::beside_this_service().is_some(),
            stick: Slot::beside_this_service().is_some(),
        }
    }

    /// Where what the person chose on the page of settings is kept.
    pub(crate) fn looks(&self) -> PathBuf {
        self.data_dir.join(LOOKS)
    }
}

/// The open window, and whom it tells what people do.
struct Pages {
    runtime: Handle,
    window: Window,
    listener: Rc<RefCell<Hands>>,
    chosen: Rc<Cell<Looks>>,
    home: Home,
    ending: Rc<RefCell<Ending>>,
}

impl Pages {
    /// Shows the first run and then the remote, each until it ends.
    async fn turn(mut self, stage: Stage, touched: watch::Receiver<Instant>, wishes: watch::Receiver<Wishes>) {
        Window::drawn().await;
        // The window is open and its loop turns; whether anybody can see it is asked of people.
        let display = from_the_beginning(Condition::Works);
        let running = match stage {
            Stage::FirstRun(first_run) => self.first_run(first_run).await,
            Stage::Running(running) => Ok(Some(*running)),
        };
        match running {
            Ok(Some(running)) => self.remote(running, Watched { display, touched, wishes }).await,
            Ok(None) => {}
            Err(error) => {
                self.ending.replace(Ending::Failed(error));
            }
        }
        // The loop has ended: nothing may stand here as if it were true.
        let _ = slint::quit_event_loop();
    }

    /// Until a pump is paired; then its remote is started. Nothing, if the pairing ended by itself.
    async fn first_run(&mut self, first_run: FirstRun) -> anyhow::Result<Option<Running>> {
        let FirstRun { screens, intents: _, rounds, turned, paired } = first_run;
        light_up(&self.home.config);
        pass_rounds(&self.runtime, systemd::FIRST_RUN, rounds, turned)?;
        self.follow(screens).await;
        let Some(prepared) = paired.await? else { return Ok(None) };
        let (configuration, dark_after) = (self.home.configuration, self.home.dark_after());
        started_apart(&self.runtime, move || prepared.start(configuration, dark_after)).await.map(Some)
    }

    async fn remote(&mut self, mut running: Running, watched: Watched) {
        let (hands, practice) = Hands::new(running.intents.clone());
        self.listener.replace(hands.clone());
        hand_over(&running.intents, Intent::Quiet(self.chosen.get().quiet.hours()));
        start_sound(&self.runtime, running.screens.clone(), watched.wishes.clone());
        wire(&self.runtime, &self.home, &mut running, &hands, watched);
        let Running { screens, close, turned, rounds, ended, .. } = running;
        self.ending.replace(Ending::Close(close, ended));
        if let Err(error) = pass_rounds(&self.runtime, systemd::PAGES, rounds, turned) {
            tracing::error!(%error, "nobody is told that the pages stand");
        }
        self.follow_with_practice(screens, practice).await;
    }

    /// Shows every screen until whoever makes them ends, and while one wants a practice that one's in its place.
    async fn follow_with_practice(
        &mut self,
        mut screens: watch::Receiver<Screen>,
        hands: watch::Sender<Option<mpsc::Sender<Intent>>>,
    ) {
        let mut practice: Option<Practice> = None;
        loop {
            let truth = screens.borrow_and_update().clone();
            if !Practice::wanted(&truth) {
                if let Some(ended) = practice.take() {
                    hands.send_replace(None);
                    ended.end(&self.runtime);
                }
            } else if practice.is_none() {
                self.window.apply(&truth);
                match Practice::begin(&self.runtime).await {
                    Ok(begun) => {
                        hands.send_replace(Some(begun.intents()));
                        practice = Some(begun);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no practice can be begun");
                        self.listener.borrow().tell(Intent::Visit(Visit::More));
                    }
                }
            }
            let shown = practice.as_mut().map_or_else(|| truth.clone(), |practice| practice.screen(&truth));
            self.window.apply(&shown);
            let practised = async {
                match &mut practice {
                    Some(practice) => practice.changed().await,
                    None => std::future::pending().await,
                }
            };
            let ended = tokio::select! {
                changed = screens.changed() => match changed {
                    Ok(()) => false,
                    Err(_) => break,
                },
                changed = practised => changed.is_err(),
            };
            if ended {
                // Its loop is gone: nothing may stand here as if it went on.
                practice = None;
                hands.send_replace(None);
                self.listener.borrow().tell(Intent::Visit(Visit::More));
            }
        }
        if let Some(ended) = practice {
            ended.end(&self.runtime);
        }
    }

    /// Shows every screen until whoever makes them ends.
    async fn follow(&mut self, mut screens: watch::Receiver<Screen>) {
        self.window.apply(&screens.borrow_and_update().clone());
        while screens.changed().await.is_ok() {
            self.window.apply(&screens.borrow_and_update().clone());
        }
    }
}

/// A page that says what is wrong, until its window is closed; the way to the emergency page works here too.
pub(crate) fn show_fault(
    runtime: &Runtime,
    detail: String,
    panel: Panel,
    card: &CardConfig,
    looks: Looks,
) -> anyhow::Result<()> {
    let (told, mut visits) = mpsc::unbounded_channel();
    let tell = move |intent| {
        if let Intent::Visit(to) = intent {
            let _ = told.send(to);
        }
    };
    let fault = Screen::alone(Face::Fault(Fault::Record { detail }));
    let window = Window::new(tell).context("no window can be opened")?;
    let mut window = open(window, looks, card, panel, &fault)?;
    // There is no loop here: rounds go to the display alone.
    let (rounds, turned) = watch::channel(FIRST_PAGE);
    pass_rounds(runtime.handle(), systemd::FAULT, rounds, turned)?;
    beside_the_pages(async move {
        while let Some(visit) = visits.recv().await {
            match visit {
                Visit::Emergency => window.apply(&Screen::alone(Face::Emergency { drug: None, stop: None })),
                // Nothing else can be shown truthfully.
                _ => window.apply(&fault),
            }
        }
    })?;
    let told = runtime.spawn(end_when_told());
    Window::run().context("the window ended")?;
    systemd::stopping();
    // Told, or closed by a hand on a desktop: whoever was told is about to end, too.
    let told = runtime.block_on(async { tokio::time::timeout(Duration::from_millis(200), told).await.is_ok() });
    anyhow::ensure!(told, "ended on the fault page");
    Ok(())
}

/// Opens the window on its first page.
fn open(mut window: Window, looks: Looks, card: &CardConfig, panel: Panel, first: &Screen) -> anyhow::Result<Window> {
    window.dress(looks);
    window.introduce(card);
    window.fit(panel);
    window.apply(first);
    window.show().context("no window can be opened")?;
    Ok(window)
}

/// Keeps the watchdog fed for as long as the rounds that have turned in the loop are passed back by the thread that draws.
fn pass_rounds(
    runtime: &Handle,
    status: &'static str,
    begin: watch::Sender<Round>,
    turned: watch::Receiver<Round>,
) -> anyhow::Result<()> {
    let (shown, back) = watch::channel(FIRST_PAGE);
    runtime.spawn(systemd::keep(status, begin, back));
    beside_the_pages(systemd::pass_back(turned, shown, Window::drawn))
}

/// On the thread that draws, between its turns.
fn beside_the_pages(work: impl Future<Output = ()> + 'static) -> anyhow::Result<()> {
    slint::spawn_local(work).map_err(|_| anyhow::anyhow!("the window has no event loop"))?;
    Ok(())
}

/// Alarms and cues through the speaker, where there is one.
#[cfg(all(target_os = "linux", feature = "sound"))]
fn start_sound(runtime: &Handle, screens: watch::Receiver<Screen>, wishes: watch::Receiver<Wishes>) {
    use pump_remote::adapters::sound;

    runtime.spawn(sound::play(sound::speaker::Speaker::default(), screens, wishes));
}

#[cfg(not(all(target_os = "linux", feature = "sound")))]
fn start_sound(_: &Handle, _: watch::Receiver<Screen>, _: watch::Receiver<Wishes>) {}

/// Ends the window's event loop on SIGTERM or SIGINT; the rest follows from that.
async fn end_when_told() {
    let (Ok(mut terminated), Ok(mut interrupted)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals can't be heard: close the window to end in good order");
        return;
    };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    if slint::quit_event_loop().is_err() {
        tracing::warn!("the window has no event loop to quit");
    }
}
