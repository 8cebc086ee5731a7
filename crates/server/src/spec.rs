//! `/api/spec`: diptych.yaml as text, its schema, its check; `/api/check`.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use diptych_engine::check::Finding;
use diptych_engine::{SPEC_FILE, Spec, Workbench};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::request::{self, answer_json};
use crate::state::{App, quick, work};

/// diptych.yaml as it is written, and what tells this text from others.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The text.
    text: String,
    /// Tells this text from others; sent back with a change, so that nobody's change is lost.
    etag: String,
}

/// A text that might become diptych.yaml.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The text.
    text: String,
}

/// What is to be said about a text.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    /// Whether it can be used.
    ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    /// Where it and the data do not fit together.
    findings: Vec<Finding>,
}

/// What tells the new text from others.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tag {
    /// To be sent with the next change.
    etag: String,
}

/// Returns the text.
pub async fn get(State(app): State<App>) -> Result<Response, Problem> {
    quick(&app, |app| {
        let text = read(&app.options.root)?;
        let etag = tag(&text);
        Ok(answer_json(&Written { text, etag }))
    })
    .await
}

/// Returns the JSON Schema of diptych.yaml.
pub async fn schema() -> Response {
    answer_json(&Spec::json_schema())
}

/// Checks a text without writing it.
pub async fn check_draft(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let Draft { text } = request::json(body).await?;
    quick(&app, move |app| {
        let checked = match Workbench::check_text(&app.options.root, &text).map_err(Problem::from) {
            Ok(findings) => Checked { ok: true, problem: None, findings },
            Err(problem) if problem.is("spec") => Checked { ok: false, problem: Some(problem), findings: Vec::new() },
            Err(problem) => return Err(problem),
        };
        Ok(answer_json(&checked))
    })
    .await
}

/// Compares diptych.yaml with the data.
pub async fn check(State(app): State<App>) -> Result<Response, Problem> {
    work(&app, |app, _| Ok(answer_json(&app.bench()?.check_spec()?))).await
}

/// Writes a new text, if it can be used and the old one is the one that the writer knows.
pub async fn put(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let Written { text, etag } = request::json(body).await?;
    Spec::parse(&text).map_err(|error| Problem::spec(&error))?;
    let _alone = app.spec.lock().await;
    quick(&app, move |app| {
        let root = &app.options.root;
        let known = tag(&read(root)?);
        if known != etag {
            return Err(Problem::new("changed", format!("{SPEC_FILE} was changed by somebody else meanwhile"))
                .fix("Read it again, and make the change there."));
        }
        write(root, &text).map_err(|error| Problem::new("disk", format!("{SPEC_FILE} cannot be written: {error}")))?;
        Ok(answer_json(&Tag { etag: tag(&text) }))
    })
    .await
}

fn read(root: &Path) -> Result<String, Problem> {
    fs::read_to_string(root.join(SPEC_FILE)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Problem::new("gone", format!("the folder of the workspace has no {SPEC_FILE} any more")),
        ErrorKind::InvalidData => Problem::new("spec", format!("{SPEC_FILE} is not UTF-8; save it as UTF-8")),
        _ => Problem::new("disk", format!("{SPEC_FILE} cannot be read: {error}")),
    })
}

/// Puts the new text in the place of the old one in one step.
fn write(root: &Path, text: &str) -> std::io::Result<()> {
    let temporary = root.join(format!(".{SPEC_FILE}.{}", uuid::Uuid::new_v4().simple()));
    let written = fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, root.join(SPEC_FILE))
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Returns what tells a text from others.
fn tag(text: &str) -> String {
    diptych_engine::fingerprint(text.as_bytes())
}
