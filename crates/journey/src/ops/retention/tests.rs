//! Published vectors, a naive oracle and the law of `who` for retention.

use std::collections::BTreeMap;

use diptych_event::time::{Calendar, DAY_US, HOUR_US, Zone, format_day, parse_question_time};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Retention;
use super::kernel::{Clock, Period, Periods};
use crate::ops::testing::{START_US, World};

/// METRICS 2.5, vector: hours since 2024-01-01T00Z, end of observation after 672 h.
fn published() -> World {
    let mut world = World::draw(
        "
        u1: x@0h x@25h x@49h x@170h
        u2: x@20h x@30h x@45h
        u3: x@23h x@24h30m
        u4: x@5h x@173h x@500h
        u5: x@47h x@60h
        u6: x@10h
        u7: x@12h x@36h x@60h x@84h x@108h x@132h x@156h x@180h
        u8: x@600h x@625h
        ",
    );
    world.observed_until_us = START_US + 672 * HOUR_US;
    world
}

#[track_caller]
fn check(params: Value, expected: &[(u32, u64, u64)]) {
    let answer = published().ask(&Retention, params);
    for (k, x, n) in expected {
        let (actual_x, actual_n, people) = answer.counts(&format!("period:{k}"));
        assert_eq!((actual_x, actual_n, people), (*x, *n, *x), "day {k}");
        assert_eq!(answer.cell(&format!("period:{k}")).flags.contains(&"immature_cohort"), *n < 8, "day {k}");
    }
}

// METRICS 2.5, the table, column by column.
#[test]
fn rolling_days_agree_with_the_published_table() {
    check(json!({"clock": "rolling"}), &[(1, 4, 8), (2, 2, 8), (3, 1, 7), (7, 3, 7), (14, 0, 7)]);
}

#[test]
fn rolling_unbounded_agrees_with_the_published_table() {
    check(json!({"clock": "rolling", "mode": "on_or_after"}), &[(1, 5, 8), (2, 3, 8), (3, 3, 7), (7, 3, 7), (14, 1, 7)]);
}

#[test]
fn calendar_days_agree_with_the_published_table() {
    check(json!({}), &[(1, 6, 8), (2, 2, 8), (3, 1, 7), (7, 3, 7), (14, 0, 7)]);
}

#[test]
fn calendar_unbounded_agrees_with_the_published_table() {
    check(json!({"mode": "on_or_after"}), &[(1, 7, 8), (2, 3, 8), (3, 3, 7), (7, 3, 7), (14, 1, 7)]);
}

// METRICS 2.5, brackets 1–6 rolling: 3/7 came back on days 1 to 6 among those observed for 7 days … within.
#[test]
fn within_counts_all_periods_up_to_k() {
    let answer = published().ask(&Retention, json!({"mode": "within", "clock": "rolling"}));
    assert_eq!(answer.counts("period:1"), (4, 8, 4));
    assert_eq!(answer.counts("period:7").1, 7);
    let on = published().ask(&Retention, json!({"mode": "on", "clock": "rolling"}));
    for k in 2..=26 {
        let within = |k: u32| answer.counts(&format!("period:{k}")).0;
        assert!(on.counts(&format!("period:{k}")).0 <= within(k), "{k}");
    }
}

#[test]
fn cohorts_are_keyed_by_their_first_day() {
    let answer = published().ask(&Retention, json!({}));
    assert_eq!(answer.counts("people"), (8, 8, 8));
    assert_eq!(answer.counts("cohort:2024-01-01"), (6, 6, 6));
    assert_eq!(answer.counts("cohort:2024-01-02/1"), (1, 1, 1));
    assert_eq!(answer.counts("cohort:2024-01-26/2"), (0, 1, 0));
    assert!(!answer.cells.iter().any(|cell| cell.id == "cohort:2024-01-26/3"), "not observed to its end");
    assert_eq!(answer.counts("period:28"), (0, 0, 0));
    assert_eq!((answer.cell("period:28").value, answer.cell("period:28").flags[0]), (None, "no_data"));
    let overall = published().ask(&Retention, json!({"cohorts": "none"}));
    assert_eq!(overall.cells.len(), 31);
}

#[test]
fn weeks_begin_on_monday_and_months_on_the_first() {
    // 2024-01-01 is a Monday; 2024-01-07 a Sunday.
    let mut world = World::draw("ana: x@6d x@7d\nbob: x@0d x@13d\ncem: x@30d x@31d");
    world.observed_until_us = START_US + 60 * DAY_US;
    let weeks = world.ask(&Retention, json!({"period": "week"}));
    assert_eq!((weeks.counts("cohort:2024-01-01/1"), weeks.counts("period:1")), ((2, 2, 2), (2, 3, 2)));
    assert_eq!(weeks.cells.iter().filter(|cell| cell.id.starts_with("period:")).count(), 12);
    let rolling = world.ask(&Retention, json!({"period": "week", "clock": "rolling"}));
    assert_eq!(rolling.counts("period:1"), (1, 3, 1));
    // January has 31 days: day 31 is 2024-02-01; the end of observation is 2024-03-01, so February is over.
    let months = world.ask(&Retention, json!({"period": "month"}));
    assert_eq!((months.counts("cohort:2024-01-01/1"), months.counts("period:2").1), ((1, 3, 1), 0));
    let rolling = world.ask(&Retention, json!({"period": "month", "clock": "rolling"}));
    assert_eq!(rolling.counts("period:1"), (0, 1, 0), "only bob was observed for 60 days");
}

// METRICS C4: the local day of 2024-03-10 in New York has 23 hours.
#[test]
fn days_follow_clock_changes() {
    let mut world = World::draw("ana: x@1662h x@1683h30m");
    // 2024-03-10T06:00Z is 01:00 on 03-10; 22 h 30 min later it is 00:30 on 03-11.
    world.actors[0].1[0].time_us = START_US + (69 * 24 + 6) * HOUR_US;
    world.actors[0].1[1].time_us = START_US + (70 * 24 + 4) * HOUR_US + HOUR_US / 2;
    world.observed_until_us = START_US + 75 * DAY_US;
    world.zone = "America/New_York";
    assert_eq!(world.ask(&Retention, json!({})).counts("cohort:2024-03-10/1"), (1, 1, 1));
    assert_eq!(world.ask(&Retention, json!({"clock": "rolling"})).counts("period:1"), (0, 1, 0));
}

// METRICS C4: Pacific/Apia had no 2011-12-30, so nobody could come back on it.
#[test]
fn days_that_do_not_exist_have_no_base() {
    let mut world = World::draw("ana: x@0s x@1d");
    let apia_us = 1_325_200_000 * 1_000_000;
    world.actors[0].1[0].time_us = apia_us;
    world.actors[0].1[1].time_us = apia_us + DAY_US;
    world.observed_until_us = apia_us + 9 * DAY_US;
    world.zone = "Pacific/Apia";
    let answer = world.ask(&Retention, json!({}));
    assert_eq!(answer.counts("cohort:2011-12-29"), (1, 1, 1));
    assert_eq!(answer.counts("period:1"), (0, 0, 0));
    assert_eq!(answer.counts("period:2"), (1, 1, 1));
}

// METRICS T3: later days without events change no cell that was mature.
#[test]
fn more_observation_changes_no_mature_cell() {
    let before = published().ask(&Retention, json!({}));
    let mut longer = published();
    longer.observed_until_us += 9 * DAY_US;
    let after = longer.ask(&Retention, json!({}));
    for cell in before.cells.iter().filter(|cell| cell.flags.iter().all(|flag| *flag == "low_n")) {
        assert_eq!(cell, after.cell(&cell.id));
    }
}

#[test]
fn periods_end_where_the_next_one_begins() {
    for (zone, from, to) in [
        (Zone::Europe__Berlin, "2024-01-30", "2024-04-03"),
        (Zone::Pacific__Apia, "2011-12-20", "2012-01-20"),
        (Zone::UTC, "2024-02-25", "2024-03-20"),
    ] {
        let instant = |day: &str| parse_question_time(day, zone).unwrap();
        let (begun_us, until_us) = (instant(from) + 5 * HOUR_US, instant(to));
        for period in [Period::Day, Period::Week, Period::Month] {
            for clock in [Clock::Calendar, Clock::Rolling] {
                let periods = Periods::new(period, clock, Calendar::new(begun_us, until_us, zone), begun_us, until_us);
                for time_us in (begun_us..until_us).step_by(HOUR_US as usize / 2) {
                    let since = periods.since(begun_us);
                    let (k, ends_us) = since.period(time_us);
                    let what = format!("{period:?} {clock:?} {zone} {time_us}");
                    assert!(time_us < ends_us, "{what}");
                    if ends_us <= until_us {
                        assert_eq!(since.period(ends_us - 1).0, k, "{what}");
                        assert!(since.period(ends_us).0 > k, "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn questions_are_checked() {
    let world = World::draw("ana: signup@0s visit@1d\nbob: visit@0s visit@2d");
    let answer = world.ask(&Retention, json!({"start": "signup", "back": "visit | signup"}));
    assert_eq!(answer.counts("people"), (1, 1, 1));
    for (params, hint) in [
        (json!({"start": "sinup"}), "signup"),
        (json!({"back": "visit | nothing"}), "no event"),
        (json!({"periods": 0}), "1 to 400"),
        (json!({"periods": 401}), "1 to 400"),
        (json!({"period": "year"}), "month"),
    ] {
        let error = world.refuse(&Retention, params);
        assert!(error.contains(hint), "{error}");
    }
    assert_eq!(World::draw("").ask(&Retention, json!({})).cell("period:1").value, None);
}

/// Counts by the definition in UTC; returns x and n per cell.
fn oracle(world: &World, rolling: bool, mode: &str, periods: i64) -> BTreeMap<String, (u64, u64)> {
    let mut cells: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (_, rows) in &world.actors {
        let Some(first) = rows.iter().find(|row| row.name == "view") else { continue };
        let origin_us = if rolling { first.time_us } else { first.time_us.div_euclid(DAY_US) * DAY_US };
        let cohort = format_day(first.time_us.div_euclid(DAY_US) as i32);
        for k in 1..=periods {
            let (start_us, end_us) = (origin_us + k * DAY_US, origin_us + (k + 1) * DAY_US);
            let range = match mode {
                "on" => start_us..end_us,
                "within" => origin_us + DAY_US..end_us,
                _ => start_us..i64::MAX,
            };
            let came = rows.iter().any(|row| row.name != "help" && range.contains(&row.time_us) && row.time_us <= world.observed_until_us);
            for id in [format!("period:{k}"), format!("cohort:{cohort}/{k}")] {
                let (x, n) = cells.entry(id).or_default();
                if end_us <= world.observed_until_us {
                    *n += 1;
                    *x += u64::from(came);
                }
            }
        }
    }
    cells
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cells_agree_with_the_definition(world in World::any(3 * HOUR_US, 100), rolling in any::<bool>(), later in 0..40_i64, mode in 0..3_usize) {
        let mut world = world;
        world.observed_until_us += (later - 10).max(0) * HOUR_US;
        let mode = ["on", "within", "on_or_after"][mode];
        let params = json!({
            "start": "view", "back": "view | cart | buy", "mode": mode, "periods": 16,
            "clock": if rolling { "rolling" } else { "calendar" },
        });
        // The names that the question needs exist even in small worlds.
        let mut names = World::draw("zoe: cart@0s buy@0s");
        world.actors.append(&mut names.actors);
        world.observed_until_us = world.observed_until_us.max(START_US);
        let answer = world.ask(&Retention, params);
        for (id, (x, n)) in oracle(&world, rolling, mode, 16) {
            if n > 0 || id.starts_with("period:") {
                prop_assert_eq!(answer.counts(&id), (x, n, x), "{}", id);
            } else {
                prop_assert!(!answer.cells.iter().any(|cell| cell.id == id));
            }
        }
    }

    #[test]
    fn any_event_is_every_event(world in World::any(HOUR_US / 12, 3000), zone in 0..3_usize, later in 0..40_i64, days in 1..12_u32) {
        let mut world = world;
        // Days of 23 hours, and one that does not exist.
        let (zone, start) = [("UTC", 0), ("America/New_York", 67), ("Pacific/Apia", -4388)][zone];
        world.zone = zone;
        world.actors.append(&mut World::draw("zoe: view@0s cart@0s buy@0s help@1d").actors);
        world.actors.iter_mut().flat_map(|(_, rows)| rows).for_each(|row| row.time_us += start * DAY_US);
        world.observed_until_us = START_US + start * DAY_US + later * 6 * HOUR_US;
        let every = "view | cart | buy | help";
        prop_assert_eq!(
            world.ask(&Retention, json!({"periods": days})),
            world.ask(&Retention, json!({"periods": days, "start": every, "back": every}))
        );
    }

    #[test]
    fn laws_hold(world in World::any(7 * HOUR_US, 120)) {
        for params in [
            json!({}),
            json!({"start": "view", "clock": "rolling", "mode": "on_or_after", "periods": 9}),
            json!({"period": "week", "mode": "within", "periods": 4}),
            json!({"period": "month", "back": "never"}),
        ] {
            world.check_laws(&Retention, &params);
        }
    }
}
