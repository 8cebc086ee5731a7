//! What is found once among a shard's rows, when they are written, so that questions look at few of them.

use std::ops::Range;

use crate::time::MINUTE_US;
use crate::timeline::{Codes, NO_CODE};

/// A gap of over this between an actor's rows ends a run.
pub const REST_US: i64 = 10 * MINUTE_US;

/// A run does not last longer, a little over 71 minutes: then the next one goes on where it ends.
pub const LASTS_US: i64 = u32::MAX as i64;

/// In place of the rest before a run: there is no run of the same actor before, or the rest is so long or longer.
pub const LONG_REST_US: u32 = u32::MAX;

/// The rows of a shard by their names, and its runs.
///
/// Useful for: questions about few names; sessions and days, whose ends lie where runs end.
/// Not useful for: gaps of less than [`REST_US`].
#[derive(Debug, Clone, Copy)]
pub struct Index<'a> {
    /// Every row, by the code of its name and then ascending, shape `[rows]`.
    pub rows_by_name: &'a [u32],
    /// When each of these was, by `clock`, shape `[rows]`.
    pub ticks_by_name: &'a [u32],
    /// What a tick is.
    pub clock: TickClock,
    /// Whether each of these is its actor's first of its name, by bits from the lowest on, shape `[rows / 64]`.
    pub first_by_name: &'a [u64],
    /// The name of the row after each of these in its run, [`NO_CODE`] where the run ends there; shape `[rows]`.
    pub next_by_name: Codes<'a>,
    /// The places among these of rows that end a run, ascending; shape `[runs]`.
    pub end_places: &'a [u32],
    /// The runs that they end, shape `[runs]`.
    pub end_runs: &'a [u32],
    /// Where the rows of each name begin, shape `[names + 1]`; names that came later are no rows' here.
    pub name_starts: &'a [u32],
    /// First row of each run, ascending, shape `[runs]`.
    pub run_rows: &'a [u32],
    /// 1 where a run is its actor's first, else 0; shape `[runs]`.
    pub run_is_first: &'a [u8],
    /// Instant of the first row of each run in microseconds, shape `[runs]`.
    pub run_began_us: &'a [i64],
    /// Time from the first to the last row of each run in microseconds, at most [`LASTS_US`]; shape `[runs]`.
    pub run_lasted_us: &'a [u32],
    /// Time from the last row of the run before, if it is the same actor's, to the first row of each run in microseconds, at most
    /// [`LONG_REST_US`]; shape `[runs]`.
    pub run_rest_us: &'a [u32],
}

/// Some of one actor's rows, one after the other, with no gap of over [`REST_US`] between them, and not over [`LASTS_US`] in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first row.
    pub first_row: usize,
    /// Instant of the first row in microseconds.
    pub began_us: i64,
    /// Instant of the last row in microseconds.
    pub ended_us: i64,
}

/// Instants in four bytes, a little less exact than microseconds: 2 ms for a season, 33 ms for three years.
///
/// Useful for: comparing instants that lie apart, read in whatever order they are stored.
/// Not useful for: instants within a tick or two of each other, which are to be looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TickClock {
    /// Instant of the first tick in microseconds.
    pub base_us: i64,
    /// A tick is two to this power microseconds.
    pub shift: u32,
}

impl TickClock {
    /// Makes the clock with the shortest ticks of which 2³² span some instants. O(instants).
    pub fn spanning(time_us: &[i64]) -> Self {
        let (first_us, last_us) = time_us.iter().fold((i64::MAX, i64::MIN), |(first, last), us| (first.min(*us), last.max(*us)));
        if time_us.is_empty() {
            return Self::default();
        }
        let n_bits = u64::BITS - last_us.wrapping_sub(first_us).cast_unsigned().leading_zeros();
        Self { base_us: first_us, shift: n_bits.saturating_sub(u32::BITS) }
    }

    /// Returns the tick of one of the instants.
    #[inline]
    pub fn tick(self, time_us: i64) -> u32 {
        (time_us.wrapping_sub(self.base_us).cast_unsigned() >> self.shift) as u32
    }

    /// Returns the tick of any instant: below 0 or over [`u32::MAX`] where it lies before or after all that have one.
    pub fn tick_of(self, time_us: i64) -> i64 {
        let tick = (i128::from(time_us) - i128::from(self.base_us)) >> self.shift;
        i64::try_from(tick).unwrap_or(if tick < 0 { i64::MIN } else { i64::MAX })
    }

    /// Returns how many ticks may lie between two rows that are surely at most `us` apart, if any, and how many may where
    /// this is possible.
    pub fn at_most(self, us: i64) -> (Option<u32>, u32) {
        // Rows d ticks apart are more than (d - 1) and less than (d + 1) ticks apart in time.
        let us = us.max(0).cast_unsigned();
        let as_ticks = |ticks: u64| u32::try_from(ticks).unwrap_or(u32::MAX);
        let surely = ((us + 1) >> self.shift).checked_sub(1).map(as_ticks);
        let possibly = as_ticks((us + (1 << self.shift) - 1) >> self.shift);
        (surely, possibly)
    }
}

impl<'a> Index<'a> {
    /// Returns the rows of a name, ascending; some may be nobody's. O(1).
    pub fn rows_of(&self, name: u32) -> &'a [u32] {
        &self.rows_by_name[self.places_of(name)]
    }

    /// Returns when each of [`Self::rows_of`] was. O(1).
    pub fn ticks_of(&self, name: u32) -> &'a [u32] {
        &self.ticks_by_name[self.places_of(name)]
    }

    fn places_of(&self, name: u32) -> Range<usize> {
        let name = name as usize;
        let bounds = self.name_starts.get(name).zip(self.name_starts.get(name + 1));
        bounds.map_or(0..0, |(start, end)| *start as usize..*end as usize)
    }

    /// Returns the instant of the last row of a run in microseconds. O(1).
    #[inline]
    pub fn run_ended_us(&self, run: usize) -> i64 {
        self.run_began_us[run] + i64::from(self.run_lasted_us[run])
    }

    /// Returns a walk over the runs, actor by actor.
    pub fn runs(&self) -> Runs<'a> {
        Runs { index: *self, next: 0 }
    }
}

/// Some rows of a shard, each a bit, and how many of them come before each word of bits.
///
/// Useful for: bringing rows of several lists in order, and finding among which rows a row lies, without a branch.
/// Not useful for: few rows of many, as it has a bit for all of them.
#[derive(Debug)]
pub struct RowSet {
    words: Vec<u64>,
    /// Rows in the words before, shape `[words + 1]`.
    before: Vec<u32>,
}

impl RowSet {
    /// Makes the set of some of the first `n_rows` rows. O(rows given + n_rows / 64).
    pub fn new(n_rows: usize, rows: impl Iterator<Item = u32>) -> Self {
        let mut words = vec![0_u64; n_rows.div_ceil(64)];
        rows.for_each(|row| words[row as usize / 64] |= 1 << (row % 64));
        let mut before = Vec::with_capacity(words.len() + 1);
        before.push(0);
        let mut n = 0;
        before.extend(words.iter().map(|word| {
            n += word.count_ones();
            n
        }));
        Self { words, before }
    }

    /// Returns the number of rows in the set. O(1).
    pub fn len(&self) -> usize {
        self.before.last().map_or(0, |n| *n as usize)
    }

    /// Tells whether no row is in the set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether a row is in the set. O(1).
    #[inline]
    pub fn contains(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 != 0
    }

    /// Returns the first of some rows that is in the set. O(rows / 64).
    #[inline]
    pub fn first_among(&self, rows: Range<usize>) -> Option<usize> {
        if rows.is_empty() {
            return None;
        }
        let mut idx = rows.start / 64;
        let mut word = self.words[idx] & (u64::MAX << (rows.start % 64));
        while word == 0 {
            idx += 1;
            if 64 * idx >= rows.end {
                return None;
            }
            word = self.words[idx];
        }
        Some(64 * idx + word.trailing_zeros() as usize).filter(|row| *row < rows.end)
    }

    /// Walks those of some rows that are in the set, ascending. O(rows / 64 + rows found).
    #[inline]
    pub fn among(&self, rows: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let Range { mut start, end } = rows;
        std::iter::from_fn(move || {
            let row = self.first_among(start..end)?;
            start = row + 1;
            Some(row)
        })
    }

    /// Returns how many rows of the set come before `row`. O(1).
    #[inline]
    pub fn rank(&self, row: usize) -> usize {
        let word = row / 64;
        let earlier = self.words[word] & ((1 << (row % 64)) - 1);
        self.before[word] as usize + earlier.count_ones() as usize
    }

    /// Returns how many rows of the set do not come after `row`. O(1).
    #[inline]
    pub fn rank_with(&self, row: usize) -> usize {
        let word = row / 64;
        let until = self.words[word] & (u64::MAX >> (63 - row % 64));
        self.before[word] as usize + until.count_ones() as usize
    }
}

/// Rows that [`Ranks`] compares at once.
const AT_ONCE: usize = 16;

/// Ascending rows, and where among them those of each part of the shard begin.
///
/// Useful for: finding among which rows few others lie, where a [`RowSet`] would be made of more words than are looked at.
/// Not useful for: many looks, or rows that are crowded in a few parts.
#[derive(Debug)]
pub struct Ranks<'a> {
    rows: &'a [u32],
    /// Shape `[parts + 1]`.
    starts: Vec<u32>,
    /// A part has two to this power rows.
    shift: u32,
}

impl<'a> Ranks<'a> {
    /// Takes some of the first `n_rows` rows. O(rows given).
    pub fn new(n_rows: usize, rows: &'a [u32]) -> Self {
        // Half as many in a part as are compared at once, or a little less.
        let n_parts = (rows.len() / (AT_ONCE / 2)).max(1);
        let shift = (n_rows / n_parts).max(1).ilog2();
        let mut starts = vec![0; (n_rows >> shift) + 2];
        (1..).zip(rows).for_each(|(n, row)| starts[(row >> shift) as usize + 1] = n);
        (1..starts.len()).for_each(|part| starts[part] = starts[part].max(starts[part - 1]));
        Self { rows, starts, shift }
    }

    /// Returns how many of the rows come before `row`, which is one of the first `n_rows`. O(log rows of its part).
    #[inline]
    pub fn rank(&self, row: u32) -> usize {
        let part = (row >> self.shift) as usize;
        let (start, end) = (self.starts[part] as usize, self.starts[part + 1] as usize);
        match self.rows[start..].first_chunk::<AT_ONCE>() {
            // Rows of later parts do not come before it.
            Some(rows) if end - start <= AT_ONCE => start + rows.iter().map(|other| u32::from(*other < row)).sum::<u32>() as usize,
            _ => start + self.rows[start..end].partition_point(|other| *other < row),
        }
    }
}

/// A walk over the rows of names from one part of the shard to the next.
///
/// Useful for: looking at all rows of many names, where what is looked up for each row stays in the caches.
/// Not useful for: few names or one look at each.
#[derive(Debug)]
pub struct RowsInParts<'a> {
    index: Index<'a>,
    /// The first row of each name that was not returned.
    next: Vec<u32>,
}

impl<'a> RowsInParts<'a> {
    /// Begins before the first row. O(names).
    pub fn new(index: Index<'a>) -> Self {
        Self { index, next: index.name_starts.to_vec() }
    }

    /// Returns the number of names that may have rows.
    pub fn n_names(&self) -> u32 {
        self.next.len().saturating_sub(1) as u32
    }

    /// Returns the rows of a name before `end` that were not returned yet, ascending. O(rows returned).
    #[inline]
    pub fn of_name(&mut self, name: u32, end: usize) -> &'a [u32] {
        let name = name as usize;
        let (Some(next), Some(last)) = (self.next.get_mut(name), self.index.name_starts.get(name + 1)) else { return &[] };
        let rows = &self.index.rows_by_name[*next as usize..*last as usize];
        let n = rows.iter().position(|row| *row as usize >= end).unwrap_or(rows.len());
        *next += n as u32;
        &rows[..n]
    }
}

/// A walk over the runs of one actor after the other.
#[derive(Debug)]
pub struct Runs<'a> {
    index: Index<'a>,
    next: usize,
}

impl Runs<'_> {
    /// Goes to the first run at or after a row. O(runs passed over).
    #[inline]
    pub fn seek(&mut self, row: usize) {
        while self.index.run_rows.get(self.next).is_some_and(|first_row| (*first_row as usize) < row) {
            self.next += 1;
        }
    }

    /// Returns the next run if it begins before a row, without passing it. O(1).
    #[inline]
    pub fn peek_before(&self, row: usize) -> Option<Run> {
        let (index, idx) = (&self.index, self.next);
        let first_row = *index.run_rows.get(idx)? as usize;
        (first_row < row).then(|| Run { first_row, began_us: index.run_began_us[idx], ended_us: index.run_ended_us(idx) })
    }

    /// Passes the run that [`Self::peek_before`] returned.
    #[inline]
    pub fn pass(&mut self) {
        self.next += 1;
    }
}

/// The columns of an [`Index`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnedIndex {
    /// As in [`Index`].
    pub rows_by_name: Vec<u32>,
    /// As in [`Index`].
    pub ticks_by_name: Vec<u32>,
    /// As in [`Index`].
    pub clock: TickClock,
    /// As in [`Index`].
    pub first_by_name: Vec<u64>,
    /// As in [`Index`].
    pub next_by_name: Vec<u32>,
    /// As in [`Index`].
    pub end_places: Vec<u32>,
    /// As in [`Index`].
    pub end_runs: Vec<u32>,
    /// As in [`Index`].
    pub name_starts: Vec<u32>,
    /// As in [`Index`].
    pub run_rows: Vec<u32>,
    /// As in [`Index`].
    pub run_is_first: Vec<u8>,
    /// As in [`Index`].
    pub run_began_us: Vec<i64>,
    /// As in [`Index`].
    pub run_lasted_us: Vec<u32>,
    /// As in [`Index`].
    pub run_rest_us: Vec<u32>,
}

impl OwnedIndex {
    /// Looks at the rows of actors, which begin and end as said, and at the names of all rows. O(rows + names).
    ///
    /// # Panics
    /// When a row has no name, or there are 2³² rows or more.
    pub fn new(starts: &[u64], ends: &[u64], time_us: &[i64], name: Codes) -> Self {
        let n_rows = u32::try_from(time_us.len()).expect("a shard has fewer than 2^32 rows");
        let mut index = Self { clock: TickClock::spanning(time_us), ..Self::default() };
        for code in name.iter() {
            assert_ne!(code, NO_CODE, "every row has a name");
            // Counts stand two places further on, so that adding up leaves room for the starts to move.
            let place = code as usize + 2;
            if index.name_starts.len() <= place {
                index.name_starts.resize(place + 1, 0);
            }
            index.name_starts[place] += 1;
        }
        (1..index.name_starts.len()).for_each(|idx| index.name_starts[idx] += index.name_starts[idx - 1]);
        let mut next_name = vec![NO_CODE; n_rows as usize];
        // The last row of each run.
        let mut last_rows = Vec::new();
        for (start, end) in starts.iter().zip(ends) {
            let mut began_us = 0;
            for row in *start as usize..*end as usize {
                let is_first = row == *start as usize;
                let rest_us = if is_first { i64::MAX } else { time_us[row].saturating_sub(time_us[row - 1]) };
                if rest_us > REST_US || time_us[row] - began_us > LASTS_US {
                    began_us = time_us[row];
                    index.run_rows.push(row as u32);
                    index.run_is_first.push(u8::from(is_first));
                    index.run_began_us.push(began_us);
                    index.run_lasted_us.push(0);
                    index.run_rest_us.push(u32::try_from(rest_us).unwrap_or(LONG_REST_US));
                    last_rows.push(row as u32);
                } else if let Some((lasted_us, last_row)) = index.run_lasted_us.last_mut().zip(last_rows.last_mut()) {
                    (*lasted_us, *last_row) = ((time_us[row] - began_us) as u32, row as u32);
                    next_name[row - 1] = name.get(row);
                }
            }
        }
        (index.rows_by_name, index.ticks_by_name) = (vec![0; n_rows as usize], vec![0; n_rows as usize]);
        (index.first_by_name, index.next_by_name) = (vec![0; time_us.len().div_ceil(64)], vec![NO_CODE; n_rows as usize]);
        let (mut next_starts, mut actors_first) = (starts.iter().peekable(), 0);
        let (mut ends_of_runs, mut last_rows) = (Vec::with_capacity(last_rows.len()), (0..).zip(last_rows).peekable());
        // One after the last row of each name.
        let mut ends_of_names = vec![0; index.name_starts.len()];
        for (row, code) in (0..n_rows).zip(name.iter()) {
            // More than one begins at a row where an actor has none.
            while next_starts.next_if(|start| **start <= u64::from(row)).is_some() {
                actors_first = row;
            }
            let next = &mut index.name_starts[code as usize + 1];
            let place = *next as usize;
            *next += 1;
            index.rows_by_name[place] = row;
            index.ticks_by_name[place] = index.clock.tick(time_us[row as usize]);
            index.next_by_name[place] = next_name[row as usize];
            ends_of_runs.extend(last_rows.next_if(|(_, last_row)| *last_row == row).map(|(run, _)| (place as u32, run)));
            let is_first = std::mem::replace(&mut ends_of_names[code as usize], row + 1) <= actors_first;
            index.first_by_name[place / 64] |= u64::from(is_first) << (place % 64);
        }
        index.name_starts.pop();
        ends_of_runs.sort_unstable();
        (index.end_places, index.end_runs) = ends_of_runs.into_iter().unzip();
        index
    }

    /// Returns the columns as operators read them.
    pub fn index(&self) -> Index<'_> {
        Index {
            rows_by_name: &self.rows_by_name,
            ticks_by_name: &self.ticks_by_name,
            clock: self.clock,
            first_by_name: &self.first_by_name,
            next_by_name: Codes::Long(&self.next_by_name),
            end_places: &self.end_places,
            end_runs: &self.end_runs,
            name_starts: &self.name_starts,
            run_rows: &self.run_rows,
            run_is_first: &self.run_is_first,
            run_began_us: &self.run_began_us,
            run_lasted_us: &self.run_lasted_us,
            run_rest_us: &self.run_rest_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    const REST: i64 = REST_US;

    #[test]
    fn rows_are_found_by_name() {
        let owned = OwnedIndex::new(&[0, 3], &[3, 5], &[1, 7, 8, 9, 10], Codes::Byte(&[4, 0, 4, 2, 0]));
        let index = owned.index();
        let rows: Vec<&[u32]> = (0..7).map(|name| index.rows_of(name)).collect();
        assert_eq!(rows, [&[1, 4][..], &[], &[3], &[], &[0, 2], &[], &[]]);
        assert_eq!(index.ticks_of(0), [6, 9]);
        assert_eq!(index.clock, TickClock { base_us: 1, shift: 0 });
        // Rows 1 and 4 of the first name are two actors', rows 0 and 2 of the last one the first one's.
        assert_eq!(index.first_by_name, [0b0_1111]);
        let none = OwnedIndex::new(&[], &[], &[], Codes::Short(&[]));
        assert_eq!(none.index().rows_of(0), &[] as &[u32]);
    }

    #[test]
    fn a_row_is_its_actors_first_of_a_name_once() {
        // The second actor has rows from 70 on, the third the last one; each has both names.
        let names: Vec<u8> = (0..141).map(|row| u8::from(row % 3 == 0 || row == 139)).collect();
        // Actors without rows, before, between and after them, change nothing.
        for (starts, ends) in [(&[0, 70, 140][..], &[70, 140, 141][..]), (&[0, 0, 70, 70, 140, 141], &[0, 70, 70, 140, 141, 141])] {
            let owned = OwnedIndex::new(starts, ends, &[0; 141], Codes::Byte(&names));
            let is_first = |place: &usize| owned.first_by_name[place / 64] >> (place % 64) & 1 != 0;
            let firsts: Vec<u32> = (0..141).filter(is_first).map(|place| owned.rows_by_name[place]).collect();
            assert_eq!(firsts, [1, 70, 140, 0, 72]);
        }
    }

    #[test]
    fn parts_give_every_row_once() {
        let codes: Vec<u8> = (0..50_u32).map(|row| (row * row % 7) as u8).collect();
        let owned = OwnedIndex::new(&[], &[], &[0; 50], Codes::Byte(&codes));
        let mut parts = RowsInParts::new(owned.index());
        let mut found = vec![Vec::new(); 8];
        for end in [0, 1, 13, 13, 40, 50] {
            for name in 0..8 {
                found[name as usize].extend_from_slice(parts.of_name(name, end));
                assert!(found[name as usize].iter().all(|row| (*row as usize) < end));
            }
        }
        let rows: Vec<Vec<u32>> = (0..8).map(|name| owned.index().rows_of(name).to_vec()).collect();
        assert_eq!(found, rows);
        assert_eq!(RowsInParts::new(OwnedIndex::default().index()).n_names(), 0);
    }

    #[test]
    fn ranks_count_the_rows_before() {
        for n_rows in [1, 63, 64, 65, 200] {
            let rows: Vec<u32> = (0..n_rows).filter(|row| row % 7 == 3 || row % 64 == 63 || row % 64 == 0).collect();
            let set = RowSet::new(n_rows as usize, rows.iter().rev().copied());
            assert_eq!(set.len(), rows.len());
            for row in 0..n_rows {
                let before = rows.iter().filter(|other| **other < row).count();
                let with = rows.iter().filter(|other| **other <= row).count();
                assert_eq!((set.rank(row as usize), set.rank_with(row as usize)), (before, with), "{row} of {n_rows}");
                assert_eq!(set.contains(row as usize), with > before);
            }
        }
        assert!(RowSet::new(0, std::iter::empty()).is_empty());
        assert_eq!(RowSet::new(0, std::iter::empty()).first_among(0..0), None);
    }

    #[test]
    fn rows_of_a_set_are_found_among_others() {
        for rows in [vec![], vec![0], vec![63], vec![64, 65, 190], vec![3, 127, 128, 199], (0..200).collect::<Vec<u32>>()] {
            let set = RowSet::new(200, rows.iter().copied());
            for (start, end) in (0..=200).flat_map(|start| (start..=200).map(move |end| (start, end))) {
                let expected: Vec<usize> = rows.iter().map(|row| *row as usize).filter(|row| (start..end).contains(row)).collect();
                assert_eq!(set.first_among(start..end), expected.first().copied(), "{rows:?} {start}..{end}");
                assert!(set.among(start..end).eq(expected), "{rows:?} {start}..{end}");
            }
        }
    }

    #[test]
    fn ranks_are_found_among_few_rows_and_in_a_crowd() {
        for n_rows in [1, 63, 200, 5_000] {
            let is_crowd = |row: &u32| row % 7 == 3 || (1_000..1_100).contains(row);
            for rows in [vec![], vec![0], (0..n_rows).collect(), (0..n_rows).filter(is_crowd).collect::<Vec<u32>>()] {
                let ranks = Ranks::new(n_rows as usize, &rows);
                for row in 0..n_rows {
                    assert_eq!(ranks.rank(row), rows.partition_point(|other| *other < row), "{row} of {n_rows}");
                }
            }
        }
    }

    #[test]
    fn ticks_bound_how_far_rows_lie_apart() {
        for (first_us, last_us) in [(0, 0), (5, 4_000_000_000), (-7, 90 * 86_400_000_000), (i64::MIN, i64::MAX), (-3, i64::MAX - 3)] {
            let span = last_us.wrapping_sub(first_us).cast_unsigned();
            let mut instants: Vec<i64> = (0..=40_u64).map(|k| first_us.wrapping_add_unsigned(span / 40 * k)).collect();
            instants.extend([last_us, first_us + i64::from(first_us < last_us), first_us.saturating_add(2_000).min(last_us)]);
            instants.sort_unstable();
            let clock = TickClock::spanning(&instants);
            for (idx, a) in instants.iter().enumerate() {
                assert_eq!(clock.tick_of(*a), i64::from(clock.tick(*a)));
                for b in &instants[idx..] {
                    let apart = clock.tick(*b) - clock.tick(*a);
                    for window_us in [0, 1, 1_999, 2_000, 2_001, 1 << 33, i64::MAX] {
                        let is_within = i128::from(*b) - i128::from(*a) <= i128::from(window_us);
                        let (surely, possibly) = clock.at_most(window_us);
                        assert!(surely.is_none_or(|surely| apart > surely || is_within), "{a} {b} {window_us}");
                        assert!(apart <= possibly || !is_within, "{a} {b} {window_us}");
                    }
                }
            }
        }
        assert_eq!(TickClock::spanning(&[]), TickClock::default());
        let clock = TickClock { base_us: 1_000, shift: 3 };
        let ticks = [(999, -1), (1_007, 0), (1_008, 1), (i64::MIN, i64::MIN / 8 - 125), (i64::MAX, i64::MAX / 8 - 125)];
        ticks.into_iter().for_each(|(us, tick)| assert_eq!(clock.tick_of(us), tick, "{us}"));
    }

    #[test]
    fn a_run_ends_with_its_actor_or_before_a_rest() {
        // Rows 3 and 6 are nobody's.
        let time_us = [5, REST + 5, 2 * REST + 6, 2 * REST + 7, 7, 8, 9];
        let owned = OwnedIndex::new(&[0, 4], &[3, 6], &time_us, Codes::Byte(&[0; 7]));
        assert_eq!(owned.run_is_first, [1, 0, 1]);
        let mut runs = owned.index().runs();
        let of = |runs: &mut Runs, rows: Range<usize>| -> Vec<Run> {
            runs.seek(rows.start);
            std::iter::from_fn(|| runs.peek_before(rows.end).inspect(|_| runs.pass())).collect()
        };
        let run = |first_row, began_us, ended_us| Run { first_row, began_us, ended_us };
        assert_eq!(of(&mut runs, 0..3), [run(0, 5, REST + 5), run(2, 2 * REST + 6, 2 * REST + 6)]);
        assert_eq!(of(&mut runs, 4..6), [run(4, 7, 8)]);
        assert_eq!(of(&mut owned.index().runs(), 4..6), [run(4, 7, 8)]);
    }

    #[test]
    fn a_long_run_is_cut_and_rests_are_told() {
        let nine_us = 9 * MINUTE_US;
        let mut time_us: Vec<i64> = (0..10).map(|n| n * nine_us).collect();
        time_us.extend([time_us[9] + REST + 1, time_us[9] + 5 * LASTS_US, 3]);
        let owned = OwnedIndex::new(&[0, 12], &[12, 13], &time_us, Codes::Byte(&[0; 13]));
        assert_eq!((owned.run_rows, owned.run_is_first), (vec![0, 8, 10, 11, 12], vec![1, 0, 0, 0, 1]));
        assert_eq!(owned.run_lasted_us, [7 * nine_us as u32, nine_us as u32, 0, 0, 0]);
        assert_eq!(owned.run_rest_us, [LONG_REST_US, nine_us as u32, REST as u32 + 1, LONG_REST_US, LONG_REST_US]);
    }

    #[test]
    fn a_row_leads_to_the_next_one_of_its_run() {
        // Rows 3 and 6 are nobody's, and the second run of the first actor begins at row 2.
        let time_us = [5, REST + 5, 2 * REST + 6, 2 * REST + 7, 7, 8, 9];
        let owned = OwnedIndex::new(&[0, 4], &[3, 6], &time_us, Codes::Byte(&[1, 0, 1, 1, 0, 2, 0]));
        assert_eq!(owned.rows_by_name, [1, 4, 6, 0, 2, 3, 5]);
        assert_eq!(owned.next_by_name, [NO_CODE, 2, NO_CODE, 0, NO_CODE, NO_CODE, NO_CODE]);
        // They end at rows 1, 2 and 5.
        assert_eq!((owned.run_rows, owned.end_places, owned.end_runs), (vec![0, 2, 4], vec![0, 4, 6], vec![0, 1, 2]));
    }
}
