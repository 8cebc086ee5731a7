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
    n: u64,
    to: u32,
    people: u32,
    last_actor: u32,
}

/// No pair leads to the start.
const FREE: u32 = START;
const NOBODY: u32 = u32::MAX;
const FREE_SLOT: Slot = Slot { n: 0, to: FREE, people: 0, last_actor: NOBODY };

/// Counts of pairs.
///
/// Useful for: millions of additions, actor by actor.
/// Not useful for: lookups in order.
/// A dense matrix would need 5,000² cells per group. The edges out of one name lie together: pairs are sorted by where they
/// begin before they are counted, so that the part of the table which they go to is in the caches.
#[derive(Debug, Clone, Default)]
pub struct PairTable {
    /// Ascending by `from`.
    names: Vec<Leaving>,
}

/// The edges out of one name.
#[derive(Debug, Clone)]
struct Leaving {
    from: u32,
    /// Shape `[power of two]`, at most three quarters of it used.
    slots: Vec<Slot>,
    n_used: usize,
}

impl PairTable {
    /// Counts pairs and empties them; the pairs of one actor must come together, and earlier actors before later ones.
    ///
    /// O(pairs log names): they are sorted by name in linear time where they are many.
    pub fn add(&mut self, pairs: &mut Vec<NewPair>, scratch: &mut Vec<NewPair>) {
        sort_by_from(pairs, scratch);
        for of_name in pairs.chunk_by(|one, next| one.from == next.from) {
            let leaving = self.leaving(of_name[0].from);
            for pair in of_name {
                let slot = leaving.slot(pair.to);
                slot.n += 1;
                slot.people += u32::from(slot.last_actor != pair.actor);
                slot.last_actor = pair.actor;
            }
        }
        pairs.clear();
    }

    /// Adds counts of other actors. O(slots).
    pub fn merge(&mut self, other: PairTable) {
        for mut theirs in other.names {
            match self.names.binary_search_by_key(&theirs.from, |leaving| leaving.from) {
                Err(idx) => self.names.insert(idx, theirs),
                Ok(idx) => {
                    let ours = &mut self.names[idx];
                    if ours.slots.len() < theirs.slots.len() {
                        std::mem::swap(ours, &mut theirs);
                    }
                    // With room for all: keys that come in the order of another table would otherwise crowd one part of this one.
                    ours.grow_to(ours.n_used + theirs.n_used);
                    for slot in theirs.slots.iter().filter(|slot| slot.to != FREE) {
                        let into = ours.slot(slot.to);
                        into.n += slot.n;
                        into.people += slot.people;
                    }
                }
            }
        }
    }

    /// Returns the edges, in no order. O(slots).
    pub fn edges(&self) -> Vec<Edge> {
        let edges = self.names.iter().flat_map(|leaving| {
            let used = leaving.slots.iter().filter(|slot| slot.to != FREE);
            used.map(|slot| Edge { from: leaving.from, to: slot.to, n: slot.n, people: u64::from(slot.people) })
        });
        edges.collect()
    }

    /// Returns the bytes that it takes.
    pub fn size_bytes(&self) -> usize {
        let slots: usize = self.names.iter().map(|leaving| leaving.slots.capacity()).sum();
        size_of::<Slot>() * slots + size_of::<Leaving>() * self.names.capacity()
    }

    fn leaving(&mut self, from: u32) -> &mut Leaving {
        let idx = self.names.binary_search_by_key(&from, |leaving| leaving.from).unwrap_or_else(|idx| {
            self.names.insert(idx, Leaving { from, slots: Vec::new(), n_used: 0 });
            idx
        });
        let leaving = &mut self.names[idx];
        leaving.grow_to(leaving.n_used + 1);
        leaving
    }
}

impl Leaving {
    /// Returns the slot of an edge, taking a free one where there is none.
    #[inline]
    fn slot(&mut self, to: u32) -> &mut Slot {
        let mut idx = self.seek(to);
        if self.slots[idx].to == FREE {
            idx = self.insert(idx, to);
        }
        &mut self.slots[idx]
    }

    /// Returns the position of an edge, or the free one where it belongs.
    #[inline]
    fn seek(&self, to: u32) -> usize {
        let mask = self.slots.len() - 1;
        // Fibonacci hashing: the high bits of the product depend on all bits of the code.
        let mut idx = (u64::from(to).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
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

    /// Makes room for some edges; tells whether slots were moved.
    fn grow_to(&mut self, n_used: usize) -> bool {
        let n_slots = (n_used * 4 / 3 + 1).next_power_of_two();
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

/// Names whose pairs are sorted by counting; one of `scratch`'s uses per name costs less than a comparison per pair.
const COUNTED_NAMES: usize = 1 << 16;

/// Sorts pairs by where they begin; those that begin at one name stay in their order.
fn sort_by_from(pairs: &mut Vec<NewPair>, scratch: &mut Vec<NewPair>) {
    // START is the largest code: it goes to the first place.
    let place = |pair: &NewPair| pair.from.wrapping_add(1) as usize;
    let n_places = pairs.iter().map(place).max().map_or(0, |place| place + 1);
    if n_places > COUNTED_NAMES || n_places > 4 * pairs.len() {
        pairs.sort_by_key(|pair| pair.from);
        return;
    }
    let mut starts = vec![0_u32; n_places];
    pairs.iter().for_each(|pair| starts[place(pair)] += 1);
    let mut start = 0;
    for count in &mut starts {
        start += std::mem::replace(count, start);
    }
    scratch.resize(pairs.len(), NewPair { from: 0, to: 0, actor: 0 });
    for pair in pairs.iter() {
        let start = &mut starts[place(pair)];
        scratch[*start as usize] = *pair;
        *start += 1;
    }
    std::mem::swap(pairs, scratch);
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

    /// Returns which names an edge begins at, shape `[names]`.
    pub fn begins_at(&self) -> Vec<bool> {
        self.starts.windows(2).map(|pair| pair[0] < pair[1]).collect()
    }

    /// Returns the position of an edge between events. O(timed edges out of `from`).
    #[inline]
    pub fn position(&self, from: u32, to: u32) -> Option<usize> {
        let (start, end) = (self.starts[from as usize] as usize, self.starts[from as usize + 1] as usize);
        self.edges[start..end].iter().position(|edge| edge.1 == to).map(|idx| start + idx)
    }
}
