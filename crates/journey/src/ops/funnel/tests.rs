//! Published cases, a naive oracle, and what is said about wrong questions.

use diptych_testkit::World;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::kernel::{EXCLUDED, Rules, Scratch, best_attempt};
use super::params::{Entry, Order, Params, Ties};
use super::{Funnel, Hits, Operator, Owners, Plan, Search};
use crate::seam::{ALL_TIME, AskError, Catalog, Cell, Context, Evidence, Groups, Mask, PerRow, View, Witness};

// METRICS 2.2 (#k-funnel), table of users u1 to u8: steps A, B, C within 60.
const PUBLISHED: &str = "
    u1: A@0s B@10s C@20s
    u2: A@0s A@100s B@110s C@115s
    u3: B@0s A@5s C@6s B@7s
    u4: A@0s B@0s C@0s
    u5: A@0s B@60s C@61s
    u6: C@0s B@1s A@2s
    u7: A@0s X@5s B@10s A@12s C@14s
    u8: A@0s B@30s A@65s B@66s C@70s";

#[test]
fn published_users_reach_their_steps() {
    check_levels(PUBLISHED, json!({}), &[3, 3, 2, 3, 2, 1, 3, 3]);
}

#[test]
fn published_users_reach_their_steps_when_ties_are_strict() {
    check_levels(PUBLISHED, json!({"ties": "strict"}), &[3, 3, 2, 1, 2, 1, 3, 3]);
}

#[test]
fn published_users_reach_their_steps_in_their_first_attempt() {
    check_levels(PUBLISHED, json!({"entry": "first"}), &[3, 1, 2, 3, 2, 1, 3, 2]);
}

// METRICS 2.2: u6 with all three at t = 0, recorded C, B, A.
#[test]
fn simultaneous_events_count_in_any_order_only_when_asked() {
    let simultaneous = "u6: C@0s B@0s A@0s";
    check_levels(simultaneous, json!({"ties": "seq"}), &[1]);
    check_levels(simultaneous, json!({"ties": "strict"}), &[1]);
    check_levels(simultaneous, json!({"ties": "optimistic"}), &[3]);
}

#[test]
fn steps_that_share_an_event_need_an_event_each() {
    let twice = json!({"steps": ["A", "A"], "ties": "optimistic"});
    check_levels("ana: A@0s A@1s\nbob: A@0s\ncy: A@0s A@0s", twice, &[2, 1, 2]);
    let either = json!({"steps": ["A | B", "A"], "ties": "optimistic"});
    check_levels("ana: A@0s B@0s", either, &[2]);
    let any = json!({"steps": ["A | B", "A"], "order": "any"});
    check_levels("ana: A@0s B@1s\nbob: B@0s B@1s\ncy: A@0s A@1s", any, &[2, 1, 2]);
}

#[test]
fn steps_with_conditions_may_share_an_event_in_any_order() {
    let pages = json!({"steps": ["A where page = '/a'", "A where page = '/b'"], "order": "any"});
    check_levels("ana: A@0s{page=/b} A@1s{page=/a}\nbob: A@0s{page=/a} A@1s{page=/a}", pages, &[2, 1]);
}

#[test]
fn an_event_that_is_step_and_exclusion_can_only_start() {
    for order in ["ordered", "strict", "any"] {
        let params = json!({"steps": ["A", "B"], "exclude": ["A"], "order": order});
        check_levels("ana: A@0s A@1s B@2s\nbob: A@0s B@1s", params, &[2, 2]);
    }
}

#[test]
fn an_open_attempt_with_any_held_value_is_open() {
    // Hat got further, in a window that is over; shoe was entered a minute ago and can still get to the end.
    let journeys = "ana: A@0s{product=hat} B@1s{product=hat} A@10m{product=shoe}\nbob: C@11m";
    let cells = |entry: &str| cells(journeys, json!({"hold": "product", "window": "5m", "entry": entry}));
    assert_eq!(number(&cells("best"), "open:2"), 1);
    assert_eq!(number(&cells("first"), "open:2"), 0);
}

#[test]
fn what_is_not_user_activity_keeps_no_session_open() {
    let params = || json!({"steps": ["A", "B"], "per": "session", "gap": "30m", "window": "1d"});
    let ping = "ana: A@0s P@29m{interactive=false}\nbob: A@40m X@41m\ncy: B@0s";
    assert_eq!(number(&cells(ping, params()), "open:1"), 1, "bob's session goes on, ana's is over");
}

#[test]
fn times_are_those_of_the_counted_attempt() {
    let cells = cells("ana: A@0s A@10s B@30s C@40s\nbob: A@0s B@4s", json!({}));
    let time_us = |id: &str| cells.iter().find(|cell| cell.id == id).and_then(|cell| cell.value);
    assert_eq!(time_us("time:2"), Some(12_000_000.0));
    assert_eq!(time_us("time:3"), Some(10_000_000.0));
    assert_eq!(time_us("time:all"), Some(30_000_000.0));
}

#[test]
fn wrong_questions_are_explained() {
    for (change, what) in [
        (json!({"steps": ["A", "Cart"]}), "did you mean \"cart\"?"),
        (json!({"exclude": ["carts"]}), "parameter exclude: no event is called \"carts\", did you mean \"cart\"?"),
        (json!({"window": "soon"}), "parameter window: \"soon\" is not a duration; write for example 30m"),
        (json!({"steps": []}), "parameter steps: a funnel has 1 to 30 steps, not 0"),
        (json!({"steps": vec!["A"; 31]}), "parameter steps: a funnel has 1 to 30 steps, not 31"),
        (json!({"gap": "30m"}), "parameter gap: has a meaning only with --per session"),
        (json!({"per": "session", "gap": "0 s"}), "parameter gap: \"0 s\" is not a duration"),
        (json!({"hold": "produkt"}), "parameter hold: no column is called \"produkt\", did you mean \"product\"?"),
        (json!({"order": "loose"}), "unknown variant `loose`"),
        (json!({"step": ["A"]}), "unknown field `step`"),
        // Lower case of İ is longer, which must not move the place of the condition.
        (json!({"steps": ["İİİİİİİİ where page = 1"]}), "no event is called \"İİİİİİİİ\""),
    ] {
        let error = ask("ana: A@0s{product=hat} B@1s C@2s cart@3s", change.clone()).expect_err("the question is wrong").to_string();
        assert!(error.contains(what), "{change}: {error}");
    }
    assert!(ask("ana: A@0s", json!({"steps": vec!["A"; 30]})).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernel_agrees_with_the_oracle(journey in journeys(), rules in rules()) {
        let mut scratch = Scratch::default();
        let found = best_attempt(&rules, &journey.time_us, &journey.bits, |row| journey.enters[row], &mut scratch);
        let level = found.as_ref().map_or(0, |attempt| attempt.rows.len());
        prop_assert_eq!(level, oracle_level(&rules, &journey));
        if let Some(attempt) = found {
            prop_assert!(is_attempt(&rules, &journey, attempt.rows), "no attempt: {:?}", attempt.rows);
        }
    }

    #[test]
    fn open_means_that_the_future_can_bring_more(journey in journeys(), rules in rules(), wait in 0_i64..4) {
        let mut scratch = Scratch::default();
        let Some(found) = best_attempt(&rules, &journey.time_us, &journey.bits, |row| journey.enters[row], &mut scratch) else { return Ok(()) };
        let observed_until_us = journey.time_us.last().unwrap() + wait * UNIT_US;
        let open = found.rows.len() < rules.n_steps && found.can_go_on_until_us.is_some_and(|until_us| until_us > observed_until_us);
        let more = (0..rules.n_steps).any(|from| {
            let mut longer = journey.clone();
            for k in from..rules.n_steps {
                longer.time_us.push(observed_until_us + 1 + k as i64);
                longer.bits.push(1 << k);
                longer.enters.push(false);
            }
            oracle_level(&rules, &longer) > found.rows.len()
        });
        prop_assert_eq!(open, more);
    }

    #[test]
    fn looser_rules_reach_at_least_as_far(journey in journeys(), rules in rules()) {
        let level = |rules: &Rules| {
            best_attempt(rules, &journey.time_us, &journey.bits, |row| journey.enters[row], &mut Scratch::default()).map_or(0, |attempt| attempt.rows.len())
        };
        let this = level(&rules);
        prop_assert!(this <= level(&Rules { window_us: rules.window_us + UNIT_US, ..rules.clone() }), "window");
        prop_assert!(this <= level(&Rules { entry: Entry::Best, ..rules.clone() }), "best is at least first");
        if rules.order == Order::Strict {
            prop_assert!(this <= level(&Rules { order: Order::Ordered, ..rules.clone() }), "ordered is at least strict");
        }
        if rules.ties == Ties::Strict && journey.without_exclusions() {
            prop_assert!(this <= level(&Rules { ties: Ties::Optimistic, ..rules.clone() }), "optimistic is at least strict");
        }
    }
}

proptest! {
    // Fewer, because each asks the whole operator.
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn held_values_agree_with_the_oracle(
        journey in journeys(),
        mut rules in rules(),
        values in prop::collection::vec(prop::sample::select(vec!["hat", "shoe", ""]), 10),
    ) {
        // Which of two simultaneous entries is first is a matter of order, which only `seq` has.
        rules.ties = if rules.entry == Entry::First { Ties::Seq } else { rules.ties };
        let held = |value: &str| {
            let mut one = journey.clone();
            for (bits, known) in one.bits.iter_mut().zip(&values) {
                *bits &= if *known == value { u32::MAX } else { 1 << EXCLUDED };
            }
            one
        };
        let expected = match rules.entry {
            Entry::Best => ["hat", "shoe"].map(|value| oracle_level(&rules, &held(value))).into_iter().max().unwrap(),
            Entry::First => (0..journey.bits.len())
                .find(|row| journey.bits[*row] & rules.entry_bits() != 0 && journey.enters[*row] && !values[*row].is_empty())
                .map_or(0, |row| oracle_level(&rules, &held(values[row]))),
        };
        prop_assert_eq!(journey.level_in_operator(&rules, Some(&values)), expected);
    }

    #[test]
    fn telling_apart_how_far_people_get_changes_no_answer(
        people in prop::collection::vec(prop::collection::vec((0..40_u32, 0..5_usize, 0..4_u32), 0..8), 1..8),
        entry in prop::sample::select(vec!["best", "first"]),
        excludes in any::<bool>(),
        times in prop::sample::select(vec!["none", "median"]),
        // The further apart rows lie, the longer a tick is: a second with one of 1890.
        start in prop::sample::select(vec!["0s", "2000-01-01", "1890-01-01"]),
    ) {
        let mut line = format!("zoe: A@{start} B@100s C@200s D@300s X@400s");
        for (idx, rows) in people.iter().enumerate() {
            line += &format!("\np{idx}:");
            rows.iter().for_each(|(offset, name, _)| line += &format!(" {}@{}s", ["A", "B", "C", "D", "X"][*name], 15 * offset));
        }
        let change = json!({"steps": ["A | D", "B | D", "C"], "entry": entry, "exclude": if excludes { vec!["X"] } else { vec![] }, "times": times});
        let of_row: Vec<u32> = people.iter().flatten().map(|(_, _, group)| group / 3).chain([0; 5]).collect();
        with_view(&line, change, None, |plan, view| {
            assert!(plan.is_told_by_reach());
            let groups = PerRow::Rows(of_row);
            let view = View { groups: Some(&groups), ..view.clone() };
            let empty = || Operator::empty(&Funnel, plan);
            let nothing = || Groups { total: empty(), split: vec![empty(), empty()] };
            let (mut told, mut searched) = (nothing(), nothing());
            Operator::scan(&Funnel, plan, &view, &mut told);
            let (owners, entries) = (Owners::new(&view), plan.entries(&view));
            let is_entrant = owners.among(&entries, None);
            let mut search = Search::new(plan, &view, Hits::find(plan, &view, &owners, &entries, &is_entrant, true));
            (0..search.hits.n_entrants()).for_each(|idx| search.add_entrant(idx, &mut searched));
            let cells = |groups: Groups<_>| -> Vec<Vec<Cell>> {
                [groups.total].into_iter().chain(groups.split).map(|partial| Operator::finish(&Funnel, plan, partial)).collect()
            };
            assert_eq!(cells(told), cells(searched), "{line}");
        })
        .expect("a possible question");
    }

    #[test]
    fn the_operator_agrees_with_the_oracle(journey in journeys(), rules in rules()) {
        prop_assert_eq!(journey.level_in_operator(&rules, None), oracle_level(&rules, &journey));
    }
}

/// Time between neighbouring events, in microseconds; room for a future between two of them.
const UNIT_US: i64 = 1000;

/// The rows of one person, as the kernel reads them.
#[derive(Debug, Clone)]
struct Journey {
    time_us: Vec<i64>,
    bits: Vec<u32>,
    enters: Vec<bool>,
}

impl Journey {
    fn without_exclusions(&self) -> bool {
        self.bits.iter().all(|bits| bits >> EXCLUDED == 0)
    }

    /// Asks the operator: each set of bits is an event name of its own, and rows that may not enter are not admitted.
    fn level_in_operator(&self, rules: &Rules, values: Option<&[&str]>) -> usize {
        let mut line = String::from("ana:");
        for (row, (time_us, bits)) in self.time_us.iter().zip(&self.bits).enumerate() {
            let value = values.map_or("", |values| values[row]);
            let held = if value.is_empty() { String::new() } else { format!(",held={value}") };
            line += &format!(" e{bits}@{time_us}ms{{enters={}{held}}}", self.enters[row]);
        }
        // Somebody who knows every event and property, years before.
        let mut known = vec![format!("e{}", 1_u32 << EXCLUDED)];
        known.extend((0..16_u32).flat_map(|bits| [format!("e{bits}"), format!("e{}", bits | 1 << EXCLUDED)]));
        line += "\nbob:";
        known.iter().for_each(|name| line += &format!(" {name}@2000-01-01{{held=hat}}"));
        let step = |bit: u32| known.iter().filter(|name| name[1..].parse::<u32>().unwrap() >> bit & 1 != 0).cloned().collect::<Vec<_>>();
        let mut params = json!({
            "steps": (0..rules.n_steps as u32).map(|k| json!({"events": step(k)})).collect::<Vec<_>>(),
            "exclude": [{"events": step(EXCLUDED)}],
            "order": rules.order,
            "entry": rules.entry,
            "ties": rules.ties,
            "window": format!("{}ms", rules.window_us),
        });
        if values.is_some() {
            params["hold"] = json!("held");
        }
        let (_, attempts) = ask_where(&line, params, Some("enters = 'true'")).unwrap_or_else(|error| panic!("{error}"));
        attempts.first().map_or(0, |attempt| attempt.rows.len())
    }
}

fn journeys() -> impl Strategy<Value = Journey> {
    let bits = prop_oneof![
        6 => (0_u32..4).prop_map(|k| 1 << k),
        2 => 0_u32..16,
        1 => Just(1_u32 << EXCLUDED),
        1 => (0_u32..4).prop_map(|k| 1 << k | 1 << EXCLUDED),
    ];
    let rows = prop::collection::vec((prop_oneof![2 => Just(0), 3 => Just(1), 1 => Just(2_i64)], bits, prop::bool::weighted(0.85)), 1..10);
    rows.prop_map(|rows| {
        let mut now_us = 0;
        let times = rows.iter().map(|(gap, _, _)| {
            now_us += gap * UNIT_US;
            now_us
        });
        Journey {
            time_us: times.collect(),
            bits: rows.iter().map(|(_, bits, _)| *bits).collect(),
            enters: rows.iter().map(|(_, _, enters)| *enters).collect(),
        }
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let order = prop::sample::select(vec![Order::Ordered, Order::Strict, Order::Any]);
    let entry = prop::sample::select(vec![Entry::Best, Entry::First]);
    let ties = prop::sample::select(vec![Ties::Seq, Ties::Strict, Ties::Optimistic]);
    (1_usize..5, order, entry, ties, 0_i64..7).prop_map(|(n_steps, order, entry, ties, window)| Rules {
        n_steps,
        order,
        entry,
        ties,
        window_us: window * UNIT_US,
    })
}

/// Returns the most steps of any attempt, by trying all of them.
fn oracle_level(rules: &Rules, journey: &Journey) -> usize {
    fn longest(rules: &Rules, journey: &Journey, rows: &mut Vec<usize>) -> usize {
        let mut level = rows.len();
        if level == rules.n_steps {
            return level;
        }
        for row in 0..journey.bits.len() {
            rows.push(row);
            // Whatever starts an attempt is one, so that a start which is none needs no trying.
            if is_attempt(rules, journey, rows) {
                level = level.max(longest(rules, journey, rows));
            }
            rows.pop();
        }
        level
    }
    longest(rules, journey, &mut Vec::new())
}

/// Tells whether rows are an attempt: the definition in `spec.md`, word by word.
fn is_attempt(rules: &Rules, journey: &Journey, rows: &[usize]) -> bool {
    let Journey { time_us, bits, enters } = journey;
    let (first, last) = (rows[0], rows[rows.len() - 1]);
    let is_step = |row: usize| bits[row] & ((1 << rules.n_steps) - 1) != 0;
    let by_row = rules.ties == Ties::Seq || rules.order == Order::Any;

    let distinct = (0..rows.len()).all(|k| !rows[..k].contains(&rows[k]));
    let serve = match rules.order {
        Order::Ordered | Order::Strict => rows.iter().enumerate().all(|(k, row)| bits[*row] >> k & 1 != 0),
        Order::Any => can_serve(rules.n_steps, rows, bits, 0),
    };
    let in_order = rows.windows(2).all(|pair| match rules.ties {
        _ if by_row => pair[0] < pair[1],
        Ties::Seq | Ties::Strict => time_us[pair[0]] < time_us[pair[1]],
        Ties::Optimistic => time_us[pair[0]] <= time_us[pair[1]],
    });
    let in_window = time_us[last] - time_us[first] <= rules.window_us;
    // Strictly after `from` and strictly before `to`.
    let between = |row: usize, from: usize, to: usize| {
        if by_row { from < row && row < to } else { time_us[from] < time_us[row] && time_us[row] < time_us[to] }
    };
    let undisturbed = (0..bits.len()).filter(|row| bits[*row] >> EXCLUDED & 1 != 0).all(|row| {
        let is_later_step = by_row && row != first && rows.contains(&row);
        !between(row, first, last) && !is_later_step
    });
    // Strict order: between two consecutive steps of the attempt there is no event that is a step, whichever, besides
    // those of the attempt.
    let uninterrupted = rules.order != Order::Strict
        || rows.windows(2).all(|pair| !(0..bits.len()).any(|row| is_step(row) && !rows.contains(&row) && between(row, pair[0], pair[1])));
    let may_enter = |row: &usize| bits[*row] & rules.entry_bits() != 0 && enters[*row];
    let is_entry = may_enter(&first)
        && match (rules.entry, (0..bits.len()).find(may_enter)) {
            (Entry::First, Some(entry)) => {
                if by_row {
                    first == entry
                } else {
                    time_us[first] == time_us[entry]
                }
            }
            _ => true,
        };
    distinct && serve && in_order && in_window && undisturbed && uninterrupted && is_entry
}

/// Tells whether rows can be given to steps, each to another.
fn can_serve(n_steps: usize, rows: &[usize], bits: &[u32], taken: u32) -> bool {
    let Some((row, rest)) = rows.split_first() else { return true };
    (0..n_steps).any(|k| bits[*row] & !taken & 1 << k != 0 && can_serve(n_steps, rest, bits, taken | 1 << k))
}

/// Asks about steps A, B, C within 60 s unless `change` says otherwise, and compares the levels of the actors in order.
#[track_caller]
fn check_levels(journeys: &str, change: Value, expected: &[usize]) {
    let (cells, attempts) = ask(journeys, change).unwrap_or_else(|error| panic!("{error}"));
    let levels: Vec<usize> = attempts.iter().map(|attempt| attempt.rows.len()).collect();
    assert_eq!(levels, expected);
    let reached = |k: usize| levels.iter().filter(|level| **level >= k).count() as u64;
    for cell in cells.iter().filter(|cell| cell.id.starts_with("step:")) {
        assert_eq!(cell.x.unwrap_or(cell.n), reached(cell.id[5..].parse().unwrap()), "{}", cell.id);
    }
}

#[track_caller]
fn cells(journeys: &str, change: Value) -> Vec<Cell> {
    ask(journeys, change).unwrap_or_else(|error| panic!("{error}")).0
}

fn number(cells: &[Cell], id: &str) -> u64 {
    cells.iter().find(|cell| cell.id == id).unwrap_or_else(|| panic!("there is no cell {id}")).n
}

fn ask(journeys: &str, change: Value) -> Result<(Vec<Cell>, Vec<Witness>), AskError> {
    ask_where(journeys, change, None)
}

/// Returns the cells, and the counted attempt of each actor in order of their ids.
fn ask_where(journeys: &str, change: Value, condition: Option<&str>) -> Result<(Vec<Cell>, Vec<Witness>), AskError> {
    with_view(journeys, change, condition, |plan, view| {
        let mut groups = Groups { total: Operator::empty(&Funnel, plan), split: Vec::new() };
        Operator::scan(&Funnel, plan, view, &mut groups);
        let mut evidence = Evidence::default();
        assert!(Operator::who(&Funnel, plan, view, "step:1", &mut evidence));
        (Operator::finish(&Funnel, plan, groups.total), evidence.units)
    })
}

/// Plans a question about the steps A, B, C within 60 s with changes, and hands over the plan and all events as one shard.
fn with_view<T>(journeys: &str, change: Value, condition: Option<&str>, take: impl FnOnce(&Plan, &View) -> T) -> Result<T, AskError> {
    let mut params = json!({"steps": ["A", "B", "C"], "window": "60s"});
    for (key, value) in change.as_object().expect("changes are an object") {
        params[key] = value.clone();
    }
    let params: Params = serde_json::from_value(params).map_err(|error| AskError::parameter("", error.to_string()))?;
    let world = World::parse(journeys).expect("journeys are in notation");
    let catalog = Catalog {
        names: world.names().clone(),
        columns: world.columns(),
        zone: diptych_event::time::Zone::UTC,
        session_gap_us: 1_800_000_000,
        first_us: world.first_us(),
        observed_until_us: world.last_us(),
        ends_us: Vec::new(),
        spec: Default::default(),
    };
    let mut context = Context::new(&catalog);
    let plan = Operator::plan(&Funnel, &params, &mut context)?;
    let owned = world.shards(1).remove(0);
    let mask = |sql: &str| world.mask(&owned, sql).expect("the condition is a simple one");
    let masks: Vec<Mask> = context.masks.iter().map(|sql| mask(sql).into()).collect();
    let admitted = condition.map(|sql| Mask::from(mask(sql)));
    let view = View {
        shard: owned.shard(),
        actors: None,
        admitted: admitted.as_ref(),
        period_us: ALL_TIME,
        groups: None,
        masks: &masks,
        texts: &[],
    };
    Ok(take(&plan, &view))
}
