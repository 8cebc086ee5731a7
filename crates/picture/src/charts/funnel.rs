//! Funnel: each step as a column of full height, filled as far as people came; what was lost on the way to it is hatched.
//!
//! Narrow pictures have a row per step. With groups, each step has a bar per group, and a row of numbers per group below.

use diptych_journey::Cell;

use super::bars::{Bar, Rows};
use super::legend::{self, Key};
use super::{MAX_GROUPS, Part, more_groups};
use crate::canvas::{Canvas, Hatch, Rect, Style, Whisker};
use crate::drawing::{Area, Drawing, find};
use crate::numbers;
use crate::theme::Paint;

/// Height of the columns.
const HEIGHT: f64 = 220.0;
/// A column that would be narrower makes rows of the steps.
const MIN_COLUMN: f64 = 96.0;
/// Space between columns, for the time between steps.
const BETWEEN: f64 = 58.0;

/// The same with groups.
const GROUPED_HEIGHT: f64 = 180.0;
const MIN_GROUPED_COLUMN: f64 = 150.0;
const BETWEEN_GROUPS: f64 = 28.0;
/// Room for the square of a group's colour.
const KEY: f64 = 17.0;

/// A step with what belongs to it.
struct Step<'a> {
    /// Those who reached it.
    reached: &'a Cell,
    /// Part of those who began, 0 to 1.
    share: f64,
    of_previous: Option<&'a Cell>,
    /// Those who stopped before it, and of these those whose window is not over.
    stopped: Option<&'a Cell>,
    open: Option<&'a Cell>,
    time: Option<&'a Cell>,
}

fn steps(cells: &[Cell]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    while let Some(reached) = find(cells, &format!("step:{}", steps.len() + 1)) {
        let k = steps.len() + 1;
        let first = k == 1;
        let share = if first { f64::from(u8::from(reached.n > 0)) } else { numbers::finite(reached.value).unwrap_or(0.0) };
        let before = |kind: &str| if first { None } else { find(cells, &format!("{kind}:{}", k - 1)) };
        steps.push(Step {
            reached,
            share: share.clamp(0.0, 1.0),
            of_previous: find(cells, &format!("of_previous:{k}")),
            stopped: before("stopped"),
            open: before("open").filter(|open| open.n > 0),
            time: find(cells, &format!("time:{k}")),
        });
    }
    steps
}

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    let all = steps(part.cells);
    if all.first().is_none_or(|first| first.reached.n == 0) {
        return area.top;
    }
    let gaps = (all.len() - 1) as f64 * BETWEEN;
    let column = (area.width() - gaps) / all.len() as f64;
    let bottom = if column < MIN_COLUMN { rows(canvas, &all, area) } else { columns(canvas, &all, area, column.min(230.0)) };
    let Some(time) = part.find("time:all").filter(|time| time.value.is_some()) else { return bottom };
    canvas.cell(time, None, |canvas| {
        let text = format!("{}: {}", time.label, numbers::value(time));
        canvas.text(area.left, bottom + 12.0, Style::LABEL, area.width(), &text);
    });
    bottom + 24.0
}

fn first_counts(step: &Step) -> String {
    match step.reached.x {
        Some(x) if step.reached.n >= 30 => format!("{} · {}", numbers::thousands(x), numbers::value(step.reached)),
        Some(_) => numbers::value(step.reached),
        None => numbers::thousands(step.reached.n),
    }
}

fn columns(canvas: &mut Canvas, steps: &[Step], area: Area, column: f64) -> f64 {
    let top = area.top + 52.0;
    let base = top + HEIGHT;
    for (idx, step) in steps.iter().enumerate() {
        let x = area.left + idx as f64 * (column + BETWEEN);
        let filled = HEIGHT * step.share;
        if let (Some(previous), Some(stopped)) = (idx.checked_sub(1).map(|idx| &steps[idx]), step.stopped) {
            canvas.rect(Rect::new(x, top, column, HEIGHT * (1.0 - previous.share)), Paint::Panel, 1.0);
            let lost = HEIGHT * (previous.share - step.share).max(0.0);
            let open = step.open.map_or(0.0, |open| lost * open.n as f64 / (stopped.n as f64).max(1.0));
            canvas.cell(stopped, None, |canvas| {
                canvas.hatched(Rect::new(x, base - filled - lost, column, lost - open), Hatch::Lost);
            });
            if let Some(cell) = step.open {
                canvas.cell(cell, None, |canvas| canvas.hatched(Rect::new(x, base - filled - open, column, open), Hatch::Open));
            }
        }
        canvas.cell(step.reached, None, |canvas| {
            canvas.text(x, area.top + 12.0, Style::STRONG, column, &step.reached.label);
            canvas.text(x, area.top + 28.0, Style::LABEL, column, &first_counts(step));
            canvas.text(x, area.top + 43.0, Style::SMALL, column, &numbers::interval(step.reached));
            canvas.rect(Rect::new(x, base - filled, column, filled), Paint::Series(0), 1.0);
            if let (Some(lo), Some(hi)) = (numbers::finite(step.reached.lo), numbers::finite(step.reached.hi)) {
                canvas.whisker(Whisker::Up, x + column / 2.0, base - HEIGHT * lo.clamp(0.0, 1.0), base - HEIGHT * hi.clamp(0.0, 1.0));
            }
        });
        if idx > 0 {
            between(canvas, step, (x - BETWEEN, x), base);
            if let Some(of_previous) = step.of_previous {
                canvas.cell(of_previous, None, |canvas| {
                    canvas.text(x, base + 16.0, Style::SMALL, column, &format!("{} of previous", numbers::value(of_previous)));
                });
            }
        }
    }
    legend(canvas, steps, Area { top: base + 30.0, ..area })
}

/// Draws the arrow between two columns with the median time above it.
fn between(canvas: &mut Canvas, step: &Step, (from, to): (f64, f64), base: f64) {
    let y = base - 14.0;
    canvas.line((from + 8.0, y), (to - 12.0, y), Paint::Line, 1.5);
    canvas.arrow_head((to - 7.0, y), (1.0, 0.0), 7.0, Paint::Line);
    if let Some(time) = step.time.filter(|time| time.value.is_some()) {
        canvas.cell(time, None, |canvas| {
            canvas.target(Rect::new(from, y - 20.0, to - from, 26.0));
            canvas.text((from + to) / 2.0, y - 8.0, Style::SMALL.middle(), to - from - 6.0, &numbers::value(time));
        });
    }
}

fn rows(canvas: &mut Canvas, steps: &[Step], area: Area) -> f64 {
    let mut y = area.top;
    for (idx, step) in steps.iter().enumerate() {
        let (bar, filled) = (y + 20.0, area.width() * step.share);
        let right = first_counts(step);
        let name = area.width() - Style::STRONG.width(&right) - 12.0;
        if let (Some(previous), Some(stopped)) = (idx.checked_sub(1).map(|idx| &steps[idx]), step.stopped) {
            let lost = area.width() * (previous.share - step.share).max(0.0);
            let open = step.open.map_or(0.0, |open| lost * open.n as f64 / (stopped.n as f64).max(1.0));
            let end = area.left + filled + lost;
            canvas.rect(Rect::new(end, bar, area.right - end, 20.0), Paint::Panel, 1.0);
            canvas.cell(stopped, None, |canvas| {
                canvas.hatched(Rect::new(area.left + filled + open, bar, lost - open, 20.0), Hatch::Lost);
            });
            if let Some(cell) = step.open {
                canvas.cell(cell, None, |canvas| canvas.hatched(Rect::new(area.left + filled, bar, open, 20.0), Hatch::Open));
            }
        }
        canvas.cell(step.reached, None, |canvas| {
            canvas.text(area.left, y + 13.0, Style::STRONG, name, &step.reached.label);
            canvas.text(area.right, y + 13.0, Style::STRONG.end(), area.width(), &right);
            canvas.rect(Rect::new(area.left, bar, filled, 20.0), Paint::Series(0), 1.0);
            if let (Some(lo), Some(hi)) = (numbers::finite(step.reached.lo), numbers::finite(step.reached.hi)) {
                canvas.whisker(
                    Whisker::Across,
                    bar + 10.0,
                    area.left + area.width() * lo.clamp(0.0, 1.0),
                    area.left + area.width() * hi.clamp(0.0, 1.0),
                );
                canvas.text(area.right, bar + 33.0, Style::SMALL.end(), area.width() * 0.4, &numbers::interval(step.reached));
            }
        });
        let below = bar + 33.0;
        let mut x = area.left;
        for (cell, word) in [(step.of_previous, " of previous"), (step.time, " after")] {
            let Some(cell) = cell.filter(|cell| cell.value.is_some()) else { continue };
            let text = format!("{}{word}", numbers::value(cell));
            let room = area.left + area.width() * 0.58 - x;
            canvas.cell(cell, None, |canvas| canvas.text(x, below, Style::SMALL, room, &text));
            x += Style::SMALL.width(&text) + 14.0;
        }
        y += if idx == 0 { 52.0 } else { 68.0 };
    }
    legend(canvas, steps, Area { top: y, ..area })
}

fn legend(canvas: &mut Canvas, steps: &[Step], area: Area) -> f64 {
    let mut entries = vec![(Key::Colour(Paint::Series(0)), "reached"), (Key::Hatched(Hatch::Lost), "stopped before it")];
    if steps.iter().any(|step| step.open.is_some()) {
        entries.push((Key::Hatched(Hatch::Open), "of these, window not over"));
    }
    legend::draw(canvas, area, &entries)
}

pub(super) fn grouped(canvas: &mut Canvas, drawing: &Drawing, area: Area) -> f64 {
    let began = |cells: &[Cell]| find(cells, "step:1").is_some_and(|first| first.n > 0);
    let groups: Vec<(&str, Vec<Step>)> =
        drawing.groups.iter().filter(|group| began(group.cells)).map(|group| (group.label(), steps(group.cells))).collect();
    if groups.is_empty() {
        return draw(canvas, Part { cells: drawing.cells, group: None, hottest: 1.0 }, area);
    }
    let shown = &groups[..groups.len().min(MAX_GROUPS)];
    let bars: Vec<Vec<Bar>> = shown.iter().enumerate().map(|(idx, (label, steps))| bars(label, steps, idx)).collect();
    let names = steps(drawing.cells);
    let names: Vec<&str> = names.iter().map(|step| step.reached.label.as_str()).collect();
    let widest = shown.iter().map(|(label, _)| Style::LABEL.width(label)).fold(0.0, f64::max);
    let side = KEY + widest.min(area.width() * 0.2) + 16.0;
    let column = (area.width() - side - BETWEEN_GROUPS * (names.len() - 1) as f64) / names.len() as f64;
    if column >= MIN_GROUPED_COLUMN {
        let bottom = grouped_columns(canvas, &names, &bars, (side, column), area);
        return more_groups(canvas, groups.len(), Area { top: bottom, ..area });
    }
    let rows = Rows::new(bars.iter().flatten(), 1.0, area);
    let mut y = area.top;
    for (k, name) in names.iter().enumerate() {
        canvas.text(area.left, y + 12.0, Style::STRONG, area.width(), name);
        y += 20.0;
        for bar in bars.iter().filter_map(|bars| bars.get(k)) {
            y = rows.draw(canvas, bar, y);
        }
        y += 10.0;
    }
    more_groups(canvas, groups.len(), Area { top: y, ..area })
}

/// Draws a column per step with a bar per group in it, and below it a row of numbers per group.
fn grouped_columns(canvas: &mut Canvas, names: &[&str], bars: &[Vec<Bar>], (side, column): (f64, f64), area: Area) -> f64 {
    let (top, base) = (area.top + 24.0, area.top + 24.0 + GROUPED_HEIGHT);
    let width = (column / bars.len() as f64).min(56.0);
    let row_y = |idx: usize| base + 24.0 + 21.0 * idx as f64;
    for (idx, bar) in bars.iter().filter_map(|bars| bars.first()).enumerate() {
        canvas.rect(Rect::new(area.left, row_y(idx) - 10.0, 11.0, 11.0), bar.paint, 1.0);
        canvas.text(area.left + KEY, row_y(idx), Style::LABEL, side - KEY - 12.0, bar.name);
    }
    for (k, name) in names.iter().enumerate() {
        let x = area.left + side + k as f64 * (column + BETWEEN_GROUPS);
        canvas.text(x, area.top + 12.0, Style::STRONG, column, name);
        for (idx, bar) in bars.iter().enumerate().filter_map(|(idx, bars)| Some((idx, bars.get(k)?))) {
            canvas.cell(bar.cell, bar.group, |canvas| {
                let left = x + idx as f64 * width;
                let filled = GROUPED_HEIGHT * bar.length;
                canvas.rect(Rect::new(left, top, width - 4.0, GROUPED_HEIGHT), Paint::Panel, 1.0);
                canvas.rect(Rect::new(left, base - filled, width - 4.0, filled), bar.paint, 1.0);
                if let (Some(lo), Some(hi)) = (numbers::finite(bar.cell.lo), numbers::finite(bar.cell.hi)) {
                    let at = |share: f64| base - GROUPED_HEIGHT * share.clamp(0.0, 1.0);
                    canvas.whisker(Whisker::Up, left + width / 2.0 - 2.0, at(lo), at(hi));
                }
                canvas.text(x, row_y(idx), Style::LABEL, column, &bar.value);
                let interval = numbers::interval(bar.cell);
                let room = column - Style::LABEL.width(&bar.value) - 10.0;
                if Style::SMALL.width(&interval) <= room {
                    canvas.text(x + Style::LABEL.width(&bar.value) + 10.0, row_y(idx), Style::SMALL, room, &interval);
                }
            });
        }
    }
    row_y(bars.len()) - 6.0
}

/// Makes the bars of a group, one per step.
fn bars<'a>(label: &'a str, steps: &[Step<'a>], idx: usize) -> Vec<Bar<'a>> {
    let bar = |step: &Step<'a>| Bar {
        value: first_counts(step),
        length: step.share,
        ..Bar::new(step.reached, Some(label), label, Paint::Series(idx))
    };
    steps.iter().map(bar).collect()
}
