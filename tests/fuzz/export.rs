//! An export, changed by another hand on its way from the device to the clinic's verifier.

use std::{cell::LazyCell, fs, sync::LazyLock};

use ed25519_dalek::SigningKey;
use pump_core::audit::{
    Batch, CHECKPOINT_EVERY, Chain, Checkpoint, Entry, Genesis, RecordId, Sealed, Stored, Verifier,
    chain::kept_digest,
    export::{Exporter, Proved},
};
use pump_protocol::wire::Text;
use pump_remote::adapters::sqlite::{is_export, verify_export};
use tempfile::TempDir;

/// A few lines behind a signed one.
const LINES: u64 = CHECKPOINT_EVERY + 4;

/// Exports of the same record: signed as a whole, not signed, and the part up to its signed line.
static EXPORTS: LazyLock<[(Vec<u8>, Proved); 3]> = LazyLock::new(make);

thread_local! {
    static DIR: LazyCell<TempDir> = const { LazyCell::new(crate::record::in_memory) };
}

/// The target: which export, then changes of four bytes each: what, where, with what. Or the file itself.
pub fn run(bytes: &[u8]) {
    let Some((which, changes)) = bytes.split_first() else { return };
    if *which == 0xFF {
        let _ = judge(changes);
        return;
    }
    let (was, proved) = &EXPORTS[usize::from(*which) % EXPORTS.len()];
    let bytes = changed(was, changes);
    if let Some(found) = judge(&bytes) {
        if bytes == *was {
            assert_eq!(&found, proved);
        } else {
            // Where the device did not sign the whole, its signature can be taken away; nothing else.
            assert!(found.verified == proved.verified && !found.signed, "an altered export passes: {found:?}");
        }
    }
}

fn judge(bytes: &[u8]) -> Option<Proved> {
    DIR.with(|dir| {
        let path = dir.path().join("export");
        fs::write(&path, bytes).expect("memory can be written");
        let proved = verify_export(&path);
        assert!(proved.is_err() || is_export(&path).is_ok_and(|is| is), "what doesn't begin like an export is none");
        proved.ok()
    })
}

fn changed(was: &[u8], mut changes: &[u8]) -> Vec<u8> {
    let mut bytes = was.to_vec();
    while let [what, a, b, with, rest @ ..] = changes {
        changes = rest;
        let at = usize::from(u16::from_le_bytes([*a, *b])) % bytes.len().max(1);
        match what % 5 {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte = *with),
            1 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (with & 7)),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..(at + usize::from(*with)).min(bytes.len()))),
            _ => {
                let put = rest[..usize::from(*with).min(rest.len())].to_vec();
                changes = &rest[put.len()..];
                bytes.splice(at..at, put);
            }
        }
    }
    bytes
}

fn make() -> [(Vec<u8>, Proved); 3] {
    let key = SigningKey::from_bytes(&[7; 32]);
    let serial = Text::new("SIM-0001").expect("short");
    let genesis = Genesis { id: RecordId([1; 16]), serial, device_key: key.verifying_key().to_bytes() };
    let entry = |number: u64| Entry {
        kind: "refused",
        request: Some(number),
        body: number.to_le_bytes().to_vec(),
        wall_ms: None,
        utc_offset_min: 0,
    };
    let batch = Batch { entries: (1..=LINES).map(entry).collect(), kept: b"kept".to_vec() };
    let sealed = Chain::begin(genesis.clone()).seal(batch, &key).expect("a batch as any");
    let lines: Vec<Stored> = sealed.records.into_iter().map(Sealed::into_parts).map(stored).collect();
    let signed: &[Checkpoint] = &sealed.checkpoints;
    let export = |until: u64, sign: Option<&SigningKey>| {
        let (mut exporter, mut bytes) = Exporter::begin(&genesis, None);
        let mut walk = Verifier::full(genesis.clone()).expect("a key");
        for line in lines.iter().take_while(|line| line.record.seq <= until) {
            let checkpoint = signed.iter().find(|checkpoint| checkpoint.head.count == line.record.seq);
            bytes.extend(exporter.line(line, checkpoint));
            walk.step(line, checkpoint).expect("as written");
        }
        if until < LINES {
            let verified = walk.finish_part(signed[0].head).expect("a signed line");
            bytes.extend(exporter.end_part(&verified, sign).0);
        } else {
            let (head, digest) = (sealed.next.head(), Some(kept_digest(b"kept")));
            let ending = pump_core::audit::Ending { head, kept_digest: digest, newest_checkpoint: CHECKPOINT_EVERY };
            bytes.extend(exporter.end(&walk.finish(&ending).expect("as written"), sign).0);
        }
        let proved = judge(&bytes).expect("as written");
        (bytes, proved)
    };
    [export(LINES, Some(&key)), export(LINES, None), export(CHECKPOINT_EVERY, Some(&key))]
}

fn stored((record, hash): (pump_core::audit::Record, [u8; 32])) -> Stored {
    Stored { record, hash }
}
