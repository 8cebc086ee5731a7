//! Who may ask: tokens, foreign pages, foreign names of this machine.

mod common;

use std::io::Write;

use diptych_server::{Options, start};
use serde_json::json;

#[test]
fn only_the_own_name_and_the_own_page_may_ask() {
    let server = common::serve(&common::bakery());
    let port = server.address.port();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")] {
        assert_eq!(server.raw("GET", "/api/operators", &[("host", &host)], b"").status, 200, "{host}");
        assert_eq!(server.raw("GET", "/api/operators", &[("host", &host), ("origin", &format!("http://{host}"))], b"").status, 200);
    }
    // DNS rebinding: a name of somebody else's that leads here.
    for host in
        ["evil.example".to_owned(), format!("evil.example:{port}"), "127.0.0.1".into(), format!("127.0.0.1:{}", port ^ 1), String::new()]
    {
        server.raw("GET", "/api/operators", &[("host", &host)], b"").problem(403, "foreign");
    }
    let host = server.address.to_string();
    for origin in ["http://evil.example", "null", "https://127.0.0.1", &format!("http://127.0.0.1:{}", port ^ 1), "file://"] {
        server.raw("GET", "/api/operators", &[("host", &host), ("origin", origin)], b"").problem(403, "foreign");
        server.raw("POST", "/api/ask/sessions", &[("host", &host), ("origin", origin), ("x-diptych", "1")], b"{}").problem(403, "foreign");
    }
    for site in ["cross-site", "same-site"] {
        server.raw("GET", "/api/operators", &[("host", &host), ("sec-fetch-site", site)], b"").problem(403, "foreign");
        // A link from elsewhere may open the app.
        assert_eq!(server.raw("GET", "/", &[("host", &host), ("sec-fetch-site", site)], b"").status, 200);
    }
}

#[test]
fn what_changes_something_carries_a_header_that_other_pages_cannot_send() {
    let server = common::serve(&common::bakery());
    let host = server.address.to_string();
    for (method, target) in
        [("POST", "/api/ask/sessions"), ("PUT", "/api/spec"), ("PUT", "/api/files/a.csv"), ("POST", "/api/sql"), ("DELETE", "/")]
    {
        server.raw(method, target, &[("host", &host)], b"{}").problem(403, "foreign");
        server.raw(method, target, &[("host", &host), ("x-diptych", "0")], b"{}").problem(403, "foreign");
    }
    // The question that browsers ask before they send that header is never granted.
    let preflight = [("host", host.as_str()), ("origin", "http://evil.example"), ("access-control-request-method", "POST")];
    let reply = server.raw("OPTIONS", "/api/ask/sessions", &preflight, b"");
    assert_eq!(reply.status, 403);
    assert!(!reply.headers.to_ascii_lowercase().contains("access-control-allow"), "{}", reply.headers);
}

#[test]
fn a_token_is_asked_for_where_one_is_set() {
    let token = "a-token-of-this-test-0123";
    let options = Options { token: Some(token.into()), ..Options::new(common::bakery()) };
    let server = common::serve_with(options);
    let host = server.address.to_string();
    let ask = |headers: &[(&str, &str)], target: &str| {
        let headers: Vec<(&str, &str)> = [("host", host.as_str())].into_iter().chain(headers.iter().copied()).collect();
        server.raw("GET", target, &headers, b"")
    };
    ask(&[], "/api/operators").problem(401, "token");
    ask(&[], "/").problem(401, "token");
    ask(&[("authorization", "Bearer a-token-of-this-test-0124")], "/api/operators").problem(401, "token");
    ask(&[("authorization", "Bearer ")], "/api/operators").problem(401, "token");
    ask(&[], "/?token=wrong").problem(401, "token");
    assert_eq!(ask(&[("authorization", &format!("Bearer {token}"))], "/api/operators").status, 200);
    let welcome = ask(&[], &format!("/people?token={token}&user=%22%3Cb"));
    assert_eq!(welcome.status, 200);
    let cookie = welcome.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(welcome.text().contains("url=/people?user=%22%3Cb\""), "{}", welcome.text());
    assert_eq!(ask(&[("cookie", cookie.split(';').next().unwrap())], "/api/operators").status, 200);
    let elsewhere = Options { listen: ([0, 0, 0, 0], 0).into(), ..Options::new(common::bakery()) };
    assert!(start(elsewhere.clone()).is_err(), "an address that others reach needs a token");
    assert!(start(Options { token: Some("short".into()), ..elsewhere }).is_err());
}

#[test]
fn every_reply_tells_the_browser_what_it_may_do() {
    let server = common::serve(&common::bakery());
    for target in ["/", "/api/operators", "/api/nothing", "/assets/none.js"] {
        let reply = server.get(target);
        assert!(reply.header("content-security-policy").contains("default-src 'self'"), "{target}: {}", reply.headers);
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin");
    }
    assert_eq!(server.get("/api/operators").header("cache-control"), "no-store");
    assert_eq!(server.post("/api/ask/sessions", &json!({})).header("cache-control"), "no-store");
    let app = server.get("/people/some-id");
    assert_eq!(app.status, 200);
    assert!(app.header("content-type").starts_with("text/html"));
}

#[test]
fn a_slow_client_keeps_nobody_waiting() {
    let server = common::serve(&common::bakery());
    let mut slow: Vec<_> = (0..20).map(|_| server.connect()).collect();
    slow.iter_mut().for_each(|stream| stream.write_all(b"POST /api/ask/sessions HTTP/1.1\r\nhost: ").unwrap());
    assert_eq!(server.get("/api/operators").status, 200);
}
