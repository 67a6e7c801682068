//! A failure made small, and written down so that it can be told.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ed25519_dalek::SigningKey;
use pump_core::audit::{
    Batch, Chain, Ending, Genesis, RecordId, Stored, Verifier, chain::kept_digest, export::Exporter,
};
use pump_protocol::wire::Text;

use crate::life::{Broken, Kind, Life, Lived};

/// The most lives that are lived to make one shorter.
const TRIES_MAX: u32 = 600;

/// The fewest steps found with which this still happens: halves are left out first, then quarters, down to single steps.
pub(crate) fn shrink(mut steps: Vec<u32>, mut happens: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let (mut tries, mut size) = (0, steps.len());
    while size > 0 {
        let mut from = 0;
        while from < steps.len() && tries < TRIES_MAX {
            let behind = steps.len().min(from + size);
            let without = [&steps[..from], &steps[behind..]].concat();
            tries += 1;
            if happens(&without) {
                steps = without;
            } else {
                from = behind;
            }
        }
        size /= 2;
    }
    steps
}

/// The shortest life found that breaks the same promise, as it goes.
pub(crate) fn shortest(life: &Life, broken: &Broken) -> (Life, Lived) {
    let of = |steps: &[u32]| Life { steps: steps.to_vec(), ..life.clone() };
    let same = |steps: &[u32]| of(steps).live().broken.is_some_and(|other| other.promise == broken.promise);
    let shorter = of(&shrink(life.steps.clone(), same));
    let lived = shorter.live_aloud();
    (shorter, lived)
}

/// What to type to live it again.
pub(crate) fn command(life: &Life) -> String {
    let kind = match life.kind {
        Kind::Story => "",
        Kind::Dark => "LIFE=dark ",
        Kind::Year => "LIFE=year ",
    };
    let sealed = if life.sealed { "SEALED=1 " } else { "" };
    let (seed, steps) = (life.seed, life.steps.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    format!("{sealed}{kind}SEED={seed} STEPS={steps} cargo test -p pump-tests --test simulation whatever_happens")
}

/// Writes the life's record where `audit-tool replay` finds it; its last request and its path.
pub(crate) fn write_replay(life: &Life, lived: &Lived, dir: &Path) -> std::io::Result<(u64, PathBuf)> {
    let path = dir.join(format!("seed-{}.export", life.seed));
    fs::write(&path, export(lived.story.world.tape()))?;
    let entries = lived.story.world.tape().iter().flat_map(|batch| &batch.entries);
    Ok((entries.filter_map(|entry| entry.request).max().unwrap_or_default(), path))
}

/// An export of what was stored, signed with a key that is no secret.
pub(crate) fn export(tape: &[Batch]) -> Vec<u8> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let serial = Text::new("SIMULATION").expect("fits");
    let genesis = Genesis { id: RecordId([7; 16]), serial, device_key: key.verifying_key().to_bytes() };
    let mut chain = Chain::begin(genesis.clone());
    let mut verifier = Verifier::full(genesis.clone()).expect("a genesis of our own");
    let (mut exporter, mut bytes) = Exporter::begin(&genesis, None);
    let (mut newest_checkpoint, mut kept) = (0, None);
    for batch in tape {
        let sealed = chain.seal(batch.clone(), &key).expect("a batch that the machine made");
        for line in &sealed.records {
            let stored = Stored { record: line.record().clone(), hash: *line.hash() };
            let checkpoint = sealed.checkpoints.iter().find(|signed| signed.head.count == stored.record.seq);
            verifier.step(&stored, checkpoint).expect("sealed just now");
            newest_checkpoint = checkpoint.map_or(newest_checkpoint, |signed| signed.head.count);
            bytes.append(&mut exporter.line(&stored, checkpoint));
        }
        (chain, kept) = (sealed.next, Some(kept_digest(&sealed.kept)));
    }
    let ending = Ending { head: chain.head(), kept_digest: kept, newest_checkpoint };
    let verified = verifier.finish(&ending).expect("sealed just now");
    bytes.append(&mut exporter.end(&verified, Some(&key)).0);
    bytes
}
