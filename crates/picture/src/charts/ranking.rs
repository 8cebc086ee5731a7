//! Frictions: ranked by the share of sessions that have one, with people, episodes and tasks below each bar.

use diptych_journey::Cell;

use super::bars::{self, Bar, Rows};
use super::{Part, chips, facts};
use crate::canvas::{Canvas, Style};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    if part.find("sessions").is_none_or(|sessions| sessions.n == 0) {
        return area.top;
    }
    let y = facts::draw(canvas, part, &["sessions", "people"], area);
    let mut bars: Vec<Bar> = part
        .names("friction:", ":episodes")
        .filter_map(|name| Some(Bar::new(part.find(&format!("friction:{name}:sessions"))?, part.group, name, Paint::Series(1))))
        .collect();
    bars.sort_by(|one, other| other.length.total_cmp(&one.length));
    if bars.is_empty() {
        return y;
    }
    canvas.text(area.left, y + 12.0, Style::STRONG, area.width(), "Sessions with a friction");
    let rows = Rows::new(&bars, bars::longest(&bars), area);
    let mut y = y + 22.0;
    for bar in &bars {
        let below = rows.draw(canvas, bar, y);
        y = chips::draw(canvas, part, &details(part, bar.name), Area { left: rows.left(), top: below, ..area }) + 8.0;
    }
    y
}

fn details<'a>(part: Part<'a>, name: &str) -> Vec<(&'a Cell, String)> {
    let find = |what: &str| part.find(&format!("friction:{name}:{what}"));
    let mut details = Vec::new();
    details.extend(find("episodes").map(|cell| (cell, format!("{} episodes", numbers::value(cell)))));
    details.extend(find("people").map(|cell| (cell, format!("{} of people", numbers::value(cell)))));
    let with_number = |cell: &&Cell| cell.value.is_some();
    details.extend(
        find("opportunity").filter(with_number).map(|cell| (cell, format!("{} where there is an opportunity", numbers::value(cell)))),
    );
    let prefix = format!("friction:{name}:task:");
    for cell in part.cells {
        if let (Some(task), Some(x)) = (cell.id.strip_prefix(&prefix), cell.x.filter(|x| *x > 0)) {
            details.push((cell, format!("{} during {task}", numbers::thousands(x))));
        }
    }
    details
}
