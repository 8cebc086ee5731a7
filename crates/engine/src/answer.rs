//! The envelope that every answer comes in: what was asked, how it was counted, the cells, and what to know about them.

use diptych_journey::{Cell, Panel};
use diptych_store::relations::Relations;
use diptych_store::timelines::Timelines;
use schemars::JsonSchema;
use serde::Serialize;

/// An answer; the same in JSON, tables and screens. `docs/reference/answer.schema.json` is made from this.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Answer {
    /// The operator.
    pub operator: &'static str,
    /// Whose journeys were read: users' on the user panel, accounts' on the others.
    pub panel: Panel,
    /// Title for people.
    pub title: &'static str,
    /// The question it answers.
    pub question: &'static str,
    /// How it counts, in one line.
    pub counting: &'static str,
    /// The operator's parameters with all defaults.
    pub parameters: serde_json::Value,
    /// The modifiers.
    pub modifiers: AskedModifiers,
    /// The time that the data covers, and how days are cut.
    pub window: Window,
    /// What was known about who is who.
    pub knows: Knowledge,
    /// Events and actors that were looked at.
    pub base: Base,
    /// The cells over everything.
    pub cells: Vec<Cell>,
    /// The cells per group, when the question splits; in order of their labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// With `--versus`: first group minus second, for every share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// What to know about the whole answer.
    pub notes: Vec<String>,
}

/// The modifiers of a question as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AskedModifiers {
    /// Units that count.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Actors that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actors: Option<String>,
    /// Split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versus: Option<String>,
    /// Whether a question of the user panel was asked about accounts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accounts: bool,
}

/// What was known about who is who when the question was asked; records can be taken back later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Knowledge {
    /// Anonymous ids that were ever identified.
    pub identified: u64,
    /// Known ids that count as another, smaller one.
    pub merged: u64,
    /// Memberships of users in accounts.
    pub memberships: u64,
    /// Dated values of attributes.
    pub profile_values: u64,
    /// Records that were taken back, and so do not count.
    pub withdrawn: u64,
}

impl Knowledge {
    /// Counts the records behind users' timelines.
    pub fn new(users: &Timelines, relations: &Relations) -> Self {
        Self {
            identified: users.n_identified,
            merged: users.n_merged,
            memberships: relations.memberships.len() as u64,
            profile_values: relations.profiles.len() as u64,
            withdrawn: relations.n_withdrawn,
        }
    }
}

/// The time that an answer covers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Window {
    /// Anchors from this instant on.
    pub from: Option<String>,
    /// Anchors before this instant.
    pub to: Option<String>,
    /// IANA zone of days.
    pub zone: String,
    /// First instant in the data.
    pub observed_from: String,
    /// End of observation: the last accepted event, or what the sources' `observed_until:` says.
    pub observed_until: String,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Base {
    /// Events in the timelines.
    pub events: u64,
    /// Actors in the timelines.
    pub actors: u64,
}

/// The cells of one group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Group {
    /// The group's value; `None` where there is none.
    pub group: Option<String>,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// One share in two groups.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Difference {
    /// The cell.
    pub id: String,
    /// Share in the first group minus share in the second; `None` when one has no base.
    pub value: Option<f64>,
    /// Lower end of the 95 % interval.
    pub lo: Option<f64>,
    /// Upper end of the 95 % interval.
    pub hi: Option<f64>,
    /// How the interval was made.
    pub method: &'static str,
}

impl Answer {
    /// Returns the JSON Schema of answers.
    pub fn json_schema() -> schemars::Schema {
        schemars::schema_for!(Answer)
    }

    /// Writes the answer as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("an answer is plain data")
    }

    /// Writes the cells as CSV: one row per cell and group.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("group,id,label,unit,x,n,people,value,lo,hi,method,flags\r\n");
        let mut write = |group: &str, cells: &[Cell]| {
            for cell in cells {
                let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
                let unit = serde_json::to_value(cell.unit).expect("a unit is a word");
                let fields = [
                    group.to_owned(),
                    cell.id.clone(),
                    cell.label.clone(),
                    unit.as_str().unwrap_or_default().to_owned(),
                    cell.x.map(|x| x.to_string()).unwrap_or_default(),
                    cell.n.to_string(),
                    cell.people.to_string(),
                    number(cell.value),
                    number(cell.lo),
                    number(cell.hi),
                    cell.method.unwrap_or_default().to_owned(),
                    cell.flags.join(" "),
                ];
                let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
                text.push_str(&fields.join(","));
                text.push_str("\r\n");
            }
        };
        write("", &self.cells);
        for group in &self.groups {
            write(group.group.as_deref().unwrap_or("(none)"), &group.cells);
        }
        text
    }
}

/// Quotes a CSV field where it needs it.
///
/// A text that a spreadsheet would take for a formula gets an apostrophe before it.
pub fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '@', '\t']) || (field.starts_with('-') && field.parse::<f64>().is_err());
    let field = if formula { format!("'{field}") } else { field.to_owned() };
    if field.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}
