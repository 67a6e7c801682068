//! A remote is taken out of use: its record is exported first, its pump told, and nothing of both is left.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use pump_remote::adapters::sqlite::View;
use tokio::runtime::Runtime;

use crate::common::{Headless, Simulator, audit, remote, said};

fn decommissioned(socket: &Path, to: &Path, data_dir: &Path) -> Output {
    let (socket, to) = (socket.to_str().expect("text"), to.to_str().expect("text"));
    remote(&["--socket", socket, "--decommission", to], data_dir).output().expect("starts")
}

/// A remote that has been given a dose, in this directory.
fn used(pump: &mut Simulator, data_dir: &Path) {
    pump.opens_its_window();
    let socket = pump.socket.to_str().expect("text").to_owned();
    let mut remote = Headless::start(&["--socket", &socket, "--pair", &pump.secret, "--speed", "60"], data_dir);
    remote.line_with("page READY");
    remote.types("hold");
    remote.line_with("page GIVEN mcg=50");
    assert!(remote.ends_with("quit"));
}

/// The one export below this directory.
fn exported(to: &Path) -> PathBuf {
    let folder = fs::read_dir(to).expect("there").next().expect("one").expect("readable").path();
    let mut files: Vec<_> = fs::read_dir(folder).expect("there").map(|file| file.expect("readable").path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// What this remote's exports are put in.
fn folder_of(data_dir: &Path) -> String {
    let genesis = async { View::open(&data_dir.join("record.db")).await.expect("a record").genesis().await };
    let genesis = Runtime::new().expect("tasks").block_on(genesis).expect("readable");
    let [first, second, third, fourth, ..] = genesis.id.0;
    let id = u32::from_be_bytes([first, second, third, fourth]);
    format!("pump-remote-{}-{id:08x}", genesis.serial.as_str())
}

fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir)
        .expect("there")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("text"));
    names.filter(|name| name != "instance.lock").collect()
}

#[test]
fn the_record_is_exported_the_pump_told_and_nothing_of_both_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let (mut pump, to, data_dir) = (Simulator::start(dir.path()), dir.path().join("to"), dir.path().join("remote"));
    fs::create_dir(&to).unwrap();
    used(&mut pump, &data_dir);
    fs::write(data_dir.join("looks.toml"), "").unwrap();
    let done = decommissioned(&pump.socket, &to, &data_dir);
    assert!(done.status.success(), "{}", said(&done));
    let told = said(&done);
    assert!(told.contains("taken this remote's key back") && told.contains("looks.toml"), "{told}");
    pump.types("remotes");
    pump.line_with("No remote is paired");
    // proves R-LNK-24
    assert_eq!(names(&data_dir), ["looks.toml"]);
    let export = exported(&to);
    let verified = said(&audit(&["verify", export.to_str().unwrap()]));
    assert!(verified.contains("signed by the device"), "{verified}");
    let summary = said(&audit(&["summary", export.to_str().unwrap()]));
    assert!(summary.contains("1 given") && summary.contains("1 decommissioned"), "{summary}");

    pump.opens_its_window();
    let socket = pump.socket.to_str().unwrap().to_owned();
    let mut next = Headless::start(&["--socket", &socket, "--pair", &pump.secret, "--speed", "60"], &data_dir);
    next.line_with("page WAIT");
    assert!(next.ends_with("quit"), "the next one's: the dose before it counts in the pump");
}

#[test]
fn what_has_an_exports_name_and_length_on_the_target_does_not_pass_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut pump, to, data_dir) = (Simulator::start(dir.path()), dir.path().join("to"), dir.path().join("remote"));
    used(&mut pump, &data_dir);
    let (name, exports, folder) =
        ("record-000000000000.export", data_dir.join("exports"), to.join(folder_of(&data_dir)));
    fs::create_dir(&exports).unwrap();
    fs::create_dir_all(&folder).unwrap();
    fs::write(exports.join(name), "pruned lines").unwrap();
    fs::write(folder.join(name), "pruned limes").unwrap();
    let done = decommissioned(&pump.socket, &to, &data_dir);
    assert!(done.status.success(), "{}", said(&done));
    // proves R-LNK-24
    assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "pruned lines");
    assert_eq!(names(&data_dir), Vec::<String>::new());
}

#[test]
fn without_an_answer_what_is_open_counts_as_given() {
    let dir = tempfile::tempdir().unwrap();
    let (mut pump, to, data_dir) = (Simulator::start(dir.path()), dir.path().join("to"), dir.path().join("remote"));
    fs::create_dir(&to).unwrap();
    pump.opens_its_window();
    let socket = pump.socket.clone();
    let named = socket.to_str().unwrap().to_owned();
    let mut remote = Headless::start(&["--socket", &named, "--pair", &pump.secret, "--speed", "60"], &data_dir);
    remote.line_with("page READY");
    pump.types("disconnect commit after");
    pump.line_with("disconnect at the next Commit");
    pump.types("disconnect hello before always");
    pump.line_with("disconnect at every Hello");
    remote.types("hold");
    remote.line_with("page NOT SURE");
    assert!(remote.ends_with("quit"));
    drop(pump);
    let done = decommissioned(&socket, &to, &data_dir);
    assert!(done.status.success(), "{}", said(&done));
    let told = said(&done);
    assert!(told.contains("Request #1 was open: it counts as given.") && told.contains("could not be told"), "{told}");
    let retraced = audit(&["retrace", exported(&to).to_str().unwrap()]);
    assert!(retraced.status.success(), "{}", said(&retraced));
    let story = said(&audit(&["replay", "1", exported(&to).to_str().unwrap()]));
    // proves R-REQ-28
    assert!(story.contains("ended: #1: ASSUMED GIVEN"), "{story}");
    assert_eq!(names(&data_dir), Vec::<String>::new());
}

#[test]
fn what_was_not_exported_is_not_wiped() {
    let dir = tempfile::tempdir().unwrap();
    let (mut pump, data_dir) = (Simulator::start(dir.path()), dir.path().join("remote"));
    used(&mut pump, &data_dir);
    let before = names(&data_dir);
    // Nothing can be made in there.
    let done = decommissioned(&pump.socket, Path::new("/proc"), &data_dir);
    assert!(!done.status.success() && said(&done).contains("nothing was wiped"), "{}", said(&done));
    // proves R-LNK-24
    assert_eq!(names(&data_dir), before);
    pump.types("remotes");
    pump.line_with("1  remote ");
    let socket = pump.socket.to_str().unwrap().to_owned();
    let mut remote = Headless::start(&["--socket", &socket, "--speed", "60"], &data_dir);
    remote.line_with("page WAIT");
    let busy = decommissioned(&pump.socket, dir.path(), &data_dir);
    assert!(!busy.status.success() && names(&data_dir).contains(&"record.db".to_owned()), "{}", said(&busy));
    assert!(remote.ends_with("quit"));
    let nowhere = decommissioned(&pump.socket, dir.path(), &dir.path().join("nowhere"));
    assert!(!nowhere.status.success() && said(&nowhere).contains("there is no remote in"), "{}", said(&nowhere));
}
