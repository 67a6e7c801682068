//! What the radio does to the pump, on script: a message lost before the pump hears it, or an answer lost after it acted.
//!
//! The two look alike to the remote, and the difference is a dose. That is why each fault names its point.

use core::fmt;

use pump_protocol::{
    message::{Command, KeyFingerprint, Nonce, Reply, Role},
    quantity::Dose,
    wire::Bounded,
};
use thiserror::Error;

use crate::{console::micrograms, pump::Pump};

/// The most faults that wait at once.
pub const FAULTS_MAX: usize = 16;
/// How often a fault strikes that has no stated number: for as long as anybody will test.
const ALWAYS: u32 = u32::MAX;
const COMMANDS: &str = "hello, prepare, commit, query, abort, cancel, history, report, prescription, acknowledge, \
                        resetstatus, confirm, end, any";

/// Faults that wait for their message, in the order in which they were set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Script {
    faults: Bounded<Fault, FAULTS_MAX>,
    echo: Option<Dose>,
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Which command it waits for.
    pub when: CommandKind,
    /// Before the pump has it, or after the pump has acted on it.
    pub point: Point,
    /// What happens.
    pub effect: Effect,
    /// How many such commands pass unharmed before.
    pub after: u32,
    /// How many such commands it strikes then.
    pub times: u32,
}

/// Which command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after its command")]
pub enum CommandKind {
    Hello,
    Prepare,
    Commit,
    Query,
    Abort,
    Cancel,
    ReadHistory,
    ReadReport,
    ReadPrescription,
    Acknowledge,
    ResetStatus,
    ConfirmPairing,
    EndPairing,
    /// Whichever comes next.
    Any,
}

/// When, seen from the pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// The pump never hears the command.
    BeforeReceipt,
    /// The pump has acted; its answer is on the way.
    AfterReceipt,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The message is lost, and the link stays.
    Drop,
    /// The message is lost, and the link with it.
    Disconnect,
    /// The pump is reset; the message and the link are lost.
    Reset,
}

/// What comes of one command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answered {
    /// To be sent once the pump is on disk; `None` if it is lost.
    pub reply: Option<Reply>,
    /// Whether the host is to drop the link. After a reset of the pump that goes for every link.
    pub disconnect: bool,
}

/// Why a line is no fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum NoFault {
    /// Not one of ours.
    #[error(
        "no fault \"{found}\"; there are drop, disconnect, reset (each: COMMAND before|after [TIMES [AFTER]]), and echo MCG"
    )]
    Effect {
        /// The word there.
        found: String,
    },
    /// Not a command.
    #[error("no command \"{found}\"; there are {COMMANDS}")]
    Command {
        /// The word there.
        found: String,
    },
    /// Neither before nor after.
    #[error("\"{found}\" is no point; say before (the pump never hears it) or after (its answer is lost)")]
    Point {
        /// The word there.
        found: String,
    },
    /// Not a number from 1.
    #[error("\"{found}\" is no number of times; say 1 or more, or always")]
    Times {
        /// The word there.
        found: String,
    },
    /// Too many words.
    #[error("nothing is known of \"{found}\" behind a fault")]
    Rest {
        /// The word there.
        found: String,
    },
    /// Not an amount.
    #[error("\"{found}\" is no amount in mcg; say for example 60 or 0.5")]
    Amount {
        /// The word there.
        found: String,
    },
    /// No room.
    #[error("{FAULTS_MAX} faults are waiting already; say calm to forget them")]
    Full,
}

/// Lets the pump answer a command, with the faults that the script has for it.
pub fn answer(
    pump: &mut Pump,
    script: &mut Script,
    key: KeyFingerprint,
    role: Role,
    command: &Command,
    nonce: Nonce,
) -> Answered {
    if let Some(effect) = script.take(command, Point::BeforeReceipt) {
        return strike(pump, key, effect);
    }
    let reply = pump.handle(key, role, command, nonce);
    match script.take(command, Point::AfterReceipt) {
        Some(effect) => strike(pump, key, effect),
        None => Answered { reply: Some(script.alter(reply)), disconnect: false },
    }
}

/// What a fault does to the pump, and leaves of its answer.
pub fn strike(pump: &mut Pump, key: KeyFingerprint, effect: Effect) -> Answered {
    let disconnect = match effect {
        Effect::Drop => false,
        Effect::Disconnect => {
            pump.session_closed(key);
            true
        }
        Effect::Reset => {
            pump.reset();
            true
        }
    };
    Answered { reply: None, disconnect }
}

impl Script {
    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) -> Result<(), NoFault> {
        self.faults.push(fault).map_err(|_| NoFault::Full)
    }

    /// Takes the effect that this command meets at this point, if any; a fault that has struck often enough is gone.
    pub fn take(&mut self, command: &Command, point: Point) -> Option<Effect> {
        let kind = CommandKind::of(command);
        let waits = |fault: &Fault| fault.point == point && (fault.when == kind || fault.when == CommandKind::Any);
        let index = self.faults.iter().position(waits)?;
        let fault = self.faults.as_mut_slice().get_mut(index)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let effect = fault.effect;
        if fault.times != ALWAYS {
            fault.times = fault.times.saturating_sub(1);
        }
        if fault.times == 0 {
            self.faults.remove(index);
        }
        Some(effect)
    }

    /// Makes every grant name this dose instead of the prescribed one, which the remote has to notice.
    pub const fn echo(&mut self, dose: Dose) {
        self.echo = Some(dose);
    }

    /// Forgets every fault.
    pub fn calm(&mut self) {
        *self = Self::default();
    }

    /// What is waiting.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Reads a line such as `drop commit after`, `reset prepare before 2` or `echo 60`, adds what it says, and
    /// says it again in full.
    pub fn parse(&mut self, line: &str) -> Result<String, NoFault> {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if first == "echo" {
            let found = words.next().unwrap_or_default();
            let dose = micrograms(found).ok_or_else(|| NoFault::Amount { found: quoted(found) })?;
            nothing_more(words)?;
            self.echo(dose);
            return Ok(format!("every grant names {dose}"));
        }
        let fault = Fault::parse(first, words)?;
        self.push(fault)?;
        Ok(fault.to_string())
    }

    fn alter(&self, reply: Reply) -> Reply {
        match (reply, self.echo) {
            (Reply::Granted { id, nonce, life, .. }, Some(dose)) => Reply::Granted { id, nonce, dose, life },
            (reply, _) => reply,
        }
    }
}

impl Fault {
    fn parse<'a>(effect: &str, mut words: impl Iterator<Item = &'a str>) -> Result<Self, NoFault> {
        let effect = match effect {
            "drop" => Effect::Drop,
            "disconnect" => Effect::Disconnect,
            "reset" => Effect::Reset,
            other => return Err(NoFault::Effect { found: quoted(other) }),
        };
        let when = CommandKind::parse(words.next().unwrap_or_default())?;
        let point = match words.next().unwrap_or_default() {
            "before" => Point::BeforeReceipt,
            "after" => Point::AfterReceipt,
            other => return Err(NoFault::Point { found: quoted(other) }),
        };
        let times = words.next().map_or(Ok(1), parse_times)?;
        let after = words.next().map_or(Ok(0), parse_times)?;
        nothing_more(words)?;
        Ok(Self { when, point, effect, after, times })
    }
}

impl CommandKind {
    /// The kind of this command.
    pub const fn of(command: &Command) -> Self {
        match command {
            Command::Hello { .. } => Self::Hello,
            Command::Prepare { .. } => Self::Prepare,
            Command::Commit { .. } => Self::Commit,
            Command::Query { .. } => Self::Query,
            Command::Abort { .. } => Self::Abort,
            Command::Cancel { .. } => Self::Cancel,
            Command::ReadHistory { .. } => Self::ReadHistory,
            Command::ReadReport => Self::ReadReport,
            Command::ReadPrescription => Self::ReadPrescription,
            Command::Acknowledge { .. } => Self::Acknowledge,
            Command::ResetStatus { .. } => Self::ResetStatus,
            Command::ConfirmPairing => Self::ConfirmPairing,
            Command::EndPairing => Self::EndPairing,
        }
    }

    fn parse(word: &str) -> Result<Self, NoFault> {
        Ok(match word {
            "hello" => Self::Hello,
            "prepare" => Self::Prepare,
            "commit" => Self::Commit,
            "query" => Self::Query,
            "abort" => Self::Abort,
            "cancel" => Self::Cancel,
            "history" => Self::ReadHistory,
            "report" => Self::ReadReport,
            "prescription" => Self::ReadPrescription,
            "acknowledge" => Self::Acknowledge,
            "resetstatus" => Self::ResetStatus,
            "confirm" => Self::ConfirmPairing,
            "end" => Self::EndPairing,
            "any" => Self::Any,
            other => return Err(NoFault::Command { found: quoted(other) }),
        })
    }
}

impl fmt::Display for Fault {
    /// `drop the next commit before the pump hears it`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Drop => "drop",
            Effect::Disconnect => "disconnect at",
            Effect::Reset => "reset at",
        };
        let point = match self.point {
            Point::BeforeReceipt => "before the pump hears it",
            Point::AfterReceipt => "after the pump has acted on it",
        };
        let command = match self.when {
            CommandKind::Any => "command".to_owned(),
            named => format!("{named:?}"),
        };
        match (self.after, self.times) {
            (0, 1) => write!(f, "{effect} the next {command} {point}"),
            (after, ALWAYS) => write!(f, "{effect} every {command} {point}, after {after} unharmed"),
            (after, times) => write!(f, "{effect} {times} {command} {point}, after {after} unharmed"),
        }
    }
}

fn parse_times(word: &str) -> Result<u32, NoFault> {
    if word == "always" {
        return Ok(ALWAYS);
    }
    word.parse().ok().filter(|times| *times > 0).ok_or_else(|| NoFault::Times { found: quoted(word) })
}

fn nothing_more<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<(), NoFault> {
    words.next().map_or(Ok(()), |rest| Err(NoFault::Rest { found: quoted(rest) }))
}

/// A word as it can be shown again: without control characters, and not longer than a line.
pub(crate) fn quoted(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(32).collect()
}
