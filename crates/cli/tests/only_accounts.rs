//! A shop that knows accounts only: nobody's use is recorded, and no margin is said.

mod common;

use common::*;

const SPEC: &str = "format: 1
name: Corner shop
zone: America/New_York
currency: USD
stages:
  - { name: awareness, enter: letter, lost_after: 10d }
  - { name: purchase, enter: order }
sources:
  till:
    files: [till*.csv]
    zone: UTC
    observed_until: 2024-07-01
    each: { time: at, customer: who }
    events: [{ name: what, fields: { value: price } }]
";

const ROWS: &str = "at,who,what,price
2024-01-10T12:00:00Z,ana,letter,
2024-01-12T12:00:00Z,ana,order,30.00
2024-01-10T12:00:00Z,bob,letter,
2024-02-01T03:00:00Z,cem,order,5.00
2024-05-20T12:00:00Z,ana,order,10.00
";

fn shop() -> tempfile::TempDir {
    let dir = workspace(SPEC);
    let till = file(dir.path(), "till.csv", ROWS);
    ok(&["import", dir.path().to_str().unwrap(), &till]);
    dir
}

#[test]
fn money_without_a_margin_is_revenue() {
    let dir = shop();
    let value = ask(dir.path(), "value", &[]);
    assert_eq!(cell(&value, "net_cents")["value"], 4_500.0);
    let ids = value["cells"].as_array().unwrap().iter().map(|cell| cell["id"].as_str().unwrap());
    assert_eq!(ids.filter(|id| id.contains("margin")).count(), 0, "a margin that nobody said");
    let drop_offs = ask(dir.path(), "drop_offs", &[]);
    let stake = cell(&drop_offs, "drop:awareness→purchase:at_stake_cents");
    assert_eq!(stake["value"], 3_000.0, "one account lost, and another brought 30.00 within 90 days");
    assert!(stake["label"].as_str().unwrap().starts_with("revenue at stake"), "{stake}");

    std::fs::write(dir.path().join("diptych.yaml"), SPEC.replace("stages:", "money: { margin: value_cents / 2 }\nstages:")).unwrap();
    let value = ask(dir.path(), "value", &[]);
    assert_eq!((&cell(&value, "net_cents")["value"], &cell(&value, "margin_cents")["value"]), (&4_500.0.into(), &2_250.0.into()));
    assert_eq!(cell(&ask(dir.path(), "drop_offs", &[]), "drop:awareness→purchase:at_stake_cents")["value"], 1_500.0);
}

#[test]
fn the_end_of_observation_is_what_the_spec_says() {
    let dir = shop();
    let months =
        |more: &[&str]| ask(dir.path(), "retention", &[&["--start", "order", "--back", "order", "--period", "month"], more].concat());
    let answer = months(&["--periods", "5"]);
    assert_eq!(answer["window"]["observed_until"], "2024-07-01T04:00:00Z");
    // Ana and Cem ordered in January, local time; June is over although the last event is of May.
    let of = |k: usize| (cell(&answer, &format!("period:{k}"))["x"].clone(), cell(&answer, &format!("period:{k}"))["n"].clone());
    assert_eq!((of(4), of(5)), ((1.into(), 2.into()), (0.into(), 2.into())));
}

#[test]
fn months_of_a_condition_are_local_as_those_of_an_operator_are() {
    let dir = shop();
    let order = ["--start", "order", "--back", "order", "--period", "month"];
    let answer = ask(dir.path(), "retention", &[&order[..], &["--by", "date_trunc('month', time)"]].concat());
    // Cem ordered at 22:00 on January 31.
    assert_eq!(cell(&answer, "cohort:2024-01-01")["n"], 2);
    let groups = answer["groups"].as_array().unwrap();
    let sizes: Vec<_> =
        groups.iter().map(|group| (group["group"].as_str().unwrap(), cell(group, "people")["n"].as_u64().unwrap())).collect();
    assert_eq!(sizes, [("2024-01-01T00:00:00-05:00", 2), ("2024-05-01T00:00:00-04:00", 0)]);
    for (condition, n) in [("date_part('hour', time) = 22", 1), ("time < '2024-02-01'", 2), ("time < '2024-02-01T03:00:00Z'", 1)] {
        let answer = ask(dir.path(), "retention", &[&order[..], &["--where", condition]].concat());
        assert_eq!(cell(&answer, "people")["n"], n, "{condition}");
    }
    let late = ask(dir.path(), "retention", &[&order[..], &["--actors", "date_part('hour', first_seen) = 22"]].concat());
    assert_eq!(cell(&late, "people")["n"], 1);
}

#[test]
fn the_report_does_not_make_visits_of_purchases() {
    let dir = shop();
    let page = ok(&["report", dir.path().to_str().unwrap()]);
    for part in ["nobody's use to read", "nobody's use is recorded", "No friction or task failure was recorded", "revenue at stake"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for part in ["sessions per person", "accounts that use", "margin"] {
        assert!(!page.contains(part), "{part} in {page}");
    }
}

#[test]
fn a_query_may_begin_with_a_comment() {
    let dir = shop();
    let root = dir.path().to_str().unwrap();
    let query = "-- orders\nselect count(*) as n from events where name = 'order'";
    assert_eq!(ok(&["sql", root, query, "--format", "csv"]), "n\n3\n");
    assert_eq!(ok(&["sql", root, "--format", "csv", query]), "n\n3\n");
    assert!(text(&diptych().args(["sql", root, query, "--formta", "csv"]).output().unwrap()).contains("--formta"));
}
