//! Setting the system's clock, by two programs: one that a person touches, and one that may set a clock and can do nothing else.
//!
//! The remote has no capability. It leaves one small file in its runtime directory, a path unit of systemd starts the setter, and the
//! setter takes the file away, does what it says and leaves a word. What stands in the file is believed only as far as it can do no harm:
//! a time within the years that a clock can show, asked for by who owns the directory, in the last seconds.
//!
//! ```text
//! set-clock   pump-remote clock 1 <uptime in ms> <milliseconds since 1970 at that uptime>
//! clock-set   pump-remote clock 1 <the same uptime> set | set-until-off | refused
//! ```
//!
//! # Promises
//! - A file that is cut, old, a stranger's or not a file sets nothing; whatever lay there is gone, so that nothing is obeyed twice.
//! - The word is about this question: one that was left before is no answer.

use std::{
    fmt::Display,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use pump_core::set_time::{NEVER_SET_BEFORE_MS, SET_BEFORE_MS};
use pump_protocol::{clock::Uptime, quantity::Millis};
use rustix::fs::{Mode, OFlags};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::secret_file;

/// Names the directory in the environment of a service beside which there is a setter.
pub const NAMED_BY: &str = "PUMP_REMOTE_CLOCK";
const QUESTION: &str = "set-clock";
const ANSWER: &str = "clock-set";
/// What both files begin with: what they are, and the version.
const HEAD: [&str; 3] = ["pump-remote", "clock", "1"];
/// No file of either kind is longer.
const LEN_MAX: usize = 128;
/// How old a question may be. A setter that comes later would set what nobody waits for any more.
const OLD_MAX: Millis = Millis::from_secs(10);
/// How long an answer is waited for: a question that is too old gets none, and the setter has the time of a slow clock chip besides.
const WAITED_MAX: Duration = Duration::from_secs(13);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What became of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is set, and so is the one with the battery.
    Set,
    /// It is set, and no clock with a battery has taken it over: there is none, or it refused.
    SetUntilOff,
    /// It is as it was.
    Refused,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Set, Self::SetUntilOff, Self::Refused];

    /// As it is written, here and in the journal.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::SetUntilOff => "set-until-off",
            Self::Refused => "refused",
        }
    }
}

/// Why nothing was done.
#[derive(Debug, Error)]
pub enum Refused {
    /// There is nothing to be done.
    #[error("nobody asks")]
    NobodyAsks,
    /// It is not what the remote leaves.
    #[error("what lies there is not of the remote: {0}")]
    Foreign(&'static str),
    /// It can't be read, or not be taken away.
    #[error("what lies there can't be taken: {0}")]
    Io(#[from] io::Error),
    /// It is a question, and an old one, or for a time that no clock shows.
    #[error("{0}")]
    Unfit(&'static str),
    /// The system's clock can't be set.
    #[error("the clock can't be set: {0}")]
    Clock(io::Error),
}

/// The clocks of this machine, in the setter's hands.
pub trait Clocks {
    /// Sets the system's clock.
    fn set(&mut self, unix_ms: i64) -> io::Result<()>;
    /// Lets the one with the battery take it over; whether there is one.
    fn keep(&mut self) -> io::Result<bool>;
}

/// The setter's whole work: takes the question that lies in this directory away, obeys it if it can be obeyed, and leaves a word.
pub fn obey(dir: &Path, uptime: Uptime, clocks: &mut impl Clocks) -> Result<Outcome, Refused> {
    let (asked, unix_ms) = take(dir)?;
    let done = judge(asked, unix_ms, uptime).and_then(|unix_ms| {
        clocks.set(unix_ms).map_err(Refused::Clock)?;
        let kept = clocks.keep().unwrap_or_else(|error| {
            tracing::warn!(%error, "the clock with the battery can't be set");
            false
        });
        Ok(if kept { Outcome::Set } else { Outcome::SetUntilOff })
    });
    let word = done.as_ref().map_or(Outcome::Refused, |outcome| *outcome).word();
    leave(dir, ANSWER, asked, word)?;
    done
}

/// What the clock is to show now.
fn judge(asked: Uptime, unix_ms: i64, now: Uptime) -> Result<i64, Refused> {
    if asked > now || now.since(asked) > OLD_MAX {
        return Err(Refused::Unfit("the question is not of these seconds"));
    }
    let due = unix_ms.saturating_add_unsigned(now.since(asked).get());
    let fits = (NEVER_SET_BEFORE_MS..SET_BEFORE_MS).contains(&due);
    if fits { Ok(due) } else { Err(Refused::Unfit("no clock is set to that time")) }
}

/// Reads the question and takes it away, whatever it is.
fn take(dir: &Path) -> Result<(Uptime, i64), Refused> {
    let path = dir.join(QUESTION);
    let read = match read(dir, &path) {
        Err(Refused::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Err(Refused::NobodyAsks),
        read => read,
    };
    let is_dir = fs::symlink_metadata(&path)?.is_dir();
    if is_dir { fs::remove_dir(&path) } else { fs::remove_file(&path) }?;
    let text = read?;
    let (asked, value) = parse(&text).ok_or(Refused::Foreign("it is cut, or of another version"))?;
    let unix_ms = value.parse().map_err(|_| Refused::Foreign("it names no time"))?;
    Ok((asked, unix_ms))
}

fn read(dir: &Path, path: &Path) -> Result<String, Refused> {
    // Neither led elsewhere by a link nor held up by a pipe.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err(Refused::Foreign("it is a link")),
        Err(errno) => return Err(Refused::Io(errno.into())),
    };
    let (place, found) = (fs::metadata(dir)?, file.metadata()?);
    if !found.is_file() {
        return Err(Refused::Foreign("it is no file"));
    }
    if found.uid() != place.uid() || (found.mode() | place.mode()) & 0o022 != 0 {
        return Err(Refused::Foreign("others than the remote could have written it"));
    }
    let mut text = String::new();
    file.take(LEN_MAX as u64 + 1).read_to_string(&mut text).map_err(|_| Refused::Foreign("it is no text"))?;
    if text.len() > LEN_MAX { Err(Refused::Foreign("it is too long")) } else { Ok(text) }
}

/// The uptime of the question, and what is said of it; of a whole line alone.
fn parse(text: &str) -> Option<(Uptime, &str)> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    if HEAD.iter().any(|word| words.next() != Some(word)) {
        return None;
    }
    let (asked, value) = (words.next()?.parse().ok()?, words.next()?);
    words.next().is_none().then_some((Uptime::from_millis(asked), value))
}

/// Leaves a line about the question of this uptime.
fn leave(dir: &Path, name: &str, asked: Uptime, what: impl Display) -> io::Result<()> {
    let line = format!("{} {} {what}\n", HEAD.join(" "), asked.millis());
    secret_file::replace(&dir.join(name), &[line.as_bytes()])
}

/// The remote's end.
#[derive(Clone, Debug)]
pub struct Setter {
    dir: PathBuf,
}

impl Setter {
    /// The one beside this service, if there is one.
    pub fn beside_this_service() -> Option<Self> {
        std::env::var_os(NAMED_BY).filter(|dir| !dir.is_empty()).map(|dir| Self { dir: dir.into() })
    }

    /// Asks for a time that it is at this uptime; whether the clock was set. Returns within seconds, in any case.
    pub async fn set(&self, unix_ms: i64, at: Uptime) -> bool {
        match self.ask(unix_ms, at).await {
            Ok(Some(outcome)) => {
                tracing::info!(word = outcome.word(), "the clock was asked to be set");
                outcome != Outcome::Refused
            }
            Ok(None) => {
                tracing::warn!("nobody sets the clock");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "the clock can't be asked to be set");
                false
            }
        }
    }

    async fn ask(&self, unix_ms: i64, at: Uptime) -> io::Result<Option<Outcome>> {
        let gone = |removed: io::Result<()>| match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        gone(fs::remove_file(self.dir.join(ANSWER)))?;
        leave(&self.dir, QUESTION, at, unix_ms)?;
        let until = Instant::now() + WAITED_MAX;
        while Instant::now() < until {
            sleep(LOOK_EVERY).await;
            if let Some(outcome) = self.answer(at) {
                return Ok(Some(outcome));
            }
        }
        // Nobody took it: it is taken back, so that nobody obeys it later.
        gone(fs::remove_file(self.dir.join(QUESTION)))?;
        Ok(None)
    }

    fn answer(&self, at: Uptime) -> Option<Outcome> {
        let text = secret_file::read(&self.dir.join(ANSWER), LEN_MAX).ok()?;
        let (asked, word) = parse(str::from_utf8(&text).ok()?)?;
        Outcome::ALL.into_iter().find(|outcome| asked == at && outcome.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// 2026-11-22 17:40 UTC.
    const TIME: i64 = 1_795_369_200_000;
    const ASKED: Uptime = Uptime::from_millis(60_000);

    /// Clocks that only say what they were told.
    #[derive(Default)]
    struct Told {
        set: Vec<i64>,
        /// Whether there is a clock with a battery; `None`: there is, and it is broken.
        chip: Option<bool>,
        locked: bool,
    }

    impl Clocks for Told {
        fn set(&mut self, unix_ms: i64) -> io::Result<()> {
            if self.locked {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.set.push(unix_ms);
            Ok(())
        }

        fn keep(&mut self) -> io::Result<bool> {
            self.chip.ok_or_else(|| io::ErrorKind::TimedOut.into())
        }
    }

    fn place() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }

    fn lay(dir: &Path, text: &str) {
        secret_file::replace(&dir.join(QUESTION), &[text.as_bytes()]).unwrap();
    }

    fn question(asked: u64, unix_ms: i64) -> String {
        format!("pump-remote clock 1 {asked} {unix_ms}\n")
    }

    fn word(dir: &Path) -> Option<String> {
        fs::read_to_string(dir.join(ANSWER)).ok()
    }

    fn later(ms: u64) -> Uptime {
        ASKED.after(Millis::new(ms))
    }

    #[test]
    fn a_question_is_obeyed_once_to_the_millisecond_and_answered() {
        let broken = None;
        for (chip, outcome) in
            [(Some(true), Outcome::Set), (Some(false), Outcome::SetUntilOff), (broken, Outcome::SetUntilOff)]
        {
            let dir = place();
            lay(dir.path(), &question(60_000, TIME));
            let mut told = Told { chip, ..Told::default() };
            // proves R-CLK-11
            assert_eq!(obey(dir.path(), later(1_234), &mut told).unwrap(), outcome);
            // proves R-CLK-11
            assert_eq!(told.set, [TIME + 1_234], "what it shows 1.2 s after it was asked for");
            assert_eq!(word(dir.path()), Some(format!("pump-remote clock 1 60000 {}\n", outcome.word())));
            let again = obey(dir.path(), later(2_000), &mut told);
            assert!(matches!(again, Err(Refused::NobodyAsks)) && told.set.len() == 1, "{again:?}");
        }
    }

    #[test]
    fn what_no_remote_leaves_sets_nothing_and_is_taken_away() {
        let good = question(60_000, TIME);
        let long = format!("{}{}", "0".repeat(200), good);
        let cut: Vec<&str> = (0..good.len()).map(|len| &good[..len]).collect();
        let strange = ["", "\n", "pump-remote clock 2 60000 1795369200000\n", &long, "pump-remote clock 1 60000 x\n"];
        let more = [
            "pump-remote clock 1 60000 1795369200000 \n",
            "pump-remote clock 1  60000 1795369200000\n",
            "pump-remote clock 1 -1 1795369200000\n",
            "pump-remote clock 1 60000 99999999999999999999\n",
            "pump-remote clock 1 60000 1795369200000\n\n",
            "pump-remote clock 1 60000\n",
        ];
        for text in cut.into_iter().chain(strange).chain(more) {
            let dir = place();
            lay(dir.path(), text);
            let mut told = Told { chip: Some(true), ..Told::default() };
            let done = obey(dir.path(), ASKED, &mut told);
            // proves R-CLK-11
            assert!(matches!(done, Err(Refused::Foreign(_))) && told.set.is_empty(), "{text:?}: {done:?}");
            assert!(!dir.path().join(QUESTION).exists() && word(dir.path()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn links_pipes_and_directories_are_no_questions() {
        let good = question(60_000, TIME);
        let linked = |dir: &Path| {
            fs::write(dir.join("elsewhere"), &good).unwrap();
            symlink(dir.join("elsewhere"), dir.join(QUESTION)).unwrap();
        };
        let pipe = |dir: &Path| {
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, dir.join(QUESTION), kind, Mode::RWXU, 0).unwrap();
        };
        let directory = |dir: &Path| fs::create_dir(dir.join(QUESTION)).unwrap();
        let writable = |dir: &Path| {
            lay(dir, &good);
            fs::set_permissions(dir.join(QUESTION), fs::Permissions::from_mode(0o620)).unwrap();
        };
        let open = |dir: &Path| {
            lay(dir, &good);
            fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
        };
        let made: [&dyn Fn(&Path); 5] = [&linked, &pipe, &directory, &writable, &open];
        for (nth, make) in made.into_iter().enumerate() {
            let dir = place();
            make(dir.path());
            let mut told = Told { chip: Some(true), ..Told::default() };
            let done = obey(dir.path(), ASKED, &mut told);
            // proves R-CLK-11
            assert!(matches!(done, Err(Refused::Foreign(_))) && told.set.is_empty(), "{nth}: {done:?}");
            assert!(fs::symlink_metadata(dir.path().join(QUESTION)).is_err(), "{nth}: it is gone");
        }
    }

    #[test]
    fn an_old_question_and_a_time_of_no_clock_are_refused_in_a_word() {
        let day = 86_400_000;
        for (unix_ms, at) in [
            (TIME, later(10_001)),
            (TIME, Uptime::from_millis(59_999)),
            (NEVER_SET_BEFORE_MS - 1, ASKED),
            (0, ASKED),
            (i64::MIN, ASKED),
            (SET_BEFORE_MS, ASKED),
            (SET_BEFORE_MS - 1, later(1)),
            (i64::MAX, later(1)),
            (TIME + 100 * 365 * day, ASKED),
        ] {
            let dir = place();
            lay(dir.path(), &question(60_000, unix_ms));
            let mut told = Told { chip: Some(true), ..Told::default() };
            let done = obey(dir.path(), at, &mut told);
            // proves R-CLK-11
            assert!(matches!(done, Err(Refused::Unfit(_))) && told.set.is_empty(), "{unix_ms}: {done:?}");
            assert_eq!(word(dir.path()).as_deref(), Some("pump-remote clock 1 60000 refused\n"));
        }
        for unix_ms in [NEVER_SET_BEFORE_MS, SET_BEFORE_MS - 1] {
            let dir = place();
            lay(dir.path(), &question(60_000, unix_ms));
            let mut told = Told { chip: Some(true), ..Told::default() };
            assert!(obey(dir.path(), ASKED, &mut told).is_ok() && told.set == [unix_ms]);
        }
    }

    #[test]
    fn a_clock_that_refuses_is_told_as_refused() {
        let dir = place();
        lay(dir.path(), &question(60_000, TIME));
        let mut told = Told { chip: Some(true), locked: true, ..Told::default() };
        let done = obey(dir.path(), ASKED, &mut told);
        assert!(matches!(done, Err(Refused::Clock(_))), "{done:?}");
        // proves R-CLK-11
        assert_eq!(word(dir.path()).as_deref(), Some("pump-remote clock 1 60000 refused\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_waited_for_and_one_that_was_there_before_is_none() {
        for (says, done) in [("set", true), ("set-until-off", true), ("refused", false), ("nonsense", false)] {
            let dir = place();
            fs::write(dir.path().join(ANSWER), "pump-remote clock 1 60000 set\n").unwrap();
            let setter = Setter { dir: dir.path().to_owned() };
            let asking = tokio::spawn(async move { setter.set(TIME, ASKED).await });
            sleep(Duration::from_secs(2)).await;
            assert!(!asking.is_finished(), "the answer of another question was there");
            assert_eq!(fs::read_to_string(dir.path().join(QUESTION)).unwrap(), question(60_000, TIME));
            fs::write(dir.path().join(ANSWER), "pump-remote clock 1 59999 set\n").unwrap();
            sleep(Duration::from_secs(2)).await;
            assert!(!asking.is_finished(), "and one to another question");
            fs::write(dir.path().join(ANSWER), format!("pump-remote clock 1 60000 {says}\n")).unwrap();
            // proves R-CLK-11
            assert_eq!(asking.await.unwrap(), done, "{says}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_nobody_takes_is_taken_back() {
        let dir = place();
        let setter = Setter { dir: dir.path().to_owned() };
        assert!(!setter.set(TIME, ASKED).await);
        // proves R-CLK-11
        assert!(!dir.path().join(QUESTION).exists(), "nobody obeys it later");
        let nowhere = Setter { dir: dir.path().join("nowhere") };
        assert!(!nowhere.set(TIME, ASKED).await);
    }
}
