//! Answers, maps and the report as pictures: `picture` draws them, here they are handed over.

use diptych_journey::ops;
use diptych_picture::{Drawing, FlowStep, Group, Kind, Lane, Map, MapCell, Section, StepKind, TaskFlow};
pub use diptych_picture::{PictureError, Theme, pdf, png};

use crate::EngineError;
use crate::answer::{Answer, Window};
use crate::map::{Flow, JourneyMap, Node};
use crate::report::{Fact, Report};

/// Pixels of a PNG for each of the picture, so that it is sharp in print and on dense screens.
pub const PIXELS_PER_PIXEL: f32 = 2.0;

impl From<PictureError> for EngineError {
    fn from(error: PictureError) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl Answer {
    /// Draws the answer as SVG, so many pixels wide; `currency` is the ISO 4217 code of amounts, or empty.
    pub fn to_svg(&self, currency: &str, theme: Theme, width: u32) -> String {
        let groups: Vec<Group> = self.groups.iter().map(|group| Group { group: group.group.as_deref(), cells: &group.cells }).collect();
        let drawing = Drawing {
            operator: self.operator,
            chart: ops::find(self.operator).expect("answers are those of operators").about().chart,
            title: self.title,
            subtitle: self.counting,
            cells: &self.cells,
            groups: &groups,
            parameters: &self.parameters,
            notes: &self.notes,
            currency,
        };
        diptych_picture::svg(&drawing, theme, width)
    }
}

impl JourneyMap {
    /// Draws the map as SVG, so many pixels wide.
    pub fn to_svg(&self, theme: Theme, width: u32) -> String {
        let window = days(&self.window);
        let texts: Vec<Vec<Vec<String>>> = self.lanes.iter().map(|lane| self.texts(lane)).collect();
        let lanes = self.lanes.iter().zip(&texts).map(|(lane, texts)| {
            let of_stage = |stage: usize| {
                let shown = lane.rows.iter().filter_map(|row| row.cells.get(stage)?.as_ref());
                let entries = shown.zip(&texts[stage]).map(|(shown, text)| MapCell {
                    text,
                    cell: shown.cell.as_ref(),
                    kind: if shown.cell.is_some() { Kind::Live } else { Kind::Note },
                });
                entries.collect()
            };
            Lane { name: lane.title, cells: (0..self.stages.len()).map(of_stage).collect() }
        });
        let map = Map {
            title: &self.title,
            subtitle: &window,
            stages: self.stages.iter().map(String::as_str).collect(),
            lanes: lanes.collect(),
            currency: self.currency.as_deref().unwrap_or_default(),
        };
        diptych_picture::customer_map(&map, theme, width)
    }

    /// Returns what a lane says, by stage: the names of its numbers, and its words.
    fn texts(&self, lane: &crate::map::Lane) -> Vec<Vec<String>> {
        let of_stage = |stage: usize| {
            let shown = lane.rows.iter().filter_map(|row| Some((row, row.cells.get(stage)?.as_ref()?)));
            shown.map(|(row, shown)| if shown.cell.is_some() { row.label.clone() } else { shown.text.clone() }).collect()
        };
        (0..self.stages.len()).map(of_stage).collect()
    }
}

impl Flow {
    /// Draws the flow as SVG, so many pixels wide.
    pub fn to_svg(&self, theme: Theme, width: u32) -> String {
        if let Some(ways) = &self.ways {
            return ways.to_svg("", theme, width);
        }
        let cell = |node: &'_ Node| node.shown.as_ref().and_then(|shown| shown.cell.clone());
        let cells: Vec<_> = self.nodes.iter().map(cell).collect();
        let (mut steps, mut endings) = (Vec::new(), Vec::new());
        for (node, cell) in self.nodes.iter().zip(&cells) {
            let kind = match node.kind {
                "start" => StepKind::Start,
                "step" => StepKind::Step,
                "success" => StepKind::Success,
                _ => {
                    endings.extend(cell.as_ref().map(|cell| (node.label.as_str(), cell)));
                    continue;
                }
            };
            steps.push(FlowStep { name: &node.label, kind, reached: cell.as_ref(), time: None, errors: None });
        }
        let flow = TaskFlow { title: &self.title, subtitle: &self.counting, steps, ways: Vec::new(), endings, currency: "" };
        diptych_picture::task_flow(&flow, theme, width)
    }
}

impl Report {
    /// Writes the page as a PDF of A4 pages.
    pub fn to_pdf(&self) -> Result<Vec<u8>, EngineError> {
        let texts = |facts: &[Fact]| facts.iter().map(|fact| fact.text.clone()).collect::<Vec<_>>();
        let section = |heading: String, left: Vec<String>, right: Vec<String>| Section { heading, left, right };
        let mut sections = vec![section("What to do first".into(), self.first.clone(), Vec::new())];
        for aspect in &self.panels {
            let heading = format!("{}: user journey on the left, customer journey on the right", aspect.aspect);
            sections.push(section(heading, texts(&aspect.user), texts(&aspect.customer)));
        }
        sections.push(section("The hinge: who uses and who pays".into(), texts(&self.users_customers), Vec::new()));
        for drop in &self.drop_offs {
            let owner = drop.owner.as_ref().map_or(String::new(), |owner| format!(" ({owner})"));
            sections.push(section(format!("The hinge: {} → {}{owner}", drop.stage, drop.next), drop.sentences(), Vec::new()));
        }
        sections.push(section("What the data cannot say".into(), self.cannot_say.clone(), Vec::new()));
        sections.retain(|section| !(section.left.is_empty() && section.right.is_empty()));
        let pages = diptych_picture::pages(&self.name, &days(&self.window), &sections, Theme::Light);
        Ok(diptych_picture::pdf_pages(&pages)?)
    }
}

fn days(window: &Window) -> String {
    let day = |instant: &str| instant.get(..10).unwrap_or(instant).to_owned();
    format!("{} to {}, days of {}", day(&window.observed_from), day(&window.observed_until), window.zone)
}
