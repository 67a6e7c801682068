//! The writer as the first process of an emulated machine: modules, the serial line, the disk.
//!
//! Its modules lie in `/modules`, named so that their order is theirs; those of the disk in `/modules/disk`. Before the first line is
//! read nothing has touched the disk, so that a machine kept at this point can be begun again with any disk.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use disk_tests::told::Told;
use rustix::{
    mount::{MountFlags, mount},
    stdio::{dup2_stdin, dup2_stdout},
    system::finit_module,
    termios::{OptionalActions, tcgetattr, tcsetattr},
};

use crate::say;

const MODULES: &str = "/modules";
const DISK_MODULES: &str = "/modules/disk";
/// The first serial line is the kernel's.
const LINE: &str = "/dev/ttyS1";
const DISK: &str = "/dev/vda";
/// Where the disk is mounted.
pub(crate) const DATA: &str = "/data";
/// Takes all the room there is, when told to.
const BALLAST: &str = "/data/ballast";
const DISK_COMES_WITHIN: Duration = Duration::from_secs(10);

/// Makes the machine usable up to the serial line.
pub(crate) fn prepare() -> anyhow::Result<()> {
    for (dir, kind) in [("/dev", "devtmpfs"), ("/proc", "proc"), ("/sys", "sysfs")] {
        fs::create_dir_all(dir)?;
        mount(kind, dir, kind, MountFlags::empty(), None).with_context(|| format!("{dir} can't be mounted"))?;
    }
    load_modules(MODULES)?;
    let line = OpenOptions::new().read(true).write(true).open(LINE).context("no serial line")?;
    let mut attributes = tcgetattr(&line)?;
    attributes.make_raw();
    tcsetattr(&line, OptionalActions::Now, &attributes)?;
    dup2_stdin(&line)?;
    dup2_stdout(&line)?;
    say(&Told::Log("the machine is ready".into()));
    Ok(())
}

/// Mounts the disk, if the record is to lie on it.
pub(crate) fn mount_disk(dir: &Path, read_only: bool) -> anyhow::Result<()> {
    if std::process::id() != 1 || !dir.starts_with(DATA) {
        return Ok(());
    }
    load_modules(DISK_MODULES)?;
    let begun = Instant::now();
    while !Path::new(DISK).exists() {
        anyhow::ensure!(begun.elapsed() < DISK_COMES_WITHIN, "there is no disk");
        std::thread::sleep(Duration::from_millis(10));
    }
    fs::create_dir_all(DATA)?;
    let flags = if read_only { MountFlags::RDONLY } else { MountFlags::NOATIME };
    mount(DISK, DATA, "ext4", flags, None).context("the disk can't be mounted")?;
    Ok(())
}

/// Does what the bedside wants done to the disk while the writer lives.
pub(crate) fn obey(line: &str) {
    let done = match line {
        "fill" => fill().context("fill"),
        "empty" => fs::remove_file(BALLAST).context("empty"),
        other => Err(anyhow::anyhow!("the writer was told {other:?}")),
    };
    let told = match done {
        Ok(()) => format!("obeyed {line}"),
        Err(error) => format!("not obeyed: {error:#}"),
    };
    say(&Told::Log(told));
}

/// Until not one byte more goes in.
fn fill() -> std::io::Result<()> {
    let mut ballast = File::create(BALLAST)?;
    for size in [1 << 20, 1 << 12, 1] {
        let piece = vec![7; size];
        loop {
            match ballast.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
    }
    ballast.sync_all()
}

fn load_modules(dir: &str) -> anyhow::Result<()> {
    let mut modules: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    modules.sort();
    for path in modules.iter().filter(|path| path.extension().is_some_and(|extension| extension == "ko")) {
        let file = File::open(path)?;
        finit_module(&file, c"", 0).with_context(|| format!("{} can't be loaded", path.display()))?;
    }
    Ok(())
}
