//! Durations of many units, and their quantiles.

use serde::{Serialize, Serializer};

use super::Interval;
use super::quantiles::{arrange, arranged_ranks, median_interval_at, median_interval_sorted, quantile_at, quantile_sorted};

/// Fewer values than this are kept as they come.
const FEW: usize = 1 << 12;

/// Leading bits of a value, after the first one, that tell its drawer: drawers are at most 25 % wide.
const DRAWER_BITS: u32 = 2;
/// Leading bits of a value, after the first one, that tell its bucket: buckets are at most 0.1 % wide.
const BUCKET_BITS: u32 = 10;

/// Durations in microseconds, none below 0, in no order.
///
/// Useful for: millions of additions, totals that are merged, a few quantiles in the end.
/// Not useful for: looking at single values.
/// Many values are put into drawers by their size as they come, so that a quantile looks at those of one drawer only.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    /// Fewer than [`FEW`] values; empty once there are drawers.
    few: Vec<i64>,
    /// Values below 2³², 71 minutes, by [`leading`] bits; empty before there are many values.
    short: Vec<Drawer<u32>>,
    /// The other ones, by the leading bits that come after.
    long: Vec<Drawer<i64>>,
    sum_us: i128,
}

/// Drawers of values below 2³².
const N_SHORT: usize = leading(u32::MAX as i64, DRAWER_BITS) + 1;
/// Drawers of the other values.
const N_LONG: usize = leading(i64::MAX, DRAWER_BITS) + 1 - N_SHORT;

/// Most values in one piece of memory: what is added is moved once at the most, and what is merged not at all.
const PIECE: usize = 1 << 14;

/// Values of about one size, in no order.
#[derive(Debug, Clone, Default)]
struct Drawer<T> {
    /// Where values are added.
    last: Vec<T>,
    /// The values before.
    pieces: Vec<Vec<T>>,
}

impl<T: Copy + Into<i64>> Drawer<T> {
    #[inline]
    fn push(&mut self, value: T) {
        if self.last.len() == self.last.capacity() {
            self.grow();
        }
        self.last.push(value);
    }

    #[cold]
    fn grow(&mut self) {
        if self.last.len() < PIECE {
            self.last.reserve(self.last.len().max(64));
        } else {
            self.pieces.push(std::mem::replace(&mut self.last, Vec::with_capacity(PIECE)));
        }
    }

    /// Takes over the values of another drawer. O(pieces).
    fn merge(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
        self.pieces.push(other.last);
    }

    fn len(&self) -> usize {
        self.last.len() + self.pieces.iter().map(Vec::len).sum::<usize>()
    }

    fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.pieces.iter().chain([&self.last]).flatten().map(|value| (*value).into())
    }

    fn size_bytes(&self) -> usize {
        let pieces = self.pieces.iter().chain([&self.last]);
        pieces.map(|piece| size_of::<T>() * piece.capacity() + size_of::<Vec<T>>()).sum()
    }
}

/// Quantiles of some durations.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantiles {
    /// The quantiles asked for, Hyndman–Fan type 7; `None` without values. METRICS C5.
    pub values_us: Vec<Option<f64>>,
    /// The distribution-free 95 % interval of the median; `None` for fewer than 6 values. METRICS C5.
    pub median_interval_us: Option<Interval>,
}

impl Durations {
    /// Adds a duration. O(1).
    #[inline]
    pub fn push(&mut self, time_us: i64) {
        self.sum_us += i128::from(time_us);
        if self.has_drawers() {
            self.put(time_us);
        } else {
            self.push_few(time_us);
        }
    }

    /// Adds durations. O(1) for each.
    pub fn push_all(&mut self, times_us: &[i64]) {
        let n_few = if self.has_drawers() { 0 } else { times_us.len().min(FEW - self.few.len()) };
        let (few, times_us) = times_us.split_at(n_few);
        few.iter().for_each(|time_us| self.push(*time_us));
        times_us.iter().for_each(|time_us| self.put(*time_us));
        self.sum_us += times_us.iter().map(|time_us| i128::from(*time_us)).sum::<i128>();
    }

    fn has_drawers(&self) -> bool {
        !self.short.is_empty()
    }

    /// Puts a duration into its drawer.
    #[inline]
    fn put(&mut self, time_us: i64) {
        let idx = leading(time_us, DRAWER_BITS);
        match self.short.get_mut(idx) {
            Some(drawer) => drawer.push(time_us as u32),
            None => self.long[idx - N_SHORT].push(time_us),
        }
    }

    fn push_few(&mut self, time_us: i64) {
        self.few.push(time_us);
        if self.few.len() == FEW {
            self.short.resize_with(N_SHORT, Drawer::default);
            self.long.resize_with(N_LONG, Drawer::default);
            std::mem::take(&mut self.few).into_iter().for_each(|time_us| self.put(time_us));
        }
    }

    /// Adds other durations. O(pieces of memory).
    pub fn merge(&mut self, mut other: Durations) {
        if self.len() < other.len() {
            std::mem::swap(self, &mut other);
        }
        other.few.iter().for_each(|time_us| self.push(*time_us));
        if !other.has_drawers() {
            return;
        }
        self.sum_us += other.sum_us;
        self.short.iter_mut().zip(other.short).for_each(|(into, from)| into.merge(from));
        self.long.iter_mut().zip(other.long).for_each(|(into, from)| into.merge(from));
    }

    /// Returns the number of durations. O(drawers).
    pub fn len(&self) -> usize {
        let (short, long) = (self.short.iter().map(Drawer::len), self.long.iter().map(Drawer::len));
        self.few.len() + short.chain(long).sum::<usize>()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Walks the durations, in no order.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        let (short, long) = (self.short.iter().flat_map(Drawer::iter), self.long.iter().flat_map(Drawer::iter));
        self.few.iter().copied().chain(short).chain(long)
    }

    /// Returns the mean; `None` without durations. O(drawers).
    pub fn mean_us(&self) -> Option<f64> {
        let n = self.len();
        (n > 0).then(|| self.sum_us as f64 / n as f64)
    }

    /// Returns the bytes that they take.
    pub fn size_bytes(&self) -> usize {
        let (short, long) = (self.short.iter().map(Drawer::size_bytes), self.long.iter().map(Drawer::size_bytes));
        8 * self.few.capacity() + short.chain(long).sum::<usize>()
    }

    /// Returns the quantiles at `ps` and the interval of the median. O(values of the drawers that hold them).
    pub fn quantiles(&self, ps: &[f64]) -> Quantiles {
        let n = self.len();
        if !self.has_drawers() {
            let mut values = self.few.clone();
            arrange(&mut values, ps);
            return Quantiles {
                values_us: ps.iter().map(|p| quantile_sorted(&values, *p)).collect(),
                median_interval_us: median_interval_sorted(&values),
            };
        }
        let ranks = arranged_ranks(n, ps);
        // Values before each bucket that holds a rank, and those in it, ascending.
        let mut wanted: Vec<(usize, Vec<i64>)> = Vec::new();
        let before = wanted_of(&self.short, &ranks, 0, &mut wanted);
        wanted_of(&self.long, &ranks, before, &mut wanted);
        let at = |rank: usize| {
            let place = wanted.partition_point(|(before, _)| *before <= rank) - 1;
            let (before, values) = &wanted[place];
            values[rank - before]
        };
        Quantiles { values_us: ps.iter().map(|p| quantile_at(n, *p, at)).collect(), median_interval_us: median_interval_at(n, at) }
    }
}

/// Adds to `wanted` what [`buckets_with`] finds in ascending drawers, which `before` values come before; returns how many
/// come before the drawer after them.
fn wanted_of<T: Copy + Into<i64>>(drawers: &[Drawer<T>], ranks: &[usize], mut before: usize, wanted: &mut Vec<(usize, Vec<i64>)>) -> usize {
    for drawer in drawers {
        let end = before + drawer.len();
        let within: Vec<usize> = ranks.iter().filter(|rank| (before..end).contains(rank)).map(|rank| rank - before).collect();
        wanted.extend(buckets_with(drawer, &within).into_iter().map(|(first, values)| (before + first, values)));
        before = end;
    }
    before
}

/// Returns the buckets of some values that hold `ranks`, which ascend: values before each, and those in it, ascending.
///
/// O(values): they are counted in buckets first, so that only the few in the buckets wanted are sorted.
fn buckets_with<T: Copy + Into<i64>>(values: &Drawer<T>, ranks: &[usize]) -> Vec<(usize, Vec<i64>)> {
    if ranks.is_empty() {
        return Vec::new();
    }
    // All values are of one drawer, so that their buckets are few and next to each other.
    let first = values.iter().map(|value| leading(value, BUCKET_BITS)).min().expect("a drawer with ranks has values");
    let mut counts: Vec<usize> = Vec::new();
    for value in values.iter() {
        let bucket = leading(value, BUCKET_BITS) - first;
        if counts.len() <= bucket {
            counts.resize(bucket + 1, 0);
        }
        counts[bucket] += 1;
    }
    let mut wanted: Vec<(usize, Vec<i64>)> = Vec::new();
    let mut before = 0;
    for count in &mut counts {
        let end = before + *count;
        let holds_rank = ranks.iter().any(|rank| (before..end).contains(rank));
        // From here on the count tells which list the bucket has, if any.
        *count = if holds_rank { wanted.len() } else { usize::MAX };
        if holds_rank {
            wanted.push((before, Vec::new()));
        }
        before = end;
    }
    for value in values.iter() {
        if let Some((_, of_bucket)) = wanted.get_mut(counts[leading(value, BUCKET_BITS) - first]) {
            of_bucket.push(value);
        }
    }
    wanted.iter_mut().for_each(|(_, values)| values.sort_unstable());
    wanted
}

/// Returns what the first one of a value and the `n_bits` bits after it tell: ascending with the value, all of it where
/// it is small.
#[inline]
const fn leading(value: i64, n_bits: u32) -> usize {
    let value = if value < 0 { 0 } else { value as u64 };
    let bits = u64::BITS - value.leading_zeros();
    // The first bit of the shifted value is set, so each number of bits begins where the one before ends.
    let shift = bits.saturating_sub(n_bits + 1);
    ((shift as usize) << n_bits) + (value >> shift) as usize
}

impl FromIterator<i64> for Durations {
    fn from_iter<I: IntoIterator<Item = i64>>(times_us: I) -> Self {
        let mut times = Self::default();
        times_us.into_iter().for_each(|time_us| times.push(time_us));
        times
    }
}

impl Serialize for Durations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawers_and_buckets_ascend_with_their_values() {
        let mut values: Vec<i64> = (0..63).flat_map(|bit| [(1_i64 << bit) - 1, 1 << bit, (1 << bit) + (1 << bit) / 3]).collect();
        values.extend([i64::MAX, i64::MAX - 1]);
        values.extend(0..5000);
        values.sort_unstable();
        for pair in values.windows(2) {
            for n_bits in [DRAWER_BITS, BUCKET_BITS] {
                assert!(leading(pair[0], n_bits) <= leading(pair[1], n_bits), "{pair:?}");
            }
        }
        let buckets = [1023, 1024, 2047, 2048, 2049].map(|value| leading(value, BUCKET_BITS));
        assert_eq!(buckets, [1023, 1024, 2047, 2048, 2048]);
    }

    #[test]
    fn many_times_have_the_quantiles_of_sorted_ones() {
        for n in [0, 1, 5, 6, FEW as i64 - 1, FEW as i64, 3 * FEW as i64 + 17, 100_003] {
            // Few distinct values, many, and some that are far out.
            let kinds: [fn(i64) -> i64; 3] = [|idx| idx % 7, |idx| idx * 7919 % 1_000_003, |idx| 1 << (idx * 31 % 62)];
            for kind in kinds {
                let mut sorted: Vec<i64> = (0..n).map(kind).collect();
                let (one, two): (Vec<i64>, Vec<i64>) = sorted.iter().partition(|value| **value % 3 == 0);
                let mut times: Durations = one.into_iter().collect();
                times.merge(two.into_iter().collect());
                sorted.sort_unstable();
                let ps = [0.0, 0.1, 0.5, 0.9, 1.0];
                let expected = Quantiles {
                    values_us: ps.iter().map(|p| quantile_sorted(&sorted, *p)).collect(),
                    median_interval_us: median_interval_sorted(&sorted),
                };
                assert_eq!(times.quantiles(&ps), expected, "{n} values");
                assert_eq!(times.len() as i64, n);
            }
        }
    }
}
