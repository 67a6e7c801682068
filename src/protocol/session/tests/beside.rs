//! A live session, and whatever stands beside it: newer sessions, strangers, silence.

use super::*;

stories! {
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

    fn a_lost_link_takes_the_handshake_on_it_away<S>() {
        for lost in [true, false] {
            let mut pair = Pair::<S>::paired(47);
            let pin = pair.remote_pins.confirmed.clone().expect("paired");
            assert!(pair.reconnects_with(&pin));
            let (deadline, _) = pair.pump.deadline().expect("nothing was said in it yet");
            if lost {
                pair.pump.link_lost(pair.now);
                assert_eq!(pair.pump.deadline(), None);
            }
            assert!(!pair.pump.expire(deadline));
            assert_eq!(pair.pump.expire(deadline.after(Millis::new(1))), !lost);
        }
    }

    fn a_frame_that_no_link_carries_is_not_looked_into<S>() {
        let frame = |len| [&[VERSION, Kind::Transport as u8], vec![0; len - 2].as_slice()].concat();
        for (len, why) in [
            (FRAME_LEN_MAX, SessionError::NotGenuine),
            (FRAME_LEN_MAX + 1, SessionError::FrameLen { len: FRAME_LEN_MAX + 1 }),
        ] {
            let mut pair = Pair::<S>::paired(48);
            assert_eq!(refused(pair.pump_hears(&frame(len), None)).why, why);
        }
    }
}
