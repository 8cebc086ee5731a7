//! Contact drawn by hand, a naive oracle and the laws for channels.

use std::collections::{BTreeMap, BTreeSet};

use diptych_event::time::DAY_US;
use diptych_testkit::{CodeOrder, Row, START_US, World};
use proptest::prelude::*;
use serde_json::json;

use super::Channels;
use crate::ops::testing::accounts::Accounts;

const SPEC: &str = "
channels:
  - { name: shop, where: x, offline: true, owner: { department: Sales, person: Eva } }
  - { name: maps, where: x, owner: { department: Marketing } }
  - { name: mail, where: x }
stages:
  - { name: aware, enter: visit }
  - { name: bought, enter: order, leave: refund }
";

fn town() -> Accounts {
    Accounts::draw(
        SPEC,
        "
        ana: visit@0s{touchpoint=maps} visit@1d{touchpoint=mail} visit@2d{touchpoint=maps} order@10d{touchpoint=shop,revenue_cents=1000}
        bob: visit@20d{touchpoint=mail} order@100d{revenue_cents=3000} refund@101d order@102d{revenue_cents=500}
        cem: visit@99d{touchpoint=maps} order@100d{revenue_cents=500}
        dan: visit@5d
        zoe: visit@150d{touchpoint=fax}
        ",
    )
}

#[test]
fn touchpoints_are_counted_per_channel() {
    let answer = town().ask(&Channels, json!({}));
    for (id, x, n, people) in [
        ("accounts", 5, 5, 5),
        ("touched", 4, 5, 4),
        ("touchpoints", 7, 7, 4),
        ("touchpoints:shop", 1, 1, 1),
        ("touched:shop", 1, 5, 1),
        ("touchpoints:maps", 3, 3, 2),
        ("touched:maps", 2, 5, 2),
        ("touchpoints:mail", 2, 2, 2),
        ("unlisted", 1, 1, 1),
    ] {
        assert_eq!(answer.counts(id), (x, n, people), "{id}");
    }
    assert!(answer.cell("touched:shop").label.ends_with("shop (offline, Sales: Eva)"));
    assert!(answer.cell("touched:maps").label.ends_with("maps (online, Marketing)"));
    assert!(answer.cell("touched:mail").label.ends_with("mail (online)"));
    let quiet = Accounts::draw(SPEC, "ana: visit@0s").ask(&Channels, json!({}));
    assert_eq!((quiet.counts("touched:shop"), quiet.counts("touchpoints:shop")), ((0, 1, 0), (0, 0, 0)));
    assert!(!quiet.cells.iter().any(|cell| cell.id == "unlisted" || cell.id == "purchases"));
}

#[test]
fn contact_before_a_stage_is_within_the_lookback() {
    let answer = town().ask(&Channels, json!({}));
    // Bob's mail was 80 days before his first order, Cem's map one day before.
    for (id, x) in [
        ("before:shop", 1),
        ("before:maps", 2),
        ("before:mail", 2),
        ("first:maps", 2),
        ("first:mail", 1),
        ("first:shop", 0),
        ("last:shop", 1),
        ("last:maps", 1),
        ("last:mail", 1),
        ("untouched", 0),
    ] {
        assert_eq!(answer.counts(id), (x, 3, x), "{id}");
    }
    assert_eq!((answer.cell("before_touchpoints").value, answer.cell("before_channels").value), (Some(1.0), Some(1.0)));
    assert_eq!(answer.cell("before:shop").flags, ["low_n", "clipped"], "for Ana the data begins within the lookback");
    let closer = town().ask(&Channels, json!({"lookback": "8d"}));
    assert_eq!((closer.counts("before:maps"), closer.counts("before:mail"), closer.counts("untouched")), ((2, 3, 2), (0, 3, 0), (1, 3, 1)));
    assert_eq!(closer.cell("before:shop").flags, ["low_n"]);
    let just = town().ask(&Channels, json!({"lookback": "7d23h"}));
    assert_eq!(just.counts("before:maps"), (1, 3, 1), "eight days before is too early");
    let aware = town().ask(&Channels, json!({"stage": "aware", "lookback": "0s"}));
    assert_eq!((aware.counts("entered"), aware.counts("before:maps"), aware.counts("untouched")), ((5, 5, 5), (2, 5, 2), (1, 5, 1)));
}

#[test]
fn only_the_first_entering_counts() {
    assert_eq!(town().ask(&Channels, json!({})).counts("entered"), (3, 3, 3), "Bob was lost and came again");
    let who = Accounts::draw(SPEC, "bob: order@0s refund@1d visit@2d{touchpoint=mail} order@3d").ask(&Channels, json!({}));
    assert_eq!((who.counts("entered"), who.counts("untouched")), ((1, 1, 1), (1, 1, 1)), "won back is not first");
}

#[test]
fn purchases_look_back_too() {
    let answer = town().ask(&Channels, json!({}));
    assert_eq!(answer.counts("purchases"), (4, 4, 3));
    assert_eq!(answer.counts("purchases:mail"), (3, 4, 2), "both of Bob's");
    assert_eq!((answer.counts("purchases:maps"), answer.counts("purchases_untouched")), ((2, 4, 2), (0, 4, 0)));
    for (id, value) in [("revenue:mail", 0.9), ("revenue:maps", 0.3), ("revenue:shop", 0.2), ("revenue_untouched", 0.0)] {
        assert!((answer.cell(id).value.unwrap() - value).abs() < 1e-12, "{id}");
    }
    // Of 1000, 3500 and 500 Ana's and Bob's: share 0.9, residuals 100, 350 and −450.
    let cell = answer.cell("revenue:mail");
    let se = (3.0 * (100_f64.powi(2) + 350_f64.powi(2) + 450_f64.powi(2)) / 2.0).sqrt() / 5000.0;
    assert!((cell.lo.unwrap() - (0.9 - 1.959963984540054 * se)).abs() < 1e-12 && cell.hi == Some(1.0), "{cell:?}");
    assert_eq!((cell.people, cell.n, answer.cell("purchases:mail").flags.as_slice()), (2, 4, ["low_n", "clustered", "clipped"].as_slice()));
    let closer = town().ask(&Channels, json!({"lookback": "81d"}));
    assert_eq!(closer.counts("purchases_untouched"), (1, 4, 1), "82 days after the mail");
    assert!((closer.cell("revenue_untouched").value.unwrap() - 0.1).abs() < 1e-12);
}

#[test]
fn rows_of_one_instant_are_in_touch_whatever_their_order() {
    let order = |rows: &str| Accounts::draw(SPEC, &format!("ana: {rows}")).ask(&Channels, json!({"lookback": "0s"}));
    for rows in ["order@1d{revenue_cents=5} visit@1d{touchpoint=shop}", "visit@1d{touchpoint=shop} order@1d{revenue_cents=5}"] {
        let answer = order(rows);
        assert_eq!((answer.counts("purchases:shop"), answer.counts("before:shop")), ((1, 1, 1), (1, 1, 1)), "{rows}");
    }
}

#[test]
fn questions_are_checked() {
    let error = town().refuse(&Channels, json!({"stage": "bougt"}));
    assert!(error.contains("did you mean \"bought\""), "{error}");
    assert!(town().refuse(&Channels, json!({"lookback": "soon"})).contains("not a duration"));
    let journeys = "ana: visit@0s{touchpoint=shop} order@1d{revenue_cents=5}";
    let none = Accounts::draw("", journeys).refuse(&Channels, json!({}));
    assert!(none.contains("channels: ["), "{none}");
    let no_stages = Accounts::draw("channels: [{ name: shop, where: x }]", journeys);
    assert!(no_stages.refuse(&Channels, json!({"stage": "bought"})).contains("stages"));
    let answer = no_stages.ask(&Channels, json!({}));
    assert_eq!(answer.counts("purchases:shop"), (1, 1, 1));
    assert!(!answer.cells.iter().any(|cell| cell.id == "entered"));
}

fn any_world() -> impl Strategy<Value = World> {
    let row = (0..60_i64, 0..4_usize, 0..6_usize, 1..20_i64, 0..2_usize);
    proptest::collection::vec(proptest::collection::vec(row, 0..10), 1..8).prop_map(|accounts| {
        let mut rows = Vec::new();
        for (idx, drawn) in accounts.into_iter().enumerate() {
            for (tie, (day, name, touchpoint, cents, device)) in (0..).zip(drawn) {
                let mut properties = vec![("device".into(), ["phone", "web"][device].into())];
                let channel = ["shop", "maps", "mail", "fax"].get(touchpoint);
                properties.extend(channel.map(|channel| ("touchpoint".into(), (*channel).into())));
                properties.extend((name == 1).then(|| ("revenue_cents".into(), cents.to_string())));
                let name = ["visit", "order", "refund", "note"][name].into();
                rows.push(Row { actor: format!("a{idx}"), time_us: START_US + day * DAY_US, tie, name, interactive: true, properties });
            }
        }
        let extra = World::parse("zoe: note@0s{device=web} order@30d{revenue_cents=7,touchpoint=maps,device=web} refund@31d visit@32d");
        rows.extend_from_slice(extra.unwrap().rows());
        World::new(rows, CodeOrder::Arrival)
    })
}

/// A row as the oracle reads it: instant, tie, name, touchpoint, revenue in minor units.
type Told<'a> = (i64, u64, &'a str, Option<&'a str>, i64);

/// Counts by the definition: what holds for each account, and what is added up over purchases.
fn oracle(world: &World, lookback_us: i64) -> BTreeMap<String, i64> {
    let mut accounts: BTreeMap<&str, Vec<Told>> = BTreeMap::new();
    for row in world.rows() {
        let property = |wanted: &str| row.properties.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let cents = property("revenue_cents").map_or(0, |cents| cents.parse().unwrap());
        accounts.entry(&row.actor).or_default().push((row.time_us, row.tie, &row.name, property("touchpoint"), cents));
    }
    let mut cells: BTreeMap<String, i64> = BTreeMap::new();
    for rows in accounts.values_mut() {
        rows.sort_unstable();
        let mut add = |id: String, x: i64| *cells.entry(id).or_default() += x;
        for channel in rows.iter().filter_map(|row| row.3).collect::<BTreeSet<_>>() {
            add(format!("touched:{channel}"), 1);
        }
        let before =
            |until_us: i64| rows.iter().filter(move |row| (until_us - lookback_us..=until_us).contains(&row.0)).filter_map(|row| row.3);
        if let Some(entered) = rows.iter().find(|row| row.2 == "order") {
            let met: Vec<&str> = before(entered.0).collect();
            add("entered".into(), 1);
            add("untouched".into(), i64::from(met.is_empty()));
            met.iter().collect::<BTreeSet<_>>().into_iter().for_each(|channel| add(format!("before:{channel}"), 1));
            met.first().into_iter().for_each(|channel| add(format!("first:{channel}"), 1));
            met.last().into_iter().for_each(|channel| add(format!("last:{channel}"), 1));
        }
        for row in rows.iter().filter(|row| row.4 > 0) {
            let met: BTreeSet<&str> = before(row.0).collect();
            add("purchases".into(), 1);
            add("cents".into(), row.4);
            add("purchases_untouched".into(), i64::from(met.is_empty()));
            add("cents_untouched".into(), if met.is_empty() { row.4 } else { 0 });
            for channel in met {
                add(format!("purchases:{channel}"), 1);
                add(format!("cents:{channel}"), row.4);
            }
        }
    }
    cells
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn cells_agree_with_the_definition(world in any_world(), days in 0..40_i64) {
        let answer = Accounts::of(SPEC, world.clone()).ask(&Channels, json!({"lookback": format!("{days}d")}));
        let expected = oracle(&world, days * DAY_US);
        let of = |id: &str| expected.get(id).copied().unwrap_or(0);
        for cell in &answer.cells {
            let (kind, channel) = cell.id.split_once(':').unwrap_or((&cell.id, ""));
            match kind {
                "touched" if !channel.is_empty() => prop_assert_eq!(cell.x, Some(of(&cell.id) as u64), "{}", cell.id),
                "before" | "first" | "last" | "untouched" => {
                    prop_assert_eq!((cell.x, cell.n), (Some(of(&cell.id) as u64), of("entered") as u64), "{}", cell.id);
                }
                "purchases" if channel.is_empty() => prop_assert_eq!(cell.n, of("purchases") as u64),
                "purchases" | "purchases_untouched" => {
                    prop_assert_eq!((cell.x, cell.n), (Some(of(&cell.id) as u64), of("purchases") as u64), "{}", cell.id);
                }
                "revenue" | "revenue_untouched" => {
                    let cents = of(&cell.id.replace("revenue", "cents"));
                    prop_assert_eq!(cell.value, Some(cents as f64 / of("cents") as f64), "{}", cell.id);
                }
                _ => {}
            }
        }
        prop_assert!(answer.cells.len() > 20);
    }

    #[test]
    fn laws_hold(world in any_world()) {
        let accounts = Accounts::of(SPEC, world);
        for params in [json!({}), json!({"stage": "aware", "lookback": "3d"})] {
            accounts.check_laws(&Channels, &params, "device");
            accounts.check_laws(&Channels, &params, "touchpoint");
        }
    }
}
