//! Quantiles of sorted values, with intervals that assume no distribution.

use super::{Interval, Z_95};

/// Puts those values in their ascending places that the quantiles at `ps` and the interval of the median look at.
///
/// Afterwards [`quantile_sorted`] and [`median_interval_sorted`] find what they would find in sorted values. O(values).
pub fn arrange(values: &mut [i64], ps: &[f64]) {
    if !values.is_empty() {
        place(values, 0, &arranged_ranks(values.len(), ps));
    }
}

/// Returns the ranks that the quantiles of `n` values, at least 1, at `ps` and the interval of the median look at, ascending.
pub(super) fn arranged_ranks(n: usize, ps: &[f64]) -> Vec<usize> {
    let last = n - 1;
    let below = |p: &f64| ((p * last as f64).floor() as usize).min(last);
    let mut ranks: Vec<usize> = ps.iter().map(below).flat_map(|below| [below, (below + 1).min(last)]).collect();
    let lower = binomial_half_quantile(n, 0.025);
    if lower > 0 {
        ranks.extend([lower - 1, n - lower]);
    }
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

/// Puts the values of some ranks, ascending and counted from `first`, in their places.
pub(super) fn place(values: &mut [i64], first: usize, ranks: &[usize]) {
    let Some(rank) = ranks.get(ranks.len() / 2) else { return };
    let (before, _, after) = values.select_nth_unstable(rank - first);
    place(before, first, &ranks[..ranks.len() / 2]);
    place(after, rank + 1, &ranks[ranks.len() / 2 + 1..]);
}

/// Returns the `p`-quantile of ascending values, Hyndman–Fan type 7; `None` without values. METRICS C5.
pub fn quantile_sorted(sorted: &[i64], p: f64) -> Option<f64> {
    quantile_at(sorted.len(), p, |rank| sorted[rank])
}

/// Returns what [`quantile_sorted`] does for `n` values of which `at` returns the one of a rank.
pub(super) fn quantile_at(n: usize, p: f64, at: impl Fn(usize) -> i64) -> Option<f64> {
    let last = n.checked_sub(1)?;
    let position = p * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let (lo, hi) = (at(below) as f64, at(above) as f64);
    Some(lo + (position - below as f64) * (hi - lo))
}

/// Returns the distribution-free 95 % interval of the median of ascending values; `None` for fewer than 6. METRICS C5.
pub fn median_interval_sorted(sorted: &[i64]) -> Option<Interval> {
    median_interval_at(sorted.len(), |rank| sorted[rank])
}

/// Returns what [`median_interval_sorted`] does for `n` values of which `at` returns the one of a rank.
pub(super) fn median_interval_at(n: usize, at: impl Fn(usize) -> i64) -> Option<Interval> {
    let lower = binomial_half_quantile(n, 0.025);
    (lower > 0).then(|| (at(lower - 1) as f64, at(n - lower) as f64))
}

/// Returns the smallest `k` with P(Binomial(n, ½) ≤ k) ≥ `p`.
///
/// Exact summation to n = 1000; beyond, the normal approximation with continuity correction, whose error in k is below 1.
fn binomial_half_quantile(n: usize, p: f64) -> usize {
    if n > 1000 {
        let (mean, sd) = (n as f64 / 2.0, (n as f64).sqrt() / 2.0);
        return (mean - Z_95 * sd - 0.5).ceil().max(0.0) as usize;
    }
    let mut probability = 0.5_f64.powi(n as i32);
    let mut cumulated = probability;
    let mut k = 0;
    while cumulated < p && k < n {
        k += 1;
        probability *= (n - k + 1) as f64 / k as f64;
        cumulated += probability;
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::close_interval;

    #[test]
    fn arranged_values_have_the_quantiles_of_sorted_ones() {
        for n in (0..40).chain([999, 1000, 1001, 5000]) {
            let mut arranged: Vec<i64> = (0..n).map(|idx| idx * 7919 % 1009).collect();
            let mut sorted = arranged.clone();
            sorted.sort_unstable();
            arrange(&mut arranged, &[0.5, 0.9]);
            assert_eq!(median_interval_sorted(&arranged), median_interval_sorted(&sorted), "{n} values");
            for p in [0.5, 0.9] {
                assert_eq!(quantile_sorted(&arranged, p), quantile_sorted(&sorted, p), "{p} of {n} values");
            }
            arranged.sort_unstable();
            assert_eq!(arranged, sorted);
        }
    }

    // METRICS C5: type 7 and order-statistic interval of the median.
    #[test]
    fn quantiles_agree_with_the_published_values() {
        let mut times = vec![40, 36, 53, 56, 110, 48, 34, 44, 30, 40, 80];
        times.sort_unstable();
        assert_eq!(quantile_sorted(&times, 0.9), Some(80.0));
        assert_eq!(quantile_sorted(&times, 0.5), Some(44.0));
        close_interval(median_interval_sorted(&times), (34.0, 80.0));
        assert_eq!(median_interval_sorted(&times[..5]), None);
        assert_eq!(quantile_sorted(&[], 0.5), None);
        assert_eq!(quantile_sorted(&[7], 0.5), Some(7.0));
    }
}
