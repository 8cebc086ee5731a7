//! Funnel: each step as a column of full height, filled as far as people came; what was lost on the way to it is hatched.
//!
//! Narrow pictures have a row per step. With groups, each step has a bar per group, and a table below says the numbers.

use diptych_journey::Cell;

use super::legend::{self, Key};
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
/// Groups that are drawn; the answer has the others.
const MAX_GROUPS: usize = 8;

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

pub(super) fn draw(canvas: &mut Canvas, drawing: &Drawing, area: Area) -> f64 {
    let all = steps(drawing.cells);
    let Some(first) = all.first() else { return area.top };
    if first.reached.n == 0 {
        return area.top;
    }
    if !drawing.groups.is_empty() {
        return grouped(canvas, drawing, &all, area);
    }
    let gaps = (all.len() - 1) as f64 * BETWEEN;
    let column = (area.width() - gaps) / all.len() as f64;
    let bottom = if column < MIN_COLUMN { rows(canvas, &all, area) } else { columns(canvas, &all, area, column.min(230.0)) };
    let Some(time) = drawing.find("time:all").filter(|time| time.value.is_some()) else { return bottom };
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
                canvas.whisker(Whisker::Up, x + column / 2.0, base - HEIGHT * lo, base - HEIGHT * hi);
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
                canvas.whisker(Whisker::Across, bar + 10.0, area.left + area.width() * lo, area.left + area.width() * hi);
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

fn grouped(canvas: &mut Canvas, drawing: &Drawing, all: &[Step], area: Area) -> f64 {
    let groups: Vec<(&str, Vec<Step>)> = drawing.groups.iter().take(MAX_GROUPS).map(|group| (group.label(), steps(group.cells))).collect();
    let entries: Vec<(Key, &str)> = groups.iter().enumerate().map(|(idx, (label, _))| (Key::Colour(Paint::Series(idx)), *label)).collect();
    let mut y = legend::draw(canvas, area, &entries) + 8.0;
    let side = if area.is_narrow() { 0.0 } else { 150.0 };
    for (k, step) in all.iter().enumerate() {
        canvas.text(area.left, y + 12.0, Style::STRONG, area.width(), &step.reached.label);
        y += 20.0;
        for (idx, (label, steps)) in groups.iter().enumerate() {
            let Some(step) = steps.get(k) else { continue };
            let numbers_width = 200.0_f64.min(area.width() * 0.5);
            let left = area.left + side;
            let full = area.right - numbers_width - 12.0 - left;
            let filled = full * step.share;
            canvas.cell(step.reached, Some(label), |canvas| {
                if side > 0.0 {
                    canvas.text(left - 10.0, y + 13.0, Style::LABEL.end(), side - 10.0, label);
                }
                canvas.rect(Rect::new(left, y + 2.0, full, 14.0), Paint::Panel, 1.0);
                canvas.rect(Rect::new(left, y + 2.0, filled, 14.0), Paint::Series(idx), 1.0);
                if let (Some(lo), Some(hi)) = (numbers::finite(step.reached.lo), numbers::finite(step.reached.hi)) {
                    canvas.whisker(Whisker::Across, y + 9.0, left + full * lo, left + full * hi);
                }
                let counts = first_counts(step);
                let used = Style::LABEL.width(&counts);
                let x = area.right - numbers_width;
                canvas.text(x, y + 13.0, Style::LABEL, numbers_width, &counts);
                canvas.text(area.right, y + 13.0, Style::SMALL.end(), numbers_width - used - 8.0, &numbers::interval(step.reached));
            });
            y += 20.0;
        }
        y += 10.0;
    }
    more_groups(canvas, drawing, Area { top: y, ..area })
}

/// Walks the groups that anybody is in.
fn shown<'a>(drawing: &Drawing<'a>) -> impl Iterator<Item = (&'a str, &'a [Cell])> {
    let began = |cells: &[Cell]| find(cells, "step:1").is_some_and(|first| first.n > 0);
    drawing.groups.iter().filter(move |group| began(group.cells)).map(|group| (group.label(), group.cells))
}

/// Says how many groups the picture leaves out.
fn more_groups(canvas: &mut Canvas, drawing: &Drawing, area: Area) -> f64 {
    let Some(left_out) = shown(drawing).count().checked_sub(MAX_GROUPS).filter(|left_out| *left_out > 0) else { return area.top };
    let text = format!("{left_out} more groups are in the answer");
    canvas.text(area.left, area.top + 10.0, Style::SMALL, area.width(), &text);
    area.top + 18.0
}
