//! Facts: the few numbers that an answer begins with, large, with what they say and their interval.

use diptych_journey::Cell;
use diptych_journey::seam::Unit;

use super::Part;
use crate::canvas::{Canvas, Rect, Style};
use crate::drawing::Area;
use crate::numbers;

/// A fact is at least this wide.
const MIN_WIDTH: f64 = 150.0;
const MAX_WIDTH: f64 = 240.0;

/// Draws the cells with these ids that are there; returns the bottom.
pub(super) fn draw(canvas: &mut Canvas, part: Part, ids: &[&str], area: Area) -> f64 {
    let facts: Vec<(&Cell, &str)> = ids.iter().filter_map(|id| part.find(id)).map(|cell| (cell, cell.label.as_str())).collect();
    draw_named(canvas, part, &facts, area)
}

/// Draws cells under words of the chart; returns the bottom.
pub(super) fn draw_named(canvas: &mut Canvas, part: Part, facts: &[(&Cell, &str)], area: Area) -> f64 {
    if facts.is_empty() {
        return area.top;
    }
    let columns = ((area.width() + 12.0) / (MIN_WIDTH + 12.0)).floor().clamp(1.0, facts.len() as f64);
    let width = ((area.width() - 12.0 * (columns - 1.0)) / columns).min(MAX_WIDTH);
    let number = Style { size: 19.0, ..Style::STRONG };
    let mut y = area.top;
    for row in facts.chunks(columns as usize) {
        let mut bottom = y;
        for (idx, (cell, words)) in row.iter().enumerate() {
            let x = area.left + idx as f64 * (width + 12.0);
            canvas.cell(cell, part.group, |canvas| {
                canvas.target(Rect::new(x, y, width, 24.0));
                let has_currency = cell.unit != Unit::Money || words.contains(canvas.currency());
                let currency = if has_currency { String::new() } else { format!(" {}", canvas.currency()) };
                canvas.text(x, y + 18.0, number, width, &format!("{}{currency}", numbers::value(cell)));
                let mut below = y + 33.0;
                let interval = numbers::interval(cell);
                if !interval.is_empty() {
                    canvas.text(x, below, Style::SMALL, width, &interval);
                    below += 15.0;
                }
                below = canvas.paragraph(x, below, Style::SMALL, width, 3, words);
                bottom = bottom.max(below);
            });
        }
        y = bottom + 6.0;
    }
    y + 4.0
}
