//! What can go wrong with a whole file.
//!
//! One enum for the one operation of this crate, reading a file.
//! A row that cannot be read is no error but a [`crate::Rejection`].
//! Every message says what happened, where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::compression::Compression;
use crate::{JSON_ARRAY_BYTES_MAX, MAX_RECORD_BYTES, SHEET_BYTES_MAX};

const MIB: u64 = 1 << 20;

/// Says why a file cannot be read, or cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// There is no such file.
    #[error("{file}: there is no such file; check the path and the folder that it starts from")]
    NotFound {
        /// The path asked for.
        file: PathBuf,
    },
    /// The file may not be read.
    #[error("{file}: no permission to read the file; give this user read access to it (and to its folders)")]
    NoPermission {
        /// The path asked for.
        file: PathBuf,
    },
    /// The path names a folder.
    #[error("{file} is a folder; name one file in it")]
    IsFolder {
        /// The path asked for.
        file: PathBuf,
    },
    /// The operating system failed to read.
    #[error("{file}: reading failed at line {at_line}: {source}; check the disk or the network share and read again")]
    Io {
        /// The file.
        file: PathBuf,
        /// The line that was being read, from 1.
        at_line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error("{file}: the file is empty; check that its export or download was complete")]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// The bytes are not of the format asked for.
    #[error("{file}: this is not {expected} but {found}; {advice}")]
    WrongFormat {
        /// The file.
        file: PathBuf,
        /// The format asked for, with its article.
        expected: &'static str,
        /// What the bytes look like.
        found: String,
        /// What to do.
        advice: String,
    },
    /// The options given contradict themselves.
    #[error("{file}: {option} cannot be {value}: {reason}")]
    BadOption {
        /// The file.
        file: PathBuf,
        /// The option.
        option: &'static str,
        /// What was given for it.
        value: String,
        /// Why it cannot be used.
        reason: &'static str,
    },
    /// A compressed file stops in the middle.
    #[error(
        "{file}: the {compression} data stops in the middle, at line {at_line}; the rows before it were read; \
         copy or download the file again (its end is missing)"
    )]
    Truncated {
        /// The file.
        file: PathBuf,
        /// gzip or zstd.
        compression: &'static str,
        /// The first line that is not complete, from 1.
        at_line: u64,
        /// What the decoder said.
        source: io::Error,
    },
    /// A compressed file is damaged.
    #[error(
        "{file}: the {compression} data is damaged at line {at_line} ({source}); the rows before it were read; \
         copy or download the file again"
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// gzip or zstd.
        compression: &'static str,
        /// The first line that is not complete, from 1.
        at_line: u64,
        /// What the decoder said.
        source: io::Error,
    },
    /// A record goes on without end because a quote is never closed.
    #[error(
        "{file}, line {line}: the quote opened here is not closed before the end of the file or {} MiB further; \
         close or remove it, or read the file without quotes", MAX_RECORD_BYTES as u64 / MIB
    )]
    UnclosedQuote {
        /// The file.
        file: PathBuf,
        /// The line where the quote was opened, from 1.
        line: u64,
    },
    /// A line is too long to be one record.
    #[error(
        "{file}, line {line}: the line is longer than {} MiB; check that rows end with a line break",
        MAX_RECORD_BYTES as u64 / MIB
    )]
    LineTooLong {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// The header cannot be read as text.
    #[error(
        "{file}, line {line}: the name of column {column} is not UTF-8 (byte {at_byte} of it); \
         save the file as UTF-8, or give the names yourself"
    )]
    HeaderNotUtf8 {
        /// The file.
        file: PathBuf,
        /// The line of the header, from 1.
        line: u64,
        /// The position of the column, from 1.
        column: usize,
        /// The first byte that does not fit, from 1.
        at_byte: usize,
    },
    /// A header name is longer than a field may be.
    #[error("{file}, line {line}: the name of column {column} is longer than a field may be; check the quotes of the header")]
    HeaderTooLong {
        /// The file.
        file: PathBuf,
        /// The line of the header, from 1.
        line: u64,
        /// The position of the column, from 1.
        column: usize,
    },
    /// The delimiter given leaves one column where another delimiter would give several.
    #[error(
        "{file}: the header has one column `{header}`; it looks as if the delimiter were {likely}, not {given}; \
         give that delimiter, or let it be detected"
    )]
    WrongDelimiter {
        /// The file.
        file: PathBuf,
        /// The header line.
        header: String,
        /// The delimiter given, as text.
        given: String,
        /// The delimiter that would fit, as text.
        likely: String,
    },
    /// The names given are not as many as the fields of the first row.
    #[error(
        "{file}: {n_names} column names were given ({names}), but the first row has {n_fields} fields ({first_row}); \
         {advice}"
    )]
    NamesDoNotFit {
        /// The file.
        file: PathBuf,
        /// How many names were given.
        n_names: usize,
        /// The names.
        names: String,
        /// How many fields the first row has.
        n_fields: usize,
        /// The fields of the first row.
        first_row: String,
        /// What to do.
        advice: String,
    },
    /// No line of the beginning is a JSON object.
    #[error(
        "{file}: none of the first {n_lines} lines is a JSON object (line {line}: {reason}); \
         write one object per line, or one array of objects"
    )]
    NoJsonObjects {
        /// The file.
        file: PathBuf,
        /// How many lines were looked at.
        n_lines: usize,
        /// The first line that failed, from 1.
        line: u64,
        /// Why it failed.
        reason: String,
    },
    /// A JSON array is too large to be held in memory.
    #[error(
        "{file}: the file is one JSON array of more than {} MiB, which would have to be held in memory; \
         write one object per line instead, for example with `jq -c '.[]'`", JSON_ARRAY_BYTES_MAX as u64 / MIB
    )]
    JsonArrayTooLarge {
        /// The file.
        file: PathBuf,
    },
    /// A JSON array is broken somewhere.
    #[error(
        "{file}, line {line}, column {column}: the JSON array cannot be read: {reason}; correct it there, or write one object per line"
    )]
    JsonArrayBroken {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column in the line, from 1.
        column: usize,
        /// What the parser said.
        reason: String,
    },
    /// A Parquet file cannot be decoded.
    #[error("{file}: the Parquet data cannot be read after row {after_row}: {reason}; write the file again")]
    ParquetBroken {
        /// The file.
        file: PathBuf,
        /// The number of rows read before.
        after_row: u64,
        /// What the decoder said.
        reason: String,
    },
    /// A workbook cannot be decoded.
    #[error("{file}: the workbook cannot be read: {reason}; open it in a spreadsheet program and save it again as .xlsx")]
    WorkbookBroken {
        /// The file.
        file: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// The workbook has no sheet of that name.
    #[error("{file}: there is no sheet `{sheet}`; the sheets are {sheets}")]
    UnknownSheet {
        /// The file.
        file: PathBuf,
        /// The sheet asked for.
        sheet: String,
        /// The sheets that there are.
        sheets: String,
    },
    /// The sheet has no row at or below the header row asked for.
    #[error(
        "{file}, sheet `{sheet}`: row {header_row} cannot be the header because it is empty; the filled rows are {first_row} to {last_row}"
    )]
    NoHeaderRow {
        /// The file.
        file: PathBuf,
        /// The sheet.
        sheet: String,
        /// The row asked for, from 1.
        header_row: u32,
        /// The first row that has a value, from 1.
        first_row: u32,
        /// The last row that has a value, from 1.
        last_row: u32,
    },
    /// The sheet holds no value at all.
    #[error("{file}: sheet `{sheet}` is empty; the sheets are {sheets}")]
    EmptySheet {
        /// The file.
        file: PathBuf,
        /// The sheet.
        sheet: String,
        /// The sheets that there are.
        sheets: String,
    },
    /// The sheet is too large to be held in memory.
    #[error(
        "{file}: {part} is larger than {} MiB uncompressed; spreadsheets of that size are not read: \
         save the sheet as CSV and read that", SHEET_BYTES_MAX / MIB
    )]
    SheetTooLarge {
        /// The file.
        file: PathBuf,
        /// The part of the workbook.
        part: String,
    },
    /// The rows read do not form a batch, which is a fault of this program.
    #[error("{file}: the rows read do not form a batch: {source}; please report this, it is a fault of the program")]
    Batch {
        /// The file.
        file: PathBuf,
        /// What Arrow said.
        source: arrow::error::ArrowError,
    },
}

impl IntakeError {
    /// Names an operating system error met while opening.
    pub(crate) fn opening(file: &Path, source: io::Error) -> Self {
        let file = file.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { file },
            io::ErrorKind::PermissionDenied => Self::NoPermission { file },
            io::ErrorKind::IsADirectory => Self::IsFolder { file },
            _ => Self::Io { file, at_line: 1, source },
        }
    }

    /// Names an error met while reading line `at_line` of a perhaps compressed file.
    pub(crate) fn reading(file: &Path, compression: Compression, at_line: u64, source: io::Error) -> Self {
        let file = file.to_path_buf();
        let Some(compression) = compression.name() else {
            return Self::Io { file, at_line, source };
        };
        match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { file, compression, at_line, source },
            _ => Self::Damaged { file, compression, at_line, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: io::ErrorKind, expected: &str) {
        let error = IntakeError::opening(Path::new("data/a.csv"), kind.into());
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn opening_errors_say_what_to_do() {
        check(io::ErrorKind::NotFound, "data/a.csv: there is no such file; check the path and the folder that it starts from");
        check(
            io::ErrorKind::PermissionDenied,
            "data/a.csv: no permission to read the file; give this user read access to it (and to its folders)",
        );
        check(io::ErrorKind::IsADirectory, "data/a.csv is a folder; name one file in it");
    }

    #[test]
    fn a_plain_file_is_never_called_truncated() {
        let error = IntakeError::reading(Path::new("a.csv"), Compression::Plain, 7, io::ErrorKind::UnexpectedEof.into());
        assert!(error.to_string().starts_with("a.csv: reading failed at line 7"), "{error}");
    }
}
