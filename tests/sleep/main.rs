//! A machine that sleeps in the middle of a wait: suspended to memory, and woken by the alarm of its clock chip.
//!
//! The first process of an emulated machine in which the remote and a pump live. A dose is given; then the machine sleeps for a part of the
//! lockout. Of that the boot-time clock knows, and the steady one knows nothing.
//!
//! Ends with `1 passed, 0 failed` or `0 passed, 1 failed` on the console, and switches the machine off.
#![forbid(unsafe_code)]

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use rustix::{
    mount::{MountFlags, mount},
    system::{RebootCommand, reboot},
    time::{ClockId, clock_gettime},
};

/// From the start of one dose to the earliest start of the next, in minutes; a dose lasts one.
const LOCKOUT_MIN: u64 = 5;
/// How long it sleeps, in seconds: so much later READY would come on a clock that stood still meanwhile.
const ASLEEP_S: u64 = 60;
/// Anything that is done within the machine, by its steady clock.
const SOON: Duration = Duration::from_mins(1);
/// How soon after waking, and after the lockout, READY stands: a report is asked for in between.
const READY_WITHIN: Duration = Duration::from_secs(20);

fn main() -> anyhow::Result<()> {
    match sleep_through_a_wait() {
        Ok(told) => println!("{told}\n1 passed, 0 failed"),
        Err(error) => println!("FAIL  {error:#}\n0 passed, 1 failed"),
    }
    Ok(reboot(RebootCommand::PowerOff)?)
}

fn sleep_through_a_wait() -> anyhow::Result<String> {
    for (kind, place) in
        [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run"), ("tmpfs", "/tmp")]
    {
        fs::create_dir_all(place)?;
        mount("none", place, kind, MountFlags::empty(), None).with_context(|| format!("no {place}"))?;
    }
    let mut pump = Program::start("pump-simulator", &["--socket", "/run/pump.sock"])?;
    let secret = pump.says("card secret: ", SOON)?;
    let (_, secret) = secret.split_once("card secret: ").context("no secret")?;
    pump.type_in(&format!("program duration=1 lockout={LOCKOUT_MIN} allotment=48 limit=4000"))?;
    pump.says("in force", SOON)?;
    pump.type_in("magnet")?;
    pump.says("pairing window is open", SOON)?;
    let remote = ["--headless", "--socket", "/run/pump.sock", "--pair", secret.trim(), "--data-dir", "/run/remote"];
    let mut remote = Program::start("pump-remote", &remote)?;
    remote.says("page READY", SOON)?;
    remote.type_in("hold")?;
    remote.says("page DELIVERING", SOON)?;
    let given = clocks();
    remote.says("page WAIT", 3 * SOON)?;

    let before = clocks();
    fs::write("/sys/class/rtc/rtc0/wakealarm", format!("+{ASLEEP_S}")).context("the clock chip has no alarm")?;
    fs::write("/sys/power/state", "mem").context("the machine does not sleep")?;
    let passed = clocks().since(before);
    let asleep = passed.boot.saturating_sub(passed.steady);
    ensure!(asleep.as_secs() + 5 > ASLEEP_S, "it slept for {asleep:?}: this proves nothing");

    remote.says("page READY", Duration::from_mins(LOCKOUT_MIN))?;
    let lockout = Duration::from_mins(LOCKOUT_MIN);
    let Clocks { boot: by_boot, steady: by_steady } = clocks().since(given);
    // What is seen of the dose is seen a little after it began.
    // proves R-CLK-03
    ensure!(by_boot < lockout + READY_WITHIN, "READY came {by_boot:?} after the dose, {asleep:?} of it asleep");
    // proves R-CLK-03
    ensure!(by_boot + READY_WITHIN > lockout, "READY came {by_boot:?} after the dose, in the lockout");
    Ok(format!(
        "      READY came {:.0} s after the dose, {:.0} s of the steady clock and {:.0} s asleep",
        by_boot.as_secs_f32(),
        by_steady.as_secs_f32(),
        asleep.as_secs_f32()
    ))
}

/// Both clocks since the start of the machine.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    boot: Duration,
    steady: Duration,
}

impl Clocks {
    fn since(self, earlier: Self) -> Self {
        Self { boot: self.boot.saturating_sub(earlier.boot), steady: self.steady.saturating_sub(earlier.steady) }
    }
}

fn clocks() -> Clocks {
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    Clocks { boot: read(ClockId::Boottime), steady: read(ClockId::Monotonic) }
}

/// A program in the machine, and what it says.
struct Program {
    name: &'static str,
    _child: Child,
    words: ChildStdin,
    lines: Receiver<String>,
}

impl Program {
    fn start(name: &'static str, arguments: &[&str]) -> anyhow::Result<Self> {
        let log = File::create(format!("/run/{name}.log"))?;
        let mut command = Command::new(format!("/bench/{name}"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("no {name}"))?;
        let words = child.stdin.take().context("no way in")?;
        let said = BufReader::new(child.stdout.take().context("no way out")?);
        let (telling, lines) = mpsc::channel();
        // Ends with the program's output, or with whoever listens.
        thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| telling.send(line)));
        Ok(Self { name, _child: child, words, lines })
    }

    fn type_in(&mut self, words: &str) -> anyhow::Result<()> {
        writeln!(self.words, "{words}").with_context(|| format!("{} hears nothing", self.name))
    }

    /// Its next line with these words.
    fn says(&mut self, words: &str, within: Duration) -> anyhow::Result<String> {
        let begun = clocks();
        let mut others = Vec::new();
        loop {
            let left = within.saturating_sub(clocks().since(begun).steady);
            let Ok(line) = self.lines.recv_timeout(left) else {
                let log = fs::read_to_string(format!("/run/{}.log", self.name)).unwrap_or_default();
                anyhow::bail!("{} did not say {words:?} within {within:?}, but {others:#?}\n{log}", self.name)
            };
            if line.contains(words) {
                return Ok(line);
            }
            others.push(line);
        }
    }
}
