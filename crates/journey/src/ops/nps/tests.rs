//! Surveys drawn by hand, a naive oracle and the laws for nps.

use std::collections::{BTreeMap, BTreeSet};

use diptych_event::time::DAY_US;
use diptych_testkit::{CodeOrder, Row, START_US, World};
use proptest::prelude::*;
use serde_json::json;

use super::Nps;
use crate::ops::testing::accounts::Accounts;

const SURVEY: &str = "
properties: { score: { type: integer } }
surveys: { nps: { answer: survey, score: score, asked: ask } }
";
const NOBODY_ASKED: &str = "
properties: { score: { type: integer } }
surveys: { nps: { answer: survey where kind = 'nps', score: score } }
";

/// METRICS 2.7: accounts with one answer each, so many promoters and detractors among `n`.
fn published(promoters: usize, detractors: usize, n: usize) -> Accounts {
    let score = |idx: usize| match idx {
        idx if idx < promoters => 9 + idx % 2,
        idx if idx < promoters + detractors => idx % 7,
        _ => 7 + idx % 2,
    };
    let lines: String = (0..n).map(|idx| format!("a{idx}: survey@{idx}h{{score={}}} ask@1h{{member=m}}\n", score(idx))).collect();
    Accounts::draw(SURVEY, &lines)
}

// METRICS 2.7, table.
#[test]
fn scores_agree_with_the_published_table() {
    for (promoters, detractors, n, value, lo, hi) in [
        (15, 5, 36, 0.277777778, 0.037721512, 0.475099000),
        (60, 20, 100, 0.40, 0.233798804, 0.542900225),
        (5, 0, 5, 1.0, 0.174914530, 1.0),
        (0, 0, 10, 0.0, -0.184650449, 0.184650449),
    ] {
        let answer = published(promoters, detractors, n).ask(&Nps, json!({}));
        let cell = answer.cell("score");
        let close = |actual: Option<f64>, expected: f64| (actual.unwrap() - expected).abs() < 1e-9;
        assert!(close(cell.value, value) && close(cell.lo, lo) && close(cell.hi, hi), "{cell:?}");
        assert_eq!((cell.n, cell.people, cell.method), (n as u64, n as u64, Some("adjusted wald")));
        assert_eq!(cell.flags.contains(&"low_n"), n < 30);
        assert_eq!(answer.counts("promoters"), (promoters as u64, n as u64, promoters as u64));
        assert_eq!(answer.counts("detractors").0, detractors as u64);
    }
}

#[test]
fn the_latest_answer_of_each_respondent_counts() {
    let survey = Accounts::draw(
        SURVEY,
        "
        ana: survey@1d{member=m1,score=3} survey@9d{member=m1,score=10} survey@2d{member=m2,score=8} survey@3d{score=0} ask@0s
        bob: survey@4d{score=9} survey@5d{score=11} survey@6d{score=-1} survey@7d
        cem: visit@0s
        ",
    );
    let answer = survey.ask(&Nps, json!({}));
    assert_eq!(answer.counts("respondents"), (4, 4, 2), "two members and the account itself, and Bob");
    assert_eq!((answer.counts("promoters"), answer.counts("passives"), answer.counts("detractors")), ((2, 4, 2), (1, 4, 1), (1, 4, 1)));
    assert_eq!((answer.cell("score").value, answer.counts("invalid")), (Some(0.25), (3, 3, 1)));
    assert_eq!(answer.cell("score").flags, ["low_n", "clustered"], "Ana's members may think alike");
}

#[test]
fn conditions_select_answers() {
    let mut survey =
        Accounts::draw(SURVEY, "ana: survey@1d{score=3,month=one} survey@40d{score=10}\nbob: survey@2d{score=9,month=one} ask@0s");
    survey.observed_until_us = START_US + 70 * DAY_US;
    assert_eq!(survey.ask(&Nps, json!({})).cell("score").value, Some(1.0));
    let trend = survey.ask(&Nps, json!({"trend": "month"}));
    assert_eq!(trend.cell("month:2024-01-01").value, Some(0.0));
    assert_eq!((trend.cell("month:2024-02-01").value, trend.counts("month:2024-02-01")), (Some(1.0), (1, 1, 1)));
    assert!(!trend.cells.iter().any(|cell| cell.id == "month:2024-03-01"));
    let january = survey.ask_where(&Nps, json!({}), "month = 'one'");
    assert_eq!(january.cell("score").value, trend.cell("month:2024-01-01").value, "a month is the question about its answers");
}

#[test]
fn months_without_answers_have_no_score() {
    let survey = Accounts::draw(SURVEY, "ana: survey@1d{score=3} survey@100d{score=10} ask@0s");
    let answer = survey.ask(&Nps, json!({"trend": "month"}));
    let months: Vec<&str> = answer.cells.iter().filter_map(|cell| cell.id.strip_prefix("month:")).collect();
    assert_eq!(months, ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]);
    assert_eq!((answer.cell("month:2024-02-01").value, answer.cell("month:2024-02-01").flags[0]), (None, "no_data"));
}

#[test]
fn who_was_asked_and_answered_responded() {
    let response = |journeys: &str| {
        let extra = "zoe: survey@0s{score=10,member=z} visit@0s";
        Accounts::draw(SURVEY, &format!("{journeys}\n{extra}")).ask(&Nps, json!({})).counts("response")
    };
    assert_eq!(response("ana: ask@0s survey@1d{score=3} ask@2d"), (1, 1, 1));
    assert_eq!(response("ana: survey@0s{score=3} ask@1d"), (0, 1, 0), "an answer before is no response");
    assert_eq!(response("ana: survey@1d{score=3} visit@1d ask@1d"), (1, 1, 1), "at one instant the order is unknown");
    assert_eq!(response("ana: ask@0s{member=m1} ask@0s{member=m2} survey@1d{member=m2,score=3}"), (1, 2, 1));
    assert_eq!(response("ana: ask@0s{member=m1} survey@1d{member=m2,score=3}"), (0, 1, 0), "another member answered");
    assert_eq!(response("ana: ask@0s survey@1d{score=12}"), (0, 1, 0), "an answer that is left out");
    assert_eq!(response("ana: ask@0s\nbob: ask@0s survey@9d{score=7}"), (1, 2, 1));
    let unknown = Accounts::draw(NOBODY_ASKED, "ana: survey@0s{score=9,kind=nps} survey@1d{score=1,kind=csat}").ask(&Nps, json!({}));
    assert_eq!((unknown.cell("response").value, unknown.counts("response")), (None, (0, 0, 0)));
    assert_eq!(unknown.counts("promoters"), (1, 1, 1), "the other survey is another question");
}

#[test]
fn questions_are_checked() {
    let without = Accounts::draw("", "ana: survey@0s{score=9}").refuse(&Nps, json!({}));
    assert!(without.contains("surveys: { nps: {"), "{without}");
    let column = Accounts::draw(SURVEY, "ana: survey@0s{scor=9}").refuse(&Nps, json!({}));
    assert!(column.contains("did you mean") && column.contains("scor"), "{column}");
    let text = Accounts::draw(SURVEY, "ana: survey@0s{score=good}").refuse(&Nps, json!({}));
    assert!(text.contains("type: integer"), "{text}");
    let trend = Accounts::draw(SURVEY, "ana: survey@0s{score=9}").refuse(&Nps, json!({"trend": "year"}));
    assert!(trend.contains("month"), "{trend}");
    let nobody = Accounts::draw(SURVEY, "ana: visit@0s{score=9}").ask(&Nps, json!({}));
    assert_eq!((nobody.cell("score").value, nobody.cell("score").flags[0]), (None, "no_data"));
}

fn any_world() -> impl Strategy<Value = World> {
    let row = (0..120_i64, 0..3_usize, -1..13_i64, 0..3_usize, 0..2_usize);
    proptest::collection::vec(proptest::collection::vec(row, 0..10), 1..8).prop_map(|accounts| {
        let mut rows = Vec::new();
        for (idx, drawn) in accounts.into_iter().enumerate() {
            for (tie, (day, name, score, member, device)) in (0..).zip(drawn) {
                let mut properties = vec![("device".into(), ["phone", "web"][device].into())];
                properties.extend((member > 0).then(|| ("member".into(), format!("m{member}"))));
                properties.extend((name == 0 && score < 12).then(|| ("score".into(), score.to_string())));
                let name = ["survey", "ask", "visit"][name].into();
                rows.push(Row { actor: format!("a{idx}"), time_us: START_US + day * DAY_US, tie, name, interactive: true, properties });
            }
        }
        let extra = World::parse("zoe: survey@0s{score=7,device=web,member=m1} ask@50d{device=web}").unwrap();
        rows.extend_from_slice(extra.rows());
        World::new(rows, CodeOrder::Arrival)
    })
}

type Respondents = BTreeMap<(String, String), Vec<(i64, u64, String, Option<i64>)>>;

fn respondents(world: &World) -> Respondents {
    let mut respondents = Respondents::new();
    for row in world.rows() {
        let property = |wanted: &str| row.properties.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let key = (row.actor.clone(), property("member").unwrap_or_default());
        let score = property("score").and_then(|score| score.parse().ok()).filter(|score| (0..=10).contains(score));
        respondents.entry(key).or_default().push((row.time_us, row.tie, row.name.clone(), score));
    }
    respondents.values_mut().for_each(|rows| rows.sort_unstable());
    respondents
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn cells_agree_with_the_definition(world in any_world()) {
        let answer = Accounts::of(SURVEY, world.clone()).ask(&Nps, json!({"trend": "month"}));
        let (mut scores, mut january) = (Vec::new(), Vec::new());
        let (mut asked, mut responded) = (0, 0);
        let mut accounts = BTreeSet::new();
        for ((account, _), rows) in respondents(&world) {
            let valid: Vec<_> = rows.iter().filter(|row| row.2 == "survey" && row.3.is_some()).collect();
            if let Some(latest) = valid.last() {
                scores.push(latest.3.unwrap());
                accounts.insert(account);
            }
            january.extend(valid.iter().rfind(|row| row.0 < START_US + 31 * DAY_US).map(|row| row.3.unwrap()));
            if let Some(question) = rows.iter().find(|row| row.2 == "ask") {
                asked += 1;
                responded += u64::from(valid.iter().any(|row| row.0 >= question.0));
            }
        }
        let count = |scores: &[i64], range: std::ops::RangeInclusive<i64>| scores.iter().filter(|score| range.contains(score)).count() as u64;
        let n = scores.len() as u64;
        prop_assert_eq!(answer.counts("respondents"), (n, n, accounts.len() as u64));
        for (id, range) in [("promoters", 9..=10), ("passives", 7..=8), ("detractors", 0..=6)] {
            let (x, of, _) = answer.counts(id);
            prop_assert_eq!((x, of), (count(&scores, range), n));
        }
        let (x, of, _) = answer.counts("response");
        prop_assert_eq!((x, of), (responded, asked));
        let net = count(&january, 9..=10) as f64 - count(&january, 0..=6) as f64;
        prop_assert_eq!(answer.cell("month:2024-01-01").value, Some(net / january.len() as f64));
        let invalid = world.rows().iter().filter(|row| row.name == "survey").count() as u64
            - respondents(&world).values().flatten().filter(|row| row.2 == "survey" && row.3.is_some()).count() as u64;
        prop_assert_eq!(answer.counts("invalid").0, invalid);
    }

    #[test]
    fn laws_hold(world in any_world()) {
        let accounts = Accounts::of(SURVEY, world);
        for params in [json!({}), json!({"trend": "month"})] {
            accounts.check_laws(&Nps, &params, "device");
            accounts.check_laws(&Nps, &params, "member");
        }
    }
}
