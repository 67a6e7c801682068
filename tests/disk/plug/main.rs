//! Pulls the plug of an emulated machine while it presses, on a card that loses and reorders whatever was not flushed.
//!
//! Each cut is one line: its seed, where it fell, what the card lost. The machine after it judges: the whole record verifies, what
//! was said to be durable is there, PREPARE and COMMIT that left are known to it, and the same question is open. `plug/run` makes
//! the machine and calls this; see there.
#![forbid(unsafe_code)]

mod card;
mod machine;
mod trouble;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Parser;
use disk_tests::{
    bedside::{Bedside, PromiseBroken},
    told::{Told, Walked},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use self::{
    card::{Card, Cut},
    machine::{Machine, Parts},
};

/// So many cuts one card takes before the next begins empty: making the record is cut as well.
const CUTS_A_CARD: u32 = 5;
/// The most writes and flushes before a cut: a start and a few doses.
const REQUESTS_MAX: u32 = 400;
/// Nothing takes longer, on a busy machine.
const RUN_MAX: Duration = Duration::from_mins(1);
/// What the image checks its data partition with.
const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../systemd/image/superblock");
/// The writer's order: press for ever, prune nothing, walk the whole record after opening it.
const FOR_EVER: &str = "go /data/remote 1000000 0 true";
const ONE_MORE: &str = "go /data/remote 1 0 true";

/// Pulls the plug.
#[derive(Debug, Parser)]
struct Arguments {
    /// Debian's kernel
    #[arg(long)]
    kernel: PathBuf,
    /// With the writer as its first process
    #[arg(long)]
    initramfs: PathBuf,
    /// An empty file system, as the image has it
    #[arg(long)]
    card: PathBuf,
    /// For sockets and the booted machine
    #[arg(long)]
    dir: PathBuf,
    /// How many cuts
    #[arg(long, default_value_t = 10)]
    cuts: u32,
    /// The first cut's seed; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many machines at a time
    #[arg(long, default_value_t = 2)]
    machines: u32,
    /// The card answers a flush and does nothing: losses must be found
    #[arg(long)]
    card_ignores_flush: bool,
    /// The writer or the card is broken on purpose: passes if that is found
    #[arg(long)]
    expect_loss: bool,
    /// Pull the plug after so many seconds at the latest: a writer that doesn't flush hardly writes either
    #[arg(long)]
    pulled_after_s: Option<u64>,
    /// A full, a read-only and a failing disk instead of cuts
    #[arg(long)]
    troubles: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok((passed, failed)) => {
            println!("{passed} passed, {failed} failed");
            if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error:#}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<(u32, u32)> {
    fs::create_dir_all(&arguments.dir)?;
    let parts = Parts {
        kernel: arguments.kernel.clone(),
        initramfs: arguments.initramfs.clone(),
        kept: arguments.dir.join("booted"),
    };
    let empty = fs::read(&arguments.card).context("the card")?;
    let begun = Instant::now();
    let booting = Slot::new(&arguments.dir.join("boot"), empty.clone(), true)?;
    Machine::boot_and_keep(&parts, &booting.dir, &booting.socket)?;
    println!("booted and kept in {} s", begun.elapsed().as_secs());
    if arguments.troubles {
        return trouble::all(&parts, &arguments.dir.join("trouble"), &empty);
    }
    let verdicts = std::thread::scope(|scope| {
        let machines: Vec<_> = (0..arguments.machines)
            .map(|number| {
                let (parts, empty) = (&parts, &empty);
                scope.spawn(move || cuts(arguments, parts, empty, number))
            })
            .collect();
        machines.into_iter().map(|machine| machine.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    let verdicts: Vec<Verdict> = verdicts.into_iter().flatten().collect();
    ensure!(verdicts.len() == arguments.cuts as usize, "only {} cuts were made", verdicts.len());
    let count = |wanted: Verdict| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    let (good, lost) = (count(Verdict::Survived), count(Verdict::PromiseBroken));
    println!(
        "{good} of {} cuts lost nothing, {lost} lost what was promised, in {} s",
        arguments.cuts,
        begun.elapsed().as_secs()
    );
    let good = u32::try_from(good)?;
    Ok(match arguments.expect_loss {
        false => (good, arguments.cuts - good),
        // A machine that doesn't come up proves nothing: a broken promise must be found as one.
        true if lost > 0 => (1, 0),
        true => (0, 1),
    })
}

/// What a cut came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Survived,
    /// What was said to be durable is not there.
    PromiseBroken,
    OtherwiseWrong,
}

impl Verdict {
    fn of(survived: &anyhow::Result<String>) -> Self {
        match survived {
            Ok(_) => Self::Survived,
            Err(error) if error.is::<PromiseBroken>() => Self::PromiseBroken,
            Err(_) => Self::OtherwiseWrong,
        }
    }
}

/// One machine's place, and the card in it.
pub(crate) struct Slot {
    pub(crate) dir: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) card: Card,
}

impl Slot {
    fn new(dir: &Path, flash: Vec<u8>, obeys_flush: bool) -> anyhow::Result<Self> {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        fs::create_dir_all(dir)?;
        let (socket, card) = (dir.join("card"), Card::new(flash, obeys_flush));
        card.serve_at(&socket)?;
        Ok(Self { dir: dir.to_owned(), socket, card })
    }

    /// Checks the file system as the image does before it mounts it; what there was to mend.
    ///
    /// It is needed: of a commit block of the journal, or of the superblock, one half may be old, and the kernel then mounts nothing.
    fn check(&self) -> anyhow::Result<&'static str> {
        let image = self.dir.join("image");
        self.card.with_flash(|flash| fs::write(&image, flash))?;
        let checked = Command::new(CHECK).arg(&image).output().context(CHECK)?;
        let code = checked.status.code().unwrap_or(-1);
        let said = String::from_utf8_lossy(&checked.stdout);
        // 1: what was wrong is mended (e2fsck(8)).
        ensure!(matches!(code, 0 | 1), "e2fsck -p ends with {code}: {}", said.trim());
        let mended = fs::read(&image)?;
        self.card.with_flash(|flash| *flash = mended);
        Ok(match code {
            0 => "",
            _ if said.contains("by the first copy") => "; e2fsck had to mend the superblock",
            _ => "; e2fsck had to mend the journal",
        })
    }
}

/// All cuts of one of the machines: whether each was survived.
fn cuts(arguments: &Arguments, parts: &Parts, empty: &[u8], machine: u32) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for first in
        (0..arguments.cuts).step_by(CUTS_A_CARD as usize).skip(machine as usize).step_by(arguments.machines as usize)
    {
        let dir = arguments.dir.join(format!("machine-{machine}"));
        let life = Slot::new(&dir, empty.to_vec(), !arguments.card_ignores_flush).map(|slot| Life {
            slot,
            bedside: Bedside::default(),
            walked: Walked::default(),
        });
        let mut life = match life {
            Ok(life) => life,
            Err(error) => {
                println!("no card: {error:#}");
                return verdicts;
            }
        };
        for number in first..arguments.cuts.min(first + CUTS_A_CARD) {
            let seed = arguments.seed + u64::from(number);
            let survived = life.cut(parts, seed, arguments.pulled_after_s.map(Duration::from_secs));
            let verdict = survived.as_ref().map_or_else(|error| format!("LOST: {error:#}"), Clone::clone);
            println!("cut {:3}  seed {seed:3}  {verdict}", number + 1);
            verdicts.push(Verdict::of(&survived));
            if survived.is_err() {
                // What is wrong with this card stays wrong: the next begins anew.
                match Slot::new(&dir, empty.to_vec(), !arguments.card_ignores_flush)
                    .map(|slot| (slot, Bedside::default()))
                {
                    Ok((slot, bedside)) => (life.slot, life.bedside) = (slot, bedside),
                    Err(_) => return verdicts,
                }
            }
        }
    }
    verdicts
}

/// A card and all that was promised about it.
struct Life {
    slot: Slot,
    bedside: Bedside,
    walked: Walked,
}

impl Life {
    /// Lets a machine press until its plug is pulled, and another one judge what is left.
    fn cut(&mut self, parts: &Parts, seed: u64, pulled_after: Option<Duration>) -> anyhow::Result<String> {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let before = self.bedside.counts;
        // Half of the cuts fall while the record is made or opened.
        let most = if chance.next_u32().is_multiple_of(3) { REQUESTS_MAX / 8 } else { REQUESTS_MAX };
        self.slot.card.plug_in(Some(1 + chance.next_u32() % most));
        let machine = self.press(parts, pulled_after)?;
        let said = machine.end();
        let cut = self.slot.card.cut(&mut chance);
        for line in said {
            self.hear(&line)?;
        }
        let mended = self.slot.check()?;
        let promised = self.bedside.durable().map_or(0, |durable| durable.head.count);
        let question = self.bedside.durable().map_or("-".to_owned(), |durable| durable.kept.question.clone());
        self.look(parts)?;
        let found = self.bedside.durable().map_or(0, |durable| durable.head.count);
        let Cut { unflushed, old, between, answered, flushes } = cut;
        let doses = self.bedside.counts.doses - before.doses;
        Ok(format!(
            "after {answered:3} writes with {flushes:2} flushes: of {unflushed:3} unflushed sectors {old:3} old, {between:2} between; \
             {doses} doses, {promised:3} lines promised, {found:3} found, all good; open: {question}{mended}"
        ))
    }

    /// Until the plug is pulled.
    fn press(&mut self, parts: &Parts, pulled_after: Option<Duration>) -> anyhow::Result<Machine> {
        let mut machine = self.begin(parts, FOR_EVER)?;
        let begun = Instant::now();
        while !self.slot.card.pulled() {
            ensure!(begun.elapsed() < RUN_MAX, "no cut within {RUN_MAX:?}");
            if pulled_after.is_some_and(|span| begun.elapsed() > span) {
                break;
            }
            if let Some(line) = machine.line_within(Duration::from_millis(20))?
                && let Some(reply) = self.hear(&line)?
            {
                machine.type_line(&reply)?;
            }
        }
        Ok(machine)
    }

    /// A machine that is left alone: it opens and walks the record; then its plug is pulled without anything lost on the way.
    fn look(&mut self, parts: &Parts) -> anyhow::Result<()> {
        self.slot.card.plug_in(None);
        let mut machine = self.begin(parts, ONE_MORE)?;
        let begun = Instant::now();
        let mut walked = None;
        while walked.is_none() {
            ensure!(begun.elapsed() < RUN_MAX, "nothing was found within {RUN_MAX:?}");
            let Some(line) = machine.line_within(Duration::from_millis(200))? else { continue };
            self.hear(&line)?;
            if let Ok(Told::Walked(found)) = line.parse() {
                walked = Some(found);
            }
        }
        self.walked = walked.unwrap_or_default();
        // What it has begun to write meanwhile is lost, as after any cut.
        for line in machine.end() {
            self.hear(&line)?;
        }
        self.slot.card.cut(&mut ChaCha8Rng::seed_from_u64(0));
        self.slot.check().map(drop)
    }

    fn begin(&mut self, parts: &Parts, task: &str) -> anyhow::Result<Machine> {
        let mut machine = Machine::begin(parts, &self.slot.dir, &self.slot.socket)?;
        self.bedside.begin();
        machine.type_line(task)?;
        Ok(machine)
    }

    fn hear(&mut self, line: &str) -> anyhow::Result<Option<String>> {
        let told = line.parse::<Told>().with_context(|| format!("heard {line:?}"))?;
        if let Told::Unopened(why) = &told {
            anyhow::bail!("the record can't be opened: {why}");
        }
        self.bedside.hear(&told)
    }
}
