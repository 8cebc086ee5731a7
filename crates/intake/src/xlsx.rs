//! Excel workbooks of 2007 and later.
//!
//! A sheet is loaded whole and only the cells that there are: a value in the last corner of a sheet costs one cell.
//! Everything becomes text, as in the other text formats: dates as ISO 8601, numbers without exponent, the stored
//! results of formulas.
//! What was changed on the way (merged cells, formulas without result, two header rows) is told in notes.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use calamine::{DataRef, Dimensions, ExcelDateTime, Reader as _, SheetType, SheetVisible, Xlsx, XlsxError};

use crate::columns::{TextBatch, TextRows, text_schema, unique_names};
use crate::compression::Source;
use crate::parquet::guarded;
use crate::{IntakeError, MAX_FIELD_BYTES, Rejection, SHEET_BYTES_MAX, XlsxOptions, original, signature, workbook_size};

/// How many merged regions a note names.
const REGIONS_NAMED: usize = 20;

/// How many cells merged regions may fill; a region over whole columns must not fill a million rows.
const FILLED_CELLS_MAX: u64 = 1_000_000;

/// Gives the rows of one sheet.
pub(crate) struct SheetRows {
    rows: std::vec::IntoIter<(u32, Vec<Option<Box<str>>>)>,
    schema: SchemaRef,
    notes: Vec<String>,
}

/// Holds the cells of a sheet, by row and column from 0.
#[derive(Default)]
struct Sheet {
    rows: BTreeMap<u32, BTreeMap<u32, Cell>>,
    merged: Vec<Dimensions>,
    without_result: Fault,
    errors: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell {
    text: Box<str>,
    /// Whether the cell is text by itself, as the names of columns are.
    is_text: bool,
}

/// Counts cells of one fault and remembers the first.
#[derive(Default)]
struct Fault {
    n_cells: u64,
    first: Option<String>,
}

impl SheetRows {
    pub(crate) fn open(source: Source, options: &XlsxOptions) -> Result<Self, IntakeError> {
        check_signature(&source)?;
        let file = source.file;
        let mut bytes = Vec::new();
        // Sheets compress well, so an archive larger than the largest sheet is larger than what is read.
        source.body.take(SHEET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| IntakeError::reading(&file, source.compression, 1, e))?;
        if SHEET_BYTES_MAX < bytes.len() as u64 {
            return Err(IntakeError::SheetTooLarge { file, part: "the workbook".to_owned() });
        }
        check_sizes(&file, &bytes)?;
        let broken = |reason| IntakeError::WorkbookBroken { file: file.clone(), reason };
        let mut book = guarded(|| Xlsx::new(Cursor::new(bytes))).map_err(broken)?;
        let (name, notes) = choose_sheet(&file, &book, options.sheet.as_deref())?;
        let sheet = guarded(|| load(&mut book, &name)).map_err(broken)?;
        let sheets = sheet_names(&book);
        drop(book);
        table(file, sheet, name, &sheets, options.header_row, notes)
    }
}

impl TextRows for SheetRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next_row(&mut self, out: &mut TextBatch) -> Result<bool, IntakeError> {
        let Some((row, cells)) = self.rows.next() else {
            return Ok(false);
        };
        let line = u64::from(row) + 1;
        let fields = self.schema.fields();
        let too_long = cells.iter().position(|c| c.as_ref().is_some_and(|text| MAX_FIELD_BYTES < text.len()));
        if let Some(idx) = too_long {
            let reason = format!("the cell has more than the {MAX_FIELD_BYTES} bytes that a field may have");
            let columns = fields.iter().zip(&cells);
            let columns = columns.map(|(f, cell)| (f.name().as_str(), cell.as_deref().into()));
            let original = original::object(columns);
            out.reject(Rejection { line, column: Some(fields[idx].name().clone()), reason, original });
        } else {
            out.push(line, cells.iter().map(Option::as_deref));
        }
        Ok(true)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn check_signature(source: &Source) -> Result<(), IntakeError> {
    if source.head.starts_with(b"PK\x03\x04") {
        return Ok(());
    }
    let advice = if source.head.starts_with(b"\xd0\xcf\x11\xe0") {
        "open it in a spreadsheet program and save it as .xlsx without a password"
    } else {
        "check the path, or name the format that the file has"
    };
    Err(IntakeError::WrongFormat {
        file: source.file.clone(),
        expected: "an .xlsx workbook",
        found: signature::describe(&source.head).to_owned(),
        advice: advice.to_owned(),
    })
}

fn check_sizes(file: &Path, archive: &[u8]) -> Result<(), IntakeError> {
    let Some(parts) = workbook_size::parts(archive) else {
        let reason = "the zip archive is not complete".to_owned();
        return Err(IntakeError::WorkbookBroken { file: file.to_path_buf(), reason });
    };
    let is_held = |name: &str| name.starts_with("xl/worksheets/") || name.starts_with("xl/sharedStrings");
    match parts.into_iter().find(|part| is_held(&part.name) && SHEET_BYTES_MAX < part.bytes) {
        Some(part) => Err(IntakeError::SheetTooLarge { file: file.to_path_buf(), part: part.name }),
        None => Ok(()),
    }
}

type Book = Xlsx<Cursor<Vec<u8>>>;

fn sheet_names(book: &Book) -> String {
    let sheets = book.sheets_metadata().iter().filter(|s| s.typ == SheetType::WorkSheet);
    sheets.map(|s| format!("`{}`", s.name)).collect::<Vec<_>>().join(", ")
}

fn choose_sheet(file: &Path, book: &Book, wanted: Option<&str>) -> Result<(String, Vec<String>), IntakeError> {
    let sheets = || book.sheets_metadata().iter().filter(|s| s.typ == SheetType::WorkSheet);
    if let Some(wanted) = wanted {
        return match sheets().find(|s| s.name == wanted) {
            Some(sheet) => Ok((sheet.name.clone(), Vec::new())),
            None => Err(IntakeError::UnknownSheet { file: file.to_path_buf(), sheet: wanted.to_owned(), sheets: sheet_names(book) }),
        };
    }
    let visible = sheets().find(|s| s.visible == SheetVisible::Visible).or_else(|| sheets().next());
    let Some(sheet) = visible else {
        let reason = "it has no worksheet".to_owned();
        return Err(IntakeError::WorkbookBroken { file: file.to_path_buf(), reason });
    };
    let mut notes = Vec::new();
    if 1 < sheets().count() {
        notes.push(format!("sheet `{}` is read; the sheets are {}", sheet.name, sheet_names(book)));
    }
    Ok((sheet.name.clone(), notes))
}

fn load(book: &mut Book, name: &str) -> Result<Sheet, String> {
    let text = |e: XlsxError| e.to_string();
    let mut sheet = Sheet { merged: book.merge_cells_by_sheet_name(name).map_err(text)?, ..Sheet::default() };
    let mut n_bytes = 0;
    let mut cells = book.worksheet_cells_reader(name).map_err(text)?;
    while let Some(found) = cells.next_cell_with_formula_metadata().map_err(text)? {
        let (row, column) = found.pos;
        let has_formula = found.formula.is_some();
        let (text, is_text) = match found.value {
            DataRef::Empty if has_formula => {
                sheet.without_result.add(row, column);
                continue;
            }
            DataRef::Empty => continue,
            DataRef::Error(_) => {
                sheet.errors.add(row, column);
                continue;
            }
            DataRef::String(text) => (text, true),
            DataRef::SharedString(text) => (text.to_owned(), true),
            DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => (text, false),
            DataRef::DateTime(at) => (date_text(&at), false),
            DataRef::Float(number) => (number_text(number), false),
            DataRef::Int(number) => (number.to_string(), false),
            DataRef::Bool(yes) => (yes.to_string(), false),
        };
        if text.is_empty() {
            continue;
        }
        // The directory of the archive may lie about the size.
        n_bytes += text.len() as u64 + 16;
        if 2 * SHEET_BYTES_MAX < n_bytes {
            return Err("the sheet is larger than the archive says; save it as CSV and read that".to_owned());
        }
        let cell = Cell { text: text.into_boxed_str(), is_text };
        sheet.rows.entry(row).or_default().insert(column, cell);
    }
    Ok(sheet)
}

fn table(
    file: PathBuf,
    mut sheet: Sheet,
    name: String,
    sheets: &str,
    header_row: Option<u32>,
    mut notes: Vec<String>,
) -> Result<SheetRows, IntakeError> {
    let (Some(first), Some(last)) = (sheet.rows.keys().next().copied(), sheet.rows.keys().next_back().copied()) else {
        return Err(IntakeError::EmptySheet { file, sheet: name, sheets: sheets.to_owned() });
    };
    let header = match header_row {
        Some(row) => {
            let idx = row.checked_sub(1).filter(|idx| sheet.rows.contains_key(idx) || sheet.has_merged(*idx));
            let Some(idx) = idx else {
                let (first_row, last_row) = (first + 1, last + 1);
                return Err(IntakeError::NoHeaderRow { file, sheet: name, header_row: row, first_row, last_row });
            };
            idx
        }
        None => sheet.find_header(first, &mut notes),
    };
    sheet.fill_merged(header, &mut notes);
    sheet.without_result.note("formulas without a stored result", &mut notes);
    sheet.errors.note("cells with an error such as #DIV/0!", &mut notes);

    let header_cells = sheet.rows.remove(&header).unwrap_or_default();
    let body = sheet.rows.split_off(&header);
    let mut columns: Vec<u32> = header_cells.keys().chain(body.values().flat_map(BTreeMap::keys)).copied().collect();
    columns.sort_unstable();
    columns.dedup();
    let given = columns.iter().map(|c| header_cells.get(c).map_or_else(String::new, |cell| cell.text.to_string()));
    let positions: Vec<usize> = columns.iter().map(|c| *c as usize + 1).collect();
    let names = unique_names(given.collect(), &positions, &mut notes);

    let idx_of: HashMap<u32, usize> = columns.iter().enumerate().map(|(idx, column)| (*column, idx)).collect();
    let mut rows = Vec::with_capacity(body.len());
    for (row, cells) in body {
        let mut texts = vec![None; columns.len()];
        for (column, cell) in cells {
            if let Some(idx) = idx_of.get(&column) {
                texts[*idx] = Some(cell.text);
            }
        }
        rows.push((row, texts));
    }
    Ok(SheetRows { rows: rows.into_iter(), schema: text_schema(&names), notes })
}

impl Sheet {
    /// Finds the first row with at least two cells of text, or the row below it where that one only groups names.
    fn find_header(&self, first: u32, notes: &mut Vec<String>) -> u32 {
        let n_texts = |cells: &BTreeMap<u32, Cell>| cells.values().filter(|c| c.is_text).count();
        let Some(upper) = self.rows.iter().find(|(_, cells)| 2 <= n_texts(cells)).map(|(row, _)| *row) else {
            if self.rows.values().any(|cells| 1 < cells.len()) {
                notes.push(format!("no row has two texts; row {} is taken as the header", first + 1));
            }
            return first;
        };
        let lower = upper + 1;
        let is_group = |m: &&Dimensions| m.start.0 == upper && m.end.0 == upper && m.start.1 < m.end.1;
        let groups: Vec<&Dimensions> = self.merged.iter().filter(is_group).collect();
        let names_below = self
            .rows
            .get(&lower)
            .is_some_and(|cells| cells.values().all(|c| c.is_text) && groups.iter().all(|m| 2 <= cells.range(m.start.1..=m.end.1).count()));
        if groups.is_empty() || !names_below {
            return upper;
        }
        notes.push(format!("rows {} and {} are both headers; the names are taken from row {}", upper + 1, lower + 1, lower + 1));
        lower
    }

    fn has_merged(&self, row: u32) -> bool {
        self.merged
            .iter()
            .any(|m| (m.start.0..=m.end.0).contains(&row) && self.rows.get(&m.start.0).is_some_and(|cells| cells.contains_key(&m.start.1)))
    }

    /// Writes the value of every merged region into all of its cells, from the header row on.
    fn fill_merged(&mut self, header: u32, notes: &mut Vec<String>) {
        let last = self.rows.keys().next_back().copied().unwrap_or(0);
        let mut regions = self.merged.clone();
        regions.sort_by_key(|m| (m.start, m.end));
        let (mut named, mut n_filled) = (Vec::new(), 0u64);
        for region in regions {
            if region.end.0 < header {
                continue;
            }
            let value = self.rows.get(&region.start.0).and_then(|cells| cells.get(&region.start.1)).cloned();
            let Some(value) = value else { continue };
            // Rows below the last value stay empty, so that a region over whole columns makes no rows.
            let rows = region.start.0.max(header)..=region.end.0.min(last);
            for row in rows {
                for column in region.start.1..=region.end.1 {
                    n_filled += 1;
                    if FILLED_CELLS_MAX < n_filled {
                        notes.push(format!("merged cells: only the first {FILLED_CELLS_MAX} were filled"));
                        return;
                    }
                    self.rows.entry(row).or_default().entry(column).or_insert_with(|| value.clone());
                }
            }
            named.push(format!("{}:{}", address(region.start.0, region.start.1), address(region.end.0, region.end.1)));
        }
        if named.is_empty() {
            return;
        }
        let more = named.len().saturating_sub(REGIONS_NAMED);
        named.truncate(REGIONS_NAMED);
        let more = if 0 < more { format!(" and {more} more") } else { String::new() };
        notes.push(format!("merged cells: the value was filled into the whole of {}{more}", named.join(", ")));
    }
}

impl Fault {
    fn add(&mut self, row: u32, column: u32) {
        self.n_cells += 1;
        self.first.get_or_insert_with(|| address(row, column));
    }

    fn note(&self, what: &str, notes: &mut Vec<String>) {
        if let Some(first) = &self.first {
            notes.push(format!("{what}: {} left empty, the first is {first}", self.n_cells));
        }
    }
}

/// Names a cell as a spreadsheet does, for example `B7`; row and column count from 0.
fn address(row: u32, column: u32) -> String {
    let (mut letters, mut rest) = (Vec::new(), column + 1);
    while 0 < rest {
        rest -= 1;
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.into_iter().rev().chain((row + 1).to_string().chars()).collect()
}

/// Writes a number without exponent and whole numbers without a point.
fn number_text(number: f64) -> String {
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

fn date_text(at: &ExcelDateTime) -> String {
    if at.is_duration() {
        let millis = (at.as_f64() * 86_400_000.0).round() as i64;
        let (sign, millis) = if millis < 0 { ("-", -millis) } else { ("", millis) };
        let secs = millis / 1_000;
        return format!("{sign}{:02}:{:02}:{:02}{}", secs / 3_600, secs / 60 % 60, secs % 60, millis_text(millis as u64 % 1_000));
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}{}", millis_text(u64::from(milli)));
    if (0.0..1.0).contains(&at.as_f64()) {
        // A serial below one is a time of day without a date.
        return time;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second, milli) == (0, 0, 0, 0) { date } else { format!("{date}T{time}") }
}

fn millis_text(millis: u64) -> String {
    if millis == 0 { String::new() } else { format!(".{millis:03}") }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn cells_have_addresses() {
        assert_eq!(address(0, 0), "A1");
        assert_eq!(address(6, 25), "Z7");
        assert_eq!(address(6, 26), "AA7");
        assert_eq!(address(1_048_575, 16_383), "XFD1048576");
    }

    #[test]
    fn numbers_have_no_exponent() {
        assert_eq!(number_text(3.0), "3");
        assert_eq!(number_text(-0.0), "0");
        assert_eq!(number_text(29.33), "29.33");
        assert_eq!(number_text(1e21), "1000000000000000000000");
        assert_eq!(number_text(1e-7), "0.0000001");
    }

    #[test]
    fn dates_are_iso() {
        let check = |serial, kind, expected: &str| {
            assert_eq!(date_text(&ExcelDateTime::new(serial, kind, false)), expected);
        };
        check(45_352.0, ExcelDateTimeType::DateTime, "2024-03-01");
        check(45_352.0 + 10.0 / 24.0, ExcelDateTimeType::DateTime, "2024-03-01T10:00:00");
        check(45_352.0 + 0.25 + 0.5 / 86_400.0, ExcelDateTimeType::DateTime, "2024-03-01T06:00:00.500");
        check(0.5, ExcelDateTimeType::DateTime, "12:00:00");
        check(26.5 / 24.0, ExcelDateTimeType::TimeDelta, "26:30:00");
    }
}
