//! The service manager's side of the remote: a socket that hears READY and the watchdog's food, and threads that are stopped.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, ChildStdout, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::{ptrace, wait},
    unistd::Pid,
};

use crate::common::remote;

/// A round is due whenever two thirds of this are over.
const WATCHDOG: Duration = Duration::from_millis(400);
/// More than the program takes to draw, or to be fed again, on a machine that does other things as well.
const SOON: Duration = Duration::from_secs(20);

struct Watched {
    child: Child,
    manager: UnixDatagram,
    /// Whoever reads no page would stop the display, too.
    _pages: ChildStdout,
}

impl Watched {
    fn start(dir: &Path) -> Self {
        let socket = dir.join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        let mut command = remote(&["--headless"], &dir.join("data"));
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let pages = child.stdout.take().unwrap();
        Self { child, manager, _pages: pages }
    }

    /// What is told next, if anything is within this time.
    fn told(&self, within: Duration) -> Option<String> {
        self.manager.set_read_timeout(Some(within)).unwrap();
        let mut buffer = [0; 512];
        let len = self.manager.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
    }

    fn is_fed(&self, within: Duration) -> bool {
        self.told(within).is_some_and(|told| told.contains("WATCHDOG=1"))
    }

    /// The threads with this name; the one that draws has the program's.
    fn threads(&self, name: &str) -> Vec<Pid> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let tasks = tasks.map(|task| task.unwrap().path());
        let named = tasks.filter(|task| fs::read_to_string(task.join("comm")).unwrap().trim() == name);
        named.map(|task| Pid::from_raw(task.file_name().unwrap().to_str().unwrap().parse().unwrap())).collect()
    }

    /// Stops these threads alone; whether the watchdog was fed by the rest meanwhile, and whether it is once they go on.
    fn fed_without(&self, threads: &[Pid]) -> (bool, bool) {
        assert!(!threads.is_empty());
        for &thread in threads {
            ptrace::seize(thread, ptrace::Options::empty()).unwrap();
            ptrace::interrupt(thread).unwrap();
            wait::waitpid(thread, Some(wait::WaitPidFlag::__WALL)).unwrap();
        }
        // What was on its way.
        sleep(WATCHDOG);
        while self.told(Duration::from_millis(1)).is_some() {}
        let fed = self.is_fed(WATCHDOG * 5);
        for &thread in threads {
            ptrace::detach(thread, None).unwrap();
        }
        (fed, self.is_fed(SOON))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended by itself; the test has its verdict already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_manager_hears_ready_then_rounds_and_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut remote = Watched::start(dir.path());
    let first = remote.told(SOON).expect("something is told");
    assert!(first.starts_with("READY=1\nSTATUS=the pages stand"), "{first}");
    for _ in 0..5 {
        // proves R-DEV-06
        assert!(remote.is_fed(SOON));
    }
    drop(remote.child.stdin.take());
    let until = Instant::now() + SOON;
    while Instant::now() < until {
        if remote.told(SOON).is_some_and(|told| told.contains("STOPPING=1")) {
            assert!(remote.child.wait().unwrap().success());
            return;
        }
    }
    panic!("the end was not told");
}

#[test]
fn a_display_that_is_stopped_is_not_fed_though_the_rest_runs() {
    let dir = tempfile::tempdir().unwrap();
    let remote = Watched::start(dir.path());
    assert!(remote.told(SOON).is_some_and(|told| told.contains("READY=1")));
    assert!(remote.is_fed(SOON));
    let display = remote.threads("pump-remote");
    assert_eq!(display.len(), 1, "one thread shows the pages");
    // proves R-DEV-06
    assert_eq!(remote.fed_without(&display), (false, true));
}

#[test]
fn a_loop_that_is_stopped_is_not_fed_though_the_display_runs() {
    let dir = tempfile::tempdir().unwrap();
    let remote = Watched::start(dir.path());
    assert!(remote.told(SOON).is_some_and(|told| told.contains("READY=1")));
    assert!(remote.is_fed(SOON));
    let workers = remote.threads("tokio-rt-worker");
    // proves R-DEV-06
    assert_eq!(remote.fed_without(&workers), (false, true));
}
