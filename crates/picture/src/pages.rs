//! Pages of text on A4 for print: headings, and statements in one column or in two that stand side by side.

use crate::canvas::{Canvas, Style};
use crate::font;
use crate::theme::{Paint, Theme};

/// A4 at 96 pixels in an inch.
const WIDTH: f64 = 794.0;
const HEIGHT: f64 = 1123.0;
const MARGIN: f64 = 56.0;
const BETWEEN_COLUMNS: f64 = 24.0;
/// Lines of one statement; nobody's statement is longer.
const MAX_LINES: usize = 60;
const STATEMENT: Style = Style { size: 11.5, ..Style::LABEL };

/// A part of a document.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// Statements; in the left half where there is something on the right.
    pub left: Vec<String>,
    /// Statements in the right half.
    pub right: Vec<String>,
}

/// Lays out a document as pages, each an SVG of A4 size.
pub fn pages(title: &str, subtitle: &str, sections: &[Section], theme: Theme) -> Vec<String> {
    let mut pages = Pages { title, theme, done: Vec::new(), canvas: new_canvas(title, theme, 0), y: MARGIN };
    let width = WIDTH - 2.0 * MARGIN;
    let heading = Style { size: 20.0, ..Style::STRONG };
    pages.y = pages.canvas.paragraph(MARGIN, pages.y + 20.0, heading, width, 3, title);
    pages.y = pages.canvas.paragraph(MARGIN, pages.y, Style::SMALL, width, 4, subtitle);
    for section in sections {
        pages.section(section);
    }
    pages.finish()
}

struct Pages<'a> {
    title: &'a str,
    theme: Theme,
    done: Vec<String>,
    canvas: Canvas,
    y: f64,
}

fn new_canvas(title: &str, theme: Theme, page: usize) -> Canvas {
    Canvas::new(WIDTH, theme, "", &format!("{title} {page} {theme:?}"))
}

impl Pages<'_> {
    /// Begins a new page unless so much fits on this one.
    fn need(&mut self, height: f64) {
        if self.y + height > HEIGHT - MARGIN {
            self.turn();
        }
    }

    fn turn(&mut self) {
        let next = new_canvas(self.title, self.theme, self.done.len() + 1);
        let mut full = std::mem::replace(&mut self.canvas, next);
        let number = format!("{} · {}", self.title, self.done.len() + 1);
        full.text(WIDTH - MARGIN, HEIGHT - 0.5 * MARGIN, Style::SMALL.end(), WIDTH - 2.0 * MARGIN, &number);
        self.done.push(full.finish(HEIGHT, self.title));
        self.y = MARGIN;
    }

    fn section(&mut self, section: &Section) {
        let whole = WIDTH - 2.0 * MARGIN;
        let column = if section.right.is_empty() { whole } else { 0.5 * (whole - BETWEEN_COLUMNS) };
        let lines_of = |text: &String| font::wrapped(text, STATEMENT.size, STATEMENT.weight, column, MAX_LINES).len() as f64;
        self.need(64.0);
        self.y += 18.0;
        self.canvas.line((MARGIN, self.y), (WIDTH - MARGIN, self.y), Paint::Line, 1.0);
        self.y = self.canvas.paragraph(MARGIN, self.y + 20.0, Style::STRONG, whole, 2, &section.heading) + 2.0;
        for idx in 0..section.left.len().max(section.right.len()) {
            let (left, right) = (section.left.get(idx), section.right.get(idx));
            let height = left.iter().chain(&right).map(|text| lines_of(text)).fold(0.0, f64::max) * STATEMENT.line_height() + 4.0;
            self.need(height);
            for (text, x) in left.map(|text| (text, MARGIN)).into_iter().chain(right.map(|text| (text, WIDTH - MARGIN - column))) {
                self.canvas.paragraph(x, self.y + STATEMENT.size, STATEMENT, column, MAX_LINES, text);
            }
            self.y += height;
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.turn();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_goes_to_the_next_page_and_nothing_is_lost() {
        let lines = |side: &str| (0..120).map(|idx| format!("{side} statement {idx}")).collect::<Vec<_>>();
        let section = |heading: &str, right| Section { heading: heading.into(), left: lines("left"), right };
        let pages = pages("Bakery", "2025", &[section("One", Vec::new()), section("Two", lines("right"))], Theme::Light);
        assert!(pages.len() > 3, "{}", pages.len());
        let all = pages.concat();
        for idx in 0..120 {
            assert_eq!(all.matches(&format!(">left statement {idx}<")).count(), 2, "{idx}");
            assert_eq!(all.matches(&format!(">right statement {idx}<")).count(), 1, "{idx}");
        }
        for page in &pages {
            let tree = roxmltree::Document::parse(page).unwrap();
            let ys =
                tree.descendants().filter(|node| node.has_tag_name("text")).filter_map(|node| node.attribute("y")?.parse::<f64>().ok());
            assert!(ys.into_iter().all(|y| y > 0.0 && y < HEIGHT));
        }
    }
}
