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

/// Makes a world of account timelines (`diptych_event::account`) whose options differ by seed: events of the accounts and
/// their members, sessions, task attempts, frictions, money.
pub fn generate_accounts(seed: u64) -> World {
    let options = Options {
        alphabet: &[
            "visit",
            "order",
            "refund",
            "newsletter",
            "survey",
            "session:started",
            "task:checkout:started",
            "task:checkout:succeeded",
            "task:checkout:failed",
            "task:checkout:abandoned",
            "friction:payment_failed",
            "friction:slow_page",
        ],
        properties: &[
            ("member", &["ann", "ben", "cleo"]),
            ("role", &["buyer", "user"]),
            ("touchpoint", &["shop", "maps", "mail"]),
            ("device", &["phone", "desktop", "tablet"]),
            ("score", &["0", "6", "7", "9", "10"]),
            ("revenue_cents", &["900", "1500", "2999"]),
            ("money_kind", &["charge", "recurring"]),
        ],
        gaps_us: &[SECOND_US, HOUR_US / 2, 2 * HOUR_US, DAY_US, 3 * DAY_US, 10 * DAY_US, 20 * DAY_US],
        ..Options::varied(seed)
    };
    let mut rows = generate(seed, &options).rows().to_vec();
    for row in &mut rows {
        let (has_money, has_score) = (matches!(row.name.as_str(), "order" | "refund"), row.name == "survey");
        row.properties.retain(|(property, _)| match property.as_str() {
            "revenue_cents" | "money_kind" => has_money,
            "score" => has_score,
            _ => true,
        });
        for (property, value) in row.properties.iter_mut().filter(|_| row.name == "refund") {
            match property.as_str() {
                "revenue_cents" => value.insert(0, '-'),
                "money_kind" => "refund".clone_into(value),
                _ => {}
            }
        }
        let derived = row.name.contains(':');
        if derived && !row.properties.iter().any(|(property, _)| property == "member") {
            row.properties.push(("member".into(), "ann".into()));
        }
    }
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

    #[test]
    fn money_of_accounts_is_where_money_is_made() {
        let world = generate_accounts(3);
        let value =
            |row: &crate::Row, property: &str| row.properties.iter().find(|(known, _)| known == property).map(|(_, value)| value.clone());
        let with = |property: &str| world.rows().iter().filter(|row| value(row, property).is_some()).collect::<Vec<_>>();
        assert!(!with("revenue_cents").is_empty() && !with("score").is_empty());
        assert!(with("money_kind").iter().all(|row| ["order", "refund"].contains(&row.name.as_str())));
        let is_negative = |row: &crate::Row| value(row, "revenue_cents").is_some_and(|cents| cents.starts_with('-'));
        assert!(with("revenue_cents").into_iter().all(|row| is_negative(row) == (row.name == "refund")));
        let derived = world.rows().iter().filter(|row| row.name.contains(':')).count();
        assert_eq!(with("member").iter().filter(|row| row.name.contains(':')).count(), derived);
    }
}
