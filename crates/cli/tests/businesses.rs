//! Software for companies and a music service: many users per account, several accounts per user, two currencies,
//! merges and memberships that are taken back. Every figure against what the simulation knows.

mod common;

use common::*;
use serde_json::Value;

/// Returns x, or n where the cell is no share.
fn count(answer: &Value, id: &str) -> Value {
    let cell = cell(answer, id);
    if cell["x"].is_null() { cell["n"].clone() } else { cell["x"].clone() }
}

fn check(business: &str, customers: &str) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join(business);
    let page = ok(&["demo", business, "--customers", customers, "--seed", "3", "-o", root.to_str().unwrap()]);
    assert!(page.contains("SIMULATED") && page.contains("The hinge: who uses and who pays"), "{page}");
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(root.join("data/truth.json")).unwrap()).unwrap();
    let accounts = &truth["accounts"];

    let stages = ask(&root, "stages", &[]);
    for stage in accounts["stages"].as_array().unwrap() {
        let name = stage["stage"].as_str().unwrap();
        for (id, field) in [("accounts", "n_accounts"), ("entries", "n_stays"), ("now", "n_open")] {
            assert_eq!(count(&stages, &format!("stage:{name}:{id}")), stage[field], "{business}: {name} {id}");
        }
    }
    let tasks = ask(&root, "tasks", &[]);
    for (task, counts) in accounts["tasks"].as_object().unwrap() {
        for (id, field) in [
            ("attempts", "n_started"),
            ("success", "n_succeeded"),
            ("failed", "n_failed"),
            ("abandoned", "n_abandoned"),
            ("open", "n_open"),
            ("orphan_goals", "n_orphan_successes"),
        ] {
            assert_eq!(count(&tasks, &format!("task:{task}:{id}")), counts[field], "{business}: {task} {id}");
        }
    }
    let frictions = ask(&root, "frictions", &[]);
    for (friction, counts) in accounts["frictions"].as_object().unwrap().iter().filter(|(_, counts)| counts["n_people"] != 0) {
        assert_eq!(count(&frictions, &format!("friction:{friction}:episodes")), counts["n_episodes"], "{business}: {friction}");
    }
    let value = ask(&root, "value", &["--cohorts", "none"]);
    assert_eq!(cell(&value, "net_cents")["value"].as_f64(), accounts["money"]["net_cents"].as_f64(), "{business}: money, converted");
    assert_eq!(count(&value, "paying"), accounts["money"]["n_payers"], "{business}: payers");
    assert_eq!(count(&value, "accounts"), accounts["n_accounts"], "{business}: accounts");

    let year = ask(&root, "users_customers", &[]);
    let kinds = [("uses_pays", "n_uses_and_pays"), ("uses_only", "n_uses_only"), ("pays_only", "n_pays_only"), ("neither", "n_neither")];
    for (id, field) in kinds.into_iter().chain([("accounts", "n_base")]) {
        assert_eq!(count(&year, id), accounts["users_customers"][field], "{business}: {id}");
    }
    // By month an active subscription pays for longer than the truth knows; who uses is the same.
    let months = ask(&root, "users_customers", &["--period", "month"]);
    for (idx, month) in accounts["users_customers_by_month"].as_array().unwrap().iter().enumerate() {
        let of = |id: &str| count(&months, &format!("period:2025-{:02}:{id}", idx + 1)).as_u64().unwrap();
        assert_eq!(of("accounts"), month["n_base"], "{business}: accounts in month {}", idx + 1);
        let uses = month["n_uses_and_pays"].as_u64().unwrap() + month["n_uses_only"].as_u64().unwrap();
        assert_eq!(of("uses_pays") + of("uses_only"), uses, "{business}: accounts that use in month {}", idx + 1);
    }
    let sessions = ask(&root, "sessions", &[]);
    assert_eq!(count(&sessions, "sessions"), accounts["n_sessions"], "{business}: sessions");
    let (knows, relations) = (&sessions["knows"], &truth["relations"]);
    let n = |of: &Value, field: &str| of[field].as_u64().unwrap();
    assert_eq!(n(knows, "memberships"), n(relations, "n_memberships") - n(relations, "n_memberships_withdrawn"));
    assert_eq!(n(knows, "withdrawn"), n(relations, "n_memberships_withdrawn") + n(relations, "n_merges_withdrawn"));
    let findings = ok(&["check", root.to_str().unwrap()]);
    let at_once = findings.contains("membership of") && findings.contains("at the same time");
    assert_eq!(at_once, business == "saas", "users in two accounts at once are found: {findings}");
}

#[test]
fn companies_pay_and_employees_use() {
    check("saas", "80");
}

#[test]
fn listeners_subscribe_and_advertisers_pay() {
    check("streaming", "300");
}
