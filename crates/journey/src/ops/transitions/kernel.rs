//! Counting of pairs, row by row of the matrix that they make, and the edges whose times are kept.

use std::borrow::Cow;

use diptych_event::timeline::Code;
use serde::{Serialize, Serializer};

/// The beginning of a case.
pub const START: u32 = u32::MAX;
/// The end of a case.
pub const END: u32 = u32::MAX - 1;
/// The end of what was observed of a case that may go on.
pub const OPEN: u32 = u32::MAX - 2;

/// Counts of one edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// Code of the earlier name, or [`START`].
    pub from: u32,
    /// Code of the later name, [`END`] or [`OPEN`].
    pub to: u32,
    /// Pairs.
    pub n: u64,
    /// Distinct actors.
    pub people: u64,
}

/// A pair on its way into the table.
#[derive(Debug, Clone, Copy)]
pub struct NewPair {
    /// Code of the earlier name, or [`START`].
    pub from: u32,
    /// Code of the later name, [`END`] or [`OPEN`].
    pub to: u32,
    /// Number of the actor.
    pub actor: u32,
}

/// Pairs that wait until they are counted: so many that with a million edges each row of the table is fetched once for
/// many of them.
const WAITING: usize = 1 << 22;

/// Counts of pairs.
///
/// Useful for: millions of additions, actor by actor.
/// Not useful for: looking up one edge.
/// A dense matrix would need 5,000² cells per group, and with a million edges a slot of one hash table is seldom in the
/// caches. So pairs wait until they are many, and are counted row by row of the matrix, each a small table.
#[derive(Debug, Clone, Default)]
pub struct PairTable {
    waiting: Vec<NewPair>,
    /// By [`row_idx`] of the earlier name; empty before pairs are counted.
    rows: Vec<Row>,
}

/// The edges out of one name, in an open-addressing table.
#[derive(Debug, Clone, Default)]
struct Row {
    /// Shape `[power of two]`, at most half of it used; empty before the first pair is counted.
    slots: Vec<Slot>,
    n_used: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    to: u32,
    people: u32,
    n: u64,
}

/// No pair leads to the start.
const FREE: u32 = START;
const FREE_SLOT: Slot = Slot { to: FREE, people: 0, n: 0 };

/// Returns the place of a node: the artificial ones, whose codes are the highest, come first.
fn row_idx(from: u32) -> usize {
    from.wrapping_add(N_ARTIFICIAL) as usize
}

const N_ARTIFICIAL: u32 = 3;

impl PairTable {
    /// Counts a pair; the pairs of one actor must come together. O(1).
    #[inline]
    pub fn add(&mut self, pair: NewPair) {
        // Those of one actor are counted together, so that nobody is counted twice.
        if self.waiting.len() >= WAITING && self.waiting.last().is_some_and(|last| last.actor != pair.actor) {
            self.settle();
        }
        self.waiting.push(pair);
    }

    /// Counts the pairs of a case with at least one event, from the start to the first and from the last to `end`. O(names).
    #[inline]
    pub fn add_case<C: Code>(&mut self, actor: u32, names: &[C], end: u32) {
        let pair = |from: u32, to: u32| NewPair { from, to, actor };
        self.add(pair(START, names[0].code()));
        self.waiting.extend(names.windows(2).map(|names| pair(names[0].code(), names[1].code())));
        self.waiting.push(pair(names[names.len() - 1].code(), end));
    }

    /// Adds counts of other actors. O(slots).
    pub fn merge(&mut self, mut other: PairTable) {
        self.settle();
        other.settle();
        self.waiting = Vec::new();
        if self.rows.len() < other.rows.len() {
            std::mem::swap(&mut self.rows, &mut other.rows);
        }
        self.rows.iter_mut().zip(other.rows).for_each(|(row, other)| row.merge(other));
    }

    /// Counts the pairs that wait. O(pairs + names).
    #[cold]
    pub fn settle(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        // Where the pairs of each earlier name begin once they are in its order.
        let n_rows = self.waiting.iter().map(|pair| row_idx(pair.from)).max().map_or(0, |last| last + 1);
        let mut next = vec![0_u32; n_rows + 1];
        self.waiting.iter().for_each(|pair| next[row_idx(pair.from) + 1] += 1);
        (1..next.len()).for_each(|idx| next[idx] += next[idx - 1]);
        let mut of_rows = vec![(0_u32, 0_u32); self.waiting.len()];
        for pair in self.waiting.drain(..) {
            let place = &mut next[row_idx(pair.from)];
            of_rows[*place as usize] = (pair.to, pair.actor);
            *place += 1;
        }
        if self.rows.len() < n_rows {
            self.rows.resize_with(n_rows, Row::default);
        }
        let n_nodes = of_rows.iter().map(|(to, _)| row_idx(*to)).max().map_or(0, |last| last + 1);
        let mut tally = RowTally { cells: vec![NO_PAIRS; n_nodes], counted: Vec::new() };
        let mut start = 0;
        for (row, end) in self.rows.iter_mut().zip(next) {
            tally.count(&of_rows[start..end as usize]);
            tally.add_to(row);
            start = end as usize;
        }
    }

    /// Returns the table with no pair waiting. O(1) where none does.
    pub fn settled(&self) -> Cow<'_, PairTable> {
        if self.waiting.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut settled = self.clone();
        settled.settle();
        Cow::Owned(settled)
    }

    /// Walks the edges, in no order; pairs that wait are in none.
    pub fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        (0_u32..).zip(&self.rows).flat_map(|(idx, row)| row.edges(idx.wrapping_sub(N_ARTIFICIAL)))
    }

    /// Returns the number of edges; pairs that wait are in none. O(names).
    pub fn n_edges(&self) -> u64 {
        self.rows.iter().map(|row| row.n_used as u64).sum()
    }

    /// Returns the bytes that it takes. O(names).
    pub fn size_bytes(&self) -> usize {
        let slots: usize = self.rows.iter().map(|row| row.slots.capacity()).sum();
        size_of::<Slot>() * slots + size_of::<Row>() * self.rows.capacity() + size_of::<NewPair>() * self.waiting.capacity()
    }
}

/// Counts of the pairs of one row while they are counted, with a cell for every later node: small enough for the caches.
struct RowTally {
    /// By [`row_idx`] of the later node; all [`NO_PAIRS`] between rows.
    cells: Vec<Cell>,
    /// Later nodes with a pair.
    counted: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Cell {
    n: u32,
    people: u32,
    last_actor: u32,
}

const NO_PAIRS: Cell = Cell { n: 0, people: 0, last_actor: NOBODY };
const NOBODY: u32 = u32::MAX;

impl RowTally {
    /// Counts pairs, given by the later node and the actor. O(pairs).
    fn count(&mut self, pairs: &[(u32, u32)]) {
        for (to, actor) in pairs {
            let cell = &mut self.cells[row_idx(*to)];
            if cell.n == 0 {
                self.counted.push(*to);
            }
            cell.n += 1;
            cell.people += u32::from(cell.last_actor != *actor);
            cell.last_actor = *actor;
        }
    }

    /// Adds the counts to those of earlier pairs, whose actors were others, and begins anew. O(edges counted).
    fn add_to(&mut self, row: &mut Row) {
        for to in self.counted.drain(..) {
            let cell = std::mem::replace(&mut self.cells[row_idx(to)], NO_PAIRS);
            let slot = row.slot(to);
            slot.n += u64::from(cell.n);
            slot.people += cell.people;
        }
    }
}

impl Row {
    fn merge(&mut self, mut other: Row) {
        if self.slots.len() < other.slots.len() {
            std::mem::swap(self, &mut other);
        }
        if other.n_used == 0 {
            return;
        }
        // With room for all: keys that come in the order of another table would otherwise crowd one part of this one.
        self.grow_to(self.n_used + other.n_used);
        for theirs in other.slots.iter().filter(|slot| slot.to != FREE) {
            let slot = self.slot(theirs.to);
            slot.n += theirs.n;
            slot.people += theirs.people;
        }
    }

    fn edges(&self, from: u32) -> impl Iterator<Item = Edge> + '_ {
        let used = self.slots.iter().filter(|slot| slot.to != FREE);
        used.map(move |slot| Edge { from, to: slot.to, n: slot.n, people: u64::from(slot.people) })
    }

    /// Returns the slot of a later name, taking a free one where there is none.
    #[inline]
    fn slot(&mut self, to: u32) -> &mut Slot {
        self.grow_to(1);
        let mut idx = self.seek(to);
        if self.slots[idx].to == FREE {
            idx = self.insert(idx, to);
        }
        &mut self.slots[idx]
    }

    /// Returns the position of a later name, or the free one where it belongs.
    #[inline]
    fn seek(&self, to: u32) -> usize {
        let mask = self.slots.len() - 1;
        // Fibonacci hashing: the highest bits of the product lay numbers next to each other far apart.
        let hash = u64::from(to).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut idx = (hash >> 1 >> (u64::BITS - 1 - self.slots.len().trailing_zeros())) as usize;
        while self.slots[idx].to != to && self.slots[idx].to != FREE {
            idx = (idx + 1) & mask;
        }
        idx
    }

    #[cold]
    fn insert(&mut self, idx: usize, to: u32) -> usize {
        self.n_used += 1;
        let idx = if self.grow_to(self.n_used) { self.seek(to) } else { idx };
        self.slots[idx] = Slot { to, ..FREE_SLOT };
        idx
    }

    /// Makes room for some names; tells whether slots were moved.
    #[inline]
    fn grow_to(&mut self, n_used: usize) -> bool {
        let n_slots = (2 * n_used).next_power_of_two();
        if n_slots <= self.slots.len() {
            return false;
        }
        for slot in std::mem::replace(&mut self.slots, vec![FREE_SLOT; n_slots]) {
            if slot.to != FREE {
                let to = self.seek(slot.to);
                self.slots[to] = slot;
            }
        }
        true
    }
}

impl Serialize for PairTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut edges: Vec<Edge> = self.settled().edges().collect();
        edges.sort_unstable_by_key(|edge| (edge.from, edge.to));
        edges.serialize(serializer)
    }
}

/// Edges whose times are kept, found in a few steps.
#[derive(Debug, Clone)]
pub struct Timed {
    /// Ascending by codes.
    edges: Vec<(u32, u32)>,
    /// Where the edges out of each name begin, shape `[names + 1]`.
    starts: Vec<u32>,
}

impl Timed {
    /// Makes the edges, between events with codes below `n_names`. O(edges log edges + names).
    pub fn new(mut edges: Vec<(u32, u32)>, n_names: usize) -> Self {
        edges.sort_unstable();
        edges.dedup();
        let starts = (0..=n_names as u32).map(|from| edges.partition_point(|edge| edge.0 < from) as u32).collect();
        Self { edges, starts }
    }

    /// Returns the number of edges.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Walks the names that a timed edge leaves, ascending.
    pub fn earlier_names(&self) -> impl Iterator<Item = u32> + Clone + '_ {
        (0..).zip(self.starts.windows(2)).filter(|(_, pair)| pair[0] < pair[1]).map(|(name, _)| name)
    }

    /// Returns a table of the positions; `None` where it would be too large for the caches. O(names × names with an edge).
    pub fn positions(&self) -> Option<Positions> {
        let n_names = self.starts.len() - 1;
        let mut row_of_name = vec![0; n_names];
        let mut table = vec![NO_POSITION; n_names];
        for (name, pair) in self.starts.windows(2).enumerate().filter(|(_, pair)| pair[0] < pair[1]) {
            row_of_name[name] = table.len() as u32;
            table.resize(table.len() + n_names, NO_POSITION);
            if table.len() > POSITIONS_MAX {
                return None;
            }
            for position in pair[0]..pair[1] {
                table[row_of_name[name] as usize + self.edges[position as usize].1 as usize] = u16::try_from(position).ok()?;
            }
        }
        Some(Positions { row_of_name, table })
    }

    /// Returns the position of an edge between events. O(log timed edges out of `from`).
    #[inline]
    pub fn position(&self, from: u32, to: u32) -> Option<usize> {
        let (start, end) = (self.starts[from as usize] as usize, self.starts[from as usize + 1] as usize);
        self.edges[start..end].binary_search_by_key(&to, |edge| edge.1).ok().map(|idx| start + idx)
    }
}

/// Most cells of a table of positions: 1 MiB.
const POSITIONS_MAX: usize = 1 << 19;
const NO_POSITION: u16 = u16::MAX;

/// The positions of timed edges, looked up without a branch.
#[derive(Debug)]
pub struct Positions {
    /// Where the cells of each name begin; the first ones, which are of no edge, stand for all names without any.
    row_of_name: Vec<u32>,
    /// Shape `[1 + names with an edge][names]`.
    table: Vec<u16>,
}

impl Positions {
    /// Returns what [`Timed::position`] does. O(1).
    #[inline]
    pub fn get(&self, from: u32, to: u32) -> Option<usize> {
        let position = self.table[self.row_of_name[from as usize] as usize + to as usize];
        (position != NO_POSITION).then_some(position as usize)
    }
}
