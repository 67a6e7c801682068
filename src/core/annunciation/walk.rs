//! Walks through the alarm engine: every short sequence of a few actions, and long ones by chance. After every step the
//! promises are checked, each by a function of its own.

use pump_protocol::{
    clock::Uptime,
    quantity::Millis,
    report::{ANNUNCIATIONS_MAX, Annunciation, AnnunciationKind, AnnunciationState},
    wire::{decode, encode},
};

use super::{
    AlarmCondition, Alarms, Change, Observed, Priority, Signals, Standing, Surroundings,
    condition::{CONDITIONS, Latching},
    signal::{Colour, HIGH_BURST, LOW_BURST, MEDIUM_BURST},
};

const KINDS: [AnnunciationKind; 8] = [
    AnnunciationKind::PumpStopped,
    AnnunciationKind::MotorStall,
    AnnunciationKind::EmptyReservoir,
    AnnunciationKind::LowReservoir,
    AnnunciationKind::Eri,
    AnnunciationKind::Eos,
    AnnunciationKind::MemoryError,
    AnnunciationKind::OcclusionSuspected,
];

/// GIP 3.2.1, in its own figure.
const SILENCE_MAX: Millis = Millis::from_secs(120);

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Action {
    Begins(AlarmCondition),
    Ends(AlarmCondition),
    PumpLists(AnnunciationKind),
    PumpSettles(AnnunciationKind),
    PumpConfirms,
    LinkToggles,
    NightToggles,
    Acknowledge(AlarmCondition),
    AcknowledgeFirst,
    Pause,
    Wait(Millis),
    Restart,
}

/// The engine beside a model of what it must know.
#[derive(Clone)]
struct World {
    alarms: Alarms,
    now: Uptime,
    own: Vec<AlarmCondition>,
    pump: Vec<Annunciation>,
    last_id: u16,
    near: bool,
    around: Surroundings,
    /// What the pump listed when it was near last.
    heard: Vec<AlarmCondition>,
    /// Since when a high condition has been unacknowledged and no whole burst of it was heard.
    unheard_since: Option<Uptime>,
    /// Since when the sound has been on.
    sounds_since: Option<Uptime>,
    done: Vec<Action>,
}

impl World {
    fn new() -> Self {
        Self {
            alarms: Alarms::default(),
            now: Uptime::default(),
            own: Vec::new(),
            pump: Vec::new(),
            last_id: 0,
            near: true,
            around: Surroundings::default(),
            heard: Vec::new(),
            unheard_since: None,
            sounds_since: None,
            done: Vec::new(),
        }
    }

    fn act(&mut self, action: Action) {
        self.done.push(action);
        match action {
            Action::Begins(condition) => self.own.push(condition),
            Action::Ends(condition) => self.own.retain(|own| *own != condition),
            Action::PumpLists(kind) => self.pump_lists(kind),
            Action::PumpSettles(kind) => self.pump.retain(|listed| listed.kind != kind),
            Action::PumpConfirms => self.pump_confirms(),
            Action::LinkToggles => self.near = !self.near,
            Action::NightToggles => self.around.quiet_hours = !self.around.quiet_hours,
            Action::Acknowledge(condition) => self.acknowledge(condition),
            Action::AcknowledgeFirst => {
                if let Some(first) = self.listed().first() {
                    self.acknowledge(*first);
                }
            }
            Action::Pause => {
                self.alarms.pause_audio(self.now);
            }
            Action::Wait(passed) => self.wait(passed),
            Action::Restart => self.restart(),
        }
        self.observe();
    }

    fn pump_lists(&mut self, kind: AnnunciationKind) {
        self.pump.retain(|listed| listed.kind != kind);
        self.last_id += 1;
        assert!(self.pump.len() < ANNUNCIATIONS_MAX);
        self.pump.push(Annunciation { id: self.last_id, kind, state: AnnunciationState::Pending, since: Millis::ZERO });
    }

    fn pump_confirms(&mut self) {
        let owed: Vec<u16> = self.alarms.owed_to_pump().collect();
        for listed in self.pump.iter_mut().filter(|listed| owed.contains(&listed.id)) {
            listed.state = AnnunciationState::Confirmed;
        }
    }

    fn acknowledge(&mut self, condition: AlarmCondition) {
        let before = self.listed();
        let changes = self.alarms.acknowledge(condition, self.now);
        assert!(changes.len() <= 3);
        self.acknowledging_hides_only_what_is_over(&before, &changes);
    }

    /// Time never jumps over what the engine asked to be woken for.
    fn wait(&mut self, passed: Millis) {
        let until = self.now.after(passed);
        let mut wakes = 0_u64;
        loop {
            let next = self.alarms.poll_timeout(self.now).map(|(at, _)| at).filter(|at| *at < until);
            self.pass_to(next.unwrap_or(until));
            self.observe();
            if next.is_none() {
                break;
            }
            wakes += 1;
            let hours = passed.get() / Millis::from_hours(1).get() + 1;
            assert!(wakes <= hours * 200, "it spins: {:?}", self.done);
        }
    }

    fn pass_to(&mut self, next: Uptime) {
        self.no_silence_is_longer_than_two_minutes(next);
        self.now = next;
    }

    fn restart(&mut self) {
        let kept = self.alarms.kept();
        assert_eq!(decode(&encode(&kept)).as_ref(), Ok(&kept));
        // The clock goes on, so that a silence across the restart is counted.
        self.alarms = Alarms::restore(&kept, self.now);
        assert_eq!(self.alarms.kept(), kept);
    }

    fn observe(&mut self) {
        let before: Vec<_> = self.alarms.list().copied().collect();
        if self.near {
            self.heard = self.pump.iter().map(|listed| AlarmCondition::from_annunciation(listed.kind)).collect();
        }
        let pump = self.near.then_some(self.pump.as_slice());
        let changes = self.alarms.observe(&Observed { pump, own: &self.own }, self.now);
        assert!(changes.len() <= 2 * CONDITIONS + 1, "bounded");
        self.what_lasts_is_listed_and_what_does_not_is_not();
        self.nothing_becomes_less_urgent(&before, &changes);
        self.each_is_listed_once_and_the_most_urgent_first();
        self.the_most_urgent_rules();
        self.the_next_wake_is_ahead();
    }

    fn signals(&self) -> Option<Signals> {
        self.alarms.signals(self.now, self.around)
    }

    fn listed(&self) -> Vec<AlarmCondition> {
        self.alarms.list().map(Standing::condition).collect()
    }

    fn lasts(&self, condition: AlarmCondition) -> bool {
        self.own.contains(&condition) || self.heard.contains(&condition)
    }

    fn unacknowledged(&self) -> Option<Priority> {
        let standing = self.alarms.list().filter(|standing| standing.signalled_since().is_some());
        standing.map(Standing::priority).max()
    }

    fn what_lasts_is_listed_and_what_does_not_is_not(&self) {
        for condition in AlarmCondition::ALL {
            let standing = self.alarms.list().find(|standing| standing.condition() == condition);
            if self.lasts(condition) {
                assert!(standing.is_some_and(Standing::cause_lasts), "{condition} lost: {:?}", self.done);
            } else if let Some(standing) = standing {
                let latched = condition.row().latching == Latching::Latches && standing.signalled_since().is_some();
                let unheard = condition == AlarmCondition::PumpNotHeard && !self.near;
                assert!(latched && !standing.cause_lasts() || unheard, "{condition} stays: {:?}", self.done);
            }
        }
    }

    fn acknowledging_hides_only_what_is_over(&self, before: &[AlarmCondition], changes: &[Change]) {
        let after = self.listed();
        for condition in before.iter().filter(|condition| !after.contains(condition)) {
            assert!(!self.lasts(*condition), "{condition} hidden: {:?}", self.done);
            assert!(changes.contains(&Change::Cleared { condition: *condition }));
        }
    }

    fn nothing_becomes_less_urgent(&self, before: &[Standing], changes: &[Change]) {
        for was in before {
            let condition = was.condition();
            let is = self.alarms.list().find(|standing| standing.condition() == condition);
            match is {
                Some(is) => assert!(is.priority() >= was.priority(), "{condition}: {:?}", self.done),
                None => assert!(changes.contains(&Change::Cleared { condition }), "{condition}: {:?}", self.done),
            }
        }
    }

    fn each_is_listed_once_and_the_most_urgent_first(&self) {
        let ranks: Vec<_> = self
            .alarms
            .list()
            .map(|standing| (core::cmp::Reverse(standing.priority()), standing.condition()))
            .collect();
        assert!(ranks.is_sorted_by(|one, next| one < next) && ranks.len() <= CONDITIONS, "{:?}", self.done);
    }

    fn the_most_urgent_rules(&self) {
        let Some(signals) = self.signals() else {
            assert_eq!(self.alarms.list().count(), 0);
            return;
        };
        let first = self.alarms.list().next().map(Standing::priority);
        assert_eq!(Some(signals.priority), first);
        let colour = [Colour::Cyan, Colour::Yellow, Colour::Red][signals.priority as usize];
        assert_eq!(signals.light.colour, colour);
        assert!(signals.light.flash.is_none_or(|flash| flash.millihertz() <= 3_000));
        let unacknowledged = self.unacknowledged();
        match unacknowledged {
            Some(urgent @ (Priority::High | Priority::Medium)) => {
                assert!(signals.vibration.is_some() && signals.light.flash.is_some(), "{:?}", self.done);
                let burst = [&LOW_BURST, &MEDIUM_BURST, &HIGH_BURST][urgent as usize];
                let expected = signals.audio_paused_until.is_none().then_some(burst);
                assert_eq!(signals.sound, expected, "{:?}", self.done);
            }
            Some(Priority::Low) => assert!(signals.sound.is_none_or(|sound| *sound == LOW_BURST)),
            None => assert_eq!((signals.sound, signals.vibration, signals.audio_paused_until), (None, None, None)),
        }
    }

    fn the_next_wake_is_ahead(&self) {
        let next = self.alarms.poll_timeout(self.now);
        assert!(next.is_none_or(|(at, _)| at > self.now), "{next:?}: {:?}", self.done);
    }

    /// Judges the time from now to `next`, in which nothing changes.
    fn no_silence_is_longer_than_two_minutes(&mut self, next: Uptime) {
        let high_waits = self.unacknowledged() == Some(Priority::High);
        let sounds = self.signals().is_some_and(|signals| signals.sound == Some(&HIGH_BURST));
        if !high_waits {
            (self.unheard_since, self.sounds_since) = (None, None);
        } else if sounds {
            let since = *self.sounds_since.get_or_insert(self.now);
            if next.since(since) >= HIGH_BURST.length() {
                self.unheard_since = None;
            }
        } else {
            self.sounds_since = None;
            let since = *self.unheard_since.get_or_insert(self.now);
            assert!(next.since(since) <= SILENCE_MAX, "silent for {}: {:?}", next.since(since), self.done);
        }
    }
}

#[test]
fn every_short_sequence_keeps_the_promises() {
    const ACTIONS: [Action; 11] = [
        Action::PumpLists(AnnunciationKind::PumpStopped),
        Action::PumpSettles(AnnunciationKind::PumpStopped),
        Action::Begins(AlarmCondition::StuckKey),
        Action::Ends(AlarmCondition::StuckKey),
        Action::Begins(AlarmCondition::ClockInDoubt),
        Action::AcknowledgeFirst,
        Action::Pause,
        Action::LinkToggles,
        Action::Wait(Millis::from_secs(9)),
        Action::Wait(Millis::from_secs(115)),
        Action::Restart,
    ];
    fn explore(world: &World, depth: u8) {
        for action in ACTIONS {
            let mut next = world.clone();
            next.act(action);
            if depth > 1 {
                explore(&next, depth - 1);
            }
        }
    }
    explore(&World::new(), 5);
}

#[test]
fn long_walks_by_chance_keep_the_promises() {
    for seed in 0..400 {
        let mut chance = Chance(seed);
        let mut world = World::new();
        for _ in 0..250 {
            world.act(chance.action());
        }
    }
}

/// `SplitMix64`: a few lines, and the same walk for the same seed everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[usize::try_from(self.next() % N as u64).expect("small")]
    }

    fn action(&mut self) -> Action {
        let condition = self.of(AlarmCondition::ALL);
        let kind = self.of(KINDS);
        let wait = self.of([1, 9, 10, 60, 119, 120, 900, 1_800, 3_600, 40_000, 90_000]);
        let wait = Action::Wait(Millis::from_secs(wait));
        self.of([
            Action::Begins(condition),
            Action::Ends(condition),
            Action::PumpLists(kind),
            Action::PumpSettles(kind),
            Action::PumpConfirms,
            Action::LinkToggles,
            Action::NightToggles,
            Action::Acknowledge(condition),
            Action::AcknowledgeFirst,
            Action::Pause,
            Action::Pause,
            wait,
            wait,
            Action::Restart,
        ])
    }
}
