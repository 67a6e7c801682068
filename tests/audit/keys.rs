//! The device's key: made once, read by its owner alone, never mistaken.

use std::{fs, os::unix::fs::PermissionsExt};

use pump_remote::adapters::keys::{DEVICE_KEY, KeyError, device_key};
use tempfile::TempDir;

#[test]
fn a_key_is_made_once_and_then_read() {
    let dir = TempDir::new().unwrap();
    let first = device_key(dir.path(), &[7; 32]).unwrap();
    let again = device_key(dir.path(), &[8; 32]).unwrap();
    assert_eq!(first, again, "later entropy changes nothing");
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    // proves R-LNK-12
    assert_eq!((mode("keys"), mode(DEVICE_KEY)), (0o700, 0o600));
}

#[test]
fn a_key_that_others_could_read_is_refused() {
    for (name, mode) in [(DEVICE_KEY, 0o640), (DEVICE_KEY, 0o604), ("keys", 0o750)] {
        let dir = TempDir::new().unwrap();
        device_key(dir.path(), &[7; 32]).unwrap();
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        let refused = device_key(dir.path(), &[7; 32]);
        assert!(matches!(refused, Err(KeyError::TooOpen { .. })), "{name} {mode:o}: {refused:?}");
    }
}

#[test]
fn a_damaged_key_is_found_and_left_alone() {
    let dir = TempDir::new().unwrap();
    device_key(dir.path(), &[7; 32]).unwrap();
    let path = dir.path().join(DEVICE_KEY);
    let whole = fs::read(&path).unwrap();
    for offset in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[offset] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(device_key(dir.path(), &[7; 32]), Err(KeyError::Damaged { .. })), "byte {offset}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    for other in [&whole[..whole.len() - 1], &[whole.as_slice(), &[0]].concat(), &[]] {
        fs::write(&path, other).unwrap();
        assert!(matches!(device_key(dir.path(), &[7; 32]), Err(KeyError::Damaged { .. })));
    }
}

#[test]
fn a_key_doesn_t_show_its_secret() {
    let dir = TempDir::new().unwrap();
    let key = device_key(dir.path(), &[7; 32]).unwrap();
    let shown = format!("{key:?}");
    assert!(!shown.contains("7, 7, 7") && !shown.contains("0707"), "{shown}");
}
