//! Delimited text: commas, semicolons, tabs, bars or any other byte.
//!
//! The `csv` crate splits; a tape of the raw bytes around the current record gives what it does not: the true line of
//! a record whatever the line ends and blank lines, the raw text of a row that did not fit, and the place of a quote
//! that was never closed.
//! Nothing is trimmed but the byte order mark and carriage returns at line ends; an empty field is null.

use std::io::{self, Read};
use std::path::PathBuf;

use ::csv::{ByteRecord, ErrorKind, ReaderBuilder};
use arrow::datatypes::SchemaRef;
use serde_json::Value;

use crate::columns::{TextBatch, TextRows, text_schema, unique_names};
use crate::compression::{Compression, Source};
use crate::lines::newline_of;
use crate::{CsvOptions, Delimiter, Header, IntakeError, MAX_FIELD_BYTES, MAX_RECORD_BYTES, Rejection, delimiter, original, signature};

const BUFFER_BYTES: usize = 256 << 10;
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Gives the rows of delimited text.
pub(crate) struct CsvRows {
    file: PathBuf,
    compression: Compression,
    reader: ::csv::Reader<Tape>,
    record: ByteRecord,
    /// The first row of a file without header, which was read to compare it with the names.
    pending: Option<Span>,
    /// The line at which the reader stands.
    line: u64,
    newline: u8,
    delimiter: u8,
    quote: Option<u8>,
    names: Vec<String>,
    columns_from: &'static str,
    schema: SchemaRef,
    notes: Vec<String>,
}

/// Says where the current record stands.
#[derive(Debug, Clone, Copy)]
struct Span {
    from_byte: u64,
    to_byte: u64,
    line: u64,
    line_last: u64,
    /// The line of a quote that is still open where the file ends.
    open_quote_line: Option<u64>,
}

impl CsvRows {
    pub(crate) fn open(source: Source, options: &CsvOptions) -> Result<Self, IntakeError> {
        Self::open_bounded(source, options, MAX_RECORD_BYTES)
    }

    fn open_bounded(mut source: Source, options: &CsvOptions, record_bytes_max: usize) -> Result<Self, IntakeError> {
        signature::require_text(&source, "delimited text")?;
        signature::without_bom(&mut source)?;
        let wanted = match &options.header {
            Header::FirstRow => None,
            Header::Names(names) => Some(names.len()),
        };
        let guess = delimiter::detect(&source.head, source.head_is_whole, options.quote, wanted);
        let byte = match options.delimiter {
            Delimiter::Byte(byte) => byte,
            Delimiter::Detect | Delimiter::Whitespace => guess.map_or(b',', |g| g.byte),
        };
        check_bytes(&source, byte, options.quote)?;
        let likely = guess.filter(|g| g.is_sure() && g.byte != byte).map(|g| delimiter::name(g.byte));
        let newline = newline_of(&source.head);
        let is_blank_separated = looks_blank_separated(&source.head, wanted);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(byte)
            .quoting(options.quote.is_some())
            .quote(options.quote.unwrap_or(b'"'))
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(Tape::new(source.body, record_bytes_max));
        let mut rows = Self {
            file: source.file,
            compression: source.compression,
            reader,
            record: ByteRecord::new(),
            pending: None,
            line: 1,
            newline,
            delimiter: byte,
            quote: options.quote,
            names: Vec::new(),
            columns_from: "the header has",
            schema: text_schema(&[]),
            notes: Vec::new(),
        };
        let Some(first) = rows.read()? else {
            return Err(IntakeError::Empty { file: rows.file });
        };
        match &options.header {
            Header::FirstRow => {
                rows.take_header(first)?;
                let forced = options.delimiter != Delimiter::Detect;
                if let ([header], true, Some(likely)) = (&rows.names[..], forced, likely) {
                    let (header, given) = (header.clone(), delimiter::name(byte));
                    return Err(IntakeError::WrongDelimiter { file: rows.file, header, given, likely });
                }
            }
            Header::Names(names) => {
                if names.len() != rows.record.len() {
                    let advice = names_advice(likely, is_blank_separated);
                    let first_row: Vec<_> = rows.record.iter().map(String::from_utf8_lossy).collect();
                    return Err(names_do_not_fit(&rows.file, names, &first_row, advice));
                }
                let positions: Vec<usize> = (1..=names.len()).collect();
                rows.names = unique_names(names.clone(), &positions, &mut rows.notes);
                rows.columns_from = "the names given are for";
                rows.pending = Some(first);
            }
        }
        rows.schema = text_schema(&rows.names);
        Ok(rows)
    }

    fn take_header(&mut self, span: Span) -> Result<(), IntakeError> {
        let line = span.line;
        if let Some(line) = span.open_quote_line {
            return Err(IntakeError::UnclosedQuote { file: self.file.clone(), line });
        }
        let mut given = Vec::with_capacity(self.record.len());
        for (idx, field) in self.record.iter().enumerate() {
            let (file, column) = (self.file.clone(), idx + 1);
            if MAX_FIELD_BYTES < field.len() {
                return Err(IntakeError::HeaderTooLong { file, line, column });
            }
            match std::str::from_utf8(field) {
                Ok(name) => given.push(name.to_owned()),
                Err(e) => {
                    return Err(IntakeError::HeaderNotUtf8 { file, line, column, at_byte: e.valid_up_to() + 1 });
                }
            }
        }
        let positions: Vec<usize> = (1..=given.len()).collect();
        self.names = unique_names(given, &positions, &mut self.notes);
        Ok(())
    }

    /// Reads the next record into `self.record`.
    fn read(&mut self) -> Result<Option<Span>, IntakeError> {
        if KEPT_BYTES_MAX < self.record.as_slice().len() {
            // A record never gives memory back by itself.
            self.record = ByteRecord::new();
        }
        let from_byte = self.reader.position().byte();
        self.reader.get_mut().keep_from(from_byte);
        let found = match self.reader.read_byte_record(&mut self.record) {
            Ok(found) => found,
            Err(error) => return Err(self.failure(error)),
        };
        if !found {
            return Ok(None);
        }
        let to_byte = self.reader.position().byte();
        let raw = self.reader.get_ref().slice(from_byte, to_byte);
        let n_lead = raw.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let (lead, rest) = raw.split_at(n_lead);
        let content = rest.strip_suffix(b"\n").unwrap_or(rest);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let line = self.line + self.count_newlines(lead);
        let line_last = line + self.count_newlines(content);
        // Only a record that is not ended by a line end can have a quote still open.
        let may_be_open = content.len() == rest.len() || line < line_last;
        let open_quote_line = match self.quote {
            Some(quote) if may_be_open => open_quote_at(rest, self.delimiter, quote).map(|at| line + self.count_newlines(&rest[..at])),
            _ => None,
        };
        self.line = line + self.count_newlines(rest);
        Ok(Some(Span { from_byte, to_byte, line, line_last, open_quote_line }))
    }

    fn failure(&self, error: ::csv::Error) -> IntakeError {
        let source = match error.into_kind() {
            ErrorKind::Io(source) => source,
            // No other kind comes from reading bytes; should one come, it is told as it is.
            other => io::Error::other(format!("{other:?}")),
        };
        if source.get_ref().is_none_or(|e| !e.is::<RecordTooLong>()) {
            return IntakeError::reading(&self.file, self.compression, self.line, source);
        }
        let raw = self.reader.get_ref().all();
        let n_lead = raw.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let file = self.file.clone();
        match self.quote.and_then(|quote| open_quote_at(&raw[n_lead..], self.delimiter, quote)) {
            Some(at) => IntakeError::UnclosedQuote { file, line: self.line + self.count_newlines(&raw[..n_lead + at]) },
            None => IntakeError::LineTooLong { file, line: self.line + self.count_newlines(&raw[..n_lead]) },
        }
    }

    fn count_newlines(&self, bytes: &[u8]) -> u64 {
        bytes.iter().filter(|b| **b == self.newline).count() as u64
    }

    fn push(&self, span: Span, out: &mut TextBatch) {
        let fits = self.record.len() == self.names.len() && span.open_quote_line.is_none();
        // The whole record is checked at once where that suffices, because most rows are valid and short.
        if fits
            && self.record.as_slice().len() <= MAX_FIELD_BYTES
            && let Ok(text) = std::str::from_utf8(self.record.as_slice())
            && (text.is_ascii() || self.bounds().all(|bounds| text.is_char_boundary(bounds.start)))
        {
            let cells = self.bounds().map(|bounds| Some(&text[bounds]).filter(|cell| !cell.is_empty()));
            out.push(span.line, cells);
            return;
        }
        match self.fault(span) {
            Some(rejection) => out.reject(rejection),
            // A long row of fields that are each short enough.
            None => out.push(span.line, self.record.iter().map(|f| std::str::from_utf8(f).ok().filter(|t| !t.is_empty()))),
        }
    }

    fn bounds(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        (0..self.record.len()).map(|idx| self.record.range(idx).unwrap_or(0..0))
    }

    fn fault(&self, span: Span) -> Option<Rejection> {
        let line = span.line;
        if let Some(quote_line) = span.open_quote_line {
            let reason = format!(
                "a quote opened in line {quote_line} is not closed before the end of the file; \
                 {} lines were taken into one field",
                span.line_last - quote_line + 1
            );
            return Some(Rejection { line, column: None, reason, original: self.raw(span) });
        }
        if self.record.len() != self.names.len() {
            let mut reason =
                format!("the row has {}, {} {}", n_of(self.record.len(), "field"), self.columns_from, n_of(self.names.len(), "column"));
            if span.line < span.line_last {
                reason.push_str(&format!("; it goes on to line {}, perhaps because a quote is not closed", span.line_last));
            }
            return Some(Rejection { line, column: None, reason, original: self.raw(span) });
        }
        for (name, field) in self.names.iter().zip(self.record.iter()) {
            let reason = if MAX_FIELD_BYTES < field.len() {
                format!("the field has {} bytes, more than the {MAX_FIELD_BYTES} that a field may have", field.len())
            } else if let Err(e) = std::str::from_utf8(field) {
                format!("the field is not UTF-8 at byte {} of it (byte value {:#04x})", e.valid_up_to() + 1, field[e.valid_up_to()])
            } else {
                continue;
            };
            let columns = self.names.iter().zip(self.record.iter()).map(|(name, field)| {
                let text = String::from_utf8_lossy(field);
                (name.as_str(), if text.is_empty() { Value::Null } else { text.into() })
            });
            return Some(Rejection { line, column: Some(name.clone()), reason, original: original::object(columns) });
        }
        None
    }

    fn raw(&self, span: Span) -> String {
        let raw = self.reader.get_ref().slice(span.from_byte, span.to_byte);
        original::raw(without_line_ends(raw))
    }
}

impl TextRows for CsvRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next_row(&mut self, out: &mut TextBatch) -> Result<bool, IntakeError> {
        let span = match self.pending.take() {
            Some(span) => Some(span),
            None => self.read()?,
        };
        if let Some(span) = span {
            self.push(span, out);
        }
        Ok(span.is_some())
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Says that the number of names is not that of the fields.
pub(crate) fn names_do_not_fit(file: &std::path::Path, names: &[String], first_row: &[impl AsRef<str>], advice: String) -> IntakeError {
    let list = |texts: &mut dyn Iterator<Item = &str>| {
        let shown: Vec<String> = texts.take(20).map(|t| format!("`{}`", t.chars().take(40).collect::<String>())).collect();
        shown.join(", ")
    };
    IntakeError::NamesDoNotFit {
        file: file.to_path_buf(),
        n_names: names.len(),
        names: list(&mut names.iter().map(String::as_str)),
        n_fields: first_row.len(),
        first_row: list(&mut first_row.iter().map(AsRef::as_ref)),
        advice,
    }
}

/// Writes a count with its noun.
pub(crate) fn n_of(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn names_advice(likely: Option<String>, is_blank_separated: bool) -> String {
    match likely {
        Some(likely) => format!("it looks as if the delimiter were {likely}"),
        None if is_blank_separated => "it looks as if the fields were separated by blanks".to_owned(),
        None => "give one name for each field".to_owned(),
    }
}

fn looks_blank_separated(head: &[u8], wanted: Option<usize>) -> bool {
    let first = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let n_fields = first.split(|b| b.is_ascii_whitespace()).filter(|f| !f.is_empty()).count();
    wanted == Some(n_fields) && 1 < n_fields
}

fn check_bytes(source: &Source, delimiter: u8, quote: Option<u8>) -> Result<(), IntakeError> {
    let reason = if matches!(delimiter, b'\n' | b'\r') {
        "lines end there"
    } else if quote == Some(delimiter) {
        "it is the quote"
    } else if !delimiter.is_ascii() {
        "it is part of a UTF-8 character"
    } else {
        return Ok(());
    };
    let value = delimiter::name(delimiter);
    Err(IntakeError::BadOption { file: source.file.clone(), option: "the delimiter", value, reason })
}

/// Finds where the quote stands that is still open at the end of `raw`, with the rules of the `csv` crate:
/// a quote opens only at the beginning of a field, and a doubled one within quotes is text.
fn open_quote_at(raw: &[u8], delimiter: u8, quote: u8) -> Option<usize> {
    let mut opened_at = None;
    let mut at_field_start = true;
    let mut idx = 0;
    while idx < raw.len() {
        let byte = raw[idx];
        if opened_at.is_some() {
            if byte == quote {
                if raw.get(idx + 1) == Some(&quote) {
                    idx += 1;
                } else {
                    opened_at = None;
                    at_field_start = false;
                }
            }
        } else if byte == quote && at_field_start {
            opened_at = Some(idx);
        } else {
            at_field_start = byte == delimiter || byte == b'\n' || byte == b'\r';
        }
        idx += 1;
    }
    opened_at
}

/// Passes bytes on and keeps those of the current record.
struct Tape {
    inner: Box<dyn Read + Send>,
    kept: Vec<u8>,
    /// The offset of the first byte kept.
    kept_from: u64,
    /// The offset from which bytes are needed.
    needed_from: u64,
    record_bytes_max: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("the record is too long")]
struct RecordTooLong;

impl Tape {
    fn new(inner: Box<dyn Read + Send>, record_bytes_max: usize) -> Self {
        Self { inner, kept: Vec::new(), kept_from: 0, needed_from: 0, record_bytes_max }
    }

    fn keep_from(&mut self, byte: u64) {
        self.needed_from = byte;
    }

    fn slice(&self, from: u64, to: u64) -> &[u8] {
        &self.kept[(from - self.kept_from) as usize..(to - self.kept_from) as usize]
    }

    fn all(&self) -> &[u8] {
        &self.kept[(self.needed_from - self.kept_from) as usize..]
    }
}

impl Read for Tape {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // Bytes are dropped here and not per record, so that each is moved at most once or twice.
        self.kept.drain(..(self.needed_from - self.kept_from) as usize);
        self.kept_from = self.needed_from;
        if self.kept.is_empty() && KEPT_BYTES_MAX < self.kept.capacity() {
            self.kept.shrink_to(BUFFER_BYTES);
        }
        if self.record_bytes_max < self.kept.len() {
            return Err(io::Error::other(RecordTooLong));
        }
        let n = self.inner.read(buf)?;
        self.kept.extend_from_slice(&buf[..n]);
        Ok(n)
    }
}

/// Takes line ends off both ends.
fn without_line_ends(raw: &[u8]) -> &[u8] {
    let is_end = |b: &u8| matches!(b, b'\r' | b'\n');
    let from = raw.iter().position(|b| !is_end(b)).unwrap_or(raw.len());
    let to = raw.iter().rposition(|b| !is_end(b)).map_or(from, |at| at + 1);
    &raw[from..to]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_quote_is_found_where_it_opened() {
        let check = |raw: &str, expected| assert_eq!(open_quote_at(raw.as_bytes(), b',', b'"'), expected, "{raw:?}");
        check("a,b", None);
        check("a,\"b\"", None);
        check("a,\"b", Some(2));
        check("5\" screen,b", None);
        check("\"a\"\"b\",c", None);
        check("\"a\"\"", Some(0));
        check("\"a\"x\",\"c", Some(6));
    }

    #[test]
    fn the_tape_drops_what_is_no_longer_needed() {
        let mut tape = Tape::new(Box::new(&b"0123456789"[..]), 100);
        let mut buf = [0; 4];
        tape.read_exact(&mut buf).unwrap();
        assert_eq!(tape.slice(1, 3), b"12");
        tape.keep_from(3);
        tape.read_exact(&mut buf).unwrap();
        assert_eq!((tape.all(), tape.kept_from), (&b"34567"[..], 3));
    }

    fn error_of(text: &str) -> IntakeError {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let source = crate::compression::open(&path).unwrap();
        let mut rows = CsvRows::open_bounded(source, &CsvOptions::default(), 1 << 20).unwrap();
        let mut out = TextBatch::new(rows.schema().clone());
        loop {
            match rows.next_row(&mut out) {
                Ok(true) => {}
                Ok(false) => panic!("the record should be too long"),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn a_record_without_end_says_where_its_quote_opened() {
        let tail = "x,y\n".repeat(1 << 20);
        let error = error_of(&format!("a,b\n1,2\n\n\"z\nz\",\"open\n{tail}"));
        assert!(matches!(error, IntakeError::UnclosedQuote { line: 5, .. }), "{error}");
        assert!(error.to_string().contains("a.csv, line 5: the quote opened here is not closed"), "{error}");
        let error = error_of(&format!("a,b\r\n1,2\r\n{}", tail.replace('\n', " ")));
        assert!(matches!(error, IntakeError::LineTooLong { line: 3, .. }), "{error}");
        assert!(error.to_string().ends_with("check that rows end with a line break"), "{error}");
    }
}
