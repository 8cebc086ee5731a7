//! `GET /api/map/{customer|task|flow}`: the journey map and the flows.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::ask::Theme;
use crate::problem::Problem;
use crate::request::{Params, answer_json, media};
use crate::state::{App, work};

/// Parameters of a map.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    format: Format,
    theme: Theme,
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
        written(&wish, &map, || map.to_markdown(), || map.to_html())
    })
    .await
}

/// Makes the flow of a task.
pub async fn task(State(app): State<App>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    work(&app, move |app, limits| {
        let flow = app.bench()?.task_flow(wish.name.as_deref(), &limits)?;
        written(&wish, &flow, || flow.to_markdown(), || flow.to_html())
    })
    .await
}

/// Makes the flow of all users.
pub async fn flow(State(app): State<App>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    work(&app, move |app, limits| {
        let flow = app.bench()?.user_flow(&limits)?;
        written(&wish, &flow, || flow.to_markdown(), || flow.to_html())
    })
    .await
}

fn written(wish: &Wish, whole: &impl Serialize, markdown: impl Fn() -> String, html: impl Fn() -> String) -> Result<Response, Problem> {
    match wish.format {
        Format::Json => Ok(answer_json(whole)),
        Format::Md => Ok(media("text/markdown; charset=utf-8", markdown())),
        Format::Html => Ok(media("text/html; charset=utf-8", html())),
        Format::Svg | Format::Png | Format::Pdf => {
            let theme = wish.theme;
            Err(Problem::new("not_yet", format!("this build draws no maps ({theme:?})")).fix("Ask for json, md or html."))
        }
    }
}
