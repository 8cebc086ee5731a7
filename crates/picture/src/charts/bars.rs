//! Bars: one row per cell with its name, a bar with the interval, the number and the interval in words.

use diptych_journey::Cell;

use crate::canvas::{Canvas, Rect, Style, Whisker};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

/// One row.
pub(super) struct Bar<'a> {
    pub cell: &'a Cell,
    pub group: Option<&'a str>,
    pub name: &'a str,
    /// The number in words; the cell's own where the chart has nothing better.
    pub value: String,
    /// Length of the bar, as a number on the scale of all bars.
    pub length: f64,
    pub paint: Paint,
}

impl<'a> Bar<'a> {
    /// Makes the bar of a cell.
    pub fn new(cell: &'a Cell, group: Option<&'a str>, name: &'a str, paint: Paint) -> Self {
        Self { cell, group, name, value: numbers::value(cell), length: numbers::finite(cell.value).unwrap_or(0.0), paint }
    }
}

/// Where the parts of rows are; the same for all rows that are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    area: Area,
    /// Width of the column of names; 0 where names stand above their bars.
    name: f64,
    value: f64,
    interval: f64,
    /// What the longest possible bar stands for.
    full: f64,
}

impl Rows {
    /// Lays out rows for these bars on a scale from 0 to `full`.
    pub fn new<'b, 'c: 'b>(bars: impl IntoIterator<Item = &'b Bar<'c>>, full: f64, area: Area) -> Self {
        let (mut name, mut value, mut interval) = (0.0_f64, 0.0_f64, 0.0_f64);
        for bar in bars {
            name = name.max(Style::LABEL.width(bar.name));
            value = value.max(Style::LABEL.width(&bar.value));
            interval = interval.max(Style::SMALL.width(&numbers::interval(bar.cell)));
        }
        let name = if area.is_narrow() { 0.0 } else { name.clamp(60.0, area.width() * 0.28) };
        Self {
            area,
            name,
            value: value.min(area.width() * 0.35),
            interval: interval.min(area.width() * 0.35),
            full: if full > 0.0 { full } else { 1.0 },
        }
    }

    /// Returns the left end of the bars.
    pub fn left(&self) -> f64 {
        if self.name > 0.0 { self.area.left + self.name + 12.0 } else { self.area.left }
    }

    /// Draws a row; returns where the next one begins.
    pub fn draw(&self, canvas: &mut Canvas, bar: &Bar, y: f64) -> f64 {
        let interval = numbers::interval(bar.cell);
        let cell = bar.cell;
        let (left, right) = (self.left(), self.area.right);
        let is_stacked = self.name == 0.0;
        let numbers_width = self.value + if self.interval > 0.0 { self.interval + 14.0 } else { 0.0 };
        let bar_right = if is_stacked { right } else { right - numbers_width - 14.0 };
        let scale = (bar_right - left) / self.full;
        let bar_y = if is_stacked { y + 19.0 } else { y + 3.0 };
        let height = if is_stacked { 10.0 } else { 14.0 };
        canvas.cell(cell, bar.group, |canvas| {
            if is_stacked {
                canvas.text(left, y + 13.0, Style::LABEL, right - left - numbers_width - 10.0, bar.name);
                canvas.text(right - numbers_width + self.value, y + 13.0, Style::LABEL.end(), self.value, &bar.value);
            } else {
                canvas.text(left - 12.0, y + 14.0, Style::LABEL.end(), self.name, bar.name);
                canvas.text(bar_right + 14.0 + self.value, y + 14.0, Style::LABEL.end(), self.value, &bar.value);
            }
            let baseline = if is_stacked { y + 13.0 } else { y + 14.0 };
            canvas.text(right, baseline, Style::SMALL.end(), self.interval + 1.0, &interval);
            canvas.rect(Rect::new(left, bar_y, bar_right - left, height), Paint::Panel, 1.0);
            canvas.rect(Rect::new(left, bar_y, (bar.length * scale).clamp(0.0, bar_right - left), height), bar.paint, 1.0);
            if let (Some(lo), Some(hi)) = (numbers::finite(cell.lo), numbers::finite(cell.hi)) {
                let at = |value: f64| left + (value * scale).clamp(0.0, bar_right - left);
                canvas.whisker(Whisker::Across, bar_y + height / 2.0, at(lo), at(hi));
            }
        });
        y + if is_stacked { 36.0 } else { 21.0 }
    }
}

/// Draws rows under each other on a scale from 0 to `full`; returns the bottom.
pub(super) fn draw(canvas: &mut Canvas, bars: &[Bar], full: f64, area: Area) -> f64 {
    let rows = Rows::new(bars, full, area);
    bars.iter().fold(area.top, |y, bar| rows.draw(canvas, bar, y)) + 4.0
}

/// Returns the largest number that a bar or its interval reaches.
pub(super) fn longest(bars: &[Bar]) -> f64 {
    bars.iter().flat_map(|bar| [Some(bar.length), numbers::finite(bar.cell.hi)]).flatten().fold(0.0, f64::max)
}
