//! Reads a record on any computer: is it as it was written, what is in it, and one signed file of it.
//!
//! # Promises
//! - The record is opened read-only, by all but `prune`. Exit code 0 means that everything asked about was proved; 1, that it was not, and why.
//! - It needs neither the device nor its key, but for `prune`; a record that is in use can be read, too.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use pump_core::{
    audit::{
        Record, RecordId, Stored, Verified,
        event::{Moment, describe},
        export::Proved,
        retrace::Retrace,
        story::{Ids, Standing, Story, Told},
        tally::{DayCounts, NoDose, Tally},
    },
    calendar,
    remote::Kept,
};
use pump_protocol::{clock::WallTime, message::AuditHead};
use pump_remote::adapters::{
    keys,
    sqlite::{
        Opening, PAGE_MAX, Store, TailVerdict, Verification, View, is_export,
        prune::{self, AGE_MIN_DAYS, LINES_KEPT_MIN},
        read_export, verify_export, write_export,
    },
};

/// Reads the record of a patient remote.
#[derive(Debug, Parser)]
#[command(name = "audit-tool", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Is every line as it was written? Takes records and exports; of several, whether each goes on where the one before ends.
    Verify {
        /// The records or exports, oldest first.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Attempts against deliveries, day by day; an outcome counts on the day of its press.
    Summary {
        /// The record or export.
        file: PathBuf,
    },
    /// One request from the press to its outcome, and whether all of the file is as it was written.
    Replay {
        /// Which: `12` or `#12`.
        #[arg(value_parser = request_id)]
        id: u64,
        /// The record or export.
        file: PathBuf,
    },
    /// Is each line a step that the remote can take behind those before it, and do they lead to what it remembers?
    Retrace {
        /// The record or export; an export doesn't carry what the remote remembers.
        file: PathBuf,
    },
    /// Every line, in words.
    Lines {
        /// The record.
        file: PathBuf,
    },
    /// The record as one file that proves itself.
    Export {
        /// The record.
        file: PathBuf,
        /// Where to; beside the record if not given. Must not exist yet.
        #[arg(long)]
        out: Option<PathBuf>,
        /// The device's key, to sign the export as a whole.
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Moves the oldest lines into a signed export that is verified first. The remote must not run meanwhile.
    Prune {
        /// The record.
        file: PathBuf,
        /// Where to. Must not exist yet.
        #[arg(long)]
        out: PathBuf,
        /// The device's key.
        #[arg(long)]
        key: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        // A pipe that was closed has heard enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Verify { files } => verify(&files).await,
        Command::Summary { file } => summary(&file).await,
        Command::Replay { id, file } => replay(id, &file).await,
        Command::Retrace { file } => retrace(&file).await,
        Command::Lines { file } => lines(&file).await,
        Command::Export { file, out, key } => export(&file, out, key).await,
        Command::Prune { file, out, key } => prune(&file, &out, &key).await,
    }
}

async fn verify(files: &[PathBuf]) -> Result<()> {
    let mut before: Option<Part> = None;
    for file in files {
        let part = verified_part(file).await.map_err(|error| in_file(file, files, error))?;
        let joined = match &before {
            Some(before) => join(before, &part).map_err(|error| in_file(file, files, error))?,
            None => "",
        };
        writeln!(io::stdout(), "{}{}{joined}", named_before(file, files), part_in_words(&part))?;
        before = Some(part);
    }
    Ok(())
}

/// A record or an export, verified.
struct Part {
    verified: Verified,
    export: Option<Proved>,
}

async fn verified_part(path: &Path) -> Result<Part> {
    if is_export(path).with_context(|| format!("{} can't be read", path.display()))? {
        let proved = verify_export(path)?;
        return Ok(Part { verified: proved.verified.clone(), export: Some(proved) });
    }
    Ok(Part { verified: Verification::start(View::open(path).await?).await?.run().await?, export: None })
}

/// Whether one begins where the other ends: the base of the later names the earlier's last line and its digest.
fn join(before: &Part, after: &Part) -> Result<&'static str> {
    ensure!(
        before.verified.chain.genesis() == after.verified.chain.genesis(),
        "it is of another record than the file before"
    );
    let base = after.verified.base.context("it begins with the record's first line, and not behind the file before")?;
    ensure!(
        base.head == before.verified.chain.head(),
        "it begins behind record {}, and the file before ends with record {}",
        base.head.count,
        before.verified.chain.head().count
    );
    let named = before.export.as_ref().is_some_and(|export| export.digest == base.export_digest);
    ensure!(named, "it was pruned into another export than the file before, which ends with the same record");
    Ok(", joins the file before")
}

fn part_in_words(part: &Part) -> String {
    let Part { verified, export } = part;
    let base =
        verified.base.map_or(String::new(), |base| format!(", those up to {} exported and pruned", base.head.count));
    let export = match export {
        None => "",
        Some(Proved { part: true, signed: true, .. }) => ", a part of the record, signed by the device",
        Some(Proved { part: true, signed: false, .. }) => ", a part of the record, not signed as a whole",
        Some(Proved { part: false, signed: true, .. }) => ", signed by the device",
        Some(Proved { part: false, signed: false, .. }) => ", not signed as a whole",
    };
    format!("{}{base}{export}", in_words(verified))
}

fn in_file(file: &Path, files: &[PathBuf], error: anyhow::Error) -> anyhow::Error {
    if files.len() > 1 { error.context(file.display().to_string()) } else { error }
}

/// Which file is meant, if there are several.
fn named_before(file: &Path, files: &[PathBuf]) -> String {
    if files.len() > 1 { format!("{}: ", file.display()) } else { String::new() }
}

async fn summary(path: &Path) -> Result<()> {
    let mut tally = Tally::new();
    let walked = walk(path, |line| tally.take(&line.record)).await;
    let mut out = io::stdout().lock();
    for (day, counted) in tally.days() {
        let day = day.map_or("without a date".into(), date);
        writeln!(out, "{day}: {}", day_in_words(&counted.counts))?;
        let kinds: Vec<_> = tally.kinds(counted).map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(out, "    lines: {}", kinds.join(", "))?;
    }
    let verified = walked.context("not verified: counted up to the first bad record")?;
    writeln!(out, "pump {}, verified: {}", verified.chain.genesis().serial, in_words(&verified))?;
    Ok(())
}

/// Verifies a record, or an export of one, and shows each line once it is found good.
async fn walk(path: &Path, mut show: impl FnMut(&Stored) + Send) -> Result<Verified> {
    if is_export(path).with_context(|| format!("{} can't be read", path.display()))? {
        return Ok(read_export(path, &mut show)?.verified);
    }
    Ok(Verification::start(View::open(path).await?).await?.run_with(&mut |line, _| show(line)).await?)
}

async fn lines(path: &Path) -> Result<()> {
    let mut view = View::open(path).await?;
    let mut out = io::stdout().lock();
    let mut after = 0;
    loop {
        let page = view.entries(after, PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.record.seq;
        for line in &page {
            writeln!(out, "{}", line_in_words(&line.record))?;
        }
    }
}

async fn replay(id: u64, path: &Path) -> Result<()> {
    let (mut story, mut ids, mut written) = (Story::of(id), Ids::default(), Ok(()));
    let mut out = io::stdout();
    let tell = |line: &Stored| {
        ids.take(&line.record);
        if let (Some(told), Ok(())) = (story.take(&line.record), &written) {
            written = writeln!(out, "{}", told_in_words(&line.record, &told));
        }
    };
    let walked = walk(path, tell).await;
    written?;
    let verified = walked.context("not verified: the story is told up to the first bad record")?;
    if story.standing() == Standing::Unknown {
        anyhow::bail!("no line tells of #{id}; there is {ids}, and all of it is verified: {}", in_words(&verified));
    }
    writeln!(out, "{}", story.standing())?;
    writeln!(out, "verified: {}", in_words(&verified))?;
    Ok(())
}

// keeps R-REC-18
async fn retrace(path: &Path) -> Result<()> {
    let mut retrace = Retrace::new();
    let is_export = is_export(path).with_context(|| format!("{} can't be read", path.display()))?;
    let follow = &mut |line: &Stored| retrace.follow(&line.record);
    let walked = if is_export {
        walk(path, follow).await.map(|verified| (verified, None))
    } else {
        walk_to_kept(path, follow).await
    };
    let mut out = io::stdout().lock();
    let open = retrace.open_request().map_or(String::new(), |id| format!(", {id} is open still"));
    writeln!(out, "{}{open}", retrace.counts())?;
    for difference in retrace.differences() {
        writeln!(out, "{difference}")?;
    }
    let mut differences = retrace.more().saturating_add(retrace.differences().count() as u64);
    let (verified, kept) = walked.context("not verified: followed up to the first bad record")?;
    match kept {
        Some(kept) => {
            let kept = Kept::from_bytes(&kept).context("what the remote remembers can't be read by this program")?;
            let found = retrace.compare(&kept.remembered());
            for difference in &found {
                writeln!(out, "{difference}")?;
            }
            differences = differences.saturating_add(found.len() as u64);
            if found.is_empty() {
                writeln!(out, "the machine's own state agrees")?;
            }
        }
        None => writeln!(out, "the machine's own state is not in this file: only the lines were followed")?,
    }
    writeln!(out, "verified: {}", in_words(&verified))?;
    ensure!(differences == 0, "{differences} differences between the record and the machine that writes it");
    Ok(())
}

/// Verifies a record, shows each line once it is found good, and says what the machine remembers behind the last.
async fn walk_to_kept(path: &Path, mut show: impl FnMut(&Stored) + Send) -> Result<(Verified, Option<Vec<u8>>)> {
    Ok(Verification::start(View::open(path).await?).await?.run_to_kept(&mut |line, _| show(line)).await?)
}

async fn export(path: &Path, out: Option<PathBuf>, key: Option<PathBuf>) -> Result<()> {
    let key = key.map(|key| keys::read_device_key(&key)).transpose()?;
    let view = View::open(path).await?;
    let out = out.unwrap_or_else(|| path.with_extension("export"));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&out)
        .with_context(|| format!("nothing exported: {} can't be made", out.display()))?;
    let mut writer = io::BufWriter::new(&file);
    let written = write_export(view, key.as_ref(), &mut writer).await;
    drop(writer);
    let verified = match written {
        Ok(verified) => verified,
        Err(error) => {
            // Half an export proves nothing; the record is untouched.
            std::fs::remove_file(&out).with_context(|| format!("{} is not complete: delete it", out.display()))?;
            return Err(error.into());
        }
    };
    file.sync_all().with_context(|| format!("{} may not be complete", out.display()))?;
    let signed = if key.is_some() { "signed" } else { "not signed: no key was given" };
    writeln!(io::stdout(), "{}: {}, {signed}", out.display(), in_words(&verified))?;
    Ok(())
}

async fn prune(path: &Path, out: &Path, key: &Path) -> Result<()> {
    let key = keys::read_device_key(key)?;
    ensure!(!out.exists(), "nothing was pruned: {} exists already", out.display());
    let serial = View::open(path).await?.genesis().await?.serial;
    let opened = Store::open(path, Opening { serial, key: key.clone(), new_id: RecordId::default() }).await?;
    if let TailVerdict::Bad(finding) = opened.tail {
        return Err(anyhow::Error::from(finding).context("nothing was pruned"));
    }
    let mut store = opened.store;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is set before 1970")?;
    let wall = WallTime { unix_ms: i64::try_from(now.as_millis())?, utc_offset_min: 0 };
    let Some(cut) = prune::plan(&mut View::open(path).await?, wall.day(), u64::MAX).await? else {
        anyhow::bail!(
            "nothing was pruned: no signed line is older than {AGE_MIN_DAYS} days, behind every open request, and followed by \
             {LINES_KEPT_MIN} others"
        );
    };
    let exported = prune::export_cut(View::open(path).await?, &cut, &key, out).await?;
    let proved = verify_export(out).context("nothing was pruned")?;
    ensure!(
        proved.signed && proved.digest == exported.digest(),
        "nothing was pruned: the export is another than was written"
    );
    let head = store.prune(&exported, Moment { wall: Some(wall), ..Moment::default() }).await?;
    store.close(Some(wall)).await?;
    let (lines, until) = (exported.lines(), exported.until());
    writeln!(io::stdout(), "{}: {lines} records up to {until}, signed and verified", out.display())?;
    writeln!(io::stdout(), "{}: {}, those up to {until} exported and pruned", path.display(), head_in_words(head))?;
    Ok(())
}

fn in_words(verified: &Verified) -> String {
    format!("{}, {} checkpoints good", head_in_words(verified.chain.head()), verified.checkpoints)
}

fn head_in_words(head: AuditHead) -> String {
    let hash: Vec<_> = head.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} records, head {}", head.count, hash.concat())
}

fn line_in_words(record: &Record) -> String {
    format!("{} {} {}", record.seq, when(record), describe(&record.body))
}

fn told_in_words(record: &Record, told: &Told) -> String {
    format!("{} {} {}: {}", record.seq, when(record), told.after, told.words)
}

fn when(record: &Record) -> String {
    record.wall().map_or("no date".into(), |wall| format!("{} {wall}", date(wall.day())))
}

fn day_in_words(day: &DayCounts) -> String {
    let here = |why| matches!(why, NoDose::Here(_) | NoDose::PageUnanswered | NoDose::Elsewhere);
    let counts = [
        (day.given, "given".to_owned()),
        (day.in_part, "given in part".to_owned()),
        refused_in_words(day, "refused here", here),
        refused_in_words(day, "denied by the pump", |why| matches!(why, NoDose::ByPump(_))),
        refused_in_words(day, "not given", |why| matches!(why, NoDose::Nothing(_))),
        (day.assumed, "assumed given".to_owned()),
        (day.not_settled, "not sure, still open".to_owned()),
    ];
    let told = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
    let attempts = [format!("{} attempts", day.attempts)].into_iter().chain(told).collect::<Vec<_>>().join(", ");
    let others = [
        (day.others, format!("doses of others ({})", day.others_dose)),
        (day.unknown, "doses that this record lost".to_owned()),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("; {count} {words}"));
    attempts + &others.collect::<String>()
}

/// How many of these there are, and `what (5 lockout, 1 dose limit)`.
fn refused_in_words(day: &DayCounts, what: &str, these: impl Fn(NoDose) -> bool) -> (u32, String) {
    let reasons = day.refused.iter().filter(|(why, _)| these(*why));
    let reasons: Vec<_> = reasons.map(|(why, count)| format!("{count} {why}")).collect();
    (day.refused_if(&these), format!("{what} ({})", reasons.join(", ")))
}

/// `#12`, as the record's lines call it, or `12`.
fn request_id(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().map_err(|_| format!("{text} is no request's id: ids look like #12 or 12"))
}

fn date(day: i64) -> String {
    calendar::date(day).map_or_else(|| format!("day {day}"), |date| date.to_string())
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
