//! Switches the virtual handheld on, touches it, reads its display, and compares its record with its pump's history.
//!
//! `handheld ARCH KERNEL INITRAMFS ROOT DATA IMPLANT STICKS LIGHT DIR [WORD…]`: `LIGHT` is an ACPI table, or empty; with words, only the cases whose names contain one of
//! them, and those that others stand on.

mod cases;
mod display;
mod machine;

use std::{path::PathBuf, process::ExitCode};

use self::{cases::Story, machine::Parts};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let arch = arguments.next().unwrap_or_default();
    let files: Vec<PathBuf> = arguments.by_ref().take(8).map(PathBuf::from).collect();
    let Ok([kernel, initramfs, root, data, implant, sticks, light, dir]) = <[PathBuf; 8]>::try_from(files) else {
        eprintln!("handheld ARCH KERNEL INITRAMFS ROOT DATA IMPLANT STICKS LIGHT DIR [WORD…]");
        println!("0 passed, 1 failed");
        return ExitCode::FAILURE;
    };
    let light = (!light.as_os_str().is_empty()).then_some(light);
    let parts = Parts { arch, kernel, initramfs, root, data, implant, sticks, light, dir };
    let (passed, failed) = Story::new(parts, arguments.collect()).tell();
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
