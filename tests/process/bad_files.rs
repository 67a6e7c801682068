//! Files that are not what they should be: each is said clearly, and left as it was found.

use std::{fs, path::Path};

use crate::common::{Simulator, remote, said};

/// A data directory with a paired remote in it, and its pump.
fn paired(dir: &Path) -> (Simulator, String) {
    let mut pump = Simulator::start(dir);
    pump.opens_its_window();
    let socket = pump.socket.to_str().expect("a plain path").to_owned();
    let arguments = ["--socket", &socket, "--pair", &pump.secret, "--speed", "60"];
    let played = remote(&arguments, &dir.join("remote")).output().expect("starts");
    assert!(played.status.success(), "{}", said(&played));
    (pump, socket)
}

#[test]
fn a_damaged_record_is_named_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (_pump, socket) = paired(dir.path());
    let record = dir.path().join("remote/record.db");
    let good = fs::read(&record).unwrap();
    let mut flipped = good.clone();
    // Every page is filled from its end, so this hits something on each that holds anything.
    flipped.chunks_mut(4096).skip(1).for_each(|page| page[4080] ^= 0x10);
    let cases: [(&str, &[u8]); 4] = [
        ("truncated", &good[..good.len() / 2]),
        ("emptied", &[]),
        ("another file", b"SQLite format 3\0 this is no record"),
        ("flipped", &flipped),
    ];
    for (what, bytes) in cases {
        fs::write(&record, bytes).unwrap();
        let started = remote(&["--socket", &socket], &dir.path().join("remote")).output().unwrap();
        assert!(!started.status.success(), "{what}: {}", said(&started));
        assert!(said(&started).contains("record"), "{what}: {}", said(&started));
        assert!(!said(&started).contains("panicked"), "{what}: {}", said(&started));
        // proves R-REC-13
        assert_eq!(fs::read(&record).unwrap(), bytes, "{what}: left as it was");
    }
}

#[test]
fn a_second_instance_on_the_same_record_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_pump, socket) = paired(dir.path());
    let lock = fs::File::open(dir.path().join("remote/record.db.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let second = remote(&["--socket", &socket], &dir.path().join("remote")).output().unwrap();
    assert!(!second.status.success(), "{}", said(&second));
    assert!(said(&second).contains("in use") || said(&second).contains("another"), "{}", said(&second));
    drop(lock);

    let instance = fs::File::open(dir.path().join("remote/instance.lock")).unwrap();
    rustix::fs::flock(&instance, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let third = remote(&["--socket", &socket], &dir.path().join("remote")).output().unwrap();
    // proves R-REC-14
    assert!(!third.status.success() && said(&third).contains("another program uses"), "{}", said(&third));
}

#[test]
fn a_remote_that_has_a_pump_does_not_take_another_into_its_record() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_pump, _) = paired(dir.path());
    let keys = dir.path().join("remote/keys/session.keys");
    let before = fs::read(&keys).unwrap();
    let mut second = Simulator::start(other.path());
    second.opens_its_window();
    let socket = second.socket.to_str().unwrap().to_owned();
    let arguments = ["--socket", &socket, "--pair", &second.secret];
    let refused = remote(&arguments, &dir.path().join("remote")).output().unwrap();
    assert!(!refused.status.success() && said(&refused).contains("--data-dir"), "{}", said(&refused));
    // proves R-REC-12
    assert_eq!(fs::read(&keys).unwrap(), before, "the old pin stands");
}

#[test]
fn a_configuration_that_is_not_allowed_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    fs::write(&config, "[pump]\nlockout_minutes = 5\n").unwrap();
    let data_dir = dir.path().join("remote");
    let refused = remote(&["--config", config.to_str().unwrap()], &data_dir).output().unwrap();
    assert!(!refused.status.success());
    let said = said(&refused);
    assert!(said.contains("config.toml") && said.contains("line 2") && said.contains("lockout_minutes"), "{said}");
    // proves R-DEV-02
    assert!(!data_dir.exists(), "nothing was made");
}

#[test]
fn damaged_keys_or_a_damaged_pump_are_said_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (_pump, socket) = paired(dir.path());
    for (file, word) in [("keys/device.key", "device key"), ("keys/session.keys", "session keys")] {
        let path = dir.path().join("remote").join(file);
        let good = fs::read(&path).unwrap();
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        let started = remote(&["--socket", &socket], &dir.path().join("remote")).output().unwrap();
        assert!(!started.status.success() && said(&started).contains(word), "{file}: {}", said(&started));
        assert_eq!(fs::read(&path).unwrap().len(), good.len() - 1, "left as it was");
        fs::write(&path, &good).unwrap();
    }
}

#[test]
fn beside_a_remote_that_runs_no_pin_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let (config, data_dir) = (dir.path().join("config.toml"), dir.path().join("remote"));
    fs::write(&config, "[pins]\nchip = \"/nowhere/gpiochip0\"\nbutton = 17\nbuzzer = 18\n").unwrap();
    let asked = || said(&remote(&["--hardware", "--config", config.to_str().unwrap()], &data_dir).output().unwrap());
    let tried = ["bolus button: absent, pin 17", "buzzer: absent, pin 18"];
    let alone = asked();
    assert!(tried.iter().all(|part| alone.contains(part)) && !data_dir.exists(), "{alone}");
    fs::create_dir(&data_dir).unwrap();
    let instance = fs::File::create(data_dir.join("instance.lock")).unwrap();
    rustix::fs::flock(&instance, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let beside = asked();
    assert!(
        beside.contains("Pins: not touched, for a remote runs in") && beside.contains("then ask again"),
        "{beside}"
    );
    // proves R-DEV-08
    assert!(
        !tried.iter().any(|part| beside.contains(part)) && beside.contains("ready light: not configured"),
        "{beside}"
    );
    drop(instance);
    assert!(tried.iter().all(|part| asked().contains(part)));
}

#[test]
fn a_pump_over_bluetooth_is_given_no_speed() {
    let dir = tempfile::tempdir().unwrap();
    let (config, data_dir) = (dir.path().join("config.toml"), dir.path().join("remote"));
    let config_arguments = ["--config", config.to_str().unwrap()];
    for (text, arguments) in [
        ("", ["--bluetooth", "--speed", "60"].as_slice()),
        ("[pump]\nbluetooth = true\n", &["--speed", "60"]),
        ("[pump]\nspeed = 60\n", &["--bluetooth"]),
        ("[pump]\nspeed = 60\nbluetooth = \"hci0\"\n", &[]),
    ] {
        fs::write(&config, text).unwrap();
        let refused = remote(&[arguments, &config_arguments, &["--headless"]].concat(), &data_dir).output().unwrap();
        let said = said(&refused);
        assert!(!refused.status.success() && said.contains("for a simulated pump"), "{text}{arguments:?}: {said}");
        assert!(!data_dir.exists(), "nothing was made");
    }
}
