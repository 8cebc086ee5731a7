//! The bakery's files hold what `truth.json` says: a recount that reads the files only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime};
use diptych_event::Spec;
use diptych_event::spec::Match;
use diptych_simulate::truth::FileTruth;
use diptych_simulate::{BAKERY_SPEC, BakeryOptions, Effects, Truth, write_bakery};

const FILES: [&str; 7] = ["web.csv", "counter.csv", "contacts.jsonl", "profiles.csv", "series.csv", "notes.csv", "truth.json"];
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
    for ((file, other), name) in first.iter().zip(&other).zip(FILES) {
        assert_eq!(file == other, name == "notes.csv", "{name}: only the dated facts are those of every year");
    }
}

#[test]
fn files_hold_what_the_truth_says() {
    for options in [BakeryOptions::small(), BakeryOptions { customers: 600, seed: 5, ..BakeryOptions::default() }] {
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
        check_journeys(&truth, &web, &counter, &contacts);
        check_records(&truth, dir.path());
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
    let options = BakeryOptions::default();
    let truth = write_bakery(&options, dir.path()).unwrap();
    eprintln!("{}", serde_json::to_string_pretty(&truth).unwrap());
    let web = &truth.files["web.csv"];

    assert!((1_350..=1_650).contains(&truth.n_customers_known), "{}", truth.n_customers_known);
    assert!(8 * truth.web_as_logged.n_sessions <= web.n_accepted, "{} sessions, {} events", truth.web_as_logged.n_sessions, web.n_accepted);
    assert!(8 * truth.n_visits <= web.n_accepted);
    for event in
        "view_home view_product search add_to_cart begin_checkout enter_address payment_failed error_shown slow_page order_placed sign_up login view_order click no_results cancel_checkout"
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
    let happened = |file: &str, event: &str| truth.files[file].events[event];
    for event in "newsletter_sent newsletter_opened phone_call letter refund_requested moved_away nps_asked nps_answered".split(' ') {
        assert!(20 <= happened("contacts.jsonl", event), "{event}");
    }
    assert!(500 <= happened("counter.csv", "loyalty_bonus") && 300 <= happened("counter.csv", "refund"));
    for (channel, touched) in &truth.journeys.touchpoints {
        assert!(40 <= touched.n_accounts, "{channel}");
    }
    for (friction, met) in &truth.journeys.frictions {
        assert!(25 <= met.n_accounts, "{friction}");
    }
    assert!(0 < truth.journeys.frictions["slow_refund"].n_without_end);
    let net_of = |month: usize| truth.journeys.use_and_pay[month].net_cents;
    assert!((1..12).all(|month| net_of(month) < net_of(12)), "Christmas is the peak");
    assert!((1..=12).all(|month| month == 8 || net_of(8) < net_of(month)), "August is quiet");
    assert!(truth.without_frictions.iter().all(|world| 0 < world.n_accounts_advanced && world.n_accounts_advanced < world.n_orders_more));

    let failed = &truth.effects[0];
    let ratio = (failed.n_met_outcome * failed.n_clean) as f64 / (failed.n_clean_outcome * failed.n_met) as f64;
    assert!((ratio - failed.planted_ratio).abs() < 0.15, "struck at random, so the plain ratio is near the planted one: {ratio}");
}

#[test]
fn the_smallest_bakery_works_and_an_impossible_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = |customers| BakeryOptions { customers, seed: 3, ..BakeryOptions::default() };
    let truth = write_bakery(&options(10), &dir.path().join("made/for/it")).unwrap();
    assert!(0 < truth.files["web.csv"].n_accepted);
    let error = write_bakery(&options(0), dir.path()).unwrap_err();
    assert!(error.to_string().contains("10 to 400,000"));
}

/// The counterfactual numbers against the worlds themselves: what they say is what happens there.
#[test]
fn without_a_friction_happens_what_the_truth_says() {
    struct World {
        truth: Truth,
        /// Web orders in cents by customer.
        orders: BTreeMap<String, i64>,
        /// Customers with a purchase at the counter.
        buyers: BTreeSet<String>,
    }
    let world = |effects| {
        let dir = tempfile::tempdir().unwrap();
        let truth = write_bakery(&BakeryOptions { customers: 700, seed: 21, effects }, dir.path()).unwrap();
        let (web, counter) = (read_web(dir.path()), read_counter(dir.path()));
        let mut orders: BTreeMap<String, i64> = BTreeMap::new();
        for row in accepted(&web).into_iter().filter(|row| row.event == "order_placed") {
            *orders.entry(row.customer.clone()).or_default() += row.cents.unwrap();
        }
        let buyers = accepted(&counter).into_iter().filter(|row| row.event == "purchase").map(|row| row.customer.clone()).collect();
        World { truth, orders, buyers }
    };
    let planted = world(Effects::All);
    let others = [Effects::AllButPaymentFailed, Effects::AllButSlowPage, Effects::None].map(world);
    for (without, other) in planted.truth.without_frictions.iter().zip(&others) {
        assert!(0 < without.n_accounts_advanced, "{without:?}");
        assert_eq!(other.truth.money.n_web_orders, planted.truth.money.n_web_orders + without.n_orders_more);
        assert_eq!(other.truth.money.web_orders_cents, planted.truth.money.web_orders_cents + without.orders_more_cents);
        assert_eq!(other.buyers, planted.buyers);
        let advanced: Vec<i64> = other
            .orders
            .iter()
            .filter(|(customer, _)| !planted.orders.contains_key(*customer) && !planted.buyers.contains(*customer))
            .map(|(_, cents)| *cents)
            .collect();
        assert_eq!((advanced.len() as u64, advanced.iter().sum()), (without.n_accounts_advanced, without.accounts_advanced_cents));
    }
    let [failed, slow, both] = &planted.truth.without_frictions[..] else { panic!("three worlds") };
    assert_eq!((both.frictions.len(), failed.frictions.len(), slow.frictions.len()), (2, 1, 1));
    assert!(failed.n_orders_more.max(slow.n_orders_more) < both.n_orders_more);
    // The same visits meet the same slow pages, whatever they do.
    for other in &others {
        let (here, there) = (&planted.truth.effects[1], &other.truth.effects[1]);
        assert_eq!((here.n_met, here.n_clean), (there.n_met, there.n_clean));
    }
}

#[test]
fn in_the_null_business_nothing_costs_and_the_traps_stay() {
    let dir = tempfile::tempdir().unwrap();
    let truth = write_bakery(&BakeryOptions { customers: 2_000, seed: 2, effects: Effects::None }, dir.path()).unwrap();
    for effect in &truth.effects {
        assert!(!effect.causal && effect.planted_ratio == 1.0 && effect.n_orders_lost == 0, "{}", effect.friction);
    }
    assert!(truth.without_frictions.iter().all(|world| world.n_orders_more == 0 && world.accounts_advanced_cents == 0));
    let ratio = |friction: usize| {
        let effect = &truth.effects[friction];
        (effect.n_met_outcome * effect.n_clean) as f64 / (effect.n_clean_outcome * effect.n_met) as f64
    };
    assert!((ratio(0) - 1.0).abs() < 0.08, "failed payments strike at random: {}", ratio(0));
    assert!(ratio(1) < 0.97, "slow pages are met on phones, where fewer check out: {}", ratio(1));
    assert!(ratio(2) < 0.9, "errors are met by the hesitant: {}", ratio(2));
}

#[test]
fn the_spec_is_read_and_leaves_nothing_out() {
    let spec = Spec::parse(BAKERY_SPEC).unwrap();
    assert_eq!(
        spec.stages.iter().map(|stage| stage.name.text.as_str()).collect::<Vec<_>>(),
        ["awareness", "consideration", "purchase", "loyalty"]
    );
    let end_us = spec.source_end_us("web").unwrap();
    assert!(["counter", "contacts", "profiles", "series", "notes"].iter().all(|source| spec.source_end_us(source) == Some(end_us)));
    let dir = tempfile::tempdir().unwrap();
    let truth = write_bakery(&BakeryOptions::small(), dir.path()).unwrap();
    assert_eq!(truth.journeys.observed_until_ms * 1_000, end_us);
    let made: BTreeSet<&str> = truth.files.values().flat_map(|file| file.events.keys()).map(String::as_str).collect();
    for named in spec.journey_matches().into_iter().chain(spec.frictions.values().flat_map(|friction| friction.matches())) {
        assert!(named.events.iter().all(|event| made.contains(event.as_str())), "{:?} is made by the small bakery", named.events);
    }
    for source in spec.sources.values() {
        assert!(source.files.iter().all(|file| FILES.contains(&file.trim_start_matches("data/"))), "{:?}", source.files);
    }
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
    channel: String,
    topic: String,
    score: Option<i64>,
    load_ms: Option<i64>,
    broken: Option<&'static str>,
}

fn read_web(dir: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(dir.join("web.csv")).unwrap();
    let columns = "event_id time event visitor_id customer_id page device channel product price order_id element load_ms";
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
            channel: record[7].to_owned(),
            topic: String::new(),
            score: None,
            load_ms: record[12].parse().ok(),
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
            channel: "shop".to_owned(),
            topic: String::new(),
            score: None,
            load_ms: None,
            broken,
        }
    });
    rows.collect()
}

fn read_contacts(dir: &Path) -> Vec<Row> {
    let text = fs::read_to_string(dir.join("contacts.jsonl")).unwrap();
    let rows = text.lines().map(|line| {
        let Ok(object) = serde_json::from_str::<serde_json::Value>(line) else {
            return Row {
                id: String::new(),
                text: line.to_owned(),
                time_ms: 0,
                event: String::new(),
                visitor: String::new(),
                customer: String::new(),
                cents: None,
                refund_of: String::new(),
                channel: String::new(),
                topic: String::new(),
                score: None,
                load_ms: None,
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
            channel: text_of("channel"),
            topic: text_of("topic"),
            score: object["score"].as_i64(),
            load_ms: None,
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
    assert_eq!(truth.money.gross_cents, truth.money.web_orders_cents + truth.money.purchases_cents);
    assert_eq!(truth.money.net_cents, truth.money.gross_cents + truth.money.refunds_cents);
    let counter_cents = truth.money.purchases_cents + truth.money.refunds_cents;
    assert_eq!(5 * truth.money.margin_cents, 2 * truth.money.web_orders_cents + 3 * counter_cents);
    assert!(receipts.iter().all(|row| row.cents.unwrap() % 5 == 0), "so that each margin is a whole number of cents");
    let by_number: BTreeMap<&str, &Row> = receipts.iter().map(|row| (row.id.as_str(), *row)).collect();
    for refund in receipts.iter().filter(|row| row.event == "refund") {
        let purchase = by_number[refund.refund_of.as_str()];
        assert_eq!((purchase.event.as_str(), &purchase.customer), ("purchase", &refund.customer));
        assert!(purchase.time_ms < refund.time_ms && refund.cents.unwrap() < 0 && -refund.cents.unwrap() <= purchase.cents.unwrap());
    }
}

/// Recounts journeys from the files and the spec, by other ways than the truth: identity by looking around each row,
/// tasks as words, use and pay as sets, stages with deadlines.
fn check_journeys(truth: &Truth, web: &[Row], counter: &[Row], contacts: &[Row]) {
    let spec = Spec::parse(BAKERY_SPEC).unwrap();
    let journeys = &truth.journeys;
    let end_ms = journeys.observed_until_ms;
    let mut accounts: BTreeMap<String, Vec<(&Row, &str)>> = BTreeMap::new();
    let mut visitors: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in accepted(web) {
        visitors.entry(&row.visitor).or_default().push(row);
    }
    for rows in visitors.values_mut() {
        rows.sort_by_key(|row| (row.time_ms, &row.id));
        for (n, row) in rows.iter().enumerate() {
            let next = rows[n..].iter().find(|next| !next.customer.is_empty()).filter(|next| next.time_ms - row.time_ms <= 30 * DAY_MS);
            let known = next.or_else(|| rows[..n].iter().rev().find(|before| !before.customer.is_empty()));
            let account = known.map_or_else(|| format!("anonymous:{}", row.visitor), |known| known.customer.clone());
            accounts.entry(account).or_default().push((row, "web"));
        }
    }
    for (rows, source) in [(counter, "counter"), (contacts, "contacts")] {
        for row in accepted(rows) {
            accounts.entry(row.customer.clone()).or_default().push((row, source));
        }
    }
    accounts.values_mut().for_each(|rows| rows.sort_by_key(|(row, _)| (row.time_ms, &row.id)));
    assert_eq!(journeys.n_accounts, accounts.len() as u64);
    assert_eq!(journeys.n_anonymous_accounts, accounts.keys().filter(|account| account.starts_with("anonymous:")).count() as u64);

    let sessions: BTreeMap<&str, Vec<Vec<&Row>>> = accounts.iter().map(|(account, rows)| (account.as_str(), sessions_of(rows))).collect();
    check_stages(truth, &accounts, &spec);
    check_tasks(truth, &sessions, &spec);
    check_use_and_pay(truth, &accounts, &sessions);

    let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
    let mut answers = accepted(contacts).into_iter().filter(|row| row.event == "nps_answered").collect::<Vec<_>>();
    answers.sort_by_key(|row| row.time_ms);
    for answer in &answers {
        latest.insert(&answer.customer, answer.score.unwrap());
    }
    let n_of = |from: i64, to: i64| latest.values().filter(|score| from <= **score && **score <= to).count() as u64;
    let nps = &journeys.nps;
    assert_eq!((nps.n_answers, nps.n_accounts_answered), (answers.len() as u64, latest.len() as u64));
    assert_eq!((nps.n_detractors, nps.n_passives, nps.n_promoters), (n_of(0, 6), n_of(7, 8), n_of(9, 10)));
    assert!(nps.n_answers <= nps.n_asked && nps.n_accounts_answered <= nps.n_accounts_asked);

    let all_sessions = || sessions.values().flatten();
    for (name, touched) in &journeys.touchpoints {
        let written = if name == "letter" { "post" } else { name };
        let found =
            all_sessions().filter(|session| session.iter().find(|row| row.channel != "direct").is_some_and(|row| row.channel == written));
        let outside = accepted(counter).into_iter().chain(accepted(contacts)).filter(|row| row.channel == written);
        assert_eq!(touched.n_touchpoints, (found.count() + outside.count()) as u64, "{name}");
    }
    let n_web = |event: &str| truth.files["web.csv"].events[event];
    let frictions = &journeys.frictions;
    assert_eq!(frictions["slow_page"].n_episodes, n_web("slow_page"), "no other page is slow");
    assert_eq!(
        frictions["slow_page"].n_episodes,
        accepted(web).iter().filter(|row| row.load_ms.is_some_and(|ms| 4_000 < ms)).count() as u64
    );
    assert_eq!(frictions["payment_failed"].n_episodes, n_web("payment_failed"));
    assert_eq!(frictions["error_shown"].n_episodes, n_web("error_shown"));
    let (mut n_slow, mut n_never, mut n_again) = (0, 0, 0);
    for rows in accounts.values() {
        let mut waiting: Option<i64> = None;
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for (row, _) in rows {
            if row.event == "refund"
                && let Some(asked_ms) = waiting.take()
            {
                n_slow += u64::from(14 * DAY_MS < row.time_ms - asked_ms);
            }
            if row.event == "refund_requested" {
                assert!(waiting.replace(row.time_ms).is_none(), "one refund at a time");
            }
            if ["phone_call", "refund_requested"].contains(&row.event.as_str()) {
                let before = last.insert(&row.topic, row.time_ms);
                n_again += u64::from(before.is_some_and(|before| row.time_ms - before <= 14 * DAY_MS));
            }
        }
        n_never += u64::from(waiting.is_some_and(|asked_ms| 14 * DAY_MS < end_ms - asked_ms));
    }
    assert_eq!((frictions["slow_refund"].n_episodes, frictions["slow_refund"].n_without_end), (n_slow + n_never, n_never));
    assert_eq!(frictions["repeat_contact"].n_episodes, n_again);
}

fn sessions_of<'a>(rows: &[(&'a Row, &str)]) -> Vec<Vec<&'a Row>> {
    let on_web: Vec<&Row> = rows.iter().filter(|(_, source)| *source == "web").map(|(row, _)| *row).collect();
    on_web.chunk_by(|a, b| b.time_ms - a.time_ms <= 30 * MINUTE_MS).map(<[&Row]>::to_vec).collect()
}

/// Stages with a deadline that is looked at before each row.
fn check_stages(truth: &Truth, accounts: &BTreeMap<String, Vec<(&Row, &str)>>, spec: &Spec) {
    let means = |meant: &Match, row: &Row| meant.events.contains(&row.event);
    let days = |text: &str| text.trim_end_matches('d').parse::<i64>().unwrap();
    let patience: Vec<i64> = spec.stages.iter().map(|stage| days(&stage.lost_after.as_ref().unwrap().text) * DAY_MS).collect();
    // Shape [accounts][stays]: stage, how it ended.
    let mut walks: Vec<Vec<(usize, &str)>> = Vec::new();
    for rows in accounts.values() {
        let mut walk: Vec<(usize, &str)> = Vec::new();
        let mut deadline_ms = i64::MAX;
        for (row, _) in rows {
            if deadline_ms < row.time_ms
                && let Some((_, end)) = walk.last_mut().filter(|(_, end)| *end == "open")
            {
                *end = "lost";
            }
            let open = walk.last().filter(|(_, end)| *end == "open").map(|(stage, _)| *stage);
            let entered: Option<usize> = (0..spec.stages.len()).filter(|stage| means(&spec.stages[*stage].enter, row)).max();
            if let Some(entered) = entered.filter(|entered| open.is_none_or(|open| open < *entered)) {
                if open.is_some() {
                    walk.last_mut().unwrap().1 = "moved on";
                }
                walk.push((entered, "open"));
                deadline_ms = row.time_ms + patience[entered];
            } else if let Some(open) = open {
                if spec.stages[open].leave.as_ref().is_some_and(|leave| means(leave, row)) {
                    walk.last_mut().unwrap().1 = "lost";
                } else if spec.stages[open].renew.as_ref().is_some_and(|renew| means(renew, row)) {
                    deadline_ms = row.time_ms + patience[open];
                }
            }
        }
        if deadline_ms <= truth.journeys.observed_until_ms
            && let Some((_, end)) = walk.last_mut().filter(|(_, end)| *end == "open")
        {
            *end = "lost";
        }
        walks.push(walk);
    }
    let n_stays = |stage: usize, end: &str| walks.iter().flatten().filter(|stay| **stay == (stage, end)).count() as u64;
    let n_accounts = |stage: usize, end: &str| walks.iter().filter(|walk| walk.contains(&(stage, end))).count() as u64;
    for (idx, stage) in truth.journeys.stages.iter().enumerate() {
        assert_eq!(stage.stage, spec.stages[idx].name.text);
        let stays = (stage.n_stays_lost, stage.n_stays_moved_on, stage.n_stays_open);
        assert_eq!(stays, (n_stays(idx, "lost"), n_stays(idx, "moved on"), n_stays(idx, "open")));
        let of_accounts = (stage.n_accounts_lost, stage.n_accounts_moved_on, stage.n_accounts_at_end);
        assert_eq!(of_accounts, (n_accounts(idx, "lost"), n_accounts(idx, "moved on"), n_accounts(idx, "open")));
        assert_eq!(stage.n_accounts, walks.iter().filter(|walk| walk.iter().any(|(stage, _)| *stage == idx)).count() as u64);
        assert_eq!(stage.n_stays, stage.n_stays_lost + stage.n_stays_moved_on + stage.n_stays_open);
        assert_eq!(stage.n_stays_open, stage.n_accounts_at_end, "an account is in one stage at most");
    }
    assert_eq!(truth.journeys.drop_offs.len(), spec.stages.iter().filter(|stage| !stage.is_final).count());
    for (idx, drop_off) in truth.journeys.drop_offs.iter().enumerate() {
        let first =
            |end: &str| walks.iter().filter(|walk| walk.iter().find(|(stage, _)| *stage == idx) == Some(&(idx, end))).count() as u64;
        assert_eq!((drop_off.n_advanced, drop_off.n_lost, drop_off.n_open), (first("moved on"), first("lost"), first("open")));
        assert_eq!(drop_off.n_at_risk, drop_off.n_advanced + drop_off.n_lost + drop_off.n_open);
        assert_eq!(drop_off.n_at_risk, truth.journeys.stages[idx].n_accounts);
    }
}

/// Tasks as words of the letters Start, Goal, Failure and aBort, session by session.
fn check_tasks(truth: &Truth, sessions: &BTreeMap<&str, Vec<Vec<&Row>>>, spec: &Spec) {
    for (name, task) in &spec.tasks {
        let found = &truth.journeys.tasks[name];
        let letter = |row: &&Row| {
            let is = |meant: &Match| meant.events.contains(&row.event);
            [Some(&task.start), Some(&task.success), task.fail.as_ref(), task.abort.as_ref()]
                .into_iter()
                .zip(['S', 'G', 'F', 'B'])
                .find(|(meant, _)| meant.is_some_and(is))
                .map(|(_, letter)| letter)
        };
        let (mut ends, mut n_people) = (BTreeMap::new(), 0);
        for sessions in sessions.values() {
            n_people += u64::from(sessions.iter().flatten().any(|row| letter(row) == Some('S')));
            for session in sessions {
                let word: String = session.iter().filter_map(letter).collect();
                let mut rest = word.as_str();
                while let Some(start) = rest.find('S') {
                    rest = rest[start..].trim_start_matches('S');
                    let is_open = truth.journeys.observed_until_ms - session.last().unwrap().time_ms <= 30 * MINUTE_MS;
                    *ends.entry(rest.chars().next().unwrap_or(if is_open { 'O' } else { 'B' })).or_insert(0) += 1;
                }
            }
        }
        let n = |end: char| ends.get(&end).copied().unwrap_or(0);
        assert_eq!((found.n_succeeded, found.n_failed, found.n_abandoned, found.n_open), (n('G'), n('F'), n('B'), n('O')), "{name}");
        assert_eq!(found.n_attempts, found.n_succeeded + found.n_failed + found.n_abandoned + found.n_open);
        assert_eq!(found.n_people, n_people);
    }
}

/// Who uses and who pays as sets of accounts, by local month.
fn check_use_and_pay(truth: &Truth, accounts: &BTreeMap<String, Vec<(&Row, &str)>>, sessions: &BTreeMap<&str, Vec<Vec<&Row>>>) {
    let month = |time_ms: i64| {
        let instant = DateTime::from_timestamp_millis(time_ms).unwrap().with_timezone(&chrono_tz::Europe::Vienna);
        instant.format("%Y-%m").to_string()
    };
    for (idx, window) in truth.journeys.use_and_pay.iter().enumerate() {
        let within = |time_ms: i64| month(time_ms).starts_with(&window.window);
        let until = |time_ms: i64| month(time_ms).as_str() <= window.window.as_str() || within(time_ms);
        let base: BTreeSet<&str> = accounts
            .iter()
            .filter(|(_, rows)| rows.iter().any(|(row, _)| until(row.time_ms)))
            .map(|(account, _)| account.as_str())
            .collect();
        let mut users: BTreeSet<&str> = BTreeSet::new();
        for (account, sessions) in sessions {
            for session in sessions {
                let months = [session.first().unwrap(), session.last().unwrap()].map(|row| month(row.time_ms));
                assert_eq!(months[0], months[1], "no session lies in two months");
                if within(session[0].time_ms) {
                    users.insert(account);
                }
            }
        }
        let net = |rows: &[(&Row, &str)]| -> i64 {
            let money =
                rows.iter().filter(|(row, _)| ["order_placed", "purchase", "refund"].contains(&row.event.as_str()) && within(row.time_ms));
            money.map(|(row, _)| row.cents.unwrap()).sum()
        };
        let payers: BTreeSet<&str> = accounts.iter().filter(|(_, rows)| 0 < net(rows)).map(|(account, _)| account.as_str()).collect();
        assert_eq!(window.n_accounts, base.len() as u64, "{}", window.window);
        assert_eq!(window.n_uses_and_pays, users.intersection(&payers).count() as u64);
        assert_eq!(window.n_uses_only, users.difference(&payers).count() as u64);
        assert_eq!(window.n_pays_only, payers.difference(&users).count() as u64);
        assert_eq!(window.n_accounts, window.n_uses_and_pays + window.n_uses_only + window.n_pays_only + window.n_neither);
        assert_eq!(idx == 0, window.window == "2025");
    }
    let [year, months @ ..] = &truth.journeys.use_and_pay[..] else { panic!("a year") };
    assert_eq!((months.len(), year.n_accounts), (12, truth.journeys.n_accounts));
    assert_eq!(year.net_cents, months.iter().map(|month| month.net_cents).sum::<i64>());
    assert_eq!((year.net_cents, year.n_uses_and_pays + year.n_pays_only), (truth.money.net_cents, truth.money.n_payers));
}

fn check_records(truth: &Truth, dir: &Path) {
    for (name, n_rows) in &truth.records {
        let mut reader = csv::Reader::from_path(dir.join(name)).unwrap();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert!(0 < *n_rows && *n_rows == rows.len() as u64, "{name}");
        assert_eq!(
            rows.iter().map(|row| row.iter().collect::<Vec<_>>()).collect::<BTreeSet<_>>().len(),
            rows.len(),
            "{name} says nothing twice"
        );
    }
}
