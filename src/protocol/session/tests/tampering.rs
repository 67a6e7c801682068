//! One frame repeated, overtaken, cut, altered, or taken from elsewhere.

use super::*;

stories! {
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

/// Changes one bit behind version and kind.
fn flip(frame: &mut [u8], byte: usize) {
    let body = &mut frame[2..];
    body[byte % body.len()] ^= 4;
}
