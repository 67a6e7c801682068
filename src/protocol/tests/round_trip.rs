//! Whatever can be said survives the wire, and whatever can be read has no second spelling.

use proptest::prelude::*;

use pump_protocol::{
    clock::{CivilTime, PumpTime, Uptime},
    fragment::{Assembly, FRAME_LEN_MAX, WRITE_LEN_MIN, fragments},
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{
        AuditHead, BolusRef, Command, Denial, DenyReason, Fate, Hello, HistoryPage, KeyFingerprint, Nonce,
        RefusedReason, Reply, RequestId, Role, StatusChanged,
    },
    prescription::{BasalSegment, PatientCode, Prescription, PrescriptionHash, Programmed, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    report::{
        AllotmentAccount, Annunciation, AnnunciationKind, AnnunciationState, Delivery, PrescriptionStamp, PumpReport,
        RunningBolus,
    },
    session::{CardSecret, PumpPins, RemotePins},
    wire::{Bounded, Text, Wire, decode, encode},
};

fn millis() -> impl Strategy<Value = Millis> {
    any::<u64>().prop_map(Millis::new)
}

fn dose() -> impl Strategy<Value = Dose> {
    any::<u32>().prop_map(Dose::from_nanograms)
}

fn volume() -> impl Strategy<Value = Volume> {
    any::<u32>().prop_map(Volume::from_nanolitres)
}

fn concentration() -> impl Strategy<Value = Concentration> {
    any::<u32>().prop_map(Concentration::from_micrograms_per_millilitre)
}

fn rate() -> impl Strategy<Value = BasalRate> {
    any::<u32>().prop_map(BasalRate::from_nanograms_per_hour)
}

fn hash() -> impl Strategy<Value = PrescriptionHash> {
    any::<[u8; 32]>().prop_map(PrescriptionHash)
}

fn request() -> impl Strategy<Value = RequestId> {
    any::<u64>().prop_map(RequestId)
}

fn nonce() -> impl Strategy<Value = Nonce> {
    any::<[u8; 16]>().prop_map(Nonce)
}

fn seq() -> impl Strategy<Value = HistorySeq> {
    any::<u64>().prop_map(HistorySeq)
}

fn bolus() -> impl Strategy<Value = BolusId> {
    any::<u32>().prop_map(BolusId)
}

fn pump_time() -> impl Strategy<Value = PumpTime> {
    (any::<u32>(), millis()).prop_map(|(epoch, since_epoch)| PumpTime::new(epoch, since_epoch))
}

fn audit_head() -> impl Strategy<Value = AuditHead> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(count, hash)| AuditHead { count, hash })
}

fn delivered() -> impl Strategy<Value = Delivered> {
    (dose(), dose()).prop_map(|(at_least, at_most)| Delivered { at_least, at_most })
}

fn origin() -> impl Strategy<Value = Origin> {
    let remote = (any::<[u8; 8]>(), request()).prop_map(|(key, id)| Origin::Remote { key: KeyFingerprint(key), id });
    prop_oneof![remote, Just(Origin::Clinician), Just(Origin::Unknown)]
}

fn bolus_end() -> impl Strategy<Value = BolusEnd> {
    use BolusEnd::{Alarm, Cancelled, Complete, EmptyReservoir, MotorStall, PumpStopped, Reset};
    prop::sample::select(vec![Complete, Cancelled, PumpStopped, MotorStall, Reset, EmptyReservoir, Alarm])
}

fn bolus_ref() -> impl Strategy<Value = BolusRef> {
    (bolus(), seq(), pump_time(), dose()).prop_map(|(bolus, history_seq, start, dose)| BolusRef {
        bolus,
        history_seq,
        start,
        dose,
    })
}

fn fate() -> impl Strategy<Value = Fate> {
    use Fate::{Denied, Forgotten, Granted, NeverRan, Rejected, Voided};
    prop_oneof![
        prop::sample::select(vec![NeverRan, Granted, Voided, Denied, Rejected, Forgotten]),
        (bolus_ref(), delivered(), millis()).prop_map(|(bolus, delivered, remaining)| Fate::Delivering {
            bolus,
            delivered,
            remaining
        }),
        bolus_ref().prop_map(|bolus| Fate::Done { bolus }),
        (bolus_ref(), delivered(), bolus_end()).prop_map(|(bolus, delivered, end)| Fate::Stopped {
            bolus,
            delivered,
            end
        }),
    ]
}

fn denial() -> impl Strategy<Value = Denial> {
    let reasons = prop::collection::vec(prop::sample::select(DenyReason::ALL.to_vec()), 0..5);
    (reasons, millis())
        .prop_map(|(reasons, retry_after)| Denial { reasons: reasons.into_iter().collect(), retry_after })
}

fn status() -> impl Strategy<Value = StatusChanged> {
    let each = [
        StatusChanged::PRESCRIPTION,
        StatusChanged::HISTORY,
        StatusChanged::ANNUNCIATION,
        StatusChanged::DELIVERY,
        StatusChanged::RESET,
    ];
    prop::sample::subsequence(each.to_vec(), 0..=each.len())
        .prop_map(|all| all.into_iter().fold(StatusChanged::NONE, StatusChanged::with))
}

fn history_event() -> impl Strategy<Value = HistoryEvent> {
    use HistoryEvent::{BolusEnded, BolusStarted, Refilled, Reprogrammed, Reset, Started, Stopped};
    prop_oneof![
        (bolus(), origin(), dose(), concentration()).prop_map(|(bolus, origin, dose, concentration)| BolusStarted {
            bolus,
            origin,
            dose,
            concentration
        }),
        (bolus(), origin(), delivered(), bolus_end()).prop_map(|(bolus, origin, delivered, end)| BolusEnded {
            bolus,
            origin,
            delivered,
            end
        }),
        (volume(), concentration()).prop_map(|(volume, concentration)| Refilled { volume, concentration }),
        (any::<u32>(), hash()).prop_map(|(version, hash)| Reprogrammed { version, hash }),
        prop::sample::select(vec![Stopped, Started, Reset]),
    ]
}

fn history_page() -> impl Strategy<Value = HistoryPage> {
    let entry = (seq(), pump_time(), history_event()).prop_map(|(seq, at, event)| HistoryEntry { seq, at, event });
    (seq(), seq(), prop::collection::vec(entry, 0..=8)).prop_map(|(first, head, entries)| HistoryPage {
        first,
        head,
        entries: Bounded::filled_from(entries),
    })
}

fn annunciation() -> impl Strategy<Value = Annunciation> {
    use AnnunciationKind::{
        EmptyReservoir, Eos, Eri, LowReservoir, MemoryError, MotorStall, OcclusionSuspected, PumpStopped,
    };
    use AnnunciationState::{Confirmed, Pending, Snoozed};
    let kinds = vec![PumpStopped, MotorStall, EmptyReservoir, LowReservoir, Eri, Eos, MemoryError, OcclusionSuspected];
    let (kind, state) = (prop::sample::select(kinds), prop::sample::select(vec![Pending, Snoozed, Confirmed]));
    (any::<u16>(), kind, state, millis()).prop_map(|(id, kind, state, since)| Annunciation { id, kind, state, since })
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        rate().prop_map(|rate| Delivery::Delivering { rate }),
        millis().prop_map(|since| Delivery::Stopped { since })
    ]
}

fn running_bolus() -> impl Strategy<Value = RunningBolus> {
    (bolus(), origin(), dose(), delivered(), millis()).prop_map(|(bolus, origin, dose, delivered, remaining)| {
        RunningBolus { bolus, origin, dose, delivered, remaining }
    })
}

fn report() -> impl Strategy<Value = PumpReport> {
    let accounts = (millis(), any::<u8>(), millis(), dose());
    let state = (delivery(), prop::option::of(running_bolus()), volume(), any::<u16>());
    let annunciations = prop::collection::vec(annunciation(), 0..=16);
    let times = (pump_time(), any::<i64>());
    (times, any::<u32>(), hash(), accounts, state, annunciations, seq()).prop_map(
        |((time, civil), version, hash, accounts, state, annunciations, history_head)| {
            let (lockout_remaining, used, next_return, window_used) = accounts;
            let (delivery, bolus, reservoir, months_to_eri) = state;
            PumpReport {
                time,
                civil: CivilTime::from_millis(civil),
                prescription: PrescriptionStamp { version, hash },
                lockout_remaining,
                allotment: AllotmentAccount { used, next_return },
                window_used,
                delivery,
                bolus,
                reservoir,
                months_to_eri,
                annunciations: Bounded::filled_from(annunciations),
                history_head,
            }
        },
    )
}

fn hello() -> impl Strategy<Value = Hello> {
    let role = prop::sample::select(vec![Role::Patient, Role::Viewer]);
    let ids = (seq(), request(), fate(), request());
    ("[ -~µ]{0,8}", role, ids, prop::option::of(audit_head()), report()).prop_map(
        |(serial, role, (history_first, last_id, last_fate, watermark), witness, report)| {
            let serial = Text::new(&serial).expect("at most 16 bytes, none a control character");
            Hello { serial, role, history_first, last_id, last_fate, watermark, witness, report }
        },
    )
}

/// Only what agrees with itself exists, so the fields move within what does.
fn prescription() -> impl Strategy<Value = Prescription> {
    let days = prop::collection::btree_set(1_u16..1440, 0..23);
    (any::<u32>(), "[a-z ]{0,32}", 1_u32..100, 0_u8..=48, days).prop_map(
        |(version, drug, micrograms, allotment, starts)| {
            let minutes = [0].into_iter().chain(starts);
            let rate = BasalRate::from_nanograms_per_hour(micrograms * 10);
            let segments = minutes.map(|from_minute| BasalSegment { from_minute, rate });
            Prescription::check(Programmed {
                version,
                drug: Text::new(&drug).expect("at most 32 bytes"),
                concentration: Concentration::from_micrograms_per_millilitre(micrograms),
                demand_dose: Dose::from_micrograms(micrograms),
                bolus_duration: Millis::from_mins(4),
                lockout_interval: Millis::from_mins(u64::from(micrograms) + 5),
                allotment,
                window_limit: WindowDoseLimit {
                    amount: Dose::from_micrograms(1000 + micrograms),
                    window: Millis::from_hours(24),
                },
                basal: Bounded::filled_from(segments),
                capacity: Volume::from_microlitres(20_000),
                low_reservoir: Volume::from_microlitres(1_000 + micrograms),
                reserve: Volume::from_microlitres(micrograms),
                patient_code: u16::try_from(version).ok().filter(|code| *code < 10_000).map(PatientCode),
            })
            .expect("the ranges above agree")
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        audit_head().prop_map(|audit_head| Command::Hello { audit_head }),
        (request(), hash(), audit_head()).prop_map(|(id, prescription, audit_head)| Command::Prepare {
            id,
            prescription,
            audit_head
        }),
        (request(), nonce(), hash()).prop_map(|(id, nonce, prescription)| Command::Commit { id, nonce, prescription }),
        request().prop_map(|id| Command::Query { id }),
        request().prop_map(|id| Command::Abort { id }),
        request().prop_map(|id| Command::Cancel { id }),
        seq().prop_map(|from| Command::ReadHistory { from }),
        Just(Command::ReadReport),
        Just(Command::ReadPrescription),
        (any::<u16>(), any::<bool>())
            .prop_map(|(annunciation, confirm)| Command::Acknowledge { annunciation, confirm }),
        status().prop_map(|seen| Command::ResetStatus { seen }),
        Just(Command::ConfirmPairing),
        Just(Command::EndPairing),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    use RefusedReason::{Malformed, NoPairing, NotGreeted, NotPermitted};
    prop_oneof![
        hello().prop_map(|hello| Reply::Hello(Box::new(hello))),
        (request(), nonce(), dose(), millis()).prop_map(|(id, nonce, dose, life)| Reply::Granted {
            id,
            nonce,
            dose,
            life
        }),
        (request(), denial()).prop_map(|(id, denial)| Reply::Denied { id, denial }),
        (request(), bolus_ref()).prop_map(|(id, bolus)| Reply::Accepted { id, bolus }),
        (request(), denial()).prop_map(|(id, denial)| Reply::Rejected { id, denial }),
        (request(), fate(), request()).prop_map(|(id, fate, watermark)| Reply::Fate { id, fate, watermark }),
        history_page().prop_map(Reply::History),
        report().prop_map(|report| Reply::Report(Box::new(report))),
        prescription().prop_map(|prescription| Reply::Prescription(Box::new(prescription.programmed().clone()))),
        Just(Reply::PairingConfirmed),
        Just(Reply::PairingEnded),
        status().prop_map(|changed| Reply::Status { changed }),
        prop::sample::select(vec![Malformed, NotGreeted, NotPermitted, NoPairing])
            .prop_map(|reason| Reply::Refused { reason }),
    ]
}

/// One canonical encoding: what is read is written the same way again.
fn reads_as_it_writes<T: Wire>(bytes: &[u8]) -> bool {
    decode::<T>(bytes).is_ok_and(|value| encode(&value) == bytes)
}

fn is_refused_or_canonical<T: Wire>(bytes: &[u8]) -> bool {
    decode::<T>(bytes).is_err() || reads_as_it_writes::<T>(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_command_survives_the_wire(command in command()) {
        prop_assert_eq!(decode::<Command>(&encode(&command)), Ok(command));
    }

    #[test]
    fn every_reply_survives_the_wire(reply in reply()) {
        prop_assert_eq!(decode::<Reply>(&encode(&reply)), Ok(reply));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic_or_have_a_second_spelling(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        // proves R-LNK-17
        prop_assert!(is_refused_or_canonical::<Command>(&bytes));
        prop_assert!(is_refused_or_canonical::<Reply>(&bytes));
        prop_assert!(is_refused_or_canonical::<PumpPins>(&bytes));
        prop_assert!(is_refused_or_canonical::<RemotePins>(&bytes));
    }

    #[test]
    fn a_message_with_a_changed_byte_has_no_second_spelling_either(
        reply in reply(), command in command(), place in any::<prop::sample::Index>(), to in any::<u8>(),
    ) {
        for mut bytes in [encode(&reply), encode(&command)] {
            let place = place.index(bytes.len());
            bytes[place] = to;
            prop_assert!(is_refused_or_canonical::<Reply>(&bytes));
            prop_assert!(is_refused_or_canonical::<Command>(&bytes));
        }
    }

    #[test]
    fn a_command_is_never_read_as_a_reply(command in command(), reply in reply()) {
        prop_assert!(decode::<Reply>(&encode(&command)).is_err());
        prop_assert!(decode::<Command>(&encode(&reply)).is_err());
    }

    #[test]
    fn any_frame_crosses_any_link_and_any_noise_is_survived(
        frame in prop::collection::vec(any::<u8>(), 1..=FRAME_LEN_MAX),
        largest_write in WRITE_LEN_MIN..600,
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let now = Uptime::from_millis(7);
        let mut assembly = Assembly::new();
        let whole: Vec<_> = fragments(&frame, largest_write)
            .expect("within the limits")
            .map(|fragment| assembly.push(&fragment, now))
            .collect();
        prop_assert_eq!(whole.last(), Some(&Ok(Some(frame))));
        prop_assert!(whole[..whole.len() - 1].iter().all(|part| *part == Ok(None)));
        for fragment in noise {
            if let Ok(Some(frame)) = assembly.push(&fragment, now) {
                prop_assert!(frame.len() <= FRAME_LEN_MAX);
            }
        }
    }

    #[test]
    fn whatever_is_typed_as_a_card_is_read_or_refused(typed in "\\PC{0,80}") {
        if let Ok(card) = CardSecret::parse(&typed) {
            prop_assert!(CardSecret::parse(&card.printed()).is_ok());
        }
    }
}
