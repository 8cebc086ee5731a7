//! Published vectors, a naive oracle and the law of `who` for transitions.

use std::collections::{BTreeMap, BTreeSet};

use diptych_event::Shard;
use diptych_event::actors::ActorIds;
use diptych_event::index::{Index, OwnedIndex, REST_US};
use diptych_event::time::{MINUTE_US, SECOND_US};
use diptych_event::timeline::Codes;
use proptest::prelude::*;
use serde_json::json;

use super::Transitions;
use super::kernel::*;
use crate::derive;
use crate::ops::testing::{Answer, World};

#[track_caller]
fn check(answer: &Answer, expected: &[(&str, u64)]) {
    for (id, n) in expected {
        assert_eq!(answer.counts(id).0, *n, "{id}");
    }
}

// Runs are cut after 71 minutes, which nobody may notice: with a gap of under ten minutes they are not looked at.
#[test]
fn a_session_may_be_longer_than_a_run() {
    let visit = |person: &str, first_m: i64| -> String {
        let event = |n: i64| format!("{}@{}m", ["H", "P", "C"][(n % 3) as usize], first_m + 9 * n);
        format!("{person}: {}\n", (0..30).map(event).collect::<Vec<_>>().join(" "))
    };
    let world = World::draw(&(visit("a", 0) + &visit("b", 5) + "c: H@0m P@9m H@300m\n"));
    let by_runs = world.ask(&Transitions, json!({"gap": "30m"}));
    check(&by_runs, &[("cases", 4), ("edge:H→P", 21), ("edge:P→C", 20), ("edge:C→H", 18), ("edge:(start)→H", 4)]);
    assert_eq!(by_runs.cells, world.ask(&Transitions, json!({"gap": "9m30s"})).cells);
}

// METRICS 5.1, vector: HPC×3, HP×2, HSPC×1, P×1. One more, late person keeps the sessions from being open.
#[test]
fn edges_agree_with_the_published_vector() {
    let mut world = World::draw(
        "
        a1: H@0s P@1s C@2s
        a2: H@0s P@1s C@2s
        a3: H@0s P@1s C@2s
        b1: H@0s P@1s
        b2: H@0s P@1s
        c1: H@0s S@1s P@2s C@3s
        d1: P@0s
        ",
    );
    world.observed_until_us += 86_400 * SECOND_US;
    let answer = world.ask(&Transitions, json!({}));
    check(
        &answer,
        &[
            ("cases", 7),
            ("edge:H→P", 5),
            ("edge:H→S", 1),
            ("edge:S→P", 1),
            ("edge:P→C", 4),
            ("edge:P→(end)", 3),
            ("edge:C→(end)", 4),
            ("edge:(start)→H", 6),
            ("edge:(start)→P", 1),
            ("edges", 8),
            ("pairs", 25),
        ],
    );
    assert_eq!(answer.counts("share:P→C"), (4, 7, 4));
    assert!((answer.cell("share:P→C").value.unwrap() - 0.571428571).abs() < 1e-9);
    assert_eq!(answer.cell("time:H→P").value, Some(SECOND_US as f64));
    assert!(!answer.cells.iter().any(|cell| cell.id.starts_with("time:") && cell.id.contains('(')), "no time to the end");
    let order: Vec<&str> = answer.cells.iter().filter_map(|cell| cell.id.strip_prefix("edge:")).collect();
    let expected = ["(start)→H", "H→P", "C→(end)", "P→C", "P→(end)", "(start)→P", "H→S", "S→P"];
    assert_eq!(order, expected, "by count, then by text");
}

#[test]
fn ends_are_open_while_the_session_may_go_on() {
    let world = World::draw("ana: view@0s\nbob: view@30m\ncem: view@30m1ms view@31m");
    let answer = world.ask(&Transitions, json!({}));
    check(&answer, &[("edge:view→(end)", 1), ("edge:view→(open)", 2)]);
    let answer = world.ask(&Transitions, json!({"per": "user"}));
    check(&answer, &[("edge:view→(open)", 3), ("cases", 3)]);
}

#[test]
fn edges_can_be_chosen_and_repeats_collapsed() {
    let world = World::draw("ana: view@0s view@10s cart@40s view@50s\nbob: cart@0s buy@5s");
    let ids = |answer: Answer, kind: &str| -> Vec<String> {
        answer.cells.iter().filter_map(|cell| cell.id.strip_prefix(kind)).map(str::to_owned).collect()
    };
    assert_eq!(ids(world.ask(&Transitions, json!({"after": "view"})), "edge:"), ["view→(open)", "view→cart", "view→view"]);
    assert_eq!(ids(world.ask(&Transitions, json!({"before": "(open)"})), "edge:"), ["buy→(open)", "view→(open)"]);
    assert_eq!(ids(world.ask(&Transitions, json!({"after": "(start)", "top": 1})), "edge:"), ["(start)→cart"]);
    assert!(ids(world.ask(&Transitions, json!({"times": "none"})), "time:").is_empty());
    let collapsed = world.ask(&Transitions, json!({"repeats": "collapse"}));
    assert_eq!(collapsed.cell("time:view→cart").value, Some(40.0 * SECOND_US as f64), "from the first of the repeats");
    assert!(!ids(collapsed, "edge:").contains(&"view→view".to_owned()));
    for (params, hint) in [
        (json!({"after": "viw"}), "did you mean"),
        (json!({"after": "(end)"}), "no event"),
        (json!({"top": 0}), "--top 50"),
        (json!({"per": "user", "gap": "1h"}), "--per session"),
        (json!({"repeats": "drop"}), "collapse"),
    ] {
        let error = world.refuse(&Transitions, params);
        assert!(error.contains(hint), "{error}");
    }
}

#[test]
fn strange_names_do_not_confuse_edges() {
    let mut world = World::draw("ana: a→b@0s c@1s\nbob: a@0s b→c@1s\ncem: (start)@0s \"a@1s");
    world.observed_until_us += 86_400 * SECOND_US;
    for id in ["edge:\"a→b\"→c", "edge:a→\"b→c\"", "edge:\"(start)\"→\"\\\"a\"", "edge:(start)→\"(start)\""] {
        assert_eq!(world.ask(&Transitions, json!({})).counts(id), (1, 1, 1), "{id}");
    }
    world.check_laws(&Transitions, &json!({}));
    assert!(world.who(&Transitions, json!({}), "edge:nobody→c", None).is_none());
    assert!(world.who(&Transitions, json!({}), "edge:(end)→c", None).is_none());
    assert!(world.who(&Transitions, json!({}), "time:(start)→a", None).is_none());
}

#[test]
fn groups_show_the_edges_and_times_that_they_would_alone() {
    let world = World::draw(
        "
        ana: view@0s{web} cart@7s{web} view@9s{web} cart@10s{web}
        bob: help@0s{phone} buy@3s{phone}
        ",
    );
    world.check_laws(&Transitions, &json!({"top": 1, "after": "help"}));
    world.check_laws(&Transitions, &json!({"top": 2}));
}

#[test]
fn tables_count_like_a_map() {
    let mut tables = [PairTable::default(), PairTable::default()];
    let mut expected: BTreeMap<(u32, u32), (u64, BTreeSet<u32>)> = BTreeMap::new();
    let mut state = 1_u64;
    for actor in 0..30_000 {
        let table = &mut tables[usize::from(actor >= 10)];
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let from = Some((state >> 40) as u32 % 60).filter(|from| *from > 0).unwrap_or(START);
            let to = [END, OPEN].get((state >> 50) as usize % 50).copied().unwrap_or((state >> 45) as u32 % 50);
            table.add(NewPair { from, to, actor });
            let (n, people) = expected.entry((from, to)).or_default();
            *n += 1;
            people.insert(actor);
        }
    }
    let [few, many] = tables;
    assert_ne!(few.size_bytes(), many.size_bytes());
    let expected: Vec<Edge> =
        expected.into_iter().map(|((from, to), (n, people))| Edge { from, to, n, people: people.len() as u64 }).collect();
    for (mut into, from) in [(few.clone(), many.clone()), (many, few)] {
        into.merge(from);
        assert_eq!(sorted(&into), expected);
        into.merge(into.clone());
        assert!(sorted(&into).iter().zip(&expected).all(|(twice, once)| twice.n == 2 * once.n && twice.people == 2 * once.people));
    }
}

#[test]
fn cases_counted_by_name_are_the_pairs_of_their_rows() {
    let mut draw = draws(1);
    let (mut by_pair, mut from_index) = (PairTable::default(), PairTable::default());
    let mut actor = 0;
    // Several shards, each with names that the ones before have not; so some pairs wait from shard to shard.
    for n_names in [200, 5, 900, 901] {
        let n_rows = 150_000;
        // Names differ in how often they occur, so that some have few edges and others nearly all.
        let names: Vec<u16> = (0..n_rows).map(|_| (draw(n_names) * draw(n_names) / n_names) as u16).collect();
        let (mut cases, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut row = 0;
        while row < n_rows as usize {
            starts.push(row as u64);
            for _ in 0..1 + draw(3) {
                let n_rows = (1 + draw(900) as usize).min(names.len() - row);
                cases.push((actor, row, row + n_rows, [END, OPEN][draw(2) as usize]));
                // Some rows of the actor are of no case.
                row = (row + n_rows + draw(3) as usize).min(names.len());
                if row == names.len() {
                    break;
                }
            }
            ends.push(row as u64);
            // Some rows are nobody's.
            row = (row + row % 7).min(names.len());
            actor += 1;
        }
        let owned = OwnedIndex::new(&starts, &ends, &vec![0; n_rows as usize], Codes::Short(&names));
        let mut by_name = ByName::of_rows(&mut from_index, owned.index(), names.len());
        for (actor, first, last, end) in cases {
            let case = &names[first..last];
            by_name.add_case(actor, first, case, end);
            let nodes: Vec<u32> = [START].into_iter().chain(case.iter().map(|name| u32::from(*name))).chain([end]).collect();
            nodes.windows(2).for_each(|pair| by_pair.add(NewPair { from: pair[0], to: pair[1], actor }));
        }
        by_name.count();
    }
    assert_eq!(sorted(&from_index), sorted(&by_pair));
    let (mut one, mut other, mut third) = (from_index.clone(), by_pair.clone(), PairTable::default());
    PairTable::share(&mut [&mut third, &mut one, &mut other]);
    assert!([&one, &other, &third].iter().all(|table| table.settled().n_edges() > 0));
    let mut shared = vec![one, other];
    shared.iter_mut().for_each(PairTable::settle);
    let mut from_all = shared.into_iter().fold(third, |mut total, table| {
        total.merge(table);
        total
    });
    from_all.settle();
    assert!(sorted(&from_all).iter().zip(sorted(&by_pair)).all(|(twice, once)| twice.n == 2 * once.n && twice.people == 2 * once.people));
    for (mut into, from) in [(from_index.clone(), by_pair.clone()), (by_pair.clone(), from_index)] {
        into.merge(from);
        assert!(sorted(&into).iter().zip(sorted(&by_pair)).all(|(twice, once)| twice.n == 2 * once.n && twice.people == 2 * once.people));
    }
}

#[test]
fn sessions_counted_by_runs_are_the_pairs_of_their_rows() {
    let mut draw = draws(7);
    let (mut by_pair, mut from_runs) = (PairTable::default(), PairTable::default());
    // The second shard has rows that are nobody's, the third nearly as many names as rows.
    for (n_names, has_nobodys) in [(200, false), (40, true), (30_000, false)] {
        let names: Vec<u32> = (0..40_000).map(|row| if n_names < 30_000 { draw(n_names) } else { row % n_names }).collect();
        let pauses_us = [1_i64, 9 * MINUTE_US, REST_US, REST_US + 1, 29 * MINUTE_US, 31 * MINUTE_US];
        let (mut time_us, mut starts, mut ends): (Vec<i64>, Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new(), Vec::new());
        while time_us.len() < names.len() {
            let mut at_us = 0;
            let mut some = |n: u32, time_us: &mut Vec<i64>| {
                let times = (0..n).map(|_| {
                    at_us += pauses_us[draw(6) as usize];
                    at_us
                });
                time_us.extend(times.collect::<Vec<i64>>());
            };
            if has_nobodys {
                some(time_us.len() as u32 % 3, &mut time_us);
            }
            starts.push(time_us.len() as u64);
            some(1 + time_us.len() as u32 % 50, &mut time_us);
            ends.push(time_us.len() as u64);
        }
        time_us.truncate(names.len());
        starts.retain(|start| *start < names.len() as u64);
        ends.truncate(starts.len());
        ends.iter_mut().for_each(|end| *end = (*end).min(names.len() as u64));
        let owned = OwnedIndex::new(&starts, &ends, &time_us, Codes::Long(&names));
        let short: Vec<u16> = owned.next_by_name.iter().map(|name| *name as u16).collect();
        let shard = Shard {
            actors: ActorIds { offsets: &[], text: &[] },
            starts: &starts,
            ends: &ends,
            time_us: &time_us,
            name: Codes::Long(&names),
            seq: None,
            tie: &[],
            interactive: None,
            columns: &[],
            index: Index { next_by_name: Codes::Short(&short), ..owned.index() },
        };
        let (gap_us, open_after_us) = (30 * MINUTE_US, 40 * MINUTE_US);
        let end_of = |ended_us: i64| if ended_us > open_after_us { OPEN } else { END };
        let mut by_name = ByName::of_runs(&mut from_runs, &shard);
        derive::for_each_sessions_of_runs(&shard, gap_us, |stretch, sessions| by_name.add_sessions(stretch, sessions, &names, end_of));
        by_name.count();
        for actor_idx in 0..shard.n_actors() {
            for session in derive::sessions(&shard, shard.rows(actor_idx), gap_us) {
                let end = end_of(time_us[session.end - 1]);
                let nodes: Vec<u32> = [START].into_iter().chain(names[session].iter().copied()).chain([end]).collect();
                let actor = actor_idx as u32;
                nodes.windows(2).for_each(|pair| by_pair.add(NewPair { from: pair[0], to: pair[1], actor }));
            }
        }
        // Actors of the next shard are others, whatever their positions.
        by_pair.settle();
    }
    assert_eq!(sorted(&from_runs), sorted(&by_pair));
}

/// Returns what draws numbers below a bound, the same ones every time: the linear congruential generator of Knuth's MMIX.
fn draws(mut state: u64) -> impl FnMut(u32) -> u32 {
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 % below
    }
}

fn sorted(table: &PairTable) -> Vec<Edge> {
    let mut edges: Vec<Edge> = table.settled().edges().collect();
    edges.sort_unstable_by_key(|edge| (edge.from, edge.to));
    edges
}

#[test]
fn timed_edges_are_found_and_no_others() {
    let edges = vec![(3, 1), (0, 2), (3, 0), (3, 1)];
    let timed = Timed::new(edges.clone(), 5);
    assert_eq!(timed.len(), 3);
    for (from, to) in (0..5).flat_map(|from| (0..5).map(move |to| (from, to))) {
        assert_eq!(timed.position(from, to).is_some(), edges.contains(&(from, to)), "{from} → {to}");
        let position = timed.positions().unwrap().of(from)[to as usize];
        assert_eq!(Some(position).filter(|position| *position != NO_POSITION).map(usize::from), timed.position(from, to), "{from} → {to}");
    }
}

/// Counts pairs of a world of user activity by the definition.
fn oracle(world: &World, collapses: bool) -> BTreeMap<String, (u64, u64, Vec<i64>)> {
    let mut edges: BTreeMap<String, (u64, BTreeSet<&str>, Vec<i64>)> = BTreeMap::new();
    for (actor, rows) in &world.actors {
        let mut count = |edge: String, gap_us| {
            let (n, people, gaps) = edges.entry(edge).or_default();
            *n += 1;
            people.insert(actor);
            gaps.push(gap_us);
        };
        for session in rows.chunk_by(|a, b| b.time_us - a.time_us <= world.gap_us) {
            let mut kept = session.to_vec();
            if collapses {
                kept.dedup_by(|later, earlier| later.name == earlier.name);
            }
            count(format!("(start)→{}", kept[0].name), 0);
            kept.windows(2).for_each(|pair| count(format!("{}→{}", pair[0].name, pair[1].name), pair[1].time_us - pair[0].time_us));
            let open = session[session.len() - 1].time_us + world.gap_us > world.observed_until_us;
            count(format!("{}→{}", kept[kept.len() - 1].name, if open { "(open)" } else { "(end)" }), 0);
        }
    }
    edges.into_iter().map(|(edge, (n, people, gaps))| (edge, (n, people.len() as u64, gaps))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn edges_agree_with_the_definition(world in World::any(600 * SECOND_US, 300), collapses in any::<bool>()) {
        let world = world.active();
        let answer = world.ask(&Transitions, json!({"repeats": if collapses { "collapse" } else { "keep" }}));
        let edges = oracle(&world, collapses);
        prop_assert_eq!(answer.cell("edges").n, edges.len() as u64);
        for (edge, (n, people, mut gaps)) in edges {
            prop_assert_eq!(answer.counts(&format!("edge:{edge}")), (n, n, people));
            if !edge.contains('(') {
                gaps.sort_unstable();
                let middle = (gaps[(gaps.len() - 1) / 2] + gaps[gaps.len() / 2]) as f64 / 2.0;
                prop_assert_eq!(answer.cell(&format!("time:{edge}")).value, Some(middle));
            }
        }
        for from in ["(start)", "view", "cart", "buy", "help"] {
            let of_one = |cell: &&crate::Cell| cell.id.starts_with(&format!("share:{from}→"));
            let leaving: Vec<(u64, u64)> = answer.cells.iter().filter(of_one).map(|cell| (cell.x.unwrap(), cell.n)).collect();
            let sum: u64 = leaving.iter().map(|(x, _)| x).sum();
            prop_assert!(leaving.iter().all(|(_, n)| *n == sum), "shares that leave {} add up", from);
        }
    }

    #[test]
    fn laws_hold(world in World::any(600 * SECOND_US, 300), top in 1..6_usize) {
        for params in [
            json!({}),
            json!({"top": top, "gap": "1h"}),
            json!({"top": top, "per": "user", "repeats": "collapse"}),
            json!({"top": top, "times": "none", "before": "view"}),
        ] {
            world.check_laws(&Transitions, &params);
        }
    }
}
