//! Files that are missing, empty, damaged or of another format, and progress.

use std::path::Path;

use diptych_intake::{CsvOptions, Format, IntakeError, Reader, XlsxOptions, format_of};

use crate::{file, gzip, message, open, open_error, read_by};

fn formats() -> [Format; 4] {
    [Format::Csv(CsvOptions::default()), Format::JsonLines, Format::Parquet, Format::Xlsx(XlsxOptions::default())]
}

#[test]
fn missing_files_and_folders_are_errors_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    for format in formats() {
        let error = Reader::open(&dir.path().join("none.csv"), &format, 10).unwrap_err();
        assert!(matches!(error, IntakeError::NotFound { .. }), "{error}");
        assert!(error.to_string().ends_with("there is no such file; check the path and the folder that it starts from"));
        let error = Reader::open(dir.path(), &format, 10).unwrap_err();
        assert!(matches!(error, IntakeError::IsFolder { .. }), "{error}");
        assert!(error.to_string().ends_with("is a folder; name one file in it"));
    }
}

#[test]
fn empty_files_are_errors_in_every_format() {
    for format in formats() {
        let made = file("a.dat", "");
        assert_eq!(open_error(&made, &format), "a.dat: the file is empty; check that its export or download was complete");
    }
    for text in ["\u{feff}", "\n\n", "\r\n"] {
        assert!(matches!(open(&file("a.csv", text), &formats()[0]), Err(IntakeError::Empty { .. })), "{text:?}");
    }
}

#[test]
fn other_formats_are_named() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0";
    let csv = &formats()[0];
    assert_eq!(
        open_error(&file("a.csv", png), csv),
        "a.csv: this is not delimited text but a PNG image; check the path, or name the format that the file has"
    );
    assert_eq!(
        open_error(&file("a.csv", b"a,b\n1,\0\n"), csv),
        "a.csv: this is not delimited text but binary data (it has NUL bytes); \
         check the path, or name the format that the file has"
    );
    assert_eq!(
        open_error(&file("a.csv", b"\xff\xfea\0,\0b\0"), csv),
        "a.csv: this is not delimited text but text in UTF-16; save it as UTF-8"
    );
    assert!(open_error(&file("a.json", png), &Format::JsonLines).contains("this is not JSON text but a PNG image"));
    assert!(open_error(&file("a.parquet", "a,b\n"), &Format::Parquet).contains("this is not a Parquet file but text"));
    assert_eq!(
        open_error(&file("a.parquet.gz", gzip(b"PAR1")), &Format::Parquet),
        "a.parquet.gz: this is not a Parquet file but a gzip file; \
         decompress it first, for example with `gunzip`; Parquet compresses inside"
    );
    let xlsx = format_of(Path::new("a.xls")).unwrap();
    assert_eq!(
        open_error(&file("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), &xlsx),
        "a.xls: this is not an .xlsx workbook but an old Excel workbook (.xls) or one with a password; \
         open it in a spreadsheet program and save it as .xlsx without a password"
    );
    assert!(open_error(&file("a.xlsx", "a,b\n"), &xlsx).contains("this is not an .xlsx workbook but text"));
}

#[test]
fn damaged_parquet_and_workbooks_are_errors() {
    let message = open_error(&file("a.parquet", "PAR1 and nothing more"), &Format::Parquet);
    assert!(message.starts_with("a.parquet: the Parquet data cannot be read after row 0: "), "{message}");
    let message = open_error(&file("a.xlsx", "PK\x03\x04 and nothing more"), &Format::Xlsx(XlsxOptions::default()));
    assert!(message.starts_with("a.xlsx: the workbook cannot be read: the zip archive is not complete"), "{message}");
}

fn rows_text(n_rows: u64) -> String {
    let rows = (0..n_rows).map(|i| format!("{i},{}\n", i * 7_919 % 104_729));
    std::iter::once("n,x\n".to_owned()).chain(rows).collect()
}

#[test]
fn a_cut_gzip_gives_its_rows_and_then_the_error() {
    let whole = gzip(rows_text(50_000).as_bytes());
    let made = file("a.csv.gz", &whole[..whole.len() * 2 / 3]);
    let all = read_by(&made, &formats()[0], 1_000);
    assert!(10_000 < all.rows.len() && all.rows.len() < 50_000, "{}", all.rows.len());
    assert!(all.rejections.is_empty(), "the incomplete row is no rejection");
    for (n, row) in all.rows.iter().enumerate() {
        assert_eq!(row[0].as_deref(), Some(n.to_string().as_str()));
    }
    let error = all.error.unwrap();
    let IntakeError::Truncated { at_line, compression: "gzip", .. } = &error else { panic!("{error}") };
    assert_eq!(*at_line, all.rows.len() as u64 + 2);
    assert_eq!(
        message(&error, &made.path),
        format!(
            "a.csv.gz: the gzip data stops in the middle, at line {at_line}; the rows before it were read; \
             copy or download the file again (its end is missing)"
        )
    );
}

#[test]
fn a_small_cut_gzip_and_zstd_do_so_too() {
    let text = rows_text(500);
    let gz = gzip(text.as_bytes());
    let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for bytes in [gz, zst] {
        for format in
            [formats()[0].clone(), Format::Csv(CsvOptions { delimiter: diptych_intake::Delimiter::Whitespace, ..CsvOptions::default() })]
        {
            let made = file("a.csv", &bytes[..bytes.len() - 6]);
            let error = match Reader::open(&made.path, &format, 100) {
                Ok(_) => read_by(&made, &format, 100).error.expect("the cut should be told"),
                Err(error) => error,
            };
            assert!(matches!(error, IntakeError::Truncated { .. } | IntakeError::WrongDelimiter { .. }), "{error}");
        }
    }
}

#[test]
fn a_cut_json_lines_file_gives_its_rows() {
    let text: String = (0..20_000).map(|i| format!("{{\"n\":{i},\"x\":{}}}\n", i * 7_919 % 104_729)).collect();
    let whole = gzip(text.as_bytes());
    let made = file("a.jsonl.gz", &whole[..whole.len() / 2]);
    let all = read_by(&made, &Format::JsonLines, 1_000);
    assert!(2_000 < all.rows.len() && all.rejections.is_empty());
    assert!(matches!(all.error, Some(IntakeError::Truncated { at_line, .. }) if at_line == all.rows.len() as u64 + 1));
}

#[test]
fn a_damaged_gzip_says_so() {
    let mut whole = gzip(rows_text(50_000).as_bytes());
    let n = whole.len();
    whole[n - 8] ^= 0xff;
    let made = file("a.csv.gz", whole);
    let all = read_by(&made, &formats()[0], 1_000);
    let text = message(&all.error.unwrap(), &made.path);
    assert!(text.starts_with("a.csv.gz: the gzip data is damaged at line 50002"), "{text}");
    assert_eq!(all.rows.len(), 50_000);
}

#[test]
fn members_of_a_gzip_are_one_file() {
    let made = file("a.csv.gz", [gzip(b"a,b\n1,"), gzip(b"2\n3,4\n")].concat());
    assert_eq!(read_by(&made, &formats()[0], 10).all_rows(), ["1|2", "3|4"]);
}

#[test]
fn progress_counts_the_bytes_on_the_disk() {
    let bytes = gzip(rows_text(200_000).as_bytes());
    let made = file("a.csv.gz", &bytes);
    let mut reader = Reader::open(&made.path, &formats()[0], 10_000).unwrap();
    assert_eq!(reader.bytes_total(), bytes.len() as u64);
    let mut before = 0;
    let mut n_steps = 0;
    while reader.next().unwrap().is_some() {
        assert!(before <= reader.bytes_read() && reader.bytes_read() <= reader.bytes_total());
        n_steps += u64::from(before < reader.bytes_read());
        before = reader.bytes_read();
    }
    assert!(3 < n_steps, "{n_steps}");
    assert_eq!(before, reader.bytes_total());
}

#[test]
fn a_reader_may_go_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Reader>();
    is_send::<IntakeError>();
}
