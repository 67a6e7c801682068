//! A life of a remote and a pump: a seed, and the steps that are lived.
//!
//! # Terms
//! - *story*: forty things that happen at once or hours apart, with no rest between them; what is rare is frequent here.
//! - *year*: 365 days of eight visits each, as a patient's would be who needs four doses a day, with a clinic that refills and
//!   reprograms every month, and with everything that a story has, at its time.
//! - *tape*: the batches that the disk stored, kept so that a failure can be told in the record's own words.

use std::{
    cell::Cell,
    fmt::Write as _,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
};

use pump_core::{
    remote::{DARK_AFTER, Input},
    screen::{Face, Intent},
};
use pump_protocol::quantity::{Concentration, Millis};
use pump_tests::{chance::Chance, sealed::Sealed};

use crate::{
    actions::{Action, Story, fault},
    invariants::Walk,
};

/// How many things happen in a story.
const ACTIONS: u32 = 40;
const VISITS_A_DAY: u32 = 8;
const DAYS_A_YEAR: u32 = 365;
/// How long somebody has the remote in hand at a visit.
const VISIT: Millis = Millis::from_mins(6);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Story,
    /// A story on a display that goes dark.
    Dark,
    Year,
}

/// Which life, and what of it is lived.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) kind: Kind,
    pub(crate) seed: u64,
    /// In order.
    pub(crate) steps: Vec<u32>,
    /// Whether messages go over as sealed frames.
    pub(crate) sealed: bool,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The line of code that says which.
    pub(crate) promise: String,
    pub(crate) said: String,
}

/// How a life went.
pub(crate) struct Lived {
    pub(crate) story: Story,
    pub(crate) broken: Option<Broken>,
    /// What happened, if it was asked for: one line a step.
    pub(crate) told: String,
}

impl Life {
    pub(crate) fn whole(kind: Kind, seed: u64) -> Self {
        let steps = match kind {
            Kind::Story | Kind::Dark => ACTIONS,
            Kind::Year => DAYS_A_YEAR * VISITS_A_DAY,
        };
        let sealed = std::env::var_os("SEALED").is_some();
        Self { kind, seed, steps: (0..steps).collect(), sealed }
    }

    /// How many patient-days this is.
    pub(crate) fn days(&self) -> u64 {
        match self.kind {
            Kind::Story | Kind::Dark => 0,
            Kind::Year => self.steps.len() as u64 / u64::from(VISITS_A_DAY),
        }
    }

    /// Lives it, and forgets what has been judged.
    pub(crate) fn live(&self) -> Lived {
        self.lived(false)
    }

    /// Lives it with a tape and a word for each step.
    pub(crate) fn live_aloud(&self) -> Lived {
        self.lived(true)
    }

    fn lived(&self, aloud: bool) -> Lived {
        let mut story = Story::begin(&mut Chance::new(self.seed));
        let mut told = String::new();
        story.world.sealed = self.sealed.then(|| Box::new(Sealed::paired()));
        story.world.cut_link();
        if self.kind == Kind::Dark {
            story.world.dark_after = Some(DARK_AFTER);
            story.world.crash();
        }
        if aloud {
            story.world.start_tape();
        }
        if self.kind == Kind::Year {
            story.judge.walk = Walk::ByEdges;
        }
        let broken = catch(|| self.every_step(&mut story, aloud.then_some(&mut told))).err();
        Lived { story, broken, told }
    }

    fn every_step(&self, story: &mut Story, mut told: Option<&mut String>) {
        story.judge.hold(&story.world);
        for step in &self.steps {
            let mut chance = Chance::of_step(self.seed, *step);
            if let Some(told) = &mut told {
                let now = story.world.now().uptime.millis();
                let _ =
                    write!(told, "step {step} at {}.{:03} s, {}", now / 1000, now % 1000, story.world.face().name());
            }
            let mut tell = |action: &Action| {
                if let Some(told) = &mut told {
                    let _ = write!(told, "; {action:?}");
                }
            };
            match self.kind {
                Kind::Story | Kind::Dark => {
                    let action = story.choose(&mut chance);
                    tell(&action);
                    story.act(action, &mut chance);
                    story.judge.hold(&story.world);
                }
                Kind::Year => visit(story, *step, &mut chance, &mut tell),
            }
            if let Some(told) = &mut told {
                told.push('\n');
            }
            if self.kind == Kind::Year && told.is_none() {
                story.judge.forget(&mut story.world);
            }
        }
        the_end(story);
    }
}

/// All is well for ten minutes, and nothing may be open.
fn the_end(story: &mut Story) {
    story.all_is_well_again();
    story.world.doze(Millis::from_mins(10), Millis::from_secs(2));
    if story.world.dark_after.is_some() {
        // What the pump did meanwhile is read when somebody looks; what is open keeps its link.
        assert!(story.world.remote.request().is_none() || !story.world.rests, "a question is open, and the link rests");
        story.world.say(Input::Intent(Intent::Wake));
        story.world.doze(Millis::from_secs(20), Millis::from_secs(2));
    }
    story.judge.hold(&story.world);
    story.judge.every_question_is_answered_in_the_end(&story.world);
}

/// One of a day's eight visits: the remote has lain in a drawer for hours, and is taken out.
fn visit(story: &mut Story, step: u32, chance: &mut Chance, tell: &mut dyn FnMut(&Action)) {
    let away = Millis::from_mins(chance.between(165, 179));
    story.world.walk_away();
    story.world.doze(away, away);
    story.world.come_back();
    if step.is_multiple_of(2) {
        wait_in_the_drawer(story, chance);
        let press = if chance.one_in(4) { Action::PressOnASlowDisk } else { Action::Press };
        act(story, press, chance, tell);
    }
    story.world.doze(VISIT, Millis::from_secs(30));
    if chance.one_in(8) {
        let action = story.choose(chance);
        act(story, action, chance, tell);
    }
    if chance.one_in(16) {
        act(story, Action::Fault(fault(chance)), chance, tell);
    }
    story.judge.hold(&story.world);
    let day_ends = step % VISITS_A_DAY == VISITS_A_DAY - 1;
    if day_ends && !chance.one_in(4) {
        story.all_is_well_again();
        act(story, Action::PumpUnstall, chance, tell);
        act(story, Action::PumpStart, chance, tell);
    }
    if step % (7 * VISITS_A_DAY) == 7 * VISITS_A_DAY - 1 {
        the_end(story);
    }
    if step % (30 * VISITS_A_DAY) == 30 * VISITS_A_DAY - 1 {
        act(story, Action::Refill(Concentration::from_micrograms_per_millilitre(2_000)), chance, tell);
        if chance.one_in(2) {
            let action = story.reprogram(chance);
            act(story, action, chance, tell);
        }
    }
}

/// A patient who reads WAIT puts the remote away until then, as a rule; nobody looks at a countdown for hours.
fn wait_in_the_drawer(story: &mut Story, chance: &mut Chance) {
    let Face::Wait(wait) = story.world.face() else { return };
    if wait.remaining < Millis::from_hours(12) && !chance.one_in(4) {
        story.world.walk_away();
        story.world.doze(wait.remaining, wait.remaining);
        story.world.come_back();
    }
}

fn act(story: &mut Story, action: Action, chance: &mut Chance, tell: &mut dyn FnMut(&Action)) {
    tell(&action);
    story.act(action, chance);
    story.judge.hold(&story.world);
}

thread_local! {
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    static SAID: Cell<Option<Broken>> = const { Cell::new(None) };
}

/// Runs this; a panic is returned, and not printed.
fn catch(run: impl FnOnce()) -> Result<(), Broken> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if LISTENING.get() {
                let promise = panic.location().map_or_else(String::new, ToString::to_string);
                let said = panic.payload_as_str().unwrap_or_default().to_owned();
                SAID.set(Some(Broken { promise, said }));
            } else {
                loud(panic);
            }
        }));
    });
    LISTENING.set(true);
    let ran = catch_unwind(AssertUnwindSafe(run));
    LISTENING.set(false);
    ran.map_err(|_| SAID.take().expect("the hook has heard it"))
}
