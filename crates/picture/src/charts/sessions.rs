//! Sessions: the numbers that they are known by, and how many events they have.

use diptych_journey::Cell;

use super::bars::{self, Bar};
use super::curve::{self, Kind, Points, Series};
use super::{Part, facts};
use crate::canvas::{Canvas, Rect, Style};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

const HEIGHT: f64 = 160.0;
const FACTS: [&str; 11] = [
    "sessions",
    "people",
    "per_person",
    "engaged",
    "single",
    "bounced",
    "duration:median",
    "duration:p90",
    "duration:mean",
    "events:median",
    "events:p90",
];

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    if part.find("sessions").is_none_or(|sessions| sessions.n == 0) {
        return area.top;
    }
    let mut y = facts::draw(canvas, part, &FACTS, area);
    let lengths: Vec<(&str, &Cell)> = part.cells.iter().filter_map(|cell| Some((cell.id.strip_prefix("length:")?, cell))).collect();
    if !lengths.is_empty() {
        canvas.text(area.left, y + 12.0, Style::STRONG, area.width(), "Sessions by number of events");
        y = histogram(canvas, part, &lengths, Area { top: y + 22.0, ..area });
    }
    for (prefix, axis) in [("day:", "day"), ("week:", "week of"), ("month:", "month of")] {
        let series = Series { part, cells: curve::of_prefix(part, prefix), paint: Paint::Series(0), points: Points::Cells };
        y = curve::draw(canvas, &[series], Kind::Count, &format!("sessions begun, by {axis}"), Area { top: y, ..area });
    }
    y
}

/// Draws a column per class; classes are not equally wide, so their labels say what they hold.
fn histogram(canvas: &mut Canvas, part: Part, classes: &[(&str, &Cell)], area: Area) -> f64 {
    let highest = classes.iter().map(|(_, cell)| cell.n).max().unwrap_or(0).max(1) as f64;
    let column = (area.width() / classes.len() as f64).min(84.0);
    let widest = classes.iter().map(|(_, cell)| Style::SMALL.width(&numbers::thousands(cell.n))).fold(0.0, f64::max);
    if widest + 4.0 > column {
        let bars: Vec<Bar> = classes.iter().map(|(_, cell)| Bar::new(cell, part.group, &cell.label, Paint::Series(0))).collect();
        return bars::draw(canvas, &bars, highest, area);
    }
    let base = area.top + 16.0 + HEIGHT;
    for (idx, (class, cell)) in classes.iter().enumerate() {
        let x = area.left + idx as f64 * column;
        let height = HEIGHT * cell.n as f64 / highest;
        canvas.cell(cell, part.group, |canvas| {
            canvas.rect(Rect::new(x + 2.0, base - height, column - 4.0, height), Paint::Series(0), 1.0);
            canvas.text(
                x + column / 2.0,
                base - height - 5.0,
                Style::SMALL.middle().paint(Paint::Ink),
                column,
                &numbers::thousands(cell.n),
            );
            canvas.text(x + column / 2.0, base + 15.0, Style::SMALL.middle(), column, class);
        });
    }
    canvas.line((area.left, base), (area.left + column * classes.len() as f64, base), Paint::Line, 1.0);
    canvas.text(area.left, base + 31.0, Style::SMALL, area.width(), "events in the session; classes are not equally wide");
    base + 42.0
}
