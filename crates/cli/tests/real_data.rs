//! Real data with published values (docs/testing.md says where they come from); skipped without it.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::*;

fn share(answer: &serde_json::Value, id: &str) -> f64 {
    cell(answer, id)["value"].as_f64().unwrap()
}

#[test]
fn web_sessions_has_the_published_sessions() {
    let Some(data) = data("web_sessions") else { return };
    let dir = workspace(&example("web_sessions"));
    let root = dir.path().to_str().unwrap();
    let imported = ok(&["import", root, data.join("session_dataset.csv.gz").to_str().unwrap()]);
    assert!(imported.contains("63,524 events accepted, 0 duplicates, 0 rejected"), "{imported}");
    let answer = ask(dir.path(), "sessions", &[]);
    assert_eq!(answer["base"]["events"], 63_524);
    assert_eq!(cell(&answer, "people")["n"], 10_000);
    // reconstructr, session_dataset: 22,226 sessions when a gap of 1800 s splits, 22,224 when only a longer one does.
    assert_eq!(cell(&answer, "sessions")["n"], 22_224);
    assert_eq!(format!("{:.2}", 100.0 * share(&answer, "single")), "59.12");
    let lower = ask(dir.path(), "sessions", &["--gap", "29m59s"]);
    assert_eq!(cell(&lower, "sessions")["n"], 22_226);
    assert_eq!(format!("{:.2}", 100.0 * share(&lower, "single")), "59.11");
}

#[test]
fn cdnow_has_the_published_repeat_counts() {
    let Some(data) = data("cdnow") else { return };
    let dir = workspace(&example("cdnow"));
    let root = dir.path().to_str().unwrap();
    let imported = ok(&["import", root, data.join("CDNOW_sample.txt").to_str().unwrap()]);
    assert!(imported.contains("6,919 events accepted"), "{imported}");
    // Fader, Hardie & Lee 2005: purchases of one day merged, calibration to 1997-09-30, 39 weeks of holdout.
    let days = "select customer, time as day from events group by customer, time";
    let repeats = format!(
        "with d as ({days}), f as (select customer, min(day) as first from d group by customer) \
         select sum(case when day <= '1997-09-30' then 1 else 0 end) as calibration, sum(case when day > '1997-09-30' then 1 else 0 end) as holdout \
         from d join f using (customer) where day > first"
    );
    let rows = sql(dir.path(), &repeats);
    assert_eq!((&rows[0]["calibration"], &rows[0]["holdout"]), (&2_457.into(), &1_882.into()));
    let people = format!(
        "with d as ({days}), c as (select customer, count(*) as n from d where day <= '1997-09-30' group by customer) \
         select sum(case when n = 1 then 1 else 0 end) as none, sum(case when n > 1 then 1 else 0 end) as some from c"
    );
    let rows = sql(dir.path(), &people);
    assert_eq!((&rows[0]["none"], &rows[0]["some"]), (&1_411.into(), &946.into()));
    // An independent pandas computation: customers who came back in the k-th calendar month after their first.
    let answer = ask(dir.path(), "retention", &["--period", "month", "--periods", "14"]);
    for (k, x) in [345, 289, 223, 205, 216, 181, 171, 199, 180, 168, 167, 182, 149, 157].into_iter().enumerate() {
        let cell = cell(&answer, &format!("period:{}", k + 1));
        assert_eq!((&cell["x"], &cell["n"]), (&x.into(), &2_357.into()), "month {}", k + 1);
    }
}

#[test]
fn completejourney_equals_an_independent_computation() {
    let Some(data) = data("completejourney") else { return };
    let dir = workspace(&example("completejourney"));
    let root = dir.path().to_str().unwrap();
    let sent = file(dir.path(), "campaigns_sent.csv", campaigns_sent(&data));
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    ok(&["import", root, &path("transactions_sample.csv"), &path("coupon_redemptions.csv"), &sent]);
    let rows = sql(
        dir.path(),
        "select count(distinct order_id) as baskets, count(distinct customer) as households from events where name = 'basket_line'",
    );
    assert_eq!((&rows[0]["baskets"], &rows[0]["households"]), (&47_243.into(), &2_377.into()));
    // pandas (verify/completejourney.py): weeks of 7 × 24 hours after each household's first basket line.
    let answer =
        ask(dir.path(), "retention", &["--start", "basket_line", "--back", "basket_line", "--period", "week", "--clock", "rolling"]);
    assert_eq!(cell(&answer, "people")["n"], 2_377);
    let weeks = [(728, 2371), (767, 2366), (759, 2363), (767, 2362), (770, 2358), (717, 2356), (696, 2349), (752, 2344)];
    for (k, (x, n)) in weeks.into_iter().enumerate() {
        let cell = cell(&answer, &format!("period:{}", k + 1));
        assert_eq!((&cell["x"], &cell["n"]), (&x.into(), &n.into()), "week {}", k + 1);
    }
    // pandas and DuckDB (verify/completejourney.py): households, by best attempt and by first entry.
    let funnel = |more: &[&str]| {
        let answer = ask(
            dir.path(),
            "funnel",
            &[&["--step", "campaign_received", "--step", "coupon_redeemed", "--step", "basket_line", "--window", "30d"], more].concat(),
        );
        [1, 2, 3].map(|step| cell(&answer, &format!("step:{step}"))["people"].as_u64().unwrap())
    };
    assert_eq!(funnel(&[]), [1_559, 374, 341]);
    assert_eq!(funnel(&["--entry", "first"]), [1_559, 129, 111]);
    let answer = ask(dir.path(), "funnel", &["--step", "campaign_received", "--step", "basket_line", "--window", "14d"]);
    assert_eq!(cell(&answer, "step:2")["people"], 1_251);
    let first = ask(dir.path(), "funnel", &["--step", "campaign_received", "--step", "basket_line", "--window", "14d", "--entry", "first"]);
    assert_eq!(cell(&first, "step:2")["people"], 928);
}

/// Joins campaigns.csv with the start of each campaign, as the example's README says.
fn campaigns_sent(data: &Path) -> String {
    let read = |name: &str| std::fs::read_to_string(data.join(name)).unwrap();
    let descriptions = read("campaign_descriptions.csv");
    let starts: BTreeMap<&str, &str> = descriptions
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[0], fields[2])
        })
        .collect();
    let mut text = String::from("campaign_id,household_id,start_date\n");
    for line in read("campaigns.csv").lines().skip(1) {
        let campaign = line.split(',').next().unwrap();
        text.push_str(&format!("{line},{}\n", starts[campaign]));
    }
    text
}
