//! How many people take all steps of a way, and where they stop.

mod kernel;
mod params;
#[cfg(test)]
mod tests;

use std::ops::Range;

use diptych_event::timeline::{NO_CODE, Values};
use serde::Serialize;

use crate::derive;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, MaskId, Operator, Panel, Unit, View};
use crate::stats::Durations;
use kernel::{Attempt, Rules, Scratch};
use params::Entry;
pub use params::Params;

/// The operator.
pub struct Funnel;

/// A checked funnel.
pub struct Plan {
    /// How an attempt is found in a case.
    rules: Rules,
    /// Labels of the steps, for people.
    labels: Vec<String>,
    /// Bits of the steps that an event name can serve, shape `[names]`; bit [`kernel::EXCLUDED`] for exclusions.
    bits_of_name: Vec<u32>,
    /// Further conditions: rows that do not meet the mask lose the bit.
    conditions: Vec<(u32, MaskId)>,
    /// Column whose value must stay the same.
    hold: Option<usize>,
    /// Gap between sessions when sessions are counted.
    session_gap_us: Option<i64>,
    /// End of observation in microseconds.
    observed_until_us: i64,
    /// Event names, for `who`.
    names: diptych_event::Names,
}

/// Counts of some actors.
#[derive(Debug, Clone, Serialize)]
pub struct Partial {
    /// Cases that reached at least step k + 1, shape `[steps]`.
    reached: Vec<u64>,
    /// Actors with a case that reached at least step k + 1, shape `[steps]`.
    people: Vec<u64>,
    /// Cases that stopped at step k + 1, whose window is not over, shape `[steps]`.
    open: Vec<u64>,
    /// Actors of the cases that stopped at step k + 1, shape `[steps]`.
    stopped_people: Vec<u64>,
    /// Actors of the open cases, shape `[steps]`.
    open_people: Vec<u64>,
    /// Microseconds from step k to step k + 1 in counted attempts, shape `[steps − 1][cases]`.
    step_us: Vec<Durations>,
    /// Microseconds from the first to the last step, shape `[cases]`.
    total_us: Durations,
}

impl Operator for Funnel {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "funnel",
        panel: Panel::User,
        title: "Funnel",
        question: "How many people take all steps of a way, and where do they stop?",
        anchor: "an attempt, at the row of its first step",
        counting: "Counts people (or sessions) by the furthest step of their best attempt; all steps lie within the window of the first, ends included.",
        sources: &["METRICS 2.2", "ClickHouse windowFunnel", "Mixpanel: Funnels"],
        chart: Chart::Funnel,
        samples: &[
            r#"{"steps":["view","cart","buy"]}"#,
            r#"{"steps":["view","view","buy | help"],"window":"2h","entry":"first","ties":"strict"}"#,
            r#"{"steps":["view where device = 'phone'","cart | search","buy"],"window":"5d","ties":"optimistic"}"#,
            r#"{"steps":["view","cart"],"order":"strict","window":"1h","exclude":["error"]}"#,
            r#"{"steps":["buy","cart","help"],"order":"any","window":"3d","exclude":["error where device = 'phone'"]}"#,
            r#"{"steps":["view","cart","buy"],"hold":"product","window":"4d"}"#,
            r#"{"steps":["view","cart"],"hold":"size","order":"any","entry":"first"}"#,
            r#"{"steps":["view","search | view"],"per":"session"}"#,
            r#"{"steps":["view","cart"],"per":"session","gap":"2h","hold":"device","ties":"optimistic"}"#,
            r#"{"steps":["view"]}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        params.plan(context)
    }

    fn empty(&self, plan: &Plan) -> Partial {
        let n_steps = plan.labels.len();
        Partial {
            reached: vec![0; n_steps],
            people: vec![0; n_steps],
            open: vec![0; n_steps],
            stopped_people: vec![0; n_steps],
            open_people: vec![0; n_steps],
            step_us: vec![Durations::default(); n_steps - 1],
            total_us: Durations::default(),
        }
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        let mut tally = Tally::default();
        for_each_actor(plan, view, |_, search| {
            search.find(None);
            tally.add_all(search, &mut out.total);
            if out.split.is_empty() {
                return;
            }
            let groups = search.groups();
            if let [only] = groups[..] {
                // All entries are in one group, so its cases are the ones just found.
                if let Some(partial) = out.split.get_mut(only as usize) {
                    tally.add_all(search, partial);
                }
                return;
            }
            for group in groups {
                search.find(Some(group));
                if let Some(partial) = out.split.get_mut(group as usize) {
                    tally.add_all(search, partial);
                }
            }
        });
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        let pairs = [
            (&mut total.reached, other.reached),
            (&mut total.people, other.people),
            (&mut total.open, other.open),
            (&mut total.stopped_people, other.stopped_people),
            (&mut total.open_people, other.open_people),
        ];
        for (into, from) in pairs {
            into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
        }
        total.step_us.iter_mut().zip(other.step_us).for_each(|(into, from)| into.merge(from));
        total.total_us.merge(other.total_us);
    }

    fn finish(&self, plan: &Plan, total: Partial) -> Vec<Cell> {
        let unit = if plan.session_gap_us.is_some() { Unit::Session } else { Unit::Actor };
        let (n_steps, entered) = (plan.labels.len(), total.reached[0]);
        let any_open = total.open.iter().take(n_steps - 1).sum::<u64>() > 0;
        let incomplete = |cell: Cell| if any_open { cell.flagged("immature_cohort") } else { cell };
        let mut cells = vec![Cell::count("step:1", plan.labels[0].clone(), unit, entered, total.people[0])];
        for k in 1..n_steps {
            let (id, label) = (k + 1, &plan.labels[k]);
            let (x, previous, people) = (total.reached[k], total.reached[k - 1], total.people[k]);
            cells.push(incomplete(Cell::share(format!("step:{id}"), label.clone(), unit, x, entered, people)));
            cells.push(incomplete(Cell::share(format!("of_previous:{id}"), format!("{label}, of step {k}"), unit, x, previous, people)));
        }
        for k in 0..n_steps - 1 {
            let (id, stopped) = (k + 1, total.reached[k] - total.reached[k + 1]);
            cells.push(Cell::count(
                format!("stopped:{id}"),
                format!("stopped after {}", plan.labels[k]),
                unit,
                stopped,
                total.stopped_people[k],
            ));
            cells.push(Cell::count(
                format!("open:{id}"),
                format!("of these, window not over after {}", plan.labels[k]),
                unit,
                total.open[k],
                total.open_people[k],
            ));
        }
        for (k, times) in total.step_us.iter().enumerate() {
            let label = format!("median time {} → {}", plan.labels[k], plan.labels[k + 1]);
            cells.push(median(format!("time:{}", k + 2), label, times, total.people[k + 1]));
        }
        let people = total.people[n_steps - 1];
        cells.push(median("time:all".into(), "median time, first to last step".into(), &total.total_us, people));
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some((kind, k)) = cell.split_once(':') else { return false };
        let n_steps = plan.labels.len();
        let (kind, step) = match (kind, k) {
            ("time", "all") => ("step", n_steps),
            (kind, k) => match k.parse::<usize>() {
                Ok(step) if (1..=n_steps).contains(&step) => (kind, step),
                _ => return false,
            },
        };
        let wanted: fn(&Case, usize) -> bool = match kind {
            "step" => |case, step| case.attempt.level() >= step,
            "of_previous" | "time" if step > 1 => |case, step| case.attempt.level() >= step,
            "stopped" if step < n_steps => |case, step| case.attempt.level() == step,
            "open" if step < n_steps => |case, step| case.attempt.level() == step && case.open,
            _ => return false,
        };
        for_each_actor(plan, view, |actor_idx, search| {
            search.find(None);
            for case in search.cases.iter().filter(|case| wanted(case, step)) {
                let rows: Vec<usize> = case.attempt.rows().iter().map(|hit| search.hits.rows[*hit]).collect();
                sink.add(view, &plan.names, actor_idx, &rows);
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let times: usize = partial.step_us.iter().map(Durations::size_bytes).sum::<usize>() + partial.total_us.size_bytes();
        size_of::<Partial>() + times + 40 * partial.reached.len()
    }
}

fn median(id: String, label: String, times: &Durations, people: u64) -> Cell {
    let quantiles = times.quantiles(&[0.5]);
    Cell::duration(id, label, times.len() as u64, people, quantiles.values_us[0])
        .with_interval(quantiles.median_interval_us, "order statistics")
}

/// The best attempt of one case.
struct Case {
    /// Its rows are positions among the hits.
    attempt: Attempt,
    /// The attempt stopped and its window is not over.
    open: bool,
}

/// Adds one actor's cases to a partial, counting the actor once per number.
#[derive(Default)]
struct Tally {
    stopped: u64,
    open: u64,
}

impl Tally {
    fn add_all(&mut self, search: &Search, partial: &mut Partial) {
        (self.stopped, self.open) = (0, 0);
        let mut furthest = 0;
        for case in &search.cases {
            let level = case.attempt.level();
            furthest = furthest.max(level);
            partial.reached[..level].iter_mut().for_each(|reached| *reached += 1);
            self.stopped |= 1 << (level - 1);
            if case.open {
                partial.open[level - 1] += 1;
                self.open |= 1 << (level - 1);
            }
            let (rows, time_us) = (case.attempt.rows(), &search.hits.time_us);
            for (k, pair) in rows.windows(2).enumerate() {
                partial.step_us[k].push(time_us[pair[1]] - time_us[pair[0]]);
            }
            if level == partial.reached.len() {
                partial.total_us.push(time_us[rows[level - 1]] - time_us[rows[0]]);
            }
        }
        partial.people[..furthest].iter_mut().for_each(|people| *people += 1);
        for k in 0..furthest {
            partial.stopped_people[k] += self.stopped >> k & 1;
            partial.open_people[k] += self.open >> k & 1;
        }
    }
}

/// The search for the cases of one actor after the other.
struct Search<'a> {
    plan: &'a Plan,
    view: &'a View<'a>,
    /// Rows of the actor.
    rows: Range<usize>,
    /// What can serve a step or ends attempts, among the rows of everybody who may have entered, ascending.
    hits: Hits,
    /// Those of the actor among them.
    own: Range<usize>,
    /// The cases that were found.
    cases: Vec<Case>,
    scratch: Scratch,
}

/// Rows that can serve a step or end attempts: all that attempts depend on.
#[derive(Default)]
struct Hits {
    /// Shape `[hits]`, ascending.
    rows: Vec<usize>,
    /// Instants in microseconds, shape `[hits]`.
    time_us: Vec<i64>,
    /// The steps that each can serve, shape `[hits]`.
    bits: Vec<u32>,
}

impl Hits {
    /// Looks rows up all at once: they are far apart, and one load from memory does not wait for the other.
    fn new(plan: &Plan, view: &View, rows: Vec<usize>) -> Self {
        let time_us = rows.iter().map(|row| view.shard.time_us[*row]).collect();
        let bits = rows.iter().map(|row| plan.bits_of_name[view.shard.name.get(*row) as usize]).collect();
        Self { rows, time_us, bits }
    }
}

/// Ascending rows that are asked for actor by actor.
struct Ascending<'a> {
    rows: &'a [u32],
    next: usize,
}

impl<'a> Ascending<'a> {
    fn new(rows: &'a [u32]) -> Self {
        Self { rows, next: 0 }
    }

    /// Returns those of an actor after the ones asked for before. O(rows passed over).
    fn within(&mut self, wanted: &Range<usize>) -> &'a [u32] {
        let rows = &self.rows[self.next..];
        let start = rows.iter().take_while(|row| (**row as usize) < wanted.start).count();
        let n = rows[start..].iter().take_while(|row| (**row as usize) < wanted.end).count();
        self.next += start + n;
        &rows[start..start + n]
    }
}

/// Calls `take` for each selected actor who has an event that an attempt can start with.
///
/// O(actors + hits), and one look at each 64 rows.
fn for_each_actor(plan: &Plan, view: &View, mut take: impl FnMut(usize, &mut Search)) {
    let entry_bits = plan.rules.entry_bits();
    let names_of = |enters: bool| {
        let names = (0..).zip(&plan.bits_of_name);
        names.filter(move |(_, bits)| **bits != 0 && (*bits & entry_bits != 0) == enters).map(|(name, _)| name)
    };
    let entries = view.shard.index.rows_of_any(names_of(true));
    let others = view.shard.index.rows_of_any(names_of(false));
    let (mut entries, mut others) = (Ascending::new(&entries), Ascending::new(&others));
    // Who may have entered: position of the actor, rows, hits.
    let mut entrants = Vec::new();
    let mut found: Vec<usize> = Vec::new();
    for (actor_idx, rows) in view.journeys() {
        let entries = entries.within(&rows);
        if entries.is_empty() {
            continue;
        }
        let first = found.len();
        found.extend(entries.iter().map(|row| *row as usize));
        found.extend(others.within(&rows).iter().map(|row| *row as usize));
        found[first..].sort_unstable();
        entrants.push((actor_idx, rows, first..found.len()));
    }
    let hits = Hits::new(plan, view, found);
    let mut search = Search { plan, view, rows: 0..0, hits, own: 0..0, cases: Vec::new(), scratch: Scratch::default() };
    for (actor_idx, rows, own) in entrants {
        (search.rows, search.own) = (rows, own);
        search.check_conditions();
        take(actor_idx, &mut search);
    }
}

impl Search<'_> {
    /// Takes from each hit the steps whose condition it does not meet. O(hits × conditions).
    fn check_conditions(&mut self) {
        for (condition_bits, mask) in &self.plan.conditions {
            let mask = &self.view.masks[mask.0];
            for (bits, row) in self.hits.bits[self.own.clone()].iter_mut().zip(&self.hits.rows[self.own.clone()]) {
                if *bits & condition_bits != 0 && !mask.holds(*row) {
                    *bits &= !condition_bits;
                }
            }
        }
    }

    /// Returns the groups of the rows where an attempt may start, ascending.
    fn groups(&self) -> Vec<u32> {
        let own = self.hits.rows[self.own.clone()].iter().zip(&self.hits.bits[self.own.clone()]);
        let entries = own.filter(|(_, bits)| *bits & self.plan.rules.entry_bits() != 0);
        let admitted = entries.map(|(row, _)| *row).filter(|row| self.view.admits(*row));
        let mut groups: Vec<u32> = admitted.map(|row| self.view.group(row)).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Finds the counted attempt of each case: of all rows, or of each session; only entries in `group` count when one is given.
    fn find(&mut self, group: Option<u32>) {
        let (plan, view) = (self.plan, self.view);
        let (hits, cases, scratch) = (&self.hits, &mut self.cases, &mut self.scratch);
        cases.clear();
        let enters = |row: usize, time_us: i64| view.admits_at(row, time_us) && group.is_none_or(|group| view.group(row) == group);
        let mut find = |of_case: Range<usize>, ends_us: i64| {
            let rows = &hits.rows[of_case.clone()];
            let (time_us, bits) = (&hits.time_us[of_case.clone()], &hits.bits[of_case.clone()]);
            let found = match plan.hold {
                None => kernel::best_attempt(&plan.rules, time_us, bits, |idx| enters(rows[idx], time_us[idx]), scratch),
                Some(column) => best_with_constant(plan, view, rows, time_us, bits, enters, column, scratch),
            };
            let Some(mut attempt) = found else { return };
            let stopped = attempt.level() < plan.labels.len();
            let open = stopped && attempt.can_go_on_until_us.is_some_and(|until_us| until_us.min(ends_us) > plan.observed_until_us);
            attempt.shift(of_case.start);
            cases.push(Case { attempt, open });
        };
        match plan.session_gap_us {
            None => find(self.own.clone(), i64::MAX),
            Some(gap_us) => {
                let mut first = self.own.start;
                for session in derive::sessions(&view.shard, self.rows.clone(), gap_us) {
                    first += hits.rows[first..self.own.end].iter().take_while(|row| **row < session.start).count();
                    let end = first + hits.rows[first..self.own.end].iter().take_while(|row| **row < session.end).count();
                    let is_activity = |row: &usize| view.shard.interactive.is_none_or(|interactive| interactive[*row] != 0);
                    let active = session.clone().rev().find(is_activity).unwrap_or(session.start);
                    find(first..end, view.shard.time_us[active].saturating_add(gap_us));
                    first = end;
                }
            }
        }
    }
}

/// Finds the best attempt whose rows all have the same value in a column; its rows are positions among the hits given.
#[expect(clippy::too_many_arguments, reason = "the three of a case's hits belong together, and the rest is what the search needs")]
fn best_with_constant(
    plan: &Plan,
    view: &View,
    rows: &[usize],
    time_us: &[i64],
    bits: &[u32],
    enters: impl Fn(usize, i64) -> bool,
    column: usize,
    scratch: &mut Scratch,
) -> Option<Attempt> {
    let value = |row: usize| -> Option<i64> {
        match view.shard.columns[column].values {
            Values::Text(codes) => Some(codes.get(row)).filter(|code| *code != NO_CODE).map(i64::from),
            Values::Integer(numbers) => (numbers[row] != i64::MIN).then(|| numbers[row]),
            Values::Number(numbers) => (!numbers[row].is_nan()).then(|| numbers[row].to_bits() as i64),
        }
    };
    let enters = |idx: usize| enters(rows[idx], time_us[idx]);
    let entries = (0..rows.len()).filter(|idx| bits[*idx] & plan.rules.entry_bits() != 0 && enters(*idx));
    let mut values: Vec<i64> = entries.filter_map(|idx| value(rows[idx])).collect();
    values.sort_unstable();
    values.dedup();
    let mut best: Option<Attempt> = None;
    let mut latest_us = None;
    for held in values {
        let held_bits: Vec<u32> =
            rows.iter().zip(bits).map(|(row, bits)| if value(*row) == Some(held) { *bits } else { bits & 1 << kernel::EXCLUDED }).collect();
        let found = kernel::best_attempt(&plan.rules, time_us, &held_bits, enters, scratch);
        latest_us = latest_us.max(found.as_ref().and_then(|found| found.can_go_on_until_us));
        best = best
            .into_iter()
            .chain(found)
            .reduce(|best, found| if found.is_better_than(&best, plan.rules.entry, time_us) { found } else { best });
    }
    if let (Some(best), Entry::Best) = (&mut best, plan.rules.entry) {
        // An attempt with another value may still get further.
        best.can_go_on_until_us = latest_us.filter(|_| best.level() < plan.rules.n_steps);
    }
    best
}
