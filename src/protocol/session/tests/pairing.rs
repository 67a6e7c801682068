//! Two strangers and the card between them, cut anywhere.

use super::*;

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
        assert!(pair.reconnects() && pair.remote.is_open());
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
fn two_secrets_are_one_only_if_all_their_bytes_are() {
    let psk = |bytes: &[(usize, u8)]| {
        let mut psk = [5; 32];
        for (at, byte) in bytes {
            psk[*at] = *byte;
        }
        Psk(psk)
    };
    assert_eq!(psk(&[]), psk(&[(31, 5)]));
    assert_ne!(psk(&[]), psk(&[(31, 4)]));
    assert_ne!(psk(&[]), psk(&[(0, 4), (31, 4)]), "what differs twice doesn't cancel");
}

#[test]
fn a_key_taken_back_is_gone_however_far_its_pairing_got_and_no_other_is() {
    let paired = |key: StaticKey| PairedRemote { remote: key.public(), psk: Psk([1; 32]), role: Role::Patient };
    let both = [paired(remote_key()), paired(other_key())];
    let pins = both.iter().try_fold(PumpPins::default(), |pins, remote| pins.with_confirmed(remote)).expect("room");
    let pins = PumpPins { provisional: Some(paired(remote_key())), ..pins };
    let left = pins.without(remote_key().public().fingerprint());
    // proves R-LNK-13
    assert_eq!((left.confirmed.to_vec(), left.provisional), (vec![paired(other_key())], None));
    let left = pins.without(other_key().public().fingerprint());
    assert_eq!((left.confirmed.to_vec(), left.provisional), (vec![paired(remote_key())], Some(paired(remote_key()))));
}
