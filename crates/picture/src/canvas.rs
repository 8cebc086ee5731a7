//! The pen: writes SVG elements, escapes texts, and keeps numbers finite.

use diptych_journey::Cell;

use crate::font::{self, Weight};
use crate::numbers;
use crate::theme::{Paint, Theme};

/// Height of a line of text, as a multiple of its size.
const LINE_HEIGHT: f64 = 1.4;

/// A picture while it is drawn.
#[derive(Debug)]
pub struct Canvas {
    /// Width in pixels.
    pub width: f64,
    theme: Theme,
    body: String,
    /// Prefix of every id, so that pictures on one page do not share patterns.
    prefix: String,
    currency: String,
    /// Cells that have been drawn; a cell is one mark.
    n_cells: usize,
    /// A cell that is not complete has been drawn.
    has_incomplete: bool,
}

/// How a text looks, and to which side of its point it goes.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// In pixels.
    pub size: f64,
    /// How heavy.
    pub weight: Weight,
    /// Its colour.
    pub paint: Paint,
    /// Which of its points is at x.
    pub anchor: Anchor,
}

/// Which point of a text is at its x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

impl Style {
    /// The text of labels.
    pub const LABEL: Self = Self { size: 12.0, weight: Weight::Regular, paint: Paint::Ink, anchor: Anchor::Start };
    /// Names and numbers that matter.
    pub const STRONG: Self = Self { size: 13.0, weight: Weight::SemiBold, paint: Paint::Ink, anchor: Anchor::Start };
    /// Bases, intervals, axes.
    pub const SMALL: Self = Self { size: 11.0, weight: Weight::Regular, paint: Paint::Muted, anchor: Anchor::Start };

    /// The same in the middle.
    pub const fn middle(self) -> Self {
        Self { anchor: Anchor::Middle, ..self }
    }

    /// The same at the right.
    pub const fn end(self) -> Self {
        Self { anchor: Anchor::End, ..self }
    }

    /// The same in another colour.
    pub const fn paint(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }

    /// Returns the width of a text in this style.
    pub fn width(&self, text: &str) -> f64 {
        font::width(text, self.size, self.weight)
    }

    /// Returns the height of a line.
    pub fn line_height(&self) -> f64 {
        self.size * LINE_HEIGHT
    }
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Rect {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Rect {
    /// Makes a rectangle; negative sizes become 0.
    pub fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self { x, y, width: width.max(0.0), height: height.max(0.0) }
    }
}

impl Canvas {
    /// Starts a picture; `seed` tells pictures on one page apart.
    pub fn new(width: f64, theme: Theme, currency: &str, seed: &str) -> Self {
        Self {
            width,
            theme,
            body: String::new(),
            prefix: format!("d{:016x}", fnv(seed)),
            currency: currency.to_owned(),
            n_cells: 0,
            has_incomplete: false,
        }
    }

    /// Tells whether a number with an asterisk has been drawn.
    pub fn has_incomplete(&self) -> bool {
        self.has_incomplete
    }

    /// Ends the picture.
    pub fn finish(self, height: f64, label: &str) -> String {
        let (width, height) = (number(self.width), number(height.ceil()));
        let hatch = |name: &str, paint: Paint| {
            format!(
                "<pattern id=\"{}-{name}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
                 <rect width=\"6\" height=\"6\" style=\"fill:{}\"/><rect width=\"2\" height=\"6\" style=\"fill:{}\"/></pattern>",
                self.prefix,
                Paint::Panel.css(self.theme),
                paint.css(self.theme)
            )
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"diptych\" role=\"group\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"Inter,system-ui,'Segoe UI',Roboto,Arial,sans-serif\">\
             <defs>{}{}</defs><rect width=\"{width}\" height=\"{height}\" style=\"fill:{}\"/>{}</svg>\n",
            escaped(label),
            hatch("lost", Paint::Bad),
            hatch("open", Paint::Line),
            Paint::Surface.css(self.theme),
            self.body
        )
    }

    /// Draws what stands for a cell: something to point at, to read out, and to open.
    pub fn cell(&mut self, cell: &Cell, group: Option<&str>, draw: impl FnOnce(&mut Self)) {
        let summary = numbers::summary(cell, &self.currency);
        let of_group = group.map_or(String::new(), |group| format!("{group}: "));
        let label = escaped(&format!("{of_group}{}: {summary}", cell.label));
        let group = group.map_or(String::new(), |group| format!(" data-group=\"{}\"", escaped(group)));
        let id = escaped(&cell.id);
        self.body.push_str(&format!(
            "<g data-cell=\"{id}\"{group} tabindex=\"0\" role=\"button\" aria-label=\"{label}\"><title>{label}</title>"
        ));
        self.n_cells += 1;
        self.has_incomplete |= numbers::is_incomplete(cell) && cell.value.is_some();
        draw(self);
        self.body.push_str("</g>");
    }

    /// Draws what repeats a cell that is drawn elsewhere: it says its number, but opens nothing.
    pub fn hint(&mut self, cell: &Cell, group: Option<&str>, draw: impl FnOnce(&mut Self)) {
        let of_group = group.map_or(String::new(), |group| format!("{group}: "));
        let title = format!("{of_group}{}: {}", cell.label, numbers::summary(cell, &self.currency));
        self.body.push_str(&format!("<g><title>{}</title>", escaped(&title)));
        draw(self);
        self.body.push_str("</g>");
    }

    /// Draws something that may turn out to hold no cell; then it is taken back, and `None` returned.
    pub fn try_cells(&mut self, draw: impl FnOnce(&mut Self) -> f64) -> Option<f64> {
        let (length, n_cells) = (self.body.len(), self.n_cells);
        let bottom = draw(self);
        if self.n_cells == n_cells {
            self.body.truncate(length);
            return None;
        }
        Some(bottom)
    }

    /// Writes a text in one line; what does not fit is shortened and stands whole in its tooltip.
    pub fn text(&mut self, x: f64, y: f64, style: Style, max_width: f64, text: &str) {
        self.styled_text((x, y), style, max_width, "", text);
    }

    /// Writes a text over lines and ribbons, with an edge of the ground's colour so that it can be read.
    pub fn text_over(&mut self, x: f64, y: f64, style: Style, max_width: f64, text: &str) {
        let edge = format!(";stroke:{};stroke-width:3;stroke-linejoin:round;paint-order:stroke", Paint::Surface.css(self.theme));
        self.styled_text((x, y), style, max_width, &edge, text);
    }

    fn styled_text(&mut self, (x, y): (f64, f64), style: Style, max_width: f64, edge: &str, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return;
        }
        let short = font::shortened(&text, style.size, style.weight, max_width);
        if short.as_deref() == Some("…") && max_width < style.width("…") {
            return;
        }
        let title = if short.is_some() { format!("<title>{}</title>", escaped(&text)) } else { String::new() };
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if style.weight == Weight::SemiBold { " font-weight=\"600\"" } else { "" };
        self.body.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{weight}{anchor} style=\"fill:{}{edge}\">{title}{}</text>",
            number(x),
            number(y),
            number(style.size),
            style.paint.css(self.theme),
            escaped(short.as_deref().unwrap_or(&text))
        ));
    }

    /// Writes a text in lines, the first at `y`; returns where the next line would be.
    pub fn paragraph(&mut self, x: f64, y: f64, style: Style, max_width: f64, max_lines: usize, text: &str) -> f64 {
        let lines = font::wrapped(text, style.size, style.weight, max_width, max_lines);
        let whole = lines.last().is_some_and(|line| line.ends_with('…'));
        if whole {
            self.body.push_str(&format!("<g><title>{}</title>", escaped(text)));
        }
        for (idx, line) in lines.iter().enumerate() {
            self.text(x, y + idx as f64 * style.line_height(), style, f64::INFINITY, line);
        }
        if whole {
            self.body.push_str("</g>");
        }
        y + lines.len() as f64 * style.line_height()
    }

    /// Draws a filled rectangle.
    pub fn rect(&mut self, rect: Rect, paint: Paint, opacity: f64) {
        let opacity = if opacity < 1.0 { format!(" fill-opacity=\"{}\"", number(opacity)) } else { String::new() };
        let fill = paint.css(self.theme);
        self.shape(rect, 2.0, &format!("{opacity} style=\"fill:{fill}\""));
    }

    /// Draws the outline of a rectangle, on nothing or on a colour.
    pub fn outline(&mut self, rect: Rect, radius: f64, fill: Option<Paint>, stroke: Paint) {
        let fill = fill.map_or("none".to_owned(), |fill| fill.css(self.theme));
        let stroke = stroke.css(self.theme);
        self.shape(rect, radius, &format!(" style=\"fill:{fill};stroke:{stroke}\""));
    }

    /// Draws a rectangle that is hatched: lost or not yet complete.
    pub fn hatched(&mut self, rect: Rect, hatch: Hatch) {
        let name = if hatch == Hatch::Lost { "lost" } else { "open" };
        self.shape(rect, 2.0, &format!(" fill=\"url(#{}-{name})\"", self.prefix));
    }

    /// Draws a rectangle that is not seen but can be pointed at.
    pub fn target(&mut self, rect: Rect) {
        self.shape(rect, 0.0, " fill=\"#000\" fill-opacity=\"0\"");
    }

    fn shape(&mut self, rect: Rect, radius: f64, attributes: &str) {
        let radius = radius.min(rect.width / 2.0).min(rect.height / 2.0);
        let round = if radius > 0.0 { format!(" rx=\"{}\"", number(radius)) } else { String::new() };
        self.body.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{round}{attributes}/>",
            number(rect.x),
            number(rect.y),
            number(rect.width),
            number(rect.height)
        ));
    }

    /// Draws a straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), paint: Paint, stroke_width: f64) {
        self.body.push_str(&format!(
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke-width=\"{}\" style=\"stroke:{}\"/>",
            number(from.0),
            number(from.1),
            number(to.0),
            number(to.1),
            number(stroke_width),
            paint.css(self.theme)
        ));
    }

    /// Draws a curve along a path.
    pub fn path(&mut self, path: &Path, paint: Paint, stroke_width: f64, opacity: f64) {
        let opacity = if opacity < 1.0 { format!(" stroke-opacity=\"{}\"", number(opacity)) } else { String::new() };
        self.body.push_str(&format!(
            "<path d=\"{}\" fill=\"none\" stroke-width=\"{}\"{opacity} style=\"stroke:{}\"/>",
            path.0,
            number(stroke_width),
            paint.css(self.theme)
        ));
    }

    /// Draws a dashed curve along a path.
    pub fn dashed(&mut self, path: &Path, paint: Paint, stroke_width: f64) {
        self.body.push_str(&format!(
            "<path d=\"{}\" fill=\"none\" stroke-width=\"{}\" stroke-dasharray=\"6 4\" style=\"stroke:{}\"/>",
            path.0,
            number(stroke_width),
            paint.css(self.theme)
        ));
    }

    /// Fills the inside of a path.
    pub fn area(&mut self, path: &Path, paint: Paint, opacity: f64) {
        let opacity = if opacity < 1.0 { format!(" fill-opacity=\"{}\"", number(opacity)) } else { String::new() };
        self.body.push_str(&format!("<path d=\"{}Z\"{opacity} style=\"fill:{}\"/>", path.0, paint.css(self.theme)));
    }

    /// Draws a filled circle.
    pub fn circle(&mut self, x: f64, y: f64, radius: f64, paint: Paint) {
        let fill = paint.css(self.theme);
        self.body.push_str(&format!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" style=\"fill:{fill}\"/>", number(x), number(y), number(radius)));
    }

    /// Draws the head of an arrow whose tip is at a point and that goes along a direction.
    pub fn arrow_head(&mut self, tip: (f64, f64), direction: (f64, f64), size: f64, paint: Paint) {
        let length = direction.0.hypot(direction.1).max(1e-9);
        let (along, across) = ((direction.0 / length, direction.1 / length), (-direction.1 / length, direction.0 / length));
        let corner =
            |side: f64| (tip.0 - size * along.0 + side * 0.6 * size * across.0, tip.1 - size * along.1 + side * 0.6 * size * across.1);
        let mut path = Path::from(tip);
        path.line(corner(1.0));
        path.line(corner(-1.0));
        self.area(&path, paint, 1.0);
    }

    /// Draws a straight arrow of some width; its tip is at `to`.
    pub fn arrow(&mut self, from: (f64, f64), to: (f64, f64), paint: Paint, stroke_width: f64) {
        let length = (to.0 - from.0).hypot(to.1 - from.1).max(1e-9);
        let head = (0.6 * stroke_width + 7.0).min(length);
        let direction = ((to.0 - from.0) / length, (to.1 - from.1) / length);
        let neck = (to.0 - head * direction.0, to.1 - head * direction.1);
        self.line(from, neck, paint, stroke_width);
        self.arrow_head(to, direction, head, paint);
    }

    /// Returns the currency of amounts.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Draws an interval from `from` to `to` with ends of 6 px, across (`Whisker::Across`) or up (`Whisker::Up`) at `at`.
    pub fn whisker(&mut self, whisker: Whisker, at: f64, from: f64, to: f64) {
        let point = |along: f64, side: f64| match whisker {
            Whisker::Across => (along, at + side),
            Whisker::Up => (at + side, along),
        };
        // The wider line below lets the whisker be seen on a bar of any colour.
        for (paint, stroke) in [(Paint::Surface, 3.5), (Paint::Ink, 1.5)] {
            self.line(point(from, 0.0), point(to, 0.0), paint, stroke);
            for end in [from, to] {
                self.line(point(end, -3.0), point(end, 3.0), paint, stroke);
            }
        }
    }
}

/// Why a rectangle is hatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hatch {
    /// Dropped, lost.
    Lost,
    /// Still open, not complete.
    Open,
}

/// The way of a whisker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whisker {
    /// Left to right.
    Across,
    /// Bottom to top.
    Up,
}

/// The points of a curve.
#[derive(Debug, Clone)]
pub struct Path(String);

impl Path {
    /// Starts at a point.
    pub fn from(point: (f64, f64)) -> Self {
        Self(format!("M{} {}", number(point.0), number(point.1)))
    }

    /// Goes straight to a point.
    pub fn line(&mut self, to: (f64, f64)) {
        self.0.push_str(&format!("L{} {}", number(to.0), number(to.1)));
    }

    /// Goes to a point in a cubic curve.
    pub fn curve(&mut self, first: (f64, f64), second: (f64, f64), to: (f64, f64)) {
        let points = [first, second, to].map(|point| format!("{} {}", number(point.0), number(point.1)));
        self.0.push_str(&format!("C{}", points.join(" ")));
    }
}

/// Writes a number with two digits after the point at most; what is not finite becomes 0.
fn number(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Escapes a text for XML; characters that XML forbids are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => safe.push(character),
        }
    }
    safe
}

/// FNV-1a, 64 bits: the same text has the same ids everywhere.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_numbers_are_finite() {
        assert_eq!(escaped("a<b & \"c\"\n\u{1b}d"), "a&lt;b &amp; &quot;c&quot; d");
        assert_eq!(number(f64::NAN), "0");
        assert_eq!(number(f64::INFINITY), "0");
        assert_eq!(number(-0.001), "0");
        assert_eq!(number(12.5), "12.5");
        assert_eq!(number(100.0), "100");
    }
}
