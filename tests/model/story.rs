//! A way through the model as a list of steps: played again, made shorter, printed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    checker::Machines,
    promises::{Broken, Promise},
    world::{State, Step},
};

/// One step, whatever it does: a panic is a broken promise too. `None` if it is no step in this state.
pub(crate) fn step(from: &State, step: Step) -> Option<State> {
    let mut next = from.clone();
    let taken = catch_unwind(AssertUnwindSafe(|| next.take(step)));
    match taken {
        Ok(Ok(taken)) => taken.then_some(next),
        Ok(Err(broken)) => Some(next.broken_by(broken)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let why = text.unwrap_or_else(|| "a panic without words".to_owned());
            Some(from.clone().broken_by(Broken { promise: Promise::NoPanic, why }))
        }
    }
}

/// Plays these steps, leaving out what is none where it comes; what was played, and what broke, if anything did.
pub(crate) fn play(machines: &Machines, steps: &[Step]) -> (Vec<Step>, State, Option<Broken>) {
    let (mut state, mut played) = (machines.start().clone(), Vec::new());
    for taken in steps {
        let Some(next) = step(&state, *taken) else { continue };
        played.push(*taken);
        state = next;
        if let Some(broken) = machines.broken_in(&state) {
            return (played, state, Some(broken));
        }
    }
    (played, state, None)
}

/// The same end with as few steps as leaving out one after the other brings.
pub(crate) fn shortened(machines: &Machines, steps: &[Step]) -> Vec<Step> {
    let (mut steps, _, Some(Broken { promise, .. })) = play(machines, steps) else { return steps.to_vec() };
    loop {
        let fewer = (0..steps.len()).rev().find_map(|left_out| {
            let without: Vec<Step> =
                steps.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, step)| *step).collect();
            let (played, _, broken) = play(machines, &without);
            broken.filter(|broken| broken.promise == promise && played.len() < steps.len()).map(|_| played)
        });
        match fewer {
            Some(fewer) => steps = fewer,
            None => return steps,
        }
    }
}

/// The steps with what stands on the page after each, what broke, and how to play it again.
pub(crate) fn told(machines: &Machines, steps: &[Step]) -> String {
    let mut lines = Vec::new();
    let mut state = machines.start().clone();
    for taken in steps {
        let Some(next) = step(&state, *taken) else { continue };
        state = next;
        let request = state.remote.request().map(|request| format!("{} {:?}", request.id, request.state));
        lines.push(format!("{:>12}  {:?}  {}", format!("{taken:?}"), state.face(), request.unwrap_or_default()));
    }
    let broken = machines.broken_in(&state).map_or_else(|| "nothing broke".to_owned(), |broken| broken.to_string());
    format!(
        "{}\n{broken}\nreplay: STEPS='{}' cargo test -p pump-tests --test model played_again -- --nocapture",
        lines.join("\n"),
        spelt(steps)
    )
}

/// Steps as one line.
pub(crate) fn spelt(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{step:?}")).collect::<Vec<_>>().join(" ")
}

/// Steps from such a line.
pub(crate) fn parse(text: &str) -> Vec<Step> {
    let named = |word: &str| {
        let step = Step::ALL.into_iter().find(|step| format!("{step:?}") == word);
        step.ok_or(word).expect("a step has this name")
    };
    text.split_whitespace().map(named).collect()
}
