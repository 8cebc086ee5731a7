//! How far people get, found step by step instead of person by person.
//!
//! For each row of a step the latest entry is found that steps lead from: that of the latest row of the step before.
//! The row is reached if this entry is the same person's, within the window, and no exclusion lies between.
//! Of earlier rows of the step before, entries are no later ones: where this one is too early, they are too. So no other
//! needs to be looked at, and a row that is not reached itself stands in nobody's way.

use std::borrow::Cow;

use diptych_event::index::{Ranks, RowSet};

use super::hits::{Hits, Lists};
use super::owners::Owners;
use super::params::Entry;
use super::{Plan, kernel};
use crate::ops::Times;
use crate::seam::{ALL_TIME, View};

/// Instead of the position of an actor.
const NOBODY: u32 = u32::MAX;

/// How far people get.
pub struct Reach {
    /// People whose number of steps is known, by group and then by that number, each once: those of whom an attempt is
    /// over or got to the end, and those whose window is not over. The last group is of those who have entries in several,
    /// and the only one where the question does not split. Shape `[groups + 1][steps]`.
    pub told: Vec<[u64; 2]>,
    /// Of those who have entries in several groups, and of whom it is known that they get no further than an entry: how many
    /// have entries in a group, those whose attempt there is over and those whose window is not. Shape `[groups]`.
    pub told_of_groups: Vec<[u64; 2]>,
    /// The hits of those of whom more is to be found out.
    pub searched: Hits,
    /// Whether the search of somebody is for what groups count alone, shape `[actors]`.
    pub is_told: Vec<bool>,
}

impl Reach {
    /// Finds how far people get from the admitted rows of the first step's names.
    ///
    /// For steps in order, each row after the one before, of all of a person's rows.
    /// O(rows of the steps' names + actors + steps × rows / 64), without a branch on what a person did.
    pub fn find(plan: &Plan, view: &View, owners: &Owners, n_groups: usize) -> Self {
        let n_actors = view.shard.n_actors();
        let entries = Entries::new(plan, view, owners, n_groups > 0);
        let exclusions = Exclusions::new(plan, view);
        // Steps after the first one.
        let (mut levels, mut is_told) = (vec![0_u8; n_actors], vec![true; n_actors]);
        let clock = view.shard.index.clock;
        let (surely, possibly) = clock.at_most(plan.rules.window_us);
        let (surely, possibly) = (surely.map_or(-1, i64::from), i64::from(possibly));
        let mut before: Cow<[u32]> = entries.starts[1..].iter().map(|start| start.row).collect();
        // By the number of rows of the step before that come before a row; none where this is the entry itself.
        let mut entry_of = entries.first_of.clone();
        let mut led_to = Vec::new();
        for k in 1..plan.rules.n_steps {
            let ranks = Ranks::new(view.shard.n_rows(), &before);
            let rows = rows_of(plan, view, k as u32);
            let n_before = rows.iter().map(|row| ranks.rank(*row));
            let found: Vec<u32> = match entry_of {
                None => std::iter::once(0).chain(n_before.map(|n| n as u32)).collect(),
                Some(entry_of) => std::iter::once(0).chain(n_before.map(|n| entry_of[n])).collect(),
            };
            let ticks = ticks_of(plan, view, k as u32, &rows);
            let led = entries.lead_to(&rows, &ticks, &found[1..]);
            for Led { row, tick, entry } in &led {
                let start = entries.starts[*entry];
                let apart = i64::from(tick.wrapping_sub(start.tick));
                let is_undisturbed = !exclusions.lie_between(start.row, *row);
                let actor = entries.actors[*entry] as usize;
                levels[actor] = if (apart <= surely) & is_undisturbed { k as u8 } else { levels[actor] };
                // Where ticks do not tell, the person is searched.
                is_told[actor] &= (apart <= surely) | (apart > possibly) | !is_undisturbed;
            }
            led_to.push(led);
            (before, entry_of) = (rows, Some(found));
        }
        if plan.times != Times::None {
            is_told.iter_mut().zip(&levels).for_each(|(is_told, level)| *is_told &= *level == 0);
        }
        let windows = Windows::new(plan, view, &exclusions);
        let told = entries.told(plan, &windows, &levels, &is_told, n_groups);
        let mut is_searched: Vec<bool> = is_told.iter().map(|is_told| !is_told).collect();
        let mut told_of_groups = vec![[0; 2]; n_groups];
        if n_groups > 0 {
            // The latest entry in a group gets no further than the latest of all; the first one in a group may.
            let is_told_of_groups: Vec<bool> = match plan.rules.entry {
                Entry::Best => is_told.iter().zip(&levels).map(|(is_told, level)| *is_told & (*level == 0)).collect(),
                Entry::First => vec![false; n_actors],
            };
            entries.tell_of_groups(&windows, &is_told_of_groups, &mut told_of_groups);
            let searched = is_searched.iter_mut().zip(&entries.are_mixed).zip(&is_told_of_groups);
            searched.for_each(|((is_searched, is_mixed), is_told)| *is_searched |= *is_mixed & !is_told);
        }
        let searched = if is_searched.contains(&true) {
            entries.searched(plan, view, owners, &led_to, |actor| is_searched[actor as usize])
        } else {
            Hits::default()
        };
        Self { told, told_of_groups, searched, is_told }
    }
}

/// The rows where attempts may start. At 0 stands none.
struct Entries {
    /// Ascending, shape `[entries + 1]`.
    starts: Vec<Start>,
    /// Positions of the actors, shape `[entries + 1]`.
    actors: Vec<u32>,
    /// One after the last row of these actors, and of none 0; shape `[entries + 1]`.
    ends: Vec<u32>,
    /// With `entry: first` the person's first entry, which counts instead of each; shape `[entries + 1]`.
    first_of: Option<Vec<u32>>,
    /// Groups, shape `[entries + 1]`; empty where the question does not split.
    groups: Vec<u32>,
    /// Whether an actor has entries in several groups, shape `[actors]`; empty where the question does not split.
    are_mixed: Vec<bool>,
}

/// A row where an attempt may start.
#[derive(Clone, Copy, Default)]
struct Start {
    row: u32,
    /// By the clock of the shard's index.
    tick: u32,
}

/// A row that steps may lead to from an entry.
#[derive(Clone, Copy, Default)]
struct Led {
    row: u32,
    tick: u32,
    /// Position of the entry.
    entry: usize,
}

impl Entries {
    /// Takes the admitted rows of the first step's names. O(rows × log names + actors).
    fn new(plan: &Plan, view: &View, owners: &Owners, splits: bool) -> Self {
        let index = &view.shard.index;
        let mut admitted = Vec::new();
        for name in names_of(plan, 0) {
            let times = index.rows_of(name).iter().zip(index.ticks_of(name));
            admitted.extend(times.map(|(row, tick)| Start { row: *row, tick: *tick }));
        }
        let conditions = plan.conditions.iter().filter(|(bits, _)| bits & 1 != 0).map(|(_, mask)| &view.masks[mask.0]);
        conditions.chain(view.admitted).for_each(|mask| mask.retain(&mut admitted, |start| start.row));
        if view.period_us != ALL_TIME {
            admitted.retain(|start| view.period_us.contains(&view.shard.time_us[start.row as usize]));
        }
        bring_in_order(&mut admitted, |start| start.row);
        let (mut starts, mut actors) = (vec![Start::default()], vec![NOBODY]);
        let is_selected = |actor: usize| view.actors.is_none_or(|selected| selected[actor]);
        owners.keep(&admitted, |start| start.row, is_selected, &mut starts, &mut actors);
        let ends = actors.iter().map(|actor| view.shard.ends.get(*actor as usize).map_or(0, |end| *end as u32)).collect();
        let (mut groups, mut are_mixed) = (Vec::new(), Vec::new());
        if splits {
            are_mixed = vec![false; view.shard.n_actors()];
            groups = view.groups_of(&starts.iter().map(|start| start.row).collect::<Vec<_>>());
            for (pair, groups) in actors.windows(2).zip(groups.windows(2)).skip(1) {
                are_mixed[pair[1] as usize] |= (pair[0] == pair[1]) & (groups[0] != groups[1]);
            }
        }
        let mut first = 0;
        let mut first_of = |entry: usize| {
            first = if entry > 0 && actors[entry] == actors[entry - 1] { first } else { entry as u32 };
            first
        };
        let first_of = (plan.rules.entry == Entry::First).then(|| (0..starts.len()).map(&mut first_of).collect());
        Self { starts, actors, ends, first_of, groups, are_mixed }
    }

    /// Keeps the rows of a step whose entries, if there is one, are the same person's. O(rows), without a branch.
    fn lead_to(&self, rows: &[u32], ticks: &[u32], entries: &[u32]) -> Vec<Led> {
        let (mut led, mut n) = (vec![Led::default(); rows.len()], 0);
        for ((row, tick), entry) in rows.iter().zip(ticks).zip(entries) {
            led[n] = Led { row: *row, tick: *tick, entry: *entry as usize };
            // No row comes before its entry.
            n += usize::from(*row < self.ends[*entry as usize]);
        }
        led.truncate(n);
        led
    }

    /// Counts those of whom it is known how far they get, in the shape of [`Reach::told`]. O(entries), without a branch.
    fn told(&self, plan: &Plan, windows: &Windows, levels: &[u8], is_told: &[bool], n_groups: usize) -> Vec<[u64; 2]> {
        let n_steps = plan.rules.n_steps;
        // One after the other is counted in another table, as most are counted alike, and one would wait for the other.
        let mut told = vec![[[0; 2]; AT_ONCE]; (n_groups + 1) * n_steps];
        for (idx, entry) in self.lasts().into_iter().enumerate() {
            let (entry, actor) = (entry as usize, self.actors[entry as usize] as usize);
            let counts = self.first_of.as_ref().map_or(entry, |first_of| first_of[entry] as usize);
            let level = usize::from(levels[actor]);
            let is_open = (level + 1 < n_steps) & windows.is_open(self.starts[counts], actor);
            let group = match self.are_mixed.get(actor) {
                Some(false) => n_groups.min(self.groups[entry] as usize),
                Some(true) | None => n_groups,
            };
            told[group * n_steps + level][idx % AT_ONCE][usize::from(is_open)] += u64::from(is_told[actor]);
        }
        let sum = |tables: [[u64; 2]; AT_ONCE]| tables.into_iter().fold([0; 2], |sum, table| [sum[0] + table[0], sum[1] + table[1]]);
        told.into_iter().map(sum).collect()
    }

    /// Counts those with entries in several groups who get no further than these, in the shape of
    /// [`Reach::told_of_groups`]; each once in a group, by the latest entry there. O(entries + groups), without a branch.
    fn tell_of_groups(&self, windows: &Windows, is_told: &[bool], told: &mut [[u64; 2]]) {
        // Whose entry was the last one seen; entries in no group of the question are counted to one more.
        let (n_groups, mut seen, mut counts) = (told.len(), vec![NOBODY; told.len() + 1], vec![[0; 2]; told.len() + 1]);
        for entry in (1..self.starts.len()).rev() {
            let (actor, group) = (self.actors[entry], n_groups.min(self.groups[entry] as usize));
            let is_latest = std::mem::replace(&mut seen[group], actor) != actor;
            let actor = actor as usize;
            let is_open = windows.is_open(self.starts[entry], actor);
            counts[group][usize::from(is_open)] += u64::from(is_latest & is_told[actor] & self.are_mixed[actor]);
        }
        told.copy_from_slice(&counts[..n_groups]);
    }

    /// Returns the last entry of each actor. O(entries), without a branch.
    fn lasts(&self) -> Vec<u32> {
        let (mut lasts, mut n) = (vec![0; self.starts.len()], 0);
        for (entry, pair) in (0..).zip(self.actors.windows(2)) {
            lasts[n] = entry;
            n += usize::from(pair[0] != pair[1]);
        }
        lasts[n] = self.starts.len() as u32 - 1;
        // The first one is that of none.
        lasts[..=n].iter().copied().filter(|entry| *entry > 0).collect()
    }

    /// Brings the hits of some people in order. O(rows + rows / 64).
    fn searched(&self, plan: &Plan, view: &View, owners: &Owners, led_to: &[Vec<Led>], is_searched: impl Fn(u32) -> bool) -> Hits {
        let mut lists = Lists::default();
        let entries: Vec<usize> = (1..self.starts.len()).filter(|entry| is_searched(self.actors[*entry])).collect();
        lists.add_of(entries.iter().map(|entry| (self.starts[*entry].row, self.actors[*entry])), 1);
        for (k, led) in (1..).zip(led_to) {
            let rows = led.iter().map(|led| (led.row, self.actors[led.entry]));
            lists.add_of(rows.filter(|(_, actor)| is_searched(*actor)), 1 << k);
        }
        let excluded = rows_of(plan, view, kernel::EXCLUDED);
        lists.add(owners, &excluded, 1 << kernel::EXCLUDED, |actor| is_searched(actor as u32));
        let (mut hits, set) = lists.in_order(view);
        hits.may_enter = hits.bits.iter().map(|bits| bits & 1 != 0).collect();
        if !self.groups.is_empty() {
            hits.groups = vec![0; set.len()];
            entries.iter().for_each(|entry| hits.groups[set.rank(self.starts[*entry].row as usize)] = self.groups[*entry]);
        }
        hits
    }
}

/// Entries that are counted without one waiting for the other.
const AT_ONCE: usize = 4;

/// Tells whose windows are not over.
struct Windows<'a> {
    /// Entries after this, in microseconds, have windows that are not over.
    over_until_us: i64,
    /// The same by the clock of the shard's index.
    over_until: i64,
    exclusions: &'a Exclusions,
    time_us: &'a [i64],
    /// Of actors.
    ends: &'a [u64],
}

impl<'a> Windows<'a> {
    fn new(plan: &Plan, view: &View<'a>, exclusions: &'a Exclusions) -> Self {
        let over_until_us = plan.observed_until_us.saturating_sub(plan.rules.window_us);
        let over_until = view.shard.index.clock.tick_of(over_until_us);
        Self { over_until_us, over_until, exclusions, time_us: view.shard.time_us, ends: view.shard.ends }
    }

    /// Tells whether an attempt that starts there can still get further. O(1).
    #[inline]
    fn is_open(&self, start: Start, actor: usize) -> bool {
        let tick = i64::from(start.tick);
        let is_late = (tick > self.over_until) | (tick == self.over_until && self.time_us[start.row as usize] > self.over_until_us);
        is_late & !self.exclusions.lie_between(start.row, self.ends[actor] as u32 - 1)
    }
}

/// The rows that end attempts, if any do.
struct Exclusions(Option<RowSet>);

impl Exclusions {
    fn new(plan: &Plan, view: &View) -> Self {
        let are_any = names_of(plan, kernel::EXCLUDED).next().is_some();
        Self(are_any.then(|| RowSet::new(view.shard.n_rows(), rows_of(plan, view, kernel::EXCLUDED).iter().copied())))
    }

    /// Tells whether one lies after a row and up to another. O(1).
    fn lie_between(&self, row: u32, last: u32) -> bool {
        self.0.as_ref().is_some_and(|set| set.rank_with(row as usize) != set.rank_with(last as usize))
    }
}

/// Returns the rows that can serve a step, or that are excluded. O(1) for one name without a condition.
fn rows_of<'a>(plan: &Plan, view: &View<'a>, bit: u32) -> Cow<'a, [u32]> {
    let mut lists = names_of(plan, bit).map(|name| view.shard.index.rows_of(name));
    let mut rows = Cow::Borrowed(lists.next().unwrap_or_default());
    lists.for_each(|more| rows.to_mut().extend_from_slice(more));
    for (_, mask) in plan.conditions.iter().filter(|(bits, _)| bits >> bit & 1 != 0) {
        view.masks[mask.0].retain(rows.to_mut(), |row| *row);
    }
    if let Cow::Owned(rows) = &mut rows {
        bring_in_order(rows, |row| *row);
    }
    rows
}

/// Returns when rows of a step were, by the clock of the shard's index. O(1) for all rows of one name.
fn ticks_of<'a>(plan: &Plan, view: &View<'a>, bit: u32, rows: &[u32]) -> Cow<'a, [u32]> {
    let index = &view.shard.index;
    let mut names = names_of(plan, bit);
    match (names.next(), names.next()) {
        (Some(name), None) if index.rows_of(name).len() == rows.len() => index.ticks_of(name).into(),
        _ => rows.iter().map(|row| index.clock.tick(view.shard.time_us[*row as usize])).collect(),
    }
}

/// Walks the names that can serve a step, or that are excluded.
fn names_of(plan: &Plan, bit: u32) -> impl Iterator<Item = u32> {
    plan.names_of_steps.iter().filter(move |(_, bits)| bits >> bit & 1 != 0).map(|(name, _)| *name)
}

/// Sorts what is in rows of several names by them.
fn bring_in_order<T>(some: &mut [T], row: impl Fn(&T) -> u32) {
    if !some.is_sorted_by_key(&row) {
        some.sort_unstable_by_key(row);
    }
}
