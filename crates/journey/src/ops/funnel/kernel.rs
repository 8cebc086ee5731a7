//! The search for the attempt that counts, on slices of one case.
//!
//! For ordered steps it keeps, per step, the chain that reached it from the latest entry: with equal level, a later
//! entry leaves more of the window, so no other chain can get further.
//! O(rows × steps) time, O(steps²) space.

use std::ops::Range;

use super::params::{Entry, Order, Ties};

/// Bit of events that end attempts; steps use the bits below.
pub const EXCLUDED: u32 = 31;

/// How an attempt is found.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Number of steps, 1 to 30.
    pub n_steps: usize,
    /// Order of the steps.
    pub order: Order,
    /// Which attempt counts.
    pub entry: Entry,
    /// What simultaneous events count for.
    pub ties: Ties,
    /// Time from first to last step, inclusive, in microseconds.
    pub window_us: i64,
}

impl Rules {
    /// Returns the bits of the steps that an attempt can start with.
    pub fn entry_bits(&self) -> u32 {
        if self.order == Order::Any { self.step_bits() } else { 1 }
    }

    /// Returns the bits of all steps.
    pub fn step_bits(&self) -> u32 {
        (1 << self.n_steps) - 1
    }
}

/// A try at the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The row of each step reached, ascending in time, shape `[level]`; at least one.
    pub rows: &'a [usize],
    /// Until when the attempt, or a later one, can still get further; `None` when none can.
    pub can_go_on_until_us: Option<i64>,
}

/// Tells whether an attempt, given by its rows, counts instead of another one: by entry, or by level and then by entry.
fn is_better(rows: &[usize], other: &[usize], entry: Entry, time_us: &[i64]) -> bool {
    let key = |rows: &[usize]| (time_us[rows[0]], rows[0]);
    match entry {
        Entry::First => key(rows) < key(other),
        Entry::Best => (other.len(), key(rows)) < (rows.len(), key(other)),
    }
}

/// What the search writes on, kept from case to case.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The chain that reached each step, shape `[steps][steps]`.
    chains: Vec<usize>,
    /// When each chain was entered, in microseconds; [`NO_CHAIN`] where there is none. Shape `[steps]`.
    entered_us: Vec<i64>,
    /// The longest chain that there was.
    best: Vec<usize>,
}

/// Instead of an instant: no chain got so far.
const NO_CHAIN: i64 = i64::MIN;

/// Finds the attempt that counts among the rows of one case; `None` when nobody entered.
///
/// `bits[row]` says which steps a row can serve, `enters(row)` whether an attempt may start there.
pub fn best_attempt<'a>(
    rules: &Rules,
    time_us: &[i64],
    bits: &[u32],
    enters: impl Fn(usize) -> bool,
    scratch: &'a mut Scratch,
) -> Option<Attempt<'a>> {
    scratch.best.clear();
    let can_go_on_until_us = match (rules.order, rules.ties) {
        (Order::Any, _) => any_order(rules, time_us, bits, enters, &mut scratch.best),
        (Order::Ordered, Ties::Seq) => row_by_row(rules, time_us, bits, enters, scratch),
        (Order::Ordered | Order::Strict, _) => in_order(rules, time_us, bits, enters, &mut scratch.best),
    };
    let rows = &scratch.best[..];
    (!rows.is_empty()).then_some(Attempt { rows, can_go_on_until_us: can_go_on_until_us.filter(|_| rows.len() < rules.n_steps) })
}

/// Finds the attempt that counts among those whose rows all have the same value, which `value(row)` tells.
///
/// O(values of entries) times the search.
pub fn best_attempt_held<'a>(
    rules: &Rules,
    time_us: &[i64],
    bits: &[u32],
    enters: impl Fn(usize) -> bool + Copy,
    value: impl Fn(usize) -> Option<i64>,
    scratch: &'a mut Scratch,
) -> Option<Attempt<'a>> {
    let entries = (0..bits.len()).filter(|row| bits[*row] & rules.entry_bits() != 0 && enters(*row));
    let mut values: Vec<i64> = entries.filter_map(&value).collect();
    values.sort_unstable();
    values.dedup();
    let (mut best, mut can_go_on_until_us, mut latest_us) = (Vec::new(), None, None);
    for held in values {
        let of_value = |row: usize| if value(row) == Some(held) { bits[row] } else { bits[row] & 1 << EXCLUDED };
        let held_bits: Vec<u32> = (0..bits.len()).map(of_value).collect();
        let Some(found) = best_attempt(rules, time_us, &held_bits, enters, scratch) else { continue };
        latest_us = latest_us.max(found.can_go_on_until_us);
        if best.is_empty() || is_better(found.rows, &best, rules.entry, time_us) {
            best = found.rows.to_vec();
            can_go_on_until_us = found.can_go_on_until_us;
        }
    }
    if rules.entry == Entry::Best {
        // An attempt with another value may still get further.
        can_go_on_until_us = latest_us.filter(|_| best.len() < rules.n_steps);
    }
    scratch.best = best;
    (!scratch.best.is_empty()).then_some(Attempt { rows: &scratch.best, can_go_on_until_us })
}

/// The plain case, which most questions are: ordered steps, every row after the one before.
///
/// Does what [`in_order`] does, without allocating.
fn row_by_row(rules: &Rules, time_us: &[i64], bits: &[u32], enters: impl Fn(usize) -> bool, scratch: &mut Scratch) -> Option<i64> {
    let n_steps = rules.n_steps;
    let Scratch { chains, entered_us, best } = scratch;
    let first = (0..bits.len()).find(|row| bits[*row] & 1 != 0 && enters(*row))?;
    best.push(first);
    if first + 1 == bits.len() {
        return Some(time_us[first].saturating_add(rules.window_us));
    }
    chains.resize(n_steps * n_steps, 0);
    entered_us.clear();
    entered_us.resize(n_steps, NO_CHAIN);
    entered_us[0] = time_us[first];
    chains[0] = first;
    for row in first + 1..bits.len() {
        if best.len() == n_steps {
            break;
        }
        let (row_bits, now_us) = (bits[row], time_us[row]);
        if row_bits & 1 << EXCLUDED != 0 {
            entered_us.fill(NO_CHAIN);
        }
        // The last step first, so that a row moves each chain by one step.
        let mut steps = row_bits & rules.step_bits() & !1;
        while steps != 0 {
            let k = steps.ilog2() as usize;
            steps ^= 1 << k;
            let start_us = entered_us[k - 1];
            if start_us == NO_CHAIN || now_us - start_us > rules.window_us {
                continue;
            }
            if entered_us[k] < start_us {
                let (earlier, later) = chains.split_at_mut(k * n_steps);
                later.iter_mut().zip(&earlier[(k - 1) * n_steps..][..k]).for_each(|(into, from)| *into = *from);
                later[k] = row;
                entered_us[k] = start_us;
            }
            if best.len() <= k {
                best.clear();
                best.extend(&chains[k * n_steps..][..=k]);
            }
        }
        if row_bits & 1 != 0 && rules.entry == Entry::Best && enters(row) {
            chains[0] = row;
            entered_us[0] = now_us;
        }
    }
    let latest_us = entered_us.iter().copied().max().filter(|us| *us != NO_CHAIN);
    latest_us.map(|us| us.saturating_add(rules.window_us))
}

fn in_order(rules: &Rules, time_us: &[i64], bits: &[u32], enters: impl Fn(usize) -> bool, best: &mut Vec<usize>) -> Option<i64> {
    let first = bits.iter().position(|bits| bits & 1 != 0)?;
    // Rows of the same instant may stand before it, and may count where the order of rows does not.
    let first = if rules.ties == Ties::Seq { first } else { time_us.partition_point(|us| *us < time_us[first]) };
    let mut chains: Vec<Vec<usize>> = vec![Vec::new(); rules.n_steps];
    let mut entered = false;
    let mut group = first..first;
    while group.end < bits.len() {
        group = next_group(rules.ties, time_us, group.end);
        let now_us = time_us[group.start];
        let all = bits[group.clone()].iter().fold(0, |all, bits| all | bits);
        if all == 0 {
            continue;
        }
        let excluded = all & 1 << EXCLUDED != 0;
        if excluded && rules.ties == Ties::Seq {
            chains.iter_mut().for_each(Vec::clear);
        }
        let may_enter = |row: usize, entered: bool| bits[row] & 1 != 0 && (rules.entry == Entry::Best || !entered) && enters(row);
        let mut moved = 0_u32;
        if rules.ties == Ties::Optimistic && group.len() > 1 {
            let usable = |row: usize| if may_enter(row, entered) { bits[row] } else { bits[row] & !1 };
            let group_bits: Vec<u32> = group.clone().map(usable).collect();
            moved = take_at_once(rules, time_us, group.start, &group_bits, &mut chains);
            entered |= group_bits.iter().any(|bits| bits & 1 != 0);
        } else {
            for k in (1..rules.n_steps).rev() {
                let (before, from) = chains.split_at_mut(k);
                let (previous, current) = (&before[k - 1], &mut from[0]);
                if previous.first().is_none_or(|start| now_us - time_us[*start] > rules.window_us) {
                    continue;
                }
                let Some(row) = group.clone().find(|row| bits[*row] >> k & 1 != 0) else { continue };
                moved |= 1 << k;
                if rules.order == Order::Strict || is_later(time_us, previous, current) {
                    current.clone_from(previous);
                    current.push(row);
                }
            }
            if let Some(row) = group.clone().find(|row| may_enter(*row, entered)) {
                entered = true;
                moved |= 1;
                chains[0].clear();
                chains[0].push(row);
            }
        }
        if rules.order == Order::Strict && all & rules.step_bits() != 0 {
            // Another step came between: chains that did not move are over.
            chains.iter_mut().enumerate().filter(|(k, _)| moved >> k & 1 == 0).for_each(|(_, chain)| chain.clear());
        }
        if let Some(furthest) = chains.iter().rev().find(|chain| chain.len() > best.len()) {
            best.clone_from(furthest);
        }
        if excluded && rules.ties != Ties::Seq {
            chains.iter_mut().filter(|chain| chain.first().is_some_and(|row| time_us[*row] < now_us)).for_each(Vec::clear);
        }
        if best.len() == rules.n_steps {
            break;
        }
    }
    let latest_us = chains.iter().filter_map(|chain| chain.first()).map(|row| time_us[*row]).max();
    latest_us.map(|us| us.saturating_add(rules.window_us))
}

/// Tells whether a chain has a later entry than the one that is known for its level.
fn is_later(time_us: &[i64], chain: &[usize], known: &[usize]) -> bool {
    known.first().is_none_or(|known| time_us[*known] < time_us[chain[0]])
}

/// Takes all steps that simultaneous rows allow, in whatever order of these rows gets furthest; returns the bits of the
/// steps reached.
///
/// `group_bits` are the bits of the rows from `start` on, without the first step where an attempt may not start.
/// O(steps³ × rows²); instants with several rows of a person are few and small.
fn take_at_once(rules: &Rules, time_us: &[i64], start: usize, group_bits: &[u32], chains: &mut [Vec<usize>]) -> u32 {
    let before = chains.to_vec();
    let mut moved = 0;
    for from in 0..rules.n_steps {
        let base: &[usize] = if from == 0 { &[] } else { &before[from - 1] };
        if from > 0 && base.first().is_none_or(|first| time_us[start] - time_us[*first] > rules.window_us) {
            continue;
        }
        for level in from + 1..=rules.n_steps {
            let steps = (1 << level) - (1 << from);
            let mut row_of_step = vec![None; rules.n_steps];
            let serves = |row: &usize| serve(group_bits, *row, steps, &mut row_of_step);
            if (0..group_bits.len()).filter(serves).count() < level - from {
                break;
            }
            let served = row_of_step[from..level].iter().flatten().map(|row| start + row);
            let chain: Vec<usize> = base.iter().copied().chain(served).collect();
            let known = &mut chains[level - 1];
            // In strict order a chain from before is over, and must not stand in the way.
            let is_over = rules.order == Order::Strict && moved >> (level - 1) & 1 == 0;
            moved |= 1 << (level - 1);
            if is_over || is_later(time_us, &chain, known) {
                *known = chain;
            }
        }
    }
    moved
}

/// Gives a row to one of `steps` that it can serve, moving other rows to other steps where that makes room.
///
/// Source: Kuhn 1955, augmenting paths: after each row as many steps as possible are served. O(steps²).
fn serve(bits: &[u32], row: usize, steps: u32, row_of_step: &mut [Option<usize>]) -> bool {
    fn place(bits: &[u32], row: usize, untried: &mut u32, row_of_step: &mut [Option<usize>]) -> bool {
        loop {
            let k = (bits[row] & *untried).trailing_zeros();
            if k == u32::BITS {
                return false;
            }
            *untried &= !(1 << k);
            let known = row_of_step[k as usize];
            if known.is_none_or(|known| place(bits, known, untried, row_of_step)) {
                row_of_step[k as usize] = Some(row);
                return true;
            }
        }
    }
    place(bits, row, &mut steps.clone(), row_of_step)
}

/// Returns the rows that are looked at together: one, or all of one instant.
fn next_group(ties: Ties, time_us: &[i64], start: usize) -> Range<usize> {
    match ties {
        Ties::Seq => start..start + 1,
        Ties::Strict | Ties::Optimistic => start..start + time_us[start..].iter().take_while(|time| **time == time_us[start]).count(),
    }
}

fn any_order(rules: &Rules, time_us: &[i64], bits: &[u32], enters: impl Fn(usize) -> bool, best: &mut Vec<usize>) -> Option<i64> {
    let mut latest_us = None;
    let mut rows = Vec::new();
    let mut row_of_step = vec![None; rules.n_steps];
    for start in 0..bits.len() {
        if bits[start] & rules.step_bits() == 0 || !enters(start) {
            continue;
        }
        let ends_us = time_us[start].saturating_add(rules.window_us);
        let mut excluded = false;
        rows.clear();
        row_of_step.fill(None);
        for row in start..bits.len() {
            excluded = row > start && bits[row] & 1 << EXCLUDED != 0;
            if time_us[row] > ends_us || excluded {
                break;
            }
            if serve(bits, row, rules.step_bits(), &mut row_of_step) {
                rows.push(row);
            }
        }
        if !excluded {
            latest_us = Some(ends_us);
        }
        if best.len() < rows.len() {
            best.clone_from(&rows);
        }
        if rules.entry == Entry::First || best.len() == rules.n_steps {
            break;
        }
    }
    latest_us
}
