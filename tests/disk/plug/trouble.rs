//! A disk that is really full, really read-only, or really fails, under ext4 in the emulated machine.
//!
//! Each has the same three acts: it works and doses go in; the trouble comes, and the page says that nothing can be recorded and offers
//! no dose; the trouble goes, and doses go in again: at once, or, where ext4 has given up on the disk, after a start. A disk that is
//! mounted read-only lets nothing start: the program says why and ends.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use disk_tests::{bedside::Bedside, told::Told};

use crate::{
    FOR_EVER, Slot,
    machine::{Machine, Parts},
};

/// How long an act may take on a busy machine.
const ACT_MAX: Duration = Duration::from_mins(1);
/// How many doses show that it works.
const DOSES: u64 = 2;

/// How long the trouble stays after the page has said so.
const SHOWN: Duration = Duration::from_secs(3);

/// What happens to the disk.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Full,
    ReadOnly,
    Fails,
}

struct Act<'a> {
    parts: &'a Parts,
    slot: &'a Slot,
    bedside: Bedside,
    machine: Option<Machine>,
    /// Whether the page has said that nothing can be recorded.
    said: bool,
}

/// All of them, one line each: how many went well, and how many not.
pub(crate) fn all(parts: &Parts, dir: &Path, empty: &[u8]) -> anyhow::Result<(u32, u32)> {
    let (mut passed, mut failed) = (0, 0);
    for trouble in [Trouble::Full, Trouble::ReadOnly, Trouble::Fails] {
        let slot = Slot::new(dir, empty.to_vec(), true)?;
        match play(parts, &slot, trouble) {
            Ok(told) => {
                passed += 1;
                println!("{trouble:?}: {told}");
            }
            Err(error) => {
                failed += 1;
                println!("{trouble:?}: FAILED: {error:#}");
            }
        }
    }
    Ok((passed, failed))
}

fn play(parts: &Parts, slot: &Slot, trouble: Trouble) -> anyhow::Result<String> {
    slot.card.plug_in(None);
    let mut act = Act { parts, slot, bedside: Bedside::default(), machine: None, said: false };
    act.start()?;
    act.until_doses().context("before the trouble")?;
    match trouble {
        Trouble::Full => act.order("fill")?,
        Trouble::Fails => slot.card.fails(true),
        Trouble::ReadOnly => return read_only(act),
    }
    act.until(|act| act.said).context("the page never said that nothing can be recorded")?;
    let given = act.bedside.counts.doses;
    act.for_a_while(SHOWN)?;
    ensure!(act.bedside.counts.doses == given, "a dose was committed while nothing could be recorded");
    let refused = act.bedside.counts.refused;
    let went_on = match trouble {
        Trouble::Full => act.order("empty").map(|()| "at once")?,
        Trouble::Fails | Trouble::ReadOnly => {
            // ext4 has given up on the disk, and stays read-only until it is mounted anew.
            slot.card.fails(false);
            act.stop()?;
            slot.check()?;
            act.start().map(|()| "after a start")?
        }
    };
    act.until_doses().context("after the trouble")?;
    let doses = act.bedside.counts.doses;
    act.stop()?;
    Ok(format!(
        "{given} doses, then {refused} batches were refused, the page said so and no dose left; went on {went_on}: {doses} doses"
    ))
}

/// The second start finds the disk mounted read-only, the third as it should be.
fn read_only(mut act: Act<'_>) -> anyhow::Result<String> {
    let given = act.bedside.counts.doses;
    act.stop()?;
    act.start_with(&format!("{FOR_EVER} read-only"))?;
    let begun = Instant::now();
    let why = loop {
        ensure!(begun.elapsed() < ACT_MAX, "nothing was said within {ACT_MAX:?}");
        match act.machine()?.line_within(SHOWN)?.map(|line| line.parse()).transpose()? {
            Some(Told::Unopened(why)) => break why,
            Some(Told::Log(_)) | None => {}
            Some(told) => anyhow::bail!("a record that can't be written was opened: {told}"),
        }
    };
    act.stop()?;
    act.start()?;
    act.until_doses().context("after the trouble")?;
    let doses = act.bedside.counts.doses;
    act.stop()?;
    Ok(format!("{given} doses, then nothing started ({why}); went on when mounted to be written to: {doses} doses"))
}

impl Act<'_> {
    fn start(&mut self) -> anyhow::Result<()> {
        self.start_with(FOR_EVER)
    }

    fn start_with(&mut self, task: &str) -> anyhow::Result<()> {
        let mut machine = Machine::begin(self.parts, &self.slot.dir, &self.slot.socket)?;
        self.bedside.begin();
        machine.type_line(task)?;
        self.machine = Some(machine);
        Ok(())
    }

    /// The machine is switched off.
    fn stop(&mut self) -> anyhow::Result<()> {
        for line in self.machine.take().map(Machine::end).unwrap_or_default() {
            // The last line of a writer that has ended is its kernel's business.
            if let Ok(told) = line.parse() {
                self.bedside.hear(&told)?;
            }
        }
        self.slot.card.unplug();
        self.slot.card.plug_in(None);
        Ok(())
    }

    fn machine(&mut self) -> anyhow::Result<&mut Machine> {
        self.machine.as_mut().context("no machine runs")
    }

    fn order(&mut self, order: &str) -> anyhow::Result<()> {
        self.machine()?.type_line(order)
    }

    fn until_doses(&mut self) -> anyhow::Result<()> {
        let wanted = self.bedside.counts.doses + DOSES;
        self.until(|act| act.bedside.counts.doses >= wanted)
    }

    fn until(&mut self, is: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !is(self) {
            ensure!(begun.elapsed() < ACT_MAX, "not within {ACT_MAX:?}");
            self.hear_one()?;
        }
        Ok(())
    }

    fn for_a_while(&mut self, span: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < span {
            self.hear_one()?;
        }
        Ok(())
    }

    fn hear_one(&mut self) -> anyhow::Result<()> {
        let Some(line) = self.machine()?.line_within(Duration::from_millis(50))? else { return Ok(()) };
        let told: Told = line.parse()?;
        match &told {
            Told::Unopened(why) => anyhow::bail!("the record can't be opened: {why}"),
            Told::Log(line) if line.starts_with("not obeyed") => anyhow::bail!("{line}"),
            Told::Face(face) if face.contains("RecordNotWritable") => self.said = true,
            _ => {}
        }
        if let Some(reply) = self.bedside.hear(&told)? {
            self.machine()?.type_line(&reply)?;
        }
        Ok(())
    }
}
