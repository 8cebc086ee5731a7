//! The legend: a small square and a word for each colour, in as many lines as it takes.

use crate::canvas::{Canvas, Hatch, Rect, Style};
use crate::drawing::Area;
use crate::theme::Paint;

/// Side of the squares.
const SQUARE: f64 = 11.0;

/// What a square is filled with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    /// A colour.
    Colour(Paint),
    /// A hatch.
    Hatched(Hatch),
}

/// Draws a legend; returns its bottom.
pub(super) fn draw(canvas: &mut Canvas, area: Area, entries: &[(Key, &str)]) -> f64 {
    let (mut x, mut y) = (area.left, area.top);
    for (key, word) in entries {
        let max = (area.width() - SQUARE - 6.0).min(260.0);
        let width = SQUARE + 6.0 + Style::SMALL.width(word).min(max);
        if x > area.left && x + width > area.right {
            (x, y) = (area.left, y + 18.0);
        }
        let square = Rect::new(x, y + 1.0, SQUARE, SQUARE);
        match key {
            Key::Colour(paint) => canvas.rect(square, *paint, 1.0),
            Key::Hatched(hatch) => canvas.hatched(square, *hatch),
        }
        canvas.text(x + SQUARE + 6.0, y + 10.5, Style::SMALL, max, word);
        x += width + 16.0;
    }
    if entries.is_empty() { y } else { y + 20.0 }
}
