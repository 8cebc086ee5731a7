//! The journey map: stages across, lanes down; live numbers of answers beside notes that people wrote.
//!
//! Narrow pictures put the stages under each other, each with its lanes.

use diptych_journey::Cell;

use crate::canvas::{Canvas, Hatch, Path, Rect, Style};
use crate::drawing::{Area, header};
use crate::font;
use crate::numbers;
use crate::theme::{Paint, Theme};

/// A journey map.
#[derive(Debug, Clone, Default)]
pub struct Map<'a> {
    /// Title of the document.
    pub title: &'a str,
    /// Whose journey it is, scenario and goal; may be empty.
    pub subtitle: &'a str,
    /// Names of the stages.
    pub stages: Vec<&'a str>,
    /// The lanes from top to bottom.
    pub lanes: Vec<Lane<'a>>,
    /// ISO code of the currency of amounts; may be empty.
    pub currency: &'a str,
}

/// A lane of a map: one aspect of every stage.
#[derive(Debug, Clone, Default)]
pub struct Lane<'a> {
    /// Its name: touchpoints, frictions, opportunities.
    pub name: &'a str,
    /// What stands in each stage, by the position of the stage; a stage may have several entries or none.
    pub cells: Vec<Vec<MapCell<'a>>>,
}

/// One entry of a lane.
#[derive(Debug, Clone)]
pub struct MapCell<'a> {
    /// What it says.
    pub text: &'a str,
    /// The number that it shows.
    pub cell: Option<&'a Cell>,
    /// Where it comes from.
    pub kind: Kind,
}

/// Where an entry of a map comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An answer: it changes with the data.
    Live,
    /// Somebody wrote it.
    Note,
    /// A number from −2 (bad) to 2 (good) for the emotion curve.
    Emotion(i8),
}

const NAME: f64 = 116.0;
const PADDING: f64 = 9.0;
/// A stage that would be narrower makes the map stand upright.
const MIN_STAGE: f64 = 128.0;
const EMOTION_HEIGHT: f64 = 92.0;
/// Lines of one entry; the whole text is in the tooltip.
const MAX_LINES: usize = 5;

/// Draws a journey map; the width is in pixels (280 to 4,000).
pub fn customer_map(map: &Map, theme: Theme, width: u32) -> String {
    let width = f64::from(width.clamp(280, 4000));
    let mut canvas = Canvas::new(width, theme, map.currency, &format!("{map:?} {theme:?} {width}"));
    let area = Area::of(width);
    let top = header(&mut canvas, area, map.title, map.subtitle);
    let area = Area { top, ..area };
    let stage = (area.width() - NAME) / map.stages.len().max(1) as f64;
    let bottom = match map.stages.as_slice() {
        [] => no_stages(&mut canvas, area),
        _ if stage < MIN_STAGE => upright(&mut canvas, map, area),
        _ => matrix(&mut canvas, map, stage, area),
    };
    let legend = Style::SMALL;
    canvas.rect(Rect::new(area.left, bottom + 8.0, 3.0, 12.0), Paint::Series(0), 1.0);
    canvas.text(area.left + 9.0, bottom + 18.0, legend, area.width() - 9.0, "live: an answer from the data");
    canvas.hatched(Rect::new(area.left, bottom + 26.0, 3.0, 12.0), Hatch::Open);
    canvas.text(area.left + 9.0, bottom + 36.0, legend, area.width() - 9.0, "note: somebody wrote it");
    canvas.finish(bottom + 50.0, map.title)
}

fn no_stages(canvas: &mut Canvas, area: Area) -> f64 {
    let style = Style::LABEL.paint(Paint::Muted).middle();
    canvas.text((area.left + area.right) / 2.0, area.top + 40.0, style, area.width(), "The spec has no stages.");
    area.top + 72.0
}

fn matrix(canvas: &mut Canvas, map: &Map, stage: f64, area: Area) -> f64 {
    let x_of = |idx: usize| area.left + NAME + idx as f64 * stage;
    for (idx, name) in map.stages.iter().enumerate() {
        stage_head(canvas, name, Rect::new(x_of(idx), area.top, stage - 4.0, 34.0), idx + 1 < map.stages.len());
    }
    let mut y = area.top + 42.0;
    for lane in &map.lanes {
        canvas.line((area.left, y), (area.right, y), Paint::Line, 1.0);
        let below_name = canvas.paragraph(area.left, y + 19.0, Style { size: 12.0, ..Style::STRONG }, NAME - 12.0, 3, lane.name);
        let least = if is_emotion(lane) { EMOTION_HEIGHT } else { 44.0 };
        let mut bottom = (y + least).max(below_name - 6.0);
        if is_emotion(lane) {
            let shown = emotions(lane).filter(|(idx, _)| *idx < map.stages.len());
            let points: Vec<(f64, i8)> = shown.map(|(idx, emotion)| (x_of(idx) + stage / 2.0 - 2.0, emotion)).collect();
            curve(canvas, &points, (x_of(0), area.right - 4.0), y);
        }
        let top = if is_emotion(lane) { y + EMOTION_HEIGHT } else { y + 6.0 };
        for (idx, entries) in lane.cells.iter().enumerate().take(map.stages.len()) {
            let place = Area { left: x_of(idx) + PADDING, right: x_of(idx) + stage - 4.0 - PADDING, top };
            bottom = bottom.max(draw_entries(canvas, entries, place) + 4.0);
        }
        y = bottom;
    }
    canvas.line((area.left, y), (area.right, y), Paint::Line, 1.0);
    y
}

fn upright(canvas: &mut Canvas, map: &Map, area: Area) -> f64 {
    let mut y = area.top;
    for (idx, name) in map.stages.iter().enumerate() {
        stage_head(canvas, name, Rect::new(area.left, y, area.width(), 30.0), false);
        y += 36.0;
        for lane in &map.lanes {
            let Some(entries) = lane.cells.get(idx).filter(|entries| !entries.is_empty()) else { continue };
            canvas.text(area.left, y + 12.0, Style { size: 11.0, ..Style::STRONG }.paint(Paint::Muted), area.width(), lane.name);
            y = draw_entries(canvas, entries, Area { top: y + 16.0, ..area }) + 6.0;
        }
        y += 8.0;
    }
    y
}

/// Draws the head of a stage: an arrow to the next one where they stand in a row.
fn stage_head(canvas: &mut Canvas, name: &str, place: Rect, has_next: bool) {
    let tip = if has_next { 9.0 } else { 0.0 };
    let (right, middle) = (place.x + place.width - tip, place.y + place.height / 2.0);
    let mut path = Path::from((place.x, place.y));
    path.line((right, place.y));
    path.line((right + tip, middle));
    path.line((right, place.y + place.height));
    path.line((place.x, place.y + place.height));
    canvas.area(&path, Paint::Panel, 1.0);
    canvas.text(place.x + 12.0, middle + 4.5, Style::STRONG, place.width - 28.0, name);
}

/// Draws the entries of one stage in one lane; returns the bottom.
fn draw_entries(canvas: &mut Canvas, entries: &[MapCell], area: Area) -> f64 {
    let mut y = area.top;
    for entry in entries {
        let number = entry.cell.map(numbers::value);
        let room = area.width() - 10.0;
        let number_style = Style { size: 15.0, ..Style::STRONG };
        let style = Style { size: 11.5, ..Style::LABEL };
        let text = match entry.kind {
            Kind::Emotion(emotion) => format!("{} {}", signed(emotion), entry.text),
            _ => entry.text.to_owned(),
        };
        if text.is_empty() && number.is_none() {
            continue;
        }
        let lines = font::wrapped(&text, style.size, style.weight, room, MAX_LINES).len() as f64;
        let height = lines * style.line_height() + if number.is_some() { 19.0 } else { 0.0 } + 6.0;
        let bar = Rect::new(area.left, y + 2.0, 3.0, height - 4.0);
        let draw = |canvas: &mut Canvas| {
            match entry.kind {
                Kind::Live => canvas.rect(bar, Paint::Series(0), 1.0),
                Kind::Note | Kind::Emotion(_) => canvas.hatched(bar, Hatch::Open),
            }
            let mut text_y = y + 14.0;
            if let Some(number) = &number {
                canvas.text(area.left + 10.0, text_y + 2.0, number_style, room, number);
                let interval = entry.cell.map(numbers::interval).unwrap_or_default();
                let x = area.left + 16.0 + number_style.width(number);
                if x + Style::SMALL.width(&interval) <= area.right {
                    canvas.text(x, text_y + 2.0, Style::SMALL, area.right - x, &interval);
                }
                text_y += 19.0;
            }
            canvas.paragraph(area.left + 10.0, text_y, style, room, MAX_LINES, &text);
        };
        match entry.cell {
            Some(cell) => canvas.cell(cell, None, draw),
            None => draw(canvas),
        }
        y += height + 4.0;
    }
    y
}

fn is_emotion(lane: &Lane) -> bool {
    emotions(lane).next().is_some()
}

fn emotions<'a>(lane: &'a Lane) -> impl Iterator<Item = (usize, i8)> + 'a {
    let emotion = |entry: &MapCell| if let Kind::Emotion(emotion) = entry.kind { Some(emotion.clamp(-2, 2)) } else { None };
    lane.cells.iter().enumerate().filter_map(move |(idx, entries)| Some((idx, entries.iter().find_map(emotion)?)))
}

fn signed(emotion: i8) -> String {
    if emotion > 0 { format!("+{emotion}") } else { emotion.to_string().replace('-', "−") }
}

/// Draws the emotion curve: better is higher.
fn curve(canvas: &mut Canvas, points: &[(f64, i8)], (left, right): (f64, f64), top: f64) {
    let y_of = |emotion: i8| top + EMOTION_HEIGHT / 2.0 - f64::from(emotion) * 17.0;
    canvas.line((left, y_of(0)), (right, y_of(0)), Paint::Line, 1.0);
    let mut path: Option<(Path, (f64, f64))> = None;
    for (x, emotion) in points {
        let to = (*x, y_of(*emotion));
        path = Some(match path {
            None => (Path::from(to), to),
            Some((mut path, from)) => {
                let middle = (from.0 + to.0) / 2.0;
                path.curve((middle, from.1), (middle, to.1), to);
                (path, to)
            }
        });
    }
    if let Some((path, _)) = path {
        canvas.path(&path, Paint::Series(3), 2.5, 1.0);
    }
    for (x, emotion) in points {
        canvas.circle(*x, y_of(*emotion), 4.5, Paint::Series(3));
    }
}
