//! Intervals and quantiles, each with its source and its vectors in tests.

/// Φ⁻¹(0.975), the standard normal quantile of two-sided 95 % intervals.
pub const Z_95: f64 = 1.959963984540054;

/// Returns `x / n`, or `None` when `n` is 0.
pub fn ratio(x: u64, n: u64) -> Option<f64> {
    (n > 0).then(|| x as f64 / n as f64)
}

/// Returns Wilson's 95 % interval of the share `x / n`; `None` when `n` is 0.
///
/// Source: Wilson 1927; Brown, Cai & DasGupta 2001. METRICS 1.3.
pub fn wilson(x: u64, n: u64) -> Option<(f64, f64)> {
    let p = ratio(x, n)?;
    let (n_f, z2) = (n as f64, Z_95 * Z_95);
    let centre = p + z2 / (2.0 * n_f);
    let half = Z_95 * (p * (1.0 - p) / n_f + z2 / (4.0 * n_f * n_f)).sqrt();
    let scale = 1.0 + z2 / n_f;
    let lo = if x == 0 { 0.0 } else { ((centre - half) / scale).max(0.0) };
    let hi = if x == n { 1.0 } else { ((centre + half) / scale).min(1.0) };
    Some((lo, hi))
}

/// Returns Newcombe's hybrid score 95 % interval of `x1 / n1 − x2 / n2`; `None` when a base is 0.
///
/// Source: Newcombe 1998, method 10. METRICS 1.3.
pub fn newcombe(x1: u64, n1: u64, x2: u64, n2: u64) -> Option<(f64, f64)> {
    let (p1, p2) = (ratio(x1, n1)?, ratio(x2, n2)?);
    let ((l1, u1), (l2, u2)) = (wilson(x1, n1)?, wilson(x2, n2)?);
    let difference = p1 - p2;
    let below = ((p1 - l1).powi(2) + (u2 - p2).powi(2)).sqrt();
    let above = ((u1 - p1).powi(2) + (p2 - l2).powi(2)).sqrt();
    Some((difference - below, difference + above))
}

/// Returns the `p`-quantile of ascending values, Hyndman–Fan type 7; `None` without values. METRICS C5.
pub fn quantile_sorted(sorted: &[i64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = p * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let (lo, hi) = (sorted[below] as f64, sorted[above] as f64);
    Some(lo + (position - below as f64) * (hi - lo))
}

/// Returns the distribution-free 95 % interval of the median of ascending values; `None` for fewer than 6. METRICS C5.
pub fn median_interval_sorted(sorted: &[i64]) -> Option<(f64, f64)> {
    let n = sorted.len();
    let lower = binomial_half_quantile(n, 0.025);
    (lower > 0).then(|| (sorted[lower - 1] as f64, sorted[n - lower] as f64))
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

    #[track_caller]
    fn close(actual: Option<(f64, f64)>, expected: (f64, f64)) {
        let (lo, hi) = actual.expect("an interval");
        assert!((lo - expected.0).abs() < 1e-9 && (hi - expected.1).abs() < 1e-9, "{lo} {hi} against {expected:?}");
    }

    // METRICS 1.3, table of Wilson intervals (statsmodels proportion_confint).
    #[test]
    fn wilson_agrees_with_the_published_table() {
        close(wilson(0, 5), (0.0, 0.434482465));
        close(wilson(5, 5), (0.565517535, 1.0));
        close(wilson(7, 10), (0.396778147, 0.892208733));
        close(wilson(9, 10), (0.595849973, 0.982123787));
        close(wilson(1, 1), (0.206549314, 1.0));
        close(wilson(85, 100), (0.767164404, 0.906940147));
        close(wilson(3, 20), (0.052368746, 0.360418865));
        close(wilson(420, 1000), (0.389772682, 0.450839599));
        assert_eq!(wilson(0, 0), None);
    }

    // METRICS 1.3, two proportions 56/70 and 48/80.
    #[test]
    fn newcombe_agrees_with_the_published_value() {
        close(newcombe(56, 70, 48, 80), (0.052431472, 0.333872654));
        assert_eq!(newcombe(1, 1, 0, 0), None);
    }

    // METRICS C5: type 7 and order-statistic interval of the median.
    #[test]
    fn quantiles_agree_with_the_published_values() {
        let mut times = vec![40, 36, 53, 56, 110, 48, 34, 44, 30, 40, 80];
        times.sort_unstable();
        assert_eq!(quantile_sorted(&times, 0.9), Some(80.0));
        assert_eq!(quantile_sorted(&times, 0.5), Some(44.0));
        close(median_interval_sorted(&times), (34.0, 80.0));
        assert_eq!(median_interval_sorted(&times[..5]), None);
        assert_eq!(quantile_sorted(&[], 0.5), None);
        assert_eq!(quantile_sorted(&[7], 0.5), Some(7.0));
    }
}
