//! Rates of counts.

use super::special::gamma_quantile;
use super::{ALPHA, Interval};

/// Returns the exact 95 % interval of the rate `x / exposure` of a Poisson count; `None` unless the exposure is positive. O(√x).
///
/// The exposure is what `x` is counted over: attempts, hours. For counts that vary more than Poisson's, use [`super::ratios`].
///
/// Source: Garwood 1936. METRICS 1.5.
pub fn poisson_rate_interval(x: u64, exposure: f64) -> Option<Interval> {
    let x = x as f64;
    let lo = if x == 0.0 { 0.0 } else { gamma_quantile(1.0 - ALPHA / 2.0, x) };
    let hi = gamma_quantile(ALPHA / 2.0, x + 1.0);
    let usable = exposure > 0.0 && exposure.is_finite() && (hi / exposure).is_finite();
    usable.then_some((lo / exposure, hi / exposure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::close_interval;

    // METRICS 1.5 and 2.3; digits from scipy 1.17.1.
    #[test]
    fn intervals_agree_with_the_published_values() {
        close_interval(poisson_rate_interval(7, 20.0), (0.14071815257599327, 0.7211337680851189));
        close_interval(poisson_rate_interval(0, 20.0), (0.0, 0.18444397270569676));
        close_interval(poisson_rate_interval(12, 340.5), (0.018210205899331037, 0.06156118956880165));
        close_interval(poisson_rate_interval(1_000_000, 1.0), (998040.9833402939, 1001961.9119454322));
        assert_eq!(poisson_rate_interval(3, 0.0), None);
        assert_eq!(poisson_rate_interval(3, f64::NAN), None);
    }
}
