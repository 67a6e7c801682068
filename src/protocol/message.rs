//! What remote and pump say to each other inside a session.
//!
//! A dose takes two exchanges. PREPARE asks whether the pump would give its prescribed demand dose now; GRANT answers with
//! a single-use nonce, the dose, and a deadline. COMMIT spends the nonce; the pump checks everything again, writes its own
//! record in the same step, and only then starts the motor. Everything else asks, or takes back.
//!
//! # Terms
//! - *request id*: a number that one remote key uses once, each higher than the last. One id, one fate.
//! - *watermark*: per key, the id at and below which nothing can ever run any more. `ABORT` raises it, and so turns
//!   "not seen" into "never will be" in bounded memory.
//! - *fate*: what became of a request, as far as the pump remembers.
//!
//! # Promises
//! - A command names the prescription's demand dose and never an amount.
//! - The same id with the same content is answered with the stored outcome; with other content it is rejected.

use core::fmt;

use crate::{
    clock::PumpTime,
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistorySeq},
    prescription::{PrescriptionHash, Programmed},
    quantity::{Dose, Millis},
    report::PumpReport,
    wire::{Bounded, Malformed, Reader, Text, VERSION, Wire, wire_enum, wire_newtype, wire_struct},
};

/// The most history entries in one page: a page of the longest, changes of the prescription, stays within one frame.
pub const HISTORY_PAGE_MAX: usize = 7;
/// How long a grant lives at most, counted by the remote from when PREPARE left and by the pump from when it granted.
pub const GRANT_LIFE_MAX: Millis = Millis::from_secs(10);

/// Names one request of one remote key. 0 is never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A grant's single-use secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

/// The first eight bytes of SHA-256 over a remote's static public key: names a remote in the pump's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyFingerprint(pub [u8; 8]);

/// Where a remote's record stood: the pump keeps the last one told, and so notices a record that went back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuditHead {
    /// How many records.
    pub count: u64,
    /// The hash of the newest.
    pub hash: [u8; 32],
}

/// What a key may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May ask for a dose.
    Patient,
    /// May look.
    Viewer,
}

/// What the remote says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
// keeps R-LNK-18
pub enum Command {
    /// Opens every session, and makes the pump our record's witness.
    Hello {
        /// Where our record stands.
        audit_head: AuditHead,
    },
    /// May the prescribed demand dose be given now?
    Prepare {
        /// A new request.
        id: RequestId,
        /// The prescription that the patient saw.
        prescription: PrescriptionHash,
        /// Where our record stands, this request included.
        audit_head: AuditHead,
    },
    /// Give it.
    Commit {
        /// The granted request.
        id: RequestId,
        /// Its grant.
        nonce: Nonce,
        /// The prescription that the patient saw.
        prescription: PrescriptionHash,
    },
    /// What became of it?
    Query {
        /// Which request.
        id: RequestId,
    },
    /// Never run it, nor any below it.
    Abort {
        /// Which request.
        id: RequestId,
    },
    /// Stop it, if it runs.
    Cancel {
        /// Which request.
        id: RequestId,
    },
    /// What happened from here on?
    ReadHistory {
        /// The first entry wanted.
        from: HistorySeq,
    },
    /// How are you?
    ReadReport,
    /// What did the clinic programme?
    ReadPrescription,
    /// Somebody has seen this annunciation.
    Acknowledge {
        /// Which.
        annunciation: u16,
        /// Confirmed, or only snoozed.
        confirm: bool,
    },
    /// Take these off the status latch: we have read what they announce.
    ResetStatus {
        /// Which.
        seen: StatusChanged,
    },
    /// Ends a pairing: both sides have the new key on disk.
    ConfirmPairing,
    /// Take our key back: this remote is taken out of use.
    EndPairing,
}

/// What the pump answers, or says unasked ([`Reply::Status`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Answers HELLO.
    Hello(Box<Hello>),
    /// Answers PREPARE: yes, until the deadline.
    Granted {
        /// Which request.
        id: RequestId,
        /// To be spent by COMMIT.
        nonce: Nonce,
        /// What would be given.
        dose: Dose,
        /// How long the grant lives, at most [`GRANT_LIFE_MAX`].
        life: Millis,
    },
    /// Answers PREPARE: no. Final for this id.
    Denied {
        /// Which request.
        id: RequestId,
        /// Why.
        denial: Denial,
    },
    /// Answers COMMIT: it is in the pump's record, and starts.
    Accepted {
        /// Which request.
        id: RequestId,
        /// What runs.
        bolus: BolusRef,
    },
    /// Answers COMMIT: no. Final for this id; the nonce is burnt.
    Rejected {
        /// Which request.
        id: RequestId,
        /// Why.
        denial: Denial,
    },
    /// Answers QUERY, ABORT and CANCEL; and PREPARE or COMMIT of a request that was committed before or may have been, for
    /// which DENIED or REJECTED would be untrue.
    Fate {
        /// Which request.
        id: RequestId,
        /// What became of it.
        fate: Fate,
        /// Nothing at or below can run any more.
        watermark: RequestId,
    },
    /// Answers READ HISTORY.
    History(HistoryPage),
    /// Answers READ REPORT, ACKNOWLEDGE and RESET STATUS.
    Report(Box<PumpReport>),
    /// Answers READ PRESCRIPTION: as programmed. Whether it agrees with itself is for the remote to check as well.
    Prescription(Box<Programmed>),
    /// Answers CONFIRM PAIRING: the new key is the one that counts.
    PairingConfirmed,
    /// Answers END PAIRING: the key counts no longer; nothing more is said in this session. What was given is remembered.
    PairingEnded,
    /// Something changed; said unasked, once, until it is taken off the latch.
    Status {
        /// What.
        changed: StatusChanged,
    },
    /// The command made no sense to the pump. Nothing was changed.
    Refused {
        /// Why.
        reason: RefusedReason,
    },
}

/// How the pump introduces itself at the start of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The pump's serial number, as on the implant card.
    pub serial: Text<16>,
    /// What our key may ask for.
    pub role: Role,
    /// The oldest entry that its history still holds.
    pub history_first: HistorySeq,
    /// The highest id of our key that it has seen; 0 if none.
    pub last_id: RequestId,
    /// What became of that one.
    pub last_fate: Fate,
    /// Nothing of our key at or below can run any more.
    pub watermark: RequestId,
    /// Where our record stood when we last told it; `None` if we never did.
    pub witness: Option<AuditHead>,
    /// How it is.
    pub report: PumpReport,
}

/// A stretch of history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HistoryPage {
    /// The oldest entry that the pump still holds: anything before it is gone.
    pub first: HistorySeq,
    /// The newest entry that it holds.
    pub head: HistorySeq,
    /// Dense and in order, from the entry asked for, or from `first` if that is later.
    pub entries: Bounded<HistoryEntry, HISTORY_PAGE_MAX>,
}

/// A bolus and where it stands in the pump's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BolusRef {
    /// Which.
    pub bolus: BolusId,
    /// Its `BolusStarted` entry.
    pub history_seq: HistorySeq,
    /// When it started.
    pub start: PumpTime,
    /// What was asked for.
    pub dose: Dose,
}

/// What became of a request, as far as the pump remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Above the watermark and never seen: it has not run, but it still could.
    NeverRan,
    /// A grant for it lives.
    Granted,
    /// Granted once, or aborted unseen; it can never run.
    Voided,
    /// PREPARE was refused; it can never run.
    Denied,
    /// COMMIT was refused; it can never run.
    Rejected,
    /// Being delivered.
    Delivering {
        /// Which bolus.
        bolus: BolusRef,
        /// What has gone in.
        delivered: Delivered,
        /// How long it still takes.
        remaining: Millis,
    },
    /// Delivered in full.
    Done {
        /// Which bolus.
        bolus: BolusRef,
    },
    /// Ended before the whole dose was in.
    Stopped {
        /// Which bolus.
        bolus: BolusRef,
        /// What went in.
        delivered: Delivered,
        /// Why it ended.
        end: BolusEnd,
    },
    /// At or below the watermark, and the detail is gone. It may have run.
    Forgotten,
}

/// Why the pump gives no dose: every reason that holds, and when to ask again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Denial {
    /// Every reason that holds.
    pub reasons: DenyReasons,
    /// When asking again may make sense; nothing if time alone won't help.
    pub retry_after: Millis,
}

/// A set of [`DenyReason`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct DenyReasons(u16);

/// One reason of the pump for giving no dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DenyReason {
    /// An alarm stands that inhibits demand doses, or the pump is stopped.
    Alarm = 0,
    /// A bolus is running.
    BolusRunning = 1,
    /// The dose would take the reservoir below its low threshold.
    LowReservoir = 2,
    /// The lockout interval since the last demand dose is not over.
    Lockout = 3,
    /// The allotment of the last 24 hours is used.
    Allotment = 4,
    /// Some window with this dose in it would exceed the dose limit.
    WindowLimit = 5,
    /// The clinic has switched demand doses off.
    DemandDosesOff = 6,
    /// The prescription named is not the one in force.
    PrescriptionChanged = 7,
    /// Another grant lives in this pump.
    GrantLive = 8,
    /// The key's role doesn't allow it.
    NotPermitted = 9,
    /// The id was used before with other content, or is at or below the watermark.
    IdUsed = 10,
    /// No such grant: spent, expired, of another session, or never made.
    NoGrant = 11,
}

/// What changed in the pump since it was last looked at: a set, latched until reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StatusChanged(u8);

/// Why a command made no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusedReason {
    /// Not a message of this protocol version.
    Malformed,
    /// HELLO opens every session.
    NotGreeted,
    /// The key's role doesn't allow it.
    NotPermitted,
    /// Nothing to confirm.
    NoPairing,
}

wire_newtype!(RequestId(u64), Nonce([u8; 16]), KeyFingerprint([u8; 8]));
wire_struct!(AuditHead { count, hash });
wire_enum!(Role: u8 { 0x0F => Patient, 0x33 => Viewer });
wire_struct!(Hello { serial, role, history_first, last_id, last_fate, watermark, witness, report });
wire_struct!(HistoryPage { first, head, entries });
wire_struct!(BolusRef { bolus, history_seq, start, dose });
wire_struct!(Denial { reasons, retry_after });
wire_enum!(Fate: u8 {
    0x0F => NeverRan,
    0x33 => Granted,
    0x3C => Voided,
    0x55 => Denied,
    0x5A => Rejected,
    0x66 => Delivering { bolus, delivered, remaining },
    0x69 => Done { bolus },
    0x96 => Stopped { bolus, delivered, end },
    0x99 => Forgotten,
});
wire_enum!(RefusedReason: u8 { 0x0F => Malformed, 0x33 => NotGreeted, 0x3C => NotPermitted, 0x55 => NoPairing });

/// Commands begin with 0x0F as the high byte of their opcode, replies with 0xF0.
impl Wire for Command {
    fn put(&self, out: &mut Vec<u8>) {
        VERSION.put(out);
        match self {
            Self::Hello { audit_head } => (0x0F0F_u16, *audit_head).put(out),
            Self::Prepare { id, prescription, audit_head } => {
                (0x0F33_u16, (*id, (*prescription, *audit_head))).put(out);
            }
            Self::Commit { id, nonce, prescription } => (0x0F3C_u16, (*id, (*nonce, *prescription))).put(out),
            Self::Query { id } => (0x0F55_u16, *id).put(out),
            Self::Abort { id } => (0x0F5A_u16, *id).put(out),
            Self::Cancel { id } => (0x0F66_u16, *id).put(out),
            Self::ReadHistory { from } => (0x0F69_u16, *from).put(out),
            Self::ReadReport => 0x0F96_u16.put(out),
            Self::ReadPrescription => 0x0F99_u16.put(out),
            Self::Acknowledge { annunciation, confirm } => (0x0FA5_u16, (*annunciation, *confirm)).put(out),
            Self::ResetStatus { seen } => (0x0FAA_u16, *seen).put(out),
            Self::ConfirmPairing => 0x0FC3_u16.put(out),
            Self::EndPairing => 0x0FCC_u16.put(out),
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_version(input)?;
        Ok(match u16::take(input)? {
            0x0F0F => Self::Hello { audit_head: Wire::take(input)? },
            0x0F33 => Self::Prepare {
                id: Wire::take(input)?,
                prescription: Wire::take(input)?,
                audit_head: Wire::take(input)?,
            },
            0x0F3C => {
                Self::Commit { id: Wire::take(input)?, nonce: Wire::take(input)?, prescription: Wire::take(input)? }
            }
            0x0F55 => Self::Query { id: Wire::take(input)? },
            0x0F5A => Self::Abort { id: Wire::take(input)? },
            0x0F66 => Self::Cancel { id: Wire::take(input)? },
            0x0F69 => Self::ReadHistory { from: Wire::take(input)? },
            0x0F96 => Self::ReadReport,
            0x0F99 => Self::ReadPrescription,
            0x0FA5 => Self::Acknowledge { annunciation: Wire::take(input)?, confirm: Wire::take(input)? },
            0x0FAA => Self::ResetStatus { seen: Wire::take(input)? },
            0x0FC3 => Self::ConfirmPairing,
            0x0FCC => Self::EndPairing,
            other => return Err(input.unknown("command", other)),
        })
    }
}

impl Wire for Reply {
    fn put(&self, out: &mut Vec<u8>) {
        VERSION.put(out);
        match self {
            Self::Hello(hello) => {
                0xF00F_u16.put(out);
                hello.put(out);
            }
            Self::Granted { id, nonce, dose, life } => (0xF033_u16, ((*id, *nonce), (*dose, *life))).put(out),
            Self::Denied { id, denial } => (0xF03C_u16, (*id, *denial)).put(out),
            Self::Accepted { id, bolus } => (0xF055_u16, (*id, *bolus)).put(out),
            Self::Rejected { id, denial } => (0xF05A_u16, (*id, *denial)).put(out),
            Self::Fate { id, fate, watermark } => (0xF066_u16, (*id, (*fate, *watermark))).put(out),
            Self::History(page) => {
                0xF069_u16.put(out);
                page.put(out);
            }
            Self::Report(report) => {
                0xF096_u16.put(out);
                report.put(out);
            }
            Self::Prescription(prescription) => {
                0xF099_u16.put(out);
                prescription.put(out);
            }
            Self::PairingConfirmed => 0xF0C3_u16.put(out),
            Self::PairingEnded => 0xF0CC_u16.put(out),
            Self::Status { changed } => (0xF0AA_u16, *changed).put(out),
            Self::Refused { reason } => (0xF0F0_u16, *reason).put(out),
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_version(input)?;
        Ok(match u16::take(input)? {
            0xF00F => Self::Hello(Box::new(Wire::take(input)?)),
            0xF033 => Self::Granted {
                id: Wire::take(input)?,
                nonce: Wire::take(input)?,
                dose: Wire::take(input)?,
                life: Wire::take(input)?,
            },
            0xF03C => Self::Denied { id: Wire::take(input)?, denial: Wire::take(input)? },
            0xF055 => Self::Accepted { id: Wire::take(input)?, bolus: Wire::take(input)? },
            0xF05A => Self::Rejected { id: Wire::take(input)?, denial: Wire::take(input)? },
            0xF066 => Self::Fate { id: Wire::take(input)?, fate: Wire::take(input)?, watermark: Wire::take(input)? },
            0xF069 => Self::History(Wire::take(input)?),
            0xF096 => Self::Report(Box::new(Wire::take(input)?)),
            0xF099 => Self::Prescription(Box::new(Wire::take(input)?)),
            0xF0C3 => Self::PairingConfirmed,
            0xF0CC => Self::PairingEnded,
            0xF0AA => Self::Status { changed: Wire::take(input)? },
            0xF0F0 => Self::Refused { reason: Wire::take(input)? },
            other => return Err(input.unknown("reply", other)),
        })
    }
}

pub(crate) fn take_version(input: &mut Reader<'_>) -> Result<(), Malformed> {
    match u8::take(input)? {
        VERSION => Ok(()),
        found => Err(Malformed::Version { found }),
    }
}

impl DenyReason {
    /// Every reason, most limiting first: what a person must act on, before what passes by itself.
    pub const ALL: [Self; 12] = [
        Self::Alarm,
        Self::NotPermitted,
        Self::DemandDosesOff,
        Self::LowReservoir,
        Self::PrescriptionChanged,
        Self::WindowLimit,
        Self::Allotment,
        Self::Lockout,
        Self::BolusRunning,
        Self::GrantLive,
        Self::IdUsed,
        Self::NoGrant,
    ];
}

impl DenyReasons {
    /// With one more reason.
    #[must_use]
    pub const fn with(self, reason: DenyReason) -> Self {
        Self(self.0 | 1 << reason as u8)
    }

    /// Whether this reason holds.
    pub const fn contains(self, reason: DenyReason) -> bool {
        self.0 & 1 << reason as u8 != 0
    }

    /// Whether nothing speaks against a dose.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The reasons, most limiting first.
    pub fn iter(self) -> impl Iterator<Item = DenyReason> {
        DenyReason::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }
}

impl FromIterator<DenyReason> for DenyReasons {
    fn from_iter<I: IntoIterator<Item = DenyReason>>(reasons: I) -> Self {
        reasons.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for DenyReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Wire for DenyReasons {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bits = u16::take(input)?;
        if bits >> DenyReason::ALL.len() != 0 {
            return Err(input.unknown("reason", bits));
        }
        Ok(Self(bits))
    }
}

impl StatusChanged {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// A new prescription is in force.
    pub const PRESCRIPTION: Self = Self(1);
    /// The history has a new entry.
    pub const HISTORY: Self = Self(2);
    /// An annunciation came, went or was seen.
    pub const ANNUNCIATION: Self = Self(4);
    /// Delivery stopped or started.
    pub const DELIVERY: Self = Self(8);
    /// The pump was reset: its clock has a new epoch.
    pub const RESET: Self = Self(16);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set less that one.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of that set is in this one.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Wire for StatusChanged {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bits = u8::take(input)?;
        if bits >> 5 != 0 {
            return Err(input.unknown("status", bits));
        }
        Ok(Self(bits))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_told_twice_holds() {
        let twice = DenyReasons::default().with(DenyReason::Lockout).with(DenyReason::Lockout);
        assert!(twice.contains(DenyReason::Lockout) && !twice.contains(DenyReason::Allotment));
        assert_eq!(format!("{twice:?}"), "{Lockout}");
        let twice = StatusChanged::NONE.with(StatusChanged::HISTORY).with(StatusChanged::HISTORY);
        assert!(twice.contains(StatusChanged::HISTORY) && !twice.contains(StatusChanged::PRESCRIPTION));
    }
}
