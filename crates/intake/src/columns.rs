//! Collects rows of text into Arrow columns, and gives every column a name of its own.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::{IntakeError, Piece, Rejection};

/// How much text one piece holds at most, in bytes: it bounds memory, and the 32-bit offsets of a text column.
const PIECE_BYTES_MAX: usize = 64 << 20;

/// Gives rows of text one by one.
pub(crate) trait TextRows: Send {
    /// Says what the columns are.
    fn schema(&self) -> &SchemaRef;
    /// Pushes the next row or rejection, and says whether there was one.
    fn next_row(&mut self, out: &mut TextBatch) -> Result<bool, IntakeError>;
    /// Says what a reader of the file should know.
    fn notes(&self) -> &[String];
}

/// Collects the rows of one piece.
pub(crate) struct TextBatch {
    schema: SchemaRef,
    columns: Vec<StringBuilder>,
    lines: Vec<u64>,
    rejections: Vec<Rejection>,
    n_bytes: usize,
}

impl TextBatch {
    pub(crate) fn new(schema: SchemaRef) -> Self {
        let columns = schema.fields().iter().map(|_| StringBuilder::new()).collect();
        Self { schema, columns, lines: Vec::new(), rejections: Vec::new(), n_bytes: 0 }
    }

    /// Appends one row; an empty cell is `None`. Every row has as many cells as the schema has columns.
    pub(crate) fn push<'a>(&mut self, line: u64, cells: impl Iterator<Item = Option<&'a str>>) {
        let mut n_cells = 0;
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.n_bytes += cell.map_or(0, str::len);
            column.append_option(cell);
            n_cells += 1;
        }
        assert_eq!(n_cells, self.columns.len(), "a row was pushed with too few cells");
        self.lines.push(line);
    }

    pub(crate) fn reject(&mut self, rejection: Rejection) {
        self.n_bytes += rejection.original.len();
        self.rejections.push(rejection);
    }

    pub(crate) fn is_full(&self, batch_rows: usize) -> bool {
        batch_rows <= self.lines.len() + self.rejections.len() || PIECE_BYTES_MAX <= self.n_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.rejections.is_empty()
    }

    /// Hands over what was collected and starts anew.
    pub(crate) fn take(&mut self, file: &Path) -> Result<Piece, IntakeError> {
        self.n_bytes = 0;
        let columns: Vec<ArrayRef> = self.columns.iter_mut().map(|c| Arc::new(c.finish()) as ArrayRef).collect();
        let lines = std::mem::take(&mut self.lines);
        let options = RecordBatchOptions::new().with_row_count(Some(lines.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|source| IntakeError::Batch { file: file.to_path_buf(), source })?;
        Ok(Piece { rows, lines, rejections: std::mem::take(&mut self.rejections) })
    }
}

/// Makes a schema in which every column is nullable text.
pub(crate) fn text_schema(names: &[String]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|n| Field::new(n, DataType::Utf8, true)).collect::<Vec<_>>()))
}

/// Gives every column a name of its own: `column_3` where there was none, `name_2` for the second `name`.
///
/// `positions` are the places of the columns in the file, from 1.
/// What was changed is told in `notes`.
pub(crate) fn unique_names(given: Vec<String>, positions: &[usize], notes: &mut Vec<String>) -> Vec<String> {
    // A name that a later column bears by itself must not be taken by a duplicate of an earlier one.
    let reserved: HashSet<String> = given.iter().cloned().collect();
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(given.len());
    for (name, position) in given.into_iter().zip(positions) {
        let unique = if name.is_empty() {
            let free = first_free(&format!("column_{position}"), 1, |n| !taken.contains(n) && !reserved.contains(n));
            notes.push(format!("column {position} has no name; it is called `{free}`"));
            free
        } else if taken.contains(&name) {
            let free = first_free(&name, 2, |n| !taken.contains(n) && !reserved.contains(n));
            notes.push(format!("the name `{name}` stands twice; column {position} is called `{free}`"));
            free
        } else {
            name
        };
        taken.insert(unique.clone());
        names.push(unique);
    }
    names
}

/// Gives `name` itself from 1, `name_2` from 2, and so on until it is free.
fn first_free(name: &str, from: usize, is_free: impl Fn(&str) -> bool) -> String {
    let mut number = from;
    loop {
        let candidate = if number == 1 { name.to_owned() } else { format!("{name}_{number}") };
        if is_free(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: &[&str], n_notes: usize) {
        let positions: Vec<usize> = (1..=given.len()).collect();
        let mut notes = Vec::new();
        let given = given.iter().map(|n| (*n).to_owned()).collect();
        assert_eq!(unique_names(given, &positions, &mut notes), expected);
        assert_eq!(notes.len(), n_notes, "{notes:?}");
    }

    #[test]
    fn names_are_made_unique() {
        check(&["a", "b"], &["a", "b"], 0);
        check(&["a", "a", "a"], &["a", "a_2", "a_3"], 2);
        check(&["a", "a", "a_2"], &["a", "a_3", "a_2"], 1);
        check(&["a", "", ""], &["a", "column_2", "column_3"], 2);
        check(&["", "column_1"], &["column_1_2", "column_1"], 1);
    }

    #[test]
    fn a_batch_is_full_by_rows_by_rejections_and_by_bytes() {
        let mut batch = TextBatch::new(text_schema(&["a".to_owned()]));
        assert!(batch.is_empty() && !batch.is_full(2));
        batch.push(2, [Some("x")].into_iter());
        batch.reject(Rejection { line: 3, column: None, reason: "r".into(), original: "{}".into() });
        assert!(batch.is_full(2) && !batch.is_full(3));
        let piece = batch.take(Path::new("a.csv")).unwrap();
        assert_eq!((piece.rows.num_rows(), piece.lines, piece.rejections.len()), (1, vec![2], 1));
        assert!(batch.is_empty());
        let long = "x".repeat(1 << 20);
        for line in 0..64 {
            batch.push(line, [Some(long.as_str())].into_iter());
        }
        assert!(batch.is_full(1_000_000));
    }
}
