//! One chart per kind of answer; which one it is comes from the operator.

mod bars;
mod chips;
mod curve;
mod drop_offs;
mod facts;
mod forest;
mod funnel;
mod graph;
mod legend;
mod matrix;
mod outcomes;
mod quadrants;
mod ranking;
mod reach;
mod retention;
mod score;
mod sessions;
mod stacked;
mod stages;
mod value;

use diptych_journey::Cell;
use diptych_journey::seam::Chart;

use crate::canvas::{Canvas, Style};
use crate::drawing::{Area, Drawing, find};
use crate::numbers::finite;
use crate::theme::Paint;

/// Groups that are drawn; the answer has the others.
const MAX_GROUPS: usize = 8;
/// Groups stand in two columns from this width on.
const TWO_COLUMNS: f64 = 1000.0;

/// The cells of one chart: all of an answer's, or those of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    cells: &'a [Cell],
    group: Option<&'a str>,
    /// The highest number of all heat maps of the picture: groups are compared on one scale of colour.
    hottest: f64,
}

impl<'a> Part<'a> {
    /// Finds a cell.
    fn find(&self, id: &str) -> Option<&'a Cell> {
        find(self.cells, id)
    }

    /// Walks the middles of the ids that begin and end so, in the order of the answer.
    fn names(&self, prefix: &'a str, suffix: &'a str) -> impl Iterator<Item = &'a str> {
        self.cells.iter().filter_map(move |cell| cell.id.strip_prefix(prefix)?.strip_suffix(suffix))
    }
}

/// Draws the chart of an answer; returns its bottom.
pub(crate) fn draw(canvas: &mut Canvas, drawing: &Drawing, area: Area) -> f64 {
    let whole = Part { cells: drawing.cells, group: None, hottest: hottest(drawing) };
    if drawing.groups.is_empty() {
        return one(canvas, drawing, whole, area);
    }
    match drawing.chart {
        Chart::Funnel => funnel::grouped(canvas, drawing, area),
        _ => multiples(canvas, drawing, whole, area),
    }
}

fn one(canvas: &mut Canvas, drawing: &Drawing, part: Part, area: Area) -> f64 {
    match drawing.chart {
        Chart::Funnel => funnel::draw(canvas, part, area),
        Chart::Histogram => sessions::draw(canvas, part, area),
        Chart::Graph => graph::draw(canvas, part, area),
        Chart::Grid => retention::draw(canvas, drawing, part, area),
        Chart::Outcomes => outcomes::draw(canvas, part, area),
        Chart::Ranking => ranking::draw(canvas, part, area),
        Chart::Stages => stages::draw(canvas, part, area),
        Chart::DropOffs => drop_offs::draw(canvas, drawing, part, area),
        Chart::Quadrants => quadrants::draw(canvas, part, area),
        Chart::Reach => reach::draw(canvas, part, area),
        Chart::Curve => value::draw(canvas, drawing, part, area),
        Chart::Score => score::draw(canvas, part, area),
        Chart::Forest => forest::draw(canvas, drawing, part, area),
    }
}

/// Returns the highest number of the cells that heat maps show, in any group.
fn hottest(drawing: &Drawing) -> f64 {
    let is_hot = |cell: &&Cell| match drawing.chart {
        Chart::Quadrants => cell.x.is_some() && !cell.id.starts_with("move:"),
        _ => cell.id.starts_with("period:") || cell.id.contains('/'),
    };
    let cells = drawing.groups.iter().flat_map(|group| group.cells).chain(drawing.cells);
    cells.filter(is_hot).filter_map(|cell| finite(cell.value)).fold(0.0, f64::max)
}

/// Draws the whole, then each group that has anything, side by side where there is room.
fn multiples(canvas: &mut Canvas, drawing: &Drawing, whole: Part, area: Area) -> f64 {
    let groups: Vec<Part> = drawing
        .groups
        .iter()
        .filter(|group| group.cells.iter().any(|cell| cell.n > 0))
        .map(|group| Part { cells: group.cells, group: Some(group.label()), hottest: whole.hottest })
        .collect();
    let mut y = compared(canvas, drawing, &groups, area);
    y = titled(canvas, drawing, whole, "All", Area { top: y, ..area });
    let columns = if area.width() >= TWO_COLUMNS { 2 } else { 1 };
    let width = (area.width() - 32.0 * (columns - 1) as f64) / columns as f64;
    for row in groups[..groups.len().min(MAX_GROUPS)].chunks(columns) {
        let top = y + 10.0;
        for (idx, part) in row.iter().enumerate() {
            let left = area.left + idx as f64 * (width + 32.0);
            let place = Area { left, right: left + width, top };
            y = y.max(titled(canvas, drawing, *part, part.group.unwrap_or_default(), place));
        }
    }
    more_groups(canvas, groups.len(), Area { top: y, ..area })
}

fn titled(canvas: &mut Canvas, drawing: &Drawing, part: Part, title: &str, area: Area) -> f64 {
    canvas.line((area.left, area.top), (area.right, area.top), Paint::Line, 1.0);
    canvas.text(area.left, area.top + 19.0, Style { size: 14.0, ..Style::STRONG }, area.width(), title);
    one(canvas, drawing, part, Area { top: area.top + 32.0, ..area })
}

/// Draws the groups' curves over each other, where the chart has a curve.
fn compared(canvas: &mut Canvas, drawing: &Drawing, groups: &[Part], area: Area) -> f64 {
    let kind = match drawing.chart {
        Chart::Grid => curve::Kind::Share,
        Chart::Curve => curve::Kind::Money,
        _ => return area.top,
    };
    let mut series: Vec<curve::Series> = groups
        .iter()
        .take(MAX_GROUPS)
        .enumerate()
        .map(|(idx, part)| curve::Series {
            part: *part,
            cells: curve::periods(*part),
            paint: Paint::Series(idx),
            points: curve::Points::Hints,
        })
        .collect();
    series.retain(|one| !one.cells.is_empty());
    curve::draw(canvas, &series, kind, &curve::unit_of_periods(drawing), area)
}

/// Says how many groups the picture leaves out; returns the bottom.
fn more_groups(canvas: &mut Canvas, n_groups: usize, area: Area) -> f64 {
    let Some(left_out) = n_groups.checked_sub(MAX_GROUPS).filter(|left_out| *left_out > 0) else { return area.top };
    let text = format!("{left_out} more groups are in the answer");
    canvas.text(area.left, area.top + 12.0, Style::SMALL, area.width(), &text);
    area.top + 20.0
}
