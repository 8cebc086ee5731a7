//! A stacked bar: the parts of a whole beside each other, what is still open hatched.

use diptych_journey::Cell;

use super::Part;
use crate::canvas::{Canvas, Hatch, Rect, Style};
use crate::drawing::Area;
use crate::theme::Paint;

/// A part of the whole.
pub(super) struct Piece<'a> {
    pub cell: &'a Cell,
    /// Units in it.
    pub n: u64,
    /// Its words under the bar.
    pub text: String,
    /// `None` for what is still open.
    pub paint: Option<Paint>,
}

/// Height of the bar.
const HEIGHT: f64 = 20.0;

/// Draws the bar and the words of its parts below it; returns the bottom.
pub(super) fn draw(canvas: &mut Canvas, part: Part, pieces: &[Piece], area: Area) -> f64 {
    let total: u64 = pieces.iter().map(|piece| piece.n).sum();
    let scale = area.width() / (total as f64).max(1.0);
    let (mut x, mut words_x, mut words_y) = (area.left, area.left, area.top + HEIGHT + 6.0);
    canvas.rect(Rect::new(area.left, area.top, area.width(), HEIGHT), Paint::Panel, 1.0);
    for piece in pieces {
        let width = piece.n as f64 * scale;
        let words = 16.0 + Style::SMALL.width(&piece.text).min(area.width() - 16.0);
        if words_x > area.left && words_x + words > area.right {
            (words_x, words_y) = (area.left, words_y + 17.0);
        }
        canvas.cell(piece.cell, part.group, |canvas| {
            let bar = Rect::new(x, area.top, width, HEIGHT);
            let key = Rect::new(words_x, words_y + 2.0, 10.0, 10.0);
            for rect in [bar, key] {
                match piece.paint {
                    Some(paint) => canvas.rect(rect, paint, 1.0),
                    None => canvas.hatched(rect, Hatch::Open),
                }
            }
            canvas.text(words_x + 16.0, words_y + 11.0, Style::SMALL, area.width() - 16.0, &piece.text);
        });
        x += width;
        words_x += words + 16.0;
    }
    words_y + 18.0
}
