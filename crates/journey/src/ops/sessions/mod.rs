//! How people's visits look: how many, how long, with how many events, and when.

mod kernel;
#[cfg(test)]
mod tests;

use std::ops::Range;

use diptych_event::time::{Calendar, SECOND_US, format_day, month_start, parse_duration, week_start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::{self, RunSession};
use crate::ops::Times;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, Unit, View};
pub use kernel::Partial;
use kernel::{LENGTHS, Visit, With, length_idx, mean_counted, quantile_counted};

/// Sessions longer than this are engaged. Source: GA4 help 12798876.
const ENGAGED_OVER_US: i64 = 10 * SECOND_US;

/// Says that the interval treats units of one person as independent (METRICS C6).
const CLUSTERED: &str = "clustered";

/// The operator.
pub struct Sessions;

/// Parameters of sessions.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// A gap of over this ends a session: 30m, 1h; the workspace's unless given.
    #[serde(default)]
    pub gap: Option<String>,
    /// Events that are page views ("view | screen"): a session with two of them is engaged. Any event unless given.
    #[serde(default)]
    pub views: Option<String>,
    /// Key events ("buy | subscribe"): a session with one of them is engaged.
    #[serde(default)]
    pub key: Option<String>,
    /// Also count the sessions begun per local day, week (from Monday) or month.
    #[serde(default)]
    pub trend: Option<Trend>,
    /// Whether to give the durations of sessions.
    #[serde(default)]
    pub times: Times,
}

/// Length of the periods of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Local days.
    Day,
    /// Weeks from Monday (ISO 8601).
    Week,
    /// Calendar months.
    Month,
}

impl Trend {
    fn id(self) -> &'static str {
        match self {
            Trend::Day => "day",
            Trend::Week => "week",
            Trend::Month => "month",
        }
    }

    /// Returns the first day of the period of `day`.
    fn start(self, day: i32) -> i32 {
        match self {
            Trend::Day => day,
            Trend::Week => week_start(day),
            Trend::Month => month_start(day),
        }
    }

    /// Returns the first day of the period after the one that begins on `start`.
    fn next(self, start: i32) -> i32 {
        match self {
            Trend::Day => start + 1,
            Trend::Week => start + 7,
            Trend::Month => month_start(start + 31),
        }
    }
}

/// A checked question.
pub struct Plan {
    gap_us: i64,
    /// Page views, shape `[names]`; `None` when any event counts as one.
    views: Option<Vec<bool>>,
    /// Key events, shape `[names]`.
    key: Option<Vec<bool>>,
    trend: Option<(Trend, Calendar)>,
    times: Times,
    /// Event names, for `who`.
    names: diptych_event::Names,
}

impl Operator for Sessions {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "sessions",
        panel: Panel::User,
        title: "Sessions",
        question: "How many visits do people make, and how long are they?",
        anchor: "a session, at its first row",
        counting: "Counts runs of one person's events with no gap of over 30 minutes (or what the workspace says); sessions of one event have no duration.",
        sources: &["METRICS 1.1", "GA4 help 9191807: sessions", "GA4 help 12798876: engaged sessions"],
        chart: Chart::Histogram,
        samples: &[
            r#"{}"#,
            r#"{"gap":"2h","views":"view | search","key":"buy"}"#,
            r#"{"trend":"day"}"#,
            r#"{"trend":"week","gap":"1s"}"#,
            r#"{"trend":"month","views":"view"}"#,
            r#"{"times":"none"}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let gap_us = match &params.gap {
            None => context.catalog.session_gap_us,
            Some(gap) => parse_duration(gap).map_err(|what| AskError::parameter("gap", what))?,
        };
        let events = |parameter: &str, text: &Option<String>| text.as_ref().map(|text| super::events(context, parameter, text)).transpose();
        let plan = Plan {
            gap_us,
            views: events("views", &params.views)?,
            key: events("key", &params.key)?,
            trend: params.trend.map(|trend| (trend, context.calendar())),
            times: params.times,
            names: context.catalog.names.clone(),
        };
        context.notes.push("intervals treat sessions as independent; those of one person are not, so they are too narrow".into());
        if plan.views.is_none() {
            context.notes.push(
                "engaged is approximate: over 10 s or two events of any kind; name the page views (views) and key events (key) to be exact"
                    .into(),
            );
        }
        Ok(plan)
    }

    fn empty(&self, _plan: &Plan) -> Partial {
        Partial::default()
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        let with = With { trend: plan.trend.is_some(), times: plan.times == Times::Median };
        let runs_tell = plan.views.is_none() && plan.key.is_none() && derive::runs_tell_sessions(&view.shard, plan.gap_us);
        if runs_tell && !with.trend && out.split.is_empty() && view.actors.is_none() && view.admits_all() {
            // The plain case, which most questions are: all sessions of everybody.
            let (mut seen, mut timed_us) = (Vec::new(), Vec::new());
            derive::for_each_sessions_of_runs(&view.shard, plan.gap_us, |stretch, sessions| {
                out.total.add_people(sessions, &mut seen);
                if with.times {
                    sessions.find_durations(&view.shard.index, stretch);
                    out.total.add_durations(sessions, &mut timed_us);
                }
            });
            return;
        }
        let mut visits = Vec::new();
        if runs_tell {
            let mut runs = view.shard.index.runs();
            for (_, rows) in view.journeys() {
                let sessions = derive::sessions_of_runs(&mut runs, &rows, plan.gap_us);
                let admitted = sessions.filter(|session| view.admits_at(session.rows.start, session.began_us));
                add_person(admitted.map(|session| whole_visit(plan, view, &session)), &mut visits, with, out);
            }
            return;
        }
        for (_, rows) in view.journeys() {
            let sessions = derive::sessions(&view.shard, rows, plan.gap_us);
            let admitted = sessions.filter(|session| view.admits(session.start));
            add_person(admitted.map(|session| visit(plan, view, session)), &mut visits, with, out);
        }
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        total.merge(other);
    }

    fn finish(&self, plan: &Plan, total: Partial) -> Vec<Cell> {
        let (n, people) = (total.n_sessions, total.people);
        let lengths = total.lengths.to_map();
        let single = lengths.get(&1).copied().unwrap_or(0);
        let mut cells = vec![
            Cell::count("sessions", "sessions", Unit::Session, n, people),
            Cell::people("people", "people with a session", people),
            number("per_person", "sessions per person", Unit::Session, people, people, crate::stats::ratio(n, people)),
            Cell::share("single", "sessions of one event", Unit::Session, single, n, total.single_people).flagged(CLUSTERED),
            Cell::share("engaged", "engaged sessions", Unit::Session, total.engaged, n, total.engaged_people).flagged(CLUSTERED),
            number("events:mean", "events per session, mean", Unit::Event, n, people, mean_counted(&lengths)),
            number("events:median", "events per session, median", Unit::Event, n, people, quantile_counted(&lengths, 0.5)),
            number("events:p90", "events per session, 90th percentile", Unit::Event, n, people, quantile_counted(&lengths, 0.9)),
        ];
        let mut of_length = [0; LENGTHS.len()];
        lengths.iter().for_each(|(length, n)| of_length[length_idx(*length)] += n);
        for (idx, (length, _)) in LENGTHS.iter().enumerate() {
            let label = if idx == 0 { "1 event".into() } else { format!("{length} events") };
            cells.push(Cell::count(format!("length:{length}"), label, Unit::Session, of_length[idx], total.length_people[idx]));
        }
        if plan.times == Times::Median {
            cells.extend(duration_cells(&total));
        }
        if let Some((trend, calendar)) = &plan.trend {
            cells.extend(trend_cells(*trend, calendar, &total));
        }
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(wanted) = Wanted::parse(plan, cell) else { return false };
        for (actor_idx, rows) in view.journeys() {
            for session in derive::sessions(&view.shard, rows, plan.gap_us) {
                if !view.admits(session.start) || !wanted.has(&visit(plan, view, session.clone())) {
                    continue;
                }
                let (first, last) = (session.start, session.end - 1);
                let rows = if first == last { &[first][..] } else { &[first, last][..] };
                sink.add(view, &plan.names, actor_idx, rows);
            }
        }
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        size_of::<Partial>() + partial.durations_us.size_bytes() + partial.lengths.size_bytes() + 32 * partial.trend.len()
    }
}

/// A number that is neither a count nor a share.
fn number(id: &str, label: &str, unit: Unit, n: u64, people: u64, value: Option<f64>) -> Cell {
    let mut cell = Cell::count(id, label, unit, n, people);
    cell.value = value;
    if n == 0 { cell.flagged("no_data") } else { cell }
}

/// Makes the cells of durations.
fn duration_cells(total: &Partial) -> [Cell; 3] {
    let times = &total.durations_us;
    let quantiles = times.quantiles(&[0.5, 0.9]);
    let duration = |id: &str, what: &str, value_us| {
        let label = format!("duration, {what} (two events or more)");
        Cell::duration(format!("duration:{id}"), label, times.len() as u64, total.duration_people, value_us)
    };
    let median = duration("median", "median", quantiles.values_us[0]);
    [
        median.with_interval(quantiles.median_interval_us, "order statistics"),
        duration("p90", "90th percentile", quantiles.values_us[1]),
        duration("mean", "mean", times.mean_us()),
    ]
}

/// Makes one cell per period from the first to the last with a session; days that do not exist are left out.
fn trend_cells(trend: Trend, calendar: &Calendar, total: &Partial) -> Vec<Cell> {
    let mut cells = Vec::new();
    let Some((first, last)) = total.trend.first_key_value().zip(total.trend.last_key_value()) else { return cells };
    let (mut start, last) = (*first.0, *last.0);
    while start <= last {
        if trend != Trend::Day || calendar.exists(start) {
            let (n, people) = total.trend.get(&start).copied().unwrap_or((0, 0));
            let (id, day) = (trend.id(), format_day(start));
            cells.push(Cell::count(format!("{id}:{day}"), format!("sessions begun, {id} of {day}"), Unit::Session, n, people));
        }
        start = trend.next(start);
    }
    cells
}

/// The sessions that a cell counts.
enum Wanted<'a> {
    All,
    Single,
    Engaged,
    Timed,
    Length(usize),
    Began(&'a str),
}

impl<'a> Wanted<'a> {
    fn parse(plan: &Plan, cell: &'a str) -> Option<Self> {
        let (kind, what) = cell.split_once(':').unwrap_or((cell, ""));
        match (kind, what) {
            ("sessions" | "people" | "per_person", "") | ("events", "mean" | "median" | "p90") => Some(Wanted::All),
            ("single", "") => Some(Wanted::Single),
            ("engaged", "") => Some(Wanted::Engaged),
            ("duration", "median" | "p90" | "mean") if plan.times == Times::Median => Some(Wanted::Timed),
            ("length", length) => LENGTHS.iter().position(|(label, _)| *label == length).map(Wanted::Length),
            (kind, day) if plan.trend.as_ref().is_some_and(|(trend, _)| trend.id() == kind) => Some(Wanted::Began(day)),
            _ => None,
        }
    }

    fn has(&self, visit: &Visit) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Single => visit.n_events == 1,
            Wanted::Engaged => visit.engaged,
            Wanted::Timed => visit.n_events > 1,
            Wanted::Length(idx) => length_idx(visit.n_events) == *idx,
            Wanted::Began(day) => format_day(visit.began) == *day,
        }
    }
}

/// Adds the sessions of one person to the total and to their groups; `visits` is written over.
#[inline]
fn add_person(of_person: impl Iterator<Item = Visit>, visits: &mut Vec<Visit>, with: With, out: &mut Groups<Partial>) {
    if out.split.is_empty() {
        out.total.add_person(of_person, with);
        return;
    }
    visits.clear();
    visits.extend(of_person);
    out.total.add_person(visits.iter().copied(), with);
    // Stable, so each group's sessions stay in time order.
    visits.sort_by_key(|visit| visit.group);
    for of_group in visits.chunk_by(|a, b| a.group == b.group) {
        if let Some(partial) = out.split.get_mut(of_group[0].group as usize) {
            partial.add_person(of_group.iter().copied(), with);
        }
    }
}

/// Measures one session all of whose rows are user activity, and none of whose names matters. O(1).
#[inline]
fn whole_visit(plan: &Plan, view: &View, session: &RunSession) -> Visit {
    let (n_events, duration_us) = (session.rows.len() as u64, session.ended_us - session.began_us);
    Visit {
        group: view.group(session.rows.start),
        n_events,
        duration_us,
        engaged: duration_us > ENGAGED_OVER_US || n_events >= 2,
        began: plan.trend.as_ref().map_or(0, |(trend, calendar)| trend.start(calendar.day(session.began_us))),
    }
}

/// Measures one session: only user activity counts, whatever else fell into it. O(rows) where needed, else O(1).
#[inline]
fn visit(plan: &Plan, view: &View, session: Range<usize>) -> Visit {
    let shard = &view.shard;
    let is_active = |row: &usize| shard.interactive.is_none_or(|interactive| interactive[*row] != 0);
    let (n_events, last) = match shard.interactive {
        None => (session.len(), session.end - 1),
        Some(_) => {
            let active = session.clone().filter(is_active);
            active.fold((0, session.start), |(n, _), row| (n + 1, row))
        }
    };
    let duration_us = shard.time_us[last] - shard.time_us[session.start];
    let count = |events: &[bool]| session.clone().filter(|row| is_active(row) && events[shard.name.get(*row) as usize]).count();
    let engaged = duration_us > ENGAGED_OVER_US
        || plan.views.as_ref().map_or(n_events, |views| count(views)) >= 2
        || plan.key.as_ref().is_some_and(|key| count(key) >= 1);
    Visit {
        group: view.group(session.start),
        n_events: n_events as u64,
        duration_us,
        engaged,
        began: plan.trend.as_ref().map_or(0, |(trend, calendar)| trend.start(calendar.day(shard.time_us[session.start]))),
    }
}
