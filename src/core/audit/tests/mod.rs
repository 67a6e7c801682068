//! The record without a file: what is sealed can be walked, exported, told and counted, and what was changed is found.

mod chain;
mod export;
mod story;
mod tally;
mod words;

use ed25519_dalek::SigningKey;
use pump_protocol::wire::Text;

use super::{
    Batch, Chain, Checkpoint, Ending, Entry, Finding, Genesis, RecordId, Stored, Verified, Verifier, chain::kept_digest,
};

/// 2026-01-01 00:00 UTC.
const NEW_YEAR_MS: i64 = 1_767_225_600_000;

fn device() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn genesis() -> Genesis {
    Genesis {
        id: RecordId([1; 16]),
        serial: Text::new("SIM-0001").expect("short"),
        device_key: device().verifying_key().to_bytes(),
    }
}

/// What happened `number`th: one event an hour, every third one a refusal.
fn entry(number: u64) -> Entry {
    let number_signed = i64::try_from(number).expect("small");
    Entry {
        kind: if number.is_multiple_of(3) { "refused" } else { "request_created" },
        request: Some(number),
        body: number.to_le_bytes().repeat(5),
        wall_ms: Some(NEW_YEAR_MS + number_signed * 3_600_000),
        utc_offset_min: 60,
    }
}

fn batch(number: u64) -> Batch {
    Batch { entries: vec![entry(number)], kept: format!("kept after {number}").into_bytes() }
}

/// A record as storage would give it back.
#[derive(Clone)]
struct Written {
    lines: Vec<Stored>,
    checkpoints: Vec<Checkpoint>,
    ending: Ending,
}

impl Written {
    fn checkpoint_of(&self, line: &Stored) -> Option<&Checkpoint> {
        self.checkpoints.iter().find(|checkpoint| checkpoint.head.count == line.record.seq)
    }
}

fn write(batches: impl IntoIterator<Item = Batch>) -> Written {
    let mut chain = Chain::begin(genesis());
    let (mut lines, mut checkpoints, mut kept) = (Vec::new(), Vec::new(), None);
    for batch in batches {
        let sealed = chain.seal(batch, &device()).expect("can be sealed");
        kept = Some(kept_digest(&sealed.kept));
        checkpoints.extend(sealed.checkpoints);
        lines.extend(sealed.records.into_iter().map(|sealed| {
            let (record, hash) = sealed.into_parts();
            Stored { record, hash }
        }));
        chain = sealed.next;
    }
    let newest_checkpoint = checkpoints.last().map_or(0, |checkpoint| checkpoint.head.count);
    Written { lines, checkpoints, ending: Ending { head: chain.head(), kept_digest: kept, newest_checkpoint } }
}

fn walk(written: &Written) -> Result<Verified, Finding> {
    let mut walk = Verifier::full(genesis())?;
    for line in &written.lines {
        walk.step(line, written.checkpoint_of(line))?;
    }
    walk.finish(&written.ending)
}
