//! Chains of stages with ends, and intervals of what follows a stage.

use super::special::chi2_quantile;
use super::{ALPHA, Interval, linear};

/// Is what a chain of stages says about journeys that start in each stage.
#[derive(Clone, Debug, PartialEq)]
pub struct AbsorbingChain {
    /// N = (I − Q)⁻¹, stages × stages: how often a journey from the row is in the column before it ends.
    pub visits: Vec<Vec<f64>>,
    /// B = N·R, stages × ends: the probability that a journey from the row ends in the column.
    pub absorption: Vec<Vec<f64>>,
    /// t = N·1: how many steps a journey takes to its end.
    pub steps: Vec<f64>,
    /// (2N − I)·t − t²: the variance of the number of steps.
    pub steps_variance: Vec<f64>,
}

/// How far the probabilities of a row may be from 1 in sum.
const ROW_TOLERANCE: f64 = 1e-9;

/// Returns what follows from the probabilities `q` (stages × stages) and `r` (stages × ends) of the next step.
///
/// `None` when the rows are not probabilities that add up to 1, or some stage never reaches an end. O(stages³).
///
/// Source: Kemeny & Snell 1960. METRICS 2.1.
pub fn absorbing_chain(q: &[Vec<f64>], r: &[Vec<f64>]) -> Option<AbsorbingChain> {
    let n = q.len();
    let ends = r.first()?.len();
    let shaped = r.len() == n && q.iter().all(|row| row.len() == n) && r.iter().all(|row| row.len() == ends);
    if !shaped || !q.iter().zip(r).all(|(stages, ends)| is_distribution(stages, ends)) {
        return None;
    }
    let mut i_minus_q: Vec<Vec<f64>> = q.iter().map(|row| row.iter().map(|p| -p).collect()).collect();
    (0..n).for_each(|i| i_minus_q[i][i] += 1.0);
    let identity: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let visits = linear::solve(&i_minus_q, &identity)?;
    let absorption = linear::solve(&i_minus_q, r)?;
    let steps: Vec<f64> = visits.iter().map(|row| row.iter().sum()).collect();
    let steps_variance = visits.iter().zip(&steps).map(|(row, t)| {
        let weighted: f64 = row.iter().zip(&steps).map(|(visits, t)| visits * t).sum();
        (2.0 * weighted - t - t * t).max(0.0)
    });
    Some(AbsorbingChain { steps_variance: steps_variance.collect(), visits, absorption, steps })
}

fn is_distribution(stages: &[f64], ends: &[f64]) -> bool {
    let all = || stages.iter().chain(ends);
    all().all(|p| *p >= 0.0) && (all().sum::<f64>() - 1.0).abs() <= ROW_TOLERANCE
}

/// Returns simultaneous 95 % intervals of the shares of exclusive counts; `None` without counts or for a single kind.
///
/// Source: Goodman 1965. METRICS 2.1.
pub fn goodman_intervals(counts: &[u64]) -> Option<Vec<Interval>> {
    let n = counts.iter().sum::<u64>() as f64;
    if counts.len() < 2 || n == 0.0 {
        return None;
    }
    let chi2 = chi2_quantile(ALPHA / counts.len() as f64, 1);
    let interval = |count: &u64| {
        let count = *count as f64;
        let root = (chi2 * (chi2 + 4.0 * count * (n - count) / n)).sqrt();
        let middle = chi2 + 2.0 * count;
        (((middle - root) / (2.0 * (n + chi2))).max(0.0), ((middle + root) / (2.0 * (n + chi2))).min(1.0))
    };
    Some(counts.iter().map(interval).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::{close, close_interval};

    fn close_rows(actual: &[Vec<f64>], expected: [[f64; 2]; 2]) {
        actual.iter().flatten().zip(expected.iter().flatten()).for_each(|(actual, expected)| close(*actual, *expected));
    }

    // METRICS 2.1: stages aware and consider, ends purchase and lost.
    #[test]
    fn the_chain_agrees_with_the_published_values() {
        let chain = absorbing_chain(&[vec![0.3, 0.4], vec![0.15, 0.35]], &[vec![0.0, 0.3], vec![0.25, 0.25]]).unwrap();
        close_rows(&chain.visits, [[1.6455696202531644, 1.0126582278481016], [0.379746835443038, 1.7721518987341773]]);
        close_rows(&chain.absorption, [[0.2531645569620254, 0.7468354430379747], [0.44303797468354433, 0.5569620253164558]]);
        close(chain.steps[0], 2.6582278481012658);
        close(chain.steps[1], 2.151898734177215);
        close(chain.steps_variance[0], 3.3824707578913653);
        close(chain.steps_variance[1], 2.8633231853869585);
    }

    #[test]
    fn what_is_no_chain_to_an_end_is_nothing() {
        assert_eq!(absorbing_chain(&[vec![1.0]], &[vec![0.0]]), None, "never ends");
        assert_eq!(absorbing_chain(&[vec![0.5]], &[vec![0.4]]), None, "not 1 in sum");
        assert_eq!(absorbing_chain(&[vec![1.5]], &[vec![-0.5]]), None, "no probability");
        assert_eq!(absorbing_chain(&[vec![0.5]], &[]), None, "not the same stages");
        assert_eq!(absorbing_chain(&[], &[]), None);
    }

    // METRICS 2.1, Goodman; digits from its formula with scipy 1.17.1.
    #[test]
    fn simultaneous_intervals_agree_with_the_published_values() {
        let intervals = goodman_intervals(&[40, 30, 30]).unwrap();
        close_interval(intervals[0], (0.29123404512973566, 0.5196069224808688));
        close_interval(intervals[1], (0.2036003849477483, 0.41808155027346067));
        assert_eq!(intervals[1], intervals[2]);
        assert_eq!(goodman_intervals(&[0, 0]), None);
        assert_eq!(goodman_intervals(&[3]), None);
    }
}
