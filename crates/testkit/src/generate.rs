//! Random worlds from a seed: the same on every machine.

use diptych_event::time::{DAY_US, HOUR_US, SECOND_US};

use crate::world::{CodeOrder, Row, START_US, World};

/// What a generated world is like.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most actors.
    pub n_actors: usize,
    /// The most events of an actor.
    pub n_events: usize,
    /// Event names.
    pub alphabet: &'static [&'static str],
    /// Properties and their values; a row lacks each of them now and then.
    pub properties: &'static [(&'static str, &'static [&'static str])],
    /// Times between neighbouring events of an actor, in microseconds.
    pub gaps_us: &'static [i64],
    /// Whether events of an actor may be simultaneous.
    pub ties: Ties,
    /// Whether some events are not user activity.
    pub passive: Passive,
}

/// Whether events of an actor may be simultaneous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Every event of an actor has its own instant.
    None,
    /// A third of the events is simultaneous with the one before.
    Many,
}

/// Whether some events are not user activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passive {
    /// All events are user activity.
    None,
    /// One in five is not.
    Some,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            n_actors: 12,
            n_events: 14,
            alphabet: &["view", "cart", "buy", "search", "error", "help"],
            properties: &[("device", &["phone", "desktop", "tablet"]), ("product", &["hat", "shoe"]), ("size", &["3", "10"])],
            gaps_us: &[SECOND_US, 60 * SECOND_US, HOUR_US / 2, HOUR_US / 2 + 1, 2 * HOUR_US, DAY_US, 3 * DAY_US],
            ties: Ties::Many,
            passive: Passive::Some,
        }
    }
}

impl Options {
    /// Returns options that differ by seed, so that a few dozen worlds meet every kind.
    pub fn varied(seed: u64) -> Self {
        Self {
            n_actors: [1, 3, 12, 40][seed as usize % 4],
            ties: if seed.is_multiple_of(3) { Ties::None } else { Ties::Many },
            passive: if seed.is_multiple_of(2) { Passive::None } else { Passive::Some },
            ..Self::default()
        }
    }
}

/// Makes a world.
pub fn generate(seed: u64, options: &Options) -> World {
    let mut random = Random::new(seed);
    let mut rows = Vec::new();
    for actor_idx in 0..1 + random.below(options.n_actors) {
        // Ids whose text order is not their order of arrival.
        let actor = format!("{}{actor_idx}", random.pick(&["z", "m", "a"]));
        let mut time_us = START_US + random.below(10) as i64 * HOUR_US * 7;
        for tie in 0..1 + random.below(options.n_events) as u64 {
            if tie > 0 && (options.ties == Ties::None || random.below(3) > 0) {
                time_us += random.pick(options.gaps_us);
            }
            let mut properties = Vec::new();
            for (name, values) in options.properties {
                if random.below(6) > 0 {
                    properties.push(((*name).to_owned(), (*random.pick(values)).to_owned()));
                }
            }
            let name = (*random.pick(options.alphabet)).to_owned();
            let interactive = options.passive == Passive::None || random.below(5) > 0;
            rows.push(Row { actor: actor.clone(), time_us, tie, name, interactive, properties });
        }
    }
    random.shuffle(&mut rows);
    World::new(rows, CodeOrder::Arrival)
}

/// Pseudo-random numbers: splitmix64 (Steele, Lea & Flood 2014).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns the next number.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and nothing iterates over it")]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Returns one of some values.
    pub fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }

    /// Puts values in any order.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Reference output of splitmix64 for seed 1234567 (prng.di.unimi.it/splitmix64.c).
    #[test]
    fn random_numbers_are_those_of_splitmix64() {
        let mut random = Random::new(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn a_seed_makes_one_world() {
        let options = Options::default();
        assert_eq!(generate(5, &options).rows(), generate(5, &options).rows());
        assert_ne!(generate(5, &options).rows(), generate(6, &options).rows());
    }
}
