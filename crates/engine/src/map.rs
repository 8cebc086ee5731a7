//! The customer journey map and the flows of users: what the screens draw, filled with answers.
//!
//! Every number is that of a question that can be asked alone: its cell carries operator, parameters and cell.

use std::collections::BTreeSet;
use std::fmt::Write;

use diptych_event::spec::{Match, StageSpec, TaskSpec};
use diptych_journey::Cell;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Window};
use crate::ask::Limits;
use crate::report::{escape, owner_text};
use crate::{EngineError, Question, Workbench, numbers};

/// The customer journey map: stages across, lanes down.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct JourneyMap {
    /// Name of the business.
    pub title: String,
    /// The time that the data covers.
    pub window: Window,
    /// ISO 4217 code of money.
    pub currency: Option<String>,
    /// Stages in order.
    pub stages: Vec<String>,
    /// What is known about each stage, from the outside in.
    pub lanes: Vec<Lane>,
    /// What could not be filled in, and why.
    pub notes: Vec<String>,
}

/// One kind of thing that is known about stages.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Lane {
    /// touchpoints, tasks, frictions, measures, money or owner.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// One row of a lane.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Row {
    /// A channel, a task, a friction, a measure.
    pub label: String,
    /// What there is at each stage; none where there is nothing. Shape `[stages]`.
    pub cells: Vec<Option<Shown>>,
}

/// A number or words on a map.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Shown {
    /// In words: the number with its base and interval.
    pub text: String,
    /// The number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
    /// The question that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<AskedCell>,
}

/// A question that can be opened from a map.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AskedCell {
    /// The operator.
    pub operator: &'static str,
    /// Its parameters.
    pub params: Value,
    /// The cell of its answer.
    pub cell: String,
}

/// The flow of users: the one path of a task, or all ways between events.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Flow {
    /// The task, or the name of the business.
    pub title: String,
    /// How it counts.
    pub counting: String,
    /// The time that the data covers.
    pub window: Window,
    /// Steps, events and ends.
    pub nodes: Vec<Node>,
    /// Ways between them.
    pub edges: Vec<Edge>,
    /// What to know.
    pub notes: Vec<String>,
    /// The answer whose picture is the picture of the flow; none of a task, which has a picture of its own.
    #[serde(skip)]
    pub ways: Option<Answer>,
}

/// A place in a flow.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Node {
    /// Its name in `edges`.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// start, step, success, failed, abandoned, event or end.
    pub kind: &'static str,
    /// How many came here.
    pub shown: Option<Shown>,
    /// File of the page's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
}

/// A way in a flow.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Edge {
    /// Node.
    pub from: String,
    /// Node.
    pub to: String,
    /// How many went this way.
    pub shown: Shown,
}

impl AskedCell {
    /// Makes the words and the cell of an answer to this question.
    fn shown(self, cell: &Cell) -> Shown {
        Shown { text: numbers::with_interval(cell), cell: Some(cell.clone()), question: Some(self) }
    }
}

/// An answer with the question that it came from.
struct Told {
    answer: Answer,
    params: Value,
}

impl Told {
    /// Returns a cell with its question.
    fn cell(&self, id: &str) -> Option<Shown> {
        let cell = self.answer.cells.iter().find(|cell| cell.id == id)?;
        let asked = AskedCell { operator: self.answer.operator, params: self.params.clone(), cell: id.to_owned() };
        Some(asked.shown(cell))
    }
}

struct Teller<'a> {
    bench: &'a Workbench,
    limits: &'a Limits,
    notes: Vec<String>,
}

impl Teller<'_> {
    fn ask(&mut self, operator: &str, params: Value) -> Option<Told> {
        let question = Question { operator: operator.into(), params: params.clone(), limits: self.limits.clone(), ..Question::default() };
        match self.bench.ask(&question) {
            Ok(answer) => Some(Told { answer, params }),
            Err(error) => {
                self.notes.push(format!("{operator}: {error}"));
                None
            }
        }
    }
}

/// A row with a cell per stage, unless all are empty.
fn row(label: impl Into<String>, cells: impl Iterator<Item = Option<Shown>>) -> Option<Row> {
    let cells: Vec<Option<Shown>> = cells.collect();
    cells.iter().any(Option::is_some).then(|| Row { label: label.into(), cells })
}

impl Workbench {
    /// Makes the customer journey map.
    pub fn journey_map(&self, limits: &Limits) -> Result<JourneyMap, EngineError> {
        let spec = self.spec();
        if spec.stages.is_empty() {
            return Err(EngineError::Wrong("the spec names no `stages:`, so there is no customer journey to draw".into()));
        }
        let sessions = self.ask(&Question { operator: "sessions".into(), limits: limits.clone(), ..Question::default() })?;
        let mut teller = Teller { bench: self, limits, notes: Vec::new() };
        let names: Vec<String> = spec.stages.iter().map(|stage| stage.name.text.clone()).collect();
        let lanes = vec![
            Lane { id: "touchpoints", title: "Touchpoints", rows: teller.touchpoints(&names) },
            Lane { id: "tasks", title: "What people do", rows: teller.tasks() },
            Lane { id: "frictions", title: "What goes wrong", rows: teller.frictions() },
            Lane { id: "measures", title: "Measures", rows: teller.measures(&names) },
            Lane { id: "money", title: "Money", rows: teller.money(&names) },
            Lane { id: "owner", title: "Who answers for it", rows: owners(&spec.stages) },
        ];
        Ok(JourneyMap {
            title: spec.name.clone(),
            window: sessions.window,
            currency: spec.currency.as_ref().map(|currency| currency.text.clone()),
            stages: names,
            lanes: lanes.into_iter().filter(|lane| !lane.rows.is_empty()).collect(),
            notes: teller.notes,
        })
    }

    /// Makes the flow of a task: its steps in order, and how attempts end.
    pub fn task_flow(&self, name: Option<&str>, limits: &Limits) -> Result<Flow, EngineError> {
        let spec = self.spec();
        let known = || spec.tasks.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let found = match name {
            Some(name) => spec.tasks.get_key_value(name),
            None => spec.tasks.iter().next(),
        };
        let Some((name, task)) = found else {
            return Err(EngineError::Wrong(match name {
                Some(name) => format!("there is no task \"{name}\"; tasks: {}", known()),
                None => "the spec names no `tasks:`".into(),
            }));
        };
        let params = json!({ "task": [name] });
        let question = Question { operator: "tasks".into(), params: params.clone(), limits: limits.clone(), ..Question::default() };
        let told = Told { answer: self.ask(&question)?, params };
        let path: Vec<&Match> = std::iter::once(&task.start).chain(&task.steps).chain([&task.success]).collect();
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        for (idx, step) in path.iter().enumerate() {
            let kind = match idx {
                0 => "start",
                last if last + 1 == path.len() => "success",
                _ => "step",
            };
            let shown = told.cell(&format!("task:{name}:step:{}", idx + 1));
            let shown = shown.or_else(|| told.cell(&format!("task:{name}:{}", if idx == 0 { "attempts" } else { "success" })));
            if let (Some(shown), true) = (&shown, idx > 0) {
                edges.push(Edge { from: format!("step:{idx}"), to: format!("step:{}", idx + 1), shown: shown.clone() });
            }
            let screen = step.events.iter().find_map(|event| spec.screens.get(event)).cloned();
            nodes.push(Node { id: format!("step:{}", idx + 1), label: step.at.text.clone(), kind, shown, screen });
        }
        for end in ["failed", "abandoned"] {
            if let Some(shown) = told.cell(&format!("task:{name}:{end}")) {
                edges.push(Edge { from: "step:1".into(), to: end.into(), shown: shown.clone() });
                nodes.push(Node { id: end.into(), label: end.into(), kind: end, shown: Some(shown), screen: None });
            }
        }
        let answer = told.answer;
        let counting = answer.counting.into();
        Ok(Flow { title: name.clone(), counting, window: answer.window, nodes, edges, notes: answer.notes, ways: None })
    }

    /// Makes the flow of all users: events and the ways between them.
    pub fn user_flow(&self, limits: &Limits) -> Result<Flow, EngineError> {
        let params = json!({});
        let question = Question { operator: "transitions".into(), limits: limits.clone(), ..Question::default() };
        let told = Told { answer: self.ask(&question)?, params };
        let (timelines, _) = self.timelines()?;
        let is_place = |text: &str| matches!(text, "(start)" | "(end)" | "(other)") || timelines.names.code(text).is_some();
        let (mut places, mut edges) = (BTreeSet::new(), Vec::new());
        for cell in &told.answer.cells {
            let Some(way) = cell.id.strip_prefix("edge:") else { continue };
            // A name may hold an arrow itself.
            let ends = way.match_indices('→').map(|(at, arrow)| (&way[..at], &way[at + arrow.len()..]));
            let Some((from, to)) = ends.into_iter().find(|(from, to)| is_place(from) && is_place(to)) else { continue };
            places.extend([from.to_owned(), to.to_owned()]);
            edges.extend(told.cell(&cell.id).map(|shown| Edge { from: from.into(), to: to.into(), shown }));
        }
        let kind = |place: &str| match place {
            "(start)" => "start",
            "(end)" => "end",
            _ => "event",
        };
        let nodes = places.into_iter().map(|place| Node {
            label: place.clone(),
            kind: kind(&place),
            shown: None,
            screen: self.spec().screens.get(&place).cloned(),
            id: place,
        });
        let nodes = nodes.collect();
        let answer = told.answer;
        let title = self.spec().name.clone();
        let (window, notes) = (answer.window.clone(), answer.notes.clone());
        Ok(Flow { title, counting: answer.counting.into(), window, nodes, edges, notes, ways: Some(answer) })
    }
}

impl Teller<'_> {
    /// Finds how many accounts each channel touched before they entered each stage.
    fn touchpoints(&mut self, stages: &[String]) -> Vec<Row> {
        let channels = &self.bench.spec().channels;
        if channels.is_empty() {
            return Vec::new();
        }
        let told: Vec<Option<Told>> = stages.iter().map(|stage| self.ask("channels", json!({ "stage": stage }))).collect();
        let of_channel = |name: &str| {
            let cells = told.iter().map(|told| told.as_ref()?.cell(&format!("before:{name}")));
            let cells = cells.map(|shown| shown.filter(|shown| shown.cell.as_ref().and_then(|cell| cell.x).is_some_and(|x| x > 0)));
            row(name, cells)
        };
        channels.iter().filter_map(|channel| of_channel(&channel.name.text)).collect()
    }

    /// Puts each task into the stages that its events belong to: those that its success leads on from, or that it keeps alive.
    fn tasks(&mut self) -> Vec<Row> {
        let spec = self.bench.spec();
        if spec.tasks.is_empty() {
            return Vec::new();
        }
        let Some(told) = self.ask("tasks", json!({})) else { return Vec::new() };
        let of_task = |(name, task): (&String, &TaskSpec)| {
            let belongs: Vec<bool> = (0..spec.stages.len()).map(|idx| belongs(task, &spec.stages, idx)).collect();
            let nowhere = !belongs.contains(&true);
            let cells = belongs.iter().map(|belongs| told.cell(&format!("task:{name}:success")).filter(|_| *belongs || nowhere));
            row(name, cells)
        };
        spec.tasks.iter().filter_map(of_task).collect()
    }

    /// Finds who was lost among those who met each friction, stage by stage.
    fn frictions(&mut self) -> Vec<Row> {
        let spec = self.bench.spec();
        if spec.frictions.is_empty() {
            return Vec::new();
        }
        let can_lose = |idx: usize| !spec.stages[idx].is_final && idx + 1 < spec.stages.len();
        let told: Vec<Option<Told>> = (0..spec.stages.len())
            .map(|idx| if can_lose(idx) { self.ask("behind", json!({ "stage": spec.stages[idx].name.text })) } else { None })
            .collect();
        let of_friction =
            |name: &String| row(name, told.iter().map(|told| told.as_ref()?.cell(&format!("signal:friction:{name}:exposed"))));
        spec.frictions.keys().filter_map(of_friction).collect()
    }

    fn measures(&mut self, stages: &[String]) -> Vec<Row> {
        let Some(told) = self.ask("stages", json!({})) else { return Vec::new() };
        let measures = [
            ("accounts ever", "stage:{}:accounts"),
            ("accounts now", "stage:{}:now"),
            ("moved on", "within:{}:moved"),
            ("lost", "within:{}:lost"),
            ("time, median of ended stays", "time:{}:ended"),
        ];
        let of_measure = |(label, id): &(&str, &str)| row(*label, stages.iter().map(|stage| told.cell(&id.replace("{}", stage))));
        measures.iter().filter_map(of_measure).collect()
    }

    fn money(&mut self, stages: &[String]) -> Vec<Row> {
        let Some(told) = self.ask("drop_offs", json!({})) else { return Vec::new() };
        let parts = [("lost, of those decided", "rate"), ("at stake", "at_stake_cents")];
        let of_part = |(label, part): &(&str, &str)| {
            let cell = |idx: usize| told.cell(&format!("drop:{}→{}:{part}", stages[idx], stages.get(idx + 1)?));
            row(*label, (0..stages.len()).map(cell))
        };
        parts.iter().filter_map(of_part).collect()
    }
}

/// Tells whether a task belongs to a stage.
fn belongs(task: &TaskSpec, stages: &[StageSpec], idx: usize) -> bool {
    let of_task: Vec<&String> =
        std::iter::once(&task.start).chain(&task.steps).chain([&task.success]).flat_map(|meant| &meant.events).collect();
    let stage = &stages[idx];
    let leads_on = stages.get(idx + 1).is_some_and(|next| next.enter.events.iter().any(|event| task.success.events.contains(event)));
    leads_on || stage.path.iter().any(|step| step.events.iter().any(|event| of_task.contains(&event)))
}

fn owners(stages: &[StageSpec]) -> Vec<Row> {
    let words = |stage: &StageSpec| stage.owner.as_ref().map(|owner| Shown { text: owner_text(owner), cell: None, question: None });
    row("owner", stages.iter().map(words)).into_iter().collect()
}

impl JourneyMap {
    /// Writes the map as a Markdown table.
    pub fn to_markdown(&self) -> String {
        let plain = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        let mut text = format!(
            "# {}\n\n{} to {}, days of {}\n\n",
            plain(&self.title),
            self.window.observed_from,
            self.window.observed_until,
            self.window.zone
        );
        let _ = writeln!(text, "| | {} |", self.stages.iter().map(|stage| plain(stage)).collect::<Vec<_>>().join(" | "));
        let _ = writeln!(text, "|---|{}", "---|".repeat(self.stages.len()));
        for lane in &self.lanes {
            let _ = writeln!(text, "| **{}** |{}", lane.title, " |".repeat(self.stages.len()));
            for row in &lane.rows {
                let cells: Vec<String> =
                    row.cells.iter().map(|cell| cell.as_ref().map_or(String::new(), |cell| plain(&cell.text))).collect();
                let _ = writeln!(text, "| {} | {} |", plain(&row.label), cells.join(" | "));
            }
        }
        for note in &self.notes {
            let _ = writeln!(text, "\nNote: {note}");
        }
        text
    }

    /// Writes the map as one HTML file that needs nothing else.
    pub fn to_html(&self) -> String {
        let mut body = String::from("<table>\n<thead><tr><th></th>");
        for stage in &self.stages {
            let _ = write!(body, "<th scope=\"col\">{}</th>", escape(stage));
        }
        body.push_str("</tr></thead>\n");
        for lane in &self.lanes {
            let _ = writeln!(body, "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"{}\">{}</th></tr>", self.stages.len() + 1, lane.title);
            for row in &lane.rows {
                let cells: Vec<String> =
                    row.cells.iter().map(|cell| cell.as_ref().map_or(String::new(), |cell| escape(&cell.text))).collect();
                let _ = writeln!(body, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(&row.label), cells.join("</td><td>"));
            }
            body.push_str("</tbody>\n");
        }
        body.push_str("</table>\n");
        page(&self.title, &self.window, &body, &self.notes)
    }
}

impl Flow {
    /// Writes the flow as Markdown: the ways as a list.
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "# {}\n\n{} to {}, days of {}\n\n",
            self.title, self.window.observed_from, self.window.observed_until, self.window.zone
        );
        for edge in &self.edges {
            let _ = writeln!(text, "- {} → {}: {}", self.label(&edge.from), self.label(&edge.to), edge.shown.text);
        }
        let _ = writeln!(text, "\nHow it counts: {}", self.counting);
        for note in &self.notes {
            let _ = writeln!(text, "\nNote: {note}");
        }
        text
    }

    /// Writes the flow as one HTML file that needs nothing else.
    pub fn to_html(&self) -> String {
        let mut body = String::from("<ul>\n");
        for edge in &self.edges {
            let way = format!("{} → {}: {}", self.label(&edge.from), self.label(&edge.to), edge.shown.text);
            let _ = writeln!(body, "<li>{}</li>", escape(&way));
        }
        let _ = writeln!(body, "</ul>\n<p>How it counts: {}</p>", escape(&self.counting));
        page(&self.title, &self.window, &body, &self.notes)
    }

    fn label<'a>(&'a self, id: &'a str) -> &'a str {
        self.nodes.iter().find(|node| node.id == id).map_or(id, |node| &node.label)
    }
}

const STYLE: &str = ":root { color-scheme: light dark; } body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 80rem; padding: 1.5rem; } \
                     table { border-collapse: collapse; width: 100%; } th, td { border-top: 1px solid #8886; padding: .4rem .6rem; text-align: left; \
                     vertical-align: top; } th[scope=rowgroup] { padding-top: 1.2rem; } th[scope=row] { font-weight: 400; }";

fn page(title: &str, window: &Window, body: &str, notes: &[String]) -> String {
    let title = escape(title);
    let notes: String = notes.iter().map(|note| format!("<p>Note: {}</p>\n", escape(note))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<main>\n<h1>{title}</h1>\n<p>{} to {}, days of {}</p>\n{body}{notes}</main>\n</html>\n",
        window.observed_from,
        window.observed_until,
        escape(&window.zone)
    )
}
