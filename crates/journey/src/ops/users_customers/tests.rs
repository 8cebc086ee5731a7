//! Boundaries of windows, and a naive oracle for users and customers.

use std::collections::BTreeMap;
use std::ops::Range;

use diptych_event::time::{Calendar, DAY_US, parse_zone};
use diptych_testkit::{Row, START_US, World, generate_accounts, parse_moment};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::UsersCustomers;
use super::kernel::*;
use crate::ops::asking::{Answer, Question, ask};
use crate::ops::stages::tests::{complete, refusal, timelines};
use crate::seam::ALL_TIME;

fn asked(world: &World, params: Value, period_us: Range<i64>) -> Answer {
    let mut question = Question::new(&UsersCustomers, params);
    question.period_us = period_us;
    ask(world, &question).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns x (or n) and n of a cell; `None` where there is no such cell.
fn counts(answer: &Answer, id: &str) -> Option<(u64, u64)> {
    answer.cells.iter().find(|cell| cell.id == id).map(|cell| (cell.x.unwrap_or(cell.n), cell.n))
}

fn ids(period: Period, from: &str, until: &str, zone: &str) -> Vec<String> {
    let (from_us, until_us) = (parse_moment(from).unwrap(), parse_moment(until).unwrap());
    let calendar = Calendar::new(from_us, until_us, parse_zone(zone).unwrap());
    Windows::periods(period, &calendar, from_us, until_us).ids.unwrap()
}

#[test]
fn periods_are_those_of_the_calendar() {
    assert_eq!(ids(Period::Quarter, "2023-12-31T12:00:00Z", "2024-07-01T00:00:00Z", "UTC"), ["2023-Q4", "2024-Q1", "2024-Q2", "2024-Q3"]);
    assert_eq!(ids(Period::Month, "2023-12-31T12:00:00Z", "2024-02-29T12:00:00Z", "UTC"), ["2023-12", "2024-01", "2024-02"]);
    assert_eq!(ids(Period::Week, "2024-01-07T12:00:00Z", "2024-01-08T00:00:00Z", "UTC"), ["2024-01-01", "2024-01-08"]);
    assert_eq!(ids(Period::Month, "2024-02-01T04:00:00Z", "2024-02-01T05:00:00Z", "America/New_York"), ["2024-01", "2024-02"]);
    assert_eq!(ids(Period::Quarter, "2024-05-05T00:00:00Z", "2024-05-05T00:00:00Z", "UTC"), ["2024-Q2"]);
}

#[test]
fn a_recurring_payment_pays_until_its_time_is_over() {
    let world = World::parse(
        "ana: order@0s{revenue_cents=900,money_kind=recurring}
         bob: order@0s{revenue_cents=0,money_kind=recurring}
         cem: order@0s{revenue_cents=900,money_kind=charge}
         dan: visit@30d",
    )
    .unwrap();
    let paying = |subscription: &str, from: &str| {
        let period_us = parse_moment(from).unwrap()..i64::MAX;
        counts(&asked(&world, json!({"subscription": subscription}), period_us), "pays_only").unwrap()
    };
    assert_eq!(paying("10d", "0s"), (2, 4));
    assert_eq!(paying("10d", "1d"), (1, 4), "ana's subscription; cem paid once, before");
    assert_eq!(paying("10d", "10d"), (0, 4), "it is over at this very instant");
    assert_eq!(paying("10d1ms", "10d"), (1, 4));
    assert_eq!(paying("0s", "0s"), (2, 4), "it is still revenue");
}

#[test]
fn from_and_to_are_the_window_and_not_the_anchor() {
    let world = World::parse(
        "ana: visit@0s session:started@5d{member=ann} session:started@9d{member=ben}
         bob: order@6d{revenue_cents=500} refund@8d{revenue_cents=-500}
         cem: visit@20d session:started@20d{member=cleo}
         dan: visit@30d",
    )
    .unwrap();
    let between = |from: &str, to: &str| asked(&world, json!({}), parse_moment(from).unwrap()..parse_moment(to).unwrap());
    let answer = between("5d", "8d");
    assert_eq!((counts(&answer, "uses_only"), counts(&answer, "pays_only")), (Some((1, 2)), Some((1, 2))));
    assert_eq!(counts(&answer, "uses_only:members"), Some((1, 1)));
    let answer = between("6d", "20d");
    assert_eq!((counts(&answer, "uses_only"), counts(&answer, "neither")), (Some((1, 2)), Some((1, 2))), "the refund takes off");
    assert_eq!(counts(&between("40d", "50d"), "accounts"), Some((0, 0)), "not observed");
    assert_eq!(counts(&between("3d", "3d"), "accounts"), Some((0, 0)), "no time at all");
    let weeks = asked(&world, json!({"period": "week"}), parse_moment("8d").unwrap()..parse_moment("20d").unwrap());
    assert_eq!(counts(&weeks, "period:2024-01-01:accounts"), None, "before the window");
    assert_eq!(counts(&weeks, "period:2024-01-08:uses_only"), Some((1, 2)));
    assert_eq!(counts(&weeks, "move:2024-01-08:uses_only→neither"), Some((1, 1)));
}

#[test]
fn questions_are_checked() {
    assert!(refusal("format: 1", &UsersCustomers, json!({"subscription": "monthly"})).contains("subscription"));
    assert!(refusal("format: 1", &UsersCustomers, json!({"period": "day"})).contains("quarter"));
    let nobody = asked(&World::parse("").unwrap(), json!({}), ALL_TIME);
    assert_eq!(nobody.cells.iter().find(|cell| cell.id == "neither").unwrap().value, None);
    assert!(nobody.who("neither:members").is_none() && nobody.who("period:2024-01:neither").is_none());
}

/// Days on which the months, quarters and weeks of 2024 begin, from its first day.
fn starts(period: Option<Period>) -> Vec<i64> {
    let months = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366];
    match period {
        None => vec![0, 10_000],
        Some(Period::Month) => months.to_vec(),
        Some(Period::Quarter) => months.into_iter().step_by(3).collect(),
        Some(Period::Week) => (0..53).map(|week| 7 * week).collect(),
    }
}

fn text<'a>(row: &'a Row, property: &str) -> Option<&'a str> {
    row.properties.iter().find(|(name, _)| name == property).map(|(_, value)| value.as_str())
}

/// Returns the standing of each account in the base of a window, and its members with a session.
fn oracle<'a>(world: &'a World, window: &Range<i64>, subscription_us: i64) -> BTreeMap<&'a str, (&'static str, usize)> {
    let mut standings = BTreeMap::new();
    for (account, rows) in timelines(world).into_iter().filter(|(_, rows)| rows[0].time_us < window.end) {
        let inside = || rows.iter().filter(|row| window.contains(&row.time_us));
        let cents = |row: &Row| text(row, "revenue_cents").map_or(0, |cents| cents.parse::<i64>().unwrap());
        let covers = |row: &Row| row.time_us < window.end && row.time_us + subscription_us > window.start;
        let subscribes = rows.iter().any(|row| text(row, "money_kind") == Some("recurring") && cents(row) > 0 && covers(row));
        let pays = subscribes || inside().map(|row| cents(row)).sum::<i64>() > 0;
        let mut members: Vec<&str> = inside().filter(|row| row.name == "session:started").filter_map(|row| text(row, "member")).collect();
        let uses = !members.is_empty();
        members.sort_unstable();
        members.dedup();
        let standing = match (uses, pays) {
            (true, true) => "uses_pays",
            (true, false) => "uses_only",
            (false, true) => "pays_only",
            (false, false) => "neither",
        };
        standings.insert(account, (standing, members.len()));
    }
    standings
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn cells_agree_with_the_definition(seed in 0..100_000_u64, period in 0..4_usize, days in 0..60_i64) {
        let world = complete(generate_accounts(seed));
        let period = [None, Some(Period::Week), Some(Period::Month), Some(Period::Quarter)][period];
        let answer = asked(&world, json!({"period": period, "subscription": format!("{days}d")}), ALL_TIME);
        let until_us = world.last_us();
        let starts = starts(period);
        let windows: Vec<Range<i64>> =
            starts.windows(2).map(|pair| START_US + pair[0] * DAY_US..START_US + pair[1] * DAY_US).filter(|window| window.start <= until_us).collect();
        let ids = period.map(|_| answer.cells.iter().filter_map(|cell| cell.id.strip_suffix(":accounts")).map(str::to_owned).collect::<Vec<_>>());
        let standings: Vec<_> = windows.iter().map(|window| oracle(&world, window, days * DAY_US)).collect();
        prop_assert_eq!(ids.as_ref().map_or(1, Vec::len), windows.len());
        let mut n_moves = 0;
        for (k, window) in windows.iter().enumerate() {
            let prefix = ids.as_ref().map_or(String::new(), |ids| format!("{}:", ids[k]));
            let n = standings[k].len() as u64;
            prop_assert_eq!(counts(&answer, &format!("{prefix}accounts")), Some((n, n)));
            for standing in Standing::ALL.map(Standing::word) {
                let of_standing: Vec<usize> = standings[k].values().filter(|(is, _)| *is == standing).map(|(_, members)| *members).collect();
                let id = format!("{prefix}{standing}");
                prop_assert_eq!(counts(&answer, &id), Some((of_standing.len() as u64, n)), "{}", id);
                if standing.starts_with("uses") {
                    let members: usize = of_standing.iter().sum();
                    prop_assert_eq!(counts(&answer, &format!("{id}:members")), Some((members as u64, members as u64)));
                }
                let immature = answer.cells.iter().find(|cell| cell.id == id).unwrap().flags.contains(&"immature_cohort");
                prop_assert_eq!(immature, period.is_some() && window.end > until_us);
            }
            let Some(next) = standings.get(k + 1) else { continue };
            let mut moves: BTreeMap<String, u64> = BTreeMap::new();
            for (account, (from, _)) in &standings[k] {
                *moves.entry(format!("{}{from}→{}", prefix.replacen("period", "move", 1), next[account].0)).or_default() += 1;
            }
            n_moves += moves.len();
            for (id, x) in moves {
                prop_assert_eq!(counts(&answer, &id).map(|(x, _)| x), Some(x), "{}", id);
            }
        }
        prop_assert_eq!(answer.cells.iter().filter(|cell| cell.id.starts_with("move:")).count(), n_moves);
    }
}
