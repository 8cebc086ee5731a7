//! Users and customers: a table of two by two, its course over the windows, and who went from where to where.

use diptych_journey::Cell;

use super::matrix::{self, Matrix, Row};
use super::{Part, facts};
use crate::canvas::{Canvas, Rect, Style};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

/// Ids in the order of the table: uses or not down, pays or not across.
const KINDS: [(&str, &str); 4] =
    [("uses_pays", "use and pay"), ("uses_only", "use, do not pay"), ("pays_only", "pay, do not use"), ("neither", "do neither")];
const HEIGHT: f64 = 96.0;

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    let mut windows: Vec<&str> = part.names("period:", ":accounts").collect();
    windows.retain(|window| part.find(&format!("period:{window}:accounts")).is_some_and(|accounts| accounts.n > 0));
    let Some(last) = windows.last() else {
        return if part.find("accounts").is_some_and(|accounts| accounts.n > 0) { table(canvas, part, "", area) } else { area.top };
    };
    let mut y = table(canvas, part, &format!("period:{last}:"), Area { top: area.top + 20.0, ..area });
    canvas.text(area.left, area.top + 13.0, Style::STRONG, area.width(), &format!("{last}, the latest window"));
    let before = &windows[..windows.len() - 1];
    if before.is_empty() {
        return y;
    }
    canvas.text(area.left, y + 14.0, Style::STRONG, area.width(), "The windows before it");
    let columns: Vec<String> = before.iter().map(|window| (*window).to_owned()).collect();
    let rows: Vec<Row> = KINDS
        .iter()
        .map(|(kind, words)| Row {
            name: (*words).to_owned(),
            size: None,
            cells: before.iter().map(|window| part.find(&format!("period:{window}:{kind}"))).collect(),
        })
        .collect();
    let matrix = Matrix { corner: "accounts that", sizes: "", columns: &columns, rows: &rows, highest: part.hottest };
    y = matrix::draw(canvas, part, &matrix, Area { top: y + 24.0, ..area });
    let from = windows.iter().rev().find(|window| part.names("move:", "").any(|name| name.starts_with(&format!("{window}:"))));
    let Some(from) = from else { return y };
    canvas.text(area.left, y + 14.0, Style::STRONG, area.width(), &format!("From {from} to the window after it"));
    let columns: Vec<String> = KINDS.iter().map(|(_, words)| format!("then {words}")).collect();
    let rows: Vec<Row> = KINDS
        .iter()
        .map(|(kind, words)| Row {
            name: (*words).to_owned(),
            size: None,
            cells: KINDS.iter().map(|(to, _)| part.find(&format!("move:{from}:{kind}→{to}"))).collect(),
        })
        .collect();
    let matrix = Matrix { corner: "accounts that", sizes: "", columns: &columns, rows: &rows, highest: 1.0 };
    matrix::draw(canvas, part, &matrix, Area { top: y + 24.0, ..area })
}

fn table(canvas: &mut Canvas, part: Part, prefix: &str, area: Area) -> f64 {
    let y = facts::draw(canvas, part, &[&format!("{prefix}accounts")], area);
    let side = if area.is_narrow() { 0.0 } else { 96.0 };
    let left = area.left + side;
    let width = ((area.right - left - 4.0) / 2.0).min(360.0);
    if side > 0.0 {
        for (idx, word) in ["pay", "do not pay"].iter().enumerate() {
            let x = left + idx as f64 * (width + 4.0) + width / 2.0;
            canvas.text(x, y + 11.0, Style::SMALL.middle(), width, word);
        }
        for (idx, word) in ["use", "do not use"].iter().enumerate() {
            canvas.text(left - 12.0, y + 18.0 + idx as f64 * (HEIGHT + 4.0) + HEIGHT / 2.0 + 4.0, Style::SMALL.end(), side - 14.0, word);
        }
    }
    let top = if side > 0.0 { y + 18.0 } else { y };
    for (idx, (kind, words)) in KINDS.iter().enumerate() {
        let Some(cell) = part.find(&format!("{prefix}{kind}")) else { continue };
        let place = Rect::new(left + (idx % 2) as f64 * (width + 4.0), top + (idx / 2) as f64 * (HEIGHT + 4.0), width, HEIGHT);
        quadrant(canvas, part, cell, words, place);
        if let Some(members) = part.find(&format!("{prefix}{kind}:members")) {
            canvas.cell(members, part.group, |canvas| {
                let text = format!("{} members who use", numbers::value(members));
                canvas.text(place.x + 12.0, place.y + 84.0, Style::SMALL.paint(Paint::Ink), width - 24.0, &text);
            });
        }
    }
    top + 2.0 * (HEIGHT + 4.0) + 8.0
}

fn quadrant(canvas: &mut Canvas, part: Part, cell: &Cell, words: &str, place: Rect) {
    let share = numbers::finite(cell.value).unwrap_or(0.0);
    let heat = if part.hottest > 0.0 { (share / part.hottest).clamp(0.0, 1.0) } else { 0.0 };
    let (x, room) = (place.x + 12.0, place.width - 24.0);
    let ink = Style::SMALL.paint(Paint::Ink);
    canvas.cell(cell, part.group, |canvas| {
        canvas.rect(place, Paint::Panel, 1.0);
        canvas.rect(place, Paint::Heat, 0.08 + 0.92 * heat);
        canvas.text(x, place.y + 20.0, Style::LABEL, room, words);
        canvas.text(x, place.y + 44.0, Style { size: 20.0, ..Style::STRONG }, room, &numbers::value(cell));
        let counts = cell.x.map(|x| format!("{} of {}", numbers::thousands(x), numbers::thousands(cell.n)));
        let interval = numbers::interval(cell);
        let words: Vec<String> = counts.into_iter().chain(Some(interval).filter(|text| !text.is_empty())).collect();
        canvas.text(x, place.y + 64.0, ink, room, &words.join(", "));
    });
}
