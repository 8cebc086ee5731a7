//! Durations of many units, and their quantiles.

use serde::{Serialize, Serializer};

use super::Interval;
use super::quantiles::{arrange, arranged_ranks, median_interval_at, median_interval_sorted, quantile_at, quantile_sorted};

/// Values of a block; a full one is never copied again.
const BLOCK: usize = 1 << 15;

/// Fewer values than this are arranged as they are.
const FEW: usize = 1 << 12;

/// Leading bits of a value, after the first one, that tell its bucket: buckets are at most 0.1 % wide.
const BUCKET_BITS: u32 = 10;

/// Durations in microseconds, none below 0, in no order.
///
/// Useful for: millions of additions, totals that are merged, a few quantiles in the end.
/// Not useful for: looking at single values.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    /// All but the last one are never added to.
    blocks: Vec<Vec<i64>>,
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
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(time_us),
            _ => self.blocks.push(vec![time_us]),
        }
    }

    /// Adds other durations. O(blocks).
    pub fn merge(&mut self, mut other: Durations) {
        self.blocks.append(&mut other.blocks);
    }

    /// Returns the number of durations.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.iter().all(Vec::is_empty)
    }

    /// Walks the durations, in no order.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.blocks.iter().flatten().copied()
    }

    /// Returns the mean; `None` without durations.
    pub fn mean_us(&self) -> Option<f64> {
        let sum_us: i128 = self.blocks.iter().map(|block| block.iter().map(|time_us| i128::from(*time_us)).sum::<i128>()).sum();
        let n = self.len();
        (n > 0).then(|| sum_us as f64 / n as f64)
    }

    /// Returns the bytes that they take.
    pub fn size_bytes(&self) -> usize {
        8 * self.blocks.iter().map(Vec::capacity).sum::<usize>() + size_of::<Vec<i64>>() * self.blocks.capacity()
    }

    /// Returns the quantiles at `ps` and the interval of the median. O(values).
    ///
    /// Many values are counted in buckets first, so that only the few in the buckets of the ranks looked at are sorted.
    pub fn quantiles(&self, ps: &[f64]) -> Quantiles {
        let n = self.len();
        if n < FEW {
            let mut values: Vec<i64> = self.iter().collect();
            arrange(&mut values, ps);
            return Quantiles {
                values_us: ps.iter().map(|p| quantile_sorted(&values, *p)).collect(),
                median_interval_us: median_interval_sorted(&values),
            };
        }
        let mut counts = vec![0_usize; bucket(i64::MAX) + 1];
        self.iter().for_each(|time_us| counts[bucket(time_us)] += 1);
        let ranks = arranged_ranks(n, ps);
        // Values before each bucket that holds a rank, and those in it.
        let mut wanted: Vec<(usize, Vec<i64>)> = Vec::new();
        let (mut before, mut next) = (0, ranks.iter().peekable());
        for count in &mut counts {
            let end = before + *count;
            let holds_rank = next.peek().is_some_and(|rank| **rank < end);
            while next.next_if(|rank| **rank < end).is_some() {}
            // From here on the count tells which list the bucket has, if any.
            *count = if holds_rank { wanted.len() } else { usize::MAX };
            if holds_rank {
                wanted.push((before, Vec::new()));
            }
            before = end;
        }
        for time_us in self.iter() {
            if let Some((_, values)) = wanted.get_mut(counts[bucket(time_us)]) {
                values.push(time_us);
            }
        }
        wanted.iter_mut().for_each(|(_, values)| values.sort_unstable());
        let at = |rank: usize| {
            let place = wanted.partition_point(|(before, _)| *before <= rank) - 1;
            let (before, values) = &wanted[place];
            values[rank - before]
        };
        Quantiles { values_us: ps.iter().map(|p| quantile_at(n, *p, at)).collect(), median_interval_us: median_interval_at(n, at) }
    }
}

/// Returns the bucket of a value: ascending with the value, narrow where values are small.
#[inline]
fn bucket(value: i64) -> usize {
    let value = value.max(0) as u64;
    let bits = u64::BITS - value.leading_zeros();
    if bits <= BUCKET_BITS {
        return value as usize;
    }
    let shift = bits - BUCKET_BITS - 1;
    // The first bit of the shifted value is set, so each number of bits begins where the one before ends.
    ((shift as usize) << BUCKET_BITS) + (value >> shift) as usize
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
        assert_eq!(bucket(1023), 1023);
        assert_eq!((bucket(1024), bucket(2047), bucket(2048)), (1024, 2047, 2048));
    }

    #[test]
    fn many_times_have_the_quantiles_of_sorted_ones() {
        for n in [0, 1, 5, 6, FEW as i64 - 1, FEW as i64, 3 * BLOCK as i64 + 17] {
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
