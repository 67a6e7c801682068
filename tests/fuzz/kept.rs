//! What the machine keeps, and the lines of its record, as they come back from a disk that nobody vouches for.

use pump_core::{
    audit::{
        Checkpoint, Genesis, Record, Stored,
        event::{self, Happened},
    },
    remote::{Beginning, Input, Kept, Remote},
    screen::{Control, Intent, Level, Source, Visit},
};
use pump_protocol::{
    clock::{BootId, Now, Uptime},
    message::{AuditHead, KeyFingerprint},
    wire::decode,
};

use crate::wire::has_one_spelling;

const FORMS: [fn(&[u8]); 7] = [
    kept,
    line,
    has_one_spelling::<Record>,
    has_one_spelling::<Stored>,
    has_one_spelling::<Checkpoint>,
    has_one_spelling::<Genesis>,
    crate::pump::restored,
];

/// The target: the first byte says what the rest is taken for.
pub fn run(bytes: &[u8]) {
    if let Some((form, bytes)) = bytes.split_first() {
        FORMS[usize::from(*form) % FORMS.len()](bytes);
    }
}

/// A machine restored from it, on the same boot and on another, is looked at, held, stopped and let wait.
fn kept(bytes: &[u8]) {
    let Ok(kept) = Kept::from_bytes(bytes) else { return };
    assert!(kept.to_bytes() == bytes, "a second spelling");
    let mut now = Now { boot: BootId([1; 16]), uptime: Uptime::from_millis(60_000), wall: None };
    for kept in [kept.clone(), kept.for_another_pump(now).0] {
        let (head, key) = (AuditHead { count: 9, hash: [9; 32] }, KeyFingerprint([1; 8]));
        let mut remote = Remote::restore(Beginning::bonded(key, kept, head), now);
        let touch = |control, level| Intent::Touch { control, level, source: Source::Touchscreen };
        for intent in [
            Intent::Visit(Visit::Caregiver),
            Intent::Visit(Visit::Patient),
            Intent::Seen,
            touch(Control::Dose, Level::Pressed),
            touch(Control::Stop, Level::Pressed),
        ] {
            remote.handle(Input::Intent(intent), now);
            let _ = remote.screen(now);
            if let Some((at, _)) = remote.poll_timeout(now) {
                now.uptime = at.max(now.uptime).min(Uptime::from_millis(u64::MAX / 2));
                remote.handle(Input::Tick, now);
            }
            while remote.poll_output().is_some() {}
        }
        now = Now { boot: BootId([2; 16]), uptime: Uptime::from_millis(5_000), wall: None };
    }
}

/// A line's body, with the words for it.
fn line(bytes: &[u8]) {
    has_one_spelling::<Happened>(bytes);
    let words = event::describe(bytes);
    assert!(!words.is_empty());
    if let Ok(Happened { event, .. }) = decode::<Happened>(bytes) {
        assert!(!event.kind().is_empty() && event.kind().len() <= pump_core::audit::chain::KIND_LEN_MAX);
    }
}
