//! What a request can fail of, as `application/problem+json` (RFC 9457).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use diptych_engine::{AskError, EngineError, SPEC_FILE, SpecError, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

/// A failure that says what, where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// What kind of failure it is: `urn:diptych:…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// Where it is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Box<Place>>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// A place in a file or in a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// Field of the request, or parameter of the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// The kinds of failures: name, title, status.
const KINDS: &[(&str, &str, StatusCode)] = &[
    ("wrong", "The request is wrong", StatusCode::BAD_REQUEST),
    ("token", "A token is needed", StatusCode::UNAUTHORIZED),
    ("foreign", "The request comes from elsewhere", StatusCode::FORBIDDEN),
    ("not_found", "There is no such thing", StatusCode::NOT_FOUND),
    ("gone", "The workspace is not there", StatusCode::NOT_FOUND),
    ("method", "This cannot be done here", StatusCode::METHOD_NOT_ALLOWED),
    ("empty", "Nothing was imported yet", StatusCode::CONFLICT),
    ("locked", "Another process is writing", StatusCode::CONFLICT),
    ("changed", "The file changed meanwhile", StatusCode::CONFLICT),
    ("too_large", "This is too large", StatusCode::PAYLOAD_TOO_LARGE),
    ("spec", "diptych.yaml is wrong", StatusCode::UNPROCESSABLE_ENTITY),
    ("file", "A file cannot be used", StatusCode::UNPROCESSABLE_ENTITY),
    ("cancelled", "The question was cancelled", StatusCode::BAD_REQUEST),
    ("memory", "This needs too much memory", StatusCode::SERVICE_UNAVAILABLE),
    ("time", "This takes too long", StatusCode::SERVICE_UNAVAILABLE),
    ("disk", "The disk does not do it", StatusCode::INTERNAL_SERVER_ERROR),
    ("bug", "A defect of Diptych", StatusCode::INTERNAL_SERVER_ERROR),
];

impl Problem {
    /// Makes a failure of a kind.
    ///
    /// # Panics
    /// When there is no such kind.
    pub fn new(kind: &str, detail: impl Into<String>) -> Self {
        let (_, title, status) = KINDS.iter().find(|(known, ..)| *known == kind).expect("the kind is one of the table");
        Self { kind: format!("urn:diptych:{kind}"), title, status: status.as_u16(), detail: detail.into(), place: None, fix: None }
    }

    /// Tells whether the failure is of a kind.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.strip_prefix("urn:diptych:") == Some(kind)
    }

    /// Makes the failure of a wrong request.
    pub fn wrong(detail: impl Into<String>) -> Self {
        Self::new("wrong", detail)
    }

    /// Adds the field of the request that is wrong.
    pub fn at_field(mut self, field: impl Into<String>) -> Self {
        self.place = Some(Box::new(Place { field: Some(field.into()), ..Place::default() }));
        self
    }

    /// Adds what to do.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Makes the failure of a wrong spec.
    pub fn spec(error: &SpecError) -> Self {
        let known = |number: u64| (number > 0).then_some(number);
        let place = Place { file: Some(SPEC_FILE.into()), line: known(error.line), column: known(error.column), field: None };
        Self { place: Some(Box::new(place)), ..Self::new("spec", error.what.clone()) }
    }

    /// Makes the failure of a defect.
    pub fn bug(what: impl std::fmt::Display) -> Self {
        Self::new("bug", what.to_string()).fix("Please report what you asked, and this text.")
    }
}

impl From<diptych_engine::drawn::PictureError> for Problem {
    fn from(error: diptych_engine::drawn::PictureError) -> Self {
        Self::wrong(error.to_string()).at_field("width")
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let detail = error.to_string();
        match error {
            EngineError::Store(error) => of_store(error, detail),
            EngineError::Intake(_) | EngineError::File { .. } => Self::new("file", detail),
            EngineError::Ask(AskError::Parameter { parameter, .. }) => Self::wrong(detail).at_field(parameter),
            EngineError::Ask(AskError::Cell { .. }) => Self::wrong(detail).at_field("cell"),
            EngineError::Spec { source, .. } => Self::spec(&source),
            EngineError::Sql { place, .. } => Self::wrong(detail).at_field(place.trim_start_matches("--")),
            EngineError::Wrong(_) => Self::wrong(detail),
            EngineError::Memory { .. } => Self::new("memory", detail),
            EngineError::Time { .. } => Self::new("time", detail),
            EngineError::Cancelled => Self::new("cancelled", detail),
        }
    }
}

fn of_store(error: StoreError, detail: String) -> Problem {
    match error {
        StoreError::NotAWorkspace { missing, .. } if missing.starts_with("store") => {
            Problem::new("empty", "nothing was imported into this workspace yet").fix("Import a file first.")
        }
        StoreError::NotAWorkspace { missing, .. } => Problem::new("gone", format!("the folder of the workspace has no {missing} any more"))
            .fix("Put it back; Diptych goes on by itself."),
        StoreError::Locked { .. } => Problem::new("locked", detail),
        _ => Problem::new("disk", detail),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let text = serde_json::to_vec(&self).expect("a problem is plain data");
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("the table has HTTP statuses");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
