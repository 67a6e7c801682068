//! A program on the bench: its lines as they come, and all lines of all programs in one transcript.
//!
//! # Promises
//! - Whoever waits for a line is woken by it; nobody looks again and again.
//! - Every wait ends: with the line, with the program's end, or with its own limit; and says which.

use std::{
    ffi::OsStr,
    fs,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
    task::JoinHandle,
};

/// The most lines that a transcript holds; what is older is of no use to whoever looks for a fault.
const TRANSCRIPT_MAX: usize = 4000;
/// How long a program may take to end once it was told to.
const END_MAX: Duration = Duration::from_secs(15);

/// What all programs said, in the order in which it was heard. Clones are the same transcript.
#[derive(Clone, Debug)]
pub(crate) struct Transcript(Arc<Mutex<Vec<String>>>, Instant);

impl Transcript {
    pub(crate) fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    /// Adds a line.
    pub(crate) fn tell(&self, who: &str, line: &str) {
        let mut lines = self.lines();
        if lines.len() >= TRANSCRIPT_MAX {
            lines.drain(..TRANSCRIPT_MAX / 2);
        }
        lines.push(format!("{:9.3} {who:>9} {line}", self.1.elapsed().as_secs_f64()));
    }

    /// Whether anybody has said this since it was last taken.
    pub(crate) fn holds(&self, words: &str) -> bool {
        self.lines().iter().any(|line| line.contains(words))
    }

    /// How many lines since it was last taken say this.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(words)).count()
    }

    /// Everything since it was last taken.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines())
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    said: watch::Receiver<Said>,
    readers: [JoinHandle<()>; 2],
    /// How many of its lines were looked at.
    read: usize,
    transcript: Transcript,
}

/// The lines of its standard output.
#[derive(Debug, Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
}

impl Program {
    /// Starts a program.
    pub(crate) fn start<A: AsRef<OsStr>>(
        name: &'static str,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
        transcript: &Transcript,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{program} can't be started"))?;
        let stdin = child.stdin.take().context("no standard input")?;
        let (saying, said) = watch::channel(Said::default());
        let out = child.stdout.take().context("no standard output")?;
        let err = child.stderr.take().context("no standard error")?;
        let (to, errors_to) = (transcript.clone(), transcript.clone());
        let lines = tokio::spawn(async move {
            each_line(out, |line| {
                to.tell(name, &line);
                saying.send_modify(|said| said.lines.push(line));
            })
            .await;
            saying.send_modify(|said| said.ended = true);
        });
        let errors =
            tokio::spawn(async move { each_line(err, |line| errors_to.tell(name, &format!("! {line}"))).await });
        Ok(Self { name, child, stdin, said, readers: [lines, errors], read: 0, transcript: transcript.clone() })
    }

    /// Types a line.
    pub(crate) async fn types(&mut self, line: &str) -> anyhow::Result<()> {
        self.transcript.tell(self.name, &format!("< {line}"));
        let typed = async {
            self.stdin.write_all(format!("{line}\n").as_bytes()).await?;
            self.stdin.flush().await
        };
        typed.await.with_context(|| format!("the {} no longer listens", self.name))
    }

    /// The next line that is wanted; lines before it are passed over.
    pub(crate) async fn line(
        &mut self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> anyhow::Result<String> {
        let read = &mut self.read;
        let name = self.name;
        let found = self.said.wait_for(|said| {
            while let Some(line) = said.lines.get(*read) {
                *read += 1;
                if wanted(line) {
                    return true;
                }
            }
            said.ended
        });
        let Ok(said) = tokio::time::timeout(within, found).await else {
            bail!("the {name} did not say within {} s: {what}", within.as_secs())
        };
        let said = said.with_context(|| format!("the {name} is gone"))?;
        let line = read.checked_sub(1).and_then(|at| said.lines.get(at)).filter(|line| wanted(line));
        line.cloned().with_context(|| format!("the {name} ended before it said: {what}"))
    }

    /// Waits until the newest line that begins with `kind` begins with `wanted`.
    pub(crate) async fn stands(&mut self, wanted: &str, within: Duration, kind: &str) -> anyhow::Result<String> {
        let name = self.name;
        let newest = |said: &Said| said.lines.iter().rev().find(|line| line.starts_with(kind)).cloned();
        let found = self.said.wait_for(|said| said.ended || newest(said).is_some_and(|line| line.starts_with(wanted)));
        let found = tokio::time::timeout(within, found).await.map(|said| said.map(|said| newest(&said)));
        let Ok(said) = found else {
            let last = newest(&self.said.borrow());
            bail!("the {name} did not come to within {} s: {wanted}; it is at {last:?}", within.as_secs())
        };
        let last = said.with_context(|| format!("the {name} is gone"))?;
        let line = last.filter(|line| line.starts_with(wanted));
        line.with_context(|| format!("the {name} ended before it came to: {wanted}"))
    }

    /// Forgets the lines that nobody has waited for: what is wanted next is what comes from now on.
    pub(crate) fn pass_over(&mut self) {
        self.read = self.said.borrow().lines.len();
    }

    /// All its lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.said.borrow().lines.clone()
    }

    /// How much memory it holds that is no file's, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<usize> {
        let status = fs::read_to_string(self.proc("status")?)?;
        let held = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let held = held.and_then(|held| held.trim().strip_suffix(" kB")).context("no memory is told")?;
        Ok(held.trim().parse()?)
    }

    /// How many descriptors it holds.
    pub(crate) fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(self.proc("fd")?)?.count())
    }

    fn proc(&self, what: &str) -> anyhow::Result<String> {
        let id = self.child.id().with_context(|| format!("the {} has ended", self.name))?;
        Ok(format!("/proc/{id}/{what}"))
    }

    /// How it ended by itself; `None` while it runs.
    pub(crate) fn crashed(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("nobody knows of the {}", self.name))
    }

    /// Its process.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it as a power cut would: it learns nothing of it.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.transcript.tell(self.name, "(killed)");
        self.child.kill().await.with_context(|| format!("the {} can't be killed", self.name))
    }

    /// Waits until it has ended by itself, and says whether in good order.
    pub(crate) async fn ended(mut self, within: Duration) -> anyhow::Result<bool> {
        // Whoever reads until its end sees the end.
        drop(self.stdin);
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        let status = ended.with_context(|| format!("the {} does not end", self.name))??;
        // Its last words are still on their way.
        for reader in self.readers {
            tokio::time::timeout(within, reader)
                .await
                .with_context(|| format!("the {} is still heard", self.name))??;
        }
        self.transcript.tell(self.name, &format!("(ended: {status})"));
        Ok(status.success())
    }

    /// Tells it to end with this word, and waits for that.
    pub(crate) async fn quit(mut self, word: &str) -> anyhow::Result<bool> {
        self.types(word).await?;
        self.ended(END_MAX).await
    }
}

async fn each_line(from: impl AsyncRead + Unpin, mut take: impl FnMut(String)) {
    let mut lines = BufReader::new(from).lines();
    // A program that is killed in the middle of a line has not said it.
    while let Ok(Some(line)) = lines.next_line().await {
        take(line);
    }
}
