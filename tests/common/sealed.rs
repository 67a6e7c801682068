//! The session's two ends between the machines: each message goes over as the fragments of sealed frames that a radio would
//! carry.

use pump_protocol::{
    clock::Uptime,
    fragment::{Assembly, fragments},
    message::{Command, Reply, Role},
    quantity::Millis,
    session::{
        CardSecret, Entropy, PairedPump, PairedRemote, Psk, PumpEnd, PumpEvent, PumpPins, Refused, RemoteEnd,
        RemoteEvent, SessionError, StaticKey, Turn,
    },
};

/// What a write carries at the MTU that BlueZ and a phone-sized peripheral settle on.
const LARGEST_WRITE: usize = 244;

/// A remote and a pump that have been paired.
pub struct Sealed {
    remote: RemoteEnd,
    pump: PumpEnd,
    pin: PairedPump,
    drawn: Drawn,
}

/// Bytes that are all different and no secret.
struct Drawn(u64);

impl Entropy for Drawn {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            chunk.copy_from_slice(&self.0.to_le_bytes()[..chunk.len()]);
        }
    }
}

impl Sealed {
    /// Two ends that have pinned each other; no session yet.
    pub fn paired() -> Self {
        let mut drawn = Drawn(1);
        let (remote, pump) = (StaticKey::generate(&mut drawn), StaticKey::generate(&mut drawn));
        let (card, psk) = (CardSecret::generate(&mut drawn), Psk([5; 32]));
        let pin = PairedPump { pump: pump.public(), psk: psk.clone() };
        let known = PairedRemote { remote: remote.public(), psk, role: Role::Patient };
        let pins = PumpPins::default().with_confirmed(&known).expect("there is room for one");
        Self { remote: RemoteEnd::new(remote), pump: PumpEnd::new(pump, &card, pins), pin, drawn }
    }

    /// A new session, by its handshake. A pump whose last handshake came to nothing wants to be left alone for so long.
    pub fn open(&mut self, now: Uptime) -> Result<(), Millis> {
        self.remote.link_lost();
        self.pump.link_lost(now);
        let hello = self.remote.reconnect(&self.pin, &mut self.drawn, now).expect("paired");
        let turn = match self.pump.hear(&carried(&hello, now), None, &mut self.drawn, now) {
            Ok(turn) => turn,
            Err(Refused { why: SessionError::BackingOff { retry_after }, .. }) => return Err(retry_after),
            Err(refused) => panic!("an honest handshake: {refused}"),
        };
        let answer = turn.send.expect("the pump answers a handshake");
        let turn = self.remote.hear(&carried(&answer, now), now).expect("an honest handshake");
        assert_eq!(turn, Turn { send: None, event: Some(RemoteEvent::Opened) });
        Ok(())
    }

    /// A command on its way, and as the pump reads it.
    pub fn command(&mut self, command: &Command, now: Uptime) -> Command {
        let frame = self.remote.say(command).expect("the session is open");
        let turn = self.pump.hear(&carried(&frame, now), None, &mut self.drawn, now).expect("an honest frame");
        match turn.event {
            Some(PumpEvent::Command { command, .. }) => command,
            other => panic!("a command was heard as {other:?}"),
        }
    }

    /// A reply on its way, and as the remote reads it.
    pub fn reply(&mut self, reply: &Reply, now: Uptime) -> Reply {
        let frame = self.pump.say(reply).expect("the session is live");
        match self.remote.hear(&carried(&frame, now), now).expect("an honest frame").event {
            Some(RemoteEvent::Heard(reply)) => reply,
            other => panic!("a reply was heard as {other:?}"),
        }
    }
}

/// A frame, taken apart and put together again.
fn carried(frame: &[u8], now: Uptime) -> Vec<u8> {
    let mut assembly = Assembly::new();
    let mut whole = None;
    for fragment in fragments(frame, LARGEST_WRITE).expect("a frame fits") {
        whole = assembly.push(&fragment, now).expect("in order");
    }
    whole.expect("the last fragment completes it")
}
