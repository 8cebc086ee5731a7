//! Parquet files with their own types.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use diptych_intake::{Format, IntakeError, Reader, original};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::{Made, file};

fn columns(n_rows: i64) -> Vec<(&'static str, ArrayRef)> {
    let kinds: DictionaryArray<Int32Type> = (0..n_rows).map(|i| Some(if i % 2 == 0 { "view" } else { "buy" })).collect();
    vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..n_rows))),
        ("name", Arc::new((0..n_rows).map(|i| (i % 3 != 0).then(|| format!("n{i}"))).collect::<StringArray>())),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter_values(0..n_rows).with_timezone("UTC"))),
        ("price", Arc::new(Float64Array::from_iter_values((0..n_rows).map(|i| i as f64 / 4.0)))),
        ("kind", Arc::new(kinds)),
    ]
}

fn write(columns: Vec<(&str, ArrayRef)>) -> Made {
    let made = file("a.parquet", "x");
    let rows = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1_000)).build();
    let mut writer = ArrowWriter::try_new(File::create(&made.path).unwrap(), rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    made
}

#[test]
fn types_are_kept_and_rows_are_numbered() {
    let made = write(columns(2_500));
    let mut reader = Reader::open(&made.path, &Format::Parquet, 1_000).unwrap();
    let types: Vec<DataType> = reader.schema().fields().iter().map(|f| f.data_type().clone()).collect();
    assert_eq!(types[0], DataType::Int64);
    assert_eq!(types[1], DataType::Utf8);
    assert_eq!(types[2], DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert_eq!(types[3], DataType::Float64);
    assert_eq!(types[4], DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)));
    let (mut lines, mut n_pieces) = (Vec::new(), 0);
    while let Some(piece) = reader.next().unwrap() {
        assert_eq!(piece.rows.schema_ref(), reader.schema());
        assert!(piece.rejections.is_empty() && piece.rows.num_rows() <= 1_000);
        if n_pieces == 0 {
            assert_eq!(original(&piece.rows, 1), r#"{"id":1,"name":"n1","at":"1970-01-01T00:00:00.000001Z","price":0.25,"kind":"buy"}"#);
        }
        lines.extend(piece.lines);
        n_pieces += 1;
        assert!(reader.bytes_read() <= reader.bytes_total());
    }
    assert_eq!(lines, (1..=2_500).collect::<Vec<u64>>());
    assert_eq!(reader.bytes_read(), reader.bytes_total());
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn names_are_made_unique() {
    let column = |n: i64| Arc::new(Int64Array::from(vec![n])) as ArrayRef;
    let made = write(vec![("a", column(1)), ("a", column(2))]);
    let mut reader = Reader::open(&made.path, &Format::Parquet, 10).unwrap();
    assert_eq!(reader.schema().field(1).name(), "a_2");
    assert_eq!(reader.notes(), ["the name `a` stands twice; column 2 is called `a_2`"]);
    let piece = reader.next().unwrap().unwrap();
    assert_eq!(original(&piece.rows, 0), r#"{"a":1,"a_2":2}"#);
}

#[test]
fn a_file_without_rows_ends_at_once() {
    let made = write(columns(0));
    assert!(Reader::open(&made.path, &Format::Parquet, 10).unwrap().next().unwrap().is_none());
}

#[test]
fn damage_in_any_place_is_an_error_and_no_panic() {
    let made = write(columns(3_000));
    let bytes = std::fs::read(&made.path).unwrap();
    let mut n_errors = 0;
    for at in (4..bytes.len()).step_by(bytes.len() / 97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x5a;
        std::fs::write(&made.path, &damaged).unwrap();
        let result = Reader::open(&made.path, &Format::Parquet, 500).and_then(|mut reader| {
            while reader.next()?.is_some() {}
            Ok(())
        });
        if let Err(error) = result {
            assert!(matches!(error, IntakeError::ParquetBroken { .. }), "{error}");
            n_errors += 1;
        }
    }
    assert!(0 < n_errors);
    std::fs::write(&made.path, &bytes[..bytes.len() / 2]).unwrap();
    let error = Reader::open(&made.path, &Format::Parquet, 500).unwrap_err().to_string();
    assert!(error.ends_with("write the file again"), "{error}");
}
