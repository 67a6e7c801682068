//! An emulated handheld: QEMU, its monitor for fingers and pictures, and a line into it for whoever tests.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

/// The longest boot up to the line, on a busy machine without KVM.
const BOOT_MAX: Duration = Duration::from_mins(10);
/// Anything that is done within the machine itself.
const ANSWER_MAX: Duration = Duration::from_mins(6);
/// A value on an axis of QEMU's tablet, at its far end.
const AXIS_MAX: u32 = 32_767;
/// The display, in pixels.
pub(crate) const DISPLAY: (u32, u32) = (720, 1280);

/// What machines are made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) arch: String,
    pub(crate) kernel: PathBuf,
    pub(crate) initramfs: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) implant: PathBuf,
    /// Where sticks are, one a file system; each is in once it is put in.
    pub(crate) sticks: PathBuf,
    /// Tells of a light behind the display, where there is one.
    pub(crate) light: Option<PathBuf>,
    pub(crate) dir: PathBuf,
    /// Says what the kernel is told, where the root is a card with slots.
    pub(crate) choose: Option<PathBuf>,
}

impl Parts {
    /// What the boot script tells the kernel; nothing without slots.
    fn chosen(&self) -> anyhow::Result<String> {
        let Some(choose) = &self.choose else { return Ok(String::new()) };
        let said = Command::new(choose).arg(&self.root).output().context("the slot can't be chosen")?;
        ensure!(said.status.success(), "no slot is chosen: {}", String::from_utf8_lossy(&said.stderr));
        Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }
}

/// A machine that runs.
pub(crate) struct Machine {
    qemu: Child,
    line: BufReader<UnixStream>,
    monitor: BufReader<UnixStream>,
}

impl Machine {
    /// Switches it on, and waits until its line answers. `clock` is what its clock chip says, as QEMU wants it.
    pub(crate) fn boot(parts: &Parts, clock: &str) -> anyhow::Result<Self> {
        let (line, monitor) = (parts.dir.join("line"), parts.dir.join("monitor"));
        for old in [&line, &monitor] {
            if old.exists() {
                fs::remove_file(old)?;
            }
        }
        let (arm, chosen) = (parts.arch == "arm64", parts.chosen()?);
        let console = if arm { "ttyAMA0" } else { "ttyS0" };
        let mut command = Command::new(if arm { "qemu-system-aarch64" } else { "qemu-system-x86_64" });
        if arm {
            command.args(["-machine", "virt", "-cpu", "cortex-a72"]);
        } else {
            command.args(["-machine", "pc", "-cpu", "max", "-vga", "none"]);
        }
        let (width, height) = DISPLAY;
        command
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-smp", "1", "-m", "1024"])
            // The machine's time goes by its instructions, two nanoseconds each, and never ahead of ours: on a busy host everything
            // is slower alike, and no timeout in the machine strikes because others work here, too.
            .args(["-accel", "tcg,thread=single", "-icount", "shift=1,sleep=on"])
            // Whoever starts it anew is asked which slot.
            .arg("-no-reboot")
            .args(["-net", "none", "-rtc", &format!("{clock},clock=vm")])
            .arg("-kernel")
            .arg(&parts.kernel)
            .arg("-initrd")
            .arg(&parts.initramfs)
            // The kernel takes ACPI's word for the light, where there is any.
            .args(["-append", &format!("console={console} acpi_backlight=video quiet panic=-1 random.trust_cpu=on systemd.volatile=state systemd.getty_auto=no vt.global_cursor_default=0 {chosen}")])
            .args(["-device", &format!("virtio-gpu-pci,addr=0x2,xres={width},yres={height}")])
            .args(["-device", "virtio-tablet-pci", "-device", "virtio-keyboard-pci", "-device", "virtio-serial-pci"])
            .args(["-device", "qemu-xhci"])
            .arg("-serial")
            .arg(format!("file:{}", parts.dir.join("console").display()))
            .args(["-device", "virtserialport,chardev=line,name=line"])
            .arg("-chardev")
            .arg(format!("socket,id=line,path={},server=on,wait=off", line.display()))
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()));
        if let Some(light) = &parts.light {
            command.arg("-acpitable").arg(format!("file={}", light.display()));
        }
        for (name, file, more) in [
            ("root", &parts.root, if parts.choose.is_some() { "" } else { ",readonly=on" }),
            ("data", &parts.data, ""),
            ("implant", &parts.implant, ""),
        ] {
            command.arg("-drive");
            command.arg(format!("if=none,id={name},format=raw,cache=writeback{more},file={}", file.display()));
            command.args(["-device", &format!("virtio-blk-pci,drive={name},serial={name}")]);
        }
        let log = fs::File::create(parts.dir.join("qemu.log"))?;
        let qemu = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let mut qemu = qemu.context("QEMU can't be started")?;
        let connected = connect(&line).and_then(|line| Ok((line, connect(&monitor)?)));
        let (line, monitor) = match connected {
            Ok(both) => both,
            Err(error) => {
                let _ = qemu.kill();
                let _ = qemu.wait();
                return Err(error.context(fs::read_to_string(parts.dir.join("qemu.log")).unwrap_or_default()));
            }
        };
        let mut machine = Self { qemu, line: BufReader::new(line), monitor: BufReader::new(monitor) };
        machine.ask(r#"{"execute":"qmp_capabilities"}"#)?;
        machine.line.get_ref().set_read_timeout(Some(BOOT_MAX))?;
        let answered = machine.answer().context("the machine did not boot");
        if let Err(error) = answered {
            let console = fs::read_to_string(parts.dir.join("console")).unwrap_or_default();
            let tail: Vec<_> = console.lines().rev().take(12).collect();
            return Err(error.context(format!("{tail:#?}")));
        }
        machine.line.get_ref().set_read_timeout(Some(ANSWER_MAX))?;
        Ok(machine)
    }

    /// Runs a line of the shell as root in the machine; what it said, and whether it ended well.
    pub(crate) fn run(&mut self, line: &str) -> anyhow::Result<(String, bool)> {
        writeln!(self.line.get_mut(), "{}", line.replace('\n', " "))?;
        self.answer().with_context(|| format!("no answer to {line:?}"))
    }

    /// The same, where it must end well.
    pub(crate) fn says(&mut self, line: &str) -> anyhow::Result<String> {
        let (said, well) = self.run(line)?;
        ensure!(well, "{line:?} failed: {said}");
        Ok(said.trim().to_owned())
    }

    /// Waits until a line of the shell ends well.
    pub(crate) fn until(&mut self, line: &str, within: Duration) -> anyhow::Result<String> {
        let begun = Instant::now();
        loop {
            let (said, well) = self.run(line)?;
            if well {
                return Ok(said.trim().to_owned());
            }
            ensure!(begun.elapsed() < within, "{line:?} did not come true within {within:?}: {said}");
            sleep(Duration::from_millis(300));
        }
    }

    /// Lets so much of the machine's own time pass: on a busy host, and with another processor than ours, it passes slowly.
    pub(crate) fn pass(&mut self, time: Duration) -> anyhow::Result<()> {
        self.says(&format!("sleep {}", time.as_secs_f32())).map(drop)
    }

    fn answer(&mut self) -> anyhow::Result<(String, bool)> {
        let mut said = String::new();
        loop {
            let mut line = Vec::new();
            let len = self.line.by_ref().take(1 << 20).read_until(b'\n', &mut line)?;
            ensure!(len > 0, "the machine's line is closed");
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(code) = line.trim().strip_prefix("=end=") {
                return Ok((said, code == "0"));
            }
            said.push_str(&line);
        }
    }

    /// A finger comes down here, or moves to here while it is down.
    pub(crate) fn finger(&mut self, (x, y): (u32, u32), down: bool) -> anyhow::Result<()> {
        let place = |axis: &str, value: u32, of: u32| {
            let value = value * AXIS_MAX / of;
            format!(r#"{{"type":"abs","data":{{"axis":"{axis}","value":{value}}}}}"#)
        };
        let (x, y) = (place("x", x, DISPLAY.0), place("y", y, DISPLAY.1));
        self.ask(&format!(r#"{{"execute":"input-send-event","arguments":{{"events":[{x},{y}]}}}}"#))?;
        let button = format!(r#"{{"type":"btn","data":{{"button":"left","down":{down}}}}}"#);
        self.ask(&format!(r#"{{"execute":"input-send-event","arguments":{{"events":[{button}]}}}}"#)).map(drop)
    }

    /// Presses keys of the keyboard together, and lets them go.
    pub(crate) fn keys(&mut self, keys: &[&str]) -> anyhow::Result<()> {
        let event = |key: &&str, down: bool| {
            let key = format!(r#"{{"type":"qcode","data":"{key}"}}"#);
            format!(r#"{{"type":"key","data":{{"down":{down},"key":{key}}}}}"#)
        };
        let down = keys.iter().map(|key| event(key, true));
        let up = keys.iter().rev().map(|key| event(key, false));
        let events = down.chain(up).collect::<Vec<_>>().join(",");
        self.ask(&format!(r#"{{"execute":"input-send-event","arguments":{{"events":[{events}]}}}}"#)).map(drop)
    }

    /// Puts a stick with this file system in.
    pub(crate) fn put_in(&mut self, sticks: &Path, kind: &str) -> anyhow::Result<()> {
        let file = format!(r#"{{"driver":"file","filename":"{}"}}"#, sticks.join(kind).display());
        let drive = format!(r#"{{"node-name":"{kind}","driver":"raw","file":{file}}}"#);
        self.ask(&format!(r#"{{"execute":"blockdev-add","arguments":{drive}}}"#))?;
        let stick = format!(r#"{{"driver":"usb-storage","id":"stick-{kind}","drive":"{kind}","removable":true}}"#);
        self.ask(&format!(r#"{{"execute":"device_add","arguments":{stick}}}"#)).map(drop)
    }

    /// Takes it out.
    pub(crate) fn take_out(&mut self, kind: &str) -> anyhow::Result<()> {
        self.ask(&format!(r#"{{"execute":"device_del","arguments":{{"id":"stick-{kind}"}}}}"#)).map(drop)
    }

    /// What is on the display, in this file and kind of file.
    pub(crate) fn picture(&mut self, file: &Path, kind: &str) -> anyhow::Result<()> {
        let file = file.display();
        let arguments = format!(r#"{{"filename":"{file}","format":"{kind}"}}"#);
        self.ask(&format!(r#"{{"execute":"screendump","arguments":{arguments}}}"#)).map(drop)
    }

    /// Pulls the plug: what QEMU was not told to write is gone.
    pub(crate) fn pull_the_plug(mut self) -> anyhow::Result<()> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        Ok(())
    }

    /// Shuts down in good order.
    pub(crate) fn shut_down(mut self) -> anyhow::Result<()> {
        self.says("systemctl poweroff")?;
        self.ends(ANSWER_MAX)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ends(mut self, within: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.qemu.try_wait()?.is_none() {
            ensure!(begun.elapsed() < within, "the machine doesn't shut down");
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        writeln!(self.monitor.get_mut(), "{question}")?;
        loop {
            let mut line = String::new();
            let len = self.monitor.read_line(&mut line)?;
            if len == 0 || line.contains(r#""error""#) {
                bail!("QEMU says {line:?} to {question}");
            }
            if line.contains(r#""return""#) {
                return Ok(line);
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn connect(path: &Path) -> anyhow::Result<UnixStream> {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(_) if begun.elapsed() < Duration::from_secs(30) => sleep(Duration::from_millis(20)),
            Err(error) => return Err(error).context("QEMU opens no line"),
        }
    }
}
