//! The variance of a product, and a naive oracle for drop-offs.

use diptych_event::time::DAY_US;
use diptych_testkit::{Row, World, generate_accounts};
use proptest::prelude::*;
use serde_json::json;

use super::DropOffs;
use super::kernel::*;
use crate::ops::asking::ACCOUNT_SPEC;
use crate::ops::stages::tests::{STAGES, ask_accounts, complete, refusal, timelines, told};

fn money(values: &[i128]) -> Money {
    let mut money = Money::default();
    values.iter().for_each(|cents| money.add(*cents));
    money
}

#[test]
fn means_and_their_variance_come_from_exact_sums() {
    let some = money(&[4000, 1500]);
    assert_eq!((some.mean_cents(), some.variance_of_mean()), (Some(2750.0), Some(1_562_500.0)));
    assert_eq!((money(&[]).mean_cents(), money(&[7]).variance_of_mean()), (None, None));
    assert_eq!(money(&[-300, -300, -300]).variance_of_mean(), Some(0.0));
    // Far from zero, where sums of floating-point numbers would lose the spread.
    let far = 1_i128 << 60;
    assert_eq!(money(&[far - 1, far, far + 1]).variance_of_mean(), Some(1.0 / 3.0));
    let mut merged = money(&[1, 2]);
    merged.merge(&money(&[3]));
    assert_eq!(merged, money(&[3, 1, 2]));
}

// METRICS 3.4: Var = N²[V̄²Var(τ) + τ²Var(V̄) + Var(τ)Var(V̄)], by hand for N = 4, τ = 1/4, V̄ = 2750, Var(V̄) = 1 562 500.
#[test]
fn the_product_has_goodmans_variance() {
    assert_eq!(product_variance(4, 0.25, 2750.0, 1_562_500.0), 8_406_250.0);
    // Goodman's variance is exact for independent factors: all outcomes of x of 2 coins times the mean 1 or 3.
    let outcomes = [0.0, 1.0, 1.0, 2.0].iter().flat_map(|x| [1.0, 3.0].map(|mean| x * mean));
    let mean = outcomes.clone().sum::<f64>() / 8.0;
    let variance = outcomes.map(|value| (value - mean).powi(2)).sum::<f64>() / 8.0;
    assert_eq!(product_variance(2, 0.5, 2.0, 1.0), variance);
}

#[test]
fn money_is_revenue_where_the_spec_does_not_say_what_margin_is() {
    let world = World::parse(
        "ana: visit@0s order@1d{revenue_cents=4000,margin_cents=1000,device=web}
         bob: newsletter@200d survey@201d",
    )
    .unwrap();
    let answer = ask_accounts(&complete(world), &DropOffs, json!({"value_within": "60d"}));
    let value = answer.cells.iter().find(|cell| cell.id == "drop:awareness→consideration:value_cents").unwrap();
    assert_eq!(value.value, Some(4000.0));
}

#[test]
fn the_interval_of_money_at_stake_is_goodmans() {
    let world = World::parse(
        "ana: visit@0s order@1d{revenue_cents=4000,device=web}
         bob: visit@0s order@1d{revenue_cents=1500,device=web}
         cem: visit@0s order@30d{revenue_cents=1,device=web}
         dan: visit@0s order@1d{device=web} refund@70d{revenue_cents=-1}
         eva: visit@0s newsletter@200d survey@201d",
    )
    .unwrap();
    let answer = ask_accounts(&complete(world), &DropOffs, json!({"value_within": "60d"}));
    let cell = |what: &str| answer.cells.iter().find(|cell| cell.id == format!("drop:awareness→consideration:{what}")).unwrap();
    assert_eq!((cell("lost").n, cell("advanced").n, cell("value_cents").n), (2, 3, 3), "cem and eva were lost after 20 days");
    assert_eq!(cell("value_cents").value, Some(5500.0 / 3.0), "dan's value is 0");
    let of = money(&[4000, 1500, 0]);
    let deviation = product_variance(5, 0.4, 5500.0 / 3.0, of.variance_of_mean().unwrap()).sqrt();
    let stake = cell("at_stake_cents");
    assert!((stake.hi.unwrap() - stake.lo.unwrap() - 2.0 * crate::stats::Z_95 * deviation).abs() < 1e-6);
    assert_eq!((stake.value, stake.method), (Some(11000.0 / 3.0), Some("goodman")));
}

#[test]
fn questions_are_checked() {
    assert!(refusal("format: 1", &DropOffs, json!({})).contains("`stages:`"));
    assert!(refusal(ACCOUNT_SPEC, &DropOffs, json!({"value_within": "soon"})).contains("value_within"));
}

#[test]
fn without_money_there_are_no_money_cells() {
    let world = World::parse("ana: visit@0s order@1d{device=web}").unwrap();
    let answer = ask_accounts(&world, &DropOffs, json!({}));
    assert_eq!(answer.cells.len(), 3 * 6, "three stages are neither final nor the last");
    assert!(answer.who("drop:awareness→consideration:value_cents").is_none());
}

fn cents(row: &Row) -> i128 {
    row.properties.iter().find(|(name, _)| name == "revenue_cents").map_or(0, |(_, cents)| cents.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cells_agree_with_the_definition(seed in 0..100_000_u64, within_days in 1..40_i64, value_days in 0..50_i64) {
        let world = complete(generate_accounts(seed));
        let until_us = world.last_us();
        let params = json!({"within": format!("{within_days}d"), "value_within": format!("{value_days}d")});
        let answer = ask_accounts(&world, &DropOffs, params);
        for stage in 0..3 {
            let (mut at_risk, mut advanced, mut lost, mut lost_within) = (0, 0, 0, 0);
            let mut values = Vec::new();
            for rows in timelines(&world).values() {
                let Some(stay) = told(rows, until_us).into_iter().find(|stay| stay.stage == stage) else { continue };
                at_risk += 1;
                lost += u64::from(stay.lost);
                lost_within += u64::from(stay.lost && stay.until_us - stay.from_us <= within_days * DAY_US);
                if stay.moved.is_some() {
                    advanced += 1;
                    let end_us = stay.until_us + value_days * DAY_US;
                    let after = &rows[stay.ended_row.unwrap()..];
                    let value: i128 = after.iter().filter(|row| row.time_us <= end_us).map(|row| cents(row)).sum();
                    values.extend((end_us <= until_us).then_some(value));
                }
            }
            let title = format!("drop:{}→{}", STAGES[stage], STAGES[stage + 1]);
            let cell = |what: &str| answer.cells.iter().find(|cell| cell.id == format!("{title}:{what}")).unwrap();
            prop_assert_eq!((cell("at_risk").n, cell("advanced").n, cell("lost").n), (at_risk, advanced, lost));
            prop_assert_eq!(cell("open").n, at_risk - advanced - lost);
            prop_assert_eq!((cell("rate").x, cell("rate").n), (Some(lost), advanced + lost));
            prop_assert_eq!((cell("incidence").n, cell("incidence").people), (at_risk, lost_within));
            prop_assert_eq!(cell("value_cents").n, values.len() as u64);
            let mean = (!values.is_empty()).then(|| values.iter().sum::<i128>() as f64 / values.len() as f64);
            prop_assert_eq!(cell("value_cents").value, mean);
            prop_assert_eq!(cell("at_stake_cents").value, mean.map(|mean| lost as f64 * mean));
            prop_assert_eq!(cell("rate").flags.contains(&"immature_cohort"), at_risk > advanced + lost);
        }
    }
}
