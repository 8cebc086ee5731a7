//! `GET /api/report`: both panels and the hinge on one page.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::problem::Problem;
use crate::request::{Params, media};
use crate::state::{App, work};

/// Parameters of the report.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    format: Format,
}

/// How the report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Html,
    Text,
    Pdf,
}

/// Makes the report.
pub async fn get(State(app): State<App>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    work(&app, move |app, limits| {
        let report = app.report(&limits)?;
        Ok(match wish.format {
            Format::Html => media("text/html; charset=utf-8", report.to_html()),
            Format::Text => media("text/plain; charset=utf-8", report.to_text()),
            Format::Json => media("application/json", report.to_json()),
            Format::Pdf => media("application/pdf", report.to_pdf()?),
        })
    })
    .await
}
