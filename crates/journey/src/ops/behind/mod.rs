//! Which task failures and frictions go with being lost at one drop-off, how strongly after adjusting, and for how much money.

mod cells;
mod estimate;
mod kernel;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use diptych_event::account::{self, MEMBER, Outcome, REVENUE_CENTS, SESSION_STARTED};
use diptych_event::spec::{Match, TaskSpec};
use diptych_event::time::parse_duration;
use diptych_event::{Names, suggest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::stages::Rules;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, TextId, Unit, View};
use kernel::{Account, Design, Fate, Steps, Value, for_each_account};

/// Sessions at a step of the path that are told apart: the first, the second, and all later ones.
const SESSIONS_AT_STEP: u16 = 3;
/// Sessions that are told apart without a path.
const SESSIONS_ALONE: u16 = 6;
/// The most strata: with more there is nobody left to compare with.
const MAX_STRATA: usize = 4;

/// The operator.
pub struct Behind;

/// Parameters of what is behind a drop-off.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The stage that accounts are lost from; whoever goes on to any later stage is not lost.
    pub stage: String,
    /// How accounts are compared: at each step of using the product, or at one landmark after entry.
    #[serde(default)]
    pub design: DesignKind,
    /// `design: landmark`: how long after entry signals are collected; who is lost or goes on before does not count.
    #[serde(default)]
    pub landmark: Option<String>,
    /// `design: steps`: how long after reaching a step, or after the start of a session there, a signal belongs to it.
    #[serde(default = "default_attention")]
    pub attention: String,
    /// How long after going on money counts as the value of an account.
    #[serde(default = "default_value_within")]
    pub value_within: String,
    /// SQL expressions within whose values accounts are compared, at most four; those of the spec's `hinge:` unless given.
    #[serde(default)]
    pub strata: Option<Vec<String>>,
    /// Signals such as `friction:payment_failed` or `task:order:failed`; unless given, all in the data but the abandoning
    /// of tasks whose success enters the next stage, which is the drop-off itself.
    #[serde(default)]
    pub signals: Option<Vec<String>>,
}

/// How accounts are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DesignKind {
    /// Step by step.
    #[default]
    Steps,
    /// At one time after entry.
    Landmark,
}

fn default_attention() -> String {
    "30m".into()
}

fn default_value_within() -> String {
    "90d".into()
}

/// A checked question.
pub struct Plan {
    rules: Rules,
    stage: usize,
    design: Design,
    /// Names of the signals, ascending.
    signals: Vec<String>,
    /// Position of the signal that rows of a name are, shape `[names]`.
    signal_of_name: Vec<Option<u16>>,
    strata: Vec<TextId>,
    /// What is adjusted for, in words.
    adjusted_for: String,
    member: Option<TextId>,
    value: Option<Value>,
    /// `margin` or `revenue`.
    value_label: &'static str,
    names: Names,
}

/// Rows of accounts by stratum, and how many do not count.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Partial {
    n_open: u64,
    n_too_recent: u64,
    n_early: u64,
    strata: BTreeMap<String, Vec<Row>>,
}

/// One account in the comparison.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// Whoever stands for the accounts that share members with it.
    component: Box<str>,
    /// States of its opportunities.
    states: Box<[u16]>,
    /// Signals with the position of the opportunity at which they were first met.
    met: Box<[(u16, u32)]>,
    /// Signals met at any time before the outcome.
    ever: Box<[u16]>,
    lost: bool,
    /// Money after going on, where it was observed to its end.
    value_cents: Option<i64>,
}

impl Operator for Behind {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "behind",
        panel: Panel::Hinge,
        title: "Behind a drop-off",
        question: "Which task failures and frictions go with being lost at a stage, how strongly, and for how much money?",
        anchor: "an account, at the row with which it first entered the stage",
        counting: "Compares accounts that meet a signal at a step with accounts of the same stratum that come to the same step without it; each account counts once per signal, when it first meets it.",
        sources: &["METRICS 3.1–3.6, 3.9", "Hernán & Robins 2016: target trials", "Shapley 1953"],
        chart: Chart::Forest,
        samples: &[
            r#"{"stage":"awareness"}"#,
            r#"{"stage":"awareness","strata":["device"],"attention":"2h","value_within":"10d"}"#,
            r#"{"stage":"consideration","design":"landmark","landmark":"1d","strata":["device","touchpoint"]}"#,
            r#"{"stage":"purchase","signals":["friction:payment_failed","task:checkout:abandoned"],"value_within":"1d"}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let rules = Rules::compile(context)?;
        let stage = rules.find("stage", &params.stage)?;
        if stage + 1 == rules.len() {
            let what = format!(
                "\"{}\" is the last stage, so nobody goes on from it; pick one of {}",
                params.stage,
                rules.names()[..stage].join(", ")
            );
            return Err(AskError::parameter("stage", what));
        }
        if rules.is_final(stage) {
            let what = format!("\"{}\" is a stage to rest in (`final`), so staying there is no drop-off", params.stage);
            return Err(AskError::parameter("stage", what));
        }
        let spec = context.catalog.spec.clone();
        let design = plan_design(params, context, stage)?;
        let (signals, signal_of_name) = plan_signals(params, context, &spec.stages[stage + 1].enter)?;
        let of_spec = || spec.hinge.strata.iter().map(|text| text.text.clone()).collect();
        let strata: Vec<String> = params.strata.clone().unwrap_or_else(of_spec);
        if strata.len() > MAX_STRATA {
            return Err(AskError::parameter("strata", format!("at most {MAX_STRATA}: with more there is nobody left to compare with")));
        }
        if strata.is_empty() {
            let note = "nothing but the step is adjusted for; name what accounts differ by before they enter under `hinge: strata:`";
            context.notes.push(note.into());
        }
        let place = if matches!(design, Design::Steps(_)) { "step" } else { "time since entry" };
        let adjusted_for = std::iter::once(place).chain(strata.iter().map(String::as_str)).collect::<Vec<_>>().join(", ");
        context.notes.push(format!(
            "differences are adjusted for {adjusted_for}; nothing here was randomised, so unmeasured differences may explain them"
        ));
        let column = |name: &str| context.catalog.columns.iter().position(|(known, _)| known == name);
        let (value_column, value_label) = match context.margin_column() {
            Some(margin) => (Some(margin), "margin"),
            None => (column(REVENUE_CENTS), "revenue"),
        };
        let within_us = parse_duration(&params.value_within).map_err(|what| AskError::parameter("value_within", what))?;
        let has_members = column(MEMBER).is_some();
        Ok(Plan {
            stage,
            design,
            signals,
            signal_of_name,
            strata: strata.iter().map(|sql| context.text(sql)).collect(),
            adjusted_for,
            member: has_members.then(|| context.text(MEMBER)),
            value: value_column.map(|column| Value { column, within_us, observed_until_us: rules.observed_until_us() }),
            value_label,
            names: context.catalog.names.clone(),
            rules,
        })
    }

    fn empty(&self, _plan: &Plan) -> Partial {
        Partial::default()
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        for_each_account(plan, view, |account| {
            let stratum = plan.stratum(view, &account.stay);
            let row = account.is_resolved().then(|| plan.row(view, account));
            out.each(view.group(account.stay.entered_row), |partial| partial.add(account.fate, &stratum, row.clone()));
        });
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        total.n_open += other.n_open;
        total.n_too_recent += other.n_too_recent;
        total.n_early += other.n_early;
        for (stratum, rows) in other.strata {
            total.strata.entry(stratum).or_default().extend(rows);
        }
    }

    fn finish(&self, plan: &Plan, mut total: Partial) -> Vec<Cell> {
        total.strata.values_mut().for_each(|rows| rows.sort_unstable());
        let mut cells = cells::cells(plan, &total);
        let is_money = |id: &str| id == "value" || id.ends_with(":money") || id.ends_with(":share_money");
        cells.iter_mut().filter(|cell| is_money(&cell.id)).for_each(|cell| cell.unit = Unit::Money);
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(people) = cells::People::of_cell(plan, cell) else { return false };
        for_each_account(plan, view, |account| {
            if let Some(signal_row) = people.find(plan, view, account) {
                let stay = &account.stay;
                let rows: Vec<usize> = [Some(stay.entered_row), signal_row, stay.ended_row].into_iter().flatten().collect();
                sink.add(view, &plan.names, account.actor_idx, &rows);
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let of_row = |row: &Row| size_of::<Row>() + row.component.len() + 2 * row.states.len() + 8 * row.met.len() + 2 * row.ever.len();
        let of_stratum = |(stratum, rows): (&String, &Vec<Row>)| 64 + stratum.len() + rows.iter().map(of_row).sum::<usize>();
        size_of::<Partial>() + partial.strata.iter().map(of_stratum).sum::<usize>()
    }
}

impl Plan {
    fn row(&self, view: &View, account: &Account) -> Row {
        Row {
            component: self.component(view, account).into(),
            states: account.states.into(),
            met: account.met.iter().filter_map(|met| Some((met.signal, met.at?))).collect(),
            ever: account.met.iter().map(|met| met.signal).collect(),
            lost: account.fate == Fate::Lost,
            value_cents: self.value_cents(view, account),
        }
    }
}

impl Partial {
    fn add(&mut self, fate: Fate, stratum: &str, row: Option<Row>) {
        match fate {
            Fate::Open => self.n_open += 1,
            Fate::TooRecent => self.n_too_recent += 1,
            Fate::Early => self.n_early += 1,
            Fate::Lost | Fate::Advanced => {}
        }
        let Some(row) = row else { return };
        match self.strata.get_mut(stratum) {
            Some(rows) => rows.push(row),
            None => drop(self.strata.insert(stratum.to_owned(), vec![row])),
        }
    }
}

fn plan_design(params: &Params, context: &mut Context, stage: usize) -> Result<Design, AskError> {
    let duration = |parameter: &str, text: &str| match parse_duration(text) {
        Ok(0) => Err(AskError::parameter(parameter, "must be more than 0s")),
        parsed => parsed.map_err(|what| AskError::parameter(parameter, what)),
    };
    let attention_us = duration("attention", &params.attention)?;
    match (params.design, &params.landmark) {
        (DesignKind::Landmark, Some(landmark)) => return Ok(Design::Landmark(duration("landmark", landmark)?)),
        (DesignKind::Landmark, None) => {
            return Err(AskError::parameter("landmark", "say how long after entry signals are collected, such as 7d"));
        }
        (DesignKind::Steps, Some(_)) => return Err(AskError::parameter("landmark", "belongs to `design: landmark`")),
        (DesignKind::Steps, None) => {}
    }
    let spec = context.catalog.spec.clone();
    let mut path: Vec<&Match> = spec.stages[stage].path.iter().collect();
    if path.is_empty()
        && let Some(task) = spec.tasks.values().find(|task| enters(task, &spec.stages[stage + 1].enter))
    {
        path.push(&task.start);
        path.extend(&task.steps);
    }
    let n_sessions = if path.is_empty() { SESSIONS_ALONE } else { SESSIONS_AT_STEP };
    if path.is_empty() {
        let stage = &spec.stages[stage].name.text;
        context.notes.push(format!("stage \"{stage}\" has no `path`, so accounts are compared session by session"));
    }
    let path = path.into_iter().map(|step| context.matcher(step)).collect();
    Ok(Design::Steps(Steps { path, session: context.catalog.names.code(SESSION_STARTED), n_sessions, attention_us }))
}

/// Tells whether the success of a task enters a stage.
fn enters(task: &TaskSpec, enter: &Match) -> bool {
    let condition = |meant: &Match| meant.condition.as_ref().map(|condition| condition.text.clone());
    let mut events = [task.success.events.clone(), enter.events.clone()];
    events.iter_mut().for_each(|events| events.sort_unstable());
    events[0] == events[1] && condition(&task.success) == condition(enter)
}

/// Finds the signals in the data; returns their names and the signal of each name of rows.
fn plan_signals(params: &Params, context: &mut Context, enter: &Match) -> Result<(Vec<String>, Vec<Option<u16>>), AskError> {
    let spec = &context.catalog.spec;
    let is_failure =
        |name: &str| [Outcome::Failed, Outcome::Abandoned].iter().any(|outcome| name.ends_with(&format!(":{}", outcome.word())));
    let is_friction = |name: &str| name.starts_with(&account::friction(""));
    let is_signal = |name: &&str| is_friction(name) || account::is_derived(name) && is_failure(name);
    let mut known: Vec<&str> = context.catalog.names.iter().filter(is_signal).collect();
    known.sort_unstable();
    let signals: Vec<String> = match &params.signals {
        Some(asked) => {
            if let Some(name) = asked.iter().find(|name| !known.contains(&name.as_str())) {
                let near = suggest::did_you_mean(name, known.iter().copied());
                return Err(AskError::parameter("signals", format!("nobody met \"{name}\"{near}; signals: {}", known.join(", "))));
            }
            known.into_iter().filter(|name| asked.iter().any(|asked| asked == name)).map(str::to_owned).collect()
        }
        None => {
            let is_drop_off = |name: &str| {
                let of = |(task, _): (&String, &TaskSpec)| account::task_ended(task, Outcome::Abandoned);
                spec.tasks.iter().filter(|(_, task)| enters(task, enter)).any(|task| of(task) == name)
            };
            let (left_out, signals): (Vec<&str>, Vec<&str>) = known.into_iter().partition(|name| is_drop_off(name));
            let signals = signals.into_iter().map(str::to_owned).collect();
            if !left_out.is_empty() {
                let note = format!("{} is the drop-off itself and no signal unless `signals` names it", left_out.join(", "));
                context.notes.push(note);
            }
            signals
        }
    };
    let position = |name: &str| signals.iter().position(|signal| signal == name).map(|idx| idx as u16);
    let signal_of_name = context.catalog.names.iter().map(position).collect();
    Ok((signals, signal_of_name))
}
