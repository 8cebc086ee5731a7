//! Who may ask: the own page in the own browser, or whoever has the token.
//!
//! A server on this machine is reached by every page that the browser shows. So the `Host` must be this machine (a name
//! that somebody points here later is not), the `Origin` the own one, and what changes something must carry a header
//! that other pages cannot send without asking first, which is never granted.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use axum::middleware::Next;
use axum::response::IntoResponse;

use crate::problem::Problem;
use crate::state::{App, Served};

/// Header that every request carries that may change something.
pub const OWN_HEADER: &str = "x-diptych";

const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Lets a request through or refuses it; adds what browsers must know to every response.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response<Body> {
    let mut response = match check(&app, &request) {
        Ok(Pass::Through) => next.run(request).await,
        Ok(Pass::Welcome(response)) => response,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What becomes of a request that is not refused.
enum Pass {
    /// It goes on.
    Through,
    /// The token came in the address: it is put into a cookie, and the page is asked for again without it.
    Welcome(Response<Body>),
}

fn check(app: &Served, request: &Request) -> Result<Pass, Problem> {
    let headers = request.headers();
    let host = text(headers, HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str())).unwrap_or_default();
    if !app.hosts.is_empty() && !app.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
        return Err(
            Problem::new("foreign", format!("this server is not called \"{host}\"")).fix(format!("Open http://{} instead.", app.hosts[0]))
        );
    }
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if own.is_none_or(|own| !own.eq_ignore_ascii_case(host)) {
            return Err(Problem::new("foreign", "pages from elsewhere may not ask this server"));
        }
    }
    // What browsers say of themselves: an address of the API is for the own page alone, not for pictures in others.
    let site = text(headers, HeaderName::from_static("sec-fetch-site")).unwrap_or("none");
    if request.uri().path().starts_with("/api/") && !matches!(site, "none" | "same-origin") {
        return Err(Problem::new("foreign", "pages from elsewhere may not ask this server"));
    }
    if let Some(token) = &app.options.token {
        let cookie = format!("diptych_{}", app.address.port());
        match presented(request, &cookie) {
            Some((given, from_address)) if same(&given, token) => {
                if from_address && request.method() == Method::GET {
                    return Ok(Pass::Welcome(welcome(request, &cookie, token)));
                }
            }
            _ => return Err(Problem::new("token", "this server asks for a token").fix("Open the address that `diptych serve` printed.")),
        }
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && text(headers, HeaderName::from_static(OWN_HEADER)) != Some("1") {
        return Err(Problem::new("foreign", "the header `x-diptych: 1` is missing").fix("Send it with every request that is not GET."));
    }
    Ok(Pass::Through)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the token of a request, and whether it stands in the address.
fn presented(request: &Request, cookie: &str) -> Option<(String, bool)> {
    if let Some(bearer) = text(request.headers(), AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")) {
        return Some((bearer.trim().to_owned(), false));
    }
    let of_address = request.uri().query().and_then(|query| query.split('&').find_map(|part| part.strip_prefix("token=")));
    if let Some(token) = of_address {
        return Some((token.to_owned(), true));
    }
    let cookies = request.headers().get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let found = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    found.filter(|(name, _)| *name == cookie).map(|(_, value)| (value.to_owned(), false)).next()
}

/// Compares two texts in a time that depends on their lengths alone.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Puts the token into a cookie and goes on to the address without it, by a page of one's own: a redirect would still
/// count as coming from the page that had the link, and the cookie would not be sent.
fn welcome(request: &Request, cookie: &str, token: &str) -> Response<Body> {
    let rest: Vec<&str> = request.uri().query().unwrap_or_default().split('&').filter(|part| !part.starts_with("token=")).collect();
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    let to = format!("{}{query}", request.uri().path()).replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let page =
        format!("<!doctype html><title>Diptych</title><meta http-equiv=\"refresh\" content=\"0;url={to}\"><a href=\"{to}\">Diptych</a>");
    let mut response = Response::new(Body::from(page));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(value) = HeaderValue::from_str(&format!("{cookie}={token}; Path=/; HttpOnly; SameSite=Strict")) {
        headers.insert(SET_COOKIE, value);
    }
    response
}
