//! What a picture shows, and the frame around every chart: title, how it counts, notes.

use diptych_journey::Cell;
use diptych_journey::seam::Chart;

use crate::canvas::{Canvas, Style};
use crate::charts;
use crate::theme::{Paint, Theme};

/// An answer as a picture needs it; borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Drawing<'a> {
    /// Id of the operator.
    pub operator: &'a str,
    /// The picture that suits it.
    pub chart: Chart,
    /// Title of the answer.
    pub title: &'a str,
    /// How it counts, in one line.
    pub subtitle: &'a str,
    /// The cells over everything.
    pub cells: &'a [Cell],
    /// The cells per group, where the question splits.
    pub groups: &'a [Group<'a>],
    /// The operator's parameters with all defaults.
    pub parameters: &'a serde_json::Value,
    /// What to know about the whole answer.
    pub notes: &'a [String],
    /// ISO code of the currency of amounts; may be empty.
    pub currency: &'a str,
}

/// The cells of one group.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// Its value; `None` where there is none.
    pub group: Option<&'a str>,
    /// Its cells.
    pub cells: &'a [Cell],
}

impl<'a> Group<'a> {
    /// Returns what the group is called, in pictures and in `data-group`.
    pub fn label(&self) -> &'a str {
        self.group.unwrap_or("(none)")
    }
}

/// Finds a cell.
pub(crate) fn find<'a>(cells: &'a [Cell], id: &str) -> Option<&'a Cell> {
    cells.iter().find(|cell| cell.id == id)
}

/// Narrower pictures are drawn as wide as this; the page scrolls.
const MIN_WIDTH: u32 = 280;
/// Wider pictures are drawn as wide as this.
const MAX_WIDTH: u32 = 4000;

/// Draws an answer.
///
/// The layout follows the width in pixels (280 to 4,000): narrow pictures stack what wide ones put side by side.
pub fn svg(drawing: &Drawing, theme: Theme, width: u32) -> String {
    let width = f64::from(width.clamp(MIN_WIDTH, MAX_WIDTH));
    let mut canvas = Canvas::new(width, theme, drawing.currency, &format!("{drawing:?} {theme:?} {width}"));
    let area = Area::of(width);
    let mut y = header(&mut canvas, area, drawing.title, drawing.subtitle);
    let area = Area { top: y, ..area };
    let bottom = canvas.try_cells(|canvas| charts::draw(canvas, drawing, area));
    y = bottom.unwrap_or_else(|| no_data(&mut canvas, area));
    let asterisk = canvas.has_incomplete().then_some("* not complete: observation ended before all of it could be seen");
    for note in asterisk.into_iter().chain(drawing.notes.iter().map(String::as_str)) {
        y = canvas.paragraph(area.left, y + 14.0, Style::SMALL, area.width(), 3, note) - Style::SMALL.line_height() + 4.0;
    }
    canvas.finish(y + 14.0, drawing.title)
}

/// Where a chart may draw: from left to right, from top down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    /// In pixels.
    pub left: f64,
    /// In pixels.
    pub right: f64,
    /// In pixels.
    pub top: f64,
}

impl Area {
    /// Returns the area of a picture without its margins.
    pub fn of(width: f64) -> Self {
        let margin = if width < 560.0 { 12.0 } else { 20.0 };
        Self { left: margin, right: width - margin, top: 0.0 }
    }

    /// Returns its width in pixels.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Tells whether things are stacked rather than put side by side.
    pub fn is_narrow(&self) -> bool {
        self.width() < 560.0
    }
}

/// Draws the title and how it counts; returns where the chart begins.
pub(crate) fn header(canvas: &mut Canvas, area: Area, title: &str, subtitle: &str) -> f64 {
    let heading = Style { size: 16.0, ..Style::STRONG };
    let y = canvas.paragraph(area.left, 28.0, heading, area.width(), 2, title);
    let y = canvas.paragraph(area.left, y - 3.0, Style::SMALL, area.width(), 4, subtitle);
    y + 6.0
}

fn no_data(canvas: &mut Canvas, area: Area) -> f64 {
    let style = Style::LABEL.paint(Paint::Muted).middle();
    canvas.text((area.left + area.right) / 2.0, area.top + 48.0, style, area.width(), "No data for this question.");
    area.top + 88.0
}
