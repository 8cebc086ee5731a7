//! Draws answers and maps as SVG; PNG and PDF are made from that very SVG.
//!
//! Place: L2, on `event` and `journey`, below the engine.
//! Must not know: files, HTTP, terminals, how an answer was computed.
//!
//! The app, the command line and the report show the same picture (docs/decisions/0007-one-renderer.md).
//! Every mark that stands for a cell is a `<g data-cell="…" data-group="…">`, which can be reached with the keyboard and is read
//! out with its base and interval; colours are custom properties with the theme's values as fallbacks.

mod canvas;
mod charts;
mod drawing;
pub mod font;
mod maps;
mod numbers;
mod pages;
mod print;
mod theme;

pub use drawing::{Drawing, Group, svg};
pub use maps::{FlowEdge, FlowStep, Kind, Lane, Map, MapCell, StepKind, TaskFlow, customer_map, task_flow};
pub use numbers::thousands;
pub use pages::{Section, pages};
pub use print::{PictureError, pdf, pdf_pages, png};
pub use theme::Theme;
