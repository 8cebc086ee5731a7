//! `POST /api/sql`: a query that can only read, and only so long.

use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use diptych_engine::sql::SqlLimits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask::{Format, Wish};
use crate::problem::Problem;
use crate::request::{self, Params, answer_json, attachment};
use crate::sheet::{Sheet, XLSX};
use crate::state::{App, work};

/// A query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// A `select` over the tables `events`, `users`, `sessions`, `quarantine`, `imports`.
    query: String,
    /// Most rows of the answer; 1000 unless given.
    #[serde(default = "thousand")]
    limit: usize,
}

/// The rows of a query.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Table {
    /// The columns.
    columns: Vec<Column>,
    /// The rows: numbers, truths, nothing, and texts for all else.
    rows: Vec<Vec<Value>>,
    /// Whether there are more rows than the limit.
    truncated: bool,
    /// Time that it took, in milliseconds.
    elapsed_ms: u64,
}

/// A column of an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Column {
    /// Its name.
    name: String,
    /// `text`, `integer`, `number`, `boolean`, `time`, or the engine's own word.
    #[serde(rename = "type")]
    kind: String,
}

fn thousand() -> usize {
    1_000
}

/// Runs a query.
pub async fn post(State(app): State<App>, Params(wish): Params<Wish>, body: Body) -> Result<Response, Problem> {
    let Query { query, limit } = request::json(body).await?;
    work(&app, move |app, limits| {
        let started = Instant::now();
        let sql_limits = SqlLimits { n_rows: Some(limit), time: Some(app.options.sql_time), memory_bytes: Some(limits.memory_bytes) };
        let rows = app.bench()?.sql_within(&query, &sql_limits)?;
        let columns = || rows.columns().into_iter();
        match wish.format {
            Format::Json => {
                let columns = columns().map(|(name, kind)| Column { name, kind }).collect();
                let values = rows.values()?;
                let elapsed_ms = started.elapsed().as_millis() as u64;
                Ok(answer_json(&Table { columns, rows: values, truncated: rows.is_cut, elapsed_ms }))
            }
            Format::Csv => Ok(attachment("text/csv; charset=utf-8", "rows.csv", rows.to_csv()?)),
            Format::Xlsx => {
                let sheet = Sheet { header: columns().map(|(name, _)| name).collect(), rows: rows.values()? };
                Ok(attachment(XLSX, "rows.xlsx", sheet.to_xlsx()?))
            }
            Format::Svg | Format::Png => Err(Problem::wrong("rows have no picture; ask for json, csv or xlsx").at_field("format")),
        }
    })
    .await
}
