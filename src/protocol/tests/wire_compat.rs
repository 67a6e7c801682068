//! Bytes are forever: what version 2 looks like, on the air and on disk.
//!
//! `frozen/v2.txt` holds a name and the bytes of at least one value of every variant of every message, of the durable forms,
//! and of all frames of one whole pairing, reconnection and exchange with seeded randomness. If this test fails, a remote
//! and a pump of two releases don't understand each other, or an update can't read its own disk: change the code, not the
//! table; or make a new version.
//!
//! A new variant doesn't compile here until it has a sample. `PRINT_FROZEN=1 cargo test -p pump-protocol --test wire_compat
//! -- --nocapture` prints the table as it is now.

use std::fmt::Debug;

use pump_protocol::{
    clock::{CivilTime, PumpTime, Uptime},
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{
        AuditHead, BolusRef, Command, Denial, DenyReason, DenyReasons, Fate, Hello, HistoryPage, KeyFingerprint, Nonce,
        RefusedReason, Reply, RequestId, Role, StatusChanged,
    },
    prescription::{BasalSegment, PatientCode, Prescription, PrescriptionHash, Programmed, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    report::{
        AllotmentAccount, Annunciation, AnnunciationKind, AnnunciationState, Delivery, PrescriptionStamp, PumpReport,
        RunningBolus,
    },
    session::{
        ANSWER_LEN, COMMAND_LEN, CardSecret, DESCRIPTION_LEN, Entropy, PairedPump, PairedRemote, PumpEnd, PumpEvent,
        PumpPins, RemoteEnd, RemoteEvent, RemotePins, StaticKey, TAG_LEN,
    },
    wire::{Bounded, Text, Wire, decode, encode},
};

type Row = (String, Vec<u8>);

/// One row for each variant. The match inside has no other arm: a variant without a sample doesn't compile.
macro_rules! every {
    ($type:ident { $($variant:ident $({ $($rest:tt)* })? $(( $inner:tt ))? => $sample:expr),* $(,)? }) => {{
        let samples = [$($sample),*];
        samples.iter().map(|sample| {
            let name = match sample {
                $($type::$variant $({ $($rest)* })? $(( $inner ))? => concat!(stringify!($type), "::", stringify!($variant)),)*
            };
            row(name, sample)
        }).collect::<Vec<Row>>()
    }};
}

fn row<T: Wire + PartialEq + Debug>(name: &str, value: &T) -> Row {
    let bytes = encode(value);
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value), "{name} is read back");
    (name.to_owned(), bytes)
}

fn audit_head() -> AuditHead {
    AuditHead { count: 0x0102_0304, hash: [0xA5; 32] }
}

fn hash() -> PrescriptionHash {
    PrescriptionHash([0x5A; 32])
}

fn origin() -> Origin {
    Origin::Remote { key: KeyFingerprint(*b"fingerpr"), id: RequestId(41) }
}

fn delivered() -> Delivered {
    Delivered { at_least: Dose::from_micrograms(20), at_most: Dose::from_micrograms(21) }
}

fn bolus_ref() -> BolusRef {
    BolusRef {
        bolus: BolusId(9),
        history_seq: HistorySeq(77),
        start: PumpTime::new(2, Millis::from_hours(5)),
        dose: Dose::from_micrograms(50),
    }
}

fn every_command() -> Vec<Row> {
    let id = RequestId(42);
    every!(Command {
        Hello { .. } => Command::Hello { audit_head: audit_head() },
        Prepare { .. } => Command::Prepare { id, prescription: hash(), audit_head: audit_head() },
        Commit { .. } => Command::Commit { id, nonce: Nonce([3; 16]), prescription: hash() },
        Query { .. } => Command::Query { id },
        Abort { .. } => Command::Abort { id },
        Cancel { .. } => Command::Cancel { id },
        ReadHistory { .. } => Command::ReadHistory { from: HistorySeq(5) },
        ReadReport => Command::ReadReport,
        ReadPrescription => Command::ReadPrescription,
        Acknowledge { .. } => Command::Acknowledge { annunciation: 0x0304, confirm: true },
        ResetStatus { .. } => Command::ResetStatus { seen: StatusChanged::HISTORY.with(StatusChanged::RESET) },
        ConfirmPairing => Command::ConfirmPairing,
        EndPairing => Command::EndPairing,
    })
}

fn every_reply() -> Vec<Row> {
    let (id, denial) = (RequestId(42), denial());
    every!(Reply {
        Hello(_) => Reply::Hello(Box::new(hello())),
        Granted { .. } => Reply::Granted {
            id,
            nonce: Nonce([4; 16]),
            dose: Dose::from_micrograms(50),
            life: Millis::from_secs(10),
        },
        Denied { .. } => Reply::Denied { id, denial },
        Accepted { .. } => Reply::Accepted { id, bolus: bolus_ref() },
        Rejected { .. } => Reply::Rejected { id, denial },
        Fate { .. } => Reply::Fate { id, fate: Fate::Forgotten, watermark: RequestId(43) },
        History(_) => Reply::History(history_page()),
        Report(_) => Reply::Report(Box::new(report())),
        Prescription(_) => Reply::Prescription(Box::new(prescription().programmed().clone())),
        PairingConfirmed => Reply::PairingConfirmed,
        PairingEnded => Reply::PairingEnded,
        Status { .. } => Reply::Status { changed: StatusChanged::ANNUNCIATION },
        Refused { .. } => Reply::Refused { reason: RefusedReason::NotGreeted },
    })
}

fn every_part_of_a_message() -> Vec<Row> {
    let (bolus, delivered, end) = (bolus_ref(), delivered(), BolusEnd::MotorStall);
    let rows = [
        every!(Fate {
            NeverRan => Fate::NeverRan,
            Granted => Fate::Granted,
            Voided => Fate::Voided,
            Denied => Fate::Denied,
            Rejected => Fate::Rejected,
            Delivering { .. } => Fate::Delivering { bolus, delivered, remaining: Millis::from_mins(2) },
            Done { .. } => Fate::Done { bolus },
            Stopped { .. } => Fate::Stopped { bolus, delivered, end },
            Forgotten => Fate::Forgotten,
        }),
        every!(RefusedReason {
            Malformed => RefusedReason::Malformed,
            NotGreeted => RefusedReason::NotGreeted,
            NotPermitted => RefusedReason::NotPermitted,
            NoPairing => RefusedReason::NoPairing,
        }),
        every!(Role { Patient => Role::Patient, Viewer => Role::Viewer }),
        vec![
            row("StatusChanged::PRESCRIPTION", &StatusChanged::PRESCRIPTION),
            row("StatusChanged::HISTORY", &StatusChanged::HISTORY),
            row("StatusChanged::ANNUNCIATION", &StatusChanged::ANNUNCIATION),
            row("StatusChanged::DELIVERY", &StatusChanged::DELIVERY),
            row("StatusChanged::RESET", &StatusChanged::RESET),
        ],
        DenyReason::ALL
            .map(|reason| row(&format!("DenyReason::{}", name_of(reason)), &DenyReasons::default().with(reason)))
            .to_vec(),
    ];
    rows.concat()
}

/// A reason of the pump's that is missing here doesn't compile; one that is missing in `ALL` has no row in the table.
const fn name_of(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::Alarm => "Alarm",
        DenyReason::BolusRunning => "BolusRunning",
        DenyReason::LowReservoir => "LowReservoir",
        DenyReason::Lockout => "Lockout",
        DenyReason::Allotment => "Allotment",
        DenyReason::WindowLimit => "WindowLimit",
        DenyReason::DemandDosesOff => "DemandDosesOff",
        DenyReason::PrescriptionChanged => "PrescriptionChanged",
        DenyReason::GrantLive => "GrantLive",
        DenyReason::NotPermitted => "NotPermitted",
        DenyReason::IdUsed => "IdUsed",
        DenyReason::NoGrant => "NoGrant",
    }
}

fn every_part_of_the_history() -> Vec<Row> {
    let (bolus, origin, concentration) = (BolusId(9), origin(), concentration());
    let rows = [
        every!(HistoryEvent {
            BolusStarted { .. } => {
                HistoryEvent::BolusStarted { bolus, origin, dose: Dose::from_micrograms(50), concentration }
            },
            BolusEnded { .. } => {
                HistoryEvent::BolusEnded { bolus, origin, delivered: delivered(), end: BolusEnd::Cancelled }
            },
            Refilled { .. } => HistoryEvent::Refilled { volume: Volume::from_microlitres(20_000), concentration },
            Reprogrammed { .. } => HistoryEvent::Reprogrammed { version: 3, hash: hash() },
            Stopped => HistoryEvent::Stopped,
            Started => HistoryEvent::Started,
            Reset => HistoryEvent::Reset,
        }),
        every!(Origin { Remote { .. } => origin, Clinician => Origin::Clinician, Unknown => Origin::Unknown }),
        every!(BolusEnd {
            Complete => BolusEnd::Complete,
            Cancelled => BolusEnd::Cancelled,
            PumpStopped => BolusEnd::PumpStopped,
            MotorStall => BolusEnd::MotorStall,
            Reset => BolusEnd::Reset,
            EmptyReservoir => BolusEnd::EmptyReservoir,
            Alarm => BolusEnd::Alarm,
        }),
    ];
    rows.concat()
}

fn every_part_of_a_report() -> Vec<Row> {
    let rows = [
        every!(Delivery {
            Delivering { .. } => Delivery::Delivering { rate: BasalRate::from_nanograms_per_hour(4_166) },
            Stopped { .. } => Delivery::Stopped { since: Millis::from_hours(3) },
        }),
        every!(AnnunciationKind {
            PumpStopped => AnnunciationKind::PumpStopped,
            MotorStall => AnnunciationKind::MotorStall,
            EmptyReservoir => AnnunciationKind::EmptyReservoir,
            LowReservoir => AnnunciationKind::LowReservoir,
            Eri => AnnunciationKind::Eri,
            Eos => AnnunciationKind::Eos,
            MemoryError => AnnunciationKind::MemoryError,
            OcclusionSuspected => AnnunciationKind::OcclusionSuspected,
        }),
        every!(AnnunciationState {
            Pending => AnnunciationState::Pending,
            Snoozed => AnnunciationState::Snoozed,
            Confirmed => AnnunciationState::Confirmed,
        }),
        vec![row("PumpReport", &report()), row("Prescription", &prescription())],
    ];
    rows.concat()
}

fn denial() -> Denial {
    Denial {
        reasons: [DenyReason::Lockout, DenyReason::LowReservoir].into_iter().collect(),
        retry_after: Millis::from_mins(95),
    }
}

fn concentration() -> Concentration {
    Concentration::from_micrograms_per_millilitre(2000)
}

fn prescription() -> Prescription {
    let rate = BasalRate::from_nanograms_per_hour;
    Prescription::check(Programmed {
        version: 3,
        drug: Text::new("morphine").expect("short"),
        concentration: concentration(),
        demand_dose: Dose::from_micrograms(50),
        bolus_duration: Millis::from_mins(4),
        lockout_interval: Millis::from_hours(2),
        allotment: 4,
        window_limit: WindowDoseLimit { amount: Dose::from_micrograms(400), window: Millis::from_hours(24) },
        basal: Bounded::filled_from([
            BasalSegment { from_minute: 0, rate: rate(4_000) },
            BasalSegment { from_minute: 22 * 60, rate: rate(8_000) },
        ]),
        capacity: Volume::from_microlitres(20_000),
        low_reservoir: Volume::from_microlitres(2_000),
        reserve: Volume::from_microlitres(1_000),
        patient_code: Some(PatientCode(420)),
    })
    .expect("agrees")
}

fn annunciation(id: u16) -> Annunciation {
    let (kind, state) = (AnnunciationKind::LowReservoir, AnnunciationState::Snoozed);
    Annunciation { id, kind, state, since: Millis::from_hours(2) }
}

fn report() -> PumpReport {
    PumpReport {
        time: PumpTime::new(2, Millis::from_hours(6)),
        civil: CivilTime::from_millis(1_790_000_000_000),
        prescription: PrescriptionStamp { version: 3, hash: hash() },
        lockout_remaining: Millis::from_mins(95),
        allotment: AllotmentAccount { used: 2, next_return: Millis::from_hours(7) },
        window_used: Dose::from_micrograms(204),
        delivery: Delivery::Delivering { rate: BasalRate::from_nanograms_per_hour(4_000) },
        bolus: Some(RunningBolus {
            bolus: BolusId(9),
            origin: origin(),
            dose: Dose::from_micrograms(50),
            delivered: delivered(),
            remaining: Millis::from_mins(2),
        }),
        reservoir: Volume::from_microlitres(12_345),
        months_to_eri: 40,
        annunciations: Bounded::filled_from([annunciation(1), annunciation(2)]),
        history_head: HistorySeq(78),
    }
}

fn hello() -> Hello {
    Hello {
        serial: Text::new("SIM-0001").expect("short"),
        role: Role::Patient,
        history_first: HistorySeq(1),
        last_id: RequestId(41),
        last_fate: Fate::Done { bolus: bolus_ref() },
        watermark: RequestId(40),
        witness: Some(audit_head()),
        report: report(),
    }
}

fn history_page() -> HistoryPage {
    let ended =
        HistoryEvent::BolusEnded { bolus: BolusId(9), origin: origin(), delivered: delivered(), end: BolusEnd::Alarm };
    let entry = |seq| HistoryEntry { seq: HistorySeq(seq), at: PumpTime::new(2, Millis::from_hours(5)), event: ended };
    HistoryPage { first: HistorySeq(1), head: HistorySeq(78), entries: Bounded::filled_from((70..).map(entry)) }
}

/// The same bytes in every run.
struct Counting(u64);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes()[0];
        }
    }
}

/// A pairing, one exchange, a reconnection and another: every frame, and what both sides then have on disk.
fn every_frame() -> Vec<Row> {
    let mut entropy = Counting(1);
    let now = Uptime::from_millis(1_000);
    let window = Some(Role::Patient);
    let card = CardSecret::generate(&mut entropy);
    let mut remote: RemoteEnd = RemoteEnd::new(StaticKey::generate(&mut entropy));
    let mut pump: PumpEnd = PumpEnd::new(StaticKey::generate(&mut entropy), &card, PumpPins::default());
    let mut rows = vec![("card".to_owned(), card.printed().as_bytes().to_vec())];
    let mut note = |name: &str, frame: &[u8]| rows.push((format!("frame {name}"), frame.to_vec()));

    let pair_1 = remote.pair(&card, &mut entropy, now).expect("begins");
    note("pair-1", &pair_1);
    let pair_2 = pump.hear(&pair_1, window, &mut entropy, now).expect("taken").send.expect("answered");
    note("pair-2", &pair_2);
    let pair_3 = remote.hear(&pair_2, now).expect("taken").send.expect("answered");
    note("pair-3", &pair_3);
    let provisional = pump.hear(&pair_3, window, &mut entropy, now).expect("taken").event;
    assert!(matches!(provisional, Some(PumpEvent::PairingProvisional(_))));
    let provisional = pump.pins().clone();
    let proof = pump.provisional_stored().expect("a pairing waits");
    note("proof", &proof);
    let Some(RemoteEvent::PumpProved(pin)) = remote.hear(&proof, now).expect("taken").event else {
        unreachable!("the proof proves");
    };
    let remote_provisional = RemotePins::default().with_provisional(pin.clone());
    let confirm = remote.pin_stored().expect("a pin waits");
    note("confirm pairing", &confirm);
    pump.hear(&confirm, window, &mut entropy, now).map(|_| ()).expect("taken");
    pump.pairing_confirmed().expect("room");
    let confirmed = pump.say(&Reply::PairingConfirmed).expect("live");
    note("pairing confirmed", &confirmed);
    remote.hear(&confirmed, now).map(|_| ()).expect("taken");

    let reconnect_1 = remote.reconnect(&pin, &mut entropy, now).expect("begins");
    note("reconnect-1", &reconnect_1);
    let reconnect_2 = pump.hear(&reconnect_1, None, &mut entropy, now).expect("taken").send.expect("answered");
    note("reconnect-2", &reconnect_2);
    remote.hear(&reconnect_2, now).map(|_| ()).expect("taken");
    let command = remote.say(&Command::Hello { audit_head: audit_head() }).expect("open");
    note("hello command", &command);
    pump.hear(&command, None, &mut entropy, now).map(|_| ()).expect("taken");
    note("hello reply", &pump.say(&Reply::Hello(Box::new(hello()))).expect("live"));
    let durable = [
        row("PumpPins provisional", &provisional),
        row("PumpPins confirmed", pump.pins()),
        row("RemotePins provisional", &remote_provisional),
        row("RemotePins confirmed", &remote_provisional.with_confirmation()),
    ];
    rows.into_iter().chain(durable).collect()
}

fn table() -> Vec<Row> {
    [
        every_command(),
        every_reply(),
        every_part_of_a_message(),
        every_part_of_the_history(),
        every_part_of_a_report(),
        every_frame(),
    ]
    .concat()
}

fn written(rows: &[Row]) -> String {
    rows.iter().fold(String::new(), |text, (name, bytes)| {
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        format!("{text}{name} -> {hex}\n")
    })
}

#[test]
fn version_2_looks_as_it_always_has() {
    let now = written(&table());
    if std::env::var_os("PRINT_FROZEN").is_some() {
        println!("{now}");
        return;
    }
    let frozen = include_str!("frozen/v2.txt");
    for (was, is) in frozen.lines().zip(now.lines()) {
        // proves R-LNK-18
        assert_eq!(is, was);
    }
    assert_eq!(now.lines().count(), frozen.lines().count(), "no row is missing and none is new");
}

#[test]
fn every_name_in_the_table_is_one_of_a_kind() {
    let mut names: Vec<String> = table().into_iter().map(|(name, _)| name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_frames_length_tells_only_whether_the_pump_answers_or_describes_itself() {
    let (mut pump, lens) = (live_pump(), |reply: &Reply, pump: &mut PumpEnd| pump.say(reply).expect("live").len());
    let longest_fate = Fate::Delivering { bolus: bolus_ref(), delivered: delivered(), remaining: Millis::MAX };
    let fate = Reply::Fate { id: RequestId(u64::MAX), fate: longest_fate, watermark: RequestId(1) };
    let all_reasons = Denial { reasons: DenyReason::ALL.into_iter().collect(), retry_after: Millis::MAX };
    let denied = Reply::Denied { id: RequestId(1), denial: all_reasons };
    assert_eq!(encode(&fate).len(), 64, "as ANSWER_LEN says");
    for answer in [fate, denied, Reply::PairingConfirmed, Reply::Status { changed: StatusChanged::NONE }] {
        assert_eq!(lens(&answer, &mut pump), 10 + 12 + ANSWER_LEN + TAG_LEN, "{answer:?}");
    }

    let full = PumpReport { annunciations: Bounded::filled_from((0..).map(annunciation)), ..report() };
    let stopped = PumpReport { delivery: Delivery::Stopped { since: Millis::MAX }, ..full };
    let quiet = PumpReport { annunciations: Bounded::new(), bolus: None, ..report() };
    let serial = Text::new("0123456789ABCDEF").expect("16 characters");
    let longest = Hello { serial, last_fate: longest_fate, report: stopped.clone(), ..hello() };
    assert_eq!(encode(&Reply::Hello(Box::new(longest.clone()))).len(), 467, "as DESCRIPTION_LEN says");
    let shortest = Hello { serial: Text::default(), witness: None, report: quiet.clone(), ..hello() };
    let page = history_page();
    let empty = HistoryPage { entries: Bounded::new(), ..history_page() };
    let reprogrammed = HistoryEvent::Reprogrammed { version: u32::MAX, hash: hash() };
    let entry = |event| HistoryEntry { seq: HistorySeq(9), at: PumpTime::new(1, Millis::MAX), event };
    let full_of =
        |event| HistoryPage { entries: Bounded::filled_from((0..100).map(|_| entry(event))), ..history_page() };
    assert_eq!(encode(&Reply::History(full_of(reprogrammed))).len(), 420, "no page is longer than HELLO");
    for (name, bytes) in every_part_of_the_history() {
        assert!(bytes.len() <= encode(&reprogrammed).len(), "{name} is longer");
    }
    for description in [
        Reply::Report(Box::new(stopped)),
        Reply::Report(Box::new(quiet)),
        Reply::Hello(Box::new(longest)),
        Reply::Hello(Box::new(shortest)),
        Reply::History(page),
        Reply::History(full_of(reprogrammed)),
        Reply::History(empty),
        Reply::Prescription(Box::new(fullest_prescription().programmed().clone())),
    ] {
        assert_eq!(lens(&description, &mut pump), 10 + 12 + DESCRIPTION_LEN + TAG_LEN, "{description:?}");
    }
}

fn fullest_prescription() -> Prescription {
    let segment = |hour: u16| BasalSegment { from_minute: hour * 60, rate: BasalRate::from_nanograms_per_hour(1) };
    let basal = Bounded::filled_from((0..24).map(segment));
    let drug = Text::new("abcdefghijklmnopqrstuvwxyz012345").expect("32 bytes");
    Prescription::check(Programmed { basal, drug, ..prescription().programmed().clone() }).expect("agrees")
}

fn live_pump() -> PumpEnd {
    let (mut entropy, now) = (Counting(2), Uptime::from_millis(1));
    let (own, card) = (StaticKey::generate(&mut entropy), CardSecret::generate(&mut entropy));
    let psk = card.psk();
    let key = StaticKey::generate(&mut entropy);
    let pin = PairedPump { pump: own.public(), psk: psk.clone() };
    let paired = PairedRemote { remote: key.public(), psk, role: Role::Patient };
    let pins = PumpPins { confirmed: Bounded::filled_from([paired]), provisional: None };
    let (mut pump, mut remote): (PumpEnd, RemoteEnd) = (PumpEnd::new(own, &card, pins), RemoteEnd::new(key));
    let first = remote.reconnect(&pin, &mut entropy, now).expect("begins");
    let second = pump.hear(&first, None, &mut entropy, now).expect("taken").send.expect("answered");
    remote.hear(&second, now).map(|_| ()).expect("taken");
    let command = remote.say(&Command::ReadReport).expect("open");
    pump.hear(&command, None, &mut entropy, now).map(|_| ()).expect("taken");
    pump
}

#[test]
fn every_command_fits_the_one_length() {
    let longest = every_command().into_iter().map(|(_, bytes)| bytes.len()).max();
    assert_eq!(longest, Some(83), "as COMMAND_LEN says");
    for (name, bytes) in every_command() {
        assert!(bytes.len() <= COMMAND_LEN, "{name}: {} bytes", bytes.len());
    }
}
