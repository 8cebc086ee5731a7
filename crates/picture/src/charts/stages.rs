//! Stages: a box for each with the accounts that are there now, an arrow to the next one, and below it those who were lost.

use diptych_journey::Cell;

use super::{Part, chips};
use crate::canvas::{Canvas, Path, Rect, Style};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

/// A box is at least this wide, and there is at least this much between two.
const MIN_BOX: f64 = 132.0;
const MIN_BETWEEN: f64 = 92.0;
const BOX_HEIGHT: f64 = 92.0;
/// Width of the arrow of everybody.
const WIDEST_ARROW: f64 = 22.0;

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    if part.find("accounts").is_none_or(|accounts| accounts.n == 0) {
        return area.top;
    }
    let names: Vec<&str> = part.names("stage:", ":accounts").collect();
    let mut y = area.top;
    if let Some(accounts) = part.find("accounts") {
        y = chips::draw(canvas, part, &[(accounts, format!("{} {}", numbers::value(accounts), accounts.label))], area) + 4.0;
    }
    let n = names.len() as f64;
    let between = ((area.width() - n * MIN_BOX) / (n - 1.0).max(1.0)).min(150.0);
    let area = Area { top: y, ..area };
    if between < MIN_BETWEEN { stacked(canvas, part, &names, area) } else { side_by_side(canvas, part, &names, between, area) }
}

fn share(cell: &Cell) -> f64 {
    numbers::finite(cell.value).unwrap_or(0.0).clamp(0.0, 1.0)
}

fn has_number(cell: &&Cell) -> bool {
    cell.value.is_some()
}

/// Finds the moves of a stage to any but the next one that happened at all.
fn skips<'a>(part: Part<'a>, names: &[&str], idx: usize) -> Vec<(usize, &'a Cell)> {
    let cell = |to: usize| part.find(&format!("move:{}→{}", names[idx], names[to]));
    let others = (0..names.len()).filter(|to| *to != idx && *to != idx + 1);
    others.filter_map(|to| Some((to, cell(to)?))).filter(|(_, cell)| cell.x.is_some_and(|x| x > 0)).collect()
}

fn side_by_side(canvas: &mut Canvas, part: Part, names: &[&str], between: f64, area: Area) -> f64 {
    let n = names.len() as f64;
    let width = ((area.width() - between * (n - 1.0)) / n).min(260.0);
    let x_of = |idx: usize| area.left + idx as f64 * (width + between);
    let n_skips: usize = (0..names.len()).map(|idx| skips(part, names, idx).len()).sum();
    let top = area.top + if n_skips > 0 { 16.0 + 24.0 * n_skips as f64 } else { 4.0 };
    let mut level = 0;
    for from in 0..names.len() {
        for (to, cell) in skips(part, names, from) {
            skip(canvas, part, cell, (x_of(from) + width * 0.7, x_of(to) + width * 0.3), (area.top + 14.0 + 24.0 * level as f64, top));
            level += 1;
        }
    }
    let mut bottom = top;
    for (idx, name) in names.iter().enumerate() {
        let x = x_of(idx);
        stage_box(canvas, part, name, Rect::new(x, top, width, BOX_HEIGHT));
        let next = names.get(idx + 1).and_then(|next| part.find(&format!("move:{name}→{next}")));
        if let Some(cell) = next.filter(has_number) {
            onward(canvas, part, cell, (x + width, x + width + between), top + 58.0);
        }
        let room = width + if idx + 1 < names.len() { between - 12.0 } else { 0.0 };
        let mut y = top + BOX_HEIGHT;
        if let Some(cell) = part.find(&format!("lost:{name}")).filter(has_number) {
            lost(canvas, part, cell, (x, y), room);
            y += 50.0;
        }
        for (cell, text) in details(part, name) {
            canvas.cell(cell, part.group, |canvas| y = canvas.paragraph(x, y + 12.0, Style::SMALL, room, 2, &text) - 11.0);
        }
        bottom = bottom.max(y);
    }
    note(canvas, Area { top: bottom + 4.0, ..area })
}

fn note(canvas: &mut Canvas, area: Area) -> f64 {
    let text = "Arrows: part of the stays that ended, by where they ended; as wide as it is large.";
    canvas.paragraph(area.left, area.top + 12.0, Style::SMALL, area.width(), 2, text)
}

fn stage_box(canvas: &mut Canvas, part: Part, name: &str, place: Rect) {
    let find = |what: &str| part.find(&format!("stage:{name}:{what}"));
    let (x, room) = (place.x + 12.0, place.width - 24.0);
    canvas.outline(place, 6.0, Some(Paint::Panel), Paint::Line);
    canvas.text(x, place.y + 21.0, Style::STRONG, room, name);
    if let Some(now) = find("now") {
        let number = Style { size: 22.0, ..Style::STRONG };
        canvas.cell(now, part.group, |canvas| {
            let text = numbers::value(now);
            canvas.target(Rect::new(x, place.y + 28.0, room, 24.0));
            canvas.text(x, place.y + 49.0, number, room, &text);
            canvas.text(x + number.width(&text) + 6.0, place.y + 49.0, Style::SMALL, room - number.width(&text) - 6.0, "now");
        });
    }
    if let Some(ever) = find("accounts") {
        canvas.cell(ever, part.group, |canvas| {
            canvas.text(x, place.y + 67.0, Style::SMALL, room, &format!("{} ever", numbers::value(ever)));
        });
    }
    if let Some(entries) = find("entries") {
        canvas.cell(entries, part.group, |canvas| {
            canvas.text(x, place.y + 82.0, Style::SMALL, room, &format!("{} entries", numbers::value(entries)));
        });
    }
}

fn onward(canvas: &mut Canvas, part: Part, cell: &Cell, (from, to): (f64, f64), y: f64) {
    let stroke = (WIDEST_ARROW * share(cell)).max(1.0);
    canvas.cell(cell, part.group, |canvas| {
        canvas.target(Rect::new(from, y - 34.0, to - from, 50.0));
        let room = to - from - 8.0;
        canvas.text((from + to) / 2.0, y - WIDEST_ARROW / 2.0 - 8.0, Style::STRONG.middle(), room, &numbers::value(cell));
        canvas.arrow((from + 2.0, y), (to - 2.0, y), Paint::Good, stroke);
        canvas.text((from + to) / 2.0, y + WIDEST_ARROW / 2.0 + 13.0, Style::SMALL.middle(), room, &numbers::interval(cell));
    });
}

/// Draws an arrow over the boxes between two stages, in its own level.
fn skip(canvas: &mut Canvas, part: Part, cell: &Cell, (from, to): (f64, f64), (level, top): (f64, f64)) {
    let stroke = (WIDEST_ARROW * share(cell)).clamp(1.0, 8.0);
    canvas.cell(cell, part.group, |canvas| {
        let mut path = Path::from((from, top));
        path.line((from, level));
        path.line((to, level));
        path.line((to, top - 7.0));
        canvas.path(&path, Paint::Good, stroke, 0.55);
        canvas.arrow_head((to, top - 1.0), (0.0, 1.0), 8.0, Paint::Good);
        let text = format!("{} {}", numbers::value(cell), cell.label.trim_end_matches(", of ended stays"));
        let room = (to - from).abs() - 16.0;
        canvas.text_over(from.max(to) - 8.0, level - 5.0, Style::SMALL.end(), room, &text);
    });
}

fn lost(canvas: &mut Canvas, part: Part, cell: &Cell, (x, y): (f64, f64), room: f64) {
    let stroke = (WIDEST_ARROW * share(cell)).max(1.0);
    let middle = x + WIDEST_ARROW / 2.0 + 6.0;
    canvas.cell(cell, part.group, |canvas| {
        canvas.target(Rect::new(x, y, room, 44.0));
        canvas.arrow((middle, y + 1.0), (middle, y + 42.0), Paint::Bad, stroke);
        let text_x = middle + WIDEST_ARROW / 2.0 + 10.0;
        canvas.text(text_x, y + 20.0, Style::STRONG, x + room - text_x, &format!("{} lost", numbers::value(cell)));
        canvas.text(text_x, y + 35.0, Style::SMALL, x + room - text_x, &numbers::interval(cell));
    });
}

/// Writes the times and the shares within the stage's time.
fn details<'a>(part: Part<'a>, name: &str) -> Vec<(&'a Cell, String)> {
    let mut details = Vec::new();
    for (id, words) in [("ended", "median of ended stays"), ("open", "so far, median of open stays")] {
        let cell = part.find(&format!("time:{name}:{id}")).filter(has_number);
        details.extend(cell.map(|cell| (cell, format!("{} {words}", numbers::value(cell)))));
    }
    for id in ["moved", "lost"] {
        let cell = part.find(&format!("within:{name}:{id}")).filter(has_number);
        details
            .extend(cell.map(|cell| (cell, format!("{} {}", numbers::value(cell), cell.label.replacen(&format!(" from {name}"), "", 1)))));
    }
    details
        .extend(part.find(&format!("stage:{name}:lost")).map(|cell| (cell, format!("{} accounts ever lost here", numbers::value(cell)))));
    details
}

fn stacked(canvas: &mut Canvas, part: Part, names: &[&str], area: Area) -> f64 {
    let mut y = area.top;
    for (idx, name) in names.iter().enumerate() {
        let half = area.width() * 0.5;
        stage_box(canvas, part, name, Rect::new(area.left, y, half, BOX_HEIGHT));
        if let Some(cell) = part.find(&format!("lost:{name}")).filter(has_number) {
            let (from, to) = (area.left + half, area.left + half + 40.0);
            let stroke = (WIDEST_ARROW * share(cell)).max(1.0);
            canvas.cell(cell, part.group, |canvas| {
                canvas.arrow((from + 1.0, y + 36.0), (to, y + 36.0), Paint::Bad, stroke);
                canvas.text(to + 8.0, y + 34.0, Style::STRONG, area.right - to - 8.0, &format!("{} lost", numbers::value(cell)));
                canvas.text(to + 8.0, y + 50.0, Style::SMALL, area.right - to - 8.0, &numbers::interval(cell));
            });
        }
        y += BOX_HEIGHT + 4.0;
        let mut chips = details(part, name);
        chips.extend(
            skips(part, names, idx)
                .into_iter()
                .map(|(_, cell)| (cell, format!("{} {}", numbers::value(cell), cell.label.trim_end_matches(", of ended stays")))),
        );
        let next = names.get(idx + 1).and_then(|next| part.find(&format!("move:{name}→{next}")).filter(has_number));
        y = chips::draw(canvas, part, &chips, Area { top: y, ..area });
        if let Some(cell) = next {
            let stroke = (WIDEST_ARROW * share(cell)).max(1.0);
            let middle = area.left + half / 2.0;
            canvas.cell(cell, part.group, |canvas| {
                canvas.arrow((middle, y + 3.0), (middle, y + 46.0), Paint::Good, stroke);
                let x = middle + WIDEST_ARROW / 2.0 + 10.0;
                canvas.text(x, y + 21.0, Style::STRONG, area.right - x, &format!("{} go on", numbers::value(cell)));
                canvas.text(x, y + 37.0, Style::SMALL, area.right - x, &numbers::interval(cell));
            });
            y += 50.0;
        }
        y += 4.0;
    }
    note(canvas, Area { top: y, ..area })
}
