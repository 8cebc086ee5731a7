//! Estimators, intervals and tests, one file per family, each with its source and its vectors in tests.
//!
//! Pure functions of numbers: a fixed order of summation, no clock and no randomness.
//! What cannot be known is `None`; no function returns NaN or an infinity.

pub mod counts;
pub mod durations;
mod linear;
pub mod markov;
pub mod means;
pub mod money;
pub mod multiple;
pub mod nps;
pub mod proportions;
pub mod quantiles;
pub mod ratios;
mod special;
pub mod survival;
pub mod sus;
pub mod tables;

pub use durations::Durations;
pub use proportions::{newcombe, ratio, wilson};
pub use quantiles::{median_interval_sorted, quantile_sorted};

/// Φ⁻¹(0.975), the standard normal quantile of two-sided 95 % intervals.
pub const Z_95: f64 = 1.959963984540054;

/// 1 − 0.95: what two-sided 95 % intervals leave outside.
const ALPHA: f64 = 0.05;

/// Is an interval: lower and upper limit.
pub type Interval = (f64, f64);

/// Is a number with its standard error and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
    /// Its 95 % interval; `value ± Z_95 · se` unless the function that returns it says otherwise.
    pub interval: Interval,
}

impl Estimate {
    /// Returns the estimate with its normal interval; `None` when a number is not finite.
    pub fn normal(value: f64, se: f64) -> Option<Self> {
        let interval = (value - Z_95 * se, value + Z_95 * se);
        (interval.0.is_finite() && interval.1.is_finite()).then_some(Self { value, se, interval })
    }

    /// Returns the two-sided p of 0 by the normal approximation; `None` without a standard error above 0.
    pub fn p(&self) -> Option<f64> {
        special::chi2_p((self.value / self.se).powi(2), 1)
    }
}

/// Is the outcome of a test whose statistic is χ² under the null hypothesis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChiSquare {
    /// The statistic.
    pub chi2: f64,
    /// Its degrees of freedom.
    pub df: u32,
    /// The probability of a statistic at least this large under the null hypothesis.
    pub p: f64,
}

impl ChiSquare {
    fn new(chi2: f64, df: u32) -> Option<Self> {
        let p = special::chi2_p(chi2, df)?;
        Some(Self { chi2, df, p })
    }
}

#[cfg(test)]
mod check {
    use super::Interval;

    /// Asserts that two numbers agree to 1e-9, relatively.
    #[track_caller]
    pub fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() <= 1e-9 * expected.abs() + 1e-15, "{actual} against {expected}");
    }

    /// Asserts that both limits agree to 1e-9, relatively.
    #[track_caller]
    pub fn close_interval(actual: impl Into<Option<Interval>>, expected: Interval) {
        let (lo, hi) = actual.into().expect("an interval");
        close(lo, expected.0);
        close(hi, expected.1);
    }
}
