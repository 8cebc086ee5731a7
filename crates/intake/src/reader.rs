//! One reader for every format: opens a file and gives it piece by piece.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::columns::{TextBatch, TextRows};
use crate::compression::{self, Progress};
use crate::parquet::ParquetRows;
use crate::{Delimiter, Format, IntakeError, blanks, csv, jsonl, xlsx};

/// Reads one file piece by piece.
///
/// Useful for files of any size: at most one piece and one record are in memory, except for spreadsheets.
/// Not useful for reading a file twice or from the middle: open it again.
pub struct Reader {
    file: PathBuf,
    batch_rows: usize,
    body: Body,
    progress: Progress,
}

/// Holds consecutive rows of a file and the rejections that stood among them.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The rows that could be read; there may be none.
    pub rows: RecordBatch,
    /// Where each row begins, from 1: the line of the text, the row of the sheet, or the number of the Parquet row.
    pub lines: Vec<u64>,
    /// The rows that could not be read.
    pub rejections: Vec<Rejection>,
}

/// Says of one row why it could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where the row begins, from 1.
    pub line: u64,
    /// The column at fault, where there is one.
    pub column: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// The row: a JSON object of its raw columns, or `{"_raw": …}` where it could not be split.
    pub original: String,
}

enum Body {
    Text { rows: Box<dyn TextRows>, batch: TextBatch, failure: Option<IntakeError>, done: bool },
    Parquet(ParquetRows),
}

impl Reader {
    /// Opens a file, reads its header and gets ready to give pieces of at most `batch_rows` rows.
    pub fn open(path: &Path, format: &Format, batch_rows: usize) -> Result<Self, IntakeError> {
        Self::open_asking(path, format, batch_rows, &[])
    }

    /// Opens a file like [`Reader::open`]; of JSON, `keys` are columns even where none of the first objects has them.
    ///
    /// A key that no object has at all is said in the notes.
    pub fn open_asking(path: &Path, format: &Format, batch_rows: usize, keys: &[String]) -> Result<Self, IntakeError> {
        let batch_rows = batch_rows.max(1);
        let file = path.to_path_buf();
        if matches!(format, Format::Parquet) {
            let (rows, progress) = ParquetRows::open(path, batch_rows)?;
            return Ok(Self { file, batch_rows, body: Body::Parquet(rows), progress });
        }
        let source = compression::open(path)?;
        let progress = source.progress.clone();
        let rows: Box<dyn TextRows> = match format {
            Format::Csv(options) if options.delimiter == Delimiter::Whitespace => Box::new(blanks::BlankRows::open(source, options)?),
            Format::Csv(options) => Box::new(csv::CsvRows::open(source, options)?),
            Format::Xlsx(options) => Box::new(xlsx::SheetRows::open(source, options)?),
            Format::JsonLines | Format::Parquet => Box::new(jsonl::JsonRows::open(source, keys)?),
        };
        let batch = TextBatch::new(rows.schema().clone());
        Ok(Self { file, batch_rows, body: Body::Text { rows, batch, failure: None, done: false }, progress })
    }

    /// Says what the columns are; it does not change while the file is read.
    pub fn schema(&self) -> &SchemaRef {
        match &self.body {
            Body::Text { rows, .. } => rows.schema(),
            Body::Parquet(rows) => rows.schema(),
        }
    }

    /// Gives the next piece, or none at the end.
    ///
    /// Where the file breaks, the rows before are given first and the error after them; then there is nothing more.
    #[expect(clippy::should_implement_trait, reason = "an iterator would hide the error that ends the file")]
    pub fn next(&mut self) -> Result<Option<Piece>, IntakeError> {
        let (rows, batch, failure, done) = match &mut self.body {
            Body::Parquet(rows) => return rows.next(&self.progress),
            Body::Text { rows, batch, failure, done } => (rows, batch, failure, done),
        };
        if let Some(error) = failure.take() {
            return Err(error);
        }
        while !*done && !batch.is_full(self.batch_rows) {
            match rows.next_row(batch) {
                Ok(more) => *done = !more,
                Err(error) => {
                    *done = true;
                    if batch.is_empty() {
                        return Err(error);
                    }
                    *failure = Some(error);
                }
            }
        }
        if batch.is_empty() { Ok(None) } else { batch.take(&self.file).map(Some) }
    }

    /// Says how many bytes of the file, as it lies on the disk, were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.progress.bytes_read()
    }

    /// Says how many bytes the file has, as it lies on the disk.
    pub fn bytes_total(&self) -> u64 {
        self.progress.bytes_total
    }

    /// Says what a person should know about how the file was read; it may grow while reading.
    pub fn notes(&self) -> &[String] {
        match &self.body {
            Body::Text { rows, .. } => rows.notes(),
            Body::Parquet(rows) => rows.notes(),
        }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("file", &self.file).field("schema", self.schema()).finish_non_exhaustive()
    }
}
