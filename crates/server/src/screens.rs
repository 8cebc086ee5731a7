//! `GET /api/screens/{page}`: the picture that the spec names for a page.

use std::fs;

use axum::extract::{Path, State};
use axum::response::Response;

use crate::app::media_type;
use crate::problem::Problem;
use crate::request::media;
use crate::state::{App, quick};

/// Pictures that browsers show without running anything in them.
const SHOWN: &[&str] = &["image/png", "image/jpeg", "image/webp", "image/gif"];

/// Returns the picture of a page; only files within the workspace.
pub async fn get(State(app): State<App>, Path(page): Path<String>) -> Result<Response, Problem> {
    quick(&app, move |app| {
        let bench = app.bench()?;
        let none = || Problem::new("not_found", format!("there is no picture of the page {page}")).fix("Name one under `screens:`.");
        let file = bench.spec().screens.get(&page).ok_or_else(none)?;
        let media_type = media_type(file);
        if !SHOWN.contains(&media_type) {
            return Err(Problem::new("file", format!("{file} is no picture; use PNG, JPEG, WebP or GIF")));
        }
        let root = bench.root().canonicalize().map_err(|_| none())?;
        let path = root.join(file).canonicalize().map_err(|_| none())?;
        if !path.starts_with(&root) {
            return Err(Problem::new("file", format!("{file} lies outside of the workspace; put it there")));
        }
        let bytes = fs::read(&path).map_err(|error| Problem::new("disk", format!("{file} cannot be read: {error}")))?;
        Ok(media(media_type, bytes))
    })
    .await
}
