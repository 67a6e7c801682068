//! One story per rule of the alarm engine: the life of a condition, what is heard and seen, and what a restart leaves.

mod life;
mod restart;
mod sound;

use pump_protocol::{
    clock::Uptime,
    quantity::Millis,
    report::{Annunciation, AnnunciationKind, AnnunciationState},
    wire::{decode, encode},
};

use super::{AlarmCondition, Alarms, Change, KeptAlarms, Observed, Signals, Standing, Surroundings};

const DAY: Surroundings = Surroundings { quiet_hours: false, motor: true };
const NIGHT: Surroundings = Surroundings { quiet_hours: true, motor: true };

/// An engine, the time, and what is the case.
struct Bedside {
    alarms: Alarms,
    now: Uptime,
    pump: Option<Vec<Annunciation>>,
    own: Vec<AlarmCondition>,
}

impl Bedside {
    fn quiet() -> Self {
        let mut bedside = Self { alarms: Alarms::default(), now: Uptime::default(), pump: Some(vec![]), own: vec![] };
        assert_eq!(bedside.look(), []);
        bedside
    }

    fn with(own: &[AlarmCondition]) -> Self {
        let mut bedside = Self::quiet();
        bedside.own = own.to_vec();
        bedside.look();
        bedside
    }

    fn with_pump(kind: AnnunciationKind, id: u16) -> Self {
        let mut bedside = Self::quiet();
        bedside.pump_lists(kind, id, AnnunciationState::Pending);
        bedside.look();
        bedside
    }

    fn pump_lists(&mut self, kind: AnnunciationKind, id: u16, state: AnnunciationState) {
        self.pump = Some(vec![Annunciation { id, kind, state, since: Millis::ZERO }]);
    }

    fn look(&mut self) -> Vec<Change> {
        self.alarms.observe(&Observed { pump: self.pump.as_deref(), own: &self.own }, self.now)
    }

    fn after(&mut self, passed: Millis) -> Vec<Change> {
        self.now = self.now.after(passed);
        self.look()
    }

    fn acknowledge(&mut self, condition: AlarmCondition) -> Vec<Change> {
        self.alarms.acknowledge(condition, self.now)
    }

    fn pause(&mut self) -> bool {
        self.alarms.pause_audio(self.now).is_some()
    }

    fn signals(&self) -> Signals {
        self.alarms.signals(self.now, DAY).expect("something is listed")
    }

    fn sounds(&self, around: Surroundings) -> bool {
        self.alarms.signals(self.now, around).is_some_and(|signals| signals.sound.is_some())
    }

    fn listed(&self) -> Vec<AlarmCondition> {
        self.alarms.list().map(Standing::condition).collect()
    }

    fn restart(&mut self) {
        let kept: KeptAlarms = decode(&encode(&self.alarms.kept())).expect("just encoded");
        self.now = Uptime::default();
        self.alarms = Alarms::restore(&kept, self.now);
    }
}

const fn shortly_before(moment: Millis) -> Millis {
    moment.saturating_sub(Millis::new(1))
}
