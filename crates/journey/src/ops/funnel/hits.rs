//! The rows that attempts depend on, of everybody who may have entered, in columns.

use std::ops::Range;

use diptych_event::index::RowSet;

use super::Plan;
use super::kernel::{EXCLUDED, Rules};
use super::params::Entry;
use crate::ops::Times;
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

    /// Finds how far entrants get who have all entries in one group; with times, only those who stop after the first step.
    /// O(hits), without a branch on what a person did.
    ///
    /// For steps in order, each row after the one before, of all of a person's rows. Of each step only the latest entry is
    /// kept from which it was reached, as in [`super::kernel`], but not the rows between.
    pub fn tell_apart(&self, rules: &Rules, times: Times) -> Apart {
        let levels = self.levels(rules);
        let most_told = if times == Times::None { rules.n_steps } else { 1 };
        let mut apart = Apart::default();
        for (idx, end) in (0..).zip(&self.ends) {
            let last = levels[*end as usize - 1];
            let is_told = usize::from(last.level) <= most_told && (self.groups.is_empty() || self.have_one_group(self.entrant(idx).1));
            match last.level {
                0 => {}
                _ if is_told => apart.told.push(last),
                _ => apart.searched.push(idx),
            }
        }
        apart
    }

    /// Finds how far each entrant is at each of their hits. O(hits), without a branch on what a person did.
    fn levels(&self, rules: &Rules) -> Vec<Level> {
        let keeps_first = rules.entry == Entry::First;
        // The latest entry from which the step before each was reached, and by whom, as those of others are over.
        let (mut from_us, mut by) = ([0; u32::BITS as usize + 1], [NOBODY; u32::BITS as usize + 1]);
        let (mut last_actor, mut entry, mut level) = (NOBODY, 0, 0_u8);
        let n_hits = self.rows.len();
        let (actors, time_us) = (&self.actors[..n_hits], &self.time_us[..n_hits]);
        let (bits, may_enter) = (&self.bits[..n_hits], &self.may_enter[..n_hits]);
        let mut levels = vec![Level { entry, level, goes_on: false }; n_hits];
        for hit in 0..n_hits {
            let (actor, now_us, bits) = (actors[hit], time_us[hit], bits[hit]);
            level *= u8::from(actor == last_actor);
            last_actor = actor;
            if bits & 1 << EXCLUDED != 0 {
                by.fill(NOBODY);
            }
            let is_entry = may_enter[hit] & !(keeps_first & (level > 0));
            entry = if is_entry { hit as u32 } else { entry };
            // An entry comes from before the first step; where the row is none, nobody does.
            (from_us[0], by[0]) = (now_us, if is_entry { actor } else { NOBODY });
            let mut steps = bits & rules.step_bits();
            while steps != 0 {
                // The last step first, so that a row moves each chain by one step.
                let k = steps.ilog2() as usize;
                steps ^= 1 << k;
                let moves = (by[k] == actor) & (now_us.wrapping_sub(from_us[k]) <= rules.window_us);
                let is_later = moves & ((by[k + 1] != actor) | (from_us[k + 1] < from_us[k]));
                from_us[k + 1] = if is_later { from_us[k] } else { from_us[k + 1] };
                by[k + 1] = if is_later { actor } else { by[k + 1] };
                level = level.max((k as u8 + 1) * u8::from(moves));
            }
            levels[hit] = Level { entry, level, goes_on: by[1] == actor };
        }
        levels
    }

    /// Tells whether all entries among some hits are in one group.
    fn have_one_group(&self, hits: Range<usize>) -> bool {
        let mut groups = hits.filter(|hit| self.may_enter[*hit]).map(|hit| self.groups.get(hit));
        let first = groups.next();
        groups.all(|group| Some(group) == first)
    }
}

/// Instead of the position of an actor.
const NOBODY: u32 = u32::MAX;

/// Entrants by what is known of them before a search.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Apart {
    /// How far those get of whom it is known.
    pub told: Vec<Level>,
    /// The number of each other one who enters.
    pub searched: Vec<usize>,
}

/// How far somebody got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The hit of the entry whose window ends last.
    pub entry: u32,
    /// Steps reached; none before the first entry.
    pub level: u8,
    /// Whether an attempt could get further within its window; of no meaning after the last step.
    pub goes_on: bool,
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
