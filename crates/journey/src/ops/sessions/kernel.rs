//! What sessions add up to: counts per length, and quantiles of counted values.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::derive::SessionColumns;
use crate::stats::Durations;

/// Lengths of sessions that share a cell: label, fewest events.
pub const LENGTHS: [(&str, u64); 13] = [
    ("1", 1),
    ("2", 2),
    ("3", 3),
    ("4", 4),
    ("5", 5),
    ("6", 6),
    ("7", 7),
    ("8", 8),
    ("9", 9),
    ("10-19", 10),
    ("20-49", 20),
    ("50-99", 50),
    ("100+", 100),
];

/// Returns the position in [`LENGTHS`] of a session with `n_events` events, at least 1.
#[inline]
pub fn length_idx(n_events: u64) -> usize {
    // Asked for every session: a search would guess wrongly at every other step. The first ten are their own numbers.
    let (own, shared) = LENGTHS.split_at(10);
    let later: usize = shared.iter().map(|(_, fewest)| usize::from(*fewest <= n_events)).sum();
    (n_events as usize).min(own.len()) - 1 + later
}

/// The bit of the [`length_idx`] of each number of events below [`SMALL`]; none for 0.
static LENGTH_BITS: [u16; SMALL] = {
    let (mut bits, mut idx) = ([0; SMALL], 0);
    while idx < LENGTHS.len() {
        let mut n_events = LENGTHS[idx].1 as usize;
        while n_events < SMALL {
            bits[n_events] = 1 << idx;
            n_events += 1;
        }
        idx += 1;
    }
    bits
};

/// Numbers below this are counted in an array.
const SMALL: usize = 256;

/// How often each number, at least 1, occurred; most are small.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// As long as the largest of the small numbers that occurred asks for: there may be many groups with few sessions.
    small: Vec<u64>,
    large: BTreeMap<u64, u64>,
}

impl Counted {
    /// Counts a number. O(1) for small ones.
    #[inline]
    pub fn add(&mut self, number: u64) {
        let idx = number as usize;
        if idx >= SMALL {
            *self.large.entry(number).or_default() += 1;
            return;
        }
        if self.small.len() <= idx {
            self.small.resize(idx + 1, 0);
        }
        self.small[idx] += 1;
    }

    /// Counts numbers, of which 0 is none. O(1) for each small one.
    pub fn add_all(&mut self, numbers: &[u32]) {
        // In turn, as the same number often comes twice and would wait for itself; large ones are counted together first.
        let mut counts = [[0_u32; SMALL + 1]; 2];
        let place = |number: u32| (number as usize).min(SMALL);
        let (pairs, last) = numbers.as_chunks::<2>();
        for [one, other] in pairs {
            counts[0][place(*one)] += 1;
            counts[1][place(*other)] += 1;
        }
        last.iter().for_each(|number| counts[0][place(*number)] += 1);
        self.small.resize(SMALL, 0);
        let [one, other] = &counts;
        let both = one.iter().zip(other).map(|(one, other)| u64::from(one + other));
        self.small.iter_mut().zip(both).skip(1).for_each(|(into, n)| *into += n);
        if one[SMALL] + other[SMALL] > 0 {
            numbers.iter().filter(|number| **number as usize >= SMALL).for_each(|number| self.add(u64::from(*number)));
        }
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: Counted) {
        self.small.resize(self.small.len().max(other.small.len()), 0);
        self.small.iter_mut().zip(other.small).for_each(|(into, from)| *into += from);
        for (number, n) in other.large {
            *self.large.entry(number).or_default() += n;
        }
    }

    /// Returns the numbers that occurred, ascending, with their counts.
    pub fn to_map(&self) -> BTreeMap<u64, u64> {
        let small = self.small.iter().enumerate().filter(|(_, n)| **n > 0).map(|(number, n)| (number as u64, *n));
        small.chain(self.large.iter().map(|(number, n)| (*number, *n))).collect()
    }

    /// Estimates the bytes that it takes.
    pub fn size_bytes(&self) -> usize {
        8 * self.small.capacity() + 32 * self.large.len()
    }
}

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().serialize(serializer)
    }
}

/// What one session counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// Group of its first row.
    pub group: u32,
    /// Events that are user activity, at least 1.
    pub n_events: u64,
    /// Time from first to last user activity in microseconds.
    pub duration_us: i64,
    /// Whether the session is engaged.
    pub engaged: bool,
    /// First day (since 1970-01-01) of the local day, week or month in which it began; 0 without a trend.
    pub began: i32,
}

/// What is counted beside numbers and lengths.
#[derive(Debug, Clone, Copy)]
pub struct With {
    /// Sessions per day, week or month.
    pub trend: bool,
    /// Durations.
    pub times: bool,
}

/// Counts of some people's sessions.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Partial {
    /// Sessions.
    pub n_sessions: u64,
    /// People with a session.
    pub people: u64,
    /// People with a session of one event.
    pub single_people: u64,
    /// Engaged sessions.
    pub engaged: u64,
    /// People with an engaged session.
    pub engaged_people: u64,
    /// Sessions per number of events.
    pub lengths: Counted,
    /// People per cell of the length distribution, shape `[lengths]`.
    pub length_people: [u64; LENGTHS.len()],
    /// Microseconds of each session of two events or more.
    pub durations_us: Durations,
    /// People with a session of two events or more.
    pub duration_people: u64,
    /// Sessions and people per day, week or month.
    pub trend: BTreeMap<i32, (u64, u64)>,
}

impl Partial {
    /// Adds the sessions of one person, in time order. O(sessions).
    #[inline]
    pub fn add_person(&mut self, visits: impl Iterator<Item = Visit>, with: With) {
        let (mut n_sessions, mut lengths_seen, mut engaged, mut timed) = (0, 0_u32, false, false);
        let mut last_began = None;
        for visit in visits {
            n_sessions += 1;
            self.lengths.add(visit.n_events);
            lengths_seen |= 1 << length_idx(visit.n_events);
            if visit.engaged {
                self.engaged += 1;
                engaged = true;
            }
            if visit.n_events > 1 {
                if with.times {
                    self.durations_us.push(visit.duration_us);
                }
                timed = true;
            }
            if with.trend {
                let (sessions, people) = self.trend.entry(visit.began).or_default();
                *sessions += 1;
                *people += u64::from(last_began != Some(visit.began));
                last_began = Some(visit.began);
            }
        }
        self.n_sessions += n_sessions;
        self.people += u64::from(n_sessions > 0);
        self.single_people += u64::from(lengths_seen & 1);
        self.engaged_people += u64::from(engaged);
        self.duration_people += u64::from(timed);
        // Without a branch: how many lengths a person has cannot be guessed.
        for (idx, people) in self.length_people.iter_mut().enumerate() {
            *people += u64::from(lengths_seen >> idx & 1);
        }
    }

    /// Adds all sessions of some people but for their times, where every event counts and none is asked for by name: a
    /// session is engaged with its second event. `seen` is written over.
    ///
    /// O(runs + people), without a branch that depends on how many sessions there are.
    pub fn add_people(&mut self, sessions: &SessionColumns, seen: &mut Vec<u16>) {
        self.n_sessions += sessions.n_sessions as u64;
        self.lengths.add_all(&sessions.n_rows);
        self.engaged += sessions.n_rows.iter().map(|n_rows| u64::from(*n_rows > 1)).sum::<u64>();
        // What a person has is written where the last one's stands until the next one's begins; nobody is the first.
        seen.resize(sessions.n_rows.len() + 1, 0);
        let (mut person, mut lengths_seen) = (0, 0);
        for (n_rows, is_persons_first) in sessions.n_rows.iter().zip(&sessions.is_actors_first) {
            let length = LENGTH_BITS[(*n_rows as usize).min(SMALL - 1)];
            lengths_seen = (lengths_seen & u16::from(*is_persons_first).wrapping_sub(1)) | length;
            person += usize::from(*is_persons_first);
            seen[person] = lengths_seen;
        }
        let seen = &seen[1..=person];
        // Summed in sixteen bits, of which a register holds many; no part is long enough to overflow them.
        let of_part = |seen: &[u16], lengths: u16| u64::from(seen.iter().map(|seen| u16::from(seen & lengths != 0)).sum::<u16>());
        let with = |lengths: u16| seen.chunks(1 << 15).map(|seen| of_part(seen, lengths)).sum::<u64>();
        for (idx, people) in self.length_people.iter_mut().enumerate() {
            *people += with(1 << idx);
        }
        self.people += person as u64;
        self.single_people += with(1);
        let timed_people = with(!1);
        self.engaged_people += timed_people;
        self.duration_people += timed_people;
    }

    /// Adds the times of sessions that [`Self::add_people`] added; `timed_us` is written over. O(runs).
    pub fn add_durations(&mut self, sessions: &SessionColumns, timed_us: &mut Vec<i64>) {
        timed_us.resize(sessions.duration_us.len(), 0);
        let mut n_timed = 0;
        for (n_rows, duration_us) in sessions.n_rows.iter().zip(&sessions.duration_us) {
            timed_us[n_timed] = *duration_us;
            n_timed += usize::from(*n_rows > 1);
        }
        self.durations_us.push_all(&timed_us[..n_timed]);
    }

    /// Adds other people.
    pub fn merge(&mut self, other: Partial) {
        self.n_sessions += other.n_sessions;
        self.people += other.people;
        self.single_people += other.single_people;
        self.engaged += other.engaged;
        self.engaged_people += other.engaged_people;
        self.duration_people += other.duration_people;
        self.lengths.merge(other.lengths);
        self.length_people.iter_mut().zip(other.length_people).for_each(|(into, from)| *into += from);
        self.durations_us.merge(other.durations_us);
        for (began, (sessions, people)) in other.trend {
            let into = self.trend.entry(began).or_default();
            into.0 += sessions;
            into.1 += people;
        }
    }
}

/// Returns the mean of counted values; `None` without any.
pub fn mean_counted(counts: &BTreeMap<u64, u64>) -> Option<f64> {
    let n: u64 = counts.values().sum();
    let sum: u128 = counts.iter().map(|(value, n)| u128::from(*value) * u128::from(*n)).sum();
    (n > 0).then(|| sum as f64 / n as f64)
}

/// Returns the `p`-quantile of counted values, Hyndman–Fan type 7; `None` without any. METRICS C5. O(distinct values).
pub fn quantile_counted(counts: &BTreeMap<u64, u64>, p: f64) -> Option<f64> {
    let last = counts.values().sum::<u64>().checked_sub(1)?;
    let position = p * last as f64;
    let below = (position.floor() as u64).min(last);
    let value_at = |rank: u64| {
        let mut passed = 0;
        let found = counts.iter().find(|(_, n)| {
            passed += **n;
            rank < passed
        });
        found.map_or(0.0, |(value, _)| *value as f64)
    };
    let (lo, hi) = (value_at(below), value_at((below + 1).min(last)));
    Some(lo + (position - below as f64) * (hi - lo))
}
