//! A remote and a pump in two processes: paired, a dose, a refusal, and a socket that closes at any byte.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
};

use crate::common::{Simulator, audit, remote, said};

#[test]
fn a_paired_remote_gets_one_dose_and_a_refusal_and_both_sides_remember() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    pump.opens_its_window();
    let data_dir = dir.path().join("remote");
    let socket = pump.socket.to_str().unwrap().to_owned();
    let played = remote(&["--socket", &socket, "--pair", &pump.secret, "--speed", "60"], &data_dir).output().unwrap();
    assert!(played.status.success(), "{}", said(&played));
    let record = data_dir.join("record.db");
    let verified = audit(&["verify", record.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", said(&verified));
    let retraced = said(&audit(&["retrace", record.to_str().unwrap()]));
    // proves R-REC-18
    assert!(retraced.contains("the machine's own state agrees"), "{retraced}");
    let lines = said(&audit(&["lines", record.to_str().unwrap()]));
    // proves R-DEV-01
    assert!(lines.contains("#1: GIVEN: 50 mcg"), "{lines}");
    assert!(lines.contains("a full hold was refused here: lockout"), "{lines}");
    pump.types("history");
    let told = pump.line_with("50 mcg");
    assert!(told.contains("50 mcg"), "{told}");
}

#[test]
fn a_wrong_secret_or_a_closed_window_pairs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    let socket = pump.socket.to_str().unwrap().to_owned();
    let closed = remote(&["--socket", &socket, "--pair", &pump.secret], &dir.path().join("a")).output().unwrap();
    assert!(!closed.status.success() && said(&closed).contains("pairing window"), "{}", said(&closed));

    let other = tempfile::tempdir().unwrap();
    let others_secret = Simulator::start(other.path()).secret.clone();
    pump.opens_its_window();
    let wrong = remote(&["--socket", &socket, "--pair", &others_secret], &dir.path().join("b")).output().unwrap();
    assert!(!wrong.status.success() && said(&wrong).contains("card's secret"), "{}", said(&wrong));

    let mistyped = pump.secret.replacen(|c: char| c.is_ascii_digit(), "?", 1);
    let typo = remote(&["--socket", &socket, "--pair", &mistyped], &dir.path().join("c")).output().unwrap();
    assert!(!typo.status.success() && said(&typo).contains("group"), "{}", said(&typo));

    let unpaired = remote(&["--socket", &socket], &dir.path().join("d")).output().unwrap();
    assert!(!unpaired.status.success() && said(&unpaired).contains("no pump is paired yet"), "{}", said(&unpaired));
}

#[test]
fn a_socket_that_closes_at_any_byte_costs_time_and_no_dose() {
    let dir = tempfile::tempdir().unwrap();
    let mut pump = Simulator::start(dir.path());
    pump.opens_its_window();
    // Bytes from the remote after which the first link is cut: in a length, in the handshake, in HELLO, in the history.
    for (index, cut_after) in [1, 60, 120, 400].into_iter().enumerate() {
        let data_dir = dir.path().join("remote");
        let socket = cutting_proxy(&dir.path().join(format!("cut{index}.sock")), pump.socket.clone(), cut_after);
        let socket = socket.to_str().unwrap().to_owned();
        if index == 0 {
            let direct = pump.socket.to_str().unwrap().to_owned();
            let arguments = ["--socket", &direct, "--pair", &pump.secret, "--speed", "60"];
            assert!(remote(&arguments, &data_dir).output().unwrap().status.success());
        }
        pump.types("reset");
        pump.line_with("A full lockout");
        let played = remote(&["--socket", &socket, "--speed", "60"], &data_dir).output().unwrap();
        let record = data_dir.join("record.db");
        let lines = said(&audit(&["lines", record.to_str().unwrap()]));
        assert!(said(&played).contains("Lockout"), "cut after {cut_after}: {}\n{lines}", said(&played));
        // proves R-LNK-06
        assert_eq!(lines.matches("GIVEN: 50 mcg").count(), 1, "cut after {cut_after}: {lines}");
        assert!(audit(&["verify", record.to_str().unwrap()]).status.success());
    }
}

/// Passes bytes on both ways; the first connection is cut after so many bytes from the remote.
fn cutting_proxy(path: &Path, pump: PathBuf, cut_after: usize) -> PathBuf {
    let listener = UnixListener::bind(path).expect("a fresh path");
    thread::spawn(move || {
        let mut budget = Some(cut_after);
        for remote in listener.incoming().flatten() {
            let pump = UnixStream::connect(&pump).expect("the pump listens");
            let (answers, asker) = (pump.try_clone().expect("open"), remote.try_clone().expect("open"));
            thread::spawn(move || pass_on(answers, asker, None));
            pass_on(remote, pump, budget.take());
        }
    });
    path.to_owned()
}

fn pass_on(mut from: UnixStream, mut to: UnixStream, budget: Option<usize>) {
    let mut left = budget.unwrap_or(usize::MAX);
    let mut buffer = [0; 512];
    while left > 0 {
        let Ok(read) = from.read(&mut buffer) else { break };
        if read == 0 || to.write_all(&buffer[..read.min(left)]).is_err() {
            break;
        }
        left -= read.min(left);
    }
    // Either side may be gone already.
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}
