//! What people and programs send by mistake or on purpose.

mod common;

use std::time::Duration;

use diptych_server::Options;
use serde_json::json;

#[test]
fn wrong_questions_say_what_is_wrong_and_where() {
    let server = common::serve(&common::bakery());
    let problem = server.post("/api/ask/sesions", &json!({})).problem(400, "wrong");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean \"sessions\""), "{problem}");
    let problem = server.post("/api/ask/funnel", &json!({ "params": { "steps": ["view_product", "ad_to_cart"] } })).problem(400, "wrong");
    assert_eq!(problem["place"]["field"], "steps");
    assert!(problem["detail"].as_str().unwrap().contains("add_to_cart"), "{problem}");
    let problem = server.post("/api/ask/sessions", &json!({ "where": "devise = 'phone'" })).problem(400, "wrong");
    assert_eq!(problem["place"]["field"], "where");
    let problem = server.post("/api/ask/sessions", &json!({ "wher": "true" })).problem(400, "wrong");
    assert_eq!(problem["place"]["field"], "wher");
    server.post("/api/ask/sessions", &json!({ "params": 3 })).problem(400, "wrong");
    server.post("/api/ask/sessions", &json!({ "from": "yesterday" })).problem(400, "wrong");
    server.post("/api/ask/sessions?format=doc", &json!({})).problem(400, "wrong");
    server.post("/api/ask/sessions?frmat=csv", &json!({})).problem(400, "wrong");
    server.post("/api/who/sessions", &json!({ "cell": "nothing" })).problem(400, "wrong");
    server.post("/api/who/sessions", &json!({})).problem(400, "wrong");
    server.send("POST", "/api/ask/sessions", b"{\"params\": ").problem(400, "wrong");
    server.send("POST", "/api/ask/sessions", b"\xff\xfe\x00").problem(400, "wrong");
    server.get("/api/ask/sessions?q=%FF").problem(400, "wrong");
    server.get("/api/nothing").problem(404, "not_found");
    server.send("PUT", "/api/workspace", b"").problem(405, "method");
    let lines = server.post("/api/ask/sessions?stream=1", &json!({ "by": "no such" })).lines();
    assert_eq!(lines.last().unwrap()["type"], "error");
    assert_eq!(lines.last().unwrap()["problem"]["status"], 400);
}

#[test]
fn what_is_too_long_is_refused() {
    let server = common::serve(&common::bakery());
    let long = "a".repeat(1 << 20);
    assert_eq!(server.get(&format!("/api/ask/sessions?q={long}")).status, 414);
    let body = format!("{{\"where\": \"{}\"}}", "a".repeat(5 << 20));
    server.send("POST", "/api/ask/sessions", body.as_bytes()).problem(413, "too_large");
    let options = Options { upload_bytes: 1_000, ..Options::new(common::own_bakery().keep()) };
    let data = options.root.join("data");
    let small = common::serve_with(options.clone());
    let before = std::fs::read_dir(&data).unwrap().count();
    small.send("PUT", "/api/files/large.csv", &[b'a'; 5_000]).problem(413, "too_large");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), before, "nothing is left of it");
    std::fs::remove_dir_all(&options.root).unwrap();
}

#[test]
fn deeply_nested_expressions_are_answered_or_refused() {
    let server = common::serve(&common::bakery());
    let sums = format!("1 < 0{}", " + 1".repeat(249));
    let more_sums = format!("1 < 0{}", " + 1".repeat(3_000));
    let brackets = format!("{}1{} = 1", "(".repeat(3_000), ")".repeat(3_000));
    let nots = format!("{}true", "not ".repeat(3_000));
    for deep in [&sums, &more_sums, &brackets, &nots] {
        for reply in [
            server.post("/api/ask/sessions", &json!({ "where": deep })),
            server.post("/api/ask/sessions", &json!({ "by": deep })),
            server.post("/api/ask/sessions", &json!({ "actors": deep })),
            server.post("/api/sql", &json!({ "query": format!("select 1 where {deep}") })),
        ] {
            assert!([200, 400, 503].contains(&reply.status), "{} {}", reply.status, reply.text());
        }
    }
    let problem = server.post("/api/ask/sessions", &json!({ "where": more_sums })).problem(400, "wrong");
    assert!(problem["detail"].as_str().unwrap().contains("operators"), "{problem}");
    let unions = format!("select 1{}", " union all select 1".repeat(700));
    server.post("/api/sql", &json!({ "query": unions })).problem(400, "wrong");
    let named = format!("name in ({})", vec!["'view_home'"; 3_000].join(", "));
    assert_eq!(server.post("/api/ask/sessions", &json!({ "where": named })).status, 200, "a long list is not deep");
    let params = format!("{{\"params\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    server.send("POST", "/api/ask/sessions", params.as_bytes()).problem(400, "wrong");
    let yaml = format!("format: 1\nname: {}{}\n", "[".repeat(50_000), "]".repeat(50_000));
    let checked = server.post("/api/spec/check", &json!({ "text": yaml })).json();
    assert_eq!(checked["ok"], false);
    assert_eq!(server.get("/api/operators").status, 200, "the server is still there");
}

#[test]
fn queries_read_the_workspace_and_nothing_else() {
    let root = common::own_bakery();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.csv");
    std::fs::write(&secret, "a,b\n1,2\n").unwrap();
    let secret = secret.to_str().unwrap();
    let server = common::serve(root.path());
    for query in [
        format!("select * from read_csv('{secret}')"),
        format!("select * from read_parquet('{secret}')"),
        format!("select * from '{secret}'"),
        format!("select * from \"{secret}\""),
        format!("create external table t stored as csv location '{secret}'"),
        format!("copy (select 1) to '{}/out.csv'", outside.path().display()),
        "create table t as select 1".into(),
        "insert into events values (1)".into(),
        "delete from events".into(),
        "drop view events".into(),
        "set datafusion.execution.batch_size = 1".into(),
        "select 1; select 2".into(),
        "prepare p as select 1".into(),
        String::new(),
    ] {
        let problem = server.post("/api/sql", &json!({ "query": query })).problem(400, "wrong");
        assert!(!problem["detail"].as_str().unwrap().contains("1,2"), "{problem}");
    }
    assert!(!outside.path().join("out.csv").exists());
    let rows = server
        .post("/api/sql", &json!({ "query": "select count(*) as n, true as t, null as nothing, 1.5 as x, 'é' as s from events" }))
        .json();
    assert_eq!(rows["columns"][0], json!({ "name": "n", "type": "integer" }));
    assert!(rows["rows"][0][0].as_u64().unwrap() > 1_000);
    assert_eq!(rows["rows"][0].as_array().unwrap()[1..], [json!(true), json!(null), json!(1.5), json!("é")]);
    let cut = server.post("/api/sql", &json!({ "query": "select name from events", "limit": 7 })).json();
    assert_eq!((cut["rows"].as_array().unwrap().len(), cut["truncated"].as_bool()), (7, Some(true)));
    let all = server.post("/api/sql", &json!({ "query": "select 1", "limit": 1 })).json();
    assert_eq!(all["truncated"], false);
    assert_eq!(server.post("/api/sql", &json!({ "query": "explain select name from events" })).status, 200);
    let csv = server.post("/api/sql?format=csv", &json!({ "query": "select 'a,b' as c, 1 as n" }));
    assert_eq!(csv.text().replace("\r\n", "\n"), "c,n\n\"a,b\",1\n");
    assert!(server.post("/api/sql?format=xlsx", &json!({ "query": "select 1 as n" })).body.starts_with(b"PK"));
}

#[test]
fn queries_that_never_end_are_ended() {
    let endless = "select count(*) from events a, events b, events c, events d";
    let hasty = common::serve_with(Options { sql_time: Duration::from_secs(1), ..Options::new(common::bakery()) });
    for query in [
        "with recursive t as (select 1 as n union all select n + 1 from t) select count(*) from t",
        "select count(*) from generate_series(1, 1000000000000)",
    ] {
        let reply = hasty.post("/api/sql", &json!({ "query": query }));
        assert!(reply.status == 503 || reply.status == 400, "{query}: {} {}", reply.status, reply.text());
    }
    hasty.post("/api/sql", &json!({ "query": endless })).problem(503, "time");
    assert_eq!(hasty.post("/api/sql", &json!({ "query": "select 1" })).status, 200);
    // On a slow machine too, the memory is full long before this time is over.
    let small =
        common::serve_with(Options { sql_time: Duration::from_secs(100), memory_bytes: 200 << 20, ..Options::new(common::bakery()) });
    small
        .post("/api/sql", &json!({ "query": "select array_agg(a.properties || b.properties) from events a, events b" }))
        .problem(503, "memory");
    assert_eq!(small.post("/api/sql", &json!({ "query": "select 1" })).status, 200);
}

#[test]
fn names_do_not_lead_elsewhere() {
    let root = common::own_bakery();
    let inside = root.path().join("workspace");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(
        inside.join("diptych.yaml"),
        "format: 1\nscreens: { home: ../simulated.txt, up: ../secret.png, own: home.png, script: x.svg }\n",
    )
    .unwrap();
    std::fs::write(root.path().join("secret.png"), b"secret").unwrap();
    std::fs::write(inside.join("home.png"), b"\x89PNG").unwrap();
    std::fs::write(inside.join("x.svg"), b"<svg/>").unwrap();
    let server = common::serve(&inside);
    for name in ["..%2Fx.csv", "%2e%2e%2fx.csv", "..%5Cx.csv", ".hidden", "a%00b", "%0a", "a%2Fb.csv", "c:x.csv", "%2Fetc%2Fpasswd"] {
        server.send("PUT", &format!("/api/files/{name}"), b"a,b\n").problem(400, "wrong");
    }
    let long = "a".repeat(300);
    server.send("PUT", &format!("/api/files/{long}"), b"a,b\n").problem(400, "wrong");
    assert!(!root.path().join("x.csv").exists());
    server.post("/api/profile", &json!({ "files": ["../diptych.yaml"] })).problem(400, "wrong");
    server.post("/api/profile", &json!({ "files": ["none.csv"] })).problem(404, "not_found");
    server.post("/api/import", &json!({ "files": ["../../data/web.csv"] })).problem(400, "wrong");
    assert_eq!(server.get("/api/screens/own").body, b"\x89PNG");
    server.get("/api/screens/up").problem(422, "file");
    server.get("/api/screens/home").problem(422, "file");
    server.get("/api/screens/script").problem(422, "file");
    server.get("/api/screens/..%2Fsecret.png").problem(404, "not_found");
    for target in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/assets/../../Cargo.toml", "/..%2fCargo.toml"] {
        server.get(target).problem(404, "not_found");
    }
}
