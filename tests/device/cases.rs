//! The life of one handheld, case by case. Each case stands on what the one before has left, as in a hand.

use std::{
    fs::{File, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail, ensure};

use crate::{
    display::{
        COPY, DAY_ON, DOSE, Display, LOW, MORE, MY_DOSE, NO_DOSE, PROCEED, PUMP, SELF_TEST, SERVICE, SET, hold, key,
        tap,
    },
    machine::{Machine, Parts},
};

/// A page that comes up by itself, in an emulated machine.
pub(crate) const PAGE_MAX: Duration = Duration::from_mins(8);
/// Anything that is done within the machine.
pub(crate) const SOON: Duration = Duration::from_mins(4);
/// The dose goes in for so many minutes: long enough for a restart and a power cut on the way.
const DOSE_MIN: u64 = 2;
/// How long the page stands, in seconds of the machine.
const IDLE_S: u64 = 45;
/// How long a line of the shell may rest, in seconds: it has a hundred.
const LINE_S: usize = 90;
/// How long it is dark for the figures, where there is time for them.
const DARK_S: u64 = 600;
const LINES: &str = "audit-tool lines /var/lib/pump-remote/record.db";
/// What the light behind the display does; of ten.
const LIGHT: &str = "/sys/class/backlight/acpi_video0/actual_brightness";
/// A bond as BlueZ keeps it, with a pump that was never there.
const BOND: &str = "[General]\\nName=Pump\\nAddressType=public\\nSupportedTechnologies=LE;\\nTrusted=true\\nBlocked=false\\n\\n\
    [LongTermKey]\\nKey=00112233445566778899AABBCCDDEEFF\\nAuthenticated=2\\nEncSize=16\\nEDiv=0\\nRand=0\\n";
/// Where it is kept: by the radio's address, and by whom it is with.
const BONDED: &str = "/var/lib/bluetooth/00:AA:01:00:00:42/C0:DE:00:00:00:01";

pub(crate) struct Story {
    pub(crate) parts: Parts,
    display: Display,
    pub(crate) machine: Option<Machine>,
    passed: u32,
    failed: u32,
    broken: bool,
    /// Words of the cases that are wanted; all, if there are none.
    wanted: Vec<String>,
    /// Without the cases that wait for minutes.
    short: bool,
    /// The pump is reached over BlueZ, by emulated controllers; else a socket stands in for the radio.
    radio: bool,
}

impl Story {
    pub(crate) fn new(parts: Parts, mut wanted: Vec<String>) -> Self {
        let display = Display::new(&parts.dir);
        let mut asked = |flag: &str| {
            let all = wanted.len();
            wanted.retain(|word| word != flag);
            wanted.len() < all
        };
        let (short, radio) = (asked("--short"), asked("--radio"));
        Self { parts, display, machine: None, passed: 0, failed: 0, broken: false, wanted, short, radio }
    }

    /// How many cases passed, and how many failed.
    pub(crate) fn tell(mut self) -> (u32, u32) {
        self.leads("a remote that was never paired begins with the first run", Self::unpaired);
        self.leads("the card is typed on the display, and the pump is paired", Self::paired);
        self.leads("the pump's serial number was read, and READY comes", Self::ready);
        self.case("a touch that is too short asks for nothing", Self::too_short);
        self.case("a page that stands wakes nobody more than once a second", Self::idle);
        self.lit("nobody there for a minute: the light goes dim, and a touch brings it back", Self::light);
        self.lit("nobody there for two: dark, without a link, and a touch brings READY", Self::dark);
        self.leads("a hold by touch: the dose goes in", Self::dose);
        self.leads("loop and display stopped: the watchdog ends it, and the same question stands", Self::stopped);
        self.leads("the plug pulled while it delivers: the same question, settled, in record and pump", Self::plug);
        self.case("a hold in the lockout is refused and recorded", Self::refused);
        self.long(
            "the time set on its page is the machine's and its clock chip's, and the wait is the same",
            Self::set_time,
        );
        self.long("the record leaves on a USB stick, once there is one, whole and for the remote alone", Self::stick);
        self.case("the caregiver sees the reservoir, and a hold there asks for nothing", Self::caregiver);
        self.case("the root is read-only; record, bond and journal lie on the data partition", Self::read_only);
        self.case("Ctrl+Alt+Delete and a foreign keyboard do nothing", Self::keys);
        self.case("bluetoothd dead: it is back, and the page never left", Self::daemon);
        self.case("the weekly check reads the record in its sandbox", Self::audit);
        self.case("a full data partition: refused in words, and well again once there is room", Self::full);
        self.case("the service can't read others' files, reach the network or start a shell", Self::sandbox);
        self.leads("killed again and again: the fault page, and back when it is started", Self::limit);
        self.long("a clock chip that says 1970: the pages come, the doubted time is hidden", Self::old_clock);
        self.long("a corrupted data partition: the fault page", Self::corrupted);
        self.counts()
    }

    pub(crate) const fn counts(&self) -> (u32, u32) {
        (self.passed, self.failed)
    }

    pub(crate) fn case(&mut self, name: &str, case: fn(&mut Self) -> anyhow::Result<()>) {
        if self.wanted.is_empty() || self.wanted.iter().any(|word| name.contains(word)) {
            self.judge(name, case);
        }
    }

    fn long(&mut self, name: &str, case: fn(&mut Self) -> anyhow::Result<()>) {
        if self.short {
            println!("      left to the long set: {name}");
        } else {
            self.case(name, case);
        }
    }

    /// A display whose light nobody can set never goes dark.
    fn lit(&mut self, name: &str, case: fn(&mut Self) -> anyhow::Result<()>) {
        if self.parts.light.is_some() {
            self.case(name, case);
        } else {
            println!("      no light on this machine: {name}");
        }
    }

    fn judge(&mut self, name: &str, case: fn(&mut Self) -> anyhow::Result<()>) {
        if self.broken {
            self.failed += 1;
            println!("FAIL  {name}\n      not reached");
            return;
        }
        let begun = Instant::now();
        match case(self) {
            Ok(()) => {
                self.passed += 1;
                println!("pass  {name}  ({} s)", begun.elapsed().as_secs());
            }
            Err(error) => {
                self.failed += 1;
                println!("FAIL  {name}  ({} s)", begun.elapsed().as_secs());
                format!("{error:#}").lines().for_each(|line| println!("      {line}"));
                self.explain();
            }
        }
    }

    /// A case without which the next ones mean nothing.
    pub(crate) fn leads(&mut self, name: &str, case: fn(&mut Self) -> anyhow::Result<()>) {
        let failed = self.failed;
        self.judge(name, case);
        self.broken |= self.failed > failed;
    }

    /// What the machine says of itself after a failure.
    fn explain(&mut self) {
        let Some(machine) = &mut self.machine else { return };
        // Whoever fails here has said why already.
        let _ = self.display.keep(machine, "failed");
        let asked = "systemctl --no-pager --failed; systemctl --no-pager status pump-remote.service pump-remote-fault.service bench-pump.service | head -n 60; journalctl -b --no-pager -p 4 | tail -n 25";
        if let Ok((said, _)) = machine.run(asked) {
            said.lines().for_each(|line| println!("      | {line}"));
        }
    }

    pub(crate) fn machine(&mut self) -> anyhow::Result<(&Display, &mut Machine)> {
        Ok((&self.display, self.machine.as_mut().context("no machine runs")?))
    }

    pub(crate) fn boot(&mut self, clock: &str) -> anyhow::Result<()> {
        self.machine = None;
        self.machine = Some(Machine::boot(&self.parts, clock)?);
        Ok(())
    }

    pub(crate) fn shows(&mut self, wanted: &[&'static str], within: Duration) -> anyhow::Result<&'static str> {
        let (display, machine) = self.machine()?;
        display.shows(machine, wanted, within)
    }

    pub(crate) fn keep(&mut self, name: &str) -> anyhow::Result<()> {
        self.display.keep(self.machine.as_mut().context("no machine runs")?, name)
    }

    /// Types at the pump's console, and waits for its answer.
    fn pump(&mut self, line: &str, answer: &str) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        machine.says(&format!(
            "before=$(wc -c </run/bench/said); echo '{line}' >/run/bench/console; \
             for i in $(seq 100); do tail -c +$((before + 1)) /run/bench/said | grep -q '{answer}' && exit 0; sleep 0.2; done; \
             tail /run/bench/said; exit 1"
        ))?;
        Ok(())
    }

    /// The pump's history: the lines that speak of boluses.
    fn boluses(&mut self) -> anyhow::Result<Vec<String>> {
        let (_, machine) = self.machine()?;
        let told = machine.says(
            "before=$(($(wc -c </run/bench/said) + 1)); echo 'history 100' >/run/bench/console; \
             for i in $(seq 100); do tail -c +$before /run/bench/said | grep -q 'bolus .* ended' && break; sleep 0.2; done; \
             tail -c +$before /run/bench/said",
        )?;
        Ok(told.lines().filter_map(|line| line.split_once("  bolus ")).map(|(_, bolus)| bolus.to_owned()).collect())
    }

    /// Each line of the record is as it was written.
    pub(crate) fn verified(&mut self) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        machine.says("audit-tool verify /var/lib/pump-remote/record.db").map(drop)
    }

    /// How many lines of the record have these words.
    pub(crate) fn recorded(&mut self, words: &str) -> anyhow::Result<u32> {
        let (_, machine) = self.machine()?;
        let count = machine.says(&format!("{LINES} >/run/bench/lines && grep -c '{words}' /run/bench/lines; true"))?;
        count.parse().with_context(|| format!("the record can't be read: {count}"))
    }

    pub(crate) fn unpaired(&mut self) -> anyhow::Result<()> {
        self.boot("base=utc")?;
        self.shows(&["not paired"], PAGE_MAX)?;
        self.keep("not-paired")?;
        let (_, machine) = self.machine()?;
        let status = machine.says("systemctl show -P StatusText pump-remote.service")?;
        ensure!(status.contains("no pump is paired"), "the status says {status:?}");
        let (said, there) = machine.run("test -e /run/pump-remote/sound -o -e /var/lib/pump-remote/record.db")?;
        ensure!(!there, "without a pump there is no record, and no start that could be sound: {said}");
        // From inside the sandbox, the radio's settings can be read and are as the link wants them.
        let (said, unset) =
            machine.run("journalctl -b --no-pager -u pump-remote.service | grep bluetooth/main.conf")?;
        ensure!(!unset, "{said}");
        Ok(())
    }

    pub(crate) fn paired(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        let secret = machine.says("sed -n 's/^Implant card secret: //p' /run/bench/said | tail -n 1")?;
        tap(machine, PROCEED)?;
        display.shows(machine, &["type group 1"], SOON)?;
        let groups: Vec<&str> = secret.trim().split('-').collect();
        for (nth, group) in groups.iter().enumerate() {
            // A bold 8 is read as an ampersand, now and then.
            let nth = nth + 2;
            let next = [format!("type group {nth}"), format!("type group {}", if nth == 8 { "&" } else { "?" })];
            let last = ["hold the magnet".to_owned(), String::from("tap pair")];
            type_group(display, machine, group, if nth <= groups.len() { &next } else { &last })?;
        }
        self.keep("window")?;
        // Its window is shut: the page says so, and the digits needn't be typed again. On the radio it isn't even seen.
        let refusal = if self.radio { "no open pump was" } else { "did not agree" };
        let (display, machine) = self.machine()?;
        tap(machine, PROCEED)?;
        display.shows(machine, &[refusal], SOON)?;
        self.keep("refused")?;
        self.pump("magnet", "pairing window is open")?;
        let (display, machine) = self.machine()?;
        tap(machine, PROCEED)?;
        display.shows(machine, &["with pump"], SOON)?;
        self.keep("paired")
    }

    pub(crate) fn ready(&mut self) -> anyhow::Result<()> {
        self.pump(&format!("program duration={DOSE_MIN} lockout=60 allotment=48 limit=4000"), "in force")?;
        let (_, machine) = self.machine()?;
        tap(machine, PROCEED)?;
        // The machine has no network card, and the service not even a loopback of its own.
        // proves R-DEV-11
        self.shows(&["ready"], PAGE_MAX)?;
        // The self-test is over: what confirms a new version of the system may see it.
        let (_, machine) = self.machine()?;
        machine.until("test -e /run/pump-remote/sound", SOON)?;
        let same = self.recorded("self-test.*; passed: program")?;
        ensure!(same > 0, "the program was not compared with its digest");
        self.keep("ready")
    }

    fn too_short(&mut self) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        tap(machine, DOSE)?;
        machine.pass(Duration::from_secs(3))?;
        self.shows(&["ready"], SOON)?;
        let asked = self.recorded("a full hold")?;
        ensure!(asked == 0, "{asked} holds were recorded");
        Ok(())
    }

    fn dose(&mut self) -> anyhow::Result<()> {
        // A touch that wakes a dark display asks for nothing.
        let (display, machine) = self.machine()?;
        tap(machine, MY_DOSE)?;
        display.shows(machine, &["ready"], SOON)?;
        hold(display, machine, DOSE, &["delivering", "going in", "stop"])?;
        self.keep("delivering")?;
        let asked = self.recorded("a full hold asked for 50 mcg")?;
        ensure!(asked == 1, "{asked} holds were recorded");
        self.pump("status", "bolus")
    }

    fn stopped(&mut self) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        let pid = machine.says("systemctl show -P MainPID pump-remote.service")?;
        machine.says(&format!("kill -STOP {pid}"))?;
        machine.until(
            &format!("new=$(systemctl show -P MainPID pump-remote.service); test $new != {pid} && test $new != 0"),
            PAGE_MAX,
        )?;
        machine.says("journalctl -b --no-pager -u pump-remote.service | grep -i 'watchdog timeout'")?;
        let (_, fault) = machine.run("systemctl -q is-active pump-remote-fault.service")?;
        ensure!(!fault, "one restart is no reason for the fault page");
        self.shows(&["delivering", "going in"], PAGE_MAX)?;
        self.keep("delivering-again")?;
        let asked = self.recorded("a full hold asked for")?;
        ensure!(asked == 1, "{asked} holds were recorded");
        Ok(())
    }

    fn plug(&mut self) -> anyhow::Result<()> {
        let radio = self.radio;
        let (_, machine) = self.machine()?;
        if !radio {
            machine.says(&format!("mkdir -p {BONDED} && printf '{BOND}' >{BONDED}/info && chmod 600 {BONDED}/info"))?;
        }
        machine.says("cat /proc/sys/kernel/random/boot_id >/data/boot && sync")?;
        self.machine.take().context("no machine runs")?.pull_the_plug()?;
        self.boot("base=utc")?;
        self.shows(&["delivering", "going in", "given"], PAGE_MAX)?;
        self.keep("after-the-plug")?;
        self.figures()?;
        self.shows(&["given"], Duration::from_secs(DOSE_MIN * 60) + PAGE_MAX)?;
        self.keep("given")?;
        let (asked, given) = (self.recorded("a full hold asked for")?, self.recorded("GIVEN: 50 mcg")?);
        ensure!((asked, given) == (1, 1), "{asked} asked for and {given} given, in the record");
        self.one_bolus()?;
        self.verified()
    }

    /// The pump gave one bolus, whole, for the request that the record calls given, by the number that the record knows.
    fn one_bolus(&mut self) -> anyhow::Result<()> {
        let history = self.boluses()?;
        let [started, ended] = &history[..] else { bail!("the pump's history: {history:#?}") };
        let (bolus, _) = started.split_once(' ').context("no bolus")?;
        let (asker, request) = started.split_once(", request ").with_context(|| started.clone())?;
        ensure!(asker.starts_with(&format!("{bolus} of 50 mcg started, asked for by remote ")), "started: {started}");
        ensure!(*ended == format!("{bolus} ended, complete: 50 mcg"), "ended: {ended}");
        for line in [format!("{request}: the pump accepted it as bolus {bolus}$"), format!("{request}: GIVEN: 50 mcg$")]
        {
            let found = self.recorded(&line)?;
            ensure!(found == 1, "{found} lines of the record say {line:?}; the pump: {history:#?}");
        }
        Ok(())
    }

    /// How long the machine took to its first page, by its own clock.
    fn figures(&mut self) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        let told = machine.says(
            "for at in ExecMainStartTimestampMonotonic ActiveEnterTimestampMonotonic; do systemctl show -P $at pump-remote.service; done",
        )?;
        let at: Vec<u64> = told.lines().filter_map(|line| line.trim().parse().ok()).collect();
        let [begun, drawn] = at[..] else { bail!("no times: {told}") };
        println!(
            "      (machine time: kernel to first page {} ms, start of the program to first page {} ms)",
            drawn / 1000,
            (drawn - begun) / 1000
        );
        Ok(())
    }

    fn idle(&mut self) -> anyhow::Result<()> {
        let (woken, _) = self.woken_in(IDLE_S)?;
        // Each report comes over the radio in several words of the bus, and each of those wakes somebody.
        let most = if self.radio { IDLE_S * 3 / 2 } else { IDLE_S };
        ensure!(woken <= most, "{woken} wake-ups in {IDLE_S} s");
        Ok(())
    }

    /// How often any thread of the remote was woken in so many seconds of the machine, and how many hundredths of a second it worked.
    fn woken_in(&mut self, secs: u64) -> anyhow::Result<(u64, u64)> {
        let (_, machine) = self.machine()?;
        machine.pass(Duration::from_secs(5))?;
        let [woken_before, ticks_before] = counts(machine)?;
        for begun in (0..secs).step_by(LINE_S) {
            machine.pass(Duration::from_secs(secs - begun).min(Duration::from_secs(LINE_S as u64)))?;
        }
        let [woken, ticks] = counts(machine)?;
        let (woken, ticks) = (woken.saturating_sub(woken_before), ticks.saturating_sub(ticks_before));
        println!("      ({woken} wake-ups and {ticks} hundredths of a second of work in {secs} s)");
        Ok((woken, ticks))
    }

    fn light(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        machine.until(&format!("test $(cat {LIGHT}) = 1"), PAGE_MAX)?;
        tap(machine, MY_DOSE)?;
        machine.until(&format!("test $(cat {LIGHT}) -gt 1"), SOON)?;
        let (said, unset) = machine.run("journalctl -b --no-pager -u pump-remote.service | grep -i backlight")?;
        ensure!(!unset, "the backlight: {said}");
        display.shows(machine, &["ready"], SOON).map(drop)
    }

    fn dark(&mut self) -> anyhow::Result<()> {
        let (secs, radio) = (if self.short { IDLE_S } else { DARK_S }, self.radio);
        // The remote has a network of its own: the pump's end of a link, which has the path of its socket, is seen from there.
        let links = if radio {
            "ls /sys/class/bluetooth | grep -c hci0:"
        } else {
            "grep -c /run/bench/pump.sock /proc/$(pidof pump-remote)/net/unix"
        };
        let (_, machine) = self.machine()?;
        machine.until(&format!("test $({links}) = 1"), SOON)?;
        machine.until(&format!("test $(cat {LIGHT}) = 0"), PAGE_MAX)?;
        machine.until(&format!("test $({links}) = 0"), SOON)?;
        // On no other machine has the pump the remote's own bus, on which its advertising is heard every two seconds.
        let pump = |machine: &mut Machine, signal| machine.says(&format!("kill -{signal} $(pidof pump-simulator)"));
        if radio {
            pump(machine, "STOP")?;
        }
        let counted = self.woken_in(secs);
        if radio {
            pump(self.machine()?.1, "CONT")?;
        }
        let (woken, ticks) = counted?;
        // How much work that was is told and not judged: an emulated processor is some ten times slower than a true one.
        ensure!(woken <= secs, "{woken} wake-ups and {ticks} hundredths of a second of work in {secs} dark seconds");
        let (_, machine) = self.machine()?;
        let (_, rests) = machine.run(&format!("test $({links}) = 0"))?;
        // proves R-LNK-20
        ensure!(rests, "a link within {secs} dark seconds");
        let (display, machine) = self.machine()?;
        tap(machine, MY_DOSE)?;
        // What stood there before the dark may be read until the touch has come round.
        machine.until(&format!("test $({links}) = 1 && test $(cat {LIGHT}) -gt 1"), SOON)?;
        display.shows(machine, &["ready"], SOON).map(drop)
    }

    fn refused(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        // The outcome is read and left.
        tap(machine, LOW)?;
        tap(machine, MY_DOSE)?;
        display.shows(machine, &["wait"], SOON)?;
        machine.finger(NO_DOSE, true)?;
        let told = machine
            .until(&format!("{LINES} >/run/bench/lines && grep 'a full hold was refused here' /run/bench/lines"), SOON);
        machine.finger(NO_DOSE, false)?;
        told?;
        self.keep("refused")?;
        let given = self.recorded("a full hold asked for")?;
        ensure!(given == 1, "a refused hold asks for nothing");
        Ok(())
    }

    /// A day on, and back to what the pump says.
    fn set_time(&mut self) -> anyhow::Result<()> {
        const LOCKOUT: &str = "a full hold was refused here: .*lockout";
        let (_, machine) = self.machine()?;
        let days = machine.says("date +%F; date +%F -d '1 day'")?;
        let [today, tomorrow] = days.lines().collect::<Vec<_>>()[..] else { bail!("no days: {days}") };
        let (today, tomorrow) = (today.to_owned(), tomorrow.to_owned());
        self.open_clock()?;
        let (display, machine) = self.machine()?;
        tap(machine, DAY_ON)?;
        display.shows(machine, &["far from"], SOON)?;
        self.keep("set-time")?;
        self.clock_is_set(&tomorrow, 1)?;
        let refused = self.recorded(LOCKOUT)?;
        let (display, machine) = self.machine()?;
        tap(machine, MY_DOSE)?;
        display.shows(machine, &["wait"], SOON)?;
        machine.finger(NO_DOSE, true)?;
        let told = machine.until(
            &format!("{LINES} >/run/bench/lines && test $(grep -c '{LOCKOUT}' /run/bench/lines) -gt {refused}"),
            SOON,
        );
        machine.finger(NO_DOSE, false)?;
        told.context("a day that was set opened the wait")?;
        let given = self.recorded("a full hold asked for")?;
        // proves R-CLK-01
        ensure!(given == 1, "a clock that was set asked for a dose");
        self.open_clock()?;
        let (display, machine) = self.machine()?;
        display.shows(machine, &["differs from"], SOON)?;
        display.tap_on(machine, "says", SOON)?;
        display.shows(machine, &["no alarms", "this remote"], SOON)?;
        self.clock_is_set(&today, 2)?;
        // What another leaves there is taken away and sets nothing.
        let (_, machine) = self.machine()?;
        machine.says("echo 'pump-remote clock 1 0 1798761600000' >/run/pump-remote/set-clock")?;
        machine.until("journalctl -b --no-pager -u pump-remote-clock.service | grep 'not of the remote'", SOON)?;
        let (said, there) = machine.run(&format!("test -e /run/pump-remote/set-clock -o $(date +%F) != {today}"))?;
        // proves R-CLK-11
        ensure!(!there, "a stranger's question: {said}");
        tap(machine, MY_DOSE)
    }

    fn open_clock(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        tap(machine, MORE)?;
        display.tap_on(machine, "settings", SOON)?;
        display.shows(machine, &["language"], SOON)?;
        display.tap_on(machine, "time", SOON)?;
        display.shows(machine, &["this remote"], SOON).map(drop)
    }

    /// Sets what stands on the page, which is a time of this day; so many times it was done by then.
    fn clock_is_set(&mut self, day: &str, times: u32) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        tap(machine, SET)?;
        machine.until(&format!("test $(date +%F) = {day} && grep -q ' set$' /run/pump-remote/clock-set"), SOON)?;
        machine.says(&format!("test $(cat /sys/class/rtc/rtc0/date) = $(date -u +%F) && test $(date +%F) = {day}"))?;
        let set = self.recorded("a person set the clock from")?;
        // proves R-CLK-11
        ensure!(set == times, "{set} lines of the record say who set the clock");
        self.keep("set")
    }

    fn stick(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        tap(machine, MORE)?;
        tap(machine, SELF_TEST)?;
        display.shows(machine, &["test now"], SOON)?;
        tap(machine, SERVICE)?;
        display.shows(machine, &["put a usb stick"], SOON)?;
        tap(machine, COPY)?;
        display.shows(machine, &["no stick"], SOON)?;
        for (copies, kind) in (1..).zip(["vfat", "exfat"]) {
            self.copies(kind, copies).with_context(|| format!("a stick with {kind}"))?;
        }
        tap(self.machine()?.1, MY_DOSE)
    }

    /// The record leaves on this kind of stick; it is this copy, counted from one.
    fn copies(&mut self, kind: &str, copies: u32) -> anyhow::Result<()> {
        const AT: &str = "/run/media/stick";
        let sticks = self.parts.sticks.clone();
        let (display, machine) = self.machine()?;
        machine.put_in(&sticks, kind)?;
        machine.until(&format!("mountpoint -q {AT}"), SOON)?;
        tap(machine, COPY)?;
        display.shows(machine, &["read back"], SOON)?;
        self.keep("copied")?;
        let (copied, not) = (self.recorded("a person copied the record")?, self.recorded("the record was not copied")?);
        // proves R-REC-11
        ensure!((copied, not) == (copies, copies), "{copied} copies are on record, and {not} that failed");
        let (display, machine) = self.machine()?;
        let proved = machine.says(&format!("audit-tool verify {AT}/pump-remote-*/record-*.export"))?;
        ensure!(!proved.contains("not signed"), "the copy: {proved}");
        let rights = machine.says(&format!("stat -c '%U %a' {AT}; findmnt -no FSTYPE,OPTIONS {AT}"))?;
        let mounted = format!("pump-remote 700\n{kind} ");
        // proves R-REC-11
        ensure!(rights.starts_with(&mounted) && rights.contains("noexec"), "whose it is: {rights}");
        machine.take_out(kind)?;
        machine.until(&format!("! mountpoint -q {AT}"), SOON)?;
        tap(machine, COPY)?;
        display.shows(machine, &["no stick"], SOON)?;
        Ok(())
    }

    fn caregiver(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        tap(machine, PUMP)?;
        display.shows(machine, &["estimated", "refill"], SOON)?;
        let words = display.words(machine)?;
        ensure!(words.contains("ml"), "no volume on the caregiver's page:\n{words}");
        machine.finger(DOSE, true)?;
        machine.pass(Duration::from_secs(5))?;
        machine.finger(DOSE, false)?;
        self.keep("caregiver")?;
        let asked = self.recorded("a full hold asked for")?;
        ensure!(asked == 1, "a caregiver's page asked for a dose");
        let (_, machine) = self.machine()?;
        tap(machine, MY_DOSE)
    }

    fn read_only(&mut self) -> anyhow::Result<()> {
        let radio = self.radio;
        let (_, machine) = self.machine()?;
        machine.says("findmnt -no OPTIONS / | grep -qw ro")?;
        for place in ["/written", "/usr/written", "/etc/written"] {
            let (_, written) = machine.run(&format!("touch {place}"))?;
            ensure!(!written, "{place} could be written");
        }
        for place in ["/var/lib/pump-remote", "/var/lib/bluetooth", "/var/log/journal"] {
            let source = machine.says(&format!("findmnt -no SOURCE {place}"))?;
            ensure!(source.starts_with("/dev/vdb["), "{place} lies on {source}");
        }
        if radio {
            // Both ends of the bond: the pump's radio has the same daemon.
            machine.says("test $(grep -l LongTermKey /var/lib/bluetooth/*/*/info | wc -l) -ge 2")?;
        } else {
            machine
                .says(&format!("printf '{BOND}' | cmp - {BONDED}/info && test $(stat -c %a {BONDED}/info) = 600"))?;
        }
        machine.says("test $(cat /data/boot) != $(cat /proc/sys/kernel/random/boot_id)")?;
        machine.says("test $(journalctl -D /var/log/journal --no-pager --list-boots | wc -l) -ge 2")?;
        let owner =
            machine.says("stat -c '%U %a' /var/lib/pump-remote /data/pump-remote /var/lib/pump-remote/record.db")?;
        ensure!(owner.lines().all(|line| line == "pump-remote 700" || line == "pump-remote 600"), "{owner}");
        Ok(())
    }

    fn keys(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        let before =
            machine.says("cat /proc/sys/kernel/random/boot_id; systemctl show -P MainPID pump-remote.service")?;
        // The control: the kernel does hear the keyboard.
        machine.says(
            "for e in /sys/class/input/event*; do grep -q Keyboard $e/device/name && k=/dev/input/${e##*/}; done; \
             (timeout 20 head -c 24 $k >/run/bench/keys) & sleep 1; stat -c '%G' $k >/run/bench/group; udevadm info -q property $k >/run/bench/keyboard",
        )?;
        for keys in
            [["ctrl", "alt", "delete"], ["ctrl", "alt", "backspace"], ["ctrl", "alt", "f2"], ["alt", "sysrq", "u"]]
        {
            for _ in 0..8 {
                machine.keys(&keys)?;
            }
        }
        for key in ["ret", "spc", "tab", "esc", "power"] {
            machine.keys(&[key])?;
        }
        machine.pass(Duration::from_secs(5))?;
        let heard = machine.says("stat -c %s /run/bench/keys")?;
        ensure!(heard == "24", "the kernel heard nothing of the keyboard: the case proves nothing");
        machine.says("grep -q LIBINPUT_IGNORE_DEVICE=1 /run/bench/keyboard")?;
        let after =
            machine.says("cat /proc/sys/kernel/random/boot_id; systemctl show -P MainPID pump-remote.service")?;
        ensure!(before == after, "before {before}, after {after}");
        machine.says("findmnt -no OPTIONS /data | grep -qw rw")?;
        display.shows(machine, &["wait"], SOON).map(drop)
    }

    fn daemon(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        let pid = machine.says("systemctl start bluetooth.service; systemctl show -P MainPID bluetooth.service")?;
        let ours = machine.says("systemctl show -P MainPID pump-remote.service")?;
        machine.says(&format!("test {pid} != 0 && kill -KILL {pid}"))?;
        machine.until(
            &format!("new=$(systemctl show -P MainPID bluetooth.service); test $new != {pid} && test $new != 0"),
            SOON,
        )?;
        display.shows(machine, &["wait"], SOON)?;
        let still = machine.says("systemctl show -P MainPID pump-remote.service")?;
        ensure!(ours == still, "the remote was restarted");
        Ok(())
    }

    fn audit(&mut self) -> anyhow::Result<()> {
        let (_, machine) = self.machine()?;
        machine.says("systemctl is-enabled pump-remote-audit.timer")?;
        machine.says("systemctl start pump-remote-audit.service")?;
        machine.says("journalctl -b --no-pager -u pump-remote-audit.service | grep -i 'records'").map(drop)
    }

    fn full(&mut self) -> anyhow::Result<()> {
        const REFUSED: &str = "a full hold was refused here";
        let pid = "systemctl show -P MainPID pump-remote.service";
        let refused = self.recorded(REFUSED)?;
        let (display, machine) = self.machine()?;
        let before = machine.says(pid)?;
        // The page's own sentence; a banner above another page says it in other words.
        let says = |words: &str| {
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            ["available", "this remote can", "save its record"].iter().all(|wanted| words.contains(wanted))
        };
        let words = display.words(machine)?;
        ensure!(!says(&words), "it is said before it is so:\n{words}");
        machine.run("dd if=/dev/zero of=/data/filler bs=64k 2>/dev/null; dd if=/dev/zero of=/data/filler2 bs=512 2>/dev/null; sync")?;
        machine.says("test $(df --output=avail /data | tail -n 1) -lt 8")?;
        // SQLite may have room in the files that it has: attempts fill it.
        let begun = Instant::now();
        let shown = loop {
            let words = display.words(machine)?;
            if says(&words) {
                break Ok(());
            }
            if begun.elapsed() > PAGE_MAX {
                break Err(words);
            }
            machine.finger(NO_DOSE, true)?;
            machine.pass(Duration::from_secs(3))?;
            machine.finger(NO_DOSE, false)?;
        };
        let kept = self.keep("full");
        let (display, machine) = self.machine()?;
        machine.says("rm -f /data/filler /data/filler2; sync")?;
        kept?;
        if let Err(words) = shown {
            bail!("a full partition is not told:\n{words}");
        }
        display.shows(machine, &["wait"], PAGE_MAX)?;
        let words = display.words(machine)?;
        ensure!(!says(&words), "it is still said:\n{words}");
        ensure!(machine.says(pid)? == before, "it was restarted");
        // Lines are written again, none of them asks for anything, and the pump was left in peace.
        tap(machine, MY_DOSE)?;
        machine.finger(NO_DOSE, true)?;
        let written = machine.until(&format!("test $({LINES} | grep -c '{REFUSED}') -gt {refused}"), SOON);
        machine.finger(NO_DOSE, false)?;
        written?;
        let asked = self.recorded("a full hold asked for")?;
        ensure!(asked == 1, "{asked} holds asked for a dose");
        self.one_bolus()?;
        self.verified()
    }

    fn sandbox(&mut self) -> anyhow::Result<()> {
        let light = self.parts.light.is_some();
        let (display, machine) = self.machine()?;
        // The probe stands in the program's place, in the same unit.
        machine.says(
            "mkdir -p /run/systemd/system/pump-remote.service.d && printf '[Service]\\nType=exec\\nRestart=no\\n\
             BindReadOnlyPaths=/bench/probe:/usr/bin/pump-remote\\n' >/run/systemd/system/pump-remote.service.d/probe.conf && \
             systemctl daemon-reload && systemctl stop pump-remote.service && rm -f /var/lib/pump-remote/probe && \
             systemctl start pump-remote.service",
        )?;
        let found = machine.until("cat /var/lib/pump-remote/probe", SOON);
        machine.says(
            "rm -r /run/systemd/system/pump-remote.service.d && rm -f /var/lib/pump-remote/probe; systemctl daemon-reload; \
             systemctl reset-failed; systemctl restart pump-remote.service",
        )?;
        let found = found?;
        // The control: outside, nearly all of it can be done.
        let outside = machine.says("rm -f /run/probe; /bench/probe >/dev/null 2>&1; cat /run/probe")?;
        let could = |said: &str| said.lines().filter(|line| line.starts_with("could ")).count();
        ensure!(could(&outside) >= 14, "root outside of the sandbox can't do enough for a control:\n{outside}");
        let tried = |said: &str| could(said) + said.lines().filter(|line| line.starts_with("refused ")).count();
        // proves R-DEV-09
        ensure!(tried(&found) == tried(&outside) && could(&found) == 0, "in the sandbox:\n{found}");
        ensure!(found.contains("may its own display"), "the sandbox keeps the display away:\n{found}");
        let writable: Vec<&str> = found.lines().filter_map(|line| line.strip_prefix("writable ")).collect();
        let all_lights = writable.iter().all(|place| place.ends_with("/brightness"));
        ensure!(all_lights && writable.len() == usize::from(light), "of the kernel's settings:\n{found}");
        ensure!(found.contains("may its own light") == light, "the light:\n{found}");
        display.shows(machine, &["wait", "ready"], PAGE_MAX)?;
        let user = machine.says("stat -c %U /proc/$(systemctl show -P MainPID pump-remote.service)")?;
        // proves R-DEV-09
        ensure!(user == "pump-remote", "the service runs as {user}");
        Ok(())
    }

    fn limit(&mut self) -> anyhow::Result<()> {
        let (display, machine) = self.machine()?;
        machine.says("systemctl reset-failed pump-remote.service")?;
        machine.until(
            "systemctl kill -s KILL pump-remote.service; sleep 1; systemctl -q is-failed pump-remote.service",
            PAGE_MAX,
        )?;
        machine.until("systemctl -q is-active pump-remote-fault.service", SOON)?;
        display.shows(machine, &["could not be started"], PAGE_MAX)?;
        self.keep("fault")?;
        let light = self.parts.light.is_some();
        let (display, machine) = self.machine()?;
        if light {
            // A remote that is killed in the dark leaves it dark.
            let dark = format!("echo 0 >{} && test $(cat {LIGHT}) = 0", LIGHT.replace("actual_", ""));
            machine.says(&format!(
                "systemctl stop pump-remote-fault.service && {dark} && systemctl start pump-remote-fault.service"
            ))?;
            machine.until(&format!("test $(cat {LIGHT}) = 10"), SOON)?;
        }
        machine.says("systemctl reset-failed pump-remote.service; systemctl start pump-remote.service")?;
        display.shows(machine, &["wait", "ready"], PAGE_MAX)?;
        let (_, fault) = machine.run("systemctl -q is-active pump-remote-fault.service")?;
        ensure!(!fault, "the fault page still runs");
        Ok(())
    }

    fn old_clock(&mut self) -> anyhow::Result<()> {
        self.machine.take().context("no machine runs")?.shut_down()?;
        self.boot("base=1970-01-01T00:00:10")?;
        self.shows(&["wait", "ready", "not available"], PAGE_MAX)?;
        self.keep("1970")?;
        let (display, machine) = self.machine()?;
        let year = machine.says("date +%F; hwclock --show --utc 2>/dev/null || cat /sys/class/rtc/rtc0/date")?;
        println!("      (the machine says {})", year.replace('\n', ", "));
        let words = display.words(machine)?;
        let first = words.lines().next().unwrap_or_default();
        ensure!(!first.contains(':'), "a clock time stands in the first line: {first:?}");
        Ok(())
    }

    fn corrupted(&mut self) -> anyhow::Result<()> {
        self.machine.take().context("no machine runs")?.shut_down()?;
        let mut data: File = OpenOptions::new().write(true).open(&self.parts.data)?;
        let len = data.metadata()?.len();
        for at in (0..len).step_by(1 << 20) {
            data.seek(SeekFrom::Start(at))?;
            data.write_all(&[0xa5; 8 * 1024])?;
        }
        drop(data);
        self.boot("base=utc")?;
        self.shows(&["could not be started"], PAGE_MAX)?;
        self.keep("corrupted")
    }
}

/// How often the remote's threads were woken since it began, and how many hundredths of a second it has worked.
fn counts(machine: &mut Machine) -> anyhow::Result<[u64; 2]> {
    // Voluntary switches of all threads are their wake-ups; ticks are hundredths of a second.
    let told = machine.says(
        "pid=$(systemctl show -P MainPID pump-remote.service); \
         cat /proc/$pid/task/*/status | awk '/^voluntary/ { sum += $2 } END { print sum }'; awk '{ print $14 + $15 }' /proc/$pid/stat",
    )?;
    let counts: Vec<u64> = told.split_whitespace().filter_map(|count| count.parse().ok()).collect();
    <[u64; 2]>::try_from(counts).map_err(|_| anyhow!("no counts: {told}"))
}

/// Taps the digits of a group until the page goes on to the next; a key that was felt twice makes a group wrong, as for a hand.
fn type_group(display: &Display, machine: &mut Machine, group: &str, next: &[String; 2]) -> anyhow::Result<()> {
    for _ in 0..3 {
        for digit in group.chars().filter_map(|digit| digit.to_digit(10)) {
            tap(machine, key(digit))?;
        }
        let [next, or] = next;
        if display.shows(machine, &[next, or, "again"], SOON)? != "again" {
            return Ok(());
        }
    }
    bail!("{group} was typed three times, and never as it is on the card")
}
