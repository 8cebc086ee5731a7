//! The windows of one question, and how an account stands in each: using, paying, both or neither.

use std::ops::Range;

use diptych_event::time::{Calendar, format_day, month_start, week_start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::seam::ALL_TIME;

/// Length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Weeks from Monday (ISO 8601), named by their Monday.
    Week,
    /// Calendar months: 2025-01.
    Month,
    /// Three calendar months from January, April, July or October: 2025-Q1.
    Quarter,
}

impl Period {
    /// Returns the first day of the period of `day`.
    fn start(self, day: i32) -> i32 {
        match self {
            Period::Week => week_start(day),
            Period::Month => month_start(day),
            Period::Quarter => {
                let month = month_start(day);
                let before = (month_number(month) - 1) % 3;
                (0..before).fold(month, |start, _| month_start(start - 1))
            }
        }
    }

    /// Returns the first day of the period after the one that begins on `start`.
    fn next(self, start: i32) -> i32 {
        match self {
            Period::Week => start + 7,
            Period::Month => month_start(start + 31),
            // A quarter has 90 to 92 days.
            Period::Quarter => month_start(start + 92),
        }
    }

    /// Names the period that begins on `start`.
    fn id(self, start: i32) -> String {
        let mut day = format_day(start);
        match self {
            Period::Week => day,
            Period::Month => {
                day.truncate(day.len() - "-01".len());
                day
            }
            Period::Quarter => {
                day.truncate(day.len() - "-01-01".len());
                format!("{day}-Q{}", month_number(start).div_ceil(3))
            }
        }
    }
}

/// Returns the month of a day, 1 to 12.
fn month_number(day: i32) -> usize {
    format_day(day).rsplit('-').nth(1).and_then(|month| month.parse().ok()).unwrap_or(1)
}

/// The windows of one question, in time order, each beginning where the one before ends.
#[derive(Debug)]
pub struct Windows {
    /// Names, shape `[windows]`; `None` for the one window of a question without periods.
    pub ids: Option<Vec<String>>,
    /// Shape `[windows]`.
    spans_us: Vec<Range<i64>>,
    /// The end of observation in microseconds.
    observed_until_us: i64,
}

impl Windows {
    /// Makes one window of all time.
    pub fn whole(observed_until_us: i64) -> Self {
        Self { ids: None, spans_us: std::iter::once(ALL_TIME).collect(), observed_until_us }
    }

    /// Makes one window for each local period from `first_us` to the end of observation. O(periods).
    pub fn periods(period: Period, calendar: &Calendar, first_us: i64, observed_until_us: i64) -> Self {
        let (mut ids, mut spans_us) = (Vec::new(), Vec::new());
        let (mut start, last_day) = (period.start(calendar.day(first_us)), calendar.day(observed_until_us));
        let mut start_us = i64::MIN;
        while start <= last_day {
            let next = period.next(start);
            let end_us = calendar.start_us(next).unwrap_or(i64::MAX);
            ids.push(period.id(start));
            spans_us.push(start_us..end_us);
            (start, start_us) = (next, end_us);
        }
        Self { ids: Some(ids), spans_us, observed_until_us }
    }

    /// Returns the number of windows, at least 1.
    pub fn len(&self) -> usize {
        self.spans_us.len()
    }

    /// Returns the end of a window in microseconds, whether observed or not.
    pub fn end_us(&self, window: usize) -> i64 {
        self.spans_us[window].end
    }

    /// Tells whether observation ended before a period did; the one window of a question without periods has no end.
    pub fn is_immature(&self, window: usize) -> bool {
        self.ids.is_some() && self.spans_us[window].end > self.observed_until_us
    }

    /// Returns the observed part of a window within `period_us` (`--from`, `--to`); empty where there is none.
    pub fn span_us(&self, window: usize, period_us: &Range<i64>) -> Range<i64> {
        let span = &self.spans_us[window];
        let end_us = span.end.min(period_us.end).min(self.observed_until_us.saturating_add(1));
        span.start.max(period_us.start)..end_us
    }
}

/// How an account stands in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It uses and pays.
    UsesPays,
    /// It uses and does not pay.
    UsesOnly,
    /// It pays and does not use.
    PaysOnly,
    /// It does neither.
    Neither,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Standing; 4] = [Standing::UsesPays, Standing::UsesOnly, Standing::PaysOnly, Standing::Neither];

    /// Returns the word in names of cells.
    pub fn word(self) -> &'static str {
        match self {
            Standing::UsesPays => "uses_pays",
            Standing::UsesOnly => "uses_only",
            Standing::PaysOnly => "pays_only",
            Standing::Neither => "neither",
        }
    }

    /// Returns the words for people.
    pub fn label(self) -> &'static str {
        match self {
            Standing::UsesPays => "use and pay",
            Standing::UsesOnly => "use, do not pay",
            Standing::PaysOnly => "pay, do not use",
            Standing::Neither => "neither use nor pay",
        }
    }

    /// Finds a standing by its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

/// What was seen of an account in a window.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// First row at which a session started.
    pub session_row: Option<usize>,
    /// Codes of the members whose sessions started, with repeats.
    pub members: Vec<u32>,
    /// Sum of money in cents.
    pub net_cents: i128,
    /// First row with money above zero.
    pub money_row: Option<usize>,
    /// First recurring payment whose paid time reaches into the window.
    pub subscription_row: Option<usize>,
}

impl Seen {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.members.clear();
        *self = Self { members: std::mem::take(&mut self.members), ..Self::default() };
    }

    /// Returns how the account stands.
    pub fn standing(&self) -> Standing {
        let pays = self.net_cents > 0 || self.subscription_row.is_some();
        match (self.session_row.is_some(), pays) {
            (true, true) => Standing::UsesPays,
            (true, false) => Standing::UsesOnly,
            (false, true) => Standing::PaysOnly,
            (false, false) => Standing::Neither,
        }
    }

    /// Returns the number of distinct members whose sessions started.
    pub fn n_members(&mut self) -> u64 {
        self.members.sort_unstable();
        self.members.dedup();
        self.members.len() as u64
    }
}
