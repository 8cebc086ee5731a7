//! The rows that attempts depend on, of everybody who may have entered, in columns.

use std::ops::Range;

use diptych_event::index::RowSet;

use super::Plan;
use super::kernel::{EXCLUDED, Rules};
use super::params::Entry;
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
        let found = Found::new(plan, view);
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

    /// Tells entrants apart by whether a second step can follow an entry in time. O(hits), without a branch.
    ///
    /// For steps in order, each row after the one before, of all of a person's rows.
    pub fn tell_apart(&self, rules: &Rules) -> Apart {
        let n_entrants = self.n_entrants();
        let mut apart = Apart { stopped: vec![0; n_entrants + 1], searched: vec![0; n_entrants + 1] };
        let (mut n_stopped, mut n_searched) = (0, 0);
        let keeps_first = rules.entry == Entry::First;
        let (mut idx, mut entry, mut has_entry, mut is_searched) = (0, 0, false, false);
        for hit in 0..self.rows.len() {
            let is_in_time = self.time_us[hit].wrapping_sub(self.time_us[entry]) <= rules.window_us;
            let (is_entry, bits) = (self.may_enter[hit], self.bits[hit]);
            let is_second_step = bits & 2 != 0;
            let is_exclusion = bits & 1 << EXCLUDED != 0;
            let is_of_other_group = is_entry && self.groups.get(hit) != self.groups.get(entry);
            is_searched |= has_entry & ((is_second_step & is_in_time) | is_exclusion | is_of_other_group);
            entry = if is_entry & !(keeps_first & has_entry) { hit } else { entry };
            has_entry |= is_entry;
            let is_last = self.ends[idx] as usize == hit + 1;
            // Written always and kept where it is true, because which one is cannot be foreseen.
            apart.stopped[n_stopped] = entry as u32;
            n_stopped += usize::from(is_last & has_entry & !is_searched);
            apart.searched[n_searched] = idx as u32;
            n_searched += usize::from(is_last & is_searched);
            idx += usize::from(is_last);
            has_entry &= !is_last;
            is_searched &= !is_last;
        }
        apart.stopped.truncate(n_stopped);
        apart.searched.truncate(n_searched);
        apart
    }
}

/// Entrants by what is known of them before a search.
#[derive(Debug, PartialEq, Eq)]
pub struct Apart {
    /// For each who stops after the first step, with all entries in one group: the hit of the entry whose window ends last.
    pub stopped: Vec<u32>,
    /// The number of each other one who enters.
    pub searched: Vec<u32>,
}

/// Rows of the steps' names, of selected actors with a row where an attempt may start, whenever it was.
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
    /// Brings the rows of the names in order. O(rows of the names + actors + rows / 64).
    fn new(plan: &Plan, view: &View) -> Self {
        let (shard, index) = (&view.shard, &view.shard.index);
        let owners = Owners::new(view);
        let entry_bits = plan.rules.entry_bits();
        let names = || (0..).zip(&plan.bits_of_name).filter(|(_, bits)| **bits != 0);
        let of_entries = names().filter(|(_, bits)| *bits & entry_bits != 0);
        let mut entries: Vec<u32> = of_entries.flat_map(|(name, _)| index.rows_of(name)).copied().collect();
        if let Some(admitted) = view.admitted {
            admitted.retain(&mut entries);
        }
        debug_assert!(entries.is_empty() || owners.starts.len() == shard.n_actors(), "everybody has a row");
        let is_entrant = owners.among(&entries, view.actors);
        // Whoever does not enter is dropped before rows are brought in order.
        let (mut kept, mut actors_kept) = (Vec::new(), Vec::new());
        let mut ends = Vec::new();
        for (name, bits) in names() {
            owners.keep(index.rows_of(name), &is_entrant, &mut kept, &mut actors_kept);
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
                // Rows of actors who are not selected have no place.
                if set.contains(row as usize) {
                    may_enter[set.rank(row as usize)] = true;
                }
            }
            may_enter
        };
        Self { rows, bits, actors, may_enter }
    }
}

/// Whose rows are whose.
struct Owners<'a> {
    starts: RowSet,
    ends: &'a [u64],
}

impl<'a> Owners<'a> {
    /// O(actors + rows / 64).
    fn new(view: &View<'a>) -> Self {
        let shard = &view.shard;
        let starts = RowSet::new(shard.n_rows(), shard.starts.iter().map(|start| *start as u32));
        Self { starts, ends: shard.ends }
    }

    /// Returns the actor whose row it is, and true; where a row is nobody's, another one, and false. O(1).
    #[inline]
    fn of(&self, row: u32) -> (usize, bool) {
        let n_begun = self.starts.rank_with(row as usize);
        let actor = n_begun.max(1) - 1;
        (actor, (n_begun > 0) & (u64::from(row) < self.ends[actor]))
    }

    /// Tells for each actor whether one of the rows is theirs; of those selected alone. O(rows + actors).
    fn among(&self, rows: &[u32], selected: Option<&[bool]>) -> Vec<bool> {
        let mut found = vec![false; self.ends.len()];
        for row in rows {
            let (actor, is_owned) = self.of(*row);
            found[actor] |= is_owned;
        }
        if let Some(selected) = selected {
            found.iter_mut().zip(selected).for_each(|(found, selected)| *found &= selected);
        }
        found
    }

    /// Adds the rows of some actors, and the actors. O(rows), without a branch.
    fn keep(&self, rows: &[u32], wanted: &[bool], kept: &mut Vec<u32>, actors: &mut Vec<u32>) {
        let mut n = kept.len();
        kept.resize(n + rows.len(), 0);
        actors.resize(n + rows.len(), 0);
        for row in rows {
            let (actor, is_owned) = self.of(*row);
            (kept[n], actors[n]) = (*row, actor as u32);
            n += usize::from(wanted[actor] & is_owned);
        }
        kept.truncate(n);
        actors.truncate(n);
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
