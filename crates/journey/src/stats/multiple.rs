//! p-values of many tests, adjusted for their number.
//!
//! Each function takes and returns one p per test, in the same order.
//! What is not a number from 0 to 1 stays `None` and does not count as a test. O(m log m).

/// Returns p-values adjusted for the false discovery rate of independent or positively dependent tests.
///
/// Source: Benjamini & Hochberg 1995. METRICS 3.6.
pub fn benjamini_hochberg(p: &[Option<f64>]) -> Vec<Option<f64>> {
    step_up(p, 1.0)
}

/// Returns p-values adjusted for the false discovery rate of tests with any dependence.
///
/// Source: Benjamini & Yekutieli 2001. METRICS 3.6.
pub fn benjamini_yekutieli(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let m = ranked(p).len();
    step_up(p, (1..=m).map(|i| 1.0 / i as f64).sum())
}

/// Returns p-values adjusted for the probability of any false discovery, less strictly than Bonferroni.
///
/// Source: Holm 1979. METRICS 3.6.
pub fn holm(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let ranked = ranked(p);
    let m = ranked.len();
    let mut highest = 0.0_f64;
    let adjusted = ranked.into_iter().enumerate().map(|(below, (idx, p))| {
        highest = highest.max(p * (m - below) as f64).min(1.0);
        (idx, highest)
    });
    scatter(p.len(), adjusted)
}

/// Returns p-values adjusted for the probability of any false discovery.
///
/// Source: Bonferroni 1936. METRICS 3.6.
pub fn bonferroni(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let ranked = ranked(p);
    let m = ranked.len() as f64;
    scatter(p.len(), ranked.into_iter().map(|(idx, p)| (idx, (p * m).min(1.0))))
}

/// Returns the lowest of `p · m / rank · penalty` from each rank upwards, at most 1.
fn step_up(p: &[Option<f64>], penalty: f64) -> Vec<Option<f64>> {
    let ranked = ranked(p);
    let m = ranked.len() as f64;
    let mut lowest = 1.0_f64;
    let adjusted = ranked.into_iter().enumerate().rev().map(|(below, (idx, p))| {
        lowest = lowest.min(p * m / (below + 1) as f64 * penalty);
        (idx, lowest)
    });
    scatter(p.len(), adjusted)
}

/// Returns (position, p) of the tests that have a p, in ascending p.
fn ranked(p: &[Option<f64>]) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = p.iter().enumerate().filter_map(|(idx, p)| Some((idx, (*p)?))).collect();
    ranked.retain(|(_, p)| (0.0..=1.0).contains(p));
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    ranked
}

fn scatter(len: usize, values: impl Iterator<Item = (usize, f64)>) -> Vec<Option<f64>> {
    let mut scattered = vec![None; len];
    values.for_each(|(idx, value)| scattered[idx] = Some(value));
    scattered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::close;
    use proptest::prelude::*;

    const PUBLISHED: [f64; 15] =
        [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1.0];

    fn n_rejected(adjusted: &[Option<f64>]) -> usize {
        adjusted.iter().flatten().filter(|p| **p <= 0.05).count()
    }

    // METRICS 3.6, the example of Benjamini & Hochberg 1995.
    #[test]
    fn adjusted_values_agree_with_the_published_ones() {
        let p = PUBLISHED.map(Some);
        let expected = [
            0.0015,
            0.003,
            0.0095,
            0.035625,
            0.0603,
            0.06385714285714286,
            0.06385714285714286,
            0.0645,
            0.0765,
            0.486,
            0.5811818181818182,
            0.714875,
            0.7532307692307693,
            0.8132142857142857,
            1.0,
        ];
        for (adjusted, expected) in benjamini_hochberg(&p).into_iter().zip(expected) {
            close(adjusted.unwrap(), expected);
        }
        assert_eq!(n_rejected(&benjamini_hochberg(&p)), 4);
        assert_eq!(n_rejected(&benjamini_yekutieli(&p)), 3);
        assert_eq!(n_rejected(&holm(&p)), 3);
        assert_eq!(n_rejected(&bonferroni(&p)), 3);
    }

    // METRICS 3.6, ties.
    #[test]
    fn ties_have_equal_adjusted_values_and_what_is_no_p_does_not_count() {
        let p = [Some(0.02), None, Some(0.01), Some(f64::NAN), Some(0.04), Some(0.02), Some(1.5)];
        let adjusted = benjamini_hochberg(&p);
        for idx in [0, 2, 5] {
            close(adjusted[idx].unwrap(), 0.08 / 3.0);
        }
        close(adjusted[4].unwrap(), 0.04);
        for adjust in [benjamini_hochberg, benjamini_yekutieli, holm, bonferroni] {
            let adjusted = adjust(&p);
            assert_eq!(adjusted.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, false, true, true, false]);
            assert_eq!(adjusted[0], adjusted[5]);
            assert_eq!(adjust(&[]), []);
        }
    }

    proptest! {
        // METRICS 8, property 11.
        #[test]
        fn adjustment_keeps_the_order_and_never_lowers_p(p in prop::collection::vec(0.0..=1.0_f64, 1..40)) {
            let given: Vec<Option<f64>> = p.iter().copied().map(Some).collect();
            for adjust in [benjamini_hochberg, benjamini_yekutieli, holm, bonferroni] {
                let adjusted: Vec<f64> = adjust(&given).into_iter().flatten().collect();
                for (i, j) in (0..p.len()).flat_map(|i| (0..p.len()).map(move |j| (i, j))) {
                    prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                }
                prop_assert!(p.iter().zip(&adjusted).all(|(p, adjusted)| *adjusted >= p * (1.0 - 1e-12) && *adjusted <= 1.0));
                prop_assert_eq!(adjust(&vec![Some(1.0); p.len()]), vec![Some(1.0); p.len()], "all 1 stay 1");
            }
        }
    }
}
