//! Short stories about the pump, each with the few words that it needs.

mod asking;
mod breaking;
mod lasting;
mod limits;
mod misuse;
mod passing;

use pump_protocol::{
    history::{HistoryEvent, Origin},
    message::{
        AuditHead, BolusRef, Command, Denial, DenyReason, DenyReasons, Fate, Hello, KeyFingerprint, Nonce, Reply,
        RequestId, Role,
    },
    prescription::{Prescription, PrescriptionHash, Programmed},
    quantity::{Dose, Millis},
};

use crate::pump::{Pump, Setup};

pub(crate) const PATIENT: KeyFingerprint = KeyFingerprint([1; 8]);
pub(crate) const SECOND: KeyFingerprint = KeyFingerprint([2; 8]);

/// A pump with a patient's remote in a greeted session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bench {
    pub(crate) pump: Pump,
    nonces: u8,
}

pub(crate) fn bench() -> Bench {
    bench_with(|_| {})
}

/// The demonstration pump with another prescription.
pub(crate) fn bench_with(change: fn(&mut Programmed)) -> Bench {
    let setup = Setup::demonstration();
    let mut programmed = setup.prescription.programmed().clone();
    change(&mut programmed);
    let prescription = Prescription::check(programmed).expect("agrees");
    let mut bench = Bench { pump: Pump::new(Setup { prescription, ..setup }), nonces: 0 };
    bench.greet(PATIENT);
    bench
}

/// Something that happens to a pump.
pub(crate) type Happening = fn(&mut Bench);

impl Bench {
    pub(crate) fn say(&mut self, key: KeyFingerprint, command: &Command) -> Reply {
        self.nonces = self.nonces.wrapping_add(1);
        self.pump.handle(key, Role::Patient, command, Nonce([self.nonces; 16]))
    }

    pub(crate) fn greet(&mut self, key: KeyFingerprint) -> Box<Hello> {
        assert!(self.pump.session_opened(key), "there is room for the key");
        self.hello(key)
    }

    pub(crate) fn hello(&mut self, key: KeyFingerprint) -> Box<Hello> {
        let reply = self.say(key, &Command::Hello { audit_head: AuditHead::default() });
        let Reply::Hello(hello) = reply else { unreachable!("HELLO was answered with {reply:?}") };
        hello
    }

    pub(crate) fn hash(&self) -> PrescriptionHash {
        self.pump.prescription().hash()
    }

    pub(crate) fn prepare(&mut self, key: KeyFingerprint, id: u64) -> Reply {
        let command = prepare(id, self.hash());
        self.say(key, &command)
    }

    pub(crate) fn grant(&mut self, key: KeyFingerprint, id: u64) -> Nonce {
        let reply = self.prepare(key, id);
        let Reply::Granted { nonce, .. } = reply else { unreachable!("PREPARE {id} was answered with {reply:?}") };
        nonce
    }

    pub(crate) fn commit(&mut self, key: KeyFingerprint, id: u64, nonce: Nonce) -> Reply {
        let prescription = self.hash();
        self.say(key, &Command::Commit { id: RequestId(id), nonce, prescription })
    }

    /// A whole dose, accepted and started.
    pub(crate) fn dose(&mut self, id: u64) -> BolusRef {
        let nonce = self.grant(PATIENT, id);
        let reply = self.commit(PATIENT, id, nonce);
        let Reply::Accepted { bolus, .. } = reply else { unreachable!("COMMIT {id} was answered with {reply:?}") };
        bolus
    }

    pub(crate) fn denied(&mut self, id: u64) -> Denial {
        let reply = self.prepare(PATIENT, id);
        let Reply::Denied { denial, .. } = reply else { unreachable!("PREPARE {id} was answered with {reply:?}") };
        denial
    }

    pub(crate) fn fate(&mut self, key: KeyFingerprint, id: u64) -> Fate {
        self.fate_after(key, &Command::Query { id: RequestId(id) })
    }

    pub(crate) fn abort(&mut self, id: u64) -> Fate {
        self.fate_after(PATIENT, &Command::Abort { id: RequestId(id) })
    }

    pub(crate) fn cancel(&mut self, id: u64) -> Fate {
        self.fate_after(PATIENT, &Command::Cancel { id: RequestId(id) })
    }

    fn fate_after(&mut self, key: KeyFingerprint, command: &Command) -> Fate {
        let reply = self.say(key, command);
        let Reply::Fate { fate, .. } = reply else { unreachable!("{command:?} was answered with {reply:?}") };
        fate
    }

    pub(crate) fn pass(&mut self, time: Millis) {
        self.pump.advance(time);
    }

    pub(crate) fn reprogram(&mut self, change: impl Fn(&mut Programmed)) {
        let mut programmed = self.pump.prescription().programmed().clone();
        programmed.version += 1;
        change(&mut programmed);
        self.pump.program(Prescription::check(programmed).expect("agrees"));
    }

    /// How often a bolus was started for this request.
    pub(crate) fn started(&self, key: KeyFingerprint, id: u64) -> usize {
        let wanted = Origin::Remote { key, id: RequestId(id) };
        let is_start = |event| matches!(event, HistoryEvent::BolusStarted { origin, .. } if origin == wanted);
        self.pump.history().filter(|entry| is_start(entry.event)).count()
    }
}

pub(crate) fn prepare(id: u64, prescription: PrescriptionHash) -> Command {
    Command::Prepare { id: RequestId(id), prescription, audit_head: AuditHead::default() }
}

pub(crate) fn only(reason: DenyReason) -> DenyReasons {
    DenyReasons::default().with(reason)
}

pub(crate) fn mcg(micrograms: u32) -> Dose {
    Dose::from_micrograms(micrograms)
}
