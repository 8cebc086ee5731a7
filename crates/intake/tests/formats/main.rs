//! Reads whole files of every format, good and bad, and looks at rows, lines, rejections and messages.

mod csv;
mod files;
mod jsonl;
mod parquet;
mod profile;
mod xlsx;

use std::io::Write;
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use diptych_intake::{Format, IntakeError, Reader, Rejection, original};

/// Holds everything that came out of a file.
#[derive(Debug)]
pub(crate) struct All {
    pub(crate) columns: Vec<String>,
    /// The cells of all rows as text.
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) originals: Vec<String>,
    pub(crate) lines: Vec<u64>,
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) notes: Vec<String>,
    pub(crate) error: Option<IntakeError>,
    pub(crate) n_pieces: usize,
}

impl All {
    /// Writes a row as `a|b|∅`, so that tests can be read.
    pub(crate) fn row(&self, idx: usize) -> String {
        let cells = self.rows[idx].iter().map(|c| c.clone().unwrap_or_else(|| "∅".to_owned()));
        cells.collect::<Vec<_>>().join("|")
    }

    pub(crate) fn all_rows(&self) -> Vec<String> {
        (0..self.rows.len()).map(|idx| self.row(idx)).collect()
    }
}

/// Holds a file for the time of a test.
pub(crate) struct Made {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn file(name: &str, bytes: impl AsRef<[u8]>) -> Made {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Made { _dir: dir, path }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn open(made: &Made, format: &Format) -> Result<Reader, IntakeError> {
    Reader::open(&made.path, format, 1_000)
}

/// Opens a file that must not open, and gives the message without the folder.
pub(crate) fn open_error(made: &Made, format: &Format) -> String {
    message(&open(made, format).expect_err("the file should not open"), &made.path)
}

pub(crate) fn message(error: &IntakeError, path: &Path) -> String {
    error.to_string().replace(&format!("{}/", path.parent().unwrap().display()), "")
}

pub(crate) fn read(made: &Made, format: &Format) -> All {
    read_by(made, format, 1_000)
}

/// Reads a file of text columns to its end or its error.
pub(crate) fn read_by(made: &Made, format: &Format, batch_rows: usize) -> All {
    let mut reader = Reader::open(&made.path, format, batch_rows).unwrap_or_else(|e| panic!("{e}"));
    let mut all = All {
        columns: reader.schema().fields().iter().map(|f| f.name().clone()).collect(),
        rows: Vec::new(),
        originals: Vec::new(),
        lines: Vec::new(),
        rejections: Vec::new(),
        notes: Vec::new(),
        error: None,
        n_pieces: 0,
    };
    loop {
        match reader.next() {
            Ok(Some(piece)) => {
                assert_eq!(piece.rows.num_rows(), piece.lines.len());
                assert!(piece.lines.len() + piece.rejections.len() <= batch_rows);
                all.n_pieces += 1;
                for row in 0..piece.rows.num_rows() {
                    let cells = piece.rows.columns().iter().map(|column| {
                        let column = column.as_string::<i32>();
                        arrow::array::Array::is_valid(column, row).then(|| column.value(row).to_owned())
                    });
                    all.rows.push(cells.collect());
                    all.originals.push(original(&piece.rows, row));
                }
                all.lines.extend(piece.lines);
                all.rejections.extend(piece.rejections);
            }
            Ok(None) => break,
            Err(error) => {
                all.error = Some(error);
                assert!(reader.next().unwrap().is_none(), "after its error a reader is at its end");
                break;
            }
        }
    }
    all.notes = reader.notes().to_vec();
    if all.error.is_none() {
        assert_eq!(reader.bytes_read(), reader.bytes_total());
    }
    all
}
