//! A record of years: what it costs to keep, open, verify, export, sum up, prune and start with.
//!
//! `cargo bench --bench years` builds a record of a million lines beside one of ten thousand, and compares. Each figure with a
//! bound says "within" or "ABOVE". `YEARS_LINES=4380000 cargo bench --bench years` makes it ten years at 50 events an hour.
//! `RECORD_BENCH_DIR` names a directory on the disk in question.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use ed25519_dalek::SigningKey;
use pump_core::{
    audit::{
        Batch, Entry, RecordId,
        event::{Doubt, Event, Happened, LinkLoss, Moment, NothingBecause},
    },
    remote::Kept,
    therapy::reason::Reason,
};
use pump_protocol::{
    clock::{BootId, PumpTime, Uptime, WallTime},
    history::{BolusId, HistorySeq},
    message::{BolusRef, Fate, RequestId},
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
    wire::{Bounded, Text, encode},
};
use pump_remote::adapters::{
    keys::{DEVICE_KEY, device_key},
    sqlite::{
        Opening, SIZE_MAX_BYTES, Store, Verification, View,
        prune::{self, CUT_LINES_MAX},
    },
};
use sha2::{Digest, Sha256};
use sqlx::{ConnectOptions, Row, sqlite::SqliteConnectOptions};

/// Ten years at 50 events an hour.
const TEN_YEARS_LINES: u64 = 4_380_000;
const FEW_LINES: u64 = 10_000;
const MANY_LINES: u64 = 1_000_000;
/// 2016-01-01 00:00 UTC: the newest line of ten years is of 2026.
const FIRST_MS: i64 = 1_451_606_400_000;
const ROUNDS: usize = 9;
const VERIFY_RATIO_MAX: f64 = 1.5;
const START_RATIO_MAX: f64 = 1.2;
const START_MAX: Duration = Duration::from_millis(150);
/// `SQLite` fills its cache of 2,000 kB once there is enough to read; beyond that nothing may grow but the summary's days.
const MEMORY_SLACK_KB: u64 = 2048;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // `cargo test --benches` only wants to know that it runs.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let many = std::env::var("YEARS_LINES").ok().and_then(|lines| lines.parse().ok()).unwrap_or(MANY_LINES);
    let (few, many) = if bench { (FEW_LINES, many) } else { (300, 600) };
    let dir = std::env::var("RECORD_BENCH_DIR").map_or_else(|_| tempfile::tempdir(), tempfile::tempdir_in)?;
    let small = Remote::pair(&dir.path().join("few")).await?;
    let large = Remote::pair(&dir.path().join("many")).await?;
    build(&small, few).await?;
    build(&large, many).await?;
    size(&large, many)?;
    append_and_open(&large).await?;
    verification(&large.record()).await?;
    memory(&small, &large)?;
    if bench {
        start(&small, &large)?;
    }
    pruning(&large, many).await
}

/// A data directory with a pump to it, paired by the real programs.
struct Remote {
    dir: PathBuf,
    key: SigningKey,
    serial: Text<16>,
}

impl Remote {
    async fn pair(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        pair(dir)?;
        let key = device_key(&dir.join("remote"), &[0; 32])?;
        let record = dir.join("remote/record.db");
        let serial = View::open(&record).await?.genesis().await?.serial;
        fs::remove_file(record)?;
        Ok(Self { dir: dir.to_owned(), key, serial })
    }

    fn record(&self) -> PathBuf {
        self.dir.join("remote/record.db")
    }

    async fn open(&self) -> anyhow::Result<Store> {
        let opening = Opening { serial: self.serial.clone(), key: self.key.clone(), new_id: RecordId([1; 16]) };
        Ok(Store::open(&self.record(), opening).await?.store)
    }
}

/// Starts a pump, pairs a remote with it as a person would, and ends both.
fn pair(dir: &Path) -> anyhow::Result<()> {
    let mut pump = Command::new(env!("CARGO_BIN_EXE_pump-simulator"))
        .args(["--speed", "120", "--socket"])
        .arg(dir.join("pump.sock"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut console = pump.stdin.take().context("piped")?;
    let mut said = BufReader::new(pump.stdout.take().context("piped")?).lines();
    let secret = said.find_map(|line| line.ok()?.strip_prefix("Implant card secret: ").map(str::to_owned));
    writeln!(console, "magnet")?;
    let open = said.any(|line| line.is_ok_and(|line| line.contains("The pairing window is open")));
    ensure!(open, "the pump's pairing window does not open");
    let secret = secret.context("the pump says no secret")?;
    let paired = remote(dir).args(["--speed", "120", "--pair", &secret]).stdout(Stdio::null()).status()?;
    pump.kill()?;
    pump.wait()?;
    ensure!(paired.success(), "the remote could not be paired");
    Ok(())
}

/// The remote, where there is no display.
fn remote(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pump-remote"));
    command.arg("--socket").arg(dir.join("pump.sock")).arg("--data-dir").arg(dir.join("remote"));
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command
}

/// One line a batch, as most turns make it, but four at a time once that only takes longer to build.
async fn build(remote: &Remote, lines: u64) -> anyhow::Result<()> {
    let mut store = remote.open().await?;
    let begun = Instant::now();
    let kept = Kept::default().to_bytes();
    for first in (1..=lines).step_by(4) {
        let entries = (first..=lines.min(first + 3)).map(entry).collect();
        store.append(Batch { entries, kept: kept.clone() }).await?;
    }
    store.close(wall(lines)).await?;
    println!("built {lines} lines in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// 50 events an hour, in the mix of a day with presses, refusals, doses and a link that comes and goes.
fn entry(number: u64) -> Entry {
    let (id, pump) = (RequestId(number / 12), PumpTime::new(1, Millis::new(number * 72_000)));
    let bolus = BolusRef {
        bolus: BolusId(u32::try_from(id.0).unwrap_or(u32::MAX)),
        history_seq: HistorySeq(id.0),
        start: pump,
        dose: Dose::from_micrograms(50),
    };
    let event = match number % 12 {
        0 => Event::Requested { id, dose: bolus.dose, prescription: PrescriptionHash([7; 32]) },
        1 => Event::CommitIntended { id, latest_start: pump },
        2 => Event::Accepted { id, bolus },
        3 => Event::Uncertain { id, why: Doubt::LinkLost },
        4 => Event::SessionLost { why: LinkLoss::Silent },
        5 | 9 => Event::SessionOpened { history_head: HistorySeq(number) },
        6 => Event::FateHeard { id, fate: Fate::Done { bolus } },
        7 if number.is_multiple_of(5) => Event::NotGiven { id, why: NothingBecause::Expired },
        7 => Event::Delivered { id, bolus },
        8 => Event::ShortTouches { count: 3 },
        10 => Event::HistoryImported { head: HistorySeq(number) },
        _ => Event::AttemptRefused { reasons: Bounded::filled_from([Reason::Lockout, Reason::Allotment]) },
    };
    let (boot, uptime) = (BootId([9; 16]), Uptime::from_millis(number * 72_000));
    let wall = wall(number);
    let at = Moment { boot, uptime, pump: Some(pump), wall };
    let (kind, request) = (event.kind(), event.request().map(|id| id.0));
    let body = encode(&Happened { at, event });
    Entry { kind, request, body, wall_ms: wall.map(|wall| wall.unix_ms), utc_offset_min: 60 }
}

fn wall(number: u64) -> Option<WallTime> {
    Some(WallTime { unix_ms: FIRST_MS + i64::try_from(number * 72_000).ok()?, utc_offset_min: 60 })
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn size(remote: &Remote, lines: u64) -> anyhow::Result<()> {
    let len = fs::metadata(remote.record())?.len();
    let bytes = len as f64 / lines as f64;
    let ten_years = (bytes * TEN_YEARS_LINES as f64) as u64;
    let verdict = if ten_years <= SIZE_MAX_BYTES { "within" } else { "ABOVE" };
    println!(
        "size: {lines} lines in {} MB, {bytes:.0} bytes a line; ten years at 50 an hour: {} MB, {verdict} {} MB",
        len >> 20,
        ten_years >> 20,
        SIZE_MAX_BYTES >> 20
    );
    Ok(())
}

async fn append_and_open(remote: &Remote) -> anyhow::Result<()> {
    let (mut opened, mut appended) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let begun = Instant::now();
        let mut store = remote.open().await?;
        opened.push(begun.elapsed());
        for number in 0..40 {
            let begun = Instant::now();
            let entries = vec![entry(round * 40 + number)];
            store.append(Batch { entries, kept: Kept::default().to_bytes() }).await?;
            appended.push(begun.elapsed());
        }
        store.close(None).await?;
    }
    println!("open for writing: median {:?}; one line appended: median {:?}", median(&opened), median(&appended));
    Ok(())
}

/// The chain against a bare scan of the same columns with SHA-256 over the same bytes.
async fn verification(record: &Path) -> anyhow::Result<()> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let begun = Instant::now();
        let verified = Verification::start(View::open(record).await?).await?.run().await?;
        ours.push(begun.elapsed());
        let begun = Instant::now();
        ensure!(bare_scan(record).await? == verified.records, "both see every line");
        bare.push(begun.elapsed());
    }
    within("verification against a bare scan and SHA-256", median(&ours), median(&bare), VERIFY_RATIO_MAX);
    Ok(())
}

async fn bare_scan(record: &Path) -> anyhow::Result<u64> {
    let mut db =
        SqliteConnectOptions::new().filename(record).read_only(true).disable_statement_logging().connect().await?;
    let query = "SELECT seq, kind, request, wall_ms, utc_offset_min, kept_digest, body, hash FROM record \
         WHERE seq > ? ORDER BY seq LIMIT 256";
    let (mut digest, mut seq, mut lines) = (Sha256::new(), 0_i64, 0);
    loop {
        let rows = sqlx::query(query).bind(seq).fetch_all(&mut db).await?;
        let Some(last) = rows.last() else { return Ok(lines) };
        seq = last.try_get(0)?;
        for row in &rows {
            digest.update(row.try_get::<i64, _>(0)?.to_le_bytes());
            digest.update(row.try_get::<&str, _>(1)?);
            digest.update(row.try_get::<Option<i64>, _>(2)?.unwrap_or(0).to_le_bytes());
            digest.update(row.try_get::<Option<i64>, _>(3)?.unwrap_or(0).to_le_bytes());
            digest.update(row.try_get::<i64, _>(4)?.to_le_bytes());
            digest.update(row.try_get::<Option<&[u8]>, _>(5)?.unwrap_or_default());
            digest.update(row.try_get::<&[u8], _>(6)?);
            digest.update(row.try_get::<&[u8], _>(7)?);
            lines += 1;
        }
    }
}

/// Peak memory of each program, with few lines and with many.
fn memory(small: &Remote, large: &Remote) -> anyhow::Result<()> {
    for what in ["verify", "summary", "export", "replay", "start"] {
        let peak = |remote: &Remote| -> anyhow::Result<u64> {
            let record = remote.record();
            let export = remote.dir.join("record.export");
            let mut tool = Command::new(env!("CARGO_BIN_EXE_audit-tool"));
            let mut command = match what {
                "start" => self::remote(&remote.dir),
                "replay" => {
                    tool.args(["replay", "1"]).arg(record);
                    tool
                }
                "export" => {
                    tool.args(["export", "--out"])
                        .arg(&export)
                        .arg("--key")
                        .arg(remote.dir.join("remote").join(DEVICE_KEY));
                    tool.arg(record);
                    tool
                }
                _ => {
                    tool.arg(what).arg(record);
                    tool
                }
            };
            let longest = if what == "start" { Duration::from_secs(8) } else { Duration::from_mins(5) };
            let peak = peak_of(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?, longest)?;
            let _ = fs::remove_file(export);
            Ok(peak)
        };
        let (few, many) = (peak(small)?, peak(large)?);
        let verdict = if many <= few + MEMORY_SLACK_KB { "within" } else { "ABOVE" };
        println!("peak memory, {what}: {few} kB with few lines, {many} kB with many, {verdict} + {MEMORY_SLACK_KB} kB");
    }
    Ok(())
}

/// The high-water mark as the kernel tells it, until the program ends, or for as long as a start takes.
fn peak_of(mut child: Child, longest: Duration) -> anyhow::Result<u64> {
    let (mut peak, begun) = (0, Instant::now());
    while child.try_wait()?.is_none() && begun.elapsed() < longest {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let told =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(told.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait()?;
    Ok(peak)
}

/// From the program's start to its first page, drawn in memory: with few lines and with many, in turns.
fn start(small: &Remote, large: &Remote) -> anyhow::Result<()> {
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for (remote, times) in [(small, &mut few), (large, &mut many)] {
            let took = first_page(remote)?;
            // The first start of each reads the program from the disk.
            if round > 0 {
                times.push(took);
            }
        }
    }
    within("start to first page", median(&many), median(&few), START_RATIO_MAX);
    let verdict = if median(&many) <= START_MAX { "within" } else { "ABOVE" };
    println!("start to first page with many lines: median {:?}, {verdict} {START_MAX:?}", median(&many));
    Ok(())
}

fn first_page(remote: &Remote) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let mut child = self::remote(&remote.dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let said = BufReader::new(child.stdout.take().context("piped")?);
    let first = said.lines().find(|line| line.as_ref().is_ok_and(|line| line.starts_with("01-checking")));
    let took = begun.elapsed();
    child.kill()?;
    child.wait()?;
    ensure!(first.is_some(), "no first page was drawn");
    Ok(took)
}

/// One cut as the running remote makes it: how long the export takes, and how long the writer is kept waiting.
async fn pruning(remote: &Remote, lines: u64) -> anyhow::Result<()> {
    let today = wall(lines).map_or(0, WallTime::day) + 400;
    let record = remote.record();
    let Some(cut) = prune::plan(&mut View::open(&record).await?, today, CUT_LINES_MAX).await? else {
        println!("pruning: too few lines");
        return Ok(());
    };
    let begun = Instant::now();
    let out = remote.dir.join("part");
    let exported = prune::export_cut(View::open(&record).await?, &cut, &remote.key, &out).await?;
    let export = begun.elapsed();
    let mut store = remote.open().await?;
    let begun = Instant::now();
    store.prune(&exported, Moment { wall: wall(lines), ..Moment::default() }).await?;
    println!(
        "pruning {} lines: export {export:?} beside the work, writer kept {:?}",
        exported.lines(),
        begun.elapsed()
    );
    store.close(None).await?;
    Ok(())
}

fn within(what: &str, ours: Duration, other: Duration, ratio_max: f64) {
    let ratio = ours.as_secs_f64() / other.as_secs_f64();
    let verdict = if ratio <= ratio_max { "within" } else { "ABOVE" };
    println!("{what}: {ours:?} to {other:?}: {ratio:.3} times, {verdict} {ratio_max}");
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}
