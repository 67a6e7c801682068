//! The kernel's own word on a battery: the power-supply class.
//!
//! A mouse's battery stands there too; it says so by its scope.

use std::{fs, path::Path};

use super::{Reading, Refused};

/// Where the class is.
pub const CLASS: &str = "/sys/class/power_supply";

/// The first battery of this machine; `None` if it has none.
pub fn read(class: &Path) -> Option<Result<Reading, Refused>> {
    let mut supplies: Vec<_> = fs::read_dir(class).ok()?.flatten().map(|entry| entry.path()).collect();
    supplies.sort();
    let supply = supplies.into_iter().find(|supply| is_ours(supply))?;
    Some(battery(&supply))
}

fn is_ours(supply: &Path) -> bool {
    let said = |name: &str| value(supply, name);
    said("type").as_deref() == Some("Battery")
        && said("scope").as_deref() != Some("Device")
        && said("present").as_deref() != Some("0")
}

fn battery(supply: &Path) -> Result<Reading, Refused> {
    let unread = |what: &str| Refused::Unread(format!("{} says no {what} that can be", supply.display()));
    let percent = number(supply, "capacity").filter(|percent| *percent <= 100).ok_or_else(|| unread("capacity"))?;
    let charging = match value(supply, "status").as_deref() {
        Some("Charging" | "Full" | "Not charging") => true,
        Some("Discharging" | "Unknown") => false,
        Some(_) | None => return Err(unread("status")),
    };
    let charge = u32::try_from(percent * 1_000).unwrap_or(100_000);
    let draining =
        ["energy_now", "charge_now"].into_iter().zip(["power_now", "current_now"]).find_map(|(left, flow)| {
            let (left, flow) = (number(supply, left)?, number(supply, flow)?);
            u32::try_from(u64::from(charge).checked_mul(flow)?.checked_div(left)?).ok().filter(|draining| *draining > 0)
        });
    Ok(Reading { charge, draining: draining.filter(|_| !charging), charging })
}

fn value(supply: &Path, name: &str) -> Option<String> {
    fs::read_to_string(supply.join(name)).ok().map(|value| value.trim().to_owned())
}

/// A drain is written negative by some drivers.
fn number(supply: &Path, name: &str) -> Option<u64> {
    value(supply, name)?.parse::<i64>().ok().map(i64::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A class with one supply in it.
    fn class(values: &[(&str, &str)]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let supply = dir.path().join("BAT0");
        fs::create_dir(&supply).unwrap();
        for (name, value) in values {
            fs::write(supply.join(name), format!("{value}\n")).unwrap();
        }
        dir
    }

    #[test]
    fn a_battery_is_read_with_its_drain() {
        let dir = class(&[
            ("type", "Battery"),
            ("capacity", "60"),
            ("status", "Discharging"),
            ("energy_now", "30000000"),
            ("power_now", "10000000"),
        ]);
        let reading = Reading { charge: 60_000, draining: Some(20_000), charging: false };
        assert!(matches!(read(dir.path()), Some(Ok(found)) if found == reading), "{:?}", read(dir.path()));
        let dir = class(&[("type", "Battery"), ("capacity", "60"), ("status", "Full")]);
        assert!(matches!(read(dir.path()), Some(Ok(Reading { charging: true, draining: None, .. }))));
    }

    #[test]
    fn mains_a_mouse_and_an_empty_bay_are_no_battery_of_ours() {
        assert!(read(class(&[("type", "Mains"), ("online", "1")]).path()).is_none());
        let mouse = [("type", "Battery"), ("scope", "Device"), ("capacity", "5"), ("status", "Discharging")];
        assert!(read(class(&mouse).path()).is_none());
        let bay = [("type", "Battery"), ("present", "0"), ("capacity", "0"), ("status", "Unknown")];
        assert!(read(class(&bay).path()).is_none());
        assert!(read(Path::new("/nowhere")).is_none());
    }

    #[test]
    fn a_capacity_that_can_t_be_is_refused() {
        for capacity in ["101", "-1000", "", "many"] {
            let dir = class(&[("type", "Battery"), ("capacity", capacity), ("status", "Discharging")]);
            assert!(matches!(read(dir.path()), Some(Err(Refused::Unread(_)))), "{capacity}");
        }
        let dir = class(&[("type", "Battery"), ("capacity", "50")]);
        assert!(matches!(read(dir.path()), Some(Err(Refused::Unread(_)))), "charging or not, nobody says");
    }
}
