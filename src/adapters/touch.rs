//! Whether this machine has a touchscreen: as the kernel lists its input devices.

use std::{fs, path::Path};

/// Where the kernel lists them.
pub const CLASS: &str = "/sys/class/input";
/// The bit of a device whose touches are where its display shows something (`INPUT_PROP_DIRECT`).
const DIRECT: u64 = 1 << 1;

/// The first touchscreen's name; `None` if there is none.
pub fn present(class: &Path) -> Option<String> {
    let mut devices: Vec<_> = fs::read_dir(class).ok()?.flatten().map(|entry| entry.path().join("device")).collect();
    devices.sort();
    let touchscreen = devices.into_iter().find(|device| is_direct(device))?;
    Some(fs::read_to_string(touchscreen.join("name")).unwrap_or_default().trim().to_owned())
}

/// The properties are words in hexadecimal digits, the lowest last.
fn is_direct(device: &Path) -> bool {
    let properties = fs::read_to_string(device.join("properties")).unwrap_or_default();
    let lowest = properties.split_whitespace().next_back().and_then(|word| u64::from_str_radix(word, 16).ok());
    lowest.is_some_and(|properties| properties & DIRECT != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touchscreen_is_told_from_a_mouse_and_a_touchpad() {
        let dir = tempfile::tempdir().unwrap();
        let device = |event: &str, name: &str, properties: &str| {
            let device = dir.path().join(event).join("device");
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("name"), format!("{name}\n")).unwrap();
            fs::write(device.join("properties"), format!("{properties}\n")).unwrap();
        };
        assert_eq!(present(Path::new("/nowhere")), None);
        device("event0", "a mouse", "0");
        device("event1", "a touchpad", "5");
        fs::create_dir(dir.path().join("mice")).unwrap();
        assert_eq!(present(dir.path()), None);
        device("event2", "10-0038 generic ft5x06", "2");
        assert_eq!(present(dir.path()).as_deref(), Some("10-0038 generic ft5x06"));
    }
}
