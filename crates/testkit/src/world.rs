//! A small world: rows of some actors, and the shards that operators read.

use std::collections::BTreeMap;

use diptych_event::actors::ActorIds;
use diptych_event::index::OwnedIndex;
use diptych_event::timeline::{Codes, ColumnKind, Integers, NO_CODE};
use diptych_event::{Column, Names, Shard, Values};

use crate::generate::Random;

/// The instant that offsets count from: 2024-01-01T00:00:00Z, in microseconds.
pub const START_US: i64 = 1_704_067_200_000_000;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Who did it.
    pub actor: String,
    /// When, in microseconds.
    pub time_us: i64,
    /// Order among the rows of the actor with the same instant.
    pub tie: u64,
    /// What it was.
    pub name: String,
    /// False where it is not user activity.
    pub interactive: bool,
    /// Properties and their values.
    pub properties: Vec<(String, String)>,
}

/// How codes are given to names and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeOrder {
    /// In the order of the rows, as real imports do.
    Arrival,
    /// The other way round.
    Reverse,
    /// In any order, by a seed.
    Shuffled(u64),
}

/// Some actors with their rows.
///
/// Useful for: tests that draw journeys and ask operators about them.
/// Not useful for: sizes beyond some thousand rows.
#[derive(Debug, Clone)]
pub struct World {
    rows: Vec<Row>,
    names: Names,
    columns: Vec<WorldColumn>,
}

/// A property that some row has.
#[derive(Debug, Clone)]
struct WorldColumn {
    name: String,
    kind: ColumnKind,
    dictionary: Names,
}

impl World {
    /// Makes a world of rows in their order of arrival.
    pub fn new(rows: Vec<Row>, order: CodeOrder) -> Self {
        let names = coded(rows.iter().map(|row| row.name.as_str()), order);
        let properties = || rows.iter().flat_map(|row| &row.properties);
        let columns = coded(properties().map(|(name, _)| name.as_str()), order);
        let columns = columns
            .iter()
            .map(|name| {
                let values = || properties().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
                let whole = values().all(|value| value.parse::<i64>().is_ok());
                WorldColumn {
                    name: name.to_owned(),
                    kind: if whole { ColumnKind::Integer } else { ColumnKind::Text },
                    dictionary: coded(values(), order),
                }
            })
            .collect();
        Self { rows, names, columns }
    }

    /// Returns the rows in their order of arrival.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the event names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Returns the properties with their kinds, in the order of [`Shard::columns`].
    pub fn columns(&self) -> Vec<(String, ColumnKind)> {
        self.columns.iter().map(|column| (column.name.clone(), column.kind)).collect()
    }

    /// Returns the first instant; 0 without rows.
    pub fn first_us(&self) -> i64 {
        self.rows.iter().map(|row| row.time_us).min().unwrap_or(0)
    }

    /// Returns the last instant; 0 without rows.
    pub fn last_us(&self) -> i64 {
        self.rows.iter().map(|row| row.time_us).max().unwrap_or(0)
    }

    /// Returns the same world with other codes.
    pub fn recoded(&self, order: CodeOrder) -> Self {
        Self::new(self.rows.clone(), order)
    }

    /// Returns the same world with rows that arrived in another order, and so other codes.
    pub fn shuffled(&self, seed: u64) -> Self {
        let mut rows = self.rows.clone();
        Random::new(seed).shuffle(&mut rows);
        Self::new(rows, CodeOrder::Arrival)
    }

    /// Returns the same world, later by `by_us`.
    pub fn shifted(&self, by_us: i64) -> Self {
        let mut rows = self.rows.clone();
        rows.iter_mut().for_each(|row| row.time_us += by_us);
        Self::new(rows, CodeOrder::Arrival)
    }

    /// Cuts the world into `n` shards by a hash of the actor; some may be empty.
    ///
    /// Where there are several, a row that is nobody's follows on every actor's rows, as where a later segment has an actor.
    pub fn shards(&self, n: usize) -> Vec<OwnedShard> {
        let mut parts: Vec<BTreeMap<&str, Vec<&Row>>> = vec![BTreeMap::new(); n];
        for row in &self.rows {
            let part = (hash(&row.actor) % n as u64) as usize;
            parts[part].entry(&row.actor).or_default().push(row);
        }
        parts.into_iter().map(|actors| self.shard(actors, n > 1)).collect()
    }

    fn shard(&self, actors: BTreeMap<&str, Vec<&Row>>, with_nobodys: bool) -> OwnedShard {
        let mut shard = OwnedShard { actor_offsets: vec![0], ..OwnedShard::default() };
        let mut sorted: Vec<&Row> = Vec::new();
        for (actor, mut rows) in actors {
            rows.sort_by_key(|row| (row.time_us, row.tie));
            shard.actor_text.extend_from_slice(actor.as_bytes());
            shard.actor_offsets.push(shard.actor_text.len() as i32);
            shard.starts.push(sorted.len() as u64);
            sorted.extend(&rows);
            shard.ends.push(sorted.len() as u64);
            sorted.extend(rows.last().filter(|_| with_nobodys));
        }
        shard.time_us = sorted.iter().map(|row| row.time_us).collect();
        shard.tie = sorted.iter().map(|row| row.tie).collect();
        shard.name = sorted.iter().map(|row| self.names.code(&row.name).expect("every name has a code")).collect();
        let passive = self.rows.iter().any(|row| !row.interactive);
        shard.interactive = passive.then(|| sorted.iter().map(|row| u8::from(row.interactive)).collect());
        shard.texts = sorted.iter().map(|row| (row.name.clone(), row.properties.clone())).collect();
        shard.columns = self.columns.iter().map(|column| Column { values: column.values(&sorted), may_miss: true }).collect();
        shard.index = OwnedIndex::new(&shard.starts, &shard.ends, &shard.time_us, Codes::Long(&shard.name));
        shard
    }

    /// Tells which rows of a shard meet a condition: `device = 'phone'`, `name <> 'view'`, `device is null`, and several
    /// of them with `and` between.
    pub fn mask(&self, shard: &OwnedShard, condition: &str) -> Result<Vec<bool>, String> {
        let known = |column: &str| column == "name" || self.columns.iter().any(|known| known.name == column);
        let condition = crate::condition::parse(condition, known)?;
        Ok((0..shard.time_us.len()).map(|row| condition.holds(|column| shard.text(row, column))).collect())
    }

    /// Returns the group of each row of a shard by a property or by `name`, and the labels of the groups.
    pub fn groups(&self, shard: &OwnedShard, by: &str) -> Result<(Vec<u32>, Vec<Option<String>>), String> {
        if by != "name" && !self.columns.iter().any(|column| column.name == by) {
            return Err(format!("there is no property \"{by}\" to split by"));
        }
        let mut labels: Vec<Option<String>> = Vec::new();
        let codes = (0..shard.time_us.len()).map(|row| {
            let label = shard.text(row, by).map(str::to_owned);
            let code = labels.iter().position(|known| *known == label).unwrap_or_else(|| {
                labels.push(label);
                labels.len() - 1
            });
            code as u32
        });
        Ok((codes.collect(), labels))
    }
}

impl WorldColumn {
    /// Writes the values of some rows.
    ///
    /// They are never freed: a [`Shard`] borrows a slice of borrows, which its owner could not hold otherwise.
    fn values(&self, rows: &[&Row]) -> Values<'static> {
        let texts = rows.iter().map(|row| row.properties.iter().find(|(name, _)| *name == self.name).map(|(_, value)| value));
        match self.kind {
            ColumnKind::Text => {
                let code = |text: &String| self.dictionary.code(text).expect("every value has a code");
                Values::Text(Codes::Long(Vec::leak(texts.map(|text| text.map_or(NO_CODE, code)).collect())))
            }
            ColumnKind::Integer | ColumnKind::Number => {
                let number = |text: &String| text.parse().expect("the column was found to be whole");
                Values::Integer(Integers::Whole(Vec::leak(texts.map(|text| text.map_or(i64::MIN, number)).collect())))
            }
        }
    }
}

/// The owned columns of a shard.
#[derive(Debug, Clone, Default)]
pub struct OwnedShard {
    actor_offsets: Vec<i32>,
    actor_text: Vec<u8>,
    starts: Vec<u64>,
    ends: Vec<u64>,
    time_us: Vec<i64>,
    name: Vec<u32>,
    tie: Vec<u64>,
    interactive: Option<Vec<u8>>,
    columns: Vec<Column<'static>>,
    index: OwnedIndex,
    /// Name and properties of each row as text, shape `[rows]`.
    texts: Vec<(String, Vec<(String, String)>)>,
}

impl OwnedShard {
    /// Returns the columns as operators read them.
    pub fn shard(&self) -> Shard<'_> {
        Shard {
            actors: ActorIds { offsets: &self.actor_offsets, text: &self.actor_text },
            starts: &self.starts,
            ends: &self.ends,
            time_us: &self.time_us,
            name: Codes::Long(&self.name),
            seq: None,
            tie: &self.tie,
            interactive: self.interactive.as_deref(),
            columns: &self.columns,
            index: self.index.index(),
        }
    }

    fn text(&self, row: usize, column: &str) -> Option<&str> {
        let (name, properties) = &self.texts[row];
        if column == "name" {
            return Some(name);
        }
        properties.iter().find(|(known, _)| known == column).map(|(_, value)| value.as_str())
    }
}

/// Gives codes to distinct texts.
fn coded<'a>(texts: impl Iterator<Item = &'a str>, order: CodeOrder) -> Names {
    let names: Names = texts.collect();
    let mut distinct: Vec<&str> = names.iter().collect();
    match order {
        CodeOrder::Arrival => {}
        CodeOrder::Reverse => distinct.reverse(),
        CodeOrder::Shuffled(seed) => Random::new(seed).shuffle(&mut distinct),
    }
    distinct.into_iter().collect()
}

/// Hashes a text, the same on every machine: FNV-1a, then mixed because its low bits are weak.
fn hash(text: &str) -> u64 {
    let sum = text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    Random::new(sum).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: &str = "bob: view@0s{device=phone,size=3} cart@1m\nana: view@1h buy@0s{size=4} pay@0s ping@2h{interactive=false}";

    #[test]
    fn shards_hold_sorted_timelines() {
        let world = World::parse(DRAWN).unwrap();
        let shards = world.shards(1);
        let shard = shards[0].shard();
        assert_eq!(shard.actors.iter().collect::<Vec<_>>(), ["ana", "bob"]);
        let names: Vec<&str> = shard.name.iter().map(|code| world.names().text(code)).collect();
        assert_eq!(names, ["buy", "pay", "view", "ping", "view", "cart"]);
        assert_eq!(shard.rows(1), 4..6);
        assert_eq!(shard.interactive, Some(&[1, 1, 1, 0, 1, 1][..]));
        assert_eq!(world.columns(), [("device".into(), ColumnKind::Text), ("size".into(), ColumnKind::Integer)]);
        assert!(matches!(shard.columns[1].values, Values::Integer(Integers::Whole([4, i64::MIN, i64::MIN, i64::MIN, 3, i64::MIN]))));
        assert_eq!(world.mask(&shards[0], "device = 'phone'").unwrap(), [false, false, false, false, true, false]);
        assert_eq!(world.groups(&shards[0], "size").unwrap().1, [Some("4".into()), None, Some("3".into())]);
    }

    #[test]
    fn every_actor_is_in_one_shard() {
        let world = crate::generate(7, &crate::Options { n_actors: 20, ..crate::Options::default() });
        let count = |n: usize| world.shards(n).iter().map(|shard| shard.shard().n_actors()).sum::<usize>();
        assert_eq!(count(1), count(64));
        assert!(world.shards(8).iter().filter(|shard| shard.shard().n_actors() > 0).count() > 1);
    }

    #[test]
    fn shuffling_and_recoding_change_codes_and_nothing_else() {
        let world = World::parse(DRAWN).unwrap();
        for other in [world.shuffled(3), world.recoded(CodeOrder::Reverse), world.recoded(CodeOrder::Shuffled(1))] {
            let (one, two) = (&world.shards(1)[0], &other.shards(1)[0]);
            assert_eq!((&one.texts, &one.time_us, &one.tie), (&two.texts, &two.time_us, &two.tie));
        }
        assert_eq!(world.names().code("view"), Some(0));
        assert_eq!(world.recoded(CodeOrder::Reverse).names().code("ping"), Some(0));
        assert_eq!(world.shifted(5).first_us(), START_US + 5);
    }
}
