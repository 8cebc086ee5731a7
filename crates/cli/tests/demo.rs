//! The demo: a simulated business whose truth is known.

mod common;

use std::path::Path;

use common::*;
use serde_json::Value;

#[test]
fn the_bakery_is_counted_as_its_truth_says() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("bakery");
    let arguments = ["demo", "bakery", "--customers", "150", "--seed", "7", "-o", root.to_str().unwrap()];
    let page = ok(&arguments);
    for part in ["SIMULATED", "What to do first", "user journey", "customer journey", "The hinge: consideration → purchase", "Try next:"]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(ok(&arguments).contains("imported before"), "a second demo uses what is there");
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(root.join("data/truth.json")).unwrap()).unwrap();
    let counts = sql(&root, "select file, counts from imports order by file");
    for (name, file) in truth["files"].as_object().unwrap() {
        let row = counts.as_array().unwrap().iter().find(|row| row["file"].as_str().unwrap().ends_with(name)).unwrap();
        let counts: Value = serde_json::from_str(row["counts"].as_str().unwrap()).unwrap();
        let broken: u64 = file["broken"].as_object().unwrap().values().map(|kind| kind["n_rows"].as_u64().unwrap()).sum();
        assert_eq!(counts["accepted"], file["n_accepted"], "{name}");
        assert_eq!(counts["duplicates"], file["n_duplicates"], "{name}");
        assert_eq!(counts["rejected"], broken, "{name}");
        for (event, n) in file["events"].as_object().unwrap() {
            let source = name.split('.').next().unwrap();
            let rows = sql(&root, &format!("select count(*) as n from events where name = '{event}' and source = '{source}'"));
            assert_eq!(rows[0]["n"], *n, "{event}");
        }
    }
    let web = &truth["web_joined"];
    let on_web = ["--where", "source = 'web'"];
    let steps = ["--step", "view_product", "--step", "add_to_cart", "--step", "begin_checkout", "--step", "order_placed", "--window", "7d"];
    let funnel = ask(&root, "funnel", &[&steps[..], &on_web].concat());
    for (k, step) in web["funnel"].as_array().unwrap().iter().enumerate() {
        assert_eq!(cell(&funnel, &format!("step:{}", k + 1))["people"], step["n_people"], "{step}");
    }
    let money = sql(&root, "select sum(value_cents) as cents from events where name in ('purchase', 'refund', 'order_placed')");
    assert_eq!(money[0]["cents"], truth["money"]["net_cents"]);
    accounts_are_counted_as_the_truth_says(&root, &truth);
}

/// Stages, drop-offs, tasks, frictions and users × customers against what the simulation knows.
fn accounts_are_counted_as_the_truth_says(root: &Path, truth: &Value) {
    let journeys = &truth["journeys"];
    let n = |answer: &Value, id: &str| {
        let cell = cell(answer, id);
        if cell["x"].is_null() { cell["n"].clone() } else { cell["x"].clone() }
    };
    let stages = ask(root, "stages", &[]);
    for stage in journeys["stages"].as_array().unwrap() {
        let name = stage["stage"].as_str().unwrap();
        for (id, field) in [("accounts", "n_accounts"), ("entries", "n_stays"), ("now", "n_accounts_at_end"), ("lost", "n_accounts_lost")] {
            assert_eq!(n(&stages, &format!("stage:{name}:{id}")), stage[field], "{name} {id}");
        }
    }
    let drop_offs = ask(root, "drop_offs", &[]);
    let names: Vec<&str> = journeys["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    for (k, drop) in journeys["drop_offs"].as_array().unwrap().iter().enumerate() {
        for (id, field) in [("at_risk", "n_at_risk"), ("advanced", "n_advanced"), ("lost", "n_lost"), ("open", "n_open")] {
            assert_eq!(n(&drop_offs, &format!("drop:{}→{}:{id}", names[k], names[k + 1])), drop[field], "{drop} {id}");
        }
    }
    let tasks = ask(root, "tasks", &[]);
    for (task, counts) in journeys["tasks"].as_object().unwrap() {
        for (id, field) in [
            ("attempts", "n_attempts"),
            ("success", "n_succeeded"),
            ("failed", "n_failed"),
            ("abandoned", "n_abandoned"),
            ("open", "n_open"),
        ] {
            assert_eq!(n(&tasks, &format!("task:{task}:{id}")), counts[field], "{task} {id}");
        }
        assert_eq!(cell(&tasks, &format!("task:{task}:people"))["people"], counts["n_people"], "{task}");
    }
    let frictions = ask(root, "frictions", &[]);
    for (friction, counts) in journeys["frictions"].as_object().unwrap() {
        if !["slow_refund", "repeat_contact"].contains(&friction.as_str()) {
            assert_eq!(n(&frictions, &format!("friction:{friction}:episodes")), counts["n_episodes"], "{friction}");
        }
    }
    tables_hold_what_operators_count(root, journeys);
    let months = ask(root, "users_customers", &["--period", "month"]);
    let windows = journeys["use_and_pay"].as_array().unwrap();
    let year = ask(root, "users_customers", &[]);
    for window in windows {
        let of = window["window"].as_str().unwrap();
        for (id, field) in
            [("uses_pays", "n_uses_and_pays"), ("uses_only", "n_uses_only"), ("pays_only", "n_pays_only"), ("neither", "n_neither")]
        {
            let actual = if of.len() == 4 { n(&year, id) } else { n(&months, &format!("period:{of}:{id}")) };
            assert_eq!(actual, window[field], "{of} {id}");
        }
    }
}

/// The tables of `diptych sql` hold, row by row, what the truth counts.
fn tables_hold_what_operators_count(root: &Path, journeys: &Value) {
    let n = |query: &str| sql(root, query)[0]["n"].clone();
    assert_eq!(n("select count(*) as n from accounts"), journeys["n_accounts"]);
    for stage in journeys["stages"].as_array().unwrap() {
        let of = format!("from stages where stage = '{}'", stage["stage"].as_str().unwrap());
        assert_eq!(n(&format!("select count(*) as n {of}")), stage["n_stays"], "{of}");
        assert_eq!(n(&format!("select count(distinct account) as n {of}")), stage["n_accounts"], "{of}");
        assert_eq!(n(&format!("select count(*) as n {of} and how in ('left', 'lapsed')")), stage["n_stays_lost"], "{of}");
        assert_eq!(n(&format!("select count(*) as n {of} and ended is null")), stage["n_stays_open"], "{of}");
    }
    for (task, counts) in journeys["tasks"].as_object().unwrap() {
        let of = format!("select count(*) as n from task_attempts where task = '{task}'");
        assert_eq!(n(&of), counts["n_attempts"], "{task}");
        assert_eq!(n(&format!("{of} and outcome = 'succeeded'")), counts["n_succeeded"], "{task}");
    }
    for (friction, counts) in journeys["frictions"].as_object().unwrap() {
        let of = format!("select count(*) as n from frictions where friction = '{friction}'");
        assert_eq!(n(&of), counts["n_episodes"], "{friction}");
    }
    let sessions = ask(root, "sessions", &[]);
    assert_eq!(n("select count(*) as n from sessions"), cell(&sessions, "sessions")["n"]);
    let value = ask(root, "value", &["--cohorts", "none"]);
    assert_eq!(n("select sum(revenue_cents) as n from accounts"), cell(&value, "net_cents")["value"].as_f64().unwrap() as i64);
    let channels = ask(root, "channels", &[]);
    let touched = n("select count(distinct account) as n from touchpoints where channel = 'maps'");
    assert_eq!(touched, cell(&channels, "touched:maps")["x"]);
    assert_eq!(n("select count(*) as n from memberships"), 0);
    assert!(n("select count(*) as n from series").as_u64() > Some(0) && n("select count(*) as n from notes").as_u64() > Some(0));
    assert!(n("select count(*) as n from profiles").as_u64() > Some(0));
}
