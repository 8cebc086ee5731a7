//! Periods after a first event: which one an instant lies in, and which ones were observed to their end.

use diptych_event::time::{Calendar, DAY_US, month_start, week_start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Length of a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Local days, or 24 hours.
    #[default]
    Day,
    /// Weeks from Monday (ISO 8601), or 7 × 24 hours.
    Week,
    /// Calendar months, or 30 × 24 hours.
    Month,
}

/// Where periods begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// At local midnight, on Mondays, on the first of the month.
    #[default]
    Calendar,
    /// At the first event itself, in steps of 24 hours, 7 days or 30 days.
    Rolling,
}

/// Which returns count for period k.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In period k.
    #[default]
    On,
    /// In period k or later.
    OnOrAfter,
    /// In any of the periods 1 to k.
    Within,
}

impl Mode {
    /// Calls `add` with each period from 1 to `mature` for which returns in the periods `came` (ascending, from 1) count.
    pub fn for_each_credited(self, came: &[usize], mature: usize, mut add: impl FnMut(usize)) {
        let Some((first, last)) = came.first().zip(came.last()) else { return };
        match self {
            Mode::On => came.iter().filter(|k| **k <= mature).for_each(|k| add(*k)),
            Mode::OnOrAfter => (1..=mature.min(*last)).for_each(add),
            Mode::Within => (*first..=mature).for_each(add),
        }
    }

    /// Tells whether a return in period `of_return` counts for period `k`.
    pub fn counts(self, of_return: usize, k: usize) -> bool {
        match self {
            Mode::On => of_return == k,
            Mode::OnOrAfter => of_return >= k,
            Mode::Within => of_return <= k,
        }
    }
}

/// The periods of one question.
#[derive(Debug)]
pub struct Periods {
    period: Period,
    clock: Clock,
    calendar: Calendar,
    /// First day of `month_of_day`.
    first_day: i32,
    /// Number of the month of each day, from 0, shape `[days]`; empty unless periods are months.
    month_of_day: Vec<i32>,
    observed_until_us: i64,
}

impl Periods {
    /// Makes the periods of data between `first_us` and `observed_until_us`. O(days).
    pub fn new(period: Period, clock: Clock, calendar: Calendar, first_us: i64, observed_until_us: i64) -> Self {
        let (first_day, last_day) = (calendar.day(first_us) - 1, calendar.day(observed_until_us) + 2);
        let mut month_of_day = Vec::new();
        if period == Period::Month {
            let (mut month, mut start) = (0, month_start(first_day));
            for day in first_day..=last_day {
                if month_start(day) != start {
                    (month, start) = (month + 1, month_start(day));
                }
                month_of_day.push(month);
            }
        }
        Self { period, clock, calendar, first_day, month_of_day, observed_until_us }
    }

    /// Returns the first day of the local period of an instant.
    pub fn cohort(&self, time_us: i64) -> i32 {
        let day = self.calendar.day(time_us);
        match self.period {
            Period::Day => day,
            Period::Week => week_start(day),
            Period::Month => month_start(day),
        }
    }

    /// Returns the number of whole periods from `from_us` to `to_us`, which is not before; 0 is the first event's own period. O(1).
    pub fn between(&self, from_us: i64, to_us: i64) -> usize {
        let n = match self.clock {
            Clock::Rolling => (to_us - from_us).div_euclid(self.step_us()),
            Clock::Calendar => i64::from(self.number(to_us)) - i64::from(self.number(from_us)),
        };
        usize::try_from(n).unwrap_or(0)
    }

    /// Returns the first instant after the period that `time_us`, not before `from_us`, lies in. O(log days).
    pub fn end_us(&self, from_us: i64, time_us: i64) -> i64 {
        if self.clock == Clock::Rolling {
            return time_us.saturating_add(self.step_us() - (time_us - from_us).rem_euclid(self.step_us()));
        }
        let day = self.calendar.day(time_us);
        let next = match self.period {
            Period::Day => day + 1,
            Period::Week => week_start(day) + 7,
            Period::Month => month_start(month_start(day) + 31),
        };
        self.calendar.start_us(next).unwrap_or(i64::MAX)
    }

    /// Returns the last period after `from_us` that was observed to its end: the next one had begun when observation ended.
    pub fn mature(&self, from_us: i64) -> usize {
        if self.observed_until_us < from_us {
            return 0;
        }
        self.between(from_us, self.observed_until_us).saturating_sub(1)
    }

    /// Tells whether period `k` of a cohort exists: Pacific/Apia had no 2011-12-30 (METRICS C4).
    pub fn exists(&self, cohort: i32, k: usize) -> bool {
        if self.period != Period::Day || self.clock == Clock::Rolling {
            return true;
        }
        let day = cohort.saturating_add(k as i32);
        match (self.calendar.start_us(day), self.calendar.start_us(day.saturating_add(1))) {
            (Some(start_us), Some(end_us)) => start_us < end_us,
            _ => true,
        }
    }

    /// Returns the end of observation.
    pub fn observed_until_us(&self) -> i64 {
        self.observed_until_us
    }

    fn step_us(&self) -> i64 {
        match self.period {
            Period::Day => DAY_US,
            Period::Week => 7 * DAY_US,
            Period::Month => 30 * DAY_US,
        }
    }

    /// Returns the number of the local period of an instant: one more for each later period.
    fn number(&self, time_us: i64) -> i32 {
        let day = self.calendar.day(time_us);
        match self.period {
            Period::Day => day,
            // 1970-01-01 was a Thursday.
            Period::Week => (day + 3).div_euclid(7),
            Period::Month => {
                let idx = (day - self.first_day).clamp(0, self.month_of_day.len() as i32 - 1);
                self.month_of_day[idx as usize]
            }
        }
    }
}
