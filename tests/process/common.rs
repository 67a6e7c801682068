//! Starts the programs, without a display, in directories of their own.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
};

/// A pump in a process of its own.
pub(crate) struct Simulator {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub(crate) socket: PathBuf,
    pub(crate) secret: String,
}

impl Simulator {
    pub(crate) fn start(dir: &Path) -> Self {
        let socket = dir.join("pump.sock");
        let mut child = Command::new(env!("CARGO_BIN_EXE_pump-simulator"))
            .args(["--speed", "60", "--socket"])
            .arg(&socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut simulator = Self { child, stdin, stdout, socket, secret: String::new() };
        let secret = simulator.line_with("Implant card secret: ");
        secret.trim_start_matches("Implant card secret: ").clone_into(&mut simulator.secret);
        simulator.line_with("To pair a remote");
        simulator
    }

    /// Types a line at the console.
    pub(crate) fn types(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").expect("listens");
    }

    /// Reads up to the line that begins like this.
    pub(crate) fn line_with(&mut self, beginning: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).expect("readable"), 0, "ended before {beginning:?}");
            if line.trim_end().contains(beginning) {
                return line.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn opens_its_window(&mut self) {
        self.types("magnet");
        self.line_with("The pairing window is open");
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by itself; the test has its verdict already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A remote that is driven by words.
pub(crate) struct Headless {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Headless {
    pub(crate) fn start(arguments: &[&str], data_dir: &Path) -> Self {
        let mut command = remote(arguments, data_dir);
        let mut child = command.arg("--headless").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdin, stdout }
    }

    pub(crate) fn types(&mut self, word: &str) {
        writeln!(self.stdin, "{word}").expect("listens");
    }

    pub(crate) fn types_digits(&mut self, digits: &[u32]) {
        for digit in digits {
            self.types(&format!("digit {digit}"));
        }
    }

    /// Reads up to the line that begins like this.
    pub(crate) fn line_with(&mut self, beginning: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).expect("readable"), 0, "ended before {beginning:?}");
            if line.starts_with(beginning) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Whether it ends in good order on this word.
    pub(crate) fn ends_with(&mut self, word: &str) -> bool {
        self.types(word);
        self.child.wait().expect("ends").success()
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
        // It may have ended by itself; the test has its verdict already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `pump-remote` with these arguments, where there is no display.
pub(crate) fn remote(arguments: &[&str], data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pump-remote"));
    command.args(arguments).arg("--data-dir").arg(data_dir).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command
}

pub(crate) fn audit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_audit-tool")).args(arguments).output().expect("starts")
}

/// What a program said, both ways.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
