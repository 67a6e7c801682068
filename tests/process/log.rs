//! The diagnostic log explains; it tells nobody who the patient is, nor what was given.

use crate::common::{Simulator, remote, said};

#[test]
fn the_log_of_whoever_looks_for_a_fault_holds_no_dose_and_no_identity() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    pump.opens_its_window();
    let socket = pump.socket.to_str().unwrap().to_owned();
    let arguments = ["--socket", &socket, "--pair", &pump.secret, "--speed", "60"];
    let played = remote(&arguments, &dir.path().join("remote")).env("RUST_LOG", "trace").output().unwrap();
    assert!(played.status.success(), "{}", said(&played));
    let log = String::from_utf8_lossy(&played.stderr).to_lowercase();
    assert!(log.lines().count() > 10, "it explains: {log}");
    // proves R-REC-16
    for private in ["mcg", "sim-0", "morphine", "lockout", "delivered", "given", &pump.secret.to_lowercase()] {
        assert!(!log.contains(private), "{private}: {log}");
    }
}
