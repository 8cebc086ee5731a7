//! JSON Lines, and files that are one JSON array of objects.
//!
//! Values keep the text in which they are written: `1.50` stays `1.50`, and a number of thirty digits keeps them all.
//! The columns are the keys of the first objects; keys that come up later go to the column `_more` as an object, so
//! that nothing is lost and the columns need not be known beforehand.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::Read;

use arrow::datatypes::SchemaRef;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::columns::{TextBatch, TextRows, text_schema, unique_names};
use crate::compression::Source;
use crate::lines::Lines;
use crate::{IntakeError, JSON_ARRAY_BYTES_MAX, MAX_FIELD_BYTES, Rejection, original, signature};

/// How many objects are looked at to find the columns.
const DISCOVERY_OBJECTS: usize = 1_000;

/// How much text is looked at to find the columns, in bytes, because it is held in memory.
const DISCOVERY_BYTES: usize = 16 << 20;

/// How many columns there are at most; further keys go to `_more`.
const COLUMNS_MAX: usize = 2_000;

/// Gives the rows of JSON Lines.
pub(crate) struct JsonRows {
    objects: Objects,
    /// What was read to find the columns.
    ahead: VecDeque<(u64, Vec<u8>)>,
    /// What ended the reading ahead, told when the rows before it were given.
    failure: Option<IntakeError>,
    columns: Columns,
}

/// Knows which key goes to which column.
struct Columns {
    idx_of: HashMap<String, usize>,
    n_keys: usize,
    has_more: bool,
    has_doubled_key: bool,
    /// Keys that were asked for and did not come up yet.
    awaited: Vec<String>,
    schema: SchemaRef,
    notes: Vec<String>,
}

impl JsonRows {
    /// Opens a file; `asked` are keys that are columns even where none of the first objects has them.
    pub(crate) fn open(mut source: Source, asked: &[String]) -> Result<Self, IntakeError> {
        signature::require_text(&source, "JSON text")?;
        signature::without_bom(&mut source)?;
        let file = source.file.clone();
        let first = source.head.iter().find(|b| !b.is_ascii_whitespace());
        let mut objects = match first {
            Some(b'[') => Objects::Array(Array::open(source)?),
            Some(_) => Objects::Lines(Lines::new(source)),
            None => return Err(IntakeError::Empty { file }),
        };
        let (mut ahead, mut failure, mut first_fault) = (VecDeque::new(), None, None);
        let mut keys: Vec<String> = Vec::new();
        let mut idx_of: HashMap<String, usize> = HashMap::new();
        let (mut n_objects, mut n_bytes, mut is_whole) = (0, 0, false);
        while n_objects < DISCOVERY_OBJECTS && n_bytes < DISCOVERY_BYTES && ahead.len() < 10 * DISCOVERY_OBJECTS {
            let (line, text) = match objects.next() {
                Ok(Some(found)) => found,
                Ok(None) => {
                    is_whole = true;
                    break;
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            };
            match pairs_of(text) {
                Ok(pairs) => {
                    n_objects += 1;
                    for (key, _) in pairs {
                        if keys.len() < COLUMNS_MAX && !idx_of.contains_key(&*key) {
                            idx_of.insert(key.clone().into_owned(), keys.len());
                            keys.push(key.into_owned());
                        }
                    }
                }
                Err(reason) if first_fault.is_none() => first_fault = Some((line, reason)),
                Err(_) => {}
            }
            n_bytes += text.len();
            ahead.push_back((line, text.to_vec()));
        }
        if n_objects == 0 {
            return Err(match (first_fault, failure) {
                (Some((line, reason)), _) => IntakeError::NoJsonObjects { file, n_lines: ahead.len(), line, reason },
                (None, Some(error)) => error,
                (None, None) => IntakeError::Empty { file },
            });
        }
        let awaited: Vec<String> = asked.iter().filter(|key| !idx_of.contains_key(*key)).cloned().collect();
        for key in &awaited {
            idx_of.insert(key.clone(), keys.len());
            keys.push(key.clone());
        }
        let n_keys = keys.len();
        let has_more = !is_whole || COLUMNS_MAX <= n_keys;
        let mut notes = Vec::new();
        let mut names = keys;
        if has_more {
            let mut more = "_more".to_owned();
            while idx_of.contains_key(&more) {
                more.push('_');
            }
            names.push(more);
        }
        let positions: Vec<usize> = (1..=names.len()).collect();
        let names = unique_names(names, &positions, &mut notes);
        let schema = text_schema(&names);
        let columns = Columns { idx_of, n_keys, has_more, has_doubled_key: false, awaited, schema, notes };
        Ok(Self { objects, ahead, failure, columns })
    }
}

/// Names the column at fault, where there is one, and the reason.
type Fault = (Option<String>, String);

impl Columns {
    fn push(&mut self, line: u64, text: &[u8], out: &mut TextBatch) {
        match self.cells(text) {
            Ok(cells) => out.push(line, cells.iter().map(Option::as_deref)),
            Err((column, reason)) => {
                out.reject(Rejection { line, column, reason, original: original_of(text) });
            }
        }
    }

    fn cells<'a>(&mut self, text: &'a [u8]) -> Result<Vec<Option<Cow<'a, str>>>, Fault> {
        let pairs = pairs_of(text).map_err(|reason| (None, reason))?;
        let mut cells: Vec<Option<Cow<str>>> = vec![None; self.schema.fields().len()];
        let mut is_set = vec![false; self.n_keys];
        let mut more = String::new();
        for (key, value) in pairs {
            let Some(&idx) = self.idx_of.get(&*key) else {
                more.push(if more.is_empty() { '{' } else { ',' });
                more.push_str(&serde_json::Value::from(&*key).to_string());
                more.push(':');
                more.push_str(&compact(value.get()));
                continue;
            };
            let cell = cell_of(value.get()).map_err(|reason| (Some(key.to_string()), reason))?;
            if let Some(cell) = &cell
                && MAX_FIELD_BYTES < cell.len()
            {
                let reason = format!("the value has {} bytes, more than the {MAX_FIELD_BYTES} that it may have", cell.len());
                return Err((Some(key.into_owned()), reason));
            }
            if !self.awaited.is_empty() {
                self.awaited.retain(|awaited| *awaited != *key);
            }
            if is_set[idx] && !self.has_doubled_key {
                self.has_doubled_key = true;
                self.notes.push(format!("the key `{key}` stands twice in an object; the last value is taken"));
            }
            (cells[idx], is_set[idx]) = (cell, true);
        }
        if !more.is_empty() {
            more.push('}');
            assert!(self.has_more, "every key of a file that was read to its end is a column");
            cells[self.n_keys] = Some(Cow::Owned(more));
        }
        Ok(cells)
    }
}

impl TextRows for JsonRows {
    fn schema(&self) -> &SchemaRef {
        &self.columns.schema
    }

    fn next_row(&mut self, out: &mut TextBatch) -> Result<bool, IntakeError> {
        if let Some((line, text)) = self.ahead.pop_front() {
            self.columns.push(line, &text, out);
            return Ok(true);
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let Some((line, text)) = self.objects.next()? else {
            let never = self.columns.awaited.drain(..).map(|key| format!("no object has the key `{key}`, so the column is empty"));
            self.columns.notes.extend(never);
            return Ok(false);
        };
        self.columns.push(line, text, out);
        Ok(true)
    }

    fn notes(&self) -> &[String] {
        &self.columns.notes
    }
}

/// Gives the texts that should be objects.
enum Objects {
    Lines(Lines),
    Array(Array),
}

impl Objects {
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, IntakeError> {
        match self {
            Self::Array(array) => Ok(array.next()),
            Self::Lines(lines) => lines.next(),
        }
    }
}

/// Holds a file that is one JSON array, checked as a whole.
struct Array {
    text: Vec<u8>,
    at: usize,
    line: u64,
}

impl Array {
    fn open(source: Source) -> Result<Self, IntakeError> {
        let file = source.file;
        let mut text = Vec::new();
        source
            .body
            .take(JSON_ARRAY_BYTES_MAX as u64 + 1)
            .read_to_end(&mut text)
            .map_err(|e| IntakeError::reading(&file, source.compression, 1 + count_newlines(&text), e))?;
        if JSON_ARRAY_BYTES_MAX < text.len() {
            return Err(IntakeError::JsonArrayTooLarge { file });
        }
        if let Err(e) = serde_json::from_slice::<IgnoredAny>(&text) {
            let reason = without_position(&e);
            return Err(IntakeError::JsonArrayBroken { file, line: e.line() as u64, column: e.column(), reason });
        }
        let at = text.iter().position(|b| *b == b'[').map_or(text.len(), |at| at + 1);
        let line = 1 + count_newlines(&text[..at]);
        Ok(Self { text, at, line })
    }

    /// Gives the next element; the text is known to be valid JSON.
    fn next(&mut self) -> Option<(u64, &[u8])> {
        let rest = &self.text[self.at..];
        let n_lead = rest.iter().position(|b| !b.is_ascii_whitespace() && *b != b',')?;
        let from = self.at + n_lead;
        if self.text[from] == b']' {
            return None;
        }
        let line = self.line + count_newlines(&self.text[self.at..from]);
        let to = from + element_len(&self.text[from..]);
        self.line = line + count_newlines(&self.text[from..to]);
        self.at = to;
        Some((line, self.text[from..to].trim_ascii_end()))
    }
}

/// Measures one element of an array up to the comma or bracket behind it.
fn element_len(text: &[u8]) -> usize {
    let (mut depth, mut in_string, mut is_escaped) = (0, false, false);
    for (idx, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if 0 < depth => depth -= 1,
            b',' | b']' | b'}' if depth == 0 => return idx,
            _ => {}
        }
    }
    text.len()
}

fn count_newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// Reads the keys of an object with their values as they are written.
fn pairs_of(text: &[u8]) -> Result<Vec<(Cow<'_, str>, &RawValue)>, String> {
    let text = std::str::from_utf8(text).map_err(|e| format!("the line is not UTF-8 at byte {} of it", e.valid_up_to() + 1))?;
    match serde_json::from_str::<Pairs>(text) {
        Ok(pairs) => Ok(pairs.0),
        Err(e) if e.is_data() => Err(format!("the line is {}, not an object", kind_of(text))),
        Err(e) => Err(format!("not JSON at column {}: {}", e.column(), without_position(&e))),
    }
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            pairs.push((key, map.next_value()?));
        }
        Ok(Pairs(pairs))
    }
}

/// Borrows a key where it has no escapes, which a plain `Cow` does not.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

/// Turns a value into the text of its cell; null is none.
fn cell_of(raw: &str) -> Result<Option<Cow<'_, str>>, String> {
    match raw.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => match raw.get(1..raw.len() - 1).filter(|inner| !inner.contains('\\')) {
            Some(inner) => Ok(Some(Cow::Borrowed(inner))),
            None => serde_json::from_str::<String>(raw)
                .map(|text| Some(Cow::Owned(text)))
                .map_err(|e| format!("the text cannot be read: {}", without_position(&e))),
        },
        Some(b'{' | b'[') => Ok(Some(compact(raw))),
        _ => Ok(Some(Cow::Borrowed(raw))),
    }
}

/// Takes the blanks between the signs of a JSON text out and leaves everything else as it is written.
fn compact(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|b| b.is_ascii_whitespace()) {
        return Cow::Borrowed(raw);
    }
    let (mut text, mut in_string, mut is_escaped) = (String::with_capacity(raw.len()), false, false);
    for c in raw.chars() {
        if in_string {
            in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        text.push(c);
    }
    Cow::Owned(text)
}

/// Keeps an object as it is written if it is one and not too long, else the raw line.
fn original_of(text: &[u8]) -> String {
    let is_object = text.len() <= crate::ORIGINAL_BYTES_MAX && pairs_of(text).is_ok();
    match std::str::from_utf8(text) {
        Ok(object) if is_object => compact(object).into_owned(),
        _ => original::raw(text),
    }
}

fn kind_of(text: &str) -> &'static str {
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'[') => "an array",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: Option<&str>) {
        assert_eq!(cell_of(raw).unwrap().as_deref(), expected, "{raw}");
    }

    #[test]
    fn values_keep_their_text() {
        check("null", None);
        check("\"a b\"", Some("a b"));
        check("\"\"", Some(""));
        check(r#""a\"\u00e4\n""#, Some("a\"ä\n"));
        check("1.50", Some("1.50"));
        check("123456789012345678901234567890", Some("123456789012345678901234567890"));
        check("1E5", Some("1E5"));
        check("true", Some("true"));
        check(r#"{ "a": [1, 2.0, "x  \" y"] }"#, Some(r#"{"a":[1,2.0,"x  \" y"]}"#));
    }

    #[test]
    fn elements_of_an_array_are_measured() {
        let check = |text: &str, expected: usize| assert_eq!(element_len(text.as_bytes()), expected, "{text}");
        check(r#"{"a":"},]\""} , {}"#, 14);
        check("1]", 1);
        check("[[1],2],3", 7);
        check("\"a,b\"]", 5);
    }

    #[test]
    fn lines_that_are_no_objects_say_what_they_are() {
        let check = |text: &str, expected: &str| assert_eq!(pairs_of(text.as_bytes()).unwrap_err(), expected);
        check("5", "the line is a number, not an object");
        check("[1]", "the line is an array, not an object");
        check("null", "the line is null, not an object");
        check("{\"a\":1", "not JSON at column 6: EOF while parsing an object");
        check("{\"a\":1} x", "not JSON at column 9: trailing characters");
        assert!(pairs_of(b"{\"a\":\"\xff\"}").unwrap_err().contains("not UTF-8 at byte 7"));
    }
}
