//! Whatever arrives: the first byte says what it is taken for.

use pump_core::audit::Base;
use pump_protocol::{
    clock::{Now, Uptime},
    fragment::{Assembly, FRAME_LEN_MAX, WRITE_LEN_MIN, fragments},
    message::{Command, HistoryPage, Reply},
    prescription::{Prescription, Programmed},
    report::PumpReport,
    session::{PumpPins, RemotePins},
    wire::{Wire, decode, encode},
};

/// No value is longer, in bytes: what a hostile peer can make us hold.
const ENCODED_LEN_MAX: usize = 64 * 1024;

/// What a message may be taken for; the fragments are another matter.
const FORMS: [fn(&[u8]); 11] = [
    has_one_spelling::<Command>,
    has_one_spelling::<Reply>,
    has_one_spelling::<PumpReport>,
    has_one_spelling::<HistoryPage>,
    has_one_spelling::<Programmed>,
    prescription,
    has_one_spelling::<PumpPins>,
    has_one_spelling::<RemotePins>,
    has_one_spelling::<Now>,
    has_one_spelling::<Base>,
    joined,
];

/// The target.
pub fn run(bytes: &[u8]) {
    if let Some((form, bytes)) = bytes.split_first() {
        FORMS[usize::from(*form) % FORMS.len()](bytes);
    }
}

/// What is read is written the same way again: no two byte strings mean the same.
pub(crate) fn has_one_spelling<T: Wire>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        assert!(encode(&value) == bytes, "a second spelling");
        assert!(bytes.len() <= ENCODED_LEN_MAX);
    }
}

/// A prescription exists only if it agrees with itself, however it came to be.
fn prescription(bytes: &[u8]) {
    has_one_spelling::<Prescription>(bytes);
    let checked = decode::<Programmed>(bytes).map(Prescription::check);
    match (checked, decode::<Prescription>(bytes)) {
        (Ok(Ok(checked)), Ok(read)) => {
            assert_eq!((checked.hash(), checked.fullest_window()), (read.hash(), read.fullest_window()));
        }
        (Ok(Err(_)) | Err(_), Err(_)) => {}
        (checked, read) => panic!("checked: {checked:?}, read: {read:?}"),
    }
}

/// Fragments behind each other: a length, a time since the one before, the fragment. Then all of it as one frame, cut and joined.
fn joined(mut bytes: &[u8]) {
    let (frame, mut now) = (bytes, Uptime::from_millis(7));
    let mut assembly = Assembly::new();
    while let [len, later, rest @ ..] = bytes {
        let (fragment, behind) = rest.split_at(usize::from(*len).min(rest.len()));
        bytes = behind;
        now = now.after(pump_protocol::quantity::Millis::new(u64::from(*later) * 100));
        match assembly.push(fragment, now) {
            Ok(Some(frame)) => assert!((1..=FRAME_LEN_MAX).contains(&frame.len())),
            Ok(None) => assert!(assembly.deadline().is_some()),
            Err(_) => assert_eq!(assembly, Assembly::new(), "what was collected is thrown away"),
        }
    }
    let largest_write = WRITE_LEN_MIN + usize::from(frame.first().copied().unwrap_or(0));
    let Ok(cut) = fragments(frame, largest_write) else {
        assert!(frame.is_empty() || frame.len() > FRAME_LEN_MAX);
        return;
    };
    let mut assembly = Assembly::new();
    let whole = cut.map(|fragment| assembly.push(&fragment, now).expect("in order")).last().flatten();
    assert_eq!(whole.as_deref(), Some(frame));
}
