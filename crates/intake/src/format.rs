//! The formats that can be read, their options, and the guess by a file's name.

use std::path::Path;

/// Names a file format together with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Text with one record per line and delimited fields.
    Csv(CsvOptions),
    /// One JSON object per line, or one JSON array of objects.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// An Excel workbook of 2007 or later.
    Xlsx(XlsxOptions),
}

/// Says how delimited text is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// What separates the fields.
    pub delimiter: Delimiter,
    /// Where the names of the columns are.
    pub header: Header,
    /// The byte that surrounds fields with delimiters or line breaks in them, if there is one.
    pub quote: Option<u8>,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: Delimiter::Detect, header: Header::FirstRow, quote: Some(b'"') }
    }
}

/// Says what separates the fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// The comma, semicolon, tab or bar, whichever divides the first 64 KiB evenly.
    Detect,
    /// This byte.
    Byte(u8),
    /// Runs of blanks and tabs; those before the first field are ignored.
    Whitespace,
}

/// Says where the names of the columns are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// In the first row.
    FirstRow,
    /// Nowhere in the file: these are they, and the first row is data.
    Names(Vec<String>),
}

/// Says which part of a workbook is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct XlsxOptions {
    /// The name of the sheet; the first visible one if none is given.
    pub sheet: Option<String>,
    /// The row of the header, from 1; found by itself if none is given.
    pub header_row: Option<u32>,
}

/// Tells the format from a file's name, with or without `.gz`, `.gzip` or `.zst` at its end.
///
/// `.xls` is answered as a workbook, so that opening it explains what to do with the old format.
pub fn format_of(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = [".gz", ".gzip", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let (_, extension) = name.rsplit_once('.')?;
    match extension {
        "csv" | "txt" => Some(Format::Csv(CsvOptions::default())),
        "tsv" => Some(Format::Csv(CsvOptions { delimiter: Delimiter::Byte(b'\t'), ..CsvOptions::default() })),
        "jsonl" | "ndjson" | "json" => Some(Format::JsonLines),
        "parquet" => Some(Format::Parquet),
        "xlsx" | "xls" => Some(Format::Xlsx(XlsxOptions::default())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<Format>) {
        assert_eq!(format_of(Path::new(name)), expected, "{name}");
    }

    #[test]
    fn names_tell_formats() {
        let csv = || Some(Format::Csv(CsvOptions::default()));
        check("a.csv", csv());
        check("dir.d/a.CSV", csv());
        check("a.txt", csv());
        check("a.b.csv.gz", csv());
        check("a.csv.zst", csv());
        check("a.tsv", Some(Format::Csv(CsvOptions { delimiter: Delimiter::Byte(b'\t'), ..CsvOptions::default() })));
        check("a.jsonl.gz", Some(Format::JsonLines));
        check("a.ndjson", Some(Format::JsonLines));
        check("a.json", Some(Format::JsonLines));
        check("a.parquet", Some(Format::Parquet));
        check("a.xlsx", Some(Format::Xlsx(XlsxOptions::default())));
        check("a.png", None);
        check("csv", None);
        check("a.gz", None);
    }
}
