//! What a frame looks like, inside and out.

use super::*;

stories! {
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
