//! Text whose fields are separated by runs of blanks and tabs.
//!
//! Blanks before the first field and after the last are ignored, so that columns may be aligned to the right.
//! A field that begins with the quote goes to the next quote.

use arrow::datatypes::SchemaRef;
use serde_json::Value;

use crate::columns::{TextBatch, TextRows, text_schema, unique_names};
use crate::compression::Source;
use crate::csv::{n_of, names_do_not_fit};
use crate::lines::Lines;
use crate::{CsvOptions, Header, IntakeError, MAX_FIELD_BYTES, Rejection, delimiter, original, signature};

/// Gives the rows of text separated by blanks.
pub(crate) struct BlankRows {
    lines: Lines,
    /// The first row of a file without header, which was read to compare it with the names.
    pending: Option<(u64, Vec<u8>)>,
    quote: Option<u8>,
    names: Vec<String>,
    schema: SchemaRef,
    notes: Vec<String>,
}

impl BlankRows {
    pub(crate) fn open(mut source: Source, options: &CsvOptions) -> Result<Self, IntakeError> {
        signature::require_text(&source, "text separated by blanks")?;
        signature::without_bom(&mut source)?;
        let (file, quote) = (source.file.clone(), options.quote);
        let likely = delimiter::detect(&source.head, source.head_is_whole, quote, None)
            .filter(|guess| guess.is_sure())
            .map(|guess| delimiter::name(guess.byte));
        let mut lines = Lines::new(source);
        let Some((number, first)) = lines.next()?.map(|(number, line)| (number, line.to_vec())) else {
            return Err(IntakeError::Empty { file });
        };
        let fields = split(&first, quote);
        let mut notes = Vec::new();
        let positions: Vec<usize> = (1..=fields.len()).collect();
        let (given, pending) = match &options.header {
            Header::FirstRow => {
                let mut given = Vec::with_capacity(fields.len());
                for (field, column) in fields.iter().zip(&positions) {
                    let name = std::str::from_utf8(field).map_err(|e| IntakeError::HeaderNotUtf8 {
                        file: file.clone(),
                        line: number,
                        column: *column,
                        at_byte: e.valid_up_to() + 1,
                    })?;
                    given.push(name.to_owned());
                }
                if let ([header], Some(likely)) = (&given[..], likely) {
                    let (header, given) = (header.clone(), "blanks".to_owned());
                    return Err(IntakeError::WrongDelimiter { file, header, given, likely });
                }
                (given, None)
            }
            Header::Names(names) => {
                if names.len() != fields.len() {
                    let shown: Vec<_> = fields.iter().map(|f| String::from_utf8_lossy(f)).collect();
                    let advice = match likely {
                        Some(likely) => format!("it looks as if the delimiter were {likely}"),
                        None => "give one name for each field".to_owned(),
                    };
                    return Err(names_do_not_fit(&file, names, &shown, advice));
                }
                (names.clone(), Some((number, first.clone())))
            }
        };
        let names = unique_names(given, &positions, &mut notes);
        Ok(Self { lines, pending, quote, schema: text_schema(&names), names, notes })
    }
}

impl TextRows for BlankRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next_row(&mut self, out: &mut TextBatch) -> Result<bool, IntakeError> {
        if let Some((number, line)) = self.pending.take() {
            push(&self.names, self.quote, number, &line, out);
            return Ok(true);
        }
        let Some((number, line)) = self.lines.next()? else {
            return Ok(false);
        };
        push(&self.names, self.quote, number, line, out);
        Ok(true)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn push(names: &[String], quote: Option<u8>, number: u64, line: &[u8], out: &mut TextBatch) {
    let fields = split(line, quote);
    if fields.len() != names.len() {
        let reason = format!("the row has {}, expected are {}", n_of(fields.len(), "field"), names.len());
        out.reject(Rejection { line: number, column: None, reason, original: original::raw(line) });
        return;
    }
    let mut texts = Vec::with_capacity(fields.len());
    for (name, field) in names.iter().zip(&fields) {
        let reason = match std::str::from_utf8(field) {
            Ok(text) if text.len() <= MAX_FIELD_BYTES => {
                texts.push(Some(text).filter(|t| !t.is_empty()));
                continue;
            }
            Ok(text) => {
                format!("the field has {} bytes, more than the {MAX_FIELD_BYTES} that a field may have", text.len())
            }
            Err(e) => format!("the field is not UTF-8 at byte {} of it (byte value {:#04x})", e.valid_up_to() + 1, field[e.valid_up_to()]),
        };
        let columns = names.iter().zip(&fields);
        let columns = columns.map(|(n, f)| (n.as_str(), Value::from(String::from_utf8_lossy(f))));
        let original = original::object(columns);
        out.reject(Rejection { line: number, column: Some(name.clone()), reason, original });
        return;
    }
    out.push(number, texts.into_iter());
}

fn split(line: &[u8], quote: Option<u8>) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    let mut rest = line.trim_ascii();
    while let Some(first) = rest.first() {
        let quoted = (Some(*first) == quote).then(|| rest[1..].iter().position(|b| Some(*b) == quote)).flatten();
        let (field, after) = match quoted {
            Some(end) => (&rest[1..=end], end + 2),
            None => {
                let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        fields.push(field);
        rest = rest[after..].trim_ascii_start();
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        let fields: Vec<_> = split(line.as_bytes(), Some(b'"')).into_iter().map(|f| str::from_utf8(f).unwrap()).collect();
        assert_eq!(fields, expected, "{line:?}");
    }

    #[test]
    fn runs_of_blanks_separate() {
        check(" 00004 0001 19970101  2   29.33", &["00004", "0001", "19970101", "2", "29.33"]);
        check("a\t b \t", &["a", "b"]);
        check("\"a b\" c \"\"", &["a b", "c", ""]);
        check("\"a b", &["\"a", "b"]);
        check("  ", &[]);
    }
}
