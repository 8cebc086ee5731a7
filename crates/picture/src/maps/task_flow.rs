//! The task flow: the planned path of a task, thick, against what people did: how many came to each step, where they left,
//! and which ways they took that nobody planned.
//!
//! Shapes follow flow charts: a lozenge for start and end, a box for a step, a dashed line of its own for ways off the path.

use diptych_journey::Cell;

use crate::canvas::{Canvas, Path, Rect, Style};
use crate::drawing::{Area, header};
use crate::numbers;
use crate::theme::{Paint, Theme};

/// A task with its planned path and what was measured.
#[derive(Debug, Clone, Default)]
pub struct TaskFlow<'a> {
    /// Title of the picture.
    pub title: &'a str,
    /// How it counts; may be empty.
    pub subtitle: &'a str,
    /// The planned path from start to success, in order.
    pub steps: Vec<FlowStep<'a>>,
    /// Ways that were taken beside the planned one, the most frequent ones.
    pub ways: Vec<FlowEdge<'a>>,
    /// How attempts ended that did not succeed: failed, abandoned, open.
    pub endings: Vec<(&'a str, &'a Cell)>,
    /// ISO code of the currency of amounts; may be empty.
    pub currency: &'a str,
}

/// A step of the planned path.
#[derive(Debug, Clone)]
pub struct FlowStep<'a> {
    /// Its event.
    pub name: &'a str,
    /// What it is on the path.
    pub kind: StepKind,
    /// The share of attempts that came to it.
    pub reached: Option<&'a Cell>,
    /// The median time from the step before it.
    pub time: Option<&'a Cell>,
    /// Errors at it.
    pub errors: Option<&'a Cell>,
}

/// What a step is on the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Where an attempt begins.
    Start,
    /// Between start and success.
    Step,
    /// The goal.
    Success,
}

/// A way from one step to another that the plan has not got.
#[derive(Debug, Clone)]
pub struct FlowEdge<'a> {
    /// Event that it leaves.
    pub from: &'a str,
    /// Event that it comes to; may be one that is not on the path.
    pub to: &'a str,
    /// How often.
    pub cell: &'a Cell,
}

const BOX_HEIGHT: f64 = 84.0;
const MIN_BOX: f64 = 124.0;
const MIN_BETWEEN: f64 = 72.0;

/// Draws a task flow; the width is in pixels (280 to 4,000).
pub fn task_flow(flow: &TaskFlow, theme: Theme, width: u32) -> String {
    let width = f64::from(width.clamp(280, 4000));
    let mut canvas = Canvas::new(width, theme, flow.currency, &format!("{flow:?} {theme:?} {width}"));
    let area = Area::of(width);
    let top = header(&mut canvas, area, flow.title, flow.subtitle);
    let area = Area { top, ..area };
    let n = flow.steps.len() as f64;
    let between = ((area.width() - n * MIN_BOX) / (n - 1.0).max(1.0)).min(120.0);
    let y = match flow.steps.as_slice() {
        [] => no_steps(&mut canvas, area),
        _ if between < MIN_BETWEEN => down(&mut canvas, flow, area),
        _ => across(&mut canvas, flow, between, area),
    };
    let y = endings(&mut canvas, flow, Area { top: y + 6.0, ..area });
    let y = ways(&mut canvas, flow, Area { top: y + 6.0, ..area });
    let text = "Thick: the planned path, as wide as the share of attempts that came so far. Dashed: ways that nobody planned.";
    let y = canvas.paragraph(area.left, y + 14.0, Style::SMALL, area.width(), 3, text);
    canvas.finish(y + 8.0, flow.title)
}

fn no_steps(canvas: &mut Canvas, area: Area) -> f64 {
    let style = Style::LABEL.paint(Paint::Muted).middle();
    canvas.text((area.left + area.right) / 2.0, area.top + 40.0, style, area.width(), "The task has no planned path.");
    area.top + 64.0
}

fn share(step: &FlowStep) -> f64 {
    step.reached.and_then(|cell| numbers::finite(cell.value)).unwrap_or(0.0).clamp(0.0, 1.0)
}

fn has_number(cell: &&&Cell) -> bool {
    cell.value.is_some()
}

/// Finds the ways between two steps of the path other than the planned ones.
fn on_path<'a>(flow: &'a TaskFlow) -> Vec<(usize, usize, &'a Cell)> {
    let position = |name: &str| flow.steps.iter().position(|step| step.name == name);
    let way = |edge: &FlowEdge<'a>| Some((position(edge.from)?, position(edge.to)?, edge.cell));
    flow.ways.iter().filter_map(way).filter(|(from, to, cell)| *to != from + 1 && from != to && cell.n > 0).take(6).collect()
}

fn across(canvas: &mut Canvas, flow: &TaskFlow, between: f64, area: Area) -> f64 {
    let n = flow.steps.len() as f64;
    let width = ((area.width() - between * (n - 1.0)) / n).min(220.0);
    let x_of = |idx: usize| area.left + idx as f64 * (width + between);
    let ways = on_path(flow);
    let top = area.top + 8.0 + if ways.is_empty() { 0.0 } else { 12.0 + 22.0 * ways.len() as f64 };
    for (level, (from, to, cell)) in ways.iter().enumerate() {
        let y = area.top + 16.0 + 22.0 * level as f64;
        let (from_x, to_x) = (x_of(*from) + width * 0.62, x_of(*to) + width * 0.38);
        let mut path = Path::from((from_x, top));
        path.line((from_x, y));
        path.line((to_x, y));
        path.line((to_x, top - 7.0));
        canvas.cell(cell, None, |canvas| {
            canvas.dashed(&path, Paint::Warn, 1.8);
            canvas.arrow_head((to_x, top), (0.0, 1.0), 8.0, Paint::Warn);
            let text = format!("{} {}", numbers::value(cell), cell.label);
            canvas.text_over(from_x.max(to_x) - 8.0, y - 5.0, Style::SMALL.end(), (to_x - from_x).abs() - 16.0, &text);
        });
    }
    let middle = top + BOX_HEIGHT / 2.0;
    for (idx, step) in flow.steps.iter().enumerate() {
        if idx > 0 {
            let (from, to) = (x_of(idx) - between, x_of(idx));
            canvas.arrow((from + 2.0, middle), (to - 2.0, middle), Paint::Good, (20.0 * share(step)).max(1.5));
            if let Some(time) = step.time.as_ref().filter(has_number) {
                canvas.cell(time, None, |canvas| {
                    canvas.text((from + to) / 2.0, middle - 17.0, Style::SMALL.middle(), between - 6.0, &numbers::value(time));
                });
            }
        }
        step_box(canvas, step, Rect::new(x_of(idx), top, width, BOX_HEIGHT));
    }
    top + BOX_HEIGHT + 8.0
}

fn down(canvas: &mut Canvas, flow: &TaskFlow, area: Area) -> f64 {
    let mut y = area.top + 4.0;
    let width = area.width().min(260.0);
    for (idx, step) in flow.steps.iter().enumerate() {
        if idx > 0 {
            let x = area.left + width / 2.0;
            canvas.arrow((x, y + 2.0), (x, y + 38.0), Paint::Good, (20.0 * share(step)).max(1.5));
            if let Some(time) = step.time.as_ref().filter(has_number) {
                canvas.cell(time, None, |canvas| {
                    canvas.text(x + 20.0, y + 24.0, Style::SMALL, area.right - x - 20.0, &format!("{} after", numbers::value(time)));
                });
            }
            y += 40.0;
        }
        step_box(canvas, step, Rect::new(area.left, y, width, BOX_HEIGHT));
        y += BOX_HEIGHT;
    }
    y + 8.0
}

fn step_box(canvas: &mut Canvas, step: &FlowStep, place: Rect) {
    let radius = if step.kind == StepKind::Step { 3.0 } else { place.height / 2.0 };
    let (x, room) = (place.x + place.width / 2.0, place.width - if step.kind == StepKind::Step { 20.0 } else { 44.0 });
    let stroke = if step.kind == StepKind::Success { Paint::Good } else { Paint::Line };
    let draw = |canvas: &mut Canvas| {
        canvas.outline(place, radius, Some(Paint::Panel), stroke);
        canvas.text(x, place.y + 24.0, Style::STRONG.middle(), room, step.name);
        let Some(cell) = step.reached else { return };
        canvas.text(x, place.y + 44.0, Style { size: 16.0, ..Style::STRONG }.middle(), room, &numbers::value(cell));
        canvas.text(x, place.y + 59.0, Style::SMALL.middle(), room, &numbers::interval(cell));
    };
    match step.reached {
        Some(cell) => canvas.cell(cell, None, draw),
        None => draw(canvas),
    }
    if let Some(errors) = step.errors.filter(|errors| errors.value.is_some_and(|value| value > 0.0)) {
        canvas.cell(errors, None, |canvas| {
            let text = format!("{} errors", numbers::value(errors));
            canvas.text(x, place.y + 75.0, Style::SMALL.middle().paint(Paint::Ink), room, &text);
        });
    }
}

/// Lists how attempts ended that did not succeed.
fn endings(canvas: &mut Canvas, flow: &TaskFlow, area: Area) -> f64 {
    let (mut x, mut y) = (area.left, area.top);
    for (words, cell) in flow.endings.iter().filter(|(_, cell)| cell.value.is_some()) {
        let text = format!("{} {words}", numbers::value(cell));
        let width = 18.0 + Style::LABEL.width(&text).min(area.width() - 18.0);
        if x > area.left && x + width > area.right {
            (x, y) = (area.left, y + 20.0);
        }
        canvas.cell(cell, None, |canvas| {
            canvas.rect(Rect::new(x, y + 2.0, 11.0, 11.0), Paint::Bad, 1.0);
            canvas.text(x + 18.0, y + 12.0, Style::LABEL, area.width() - 18.0, &text);
        });
        x += width + 18.0;
    }
    if flow.endings.is_empty() { y } else { y + 20.0 }
}

/// Lists the ways that are not drawn between the boxes.
fn ways(canvas: &mut Canvas, flow: &TaskFlow, area: Area) -> f64 {
    let is_narrow = (area.width() - flow.steps.len() as f64 * MIN_BOX) / (flow.steps.len() as f64 - 1.0).max(1.0) < MIN_BETWEEN;
    let drawn: Vec<&Cell> = if is_narrow { Vec::new() } else { on_path(flow).into_iter().map(|(_, _, cell)| cell).collect() };
    let listed: Vec<&FlowEdge> = flow.ways.iter().filter(|edge| !drawn.iter().any(|cell| cell.id == edge.cell.id)).take(8).collect();
    if listed.is_empty() {
        return area.top;
    }
    canvas.text(area.left, area.top + 13.0, Style::STRONG, area.width(), "Off the planned path");
    let mut y = area.top + 20.0;
    for edge in listed {
        canvas.cell(edge.cell, None, |canvas| {
            let mut path = Path::from((area.left, y + 8.0));
            path.line((area.left + 22.0, y + 8.0));
            canvas.dashed(&path, Paint::Warn, 1.8);
            let text = format!("{} → {}: {}", edge.from, edge.to, numbers::value(edge.cell));
            canvas.text(area.left + 30.0, y + 12.0, Style::LABEL, area.width() - 30.0, &text);
        });
        y += 19.0;
    }
    y
}
