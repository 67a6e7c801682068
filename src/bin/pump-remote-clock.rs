//! Sets the system's clock and the one with the battery to what the remote has asked for, and does nothing else: the one program that
//! may. A path unit starts it, `systemd/pump-remote-clock.service` is its sandbox.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use pump_remote::{
    adapters::{
        clock::Clock,
        rtc,
        set_clock::{Clocks, obey},
    },
    shell::log,
};
use rustix::time::{ClockId, Timespec, clock_settime};

/// Of util-linux. The chip holds UTC, and no file but the chip is written.
const HWCLOCK: [&str; 4] = ["hwclock", "--systohc", "--utc", "--noadjfile"];

/// The clocks of the machine.
struct Machine;

impl Clocks for Machine {
    fn set(&mut self, unix_ms: i64) -> io::Result<()> {
        let (tv_sec, tv_nsec) = (unix_ms.div_euclid(1000), unix_ms.rem_euclid(1000) * 1_000_000);
        Ok(clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec })?)
    }

    fn keep(&mut self) -> io::Result<bool> {
        if rtc::present(Path::new(rtc::CLASS)).is_none() {
            return Ok(false);
        }
        let status = Command::new(HWCLOCK[0]).args(&HWCLOCK[1..]).status()?;
        if status.success() { Ok(true) } else { Err(io::Error::other(format!("hwclock: {status}"))) }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(dir), None) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        eprintln!("pump-remote-clock DIRECTORY: sets the clock as the remote asks for in that directory");
        return ExitCode::FAILURE;
    };
    log::to_stderr();
    match obey(&dir, Clock::real().now().uptime, &mut Machine) {
        Ok(outcome) => println!("pump-remote-clock: {}", outcome.word()),
        // No failure of this program: it has done what there was to do.
        Err(refused) => eprintln!("pump-remote-clock: {refused}"),
    }
    ExitCode::SUCCESS
}
