//! The window with the remote's pages, or with the one page that is left when there is no remote.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use pump_core::{
    audit::event::WallDoubt,
    cues::Wishes,
    screen::{Face, Fault, Intent, LinkHealth, Screen, Visit},
    selftest::Condition,
};
use pump_remote::{
    adapters::{
        slint::{Looks, Panel, Window},
        systemd::{self, FIRST_PAGE, Round},
    },
    shell::{
        config::{CardConfig, Display},
        hand_over,
    },
};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    time::Instant,
};

use crate::compose::Running;

/// What others learn from the window.
pub(crate) struct Watched {
    /// That it is open.
    pub(crate) seen: watch::Sender<Option<Condition>>,
    /// That somebody touched it.
    pub(crate) touched: watch::Sender<Instant>,
    /// What the person wishes to hear.
    pub(crate) wish: watch::Sender<Wishes>,
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

/// Shows the remote until its window is closed or the program is told to end.
pub(crate) fn show(
    runtime: &Runtime,
    running: Running,
    panel: Panel,
    card: &CardConfig,
    looks_file: PathBuf,
    watched: Watched,
) -> anyhow::Result<()> {
    let Running { mut screens, intents, close, turned, rounds, ended, .. } = running;
    let (looks, unread) = Looks::read(&looks_file);
    if let Some(error) = unread {
        tracing::warn!(%error, "the chosen looks can't be read; the usual ones are shown");
    }
    hand_over(&intents, Intent::Quiet(looks.quiet.hours()));
    let Watched { seen, touched, wish } = watched;
    wish.send_replace(looks.wishes());
    start_sound(runtime, screens.clone(), wish.subscribe());
    let keep = move |looks: Looks| {
        // Where nothing can be heard nobody listens to wishes.
        let _ = wish.send(looks.wishes());
        if let Err(error) = looks.store(&looks_file) {
            tracing::warn!(%error, "the chosen looks can't be kept; they last until the program ends");
        }
    };
    let intend = move |intent| {
        if intent == Intent::Wake {
            touched.send_replace(Instant::now());
        }
        hand_over(&intents, intent);
    };
    let window = Window::choosing(intend, keep).context("no window can be opened")?;
    let mut window = open(window, looks, card, panel, &screens.borrow_and_update().clone())?;
    pass_rounds(runtime, systemd::PAGES, rounds, turned)?;
    beside_the_pages(async move {
        Window::drawn().await;
        // The window is open and its loop turns; whether anybody can see it is asked of people.
        seen.send_replace(Some(Condition::Works));
        while screens.changed().await.is_ok() {
            window.apply(&screens.borrow_and_update().clone());
        }
        // The loop has ended: nothing may stand here as if it were true.
        let _ = slint::quit_event_loop();
    })?;
    runtime.spawn(end_when_told());
    Window::run().context("the window ended")?;
    systemd::stopping();
    // Already gone: the loop has ended by itself.
    let _ = close.send(());
    runtime.block_on(ended).context("the remote did not end in good order")
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
    let fault = fault_screen(Face::Fault(Fault::Record { detail }));
    let window = Window::new(tell).context("no window can be opened")?;
    let mut window = open(window, looks, card, panel, &fault)?;
    // There is no loop here: rounds go to the display alone.
    let (rounds, turned) = watch::channel(FIRST_PAGE);
    pass_rounds(runtime, systemd::FAULT, rounds, turned)?;
    beside_the_pages(async move {
        while let Some(visit) = visits.recv().await {
            match visit {
                Visit::Emergency => window.apply(&fault_screen(Face::Emergency { drug: None, stop: None })),
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
    runtime: &Runtime,
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

pub(crate) fn fault_screen(face: Face) -> Screen {
    Screen {
        face,
        hold: None,
        clock: Err(WallDoubt::NotSet),
        link: LinkHealth::OutOfReach,
        heard_min_ago: None,
        alarms: Vec::new(),
        signals: None,
        notice: None,
    }
}

/// Alarms and cues through the speaker, where there is one.
#[cfg(all(target_os = "linux", feature = "sound"))]
fn start_sound(runtime: &Runtime, screens: watch::Receiver<Screen>, wishes: watch::Receiver<Wishes>) {
    use pump_remote::adapters::sound;

    runtime.spawn(sound::play(sound::speaker::Speaker::default(), screens, wishes));
}

#[cfg(not(all(target_os = "linux", feature = "sound")))]
fn start_sound(_: &Runtime, _: watch::Receiver<Screen>, _: watch::Receiver<Wishes>) {}

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
