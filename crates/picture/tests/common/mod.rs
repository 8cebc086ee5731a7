//! Answers as `diptych ask --format json` writes them, read for tests and the gallery.

use diptych_journey::seam::{Cell, Chart, Unit};
use diptych_journey::{AnyOperator, OPERATORS};
use diptych_picture::{Drawing, Group};
use serde_json::Value;

/// An answer that owns its cells.
pub struct Answer {
    operator: &'static dyn AnyOperator,
    /// Title for people.
    pub title: String,
    /// The cells over everything.
    pub cells: Vec<Cell>,
    /// The cells per group.
    pub split: Vec<(Option<String>, Vec<Cell>)>,
    parameters: Value,
    /// What to know about the answer.
    pub notes: Vec<String>,
}

impl Answer {
    /// Reads an answer.
    pub fn parse(json: &str) -> Self {
        let json: Value = serde_json::from_str(json).expect("an answer is JSON");
        let id = json["operator"].as_str().expect("an answer names its operator");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let split = json["groups"].as_array().into_iter().flatten().map(|group| (text(&group["group"]), cells(&group["cells"]))).collect();
        Self {
            operator: *OPERATORS.iter().find(|operator| operator.about().id == id).expect("the operator exists"),
            title: text(&json["title"]).expect("an answer has a title"),
            cells: cells(&json["cells"]),
            split,
            parameters: json["parameters"].clone(),
            notes: json["notes"].as_array().into_iter().flatten().filter_map(text).collect(),
        }
    }

    /// Borrows the groups.
    pub fn groups(&self) -> Vec<Group<'_>> {
        self.split.iter().map(|(group, cells)| Group { group: group.as_deref(), cells }).collect()
    }

    /// Borrows all of it.
    pub fn drawing<'a>(&'a self, groups: &'a [Group<'a>]) -> Drawing<'a> {
        Drawing {
            operator: self.operator.about().id,
            chart: self.chart(),
            title: &self.title,
            subtitle: self.operator.about().counting,
            cells: &self.cells,
            groups,
            parameters: &self.parameters,
            notes: &self.notes,
            currency: "EUR",
        }
    }

    /// Returns the picture that suits the operator.
    pub fn chart(&self) -> Chart {
        self.operator.about().chart
    }
}

fn cells(json: &Value) -> Vec<Cell> {
    let word = |value: &Value| -> &'static str { Box::leak(value.as_str().unwrap_or_default().to_owned().into_boxed_str()) };
    let cell = |json: &Value| Cell {
        id: word(&json["id"]).into(),
        label: word(&json["label"]).into(),
        unit: unit(word(&json["unit"])),
        x: json["x"].as_u64(),
        n: json["n"].as_u64().unwrap_or(0),
        people: json["people"].as_u64().unwrap_or(0),
        value: json["value"].as_f64(),
        lo: json["lo"].as_f64(),
        hi: json["hi"].as_f64(),
        method: json["method"].is_string().then(|| word(&json["method"])),
        flags: json["flags"].as_array().into_iter().flatten().map(word).collect(),
    };
    json.as_array().expect("cells are a list").iter().map(cell).collect()
}

fn unit(word: &str) -> Unit {
    match word {
        "actor" => Unit::Actor,
        "session" => Unit::Session,
        "event" => Unit::Event,
        "attempt" => Unit::Attempt,
        "episode" => Unit::Episode,
        "duration" => Unit::Duration,
        "money" => Unit::Money,
        _ => panic!("no unit is called {word}"),
    }
}
