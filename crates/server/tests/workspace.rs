//! The workspace's life while it is served: edited, broken, gone, written by another; uploads, imports, corrections.

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use diptych_engine::ask::Limits;
use diptych_engine::import::{self, Options as ImportOptions};
use diptych_engine::watch::Unwatched;
use diptych_engine::{SPEC_FILE, Workbench};
use serde_json::{Value, json};

/// Waits until something holds; panics when it does not for long.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_workspace_says_what_it_holds() {
    let server = common::serve(&common::bakery());
    let workspace = server.get("/api/workspace").json();
    assert_eq!(workspace["state"], "ready");
    assert_eq!((workspace["simulated"].as_bool(), workspace["zone"].as_str()), (Some(true), Some("Europe/Vienna")));
    let sessions = server.post("/api/ask/sessions", &json!({})).json();
    assert_eq!((&workspace["events"], &workspace["users"]), (&sessions["base"]["events"], &sessions["base"]["actors"]));
    assert_eq!(workspace["observed_until"], sessions["window"]["observed_until"]);
    let names = workspace["names"].as_array().unwrap();
    assert_eq!(names.iter().map(|name| name["n"].as_u64().unwrap()).sum::<u64>(), workspace["events"].as_u64().unwrap());
    assert_eq!(workspace["stages"][0], "awareness");
    assert!(workspace["columns"].as_array().unwrap().contains(&json!({ "name": "loyalty_tier", "kind": "text", "of": "account" })));
    let has = workspace["has"].as_object().unwrap();
    assert!(has.values().all(|has| *has == true), "{has:?}");
    let data = server.get("/api/data").json();
    let web = data["sources"].as_array().unwrap().iter().find(|source| source["name"] == "web").unwrap();
    assert_eq!(web["kind"], "events");
    assert!(web["files"][0]["accepted"].as_u64().unwrap() > 1_000);
    assert!(data["uploads"].as_array().unwrap().iter().any(|upload| upload["file"] == "web.csv"));
    assert!(!server.get("/api/series").json()["series"].as_array().unwrap().is_empty());
    for format in ["json", "text", "html"] {
        assert_eq!(server.get(&format!("/api/report?format={format}")).status, 200);
    }
    assert_eq!(server.get("/api/openapi.json").json()["openapi"], "3.1.0");
}

/// Makes the report without a server.
fn made_anew(root: &Path) -> Value {
    let report = Workbench::open(root).unwrap().report(&Limits::default(), &Unwatched).unwrap();
    serde_json::from_str(&report.to_json()).unwrap()
}

#[test]
fn the_report_that_is_kept_follows_spec_and_data() {
    let own = common::own_bakery();
    let server = common::serve(own.path());
    let first = server.get("/api/report").json();
    assert_eq!(first, made_anew(own.path()));
    assert_eq!(server.get("/api/report").json(), first, "the one that was kept");

    let path = own.path().join(SPEC_FILE);
    let spec = fs::read_to_string(&path).unwrap();
    assert!(spec.contains("gap: 30m"), "the bakery's sessions have the usual gap");
    fs::write(&path, spec.replace("gap: 30m", "gap: 5h")).unwrap();
    let of_long_sessions = server.get("/api/report").json();
    assert_ne!(of_long_sessions, first);
    assert_eq!(of_long_sessions, made_anew(own.path()));

    let bench = Workbench::open(own.path()).unwrap();
    let web = fs::read_to_string(own.path().join("data/web.csv")).unwrap();
    let (header, rows) = web.split_once('\n').unwrap();
    // The first row again, with an id of its own.
    let more = own.path().join("data/web-more.csv");
    let row = rows.lines().next().unwrap();
    let id = header.split(',').position(|column| column.trim() == "event_id").unwrap();
    let cells: Vec<&str> = row.split(',').enumerate().map(|(idx, cell)| if idx == id { "one-more" } else { cell }).collect();
    fs::write(&more, format!("{header}\n{}\n", cells.join(","))).unwrap();
    let web = ImportOptions { source: Some("web".into()), ..common::options() };
    let imported = import::import(&bench, &[more], &web, &mut |_| {}).unwrap();
    assert_eq!(imported[0].accepted, 1, "{imported:?}");
    let known = server.get("/api/report").json();
    assert_eq!(known, made_anew(own.path()));

    // Records are kept beside the report, until the log grows.
    let more = own.path().join("data/profiles-more.csv");
    fs::write(&more, "customer,name,value,since\nnobody-yet,loyalty_tier,gold,2025-05-01\n").unwrap();
    let profiles = ImportOptions { source: Some("profiles".into()), ..common::options() };
    import::import(&bench, &[more], &profiles, &mut |_| {}).unwrap();
    let known_now = server.get("/api/report").json();
    assert_eq!(known_now["knows"]["profile_values"].as_u64(), known["knows"]["profile_values"].as_u64().map(|n| n + 1));
    assert_eq!(known_now, made_anew(own.path()));
}

#[test]
fn people_are_shown_with_all_that_they_did() {
    let root = common::bakery();
    let server = common::serve(&root);
    let found = server.post("/api/who/users_customers", &json!({ "cell": "uses_pays", "limit": 1 })).json();
    let id = found["units"][0]["actor"].as_str().unwrap().to_owned();
    let user = server.get(&format!("/api/users/{id}")).json();
    let count = server.post("/api/sql", &json!({ "query": format!("select n_events from users where actor = '{id}'") })).json();
    assert_eq!(user["events_total"], count["rows"][0][0]);
    let in_sessions: usize = user["sessions"].as_array().unwrap().iter().map(|session| session["events"].as_array().unwrap().len()).sum();
    assert_eq!(in_sessions + user["outside"].as_array().unwrap().len(), user["events_total"].as_u64().unwrap() as usize);
    assert_eq!(user["ids"][0], id);
    let account = server.get(&format!("/api/accounts/{id}?limit=100000")).json();
    assert_eq!(account["events_total"].as_u64().unwrap() as usize, account["events"].as_array().unwrap().len());
    assert!(account["net_cents"].as_i64().unwrap() > 0, "it pays");
    assert!(!account["stages"].as_array().unwrap().is_empty());
    let money: i64 = account["events"].as_array().unwrap().iter().filter_map(|event| event["revenue_cents"].as_i64()).sum();
    assert_eq!(account["net_cents"], money);
    server.get("/api/users/nobody-at-all").problem(404, "not_found");
    server.get("/api/accounts/..%2F..%2Fetc").problem(404, "not_found");
    assert_eq!(server.get(&format!("/api/users/{id}?limit=0")).json()["sessions"], json!([]));
}

#[test]
fn a_spec_that_is_broken_by_hand_says_where_and_recovers_by_itself() {
    let root = common::own_bakery();
    let path = root.path().join("diptych.yaml");
    let good = fs::read_to_string(&path).unwrap();
    let server = common::serve(root.path());
    assert_eq!(server.get("/api/workspace").json()["state"], "ready");
    fs::write(&path, good.replace("zone: Europe/Vienna", "zone: Europe/Viena")).unwrap();
    let workspace = server.get("/api/workspace").json();
    assert_eq!(workspace["state"], "broken_spec");
    assert_eq!(workspace["problem"]["place"], json!({ "file": "diptych.yaml", "line": 5, "column": 7 }));
    let problem = server.post("/api/ask/sessions", &json!({})).problem(422, "spec");
    assert!(problem["detail"].as_str().unwrap().contains("Europe/Vienna"), "{problem}");
    for target in ["/api/report", "/api/data", "/api/check", "/api/users/x"] {
        server.get(target).problem(422, "spec");
    }
    assert_eq!(server.get("/api/spec").status, 200, "the text can still be read and mended");
    assert_eq!(server.get("/api/operators").status, 200);
    fs::write(&path, good.replace("name: Bakery (simulated)", "name: Mended")).unwrap();
    let workspace = server.get("/api/workspace").json();
    assert_eq!((workspace["state"].as_str(), workspace["name"].as_str()), (Some("ready"), Some("Mended")));
    assert_eq!(server.post("/api/ask/sessions", &json!({})).status, 200);
}

#[test]
fn a_workspace_that_goes_away_is_said_to_be_gone() {
    let root = common::own_bakery();
    let server = common::serve(root.path());
    assert_eq!(server.post("/api/ask/sessions", &json!({})).status, 200);
    let away = root.path().with_extension("away");
    fs::rename(root.path(), &away).unwrap();
    assert_eq!(server.get("/api/workspace").json()["state"], "gone");
    server.post("/api/ask/sessions", &json!({})).problem(404, "gone");
    server.get("/api/spec").problem(404, "gone");
    server.send("PUT", "/api/files/a.csv", b"a\n").problem(404, "gone");
    assert!(!root.path().exists(), "nothing is made in its place");
    fs::rename(&away, root.path()).unwrap();
    assert_eq!(server.get("/api/workspace").json()["state"], "ready");
}

#[test]
fn the_spec_is_written_once_and_nobodys_change_is_lost() {
    let root = common::own_bakery();
    let server = common::serve(root.path());
    let read = server.get("/api/spec").json();
    let (text, etag) = (read["text"].as_str().unwrap(), &read["etag"]);
    let broken = json!({ "text": text.replace("zone: Europe/Vienna", "zone: Nowhere"), "etag": etag });
    assert_eq!(server.send("PUT", "/api/spec", broken.to_string().as_bytes()).problem(422, "spec")["place"]["line"], 5);
    let checked = server.post("/api/spec/check", &json!({ "text": broken["text"] })).json();
    assert_eq!((checked["ok"].as_bool(), checked["problem"]["place"]["line"].as_u64()), (Some(false), Some(5)));
    let draft = text.replace("start: begin_checkout", "start: begin_chekout");
    let checked = server.post("/api/spec/check", &json!({ "text": draft })).json();
    assert_eq!(checked["ok"], true);
    assert!(checked["findings"].to_string().contains("begin_checkout"), "{checked}");
    let draft = text.replace("where: \"channel = 'maps'\"", "where: \"chanel = 'maps'\"");
    let checked = server.post("/api/spec/check", &json!({ "text": draft })).json();
    assert!(checked["findings"].to_string().contains("channel maps"), "{checked}");
    assert_eq!(fs::read_to_string(root.path().join("diptych.yaml")).unwrap(), text, "a check writes nothing");
    let new = json!({ "text": text.replace("name: Bakery (simulated)", "name: Mine"), "etag": etag });
    let tag = server.send("PUT", "/api/spec", new.to_string().as_bytes()).json();
    assert_ne!(&tag["etag"], etag);
    assert_eq!(server.get("/api/workspace").json()["name"], "Mine");
    let late = json!({ "text": text.replace("name: Bakery (simulated)", "name: Yours"), "etag": etag });
    server.send("PUT", "/api/spec", late.to_string().as_bytes()).problem(409, "changed");
    assert_eq!(server.get("/api/workspace").json()["name"], "Mine");
    assert!(server.get("/api/spec/schema").json()["properties"]["sources"].is_object());
    assert_eq!(server.get("/api/check").status, 200);
}

#[test]
fn a_second_writer_is_told_who_writes() {
    let root = common::own_bakery();
    let server = common::serve(root.path());
    let lock = Workbench::open(root.path()).unwrap().store().unwrap().lock().unwrap();
    let problem = server.post("/api/import", &json!({})).problem(409, "locked");
    assert!(problem["detail"].as_str().unwrap().contains(&format!("process {}", std::process::id())), "{problem}");
    let lines = server.post("/api/import?stream=1", &json!({})).lines();
    assert_eq!(lines.last().unwrap()["problem"]["status"], 409);
    assert_eq!(server.post("/api/ask/sessions", &json!({})).status, 200, "questions can be asked meanwhile");
    drop(lock);
    let imported = server.post("/api/import", &json!({})).json();
    assert!(imported.as_array().unwrap().iter().all(|file| file["known_file"] == true), "{imported}");
}

#[test]
fn a_cancelled_upload_leaves_nothing() {
    let root = common::own_bakery();
    let data = root.path().join("data");
    let names = || -> Vec<String> { fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect() };
    let before = names().len();
    let server = common::serve(root.path());
    let mut stream = server.connect();
    let head = format!("PUT /api/files/new.csv HTTP/1.1\r\nhost: {}\r\nx-diptych: 1\r\ncontent-length: 1000000\r\n\r\n", server.address);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[b'a'; 100_000]).unwrap();
    eventually("the upload begins", || names().len() == before + 1);
    drop(stream);
    eventually("the upload is cleared away", || names().len() == before);
    assert!(!data.join("new.csv").exists());
}

#[test]
fn a_file_becomes_answers_without_a_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("shop");
    diptych_engine::init::init(&root, &[], None).unwrap();
    let server = common::serve(&root);
    assert_eq!(server.get("/api/workspace").json()["state"], "empty");
    server.post("/api/ask/sessions", &json!({})).problem(409, "empty");
    server.post("/api/sql", &json!({ "query": "select 1" })).problem(409, "empty");
    assert_eq!(server.get("/api/data").json()["sources"], json!([]));
    assert_eq!(server.get("/api/series").json(), json!({ "series": [], "notes": [] }));
    let mut csv = String::from("user_id,event,time,plan\n");
    for person in 0..20 {
        csv.push_str(&format!("u{person},view,2024-03-01T10:{person:02}:00Z,free\nu{person},buy,2024-03-01T11:{person:02}:00Z,paid\n"));
    }
    csv.push_str("u99,view,not a time,free\n");
    let sent = server.send("PUT", "/api/files/events.csv", csv.as_bytes()).json();
    assert_eq!(sent, json!({ "file": "events.csv", "bytes": csv.len() }));
    let proposed = server.post("/api/profile", &json!({ "files": ["events.csv"] })).json();
    let columns = proposed["files"][0]["columns"].as_array().unwrap();
    let roles: Vec<&Value> = columns.iter().map(|column| &column["role"]).collect();
    assert_eq!(roles, [&json!("user"), &json!("name"), &json!("time"), &json!(null)]);
    assert_eq!(proposed["files"][0]["rows"].as_array().unwrap().len(), 8);
    assert_eq!(proposed["files"][0]["rows"][0][0], "u0");
    let etag = server.get("/api/spec").json()["etag"].clone();
    let spec = json!({ "text": proposed["spec"], "etag": etag });
    assert_eq!(server.send("PUT", "/api/spec", spec.to_string().as_bytes()).status, 200);
    let lines = server.post("/api/import?stream=1", &json!({})).lines();
    assert!(lines.iter().any(|line| line["type"] == "progress" && line["file"] == "events.csv"), "{lines:?}");
    let done = lines.last().unwrap();
    assert_eq!((done["type"].as_str(), done["imported"][0]["accepted"].as_u64()), (Some("done"), Some(40)));
    assert_eq!(done["imported"][0]["rejected"], 1);
    assert_eq!(server.get("/api/workspace").json()["state"], "ready");
    assert_eq!(server.post("/api/ask/sessions", &json!({})).json()["base"]["events"], 40);
    // The rejected row is corrected and sent back.
    let rejected = server.get("/api/quarantine").json();
    assert_eq!((rejected["total"].as_u64(), rejected["rows"].as_array().unwrap().len()), (Some(1), 1));
    assert_eq!(server.get("/api/quarantine?limit=0").json()["rows"], json!([]));
    let corrected = server.get("/api/quarantine?format=csv").text().replace("not a time", "2024-03-02T09:00:00Z");
    let imported = server.send("POST", "/api/quarantine/retry", corrected.as_bytes()).json();
    assert_eq!(imported[0]["accepted"], 1);
    assert_eq!(server.get("/api/quarantine").json()["total"], 0);
    assert_eq!(server.get("/api/data").json()["quarantine"], json!({ "rows": 0, "reasons": {} }));
    assert_eq!(server.post("/api/ask/sessions", &json!({})).json()["base"]["events"], 41);
    server.send("POST", "/api/quarantine/retry", b"a,b\n1,2\n").problem(400, "wrong");
    // A second file is put into the spec that is there.
    server
        .send("PUT", "/api/files/orders.csv", b"customer_id,date,amount\nc1,2024-03-05,12.50\nc2,2024-03-06,7.20\nc1,2024-03-07,3.10\n")
        .json();
    let proposed = server.post("/api/profile", &json!({ "files": ["orders.csv"] })).json();
    let text = proposed["spec"].as_str().unwrap();
    assert!(text.contains("events.csv") && text.contains("orders.csv"), "{text}");
    let etag = server.get("/api/spec").json()["etag"].clone();
    assert_eq!(server.send("PUT", "/api/spec", json!({ "text": text, "etag": etag }).to_string().as_bytes()).status, 200);
    let imported = server.post("/api/import", &json!({ "files": ["orders.csv"] })).json();
    assert_eq!(imported[0]["accepted"], 3, "{imported}");
    assert_eq!(server.post("/api/ask/sessions", &json!({})).json()["base"]["events"], 44);
}
