//! A whole conversation, and an opponent at each of its frames: whatever he puts in a frame's place, nothing comes of it.
//!
//! The frames, by their number: 0 to 5 are a pairing, 6 and 7 a command and its answer in it; 8 and 9 are a reconnection, 10 and 11 a
//! command and its answer in that. Even ones go to the pump. The two ends were paired before, so that there is a live session to
//! hurt, or they meet for the first time.

use super::*;

const FRAMES: usize = 12;
/// The first frame that a retry needs no card for, where the two ends meet for the first time: by then the remote has a pin.
const PINNED: usize = 4;

/// What an opponent has heard: this conversation as far as it got, and another whole one between the same two ends.
struct Overheard {
    made: Vec<Vec<u8>>,
    elsewhere: Vec<Vec<u8>>,
}

/// Walks the conversation until this frame has been made, and not delivered.
fn until<S: Suite>(pair: &mut Pair<S>, frame: usize) -> Vec<Vec<u8>> {
    let mut made: Vec<Vec<u8>> = Vec::new();
    for number in 0..=frame {
        let last = made.last().cloned().unwrap_or_default();
        let next = make(pair, number, &last);
        made.push(next);
    }
    made
}

/// Delivers the last frame, and has the next one made.
fn make<S: Suite>(pair: &mut Pair<S>, number: usize, last: &[u8]) -> Vec<u8> {
    match number {
        0 => pair.remote.pair(&pair.card, &mut pair.entropy, pair.now).expect("begins"),
        1 | 9 => sent(pair.pump_hears(last, OPEN)),
        2 => sent(pair.remote.hear(last, pair.now)),
        3 => {
            assert!(matches!(told(pair.pump_hears(last, OPEN)), PumpEvent::PairingProvisional(_)));
            pair.pump_pins = encode(pair.pump.pins());
            pair.pump.provisional_stored().expect("a pairing waits for it")
        }
        4 => {
            let RemoteEvent::PumpProved(pin) = told(pair.remote.hear(last, pair.now)) else {
                unreachable!("the proof proves")
            };
            pair.remote_pins = pair.remote_pins.clone().with_provisional(pin);
            pair.remote.pin_stored().expect("a pin waits for it")
        }
        5 => {
            told(pair.pump_hears(last, None));
            pair.pump_pins = encode(&pair.pump.pins_to_confirm().expect("there is room"));
            pair.pump.pairing_confirmed().expect("there is room");
            pair.pump.say(&Reply::PairingConfirmed).expect("a session is live")
        }
        6 => {
            told(pair.remote.hear(last, pair.now));
            pair.remote_pins = pair.remote_pins.clone().with_confirmation();
            pair.remote.say(&command(1)).expect("open")
        }
        7 | 11 => {
            assert!(matches!(told(pair.pump_hears(last, None)), PumpEvent::Command { .. }));
            pair.pump.say(&status(StatusChanged::HISTORY)).expect("live")
        }
        8 => {
            told(pair.remote.hear(last, pair.now));
            let pin = pair.remote_pins.confirmed.clone().expect("paired");
            pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins")
        }
        _ => {
            assert_eq!(told(pair.remote.hear(last, pair.now)), RemoteEvent::Opened);
            pair.remote.say(&command(2)).expect("open")
        }
    }
}

/// Where a conversation is cut: the same each time, so that every opponent meets the same two ends.
fn at<S: Suite>(frame: usize, paired_before: bool) -> (Pair<S>, Vec<Vec<u8>>) {
    let mut pair = if paired_before { Pair::paired(80) } else { Pair::new(80) };
    let made = until(&mut pair, frame);
    (pair, made)
}

/// Tells a whole story for each thing that the opponent may put in this frame's place.
fn meddle<S: Suite>(frame: usize, paired_before: bool, puts: impl Fn(&Overheard) -> Vec<Vec<u8>>) -> usize {
    let mut stranger = if paired_before { Pair::<S>::paired(81) } else { Pair::<S>::new(81) };
    let elsewhere = until(&mut stranger, FRAMES - 1);
    let (_, made) = at::<S>(frame, paired_before);
    let put = puts(&Overheard { made, elsewhere });
    for bytes in &put {
        let (mut pair, made) = at::<S>(frame, paired_before);
        assert_ne!(Some(bytes), made.last(), "frame {frame} itself is no opponent's");
        nothing_comes_of_it(&mut pair, frame, bytes, &made);
        they_find_each_other_again(&mut pair, frame, paired_before);
    }
    put.len()
}

fn nothing_comes_of_it<S: Suite>(pair: &mut Pair<S>, frame: usize, bytes: &[u8], made: &[Vec<u8>]) {
    let (pins, live) = (pair.pump.pins().clone(), pair.pump.live_key());
    let kind = |kind: Kind| bytes.get(1) == Some(&(kind as u8));
    if frame.is_multiple_of(2) {
        let heard = pair.pump_hears(bytes, OPEN);
        let answered = heard.as_ref().is_ok_and(|turn| turn.send.is_some());
        // The first message of a pairing anybody may send, and a recorded reconnection can't be told from a new one.
        let may_be_answered = kind(Kind::Pair1) || (kind(Kind::Reconnect1) && made.iter().any(|old| old == bytes));
        assert!(may_be_answered || !answered, "frame {frame}: answered {bytes:x?}");
        assert!(heard.map_or(true, |turn| turn.event.is_none()), "frame {frame}: taken {bytes:x?}");
    } else {
        let was_open = pair.remote.is_open();
        assert!(pair.remote.hear(bytes, pair.now).is_err(), "frame {frame}: taken {bytes:x?}");
        assert!(!pair.remote.is_open(), "frame {frame}: whatever was open ({was_open}) is closed");
    }
    assert_eq!(*pair.pump.pins(), pins, "frame {frame}: a key was pinned, or lost");
    assert_eq!(pair.remote.pin_stored(), Err(SessionError::NoPairing), "frame {frame}: nothing waits to be pinned");
    let handshake = Frame::claims_handshake(bytes);
    // proves R-LNK-07
    assert!(!handshake || pair.pump.live_key() == live, "frame {frame}: a handshake touched the live session");
}

fn they_find_each_other_again<S: Suite>(pair: &mut Pair<S>, frame: usize, paired_before: bool) {
    pair.remote.link_lost();
    pair.pump.link_lost(pair.now);
    pair.now = pair.now.after(BACKOFF_MAX);
    if paired_before || frame >= PINNED {
        assert!(pair.reconnects(), "frame {frame}: whoever was pinned gets in");
    } else {
        assert_eq!(pair.remote_pins, RemotePins::default(), "frame {frame}: pinned early");
        pair.pair_until(Step::Done);
    }
    assert!(pair.asks(&command(77)) && pair.answers(&status(StatusChanged::RESET)), "frame {frame}: a retry works");
}

fn every_frame<S: Suite>(puts: impl Fn(&Overheard, usize) -> Vec<Vec<u8>>) {
    for paired_before in [true, false] {
        let told: usize =
            (0..FRAMES).map(|frame| meddle::<S>(frame, paired_before, |overheard| puts(overheard, frame))).sum();
        assert!(told >= FRAMES, "{told} stories tell nothing");
    }
}

/// Every length for the machines; with the curves' price on each story, a sample.
fn cut<S: Suite>(step: usize) {
    let cut = |frame: &[u8]| (0..frame.len()).step_by(step).map(|len| frame[..len].to_vec()).collect();
    every_frame::<S>(|heard, frame| cut(&heard.made[frame]));
}

/// A bit of every byte, the same way.
fn flipped<S: Suite>(step: usize) {
    let flip = |frame: &[u8], byte: usize| {
        let mut bytes = frame.to_vec();
        bytes[byte] ^= 1 << (byte % 8);
        bytes
    };
    every_frame::<S>(|heard, frame| {
        let made = &heard.made[frame];
        (0..made.len()).step_by(step).map(|byte| flip(made, byte)).collect()
    });
}

#[test]
fn a_frame_cut_anywhere_leads_nowhere() {
    cut::<Transparent>(1);
    cut::<Noise>(9);
}

#[test]
fn a_bit_changed_in_any_byte_of_any_frame_leads_nowhere() {
    flipped::<Transparent>(1);
    flipped::<Noise>(9);
}

stories! {
    fn a_frame_with_more_behind_it_leads_nowhere<S>() {
        let longer = |frame: &[u8], by| [frame, &vec![0; by]].concat();
        every_frame::<S>(|heard, frame| [1, 16, 96, 2000].map(|by| longer(&heard.made[frame], by)).to_vec());
    }

    fn an_earlier_frame_in_a_later_ones_place_leads_nowhere<S>() {
        every_frame::<S>(|heard, frame| heard.made[..frame].to_vec());
    }

    fn a_frame_of_another_conversation_between_the_same_two_leads_nowhere<S>() {
        every_frame::<S>(|heard, _| heard.elsewhere.clone());
    }

    fn a_stolen_secret_opens_nothing_without_its_key<S>() {
        let mut pair = Pair::<S>::paired(84);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        let mut thief = RemoteEnd::<S>::new(other_key());
        let first = thief.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
        assert_eq!(refused(pair.pump_hears(&first, OPEN)), Refused { why: HandshakeFailed.into(), ended: None });
        assert!(pair.asks(&command(1)), "the live session goes on");

        let mut thief = PumpEnd::<S>::new(other_key(), &pair.card, pair.pump.pins().clone());
        pair.now = pair.now.after(BACKOFF_MAX);
        let first = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
        assert!(thief.hear(&first, OPEN, &mut pair.entropy, pair.now).is_err(), "another pump's key");
        pair.now = pair.now.after(HANDSHAKE_TIME_MAX);
        assert!(pair.reconnects());
    }

    fn a_handshake_that_nobody_saw_expire_costs_the_next_one_nothing<S>() {
        let mut pair = Pair::<S>::paired(85);
        let pin = pair.remote_pins.confirmed.clone().expect("paired");
        let lost = pair.remote.reconnect(&pin, &mut pair.entropy, pair.now).expect("begins");
        assert!(pair.pump_hears(&lost, None).is_ok(), "its answer is lost");
        pair.now = pair.now.after(HANDSHAKE_TIME_MAX).after(BACKOFF_MAX);
        pair.remote.link_lost();
        assert!(pair.reconnects(), "the wait was over before anybody looked");
    }
}
