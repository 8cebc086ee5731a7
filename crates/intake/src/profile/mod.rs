//! Facts on the first rows of a file, from which a mapping of its columns can be proposed.
//!
//! Nothing is decided here: a guess names a kind and how many of the values fit it, and the caller or a person agrees.
//! The same rows give the same profile, whatever the size of the pieces.

mod kind;
mod time_format;

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use xxhash_rust::xxh3::xxh3_128;

use self::kind::Counts;
pub use self::kind::Kind;
use crate::{IntakeError, Reader};

/// How many rows are usually looked at.
pub const ROWS_DEFAULT: usize = 20_000;

/// How many distinct values are counted per column.
pub const DISTINCT_MAX: usize = 10_000;

const N_SAMPLES: usize = 5;
const SAMPLE_CHARS_MAX: usize = 120;

/// Holds facts on the first rows of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// How many rows were looked at.
    pub n_rows: u64,
    /// How many rows could not be read until there.
    pub n_rejections: u64,
    /// The columns in the order of the file.
    pub columns: Vec<ColumnProfile>,
}

/// Holds facts on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnProfile {
    /// The name.
    pub name: String,
    /// How many rows were looked at.
    pub n: u64,
    /// How many of them have no value.
    pub n_nulls: u64,
    /// How many distinct values there are; at [`DISTINCT_MAX`] there may be more.
    pub n_distinct: u64,
    /// The most frequent values, at most five; ties in the order of their text.
    pub samples: Vec<Sample>,
    /// What the values seem to be.
    pub kind: Kind,
    /// How many values are of that kind.
    pub n_fitting: u64,
}

/// Holds one value and how often it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The value, cut after 120 characters.
    pub text: String,
    /// How often it stands.
    pub n: u64,
}

impl ColumnProfile {
    /// Gives the share of the values, nulls aside, that are of the kind; none where there is no value.
    pub fn share_fitting(&self) -> Option<f64> {
        let n_values = self.n - self.n_nulls;
        (n_values != 0).then(|| self.n_fitting as f64 / n_values as f64)
    }
}

/// Looks at the next `rows` rows of a reader, usually [`ROWS_DEFAULT`] of a freshly opened one.
///
/// Memory is bounded by columns × [`DISTINCT_MAX`]; time is O(rows × columns).
pub fn profile(reader: &mut Reader, rows: usize) -> Result<Profile, IntakeError> {
    let fields = reader.schema().fields().clone();
    let mut columns: Vec<Column> = fields.iter().map(|_| Column::default()).collect();
    let (mut n_rows, mut n_rejections) = (0, 0);
    while n_rows < rows {
        let Some(piece) = reader.next()? else { break };
        let batch = piece.rows.slice(0, piece.rows.num_rows().min(rows - n_rows));
        n_rows += batch.num_rows();
        // Rejections beyond the last row looked at do not count, so that the pieces' size does not matter.
        let line_last = if n_rows < rows { None } else { batch.num_rows().checked_sub(1).map(|idx| piece.lines[idx]) };
        let is_within = |line| line_last.is_none_or(|last| line <= last);
        n_rejections += piece.rejections.iter().filter(|r| is_within(r.line)).count() as u64;
        for (idx, column) in columns.iter_mut().enumerate() {
            column.add_all(&batch, idx);
        }
    }
    let columns = fields.iter().zip(columns).map(|(field, column)| column.finish(field.name())).collect();
    Ok(Profile { n_rows: n_rows as u64, n_rejections, columns })
}

#[derive(Default)]
struct Column {
    n: u64,
    n_nulls: u64,
    /// Keyed by a hash of the whole value, so that a value of a megabyte costs no megabyte.
    values: HashMap<u128, Sample>,
    counts: Counts,
}

impl Column {
    fn add_all(&mut self, batch: &RecordBatch, idx: usize) {
        let array = batch.column(idx);
        self.n += array.len() as u64;
        self.n_nulls += array.logical_null_count() as u64;
        let nulls = array.logical_nulls();
        let rows = (0..array.len()).filter(|row| nulls.as_ref().is_none_or(|n| n.is_valid(*row)));
        if *array.data_type() == DataType::Utf8 {
            let texts = array.as_string::<i32>();
            rows.for_each(|row| self.add(texts.value(row)));
            return;
        }
        let options = FormatOptions::default().with_display_error(true);
        if let Ok(formatter) = ArrayFormatter::try_new(array, &options) {
            rows.for_each(|row| self.add(&formatter.value(row).to_string()));
        }
    }

    fn add(&mut self, text: &str) {
        let hash = xxh3_128(text.as_bytes());
        let mut is_repeat = false;
        if let Some(sample) = self.values.get_mut(&hash) {
            sample.n += 1;
            is_repeat = true;
        } else if self.values.len() < DISTINCT_MAX {
            self.values.insert(hash, Sample { text: text.chars().take(SAMPLE_CHARS_MAX).collect(), n: 1 });
        }
        self.counts.add(text, is_repeat);
    }

    fn finish(self, name: &str) -> ColumnProfile {
        let n_distinct = self.values.len() as u64;
        let (kind, n_fitting) = self.counts.guess(name, n_distinct);
        let mut samples: Vec<(u128, Sample)> = self.values.into_iter().collect();
        samples.sort_by(|(a_hash, a), (b_hash, b)| b.n.cmp(&a.n).then_with(|| a.text.cmp(&b.text)).then_with(|| a_hash.cmp(b_hash)));
        let samples = samples.into_iter().take(N_SAMPLES).map(|(_, sample)| sample).collect();
        ColumnProfile { name: name.to_owned(), n: self.n, n_nulls: self.n_nulls, n_distinct, samples, kind, n_fitting }
    }
}
