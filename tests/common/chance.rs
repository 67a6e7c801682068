//! Chance: from a seed, the same on every machine, or from bytes, so that a fuzzer can look for what no seed finds.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// A stream of choices.
#[derive(Clone, Debug)]
pub struct Chance(Source);

#[derive(Clone, Debug)]
enum Source {
    Seed(Box<ChaCha8Rng>),
    /// What is left of them, the next one last.
    Bytes(Vec<u8>),
}

impl Chance {
    /// The choices of this seed, without end.
    pub fn new(seed: u64) -> Self {
        Self(Source::Seed(Box::new(ChaCha8Rng::seed_from_u64(seed))))
    }

    /// The choices of one step of a life: they don't depend on those of other steps, so that steps can be left out.
    pub fn of_step(seed: u64, step: u32) -> Self {
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream(1 + u64::from(step));
        Self(Source::Seed(Box::new(stream)))
    }

    /// The choices that these bytes spell: one byte each where that is enough. Behind the last of them every choice is 0.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Source::Bytes(bytes.iter().rev().copied().collect()))
    }

    /// Whether the bytes are used up.
    pub const fn is_over(&self) -> bool {
        match &self.0 {
            Source::Seed(_) => false,
            Source::Bytes(left) => left.is_empty(),
        }
    }

    /// 0 to just below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        match &mut self.0 {
            Source::Seed(stream) => stream.next_u64() % end,
            Source::Bytes(left) => {
                let len = [1, 2, 4].into_iter().find(|len| end <= 1 << (8 * len)).unwrap_or(8);
                (0..len).fold(0, |number, _| number << 8 | u64::from(left.pop().unwrap_or(0))) % end
            }
        }
    }

    /// From one to the other, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len() as u64);
        from[usize::try_from(index).expect("below a length")].clone()
    }
}
