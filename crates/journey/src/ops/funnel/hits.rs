//! The rows that attempts depend on, of everybody who may have entered, in columns.

use std::ops::Range;

use diptych_event::index::RowSet;

use super::Plan;
use crate::seam::View;

/// Rows that can serve a step or end attempts, of everybody with a row where an attempt may start.
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
    /// Finds the hits of the selected actors. O(rows of the steps' names + actors + rows / 64).
    ///
    /// Each column is made at once, so that one load from memory does not wait for another, and no branch depends on
    /// what a person did.
    pub fn find(plan: &Plan, view: &View, splits: bool) -> Self {
        if view.shard.n_actors() == 0 {
            return Self::default();
        }
        let mut found = Found::new(plan, view);
        found.keep_entrants(view);
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

/// Rows of the steps' names, whoever's they are.
struct Found {
    /// Ascending.
    rows: Vec<u32>,
    /// The steps that each row's name can serve.
    bits: Vec<u32>,
    /// Positions of the actors; where a row is nobody's, of another one.
    actors: Vec<u32>,
    /// Whether each can serve the first step and the question admits it, whenever it was.
    may_enter: Vec<bool>,
}

impl Found {
    /// Brings the rows of the names in order. O(rows of the names + actors + rows / 64).
    fn new(plan: &Plan, view: &View) -> Self {
        let (shard, index) = (&view.shard, &view.shard.index);
        let names = (0..).zip(&plan.bits_of_name).filter(|(_, bits)| **bits != 0);
        let set = RowSet::new(shard.n_rows(), names.clone().flat_map(|(name, _)| index.rows_of(name)).copied());
        let (mut rows, mut bits) = (vec![0; set.len()], vec![0; set.len()]);
        for (name, bits_of_name) in names {
            for row in index.rows_of(name) {
                let place = set.rank(*row as usize);
                (rows[place], bits[place]) = (*row, *bits_of_name);
            }
        }
        let starts = RowSet::new(shard.n_rows(), shard.starts.iter().map(|start| *start as u32));
        debug_assert!(rows.is_empty() || starts.len() == shard.n_actors(), "everybody has a row");
        let actors: Vec<u32> = rows.iter().map(|row| starts.rank_with(*row as usize).max(1) as u32 - 1).collect();
        let entry_bits = plan.rules.entry_bits();
        let may_enter = rows
            .iter()
            .zip(&bits)
            .map(|(row, bits)| bits & entry_bits != 0 && view.admitted.is_none_or(|admitted| admitted.holds(*row as usize)));
        Self { may_enter: may_enter.collect(), rows, bits, actors }
    }

    /// Leaves the rows of selected actors with a row that may enter. O(rows + actors).
    fn keep_entrants(&mut self, view: &View) {
        let mut is_entrant = vec![false; view.shard.n_actors()];
        for (actor, may_enter) in self.actors.iter().zip(&self.may_enter) {
            is_entrant[*actor as usize] |= may_enter;
        }
        if let Some(selected) = view.actors {
            is_entrant.iter_mut().zip(selected).for_each(|(is_entrant, selected)| *is_entrant &= selected);
        }
        let mut n_kept = 0;
        for idx in 0..self.rows.len() {
            let (row, actor) = (self.rows[idx], self.actors[idx]);
            let is_owned = view.shard.rows(actor as usize).contains(&(row as usize));
            (self.rows[n_kept], self.actors[n_kept]) = (row, actor);
            (self.bits[n_kept], self.may_enter[n_kept]) = (self.bits[idx], self.may_enter[idx]);
            n_kept += usize::from(is_entrant[actor as usize] & is_owned);
        }
        self.rows.truncate(n_kept);
        self.actors.truncate(n_kept);
        self.bits.truncate(n_kept);
        self.may_enter.truncate(n_kept);
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
