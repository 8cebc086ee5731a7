//! `/api/users/{id}`, `/api/accounts/{id}` and `/api/series`: single people, and what was going on around them.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use crate::problem::Problem;
use crate::request::{Params, answer_json};
use crate::state::{App, quick};

/// Parameters of one person's page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    limit: usize,
}

impl Default for Wish {
    fn default() -> Self {
        Self { limit: 200 }
    }
}

/// Returns one user.
pub async fn user(State(app): State<App>, Path(id): Path<String>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    quick(&app, move |app| {
        let bench = app.bench()?;
        match bench.user(&id, wish.limit)? {
            Some(user) => Ok(answer_json(&user)),
            None => Err(Problem::new("not_found", bench.nobody("user", &id).to_string())),
        }
    })
    .await
}

/// Returns one account.
pub async fn account(State(app): State<App>, Path(id): Path<String>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    quick(&app, move |app| {
        let bench = app.bench()?;
        match bench.account(&id, wish.limit)? {
            Some(account) => Ok(answer_json(&account)),
            None => Err(Problem::new("not_found", bench.nobody("account", &id).to_string())),
        }
    })
    .await
}

/// Returns totals per day and dated facts.
pub async fn series(State(app): State<App>) -> Result<Response, Problem> {
    quick(&app, |app| Ok(answer_json(&app.bench()?.context()?))).await
}
