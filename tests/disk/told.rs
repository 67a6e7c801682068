//! What the writer says, one line each: written by it, read by the bedside.

use std::{fmt, str::FromStr};

use anyhow::Context as _;
use pump_core::{audit::chain::kept_digest, ledger::State, remote::Kept};
use pump_protocol::message::AuditHead;

/// A line of the writer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The record is open, and this was found in it.
    Opened {
        /// Where it stands.
        head: AuditHead,
        /// The state to restore from.
        kept: KeptDigest,
        /// Whether its tail verifies.
        sound: bool,
        /// Whether there was none.
        created: bool,
    },
    /// It could not be opened.
    Unopened(String),
    /// The whole record was walked.
    Walked(Walked),
    /// The machine hands over a batch of so many lines, with this state.
    HandedOver {
        /// How many lines.
        lines: u64,
        /// The state.
        kept: KeptDigest,
    },
    /// The record has answered: it is durable, and the record stands here.
    Durable(AuditHead),
    /// The record has answered: nothing was stored.
    NotStored,
    /// The page.
    Face(String),
    /// To the pump.
    Say {
        /// In which session.
        session: u32,
        /// When, on the writer's clock.
        uptime_ms: u64,
        /// What.
        command: Vec<u8>,
    },
    /// The session is over from this side; the one with the next number is open.
    HungUp(u32),
    /// The diagnostic log.
    Log(String),
    /// The oldest lines have left the record.
    Pruned,
    /// Everything that was asked for is done, and the record is closed.
    Closed,
}

/// A state as it is compared: its digest, and the open question in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDigest {
    /// SHA-256, as the chain has it.
    pub digest: [u8; 32],
    /// `12:Uncertain`, or `-`.
    pub question: String,
}

/// What a walk through the whole record found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// How many lines, from the base on.
    pub lines: u64,
    /// The newest requests.
    pub requested: Vec<u64>,
    /// The newest of which a COMMIT was intended.
    pub intended: Vec<u64>,
    /// The newest that were settled, with repetitions if one ever was twice.
    pub settled: Vec<u64>,
    /// Lines that say that this record has lost something.
    pub losses: u64,
}

impl KeptDigest {
    /// Of the bytes that go to the disk.
    pub fn of(bytes: Option<&[u8]>) -> Self {
        let request = bytes.and_then(|bytes| Kept::from_bytes(bytes).ok()).and_then(|kept| kept.request);
        let question = request.map_or("-".to_owned(), |request| format!("{}:{}", request.id.0, state(&request.state)));
        Self { digest: kept_digest(bytes.unwrap_or_default()), question }
    }

    /// The open request, if there is one.
    pub fn open(&self) -> Option<u64> {
        self.question.split_once(':').and_then(|(id, _)| id.parse().ok())
    }
}

const fn state(state: &State) -> &'static str {
    match state {
        State::Created { .. } => "Created",
        State::Granted(_) => "Granted",
        State::CommitIntent { .. } => "CommitIntent",
        State::Delivering(_) => "Delivering",
        State::Withdrawing { .. } => "Withdrawing",
        State::Uncertain(_) => "Uncertain",
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { head, kept, sound, created } => {
                write!(f, "opened {} {} {kept} {sound} {created}", head.count, hex(&head.hash))
            }
            Self::Unopened(why) => write!(f, "unopened {}", one_line(why)),
            Self::Walked(walked) => {
                let Walked { lines, requested, intended, settled, losses } = walked;
                write!(f, "walked {lines} {} {} {} {losses}", list(requested), list(intended), list(settled))
            }
            Self::HandedOver { lines, kept } => write!(f, "handed-over {lines} {kept}"),
            Self::Durable(head) => write!(f, "durable {} {}", head.count, hex(&head.hash)),
            Self::NotStored => write!(f, "not-stored"),
            Self::Face(face) => write!(f, "face {face}"),
            Self::Say { session, uptime_ms, command } => write!(f, "say {session} {uptime_ms} {}", hex(command)),
            Self::HungUp(session) => write!(f, "hung-up {session}"),
            Self::Log(line) => write!(f, "log {}", one_line(line)),
            Self::Pruned => write!(f, "pruned"),
            Self::Closed => write!(f, "closed"),
        }
    }
}

impl FromStr for Told {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split(' ');
        let mut next = || words.next().context("the line is too short");
        Ok(match word {
            "opened" => Self::Opened {
                head: head(next()?, next()?)?,
                kept: KeptDigest { digest: digest(next()?)?, question: next()?.to_owned() },
                sound: next()?.parse()?,
                created: next()?.parse()?,
            },
            "unopened" => Self::Unopened(rest.to_owned()),
            "walked" => Self::Walked(Walked {
                lines: next()?.parse()?,
                requested: unlist(next()?)?,
                intended: unlist(next()?)?,
                settled: unlist(next()?)?,
                losses: next()?.parse()?,
            }),
            "handed-over" => Self::HandedOver {
                lines: next()?.parse()?,
                kept: KeptDigest { digest: digest(next()?)?, question: next()?.to_owned() },
            },
            "durable" => Self::Durable(head(next()?, next()?)?),
            "not-stored" => Self::NotStored,
            "face" => Self::Face(rest.to_owned()),
            "say" => Self::Say { session: next()?.parse()?, uptime_ms: next()?.parse()?, command: from_hex(next()?)? },
            "hung-up" => Self::HungUp(next()?.parse()?),
            "log" => Self::Log(rest.to_owned()),
            "pruned" => Self::Pruned,
            "closed" => Self::Closed,
            _ => anyhow::bail!("no line of the writer's: {line:?}"),
        })
    }
}

impl fmt::Display for KeptDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", hex(&self.digest), self.question)
    }
}

fn one_line(text: &str) -> String {
    text.trim().replace(char::is_control, " ")
}

fn list(ids: &[u64]) -> String {
    let ids: Vec<_> = ids.iter().map(u64::to_string).collect();
    if ids.is_empty() { "-".to_owned() } else { ids.join(",") }
}

fn unlist(text: &str) -> anyhow::Result<Vec<u64>> {
    if text == "-" { Ok(Vec::new()) } else { Ok(text.split(',').map(str::parse).collect::<Result<_, _>>()?) }
}

fn head(count: &str, hash: &str) -> anyhow::Result<AuditHead> {
    Ok(AuditHead { count: count.parse()?, hash: digest(hash)? })
}

fn digest(text: &str) -> anyhow::Result<[u8; 32]> {
    from_hex(text)?.try_into().ok().context("a digest has 32 bytes")
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// And back.
pub fn from_hex(text: &str) -> anyhow::Result<Vec<u8>> {
    let digits = |at| text.get(at..at + 2).context("half a byte");
    (0..text.len()).step_by(2).map(|at| Ok(u8::from_str_radix(digits(at)?, 16)?)).collect()
}
