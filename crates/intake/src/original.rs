//! The text of a rejected row, kept so that a person can see and correct it.
//!
//! It is a JSON object of the raw columns, or `{"_raw": …}` where the row could not be split.
//! It is cut at [`ORIGINAL_BYTES_MAX`] with a remark, because one broken quote can make a row of many megabytes.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

use crate::ORIGINAL_BYTES_MAX;

/// Writes one row of a batch as the JSON object of its raw columns.
///
/// Text stays text, numbers and booleans stay such, an empty cell is null, times are ISO 8601 text.
/// A row that does not exist is the empty object.
pub fn original(rows: &RecordBatch, row: usize) -> String {
    if rows.num_rows() <= row {
        return "{}".to_owned();
    }
    let schema = rows.schema_ref();
    object(schema.fields().iter().zip(rows.columns()).map(|(f, column)| (f.name().as_str(), cell(column, row))))
}

/// Writes raw columns as a JSON object.
pub(crate) fn object<'a>(columns: impl Iterator<Item = (&'a str, Value)>) -> String {
    let columns: Vec<(&str, Value)> = columns.collect();
    let bytes: usize = columns.iter().map(|(name, value)| name.len() + text_len(value) + 6).sum();
    let budget = if bytes <= ORIGINAL_BYTES_MAX { usize::MAX } else { ORIGINAL_BYTES_MAX / columns.len().max(1) };
    let mut map = Map::new();
    for (name, value) in columns {
        map.insert(name.to_owned(), shorten(value, budget));
    }
    Value::Object(map).to_string()
}

/// Writes the bytes of a row that could not be split.
pub(crate) fn raw(bytes: &[u8]) -> String {
    // Lossy decoding at most triples the length, so cutting first bounds the work on a row of 200 MB.
    let is_long = ORIGINAL_BYTES_MAX - 100 < bytes.len();
    let kept = if is_long { &bytes[..ORIGINAL_BYTES_MAX - 100] } else { bytes };
    let mut text = String::from_utf8_lossy(kept).into_owned();
    if is_long {
        // A character cut in two at the limit is no fault of the file.
        while text.ends_with('\u{fffd}') {
            text.pop();
        }
        text.push_str(&remark(bytes.len()));
    }
    object(std::iter::once(("_raw", Value::String(text))))
}

fn cell(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).into(),
        DataType::Utf8View => column.as_string_view().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float32 => number(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => number(column.as_primitive::<Float64Type>().value(row)),
        DataType::Struct(_) | DataType::List(_) | DataType::LargeList(_) | DataType::Map(_, _) => nested(column, row),
        _ => text(column, row),
    }
}

/// Not a number and the infinities have no JSON number, so they are text.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}

fn nested(column: &dyn Array, row: usize) -> Value {
    let one = column.slice(row, 1);
    let written = RecordBatch::try_from_iter([("value", one)]).and_then(|batch| {
        let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
        writer.write(&batch)?;
        writer.finish()?;
        Ok(writer.into_inner())
    });
    let parsed = written.ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    match parsed {
        Some(Value::Object(mut map)) => map.remove("value").unwrap_or(Value::Null),
        _ => text(column, row),
    }
}

fn text(column: &dyn Array, row: usize) -> Value {
    let options = FormatOptions::default().with_display_error(true);
    match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) => formatter.value(row).to_string().into(),
        Err(_) => Value::String(format!("(a {} that cannot be shown)", column.data_type())),
    }
}

fn text_len(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => value.to_string().len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

fn shorten(value: Value, budget: usize) -> Value {
    if text_len(&value) <= budget.max(64) {
        return value;
    }
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    // The remark counts into the budget, so that a long row of long fields stays near the limit.
    let kept = text.floor_char_boundary(budget.max(64) - 40.min(budget / 2));
    Value::String(format!("{}{}", &text[..kept], remark(text.len())))
}

fn remark(bytes: usize) -> String {
    format!(" … (cut; {bytes} bytes in all)")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn every_type_has_a_json_form() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("text", Arc::new(StringArray::from(vec![Some("a \"b\""), None]))),
            ("whole", Arc::new(Int64Array::from(vec![Some(-3), None]))),
            ("ratio", Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN)]))),
            ("yes", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_000_000), None]))),
            ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), Some(2)]), None]))),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
        assert_eq!(original(&rows, 0), r#"{"text":"a \"b\"","whole":-3,"ratio":1.5,"yes":true,"at":"1970-01-01T00:00:01","list":[1,2]}"#);
        assert_eq!(original(&rows, 1), r#"{"text":null,"whole":null,"ratio":"NaN","yes":null,"at":null,"list":null}"#);
        assert_eq!(original(&rows, 2), "{}");
    }

    #[test]
    fn long_rows_are_cut_with_a_remark() {
        let long = "ä".repeat(200_000);
        let text = raw(long.as_bytes());
        assert!(text.len() < ORIGINAL_BYTES_MAX + 200, "{}", text.len());
        assert!(text.ends_with("ä … (cut; 400000 bytes in all)\"}"), "{}", &text[text.len() - 60..]);
        let text = object([("a", Value::from("x")), ("b", Value::from(long))].into_iter());
        assert!(text.len() < ORIGINAL_BYTES_MAX + 200, "{}", text.len());
        assert!(text.starts_with(r#"{"a":"x","b":"ää"#) && text.ends_with("(cut; 400000 bytes in all)\"}"));
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(raw(b"a\xffb"), "{\"_raw\":\"a\u{fffd}b\"}");
    }
}
