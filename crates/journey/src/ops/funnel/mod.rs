//! How many people take all steps of a way, and where they stop.

mod hits;
mod kernel;
mod owners;
mod params;
mod reach;
#[cfg(test)]
mod tests;

use std::ops::Range;

use diptych_event::timeline::{NO_CODE, Values};
use serde::Serialize;

use crate::derive;
use crate::ops::Times;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, MaskId, Operator, Panel, Unit, View};
use crate::stats::Durations;
use hits::Hits;
use kernel::{Rules, Scratch};
use owners::Owners;
pub use params::Params;
use params::{Order, Ties};
use reach::Reach;

/// The operator.
pub struct Funnel;

/// A checked funnel.
pub struct Plan {
    /// How an attempt is found in a case.
    rules: Rules,
    /// Labels of the steps, for people.
    labels: Vec<String>,
    /// The event names that can serve steps, ascending, each with the bits of these; bit [`kernel::EXCLUDED`] for exclusions.
    names_of_steps: Vec<(u32, u32)>,
    /// Further conditions: rows that do not meet the mask lose the bit.
    conditions: Vec<(u32, MaskId)>,
    /// Column whose value must stay the same.
    hold: Option<usize>,
    /// Gap between sessions when sessions are counted.
    session_gap_us: Option<i64>,
    times: Times,
    /// End of observation in microseconds.
    observed_until_us: i64,
    /// Event names, for `who`.
    names: diptych_event::Names,
}

/// Counts of some actors.
#[derive(Debug, Clone, Serialize)]
pub struct Partial {
    /// By the last step that they reached, shape `[steps]`.
    by_level: Vec<Level>,
    /// Microseconds from step k to step k + 1 in counted attempts, shape `[steps − 1][cases]`; empty with `times: none`.
    step_us: Vec<Durations>,
    /// Microseconds from the first to the last step, shape `[cases]`.
    total_us: Durations,
}

/// Cases that reached one step and not the next, and their actors.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Level {
    cases: u64,
    /// Actors of these cases.
    people: u64,
    /// Actors of whom no case got further.
    furthest_people: u64,
    /// Cases whose window is not over.
    open: u64,
    /// Actors of the open cases.
    open_people: u64,
}

impl Plan {
    /// Tells whether [`Reach`] finds how far people get.
    fn is_told_by_reach(&self) -> bool {
        let is_row_by_row = self.rules.order == Order::Ordered && self.rules.ties == Ties::Seq;
        is_row_by_row && self.rules.n_steps > 1 && self.hold.is_none() && self.session_gap_us.is_none()
    }

    /// Returns the admitted rows of the names that attempts can start with, name by name. O(rows of the names).
    fn entries(&self, view: &View) -> Vec<u32> {
        let names = self.names_of_steps.iter().filter(|(_, bits)| *bits & self.rules.entry_bits() != 0);
        let mut rows = Vec::new();
        names.for_each(|(name, _)| rows.extend_from_slice(view.shard.index.rows_of(*name)));
        if let Some(admitted) = view.admitted {
            admitted.retain(&mut rows, |row| *row);
        }
        rows
    }
}

impl Level {
    /// Adds people with one case each, some of whose are open.
    fn add_people(&mut self, n: u64, n_open: u64) {
        self.cases += n;
        self.people += n;
        self.furthest_people += n;
        self.open += n_open;
        self.open_people += n_open;
    }
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
            r#"{"steps":["view","cart | view","buy | cart"],"window":"3d","exclude":["error"],"times":"none"}"#,
            r#"{"steps":["view","cart","view"],"entry":"first","times":"none"}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        params.plan(context)
    }

    fn empty(&self, plan: &Plan) -> Partial {
        let n_steps = plan.labels.len();
        let n_timed = if plan.times == Times::None { 0 } else { n_steps - 1 };
        Partial { by_level: vec![Level::default(); n_steps], step_us: vec![Durations::default(); n_timed], total_us: Durations::default() }
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        if view.shard.n_actors() == 0 {
            return;
        }
        let splits = !out.split.is_empty();
        let owners = Owners::new(view);
        if !plan.is_told_by_reach() {
            let entries = plan.entries(view);
            let is_entrant = owners.among(&entries, view.actors);
            let mut search = Search::new(plan, view, Hits::find(plan, view, &owners, &entries, &is_entrant, splits));
            (0..search.hits.n_entrants()).for_each(|idx| search.add_entrant(idx, out));
            return;
        }
        let Reach { told, told_of_groups, searched, is_told } = Reach::find(plan, view, &owners, out.split.len());
        add_told(&told, out);
        for (partial, [n_over, n_open]) in out.split.iter_mut().zip(told_of_groups) {
            partial.by_level[0].add_people(n_over + n_open, n_open);
        }
        let mut search = Search::new(plan, view, searched);
        for idx in 0..search.hits.n_entrants() {
            if is_told[search.hits.entrant(idx).0] { search.add_to_groups(idx, out) } else { search.add_entrant(idx, out) }
        }
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        for (into, from) in total.by_level.iter_mut().zip(other.by_level) {
            into.cases += from.cases;
            into.people += from.people;
            into.furthest_people += from.furthest_people;
            into.open += from.open;
            into.open_people += from.open_people;
        }
        total.step_us.iter_mut().zip(other.step_us).for_each(|(into, from)| into.merge(from));
        total.total_us.merge(other.total_us);
    }

    fn finish(&self, plan: &Plan, total: Partial) -> Vec<Cell> {
        let unit = if plan.session_gap_us.is_some() { Unit::Session } else { Unit::Actor };
        let n_steps = plan.labels.len();
        let at_least = |k: usize, n: fn(&Level) -> u64| total.by_level[k..].iter().map(n).sum::<u64>();
        let reached: Vec<u64> = (0..n_steps).map(|k| at_least(k, |level| level.cases)).collect();
        let people: Vec<u64> = (0..n_steps).map(|k| at_least(k, |level| level.furthest_people)).collect();
        let entered = reached[0];
        let any_open = total.by_level[..n_steps - 1].iter().any(|level| level.open > 0);
        let incomplete = |cell: Cell| if any_open { cell.flagged("immature_cohort") } else { cell };
        let mut cells = vec![Cell::count("step:1", plan.labels[0].clone(), unit, entered, people[0])];
        for k in 1..n_steps {
            let (id, label) = (k + 1, &plan.labels[k]);
            let (x, previous, people) = (reached[k], reached[k - 1], people[k]);
            cells.push(incomplete(Cell::share(format!("step:{id}"), label.clone(), unit, x, entered, people)));
            cells.push(incomplete(Cell::share(format!("of_previous:{id}"), format!("{label}, of step {k}"), unit, x, previous, people)));
        }
        for k in 0..n_steps - 1 {
            let (id, level) = (k + 1, total.by_level[k]);
            cells.push(Cell::count(format!("stopped:{id}"), format!("stopped after {}", plan.labels[k]), unit, level.cases, level.people));
            cells.push(Cell::count(
                format!("open:{id}"),
                format!("of these, window not over after {}", plan.labels[k]),
                unit,
                level.open,
                level.open_people,
            ));
        }
        if plan.times == Times::None {
            return cells;
        }
        for (k, times) in total.step_us.iter().enumerate() {
            let label = format!("median time {} → {}", plan.labels[k], plan.labels[k + 1]);
            cells.push(median(format!("time:{}", k + 2), label, times, people[k + 1]));
        }
        cells.push(median("time:all".into(), "median time, first to last step".into(), &total.total_us, people[n_steps - 1]));
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some((kind, k)) = cell.split_once(':') else { return false };
        let n_steps = plan.labels.len();
        let (kind, step) = match (kind, k) {
            ("time", _) if plan.times == Times::None => return false,
            ("time", "all") => ("step", n_steps),
            (kind, k) => match k.parse::<usize>() {
                Ok(step) if (1..=n_steps).contains(&step) => (kind, step),
                _ => return false,
            },
        };
        let wanted: fn(&Case, usize) -> bool = match kind {
            "step" => |case, step| case.level() >= step,
            "of_previous" | "time" if step > 1 => |case, step| case.level() >= step,
            "stopped" if step < n_steps => |case, step| case.level() == step,
            "open" if step < n_steps => |case, step| case.level() == step && case.open,
            _ => return false,
        };
        if view.shard.n_actors() == 0 {
            return true;
        }
        let (owners, entries) = (Owners::new(view), plan.entries(view));
        let is_entrant = owners.among(&entries, view.actors);
        let mut search = Search::new(plan, view, Hits::find(plan, view, &owners, &entries, &is_entrant, false));
        for idx in 0..search.hits.n_entrants() {
            search.go_to(idx);
            search.find(None);
            for case in search.cases.iter().filter(|case| wanted(case, step)) {
                let rows: Vec<usize> = search.found[case.hits.clone()].iter().map(|hit| search.hits.rows[*hit] as usize).collect();
                sink.add(view, &plan.names, search.actor_idx, &rows);
            }
        }
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let times: usize = partial.step_us.iter().map(Durations::size_bytes).sum::<usize>() + partial.total_us.size_bytes();
        size_of::<Partial>() + times + size_of::<Level>() * partial.by_level.len()
    }
}

/// Adds people of whom it is known how far they got, with one case each; in the shape of [`Reach::told`].
fn add_told(told: &[[u64; 2]], out: &mut Groups<Partial>) {
    let n_steps = out.total.by_level.len();
    for (group, told) in told.chunks(n_steps).enumerate() {
        for (level, [n_over, n_open]) in told.iter().enumerate() {
            let partials = std::iter::once(&mut out.total).chain(out.split.get_mut(group));
            partials.for_each(|partial| partial.by_level[level].add_people(n_over + n_open, *n_open));
        }
    }
}

fn median(id: String, label: String, times: &Durations, people: u64) -> Cell {
    let quantiles = times.quantiles(&[0.5]);
    Cell::duration(id, label, times.len() as u64, people, quantiles.values_us[0])
        .with_interval(quantiles.median_interval_us, "order statistics")
}

/// The best attempt of one case.
struct Case {
    /// The hit of each step reached, as positions in [`Search::found`].
    hits: Range<usize>,
    /// The attempt stopped and its window is not over.
    open: bool,
}

impl Case {
    /// Returns the number of steps reached, at least 1.
    fn level(&self) -> usize {
        self.hits.len()
    }
}

impl Partial {
    /// Adds one actor's cases, counting the actor once per number.
    fn add_all(&mut self, search: &Search) {
        // Bits of the levels that a case of the actor stopped at, and of those where one is open.
        let (mut stopped, mut open) = (0_u32, 0_u32);
        for case in &search.cases {
            let bit = 1 << (case.level() - 1);
            let level = &mut self.by_level[case.level() - 1];
            level.cases += 1;
            level.people += u64::from(stopped & bit == 0);
            stopped |= bit;
            if case.open {
                level.open += 1;
                level.open_people += u64::from(open & bit == 0);
                open |= bit;
            }
            if search.plan.times == Times::None {
                continue;
            }
            let (hits, time_us) = (&search.found[case.hits.clone()], &search.hits.time_us);
            for (step_us, pair) in self.step_us.iter_mut().zip(hits.windows(2)) {
                step_us.push(time_us[pair[1]] - time_us[pair[0]]);
            }
            if hits.len() == self.by_level.len() {
                self.total_us.push(time_us[hits[hits.len() - 1]] - time_us[hits[0]]);
            }
        }
        if let Some(furthest) = stopped.checked_ilog2() {
            self.by_level[furthest as usize].furthest_people += 1;
        }
    }
}

/// The search for the cases of one actor after the other.
struct Search<'a> {
    plan: &'a Plan,
    view: &'a View<'a>,
    hits: Hits,
    /// Position of the actor.
    actor_idx: usize,
    /// Its own among the hits.
    own: Range<usize>,
    /// The cases that were found.
    cases: Vec<Case>,
    /// The hits of their attempts.
    found: Vec<usize>,
    scratch: Scratch,
}

impl<'a> Search<'a> {
    /// Stands before the first entrant.
    fn new(plan: &'a Plan, view: &'a View<'a>, hits: Hits) -> Self {
        Self { plan, view, hits, actor_idx: 0, own: 0..0, cases: Vec::new(), found: Vec::new(), scratch: Scratch::default() }
    }

    /// Goes to an entrant, by its number.
    fn go_to(&mut self, idx: usize) {
        (self.actor_idx, self.own) = self.hits.entrant(idx);
    }

    /// Finds the cases of an entrant and adds them to the total and to each group of its entries.
    fn add_entrant(&mut self, idx: usize, out: &mut Groups<Partial>) {
        self.go_to(idx);
        self.find(None);
        out.total.add_all(self);
        if out.split.is_empty() {
            return;
        }
        if let Some(only) = self.only_group() {
            // All entries are in one group, so its cases are the ones just found.
            if let Some(partial) = out.split.get_mut(only as usize) {
                partial.add_all(self);
            }
            return;
        }
        self.add_each_group(out);
    }

    /// Does the same for an entrant who is in the total.
    fn add_to_groups(&mut self, idx: usize, out: &mut Groups<Partial>) {
        self.go_to(idx);
        self.add_each_group(out);
    }

    fn add_each_group(&mut self, out: &mut Groups<Partial>) {
        for group in self.groups() {
            self.find(Some(group));
            if let Some(partial) = out.split.get_mut(group as usize) {
                partial.add_all(self);
            }
        }
    }

    /// Walks the groups of the rows where an attempt may start.
    fn entry_groups(&self) -> impl Iterator<Item = u32> {
        self.own.clone().filter(|hit| self.hits.may_enter[*hit]).map(|hit| self.hits.groups[hit])
    }

    /// Returns the group of all these rows, if there is one.
    fn only_group(&self) -> Option<u32> {
        let mut groups = self.entry_groups();
        let first = groups.next()?;
        groups.all(|group| group == first).then_some(first)
    }

    /// Returns the groups of these rows, ascending.
    fn groups(&self) -> Vec<u32> {
        let mut groups: Vec<u32> = self.entry_groups().collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Finds the counted attempt of each case: of all rows, or of each session; only entries in `group` count when one is given.
    fn find(&mut self, group: Option<u32>) {
        let (plan, view) = (self.plan, self.view);
        let (hits, cases, found, scratch) = (&self.hits, &mut self.cases, &mut self.found, &mut self.scratch);
        cases.clear();
        found.clear();
        let enters = |hit: usize| hits.may_enter[hit] && group.is_none_or(|group| hits.groups[hit] == group);
        let mut find = |of_case: Range<usize>, ends_us: i64| {
            let (time_us, bits) = (&hits.time_us[of_case.clone()], &hits.bits[of_case.clone()]);
            let enters = |idx: usize| enters(of_case.start + idx);
            let attempt = match plan.hold {
                None => kernel::best_attempt(&plan.rules, time_us, bits, enters, scratch),
                Some(column) => {
                    let rows = &hits.rows[of_case.clone()];
                    let value = |idx: usize| value_of(&view.shard.columns[column].values, rows[idx] as usize);
                    kernel::best_attempt_held(&plan.rules, time_us, bits, enters, value, scratch)
                }
            };
            let Some(attempt) = attempt else { return };
            let stopped = attempt.rows.len() < plan.labels.len();
            let open = stopped && attempt.can_go_on_until_us.is_some_and(|until_us| until_us.min(ends_us) > plan.observed_until_us);
            let first = found.len();
            found.extend(attempt.rows.iter().map(|row| of_case.start + row));
            cases.push(Case { hits: first..found.len(), open });
        };
        match plan.session_gap_us {
            None => find(self.own.clone(), i64::MAX),
            Some(gap_us) => {
                let mut first = self.own.start;
                for session in derive::sessions(&view.shard, view.shard.rows(self.actor_idx), gap_us) {
                    first += hits.rows[first..self.own.end].iter().take_while(|row| (**row as usize) < session.start).count();
                    let end = first + hits.rows[first..self.own.end].iter().take_while(|row| (**row as usize) < session.end).count();
                    let is_activity = |row: &usize| view.shard.interactive.is_none_or(|interactive| interactive[*row] != 0);
                    let active = session.clone().rev().find(is_activity).unwrap_or(session.start);
                    find(first..end, view.shard.time_us[active].saturating_add(gap_us));
                    first = end;
                }
            }
        }
    }
}

/// Returns what must stay the same, as a number of its own for each value; `None` where the value is missing.
fn value_of(values: &Values, row: usize) -> Option<i64> {
    match values {
        Values::Text(codes) => Some(codes.get(row)).filter(|code| *code != NO_CODE).map(i64::from),
        Values::Integer(numbers) => numbers.get(row),
        Values::Number(numbers) => (!numbers[row].is_nan()).then(|| numbers[row].to_bits() as i64),
    }
}
