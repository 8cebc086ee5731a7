//! What the asker of a funnel says, and how it is checked.

use std::collections::BTreeMap;

use diptych_event::time::parse_duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plan, kernel};
use crate::ops::Times;
use crate::seam::{AskError, Context};

/// The most steps that a funnel may have.
const MAX_STEPS: usize = 30;

/// Parameters of the funnel.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The steps in order. A step is an event name, several with `|` between them ("buy | subscribe"), and may end with
    /// a condition ("view where page = '/price'").
    pub steps: Vec<Step>,
    /// Whether steps must come in order, in order with no other step between them, or in any order.
    #[serde(default)]
    pub order: Order,
    /// Time from the first step within which the last one must come, ends included: 14d, 30m, 24h.
    #[serde(default = "default_window")]
    pub window: String,
    /// Which attempt of a person counts: the one that gets furthest, or the first one.
    #[serde(default)]
    pub entry: Entry,
    /// Count each person once, or each of their sessions.
    #[serde(default)]
    pub per: Per,
    /// Events that end an attempt; written like steps. The steps reached before are kept.
    #[serde(default)]
    pub exclude: Vec<Step>,
    /// Column that must keep the value of the first step, for example `product`.
    #[serde(default)]
    pub hold: Option<String>,
    /// What simultaneous events count for: in the order of their ids, never before one another, or in any order.
    #[serde(default)]
    pub ties: Ties,
    /// Gap between sessions when sessions are counted; the workspace's unless given.
    #[serde(default)]
    pub gap: Option<String>,
    /// Whether to give the median times between steps.
    #[serde(default)]
    pub times: Times,
}

/// One step: some events, with a condition or without.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Step {
    /// `name`, `name | name`, `name where condition`.
    Text(String),
    /// The same in parts, for names that contain `|` or ` where `.
    Parts(StepParts),
}

/// A step in parts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepParts {
    /// Event names; any of them will do.
    pub events: Vec<String>,
    /// SQL condition on the event's row.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
}

/// Order of the steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// One after the other; other events may come between.
    #[default]
    Ordered,
    /// One after the other, and no event of another step between.
    Strict,
    /// In any order.
    Any,
}

/// Which attempt of a case counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The attempt that gets furthest.
    #[default]
    Best,
    /// The first attempt.
    First,
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// People, over all their sessions.
    #[default]
    User,
    /// Sessions.
    Session,
}

/// What simultaneous events count for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// They are in the order of `seq`, then of their ids.
    #[default]
    Seq,
    /// None is before another: the next step needs a later instant.
    Strict,
    /// They are in whatever order gets furthest.
    Optimistic,
}

fn default_window() -> String {
    "14d".into()
}

impl Step {
    /// Splits the step into event names and condition.
    fn parts(&self) -> StepParts {
        match self {
            Step::Parts(parts) => parts.clone(),
            Step::Text(text) => {
                let (events, condition) = match text.to_ascii_lowercase().find(" where ") {
                    Some(at) => (&text[..at], Some(text[at + 7..].trim().to_owned())),
                    None => (text.as_str(), None),
                };
                StepParts { events: events.split('|').map(|name| name.trim().to_owned()).collect(), condition }
            }
        }
    }

    fn label(&self) -> String {
        match self {
            Step::Text(text) => text.clone(),
            Step::Parts(StepParts { events, condition: Some(condition) }) => format!("{} where {condition}", events.join(" | ")),
            Step::Parts(StepParts { events, condition: None }) => events.join(" | "),
        }
    }
}

impl Params {
    /// Checks the parameters and finds the codes of the names.
    pub(super) fn plan(&self, context: &mut Context) -> Result<Plan, AskError> {
        if self.steps.is_empty() || self.steps.len() > MAX_STEPS {
            return Err(AskError::parameter(
                "steps",
                format!("a funnel has 1 to {MAX_STEPS} steps, not {}; write for example --steps view --steps buy", self.steps.len()),
            ));
        }
        let duration = |parameter: &str, text: &str| parse_duration(text).map_err(|what| AskError::parameter(parameter, what));
        let mut bits_of_name = BTreeMap::new();
        let mut conditions = Vec::new();
        let steps = self.steps.iter().enumerate().map(|(k, step)| ("steps", k as u32, step));
        let exclusions = self.exclude.iter().map(|step| ("exclude", kernel::EXCLUDED, step));
        let mut conditioned = Vec::new();
        for (parameter, bit, step) in steps.chain(exclusions) {
            let parts = step.parts();
            for event in &parts.events {
                let code = context.name(parameter, event)?;
                if parts.condition.is_some() && bit == kernel::EXCLUDED {
                    conditioned.push(code);
                }
                *bits_of_name.entry(code).or_insert(0_u32) |= 1 << bit;
            }
            if let Some(condition) = &parts.condition {
                conditions.push((1 << bit, context.mask(condition)));
            }
        }
        if !conditioned.is_empty() && self.exclude.len() > 1 {
            return Err(AskError::parameter("exclude", "one exclusion with a condition, or several without; write \"a | b where …\""));
        }
        let session_gap_us = match (self.per, &self.gap) {
            (Per::User, Some(_)) => return Err(AskError::parameter("gap", "has a meaning only with --per session")),
            (Per::User, None) => None,
            (Per::Session, None) => Some(context.catalog.session_gap_us),
            (Per::Session, Some(gap)) => Some(duration("gap", gap)?),
        };
        Ok(Plan {
            rules: kernel::Rules {
                n_steps: self.steps.len(),
                order: self.order,
                entry: self.entry,
                ties: self.ties,
                window_us: duration("window", &self.window)?,
            },
            labels: self.steps.iter().map(Step::label).collect(),
            names_of_steps: bits_of_name.into_iter().collect(),
            conditions,
            hold: self.hold.as_ref().map(|hold| context.column("hold", hold)).transpose()?,
            session_gap_us,
            times: self.times,
            observed_until_us: context.catalog.observed_until_us,
            names: context.catalog.names.clone(),
        })
    }
}
