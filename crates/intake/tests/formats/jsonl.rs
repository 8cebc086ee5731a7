//! JSON Lines and JSON arrays.

use arrow::array::{Array, AsArray};
use diptych_intake::{Format, MAX_FIELD_BYTES, Reader};

use crate::{All, file, gzip, open_error, read, read_by};

fn read_text(text: impl AsRef<[u8]>) -> All {
    read(&file("a.jsonl", text), &Format::JsonLines)
}

#[test]
fn values_keep_the_text_in_which_they_stand() {
    let all = read_text(
        "{\"id\": 1.50, \"name\": \"A\\u00f1a\", \"ok\": true}\n\
         {\"id\": 123456789012345678901234567890, \"props\": {\"a\": [1, 2.0]}, \"name\": null}\r\n\
         \n\
         {\"name\": \"\"}\n",
    );
    assert_eq!(all.columns, ["id", "name", "ok", "props"]);
    assert_eq!(all.all_rows(), ["1.50|Aña|true|∅", "123456789012345678901234567890|∅|∅|{\"a\":[1,2.0]}", "∅||∅|∅",]);
    assert_eq!(all.lines, [1, 2, 4]);
    assert!(all.rejections.is_empty());
}

#[test]
fn keys_that_come_late_go_to_a_column_of_their_own() {
    let mut text: String = (0..1_000).map(|i| format!("{{\"id\":{i}}}\n")).collect();
    text.push_str("{\"id\":1000,\"late\":{\"x\": 1},\"k\\\"y\":\"v\"}\n");
    let all = read_text(&text);
    assert_eq!(all.columns, ["id", "_more"]);
    assert_eq!(all.row(999), "999|∅");
    assert_eq!(all.row(1_000), r#"1000|{"late":{"x":1},"k\"y":"v"}"#);
    assert_eq!(all.lines[1_000], 1_001);
    let text = text.replace("\"id\"", "\"_more\"");
    assert_eq!(read_text(text).columns, ["_more", "_more_"]);
}

#[test]
fn broken_lines_are_rejected_with_their_place() {
    let all = read_text(b"{\"a\":1}\n{\"a\":2\n[1]\n{\"a\":\"\xff\"}\n{\"a\":\"\\ud800\"}\n{\"a\":3}\n".as_slice());
    assert_eq!(all.all_rows(), ["1", "3"]);
    assert_eq!(all.lines, [1, 6]);
    let found: Vec<_> = all.rejections.iter().map(|r| (r.line, r.reason.as_str(), r.original.as_str())).collect();
    assert_eq!(found[0], (2, "not JSON at column 6: EOF while parsing an object", r#"{"_raw":"{\"a\":2"}"#));
    assert_eq!(found[1], (3, "the line is an array, not an object", r#"{"_raw":"[1]"}"#));
    assert_eq!(found[2].0, 4);
    assert_eq!(found[2].1, "the line is not UTF-8 at byte 7 of it");
    assert_eq!((found[3].0, found[3].2), (5, r#"{"a":"\ud800"}"#));
    assert_eq!(all.rejections[3].column.as_deref(), Some("a"));
    assert!(found[3].1.starts_with("the text cannot be read: "), "{}", found[3].1);
}

#[test]
fn values_too_long_are_rejected() {
    let all = read_text(format!("{{\"a\":\"{}\"}}\n{{\"a\":\"ok\"}}\n", "x".repeat(MAX_FIELD_BYTES + 1)));
    assert_eq!(all.all_rows(), ["ok"]);
    assert_eq!(all.rejections[0].reason, "the value has 1048577 bytes, more than the 1048576 that it may have");
    assert!(all.rejections[0].original.len() < 70_000);
}

#[test]
fn doubled_keys_take_the_last_value_with_a_note() {
    let all = read_text("{\"a\":1,\"a\":2}\n{\"a\":3,\"a\":4}\n");
    assert_eq!(all.all_rows(), ["2", "4"]);
    assert_eq!(all.notes, ["the key `a` stands twice in an object; the last value is taken"]);
}

#[test]
fn keys_that_are_asked_for_are_columns_whenever_they_come() {
    let plain: String = (0..1_500).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    let made = file("a.jsonl", format!("{plain}{{\"a\":1500,\"late\":\"x\"}}\n"));
    let mut reader = Reader::open_asking(&made.path, &Format::JsonLines, 10_000, &["late".into(), "never".into(), "a".into()]).unwrap();
    let piece = reader.next().unwrap().unwrap();
    let names: Vec<&str> = reader.schema().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["a", "late", "never", "_more"]);
    let late = piece.rows.column(1).as_string::<i32>();
    assert_eq!((late.null_count(), late.value(1_500)), (1_500, "x"));
    assert_eq!(piece.rows.column(2).null_count(), 1_501);
    assert!(reader.next().unwrap().is_none());
    assert_eq!(reader.notes(), ["no object has the key `never`, so the column is empty"]);
}

#[test]
fn one_array_of_objects_is_read() {
    let text = "\u{feff}\n[\n  {\"a\": 1, \"b\": \"x],{\"},\n  {\n    \"a\": 2\n  },\n  5\n]\n";
    let all = read(&file("a.json", text), &Format::JsonLines);
    assert_eq!(all.columns, ["a", "b"]);
    assert_eq!(all.all_rows(), ["1|x],{", "2|∅"]);
    assert_eq!(all.lines, [3, 4]);
    assert_eq!((all.rejections[0].line, all.rejections[0].reason.as_str()), (7, "the line is a number, not an object"));
    let text: String = (0..3_000).map(|i| format!("{{\"a\":{i}}},\n")).collect();
    let all = read_by(&file("a.json", format!("[{}]", text.trim_end_matches(",\n"))), &Format::JsonLines, 100);
    assert_eq!((all.rows.len(), all.lines[2_999]), (3_000, 3_000));
}

#[test]
fn a_broken_array_says_where() {
    assert_eq!(
        open_error(&file("a.json", "[{\"a\":1},\n {\"a\":}]"), &Format::JsonLines),
        "a.json, line 2, column 7: the JSON array cannot be read: expected value; \
         correct it there, or write one object per line"
    );
}

#[test]
fn files_without_any_object_are_errors() {
    assert_eq!(
        open_error(&file("a.json", "{\n  \"a\": 1\n}\n"), &Format::JsonLines),
        "a.json: none of the first 3 lines is a JSON object (line 1: not JSON at column 1: EOF while parsing an object); \
         write one object per line, or one array of objects"
    );
    assert!(open_error(&file("a.json", "a,b\n1,2\n"), &Format::JsonLines).contains("none of the first 2 lines"));
    assert!(open_error(&file("a.json", "[]"), &Format::JsonLines).contains("the file is empty"));
    assert!(open_error(&file("a.json", " \n\n"), &Format::JsonLines).contains("the file is empty"));
}

#[test]
fn objects_without_keys_are_rows() {
    let all = read_text("{}\n{}\n");
    assert_eq!((all.columns.len(), all.rows.len()), (0, 2));
    assert_eq!(all.originals[0], "{}");
}

#[test]
fn compressed_lines_are_read() {
    let all = read(&file("a.jsonl.gz", gzip(b"{\"a\":1}\n{\"a\":2}")), &Format::JsonLines);
    assert_eq!(all.all_rows(), ["1", "2"]);
    let all = read(&file("a.jsonl", zstd::encode_all(&b"{\"a\":1}\n"[..], 1).unwrap()), &Format::JsonLines);
    assert_eq!(all.all_rows(), ["1"]);
}
