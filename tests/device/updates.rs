//! The life of a handheld whose system is replaced: a card with two slots, the boot script that chooses one, RAUC in between.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::{
    cases::{PAGE_MAX, SOON, Story},
    machine::Machine,
};

/// RAUC reads a bundle through its signed tree and writes a whole system, on an emulated processor.
const INSTALLED_MAX: Duration = Duration::from_mins(20);
/// A version has five minutes to be confirmed, of the machine's time.
const BACK_MAX: Duration = Duration::from_mins(20);
/// Where the bundles are.
const BUNDLES: &str = "/run/bench/bundles";

impl Story {
    /// How many cases passed, and how many failed.
    pub(crate) fn tell_updates(mut self) -> (u32, u32) {
        self.leads("the first slot is started, and a remote that was never paired confirms nothing", Self::first_slot);
        self.leads("the card is typed on the display, and the pump is paired", Self::paired);
        self.leads("READY, and this version is confirmed", Self::confirmed);
        self.case("unsigned, a stranger's, cut or older: refused, and nothing is written", Self::refused_bundles);
        self.leads("the next version is installed, started and confirmed; pairing and record are there", Self::updated);
        self.leads("a version whose self-test fails goes back by itself to the one before", Self::gone_back);
        self.case("and is not tried again", Self::not_again);
        self.counts()
    }

    fn first_slot(&mut self) -> anyhow::Result<()> {
        self.unpaired()?;
        let (_, machine) = self.machine()?;
        runs(machine, 'A', "0.1.0")?;
        let (said, confirmed) = machine.run("test -e /data/rauc/confirmed")?;
        ensure!(!confirmed, "{said}");
        // The boot script has spent an attempt, and nobody has given it back.
        kept(machine, "BOOT_A_LEFT", "2")
    }

    fn confirmed(&mut self) -> anyhow::Result<()> {
        self.ready()?;
        let (_, machine) = self.machine()?;
        confirmed(machine)?;
        kept(machine, "BOOT_A_LEFT", "3")
    }

    fn refused_bundles(&mut self) -> anyhow::Result<()> {
        self.bundles()?;
        let (_, machine) = self.machine()?;
        let before = machine.says("sha256sum /dev/vda3; fw_printenv")?;
        for (bundle, why) in [
            ("plain", "format"),
            ("foreign", "local issuer\\|self.signed"),
            ("cut", "[Ii]nvalid\\|signature"),
            ("older", "[Vv]ersion"),
        ] {
            let (said, taken) = machine.run(&format!("rauc install {BUNDLES}/{bundle}.raucb >/run/bench/rauc 2>&1"))?;
            ensure!(!taken, "{bundle} was taken: {said}");
            let said =
                machine.says(&format!("cat /run/bench/rauc; grep -q '^LastError.*\\({why}\\)' /run/bench/rauc"))?;
            println!("      {bundle}: {}", said.lines().find(|line| line.starts_with("LastError")).unwrap_or_default());
        }
        let after = machine.says("sha256sum /dev/vda3; fw_printenv")?;
        // proves R-DEV-15
        ensure!(before == after, "before {before}, after {after}");
        self.shows(&["ready"], SOON).map(drop)
    }

    fn updated(&mut self) -> anyhow::Result<()> {
        self.bundles()?;
        self.install("0.2.0")?;
        self.restart()?;
        self.shows(&["ready", "wait"], PAGE_MAX)?;
        self.keep("updated")?;
        let starts = self.recorded("the remote started")?;
        let (_, machine) = self.machine()?;
        runs(machine, 'B', "0.2.0")?;
        confirmed(machine)?;
        kept(machine, "BOOT_B_LEFT", "3")?;
        ensure!(starts > 1, "the record began anew: {starts} starts");
        self.verified()
    }

    fn gone_back(&mut self) -> anyhow::Result<()> {
        self.bundles()?;
        self.install("0.3.0")?;
        self.restart()?;
        self.shows(&["something failed"], PAGE_MAX)?;
        self.keep("not-as-it-must-be")?;
        let (_, machine) = self.machine()?;
        runs(machine, 'A', "0.3.0")?;
        let (said, sound) = machine.run("test -e /run/pump-remote/sound")?;
        ensure!(!sound, "{said}");
        self.machine.take().context("no machine runs")?.ends(BACK_MAX).context("it does not go back")?;
        self.boot("base=utc")?;
        self.shows(&["ready", "wait"], PAGE_MAX)?;
        self.keep("gone-back")?;
        let (_, machine) = self.machine()?;
        runs(machine, 'B', "0.2.0")?;
        let (said, told) = machine.run("journalctl --no-pager -u pump-remote-back.service | grep 'going back'")?;
        // proves R-DEV-15
        ensure!(told, "nothing says that it went back: {said}");
        self.verified()
    }

    fn not_again(&mut self) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        confirmed(machine)?;
        kept(machine, "BOOT_A_LEFT", "0")?;
        // This version was confirmed: it stays, by the unit's condition and by the script's own question.
        machine.says("systemctl start pump-remote-back.service")?;
        machine.says("/usr/libexec/pump-remote/go-back | grep 'it stays'")?;
        // Starts that end before the self-test does cost it nothing.
        machine.says("fw_setenv BOOT_B_LEFT 1; systemctl restart pump-remote-keep.service")?;
        kept(machine, "BOOT_B_LEFT", "3")?;
        self.restart()?;
        let (_, machine) = self.machine()?;
        runs(machine, 'B', "0.2.0")?;
        machine.until("journalctl --no-pager -b -u pump-remote-keep.service | grep 'given back'", SOON).map(drop)
    }

    /// Puts the bundles in, as a stick that nothing but this bench reads.
    fn bundles(&mut self) -> anyhow::Result<()> {
        let sticks = self.parts.sticks.clone();
        let (_, machine) = self.machine()?;
        if machine.run(&format!("findmnt {BUNDLES}"))?.1 {
            return Ok(());
        }
        machine.put_in(&sticks, "bundles")?;
        machine.until(&format!("mkdir -p {BUNDLES}; mount -o ro /dev/disk/by-label/bundles {BUNDLES}"), SOON)?;
        Ok(())
    }

    fn install(&mut self, version: &str) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        // Longer than the line rests.
        machine.says(&format!(
            "(rauc install {BUNDLES}/{version}.raucb; echo \"=$?\") >/run/bench/rauc 2>&1 </dev/null &"
        ))?;
        machine.until("grep '^=' /run/bench/rauc", INSTALLED_MAX)?;
        machine.says("cat /run/bench/rauc; grep -q '^=0' /run/bench/rauc").map(drop)
    }

    fn restart(&mut self) -> anyhow::Result<()> {
        let mut machine = self.machine.take().context("no machine runs")?;
        machine.says("systemctl reboot")?;
        machine.ends(SOON)?;
        self.boot("base=utc")
    }
}

fn runs(machine: &mut Machine, slot: char, version: &str) -> anyhow::Result<()> {
    let said = machine.says("cat /proc/cmdline; tail -n 1 /etc/os-release")?;
    ensure!(said.contains(&format!("rauc.slot={slot}")) && said.ends_with(version), "{said}");
    Ok(())
}

fn confirmed(machine: &mut Machine) -> anyhow::Result<()> {
    machine.until("systemctl -q is-active pump-remote-good.service", SOON)?;
    machine.says("cmp /etc/os-release /data/rauc/confirmed").map(drop)
}

/// What U-Boot's environment has under this name.
fn kept(machine: &mut Machine, name: &str, value: &str) -> anyhow::Result<()> {
    let said = machine.says(&format!("fw_printenv -n {name}"))?;
    ensure!(said == value, "{name} is {said:?}");
    Ok(())
}
