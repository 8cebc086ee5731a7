//! The rows that attempts depend on, of people who may have entered, in columns.

use std::ops::Range;

use diptych_event::index::RowSet;

use super::Plan;
use super::owners::Owners;
use crate::seam::View;

/// Rows that can serve a step or end attempts, of some people with a row where an attempt may start.
#[derive(Debug, Default)]
pub struct Hits {
    /// Shape `[hits]`, ascending.
    pub rows: Vec<u32>,
    /// Instants in microseconds, shape `[hits]`.
    pub time_us: Vec<i64>,
    /// The steps that each can serve, shape `[hits]`.
    pub bits: Vec<u32>,
    /// Whether an attempt may start there, shape `[hits]`.
    pub may_enter: Vec<bool>,
    /// The group of each, shape `[hits]`; empty where the question does not split.
    pub groups: Vec<u32>,
    /// Position of the actor of each, shape `[hits]`.
    actors: Vec<u32>,
    /// After the last hit of each entrant, shape `[entrants]`.
    ends: Vec<u32>,
}

impl Hits {
    /// Finds the hits of the entrants, shape `[actors]`, given the admitted rows where attempts may start.
    /// O(rows of the steps' names + rows / 64).
    ///
    /// Each column is made at once, so that one load from memory does not wait for another, and no branch depends on
    /// what a person did.
    pub fn find(plan: &Plan, view: &View, owners: &Owners, entries: &[u32], is_entrant: &[bool], splits: bool) -> Self {
        let found = Found::new(plan, view, owners, entries, is_entrant);
        let time_us: Vec<i64> = found.rows.iter().map(|row| view.shard.time_us[*row as usize]).collect();
        let mut bits = found.bits;
        for (condition_bits, mask) in &plan.conditions {
            let mask = &view.masks[mask.0];
            for (bits, row) in bits.iter_mut().zip(&found.rows) {
                if *bits & condition_bits != 0 && !mask.holds(*row as usize) {
                    *bits &= !condition_bits;
                }
            }
        }
        let starts = bits.iter().zip(found.may_enter).zip(&time_us);
        let may_enter =
            starts.map(|((bits, may), time_us)| may & (bits & plan.rules.entry_bits() != 0) & view.period_us.contains(time_us)).collect();
        let groups = if splits { found.rows.iter().map(|row| view.group(*row as usize)).collect() } else { Vec::new() };
        Self { ends: ends(&found.actors), rows: found.rows, time_us, bits, may_enter, groups, actors: found.actors }
    }

    /// Returns the number of people who may have entered.
    pub fn n_entrants(&self) -> usize {
        self.ends.len()
    }

    /// Returns the position of an entrant's actor in the shard, and its own among the hits; not empty.
    pub fn entrant(&self, idx: usize) -> (usize, Range<usize>) {
        let start = if idx == 0 { 0 } else { self.ends[idx - 1] as usize };
        (self.actors[start] as usize, start..self.ends[idx] as usize)
    }
}

/// Rows of the steps' names, of entrants.
struct Found {
    /// Ascending.
    rows: Vec<u32>,
    /// The steps that each row's name can serve.
    bits: Vec<u32>,
    /// Positions of the actors.
    actors: Vec<u32>,
    /// Whether each can serve the first step and the question admits it.
    may_enter: Vec<bool>,
}

impl Found {
    /// Brings the rows of the names in order. O(rows of the names + rows / 64).
    fn new(plan: &Plan, view: &View, owners: &Owners, entries: &[u32], is_entrant: &[bool]) -> Self {
        let (shard, index) = (&view.shard, &view.shard.index);
        let entry_bits = plan.rules.entry_bits();
        let names = || (0..).zip(&plan.bits_of_name).filter(|(_, bits)| **bits != 0);
        // Whoever does not enter is dropped before rows are brought in order.
        let (mut kept, mut actors_kept) = (Vec::new(), Vec::new());
        let mut ends = Vec::new();
        for (name, bits) in names() {
            owners.keep(index.rows_of(name), |actor| is_entrant[actor], &mut kept, &mut actors_kept);
            ends.push((*bits, kept.len()));
        }
        let set = RowSet::new(shard.n_rows(), kept.iter().copied());
        let (mut rows, mut bits, mut actors) = (vec![0; kept.len()], vec![0; kept.len()], vec![0; kept.len()]);
        let mut start = 0;
        for (bits_of_name, end) in ends {
            for (row, actor) in kept[start..end].iter().zip(&actors_kept[start..end]) {
                let place = set.rank(*row as usize);
                (rows[place], bits[place], actors[place]) = (*row, bits_of_name, *actor);
            }
            start = end;
        }
        let may_enter = if view.admitted.is_none() {
            bits.iter().map(|bits| bits & entry_bits != 0).collect()
        } else {
            let mut may_enter = vec![false; rows.len()];
            for row in entries {
                // Rows of others have no place.
                if set.contains(*row as usize) {
                    may_enter[set.rank(*row as usize)] = true;
                }
            }
            may_enter
        };
        Self { rows, bits, actors, may_enter }
    }
}

/// Returns after which hit the next one is another actor's. O(hits), without a branch.
fn ends(actors: &[u32]) -> Vec<u32> {
    let mut ends = vec![0; actors.len()];
    let mut n_ends = 0;
    for (idx, actor) in actors.iter().enumerate() {
        ends[n_ends] = idx as u32 + 1;
        n_ends += usize::from(actors.get(idx + 1) != Some(actor));
    }
    ends.truncate(n_ends);
    ends
}
