//! The embedded font: how wide a text is, and how it is made to fit.
//!
//! Pictures name Inter first and the system's fonts after it; these are narrower or about as wide, which `SLACK` covers.

use std::sync::LazyLock;

use ttf_parser::Face;
use unicode_segmentation::UnicodeSegmentation;

/// Inter, regular, as a TrueType file; `fonts/README.md` says what it covers.
pub const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.ttf");
/// Inter, semi-bold, as a TrueType file.
pub const SEMI_BOLD: &[u8] = include_bytes!("../fonts/Inter-SemiBold.ttf");

/// Texts are taken to be this much wider, for readers whose browser has not got the font.
const SLACK: f64 = 1.04;
/// Width of a character that the font lacks, in ems: ideographs and emoji are square.
const UNKNOWN_EM: f64 = 1.3;

static REGULAR_FACE: LazyLock<Face<'static>> = LazyLock::new(|| Face::parse(REGULAR, 0).expect("the embedded font is whole"));
static SEMI_BOLD_FACE: LazyLock<Face<'static>> = LazyLock::new(|| Face::parse(SEMI_BOLD, 0).expect("the embedded font is whole"));

/// How heavy a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// 400.
    Regular,
    /// 600.
    SemiBold,
}

/// Returns the width of a text in pixels at a size in pixels. O(characters).
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let face = if weight == Weight::Regular { &*REGULAR_FACE } else { &*SEMI_BOLD_FACE };
    let em = f64::from(face.units_per_em());
    let advance = |character: char| {
        let glyph = face.glyph_index(character).and_then(|glyph| face.glyph_hor_advance(glyph));
        glyph.map_or(UNKNOWN_EM, |advance| f64::from(advance) / em)
    };
    SLACK * size * text.chars().map(advance).sum::<f64>()
}

/// Tells whether the embedded font has every character of a text.
pub fn covers(text: &str) -> bool {
    text.chars().all(|character| character.is_control() || REGULAR_FACE.glyph_index(character).is_some())
}

/// Shortens a text with an ellipsis so that it fits; `None` when it fits as it is.
pub fn shortened(text: &str, size: f64, weight: Weight, max_width: f64) -> Option<String> {
    if width(text, size, weight) <= max_width {
        return None;
    }
    let mut kept = String::new();
    let mut used = width("…", size, weight);
    for cluster in text.graphemes(true) {
        used += width(cluster, size, weight);
        if used > max_width {
            break;
        }
        kept.push_str(cluster);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    Some(kept)
}

/// Breaks a text into at most `max_lines` lines that fit; the last one is shortened where there is more.
pub fn wrapped(text: &str, size: f64, weight: Weight, max_width: f64, max_lines: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while words.peek().is_some() && lines.len() < max_lines {
        if lines.len() + 1 == max_lines {
            let rest = words.by_ref().collect::<Vec<_>>().join(" ");
            lines.push(shortened(&rest, size, weight, max_width).unwrap_or(rest));
            break;
        }
        let mut line = words.next().unwrap_or_default().to_owned();
        while let Some(word) = words.peek() {
            let longer = format!("{line} {word}");
            if width(&longer, size, weight) > max_width {
                break;
            }
            line = longer;
            words.next();
        }
        lines.push(shortened(&line, size, weight, max_width).unwrap_or(line));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_its_letters() {
        let (narrow, wide) = (width("iiii", 10.0, Weight::Regular), width("WWWW", 10.0, Weight::Regular));
        assert!(narrow > 0.0 && wide > 2.0 * narrow);
        assert_eq!(width("", 10.0, Weight::Regular), 0.0);
        assert!((width("abc", 20.0, Weight::Regular) - 2.0 * width("abc", 10.0, Weight::Regular)).abs() < 1e-9);
    }

    #[test]
    fn a_long_text_is_shortened_between_what_people_see_as_letters() {
        let family = "👩‍👩‍👧‍👦";
        let text = family.repeat(40);
        let short = shortened(&text, 12.0, Weight::Regular, 200.0).unwrap();
        assert!(width(&short, 12.0, Weight::Regular) <= 200.0);
        assert!(short.trim_end_matches('…').chars().count().is_multiple_of(family.chars().count()), "{short}");
        assert_eq!(shortened("short", 12.0, Weight::Regular, 200.0), None);
    }

    #[test]
    fn lines_fit_and_the_last_one_says_that_there_is_more() {
        let lines = wrapped("one two three four five six seven eight nine ten", 12.0, Weight::Regular, 80.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| width(line, 12.0, Weight::Regular) <= 80.0), "{lines:?}");
        assert!(lines[1].ends_with('…'));
        assert!(wrapped("  ", 12.0, Weight::Regular, 80.0, 2).is_empty());
    }
}
