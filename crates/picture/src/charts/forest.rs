//! Behind a drop-off: a forest plot of differences in the share lost, with the zero line; what is named is strong and has its price.

use diptych_journey::Cell;

use super::{Part, chips, facts};
use crate::canvas::{Canvas, Rect, Style};
use crate::drawing::{Area, Drawing};
use crate::numbers;
use crate::theme::Paint;

/// A signal with what is drawn of it.
struct Signal<'a> {
    name: &'a str,
    cell: &'a Cell,
    is_named: bool,
    money: Option<&'a Cell>,
}

fn signals<'a>(part: Part<'a>) -> Vec<Signal<'a>> {
    let names = part.names("signal:", ":exposed");
    let signal = |name: &'a str| {
        let cell = part.find(&format!("signal:{name}"))?;
        let money = part.find(&format!("signal:{name}:money"));
        let is_named = !cell.flags.contains(&"e0") && cell.value.is_some();
        Some(Signal { name, cell, is_named, money: money.filter(|money| money.value.is_some() && !money.flags.contains(&"not_priced")) })
    };
    names.filter_map(signal).collect()
}

pub(super) fn draw(canvas: &mut Canvas, drawing: &Drawing, part: Part, area: Area) -> f64 {
    if part.find("resolved").is_none_or(|resolved| resolved.n == 0) {
        return area.top;
    }
    let ids = ["resolved", "lost", "lost:money", "named:lost", "named:money", "value"];
    let facts: Vec<(&Cell, &str)> =
        ids.iter().filter_map(|id| part.find(id)).filter(|cell| cell.value.is_some()).map(|cell| (cell, cell.label.as_str())).collect();
    let mut y = facts::draw_named(canvas, part, &facts, area) + 4.0;
    let (drawn, empty): (Vec<Signal>, Vec<Signal>) =
        signals(part).into_iter().partition(|signal| numbers::finite(signal.cell.value).is_some());
    if !drawn.is_empty() {
        y = plot(canvas, drawing, part, &drawn, Area { top: y, ..area });
    }
    if !empty.is_empty() {
        canvas.text(area.left, y + 13.0, Style::LABEL, area.width(), "Nothing to compare, so read the cases one by one:");
        let chips: Vec<(&Cell, String)> = empty.iter().map(|signal| (signal.cell, signal.name.to_owned())).collect();
        y = chips::draw(canvas, part, &chips, Area { top: y + 19.0, ..area });
    }
    y + 4.0
}

fn plot(canvas: &mut Canvas, drawing: &Drawing, part: Part, signals: &[Signal], area: Area) -> f64 {
    canvas.text(area.left, area.top + 12.0, Style::STRONG, area.width(), "Difference in the share lost, in points, with 95 % interval");
    let ends = signals.iter().flat_map(|signal| [signal.cell.value, signal.cell.lo, signal.cell.hi]).filter_map(numbers::finite);
    let reach = ends.map(f64::abs).fold(0.05, f64::max).min(1.0);
    let lowest = signals.iter().flat_map(|signal| [signal.cell.value, signal.cell.lo]).filter_map(numbers::finite).fold(0.0, f64::min);
    // Around zero on both sides; the side that nothing reaches far into is shorter.
    let (low, high) = (lowest.max(-1.0).min(-0.2 * reach), reach);
    let is_narrow = area.is_narrow();
    let name = signals.iter().map(|signal| Style::STRONG.width(signal.name)).fold(0.0, f64::max).min(area.width() * 0.25);
    let number = signals.iter().map(|signal| Style::STRONG.width(&numbers_of(signal.cell))).fold(0.0, f64::max);
    let money = signals.iter().filter_map(|signal| Some(Style::LABEL.width(&price(drawing, signal.money?)))).fold(0.0, f64::max);
    let left = if is_narrow { area.left } else { area.left + name + 16.0 };
    let right = if is_narrow { area.right } else { area.right - number - 20.0 - if money > 0.0 { money + 20.0 } else { 0.0 } };
    let at = |value: f64| left + 6.0 + (right - left - 12.0) * (value.clamp(low, high) - low) / (high - low);
    let top = area.top + 22.0;
    let row = if is_narrow { 54.0 } else { 32.0 };
    let base = top + row * signals.len() as f64;
    for tick in ticks(low, high, right - left) {
        canvas.line((at(tick), top), (at(tick), base), Paint::Line, if tick == 0.0 { 1.5 } else { 0.5 });
        canvas.text(at(tick), base + 15.0, Style::SMALL.middle(), 60.0, &numbers::points(tick));
    }
    for (idx, signal) in signals.iter().enumerate() {
        let y = top + idx as f64 * row;
        let (style, paint) = if signal.is_named {
            (Style::STRONG, Paint::Bad)
        } else {
            (Style { weight: crate::font::Weight::Regular, ..Style::STRONG }.paint(Paint::Muted), Paint::Muted)
        };
        let (line, text) = if is_narrow { (y + 32.0, y + 16.0) } else { (y + row / 2.0, y + row / 2.0 + 4.5) };
        canvas.cell(signal.cell, part.group, |canvas| {
            canvas.target(Rect::new(area.left, y, area.width(), row));
            let room = if is_narrow { area.width() - number - 12.0 } else { name };
            canvas.text(area.left, text, style, room, signal.name);
            let end = if is_narrow { area.right } else { right + 20.0 + number };
            canvas.text(end, text, style.end(), number + 1.0, &numbers_of(signal.cell));
            interval(canvas, signal, (line, paint), at);
        });
        if let Some(cell) = signal.money {
            canvas.cell(cell, part.group, |canvas| match is_narrow {
                true => canvas.text(area.right, y + 49.0, Style::LABEL.end(), area.width(), &price(drawing, cell)),
                false => canvas.text(area.right, text, Style::LABEL.end(), money + 1.0, &price(drawing, cell)),
            });
        }
    }
    let words = "strong: named, told from chance among all signals tested; pale: not named, so no price";
    canvas.paragraph(area.left, base + 34.0, Style::SMALL, area.width(), 2, words) + 2.0
}

fn interval(canvas: &mut Canvas, signal: &Signal, (y, paint): (f64, Paint), at: impl Fn(f64) -> f64) {
    let stroke = if signal.is_named { 2.5 } else { 1.5 };
    if let (Some(lo), Some(hi)) = (numbers::finite(signal.cell.lo), numbers::finite(signal.cell.hi)) {
        canvas.line((at(lo), y), (at(hi), y), paint, stroke);
        for end in [lo, hi] {
            canvas.line((at(end), y - 4.0), (at(end), y + 4.0), paint, stroke);
        }
    }
    let x = at(numbers::finite(signal.cell.value).unwrap_or(0.0));
    let square = Rect::new(x - 4.5, y - 4.5, 9.0, 9.0);
    match signal.is_named {
        true => canvas.rect(square, paint, 1.0),
        false => canvas.outline(square, 4.5, Some(Paint::Surface), paint),
    }
}

fn numbers_of(cell: &Cell) -> String {
    let value = numbers::finite(cell.value).map_or_else(|| "–".into(), numbers::points);
    match (numbers::finite(cell.lo), numbers::finite(cell.hi)) {
        (Some(lo), Some(hi)) => format!("{value} ({} to {})", numbers::points(lo), numbers::points(hi)),
        _ => value,
    }
}

fn price(drawing: &Drawing, money: &Cell) -> String {
    format!("{} {}", numbers::value(money), drawing.currency).trim_end().to_owned()
}

/// Returns round differences between two ends, so that their words have room.
fn ticks(low: f64, high: f64, width: f64) -> Vec<f64> {
    let n_most = (width / 56.0).clamp(1.0, 7.0);
    let step = [0.02, 0.05, 0.1, 0.2, 0.25, 0.5].into_iter().find(|step| (high - low) / step <= n_most).unwrap_or(1.0);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|k| k as f64 * step).collect()
}
