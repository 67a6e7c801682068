//! Whatever is said and whatever happens, in any order: no id runs twice, and no dose breaks a limit.
//!
//! The account that judges the pump here is a third one. It knows only what the pump answered, keeps every dose for ever,
//! and walks through windows minute by minute.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use proptest::{prelude::*, test_runner::TestRunner};
use pump_protocol::{
    clock::CivilTime,
    history::HistoryEvent,
    message::{Command, Fate, KeyFingerprint, Nonce, Reply, RequestId},
    prescription::{BasalSegment, Programmed},
    quantity::{BasalRate, Concentration, Millis, Volume},
    wire::Bounded,
};

use super::{Bench, PATIENT, SECOND, bench_with, mcg};
use crate::pump::Pump;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// What may happen. `key` chooses a remote; `Between` is a grant, something else, and then its COMMIT.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Open { key: bool },
    Close { key: bool },
    Prepare { key: bool, id: u64 },
    Commit { key: bool, id: u64, nonce_of: bool },
    PrepareNext { key: bool },
    CommitNewest { key: bool },
    Dose { key: bool },
    Between { key: bool, step: Box<Step> },
    Query { key: bool, id: u64 },
    Abort { key: bool, id: u64 },
    Cancel { key: bool, id: u64 },
    CancelNewest { key: bool },
    Program { lockout_min: u64, allotment: u8, limit: u32 },
    Refill(u32),
    Stop,
    Start,
    Stall,
    Unstall,
    Clinician(u32),
    Clock(u16),
    Reset,
    PowerCut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (key, id) = (any::<bool>, || 1_u64..40);
    let times = [0, 1, 9_999, 10_000, 60_000, 1_199_999, 1_800_000, 1_860_000, 2_700_000, 3_600_000, 14_400_000];
    let step = prop_oneof![
        24 => prop::sample::select(times.to_vec()).prop_map(Step::Pass),
        1 => prop::sample::select(vec![82_800_000, 7 * 86_400_000]).prop_map(Step::Pass),
        3 => key().prop_map(|key| Step::Open { key }),
        1 => key().prop_map(|key| Step::Close { key }),
        4 => (key(), id()).prop_map(|(key, id)| Step::Prepare { key, id }),
        4 => (key(), id(), key()).prop_map(|(key, id, nonce_of)| Step::Commit { key, id, nonce_of }),
        8 => key().prop_map(|key| Step::PrepareNext { key }),
        8 => key().prop_map(|key| Step::CommitNewest { key }),
        20 => key().prop_map(|key| Step::Dose { key }),
        1 => (key(), id()).prop_map(|(key, id)| Step::Query { key, id }),
        1 => (key(), id()).prop_map(|(key, id)| Step::Abort { key, id }),
        1 => (key(), id()).prop_map(|(key, id)| Step::Cancel { key, id }),
        2 => key().prop_map(|key| Step::CancelNewest { key }),
        1 => (prop::sample::select(vec![30, 45]), 0_u8..5, 46_u32..90)
            .prop_map(|(lockout_min, allotment, limit)| Step::Program { lockout_min, allotment, limit }),
        1 => (1_900_u32..20_000).prop_map(Step::Refill),
        1 => Just(Step::Stop),
        10 => Just(Step::Start),
        1 => Just(Step::Stall),
        1 => Just(Step::Unstall),
        1 => (1_u32..20).prop_map(Step::Clinician),
        1 => (0_u16..1440).prop_map(Step::Clock),
        1 => Just(Step::Reset),
        1 => Just(Step::PowerCut),
    ]
    .boxed();
    let between = (key(), step.clone()).prop_map(|(key, step)| Step::Between { key, step: Box::new(step) });
    prop::collection::vec(prop_oneof![4 => step, 1 => between], 1..120)
}

/// A pump with little to give and much that limits it.
fn tight() -> Bench {
    bench_with(|p| {
        let rate = BasalRate::from_nanograms_per_hour;
        p.basal = Bounded::filled_from([
            BasalSegment { from_minute: 0, rate: rate(3_000) },
            BasalSegment { from_minute: 10 * 60, rate: rate(12_000) },
            BasalSegment { from_minute: 12 * 60, rate: rate(2_000) },
        ]);
        p.demand_dose = mcg(10);
        p.bolus_duration = Millis::from_mins(20);
        p.lockout_interval = Millis::from_mins(30);
        p.allotment = 4;
        p.window_limit.window = Millis::from_hours(4);
        p.window_limit.amount = mcg(52);
    })
}

/// One dose as the third account has it.
struct Given {
    request: Option<(KeyFingerprint, u64)>,
    start: i64,
    end: i64,
    micrograms: i64,
    nothing_went_in: bool,
}

struct World {
    bench: Bench,
    now: i64,
    /// What must be added to `now` for the pump's time of day.
    civil: i64,
    reset: Option<i64>,
    given: Vec<Given>,
    refused: BTreeSet<(KeyFingerprint, u64)>,
    nonces: BTreeMap<KeyFingerprint, Nonce>,
    /// The newest grant and when it was given, while nothing has happened that kills it.
    live: Option<(KeyFingerprint, u64, i64)>,
    newest: BTreeMap<KeyFingerprint, u64>,
    read: u64,
}

impl World {
    fn new() -> Self {
        let mut bench = tight();
        bench.greet(SECOND);
        let civil = i64::from(bench.pump.civil().minute_of_day()) * MINUTE;
        let (given, refused) = (Vec::new(), BTreeSet::new());
        let (nonces, newest) = (BTreeMap::new(), BTreeMap::new());
        Self { bench, now: 0, civil, reset: None, given, refused, nonces, live: None, newest, read: 0 }
    }

    fn take(&mut self, step: &Step) {
        self.live = self.live.filter(|(key, _, _)| !kills_grant(step, *key));
        match *step {
            Step::Pass(ms) => {
                self.bench.pass(Millis::new(ms));
                self.now += i64::try_from(ms).expect("small");
            }
            Step::Open { key } => _ = self.bench.greet(name(key)),
            Step::Close { key } => self.bench.pump.session_closed(name(key)),
            Step::Prepare { key, id } => self.prepare(name(key), id),
            Step::Commit { key, id, nonce_of } => self.commit(name(key), id, name(nonce_of)),
            Step::PrepareNext { key } => self.prepare(name(key), self.newest(key) + 1),
            Step::CommitNewest { key } => self.commit(name(key), self.newest(key), name(key)),
            Step::Dose { key } => {
                self.prepare(name(key), self.newest(key) + 1);
                self.commit(name(key), self.newest(key), name(key));
            }
            Step::Between { key, ref step } => {
                let id = self.newest(key) + 1;
                self.prepare(name(key), id);
                self.take(step);
                self.commit(name(key), id, name(key));
            }
            Step::Query { key, id } => self.hear(name(key), &Command::Query { id: RequestId(id) }),
            Step::Abort { key, id } => {
                self.saw(name(key), id);
                self.hear(name(key), &Command::Abort { id: RequestId(id) });
            }
            Step::Cancel { key, id } => self.hear(name(key), &Command::Cancel { id: RequestId(id) }),
            Step::CancelNewest { key } => {
                self.hear(name(key), &Command::Cancel { id: RequestId(self.newest(key)) });
            }
            Step::Program { lockout_min, allotment, limit } => self.bench.reprogram(|p| {
                p.lockout_interval = Millis::from_mins(lockout_min);
                p.allotment = allotment;
                p.window_limit.amount = mcg(limit);
            }),
            Step::Refill(microlitres) => {
                let liquid = Concentration::from_micrograms_per_millilitre(2000);
                self.bench.pump.refill(Volume::from_microlitres(microlitres), liquid).expect("fits");
            }
            Step::Stop => self.bench.pump.stop(),
            Step::Start | Step::Unstall => self.start(),
            Step::Stall => self.bench.pump.stall(),
            Step::Clinician(micrograms) => self.clinician(micrograms),
            Step::Clock(minute) => {
                self.bench.pump.set_civil(CivilTime::from_millis(i64::from(minute) * MINUTE));
                self.civil = i64::from(minute) * MINUTE - self.now;
            }
            Step::Reset => {
                self.bench.pump.reset();
                self.reset = Some(self.now);
                self.greet_all();
            }
            Step::PowerCut => {
                self.bench.pump = Pump::restore(&self.bench.pump.durable()).expect("intact");
                self.greet_all();
            }
        }
        self.read_history();
        self.fates_agree();
    }

    /// Ends every alarm that can be ended, so that the story goes on.
    fn start(&mut self) {
        self.bench.pump.start();
        self.bench.pump.unstall();
        for annunciation in self.bench.pump.report().annunciations.iter() {
            let command = Command::Acknowledge { annunciation: annunciation.id, confirm: true };
            self.bench.say(PATIENT, &command);
        }
    }

    fn greet_all(&mut self) {
        self.bench.greet(PATIENT);
        self.bench.greet(SECOND);
    }

    fn clinician(&mut self, micrograms: u32) {
        if self.bench.pump.clinician_bolus(mcg(micrograms)).is_ok() {
            self.note(None, i64::from(micrograms));
        }
    }

    fn newest(&self, key: bool) -> u64 {
        self.newest.get(&name(key)).copied().unwrap_or_default()
    }

    fn saw(&mut self, key: KeyFingerprint, id: u64) {
        let newest = self.newest.entry(key).or_default();
        *newest = id.max(*newest);
    }

    fn prepare(&mut self, key: KeyFingerprint, id: u64) {
        let command = super::prepare(id, self.bench.hash());
        self.saw(key, id);
        self.hear(key, &command);
    }

    fn commit(&mut self, key: KeyFingerprint, id: u64, nonce_of: KeyFingerprint) {
        let nonce = self.nonces.get(&nonce_of).copied().unwrap_or_default();
        let command = Command::Commit { id: RequestId(id), nonce, prescription: self.bench.hash() };
        self.saw(key, id);
        self.hear(key, &command);
    }

    /// Says something, and holds the answer against the third account.
    fn hear(&mut self, key: KeyFingerprint, command: &Command) {
        match self.bench.say(key, command) {
            Reply::Granted { id, nonce, .. } => {
                self.nonces.insert(key, nonce);
                self.grant(key, id.0);
                assert!(!self.was_given(key, id.0), "{id} was given, and is granted again");
            }
            Reply::Accepted { id, .. } if self.was_given(key, id.0) => {}
            Reply::Accepted { id, .. } => {
                assert!(!self.refused.contains(&(key, id.0)), "{id} was refused for good, and runs");
                let live = self.live.take_if(|(holder, held, _)| (*holder, *held) == (key, id.0));
                assert!(live.is_some_and(|(_, _, at)| self.now - at < 10_000), "{id} runs without a living grant");
                self.check_limits();
                self.note(Some((key, id.0)), 10);
            }
            Reply::Denied { id, .. } | Reply::Rejected { id, .. } => {
                let forgotten = self.bench.pump.fate(key, id) == Fate::Forgotten;
                // proves R-PMP-06
                assert!(forgotten || !self.was_given(key, id.0), "{id} was given, and is called refused");
                self.refused.insert((key, id.0));
            }
            Reply::Fate { id, fate: Fate::Voided, .. } => _ = self.refused.insert((key, id.0)),
            Reply::Fate { .. } | Reply::Refused { .. } => {}
            other => unreachable!("{command:?} was answered with {other:?}"),
        }
    }

    /// Notes a grant, or that it was told again.
    fn grant(&mut self, key: KeyFingerprint, id: u64) {
        match self.live {
            Some((holder, held, _)) if (holder, held) == (key, id) => return,
            Some((holder, held, _)) => {
                assert_ne!(self.bench.pump.fate(holder, RequestId(held)), Fate::Granted, "two grants live");
            }
            None => {}
        }
        self.live = Some((key, id, self.now));
    }

    fn was_given(&self, key: KeyFingerprint, id: u64) -> bool {
        self.given.iter().any(|given| given.request == Some((key, id)))
    }

    fn note(&mut self, request: Option<(KeyFingerprint, u64)>, micrograms: i64) {
        let (start, end) = (self.now, self.now + 20 * MINUTE);
        self.given.push(Given { request, start, end, micrograms, nothing_went_in: false });
    }

    /// A bolus of which nothing went in may be left out of account, if no time had passed.
    fn read_history(&mut self) {
        for entry in self.bench.pump.history().filter(|entry| entry.seq.0 > self.read) {
            if let HistoryEvent::BolusEnded { delivered, .. } = entry.event
                && let Some(last) = self.given.last_mut()
            {
                let ago = self.bench.pump.time().since(entry.at).map_or(0, ms);
                last.end = last.end.min(self.now - ago);
                if delivered.at_most == mcg(0) {
                    assert_eq!(last.start, self.now, "called zero though time had passed");
                    last.nothing_went_in = true;
                }
            }
        }
        self.read = self.bench.pump.report().history_head.0;
    }

    fn fates_agree(&self) {
        for (key, id) in self.given.iter().filter_map(|given| given.request) {
            let fate = self.bench.pump.fate(key, RequestId(id));
            let known = matches!(fate, Fate::Delivering { .. } | Fate::Done { .. } | Fate::Stopped { .. });
            assert!(known || fate == Fate::Forgotten, "{id} was given, and is called {fate:?}");
        }
    }

    /// At the start of a demand dose: lockout, allotment and every window, under the prescription in force.
    fn check_limits(&self) {
        let p = self.bench.pump.prescription().programmed();
        let lockout = ms(p.lockout_interval);
        let counted = || self.given.iter().filter(|given| !given.nothing_went_in);
        let starts = counted().map(|given| given.start).chain(self.reset);
        // proves R-PMP-08
        starts.for_each(|start| assert!(self.now - start >= lockout, "within the lockout"));
        let demand_doses = counted().filter(|given| given.request.is_some() && self.now - given.start < DAY).count();
        // proves R-PMP-09
        assert!(demand_doses < usize::from(p.allotment), "over the allotment");
        self.check_windows(p);
    }

    fn check_windows(&self, p: &Programmed) {
        let (window, limit) = (ms(p.window_limit.window), i64::from(p.window_limit.amount.nanograms()));
        let ends = self.now + ms(p.bolus_duration);
        let first = (self.now - window + self.civil).div_euclid(MINUTE) + 1;
        let last = (ends + self.civil - 1).div_euclid(MINUTE);
        for minute in first..=last {
            let from = minute * MINUTE - self.civil;
            let touched = |given: &&Given| !given.nothing_went_in && given.start < from + window && given.end > from;
            let doses: i64 = self.given.iter().filter(touched).map(|given| given.micrograms * 1000).sum();
            let basal: i64 = (minute..minute + window / MINUTE).map(|minute| per_hour(p, minute)).sum();
            let total = 60 * (doses + 10_000) + basal;
            // proves R-PMP-10
            assert!(total <= 60 * limit, "{total} in the window from {from}, at {}", self.now);
        }
    }
}

/// Whether this step ends a grant that this key holds.
fn kills_grant(step: &Step, holder: KeyFingerprint) -> bool {
    match *step {
        Step::Open { key } | Step::Close { key } => name(key) == holder,
        Step::Program { .. }
        | Step::Refill(_)
        | Step::Stop
        | Step::Stall
        | Step::Clock(_)
        | Step::Reset
        | Step::PowerCut => true,
        Step::Pass(_)
        | Step::Prepare { .. }
        | Step::Commit { .. }
        | Step::PrepareNext { .. }
        | Step::CommitNewest { .. }
        | Step::Dose { .. }
        | Step::Between { .. }
        | Step::Query { .. }
        | Step::Abort { .. }
        | Step::Cancel { .. }
        | Step::CancelNewest { .. }
        | Step::Start
        | Step::Unstall
        | Step::Clinician(_) => false,
    }
}

/// The rate in this minute of some day.
fn per_hour(p: &Programmed, minute: i64) -> i64 {
    let of_day = minute.rem_euclid(1440);
    let begun = p.basal.iter().rfind(|segment| i64::from(segment.from_minute) <= of_day);
    begun.map_or(0, |segment| i64::from(segment.rate.nanograms_per_hour()))
}

fn ms(millis: Millis) -> i64 {
    i64::try_from(millis.get()).expect("small")
}

fn name(key: bool) -> KeyFingerprint {
    if key { PATIENT } else { SECOND }
}

#[test]
fn no_order_of_words_and_mishaps_gives_a_dose_too_many() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let doses = Cell::new(0);
    let mut runner = TestRunner::new(config);
    let told = runner.run(&steps(), |steps| {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        doses.set(doses.get() + world.given.len());
        Ok(())
    });
    told.unwrap_or_else(|failure| unreachable!("{failure}"));
    assert!(doses.get() > 512, "only {} doses were given: little was tested", doses.get());
}
