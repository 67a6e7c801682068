//! The first run: the pairing's machine between the window and the way to the pump.

use pump_core::{
    pairing::{Input, Pairing, Refusal},
    screen::{Intent, Screen},
};
use pump_protocol::{session::CardSecret, wire::Text};
use pump_remote::{
    adapters::{
        bluez::LinkError,
        systemd::{FIRST_PAGE, Round},
    },
    shell::link::PairingError,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::compose::{NotPaired, Prepared};

/// More than a hand taps while a turn is taken.
const INTENTS_WAITING_MAX: usize = 64;

/// A pairing under way, and what a window connects it with.
pub(crate) struct FirstRun {
    /// What is shown; ends with the pairing.
    pub(crate) screens: watch::Receiver<Screen>,
    /// What people do.
    pub(crate) intents: mpsc::Sender<Intent>,
    /// For the watchdog's rounds.
    pub(crate) rounds: watch::Sender<Round>,
    /// The rounds that the pairing has turned in.
    pub(crate) turned: watch::Receiver<Round>,
    /// What is ready to be started then; nothing, if the window was closed before.
    pub(crate) paired: JoinHandle<Option<Prepared>>,
}

/// An attempt gives back what it was made with.
type Attempt = JoinHandle<(Prepared, Result<Text<16>, NotPaired>)>;

impl FirstRun {
    /// Shows the first page.
    pub(crate) fn begin(runtime: &Handle, prepared: Prepared) -> Self {
        let pairing = Pairing::new(prepared.clock().now());
        let (screen, screens) = watch::channel(pairing.screen());
        let (intents, intended) = mpsc::channel(INTENTS_WAITING_MAX);
        let (rounds, round) = watch::channel(FIRST_PAGE);
        let (turn, turned) = watch::channel(FIRST_PAGE);
        let paired = runtime.spawn(serve(prepared, pairing, intended, screen, round, turn));
        Self { screens, intents, rounds, turned, paired }
    }
}

async fn serve(
    prepared: Prepared,
    mut pairing: Pairing,
    mut intents: mpsc::Receiver<Intent>,
    screens: watch::Sender<Screen>,
    mut rounds: watch::Receiver<Round>,
    turned: watch::Sender<Round>,
) -> Option<Prepared> {
    let clock = prepared.clock().clone();
    let (found, mut founds) = mpsc::channel(1);
    let (mut resting, mut attempt) = (Some(prepared), None);
    while !pairing.done() {
        let forgotten = async {
            match pairing.poll_timeout() {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let input = tokio::select! {
            intent = intents.recv() => Input::Intent(intent?),
            Some(()) = founds.recv() => Input::Found,
            ended = over(&mut attempt) => {
                // A task that panicked has been logged by its own thread, and what it was made with is gone.
                let (prepared, ended) = ended?;
                (resting, attempt) = (Some(prepared), None);
                Input::Ended(ended)
            }
            Ok(()) = rounds.changed() => Input::Tick,
            () = forgotten => Input::Tick,
        };
        pairing.handle(input, clock.now());
        if let Some(card) = pairing.poll_order()
            && let Some(prepared) = resting.take()
        {
            attempt = Some(tokio::spawn(pair(prepared, card, found.clone())));
        }
        screens.send_replace(pairing.screen());
        turned.send_if_modified(|passed| {
            let round = *rounds.borrow();
            std::mem::replace(passed, round) != round
        });
    }
    resting
}

async fn pair(
    mut prepared: Prepared,
    card: CardSecret,
    found: mpsc::Sender<()>,
) -> (Prepared, Result<Text<16>, NotPaired>) {
    // Told too late to be of use if there is no room.
    let told = || {
        let _ = found.try_send(());
    };
    let paired = prepared.pair(&card, told).await;
    (prepared, paired)
}

/// The end of the attempt that is under way; never, without one.
async fn over(attempt: &mut Option<Attempt>) -> Option<(Prepared, Result<Text<16>, Refusal>)> {
    let Some(attempt) = attempt else { return std::future::pending().await };
    let (prepared, paired) = attempt.await.ok()?;
    let told = paired.map_err(|error| {
        // The page says what to do; whoever reads the journal learns what it was.
        tracing::warn!(%error, "no pump was paired");
        refusal(&error)
    });
    Some((prepared, told))
}

/// As the page tells it.
const fn refusal(error: &NotPaired) -> Refusal {
    match error {
        NotPaired::Radio(LinkError::NoWindow(_)) => Refusal::NoWindow,
        NotPaired::Radio(LinkError::SeveralWindows) => Refusal::SeveralWindows,
        NotPaired::Radio(LinkError::NotBonded(_)) => Refusal::NotBonded,
        NotPaired::Radio(_) | NotPaired::InProcess => Refusal::NoRadio,
        NotPaired::Session(PairingError::Unreachable(_)) => Refusal::Lost,
        NotPaired::Session(PairingError::Refused(_) | PairingError::AnotherPump { .. }) => Refusal::Disagreed,
        NotPaired::Session(PairingError::Keys(_)) | NotPaired::Address(_) => Refusal::NotKept,
    }
}
