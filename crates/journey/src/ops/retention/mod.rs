//! How many people come back, so many days, weeks or months after they first came.

mod kernel;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use diptych_event::Names;
use diptych_event::index::Run;
use diptych_event::time::format_day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, Unit, View};
pub use kernel::{Clock, Mode, Period};
use kernel::{DayGrid, DayRow, Periods, Since};

/// The most periods that an answer may have.
const MAX_PERIODS: u32 = 400;

/// The operator.
pub struct Retention;

/// Parameters of retention.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Events that make a person begin ("signup", "install | signup"); any event unless given.
    #[serde(default)]
    pub start: Option<String>,
    /// Events that count as coming back ("visit | buy"); any event unless given.
    #[serde(default)]
    pub back: Option<String>,
    /// Length of a period.
    #[serde(default)]
    pub period: Period,
    /// How many periods, 1 to 400; 30 days, 12 weeks or 12 months unless given.
    #[serde(default)]
    pub periods: Option<u32>,
    /// Where periods begin: by the calendar of the workspace's zone, or at each person's first event.
    #[serde(default)]
    pub clock: Clock,
    /// Which returns count for period k: in it, in it or later, or in any from 1 to k.
    #[serde(default)]
    pub mode: Mode,
    /// Whether to show each cohort, by the period in which people began.
    #[serde(default)]
    pub cohorts: Cohorts,
}

/// Whether cohorts are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cohorts {
    /// Only all people together.
    None,
    /// Also each cohort.
    #[default]
    Show,
}

/// A checked question.
pub struct Plan {
    /// Events that begin, shape `[names]`; `None` for any.
    start: Option<Vec<bool>>,
    /// Events that count as coming back, shape `[names]`; `None` for any.
    back: Option<Vec<bool>>,
    n_periods: usize,
    periods: Periods,
    mode: Mode,
    cohorts: Cohorts,
    names: Names,
    /// `day`, `week` or `month`.
    period_label: &'static str,
}

/// Counts of some people per cohort, by the cohort's first day (since 1970-01-01).
#[derive(Debug, Clone, Default, Serialize)]
pub struct Partial {
    cohorts: BTreeMap<i32, Cohort>,
}

/// Counts of one cohort.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cohort {
    /// People who began.
    people: u64,
    /// People whose last period observed to its end is k, shape `[periods + 1]`.
    last_mature: Vec<u64>,
    /// People who came back as counted for period k, and for whom it was observed to its end, shape `[periods + 1]`.
    came: Vec<u64>,
}

impl Operator for Retention {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "retention",
        panel: Panel::User,
        title: "Retention",
        question: "How many people come back, how long after they first came?",
        anchor: "a person, at the row of their first start event ever",
        counting: "Counts people by whether they came back in period k after the one of their first event; only people for whom all of period k was observed are in the base.",
        sources: &["METRICS 2.5", "Amplitude: N-day and unbounded retention"],
        chart: Chart::Grid,
        samples: &[
            r#"{"periods":5}"#,
            r#"{"start":"view","back":"buy | cart","periods":7,"clock":"rolling"}"#,
            r#"{"period":"week","mode":"on_or_after"}"#,
            r#"{"period":"month","periods":2,"mode":"within","cohorts":"none"}"#,
            r#"{"start":"cart","periods":3,"mode":"on_or_after","clock":"rolling"}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let (period_label, default) = match params.period {
            Period::Day => ("day", 30),
            Period::Week => ("week", 12),
            Period::Month => ("month", 12),
        };
        let n_periods = params.periods.unwrap_or(default);
        if !(1..=MAX_PERIODS).contains(&n_periods) {
            return Err(AskError::parameter("periods", format!("1 to {MAX_PERIODS} periods are possible, not {n_periods}")));
        }
        let events = |parameter: &str, text: &Option<String>| text.as_ref().map(|text| super::events(context, parameter, text)).transpose();
        let catalog = context.catalog;
        let plan = Plan {
            start: events("start", &params.start)?,
            back: events("back", &params.back)?,
            n_periods: n_periods as usize,
            periods: Periods::new(params.period, params.clock, context.calendar(), catalog.first_us, catalog.observed_until_us),
            mode: params.mode,
            cohorts: params.cohorts,
            names: catalog.names.clone(),
            period_label,
        };
        if params.mode == Mode::OnOrAfter {
            context.notes.push("people who began earlier have had more time to come back; compare cohorts with mode on or within".into());
        }
        Ok(plan)
    }

    fn empty(&self, _plan: &Plan) -> Partial {
        Partial::default()
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        if !out.split.is_empty() {
            for_each_person(plan, view, |person| {
                out.each(person.group, |partial| partial.cohorts.entry(person.cohort).or_default().add(plan, &person));
            });
            return;
        }
        let any_counts = plan.start.is_none() && plan.back.is_none() && view.actors.is_none() && view.admits_all();
        if any_counts && plan.mode == Mode::On && DayGrid::fits(&plan.periods, plan.n_periods) {
            // The plain case, which most questions are: all events of everybody.
            let mut grid = DayGrid::new(&plan.periods, plan.n_periods);
            derive::for_each_stretch(&view.shard, |stretch| grid.add(&view.shard.index, &stretch));
            grid.rows().for_each(|row| out.total.cohorts.entry(row.day).or_default().add_row(plan, &row));
            return;
        }
        // Everybody is looked up by day: a search in the map would take a quarter of the time.
        let (first, mut cohorts) = (plan.periods.first_cohort(), Vec::<Cohort>::new());
        for_each_person(plan, view, |person| {
            let idx = usize::try_from(person.cohort - first).expect("no cohort is before the first one");
            if cohorts.len() <= idx {
                cohorts.resize_with(idx + 1, Cohort::default);
            }
            cohorts[idx].add(plan, &person);
        });
        for (day, cohort) in (first..).zip(cohorts).filter(|(_, cohort)| cohort.people > 0) {
            out.total.cohorts.entry(day).or_default().merge(cohort);
        }
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        for (day, from) in other.cohorts {
            total.cohorts.entry(day).or_default().merge(from);
        }
    }

    fn finish(&self, plan: &Plan, total: Partial) -> Vec<Cell> {
        let n_people: u64 = total.cohorts.values().map(|cohort| cohort.people).sum();
        let grid: Vec<(i32, &Cohort, Vec<u64>)> =
            total.cohorts.iter().map(|(day, cohort)| (*day, cohort, cohort.mature(plan, *day))).collect();
        let label = plan.period_label;
        let share = |id: String, label: String, x: u64, n: u64, of: u64| {
            let cell = Cell::share(id, label, Unit::Actor, x, n, x);
            if n < of { cell.flagged("immature_cohort") } else { cell }
        };
        let mut cells = vec![Cell::people("people", "people who began", n_people)];
        for k in 1..=plan.n_periods {
            let x = grid.iter().map(|(_, cohort, _)| cohort.came[k]).sum();
            let n = grid.iter().map(|(_, _, mature)| mature[k]).sum();
            cells.push(share(format!("period:{k}"), format!("{label} {k}"), x, n, n_people));
        }
        if plan.cohorts == Cohorts::None {
            return cells;
        }
        for (day, cohort, mature) in grid {
            let day = format_day(day);
            cells.push(Cell::people(format!("cohort:{day}"), format!("began {day}"), cohort.people));
            for k in (1..=plan.n_periods).filter(|k| mature[*k] > 0) {
                let (id, label) = (format!("cohort:{day}/{k}"), format!("began {day}, {label} {k}"));
                cells.push(share(id, label, cohort.came[k], mature[k], cohort.people));
            }
        }
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(wanted) = Wanted::parse(plan, cell) else { return false };
        for_each_person(plan, view, |person| {
            if wanted.cohort.is_some_and(|day| format_day(person.cohort) != day) {
                return;
            }
            let Some(k) = wanted.k else { return sink.add(view, &plan.names, person.actor_idx, &[person.anchor]) };
            if person.mature < k {
                return;
            }
            for_each_return(plan, view, person.anchor, person.rows_end, &person.since, |row, of_return| {
                let counts = plan.mode.counts(of_return, k);
                if counts {
                    sink.add(view, &plan.names, person.actor_idx, &[person.anchor, row]);
                }
                !counts
            });
        });
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let of_cohort = |cohort: &Cohort| 96 + 8 * (cohort.came.capacity() + cohort.last_mature.capacity());
        size_of::<Partial>() + partial.cohorts.values().map(of_cohort).sum::<usize>()
    }
}

impl Cohort {
    fn make_room(&mut self, plan: &Plan) {
        if self.came.is_empty() {
            self.came.resize(plan.n_periods + 1, 0);
            self.last_mature.resize(plan.n_periods + 1, 0);
        }
    }

    fn add(&mut self, plan: &Plan, person: &Person) {
        self.make_room(plan);
        self.people += 1;
        self.last_mature[person.mature] += 1;
        plan.mode.for_each_credited(person.came, person.mature, |k| self.came[k] += 1);
    }

    /// Adds all who began on one day.
    fn add_row(&mut self, plan: &Plan, row: &DayRow) {
        self.make_room(plan);
        let mature = row.mature.min(plan.n_periods);
        self.people += u64::from(row.came[0]);
        self.last_mature[mature] += u64::from(row.came[0]);
        self.came[1..].iter_mut().zip(&row.came[1..=mature]).for_each(|(into, n)| *into += u64::from(*n));
    }

    fn merge(&mut self, other: Cohort) {
        if self.came.is_empty() {
            *self = other;
            return;
        }
        self.people += other.people;
        self.last_mature.iter_mut().zip(other.last_mature).for_each(|(into, from)| *into += from);
        self.came.iter_mut().zip(other.came).for_each(|(into, from)| *into += from);
    }

    /// Returns the people for whom period k was observed to its end, shape `[periods + 1]`.
    fn mature(&self, plan: &Plan, day: i32) -> Vec<u64> {
        let mut mature = self.last_mature.clone();
        for k in (1..mature.len()).rev() {
            mature[k - 1] += mature[k];
        }
        if plan.mode == Mode::On {
            (1..mature.len()).filter(|k| !plan.periods.exists(day, *k)).for_each(|k| mature[k] = 0);
        }
        mature
    }
}

/// The people that a cell counts.
struct Wanted<'a> {
    cohort: Option<&'a str>,
    k: Option<usize>,
}

impl<'a> Wanted<'a> {
    fn parse(plan: &Plan, cell: &'a str) -> Option<Self> {
        let period = |k: &str| k.parse().ok().filter(|k| (1..=plan.n_periods).contains(k));
        match cell.split_once(':') {
            None if cell == "people" => Some(Self { cohort: None, k: None }),
            Some(("period", k)) => Some(Self { cohort: None, k: Some(period(k)?) }),
            Some(("cohort", cohort)) if plan.cohorts == Cohorts::Show => Some(match cohort.split_once('/') {
                None => Self { cohort: Some(cohort), k: None },
                Some((cohort, k)) => Self { cohort: Some(cohort), k: Some(period(k)?) },
            }),
            _ => None,
        }
    }
}

/// One person who began.
struct Person<'a> {
    actor_idx: usize,
    /// Row of the first start event.
    anchor: usize,
    /// One after the person's last row.
    rows_end: usize,
    group: u32,
    since: Since<'a>,
    /// First day of the period in which the person began.
    cohort: i32,
    /// Last period, at most the last one asked for, that was observed to its end.
    mature: usize,
    /// Periods of the returns, ascending, from 1.
    came: &'a [usize],
}

/// Calls `take` with each selected person who began. O(rows), or O(runs) where any event begins and any is a return.
fn for_each_person(plan: &Plan, view: &View, mut take: impl FnMut(Person)) {
    let mut came = Vec::new();
    let mut runs = view.shard.index.runs();
    for (actor_idx, rows) in view.journeys() {
        runs.seek(rows.start);
        let first_run = runs.peek_before(rows.end).filter(|_| plan.start.is_none());
        let (anchor, began_us) = match first_run {
            Some(run) => (run.first_row, run.began_us),
            None => {
                let is_start = |row: &usize| plan.start.as_ref().is_none_or(|start| start[view.shard.name.get(*row) as usize]);
                let Some(anchor) = rows.clone().find(is_start) else { continue };
                (anchor, view.shard.time_us[anchor])
            }
        };
        if !view.admits_at(anchor, began_us) {
            continue;
        }
        let since = plan.periods.since(began_us);
        let mature = since.mature().min(plan.n_periods);
        came.clear();
        let told_by_runs = first_run.is_some() && plan.back.is_none() && {
            let mut next_run = || runs.peek_before(rows.end).inspect(|_| runs.pass());
            came_by_runs(&mut next_run, plan.periods.observed_until_us(), &since, mature, &mut came)
        };
        if !told_by_runs {
            came.clear();
            for_each_return(plan, view, anchor, rows.end, &since, |_, k| {
                came.push(k);
                // What comes after the last period that counts changes nothing.
                k <= mature
            });
        }
        take(Person {
            actor_idx,
            anchor,
            rows_end: rows.end,
            group: view.group(anchor),
            since,
            cohort: since.cohort(),
            mature,
            came: &came,
        });
    }
}

/// Finds the periods of the returns, as [`for_each_return`] does, of a person all of whose events count, and who begins with
/// the next run; tells whether it could: not where a run goes on after the end of observation.
///
/// Every period is longer than the gaps within a run, so a run has events in each period from its first to its last.
/// O(runs + periods).
#[inline]
fn came_by_runs(
    next_run: &mut impl FnMut() -> Option<Run>,
    observed_until_us: i64,
    since: &Since,
    mature: usize,
    came: &mut Vec<usize>,
) -> bool {
    let mut ends_us = since.own_end_us();
    while let Some(run) = next_run() {
        if run.ended_us > observed_until_us {
            return false;
        }
        while ends_us <= run.ended_us {
            // The first instant of the run's next period that was not seen yet.
            let k;
            (k, ends_us) = since.period(run.began_us.max(ends_us));
            came.push(k);
            if k > mature {
                return true;
            }
        }
    }
    true
}

/// Calls `take` with the first return in each observed period after the first event's own, in order, and with the period's
/// number, until it says no. O(rows), and one look at the calendar per period.
fn for_each_return(plan: &Plan, view: &View, anchor: usize, end: usize, since: &Since, mut take: impl FnMut(usize, usize) -> bool) {
    let times = &view.shard.time_us[..end];
    let comes_back = |row: usize| plan.back.as_ref().is_none_or(|back| back[view.shard.name.get(row) as usize]);
    let is_observed = |row: usize| row < end && times[row] <= plan.periods.observed_until_us();
    let mut ends_us = since.own_end_us();
    let mut row = anchor + 1;
    loop {
        while row < end && times[row] < ends_us {
            row += 1;
        }
        if !is_observed(row) {
            return;
        }
        let k;
        (k, ends_us) = since.period(times[row]);
        while is_observed(row) && times[row] < ends_us && !comes_back(row) {
            row += 1;
        }
        let has_come = is_observed(row) && times[row] < ends_us;
        if has_come && !take(row, k) {
            return;
        }
    }
}
