//! Durations of many units, and their quantiles.

use serde::{Serialize, Serializer};

use super::Interval;
use super::quantiles::{arrange, arranged_ranks, median_interval_at, median_interval_sorted, place, quantile_at, quantile_sorted};

/// Fewer values than this are not counted by their buckets; all of them are in one piece.
const FEW: usize = PIECE / 2;

/// Most values in one piece of memory: what is added is moved once at the most, and what is merged not at all.
const PIECE: usize = 1 << 14;

/// Values that are added together.
const AT_ONCE: usize = 1 << 10;

/// Values that are compared before one of them is looked at, where few are wanted.
const BLOCK: usize = 32;

/// Durations in microseconds, none below 0, in no order.
///
/// Useful for: millions of additions, totals that are merged, a few quantiles in the end.
/// Not useful for: looking at single values.
/// Many values are counted by their size as they come, so that a quantile knows within 0.4 % where it is, and sorts only
/// what lies there.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    /// Every value that is below [`LONG`], and [`LONG`] for each other one.
    short: Pieces<u32>,
    /// The values from [`LONG`] on.
    long: Pieces<i64>,
    /// How many each bucket has, up to that of the largest value; empty before there are many.
    counts: Vec<u64>,
    sum_us: i128,
}

/// The shortest value that does not take four bytes: 71 minutes.
const LONG: u32 = u32::MAX;

/// Values in the order in which they came.
#[derive(Debug, Clone, Default)]
struct Pieces<T> {
    /// Where values are added.
    last: Vec<T>,
    /// The values before.
    full: Vec<Vec<T>>,
}

impl<T: Copy> Pieces<T> {
    /// Sees to it that `n` more values find a place, at most [`AT_ONCE`].
    #[inline]
    fn make_room(&mut self, n: usize) {
        if self.last.capacity() - self.last.len() < n {
            self.grow(n);
        }
    }

    #[cold]
    fn grow(&mut self, n: usize) {
        if self.last.len() + n <= PIECE {
            self.last.reserve(n.max(self.last.len()).min(PIECE - self.last.len()));
        } else {
            self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(PIECE)));
        }
    }

    /// Takes over the values of others. O(pieces).
    fn merge(&mut self, other: Self) {
        self.full.extend(other.full);
        self.full.extend(Some(other.last).filter(|last| !last.is_empty()));
    }

    fn len(&self) -> usize {
        self.pieces().map(<[T]>::len).sum()
    }

    fn pieces(&self) -> impl Iterator<Item = &[T]> + '_ {
        self.full.iter().chain([&self.last]).map(Vec::as_slice)
    }

    fn size_bytes(&self) -> usize {
        self.full.iter().chain([&self.last]).map(|piece| size_of::<T>() * piece.capacity() + size_of::<Vec<T>>()).sum()
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
        self.short.make_room(1);
        self.short.last.push(time_us.min(LONG.into()) as u32);
        if time_us >= LONG.into() {
            self.long.make_room(1);
            self.long.last.push(time_us);
        }
        if !self.counts.is_empty() {
            count_one(&mut self.counts, bucket(time_us));
        } else if self.short.last.len() >= FEW {
            self.count_all();
        }
    }

    /// Adds durations. O(1) for each.
    pub fn push_all(&mut self, times_us: &[i64]) {
        // In loops that do one thing each, for so few values that the second one finds them in the cache.
        for times_us in times_us.chunks(AT_ONCE) {
            // The halves of so few numbers add up without an overflow.
            let of_low_bits: i64 = times_us.iter().map(|time_us| time_us & i64::from(u32::MAX)).sum();
            let of_high_bits: i64 = times_us.iter().map(|time_us| time_us >> u32::BITS).sum();
            self.sum_us += (i128::from(of_high_bits) << u32::BITS) + i128::from(of_low_bits);
            self.short.make_room(times_us.len());
            self.short.last.extend(times_us.iter().map(|time_us| (*time_us).min(LONG.into()) as u32));
            let is_long = |time_us: &&i64| **time_us >= LONG.into();
            for times_us in times_us.chunks(BLOCK).filter(|times_us| any(times_us, is_long)) {
                self.long.make_room(times_us.len());
                self.long.last.extend(times_us.iter().filter(is_long));
            }
            if !self.counts.is_empty() {
                count(&mut self.counts, times_us);
            } else if self.short.last.len() >= FEW {
                self.count_all();
            }
        }
    }

    /// Begins to count values by their buckets.
    #[cold]
    fn count_all(&mut self) {
        let all: Vec<i64> = self.iter().collect();
        count(&mut self.counts, &all);
    }

    /// Adds other durations. O(pieces of memory + buckets).
    pub fn merge(&mut self, mut other: Durations) {
        if self.counts.len() < other.counts.len() {
            std::mem::swap(self, &mut other);
        }
        if other.counts.is_empty() {
            let times_us: Vec<i64> = other.iter().collect();
            self.push_all(&times_us);
            return;
        }
        self.sum_us += other.sum_us;
        self.counts.iter_mut().zip(&other.counts).for_each(|(into, from)| *into += from);
        self.short.merge(other.short);
        self.long.merge(other.long);
    }

    /// Returns the number of durations. O(pieces of memory).
    pub fn len(&self) -> usize {
        self.short.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Walks the durations, in no order.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        let short = self.short.pieces().flatten().filter(|time_us| **time_us < LONG).map(|time_us| i64::from(*time_us));
        short.chain(self.long.pieces().flatten().copied())
    }

    /// Returns the mean; `None` without durations. O(pieces of memory).
    pub fn mean_us(&self) -> Option<f64> {
        let n = self.len();
        (n > 0).then(|| self.sum_us as f64 / n as f64)
    }

    /// Returns the bytes that they take.
    pub fn size_bytes(&self) -> usize {
        self.short.size_bytes() + self.long.size_bytes() + size_of::<u64>() * self.counts.capacity()
    }

    /// Returns the quantiles at `ps` and the interval of the median. O(values).
    pub fn quantiles(&self, ps: &[f64]) -> Quantiles {
        let n = self.len();
        if self.counts.is_empty() {
            let mut values: Vec<i64> = self.iter().collect();
            arrange(&mut values, ps);
            return Quantiles {
                values_us: ps.iter().map(|p| quantile_sorted(&values, *p)).collect(),
                median_interval_us: median_interval_sorted(&values),
            };
        }
        let arranged = self.arranged(&arranged_ranks(n, ps));
        let at = |rank: usize| {
            let part = &arranged[arranged.partition_point(|part| part.first_rank <= rank) - 1];
            part.values[rank - part.first_rank]
        };
        Quantiles { values_us: ps.iter().map(|p| quantile_at(n, *p, at)).collect(), median_interval_us: median_interval_at(n, at) }
    }

    /// Returns the parts that hold `ranks`, which ascend, with the values of these ranks in their places.
    fn arranged(&self, ranks: &[usize]) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let (mut bucket, mut first_rank) = (0, 0);
        for rank in ranks {
            while first_rank + self.counts[bucket] as usize <= *rank {
                first_rank += self.counts[bucket] as usize;
                bucket += 1;
            }
            let (first, last) = (first_of_bucket(bucket), last_of_bucket(bucket));
            match parts.last_mut() {
                // Neighbours are one part, so that values are compared with few.
                Some(part) if first - part.last <= 1 => part.last = last,
                _ => parts.push(Part { first_rank, first, last, values: Vec::new() }),
            }
        }
        for piece in self.short.pieces() {
            for part in &mut parts {
                if let Ok(first) = u32::try_from(part.first) {
                    let last = u32::try_from(part.last).unwrap_or(LONG).min(LONG - 1);
                    add_between(piece, first, last, &mut part.values);
                }
            }
        }
        for piece in self.long.pieces() {
            parts.iter_mut().for_each(|part| add_between(piece, part.first, part.last, &mut part.values));
        }
        for part in &mut parts {
            let end = part.first_rank + part.values.len();
            let within = ranks.partition_point(|rank| *rank < part.first_rank)..ranks.partition_point(|rank| *rank < end);
            place(&mut part.values, part.first_rank, &ranks[within]);
        }
        parts
    }
}

/// All values between two bounds.
struct Part {
    /// How many values are smaller.
    first_rank: usize,
    /// The smallest that there may be.
    first: i64,
    /// The largest that there may be.
    last: i64,
    values: Vec<i64>,
}

/// Adds the values between two bounds. O(values).
fn add_between<T: Copy + Ord + Into<i64>>(values: &[T], first: T, last: T, found: &mut Vec<i64>) {
    let lies_there = |value: &&T| (first <= **value) & (**value <= last);
    for block in values.chunks(BLOCK).filter(|block| any(block, lies_there)) {
        found.extend(block.iter().filter(lies_there).map(|value| (*value).into()));
    }
}

/// Tells whether some of few values are meant; looks at all of them, without a branch.
#[inline]
fn any<T>(values: &[T], is_meant: impl Fn(&&T) -> bool) -> bool {
    values.iter().fold(false, |found, value| found | is_meant(&value))
}

/// Counts values by their buckets. O(values).
#[inline]
fn count(counts: &mut Vec<u64>, times_us: &[i64]) {
    for times_us in times_us.chunks(BLOCK) {
        let mut buckets = [0_u16; BLOCK];
        buckets.iter_mut().zip(times_us).for_each(|(into, time_us)| *into = bucket(*time_us) as u16);
        buckets[..times_us.len()].iter().for_each(|bucket| count_one(counts, usize::from(*bucket)));
    }
}

#[inline]
fn count_one(counts: &mut Vec<u64>, bucket: usize) {
    if counts.len() <= bucket {
        counts.resize(bucket + 1, 0);
    }
    counts[bucket] += 1;
}

/// Bits of a number with a fraction before those that tell its bucket: its exponent and the [`BUCKET_BITS`] after it.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - BUCKET_BITS;
/// Leading bits of a value, after the first one, that tell its bucket: buckets are at most 0.4 % wide.
const BUCKET_BITS: u32 = 8;
/// The largest value that has all its bits as a number with a fraction; those above, of 142 years, share its bucket.
const LARGEST: i64 = (1 << (f64::MANTISSA_DIGITS - 1)) - 1;
/// The bucket before that of 1.
const BEFORE_ONE: u64 = (1.0_f64.to_bits() >> SHIFT) - 1;

/// Returns the bucket of a value, ascending with the value: that of 0, and then by its first set bit and the
/// [`BUCKET_BITS`] after it. The last one is below 2¹⁶.
#[inline]
fn bucket(value: i64) -> usize {
    // A whole number becomes one with a fraction by 2⁵² more and then 2⁵² less, for several numbers at once.
    const UNIT: f64 = (LARGEST + 1) as f64;
    let number = f64::from_bits(value.min(LARGEST) as u64 | UNIT.to_bits()) - UNIT;
    (number.to_bits() >> SHIFT).saturating_sub(BEFORE_ONE) as usize
}

/// Returns the smallest value of a bucket.
fn first_of_bucket(bucket: usize) -> i64 {
    let bits = if bucket == 0 { 0 } else { (bucket as u64 + BEFORE_ONE) << SHIFT };
    f64::from_bits(bits).ceil() as i64
}

/// Returns the largest value of a bucket.
fn last_of_bucket(b: usize) -> i64 {
    if b == bucket(i64::MAX) { i64::MAX } else { first_of_bucket(b + 1) - 1 }
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
    fn buckets_ascend_with_their_values() {
        let mut values: Vec<i64> = (0..63).flat_map(|bit| [(1_i64 << bit) - 1, 1 << bit, (1 << bit) + (1 << bit) / 3]).collect();
        values.extend([i64::MAX, i64::MAX - 1]);
        values.extend(0..5000);
        values.sort_unstable();
        for pair in values.windows(2) {
            assert!(bucket(pair[0]) <= bucket(pair[1]), "{pair:?}");
        }
        for value in values {
            let bucket = bucket(value);
            assert!(bucket <= usize::from(u16::MAX));
            assert!((first_of_bucket(bucket)..=last_of_bucket(bucket)).contains(&value), "{value}");
        }
        assert_eq!([0, 1, 2, 255].map(bucket), [0, 1, 257, 7 * 256 + 255]);
        assert_eq!([511, 512, 513, 514].map(|value| bucket(value) - bucket(511)), [0, 1, 1, 2]);
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
                let mut others = Durations::default();
                two.chunks(700).for_each(|some| others.push_all(some));
                times.merge(others);
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
