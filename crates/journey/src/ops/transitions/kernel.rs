//! Counting of pairs: an open-addressing table per shard, drained in order.

use serde::Serialize;

/// The beginning of a case.
pub const START: u32 = u32::MAX;
/// The end of a case.
pub const END: u32 = u32::MAX - 1;
/// The end of what was observed of a case that may go on.
pub const OPEN: u32 = u32::MAX - 2;

/// No pair has this key: nothing leads from the start to the start.
const FREE: u64 = u64::MAX;
const NOBODY: u32 = u32::MAX;
const UNTIMED: u32 = u32::MAX;

/// Returns the key of the pair `from` → `to`; keys ascend by `from`, then `to`.
pub fn key(from: u32, to: u32) -> u64 {
    u64::from(from) << 32 | u64::from(to)
}

/// Counts of one edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Code of the earlier name, or [`START`].
    pub from: u32,
    /// Code of the later name, [`END`] or [`OPEN`].
    pub to: u32,
    /// Pairs.
    pub n: u64,
    /// Distinct actors.
    pub people: u64,
    /// Microseconds between the rows of each pair, for timed edges; sorted by `finish`.
    pub gaps_us: Vec<i64>,
}

impl Edge {
    /// Returns the key.
    pub fn key(&self) -> u64 {
        key(self.from, self.to)
    }
}

/// 24 bytes, because large tables live in main memory; a shard has fewer than 2³² rows.
#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u64,
    n: u32,
    people: u32,
    last_actor: u32,
    /// Position in `gaps_us`, or [`UNTIMED`].
    gaps_idx: u32,
}

const FREE_SLOT: Slot = Slot { key: FREE, n: 0, people: 0, last_actor: NOBODY, gaps_idx: UNTIMED };

/// Counts of pairs of one shard.
///
/// Useful for: millions of additions, actor by actor.
/// Not useful for: lookups in order; [`PairTable::drain`] sorts once at the end.
/// A dense matrix would need 5,000² cells per group; a tree costs a walk per row.
#[derive(Debug)]
pub struct PairTable<'a> {
    /// Shape `[power of two]`, at most three quarters of it used.
    slots: Vec<Slot>,
    n_used: usize,
    gaps_us: Vec<Vec<i64>>,
    /// Keys of the edges whose times are kept, ascending.
    timed: &'a [u64],
}

impl<'a> PairTable<'a> {
    /// Makes an empty table that keeps the times of the edges with keys in `timed`, ascending.
    pub fn new(timed: &'a [u64]) -> Self {
        Self { slots: vec![FREE_SLOT; 16], n_used: 0, gaps_us: Vec::new(), timed }
    }

    /// Counts a pair; the pairs of one actor must come together. O(1).
    #[inline]
    pub fn add(&mut self, from: u32, to: u32, actor_idx: u32, gap_us: i64) {
        let key = key(from, to);
        let mut idx = self.seek(key);
        if self.slots[idx].key == FREE {
            idx = self.insert(idx, key);
        }
        let slot = &mut self.slots[idx];
        slot.n += 1;
        slot.people += u32::from(slot.last_actor != actor_idx);
        slot.last_actor = actor_idx;
        if slot.gaps_idx != UNTIMED {
            self.gaps_us[slot.gaps_idx as usize].push(gap_us);
        }
    }

    /// Returns the edges, ascending by key. O(slots + edges log edges).
    pub fn drain(mut self) -> Vec<Edge> {
        let mut edges: Vec<Edge> = self
            .slots
            .iter()
            .filter(|slot| slot.key != FREE)
            .map(|slot| Edge {
                from: (slot.key >> 32) as u32,
                to: slot.key as u32,
                n: u64::from(slot.n),
                people: u64::from(slot.people),
                gaps_us: self.gaps_us.get_mut(slot.gaps_idx as usize).map(std::mem::take).unwrap_or_default(),
            })
            .collect();
        edges.sort_unstable_by_key(Edge::key);
        edges
    }

    /// Returns the position of the key, or the free one where it belongs.
    #[inline]
    fn seek(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        // Fibonacci hashing: the high bits of the product depend on all bits of the key.
        let hash = (key ^ key >> 29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut idx = (hash >> 32) as usize & mask;
        while self.slots[idx].key != key && self.slots[idx].key != FREE {
            idx = (idx + 1) & mask;
        }
        idx
    }

    fn insert(&mut self, idx: usize, key: u64) -> usize {
        let mut idx = idx;
        self.n_used += 1;
        if self.n_used * 4 > self.slots.len() * 3 {
            let larger = vec![FREE_SLOT; self.slots.len() * 2];
            for slot in std::mem::replace(&mut self.slots, larger) {
                if slot.key != FREE {
                    let to = self.seek(slot.key);
                    self.slots[to] = slot;
                }
            }
            idx = self.seek(key);
        }
        let mut gaps_idx = UNTIMED;
        if self.timed.binary_search(&key).is_ok() {
            gaps_idx = self.gaps_us.len() as u32;
            self.gaps_us.push(Vec::new());
        }
        self.slots[idx] = Slot { key, gaps_idx, ..FREE_SLOT };
        idx
    }
}

/// Adds `other` to `total`, both ascending by key. O(edges).
pub fn merge_edges(total: &mut Vec<Edge>, other: Vec<Edge>) {
    if total.is_empty() {
        *total = other;
        return;
    }
    let mut merged = Vec::with_capacity(total.len().max(other.len()));
    let mut others = other.into_iter().peekable();
    for mut edge in std::mem::take(total) {
        while let Some(before) = others.next_if(|other| other.key() < edge.key()) {
            merged.push(before);
        }
        if let Some(same) = others.next_if(|other| other.key() == edge.key()) {
            edge.n += same.n;
            edge.people += same.people;
            edge.gaps_us.extend(same.gaps_us);
        }
        merged.push(edge);
    }
    merged.extend(others);
    *total = merged;
}
