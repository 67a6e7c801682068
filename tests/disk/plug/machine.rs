//! An emulated machine: booted once up to where nothing has touched its disk, and begun again from there for every cut.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// The longest boot up to the serial line, on a busy machine without KVM.
const BOOT_MAX: Duration = Duration::from_mins(2);
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// What machines are made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) kernel: PathBuf,
    pub(crate) initramfs: PathBuf,
    /// Where a booted machine is kept.
    pub(crate) kept: PathBuf,
}

/// A machine that runs.
pub(crate) struct Machine {
    qemu: Child,
    to: UnixStream,
    lines: mpsc::Receiver<String>,
    dir: PathBuf,
}

impl Machine {
    /// Boots up to the serial line, and keeps the machine as it is then.
    pub(crate) fn boot_and_keep(parts: &Parts, dir: &Path, disk: &Path) -> anyhow::Result<()> {
        let mut machine = Self::start(parts, dir, disk, None)?;
        let begun = Instant::now();
        while !machine.line_within(BOOT_MAX)?.context("the machine did not boot")?.contains("the machine is ready") {
            anyhow::ensure!(begun.elapsed() < BOOT_MAX, "the machine did not boot");
        }
        // The writer waits for its first line.
        std::thread::sleep(Duration::from_millis(300));
        let mut monitor = machine.monitor()?;
        let new = parts.kept.with_extension("new");
        let uri = format!("exec:cat > '{}'", new.display());
        monitor.ask(&format!(r#"{{"execute":"migrate","arguments":{{"uri":"{uri}"}}}}"#))?;
        let begun = Instant::now();
        while !monitor.ask(r#"{"execute":"query-migrate"}"#)?.contains(r#""status": "completed""#) {
            anyhow::ensure!(begun.elapsed() < ANSWER_MAX, "the booted machine could not be kept");
            std::thread::sleep(Duration::from_millis(50));
        }
        machine.end();
        fs::rename(new, &parts.kept)?;
        Ok(())
    }

    /// Goes on from where the booted machine was kept.
    pub(crate) fn begin(parts: &Parts, dir: &Path, disk: &Path) -> anyhow::Result<Self> {
        let mut machine = Self::start(parts, dir, disk, Some(&parts.kept))?;
        let begun = Instant::now();
        loop {
            machine.type_line("")?;
            match machine.line_within(Duration::from_millis(100))? {
                Some(line) if line.ends_with("listening") => return Ok(machine),
                _ => anyhow::ensure!(begun.elapsed() < ANSWER_MAX, "the machine doesn't wake"),
            }
        }
    }

    fn start(parts: &Parts, dir: &Path, disk: &Path, kept: Option<&Path>) -> anyhow::Result<Self> {
        let (line, monitor) = (dir.join("line"), dir.join("monitor"));
        for old in [&line, &monitor] {
            match fs::remove_file(old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-machine", "pc", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "192"])
            .arg("-kernel")
            .arg(&parts.kernel)
            .arg("-initrd")
            .arg(&parts.initramfs)
            .args(["-append", "console=ttyS0 quiet panic=-1 tsc=unstable random.trust_cpu=on"])
            .arg("-serial")
            .arg(format!("file:{}", dir.join("console").display()))
            .arg("-serial")
            .arg(format!("unix:{},server=on,wait=off", line.display()))
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()))
            .arg("-drive")
            .arg(format!("if=none,id=card,format=raw,cache=writeback,file=nbd+unix:///?socket={}", disk.display()))
            .args(["-device", "virtio-blk-pci,drive=card"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("qemu.log"))?);
        if let Some(kept) = kept {
            command.arg("-incoming").arg(format!("exec:cat '{}'", kept.display()));
        }
        let qemu = command.spawn().context("qemu-system-x86_64 can't be started")?;
        let to = match connect(&line) {
            Ok(to) => to,
            Err(error) => {
                let said = fs::read_to_string(dir.join("qemu.log")).unwrap_or_default();
                return Err(error.context(said));
            }
        };
        let from = to.try_clone()?;
        let (heard, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            // A line that was cut in two was not said.
            while from.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) && line.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if heard.send(text).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(Self { qemu, to, lines, dir: dir.to_owned() })
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) -> anyhow::Result<()> {
        self.to.write_all(format!("{line}\n").as_bytes()).context("the machine's line is closed")
    }

    /// The next line, if one comes within this time; an error once the machine has ended.
    pub(crate) fn line_within(&mut self, span: Duration) -> anyhow::Result<Option<String>> {
        match self.lines.recv_timeout(span) {
            Ok(line) => Ok(Some(line)),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let console = fs::read_to_string(self.dir.join("console")).unwrap_or_default();
                let tail: Vec<_> = console.lines().rev().take(8).collect();
                anyhow::bail!("the machine has ended: {tail:?}")
            }
        }
    }

    /// Ends it at once, and hands out what it had said.
    pub(crate) fn end(mut self) -> Vec<String> {
        // It may have ended by itself.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        self.lines.iter().collect()
    }

    fn monitor(&self) -> anyhow::Result<Monitor> {
        let stream = connect(&self.dir.join("monitor"))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let mut monitor = Monitor { to: stream.try_clone()?, from: BufReader::new(stream) };
        monitor.ask(r#"{"execute":"qmp_capabilities"}"#)?;
        Ok(monitor)
    }
}

/// QEMU's own line.
struct Monitor {
    to: UnixStream,
    from: BufReader<UnixStream>,
}

impl Monitor {
    fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        writeln!(self.to, "{question}")?;
        loop {
            let mut line = String::new();
            let len = self.from.by_ref().read_line(&mut line)?;
            anyhow::ensure!(len > 0 && !line.contains(r#""error""#), "QEMU says {line:?}");
            if line.contains(r#""return""#) {
                return Ok(line);
            }
        }
    }
}

fn connect(path: &Path) -> anyhow::Result<UnixStream> {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(_) if begun.elapsed() < ANSWER_MAX => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(error).context("QEMU opens no line"),
        }
    }
}
