//! Counting of pairs, row by row of the matrix that they make, and the edges whose times are kept.

use std::borrow::Cow;
use std::ops::Range;

use diptych_event::Shard;
use diptych_event::index::{Index, RowSet};
use diptych_event::timeline::{Code, Codes};
use serde::{Serialize, Serializer};

use crate::derive::{SessionColumns, Stretch};

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

/// Pairs that wait until they are sorted and counted.
const WAITING: usize = 1 << 22;

/// Pairs of one row of the table that wait, before those of another shard are put to them, and pairs for each of its edges:
/// so many that adding them to the edges costs little for each.
const WAITING_OF_ROW: usize = 1 << 14;
const WAITING_PER_EDGE: usize = 8;

/// Counts of pairs.
///
/// Useful for: millions of additions, actor by actor.
/// Not useful for: looking up one edge.
/// A dense matrix would need 5,000² cells per group, and with a million edges a slot of one hash table is seldom in the
/// caches. So pairs wait until they are many, and are counted row by row of the matrix, each in the caches. Where whole
/// cases are counted, [`ByName`] reads the pairs in that order, as the index knows the rows of each name; else they are
/// sorted.
#[derive(Debug, Clone, Default)]
pub struct PairTable {
    waiting: Vec<NewPair>,
    /// By [`row_idx`] of the earlier name; empty before pairs are counted.
    rows: Vec<Row>,
    /// Where [`ByName`] writes, kept from shard to shard.
    leads: Vec<Packed>,
}

/// The edges out of one name.
#[derive(Debug, Clone, Default)]
struct Row {
    /// Ascending by the later node.
    edges: Vec<Counts>,
    /// Pairs that are not counted yet: all that some actors have of this row.
    waiting: Vec<Packed>,
    /// What other tables had of this row, of other actors.
    others: Vec<Row>,
}

/// Counts of the edge to one node.
#[derive(Debug, Clone, Copy)]
struct Counts {
    /// [`row_idx`] of the node.
    to: u32,
    /// Distinct actors.
    people: u32,
    /// Pairs, at least one.
    n: u64,
}

const NO_EDGE: Counts = Counts { to: 0, people: 0, n: 0 };

/// Returns the place of a node: the artificial ones, whose codes are the highest, come first.
const fn row_idx(from: u32) -> usize {
    from.wrapping_add(N_ARTIFICIAL) as usize
}

/// Returns the node whose place it is.
fn node(idx: u32) -> u32 {
    idx.wrapping_sub(N_ARTIFICIAL)
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

    /// Hands rows from table to table, so that each is in one of them. O(names × tables).
    pub fn share(tables: &mut [&mut PairTable]) {
        let n_rows = tables.iter().map(|table| table.rows.len()).max().unwrap_or(0);
        tables.iter_mut().for_each(|table| table.grow_to(n_rows));
        for idx in 0..n_rows {
            // Neighbours go to different tables, as frequent names often are neighbours.
            let owner = idx % tables.len();
            let rows: Vec<Row> = tables.iter_mut().map(|table| std::mem::take(&mut table.rows[idx])).collect();
            let mut rows = rows.into_iter().filter(|row| !row.is_empty());
            tables[owner].rows[idx] = rows.next().unwrap_or_default();
            tables[owner].rows[idx].others.extend(rows);
        }
    }

    /// Adds counts of other actors. O(edges + names) where no pair waits.
    pub fn merge(&mut self, mut other: PairTable) {
        self.settle();
        other.settle();
        if self.rows.len() < other.rows.len() {
            std::mem::swap(&mut self.rows, &mut other.rows);
        }
        let mut merged = Vec::new();
        for (row, other) in self.rows.iter_mut().zip(other.rows) {
            if row.edges.is_empty() {
                row.edges = other.edges;
            } else if !other.edges.is_empty() {
                merge(&row.edges, &other.edges, &mut merged);
                // Edges have room left from when they became more, which is faster to use than memory that is new.
                row.edges.clear();
                row.edges.extend_from_slice(&merged);
            }
        }
    }

    /// Counts the pairs that wait. O(pairs + names).
    #[cold]
    pub fn settle(&mut self) {
        self.leads = Vec::new();
        let mut tally = RowTally::new(self.rows.len());
        for row in &mut self.rows {
            row.settle(&mut tally);
            (row.waiting, row.others) = Default::default();
        }
        if self.waiting.is_empty() {
            return;
        }
        // Where the pairs of each earlier name begin once they are in its order.
        let n_rows = self.waiting.iter().map(|pair| row_idx(pair.from)).max().map_or(0, |last| last + 1);
        let mut next = vec![0_u32; n_rows + 1];
        self.waiting.iter().for_each(|pair| next[row_idx(pair.from) + 1] += 1);
        (1..next.len()).for_each(|idx| next[idx] += next[idx - 1]);
        let mut of_rows = vec![(0, NOBODY); self.waiting.len()];
        let mut n_nodes = n_rows;
        for pair in std::mem::take(&mut self.waiting) {
            let place = &mut next[row_idx(pair.from)];
            of_rows[*place as usize] = (row_idx(pair.to), pair.actor);
            n_nodes = n_nodes.max(row_idx(pair.to) + 1);
            *place += 1;
        }
        self.grow_to(n_nodes);
        let mut tally = RowTally::new(self.rows.len());
        let mut start = 0;
        for (row, end) in self.rows.iter_mut().zip(next) {
            let pairs = &of_rows[start..end as usize];
            let mut last_actor = NOBODY;
            let mut is_next = |actor: u32| std::mem::replace(&mut last_actor, actor) != actor;
            if !pairs.is_empty() {
                tally.begin(row.edges.len() + pairs.len());
                tally.add(&row.edges);
                tally.count(pairs.iter().map(|(to, actor)| (*to, is_next(*actor))));
                tally.take(&mut row.edges);
            }
            start = end as usize;
        }
    }

    /// Returns the table with no pair waiting. O(names) where none does.
    pub fn settled(&self) -> Cow<'_, PairTable> {
        if self.waiting.is_empty() && self.rows.iter().all(Row::is_settled) {
            return Cow::Borrowed(self);
        }
        let mut settled = self.clone();
        settled.settle();
        Cow::Owned(settled)
    }

    /// Walks the edges, in no order; pairs that wait are in none.
    pub fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        (0_u32..).zip(&self.rows).flat_map(|(idx, row)| row.edges.iter().map(move |counts| counts.edge(node(idx))))
    }

    /// Returns the pairs that leave a node; those that wait are not among them. O(edges that leave it).
    pub fn n_leaving(&self, from: u32) -> u64 {
        self.rows.get(row_idx(from)).map_or(0, |row| row.edges.iter().map(|counts| counts.n).sum())
    }

    /// Returns the number of edges; pairs that wait are in none. O(names).
    pub fn n_edges(&self) -> u64 {
        self.rows.iter().map(|row| row.edges.len() as u64).sum()
    }

    /// Returns the bytes that it takes. O(names).
    pub fn size_bytes(&self) -> usize {
        let rows = self.rows.iter().map(Row::size_bytes).sum::<usize>() + size_of::<Row>() * self.rows.capacity();
        rows + size_of::<NewPair>() * self.waiting.capacity() + size_of::<Packed>() * self.leads.capacity()
    }
}

/// A pair of a known row: [`row_idx`] of the later node, and in the lowest bit whether it is its actor's first of this row.
type Packed = u16;

#[inline]
fn pack(to: u32, is_first: bool) -> Packed {
    (row_idx(to) as Packed) << 1 | Packed::from(is_first)
}

fn unpack(pair: &Packed) -> (usize, bool) {
    (usize::from(pair >> 1), pair & 1 != 0)
}

/// Where a row leads that is of no case: no pair leads there.
const NOWHERE: Packed = (row_idx(START) as Packed) << 1;

/// Counts of the cases of one shard, whose pairs are read in the order of the earlier names.
///
/// The index has the rows of each name one after the other. What each row leads to is written down row by row, and then looked
/// up in that order. Looks do not wait for each other, so this is faster than writing each pair to the place of its name.
/// Where cases are sessions of whole runs, the index tells itself what rows lead to, but for the last one of each run.
pub struct ByName<'a> {
    table: &'a mut PairTable,
    index: Index<'a>,
    cases: Cases,
    /// What rows or runs lead to, as pairs that are nobody's first; of the first ones of the shard.
    leads: Vec<Packed>,
    /// The first events of cases.
    starts: Vec<Packed>,
    last_actor: u32,
}

/// What a case is.
enum Cases {
    /// Some rows, one after the other, of so many.
    OfRows(usize),
    /// Some runs, one after the other.
    OfRuns {
        /// Rows that are nobody's, if there are any.
        nobodys: Option<RowSet>,
    },
}

impl<'a> ByName<'a> {
    /// Tells whether so many names are few enough.
    pub fn fits(n_names: usize) -> bool {
        n_names + (N_ARTIFICIAL as usize) < 1 << (Packed::BITS - 1)
    }

    /// Begins a shard of so many rows, whose cases are added one by one. O(1).
    pub fn of_rows(table: &'a mut PairTable, index: Index<'a>, n_rows: usize) -> Self {
        Self::new(table, index, Cases::OfRows(n_rows))
    }

    /// Begins a shard whose sessions are added, and with them all rows that are somebody's. O(actors).
    pub fn of_runs(table: &'a mut PairTable, shard: &Shard<'a>) -> Self {
        let nobodys = RowSet::new(shard.n_rows(), shard.nobodys_rows().map(|row| row as u32));
        Self::new(table, shard.index, Cases::OfRuns { nobodys: Some(nobodys).filter(|rows| !rows.is_empty()) })
    }

    fn new(table: &'a mut PairTable, index: Index<'a>, cases: Cases) -> Self {
        let mut leads = std::mem::take(&mut table.leads);
        leads.clear();
        Self { table, index, cases, leads, starts: Vec::new(), last_actor: NOBODY }
    }

    /// Adds the sessions of some actors, who come after those before; `names` are those of all rows of the shard, and `end_of`
    /// tells where a session leads that ended at an instant. O(runs), without a branch per session.
    pub fn add_sessions<C: Code>(&mut self, stretch: &Stretch, sessions: &SessionColumns, names: &[C], end_of: impl Fn(i64) -> u32) {
        let run_rows = &self.index.run_rows[stretch.runs.clone()];
        self.leads.resize(stretch.runs.start, NOWHERE);
        self.leads.extend(stretch.runs.clone().map(|run| pack(end_of(self.index.run_ended_us(run)), false)));
        let leads = &mut self.leads[stretch.runs.start..];
        for run in sessions.going_on() {
            leads[run - 1] = pack(names[run_rows[run] as usize].code(), false);
        }
        let mut n_starts = self.starts.len();
        self.starts.resize(n_starts + run_rows.len(), 0);
        for ((row, n_rows), is_first) in run_rows.iter().zip(&sessions.n_rows).zip(&sessions.is_actors_first) {
            self.starts[n_starts] = pack(names[*row as usize].code(), *is_first != 0);
            // A run that goes on with a session has no rows of its own.
            n_starts += usize::from(*n_rows > 0);
        }
        self.starts.truncate(n_starts);
    }

    /// Adds a case, from the start to its first event and from its last one to `end`. O(names).
    ///
    /// `names` are those of its rows, at least one, of which `first` is the first; cases come in the order of their rows, and
    /// those of one actor together.
    #[inline]
    pub fn add_case<C: Code>(&mut self, actor: u32, first: usize, names: &[C], end: u32) {
        self.starts.push(pack(names[0].code(), actor != self.last_actor));
        self.last_actor = actor;
        // Rows passed over are of no case.
        self.leads.resize(first, NOWHERE);
        self.leads.extend(names[1..].iter().map(|name| pack(name.code(), false)));
        self.leads.push(pack(end, false));
    }

    /// Counts the cases that were added. O(rows + names).
    pub fn count(mut self) {
        let n_leads = match self.cases {
            Cases::OfRows(n_rows) => n_rows,
            Cases::OfRuns { .. } => self.index.run_rows.len(),
        };
        self.leads.resize(n_leads, NOWHERE);
        let n_names = self.index.name_starts.len().saturating_sub(1) as u32;
        self.table.grow_to(row_idx(n_names));
        let mut tally = RowTally::new(self.table.rows.len());
        self.table.rows[row_idx(START)].add(&mut tally, &self.starts);
        let (mut looked_up, mut pairs) = (0..0, Vec::new());
        for (name, bounds) in self.index.name_starts.windows(2).enumerate() {
            let places = bounds[0] as usize..bounds[1] as usize;
            if places.end > looked_up.end {
                // Those of many names together, as most names have few rows; from where a word of bits begins.
                let end = places.end.max(places.start + ROWS_AT_ONCE).min(self.index.rows_by_name.len());
                looked_up = places.start / 64 * 64..end;
                self.look_up(looked_up.clone(), &mut pairs);
            }
            let row = &mut self.table.rows[row_idx(0) + name];
            row.add(&mut tally, &pairs[places.start - looked_up.start..places.end - looked_up.start]);
        }
        self.table.leads = self.leads;
    }

    /// Makes the pairs of the rows at some places of the index, of which the first is one where a word of bits begins. O(rows).
    fn look_up(&self, places: Range<usize>, pairs: &mut Vec<Packed>) {
        let rows = &self.index.rows_by_name[places.clone()];
        let firsts = &self.index.first_by_name[places.start / 64..];
        pairs.clear();
        let Cases::OfRuns { nobodys } = &self.cases else { return look_up(&self.leads, rows, firsts, pairs) };
        match self.index.next_by_name {
            Codes::Byte(next) => read(&next[places.clone()], firsts, pairs),
            Codes::Short(next) => read(&next[places.clone()], firsts, pairs),
            Codes::Long(next) => read(&next[places.clone()], firsts, pairs),
        }
        let ends = self.index.end_places.partition_point(|place| (*place as usize) < places.start);
        for (place, run) in self.index.end_places[ends..].iter().zip(&self.index.end_runs[ends..]) {
            let Some(pair) = pairs.get_mut(*place as usize - places.start) else { break };
            *pair = self.leads[*run as usize] | *pair & 1;
        }
        if let Some(nobodys) = nobodys {
            pairs.iter_mut().zip(rows).for_each(|(pair, row)| *pair = if nobodys.contains(*row as usize) { NOWHERE } else { *pair });
        }
    }
}

/// Leads that are loaded before any is looked at, so that many loads are under way together.
const AT_ONCE: usize = 512;

/// Rows that are looked up together, where a name has not more; what is made of them stays in the caches.
const ROWS_AT_ONCE: usize = 1 << 15;

/// Makes the pairs of some rows; the lowest bit of `firsts` tells whether the first of them is its actor's first of its name.
/// O(rows).
fn look_up(leads: &[Packed], rows: &[u32], firsts: &[u64], pairs: &mut Vec<Packed>) {
    let mut found = [0; AT_ONCE];
    for (rows, firsts) in rows.chunks(AT_ONCE).zip(firsts.chunks(AT_ONCE / 64)) {
        found.iter_mut().zip(rows).for_each(|(lead, row)| *lead = leads[*row as usize]);
        for (leads, firsts) in found[..rows.len()].chunks(64).zip(firsts) {
            pairs.extend((0..).zip(leads).map(|(bit, lead)| lead | (firsts >> bit & 1) as Packed));
        }
    }
}

/// Makes the pairs of some rows that lead to `next`, or nowhere; `firsts` as with [`look_up`]. O(rows).
fn read<C: Code>(next: &[C], firsts: &[u64], pairs: &mut Vec<Packed>) {
    for (next, firsts) in next.chunks(64).zip(firsts) {
        pairs.extend((0..).zip(next).map(|(bit, next)| pack(next.code(), false) | (firsts >> bit & 1) as Packed));
    }
}

/// Counts of one row while pairs are counted, with a cell for every later node: small enough for the caches.
struct RowTally {
    /// By [`row_idx`] of the later node; all [`NO_PAIRS`] between rows.
    cells: Vec<Cell>,
    /// Whether all cells are looked at in the end, because many may have a pair.
    is_dense: bool,
    /// Where they are not, those with a pair; room for one more than there are cells.
    counted: Vec<u32>,
    n_counted: usize,
    /// Where edges are brought together, shape `[nodes + 1]`.
    edges: Vec<Counts>,
    /// Number of the last actor among those of the row.
    actor: u32,
}

#[derive(Clone, Copy)]
struct Cell {
    n: u64,
    people: u32,
    last_actor: u32,
}

const NO_PAIRS: Cell = Cell { n: 0, people: 0, last_actor: NOBODY };
const NOBODY: u32 = u32::MAX;

impl RowTally {
    fn new(n_nodes: usize) -> Self {
        let edges = vec![NO_EDGE; n_nodes + 1];
        Self { cells: vec![NO_PAIRS; n_nodes], is_dense: false, counted: vec![0; n_nodes + 1], n_counted: 0, edges, actor: 0 }
    }

    /// Begins a row that may have so many edges.
    fn begin(&mut self, n_edges: usize) {
        self.is_dense = n_edges >= self.cells.len() / 8;
        (self.n_counted, self.actor) = (0, 0);
    }

    /// Adds counts of other actors. O(edges).
    fn add(&mut self, edges: &[Counts]) {
        for counts in edges {
            let cell = &mut self.cells[counts.to as usize];
            self.counted[self.n_counted] = counts.to;
            self.n_counted += usize::from(!self.is_dense & (cell.n == 0));
            cell.n += counts.n;
            cell.people += counts.people;
        }
    }

    /// Counts pairs: [`row_idx`] of each later node, and whether the actor is another one than before. O(pairs).
    fn count(&mut self, pairs: impl Iterator<Item = (usize, bool)>) {
        if self.is_dense {
            self.count_where::<true>(pairs);
        } else {
            self.count_where::<false>(pairs);
        }
    }

    #[inline]
    fn count_where<const IS_DENSE: bool>(&mut self, pairs: impl Iterator<Item = (usize, bool)>) {
        let (mut actor, mut n_counted) = (self.actor, self.n_counted);
        let (cells, counted) = (&mut self.cells[..], &mut self.counted[..]);
        for (to, is_next_actor) in pairs {
            actor += u32::from(is_next_actor);
            let cell = &mut cells[to];
            if !IS_DENSE {
                // Written always and kept if it is the first, because which one is cannot be foreseen.
                counted[n_counted] = to as u32;
                n_counted += usize::from(cell.n == 0);
            }
            cell.n += 1;
            cell.people += u32::from(cell.last_actor != actor);
            cell.last_actor = actor;
        }
        (self.actor, self.n_counted) = (actor, n_counted);
    }

    /// Puts the edges in place of others, ascending, and leaves no counts. O(nodes) where there may be many, else
    /// O(edges log edges).
    fn take(&mut self, edges: &mut Vec<Counts>) {
        edges.clear();
        self.cells[row_idx(START)] = NO_PAIRS;
        let counts = |to: usize, cell: &mut Cell| {
            let Cell { n, people, .. } = std::mem::replace(cell, NO_PAIRS);
            Counts { to: to as u32, people, n }
        };
        if self.is_dense {
            let mut n_edges = 0;
            for (to, cell) in self.cells.iter_mut().enumerate() {
                self.edges[n_edges] = counts(to, cell);
                n_edges += usize::from(self.edges[n_edges].n > 0);
            }
            edges.extend_from_slice(&self.edges[..n_edges]);
            return;
        }
        let counted = &mut self.counted[..self.n_counted];
        counted.sort_unstable();
        let taken = counted.iter().map(|to| counts(*to as usize, &mut self.cells[*to as usize]));
        edges.extend(taken.filter(|counts| counts.n > 0));
    }
}

impl Row {
    /// Adds pairs, all of their actors; counts them when many wait. O(pairs).
    fn add(&mut self, tally: &mut RowTally, pairs: &[Packed]) {
        if self.waiting.len() + pairs.len() < WAITING_OF_ROW.max(WAITING_PER_EDGE * self.edges.len()) {
            self.waiting.extend_from_slice(pairs);
        } else {
            self.settle_with(tally, pairs);
        }
    }

    /// Counts the pairs that wait. O(pairs + edges).
    fn settle(&mut self, tally: &mut RowTally) {
        if !self.is_settled() {
            self.settle_with(tally, &[]);
        }
    }

    /// Counts the pairs that wait, and then some more. O(pairs + edges).
    fn settle_with(&mut self, tally: &mut RowTally, pairs: &[Packed]) {
        let rows = || std::iter::once(&*self).chain(&self.others);
        tally.begin(pairs.len() + rows().map(|row| row.edges.len() + row.waiting.len()).sum::<usize>());
        rows().for_each(|row| tally.add(&row.edges));
        rows().for_each(|row| tally.count(row.waiting.iter().map(unpack)));
        tally.count(pairs.iter().map(unpack));
        tally.take(&mut self.edges);
        self.waiting.clear();
        self.others.clear();
    }

    fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.others.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.edges.is_empty() && self.is_settled()
    }

    fn size_bytes(&self) -> usize {
        let others = self.others.iter().map(|row| size_of::<Row>() + row.size_bytes());
        size_of::<Counts>() * self.edges.capacity() + size_of::<Packed>() * self.waiting.capacity() + others.sum::<usize>()
    }
}

/// Puts the sums of two rows' counts, which are of different actors, in place of `sums`. O(edges), without a branch that depends
/// on which edges are in both.
fn merge(one: &[Counts], other: &[Counts], sums: &mut Vec<Counts>) {
    sums.clear();
    sums.resize(one.len() + other.len(), NO_EDGE);
    let (mut of_one, mut of_other, mut n_sums) = (0, 0, 0);
    while of_one < one.len() && of_other < other.len() {
        let (a, b) = (one[of_one], other[of_other]);
        let (has_a, has_b) = (a.to <= b.to, b.to <= a.to);
        sums[n_sums] = Counts {
            to: a.to.min(b.to),
            people: a.people * u32::from(has_a) + b.people * u32::from(has_b),
            n: a.n * u64::from(has_a) + b.n * u64::from(has_b),
        };
        of_one += usize::from(has_a);
        of_other += usize::from(has_b);
        n_sums += 1;
    }
    sums.truncate(n_sums);
    sums.extend_from_slice(&one[of_one..]);
    sums.extend_from_slice(&other[of_other..]);
}

impl Counts {
    fn edge(&self, from: u32) -> Edge {
        Edge { from, to: node(self.to), n: self.n, people: u64::from(self.people) }
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
