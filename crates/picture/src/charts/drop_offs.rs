//! Drop-offs: accounts at risk in each stage as a stacked bar (went on, lost, still there), and the money at stake.

use diptych_journey::Cell;

use super::stacked::{self, Piece};
use super::{Part, chips};
use crate::canvas::{Canvas, Rect, Style, Whisker};
use crate::drawing::{Area, Drawing};
use crate::numbers;
use crate::theme::Paint;

const PIECES: [(&str, &str, Option<Paint>); 3] =
    [("advanced", "went on", Some(Paint::Good)), ("lost", "lost", Some(Paint::Bad)), ("open", "still there", None)];

pub(super) fn draw(canvas: &mut Canvas, drawing: &Drawing, part: Part, area: Area) -> f64 {
    let stakes = part.cells.iter().filter(|cell| cell.id.ends_with(":at_stake_cents"));
    let highest = stakes.flat_map(|cell| [cell.value, cell.hi]).filter_map(numbers::finite).fold(0.0, f64::max);
    let mut y = area.top;
    for name in part.names("drop:", ":at_risk") {
        let find = |what: &str| part.find(&format!("drop:{name}:{what}"));
        let Some(at_risk) = find("at_risk").filter(|at_risk| at_risk.n > 0) else { continue };
        canvas.text(area.left, y + 14.0, Style { size: 14.0, ..Style::STRONG }, area.width(), &name.replace('→', " → "));
        let top = y + 24.0;
        let money = find("at_stake_cents").filter(|cell| cell.value.is_some());
        let split = area.left + area.width() * if area.is_narrow() || money.is_none() { 1.0 } else { 0.66 };
        let people = Area { top, right: if split < area.right { split - 28.0 } else { split }, ..area };
        let pieces: Vec<Piece> = PIECES
            .iter()
            .filter_map(|(id, word, paint)| Some((find(id)?, word, paint)))
            .map(|(cell, word, paint)| Piece { cell, n: cell.n, text: format!("{} {word}", numbers::value(cell)), paint: *paint })
            .collect();
        let bottom = stacked::draw(canvas, part, &pieces, people);
        let mut details = vec![(at_risk, format!("{} at risk", numbers::value(at_risk)))];
        details.extend(find("rate").filter(has_number).map(|cell| (cell, with_interval(cell, "lost, of those decided"))));
        details.extend(find("incidence").filter(has_number).map(|cell| (cell, with_interval(cell, &cell.label))));
        let people_bottom = chips::draw(canvas, part, &details, Area { top: bottom, ..people });
        let Some(money) = money else {
            y = people_bottom + 18.0;
            continue;
        };
        let place = if split < area.right { Area { left: split, top, ..area } } else { Area { top: people_bottom + 4.0, ..area } };
        let money_bottom = stake(canvas, drawing, part, (money, find("value_cents")), highest, place);
        y = people_bottom.max(money_bottom) + 18.0;
    }
    y
}

fn has_number(cell: &&Cell) -> bool {
    cell.value.is_some()
}

fn with_interval(cell: &Cell, words: &str) -> String {
    let interval = numbers::interval(cell);
    if interval.is_empty() { format!("{} {words}", numbers::value(cell)) } else { format!("{} ({interval}) {words}", numbers::value(cell)) }
}

/// Draws the money at stake as a bar with its interval, and the value of one account below it.
fn stake(canvas: &mut Canvas, drawing: &Drawing, part: Part, (money, value): (&Cell, Option<&Cell>), highest: f64, area: Area) -> f64 {
    let scale = if highest > 0.0 { area.width() / highest } else { 0.0 };
    let at = |cents: f64| area.left + (cents * scale).clamp(0.0, area.width());
    let amount = numbers::finite(money.value).unwrap_or(0.0);
    canvas.cell(money, part.group, |canvas| {
        canvas.rect(Rect::new(area.left, area.top, area.width(), 20.0), Paint::Panel, 1.0);
        canvas.rect(Rect::new(area.left, area.top, at(amount) - area.left, 20.0), Paint::Series(3), 1.0);
        if let (Some(lo), Some(hi)) = (numbers::finite(money.lo), numbers::finite(money.hi)) {
            canvas.whisker(Whisker::Across, area.top + 10.0, at(lo), at(hi));
        }
        let text = format!("{} {} at stake", numbers::value(money), drawing.currency);
        canvas.text(area.left, area.top + 36.0, Style::LABEL, area.width(), &text);
        canvas.text(area.left, area.top + 51.0, Style::SMALL, area.width(), &numbers::interval(money));
    });
    let value: Vec<(&Cell, String)> =
        value.filter(has_number).map(|cell| (cell, format!("{} per account that went on", numbers::value(cell)))).into_iter().collect();
    chips::draw(canvas, part, &value, Area { top: area.top + 56.0, ..area })
}
