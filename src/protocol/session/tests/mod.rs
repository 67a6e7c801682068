//! Stories of two ends and whoever stands between them.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::{
    frame::{Channel, Frame},
    *,
};
use crate::{
    clock::Uptime,
    history::HistorySeq,
    message::{AuditHead, Command, KeyFingerprint, Reply, RequestId, Role, StatusChanged},
    wire::{decode, encode},
};

struct Seeded(ChaCha8Rng);

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

fn seeded(seed: u64) -> Seeded {
    Seeded(ChaCha8Rng::seed_from_u64(seed))
}

const NOON: Uptime = Uptime::from_millis(12 * 3_600_000);
const OPEN: Option<Role> = Some(Role::Patient);

/// A pump, a remote and the card between them. What is on disk is here too, so that either can lose its memory.
struct Pair<S: Suite> {
    remote: RemoteEnd<S>,
    remote_pins: RemotePins,
    pump: PumpEnd<S>,
    pump_pins: Vec<u8>,
    card: CardSecret,
    entropy: Seeded,
    now: Uptime,
}

type Heard<E, F> = Result<Turn<E>, F>;

impl<S: Suite> Pair<S> {
    fn new(seed: u64) -> Self {
        let mut entropy = seeded(seed);
        let card = CardSecret::generate(&mut entropy);
        let remote = RemoteEnd::new(remote_key());
        let pump = PumpEnd::new(pump_key(), &card, PumpPins::default());
        let pump_pins = encode(&PumpPins::default());
        Self { remote, remote_pins: RemotePins::default(), pump, pump_pins, card, entropy, now: NOON }
    }

    fn paired(seed: u64) -> Self {
        let mut pair = Self::new(seed);
        pair.pair_until(Step::Done);
        pair
    }

    fn pump_hears(&mut self, frame: &[u8], window: Option<Role>) -> Heard<PumpEvent, Refused> {
        self.pump.hear(frame, window, &mut self.entropy, self.now)
    }

    /// Walks a pairing; everything after `cut` is lost.
    fn pair_until(&mut self, cut: Step) {
        let pair_1 = self.remote.pair(&self.card, &mut self.entropy, self.now).expect("begins");
        if cut == Step::Pair1 {
            return;
        }
        let pair_2 = sent(self.pump_hears(&pair_1, OPEN));
        if cut == Step::Pair2 {
            return;
        }
        let pair_3 = sent(self.remote.hear(&pair_2, self.now));
        if cut == Step::Pair3 {
            return;
        }
        let event = told(self.pump_hears(&pair_3, OPEN));
        assert!(matches!(event, PumpEvent::PairingProvisional(_)), "{event:?}");
        if cut == Step::BeforePumpStores {
            return;
        }
        self.pump_pins = encode(self.pump.pins());
        let proof = self.pump.provisional_stored().expect("a pairing waits for it");
        if cut == Step::Proof {
            return;
        }
        let RemoteEvent::PumpProved(pin) = told(self.remote.hear(&proof, self.now)) else {
            unreachable!("the proof proves");
        };
        if cut == Step::BeforeRemoteStores {
            return;
        }
        self.remote_pins = self.remote_pins.clone().with_provisional(pin);
        let confirm = self.remote.pin_stored().expect("a pin waits for it");
        if cut == Step::Confirm {
            return;
        }
        self.confirm(&confirm, cut);
    }

    fn confirm(&mut self, confirm: &[u8], cut: Step) {
        let event = told(self.pump_hears(confirm, None));
        assert!(matches!(event, PumpEvent::Command { command: Command::ConfirmPairing, .. }), "{event:?}");
        if cut == Step::BeforePumpConfirms {
            return;
        }
        self.pump_pins = encode(&self.pump.pins_to_confirm().expect("there is room"));
        self.pump.pairing_confirmed().expect("there is room");
        let confirmed = self.pump.say(&Reply::PairingConfirmed).expect("a session is live");
        if cut == Step::Confirmed {
            return;
        }
        assert_eq!(told(self.remote.hear(&confirmed, self.now)), RemoteEvent::Heard(Reply::PairingConfirmed));
        self.remote_pins = self.remote_pins.clone().with_confirmation();
    }

    /// Both forget everything that isn't on disk.
    fn restart(&mut self) {
        let pins = decode(&self.pump_pins).expect("what was stored is readable");
        self.pump = PumpEnd::new(pump_key(), &self.card, pins);
        self.remote = RemoteEnd::new(remote_key());
    }

    /// Tries one pin; whether the session came up, proved by a command that the pump took.
    fn reconnects_with(&mut self, pin: &PairedPump) -> bool {
        self.now = self.now.after(BACKOFF_MAX);
        let first = self.remote.reconnect(pin, &mut self.entropy, self.now).expect("begins");
        let Ok(Turn { send: Some(second), .. }) = self.pump_hears(&first, None) else { return false };
        let turn = self.remote.hear(&second, self.now);
        turn.is_ok_and(|turn| turn.event == Some(RemoteEvent::Opened))
    }

    /// What a shell does at every start: the newest pin first, and CONFIRM PAIRING if that one is provisional.
    fn reconnects(&mut self) -> bool {
        let pins: Vec<PairedPump> = self.remote_pins.newest_first().cloned().collect();
        let Some(pin) = pins.iter().find(|pin| self.reconnects_with(pin)) else { return false };
        if self.remote_pins.provisional.as_ref() == Some(pin) {
            let confirm = self.remote.say(&Command::ConfirmPairing).expect("open");
            self.confirm(&confirm, Step::Done);
        } else {
            self.remote_pins = self.remote_pins.clone().without_provisional();
        }
        self.asks(&Command::ReadReport)
    }

    fn asks(&mut self, command: &Command) -> bool {
        let frame = self.remote.say(command).expect("open");
        matches!(self.pump_hears(&frame, None),
            Ok(Turn { event: Some(PumpEvent::Command { command: heard, .. }), .. }) if heard == *command)
    }

    fn answers(&mut self, reply: &Reply) -> bool {
        let frame = self.pump.say(reply).expect("live");
        self.remote.hear(&frame, self.now) == Ok(Turn::tells(RemoteEvent::Heard(reply.clone())))
    }
}

/// Where a pairing is cut: this frame, or this step of a shell, is the first that doesn't happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Pair1,
    Pair2,
    Pair3,
    BeforePumpStores,
    Proof,
    BeforeRemoteStores,
    Confirm,
    BeforePumpConfirms,
    Confirmed,
    Done,
}

const STEPS: [Step; 10] = [
    Step::Pair1,
    Step::Pair2,
    Step::Pair3,
    Step::BeforePumpStores,
    Step::Proof,
    Step::BeforeRemoteStores,
    Step::Confirm,
    Step::BeforePumpConfirms,
    Step::Confirmed,
    Step::Done,
];

fn remote_key() -> StaticKey {
    StaticKey::generate(&mut seeded(1))
}

fn pump_key() -> StaticKey {
    StaticKey::generate(&mut seeded(2))
}

fn other_key() -> StaticKey {
    StaticKey::generate(&mut seeded(3))
}

#[track_caller]
fn sent<E: core::fmt::Debug, F: core::fmt::Debug>(turn: Heard<E, F>) -> Vec<u8> {
    turn.expect("taken").send.expect("answered")
}

#[track_caller]
fn told<E: core::fmt::Debug, F: core::fmt::Debug>(turn: Heard<E, F>) -> E {
    turn.expect("taken").event.expect("something happened")
}

#[track_caller]
fn refused(turn: Heard<PumpEvent, Refused>) -> Refused {
    turn.expect_err("refused")
}

fn command(number: u64) -> Command {
    Command::Query { id: RequestId(number) }
}

fn commands() -> [Command; 4] {
    let (id, audit_head) = (RequestId(7), AuditHead { count: 9, hash: [7; 32] });
    [
        Command::ReadReport,
        Command::Query { id },
        Command::Hello { audit_head },
        Command::Prepare { id, prescription: crate::prescription::PrescriptionHash([1; 32]), audit_head },
    ]
}

fn status(changed: StatusChanged) -> Reply {
    Reply::Status { changed }
}

/// Every story is told with cryptography and without: the machines must not lean on either.
macro_rules! stories {
    ($($(#[$doc:meta])* fn $name:ident<S>() $body:block)*) => {
        $(fn $name<S: Suite>() $body)*
        mod with_noise {
            $(#[test] fn $name() { super::$name::<super::Noise>(); })*
        }
        mod in_plain_sight {
            $(#[test] fn $name() { super::$name::<super::Transparent>(); })*
        }
    };
}

mod beside;
mod frames;
mod keys;
mod opponent;
mod pairing;
mod tampering;
