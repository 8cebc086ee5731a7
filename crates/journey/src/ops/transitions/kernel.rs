//! Counting of pairs in an open-addressing table, and the edges whose times are kept.

use serde::{Serialize, Serializer};

/// The beginning of a case.
pub const START: u32 = u32::MAX;
/// The end of a case.
pub const END: u32 = u32::MAX - 1;
/// The end of what was observed of a case that may go on.
pub const OPEN: u32 = u32::MAX - 2;

/// No pair has this key: nothing leads from the start to the start.
const FREE: u64 = u64::MAX;
const NOBODY: u32 = u32::MAX;

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
pub struct KeyedPair {
    key: u64,
    actor: u32,
}

impl KeyedPair {
    /// Makes the pair `from` → `to` of an actor with a number of its own.
    #[inline]
    pub fn new(from: u32, to: u32, actor: u32) -> Self {
        Self { key: u64::from(from) << 32 | u64::from(to), actor }
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u64,
    n: u64,
    people: u32,
    last_actor: u32,
}

const FREE_SLOT: Slot = Slot { key: FREE, n: 0, people: 0, last_actor: NOBODY };

/// Counts of pairs.
///
/// Useful for: millions of additions, actor by actor.
/// Not useful for: lookups in order.
/// A dense matrix would need 5,000² cells per group; a tree costs a walk per row.
#[derive(Debug, Clone, Default)]
pub struct PairTable {
    /// Shape `[power of two]`, at most three quarters of it used; empty before the first pair.
    slots: Vec<Slot>,
    n_used: usize,
}

impl PairTable {
    /// Counts pairs, each with the number of its actor; the pairs of one actor must come together. O(pairs).
    pub fn add(&mut self, pairs: &[KeyedPair]) {
        self.grow_to(self.n_used + usize::from(!pairs.is_empty()));
        // Slots lie all over a table larger than the caches: they are first all asked for, so that memory brings them side by side.
        let asked_for = pairs.iter().fold(0, |all, pair| all ^ self.slots[self.home(pair.key)].key);
        std::hint::black_box(asked_for);
        for pair in pairs {
            let slot = self.slot(pair.key);
            slot.n += 1;
            slot.people += u32::from(slot.last_actor != pair.actor);
            slot.last_actor = pair.actor;
        }
    }

    /// Adds counts of other actors. O(slots).
    pub fn merge(&mut self, mut other: PairTable) {
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

    /// Returns the edges, in no order. O(slots).
    pub fn edges(&self) -> Vec<Edge> {
        let used = self.slots.iter().filter(|slot| slot.key != FREE);
        let edge = |slot: &Slot| Edge { from: (slot.key >> 32) as u32, to: slot.key as u32, n: slot.n, people: u64::from(slot.people) };
        used.map(edge).collect()
    }

    /// Returns the bytes that it takes.
    pub fn size_bytes(&self) -> usize {
        size_of::<Slot>() * self.slots.capacity()
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

    /// Returns the position where the search for a key begins.
    #[inline]
    fn home(&self, key: u64) -> usize {
        // Fibonacci hashing: the high bits of the product depend on all bits of the key.
        let hash = (key ^ key >> 29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    /// Returns the position of the key, or the free one where it belongs.
    #[inline]
    fn seek(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut idx = self.home(key);
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

    /// Returns the position of an edge between events. O(timed edges out of `from`).
    #[inline]
    pub fn position(&self, from: u32, to: u32) -> Option<usize> {
        let (start, end) = (self.starts[from as usize] as usize, self.starts[from as usize + 1] as usize);
        self.edges[start..end].iter().position(|edge| edge.1 == to).map(|idx| start + idx)
    }
}
