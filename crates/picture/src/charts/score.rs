//! Net promoter score: the score with its interval on its own scale, the three parts that it is made of, and its course.

use super::curve::{self, Kind, Points, Series};
use super::stacked::{self, Piece};
use super::{Part, chips};
use crate::canvas::{Canvas, Style, Whisker};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

const PARTS: [(&str, Paint); 3] = [("detractors", Paint::Bad), ("passives", Paint::Warn), ("promoters", Paint::Good)];

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    let Some(score) = part.find("score").filter(|score| score.value.is_some()) else { return area.top };
    let mut y = area.top;
    let large = Style { size: 30.0, ..Style::STRONG };
    canvas.cell(score, part.group, |canvas| {
        let text = points(score.value);
        canvas.text(area.left, y + 32.0, large, 120.0, &text);
        let words = match (score.lo, score.hi) {
            (Some(_), Some(_)) => format!("{} to {}, from −100 to 100", points(score.lo), points(score.hi)),
            _ => "from −100 to 100".to_owned(),
        };
        let x = area.left + large.width(&text) + 14.0;
        canvas.text(x, y + 18.0, Style::LABEL, area.right - x, "net promoter score");
        canvas.text(x, y + 33.0, Style::SMALL, area.right - x, &words);
        y += 46.0;
        let at = |value: f64| area.left + area.width() * (value.clamp(-1.0, 1.0) + 1.0) / 2.0;
        canvas.line((area.left, y + 6.0), (area.right, y + 6.0), Paint::Line, 2.0);
        for tick in [-1.0, -0.5, 0.0, 0.5, 1.0] {
            canvas.line((at(tick), y + 1.0), (at(tick), y + 11.0), Paint::Line, 1.0);
            let style = if tick == -1.0 {
                Style::SMALL
            } else if tick == 1.0 {
                Style::SMALL.end()
            } else {
                Style::SMALL.middle()
            };
            canvas.text(at(tick), y + 25.0, style, 60.0, &points(Some(tick)));
        }
        if let (Some(lo), Some(hi)) = (numbers::finite(score.lo), numbers::finite(score.hi)) {
            canvas.whisker(Whisker::Across, y + 6.0, at(lo), at(hi));
        }
        canvas.circle(at(numbers::finite(score.value).unwrap_or(0.0)), y + 6.0, 5.0, Paint::Series(0));
    });
    y += 38.0;
    let pieces: Vec<Piece> = PARTS
        .iter()
        .filter_map(|(id, paint)| Some((part.find(id)?, paint)))
        .map(|(cell, paint)| Piece {
            cell,
            n: cell.x.unwrap_or(0),
            text: format!("{} {}", cell.label, numbers::value(cell)),
            paint: Some(*paint),
        })
        .collect();
    y = stacked::draw(canvas, part, &pieces, Area { top: y, ..area }) + 4.0;
    let others = ["respondents", "response", "invalid"].iter().filter_map(|id| part.find(id)).filter(|cell| cell.value.is_some());
    let others: Vec<_> = others.map(|cell| (cell, format!("{}: {}", cell.label, numbers::value(cell)))).collect();
    y = chips::draw(canvas, part, &others, Area { top: y, ..area });
    let series = Series { part, cells: curve::of_prefix(part, "month:"), paint: Paint::Series(0), points: Points::Cells };
    curve::draw(canvas, &[series], Kind::Score, "month of the answer", Area { top: y + 6.0, ..area })
}

/// Writes a score from −1 to 1 as people know it, from −100 to 100.
fn points(score: Option<f64>) -> String {
    numbers::finite(score).map_or_else(|| "–".into(), numbers::whole_percent)
}
