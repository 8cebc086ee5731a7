//! PNG and PDF from the SVG.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};
use ttf_parser::Face;

use crate::font;

/// A PNG has this many pixels at most; 64 million are 256 MB while it is drawn.
const MAX_PIXELS: f64 = 64e6;
/// SVG counts 96 pixels in an inch, PDF 72 points.
const POINTS_PER_PIXEL: f32 = 0.75;

/// Why a picture cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The text is not SVG.
    #[error("the picture is not SVG: {0}")]
    NotSvg(String),
    /// The picture would be too large.
    #[error("a PNG of {width} × {height} pixels is too large; ask for a smaller scale or width (at most 64 million pixels)")]
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// The scale is no size.
    #[error("the scale of a PNG is a number above 0, not {0}")]
    Scale(f32),
    /// PDF cannot hold the picture.
    #[error("the picture cannot be written as PDF: {0}")]
    Pdf(String),
    /// There is no page.
    #[error("a PDF needs one picture at least")]
    NoPage,
}

/// Draws an SVG as PNG; `scale` 2 has two pixels where the SVG has one.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, PictureError> {
    if !(scale.is_finite() && scale > 0.0) {
        return Err(PictureError::Scale(scale));
    }
    let tree = parse(svg)?;
    let side = |length: f32| (f64::from(length) * f64::from(scale)).round().clamp(1.0, f64::from(u32::MAX)) as u32;
    let (width, height) = (side(tree.size().width()), side(tree.size().height()));
    let too_large = PictureError::TooLarge { width, height };
    if f64::from(width) * f64::from(height) > MAX_PIXELS {
        return Err(too_large);
    }
    let Some(mut pixels) = Pixmap::new(width, height) else { return Err(too_large) };
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PictureError::NotSvg(error.to_string()))
}

/// Writes an SVG as a PDF of one page.
pub fn pdf(svg: &str) -> Result<Vec<u8>, PictureError> {
    pdf_pages(&[svg])
}

/// Writes SVGs as a PDF, each on a page of its own size.
pub fn pdf_pages<S: AsRef<str>>(svgs: &[S]) -> Result<Vec<u8>, PictureError> {
    if svgs.is_empty() {
        return Err(PictureError::NoPage);
    }
    let mut pdf = Pdf::new();
    let mut next = Ref::new(1);
    let (catalog, pages) = (next.bump(), next.bump());
    let mut page_ids = Vec::new();
    for svg in svgs {
        let tree = parse(svg.as_ref())?;
        let (chunk, picture) =
            svg2pdf::to_chunk(&tree, svg2pdf::ConversionOptions::default()).map_err(|error| PictureError::Pdf(error.to_string()))?;
        let (page, content) = (next.bump(), next.bump());
        let mut renumbered = HashMap::new();
        pdf.extend(&chunk.renumber(|old| *renumbered.entry(old).or_insert_with(|| next.bump())));
        let (width, height) = (tree.size().width() * POINTS_PER_PIXEL, tree.size().height() * POINTS_PER_PIXEL);
        let mut writer = pdf.page(page);
        writer.media_box(Rect::new(0.0, 0.0, width, height)).parent(pages).contents(content);
        let mut resources = writer.resources();
        resources.x_objects().pair(Name(b"picture"), renumbered[&picture]);
        resources.finish();
        writer.finish();
        let mut marks = Content::new();
        marks.transform([width, 0.0, 0.0, height, 0.0, 0.0]).x_object(Name(b"picture"));
        pdf.stream(content, &marks.finish());
        page_ids.push(page);
    }
    pdf.catalog(catalog).pages(pages);
    let count = page_ids.len() as i32;
    pdf.pages(pages).kids(page_ids).count(count);
    Ok(pdf.finish())
}

fn parse(svg: &str) -> Result<Tree, PictureError> {
    let mut fonts = Database::new();
    fonts.load_font_data(font::REGULAR.to_vec());
    fonts.load_font_data(font::SEMI_BOLD.to_vec());
    let mut svg = with_fallbacks(svg);
    if !font::covers(&svg) {
        fonts.load_system_fonts();
        svg = with_boxes(&svg, &fonts);
    }
    let options = Options { font_family: "Inter".into(), fontdb: Arc::new(fonts), ..Options::default() };
    Tree::from_str(&svg, &options).map_err(|error| PictureError::NotSvg(error.to_string()))
}

/// Writes letters that no font has as boxes: at the first of them the text would lose all letters of other fonts.
fn with_boxes(svg: &str, fonts: &Database) -> String {
    let mut unknown: BTreeSet<char> = svg.chars().filter(|letter| !letter.is_control()).collect();
    for face in fonts.faces() {
        fonts.with_face_data(face.id, |data, index| {
            if let Ok(face) = Face::parse(data, index) {
                unknown.retain(|letter| face.glyph_index(*letter).is_none());
            }
        });
    }
    let joins = |letter: char| matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}');
    let written = |letter: char| {
        if !unknown.contains(&letter) {
            Some(letter)
        } else if joins(letter) {
            None
        } else {
            Some('□')
        }
    };
    svg.chars().filter_map(written).collect()
}

/// Writes `var(--d-name,value)` as `value`: custom properties belong to pages, of which there is none here.
fn with_fallbacks(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(start) = rest.find(":var(--d-") {
        text.push_str(&rest[..start + 1]);
        let variable = &rest[start + 1..];
        match (variable.find(','), variable.find(')')) {
            (Some(comma), Some(end)) if comma < end => {
                text.push_str(&variable[comma + 1..end]);
                rest = &variable[end + 1..];
            }
            _ => {
                text.push_str("var(--");
                rest = &variable["var(--".len()..];
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\" viewBox=\"0 0 40 20\">\
                       <rect width=\"40\" height=\"20\" style=\"fill:var(--d-ink,#ff0000)\"/></svg>";

    #[test]
    fn a_png_has_the_size_and_the_colours_of_its_svg() {
        let pixels = Pixmap::decode_png(&png(SVG, 2.0).unwrap()).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (80, 40));
        let pixel = pixels.pixel(40, 20).unwrap();
        assert_eq!((pixel.red(), pixel.green(), pixel.blue()), (255, 0, 0));
    }

    #[test]
    fn a_pdf_has_a_page_for_each_picture() {
        let pdf = pdf_pages(&[SVG, SVG, SVG]).unwrap();
        assert!(pdf.starts_with(b"%PDF-"));
        let text = String::from_utf8_lossy(&pdf);
        assert_eq!(text.matches("/Type /Page\n").count(), 3);
        assert!(text.contains("/Count 3") && text.contains("/MediaBox [0 0 30 15]"), "{text}");
        assert!(matches!(pdf_pages::<&str>(&[]), Err(PictureError::NoPage)));
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error_that_says_why() {
        assert!(png("<svg", 1.0).unwrap_err().to_string().starts_with("the picture is not SVG: "));
        assert!(png(SVG, 1e6).unwrap_err().to_string().contains("smaller scale"));
        for scale in [f32::NAN, 0.0, -1.0] {
            assert!(matches!(png(SVG, scale), Err(PictureError::Scale(_))), "{scale}");
        }
    }

    #[test]
    fn letters_that_no_font_has_are_boxes() {
        let mut fonts = Database::new();
        fonts.load_font_data(font::REGULAR.to_vec());
        assert_eq!(with_boxes("<text>a \u{2066}製\u{2069} é\u{10fffd}</text>", &fonts), "<text>a □ é□</text>");
        assert!(font::covers("□"));
    }

    #[test]
    fn only_whole_variables_are_replaced() {
        assert_eq!(with_fallbacks("fill:var(--d-x,#123) stroke:var(--d-y,#fff)"), "fill:#123 stroke:#fff");
        assert_eq!(with_fallbacks("fill:var(--d-x) var(--"), "fill:var(--d-x) var(--");
    }
}
