//! Value: what accounts bring, how it adds up with time, and the same per cohort.

use super::curve::{self, Kind, Points, Series};
use super::matrix::{self, Matrix};
use super::{Part, facts, retention};
use crate::canvas::{Canvas, Style};
use crate::drawing::{Area, Drawing};
use crate::theme::Paint;

const FACTS: [&str; 10] = [
    "accounts",
    "paying",
    "net_cents",
    "refunds_cents",
    "margin_cents",
    "per_account_cents",
    "per_payer_cents",
    "median_cents",
    "margin_per_payer_cents",
    "repeat",
];

pub(super) fn draw(canvas: &mut Canvas, drawing: &Drawing, part: Part, area: Area) -> f64 {
    if part.find("accounts").is_none_or(|accounts| accounts.n == 0) {
        return area.top;
    }
    let mut y = facts::draw(canvas, part, &FACTS, area) + 4.0;
    let unit = curve::unit_of_periods(drawing);
    let cells = curve::periods(part);
    if cells.is_empty() {
        return y;
    }
    let heading = format!(
        "Net amount per account, added up{}",
        if drawing.currency.is_empty() { String::new() } else { format!(", {}", drawing.currency) }
    );
    canvas.text(area.left, y + 12.0, Style::STRONG, area.width(), &heading);
    y += 18.0;
    if drawing.groups.is_empty() {
        let series = Series { part, cells, paint: Paint::Series(2), points: Points::Hints };
        y = curve::draw(canvas, &[series], Kind::Money, &format!("{unit} since the clock began"), Area { top: y, ..area });
    }
    let (columns, rows) = retention::cohorts(part, "all, weighted");
    let matrix = Matrix { corner: "cohort", sizes: "accounts", columns: &columns, rows: &rows, highest: part.hottest };
    matrix::draw(canvas, part, &matrix, Area { top: y + 4.0, ..area })
}
