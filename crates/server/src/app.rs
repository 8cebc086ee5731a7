//! The web app: files of `ui/dist`, in the binary.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::problem::Problem;
use crate::state::App;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Files;

/// What is shown where the binary was built without the app.
const WITHOUT_APP: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Diptych</title>\n\
    <body style=\"font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem\">\n<h1>Diptych</h1>\n\
    <p>This binary was built without the web app. Build it with <code>make ui</code> (it needs Node) and then <code>make build</code>.</p>\n\
    <p>The API works: <a href=\"/api/workspace\">the workspace</a>, <a href=\"/api/report?format=html\">the report</a>, \
    <a href=\"/api/openapi.json\">all addresses</a>.</p>\n";

/// Serves a file of the app; a path without a dot is a place within it.
pub async fn file(State(_): State<App>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || path == "api" {
        return Problem::new("not_found", format!("there is no /{path}")).fix("GET /api/openapi.json lists the addresses.").into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return Problem::new("method", "files of the app can only be read").into_response();
    }
    let is_place = !path.contains('.');
    let name = if is_place { "index.html" } else { path };
    let Some(file) = Files::get(name) else {
        return match is_place {
            true => ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-cache")], WITHOUT_APP).into_response(),
            false => Problem::new("not_found", format!("the app has no file {path}")).into_response(),
        };
    };
    let tag: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    // Files under assets/ have a hash of their content in their names.
    let keep = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(Body::from(file.data.into_owned())),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.extend(HeaderValue::from_str(&tag).map(|tag| (ETAG, tag)));
    response
}

/// Returns the media type of a file by its name.
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
