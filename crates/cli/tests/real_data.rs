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
    let dir = completejourney(&data);
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
        assert_eq!(counts(&answer, &format!("period:{}", k + 1)), (x, n), "week {}", k + 1);
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
    assert_eq!(funnel(&[]), [1_559, 373, 341]);
    assert_eq!(funnel(&["--entry", "first"]), [1_559, 129, 111]);
    let answer = ask(dir.path(), "funnel", &["--step", "campaign_received", "--step", "basket_line", "--window", "14d"]);
    assert_eq!(cell(&answer, "step:2")["people"], 1_251);
    let first = ask(dir.path(), "funnel", &["--step", "campaign_received", "--step", "basket_line", "--window", "14d", "--entry", "first"]);
    assert_eq!(cell(&first, "step:2")["people"], 929);
}

/// Every number is that of `verify/completejourney.py DIR --diptych BINARY` (verify/households.py), which compares all cells.
#[test]
fn households_are_accounts_as_an_independent_computation_counts_them() {
    let Some(data) = data("completejourney") else { return };
    let dir = completejourney(&data);
    let number = |answer: &serde_json::Value, id: &str| cell(answer, id)["value"].as_f64().unwrap();

    // pandas: stays from spells without a gap of over 60 days.
    let stages = ask(dir.path(), "stages", &[]);
    assert_eq!(cell(&stages, "accounts")["n"], 2_379);
    let of_stages = [("awareness", [412, 465, 4, 108]), ("purchase", [2_377, 4_024, 616, 1_005]), ("loyalty", [1_733, 1_918, 1_271, 624])];
    for (stage, expected) in of_stages {
        let found = ["accounts", "entries", "now", "lost"].map(|what| cell(&stages, &format!("stage:{stage}:{what}"))["n"].clone());
        assert_eq!(found, expected.map(serde_json::Value::from), "{stage}: accounts, entries, now, lost");
    }
    assert_eq!(counts(&stages, "move:awareness→purchase"), (342, 461));
    assert_eq!(counts(&stages, "move:purchase→loyalty"), (1_918, 3_408));
    assert_eq!(number(&stages, "time:awareness:ended"), 1_955_157_000_000.0);
    assert_eq!(number(&stages, "time:loyalty:ended"), 10_018_753_000_000.0);
    assert_eq!(format!("{:.12}", number(&stages, "within:purchase:moved")), "0.263659685642");
    let drop_offs = ask(dir.path(), "drop_offs", &[]);
    assert_eq!(counts(&drop_offs, "drop:awareness→purchase:rate"), (98, 408));
    assert_eq!(counts(&drop_offs, "drop:purchase→loyalty:rate"), (889, 2_327));
    assert_eq!(format!("{:.6}", number(&drop_offs, "drop:purchase→loyalty:at_stake_cents")), "3109270.593927");

    // DuckDB: contact in the 90 days before the first entry into loyalty, and before each line that was paid for.
    let channels = ask(dir.path(), "channels", &[]);
    let of_channels = [
        ("mailer A", 3_647, 1_490, 407, 37_246),
        ("mailer B", 2_368, 995, 170, 21_719),
        ("mailer C", 574, 397, 7, 6_827),
        ("campaign coupon", 2_102, 410, 52, 9_844),
        ("maker's coupon", 1_135, 482, 148, 10_767),
        ("shop", 75_000, 2_377, 1_733, 74_471),
    ];
    for (channel, n_touchpoints, n_touched, n_before, n_purchases) in of_channels {
        assert_eq!(cell(&channels, &format!("touchpoints:{channel}"))["n"], n_touchpoints, "{channel}");
        assert_eq!(counts(&channels, &format!("touched:{channel}")), (n_touched, 2_379), "{channel}");
        assert_eq!(counts(&channels, &format!("before:{channel}")), (n_before, 1_733), "{channel}");
        assert_eq!(counts(&channels, &format!("purchases:{channel}")), (n_purchases, 74_471), "{channel}");
    }
    assert_eq!(number(&channels, "before_touchpoints"), 9.0);

    // pandas: money per household, and how it adds up by the month of the first purchase.
    let value = ask(dir.path(), "value", &[]);
    assert_eq!((number(&value, "net_cents"), number(&value, "median_cents")), (23_393_524.0, 6_431.0));
    assert_eq!(counts(&value, "paying"), (2_373, 2_379));
    assert_eq!(counts(&value, "repeat"), (2_041, 2_325));
    assert_eq!(cell(&value, "cohort:2017-03-01")["n"], 184);
    for (id, cents) in [("period:11", "13176.820905"), ("cohort:2017-03-01/0", "688.597826"), ("cohort:2017-03-01/9", "4360.396739")] {
        assert_eq!(format!("{:.6}", number(&value, id)), cents, "{id}");
    }
    let by_income = ask(dir.path(), "value", &["--cohorts", "none", "--by", "income"]);
    let groups = by_income["groups"].as_array().unwrap();
    for (income, net_cents) in [("Under 15K", 1_018_424.0), ("50-74K", 3_298_134.0), ("250K+", 326_475.0)] {
        let group = groups.iter().find(|group| group["group"] == income).unwrap();
        assert_eq!(number(group, "net_cents"), net_cents, "{income}");
    }

    // pandas: households with a basket in the k-th calendar month after their first; all of 2017 was observed.
    let answer = ask(dir.path(), "retention", &["--start", "basket_line", "--back", "basket_line", "--period", "month", "--periods", "11"]);
    let months = [
        (1_587, 2_362),
        (1_583, 2_344),
        (1_550, 2_328),
        (1_542, 2_300),
        (1_513, 2_269),
        (1_479, 2_212),
        (1_490, 2_161),
        (1_394, 2_066),
        (1_396, 1_984),
        (1_293, 1_803),
        (1_125, 1_504),
    ];
    for (k, expected) in months.into_iter().enumerate() {
        assert_eq!(counts(&answer, &format!("period:{}", k + 1)), expected, "month {}", k + 1);
    }
}

/// Returns x and n of a share.
fn counts(answer: &serde_json::Value, id: &str) -> (u64, u64) {
    let cell = cell(answer, id);
    (cell["x"].as_u64().unwrap(), cell["n"].as_u64().unwrap())
}

/// Makes a workspace as the example's README says.
fn completejourney(data: &Path) -> tempfile::TempDir {
    let dir = workspace(&example("completejourney"));
    let root = dir.path().to_str().unwrap();
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let sent = file(dir.path(), "campaigns_sent.csv", campaigns_sent(data));
    let files = ["transactions_sample.csv", "coupon_redemptions.csv", "demographics.csv"].map(path);
    let imported = ok(&["import", root, &files[0], &files[1], &files[2], &sent]);
    assert!(imported.contains("75,000 rows, 76,135 events accepted, 0 duplicates, 0 rejected"), "{imported}");
    let query = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/completejourney/regulars.sql");
    let rows = ok(&["sql", root, &std::fs::read_to_string(query).unwrap(), "--format", "csv"]);
    let regulars = file(dir.path(), "regulars.csv", rows);
    assert!(ok(&["import", root, &regulars]).contains("10,196 events accepted, 0 duplicates, 0 rejected"));
    dir
}

/// Joins campaigns.csv with the start and type of each campaign, as the example's README says.
fn campaigns_sent(data: &Path) -> String {
    let read = |name: &str| std::fs::read_to_string(data.join(name)).unwrap();
    let descriptions = read("campaign_descriptions.csv");
    let of_campaigns: BTreeMap<&str, (&str, &str)> = descriptions
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[0], (fields[2], fields[1]))
        })
        .collect();
    let mut text = String::from("campaign_id,household_id,start_date,campaign_type\n");
    for line in read("campaigns.csv").lines().skip(1) {
        let campaign = line.split(',').next().unwrap();
        let (start, kind) = of_campaigns[campaign];
        text.push_str(&format!("{line},{start},{kind}\n"));
    }
    text
}
