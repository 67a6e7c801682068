//! Stories of two ends and whoever stands between them.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::{frame::Channel, *};
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

stories! {
    fn a_pairing_opens_a_session_in_which_both_sides_are_heard<S>() {
        let mut pair = Pair::<S>::paired(10);
        for number in 1..=20 {
            assert!(pair.asks(&command(number)));
            assert!(pair.answers(&status(StatusChanged::HISTORY)));
        }
        assert_eq!(pair.pump.live_key(), Some(remote_key().public().fingerprint()));
        assert_eq!(pair.pump.pins().confirmed.len(), 1);
        assert_eq!(pair.pump.pins().provisional, None);
        assert_eq!(pair.remote_pins.confirmed.as_ref().map(|pin| pin.pump), Some(pump_key().public()));
    }

    fn a_reconnection_after_a_restart_needs_no_card<S>() {
        let mut pair = Pair::<S>::paired(11);
        pair.restart();
        assert!(pair.reconnects());
        assert!(pair.answers(&Reply::PairingConfirmed));
    }

    fn the_first_frame_of_a_session_says_that_it_is_and_whom_it_replaced<S>() {
        let mut pair = Pair::<S>::paired(12);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        let key = remote_key().public().fingerprint();
        assert!(pair.reconnects_with(&pin));
        let frame = pair.remote.say(&command(1)).expect("open");
        let first = told(pair.pump_hears(&frame, None));
        let expected = |number, opened, replaced| PumpEvent::Command {
            from: key, role: Role::Patient, command: command(number), opened, replaced, provisional: false,
        };
        assert_eq!(first, expected(1, true, Some(key)));
        let frame = pair.remote.say(&command(2)).expect("open");
        assert_eq!(told(pair.pump_hears(&frame, None)), expected(2, false, None));
    }

    fn a_pairing_cut_anywhere_leaves_both_sides_agreeing<S>() {
        for already_paired in [false, true] {
            for cut in STEPS {
                for (pump_restarts, window_open_again) in [(false, false), (true, false), (true, true)] {
                    let mut pair = if already_paired { Pair::<S>::paired(13) } else { Pair::<S>::new(13) };
                    pair.pair_until(cut);
                    pair.remote = RemoteEnd::new(remote_key());
                    if pump_restarts {
                        pair.restart();
                    }
                    let has_a_pin = pair.remote_pins.newest_first().next().is_some();
                    assert_eq!(pair.reconnects(), has_a_pin, "{already_paired} {cut:?}: what the remote pinned works");
                    assert_eq!(pair.remote_pins.provisional, None, "{cut:?}: settled by the reconnection");
                    if has_a_pin {
                        let pins: PumpPins = decode(&pair.pump_pins).expect("readable");
                        assert_eq!(pins.confirmed.len(), 1, "{cut:?}: one remote, one key");
                        let (ours, theirs) = (&pair.remote_pins.confirmed, &pins.confirmed[0]);
                        // proves R-LNK-05
                        assert_eq!(ours.as_ref().map(|pin| &pin.psk), Some(&theirs.psk), "{cut:?}: both sides agree");
                    }
                    if window_open_again {
                        pair.now = pair.now.after(BACKOFF_MAX);
                        pair.pair_until(Step::Done);
                        assert!(pair.asks(&command(5)), "{cut:?}: a pairing after it works");
                    }
                }
            }
        }
    }

    fn the_old_pin_works_until_the_new_one_is_confirmed<S>() {
        for cut in &STEPS[..8] {
            let mut pair = Pair::<S>::paired(14);
            let old = pair.remote_pins.confirmed.clone().expect("paired");
            pair.pair_until(*cut);
            pair.restart();
            // proves R-LNK-05
            assert!(pair.reconnects_with(&old) && pair.asks(&command(1)), "{cut:?}");
        }
        let mut pair = Pair::<S>::paired(14);
        let old = pair.remote_pins.confirmed.clone().expect("paired");
        pair.pair_until(Step::Done);
        assert!(!pair.reconnects_with(&old), "one remote has one key that counts");
    }

    fn another_pairing_in_between_leaves_the_first_remote_its_old_pin<S>() {
        for cut in [Step::Confirm, Step::Proof] {
            let mut pair = Pair::<S>::paired(27);
            pair.pair_until(cut);
            let first_pins = pair.remote_pins.clone();
            pair.remote = RemoteEnd::new(other_key());
            pair.remote_pins = RemotePins::default();
            pair.now = pair.now.after(BACKOFF_MAX);
            pair.pair_until(Step::Done);
            assert!(pair.asks(&command(1)), "{cut:?}: the second remote is in");
            pair.restart();
            pair.remote_pins = first_pins;
            assert!(pair.reconnects(), "{cut:?}: the first one falls back to its old pin");
            assert_eq!(pair.remote_pins.provisional, None);
            pair.restart();
            assert!(pair.reconnects(), "{cut:?}: and it stays so");
            assert_eq!(pair.pump.pins().confirmed.len(), 2);
        }
    }

    fn nothing_is_said_in_a_pairing_before_the_pin_is_durable<S>() {
        let mut pair = Pair::<S>::new(15);
        pair.pair_until(Step::BeforeRemoteStores);
        assert_eq!(pair.remote.say(&command(1)), Err(SessionError::NoSession));
        assert!(!pair.remote.is_open());
        assert!(pair.remote.pin_stored().is_ok());
        assert_eq!(pair.remote.pin_stored(), Err(SessionError::NoPairing));
    }

    fn a_key_that_is_not_confirmed_may_say_nothing_else<S>() {
        let mut pair = Pair::<S>::new(16);
        pair.pair_until(Step::Confirm);
        let pin = pair.remote_pins.provisional.clone().expect("pinned");
        pair.restart();
        assert!(pair.reconnects_with(&pin));
        let frame = pair.remote.say(&command(1)).expect("open");
        assert_eq!(refused(pair.pump_hears(&frame, None)).why, SessionError::NotConfirmed);
        assert_eq!(pair.pump.live_key(), None);
        assert!(pair.reconnects(), "saying CONFIRM PAIRING first settles it");
    }

    fn a_pairing_that_could_not_be_stored_has_not_happened<S>() {
        let mut pair = Pair::<S>::paired(17);
        let before = pair.pump.pins().clone();
        pair.pair_until(Step::BeforePumpStores);
        assert!(pair.pump.pins().provisional.is_some());
        pair.pump.provisional_not_stored();
        assert_eq!(*pair.pump.pins(), before);
        assert_eq!(pair.pump.provisional_stored(), Err(SessionError::NoPairing));
        assert!(pair.reconnects());
    }

    fn a_wrong_card_secret_pairs_with_nobody<S>() {
        let mut pair = Pair::<S>::paired(18);
        pair.card = CardSecret::generate(&mut pair.entropy);
        let pair_1 = pair.remote.pair(&pair.card, &mut pair.entropy, pair.now).expect("begins");
        let pair_2 = sent(pair.pump_hears(&pair_1, OPEN));
        let pair_3 = sent(pair.remote.hear(&pair_2, pair.now));
        let refusal = refused(pair.pump_hears(&pair_3, OPEN));
        // proves R-LNK-04
        assert_eq!(refusal, Refused { why: HandshakeFailed.into(), ended: None });
        assert_eq!(pair.pump.pins().provisional, None);
        assert!(pair.pump.live_key().is_some(), "the live session goes on");
    }

    fn a_pump_that_does_not_know_the_card_is_never_pinned<S>() {
        let mut pair = Pair::<S>::new(19);
        let elsewhere = CardSecret::generate(&mut pair.entropy);
        let mut thief = PumpEnd::<S>::new(other_key(), &elsewhere, PumpPins::default());
        let pair_1 = pair.remote.pair(&pair.card, &mut pair.entropy, pair.now).expect("begins");
        let pair_2 = sent(thief.hear(&pair_1, OPEN, &mut pair.entropy, pair.now));
        let pair_3 = sent(pair.remote.hear(&pair_2, pair.now));
        assert!(thief.hear(&pair_3, OPEN, &mut pair.entropy, pair.now).is_err(), "it can't even read it");
        let mut proof = vec![0; 10 + 12 + ANSWER_LEN + TAG_LEN];
        // proves R-LNK-04
        proof[..3].copy_from_slice(&[VERSION, Kind::Transport as u8, 1]);
        assert_eq!(pair.remote.hear(&proof, pair.now), Err(SessionError::NotGenuine));
        assert_eq!(pair.remote.pin_stored(), Err(SessionError::NoPairing));
    }

    fn nobody_pairs_while_the_window_is_closed<S>() {
        let mut pair = Pair::<S>::paired(20);
        let pair_1 = pair.remote.pair(&pair.card, &mut pair.entropy, pair.now).expect("begins");
        let refusal = refused(pair.pump_hears(&pair_1, None));
        // proves R-LNK-04
        assert_eq!(refusal, Refused { why: SessionError::WindowClosed, ended: None });

        let pair_2 = sent(pair.pump_hears(&pair_1, OPEN));
        let pair_3 = sent(pair.remote.hear(&pair_2, pair.now));
        assert_eq!(refused(pair.pump_hears(&pair_3, None)).why, SessionError::WindowClosed, "closed in between");
        assert_eq!(pair.pump.pins().provisional, None);
    }

    fn a_window_for_one_role_pairs_no_other<S>() {
        let mut pair = Pair::<S>::new(21);
        let pair_1 = pair.remote.pair(&pair.card, &mut pair.entropy, pair.now).expect("begins");
        let pair_2 = sent(pair.pump_hears(&pair_1, Some(Role::Viewer)));
        let pair_3 = sent(pair.remote.hear(&pair_2, pair.now));
        assert_eq!(refused(pair.pump_hears(&pair_3, OPEN)).why, SessionError::WindowClosed);
    }

    fn the_role_is_what_the_window_was_opened_for<S>() {
        let mut pair = Pair::<S>::new(22);
        let pair_1 = pair.remote.pair(&pair.card, &mut pair.entropy, pair.now).expect("begins");
        let pair_2 = sent(pair.pump_hears(&pair_1, Some(Role::Viewer)));
        let pair_3 = sent(pair.remote.hear(&pair_2, pair.now));
        let PumpEvent::PairingProvisional(remote) = told(pair.pump_hears(&pair_3, Some(Role::Viewer))) else {
            unreachable!("a pairing is provisional first");
        };
        assert_eq!((remote.role, remote.remote), (Role::Viewer, remote_key().public()));
    }

    fn a_fifth_remote_is_refused_until_one_is_revoked<S>() {
        let mut pair = Pair::<S>::new(23);
        for seed in 100..104 {
            pair.remote = RemoteEnd::new(StaticKey::generate(&mut seeded(seed)));
            pair.pair_until(Step::Done);
        }
        assert_eq!(pair.pump.pins().confirmed.len(), PAIRED_REMOTES_MAX);
        let four = pair.pump.pins().clone();
        pair.remote = RemoteEnd::new(remote_key());
        let pair_1 = pair.remote.pair(&pair.card, &mut pair.entropy, pair.now).expect("begins");
        let pair_2 = sent(pair.pump_hears(&pair_1, OPEN));
        let pair_3 = sent(pair.remote.hear(&pair_2, pair.now));
        assert_eq!(refused(pair.pump_hears(&pair_3, OPEN)), Refused { why: SessionError::NoRoom, ended: None });
        assert_eq!(*pair.pump.pins(), four);

        pair.pump.revoke(four.confirmed[0].remote.fingerprint());
        pair.now = pair.now.after(BACKOFF_MAX);
        pair.pair_until(Step::Done);
        assert!(pair.asks(&command(1)));
        assert_eq!(pair.pump.pins().confirmed.len(), PAIRED_REMOTES_MAX);
    }

    fn each_of_four_remotes_reconnects_with_its_own_key<S>() {
        let mut pair = Pair::<S>::new(24);
        let mut paired = Vec::new();
        for seed in 100..104 {
            pair.remote = RemoteEnd::new(StaticKey::generate(&mut seeded(seed)));
            pair.pair_until(Step::Done);
            paired.push((seed, pair.remote_pins.confirmed.clone().expect("paired")));
        }
        for (seed, pin) in &paired {
            let key = StaticKey::generate(&mut seeded(*seed));
            pair.remote = RemoteEnd::new(key.clone());
            assert!(pair.reconnects_with(pin) && pair.asks(&command(*seed)), "{seed}");
            assert_eq!(pair.pump.live_key(), Some(key.public().fingerprint()));
        }
        let (_, pin) = &paired[0];
        assert!(!pair.reconnects_with(pin), "the last remote's key with the first one's secret fits nobody");
    }

    fn a_revoked_key_is_out_at_once_and_for_good<S>() {
        let mut pair = Pair::<S>::paired(25);
        let frame = pair.remote.say(&command(1)).expect("open");
        pair.pump.revoke(remote_key().public().fingerprint());
        assert_eq!(refused(pair.pump_hears(&frame, None)).why, SessionError::NoSession);
        // proves R-LNK-13
        assert!(!pair.reconnects());
        assert_eq!(pair.pump.pins(), &PumpPins::default());
    }

    fn a_repeated_frame_ends_the_session_and_runs_once<S>() {
        let mut pair = Pair::<S>::paired(30);
        let frame = pair.remote.say(&command(1)).expect("open");
        assert!(pair.pump_hears(&frame, None).is_ok());
        let key = pair.pump.live_key();
        let refusal = refused(pair.pump_hears(&frame, None));
        // proves R-LNK-01
        assert_eq!(refusal, Refused { why: SessionError::Replayed { counter: 2, last: 2 }, ended: key });
        assert_eq!(pair.pump.say(&Reply::PairingConfirmed), Err(SessionError::NoSession));

        let mut pair = Pair::<S>::paired(30);
        let frame = pair.pump.say(&Reply::PairingConfirmed).expect("live");
        assert!(pair.remote.hear(&frame, pair.now).is_ok());
        assert!(matches!(pair.remote.hear(&frame, pair.now), Err(SessionError::Replayed { .. })));
        assert!(!pair.remote.is_open());
    }

    fn frames_out_of_order_end_the_session<S>() {
        let mut pair = Pair::<S>::paired(31);
        let first = pair.remote.say(&command(1)).expect("open");
        let second = pair.remote.say(&command(2)).expect("open");
        assert!(pair.pump_hears(&second, None).is_ok(), "a frame that was lost on the way doesn't matter");
        // proves R-LNK-01
        assert_eq!(refused(pair.pump_hears(&first, None)).why, SessionError::Replayed { counter: 2, last: 3 });
        assert_eq!(pair.pump.live_key(), None);

        let mut pair = Pair::<S>::paired(31);
        let first = pair.pump.say(&Reply::PairingConfirmed).expect("live");
        let second = pair.pump.say(&status(StatusChanged::RESET)).expect("live");
        assert!(pair.remote.hear(&second, pair.now).is_ok());
        assert!(matches!(pair.remote.hear(&first, pair.now), Err(SessionError::Replayed { counter: 3, last: 4 })));
    }

    fn a_frame_cut_short_or_made_longer_ends_the_session<S>() {
        let mut probe = Pair::<S>::paired(32);
        let len = probe.remote.say(&command(1)).expect("open").len();
        for wrong_len in (0..len).step_by(7).chain([1, 9, 10, 25, 26, len - 1, len + 1, len + 16, 1024, 1025, 5000]) {
            let mut pair = Pair::<S>::paired(32);
            let mut frame = pair.remote.say(&command(1)).expect("open");
            frame.resize(wrong_len, 0);
            let refusal = refused(pair.pump_hears(&frame, None));
            // proves R-LNK-02
            assert!(refusal.ended.is_some(), "{wrong_len}: {refusal}");

            let mut pair = Pair::<S>::paired(32);
            let mut frame = pair.pump.say(&Reply::PairingConfirmed).expect("live");
            frame.resize(wrong_len, 0);
            assert!(pair.remote.hear(&frame, pair.now).is_err(), "{wrong_len}");
            assert!(!pair.remote.is_open(), "{wrong_len}");
        }
    }

    fn a_frame_with_one_bit_changed_ends_the_session<S>() {
        let mut probe = Pair::<S>::paired(33);
        let len = probe.remote.say(&command(1)).expect("open").len();
        for byte in (0..14).chain((14..len).step_by(11)).chain([len - 1]) {
            for bit in [0, 3, 7] {
                let mut pair = Pair::<S>::paired(33);
                let mut frame = pair.remote.say(&command(1)).expect("open");
                frame[byte] ^= 1 << bit;
                let refusal = refused(pair.pump_hears(&frame, None));
                // proves R-LNK-02
                assert!(refusal.ended.is_some(), "byte {byte} bit {bit}: {refusal}");
                assert_eq!(pair.pump.live_key(), None);

                let mut pair = Pair::<S>::paired(33);
                let mut frame = pair.pump.say(&Reply::PairingConfirmed).expect("live");
                frame[byte] ^= 1 << bit;
                assert!(pair.remote.hear(&frame, pair.now).is_err(), "byte {byte} bit {bit}");
                assert!(!pair.remote.is_open());
            }
        }
    }

    fn a_handshake_message_changed_anywhere_leads_nowhere<S>() {
        for byte in 0..48 {
            let mut pair = Pair::<S>::paired(34);
            let pin = pair.remote_pins.confirmed.clone().expect("paired");
            let mut first = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
            flip(&mut first, byte);
            let refusal = refused(pair.pump_hears(&first, None));
            assert_eq!(refusal, Refused { why: HandshakeFailed.into(), ended: None }, "{byte}");

            pair.now = pair.now.after(BACKOFF_MAX);
            let first = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
            let mut second = sent(pair.pump_hears(&first, None));
            flip(&mut second, byte);
            assert_eq!(pair.remote.hear(&second, pair.now), Err(HandshakeFailed.into()), "{byte}");
            assert!(!pair.remote.is_open());
        }
    }

    fn a_handshake_message_with_something_behind_it_is_refused<S>() {
        let mut pair = Pair::<S>::paired(35);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        for extra in [1, 16, 200] {
            let mut first = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
            first.extend(vec![0; extra]);
            assert_eq!(refused(pair.pump_hears(&first, None)).why, HandshakeFailed.into());
            pair.now = pair.now.after(BACKOFF_MAX);
        }
    }

    fn a_frame_of_another_session_ends_this_one<S>() {
        let mut pair = Pair::<S>::paired(36);
        let old_command = pair.remote.say(&command(9)).expect("open");
        let old_reply = pair.pump.say(&Reply::PairingConfirmed).expect("live");
        assert!(pair.reconnects(), "the same two ends, a new session");
        let refusal = refused(pair.pump_hears(&old_command, None));
        // proves R-LNK-02
        assert_eq!((refusal.why, refusal.ended.is_some()), (SessionError::NotGenuine, true));
        assert_eq!(pair.remote.hear(&old_reply, pair.now), Err(SessionError::NotGenuine));
        assert!(!pair.remote.is_open());
    }

    fn a_frame_sent_back_to_its_sender_is_refused<S>() {
        let mut pair = Pair::<S>::paired(37);
        let frame = pair.remote.say(&command(1)).expect("open");
        assert_eq!(pair.remote.hear(&frame, pair.now), Err(SessionError::NotGenuine));
        let frame = pair.pump.say(&Reply::PairingConfirmed).expect("live");
        assert_eq!(refused(pair.pump_hears(&frame, None)).why, SessionError::NotGenuine);
    }

    fn another_version_is_refused_whatever_it_says<S>() {
        for version in [0, 1, 0xFF] {
            let mut pair = Pair::<S>::paired(38);
            let pin = pair.remote_pins.confirmed.clone().expect("paired");
            let mut frame = pair.remote.say(&command(1)).expect("open");
            let mut pair_1 = pair.remote.pair(&pair.card, &mut pair.entropy, pair.now).expect("begins");
            let mut first = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
            for bytes in [&mut frame, &mut pair_1, &mut first] {
                bytes[0] = version;
            }
            let wrong = SessionError::Version { found: version };
            assert_eq!(refused(pair.pump_hears(&pair_1, OPEN)), Refused { why: wrong, ended: None });
            // proves R-LNK-11
            assert_eq!(refused(pair.pump_hears(&first, OPEN)), Refused { why: wrong, ended: None });
            let refusal = refused(pair.pump_hears(&frame, OPEN));
            assert_eq!((refusal.why, refusal.ended.is_some()), (wrong, true));
        }
    }

    fn a_frame_of_another_kind_is_refused<S>() {
        let kinds = [Kind::Pair1, Kind::Pair2, Kind::Pair3, Kind::Reconnect1, Kind::Reconnect2, Kind::Transport];
        for (index, kind) in kinds.into_iter().enumerate() {
            for other in &kinds[index + 1..] {
                assert!((kind as u8 ^ *other as u8).count_ones() >= 4, "{kind:?} and {other:?} are four bits apart");
            }
            let mut pair = Pair::<S>::paired(39);
            let mut frame = pair.remote.say(&command(1)).expect("open");
            frame[1] = kind as u8;
            let result = pair.pump_hears(&frame, OPEN);
            assert_eq!(result.is_ok(), kind == Kind::Transport, "{kind:?}");
            assert!(pair.pump.live_key().is_some(), "{kind:?}: what calls itself a handshake touches no session");
        }
    }

    fn a_recorded_first_message_does_not_hurt_the_live_session<S>() {
        let mut pair = Pair::<S>::paired(40);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        let recorded = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
        let second = sent(pair.pump_hears(&recorded, None));
        assert!(pair.remote.hear(&second, pair.now).is_ok());
        assert!(pair.asks(&command(1)));
        for number in 2..40 {
            pair.now = pair.now.after(BACKOFF_MAX);
            assert!(pair.pump_hears(&recorded, None).is_ok(), "it is answered: it can't be told from a new one");
            // proves R-LNK-07
            assert!(pair.asks(&command(number)), "and the live session goes on");
            assert!(pair.answers(&status(StatusChanged::DELIVERY)));
        }
    }

    fn noise_on_the_link_is_held_against_the_unproven_session_first<S>() {
        let mut pair = Pair::<S>::paired(41);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        let recorded = RemoteEnd::<S>::new(remote_key()).reconnect(&pin, &mut pair.entropy, NOON).expect("begins");
        assert!(pair.pump_hears(&recorded, None).is_ok());
        let noise = [&[VERSION, Kind::Transport as u8], [0x5C; 132].as_slice()].concat();
        assert_eq!(refused(pair.pump_hears(&noise, None)), Refused { why: SessionError::NotGenuine, ended: None });
        assert!(pair.asks(&command(1)), "the live session was not touched");
        assert!(refused(pair.pump_hears(&noise, None)).ended.is_some(), "now there is nobody else to blame");
    }

    fn the_old_session_lives_until_the_new_one_says_something<S>() {
        let mut pair = Pair::<S>::paired(42);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        let old = core::mem::replace(&mut pair.remote, RemoteEnd::new(remote_key()));
        assert!(pair.reconnects_with(&pin));
        let new = core::mem::replace(&mut pair.remote, old);
        assert!(pair.asks(&command(1)) && pair.answers(&Reply::PairingConfirmed), "the old one still counts");
        let late = pair.remote.say(&command(2)).expect("open");
        pair.remote = new;
        assert!(pair.asks(&command(3)) && pair.answers(&Reply::PairingConfirmed), "the new one counts");
        assert_eq!(refused(pair.pump_hears(&late, None)).why, SessionError::NotGenuine, "and the old one doesn't");
    }

    fn a_handshake_that_is_never_finished_is_given_up<S>() {
        let mut pair = Pair::<S>::paired(43);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        assert!(pair.reconnects_with(&pin));
        let late = pair.remote.say(&command(1)).expect("open");
        assert_eq!(pair.pump.deadline(), Some((pair.now.after(HANDSHAKE_TIME_MAX), "handshake unfinished")));
        pair.now = pair.now.after(HANDSHAKE_TIME_MAX.saturating_add(Millis::new(1)));
        assert_eq!(refused(pair.pump_hears(&late, None)).why, SessionError::NotGenuine);

        let first = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
        assert_eq!(first.len(), 50);
        let deadline = pair.now.after(HANDSHAKE_TIME_MAX);
        assert_eq!(pair.remote.deadline(), Some((deadline, "handshake unanswered")));
        assert_eq!(pair.remote.expire(deadline), Ok(()));
        assert_eq!(pair.remote.expire(deadline.after(Millis::new(1))), Err(SessionError::TimedOut));
        assert_eq!(pair.remote.deadline(), None);
    }

    fn failed_handshakes_are_backed_off_from_and_never_touch_the_live_session<S>() {
        let mut pair = Pair::<S>::paired(44);
        let junk = [&[VERSION, Kind::Reconnect1 as u8], [7; 48].as_slice()].concat();
        let mut longest = Millis::ZERO;
        for number in 0..40 {
            let first = refused(pair.pump_hears(&junk, None));
            assert_eq!(first, Refused { why: HandshakeFailed.into(), ended: None });
            let SessionError::BackingOff { retry_after } = refused(pair.pump_hears(&junk, None)).why else {
                unreachable!("the second in a row must wait");
            };
            assert!(retry_after >= longest && retry_after <= BACKOFF_MAX, "{retry_after}");
            longest = retry_after;
            // proves R-LNK-07
            assert!(pair.asks(&command(number)), "the live session goes on");
            pair.now = pair.now.after(retry_after);
        }
        assert_eq!(longest, BACKOFF_MAX);
        assert!(pair.reconnects(), "whoever has the key gets in");
        assert!(matches!(refused(pair.pump_hears(&junk, None)).why, SessionError::Handshake(_)), "and wipes the slate");
        let SessionError::BackingOff { retry_after } = refused(pair.pump_hears(&junk, None)).why else {
            unreachable!("the second in a row must wait");
        };
        assert_eq!(retry_after, BACKOFF_FIRST);
    }

    fn the_remote_backs_off_too<S>() {
        let mut pair = Pair::<S>::paired(45);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
        let junk = [&[VERSION, Kind::Reconnect2 as u8], [7; 48].as_slice()].concat();
        assert_eq!(pair.remote.hear(&junk, pair.now), Err(HandshakeFailed.into()));
        let again = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now);
        assert_eq!(again, Err(SessionError::BackingOff { retry_after: BACKOFF_FIRST }));
        assert!(pair.reconnects(), "and gets in after the wait");
    }

    fn a_lost_link_ends_the_remotes_session_and_leaves_the_pumps<S>() {
        let mut pair = Pair::<S>::paired(46);
        pair.remote.link_lost();
        pair.pump.link_lost(pair.now);
        assert_eq!(pair.remote.say(&command(1)), Err(SessionError::NoSession));
        assert!(pair.pump.live_key().is_some());
        assert!(pair.reconnects());
    }

    fn every_command_looks_alike<S>() {
        let mut pair = Pair::<S>::paired(47);
        let lens: Vec<usize> =
            commands().iter().map(|command| pair.remote.say(command).expect("open").len()).collect();
        assert!(lens.windows(2).all(|pair| pair[0] == pair[1]), "{lens:?}");
        let read = pair.remote.say(&Command::ReadHistory { from: HistorySeq(1) }).expect("open");
        // proves R-LNK-10
        assert_eq!(read.len(), lens[0]);
        assert_eq!(lens[0], 10 + 12 + COMMAND_LEN + TAG_LEN);
    }

    fn counters_grow_by_one_and_no_two_frames_are_alike<S>() {
        let mut pair = Pair::<S>::paired(48);
        let frames: Vec<Vec<u8>> = (0..50).map(|_| pair.remote.say(&command(1)).expect("open")).collect();
        for (frame, expected) in frames.iter().zip(2_u64..) {
            assert_eq!(frame[2..10], expected.to_le_bytes(), "the first was CONFIRM PAIRING");
        }
        for pair in frames.windows(2) {
            assert_ne!(pair[0][10..], pair[1][10..]);
        }
    }

    fn whatever_comes_nothing_panics_and_nothing_is_taken<S>() {
        let mut pair = Pair::<S>::paired(49);
        let mut dice = seeded(50);
        for round in 0_u32..600 {
            let mut bytes = vec![0; usize::try_from(round % 300).expect("small")];
            dice.fill(&mut bytes);
            if let [version, kind, ..] = bytes.as_mut_slice() {
                *version = VERSION;
                *kind = [0x0F, 0x33, 0x3C, 0x55, 0x5A, 0x66, *kind][usize::from(*kind) % 7];
            }
            pair.now = pair.now.after(BACKOFF_MAX);
            let heard = pair.pump_hears(&bytes, OPEN);
            assert!(heard.as_ref().map_or(true, |turn| turn.event.is_none()), "{heard:?}");
            assert!(pair.remote.hear(&bytes, pair.now).is_err());
        }
    }
}

/// A frame whose sealed header differs from the one outside can only come from a faulty or hostile peer that has the keys.
#[test]
fn a_header_that_is_not_the_sealed_one_is_refused() {
    let (remote, pump) = channels();
    let (mut sender, mut receiver) = (Channel::new(remote), Channel::new(pump));
    let message = encode(&Command::ReadReport);
    for byte in 0..10 {
        let frame = sender.seal(&message, COMMAND_LEN).expect("seals");
        let counter = u64::from_le_bytes(*frame[2..].first_chunk().expect("a header"));
        let mut plain = receiver_plain(counter, &message);
        plain[byte] ^= 0x40;
        let forged = forge(counter, &plain);
        let read = frame::Frame::read(&forged).expect("a header");
        let refused = receiver.open(&read, &[COMMAND_LEN]).map(|_| ());
        assert_eq!(refused, Err(SessionError::HeaderMismatch), "byte {byte}");
    }
}

#[test]
fn padding_has_one_form() {
    let message = encode(&Command::ReadReport);
    let good = receiver_plain(1, &message);
    let opened = |plain: &[u8]| {
        let frame = forge(1, plain);
        let (_, pump) = channels();
        let read = frame::Frame::read(&frame).expect("a header");
        Channel::new(pump).open(&read, &[COMMAND_LEN]).map(|message| message.to_vec())
    };
    assert_eq!(opened(&good), Ok(message.clone()));
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut plain = good.clone();
        change(&mut plain);
        opened(&plain)
    };
    assert_eq!(changed(&|plain| plain[50] = 1), Err(SessionError::Padding), "not empty");
    assert_eq!(changed(&|plain| plain.truncate(107)), Err(SessionError::Padding), "too short");
    assert_eq!(changed(&|plain| plain.push(0)), Err(SessionError::Padding), "too long");
    assert_eq!(
        changed(&|plain| plain.resize(22 + 502, 0)),
        Err(SessionError::Padding),
        "the length of another kind of message"
    );
    assert_eq!(changed(&|plain| plain[10] = 97), Err(SessionError::Padding), "a length that isn't there");
    assert_eq!(changed(&|plain| plain.truncate(4)), Err(SessionError::Padding), "no header at all");
}

/// Changes one bit behind version and kind.
fn flip(frame: &mut [u8], byte: usize) {
    let body = &mut frame[2..];
    body[byte % body.len()] ^= 4;
}

fn handshaken() -> (Established<NoiseTransport>, Established<NoiseTransport>) {
    let psk = Psk([5; 32]);
    let (remote, pump) = (remote_key(), pump_key());
    let terms = Terms::Reconnection { own: &remote, peer: &pump.public(), psk: &psk };
    let mut a = Noise::begin(terms, Side::Remote, &Ephemeral::draw(&mut seeded(60))).expect("begins");
    let terms = Terms::Reconnection { own: &pump, peer: &remote.public(), psk: &psk };
    let mut b = Noise::begin(terms, Side::Pump, &Ephemeral::draw(&mut seeded(61))).expect("begins");
    b.read(&a.write().expect("writes")).expect("reads");
    a.read(&b.write().expect("writes")).expect("reads");
    (a.finish().expect("done"), b.finish().expect("done"))
}

type NoiseTransport = <<Noise as Suite>::Handshake as Handshake>::Transport;

fn channels() -> (NoiseTransport, NoiseTransport) {
    let (a, b) = handshaken();
    assert_eq!(a.binding, b.binding);
    (a.transport, b.transport)
}

fn receiver_plain(counter: u64, message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).expect("short");
    let mut plain =
        [&[VERSION, Kind::Transport as u8], counter.to_le_bytes().as_slice(), &len.to_le_bytes(), message].concat();
    plain.resize(12 + COMMAND_LEN, 0);
    plain
}

fn forge(counter: u64, plain: &[u8]) -> Vec<u8> {
    let (remote, _) = channels();
    let sealed = remote.seal(counter, plain).expect("seals");
    [&[VERSION, Kind::Transport as u8], counter.to_le_bytes().as_slice(), &sealed].concat()
}

#[test]
fn a_counter_that_is_used_up_is_not_used_again() {
    let (remote, _) = channels();
    assert!(remote.seal(u64::MAX - 1, b"last").is_some());
    assert_eq!(remote.seal(u64::MAX, b"beyond"), None);
    assert!(remote.open(u64::MAX, &[0; 40]).is_none());
}

#[test]
fn two_handshakes_with_the_same_randomness_are_the_same_and_with_other_randomness_are_not() {
    let first = |seed| {
        let (key, psk) = (remote_key(), Psk([5; 32]));
        let terms = Terms::Pairing { own: &key, card: &psk };
        Noise::begin(terms, Side::Remote, &Ephemeral::draw(&mut seeded(seed))).and_then(|mut begun| begun.write())
    };
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

#[test]
fn a_handshake_for_one_purpose_is_not_one_for_another() {
    let mut pair = Pair::<Noise>::paired(62);
    let pin = pair.remote_pins.confirmed.clone().expect("paired");
    let mut first = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
    first[1] = Kind::Pair1 as u8;
    // XX's first message is public, so the pump can only notice at the end; KK's tag under other keys fails at once.
    let refusal = pair.pump_hears(&first, OPEN);
    assert!(refusal.is_err(), "{refusal:?}");
}

#[test]
fn the_published_x25519_vector_gives_the_published_public_key() {
    // RFC 7748, section 6.1, Alice.
    let private = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let public = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    assert_eq!(StaticKey::from_bytes(&private).public(), PublicKey(public));
}

fn hex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = core::str::from_utf8(pair).expect("hex");
        *byte = u8::from_str_radix(pair, 16).expect("hex");
    }
    bytes
}

#[test]
fn secrets_are_not_printed() {
    let mut entropy = seeded(70);
    let (key, card) = (StaticKey::generate(&mut entropy), CardSecret::generate(&mut entropy));
    let pin = PairedPump { pump: key.public(), psk: card.psk() };
    let shown = format!("{card:?} {:?} {pin:?}", card.psk());
    // proves R-LNK-12
    assert!(shown.starts_with("CardSecret(..) Psk(..) PairedPump"), "{shown}");
    let private = format!("{:?}", key.to_bytes().as_slice());
    assert!(!format!("{key:?}").contains(&private[1..private.len() - 1]));
}

#[test]
fn a_key_survives_the_disk() {
    let key = remote_key();
    let back = StaticKey::from_bytes(&key.to_bytes());
    assert_eq!(back.public(), key.public());
    let hash: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(key.public().0).into();
    assert_eq!(KeyFingerprint(*hash.first_chunk().expect("32")), key.public().fingerprint());
}

#[test]
fn a_session_with_the_old_pump_says_nothing_about_a_new_one() {
    let pin = |key: StaticKey, psk| PairedPump { pump: key.public(), psk: Psk([psk; 32]) };
    let old = RemotePins { confirmed: Some(pin(pump_key(), 1)), provisional: None };
    let paired_again = old.clone().with_provisional(pin(pump_key(), 2));
    assert_eq!(paired_again.without_provisional(), old);
    let replaced = old.clone().with_provisional(pin(other_key(), 3));
    assert_eq!(replaced.clone().without_provisional(), replaced);
    assert_eq!(replaced.with_confirmation().confirmed, Some(pin(other_key(), 3)));
}

#[test]
fn pins_survive_the_disk_and_a_damaged_form_is_refused() {
    let mut pair = Pair::<Noise>::paired(71);
    pair.pair_until(Step::BeforePumpStores);
    let pins = pair.pump.pins().clone();
    assert!(pins.provisional.is_some() && !pins.confirmed.is_empty());
    let bytes = encode_secret(&pins);
    assert_eq!(decode::<PumpPins>(&bytes).as_ref(), Ok(&pins));
    assert_eq!(decode::<RemotePins>(&encode_secret(&pair.remote_pins)).as_ref(), Ok(&pair.remote_pins));
    assert_eq!(decode::<PumpPins>(&[1]).map(|_| ()), Err(crate::wire::Malformed::Version { found: 1 }));
    for cut in 0..bytes.len() {
        assert!(decode::<PumpPins>(&bytes[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_handshake_message_that_carries_something_is_refused() {
    let psk = Psk([5; 32]);
    let (remote, pump) = (remote_key(), pump_key());
    let terms = Terms::Reconnection { own: &remote, peer: &pump.public(), psk: &psk };
    let mut ours = Noise::begin(terms, Side::Remote, &Ephemeral::draw(&mut seeded(60))).expect("begins");
    let mut message = [0; 100];
    let len = ours.write_message(b"COMMIT", &mut message).expect("snow would send it");
    let terms = Terms::Reconnection { own: &pump, peer: &remote.public(), psk: &psk };
    let mut theirs = Noise::begin(terms, Side::Pump, &Ephemeral::draw(&mut seeded(61))).expect("begins");
    assert_eq!(theirs.read(&message[..len]), Err(HandshakeFailed));
}

#[test]
fn a_pump_proves_itself_by_a_frame_that_says_nothing() {
    let mut pair = Pair::<Transparent>::new(72);
    pair.pair_until(Step::BeforePumpStores);
    let talkative = pair.pump.proof_that_says(&encode(&Reply::PairingConfirmed));
    assert_eq!(pair.remote.hear(&talkative, pair.now), Err(SessionError::Padding));
    assert_eq!(pair.remote.pin_stored(), Err(SessionError::NoPairing));
}

#[test]
fn an_end_may_be_moved_to_another_thread() {
    fn movable<T: Send + 'static>() {}
    movable::<RemoteEnd>();
    movable::<PumpEnd>();
}
