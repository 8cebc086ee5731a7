//! Rates whose numerator and denominator are sums over people, such as a share of sessions.

use super::Estimate;

/// Is what the ratio ΣX / ΣY over people needs, as integers, so that partials add up exactly in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RatioSums {
    /// People.
    pub n: u64,
    /// Σ X.
    pub x: i128,
    /// Σ Y.
    pub y: i128,
    /// Σ X².
    pub xx: i128,
    /// Σ Y².
    pub yy: i128,
    /// Σ X·Y.
    pub xy: i128,
}

impl RatioSums {
    /// Adds one person.
    pub fn add(&mut self, x: i64, y: i64) {
        let (x, y) = (i128::from(x), i128::from(y));
        self.merge(&Self { n: 1, x, y, xx: x * x, yy: y * y, xy: x * y });
    }

    /// Adds the people of another sum.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.x += other.x;
        self.y += other.y;
        self.xx += other.xx;
        self.yy += other.yy;
        self.xy += other.xy;
    }

    /// Returns R = ΣX / ΣY; `None` when ΣY is 0.
    pub fn ratio(&self) -> Option<f64> {
        (self.y != 0).then(|| self.x as f64 / self.y as f64)
    }

    /// Returns R = ΣX / ΣY with the standard error that respects people as the unit; `None` when ΣY is 0 or for fewer than 2 people.
    ///
    /// The delta method, `Var(R) = Σ(X − R·Y)² / (n (n − 1) ȳ²)`, which is the usual form in variances and covariance.
    ///
    /// Source: Deng, Knoblich & Lu 2018. METRICS C6.
    pub fn estimate(&self) -> Option<Estimate> {
        let ratio = self.ratio()?;
        if self.n < 2 {
            return None;
        }
        let n = self.n as f64;
        let residuals = self.xx as f64 - 2.0 * ratio * self.xy as f64 + ratio * ratio * self.yy as f64;
        let mean_y = self.y as f64 / n;
        Estimate::normal(ratio, (residuals.max(0.0) / (n * (n - 1.0))).sqrt() / mean_y.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::close;

    fn sums(people: &[(i64, i64)]) -> RatioSums {
        let mut sums = RatioSums::default();
        people.iter().for_each(|&(x, y)| sums.add(x, y));
        sums
    }

    // METRICS C6.
    #[test]
    fn the_standard_error_agrees_with_the_published_value() {
        let people = [(3, 2), (0, 1), (5, 4), (2, 2), (8, 5), (1, 2)];
        let estimate = sums(&people).estimate().unwrap();
        close(estimate.value, 1.1875);
        close(estimate.se, 0.19543746002557963);
        let mut merged = sums(&people[4..]);
        merged.merge(&sums(&people[..4]));
        assert_eq!(merged, sums(&people), "partials are exact");
    }

    #[test]
    fn nothing_to_divide_by_and_a_single_person_have_no_estimate() {
        assert_eq!(RatioSums::default().ratio(), None);
        assert_eq!(sums(&[(1, 0), (2, 0)]).estimate(), None);
        assert_eq!(sums(&[(1, 2)]).ratio(), Some(0.5));
        assert_eq!(sums(&[(1, 2)]).estimate(), None);
        assert_eq!(sums(&[(1, 3), (2, 6), (1, 3)]).estimate().unwrap().se, 0.0, "rounding never gives the root of less than 0");
    }
}
