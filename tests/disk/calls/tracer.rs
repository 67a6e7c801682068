//! Stops a process at each of its system calls that touches a directory, whichever thread makes it.

use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    libc::{self, c_long, user_regs_struct},
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// A call that is about to be made, or has been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// What of the directory it touches: a file's name, or nothing for the directory itself.
    pub(crate) file: String,
    /// Whether it can change what is on the disk, or says that it is there.
    pub(crate) changes: bool,
}

/// What is to become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Go,
    /// The process is killed, and the call is not made.
    KillBefore,
    /// The call is made, and the process is killed before it hears of it.
    KillAfter,
    /// The call is not made, and the process hears this.
    Fail(Errno),
}

/// Where a call's file is named.
#[derive(Clone, Copy)]
enum Named {
    Descriptor(usize),
    Path(usize),
}
use Named::{Descriptor, Path as InPath};

/// The calls that can touch a file: what names it, and whether they change anything.
const CALLS: &[(c_long, &str, Named, bool)] = &[
    (libc::SYS_read, "read", Descriptor(0), false),
    (libc::SYS_pread64, "pread64", Descriptor(0), false),
    (libc::SYS_readv, "readv", Descriptor(0), false),
    (libc::SYS_preadv, "preadv", Descriptor(0), false),
    (libc::SYS_preadv2, "preadv2", Descriptor(0), false),
    (libc::SYS_write, "write", Descriptor(0), true),
    (libc::SYS_pwrite64, "pwrite64", Descriptor(0), true),
    (libc::SYS_writev, "writev", Descriptor(0), true),
    (libc::SYS_pwritev, "pwritev", Descriptor(0), true),
    (libc::SYS_pwritev2, "pwritev2", Descriptor(0), true),
    (libc::SYS_copy_file_range, "copy_file_range", Descriptor(2), true),
    (libc::SYS_sendfile, "sendfile", Descriptor(0), true),
    (libc::SYS_fsync, "fsync", Descriptor(0), true),
    (libc::SYS_fdatasync, "fdatasync", Descriptor(0), true),
    (libc::SYS_sync_file_range, "sync_file_range", Descriptor(0), true),
    (libc::SYS_syncfs, "syncfs", Descriptor(0), true),
    (libc::SYS_fadvise64, "fadvise64", Descriptor(0), false),
    (libc::SYS_ftruncate, "ftruncate", Descriptor(0), true),
    (libc::SYS_fallocate, "fallocate", Descriptor(0), true),
    (libc::SYS_fchmod, "fchmod", Descriptor(0), true),
    (libc::SYS_fchown, "fchown", Descriptor(0), true),
    (libc::SYS_fstat, "fstat", Descriptor(0), false),
    (libc::SYS_lseek, "lseek", Descriptor(0), false),
    (libc::SYS_fcntl, "fcntl", Descriptor(0), false),
    (libc::SYS_flock, "flock", Descriptor(0), false),
    (libc::SYS_getdents64, "getdents64", Descriptor(0), false),
    (libc::SYS_mmap, "mmap", Descriptor(4), false),
    (libc::SYS_close, "close", Descriptor(0), false),
    (libc::SYS_open, "open", InPath(0), true),
    (libc::SYS_creat, "creat", InPath(0), true),
    (libc::SYS_openat, "openat", InPath(1), true),
    (libc::SYS_truncate, "truncate", InPath(0), true),
    (libc::SYS_unlink, "unlink", InPath(0), true),
    (libc::SYS_unlinkat, "unlinkat", InPath(1), true),
    (libc::SYS_rename, "rename", InPath(0), true),
    (libc::SYS_renameat, "renameat", InPath(1), true),
    (libc::SYS_renameat2, "renameat2", InPath(1), true),
    (libc::SYS_link, "link", InPath(0), true),
    (libc::SYS_linkat, "linkat", InPath(1), true),
    (libc::SYS_mkdir, "mkdir", InPath(0), true),
    (libc::SYS_mkdirat, "mkdirat", InPath(1), true),
    (libc::SYS_rmdir, "rmdir", InPath(0), true),
    (libc::SYS_chmod, "chmod", InPath(0), true),
    (libc::SYS_fchmodat, "fchmodat", InPath(1), true),
    (libc::SYS_stat, "stat", InPath(0), false),
    (libc::SYS_lstat, "lstat", InPath(0), false),
    (libc::SYS_newfstatat, "newfstatat", InPath(1), false),
    (libc::SYS_statx, "statx", InPath(1), false),
    (libc::SYS_access, "access", InPath(0), false),
    (libc::SYS_faccessat, "faccessat", InPath(1), false),
    (libc::SYS_faccessat2, "faccessat2", InPath(1), false),
    (libc::SYS_readlink, "readlink", InPath(0), false),
    (libc::SYS_readlinkat, "readlinkat", InPath(1), false),
    (libc::SYS_statfs, "statfs", InPath(0), false),
];

/// What a thread does between entering a call and leaving it.
#[derive(Clone, Copy)]
enum Inside {
    Passing,
    FailsWith(Errno),
    KilledAfter,
}

/// Follows a child of this very thread to its end, and has each call judged that touches `dir`.
///
/// The child must have one thread as yet.
pub(crate) fn follow(child: Pid, dir: &Path, mut decide: impl FnMut(&Call) -> Act, begin: impl FnOnce()) -> WaitStatus {
    let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    ptrace::seize(child, options).expect("a child may be traced");
    ptrace::interrupt(child).expect("traced");
    let mut inside: HashMap<Pid, Inside> = HashMap::new();
    let mut begin = Some(begin);
    loop {
        // Only this thread's children: other tests have theirs.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::from_bits_retain(libc::__WNOTHREAD);
        let status = waitpid(None, Some(flags)).expect("there is a child");
        let signal = match status {
            WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _) if pid == child => return status,
            WaitStatus::PtraceSyscall(pid) => {
                match inside.remove(&pid) {
                    None => {
                        inside.insert(pid, enter(pid, child, dir, &mut decide));
                    }
                    Some(Inside::Passing) => {}
                    Some(Inside::FailsWith(errno)) => answer(pid, errno),
                    Some(Inside::KilledAfter) => end(child),
                }
                None
            }
            WaitStatus::Stopped(_, signal) => Some(signal),
            WaitStatus::PtraceEvent(..) => {
                if let Some(begin) = begin.take() {
                    begin();
                }
                None
            }
            _ => continue,
        };
        // It may have been killed meanwhile.
        let _ = status.pid().map(|pid| ptrace::syscall(pid, signal));
    }
}

fn enter(pid: Pid, child: Pid, dir: &Path, decide: &mut impl FnMut(&Call) -> Act) -> Inside {
    let Ok(registers) = ptrace::getregs(pid) else { return Inside::Passing };
    let Some(call) = touching(pid, &registers, dir) else { return Inside::Passing };
    match decide(&call) {
        Act::Go => Inside::Passing,
        Act::KillBefore => {
            end(child);
            Inside::Passing
        }
        Act::KillAfter => Inside::KilledAfter,
        Act::Fail(errno) => {
            // A call that doesn't exist is not made.
            let nothing = user_regs_struct { orig_rax: u64::MAX, ..registers };
            ptrace::setregs(pid, nothing).expect("stopped");
            Inside::FailsWith(errno)
        }
    }
}

fn answer(pid: Pid, errno: Errno) {
    let registers = ptrace::getregs(pid).expect("stopped");
    let rax = i64::from(errno as i32).wrapping_neg().cast_unsigned();
    ptrace::setregs(pid, user_regs_struct { rax, ..registers }).expect("stopped");
}

fn end(child: Pid) {
    kill(child, Signal::SIGKILL).expect("a child that is there");
}

fn touching(pid: Pid, registers: &user_regs_struct, dir: &Path) -> Option<Call> {
    let number = c_long::try_from(registers.orig_rax).ok()?;
    let (_, name, named, changes) = CALLS.iter().find(|(known, ..)| *known == number)?;
    let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9];
    let path = match *named {
        Descriptor(index) => {
            let descriptor = u32::try_from(arguments[index] & 0xFFFF_FFFF).ok()?;
            fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()?
        }
        InPath(index) => read_path(pid, arguments[index])?,
    };
    let file = path.strip_prefix(dir).ok()?.to_string_lossy().into_owned();
    Some(Call { name, file, changes: *changes })
}

fn read_path(pid: Pid, address: u64) -> Option<PathBuf> {
    let mut bytes = [0; 512];
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let len = memory.read_at(&mut bytes, address).ok()?;
    let text = bytes[..len].split(|byte| *byte == 0).next()?;
    Some(PathBuf::from(std::str::from_utf8(text).ok()?))
}
