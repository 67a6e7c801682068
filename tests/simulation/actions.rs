//! What can happen in a story, and how likely.

use pump_core::{
    audit::event::Trouble,
    remote::Input,
    screen::{Control, Face, Intent, Source, Visit},
};
use pump_protocol::{
    clock::{CivilTime, WallTime},
    prescription::{BasalSegment, PatientCode, Prescription, Programmed, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    wire::Bounded,
};
use pump_tests::{CommandKind, Disk, Effect, Fault, Point, World, chance::Chance};
use simulated_pump::Setup;

use crate::invariants::Judge;

/// The patient's code, where one is asked for.
const CODE: u16 = 427;
const TROUBLES: [Trouble; 3] = [Trouble::SelfTestRunning, Trouble::SelfTestFailed, Trouble::ToneFailed];

/// A world in which things happen.
pub(crate) struct Story {
    pub(crate) world: World,
    pub(crate) judge: Judge,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Hold {
        control: Control,
        source: Source,
        held: Millis,
    },
    Visit(Visit),
    Seen,
    Wake,
    Pass(Millis),
    Doze(Millis),
    CutLink,
    WalkAway,
    ComeBack,
    Fault(Fault),
    Disk(Disk),
    DiskCatchesUp,
    DiskGivesUp,
    Crash,
    Reboot {
        off: Millis,
    },
    Wall(Option<WallTime>),
    Latency(Millis),
    /// The pump loses its power, for so long.
    PumpReset {
        off: Millis,
    },
    PumpStall,
    PumpUnstall,
    PumpStop,
    PumpStart,
    Refill(Concentration),
    /// The clinic sets the pump's calendar.
    PumpClock {
        by_ms: i64,
    },
    /// Somebody sets the person's clock.
    MoveWall {
        by_ms: i64,
        utc_offset_min: i16,
    },
    /// The person's clock stops, or goes again.
    WallStands(bool),
    Trouble {
        which: Trouble,
        holds: bool,
    },
    Battery(Option<Millis>),
    /// Somebody has seen every alarm that stands.
    AcknowledgeAll,
    PauseAudio,
    Reprogram(Box<Programmed>),
    OtherAsks,
    OtherDoses,
    ClinicianBolus(Dose),
    /// What a patient does who wants medicine and reads the page.
    Press,
    /// The same, while the disk takes its time over the point of no return.
    PressOnASlowDisk,
    /// What a patient does who wants it to end.
    Stop,
    /// A request is left in doubt, and everybody is away for so long that the pump forgets it.
    LongAway {
        history_goes_too: bool,
    },
    /// The disk fails while the link comes and goes, until no more fits into the queue.
    DiskFailsLong,
}

impl Story {
    pub(crate) fn begin(chance: &mut Chance) -> Self {
        let mut setup = Setup::demonstration();
        setup.prescription = prescription(setup.prescription.programmed(), chance);
        setup.civil = setup.civil.after(Millis::from_mins(chance.below(1440)));
        if chance.one_in(20) {
            setup.reservoir = Volume::from_microlitres(u32::try_from(chance.between(1_900, 2_200)).expect("small"));
        }
        let mut world = World::with(setup);
        world.drift_ppm = i64::try_from(chance.below(1_001)).expect("small") - 500;
        world.pass(Millis::from_secs(2));
        Self { world, judge: Judge::default() }
    }

    /// What happens next. Most of it is what patients do; the rest is what must not matter.
    pub(crate) fn choose(&self, chance: &mut Chance) -> Action {
        match chance.below(100) {
            0..=18 => Action::Press,
            19..=21 => Action::PressOnASlowDisk,
            22..=26 => Action::Stop,
            27..=29 => Action::Hold {
                control: chance.pick(&[Control::Dose, Control::Stop]),
                source: chance.pick(&[Source::Touchscreen, Source::Button]),
                held: Millis::new(chance.below(3_000)),
            },
            30 => Action::Visit(chance.pick(&[Visit::Patient, Visit::Caregiver, Visit::History, Visit::Alarms])),
            31..=32 => Action::Seen,
            33 => Action::Wake,
            34..=43 => Action::Pass(Millis::new(chance.pick(&[1, 40, 150, 700, 3_000, 11_000]) + chance.below(500))),
            44..=47 => Action::Pass(Millis::from_secs(chance.between(5, 260))),
            48..=54 => Action::Doze(Millis::from_mins(chance.between(4, 150))),
            55 if chance.one_in(12) => Action::Doze(Millis::from_hours(chance.between(20, 200))),
            55..=57 => Action::CutLink,
            58..=59 => Action::WalkAway,
            60..=62 => Action::ComeBack,
            63..=72 => Action::Fault(fault(chance)),
            73..=75 => Action::Disk(chance.pick(&[Disk::Works, Disk::Works, Disk::Hesitates, Disk::Refuses])),
            76..=78 => Action::DiskCatchesUp,
            79 => Action::DiskGivesUp,
            80..=83 => Action::Crash,
            84 => Action::Reboot { off: Millis::from_secs(chance.pick(&[1, 40, 4_000, 40_000])) },
            85 => Action::Wall(chance.pick(&[
                None,
                Some(WallTime { unix_ms: 1_700_000_000_000, utc_offset_min: 60 }),
                Some(WallTime { unix_ms: 1_990_000_000_000, utc_offset_min: -300 }),
            ])),
            86 => Action::Latency(Millis::new(chance.pick(&[0, 0, 60, 300, 1_200, 4_000, 6_000]))),
            87 => Action::PumpReset { off: Millis::from_secs(chance.pick(&[0, 0, 0, 20, 4_000, 90_000])) },
            88 => chance.pick(&[Action::PumpStall, Action::PumpUnstall, Action::PumpUnstall]),
            89 => chance.pick(&[Action::PumpStop, Action::PumpStart, Action::PumpStart]),
            90 => {
                Action::Refill(Concentration::from_micrograms_per_millilitre(chance.pick(&[2_000, 2_000, 1_000, 500])))
            }
            91 => self.reprogram(chance),
            92 => Action::OtherAsks,
            93..=94 => Action::OtherDoses,
            96 if chance.one_in(4) => Action::LongAway { history_goes_too: chance.one_in(2) },
            96 if chance.one_in(8) => Action::DiskFailsLong,
            95 => Action::ClinicianBolus(Dose::from_micrograms(u32::try_from(chance.between(1, 80)).expect("small"))),
            97 => what_is_set(chance),
            98 => what_is_wrong_here(chance),
            _ => Self::what_mends(chance),
        }
    }

    /// The clinic changes the prescription.
    pub(crate) fn reprogram(&self, chance: &mut Chance) -> Action {
        let programmed = self.world.pump.prescription().programmed();
        let version = programmed.version + 1;
        let next = Programmed { version, ..prescription(programmed, chance).programmed().clone() };
        Action::Reprogram(Box::new(next))
    }

    pub(crate) fn act(&mut self, action: Action, chance: &mut Chance) {
        let world = &mut self.world;
        match action {
            Action::Hold { control, source, held } => world.hold(control, source, held),
            Action::Visit(page) => world.visit(page),
            Action::Seen => world.seen(),
            Action::Wake => world.say(Input::Intent(Intent::Wake)),
            Action::Pass(span) => world.pass(span),
            Action::Doze(span) => world.doze(span, Millis::new((span.get() / 60).clamp(500, 3_600_000))),
            Action::CutLink => world.cut_link(),
            Action::WalkAway => world.walk_away(),
            Action::ComeBack => world.come_back(),
            Action::Fault(fault) => world.faults.push(fault),
            Action::Disk(disk) => world.disk = disk,
            Action::DiskCatchesUp => world.disk_catches_up(),
            Action::DiskGivesUp => world.disk_gives_up(),
            Action::Crash => world.crash(),
            Action::Reboot { off } => world.reboot(off),
            Action::Wall(wall) => world.set_wall(wall),
            Action::Latency(latency) => world.latency = latency,
            Action::PumpReset { off } => {
                world.cut_link();
                let in_reach = std::mem::replace(&mut world.in_reach, false);
                world.pump_is_off = true;
                world.doze(off, Millis::new((off.get() / 60).clamp(500, 3_600_000)));
                world.pump_is_off = false;
                world.pump.reset();
                world.in_reach = in_reach;
            }
            Action::PumpStall => world.pump.stall(),
            Action::PumpUnstall => self.unstall(),
            Action::PumpStop => world.pump.stop(),
            Action::PumpStart => world.pump.start(),
            Action::PumpClock { by_ms } => {
                world.pump.set_civil(CivilTime::from_millis(world.pump.civil().millis() + by_ms));
            }
            Action::MoveWall { by_ms, utc_offset_min } => world.move_wall(by_ms, Some(utc_offset_min)),
            Action::WallStands(stands) => world.wall_stands = stands,
            Action::Trouble { which, holds } => world.say(Input::Trouble { which, holds }),
            Action::Battery(left) => {
                world.say(Input::Battery { left });
                world.say(Input::Charging(left.is_none().then_some(83)));
            }
            Action::AcknowledgeAll => {
                for alarm in world.screen().alarms {
                    world.say(Input::Intent(Intent::Acknowledge(alarm.condition)));
                }
            }
            Action::PauseAudio => world.say(Input::Intent(Intent::PauseAudio)),
            Action::Refill(concentration) => {
                let volume = Volume::from_microlitres(u32::try_from(chance.between(2_100, 20_000)).expect("small"));
                world.pump.refill(volume, concentration).expect("fits");
            }
            Action::Reprogram(programmed) => {
                world.pump.program(Prescription::check(*programmed).expect("checked when it was made"));
            }
            Action::OtherAsks => {
                world.other_prepares();
            }
            Action::OtherDoses => {
                world.other_doses();
            }
            // Refused while a bolus runs, in an alarm, or without drug: all of it may happen here.
            Action::ClinicianBolus(dose) => drop(world.pump.clinician_bolus(dose)),
            Action::Press => self.press(chance),
            Action::PressOnASlowDisk => self.press_on_a_slow_disk(chance),
            Action::Stop => world.hold_stop(),
            Action::LongAway { history_goes_too } => self.long_away(history_goes_too, chance),
            Action::DiskFailsLong => {
                world.disk = Disk::Refuses;
                for _ in 0..70 {
                    world.cut_link();
                    world.come_back();
                }
                world.disk = Disk::Works;
            }
        }
        let Self { world, .. } = self;
        world.chronicle.observe(&world.pump);
    }

    /// A patient who wants medicine reads what stands there, and waits for READY sometimes.
    fn press(&mut self, chance: &mut Chance) {
        let world = &mut self.world;
        world.seen();
        world.visit(Visit::Patient);
        if !chance.one_in(3) {
            wait_for_ready(world);
        }
        if chance.one_in(4) {
            let at =
                chance.pick(&[CommandKind::Prepare, CommandKind::Commit, CommandKind::Commit, CommandKind::Cancel]);
            let fault = Fault { at, ..fault(chance) };
            world.faults.push(fault);
        }
        world.hold(Control::Dose, chance.pick(&[Source::Touchscreen, Source::Button]), Millis::new(1_600));
        enter_code(world, chance);
        if chance.one_in(3) {
            world.pass(Millis::new(chance.pick(&[1, 150, 800, 20_000, 239_000, 240_500])));
            world.hold_stop();
        }
    }

    /// READY, held, granted; and something happens between the intent and its record.
    fn press_on_a_slow_disk(&mut self, chance: &mut Chance) {
        let world = &mut self.world;
        world.seen();
        world.visit(Visit::Patient);
        wait_for_ready(world);
        world.disk_catches_up();
        world.disk = Disk::Hesitates;
        world.hold_dose();
        enter_code(world, chance);
        if chance.one_in(4) {
            world.pass(Millis::from_secs(chance.between(1, 40)));
        }
        world.disk_catches_up();
        world.pass(Millis::new(chance.pick(&[1, 800, 1_300])));
        match chance.below(8) {
            0 => drop(world.pump.clinician_bolus(Dose::from_micrograms(5))),
            1 => world.pump.stop(),
            2 => world.cut_link(),
            3 => world.crash(),
            4 => world.hold_stop(),
            5 => world.disk_gives_up(),
            6 => drop(world.other_doses()),
            _ => world.pass(Millis::from_secs(chance.between(1, 15))),
        }
        world.disk = Disk::Works;
        world.disk_catches_up();
        world.chronicle.observe(&world.pump);
        world.pump.start();
    }

    fn long_away(&mut self, history_goes_too: bool, chance: &mut Chance) {
        let world = &mut self.world;
        world.seen();
        world.visit(Visit::Patient);
        wait_for_ready(world);
        if chance.one_in(2) {
            world.fault(CommandKind::Commit, Point::AfterReceipt, Effect::Disconnect);
        }
        world.hold_dose();
        world.walk_away();
        world.doze(Millis::from_hours(8 * 24), Millis::from_hours(1));
        if history_goes_too {
            world.history_is_pushed_out();
        }
        world.come_back();
    }

    fn what_mends(chance: &mut Chance) -> Action {
        match chance.below(7) {
            0 => Action::ComeBack,
            1 => Action::Disk(Disk::Works),
            2 => Action::PumpUnstall,
            3 => Action::AcknowledgeAll,
            4 => Action::Trouble { which: chance.pick(&TROUBLES), holds: false },
            5 => Action::Battery(None),
            _ => Action::PumpStart,
        }
    }

    fn unstall(&mut self) {
        self.world.pump.unstall();
        let standing: Vec<u16> = self.world.pump.report().annunciations.iter().map(|standing| standing.id).collect();
        for annunciation in standing {
            self.world.other_connects();
            self.world.other_says(&pump_protocol::message::Command::Acknowledge { annunciation, confirm: true });
        }
    }

    /// Every fault is taken away.
    pub(crate) fn all_is_well_again(&mut self) {
        let world = &mut self.world;
        world.faults.clear();
        world.latency = Millis::ZERO;
        world.disk = Disk::Works;
        world.disk_catches_up();
        world.come_back();
    }
}

fn wait_for_ready(world: &mut World) {
    if let Face::Wait(wait) = world.face() {
        let late = Millis::new((wait.remaining.get() / 60).clamp(500, 3_600_000));
        world.doze(wait.remaining.saturating_add(Millis::from_secs(1)), late);
    }
}

/// A patient who is asked for the code types it, mistypes it, or gives up.
fn enter_code(world: &mut World, chance: &mut Chance) {
    let tries = chance.pick(&[1, 1, 1, 2, 5]);
    for last in (0..tries).rev() {
        if !matches!(world.face(), Face::EnterCode { .. }) || chance.one_in(12) {
            return;
        }
        let digits = if last == 0 && !chance.one_in(6) { CODE } else { 1_111 };
        for place in [1_000, 100, 10, 1] {
            let digit = u8::try_from(digits / place % 10).expect("one digit");
            world.say(Input::Intent(Intent::Digit(digit)));
            world.pass(Millis::new(chance.pick(&[100, 400, 900])));
        }
    }
}

fn what_is_set(chance: &mut Chance) -> Action {
    let hours = chance.pick(&[1, -1, 1, -1, 5, 24, -24, 24 * 365]);
    match chance.below(5) {
        0..=1 => Action::PumpClock { by_ms: hours * 3_600_000 },
        2..=3 => Action::MoveWall { by_ms: hours * 3_600_000, utc_offset_min: chance.pick(&[120, 120, 60, -300]) },
        _ => Action::WallStands(chance.one_in(2)),
    }
}

fn what_is_wrong_here(chance: &mut Chance) -> Action {
    match chance.below(4) {
        0 => Action::Trouble { which: chance.pick(&TROUBLES), holds: true },
        1 => Action::Battery(Some(Millis::from_mins(chance.pick(&[4, 8, 14, 60])))),
        2 => Action::AcknowledgeAll,
        _ => Action::PauseAudio,
    }
}

pub(crate) fn fault(chance: &mut Chance) -> Fault {
    let at = chance.pick(&[
        CommandKind::Hello,
        CommandKind::Prepare,
        CommandKind::Prepare,
        CommandKind::Commit,
        CommandKind::Commit,
        CommandKind::Commit,
        CommandKind::Query,
        CommandKind::Abort,
        CommandKind::Cancel,
        CommandKind::Other,
    ]);
    let point = chance.pick(&[Point::BeforeReceipt, Point::AfterReceipt]);
    let effect = match chance.below(8) {
        0..=2 => Effect::Drop,
        3..=5 => Effect::Disconnect,
        6 => Effect::Reset,
        _ if at == CommandKind::Prepare && point == Point::AfterReceipt => Effect::Echo(Dose::from_micrograms(77)),
        _ => Effect::Drop,
    };
    Fault { at, point, effect }
}

/// A prescription that agrees with itself, with limits that a story can reach.
fn prescription(like: &Programmed, chance: &mut Chance) -> Prescription {
    let lockout_min = chance.pick(&[10, 15, 30, 60, 120]);
    let demand_dose = Dose::from_micrograms(chance.pick(&[10, 25, 50, 60]));
    let step = |from_minute, rate| BasalSegment { from_minute, rate: BasalRate::from_nanograms_per_hour(rate) };
    let begins = u16::try_from(chance.between(1, 22) * 60).expect("a minute of the day");
    let basal = match chance.below(3) {
        0 => Bounded::filled_from([step(0, 3_000), step(begins, 30_000), step(begins + 60, 3_000)]),
        1 => Bounded::filled_from([step(0, 20_000), step(begins, 1_000), step(1_400, 20_000)]),
        _ => like.basal.clone(),
    };
    let window = Millis::from_hours(chance.pick(&[1, 2, 24, 24, 24, 24, 24, 7 * 24]));
    let unlimited = WindowDoseLimit { amount: Dose::from_micrograms(100_000), window };
    let roomy = Programmed { basal: basal.clone(), window_limit: unlimited, ..like.clone() };
    let most_basal = Prescription::check(roomy).expect("agrees").most_basal_in(window);
    let doses = u32::try_from(chance.between(1, 9)).expect("small");
    let amount = most_basal.saturating_add(Dose::from_nanograms(demand_dose.nanograms() * doses));
    Prescription::check(Programmed {
        basal,
        patient_code: chance.one_in(6).then_some(PatientCode(CODE)),
        demand_dose,
        bolus_duration: Millis::from_secs(chance.pick(&[30, 120, 240])),
        lockout_interval: Millis::from_mins(lockout_min),
        allotment: u8::try_from(chance.pick(&[0_u64, 1, 2, 4, 4, 6, 12])).expect("small"),
        window_limit: WindowDoseLimit { amount, window },
        ..like.clone()
    })
    .expect("agrees")
}
