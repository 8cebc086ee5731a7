//! How often users meet the frictions of the spec, and during which tasks.

#[cfg(test)]
mod tests;

use std::ops::Range;

use diptych_event::{Names, suggest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::frictions::{Episode, Rules};
use crate::derive::{self, tasks};
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, Unit, View};

/// Says that the interval treats units of one person as independent (METRICS C6).
const CLUSTERED: &str = "clustered";

/// The operator.
pub struct Frictions;

/// Parameters of frictions.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Names of the frictions to answer about, from the spec; all that users meet unless given.
    #[serde(default)]
    pub friction: Vec<String>,
}

/// A checked question.
pub struct Plan {
    rules: Rules,
    tasks: tasks::Rules,
    session_gap_us: i64,
    shown: Vec<Shown>,
    /// Event names, for `who`.
    names: Names,
}

/// A cell of the answer.
struct Shown {
    id: String,
    label: String,
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
    /// Share of the units with a property.
    Share(Unit, Property),
    /// Share of the people who have units with a property.
    ShareOfPeople(Property),
}

/// What a unit has; each is counted in units and in people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    /// Is a session.
    Session,
    /// Is an episode of the friction.
    Episode(usize),
    /// Is a session with an episode of the friction.
    With(usize),
    /// Is a session with an opportunity to meet the friction.
    Opportunity(usize),
    /// Is a session with both.
    OpportunityWith(usize),
    /// Is an episode of the friction during an attempt at the task.
    During(usize, usize),
}

impl Property {
    /// Returns its position in [`Counts`].
    fn idx(self, n_tasks: usize) -> usize {
        let of_friction = |friction: usize, nth: usize| 1 + friction * (4 + n_tasks) + nth;
        match self {
            Self::Session => 0,
            Self::Episode(friction) => of_friction(friction, 0),
            Self::With(friction) => of_friction(friction, 1),
            Self::Opportunity(friction) => of_friction(friction, 2),
            Self::OpportunityWith(friction) => of_friction(friction, 3),
            Self::During(friction, task) => of_friction(friction, 4 + task),
        }
    }
}

/// Counts of some people's units, by [`Property::idx`].
#[derive(Debug, Clone, Serialize)]
pub struct Counts {
    /// Units, shape `[1 + frictions · (4 + tasks)]`.
    units: Vec<u64>,
    /// Distinct people who have them, of the same shape.
    people: Vec<u64>,
}

/// One property of one unit of a person.
#[derive(Debug, Clone, Copy)]
struct Mark {
    group: u32,
    property: Property,
    /// First and last row that make the unit have the property.
    rows: (usize, usize),
}

impl Operator for Frictions {
    type Params = Params;
    type Plan = Plan;
    type Partial = Counts;

    const ABOUT: About = About {
        id: "frictions",
        panel: Panel::User,
        title: "Frictions",
        question: "What makes using the product harder than it should be, how often, and during which tasks?",
        anchor: "an episode, at the row at which its rule is met; a session, at its first row",
        counting: "Counts episodes found by the rules of the spec, the sessions and people that have one, and the episodes during attempts at tasks.",
        sources: &["METRICS 1.9, 1.10, 1.13, 1.14", "METRICS 1.2"],
        chart: Chart::Ranking,
        samples: &[r#"{}"#, r#"{"friction":["failed"]}"#, r#"{"friction":["rage","left"]}"#],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let spec = context.catalog.spec.clone();
        let of_users = spec.frictions.iter().filter(|(_, friction)| !friction.rule.is_met_by_accounts());
        let known: Vec<&str> = of_users.map(|(name, _)| name.as_str()).collect();
        if known.is_empty() {
            let what = "the spec has no frictions that users meet; say under `frictions:` in diptych.yaml how one is found";
            return Err(AskError::parameter("friction", what));
        }
        if let Some(unknown) = params.friction.iter().find(|friction| !known.contains(&friction.as_str())) {
            let near = suggest::did_you_mean(unknown, known.iter().copied());
            let what = match spec.frictions.contains_key(unknown) {
                true => format!("\"{unknown}\" is met by accounts; frictions of users: {}", known.join(", ")),
                false => format!("no friction is called \"{unknown}\"{near}; frictions of users: {}", known.join(", ")),
            };
            return Err(AskError::parameter("friction", what));
        }
        let rules = Rules::compile_of_users(context)?;
        let tasks = tasks::Rules::compile(context)?;
        context
            .notes
            .push("intervals treat sessions and episodes as independent; those of one person are not, so they are too narrow".into());
        if known.len() < spec.frictions.len() {
            context.notes.push("slow refunds and repeat contacts are met by accounts and are not counted here".into());
        }
        let wanted = |name: &str| params.friction.is_empty() || params.friction.iter().any(|friction| friction == name);
        Ok(Plan {
            shown: shown(&rules, &tasks, wanted),
            session_gap_us: context.catalog.session_gap_us,
            names: context.catalog.names.clone(),
            rules,
            tasks,
        })
    }

    fn empty(&self, plan: &Plan) -> Counts {
        let n = 1 + plan.rules.names().len() * (4 + plan.tasks.names().len());
        Counts { units: vec![0; n], people: vec![0; n] }
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Counts>) {
        let n_tasks = plan.tasks.names().len();
        // The last of the people that were counted with each property.
        let (mut last_counted, mut person) = (vec![0_u64; out.total.people.len()], 0);
        let mut add = |partial: &mut Counts, marks: &[Mark]| {
            person += 1;
            for mark in marks {
                let idx = mark.property.idx(n_tasks);
                partial.units[idx] += 1;
                partial.people[idx] += u64::from(std::mem::replace(&mut last_counted[idx], person) != person);
            }
        };
        for_each_person(plan, view, |_, marks| {
            add(&mut out.total, marks);
            if out.split.is_empty() {
                return;
            }
            marks.sort_unstable_by_key(|mark| mark.group);
            for of_group in marks.chunk_by(|a, b| a.group == b.group) {
                if let Some(partial) = out.split.get_mut(of_group[0].group as usize) {
                    add(partial, of_group);
                }
            }
        });
    }

    fn merge(&self, _plan: &Plan, total: &mut Counts, other: Counts) {
        total.units.iter_mut().zip(other.units).for_each(|(into, from)| *into += from);
        total.people.iter_mut().zip(other.people).for_each(|(into, from)| *into += from);
    }

    fn finish(&self, plan: &Plan, total: Counts) -> Vec<Cell> {
        plan.shown.iter().map(|shown| shown.cell(plan.tasks.names().len(), &total)).collect()
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(shown) = plan.shown.iter().find(|shown| shown.id == cell) else { return false };
        for_each_person(plan, view, |actor_idx, marks| {
            for mark in marks.iter().filter(|mark| mark.property == shown.property) {
                let (first, last) = mark.rows;
                let rows = if first == last { &[first][..] } else { &[first, last][..] };
                sink.add(view, &plan.names, actor_idx, rows);
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Counts) -> usize {
        size_of::<Counts>() + 8 * (partial.units.len() + partial.people.len())
    }
}

/// Lists the cells in reading order.
fn shown(rules: &Rules, tasks: &tasks::Rules, wanted: impl Fn(&str) -> bool) -> Vec<Shown> {
    use Property::{During, Opportunity, OpportunityWith, Session, With};
    let cell = |id: &str, label: &str, property, number| Shown { id: id.into(), label: label.into(), property, number };
    let mut cells = vec![
        cell("sessions", "sessions", Session, Number::Count(Unit::Session)),
        cell("people", "people with a session", Session, Number::People),
    ];
    for (friction, name) in rules.names().enumerate().filter(|(_, name)| wanted(name)) {
        let version = rules.version(friction);
        let mut add = |id: &str, label: &str, property, number| {
            cells.push(cell(&format!("friction:{name}:{id}"), &format!("{name} (rule {version}): {label}"), property, number));
        };
        add("episodes", "episodes", Property::Episode(friction), Number::Count(Unit::Episode));
        add("sessions", "sessions with an episode", With(friction), Number::Share(Unit::Session, Session));
        add("people", "people with an episode in a session", With(friction), Number::ShareOfPeople(Session));
        if rules.opportunity(friction).is_some() {
            let number = Number::Share(Unit::Session, Opportunity(friction));
            add("opportunity", "sessions with an episode, of those with an opportunity", OpportunityWith(friction), number);
        }
        for (task, task_name) in tasks.names().enumerate() {
            let number = Number::Share(Unit::Episode, Property::Episode(friction));
            add(&format!("task:{task_name}"), &format!("episodes during an attempt at {task_name}"), During(friction, task), number);
        }
    }
    cells
}

impl Shown {
    fn cell(&self, n_tasks: usize, counts: &Counts) -> Cell {
        let units = |property: Property| counts.units[property.idx(n_tasks)];
        let people = |property: Property| counts.people[property.idx(n_tasks)];
        let (id, label) = (self.id.clone(), self.label.clone());
        let (x, of) = (units(self.property), people(self.property));
        match self.number {
            Number::Count(unit) => Cell::count(id, label, unit, x, of),
            Number::People => Cell::people(id, label, of),
            Number::Share(unit, base) => Cell::share(id, label, unit, x, units(base), of).flagged(CLUSTERED),
            Number::ShareOfPeople(base) => Cell::share(id, label, Unit::Actor, of, people(base), of),
        }
    }
}

/// Calls `take` with the properties of each selected person's units that count, in any order.
///
/// O((frictions + tasks) · rows / 64 + sessions + episodes · attempts), and the rows that [`Finder`](crate::derive::frictions::Finder) looks at.
fn for_each_person(plan: &Plan, view: &View, mut take: impl FnMut(usize, &mut [Mark])) {
    let (mut marks, mut sessions) = (Vec::new(), Vec::<Range<usize>>::new());
    let (mut episodes, mut attempts) = (Vec::<Episode>::new(), Vec::new());
    let (frictions, tasks) = (plan.rules.on(view), plan.tasks.on(view));
    let mut runs = derive::runs_tell_sessions(&view.shard, plan.session_gap_us).then(|| view.shard.index.runs());
    for (actor_idx, rows) in view.journeys() {
        marks.clear();
        episodes.clear();
        attempts.clear();
        sessions.clear();
        match &mut runs {
            Some(runs) => sessions.extend(derive::sessions_of_runs(runs, &rows, plan.session_gap_us).map(|session| session.rows)),
            None => sessions.extend(derive::sessions(&view.shard, rows.clone(), plan.session_gap_us)),
        }
        frictions.episodes(rows.clone(), &mut |episode| episodes.push(episode));
        if !episodes.is_empty() {
            tasks.attempts(rows, &mut |attempt| attempts.push(attempt));
        }
        let mut mark = |property: Property, anchor: usize, rows: (usize, usize)| {
            if view.admits(anchor) {
                marks.push(Mark { group: view.group(anchor), property, rows });
            }
        };
        // Friction and session of each episode in a session, with the first such episode; ascending.
        let mut met: Vec<(usize, usize, (usize, usize))> = Vec::new();
        for episode in &episodes {
            let (friction, rows) = (episode.friction, (episode.first_row, episode.row));
            mark(Property::Episode(friction), episode.row, rows);
            for attempt in attempts.iter().filter(|attempt| (attempt.first_row..=attempt.last_row).contains(&episode.row)) {
                mark(Property::During(friction, attempt.task), episode.row, rows);
            }
            let session_idx = sessions.partition_point(|session| session.end <= episode.row);
            let is_inside = sessions.get(session_idx).is_some_and(|session| session.contains(&episode.row));
            if is_inside && met.last().is_none_or(|last| (last.0, last.1) != (friction, session_idx)) {
                met.push((friction, session_idx, rows));
            }
        }
        for (friction, session_idx, rows) in &met {
            mark(Property::With(*friction), sessions[*session_idx].start, *rows);
        }
        for (session_idx, session) in sessions.iter().enumerate() {
            mark(Property::Session, session.start, (session.start, session.end - 1));
            for friction in 0..plan.rules.names().len() {
                let Some(row) = frictions.opportunity(friction, session.clone()) else { continue };
                mark(Property::Opportunity(friction), session.start, (row, row));
                if let Ok(at) = met.binary_search_by_key(&(friction, session_idx), |met| (met.0, met.1)) {
                    mark(Property::OpportunityWith(friction), session.start, met[at].2);
                }
            }
        }
        if !marks.is_empty() {
            take(actor_idx, &mut marks);
        }
    }
}
