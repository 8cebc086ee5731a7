//! Published vectors and a naive oracle for stages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diptych_event::Spec;
use diptych_event::time::{DAY_US, HOUR_US};
use diptych_testkit::{Row, World, generate_accounts};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Stages;
use super::kernel::*;
use crate::AnyOperator;
use crate::ops::asking::{ACCOUNT_SPEC, Answer, Question, ask};

/// Asks about a world whose spec is that of generated accounts, observed until its last event.
pub(in crate::ops) fn ask_accounts(world: &World, operator: &'static dyn AnyOperator, params: Value) -> Answer {
    let mut question = Question::new(operator, params);
    question.spec = Arc::new(Spec::parse(ACCOUNT_SPEC).unwrap());
    ask(world, &question).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the refusal of parameters.
#[track_caller]
pub(in crate::ops) fn refusal(spec: &str, operator: &'static dyn AnyOperator, params: Value) -> String {
    let mut question = Question::new(operator, params);
    question.spec = Arc::new(Spec::parse(spec).unwrap());
    match ask(&complete(generate_accounts(1)), &question) {
        Ok(_) => panic!("the question is possible"),
        Err(error) => error.to_string(),
    }
}

/// Adds the columns and names that the spec of generated accounts reads, in an account that is in no stage.
pub(in crate::ops) fn complete(world: World) -> World {
    let words = "zoe: refund@0s{device=tablet,revenue_cents=-1,money_kind=refund,member=ann} order@0s{device=tablet,touchpoint=shop}";
    let mut rows = World::parse(words).unwrap().rows().to_vec();
    rows.extend_from_slice(world.rows());
    World::new(rows, diptych_testkit::CodeOrder::Arrival)
}

/// A stay as the oracle finds it: stage, entry and end in microseconds, positions of the rows, the next stage, whether lost.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Told {
    pub stage: usize,
    pub from_us: i64,
    pub until_us: i64,
    pub ended_row: Option<usize>,
    pub moved: Option<usize>,
    pub lost: bool,
}

pub(in crate::ops) const STAGES: [&str; 4] = ["awareness", "consideration", "purchase", "loyalty"];
pub(in crate::ops) const LOST_AFTER_DAYS: [i64; 4] = [20, 10, 30, 90];

/// Returns the stage that a row enters by the spec of generated accounts.
fn entered(row: &Row) -> Option<usize> {
    match row.name.as_str() {
        "visit" | "session:started" => Some(0),
        "newsletter" | "task:checkout:started" => Some(1),
        "order" => row.properties.iter().any(|(name, value)| name == "device" && value != "tablet").then_some(2),
        "survey" => Some(3),
        _ => None,
    }
}

/// Returns the rows of each account in time order.
pub(in crate::ops) fn timelines(world: &World) -> BTreeMap<&str, Vec<&Row>> {
    let mut accounts: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in world.rows() {
        accounts.entry(&row.actor).or_default().push(row);
    }
    accounts.values_mut().for_each(|rows| rows.sort_by_key(|row| (row.time_us, row.tie)));
    accounts
}

/// Finds the stays of one account by looking forward from each entry for what ends the stay.
pub(in crate::ops) fn told(rows: &[&Row], until_us: i64) -> Vec<Told> {
    let (mut stays, mut at) = (Vec::new(), 0);
    while let Some(entry) = (at..rows.len()).find(|row| entered(rows[*row]).is_some()) {
        let mut stay = (entry, entered(rows[entry]).unwrap());
        loop {
            let (entry, stage) = stay;
            let from_us = rows[entry].time_us;
            // Instants at which the clock starts, until one is too late.
            let mut clock_us = from_us;
            let limit_us = if stage == 3 { i64::MAX / 2 } else { LOST_AFTER_DAYS[stage] * DAY_US };
            for row in &rows[entry + 1..] {
                let renews = [None, Some("visit"), Some("order"), None][stage] == Some(row.name.as_str());
                if row.time_us > clock_us + limit_us || entered(row).is_some_and(|later| later > stage) {
                    break;
                }
                if renews {
                    clock_us = row.time_us;
                }
            }
            let in_time = |row: &usize| rows[*row].time_us <= clock_us + limit_us;
            let leaves = |row: &usize| stage >= 2 && rows[*row].name == "refund";
            let moves = |row: &usize| entered(rows[*row]).is_some_and(|later| later > stage);
            let ended = (entry + 1..rows.len()).find(|row| leaves(row) || moves(row)).filter(in_time);
            let told = |until_us, moved, lost| Told { stage, from_us, until_us, ended_row: ended, moved, lost };
            match ended {
                Some(row) if moves(&row) => {
                    stays.push(told(rows[row].time_us, entered(rows[row]), false));
                    stay = (row, entered(rows[row]).unwrap());
                    continue;
                }
                Some(row) => {
                    stays.push(told(rows[row].time_us, None, true));
                    at = row + 1;
                }
                None if clock_us + limit_us <= until_us => {
                    stays.push(told(clock_us + limit_us, None, true));
                    at = rows.iter().position(|row| row.time_us > clock_us + limit_us).unwrap_or(rows.len());
                }
                None => {
                    stays.push(told(until_us, None, false));
                    at = rows.len();
                }
            }
            break;
        }
    }
    stays
}

const HOURS: [i64; 10] = [1, 2, 2, 3, 4, 5, 5, 6, 7, 8];

fn published() -> Vec<(i64, Fate)> {
    let fates = [1, 2, 0, 1, 0, 2, 1, 0, 1, 0].map(|fate: usize| [Fate::Open, Fate::Moved, Fate::Lost][fate]);
    let mut times: Vec<(i64, Fate)> = HOURS.map(|hours| hours * HOUR_US).into_iter().zip(fates).collect();
    times.sort_unstable();
    times
}

// METRICS 2.2, competing risks: CIF₁ at 1, 3, 5, 7 and CIF₂(7).
#[test]
fn incidence_agrees_with_the_published_vector() {
    let at = |hours: i64, fate: Fate| incidence(&published(), fate, hours * HOUR_US).unwrap().value;
    for (hours, expected) in [(1, 0.1), (2, 0.1), (3, 0.214285714), (5, 0.351428571), (7, 0.557142857)] {
        assert!((at(hours, Fate::Moved) - expected).abs() < 1e-9, "{hours}");
    }
    assert!((at(7, Fate::Lost) - 0.237142857).abs() < 1e-9);
    assert!((1.0 - at(7, Fate::Moved) - at(7, Fate::Lost) - 0.205714286).abs() < 1e-9, "S(7)");
    assert_eq!(incidence(&published(), Fate::Moved, 8 * HOUR_US).map(|estimate| estimate.value), Some(at(7, Fate::Moved)));
    assert_eq!(incidence(&published(), Fate::Moved, 9 * HOUR_US), None, "nobody was followed for 9 hours");
    assert_eq!(incidence(&[], Fate::Moved, 1), None);
}

// METRICS 2.4, Freireich 6-MP: with one fate the variance is Greenwood's; S(10) = .752941176 ± .096349653.
#[test]
fn variance_with_one_fate_is_greenwoods() {
    let times = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35];
    let events = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0];
    let mut rows: Vec<(i64, Fate)> =
        times.into_iter().zip(events).map(|(time, event)| (time, if event == 1 { Fate::Lost } else { Fate::Open })).collect();
    rows.sort_unstable();
    for (time, survival, error) in
        [(6, 0.857142857, 0.076360355), (10, 0.752941176, 0.096349653), (13, 0.690196078, 0.106814708), (23, 0.448179272, 0.134591457)]
    {
        let estimate = incidence(&rows, Fate::Lost, time).unwrap();
        assert!((1.0 - estimate.value - survival).abs() < 1e-9, "{time}");
        assert!((estimate.variance.sqrt() - error).abs() < 1e-9, "{time}: {}", estimate.variance.sqrt());
    }
}

// Without censoring the estimate is the share x / n, and its variance that of a binomial share.
#[test]
fn without_censoring_incidence_is_the_share() {
    let rows = [(1, Fate::Lost), (2, Fate::Moved), (2, Fate::Lost), (3, Fate::Moved), (5, Fate::Moved)];
    let estimate = incidence(&rows, Fate::Moved, 4).unwrap();
    assert!((estimate.value - 0.4).abs() < 1e-12 && (estimate.variance - 0.4 * 0.6 / 5.0).abs() < 1e-12, "{estimate:?}");
    let cell = incidence_cell(("a".into(), "a".into()), crate::seam::Unit::Actor, &rows, Fate::Moved, 4, 2);
    assert_eq!((cell.x, cell.n, cell.method, cell.flags), (Some(2), 5, Some("wilson"), vec!["low_n"]));
}

#[test]
fn intervals_stay_within_0_and_1_and_hold_the_estimate() {
    for hours in 1..=8 {
        for fate in [Fate::Moved, Fate::Lost] {
            let cell = incidence_cell(("a".into(), "a".into()), crate::seam::Unit::Actor, &published(), fate, hours * HOUR_US, 0);
            let (lo, value, hi) = (cell.lo.unwrap(), cell.value.unwrap(), cell.hi.unwrap());
            assert!(0.0 <= lo && lo <= value && value <= hi && hi <= 1.0, "{hours} {fate:?}: {lo} {value} {hi}");
        }
    }
}

#[test]
fn questions_are_checked() {
    assert!(refusal("format: 1", &Stages, json!({})).contains("`stages:`"));
    assert!(refusal(ACCOUNT_SPEC, &Stages, json!({"within": "soon"})).contains("within"));
    assert!(refusal(ACCOUNT_SPEC, &Stages, json!({"entries": "last"})).contains("first"));
}

/// Stays per cell, and the accounts behind them.
type Counts<'a> = BTreeMap<String, (u64, BTreeSet<&'a str>)>;

fn oracle(world: &World, first_only: bool, within_us: Option<i64>) -> Counts<'_> {
    let mut counts = Counts::new();
    for (account, rows) in timelines(world) {
        let mut seen = BTreeSet::new();
        for stay in told(&rows, world.last_us()) {
            let name = STAGES[stay.stage];
            let mut ids = vec!["accounts".to_owned(), format!("stage:{name}:entries"), format!("stage:{name}:accounts")];
            let ended = stay.moved.is_some() || stay.lost;
            ids.push(format!(
                "stage:{name}:{}",
                if stay.lost {
                    "lost"
                } else if ended {
                    "moved"
                } else {
                    "now"
                }
            ));
            if seen.insert(stay.stage) || !first_only {
                let in_time = stay.until_us - stay.from_us <= within_us.unwrap_or(LOST_AFTER_DAYS[stay.stage] * DAY_US);
                ids.push(format!("time:{name}:{}", if ended { "ended" } else { "open" }));
                ids.extend(stay.moved.map(|later| format!("move:{name}→{}", STAGES[later])));
                ids.extend(stay.lost.then(|| format!("lost:{name}")));
                if in_time && ended {
                    ids.push(format!("within:{name}:{}", if stay.lost { "lost" } else { "moved" }));
                }
            }
            for id in ids {
                let (n, people) = counts.entry(id).or_default();
                *n += 1;
                people.insert(account);
            }
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cells_agree_with_the_definition(seed in 0..100_000_u64, first in any::<bool>(), days in 0..40_i64) {
        let world = complete(generate_accounts(seed));
        let within = (days > 0).then(|| format!("{days}d"));
        let answer = ask_accounts(&world, &Stages, json!({"entries": if first { "first" } else { "all" }, "within": within}));
        let expected = oracle(&world, first, within.map(|_| days * DAY_US));
        for cell in &answer.cells {
            let (n, people) = expected.get(&cell.id).map_or((0, 0), |(n, people)| (*n, people.len() as u64));
            prop_assert_eq!(cell.people, people, "people of {}", cell.id);
            let is_estimate = cell.id.starts_with("within:") && cell.x.is_none();
            let counts_accounts = cell.id == "accounts" || cell.id.starts_with("stage:") && !cell.id.ends_with(":entries");
            if !is_estimate {
                prop_assert_eq!(cell.x.unwrap_or(cell.n), if counts_accounts { people } else { n }, "{}", cell.id);
            }
        }
        for id in expected.keys().filter(|id| !id.ends_with(":moved")) {
            prop_assert!(answer.cells.iter().any(|cell| cell.id == *id), "{id}");
        }
    }

    // The estimate weighs each event by who was still at risk; here by counting them anew at each instant.
    #[test]
    fn incidence_agrees_with_the_definition(rows in proptest::collection::vec((0..9_i64, 0..3_usize), 1..30), horizon in 0..9_i64) {
        let mut rows: Vec<(i64, Fate)> = rows.into_iter().map(|(time, fate)| (time, [Fate::Open, Fate::Moved, Fate::Lost][fate])).collect();
        rows.sort_unstable();
        let (mut moved, mut survival) = (0.0, 1.0);
        for time in 0..=horizon {
            let at_risk = rows.iter().filter(|row| row.0 >= time).count() as f64;
            let count = |fate: Fate| rows.iter().filter(|row| **row == (time, fate)).count() as f64;
            if at_risk > 0.0 {
                moved += survival * count(Fate::Moved) / at_risk;
                survival *= 1.0 - (count(Fate::Moved) + count(Fate::Lost)) / at_risk;
            }
        }
        let followed = rows.iter().any(|row| row.0 >= horizon) || survival < 1e-9;
        let estimate = incidence(&rows, Fate::Moved, horizon);
        prop_assert_eq!(estimate.is_some(), followed);
        if let Some(estimate) = estimate {
            prop_assert!((estimate.value - moved).abs() < 1e-9);
        }
    }
}
