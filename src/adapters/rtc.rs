//! Whether this machine has a clock with a battery. Nothing is decided by it: the kernel sets the system's clock from it.

use std::{fs, path::Path};

/// Where the kernel lists them.
pub const CLASS: &str = "/sys/class/rtc";

/// The first one's name and chip; `None` if there is none.
pub fn present(class: &Path) -> Option<String> {
    let mut clocks: Vec<_> = fs::read_dir(class).ok()?.flatten().map(|entry| entry.path()).collect();
    clocks.sort();
    let clock = clocks.into_iter().next()?;
    let name = clock.file_name()?.to_string_lossy().into_owned();
    let chip = fs::read_to_string(clock.join("name")).unwrap_or_default();
    Some(if chip.trim().is_empty() { name } else { format!("{name} ({})", chip.trim()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_named_with_its_chip_and_its_absence_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(present(dir.path()), None);
        assert_eq!(present(Path::new("/nowhere")), None);
        fs::create_dir(dir.path().join("rtc0")).unwrap();
        assert_eq!(present(dir.path()), Some("rtc0".to_owned()));
        fs::write(dir.path().join("rtc0/name"), "rtc-ds1307 1-0068\n").unwrap();
        assert_eq!(present(dir.path()), Some("rtc0 (rtc-ds1307 1-0068)".to_owned()));
    }
}
