//! Rejected rows: listed, exported, corrected and imported again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;

use crate::EngineError;
use crate::answer::quoted;
use crate::import::{self, Imported, Progress};
use crate::workspace::Workbench;

/// Column of an exported file that says which rejection a row settles.
pub const ID_COLUMN: &str = "diptych_rejection";
/// Column of an exported file that says why the row was rejected.
pub const REASON_COLUMN: &str = "diptych_reason";

/// A row in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Rejected {
    /// Id of the rejection.
    pub rejection: String,
    /// Source.
    pub source: String,
    /// File that it came from.
    pub file: String,
    /// Line in the file.
    pub line: i64,
    /// Why it was not accepted.
    pub reason: String,
    /// The row's columns as a JSON object.
    pub original: String,
}

impl Workbench {
    /// Lists the quarantine, of one source or of all, in order of file and line.
    pub fn quarantine(&self, source: Option<&str>) -> Result<Vec<Rejected>, EngineError> {
        let rows =
            self.sql("select rejection, source, file, line, reason, original from quarantine order by source, file, line, rejection")?;
        let mut rejected = Vec::new();
        for batch in &rows.batches {
            let text = |idx: usize, row: usize| -> String {
                let column = arrow::compute::cast(batch.column(idx), &arrow::datatypes::DataType::Utf8).expect("texts are texts");
                let column = column.as_string::<i32>();
                if column.is_valid(row) { column.value(row).to_owned() } else { String::new() }
            };
            let lines = batch.column(3).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                rejected.push(Rejected {
                    rejection: text(0, row),
                    source: text(1, row),
                    file: text(2, row),
                    line: lines.value(row),
                    reason: text(4, row),
                    original: text(5, row),
                });
            }
        }
        rejected.retain(|row| source.is_none_or(|source| row.source == source));
        rejected.dedup_by(|a, b| a.rejection == b.rejection);
        Ok(rejected)
    }

    /// Imports a corrected CSV of rejected rows, as [`export_csv`] wrote it.
    pub fn import_corrected(
        &self,
        csv: &[u8],
        options: &import::Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Imported>, EngineError> {
        if !csv.starts_with(ID_COLUMN.as_bytes()) {
            return Err(EngineError::Wrong(format!("the first column must be {ID_COLUMN}, as the export wrote it")));
        }
        let mut options = options.clone();
        if options.source.is_none() {
            let sources: BTreeSet<String> = self.quarantine(None)?.into_iter().map(|row| row.source).collect();
            if sources.len() > 1 {
                let names: Vec<&str> = sources.iter().map(String::as_str).collect();
                return Err(EngineError::Wrong(format!("say which source the rows are of: {}", names.join(", "))));
            }
            options.source = sources.into_iter().next();
        }
        // The same content has the same name, so that sending it twice imports it once.
        let path: PathBuf = self.store()?.store(&format!("corrected-{}.csv", crate::fingerprint(csv)));
        fs::write(&path, csv).map_err(|error| EngineError::file(&path, format!("cannot be written: {error}")))?;
        let imported = import::import(self, std::slice::from_ref(&path), &options, progress);
        let _ = fs::remove_file(&path);
        imported
    }

    /// Writes the quarantine of one source as CSV that can be corrected and imported again.
    pub fn export_quarantine(&self, source: &str, to: &Path) -> Result<usize, EngineError> {
        let rejected = self.quarantine(Some(source))?;
        fs::write(to, export_csv(&rejected)).map_err(|error| EngineError::file(to, format!("cannot be written: {error}")))?;
        Ok(rejected.len())
    }

    /// Imports the quarantine again as it is, for after a correction of the spec.
    ///
    /// Rows of CSV, JSON Lines and XLSX files are tried with the columns that they had.
    pub fn retry_quarantine(&self, options: &import::Options, progress: &mut dyn FnMut(Progress)) -> Result<Vec<Imported>, EngineError> {
        let rejected = self.quarantine(None)?;
        let sources: BTreeSet<String> = rejected.iter().map(|row| row.source.clone()).collect();
        let mut imported = Vec::new();
        for source in sources {
            let rows: Vec<Rejected> = rejected.iter().filter(|row| row.source == source).cloned().collect();
            let path: PathBuf = self.store()?.store(&format!("retry-{}.csv", rows.len()));
            fs::write(&path, export_csv(&rows)).map_err(|error| EngineError::file(&path, format!("cannot be written: {error}")))?;
            let options = import::Options { source: Some(source), ..options.clone() };
            let result = import::import(self, std::slice::from_ref(&path), &options, progress);
            let _ = fs::remove_file(&path);
            imported.extend(result?);
        }
        Ok(imported)
    }
}

/// Writes rejected rows as CSV with the columns that they had; a row that could not be split has its text in `_raw`.
pub fn export_csv(rejected: &[Rejected]) -> String {
    let objects: Vec<BTreeMap<String, String>> = rejected.iter().map(|row| columns_of(&row.original)).collect();
    let mut names: Vec<String> = Vec::new();
    for row in rejected {
        for name in ordered_names(&row.original) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let mut text = String::new();
    let header = [ID_COLUMN, REASON_COLUMN].into_iter().chain(names.iter().map(String::as_str)).map(plain).collect::<Vec<_>>().join(",");
    text.push_str(&header);
    text.push_str("\r\n");
    for (row, object) in rejected.iter().zip(&objects) {
        let cells = names.iter().map(|name| plain(object.get(name).map_or("", String::as_str)));
        let line = [plain(&row.rejection), quoted(&row.reason)].into_iter().chain(cells).collect::<Vec<_>>().join(",");
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text
}

/// Quotes a field without changing it: what goes out must come back the same.
fn plain(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

fn ordered_names(original: &str) -> Vec<String> {
    match serde_json::from_str(original) {
        Ok(serde_json::Value::Object(object)) => object.into_iter().map(|(name, _)| name).collect(),
        _ => vec!["_raw".into()],
    }
}

fn columns_of(original: &str) -> BTreeMap<String, String> {
    match serde_json::from_str(original) {
        Ok(serde_json::Value::Object(object)) => object
            .into_iter()
            .map(|(name, value)| match value {
                serde_json::Value::String(text) => (name, text),
                serde_json::Value::Null => (name, String::new()),
                other => (name, other.to_string()),
            })
            .collect(),
        _ => BTreeMap::from([("_raw".to_owned(), original.to_owned())]),
    }
}
