//! Whose key counts, on the air and on disk.

use super::*;

stories! {
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
fn an_end_may_be_moved_to_another_thread() {
    fn movable<T: Send + 'static>() {}
    movable::<RemoteEnd>();
    movable::<PumpEnd>();
}
