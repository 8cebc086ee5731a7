//! Excel workbooks.

use diptych_intake::{Format, XlsxOptions};
use rust_xlsxwriter::{ExcelDateTime, Format as Style, Formula, Workbook, Worksheet};

use crate::{All, Made, file, gzip, open_error, read};

fn book(fill: impl FnOnce(&mut Worksheet)) -> Made {
    let mut book = Workbook::new();
    fill(book.add_worksheet());
    file("a.xlsx", book.save_to_buffer().unwrap())
}

fn any() -> Format {
    Format::Xlsx(XlsxOptions::default())
}

fn read_book(fill: impl FnOnce(&mut Worksheet)) -> All {
    read(&book(fill), &any())
}

fn write_rows(sheet: &mut Worksheet, first: u32, rows: &[&[&str]]) {
    for (row, cells) in (first..).zip(rows) {
        for (column, cell) in (0..).zip(*cells) {
            match cell.parse::<f64>() {
                _ if cell.is_empty() => {}
                Ok(number) => drop(sheet.write(row, column, number).unwrap()),
                Err(_) => drop(sheet.write(row, column, *cell).unwrap()),
            }
        }
    }
}

#[test]
fn the_header_is_found_below_a_title() {
    let all = read_book(|sheet| {
        write_rows(sheet, 0, &[&["Report of 2024"], &[], &["id", "name"], &["1", "Ana"], &[], &["2.5", ""]]);
    });
    assert_eq!(all.columns, ["id", "name"]);
    assert_eq!(all.all_rows(), ["1|Ana", "2.5|∅"]);
    assert_eq!(all.lines, [4, 6]);
    assert!(all.notes.is_empty() && all.rejections.is_empty(), "{:?}", all.notes);
}

#[test]
fn the_header_row_may_be_given() {
    let made = book(|sheet| write_rows(sheet, 0, &[&["a", "b"], &["c", "d"], &["1", "2"]]));
    let at = |row| Format::Xlsx(XlsxOptions { sheet: None, header_row: Some(row) });
    let all = read(&made, &at(2));
    assert_eq!((all.columns.join(","), all.all_rows()), ("c,d".to_owned(), vec!["1|2".to_owned()]));
    for row in [0, 9] {
        assert_eq!(
            open_error(&made, &at(row)),
            format!("a.xlsx, sheet `Sheet1`: row {row} cannot be the header because it is empty; the filled rows are 1 to 3")
        );
    }
}

#[test]
fn two_header_rows_take_the_lower() {
    let all = read_book(|sheet| {
        let style = Style::new();
        sheet.merge_range(0, 0, 1, 0, "customer", &style).unwrap();
        sheet.merge_range(0, 1, 0, 2, "first quarter", &style).unwrap();
        sheet.merge_range(0, 3, 0, 4, "second quarter", &style).unwrap();
        write_rows(sheet, 2, &[&["7", "1", "2", "3", "4"]]);
        for (column, name) in (1..).zip(["visits", "spend", "visits", "spend"]) {
            sheet.write(1, column, name).unwrap();
        }
    });
    assert_eq!(all.columns, ["customer", "visits", "spend", "visits_2", "spend_2"]);
    assert_eq!(all.all_rows(), ["7|1|2|3|4"]);
    assert_eq!(all.notes[0], "rows 1 and 2 are both headers; the names are taken from row 2");
}

#[test]
fn merged_cells_are_filled_and_named() {
    let all = read_book(|sheet| {
        write_rows(sheet, 0, &[&["region", "shop", "n"], &["", "s1", "1"], &["", "s2", "2"], &["south", "s3", "3"]]);
        sheet.merge_range(1, 0, 2, 0, "north", &Style::new()).unwrap();
    });
    assert_eq!(all.all_rows(), ["north|s1|1", "north|s2|2", "south|s3|3"]);
    assert_eq!(all.notes, ["merged cells: the value was filled into the whole of A2:A3"]);
}

#[test]
fn a_region_below_the_last_value_makes_no_rows() {
    let all = read_book(|sheet| {
        write_rows(sheet, 0, &[&["a", "b"], &["1", "2"]]);
        sheet.merge_range(1, 2, 5_000, 3, "x", &Style::new()).unwrap();
    });
    assert_eq!(all.all_rows(), ["1|2|x|x"]);
}

#[test]
fn formulas_give_their_stored_result() {
    let all = read_book(|sheet| {
        write_rows(sheet, 0, &[&["a", "b"], &["1", ""], &["2", ""], &["3", ""], &["4", ""]]);
        sheet.write(1, 1, Formula::new("=A2*2").set_result("2")).unwrap();
        sheet.write(2, 1, Formula::new("=A3/0").set_result("#DIV/0!")).unwrap();
        sheet.write(3, 1, Formula::new("=A4&\"x\"").set_result("3x")).unwrap();
        sheet.write(4, 1, Formula::new("=NA()").set_result("#N/A")).unwrap();
    });
    assert_eq!(all.all_rows(), ["1|2", "2|∅", "3|3x", "4|∅"]);
    assert_eq!(all.notes, ["cells with an error such as #DIV/0!: 2 left empty, the first is B3"]);
    assert!(all.rejections.is_empty());
}

#[test]
fn dates_are_iso_and_numbers_are_plain() {
    let all = read_book(|sheet| {
        write_rows(sheet, 0, &[&["day", "at", "clock", "n", "ok"]]);
        let date = |text| ExcelDateTime::parse_from_str(text).unwrap();
        let style = |format| Style::new().set_num_format(format);
        sheet.write_with_format(1, 0, date("2024-03-01"), &style("dd/mm/yyyy")).unwrap();
        sheet.write_with_format(1, 1, date("2024-03-01T10:00:00"), &style("yyyy-mm-dd hh:mm")).unwrap();
        sheet.write_with_format(1, 2, date("10:30:00"), &style("hh:mm")).unwrap();
        sheet.write(1, 3, 12_345_678_901_234.0).unwrap();
        sheet.write(1, 4, true).unwrap();
        sheet.write(2, 3, 0.000_000_1).unwrap();
    });
    assert_eq!(all.all_rows(), ["2024-03-01|2024-03-01T10:00:00|10:30:00|12345678901234|true", "∅|∅|∅|0.0000001|∅"]);
}

#[test]
fn sheets_are_chosen_by_name() {
    let mut workbook = Workbook::new();
    write_rows(workbook.add_worksheet().set_name("first").unwrap(), 0, &[&["a", "b"], &["1", "2"]]);
    write_rows(workbook.add_worksheet().set_name("second").unwrap(), 0, &[&["c", "d"], &["3", "4"]]);
    workbook.add_worksheet().set_name("blank").unwrap();
    let made = file("a.xlsx", workbook.save_to_buffer().unwrap());
    let sheet = |name: &str| Format::Xlsx(XlsxOptions { sheet: Some(name.to_owned()), header_row: None });
    let all = read(&made, &any());
    assert_eq!(all.columns, ["a", "b"]);
    assert_eq!(all.notes, ["sheet `first` is read; the sheets are `first`, `second`, `blank`"]);
    let all = read(&made, &sheet("second"));
    assert_eq!((all.columns.join(","), all.notes.len()), ("c,d".to_owned(), 0));
    assert_eq!(open_error(&made, &sheet("third")), "a.xlsx: there is no sheet `third`; the sheets are `first`, `second`, `blank`");
    assert_eq!(open_error(&made, &sheet("blank")), "a.xlsx: sheet `blank` is empty; the sheets are `first`, `second`, `blank`");
}

#[test]
fn the_hidden_first_sheet_is_passed_over() {
    let mut workbook = Workbook::new();
    write_rows(workbook.add_worksheet().set_name("notes").unwrap().set_hidden(true), 0, &[&["x", "y"]]);
    write_rows(workbook.add_worksheet().set_name("data").unwrap().set_active(true), 0, &[&["a", "b"], &["1", "2"]]);
    let made = file("a.xlsx", workbook.save_to_buffer().unwrap());
    assert_eq!(read(&made, &any()).columns, ["a", "b"]);
}

#[test]
fn columns_without_a_name_are_kept_if_they_have_values() {
    let all = read_book(|sheet| write_rows(sheet, 0, &[&["a", "", "b", "a"], &["1", "", "2", "3", "x"]]));
    assert_eq!(all.columns, ["a", "b", "a_2", "column_5"]);
    assert_eq!(all.all_rows(), ["1|2|3|x"]);
}

#[test]
fn a_value_in_the_last_corner_costs_one_cell() {
    let all = read_book(|sheet| {
        write_rows(sheet, 0, &[&["a", "b"], &["1", "2"]]);
        sheet.write(1_048_575, 16_383, "far").unwrap();
    });
    assert_eq!(all.columns, ["a", "b", "column_16384"]);
    assert_eq!(all.lines, [2, 1_048_576]);
}

#[test]
fn one_column_of_names_has_its_header_in_the_first_row() {
    let all = read_book(|sheet| write_rows(sheet, 1, &[&["email"], &["a@b.c"], &["d@e.f"]]));
    assert_eq!(
        (all.columns.join(","), all.all_rows(), all.lines),
        ("email".into(), vec!["a@b.c".to_owned(), "d@e.f".to_owned()], vec![3, 4])
    );
}

#[test]
fn a_compressed_workbook_is_read() {
    let made = book(|sheet| write_rows(sheet, 0, &[&["a", "b"], &["1", "2"]]));
    let bytes = std::fs::read(&made.path).unwrap();
    assert_eq!(read(&file("a.xlsx.gz", gzip(&bytes)), &any()).all_rows(), ["1|2"]);
}

#[test]
fn damage_in_any_place_is_an_error_and_no_panic() {
    let made = book(|sheet| write_rows(sheet, 0, &[&["a", "b"], &["1", "2"], &["x", "y"]]));
    let bytes = std::fs::read(&made.path).unwrap();
    for at in (4..bytes.len()).step_by(bytes.len() / 97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x5a;
        std::fs::write(&made.path, &damaged).unwrap();
        if let Ok(mut reader) = crate::open(&made, &any()) {
            while reader.next().unwrap().is_some() {}
        }
    }
}

/// A workbook whose directory claims a sheet of 300 MB is refused before anything is inflated.
#[test]
fn a_sheet_too_large_is_refused() {
    let made = book(|sheet| write_rows(sheet, 0, &[&["a", "b"], &["1", "2"]]));
    let mut bytes = std::fs::read(&made.path).unwrap();
    let name = b"xl/worksheets/sheet1.xml";
    let entry = bytes.windows(name.len()).rposition(|w| w == name).unwrap() - 46;
    assert_eq!(bytes[entry..entry + 4], *b"PK\x01\x02");
    bytes[entry + 24..entry + 28].copy_from_slice(&300_000_000u32.to_le_bytes());
    assert_eq!(
        open_error(&file("a.xlsx", bytes), &any()),
        "a.xlsx: xl/worksheets/sheet1.xml is larger than 200 MiB uncompressed; spreadsheets of that size are not read: \
         save the sheet as CSV and read that"
    );
}
