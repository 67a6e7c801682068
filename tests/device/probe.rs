//! Stands in the remote's place in its sandbox, and tries what the remote must not be able to do. One line a try: `could` or `refused`,
//! and what. Outside of the sandbox, as root, nearly all of it can be done: that is the control.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    net::{TcpListener, UdpSocket},
    process::Command,
};

use rustix::{
    fs::Mode,
    mm::{MapFlags, ProtFlags, mmap_anonymous},
    mount::{MountFlags, mount},
    time::{ClockId, clock_gettime, clock_settime},
};

fn main() {
    let tries: [(&str, bool); 21] = [
        ("read the users' passwords", File::open("/etc/shadow").is_ok()),
        ("look into the data partition", fs::read_dir("/data").is_ok_and(|mut all| all.next().is_some())),
        ("read the bond", fs::read_dir("/var/lib/bluetooth").is_ok()),
        ("read the journal", fs::read_dir("/var/log/journal").is_ok_and(|mut all| all.next().is_some())),
        ("read root's files", fs::read_dir("/root").is_ok()),
        ("see another's process", fs::read("/proc/1/cmdline").is_ok()),
        ("write to the system", File::create("/usr/written").is_ok()),
        (
            "write to its configuration",
            OpenOptions::new().append(true).open("/etc/pump-remote/pump-remote.toml").is_ok(),
        ),
        ("write to the kernel's settings", OpenOptions::new().write(true).open("/proc/sys/kernel/panic").is_ok()),
        ("listen on the network", TcpListener::bind("127.0.0.1:0").is_ok()),
        (
            "send to the network",
            UdpSocket::bind("127.0.0.1:0").is_ok_and(|socket| socket.send_to(b"x", "127.0.0.1:9").is_ok()),
        ),
        ("start a shell", Command::new("/bin/sh").args(["-c", "true"]).status().is_ok_and(|status| status.success())),
        ("start a program of its own", own_program()),
        ("read the disk", File::open("/dev/vda").is_ok()),
        ("read the keyboard", keyboard().is_some_and(|device| File::open(device).is_ok())),
        ("read the memory", File::open("/dev/mem").is_ok()),
        // To what it shows.
        ("set the clock", clock_settime(ClockId::Realtime, clock_gettime(ClockId::Realtime)).is_ok()),
        ("open the clock chip", File::open("/dev/rtc0").is_ok()),
        ("mount", mount("none", "/tmp", "tmpfs", MountFlags::empty(), None).is_ok()),
        ("write code", writes_code()),
        (
            "make a device",
            rustix::fs::mknodat(
                rustix::fs::CWD,
                "/tmp/device",
                rustix::fs::FileType::CharacterDevice,
                Mode::RUSR,
                rustix::fs::makedev(1, 3),
            )
            .is_ok(),
        ),
    ];
    // Writing to a string doesn't fail.
    let mut said = String::new();
    for (what, could) in tries {
        let _ = writeln!(said, "{} {what}", if could { "could" } else { "refused" });
    }
    // What it may do, so that a sandbox in which nothing works at all isn't praised.
    let own = std::env::var("STATE_DIRECTORY").unwrap_or_else(|_| "/run".to_owned());
    let display = fs::read_dir("/dev/dri").into_iter().flatten().flatten().any(|card| {
        card.file_name().to_string_lossy().starts_with("card")
            && OpenOptions::new().read(true).write(true).open(card.path()).is_ok()
    });
    let _ = writeln!(said, "{} its own display", if display { "may" } else { "may not" });
    let light = fs::read_dir("/sys/class/backlight").into_iter().flatten().flatten();
    let light =
        light.map(|light| light.path().join("brightness")).any(|light| File::options().write(true).open(light).is_ok());
    let _ = writeln!(said, "{} its own light", if light { "may" } else { "may not" });
    for place in writable_settings() {
        let _ = writeln!(said, "writable {place}");
    }
    if fs::write(format!("{own}/probe"), &said).is_err() {
        eprint!("{said}");
    }
}

fn own_program() -> bool {
    let place = std::env::var("STATE_DIRECTORY").unwrap_or_else(|_| "/run".to_owned()) + "/program";
    let made = fs::copy("/proc/self/exe", &place).is_ok() || fs::copy("/usr/bin/pump-remote", &place).is_ok();
    let ran = made && Command::new(&place).arg("--version").env("STATE_DIRECTORY", "/nowhere").status().is_ok();
    let _ = fs::remove_file(&place);
    ran
}

/// Where the kernel's devices are mounted so that their settings could be written.
fn writable_settings() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let place = |line: &str| {
        let (mount, what) = line.split_once(" - ")?;
        let [place, options] = [4, 5].map(|nth| mount.split(' ').nth(nth).unwrap_or_default());
        (what.starts_with("sysfs ") && options.split(',').any(|option| option == "rw")).then(|| place.to_owned())
    };
    mounts.lines().filter_map(place).collect()
}

/// The keyboard's device, by what the kernel says of it to everybody.
fn keyboard() -> Option<String> {
    let all = fs::read_dir("/sys/class/input").ok()?.flatten();
    let is_it = |path: &std::path::Path| {
        fs::read_to_string(path.join("device/name")).is_ok_and(|name| name.contains("Keyboard"))
    };
    let found = all
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("event"))
        .find(|entry| is_it(&entry.path()))?;
    Some(format!("/dev/input/{}", found.file_name().to_string_lossy()))
}

/// Memory that can be written and run.
#[expect(unsafe_code, reason = "nothing is read or written there: it is asked whether it could be had")]
fn writes_code() -> bool {
    // SAFETY: a mapping of its own, at a place the kernel chooses, never touched.
    unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            4096,
            ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC,
            MapFlags::PRIVATE,
        )
        .is_ok()
    }
}
