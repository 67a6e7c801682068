//! The simulated pump, told anything by three remotes, a clinic, a console and time.
//!
//! # What must hold
//! - One id starts at most one bolus, and what was started is never called denied.
//! - No answer is too long for its frame, and each has one spelling.
//! - One long step of time ends where many short ones do.
//! - What outlives the power is the same pump.

use std::collections::BTreeSet;

use pump_protocol::{
    clock::CivilTime,
    history::{HistoryEvent, HistorySeq, Origin},
    message::{AuditHead, Command, DenyReason, Fate, KeyFingerprint, Nonce, Reply, RequestId, Role, StatusChanged},
    prescription::{PrescriptionHash, Programmed},
    quantity::{Concentration, Dose, Millis, Volume},
    session::{COMMAND_LEN, DESCRIPTION_LEN},
    wire::{decode, encode},
};
use pump_tests::chance::Chance;
use sha2::{Digest, Sha256};
use simulated_pump::{Pump, Setup, console, faults::Script};

const STEPS: u32 = 300;
/// Ten times what a pump in use writes.
const DURABLE_LEN_MAX: usize = 256 * 1024;
const SPANS: [u64; 12] = [
    1,
    999,
    10_000,
    60_000,
    240_000,
    3_600_000,
    7_199_999,
    7_200_000,
    86_400_000,
    90_061_001,
    604_800_000,
    34_560_000_000,
];

struct Bench {
    pump: Pump,
    script: Script,
    chance: Chance,
    nonces: Vec<Nonce>,
    started: BTreeSet<(KeyFingerprint, RequestId)>,
    /// How far the history was looked through.
    seen: HistorySeq,
}

/// The target.
pub fn run(bytes: &[u8]) {
    let mut bench = Bench {
        pump: Pump::new(Setup::demonstration()),
        script: Script::default(),
        chance: Chance::from_bytes(bytes),
        nonces: vec![Nonce::default()],
        started: BTreeSet::new(),
        seen: HistorySeq(0),
    };
    for _ in 0..STEPS {
        if bench.chance.is_over() {
            break;
        }
        bench.step();
        bench.look_back();
    }
    bench.outlives_its_power();
}

/// A durable form of anything, under a hash that is right: refused, or a pump that can be talked to.
pub(crate) fn restored(bytes: &[u8]) {
    let _ = Pump::restore(bytes);
    let signed = [bytes, Sha256::digest(bytes).as_slice()].concat();
    let Ok(mut pump) = Pump::restore(&signed) else { return };
    assert!(pump.durable() == signed, "a second spelling");
    let key = KeyFingerprint([1; 8]);
    pump.session_opened(key);
    let prescription = pump.prescription().hash();
    let (id, audit_head) = (RequestId(7), AuditHead::default());
    for command in [
        Command::Hello { audit_head },
        Command::Prepare { id, prescription, audit_head },
        Command::Commit { id, nonce: Nonce::default(), prescription },
        Command::ReadHistory { from: HistorySeq(1) },
        Command::Cancel { id },
        Command::ReadReport,
    ] {
        pump.handle(key, Role::Patient, &command, Nonce::default());
        pump.advance(Millis::from_hours(30));
    }
    pump.reset();
    pump.advance(Millis::from_hours(30));
}

impl Bench {
    fn step(&mut self) {
        match self.chance.below(16) {
            0..=7 => self.say(),
            8..=10 => self.pass(),
            11 => {
                let (key, opens) = (self.key(), !self.chance.one_in(4));
                if opens {
                    self.pump.session_opened(key);
                } else {
                    self.pump.session_closed(key);
                }
            }
            12 => self.by_hand(),
            13 => self.clinic(),
            14 => self.console(),
            _ => {
                let key = self.key();
                let news = self.pump.has_news(key);
                assert_eq!(self.pump.take_status(key).is_some(), news);
                assert!(!self.pump.has_news(key), "said once");
            }
        }
    }

    fn say(&mut self) {
        let (key, command) = (self.key(), self.command());
        assert!(encode(&command).len() <= COMMAND_LEN);
        let role = if self.chance.one_in(16) { Role::Viewer } else { Role::Patient };
        let nonce = Nonce([u8::try_from(self.nonces.len() % 251).expect("small"); 16]);
        self.nonces.push(nonce);
        let reply = self.pump.handle(key, role, &command, nonce);
        let bytes = encode(&reply);
        assert!(bytes.len() <= DESCRIPTION_LEN, "{} bytes fit in no frame: {reply:?}", bytes.len());
        assert_eq!(decode::<Reply>(&bytes).as_ref(), Ok(&reply));
        match reply {
            // Asked for once more with other content: says that the id is spent, and not what became of it.
            Reply::Denied { denial, .. } if denial.reasons.contains(DenyReason::IdUsed) => {}
            Reply::Granted { id, .. } | Reply::Denied { id, .. } | Reply::Rejected { id, .. } => {
                assert!(!self.started.contains(&(key, id)), "{id} was started, and the answer is {reply:?}");
            }
            Reply::Fate { id, fate: Fate::NeverRan | Fate::Voided | Fate::Denied | Fate::Rejected, .. } => {
                assert!(!self.started.contains(&(key, id)), "{id} was started, and the answer is {reply:?}");
            }
            Reply::Accepted { id, .. } => {
                // What was accepted once is told again to the same key, though that may only look by now.
                let told_again = self.started.contains(&(key, id));
                assert!(matches!(command, Command::Commit { .. }), "{command:?}");
                assert!(role == Role::Patient || told_again, "a viewer's {command:?} was accepted");
                self.look_back();
                assert!(self.started.contains(&(key, id)), "accepted, and not in the pump's record");
            }
            _ => {}
        }
    }

    fn command(&mut self) -> Command {
        let id = RequestId(match self.chance.below(8) {
            0 => u64::MAX - self.chance.below(2),
            _ => self.chance.below(24),
        });
        let own = self.pump.prescription().hash();
        let prescription = if self.chance.one_in(12) { PrescriptionHash([3; 32]) } else { own };
        let audit_head = AuditHead { count: self.chance.below(9), hash: [7; 32] };
        match self.chance.below(16) {
            0 | 1 => Command::Hello { audit_head },
            2..=4 => Command::Prepare { id, prescription, audit_head },
            5..=7 => {
                let back = usize::try_from(self.chance.below(4)).expect("small").min(self.nonces.len() - 1);
                Command::Commit { id, nonce: self.nonces[self.nonces.len() - 1 - back], prescription }
            }
            8 => Command::Query { id },
            9 => Command::Abort { id },
            10 => Command::Cancel { id },
            11 => Command::ReadHistory { from: HistorySeq(id.0) },
            12 => Command::ReadReport,
            13 => Command::Acknowledge {
                annunciation: u16::try_from(self.chance.below(6)).expect("small"),
                confirm: self.chance.one_in(2),
            },
            14 => Command::ResetStatus { seen: StatusChanged::HISTORY.with(StatusChanged::RESET) },
            _ => self.chance.pick(&[Command::ReadPrescription, Command::ConfirmPairing]),
        }
    }

    fn pass(&mut self) {
        let span = self.chance.pick(&SPANS);
        let mut short = self.pump.clone();
        let first = span / (2 + self.chance.below(6));
        for part in [first, span - first] {
            short.advance(Millis::new(part));
        }
        self.pump.advance(Millis::new(span));
        assert_eq!(self.pump, short, "{span} ms at once and in two steps");
        assert!(self.pump.quiet_for(Millis::from_hours(1)) >= Millis::new(1));
    }

    fn by_hand(&mut self) {
        let pump = &mut self.pump;
        match self.chance.below(14) {
            0 => pump.stop(),
            1 => pump.start(),
            2 => pump.stall(),
            3 => pump.unstall(),
            4 => pump.occlusion(true),
            5 => pump.occlusion(false),
            6 => pump.memory_error(),
            7 => pump.eri(),
            8 => pump.eos(),
            9 => pump.reset(),
            10 => pump.impose(DenyReason::Lockout),
            11 => pump.lift(),
            12 => pump.persisted(),
            _ => pump.revoke(KeyFingerprint([3; 8])),
        }
    }

    fn clinic(&mut self) {
        let edges = [0, 1, 49_999, 50_000, 400_000, u32::MAX - 1, u32::MAX];
        let (a, b) = (self.chance.pick(&edges), self.chance.pick(&edges));
        let before = self.pump.clone();
        let refused = match self.chance.below(6) {
            0 => self.pump.clinician_bolus(Dose::from_nanograms(a)).is_err(),
            1 => self.pump.unaccounted_bolus(Dose::from_nanograms(a)).is_err(),
            2 => {
                let concentration = Concentration::from_micrograms_per_millilitre(b);
                self.pump.refill(Volume::from_nanolitres(a), concentration).is_err()
            }
            3 => self
                .pump
                .refill(Volume::from_microlitres(20_000), Concentration::from_micrograms_per_millilitre(2_000))
                .is_err(),
            4 => {
                // Behind the last of them time would stand still within a story: the calendar's own end.
                let civil = [i64::MIN, -1, 0, 1_790_000_000_000, i64::MAX / 2];
                self.pump.set_civil(CivilTime::from_millis(self.chance.pick(&civil)));
                false
            }
            _ => {
                let was = self.pump.prescription().programmed().clone();
                let version = was.version.saturating_add(1);
                let changed = Programmed {
                    version,
                    demand_dose: Dose::from_nanograms(a),
                    lockout_interval: Millis::from_mins(self.chance.pick(&[5, 120, 10_080])),
                    allotment: u8::try_from(self.chance.below(49)).expect("small"),
                    ..was
                };
                let checked = pump_protocol::prescription::Prescription::check(changed);
                checked.map(|prescription| self.pump.program(prescription)).is_err()
            }
        };
        assert!(!refused || self.pump == before, "what the pump refuses changes nothing");
    }

    /// A line of a few words, most of them the console's own.
    fn console(&mut self) {
        const WORDS: [&str; 40] = [
            "help",
            "magnet",
            "viewer",
            "reset",
            "status",
            "history",
            "refill",
            "program",
            "bolus",
            "unknown",
            "clock",
            "deny",
            "calm",
            "drop",
            "disconnect",
            "echo",
            "stop",
            "start",
            "occlusion",
            "on",
            "off",
            "prepare",
            "commit",
            "any",
            "before",
            "after",
            "lockout",
            "limit",
            "dose",
            "window",
            "basal",
            "18.2",
            "0",
            "50",
            "4294967295",
            "-1",
            "1e9",
            "23:59",
            "24:00",
            "demand_dose=60",
        ];
        let mut line = String::new();
        for _ in 0..self.chance.below(6) {
            if self.chance.one_in(5) {
                line.extend(char::from_u32(u32::try_from(self.chance.below(0x300)).expect("small")));
            } else {
                line.push_str(self.chance.pick(&WORDS));
            }
            line.push(if self.chance.one_in(6) { '=' } else { ' ' });
        }
        if let console::ConsoleAnswer::Say(said) = console::run(&mut self.pump, &mut self.script, &line) {
            assert!(said.len() < 16 * 1024);
        }
    }

    fn key(&mut self) -> KeyFingerprint {
        KeyFingerprint([self.chance.pick(&[1, 1, 1, 2, 3]); 8])
    }

    fn look_back(&mut self) {
        for entry in self.pump.history().filter(|entry| entry.seq > self.seen) {
            match entry.event {
                HistoryEvent::BolusStarted { origin: Origin::Remote { key, id }, .. } => {
                    assert!(self.started.insert((key, id)), "{id} was started twice");
                }
                HistoryEvent::BolusEnded { delivered, .. } => assert!(delivered.at_least <= delivered.at_most),
                _ => {}
            }
        }
        self.seen = self.pump.history().next_back().map_or(self.seen, |entry| entry.seq);
    }

    fn outlives_its_power(&mut self) {
        let bytes = self.pump.durable();
        assert!(bytes.len() <= DURABLE_LEN_MAX, "{} bytes", bytes.len());
        let mut restored = Pump::restore(&bytes).expect("what a pump wrote can be read");
        assert!(restored.durable() == bytes, "a second spelling");
        for pump in [&mut restored, &mut self.pump] {
            pump.advance(Millis::from_hours(5));
        }
        assert_eq!(restored.report(), self.pump.report(), "the same running pump");
    }
}
