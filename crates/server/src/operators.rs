//! `GET /api/operators`: the questions that can be asked.

use axum::response::{IntoResponse, Response};
use diptych_engine::OPERATORS;
use diptych_engine::seam::{Chart, Panel};
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::request::answer_json;

/// The index card of an operator.
#[derive(Serialize, JsonSchema)]
pub struct Card {
    /// Name of the operator.
    id: &'static str,
    /// Whose journey it reads.
    panel: Panel,
    /// Title of the answer.
    title: &'static str,
    /// The question it answers.
    question: &'static str,
    /// What one unit is, and which row of it the modifiers look at.
    anchor: &'static str,
    /// How it counts, in one line.
    counting: &'static str,
    /// Where the definition comes from.
    sources: &'static [&'static str],
    /// The picture that suits the answer.
    chart: Chart,
    /// JSON Schema of its parameters.
    params: Schema,
    /// Its definition, edge cases and examples, in Markdown.
    spec: &'static str,
}

/// Lists the operators.
pub async fn list() -> Response {
    let cards: Vec<Card> = OPERATORS
        .iter()
        .map(|operator| {
            let about = operator.about();
            Card {
                id: about.id,
                panel: about.panel,
                title: about.title,
                question: about.question,
                anchor: about.anchor,
                counting: about.counting,
                sources: about.sources,
                chart: about.chart,
                params: operator.schema(),
                spec: about.spec,
            }
        })
        .collect();
    answer_json(&cards).into_response()
}
