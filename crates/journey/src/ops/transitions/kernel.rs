//! Counting of pairs, row by row of the matrix that they make, and the edges whose times are kept.

use std::borrow::Cow;

use diptych_event::index::{Index, RowsInParts};
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

/// What a row leads to.
#[derive(Debug, Clone, Copy)]
struct Later {
    /// Code of the later name, [`END`] or [`OPEN`]; [`NOTHING`] where the row is in no case.
    to: u32,
    /// Number of the actor.
    actor: u32,
}

/// No pair leads to the start.
const NOTHING: u32 = START;

/// Pairs that wait until they are counted: so many that with a million edges each row of the table is fetched once for
/// many of them.
const WAITING: usize = 1 << 22;

/// Pairs of one row of the table that wait, at the most, before those of another part of a shard are put to them.
const WAITING_OF_ROW: usize = 1 << 10;

/// Rows of timelines that are looked at together, name by name: so few that what they lead to stays in the caches.
pub const ROWS_AT_ONCE: usize = 1 << 18;

/// Counts of pairs.
///
/// Useful for: millions of additions, actor by actor.
/// Not useful for: looking up one edge.
/// A dense matrix would need 5,000² cells per group, and with a million edges a slot of one hash table is seldom in the
/// caches. So pairs wait until they are many, and are counted row by row of the matrix, each a small table. Where whole
/// cases are counted, the index of names has the rows of the timelines in that order already; else pairs are sorted.
#[derive(Debug, Clone, Default)]
pub struct PairTable {
    waiting: Vec<NewPair>,
    /// By [`row_idx`] of the earlier name; empty before pairs are counted.
    rows: Vec<Row>,
}

/// The edges out of one name.
#[derive(Debug, Clone, Default)]
struct Row {
    counts: Counts,
    n_edges: usize,
    /// Pairs that are not counted yet: all that some actors have of this row.
    waiting: Vec<Later>,
}

#[derive(Debug, Clone)]
enum Counts {
    /// An open-addressing table of edges, shape `[power of two]`, at most half of it used; empty before the first pair is
    /// counted.
    Few(Vec<Slot>),
    /// By [`row_idx`] of the later node, where a table would take more memory.
    Many {
        /// Pairs.
        n: Vec<u64>,
        /// Distinct actors.
        people: Vec<u32>,
    },
}

impl Default for Counts {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
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

    fn grow_to(&mut self, n_rows: usize) {
        if self.rows.len() < n_rows {
            self.rows.resize_with(n_rows, Row::default);
        }
    }

    /// Adds counts of other actors. O(edges).
    pub fn merge(&mut self, mut other: PairTable) {
        self.settle();
        other.settle();
        self.waiting = Vec::new();
        if self.rows.len() < other.rows.len() {
            std::mem::swap(&mut self.rows, &mut other.rows);
        }
        let n_nodes = self.rows.len();
        self.rows.iter_mut().zip(other.rows).for_each(|(row, other)| row.merge(other, n_nodes));
    }

    /// Counts the pairs that wait. O(pairs + names).
    #[cold]
    pub fn settle(&mut self) {
        let mut tally = RowTally::default();
        self.rows.iter_mut().for_each(|row| row.settle(&mut tally));
        if self.waiting.is_empty() {
            return;
        }
        // Where the pairs of each earlier name begin once they are in its order.
        let n_rows = self.waiting.iter().map(|pair| row_idx(pair.from)).max().map_or(0, |last| last + 1);
        let mut next = vec![0_u32; n_rows + 1];
        self.waiting.iter().for_each(|pair| next[row_idx(pair.from) + 1] += 1);
        (1..next.len()).for_each(|idx| next[idx] += next[idx - 1]);
        let mut of_rows = vec![Later { to: NOTHING, actor: 0 }; self.waiting.len()];
        for pair in self.waiting.drain(..) {
            let place = &mut next[row_idx(pair.from)];
            of_rows[*place as usize] = Later { to: pair.to, actor: pair.actor };
            *place += 1;
        }
        self.grow_to(n_rows);
        let mut start = 0;
        for (row, end) in self.rows.iter_mut().zip(next) {
            tally.count(&of_rows[start..end as usize]);
            tally.add_to(row);
            start = end as usize;
        }
    }

    /// Returns the table with no pair waiting. O(names) where none does.
    pub fn settled(&self) -> Cow<'_, PairTable> {
        if self.waiting.is_empty() && self.rows.iter().all(|row| row.waiting.is_empty()) {
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
        self.rows.iter().map(|row| row.n_edges as u64).sum()
    }

    /// Returns the bytes that it takes. O(names).
    pub fn size_bytes(&self) -> usize {
        let of_row = |row: &Row| row.counts.size_bytes() + size_of::<Later>() * row.waiting.capacity();
        let rows = self.rows.iter().map(of_row).sum::<usize>() + size_of::<Row>() * self.rows.capacity();
        rows + size_of::<NewPair>() * self.waiting.capacity()
    }
}

/// Counts of the cases of one shard, by the rows of each name.
///
/// What rows lead to is laid out for some actors, and then read in the order of the earlier name, as the index has it:
/// pairs are not sorted.
pub struct ByName<'a> {
    table: &'a mut PairTable,
    parts: RowsInParts<'a>,
    tally: RowTally,
    /// What each row from `first_row` on leads to.
    later: Vec<Later>,
    first_row: usize,
    /// The first events of the cases laid out.
    starts: Vec<Later>,
}

impl<'a> ByName<'a> {
    /// Begins a shard.
    pub fn new(table: &'a mut PairTable, index: Index<'a>) -> Self {
        let parts = RowsInParts::new(index);
        table.grow_to(row_idx(parts.n_names()));
        Self { table, parts, tally: RowTally::default(), later: Vec::new(), first_row: 0, starts: Vec::new() }
    }

    /// Adds a case, from the start to its first event and from its last one to `end`. O(names).
    ///
    /// `names` are those of its rows, at least one, from `row` on; cases come in the order of their rows.
    #[inline]
    pub fn add_case<C: Code>(&mut self, actor: u32, row: usize, names: &[C], end: u32) {
        // All pairs of an actor are counted together, so that nobody is counted twice.
        if self.later.len() >= ROWS_AT_ONCE && self.starts.last().is_some_and(|last| last.actor != actor) {
            self.count();
        }
        let later = |to: u32| Later { to, actor };
        self.starts.push(later(names[0].code()));
        self.later.resize(row - self.first_row, later(NOTHING));
        self.later.extend(names[1..].iter().map(|name| later(name.code())));
        self.later.push(later(end));
    }

    /// Counts the cases that were laid out. O(their rows + names).
    pub fn count(&mut self) {
        let Some(from_start) = self.table.rows.get_mut(row_idx(START)) else { return };
        from_start.add(&mut self.tally, self.starts.drain(..));
        let end = self.first_row + self.later.len();
        for name in 0..self.parts.n_names() {
            let rows = self.parts.of_name(name, end).iter();
            let later = rows.map(|row| self.later[*row as usize - self.first_row]);
            self.table.rows[row_idx(name)].add(&mut self.tally, later);
        }
        self.later.clear();
        self.first_row = end;
    }
}

/// Counts of the pairs of one row while they are counted, with a cell for every later node: small enough for the caches.
#[derive(Default)]
struct RowTally {
    /// By [`row_idx`] of the later node; all [`NO_PAIRS`] between rows.
    cells: Vec<Cell>,
    /// Later nodes with a pair, and room for one more than there are cells.
    counted: Vec<u32>,
    n_counted: usize,
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
    /// Counts pairs of one row. O(pairs).
    fn count(&mut self, pairs: &[Later]) {
        let n_nodes = pairs.iter().map(|pair| row_idx(pair.to)).max().map_or(0, |last| last + 1);
        if self.cells.len() < n_nodes {
            self.cells.resize(n_nodes, NO_PAIRS);
            self.counted.resize(n_nodes + 1, NOTHING);
        }
        for pair in pairs {
            let cell = &mut self.cells[row_idx(pair.to)];
            // Written always and kept if it is the first, because which one is cannot be foreseen.
            self.counted[self.n_counted] = pair.to;
            self.n_counted += usize::from(cell.n == 0);
            cell.n += 1;
            cell.people += u32::from(cell.last_actor != pair.actor);
            cell.last_actor = pair.actor;
        }
    }

    /// Adds the counts to those of earlier pairs, whose actors were others, and begins anew. O(edges counted).
    fn add_to(&mut self, row: &mut Row) {
        for to in &self.counted[..self.n_counted] {
            let cell = std::mem::replace(&mut self.cells[row_idx(*to)], NO_PAIRS);
            row.add_counts(Slot { to: *to, people: cell.people, n: u64::from(cell.n) }, self.cells.len());
        }
        self.n_counted = 0;
    }
}

impl Row {
    /// Adds what rows lead to, with all pairs of their actors; counts them when many wait. O(pairs).
    fn add(&mut self, tally: &mut RowTally, pairs: impl Iterator<Item = Later>) {
        self.waiting.extend(pairs);
        if self.waiting.len() >= WAITING_OF_ROW {
            self.settle(tally);
        }
    }

    /// Counts the pairs that wait.
    fn settle(&mut self, tally: &mut RowTally) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|pair| pair.to != NOTHING);
        tally.count(&waiting);
        tally.add_to(self);
        waiting.clear();
        // Memory that one row needs again and again is kept, that of a large one is not.
        if waiting.capacity() <= 2 * WAITING_OF_ROW {
            self.waiting = waiting;
        }
    }

    /// Adds counts of other actors. O(edges).
    fn merge(&mut self, mut other: Row, n_nodes: usize) {
        if self.n_edges < other.n_edges {
            std::mem::swap(self, &mut other);
        }
        // With room for all: keys that come in the order of another table would otherwise crowd one part of this one.
        self.grow_to(self.n_edges + other.n_edges, n_nodes);
        other.counts.each(|slot| self.add_counts(slot, n_nodes));
    }

    fn edges(&self, from: u32) -> impl Iterator<Item = Edge> + '_ {
        let mut edges = Vec::with_capacity(self.n_edges);
        self.counts.each(|slot| edges.push(Edge { from, to: slot.to, n: slot.n, people: u64::from(slot.people) }));
        edges.into_iter()
    }

    /// Adds the counts of one edge, of which there is at least one pair, in a matrix of `n_nodes` at the least. O(1).
    #[inline]
    fn add_counts(&mut self, counts: Slot, n_nodes: usize) {
        match &mut self.counts {
            Counts::Many { n, people } => {
                let idx = row_idx(counts.to);
                if n.len() <= idx {
                    n.resize(idx + 1, 0);
                    people.resize(idx + 1, 0);
                }
                self.n_edges += usize::from(n[idx] == 0);
                n[idx] += counts.n;
                people[idx] += counts.people;
            }
            Counts::Few(slots) => {
                let idx = if slots.is_empty() { None } else { Some(seek(slots, counts.to)) };
                if let Some(slot) = idx.map(|idx| &mut slots[idx]).filter(|slot| slot.to != FREE) {
                    slot.n += counts.n;
                    slot.people += counts.people;
                } else {
                    self.insert(idx, counts, n_nodes);
                }
            }
        }
    }

    /// Adds an edge that is new, whose free place is known where there is one.
    #[cold]
    fn insert(&mut self, idx: Option<usize>, counts: Slot, n_nodes: usize) {
        let moved = self.grow_to(self.n_edges + 1, n_nodes);
        let Counts::Few(slots) = &mut self.counts else { return self.add_counts(counts, n_nodes) };
        let idx = idx.filter(|_| !moved).unwrap_or_else(|| seek(slots, counts.to));
        slots[idx] = counts;
        self.n_edges += 1;
    }

    /// Makes room for some edges, in the way that takes less memory; tells whether counts were moved.
    fn grow_to(&mut self, n_edges: usize, n_nodes: usize) -> bool {
        let Counts::Few(slots) = &mut self.counts else { return false };
        let n_slots = (2 * n_edges).next_power_of_two();
        if n_slots <= slots.len() {
            return false;
        }
        let before = std::mem::take(slots);
        let used = before.into_iter().filter(|slot| slot.to != FREE);
        if size_of::<Slot>() * n_slots < (size_of::<u64>() + size_of::<u32>()) * n_nodes {
            *slots = vec![FREE_SLOT; n_slots];
            for slot in used {
                let idx = seek(slots, slot.to);
                slots[idx] = slot;
            }
        } else {
            self.counts = Counts::Many { n: vec![0; n_nodes], people: vec![0; n_nodes] };
            self.n_edges = 0;
            used.for_each(|slot| self.add_counts(slot, n_nodes));
        }
        true
    }
}

impl Counts {
    /// Calls `take` with the counts of each edge, in no order. O(slots or nodes).
    fn each(&self, mut take: impl FnMut(Slot)) {
        match self {
            Counts::Few(slots) => slots.iter().filter(|slot| slot.to != FREE).for_each(|slot| take(*slot)),
            Counts::Many { n, people } => {
                let nodes = (0_u32..).map(|idx| idx.wrapping_sub(N_ARTIFICIAL));
                let used = nodes.zip(n).zip(people).filter(|((_, n), _)| **n > 0);
                used.for_each(|((to, n), people)| take(Slot { to, people: *people, n: *n }));
            }
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Counts::Few(slots) => size_of::<Slot>() * slots.capacity(),
            Counts::Many { n, people } => size_of::<u64>() * n.capacity() + size_of::<u32>() * people.capacity(),
        }
    }
}

/// Returns the position of a later name in a table, or the free one where it belongs.
#[inline]
fn seek(slots: &[Slot], to: u32) -> usize {
    let mask = slots.len() - 1;
    // Fibonacci hashing: the highest bits of the product lay numbers next to each other far apart.
    let hash = u64::from(to).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut idx = (hash >> 1 >> (u64::BITS - 1 - slots.len().trailing_zeros())) as usize;
    while slots[idx].to != to && slots[idx].to != FREE {
        idx = (idx + 1) & mask;
    }
    idx
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
/// Instead of a position: the edge is not timed.
pub const NO_POSITION: u16 = u16::MAX;

/// The positions of timed edges, looked up without a branch.
#[derive(Debug)]
pub struct Positions {
    /// Where the cells of each name begin; the first ones, which are of no edge, stand for all names without any.
    row_of_name: Vec<u32>,
    /// Shape `[1 + names with an edge][names]`.
    table: Vec<u16>,
}

impl Positions {
    /// Returns the positions of the edges out of a name, by the code of the later name; [`NO_POSITION`] where there is none.
    pub fn of(&self, from: u32) -> &[u16] {
        let start = self.row_of_name[from as usize] as usize;
        &self.table[start..start + self.row_of_name.len()]
    }
}
