//! Tasks: how attempts ended, as a stacked bar per task; the success rate with its interval; times, errors and steps.

use diptych_journey::Cell;

use super::bars::{self, Bar};
use super::stacked::{self, Piece};
use super::{Part, chips};
use crate::canvas::{Canvas, Style, Whisker};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

/// Outcome, its word, its colour; `None` for open attempts.
const OUTCOMES: [(&str, &str, Option<Paint>); 4] = [
    ("success", "succeeded", Some(Paint::Good)),
    ("failed", "failed", Some(Paint::Bad)),
    ("abandoned", "abandoned", Some(Paint::Warn)),
    ("open", "still open", None),
];

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    let mut y = area.top;
    for name in part.names("task:", ":attempts") {
        y = task(canvas, part, name, Area { top: y, ..area }) + 14.0;
    }
    y
}

fn task(canvas: &mut Canvas, part: Part, name: &str, area: Area) -> f64 {
    let find = |what: &str| part.find(&format!("task:{name}:{what}"));
    let mut y = area.top;
    let Some(attempts) = find("attempts") else { return y };
    let success = find("success").filter(|success| success.value.is_some());
    let headline = success.map(|success| format!("{} succeeded", numbers::value(success))).unwrap_or_default();
    canvas.text(area.left, y + 14.0, Style::STRONG, area.width() - Style::STRONG.width(&headline) - 16.0, name);
    canvas.text(area.right, y + 14.0, Style::STRONG.end(), area.width(), &headline);
    let mut counts = vec![(attempts, format!("{} attempts", numbers::value(attempts)))];
    counts.extend(find("people").map(|people| (people, format!("{} people", numbers::value(people)))));
    y = chips::draw(canvas, part, &counts, Area { top: y + 19.0, ..area }) + 4.0;
    if attempts.n == 0 {
        return y;
    }
    let pieces: Vec<Piece> = OUTCOMES
        .iter()
        .filter_map(|(id, word, paint)| {
            let cell = find(id)?;
            let n = cell.x.unwrap_or(0);
            (n > 0 || paint.is_some()).then(|| Piece { cell, n, text: format!("{word} {}", with_interval(cell)), paint: *paint })
        })
        .collect();
    let open = find("open").and_then(|open| open.x).unwrap_or(0);
    let bottom = stacked::draw(canvas, part, &pieces, Area { top: y, ..area });
    if let Some((lo, hi)) = success.and_then(|success| Some((numbers::finite(success.lo)?, numbers::finite(success.hi)?))) {
        let closed = area.width() * (attempts.n.saturating_sub(open)) as f64 / attempts.n as f64;
        canvas.whisker(Whisker::Across, y + 10.0, area.left + closed * lo, area.left + closed * hi);
    }
    y = chips::draw(canvas, part, &details(&find), Area { top: bottom, ..area });
    steps(canvas, part, name, Area { top: y + 4.0, ..area })
}

fn with_interval(cell: &Cell) -> String {
    let interval = numbers::interval(cell);
    if interval.is_empty() { numbers::value(cell) } else { format!("{} ({interval})", numbers::value(cell)) }
}

fn details<'a>(find: &dyn Fn(&str) -> Option<&'a Cell>) -> Vec<(&'a Cell, String)> {
    const DETAILS: [(&str, &str, &str); 8] = [
        ("elapsed:succeeded", "median time of successes", ""),
        ("elapsed:failed", "of failures", ""),
        ("elapsed:abandoned", "of abandoned attempts", ""),
        ("first_success", "first attempt succeeded", "of people"),
        ("with_error", "with an error", "of attempts"),
        ("errors_per_attempt", "errors per attempt", ""),
        ("lostness", "lostness", ""),
        ("orphan_goals", "successes with no attempt open", ""),
    ];
    let has_number = |cell: &&Cell| cell.value.is_some();
    let details = DETAILS.iter().filter_map(|(id, words, of)| Some((find(id).filter(has_number)?, words, of)));
    let details = details.filter(|(cell, ..)| cell.id.ends_with(":errors_per_attempt") || cell.value != Some(0.0) || cell.n > 0);
    details.map(|(cell, words, of)| (cell, format!("{words} {} {of}", numbers::value(cell)))).collect()
}

/// Draws how many attempts came to each step of a task.
fn steps(canvas: &mut Canvas, part: Part, name: &str, area: Area) -> f64 {
    let prefix = format!("task:{name}:step:");
    let cells: Vec<&Cell> = part.cells.iter().filter(|cell| cell.id.starts_with(&prefix)).collect();
    let labels: Vec<String> = cells.iter().map(|cell| step_name(cell, name)).collect();
    let bars: Vec<Bar> = cells.iter().zip(&labels).map(|(cell, label)| Bar::new(cell, part.group, label, Paint::Series(0))).collect();
    if bars.is_empty() { area.top } else { bars::draw(canvas, &bars, 1.0, area) }
}

/// Takes `enter_address` out of `order: step 2, enter_address, of the attempts that are not open`.
fn step_name(cell: &Cell, task: &str) -> String {
    let label = cell.label.strip_prefix(task).map_or(cell.label.as_str(), |rest| rest.trim_start_matches(": "));
    label.trim_end_matches(", of the attempts that are not open").to_owned()
}
