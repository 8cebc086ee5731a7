//! The demo: a simulated business whose truth is known.

mod common;

use common::*;
use serde_json::Value;

#[test]
fn the_bakery_is_counted_as_its_truth_says() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("bakery");
    let arguments = ["demo", "bakery", "--customers", "150", "--seed", "7", "-o", root.to_str().unwrap()];
    let page = ok(&arguments);
    for part in ["SIMULATED", "Sessions:", "Funnel:", "Retention:", "Try next:"] {
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
}
