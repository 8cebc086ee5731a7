//! Properties that the spec does not declare: read from the log's JSON when a question names one.
//!
//! Useful for: asking once about a property nobody thought of.
//! Not useful for: asking often; declaring it puts it into the timelines.

use std::collections::HashMap;
use std::fs::File;

use arrow::array::{Array, AsArray};
use diptych_event::Names;
use diptych_event::log::Kind;
use diptych_event::timeline::NO_CODE;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::StoreError;
use crate::hash::{content_hashes, id_hash};
use crate::log::Log;

/// One undeclared property of all events.
pub struct Undeclared {
    /// Its distinct values.
    pub texts: Names,
    /// Code of the value by the row's tie-break hash; rows without a value are absent.
    codes: HashMap<u64, u32>,
}

impl Undeclared {
    /// Reads a property from the whole log; `None` when no event has it. O(rows).
    pub fn read(log: &Log, property: &str) -> Result<Option<Self>, StoreError> {
        let (mut texts, mut codes) = (Names::default(), HashMap::new());
        let sign = serde_json::Value::from(property).to_string();
        for file in log.files()? {
            let path = log.root().join(&file.name);
            let mut read = || -> Result<(), Box<dyn std::error::Error>> {
                for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(&path)?)?.build()? {
                    let batch = batch?;
                    let text = |name: &str| batch.column_by_name(name).expect("the log has it").as_string::<i32>();
                    let (kind, source, ids, properties) = (text("kind"), text("source"), text("event_id"), text("properties"));
                    let mut contents = None;
                    for row in 0..batch.num_rows() {
                        if kind.value(row) != Kind::Event.word() || properties.is_null(row) || !properties.value(row).contains(&sign) {
                            continue;
                        }
                        let json: serde_json::Value = serde_json::from_str(properties.value(row))?;
                        let code = match &json[property] {
                            serde_json::Value::Null => continue,
                            serde_json::Value::String(value) => texts.intern(value),
                            other => texts.intern(&other.to_string()),
                        };
                        let tie = match ids.is_valid(row) {
                            true => id_hash(source.value(row), ids.value(row)),
                            false => contents.get_or_insert_with(|| content_hashes(&batch))[row],
                        };
                        codes.insert(tie, code);
                    }
                }
                Ok(())
            };
            read().map_err(|error| StoreError::damaged(&path, error))?;
        }
        Ok((!texts.is_empty()).then_some(Self { texts, codes }))
    }

    /// Returns the codes of rows by their tie-break hashes, shape of `tie`.
    pub fn codes(&self, tie: &[u64]) -> Vec<u32> {
        tie.iter().map(|tie| self.codes.get(tie).copied().unwrap_or(NO_CODE)).collect()
    }
}
