//! Sums of money that stay whole numbers, the calendar of the money curve, and Student's t.

use diptych_event::time::{Calendar, month_start, week_start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::stats::Z_95;

/// Length of cohorts and of the periods after them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Weeks from Monday (ISO 8601).
    Week,
    /// Calendar months.
    #[default]
    Month,
    /// Calendar quarters.
    Quarter,
}

/// The local periods of one question.
#[derive(Debug)]
pub struct Periods {
    period: Period,
    calendar: Calendar,
    observed_until_us: i64,
}

impl Periods {
    /// Makes the periods of a calendar, of which nothing is known after `observed_until_us`.
    pub fn new(period: Period, calendar: Calendar, observed_until_us: i64) -> Self {
        Self { period, calendar, observed_until_us }
    }

    /// Returns the first day of the local period of an instant, in days since 1970-01-01.
    pub fn start(&self, time_us: i64) -> i32 {
        let day = self.calendar.day(time_us);
        match self.period {
            Period::Week => week_start(day),
            Period::Month => month_start(day),
            Period::Quarter => {
                let mut start = month_start(day);
                while month_number(start).rem_euclid(3) != 0 {
                    start = month_start(start - 1);
                }
                start
            }
        }
    }

    /// Returns how many periods `to_us` is after `from_us`; 0 in the same one. O(1).
    pub fn between(&self, from_us: i64, to_us: i64) -> i32 {
        self.number(to_us) - self.number(from_us)
    }

    /// Returns how many periods, that of `from_us` included, had ended when observation ended. O(1).
    pub fn n_ended(&self, from_us: i64) -> usize {
        usize::try_from(self.between(from_us, self.observed_until_us)).unwrap_or(0)
    }

    fn number(&self, time_us: i64) -> i32 {
        let day = self.calendar.day(time_us);
        match self.period {
            // 1970-01-01 was a Thursday.
            Period::Week => (day + 3).div_euclid(7),
            Period::Month => month_number(day),
            Period::Quarter => month_number(day).div_euclid(3),
        }
    }
}

/// Returns the months from January of year 0 to the month of a day (days since 1970-01-01).
///
/// Source: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn month_number(day: i32) -> i32 {
    // Years begin on March 1 here, so that the day of a leap year is the last one of an era of 400 years.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    12 * (era * 400 + year_of_era) + month_from_march + 2
}

/// Number, sum and sum of squares of amounts in minor units: mean and interval come from it, whatever the order was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Moments {
    /// Amounts.
    pub n: u64,
    #[serde(serialize_with = "as_text")]
    sum_cents: i128,
    #[serde(serialize_with = "as_text")]
    sum_squares: u128,
}

impl Moments {
    /// Adds an amount.
    pub fn add(&mut self, cents: i64) {
        let magnitude = u128::from(cents.unsigned_abs());
        self.n += 1;
        self.sum_cents += i128::from(cents);
        // Only amounts of 10¹⁹ reach the end; there `interval_cents` gives up.
        self.sum_squares = self.sum_squares.saturating_add(magnitude * magnitude);
    }

    /// Adds other amounts.
    pub fn merge(&mut self, other: &Moments) {
        self.n += other.n;
        self.sum_cents += other.sum_cents;
        self.sum_squares = self.sum_squares.saturating_add(other.sum_squares);
    }

    /// Returns the mean; `None` without amounts.
    pub fn mean_cents(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum_cents as f64 / self.n as f64)
    }

    /// Returns the 95 % t interval of the mean; `None` for fewer than two amounts, or where all are equal.
    ///
    /// The spread is exact: it does not drown where amounts are large and close together.
    pub fn interval_cents(&self) -> Option<(f64, f64)> {
        let mean = self.mean_cents()?;
        let squares = i128::try_from(self.sum_squares).ok()?.checked_mul(i128::from(self.n))?;
        let spread = squares.checked_sub(self.sum_cents.checked_mul(self.sum_cents)?)?;
        if self.n < 2 || spread == 0 {
            return None;
        }
        let n = self.n as f64;
        let half = t_975(self.n - 1) * (spread as f64 / (n * n * (n - 1.0))).sqrt();
        Some((mean - half, mean + half))
    }
}

/// Writes a number of more than 64 bits as text, because JSON numbers end there.
pub fn as_text<T: ToString, S: Serializer>(number: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&number.to_string())
}

/// Returns the 0.975 quantile of Student's t with `df` degrees of freedom, at least 1; its error is below 10⁻⁹.
///
/// Source: Abramowitz & Stegun 26.7.3 and 26.7.4 (exact distribution), solved by bisection; from 200 degrees on 26.7.5.
pub fn t_975(df: u64) -> f64 {
    if df >= 200 {
        let (z, nu) = (Z_95, df as f64);
        let z2 = z * z;
        let g1 = (z2 + 1.0) * z / 4.0;
        let g2 = ((5.0 * z2 + 16.0) * z2 + 3.0) * z / 96.0;
        let g3 = (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) * z / 384.0;
        let g4 = ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) * z / 92_160.0;
        return z + (g1 + (g2 + (g3 + g4 / nu) / nu) / nu) / nu;
    }
    let (mut lo, mut hi) = (Z_95, 13.0);
    for _ in 0..60 {
        let middle = (lo + hi) / 2.0;
        if within(middle, df) < 0.95 { lo = middle } else { hi = middle }
    }
    (lo + hi) / 2.0
}

/// Returns the probability that |t| with `df` degrees of freedom is at most `t`. O(df).
fn within(t: f64, df: u64) -> f64 {
    let theta = (t / (df as f64).sqrt()).atan();
    let (sin, cos2) = (theta.sin(), theta.cos().powi(2));
    // The series cosᵏ + (k + 1) / (k + 2) · cosᵏ⁺² …, with k even or odd as df is not.
    let series = |mut term: f64, mut k: f64| {
        let mut sum = 0.0;
        while k <= df as f64 - 2.0 {
            sum += term;
            term *= cos2 * (k + 1.0) / (k + 2.0);
            k += 2.0;
        }
        sum
    };
    if df.is_multiple_of(2) { sin * series(1.0, 0.0) } else { std::f64::consts::FRAC_2_PI * (theta + sin * series(theta.cos(), 1.0)) }
}

#[cfg(test)]
mod tests {
    use diptych_event::time::parse_zone;

    use super::*;

    // METRICS 6: t_.975 (SciPy).
    #[test]
    fn quantiles_of_t_agree_with_the_published_values() {
        for (df, expected) in [
            (1, 12.706204736174694),
            (2, 4.302652729749462),
            (5, 2.5705818356363146),
            (10, 2.228138851986274),
            (30, 2.0422724563012378),
            (1000, 1.9623390808264083),
        ] {
            assert!((t_975(df) - expected).abs() < 1e-9, "{df}: {}", t_975(df));
        }
        assert!((t_975(199) - t_975(200)).abs() < 2e-4 && t_975(199) > t_975(200), "the two ways meet");
        assert!((t_975(u64::MAX) - Z_95).abs() < 1e-12);
    }

    // The one-sample t interval of 12, 15, 20, 31, 44: mean 24.4, sd 13.126309, 4 degrees of freedom, t 2.776445.
    #[test]
    fn intervals_of_means_are_those_of_t() {
        let mut moments = Moments::default();
        [12, 15, 20, 31, 44].into_iter().for_each(|cents| moments.add(cents));
        let (lo, hi) = moments.interval_cents().unwrap();
        assert_eq!(moments.mean_cents(), Some(24.4));
        assert!((lo - 8.101534).abs() < 1e-5 && (hi - 40.698466).abs() < 1e-5, "{lo} {hi}");
    }

    #[test]
    fn moments_of_few_equal_or_huge_amounts_have_no_interval() {
        let of = |amounts: &[i64]| {
            let mut moments = Moments::default();
            amounts.iter().for_each(|cents| moments.add(*cents));
            moments
        };
        assert_eq!((of(&[]).mean_cents(), of(&[]).interval_cents()), (None, None));
        assert_eq!((of(&[7]).mean_cents(), of(&[7]).interval_cents()), (Some(7.0), None));
        assert_eq!(of(&[7, 7, 7]).interval_cents(), None);
        assert_eq!(of(&[i64::MAX; 5]).interval_cents(), None);
        let far = of(&[1_000_000_000_001, 1_000_000_000_003]).interval_cents().unwrap();
        assert!((far.1 - far.0 - 2.0 * 12.706204736174694).abs() < 1e-3, "two apart, however large: {far:?}");
        assert!(of(&[-5, 5]).interval_cents().unwrap().0 < -5.0);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let (mut one, mut two, mut all) = (Moments::default(), Moments::default(), Moments::default());
        [1, -7, 900].into_iter().for_each(|cents| one.add(cents));
        [4, 0].into_iter().for_each(|cents| two.add(cents));
        [1, -7, 900, 4, 0].into_iter().for_each(|cents| all.add(cents));
        one.merge(&two);
        assert_eq!(one, all);
    }

    #[test]
    fn months_are_numbered_one_after_the_other() {
        assert_eq!(month_number(0), 1970 * 12);
        for day in -800_000..800_000 {
            let first = month_start(day) == day;
            assert_eq!(month_number(day) - month_number(day - 1), i32::from(first), "day {day}");
        }
    }

    #[test]
    fn quarters_and_ended_periods_follow_the_calendar() {
        let day_us = 86_400_000_000;
        // 2024-02-29 and 2024-12-31.
        let (leap, end) = (19_782 * day_us, 20_088 * day_us);
        let periods = |period| Periods::new(period, Calendar::new(leap, end, parse_zone("UTC").unwrap()), end);
        assert_eq!(periods(Period::Quarter).start(leap), 19_723, "2024-01-01");
        assert_eq!(periods(Period::Quarter).n_ended(leap), 3, "the fourth quarter goes on");
        assert_eq!(periods(Period::Month).n_ended(leap), 10);
        assert_eq!(periods(Period::Week).start(leap), 19_779, "a Monday");
        assert_eq!(periods(Period::Month).n_ended(end), 0);
    }
}
