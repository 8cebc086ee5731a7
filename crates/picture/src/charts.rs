//! One chart per kind of answer; which one it is comes from the operator.

mod funnel;
mod legend;

use diptych_journey::seam::Chart;

use crate::canvas::Canvas;
use crate::drawing::{Area, Drawing};

/// Draws the chart of an answer; returns its bottom.
pub(crate) fn draw(canvas: &mut Canvas, drawing: &Drawing, area: Area) -> f64 {
    match drawing.chart {
        Chart::Funnel => funnel::draw(canvas, drawing, area),
        _ => area.top,
    }
}
