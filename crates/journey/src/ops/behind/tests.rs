//! Published vectors and guarantees of what is behind a drop-off.

use std::collections::BTreeMap;
use std::sync::Arc;

use diptych_event::Spec;
use diptych_event::time::{DAY_US, HOUR_US, SECOND_US};
use diptych_testkit::{CodeOrder, Row, START_US, World};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Behind;
use super::estimate::{Cohort, Pattern};
use crate::ops::asking::{Answer, Question, ask};
use crate::ops::stages::tests::refusal;
use crate::seam::Cell;

const SPEC: &str = "format: 1
stages:
  - { name: trial, enter: signup, leave: cancel }
  - { name: paid, enter: buy }
";

/// Adds `n` accounts of one stratum that meet something 10 seconds after entry, or nothing, and are lost or go on a day later.
fn add(rows: &mut Vec<Row>, n: usize, stratum: &str, met: Option<&str>, lost: bool) {
    for _ in 0..n {
        let actor = format!("a{:06}", rows.len());
        let mut row = |offset_us: i64, name: &str| {
            let properties = vec![("stratum".to_owned(), stratum.to_owned())];
            let row = Row { actor: actor.clone(), time_us: START_US + offset_us, tie: 0, name: name.into(), interactive: true, properties };
            rows.push(row);
        };
        row(0, "signup");
        met.into_iter().for_each(|met| row(10 * SECOND_US, met));
        row(DAY_US, if lost { "cancel" } else { "buy" });
    }
}

fn answer(rows: Vec<Row>, params: Value) -> Answer {
    let mut question = Question::new(&Behind, params);
    question.spec = Arc::new(Spec::parse(SPEC).unwrap());
    ask(&World::new(rows, CodeOrder::Arrival), &question).unwrap()
}

#[track_caller]
fn cell<'a>(answer: &'a Answer, id: &str) -> &'a Cell {
    answer.cells.iter().find(|cell| cell.id == id).unwrap_or_else(|| panic!("no cell {id}"))
}

#[track_caller]
fn close(actual: Option<f64>, expected: f64) {
    let actual = actual.expect("a value");
    assert!((actual - expected).abs() < 1e-9, "{actual} against {expected}");
}

// METRICS 3.3, worked vector.
#[test]
fn one_step_agrees_with_the_published_table() {
    let mut rows = Vec::new();
    for (n, device, met, lost) in [
        (50, "mobile", Some("friction:form"), true),
        (10, "mobile", Some("friction:form"), false),
        (60, "mobile", None, true),
        (80, "mobile", None, false),
        (10, "desktop", Some("friction:form"), true),
        (10, "desktop", Some("friction:form"), false),
        (30, "desktop", None, true),
        (250, "desktop", None, false),
    ] {
        add(&mut rows, n, device, met, lost);
    }
    let answer = answer(rows, json!({"stage": "trial", "strata": ["stratum"]}));
    let main = cell(&answer, "signal:friction:form");
    close(main.value, 0.4017857142857143);
    assert!(main.lo.unwrap() <= 0.292859575 && main.hi.unwrap() >= 0.510711967, "as wide as with the sizes of strata given: {main:?}");
    assert_eq!(main.flags, ["confounded", "e1"]);
    assert!(main.label.starts_with("After adjusting for step, stratum, friction:form is associated with 40.2 points more accounts lost"));
    let other = cell(&answer, "signal:friction:form:mantel_haenszel");
    close(other.value, 0.401098901098901);
    close(other.lo, 0.29085805348849336);
    close(other.hi, 0.5113397487093088);
    close(cell(&answer, "signal:friction:form:crude").value, 0.5357142857142857);
    close(cell(&answer, "signal:friction:form:unstratified").value, 0.5357142857142857);
    close(cell(&answer, "signal:friction:form:exposed").value, 0.75);
    close(cell(&answer, "signal:friction:form:comparison").value, 0.3482142857142857);
    for id in ["signal:friction:form:lost", "signal:friction:form:share", "named:lost", "all:lost"] {
        close(cell(&answer, id).value, 32.142857142857146);
    }
}

// METRICS 3.5: Berkeley, departments as strata.
#[test]
fn a_reversal_is_told_and_not_named() {
    let mut rows = Vec::new();
    let departments =
        [(512, 825, 89, 108), (353, 560, 17, 25), (120, 325, 202, 593), (138, 417, 131, 375), (53, 191, 94, 393), (22, 373, 24, 341)];
    for (department, (x1, n1, x0, n0)) in ["a", "b", "c", "d", "e", "f"].into_iter().zip(departments) {
        for (n, met, lost) in [(x1, true, true), (n1 - x1, true, false), (x0, false, true), (n0 - x0, false, false)] {
            add(&mut rows, n, department, met.then_some("friction:male"), lost);
        }
    }
    let answer = answer(rows, json!({"stage": "trial", "strata": ["stratum"]}));
    close(cell(&answer, "signal:friction:male:crude").value, 0.445_187_662_734_299_15 - 0.303_542_234_332_425_07);
    let main = cell(&answer, "signal:friction:male");
    assert!(main.value.unwrap() < 0.0, "{main:?}");
    for flag in ["simpson_reversal", "confounded", "heterogeneous", "e0"] {
        assert!(main.flags.contains(&flag), "{flag} in {:?}", main.flags);
    }
}

/// The world of METRICS 3.2 as exact numbers of accounts, of 10¹⁰: five steps, lost at each with 0.2, friction at each with 0.1.
fn immortal() -> (Cohort, [u64; 4]) {
    let mut counts: BTreeMap<Pattern, u64> = BTreeMap::new();
    let mut cross = [0; 4];
    for frictions in 0..1_u32 << 5 {
        let met_before = |step: usize| (frictions & ((1 << step) - 1)).count_ones();
        for reached in 1..=6_usize {
            // Lost at step `reached`, or through after 5; frictions at steps beyond do not happen.
            let n_steps = reached.min(5);
            if frictions >> n_steps != 0 {
                continue;
            }
            let n_met = met_before(n_steps);
            let tenths = |base: u64, n: u32| base.pow(n);
            let going = if reached == 6 { tenths(8, 5) } else { tenths(8, reached as u32 - 1) * 2 };
            let left = 10_u64.pow(10 - n_steps as u32 * 2);
            let n = going * tenths(9, n_steps as u32 - n_met) * left;
            let lost = reached < 6;
            cross[usize::from(frictions != 0) * 2 + usize::from(lost)] += n;
            let states = (0..n_steps as u16).collect();
            let met = (frictions != 0).then(|| (0, frictions.trailing_zeros())).into_iter().collect();
            *counts.entry(Pattern { stratum: 0, states, met, lost }).or_default() += n;
        }
    }
    (Cohort::of_counts(5, counts), cross)
}

// METRICS 3.2.
#[test]
fn a_friction_without_effect_has_none_where_the_cross_tab_says_it_helps() {
    let (cohort, [kept, lost, met_kept, met_lost]) = immortal();
    assert_eq!(kept + lost + met_kept + met_lost, 10_u64.pow(10));
    close(Some(met_kept as f64 / (kept + met_kept) as f64), 0.40951);
    close(Some(met_lost as f64 / (lost + met_lost) as f64), 0.22883510709);
    close(Some(met_kept as f64 * lost as f64 / (met_lost as f64 * kept as f64)), 2.337096049);
    let comparison = cohort.compare(&[true]);
    assert_eq!(comparison.n_exposed, comparison.n);
    let difference = comparison.difference().unwrap();
    assert!(difference.value.abs() < 1e-12, "{difference:?}");
    assert!(comparison.tables().mantel_haenszel_difference().unwrap().value.abs() < 1e-12);
}

#[test]
fn what_the_comparison_meets_later_does_not_hide_an_effect() {
    // Two steps; whoever meets the friction at either is lost, nobody else is. Half of those at each step meet it.
    let pattern = |states: &[u16], met: &[(u16, u32)], lost| Pattern { stratum: 0, states: states.into(), met: met.into(), lost };
    let counts = [(pattern(&[0], &[(0, 0)], true), 100), (pattern(&[0, 1], &[(0, 1)], true), 50), (pattern(&[0, 1], &[], false), 50)];
    let comparison = Cohort::of_counts(2, counts.into()).compare(&[true]);
    assert_eq!((comparison.n, comparison.lost, comparison.expected), (150, 150, 0.0), "all of it, at both steps");
    // Half of the comparison at the first step was lost too, so a cut that ignores why would find only half there.
    assert!(comparison.tables().difference_among_exposed().unwrap().value < 0.7);
}

#[test]
fn accounts_with_the_same_member_count_as_one_in_errors() {
    let rows = |shared: bool| {
        let pattern = |met: bool, lost| Pattern { stratum: 0, states: vec![0], met: if met { vec![(0, 0)] } else { vec![] }, lost };
        let key = move |idx: usize| if shared { format!("{}", idx / 2) } else { format!("{idx}") };
        (0..400).map(move |idx| (key(idx), pattern(idx < 100, (idx / 2) % 2 == 0))).collect::<Vec<_>>()
    };
    let se = |shared: bool| Cohort::new(1, rows(shared).into_iter()).compare(&[true]).se;
    let ratio = se(true) / se(false);
    assert!((ratio - 2_f64.sqrt()).abs() < 0.01, "each pair says the same thing twice: {ratio}");
}

#[test]
fn what_has_nobody_to_be_compared_with_is_left_out() {
    let mut rows = Vec::new();
    add(&mut rows, 40, "phone", Some("friction:outage"), true);
    add(&mut rows, 4, "phone", None, false);
    add(&mut rows, 10, "web", Some("friction:outage"), true);
    add(&mut rows, 10, "web", None, true);
    let answer = answer(rows, json!({"stage": "trial", "strata": ["stratum"]}));
    let main = cell(&answer, "signal:friction:outage");
    assert_eq!((main.n, main.people, main.value), (10, 50, Some(0.0)));
    assert_eq!(main.flags, ["low_n", "no_overlap", "confounded", "e0"]);
    assert_eq!(cell(&answer, "signal:friction:outage:p_adjusted").value, None);
    assert_eq!(cell(&answer, "signal:friction:outage:mantel_haenszel").value, Some(0.0), "of the same accounts");
}

#[test]
fn opportunities_begin_with_steps_and_sessions_and_end_with_attention() {
    let spec = "format: 1
stages:
  - { name: trial, enter: signup, leave: cancel, path: [cart, pay] }
  - { name: paid, enter: buy }
";
    let world = World::parse(
        "ana: session:started@0s signup@1s friction:x@30m cart@2h friction:x@2h29m cancel@1d
         bob: signup@0s friction:x@29m friction:x@31m buy@1d
         cem: signup@0s session:started@1d friction:x@1d1s session:started@2d session:started@3d session:started@4d buy@4d
         dan: friction:x@0s signup@1s pay@1h cart@2h friction:x@2h1s cancel@3h friction:x@3h
         eva: signup@0s cart@1m session:started@1m friction:x@1m buy@2m",
    )
    .unwrap();
    let mut question = Question::new(&Behind, json!({"stage": "trial"}));
    question.spec = Arc::new(Spec::parse(spec).unwrap());
    let answer = ask(&world, &question).unwrap();
    let rows = answer.partials[0]["strata"]["[]"].as_array().unwrap();
    let of = |name: &str| {
        let row = rows.iter().find(|row| row["component"] == name).unwrap();
        (row["states"].clone(), row["met"].clone(), row["ever"].clone())
    };
    assert_eq!(of("ana"), (json!([0, 3]), json!([[0, 0]]), json!([0])), "a second of attention is left at 30 minutes");
    assert_eq!(of("bob"), (json!([0]), json!([[0, 0]]), json!([0])));
    assert_eq!(of("cem"), (json!([0, 1, 2, 2]), json!([[0, 1]]), json!([0])), "what begins with the outcome is none");
    assert_eq!(of("dan"), (json!([0, 6]), json!([]), json!([0])), "going back reaches nothing new");
    assert_eq!(of("eva"), (json!([0, 3]), json!([[0, 1]]), json!([0])), "what is simultaneous is one opportunity");
}

#[test]
fn questions_are_checked() {
    let spec = "format: 1
stages:
  - { name: aware, enter: visit }
  - { name: rest, enter: newsletter, final: true }
  - { name: paid, enter: order }
";
    for (params, hint) in [
        (json!({"stage": "awar"}), "did you mean \"aware\"?"),
        (json!({"stage": "paid"}), "last stage"),
        (json!({"stage": "rest"}), "no drop-off"),
        (json!({"stage": "aware", "design": "landmark"}), "such as 7d"),
        (json!({"stage": "aware", "landmark": "7d"}), "design: landmark"),
        (json!({"stage": "aware", "attention": "0s"}), "more than 0s"),
        (json!({"stage": "aware", "strata": ["a", "b", "c", "d", "e"]}), "at most 4"),
        (json!({"stage": "aware", "signals": ["friction:payment_faild"]}), "friction:payment_failed"),
    ] {
        let error = refusal(spec, &Behind, params);
        assert!(error.contains(hint), "{error}");
    }
}

#[test]
fn money_counts_where_its_time_was_observed() {
    let world = World::parse(
        "ana: signup@0s buy@1d{revenue_cents=500} order@2d{revenue_cents=100} order@11d{revenue_cents=50} order@11d1s{revenue_cents=9}
         bob: signup@0s buy@2d{revenue_cents=400} refund@3d{revenue_cents=-100}
         cem: signup@0s buy@11d{revenue_cents=70000}
         dan: signup@0s friction:x@1s cancel@1d",
    )
    .unwrap();
    let mut question = Question::new(&Behind, json!({"stage": "trial", "value_within": "10d"}));
    question.spec = Arc::new(Spec::parse(SPEC).unwrap());
    question.observed_until_us = Some(START_US + 20 * DAY_US + HOUR_US);
    let answer = ask(&world, &question).unwrap();
    let value = cell(&answer, "value");
    assert_eq!((value.value, value.n, value.people), (Some(475.0), 2, 2), "money after exactly 10 days counts");
    assert_eq!(cell(&answer, "lost:money").value, Some(475.0));
}

fn any_cohort() -> impl Strategy<Value = (Cohort, u64)> {
    let account = (0..2_usize, 1..6_usize, prop::collection::btree_map(0..4_u16, 0..5_u32, 0..4), any::<bool>(), 0..60_u32);
    prop::collection::vec(account, 1..150).prop_map(|accounts| {
        let n_lost = accounts.iter().filter(|account| account.3).count() as u64;
        let accounts = accounts.into_iter().map(|(stratum, n_states, met, lost, key)| {
            // Four states, the last of which repeats.
            let states: Vec<u16> = (0..n_states as u16).map(|state| state.min(3)).collect();
            let met = met.into_iter().filter(|(_, at)| (*at as usize) < n_states).collect();
            (key.to_string(), Pattern { stratum, states, met, lost })
        });
        (Cohort::new(4, accounts), n_lost)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn parts_add_up_to_the_whole_and_never_exceed_what_was_lost((cohort, n_lost) in any_cohort()) {
        let all = cohort.compare(&[true; 4]);
        let excess = all.lost as f64 - all.expected;
        prop_assert!(excess <= n_lost as f64 + 1e-9 && all.lost <= n_lost && all.n <= all.n_exposed);
        let players: Vec<Vec<bool>> = (0..4).map(|player| (0..4).map(|signal| signal == player).collect()).collect();
        let shares = cohort.shares(&players);
        prop_assert!((shares.iter().map(|share| share.value).sum::<f64>() - excess).abs() < 1e-9);
        for player in &players {
            let one = cohort.compare(player);
            prop_assert!(one.expected >= -1e-9 && one.expected <= one.n as f64 + 1e-9, "shares expected are shares");
            prop_assert!(one.se.is_finite());
        }
        prop_assert!(shares.iter().all(|share| share.se.is_finite()));
    }

    #[test]
    fn a_world_without_strata_is_a_world_of_one_stratum((cohort, _) in any_cohort()) {
        let together = cohort.without_strata();
        let again = together.without_strata();
        let (one, two) = (together.compare(&[true, false, false, false]), again.compare(&[true, false, false, false]));
        prop_assert_eq!((one.n, one.lost, one.expected, one.se), (two.n, two.lost, two.expected, two.se));
    }
}
