//! Two real ends, and an opponent who owns the link between them: he holds back, repeats, changes and invents frames, lets time
//! pass, opens and closes the pairing window, cuts the power. He has no key and no card.
//!
//! Or he has one end's keys, and seals what no honest end would.
//!
//! # What must hold
//! - What one end hears the other has said, once, in order.
//! - No frame that no end made leads to anything: no event, no pin, and an answer only to the first message of a pairing, which
//!   anybody may send.
//! - What calls itself a handshake never touches the live session.
//! - Only the two ends' keys are ever pinned; and whoever has a confirmed pin gets in, whatever was done before.

use pump_protocol::{
    clock::Uptime,
    message::{Command, Fate, Reply, RequestId, Role},
    quantity::Millis,
    session::{
        ANSWER_LEN, BACKOFF_MAX, COMMAND_LEN, CardSecret, DESCRIPTION_LEN, Entropy, Ephemeral, Handshake, Kind, Noise,
        PairedPump, PumpEnd, PumpEvent, PumpPins, RemoteEnd, RemoteEvent, RemotePins, Side, StaticKey, Suite, Terms,
        Transport,
    },
    wire::{VERSION, encode},
};
use pump_tests::chance::Chance;
use sha2::{Digest, Sha256};

const STEPS: u32 = 200;
const KINDS: [Kind; 6] = [Kind::Pair1, Kind::Pair2, Kind::Pair3, Kind::Reconnect1, Kind::Reconnect2, Kind::Transport];

/// Randomness that is the same each time.
struct Counted(u64);

impl Entropy for Counted {
    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(32) {
            self.0 += 1;
            part.copy_from_slice(&Sha256::digest(self.0.to_le_bytes())[..part.len()]);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Pump,
    Remote,
}

struct Bench {
    chance: Chance,
    entropy: Counted,
    now: Uptime,
    card: CardSecret,
    remote: RemoteEnd,
    remote_pins: RemotePins,
    /// The pin of the reconnection under way.
    trying: Option<PairedPump>,
    pump: PumpEnd,
    /// What is on the pump's disk.
    pump_pins: PumpPins,
    window: Option<Role>,
    /// Every frame that an end has made, and for whom.
    made: Vec<(To, Vec<u8>)>,
    /// How many of them the honest link has carried.
    carried: usize,
    said: u64,
    heard: u64,
    answered: u64,
    heard_back: u64,
}

/// The target: how far the two ends are, then what the opponent does.
pub fn run(bytes: &[u8]) {
    let mut chance = Chance::from_bytes(bytes);
    let begins = chance.below(8);
    let mut bench = Bench::new(chance);
    if begins > 0 {
        bench.pair();
    }
    match begins {
        6 => return bench.hears_from_a_faulty_remote(),
        7 => return bench.hears_from_a_faulty_pump(),
        4.. => bench.restart(),
        _ => {}
    }
    for _ in 0..STEPS {
        if bench.chance.is_over() {
            break;
        }
        bench.step();
        bench.assert_pins();
    }
    bench.find_each_other_again();
}

fn remote_key() -> StaticKey {
    StaticKey::generate(&mut Counted(1 << 32))
}

fn pump_key() -> StaticKey {
    StaticKey::generate(&mut Counted(2 << 32))
}

impl Bench {
    fn new(chance: Chance) -> Self {
        let mut entropy = Counted(0);
        let card = CardSecret::generate(&mut entropy);
        let pump = PumpEnd::new(pump_key(), &card, PumpPins::default());
        Self {
            chance,
            entropy,
            now: Uptime::from_millis(3_600_000),
            card,
            remote: RemoteEnd::new(remote_key()),
            remote_pins: RemotePins::default(),
            trying: None,
            pump,
            pump_pins: PumpPins::default(),
            window: None,
            made: Vec::new(),
            carried: 0,
            said: 0,
            heard: 0,
            answered: 0,
            heard_back: 0,
        }
    }

    /// A whole pairing over an honest link.
    fn pair(&mut self) {
        let chance = core::mem::replace(&mut self.chance, Chance::from_bytes(&[]));
        self.window = Some(Role::Patient);
        self.begin_pairing();
        self.carry_all();
        (self.window, self.chance) = (None, chance);
        assert!(self.remote_pins.confirmed.is_some() && self.remote.is_open());
    }

    fn step(&mut self) {
        match self.chance.below(20) {
            0 => self.begin_pairing(),
            1 => self.reconnect(),
            2 | 3 => self.say(),
            4 => self.answer(),
            5..=8 => self.carry_next(),
            9 => self.carried = self.made.len(),
            10 => {
                if let Some((to, frame)) = self.any_made() {
                    self.deliver(to, &frame);
                }
            }
            11 => {
                if let Some((to, frame)) = self.any_made() {
                    self.deliver(if to == To::Pump { To::Remote } else { To::Pump }, &frame);
                }
            }
            12..=14 => {
                if let Some((to, frame)) = self.any_made() {
                    let frame = self.altered(frame);
                    self.deliver(to, &frame);
                }
            }
            15 => {
                let frame = self.invented();
                let to = if self.chance.one_in(2) { To::Pump } else { To::Remote };
                self.deliver(to, &frame);
            }
            16 => self.now = self.now.after(Millis::new(self.chance.below(0x1_0000))),
            17 => self.window = self.chance.pick(&[None, Some(Role::Patient), Some(Role::Viewer)]),
            18 => {
                self.remote.link_lost();
                self.pump.link_lost(self.now);
            }
            _ => self.restart(),
        }
    }

    fn begin_pairing(&mut self) {
        if let Ok(frame) = self.remote.pair(&self.card, &mut self.entropy, self.now) {
            self.trying = None;
            self.made.push((To::Pump, frame));
        }
    }

    fn reconnect(&mut self) {
        let pins: Vec<PairedPump> = self.remote_pins.newest_first().cloned().collect();
        if pins.is_empty() {
            return;
        }
        let pin = self.chance.pick(&pins);
        if let Ok(frame) = self.remote.reconnect(&pin, &mut self.entropy, self.now) {
            self.trying = Some(pin);
            self.made.push((To::Pump, frame));
        }
    }

    fn say(&mut self) {
        if let Ok(frame) = self.remote.say(&Command::Query { id: RequestId(self.said + 1) }) {
            self.said += 1;
            self.made.push((To::Pump, frame));
        }
    }

    fn answer(&mut self) {
        let (id, fate, watermark) = (RequestId(self.answered + 1), Fate::NeverRan, RequestId(0));
        if let Ok(frame) = self.pump.say(&Reply::Fate { id, fate, watermark }) {
            self.answered += 1;
            self.made.push((To::Remote, frame));
        }
    }

    fn carry_next(&mut self) {
        if let Some((to, frame)) = self.made.get(self.carried).cloned() {
            self.carried += 1;
            self.deliver(to, &frame);
        }
    }

    fn carry_all(&mut self) {
        while self.carried < self.made.len() {
            self.carry_next();
        }
    }

    /// Both lose their power; what is on disk stays.
    fn restart(&mut self) {
        self.pump = PumpEnd::new(pump_key(), &self.card, self.pump_pins.clone());
        self.remote = RemoteEnd::new(remote_key());
        self.trying = None;
    }

    fn any_made(&mut self) -> Option<(To, Vec<u8>)> {
        (!self.made.is_empty()).then(|| self.chance.pick(&self.made))
    }

    fn altered(&mut self, mut frame: Vec<u8>) -> Vec<u8> {
        let at = usize::try_from(self.chance.below(0x1_0000)).expect("small") % frame.len();
        match self.chance.below(6) {
            0..=2 => frame[at] ^= 1 << self.chance.below(8),
            3 => frame.truncate(at),
            4 => frame.resize(frame.len() + at, 0),
            _ => frame[1] = self.chance.pick(&KINDS) as u8,
        }
        frame
    }

    fn invented(&mut self) -> Vec<u8> {
        let mut frame = vec![VERSION, self.chance.pick(&KINDS) as u8];
        let len = self.chance.below(160);
        frame.extend((0..len).map(|_| u8::try_from(self.chance.below(256)).expect("a byte")));
        frame
    }

    fn deliver(&mut self, to: To, frame: &[u8]) {
        let genuine = self.made.iter().any(|(_, made)| made == frame);
        match to {
            To::Pump => self.pump_hears(frame, genuine),
            To::Remote => self.remote_hears(frame, genuine),
        }
    }

    fn pump_hears(&mut self, frame: &[u8], genuine: bool) {
        let live = self.pump.live_key();
        let heard = self.pump.hear(frame, self.window, &mut self.entropy, self.now);
        let is_handshake = |kind: &&Kind| frame.get(1) == Some(&(**kind as u8)) && **kind != Kind::Transport;
        let handshake = KINDS.iter().find(is_handshake);
        assert!(handshake.is_none() || self.pump.live_key() == live, "a handshake touches the live session");
        let Ok(turn) = heard else { return };
        assert!(genuine || turn.event.is_none(), "taken from an opponent: {turn:?}");
        assert!(genuine || turn.send.is_none() || handshake == Some(&Kind::Pair1), "answered to an opponent: {turn:?}");
        self.made.extend(turn.send.map(|frame| (To::Remote, frame)));
        match turn.event {
            None => {}
            Some(PumpEvent::PairingProvisional(remote)) => {
                assert_eq!(Some(remote.role), self.window, "the role is the window's");
                if self.chance.below(9) == 8 {
                    self.pump.provisional_not_stored();
                } else {
                    self.pump_pins = self.pump.pins().clone();
                    let proof = self.pump.provisional_stored().expect("a pairing waits for it");
                    self.made.push((To::Remote, proof));
                }
            }
            Some(PumpEvent::Command { from, command, .. }) => {
                assert_eq!(from, remote_key().public().fingerprint());
                self.pump_is_told(&command);
            }
        }
    }

    fn pump_is_told(&mut self, command: &Command) {
        match *command {
            Command::Query { id: RequestId(id) } => {
                assert!(id > self.heard && id <= self.said, "{id} after {} of {}", self.heard, self.said);
                self.heard = id;
            }
            Command::ConfirmPairing => {
                assert!(self.remote_pins.newest_first().next().is_some(), "confirmed before anything was pinned");
                self.pump_pins = self.pump.pins_to_confirm().expect("there is room for one remote");
                self.pump.pairing_confirmed().expect("there is room for one remote");
                let confirmed = self.pump.say(&Reply::PairingConfirmed).expect("a session is live");
                self.made.push((To::Remote, confirmed));
            }
            _ => unreachable!("nobody has said {command:?}"),
        }
    }

    fn remote_hears(&mut self, frame: &[u8], genuine: bool) {
        let Ok(turn) = self.remote.hear(frame, self.now) else { return };
        assert!(genuine, "taken from an opponent: {turn:?}");
        self.made.extend(turn.send.map(|frame| (To::Pump, frame)));
        match turn.event {
            None => {}
            Some(RemoteEvent::Opened) => self.opened(),
            Some(RemoteEvent::PumpProved(pin)) => {
                self.remote_pins = self.remote_pins.clone().with_provisional(pin);
                let confirm = self.remote.pin_stored().expect("a pin waits for it");
                self.made.push((To::Pump, confirm));
            }
            Some(RemoteEvent::Heard(Reply::Fate { id: RequestId(id), .. })) => {
                assert!(id > self.heard_back && id <= self.answered);
                self.heard_back = id;
            }
            Some(RemoteEvent::Heard(Reply::PairingConfirmed)) => {
                self.remote_pins = self.remote_pins.clone().with_confirmation();
            }
            Some(RemoteEvent::Heard(reply)) => unreachable!("nobody has said {reply:?}"),
        }
    }

    /// What a shell does when a reconnection has succeeded.
    fn opened(&mut self) {
        let with = self.trying.take();
        if with.is_some() && with == self.remote_pins.provisional {
            let confirm = self.remote.say(&Command::ConfirmPairing).expect("open");
            self.made.push((To::Pump, confirm));
        } else {
            self.remote_pins = self.remote_pins.clone().without_provisional();
        }
    }

    fn assert_pins(&self) {
        assert!(
            self.remote_pins.newest_first().all(|pin| pin.pump == pump_key().public()),
            "a stranger's key is pinned"
        );
        let remote = remote_key().public();
        for pins in [&self.pump_pins, self.pump.pins()] {
            assert!(pins.iter().all(|(pin, _)| pin.remote == remote), "a stranger's key is pinned");
            assert!(pins.confirmed.len() <= 1, "one remote has one key that counts");
        }
    }

    /// The opponent goes away: the ends meet by what they have pinned.
    fn find_each_other_again(&mut self) {
        let pinned: Vec<PairedPump> = self.remote_pins.newest_first().cloned().collect();
        let known = |pin: &PairedPump| self.pump.pins().iter().any(|(known, _)| known.psk == pin.psk);
        let fits = pinned.iter().any(known);
        assert!(fits || self.remote_pins.confirmed.is_none(), "a confirmed pin opens nothing");
        self.window = None;
        for pin in pinned {
            self.carried = self.made.len();
            // Both notice that the opponent's link is gone; what he left unfinished is counted from then.
            self.remote.link_lost();
            self.pump.link_lost(self.now);
            self.now = self.now.after(BACKOFF_MAX);
            let first = self.remote.reconnect(&pin, &mut self.entropy, self.now).expect("nothing to wait for any more");
            self.trying = Some(pin);
            self.made.push((To::Pump, first));
            self.carry_all();
            if self.remote.is_open() {
                break;
            }
        }
        assert_eq!(self.remote.is_open(), fits, "whoever is pinned gets in");
        if fits {
            self.say();
            self.carry_all();
            assert_eq!(self.heard, self.said, "and is heard");
            self.answer();
            self.carry_all();
            assert_eq!(self.heard_back, self.answered, "and hears");
        }
    }

    /// A remote that has the keys, and seals what no honest one would.
    fn hears_from_a_faulty_remote(&mut self) {
        let pin = self.remote_pins.confirmed.clone().expect("paired");
        let (own, entropy) = (remote_key(), &mut self.entropy);
        let terms = Terms::Reconnection { own: &own, peer: &pin.pump, psk: &pin.psk };
        let mut theirs = Noise::begin(terms, Side::Remote, &Ephemeral::draw(entropy)).expect("good keys");
        let first = [&[VERSION, Kind::Reconnect1 as u8], theirs.write().expect("its turn").as_slice()].concat();
        let answer = self.pump.hear(&first, None, entropy, self.now).expect("good keys").send.expect("an answer");
        theirs.read(&answer[2..]).expect("the pump's");
        let transport = theirs.finish().expect("finished").transport;
        let mut taken = 0;
        while !self.chance.is_over() {
            let (counter, plain, message) = self.odd_plain(&[COMMAND_LEN]);
            let Some(frame) = sealed(&transport, counter, &plain) else { continue };
            match self.pump.hear(&frame, None, &mut self.entropy, self.now) {
                Ok(turn) => {
                    let Some(PumpEvent::Command { command, .. }) = turn.event else { unreachable!("{turn:?}") };
                    assert!(counter > taken && encode(&command) == message, "{command:?}");
                    taken = counter;
                }
                Err(refused) => {
                    assert_eq!(self.pump.live_key().is_some(), taken == 0, "what is odd ends its session: {refused}");
                    break;
                }
            }
        }
    }

    /// The same with the other end.
    fn hears_from_a_faulty_pump(&mut self) {
        let pin = self.remote_pins.confirmed.clone().expect("paired");
        self.remote = RemoteEnd::new(remote_key());
        let first = self.remote.reconnect(&pin, &mut self.entropy, self.now).expect("begins");
        let (own, peer) = (pump_key(), remote_key().public());
        let terms = Terms::Reconnection { own: &own, peer: &peer, psk: &pin.psk };
        let mut theirs = Noise::begin(terms, Side::Pump, &Ephemeral::draw(&mut self.entropy)).expect("good keys");
        theirs.read(&first[2..]).expect("the remote's");
        let answer = [&[VERSION, Kind::Reconnect2 as u8], theirs.write().expect("its turn").as_slice()].concat();
        let opened = self.remote.hear(&answer, self.now).expect("good keys");
        assert_eq!(opened.event, Some(RemoteEvent::Opened));
        let transport = theirs.finish().expect("finished").transport;
        let mut taken = 0;
        while !self.chance.is_over() {
            let (counter, plain, message) = self.odd_plain(&[ANSWER_LEN, DESCRIPTION_LEN]);
            let Some(frame) = sealed(&transport, counter, &plain) else { continue };
            if let Ok(turn) = self.remote.hear(&frame, self.now) {
                let Some(RemoteEvent::Heard(reply)) = turn.event else { unreachable!("{turn:?}") };
                assert!(counter > taken && encode(&reply) == message, "{reply:?}");
                taken = counter;
            } else {
                assert!(!self.remote.is_open(), "what is odd ends the session");
                break;
            }
        }
    }

    /// A counter, a frame's inside, and the message that it says it holds. Mostly in good order, so that the message is read.
    fn odd_plain(&mut self, lens: &[usize]) -> (u64, Vec<u8>, Vec<u8>) {
        let odd = self.chance.one_in(8);
        let counter = self.chance.below(40);
        let padded = self.chance.pick(lens);
        let len = usize::try_from(self.chance.below(0x1_0000)).expect("small") % (padded + 1);
        let message: Vec<u8> = (0..len).map(|_| u8::try_from(self.chance.below(256)).expect("a byte")).collect();
        let length = u16::try_from(len).expect("padded to less");
        let mut plain = [&[VERSION, Kind::Transport as u8], counter.to_le_bytes().as_slice()].concat();
        plain.extend(length.to_le_bytes());
        plain.extend(&message);
        plain.resize(12 + padded, 0);
        if odd {
            let at = usize::try_from(self.chance.below(0x1_0000)).expect("small") % plain.len();
            match self.chance.below(3) {
                0 => plain[at] ^= 1 << self.chance.below(8),
                1 => plain.truncate(at),
                _ => plain.resize(plain.len() + at, 0),
            }
            let message = plain.get(12..).unwrap_or_default();
            let length = plain.get(10..12).map_or(0, |length| u16::from_le_bytes([length[0], length[1]]));
            let message = message.get(..usize::from(length)).unwrap_or_default().to_vec();
            return (counter, plain, message);
        }
        (counter, plain, message)
    }
}

fn sealed(transport: &impl Transport, counter: u64, plain: &[u8]) -> Option<Vec<u8>> {
    let sealed = transport.seal(counter, plain)?;
    Some([&[VERSION, Kind::Transport as u8], counter.to_le_bytes().as_slice(), &sealed].concat())
}
