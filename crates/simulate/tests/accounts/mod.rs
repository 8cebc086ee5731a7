//! A recount that reads the files and the spec only: who is who, accounts, stages, sessions, money.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use diptych_event::spec::{Match, Spec};
use diptych_event::time::parse_duration;
use diptych_simulate::BusinessTruth;
use diptych_simulate::truth::FileTruth;

pub const MINUTE_MS: i64 = 60_000;
pub const DAY_MS: i64 = 1440 * MINUTE_MS;
/// 1 January 2025 and 1 January 2026, 00:00 in Vienna.
pub const YEAR_MS: [i64; 2] = [1_735_686_000_000, 1_767_222_000_000];

/// One row of a file, by column.
pub type Row = BTreeMap<String, String>;

/// Reads a table with a header.
pub fn read_table(dir: &Path, name: &str, delimiter: u8) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_path(dir.join(name)).unwrap();
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Reads JSON lines; one that is none gets the column `broken_line`.
pub fn read_lines(dir: &Path, name: &str) -> Vec<Row> {
    let text = fs::read_to_string(dir.join(name)).unwrap();
    let row = |line: &str| match serde_json::from_str::<BTreeMap<String, serde_json::Value>>(line) {
        Ok(object) => object.into_iter().map(|(key, value)| (key, value.as_str().map_or_else(|| plain(&value), str::to_owned))).collect(),
        Err(_) => Row::from([("broken_line".to_owned(), line.to_owned())]),
    };
    text.lines().map(row).collect()
}

fn plain(value: &serde_json::Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}

/// Reads a Vienna time that is told by a pattern; summer time is from 30 March to 26 October.
pub fn local_ms(text: &str, pattern: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, pattern).ok()?;
    let summer = "2025-03-30 02:00:00" <= time.to_string().as_str() && time.to_string().as_str() < "2025-10-26 03:00:00";
    Some(time.and_utc().timestamp_millis() - if summer { 120 } else { 60 } * MINUTE_MS)
}

/// Reads a Vienna date as its midnight.
pub fn midnight_ms(text: &str) -> Option<i64> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    local_ms(&format!("{text} 00:00"), "%Y-%m-%d %H:%M")
}

/// Reads a UTC time.
pub fn utc_ms(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

/// Checks the counts of a file and gives its accepted rows; `id` tells rows apart, `said` gives event and instant or what is wrong.
pub fn accepted<'a>(
    truth: &FileTruth,
    rows: &'a [Row],
    id: impl Fn(&Row) -> String,
    said: impl Fn(&Row) -> Result<(String, i64), &'static str>,
) -> Vec<(&'a Row, i64)> {
    let mut known: BTreeMap<String, &Row> = BTreeMap::new();
    let (mut events, mut broken): (BTreeMap<String, u64>, BTreeMap<String, u64>) = Default::default();
    let (mut n_duplicates, mut n_late, mut last_ms) = (0, 0, i64::MIN);
    let mut accepted = Vec::new();
    for row in rows {
        match said(row) {
            Err(kind) => *broken.entry(kind.to_owned()).or_default() += 1,
            Ok((event, time_ms)) => {
                if let Some(first) = known.insert(id(row), row) {
                    assert_eq!(first, row, "a replayed row is the same row");
                    n_duplicates += 1;
                    continue;
                }
                *events.entry(event).or_default() += 1;
                n_late += u64::from(last_ms != i64::MIN && 60 * MINUTE_MS < last_ms - time_ms);
                last_ms = last_ms.max(time_ms);
                accepted.push((row, time_ms));
            }
        }
    }
    assert_eq!(truth.n_rows, rows.len() as u64);
    assert_eq!(truth.n_accepted, accepted.len() as u64);
    assert_eq!((truth.n_duplicates, truth.n_late), (n_duplicates, n_late));
    assert_eq!(truth.events, events);
    assert_eq!(truth.broken.iter().map(|(kind, broken)| (kind.clone(), broken.n_rows)).collect::<BTreeMap<_, _>>(), broken);
    accepted
}

/// One accepted row of a file of events.
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub time_ms: i64,
    pub name: String,
    pub user: String,
    pub device: String,
    pub account: String,
    /// Cents and currency.
    pub money: Option<(i64, String)>,
}

/// A membership as its latest row says.
#[derive(Clone, Debug)]
pub struct Member {
    pub user: String,
    pub account: String,
    pub from_ms: i64,
    pub until_ms: i64,
}

/// Gives the memberships in force of a file with the usual columns.
pub fn members(rows: &[(&Row, i64)], user: &str, account: &str) -> Vec<Member> {
    let mut by_record: BTreeMap<&str, &Row> = BTreeMap::new();
    for (row, _) in rows {
        if row["withdrawn"] == "yes" {
            by_record.remove(row["record"].as_str()).expect("the record came before");
        } else {
            by_record.insert(&row["record"], row);
        }
    }
    let member = |row: &&Row| Member {
        user: row[user].clone(),
        account: row[account].clone(),
        from_ms: midnight_ms(&row["since"]).unwrap_or(i64::MIN),
        until_ms: midnight_ms(&row["until"]).unwrap_or(i64::MAX),
    };
    by_record.values().map(member).collect()
}

/// Recounts what can be counted by another route, with the rules of the spec, and compares.
///
/// `same` gives the other id of a merged user.
pub fn check(truth: &BusinessTruth, spec: &Spec, mut events: Vec<Event>, members: &[Member], same: &BTreeMap<String, String>) {
    let known = |user: &str| same.get(user).map_or(user, |other| other.as_str().min(user)).to_owned();
    events.sort_by_key(|event| event.time_ms);
    assert!(events.iter().all(|event| YEAR_MS[0] <= event.time_ms && event.time_ms < YEAR_MS[1]));

    // Who did what: walking back, each device knows who comes next; what is left over takes who came last.
    let mut users: Vec<String> = vec![String::new(); events.len()];
    let mut next: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
    for (idx, event) in events.iter().enumerate().rev().filter(|(_, event)| !event.device.is_empty()) {
        if !event.user.is_empty() {
            next.insert(&event.device, (event.time_ms, &event.user));
        }
        let found = next.get(event.device.as_str()).filter(|(time_ms, _)| time_ms - event.time_ms <= 30 * DAY_MS);
        users[idx] = found.map_or_else(String::new, |(_, user)| known(user));
    }
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for (idx, event) in events.iter().enumerate() {
        if !event.user.is_empty() {
            users[idx] = known(&event.user);
            last.insert(&event.device, &event.user);
        } else if event.device.is_empty() {
            // Nobody's.
        } else if let (true, Some(user)) = (users[idx].is_empty(), last.get(event.device.as_str())) {
            users[idx] = known(user);
        }
    }

    let mut by_user: BTreeMap<String, Vec<&Member>> = BTreeMap::new();
    for member in members {
        by_user.entry(known(&member.user)).or_default().push(member);
    }
    let accounts: Vec<BTreeSet<String>> = events
        .iter()
        .zip(&users)
        .map(|(event, user)| {
            if !event.account.is_empty() {
                return BTreeSet::from([event.account.clone()]);
            }
            let holds = |member: &&&Member| member.from_ms <= event.time_ms && event.time_ms < member.until_ms;
            let held = by_user.get(user).into_iter().flatten();
            let mut accounts: BTreeSet<String> = held.filter(holds).map(|member| member.account.clone()).collect();
            if accounts.is_empty() && spec.accounts.own && !user.is_empty() {
                accounts.insert(user.clone());
            }
            accounts
        })
        .collect();
    let mut timelines: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for (event, accounts) in events.iter().zip(&accounts) {
        accounts.iter().for_each(|account| timelines.entry(account).or_default().push(event));
    }
    for (account, timeline) in &timelines {
        assert!(timeline.windows(2).all(|pair| pair[0].time_ms < pair[1].time_ms), "{account}: times are distinct");
    }
    let counted = &truth.accounts;
    assert_eq!(counted.n_accounts, timelines.len() as u64);
    assert_eq!(counted.n_account_rows, accounts.iter().map(|accounts| accounts.len() as u64).sum::<u64>());
    assert_eq!(counted.n_rows_without_account, accounts.iter().filter(|accounts| accounts.is_empty()).count() as u64);

    check_sessions(truth, &events, &users, &accounts);
    check_stages(truth, spec, &timelines);
    check_money(truth, spec, &timelines);
    for task in counted.tasks.values() {
        assert_eq!(task.n_started, task.n_succeeded + task.n_failed + task.n_abandoned + task.n_open);
        assert!(task.n_accounts <= counted.n_accounts && task.n_people <= task.n_started);
    }
    let table = |truth: &diptych_simulate::accounts_truth::UsersCustomersTruth| {
        assert_eq!(truth.n_base, truth.n_uses_and_pays + truth.n_uses_only + truth.n_pays_only + truth.n_neither);
    };
    table(&counted.users_customers);
    counted.users_customers_by_month.iter().for_each(table);
    assert_eq!(counted.users_customers.n_uses_and_pays + counted.users_customers.n_pays_only, counted.money.n_payers);
    assert_eq!(counted.users_customers.n_base, counted.n_accounts);
}

/// Sessions by their first rows, and with them who uses, month by month.
fn check_sessions(truth: &BusinessTruth, events: &[Event], users: &[String], accounts: &[BTreeSet<String>]) {
    let mut last_ms: BTreeMap<&str, i64> = BTreeMap::new();
    let (mut n_sessions, mut n_account_sessions) = (0, 0);
    let mut using: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); 13];
    for ((event, user), accounts) in events.iter().zip(users).zip(accounts) {
        let actor = if user.is_empty() { &event.device } else { user };
        if actor.is_empty() {
            continue;
        }
        let last_ms = last_ms.insert(actor, event.time_ms);
        if last_ms.is_none_or(|last_ms| 30 * MINUTE_MS < event.time_ms - last_ms) {
            n_sessions += 1;
            n_account_sessions += accounts.len() as u64;
            let month = (0..12).find(|&month| event.time_ms < truth.accounts.users_customers_by_month[month].until_ms).unwrap();
            using[month].extend(accounts.iter().map(String::as_str));
            using[12].extend(accounts.iter().map(String::as_str));
        }
    }
    assert_eq!((truth.accounts.n_sessions, truth.accounts.n_account_sessions), (n_sessions, n_account_sessions));
    assert_eq!(truth.product_joined.n_sessions, n_sessions);
    assert_eq!(truth.product_joined.n_people, last_ms.len() as u64);
    let n_using: Vec<u64> = using.iter().map(|accounts| accounts.len() as u64).collect();
    let tables = truth.accounts.users_customers_by_month.iter().chain([&truth.accounts.users_customers]);
    assert_eq!(n_using, tables.map(|table| table.n_uses_and_pays + table.n_uses_only).collect::<Vec<_>>());
}

/// Stays in stages, one by one: where they begin, and the first thing that ends them.
fn check_stages(truth: &BusinessTruth, spec: &Spec, timelines: &BTreeMap<&str, Vec<&Event>>) {
    let names = |meant: &Match, event: &Event| meant.events.contains(&event.name);
    let end_ms = YEAR_MS[1];
    // Shape `[stages]`: stays, went on, left, lapsed, open.
    let mut counts = vec![[0u64; 5]; spec.stages.len()];
    let mut been: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); spec.stages.len()];
    for (account, timeline) in timelines {
        let target = |event: &Event| spec.stages.iter().rposition(|stage| names(&stage.enter, event));
        let mut at = 0;
        while let Some((begin, mut stage)) = (at..timeline.len()).find_map(|idx| Some((idx, target(timeline[idx])?))) {
            let mut begin = begin;
            at = loop {
                let rule = &spec.stages[stage];
                counts[stage][0] += 1;
                been[stage].insert(account);
                let lost_after_ms = rule.lost_after.as_ref().map(|text| parse_duration(&text.text).unwrap() / 1_000);
                let mut deadline_ms = lost_after_ms.map(|ms| timeline[begin].time_ms + ms);
                let mut ended = None;
                for (idx, event) in timeline.iter().enumerate().skip(begin + 1) {
                    if deadline_ms.is_some_and(|deadline_ms| deadline_ms < event.time_ms) {
                        ended = Some((3, idx));
                    } else if target(event).is_some_and(|target| stage < target) {
                        ended = Some((1, idx));
                    } else if rule.leave.as_ref().is_some_and(|leave| names(leave, event)) {
                        ended = Some((2, idx + 1));
                    } else if rule.renew.as_ref().is_some_and(|renew| names(renew, event)) {
                        deadline_ms = lost_after_ms.map(|ms| event.time_ms + ms);
                    }
                    if ended.is_some() {
                        break;
                    }
                }
                let lapsed = deadline_ms.is_some_and(|deadline_ms| deadline_ms <= end_ms);
                let (how, idx) = ended.unwrap_or((if lapsed { 3 } else { 4 }, timeline.len()));
                counts[stage][how] += 1;
                if how != 1 {
                    break idx;
                }
                (begin, stage) = (idx, target(timeline[idx]).unwrap());
            };
        }
    }
    for (stage, (counts, been)) in truth.accounts.stages.iter().zip(counts.iter().zip(&been)) {
        let told = [stage.n_stays, stage.n_went_on.values().sum(), stage.n_left, stage.n_lapsed, stage.n_open];
        assert_eq!(told, *counts, "{}", stage.stage);
        assert_eq!(stage.n_accounts, been.len() as u64, "{}", stage.stage);
        assert_eq!(stage.n_stays, counts[1..].iter().sum::<u64>());
        assert_eq!(stage.n_stays, stage.n_came_from.values().sum::<u64>());
    }
    let ever: BTreeSet<&str> = been.into_iter().flatten().collect();
    assert_eq!(truth.accounts.n_never_in_a_stage, (timelines.len() - ever.len()) as u64);
}

fn check_money(truth: &BusinessTruth, spec: &Spec, timelines: &BTreeMap<&str, Vec<&Event>>) {
    let rates = spec.rates();
    let converted = |event: &Event| {
        let Some((cents, currency)) = &event.money else { return 0 };
        if *currency == "EUR" {
            return *cents;
        }
        let (_, billionths) = rates[currency].iter().rev().find(|(since_us, _)| *since_us <= event.time_ms * 1_000).unwrap();
        // Rounded half away from zero by way of twice the product.
        let twice = 2 * i128::from(*cents) * i128::from(*billionths);
        ((twice + twice.signum() * 1_000_000_000) / 2_000_000_000) as i64
    };
    let mut net_cents: BTreeMap<&str, i64> = BTreeMap::new();
    let mut by_currency: BTreeMap<&str, i64> = BTreeMap::new();
    for (account, timeline) in timelines {
        for event in timeline {
            *net_cents.entry(account).or_default() += converted(event);
            if let Some((cents, currency)) = &event.money {
                *by_currency.entry(currency).or_default() += cents;
            }
        }
    }
    let money = &truth.accounts.money;
    assert_eq!(money.net_cents, net_cents.values().sum::<i64>());
    assert_eq!(money.net_cents, money.net_cents_by_month.iter().sum::<i64>());
    assert_eq!(money.n_payers, net_cents.values().filter(|cents| 0 < **cents).count() as u64);
    assert_eq!(money.by_currency.iter().map(|(code, money)| (code.as_str(), money.net_cents)).collect::<BTreeMap<_, _>>(), by_currency);
    for money in money.by_currency.values() {
        assert_eq!(money.net_cents, money.cents.values().sum::<i64>());
    }
}

/// Gives what each actor did in a file of JSON lines, in order: instants aside, which may be moved apart by a millisecond.
pub fn doings(dir: &Path, name: &str, actor: &str) -> BTreeMap<String, Vec<String>> {
    let mut rows: Vec<Row> = read_lines(dir, name).into_iter().filter(|row| row.get(actor).is_some_and(|id| !id.is_empty())).collect();
    rows.retain(|row| row.get("ts").is_some_and(|ts| utc_ms(ts).is_some()));
    rows.sort_by(|a, b| a["ts"].cmp(&b["ts"]));
    let mut doings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for row in rows.iter().filter(|row| known.insert(row["id"].clone())) {
        doings.entry(row[actor].clone()).or_default().push(row["event"].clone());
    }
    doings
}

/// Checks that the planted effects show as told: the causal ones cost what the counterfactual says, and all mislead.
pub fn check_effects(truth: &BusinessTruth) {
    let counterfactual = &truth.counterfactual;
    assert!(counterfactual.n_converted <= counterfactual.n_units);
    for effect in &truth.effects {
        assert_eq!(effect.causal, effect.planted_ratio < 1.0, "{}", effect.friction);
        assert!(30 <= effect.n_met && 30 <= effect.n_clean, "{}: {effect:?}", effect.friction);
        let without = counterfactual.n_converted_without.get(&effect.friction).copied().unwrap_or(counterfactual.n_converted);
        assert_eq!(without, counterfactual.n_converted + effect.n_conversions_lost, "{}", effect.friction);
        assert_eq!(effect.causal, 0 < effect.n_conversions_lost, "{}", effect.friction);
        assert!(without <= counterfactual.n_converted_without_all);
    }
}
