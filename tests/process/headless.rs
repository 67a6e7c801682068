//! The remote without a display, driven by words: what a finger would do, and each change of page as a line.

use crate::common::{Headless, Simulator, audit, remote, said};

#[test]
fn a_held_word_brings_one_dose_and_its_pages_come_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    pump.opens_its_window();
    let data_dir = dir.path().join("remote");
    let socket = pump.socket.to_str().unwrap().to_owned();
    let mut remote = Headless::start(&["--socket", &socket, "--pair", &pump.secret, "--speed", "60"], &data_dir);
    remote.line_with("Paired with pump");
    remote.line_with("link up");
    remote.line_with("page READY mcg=50");
    remote.types("hold");
    remote.line_with("page ASKING mcg=50");
    remote.line_with("page DELIVERING mcg=50 stop=offered");
    remote.line_with("page GIVEN mcg=50");
    remote.types("look");
    let seen = remote.line_with("page CAREGIVER");
    assert!(seen.contains(" ml=") && seen.contains("delivery=on"), "{seen}");
    remote.types("back");
    remote.line_with("page WAIT reason=Lockout");
    remote.types("nonsense");
    assert!(remote.ends_with("quit"));
    let record = data_dir.join("record.db");
    let lines = said(&audit(&["lines", record.to_str().unwrap()]));
    assert_eq!(lines.matches("GIVEN: 50 mcg").count(), 1, "{lines}");
}

#[test]
fn a_touch_that_is_too_short_or_no_word_asks_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    pump.opens_its_window();
    let data_dir = dir.path().join("remote");
    let socket = pump.socket.to_str().unwrap().to_owned();
    let mut remote = Headless::start(&["--socket", &socket, "--pair", &pump.secret], &data_dir);
    remote.line_with("page READY");
    // Stop has nothing to stop here; nothing else is a word.
    for word in ["stop", "HOLD", "holdhold", "", "digit 12"] {
        remote.types(word);
    }
    assert!(remote.ends_with("quit"));
    pump.types("history");
    pump.types("status");
    pump.line_with("No bolus is running");
    let lines = said(&audit(&["lines", data_dir.join("record.db").to_str().unwrap()]));
    assert!(!lines.contains("asked for"), "{lines}");
}

#[test]
fn a_revoked_remote_is_told_apart_and_pairs_anew_or_never() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    pump.types("remotes");
    pump.line_with("No remote is paired");
    pump.opens_its_window();
    let data_dir = dir.path().join("remote");
    let socket = pump.socket.to_str().unwrap().to_owned();
    let mut remote = Headless::start(&["--socket", &socket, "--pair", &pump.secret], &data_dir);
    remote.line_with("page READY");
    pump.types("remotes");
    pump.line_with("1  remote ");
    pump.types("revoke 2");
    pump.line_with("No remote 2 is paired");
    pump.types("revoke 1");
    pump.line_with("Remote 1 is revoked");
    remote.line_with("link down");
    remote.line_with("page NOT AVAILABLE reason=OutOfReach");
    assert!(remote.ends_with("quit"));
    pump.types("remotes");
    pump.line_with("No remote is paired");
}

#[test]
fn without_a_display_no_story_asks_a_pump_over_the_air_for_a_dose() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    pump.opens_its_window();
    let data_dir = dir.path().join("remote");
    let socket = pump.socket.to_str().unwrap().to_owned();
    let mut paired = Headless::start(&["--socket", &socket, "--pair", &pump.secret], &data_dir);
    paired.line_with("page READY");
    assert!(paired.ends_with("quit"));
    let refused = remote(&["--bluetooth"], &data_dir).output().unwrap();
    let words = said(&refused);
    // proves R-ASK-01
    assert!(!refused.status.success() && words.contains("no control to hold"), "{words}");
    let lines = said(&audit(&["lines", data_dir.join("record.db").to_str().unwrap()]));
    assert!(!lines.contains("asked for"), "{lines}");
}

#[test]
fn a_card_typed_in_the_first_run_pairs_and_the_remote_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    let data_dir = dir.path().join("remote");
    let socket = pump.socket.to_str().unwrap().to_owned();
    let digits: Vec<u32> = pump.secret.chars().filter_map(|character| character.to_digit(10)).collect();
    let mut remote = Headless::start(&["--socket", &socket], &data_dir);
    remote.line_with("page PAIRING step=not-paired");
    remote.types("proceed");
    remote.line_with("page PAIRING step=card group=1 typed=0 wrong=false");
    remote.types_digits(&digits[..5]);
    remote.types_digits(&[(digits[5] + 1) % 10]);
    remote.line_with("page PAIRING step=card group=1 typed=0 wrong=true");
    remote.types_digits(&digits);
    remote.line_with("page PAIRING step=window");

    // The window is shut, and nothing is kept of the attempt.
    remote.types("proceed");
    remote.line_with("page PAIRING step=failed why=Disagreed");
    pump.types("remotes");
    pump.line_with("No remote is paired");
    assert!(!data_dir.join("record.db").exists(), "there is no pump that a record could be of");

    pump.opens_its_window();
    remote.types("proceed");
    let paired = remote.line_with("page PAIRING step=paired");
    // proves R-LNK-26
    assert!(paired.contains("serial=SIM-"), "{paired}");
    remote.types("proceed");
    remote.line_with("link up");
    remote.line_with("page READY mcg=50");
    assert!(remote.ends_with("quit"));
    let record = data_dir.join("record.db");
    assert!(audit(&["verify", record.to_str().unwrap()]).status.success());
    let lines = said(&audit(&["lines", record.to_str().unwrap()]));
    assert!(lines.contains("paired"), "{lines}");

    let mut again = Headless::start(&["--socket", &socket], &data_dir);
    again.line_with("page READY");
    assert!(again.ends_with("quit"));
}
