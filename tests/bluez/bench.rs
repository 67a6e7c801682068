//! A pump and a remote on the bench: their places, their words, and the pairing that most cases begin with.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bluer::{Adapter, Device};
use futures::StreamExt as _;
use pump_core::audit::event::Event;

use crate::{
    bare::until_connected,
    judge::{self, Agreed, Outcome},
    program::{Program, Transcript},
    stack::Stack,
};

/// Where everything lies in the guest; gone with it.
const PLACE: &str = "/bench/run";
const PUMP: &str = "/bench/pump-simulator";
const REMOTE: &str = "/bench/pump-remote";
const PEER: &str = "/bench/python/peer.py";
pub(crate) const RECORD: &str = "record.db";
/// Anything that is done within the machine itself.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// A link that is found, made and shaken hands over, with the waits between attempts, in an emulated machine.
pub(crate) const LINK_MAX: Duration = Duration::from_mins(1);
/// The whole dose, its minute and a report after it.
pub(crate) const DOSE_MAX: Duration = Duration::from_secs(130);
/// The shortest lockout that can be programmed, and a report after it.
pub(crate) const LOCKOUT_MAX: Duration = Duration::from_mins(8);

/// The bench.
pub(crate) struct Bench {
    pub(crate) stack: Stack,
    pub(crate) transcript: Transcript,
    place: PathBuf,
    /// What a pairing has left, for the cases that begin with one.
    paired: Option<Paired>,
}

#[derive(Clone, Debug)]
struct Paired {
    /// `pump` and `remote`, as they were.
    place: PathBuf,
}

/// A pump that runs.
pub(crate) struct Pump {
    pub(crate) program: Program,
    /// As printed on its card.
    pub(crate) secret: String,
    marks: u32,
}

/// A remote that runs.
pub(crate) struct Remote {
    pub(crate) program: Program,
}

impl Bench {
    /// Starts the stack.
    pub(crate) async fn start(debug: bool) -> anyhow::Result<Self> {
        let transcript = Transcript::new();
        let stack = match Stack::start(&transcript, debug).await {
            Ok(stack) => stack,
            Err(error) => {
                transcript.take().iter().for_each(|line| eprintln!("{line}"));
                return Err(error);
            }
        };
        Ok(Self { stack, transcript, place: PLACE.into(), paired: None })
    }

    /// Daemon and controllers as they should be, an empty place for a case, and nobody connected.
    pub(crate) async fn stand_up(&mut self) -> anyhow::Result<()> {
        self.stack.stand_up().await?;
        self.hang_up().await?;
        empty(&self.place)
    }

    /// Ends whatever connection there is.
    pub(crate) async fn hang_up(&self) -> anyhow::Result<()> {
        for adapter in [self.stack.remotes().await?, self.stack.pumps().await?] {
            for device in connected(&adapter).await? {
                // It may be ending already, with its other side.
                let ended = device.disconnect().await;
                tokio::time::timeout(SOON, until_connected(&device, false))
                    .await
                    .with_context(|| format!("a connection stays: {ended:?}"))??;
            }
        }
        Ok(())
    }

    /// Where the case's pump or remote is kept.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    /// Starts the pump that is kept here.
    pub(crate) async fn pump(&self) -> anyhow::Result<Pump> {
        self.pump_at("pump").await
    }

    async fn pump_at(&self, name: &str) -> anyhow::Result<Pump> {
        self.start_pump(name, "--bluetooth", self.stack.adapters[1].as_ref()).await
    }

    /// Starts the pump that is kept here, for somebody else to bring on the air.
    pub(crate) async fn pump_on_socket(&self) -> anyhow::Result<(Pump, PathBuf)> {
        let socket = self.at("socket");
        Ok((self.start_pump("pump", "--socket", socket.as_os_str()).await?, socket))
    }

    async fn start_pump(&self, name: &str, reached_by: &str, place: &OsStr) -> anyhow::Result<Pump> {
        let state = self.at(name);
        fs::create_dir_all(&state)?;
        let state = state.join("state");
        let arguments = [reached_by.as_ref(), place, "--state".as_ref(), state.as_os_str()];
        let mut program = Program::start("pump", PUMP, arguments, &self.transcript)?;
        let line = program.line("its card's secret", SOON, |line| line.contains(SECRET)).await?;
        let secret = line.split_once(SECRET).map(|(_, secret)| secret.trim().to_owned()).unwrap_or_default();
        Ok(Pump { program, secret, marks: 0 })
    }

    /// Starts a peer on the other host stack, with a controller of its own.
    pub(crate) async fn bumble(&self, what: &str, whom: &str) -> anyhow::Result<Program> {
        let spare = self.stack.spare().await?;
        Program::start("bumble", "python3", [PEER, &spare, what, whom], &self.transcript)
    }

    /// Starts the remote that is kept here.
    pub(crate) fn remote(&self) -> anyhow::Result<Remote> {
        self.start_remote("remote", &[])
    }

    /// Starts one that pairs first.
    pub(crate) fn pairing_remote(&self, name: &str, secret: &str) -> anyhow::Result<Remote> {
        self.start_remote(name, &["--pair", secret])
    }

    /// Starts the one that is kept under this name.
    pub(crate) fn start_remote(&self, name: &str, more: &[&str]) -> anyhow::Result<Remote> {
        let data_dir = self.at(name);
        let mut arguments = vec!["--headless", "--bluetooth", &self.stack.adapters[0], "--data-dir"];
        arguments.push(data_dir.to_str().context("a plain path")?);
        arguments.extend(more);
        Ok(Remote { program: Program::start("remote", REMOTE, arguments, &self.transcript)? })
    }

    /// Takes the remote out of use. It ends by itself.
    pub(crate) fn decommission(&self) -> anyhow::Result<Program> {
        let (data_dir, to) = (self.at("remote"), self.at("exported"));
        fs::create_dir_all(&to)?;
        let data_dir = data_dir.to_str().context("a plain path")?;
        let to = to.to_str().context("a plain path")?;
        let adapter = &self.stack.adapters[0];
        let arguments = ["--bluetooth", adapter, "--data-dir", data_dir, "--decommission", to];
        Program::start("remote", REMOTE, arguments, &self.transcript)
    }

    /// A pump and a remote that are paired, as in the case that proves the pairing. Neither runs yet.
    pub(crate) async fn paired(&mut self) -> anyhow::Result<()> {
        if self.paired.is_none() {
            self.pair().await.context("the pairing that this case begins with")?;
        }
        let paired = self.paired.clone().context("nothing was paired")?;
        empty(&self.place)?;
        copy(&paired.place, &self.place)
    }

    /// Both, started from a pairing and READY.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<(Pump, Remote)> {
        self.paired().await?;
        let pump = self.pump().await?;
        let mut remote = self.remote()?;
        remote.shows("READY", LINK_MAX).await?;
        Ok((pump, remote))
    }

    /// An empty place, and radios that know nobody.
    pub(crate) async fn unpaired(&mut self) -> anyhow::Result<()> {
        self.stack.forget_bonds().await?;
        // The bond that the kept pairing rests on is gone with them.
        self.paired = None;
        empty(&self.place)
    }

    /// The secret on the card of another pump.
    pub(crate) async fn another_secret(&self) -> anyhow::Result<String> {
        let pump = self.pump_at("another").await?;
        let secret = pump.secret.clone();
        pump.program.quit("quit").await?;
        Ok(secret)
    }

    /// Ends both, in good order.
    pub(crate) async fn end(&self, pump: Pump, remote: Remote) -> anyhow::Result<()> {
        ensure!(remote.program.quit("quit").await?, "the remote did not end in good order");
        ensure!(pump.program.quit("quit").await?, "the pump did not end in good order");
        Ok(())
    }

    /// Ends a case: so many given, in part, and not given, by both sides' accounts; then both, in good order.
    pub(crate) async fn close(&self, mut pump: Pump, remote: Remote, came_of_it: [u32; 3]) -> anyhow::Result<String> {
        self.agree(&mut pump, came_of_it).await?;
        self.end(pump, remote).await?;
        Ok(String::new())
    }

    /// Pairs in an empty place, and keeps what that has left.
    pub(crate) async fn pair(&mut self) -> anyhow::Result<()> {
        self.unpaired().await?;
        let mut pump = self.pump().await?;
        // The shortest that can be programmed.
        pump.says("program duration=1 lockout=5 allotment=48 limit=4000", "is in force").await?;
        pump.opens_its_window().await?;
        let mut remote = self.pairing_remote("remote", &pump.secret)?;
        remote.program.line("that it is paired", LINK_MAX, |line| line.starts_with("Paired with pump")).await?;
        remote.shows("READY", LINK_MAX).await?;
        let bonded = self.bonds().await?;
        ensure!(bonded == [1, 1], "each side has one bond, but there are {bonded:?}");
        self.end(pump, remote).await?;
        let place = PathBuf::from(format!("{PLACE}-paired"));
        empty(&place)?;
        copy(&self.place, &place)?;
        self.paired = Some(Paired { place });
        Ok(())
    }

    /// How many bonds the remote's and the pump's side have.
    pub(crate) async fn bonds(&self) -> anyhow::Result<[usize; 2]> {
        Ok([bonds(&self.stack.remotes().await?).await?, bonds(&self.stack.pumps().await?).await?])
    }

    /// Waits until both sides have a bond.
    pub(crate) async fn until_bonded(&self, within: Duration) -> anyhow::Result<()> {
        let bonded = async {
            let adapter = self.stack.remotes().await?;
            let mut events = Box::pin(adapter.discover_devices_with_changes().await?);
            while bonds(&adapter).await? == 0 {
                events.next().await.context("the adapter is gone")?;
            }
            Ok(())
        };
        tokio::time::timeout(within, bonded).await.context("no bond was made")?
    }

    /// The devices that are connected, seen from the pump's side.
    pub(crate) async fn connected(&self) -> anyhow::Result<Vec<Device>> {
        connected(&self.stack.pumps().await?).await
    }

    /// Waits until the record holds such an event: the record's file tells nobody that it has grown, so it is read again.
    pub(crate) async fn until_recorded(&self, wanted: impl Fn(&Event) -> bool, within: Duration) -> anyhow::Result<()> {
        let recorded = async {
            while !judge::events(&self.record()).await?.iter().any(|happened| wanted(&happened.event)) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(())
        };
        tokio::time::timeout(within, recorded).await.context("the record does not say it")?
    }

    /// Compares the pump's history with the remote's record, once no request is open; both may still run.
    pub(crate) async fn compare(&self, pump: &mut Pump) -> anyhow::Result<Agreed> {
        // NOT GIVEN is shown before the pump has agreed to it, and the record's file tells nobody that it has grown.
        let settled = async {
            loop {
                let events = judge::events(&self.record()).await?;
                if !judge::outcomes(&events).values().any(|outcome| *outcome == Outcome::Open) {
                    return anyhow::Ok(events);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let events = tokio::time::timeout(LINK_MAX, settled).await.context("a request stays open")??;
        judge::compare(&events, &pump.history().await?)
    }

    /// The same, where this must have come of it: so many given, in part, and not given.
    pub(crate) async fn agree(&self, pump: &mut Pump, [given, in_part, not_given]: [u32; 3]) -> anyhow::Result<()> {
        let agreed = self.compare(pump).await?;
        let wanted = Agreed { given, in_part, not_given };
        ensure!(agreed == wanted, "both sides agree on {agreed:?}, but {wanted:?} should have come of it");
        Ok(())
    }

    /// The remote's record.
    pub(crate) fn record(&self) -> PathBuf {
        self.at("remote").join(RECORD)
    }
}

/// A pump holds the keys of far fewer.
const NOBODY: u32 = 1000;
const SECRET: &str = "Implant card secret: ";

impl Pump {
    /// Types a line at the console, and waits for what it answers.
    pub(crate) async fn says(&mut self, line: &str, answer: &str) -> anyhow::Result<String> {
        self.program.pass_over();
        self.program.types(line).await?;
        self.program.line(answer, SOON, |line| line.contains(answer)).await
    }

    /// Holds a magnet to it.
    pub(crate) async fn opens_its_window(&mut self) -> anyhow::Result<()> {
        self.says("magnet", "The pairing window is open").await.map(drop)
    }

    /// Puts a fault into its script.
    pub(crate) async fn fault(&mut self, fault: &str) -> anyhow::Result<()> {
        let first = fault.split(' ').next().unwrap_or_default().to_owned();
        self.says(fault, &first).await.map(drop)
    }

    /// Its history, oldest first.
    pub(crate) async fn history(&mut self) -> anyhow::Result<Vec<String>> {
        let told = self.asked("history 100").await?;
        Ok(told
            .into_iter()
            .filter(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit()))
            .collect())
    }

    /// Waits until every fault has struck: it is asked again, because the pump says nothing by itself.
    pub(crate) async fn is_struck(&mut self) -> anyhow::Result<()> {
        let asking = async {
            while self.asked("status").await?.iter().any(|line| line.starts_with("Fault waiting")) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        tokio::time::timeout(SOON, asking).await.context("a fault has not struck")?
    }

    async fn asked(&mut self, question: &str) -> anyhow::Result<Vec<String>> {
        let before = self.program.lines().len();
        self.program.types(question).await?;
        self.marks += 1;
        // The console answers in order, and this in one line.
        let number = NOBODY + self.marks;
        let mark = format!("No remote {number} is paired");
        self.says(&format!("revoke {number}"), &mark).await?;
        Ok(self.program.lines().into_iter().skip(before).take_while(|line| !line.starts_with(&mark)).collect())
    }

    /// Waits until its history has a line with these words.
    pub(crate) async fn has(&mut self, words: &str) -> anyhow::Result<bool> {
        Ok(self.history().await?.iter().any(|line| line.contains(words)))
    }
}

impl Remote {
    /// Waits until it shows this page, or shows it already.
    pub(crate) async fn shows(&mut self, page: &str, within: Duration) -> anyhow::Result<String> {
        self.program.stands(&format!("page {page}"), within, "page ").await
    }

    /// Waits for a page that it begins to show after the last word, however shortly.
    pub(crate) async fn comes_to(&mut self, page: &str, within: Duration) -> anyhow::Result<String> {
        let line = format!("page {page}");
        self.program.line(&line, within, |said| said.starts_with(&line)).await
    }

    /// Waits for the first of several pages.
    pub(crate) async fn comes_to_one_of(&mut self, pages: &[&str], within: Duration) -> anyhow::Result<String> {
        let is_one = |line: &str| pages.iter().any(|page| line.starts_with(&format!("page {page}")));
        self.program.line(&format!("one of the pages {pages:?}"), within, is_one).await
    }

    /// Holds, until the dose goes in.
    pub(crate) async fn starts_a_dose(&mut self) -> anyhow::Result<()> {
        self.types("hold").await?;
        self.comes_to("DELIVERING", LINK_MAX).await.map(drop)
    }

    /// Stops the dose that goes in; what came of it.
    pub(crate) async fn stops_it(&mut self) -> anyhow::Result<String> {
        self.types("stop").await?;
        Ok(self.comes_to("GIVEN IN PART", LINK_MAX).await?.replace("page ", ""))
    }

    /// Waits until its link is up or down.
    pub(crate) async fn link(&mut self, state: &str, within: Duration) -> anyhow::Result<String> {
        self.program.stands(&format!("link {state}"), within, "link ").await
    }

    /// Types a word, and forgets what was said before it.
    pub(crate) async fn types(&mut self, word: &str) -> anyhow::Result<()> {
        self.program.pass_over();
        self.program.types(word).await
    }
}

async fn connected(adapter: &Adapter) -> anyhow::Result<Vec<Device>> {
    let mut connected = Vec::new();
    for address in adapter.device_addresses().await? {
        let device = adapter.device(address)?;
        if device.is_connected().await? {
            connected.push(device);
        }
    }
    Ok(connected)
}

async fn bonds(adapter: &Adapter) -> anyhow::Result<usize> {
    let mut bonds = 0;
    for address in adapter.device_addresses().await? {
        bonds += usize::from(adapter.device(address)?.is_paired().await?);
    }
    Ok(bonds)
}

fn empty(place: &Path) -> anyhow::Result<()> {
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    Ok(fs::create_dir_all(place)?)
}

/// Copies a directory with the rights of its files: keys that others may read are refused.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
