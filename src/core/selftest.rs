//! The remote's test of itself (GIP 3.4): what is checked, what each finding means, and when it is over.
//!
//! Hardware and disk are measured elsewhere and told here; what the measures amount to is judged here. What only a person can
//! tell is asked, one question after the other: when somebody starts the test, and at the first start of a changed program.
//!
//! # Promises
//! - It is over [`TEST_MAX`] after it began, whatever answers and whatever doesn't. What nobody measured by then has failed.
//! - What isn't there is never told as passed.
//! - A key that is down is waited for as long as a hand may hold one; then it is stuck.

use pump_protocol::{
    clock::Uptime,
    quantity::Millis,
    wire::{Bounded, wire_enum, wire_struct},
};

use crate::annunciation::watch::KEY_HELD_MAX;

// keeps R-DEV-05
/// How long the test may take (GIP 3.4.3).
pub const TEST_MAX: Millis = Millis::from_secs(70);
/// How much the boot-time clock may differ from the steady one over the time that both were watched, one part in this many.
const CLOCKS_PART: u64 = 20;
/// Besides, what reading two clocks one after the other may cost.
const CLOCKS_READ: Millis = Millis::new(5);
/// How many checks there are.
pub const CHECKS: usize = Check::ALL.len();

/// What is checked, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The program is the one that was installed.
    Program,
    /// The newest part of the record verifies.
    Record,
    /// A record can be made durable.
    Storage,
    /// The boot-time clock, on which every wait rests, goes as fast as the steady one.
    Clocks,
    /// What is left in the battery is known.
    Battery,
    /// The bolus button is not down.
    Key,
    /// Alarms can be heard.
    Sound,
    /// Alarms can be felt.
    Vibration,
    /// There is a display, and it shows.
    Display,
    /// There is a touchscreen.
    Touch,
    /// There is a radio, and it is on.
    Link,
    /// Somebody ends this program if it hangs.
    Watchdog,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// As it should be, as far as a machine can tell.
    Passed,
    /// A person has heard, felt, seen or touched it.
    Confirmed,
    /// Not as it should be.
    Failed,
    /// There is no such thing here.
    Absent,
    /// As far as a machine can tell; the person who was asked said nothing.
    Unconfirmed,
    /// Nobody measured it in time.
    Silent,
}

/// One check and what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checked {
    /// Which.
    pub check: Check,
    /// What.
    pub finding: Finding,
}

/// All of a test's findings.
pub type Findings = Bounded<Checked, CHECKS>;

/// What of the hardware is measured by being there and obeying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The battery's gauge.
    Battery,
    /// Whatever sounds.
    Sound,
    /// The vibration motor.
    Vibration,
    /// The display.
    Display,
    /// The touchscreen.
    Touch,
    /// The radio.
    Link,
    /// The watchdog.
    Watchdog,
}

impl Device {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Battery, Self::Sound, Self::Vibration, Self::Display, Self::Touch, Self::Link, Self::Watchdog];
}

/// How a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It obeys.
    Works,
    /// It should be there and isn't, or doesn't obey.
    Broken,
    /// Nobody said that there is one.
    Absent,
}

/// A measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measured {
    /// SHA-256 over the program that runs.
    Program {
        /// What it is; `None` if it can't be read.
        found: Option<[u8; 32]>,
        /// What the installation says it is; `None` if it says nothing.
        meant: Option<[u8; 32]>,
        /// What it was when a person last confirmed what it plays and shows; `None` if nobody ever did.
        confirmed: Option<[u8; 32]>,
    },
    /// How far two clocks went over the same time.
    Clocks {
        /// The boot-time clock.
        boottime: Millis,
        /// The steady one.
        steady: Millis,
    },
    /// The bolus button: whether it is down; `None` if there is none.
    Key {
        /// Its level.
        down: Option<bool>,
    },
    /// A device.
    Device {
        /// Which.
        device: Device,
        /// How it is.
        condition: Condition,
    },
}

/// Who is asked for what a machine can't tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asking {
    /// Nobody.
    Nobody,
    /// Whoever started the test.
    Somebody,
    /// Whoever is there, if this program was never confirmed; only where there is something to hear or to feel.
    IfChanged,
}

/// What a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Whether the tone is heard.
    Heard,
    /// Whether the motor is felt.
    Felt,
    /// Whether the colours are seen.
    Seen,
}

/// A test that runs, or has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SelfTest {
    began: Uptime,
    asking: Asking,
    findings: [Option<Finding>; CHECKS],
    /// The bolus button was down when last measured.
    key_down: bool,
    /// Nobody has confirmed this program yet.
    changed: bool,
    over: bool,
}

wire_enum!(Check: u8 {
    0x01 => Program,
    0x02 => Record,
    0x03 => Storage,
    0x04 => Clocks,
    0x05 => Battery,
    0x06 => Key,
    0x07 => Sound,
    0x08 => Vibration,
    0x09 => Display,
    0x0A => Touch,
    0x0B => Link,
    0x0C => Watchdog,
});
wire_enum!(Finding: u8 {
    0x0F => Passed,
    0x33 => Confirmed,
    0x3C => Failed,
    0x55 => Absent,
    0x5A => Unconfirmed,
    0x66 => Silent,
});
wire_struct!(Checked { check, finding });

impl Check {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Program,
        Self::Record,
        Self::Storage,
        Self::Clocks,
        Self::Battery,
        Self::Key,
        Self::Sound,
        Self::Vibration,
        Self::Display,
        Self::Touch,
        Self::Link,
        Self::Watchdog,
    ];

    // keeps R-ANS-16
    /// Whether no dose is offered until it has passed. The others either keep a dose away by a reason of their own, or are told.
    pub const fn blocks(self) -> bool {
        match self {
            Self::Program | Self::Clocks | Self::Battery | Self::Key | Self::Sound | Self::Display | Self::Watchdog => {
                true
            }
            // RECORD DAMAGED, RECORD NOT WRITABLE, OUT OF REACH; each ends by itself once it is mended.
            Self::Record | Self::Storage | Self::Link => false,
            // The button and the lamp are still there.
            Self::Vibration | Self::Touch => false,
        }
    }

    // keeps R-DEV-14
    /// Whether a program with which this fails isn't fit to stay: one that can't write, or has no radio, offers no dose either,
    /// and nobody would ever go back from it.
    pub const fn condemns(self) -> bool {
        self.blocks() || matches!(self, Self::Record | Self::Storage | Self::Link)
    }

    const fn of(device: Device) -> Self {
        match device {
            Device::Battery => Self::Battery,
            Device::Sound => Self::Sound,
            Device::Vibration => Self::Vibration,
            Device::Display => Self::Display,
            Device::Touch => Self::Touch,
            Device::Link => Self::Link,
            Device::Watchdog => Self::Watchdog,
        }
    }
}

impl Finding {
    /// Whether something is wrong.
    pub const fn is_fault(self) -> bool {
        match self {
            Self::Failed | Self::Silent => true,
            Self::Passed | Self::Confirmed | Self::Absent | Self::Unconfirmed => false,
        }
    }
}

impl Question {
    const ALL: [Self; 3] = [Self::Heard, Self::Felt, Self::Seen];

    const fn check(self) -> Check {
        match self {
            Self::Heard => Check::Sound,
            Self::Felt => Check::Vibration,
            Self::Seen => Check::Display,
        }
    }
}

impl SelfTest {
    /// Begins, with what the machine knows by itself of the record.
    pub fn begin(asking: Asking, record_good: bool, now: Uptime) -> Self {
        let findings = [None; CHECKS];
        let mut test = Self { began: now, asking, findings, key_down: false, changed: false, over: false };
        test.find(Check::Record, if record_good { Finding::Passed } else { Finding::Failed });
        test
    }

    /// Takes in a measure. What comes when the test is over changes nothing.
    pub fn take(&mut self, measured: Measured) {
        match measured {
            Measured::Program { found, meant, confirmed } => {
                self.changed = found != confirmed;
                self.find(Check::Program, if meant.is_none() { Finding::Absent } else { passed(found == meant) });
            }
            Measured::Clocks { boottime, steady } => {
                let apart = boottime.saturating_sub(steady).max(steady.saturating_sub(boottime));
                let allowed = Millis::new(steady.get() / CLOCKS_PART).saturating_add(CLOCKS_READ);
                self.find(Check::Clocks, passed(steady > CLOCKS_READ && apart <= allowed));
            }
            Measured::Key { down: None } => self.find(Check::Key, Finding::Absent),
            Measured::Key { down: Some(true) } => self.key_down = true,
            Measured::Key { down: Some(false) } => self.find(Check::Key, Finding::Passed),
            Measured::Device { device, condition } => {
                let finding = match condition {
                    Condition::Works => Finding::Passed,
                    Condition::Broken => Finding::Failed,
                    Condition::Absent => Finding::Absent,
                };
                self.find(Check::of(device), finding);
            }
        }
    }

    /// A record was made durable since the test began.
    pub fn stored(&mut self) {
        self.find(Check::Storage, Finding::Passed);
    }

    /// Somebody is asked, whoever was to be asked at first.
    pub const fn ask(&mut self) {
        self.asking = Asking::Somebody;
    }

    /// The tone failed while the test ran, whatever was found or heard before.
    pub fn tone_failed(&mut self) {
        if !self.over {
            self.set(Check::Sound, Finding::Failed);
        }
    }

    /// The answer to the question that stands; without one, nothing.
    pub fn answer(&mut self, yes: bool) {
        let Some(question) = self.question() else { return };
        self.set(question.check(), if yes { Finding::Confirmed } else { Finding::Failed });
        // Whoever answers has touched it.
        if self.finding(Check::Touch) == Some(Finding::Passed) {
            self.set(Check::Touch, Finding::Confirmed);
        }
    }

    // keeps R-DEV-07
    /// What is asked now: once everything is measured, of what a machine holds for passed.
    pub fn question(&self) -> Option<Question> {
        let measured = self.findings.iter().all(Option::is_some);
        let passed = |check| self.finding(check) == Some(Finding::Passed);
        let asks = match self.asking {
            Asking::Nobody => false,
            Asking::Somebody => true,
            Asking::IfChanged => {
                let there = |check| self.finding(check) != Some(Finding::Absent);
                self.changed && (there(Check::Sound) || there(Check::Vibration))
            }
        };
        Question::ALL.into_iter().find(|question| !self.over && measured && asks && passed(question.check()))
    }

    /// Lets time pass; true if that, or what came before, ended the test just now.
    pub fn pass_time(&mut self, now: Uptime) -> bool {
        if self.over {
            return false;
        }
        let ran = now.since(self.began);
        if self.key_down && ran >= KEY_HELD_MAX {
            self.find(Check::Key, Finding::Failed);
        }
        if ran >= TEST_MAX {
            for check in Check::ALL {
                self.find(check, Finding::Silent);
            }
            while let Some(question) = self.question() {
                self.set(question.check(), Finding::Unconfirmed);
            }
        }
        self.over = self.findings.iter().all(Option::is_some) && self.question().is_none();
        self.over
    }

    /// When time alone changes it; `None` once it is over.
    pub fn poll_timeout(&self, now: Uptime) -> Option<Uptime> {
        let key = self.began.after(KEY_HELD_MAX);
        let waits = self.key_down && self.finding(Check::Key).is_none() && key > now;
        (!self.over).then(|| if waits { key } else { self.began.after(TEST_MAX) })
    }

    /// Whether it still runs.
    pub const fn runs(&self) -> bool {
        !self.over
    }

    /// What was found of this; `None` while it isn't known.
    pub fn finding(&self, check: Check) -> Option<Finding> {
        self.findings[check as usize]
    }

    /// Everything that was found so far.
    pub fn findings(&self) -> Findings {
        let found = Check::ALL.into_iter().filter_map(|check| Some(Checked { check, finding: self.finding(check)? }));
        Findings::filled_from(found)
    }

    /// Whether somebody was asked, and said yes to everything.
    pub fn confirmed(&self) -> bool {
        let of =
            |wanted: Finding| Question::ALL.into_iter().any(|question| self.finding(question.check()) == Some(wanted));
        self.over && of(Finding::Confirmed) && !of(Finding::Unconfirmed) && !of(Finding::Failed)
    }

    /// What was found of a check that nothing is known of yet.
    fn find(&mut self, check: Check, finding: Finding) {
        if self.finding(check).is_none() {
            self.set(check, finding);
        }
    }

    fn set(&mut self, check: Check, finding: Finding) {
        if !self.over {
            self.findings[check as usize] = Some(finding);
        }
    }
}

const fn passed(good: bool) -> Finding {
    if good { Finding::Passed } else { Finding::Failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Uptime {
        Uptime::from_millis(secs * 1_000)
    }

    fn device(device: Device, condition: Condition) -> Measured {
        Measured::Device { device, condition }
    }

    /// Everything measured, and as it should be.
    const GOOD: [Measured; 10] = [
        Measured::Program { found: Some([7; 32]), meant: Some([7; 32]), confirmed: None },
        Measured::Clocks { boottime: Millis::new(200), steady: Millis::new(200) },
        Measured::Key { down: Some(false) },
        Measured::Device { device: Device::Battery, condition: Condition::Works },
        Measured::Device { device: Device::Sound, condition: Condition::Works },
        Measured::Device { device: Device::Vibration, condition: Condition::Works },
        Measured::Device { device: Device::Display, condition: Condition::Works },
        Measured::Device { device: Device::Touch, condition: Condition::Works },
        Measured::Device { device: Device::Link, condition: Condition::Works },
        Measured::Device { device: Device::Watchdog, condition: Condition::Works },
    ];

    /// A test in which this was measured first, and everything else is good.
    fn with(asking: Asking, first: &[Measured]) -> SelfTest {
        let mut test = SelfTest::begin(asking, true, at(0));
        first.iter().chain(&GOOD).for_each(|measured| test.take(*measured));
        test.stored();
        test
    }

    /// What is not as it should be, at once.
    fn found(measured: Measured) -> Vec<(Check, Finding)> {
        let mut test = with(Asking::Nobody, &[measured]);
        assert!(test.pass_time(at(1)), "everything is measured");
        let odd = |checked: &&Checked| checked.finding != Finding::Passed;
        test.findings().iter().filter(odd).map(|checked| (checked.check, checked.finding)).collect()
    }

    #[test]
    fn what_is_good_passes_as_soon_as_it_is_measured() {
        let mut test = with(Asking::Nobody, &[]);
        // proves R-DEV-05
        assert!(test.runs() && test.pass_time(at(1)) && !test.runs());
        assert!(test.findings().iter().all(|checked| checked.finding == Finding::Passed));
        assert!(!test.pass_time(at(2)), "it ends once");
        assert!(!test.confirmed(), "nobody was asked");
    }

    #[test]
    fn each_measure_is_judged() {
        use Finding::{Absent, Failed};
        let program = |found, meant| Measured::Program { found, meant, confirmed: None };
        assert_eq!(found(program(Some([1; 32]), Some([2; 32]))), [(Check::Program, Failed)]);
        assert_eq!(found(program(None, Some([2; 32]))), [(Check::Program, Failed)], "can't be read");
        assert_eq!(found(program(Some([1; 32]), None)), [(Check::Program, Absent)], "nobody says what it must be");
        let clocks =
            |boottime, steady| Measured::Clocks { boottime: Millis::new(boottime), steady: Millis::new(steady) };
        assert_eq!(found(clocks(0, 200)), [(Check::Clocks, Failed)], "the boot-time clock stands");
        assert_eq!(found(clocks(216, 200)), [(Check::Clocks, Failed)], "8 % fast");
        assert_eq!(found(clocks(184, 200)), [(Check::Clocks, Failed)], "8 % slow");
        assert_eq!(found(clocks(0, 0)), [(Check::Clocks, Failed)], "both stand");
        assert_eq!(found(clocks(5, 5)), [(Check::Clocks, Failed)], "no more than reading them takes");
        assert_eq!(found(clocks(210, 200)), []);
        assert_eq!(found(Measured::Key { down: None }), [(Check::Key, Absent)]);
        for (part, check) in [(Device::Battery, Check::Battery), (Device::Watchdog, Check::Watchdog)] {
            assert_eq!(found(device(part, Condition::Broken)), [(check, Failed)]);
            assert_eq!(found(device(part, Condition::Absent)), [(check, Absent)]);
        }
    }

    #[test]
    fn a_key_that_is_down_is_waited_for_and_is_stuck_after_a_minute() {
        let mut test = with(Asking::Nobody, &[]);
        test.findings[Check::Key as usize] = None;
        test.take(Measured::Key { down: Some(true) });
        assert_eq!(test.poll_timeout(at(0)), Some(at(60)));
        assert_eq!(test.poll_timeout(at(60)), Some(at(70)), "a moment that has come is not waited for again");
        assert!(!test.pass_time(at(59)));
        let mut let_go = test.clone();
        let_go.take(Measured::Key { down: Some(false) });
        assert!(let_go.pass_time(at(59)));
        assert_eq!(let_go.finding(Check::Key), Some(Finding::Passed));
        // proves R-DEV-05
        assert!(test.pass_time(at(60)) && test.finding(Check::Key) == Some(Finding::Failed));
    }

    #[test]
    fn what_nobody_measured_has_failed_after_seventy_seconds() {
        let mut test = SelfTest::begin(Asking::Nobody, true, at(0));
        assert_eq!(test.poll_timeout(at(0)), Some(at(70)));
        assert!(!test.pass_time(at(69)));
        // proves R-DEV-05
        assert!(test.pass_time(at(70)));
        let silent = test.findings().iter().filter(|checked| checked.finding == Finding::Silent).count();
        assert_eq!(silent, CHECKS - 1, "of the record the machine knows by itself");
        assert_eq!(test.poll_timeout(at(71)), None);
    }

    #[test]
    fn a_person_is_asked_one_thing_after_the_other() {
        let mut test = with(Asking::Somebody, &[]);
        for question in Question::ALL {
            assert!(!test.pass_time(at(3)));
            // proves R-DEV-07
            assert_eq!(test.question(), Some(question));
            test.answer(true);
        }
        assert!(test.pass_time(at(9)) && test.confirmed());
        let confirmed = [Check::Sound, Check::Vibration, Check::Display, Check::Touch];
        assert!(confirmed.into_iter().all(|check| test.finding(check) == Some(Finding::Confirmed)));
    }

    #[test]
    fn a_no_is_a_fault_and_silence_is_none() {
        let mut test = with(Asking::Somebody, &[]);
        test.answer(false);
        assert_eq!(test.finding(Check::Sound), Some(Finding::Failed));
        assert!(test.pass_time(at(70)) && !test.confirmed());
        assert_eq!(test.finding(Check::Display), Some(Finding::Unconfirmed));
        assert!(!Finding::Unconfirmed.is_fault() && Finding::Silent.is_fault());
        test.answer(true);
        assert_eq!(test.finding(Check::Sound), Some(Finding::Failed), "what is over stays");
    }

    #[test]
    fn after_an_update_only_who_could_hear_or_feel_something_is_asked() {
        let absent = [Device::Sound, Device::Vibration].map(|part| device(part, Condition::Absent));
        assert_eq!(with(Asking::IfChanged, &absent).question(), None);
        // proves R-DEV-07
        assert_eq!(with(Asking::IfChanged, &absent[..1]).question(), Some(Question::Felt));
        assert_eq!(with(Asking::Somebody, &absent).question(), Some(Question::Seen));
        assert_eq!(with(Asking::Nobody, &[]).question(), None);
        let same = Measured::Program { found: Some([7; 32]), meant: None, confirmed: Some([7; 32]) };
        let mut known = SelfTest::begin(Asking::IfChanged, true, at(0));
        known.take(same);
        GOOD[1..].iter().for_each(|measured| known.take(*measured));
        known.stored();
        assert_eq!(known.question(), None, "somebody has confirmed this one");
    }

    #[test]
    fn a_record_that_does_not_verify_is_told() {
        assert_eq!(SelfTest::begin(Asking::Nobody, false, at(0)).finding(Check::Record), Some(Finding::Failed));
    }
}
