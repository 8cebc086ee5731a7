//! Published vectors, a naive oracle and the law of `who` for sessions.

use std::collections::{BTreeMap, BTreeSet};

use diptych_event::time::{DAY_US, SECOND_US, format_instant};
use proptest::prelude::*;
use serde_json::json;

use super::Sessions;
use super::kernel::*;
use crate::ops::testing::{Answer, START_US, World};

#[track_caller]
fn check(answer: &Answer, expected: &[(&str, u64, u64)]) {
    for (id, n, people) in expected {
        let (x, _, actual) = answer.counts(id);
        assert_eq!((x, actual), (*n, *people), "{id}");
    }
}

// METRICS 1.1, vector (day 0 is 2024-03-09 there): lengths 3, 4 and 1; e2 → e3 is exactly 30 minutes.
#[test]
fn sessions_agree_with_the_published_vector() {
    let world = World::draw("ana: e1@23h50m e2@24h5m e3@24h35m e4@25h5m1s e5@25h10m e6@25h10m e7@25h20m e8@29h");
    let answer = world.ask(&Sessions, json!({}));
    check(&answer, &[("sessions", 3, 1), ("people", 1, 1), ("single", 1, 1), ("length:3", 1, 1), ("length:4", 1, 1), ("length:1", 1, 1)]);
    assert_eq!(answer.cell("per_person").value, Some(3.0));
    assert_eq!(answer.cell("duration:median").n, 2, "a session of one event has no duration");
    assert_eq!(answer.cell("duration:mean").value, Some((45 * 60 + 14 * 60 + 59) as f64 / 2.0 * SECOND_US as f64));
    check(&world.ask(&Sessions, json!({"gap": "29m59s"})), &[("sessions", 4, 1)]);
}

// METRICS 1.1: exactly 10.000 s is not engaged; GA4 counts two page views or one key event.
#[test]
fn engaged_means_over_ten_seconds_or_views_or_key_events() {
    let world = World::draw(
        "
        ana: view@0s help@10s
        bob: view@0s help@11s
        cem: view@0s view@1s
        dan: buy@0s
        ",
    );
    check(&world.ask(&Sessions, json!({})), &[("engaged", 3, 3)]);
    check(&world.ask(&Sessions, json!({"views": "view"})), &[("engaged", 2, 2)]);
    check(&world.ask(&Sessions, json!({"views": "view", "key": "buy | help"})), &[("engaged", 4, 4)]);
    assert!(world.refuse(&Sessions, json!({"views": "vew"})).contains("did you mean"));
    assert!(world.refuse(&Sessions, json!({"gap": "soon"})).contains("30m"));
    assert!(world.refuse(&Sessions, json!({"gaps": "30m"})).contains("gaps"));
}

#[test]
fn quiet_events_do_not_extend_sessions() {
    let world = World::draw("ana: view@0s tick@20m! tick@40m! view@50m tick@55m!");
    let answer = world.ask(&Sessions, json!({}));
    check(&answer, &[("sessions", 2, 1), ("single", 2, 1), ("duration:median", 0, 0)]);
    assert_eq!(answer.cell("duration:median").flags, ["no_data"]);
}

#[test]
fn nobody_gives_nothing_to_divide_by() {
    let answer = World::draw("").ask(&Sessions, json!({"trend": "day"}));
    assert_eq!(answer.cell("single").value, None);
    assert_eq!(answer.cell("per_person").value, None);
    assert_eq!(answer.cell("events:median").flags, ["no_data"]);
    assert!(!answer.cells.iter().any(|cell| cell.id.starts_with("day:")));
}

#[test]
fn trends_have_empty_days_but_no_days_that_do_not_exist() {
    let mut world = World::draw("ana: view@0s view@1h view@73h\nbob: view@2h");
    let answer = world.ask(&Sessions, json!({"trend": "day"}));
    check(&answer, &[("day:2024-01-01", 3, 2), ("day:2024-01-02", 0, 0), ("day:2024-01-03", 0, 0), ("day:2024-01-04", 1, 1)]);
    check(&world.ask(&Sessions, json!({"trend": "week"})), &[("week:2024-01-01", 4, 2)]);
    world.zone = "America/New_York";
    check(&world.ask(&Sessions, json!({"trend": "month"})), &[("month:2023-12-01", 3, 2), ("month:2024-01-01", 1, 1)]);
    // METRICS C4: Pacific/Apia skipped 2011-12-30.
    world.zone = "Pacific/Apia";
    let apia_us = 1_325_200_000 * SECOND_US;
    assert_eq!(format_instant(apia_us), "2011-12-29T23:06:40Z");
    let rows = &mut world.actors[0].1;
    for (row, offset_us) in rows.iter_mut().zip([0, DAY_US, 2 * DAY_US]) {
        row.time_us = apia_us + offset_us;
    }
    world.actors.truncate(1);
    world.observed_until_us = apia_us + 2 * DAY_US;
    let ids: Vec<String> = world.ask(&Sessions, json!({"trend": "day"})).cells.into_iter().map(|cell| cell.id).collect();
    let days: Vec<&str> = ids.iter().filter_map(|id| id.strip_prefix("day:")).collect();
    assert_eq!(days, ["2011-12-29", "2011-12-31", "2012-01-01"]);
}

// METRICS C5: type 7 gives 80 for p90 of this list.
#[test]
fn quantiles_of_counts_agree_with_the_published_values() {
    let mut counts = BTreeMap::new();
    for value in [40, 36, 53, 56, 110, 48, 34, 44, 30, 40, 80] {
        *counts.entry(value).or_insert(0) += 1;
    }
    assert_eq!(quantile_counted(&counts, 0.9), Some(80.0));
    assert_eq!(quantile_counted(&counts, 0.5), Some(44.0));
    assert_eq!(quantile_counted(&BTreeMap::from([(1, 1), (2, 1)]), 0.5), Some(1.5));
    assert_eq!(quantile_counted(&BTreeMap::new(), 0.5), None);
    assert_eq!(mean_counted(&BTreeMap::from([(1, 3), (5, 1)])), Some(2.0));
    let (mut counted, mut other) = (Counted::default(), Counted::default());
    [1, 300, 1, 255].iter().for_each(|number| counted.add(*number));
    [256, 300, 255].iter().for_each(|number| other.add(*number));
    counted.merge(other);
    assert_eq!(counted.to_map(), BTreeMap::from([(1, 2), (255, 2), (256, 1), (300, 2)]));
    assert_eq!(LENGTHS.map(|(_, fewest)| length_idx(fewest)), std::array::from_fn(|idx| idx));
    for (length, label) in [(1, "1"), (9, "9"), (10, "10-19"), (19, "10-19"), (99, "50-99"), (100, "100+"), (9999, "100+")] {
        assert_eq!(LENGTHS[length_idx(length)].0, label);
    }
}

/// The plain question counts in columns, one with a trend person by person: runs with short and long rests between them,
/// sessions of over 255 events, and times left out.
#[test]
fn columns_count_what_a_walk_counts() {
    let gaps_secs = [1, 9 * 60, 10 * 60, 11 * 60, 30 * 60, 31 * 60, 3 * 3600];
    let mut draw = String::new();
    for person in 0..60_usize {
        draw.push_str(&format!("p{person}: view@0s"));
        let mut secs = 0;
        for row in 0..(person * person) % 97 {
            secs += gaps_secs[(person * 31 + row * row * 7) % gaps_secs.len()];
            draw.push_str(&format!(" view@{secs}s"));
        }
        draw.push('\n');
    }
    draw.push_str("long:");
    (0..600).for_each(|row| draw.push_str(&format!(" view@{}m", 11 * row + if row < 300 { 0 } else { 600 })));
    let world = World::draw(&draw);
    for gap in ["10m", "11m", "30m", "2h"] {
        let walked = world.ask(&Sessions, json!({"gap": gap, "trend": "month"}));
        let walked: Vec<_> = walked.cells.into_iter().filter(|cell| !cell.id.starts_with("month:")).collect();
        assert_eq!(world.ask(&Sessions, json!({"gap": gap})).cells, walked, "{gap}");
        let untimed: Vec<_> = walked.into_iter().filter(|cell| !cell.id.starts_with("duration:")).collect();
        assert_eq!(world.ask(&Sessions, json!({"gap": gap, "times": "none"})).cells, untimed, "{gap}");
    }
    check(&world.ask(&Sessions, json!({"gap": "11m"})), &[("length:100+", 2, 1)]);
}

/// Counts by the definition: a row begins a session when no activity of the same person lies within the gap before it.
fn oracle(world: &World) -> BTreeMap<String, (u64, u64)> {
    let mut cells: BTreeMap<String, (u64, BTreeSet<&str>)> = BTreeMap::new();
    for (actor, rows) in &world.actors {
        let times: Vec<i64> = rows.iter().filter(|row| row.interactive).map(|row| row.time_us).collect();
        let begins: Vec<usize> = (0..times.len()).filter(|idx| *idx == 0 || times[*idx] - times[idx - 1] > world.gap_us).collect();
        for (k, start) in begins.iter().enumerate() {
            let session = &times[*start..begins.get(k + 1).copied().unwrap_or(times.len())];
            let length = if session.len() > 9 { "10-19".into() } else { session.len().to_string() };
            let day = (times[*start] - START_US) / DAY_US;
            let mut ids = vec!["sessions".to_owned(), format!("length:{length}"), format!("day:2024-01-{:02}", day + 1)];
            ids.push(if session.len() == 1 { "single" } else { "duration:p90" }.into());
            for id in ids {
                let (n, people) = cells.entry(id).or_default();
                *n += 1;
                people.insert(actor);
            }
        }
    }
    cells.into_iter().map(|(id, (n, people))| (id, (n, people.len() as u64))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sessions_agree_with_the_definition(world in World::any(600 * SECOND_US, 500)) {
        let answer = world.ask(&Sessions, json!({"trend": "day"}));
        for (id, (n, people)) in oracle(&world) {
            let (x, _, actual) = answer.counts(&id);
            prop_assert_eq!((x, actual), (n, people), "{}", id);
        }
        let lengths: u64 = answer.cells.iter().filter(|cell| cell.id.starts_with("length:")).map(|cell| cell.n).sum();
        let days: u64 = answer.cells.iter().filter(|cell| cell.id.starts_with("day:")).map(|cell| cell.n).sum();
        prop_assert_eq!((lengths, days), (answer.cell("sessions").n, answer.cell("sessions").n));
    }

    #[test]
    fn laws_hold(world in World::any(600 * SECOND_US, 500)) {
        for params in [json!({}), json!({"gap": "2h", "views": "view", "trend": "week"})] {
            world.check_laws(&Sessions, &params);
        }
    }
}
