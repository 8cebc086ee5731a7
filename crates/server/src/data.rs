//! What was imported, importing, and what was rejected.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use diptych_engine::import::{self, Imported, Options, Progress};
use diptych_engine::quarantine::{Rejected, export_csv};
use diptych_engine::{Workbench, init};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files;
use crate::problem::Problem;
use crate::request::{self, Params, answer_json, attachment};
use crate::state::{App, Served, quick};
use crate::stream::Lines;

/// Most bytes of a corrected file that is sent back.
const CORRECTED_BYTES_MAX: usize = 256 << 20;

/// Files of the data folder.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Their names.
    files: Vec<String>,
}

/// What to import.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Names of files in the data folder; those that the spec names unless given.
    files: Option<Vec<String>>,
    /// Source of the files; told by their names unless given.
    source: Option<String>,
}

/// Parameters of an import.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Way {
    stream: u8,
    source: Option<String>,
}

/// Parameters of a list of rejected rows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Page {
    source: Option<String>,
    limit: Option<usize>,
    offset: usize,
    format: ListFormat,
}

/// How rejected rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ListFormat {
    #[default]
    Json,
    Csv,
}

/// Rejected rows, a page at a time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RejectedPage {
    /// Rows of this page.
    rows: Vec<Rejected>,
    /// Rows in all.
    total: usize,
}

/// Tells what was imported.
pub async fn inventory(State(app): State<App>) -> Result<Response, Problem> {
    quick(&app, |app| Ok(answer_json(&app.bench()?.inventory()?))).await
}

/// Looks at files and proposes a spec.
pub async fn profile(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let Files { files } = request::json(body).await?;
    quick(&app, move |app| {
        let paths = paths(app, &files)?;
        Ok(answer_json(&init::propose(&app.options.root, &paths)?))
    })
    .await
}

fn paths(app: &Served, names: &[String]) -> Result<Vec<PathBuf>, Problem> {
    if names.is_empty() {
        return Err(Problem::wrong("name at least one file").at_field("files"));
    }
    names.iter().map(|name| files::known(&app.options.root, name)).collect()
}

/// Imports files.
pub async fn import(State(app): State<App>, Params(way): Params<Way>, body: Body) -> Result<Response, Problem> {
    let Wanted { files, source } = request::json(body).await?;
    run(app, way.stream != 0, move |app, bench, now_us, progress| {
        let files = match &files {
            Some(names) => paths(app, names)?,
            None => import::files_of_spec(bench)?,
        };
        if files.is_empty() {
            return Err(Problem::wrong("the spec's sources name no file that is there").at_field("files"));
        }
        Ok(import::import(bench, &files, &Options { source, now_us }, progress)?)
    })
    .await
}

/// Imports corrected rows, or tries all rejected rows again.
pub async fn retry(State(app): State<App>, Params(way): Params<Way>, body: Body) -> Result<Response, Problem> {
    let csv = request::bytes(body, CORRECTED_BYTES_MAX).await?;
    run(app, way.stream != 0, move |_, bench, now_us, progress| {
        let options = Options { source: way.source, now_us };
        match csv.is_empty() {
            true => Ok(bench.retry_quarantine(&options, progress)?),
            false => Ok(bench.import_corrected(&csv, &options, progress)?),
        }
    })
    .await
}

/// Lists rejected rows, or writes them for correction.
pub async fn quarantine(State(app): State<App>, Params(page): Params<Page>) -> Result<Response, Problem> {
    quick(&app, move |app| {
        let rows = app.bench()?.quarantine(page.source.as_deref())?;
        let total = rows.len();
        let rows = rows.into_iter().skip(page.offset);
        match page.format {
            ListFormat::Csv => {
                let rows: Vec<Rejected> = rows.take(page.limit.unwrap_or(usize::MAX)).collect();
                Ok(attachment("text/csv; charset=utf-8", "rejected.csv", export_csv(&rows)))
            }
            ListFormat::Json => Ok(answer_json(&RejectedPage { rows: rows.take(page.limit.unwrap_or(100)).collect(), total })),
        }
    })
    .await
}

/// Imports on a thread of its own; an import that was begun goes on when the client goes away.
async fn run(
    app: App,
    is_stream: bool,
    job: impl FnOnce(&Served, &Workbench, i64, &mut dyn FnMut(Progress)) -> Result<Vec<Imported>, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
    if !is_stream {
        let done = tokio::task::spawn_blocking(move || job(&app, &app.bench()?, now_us, &mut |_| {}));
        let imported = done.await.unwrap_or_else(|error| Err(Problem::bug(error)))?;
        return Ok(answer_json(&imported));
    }
    let (lines, response) = Lines::new();
    tokio::spawn(async move {
        let teller = lines.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut told = Told::default();
            job(&app, &app.bench()?, now_us, &mut |progress| told.tell(&teller, &progress))
        });
        match done.await.unwrap_or_else(|error| Err(Problem::bug(error))) {
            Ok(imported) => lines.finish("done", &[("imported", serde_json::to_value(imported).expect("counts are plain data"))]).await,
            Err(problem) => lines.fail(&problem).await,
        }
    });
    Ok(response)
}

/// The file that progress is about.
#[derive(Default)]
struct Told {
    file: String,
    bytes_total: u64,
}

impl Told {
    fn tell(&mut self, lines: &Lines, progress: &Progress) {
        match progress {
            Progress::File { path, bytes_total } => {
                self.file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                self.bytes_total = *bytes_total;
                self.of_file(lines, 0, 0);
            }
            Progress::Read { bytes, rows_committed } => self.of_file(lines, *bytes, *rows_committed),
            Progress::Timelines { rows, rows_total } => {
                lines.tell("progress", &[("stage", "timelines".into()), ("rows", (*rows).into()), ("rows_total", (*rows_total).into())]);
            }
        }
    }

    fn of_file(&self, lines: &Lines, bytes: u64, rows: u64) {
        let fields: [(&str, Value); 5] = [
            ("stage", "file".into()),
            ("file", self.file.clone().into()),
            ("rows", rows.into()),
            ("bytes", bytes.into()),
            ("bytes_total", self.bytes_total.into()),
        ];
        lines.tell("progress", &fields);
    }
}
