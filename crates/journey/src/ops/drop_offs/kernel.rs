//! Means of money from exact sums, and what a number of losses times a mean is worth.

use serde::{Serialize, Serializer};

/// Sums over accounts from which a mean and its variance follow.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Money {
    /// Accounts.
    pub n: u64,
    /// Sum in cents.
    #[serde(serialize_with = "as_text")]
    pub sum_cents: i128,
    /// Sum of squares in cents².
    #[serde(serialize_with = "as_text")]
    pub sum_squares: i128,
}

/// Writes a number that JSON numbers cannot hold.
fn as_text<S: Serializer>(number: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

impl Money {
    /// Adds one account.
    pub fn add(&mut self, cents: i128) {
        self.n += 1;
        self.sum_cents = self.sum_cents.saturating_add(cents);
        self.sum_squares = self.sum_squares.saturating_add(cents.saturating_mul(cents));
    }

    /// Adds other accounts.
    pub fn merge(&mut self, other: &Money) {
        self.n += other.n;
        self.sum_cents = self.sum_cents.saturating_add(other.sum_cents);
        self.sum_squares = self.sum_squares.saturating_add(other.sum_squares);
    }

    /// Returns the mean in cents; `None` without accounts.
    pub fn mean_cents(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum_cents as f64 / self.n as f64)
    }

    /// Returns the variance of the mean in cents²; `None` for fewer than two accounts.
    pub fn variance_of_mean(&self) -> Option<f64> {
        let n = i128::from(self.n);
        let spread = n.saturating_mul(self.sum_squares) - self.sum_cents.saturating_mul(self.sum_cents);
        (n > 1).then(|| spread as f64 / (n as f64 * n as f64 * (n - 1) as f64))
    }
}

/// Returns the variance of `n × share × mean`, where `share` is of `n` and independent of the mean.
///
/// Source: Goodman 1960, variance of a product. METRICS 3.4.
pub fn product_variance(n: u64, share: f64, mean: f64, variance_of_mean: f64) -> f64 {
    let n = n as f64;
    let variance_of_share = share * (1.0 - share) / n;
    n * n * (mean * mean * variance_of_share + share * share * variance_of_mean + variance_of_share * variance_of_mean)
}
