//! How many people take all steps of a way, and where they stop.

mod kernel;
mod params;
#[cfg(test)]
mod tests;

use diptych_event::timeline::{NO_CODE, Values};
use serde::Serialize;

use crate::derive;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, MaskId, Operator, Panel, Unit, View};
use crate::stats::{median_interval_sorted, quantile_sorted};
use kernel::{Attempt, Rules};
use params::Entry;
pub use params::{Order, Params};

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
    step_us: Vec<Vec<i64>>,
    /// Microseconds from the first to the last step, shape `[cases]`.
    total_us: Vec<i64>,
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
            step_us: vec![Vec::new(); n_steps - 1],
            total_us: Vec::new(),
        }
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        let mut actor = Tally::default();
        for_each_actor(plan, view, None, |_, cases| {
            actor.add_all(cases, &mut out.total);
        });
        if out.split.is_empty() {
            return;
        }
        for_each_actor_and_group(plan, view, |group, cases| {
            if let Some(partial) = out.split.get_mut(group as usize) {
                actor.add_all(cases, partial);
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
        total.step_us.iter_mut().zip(other.step_us).for_each(|(into, from)| into.extend(from));
        total.total_us.extend(other.total_us);
    }

    fn finish(&self, plan: &Plan, mut total: Partial) -> Vec<Cell> {
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
        for (k, times) in total.step_us.iter_mut().enumerate() {
            let label = format!("median time {} → {}", plan.labels[k], plan.labels[k + 1]);
            cells.push(median(format!("time:{}", k + 2), label, times, total.people[k + 1]));
        }
        let people = total.people[n_steps - 1];
        cells.push(median("time:all".into(), "median time, first to last step".into(), &mut total.total_us, people));
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
        for_each_actor(plan, view, None, |actor_idx, cases| {
            for case in cases.iter().filter(|case| wanted(case, step)) {
                sink.add(view, &plan.names, actor_idx, case.attempt.rows());
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let times: usize = partial.step_us.iter().map(Vec::capacity).sum::<usize>() + partial.total_us.capacity();
        size_of::<Partial>() + 8 * (times + 5 * partial.reached.len())
    }
}

fn median(id: String, label: String, times: &mut [i64], people: u64) -> Cell {
    times.sort_unstable();
    Cell::duration(id, label, times.len() as u64, people, quantile_sorted(times, 0.5))
        .with_interval(median_interval_sorted(times), "order statistics")
}

/// The best attempt of one case.
struct Case {
    attempt: Attempt,
    /// The attempt stopped and its window is not over.
    open: bool,
    /// Instants of the attempt's rows, shape `[level]`.
    times_us: Vec<i64>,
}

/// Adds one actor's cases to a partial, counting the actor once per number.
#[derive(Default)]
struct Tally {
    stopped: u64,
    open: u64,
}

impl Tally {
    fn add_all(&mut self, cases: &[Case], partial: &mut Partial) {
        (self.stopped, self.open) = (0, 0);
        let mut furthest = 0;
        for case in cases {
            let level = case.attempt.level();
            furthest = furthest.max(level);
            partial.reached[..level].iter_mut().for_each(|reached| *reached += 1);
            self.stopped |= 1 << (level - 1);
            if case.open {
                partial.open[level - 1] += 1;
                self.open |= 1 << (level - 1);
            }
            for (k, pair) in case.times_us.windows(2).enumerate() {
                partial.step_us[k].push(pair[1] - pair[0]);
            }
            if level == partial.reached.len() {
                partial.total_us.push(case.times_us[level - 1] - case.times_us[0]);
            }
        }
        partial.people[..furthest].iter_mut().for_each(|people| *people += 1);
        for k in 0..furthest {
            partial.stopped_people[k] += self.stopped >> k & 1;
            partial.open_people[k] += self.open >> k & 1;
        }
    }
}

/// Calls `take` with the cases of each selected actor that entered; only entries in `group` count when one is given.
fn for_each_actor(plan: &Plan, view: &View, group: Option<u32>, mut take: impl FnMut(usize, &[Case])) {
    let mut cases = Vec::new();
    let mut bits = Vec::new();
    for (actor_idx, rows) in view.journeys() {
        cases.clear();
        if step_bits(plan, view, rows.clone(), &mut bits) & 1 == 0 && plan.rules.order != Order::Any {
            continue;
        }
        find_cases(plan, view, rows, &bits, group, &mut cases);
        if !cases.is_empty() {
            take(actor_idx, &cases);
        }
    }
}

/// Calls `take` for each selected actor and each group among the rows where an attempt can start.
fn for_each_actor_and_group(plan: &Plan, view: &View, mut take: impl FnMut(u32, &[Case])) {
    let (mut cases, mut bits, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for (_, rows) in view.journeys() {
        step_bits(plan, view, rows.clone(), &mut bits);
        groups.clear();
        groups.extend(rows.clone().filter(|row| bits[row - rows.start] & plan.rules.entry_bits() != 0).map(|row| view.group(row)));
        groups.sort_unstable();
        groups.dedup();
        for group in &groups {
            cases.clear();
            find_cases(plan, view, rows.clone(), &bits, Some(*group), &mut cases);
            if !cases.is_empty() {
                take(*group, &cases);
            }
        }
    }
}

/// Writes which steps each row can serve; returns all bits that occur. O(rows × conditions).
fn step_bits(plan: &Plan, view: &View, rows: std::ops::Range<usize>, bits: &mut Vec<u32>) -> u32 {
    bits.clear();
    bits.extend(view.shard.name[rows.clone()].iter().map(|name| plan.bits_of_name[*name as usize]));
    for (condition_bits, mask) in &plan.conditions {
        for (bits, holds) in bits.iter_mut().zip(&view.masks[mask.0][rows.clone()]) {
            if !holds {
                *bits &= !condition_bits;
            }
        }
    }
    bits.iter().fold(0, |all, bits| all | bits)
}

/// Finds the counted attempt of each case of one actor: of all rows, or of each session.
fn find_cases(plan: &Plan, view: &View, rows: std::ops::Range<usize>, bits: &[u32], group: Option<u32>, cases: &mut Vec<Case>) {
    let first = rows.start;
    let enters = |row: usize| view.admits(row) && group.is_none_or(|group| view.group(row) == group);
    let mut find = |case_rows: std::ops::Range<usize>, ends_us: i64| {
        let bits = &bits[case_rows.start - first..case_rows.end - first];
        let time_us = &view.shard.time_us[case_rows.clone()];
        let start = case_rows.start;
        let found = match plan.hold {
            None => kernel::best_attempt(&plan.rules, time_us, bits, |idx| enters(start + idx)),
            Some(column) => best_with_constant(plan, view, case_rows, time_us, bits, enters, column),
        };
        let Some(mut attempt) = found else { return };
        let stopped = attempt.level() < plan.labels.len();
        let open = stopped && attempt.can_go_on_until_us.is_some_and(|until_us| until_us.min(ends_us) > plan.observed_until_us);
        attempt.shift(start);
        let times_us = attempt.rows().iter().map(|row| view.shard.time_us[*row]).collect();
        cases.push(Case { attempt, open, times_us });
    };
    match plan.session_gap_us {
        None => find(rows, i64::MAX),
        Some(gap_us) => {
            for session in derive::sessions(&view.shard, rows, gap_us) {
                let is_activity = |row: &usize| view.shard.interactive.is_none_or(|interactive| interactive[*row] != 0);
                let active = session.clone().rev().find(is_activity).unwrap_or(session.start);
                let ends_us = view.shard.time_us[active].saturating_add(gap_us);
                find(session, ends_us);
            }
        }
    }
}

/// Finds the best attempt whose rows all have the same value in a column.
fn best_with_constant(
    plan: &Plan,
    view: &View,
    rows: std::ops::Range<usize>,
    time_us: &[i64],
    bits: &[u32],
    enters: impl Fn(usize) -> bool,
    column: usize,
) -> Option<Attempt> {
    let value = |row: usize| -> Option<i64> {
        match view.shard.columns[column].values {
            Values::Text(codes) => (codes[row] != NO_CODE).then(|| i64::from(codes[row])),
            Values::Integer(numbers) => (numbers[row] != i64::MIN).then(|| numbers[row]),
            Values::Number(numbers) => (!numbers[row].is_nan()).then(|| numbers[row].to_bits() as i64),
        }
    };
    let entries = rows.clone().filter(|row| bits[row - rows.start] & plan.rules.entry_bits() != 0 && enters(*row));
    let mut values: Vec<i64> = entries.filter_map(value).collect();
    values.sort_unstable();
    values.dedup();
    let mut best: Option<Attempt> = None;
    let mut latest_us = None;
    for held in values {
        let held_bits: Vec<u32> =
            rows.clone().zip(bits).map(|(row, bits)| if value(row) == Some(held) { *bits } else { bits & 1 << kernel::EXCLUDED }).collect();
        let found = kernel::best_attempt(&plan.rules, time_us, &held_bits, |idx| enters(rows.start + idx));
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
