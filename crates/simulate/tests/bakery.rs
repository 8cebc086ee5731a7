//! The bakery's files hold what `truth.json` says: a recount that reads the files only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime};
use diptych_simulate::truth::FileTruth;
use diptych_simulate::{BAKERY_SPEC, BakeryOptions, Truth, write_bakery};

const FILES: [&str; 4] = ["web.csv", "counter.csv", "contacts.jsonl", "truth.json"];
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1440 * MINUTE_MS;

#[test]
fn same_seed_gives_the_same_bytes() {
    let write = |seed| {
        let dir = tempfile::tempdir().unwrap();
        write_bakery(&BakeryOptions { seed, ..BakeryOptions::small() }, dir.path()).unwrap();
        FILES.map(|name| fs::read(dir.path().join(name)).unwrap())
    };
    let (first, again, other) = (write(11), write(11), write(12));
    assert_eq!(first, again);
    for (file, other) in first.iter().zip(&other) {
        assert_ne!(file, other);
    }
}

#[test]
fn files_hold_what_the_truth_says() {
    for options in [BakeryOptions::small(), BakeryOptions { customers: 600, seed: 5 }] {
        let dir = tempfile::tempdir().unwrap();
        let truth = write_bakery(&options, dir.path()).unwrap();
        let read: Truth = serde_json::from_slice(&fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
        assert_eq!(read, truth);

        let web = read_web(dir.path());
        check_file(&truth.files["web.csv"], &web);
        let counter = read_counter(dir.path());
        check_file(&truth.files["counter.csv"], &counter);
        let contacts = read_contacts(dir.path());
        check_file(&truth.files["contacts.jsonl"], &contacts);
        check_people(&truth, &web);
        check_money(&truth, &web, &counter);
        let known: BTreeSet<&str> = [&web, &counter, &contacts]
            .into_iter()
            .flatten()
            .filter(|row| row.broken.is_none())
            .map(|row| row.customer.as_str())
            .filter(|id| !id.is_empty())
            .collect();
        assert_eq!(known.len() as u64, truth.n_customers_known);
    }
}

#[test]
fn the_world_is_as_described() {
    let dir = tempfile::tempdir().unwrap();
    let options = BakeryOptions { customers: 1_500, seed: 1 };
    let truth = write_bakery(&options, dir.path()).unwrap();
    eprintln!("{}", serde_json::to_string_pretty(&truth).unwrap());
    let web = &truth.files["web.csv"];

    assert!((1_350..=1_650).contains(&truth.n_customers_known), "{}", truth.n_customers_known);
    assert!(8 * truth.web_as_logged.n_sessions <= web.n_accepted, "{} sessions, {} events", truth.web_as_logged.n_sessions, web.n_accepted);
    assert!(8 * truth.n_visits <= web.n_accepted);
    for event in
        "view_home view_product search add_to_cart begin_checkout enter_address payment_failed error_shown slow_page order_placed sign_up login view_order"
            .split(' ')
    {
        assert!(30 <= web.events[event], "{event}");
    }
    for file in truth.files.values() {
        let replayed = file.n_duplicates as f64 / file.n_accepted as f64;
        assert!((0.002..0.004).contains(&replayed), "{replayed}");
        assert!(0 < file.n_late);
        assert_eq!(file.broken.len(), 3);
        // 1 January 2025 and 1 January 2026, 00:00 in Vienna.
        assert!(1_735_686_000_000 <= file.time_ms_first && file.time_ms_last < 1_767_222_000_000);
    }
    let funnel: Vec<u64> = truth.web_as_logged.funnel.iter().map(|step| step.n_people).collect();
    assert!(funnel.windows(2).all(|pair| pair[1] < pair[0]), "{funnel:?}");
    let joined: Vec<u64> = truth.web_joined.funnel.iter().map(|step| step.n_people).collect();
    assert!(joined[0] < funnel[0] && funnel[3] < joined[3], "joining brings the halves of a person together: {funnel:?} {joined:?}");

    for effect in &truth.effects {
        let rate = |n_outcome: u64, n: u64| n_outcome as f64 / n as f64;
        let ratio = rate(effect.n_met_outcome, effect.n_met) / rate(effect.n_clean_outcome, effect.n_clean);
        assert!(ratio < 0.9, "each looks harmful: {} {ratio}", effect.friction);
        assert_eq!(effect.causal, 0 < effect.n_orders_lost, "{}", effect.friction);
        assert_eq!(effect.causal, effect.planted_ratio < 1.0);
    }
    let failed = &truth.effects[0];
    let ratio = (failed.n_met_outcome * failed.n_clean) as f64 / (failed.n_clean_outcome * failed.n_met) as f64;
    assert!((ratio - failed.planted_ratio).abs() < 0.15, "struck at random, so the plain ratio is near the planted one: {ratio}");
}

#[test]
fn the_smallest_bakery_works_and_an_impossible_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let truth = write_bakery(&BakeryOptions { customers: 10, seed: 3 }, &dir.path().join("made/for/it")).unwrap();
    assert!(0 < truth.files["web.csv"].n_accepted);
    let error = write_bakery(&BakeryOptions { customers: 0, seed: 3 }, dir.path()).unwrap_err();
    assert!(error.to_string().contains("10 to 400,000"));
}

#[test]
fn the_spec_is_text() {
    assert!(!BAKERY_SPEC.is_empty());
}

/// One row as read from a file.
#[derive(Debug)]
struct Row {
    id: String,
    /// The whole row, to tell replayed rows from other ones with the same id.
    text: String,
    time_ms: i64,
    event: String,
    visitor: String,
    customer: String,
    cents: Option<i64>,
    refund_of: String,
    broken: Option<&'static str>,
}

fn read_web(dir: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(dir.join("web.csv")).unwrap();
    let columns = "event_id time event visitor_id customer_id page device channel product price order_id";
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>().join(" "), columns);
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        let time = DateTime::parse_from_rfc3339(&record[1]);
        let price = if record[9].is_empty() { Ok(None) } else { record[9].parse().map(Some) };
        let broken = match (&time, &price, record[3].is_empty() && record[4].is_empty()) {
            (Err(_), _, _) => Some("unparsable_time"),
            (_, Err(_), _) => Some("bad_price"),
            (_, _, true) => Some("missing_actor"),
            _ => None,
        };
        if broken.is_none() {
            assert!(record[1].len() == 24 && record[1].ends_with('Z'));
            assert_eq!(price.as_ref().unwrap().is_some(), ["view_product", "add_to_cart", "order_placed"].contains(&&record[2]));
            assert!(!record[3].is_empty() && !record[5].is_empty() && !record[6].is_empty() && !record[7].is_empty());
        }
        Row {
            id: record[0].to_owned(),
            text: record.iter().collect::<Vec<_>>().join("\t"),
            time_ms: time.map_or(0, |time| time.timestamp_millis()),
            event: record[2].to_owned(),
            visitor: record[3].to_owned(),
            customer: record[4].to_owned(),
            cents: price.ok().flatten(),
            refund_of: String::new(),
            broken,
        }
    });
    rows.collect()
}

fn read_counter(dir: &Path) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_path(dir.join("counter.csv")).unwrap();
    let columns = "receipt date loyalty_card kind amount refund_of product";
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>().join(" "), columns);
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        let time = NaiveDateTime::parse_from_str(&record[1], "%d.%m.%Y %H:%M");
        let amount = record[4].replace(',', "").parse::<i64>();
        let broken = match (&time, &amount, record[2].is_empty()) {
            (Err(_), _, _) => Some("unparsable_time"),
            (_, Err(_), _) => Some("bad_amount"),
            (_, _, true) => Some("missing_actor"),
            _ => None,
        };
        assert!(amount.is_err() || record[4].rsplit_once(',').unwrap().1.len() == 2);
        Row {
            id: record[0].to_owned(),
            text: record.iter().collect::<Vec<_>>().join("\t"),
            // The naive recount of summer time: from 30 March to 26 October.
            time_ms: time.map_or(0, |time| {
                let summer = "2025-03-30 02:00:00" <= time.to_string().as_str() && time.to_string().as_str() < "2025-10-26 03:00:00";
                time.and_utc().timestamp_millis() - if summer { 120 } else { 60 } * MINUTE_MS
            }),
            event: record[3].to_owned(),
            visitor: String::new(),
            customer: record[2].to_owned(),
            cents: amount.ok(),
            refund_of: record[5].to_owned(),
            broken,
        }
    });
    rows.collect()
}

fn read_contacts(dir: &Path) -> Vec<Row> {
    let text = fs::read_to_string(dir.join("contacts.jsonl")).unwrap();
    let rows = text.lines().map(|line| {
        let Ok(object) = serde_json::from_str::<serde_json::Value>(line) else {
            let kind = "newsletter_sent newsletter_opened phone_call letter".split(' ').find(|kind| line.contains(*kind));
            return Row {
                id: String::new(),
                text: line.to_owned(),
                time_ms: 0,
                event: kind.unwrap_or_default().to_owned(),
                visitor: String::new(),
                customer: String::new(),
                cents: None,
                refund_of: String::new(),
                broken: Some("broken_line"),
            };
        };
        let text_of = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
        Row {
            id: text_of("id"),
            text: line.to_owned(),
            time_ms: object["at"].as_i64().unwrap_or_default(),
            event: text_of("kind"),
            visitor: String::new(),
            customer: text_of("customer"),
            cents: None,
            refund_of: String::new(),
            broken: match (&object["at"], &object["customer"]) {
                (at, _) if !at.is_number() => Some("unparsable_time"),
                (_, customer) if customer.is_null() => Some("missing_actor"),
                _ => None,
            },
        }
    });
    rows.collect()
}

fn check_file(truth: &FileTruth, rows: &[Row]) {
    assert_eq!(truth.n_rows, rows.len() as u64);
    let mut texts: BTreeMap<&str, &str> = BTreeMap::new();
    let mut events: BTreeMap<String, u64> = BTreeMap::new();
    let mut broken: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut n_duplicates, mut n_late, mut time_ms_max) = (0, 0, i64::MIN);
    for row in rows {
        if let Some(kind) = row.broken {
            *broken.entry(kind).or_default() += 1;
        } else if let Some(text) = texts.insert(&row.id, &row.text) {
            assert_eq!(text, row.text, "a replayed row is the same row");
            n_duplicates += 1;
        } else {
            *events.entry(row.event.clone()).or_default() += 1;
            n_late += u64::from(time_ms_max != i64::MIN && 60 * MINUTE_MS < time_ms_max - row.time_ms);
            time_ms_max = time_ms_max.max(row.time_ms);
        }
    }
    assert_eq!(truth.events, events);
    assert_eq!(truth.n_accepted, events.values().sum::<u64>());
    assert_eq!(truth.n_duplicates, n_duplicates);
    assert_eq!(truth.n_late, n_late);
    assert_eq!(truth.time_ms_last, time_ms_max);
    assert_eq!(truth.broken.iter().map(|(kind, broken)| (kind.as_str(), broken.n_rows)).collect::<BTreeMap<_, _>>(), broken);
    assert!(truth.broken.values().all(|broken| broken.events.values().sum::<u64>() == broken.n_rows));
    assert_eq!(truth.n_rows, truth.n_accepted + truth.n_duplicates + broken.values().sum::<u64>());
}

fn accepted(rows: &[Row]) -> Vec<&Row> {
    let mut ids = BTreeSet::new();
    rows.iter().filter(|row| row.broken.is_none() && ids.insert(&row.id)).collect()
}

/// Recounts people, sessions and funnel as logged, the funnel by the other algorithm: one pass with the latest entry of each step.
fn check_people(truth: &Truth, web: &[Row]) {
    let mut timelines: BTreeMap<&str, Vec<(i64, &str)>> = BTreeMap::new();
    let rows = accepted(web);
    for row in &rows {
        let actor = if row.customer.is_empty() { &row.visitor } else { &row.customer };
        timelines.entry(actor).or_default().push((row.time_ms, &row.event));
    }
    let steps = ["view_product", "add_to_cart", "begin_checkout", "order_placed"];
    let mut n_sessions = 0;
    let mut n_people = [0u64; 4];
    for timeline in timelines.values_mut() {
        timeline.sort_unstable();
        assert!(timeline.windows(2).all(|pair| pair[0].0 < pair[1].0), "times are distinct per actor");
        let mut last_ms = i64::MIN / 2;
        let mut entries = [i64::MIN / 2; 4];
        let mut reached = [false; 4];
        for &(time_ms, event) in timeline.iter() {
            n_sessions += u64::from(30 * MINUTE_MS < time_ms - last_ms);
            last_ms = time_ms;
            match steps.iter().position(|step| *step == event) {
                None => {}
                Some(0) => (entries[0], reached[0]) = (time_ms, true),
                Some(step) if time_ms - entries[step - 1] <= 7 * DAY_MS => {
                    entries[step] = entries[step].max(entries[step - 1]);
                    reached[step] = true;
                }
                Some(_) => {}
            }
        }
        for (n, reached) in n_people.iter_mut().zip(reached) {
            *n += u64::from(reached);
        }
    }
    assert_eq!(truth.web_as_logged.n_people, timelines.len() as u64);
    assert_eq!(truth.web_as_logged.n_sessions, n_sessions);
    assert_eq!(truth.web_as_logged.funnel.iter().map(|step| step.n_people).collect::<Vec<_>>(), n_people);
}

fn check_money(truth: &Truth, web: &[Row], counter: &[Row]) {
    let orders: Vec<&Row> = accepted(web).into_iter().filter(|row| row.event == "order_placed").collect();
    let receipts = accepted(counter);
    let sum = |rows: &[&Row], event: &str| rows.iter().filter(|row| row.event == event).map(|row| row.cents.unwrap()).sum::<i64>();
    assert_eq!(truth.money.n_web_orders, orders.len() as u64);
    assert_eq!(truth.money.web_orders_cents, sum(&orders, "order_placed"));
    assert_eq!(truth.money.purchases_cents, sum(&receipts, "purchase"));
    assert_eq!(truth.money.refunds_cents, sum(&receipts, "refund"));
    assert_eq!(truth.money.net_cents, truth.money.web_orders_cents + truth.money.purchases_cents + truth.money.refunds_cents);
    let by_number: BTreeMap<&str, &Row> = receipts.iter().map(|row| (row.id.as_str(), *row)).collect();
    for refund in receipts.iter().filter(|row| row.event == "refund") {
        let purchase = by_number[refund.refund_of.as_str()];
        assert_eq!((purchase.event.as_str(), &purchase.customer), ("purchase", &refund.customer));
        assert!(purchase.time_ms < refund.time_ms && refund.cents.unwrap() < 0 && -refund.cents.unwrap() <= purchase.cents.unwrap());
    }
}
