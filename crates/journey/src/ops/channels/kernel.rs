//! Which channels were in touch within a lookback, and the share of money that they were in touch before.

use std::ops::Range;

use serde::{Serialize, Serializer};

use crate::stats::Z_95;

/// Calls `take` with each row and the last touchpoint of each channel up to its instant, that instant included.
///
/// `channel` tells which channel a row is a touchpoint of.
/// `last_us` are instants in microseconds, shape `[channels]`, `i64::MIN` where there was none so far.
/// Rows of one instant count for each other, so their order changes nothing.
/// O(rows), besides what `take` does.
pub fn with_last_touches(
    time_us: &[i64],
    rows: Range<usize>,
    n_channels: usize,
    channel: impl Fn(usize) -> Option<usize>,
    mut take: impl FnMut(usize, &[i64]),
) {
    let mut last_us = vec![i64::MIN; n_channels];
    let mut start = rows.start;
    while start < rows.end {
        let len = time_us[start..rows.end].iter().take_while(|now_us| **now_us == time_us[start]).count();
        let of_instant = start..start + len;
        of_instant.clone().filter_map(&channel).for_each(|channel| last_us[channel] = time_us[start]);
        of_instant.for_each(|row| take(row, &last_us));
        start += len;
    }
}

/// What one account met in the time up to an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// Rows that are touchpoints, ascending.
    pub touchpoints: Vec<usize>,
    /// Channels of them, ascending and distinct.
    pub channels: Vec<usize>,
    /// Channel of the first one.
    pub first: Option<usize>,
    /// Channel of the last one.
    pub last: Option<usize>,
}

/// Finds the touchpoints in `[until_us − lookback_us, until_us]` among the rows of one account. O(log rows + rows in that time).
pub fn contact(time_us: &[i64], rows: Range<usize>, until_us: i64, lookback_us: i64, channel: impl Fn(usize) -> Option<usize>) -> Contact {
    let times = &time_us[rows.clone()];
    let start = rows.start + times.partition_point(|now_us| *now_us < until_us.saturating_sub(lookback_us));
    let end = rows.start + times.partition_point(|now_us| *now_us <= until_us);
    let touched: Vec<(usize, usize)> = (start..end).filter_map(|row| Some((row, channel(row)?))).collect();
    let mut channels: Vec<usize> = touched.iter().map(|(_, channel)| *channel).collect();
    let (first, last) = (channels.first().copied(), channels.last().copied());
    channels.sort_unstable();
    channels.dedup();
    Contact { touchpoints: touched.into_iter().map(|(row, _)| row).collect(), channels, first, last }
}

/// Sums over accounts of the money that a property holds for, and of all their money, in minor units and never below 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MoneyShare {
    accounts: u64,
    #[serde(serialize_with = "as_text")]
    with_cents: u128,
    #[serde(serialize_with = "as_text")]
    all_cents: u128,
    #[serde(serialize_with = "as_text")]
    with_squares: u128,
    #[serde(serialize_with = "as_text")]
    all_squares: u128,
    #[serde(serialize_with = "as_text")]
    products: u128,
}

impl MoneyShare {
    /// Adds an account with its money, and the part of it that the property holds for.
    pub fn add(&mut self, with_cents: i64, all_cents: i64) {
        let (with, all) = (u128::from(with_cents.max(0).unsigned_abs()), u128::from(all_cents.max(0).unsigned_abs()));
        let squares = (with * with, all * all, with * all);
        self.merge(&Self {
            accounts: 1,
            with_cents: with,
            all_cents: all,
            with_squares: squares.0,
            all_squares: squares.1,
            products: squares.2,
        });
    }

    /// Adds other accounts. Only sums of 10³⁸ reach the end of the numbers, where they stay.
    pub fn merge(&mut self, other: &MoneyShare) {
        self.accounts += other.accounts;
        self.with_cents += other.with_cents;
        self.all_cents += other.all_cents;
        self.with_squares = self.with_squares.saturating_add(other.with_squares);
        self.all_squares = self.all_squares.saturating_add(other.all_squares);
        self.products = self.products.saturating_add(other.products);
    }

    /// Returns the share; `None` without money.
    pub fn value(&self) -> Option<f64> {
        (self.all_cents > 0).then(|| self.with_cents as f64 / self.all_cents as f64)
    }

    /// Returns its 95 % interval by the delta method with accounts as the unit; `None` for fewer than two accounts, and where
    /// the share is 0 or 1, which says nothing of the spread.
    ///
    /// Source: Deng, Knoblich & Lu 2018; METRICS C6.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let share = self.value()?;
        if self.accounts < 2 || self.with_cents == 0 || self.with_cents == self.all_cents {
            return None;
        }
        let n = self.accounts as f64;
        let residuals = self.with_squares as f64 - 2.0 * share * self.products as f64 + share * share * self.all_squares as f64;
        let se = (n * residuals.max(0.0) / (n - 1.0)).sqrt() / self.all_cents as f64;
        Some(((share - Z_95 * se).max(0.0), (share + Z_95 * se).min(1.0)))
    }
}

/// Writes a number of more than 64 bits as text, because JSON numbers end there.
fn as_text<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    // METRICS C6: X = 3, 0, 5, 2, 8, 1 and Y = 2, 1, 4, 2, 5, 2 have R = 1.1875 and SE = 0.195437460; as a share, X / 10 Y.
    #[test]
    fn intervals_agree_with_the_published_standard_error() {
        let mut share = MoneyShare::default();
        for (x, y) in [(3, 2), (0, 1), (5, 4), (2, 2), (8, 5), (1, 2)] {
            share.add(x, 10 * y);
        }
        let (lo, hi) = share.interval().unwrap();
        assert_eq!(share.value(), Some(0.11875));
        assert!((hi - lo - 2.0 * Z_95 * 0.0195437460).abs() < 1e-9, "{lo} {hi}");
    }

    #[test]
    fn shares_of_nothing_and_of_all_have_no_interval() {
        let of = |accounts: &[(i64, i64)]| {
            let mut share = MoneyShare::default();
            accounts.iter().for_each(|(with, all)| share.add(*with, *all));
            (share.value(), share.interval())
        };
        assert_eq!(of(&[]), (None, None));
        assert_eq!(of(&[(0, 5), (0, 7)]), (Some(0.0), None));
        assert_eq!(of(&[(5, 5), (7, 7)]), (Some(1.0), None));
        assert_eq!(of(&[(1, 2)]), (Some(0.5), None));
        assert_eq!(of(&[(0, 10), (10, 10)]).1, Some((0.0, 1.0)), "two accounts say next to nothing");
        assert!(of(&[(i64::MAX, i64::MAX); 9]).0 == Some(1.0));
    }

    /// Channel 0 at 10 and 20, channel 1 at 20 and 30.
    const TIMES: [i64; 6] = [10, 15, 20, 20, 20, 30];
    const CHANNELS: [Option<usize>; 6] = [Some(0), None, Some(1), None, Some(0), Some(1)];

    #[test]
    fn contact_is_what_lies_in_the_closed_window() {
        let found = |until_us, lookback_us| contact(&TIMES, 0..6, until_us, lookback_us, |row| CHANNELS[row]);
        let at_20 = found(20, 10);
        assert_eq!((at_20.touchpoints, at_20.channels, at_20.first, at_20.last), (vec![0, 2, 4], vec![0, 1], Some(0), Some(0)));
        assert_eq!(found(20, 9).touchpoints, [2, 4]);
        assert_eq!(found(15, 4), Contact::default());
        assert_eq!(found(30, 0).channels, [1]);
        assert_eq!(contact(&TIMES, 3..5, 99, 99, |row| CHANNELS[row]).touchpoints, [4]);
    }

    #[test]
    fn rows_of_one_instant_count_for_each_other() {
        let mut seen = Vec::new();
        with_last_touches(&TIMES, 0..6, 2, |row| CHANNELS[row], |row, last_us| seen.push((row, last_us.to_vec())));
        let (none, both) = (vec![10, i64::MIN], vec![20, 20]);
        let expected = [none.clone(), none, both.clone(), both.clone(), both, vec![20, 30]];
        assert_eq!(seen, expected.into_iter().enumerate().collect::<Vec<_>>());
    }
}
