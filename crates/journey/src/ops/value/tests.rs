//! Money drawn by hand, a naive oracle and the laws for value.

use std::collections::BTreeMap;

use diptych_event::time::{DAY_US, parse_zone};
use diptych_testkit::{CodeOrder, Row, START_US, World};
use proptest::prelude::*;
use serde_json::json;

use super::Value;
use crate::ops::testing::Answer;
use crate::ops::testing::accounts::Accounts;

const EURO: &str = "currency: EUR\nmoney: { margin: value_cents * 0.4 }";

#[track_caller]
fn value_of(answer: &Answer, id: &str) -> Option<f64> {
    answer.cell(id).value
}

/// 2024-01-01 plus days: January has 31, February 29.
fn shop() -> Accounts {
    let mut shop = Accounts::draw(
        EURO,
        "
        ana: visit@0s order@3d{revenue_cents=1000,margin_cents=400} order@40d{revenue_cents=3000,margin_cents=1300}
        bob: order@10d{revenue_cents=2000,margin_cents=700} refund@35d{revenue_cents=-500,margin_cents=-500}
        cem: visit@5d free@6d{revenue_cents=0}
        dan: order@33d{revenue_cents=700,margin_cents=-100} refund@34d{revenue_cents=-700}
        ",
    );
    shop.observed_until_us = START_US + 70 * DAY_US;
    shop
}

#[test]
fn totals_are_sums_of_rows() {
    let answer = shop().ask(&Value, json!({}));
    for (id, n, people, value) in [
        ("accounts", 4, 4, 4.0),
        ("net_cents", 6, 3, 5500.0),
        ("charges_cents", 4, 3, 6700.0),
        ("refunds_cents", 2, 2, -1200.0),
        ("margin_cents", 5, 3, 1800.0),
        ("per_account_cents", 4, 4, 1375.0),
        ("per_payer_cents", 2, 2, 2750.0),
        ("median_cents", 2, 2, 2750.0),
        ("largest", 2, 2, 4000.0 / 5500.0),
        ("margin_per_account_cents", 4, 4, 450.0),
        ("margin_per_payer_cents", 2, 2, 950.0),
        ("buyers", 3, 3, 3.0),
    ] {
        let cell = answer.cell(id);
        assert_eq!((cell.n, cell.people, cell.value), (n, people, Some(value)), "{id}");
    }
    assert_eq!(answer.counts("paying"), (2, 4, 2));
    assert!(answer.cell("net_cents").label.contains("EUR"));
    // 4000, 1500, 0 and 0: mean 1375, sd 1887.45860, t 3.182446.
    let cell = answer.cell("per_account_cents");
    assert!((cell.lo.unwrap() + 1628.373).abs() < 0.01 && (cell.hi.unwrap() - 4378.373).abs() < 0.01, "{cell:?}");
    assert_eq!((cell.method, cell.flags.as_slice()), (Some("t"), ["low_n"].as_slice()));
}

#[test]
fn money_adds_up_over_periods_that_ended() {
    let answer = shop().ask(&Value, json!({"periods": 3}));
    // Observation ends on 2024-03-11: January and February are over.
    for (id, n, value) in [
        ("cohort:2024-01-01", 2, 2.0),
        ("cohort:2024-01-01/0", 2, 1500.0),
        ("cohort:2024-01-01/1", 2, 2750.0),
        ("cohort:2024-02-01/0", 1, 0.0),
        ("period:0", 3, 1000.0),
        ("period:1", 2, 2750.0),
    ] {
        let cell = answer.cell(id);
        assert_eq!((cell.n, cell.value), (n, Some(value)), "{id}");
    }
    assert!(!answer.cells.iter().any(|cell| cell.id == "cohort:2024-01-01/2" || cell.id == "cohort:2024-02-01/1"));
    assert_eq!(answer.cell("period:0").flags, ["low_n"]);
    assert_eq!(answer.cell("period:1").flags, ["low_n", "immature_cohort"]);
    let (cell, flags) = (answer.cell("period:2"), ["no_data", "immature_cohort"]);
    assert_eq!((cell.value, cell.flags.as_slice()), (None, flags.as_slice()));
    let margin = shop().ask(&Value, json!({"money": "margin", "cohorts": "none"}));
    assert_eq!(value_of(&margin, "period:1"), Some((1700.0 + 200.0) / 2.0));
    assert!(!margin.cells.iter().any(|cell| cell.id.starts_with("cohort:")));
}

#[test]
fn clocks_start_at_the_first_payment_or_the_first_row() {
    let answer = shop().ask(&Value, json!({"since": "first_seen", "cohort": "week"}));
    assert_eq!(answer.counts("clocks"), (4, 4, 4));
    // 2024-01-01 is a Monday: Ana and Cem in the first week, Bob in the second, Dan in the fifth.
    assert_eq!(value_of(&answer, "cohort:2024-01-01/0"), Some(500.0));
    assert_eq!(value_of(&answer, "cohort:2024-01-01/5"), Some(2000.0));
    assert_eq!(value_of(&answer, "cohort:2024-01-08/3"), Some(2000.0));
    assert_eq!(value_of(&answer, "cohort:2024-01-08/4"), Some(1500.0), "the refund is in the fourth week after");
    assert_eq!(answer.counts("cohort:2024-01-29"), (1, 1, 1));
    let quarter = shop().ask(&Value, json!({"cohort": "quarter", "periods": 0}));
    assert_eq!((quarter.counts("cohort:2024-01-01"), value_of(&quarter, "period:0")), ((3, 3, 3), None));
    // 2024-01-01T03:00Z is still 2023 in New York.
    let mut world = Accounts::draw("", "ana: order@3h{revenue_cents=5}\nbob: visit@40d");
    world.zone = parse_zone("America/New_York").unwrap();
    assert_eq!(value_of(&world.ask(&Value, json!({})), "cohort:2023-12-01/0"), Some(5.0));
}

#[test]
fn a_repeat_is_a_later_purchase_in_time() {
    let repeat = |journeys: &str| {
        let mut world = Accounts::draw("", journeys);
        world.observed_until_us = START_US + 50 * DAY_US;
        let answer = world.ask(&Value, json!({"repeat_within": "10d"}));
        (answer.counts("repeat"), answer.cell("repeat").flags.contains(&"immature_cohort"))
    };
    assert_eq!(repeat("ana: order@0s{revenue_cents=5} order@10d{revenue_cents=5}"), ((1, 1, 1), false));
    assert_eq!(repeat("ana: order@0s{revenue_cents=5} order@10d1ms{revenue_cents=5}"), ((0, 1, 0), false));
    assert_eq!(repeat("ana: order@0s{revenue_cents=5} order@0s{revenue_cents=9}"), ((0, 1, 0), false), "one purchase in two rows");
    assert_eq!(repeat("ana: order@0s{revenue_cents=5} refund@1d{revenue_cents=-5}"), ((0, 1, 0), false));
    assert_eq!(repeat("ana: order@40d{revenue_cents=5} order@41d{revenue_cents=5}"), ((1, 1, 1), false));
    assert_eq!(repeat("ana: order@41d{revenue_cents=5} order@42d{revenue_cents=5}"), ((0, 0, 0), true), "not observed for so long");
}

#[test]
fn rows_that_are_admitted_decide() {
    let mut world = Accounts::draw(
        "",
        "
        ana: order@3d{revenue_cents=1000,device=web} order@40d{revenue_cents=3000,device=phone}
        bob: order@10d{revenue_cents=2000,device=web} refund@35d{revenue_cents=-500,device=phone}
        cem: visit@5d{device=web}
        dan: order@33d{revenue_cents=700,device=phone} refund@34d{revenue_cents=-700,device=phone}
        ",
    );
    world.observed_until_us = START_US + 70 * DAY_US;
    let answer = world.ask_where(&Value, json!({}), "device = 'phone'");
    assert_eq!((value_of(&answer, "net_cents"), answer.counts("accounts")), (Some(2500.0), (3, 3, 3)));
    assert_eq!(answer.counts("paying"), (1, 3, 1), "Bob got money back and Dan all of it");
    assert_eq!(answer.counts("buyers"), (1, 1, 1), "only Dan first paid by phone");
    let web = world.ask_where(&Value, json!({}), "device = 'web'");
    assert_eq!(value_of(&web, "cohort:2024-01-01/1"), Some(2750.0), "what came later is in the curve, on whatever device");
}

#[test]
fn margin_is_shown_only_where_the_spec_says_what_it_is() {
    let world = Accounts::draw("currency: EUR", "ana: order@0s{revenue_cents=500,margin_cents=200}");
    let answer = world.ask(&Value, json!({}));
    assert_eq!(value_of(&answer, "net_cents"), Some(500.0));
    assert!(!answer.cells.iter().any(|cell| cell.id.starts_with("margin")));
    assert!(world.refuse(&Value, json!({"money": "margin"})).contains("margin:"));
}

#[test]
fn questions_are_checked() {
    let world = Accounts::draw("", "ana: order@0s{revenue_cents=5}");
    for (params, hint) in [
        (json!({"periods": 401}), "0 to 400"),
        (json!({"repeat_within": "soon"}), "not a duration"),
        (json!({"money": "margin"}), "margin:"),
        (json!({"cohort": "day"}), "quarter"),
    ] {
        let error = world.refuse(&Value, params);
        assert!(error.contains(hint), "{error}");
    }
    let poor = Accounts::draw("", "ana: visit@0s");
    assert!(poor.refuse(&Value, json!({})).contains("value_cents"));
}

/// Random accounts: visits, orders and refunds on some days, by phone or web.
fn any_world() -> impl Strategy<Value = World> {
    let row = (0..400_i64, 0..3_usize, -3..9_i64, 0..3_usize).prop_map(|(quarter_day, name, euros, device)| {
        let mut properties = vec![("device".into(), ["phone", "web", "tv"][device].into())];
        if name > 0 {
            properties.push(("revenue_cents".into(), (euros * 100).to_string()));
        }
        (START_US + quarter_day * DAY_US / 4, ["visit", "order", "refund"][name], properties)
    });
    proptest::collection::vec(proptest::collection::vec(row, 1..9), 1..8).prop_map(|accounts| {
        let mut rows = Vec::new();
        for (idx, drawn) in accounts.into_iter().enumerate() {
            for (tie, (time_us, name, properties)) in (0..).zip(drawn) {
                rows.push(Row { actor: format!("a{idx}"), time_us, tie, name: name.into(), interactive: true, properties });
            }
        }
        // The columns that the question needs exist even in small worlds.
        let extra = World::parse("zoe: order@0s{revenue_cents=0,device=tv}").unwrap();
        rows.extend_from_slice(extra.rows());
        World::new(rows, CodeOrder::Arrival)
    })
}

/// Counts by the definition in UTC and months of the first half of 2024: number and sum per cell.
fn oracle(world: &World, observed_until_us: i64) -> BTreeMap<String, (u64, i64)> {
    const FIRST_DAYS: [i64; 7] = [0, 31, 60, 91, 121, 152, 182];
    let month = |time_us: i64| {
        let day = (time_us - START_US).div_euclid(DAY_US);
        FIRST_DAYS.iter().rposition(|first| *first <= day).unwrap()
    };
    let mut accounts: BTreeMap<&str, Vec<(i64, u64, i64)>> = BTreeMap::new();
    for row in world.rows() {
        let cents = row.properties.iter().find(|(name, _)| name == "revenue_cents").map_or(0, |(_, cents)| cents.parse().unwrap());
        accounts.entry(&row.actor).or_default().push((row.time_us, row.tie, cents));
    }
    let mut cells: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    let mut add = |id: &str, n: u64, cents: i64| {
        let cell = cells.entry(id.into()).or_default();
        (cell.0, cell.1) = (cell.0 + n, cell.1 + cents);
    };
    for rows in accounts.values_mut() {
        rows.sort_unstable();
        let net: i64 = rows.iter().map(|row| row.2).sum();
        add("per_account_cents", 1, net);
        add("net_cents", rows.iter().filter(|row| row.2 != 0).count() as u64, net);
        let refunds = rows.iter().map(|row| row.2).filter(|cents| *cents < 0);
        add("refunds_cents", refunds.clone().count() as u64, refunds.sum());
        if net > 0 {
            add("per_payer_cents", 1, net);
        }
        let Some(first) = rows.iter().position(|row| row.2 > 0) else { continue };
        add("buyers", 1, 0);
        let first_us = rows[first].0;
        if first_us + 30 * DAY_US <= observed_until_us {
            let again = rows.iter().any(|row| row.2 > 0 && row.0 > first_us && row.0 <= first_us + 30 * DAY_US);
            add("repeat", 1, i64::from(again));
        }
        for k in 0..4 {
            if month(first_us) + k < month(observed_until_us) {
                let money: i64 = rows[first..].iter().filter(|row| month(row.0) <= month(first_us) + k).map(|row| row.2).sum();
                add(&format!("period:{k}"), 1, money);
                add(&format!("cohort:{}/{k}", ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"][month(first_us)]), 1, money);
            }
        }
    }
    cells
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn cells_agree_with_the_definition(world in any_world(), more_days in 0..60_i64) {
        let mut accounts = Accounts::of("", world);
        accounts.observed_until_us = (accounts.observed_until_us + more_days * DAY_US).max(START_US + 20 * DAY_US);
        let answer = accounts.ask(&Value, json!({"periods": 3, "repeat_within": "30d"}));
        let expected = oracle(&accounts.world, accounts.observed_until_us);
        for cell in &answer.cells {
            let (n, cents) = expected.get(&cell.id).copied().unwrap_or_default();
            match cell.id.split(':').next().unwrap() {
                "per_account_cents" | "per_payer_cents" | "period" => {
                    prop_assert_eq!((cell.n, cell.value), (n, (n > 0).then(|| cents as f64 / n as f64)), "{}", cell.id);
                }
                "cohort" if cell.id.contains('/') => {
                    prop_assert_eq!((cell.n, cell.value), (n, (n > 0).then(|| cents as f64 / n as f64)), "{}", cell.id);
                }
                "net_cents" | "refunds_cents" => prop_assert_eq!((cell.n, cell.value), (n, Some(cents as f64)), "{}", cell.id),
                "buyers" => prop_assert_eq!(cell.n, n),
                "repeat" => prop_assert_eq!((cell.n, cell.x), (n, Some(cents as u64))),
                _ => {}
            }
        }
        let shown = |id: &String| answer.cells.iter().any(|cell| cell.id == *id);
        prop_assert!(expected.keys().all(shown), "a cell is missing: {:?}", expected.keys().find(|id| !shown(id)));
    }

    #[test]
    fn laws_hold(world in any_world()) {
        let accounts = Accounts::of("", world);
        for params in [json!({}), json!({"since": "first_seen", "cohort": "week", "periods": 2}), json!({"repeat_within": "3d"})] {
            accounts.check_laws(&Value, &params, "device");
        }
    }
}
