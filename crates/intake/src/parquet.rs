//! Apache Parquet, with the types that the file has.
//!
//! Pages are decoded as they are needed, so that a row group of any size stays on the disk.
//! The decoders are called behind a guard: damaged files make some of them panic, and a file must not stop the program.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};

use crate::columns::unique_names;
use crate::compression::{self, Progress};
use crate::{IntakeError, Piece, signature};

/// Gives the rows of a Parquet file.
pub(crate) struct ParquetRows {
    file: PathBuf,
    reader: Option<ParquetRecordBatchReader>,
    schema: SchemaRef,
    n_rows: u64,
    n_rows_read: u64,
    notes: Vec<String>,
}

impl ParquetRows {
    pub(crate) fn open(path: &Path, batch_rows: usize) -> Result<(Self, Progress), IntakeError> {
        let (handle, progress) = compression::open_file(path)?;
        check_signature(path)?;
        let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new(handle)).map_err(|reason| IntakeError::ParquetBroken {
            file: path.to_path_buf(),
            after_row: 0,
            reason,
        })?;
        let n_rows = builder.metadata().file_metadata().num_rows().max(0) as u64;
        let given: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
        let positions: Vec<usize> = (1..=given.len()).collect();
        let mut notes = Vec::new();
        let names = unique_names(given, &positions, &mut notes);
        let fields = builder.schema().fields().iter().zip(names);
        let fields: Vec<_> = fields.map(|(f, name)| f.as_ref().clone().with_name(name)).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, builder.schema().metadata().clone()));
        let reader = guarded(|| builder.with_batch_size(batch_rows).build()).map_err(|reason| IntakeError::ParquetBroken {
            file: path.to_path_buf(),
            after_row: 0,
            reason,
        })?;
        let file = path.to_path_buf();
        Ok((Self { file, reader: Some(reader), schema, n_rows, n_rows_read: 0, notes }, progress))
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn next(&mut self, progress: &Progress) -> Result<Option<Piece>, IntakeError> {
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        let batch = match guarded(|| reader.next().transpose()) {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                self.reader = None;
                progress.set_bytes_read(progress.bytes_total);
                return Ok(None);
            }
            Err(reason) => {
                self.reader = None;
                return Err(IntakeError::ParquetBroken { file: self.file.clone(), after_row: self.n_rows_read, reason });
            }
        };
        let first = self.n_rows_read + 1;
        self.n_rows_read += batch.num_rows() as u64;
        // The columns are read side by side, so the rows tell how far the file was read, not the place in it.
        let share = self.n_rows_read as f64 / self.n_rows.max(1) as f64;
        progress.set_bytes_read((progress.bytes_total as f64 * share.min(1.0)) as u64);
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &options)
            .map_err(|source| IntakeError::Batch { file: self.file.clone(), source })?;
        Ok(Some(Piece { rows, lines: (first..=self.n_rows_read).collect(), rejections: Vec::new() }))
    }
}

fn check_signature(path: &Path) -> Result<(), IntakeError> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(|e| IntakeError::opening(path, e))?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, 4_096), &mut head).map_err(|e| IntakeError::opening(path, e))?;
    if head.is_empty() {
        return Err(IntakeError::Empty { file: path.to_path_buf() });
    }
    let (found, advice) = match &head[..] {
        [b'P', b'A', b'R', b'1', ..] => return Ok(()),
        [b'P', b'A', b'R', b'E', ..] => ("an encrypted Parquet file", "write it without encryption"),
        [0x1f, 0x8b, ..] => ("a gzip file", "decompress it first, for example with `gunzip`; Parquet compresses inside"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("a zstd file", "decompress it first, for example with `zstd -d`; Parquet compresses inside"),
        head => (signature::describe(head), "check the path, or name the format that the file has"),
    };
    Err(IntakeError::WrongFormat {
        file: path.to_path_buf(),
        expected: "a Parquet file",
        found: found.to_owned(),
        advice: advice.to_owned(),
    })
}

/// Calls a decoder and turns its error or panic into a reason.
pub(crate) fn guarded<T, E: std::fmt::Display>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the data is damaged in a way that the decoder does not expect".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_decoder_is_an_error() {
        let result: Result<(), String> = guarded(|| -> Result<(), String> { panic!("expected in this test") });
        assert!(result.unwrap_err().contains("damaged"));
    }
}
