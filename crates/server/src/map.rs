//! `GET /api/map/{customer|task|flow}`: the journey map and the flows.

use axum::extract::State;
use axum::response::Response;
use diptych_engine::drawn;
use serde::{Deserialize, Serialize};

use crate::ask::{Theme, WIDTH};
use crate::problem::Problem;
use crate::request::{Params, answer_json, media};
use crate::state::{App, work};

/// Parameters of a map.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    format: Format,
    theme: Theme,
    /// Pixels that the picture is wide.
    width: Option<u32>,
    name: Option<String>,
}

/// How a map is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Md,
    Html,
    Svg,
    Png,
    Pdf,
}

/// Makes the customer journey map.
pub async fn customer(State(app): State<App>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    work(&app, move |app, limits| {
        let map = app.bench()?.journey_map(&limits)?;
        written(&wish, &map, || map.to_markdown(), || map.to_html(), |theme, width| map.to_svg(theme, width))
    })
    .await
}

/// Makes the flow of a task.
pub async fn task(State(app): State<App>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    work(&app, move |app, limits| {
        let flow = app.bench()?.task_flow(wish.name.as_deref(), &limits)?;
        written(&wish, &flow, || flow.to_markdown(), || flow.to_html(), |theme, width| flow.to_svg(theme, width))
    })
    .await
}

/// Makes the flow of all users.
pub async fn flow(State(app): State<App>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    work(&app, move |app, limits| {
        let flow = app.bench()?.user_flow(&limits)?;
        written(&wish, &flow, || flow.to_markdown(), || flow.to_html(), |theme, width| flow.to_svg(theme, width))
    })
    .await
}

fn written(
    wish: &Wish,
    whole: &impl Serialize,
    markdown: impl Fn() -> String,
    html: impl Fn() -> String,
    svg: impl Fn(drawn::Theme, u32) -> String,
) -> Result<Response, Problem> {
    let svg = || svg(wish.theme.into(), wish.width.unwrap_or(WIDTH));
    Ok(match wish.format {
        Format::Json => answer_json(whole),
        Format::Md => media("text/markdown; charset=utf-8", markdown()),
        Format::Html => media("text/html; charset=utf-8", html()),
        Format::Svg => media("image/svg+xml", svg()),
        Format::Png => media("image/png", drawn::png(&svg(), drawn::PIXELS_PER_PIXEL)?),
        Format::Pdf => media("application/pdf", drawn::pdf(&svg())?),
    })
}
