//! Shares: intervals of one, comparison of two, and the sizes that a comparison needs.

use super::special::beta_quantile;
use super::{ALPHA, ChiSquare, Interval, Z_95};

/// Φ⁻¹(0.8), the standard normal quantile of a power of 80 %.
const Z_POWER: f64 = 0.8416212335729143;

/// Returns `x / n`, or `None` when `n` is 0.
pub fn ratio(x: u64, n: u64) -> Option<f64> {
    (n > 0).then(|| x as f64 / n as f64)
}

/// Returns Wilson's 95 % interval of the share `x / n`; `None` when `n` is 0 or below `x`.
///
/// Source: Wilson 1927; Brown, Cai & DasGupta 2001. METRICS 1.3.
pub fn wilson(x: u64, n: u64) -> Option<Interval> {
    let p = share(x, n)?;
    let (n_f, z2) = (n as f64, Z_95 * Z_95);
    let centre = p + z2 / (2.0 * n_f);
    let half = Z_95 * (p * (1.0 - p) / n_f + z2 / (4.0 * n_f * n_f)).sqrt();
    let scale = 1.0 + z2 / n_f;
    let lo = if x == 0 { 0.0 } else { ((centre - half) / scale).max(0.0) };
    let hi = if x == n { 1.0 } else { ((centre + half) / scale).min(1.0) };
    Some((lo, hi))
}

/// Returns the adjusted Wald 95 % interval of the share `x / n`, clipped to [0, 1]; `None` when `n` is 0 or below `x`.
///
/// Source: Agresti & Coull 1998, with the exact z². METRICS 1.3.
pub fn adjusted_wald(x: u64, n: u64) -> Option<Interval> {
    let (lo, hi) = adjusted_wald_unclipped(x, n)?;
    Some((lo.max(0.0), hi.min(1.0)))
}

/// Returns the adjusted Wald 95 % interval as computed, which can leave [0, 1]; `None` when `n` is 0 or below `x`.
///
/// Source: Agresti & Coull 1998. METRICS 1.3.
pub fn adjusted_wald_unclipped(x: u64, n: u64) -> Option<Interval> {
    share(x, n)?;
    let z2 = Z_95 * Z_95;
    let n_adjusted = n as f64 + z2;
    let centre = (x as f64 + z2 / 2.0) / n_adjusted;
    let half = Z_95 * (centre * (1.0 - centre) / n_adjusted).sqrt();
    Some((centre - half, centre + half))
}

/// Returns the exact 95 % interval of the share `x / n`, whose coverage is guaranteed; `None` when `n` is 0 or below `x`.
///
/// Source: Clopper & Pearson 1934. METRICS 1.3.
pub fn clopper_pearson(x: u64, n: u64) -> Option<Interval> {
    share(x, n)?;
    let (successes, failures) = (x as f64, (n - x) as f64);
    let lo = if x == 0 { 0.0 } else { beta_quantile(ALPHA / 2.0, successes, failures + 1.0) };
    let hi = if x == n { 1.0 } else { beta_quantile(1.0 - ALPHA / 2.0, successes + 1.0, failures) };
    Some((lo, hi))
}

/// Returns Jeffreys' 95 % interval of the share `x / n`, without a rule for the edges; `None` when `n` is 0 or below `x`.
///
/// Source: Brown, Cai & DasGupta 2001, as statsmodels. METRICS 1.3.
pub fn jeffreys(x: u64, n: u64) -> Option<Interval> {
    share(x, n)?;
    let (a, b) = (x as f64 + 0.5, (n - x) as f64 + 0.5);
    Some((beta_quantile(ALPHA / 2.0, a, b), beta_quantile(1.0 - ALPHA / 2.0, a, b)))
}

/// Returns Newcombe's hybrid score 95 % interval of `x1 / n1 − x2 / n2`; `None` when a base is 0 or below its count.
///
/// Source: Newcombe 1998, method 10. METRICS 1.3.
pub fn newcombe(x1: u64, n1: u64, x2: u64, n2: u64) -> Option<Interval> {
    let (p1, p2) = (share(x1, n1)?, share(x2, n2)?);
    let ((l1, u1), (l2, u2)) = (wilson(x1, n1)?, wilson(x2, n2)?);
    let difference = p1 - p2;
    let below = ((p1 - l1).powi(2) + (u2 - p2).powi(2)).sqrt();
    let above = ((u1 - p1).powi(2) + (p2 - l2).powi(2)).sqrt();
    Some((difference - below, difference + above))
}

/// Tests `x1 / n1 = x2 / n2` by the N − 1 χ²; `None` when a row or a column of the table is empty.
///
/// Source: Campbell 2007; Sauro & Lewis 2016. METRICS 1.3.
pub fn n_minus_1_chi2(x1: u64, n1: u64, x2: u64, n2: u64) -> Option<ChiSquare> {
    share(x1, n1)?;
    share(x2, n2)?;
    let (n1_f, n2_f, x) = (n1 as f64, n2 as f64, (x1 + x2) as f64);
    let n = n1_f + n2_f;
    let determinant = x1 as f64 * n2_f - x2 as f64 * n1_f;
    ChiSquare::new((n - 1.0) * determinant * determinant / (n1_f * n2_f * x * (n - x)), 1)
}

/// Returns Fisher's exact two-sided p of `x1 / n1 = x2 / n2`; `None` when a base is 0 or below its count.
///
/// Sums the tables with the same margins that are at most as probable as this one.
/// O(standard deviation of a cell), at most O(smallest margin).
///
/// Source: Fisher 1935. METRICS 1.3, 6.
pub fn fisher_exact_p(x1: u64, n1: u64, x2: u64, n2: u64) -> Option<f64> {
    share(x1, n1)?;
    share(x2, n2)?;
    let margins = Margins { n1: n1 as f64, n2: n2 as f64, x: (x1 + x2) as f64 };
    let weights = margins.weights();
    let observed = weights.iter().find(|(cell, _)| *cell == x1 as f64).map_or(0.0, |(_, weight)| *weight);
    let as_extreme = observed * (1.0 + RELATIVE_TIE);
    let all: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let extreme: f64 = weights.iter().map(|(_, weight)| weight).filter(|weight| **weight <= as_extreme).sum();
    Some((extreme / all).min(1.0))
}

/// Tables whose probabilities differ by less are equally probable; what differs is rounding. As in R.
const RELATIVE_TIE: f64 = 1e-7;

/// Is what all tables of Fisher's test share.
struct Margins {
    n1: f64,
    n2: f64,
    x: f64,
}

impl Margins {
    /// Returns (first cell, probability relative to the mode) of the tables whose weight is not 0 in floating point.
    fn weights(&self) -> Vec<(f64, f64)> {
        let Self { n1, n2, x } = *self;
        let (first, last) = ((x - n2).max(0.0), x.min(n1));
        let mode = ((n1 + 1.0) * (x + 1.0) / (n1 + n2 + 2.0)).floor().clamp(first, last);
        let up = |cell: f64| (n1 - cell) * (x - cell) / ((cell + 1.0) * (n2 - x + cell + 1.0));
        let mut weights = vec![(mode, 1.0)];
        let (mut cell, mut weight) = (mode, 1.0);
        while cell < last && weight > 0.0 {
            weight *= up(cell);
            cell += 1.0;
            weights.push((cell, weight));
        }
        (cell, weight) = (mode, 1.0);
        while cell > first && weight > 0.0 {
            cell -= 1.0;
            weight /= up(cell);
            weights.push((cell, weight));
        }
        weights
    }
}

/// Returns the size of each of two equal groups that finds `p2` against `p1` with 80 % power at 5 %, two-sided.
///
/// `None` unless both are shares and differ.
///
/// Source: unpooled normal formula, Fleiss 1981. METRICS C8.
pub fn sample_size_per_group(p1: f64, p2: f64) -> Option<f64> {
    let shares = (0.0..=1.0).contains(&p1) && (0.0..=1.0).contains(&p2);
    let n = power_factor() * (p1 * (1.0 - p1) + p2 * (1.0 - p2)) / (p2 - p1).powi(2);
    (shares && n.is_finite()).then_some(n)
}

/// Returns the smallest increase over the share `p` of group 1 that group 2 shows with 80 % power at 5 %, two-sided.
///
/// Solves `d² = (z + z_power)² · (p(1−p)/n1 + (p+d)(1−p−d)/n2)`, the inverse of [`sample_size_per_group`].
/// `None` when a group is empty, `p` is no share, or not even a share of 1 would show.
/// The smallest decrease is that of `1 − p`.
///
/// Source: METRICS C8.
pub fn smallest_detectable_difference(n1: u64, n2: u64, p: f64) -> Option<f64> {
    if n1 == 0 || n2 == 0 || !(0.0..=1.0).contains(&p) {
        return None;
    }
    let (k1, k2) = (power_factor() / n1 as f64, power_factor() / n2 as f64);
    let (a, b, c) = (1.0 + k2, k2 * (1.0 - 2.0 * p), (k1 + k2) * p * (1.0 - p));
    let difference = (b + (b * b + 4.0 * a * c).sqrt()) / (2.0 * a);
    (difference > 0.0 && p + difference <= 1.0).then_some(difference)
}

fn power_factor() -> f64 {
    (Z_95 + Z_POWER).powi(2)
}

/// Returns `x / n` when `x` are some of `n`.
fn share(x: u64, n: u64) -> Option<f64> {
    if x <= n { ratio(x, n) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::{close, close_interval};
    use proptest::prelude::*;

    // METRICS 1.3, table of intervals (statsmodels, scipy): x, n, Wilson, adjusted Wald, Clopper–Pearson, Jeffreys.
    type Row = (u64, u64, Interval, Interval, Interval, Interval);
    const TABLE: [Row; 10] = [
        (
            0,
            5,
            (0.0, 0.43448246478317487),
            (-0.0545723948496854, 0.48905485963286016),
            (0.0, 0.5218237501049815),
            (9.342060003954474e-05, 0.3793771422990394),
        ),
        (
            5,
            5,
            (0.5655175352168252, 1.0),
            (0.5109451403671397, 1.0545723948496855),
            (0.4781762498950185, 1.0),
            (0.6206228577009606, 0.9999065793999604),
        ),
        (
            7,
            10,
            (0.39677814746114537, 0.8922087325936989),
            (0.3923252979772696, 0.8966615820775747),
            (0.3475471499400027, 0.9332604888222655),
            (0.3941816818513287, 0.9073054060618468),
        ),
        (
            9,
            10,
            (0.5958499732047614, 0.982123786904927),
            (0.5740322626051678, 1.0039414975045209),
            (0.5549838829718047, 0.9974714214555382),
            (0.6186852289333836, 0.9889883262368389),
        ),
        (
            10,
            10,
            (0.7224672001371106, 1.0),
            (0.6791126942494543, 1.0433545058876565),
            (0.6915028921812392, 1.0),
            (0.7828037324907894, 0.9999521095668424),
        ),
        (
            0,
            10,
            (0.0, 0.27753279986288926),
            (-0.04335450588765652, 0.3208873057505457),
            (0.0, 0.30849710781876083),
            (4.7890433157581876e-05, 0.2171962675092106),
        ),
        (1, 1, (0.2065493143772374, 1.0), (0.167499485479413, 1.0390498288978245), (0.025, 1.0), (0.14674631630957513, 0.9996144190192441)),
        (
            85,
            100,
            (0.7671644040916763, 0.9069401471634337),
            (0.7660187875232367, 0.9080857637318733),
            (0.7646924998510451, 0.9135456143583514),
            (0.7704693407690483, 0.9096304836473574),
        ),
        (
            3,
            20,
            (0.052368745896216595, 0.36041886474075696),
            (0.04393901127651956, 0.368848599360454),
            (0.0320709371854637, 0.37892682654531396),
            (0.04413134197515587, 0.348577710858454),
        ),
        (
            420,
            1000,
            (0.3897726821587803, 0.4508395991989084),
            (0.3897711533256488, 0.45084112803204),
            (0.38918359022261956, 0.4512887696161887),
            (0.389677118956852, 0.45078522007668537),
        ),
    ];

    #[test]
    fn intervals_agree_with_the_published_table() {
        for (x, n, wilson_, adjusted, exact, bayes) in TABLE {
            close_interval(wilson(x, n), wilson_);
            close_interval(adjusted_wald_unclipped(x, n), adjusted);
            close_interval(adjusted_wald(x, n), (adjusted.0.max(0.0), adjusted.1.min(1.0)));
            close_interval(clopper_pearson(x, n), exact);
            close_interval(jeffreys(x, n), bayes);
        }
        for interval in [wilson, adjusted_wald, adjusted_wald_unclipped, clopper_pearson, jeffreys] {
            assert_eq!(interval(0, 0), None);
            assert_eq!(interval(3, 2), None);
        }
    }

    // scipy 1.17.1 `beta.ppf`: the exact interval keeps its digits where counts are large.
    #[test]
    fn the_exact_interval_holds_for_large_counts() {
        close_interval(clopper_pearson(420_000, 1_000_000), (0.4190323759604267, 0.4209680874454496));
        close_interval(clopper_pearson(1, 1_000_000), (2.5317807663794178e-08, 5.571630655166939e-06));
    }

    // METRICS 1.3, two proportions 56/70 and 48/80.
    #[test]
    fn two_shares_agree_with_the_published_values() {
        close_interval(newcombe(56, 70, 48, 80), (0.05243147240236498, 0.33387265403690614));
        assert_eq!(newcombe(1, 1, 0, 0), None);
        let test = n_minus_1_chi2(56, 70, 48, 80).unwrap();
        close(test.chi2, 6.976588628762542);
        close(test.p, 0.008258287929380782);
        assert_eq!(n_minus_1_chi2(0, 70, 0, 80), None);
        assert_eq!(n_minus_1_chi2(1, 1, 0, 0), None);
    }

    // METRICS 1.3, 6 and 3.8.
    #[test]
    fn fisher_agrees_with_the_published_values() {
        close(fisher_exact_p(56, 70, 48, 80).unwrap(), 0.012521129749209154);
        close(fisher_exact_p(8, 10, 1, 6).unwrap(), 0.034965034965034975);
        close(fisher_exact_p(30, 150, 21, 350).unwrap(), 7.171277278577618e-06);
        close(fisher_exact_p(5, 150, 0, 350).unwrap(), 0.002317776074255111);
        assert_eq!(fisher_exact_p(0, 5, 0, 5), Some(1.0));
        assert_eq!(fisher_exact_p(0, 100_000, 100_000, 100_000), Some(0.0), "below the smallest number");
        assert_eq!(fisher_exact_p(1, 1, 0, 0), None);
    }

    // METRICS C8, unpooled.
    #[test]
    fn sizes_agree_with_the_published_value() {
        close(sample_size_per_group(0.10, 0.12).unwrap(), 3838.1021900967044);
        assert_eq!(sample_size_per_group(0.1, 0.1), None);
        assert_eq!(sample_size_per_group(0.1, 1.1), None);
        assert_eq!(smallest_detectable_difference(0, 10, 0.1), None);
        assert_eq!(smallest_detectable_difference(5, 5, 0.9), None, "nothing above 0.9 shows with 5 against 5");
    }

    proptest! {
        // METRICS 8, property 10.
        #[test]
        fn wilson_is_symmetric_monotone_and_within_0_and_1(n in 1_u64..5_000, part in 0.0..1.0_f64) {
            let x = ((n as f64) * part) as u64;
            let (lo, hi) = wilson(x, n).unwrap();
            let (mirrored_lo, mirrored_hi) = wilson(n - x, n).unwrap();
            prop_assert!((lo + mirrored_hi - 1.0).abs() < 1e-12 && (hi + mirrored_lo - 1.0).abs() < 1e-12);
            prop_assert!(0.0 <= lo && lo <= hi && hi <= 1.0);
            let (next_lo, next_hi) = wilson(x + 1, n).unwrap();
            prop_assert!(lo < next_lo && hi < next_hi);
        }

        #[test]
        fn wilson_is_never_wider_than_adjusted_wald(n in 1_u64..5_000, part in 0.0..1.0_f64) {
            let x = ((n as f64) * part) as u64;
            let ((lo, hi), (wide_lo, wide_hi)) = (wilson(x, n).unwrap(), adjusted_wald_unclipped(x, n).unwrap());
            prop_assert!(hi - lo <= wide_hi - wide_lo + 1e-12);
        }

        #[test]
        fn the_detectable_difference_inverts_the_sample_size(n in 50_u64..1_000_000, p in 0.01..0.6_f64) {
            let difference = smallest_detectable_difference(n, n, p).unwrap();
            close(sample_size_per_group(p, p + difference).unwrap(), n as f64);
        }

        #[test]
        fn fisher_does_not_depend_on_the_order_of_groups(x1 in 0_u64..40, more1 in 1_u64..40, x2 in 0_u64..40, more2 in 1_u64..40) {
            let (n1, n2) = (x1 + more1, x2 + more2);
            let p = fisher_exact_p(x1, n1, x2, n2).unwrap();
            prop_assert!((0.0..=1.0).contains(&p));
            close(fisher_exact_p(x2, n2, x1, n1).unwrap(), p);
            close(fisher_exact_p(more1, n1, more2, n2).unwrap(), p);
        }
    }
}
