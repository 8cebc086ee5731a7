//! Retention: the curve of all, and the cohorts below it as one heat map with the weighted average in its first row.

use diptych_journey::Cell;

use super::curve::{self, Kind, Points, Series};
use super::matrix::{self, Matrix, Row};
use super::{Part, facts};
use crate::canvas::Canvas;
use crate::drawing::{Area, Drawing};
use crate::theme::Paint;

pub(super) fn draw(canvas: &mut Canvas, drawing: &Drawing, part: Part, area: Area) -> f64 {
    if part.find("people").is_none_or(|people| people.n == 0) {
        return area.top;
    }
    let mut y = facts::draw(canvas, part, &["people"], area);
    let unit = curve::unit_of_periods(drawing);
    if drawing.groups.is_empty() {
        let series = Series { part, cells: curve::periods(part), paint: Paint::Series(0), points: Points::Hints };
        y = curve::draw(canvas, &[series], Kind::Share, &format!("{unit} after the first"), Area { top: y, ..area });
    }
    let (columns, rows) = cohorts(part, "all, weighted");
    let matrix = Matrix { corner: "began", sizes: "people", columns: &columns, rows: &rows, highest: part.hottest };
    matrix::draw(canvas, part, &matrix, Area { top: y + 4.0, ..area })
}

/// Reads the cohorts of an answer: the periods, and a row for the mean and for each cohort.
///
/// Periods in which nothing was observed for anybody are left out.
pub(super) fn cohorts<'a>(part: Part<'a>, mean: &str) -> (Vec<String>, Vec<Row<'a>>) {
    let mut periods: Vec<u32> = curve::periods(part).iter().filter_map(|(period, _)| period.parse().ok()).collect();
    periods.sort_unstable();
    let column = |period: &str| -> Option<usize> { periods.iter().position(|known| Some(*known) == period.parse().ok()) };
    let empty = || vec![None; periods.len()];
    let mut average = Row { name: mean.to_owned(), size: None, cells: empty() };
    let mut rows: Vec<(&str, Row)> = Vec::new();
    for cell in part.cells {
        if let Some(column) = cell.id.strip_prefix("period:").and_then(column) {
            average.cells[column] = Some(cell);
        }
        let Some(name) = cell.id.strip_prefix("cohort:") else { continue };
        match name.split_once('/') {
            None => rows.push((name, Row { name: name.to_owned(), size: Some(cell), cells: empty() })),
            Some((cohort, period)) => {
                let row = rows.iter_mut().rev().find(|(known, _)| *known == cohort);
                if let (Some((_, row)), Some(column)) = (row, column(period)) {
                    row.cells[column] = Some(cell);
                }
            }
        }
    }
    let has_cells = |row: &Row| row.cells.iter().any(Option::<&Cell>::is_some);
    let rows = rows.into_iter().map(|(_, row)| row).filter(has_cells);
    (periods.iter().map(u32::to_string).collect(), std::iter::once(average).chain(rows).collect())
}
