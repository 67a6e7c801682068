//! What the pump answers to each command.
//!
//! # Promises
//! - COMMIT checks everything again, and starts the motor in the same step as it writes the record. Where the host can't store
//!   that record, the bolus is taken back before any time passes.
//! - A request that was committed is never answered with DENIED or REJECTED, for those would say that nothing was given:
//!   whatever else is wrong with the command, the answer is the fate.
//! - All reasons that hold are in a refusal, and `retry_after` is nothing unless time alone ends them all.

use pump_protocol::{
    history::{BolusEnd, Delivered, Origin},
    message::{
        AuditHead, Command, Denial, DenyReason, Fate, GRANT_LIFE_MAX, Hello, KeyFingerprint, Nonce, RefusedReason,
        Reply, RequestId, Role, StatusChanged,
    },
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
};

use crate::{
    accounts::{DoseRecord, Spent},
    motor::Grains,
    pump::Pump,
    requests::{Grant, KeyRecord, Outcome, Refused, Session},
};

/// A request with its content, and who makes it.
#[derive(Clone, Copy)]
struct Asked {
    key: KeyFingerprint,
    role: Role,
    id: RequestId,
    prescription: PrescriptionHash,
}

/// How a reason for refusing ends.
#[derive(Clone, Copy)]
enum Wait {
    For(Millis),
    /// Time alone won't help.
    Open,
}

impl Pump {
    /// The first valid frame of a new session of this key has come. An older session of the key is over, and its grant
    /// with it. `false` if the pump knows too many keys: then it answers nothing in this session.
    pub fn session_opened(&mut self, key: KeyFingerprint) -> bool {
        self.session_closed(key);
        if !self.know(key) {
            return false;
        }
        let session = Session { key, greeted: false, told: StatusChanged::NONE, committed: None };
        self.sessions.push(session).is_ok()
    }

    /// The link of this key is gone; a grant that nobody can spend any more goes too.
    pub fn session_closed(&mut self, key: KeyFingerprint) {
        self.sessions.retain(|session| session.key != key);
        self.grant = self.grant.filter(|grant| grant.key != key);
    }

    /// The key counts no longer. What it was given is remembered, until its place is needed for another.
    pub fn revoke(&mut self, key: KeyFingerprint) {
        self.session_closed(key);
        self.keys_mut().filter(|known| known.key == key).for_each(|known| known.revoked = true);
        self.must_persist = true;
    }

    /// Whether the key was taken back, and is remembered.
    pub fn is_revoked(&self, key: KeyFingerprint) -> bool {
        self.known(key).is_some_and(|known| known.revoked)
    }

    /// Answers one command. `nonce` is fresh entropy; only a grant uses it.
    pub fn handle(&mut self, key: KeyFingerprint, role: Role, command: &Command, nonce: Nonce) -> Reply {
        let Some(session) = self.session(key) else { return refused(RefusedReason::NotGreeted) };
        let is_hello = matches!(command, Command::Hello { .. });
        if !session.greeted && !is_hello {
            return refused(RefusedReason::NotGreeted);
        }
        match *command {
            Command::Hello { audit_head } => self.hello(key, role, audit_head),
            Command::Prepare { id, prescription, audit_head } => {
                self.witness(key, audit_head);
                self.prepare(Asked { key, role, id, prescription }, nonce)
            }
            Command::Commit { id, nonce, prescription } => self.commit(Asked { key, role, id, prescription }, nonce),
            Command::Query { id } => self.tell_fate(key, id),
            Command::Abort { id } => self.abort(key, id),
            Command::Cancel { id } => self.cancel(key, id),
            Command::ReadHistory { from } => Reply::History(self.history.page(from)),
            Command::ReadReport => self.tell_report(),
            Command::ReadPrescription => Reply::Prescription(Box::new(self.prescription.programmed().clone())),
            Command::Acknowledge { annunciation, confirm } => self.acknowledge(role, annunciation, confirm),
            Command::ResetStatus { seen } => self.reset_status(key, seen),
            Command::ConfirmPairing => Reply::PairingConfirmed,
            // keeps R-LNK-24
            Command::EndPairing => {
                self.revoke(key);
                Reply::PairingEnded
            }
        }
    }

    /// What this key's greeted session has not been told yet, as a [`Reply::Status`] to send unasked.
    pub fn take_status(&mut self, key: KeyFingerprint) -> Option<StatusChanged> {
        let latch = self.known(key)?.latch;
        let session = self.session_mut(key).filter(|session| session.greeted)?;
        let news = latch.without(session.told);
        session.told = latch;
        (news != StatusChanged::NONE).then_some(latch)
    }

    /// Whether [`take_status`](Self::take_status) has something to tell.
    pub fn has_news(&self, key: KeyFingerprint) -> bool {
        let session = self.session(key).filter(|session| session.greeted);
        let latch = self.known(key).map(|known| known.latch);
        session.zip(latch).is_some_and(|(session, latch)| latch.without(session.told) != StatusChanged::NONE)
    }

    /// What the pump keeps of a request, as it would answer QUERY.
    pub fn fate(&self, key: KeyFingerprint, id: RequestId) -> Fate {
        if let Some(record) = self.doses.of_request(key, id) {
            return self.fate_of(record);
        }
        if self.grant.is_some_and(|grant| grant.key == key && grant.id == id) {
            return Fate::Granted;
        }
        let Some(known) = self.known(key) else { return Fate::NeverRan };
        match known.refused(id).map(|refused| refused.outcome) {
            Some(Outcome::Denied { .. }) => Fate::Denied,
            Some(Outcome::Rejected { .. }) => Fate::Rejected,
            Some(Outcome::Voided) => Fate::Voided,
            None if id <= known.watermark && id > RequestId(0) => Fate::Forgotten,
            None => Fate::NeverRan,
        }
    }

    // HELLO.

    fn hello(&mut self, key: KeyFingerprint, role: Role, audit_head: AuditHead) -> Reply {
        let (last_id, witness) = self.known(key).map_or_else(Default::default, |known| (known.last_id, known.witness));
        self.witness(key, audit_head);
        if let Some(session) = self.session_mut(key) {
            session.greeted = true;
        }
        Reply::Hello(Box::new(Hello {
            serial: self.serial.clone(),
            role,
            history_first: self.history.first(),
            last_id,
            last_fate: self.fate(key, last_id),
            watermark: self.watermark(key),
            witness,
            report: self.report(),
        }))
    }

    // keeps R-PMP-21
    /// Keeps the furthest that this key's record was ever told to stand: one that went back stays noticed until it has
    /// grown past that, however often the remote restarts in between.
    fn witness(&mut self, key: KeyFingerprint, audit_head: AuditHead) {
        let further = |known: &AuditHead| audit_head.count > known.count;
        if let Some(known) = self.known_mut(key).filter(|known| known.witness.as_ref().is_none_or(further)) {
            known.witness = Some(audit_head);
            self.must_persist = true;
        }
    }

    // PREPARE.

    fn prepare(&mut self, asked: Asked, nonce: Nonce) -> Reply {
        // A key that was taken back and paired anew has used no id yet; what ran under it did run.
        let ran = self.doses.of_request(asked.key, asked.id).is_some();
        let is_new = self.known(asked.key).is_some_and(|known| known.is_new(asked.id));
        if is_new && !ran { self.prepare_new(asked, nonce) } else { self.prepare_again(asked) }
    }

    fn prepare_new(&mut self, asked: Asked, nonce: Nonce) -> Reply {
        let denial = self.denial(asked, &[]);
        if !denial.reasons.is_empty() {
            return self.deny(asked, denial);
        }
        self.refuse(asked, Outcome::Voided);
        let (Asked { key, id, prescription, .. }, life) = (asked, GRANT_LIFE_MAX);
        let deadline = self.age.saturating_add(life);
        self.grant = Some(Grant { key, id, nonce, prescription, deadline });
        Reply::Granted { id, nonce, dose: self.prescription.programmed().demand_dose, life }
    }

    /// The same content gets the same answer; other content is denied, and takes a living grant with it, because DENIED
    /// is final for an id.
    fn prepare_again(&mut self, asked: Asked) -> Reply {
        if self.doses.of_request(asked.key, asked.id).is_some() {
            return self.tell_fate(asked.key, asked.id);
        }
        if let Some(grant) = self.grant.filter(|grant| grant.key == asked.key && grant.id == asked.id) {
            if grant.prescription == asked.prescription {
                let life = grant.deadline.saturating_sub(self.age);
                let dose = self.prescription.programmed().demand_dose;
                return Reply::Granted { id: asked.id, nonce: grant.nonce, dose, life };
            }
            self.grant = None;
        }
        let stored = self.known(asked.key).and_then(|known| known.refused(asked.id));
        match stored {
            Some(Refused { outcome: Outcome::Denied { denial }, prescription, .. })
                if prescription == Some(asked.prescription) =>
            {
                Reply::Denied { id: asked.id, denial }
            }
            Some(_) => Reply::Denied { id: asked.id, denial: self.denial(asked, &[DenyReason::IdUsed]) },
            None => self.deny_used(asked),
        }
    }

    /// An id below those seen, without detail. If it may once have run, that doubt must not be overwritten by a denial.
    fn deny_used(&mut self, asked: Asked) -> Reply {
        let denial = self.denial(asked, &[DenyReason::IdUsed]);
        match self.fate(asked.key, asked.id) {
            Fate::Forgotten => Reply::Denied { id: asked.id, denial },
            Fate::NeverRan
            | Fate::Granted
            | Fate::Voided
            | Fate::Denied
            | Fate::Rejected
            | Fate::Delivering { .. }
            | Fate::Done { .. }
            | Fate::Stopped { .. } => self.deny(asked, denial),
        }
    }

    fn deny(&mut self, asked: Asked, denial: Denial) -> Reply {
        self.refuse(asked, Outcome::Denied { denial });
        Reply::Denied { id: asked.id, denial }
    }

    // COMMIT.

    fn commit(&mut self, asked: Asked, nonce: Nonce) -> Reply {
        if let Some(record) = self.doses.of_request(asked.key, asked.id) {
            // keeps R-PMP-06
            return self.commit_again(asked, nonce, record);
        }
        if matches!(self.fate(asked.key, asked.id), Fate::Forgotten) {
            return self.tell_fate(asked.key, asked.id);
        }
        let Some(grant) = self.grant.take_if(|grant| grant.key == asked.key && grant.id == asked.id) else {
            return self.reject(asked, &[DenyReason::NoGrant]);
        };
        // keeps R-PMP-03
        // The nonce is burnt from here on, whatever the answer.
        let matches = grant.nonce == nonce && grant.prescription == asked.prescription && self.age < grant.deadline;
        let no_grant = if matches { &[][..] } else { &[DenyReason::NoGrant][..] };
        // keeps R-PMP-01
        if !matches || !self.denial(asked, no_grant).reasons.is_empty() {
            return self.reject(asked, no_grant);
        }
        self.accept(asked, nonce)
    }

    fn accept(&mut self, asked: Asked, nonce: Nonce) -> Reply {
        let Asked { key, id, prescription, .. } = asked;
        let (dose, duration) = {
            let programmed = self.prescription.programmed();
            (programmed.demand_dose, programmed.bolus_duration)
        };
        let spent = Some(Spent { nonce, prescription });
        let Some(bolus) = self.start_bolus(Origin::Remote { key, id }, dose, duration, spent) else {
            return self.reject(asked, &[DenyReason::WindowLimit]);
        };
        if let Some(known) = self.known_mut(key) {
            known.committed(id);
        }
        if let Some(session) = self.session_mut(key) {
            session.committed = Some(id);
        }
        Reply::Accepted { id, bolus }
    }

    /// Only the session that committed may say it again; everybody else learns the fate.
    fn commit_again(&self, asked: Asked, nonce: Nonce, record: &DoseRecord) -> Reply {
        let here = self.session(asked.key).is_some_and(|session| session.committed == Some(asked.id));
        let same = record.spent == Some(Spent { nonce, prescription: asked.prescription });
        if here && same {
            return Reply::Accepted { id: asked.id, bolus: record.bolus };
        }
        self.tell_fate(asked.key, asked.id)
    }

    fn reject(&mut self, asked: Asked, also: &[DenyReason]) -> Reply {
        let stored = self.known(asked.key).and_then(|known| known.refused(asked.id));
        if let Some(Refused { outcome: Outcome::Rejected { denial }, .. }) = stored {
            return Reply::Rejected { id: asked.id, denial };
        }
        let denial = self.denial(asked, also);
        self.refuse(asked, Outcome::Rejected { denial });
        Reply::Rejected { id: asked.id, denial }
    }

    // QUERY, ABORT, CANCEL.

    fn tell_fate(&self, key: KeyFingerprint, id: RequestId) -> Reply {
        Reply::Fate { id, fate: self.fate(key, id), watermark: self.watermark(key) }
    }

    /// Raises the watermark; what was committed keeps its fate and goes on.
    fn abort(&mut self, key: KeyFingerprint, id: RequestId) -> Reply {
        let unseen = matches!(self.fate(key, id), Fate::NeverRan) && id > RequestId(0);
        if let Some(known) = self.known_mut(key) {
            if unseen {
                known.refuse(Refused { id, prescription: None, outcome: Outcome::Voided });
            }
            known.saw(id);
            known.raise_watermark(id);
            self.must_persist = true;
        }
        self.drop_grant_under_watermark();
        self.tell_fate(key, id)
    }

    fn cancel(&mut self, key: KeyFingerprint, id: RequestId) -> Reply {
        if self.doses.running().is_some_and(|record| record.origin == Origin::Remote { key, id }) {
            self.end_bolus(BolusEnd::Cancelled);
        }
        self.grant = self.grant.filter(|grant| grant.key != key || grant.id != id);
        self.tell_fate(key, id)
    }

    fn fate_of(&self, record: &DoseRecord) -> Fate {
        let bolus = record.bolus;
        match record.ended {
            None => Fate::Delivering {
                bolus,
                delivered: Delivered::exactly(record.given(self.age).dose()),
                remaining: record.end().saturating_sub(self.age),
            },
            Some(ended) if ended.end == BolusEnd::Complete => Fate::Done { bolus },
            Some(ended) => Fate::Stopped { bolus, delivered: ended.delivered, end: ended.end },
        }
    }

    // Reports.

    fn tell_report(&self) -> Reply {
        Reply::Report(Box::new(self.report()))
    }

    fn acknowledge(&mut self, role: Role, annunciation: u16, confirm: bool) -> Reply {
        if role == Role::Viewer {
            return refused(RefusedReason::NotPermitted);
        }
        if self.annunciations.acknowledge(annunciation, confirm, self.age) {
            self.announce(StatusChanged::ANNUNCIATION);
        }
        self.tell_report()
    }

    fn reset_status(&mut self, key: KeyFingerprint, seen: StatusChanged) -> Reply {
        if let Some(known) = self.known_mut(key).filter(|known| known.latch.without(seen) != known.latch) {
            known.latch = known.latch.without(seen);
            self.must_persist = true;
        }
        if let Some(session) = self.session_mut(key) {
            session.told = session.told.without(seen);
        }
        self.tell_report()
    }

    // Whether a dose may be given.

    // keeps R-PMP-18
    /// Every reason against this request at this moment, those that the caller already knows included.
    fn denial(&self, asked: Asked, known: &[DenyReason]) -> Denial {
        let found = self.findings(asked).into_iter().filter_map(|(reason, wait)| Some((reason, wait?)));
        let imposed = self.imposed.iter().chain(known.iter().copied()).map(|reason| (reason, Wait::Open));
        let all: Vec<(DenyReason, Wait)> = found.chain(imposed).collect();
        let waits = all.iter().map(|(_, wait)| match wait {
            Wait::For(time) => Some(*time),
            Wait::Open => None,
        });
        let retry_after = waits.collect::<Option<Vec<_>>>().and_then(|waits| waits.into_iter().max());
        let reasons = all.into_iter().map(|(reason, _)| reason).collect();
        Denial { reasons, retry_after: retry_after.unwrap_or_default() }
    }

    fn findings(&self, asked: Asked) -> [(DenyReason, Option<Wait>); 10] {
        let now = self.moment();
        let bolus = self.doses.running().map(|record| Wait::For(record.end().saturating_sub(self.age)));
        let grant = self.grant.map(|grant| Wait::For(grant.deadline.saturating_sub(self.age)));
        // A prescription without demand doses may say anything about them; there is nothing to judge.
        let on = self.prescription.demand_doses_on();
        let window = if on { self.doses.window_wait(now) } else { None };
        let window = window.map(|wait| if wait == Millis::MAX { Wait::Open } else { Wait::For(wait) });
        let full = self.doses.is_full().then_some(Wait::Open);
        [
            (DenyReason::Alarm, open_if(self.annunciations.inhibit_demand_doses())),
            // keeps R-PMP-24
            (DenyReason::NotPermitted, open_if(asked.role == Role::Viewer)),
            (DenyReason::DemandDosesOff, open_if(!on)),
            (DenyReason::LowReservoir, open_if(self.dose_would_take_it_low())),
            (DenyReason::PrescriptionChanged, open_if(asked.prescription != self.prescription.hash())),
            (DenyReason::WindowLimit, full.or(window)),
            (DenyReason::Allotment, for_some(self.doses.allotment_wait(now))),
            (DenyReason::Lockout, for_some(self.lockout_remaining())),
            (DenyReason::BolusRunning, bolus),
            // keeps R-PMP-02
            (DenyReason::GrantLive, grant),
        ]
    }

    // keeps R-PMP-15
    fn dose_would_take_it_low(&self) -> bool {
        let (low, _) = self.thresholds();
        let dose: Dose = self.prescription.programmed().demand_dose;
        self.level < low.plus(Grains::of_dose(dose))
    }

    // Keys and sessions.

    /// Makes sure of a record for this key; a revoked one's place is taken when there is no other.
    fn know(&mut self, key: KeyFingerprint) -> bool {
        if let Some(known) = self.known_mut(key) {
            known.revoked = false;
            return true;
        }
        self.must_persist = true;
        if self.keys.push(KeyRecord::new(key)).is_ok() {
            return true;
        }
        let Some(revoked) = self.keys.iter().position(|known| known.revoked) else { return false };
        self.keys.remove(revoked);
        self.keys.push(KeyRecord::new(key)).is_ok()
    }

    fn refuse(&mut self, asked: Asked, outcome: Outcome) {
        let refused = Refused { id: asked.id, prescription: Some(asked.prescription), outcome };
        if let Some(known) = self.known_mut(asked.key).filter(|_| asked.id > RequestId(0)) {
            known.refuse(refused);
            self.must_persist = true;
        }
        self.drop_grant_under_watermark();
    }

    fn known(&self, key: KeyFingerprint) -> Option<&KeyRecord> {
        self.keys.iter().find(|known| known.key == key)
    }

    fn known_mut(&mut self, key: KeyFingerprint) -> Option<&mut KeyRecord> {
        self.keys_mut().find(|known| known.key == key)
    }

    fn watermark(&self, key: KeyFingerprint) -> RequestId {
        self.known(key).map_or_else(RequestId::default, |known| known.watermark)
    }

    fn session(&self, key: KeyFingerprint) -> Option<&Session> {
        self.sessions.iter().find(|session| session.key == key)
    }

    fn session_mut(&mut self, key: KeyFingerprint) -> Option<&mut Session> {
        self.sessions.as_mut_slice().iter_mut().find(|session| session.key == key)
    }
}

fn refused(reason: RefusedReason) -> Reply {
    Reply::Refused { reason }
}

fn open_if(holds: bool) -> Option<Wait> {
    holds.then_some(Wait::Open)
}

fn for_some(wait: Millis) -> Option<Wait> {
    (wait > Millis::ZERO).then_some(Wait::For(wait))
}
