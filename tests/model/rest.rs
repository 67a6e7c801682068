//! Well-being: what becomes of an open question once nothing goes wrong any more.
//!
//! From a state, one future is played out in which the link stands or comes back at once, every frame arrives, the disk stores
//! and nobody touches anything. It depends on the state alone, so whatever was met on the way to an end is remembered with the
//! time that is left from there, and no future is played twice.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use pump_protocol::quantity::Millis;

use crate::{
    promises::{Broken, Promise, ensure},
    world::State,
};

/// Every open question has ended after this much well-being.
pub(crate) const WELL_WITHIN: Millis = Millis::from_secs(20);
const SHARDS: usize = 64;

/// What is known of futures.
#[derive(Debug)]
pub(crate) struct Rest {
    known: Vec<Mutex<HashMap<u64, u32>>>,
    longest_ms: AtomicU64,
}

impl Default for Rest {
    fn default() -> Self {
        Self { known: (0..SHARDS).map(|_| Mutex::default()).collect(), longest_ms: AtomicU64::new(0) }
    }
}

impl Rest {
    /// The longest that any question took.
    pub(crate) fn longest(&self) -> Millis {
        Millis::new(self.longest_ms.load(Ordering::Relaxed))
    }

    /// Property 8, bounded: the question that is open here ends within [`WELL_WITHIN`].
    pub(crate) fn ends_every_question(&self, from: &State) -> Result<(), Broken> {
        if from.remote.request().is_none() {
            return Ok(());
        }
        if self.known(fingerprint(from)).is_some() {
            return Ok(());
        }
        let mut state = from.clone();
        let (mut passed, mut way) = (Millis::ZERO, Vec::new());
        let rest = loop {
            if state.remote.request().is_none() {
                break Millis::ZERO;
            }
            let here = fingerprint(&state);
            if let Some(rest) = self.known(here) {
                break rest;
            }
            let why = || format!("{:?} is open after {passed} of well-being", state.remote.request());
            ensure(passed <= WELL_WITHIN, Promise::WellBeingEndsEveryQuestion, why)?;
            way.push((here, passed));
            match state.well_step() {
                Some(step) => _ = state.take(step)?,
                None => passed = passed.saturating_add(state.doze()?),
            }
        };
        let whole = passed.saturating_add(rest);
        let why = || format!("{:?} takes {whole} of well-being to end", from.remote.request());
        ensure(whole <= WELL_WITHIN, Promise::WellBeingEndsEveryQuestion, why)?;
        self.longest_ms.fetch_max(whole.get(), Ordering::Relaxed);
        for (here, at) in way {
            self.remember(here, whole.saturating_sub(at));
        }
        Ok(())
    }

    fn known(&self, here: u64) -> Option<Millis> {
        let known = self.shard(here).lock().expect("no thread dies with it").get(&here).copied();
        known.map(|ms| Millis::new(u64::from(ms)))
    }

    fn remember(&self, here: u64, rest: Millis) {
        let ms = u32::try_from(rest.get()).expect("seconds");
        self.shard(here).lock().expect("no thread dies with it").insert(here, ms);
    }

    fn shard(&self, here: u64) -> &Mutex<HashMap<u64, u32>> {
        &self.known[usize::try_from(here % SHARDS as u64).expect("small")]
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.essence().hash(&mut hasher);
    hasher.finish()
}
