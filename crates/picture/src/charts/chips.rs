//! Chips: short texts of cells in a line, going on in the next one where there is no room.

use diptych_journey::Cell;

use super::Part;
use crate::canvas::{Canvas, Rect, Style};
use crate::drawing::Area;

/// Draws `number words` for each cell; returns the bottom.
pub(super) fn draw(canvas: &mut Canvas, part: Part, chips: &[(&Cell, String)], area: Area) -> f64 {
    if chips.is_empty() {
        return area.top;
    }
    let style = Style::SMALL;
    let (mut x, mut y) = (area.left, area.top);
    for (cell, text) in chips {
        let width = style.width(text).min(area.width());
        if x > area.left && x + width > area.right {
            (x, y) = (area.left, y + 17.0);
        }
        canvas.cell(cell, part.group, |canvas| {
            canvas.target(Rect::new(x, y, width, 16.0));
            canvas.text(x, y + 12.0, style, area.width(), text);
        });
        x += width + 18.0;
    }
    y + 17.0
}
