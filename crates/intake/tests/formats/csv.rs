//! Delimited text.

use diptych_intake::{CsvOptions, Delimiter, Format, Header, MAX_FIELD_BYTES, ORIGINAL_BYTES_MAX};

use crate::{All, file, gzip, open_error, read, read_by};

fn detect() -> Format {
    Format::Csv(CsvOptions::default())
}

fn by(delimiter: Delimiter) -> Format {
    Format::Csv(CsvOptions { delimiter, ..CsvOptions::default() })
}

fn named(delimiter: Delimiter, names: &[&str]) -> Format {
    let header = Header::Names(names.iter().map(|n| (*n).to_owned()).collect());
    Format::Csv(CsvOptions { delimiter, header, ..CsvOptions::default() })
}

fn read_text(text: impl AsRef<[u8]>) -> All {
    read(&file("a.csv", text), &detect())
}

#[test]
fn fields_are_text_and_empty_ones_are_null() {
    let all = read_text("id,name\n1, Ana \n2,\n3,\"\"\n");
    assert_eq!(all.columns, ["id", "name"]);
    assert_eq!(all.all_rows(), ["1| Ana ", "2|∅", "3|∅"]);
    assert_eq!(all.lines, [2, 3, 4]);
    assert_eq!(all.originals[1], r#"{"id":"2","name":null}"#);
    assert!(all.rejections.is_empty() && all.notes.is_empty());
}

#[test]
fn delimiters_are_detected() {
    for delimiter in [",", ";", "\t", "|"] {
        let all = read_text(format!("a{delimiter}b\n1{delimiter}2\n"));
        assert_eq!(all.columns, ["a", "b"], "{delimiter:?}");
        assert_eq!(all.all_rows(), ["1|2"]);
    }
    let all = read_text("only\none, perhaps two\nx\n");
    assert_eq!(all.columns, ["only"]);
    assert_eq!(all.all_rows(), ["x"]);
    assert_eq!(all.rejections[0].reason, "the row has 2 fields, the header has 1 column");
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_content() {
    let all = read_text("\u{feff}id,name\r\n1,a\r\n\r\n2,b\r\n");
    assert_eq!(all.columns, ["id", "name"]);
    assert_eq!(all.all_rows(), ["1|a", "2|b"]);
    assert_eq!(all.lines, [2, 4]);
}

#[test]
fn lines_are_physical_ones() {
    for end in ["\n", "\r\n"] {
        let text = ["", "a,b", "1,\"x", "", "y\"", "", "2,z", "bad", "3,w", ""].join(end);
        let all = read_text(&text);
        assert_eq!(all.lines, [3, 7, 9], "{end:?}");
        assert_eq!(all.rejections[0].line, 8);
        assert_eq!(all.row(0), format!("1|x{end}{end}y"));
    }
    let all = read_text("a,b\r1,2\r3,4\r");
    assert_eq!((all.lines, all.rows.len()), (vec![2, 3], 2));
}

#[test]
fn quotes_may_hold_delimiters_line_breaks_and_quotes() {
    let all = read_text("a,b\n\"1,5\",\"say \"\"hi\"\"\nthere\"\n");
    assert_eq!(all.row(0), "1,5|say \"hi\"\nthere");
    let options = CsvOptions { quote: None, delimiter: Delimiter::Byte(b','), ..CsvOptions::default() };
    let all = read(&file("a.csv", "a,b\n\"x,y\n"), &Format::Csv(options));
    assert_eq!(all.row(0), "\"x|y");
    let options = CsvOptions { quote: Some(b'\''), ..CsvOptions::default() };
    let all = read(&file("a.csv", "a,b\n'x,1',y\n"), &Format::Csv(options));
    assert_eq!(all.row(0), "x,1|y");
}

#[test]
fn a_wrong_number_of_fields_is_rejected() {
    let all = read_text("a,b,c\n1,2,3\n1,2\n1,2,3,4\nx\n5,6,7\n");
    assert_eq!(all.all_rows(), ["1|2|3", "5|6|7"]);
    assert_eq!(all.lines, [2, 6]);
    let reasons: Vec<_> = all.rejections.iter().map(|r| (r.line, r.reason.as_str(), r.original.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (3, "the row has 2 fields, the header has 3 columns", r#"{"_raw":"1,2"}"#),
            (4, "the row has 4 fields, the header has 3 columns", r#"{"_raw":"1,2,3,4"}"#),
            (5, "the row has 1 field, the header has 3 columns", r#"{"_raw":"x"}"#),
        ]
    );
}

#[test]
fn a_quote_never_closed_is_told() {
    let all = read_text("a,b\n1,2\n3,\"x\n4,5\n6,7\n");
    assert_eq!(all.all_rows(), ["1|2"]);
    let rejection = &all.rejections[0];
    assert_eq!(rejection.line, 3);
    assert_eq!(rejection.reason, "a quote opened in line 3 is not closed before the end of the file; 3 lines were taken into one field");
    assert_eq!(rejection.original, r#"{"_raw":"3,\"x\n4,5\n6,7"}"#);

    let all = read_text("a,b\n3,\"x\n4,5\n6\",7,8\n8,9\n");
    assert_eq!(all.all_rows(), ["8|9"]);
    assert_eq!(
        all.rejections[0].reason,
        "the row has 4 fields, the header has 2 columns; it goes on to line 4, perhaps because a quote is not closed"
    );
}

#[test]
fn a_header_with_an_open_quote_is_an_error() {
    let message = open_error(&file("a.csv", "a,\"b\n1,2\n"), &detect());
    assert!(message.starts_with("a.csv, line 1: the quote opened here is not closed before the end"), "{message}");
}

#[test]
fn text_that_is_not_utf8_is_rejected_with_its_place() {
    let all = read_text(b"a,name\n1,Ana\n2,Jos\xe9\n3,Z\xc3\xbc\n");
    assert_eq!(all.all_rows(), ["1|Ana", "3|Zü"]);
    let rejection = &all.rejections[0];
    assert_eq!((rejection.line, rejection.column.as_deref()), (3, Some("name")));
    assert_eq!(rejection.reason, "the field is not UTF-8 at byte 4 of it (byte value 0xe9)");
    assert_eq!(rejection.original, "{\"a\":\"2\",\"name\":\"Jos\u{fffd}\"}");
    // Two halves of one character in neighbouring fields are valid only together.
    let all = read_text(b"a,b\n\xc3,\xbc\n");
    assert_eq!((all.rows.len(), all.rejections[0].column.as_deref()), (0, Some("a")));
}

#[test]
fn a_field_too_long_is_rejected_and_not_kept() {
    let long = "x".repeat(50 << 20);
    let mut text = format!("a,b\n1,{long}\n2,ok\n");
    text.push_str(&format!("3,{}\n", "y".repeat(MAX_FIELD_BYTES)));
    let all = read_text(text);
    assert_eq!(all.lines, [3, 4]);
    let rejection = &all.rejections[0];
    assert_eq!((rejection.line, rejection.column.as_deref()), (2, Some("b")));
    assert_eq!(rejection.reason, "the field has 52428800 bytes, more than the 1048576 that a field may have");
    assert!(rejection.original.len() < ORIGINAL_BYTES_MAX + 200);
    assert!(rejection.original.starts_with(r#"{"a":"1","b":"xxx"#));
    assert!(rejection.original.ends_with(" … (cut; 52428800 bytes in all)\"}"));
}

#[test]
fn a_row_may_be_long_if_its_fields_are_not() {
    let field = "x".repeat(MAX_FIELD_BYTES - 1);
    let all = read_text(format!("a,b,c\n{field},,{field}\n"));
    assert_eq!((all.rows.len(), all.rejections.len()), (1, 0));
    assert_eq!(all.rows[0][1], None);
}

#[test]
fn names_are_made_unique_with_notes() {
    let all = read_text("a,a,,b\n1,2,3,4\n");
    assert_eq!(all.columns, ["a", "a_2", "column_3", "b"]);
    assert_eq!(all.notes, ["the name `a` stands twice; column 2 is called `a_2`", "column 3 has no name; it is called `column_3`"]);
}

#[test]
fn a_header_that_is_not_utf8_is_an_error() {
    assert_eq!(
        open_error(&file("a.csv", b"a,pa\xeds\n1,2\n"), &detect()),
        "a.csv, line 1: the name of column 2 is not UTF-8 (byte 3 of it); \
         save the file as UTF-8, or give the names yourself"
    );
}

#[test]
fn a_wrong_delimiter_is_told_only_if_it_was_given() {
    let made = file("a.csv", "a;b;c\n1;2;3\n");
    assert_eq!(
        open_error(&made, &by(Delimiter::Byte(b','))),
        "a.csv: the header has one column `a;b;c`; it looks as if the delimiter were ';', not ','; \
         give that delimiter, or let it be detected"
    );
    assert!(open_error(&made, &by(Delimiter::Whitespace)).contains("were ';', not blanks"));
    assert_eq!(read(&made, &detect()).columns, ["a", "b", "c"]);
    let one = file("a.csv", "a\n1;2\n3\n");
    assert_eq!(read(&one, &by(Delimiter::Byte(b','))).columns, ["a"]);
}

#[test]
fn a_delimiter_that_cannot_be_one_is_an_error() {
    let made = file("a.csv", "a,b\n");
    assert_eq!(open_error(&made, &by(Delimiter::Byte(b'"'))), "a.csv: the delimiter cannot be '\"': it is the quote");
    assert!(open_error(&made, &by(Delimiter::Byte(b'\n'))).contains("lines end there"));
    assert!(open_error(&made, &by(Delimiter::Byte(0xe9))).contains("it is part of a UTF-8 character"));
}

#[test]
fn names_may_be_given_for_a_file_without_header() {
    let all = read(&file("a.csv", "1,2\n3,4\n5\n"), &named(Delimiter::Detect, &["x", "x"]));
    assert_eq!(all.columns, ["x", "x_2"]);
    assert_eq!(all.all_rows(), ["1|2", "3|4"]);
    assert_eq!(all.lines, [1, 2]);
    assert_eq!(all.rejections[0].reason, "the row has 1 field, the names given are for 2 columns");
    assert_eq!(
        open_error(&file("a.csv", "1,2,3\n"), &named(Delimiter::Byte(b','), &["x", "y"])),
        "a.csv: 2 column names were given (`x`, `y`), but the first row has 3 fields (`1`, `2`, `3`); \
         give one name for each field"
    );
    let message = open_error(&file("a.txt", " 4 1 9\n"), &named(Delimiter::Detect, &["x", "y", "z"]));
    assert!(message.ends_with("it looks as if the fields were separated by blanks"), "{message}");
    let message = open_error(&file("a.txt", "4;1;9\n"), &named(Delimiter::Byte(b','), &["x", "y", "z"]));
    assert!(message.ends_with("it looks as if the delimiter were ';'"), "{message}");
}

#[test]
fn blanks_may_separate() {
    let text = " 00004 0001 19970101  2   29.33\n 00004 0001 19970118  2   29.73\n\n  bad row\n\t00021  1 19970101 3\t63.34 \n";
    let made = file("cdnow.txt", text);
    let all = read(&made, &named(Delimiter::Whitespace, &["id", "cohort", "date", "units", "dollars"]));
    assert_eq!(all.all_rows(), ["00004|0001|19970101|2|29.33", "00004|0001|19970118|2|29.73", "00021|1|19970101|3|63.34"]);
    assert_eq!(all.lines, [1, 2, 5]);
    let rejection = &all.rejections[0];
    assert_eq!((rejection.line, rejection.reason.as_str()), (4, "the row has 2 fields, expected are 5"));
    assert_eq!(rejection.original, r#"{"_raw":"  bad row"}"#);
    let message = open_error(&made, &named(Delimiter::Whitespace, &["id", "cohort"]));
    assert!(message.contains("2 column names were given (`id`, `cohort`), but the first row has 5 fields (`00004`"), "{message}");
    let all = read(&file("a.txt", "id name\r\n1 \"a b\"\r\n2 \"\"\r\n"), &by(Delimiter::Whitespace));
    assert_eq!((all.columns.join(","), all.all_rows()), ("id,name".into(), vec!["1|a b".into(), "2|∅".into()]));
}

#[test]
fn pieces_have_at_most_the_rows_asked_for() {
    let text: String = std::iter::once("a,b\n".to_owned()).chain((0..25).map(|i| format!("{i},x\n"))).collect();
    let made = file("a.csv", text);
    let all = read_by(&made, &detect(), 10);
    assert_eq!((all.n_pieces, all.rows.len()), (3, 25));
    assert_eq!(all.lines, (2..27).collect::<Vec<u64>>());
    assert_eq!(read_by(&made, &detect(), 1).all_rows(), all.all_rows());
    assert_eq!(read(&made, &detect()).n_pieces, 1);
}

#[test]
fn a_header_alone_has_no_rows() {
    let all = read_text("a,b\n");
    assert_eq!((all.columns.len(), all.rows.len(), all.n_pieces), (2, 0, 0));
}

#[test]
fn files_longer_than_any_buffer_keep_their_lines() {
    let rows = 200_000;
    let mut text = String::from("n,text\r\n");
    for n in 0..rows {
        text.push_str(&format!("{n},\"line one of {n}\nline two\"\r\n"));
    }
    let all = read_by(&file("a.csv.gz", gzip(text.as_bytes())), &detect(), 8_192);
    assert_eq!(all.rows.len(), rows);
    for (n, (row, line)) in all.rows.iter().zip(&all.lines).enumerate() {
        assert_eq!(row[0].as_deref(), Some(n.to_string().as_str()));
        assert_eq!(*line, 2 + 2 * n as u64);
    }
}
