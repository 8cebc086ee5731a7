//! A matrix of cells as a heat map: one scale of colour for all of it, which the legend says.

use diptych_journey::Cell;

use super::Part;
use crate::canvas::{Canvas, Hatch, Rect, Style};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

/// A row: its name, the cell of its size, and a cell or nothing per column.
pub(super) struct Row<'a> {
    pub name: String,
    pub size: Option<&'a Cell>,
    pub cells: Vec<Option<&'a Cell>>,
}

const ROW_HEIGHT: f64 = 23.0;
/// Below this width a number is written without its decimals.
const ROOM_FOR_DECIMALS: f64 = 46.0;
/// Columns are at least this wide; more columns are left to the answer.
const MIN_COLUMN: f64 = 12.0;
const MAX_COLUMN: f64 = 96.0;
/// Rows that are drawn, the latest ones; the answer has the others.
const MAX_ROWS: usize = 40;

/// A matrix: what stands over the names and over the sizes, its columns and rows, and the highest number of the scale.
pub(super) struct Matrix<'a> {
    pub corner: &'a str,
    pub sizes: &'a str,
    pub columns: &'a [String],
    pub rows: &'a [Row<'a>],
    pub highest: f64,
}

/// Draws the matrix; returns the bottom.
pub(super) fn draw(canvas: &mut Canvas, part: Part, matrix: &Matrix, area: Area) -> f64 {
    let Matrix { corner, sizes, columns, rows, highest } = *matrix;
    let n_columns = columns.len();
    if n_columns == 0 || rows.is_empty() {
        return area.top;
    }
    let has_sizes = rows.iter().any(|row| row.size.is_some());
    // The first row of cohorts is that of all, which stays.
    let (first, later) = rows.split_at(usize::from(has_sizes && rows[0].size.is_none()));
    let left_out = later.len().saturating_sub(MAX_ROWS);
    let rows: Vec<&Row> = first.iter().chain(&later[left_out..]).collect();
    let widest = rows.iter().map(|row| Style::LABEL.width(&row.name)).fold(Style::SMALL.width(corner), f64::max);
    let name = widest.min(area.width() * 0.3) + 10.0;
    let size = if has_sizes {
        rows.iter().filter_map(|row| row.size).map(size_width).fold(Style::SMALL.width(sizes), f64::max) + 12.0
    } else {
        0.0
    };
    let left = area.left + name + size;
    let widest = columns.iter().map(|label| Style::SMALL.width(label)).fold(0.0, f64::max);
    let column = ((area.right - left) / n_columns as f64).clamp(MIN_COLUMN, MAX_COLUMN.max(widest + 12.0));
    let n_shown = n_columns.min(((area.right - left) / column + 1e-6).floor() as usize);

    canvas.text(area.left, area.top + 11.0, Style::SMALL, name - 6.0, corner);
    if has_sizes {
        canvas.text(left - 12.0, area.top + 11.0, Style::SMALL.end(), size, sizes);
    }
    let every = if column > 60.0 { 1 } else { ((widest + 6.0) / column).ceil().max(1.0) as usize };
    for (idx, label) in columns.iter().take(n_shown).enumerate().step_by(every) {
        let (x, room) = (left + idx as f64 * column, column * every as f64 - 4.0);
        match every {
            1 => canvas.text(x + column / 2.0, area.top + 11.0, Style::SMALL.middle(), room, label),
            _ => canvas.text(x, area.top + 11.0, Style::SMALL, room.min(area.right - x), label),
        }
    }
    let all = rows.iter().flat_map(|row| row.cells.iter().take(n_shown)).flatten();
    let drawn: Vec<(&Cell, f64)> = all.filter_map(|cell| Some((*cell, numbers::finite(cell.value)?))).collect();
    let fits = |size: f64| drawn.iter().all(|(cell, value)| small(size).width(&short(cell, *value, column)) <= column - 1.0);
    let style = [11.0, 10.0, 9.0].into_iter().find(|size| fits(*size)).map(small);
    let mut y = area.top + 18.0;
    for row in &rows {
        canvas.text(area.left, y + 15.5, Style::LABEL, name - 8.0, &row.name);
        if let Some(cell) = row.size {
            canvas.cell(cell, part.group, |canvas| canvas.text(left - 12.0, y + 15.5, Style::SMALL.end(), size, &numbers::value(cell)));
        }
        for (idx, cell) in row.cells.iter().take(n_shown).enumerate() {
            let Some(cell) = cell else { continue };
            let place = Rect::new(left + idx as f64 * column, y, column - 1.5, ROW_HEIGHT - 1.5);
            canvas.cell(cell, part.group, |canvas| square(canvas, cell, highest, style, place));
        }
        // The row of all, which has no size, stands apart from the cohorts.
        y += ROW_HEIGHT + if has_sizes && row.size.is_none() { 5.0 } else { 0.0 };
    }
    let scale_left = if area.is_narrow() { area.left } else { left };
    scale(canvas, &rows, highest, Area { top: y + 6.0, left: scale_left, ..area });
    let mut y = y + 26.0;
    let left_out = [(left_out, "earlier rows"), (n_columns - n_shown, "more columns")];
    for (n, what) in left_out.into_iter().filter(|(n, _)| *n > 0) {
        canvas.text(area.left, y + 8.0, Style::SMALL, area.width(), &format!("{n} {what} are in the answer"));
        y += 17.0;
    }
    y
}

fn size_width(cell: &Cell) -> f64 {
    Style::SMALL.width(&numbers::value(cell))
}

/// Returns the style of numbers in squares.
const fn small(size: f64) -> Style {
    Style { size, ..Style::SMALL.middle().paint(Paint::Ink) }
}

/// Draws a cell; its number too where all numbers of the matrix fit in some style.
fn square(canvas: &mut Canvas, cell: &Cell, highest: f64, style: Option<Style>, place: Rect) {
    let Some(value) = numbers::finite(cell.value) else {
        canvas.rect(place, Paint::Panel, 0.6);
        canvas.text(place.x + place.width / 2.0, place.y + 14.5, Style::SMALL.middle(), place.width, "–");
        return;
    };
    let heat = if highest > 0.0 { (value / highest).clamp(0.0, 1.0) } else { 0.0 };
    canvas.rect(place, Paint::Panel, 1.0);
    canvas.rect(place, Paint::Heat, 0.08 + 0.92 * heat);
    if numbers::is_incomplete(cell) && place.width > 4.0 {
        canvas.hatched(Rect::new(place.x, place.y + place.height - 4.0, place.width, 4.0), Hatch::Open);
    }
    if let Some(style) = style {
        canvas.text(place.x + place.width / 2.0, place.y + 14.5, style, place.width + 2.0, &short(cell, value, place.width + 1.5));
    }
}

/// Writes a number for the room that there is.
fn short(cell: &Cell, value: f64, width: f64) -> String {
    let asterisk = if numbers::is_incomplete(cell) && width >= 26.0 { "*" } else { "" };
    match numbers::is_share(cell) {
        true if width >= ROOM_FOR_DECIMALS => format!("{}{asterisk}", numbers::hundredths(value)),
        true => format!("{}{asterisk}", numbers::whole_percent(value)),
        false => format!("{}{asterisk}", numbers::short_money(value)),
    }
}

/// Draws the scale of colours, from 0 to the highest number.
fn scale(canvas: &mut Canvas, rows: &[&Row], highest: f64, area: Area) {
    let is_share = rows.iter().flat_map(|row| &row.cells).flatten().any(|cell| numbers::is_share(cell));
    let (from, to) = if is_share { ("0 %".to_owned(), numbers::percent(highest)) } else { ("0".into(), numbers::short_money(highest)) };
    let words = if is_share { "in percent; one scale of colour for all" } else { "one scale of colour for all" };
    let mut x = area.left;
    canvas.text(x, area.top + 11.0, Style::SMALL, 60.0, &from);
    x += Style::SMALL.width(&from) + 6.0;
    for step in 0..5 {
        let place = Rect::new(x, area.top + 1.0, 14.0, 12.0);
        canvas.rect(place, Paint::Panel, 1.0);
        canvas.rect(place, Paint::Heat, 0.08 + 0.92 * f64::from(step) / 4.0);
        x += 14.0;
    }
    canvas.text(x + 6.0, area.top + 11.0, Style::SMALL, 60.0, &to);
    x += Style::SMALL.width(&to) + 18.0;
    canvas.text(x, area.top + 11.0, Style::SMALL, area.right - x, words);
}
