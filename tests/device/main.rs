//! Switches the virtual handheld on, touches it, reads its display, and compares its record with its pump's history.
//!
//! `handheld ARCH KERNEL INITRAMFS ROOT DATA IMPLANT STICKS LIGHT DIR CHOOSE [WORD…]`: `LIGHT` is an ACPI table, or empty; `CHOOSE` says what the
//! kernel is told, where `ROOT` is a card with slots, or is empty. With words, only the cases whose names contain one of them, and those that
//! others stand on.

mod cases;
mod display;
mod machine;
mod updates;

use std::{path::PathBuf, process::ExitCode};

use self::{cases::Story, machine::Parts};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let arch = arguments.next().unwrap_or_default();
    let files: Vec<PathBuf> = arguments.by_ref().take(9).map(PathBuf::from).collect();
    let Ok([kernel, initramfs, root, data, implant, sticks, light, dir, choose]) = <[PathBuf; 9]>::try_from(files)
    else {
        eprintln!("handheld ARCH KERNEL INITRAMFS ROOT DATA IMPLANT STICKS LIGHT DIR CHOOSE [WORD…]");
        println!("0 passed, 1 failed");
        return ExitCode::FAILURE;
    };
    let [light, choose] = [light, choose].map(|path| (!path.as_os_str().is_empty()).then_some(path));
    let slots = choose.is_some();
    let parts = Parts { arch, kernel, initramfs, root, data, implant, sticks, light, dir, choose };
    let story = Story::new(parts, arguments.collect());
    let (passed, failed) = if slots { story.tell_updates() } else { story.tell() };
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
