//! Nothing that can be said to the machine stops it: replies, clocks and kept bytes with the most extreme values in every field.
//!
//! The world of the other stories checks what an honest disk and clock may rely on. Here neither is honest: the boot-time clock
//! runs backwards, the person's clock jumps to both ends of its range, what was kept is changed byte by byte, and in place of an
//! honest pump's answer stands now and then another, with numbers from the edges. How often is each story's own: a machine that
//! meets nothing else never gets as far as a request.
//!
//! # What must hold
//! - No panic and no overflow: the tests are built with overflow checks.
//! - A turn's outputs are few, a turn's time is short, what is kept stays within its bound.
//! - Every page is reached: where the machine never gets, nothing was tried.
//! - A machine that is woken when it wanted to be doesn't want to be woken at once again.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use pump_core::{
    annunciation::{AlarmCondition, signal::QuietHours},
    audit::{
        chain::KEPT_LEN_MAX,
        event::{LinkLoss, NotCopied, Trouble},
    },
    remote::{Beginning, DARK_AFTER, Input, Kept, Output, Remote},
    screen::{Control, DayLevel, Intent, Level, Source, Visit},
    selftest::{Asking, Condition, Device, Measured},
    set_time::{TimePart, TimeStep},
};
use pump_protocol::{
    clock::{BootId, CivilTime, Now, PumpTime, Uptime, WallTime},
    history::{BolusEnd, BolusId, Delivered, HistoryEntry, HistoryEvent, HistorySeq, Origin},
    message::{
        AuditHead, BolusRef, Command, Denial, DenyReason, Fate, Hello, HistoryPage, KeyFingerprint, Nonce,
        RefusedReason, Reply, RequestId, Role, StatusChanged,
    },
    prescription::{BasalSegment, PatientCode, Prescription, Programmed, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    report::{AllotmentAccount, Annunciation, AnnunciationKind, AnnunciationState, Delivery, PumpReport, RunningBolus},
    wire::{Bounded, Text},
};
use simulated_pump::{Pump, Setup};

use crate::{OURS, chance::Chance, permitted};

/// The most that one input may set off.
const OUTPUTS_MAX: usize = 8;
/// How many measures are told once they are asked for: each kind and each device more than once.
const MEASURES: u32 = 27;

/// One life of at most so many turns, shorter if its choices run out. Says how long the slowest turn took; `been` learns which
/// pages were reached.
pub fn live(name: &str, chance: Chance, turns: u32, been: &mut BTreeSet<&'static str>) -> Duration {
    let mut bench = Bench::new(name, chance);
    let mut slowest = Duration::ZERO;
    for _ in 0..turns {
        if bench.chance.is_over() {
            break;
        }
        slowest = slowest.max(bench.turn());
    }
    been.append(&mut bench.been);
    slowest
}

struct Bench<'a> {
    /// Names this life where it fails.
    name: &'a str,
    chance: Chance,
    remote: Remote,
    /// An honest pump, whose words are changed on the way.
    pump: Pump,
    /// One in so many words is changed.
    wild: u64,
    /// How many more levels the finger on the dose control tells.
    holding: u32,
    /// Where the machine has been: where it never gets, nothing is tried.
    been: BTreeSet<&'static str>,
    now: Now,
    kept: Vec<u8>,
    asked: Vec<Command>,
    to_store: bool,
    days_asked: bool,
    levels_asked: bool,
    clock_asked: bool,
    copy_asked: bool,
    /// How many measures are still to be told.
    to_measure: u32,
    linked: bool,
    head: u64,
}

impl<'a> Bench<'a> {
    fn new(name: &'a str, mut chance: Chance) -> Self {
        let mut setup = Setup::demonstration();
        if chance.one_in(3) {
            setup.prescription = prescription(&mut chance);
        }
        let (pump, wild) = (Pump::new(setup), chance.pick(&[3, 10, 40, 200]));
        let (holding, been) = (0, BTreeSet::new());
        let now = Now { boot: BootId([1; 16]), uptime: Uptime::from_millis(60_000), wall: None };
        let remote = Remote::restore(beginning(Kept::default(), 0, wild), now);
        let (asked, to_store, linked) = (Vec::new(), false, false);
        let (days_asked, levels_asked) = (false, false);
        let (clock_asked, copy_asked) = (false, false);
        let kept = Kept::default().to_bytes();
        let mut bench = Self {
            name,
            chance,
            remote,
            pump,
            wild,
            holding,
            been,
            now,
            kept,
            asked,
            to_store,
            days_asked,
            levels_asked,
            clock_asked,
            copy_asked,
            to_measure: 0,
            linked,
            head: 0,
        };
        bench.drain();
        bench
    }

    fn turn(&mut self) -> Duration {
        self.pass_time();
        if self.chance.one_in(20 * self.wild) {
            self.restart();
        }
        let input = self.input();
        let began = Instant::now();
        self.remote.handle(input, self.now);
        self.drain();
        let face = self.remote.screen(self.now).face;
        let page = permitted::page(&face);
        assert!(page.starts_with(face.name()) || face.name() == "READING", "{page} is called {}", face.name());
        self.been.insert(page);
        let wanted = self.remote.poll_timeout(self.now);
        let took = began.elapsed();
        if wanted.is_some_and(|(at, _)| at <= self.now.uptime) {
            self.remote.handle(Input::Tick, self.now);
            self.drain();
            let again = self.remote.poll_timeout(self.now);
            assert!(again.is_none_or(|(at, _)| at > self.now.uptime), "{}: it spins: {again:?}", self.name);
        }
        took
    }

    fn drain(&mut self) {
        for _ in 0..OUTPUTS_MAX {
            match self.remote.poll_output() {
                None => return,
                Some(Output::Store(batch)) => {
                    assert!(!self.to_store, "{}: two batches at once", self.name);
                    assert!(batch.kept.len() <= KEPT_LEN_MAX, "{} bytes to keep", batch.kept.len());
                    Kept::from_bytes(&batch.kept).expect("what is kept can be restored");
                    self.head += batch.entries.len() as u64;
                    self.kept = batch.kept;
                    self.to_store = true;
                }
                Some(Output::Transmit(command)) => self.asked.push(command),
                Some(Output::Hangup | Output::Rest) => {
                    self.asked.clear();
                    self.linked = false;
                }
                Some(Output::ReadDays) => self.days_asked = true,
                Some(Output::ReadLevels) => self.levels_asked = true,
                Some(Output::SetClock(_)) => self.clock_asked = true,
                Some(Output::CopyRecord) => self.copy_asked = true,
                Some(Output::Measure) => self.to_measure = MEASURES,
                Some(Output::Reach | Output::KeepConfirmed | Output::Fit) => {}
            }
        }
        assert_eq!(self.remote.poll_output(), None, "{}: more than {OUTPUTS_MAX} outputs", self.name);
    }

    fn pass_time(&mut self) {
        let spans = [0, 0, 0, 0, 1, 1, 50, 90, 100, 400, 2_000, 2_000, 5_000, 31_000, 7_200_000, 90_000_000];
        let span = if self.holding > 0 { 100 } else { self.chance.pick(&spans) };
        let uptime = self.now.uptime.millis();
        let back = self.chance.one_in(50 * self.wild);
        let uptime = if back { uptime / 2 } else { uptime.saturating_add(span) };
        self.now.uptime = Uptime::from_millis(uptime.min(u64::MAX / 2));
        self.pump.advance(Millis::new(span));
        if self.chance.one_in(8) {
            let edges = [i64::MIN, i64::MIN + 1, -1, 0, 1_790_000_000_000, i64::MAX - 1, i64::MAX];
            let (unix_ms, utc_offset_min) =
                (self.chance.pick(&edges), self.chance.pick(&[i16::MIN, -300, 0, 120, i16::MAX]));
            self.now.wall = Some(WallTime { unix_ms, utc_offset_min }).filter(|_| !self.chance.one_in(4));
        }
    }

    fn restart(&mut self) {
        let mut bytes = self.kept.clone();
        for _ in 0..if self.chance.one_in(self.wild) { 2 } else { 0 } {
            let at = usize::try_from(self.chance.below(bytes.len() as u64)).expect("small");
            bytes[at] = self.chance.pick(&[0, 1, 0x0F, 0x7F, 0x80, 0xFF]);
        }
        let kept = Kept::from_bytes(&bytes).unwrap_or_else(|_| Kept::from_bytes(&self.kept).expect("as it was stored"));
        let kept = if self.chance.one_in(self.wild) { kept.for_another_pump(self.now).0 } else { kept };
        if self.chance.one_in(2) {
            self.now.boot = BootId([u8::try_from(self.chance.below(250)).expect("small"); 16]);
        }
        self.remote = Remote::restore(beginning(kept, self.head, self.wild), self.now);
        self.asked.clear();
        (self.to_store, self.linked) = (false, false);
        (self.days_asked, self.levels_asked) = (false, false);
        (self.clock_asked, self.copy_asked) = (false, false);
        self.to_measure = 0;
        self.drain();
    }

    fn input(&mut self) -> Input {
        if self.to_store && !self.chance.one_in(5) {
            self.to_store = false;
            let hash = [u8::try_from(self.head % 251).expect("small"); 32];
            let stored = Input::Stored(AuditHead { count: self.head, hash });
            return if self.chance.one_in(30) { Input::NotStored } else { stored };
        }
        if self.holding > 0 {
            self.holding -= 1;
            let level = if self.holding == 0 { Level::Released } else { Level::Pressed };
            return Input::Intent(Intent::Touch { control: Control::Dose, level, source: Source::Touchscreen });
        }
        if !self.linked && self.chance.one_in(3) {
            self.linked = true;
            self.pump.session_opened(OURS);
            self.asked.clear();
            return Input::LinkUp;
        }
        if self.linked && self.chance.below(4) > 0 && (!self.asked.is_empty() || self.chance.one_in(8 * self.wild)) {
            return Input::Heard(self.reply());
        }
        if self.to_measure > 0 && self.chance.one_in(3) {
            self.to_measure -= 1;
            return Input::Measured(self.measured());
        }
        match self.chance.below(24) {
            0 if self.chance.one_in(3) => {
                self.linked = false;
                self.asked.clear();
                let why = [LinkLoss::Disconnected, LinkLoss::BadFrame, LinkLoss::Silent, LinkLoss::OutOfPlace];
                Input::LinkDown(self.chance.pick(&why))
            }
            1 => Input::RecordChecked { good: !self.chance.one_in(9 * self.wild) },
            2 => {
                let which = [Trouble::SelfTestRunning, Trouble::SelfTestFailed, Trouble::ToneFailed];
                Input::Trouble { which: self.chance.pick(&which), holds: self.chance.one_in(3 * self.wild) }
            }
            3 => {
                let left = Millis::new(self.chance.pick(&[0, 1, u64::MAX, u64::MAX]));
                let drains = self.chance.one_in(self.wild);
                if self.chance.one_in(3) {
                    Input::Charging(Some(83).filter(|_| !drains))
                } else {
                    Input::Battery { left: Some(left).filter(|_| drains) }
                }
            }
            4 if self.days_asked => {
                self.days_asked = false;
                Input::Days(Vec::new())
            }
            4 if self.levels_asked => {
                self.levels_asked = false;
                let day = self.chance.below(40_000).cast_signed() - 10_000;
                Input::Levels(vec![DayLevel { day, volume: Volume::from_nanolitres(u32::MAX) }])
            }
            4 if self.clock_asked || self.chance.one_in(9 * self.wild) => {
                self.clock_asked = false;
                Input::ClockSet { done: self.chance.one_in(2) }
            }
            4 if self.copy_asked || self.chance.one_in(9 * self.wild) => {
                self.copy_asked = false;
                let why = self.chance.pick(&[NotCopied::NoStick, NotCopied::StickFailed, NotCopied::NoAnswer]);
                let head = AuditHead { count: self.chance.pick(&[0, self.head, u64::MAX]), hash: [7; 32] };
                Input::RecordCopied(if self.chance.one_in(2) { Ok(head) } else { Err(why) })
            }
            5 if self.chance.one_in(10) => Input::Close,
            5 if self.chance.one_in(20) => Input::Decommission,
            6 | 7 => Input::Tick,
            8..=11 => {
                self.holding = 18;
                Input::Intent(if self.chance.one_in(2) { Intent::Seen } else { Intent::Visit(Visit::Patient) })
            }
            _ => Input::Intent(self.intent()),
        }
    }

    fn intent(&mut self) -> Intent {
        match self.chance.below(30) {
            0 if self.chance.one_in(3) => {
                let day = self.chance.pick(&[i64::MIN, -1, 20_717, i64::MAX]);
                let pages = [
                    Visit::Caregiver,
                    Visit::History,
                    Visit::Day(day),
                    Visit::Alarms,
                    Visit::More,
                    Visit::Therapy,
                    Visit::Implant,
                    Visit::LinkSteps,
                    Visit::Settings,
                    Visit::Sounds,
                    Visit::SelfTest,
                    Visit::Practice,
                    Visit::Clinic,
                    Visit::Reservoir,
                    Visit::SetTime,
                    Visit::Service,
                ];
                Intent::Visit(self.chance.pick(&pages))
            }
            1 if self.chance.one_in(3) => Intent::Visit(Visit::Emergency),
            0..=2 => Intent::Visit(Visit::Patient),
            3 | 4 => Intent::Seen,
            5 => Intent::NoticeSeen,
            6 => Intent::Wake,
            7 => Intent::PauseAudio,
            8 | 9 => Intent::Acknowledge(self.chance.pick(&AlarmCondition::ALL)),
            10..=14 => Intent::Digit(self.chance.pick(&[0, 0, 0, 9, 10, 255])),
            15 => Intent::EraseDigit,
            16 => Intent::Proceed,
            17 => Intent::Quiet(QuietHours::new(self.chance.pick(&[0, 600, 1440]), self.chance.pick(&[0, 1, 1439]))),
            18..=20 => {
                let part = self.chance.pick(&[TimePart::Day, TimePart::Hour, TimePart::Minute]);
                let step = Intent::StepTime(TimeStep { part, on: self.chance.one_in(2) });
                self.chance.pick(&[step, step, Intent::TakePumpTime, Intent::SetClock, Intent::CopyRecord])
            }
            21 if self.chance.one_in(3) => Intent::TestSelf,
            22 if self.chance.one_in(3) => Intent::Answer { yes: !self.chance.one_in(4) },
            _ => Intent::Touch {
                control: self.chance.pick(&[Control::Dose, Control::Dose, Control::Dose, Control::Stop]),
                level: if self.chance.one_in(20) { Level::Released } else { Level::Pressed },
                source: if self.chance.one_in(20) { Source::Button } else { Source::Touchscreen },
            },
        }
    }

    /// Each kind and each device in turn, and mostly good.
    fn measured(&mut self) -> Measured {
        let odd = self.chance.one_in(9 * self.wild);
        match self.to_measure % 10 {
            7 => Measured::Program { found: Some([1; 32]), meant: Some([u8::from(!odd); 32]), confirmed: None },
            8 => {
                let boottime = Millis::new(if odd { self.edge() } else { 1_000 });
                Measured::Clocks { boottime, steady: Millis::from_secs(1) }
            }
            9 => Measured::Key { down: self.chance.pick(&[None, Some(false), Some(odd)]) },
            device => {
                let device = Device::ALL[usize::try_from(device).expect("small")];
                let condition = self.chance.pick(&[Condition::Works, Condition::Works, Condition::Absent]);
                Measured::Device { device, condition: if odd { Condition::Broken } else { condition } }
            }
        }
    }

    /// Mostly an answer to what was asked.
    fn reply(&mut self) -> Reply {
        let asked = if self.asked.is_empty() || self.chance.one_in(40) { None } else { Some(self.asked.remove(0)) };
        if let Some(asked) = asked.as_ref().filter(|_| !self.chance.one_in(self.wild)) {
            return self.pump.handle(OURS, Role::Patient, asked, Nonce([5; 16]));
        }
        match asked {
            Some(Command::Hello { .. }) => Reply::Hello(Box::new(self.hello())),
            Some(Command::Prepare { id, .. }) => match self.chance.below(8) {
                0 => Reply::Denied { id, denial: self.denial() },
                1 => self.fate_of(id),
                _ => self.granted(id),
            },
            Some(Command::Commit { id, .. }) => match self.chance.below(8) {
                0 => Reply::Rejected { id, denial: self.denial() },
                1 => self.fate_of(id),
                _ => Reply::Accepted { id, bolus: self.bolus() },
            },
            Some(Command::Query { id } | Command::Abort { id } | Command::Cancel { id }) => self.fate_of(id),
            Some(Command::ReadHistory { from }) => Reply::History(self.page(from)),
            Some(Command::ReadReport | Command::Acknowledge { .. } | Command::ResetStatus { .. }) => {
                Reply::Report(Box::new(self.report()))
            }
            Some(Command::ReadPrescription) => Reply::Prescription(Box::new(self.programmed())),
            Some(Command::ConfirmPairing) => Reply::PairingConfirmed,
            Some(Command::EndPairing) => Reply::PairingEnded,
            None => match self.chance.below(3) {
                0 => Reply::Refused { reason: RefusedReason::NotGreeted },
                _ => {
                    Reply::Status { changed: self.chance.pick(&[StatusChanged::HISTORY, StatusChanged::PRESCRIPTION]) }
                }
            },
        }
    }

    fn hello(&mut self) -> Hello {
        Hello {
            serial: Text::new(self.chance.pick(&["SIM-000042", "SIM-000042", "SIM-000042", "ANOTHER"])).expect("fits"),
            role: if self.chance.one_in(30) { Role::Viewer } else { Role::Patient },
            history_first: HistorySeq(self.edge()),
            last_id: RequestId(self.rarely_edge(0)),
            last_fate: Fate::Forgotten,
            watermark: RequestId(self.rarely_edge(0)),
            witness: None,
            report: self.report(),
        }
    }

    /// The honest pump's, and at times with a field from the edge.
    fn report(&mut self) -> PumpReport {
        let mut report = self.pump.report();
        let (time, edge) = (self.time(), Millis::new(self.edge()));
        match self.chance.below(10) {
            0 => report.time = time,
            1 => report.civil = CivilTime::from_millis(self.chance.pick(&[i64::MIN, -1, i64::MAX])),
            2 => report.lockout_remaining = edge,
            3 => {
                let used = self.chance.pick(&[0, 3, 4, 255]);
                report.allotment = AllotmentAccount { used, next_return: edge };
            }
            4 => report.window_used = self.dose(),
            5 => report.delivery = Delivery::Stopped { since: edge },
            6 => {
                let (bolus, origin, dose) = (BolusId(u32::MAX), self.origin(), self.dose());
                let delivered = self.delivered();
                report.bolus = Some(RunningBolus { bolus, origin, dose, delivered, remaining: edge });
            }
            7 => report.reservoir = Volume::from_nanolitres(self.chance.pick(&[0, 1, u32::MAX])),
            8 => report.history_head = HistorySeq(edge.get()),
            _ => report.annunciations = self.annunciations(),
        }
        report
    }

    fn annunciations<const MAX: usize>(&mut self) -> Bounded<Annunciation, MAX> {
        let kinds = [AnnunciationKind::PumpStopped, AnnunciationKind::Eri, AnnunciationKind::LowReservoir];
        let states = [AnnunciationState::Pending, AnnunciationState::Snoozed, AnnunciationState::Confirmed];
        Bounded::filled_from((0..self.chance.below(20)).map(|_| Annunciation {
            id: self.chance.pick(&[0, 1, 2, u16::MAX]),
            kind: self.chance.pick(&kinds),
            state: self.chance.pick(&states),
            since: Millis::new(self.edge()),
        }))
    }

    fn granted(&mut self, id: RequestId) -> Reply {
        let dose = self.pump.prescription().programmed().demand_dose;
        let life = Millis::new(self.chance.pick(&[0, 1, 10_000, 10_000, 10_000, u64::MAX]));
        Reply::Granted { id, nonce: Nonce([9; 16]), dose, life }
    }

    fn denial(&mut self) -> Denial {
        let reasons = self.chance.pick(&[DenyReason::WindowLimit, DenyReason::Lockout, DenyReason::IdUsed]);
        Denial { reasons: [reasons].into_iter().collect(), retry_after: Millis::new(self.edge()) }
    }

    fn fate_of(&mut self, id: RequestId) -> Reply {
        let (bolus, delivered) = (self.bolus(), self.delivered());
        let remaining = Millis::new(self.edge());
        let end = self.chance.pick(&[BolusEnd::Complete, BolusEnd::Cancelled, BolusEnd::Reset]);
        let fate = self.chance.pick(&every_fate(bolus, delivered, end, remaining));
        let watermark = self.rarely_edge(id.0);
        Reply::Fate { id, fate, watermark: RequestId(watermark) }
    }

    fn page(&mut self, from: HistorySeq) -> HistoryPage {
        let first = self.rarely_edge(from.0);
        let len = self.chance.below(9);
        let head = HistorySeq(self.chance.pick(&[from.0.saturating_add(len).saturating_sub(1), u64::MAX, first]));
        let entries = (0..len).map(|nth| {
            let seq = HistorySeq(self.rarely_edge(first.saturating_add(nth)));
            HistoryEntry { seq, at: self.time(), event: self.event() }
        });
        let entries = Bounded::filled_from(entries.collect::<Vec<_>>());
        HistoryPage { first: HistorySeq(first.min(from.0.max(1))), head, entries }
    }

    fn event(&mut self) -> HistoryEvent {
        let bolus = BolusId(self.chance.pick(&[0, 1, 2, u32::MAX]));
        let volume = Volume::from_nanolitres(u32::MAX);
        let concentration = Concentration::from_micrograms_per_millilitre(u32::MAX);
        match self.chance.below(10) {
            0 => HistoryEvent::Refilled { volume, concentration },
            1 => HistoryEvent::Reset,
            2..=5 => HistoryEvent::BolusEnded {
                bolus,
                origin: self.origin(),
                delivered: self.delivered(),
                end: BolusEnd::Complete,
            },
            _ => HistoryEvent::BolusStarted { bolus, origin: self.origin(), dose: self.dose(), concentration },
        }
    }

    fn origin(&mut self) -> Origin {
        let id = RequestId(self.rarely_edge(1));
        let key = self.chance.pick(&[OURS, KeyFingerprint([7; 8])]);
        self.chance.pick(&[Origin::Clinician, Origin::Unknown, Origin::Remote { key, id }])
    }

    fn bolus(&mut self) -> BolusRef {
        let honest = self.pump.time();
        let start = if self.chance.one_in(3) { self.time() } else { honest };
        BolusRef { bolus: BolusId(1), history_seq: HistorySeq(self.edge()), start, dose: self.dose() }
    }

    fn time(&mut self) -> PumpTime {
        PumpTime::new(self.chance.pick(&[0, 1, 1, 1, 2, u32::MAX]), Millis::new(self.edge()))
    }

    fn delivered(&mut self) -> Delivered {
        Delivered { at_least: self.dose(), at_most: self.dose() }
    }

    fn dose(&mut self) -> Dose {
        Dose::from_nanograms(self.chance.pick(&[0, 1, 50_000, 50_000, u32::MAX]))
    }

    fn programmed(&mut self) -> Programmed {
        if self.chance.one_in(10) {
            let prescription = prescription(&mut self.chance);
            self.pump.program(prescription);
        }
        let mut programmed = self.pump.prescription().programmed().clone();
        if self.chance.one_in(6) {
            programmed.lockout_interval = Millis::new(self.edge());
        }
        programmed
    }

    fn rarely_edge(&mut self, usual: u64) -> u64 {
        if self.chance.one_in(25) { self.edge() } else { usual }
    }

    fn edge(&mut self) -> u64 {
        let hours = 3_600_000;
        let edges = [0, 0, 1, 999, 60_000, 2 * hours, 24 * hours, 168 * hours, u64::MAX / 2, u64::MAX - 1, u64::MAX];
        self.chance.pick(&edges)
    }
}

/// What may have become of a request.
pub const fn every_fate(bolus: BolusRef, delivered: Delivered, end: BolusEnd, remaining: Millis) -> [Fate; 9] {
    [
        Fate::NeverRan,
        Fate::Granted,
        Fate::Voided,
        Fate::Denied,
        Fate::Rejected,
        Fate::Forgotten,
        Fate::Done { bolus },
        Fate::Stopped { bolus, delivered, end },
        Fate::Delivering { bolus, delivered, remaining },
    ]
}

/// One that agrees with itself, and goes as far as it may.
fn prescription(chance: &mut Chance) -> Prescription {
    let hours = Millis::from_hours;
    let like = Setup::demonstration().prescription.programmed().clone();
    loop {
        let rate = chance.pick(&[0, 3_500, 20_000_000]);
        let segment =
            |minute: u16| BasalSegment { from_minute: minute, rate: BasalRate::from_nanograms_per_hour(rate) };
        let programmed = Programmed {
            demand_dose: Dose::from_nanograms(chance.pick(&[0, 1, 50_000, 50_000, u32::MAX])),
            bolus_duration: chance.pick(&[Millis::ZERO, Millis::new(1), Millis::from_mins(4), hours(167), Millis::MAX]),
            lockout_interval: chance.pick(&[Millis::from_mins(5), hours(2), hours(168)]),
            allotment: chance.pick(&[0, 1, 4, 48]),
            window_limit: WindowDoseLimit {
                amount: Dose::from_nanograms(chance.pick(&[400_000, u32::MAX])),
                window: chance.pick(&[hours(1), hours(24), hours(168)]),
            },
            basal: Bounded::filled_from((0..chance.pick(&[1, 24])).map(|nth| segment(nth * 60))),
            patient_code: chance.one_in(4).then_some(PatientCode(0)),
            ..like.clone()
        };
        if let Ok(prescription) = Prescription::check(programmed) {
            return prescription;
        }
    }
}

/// Half of them have a display that goes dark: those that are told the less nonsense.
fn beginning(kept: Kept, count: u64, wild: u64) -> Beginning {
    let dark_after = (wild > 10).then_some(DARK_AFTER);
    let self_test = (wild == 40).then_some(Asking::Somebody);
    Beginning { dark_after, self_test, ..Beginning::bonded(OURS, kept, AuditHead { count, hash: [0; 32] }) }
}
