//! Curves over periods: points that can be opened, the interval as a band where there is one curve.

use diptych_journey::Cell;
use diptych_journey::seam::Unit;

use super::Part;
use super::legend::{self, Key};
use crate::canvas::{Canvas, Path, Rect, Style};
use crate::drawing::{Area, Drawing};
use crate::numbers;
use crate::theme::Paint;

const HEIGHT: f64 = 170.0;
/// Room for a number above the first and the last point.
const INSET: f64 = 20.0;

/// One curve.
pub(super) struct Series<'a> {
    pub part: Part<'a>,
    /// Period and cell.
    pub cells: Vec<(String, &'a Cell)>,
    pub paint: Paint,
    /// Whether its points open their cells, or repeat what a matrix below opens.
    pub points: Points,
}

/// What the points of a curve are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Points {
    /// They stand for their cells.
    Cells,
    /// The cells stand elsewhere in the picture.
    Hints,
}

/// What the axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 0 to 1, written in percent.
    Share,
    /// Minor units.
    Money,
    /// A score from −1 to 1, written from −100 to 100.
    Score,
    /// Whole numbers.
    Count,
}

impl Kind {
    fn write(self, value: f64) -> String {
        match self {
            Self::Share => format!("{} %", numbers::whole_percent(value)),
            Self::Money => numbers::short_money(value),
            Self::Score => numbers::whole_percent(value),
            Self::Count => numbers::decimal(value),
        }
    }
}

/// Finds the cells of periods that have a number: `period:3`.
pub(super) fn periods(part: Part<'_>) -> Vec<(String, &Cell)> {
    of_prefix(part, "period:")
}

/// Finds the cells whose id is a prefix and a period, and that have a number.
pub(super) fn of_prefix<'a>(part: Part<'a>, prefix: &str) -> Vec<(String, &'a Cell)> {
    let cells = part.cells.iter().filter(|cell| numbers::finite(cell.value).is_some());
    cells.filter_map(|cell| Some((cell.id.strip_prefix(prefix)?.to_owned(), cell))).collect()
}

/// Returns the word under the axis of periods: `month`.
pub(super) fn unit_of_periods(drawing: &Drawing) -> String {
    let words = ["period", "cohort"].iter().find_map(|parameter| drawing.parameters[*parameter].as_str());
    words.unwrap_or("period").to_owned()
}

/// Draws curves over the same periods; returns the bottom.
pub(super) fn draw(canvas: &mut Canvas, series: &[Series], kind: Kind, axis: &str, area: Area) -> f64 {
    let mut labels: Vec<&str> = Vec::new();
    for (label, _) in series.iter().flat_map(|one| &one.cells) {
        if !labels.contains(&label.as_str()) {
            labels.push(label);
        }
    }
    if labels.len() < 2 {
        return area.top;
    }
    let is_alone = series.len() == 1;
    let drawn = || series.iter().flat_map(|one| &one.cells).map(|(_, cell)| *cell);
    let ends = |cell: &Cell| if is_alone { [cell.value, cell.lo, cell.hi] } else { [cell.value, None, None] };
    let numbers = || drawn().flat_map(ends).filter_map(numbers::finite);
    let (low, high) = (numbers().fold(0.0, f64::min), numbers().fold(0.0, f64::max));
    let ticks = ticks(low, high);
    let (low, high) = (ticks[0].min(low), ticks[ticks.len() - 1].max(high));
    let axis_width = ticks.iter().map(|tick| Style::SMALL.width(&kind.write(*tick))).fold(0.0, f64::max) + 8.0;
    let (left, right, base) = (area.left + axis_width, area.right - 10.0, area.top + 18.0 + HEIGHT);
    let right = right.min(left + labels.len() as f64 * 120.0);
    let x_of = |idx: usize| left + INSET + (right - left - 2.0 * INSET) * idx as f64 / (labels.len() - 1) as f64;
    let y_of = |value: f64| base - HEIGHT * (value - low) / (high - low).max(f64::MIN_POSITIVE);

    for tick in &ticks {
        let y = y_of(*tick);
        canvas.line((left, y), (right, y), Paint::Line, if *tick == 0.0 { 1.2 } else { 0.5 });
        canvas.text(left - 8.0, y + 4.0, Style::SMALL.end(), axis_width, &kind.write(*tick));
    }
    let widest = labels.iter().map(|label| Style::SMALL.width(label)).fold(0.0, f64::max);
    let every = ((widest + 8.0) / ((right - left - 2.0 * INSET) / (labels.len() - 1) as f64)).ceil().max(1.0) as usize;
    let mut free_from = area.left;
    for (idx, label) in labels.iter().enumerate().step_by(every) {
        let half = Style::SMALL.width(label) / 2.0;
        let x = x_of(idx).clamp(area.left + half, (area.right - half).max(area.left + half));
        if x - half >= free_from {
            canvas.text(x, base + 16.0, Style::SMALL.middle(), 2.0 * half + 1.0, label);
            free_from = x + half + 8.0;
        }
    }
    canvas.text((left + right) / 2.0, base + 32.0, Style::SMALL.middle(), right - left, axis);

    for one in series {
        let points: Vec<(f64, &Cell)> =
            one.cells.iter().filter_map(|(label, cell)| Some((x_of(labels.iter().position(|known| known == label)?), *cell))).collect();
        if is_alone {
            band(canvas, &points, y_of, one.paint);
        }
        let mut line: Option<Path> = None;
        for (x, cell) in &points {
            let point = (*x, y_of(numbers::finite(cell.value).unwrap_or(0.0)));
            match &mut line {
                Some(line) => line.line(point),
                None => line = Some(Path::from(point)),
            }
        }
        if let Some(line) = &line {
            canvas.path(line, one.paint, 2.0, 1.0);
        }
        let step = (right - left) / labels.len() as f64;
        let numbers_fit = is_alone && step >= points.iter().map(|(_, cell)| Style::SMALL.width(&short(cell))).fold(0.0, f64::max) + 6.0;
        for (x, cell) in points {
            let y = y_of(numbers::finite(cell.value).unwrap_or(0.0));
            let mark = |canvas: &mut Canvas| {
                canvas.target(Rect::new(x - step / 2.0, y - 12.0, step, 24.0));
                canvas.circle(x, y, 3.5, one.paint);
                let above = numbers::finite(cell.hi).map_or(y, |hi| y_of(hi).min(y)) - 6.0;
                if numbers_fit && above - Style::SMALL.size >= area.top {
                    canvas.text(x, above, Style::SMALL.middle().paint(Paint::Ink), step, &short(cell));
                }
            };
            match one.points {
                Points::Cells => canvas.cell(cell, one.part.group, mark),
                Points::Hints => canvas.hint(cell, one.part.group, mark),
            }
        }
    }
    let entries: Vec<(Key, &str)> = series.iter().filter_map(|one| Some((Key::Colour(one.paint), one.part.group?))).collect();
    legend::draw(canvas, Area { top: base + 42.0, ..area }, &entries) + 6.0
}

fn band(canvas: &mut Canvas, points: &[(f64, &Cell)], y_of: impl Fn(f64) -> f64, paint: Paint) {
    let upper = points.iter().filter_map(|(x, cell)| Some((*x, y_of(numbers::finite(cell.hi)?))));
    let lower = points.iter().rev().filter_map(|(x, cell)| Some((*x, y_of(numbers::finite(cell.lo)?))));
    let mut path: Option<Path> = None;
    for point in upper.chain(lower) {
        match &mut path {
            Some(path) => path.line(point),
            None => path = Some(Path::from(point)),
        }
    }
    if let Some(path) = path {
        canvas.area(&path, paint, 0.18);
    }
}

fn short(cell: &Cell) -> String {
    let Some(value) = numbers::finite(cell.value) else { return String::new() };
    let asterisk = if numbers::is_incomplete(cell) { "*" } else { "" };
    match cell.unit {
        Unit::Money => format!("{}{asterisk}", numbers::short_money(value)),
        _ if numbers::is_share(cell) => format!("{}{asterisk}", numbers::hundredths(value)),
        _ if value.abs() <= 1.0 => format!("{}{asterisk}", numbers::whole_percent(value)),
        _ => numbers::decimal(value),
    }
}

/// Returns three to seven round numbers that span from `low` to `high`.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = (high - low).max(f64::MIN_POSITIVE);
    let magnitude = 10_f64.powf((span / 4.0).log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * magnitude).find(|step| span / step <= 5.0);
    let step = step.unwrap_or(span);
    let (first, last) = ((low / step + 1e-9).floor() as i64, (high / step - 1e-9).ceil() as i64);
    (first..=last).map(|k| k as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_round_and_span_the_numbers() {
        assert_eq!(ticks(0.0, 0.64), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8]);
        assert_eq!(ticks(0.0, 42_217.0), [0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0, 50_000.0]);
        assert_eq!(ticks(-0.3, 0.4), [-0.4, -0.2, 0.0, 0.2, 0.4]);
        assert!(ticks(0.0, 0.0).len() < 8);
    }
}
