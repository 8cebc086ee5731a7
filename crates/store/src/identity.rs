//! Who is who: anonymous ids find their user, and merged ids become one (DECISIONS 3).
//!
//! Nothing here depends on the order of arrival: the same records give the same people.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use diptych_event::log::Kind;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::StoreError;
use crate::log::Log;

/// Anonymous ids with their identifications, and known ids that are one person.
#[derive(Debug, Default, Clone)]
pub struct Identity {
    backfill_us: i64,
    /// Identifications by anonymous id: instant and user, in order.
    seen: HashMap<Box<str>, Vec<(i64, Box<str>)>>,
    /// The canonical id of every merged id that is not canonical itself.
    canonical: BTreeMap<Box<str>, Box<str>>,
}

impl Identity {
    /// Makes the identity of some merges; `backfill_us` is how long before an identification an event still belongs to it.
    pub fn new(backfill_us: i64, merges: &[(String, String)]) -> Self {
        Self { backfill_us, seen: HashMap::new(), canonical: canonical_ids(merges) }
    }

    /// Adds the identifications of a log file: rows with an anonymous id and a user. O(rows) where there are any.
    pub fn read(&mut self, log: &Log, name: &str) -> Result<(), StoreError> {
        let path = log.root().join(name);
        self.read_file(&path).map_err(|error| StoreError::damaged(&path, error))
    }

    fn read_file(&mut self, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let has_values = |column: &str| {
            builder.metadata().row_groups().iter().any(|group| {
                let found = group.columns().iter().find(|chunk| chunk.column_path().string() == column);
                let nulls = found.and_then(|chunk| chunk.statistics()).and_then(|statistics| statistics.null_count_opt());
                found.is_some() && nulls != Some(group.num_rows() as u64)
            })
        };
        if !has_values("anonymous") || !has_values("user") {
            return Ok(());
        }
        let columns = ["kind", "time", "user", "anonymous"];
        let roots = builder.schema().fields().iter().enumerate().filter(|(_, field)| columns.contains(&field.name().as_str()));
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots.map(|(idx, _)| idx).collect::<Vec<_>>());
        for batch in builder.with_projection(mask).with_batch_size(1 << 16).build()? {
            let batch = batch?;
            let text = |name: &str| batch.column_by_name(name).expect("it was asked for").as_string::<i32>();
            let (kind, user, anonymous) = (text("kind"), text("user"), text("anonymous"));
            let time = batch.column_by_name("time").expect("it was asked for").as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                if user.is_valid(row) && anonymous.is_valid(row) && kind.value(row) == Kind::Event.word() {
                    self.add(anonymous.value(row), time.value(row), user.value(row));
                }
            }
        }
        Ok(())
    }

    /// Adds one identification.
    pub fn add(&mut self, anonymous: &str, time_us: i64, user: &str) {
        match self.seen.get_mut(anonymous) {
            Some(seen) => seen.push((time_us, user.into())),
            None => {
                self.seen.insert(anonymous.into(), vec![(time_us, user.into())]);
            }
        }
    }

    /// Puts the identifications in order and drops those that change nothing; needed before [`Identity::user_at`].
    pub fn settle(&mut self) {
        for seen in self.seen.values_mut() {
            seen.sort_unstable();
            seen.dedup();
        }
    }

    /// Returns the canonical id of a known user: the smallest of those merged with it, or the id itself.
    pub fn canonical<'a>(&'a self, user: &'a str) -> &'a str {
        self.canonical.get(user).map_or(user, |canonical| canonical)
    }

    /// Returns the user of an anonymous row: of the next identification within the backfill, else of the last before.
    ///
    /// The id is canonical. O(log identifications).
    pub fn user_at(&self, anonymous: &str, time_us: i64) -> Option<&str> {
        let seen = self.seen.get(anonymous)?;
        let next = seen.partition_point(|(seen_us, _)| *seen_us < time_us);
        let found = seen.get(next).filter(|(seen_us, _)| seen_us - time_us <= self.backfill_us);
        let (_, user) = found.or_else(|| seen.get(next.checked_sub(1)?))?;
        Some(self.canonical(user))
    }

    /// Tells whether identifications that came after `known` move rows that were there before.
    ///
    /// `stayed_anonymous` tells whether some row of an anonymous id had found no user so far.
    pub fn moves_rows(&self, known: &Identity, stayed_anonymous: impl Fn(&str) -> bool) -> bool {
        self.seen.iter().any(|(anonymous, seen)| {
            let old: &[(i64, Box<str>)] = known.seen.get(anonymous).map_or(&[], |seen| seen);
            let is_new = |entry: &&(i64, Box<str>)| old.binary_search(entry).is_err();
            let mut changed = seen.iter().filter(is_new).peekable();
            if changed.peek().is_none() {
                return false;
            }
            // New identifications that say what their neighbours said move nothing that had found its user.
            let same = old.first().is_some_and(|(_, user)| seen.iter().all(|(_, other)| other == user));
            !(same || old.is_empty()) || stayed_anonymous(anonymous)
        })
    }

    /// Returns the number of anonymous ids that were ever identified, and of known ids merged into another.
    pub fn counts(&self) -> (usize, usize) {
        (self.seen.len(), self.canonical.len())
    }
}

/// Finds the smallest id of every set of merged ids.
fn canonical_ids(merges: &[(String, String)]) -> BTreeMap<Box<str>, Box<str>> {
    let mut smallest: BTreeMap<&str, &str> = BTreeMap::new();
    fn root<'a>(smallest: &BTreeMap<&'a str, &'a str>, id: &'a str) -> &'a str {
        let mut id = id;
        while let Some(smaller) = smallest.get(id) {
            id = smaller;
        }
        id
    }
    for (one, other) in merges {
        let (one, other) = (root(&smallest, one), root(&smallest, other));
        if one != other {
            smallest.insert(one.max(other), one.min(other));
        }
    }
    smallest.keys().map(|id| ((*id).into(), root(&smallest, id).into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    fn identity(records: &[(&str, i64, &str)], merges: &[(&str, &str)]) -> Identity {
        let merges: Vec<(String, String)> = merges.iter().map(|(one, other)| ((*one).into(), (*other).into())).collect();
        let mut identity = Identity::new(30 * DAY_US, &merges);
        records.iter().for_each(|(anonymous, day, user)| identity.add(anonymous, day * DAY_US, user));
        identity.settle();
        identity
    }

    #[test]
    fn anonymous_rows_go_to_the_next_identification_within_the_backfill_else_to_the_last() {
        let identity = identity(&[("v", 60, "bob"), ("v", 40, "ana")], &[]);
        let at = |day: i64| identity.user_at("v", day * DAY_US);
        assert_eq!(
            [at(0), at(9), at(10), at(40), at(41), at(60), at(99)],
            [None, None, Some("ana"), Some("ana"), Some("bob"), Some("bob"), Some("bob")]
        );
        assert_eq!(identity.user_at("w", 0), None);
    }

    #[test]
    fn merged_ids_are_their_smallest_member_in_any_order() {
        for merges in [[("c", "b"), ("b", "a"), ("e", "d")], [("b", "a"), ("e", "d"), ("b", "c")], [("d", "e"), ("c", "b"), ("a", "c")]] {
            let identity = identity(&[("v", 1, "c")], &merges);
            assert_eq!(["a", "b", "c", "d", "e", "f"].map(|id| identity.canonical(id).to_owned()), ["a", "a", "a", "d", "d", "f"]);
            assert_eq!(identity.user_at("v", 0), Some("a"));
        }
    }

    #[test]
    fn only_identifications_that_say_something_new_move_rows() {
        let known = identity(&[("v", 1, "ana")], &[]);
        let never = |_: &str| false;
        let always = |_: &str| true;
        assert!(!known.moves_rows(&known, always));
        assert!(!identity(&[("v", 1, "ana"), ("v", 5, "ana")], &[]).moves_rows(&known, never));
        assert!(identity(&[("v", 1, "ana"), ("v", 5, "ana")], &[]).moves_rows(&known, always));
        assert!(identity(&[("v", 1, "ana"), ("v", 5, "bob")], &[]).moves_rows(&known, never));
        assert!(!identity(&[("v", 1, "ana"), ("w", 5, "bob")], &[]).moves_rows(&known, never));
    }
}
