//! Tables as XLSX: numbers as numbers, texts as texts and never as formulas.

use diptych_engine::Answer;
use diptych_engine::ask::People;
use diptych_engine::seam::Cell;
use diptych_event::time::format_instant;
use rust_xlsxwriter::{Format, Workbook, XlsxError};
use serde_json::Value;

use crate::problem::Problem;

/// Media type of a workbook.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A table: the names of its columns, and its rows.
pub struct Sheet {
    /// Names of the columns.
    pub header: Vec<String>,
    /// Rows of numbers, texts, truths and nothing.
    pub rows: Vec<Vec<Value>>,
}

impl Sheet {
    /// Makes the table of an answer: the columns are those of its CSV.
    pub fn of_answer(answer: &Answer) -> Self {
        let header = ["group", "id", "label", "unit", "x", "n", "people", "value", "lo", "hi", "method", "flags"];
        let row = |group: &str, cell: &Cell| -> Vec<Value> {
            vec![
                group.into(),
                cell.id.clone().into(),
                cell.label.clone().into(),
                serde_json::to_value(cell.unit).expect("a unit is a word"),
                cell.x.into(),
                cell.n.into(),
                cell.people.into(),
                cell.value.into(),
                cell.lo.into(),
                cell.hi.into(),
                cell.method.into(),
                cell.flags.join(" ").into(),
            ]
        };
        let mut rows: Vec<Vec<Value>> = answer.cells.iter().map(|cell| row("", cell)).collect();
        for group in &answer.groups {
            let name = group.group.as_deref().unwrap_or("(none)");
            rows.extend(group.cells.iter().map(|cell| row(name, cell)));
        }
        Self { header: header.map(str::to_owned).to_vec(), rows }
    }

    /// Makes the table of the people behind a cell: the columns are those of its CSV.
    pub fn of_people(people: &People) -> Self {
        let row = |actor: &str, time_us: i64, name: &str| vec![actor.into(), format_instant(time_us).into(), name.into()];
        let rows = people.units.iter().flat_map(|unit| unit.rows.iter().map(|(time_us, name)| row(&unit.actor, *time_us, name)));
        Self { header: ["actor", "time", "name"].map(str::to_owned).to_vec(), rows: rows.collect() }
    }

    /// Writes the table as a workbook of one sheet.
    pub fn to_xlsx(&self) -> Result<Vec<u8>, Problem> {
        self.write().map_err(|error| Problem::new("too_large", format!("this does not fit into a workbook: {error}")).fix("Ask for CSV."))
    }

    fn write(&self) -> Result<Vec<u8>, XlsxError> {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        let bold = Format::new().set_bold();
        for (column, name) in (0..).zip(&self.header) {
            sheet.write_string_with_format(0, column, name, &bold)?;
        }
        for (row, values) in (1..).zip(&self.rows) {
            for (column, value) in (0..).zip(values) {
                match value {
                    Value::Null => {}
                    Value::Bool(truth) => drop(sheet.write_boolean(row, column, *truth)?),
                    // A workbook's numbers have 53 bits: longer ones stay whole as text.
                    Value::Number(number) => match number.as_f64().filter(|number| number.abs() < 9e15) {
                        Some(number) => drop(sheet.write_number(row, column, number)?),
                        None => drop(sheet.write_string(row, column, number.to_string())?),
                    },
                    Value::String(text) => drop(sheet.write_string(row, column, text)?),
                    other => drop(sheet.write_string(row, column, other.to_string())?),
                }
            }
        }
        sheet.set_freeze_panes(1, 0)?;
        workbook.save_to_buffer()
    }
}
