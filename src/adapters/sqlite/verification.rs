//! Walks the whole record in slices, beside the writer.
//!
//! # Promises
//! - One slice reads a bounded number of lines, then lets go of the file: the log can be folded back, memory stays flat.
//! - The end is compared in the same transaction as the last lines, so a growing record is never called wrong.
//! - Nor is one whose oldest lines are pruned meanwhile: with a fault the base is read again, in the same transaction, and where it
//!   has moved on the walk begins again behind it. Whoever was shown lines is told instead, because some would come twice.
//! - It is cancelled by dropping it; nothing is written anywhere.

use pump_core::audit::{Base, Checkpoint, Finding, Genesis, Stored, Verified, Verifier};
use pump_protocol::message::AuditHead;
use sqlx::SqliteConnection;

use super::{
    ReadError, View,
    rows::{self, From},
};

/// What is shown each line, with its checkpoint, once it is found good.
pub type Show<'a> = &'a mut (dyn FnMut(&Stored, Option<&Checkpoint>) + Send);

/// The most lines of a slice: a few milliseconds, so that asking for them is little beside walking them.
const SLICE_LINES: u16 = 1024;

/// How often a walk begins again. Between two prunings lie days, and a walk takes minutes at most.
const BEGUN_AGAIN_MAX: u8 = 3;

/// A walk through the whole record.
#[derive(Debug)]
pub struct Verification {
    view: View,
    genesis: Genesis,
    base: Option<Base>,
    walk: Verifier,
    slice_lines: u16,
    begun_again: u8,
    /// The line to end at, where that is not the newest.
    to: Option<u64>,
    /// What the machine remembers, as it was found behind the newest line.
    kept: Option<Vec<u8>>,
}

/// How far a walk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more.
    More {
        /// The number of the newest line walked.
        position: u64,
    },
    /// All of it is as it was written.
    Sound(Box<Verified>),
}

impl Verification {
    /// Starts at the genesis, or at the base of a pruned record.
    pub async fn start(mut view: View) -> Result<Self, ReadError> {
        let genesis = view.genesis().await?;
        let base = view.base().await?;
        let walk = first_step(&genesis, base.as_ref())?;
        Ok(Self { view, genesis, base, walk, slice_lines: SLICE_LINES, begun_again: 0, to: None, kept: None })
    }

    /// What the record is bound to.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Where a pruned record begins.
    pub const fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// Walks one slice. The first bad line comes as [`ReadError::Found`]; behind it there is nothing to walk.
    pub async fn slice(&mut self) -> Result<Progress, ReadError> {
        match self.slice_with(&mut |_, _| {}).await {
            Err(ReadError::Pruned) if self.begun_again < BEGUN_AGAIN_MAX => self.begin_again().await,
            walked => walked,
        }
    }

    /// Walks all that is left.
    pub async fn run(mut self) -> Result<Verified, ReadError> {
        loop {
            if let Progress::Sound(verified) = self.slice().await? {
                return Ok(*verified);
            }
        }
    }

    /// Walks all that is left, and shows each line, with its checkpoint, once it is found good; [`ReadError::Pruned`] if the oldest
    /// lines leave the record meanwhile, before the walk was past them.
    pub async fn run_with(self, show: Show<'_>) -> Result<Verified, ReadError> {
        Ok(self.run_to_kept(show).await?.0)
    }

    /// As [`run_with`](Self::run_with), with the machine's state that the newest line vouches for; `None` in an empty record.
    pub async fn run_to_kept(mut self, show: Show<'_>) -> Result<(Verified, Option<Vec<u8>>), ReadError> {
        loop {
            if let Progress::Sound(verified) = self.slice_with(show).await? {
                return Ok((*verified, self.kept));
            }
        }
    }

    /// Walks up to a signed line, and shows each.
    pub(super) async fn run_to(mut self, head: AuditHead, show: Show<'_>) -> Result<Verified, ReadError> {
        self.to = Some(head.count);
        while self.walk.position() < head.count {
            if let Progress::Sound(_) = self.slice_with(show).await? {
                break;
            }
        }
        Ok(self.walk.finish_part(head)?)
    }

    async fn begin_again(&mut self) -> Result<Progress, ReadError> {
        self.base = self.view.base().await?;
        self.walk = first_step(&self.genesis, self.base.as_ref())?;
        self.slice_lines = SLICE_LINES;
        self.begun_again += 1;
        Ok(Progress::More { position: self.walk.position() })
    }

    async fn slice_with(&mut self, show: Show<'_>) -> Result<Progress, ReadError> {
        let walked = self.slice_in_transaction(show).await;
        self.view.check_still()?;
        walked
    }

    /// Whether the record begins further on than when the walk began. That the device signed so is checked where it begins again.
    async fn was_pruned(&mut self) -> Result<bool, ReadError> {
        let until = |base: Option<&Base>| base.map_or(0, |base| base.head.count);
        Ok(until(self.view.base().await?.as_ref()) > until(self.base.as_ref()))
    }

    async fn slice_in_transaction(&mut self, show: Show<'_>) -> Result<Progress, ReadError> {
        let left = self.to.map_or(u64::MAX, |to| to.saturating_sub(self.walk.position()));
        let limit = u16::try_from(left).unwrap_or(u16::MAX).min(self.slice_lines);
        sqlx::query("BEGIN").execute(&mut self.view.db).await?;
        let mut walked = walk(&mut self.view.db, &mut self.walk, &mut self.kept, limit, show).await;
        if matches!(walked, Err(ReadError::Found(_))) && self.was_pruned().await? {
            walked = Err(ReadError::Pruned);
        }
        sqlx::query("ROLLBACK").execute(&mut self.view.db).await?;
        match walked {
            // SQLite can't read the page that some line lies on: walk one by one, to name the line.
            Err(ReadError::Damaged { .. }) if self.slice_lines > 1 => {
                self.slice_lines = 1;
                Ok(Progress::More { position: self.walk.position() })
            }
            Err(ReadError::Damaged { .. }) => {
                Err(Finding::Unreadable { seq: self.walk.position().saturating_add(1) }.into())
            }
            other => other,
        }
    }
}

fn first_step(genesis: &Genesis, base: Option<&Base>) -> Result<Verifier, Finding> {
    match base {
        Some(base) => Verifier::behind(genesis.clone(), base),
        None => Verifier::full(genesis.clone()),
    }
}

async fn walk(
    db: &mut SqliteConnection,
    walk: &mut Verifier,
    kept: &mut Option<Vec<u8>>,
    limit: u16,
    show: Show<'_>,
) -> Result<Progress, ReadError> {
    let after = walk.position();
    let from = if walk.walked() == 0 { From::First(after) } else { From::Behind(after) };
    let lines = rows::page(db, from, limit).await?;
    if lines.is_empty() {
        let found = rows::ending(db).await?;
        let verified = walk.clone().finish(&found.ending)?;
        *kept = found.kept;
        return Ok(Progress::Sound(Box::new(verified)));
    }
    let mut checkpoints = rows::checkpoints(db, after, after.saturating_add(u64::from(limit))).await?;
    for line in lines {
        let line = line?;
        let checkpoint = rows::take_checkpoint(&mut checkpoints, line.record.seq);
        walk.step(&line, checkpoint.as_ref())?;
        show(&line, checkpoint.as_ref());
    }
    Ok(Progress::More { position: walk.position() })
}
