//! `GET /api/workspace`: what there is, also where something is wrong with it.

use axum::extract::State;
use axum::response::Response;
use diptych_engine::overview::Overview;
use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;
use crate::request::answer_json;
use crate::state::{App, quick};

/// The workspace as it is now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Workspace {
    /// Whether questions can be asked.
    state: Readiness,
    /// What is wrong, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    /// Version of this program.
    version: &'static str,
    /// What the workspace holds; only the name where its spec cannot be read.
    #[serde(flatten)]
    overview: Option<Overview>,
}

/// Whether questions can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// They can.
    Ready,
    /// Nothing was imported yet.
    Empty,
    /// diptych.yaml is wrong; `problem` says where.
    BrokenSpec,
    /// The folder, or its diptych.yaml, is not there.
    Gone,
}

/// Tells what there is.
pub async fn get(State(app): State<App>) -> Result<Response, Problem> {
    let found = quick(&app, |app| {
        let (state, overview, problem) = match app.bench().and_then(|bench| Ok(bench.overview()?)) {
            Ok(overview) if overview.generation.is_empty() || overview.events == 0 => (Readiness::Empty, Some(overview), None),
            Ok(overview) => (Readiness::Ready, Some(overview), None),
            Err(problem) if problem.is("spec") => (Readiness::BrokenSpec, None, Some(problem)),
            Err(problem) if problem.is("gone") => (Readiness::Gone, None, Some(problem)),
            Err(problem) => return Err(problem),
        };
        Ok(Workspace { state, problem, version: env!("CARGO_PKG_VERSION"), overview })
    });
    Ok(answer_json(&found.await?))
}
