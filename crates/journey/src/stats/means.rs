//! Means of values and typical durations.

use super::quantiles::{median_interval_sorted, quantile_sorted};
use super::special::{t_p, t_quantile};
use super::{ALPHA, Interval};

/// Is the mean of values and how much they vary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// How many values.
    pub n: u64,
    /// Their mean.
    pub value: f64,
    /// Their standard deviation with n − 1; `None` for a single value.
    pub sd: Option<f64>,
    /// Student's t 95 % interval of the mean, of no width when all values are equal; `None` for a single value.
    pub interval: Option<Interval>,
}

/// Returns the mean of values with its t interval; `None` without values or when one is not finite. O(n).
///
/// Source: Student 1908. METRICS C2, 1.4.
pub fn mean(values: &[f64]) -> Option<Mean> {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|x| (x - value).powi(2)).sum::<f64>();
    if values.is_empty() || !squares.is_finite() {
        return None;
    }
    let sd = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    let interval = sd.map(|sd| {
        let half = t_quantile(ALPHA, n - 1.0) * sd / n.sqrt();
        (value - half, value + half)
    });
    Some(Mean { n: values.len() as u64, value, sd, interval })
}

/// What a shorter duration counts as: half the resolution of a timer of 1 ms. METRICS 1.4.
pub const FLOOR_US: i64 = 500;

/// Up to how many durations the geometric mean is the better typical one, exclusive. METRICS 1.4.
const SMALL_SAMPLE: usize = 25;

/// Is which number stands for many durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypicalKind {
    /// The geometric mean, of few.
    GeometricMean,
    /// The median, of many.
    Median,
}

/// Is a typical duration, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TypicalDuration {
    /// Which number it is.
    pub kind: TypicalKind,
    /// The duration.
    pub value_us: f64,
    /// Its 95 % interval; `None` when there are too few durations.
    pub interval_us: Option<Interval>,
    /// How many durations.
    pub n: u64,
    /// How many were shorter than [`FLOOR_US`] and counted as that long.
    pub n_floored: u64,
}

/// Returns the geometric mean below 25 ascending durations and the median from there; `None` when there are none or one is negative.
///
/// Source: Sauro & Lewis 2010. METRICS 1.4.
pub fn typical_duration_sorted(sorted_us: &[i64]) -> Option<TypicalDuration> {
    if sorted_us.len() < SMALL_SAMPLE {
        return geometric_mean(sorted_us);
    }
    (sorted_us[0] >= 0).then_some(())?;
    Some(TypicalDuration {
        kind: TypicalKind::Median,
        value_us: quantile_sorted(sorted_us, 0.5)?,
        interval_us: median_interval_sorted(sorted_us),
        n: sorted_us.len() as u64,
        n_floored: 0,
    })
}

/// Returns the geometric mean of durations with the t interval of their logarithms; `None` when there are none or one is negative.
///
/// Source: Sauro & Lewis 2010. METRICS 1.4.
pub fn geometric_mean(durations_us: &[i64]) -> Option<TypicalDuration> {
    let logs = mean(&logarithms(durations_us)?)?;
    Some(TypicalDuration {
        kind: TypicalKind::GeometricMean,
        value_us: logs.value.exp(),
        interval_us: logs.interval.map(|(lo, hi)| (lo.exp(), hi.exp())),
        n: logs.n,
        n_floored: durations_us.iter().filter(|&&duration_us| duration_us < FLOOR_US).count() as u64,
    })
}

/// Is how many times as long one group's durations are as another's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DurationRatio {
    /// The ratio of geometric means, first to second.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Interval,
    /// Welch's t of the logarithms.
    pub t: f64,
    /// Its degrees of freedom.
    pub df: f64,
    /// Its two-sided p.
    pub p: f64,
}

/// Returns the ratio of the geometric means of two groups of durations, by Welch's t on logarithms.
///
/// `None` when a group has fewer than 2, a duration is negative, or neither group varies.
///
/// Source: Welch 1947. METRICS 1.4.
pub fn geometric_mean_ratio(first_us: &[i64], second_us: &[i64]) -> Option<DurationRatio> {
    let (a, b) = (mean(&logarithms(first_us)?)?, mean(&logarithms(second_us)?)?);
    let (a_variance, b_variance) = (a.sd?.powi(2) / a.n as f64, b.sd?.powi(2) / b.n as f64);
    let variance = a_variance + b_variance;
    if variance <= 0.0 {
        return None;
    }
    let df = variance.powi(2) / (a_variance.powi(2) / (a.n - 1) as f64 + b_variance.powi(2) / (b.n - 1) as f64);
    let (difference, se) = (a.value - b.value, variance.sqrt());
    let half = t_quantile(ALPHA, df) * se;
    let (t, interval) = (difference / se, ((difference - half).exp(), (difference + half).exp()));
    interval.1.is_finite().then(|| DurationRatio { value: difference.exp(), interval, t, df, p: t_p(t, df) })
}

/// Returns the logarithms of durations, each at least [`FLOOR_US`]; `None` when one is negative.
fn logarithms(durations_us: &[i64]) -> Option<Vec<f64>> {
    durations_us.iter().map(|&duration_us| (duration_us >= 0).then(|| (duration_us.max(FLOOR_US) as f64).ln())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::{close, close_interval};

    const TIMES: [f64; 11] = [40.0, 36.0, 53.0, 56.0, 110.0, 48.0, 34.0, 44.0, 30.0, 40.0, 80.0];

    fn seconds(times: &[i64]) -> Vec<i64> {
        times.iter().map(|secs| secs * 1_000_000).collect()
    }

    // METRICS 1.4, times; 1.15, SUS scores.
    #[test]
    fn means_agree_with_the_published_values() {
        let times = mean(&TIMES).unwrap();
        close(times.value, 51.90909090909091);
        close_interval(times.interval, (36.015573011092755, 67.80260880708906));
        let scores = mean(&[72.5, 85.0, 60.0, 90.0, 77.5, 65.0, 82.5, 70.0]).unwrap();
        close(scores.value, 75.3125);
        close(scores.sd.unwrap(), 10.302348899990859);
        close_interval(scores.interval, (66.6995207776788, 83.9254792223212));
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, f64::INFINITY]), None);
        assert_eq!(mean(&[3.0]), Some(Mean { n: 1, value: 3.0, sd: None, interval: None }));
        assert_eq!(mean(&[3.0, 3.0]).unwrap().interval, Some((3.0, 3.0)));
    }

    // METRICS 1.4.
    #[test]
    fn the_geometric_mean_agrees_with_the_published_value() {
        let typical = geometric_mean(&seconds(&[40, 36, 53, 56, 110, 48, 34, 44, 30, 40, 80])).unwrap();
        close(typical.value_us, 48.171210288550036e6);
        close_interval(typical.interval_us, (37.20425172031933e6, 62.37097625582325e6));
        assert_eq!((typical.n, typical.n_floored), (11, 0));
    }

    #[test]
    fn zero_is_floored_and_negative_is_refused() {
        let typical = geometric_mean(&[0, 500]).unwrap();
        close(typical.value_us, 500.0);
        assert_eq!(typical.n_floored, 1);
        assert_eq!(geometric_mean(&[-1, 500]), None);
        assert_eq!(geometric_mean(&[]), None);
        assert_eq!(geometric_mean(&[1000]).unwrap().interval_us, None);
    }

    #[test]
    fn few_durations_have_a_geometric_mean_and_many_a_median() {
        let times: Vec<i64> = (1..=25).map(|i| i * 1000).collect();
        assert_eq!(typical_duration_sorted(&times[..24]), geometric_mean(&times[..24]));
        let many = typical_duration_sorted(&times).unwrap();
        assert_eq!((many.kind, many.value_us), (TypicalKind::Median, 13_000.0));
        assert_eq!(many.interval_us, median_interval_sorted(&times));
        assert_eq!(typical_duration_sorted(&[]), None);
    }

    // METRICS 1.4, ratio; digits from scipy 1.17.1 `ttest_ind`.
    #[test]
    fn the_ratio_agrees_with_the_published_value() {
        let (a, b) = (seconds(&[12, 15, 20, 31, 44]), seconds(&[22, 35, 40, 61, 90, 33]));
        let ratio = geometric_mean_ratio(&a, &b).unwrap();
        close(ratio.value, 0.5173493098618095);
        close_interval(ratio.interval, (0.25367668025457746, 1.0550844017112249));
        close(ratio.t, -2.1148966837922085);
        close(ratio.df, 8.401334327032684);
        close(ratio.p, 0.06572373605197938);
        assert_eq!(geometric_mean_ratio(&a, &b[..1]), None);
        assert_eq!(geometric_mean_ratio(&a[..1], &[]), None);
        assert_eq!(geometric_mean_ratio(&[1000, 1000], &[2000, 2000]), None);
    }
}
