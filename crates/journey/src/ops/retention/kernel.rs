//! Periods after a first event: which one an instant lies in, and which ones were observed to their end.

use std::hint::select_unpredictable;

use diptych_event::index::Index;
use diptych_event::time::{Calendar, DAY_US, Days, month_start, week_start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::Stretch;

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
    /// Number of the local period in which observation ended.
    last: i32,
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
        let until_day = calendar.day(observed_until_us);
        let periods = Self { period, clock, calendar, first_day, month_of_day, observed_until_us, last: 0 };
        Self { last: periods.number(until_day), ..periods }
    }

    /// Returns how periods are counted from a first event at `from_us`. O(1).
    #[inline]
    pub fn since(&self, from_us: i64) -> Since<'_> {
        let (day, day_end_us) = self.calendar.day_and_end_us(from_us);
        let own_end_us = match self.clock {
            Clock::Calendar => self.end_us(day, day_end_us),
            Clock::Rolling => from_us.saturating_add(self.step_us()),
        };
        Since { periods: self, from_us, day, first: self.number(day), own_end_us }
    }

    /// Returns the first instant after the local period of a day, which ends at `day_end_us`.
    #[inline]
    fn end_us(&self, day: i32, day_end_us: i64) -> i64 {
        let start_us = |day: i32| self.calendar.start_us(day).unwrap_or(i64::MAX);
        match self.period {
            Period::Day => day_end_us,
            Period::Week => start_us(week_start(day) + 7),
            Period::Month => start_us(month_start(month_start(day) + 31)),
        }
    }

    /// Returns a day that no cohort is before.
    pub fn first_cohort(&self) -> i32 {
        week_start(month_start(self.calendar.first_day()))
    }

    /// Tells whether period `k` of a cohort exists: Pacific/Apia had no 2011-12-30 (METRICS C4).
    pub fn exists(&self, cohort: i32, k: usize) -> bool {
        self.period != Period::Day || self.clock == Clock::Rolling || self.calendar.exists(cohort.saturating_add(k as i32))
    }

    /// Returns the last of the periods of those who begin in one with this number that was observed to its end: the next
    /// one had begun when observation ended.
    fn mature_of(&self, first: i32) -> usize {
        usize::try_from(self.last - first).unwrap_or(0).saturating_sub(1)
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

    /// Returns the number of the local period of a day: one more for each later period.
    fn number(&self, day: i32) -> i32 {
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

/// The periods after one first event.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a> {
    periods: &'a Periods,
    from_us: i64,
    /// Local day of the first event.
    day: i32,
    /// Number of the first event's own period.
    first: i32,
    /// First instant after that period.
    own_end_us: i64,
}

impl Since<'_> {
    /// Returns the first day of the local period of the first event.
    pub fn cohort(&self) -> i32 {
        match self.periods.period {
            Period::Day => self.day,
            Period::Week => week_start(self.day),
            Period::Month => month_start(self.day),
        }
    }

    /// Returns the last period that was observed to its end: the next one had begun when observation ended.
    pub fn mature(&self) -> usize {
        let until_us = self.periods.observed_until_us;
        if until_us < self.from_us {
            return 0;
        }
        match self.periods.clock {
            Clock::Calendar => self.periods.mature_of(self.first),
            Clock::Rolling => self.period(until_us).0.saturating_sub(1),
        }
    }

    /// Returns the first instant after the first event's own period.
    pub fn own_end_us(&self) -> i64 {
        self.own_end_us
    }

    /// Returns the number of the period that an instant, not before the first event, lies in, and the first instant after
    /// that period; 0 is the first event's own. O(1) for days, O(log days) for weeks and months.
    #[inline]
    pub fn period(&self, time_us: i64) -> (usize, i64) {
        let periods = self.periods;
        if periods.clock == Clock::Rolling {
            let (step_us, since_us) = (periods.step_us(), time_us - self.from_us);
            let n = usize::try_from(since_us.div_euclid(step_us)).unwrap_or(0);
            return (n, time_us.saturating_add(step_us - since_us.rem_euclid(step_us)));
        }
        let (day, day_end_us) = periods.calendar.day_and_end_us(time_us);
        (usize::try_from(periods.number(day) - self.first).unwrap_or(0), periods.end_us(day, day_end_us))
    }
}

/// Returns by local day, of everybody who began on a day.
///
/// Useful for: people all of whose events count. How many runs a person has cannot be foreseen, so a walk over each one's
/// guesses wrongly about once per person; here no branch depends on it.
/// Not useful for: weeks, months and steps of 24 hours.
#[derive(Debug)]
pub struct DayGrid<'a> {
    periods: &'a Periods,
    /// People who began on a day and came k days later, shape `[days][n_k]`; the last k also stands for all later ones.
    came: Vec<u32>,
    n_k: usize,
    scratch: Scratch,
}

/// What is found of the runs at hand, kept from some to the next; days are counted from the first one of the calendar.
#[derive(Debug, Default)]
struct Scratch {
    /// Days of the runs.
    days: Vec<Days>,
    /// Cells of days on which people came.
    cells: Vec<u32>,
}

/// What a [`DayGrid`] tells of those who began on one day.
#[derive(Debug, PartialEq, Eq)]
pub struct DayRow<'a> {
    /// The day, since 1970-01-01.
    pub day: i32,
    /// Last day after it that was observed to its end.
    pub mature: usize,
    /// Who came k days later, from 0, which all did, to the last day that was asked for.
    pub came: &'a [u32],
}

/// Most cells of a grid, 4 MiB: a single date of 1970 must not make every shard's larger than what it counts.
const GRID_MAX: usize = 1 << 20;

/// Returns where a [`DayGrid`] counts those who began on one day and came on another.
#[inline]
fn cell(n_k: usize, from: u32, day: u32) -> usize {
    from as usize * n_k + ((day - from) as usize).min(n_k - 1)
}

/// Counts the days after the first one of a run over midnight, which has events on each because its gaps are shorter.
#[cold]
fn count_later(calendar: &Calendar, n_k: usize, from: u32, days: &Days, came: &mut [u32]) {
    let later = (days.began + 1..=days.ended).filter(|day| calendar.exists(calendar.first_day() + *day as i32));
    later.for_each(|day| came[cell(n_k, from, day)] += 1);
}

impl<'a> DayGrid<'a> {
    /// Tells whether a grid can count so many of these periods: they are local days, and not too many.
    pub fn fits(periods: &Periods, n_periods: usize) -> bool {
        let are_local_days = periods.period == Period::Day && periods.clock == Clock::Calendar;
        are_local_days && periods.calendar.n_days() * (n_periods + 2) <= GRID_MAX
    }

    /// Begins with nobody. O(days × n_periods).
    pub fn new(periods: &'a Periods, n_periods: usize) -> Self {
        let n_k = n_periods + 2;
        Self { periods, came: vec![0; periods.calendar.n_days() * n_k], n_k, scratch: Scratch::default() }
    }

    /// Adds some people's runs. O(runs + days).
    ///
    /// In columns: days, then cells, then counts, so that no run waits for what is done with the one before.
    pub fn add(&mut self, index: &Index, stretch: &Stretch) {
        let (calendar, n_k, runs) = (&self.periods.calendar, self.n_k, stretch.runs.clone());
        let Scratch { days, cells } = &mut self.scratch;
        calendar.days_of(&index.run_began_us[runs.clone()], &index.run_lasted_us[runs.clone()], days);
        cells.resize(runs.len().max(cells.len()), 0);
        let (mut from, mut last, mut n_cells) = (0, 0, 0);
        for (days, is_first) in days.iter().zip(&index.run_is_first[runs]) {
            let is_first = *is_first != 0;
            from = select_unpredictable(is_first, days.began, from);
            cells[n_cells] = cell(n_k, from, days.began) as u32;
            n_cells += usize::from(is_first | (days.began > last));
            last = days.ended;
            if days.began != days.ended {
                count_later(calendar, n_k, from, days, &mut self.came);
            }
        }
        cells[..n_cells].iter().for_each(|cell| self.came[*cell as usize] += 1);
    }

    /// Walks the days on which people began.
    pub fn rows(&self) -> impl Iterator<Item = DayRow<'_>> {
        let days = (self.periods.calendar.first_day()..).zip(self.came.chunks_exact(self.n_k));
        let came = days.filter(|(_, came)| came[0] > 0);
        came.map(|(day, came)| DayRow { day, mature: self.periods.mature_of(day), came: &came[..self.n_k - 1] })
    }
}
