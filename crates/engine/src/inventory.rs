//! What was imported: sources, their files with counts, the quarantine by reason, the files that lie in `data/`.

use std::collections::BTreeMap;
use std::fs;

use diptych_event::time::format_instant;
use diptych_store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{EngineError, Workbench};

/// Folder of a workspace in which people put their files.
pub const DATA_FOLDER: &str = "data";

/// What was imported.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Inventory {
    /// Sources of the spec, and those that were imported under an earlier spec.
    pub sources: Vec<SourceFiles>,
    /// Rows that were rejected and not settled since.
    pub quarantine: Rejections,
    /// Files in the workspace's data folder.
    pub uploads: Vec<Upload>,
}

/// A source and its files.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SourceFiles {
    /// Name in the spec.
    pub name: String,
    /// What its rows make: `events`, or the first of `memberships`, `profiles`, `merges`, `series`, `notes`; `unknown`
    /// where the spec does not name it any more.
    pub kind: &'static str,
    /// Its imported files.
    pub files: Vec<FileCounts>,
    /// End of its observation.
    pub observed_until: Option<String>,
}

/// What became of the rows of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileCounts {
    /// The file as it was named.
    pub file: String,
    /// Rows read.
    pub rows: u64,
    /// Events and records accepted.
    pub accepted: u64,
    /// Events that were imported before.
    pub duplicates: u64,
    /// Rows put into the quarantine.
    pub rejected: u64,
    /// Rows that make no event.
    pub skipped: u64,
}

/// The quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rejections {
    /// Rows in it.
    pub rows: u64,
    /// Rows by reason.
    pub reasons: BTreeMap<String, u64>,
}

/// A file in the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Upload {
    /// Its name.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Workbench {
    /// Tells what was imported.
    pub fn inventory(&self) -> Result<Inventory, EngineError> {
        let mut files: BTreeMap<String, Vec<FileCounts>> = BTreeMap::new();
        let mut quarantine = Rejections::default();
        match self.imports(&mut files, &mut quarantine) {
            Ok(()) | Err(EngineError::Store(StoreError::NotAWorkspace { .. })) => {}
            Err(error) => return Err(error),
        }
        let timelines = match self.timelines() {
            Ok((timelines, _)) => Some(timelines),
            Err(EngineError::Store(StoreError::NotAWorkspace { .. })) => None,
            Err(error) => return Err(error),
        };
        let observed_until = |name: &str| {
            let of_data = || timelines.iter().flat_map(|timelines| &timelines.sources).find(|source| source.name == name);
            self.spec().source_end_us(name).or_else(|| of_data().map(|source| source.last_us)).map(format_instant)
        };
        let mut sources: Vec<SourceFiles> = Vec::new();
        for (name, source) in &self.spec().sources {
            let kinds = [
                ("events", source.events.is_empty()),
                ("memberships", source.memberships.is_empty()),
                ("profiles", source.profiles.is_empty()),
                ("merges", source.merges.is_empty()),
                ("series", source.series.is_empty()),
                ("notes", source.notes.is_empty()),
            ];
            let kind = kinds.iter().find(|(_, is_empty)| !is_empty).map_or("unknown", |(kind, _)| kind);
            let files = files.remove(name).unwrap_or_default();
            sources.push(SourceFiles { name: name.clone(), kind, files, observed_until: observed_until(name) });
        }
        for (name, files) in files {
            let observed_until = observed_until(&name);
            sources.push(SourceFiles { name, kind: "unknown", files, observed_until });
        }
        Ok(Inventory { sources, quarantine, uploads: self.uploads() })
    }

    /// Counts the rows of imported files and those in the quarantine.
    fn imports(&self, files: &mut BTreeMap<String, Vec<FileCounts>>, quarantine: &mut Rejections) -> Result<(), EngineError> {
        let rows = self.sql("select source, file, counts from imports")?;
        for row in rows.values()? {
            let [source, file, counts] = [0, 1, 2].map(|idx: usize| row[idx].as_str().unwrap_or_default().to_owned());
            let counts: Value = serde_json::from_str(&counts).unwrap_or_default();
            let of_source = files.entry(source).or_default();
            let known = of_source.iter().position(|known| known.file == file);
            let idx = known.unwrap_or_else(|| {
                of_source.push(FileCounts { file, ..FileCounts::default() });
                of_source.len() - 1
            });
            let counted = &mut of_source[idx];
            let n = |name: &str| counts[name].as_u64().unwrap_or(0);
            counted.rows += n("rows");
            counted.accepted += n("accepted");
            counted.duplicates += n("duplicates");
            counted.rejected += n("rejected");
            counted.skipped += n("skipped");
        }
        files.values_mut().for_each(|files| files.sort_by(|a, b| a.file.cmp(&b.file)));
        for rejected in self.quarantine(None)? {
            quarantine.rows += 1;
            *quarantine.reasons.entry(crate::import::generic(&rejected.reason)).or_default() += 1;
        }
        Ok(())
    }

    /// Lists the files in the data folder by name; none where there is no such folder.
    fn uploads(&self) -> Vec<Upload> {
        let entries = fs::read_dir(self.root().join(DATA_FOLDER)).into_iter().flatten().flatten();
        let mut uploads: Vec<Upload> = entries
            .filter_map(|entry| {
                let file = entry.file_name().to_string_lossy().into_owned();
                let metadata = entry.metadata().ok().filter(|metadata| metadata.is_file() && !file.starts_with('.'))?;
                Some(Upload { file, bytes: metadata.len() })
            })
            .collect();
        uploads.sort_by(|a, b| a.file.cmp(&b.file));
        uploads
    }
}
