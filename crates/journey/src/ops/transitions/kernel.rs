//! Counting of pairs in an open-addressing table, and the edges whose times are kept.

use serde::{Serialize, Serializer};

/// The beginning of a case.
pub const START: u32 = u32::MAX;
/// The end of a case.
pub const END: u32 = u32::MAX - 1;
/// The end of what was observed of a case that may go on.
pub const OPEN: u32 = u32::MAX - 2;

/// Counts of one edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// `from` in the high half, `to` in the low one.
    key: u64,
    n: u64,
    people: u32,
    last_actor: u32,
}

/// No pair has this key: nothing leads from the start to the start.
const FREE: u64 = u64::MAX;
const NOBODY: u32 = u32::MAX;
const FREE_SLOT: Slot = Slot { key: FREE, n: 0, people: 0, last_actor: NOBODY };

/// Parts of a table: so many that with a million edges one of them is in the caches of a core.
const PARTS: usize = 128;
/// Pairs that wait for their part to be fetched.
const WAITING: usize = 1 << 11;

/// Counts of pairs.
///
/// Useful for: millions of additions, actor by actor.
/// Not useful for: lookups in order.
/// A dense matrix would need 5,000² cells per group, and with a million edges a slot of one table is seldom in the caches.
/// So the table has parts, and pairs wait until there are many for one part.
#[derive(Debug, Clone, Default)]
pub struct PairTable {
    /// By the earlier name; empty before the first pair.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Default)]
struct Part {
    waiting: Vec<NewPair>,
    /// Shape `[power of two]`, at most three quarters of it used; empty before the first pair is counted.
    slots: Vec<Slot>,
    n_used: usize,
}

impl PairTable {
    /// Counts a pair; the pairs of one actor must come together. O(1).
    #[inline]
    pub fn add(&mut self, pair: NewPair) {
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, Part::default);
        }
        // Fibonacci hashing: the high bits of the product depend on all bits of the code.
        let part = &mut self.parts[(pair.from.wrapping_mul(0x9E37_79B9) >> (u32::BITS - PARTS.ilog2())) as usize];
        part.waiting.push(pair);
        if part.waiting.len() == WAITING {
            part.settle();
        }
    }

    /// Adds counts of other actors. O(slots).
    pub fn merge(&mut self, other: PairTable) {
        if self.parts.is_empty() {
            *self = other;
            return;
        }
        self.parts.iter_mut().zip(other.parts).for_each(|(part, other)| part.merge(other));
    }

    /// Returns the edges, in no order. O(slots + pairs that wait).
    pub fn edges(&self) -> Vec<Edge> {
        self.parts.iter().flat_map(Part::edges).collect()
    }

    /// Returns the bytes that it takes.
    pub fn size_bytes(&self) -> usize {
        let of_part = |part: &Part| size_of::<Slot>() * part.slots.capacity() + size_of::<NewPair>() * part.waiting.capacity();
        self.parts.iter().map(of_part).sum::<usize>() + size_of::<Part>() * self.parts.capacity()
    }
}

impl Part {
    /// Counts the pairs that wait. O(pairs).
    #[cold]
    fn settle(&mut self) {
        self.grow_to(self.n_used + 1);
        let mut waiting = std::mem::take(&mut self.waiting);
        for pair in waiting.drain(..) {
            let slot = self.slot(u64::from(pair.from) << 32 | u64::from(pair.to));
            slot.n += 1;
            slot.people += u32::from(slot.last_actor != pair.actor);
            slot.last_actor = pair.actor;
        }
        self.waiting = waiting;
    }

    fn merge(&mut self, mut other: Part) {
        self.settle();
        other.settle();
        self.waiting = Vec::new();
        if self.slots.len() < other.slots.len() {
            std::mem::swap(self, &mut other);
        }
        // With room for all: keys that come in the order of another table would otherwise crowd one part of this one.
        self.grow_to(self.n_used + other.n_used);
        for theirs in other.slots.iter().filter(|slot| slot.key != FREE) {
            let slot = self.slot(theirs.key);
            slot.n += theirs.n;
            slot.people += theirs.people;
        }
    }

    fn edges(&self) -> Vec<Edge> {
        if !self.waiting.is_empty() {
            let mut settled = self.clone();
            settled.settle();
            return settled.edges();
        }
        let used = self.slots.iter().filter(|slot| slot.key != FREE);
        let edge = |slot: &Slot| Edge { from: (slot.key >> 32) as u32, to: slot.key as u32, n: slot.n, people: u64::from(slot.people) };
        used.map(edge).collect()
    }

    /// Returns the slot of a key, taking a free one where there is none.
    #[inline]
    fn slot(&mut self, key: u64) -> &mut Slot {
        let mut idx = self.seek(key);
        if self.slots[idx].key == FREE {
            idx = self.insert(idx, key);
        }
        &mut self.slots[idx]
    }

    /// Returns the position of the key, or the free one where it belongs.
    #[inline]
    fn seek(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let hash = (key ^ key >> 29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut idx = (hash >> 32) as usize & mask;
        while self.slots[idx].key != key && self.slots[idx].key != FREE {
            idx = (idx + 1) & mask;
        }
        idx
    }

    #[cold]
    fn insert(&mut self, idx: usize, key: u64) -> usize {
        self.n_used += 1;
        let idx = if self.grow_to(self.n_used) { self.seek(key) } else { idx };
        self.slots[idx] = Slot { key, ..FREE_SLOT };
        idx
    }

    /// Makes room for some keys; tells whether slots were moved.
    fn grow_to(&mut self, n_used: usize) -> bool {
        let n_slots = (n_used * 4 / 3 + 1).next_power_of_two();
        if n_slots <= self.slots.len() {
            return false;
        }
        for slot in std::mem::replace(&mut self.slots, vec![FREE_SLOT; n_slots]) {
            if slot.key != FREE {
                let to = self.seek(slot.key);
                self.slots[to] = slot;
            }
        }
        true
    }
}

impl Serialize for PairTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut edges = self.edges();
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
