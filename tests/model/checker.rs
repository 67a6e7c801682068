//! The world as a model that the checker explores, and the report of a run.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::{
    bounds::Bounds,
    promises::{Broken, Promise},
    rest::Rest,
    sights::{Sight, Tally},
    story::{shortened, step, told},
    world::{State, Step},
};

/// Remote and pump, and everything that may happen to them within these bounds.
#[derive(Debug)]
pub(crate) struct Machines {
    start: State,
    rest: Arc<Rest>,
    tally: Arc<Tally>,
}

/// What a run found.
#[derive(Debug)]
pub(crate) struct Explored {
    pub(crate) distinct: usize,
    pub(crate) generated: usize,
    pub(crate) depth: usize,
    pub(crate) took: Duration,
    rest: Arc<Rest>,
    tally: Arc<Tally>,
}

impl Machines {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { start: State::ready(bounds), rest: Arc::default(), tally: Arc::default() }
    }

    pub(crate) const fn start(&self) -> &State {
        &self.start
    }

    /// The promise that doesn't hold in this state.
    pub(crate) fn broken_in(&self, state: &State) -> Option<Broken> {
        let judged = || state.ready_is_kept().and_then(|()| state.stop_is_possible());
        let rest = || self.rest.ends_every_question(state);
        state.broken.clone().or_else(|| judged().and_then(|()| rest()).err())
    }

    fn keeps(&self, promise: Promise, state: &State) -> bool {
        if let Some(broken) = &state.broken {
            return broken.promise != promise;
        }
        match promise {
            Promise::ReadyIsKept => state.ready_is_kept().is_ok(),
            Promise::StopIsPossible => state.stop_is_possible().is_ok(),
            // On the way to an end any other promise may break, too.
            Promise::WellBeingEndsEveryQuestion => self.rest.ends_every_question(state).is_ok(),
            Promise::DeliveredCommittedHeld
            | Promise::LimitsAtEachStart
            | Promise::RecordedBeforeItLeaves
            | Promise::SameQuestionAfterARestart
            | Promise::NotSureEndsByTheAnswer
            | Promise::CommittedOnce
            | Promise::OutcomeIsTrue
            | Promise::OnlyWhatIsPermitted
            | Promise::NoMisunderstanding
            | Promise::NoPanic => true,
        }
    }
}

macro_rules! always {
    ($($promise:ident),+ $(,)?) => {
        vec![$(Property::always(
            Promise::$promise.name(),
            |machines: &Machines, state: &State| machines.keeps(Promise::$promise, state),
        )),+]
    };
}

impl Model for Machines {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.start.clone()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) {
        state.steps(actions);
    }

    fn next_state(&self, last: &State, action: Step) -> Option<State> {
        let next = step(last, action)?;
        self.tally.count(next.sights);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        always![
            DeliveredCommittedHeld,
            LimitsAtEachStart,
            RecordedBeforeItLeaves,
            SameQuestionAfterARestart,
            NotSureEndsByTheAnswer,
            CommittedOnce,
            OutcomeIsTrue,
            ReadyIsKept,
            StopIsPossible,
            WellBeingEndsEveryQuestion,
            OnlyWhatIsPermitted,
            NoMisunderstanding,
            NoPanic,
        ]
    }
}

/// Visits every state within these bounds, on so many threads. A broken promise ends it with the shortened way there.
pub(crate) fn explore(bounds: Bounds, threads: usize) -> Explored {
    let began = Instant::now();
    let machines = Machines::new(bounds);
    assert_eq!(machines.properties().len(), Promise::ALL.len(), "each promise is a property");
    let (rest, tally) = (Arc::clone(&machines.rest), Arc::clone(&machines.tally));
    let checker = machines.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join();
    let found = checker.discoveries().into_iter().next().map(|(name, path)| {
        let steps = shortened(checker.model(), &path.into_actions());
        format!("{name}\n{}", told(checker.model(), &steps))
    });
    assert!(found.is_none(), "{}", found.unwrap_or_default());
    let (distinct, generated, depth) = (checker.unique_state_count(), checker.state_count(), checker.max_depth());
    Explored { distinct, generated, depth, took: began.elapsed(), rest, tally }
}

impl Explored {
    /// How many steps met this.
    pub(crate) fn seen(&self, sight: Sight) -> u64 {
        self.tally.of(sight)
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { distinct, generated, depth, took, rest, .. } = self;
        write!(f, "{distinct} distinct states of {generated} generated, depth {depth}, {took:.1?}; ")?;
        writeln!(f, "the longest way out of an open question while all is well: {}", rest.longest())?;
        for sight in Sight::ALL {
            writeln!(f, "  {:>12}  {sight:?}", self.seen(sight))?;
        }
        Ok(())
    }
}
