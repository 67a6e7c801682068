//! What the model takes of the session layer instead of carrying its bytes, proved on the transparent session itself: every order
//! in which a few sealed frames can arrive, be lost, be repeated or come late, over both ends of the product.
//!
//! # The rules
//! 1. Of the frames of the session that is live, each is taken that is newer than all taken before, whatever was lost between.
//! 2. Any other frame (taken before, overtaken, of an older session) is refused, and the session ends with it.
//! 3. The pump takes frames of the session before until it has heard the first of the new one.
//!
//! So a repetition is a [`StaleFrame`](crate::world::Step::StaleFrame), and an overtaking is a loss with a stale frame behind it.

use pump_protocol::{
    clock::Uptime,
    message::{Command, Reply, RequestId, Role, StatusChanged},
    session::{
        CardSecret, Entropy, PairedPump, PairedRemote, Psk, PumpEnd, PumpEvent, PumpPins, RemoteEnd, RemoteEvent,
        StaticKey, Transparent, Turn,
    },
    wire::Bounded,
};

const NOW: Uptime = Uptime::from_millis(60_000);
/// Frames of one session, in one direction.
const FRAMES: usize = 3;
/// How many arrive at most, repetitions and late ones included.
const ARRIVALS: usize = 4;

/// Bytes that differ from draw to draw: the transparent session needs no more.
struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        bytes.fill(self.0);
    }
}

/// Both ends with two sessions between them, and all that was sealed in each: `[older, newer]`.
struct Ends {
    remote: RemoteEnd<Transparent>,
    pump: PumpEnd<Transparent>,
    to_pump: [Vec<Vec<u8>>; 2],
    to_remote: [Vec<Vec<u8>>; 2],
    entropy: Counting,
}

/// How far the newer session has come.
#[derive(Clone, Copy, PartialEq)]
enum Newer {
    /// Its handshake is done; the pump has heard nothing in it.
    Unproved,
    /// The pump has heard its first frame, which is not among those that arrive.
    Live,
}

impl Ends {
    fn new(newer: Newer) -> Self {
        let (own, pump_key, mut entropy) =
            (StaticKey::from_bytes(&[1; 32]), StaticKey::from_bytes(&[2; 32]), Counting(0));
        let (psk, role, remote) = (Psk([3; 32]), Role::Patient, own.public());
        let pin = PairedPump { pump: pump_key.public(), psk: psk.clone() };
        let confirmed = Bounded::filled_from([PairedRemote { remote, psk, role }]);
        let card = CardSecret::generate(&mut entropy);
        let pump = PumpEnd::new(pump_key, &card, PumpPins { confirmed, provisional: None });
        let (to_pump, to_remote) = Default::default();
        let mut ends = Self { remote: RemoteEnd::new(own), pump, to_pump, to_remote, entropy };
        for session in 0..2 {
            ends.connect(&pin);
            let last = session == 1;
            if !last || newer == Newer::Live {
                let first = ends.remote.say(&Command::ReadReport).expect("a session is open");
                assert!(ends.pump_hears(&first).is_some(), "the first frame proves the session");
                ends.to_remote[session] = (0..FRAMES).map(|_| ends.pump.say(&status()).expect("live")).collect();
            }
            ends.to_pump[session] = (1..=FRAMES).map(|id| ends.remote.say(&query(id)).expect("open")).collect();
        }
        ends
    }

    fn connect(&mut self, pin: &PairedPump) {
        let first = self.remote.reconnect(pin, &mut self.entropy, NOW).expect("begins");
        let Turn { send, .. } = self.pump.hear(&first, None, &mut self.entropy, NOW).expect("a paired remote");
        let opened = self.remote.hear(&send.expect("an answer"), NOW).expect("a paired pump");
        assert_eq!(opened.event, Some(RemoteEvent::Opened));
    }

    /// The command, if the frame was taken.
    fn pump_hears(&mut self, frame: &[u8]) -> Option<Command> {
        match self.pump.hear(frame, None, &mut self.entropy, NOW).ok()?.event {
            Some(PumpEvent::Command { command, .. }) => Some(command),
            other => unreachable!("nobody pairs: {other:?}"),
        }
    }
}

/// Every list of at most so many arrivals; an arrival is a frame of the older session (0) or of the newer (1), and its number.
fn arrivals() -> Vec<Vec<(usize, usize)>> {
    let frames: Vec<_> = (0..2).flat_map(|session| (0..FRAMES).map(move |number| (session, number))).collect();
    let mut all = vec![Vec::new()];
    let mut longest = vec![Vec::new()];
    for _ in 0..ARRIVALS {
        let longer =
            |list: &Vec<_>| frames.iter().map(|frame| [list.as_slice(), &[*frame]].concat()).collect::<Vec<_>>();
        longest = longest.iter().flat_map(longer).collect();
        all.extend(longest.iter().cloned());
    }
    all
}

#[test]
fn the_pump_takes_frames_by_the_rules_of_the_model() {
    let (mut taken, mut refused) = (0, 0);
    for newer in [Newer::Unproved, Newer::Live] {
        for list in arrivals() {
            let mut ends = Ends::new(newer);
            // The rules: which session is live, how far each was heard, whether the newer one still waits for its first frame.
            let (mut live, mut waits) = if newer == Newer::Live { (Some(1), false) } else { (Some(0), true) };
            let mut heard = [0; 2];
            for (session, number) in &list {
                let proves = waits && *session == 1;
                if proves {
                    (live, waits) = (Some(1), false);
                }
                let by_rules = live == Some(*session) && *number >= heard[*session];
                let frame = ends.to_pump[*session][*number].clone();
                let command = ends.pump_hears(&frame);
                assert_eq!(command, by_rules.then(|| query(*number + 1)), "frame {number} of {session} in {list:?}");
                if by_rules {
                    heard[*session] = *number + 1;
                    taken += 1;
                    continue;
                }
                refused += 1;
                // The session that has proved nothing pays first; its remote has to connect anew, and no frame of it counts.
                let overtaken = live == Some(*session);
                if waits && !overtaken {
                    waits = false;
                } else {
                    live = None;
                }
                let is_live = ends.pump.live_key().is_some();
                assert_eq!(is_live, live.is_some(), "after frame {number} of {session} in {list:?}");
            }
        }
    }
    assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
}

#[test]
fn the_remote_takes_frames_by_the_rules_of_the_model() {
    let (mut taken, mut refused) = (0, 0);
    for list in arrivals() {
        let mut ends = Ends::new(Newer::Live);
        let (mut open, mut heard) = (true, 0);
        for (session, number) in &list {
            let by_rules = open && *session == 1 && *number >= heard;
            let told = ends.remote.hear(&ends.to_remote[*session][*number], NOW);
            let reply = told.ok().and_then(|turn| turn.event);
            assert_eq!(
                reply,
                by_rules.then(|| RemoteEvent::Heard(status())),
                "frame {number} of {session} in {list:?}"
            );
            (open, heard) = if by_rules { (true, *number + 1) } else { (false, heard) };
            assert_eq!(ends.remote.is_open(), open, "after frame {number} of {session} in {list:?}");
            if by_rules { taken += 1 } else { refused += 1 }
        }
    }
    assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
}

fn query(number: usize) -> Command {
    Command::Query { id: RequestId(u64::try_from(number).expect("small")) }
}

const fn status() -> Reply {
    Reply::Status { changed: StatusChanged::HISTORY }
}
