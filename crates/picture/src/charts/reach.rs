//! Channels: who was touched at all, before a stage and before purchases; shares overlap, so they are bars and no pie.

use diptych_journey::Cell;

use super::bars::{self, Bar};
use super::{Part, chips, facts};
use crate::canvas::{Canvas, Style};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

/// Prefix of the ids, the cell of the base, the heading, further cells of the same channel with their word.
struct Section {
    prefix: &'static str,
    base: &'static str,
    heading: &'static str,
    none: &'static str,
    paint: Paint,
    beside: &'static [(&'static str, &'static str)],
}

const SECTIONS: [Section; 3] = [
    Section {
        prefix: "touched:",
        base: "touched",
        heading: "In touch at all",
        none: "",
        paint: Paint::Series(0),
        beside: &[("touchpoints:", "touchpoints")],
    },
    Section {
        prefix: "before:",
        base: "entered",
        heading: "In touch before entering the stage",
        none: "untouched",
        paint: Paint::Series(2),
        beside: &[("first:", "was the first"), ("last:", "was the last")],
    },
    Section {
        prefix: "purchases:",
        base: "purchases",
        heading: "In touch before a purchase",
        none: "purchases_untouched",
        paint: Paint::Series(3),
        beside: &[("revenue:", "of revenue")],
    },
];

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    if part.find("accounts").is_none_or(|accounts| accounts.n == 0) {
        return area.top;
    }
    let facts = ["accounts", "touched", "touchpoints", "before_touchpoints", "before_channels"];
    let mut y = facts::draw(canvas, part, &facts, area);
    for section in SECTIONS {
        y = draw_section(canvas, part, &section, Area { top: y, ..area });
    }
    y
}

fn draw_section(canvas: &mut Canvas, part: Part, section: &Section, area: Area) -> f64 {
    let mut bars: Vec<(&str, Bar)> = part
        .cells
        .iter()
        .filter_map(|cell| {
            let channel = cell.id.strip_prefix(section.prefix)?;
            Some((channel, Bar::new(cell, part.group, name(cell), section.paint)))
        })
        .collect();
    if bars.iter().all(|(_, bar)| bar.cell.n == 0) {
        return area.top;
    }
    bars.sort_by(|(_, one), (_, other)| other.length.total_cmp(&one.length));
    canvas.text(area.left, area.top + 13.0, Style::STRONG, area.width(), section.heading);
    let mut y = area.top + 20.0;
    if section.prefix != "touched:" {
        let mut bases = Vec::new();
        bases.extend(part.find(section.base).map(|cell| (cell, format!("{}: {}", cell.label, numbers::value(cell)))));
        bases.extend(part.find(section.none).map(|cell| (cell, format!("{}: {}", cell.label, numbers::value(cell)))));
        y = chips::draw(canvas, part, &bases, Area { top: y, ..area }) + 4.0;
    }
    let (channels, bars): (Vec<&str>, Vec<Bar>) = bars.into_iter().unzip();
    let rows = bars::Rows::new(&bars, 1.0, area);
    for (channel, bar) in channels.iter().zip(&bars) {
        y = rows.draw(canvas, bar, y);
        let beside: Vec<(&Cell, String)> = section
            .beside
            .iter()
            .filter_map(|(prefix, words)| Some((part.find(&format!("{prefix}{channel}"))?, words)))
            .filter(|(cell, _)| cell.value.is_some_and(|value| value != 0.0))
            .map(|(cell, words)| (cell, format!("{} {words}", numbers::value(cell))))
            .collect();
        y = chips::draw(canvas, part, &beside, Area { left: rows.left(), top: y - 2.0, ..area }) + 3.0;
    }
    y + 10.0
}

/// Takes `maps (online, Marketing)` out of `accounts touched: maps (online, Marketing)`.
fn name(cell: &Cell) -> &str {
    cell.label.split_once(": ").map_or(cell.label.as_str(), |(_, name)| name)
}
