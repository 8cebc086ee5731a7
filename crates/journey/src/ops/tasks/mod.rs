//! How attempts at the tasks of the spec go: success, time, errors, and how far they get.

mod kernel;
#[cfg(test)]
mod tests;

use diptych_event::account::Outcome;
use diptych_event::{Names, suggest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::tasks::{Found, Rules};
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, Unit, View};
use crate::stats::means::{TypicalKind, typical_duration_sorted};
use crate::stats::{median_interval_sorted, quantile_sorted, ratio};
pub use kernel::Counts;
use kernel::{Kinds, Property, Try, poisson_interval};

/// Says that the interval treats units of one person as independent (METRICS C6).
const CLUSTERED: &str = "clustered";

/// Open attempts that are more than one in so many make the success rate uncertain: METRICS 1.2, over 5 %.
const ONE_OPEN_IN: u64 = 20;

/// The operator.
pub struct Tasks;

/// Parameters of tasks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Names of the tasks to answer about, from the spec; all of them unless given.
    #[serde(default)]
    pub task: Vec<String>,
}

/// A checked question.
pub struct Plan {
    rules: Rules,
    /// What is counted, by task.
    properties: Vec<Vec<Property>>,
    /// Which units have which, by task.
    kinds: Vec<Kinds>,
    shown: Vec<Shown>,
    /// Event names, for `who`.
    names: Names,
}

/// A cell of the answer.
struct Shown {
    id: String,
    label: String,
    task: usize,
    /// The units behind it.
    property: Property,
    number: Number,
}

/// How the number of a cell is made.
#[derive(Clone, Copy)]
enum Number {
    /// How many units.
    Count(Unit),
    /// How many people.
    People,
    /// Share of the attempts with a property.
    Share(Property),
    /// Share of people by their first attempt.
    ShareOfPeople(Property),
    /// Share of all attempts, if open ones went one way; only where many are open.
    Bound,
    /// Errors per attempt.
    Errors,
    /// Median time with pauses cut.
    Engaged(Outcome),
    /// Median time from start to end.
    Elapsed(Outcome),
    /// Typical time from start to success: of few the geometric mean, of many the median.
    Typical,
}

impl Operator for Tasks {
    type Params = Params;
    type Plan = Plan;
    type Partial = Vec<Counts>;

    const ABOUT: About = About {
        id: "tasks",
        panel: Panel::User,
        title: "Tasks",
        question: "How often do people reach their goal, how long does it take, and what goes wrong?",
        anchor: "an attempt, at its start row; for orphan goals the success row",
        counting: "Counts attempts at the tasks of the spec; attempts that may still go on are open and in no success rate; times are medians.",
        sources: &["METRICS 1.2–1.5", "ISO 9241-11", "ISO/IEC 25022", "Sauro & Lewis 2010"],
        chart: Chart::Outcomes,
        samples: &[r#"{}"#, r#"{"task":["order"]}"#, r#"{"task":["find","order"]}"#],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let spec = context.catalog.spec.clone();
        if spec.tasks.is_empty() {
            let what = "the spec has no tasks; say under `tasks:` in diptych.yaml which event starts one and which is its success";
            return Err(AskError::parameter("task", what));
        }
        if let Some(unknown) = params.task.iter().find(|task| !spec.tasks.contains_key(*task)) {
            let near = suggest::did_you_mean(unknown, spec.tasks.keys().map(String::as_str));
            let known: Vec<&str> = spec.tasks.keys().map(String::as_str).collect();
            return Err(AskError::parameter("task", format!("no task is called \"{unknown}\"{near}; tasks: {}", known.join(", "))));
        }
        let rules = Rules::compile_only(context, |name| params.task.is_empty() || params.task.iter().any(|task| task == name))?;
        context.notes.push("intervals treat attempts as independent; those of one person are not, so they are too narrow".into());
        let n_steps: Vec<usize> = (0..rules.names().len()).map(|task| rules.path(task).len()).collect();
        let properties: Vec<Vec<Property>> = n_steps.iter().map(|n_steps| Property::all(*n_steps)).collect();
        Ok(Plan {
            kinds: properties.iter().zip(n_steps).map(|(properties, n_steps)| Kinds::new(properties, n_steps)).collect(),
            properties,
            shown: rules.names().enumerate().flat_map(|(task, name)| shown(&rules, task, name)).collect(),
            names: context.catalog.names.clone(),
            rules,
        })
    }

    fn empty(&self, plan: &Plan) -> Vec<Counts> {
        plan.properties.iter().map(|properties| Counts::new(properties.len())).collect()
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Vec<Counts>>) {
        let mut has_any = Vec::new();
        for_each_person(plan, view, |_, tries| {
            let mut of_task = |tries: &[Try], partial: &mut Vec<Counts>| {
                let task = tries[0].task;
                partial[task].add_person(&plan.kinds[task], tries, &mut has_any);
            };
            tries.chunk_by(|a, b| a.task == b.task).for_each(|tries| of_task(tries, &mut out.total));
            if out.split.is_empty() {
                return;
            }
            tries.sort_by_key(|one| (one.group, one.task));
            for tries in tries.chunk_by(|a, b| (a.group, a.task) == (b.group, b.task)) {
                if let Some(partial) = out.split.get_mut(tries[0].group as usize) {
                    of_task(tries, partial);
                }
            }
        });
    }

    fn merge(&self, _plan: &Plan, total: &mut Vec<Counts>, other: Vec<Counts>) {
        total.iter_mut().zip(other).for_each(|(into, from)| into.merge(from));
    }

    fn finish(&self, plan: &Plan, mut total: Vec<Counts>) -> Vec<Cell> {
        for counts in &mut total {
            counts.engaged_us.iter_mut().chain(&mut counts.elapsed_us).for_each(|times| times.sort_unstable());
        }
        plan.shown.iter().filter_map(|shown| shown.cell(&plan.properties[shown.task], &total[shown.task])).collect()
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(shown) = plan.shown.iter().find(|shown| shown.id == cell) else { return false };
        for_each_person(plan, view, |actor_idx, tries| {
            for one in tries.iter().filter(|one| one.task == shown.task && shown.property.holds(one)) {
                match one.attempt.map(|attempt| attempt.last_row) {
                    Some(last_row) if last_row > one.anchor => sink.add(view, &plan.names, actor_idx, &[one.anchor, last_row]),
                    _ => sink.add(view, &plan.names, actor_idx, &[one.anchor]),
                }
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Vec<Counts>) -> usize {
        let of_task = |counts: &Counts| {
            let times = counts.engaged_us.iter().chain(&counts.elapsed_us);
            size_of::<Counts>() + 16 * counts.tallies.len() + times.map(|times| 8 * times.capacity()).sum::<usize>()
        };
        partial.iter().map(of_task).sum()
    }
}

/// Lists the cells of a task, in reading order.
fn shown(rules: &Rules, task: usize, name: &str) -> Vec<Shown> {
    use Outcome::{Abandoned, Failed, Open, Succeeded};
    use Property::{Attempt, Ended, FirstResolved, FirstSucceeded, OrphanGoal, Resolved, Step, SucceededOrOpen, WithError};
    let mut cells = Vec::new();
    let mut add = |id: &str, label: &str, property, number| {
        let (id, label) = (format!("task:{name}:{id}"), format!("{name}: {label}"));
        cells.push(Shown { id, label, task, property, number });
    };
    add("attempts", "attempts", Attempt, Number::Count(Unit::Attempt));
    add("people", "people with an attempt", Attempt, Number::People);
    add("success", "succeeded, of the attempts that are not open", Ended(Succeeded), Number::Share(Resolved));
    add("success:lowest", "succeeded, if no open attempt will", Ended(Succeeded), Number::Bound);
    add("success:highest", "succeeded, if every open attempt will", SucceededOrOpen, Number::Bound);
    add("failed", "failed, of the attempts that are not open", Ended(Failed), Number::Share(Resolved));
    add("abandoned", "abandoned, of the attempts that are not open", Ended(Abandoned), Number::Share(Resolved));
    add("open", "open when observation ended, of all attempts", Ended(Open), Number::Share(Attempt));
    add(
        "first_success",
        "people whose first attempt succeeded, where it is not open",
        FirstSucceeded,
        Number::ShareOfPeople(FirstResolved),
    );
    for outcome in [Succeeded, Failed, Abandoned] {
        let word = outcome.word();
        add(&format!("engaged:{word}"), &format!("{word}: time with pauses cut to 60 s, median"), Ended(outcome), Number::Engaged(outcome));
        add(&format!("elapsed:{word}"), &format!("{word}: time from start to end, median"), Ended(outcome), Number::Elapsed(outcome));
    }
    add("time", "typical time to success (geometric mean of fewer than 25, median of more)", Ended(Succeeded), Number::Typical);
    if rules.has_errors(task) {
        add("with_error", "attempts with an error", WithError, Number::Share(Attempt));
        add("errors_per_attempt", "errors per attempt", WithError, Number::Errors);
    }
    add("orphan_goals", "successes with no attempt open", OrphanGoal, Number::Count(Unit::Event));
    if rules.path(task).len() > 2 {
        for (step, meant) in (1..).zip(rules.path(task)) {
            add(
                &format!("step:{step}"),
                &format!("step {step}, {meant}, of the attempts that are not open"),
                Step(step),
                Number::Share(Resolved),
            );
        }
    }
    cells
}

impl Shown {
    /// Makes the cell from the counts of its task, of which the times are sorted.
    fn cell(&self, properties: &[Property], counts: &Counts) -> Option<Cell> {
        let tally = |wanted: Property| {
            let at = properties.iter().position(|property| *property == wanted).expect("every property of a task is counted");
            counts.tallies[at]
        };
        let (id, label) = (self.id.clone(), self.label.clone());
        let (of, attempts) = (tally(self.property), tally(Property::Attempt).units);
        let share = |n: u64| Cell::share(&self.id, &self.label, Unit::Attempt, of.units, n, of.people).flagged(CLUSTERED);
        let median = |times_us: &[i64]| {
            let cell = Cell::duration(&self.id, &self.label, of.units, of.people, quantile_sorted(times_us, 0.5));
            cell.with_interval(median_interval_sorted(times_us), "order statistics").flagged(CLUSTERED)
        };
        Some(match self.number {
            Number::Count(unit) => Cell::count(id, label, unit, of.units, of.people),
            Number::People => Cell::people(id, label, of.people),
            Number::Share(base) => share(tally(base).units),
            Number::ShareOfPeople(base) => Cell::share(id, label, Unit::Actor, of.people, tally(base).people, of.people),
            Number::Bound => {
                if tally(Property::Ended(Outcome::Open)).units * ONE_OPEN_IN <= attempts {
                    return None;
                }
                share(attempts)
            }
            Number::Errors => {
                let mut cell = Cell::count(id, label, Unit::Event, attempts, of.people);
                cell.value = ratio(counts.n_errors, attempts);
                if attempts == 0 {
                    return Some(cell.flagged("no_data"));
                }
                let (lo, hi) = poisson_interval(counts.n_errors);
                cell.with_interval(Some((lo / attempts as f64, hi / attempts as f64)), "poisson").flagged(CLUSTERED)
            }
            Number::Engaged(outcome) => median(&counts.engaged_us[outcome as usize]),
            Number::Elapsed(outcome) => median(&counts.elapsed_us[outcome as usize]),
            Number::Typical => {
                let typical = typical_duration_sorted(&counts.elapsed_us[Outcome::Succeeded as usize]);
                let cell = Cell::duration(id, label, of.units, of.people, typical.map(|typical| typical.value_us));
                let method = match typical.map(|typical| typical.kind) {
                    Some(TypicalKind::Median) => "order statistics",
                    _ => "t of logarithms",
                };
                cell.with_interval(typical.and_then(|typical| typical.interval_us), method).flagged(CLUSTERED)
            }
        })
    }
}

/// Calls `take` with each selected person's units that count, by task and then in time order; O(tasks · rows / 64 + rows of attempts).
fn for_each_person(plan: &Plan, view: &View, mut take: impl FnMut(usize, &mut [Try])) {
    let mut tries: Vec<Try> = Vec::new();
    let finder = plan.rules.on(view);
    for (actor_idx, rows) in view.journeys() {
        tries.clear();
        let mut last_tried = None;
        finder.walk(rows, &mut |found| {
            let (task, anchor, attempt) = match found {
                Found::Attempt(attempt) => (attempt.task, attempt.first_row, Some(attempt)),
                Found::OrphanGoal { task, row } => (task, row, None),
            };
            let is_first = attempt.is_some() && last_tried.replace(task) != Some(task);
            tries.push(Try { task, anchor, group: view.group(anchor), attempt, is_first });
        });
        tries.retain(|one| view.admits(one.anchor));
        if !tries.is_empty() {
            take(actor_idx, &mut tries);
        }
    }
}
