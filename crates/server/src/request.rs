//! Reading requests, whose errors are problems, and writing answers.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Query};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Most bytes of a body that is held in memory.
pub const BODY_BYTES_MAX: usize = 4 << 20;

/// The parameters of an address.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => Err(Problem::wrong(format!("the address: {}", error.body_text()))),
        }
    }
}

/// Reads a body of up to `bytes_max` bytes.
pub async fn bytes(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, bytes_max).await.map_err(|error| {
        let too_large = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit"));
        match too_large {
            true => Problem::new("too_large", format!("the body has more than {bytes_max} bytes")),
            false => Problem::wrong(format!("the body cannot be read: {error}")),
        }
    })
}

/// Reads a JSON body.
pub async fn json<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    from_json(&bytes(body, BODY_BYTES_MAX).await?)
}

/// Reads JSON; no bytes at all stand for `{}`.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| wrong_json(&error))
}

/// Reads a JSON value.
pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| wrong_json(&error))
}

fn wrong_json(error: &serde_json::Error) -> Problem {
    let what = error.to_string();
    let problem = Problem::wrong(format!("the body is not the JSON that is wanted: {what}"));
    match what.split('`').nth(1) {
        Some(field) => problem.at_field(field),
        None => problem,
    }
}

/// Writes an answer as JSON.
pub fn answer_json(answer: &impl serde::Serialize) -> Response {
    media("application/json", serde_json::to_vec(answer).expect("answers are plain data"))
}

/// Writes an answer of a media type.
pub fn media(media_type: &'static str, content: impl Into<Body>) -> Response {
    let mut response = Response::new(content.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Writes an answer that browsers save under a name.
pub fn attachment(media_type: &'static str, name: &str, content: impl Into<Body>) -> Response {
    let mut response = media(media_type, content);
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}
