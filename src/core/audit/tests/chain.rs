//! The chain alone.

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use pump_protocol::{
    message::AuditHead,
    wire::{Bounded, Malformed, Text, decode, encode},
};

use super::{
    super::{
        Checkpoint, Genesis, Record, Unsealable,
        chain::{BATCH_ENTRIES_MAX, BODY_LEN_MAX, KEPT_LEN_MAX, kept_digest},
    },
    Batch, Chain, Ending, Entry, Finding, Stored, Verifier, Written, batch, device, entry, genesis, walk, write,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let written = write([batch(1), Batch { entries: vec![entry(2)], kept: vec![0xAA; 3] }]);
    assert_eq!(hex(&encode(&genesis())), include_str!("frozen/genesis-1.hex").trim());
    assert_eq!(hex(&genesis().hash()), include_str!("frozen/genesis-1.hash.hex").trim());
    assert_eq!(hex(&encode(&written.lines[1].record)), include_str!("frozen/record-1.hex").trim());
    assert_eq!(hex(&written.lines[1].hash), include_str!("frozen/record-1.hash.hex").trim());
    let chain = walk(&written).expect("good").chain;
    let checkpoint = chain.checkpoint(entry(2).wall(), &device()).expect("good");
    assert_eq!(hex(&encode(&checkpoint)), include_str!("frozen/checkpoint-1.hex").trim());
}

#[test]
fn a_line_is_read_back_as_it_was_written() {
    for line in write((1..=3).map(batch)).lines {
        assert_eq!(decode(&encode(&line.record)), Ok(line.record.clone()));
        assert_eq!(decode(&encode(&line)), Ok(line.clone()));
    }
}

#[test]
fn a_batch_that_can_t_be_recorded_says_why() {
    let chain = Chain::begin(genesis());
    let seal = |entries, kept| chain.seal(Batch { entries, kept }, &device()).map(|_| ());
    assert_eq!(seal(vec![], vec![]), Err(Unsealable::Empty));
    let many = vec![entry(1); BATCH_ENTRIES_MAX + 1];
    assert_eq!(seal(many, vec![]), Err(Unsealable::TooMany { len: BATCH_ENTRIES_MAX + 1 }));
    assert_eq!(seal(vec![entry(1)], vec![0; KEPT_LEN_MAX + 1]), Err(Unsealable::Kept { len: KEPT_LEN_MAX + 1 }));
    let long = Entry { body: vec![0; BODY_LEN_MAX + 1], ..entry(1) };
    assert_eq!(seal(vec![entry(1), long], vec![]), Err(Unsealable::Body { index: 1, len: BODY_LEN_MAX + 1 }));
    let odd = Entry { kind: "a kind that is much too long for a word", ..entry(1) };
    assert_eq!(seal(vec![odd], vec![]), Err(Unsealable::Kind { index: 0 }));
    let thief = SigningKey::from_bytes(&[8; 32]);
    assert_eq!(chain.seal(batch(1), &thief).map(|_| ()), Err(Unsealable::Key));
}

#[test]
fn every_256th_line_is_signed_within_one_batch_too() {
    let long = Batch { entries: (1..=600).map(entry).collect(), kept: vec![] };
    let written = write([long]);
    let signed: Vec<_> = written.checkpoints.iter().map(|checkpoint| checkpoint.head.count).collect();
    // proves R-REC-04
    assert_eq!(signed, [256, 512]);
    assert_eq!(walk(&written).expect("good").checkpoints, 2);
}

#[test]
fn a_record_bound_to_another_pump_or_key_is_another_record() {
    let written = write((1..=3).map(batch));
    let mut other = genesis();
    other.serial = Text::new("SIM-0002").expect("good");
    let mut walk = Verifier::full(other).expect("good");
    assert_eq!(walk.step(&written.lines[0], None), Err(Finding::Changed { seq: 1 }));
}

#[test]
fn a_tail_is_held_by_the_signature_before_it() {
    let written = write((1..=300).map(batch));
    let checkpoint = written.checkpoints[0];
    let tail = |previous, from: usize| {
        let mut walk = Verifier::tail(genesis(), &checkpoint, previous)?;
        written.lines[from..].iter().try_for_each(|line| {
            walk.step(line, Some(&checkpoint).filter(|checkpoint| checkpoint.head.count == line.record.seq))
        })?;
        walk.finish(&written.ending)
    };
    assert_eq!(tail(written.lines[254].hash, 255).expect("good").records, 45);
    assert_eq!(tail([0; 32], 255), Err(Finding::Changed { seq: 256 }));
    let forged = Checkpoint { signature: [0; 64], ..checkpoint };
    let refused = Verifier::tail(genesis(), &forged, written.lines[254].hash).map(|_| ());
    assert_eq!(refused, Err(Finding::CheckpointForged { seq: 256 }));
}

#[test]
fn an_end_that_storage_tells_otherwise_is_found() {
    let good = write((1..=3).map(batch));
    let told = |change: fn(&mut Ending)| {
        let mut written = good.clone();
        change(&mut written.ending);
        walk(&written).map(|verified| verified.records)
    };
    assert_eq!(told(|_| ()), Ok(3));
    assert_eq!(told(|ending| ending.head.count = 5), Err(Finding::NewestRemoved { seq: 4, count: 5 }));
    assert_eq!(told(|ending| ending.newest_checkpoint = 4), Err(Finding::NewestRemoved { seq: 4, count: 4 }));
    assert_eq!(told(|ending| ending.head.count = 1), Err(Finding::BehindTheNewest { seq: 2, count: 1 }));
    assert_eq!(told(|ending| ending.head.hash[0] ^= 1), Err(Finding::HeadDisagrees { seq: 3 }));
    assert_eq!(told(|ending| ending.kept_digest = Some([0; 32])), Err(Finding::KeptChanged { seq: 3 }));
    assert_eq!(told(|ending| ending.kept_digest = None), Err(Finding::KeptChanged { seq: 3 }));
}

#[test]
fn an_empty_record_ends_at_its_genesis_and_vouches_for_nothing_kept() {
    let empty = write([]);
    let verified = walk(&empty).expect("good");
    assert_eq!((verified.records, verified.kept_digest), (0, None));
    assert_eq!(verified.chain.genesis(), &genesis());
    let kept = Written { ending: Ending { kept_digest: Some([0; 32]), ..empty.ending }, ..empty.clone() };
    assert_eq!(walk(&kept), Err(Finding::KeptChanged { seq: 0 }));
    assert_eq!(Chain::begin(genesis()).checkpoint(None, &device()), None);
}

#[test]
fn a_line_in_the_middle_of_a_batch_is_no_end() {
    let whole = write([Batch { entries: vec![entry(1), entry(2)], kept: vec![1] }]);
    let mut walk = Verifier::full(genesis()).expect("a key");
    walk.step(&whole.lines[0], None).expect("good");
    assert_eq!((walk.walked(), walk.position()), (1, 1));
    let head = AuditHead { count: 1, hash: whole.lines[0].hash };
    let ending = Ending { head, kept_digest: None, newest_checkpoint: 0 };
    assert_eq!(walk.clone().finish(&ending), Err(Finding::KeptChanged { seq: 1 }));
    let other = AuditHead { count: 1, hash: [0; 32] };
    assert_eq!(walk.clone().finish_part(other), Err(Finding::HeadDisagrees { seq: 1 }));
    assert_eq!(walk.finish_part(head), Err(Finding::CheckpointMissing { seq: 1 }));
}

#[test]
fn a_number_that_is_left_out_or_comes_again_is_named_with_what_stands_there() {
    let written = write((1..=3).map(batch));
    let found = |order: &[usize]| {
        let mut walk = Verifier::full(genesis()).expect("a key");
        let found = order.iter().try_for_each(|at| walk.step(&written.lines[*at], None));
        (found, walk.walked())
    };
    assert_eq!(found(&[0, 2]), (Err(Finding::Missing { seq: 2, next: 3 }), 1));
    assert_eq!(found(&[0, 1, 0]), (Err(Finding::OutOfOrder { seq: 3, found: 1 }), 2));
}

#[test]
fn a_sealed_line_shows_what_it_was_made_of() {
    let sealed = Chain::begin(genesis()).seal(batch(1), &device()).expect("good");
    let line = &sealed.records[0];
    assert_eq!((line.record().seq, line.record().kind.as_str()), (1, entry(1).kind));
    assert_eq!(line.record().hash_after(&genesis().hash()), *line.hash());
    assert_eq!(line.record().wall(), entry(1).wall());
    assert_eq!(sealed.next.head(), AuditHead { count: 1, hash: *line.hash() });
}

#[test]
fn the_longest_of_everything_can_be_sealed_and_read_back() {
    let longest = Entry { body: vec![7; BODY_LEN_MAX], ..entry(1) };
    let mut entries = vec![entry(1); BATCH_ENTRIES_MAX - 1];
    entries.push(longest);
    let written = write([Batch { entries, kept: vec![0; KEPT_LEN_MAX] }]);
    let last = written.lines.last().expect("1024");
    assert_eq!(decode(&encode(last)).as_ref(), Ok(last));
    let mut too_long = encode(&last.record);
    let at = too_long.len() - BODY_LEN_MAX - 2;
    too_long[at..at + 2].copy_from_slice(&(u16::try_from(BODY_LEN_MAX).expect("fits") + 1).to_le_bytes());
    too_long.push(7);
    assert!(matches!(decode::<Record>(&too_long), Err(Malformed::Unknown { what: "list length", .. })));
    let mut other_version = encode(&last.record);
    other_version[0] = 2;
    assert_eq!(decode::<Record>(&other_version), Err(Malformed::Version { found: 2 }));
    assert_eq!((BODY_LEN_MAX, KEPT_LEN_MAX), (16_384, 65_536));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_of_any_line_is_found_there(at in 0_usize..20, offset in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut written = write((1..=20).map(batch));
        let mut bytes = encode(&written.lines[at]);
        let offset = offset.index(bytes.len());
        bytes[offset] ^= 1 << bit;
        // Bytes that are no line any more are found by the decoder.
        if let Ok(line) = decode::<Stored>(&bytes) {
            written.lines[at] = line;
            let finding = walk(&written).unwrap_err();
            let seq = at as u64 + 1;
            let named = matches!(finding, Finding::Changed { seq: found } | Finding::Missing { seq: found, .. }
                | Finding::OutOfOrder { seq: found, .. } if found == seq);
            prop_assert!(named, "line {seq}: {finding}");
        }
    }

    #[test]
    fn any_removed_doubled_or_moved_line_is_found_there(at in 0_usize..20, to in 0_usize..20, renumber: bool, how in 0..3) {
        let mut written = write((1..=20).map(batch));
        let first_bad = match how {
            0 => { written.lines.remove(at); at }
            1 => { let line = written.lines[at].clone(); written.lines.insert(at, line); at + 1 }
            _ => { written.lines.swap(at, to); at.min(to) }
        };
        prop_assume!(how != 2 || at != to);
        if renumber {
            written.lines.iter_mut().zip(1..).for_each(|(line, seq)| line.record.seq = seq);
        }
        let finding = walk(&written).unwrap_err();
        let words = finding.to_string();
        let named = format!("record {}:", first_bad + 1);
        prop_assert!(words.starts_with(&named), "{named} but {words}");
    }

    #[test]
    fn a_line_put_in_anywhere_is_found_whatever_hash_it_has(at in 0_usize..=20, renumber: bool, body: Vec<u8>) {
        let mut written = write((1..=20).map(batch));
        let like = written.lines[at.min(19)].record.clone();
        let previous = at.checked_sub(1).map_or_else(|| genesis().hash(), |before| written.lines[before].hash);
        let body = Bounded::filled_from(body);
        let record = Record { seq: at as u64 + 1, body, kept_digest: written.ending.kept_digest, ..like };
        let hash = record.hash_after(&previous);
        written.lines.insert(at, Stored { record, hash });
        if renumber {
            written.lines.iter_mut().zip(1..).for_each(|(line, seq)| line.record.seq = seq);
        }
        // It agrees with what stands before it: the line behind it doesn't, or nothing should stand behind the newest.
        let words = walk(&written).unwrap_err().to_string();
        let seq = if at == 20 { 21 } else { at + 2 };
        // proves R-REC-02
        prop_assert!(words.starts_with(&format!("record {seq}:")), "put in as {}: {words}", at + 1);
    }

    #[test]
    fn a_line_written_anew_is_found_though_all_behind_it_are_hashed_again(at in 0_usize..20, body: Vec<u8>) {
        let mut written = write((1..=20).map(batch));
        let before = written.lines[at].record.body.clone();
        written.lines[at].record.body = Bounded::filled_from(body);
        prop_assume!(written.lines[at].record.body != before);
        let mut previous = at.checked_sub(1).map_or_else(|| genesis().hash(), |before| written.lines[before].hash);
        for line in &mut written.lines[at..] {
            line.hash = line.record.hash_after(&previous);
            previous = line.hash;
        }
        // proves R-REC-02
        prop_assert_eq!(walk(&written).unwrap_err(), Finding::HeadDisagrees { seq: 20 });
    }

    #[test]
    fn the_newest_lines_taken_away_are_named(left in 0_usize..20, kept: Vec<u8>) {
        let mut written = write((1..=20).map(batch));
        written.lines.truncate(left);
        let found = walk(&written).unwrap_err();
        // proves R-REC-02
        prop_assert_eq!(found, Finding::NewestRemoved { seq: left as u64 + 1, count: 20 });

        let mut written = write((1..=20).map(batch));
        written.ending.kept_digest = Some(kept_digest(&kept));
        prop_assert_eq!(walk(&written).unwrap_err(), Finding::KeptChanged { seq: 20 });
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (decode::<Stored>(&bytes), decode::<Checkpoint>(&bytes), decode::<Genesis>(&bytes));
    }
}
