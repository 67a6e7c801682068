//! The export as frames: what it proves, and what no exporter writes.

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use pump_protocol::{
    clock::WallTime,
    wire::{Malformed, encode},
};

use super::{
    super::{
        Base, Checkpoint, Finding, Verifier,
        export::{BadExport, ExportReader, Exporter, FRAME_HEADER_LEN, FRAME_LEN_MAX, MAGIC, Proved, content_len},
    },
    Stored, Written, batch, device, genesis, walk, write,
};

const WALL: Option<WallTime> = Some(WallTime { unix_ms: 1_767_225_600_000, utc_offset_min: 60 });

/// Every frame of an export, header and content.
type Frames = Vec<Vec<u8>>;

/// What is in the file behind [`MAGIC`], frame by frame.
fn frames(mut bytes: &[u8]) -> Frames {
    let mut frames = Vec::new();
    bytes = bytes.strip_prefix(MAGIC.as_slice()).expect("begins as every export does");
    while let Some(header) = bytes.first_chunk::<FRAME_HEADER_LEN>() {
        let (frame, rest) = bytes.split_at(FRAME_HEADER_LEN + content_len(*header).expect("a frame"));
        frames.push(frame.to_vec());
        bytes = rest;
    }
    assert_eq!(bytes, [], "nothing behind the last frame");
    frames
}

fn export(written: &Written, base: Option<&Base>, key: Option<&SigningKey>) -> (Frames, [u8; 32]) {
    let (mut exporter, mut bytes) = Exporter::begin(&genesis(), base);
    let mut walk = base.map_or_else(|| Verifier::full(genesis()), |base| Verifier::behind(genesis(), base)).unwrap();
    for line in written.lines.iter().filter(|line| base.is_none_or(|base| line.record.seq > base.head.count)) {
        walk.step(line, written.checkpoint_of(line)).unwrap();
        bytes.extend(exporter.line(line, written.checkpoint_of(line)));
    }
    let (end, digest) = exporter.end(&walk.finish(&written.ending).unwrap(), key);
    bytes.extend(end);
    (frames(&bytes), digest)
}

/// Reads frame by frame: what it proves, and the lines that were walked.
fn read(frames: &[Vec<u8>]) -> Result<(Proved, Vec<Stored>), BadExport> {
    let (mut reader, mut lines) = (ExportReader::default(), Vec::new());
    for frame in frames {
        let (header, content) = frame.split_first_chunk().expect("a header");
        let (next, walked) = reader.frame(*header, content)?;
        reader = next;
        lines.extend(walked.map(|line| *line));
    }
    reader.finish().map(|proved| (proved, lines))
}

fn base(written: &Written) -> Base {
    Base::sign(genesis().id, written.checkpoints[0].head, 256, [0x3C; 32], WALL, &device())
}

#[test]
fn an_export_gives_back_every_line_once_and_proves_what_the_record_does() {
    let written = write((1..=300).map(batch));
    for key in [None, Some(device())] {
        let (frames, digest) = export(&written, None, key.as_ref());
        let (proved, lines) = read(&frames).unwrap();
        assert_eq!(lines, written.lines);
        // proves R-REC-09
        assert_eq!((proved.signed, proved.part, proved.digest), (key.is_some(), false, digest));
        assert_eq!(proved.verified, walk(&written).unwrap());
        assert_eq!((proved.verified.records, proved.verified.checkpoints), (300, 1));
    }
}

#[test]
fn a_pruned_record_is_exported_behind_its_base() {
    let written = write((1..=300).map(batch));
    let base = base(&written);
    let (frames, _) = export(&written, Some(&base), Some(&device()));
    let (proved, lines) = read(&frames).unwrap();
    assert_eq!((proved.verified.base, proved.verified.records), (Some(base), 44));
    assert_eq!(lines, written.lines[256..]);
}

#[test]
fn a_base_that_the_device_did_not_sign_begins_nothing() {
    let written = write((1..=300).map(batch));
    let good = base(&written);
    let thief = Base::sign(genesis().id, good.head, 256, [0x3C; 32], WALL, &SigningKey::from_bytes(&[8; 32]));
    for bad in [thief, Base { exported: 255, ..good }, Base { wall: None, ..good }, Base { signature: [0; 64], ..good }]
    {
        assert!(!bad.is_signed_by(&device().verifying_key(), genesis().id));
        assert_eq!(Verifier::behind(genesis(), &bad).map(|_| ()), Err(Finding::BaseForged { seq: 256 }));
    }
    assert!(!good.is_signed_by(&device().verifying_key(), super::RecordId([2; 16])), "another record's");
}

#[test]
fn what_was_written_anew_behind_a_base_stands_behind_what_the_base_vouches_for() {
    let (written, other) = (write((1..=512).map(batch)), write((2..=513).map(batch)));
    let mut walk = Verifier::behind(genesis(), &base(&written)).unwrap();
    let (last, before) = written.lines[256..].split_last().unwrap();
    for line in before {
        walk.step(line, None).unwrap();
    }
    let found = walk.step(last, Some(&other.checkpoints[1]));
    assert_eq!(found, Err(Finding::CheckpointDisagrees { seq: 512, good: 256 }));
}

#[test]
fn the_bytes_that_the_device_signs_are_frozen() {
    // Ed25519 signs the same bytes always the same way.
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let written = write((1..=256).map(batch));
    assert_eq!(hex(&encode(&base(&written))), include_str!("frozen/base-1.hex").trim());
    let (frames, _) = export(&write((1..=2).map(batch)), None, Some(&device()));
    assert_eq!(hex(frames.last().unwrap()), include_str!("frozen/export-signature-1.hex").trim());
}

#[test]
fn a_part_ends_at_a_signed_line_and_nowhere_else() {
    let part = |lines: u64| {
        let written = write((1..=lines).map(batch));
        let (mut exporter, mut bytes) = Exporter::begin(&genesis(), None);
        for line in &written.lines {
            bytes.extend(exporter.line(line, written.checkpoint_of(line)));
        }
        bytes.extend(exporter.end_part(&walk(&written).unwrap(), Some(&device())).0);
        read(&frames(&bytes))
    };
    let (proved, lines) = part(256).unwrap();
    assert_eq!((proved.part, proved.signed, lines.len()), (true, true, 256));
    assert_eq!(part(257), Err(BadExport::Found(Finding::CheckpointMissing { seq: 257 })));
    assert_eq!(part(0), Err(BadExport::Found(Finding::CheckpointMissing { seq: 0 })));
}

#[test]
fn a_frame_where_none_of_its_sort_may_stand_is_misplaced() {
    let written = write((1..=256).map(batch));
    let (whole, _) = export(&written, None, Some(&device()));
    let behind_base = export(&write((1..=300).map(batch)), Some(&base(&written)), None).0;
    let (checkpoint, end) = (whole.len() - 3, whole.len() - 2);
    let misplaced = |frames: &[&[Vec<u8>]], seq| {
        assert_eq!(read(&frames.concat()), Err(BadExport::Misplaced { seq }), "line {seq}");
    };
    misplaced(&[&whole[1..]], 1);
    misplaced(&[&whole[..1], &whole], 1);
    misplaced(&[&whole[..1], &whole[checkpoint..]], 1);
    misplaced(&[&whole[..3], &behind_base[1..2]], 3);
    misplaced(&[&whole[..=checkpoint], &whole[checkpoint..]], 257);
    misplaced(&[&whole[..end], &whole[end + 1..]], 257);
    misplaced(&[&whole, &whole[end + 1..]], 257);
    misplaced(&[&whole[..=end], &whole[end..]], 257);
    let twice = [&behind_base[..2], &behind_base[1..]].concat();
    assert!(matches!(read(&twice), Err(BadExport::Misplaced { seq: 257 })), "{:?}", read(&twice));
}

#[test]
fn an_export_that_ends_early_names_the_line_that_was_to_come() {
    let (whole, _) = export(&write((1..=3).map(batch)), None, None);
    for (frames, seq) in [(0, 1), (1, 1), (2, 2), (3, 3), (4, 4)] {
        assert_eq!(read(&whole[..frames]), Err(BadExport::CutOff { seq }), "{frames} frames");
    }
    assert!(read(&whole).is_ok());
}

#[test]
fn a_frame_that_can_t_be_read_names_the_line_that_was_to_come() {
    let (mut whole, _) = export(&write((1..=3).map(batch)), None, None);
    whole[3].truncate(20);
    assert!(matches!(read(&whole), Err(BadExport::Malformed { seq: 3, malformed: Malformed::Short { .. } })));
}

#[test]
fn a_frame_longer_than_any_line_is_none() {
    let header = |len: u32| {
        let [a, b, c, d] = len.to_le_bytes();
        [0x33, a, b, c, d]
    };
    let longest = u32::try_from(FRAME_LEN_MAX).unwrap();
    assert_eq!(content_len(header(longest)), Some(FRAME_LEN_MAX));
    assert_eq!(content_len(header(longest + 1)), None);
    assert_eq!((content_len(header(0)), content_len(header(0x0102))), (Some(0), Some(258)));
    assert_eq!(FRAME_LEN_MAX, 16_640, "the longest body, 16 KiB, and 256 bytes for what stands beside it");
}

#[test]
fn a_checkpoint_of_another_place_is_found() {
    let written = write((1..=512).map(batch));
    let mut other = written.clone();
    // Each is signed, and of this record; only the place is wrong.
    other.checkpoints = vec![Checkpoint { head: written.checkpoints[0].head, ..written.checkpoints[1] }];
    let mut walk = Verifier::full(genesis()).unwrap();
    let finding = other.lines.iter().find_map(|line| walk.step(line, other.checkpoint_of(line)).err());
    assert_eq!(finding, Some(Finding::CheckpointForged { seq: 256 }));
    let mut walk = Verifier::full(genesis()).unwrap();
    let first = &written.checkpoints[0];
    assert_eq!(
        walk.step(&written.lines[0], Some(first)),
        Err(Finding::CheckpointDisagrees { seq: 1, good: 0 }),
        "a signed line is vouched for where it stands, and nowhere else"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_of_a_signed_export_is_found(at in any::<prop::sample::Index>(), bit in 0_u8..8, header: bool) {
        let (mut whole, _) = export(&write((1..=3).map(batch)), None, Some(&device()));
        let frame = at.index(whole.len());
        // A frame's length is its reader's: here the tag, or a byte of the content.
        let offset = if header { 0 } else { FRAME_HEADER_LEN + at.index(whole[frame].len() - FRAME_HEADER_LEN) };
        whole[frame][offset] ^= 1 << bit;
        prop_assert!(read(&whole).is_err(), "frame {frame}, offset {offset}");
    }
}
