//! Accounts in journey notation with a spec: questions of the customer panel, and its laws.

use std::sync::Arc;

use diptych_event::Spec;
use diptych_event::time::Zone;
use diptych_testkit::{CodeOrder, World};
use serde_json::Value;

use super::Answer;
use crate::ops::asking::{Question, ask, text};
use crate::seam::AnyOperator;

/// Some accounts, what the spec says of them, and until when they were observed.
#[derive(Debug, Clone)]
pub struct Accounts {
    pub world: World,
    pub spec: Arc<Spec>,
    pub zone: Zone,
    pub observed_until_us: i64,
}

impl Accounts {
    /// Reads journeys, one account per line, and the lines of diptych.yaml after `format`.
    #[track_caller]
    pub fn draw(spec: &str, journeys: &str) -> Self {
        Self::of(spec, World::parse(journeys).unwrap())
    }

    #[track_caller]
    pub fn of(spec: &str, world: World) -> Self {
        let spec = Arc::new(Spec::parse(&format!("format: 1\n{spec}")).unwrap());
        let observed_until_us = world.last_us();
        Self { world, spec, zone: Zone::UTC, observed_until_us }
    }

    /// Asks with parameters as JSON.
    #[track_caller]
    pub fn ask(&self, operator: &'static dyn AnyOperator, params: Value) -> Answer {
        Answer { cells: ask(&self.world, &self.question(operator, params)).unwrap().cells, split: Vec::new() }
    }

    /// Asks about rows that meet a condition.
    #[track_caller]
    pub fn ask_where(&self, operator: &'static dyn AnyOperator, params: Value, condition: &str) -> Answer {
        let question = Question { condition: Some(condition), ..self.question(operator, params) };
        Answer { cells: ask(&self.world, &question).unwrap().cells, split: Vec::new() }
    }

    /// Returns the error of an impossible question.
    #[track_caller]
    pub fn refuse(&self, operator: &'static dyn AnyOperator, params: Value) -> String {
        match ask(&self.world, &self.question(operator, params)) {
            Ok(_) => panic!("the question is possible"),
            Err(error) => error.to_string(),
        }
    }

    /// Checks the laws of [`crate::Operator`] on these accounts, split by a property.
    #[track_caller]
    pub fn check_laws(&self, operator: &'static dyn AnyOperator, params: &Value, by: &str) {
        let question = || Question { by: Some(by), ..self.question(operator, params.clone()) };
        let whole = ask(&self.world, &question()).unwrap();
        let cut = Question { n_shards: 3, merge_seed: 7, ..question() };
        assert_eq!(whole.full_text(), ask(&self.world.recoded(CodeOrder::Reverse), &cut).unwrap().full_text(), "shards and codes");
        let people_are_told = |answer: &crate::ops::asking::Answer| {
            for cell in &answer.cells {
                let who = answer.who(&cell.id).unwrap_or_else(|| panic!("who knows {}", cell.id));
                assert_eq!(who.n_actors(), cell.people, "people behind {}", cell.id);
                assert!(who.units.iter().all(|unit| !unit.rows.is_empty()));
            }
        };
        people_are_told(&whole);
        for (label, cells) in &whole.groups {
            let condition = label.as_ref().map_or(format!("{by} is null"), |label| format!("{by} = '{label}'"));
            let alone = ask(&self.world, &Question { condition: Some(&condition), by: None, ..question() }).unwrap();
            assert_eq!(text(cells), alone.text(), "--by is --where");
            people_are_told(&alone);
        }
    }

    fn question(&self, operator: &'static dyn AnyOperator, params: Value) -> Question<'static> {
        Question {
            zone: self.zone,
            observed_until_us: Some(self.observed_until_us),
            spec: self.spec.clone(),
            ..Question::new(operator, params)
        }
    }
}
