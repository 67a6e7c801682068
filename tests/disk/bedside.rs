//! The pump and the memory beside the writer: both outlive what happens to it.
//!
//! # Promises
//! - Every line is judged when it is heard, and every opening against all that was said before it.
//! - What is wrong is said in one sentence, and is an error.

use std::{collections::BTreeSet, fmt};

use anyhow::{Context as _, ensure};
use pump_core::audit::event::{Event, read};
use pump_protocol::{
    history::{HistoryEvent, Origin},
    message::{AuditHead, Command, Nonce, Role},
    quantity::Millis,
    wire::{Text, decode, encode},
};
use pump_remote::adapters::sqlite::{Verification, View};
use simulated_pump::{Pump, Setup};

use crate::{
    OURS, SERIAL,
    told::{KeptDigest, Told, Walked, hex},
};

/// How many of the newest ids a walk tells of: more than any run between two walks uses.
const NEWEST: usize = 512;

/// What a record stood at when it was last said to be durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    /// Where.
    pub head: AuditHead,
    /// The state in it.
    pub kept: KeptDigest,
}

/// The pump, and what was promised.
#[derive(Debug)]
pub struct Bedside {
    pump: Pump,
    pump_at_ms: Option<u64>,
    grants: u64,
    durable: Option<Durable>,
    /// Handed over since, and not known to be in.
    handed_over: Vec<(u64, KeptDigest)>,
    /// The requests whose PREPARE, and whose COMMIT has come here.
    prepared: BTreeSet<u64>,
    committed: BTreeSet<u64>,
    /// The question that a restart must ask before anything else.
    owed: Option<u64>,
    refusing: bool,
    /// Whether the oldest lines may leave the record meanwhile, which adds one line that nobody handed over.
    pub may_prune: bool,
    /// What was counted.
    pub counts: Counts,
}

/// What was said to be durable is not there.
#[derive(Debug)]
pub struct PromiseBroken(String);

impl std::error::Error for PromiseBroken {}

impl fmt::Display for PromiseBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a story came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches said to be durable.
    pub durable: u64,
    /// Batches refused.
    pub refused: u64,
    /// Openings that found a batch in the record that nobody had been told of.
    pub in_unsaid: u64,
    /// Openings with an open question.
    pub questions: u64,
    /// Doses that the pump has started.
    pub doses: u64,
}

impl Default for Bedside {
    /// A pump that has given nothing yet.
    fn default() -> Self {
        let serial = Text::new(SERIAL).expect("a short constant text fits");
        Self {
            pump: Pump::new(Setup { serial, ..Setup::hurried() }),
            pump_at_ms: None,
            grants: 0,
            durable: None,
            handed_over: Vec::new(),
            prepared: BTreeSet::new(),
            committed: BTreeSet::new(),
            owed: None,
            refusing: false,
            may_prune: false,
            counts: Counts::default(),
        }
    }
}

impl Bedside {
    /// What is known to be durable.
    pub const fn durable(&self) -> Option<&Durable> {
        self.durable.as_ref()
    }

    /// A record that was there before.
    pub fn expect(&mut self, durable: Durable) {
        self.durable = Some(durable);
    }

    /// The writer starts: a session is open.
    pub fn begin(&mut self) {
        self.pump.session_closed(OURS);
        self.pump.session_opened(OURS);
        (self.pump_at_ms, self.refusing) = (None, false);
    }

    /// Hears a line. What comes back goes to the writer.
    pub fn hear(&mut self, told: &Told) -> anyhow::Result<Option<String>> {
        match told {
            Told::Opened { head, kept, sound, created } => self.opened(*head, kept, *sound, *created).map(|()| None),
            Told::Walked(walked) => self.walked(walked).map(|()| None),
            Told::HandedOver { lines, kept } => {
                self.handed_over.push((*lines, kept.clone()));
                Ok(None)
            }
            Told::Durable(head) => self.stored(*head).map(|()| None),
            Told::NotStored => {
                (self.refusing, self.counts.refused) = (true, self.counts.refused + 1);
                Ok(None)
            }
            Told::Face(face) => {
                ensure!(
                    !self.refusing || !face.starts_with("Ready"),
                    "the page says {face} while nothing can be stored"
                );
                Ok(None)
            }
            Told::Say { session, uptime_ms, command } => self.say(*session, *uptime_ms, command).map(Some),
            Told::HungUp(_) => {
                self.pump.session_closed(OURS);
                self.pump.session_opened(OURS);
                Ok(None)
            }
            Told::Log(line) => {
                ensure!(!line.contains("panicked") && !line.trim_start().starts_with("ERROR"), "the log says: {line}");
                Ok(None)
            }
            Told::Unopened(_) | Told::Pruned | Told::Closed => Ok(None),
        }
    }

    fn opened(&mut self, head: AuditHead, kept: &KeptDigest, sound: bool, created: bool) -> anyhow::Result<()> {
        ensure!(sound, "the newest part of the record does not verify");
        if let Some(durable) = self.durable.take() {
            ensure!(
                !created,
                PromiseBroken(format!("a new record was made; {} lines were durable", durable.head.count))
            );
            self.found(&durable, head, kept)?;
        } else {
            // The machine's first batch may be in already.
            let handed_over: u64 = self.handed_over.iter().map(|(lines, _)| lines).sum();
            ensure!(head.count <= handed_over, "{} lines that nobody handed over", head.count);
        }
        self.handed_over.clear();
        self.owed = kept.open();
        self.counts.questions += u64::from(self.owed.is_some());
        self.durable = Some(Durable { head, kept: kept.clone() });
        Ok(())
    }

    /// What is in the record is what was durable, or that and one batch that was handed over, whole.
    fn found(&mut self, durable: &Durable, head: AuditHead, kept: &KeptDigest) -> anyhow::Result<()> {
        let said = durable.head.count;
        let broken = |what: String| PromiseBroken(format!("{said} lines were said to be durable, {what}"));
        ensure!(head.count >= said, broken(format!("{} are there", head.count)));
        if head.count == said {
            ensure!(head.hash == durable.head.hash, broken("and the last is another".to_owned()));
            ensure!(*kept == durable.kept, "the state is {}, durable was {}", kept.question, durable.kept.question);
            return Ok(());
        }
        let pruned = |more: u64| self.may_prune && more == 1;
        let more = head.count - said;
        let in_whole = |(lines, handed): &(u64, KeptDigest)| {
            (more == *lines || pruned(more.saturating_sub(*lines))) && handed == kept
        };
        let only_pruned = pruned(more) && *kept == durable.kept;
        ensure!(
            only_pruned || self.handed_over.iter().any(in_whole),
            "{more} lines more than were said to be durable, with {}: no batch that was handed over",
            kept.question
        );
        self.counts.in_unsaid += 1;
        Ok(())
    }

    fn walked(&self, walked: &Walked) -> anyhow::Result<()> {
        ensure!(walked.losses == 0, "the record says that it lost something");
        let newest = |ids: &BTreeSet<u64>| -> Vec<u64> { ids.iter().rev().take(NEWEST / 2).copied().collect() };
        for id in newest(&self.prepared) {
            ensure!(walked.requested.contains(&id), "PREPARE of #{id} left, and the record has no such request");
        }
        for id in newest(&self.committed) {
            ensure!(walked.intended.contains(&id), "COMMIT of #{id} left, and the record has no such intent");
        }
        let mut settled = BTreeSet::new();
        for id in &walked.settled {
            ensure!(settled.insert(*id), "#{id} was settled twice");
        }
        Ok(())
    }

    /// Judges the end of a story in which everything was done: each dose that the pump has started is one request's, settled.
    pub fn settled(&self, walked: &Walked) -> anyhow::Result<()> {
        self.walked(walked)?;
        let mut doses = BTreeSet::new();
        for entry in self.pump.history() {
            if let HistoryEvent::BolusStarted { origin: Origin::Remote { id, .. }, .. } = entry.event {
                ensure!(doses.insert(id.0), "the pump gave #{} twice", id.0);
                ensure!(self.committed.contains(&id.0), "the pump gave #{}, which was never committed", id.0);
                ensure!(walked.settled.contains(&id.0), "the pump gave #{}, and the record has no outcome of it", id.0);
            }
        }
        Ok(())
    }

    fn stored(&mut self, head: AuditHead) -> anyhow::Result<()> {
        let (lines, kept) = self.handed_over.pop().context("durable, and nothing was handed over")?;
        self.handed_over.clear();
        let before = self.durable.as_ref().context("durable before it was open")?.head.count;
        let more = head.count.saturating_sub(before);
        let exact = more == lines || (self.may_prune && more == lines + 1);
        ensure!(exact, "{lines} lines were handed over, and {more} are durable");
        self.durable = Some(Durable { head, kept });
        (self.refusing, self.counts.durable) = (false, self.counts.durable + 1);
        Ok(())
    }

    fn say(&mut self, session: u32, uptime_ms: u64, command: &[u8]) -> anyhow::Result<String> {
        let command: Command = decode(command).context("no command")?;
        let question = self.durable.as_ref().map_or("-", |durable| &durable.kept.question);
        match command {
            Command::Prepare { id, .. } => {
                let owed = self.owed;
                ensure!(owed.is_none(), "#{} is asked for while #{} is open", id.0, owed.unwrap_or(0));
                ensure!(question == format!("{}:Created", id.0), "PREPARE of #{} left, durable is {question}", id.0);
                self.prepared.insert(id.0);
            }
            Command::Commit { id, .. } => {
                // The state is kept as a restart must find it: from the intent on, nobody knows what COMMIT did.
                let intended = format!("{}:Uncertain", id.0);
                ensure!(question == intended, "COMMIT of #{} left, durable is {question}", id.0);
                ensure!(self.committed.insert(id.0), "COMMIT of #{} left twice", id.0);
            }
            Command::Query { id } | Command::Abort { id } if self.owed == Some(id.0) => self.owed = None,
            _ => {}
        }
        let passed = self.pump_at_ms.map_or(0, |before| uptime_ms.saturating_sub(before));
        self.pump_at_ms = Some(uptime_ms);
        self.pump.advance(Millis::new(passed));
        self.grants += 1;
        let mut nonce = [9; 16];
        nonce[..8].copy_from_slice(&self.grants.to_le_bytes());
        self.counts.doses += u64::from(matches!(command, Command::Commit { .. }));
        let reply = self.pump.handle(OURS, Role::Patient, &command, Nonce(nonce));
        Ok(format!("heard {session} {}", hex(&encode(&reply))))
    }
}

/// Walks the whole record, and says what the judge wants to know.
pub async fn walk(path: &std::path::Path) -> anyhow::Result<Walked> {
    let mut walked = Walked::default();
    let verification = Verification::start(View::open(path).await?).await?;
    verification
        .run_with(&mut |line, _| {
            walked.lines += 1;
            // The lines that fill a record to be pruned hold nothing.
            if let Ok(happened) = read(&line.record.body) {
                walked.take(&happened.event);
            }
        })
        .await?;
    Ok(walked)
}

impl Walked {
    fn take(&mut self, event: &Event) {
        let push = |ids: &mut Vec<u64>, id: u64| {
            if ids.len() == NEWEST {
                ids.remove(0);
            }
            ids.push(id);
        };
        match event {
            Event::Requested { id, .. } => push(&mut self.requested, id.0),
            Event::CommitIntended { id, .. } => push(&mut self.intended, id.0),
            Event::Delivered { id, .. }
            | Event::DeliveredInPart { id, .. }
            | Event::NotGiven { id, .. }
            | Event::Rejected { id, .. }
            | Event::Denied { id, .. }
            | Event::AssumedGiven { id } => push(&mut self.settled, id.0),
            Event::DoseUnknownToRecord { .. } | Event::RecordWentBack { .. } | Event::HistoryGap { .. } => {
                self.losses += 1;
            }
            _ => {}
        }
    }
}
