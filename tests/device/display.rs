//! What a person sees of the machine, and does to it: words read off pictures of its display, and a finger.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};

use crate::machine::Machine;

/// Where things are on the pages at 720 × 1280, in pixels; `src/design/pictures` shows them.
pub(crate) const DOSE: (u32, u32) = (360, 835);
/// The same control while no dose is offered.
pub(crate) const NO_DOSE: (u32, u32) = (538, 968);
pub(crate) const MY_DOSE: (u32, u32) = (72, 1205);
pub(crate) const PUMP: (u32, u32) = (216, 1205);
pub(crate) const MORE: (u32, u32) = (504, 1205);
/// A day on, and what sets, on the page of the clock.
pub(crate) const DAY_ON: (u32, u32) = (136, 534);
pub(crate) const SET: (u32, u32) = (472, 1033);
/// The way to the self-test among those behind More, and from there to the service.
pub(crate) const SELF_TEST: (u32, u32) = (540, 740);
pub(crate) const SERVICE: (u32, u32) = (540, 1040);
/// What copies the record, at the foot of that page.
pub(crate) const COPY: (u32, u32) = (360, 1040);
/// A page's OK, and the help of the fault page, stand low in the middle.
pub(crate) const LOW: (u32, u32) = (360, 1010);

/// The way on, at the foot of the first run's pages.
pub(crate) const PROCEED: (u32, u32) = (459, 1183);

/// The key of this digit: a keypad stands low on its page, 19.2 by 15.5 mm from key to key, 294 pixels an inch.
pub(crate) const fn key(digit: u32) -> (u32, u32) {
    let (column, row) = if digit == 0 { (1, 3) } else { ((digit - 1) % 3, (digit - 1) / 3) };
    (138 + 222 * column, 644 + 179 * row)
}

/// The display's pictures, numbered.
pub(crate) struct Display {
    dir: PathBuf,
    number: u32,
}

impl Display {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), number: 0 }
    }

    /// The words on the display now, in small letters, in lines.
    pub(crate) fn words(&self, machine: &mut Machine) -> anyhow::Result<String> {
        let words = self.read(machine, &[])?;
        Ok(words.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n"))
    }

    /// What is read off the display now, in small letters, as this output of the reader has it.
    fn read(&self, machine: &mut Machine, output: &[&str]) -> anyhow::Result<String> {
        let (seen, small) = (self.dir.join("now.ppm"), self.dir.join("now.pgm"));
        machine.picture(&seen, "ppm")?;
        fs::write(&small, halved(&fs::read(&seen)?)?)?;
        // As one block of text: it misses words on fields of colour otherwise.
        let read = Command::new("tesseract").arg(&small).args(["-", "--psm", "6", "-l", "eng"]).args(output).output();
        let read = read.context("tesseract can't be started")?;
        ensure!(read.status.success(), "tesseract: {}", String::from_utf8_lossy(&read.stderr));
        Ok(String::from_utf8_lossy(&read.stdout).to_lowercase())
    }

    /// Touches the place where this word stands, once it does.
    pub(crate) fn tap_on(&self, machine: &mut Machine, word: &str, within: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            // The last of twelve columns is the word; its place, in half pixels, are those from the seventh on.
            let table = self.read(machine, &["tsv"])?;
            let row = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
            let place = row.filter(|cells| cells.len() == 12 && cells[11].trim() == word).find_map(|cells| {
                let [left, top, width, height] = [6, 7, 8, 9].map(|nth| cells[nth].parse::<u32>().ok());
                Some((2 * left? + width?, 2 * top? + height?))
            });
            if let Some(place) = place {
                return tap(machine, place);
            }
            ensure!(begun.elapsed() < within, "{word:?} is nowhere on the display within {within:?}:\n{table}");
            sleep(Duration::from_millis(200));
        }
    }

    /// Waits until one of these stands on the display; which.
    pub(crate) fn shows<'a>(
        &self,
        machine: &mut Machine,
        wanted: &[&'a str],
        within: Duration,
    ) -> anyhow::Result<&'a str> {
        let begun = Instant::now();
        loop {
            let words = self.words(machine)?;
            if let Some(found) = wanted.iter().find(|wanted| words.contains(&wanted.to_lowercase())) {
                return Ok(found);
            }
            ensure!(begun.elapsed() < within, "none of {wanted:?} on the display within {within:?}, but:\n{words}");
            sleep(Duration::from_millis(200));
        }
    }

    /// Keeps the picture that stands now.
    pub(crate) fn keep(&mut self, machine: &mut Machine, name: &str) -> anyhow::Result<()> {
        self.number += 1;
        machine.picture(&self.dir.join(format!("{:02}-{name}.png", self.number)), "png")
    }
}

/// Holds until one of these stands on the display, and lifts.
pub(crate) fn hold<'a>(
    display: &Display,
    machine: &mut Machine,
    at: (u32, u32),
    until: &[&'a str],
) -> anyhow::Result<&'a str> {
    machine.finger(at, true)?;
    // A hold is 1.5 s of the machine's own time, which may pass slowly; a key held for a minute is stuck.
    let shown = display.shows(machine, until, Duration::from_mins(4));
    machine.finger(at, false)?;
    shown
}

/// How long a short touch lasts in the machine, and the rest after it. What comes and goes within some 25 ms libinput takes for a button that
/// bounces; once it has seen one do so, two taps without a rest between them are one long press to it, and both are lost (6 of 6, none of 6
/// with the rest). A key takes one of two taps within 0.3 s.
const TOUCH: Duration = Duration::from_millis(200);

/// Touches shortly, and rests as a hand does before it taps again.
pub(crate) fn tap(machine: &mut Machine, at: (u32, u32)) -> anyhow::Result<()> {
    machine.finger(at, true)?;
    machine.pass(TOUCH)?;
    machine.finger(at, false)?;
    machine.pass(TOUCH)
}

/// A picture in half its size and in grey: the words of state are too large for a reader of books.
fn halved(ppm: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut at = 0;
    let mut number = || {
        while ppm.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let from = at;
        while ppm.get(at).is_some_and(|byte| !byte.is_ascii_whitespace()) {
            at += 1;
        }
        std::str::from_utf8(&ppm[from..at]).unwrap_or_default().to_owned()
    };
    ensure!(number() == "P6", "no picture");
    let (width, height): (usize, usize) = (number().parse()?, number().parse()?);
    ensure!(number() == "255", "an unusual picture");
    let pixels = ppm.get(at + 1..at + 1 + width * height * 3).context("a picture that was cut")?;
    let grey = |x: usize, y: usize| {
        let pixel = &pixels[(y * width + x) * 3..][..3];
        (u32::from(pixel[0]) * 3 + u32::from(pixel[1]) * 6 + u32::from(pixel[2])) / 10
    };
    let mut small = format!("P5 {} {} 255\n", width / 2, height / 2).into_bytes();
    for y in (0..height / 2 * 2).step_by(2) {
        for x in (0..width / 2 * 2).step_by(2) {
            let sum = grey(x, y) + grey(x + 1, y) + grey(x, y + 1) + grey(x + 1, y + 1);
            small.push(u8::try_from(sum / 4).unwrap_or(u8::MAX));
        }
    }
    Ok(small)
}
