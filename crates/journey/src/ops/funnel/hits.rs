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
    /// The group of each where an attempt may start, shape `[hits]`; empty where the question does not split.
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
        let index = &view.shard.index;
        let mut lists = Lists::default();
        for (name, bits) in &plan.names_of_steps {
            lists.add(owners, index.rows_of(*name), *bits, |actor| is_entrant[actor]);
        }
        let (mut hits, set) = lists.in_order(view);
        if splits {
            hits.groups = view.groups_of(&hits.rows);
        }
        for (condition_bits, mask) in &plan.conditions {
            let mask = &view.masks[mask.0];
            for (bits, row) in hits.bits.iter_mut().zip(&hits.rows) {
                if *bits & condition_bits != 0 && !mask.holds(*row as usize) {
                    *bits &= !condition_bits;
                }
            }
        }
        // Rows of others have no place.
        for row in entries.iter().map(|row| *row as usize).filter(|row| set.contains(*row)) {
            hits.may_enter[set.rank(row)] = true;
        }
        let starts = hits.may_enter.iter_mut().zip(&hits.bits).zip(&hits.time_us);
        starts.for_each(|((may, bits), time_us)| *may &= (bits & plan.rules.entry_bits() != 0) & view.period_us.contains(time_us));
        hits
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

/// Rows in lists, each ascending, with what each list can serve; a row may stand in several.
#[derive(Default)]
pub struct Lists {
    rows: Vec<u32>,
    /// Positions of the actors.
    actors: Vec<u32>,
    /// Of each list the bits, and where it ends.
    lists: Vec<(u32, usize)>,
}

impl Lists {
    /// Adds the rows of the actors that are wanted. O(rows), without a branch.
    pub fn add(&mut self, owners: &Owners, rows: &[u32], bits: u32, wanted: impl Fn(usize) -> bool) {
        owners.keep(rows, |row| *row, wanted, &mut self.rows, &mut self.actors);
        self.lists.push((bits, self.rows.len()));
    }

    /// Adds rows with their actors. O(rows).
    pub fn add_of(&mut self, rows: impl Iterator<Item = (u32, u32)>, bits: u32) {
        for (row, actor) in rows {
            self.rows.push(row);
            self.actors.push(actor);
        }
        self.lists.push((bits, self.rows.len()));
    }

    /// Brings the rows in order; no attempt may start at any yet, and none has a group. O(rows of the lists + rows / 64).
    pub fn in_order(self, view: &View) -> (Hits, RowSet) {
        let set = RowSet::new(view.shard.n_rows(), self.rows.iter().copied());
        let n_hits = set.len();
        let (mut rows, mut bits, mut actors) = (vec![0; n_hits], vec![0; n_hits], vec![0; n_hits]);
        let mut start = 0;
        for (bits_of_list, end) in self.lists {
            for (row, actor) in self.rows[start..end].iter().zip(&self.actors[start..end]) {
                let place = set.rank(*row as usize);
                (rows[place], actors[place]) = (*row, *actor);
                bits[place] |= bits_of_list;
            }
            start = end;
        }
        let time_us = rows.iter().map(|row| view.shard.time_us[*row as usize]).collect();
        (Hits { ends: ends(&actors), may_enter: vec![false; n_hits], rows, time_us, bits, groups: Vec::new(), actors }, set)
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
