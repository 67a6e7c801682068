//! What a screen reader is told of the desktop's window: the real program in a window, and AT-SPI's bus beside it.
//!
//! `run` builds the program with the feature `accessibility`, gives it a display and a session bus of its own, and starts this.
#![forbid(unsafe_code)]

mod tree;

use std::{
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, ensure};
use atspi_common::Role;

use self::tree::{Bus, Object, told};

/// Longer than a hold.
const HELD: Duration = Duration::from_secs(3);

type Case = (&'static str, fn(&Bus) -> anyhow::Result<()>);

/// In the order of one visit: each leaves the page that the next one begins on.
const CASES: [Case; 6] = [
    ("READY and the dose control are told, and no reader's key gives a dose", ready),
    ("of the tabs one is told as selected", tabs),
    ("the gauge is told with its value, and no dose is offered beside it", gauge),
    ("every control of every page behind More has a role and a name", every_control),
    ("a setting is told with what is chosen, and another language is spoken at once", settings),
    ("a hold: what becomes of it is announced unasked", hold),
];

/// The program, ended with this.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> ExitCode {
    let Some(program) = std::env::args_os().nth(1) else {
        println!("reader PROGRAM: what a screen reader is told of this program's window");
        return ExitCode::FAILURE;
    };
    let (passed, failed) = match begin(Path::new(&program)) {
        Ok((bus, _program, _data)) => judge(&bus),
        Err(error) => {
            println!("FAIL  a window that tells a reader anything\n      {error:#}");
            (0, CASES.len())
        }
    };
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn judge(bus: &Bus) -> (usize, usize) {
    let mut passed = 0;
    for (name, case) in CASES {
        match case(bus) {
            Ok(()) => {
                passed += 1;
                println!("pass  {name}");
            }
            Err(error) => {
                println!("FAIL  {name}");
                format!("{error:#}").lines().for_each(|line| println!("      {line}"));
            }
        }
    }
    (passed, CASES.len() - passed)
}

fn begin(program: &Path) -> anyhow::Result<(Bus, Program, tempfile::TempDir)> {
    let bus = Bus::of_a_reader()?;
    let data = tempfile::tempdir()?;
    let config = data.path().join("config.toml");
    std::fs::write(&config, "")?;
    let program = Command::new(program)
        .arg("--data-dir")
        .arg(data.path().join("data"))
        .arg("--config")
        .arg(config)
        .stdout(Stdio::null())
        .spawn()
        .context("the program can't be started")?;
    let program = Program(program);
    bus.until("READY", |objects| objects.iter().any(|object| object.name == "Ready"))?;
    Ok((bus, program, data))
}

fn ready(bus: &Bus) -> anyhow::Result<()> {
    let objects = bus.objects()?;
    let word = find(&objects, Role::Label, "Ready")?;
    ensure!(!word.can_act, "the state's word can be pressed");
    let dose = find(&objects, Role::Button, "Hold to get 50\u{a0}mcg")?;
    // A hold is made by a finger or a key that stays; what a reader does at once must not be one.
    ensure!(dose.is_enabled() && !dose.can_act, "the dose control is told as {dose:?}");
    Ok(())
}

fn tabs(bus: &Bus) -> anyhow::Result<()> {
    selected(&bus.objects()?, "My dose")
}

fn gauge(bus: &Bus) -> anyhow::Result<()> {
    let objects =
        go(bus, Role::PageTab, "Pump", |objects| objects.iter().any(|object| object.role == Role::ProgressBar))?;
    selected(&objects, "Pump")?;
    let gauge = objects.iter().find(|object| object.role == Role::ProgressBar).context("no gauge")?;
    let percent = gauge.value.context("the gauge has no value")?;
    ensure!((1.0..=100.0).contains(&percent), "{percent} % in the reservoir");
    // proves R-DSP-17
    ensure!(gauge.name.contains(&format!("{percent} %")), "{percent} % is said as {:?}", gauge.name);
    ensure!(
        !objects.iter().any(|object| object.name.contains("Hold to get")),
        "a dose is offered:\n{}",
        told(&objects)
    );
    Ok(())
}

fn every_control(bus: &Bus) -> anyhow::Result<()> {
    let more = |bus: &Bus| go(bus, Role::PageTab, "More", |objects| is_there(objects, Role::Button, "Settings"));
    let pages: Vec<String> =
        controls(&more(bus)?).filter(|object| object.role == Role::Button).map(|object| object.name.clone()).collect();
    ensure!(pages.len() >= 8, "behind More: {pages:?}");
    for page in pages {
        let objects = go(bus, Role::Button, &page, |objects| {
            !is_there(objects, Role::Button, &page) || !is_there(objects, Role::Button, "Settings")
        })
        .with_context(|| format!("the page behind {page:?}"))?;
        let nameless: Vec<_> = controls(&objects).filter(|object| object.name.trim().is_empty()).collect();
        let unknown: Vec<_> =
            objects.iter().filter(|object| matches!(object.role, Role::Invalid | Role::Unknown)).collect();
        // proves R-DSP-17
        ensure!(nameless.is_empty(), "behind {page:?} these have no name: {nameless:?}");
        ensure!(unknown.is_empty(), "behind {page:?} these have no role: {unknown:?}");
        more(bus)?;
    }
    Ok(())
}

fn settings(bus: &Bus) -> anyhow::Result<()> {
    let objects = go(bus, Role::Button, "Settings", |objects| is_there(objects, Role::Button, "Language"))?;
    let language = find(&objects, Role::Button, "Language")?;
    // proves R-DSP-17
    ensure!(language.description == "English", "the language is told as {language:?}");
    bus.act(language)?;
    let objects = bus.until("German", |objects| is_there(objects, Role::Button, "Sprache · Language"))?;
    ensure!(find(&objects, Role::Button, "Sprache · Language")?.description == "Deutsch", "{}", told(&objects));
    Ok(())
}

fn hold(bus: &Bus) -> anyhow::Result<()> {
    let is_dose = |object: &Object| object.role == Role::Button && object.name.contains("50\u{a0}mcg");
    let objects = go(bus, Role::PageTab, "Dosis", |objects| objects.iter().any(is_dose))?;
    let (x, y) = bus.middle(objects.iter().find(|object| is_dose(object)).context("no dose control")?)?;
    let pointer = |words: &str| -> anyhow::Result<()> {
        let moved = Command::new("xdotool").args(words.split(' ')).status().context("xdotool")?;
        ensure!(moved.success(), "xdotool {words}");
        Ok(())
    };
    bus.announced("Abgabe", || {
        pointer(&format!("mousemove {x} {y} mousedown 1"))?;
        sleep(HELD);
        pointer("mouseup 1")
    })
}

/// Presses a control as a reader does, and waits for what is told then.
fn go(bus: &Bus, role: Role, name: &str, there: impl Fn(&[Object]) -> bool) -> anyhow::Result<Vec<Object>> {
    let objects = bus.objects()?;
    bus.act(find(&objects, role, name)?)?;
    bus.until(&format!("what {name:?} leads to"), there)
}

fn selected(objects: &[Object], name: &str) -> anyhow::Result<()> {
    let tabs: Vec<_> = objects.iter().filter(|object| object.role == Role::PageTab).collect();
    let selected: Vec<_> = tabs.iter().filter(|tab| tab.is_selected()).map(|tab| tab.name.as_str()).collect();
    // proves R-DSP-17
    ensure!(tabs.len() == 5 && selected == [name], "of {} tabs these are selected: {selected:?}", tabs.len());
    Ok(())
}

fn controls(objects: &[Object]) -> impl Iterator<Item = &Object> {
    objects.iter().filter(|object| object.is_control())
}

fn is_there(objects: &[Object], role: Role, name: &str) -> bool {
    objects.iter().any(|object| object.role == role && object.name == name)
}

fn find<'a>(objects: &'a [Object], role: Role, name: &str) -> anyhow::Result<&'a Object> {
    objects
        .iter()
        .find(|object| object.role == role && object.name == name)
        .with_context(|| format!("no {role:?} {name:?}, but:\n{}", told(objects)))
}
